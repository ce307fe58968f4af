"""The contract of stores is failed by each store that breaks one of its promises."""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

import attrs
import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import encode, record_event, record_events
from datashare.domain.agreements import Agreement, AgreementId, Approve, Event
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, chained
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.errors import StoreUnavailable
from datashare.ports import Change, LeasedNotice, Loaded, NoticeStatus, Settlement, StoredNotice
from datashare.testing import AgreementStoreContract, CountingStore, StoreWithOutbox, WrappedStore, at_once


class InMemory(AgreementStoreContract):
    """The contract, to call its tests one by one."""

    nothing_below = True
    rounds = 2


class Overmemory(WrappedStore):
    """A store over a fresh one in memory."""

    def __init__(self) -> None:
        super().__init__(MemoryAgreementStore())

    def events_of(self, chain: Chain) -> Iterator[Event]:
        """Give the events of a chain."""
        assert isinstance(chain.agreement, AgreementId)
        return self.inner.history(chain.agreement)


class OneByOne(Overmemory):
    """1. Saves the changes of a call one by one."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return frozenset(loser for one in changes for loser in self.inner.append([one]))


class Unkept(Overmemory):
    """1. Keeps no outcomes."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        return attrs.evolve(self.inner.load(ids, command_id=command_id), outcomes=())


class Uncancelled(Overmemory):
    """1. Cancels nothing when a request is closed."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append([attrs.evolve(one, closes=None) for one in changes])


class Raising(Overmemory):
    """2. Raises where a change lost."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        losers = self.inner.append(changes)
        if losers:
            raise StoreUnavailable("conflict")
        return losers


class AllOrNone(Overmemory):
    """2. Saves nothing where one change lost."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        standing = {one.id: one.version for change in changes for one in self.inner.states(change.id.group)}
        losers = frozenset(one.id for one in changes if standing.get(one.id, 0) != one.decided_on)
        return losers or self.inner.append(changes)


class Flattering(Overmemory):
    """3. Tells every writer that it won."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        self.inner.append(changes)
        return frozenset()


