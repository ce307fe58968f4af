"""What a database or its driver raises, told as the library's own errors; no other leaves the adapter.

The driver's own words are kept to the first line: what follows may quote the values of a row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost

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
def mapped(*, joined: bool = False) -> Iterator[None]:
    """Turn whatever SQLAlchemy raises into a `StoreError`.

    Args:
        joined: Whether the transaction is the host's.

    Raises:
        TransactionLost: The host's transaction was lost to another one, or had failed before.
        SchemaMismatch: Tables or columns are missing.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
        StoreUnreadable: A row is no text.
        StoreError: Anything else.
    """
    try:
        yield
    except exc.DBAPIError as error:
        meaning = _meaning(error, joined=joined)
        if isinstance(error, (exc.DataError, exc.IntegrityError)) or _is_no_text(error.orig):
            raise meaning from None  # the driver's own error may quote the row, and with it names and addresses
        # From the driver's own error: SQLAlchemy's quotes the parameters.
        raise meaning from error.orig
    except exc.PendingRollbackError as error:
        raise (TransactionLost if joined else StoreError)(_first_line(error)) from error
    except (exc.TimeoutError, exc.DisconnectionError) as error:
        raise StoreUnavailable(_first_line(error)) from error
    except exc.SQLAlchemyError as error:
        raise StoreError(_first_line(error)) from None


def is_lost(error: exc.DBAPIError) -> bool:
    """Tell whether the transaction lost against another one, so that to repeat it may succeed."""
    return _code(error) in _LOST


def _meaning(error: exc.DBAPIError, *, joined: bool) -> StoreError:
    if _is_no_text(error.orig):
        return StoreUnreadable("A row cannot be read; it was damaged, so that its text is not UTF-8.")
    code = _code(error)
    why = f"The database refused a value ({code})." if isinstance(error, exc.DataError) else _first_line(error.orig)
    if joined and (code in _LOST or code in _SQLITE_BUSY):
        return TransactionLost(why)
    if code in _OTHER_TABLES or _lacks_a_table(error.orig):
        return SchemaMismatch(f"{why} Call create_schema(), or migrate.")
    if code in _LOST or code in _NOT_WRITABLE or error.connection_invalidated:
        return StoreUnavailable(why)
    if isinstance(error, (exc.OperationalError, exc.InterfaceError)):
        return StoreUnavailable(why)
    return StoreError(why)


def _code(error: exc.DBAPIError) -> str | int | None:
    """Give the error's code: PostgreSQL's five characters, MariaDB's number, SQLite's primary number."""
    orig = error.orig
    if isinstance(orig, sqlite3.Error):
        number: int | None = getattr(orig, "sqlite_errorcode", None)
        return None if number is None else number & _PRIMARY
    first = orig.args[0] if orig is not None and orig.args else None
    if isinstance(first, int):  # MariaDB's drivers know the five characters too, but they tell less
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
    """Give what the database said, as a sentence."""
    args: tuple[object, ...] = getattr(error, "args", ())
    said = args[1] if len(args) == 2 and isinstance(args[0], int) else error  # MariaDB's number and words
    lines = str(said).strip().splitlines() or [type(error).__name__]
    return f"The database said: {lines[0][:LONGEST_WHY].strip().rstrip('.')}."
