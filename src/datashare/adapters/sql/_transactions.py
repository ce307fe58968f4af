"""How the store reaches its database: a transaction of its own for each call, or the host's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from sqlalchemy import CompoundSelect, Connection, CursorResult, Engine, Row, Select, exc

from datashare.errors import InvalidValue

from ._engines import begin_immediate
from ._errors import is_lost, mapped
from ._tables import require_schema

_T = TypeVar("_T")

ATTEMPTS = 5
"""So often a transaction of the store's own is begun that loses to another one, as by a deadlock."""

_DRIVERS = ("pysqlite", "psycopg", "pymysql")
"""The drivers whose errors are understood, and which are handed rows as they take them quickest."""

PAGE = 500
"""So many rows are held at once where rows are streamed."""


class Transactions(Protocol):
    """Where the store's statements run."""

    in_host_transaction: bool

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Do what only reads."""

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""

    def stream(self, statement: Select[Any] | CompoundSelect[Any], value: Callable[[Row[Any]], _T]) -> Iterator[_T]:
        """Give the values of the rows that are there at present, a page at a time."""


def transactions(bind: Engine | Connection) -> Transactions:
    """Choose how to reach the database.

    Raises:
        InvalidValue: *bind* is neither an engine nor a connection, or of an unknown driver.
    """
    if not isinstance(bind, (Engine, Connection)):
        raise InvalidValue("bind", bind, "an Engine or a Connection of SQLAlchemy")
    if bind.dialect.driver not in _DRIVERS:
        raise InvalidValue("bind", bind, f"of one of the drivers {', '.join(_DRIVERS)}; this is {bind.dialect.driver}")
    return OwnTransactions(bind) if isinstance(bind, Engine) else HostsTransaction(bind)


class OwnTransactions:
    """A transaction for each call, begun and ended here; begun anew where it lost to another one."""

    in_host_transaction = False

    def __init__(self, engine: Engine) -> None:
        self._is_sqlite = engine.dialect.name == "sqlite"
        # SQLite knows no such level; its transactions are serial.
        self._engine = engine if self._is_sqlite else engine.execution_options(isolation_level="READ COMMITTED")
        self._schema_is_right = False

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Do what only reads."""
        with mapped(), self._engine.connect() as connection:
            self._require_schema(connection)
            return work(connection)

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        with mapped():
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._write_once(work)
                except exc.DBAPIError as error:
                    if not is_lost(error):
                        raise
            return self._write_once(work)

    def _write_once(self, work: Callable[[Connection], _T]) -> _T:
        with self._engine.connect() as connection, connection.begin():
            if self._is_sqlite:
                begin_immediate(connection, anew=True)
            self._require_schema(connection)
            return work(connection)

    def stream(self, statement: Select[Any] | CompoundSelect[Any], value: Callable[[Row[Any]], _T]) -> Iterator[_T]:
        """Give the values of the rows that are there at present, a page at a time."""
        with mapped():
            connection = self._engine.connect()
            try:
                self._require_schema(connection)
                rows = connection.execution_options(yield_per=PAGE).execute(statement)
            except BaseException:
                connection.close()
                raise
        return _Streamed(connection, rows, value)

    def _require_schema(self, connection: Connection) -> None:
        if not self._schema_is_right:
            require_schema(connection)
            self._schema_is_right = True


class _Streamed(Iterator[_T]):
    """The values of rows as they come; its connection is given back after the last one, or when it is let go."""

    def __init__(self, connection: Connection, rows: CursorResult[Any], value: Callable[[Row[Any]], _T]) -> None:
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


class HostsTransaction:
    """The host's own transaction: never committed, rolled back or begun anew here."""

    in_host_transaction = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._schema_is_right = False

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Do what only reads."""
        with mapped(joined=True):
            if not self._schema_is_right:
                _require_transaction(self._connection)
                require_schema(self._connection)
                self._schema_is_right = True
            return work(self._connection)

    def write(self, work: Callable[[Connection], _T]) -> _T:
        """Do what writes: all of it, or nothing."""
        with mapped(joined=True):
            if self._connection.dialect.name == "sqlite":
                # Where the host has not begun yet: the driver would only do so at the first row that is written.
                begin_immediate(self._connection)
            # So that nothing of a call that fails stays behind, should the host commit all the same.
            with self._connection.begin_nested():
                return self.read(work)

    def stream(self, statement: Select[Any] | CompoundSelect[Any], value: Callable[[Row[Any]], _T]) -> Iterator[_T]:
        """Give the values of the rows that are there at present; all are read at once, as the connection is shared."""
        return map(value, self.read(lambda connection: connection.execute(statement).all()))


def _require_transaction(connection: Connection) -> None:
    """Refuse a connection that commits each statement by itself, on which nothing could be saved as a whole."""
    if connection.dialect.name == "sqlite":
        return  # there it is the driver's usual way of beginning, see begin_immediate
    driver = connection.connection.dbapi_connection
    if driver is not None and connection.dialect.detect_autocommit_setting(driver):
        raise InvalidValue("The connection", connection, "one with transactions; it commits each statement by itself")
