"""What a download may be packed and encoded as, and what is refused before a row is read."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import process_time
from typing import IO, Any, cast

import pytest

from datashare.adapters.gias import Register, read_establishments, read_register
from datashare.adapters.gias import _sources as sources
from datashare.errors import InvalidValue, RegisterUnreadable

from . import sample

TEXT = sample.lines([sample.SCHOOL, sample.SCHOOL.values()])
APOSTROPHE = TEXT.replace("Areté", "Areté’s")
NO_CSV = "it is an archive with no CSV file in it."
DAMAGED = "its compressed content is cut short or damaged"


def names(register: Register) -> list[str]:
    """Return the names of the schools of a register."""
    return [school.name for school in register.institutions.values()]


def zipped(*members: tuple[str, bytes]) -> bytes:
    """Build an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def why(content: bytes) -> str:
    """Return the reason for which content is refused."""
    with pytest.raises(RegisterUnreadable) as raised:
        read_register(io.BytesIO(content))
    assert f"the file passed in cannot be read: {raised.value.why}" == str(raised.value)
    return raised.value.why


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (APOSTROPHE.encode("cp1252"), "Areté’s"),
        (APOSTROPHE.encode("utf-8"), "Areté’s"),
        (APOSTROPHE.encode("utf-8-sig"), "Areté’s"),
        # Read as Latin-1 and saved as UTF-8: U+0092 is the apostrophe of cp1252, U+0081 is no character of it.
        (APOSTROPHE.encode("cp1252").decode("latin-1").encode(), "Areté’s"),
        (TEXT.replace("Areté", "\x81\x85").encode(), "\x81…"),
    ],
    ids=["cp1252", "UTF-8", "UTF-8 with a mark", "control characters", "no meaning"],
)
def test_each_encoding_is_detected(content: bytes, expected: str) -> None:
    """Names are the same from cp1252, from UTF-8 with and without byte order mark, and from files saved again."""
    assert [f"{expected} Primary School"] == names(read_register(io.BytesIO(content)))


def test_the_encoding_is_that_of_the_whole_file() -> None:
    """One letter in the last row decides the encoding of the first."""
    rows = [sample.SCHOOL | {"URN": str(100000 + i), "EstablishmentName": f"Plain {i}"} for i in range(5)]
    last = sample.SCHOOL | {"URN": "200000", "EstablishmentName": "Areté Ã©"}
    for encoding in ("cp1252", "utf-8"):
        assert "Areté Ã©" == names(read_register(sample.download(*rows, last, encoding=encoding)))[-1]


