"""How the store reaches its database: an engine, and a transaction of its own for each call or the host's."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from datashare.adapters._databases import is_lost, repeated, words_of
from datashare.domain import validation
from datashare.errors import Misconfigured, TransactionLost

from ._errors import mapped

_T = TypeVar("_T")

_DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
"""SQLAlchemy's names of the databases that the statements are written for; any driver of theirs is taken."""

_FILE = validation.Rule(
    "the path of a file (in memory, use MemoryAgreementStore)",
    lambda path: isinstance(path, (str, Path)) and str(path) not in {"", ":memory:"} and str(path)[:5] != "file:",
)
_WAIT = validation.span(timedelta(0), timedelta(hours=1))


def sqlite_engine(path: str | Path, *, wait: timedelta = timedelta(seconds=30), read_only: bool = False) -> sa.Engine:
    """Build an engine for one SQLite file, with the settings under which nothing saved is lost.

    The file is in WAL mode, so that readers and the one writer do not wait for each other; every transaction is on
    the disk before its call returns; foreign keys are enforced; what is deleted is overwritten with zeros. The file is
    created when it is first used.

    A read-only engine neither creates the file nor changes a byte of it, and creates no file beside it. So evidence
    stays as it was, and a write-protected copy can be read. There is one exception: if a log of SQLite's (``-wal`` or
    ``-journal``) is beside the file, as while a host has it open, SQLite may create the index of that log. If there
    is no log, nobody may write to the file while it is read.

    Args:
        path: Where the file is; its folder must exist.
        wait: How long to wait for another writer before `StoreUnavailable`; up to an hour.
        read_only: Whether to only read the file; a call that would write raises `StoreUnavailable`.

    Raises:
        Misconfigured: The path names a database in memory, or the wait is not from 0 to an hour.
    """
    file, seconds = (
        str(_FILE.require(path, "path", Misconfigured)),
        _WAIT.require(wait, "wait", Misconfigured).total_seconds(),
    )
    if validation.require_a(read_only, bool, "read_only", "True or False", Misconfigured):
        # Each connection checks again how the file can be read.
        engine = sa.create_engine("sqlite://", creator=lambda: _reading(Path(file), seconds), poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", _take_any_text)
        return engine
    engine = sa.create_engine(sa.URL.create("sqlite", database=file), connect_args={"timeout": seconds})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        _take_any_text(connection, _record)

    return engine


def _take_any_text(connection: sqlite3.Connection, _record: object) -> None:
    """Let the driver return text that is not UTF-8, so that only the row that holds it cannot be read."""
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")


_LOGS = ("-wal", "-journal")


def _reading(file: Path, seconds: float) -> sqlite3.Connection:
    """Open a file that stays as it is."""
    is_in_use = any(file.with_name(f"{file.name}{log}").exists() for log in _LOGS)
    # Even to read a file in WAL mode, SQLite creates the log and its index, unless it knows that nothing changes.
    how = "mode=ro" if is_in_use else "mode=ro&immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True, timeout=seconds, check_same_thread=False)


def begin_immediate(connection: sa.Connection, *, anew: bool = False) -> None:
    """Take SQLite's only write lock now, so that waiting for it is all that can happen later.

    Args:
        connection: Where to begin.
        anew: Whether to begin again if the host's engine has begun a transaction by itself; nothing was done in it yet.
    """
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction and anew:
        connection.connection.rollback()  # of an async driver too
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def transactions(
    bind: sa.Engine | sa.Connection, check: Callable[[sa.Connection], None]
) -> OwnTransactions | HostTransaction:
    """Choose how to reach the database.

    Args:
        bind: An engine, or a connection whose transaction is the host's.
        check: Called with the first connection that is used; raises where the tables are not as they have to be.

    Raises:
        Misconfigured: *bind* is neither an engine nor a connection, or is one of an unknown database.
    """
    if not isinstance(bind, (sa.Engine, sa.Connection)):
        raise Misconfigured("bind", bind, "an Engine or a Connection of SQLAlchemy")
    if bind.dialect.name not in _DATABASES:
        raise Misconfigured("bind", bind, f"of one of the databases {', '.join(_DATABASES)}")
    return OwnTransactions(bind, check) if isinstance(bind, sa.Engine) else HostTransaction(bind, check)


class OwnTransactions:
    """A transaction for each call, begun and ended here, and begun again if it lost to another one."""

    in_host_transaction = False

    def __init__(
        self,
        engine: sa.Engine,
        check: Callable[[sa.Connection], None],
        *,
        sleep: Callable[[float], None] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite knows no such level; its transactions are serial.
        self._engine = engine if self._is_sqlite else engine.execution_options(isolation_level="READ COMMITTED")
        self._check = check
        self._is_checked = False
        self._sleep = sleep or (_sleep_in_loop if engine.dialect.is_async else time.sleep)
        self._chance = chance
        begin_anew_in_forks(engine)

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what only reads."""
        return mapped(partial(self._read, work))

    def _read(self, work: Callable[[sa.Connection], _T]) -> _T:
        with self._engine.connect() as connection:
            self._check_once(connection)
            return work(connection)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        return mapped(partial(self._write, work))

    def _write(self, work: Callable[[sa.Connection], _T]) -> _T:
        return self.repeated(lambda _is_last: self._write_once(work))

    def _write_once(self, work: Callable[[sa.Connection], _T]) -> _T:
        try:
            with self._engine.connect() as connection, self.begin(connection):
                self._check_once(connection)
                return work(connection)
        except sa.exc.DBAPIError as error:
            if error.orig and is_lost(error.orig, by_busy_file=False):
                raise TransactionLost(words_of(error.orig)) from error.orig
            raise

    def repeated(self, attempt: Callable[[bool], _T]) -> _T:
        """Make an attempt, and further ones as long as it loses, as `datashare.adapters._databases.repeated` does."""
        return repeated(attempt, sleep=self._sleep, chance=self._chance)

    def connect(self) -> sa.Connection:
        """Take a connection of the level at which the store works."""
        return self._engine.connect()

    def begin(self, connection: sa.Connection) -> sa.RootTransaction:
        """Begin a transaction that writes."""
        transaction = connection.begin()
        if self._is_sqlite:
            begin_immediate(connection, anew=True)
        return transaction

    def _check_once(self, connection: sa.Connection) -> None:
        if not self._is_checked:
            self._check(connection)
            self._is_checked = True

    def overwrite_log(self) -> None:
        """Empty SQLite's log, which holds earlier states of its pages; while somebody reads, it stays as it is."""
        if self._is_sqlite:
            mapped(self._overwrite_log)

    def _overwrite_log(self) -> None:
        with self._engine.connect() as connection:
            # Without waiting for readers, which would hold up writers too; and it is no error if it cannot be done.
            (wait,) = connection.exec_driver_sql("PRAGMA busy_timeout").one()
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait:d}")


def _sleep_in_loop(seconds: float) -> None:
    """Wait, and let the event loop go on meanwhile; for an async engine, whose calls SQLAlchemy runs in a greenlet."""
    sa.util.await_only(asyncio.sleep(seconds))


_ENGINES: weakref.WeakSet[sa.Engine] = weakref.WeakSet()
_INHERITED: list[sa.Pool] = []


def begin_anew_in_forks(engine: sa.Engine) -> None:
    """Give each process that is forked from now on an empty pool for an engine."""
    _ENGINES.add(engine)


def _leave_connections_to_the_parent() -> None:
    """Replace the pool of each engine in a process that was forked.

    The old pool is kept: SQLite forbids even to close a connection of the parent's.
    """
    for engine in _ENGINES:
        _INHERITED.append(engine.pool)
        engine.dispose(close=False)


with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_connections_to_the_parent)


