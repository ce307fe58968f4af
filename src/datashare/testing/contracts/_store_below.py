"""What a store does with what lies below it: others over the same data, failures, damage, erased words."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import Barrier, BrokenBarrierError

import attrs
import pytest

from datashare.codec import read_event
from datashare.domain.agreements import commands
from datashare.domain.agreements.events import RequestDeclined
from datashare.domain.agreements.ids import AgreementId
from datashare.errors import StoreError, StoreUnreadable
from datashare.ports import LeasedNotice, Settlement, Unreadable, readable
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, TWIN, URN, asked, then
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import (
    DAY,
    MINUTE,
    OTHER,
    Damage,
    Erase,
    FailingWrite,
    MakeStore,
    StoreSuite,
    approval_of_hidden,
    do,
    everything,
    lease,
    save,
    standing,
    verified,
)

_RACES = range(URN, URN + 20)
_MOST_WRITES = 99
_START_WITHIN = 60  # seconds


class Below(StoreSuite):
    """1., 3., 4., 11., 12. and 14. What lies below is shared with others, may fail, be damaged, or be erased."""

    @pytest.mark.must(1, 3, 4)
    def test_another_store_over_the_same_data_answers_alike(
        self, store: StoreWithOutbox, reopened: MakeStore | None
    ) -> None:
        """Whatever either of two instances does, both answer the same at once, and a new one does later."""
        if reopened is None:
            assert self.nothing_below
            return
        other, stale = reopened(), then(asked().after, commands.Withdraw)
        steps: list[Callable[[StoreWithOutbox], object]] = [
            lambda store: save(store, asked(), asked(OTHER_URN)),
            lambda store: do(store, commands.Approve),
            lambda store: store.note_register(TRUST, DAY),
            lambda store: [store.settle(leased, Settlement.given_up(at=NOW, error="550")) for leased in lease(store)],
            lambda store: store.requeue(TRUST, [stored.id for stored in store.notices(TRUST)][:3], due_at=NOW),
            lambda store: store.purge(settled_before=NOW + MINUTE),
        ]
        for number, step in enumerate(steps):
            step((store, other)[number % 2])
            assert everything((store, other)[number % 2]) == everything((other, store)[number % 2])
        leased = lease(store)

        assert frozenset({AGREEMENT}) == store.append([stale]) == other.append([stale])
        assert [] == lease(other)
        assert [True] * len(leased) == [other.settle(held, Settlement.delivered(at=NOW)) for held in leased]
        assert [False] * len(leased) == [store.settle(held, Settlement.delivered(at=NOW)) for held in leased]
        assert everything(store) == everything(reopened())

    @pytest.mark.must(3)
    def test_one_of_two_processes_wins(self, store: StoreWithOutbox, second_process: MakeStore | None) -> None:
        """Of two processes that write the same agreements at once, one wins each, and none leases what another has."""
        if second_process is None:
            assert self.nothing_below
            return
        context = get_context("spawn")
        barrier = context.Barrier(2)
        with ProcessPoolExecutor(1, context, initializer=_meet, initargs=(barrier,)) as executor:
            executor.submit(_open, second_process).result(timeout=_START_WITHIN)
            theirs = executor.submit(_race_elsewhere)
            try:
                ours = _race(store, "w-1", barrier)
            except BrokenBarrierError as broken:
                raise theirs.exception(timeout=_START_WITHIN) or broken from None
            others = theirs.result(timeout=_START_WITHIN)
        leased = ours.leased + others.leased

        assert list(_RACES) == sorted(ours.won + others.won)
        assert [1] * len(_RACES) == [len(list(store.history(AgreementId(TRUST, urn)))) for urn in _RACES]
        assert 2 * len(_RACES) == len(store.notices(TRUST)) == len(leased) == len(set(leased))
        assert () == verified(store.chains(TRUST)).findings

    @pytest.mark.must(1, 11)
    @pytest.mark.rule("K1", "O2")
    def test_a_failure_in_the_middle_leaves_nothing(
        self, store: StoreWithOutbox, failing_write: FailingWrite | None
    ) -> None:
        """Whichever statement of a call fails, nothing of the call is there afterwards, and an error says so."""
        if failing_write is None:
            assert self.nothing_below
            return
        approval = approval_of_hidden(store)
        save(store, asked(OTHER_URN))
        closing = then(standing(store, OTHER), commands.Withdraw, command_id="c-3")
        held = list[LeasedNotice]()

        def give_up(store: StoreWithOutbox) -> None:
            if store.settle(held[0], Settlement.given_up(at=NOW, error="550")):
                held.pop(0)

        calls: dict[str, Callable[[StoreWithOutbox], object]] = {
            "append": lambda store: save(store, approval, closing, asked(group=COUNCIL)),
            "note_register": lambda store: store.note_register(TRUST, DAY),
            "lease": lambda store: held.extend(lease(store)),
            "settle": give_up,
            "settle another": give_up,
            "requeue": lambda store: store.requeue(TRUST, [n.id for n in store.notices(TRUST)], due_at=NOW),
            "purge": lambda store: store.purge(settled_before=NOW + MINUTE),
        }
        for name, call in calls.items():
            before = everything(store)
            number = 0
            while True:
                number += 1
                assert number < _MOST_WRITES, f"{name} raised an error although no write of it failed."
                try:
                    call(failing_write(number))
                except StoreError:
                    assert before == everything(store), f"Write {number} of {name} failed, and half of it was saved."
                else:
                    break
            assert number > 1, f"{name} answered although its first write failed."
            assert before != everything(store), f"{name} answered and did nothing."

    @pytest.mark.must(12, 15, 18)
    def test_an_agreement_that_cannot_be_read_hinders_no_other(
        self, store: StoreWithOutbox, damage: Damage | None
    ) -> None:
        """It is marked in each answer about many, and its history says so; all else is answered, and can be saved."""
        if damage is None:
            assert self.nothing_below
            return
        twins = AgreementId(TWIN, URN)
        save(store, asked(), asked(OTHER_URN), asked(7), asked(group=COUNCIL), asked(group=TWIN))
        damage("state", AGREEMENT)
        damage("state", twins)
        damage("outcome", OTHER)
        damage("event", AGREEMENT)
        loaded = store.load([AGREEMENT, OTHER, asked(7).id], command_id="c-1")
        mark, other_mark = (Unreadable(id=str(own), agreement=own) for own in (AGREEMENT, twins))

        assert frozenset({AGREEMENT, OTHER}) == loaded.unreadable
        assert ({asked(7).id: asked(7).after}, (asked(7).outcome,)) == (dict(loaded.agreements), loaded.outcomes)
        assert [asked(7).after, mark, asked(OTHER_URN).after] == list(store.states(TRUST))
        assert [asked(group=COUNCIL).after, mark, other_mark] == list(store.states_at(URN))
        assert [COUNCIL, TRUST, TWIN] == list(store.groups())
        for stream in (store.history(AGREEMENT), store.group_history(TRUST)):
            with pytest.raises(StoreUnreadable):
                list(stream)
        assert list(asked(OTHER_URN).events) == list(store.history(OTHER))
        assert [asked(7).id, AGREEMENT, OTHER] == [chain.agreement for chain in store.chains(TRUST)]
        assert {AGREEMENT, twins} == {finding.agreement for finding in verified(store.chains()).findings}
        save(store, then(asked(7).after, commands.Withdraw), then(asked(OTHER_URN).after, commands.Withdraw))

    @pytest.mark.must(12)
    @pytest.mark.rule("O3")
    def test_a_notice_that_cannot_be_read_hinders_no_other(self, store: StoreWithOutbox, damage: Damage | None) -> None:
        """It is listed without its text, is named by a lease and uses up no attempt; the others are leased."""
        if damage is None:
            assert self.nothing_below
            return
        save(store, asked(), asked(OTHER_URN))
        before = {stored.id: stored for stored in store.notices(TRUST)}
        damage("notice", AGREEMENT)
        stored = {notice.id: notice for notice in store.notices(TRUST)}
        leased = store.lease(now=NOW, until=NOW + MINUTE, limit=9)
        own = sorted(notice.id for notice in asked().notices)

        assert {
            key: attrs.evolve(kept, notice=None, unreadable=True) if key in own else kept
            for key, kept in before.items()
        } == stored
        assert own == sorted(mark.id for mark in leased if isinstance(mark, Unreadable))
        assert {notice.id for notice in asked(OTHER_URN).notices} == {held.notice.id for held in readable(leased)}
        assert {key: stored[key] for key in own} == {n.id: n for n in store.notices(TRUST) if n.id in own}

    @pytest.mark.must(14)
    @pytest.mark.rule("H4")
    def test_erased_words_leave_everything_else(self, store: StoreWithOutbox, erase: Erase) -> None:
        """Histories, outcomes and states are read as before without the words; the chains verify, and go on."""
        save(store, asked(), asked(OTHER_URN))
        declined = [then(asked(urn).after, commands.Decline) for urn in (URN, OTHER_URN)]
        save(store, *declined)
        before, standings, others = list(store.chains(TRUST)), list(store.states(TRUST)), list(store.notices(TRUST))
        erase()
        chains = list(store.chains(TRUST))
        events = [event for chain in chains for event in map(read_event, chain.records)]

        assert "governors" not in repr([list(store.group_history(TRUST)), chains])
        assert [None, None] == [event.reason for event in events if isinstance(event, RequestDeclined)]
        assert [[record.text for record in chain.records] for chain in before] == [
            [record.text for record in chain.records] for chain in chains
        ]
        assert () == verified(chains).findings
        assert standings == list(store.states(TRUST))
        assert others == list(store.notices(TRUST))
        assert events == [*store.history(AGREEMENT), *store.history(OTHER)]
        for saved in declined:
            (outcome,) = store.load([saved.id], command_id=saved.command_id).outcomes
            assert tuple(store.history(saved.id))[1:] == outcome.events
        do(store, commands.RequestAccess, command_id="c-3")
        assert () == verified(store.chains(TRUST)).findings


@attrs.define
class _Won:
    """What one of two processes won: agreements by their URNs, and notices by their ids."""

    won: list[int] = attrs.field(factory=list)
    leased: list[str] = attrs.field(factory=list)


_barriers, _stores = list[Barrier](), list[StoreWithOutbox]()
"""What the second process holds."""


def _meet(barrier: Barrier) -> None:
    _barriers.append(barrier)


def _open(make_store: MakeStore) -> None:
    _stores.append(make_store())


def _race_elsewhere() -> _Won:
    return _race(_stores[0], "w-2", _barriers[0])


def _race(store: StoreWithOutbox, name: str, barrier: Barrier) -> _Won:
    """Write agreements, then lease their notices, each at the same moment as the other process; return what was won."""
    mine = _Won()
    try:
        for urn in _RACES:
            barrier.wait(_START_WITHIN)
            mine.won += [] if store.append([asked(urn, command_id=name)]) else [urn]
        for _ in _RACES:
            barrier.wait(_START_WITHIN)
            mine.leased += [held.notice.id for held in lease(store, limit=2)]
    except BaseException:
        barrier.abort()
        raise
    return mine
