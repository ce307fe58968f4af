"""The register at its full size: the time to read it and to load it into a database, and the memory to hold it."""

from __future__ import annotations

import csv
import gzip
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datashare.adapters.gias import Register, read_register
from datashare.adapters.gias._establishments import ESTABLISHMENTS
from datashare.adapters.sql import SqlInstitutionDirectory, create_directory_schema
from tests.servers import Server

from .databases import Database, PostgreSQL, SQLite
from .measuring import Amount, Contestant, Line, Work, in_turns
from .sizes import Sizes

SAMPLE = Path(__file__).parents[1] / "examples" / "data" / "edubasealldata20250718_sample.csv.gz"
ENCODING = "cp1252"
FIRST_URN = 100_000
"""Of six digits, as the register's own are."""
FIRST_UKPRN = 10_000_000
"""Of eight digits that begin with 1, likewise."""
LIKE_NO_OTHER = ("EstablishmentName", "Street", "Postcode", "UKPRN")
"""What nearly every real school has of its own; equal cells would be read once and share their memory."""
NUMBERS = frozenset(
    {
        "URN",
        "LinkURN",
        "StatutoryLowAge",
        "StatutoryHighAge",
        "SchoolCapacity",
        "UKPRN",
        "FEHEIdentifier",
        "TeenMothPlaces",
        "PlacesPRU",
        "ResourcedProvisionOnRoll",
        "ResourcedProvisionCapacity",
        "SenUnitOnRoll",
        "SenUnitCapacity",
        "Easting",
        "Northing",
        "SENStat",
        "SENNoStat",
    }
)
"""The columns whose cells the Department writes as numbers; it quotes all other cells, and those that are empty."""
MOST_BYTES = 1024.0
A_MINUTE = 60.0


def register_lines(postgresql: Server, sizes: Sizes) -> Iterator[Line]:
    """Measure the reading of a full-size file, the memory, and the loading into each database."""
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
        # pandas has no bar: it checks nothing and builds nothing but tuples of text, so that its time is only reported.
        for (against, theirs), bar in zip(taken.items(), (2.0, None), strict=True):
            yield Line(work=work, ours=ours, against=against, theirs=theirs, bar=bar)
        held = _bytes_an_institution(file)
        register = read_register(file)
    yield Line(
        work="memory to hold the register, an institution",
        ours=Amount(least=held, median=held, unit="B"),
        against="1 KiB",
        theirs=Amount(least=MOST_BYTES, median=MOST_BYTES, unit="B"),
        bar=1.0,
    )
    for database in (SQLite(), PostgreSQL(postgresql)):
        yield Line(
            work=f"load {sizes.register_rows:,} institutions, {database.name}",
            ours=in_turns({"ours": partial(_loading, database, register)}, rounds=sizes.long_rounds)["ours"],
            against="a minute",
            theirs=Amount(least=A_MINUTE, median=A_MINUTE),
            bar=1.0,
        )


@contextmanager
def _loading(database: Database, register: Register) -> Iterator[Work]:
    """Yield the replacement of a register by itself, as every night."""
    with database.engine() as engine:
        create_directory_schema(engine)
        directory = SqlInstitutionDirectory(engine)
        directory.load(register)
        yield lambda: directory.load(register)


def write_full_size(file: Path, count: int) -> int:
    """Write a register of *count* rows, and return the number of its columns."""
    header, rows = full_size_rows(count)
    write_rows(file, header, (row for row, _ in rows))
    return len(header)


def full_size_rows(count: int) -> tuple[list[str], Iterator[tuple[list[str], int]]]:
    """Return the header, and *count* rows with the number of their repetition: the sample's under ever new URNs.

    What schools have of their own differs in each repetition, at about the same length.
    """
    with gzip.open(SAMPLE, "rt", encoding=ENCODING, newline="") as sample:
        header, *rows = csv.reader(sample)
    urn, own = header.index("URN"), [header.index(name) for name in LIKE_NO_OTHER]
    places = (divmod(number, len(rows)) for number in range(count))
    repeated = (
        (_like_no_other(rows[index], repetition, FIRST_URN + repetition * len(rows) + index, urn, own), repetition)
        for repetition, index in places
    )
    return header, repeated


def write_rows(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a download as the Department does: text and empty cells in quotes, numbers without, CRLF."""
    numbers = {column for column, name in enumerate(header) if name in NUMBERS}
    with file.open("w", encoding=ENCODING, newline="") as target:
        writer = csv.writer(target, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(header)
        for row in rows:
            writer.writerow([int(cell) if column in numbers and cell else cell for column, cell in enumerate(row)])


def _like_no_other(row: Sequence[str], repetition: int, urn: int, urn_column: int, own: Sequence[int]) -> list[str]:
    cells = list(row)
    cells[urn_column] = str(urn)
    for column in own:
        cell = cells[column]
        if repetition and cell:
            cells[column] = f"{FIRST_UKPRN + urn}" if cell.isdecimal() else f"{cell[:-2]}{repetition:02}"
    return cells


@contextmanager
def _work(work: Work) -> Iterator[Work]:
    yield work


def _walk(file: Path) -> None:
    with file.open(encoding=ENCODING, newline="") as lines:
        for _ in csv.reader(lines):
            pass


def _by_pandas(file: Path) -> list[object]:
    """Read the columns that we read, as text, and build a named tuple of each row."""
    pandas: Any = import_module("pandas")
    columns = [name for name, *_ in ESTABLISHMENTS.cells]
    frame = pandas.read_csv(file, encoding=ENCODING, usecols=columns, dtype=str, keep_default_na=False)
    return list(frame.itertuples(index=False, name="School"))


def _bytes_an_institution(file: Path) -> float:
    """Return the memory that a register holds for each institution, once all that was needed to read it is gone."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        register = read_register(file)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(register.institutions)
