"""The register as a whole: its day, its duplicates, what is kept of it, its cost, its successors."""

from __future__ import annotations

import gc
import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from datashare.adapters.gias import (
    EstablishmentLink,
    Register,
    read_establishments,
    read_group_links,
    read_groups,
    read_links,
    read_register,
    successors,
)
from datashare.domain.register import Institution, SuccessorLink
from datashare.errors import BadRow, InvalidValue, MissingColumns

from . import made

DAY = date(2012, 8, 31)


def write(path: Path) -> Path:
    """Write one school to a file."""
    path.write_bytes(made.download(made.SCHOOL).getvalue())
    return path


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("edubasealldata20250718.csv", date(2025, 7, 18)),
        ("edubasealldata20250718_sample.csv", date(2025, 7, 18)),
        ("20240229.csv", date(2024, 2, 29)),
        ("edubasealldata20230229.csv", None),
        ("x20251301-20250718.csv", date(2025, 7, 18)),
        ("edubasealldata.csv", None),
        ("edubasealldata202507181.csv", None),
        ("edubasealldata99990718.csv", None),
    ],
)
def test_the_day_is_that_of_the_file_name(tmp_path: Path, name: str, day: date | None) -> None:
    """Eight digits that are a day; the folder's name does not count."""
    folder = tmp_path / "20200101"
    folder.mkdir()

    assert day == read_register(write(folder / name)).day


def test_the_day_of_an_archive_may_be_that_of_its_member(tmp_path: Path) -> None:
    """The download of the whole register is an archive whose own name tells no day."""
    path = tmp_path / "extract.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edubasealldata20250718.csv", made.download(made.SCHOOL).getvalue())

    assert date(2025, 7, 18) == read_register(path).day


def test_the_caller_may_tell_the_day(tmp_path: Path) -> None:
    """What the caller says counts before the name of the file; an instant is no day."""
    path = write(tmp_path / "edubasealldata20250718.csv")

    assert date(2025, 7, 19) == read_register(path, day=date(2025, 7, 19)).day
    assert read_register(io.BytesIO(path.read_bytes())).day is None
    for wrong in ("2025-07-18", datetime(2025, 7, 18)):  # noqa: DTZ001 - that it is refused is what is shown
        with pytest.raises(InvalidValue):
            read_register(path, day=wrong)  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize("keep", [None, lambda _school: True], ids=["all", "chosen"])
def test_a_urn_that_comes_twice_is_passed_over_or_refused(keep: None) -> None:
    """The same again is passed over; other data under the same URN is a bad row, and the first is kept."""
    rows = made.download(
        made.SCHOOL,
        made.SCHOOL,
        made.SCHOOL | {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed"},
    )
    register = read_register(rows, keep=keep)
    problem = made.only(register)

    assert ({100000: made.school()}, 3) == (register.institutions, register.rows)
    assert (4, "URN", "100000") == (problem.line, problem.column, problem.value)
    assert 'column "URN" is also in an earlier row, with other data' in str(problem)


def test_a_contradiction_is_told_whichever_row_was_kept() -> None:
    """Of two rows with one URN only one would be kept; which of them comes first does not matter."""
    one, other = made.SCHOOL, made.SCHOOL | {"Town": "Bath"}

    def in_reading(school: Institution) -> bool:
        return school.town == "Reading"

    assert [100000] == list((kept := read_register(made.download(one, other), keep=in_reading)).institutions)
    assert [] == list((left_out := read_register(made.download(other, one), keep=in_reading)).institutions)
    assert ["100000", "100000"] == [made.only(register).value for register in (kept, left_out)]
    assert 0 == read_register(made.download(other, other), keep=in_reading).problem_count


def test_a_register_can_be_pickled(register: Register) -> None:
    """A host may read the register once and hand it to its workers."""
    assert register == pickle.loads(pickle.dumps(register))  # noqa: S301 - made just here


def test_memory_stays_under_a_kibibyte_an_institution() -> None:
    """What is held, and what is needed at most while reading, is bounded by the institutions kept."""
    rows = made.download(
        *(
            made.SCHOOL
            | {
                "URN": str(100000 + i),
                "EstablishmentName": f"St Someone's Catholic Primary School {i}",
                "Street": f"{i} A Rather Long Street Name",
                "Postcode": f"RG{i} 1AA",
                "UKPRN": str(10_000_000 + i),
            }
            | {f"Column {n}": "some text that is not used" for n in range(100)}
            for i in range(10_000)
        )
    )
    read_register(made.download(made.SCHOOL))
    gc.collect()
    tracemalloc.start()
    try:
        register = read_register(rows)
        gc.collect()
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        rows.seek(0)
        few = read_register(rows, keep=lambda school: school.urn % 100 == 0)
        most_of_few = tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()

    assert (10_000, 100) == (len(register.institutions), len(few.institutions))
    assert held / 10_000 < 1024
    # Two pieces of the file and the shared values come to a few megabytes, however long the file is.
    assert most < held + 4 * 1024 * 1024
    assert most_of_few < 6 * 1024 * 1024


def test_links_are_read_whole() -> None:
    """Each cell of a row of links arrives, of whatever kind."""
    file = made.download(made.LINK, made.LINK | {"LinkType": "Other", "LinkEstablishedDate": ""})

    assert [
        EstablishmentLink(urn=100000, link_urn=100001, kind="Successor", day=DAY),
        EstablishmentLink(urn=100000, link_urn=100001, kind="Other"),
    ] == list(read_links(file))


def test_a_day_is_not_needed_of_links() -> None:
    """URN, LinkURN and LinkType suffice; without them the file is refused."""
    few = made.without(made.LINK, "LinkEstablishedDate", "LinkName")

    assert [None] == [link.day for link in read_links(made.download(few))]
    with pytest.raises(MissingColumns) as raised:
        list(read_links(made.download(made.SCHOOL)))
    assert ("LinkURN", "LinkType") == raised.value.missing


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"URN": ""}, "URN"),
        ({"LinkURN": "none"}, "LinkURN"),
        ({"LinkURN": "100000"}, "LinkURN"),
        ({"LinkType": " "}, "LinkType"),
        ({"LinkEstablishedDate": "31-02-2012"}, "LinkEstablishedDate"),
    ],
)
def test_bad_cells_of_links_are_refused(cells: dict[str, str], column: str) -> None:
    """A link with itself, or without one of its ends or its kind, makes a bad row."""
    file = made.LINK | {"URN": "100000"} | cells
    register = read_register(made.download(made.SCHOOL), links=made.download(file))

    assert (column, 2) == (made.only(register).column, made.only(register).line)
    with pytest.raises(BadRow):
        list(read_links(made.download(file)))


