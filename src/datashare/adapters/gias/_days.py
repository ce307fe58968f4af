"""Days, as the Department writes them and as other programs save them again.

``31-12-2025`` has the day first and ``2025-12-31`` the year, always. ``31/12/2025`` is how files of groups and every
British Excel write a day, but American programs put the month first. The file as a whole shows the order: one value
whose first number is above 12 is enough. Where a file shows both orders nothing in it can be trusted. Where it shows
none, days are read day first, as the Department and all its users in Britain write them, and each is counted.

Times other than midnight, years of two digits and the serial numbers of spreadsheets are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from datetime import date
from typing import NamedTuple, Protocol, TypeAlias

from datashare.errors import RegisterUnreadable

from ._cells import EMPTY, BadCell, cached

_MIDNIGHT = r"(?:[T ]0?0:00(?::00(?:\.0+)?)?)?"
_HYPHENS = re.compile(rf"([0-9]{{2}})-([0-9]{{2}})-([0-9]{{4}}){_MIDNIGHT}", re.ASCII)
_SLASHES = re.compile(rf"([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}){_MIDNIGHT}", re.ASCII)
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/])([0-9]{{2}})\2([0-9]{{2}}){_MIDNIGHT}", re.ASCII)

LONGEST_DAY = 40
UNORDERED = "is read day first, since no day in the file shows whether the day or the month comes first"


SeeDay: TypeAlias = Callable[[int, str, str], None]
"""Receives the line, column and text of a cell."""


class DayCells(Protocol):
    """The cells of one file that can show the order of day and month.

    Attributes:
        file: What messages call it.
        line: The line of the row that is being read.
    """

    file: str

    @property
    def line(self) -> int: ...

    def day_cells(self) -> Generator[tuple[int, str, str]]:
        """Yield the line, column and text of every cell in the columns of days, from the start of the file."""
        ...

    def watch_days(self, see: SeeDay) -> None:
        """Show *see* the same cells, as they are read, from the present row on."""
        ...

    def note(self, line: int, column: str, value: str, why: str) -> None:
        """Report a cell that is odd but is read as it is."""
        ...


class _Proof(NamedTuple):
    """A day that shows the order."""

    month_first: bool
    line: int
    text: str


class Days:
    """Reads the days of one file.

    When the first day with slashes is met, the file is read again from its start, up to the first day that shows the
    order, or to its end. The days that follow are compared with that one as they are read.
    """

    def __init__(self, cells: DayCells, used: Iterable[str]) -> None:
        self._cells = cells
        self._used = frozenset(used)
        self._searched = False
        self._proof: _Proof | None = None
        self._order_in = cached(_order_in)

    def read(self, column: str, text: str) -> date | None:
        """Read a day, or `None` where the cell is empty.

        Raises:
            BadCell: It is not a day.
            RegisterUnreadable: It has slashes, and the file shows both orders.
        """
        text = text.strip()
        if text in EMPTY:
            return None
        if match := _HYPHENS.fullmatch(text):
            day, month, year = match.groups()
        elif match := _YEAR_FIRST.fullmatch(text):
            year, _, month, day = match.groups()
        elif match := _SLASHES.fullmatch(text):
            day, month, year = match.groups()
            if self._has_month_first():
                day, month = month, day
        else:
            raise BadCell(column, text, "is not a day such as 31-12-2025, 31/12/2025 or 2025-12-31")
        try:
            return date(int(year), int(month), int(day))
        except ValueError as exc:
            raise BadCell(column, text, "is a day that is not in the calendar") from exc

    def _has_month_first(self) -> bool:
        if not self._searched:
            self._searched = True
            with closing(self._cells.day_cells()) as cells:
                for line, _, text in cells:
                    self._compare(line, text)
                    if self._proof and line >= self._cells.line:
                        break
            self._cells.watch_days(self._see)
        return self._proof is not None and self._proof.month_first

    def _see(self, line: int, column: str, text: str) -> None:
        if self._proof:
            self._compare(line, text)
        elif column in self._used and "/" in text and _is_unordered(text):
            self._cells.note(line, column, text.strip(), UNORDERED)

    def _compare(self, line: int, text: str) -> None:
        """Learn the order from the first day that shows it; refuse a file with a day that shows the other."""
        month_first = self._order_in(text) if len(text) <= LONGEST_DAY else None
        if month_first is None:
            return
        self._proof = self._proof or _Proof(month_first, line, text.strip())
        if month_first is self._proof.month_first:
            return
        by_day, by_month = sorted([self._proof, _Proof(month_first, line, text.strip())])
        raise RegisterUnreadable(
            self._cells.file,
            f"its days are in two orders: {by_day.text} in line {by_day.line} has the day first, and {by_month.text} "
            f"in line {by_month.line} the month. Save it again with days such as 2025-12-31.",
        )


def _order_in(text: str) -> bool | None:
    """Return whether a text is a day with the month first, or `None` if it is not a day, or one in either order."""
    day_first, month_first = _readings(text)
    return None if bool(day_first) is bool(month_first) else month_first is not None


def _is_unordered(text: str) -> bool:
    """Return whether a text is one day with the day first, and another with the month first."""
    day_first, month_first = _readings(text)
    return bool(day_first and month_first) and day_first != month_first


def _readings(text: str) -> tuple[date | None, date | None]:
    """Return the day that a text is with the day first, and with the month first."""
    text = text.strip()
    match = _SLASHES.fullmatch(text) or _HYPHENS.fullmatch(text)
    if not match:
        return None, None
    first, second, year = map(int, match.groups())
    return _day_of(year, second, first), _day_of(year, first, second)


def _day_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
