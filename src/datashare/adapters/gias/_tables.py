"""A download as a table: columns by name, rows of the right length, bad rows reported."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from operator import itemgetter
from typing import NoReturn, TypeVar

import attrs

from datashare.domain import validation
from datashare.errors import BadRow, MissingColumns, RegisterUnreadable

from ._cells import BadCell
from ._sources import RegisterFile, Text, open_text

_T = TypeVar("_T")

PROGRESS_EVERY = 1_000
REPEATED = "is also in an earlier row, with other data"

_DAY = re.compile(r"(?<![0-9])([12][0-9]{3})([01][0-9])([0-3][0-9])(?![0-9])")


@attrs.frozen(kw_only=True)
class ReadingProgress:
    """How far the reading of one file has come (K6).

    Attributes:
        file: The file's name.
        rows: The data rows read so far.
        bytes_read: The bytes read so far, of the unpacked content.
        total_bytes: The size of the unpacked content.
    """

    file: str
    rows: int
    bytes_read: int
    total_bytes: int


ProgressCallback = Callable[[ReadingProgress], None]
ReportCallback = Callable[[BadRow], None]
"""Receives each bad row; it raises to stop the reading."""


@attrs.frozen(kw_only=True)
class Download:
    """What one kind of download looks like, by column names.

    Attributes:
        what: The download, as people know it.
        argument: The name of the argument that it is passed as.
        cells: The columns used, in the order in which `Table.rows` yields them; each with all the names it has had.
        needed: The columns without which the file is refused; of each tuple, one must be there.
        may_lack: A last column, not used, that the header may name while every row lacks it.
    """

    what: str
    argument: str
    cells: tuple[tuple[str, ...], ...]
    needed: tuple[tuple[str, ...], ...]
    may_lack: str | None = None


def refuse(bad: BadRow) -> NoReturn:
    """Report a bad row by raising it."""
    raise bad


class Table:
    """The rows of one download.

    Attributes:
        file: What messages call it.
        day: The day in the file's name, if any.
        rows_read: The data rows so far, bad ones included; each line of a row that an unclosed quote spoilt counts.
    """

    def __init__(self, text: Text, kind: Download, report: ReportCallback, progress: ProgressCallback | None) -> None:
        self.file = text.file
        self.day = _day_in(text.names)
        self.rows_read = 0
        self._text = text
        self._kind = kind
        self._report = report
        self._progress = progress
        self._reader = csv.reader(text.lines, strict=True)
        self._first_line = 0
        self._header = self._read_header()
        self._columns = self._find_columns()

    def has(self, column: str) -> bool:
        """Return whether the header names *column*."""
        return column in self._header

    def read(self, read_row: Callable[[tuple[str, ...]], _T]) -> Iterator[_T]:
        """Yield what *read_row* returns for each row; report the bad cells that it raises."""
        for row in self.rows():
            try:
                value = read_row(row)
            except BadCell as bad:
                self.report(bad)
            else:
                yield value

    def report(self, bad: BadCell) -> None:
        """Report a bad cell of the present row."""
        self._report(BadRow(self.file, self._reader.line_num, bad.column, bad.value, bad.why))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the cells of each row in the order of `Download.cells`, empty text for a column that is not there.

        Raises:
            RegisterUnreadable: There is no row.
        """
        pick = itemgetter(*self._columns)
        width = rows_reported = 0
        self._report_progress()
        for row in self._well_formed_rows():
            width = width or self._width(row)
            if len(row) != width:
                self._report_spoilt(f"has {len(row)} fields where {width} are expected")
                continue
            self.rows_read += 1
            if self.rows_read - rows_reported >= PROGRESS_EVERY:
                rows_reported = self.rows_read
                self._report_progress()
            row.append("")  # the cell at -1, for the columns that are not there
            yield pick(row)
        if not self.rows_read:
            raise RegisterUnreadable(self.file, "it has a header but no rows. Download it again.")
        self._report_progress()

    def _well_formed_rows(self) -> Iterator[list[str]]:
        """Yield the rows that are not empty; report those that are not well-formed, and go on after them."""
        while True:
            self._first_line = self._reader.line_num + 1
            try:
                row = next(self._reader, None)
            except csv.Error as exc:
                self._report_spoilt(f"is not well-formed CSV ({exc})")
                continue
            if row is None:
                return
            if any(row):
                yield row

    def _report_spoilt(self, why: str) -> None:
        """Report a row whose quotes cannot be trusted, and count every line in it."""
        lines = self._reader.line_num - self._first_line + 1
        self.rows_read += lines
        if lines > 1:
            why += f" and took {lines} lines from line {self._first_line}, as an unclosed quote does"
        self.report(BadCell("", "", why))

    def _width(self, first_row: list[str]) -> int:
        """Return how many fields each row must have: those of the header, or all but the one that rows may lack."""
        width = len(self._header)
        lacks_last = self._header[-1] == self._kind.may_lack and len(first_row) == width - 1
        return width - 1 if lacks_last else width

    def _report_progress(self) -> None:
        if self._progress:
            progress = ReadingProgress(
                file=self.file, rows=self.rows_read, bytes_read=self._text.position(), total_bytes=self._text.total
            )
            self._progress(progress)

    def _read_header(self) -> list[str]:
        try:
            header = next((row for row in self._reader if row), None)
        except csv.Error as exc:
            why = f"its header is not well-formed CSV ({exc}). Download it again, or save it as CSV with commas."
            raise RegisterUnreadable(self.file, why) from exc
        if header is None:
            raise RegisterUnreadable(self.file, "it holds only empty lines. Download it again.")
        return [name.strip() for name in header]

    def _find_columns(self) -> list[int]:
        """Return where the columns of `Download.cells` are in a row, -1 for those that are not there."""
        header, kind = self._header, self._kind
        missing = [names[0] for names in kind.needed if not any(name in header for name in names)]
        if missing:
            raise MissingColumns(self.file, missing, kind.what)
        columns = [next((name for name in names if name in header), "") for names in kind.cells]
        for name in columns:
            if name and header.count(name) > 1:
                raise RegisterUnreadable(self.file, f'its header has "{name}" more than once. Remove the wrong one.')
        return [header.index(name) if name else -1 for name in columns]


@contextmanager
def open_table(
    file: RegisterFile, kind: Download, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[Table]:
    """Open a download as a table.

    Raises:
        InvalidValue: It is neither a path nor a file opened in binary mode, or *report* or *progress* cannot be called.
        RegisterUnreadable: It is missing, damaged, empty, or not text in a known encoding.
        MissingColumns: Columns that are needed are not there.
    """
    validation.require_callable(report, "report", "a function that takes a BadRow")
    if progress is not None:
        validation.require_callable(progress, "progress", "a function that takes a ReadingProgress, or None")
    with open_text(file, kind.argument) as text:
        yield Table(text, kind, report, progress)


def _day_in(names: Sequence[str]) -> date | None:
    for match in _DAY.finditer(" ".join(names)):
        with suppress(ValueError):
            return date(*map(int, match.groups()))
    return None
