"""One download as text: opened, unpacked, and decoded in one encoding.

A file is read twice: first whole, in pieces of fixed size, to check that it is sound and to detect its
encoding; then line by line. Memory stays the same however large the file is, or claims to be.

What a file may hold is bounded, at several times what the register has, since a small packed file can unpack to
anything. Those on size are checked in the first reading, which is quick, and those on lines and rows in the second.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, NoReturn, TypeAlias, cast

import attrs

from datashare.errors import InvalidInput, InvalidValue, RegisterUnreadable

RegisterFile: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A download: its path, or a file opened in binary mode, read from its current position and left open."""

PIECE = 1 << 20
MOST_BYTES = 1 << 27
"""The most that a file may hold once unpacked; the full establishment file has some 65 MB."""
MOST_LINES = 250_000
"""The most lines, empty ones included; the full establishment file has some 52,000."""
LONGEST_ROW = 1 << 18
"""The most characters in a row, whatever its lines; those of the establishment file have under 2,000."""
MOST_TIMES_PACKED = 100
"""How many times its packed size a file may unpack to; the register's files unpack to about ten times theirs."""
ALWAYS_UNPACKED = 1 << 24
"""A file of up to this size, once unpacked, may unpack to any number of times its packed size."""
MOST_ENTRIES = 1_000
"""The most files in an archive; that of the whole register has ten."""

FOREIGN = (OSError, EOFError, ValueError, RuntimeError, OverflowError, struct.error, zlib.error, zipfile.BadZipFile)
"""What opening, unpacking and decoding raise; `zipfile` raises several kinds for a damaged archive."""

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_EXCEL_97 = b"\xd0\xcf\x11\xe0"
_EXCEL_SHEETS = "xl/"
_DELIMITERS = ",;\t"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNDEFINED_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_C1 = re.compile("[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")
"""The control characters that cp1252 text has in place of letters and signs once it is decoded as Latin-1."""


@attrs.frozen(kw_only=True)
class Text:
    """A download that is sound, and its lines.

    Attributes:
        file: What messages call it.
        names: The names that may hold the register's day: the file's own, and that of the packed file in it.
        lines: Its lines, each with its line end.
        again: Opens its lines from the start once more; the reading of *lines* then goes on where it was.
        begin_row: Begins to count the characters of a row anew; a row that is too long is refused.
        delimiter: What separates the fields.
        total: Its size once unpacked, in bytes.
        position: Returns how many bytes have been read so far.
    """

    file: str
    names: tuple[str, ...]
    lines: Iterator[str]
    again: Callable[[], AbstractContextManager[Iterator[str]]]
    begin_row: Callable[[], None]
    delimiter: str
    total: int
    position: Callable[[], int]


class _Lines:
    """Opens the lines of a download, and refuses a row of too many characters.

    Attributes:
        left: How many characters the present row may still have.
    """

    def __init__(self, file: str, *, encoding: str, newline: str, repair: bool) -> None:
        self._file = file
        self._encoding = encoding
        self._newline = newline
        self._repair = repair
        self.begin_row()

    def begin_row(self) -> None:
        """Begin to count anew."""
        self._left = LONGEST_ROW

    def wrap(self, content: IO[bytes]) -> io.TextIOWrapper:
        """Return content as text."""
        return io.TextIOWrapper(content, encoding=self._encoding, newline=self._newline)

    def walk(self, text: io.TextIOWrapper) -> Iterator[str]:
        """Yield the lines of a text."""
        repair = self._repair
        with _explaining_errors(self._file):
            for number, line in enumerate(text, 1):
                self._left -= len(line)
                if self._left < 0 or number > MOST_LINES:
                    limit = f"{MOST_LINES:,} lines" if number > MOST_LINES else f"{LONGEST_ROW >> 10} kB in one row"
                    why = f"it has more than {limit}. No download of the register does."
                    raise RegisterUnreadable(self._file, why)
                yield line if not repair or line.isascii() else _C1.sub(_cp1252_character, line)


@contextmanager
def open_text(source: RegisterFile, argument: str) -> Iterator[Text]:
    """Open a download as text.

    Args:
        source: A path, or a file opened in binary mode.
        argument: The name of the argument, for the error.

    Raises:
        InvalidValue: It is neither.
        RegisterUnreadable: It is missing, damaged, empty, or not text in a known encoding.
    """
    file = _name_of(source, argument)
    with ExitStack() as stack:
        with _explaining_errors(file):
            binary = _seekable(source, argument, file, stack)
            start, member = _unpacked(file, binary, stack)
            survey = _Survey(file, start, packed=binary.seek(0, os.SEEK_END))
            encoding = survey.encoding()
            lines = _Lines(
                file,
                # cp1252 is decoded as Latin-1 and repaired, which is quicker than Python's own decoder.
                encoding="latin-1" if encoding == "cp1252" else encoding,
                # Lines that end with LF are read in a third of the time of lines that may end with CR alone, as old
                # Macintosh files do.
                newline="" if survey.may_end_with_cr else "\n",
                repair=encoding == "cp1252" or survey.has_c1,
            )
            content = start()
            text = stack.enter_context(lines.wrap(content))

        @contextmanager
        def again() -> Iterator[Iterator[str]]:
            position = binary.tell()
            second = lines.wrap(start())
            try:
                yield lines.walk(second)
            finally:
                second.detach()  # a plain file is read on, so it is not closed
                binary.seek(position)

        yield Text(
            file=file,
            names=(Path(file).name, member),
            lines=lines.walk(text),
            again=again,
            begin_row=lines.begin_row,
            delimiter=survey.delimiter,
            total=survey.total,
            position=content.tell,
        )


