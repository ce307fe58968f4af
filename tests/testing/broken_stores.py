"""Stores over the one in memory, each of which breaks a promise of `AgreementStore` or `Outbox`."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta

import attrs

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import encode, record_event, record_events
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, chained
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.errors import StoreError, StoreUnavailable
from datashare.ports import Change, LeasedNotice, Loaded, NoticeStatus, Settlement, StoredNotice
from datashare.testing import CountingStore, WrappedStore

MICROSECOND = timedelta(microseconds=1)


class BrokenStore(WrappedStore):
    """A store over a fresh one in memory; this one breaks nothing."""

    def __init__(self) -> None:
        super().__init__(MemoryAgreementStore())


class OneByOne(BrokenStore):
    """1. Saves the changes of a call one by one."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return frozenset(loser for change in changes for loser in self.inner.append([change]))


class Halving(OneByOne):
    """11. Fails where an event comes twice, and leaves what it saved before."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        whole = [change for change in changes if len(set(change.events)) == len(change.events)]
        losers = super().append(whole)
        if len(whole) < len(changes):
            raise StoreError("An event is there already.")
        return losers


class Unkept(BrokenStore):
    """1. Keeps no outcomes."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        return attrs.evolve(self.inner.load(ids, command_id=command_id), outcomes=())


class Uncancelled(BrokenStore):
    """1. Cancels nothing when a request is closed."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(change, closes=None) for change in changes])


class Ahead(BrokenStore):
    """1. Goes by the instants of events, which a fast clock may have put far ahead."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(change, now=change.events[-1].at) for change in changes])


class Raising(BrokenStore):
    """2. Raises where a change lost."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        losers = self.inner.append(changes)
        if losers:
            raise StoreUnavailable("conflict")
        return losers


class AllOrNone(BrokenStore):
    """2. Saves nothing where one change lost."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        versions = {state.id: state.version for change in changes for state in self.inner.states(change.id.group)}
        losers = frozenset(change.id for change in changes if versions.get(change.id, 0) != change.decided_on)
        return losers or self.inner.append(changes)


class Flattering(BrokenStore):
    """3. Answers every writer that it won."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        self.inner.append(changes)
        return frozenset()


class ChangedNotices(BrokenStore):
    """A store that changes the notices that it lists."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return stored

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return [self.changed(stored) for stored in self.inner.notices(group, status=status)]


class Coarse(ChangedNotices):
    """4. Keeps instants to the millisecond."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return attrs.evolve(stored, due_at=stored.due_at.set(microsecond=stored.due_at.microsecond // 1000))


class Normalising(ChangedNotices):
    """4. Normalises text."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return attrs.evolve(stored, error=stored.error and unicodedata.normalize("NFC", stored.error))


class CaseBlind(BrokenStore):
    """4. Takes command ids that differ in case for the same."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        other = self.inner.load(ids, command_id=(command_id or "c").swapcase())
        loaded = self.inner.load(ids, command_id=command_id)
        return attrs.evolve(loaded, outcomes=tuple({*loaded.outcomes, *other.outcomes}))


class Textual(BrokenStore):
    """5. Orders events by the text of their sequence."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        return iter(sorted(self.inner.history(agreement), key=lambda event: str(event.sequence)))


class Mixing(BrokenStore):
    """6. Mixes groups whose codes look alike."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        return [*self.inner.states(GroupId.mat(group.code)), *self.inner.states(GroupId.local_authority(group.code))]


class Live(BrokenStore):
    """7. Returns its own list."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = list[Agreement]()

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        self.listed[:] = self.inner.states(group)
        return self.listed


class LiveOutbox(BrokenStore):
    """7. Returns its own list of notices."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = list[StoredNotice]()

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        self.listed[:] = self.inner.notices(group, status=status)
        return self.listed


class Stale(BrokenStore):
    """9. Answers the first state that it saved for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.first = dict[AgreementId, Agreement]()

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids, command_id=command_id)
        first = {key: self.first.setdefault(key, state) for key, state in loaded.agreements.items()}
        return attrs.evolve(loaded, agreements=first)


class ChangedChains(BrokenStore):
    """A store that changes the records of its chains."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        raise NotImplementedError

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            yield attrs.evolve(chain, records=tuple(self.changed(chain)))

    def events_of(self, chain: Chain) -> Iterator[Event]:
        assert isinstance(chain.agreement, AgreementId)
        return self.inner.history(chain.agreement)


class Unchained(ChangedChains):
    """14. Hashes each event by itself."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [attrs.evolve(record, hash=chained(BEFORE_THE_FIRST, record.text)) for record in chain.records]


