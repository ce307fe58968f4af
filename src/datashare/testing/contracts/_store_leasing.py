"""Numbers 10 and 11 of the store's contract: leases, and who settles a notice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import attrs
import pytest

from datashare.ports import LeasedNotice, NoticeStatus, Settlement
from datashare.testing.changes import COUNCIL, NOW, OTHER_URN, TRUST, TWIN, URN, asked
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import LEASED_NOTICE, MICROSECOND, MINUTE, StoreSuite, by_due, everything, lease, save

Settle = Callable[[StoreWithOutbox, LeasedNotice], bool]
SETTLINGS: dict[str, Settle] = {
    "complete": lambda store, leased: store.settle(leased, Settlement.delivered(at=NOW)),
    "retry": lambda store, leased: store.settle(leased, Settlement.try_again(due_at=NOW, error="x")),
    "give_up": lambda store, leased: store.settle(leased, Settlement.given_up(at=NOW, error="x")),
}


class Leases(StoreSuite):
    """10. One worker at a time."""

    @pytest.mark.must(10)
    def test_a_notice_is_leased_to_one_worker(self, store: StoreWithOutbox) -> None:
        """What one worker holds is not leased again before the lease ends, and then under another name."""
        save(store, asked())
        first = lease(store)
        ended = NOW + 5 * MINUTE

        assert {notice.id for notice in asked().notices} == {one.notice.id for one in first}
        assert [] == lease(store)
        assert [] == lease(store, ended - MICROSECOND)
        again = lease(store, ended)
        assert {one.notice.id: one.notice for one in first} == {one.notice.id: one.notice for one in again}
        assert ([1, 1], [2, 2]) == ([one.attempts for one in first], [one.attempts for one in again])
        assert {(NoticeStatus.LEASED, 2)} == {(stored.status, stored.attempts) for stored in store.notices(TRUST)}

    @pytest.mark.must(10)
    def test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one(self, store: StoreWithOutbox) -> None:
        """However often a notice is leased, at one instant or later, retried in between or not."""
        save(store, asked())
        names: dict[str, list[str]] = {notice.id: [] for notice in asked().notices}
        for number in range(6):
            for one in lease(store, NOW + (number // 2) * 5 * MINUTE):
                names[one.notice.id].append(one.lease)
                assert number % 2 or store.settle(one, Settlement.try_again(due_at=NOW, error=""))

        assert [6, 6] == [len(found) for found in names.values()] == [len(set(found)) for found in names.values()]

    @pytest.mark.must(10)
    def test_only_what_is_due_is_leased(self, store: StoreWithOutbox) -> None:
        """A notice is due from its instant on, not a microsecond earlier."""
        save(store, asked())

        assert [] == lease(store, NOW - MICROSECOND)
        assert 2 == len(lease(store, NOW))

    @pytest.mark.must(10)
    def test_the_longest_due_is_leased_first_up_to_the_limit(self, store: StoreWithOutbox) -> None:
        """Notices are leased by due instant, then id, of all groups alike."""
        save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MINUTE), asked(group=COUNCIL, now=NOW - 2 * MINUTE))
        expected = sorted((*store.notices(TRUST), *store.notices(COUNCIL)), key=by_due)
        found = [one.notice.id for limit in (1, 3, 9) for one in lease(store, limit=limit)]

        assert [stored.id for stored in expected] == found
        assert 6 == len(found)

    @pytest.mark.must(10)
    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_limit_below_one_leases_nothing(self, store: StoreWithOutbox, limit: int) -> None:
        """No notice is leased where none may be."""
        save(store, asked())

        assert [] == lease(store, limit=limit)
        assert {NoticeStatus.WAITING} == {stored.status for stored in store.notices(TRUST)}

    @pytest.mark.must(10)
    def test_workers_at_once_share_the_notices_out(self, store: StoreWithOutbox) -> None:
        """Eight workers that lease at the same moment never get the same notice, and leave none behind."""
        for number in range(self.rounds):
            found, first = list[LeasedNotice](), URN + 20 * number
            save(store, *(asked(urn) for urn in range(first, first + 20)))
            self.at_once([partial(_take, store, found)] * 8)
            found += lease(store)

            assert 40 == len(found) == len({one.notice.id for one in found})

    @pytest.mark.must(10)
    def test_what_is_settled_is_not_leased_again(self, store: StoreWithOutbox) -> None:
        """A delivered or given-up notice stays so, whenever the leases end."""
        save(store, asked())
        one, other = lease(store)
        assert store.settle(one, Settlement.delivered(at=NOW))
        assert store.settle(other, Settlement.given_up(at=NOW, error="550 no such user"))

        assert [] == lease(store, NOW + timedelta(days=9))


class Settling(StoreSuite):
    """11. Only the holder of the present lease."""

    @pytest.mark.must(11)
    def test_a_notice_is_settled_as_delivered(self, store: StoreWithOutbox) -> None:
        """The holder of the lease settles it, once, with the instant and without the earlier error."""
        save(store, asked())
        one, _ = lease(store)
        assert store.settle(one, Settlement.try_again(due_at=NOW, error="451 later"))
        again = next(found for found in lease(store) if found.notice.id == one.notice.id)

        assert store.settle(again, Settlement.delivered(at=NOW + MICROSECOND))
        assert not store.settle(again, Settlement.delivered(at=NOW + MINUTE))
        (stored,) = store.notices(TRUST, status=NoticeStatus.DELIVERED)
        assert (one.notice.id, one.notice, 2) == (stored.id, stored.notice, stored.attempts)
        assert (NOW + MICROSECOND, None) == (stored.settled_at, stored.error)

    @pytest.mark.must(11)
    def test_a_notice_waits_to_be_tried_again(self, store: StoreWithOutbox) -> None:
        """A retried notice keeps its attempts and the error, and is due when it was said to be."""
        save(store, asked())
        one, other = lease(store)
        later = NOW + 90 * MINUTE
        assert store.settle(one, Settlement.try_again(due_at=later, error="451 später 𝄞"))
        assert store.settle(other, Settlement.delivered(at=NOW))

        (stored,) = store.notices(TRUST, status=NoticeStatus.WAITING)
        expected = (later, "451 später 𝄞", 1, None)
        assert expected == (stored.due_at, stored.error, stored.attempts, stored.settled_at)
        assert [] == lease(store, later - MICROSECOND)
        assert [(one.notice.id, 2)] == [(again.notice.id, again.attempts) for again in lease(store, later)]

    @pytest.mark.must(11)
    def test_a_notice_is_given_up_visibly(self, store: StoreWithOutbox) -> None:
        """A given-up notice is listed with its error and instant."""
        save(store, asked())
        one, _ = lease(store)
        assert store.settle(one, Settlement.given_up(at=NOW + MINUTE, error="550 unknown"))

        (stored,) = store.notices(TRUST, status=NoticeStatus.GIVEN_UP)
        assert (one.notice.id, "550 unknown", NOW + MINUTE) == (stored.id, stored.error, stored.settled_at)

    @pytest.mark.must(11)
    @pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
    def test_only_the_holder_of_the_present_lease_settles(self, store: StoreWithOutbox, settle: Settle) -> None:
        """A wrong name, a notice not leased, an unknown notice and a lease taken over change nothing."""
        save(store, asked())
        assert not settle(store, LEASED_NOTICE)
        one, _ = lease(store)
        again = {found.notice.id: found for found in lease(store, NOW + 5 * MINUTE)}
        before = everything(store)

        assert not settle(store, attrs.evolve(one, lease="no such lease"))
        assert not settle(store, attrs.evolve(one, lease=again[one.notice.id].lease + "x"))
        assert not settle(store, one)
        assert not settle(store, attrs.evolve(one, notice=attrs.evolve(one.notice, id="no such notice")))
        assert before == everything(store)
        assert settle(store, again[one.notice.id])
        assert not settle(store, again[one.notice.id])

    @pytest.mark.must(11)
    @pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
    def test_a_lease_that_ended_is_held_until_another_worker_takes_it(
        self, store: StoreWithOutbox, settle: Settle
    ) -> None:
        """A slow worker may still settle what nobody has taken over, so that it is not sent twice."""
        save(store, asked())
        one, other = lease(store)
        (taken,) = lease(store, NOW + 9 * MINUTE, limit=1)
        slow, lost = (other, one) if taken.notice.id == one.notice.id else (one, other)

        assert settle(store, slow)
        assert not settle(store, lost)

    @pytest.mark.must(11)
    @pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
    def test_one_of_several_settlings_counts(self, store: StoreWithOutbox, settle: Settle) -> None:
        """Of eight threads that show one lease at the same moment, one settles the notice."""
        save(store, asked(group=TWIN))
        (one,) = lease(store, limit=1)
        answers = list[bool]()
        self.at_once([partial(_settle, store, one, settle, answers)] * 8)

        assert [False] * 7 + [True] == sorted(answers)


def _take(store: StoreWithOutbox, found: list[LeasedNotice]) -> None:
    found.extend(lease(store, limit=10))


def _settle(store: StoreWithOutbox, one: LeasedNotice, settle: Settle, answers: list[bool]) -> None:
    answers.append(settle(store, one))