@pytest.mark.parametrize("cut", range(8))
def test_letters_cut_by_the_end_of_a_piece_are_whole(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter or a control character of two bytes may be cut by the end of a piece, whatever its size."""
    monkeypatch.setattr(sources, "PIECE", 64 + cut)
    text = 'URN,EstablishmentName,EstablishmentStatus (code)\n100000,"' + "é\u0092\n" * 40 + '",1\n'

    (name,) = names(read_register(io.BytesIO(text.encode())))
    assert ("é’\n" * 40).strip() == name


@pytest.mark.parametrize("piece", [64, sources.PIECE])
@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D])
def test_bytes_of_no_encoding_are_refused_with_their_place(
    byte: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five bytes mean nothing in cp1252; the message says where the first is."""
    monkeypatch.setattr(sources, "PIECE", piece)
    content = TEXT.encode("cp1252").replace(b"\xe9", bytes([byte])).replace(b'",', b'",\n')
    place = content.index(bytes([byte]))
    line = 1 + content.count(b"\n", 0, place)

    expected = f"it is neither UTF-8 nor cp1252: byte {place + 1}, 0x{byte:02x}, in line {line} is in neither."
    assert f"{expected} Save it as UTF-8." == why(content)


def test_a_byte_order_mark_before_other_text_is_refused() -> None:
    """A file that has the mark of UTF-8 and other content is damaged."""
    content = b"\xef\xbb\xbf" + TEXT.encode("cp1252")
    place = content.index(b"\xe9") + 1

    assert f"its byte order mark says UTF-8, but byte {place}, 0xe9, in line 2 is not." in why(content)


def test_a_letter_cut_off_at_the_end_is_not_utf_8() -> None:
    """A file that ends within a letter is taken as cp1252, and as damaged where it has the mark of UTF-8."""
    cut = TEXT.encode("utf-8-sig") + b"\xc3"

    assert f"byte {len(cut)}, 0xc3, in line 3 is not" in why(cut)
    assert ["Areté Primary School"] != names(read_register(io.BytesIO(cut[3:] + b"\n")))


def test_a_nul_is_refused_with_its_place() -> None:
    """A NUL byte is a sign of damage."""
    content = TEXT.encode().replace(b"Reading", b"Rea\0ing", 1)

    assert f"byte {content.index(0) + 1}, 0x00, in line 2 is NUL" in why(content)


def damaged_member() -> bytes:
    """Build an archive whose content does not fit its check sum."""
    content = bytearray(zipped(("a.csv", TEXT.encode())))
    content[60] ^= 0xFF
    return bytes(content)


def with_header(offset: int, value: int) -> bytes:
    """Build an archive with another value in both headers of its member."""
    content = bytearray(zipped(("a.csv", TEXT.encode())))
    directory = content.index(b"PK\x01\x02")
    for start in (offset, directory + offset + 2):
        content[start : start + 2] = struct.pack("<H", value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty. Download it again."),
        (TEXT.encode("utf-16"), "it is UTF-16. Save it as CSV in UTF-8."),
        (TEXT.encode("utf-16-be"), "byte 1, 0x00, in line 1 is NUL, which is not text."),
        (b"\xef\xbb\xbf\r\n <html>", "it is a web page or XML, not CSV. Download the data itself."),
        (b"x" * (sources.PIECE + 1), "it has a line of more than 1 MB. It is not a CSV file of the register."),
        (gzip.compress(b""), "it is empty. Download it again."),
        (zipped(), f"{NO_CSV} Save or download the data as CSV."),
        (zipped(("xl/a.xml", b"x"), ("__MACOSX/._a.csv", b"x")), f"{NO_CSV} It is an Excel workbook: save it as CSV."),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "it is an Excel workbook. Save it as CSV, or download the CSV file."),
        (gzip.compress(gzip.compress(TEXT.encode())), "it is packed twice. Unpack it once, and pass what comes out."),
        (gzip.compress(zipped(("a.csv", b"x"))), "it is packed twice."),
        (zipped(("a.csv", gzip.compress(b"x"))), "it is packed twice."),
        (zipped(("a.csv", b"x"), ("b.CSV", b"y")), "it holds 2 CSV files (a.csv, b.CSV). Unpack it and pass one"),
        (with_header(6, 1), "it is encrypted, or packed in an uncommon way. Unpack it first."),
        (with_header(8, 14), "it is encrypted, or packed in an uncommon way. Unpack it first."),
        (gzip.compress(TEXT.encode())[:-9], DAMAGED),
        (gzip.compress(TEXT.encode())[:-4] + b"abcd", DAMAGED),
        (b"\x1f\x8b\x08" + b"\0" * 7 + b"\xff" * 20, DAMAGED),
        (zipped(("a.csv", TEXT.encode()))[:-30], DAMAGED),
        (damaged_member(), DAMAGED),
    ],
    ids=[
        "empty", "UTF-16", "UTF-16-BE", "HTML after a mark", "one endless line", "empty gzip", "empty zip", "no CSV",
        "old workbook", "gzip in gzip", "zip in gzip", "gzip in zip", "two CSVs", "encrypted", "another method",
        "cut gzip", "wrong length", "bad stream", "cut zip", "damaged member",
    ],
)  # fmt: skip
def test_what_is_not_a_download_is_refused(content: bytes, reason: str) -> None:
    """Whatever a file turns out to be, the message says so and what to do."""
    assert why(content).startswith(reason)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("schools.csv", TEXT.encode()),
        ("schools.csv.gz", gzip.compress(TEXT.encode())),
        ("schools.zip", zipped(("folder/schools.csv", TEXT.encode()), ("README.txt", b"x"))),
        ("gzip.csv", gzip.compress(TEXT.encode())),
        ("zip.gz", zipped(("SCHOOLS.CSV", TEXT.encode()))),
        ("two members.gz", gzip.compress(TEXT[:99].encode()) + gzip.compress(TEXT[99:].encode())),
    ],
)
def test_how_a_file_is_packed_is_detected_from_its_content(tmp_path: Path, name: str, content: bytes) -> None:
    """Plain, zipped and gzipped downloads are read alike, whatever they are called."""
    path = tmp_path / name
    path.write_bytes(content)

    for source in (path, str(path)):
        assert [sample.school()] == list(read_establishments(source))


