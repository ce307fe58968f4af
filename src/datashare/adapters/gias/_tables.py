"""A download as a table: columns by name, rows of the right length, bad ones reported."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from operator import itemgetter
from typing import NoReturn

import attrs

from datashare.domain import validation
from datashare.errors import BadRow, MissingColumns, RegisterUnreadable

from ._cells import BadCell
from ._sources import RegisterFile, Text, open_text

Report = Callable[[BadRow], None]
"""Told of each bad row; it raises where bad rows are refused."""

PROGRESS_EVERY = 1_000
TWICE = "stands in an earlier row too, with other data"

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


Progress = Callable[[ReadingProgress], None]


@attrs.frozen(kw_only=True)
class Layout:
    """What one kind of download looks like, by column names.

    Attributes:
        what: The download, as people know it.
        argument: The name of the argument that it is handed in as.
        cells: The columns used, in the order in which a row is handed on; each by the names that it goes by.
        needed: The columns without which the file is refused; of each tuple, one must be there.
        may_lack: A last column, not used, that the header may name while every row lacks it.
    """

    what: str
    argument: str
    cells: tuple[tuple[str, ...], ...]
    needed: tuple[tuple[str, ...], ...]
    may_lack: str = ""


def refuse(bad: BadRow) -> NoReturn:
    """Report a bad row by raising it."""
    raise bad


class Table:
    """The rows of one download.

    Attributes:
        file: What messages call it.
        day: The day in the file's name, if any.
        rows_read: The data rows so far, bad ones included; of a row that a quote spoilt, each line.
    """

    def __init__(self, text: Text, layout: Layout, report: Report, progress: Progress | None) -> None:
        self.file = text.file
        self.day = _day_in(text.names)
        self.rows_read = 0
        self._usual_lines = 0
        self._lines_taken = 1
        self._lines = text.lines
        self._held: list[str] = []
        self._text = text
        self._report = report
        self._progress = progress
        self._reader = csv.reader(self._lines_for_csv(), strict=True)
        self._header = self._read_header()
        self._may_lack = layout.may_lack
        self._names = self._find_columns(layout)

    def has(self, column: str) -> bool:
        """Tell whether the header names *column*."""
        return column in self._header

    def bad(self, bad: BadCell) -> None:
        """Report a cell of the present row."""
        self._report(BadRow(self.file, self._line_num, bad.column, bad.value, bad.why))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Give the cells of the layout of each row; a column that is not there gives empty text."""
        columns = [self._header.index(name) if name in self._header else -1 for name in self._names]
        pick, padding = itemgetter(*columns), [""] if -1 in columns else []
        usual: _Usual | None = None
        self._tell()
        for line in self._lines:
            if usual and (cells := usual.cells(line)):
                self._usual_lines += 1
                self._count()
                yield cells
                continue
            self._held.append(line)
            row = self._row_by_csv()
            if row is None:
                continue
            usual = usual or _Usual(self._width(row), columns)
            if len(row) != usual.width:
                self._swallowed(f"has {len(row)} fields where {usual.width} are expected")
                continue
            yield pick(row + padding)
        if not self.rows_read:
            raise RegisterUnreadable(self.file, "it has a header but no rows. Download it again.")
        self._tell()

    def _row_by_csv(self) -> list[str] | None:
        """Give the row that begins in the line held; none where it is empty, or is not well-formed and reported."""
        before = self._reader.line_num
        begins = self._line_num
        try:
            row = next(self._reader)
        except csv.Error as exc:
            self.rows_read += 1
            self._lines_taken = self._reader.line_num - before
            self._swallowed(f"that begins in line {begins + 1} is not well-formed CSV ({exc})")
            return None
        self._lines_taken = self._reader.line_num - before
        if not any(row):
            return None
        self._count()
        return row

    def _lines_for_csv(self) -> Iterator[str]:
        """Give the line held, then as many more as a row takes."""
        while line := self._held.pop() if self._held else next(self._lines, ""):
            yield line

    @property
    def _line_num(self) -> int:
        return self._reader.line_num + self._usual_lines

    def _count(self) -> None:
        self.rows_read += 1
        if not self.rows_read % PROGRESS_EVERY:
            self._tell()

    def _swallowed(self, why: str) -> None:
        """Report a row whose quotes cannot be trusted, and count every line that it took with it."""
        self.rows_read += self._lines_taken - 1
        took = f" and took {self._lines_taken} lines, as an unclosed quote does" if self._lines_taken > 1 else ""
        self.bad(BadCell("", "", why + took))

    def _width(self, first: list[str]) -> int:
        """Settle by the first row how long rows are: as the header, or all without its last column."""
        width = len(self._header)
        if self._may_lack and self._header[-1] == self._may_lack and len(first) == width - 1:
            return width - 1
        return width

    def _read_header(self) -> list[str]:
        try:
            header = next((row for row in self._reader if row), None)
        except csv.Error as exc:
            raise RegisterUnreadable(self.file, f"its header is not well-formed CSV ({exc}).") from exc
        if header is None:
            raise RegisterUnreadable(self.file, "it holds nothing but empty lines. Download it again.")
        return [name.strip() for name in header]

    def _find_columns(self, layout: Layout) -> list[str]:
        missing = [names[0] for names in layout.needed if not any(name in self._header for name in names)]
        if missing:
            raise MissingColumns(self.file, missing, layout.what)
        found = [next((name for name in names if name in self._header), names[0]) for names in layout.cells]
        twice = next((name for name in found if self._header.count(name) > 1), None)
        if twice:
            raise RegisterUnreadable(
                self.file, f'its header has "{twice}" more than once. Remove the one that is not meant.'
            )
        return found

    def _tell(self) -> None:
        if self._progress:
            self._progress(
                ReadingProgress(
                    file=self.file,
                    rows=self.rows_read,
                    bytes_read=self._text.position(),
                    total_bytes=self._text.total,
                )
            )