def row(urn: int, link_urn: int, kind: str, day: date | None = None) -> EstablishmentLink:
    """Make a row of links."""
    return EstablishmentLink(urn=urn, link_urn=link_urn, kind=kind, day=day)


def link(kind: str, day: date | None = None) -> SuccessorLink:
    """Say that 2 succeeded 1."""
    return SuccessorLink(predecessor=1, successor=2, kind=kind, day=day)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(1, 2, "Successor", DAY)], link("Successor", DAY)),
        ([row(2, 1, "Predecessor", DAY)], link("Successor", DAY)),
        ([row(1, 2, "Successor"), row(2, 1, "Predecessor", DAY)], link("Successor", DAY)),
        ([row(1, 2, "Successor", DAY), row(2, 1, "Predecessor", date(2013, 1, 1))], link("Successor", DAY)),
        ([row(1, 2, "Successor"), row(2, 1, "Predecessor - merged")], link("Successor - merged")),
        ([row(1, 2, "Successor - Split School"), row(2, 1, "Predecessor")], link("Successor - Split School")),
        ([row(1, 2, "Successor"), row(1, 2, "Successor")], link("Successor")),
    ],
    ids=["one side", "the other", "day of one", "earlier day", "merged", "split", "twice"],
)
def test_both_sides_of_a_link_are_one(rows: list[EstablishmentLink], expected: SuccessorLink) -> None:
    """Whichever side says it, and in whatever order, one link comes of it."""
    assert ((expected,), {}) == successors(rows)
    assert ((expected,), {}) == successors(rows[::-1])


def test_cycles_and_many_ends_are_kept() -> None:
    """Two schools may each be said to succeed the other, and one to have several successors."""
    found, _ = successors([row(2, 1, "Successor"), row(1, 3, "Successor"), row(1, 2, "Successor")])

    assert [(1, 2), (1, 3), (2, 1)] == [(one.predecessor, one.successor) for one in found]


def test_links_that_say_nothing_of_succession_are_counted() -> None:
    """Sixth form centres, expansions, amalgamations without direction, and kinds to come."""
    kinds = ["Sixth Form Centre Link", "Sixth Form Centre School", "Other", "Result of Amalgamation", "Other", "New"]

    assert (
        (),
        {
            "Sixth Form Centre Link": 1,
            "Sixth Form Centre School": 1,
            "Other": 2,
            "Result of Amalgamation": 1,
            "New": 1,
        },
    ) == successors([row(1, 2, kind) for kind in kinds])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("progress", 7),
        ("keep", 7),
        ("keep", "all"),
        ("strict", "no"),
        ("strict", None),
        ("group_links", [1]),
        ("day", "2025-07-18"),
    ],
    ids=repr,
)
def test_what_an_argument_may_not_be_is_told(name: str, value: object) -> None:
    """What is no function, no file, no day and neither True nor False is refused before anything is read."""
    file = made.download(made.SCHOOL)
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(InvalidValue, match=f"{name} must be"):
        read_register(file, **arguments)
    assert 0 == file.tell()


@pytest.mark.parametrize("read", [read_establishments, read_groups, read_group_links, read_links])
@pytest.mark.parametrize("name", ["report", "progress"])
def test_a_stream_refuses_what_cannot_be_called(read: Callable[..., Iterator[object]], name: str) -> None:
    """It is told when the first value is asked for."""
    with pytest.raises(InvalidValue, match=f"{name} must be a function"):
        next(read(made.download(made.SCHOOL), **{name: 5}))


@pytest.mark.parametrize("links", [[1], "x", None, 5, [None]], ids=repr)
def test_establishments_take_group_links_alone(links: object) -> None:
    """Whatever read_group_links does not give is refused."""
    with pytest.raises(InvalidValue, match="group_links must be GroupLinks"):
        next(read_establishments(made.download(made.SCHOOL), group_links=links))  # type: ignore[arg-type]


@pytest.mark.parametrize("links", [[1], "x", None, 5], ids=repr)
def test_successors_are_picked_from_links_alone(links: object) -> None:
    """Whatever read_links does not give is refused."""
    with pytest.raises(InvalidValue, match="links must be EstablishmentLinks"):
        successors(links)  # type: ignore[arg-type]
