"""One download as text: opened, unpacked, its encoding settled once for the whole file.

A file is read twice: first whole, in pieces of fixed size, to settle whether it is sound and how it is
encoded; then line by line. Memory stays the same however large the file is, or claims to be.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeAlias, cast

import attrs

from datashare.errors import InvalidValue, RegisterUnreadable

RegisterFile: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A download: its path, or a file opened in binary mode, read from where it stands and left open."""

PIECE = 1 << 20
MOST_BYTES = 1 << 30
"""The most that a file may hold once unpacked; the full establishment file has some 65 MB."""

FOREIGN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What opening, unpacking and decoding raise; `zipfile` lets several kinds through for a damaged archive."""

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNDEFINED_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_C1_IN_UTF_8 = re.compile(rb"\xc2[\x80-\x9f]")
_C1 = re.compile("[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")


@attrs.frozen(kw_only=True)
class Text:
    """A download that is sound, and its lines.

    Attributes:
        file: What messages call it.
        names: The names that may tell the register's day: the file's own, and that of the packed file in it.
        lines: Its lines, each with its line end.
        total: Its size once unpacked, in bytes.
        position: Tells how many bytes have been read so far.
    """

    file: str
    names: tuple[str, ...]
    lines: Iterator[str]
    total: int
    position: Callable[[], int]


@attrs.frozen
class _Packed:
    """How to read the content from its start, as often as wanted, and what it is called."""

    start: Callable[[], IO[bytes]]
    name: str = ""


@contextmanager
def open_text(given: RegisterFile, what: str) -> Iterator[Text]:
    """Open a download as text.

    Args:
        given: A path, or a file opened in binary mode.
        what: The name of the argument, for the error.

    Raises:
        InvalidValue: It is neither.
        RegisterUnreadable: It is missing, damaged, empty, or not text in a known encoding.
    """
    file = name_of(given, what)
    with ExitStack() as stack:
        with _mapped(file):
            packed = _unpacked(file, _seekable(given, what, file, stack), stack)
            survey = _Survey(file)
            for piece in _pieces(packed.start()):
                survey.take(piece)
            encoding = survey.encoding()
            content = packed.start()
            is_cp1252 = encoding == "cp1252"  # read as Latin-1 and repaired, which is quicker than Python's own decoder
            decoded_as = "latin-1" if is_cp1252 else encoding
            wrapper = stack.enter_context(io.TextIOWrapper(content, encoding=decoded_as, newline=""))
        yield Text(
            file=file,
            names=(Path(file).name, packed.name),
            lines=_lines(file, wrapper, repair=is_cp1252 or survey.in_disguise),
            total=survey.total,
            position=content.tell,
        )


def name_of(given: RegisterFile, what: str) -> str:
    """Tell what messages call a file.

    Raises:
        InvalidValue: It is neither a path nor a file.
    """
    if isinstance(given, (str, os.PathLike)):
        return os.fsdecode(given)
    if not callable(getattr(given, "read", None)):
        raise InvalidValue(what, given, "a path, or a file opened in binary mode")
    name = getattr(given, "name", None)
    return name if isinstance(name, str) and name else "the file handed in"


@contextmanager
def _mapped(file: str) -> Iterator[None]:
    """Turn what lower libraries raise into an error that says what to do."""
    try:
        yield
    except (RegisterUnreadable, InvalidValue):
        raise
    except FOREIGN as exc:
        raise RegisterUnreadable(file, _why(exc)) from exc


def _why(exc: BaseException) -> str:
    match exc:
        case FileNotFoundError():
            return "there is no such file. Check the path."
        case IsADirectoryError():
            return "it is a folder. Name one file in it."
        case PermissionError():
            return "this user may not read it. Change its permissions, or copy it."
        case EOFError() | zlib.error() | zipfile.BadZipFile() | gzip.BadGzipFile():
            return f"its compressed content is cut short or damaged ({exc}). Download it again."
        case UnicodeError():
            return "it changed while it was being read. Read it again."
        case _:
            return f"{str(exc).rstrip('.')}. Check the file, or download it again."


def _seekable(given: RegisterFile, what: str, file: str, stack: ExitStack) -> IO[bytes]:
    """Open a path, or copy what was handed in to a temporary file, since it is read twice."""
    opened: IO[bytes]
    if isinstance(given, (str, os.PathLike)):
        opened = stack.enter_context(Path(file).open("rb"))  # noqa: SIM115 - the stack closes it
        if opened.seekable():
            return opened
    else:
        opened = given
    copy: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - likewise
    size = 0
    for piece in _pieces(opened):
        if not isinstance(piece, bytes):
            raise InvalidValue(what, given, 'a file opened in binary mode ("rb")')
        size += len(piece)
        _check_size(file, size)
        copy.write(piece)
    return copy


def _check_size(file: str, size: int) -> None:
    if size > MOST_BYTES:
        raise RegisterUnreadable(file, f"it holds more than {MOST_BYTES >> 20} MB. No download of the register does.")


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(PIECE):
        yield piece


def _unpacked(file: str, binary: IO[bytes], stack: ExitStack) -> _Packed:
    """Find out from the content, not from the name, how a file is packed."""
    binary.seek(0)
    magic = binary.read(4)
    if magic.startswith(_ZIP):
        archive = stack.enter_context(zipfile.ZipFile(binary))
        member = _only_csv(file, archive)
        return _Packed(lambda: archive.open(member), Path(member.filename).name)

    def start() -> IO[bytes]:
        binary.seek(0)
        return cast("IO[bytes]", gzip.GzipFile(fileobj=binary)) if magic.startswith(_GZIP) else binary

    return _Packed(start)


def _only_csv(file: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    found = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".csv") and not Path(member.filename).name.startswith("._")
    ]
    if not found:
        raise RegisterUnreadable(file, "it is an archive with no CSV file in it. Save or download the data as CSV.")
    if len(found) > 1:
        names = ", ".join(member.filename for member in found[:5])
        raise RegisterUnreadable(file, f"it holds {len(found)} CSV files ({names}). Unpack it and name one of them.")
    if found[0].flag_bits & 1 or found[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise RegisterUnreadable(file, "it is encrypted, or packed in an uncommon way. Unpack it first.")
    return found[0]


class _Survey:
    """What is learnt from a file's bytes before any of it is believed.

    Attributes:
        total: The bytes so far.
        in_disguise: Whether UTF-8 text holds control characters that are cp1252 bytes in disguise, since the
            file was once read as Latin-1 and saved again.
    """

    def __init__(self, file: str) -> None:
        self.total = 0
        self.in_disguise = False
        self._file = file
        self._lines = 0
        self._starts = b""
        self._last = b""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._not_utf_8 = ""
        self._not_cp1252 = ""

    def take(self, piece: bytes) -> None:
        """Look at the next piece."""
        if not self.total:
            self._start(piece)
        nul = piece.find(b"\0")
        if nul >= 0:
            self._refuse(f"{self._place(piece, nul, 0)} is NUL, which no text holds. It is damaged, or no CSV file.")
        if len(piece) == PIECE and b"\n" not in piece and b"\r" not in piece:
            self._refuse(f"it has a line of more than {PIECE >> 20} MB. It is no CSV file of the register.")
        if not piece.isascii() or self._last:
            self._look_at_encoding(piece)
        self._lines += piece.count(b"\n")
        self.total += len(piece)
        _check_size(self._file, self.total)

    def encoding(self) -> str:
        """Tell the encoding of the whole file: UTF-8 with or without byte order mark, else cp1252."""
        if not self.total:
            self._refuse("it is empty. Download it again.")
        if self._last:
            self._try_utf_8(b"", final=True)
        if not self._not_utf_8:
            return "utf-8-sig" if self._starts.startswith(codecs.BOM_UTF8) else "utf-8"
        if self._starts.startswith(codecs.BOM_UTF8):
            self._refuse(f"it says that it is UTF-8, but {self._not_utf_8} is not. Download it again.")
        if self._not_cp1252:
            self._refuse(f"it is neither UTF-8 nor cp1252: {self._not_cp1252} is in neither. Save it as UTF-8.")
        self.in_disguise = False
        return "cp1252"

    def _start(self, piece: bytes) -> None:
        self._starts = piece[:64]
        if self._starts.startswith(_UTF_16):
            self._refuse("it is UTF-16. Save it as CSV in UTF-8.")
        if self._starts.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
            self._refuse("it is a web page or XML, not CSV. Download the data itself.")

    def _look_at_encoding(self, piece: bytes) -> None:
        if not self._not_cp1252 and (found := [b for b in _UNDEFINED_IN_CP1252 if b in piece]):
            index = min(map(piece.index, found))
            self._not_cp1252 = self._place(piece, index, piece[index])
        if not self._not_utf_8:
            self.in_disguise = self.in_disguise or bool(_C1_IN_UTF_8.search(self._last + piece))
            self._last = piece[-1:] if piece[-1] >= 0x80 else b""
            self._try_utf_8(piece)

    def _try_utf_8(self, piece: bytes, *, final: bool = False) -> None:
        try:
            self._decode(piece, final)
        except UnicodeDecodeError as exc:
            before = len(exc.object) - len(piece)  # what the decoder kept of the last piece
            self._not_utf_8 = self._place(piece, exc.start - before, exc.object[exc.start])
            self._last = b""

    def _place(self, piece: bytes, index: int, value: int) -> str:
        line = self._lines + piece.count(b"\n", 0, max(index, 0)) + 1
        return f"byte {self.total + index + 1}, 0x{value:02x}, in line {line}"

    def _refuse(self, why: str) -> None:
        raise RegisterUnreadable(self._file, why)


def _lines(file: str, wrapper: io.TextIOWrapper, *, repair: bool) -> Iterator[str]:
    with _mapped(file):
        if not repair:
            yield from wrapper
            return
        for line in wrapper:
            yield line if line.isascii() else _C1.sub(_meant, line)


def _meant(control: re.Match[str]) -> str:
    """Give the character that a C1 control character stood for in cp1252: U+0092 is an apostrophe."""
    return control[0].encode("latin-1").decode("cp1252")