def _name_of(source: RegisterFile, argument: str) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    if not callable(getattr(source, "read", None)):
        raise InvalidInput(argument, source, "a path, or a file opened in binary mode")
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "the file passed in"


@contextmanager
def _explaining_errors(file: str) -> Iterator[None]:
    """Turn what lower libraries raise into an error that says what to do."""
    try:
        yield
    except (RegisterUnreadable, InvalidValue):
        raise
    except FOREIGN as exc:
        raise RegisterUnreadable(file, _explanation(exc)) from exc


def _explanation(exc: BaseException) -> str:
    match exc:
        case FileNotFoundError():
            return "there is no such file. Check the path."
        case IsADirectoryError():
            return "it is a folder. Pass the path of one file in it."
        case PermissionError():
            return "this user may not read it. Change its permissions, or copy it."
        case EOFError() | zlib.error() | zipfile.BadZipFile() | gzip.BadGzipFile():
            return f"its compressed content is cut short or damaged ({exc}). Download it again."
        case UnicodeError():
            return "it changed while it was being read. Read it again."
        case _:
            return f"{str(exc).rstrip('.')}. Check the file, or download it again."


def _seekable(source: RegisterFile, argument: str, file: str, stack: ExitStack) -> IO[bytes]:
    """Open a path; copy an open file, or a path that can be read only once, to a temporary file."""
    if isinstance(source, (str, os.PathLike)):
        source = cast("IO[bytes]", stack.enter_context(Path(file).open("rb")))  # noqa: SIM115 - the stack closes it
        if source.seekable():
            return source
    copy: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - likewise
    for piece in _pieces(source):
        if not isinstance(piece, bytes):
            raise InvalidInput(argument, source, 'a file opened in binary mode ("rb")')
        copy.write(piece)
        _check_size(file, copy.tell())
    return copy


def _check_size(file: str, size: int) -> None:
    if size > MOST_BYTES:
        raise RegisterUnreadable(file, f"it holds more than {MOST_BYTES >> 20} MB. No download of the register does.")


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(PIECE):
        yield piece


def _unpacked(file: str, binary: IO[bytes], stack: ExitStack) -> tuple[Callable[[], IO[bytes]], str]:
    """Detect from the content, not from the name, how a file is packed.

    Returns:
        A function that opens the content at its start, as often as it is called, and the name of the packed file.
    """
    binary.seek(0)
    magic = binary.read(4)
    if magic.startswith(_ZIP):
        archive = stack.enter_context(zipfile.ZipFile(cast("IO[bytes]", _InPieces(file, binary))))
        member = _only_csv(file, archive)
        return lambda: archive.open(member), Path(member.filename).name

    def start() -> IO[bytes]:
        binary.seek(0)
        return cast("IO[bytes]", gzip.GzipFile(fileobj=binary)) if magic.startswith(_GZIP) else binary

    return start, ""


class _InPieces:
    """A packed file of which nothing large is read at once, as `zipfile` does with the list of an archive's files."""

    def __init__(self, file: str, binary: IO[bytes]) -> None:
        self._file = file
        self._binary = binary
        self.seek, self.tell, self.seekable = binary.seek, binary.tell, binary.seekable

    def read(self, size: int = -1) -> bytes:
        """Read the next bytes.

        Raises:
            RegisterUnreadable: They are too many.
        """
        if size > PIECE:
            _refuse_entries(self._file, f"a list of files of {size / PIECE:,.0f} MB")
        return self._binary.read(size)


def _refuse_entries(file: str, what: str) -> NoReturn:
    raise RegisterUnreadable(
        file, f"it is an archive with {what}, and at most {MOST_ENTRIES:,} files are allowed. Pass the CSV file itself."
    )


