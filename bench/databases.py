"""SQLite and PostgreSQL with our tables, and the same rows written by the bare drivers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import attrs
import psycopg
from sqlalchemy import Engine, Table, create_engine

from datashare.adapters.sql import create_schema, metadata, sqlite_engine
from tests.servers import Server

from .measuring import Work

TABLES = tuple(
    table for table in metadata.sorted_tables if table.name not in {"datashare_schema", "datashare_registers"}
)
"""The tables that a request writes, in an order that the foreign keys allow."""

Rows = dict[str, list[tuple[Any, ...]]]
"""The rows that our store wrote, by table."""


class Database(Protocol):
    """A kind of database in which a request is saved.

    Attributes:
        name: Its name in the printed table.
        floor: The name of its floor there.
    """

    name: str
    floor: str

    def engine(self) -> AbstractContextManager[Engine]:
        """Yield an empty database with our tables."""

    def read(self, engine: Engine) -> Rows:
        """Read what was written with the bare driver."""

    def writing(self, engine: Engine, rows: Rows) -> AbstractContextManager[Work]:
        """Yield the work of writing rows by the bare driver, in one transaction, on an open connection."""

    def fill(self, engine: Engine, parts: Iterable[Rows]) -> None:
        """Write very many rows, and let the database update its statistics."""


def _insert(table: Table, placeholder: str) -> str:
    names = [column.name for column in table.columns]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join([placeholder] * len(names))})"  # noqa: S608


def _select(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"SELECT {names} FROM {table.name} ORDER BY {', '.join(key.name for key in table.primary_key)}"  # noqa: S608


@attrs.frozen
class SQLite:
    """A SQLite file."""

    name = "SQLite file"
    floor = "sqlite3.executemany"

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Yield an empty file with our tables."""
        with TemporaryDirectory() as folder:
            engine = sqlite_engine(Path(folder) / "agreements.sqlite")
            create_schema(engine)
            yield engine
            engine.dispose()

    def read(self, engine: Engine) -> Rows:
        """Read what was written with the bare driver."""
        with closing(sqlite3.connect(str(engine.url.database))) as connection:
            return {table.name: connection.execute(_select(table)).fetchall() for table in TABLES}

    @contextmanager
    def writing(self, engine: Engine, rows: Rows) -> Iterator[Work]:
        """Yield the work of writing rows with the settings of the store's engine."""
        engine.dispose()
        with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
            for setting in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {setting}")
            yield lambda: self._write(connection, rows)

    def _write(self, connection: sqlite3.Connection, rows: Rows) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            connection.executemany(_insert(table, "?"), rows.get(table.name, ()))
        connection.execute("COMMIT")

    def fill(self, engine: Engine, parts: Iterable[Rows]) -> None:
        """Write very many rows."""
        with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
            for rows in parts:
                self._write(connection, rows)
            connection.execute("ANALYZE")


@attrs.frozen
class PostgreSQL:
    """A database of a PostgreSQL server with the server's own settings, durability included."""

    server: Server
    name = "PostgreSQL"
    floor = "psycopg executemany"

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Yield an empty database with our tables."""
        with self.server.database() as url:
            engine = create_engine(url)
            create_schema(engine)
            yield engine
            engine.dispose()

    def read(self, engine: Engine) -> Rows:
        """Read what was written with the bare driver."""
        with self._connected(engine) as connection:
            return {table.name: connection.execute(_select(table).encode()).fetchall() for table in TABLES}

    @contextmanager
    def writing(self, engine: Engine, rows: Rows) -> Iterator[Work]:
        """Yield the work of writing rows in a transaction of the driver."""
        engine.dispose()
        with self._connected(engine) as connection:
            yield lambda: self._write(connection, rows)

    def _write(self, connection: psycopg.Connection[Any], rows: Rows) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            for table in TABLES:
                cursor.executemany(_insert(table, "%s").encode(), rows[table.name])

    def fill(self, engine: Engine, parts: Iterable[Rows]) -> None:
        """Write very many rows by COPY."""
        with self._connected(engine) as connection:
            for rows in parts:
                for table in TABLES:
                    self._copy(connection, table, rows.get(table.name, []))
            connection.execute("ANALYZE")

    def _copy(self, connection: psycopg.Connection[Any], table: Table, rows: list[tuple[Any, ...]]) -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def _connected(self, engine: Engine) -> psycopg.Connection[Any]:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url)