def test_a_download_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to a huge one is given up at a limit, and never held in memory."""
    monkeypatch.setattr(sources, "MOST_BYTES", 4 * sources.PIECE)
    bomb = (b"x" * 99 + b"\n") * 80_000

    for content in (gzip.compress(bomb), zipped(("a.csv", bomb)), bomb):
        assert "it holds more than 4 MB. No download of the register does." == why(content)


HEADER = b"URN,EstablishmentName,EstablishmentStatus (code)\n"
COLUMNS = HEADER[:-1] + b"".join(b",%d" % number for number in range(998))
TOO_PACKED = "it unpacks to more than 100 times its packed size, and to more than 16 MB. No download of the register"
TOO_MANY_LINES = "it has more than 250,000 lines. No download of the register does."
TOO_LONG_A_ROW = "it has more than 256 kB in one row. No download of the register does."


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: gzip.compress(b'"a\nb",' * 3_700_000, 1), TOO_PACKED),
        (lambda: gzip.compress(HEADER + b" \n" * 9_000_000, 1), TOO_PACKED),
        (lambda: zipped(("a.csv", HEADER + b"".join(b"%d,%s,1\n" % (n, b"x" * 9_999) for n in range(1700)))),
            TOO_PACKED),
        (lambda: gzip.compress(b"\n" * 16_000_000, 1), TOO_MANY_LINES),
        (lambda: HEADER + b"100000,A,1\r\n" + b"\r\n" * 400_000, TOO_MANY_LINES),
        (lambda: HEADER.replace(b"\n", b"\r") + b"\r" * 4_000_000, TOO_MANY_LINES),
        (lambda: HEADER + b"\r" * 4_000_000, "it has a line of more than 1 MB."),
        (lambda: HEADER + b",,\n" * 400_000, TOO_MANY_LINES),
        (lambda: HEADER + b"100000,A,1\n" + b'"a\nb",' * 100_000, TOO_LONG_A_ROW),
        (lambda: b'"a\nb",' * 100_000, TOO_LONG_A_ROW),
        (lambda: b"a," * 100_000 + HEADER, "it has 100,003 columns, and no download of the register has more than"),
        (lambda: COLUMNS + b"\n", "it has 1,001 columns, and no"),
        (lambda: HEADER + b"100000,A,1\n" + b"," * 262_145 + b"\n", TOO_LONG_A_ROW),
        (lambda: HEADER + b'"\n' * 400_000, "1,002 of the first 1,002 rows cannot be read"),
        (lambda: zipped(*((f"{n}.txt", b"") for n in range(1001))), "it is an archive with 1,001 files, and at most"),
        (lambda: zipped(*((f"{n}".zfill(65_000), b"") for n in range(17))), "it is an archive with a list of files of"),
    ],
    ids=[
        "two-line fields", "bad rows", "long names", "empty lines", "empty CRLF lines", "empty CR lines", "CR among LF",
        "commas", "a row of two-line fields", "a header of them", "columns", "one column too many", "a row of commas",
        "quotes", "zip entries", "zip directory",
    ],
)  # fmt: skip
def test_a_file_beyond_a_limit_is_refused_at_once(content: Callable[[], bytes], reason: str) -> None:
    """Whatever it would take to read, a file ends within the time and the memory of an honest one of its size."""
    file = io.BytesIO(content())
    started = process_time()
    with pytest.raises(RegisterUnreadable) as raised:
        read_register(file)

    assert process_time() - started < 1.5
    assert raised.value.why.startswith(reason)
    if reason != TOO_MANY_LINES:  # lines take no memory, and counting it takes long
        file.seek(0)
        tracemalloc.start()
        try:
            with suppress(RegisterUnreadable):
                read_register(file)
            assert tracemalloc.get_traced_memory()[1] < 40 * sources.PIECE
        finally:
            tracemalloc.stop()


FIVE = (
    b"URN,EstablishmentName,EstablishmentStatus (code),OpenDate,CloseDate,StatutoryLowAge,UKPRN,EstablishmentNumber\n"
)
TRUSTS = HEADER[:-1] + b",Trusts (code),Trusts (name)\n"
TOO_MANY_ROWS = "it has more than 100,000 rows. No download of the register does."
TOO_MANY_VALUES = "it has more than 200,000 different days, codes and towns. No download of the register does."
TOO_MUCH_TEXT = "it has more than 40 MB of names and codes. No download of the register does."


def rows(header: bytes, cells: str, count: int = 100_001) -> bytes:
    """Build a file of schools whose other cells are *cells*, ``{n}`` in them a number of their own."""
    return header + "".join(f"{100000 + n},A,1,{cells.format(n=n)}\n" for n in range(count)).encode()


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: rows(HEADER[:-1] + b",D\n", ""), TOO_MANY_ROWS),
        (lambda: rows(FIVE, "a{n},b{n},c{n},d{n},e{n}"), TOO_MANY_VALUES),
        (lambda: rows(TRUSTS, "{n}1~{n}2~{n}3,a~b~c"), TOO_MANY_VALUES),
        (lambda: rows(TRUSTS, "1," + "a" * 5_000, 10_000), TOO_MUCH_TEXT),
        (lambda: rows(TRUSTS, "1,\U0001f3eb" + "a" * 5_000, 10_000), TOO_MUCH_TEXT),
        (lambda: rows(TRUSTS.replace(b"Trusts", b"X"), "1," + "a" * 12_000, 12_000), "it holds more than 128 MB."),
    ],
    ids=["rows", "bad cells", "trusts", "names", "wide names", "unused text"],
)  # fmt: skip
def test_a_file_that_holds_more_than_any_register_is_refused(
    content: Callable[[], bytes], reason: str, tmp_path: Path
) -> None:
    """Rows, different cells and kept text are bounded, and so are the time and the memory that they take."""
    file = tmp_path / "schools.csv"
    file.write_bytes(content())
    if reason != TOO_MUCH_TEXT:  # rows are bounded by their number, and counting their memory takes long
        with pytest.raises(RegisterUnreadable) as raised:
            read_register(file)
    else:
        tracemalloc.start()
        try:
            with pytest.raises(RegisterUnreadable) as raised:
                read_register(file)
            assert tracemalloc.get_traced_memory()[1] < 100_000_000
        finally:
            tracemalloc.stop()

    assert raised.value.why.startswith(reason)


def test_a_file_at_the_limits_is_read() -> None:
    """As many columns as are allowed, a long row, and a file that packs well are read as any other."""
    row = b"100000,A,1" + b"," * 997
    register = read_register(io.BytesIO(COLUMNS[:-4] + b"\n" + row + b"x" * 130_000 + b"\n"))
    packed = gzip.compress(HEADER + b"100000,A,1\n" + b"100000,A,1\n" * 50_000)

    assert ([100000], [100000]) == (list(register.institutions), list(read_register(io.BytesIO(packed)).institutions))


@pytest.mark.parametrize(
    ("path", "reason", "cause"),
    [
        ("nowhere.csv", "there is no such file. Check the path.", FileNotFoundError),
        ("", "it is a folder. Pass the path of one file in it.", IsADirectoryError),
        ("a\0b.csv", "embedded null byte. Check the file, or download it again.", ValueError),
    ],
    ids=["missing", "folder", "NUL"],
)
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, path: str, reason: str, cause: type[Exception]) -> None:
    """The message names the path, and what to do."""
    file = str(tmp_path / path)

    with pytest.raises(RegisterUnreadable) as raised:
        read_register(file)
    assert f"{file} cannot be read: {reason}".replace("\0", " ") == str(raised.value)
    assert isinstance(raised.value.__cause__, cause)


def test_a_pipe_is_read() -> None:
    """What cannot be read twice is copied first."""
    reading, writing = os.pipe()
    os.write(writing, TEXT.encode())
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert [sample.school()] == list(read_establishments(pipe))


def test_a_path_that_leads_to_a_pipe_is_read(tmp_path: Path) -> None:
    """A shell's `<(unzip -p …)` is a path that can be read only once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(TEXT.encode(),))
    writer.start()

    assert [sample.school()] == list(read_establishments(path))
    writer.join()