def _only_csv(file: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    if len(archive.infolist()) > MOST_ENTRIES:
        _refuse_entries(file, f"{len(archive.infolist()):,} files")
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".csv") and not Path(member.filename).name.startswith("._")
    ]
    if not members:
        is_workbook = any(name.startswith(_EXCEL_SHEETS) for name in archive.namelist())
        why = "It is an Excel workbook: save it as CSV." if is_workbook else "Save or download the data as CSV."
        raise RegisterUnreadable(file, f"it is an archive with no CSV file in it. {why}")
    if len(members) > 1:
        names = ", ".join(member.filename for member in members[:5])
        raise RegisterUnreadable(file, f"it holds {len(members)} CSV files ({names}). Unpack it and pass one of them.")
    if members[0].flag_bits & 1 or members[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise RegisterUnreadable(file, "it is encrypted, or packed in an uncommon way. Unpack it first.")
    return members[0]


class _Survey:
    """What the first reading learns from a file's bytes.

    Attributes:
        total: The bytes so far.
        has_c1: Whether UTF-8 text holds control characters that stand for cp1252 characters, since the file was once
            read as Latin-1 and saved again.
        may_end_with_cr: Whether lines may end with CR alone.
        delimiter: What separates the header's names: a comma, or what spreadsheets write in other countries.
    """

    def __init__(self, file: str, start: Callable[[], IO[bytes]], *, packed: int) -> None:
        self.total = 0
        self.may_end_with_cr = False
        self.delimiter = ","
        self._packed = packed
        self.has_c1 = False
        self._file = file
        self._start = start
        self._has_mark = False
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._not_utf_8: int | None = None
        self._not_cp1252: int | None = None

    def encoding(self) -> str:
        """Read the whole file, and return its encoding: UTF-8 with or without byte order mark, else cp1252."""
        for piece in _pieces(self._start()):
            self._examine(piece)
        if not self.total:
            self._refuse("it is empty. Download it again.")
        self._try_utf_8(b"", final=True)
        if self._not_utf_8 is None:
            return "utf-8-sig" if self._has_mark else "utf-8"
        if self._has_mark:
            place = self._place(self._not_utf_8)
            self._refuse(f"its byte order mark says UTF-8, but {place} is not. Download it again.")
        if self._not_cp1252 is not None:
            place = self._place(self._not_cp1252)
            self._refuse(f"it is neither UTF-8 nor cp1252: {place} is in neither. Save it as UTF-8.")
        return "cp1252"

    def _examine(self, piece: bytes) -> None:
        if not self.total:
            self._examine_start(piece)
        if b"\0" in piece:
            place = self._place(self.total + piece.index(b"\0"))
            self._refuse(f"{place} is NUL, which is not text. It is damaged, or not a CSV file.")
        if len(piece) == PIECE and b"\n" not in piece and not (self.may_end_with_cr and b"\r" in piece):
            self._refuse(f"it has a line of more than {PIECE >> 20} MB. It is not a CSV file of the register.")
        self._try_utf_8(piece)
        undefined = [piece.index(byte) for byte in _UNDEFINED_IN_CP1252 if byte in piece]
        if undefined and self._not_cp1252 is None:
            self._not_cp1252 = self.total + min(undefined)
        self.total += len(piece)
        self._check_limits()

    def _check_limits(self) -> None:
        _check_size(self._file, self.total)
        if self.total > max(ALWAYS_UNPACKED, MOST_TIMES_PACKED * self._packed):
            self._refuse(
                f"it unpacks to more than {MOST_TIMES_PACKED} times its packed size, and to more than "
                f"{ALWAYS_UNPACKED >> 20} MB. No download of the register does."
            )

    def _examine_start(self, piece: bytes) -> None:
        if piece.startswith(_UTF_16):
            self._refuse("it is UTF-16. Save it as CSV in UTF-8.")
        if piece.startswith((_GZIP, *_ZIP)):
            self._refuse("it is packed twice. Unpack it once, and pass what comes out.")
        if piece.startswith(_EXCEL_97):
            self._refuse("it is an Excel workbook. Save it as CSV, or download the CSV file.")
        self._has_mark = piece.startswith(codecs.BOM_UTF8)
        first_line = piece.partition(b"\n")[0]
        self.may_end_with_cr = b"\r" in (first_line.removesuffix(b"\r") if b"\n" in piece else first_line)
        self.delimiter = max(_DELIMITERS, key=lambda mark: first_line.count(mark.encode()))
        if piece[:64].removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
            self._refuse("it is a web page or XML, not CSV. Download the data itself.")

    def _try_utf_8(self, piece: bytes, *, final: bool = False) -> None:
        if self._not_utf_8 is not None:
            return
        try:
            text = self._decode(piece, final)
        except UnicodeDecodeError as exc:
            begun = len(exc.object) - len(piece)  # the bytes of a letter that began in the piece before
            self._not_utf_8 = self.total + exc.start - begun
        else:
            self.has_c1 = self.has_c1 or (not text.isascii() and bool(_C1.search(text)))

    def _place(self, offset: int) -> str:
        """Describe where a byte is. Reads the file again, since sound files need no count of their lines."""
        content, left, line = self._start(), offset, 1
        while left and (piece := content.read(min(left, PIECE))):
            line += piece.count(b"\n")
            left -= len(piece)
        return f"byte {offset + 1}, 0x{content.read(1).hex()}, in line {line}"

    def _refuse(self, why: str) -> NoReturn:
        raise RegisterUnreadable(self._file, why)


def _cp1252_character(control: re.Match[str]) -> str:
    """Return the character that a C1 control character is in cp1252: U+0092 is an apostrophe."""
    return control[0].encode("latin-1").decode("cp1252")
