"""Properties: whatever a file holds, it is read or refused in the library's own words."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.adapters.gias import read_establishments, read_group_links, read_groups, read_links, read_register
from datashare.domain.register import EstablishmentStatus
from datashare.errors import DatashareError, RegisterError

from . import made

READERS: list[Callable[..., object]] = [
    read_register,
    lambda file: list(read_establishments(file)),
    lambda file: list(read_groups(file)),
    lambda file: list(read_group_links(file)),
    lambda file: list(read_links(file)),
]
ROWS = {"establishments": made.SCHOOL, "groups": made.GROUP, "group links": made.GROUP_LINK, "links": made.LINK}


def zipped(content: bytes) -> bytes:
    """Make an archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
    return file.getvalue()


SOUND = made.download(made.SCHOOL, made.SCHOOL | {"URN": "100001"}).getvalue()
PACKED = [SOUND, gzip.compress(SOUND), zipped(SOUND)]
AWKWARD = st.sampled_from(
    ["", '"', "~", "5143~", "nan", "1.0", "-1", "0", "\x92", "é", "\r", "\n", ",", "9" * 30, "01-01-1800", "31-02-2020"]
)
CELL = AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers(0, 10**8).map(str)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Bytes without sense raise nothing but an error of the library."""
    for read in READERS:
        with pytest.raises(DatashareError):
            read(io.BytesIO(content))


@given(st.sampled_from(PACKED), st.data())
def test_any_damage_is_survived(content: bytes, data: st.DataObject) -> None:
    """A download with some bytes changed, cut or put in is read or refused, however it is packed."""
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(RegisterError):
        read_register(io.BytesIO(bytes(damaged)))


@given(st.sampled_from(sorted(ROWS)), st.data())
def test_any_cells_are_read_or_reported(kind: str, data: st.DataObject) -> None:
    """Whatever the cells hold, what is not read is reported; nothing else is raised."""
    columns = list(ROWS[kind])
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, CELL)), min_size=1, max_size=3))
    content = made.lines([columns, *(row.values() for row in rows)]).encode()
    for read in READERS:
        with suppress(RegisterError):
            read(io.BytesIO(content))
    with suppress(RegisterError):
        register = read_register(
            made.download(made.SCHOOL),
            groups=io.BytesIO(content) if kind == "groups" else None,
            group_links=[io.BytesIO(content)] if kind == "group links" else [],
            links=io.BytesIO(content) if kind == "links" else None,
        )
        assert [100000] == list(register.institutions)


@given(st.dictionaries(st.sampled_from(sorted(made.SCHOOL)), CELL, max_size=3))
def test_a_school_is_read_whole_or_reported(cells: dict[str, str]) -> None:
    """A row makes one institution that would pass validation, or one problem."""
    content = made.lines([made.SCHOOL, (made.SCHOOL | cells).values()]).encode()
    try:
        register = read_register(io.BytesIO(content))
    except RegisterError:
        assert any("\0" in value for value in cells.values())
        return

    assert 1 == len(register.institutions) + register.problem_count
    for school in register.institutions.values():
        assert school == type(school)(**{name: getattr(school, name) for name in fields_of(school)})


def fields_of(value: object) -> list[str]:
    """Name the fields of an attrs value."""
    return [field.name for field in type(value).__attrs_attrs__]  # type: ignore[attr-defined]  # attrs sets it


@given(st.permutations(sorted(made.SCHOOL)), st.lists(st.sampled_from(sorted(made.SCHOOL)), unique=True, max_size=5))
def test_the_order_of_columns_changes_nothing(order: list[str], moved: list[str]) -> None:
    """Columns in any order, with any number of others among them, give the same institution."""
    shuffled: dict[str, str] = {}
    for column in order:
        if column in moved:
            shuffled[f"Not {column}"] = "something else"
        shuffled[column] = made.SCHOOL[column]

    assert [made.school()] == list(read_establishments(made.download(shuffled)))


@given(
    st.text(st.characters(codec="cp1252", exclude_characters="\0"), min_size=1).filter(
        lambda text: text.strip() and text.strip().lower() not in {"nan", "na", "<na>", "nat", "null", "none"}
    )
)
def test_every_name_makes_the_round_trip_through_each_encoding(name: str) -> None:
    """What cp1252 can write arrives from cp1252 and from UTF-8, with and without byte order mark."""
    rows = [made.SCHOOL | {"EstablishmentName": name}, made.SCHOOL | {"URN": "100001", "Town": "é Zürich’s"}]
    expected = name.strip()
    for encoding in ("cp1252", "utf-8", "utf-8-sig"):
        found = list(read_establishments(made.download(*rows, encoding=encoding)))
        assert [expected, "Areté Primary School"] == [school.name for school in found]


@given(st.integers(0, 9999))
def test_every_status_is_known_or_unknown(code: int) -> None:
    """No status but the published four is taken for one of them."""
    found = made.school(EstablishmentStatus_code=str(code), EstablishmentStatus_name="")

    assert (code in {1, 2, 3, 4}) == (found.status is not EstablishmentStatus.UNKNOWN)
    assert not code or found.status.value in {0, code}
