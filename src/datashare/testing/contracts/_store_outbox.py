"""What an outbox does with the notices that a store saved: each is leased to one worker, who settles it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import attrs
import pytest

from datashare.errors import InvalidValue
from datashare.ports import LONGEST_LEASE, LONGEST_WAIT, LeasedNotice, NoticeStatus, Settlement, StoredNotice, readable
from datashare.testing.changes import COUNCIL, NOW, OTHER_URN, TRUST, TWIN, URN, asked
from datashare.testing.fakes import StoreWithOutbox

from ._store_reading import INSTANTS, TEXTS
from ._store_suite import (
    LEASED_NOTICE,
    MICROSECOND,
    MINUTE,
    InHostsTransaction,
    StoreSuite,
    by_due,
    everything,
    give_up,
    lease,
    save,
)

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus
LATER = NOW + 90 * MINUTE
SETTLEMENTS = {
    "delivered": Settlement.delivered(at=NOW + MICROSECOND),
    "try_again": Settlement.try_again(due_at=LATER, error="451 später 𝄞"),
    "given_up": Settlement.given_up(at=NOW + MINUTE, error="550 unknown"),
}
each_settlement = pytest.mark.parametrize("settlement", SETTLEMENTS.values(), ids=SETTLEMENTS)


class Leasing(StoreSuite):
    """1. and 3. One worker at a time, outside the host's transactions."""

    @pytest.mark.must(1)
    def test_a_notice_is_leased_to_one_worker(self, store: StoreWithOutbox) -> None:
        """What is due, from its instant on, is leased; it is not leased again before the lease has ended."""
        save(store, asked())
        assert [] == lease(store, NOW - MICROSECOND)
        first = lease(store)
        ended = NOW + 5 * MINUTE

        assert {notice.id for notice in asked().notices} == {leased.notice.id for leased in first}
        assert [] == lease(store)
        assert [] == lease(store, ended - MICROSECOND)
        again = lease(store, ended)
        assert {leased.notice for leased in first} == {leased.notice for leased in again}
        assert ([1, 1], [2, 2]) == ([leased.attempts for leased in first], [leased.attempts for leased in again])
        assert {(LEASED, 2)} == {(stored.status, stored.attempts) for stored in store.notices(TRUST)}

    @pytest.mark.must(1)
    def test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one(self, store: StoreWithOutbox) -> None:
        """Each has a new name, whether the lease before it ended, was tried again, or was given up and requeued."""
        save(store, asked())
        names: dict[str, list[LeasedNotice]] = {notice.id: [] for notice in asked().notices}
        for number in range(9):
            now = NOW + (number // 3) * 5 * MINUTE
            for leased in lease(store, now):
                names[leased.notice.id].append(leased)
                if number % 3 == 0:
                    assert store.settle(leased, Settlement.try_again(due_at=now, error=""))
                if number % 3 == 1:
                    assert store.settle(leased, Settlement.given_up(at=now, error=""))
                    assert 1 == store.requeue(TRUST, [leased.notice.id], due_at=now)

        for own in names.values():
            assert 9 == len(own) == len({leased.lease for leased in own})
            settled = [store.settle(leased, Settlement.delivered(at=NOW)) for leased in own]
            assert [False] * 8 + [True] == settled

    @pytest.mark.must(1)
    def test_the_longest_due_is_leased_first_up_to_the_limit(self, store: StoreWithOutbox) -> None:
        """Notices of all groups are leased by due instant, then id; a limit below one leases nothing."""
        save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MINUTE), asked(group=COUNCIL, now=NOW - 2 * MINUTE))
        expected = sorted((*store.notices(TRUST), *store.notices(COUNCIL)), key=by_due)
        leased = [notice.notice.id for limit in (-1, 0, 1, 3, 9) for notice in lease(store, limit=limit)]

        assert [stored.id for stored in expected] == leased
        assert 6 == len(leased)

    @pytest.mark.must(1)
    @pytest.mark.rule("O3")
    def test_a_worker_whose_clock_was_fast_holds_nothing_for_long(self, store: StoreWithOutbox) -> None:
        """What it leased and did not settle, what it put off, and what it saved is sent by the others' clocks."""
        save(store, asked(), asked(OTHER_URN))
        fast = NOW + timedelta(days=300)
        put_off, *_ = lease(store, fast)
        assert store.settle(put_off, Settlement.try_again(due_at=fast, error="451"))
        save(store, asked(group=COUNCIL, now=fast))

        assert {LEASED: 3, WAITING: 1} == Counter(stored.status for stored in store.notices(TRUST))
        assert [1, 1, 2, 2, 2, 2] == sorted(leased.attempts for leased in lease(store))
        assert [] == lease(store)

    @pytest.mark.must(1)
    @pytest.mark.rule("O3")
    def test_leases_and_waits_up_to_the_longest_are_kept(self, store: StoreWithOutbox) -> None:
        """Only what lies further ahead comes from a clock that was fast; no lease is longer."""
        save(store, asked())
        held, *_ = readable(store.lease(now=NOW, until=NOW + LONGEST_LEASE, limit=9))
        assert store.settle(held, Settlement.try_again(due_at=NOW + LONGEST_WAIT, error="451"))
        before = everything(store)

        assert [] == lease(store)
        with pytest.raises(InvalidValue, match="until must be at most"):
            store.lease(now=NOW, until=NOW + LONGEST_LEASE + MICROSECOND, limit=9)
        assert before == everything(store)
        assert 2 == len(lease(store, NOW - MICROSECOND))

    @pytest.mark.must(1)
    def test_a_lease_that_ended_keeps_its_place(self, store: StoreWithOutbox) -> None:
        """A notice whose lease has ended comes where it is due among those that wait, not before or after them."""
        save(store, *(asked(urn, now=NOW + number * MINUTE) for number, urn in enumerate((URN, OTHER_URN, 7))))
        expected = sorted(store.notices(TRUST), key=by_due)
        held = lease(store, NOW + MINUTE, minutes=1, limit=3)[1:]
        present = NOW + 2 * MINUTE

        assert [stored.id for stored in expected[1:3]] == [leased.notice.id for leased in held]
        assert [stored.id for stored in expected[:5]] == [leased.notice.id for leased in lease(store, present, limit=5)]
        assert [stored.id for stored in expected[5:]] == [leased.notice.id for leased in lease(store, present, limit=5)]

    @pytest.mark.must(1)
    def test_workers_at_once_share_the_notices_out(self, store: StoreWithOutbox) -> None:
        """Eight workers that lease at the same moment never get the same notice, and leave none behind."""
        for number in range(1 + self.rounds):
            leased, first = list[LeasedNotice](), URN + 60 * number
            save(store, *(asked(urn) for urn in range(first, first + 60)))
            self.at_once([partial(_take, store, leased)] * 8)
            leased += lease(store)

            assert 120 == len(leased) == len({notice.notice.id for notice in leased})

    @pytest.mark.must(3)
    def test_nothing_is_delivered_within_a_hosts_transaction(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None
    ) -> None:
        """What was sent cannot be rolled back, so leasing and settling are refused there, and change nothing."""
        save(store, asked())
        leased, _ = lease(store, limit=2)
        before = everything(store)

        def work(joined: StoreWithOutbox) -> None:
            with pytest.raises(InvalidValue, match="must be"):
                lease(joined)
            for settlement in SETTLEMENTS.values():
                with pytest.raises(InvalidValue, match="must be"):
                    joined.settle(leased, settlement)

        if in_hosts_transaction:
            in_hosts_transaction(work, True)
        assert before == everything(store)
        assert store.settle(leased, Settlement.delivered(at=NOW))

    @pytest.mark.must(3)
    def test_notices_are_requeued_and_purged_within_a_hosts_transaction(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None
    ) -> None:
        """Both end with the host's transaction: they are gone if it rolls back."""
        head, deputy = give_up(store)
        before = everything(store)

        def work(joined: StoreWithOutbox) -> None:
            assert 1 == joined.requeue(TRUST, [head], due_at=NOW)
            assert 1 == joined.purge(settled_before=NOW + MINUTE)

        if in_hosts_transaction:
            in_hosts_transaction(work, False)
            assert before == everything(store)
            in_hosts_transaction(work, True)
            stored = {notice.id: notice for notice in store.notices(TRUST)}
            assert (WAITING, None) == (stored[head].status, stored[deputy].notice)


