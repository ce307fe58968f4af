"""Properties: whatever a file holds, it is read or refused in the library's own words."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datashare.adapters.gias import read_establishments, read_group_links, read_groups, read_links, read_register
from datashare.errors import DatashareError, RegisterError

from . import sample

READERS: list[tuple[Callable[..., object], Mapping[str, str]]] = [
    (read_register, sample.SCHOOL),
    (lambda file: list(read_establishments(file)), sample.SCHOOL),
    (lambda file: list(read_groups(file)), sample.GROUP),
    (lambda file: list(read_group_links(file)), sample.GROUP_LINK),
    (lambda file: list(read_links(file)), sample.LINK),
]


def zipped(content: bytes) -> bytes:
    """Build an archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return file.getvalue()


SOUND = sample.download(sample.SCHOOL, sample.SCHOOL | {"URN": "100001"}).getvalue()
AWKWARD = st.sampled_from(
    ["", '"', "~", "5143~", "nan", "1.0", "-1", "0", "\x92", "é", "\r", "\n", ",", "9" * 30, "01-01-1800", "31-02-2020"]
)
CELL = AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers(0, 10**8).map(str)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Bytes without sense raise only an error of the library."""
    for read, _ in READERS:
        with pytest.raises(DatashareError):
            read(io.BytesIO(content))


@given(st.sampled_from([SOUND, gzip.compress(SOUND), zipped(SOUND)]), st.data())
def test_any_damage_is_survived(content: bytes, data: st.DataObject) -> None:
    """A download with some bytes changed, cut or put in is read or refused, however it is packed."""
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(RegisterError):
        read_register(io.BytesIO(bytes(damaged)))


@settings(max_examples=30)
@pytest.mark.parametrize(("read", "row"), READERS, ids=["register", "schools", "groups", "group links", "links"])
@given(data=st.data())
def test_any_cells_are_read_or_reported(
    read: Callable[..., object], row: Mapping[str, str], data: st.DataObject
) -> None:
    """Whatever the cells hold, only an error of the library is raised."""
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(row, CELL)), min_size=1, max_size=3))
    content = sample.lines([row, *(cells.values() for cells in rows)]).encode()
    with suppress(RegisterError):
        read(io.BytesIO(content))


@given(st.dictionaries(st.sampled_from(sorted(sample.SCHOOL)), CELL, max_size=3))
def test_a_school_is_read_whole_or_reported(cells: dict[str, str]) -> None:
    """A row makes one institution that passes validation, or one problem."""
    content = sample.lines([sample.SCHOOL, (sample.SCHOOL | cells).values()]).encode()
    try:
        register = read_register(io.BytesIO(content))
    except RegisterError:
        assert any("\0" in value for value in cells.values())
        return

    assert 1 == len(register.institutions) + register.problem_count
    for school in register.institutions.values():
        assert school == attrs.evolve(school)


@settings(max_examples=50)
@given(
    st.text(st.characters(codec="cp1252", exclude_characters="\0"), min_size=1).filter(
        lambda text: text.strip() and text.strip().lower() not in {"nan", "na", "<na>", "nat", "null", "none"}
    )
)
def test_every_name_is_the_same_from_each_encoding(name: str) -> None:
    """What cp1252 can write is read from cp1252 and from UTF-8, with and without byte order mark."""
    rows = [sample.SCHOOL | {"EstablishmentName": name}, sample.SCHOOL | {"URN": "100001", "Town": "é Zürich’s"}]
    for encoding in ("cp1252", "utf-8", "utf-8-sig"):
        schools = read_establishments(sample.download(*rows, encoding=encoding))
        assert [name.strip(), "Areté Primary School"] == [school.name for school in schools]
