"""The library's own errors for what Django's databases raise."""

import sqlite3

from django.db import Error, InterfaceError, OperationalError, ProgrammingError
from django.db.transaction import TransactionManagementError

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost

# PostgreSQL: serialization_failure, deadlock_detected, lock_not_available, in_failed_sql_transaction.
LOST = frozenset({"40001", "40P01", "55P03", "25P02"})
# PostgreSQL: read_only_sql_transaction, insufficient_privilege.
NOT_WRITABLE = frozenset({"25006", "42501"})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
LONGEST_WHY = 300
OTHER_TABLES = ("no such table", "no such column", "table agreements_")
"""How SQLite begins to say that tables or columns are missing."""


def store_error(error: Error, *, in_host_transaction: bool) -> StoreError:
    """Return what an error of a database means to the caller of a store.

    Args:
        error: What Django raised; its cause is what the driver raised.
        in_host_transaction: Whether the transaction is the host's.
    """
    if str(error).startswith("Could not decode to UTF-8"):  # SQLite's words, which go on to quote the row
        return StoreUnreadable("A row cannot be read; it was damaged, so that its text is not UTF-8.")
    # Only the first line: what follows may quote the values of a row.
    why = f"The database said: {next(iter(str(error).splitlines()), '')[:LONGEST_WHY].rstrip('.')}."
    if in_host_transaction and (isinstance(error, TransactionManagementError) or _was_lost(error)):
        return TransactionLost(why)
    if _sqlstate(error) in LOST | NOT_WRITABLE:
        return StoreUnavailable(why)
    if isinstance(error, ProgrammingError) or str(error).startswith(OTHER_TABLES):
        return SchemaMismatch(f"{why} Run manage.py migrate.")
    return StoreUnavailable(why) if isinstance(error, (OperationalError, InterfaceError)) else StoreError(why)


def _was_lost(error: Error) -> bool:
    """Return whether a transaction lost against another one, or had failed before."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF  # the lowest byte is the primary code
    return _sqlstate(error) in LOST or code in BUSY


def _sqlstate(error: Error) -> str | None:
    code: str | None = getattr(error.__cause__, "sqlstate", None)
    return code