class Settling(StoreSuite):
    """2. and 4. The holder of the present lease records what became of a notice."""

    @pytest.mark.must(1, 2, 4)
    @each_settlement
    def test_what_became_of_a_notice_is_recorded(self, store: StoreWithOutbox, settlement: Settlement) -> None:
        """It is recorded once, over an earlier attempt; only a notice that is tried again is leased again."""
        save(store, asked())
        first, _ = lease(store)
        others = [stored for stored in store.notices(TRUST) if stored.id != first.notice.id]
        assert store.settle(first, Settlement.try_again(due_at=NOW, error="451"))
        (again,) = lease(store)
        assert store.settle(again, settlement)
        assert not store.settle(again, settlement)
        expected = StoredNotice(
            id=first.notice.id,
            agreement=first.notice.agreement,
            notice=first.notice,
            status=settlement.status,
            due_at=settlement.due_at or NOW,
            attempts=2,
            error=settlement.error,
            settled_at=settlement.settled_at,
        )

        assert expected in store.notices(TRUST)
        assert others == [stored for stored in store.notices(TRUST) if stored.id != first.notice.id]
        assert first.notice not in [leased.notice for leased in lease(store, LATER - MICROSECOND)]
        third = [leased.attempts for leased in lease(store, LATER) if leased.notice == first.notice]
        assert ([3] if settlement.status is WAITING else []) == third

    @pytest.mark.must(2)
    @each_settlement
    def test_only_the_holder_of_the_present_lease_settles(self, store: StoreWithOutbox, settlement: Settlement) -> None:
        """A wrong name, a notice not leased, an unknown notice and a lease taken over change nothing."""
        save(store, asked())
        assert not store.settle(LEASED_NOTICE, settlement)
        ended, _ = lease(store)
        (present,) = (leased for leased in lease(store, NOW + 5 * MINUTE) if leased.notice == ended.notice)
        before = everything(store)

        assert not store.settle(attrs.evolve(ended, lease="no such lease"), settlement)
        assert not store.settle(attrs.evolve(ended, lease=present.lease + "x"), settlement)
        assert not store.settle(ended, settlement)
        unknown = attrs.evolve(present.notice, id="no such notice")
        assert not store.settle(attrs.evolve(present, notice=unknown), settlement)
        assert before == everything(store)
        assert store.settle(present, settlement)
        assert not store.settle(present, settlement)

    @pytest.mark.must(2)
    @each_settlement
    def test_a_lease_that_ended_is_held_until_another_worker_takes_it(
        self, store: StoreWithOutbox, settlement: Settlement
    ) -> None:
        """A slow worker may still settle what nobody has taken over, so that it is not sent twice."""
        save(store, asked())
        first = lease(store)
        (taken,) = lease(store, NOW + 9 * MINUTE, limit=1)

        assert [leased.notice != taken.notice for leased in first] == [
            store.settle(leased, settlement) for leased in first
        ]

    @pytest.mark.must(2)
    @each_settlement
    def test_one_of_several_settlements_counts(self, store: StoreWithOutbox, settlement: Settlement) -> None:
        """Of eight threads that show the same leases at the same moment, one settles each notice."""
        save(store, *(asked(urn, TWIN) for urn in range(URN, URN + 4)))
        leased, settled = lease(store), list[str]()

        def settle() -> None:
            settled.extend(held.notice.id for held in leased if store.settle(held, settlement))

        self.at_once([settle] * 8)

        assert sorted(held.notice.id for held in leased) == sorted(settled)

    @pytest.mark.must(6)
    def test_settlements_come_back_to_the_character_and_the_microsecond(self, store: StoreWithOutbox) -> None:
        """What the other side said comes back as it was, and so do the instants."""
        save(store, *(asked(urn) for urn in range(URN, URN + len(TEXTS) + len(INSTANTS))))
        settlements = [
            *(Settlement.try_again(due_at=NOW, error=text) for text in TEXTS.values()),
            *(Settlement.given_up(at=NOW, error=text) for text in TEXTS.values()),
            *(Settlement.try_again(due_at=at, error="") for at in INSTANTS.values()),
            *(Settlement.delivered(at=at) for at in INSTANTS.values()),
        ]
        leased = dict(zip((leased.notice.id for leased in lease(store)), settlements, strict=False))
        for notice in lease(store, NOW + 5 * MINUTE, limit=len(leased)):
            assert store.settle(notice, leased[notice.notice.id])

        stored = {notice.id: notice for notice in store.notices(TRUST)}
        for key, settlement in leased.items():
            expected = (settlement.status, settlement.error, settlement.settled_at, settlement.due_at or NOW)
            assert expected == (stored[key].status, stored[key].error, stored[key].settled_at, stored[key].due_at)


def _take(store: StoreWithOutbox, leased: list[LeasedNotice]) -> None:
    leased.extend(lease(store, limit=30))
