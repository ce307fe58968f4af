"""A download as a table: columns by name, rows of the right length, bad rows reported."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from operator import itemgetter
from sys import getsizeof
from typing import Literal, NoReturn, TypeVar

import attrs

from datashare.domain import validation
from datashare.errors import BadRow, MissingColumns, RegisterUnreadable

from ._cells import BadCell
from ._days import Days, SeeDay
from ._sources import RegisterFile, Text, open_text

_T = TypeVar("_T")
_Default = TypeVar("_Default")

PROGRESS_EVERY = 1_000
REPEATED = "is also in an earlier row, with other data"
VALUE_KEPT = 20_000
MOST_COLUMNS = 1_000
"""The full establishment file has 135."""
MOST_ROWS = 100_000
"""The full establishment file has some 52,000."""
MOST_TEXT = 40 << 20
"""The most memory that the text of the columns used may take; that of the full establishment file takes some 20 MB."""
SMALL_FILE, SMALL_LOSS = 100, 5
"""Of a file with fewer rows than the first, so many may be lost whatever share they are."""
REASONS_COUNTED = 1_000

ESTABLISHMENT_FIELDS = '"Establishment fields"'
ESTABLISHMENT_LINKS = '"Establishment links"'
GROUP_RECORDS = '"All group records"'
GROUP_LINK_RECORDS = '"All group links records" or "Academy sponsor and trust links"'

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
RepeatCallback = Callable[[str, str, str], bool]
"""Receives the file, column and reason of a cell that is only warned of; returns whether it was counted.

