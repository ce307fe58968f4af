"""The register as a whole: its day, its duplicates, what is kept of it, its memory, its successors."""

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
from datashare.domain.register import RegisterSummary, SuccessorLink
from datashare.errors import InvalidValue, MissingColumns, RegisterUnreadable

from . import sample

DAY = date(2012, 8, 31)


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
    """It is eight digits that are a day, or what the caller says; the folder's name does not count."""
    folder = tmp_path / "20200101"
    folder.mkdir()
    (folder / name).write_bytes(sample.download(sample.SCHOOL).getvalue())

    assert day == read_register(folder / name).day
    assert DAY == read_register(folder / name, day=DAY).day


def test_the_day_of_an_archive_may_be_that_of_its_member(tmp_path: Path) -> None:
    """The download of the whole register is an archive whose own name holds no day."""
    path = tmp_path / "extract.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edubasealldata20250718.csv", sample.download(sample.SCHOOL).getvalue())

    assert date(2025, 7, 18) == read_register(path).day


@pytest.mark.parametrize("keep", [None, lambda _school: True], ids=["all", "chosen"])
def test_a_urn_that_comes_twice_is_skipped_or_refused(keep: None) -> None:
    """An equal row is skipped; other data under the same URN is a bad row, and the first is kept."""
    closed = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed"}
    register = read_register(sample.download(sample.SCHOOL, sample.SCHOOL, sample.SCHOOL | closed), keep=keep)
    problem = sample.only(register)

    assert ({100000: sample.school()}, 3) == (register.institutions, register.rows)
    assert (4, "URN", "100000") == (problem.line, problem.column, problem.value)
    assert 'column "URN" is also in an earlier row, with other data' in str(problem)


@pytest.mark.parametrize(
    ("towns", "kept", "problems"),
    [(("Reading", "Bath"), [100000], 1), (("Bath", "Reading"), [], 1), (("Bath", "Bath"), [], 0)],
    ids=["first", "second", "equal"],
)
def test_a_contradiction_is_reported_whichever_row_is_kept(
    towns: tuple[str, str], kept: list[int], problems: int
) -> None:
    """Of two rows with one URN, it does not matter which comes first, or whether either is wanted."""
    rows = [sample.SCHOOL | {"Town": town} for town in towns]
    register = read_register(sample.download(*rows), keep=lambda school: school.town == "Reading")

    assert (kept, problems) == (list(register.institutions), register.problem_count)
    assert {"100000"} >= {problem.value for problem in register.problems}


def test_a_register_can_be_pickled(register: Register) -> None:
    """A host may read the register once and hand it to its workers."""
    assert register == pickle.loads(pickle.dumps(register))  # noqa: S301 - made just here


def test_memory_stays_under_a_kibibyte_an_institution() -> None:
    """What is held, and what is needed at most while reading, is bounded by the institutions kept."""
    count = 2_000
    own = ("EstablishmentName", "Street", "Postcode")
    unused = {f"Column {n}": "some text that is not used" for n in range(100)}
    rows = sample.download(
        *(
            sample.SCHOOL
            | {"URN": str(100_000 + i), "UKPRN": str(10_000_000 + i)}
            | {column: f"{i} {sample.SCHOOL[column]}" for column in own}
            | unused
            for i in range(count)
        )
    )
    read_register(sample.download(sample.SCHOOL))
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

    assert (count, count // 100) == (len(register.institutions), len(few.institutions))
    assert held / count < 1024
    # Some pieces of the file and the shared values come to a few megabytes, however long the file is.
    assert most < held + 6 * 1024 * 1024
    assert most_of_few < 6 * 1024 * 1024


def test_links_are_read_whole_and_need_little() -> None:
    """Each cell of a link is read, of whatever kind; a day is not needed."""
    file = sample.download(sample.LINK, sample.LINK | {"LinkType": "Other", "LinkEstablishedDate": ""})
    least = sample.without(sample.LINK, "LinkEstablishedDate", "LinkName")

    assert [row(100000, 100001, "Successor", DAY), row(100000, 100001, "Other")] == list(read_links(file))
    assert [row(100000, 100001, "Successor")] == list(read_links(sample.download(least)))
    with pytest.raises(MissingColumns) as raised:
        list(read_links(sample.download(sample.SCHOOL)))
    assert ("LinkURN", "LinkType") == raised.value.missing


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"URN": ""}, "URN"),
        ({"LinkURN": "none"}, "LinkURN"),
        ({"LinkURN": "100000"}, "LinkURN"),
        ({"LinkType": " "}, "LinkType"),
    ],
)
def test_bad_cells_of_links_are_reported(cells: dict[str, str], column: str) -> None:
    """A link with itself, or without an end or its kind, makes a bad row."""
    register = read_register(sample.download(sample.SCHOOL), links=sample.download(sample.LINK | cells))

    assert (column, 2) == (sample.only(register).column, sample.only(register).line)


def test_a_link_whose_day_cannot_be_read_has_none() -> None:
    """A successor is only proposed, so its link does not need a day."""
    links = sample.download(sample.LINK | {"LinkEstablishedDate": "31-02-2012"})
    register = read_register(sample.download(sample.SCHOOL), links=links)

    assert [(100000, 100001, None)] == [(link.predecessor, link.successor, link.day) for link in register.successors]
    assert ["LinkEstablishedDate"] == [warning.column for warning in register.warnings]


STATUSES = {"1": "Open", "2": "Closed", "3": "Open, but proposed to close", "4": "Proposed to open", "7": "Other"}


