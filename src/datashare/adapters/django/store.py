"""Agreements in Django's database, as a `datashare.ports.AgreementStore` and `Outbox`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Any, TypeVar

from django.db.models import Exists, F, IntegerField, Model, OuterRef, Q, QuerySet, TextField, Value

from datashare import rows
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, instant_text, later_by, to_instant
from datashare.domain.register import GroupId
from datashare.domain.validation import require_urn
from datashare.errors import Misconfigured
from datashare.ports import (
    LONGEST_LEASE,
    LONGEST_WAIT,
    Change,
    LeasedNotice,
    Loaded,
    NoticeStatus,
    Settlement,
    StoredNotice,
    Unreadable,
    arguments,
    readable,
)
from datashare.ports.outbox import OPEN
from datashare.rows import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, PreparedChange, key_of

from ._database import Database, read
from .models import AgreementEvent, AgreementState, AppliedRegister, CommandOutcome, OutgoingNotice

_T = TypeVar("_T")


class DjangoAgreementStore:
    """Agreements in one of Django's databases; the ports say what each method promises.

    Outside `transaction.atomic` each call is a transaction of its own, and threads may share the store. Inside, it
    works within that transaction: what it answers holds when the host commits, and after an error Django lets the
    transaction only be rolled back.
    """

    def __init__(self, using: str | None = None) -> None:
        """Choose the database.

        Args:
            using: Its alias in `DATABASES`; by default the one that the settings name in ``DATASHARE["DATABASE"]``.

        Raises:
            Misconfigured: There is no such database.
        """
        self._db = Database(using)
        self.has_lost: bool = False
        """Whether a change lost a race since the store was made, so that the host may have to begin again."""

    @property
    def in_host_transaction(self) -> bool:
        return self._db.in_host_transaction

    def _deliver(self, work: Callable[[], _T]) -> _T:
        if self.in_host_transaction:
            raise Misconfigured("The store", self, "outside the host's transactions, since delivery commits as it goes")
        return self._db.write(work)

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        wanted = arguments.require_ids(ids, command_id)
        if not wanted:
            return Loaded(agreements={}, outcomes=())
        group, urns = str(wanted[0].group), {agreement.urn for agreement in wanted}
        with self._db.reading():
            # The states come first, so that no outcome of theirs is missing. Those with an outcome are read again, so
            # that no state is older than its outcome.
            agreements = self._standing(group, urns)
            outcomes = self._recorded(group, command_id) if command_id else []
            agreements |= self._standing(group, urns & {outcome.urn for outcome, _ in outcomes})
        return rows.to_loaded(agreements.values(), outcomes)

    def _standing(self, group: str, urns: Collection[int]) -> dict[int, AgreementRow]:
        states = self._db.rows(AgreementState).filter(group_id=group, urn__in=urns)
        return {row.urn: row for row in read(AgreementRow, states)}

    def _recorded(self, group: str, command_id: str) -> list[tuple[OutcomeRow, Sequence[EventRow]]]:
        outcomes = self._db.rows(CommandOutcome).filter(group_id=group, command_id=command_id)
        own = outcomes.filter(urn=OuterRef("urn"))
        caused = own.filter(first_sequence__lte=OuterRef("sequence"), last_sequence__gte=OuterRef("sequence"))
        events = self._db.rows(AgreementEvent).filter(Exists(caused), group_id=group).order_by("urn", "sequence")
        recorded = list(read(OutcomeRow, outcomes))
        by_urn = {urn: list(own_rows) for urn, own_rows in groupby(read(EventRow, events), lambda row: row.urn)}
        return [(row, by_urn.get(row.urn, ())) for row in recorded]

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        prepared = sorted(map(rows.prepare, arguments.require_changes(changes)), key=lambda row: row.key)
        if not prepared:
            return frozenset()
        losers = self._db.write(lambda: self._append(prepared))
        self.has_lost = self.has_lost or bool(losers)
        return losers

    def _append(self, prepared: Sequence[PreparedChange]) -> frozenset[AgreementId]:
        standing = self._locked(prepared)
        winners = [row for row in prepared if row.change.decided_on == _version(standing.get(row.key))]
        self._write_rows(winners, standing)
        return frozenset(row.change.id for row in prepared) - {row.change.id for row in winners}

    def _locked(self, prepared: Sequence[PreparedChange]) -> Mapping[Key, AgreementRow]:
        """Insert what is absent at version 0, then lock in the order of keys, so that no two writers deadlock."""
        claims = [_keyed(row.claim()) for row in prepared if not row.change.decided_on]
        self._insert(AgreementState, claims, ignore_conflicts=True)
        named = self._db.rows(AgreementState).filter(_any_of(row.key for row in prepared))
        locked = read(AgreementRow, named.order_by("group_id", "urn").select_for_update())
        return {(row.group_id, row.urn): row for row in locked}

    def _write_rows(self, winners: Sequence[PreparedChange], standing: Mapping[Key, AgreementRow]) -> None:
        written = [row.chained_to(standing[row.key].head) for row in winners]
        self._insert(
            AgreementState,
            [_keyed(agreement) for agreement, _ in written],
            update_conflicts=True,
            unique_fields=self._db.unique_fields("key"),
            update_fields=["version", "head", "state"],
        )
        self._insert(AgreementEvent, [event for _, events in written for event in events])
        self._insert(CommandOutcome, [row.outcome for row in winners], ignore_conflicts=True)  # the first stays (K4)
        asking = self._asking([row for row in winners if row.reads_asking])
        self._cancel([row for row in winners if row.change.closes])
        notices = [notice for row in winners for notice in row.notices(asking[row.key])]
        self._insert(OutgoingNotice, notices)

    def _insert(self, model: type[Model], table_rows: Iterable[tuple[object, ...]], **conflicts: Any) -> None:
        """Insert rows, whose columns are those of the model, in order."""
        self._db.rows(model).bulk_create([model(*row) for row in table_rows], **conflicts)

    def _asking(self, closing: Sequence[PreparedChange]) -> Mapping[Key, list[NoticeRow]]:
        """Lock the notices that ask for an answer to the requests that are closed, so that none is leased meanwhile."""
        requests = {(row.key, row.change.closes.number) for row in closing if row.change.closes}
        named = self._db.rows(OutgoingNotice).filter(_any_of(row.key for row in closing), asks=True)
        asking = defaultdict[Key, list[NoticeRow]](list)
        for row in read(NoticeRow, named.select_for_update()) if closing else ():
            if ((row.group_id, row.urn), row.request) in requests:
                asking[row.group_id, row.urn].append(row)
        return asking

    def _cancel(self, closing: Sequence[PreparedChange]) -> None:
        """Cancel what asks for an answer to the requests that were closed, given up or not (O7)."""
        # Those of earlier requests were delivered or cancelled before, so the request's number need not be asked for.
        settled = (NoticeStatus.DELIVERED.value, NoticeStatus.CANCELLED.value)
        asking = self._db.rows(OutgoingNotice).filter(asks=True).exclude(status__in=settled)
        for now in {row.change.now for row in closing}:  # all changes of an action share it
            asking.filter(_any_of(row.key for row in closing if row.change.now == now)).update(
                status=NoticeStatus.CANCELLED.value,
                is_open=False,
                settled_at=instant_text(now),
                lease=None,
                leased_until=None,
            )

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        of_group = self._db.rows(AgreementState).filter(group_id=str(arguments.require_group(group)))
        with self._db.reading():
            return rows.to_states(read(AgreementRow, of_group.order_by("urn")))

    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        at_school = self._db.rows(AgreementState).filter(urn=require_urn(urn))
        with self._db.reading():
            kept = list(read(AgreementRow, at_school))
        return rows.to_states(sorted(kept, key=lambda row: row.group_id))  # a database orders text by its own locale

    def groups(self) -> Sequence[GroupId]:
        with self._db.reading():
            return rows.to_groups(_distinct_groups(self._db.rows(AgreementState)))

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        group, urn = key_of(arguments.require_agreement(agreement))
        return self._stream(self._db.rows(AgreementEvent).filter(group_id=group, urn=urn).order_by("sequence"))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        of_group = self._db.rows(AgreementEvent).filter(group_id=str(arguments.require_group(group)))
        return self._stream(of_group.order_by("at", "urn", "sequence"))

    def _stream(self, events: QuerySet[AgreementEvent]) -> Iterator[Event]:
        with self._db.reading():
            yield from map(rows.to_event, read(EventRow, events))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        of_group = arguments.require_group_or_all(group)
        return self._chains(None if of_group is None else [str(of_group)])

    def _chains(self, groups: Iterable[str] | None) -> Iterator[Chain]:
        with self._db.reading():
            for group in self._groups() if groups is None else groups:
                yield from rows.to_chains(self._chain_rows(group))

    def _groups(self) -> list[str]:
        """List the groups of which anything is kept; a database would order them by its own locale."""
        tables: list[QuerySet[Any]] = [self._db.rows(AgreementState), self._db.rows(AgreementEvent)]
        return sorted({group for table in tables for group in _distinct_groups(table)})

    def _chain_rows(self, group: str) -> Iterator[AgreementRow | EventRow]:
        """Read the rows of one group's chains in one statement, so that each chain is of one moment."""
        # A union, since either row may be missing. A row of a state has no sequence, one of an event no version.
        no_number, no_text = Value(None, IntegerField()), Value(None, TextField())
        states = self._db.rows(AgreementState).filter(group_id=group)
        states = states.annotate(sequence=no_number, at=no_text, erasable=no_text)
        events = self._db.rows(AgreementEvent).filter(group_id=group).annotate(version=no_number)
        both = states.values_list("urn", "sequence", "version", "at", "head", "state", "erasable").union(
            events.values_list("urn", "sequence", "version", "at", "hash", "text", "erasable"), all=True
        )
        for urn, sequence, version, at, hashed, text, erasable in both.order_by("urn", "sequence").iterator():
            if sequence is None:
                yield AgreementRow(group, urn, version, hashed, text)
            else:
                yield EventRow(group, urn, sequence, at, hashed, text, erasable)

    def last_register(self, group: GroupId, /) -> date | None:
        of_group = self._db.rows(AppliedRegister).filter(group_id=str(arguments.require_group(group)))
        with self._db.reading():
            return of_group.values_list("day", flat=True).first()

    def note_register(self, group: GroupId, day: date, /) -> None:
        group, day = arguments.require_register(group, day)
        registers = self._db.rows(AppliedRegister)

        def note() -> None:
            registers.bulk_create([AppliedRegister(group_id=str(group), day=day)], ignore_conflicts=True)
            registers.filter(group_id=str(group), day__lt=day).update(day=day)

        self._db.write(note)

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        of_group, status = arguments.require_group_or_all(group), arguments.require_status(status)
        notices = self._db.rows(OutgoingNotice)
        if of_group is not None:
            notices = notices.filter(group_id=str(of_group))
        elif status in OPEN:
            notices = notices.filter(is_open=True)  # which has an index
        if status is not None:
            notices = notices.filter(status=status.value)
        with self._db.reading():
            stored = rows.to_stored_notices(read(NoticeRow, notices))
        return sorted(stored, key=lambda notice: (notice.due_at, notice.id))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        now, until, limit = arguments.require_lease(now, until, limit)

        def lease() -> Sequence[LeasedNotice | Unreadable]:
            leases = rows.to_leases(self._due(now, limit), limit)
            leased = readable(leases)
            self._db.rows(OutgoingNotice).filter(notice_id__in=[lease.notice.id for lease in leased]).update(
                status=NoticeStatus.LEASED.value,
                lease=next((lease.lease for lease in leased), None),  # all have one name
                leased_until=instant_text(until),
                attempts=F("attempts") + 1,
            )
            return leases

        return self._deliver(lease)

    def _due(self, now: Instant, limit: int) -> Iterator[NoticeRow]:
        """Read the longest due, so many at a time; further ones are needed only if some cannot be read."""
        present = instant_text(now)
        due = Q(due_at__lte=present, lease=None) | Q(leased_until__lte=present) | _held(now)
        # PostgreSQL passes over what another worker is leasing; on SQLite one writes at a time.
        unlocked = self._db.rows(OutgoingNotice).filter(due, is_open=True).select_for_update(skip_locked=True)
        longest_due, further = unlocked.order_by("due_at", "notice_id"), Q()
        while page := list(read(NoticeRow, longest_due.filter(further)[:limit])):
            yield from page
            last = page[-1]
            further = Q(due_at__gt=last.due_at) | Q(due_at=last.due_at, notice_id__gt=last.id)

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        leased, outcome = arguments.require_settlement(leased, outcome)
        group, urn = key_of(leased.notice.agreement)
        held = Q(group_id=group, urn=urn, notice_id=leased.notice.id, lease=leased.lease)
        columns = {
            "status": outcome.status.value,
            "is_open": outcome.status is NoticeStatus.WAITING,
            "due_at": instant_text(outcome.due_at) if outcome.due_at else F("due_at"),
            "error": outcome.error,
            "settled_at": outcome.settled_at and instant_text(outcome.settled_at),
        }
        settled = self._db.rows(OutgoingNotice).filter(held)
        return self._deliver(lambda: settled.update(lease=None, leased_until=None, **columns)) == 1

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        of_group, wanted = str(arguments.require_group(group)), arguments.require_notices(notices)
        due_at = to_instant(due_at, "due_at")
        given_up = Q(status=NoticeStatus.GIVEN_UP.value, text__isnull=False)
        chosen = self._db.rows(OutgoingNotice).filter(given_up | _held(due_at), group_id=of_group, notice_id__in=wanted)
        waiting = {"status": NoticeStatus.WAITING.value, "is_open": True, "attempts": 0, "settled_at": None}
        return self._db.write(
            lambda: chosen.update(due_at=instant_text(due_at), lease=None, leased_until=None, **waiting)
        )

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        bounds = arguments.require_purge(settled_before, undelivered_before, now)
        before, after, undelivered, present = map(instant_text, bounds)
        given_up = {"status": NoticeStatus.GIVEN_UP.value, "is_open": False, "lease": None, "leased_until": None}
        # A clock that was fast settled it. What that clock gave up may be new.
        is_old = ~Q(status=NoticeStatus.GIVEN_UP.value) | Q(due_at__lt=undelivered) | Q(due_at__gt=after)
        settled = Q(settled_at__lt=before) | Q(settled_at__gt=after) & is_old
        old = self._db.rows(OutgoingNotice).filter(settled, text__isnull=False)
        late = self._db.rows(OutgoingNotice).filter(is_open=True, due_at__lt=undelivered)

        def purge() -> int:
            # The error goes too: what the other side said may quote an address.
            purged = old.update(text=None, error=None)
            late.update(settled_at=present, **given_up)
            return purged

        return self._db.write(purge)


def _distinct_groups(table: QuerySet[Any]) -> QuerySet[Any]:
    return table.values_list("group_id", flat=True).distinct()


def _held(now: Instant) -> Q:
    """Pick what a clock that was fast has leased or put off."""
    lease_ends, wait_ends = (instant_text(later_by(now, span)) for span in (LONGEST_LEASE, LONGEST_WAIT))
    return Q(leased_until__gt=lease_ends) | Q(status=NoticeStatus.WAITING.value, due_at__gt=wait_ends)


def _keyed(row: AgreementRow) -> tuple[object, ...]:
    return *row, f"{row.group_id}/{row.urn}"


def _version(row: AgreementRow | None) -> int:
    return row.version if row else -1  # no change was decided on that


def _any_of(keys: Iterable[Key]) -> Q:
    """Pick agreements, without the pairs of columns that not every database compares."""
    by_group: dict[str, set[int]] = defaultdict(set)
    for group, urn in keys:
        by_group[group].add(urn)
    return reduce(or_, (Q(group_id=group, urn__in=urns) for group, urns in by_group.items()), Q(urn__in=[]))