Where it was not, the cell is reported like any other.
"""


@attrs.frozen(kw_only=True)
class Download:
    """What one kind of download looks like, by column names.

    Attributes:
        what: The download, as people know it.
        argument: The name of the argument that it is passed as.
        cells: The columns used, in the order in which `Table.rows` yields them; each with all the names it has had.
        needed: The columns without which the file is refused; of each tuple, one must be there.
        never: A column that only another download has.
        may_lack: A last column, not used, that the header may name while every row lacks it.
    """

    what: str
    argument: str
    cells: tuple[tuple[str, ...], ...]
    needed: tuple[tuple[str, ...], ...]
    never: str | None = None
    may_lack: str | None = None


def refuse(bad: BadRow) -> None:
    """Report a bad row by raising it, unless it loses nothing."""
    if bad.lost != "nothing":
        raise bad


def count_none(_file: str, _column: str, _why: str) -> bool:
    """Leave it to the report to count cells."""
    return False


class Table:
    """The rows of one download.

    Attributes:
        file: What messages call it.
        day: The day in the file's name, if any.
        days: Reads the days of this file.
        rows_read: The data rows so far, bad ones included; each line of a row that an unclosed quote spoilt counts.
        rows_spoilt: How many rows could not be split into their cells.
    """

    def __init__(
        self,
        text: Text,
        kind: Download,
        report: ReportCallback,
        progress: ProgressCallback | None,
        *,
        share_lost: float | None,
        again: RepeatCallback,
    ) -> None:
        self.file = text.file
        self.day = _day_in(text.names)
        self.rows_read = self.rows_spoilt = 0
        self._text = text
        self._kind = kind
        self._report = report
        self._progress = progress
        self._again = again
        self._share_lost = share_lost
        self._rows_lost = self._spoilt_at = 0
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._reader = csv.reader(text.lines, strict=True, delimiter=text.delimiter)
        self._first_line = 0
        self._header = self._read_header()
        self._columns = self._find_columns()
        self._day_columns = [(place, self._name_at(place)) for place, name in enumerate(self._header) if "date" in name]
        self._row: list[str] = []
        self._see_day: SeeDay | None = None
        self.days = Days(self, (name for names in kind.cells for name in names))

    @property
    def line(self) -> int:
        """The line on which the present row ends."""
        return self._reader.line_num

    @property
    def ends_short(self) -> bool:
        """Whether the last row so far could not be split into its cells, as in a file that is cut short."""
        return self.rows_spoilt > 0 and self._spoilt_at == self.rows_read

    def has(self, *columns: str) -> bool:
        """Return whether the header names one of *columns*."""
        return any(_plain(column) in self._header for column in columns)

    def read(self, read_row: Callable[[tuple[str, ...]], _T]) -> Iterator[_T]:
        """Yield what *read_row* returns for each row; report the rows for which it raises a bad cell."""
        for row in self.rows():
            try:
                value = read_row(row)
            except BadCell as bad:
                self.report(bad)
            else:
                yield value

    def read_cell(self, default: _Default, so: str, read: Callable[..., _T], *cells: str) -> _T | _Default:
        """Read cells that do not decide whether their row is read.

        Args:
            default: What counts where they cannot be read.
            so: What follows from that, as the end of a sentence, if anything.
            read: Reads them.
            cells: The cells, after the name of the column where *read* takes it.
        """
        try:
            return read(*cells)
        except BadCell as bad:
            self.report_cell(BadCell(bad.column, bad.value, bad.why + so), decides=bool(so))
            return default

    def report(self, bad: BadCell) -> None:
        """Report that the present row is lost for a bad cell."""
        self._report_as("row", bad)
        self._lose(1, bad)

    def report_cell(self, bad: BadCell, *, decides: bool = False) -> None:
        """Report a cell that is left out of the present row; where it decides something, the row counts as lost."""
        self._report_as("cell", bad)
        if decides:
            self._lose(1, bad)

    def note(self, line: int, column: str, value: str, why: str) -> None:
        """Report a cell that is odd but is read as it is."""
        self._report_as("nothing", BadCell(column, value, why), line)

    def note_here(self, column: str, value: str, why: str) -> None:
        """Report a cell of the present row that is odd but is read as it is."""
        self.note(self.line, column, value, why)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the cells of each row in the order of `Download.cells`, empty text for a column that is not there.

        Raises:
            RegisterUnreadable: There is no row, too many are lost, or they hold more than any download does.
        """
        pick = itemgetter(*self._columns)
        width = rows_reported = size = 0
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
            self._row = row
            if self._see_day:
                self._show_days(self._see_day)
            cells = pick(row)
            size += getsizeof("".join(cells))
            if size > MOST_TEXT or self.rows_read > MOST_ROWS:
                self._refuse_size()
            yield cells
        if not self.rows_read:
            raise RegisterUnreadable(self.file, "it has a header but no rows. Download it again.")
        self._report_progress()
        self._check_lost(self.rows_read)

    def day_cells(self) -> Generator[tuple[int, str, str]]:
        """Yield the line, column and text of every cell in the columns of days, used or not, from the file's start."""
        with self._text.again() as lines:
            reader = csv.reader(lines, strict=True, delimiter=self._text.delimiter)
            row: list[str] | None = []
            while row is not None:
                self._text.begin_row()
                try:
                    row = next(reader, None)
                except csv.Error:
                    continue
                if row and len(self._header) - 1 <= len(row) <= len(self._header):
                    yield from (
                        (reader.line_num, name, row[place]) for place, name in self._day_columns if place < len(row)
                    )

    def watch_days(self, see: SeeDay) -> None:
        """Show *see* the same cells, as they are read, from the present row on."""
        self._see_day = see
        self._show_days(see)

    def _show_days(self, see: SeeDay) -> None:
        line, row = self.line, self._row
        for place, name in self._day_columns:
            if row[place]:
                see(line, name, row[place])

    def _well_formed_rows(self) -> Iterator[list[str]]:
        """Yield the rows that are not empty; report those that are not well-formed, and go on after them."""
        begin_row = self._text.begin_row
        while True:
            self._first_line = self._reader.line_num + 1
            begin_row()
            try:
                row = next(self._reader, None)
            except csv.Error as exc:
                self._report_spoilt(f"is not well-formed CSV ({exc})")
                continue
            if row is None:
                return
            if any(row):
                yield row

    def _refuse_size(self) -> NoReturn:
        limit = f"{MOST_ROWS:,} rows" if self.rows_read > MOST_ROWS else f"{MOST_TEXT >> 20} MB of names and codes"
        raise RegisterUnreadable(self.file, f"it has more than {limit}. No download of the register does.")

    def _report_as(self, lost: Literal["row", "cell", "nothing"], bad: BadCell, line: int = 0) -> None:
        if lost != "row" and self._again(self.file, bad.column, bad.why):
            return
        line = line or self.line
        self._report(BadRow(self.file, line, bad.column, bad.value[:VALUE_KEPT], bad.why, lost))

    def _report_spoilt(self, why: str) -> None:
        """Report a row whose quotes cannot be trusted, and count every line in it."""
        lines = self._reader.line_num - self._first_line + 1
        self.rows_read += lines
        self.rows_spoilt += 1
        self._spoilt_at = self.rows_read
        if lines > 1:
            why += f" and took {lines} lines from line {self._first_line}, as an unclosed quote does"
        bad = BadCell("", "", why)
        self._report_as("row", bad)
        self._lose(lines, bad)

    def _lose(self, rows: int, bad: BadCell) -> None:
        self._rows_lost += rows
        if self._reasons.total() < REASONS_COUNTED:
            self._reasons[bad.column, bad.why] += 1
        # So many rows are too many whatever the rest of the file holds.
        self._check_lost(max(self.rows_read, MOST_ROWS))

    def _check_lost(self, rows: int) -> None:
        """Refuse the file if too large a share of its rows is lost."""
        share = self._share_lost
        if share is None or self._rows_lost <= max(share * rows, SMALL_LOSS if rows < SMALL_FILE else 0):
            return
        (column, why), _ = self._reasons.most_common(1)[0]
        subject = f'column "{column}"' if column else "a row"
        raise RegisterUnreadable(
            self.file,
            f"{self._rows_lost:,} of the first {self.rows_read:,} rows cannot be read, most often because {subject} "
            f"{why}. At most {share:.4g} of the rows may be lost. Download it again, or save it as it was downloaded.",
        )

    def _width(self, first_row: list[str]) -> int:
        """Return how many fields each row must have: those of the header, or all but the one that rows may lack."""
        width, may_lack = len(self._header), self._kind.may_lack
        lacks_last = may_lack and self._header[-1] == _plain(may_lack) and len(first_row) == width - 1
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
        if len(header) > MOST_COLUMNS:
            why = f"it has {len(header):,} columns, and no download of the register has more than {MOST_COLUMNS:,}."
            raise RegisterUnreadable(self.file, why)
        return [_plain(name) for name in header]

    def _find_columns(self) -> list[int]:
        """Return where the columns of `Download.cells` are in a row, -1 for those that are not there."""
        kind = self._kind
        missing = [names[0] for names in kind.needed if not self.has(*names)]
        likely = self._likely_download()
        if missing:
            raise MissingColumns(self.file, missing, kind.what, "" if likely == kind.what else likely)
        if kind.never and self.has(kind.never):
            raise RegisterUnreadable(
                self.file, f"it is {likely}, and not {kind.what}, which the argument {kind.argument} takes."
            )
        columns = [next((name for name in names if self.has(name)), "") for names in kind.cells]
        for name in columns:
            if name and self._header.count(_plain(name)) > 1:
                raise RegisterUnreadable(self.file, f'its header has "{name}" more than once. Remove the wrong one.')
        return [self._header.index(_plain(name)) if name else -1 for name in columns]

    def _likely_download(self) -> str:
        """Return which download has columns such as these; empty text where it is not known."""
        if self.has("LinkURN"):
            return ESTABLISHMENT_LINKS
        if self.has("Group UID", "Linked UID"):
            return GROUP_LINK_RECORDS if self.has("URN") else GROUP_RECORDS
        if self.has("EstablishmentStatus (code)", "EstablishmentStatus (name)"):
            centres = any("childrencentre" in name.casefold() for name in self._text.names)
            return '"Children\'s centre fields"' if centres else ESTABLISHMENT_FIELDS
        return ""

    def _name_at(self, place: int) -> str:
        """Return the name of a column as `Download.cells` has it, or as the header has it without capitals."""
        names = (name for names in self._kind.cells for name in names)
        return next((name for name in names if _plain(name) == self._header[place]), self._header[place])


