"""What the databases mean by their errors, and how a transaction that lost to another one is repeated.

The adapters over SQLAlchemy and over Django share it, since their databases are the same. It imports neither of them.
"""

from __future__ import annotations

import logging
import random
import re
import sqlite3
import time
from collections.abc import Callable
from typing import Final, TypeVar

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost

_T = TypeVar("_T")

_log = logging.getLogger("datashare.sql")

ATTEMPTS: Final = 6
"""How often a transaction is begun in total if it loses to another one, for example by a deadlock."""

FIRST_PAUSE: Final = 0.05
"""The longest pause before the second attempt, in seconds; before each further one it may be twice as long."""

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
_CHECK_ACCESS: Final = "Check the user's name, password and rights, and the name of the database."
_CHECK_FOLDER: Final = "Check that the folder of the file exists, and that this process may use both."
_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_NOT_ADMITTED: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_PRIMARY: Final = 0xFF
"""The lowest byte of SQLite's extended error codes is the primary one."""
_UNREADABLE: Final = (
    "A row, or the definition of a table, cannot be read; it was damaged, so that its text is not UTF-8."
)

LONGEST_WHY: Final = 300


class RaceLost(Exception):
    """Rolls back a transaction in which others changed a school after it was read; a new one sees what they saved."""


def repeated(
    attempt: Callable[[bool], _T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> _T:
    """Make an attempt, and further ones after growing pauses as long as it loses, and return what it returns.

    Args:
        attempt: Begins and ends a transaction. It takes whether it is the last attempt, which loses no race.
        sleep: Waits for so many seconds.
        chance: Returns the part of the longest pause to wait; at random, so that those who lost to each other do not
            meet again.

    Raises:
        StoreUnavailable: The last attempt raised `TransactionLost`.
    """
    for number in range(ATTEMPTS - 1):
        try:
            return attempt(False)
        except (RaceLost, TransactionLost) as error:
            _log.info("transaction.repeated", extra={"error": type(error.__cause__ or error).__name__})
        sleep(FIRST_PAUSE * 2**number * chance())
    try:
        return attempt(True)
    except TransactionLost as error:
        meaning = StoreUnavailable(error.why)
        log_failure(meaning, error.__cause__)
        raise meaning from error


def is_lost(driver: BaseException, *, by_busy_file: bool) -> bool:
    """Return whether a transaction lost to another one, so that a repetition may succeed.

    Args:
        driver: What the driver raised.
        by_busy_file: Whether it also loses by a busy file of SQLite: the host's does, but one of the store's own has
            waited for the file already.
    """
    code = _code(driver)
    return code in _LOST or (by_busy_file and isinstance(driver, sqlite3.Error) and code in _SQLITE_BUSY)


def meaning_of(
    driver: BaseException, wrapped: Exception, *, lost: bool, migrate: str, disconnected: bool = False
) -> tuple[StoreError, BaseException | None]:
    """Return what an error means to the caller of a store, and what may be shown as its cause.

    The driver's own words are kept to the first line, and its error is no cause where it may quote a row.

    Args:
        driver: What the driver raised.
        wrapped: The same as SQLAlchemy or Django raised it; its classes have the names of the DB-API.
        lost: Whether it is the host's transaction that lost, so that the host can repeat it.
        migrate: What to do where tables or columns are missing, as a sentence.
        disconnected: Whether the connection is known to be broken.
    """
    code, kinds = _code(driver), {kind.__name__ for kind in type(wrapped).__mro__}
    if _is_no_text(driver):
        return unreadable(), None
    # asyncpg refuses some values itself, without a code.
    refuses = (
        "DataError" in kinds or _class(code) == _DATA or str(driver).startswith("invalid input for query argument")
    )
    cause = None if refuses or "IntegrityError" in kinds else driver
    why = f"The database refused a value ({code})." if refuses else words_of(driver)
    if lost:
        return TransactionLost(why), cause
    if code in _OTHER_TABLES or _lacks_a_table(driver):
        return SchemaMismatch(f"{why} {migrate}"), cause
    if code in _LOST or code in _NOT_WRITABLE or disconnected or _class(code) in _UNAVAILABLE:
        return StoreUnavailable(why), cause
    if code in _NOT_ADMITTED or (code is None and _NOT_ADMITTED_WORDS.search(str(driver))):
        return StoreError(f"{why} {_CHECK_ACCESS}"), cause
    if isinstance(driver, sqlite3.Error) and code in _SQLITE_NOT_ADMITTED:
        return StoreError(f"{why} {_CHECK_FOLDER}"), cause
    return (StoreUnavailable if kinds & {"OperationalError", "InterfaceError"} else StoreError)(why), cause


def unreadable() -> StoreUnreadable:
    """Return the error for text that is not UTF-8; what was raised holds the bytes, and is not its cause."""
    return StoreUnreadable(_UNREADABLE)


def log_failure(meaning: StoreError, cause: BaseException | None) -> None:
    """Log an error by its kind alone, since its words may quote a row."""
    _log.warning("database.failed", extra={"error": type(meaning).__name__, "cause": type(cause).__name__})


def words_of(error: BaseException) -> str:
    """Return the first line of what the database said, as a sentence; what follows may quote the values of a row."""
    args = error.args
    said = args[1] if len(args) == 2 and isinstance(args[0], int) else error  # MariaDB's number and words
    lines = str(said).strip().splitlines() or [type(error).__name__]
    return f"The database said: {lines[0][:LONGEST_WHY].strip().rstrip('.')}."


def _code(driver: BaseException) -> str | int | None:
    """Return an error's code: PostgreSQL's five characters, MariaDB's number, SQLite's primary number."""
    if isinstance(driver, sqlite3.Error):
        number: int | None = getattr(driver, "sqlite_errorcode", None)
        return None if number is None else number & _PRIMARY
    first = driver.args[0] if driver.args else None
    if isinstance(first, int):  # MariaDB's drivers know the five characters too, but they say less
        return first
    # psycopg and asyncpg; psycopg2
    state: str | None = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)
    return state


def _class(code: str | int | None) -> str:
    """Return the first two of PostgreSQL's five characters; nothing for the other databases."""
    return code[:2] if isinstance(code, str) else ""


def _lacks_a_table(driver: BaseException) -> bool:
    said = str(driver)
    return isinstance(driver, sqlite3.OperationalError) and (
        said.startswith(("no such table", "no such column")) or "has no column named" in said
    )


def _is_no_text(driver: BaseException) -> bool:
    return isinstance(driver, sqlite3.OperationalError) and str(driver).startswith("Could not decode to UTF-8")