def test_an_open_file_is_read_from_its_position_and_left_open() -> None:
    """What the host opened the host closes."""
    file = io.BytesIO(b"not this\n" + TEXT.encode())
    file.readline()

    assert [sample.school()] == list(read_establishments(file))
    assert not file.closed


@pytest.mark.parametrize(
    "source",
    [io.StringIO(TEXT), 5, None, b"schools.csv", [sample.ESTABLISHMENTS]],
    ids=["text file", "number", "None", "bytes", "list"],
)
def test_what_is_not_a_file_is_refused(source: object) -> None:
    """A file opened as text, or something that is not a file, is an invalid value."""
    with pytest.raises(InvalidValue, match="binary mode") as raised:
        read_register(cast("Any", source))
    assert "establishments" == raised.value.what


def test_files_are_called_by_their_names(tmp_path: Path) -> None:
    """A file without a name, or with a number for a name, is called the one passed in."""
    path = tmp_path / "schools.csv"
    path.write_bytes(b"")
    for file, name in (
        (path.open("rb"), str(path)),
        (os.fdopen(os.open(path, os.O_RDONLY), "rb"), "the file passed in"),
    ):
        with file, pytest.raises(RegisterUnreadable) as raised:
            read_register(file)
        assert name == raised.value.file


class Failing(io.RawIOBase):
    """A file that fails when it is read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, _size: int = -1) -> bytes:
        """Fail."""
        raise self._error


def failures(error: type[Exception]) -> list[type[Exception]]:
    """List an exception and all that derive from it."""
    return [error, *(failure for kind in error.__subclasses__() for failure in failures(kind))]


@pytest.mark.parametrize("root", sources.FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_no_foreign_exception_comes_through(root: type[Exception]) -> None:
    """Whatever kind of error reading raises is reported in the library's own words."""
    for kind in failures(root):
        if kind.__module__ not in {"builtins", "zlib", "zipfile", "gzip", "struct", "io"}:
            continue
        error = UnicodeDecodeError("utf-8", b"x", 0, 1, "bad") if issubclass(kind, UnicodeError) else kind("Bad.")
        with pytest.raises(RegisterUnreadable) as raised:
            read_register(cast("IO[bytes]", Failing(error)))
        assert error is raised.value.__cause__
        assert raised.value.why.endswith(".")
        assert not issubclass(kind, PermissionError) or "this user may not read it" in raised.value.why


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Another program may write between the two passes; what no longer fits is refused."""
    path = tmp_path / "schools.csv"
    rows = [sample.SCHOOL | {"URN": str(100000 + i)} for i in range(200)]
    path.write_bytes(sample.download(*rows, encoding="utf-8").getvalue())

    stream = read_establishments(path)
    next(stream)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 100)
    with pytest.raises(RegisterUnreadable, match="it changed while it was being read"):
        list(stream)


def test_a_stream_that_is_left_closes_its_file(tmp_path: Path) -> None:
    """A path that was opened is closed when the stream is closed, wherever it has come to."""
    path = tmp_path / "schools.csv"
    path.write_bytes(TEXT.encode())
    stream: Any = read_establishments(path)
    next(stream)
    stream.close()

    path.unlink()
    assert [] == list(stream)