class _Usual:
    """Reads the lines that are rows by themselves, as nearly all are, in less than half the time that `csv` takes.

    A line that the pattern matches is cells with no quote in them, each with quotes around it or, where it holds no
    comma, without; `csv` reads the same of it. Any other line is for `csv`. Which columns have quotes differs little
    from row to row, so there is a quicker pattern for each of the first few ways; the number of quotes tells which.

    Attributes:
        width: How many fields a row has.
    """

    def __init__(self, width: int, columns: Sequence[int]) -> None:
        """Make the pattern.

        Args:
            width: How many fields a row has.
            columns: Where the wanted cells stand in a row, in the order in which they are wanted; -1 for none.
        """
        self.width = width
        self._wanted = sorted({column for column in columns if column >= 0})
        self._pick = itemgetter(*(self._wanted.index(column) if column >= 0 else -1 for column in columns))
        self._padding = ("",) if -1 in columns else ()
        self._match = _matching(f"({_FIELD})" if column in self._wanted else f"(?:{_FIELD})" for column in range(width))
        self._known: dict[int, _Match] = {}

    def cells(self, line: str) -> tuple[str, ...] | None:
        """Give the wanted cells of a line; none where it is not a row by itself, or they are all empty."""
        quotes = line.count('"')
        known = self._known.get(quotes)
        found = known(line) if known else None
        cells = found.groups() if found else self._of_another_shape(line, quotes)
        return self._pick(cells + self._padding) if any(cells) else None

    def _of_another_shape(self, line: str, quotes: int) -> tuple[str, ...]:
        found = self._match(line)
        if found is None:
            return ()
        if len(self._known) < _MOST_SHAPES:
            self._known.setdefault(quotes, self._matching_shape_of(line))
        return tuple([cell.strip('"') for cell in found.groups()])

    def _matching_shape_of(self, line: str) -> _Match:
        """Make the pattern of lines that have quotes around the same cells as one that is a row by itself."""
        quoted = [cell.startswith('"') for cell in _CELLS.findall(line)]
        return _matching(
            ('"{}"' if has_quotes else "{}").format(f"({inner})" if column in self._wanted else inner)
            for column, has_quotes in enumerate(quoted)
            for inner in ['[^"]*+' if has_quotes else '[^",\\r\\n]*+']
        )


_Match = Callable[[str], re.Match[str] | None]
_MOST_SHAPES = 8
_FIELD = '"[^"]*+"|[^",\\r\\n]*+'
_CELLS = re.compile(f"(?:^|,)({_FIELD})")


def _matching(fields: Iterable[str]) -> _Match:
    return re.compile(f"{','.join(fields)}[\\r\\n]*+").fullmatch


def require_progress(progress: object) -> None:
    """Refuse what progress cannot be told to.

    Raises:
        InvalidValue: It cannot be called, and is not None.
    """
    if progress is not None:
        validation.require_callable(progress, "progress", "a function that takes a ReadingProgress, or None")


@contextmanager
def open_table(
    given: RegisterFile, layout: Layout, report: Report = refuse, progress: Progress | None = None
) -> Iterator[Table]:
    """Open a download as a table.

    Raises:
        InvalidValue: It is neither a path nor a file opened in binary mode, or *report* or *progress* cannot be called.
        RegisterUnreadable: It is missing, damaged, empty, or not text in a known encoding.
        MissingColumns: Columns that are needed are not there.
    """
    validation.require_callable(report, "report", "a function that takes a BadRow")
    require_progress(progress)
    with open_text(given, layout.argument) as text:
        yield Table(text, layout, report, progress)


def _day_in(names: Sequence[str]) -> date | None:
    for found in (match for name in names for match in _DAY.finditer(name)):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            continue
    return None
