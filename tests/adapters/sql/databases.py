"""Databases for the tests of the SQL store: each with its tables, and empty when a test begins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event

from datashare.adapters.sql import create_schema, metadata, sqlite_engine
from tests.servers import Server


@contextmanager
def sqlite_file(folder: Path, name: str = "agreements.db") -> Iterator[Engine]:
    """Give an engine of a new SQLite file with its tables."""
    engine = sqlite_engine(folder / name)
    try:
        create_schema(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def server_database(server: Server) -> Iterator[Engine]:
    """Give an engine of a new database of a server, with its tables."""
    with server.database() as url:
        engine = create_engine(url, pool_size=20)
        try:
            create_schema(engine)
            yield engine
        finally:
            engine.dispose()


def emptied(engine: Engine) -> Engine:
    """Delete every row but the version of the schema."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "datashare_schema":
                connection.execute(table.delete())
    return engine


def round_trips(engine: Engine, call: Callable[[], object]) -> int:
    """Make a call, and count the statements that it executes; an executemany is one."""
    found = list[str]()

    def note(_connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(found)
