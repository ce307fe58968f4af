"""How the store reaches its database: an engine, a transaction of its own for each call or the host's, and errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from datashare.domain import validation
from datashare.errors import (
    InvalidValue,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
    StoreUnreadable,
    TransactionLost,
)

_T = TypeVar("_T")
Statement = sa.Select[Any] | sa.CompoundSelect[Any]

ATTEMPTS = 5
"""How often the store begins a transaction of its own that loses to another one, for example by a deadlock."""

PAGE = 500
"""The most rows that are held at once while rows are streamed."""

_DRIVERS = ("pysqlite", "psycopg", "pymysql")
"""The drivers whose errors are understood, and for which the quickest way to write rows is known."""

_FILE = validation.Rule(
    "the path of a file (in memory, use MemoryAgreementStore)",
    lambda path: isinstance(path, (str, Path)) and str(path) not in {"", ":memory:"} and str(path)[:5] != "file:",
)
_WAIT = validation.span(timedelta(0), timedelta(hours=1))


def sqlite_engine(path: str | Path, *, wait: timedelta = timedelta(seconds=30), read_only: bool = False) -> sa.Engine:
    """Build an engine for one SQLite file, with the settings under which nothing saved is lost.

    The file is in WAL mode, so that readers and the one writer do not wait for each other; every transaction is on
    the disk before its call returns; foreign keys are enforced. The file is created when it is first used.

    A read-only engine neither creates the file nor changes a byte of it, and creates no file beside it. So evidence
    stays as it was, and a write-protected copy can be read. There is one exception: if a log of SQLite's (``-wal`` or
    ``-journal``) is beside the file, as while a host has it open, SQLite may create the index of that log. If there
    is no log, nobody may write to the file while it is read.

    Args:
        path: Where the file is; its folder must exist.
        wait: How long to wait for another writer before `StoreUnavailable`; up to an hour.
        read_only: Whether to only read the file; a call that would write raises `StoreUnavailable`.

    Raises:
        InvalidValue: The path names a database in memory, or the wait is not from 0 to an hour.
    """
    file, seconds = str(_FILE.require(path, "path")), _WAIT.require(wait, "wait").total_seconds()
    if validation.require_a(read_only, bool, "read_only", "True or False"):
        # Each connection checks again how the file can be read.
        return sa.create_engine("sqlite://", creator=lambda: _reading(Path(file), seconds), poolclass=sa.NullPool)
    engine = sa.create_engine(sa.URL.create("sqlite", database=file), connect_args={"timeout": seconds})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


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
        driver.rollback()
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
        InvalidValue: *bind* is neither an engine nor a connection, or of an unknown driver.
    """
    if not isinstance(bind, (sa.Engine, sa.Connection)):
        raise InvalidValue("bind", bind, "an Engine or a Connection of SQLAlchemy")
    if bind.dialect.driver not in _DRIVERS:
        raise InvalidValue("bind", bind, f"of one of the drivers {', '.join(_DRIVERS)}; this is {bind.dialect.driver}")
    return OwnTransactions(bind, check) if isinstance(bind, sa.Engine) else HostTransaction(bind, check)


class OwnTransactions:
    """A transaction for each call, begun and ended here, and begun again if it lost to another one."""

    in_host_transaction = False

    def __init__(self, engine: sa.Engine, check: Callable[[sa.Connection], None]) -> None:
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite knows no such level; its transactions are serial.
        self._engine = engine if self._is_sqlite else engine.execution_options(isolation_level="READ COMMITTED")
        self._check = check
        self._is_checked = False

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what only reads."""
        with mapped(), self._engine.connect() as connection:
            self._check_once(connection)
            return work(connection)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        with mapped():
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._write_once(work)
                except sa.exc.DBAPIError as error:
                    if not is_lost(error):
                        raise
            return self._write_once(work)

    def _write_once(self, work: Callable[[sa.Connection], _T]) -> _T:
        with self._engine.connect() as connection, connection.begin():
            if self._is_sqlite:
                begin_immediate(connection, anew=True)
            self._check_once(connection)
            return work(connection)

    def stream(self, statement: Statement, value: Callable[[sa.Row[Any]], _T]) -> Iterator[_T]:
        """Stream the values of the rows that are there at present, a page at a time."""
        with mapped():
            connection = self._engine.connect()
            try:
                self._check_once(connection)
                rows = connection.execution_options(yield_per=PAGE).execute(statement)
            except BaseException:
                connection.close()
                raise
        return _Streamed(connection, rows, value)

    def _check_once(self, connection: sa.Connection) -> None:
        if not self._is_checked:
            self._check(connection)
            self._is_checked = True


class _Streamed(Iterator[_T]):
    """The values of rows as they come; it returns its connection after the last one, or when it is abandoned."""

    def __init__(
        self, connection: sa.Connection, rows: sa.CursorResult[Any], value: Callable[[sa.Row[Any]], _T]
    ) -> None:
        self._connection, self._rows, self._value = connection, rows, value

    def __next__(self) -> _T:
        if self._connection.closed:
            raise StopIteration
        try:
            with mapped():
                return self._value(next(self._rows))
        except BaseException:  # StopIteration among them
            self._close()
            raise

    def _close(self) -> None:
        self._rows.close()
        self._connection.close()

    __del__ = _close


class HostTransaction:
    """The host's own transaction: never committed, rolled back or begun again here."""

    in_host_transaction = True

    def __init__(self, connection: sa.Connection, check: Callable[[sa.Connection], None]) -> None:
        self._connection = connection
        self._check = check
        self._is_checked = False

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what only reads."""
        with mapped(in_host_transaction=True):
            if not self._is_checked:
                _require_transaction(self._connection)
                self._check(self._connection)
                self._is_checked = True
            return work(self._connection)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        with mapped(in_host_transaction=True):
            if self._connection.dialect.name == "sqlite":
                # Where the host has not begun yet: the driver would only do so at the first row that is written.
                begin_immediate(self._connection)
            # A savepoint: nothing of a call that fails stays behind, even if the host commits.
            with self._connection.begin_nested():
                return self.read(work)

    def stream(self, statement: Statement, value: Callable[[sa.Row[Any]], _T]) -> Iterator[_T]:
        """Stream the values of the rows that are there at present; all are read at once, on the shared connection."""
        return map(value, self.read(lambda connection: connection.execute(statement).all()))


def _require_transaction(connection: sa.Connection) -> None:
    """Refuse a connection that commits each statement by itself, since it would save a change in parts."""
    if connection.dialect.name == "sqlite":
        return  # where it is the driver's usual setting, see begin_immediate
    driver = connection.connection.dbapi_connection
    if driver is not None and connection.dialect.detect_autocommit_setting(driver):
        raise InvalidValue("The connection", connection, "one with transactions; it commits each statement by itself")


# PostgreSQL: serialization_failure, deadlock_detected, in_failed_sql_transaction, lock_not_available.
# MariaDB: lock wait timeout, deadlock, record has changed since last read; no such savepoint, after a deadlock.
_LOST: Final = frozenset({"40001", "40P01", "25P02", "55P03", 1205, 1213, 1020, 1305})
# undefined_table, undefined_column, invalid_schema_name; no such table, unknown column.
_OTHER_TABLES: Final = frozenset({"42P01", "42703", "3F000", 1146, 1054})
# read_only_sql_transaction, insufficient_privilege; command denied, read-only.
_NOT_WRITABLE: Final = frozenset({"25006", "42501", 1142, 1290, 1792, 1836})
_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY: Final = 0xFF
"""The lowest byte of SQLite's extended error codes is the primary one."""

