"""Agreements in memory: atomic, versioned, and safe to use from many threads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date

import attrs

from datashare.codec import encode, record_events
from datashare.domain import validation
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, StateRecord
from datashare.domain.instants import Instant, to_instant
from datashare.domain.notices import ASKING, Notice
from datashare.domain.register import GroupId
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


@attrs.define
class _Entry:
    """A notice as the store holds it; replaced as a whole, never handed out."""

    stored: StoredNotice
    lease: str | None = None
    leased_until: Instant | None = None


class MemoryAgreementStore:
    """Agreements in memory, as a `datashare.ports.AgreementStore` and `datashare.ports.Outbox`.

    Every call takes one lock, so that each is atomic and the calls of many threads are in some order.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._states: dict[AgreementId, Agreement] = {}
        self._of_group: dict[GroupId, list[AgreementId]] = defaultdict(list)
        self._of_school: dict[int, list[AgreementId]] = defaultdict(list)
        self._events: dict[AgreementId, tuple[Event, ...]] = {}
        self._records: dict[AgreementId, tuple[ChainedRecord, ...]] = {}
        self._outcomes: dict[tuple[GroupId, str], dict[AgreementId, RecordedOutcome]] = defaultdict(dict)
        self._notices: dict[str, _Entry] = {}
        self._notices_of: dict[GroupId, dict[str, _Entry]] = defaultdict(dict)
        self._asking: dict[RequestId, list[_Entry]] = defaultdict(list)
        self._registers: dict[GroupId, date] = {}
        self._leases = 0

    @property
    def in_host_transaction(self) -> bool:
        """Whether it works within a transaction of the host's: never, since there is none."""
        return False

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes kept in it under *command_id*."""
        wanted = arguments.require_ids(ids, command_id)
        groups = {one.group for one in wanted}
        with self._lock:
            return Loaded(
                agreements={one: self._states[one] for one in wanted if one in self._states},
                outcomes=tuple(
                    outcome
                    for group in groups
                    for outcome in self._outcomes.get((group, command_id or ""), {}).values()
                ),
            )

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; answer the agreements that lost a race."""
        given = arguments.require_changes(changes)
        with self._lock:
            losers = frozenset(change.id for change in given if self._lost(change))
            # What can fail comes first, so that no change, and no call, is saved in part.
            winners = [
                (change, self._chained(change), _waiting(change.notices)) for change in given if change.id not in losers
            ]
            for change, records, notices in winners:
                self._save(change, records, notices)
        return losers

    def _chained(self, change: Change) -> tuple[ChainedRecord, ...]:
        before = self._records.get(change.id, ())
        return (*before, *record_events(change.events, after=before[-1].hash if before else BEFORE_THE_FIRST))

    def _lost(self, change: Change) -> bool:
        present = self._states.get(change.id)
        return (present.version if present else 0) != change.decided_on

    def _save(self, change: Change, records: tuple[ChainedRecord, ...], notices: dict[str, _Entry]) -> None:
        if change.id not in self._states:
            self._of_group[change.id.group].append(change.id)
            self._of_school[change.id.urn].append(change.id)
        self._states[change.id] = change.after
        self._events[change.id] = (*self._events.get(change.id, ()), *change.events)
        self._records[change.id] = records
        self._outcomes[change.id.group, change.command_id].setdefault(change.id, change.outcome)
        if change.closes:
            self._cancel(change.closes, change.events[-1].at)
        self._notices.update(notices)
        self._notices_of[change.id.group].update(notices)
        for notice in change.notices:
            if notice.request and notice.kind in ASKING:
                self._asking[notice.request].append(notices[notice.id])

    def _cancel(self, closed: RequestId, at: Instant) -> None:
        """Cancel what asks for an answer to the closed request and was not delivered, given up or not (O7)."""
        for entry in self._asking.pop(closed, ()):
            if entry.stored.status is not NoticeStatus.DELIVERED:
                entry.stored = attrs.evolve(entry.stored, status=NoticeStatus.CANCELLED, settled_at=at)
                entry.lease = entry.leased_until = None

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        arguments.require_group(group)
        with self._lock:
            found = [self._states[one] for one in self._of_group.get(group, ())]
        return sorted(found, key=lambda state: state.urn)

    def states_at(self, urn: int, /) -> Sequence[Agreement]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        validation.require_urn(urn)
        with self._lock:
            found = [self._states[one] for one in self._of_school.get(urn, ())]
        return sorted(found, key=lambda state: str(state.group))

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence."""
        arguments.require_agreement(agreement)
        with self._lock:
            return iter(self._events.get(agreement, ()))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2)."""
        arguments.require_group(group)
        with self._lock:
            found = [event for one in self._of_group.get(group, ()) for event in self._events[one]]
        return iter(sorted(found, key=lambda event: (event.at, event.agreement.urn, event.sequence)))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3)."""
        if group is not None:
            arguments.require_group(group)
        with self._lock:
            groups = self._of_group if group is None else [group]
            found = [one for each in groups for one in self._of_group.get(each, ())]
            kept = [(self._states[one], self._records[one]) for one in found]
        kept.sort(key=lambda both: (str(both[0].group), both[0].urn))
        return (_chain(state, records) for state, records in kept)

    def last_register(self, group: GroupId, /) -> date | None:
        """Tell the day of the newest register that was applied to *group*, if any was."""
        arguments.require_group(group)
        with self._lock:
            return self._registers.get(group)

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        arguments.require_register(group, day)
        with self._lock:
            self._registers[group] = max(day, self._registers.get(group, day))

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of *group*, by due instant, then id; of one status, if one is named (O3)."""
        arguments.require_group(group)
        arguments.require_status(status)
        with self._lock:
            entries = self._notices_of.get(group, {}).values()
            found = [entry.stored for entry in entries if status in {None, entry.stored.status}]
        return sorted(found, key=lambda stored: (stored.due_at, stored.id))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3)."""
        now, until, limit = arguments.require_lease(now, until, limit)
        with self._lock:
            due = sorted(
                (
                    (entry, notice)
                    for entry in self._notices.values()
                    if (notice := entry.stored.notice) and _is_due(entry, now)
                ),
                key=lambda found: (found[0].stored.due_at, found[0].stored.id),
            )
            return [self._leased(entry, notice, until) for entry, notice in due[:limit]]

    def _leased(self, entry: _Entry, notice: Notice, until: Instant) -> LeasedNotice:
        self._leases += 1
        entry.lease, entry.leased_until = f"lease-{self._leases}", until
        attempts = entry.stored.attempts + 1
        entry.stored = attrs.evolve(entry.stored, status=NoticeStatus.LEASED, attempts=attempts)
        return LeasedNotice(notice=notice, lease=entry.lease, attempts=attempts)

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice; return whether the lease was still held."""
        leased, outcome = arguments.require_settlement(leased, outcome)
        with self._lock:
            entry = self._notices.get(leased.notice.id)
            if entry is None or entry.lease is None or entry.lease != leased.lease:
                return False
            entry.stored = attrs.evolve(
                entry.stored,
                status=outcome.status,
                due_at=outcome.due_at or entry.stored.due_at,
                settled_at=outcome.settled_at,
                error=outcome.error,
            )
            entry.lease = entry.leased_until = None
            return True

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* that were not purged wait again, with no attempts; tell how many (O3)."""
        arguments.require_group(group)
        due_at = to_instant(due_at, "due_at")
        wanted = arguments.require_notices(notices)
        with self._lock:
            own = self._notices_of.get(group, {})
            entries = [own[one] for one in wanted if one in own]
            given_up = [e for e in entries if e.stored.status is NoticeStatus.GIVEN_UP and e.stored.notice]
            for entry in given_up:
                entry.stored = attrs.evolve(
                    entry.stored, status=NoticeStatus.WAITING, due_at=due_at, attempts=0, settled_at=None
                )
            return len(given_up)

    def purge(self, *, settled_before: Instant) -> int:
        """Erase names and addresses of notices settled before an instant; tell of how many (O6)."""
        settled_before = to_instant(settled_before, "settled_before")
        with self._lock:
            old = [
                entry
                for entry in self._notices.values()
                if entry.stored.notice and entry.stored.settled_at and entry.stored.settled_at < settled_before
            ]
            for entry in old:
                # What the other side said may quote an address.
                entry.stored = attrs.evolve(entry.stored, notice=None, error=None)
            return len(old)


def _chain(state: Agreement, records: tuple[ChainedRecord, ...]) -> Chain:
    present = StateRecord(version=state.version, head=records[-1].hash, text=encode(state))
    return Chain(agreement=state.id, state=present, records=records)


def _waiting(notices: Sequence[Notice]) -> dict[str, _Entry]:
    return {
        notice.id: _Entry(
            StoredNotice(
                id=notice.id,
                agreement=notice.agreement,
                notice=notice,
                status=NoticeStatus.WAITING,
                due_at=notice.created_at,
            )
        )
        for notice in notices
    }


def _is_due(entry: _Entry, now: Instant) -> bool:
    match entry.stored.status:
        case NoticeStatus.WAITING:
            return entry.stored.due_at <= now
        case NoticeStatus.LEASED:
            return entry.leased_until is not None and entry.leased_until <= now
        case _:
            return False