@contextmanager
def open_table(
    file: RegisterFile,
    kind: Download,
    report: ReportCallback = refuse,
    progress: ProgressCallback | None = None,
    *,
    share_lost: float | None = None,
    again: RepeatCallback = count_none,
) -> Iterator[Table]:
    """Open a download as a table.

    Args:
        file: The download.
        kind: What it should be.
        report: Receives each bad row.
        progress: Receives how far the reading has come.
        share_lost: The share of its rows that may be lost; by default *report* alone decides.
        again: Counts the cells that are only warned of, and whose column and reason were reported before.

    Raises:
        InvalidValue: It is neither a path nor a file opened in binary mode, or *report* or *progress* cannot be called.
        RegisterUnreadable: It is missing, damaged, empty, another download, beyond a limit, or not text in a known
            encoding.
        MissingColumns: Columns that are needed are not there.
    """
    validation.require_callable(report, "report", "a function that takes a BadRow")
    if progress is not None:
        validation.require_callable(progress, "progress", "a function that takes a ReadingProgress, or None")
    with open_text(file, kind.argument) as text:
        yield Table(text, kind, report, progress, share_lost=share_lost, again=again)


def _plain(name: str) -> str:
    """Return the name of a column without capitals and extra spaces, in which programs differ."""
    return " ".join(name.split()).casefold()


def _day_in(names: Sequence[str]) -> date | None:
    for match in _DAY.finditer(" ".join(names)):
        with suppress(ValueError):
            return date(*map(int, match.groups()))
    return None
