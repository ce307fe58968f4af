"""What SQLAlchemy and the drivers raise: each error becomes one of the library's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from datashare.adapters._databases import is_lost, log_failure, meaning_of, unreadable, words_of
from datashare.errors import StoreError, StoreUnavailable, TransactionLost

_T = TypeVar("_T")


def mapped(work: Callable[[], _T], *, in_host_transaction: bool = False) -> _T:
    """Do some work, and turn whatever SQLAlchemy or the driver raises into a `StoreError`.

    Raises:
        TransactionLost: The host's transaction was lost to another one, or had failed before.
        SchemaMismatch: Tables or columns are missing.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
        StoreUnreadable: A row is not text.
        StoreError: Anything else.
    """
    try:
        return work()
    except (sa.exc.SQLAlchemyError, UnicodeError, OSError, sqlite3.Error, RuntimeError) as error:
        meaning, cause = _meaning(error, in_host_transaction=in_host_transaction)
    log_failure(meaning, cause)
    # Raised here, so that the exception above is not its context.
    raise meaning from cause


def _meaning(error: Exception, *, in_host_transaction: bool) -> tuple[StoreError, BaseException | None]:
    """Return what an error means, and what may be shown as its cause; SQLAlchemy's own quotes the parameters."""
    match error:
        case sa.exc.DBAPIError():
            driver = error.orig or error
            made_by = "create_directory_schema()" if "datashare_directory" in str(driver) else "create_schema()"
            return meaning_of(
                driver,
                error,
                lost=in_host_transaction and is_lost(driver, by_busy_file=True),
                migrate=f"Call {made_by}, or migrate.",
                disconnected=error.connection_invalidated,
            )
        case UnicodeError():  # it holds the bytes
            return unreadable(), None
        case sa.exc.PendingRollbackError():
            return (TransactionLost if in_host_transaction else StoreError)(words_of(error)), None
        case sa.exc.TimeoutError() | sa.exc.DisconnectionError():
            return StoreUnavailable(words_of(error)), None
        case sa.exc.SQLAlchemyError():
            return StoreError(words_of(error)), None
        case ConnectionError() | TimeoutError():  # asyncpg lets these through while it connects
            return StoreUnavailable(words_of(error)), error
        case _:  # drivers let these through while they connect
            return StoreError(words_of(error)), error