class HostTransaction:
    """The host's own transaction: never committed, rolled back or begun again here."""

    in_host_transaction = True

    def __init__(self, connection: sa.Connection, check: Callable[[sa.Connection], None]) -> None:
        self._connection = connection
        self._check = check
        self._is_checked = False

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what only reads."""
        return mapped(partial(self._read, work), in_host_transaction=True)

    def _read(self, work: Callable[[sa.Connection], _T]) -> _T:
        if not self._is_checked:
            _require_transaction(self._connection)
            self._check(self._connection)
            self._is_checked = True
        return work(self._connection)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        return mapped(partial(self._write, work), in_host_transaction=True)

    def _write(self, work: Callable[[sa.Connection], _T]) -> _T:
        if self._connection.dialect.name == "sqlite":
            # Where the host has not begun yet: the driver would only do so at the first row that is written.
            begin_immediate(self._connection)
        # A savepoint: nothing of a call that fails stays behind, even if the host commits.
        with self._connection.begin_nested():
            return self._read(work)

    def overwrite_log(self) -> None:
        """Leave SQLite's log as it is, since the host's transaction has not ended."""


def _require_transaction(connection: sa.Connection) -> None:
    """Refuse a connection that commits each statement by itself, since it would save a change in parts."""
    if connection.dialect.name == "sqlite":
        return  # where it is the driver's usual setting, see begin_immediate
    driver = connection.connection.dbapi_connection
    if driver is not None and connection.dialect.detect_autocommit_setting(driver):
        raise Misconfigured("The connection", connection, "one with transactions; it commits each statement by itself")