LONGEST_WHY = 300


@contextmanager
def mapped(*, in_host_transaction: bool = False) -> Iterator[None]:
    """Turn whatever SQLAlchemy raises into a `StoreError`.

    The driver's own words are kept to the first line: what follows may quote the values of a row.

    Raises:
        TransactionLost: The host's transaction was lost to another one, or had failed before.
        SchemaMismatch: Tables or columns are missing.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
        StoreUnreadable: A row is not text.
        StoreError: Anything else.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        meaning = _meaning(error, in_host_transaction=in_host_transaction)
        if isinstance(error, (sa.exc.DataError, sa.exc.IntegrityError)) or _is_no_text(error.orig):
            raise meaning from None  # the driver's own error may quote the row, and with it names and addresses
        # From the driver's own error: SQLAlchemy's quotes the parameters.
        raise meaning from error.orig
    except sa.exc.PendingRollbackError as error:
        raise (TransactionLost if in_host_transaction else StoreError)(_first_line(error)) from error
    except (sa.exc.TimeoutError, sa.exc.DisconnectionError) as error:
        raise StoreUnavailable(_first_line(error)) from error
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(_first_line(error)) from None


def is_lost(error: sa.exc.DBAPIError) -> bool:
    """Return whether the transaction lost to another one, so that a repetition may succeed."""
    return _code(error) in _LOST


def _meaning(error: sa.exc.DBAPIError, *, in_host_transaction: bool) -> StoreError:
    if _is_no_text(error.orig):
        return StoreUnreadable("A row cannot be read; it was damaged, so that its text is not UTF-8.")
    code = _code(error)
    why = f"The database refused a value ({code})." if isinstance(error, sa.exc.DataError) else _first_line(error.orig)
    if in_host_transaction and (code in _LOST or code in _SQLITE_BUSY):
        return TransactionLost(why)
    if code in _OTHER_TABLES or _lacks_a_table(error.orig):
        return SchemaMismatch(f"{why} Call create_schema(), or migrate.")
    if code in _LOST or code in _NOT_WRITABLE or error.connection_invalidated:
        return StoreUnavailable(why)
    return (
        StoreUnavailable(why)
        if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))
        else StoreError(why)
    )


def _code(error: sa.exc.DBAPIError) -> str | int | None:
    """Return the error's code: PostgreSQL's five characters, MariaDB's number, SQLite's primary number."""
    orig = error.orig
    if isinstance(orig, sqlite3.Error):
        number: int | None = getattr(orig, "sqlite_errorcode", None)
        return None if number is None else number & _PRIMARY
    first = orig.args[0] if orig is not None and orig.args else None
    if isinstance(first, int):  # MariaDB's drivers know the five characters too, but they say less
        return first
    state: str | None = getattr(orig, "sqlstate", None)
    return state


def _lacks_a_table(orig: BaseException | None) -> bool:
    said = str(orig)
    return isinstance(orig, sqlite3.OperationalError) and (
        said.startswith(("no such table", "no such column")) or "has no column named" in said
    )


def _is_no_text(orig: BaseException | None) -> bool:
    return isinstance(orig, sqlite3.OperationalError) and str(orig).startswith("Could not decode to UTF-8")


def _first_line(error: BaseException | None) -> str:
    """Return what the database said, as a sentence."""
    args: tuple[object, ...] = getattr(error, "args", ())
    said = args[1] if len(args) == 2 and isinstance(args[0], int) else error  # MariaDB's number and words
    lines = str(said).strip().splitlines() or [type(error).__name__]
    return f"The database said: {lines[0][:LONGEST_WHY].strip().rstrip('.')}."
