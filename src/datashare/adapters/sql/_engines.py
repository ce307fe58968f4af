"""An engine for the embedded default: one SQLite file."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from datashare.errors import InvalidValue

_LONGEST = timedelta(hours=1)


def sqlite_engine(path: str | Path, *, wait: timedelta = timedelta(seconds=30)) -> Engine:
    """Make an engine for one SQLite file, with the settings under which nothing saved is lost.

    The file is in WAL mode, so that readers and the one writer do not wait for each other; every transaction is on
    the disk before its call returns; foreign keys are enforced. The file is made when it is first used.

    Args:
        path: Where the file is; its folder must exist.
        wait: How long to wait for another writer before `StoreUnavailable`; up to an hour.

    Raises:
        InvalidValue: The path names a database in memory, or the wait is none.
    """
    url = URL.create("sqlite", database=_require_file(path))
    engine = create_engine(url, connect_args={"timeout": _require_wait(wait).total_seconds()})

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def begin_immediate(connection: Connection) -> None:
    """Take SQLite's only write lock now, so that waiting for it is all that can happen later."""
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:  # the host's engine may have begun
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _require_file(path: object) -> str:
    if isinstance(path, (str, Path)) and str(path) not in {"", ":memory:"} and not str(path).startswith("file:"):
        return str(path)
    raise InvalidValue("path", path, "the path of a file; in memory, use MemoryAgreementStore")


def _require_wait(wait: object) -> timedelta:
    if isinstance(wait, timedelta) and timedelta(0) <= wait <= _LONGEST:
        return wait
    raise InvalidValue("wait", wait, f"a timedelta from 0 to {_LONGEST}")