class Blurting(ChangedChains):
    """14. Keeps what people wrote where it cannot be erased."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [
            attrs.evolve(record, text=encode(event))
            for record, event in zip(chain.records, self.events_of(chain), strict=True)
        ]


class Salting(ChangedChains):
    """14. Uses one salt for all."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        for record, event in zip(chain.records, self.events_of(chain), strict=True):
            salted = record_event(event, salt="9" * 32)
            yield attrs.evolve(record, text=salted.text, erasable=salted.erasable)


class Resealing(ChangedChains):
    """14. Draws a new salt each time it is asked."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return record_events(tuple(self.events_of(chain)), after=BEFORE_THE_FIRST)


class Mislaying(ChangedChains):
    """14. Returns only the first event of a chain."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return chain.records[:1]


class Untimed(ChangedChains):
    """16. Returns the instants of chained events to the second."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [attrs.evolve(record, at=f"{record.at[:19]}Z") for record in chain.records]


class Shuffling(BrokenStore):
    """15. Returns chains in reverse."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return reversed(list(self.inner.chains(group)))


class Torn(BrokenStore):
    """15. Reads the states first, and the events when the caller iterates."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        before = list(self.inner.chains(group))

        def later() -> Iterator[Chain]:
            now = {chain.agreement: chain for chain in self.inner.chains(group)}
            return (attrs.evolve(now[chain.agreement], state=chain.state) for chain in before)

        return (chain for _ in [0] for chain in later())


class Hasty(BrokenStore):
    """Keeps the last register that was noted, not the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.days = dict[GroupId, date]()

    def note_register(self, group: GroupId, day: date, /) -> None:
        self.days[group] = day

    def last_register(self, group: GroupId, /) -> date | None:
        return self.days.get(group)


class Generous(BrokenStore):
    """Outbox 1. Lets a lease end at once."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return self.inner.lease(now=now, until=min(until, now + MICROSECOND), limit=limit)


class Reusing(BrokenStore):
    """Outbox 1. Gives every lease of a notice one name."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return [attrs.evolve(leased, lease="lease") for leased in self.inner.lease(now=now, until=until, limit=limit)]

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return any(self.inner.settle(attrs.evolve(leased, lease=f"lease-{n}"), outcome) for n in range(99))


class Lenient(BrokenStore):
    """Outbox 2. Answers everybody that the lease was still held."""

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return self.inner.settle(leased, outcome) or True


class Forgiving(ChangedNotices):
    """Outbox 4. Erases the error of a notice that is requeued."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return stored if stored.attempts else attrs.evolve(stored, error=None)


class Eager(BrokenStore):
    """Outbox 5. Purges what was settled at the instant itself."""

    def purge(self, *, settled_before: Instant, now: Instant | None = None) -> int:
        return self.inner.purge(settled_before=settled_before + MICROSECOND, now=now)


class Hoarding(BrokenStore):
    """Outbox 5. Never purges."""

    def purge(self, *, settled_before: Instant, now: Instant | None = None) -> int:
        return self.inner.purge(settled_before=settled_before - timedelta(days=99_999), now=now)


class Trusting(BrokenStore):
    """Outbox 4 and 5. Trusts every clock: requeues only what was given up, and purges by one instant alone."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        given_up = {stored.id for stored in self.inner.notices(group, status=NoticeStatus.GIVEN_UP)}
        return self.inner.requeue(group, given_up & set(notices), due_at=due_at)

    def purge(self, *, settled_before: Instant, now: Instant | None = None) -> int:  # noqa: ARG002 - what is broken
        return self.inner.purge(settled_before=settled_before)


class Grasping(BrokenStore):
    """Outbox 6. Lets a group requeue another group's notices."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        groups = {GroupId.mat(group.code), GroupId.local_authority(group.code), GroupId.mat("5143")}
        return sum(self.inner.requeue(other, notices, due_at=due_at) for other in groups)


class Unordered(BrokenStore):
    """Outbox 6. Lists notices in the order of their ids."""

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return sorted(self.inner.notices(group, status=status), key=lambda stored: stored.id)


class Chatty(CountingStore):
    """8. Loads agreements and lists notices one by one."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        for agreement in ids:
            super().load([agreement])
        return self.inner.load(ids, command_id=command_id)

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        stored = self.inner.notices(group, status=status)
        for _ in stored:
            super().notices(group)
        return stored


class Foreign(BrokenStore):
    """12. Lets an error of what lies below leave."""

    def before(self, call: str) -> None:
        if call in {"note_register", "purge"}:
            raise OSError("disk full")


def round_trips_to(store: CountingStore) -> Callable[[Callable[[], object]], int]:
    """Count the calls that reach a store."""

    def count(call: Callable[[], object]) -> int:
        before = store.calls.total()
        call()
        return store.calls.total() - before

    return count