class Coarse(Overmemory):
    """4. Keeps instants to the millisecond."""

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        found = self.inner.notices(group, status=status)
        return [attrs.evolve(one, due_at=one.due_at.set(microsecond=one.due_at.microsecond // 1000)) for one in found]


class Normalising(Overmemory):
    """4. Normalises text."""

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        found = self.inner.notices(group, status=status)
        return [attrs.evolve(one, error=one.error and unicodedata.normalize("NFC", one.error)) for one in found]


class CaseBlind(Overmemory):
    """4. Takes command ids that differ in case for one."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        other = self.inner.load(ids, command_id=(command_id or "c").swapcase())
        found = self.inner.load(ids, command_id=command_id)
        return attrs.evolve(found, outcomes=(*found.outcomes, *other.outcomes))


class Textual(Overmemory):
    """5. Orders events by the text of their sequence."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        return iter(sorted(self.inner.history(agreement), key=lambda event: str(event.sequence)))


class Mixing(Overmemory):
    """6. Mixes groups whose codes look alike."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        return [*self.inner.states(GroupId.mat(group.code)), *self.inner.states(GroupId.local_authority(group.code))]


class Live(Overmemory):
    """7. Hands its own list out."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[StoredNotice] = []

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        self.listed[:] = self.inner.notices(group, status=status)
        return self.listed


class Stale(Overmemory):
    """9. Answers the first state that it saved for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[AgreementId, Agreement] = {}

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        found = self.inner.load(ids, command_id=command_id)
        return attrs.evolve(
            found, agreements={one: self.first.setdefault(one, s) for one, s in found.agreements.items()}
        )


class Generous(Overmemory):
    """10. Lets a lease end at once."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return self.inner.lease(now=now, until=min(until, now.add(microseconds=1)), limit=limit)


class Reusing(Overmemory):
    """10. Gives every lease of a notice one name."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return [attrs.evolve(one, lease="lease") for one in self.inner.lease(now=now, until=until, limit=limit)]

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return any(self.inner.settle(attrs.evolve(leased, lease=f"lease-{n}"), outcome) for n in range(99))


class Lenient(Overmemory):
    """11. Tells everybody that the lease was still held."""

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return self.inner.settle(leased, outcome) or True


class Unchained(Overmemory):
    """14. Hashes each event by itself."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            records = [attrs.evolve(one, hash=chained(BEFORE_THE_FIRST, one.text)) for one in chain.records]
            yield attrs.evolve(chain, records=records)


class Blurting(Overmemory):
    """14. Keeps what people wrote where it cannot be erased."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            texts = zip(chain.records, self.events_of(chain), strict=True)
            yield attrs.evolve(chain, records=[attrs.evolve(one, text=encode(event)) for one, event in texts])


class Salting(Overmemory):
    """14. Uses one salt for all."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            events = [record_event(event, salt="9" * 32) for event in self.events_of(chain)]
            records = [
                attrs.evolve(one, text=event.text, erasable=event.erasable)
                for one, event in zip(chain.records, events, strict=True)
            ]
            yield attrs.evolve(chain, records=records)


class Resealing(Overmemory):
    """14. Draws a new salt each time it is asked."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            records = record_events(self.events_of(chain), after=BEFORE_THE_FIRST)
            yield attrs.evolve(chain, records=records)


class Untimed(Overmemory):
    """16. Gives the instants of chained events to the second."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            yield attrs.evolve(chain, records=[attrs.evolve(one, at=f"{one.at[:19]}Z") for one in chain.records])


class Shuffling(Overmemory):
    """15. Gives chains in the order in which their agreements were begun."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return reversed(list(self.inner.chains(group)))


class Torn(Overmemory):
    """15. Reads the states first, and the events when they are asked for."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        before = list(self.inner.chains(group))

        def later() -> Iterator[Chain]:
            now = {chain.agreement: chain for chain in self.inner.chains(group)}
            return (attrs.evolve(now[one.agreement], state=one.state) for one in before)

        return (chain for _ in [0] for chain in later())


class Hasty(Overmemory):
    """Keeps the last register that was noted."""

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[GroupId, date] = {}

    def note_register(self, group: GroupId, day: date, /) -> None:
        self.days[group] = day

    def last_register(self, group: GroupId, /) -> date | None:
        return self.days.get(group)


suite = InMemory()
BROKEN: list[tuple[type[Overmemory], Any]] = [
    (OneByOne, suite.test_two_changes_of_one_agreement_are_refused),
    (OneByOne, suite.test_nothing_is_saved_where_one_change_cannot_be),
    (Unkept, suite.test_a_change_is_saved_with_all_that_belongs_to_it),
    (Unkept, suite.test_the_first_outcome_of_a_command_is_kept),
    (Uncancelled, lambda store: suite.test_closing_a_request_cancels_what_asks_for_its_answer(store, Approve)),
    (Raising, suite.test_losers_are_answered_and_the_rest_is_saved),
    (AllOrNone, suite.test_losers_are_answered_and_the_rest_is_saved),
    (Flattering, suite.test_nothing_of_a_loser_is_saved),
    (Flattering, suite.test_one_of_several_writers_wins),
    (Flattering, suite.test_one_of_several_first_writers_wins),
    (Coarse, suite.test_instants_are_ordered_to_the_microsecond),
    (Normalising, lambda store: suite.test_text_comes_back_to_the_character(store, "e\u0301")),
    (CaseBlind, suite.test_command_ids_are_told_apart_to_the_character),
    (Textual, suite.test_the_events_of_a_long_history_are_in_order),
    (Mixing, suite.test_no_answer_about_one_group_holds_anything_of_another),
    (Live, suite.test_no_later_call_changes_an_answer),
    (Stale, suite.test_the_state_is_the_fold_of_the_events),
    (Generous, suite.test_a_notice_is_leased_to_one_worker),
    (Reusing, suite.test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one),
    (Lenient, suite.test_a_notice_is_settled_as_delivered),
    (Unchained, suite.test_each_event_is_chained_to_the_one_before_it),
    (Blurting, suite.test_a_chain_holds_the_events_and_what_they_come_to),
    (Salting, suite.test_each_event_has_a_salt_of_its_own),
    (Resealing, suite.test_what_was_chained_stays_as_it_was),
    (Shuffling, suite.test_chains_are_in_the_order_of_groups_and_urns),
    (Torn, suite.test_chains_that_are_being_read_go_on),
    (Untimed, suite.test_each_record_has_its_instant_beside_it),
    (Hasty, suite.test_the_newest_register_is_kept),
]


@pytest.mark.parametrize(
    ("broken", "test"), BROKEN, ids=[f"{kind.__name__}-{number}" for number, (kind, _) in enumerate(BROKEN)]
)
def test_a_store_that_breaks_a_promise_fails(broken: type[Overmemory], test: Any) -> None:  # noqa: ANN401 - a test
    """The test that proves the promise fails on it, and passes on one that keeps it."""
    test(Overmemory())
    with pytest.raises((AssertionError, ValueError, StoreUnavailable, pytest.fail.Exception)):
        test(broken())


class Chatty(CountingStore):
    """8. Loads agreements one by one."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        for one in ids:
            super().load([one])
        return self.inner.load(ids, command_id=command_id)


def below(store: CountingStore) -> Any:  # noqa: ANN401 - as the contract has it
    """Count the calls that reach a store."""

    def count(call: Any) -> int:  # noqa: ANN401 - any function
        before = store.calls.total()
        call()
        return store.calls.total() - before

    return count


def test_a_store_whose_cost_grows_fails() -> None:
    """One round trip an agreement is found out, and so is a counter that counts nothing."""

    class Over(InMemory):
        nothing_below = False

    frugal, chatty = CountingStore(MemoryAgreementStore()), Chatty(MemoryAgreementStore())
    name = "test_a_call_about_many_agreements_costs_as_much_as_one_about_one"
    getattr(Over(), name)(frugal, below(frugal))
    with pytest.raises(AssertionError):
        getattr(Over(), name)(chatty, below(chatty))
    with pytest.raises(AssertionError, match="Nothing was counted"):
        getattr(Over(), name)(MemoryAgreementStore(), below(frugal))


class Foreign(WrappedStore):
    """12. Lets an error of what lies below leave."""

    def before(self, call: str) -> None:
        if call == "purge":
            raise OSError("disk full")


def test_a_store_from_which_foreign_errors_leave_fails() -> None:
    """So does one that is said to be broken and answers everything, and a suite that gives none."""

    class Over(InMemory):
        nothing_below = False

    def run(*stores: StoreWithOutbox) -> None:
        Over().test_only_store_errors_leave_a_store_that_is_broken_below(stores)

    with pytest.raises(OSError, match="disk full"):
        run(Foreign(MemoryAgreementStore()))
    with pytest.raises(AssertionError, match="answered every call"):
        run(MemoryAgreementStore())
    with pytest.raises(AssertionError):
        run()


def test_a_store_that_delivers_within_a_hosts_transaction_fails() -> None:
    """One that leases or settles where the host could still roll back is found out."""
    store = MemoryAgreementStore()

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        InMemory().test_nothing_is_delivered_within_a_hosts_transaction(store, lambda work, _commits: work(store))


def test_calls_at_once_tell_what_went_wrong() -> None:
    """An error in one of the threads fails the test that made the calls."""
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        at_once([lambda: None, lambda: 1 / 0])
