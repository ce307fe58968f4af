"""What the errors of a database mean: each becomes one of the library's own."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost

_T = TypeVar("_T")

_log = logging.getLogger("datashare.sql")

# PostgreSQL: serialization_failure, deadlock_detected, in_failed_sql_transaction, lock_not_available.
# MariaDB: lock wait timeout, deadlock, record has changed since last read; no such savepoint, after a deadlock.
_LOST: Final = frozenset({"40001", "40P01", "25P02", "55P03", 1205, 1213, 1020, 1305})
# undefined_table, undefined_column, invalid_schema_name; no such table, unknown column.
_OTHER_TABLES: Final = frozenset({"42P01", "42703", "3F000", 1146, 1054})
# read_only_sql_transaction; read-only.
_NOT_WRITABLE: Final = frozenset({"25006", 1290, 1792, 1836})
# PostgreSQL: invalid_authorization_specification, invalid_password, invalid_catalog_name, insufficient_privilege.
# MariaDB: access or command denied, unknown database, host not allowed, account locked, password expired.
_NOT_ADMITTED: Final = frozenset(
    {"28000", "28P01", "3D000", "42501", 1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1698, 1820, 1862, 4151}
)
_DATA: Final = "22"
"""PostgreSQL's class of errors about a value."""
# PostgreSQL's classes: connection, insufficient resources, operator intervention, system error.
_UNAVAILABLE: Final = frozenset({"08", "53", "57", "58"})
_NOT_ADMITTED_WORDS: Final = re.compile(
    'authentication failed|no password supplied|(role|database) ".*" does not exist|no pg_hba.conf entry'
    "|not permitted to log in|permission denied"
)
"""What PostgreSQL says of a connection that it refuses; its driver tells no code then."""
_CHECK_ACCESS = "Check the user's name, password and rights, and the name of the database."
_CHECK_FOLDER = "Check that the folder of the file exists, and that this process may use both."
_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_NOT_ADMITTED: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_PRIMARY: Final = 0xFF
"""The lowest byte of SQLite's extended error codes is the primary one."""

LONGEST_WHY = 300


def mapped(work: Callable[[], _T], *, in_host_transaction: bool = False) -> _T:
    """Do some work, and turn whatever SQLAlchemy or the driver raises into a `StoreError`.

    The driver's own words are kept to the first line: what follows may quote the values of a row.

    Raises:
        TransactionLost: The host's transaction was lost to another one, or had failed before.
        SchemaMismatch: Tables or columns are missing.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
        StoreUnreadable: A row is not text.
        StoreError: Anything else.
    """
    cause: BaseException | None = None
    try:
        return work()
    except sa.exc.DBAPIError as error:
        meaning = _meaning(error, in_host_transaction=in_host_transaction)
        if not (isinstance(error, sa.exc.IntegrityError) or _is_bad_value(error) or _is_no_text(error.orig)):
            # From the driver's own error, where it does not quote the row: SQLAlchemy's quotes the parameters.
            cause = error.orig
    except UnicodeError:  # it holds the bytes
        meaning = StoreUnreadable(_NO_TEXT)
    except sa.exc.PendingRollbackError as error:
        meaning = (TransactionLost if in_host_transaction else StoreError)(words_of(error))
    except (sa.exc.TimeoutError, sa.exc.DisconnectionError) as error:
        meaning = StoreUnavailable(words_of(error))
    except sa.exc.SQLAlchemyError as error:
        meaning = StoreError(words_of(error))
    except (ConnectionError, TimeoutError) as error:  # asyncpg lets these through while it connects
        meaning, cause = StoreUnavailable(words_of(error)), error
    except (OSError, sqlite3.Error, RuntimeError) as error:  # drivers let these through while they connect
        meaning, cause = StoreError(words_of(error)), error
    _log.warning("database.failed", extra={"error": type(meaning).__name__, "cause": type(cause).__name__})
    # Raised here, so that the exception above is not its context.
    raise meaning from cause


def is_lost(error: sa.exc.DBAPIError) -> bool:
    """Return whether the transaction lost to another one, so that a repetition may succeed."""
    return _code(error) in _LOST


def _meaning(error: sa.exc.DBAPIError, *, in_host_transaction: bool) -> StoreError:
    if _is_no_text(error.orig):
        return StoreUnreadable(_NO_TEXT)
    code = _code(error)
    why = f"The database refused a value ({code})." if _is_bad_value(error) else words_of(error.orig)
    if in_host_transaction and (code in _LOST or code in _SQLITE_BUSY):
        return TransactionLost(why)
    if code in _OTHER_TABLES or _lacks_a_table(error.orig):
        made_by = "create_directory_schema()" if "datashare_directory" in why else "create_schema()"
        return SchemaMismatch(f"{why} Call {made_by}, or migrate.")
    if code in _LOST or code in _NOT_WRITABLE or error.connection_invalidated or _class(code) in _UNAVAILABLE:
        return StoreUnavailable(why)
    if code in _NOT_ADMITTED or (code is None and _NOT_ADMITTED_WORDS.search(str(error.orig))):
        return StoreError(f"{why} {_CHECK_ACCESS}")
    if isinstance(error.orig, sqlite3.Error) and code in _SQLITE_NOT_ADMITTED:
        return StoreError(f"{why} {_CHECK_FOLDER}")
    return (
        StoreUnavailable(why)
        if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))
        else StoreError(why)
    )


def _is_bad_value(error: sa.exc.DBAPIError) -> bool:
    """Return whether a value was refused; the driver's words may quote it."""
    # asyncpg refuses some values itself, and SQLAlchemy has no DataError for it.
    said = str(error.orig)
    return (
        isinstance(error, sa.exc.DataError)
        or _class(_code(error)) == _DATA
        or said.startswith("invalid input for query argument")
    )


_NO_TEXT = "A row, or the definition of a table, cannot be read; it was damaged, so that its text is not UTF-8."


def _code(error: sa.exc.DBAPIError) -> str | int | None:
    """Return the error's code: PostgreSQL's five characters, MariaDB's number, SQLite's primary number."""
    orig = error.orig
    if isinstance(orig, sqlite3.Error):
        number: int | None = getattr(orig, "sqlite_errorcode", None)
        return None if number is None else number & _PRIMARY
    first = orig.args[0] if orig is not None and orig.args else None
    if isinstance(first, int):  # MariaDB's drivers know the five characters too, but they say less
        return first
    state: str | None = getattr(orig, "sqlstate", None) or getattr(
        orig, "pgcode", None
    )  # psycopg and asyncpg; psycopg2
    return state


def _class(code: str | int | None) -> str:
    """Return the first two of PostgreSQL's five characters; nothing for the other databases."""
    return code[:2] if isinstance(code, str) else ""


def _lacks_a_table(orig: BaseException | None) -> bool:
    said = str(orig)
    return isinstance(orig, sqlite3.OperationalError) and (
        said.startswith(("no such table", "no such column")) or "has no column named" in said
    )


def _is_no_text(orig: BaseException | None) -> bool:
    return isinstance(orig, sqlite3.OperationalError) and str(orig).startswith("Could not decode to UTF-8")


def words_of(error: BaseException | None) -> str:
    """Return what the database said, as a sentence."""
    args: tuple[object, ...] = getattr(error, "args", ())
    said = args[1] if len(args) == 2 and isinstance(args[0], int) else error  # MariaDB's number and words
    lines = str(said).strip().splitlines() or [type(error).__name__]
    return f"The database said: {lines[0][:LONGEST_WHY].strip().rstrip('.')}."
