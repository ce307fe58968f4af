"""What an outbox does with notices after delivery: list them, let them wait again, and erase names and addresses."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from datashare.domain.agreements import AgreementId, commands
from datashare.domain.instants import MOST_AHEAD
from datashare.ports import NoticeStatus, Settlement
from datashare.testing.changes import COUNCIL, NOW, OTHER_URN, TRUST, URN, asked, then
from datashare.testing.fakes import StoreWithOutbox

from ._contract import clear_all
from ._store_suite import ALIKE, MICROSECOND, MINUTE, StoreSuite, by_due, do, everything, give_up, lease, save

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


class Requeueing(StoreSuite):
    """4., 5. and 6. Listing notices, letting given-up ones wait again, and erasing names and addresses."""

    @pytest.mark.must(6)
    @pytest.mark.rule("O3")
    def test_notices_are_listed_by_due_instant_then_id(self, store: StoreWithOutbox) -> None:
        """A group's notices come in the order in which they are due; of one status, if one is named."""
        save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MICROSECOND))
        stored = list(store.notices(TRUST))
        leased, *_ = lease(store, limit=1)

        assert sorted(stored, key=by_due) == stored
        assert [OTHER_URN, OTHER_URN] == [notice.agreement.urn for notice in stored[:2]]
        assert [leased.notice.id] == [notice.id for notice in store.notices(TRUST, status=LEASED)]
        assert 3 == len(store.notices(TRUST, status=WAITING))
        assert [] == list(store.notices(TRUST, status=CANCELLED))

    @pytest.mark.must(6)
    @pytest.mark.rule("O3")
    def test_the_notices_of_all_groups_are_listed_together(self, store: StoreWithOutbox) -> None:
        """They come by due instant, then id, whatever their groups; of each status, if one is named."""
        save(store, *(asked(urn, now=NOW + MINUTE) for urn in (URN, OTHER_URN)))
        save(store, asked(group=COUNCIL), asked(group=ALIKE[0], now=NOW + 2 * MINUTE))
        first, second, third, _ = lease(store, NOW + MINUTE, limit=4)
        assert store.settle(first, Settlement.delivered(at=NOW))
        assert store.settle(second, Settlement.given_up(at=NOW, error="550"))
        assert store.settle(third, Settlement.try_again(due_at=NOW + 3 * MINUTE, error="451"))
        do(store, commands.Withdraw, of=AgreementId(ALIKE[0], URN))
        stored = list(store.notices())

        assert (
            sorted((own for group in (TRUST, COUNCIL, ALIKE[0]) for own in store.notices(group)), key=by_due) == stored
        )
        assert set(NoticeStatus) == {notice.status for notice in stored}
        for status in NoticeStatus:
            assert [own for own in stored if own.status is status] == list(store.notices(status=status))
            assert list(store.notices(status=status)) == list(store.notices(None, status=status))

    @pytest.mark.must(6)
    def test_an_answer_about_notices_is_a_copy(self, store: StoreWithOutbox) -> None:
        """No later call changes an answer, and emptying an answer does not touch the outbox."""
        save(store, asked())
        notices, leased = store.notices(TRUST), lease(store, limit=1)
        shown = repr(notices)
        do(store, commands.Approve)
        store.settle(leased[0], Settlement.delivered(at=NOW))
        before = everything(store)

        assert shown == repr(notices)
        clear_all([store.notices(TRUST), store.lease(now=NOW - MINUTE, until=NOW, limit=9)])
        assert before == everything(store)
        assert 4 == len(store.notices(TRUST))

    @pytest.mark.must(4, 5)
    @pytest.mark.rule("O3", "O6")
    def test_given_up_notices_wait_again(self, store: StoreWithOutbox) -> None:
        """A requeued notice is due when the caller says, with no attempts but with its error, and is not purged."""
        head, deputy = give_up(store)
        later = NOW + timedelta(days=2)

        assert 1 == store.requeue(TRUST, [head, head, "no such notice"], due_at=later)
        (stored,) = store.notices(TRUST, status=WAITING)
        assert (head, later, 0, None) == (stored.id, stored.due_at, stored.attempts, stored.settled_at)
        assert "550" == (stored.error or "")[:3]
        assert [deputy] == [stored.id for stored in store.notices(TRUST, status=GIVEN_UP)]
        assert 1 == store.purge(settled_before=NOW + timedelta(days=900))
        assert [] == lease(store, later - MICROSECOND)
        assert [(head, 1)] == [(leased.notice.id, leased.attempts) for leased in lease(store, later)]

    @pytest.mark.must(4)
    @pytest.mark.rule("O3")
    def test_what_a_fast_clock_holds_waits_again(self, store: StoreWithOutbox) -> None:
        """A requeue frees what is leased or put off too far ahead, and what was leased is no longer held."""
        save(store, asked())
        fast = NOW + timedelta(days=300)
        put_off, held = lease(store, fast)
        assert store.settle(put_off, Settlement.try_again(due_at=fast, error="451"))

        assert 2 == store.requeue(TRUST, [put_off.notice.id, held.notice.id], due_at=NOW)
        assert {(WAITING, NOW, 0)} == {(own.status, own.due_at, own.attempts) for own in store.notices(TRUST)}
        assert not store.settle(held, Settlement.delivered(at=NOW))
        assert 2 == len(lease(store))

    @pytest.mark.must(4, 5, 6)
    @pytest.mark.rule("O3", "O6")
    def test_all_of_many_notices_are_requeued_and_purged(self, store: StoreWithOutbox) -> None:
        """Of several schools and groups each notice waits again, or is purged, and each is counted once."""
        urns = range(URN, URN + 4)
        save(store, *(asked(urn) for urn in urns), asked(group=COUNCIL))
        for leased in lease(store):
            store.settle(leased, Settlement.given_up(at=NOW, error="550"))
        own = [stored.id for stored in store.notices(TRUST)]

        assert 8 == len(own) == store.requeue(TRUST, own, due_at=NOW)
        assert own == sorted(leased.notice.id for leased in lease(store))
        save(store, *(then(asked(urn).after, commands.Withdraw, command_id="c-9") for urn in urns))
        histories, states = list(store.chains(TRUST)), list(store.states(TRUST))
        assert 10 == store.purge(settled_before=NOW + MINUTE)
        purged = [stored for group in (TRUST, COUNCIL) for stored in store.notices(group) if stored.notice is None]
        assert 10 == len(purged)
        assert histories == list(store.chains(TRUST))
        assert states == list(store.states(TRUST))

    @pytest.mark.must(6)
    @pytest.mark.rule("O3")
    def test_a_group_requeues_its_own_notices_only(self, store: StoreWithOutbox) -> None:
        """The ids of another group's notices are passed over."""
        ids = give_up(store)

        for group in (COUNCIL, *ALIKE):
            assert 0 == store.requeue(group, ids, due_at=NOW)
        assert 0 == store.requeue(TRUST, [], due_at=NOW)
        assert {GIVEN_UP} == {stored.status for stored in store.notices(TRUST)}

    @pytest.mark.must(6)
    @pytest.mark.rule("O3")
    def test_only_given_up_notices_are_requeued(self, store: StoreWithOutbox) -> None:
        """Waiting, leased, delivered and cancelled notices stay as they are."""
        save(store, asked())
        head, _ = lease(store)
        store.settle(head, Settlement.delivered(at=NOW))
        save(store, asked(OTHER_URN))
        do(store, commands.Withdraw)
        lease(store, limit=1)
        before = everything(store)
        stored = store.notices(TRUST)

        assert {WAITING, LEASED, DELIVERED, CANCELLED} == {notice.status for notice in stored}
        assert 0 == store.requeue(TRUST, [notice.id for notice in stored], due_at=NOW)
        assert before == everything(store)

    @pytest.mark.must(4, 5)
    @pytest.mark.rule("O6")
    def test_purging_erases_what_was_settled_before_the_instant(self, store: StoreWithOutbox) -> None:
        """Notice and error go, all else stays, and nothing is requeued; what is not settled is never purged."""
        ids = give_up(store)
        save(store, asked(OTHER_URN))
        before, given_up = everything(store), store.notices(TRUST, status=GIVEN_UP)

        assert 0 == store.purge(settled_before=NOW)
        assert before == everything(store)
        assert 2 == store.purge(settled_before=NOW + MICROSECOND)
        purged = store.notices(TRUST, status=GIVEN_UP)
        assert [attrs.evolve(stored, notice=None, error=None) for stored in given_up] == list(purged)
        assert ".example" not in repr(purged)
        assert 0 == store.purge(settled_before=NOW + timedelta(days=1000))
        assert 0 == store.requeue(TRUST, ids, due_at=NOW)
        assert 2 == len(store.notices(TRUST, status=WAITING)) == len(lease(store, NOW + timedelta(days=1)))

    @pytest.mark.must(5)
    @pytest.mark.rule("O6")
    def test_what_nobody_delivers_is_purged_too(self, store: StoreWithOutbox) -> None:
        """What waits or is leased is given up once it was due before an instant of its own; a later purge erases it."""
        save(store, asked())
        held, *_ = lease(store)
        assert store.settle(held, Settlement.try_again(due_at=NOW, error="451"))
        save(store, asked(OTHER_URN))
        before, waiting = everything(store), store.notices(TRUST)

        assert 0 == store.purge(settled_before=NOW, undelivered_before=NOW)
        assert before == everything(store)
        late = NOW + MICROSECOND
        assert 0 == store.purge(settled_before=late + MICROSECOND, undelivered_before=late)
        given_up = [attrs.evolve(stored, status=GIVEN_UP, settled_at=late) for stored in waiting]
        assert given_up == list(store.notices(TRUST))
        assert [] == lease(store, NOW + timedelta(days=1))
        assert 1 == store.requeue(TRUST, [held.notice.id], due_at=NOW)
        assert 0 == store.purge(settled_before=late)
        assert 3 == store.purge(settled_before=late + MICROSECOND)
        assert [held.notice.id] == [stored.id for stored in store.notices(TRUST) if stored.notice]

    @pytest.mark.must(5)
    @pytest.mark.rule("O6")
    def test_what_a_fast_clock_gave_up_is_not_erased_before_it_is_old(self, store: StoreWithOutbox) -> None:
        """A purge by a fast clock only gives up, and the next ones leave that whole, by whatever clock they run."""
        days_ago = NOW - timedelta(days=9)
        save(store, asked(), asked(OTHER_URN, now=days_ago))
        held, *_ = lease(store, limit=1)
        for fast in (NOW + timedelta(days=300), NOW + timedelta(days=301)):
            earlier = fast - timedelta(days=30)
            assert 0 == store.purge(settled_before=earlier, undelivered_before=earlier, now=fast)
            assert 0 == store.purge(settled_before=NOW, undelivered_before=days_ago, now=NOW)

        stored = store.notices(TRUST)
        assert {(GIVEN_UP, NOW + timedelta(days=300))} == {(own.status, own.settled_at) for own in stored}
        assert not store.settle(held, Settlement.delivered(at=NOW))
        assert 2 == store.purge(settled_before=NOW, undelivered_before=NOW, now=NOW)
        assert 2 == store.requeue(TRUST, [own.id for own in stored], due_at=NOW)
        assert [URN, URN] == [leased.notice.agreement.urn for leased in lease(store)]

    @pytest.mark.must(5)
    @pytest.mark.rule("O6")
    def test_what_a_fast_clock_settled_is_purged(self, store: StoreWithOutbox) -> None:
        """What was settled more than a day ahead of the present instant is purged, if that is named.

        What was given up is purged only if it fell due as far ahead.
        """
        ahead = NOW + MOST_AHEAD + MICROSECOND
        for due_at, urn in ((ahead, URN), (ahead - MICROSECOND, OTHER_URN)):
            save(store, asked(urn, now=due_at))
            delivered, given_up = lease(store, due_at)
            assert store.settle(delivered, Settlement.delivered(at=due_at))
            assert store.settle(given_up, Settlement.given_up(at=ahead, error="550"))

        assert 0 == store.purge(settled_before=NOW)
        assert 2 == store.purge(settled_before=NOW, now=NOW)
        assert {ahead} == {own.settled_at for own in store.notices(TRUST) if own.notice is None}
        assert {OTHER_URN} == {own.agreement.urn for own in store.notices(TRUST) if own.notice}

    @pytest.mark.must(4, 5)
    @pytest.mark.rule("O6")
    def test_delivered_and_cancelled_notices_are_purged(self, store: StoreWithOutbox) -> None:
        """Notices that were delivered, given up or cancelled are all settled, and so purged."""
        save(store, asked())
        delivered, tried = lease(store)
        store.settle(delivered, Settlement.delivered(at=NOW))
        store.settle(tried, Settlement.try_again(due_at=NOW, error="451 deputy@site.example is busy"))
        do(store, commands.Approve)
        (cancelled,) = store.notices(TRUST, status=CANCELLED)

        assert "451 deputy@site.example is busy" == cancelled.error
        assert 2 == store.purge(settled_before=NOW + MINUTE)
        purged = [stored for stored in store.notices(TRUST) if stored.notice is None]
        assert {DELIVERED, CANCELLED} == {stored.status for stored in purged}
        assert {None} == {stored.error for stored in purged}
