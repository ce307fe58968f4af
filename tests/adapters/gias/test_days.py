"""Days with slashes: the whole file shows whether the day or the month comes first."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from datashare.adapters.gias import Register, read_groups, read_register
from datashare.domain.register import GroupId
from datashare.errors import BadRow, RegisterUnreadable

from . import sample

LAST_OF_AUGUST, FIFTH_OF_AUGUST, EIGHTH_OF_MAY = date(2010, 8, 31), date(2010, 8, 5), date(2010, 5, 8)


def register_of(opened: Sequence[str], **others: Sequence[str]) -> Register:
    """Read schools with these opening days, and other columns likewise."""
    columns = {"OpenDate": opened, **others}
    rows = [
        sample.SCHOOL | {"URN": str(100000 + place)} | {name: days[place] for name, days in columns.items()}
        for place in range(len(opened))
    ]
    return read_register(sample.download(*rows))


def opened(register: Register) -> list[date | None]:
    """Return the opening days of the schools of a register."""
    return [school.open_date for school in register.institutions.values()]


@pytest.mark.rule("V4")
@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["31/08/2010", "05/08/2010"], [LAST_OF_AUGUST, FIFTH_OF_AUGUST]),
        (["05/08/2010", "31/08/2010"], [FIFTH_OF_AUGUST, LAST_OF_AUGUST]),
        (["5/8/2010", "31/8/2010"], [FIFTH_OF_AUGUST, LAST_OF_AUGUST]),
        (["5/8/2010", "8/31/2010"], [EIGHTH_OF_MAY, LAST_OF_AUGUST]),
        (["05/08/2010 00:00", "31/08/2010 0:00:00"], [FIFTH_OF_AUGUST, LAST_OF_AUGUST]),
        (["5/8/2010", "31-08-2010"], [FIFTH_OF_AUGUST, LAST_OF_AUGUST]),
        (["05/08/2010", "31/02/2010", "31/08/2010"], [FIFTH_OF_AUGUST, None, LAST_OF_AUGUST]),
        (["2010/08/31", "2010-08-05"], [LAST_OF_AUGUST, FIFTH_OF_AUGUST]),
        (["08/08/2010", ""], [date(2010, 8, 8), None]),
    ],
    ids=["day first", "later", "short", "month first", "midnight", "hyphens", "no such day", "year first", "same"],
)
def test_one_day_above_twelve_shows_the_order(texts: list[str], days: list[date | None]) -> None:
    """The order that one value shows is that of the whole file, before it and after it, and nothing is counted."""
    register = register_of(texts)

    assert (days, texts.count("31/02/2010")) == (opened(register), len(register.warnings))


@pytest.mark.parametrize("column", ["CloseDate", "LastChangedDate"])
def test_another_column_of_the_file_shows_the_order(column: str) -> None:
    """Any column of days will do, also one that is not read otherwise."""
    register = register_of(["05/08/2010"] * 2, **{column: ["", "12/31/2010"]})

    assert ([EIGHTH_OF_MAY] * 2, ()) == (opened(register), register.warnings)


@pytest.mark.rule("V12")
@pytest.mark.parametrize("other", ["08/31/2010", "08-31-2010"])
def test_a_file_with_both_orders_is_refused(other: str) -> None:
    """Nothing in such a file can be trusted; the message shows a value of each order, with its line."""
    with pytest.raises(RegisterUnreadable, match="its days are in two orders: 31/08/2010 in line 3 has the day first"):
        register_of(["05/08/2010", "31/08/2010", "", other])


def test_a_file_that_shows_no_order_is_read_day_first_and_counted() -> None:
    """The Department writes the day first; each day that could be another is counted, by column."""
    register = register_of(["05/08/2010", "5/8/2010", "08/08/2010", ""], CloseDate=["", "", "", "06/08/2012"])

    assert [FIFTH_OF_AUGUST, FIFTH_OF_AUGUST, date(2010, 8, 8), None] == opened(register)
    assert [("OpenDate", 2, 2), ("CloseDate", 1, 5)] == [
        (warning.column, warning.count, warning.line) for warning in register.warnings
    ]
    assert "is read day first, since no day in the file shows whether" in str(register.warnings[0])


def test_odd_rows_show_no_order() -> None:
    """A row that cannot be split into its cells shows nothing; those after it do."""
    text = (
        "URN,EstablishmentName,EstablishmentStatus (code),OpenDate\n100000,A,1,05/08/2010\n100001,B,1\n"
        '100002,"C"x,1,31/12/2010\n100003,D,1,12/31/2010\n'
    )
    register = read_register(io.BytesIO(text.encode()))

    assert ([EIGHTH_OF_MAY, date(2010, 12, 31)], 2) == (opened(register), register.problem_count)


@pytest.mark.parametrize("packing", ["plain", "gzip", "zip", "cp1252"])
def test_the_order_is_found_while_a_file_is_being_read(tmp_path: Path, packing: str) -> None:
    """The file is read once more from its start, and the first reading goes on where it was."""
    rows = [
        sample.SCHOOL | {"URN": str(100000 + place), "OpenDate": "05/08/2010" if place > 700 else ""}
        for place in range(1500)
    ]
    rows[-1] |= {"OpenDate": "12/31/2010", "Town": "Areté’s"}
    content = sample.download(*rows, encoding="cp1252" if packing == "cp1252" else "utf-8").getvalue()
    path = tmp_path / "schools"
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schools.csv", content)
    else:
        path.write_bytes(gzip.compress(content) if packing == "gzip" else content)
    register = read_register(path)

    assert ["EstablishmentStatus (code)"] == [warning.column for warning in register.warnings]  # all are open
    assert [None] * 701 + [EIGHTH_OF_MAY] * 798 + [date(2010, 12, 31)] == opened(register)
    assert "Areté’s" == register.institutions[101499].town


@pytest.mark.rule("V8")
def test_closed_trusts_stay_closed_with_the_days_of_the_departments_group_files() -> None:
    """A trust that closed on 31/08/2010 is read as closed on that day."""
    closed = sample.GROUP | {"Group Status (code)": "CLOSED", "Group Status": "Closed", "Closed Date": "31/08/2010"}
    register = read_register(sample.download(sample.SCHOOL), groups=sample.download(closed))
    group = register.groups[GroupId.mat("5143")]

    assert (False, LAST_OF_AUGUST, (), ()) == (group.is_open, group.closed_on, register.warnings, register.problems)


def test_a_stream_reports_days_without_an_order() -> None:
    """A stream is strict by default, but a day that is read loses nothing."""
    file = sample.download(sample.GROUP | {"Closed Date": "05/08/2010"})
    problems: list[BadRow] = []

    (group,) = read_groups(file)
    file.seek(0)
    assert [group] == list(read_groups(file, report=problems.append))
    assert [(2, "Closed Date", "nothing")] == [(bad.line, bad.column, bad.lost) for bad in problems]
    assert "It is read as it is." in str(problems[0])
