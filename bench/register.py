"""Reading the register at its full size: the time it takes, and the memory to hold it."""

from __future__ import annotations

import csv
import gzip
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datashare.adapters.gias import read_register

from .measuring import Amount, Contestant, Line, Work, in_turns
from .sizes import Sizes

SAMPLE = Path(__file__).parents[1] / "examples" / "data" / "edubasealldata20250718_sample.csv.gz"
ENCODING = "cp1252"
FIRST_URN = 100_000
"""Of six digits, as the register's own are."""
FIRST_UKPRN = 10_000_000
"""Of eight digits that begin with 1, likewise."""
LIKE_NO_OTHER = ("EstablishmentName", "Street", "Postcode", "UKPRN")
"""What nearly every school of the real register has of its own; repeated cells would be read once and share memory."""
MOST_BYTES = 1024.0


def register_lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the reading of a full-size file, and the memory."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "edubasealldata20250718.csv"
        columns = write_full_size(file, sizes.register_rows)
        work = f"read the register, {sizes.register_rows:,} rows × {columns} columns"
        contestants: dict[str, Contestant] = {
            "ours": lambda: _work(lambda: read_register(file)),
            "csv.reader, walking only": lambda: _work(lambda: _walk(file)),
            "pandas, one object a row": lambda: _work(lambda: _by_pandas(file)),
        }
        taken = in_turns(contestants, rounds=sizes.long_rounds)
        ours = taken.pop("ours")
        for (against, theirs), bar in zip(taken.items(), (2.0, 1.0), strict=True):
            yield Line(work=work, ours=ours, against=against, theirs=theirs, bar=bar)
        held = _bytes_an_institution(file)
    yield Line(
        work="memory to hold the register, an institution",
        ours=Amount(least=held, median=held, unit="B"),
        against="1 KiB",
        theirs=Amount(least=MOST_BYTES, median=MOST_BYTES, unit="B"),
        bar=1.0,
    )


def write_full_size(file: Path, count: int) -> int:
    """Write as many rows as a register has; tell how many columns they have."""
    header, rows = full_size_rows(count)
    write_rows(file, header, (row for row, _ in rows))
    return len(header)


def full_size_rows(count: int) -> tuple[list[str], Iterator[tuple[list[str], int]]]:
    """Give *count* rows, those of the sample again and again under new URNs, each with the number of its repetition.

    What schools have of their own is made different in each repetition, without changing its length by much.
    """
    with gzip.open(SAMPLE, "rt", encoding=ENCODING, newline="") as sample:
        header, *rows = csv.reader(sample)
    urn, own = header.index("URN"), [header.index(name) for name in LIKE_NO_OTHER]
    places = (divmod(number, len(rows)) for number in range(count))
    made = (
        (_like_no_other(rows[index], repetition, FIRST_URN + repetition * len(rows) + index, urn, own), repetition)
        for repetition, index in places
    )
    return header, made


def write_rows(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a download as the register does: every field in quotes, CRLF."""
    with file.open("w", encoding=ENCODING, newline="") as target:
        writer = csv.writer(target, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows(rows)


def _like_no_other(row: Sequence[str], repetition: int, urn: int, urn_column: int, own: Sequence[int]) -> list[str]:
    made = list(row)
    made[urn_column] = str(urn)
    for column in own:
        cell = made[column]
        if repetition and cell:
            made[column] = f"{FIRST_UKPRN + urn}" if cell.isdecimal() else f"{cell[:-2]}{repetition:02}"
    return made


@contextmanager
def _work(work: Work) -> Iterator[Work]:
    yield work


def _walk(file: Path) -> None:
    with file.open(encoding=ENCODING, newline="") as lines:
        for _ in csv.reader(lines):
            pass


def _by_pandas(file: Path) -> list[object]:
    """Read the columns that we read, as text, and make a named tuple of each row."""
    pandas: Any = import_module("pandas")
    frame = pandas.read_csv(file, encoding=ENCODING, usecols=COLUMNS, dtype=str, keep_default_na=False)
    return list(frame.itertuples(index=False, name="School"))


COLUMNS = (
    "URN",
    "EstablishmentName",
    "EstablishmentStatus (code)",
    "EstablishmentStatus (name)",
    "OpenDate",
    "CloseDate",
    "PhaseOfEducation (code)",
    "TypeOfEstablishment (code)",
    "TypeOfEstablishment (name)",
    "EstablishmentTypeGroup (code)",
    "EstablishmentTypeGroup (name)",
    "LA (code)",
    "LA (name)",
    "EstablishmentNumber",
    "Trusts (code)",
    "Trusts (name)",
    "Federations (code)",
    "Federations (name)",
    "Street",
    "Town",
    "County (name)",
    "Postcode",
    "StatutoryLowAge",
    "StatutoryHighAge",
    "UKPRN",
)
"""What the reader of the register reads."""


def _bytes_an_institution(file: Path) -> float:
    """Tell what the institutions of the register hold in memory, once all that was needed to read them is gone."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        register = read_register(file)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(register.institutions)
