"""What the store's contract says of closing a request, and of listing, requeueing and purging notices."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import Approve, Decline, EndAgreement, Remind, RequestAccess, Withdraw
from datashare.domain.notices import ASKING, NoticeKind
from datashare.ports import NoticeStatus, Settlement
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, TWIN, asked, then
from datashare.testing.fakes import StoreWithOutbox

from ._store_leasing import SETTLINGS, Settle
from ._store_suite import MICROSECOND, MINUTE, StoreSuite, by_due, do, everything, lease, save

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


class Closing(StoreSuite):
    """1. Closing a request cancels what asks for its answer, in the same call."""

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    @pytest.mark.parametrize("kind", [Approve, Decline, Withdraw, EndAgreement], ids=lambda kind: kind.__name__)
    def test_closing_a_request_cancels_what_asks_for_its_answer(self, store: StoreWithOutbox, kind: Any) -> None:
        """Its waiting and leased requests and reminders are cancelled with the answer, and nothing else is."""
        save(store, asked(OTHER_URN), asked(group=COUNCIL), asked(group=TWIN), asked())
        (delivered, *_) = (one for one in lease(store) if one.notice.agreement == AGREEMENT)
        assert store.settle(delivered, Settlement.delivered(at=NOW))
        do(store, Remind, now=NOW + MICROSECOND)
        own = {stored.id for stored in store.notices(TRUST) if stored.agreement == AGREEMENT}
        groups = (TRUST, COUNCIL, TWIN)
        others = [stored for group in groups for stored in store.notices(group) if stored.id not in own]
        do(store, kind, now=NOW + MINUTE, command_id="c-9")

        now = {stored.id: stored for group in groups for stored in store.notices(group)}
        assert {DELIVERED: 1, CANCELLED: 3} == Counter(now[one].status for one in own)
        assert {NOW + MINUTE} == {now[one].settled_at for one in own if now[one].status is CANCELLED}
        assert others == [now[stored.id] for stored in others]
        assert {WAITING} == {stored.status for key, stored in now.items() if key not in own} - {LEASED}

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_what_was_given_up_is_cancelled_and_what_was_delivered_is_not(self, store: StoreWithOutbox) -> None:
        """A given-up notice of the request can no longer be queued again; a delivered and purged one stays."""
        save(store, asked())
        one, other = lease(store)
        store.settle(one, Settlement.given_up(at=NOW, error="550"))
        store.settle(other, Settlement.delivered(at=NOW - MINUTE))
        assert 1 == store.purge(settled_before=NOW)
        do(store, Withdraw)

        now = {stored.id: stored.status for stored in store.notices(TRUST)}
        assert (CANCELLED, DELIVERED) == (now[one.notice.id], now[other.notice.id])
        assert 0 == store.requeue(TRUST, [one.notice.id], due_at=NOW)

    @pytest.mark.must(1, 11)
    @pytest.mark.rule("O7")
    @pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
    def test_one_that_was_being_sent_is_cancelled_too(self, store: StoreWithOutbox, settle: Settle) -> None:
        """A worker that held the lease when the request was closed no longer does, and nobody sends it again."""
        save(store, asked())
        one, _ = lease(store)
        do(store, Withdraw)

        assert not settle(store, one)
        stored = next(found for found in store.notices(TRUST) if found.id == one.notice.id)
        assert (CANCELLED, NOW) == (stored.status, stored.settled_at)
        assert {NoticeKind.WITHDRAWN} == {found.notice.kind for found in lease(store, NOW + timedelta(days=1))}

    @pytest.mark.rule("O7")
    def test_what_tells_rather_than_asks_is_not_cancelled(self, store: StoreWithOutbox) -> None:
        """Of the closed request's own notices only requests and reminders are cancelled."""
        one = asked()
        telling = tuple(
            attrs.evolve(one.notices[0], id=f"{kind.value}-notice", kind=kind)
            for kind in NoticeKind
            if kind not in ASKING
        )
        save(store, attrs.evolve(one, notices=(*one.notices, *telling)))
        save(store, attrs.evolve(then(one.after, Withdraw), notices=()))

        assert {notice.id for notice in telling} == {stored.id for stored in store.notices(TRUST, status=WAITING)}
        assert {notice.id for notice in one.notices} == {stored.id for stored in store.notices(TRUST, status=CANCELLED)}

    @pytest.mark.rule("O7")
    def test_an_earlier_requests_notices_are_left_alone(self, store: StoreWithOutbox) -> None:
        """Closing the upgrade cancels nothing that tells of the first request's answer."""
        save(store, asked())
        do(store, Approve)
        answers = {stored.id for stored in store.notices(TRUST, status=WAITING)}
        do(store, RequestAccess, command_id="c-3")
        do(store, Withdraw, command_id="c-4")

        assert answers <= {stored.id for stored in store.notices(TRUST, status=WAITING)}
        assert 2 == len(answers)

    @pytest.mark.rule("O7")
    def test_a_reminder_cancels_nothing(self, store: StoreWithOutbox) -> None:
        """Only what closes the request cancels."""
        save(store, asked())
        do(store, Remind)

        assert 4 == len(store.notices(TRUST, status=WAITING))