def schools(**counts: int) -> io.BytesIO:
    """Build a file of so many schools of each status, such as ``_2=5`` for five that are closed."""
    codes = [code for name, count in counts.items() for code in name.removeprefix("_") * count]
    return sample.download(
        *(
            sample.SCHOOL
            | {"URN": str(urn), "EstablishmentStatus (code)": code, "EstablishmentStatus (name)": STATUSES[code]}
            for urn, code in enumerate(codes, 100000)
        )
    )


def test_a_register_is_summed_up() -> None:
    """Every institution counts once, by its status, whether or not it is kept."""
    file = schools(_1=4, _2=3, _3=2, _4=1, _7=1)
    content = file.getvalue()
    again = io.BytesIO(content + content.partition(b"\r\n")[2])
    expected = RegisterSummary(open=4, closed=3, open_proposed_to_close=2, proposed_to_open=1, unknown=1)

    assert expected == read_register(again).summary
    assert expected == read_register(schools(_1=4, _2=3, _3=2, _4=1, _7=1), keep=lambda _school: False).summary


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("counts", "share", "refused"),
    [
        ({"_1": 60, "_2": 40}, 0.01, False),
        ({"_1": 59, "_2": 40}, 0.01, False),
        ({"_1": 58, "_2": 40}, 0.01, True),
        ({"_1": 60}, 0.01, True),
        ({"_1": 60}, 0.4, False),
        ({"_1": 70, "_2": 50}, 0, False),
    ],
    ids=["equal", "one gone", "two gone", "only open", "allowed", "more"],
)
def test_a_register_that_lost_schools_is_refused(counts: dict[str, int], share: float, refused: bool) -> None:
    """A register keeps what closed, so one with far fewer schools than the one in place leaves some out."""
    older = read_register(schools(_1=60, _2=40)).summary
    if not refused:
        assert read_register(schools(**counts), older=older, share_lost=share).institutions
        return
    with pytest.raises(RegisterUnreadable, match=r"in place has 100 institutions: 60 open, .* 40 closed"):
        read_register(schools(**counts), older=older, share_lost=share)


@pytest.mark.parametrize(
    ("counts", "warned"), [({"_1": 99}, False), ({"_1": 100}, True), ({"_1": 100, "_2": 1}, False)]
)
def test_a_register_of_open_schools_alone_is_noticed(counts: dict[str, int], warned: bool) -> None:
    """The whole register has more closed schools than open ones; one of a hundred schools has some."""
    why = "says of no school that it is closed, so the file leaves schools out"
    expected = [f'the file passed in: column "EstablishmentStatus (code)" {why}.'] if warned else []

    assert expected == [str(warning) for warning in read_register(schools(**counts)).warnings]


def row(urn: int, link_urn: int, kind: str, day: date | None = None) -> EstablishmentLink:
    """Build a row of links."""
    return EstablishmentLink(urn=urn, link_urn=link_urn, kind=kind, day=day)


def link(kind: str, day: date | None = None) -> SuccessorLink:
    """Build a link that says that 2 succeeded 1."""
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
    """Whichever side says it, and in whatever order, there is one link."""
    assert ((expected,), {}) == successors(rows)
    assert ((expected,), {}) == successors(rows[::-1])


def test_cycles_and_many_ends_are_kept() -> None:
    """Two schools may each be said to succeed the other, and one to have several successors."""
    links, _ = successors([row(2, 1, "Successor"), row(1, 3, "Successor"), row(1, 2, "Successor")])

    assert [(1, 2), (1, 3), (2, 1)] == [(link.predecessor, link.successor) for link in links]


def test_links_that_are_not_about_succession_are_counted() -> None:
    """Sixth form centres, expansions, amalgamations without direction, and new kinds are counted."""
    kinds = ["Sixth Form Centre Link", "Other", "Result of Amalgamation", "Other", "New"]
    counts = {"Sixth Form Centre Link": 1, "Other": 2, "Result of Amalgamation": 1, "New": 1}

    assert ((), counts) == successors([row(1, 2, kind) for kind in kinds])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("progress", 7),
        ("keep", 7),
        ("keep", "all"),
        ("strict", "no"),
        ("strict", None),
        ("share_lost", "0.01"),
        ("share_lost", True),
        ("share_lost", -0.1),
        ("share_lost", 1.1),
        ("share_lost", float("nan")),
        ("older", 5),
        ("group_links", [1]),
        ("day", "2025-07-18"),
        ("day", datetime(2025, 7, 18)),  # noqa: DTZ001 - that it is refused is what is shown
    ],
    ids=repr,
)
def test_invalid_arguments_are_refused(name: str, value: object) -> None:
    """An invalid argument is refused before anything is read."""
    file = sample.download(sample.SCHOOL)
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(InvalidValue, match=f"{name} must be"):
        read_register(file, **arguments)
    assert 0 == file.tell()


@pytest.mark.parametrize("read", [read_establishments, read_groups, read_group_links, read_links])
@pytest.mark.parametrize("name", ["report", "progress"])
def test_a_stream_refuses_what_cannot_be_called(read: Callable[..., Iterator[object]], name: str) -> None:
    """It is refused when the first value is asked for."""
    with pytest.raises(InvalidValue, match=f"{name} must be a function"):
        next(read(sample.download(sample.SCHOOL), **{name: 5}))


@pytest.mark.parametrize("links", [[1], "x", None, 5, [None]], ids=repr)
def test_only_links_are_taken_for_links(links: object) -> None:
    """Institutions take what read_group_links yields, successors what read_links yields."""
    with pytest.raises(InvalidValue, match="group_links must be GroupLinks"):
        next(read_establishments(sample.download(sample.SCHOOL), group_links=links))  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="links must be EstablishmentLinks"):
        successors(links)  # type: ignore[arg-type]
