"""Agreements in Django's database, as a `datashare.ports.AgreementStore` and `Outbox`."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.models import F, Model, OuterRef, Q, QuerySet, Subquery

from datashare.domain import validation
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, to_instant
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue, StoreUnreadable
from datashare.ports import (
    Change,
    LeasedNotice,
    Loaded,
    NoticeStatus,
    RecordedOutcome,
    Settlement,
    StoredNotice,
    arguments,
)

from .errors import store_error
from .models import AgreementEvent, AgreementState, AppliedRegister, CommandOutcome, OutgoingNotice
from .rows import (
    Key,
    advanced,
    agreements_in,
    any_of,
    chain_rows,
    chains_in,
    event_in,
    key_of,
    notice_in,
    notice_row,
    outcome_in,
    outcome_row,
    stored_notice_in,
    unwritten,
)

_M = TypeVar("_M", bound=Model)
NEVER = AgreementState(version=-1)
"""What stands in the place of an agreement that is not there: no change was decided on it."""


class DjangoAgreementStore:
    """Agreements in one of Django's databases, as a `datashare.ports.AgreementStore` and `datashare.ports.Outbox`.

    Outside `transaction.atomic` each call is a transaction of its own, and threads may share the store. Inside, it
    works within that transaction: what it answers holds when the host commits, and after an error Django lets the
    transaction only be rolled back. Delivery commits as it goes, so it is refused there.
    """

    def __init__(self, using: str = DEFAULT_DB_ALIAS) -> None:
        """Choose the database, by its alias in the settings."""
        self._using = using

    @property
    def in_host_transaction(self) -> bool:
        """Whether it works within a transaction of the host's at present."""
        connection = connections[self._using]
        # Before the first statement there is no connection, and the settings say how it will be.
        is_connected = connection.connection is not None
        commits = connection.get_autocommit() if is_connected else connection.settings_dict["AUTOCOMMIT"]
        return connection.in_atomic_block or not commits

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Let nothing but a `StoreError` out."""
        try:
            yield
        except Error as error:
            raise store_error(error, joined=self.in_host_transaction) from error
        except InvalidValue as error:
            raise StoreUnreadable("A row cannot be read; it was damaged, or written by a later version.") from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write all or nothing: in a transaction, which is the host's where there is one."""
        with self._reading(), transaction.atomic(using=self._using, savepoint=False):
            yield

    @contextmanager
    def _delivering(self) -> Iterator[None]:
        if self.in_host_transaction:
            raise InvalidValue("The store", self, "outside the host's transactions, since delivery commits as it goes")
        with self._writing():
            yield

    def _all(self, model: type[_M]) -> QuerySet[_M]:
        return QuerySet(model=model, using=self._using)

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes kept in it under *command_id*."""
        wanted = arguments.require_ids(ids, command_id)
        if not wanted:
            return Loaded(agreements={}, outcomes=())
        of_group, urns = Q(group=str(wanted[0].group)), {one.urn for one in wanted}
        with self._reading():
            # States first, so that no outcome of theirs is missing; then once more those that have an outcome, so that
            # none is older than it. The same in one statement would be a union of two tables.
            found = self._standing(of_group, urns)
            outcomes = self._recorded(of_group, wanted[0].group, command_id) if command_id else ()
            found |= self._standing(of_group, urns & {one.agreement.urn for one in outcomes})
        return Loaded(agreements=found, outcomes=outcomes)

    def _standing(self, of_group: Q, urns: Collection[int]) -> dict[AgreementId, Agreement]:
        return {one.id: one for one in agreements_in(self._all(AgreementState).filter(of_group, urn__in=urns))}

    def _recorded(self, of_group: Q, group: GroupId, command_id: str) -> tuple[RecordedOutcome, ...]:
        outcomes = list(self._all(CommandOutcome).filter(of_group, command_id=command_id))
        events = defaultdict(list)
        for row in self._all(AgreementEvent).filter(of_group, command_id=command_id).order_by("urn", "sequence"):
            events[row.urn].append(row)
        return tuple(outcome_in(AgreementId(group, row.urn), row, events[row.urn]) for row in outcomes)

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; answer the agreements that lost a race."""
        given = sorted(arguments.require_changes(changes), key=lambda change: key_of(change.id))
        if not given:
            return frozenset()
        with self._writing():
            standing = self._locked(given)
            winners = [one for one in given if one.decided_on == standing.get(key_of(one.id), NEVER).version]
            self._write(winners, standing)
        return frozenset(one.id for one in given) - {one.id for one in winners}

    def _locked(self, changes: Sequence[Change]) -> Mapping[Key, AgreementState]:
        """Insert what is absent at version 0, then lock, in the order of keys so that no two writers block another."""
        first = [unwritten(change.id) for change in changes if not change.decided_on]
        self._all(AgreementState).bulk_create(first, ignore_conflicts=True)
        named = self._all(AgreementState).filter(any_of(change.id for change in changes))
        return {(row.group, row.urn): row for row in named.order_by("group", "urn").select_for_update()}

    def _write(self, winners: Sequence[Change], standing: Mapping[Key, AgreementState]) -> None:
        states = [standing[key_of(change.id)] for change in winners]
        events = [row for change, state in zip(winners, states, strict=True) for row in advanced(state, change)]
        self._all(AgreementState).bulk_create(
            states,
            update_conflicts=True,
            unique_fields=["group", "urn"],
            update_fields=["version", "head", "state"],
        )
        self._all(AgreementEvent).bulk_create(events)
        # A command's first outcome stays (K4).
        self._all(CommandOutcome).bulk_create([outcome_row(one) for one in winners], ignore_conflicts=True)
        self._cancel([str(one.closes) for one in winners if one.closes])
        self._all(OutgoingNotice).bulk_create([notice_row(notice) for one in winners for notice in one.notices])

    def _cancel(self, requests: Sequence[str]) -> None:
        """Cancel what asks for an answer to closed requests and was not delivered, given up or not (O7)."""
        own_events = AgreementEvent.objects.filter(group=OuterRef("group"), urn=OuterRef("urn"))
        asking = self._all(OutgoingNotice).filter(request__in=requests).exclude(status=NoticeStatus.DELIVERED.value)
        asking.update(
            status=NoticeStatus.CANCELLED.value,
            settled_at=Subquery(own_events.order_by("-sequence").values("at")[:1]),
            lease=None,
            leased_until=None,
        )

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        of_group = str(arguments.require_group(group))
        with self._reading():
            return agreements_in(self._all(AgreementState).filter(group=of_group).order_by("urn"))

    def states_at(self, urn: int, /) -> Sequence[Agreement]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        urn = validation.require_urn(urn)
        with self._reading():
            found = agreements_in(self._all(AgreementState).filter(urn=urn))
        return sorted(found, key=lambda one: str(one.group))  # a database orders text by its own locale

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence."""
        group, urn = key_of(arguments.require_agreement(agreement))
        return self._stream(self._all(AgreementEvent).filter(group=group, urn=urn).order_by("sequence"))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2)."""
        of_group = str(arguments.require_group(group))
        return self._stream(self._all(AgreementEvent).filter(group=of_group).order_by("at", "urn", "sequence"))

    def _stream(self, rows: QuerySet[AgreementEvent]) -> Iterator[Event]:
        with self._reading():
            for row in rows.iterator():
                yield event_in(row)

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3)."""
        return self._chains(None if group is None else [str(arguments.require_group(group))])

    def _chains(self, groups: Iterable[str] | None) -> Iterator[Chain]:
        with self._reading():
            for group in self._groups() if groups is None else groups:
                rows = chain_rows(self._of(AgreementState, group), self._of(AgreementEvent, group))
                yield from chains_in(group, rows.iterator())

    def _of(self, model: type[_M], group: str) -> QuerySet[_M]:
        return self._all(model).filter(group=group)

    def _groups(self) -> list[str]:
        """List the groups of which anything is kept; a database would order them by its own locale."""
        tables: list[QuerySet[Any]] = [self._all(AgreementState), self._all(AgreementEvent)]
        return sorted({group for table in tables for group in table.values_list("group", flat=True).distinct()})

    def last_register(self, group: GroupId, /) -> date | None:
        """Tell the day of the newest register that was applied to *group*, if any was."""
        of_group = str(arguments.require_group(group))
        with self._reading():
            return self._all(AppliedRegister).filter(group=of_group).values_list("day", flat=True).first()

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        group, day = arguments.require_register(group, day)
        with self._writing():
            self._all(AppliedRegister).bulk_create([AppliedRegister(group=str(group), day=day)], ignore_conflicts=True)
            self._all(AppliedRegister).filter(group=str(group), day__lt=day).update(day=day)

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of *group*, by due instant, then id; of one status, if one is named (O3)."""
        of_group = Q(group=str(arguments.require_group(group)))
        if wanted := arguments.require_status(status):
            of_group &= Q(status=wanted.value)
        with self._reading():
            found = [stored_notice_in(row) for row in self._all(OutgoingNotice).filter(of_group)]
        return sorted(found, key=lambda one: (one.due_at, one.id))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3).

        On PostgreSQL what another worker is leasing is passed over; on SQLite one writes at a time.
        """
        now, until, limit = arguments.require_lease(now, until, limit)
        due = Q(status=NoticeStatus.WAITING.value, due_at__lte=now)
        ended = Q(status=NoticeStatus.LEASED.value, leased_until__lte=now)
        with self._delivering():
            longest_due = self._all(OutgoingNotice).filter(due | ended).order_by("due_at", "notice_id")[:limit]
            rows, name = list(longest_due.select_for_update(skip_locked=True)), secrets.token_hex(16)
            self._all(OutgoingNotice).filter(
                group__in={row.group for row in rows},
                urn__in={row.urn for row in rows},
                notice_id__in={row.notice_id for row in rows},
            ).update(status=NoticeStatus.LEASED.value, lease=name, leased_until=until, attempts=F("attempts") + 1)
            return [LeasedNotice(notice=notice_in(row), lease=name, attempts=row.attempts + 1) for row in rows]

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice; return whether the lease was still held."""
        leased, outcome = arguments.require_settlement(leased, outcome)
        group, urn = key_of(leased.notice.agreement)
        with self._delivering():
            held = self._all(OutgoingNotice).filter(
                group=group, urn=urn, notice_id=leased.notice.id, lease=leased.lease
            )
            changed = held.update(
                status=outcome.status.value,
                due_at=outcome.due_at or F("due_at"),
                error=outcome.error,
                settled_at=outcome.settled_at,
                lease=None,
                leased_until=None,
            )
            return changed == 1

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* that were not purged wait again, with no attempts; tell how many (O3)."""
        given_up = Q(group=str(arguments.require_group(group)), status=NoticeStatus.GIVEN_UP.value, text__isnull=False)
        wanted, due_at = arguments.require_notices(notices), to_instant(due_at, "due_at")
        with self._writing():
            return (
                self._all(OutgoingNotice)
                .filter(given_up, notice_id__in=wanted)
                .update(status=NoticeStatus.WAITING.value, due_at=due_at, attempts=0, settled_at=None)
            )

    def purge(self, *, settled_before: Instant) -> int:
        """Erase names and addresses of notices settled before an instant; tell of how many (O6)."""
        before = to_instant(settled_before, "settled_before")
        with self._writing():
            # What the other side said may quote an address.
            old = self._all(OutgoingNotice).filter(settled_at__lt=before, text__isnull=False)
            return old.update(text=None, error=None)
