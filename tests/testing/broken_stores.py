"""Stores over the one in memory, each of which breaks a promise of `AgreementStore`."""

import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date
from itertools import islice

import attrs

from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.register import GroupId
from datashare.errors import StoreError, StoreUnavailable
from datashare.ports import Change, Loaded, NoticeStatus, StoredNotice, Unreadable, readable
from datashare.testing import CountingStore, WrappedStore
from datashare.testing.changes import COUNCIL, TRUST
from datashare.testing.contracts._store_suite import ALIKE


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


class Telling(BrokenStore):
    """1. Tells everybody that a request was withdrawn, whether it arrived or not."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        def told(change: Change) -> Change:
            others = (attrs.evolve(own, request=None) if own.tells_only_of_a_request else own for own in change.notices)
            return attrs.evolve(change, notices=tuple(others))

        return self.inner.append([told(change) for change in changes])


class Silencing(BrokenStore):
    """1. Tells nobody that a request was withdrawn, though it arrived."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        def silenced(change: Change) -> Change:
            others = tuple(notice for notice in change.notices if not notice.tells_only_of_a_request)
            return attrs.evolve(change, notices=others)

        return self.inner.append([silenced(change) for change in changes])


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
        versions = {
            state.id: state.version for change in changes for state in readable(self.inner.states(change.id.group))
        }
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

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
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
        return [
            *readable(self.inner.states(GroupId.mat(group.code))),
            *readable(self.inner.states(GroupId.local_authority(group.code))),
        ]


class Live(BrokenStore):
    """7. Returns its own list."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = list[Agreement]()

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        self.listed[:] = readable(self.inner.states(group))
        return self.listed


class Pooled(BrokenStore):
    """17. Holds one of ten connections for each history that is not read to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.in_use = 0

    def before(self, call: str) -> None:
        if self.in_use == 10:
            raise StoreUnavailable(f"No connection is free for {call}.")

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        self.before("history")
        self.in_use += 1
        yield from self.inner.history(agreement)
        self.in_use -= 1


class Stale(BrokenStore):
    """9. Answers the first state that it saved for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.first = dict[AgreementId, Agreement]()

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids, command_id=command_id)
        first = {key: self.first.setdefault(key, state) for key, state in loaded.agreements.items()}
        return attrs.evolve(loaded, agreements=first)


class Hasty(BrokenStore):
    """Keeps the last register that was noted, not the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.days = dict[GroupId, date]()

    def note_register(self, group: GroupId, day: date, /) -> None:
        self.days[group] = day

    def last_register(self, group: GroupId, /) -> date | None:
        return self.days.get(group)


class FirstEventOnly(BrokenStore):
    """1. Saves the first event of a change."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(change, events=change.events[:1]) for change in changes])


class FirstClosed(BrokenStore):
    """1. Of a bulk action, cancels the notices of the first request alone."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([*changes[:1], *(attrs.evolve(change, closes=None) for change in changes[1:])])


class OneInstant(BrokenStore):
    """1. Goes by the instant of the first change of a call."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(change, now=changes[0].now) for change in changes])


class Heedless(BrokenStore):
    """10. Drops cautions."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(change, cautions=()) for change in changes])


class Swapping(BrokenStore):
    """10. Mixes up the two digests of an outcome."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        swapped = [
            attrs.evolve(change, shared_digest=change.own_digest, own_digest=change.shared_digest) for change in changes
        ]
        return self.inner.append(swapped)


class Forgetful(BrokenStore):
    """10. Keeps only the last event of an outcome."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids, command_id=command_id)
        last = (attrs.evolve(outcome, events=outcome.events[-1:]) for outcome in loaded.outcomes)
        return attrs.evolve(loaded, outcomes=tuple(last))


