"""Days, as the Department writes them and as other programs save them again.

``31-12-2025`` has the day first and ``2025-12-31`` the year, always. ``31/12/2025`` is how files of groups and every
British Excel write a day, but American programs put the month first. The file as a whole shows the order: one value
whose first number is above 12 is enough. Where a file shows both orders nothing in it can be trusted. Where it shows
none, days are read day first, as the Department and all its users in Britain write them, and each is counted.

Times other than midnight, years of two digits and the serial numbers of spreadsheets are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Protocol

from datashare.errors import RegisterUnreadable

from ._cells import EMPTY, BadCell

_MIDNIGHT = r"(?:[T ]0?0:00(?::00(?:\.0+)?)?)?"
_HYPHENS = re.compile(rf"([0-9]{{2}})-([0-9]{{2}})-([0-9]{{4}}){_MIDNIGHT}", re.ASCII)
_SLASHES = re.compile(rf"([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}){_MIDNIGHT}", re.ASCII)
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/])([0-9]{{2}})\2([0-9]{{2}}){_MIDNIGHT}", re.ASCII)

LONGEST_DAY = 40
UNORDERED = "is read day first, since no day in the file shows whether the day or the month comes first"


class DayCells(Protocol):
    """The cells of one file that can show the order of day and month."""

    file: str

    def day_cells(self) -> Iterable[tuple[int, str, str]]:
        """Yield the line, column and text of every cell in the columns of days, from the start of the file."""
        ...

    def note(self, line: int, column: str, value: str, why: str) -> None:
        """Report a cell that is odd but is read as it is."""
        ...


class Days:
    """Reads the days of one file. The order of days with slashes is found when the first of them is met."""

    def __init__(self, cells: DayCells, used: Iterable[str]) -> None:
        self._cells = cells
        self._used = frozenset(used)
        self._month_first: bool | None = None

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
        if self._month_first is None:
            self._month_first = self._find_order()
        return self._month_first

    def _find_order(self) -> bool:
        """Return whether the month comes first in days with slashes.

        Reads the file once more. That costs as much as the first time, but only where there are such days.
        """
        proof: dict[bool, tuple[int, str]] = {}
        unordered: list[tuple[int, str, str]] = []
        readings = cache(_readings)
        for line, column, cell in self._cells.day_cells():
            text = cell.strip()
            day_first, month_first = readings(text) if len(text) <= LONGEST_DAY else (None, None)
            if day_first and month_first:
                if day_first != month_first and "/" in text and column in self._used and not proof:
                    unordered.append((line, column, text))
            elif day_first or month_first:
                proof.setdefault(month_first is not None, (line, text))
        if len(proof) == 2:
            (one_line, one_day), (other_line, other_day) = proof[False], proof[True]
            raise RegisterUnreadable(
                self._cells.file,
                f"its days are in two orders: {one_day} in line {one_line} has the day first, and {other_day} in line "
                f"{other_line} the month. Save it again with days such as 2025-12-31.",
            )
        for line, column, text in () if proof else unordered:
            self._cells.note(line, column, text, UNORDERED)
        return True in proof


def _readings(text: str) -> tuple[date | None, date | None]:
    """Return the day that a text is with the day first, and with the month first."""
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
