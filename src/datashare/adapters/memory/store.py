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
from datashare.domain.instants import Instant, later_by, to_instant
from datashare.domain.notices import ASKING, Notice
from datashare.domain.register import GroupId
from datashare.ports import (
    LONGEST_LEASE,
    LONGEST_WAIT,
    Change,
    LeasedNotice,
    Loaded,
    NoticeStatus,
    RecordedOutcome,
    Settlement,
    StoredNotice,
    arguments,
)
from datashare.ports.outbox import MAY_HAVE_ARRIVED, OPEN, cancelled_at_once


@attrs.define
class _History:
    """Everything that is kept about one agreement."""

    state: Agreement
    events: tuple[Event, ...] = ()
    records: tuple[ChainedRecord, ...] = ()


@attrs.frozen
class _Ahead:
    """The instants after which leases and waits come from a clock that was fast."""

    lease: Instant
    wait: Instant

    @classmethod
    def of(cls, now: Instant) -> _Ahead:
        return cls(later_by(now, LONGEST_LEASE), later_by(now, LONGEST_WAIT))


@attrs.define
class _Entry:
    """A notice as the store holds it; `stored` is replaced as a whole, never changed."""

    stored: StoredNotice
    lease: str | None = None
    leased_until: Instant | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is waiting or leased."""
        return self.stored.status in OPEN

    def change(self, status: NoticeStatus, **values: object) -> None:
        """Change what is stored, and end the lease."""
        self.stored = attrs.evolve(self.stored, status=status, **values)  # type: ignore[arg-type]  # by name
        self.lease = self.leased_until = None

    def due_notice(self, now: Instant, ahead: _Ahead) -> Notice | None:
        """Return the notice if it can be leased."""
        is_waiting = self.stored.status is NoticeStatus.WAITING and self.stored.due_at <= now
        is_free_again = self.leased_until is not None and self.leased_until <= now
        return self.stored.notice if is_waiting or is_free_again or self.is_held(ahead) else None

    def is_held(self, ahead: _Ahead) -> bool:
        """Return whether a clock that was fast has leased it or put it off."""
        if self.leased_until is not None:
            return self.leased_until > ahead.lease
        return self.stored.status is NoticeStatus.WAITING and self.stored.due_at > ahead.wait

    def is_old(self, undelivered: Instant, after: Instant) -> bool:
        """Return whether to purge it although a clock that was fast settled it: one that it gave up may be new."""
        due_at = self.stored.due_at
        return self.stored.status is not NoticeStatus.GIVEN_UP or due_at < undelivered or due_at > after

    def can_be_requeued(self, ahead: _Ahead) -> bool:
        """Return whether it was given up and not purged, or is held by a clock that was fast."""
        is_given_up = self.stored.status is NoticeStatus.GIVEN_UP and self.stored.notice is not None
        return is_given_up or self.is_held(ahead)


class MemoryAgreementStore:
    """Agreements in memory, as a `datashare.ports.AgreementStore` and `datashare.ports.Outbox`.

    Every call takes one lock, so that each is atomic and the calls of many threads are in some order.
    """

    in_host_transaction = False
    """There is no transaction of the host's to work in."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._histories: dict[AgreementId, _History] = {}
        self._by_group: dict[GroupId, list[AgreementId]] = defaultdict(list)
        self._by_school: dict[int, list[AgreementId]] = defaultdict(list)
        self._outcomes: dict[tuple[GroupId, str], dict[AgreementId, RecordedOutcome]] = defaultdict(dict)
        self._notices: dict[GroupId, dict[str, _Entry]] = defaultdict(dict)
        self._asking: dict[RequestId, list[_Entry]] = defaultdict(list)
        self._registers: dict[GroupId, date] = {}
        self._leases = 0

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes recorded in it under *command_id*."""
        wanted = arguments.require_ids(ids, command_id)
        with self._lock:
            outcomes = self._outcomes.get((wanted[0].group, command_id), {}) if wanted and command_id else {}
            return Loaded(
                agreements={id_: self._histories[id_].state for id_ in wanted if id_ in self._histories},
                outcomes=tuple(outcomes.values()),
            )

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; return the agreements that lost a race."""
        changes = arguments.require_changes(changes)
        with self._lock:
            winners = [change for change in changes if self._history(change).state.version == change.decided_on]
            # What can fail comes first, so that no change, and no call, is saved in part.
            for change, records in [(change, self._chained(change)) for change in winners]:
                self._save(change, records)
        return frozenset(change.id for change in changes) - {change.id for change in winners}

    def _history(self, change: Change) -> _History:
        return self._histories.get(change.id) or _History(Agreement(id=change.id))

    def _chained(self, change: Change) -> tuple[ChainedRecord, ...]:
        records = self._history(change).records
        return (*records, *record_events(change.events, after=records[-1].hash if records else BEFORE_THE_FIRST))

    def _save(self, change: Change, records: tuple[ChainedRecord, ...]) -> None:
        if change.id not in self._histories:
            self._by_group[change.id.group].append(change.id)
            self._by_school[change.id.urn].append(change.id)
        events = (*self._history(change).events, *change.events)
        self._histories[change.id] = _History(change.after, events, records)
        self._outcomes[change.id.group, change.command_id].setdefault(change.id, change.outcome)  # K4: the first stays
        cancelled = self._cancel(change.closes, change) if change.closes else frozenset()
        for notice in change.notices:
            entry = self._put(notice, due_at=change.now)
            if notice.id in cancelled:
                entry.change(NoticeStatus.CANCELLED, settled_at=change.now)

    def _put(self, notice: Notice, *, due_at: Instant) -> _Entry:
        entry = _Entry(
            StoredNotice(
                id=notice.id,
                agreement=notice.agreement,
                notice=notice,
                status=NoticeStatus.WAITING,
                due_at=due_at,
            )
        )
        self._notices[notice.agreement.group][notice.id] = entry
        if notice.request and notice.kind in ASKING:
            self._asking[notice.request].append(entry)
        return entry

    def _cancel(self, closed: RequestId, change: Change) -> frozenset[str]:
        """Cancel what asks for an answer to the closed request and was not delivered, given up or not (O7).

        Returns:
            The ids of the new notices that are cancelled too, since the request never arrived.
        """
        asking = self._asking.pop(closed, [])
        sent = [entry.stored.notice for entry in asking if entry.stored.status in MAY_HAVE_ARRIVED]
        for entry in asking:
            if entry.stored.status is not NoticeStatus.DELIVERED:
                entry.change(NoticeStatus.CANCELLED, settled_at=change.now)
        return cancelled_at_once(change.notices, sent)

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        arguments.require_group(group)
        with self._lock:
            states = [self._histories[id_].state for id_ in self._by_group.get(group, ())]
        return sorted(states, key=lambda state: state.urn)

    def states_at(self, urn: int, /) -> Sequence[Agreement]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        validation.require_urn(urn)
        with self._lock:
            states = [self._histories[id_].state for id_ in self._by_school.get(urn, ())]
        return sorted(states, key=lambda state: str(state.group))

    def groups(self) -> Sequence[GroupId]:
        """List every group that has an agreement with a history, in the order of the groups' text."""
        with self._lock:
            return sorted(self._by_group, key=str)

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence."""
        arguments.require_agreement(agreement)
        with self._lock:
            history = self._histories.get(agreement)
        return iter(history.events if history else ())

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2)."""
        arguments.require_group(group)
        with self._lock:
            events = [event for id_ in self._by_group.get(group, ()) for event in self._histories[id_].events]
        return iter(sorted(events, key=lambda event: (event.at, event.agreement.urn, event.sequence)))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3)."""
        arguments.require_group_or_all(group)
        with self._lock:
            # A saved history is replaced, never changed.
            ids = self._histories if group is None else self._by_group.get(group, ())
            histories = [self._histories[id_] for id_ in ids]
        histories.sort(key=lambda history: (str(history.state.group), history.state.urn))
        return map(_chain, histories)

    def last_register(self, group: GroupId, /) -> date | None:
        """Return the day of the newest register that was applied to *group*, if any was."""
        arguments.require_group(group)
        with self._lock:
            return self._registers.get(group)

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        arguments.require_register(group, day)
        with self._lock:
            self._registers[group] = max(day, self._registers.get(group, day))

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of a group, or of all, by due instant, then id; of one status, if one is named (O3)."""
        arguments.require_group_or_all(group)
        arguments.require_status(status)
        with self._lock:
            entries = self._entries() if group is None else self._notices.get(group, {}).values()
            stored = [entry.stored for entry in entries]
        return sorted((notice for notice in stored if status in {None, notice.status}), key=_by_due)

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3)."""
        now, until, limit = arguments.require_lease(now, until, limit)
        ahead = _Ahead.of(now)
        with self._lock:
            due = [(entry, notice) for entry in self._entries() if (notice := entry.due_notice(now, ahead))]
            due.sort(key=lambda pair: _by_due(pair[0].stored))
            return [self._leased(entry, notice, until) for entry, notice in due[:limit]]

    def _leased(self, entry: _Entry, notice: Notice, until: Instant) -> LeasedNotice:
        self._leases += 1
        entry.change(NoticeStatus.LEASED, attempts=entry.stored.attempts + 1)
        entry.lease, entry.leased_until = f"lease-{self._leases}", until
        return LeasedNotice(notice=notice, lease=entry.lease, attempts=entry.stored.attempts)

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice; return whether the lease was still held."""
        leased, outcome = arguments.require_settlement(leased, outcome)
        with self._lock:
            entry = self._notices.get(leased.notice.agreement.group, {}).get(leased.notice.id)
            if entry is None or entry.lease != leased.lease:
                return False
            due_at = outcome.due_at or entry.stored.due_at
            entry.change(outcome.status, due_at=due_at, settled_at=outcome.settled_at, error=outcome.error)
            return True

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* that were not purged wait again, with no attempts (O3)."""
        arguments.require_group(group)
        ids, due_at = arguments.require_notices(notices), to_instant(due_at, "due_at")
        ahead = _Ahead.of(due_at)
        with self._lock:
            own = self._notices.get(group, {})
            entries = [own[id_] for id_ in ids if id_ in own]
            chosen = [entry for entry in entries if entry.can_be_requeued(ahead)]
            for entry in chosen:
                entry.change(NoticeStatus.WAITING, due_at=due_at, attempts=0, settled_at=None)
            return len(chosen)

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        """Erase names and addresses of notices settled before an instant, and give up what nobody delivers (O6)."""
        before, after, undelivered, present = arguments.require_purge(settled_before, undelivered_before, now)
        with self._lock:
            settled = [(e, e.stored.settled_at) for e in self._entries() if e.stored.notice]
            old = [e for e, at in settled if at and (at < before or (at > after and e.is_old(undelivered, after)))]
            for entry in old:
                # What the other side said may quote an address.
                entry.change(entry.stored.status, notice=None, error=None)
            for entry in self._entries():
                if entry.is_open and entry.stored.due_at < undelivered:
                    entry.change(NoticeStatus.GIVEN_UP, settled_at=present)
            return len(old)

    def _entries(self) -> Iterator[_Entry]:
        return (entry for entries in self._notices.values() for entry in entries.values())


def _by_due(stored: StoredNotice) -> tuple[Instant, str]:
    return stored.due_at, stored.id


def _chain(history: _History) -> Chain:
    state = history.state
    present = StateRecord(version=state.version, head=history.records[-1].hash, text=encode(state))
    return Chain(agreement=state.id, state=present, records=history.records)