class Requeueing(StoreSuite):
    """Listing notices, and letting given-up ones wait again."""

    @pytest.mark.rule("O3")
    def test_notices_are_listed_by_due_instant_then_id(self, store: StoreWithOutbox) -> None:
        """A group's notices come in the order in which they are due; of one status, if one is named."""
        save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MICROSECOND))
        found = list(store.notices(TRUST))
        one, *_ = lease(store, limit=1)

        assert sorted(found, key=by_due) == found
        assert [OTHER_URN, OTHER_URN] == [stored.agreement.urn for stored in found[:2]]
        assert [one.notice.id] == [stored.id for stored in store.notices(TRUST, status=LEASED)]
        assert 3 == len(store.notices(TRUST, status=WAITING))
        assert [] == list(store.notices(TRUST, status=CANCELLED))

    @pytest.mark.rule("O3")
    def test_given_up_notices_wait_again(self, store: StoreWithOutbox) -> None:
        """A requeued notice is due when it was said to be, with no attempts, and counts once."""
        one, other = _given_up(store)
        later = NOW + timedelta(days=2)

        assert 1 == store.requeue(TRUST, [one, one, "no such notice"], due_at=later)
        assert [one] == [stored.id for stored in store.notices(TRUST, status=WAITING)]
        assert [other] == [stored.id for stored in store.notices(TRUST, status=GIVEN_UP)]
        assert [] == lease(store, later - MICROSECOND)
        assert [(one, 1)] == [(found.notice.id, found.attempts) for found in lease(store, later)]

    @pytest.mark.must(6)
    @pytest.mark.rule("O3")
    def test_a_group_requeues_its_own_notices_only(self, store: StoreWithOutbox) -> None:
        """The id of another group's notice is no id at all."""
        ids = _given_up(store)

        assert 0 == store.requeue(COUNCIL, ids, due_at=NOW)
        assert 0 == store.requeue(TRUST, [], due_at=NOW)
        assert {GIVEN_UP} == {stored.status for stored in store.notices(TRUST)}

    @pytest.mark.rule("O3")
    def test_only_given_up_notices_are_requeued(self, store: StoreWithOutbox) -> None:
        """Waiting, leased, delivered and cancelled notices stay as they are."""
        save(store, asked())
        one, _ = lease(store)
        store.settle(one, Settlement.delivered(at=NOW))
        save(store, asked(OTHER_URN))
        do(store, Withdraw)
        lease(store, limit=1)
        before = everything(store)
        found = store.notices(TRUST)

        assert {WAITING, LEASED, DELIVERED, CANCELLED} == {stored.status for stored in found}
        assert 0 == store.requeue(TRUST, [stored.id for stored in found], due_at=NOW)
        assert before == everything(store)


class Purging(StoreSuite):
    """Erasing names and addresses of what is settled."""

    @pytest.mark.rule("O6")
    def test_purging_erases_names_and_addresses_and_keeps_ids(self, store: StoreWithOutbox) -> None:
        """Of a purged notice the id, the agreement, the status and the instants stay; notice and error go."""
        ids = _given_up(store)
        before = store.notices(TRUST)

        assert 2 == store.purge(settled_before=NOW + MICROSECOND)
        assert [attrs.evolve(stored, notice=None, error=None) for stored in before] == list(store.notices(TRUST))
        assert ids == [stored.id for stored in store.notices(TRUST)]
        assert ".example" not in repr(store.notices(TRUST))
        assert 0 == store.purge(settled_before=NOW + MICROSECOND)

    @pytest.mark.rule("O6")
    def test_only_what_was_settled_before_the_instant_is_purged(self, store: StoreWithOutbox) -> None:
        """The instant itself is not before it, and what is not settled is never purged."""
        _given_up(store)
        save(store, asked(OTHER_URN))
        before = everything(store)

        assert 0 == store.purge(settled_before=NOW)
        assert before == everything(store)
        assert 2 == store.purge(settled_before=NOW + timedelta(days=1000))
        assert 2 == sum(stored.notice is not None for stored in store.notices(TRUST))

    @pytest.mark.rule("O6")
    def test_delivered_and_cancelled_notices_are_purged(self, store: StoreWithOutbox) -> None:
        """All three ways in which a notice is settled end in its purge."""
        save(store, asked())
        one, other = lease(store)
        store.settle(one, Settlement.delivered(at=NOW))
        store.settle(other, Settlement.try_again(due_at=NOW, error="451 deputy@site.example is busy"))
        do(store, Withdraw)

        assert 2 == store.purge(settled_before=NOW + MINUTE)
        purged = [stored for stored in store.notices(TRUST) if stored.notice is None]
        assert {DELIVERED, CANCELLED} == {stored.status for stored in purged}
        assert {None} == {stored.error for stored in purged}

    @pytest.mark.rule("O6")
    def test_a_purged_notice_cannot_be_requeued(self, store: StoreWithOutbox) -> None:
        """There is nothing left that could be sent."""
        ids = _given_up(store)
        store.purge(settled_before=NOW + MINUTE)

        assert 0 == store.requeue(TRUST, ids, due_at=NOW)
        assert {GIVEN_UP} == {stored.status for stored in store.notices(TRUST)}
        assert [] == lease(store, NOW + timedelta(days=1))

    @pytest.mark.rule("O6")
    def test_a_requeued_notice_is_not_purged(self, store: StoreWithOutbox) -> None:
        """What waits again is no longer settled."""
        store.requeue(TRUST, _given_up(store), due_at=NOW)

        assert {None} == {stored.settled_at for stored in store.notices(TRUST)}
        assert 0 == store.purge(settled_before=NOW + timedelta(days=900))


def _given_up(store: StoreWithOutbox) -> list[str]:
    """Give up both notices of a request."""
    save(store, asked())
    for one in lease(store):
        assert store.settle(one, Settlement.given_up(at=NOW, error=f"550 {one.notice.address} unknown"))
    return [stored.id for stored in store.notices(TRUST)]
