"""One transaction for the host's own rows and for agreements, repeated if it lost to another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from datashare.adapters._databases import RaceLost, is_lost, words_of
from datashare.domain import validation
from datashare.domain.agreements import AgreementId
from datashare.errors import Misconfigured, TransactionLost
from datashare.ports import Change

from ._database import OwnTransactions
from ._errors import mapped
from ._store import SqlAgreementStore

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_T = TypeVar("_T")


def in_transaction(engine: sa.Engine, work: Callable[[sa.Connection, SqlAgreementStore], _T]) -> _T:
    """Do some work in one transaction, commit it, and return what the work returned.

    The transaction begins as the store's own do: READ COMMITTED, and on SQLite with ``BEGIN IMMEDIATE``.
    If it loses to another one, for example by a deadlock, or if others changed a school after it was read, all of it
    is rolled back and repeated after a short random pause, up to six times in total. So the work must be safe to
    repeat: it does nothing that a roll-back does not undo, and uses the same command id each time.
    If others still change a school during the last attempt, that attempt is committed, and the school's outcome is
    `CONFLICT`.

    Args:
        engine: The database.
        work: Called with the connection, for the host's own rows, and with a store on it, for `DataSharing.over`. It
            neither commits nor rolls back. What it raises rolls everything back, and is raised here as it is; errors
            of the host's own statements too.

    Raises:
        Misconfigured: *engine* is not an engine, or *work* cannot be called.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only, or every attempt lost.
        StoreError: The database could not do its work.
    """
    validation.require_a(engine, sa.Engine, "engine", "an Engine of SQLAlchemy", Misconfigured)
    validation.require_callable(work, "work", "a function of a connection and a store")
    # The store of each attempt checks the tables.
    transactions = OwnTransactions(engine, lambda _: None)
    return transactions.repeated(partial(_attempt, transactions, work))


async def in_async_transaction(engine: AsyncEngine, work: Callable[[sa.Connection, SqlAgreementStore], _T]) -> _T:
    """Do the same as `in_transaction` on an async engine; the event loop goes on while the database works.

    Args:
        engine: The database.
        work: A plain function, as for `in_transaction`. SQLAlchemy runs it so that its calls to the database wait
            without blocking, as it does for `AsyncConnection.run_sync`.

    Raises:
        Misconfigured: *engine* is not an async engine, or *work* cannot be called.
        StoreUnavailable: As `in_transaction`.
        StoreError: As `in_transaction`.
    """
    sync_engine = getattr(engine, "sync_engine", None)
    if sync_engine is None:
        raise Misconfigured("engine", engine, "an AsyncEngine of SQLAlchemy")
    return await sa.util.greenlet_spawn(in_transaction, sync_engine, work)


class _WatchedStore(SqlAgreementStore):
    """A store that remembers whether it lost a race."""

    has_lost = False

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*; return the agreements that lost a race."""
        lost = super().append(changes)
        self.has_lost = self.has_lost or bool(lost)
        return lost


def _attempt(
    transactions: OwnTransactions, work: Callable[[sa.Connection, SqlAgreementStore], _T], is_last: bool
) -> _T:
    """Do the work once.

    Raises:
        TransactionLost: The transaction lost to another one.
        RaceLost: A school was changed by others; not in the last attempt.
    """
    connection = mapped(transactions.connect)
    try:
        mapped(partial(transactions.begin, connection))
        store = _WatchedStore(connection)
        try:
            result = work(connection, store)
        except Exception as error:
            if store.has_lost and not is_last:
                raise RaceLost from error
            if isinstance(error, sa.exc.DBAPIError) and error.orig and is_lost(error.orig, by_busy_file=True):
                raise TransactionLost(words_of(error.orig)) from error.orig  # by one of the host's own statements
            raise
        if store.has_lost and not is_last:
            raise RaceLost
        mapped(connection.commit, in_host_transaction=True)
        return result
    finally:
        with suppress(sa.exc.SQLAlchemyError):  # where the connection is broken, so that the server rolls back
            connection.close()