class BesideLosers(BrokenStore):
    """A store that saves less of the winners where another change lost."""

    def weakened(self, change: Change) -> Change:
        raise NotImplementedError

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        versions = {
            state.id: state.version for change in changes for state in readable(self.inner.states(change.id.group))
        }
        if any(versions.get(change.id, 0) != change.decided_on for change in changes):
            changes = [self.weakened(change) for change in changes]
        return self.inner.append(changes)


class Unnotified(BesideLosers):
    """2. Loses the notices of winners."""

    def weakened(self, change: Change) -> Change:
        return attrs.evolve(change, notices=())


class StillAsking(BesideLosers):
    """2. Loses the cancellations of winners."""

    def weakened(self, change: Change) -> Change:
        return attrs.evolve(change, closes=None)


class Unrepeatable(BesideLosers):
    """2. Loses the outcomes of winners."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = set[tuple[AgreementId, str]]()

    def weakened(self, change: Change) -> Change:
        self.lost.add((change.id, change.command_id))
        return change

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids, command_id=command_id)
        kept = tuple(own for own in loaded.outcomes if (own.agreement, own.command_id) not in self.lost)
        return attrs.evolve(loaded, outcomes=kept)


class ShortIds(BrokenStore):
    """4. Keeps 40 characters of a command id."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = set[str]()

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        self.ids |= {change.command_id for change in changes}
        return self.inner.append(changes)

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids, command_id=command_id)
        alike = [other for other in self.ids if command_id and other[:40] == command_id[:40]]
        outcomes = [own for other in alike for own in self.inner.load(ids, command_id=other).outcomes]
        return attrs.evolve(loaded, outcomes=tuple(outcomes))


class Backwards(BrokenStore):
    """5. Returns the events of one command in reverse."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        events = sorted(self.inner.history(agreement), key=lambda event: -event.sequence)
        return iter(sorted(events, key=lambda event: int(event.command_id.partition("-")[2])))


class Paged(BrokenStore):
    """5. Stops after the first page of five hundred."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        return islice(self.inner.history(agreement), 500)


class PagedStates(BrokenStore):
    """9. Lists the first page of five hundred."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        return readable(self.inner.states(group))[:500]


class Repeating(BrokenStore):
    """18. Lists a group as often as it has agreements."""

    def groups(self) -> Sequence[GroupId]:
        return [group for group in self.inner.groups() for _ in self.inner.states(group)]


class ByCode(BrokenStore):
    """18. Lists groups by their codes."""

    def groups(self) -> Sequence[GroupId]:
        return sorted(self.inner.groups(), key=lambda group: group.code)


class Prefixing(BrokenStore):
    """6. Takes a group whose text begins with another's for that one."""

    def alike(self, group: GroupId) -> Iterator[GroupId]:
        return (other for other in (TRUST, COUNCIL, *ALIKE) if str(other).startswith(str(group)))

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        return [state for other in self.alike(group) for state in readable(self.inner.states(other))]


class PrefixingRegisters(Prefixing):
    """6. Does so with registers."""

    states = BrokenStore.states

    def last_register(self, group: GroupId, /) -> date | None:
        return max((day for other in self.alike(group) if (day := self.inner.last_register(other))), default=None)


class PrefixingSchools(BrokenStore):
    """6. Takes a school whose number begins with another's for that one."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        states = readable(self.inner.states(agreement.group))
        alike = [state.id for state in states if str(state.urn).startswith(str(agreement.urn))]
        return (event for other in alike for event in self.inner.history(other))


class Chatty(CountingStore):
    """8. Loads agreements and lists notices one by one."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        for agreement in ids:
            super().load([agreement])
        return self.inner.load(ids, command_id=command_id)

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
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


class Hushing(WrappedStore):
    """12. Answers as if it had worked where what lies below fails."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        with suppress(StoreError):
            return self.inner.append(changes)
        return frozenset()


class Emptying(WrappedStore):
    """12. Answers that there is nothing where what lies below fails."""

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        with suppress(StoreError):
            return self.inner.notices(group, status=status)
        return []
