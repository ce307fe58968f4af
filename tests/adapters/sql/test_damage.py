"""Whatever somebody wrote into a SQLite file, only the library's own errors leave, and other rows go on (T6)."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from datashare.adapters.sql import SqlAgreementStore, create_schema, metadata, sqlite_engine
from datashare.delivery import deliver
from datashare.errors import DatashareError
from datashare.testing import FrozenClock, RecordingNotifier
from datashare.testing.changes import NOW, TRUST, asked
from tests.world import World

from .databases import disposing, sqlite_file
from .public_calls import CALLS, busy_world

VALUES = {
    "null": "NULL",
    "empty": "''",
    "word": "'x'",
    "negative": "-1",
    "fraction": "1.5",
    "huge": "9223372036854775807",
    "bytes": "x'00ff'",
    "not-utf-8": "CAST(x'78ff' AS TEXT)",
    "json": "'[{}]'",
}
COLUMNS = [f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a file in which everything is kept that a store keeps."""
    folder = tmp_path_factory.mktemp("sound")
    with sqlite_file(folder) as engine:
        busy_world(SqlAgreementStore(engine))
    return folder / "agreements.db"


def damaged(sound: Path, file: Path, column: str, value: str, where: str = "1") -> bool:
    """Copy a file, and write a value into a column; return whether SQLite let it be written."""
    shutil.copy(sound, file)
    table, name = column.split(".")
    with closing(sqlite3.connect(file)) as connection, suppress(sqlite3.IntegrityError), connection:
        connection.execute(f"UPDATE {table} SET {name} = {value} WHERE {where}")  # noqa: S608 - as written above
        return True
    return False


@pytest.mark.rule("T6")
@pytest.mark.parametrize("column", COLUMNS)
def test_whatever_is_in_a_column_only_our_own_errors_leave(sound: Path, tmp_path: Path, column: str) -> None:
    """Every call is made on a file for each of some wrong values; the key of a row may be wrong too."""
    for name, value in [*VALUES.items()][COLUMNS.index(column) % 3 :: 3]:
        file = tmp_path / f"{name}.db"
        if not damaged(sound, file, column, value):
            continue
        with disposing(sqlite_engine(file)) as engine:
            world = World(store=SqlAgreementStore(engine))
            for call in CALLS.values():
                with suppress(DatashareError):
                    call(world)


SCHEMAS = {
    "comment": "SET sql = CAST(CAST(sql AS BLOB) || x'2f2aff2a2f' AS TEXT)",
    "column": "SET sql = CAST(replace(CAST(sql AS BLOB), x'6174', x'61ff') AS TEXT)",
    "sql": "SET sql = CAST(x'7aff' AS TEXT)",
    "name": "SET name = CAST(x'7aff' AS TEXT) WHERE name = 'datashare_events'",
    "name-and-sql": "SET (name, sql) = (CAST(x'7aff' AS TEXT), CAST(x'7aff' AS TEXT)) WHERE name = 'datashare_events'",
    "all-names": "SET name = CAST(x'7aff' AS TEXT)",
    "indexes": "SET name = CAST(x'7aff' AS TEXT) WHERE type = 'index'",
    "type": "SET type = CAST(x'7aff' AS TEXT) WHERE name = 'datashare_schema'",
    "table-of-index": "SET tbl_name = CAST(x'7aff' AS TEXT)",
}


@pytest.mark.rule("T6")
@pytest.mark.parametrize("own", [True, False], ids=["own-engine", "hosts-engine"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_whatever_is_in_the_schema_only_our_own_errors_leave(
    sound: Path, tmp_path: Path, schema: str, own: bool
) -> None:
    """SQLite quotes names in its errors, with bytes that are not UTF-8; `verify` and `create_schema` meet them too."""
    file = tmp_path / "schema.db"
    shutil.copy(sound, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        assert connection.execute(f"UPDATE sqlite_master {SCHEMAS[schema]}").rowcount
    with disposing(sqlite_engine(file) if own else create_engine(f"sqlite:///{file}")) as engine:
        world = World(store=SqlAgreementStore(engine))
        for call in (lambda _: create_schema(engine), *CALLS.values()):
            with suppress(DatashareError):
                call(world)


@pytest.mark.rule("T6", "O3")
@pytest.mark.parametrize("column", ["urn", "id", "attempts", "text", "status", "error"])
def test_one_damaged_notice_holds_up_no_mail(tmp_path: Path, column: str) -> None:
    """The others are sent, and the report names the damaged one, unless nothing that matters was damaged."""
    with sqlite_file(tmp_path) as engine:
        SqlAgreementStore(engine).append([asked(urn) for urn in range(1, 4)])
    file = tmp_path / "damaged.db"
    one = "id = (SELECT min(id) FROM datashare_notices)"
    assert damaged(tmp_path / "agreements.db", file, f"datashare_notices.{column}", VALUES["not-utf-8"], where=one)
    with disposing(sqlite_engine(file)) as engine:
        store, is_sent = SqlAgreementStore(engine), column in {"status", "error"}
        report = deliver(store, RecordingNotifier(), clock=FrozenClock(NOW))

        assert (6 if is_sent else 5, 0 if is_sent else 1) == (report.delivered, len(report.unreadable))
        str(report).encode()
        marked = sum(stored.unreadable for stored in store.notices(TRUST))
        assert (0 if is_sent or column == "urn" else 1) == marked
