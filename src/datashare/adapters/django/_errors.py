"""The library's own errors for what Django's databases raise."""

from __future__ import annotations

import sqlite3
from typing import Final

from django.db import Error, InterfaceError, OperationalError, ProgrammingError
from django.db.transaction import TransactionManagementError

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost

# PostgreSQL: serialization_failure, deadlock_detected, lock_not_available, in_failed_sql_transaction.
# MariaDB: lock wait timeout, deadlock, record has changed since last read; no such savepoint, after a deadlock.
_LOST: Final = frozenset({"40001", "40P01", "55P03", "25P02", 1205, 1213, 1020, 1305})
# PostgreSQL: read_only_sql_transaction, insufficient_privilege. MariaDB: read-only, command denied.
_NOT_WRITABLE: Final = frozenset({"25006", "42501", 1290, 1792, 1836, 1142, 1143})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNKNOWN_COLUMN: Final = 1054
"""MariaDB's number, which its driver does not take for an error of the statement."""
_OTHER_TABLES: Final = ("no such table", "no such column", "table datashare_")
"""How SQLite begins to say that tables or columns are missing."""
_LONGEST_WHY: Final = 300


def store_error(error: Error, *, in_host_transaction: bool) -> StoreError:
    """Return what an error of a database means to the caller of a store.

    Args:
        error: What Django raised; its cause is what the driver raised.
        in_host_transaction: Whether the transaction is the host's.
    """
    if str(error).startswith("Could not decode to UTF-8"):  # SQLite's words, which go on to quote the row
        return StoreUnreadable("A row cannot be read; it was damaged, so that its text is not UTF-8.")
    # Only the first line: what follows may quote the values of a row.
    why = f"The database said: {next(iter(_said(error).splitlines()), '')[:_LONGEST_WHY].rstrip('.')}."
    if in_host_transaction and is_lost(error):
        return TransactionLost(why)
    code = _code(error)
    if code in _LOST | _NOT_WRITABLE:
        return StoreUnavailable(why)
    if isinstance(error, ProgrammingError) or code == _UNKNOWN_COLUMN or str(error).startswith(_OTHER_TABLES):
        return SchemaMismatch(f"{why} Run manage.py migrate.")
    return StoreUnavailable(why) if isinstance(error, (OperationalError, InterfaceError)) else StoreError(why)


def is_lost(error: Error) -> bool:
    """Return whether a transaction lost against another one, or had failed before, so that a repetition may succeed."""
    busy = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF  # the lowest byte is the primary code
    return isinstance(error, TransactionManagementError) or _code(error) in _LOST or busy in _BUSY


def was_chosen_to_lose(error: Error) -> bool:
    """Return whether a server ended the transaction for another one's sake; SQLite waits instead."""
    return _code(error) in _LOST


def _code(error: Error) -> str | int | None:
    """Return the error's code: PostgreSQL's five characters, or MariaDB's number."""
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    code: str | None = getattr(error.__cause__, "sqlstate", None)
    return code


def _said(error: Error) -> str:
    """Return the words of the database; MariaDB's come with their number."""
    has_number = len(error.args) == 2 and isinstance(error.args[0], int)
    return str(error.args[1]) if has_number else str(error)
