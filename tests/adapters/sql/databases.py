"""Databases for the tests of the SQL store: each with its tables, and empty when a test begins."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url

from datashare.adapters.sql import (
    SqlAgreementStore,
    create_directory_schema,
    create_schema,
    directory_metadata,
    metadata,
    sqlite_engine,
)
from tests.servers import Server

MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)
on_servers = pytest.mark.parametrize("engine", ["postgresql", MARIADB], indirect=True)


@contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    """Close an engine's connections when the block ends."""
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def sqlite_file(folder: Path, name: str = "agreements.db") -> Iterator[Engine]:
    """Build an engine of a new SQLite file with its tables."""
    with disposing(sqlite_engine(folder / name)) as engine:
        create_schema(engine)
        create_directory_schema(engine)
        yield engine


@contextmanager
def server_database(server: Server) -> Iterator[Engine]:
    """Build an engine of a new database of a server, with its tables."""
    with server.database() as url, disposing(create_engine(url, pool_size=20)) as engine:
        create_schema(engine)
        create_directory_schema(engine)
        yield engine


def emptied(engine: Engine) -> Engine:
    """Delete every row but the versions of the schemas."""
    with engine.begin() as connection:
        for table in (*reversed(metadata.sorted_tables), *directory_metadata.sorted_tables):
            if table.name not in {"datashare_schema", "datashare_directory"}:
                connection.execute(table.delete())
        connection.execute(directory_metadata.tables["datashare_directory"].update().values(day=None))
    return engine


def open_engine(url: str) -> Engine:
    """Build another engine of the same database."""
    file = make_url(url).database if url.startswith("sqlite") else None
    return sqlite_engine(file) if file else create_engine(url)


def open_store(url: str) -> SqlAgreementStore:
    """Make another store over the same database, in this process or another one."""
    return SqlAgreementStore(open_engine(url))


def url_of(engine: Engine) -> str:
    """Return the URL of an engine's database, for `open_engine`."""
    return engine.url.render_as_string(hide_password=False)


def fail_nth_write(engine: Engine, number: int) -> None:
    """Let the n-th statement from now on that writes fail on an engine, as where the disk is full."""
    writes = count(1)

    def fail(_connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE")) and next(writes) == number:
            raise exc.OperationalError(statement, {}, sqlite3.OperationalError("database or disk is full"))

    event.listen(engine, "before_cursor_execute", fail)


def statements_of(engine: Engine, call: Callable[[], object]) -> list[tuple[str, Any]]:
    """Make a call, and return the statements that it executes with their parameters; an executemany is one."""
    executed = list[tuple[str, Any]]()

    def note(_connection: Connection, _cursor: object, statement: str, parameters: object, *_others: object) -> None:
        executed.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return executed


def round_trips(engine: Engine, call: Callable[[], object]) -> int:
    """Make a call, and count the statements that it executes."""
    return len(statements_of(engine, call))
