"""An engine for the embedded default: one SQLite file."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from datashare.domain import validation
from datashare.errors import InvalidValue

_LONGEST = timedelta(hours=1)


def sqlite_engine(path: str | Path, *, wait: timedelta = timedelta(seconds=30), read_only: bool = False) -> Engine:
    """Make an engine for one SQLite file, with the settings under which nothing saved is lost.

    The file is in WAL mode, so that readers and the one writer do not wait for each other; every transaction is on
    the disk before its call returns; foreign keys are enforced. The file is made when it is first used.

    Read-only, it is neither made nor changed by one byte, and no file is made beside it, so that evidence is left as
    it was, and a write-protected copy can be read. Only where a log of SQLite's (``-wal`` or ``-journal``) lies beside
    it, as while a host has it open, may SQLite make the index to that log. Without one, nobody may write to the file
    while it is read.

    Args:
        path: Where the file is; its folder must exist.
        wait: How long to wait for another writer before `StoreUnavailable`; up to an hour.
        read_only: Whether to only read the file; what would write raises `StoreUnavailable`.

    Raises:
        InvalidValue: The path names a database in memory, or the wait is none.
    """
    file, seconds = _require_file(path), _require_wait(wait).total_seconds()
    if validation.require_a(read_only, bool, "read_only", "True or False"):
        # Each use finds out anew how the file can be read.
        return create_engine("sqlite://", creator=lambda: _reading(Path(file), seconds), poolclass=NullPool)
    engine = create_engine(URL.create("sqlite", database=file), connect_args={"timeout": seconds})

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


_LOGS = ("-wal", "-journal")


def _reading(file: Path, seconds: float) -> sqlite3.Connection:
    """Open a file so that it stays as it is."""
    is_in_use = any(file.with_name(f"{file.name}{log}").exists() for log in _LOGS)
    # Of a file in WAL mode SQLite makes the log and its index even to read, unless it is told that nothing changes.
    how = "mode=ro" if is_in_use else "mode=ro&immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True, timeout=seconds, check_same_thread=False)


def begin_immediate(connection: Connection, *, anew: bool = False) -> None:
    """Take SQLite's only write lock now, so that waiting for it is all that can happen later.

    Args:
        connection: Where to begin.
        anew: Whether to begin again where the host's engine has begun by itself; nothing was done yet.
    """
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction and anew:
        driver.rollback()
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _require_file(path: object) -> str:
    if isinstance(path, (str, Path)) and str(path) not in {"", ":memory:"} and not str(path).startswith("file:"):
        return str(path)
    raise InvalidValue("path", path, "the path of a file; in memory, use MemoryAgreementStore")


def _require_wait(wait: object) -> timedelta:
    if isinstance(wait, timedelta) and timedelta(0) <= wait <= _LONGEST:
        return wait
    raise InvalidValue("wait", wait, f"a timedelta from 0 to {_LONGEST}")
