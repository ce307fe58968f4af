"""Agreements in a relational database, as a `datashare.ports.AgreementStore` and `Outbox`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from datashare.domain import validation
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, to_instant
from datashare.domain.register import GroupId
from datashare.errors import Misconfigured
from datashare.ports import Change, LeasedNotice, Loaded, NoticeStatus, Settlement, StoredNotice, Unreadable, arguments
from datashare.rows import AgreementRow, key_of, prepare, to_chains, to_event, to_groups, to_register_day, to_states

from . import _agreements, _outbox, _pages
from ._bulk import Existing, write
from ._database import transactions
from ._tables import AGREEMENTS, agreements, registers

_T = TypeVar("_T")


class SqlAgreementStore:
    """Agreements in SQLite, PostgreSQL or MariaDB, as a `datashare.ports.AgreementStore` and `datashare.ports.Outbox`.

    Bound to an `sqlalchemy.Engine`, every call is a transaction of its own, and threads may share the store.
    Bound to a `sqlalchemy.Connection`, it works within the host's transaction. It never commits, rolls back or
    repeats; what it returns holds once the host commits; `TransactionLost` says that the host has to roll back and
    begin again. Such a store is made for each transaction, and cannot deliver, since delivery commits as it goes.

    The isolation level is READ COMMITTED: on an engine the store sets it, on a connection the host has to. On SQLite
    a transaction that writes begins with ``BEGIN IMMEDIATE``. A call that fails leaves nothing behind, not even
    within the host's transaction.

    Cost: each call is a constant number of statements, whatever the number of agreements up to 16,000; `append` ten.
    MariaDB's driver sends an update of many rows row by row.
    """

    def __init__(self, bind: sa.Engine | sa.Connection) -> None:
        """Bind the store to a database, without a statement yet.

        Args:
            bind: An engine, or a connection whose transaction is the host's.

        Raises:
            Misconfigured: It is neither.
        """
        self._transactions = transactions(bind, AGREEMENTS.require)

    @property
    def in_host_transaction(self) -> bool:
        """Whether it works within a transaction of the host's."""
        return self._transactions.in_host_transaction

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes recorded in it under *command_id*."""
        wanted = arguments.require_ids(ids, command_id)
        if not wanted:
            return Loaded(agreements={}, outcomes=())
        group = wanted[0].group
        return self._transactions.read(lambda connection: _agreements.load(connection, group, wanted, command_id))

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; return the agreements that lost a race."""
        prepared = sorted(map(prepare, arguments.require_changes(changes)), key=lambda change: change.key)
        if not prepared:
            return frozenset()
        return self._transactions.write(lambda connection: _agreements.append(connection, prepared))

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        of_group = agreements.c.group_id == str(arguments.require_group(group))
        return self._states(sa.select(agreements).where(of_group).order_by(agreements.c.urn))

    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        of_school = agreements.c.urn == validation.require_urn(urn)
        return self._states(sa.select(agreements).where(of_school).order_by(agreements.c.group_id))

    def _states(self, statement: sa.Select[Any]) -> Sequence[Agreement | Unreadable]:
        return self._transactions.read(
            lambda connection: to_states(map(AgreementRow._make, connection.execute(statement)))
        )

    def groups(self) -> Sequence[GroupId]:
        """List every group that has an agreement with a history, in the order of the groups' text.

        Cost: one statement, which passes over the keys of all agreements: less than a second for a million of them.
        """
        statement = sa.select(agreements.c.group_id).distinct()
        return self._transactions.read(lambda connection: to_groups(connection.scalars(statement)))

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence.

        They are read a page at a time, and no connection is held meanwhile.
        """
        key = key_of(arguments.require_agreement(agreement))
        return map(to_event, self._streamed(_pages.history(self._rows, key)))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2).

        They are read a page at a time, and no connection is held meanwhile. What is saved meanwhile is left out.
        """
        of_group = str(arguments.require_group(group))
        return map(to_event, self._streamed(_pages.group_history(self._rows, of_group)))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3).

        They are read a page at a time, and no connection is held meanwhile.
        """
        of_group = None if arguments.require_group_or_all(group) is None else str(group)
        return to_chains(self._streamed(_pages.chains(self._rows, of_group)))

    def _rows(self, statement: _pages.Statement) -> Sequence[sa.Row[Any]]:
        return self._transactions.read(lambda connection: connection.execute(statement).all())

    def _streamed(self, rows: Iterator[_T]) -> Iterator[_T]:
        """Return rows as the caller asks for them; all at once in the host's transaction, which may end before."""
        return iter(list(rows)) if self.in_host_transaction else rows

    def last_register(self, group: GroupId, /) -> date | None:
        """Return the day of the newest register that was applied to *group*, if any was."""
        statement = sa.select(registers.c.day).where(registers.c.group_id == str(arguments.require_group(group)))
        noted = self._transactions.read(lambda connection: connection.scalar(statement))
        return None if noted is None else to_register_day(group, noted)

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        group, day = arguments.require_register(group, day)
        row = str(group), day.isoformat()
        older = registers.c.group_id == str(group), registers.c.day < day.isoformat()

        def note(connection: sa.Connection) -> None:
            write(connection, registers, [row], existing=Existing.STAYS)
            connection.execute(sa.update(registers).where(*older).values(day=day.isoformat()))

        self._transactions.write(note)

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of a group, or of all, by due instant, then id; of one status, if one is named (O3).

        Cost: one statement. Of all groups, those that wait or are leased are found by an index; for any other status
        it reads every notice, which takes about half a second for two million.
        """
        group, status = arguments.require_group_or_all(group), arguments.require_status(status)
        return self._transactions.read(lambda connection: _outbox.listed(connection, group, status))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3).

        On PostgreSQL and MariaDB, notices that another worker is leasing are passed over, so that any number of
        workers can work side by side; on SQLite one writes at a time.
        """
        now, until, limit = arguments.require_lease(now, until, limit)
        return self._deliver(partial(_outbox.lease, now=now, until=until, limit=limit))

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice; return whether the lease was still held."""
        leased, outcome = arguments.require_settlement(leased, outcome)
        return self._deliver(lambda connection: _outbox.settle(connection, leased, outcome))

    def _deliver(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do what must be committed at once, since what was sent cannot be rolled back (O3)."""
        if self.in_host_transaction:
            raise Misconfigured("The store", self, "bound to an Engine, since delivery commits as it goes")
        return self._transactions.write(work)

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices, and those that a fast clock holds, wait again; return how many (O3)."""
        group, ids = arguments.require_group(group), arguments.require_notices(notices)
        due_at = to_instant(due_at, "due_at")
        return self._transactions.write(lambda connection: _outbox.requeue(connection, group, ids, due_at))

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        """Erase names and addresses of notices settled before an instant; give up what nobody delivers (O6).

        On an engine of `sqlite_engine` what was erased stands in no byte of the file and its log any more, unless
        somebody reads meanwhile; then the next call sees to that.

        Cost: it reads all notices; call it once a day, not once a minute.
        """
        instants = arguments.require_purge(settled_before, undelivered_before, now)
        purged = self._transactions.write(lambda connection: _outbox.purge(connection, *instants))
        self._transactions.overwrite_log()
        return purged
