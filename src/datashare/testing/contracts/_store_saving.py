"""What a store saves: all of a change or nothing, on the version that was decided on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import Caution, CautionCode, commands
from datashare.domain.agreements.ids import AgreementId
from datashare.domain.notices import ASKING, NoticeKind
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, StoredNotice
from datashare.testing.changes import (
    AGREEMENT,
    COUNCIL,
    NOW,
    OTHER_URN,
    TRUST,
    TWIN,
    URN,
    asked,
    deputy_of,
    head_of,
    imported,
    then,
)
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import (
    COUNCILS,
    MICROSECOND,
    MINUTE,
    StoreSuite,
    approval_of_hidden,
    check_saved,
    do,
    everything,
    lease,
    save,
    standing,
    states,
    verified,
)

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


class Saving(StoreSuite):
    """1., 2. and 10. All of a change is saved or nothing, and only on the version that was decided on."""

    @pytest.mark.must(1)
    @pytest.mark.rule("K1")
    def test_a_change_is_saved_with_all_that_belongs_to_it(self, store: StoreWithOutbox) -> None:
        """One call saves events, state, outcome and notices; the notices wait, and are due at once."""
        change = asked()
        save(store, change)
        loaded = store.load([AGREEMENT], command_id="c-1")
        waiting = {
            StoredNotice(id=notice.id, agreement=AGREEMENT, notice=notice, status=WAITING, due_at=change.now)
            for notice in change.notices
        }

        assert {AGREEMENT: change.after} == dict(loaded.agreements)
        assert (change.outcome,) == loaded.outcomes
        assert change.events == tuple(store.history(AGREEMENT))
        assert waiting == set(store.notices(TRUST))
        assert 2 == len(waiting)

    @pytest.mark.must(1, 2, 5)
    @pytest.mark.rule("K1", "O2")
    def test_nothing_of_a_loser_is_saved(self, store: StoreWithOutbox) -> None:
        """A change that lost leaves nothing behind, so that it is saved when it is decided again."""
        save(store, asked())
        late = then(standing(store), commands.Approve, command_id="c-late")
        do(store, commands.Remind)
        before = everything(store)

        assert late.closes is not None
        assert frozenset({AGREEMENT}) == store.append([late])
        assert before == everything(store)
        assert () == store.load([AGREEMENT], command_id="c-late").outcomes
        do(store, commands.Approve, command_id="c-late")
        assert ["c-1", "c-2", "c-late"] == [event.command_id for event in store.history(AGREEMENT)]

    @pytest.mark.must(1, 11)
    @pytest.mark.parametrize(
        "changes",
        [[asked(), object()], [imported(), imported(OTHER_URN), imported()]],
        ids=["not-a-change", "two-of-one-agreement"],
    )
    def test_nothing_is_saved_of_a_call_that_is_refused(self, store: StoreWithOutbox, changes: Any) -> None:
        """A call is refused as a whole if it holds anything but changes, or two changes of one agreement."""
        before = everything(store)

        with pytest.raises(InvalidValue, match="must be"):
            store.append(changes)
        assert before == everything(store)

    @pytest.mark.must(1)
    def test_no_change_is_no_loser(self, store: StoreWithOutbox) -> None:
        """A call without changes does nothing."""
        before = everything(store)

        assert frozenset() == store.append([])
        assert before == everything(store)

    @pytest.mark.must(2)
    @pytest.mark.rule("K1")
    def test_losers_are_answered_and_the_rest_is_saved(self, store: StoreWithOutbox) -> None:
        """Changes whose agreement moved on lose, without an error; the others are saved."""
        save(store, imported())
        stale, fresh, council = imported(), imported(OTHER_URN), imported(group=COUNCIL)

        assert frozenset({AGREEMENT}) == store.append([fresh, stale, council])
        assert [1, 1] == [state.version for state in states(store)]
        assert [COUNCILS] == [state.id for state in store.states(COUNCIL)]

    @pytest.mark.must(1, 2)
    @pytest.mark.rule("K1", "O2", "O7")
    def test_a_winner_beside_losers_is_saved_with_all_that_belongs_to_it(self, store: StoreWithOutbox) -> None:
        """Losers before, between and after winners take nothing from them: no notice, outcome or cancellation."""
        urns = range(URN, URN + 5)
        save(store, *(asked(urn) for urn in urns))
        for urn in urns[::2]:
            do(store, commands.Remind, of=AgreementId(TRUST, urn))
        before = {urn: standing(store, AgreementId(TRUST, urn)) for urn in urns[::2]}
        changes = [then(asked(urn).after, commands.Approve, command_id="c-9") for urn in urns]

        assert {saved.id for saved in changes[::2]} == store.append(changes)
        for saved in changes[1::2]:
            check_saved(store, saved)
        assert before == {urn: standing(store, AgreementId(TRUST, urn)) for urn in urns[::2]}
        for lost in changes[::2]:
            assert () == store.load([lost.id], command_id=lost.command_id).outcomes

    @pytest.mark.must(1, 5, 9, 10, 14)
    @pytest.mark.rule("K1", "T3", "H3")
    def test_a_change_of_two_events_is_saved_whole(self, store: StoreWithOutbox) -> None:
        """Approving what is still recorded as hidden is two events: both are saved, in order, as one outcome."""
        changes = [approval_of_hidden(store), approval_of_hidden(store, OTHER_URN), approval_of_hidden(store, 7)]
        save(store, *changes)

        for saved in changes:
            check_saved(store, saved)
            assert [1, 2, 3, 4] == [event.sequence for event in store.history(saved.id)]
        do(store, commands.EndAgreement, of=changes[0].id, command_id="c-4")
        assert () == verified(store.chains(TRUST)).findings
        assert [5, 4, 4] == sorted((len(chain.records) for chain in store.chains(TRUST)), reverse=True)

    @pytest.mark.must(2)
    def test_a_change_from_the_future_loses(self, store: StoreWithOutbox) -> None:
        """A change decided on a version that the store has not reached loses too, and leaves nothing behind."""
        before = everything(store)

        assert frozenset({AGREEMENT}) == store.append([then(imported().after, commands.RecordApproval)])
        assert before == everything(store)

    @pytest.mark.must(10)
    @pytest.mark.rule("K4")
    def test_the_first_outcome_of_a_command_is_kept(self, store: StoreWithOutbox) -> None:
        """A later outcome under the same command id does not replace the first one, cautions included."""
        caution = Caution(CautionCode.SKIPPED_ALREADY_ASKED, (head_of(URN), deputy_of(URN)))
        first = attrs.evolve(imported(), cautions=(caution, Caution(CautionCode.NO_APPROVER)))
        save(store, first)
        save(store, then(first.after, commands.RecordApproval, command_id="c-1"))

        assert (first.outcome,) == store.load([AGREEMENT], command_id="c-1").outcomes


def _closing(store: StoreWithOutbox, *kinds: NoticeKind) -> dict[PersonId, StoredNotice]:
    """Return the notices that a request was closed, by the person they are for."""
    wanted = kinds or (NoticeKind.WITHDRAWN, NoticeKind.ENDED)
    stored = [own for own in store.notices(TRUST) if own.notice and own.notice.kind in wanted]
    return {own.notice.people[0].id: own for own in stored if own.notice}


TRIED = Settlement.try_again(due_at=NOW + timedelta(days=9), error="451")
FATES = {
    "tried": (TRIED, False),
    "given-up": (Settlement.given_up(at=NOW, error="550"), False),
    "delivered": (Settlement.delivered(at=NOW), True),
    "being-sent": (None, True),
}
"""What became of a request, and whether somebody may know of it."""


def _lease_into(leased: list[LeasedNotice], store: StoreWithOutbox) -> None:
    leased += lease(store)


class Cancelling(StoreSuite):
    """1. Closing a request cancels the notices that ask for an answer, in the same call."""

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    @pytest.mark.parametrize(
        "kind",
        [commands.Approve, commands.Decline, commands.Withdraw, commands.EndAgreement],
        ids=lambda kind: kind.__name__,
    )
    def test_closing_a_request_cancels_what_asks_for_an_answer(
        self, store: StoreWithOutbox, kind: type[commands.Command]
    ) -> None:
        """Its waiting and leased requests and reminders are cancelled, and no longer sent; all else stays."""
        save(store, asked(OTHER_URN), asked(group=COUNCIL), asked(group=TWIN), asked())
        delivered, held = (leased for leased in lease(store) if leased.notice.agreement == AGREEMENT)
        assert store.settle(delivered, Settlement.delivered(at=NOW))
        do(store, commands.Remind, now=NOW + MICROSECOND)
        own = {stored.id for stored in store.notices(TRUST) if stored.agreement == AGREEMENT}
        groups = (TRUST, COUNCIL, TWIN)
        others = [stored for group in groups for stored in store.notices(group) if stored.id not in own]
        do(store, kind, now=NOW + MINUTE, command_id="c-9")

        after = {stored.id: stored for group in groups for stored in store.notices(group)}
        assert {DELIVERED: 1, CANCELLED: 3} == Counter(after[notice].status for notice in own)
        assert {NOW + MINUTE} == {after[notice].settled_at for notice in own if after[notice].status is CANCELLED}
        assert others == [after[stored.id] for stored in others]
        assert {WAITING} == {stored.status for key, stored in after.items() if key not in own} - {LEASED}
        for settlement in (Settlement.delivered(at=NOW), Settlement.try_again(due_at=NOW, error="")):
            assert not store.settle(held, settlement)
        assert own.isdisjoint(leased.notice.id for leased in lease(store, NOW + timedelta(days=1)))

    @pytest.mark.must(1)
    @pytest.mark.rule("O2", "O7")
    def test_notices_fall_due_and_are_settled_by_the_present_instant(self, store: StoreWithOutbox) -> None:
        """After a clock was weeks fast for a moment, events lie ahead, but nothing new waits for weeks (T3)."""
        ahead = NOW + timedelta(days=30)
        save(store, asked(now=ahead))
        do(store, commands.Remind, now=NOW)
        reminders = lease(store, NOW)
        do(store, commands.Withdraw, now=NOW + MINUTE, command_id="c-3")

        assert [ahead] * 3 == [event.at for event in store.history(AGREEMENT)]
        assert {NoticeKind.REMINDER} == {leased.notice.kind for leased in reminders}
        assert {NOW + MINUTE} == {stored.settled_at for stored in store.notices(TRUST, status=CANCELLED)}
        assert {NOW + MINUTE} == {stored.due_at for stored in store.notices(TRUST, status=WAITING)}

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_each_request_that_a_call_closes_is_cancelled(self, store: StoreWithOutbox) -> None:
        """Of a bulk action all requests are cancelled, each at its own instant, and no other."""
        kinds = (commands.Withdraw, commands.Approve, commands.Decline)
        places = [(urn, group) for group in (TRUST, COUNCIL) for urn in range(URN, URN + len(kinds))]
        save(store, *(asked(*place) for place in places), asked(7))
        closing = [
            then(asked(*place).after, kinds[number % 3], command_id="c-9", now=NOW + number * MINUTE)
            for number, place in enumerate(places)
        ]
        save(store, *closing)

        for saved in closing:
            check_saved(store, saved)
        cancelled = [stored for group in (TRUST, COUNCIL) for stored in store.notices(group, status=CANCELLED)]
        assert 2 * len(places) == sum(
            stored.notice is not None and stored.notice.kind in ASKING for stored in cancelled
        )

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_what_was_given_up_is_cancelled_and_what_was_delivered_is_not(self, store: StoreWithOutbox) -> None:
        """A given-up notice of the request can no longer be requeued; a delivered and purged one stays."""
        save(store, asked())
        given_up, delivered = lease(store)
        store.settle(given_up, Settlement.given_up(at=NOW, error="550"))
        store.settle(delivered, Settlement.delivered(at=NOW - MINUTE))
        assert 1 == store.purge(settled_before=NOW)
        do(store, commands.Withdraw)

        statuses = {stored.id: stored.status for stored in store.notices(TRUST)}
        assert (CANCELLED, DELIVERED) == (statuses[given_up.notice.id], statuses[delivered.notice.id])
        assert 0 == store.requeue(TRUST, [given_up.notice.id], due_at=NOW)

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_only_requests_and_reminders_are_cancelled(self, store: StoreWithOutbox) -> None:
        """The closed request's other notices, such as those of its answer, still wait."""
        change = asked()
        others = tuple(
            attrs.evolve(change.notices[0], id=f"{kind.value}-notice", kind=kind)
            for kind in NoticeKind
            if kind not in ASKING
        )
        save(store, attrs.evolve(change, notices=(*change.notices, *others)))
        save(store, attrs.evolve(then(change.after, commands.Withdraw), notices=()))
        cancelled = store.notices(TRUST, status=CANCELLED)

        assert {notice.id for notice in others} == {stored.id for stored in store.notices(TRUST, status=WAITING)}
        assert {notice.id for notice in change.notices} == {stored.id for stored in cancelled}

    @pytest.mark.must(1)
    @pytest.mark.rule("N6", "O7")
    @pytest.mark.parametrize("kind", [commands.Withdraw, commands.EndAgreement], ids=lambda kind: kind.__name__)
    @pytest.mark.parametrize(("fate", "is_informed"), FATES.values(), ids=FATES)
    def test_nobody_is_told_of_the_end_of_a_request_that_never_arrived(
        self, store: StoreWithOutbox, kind: type[commands.Command], fate: Settlement | None, is_informed: bool
    ) -> None:
        """Their notice is kept as cancelled; who was sent the request, or may just be being sent it, is told."""
        save(store, asked(), asked(OTHER_URN))
        for leased in lease(store):
            settlement = fate if leased.notice.people[0].id == head_of(URN) else TRIED
            assert settlement is None or store.settle(leased, settlement)
        do(store, kind, now=NOW + MINUTE, command_id="c-9")

        after = _closing(store)
        assert {head_of(URN): WAITING if is_informed else CANCELLED, deputy_of(URN): CANCELLED} == {
            who: stored.status for who, stored in after.items()
        }
        deputys = after[deputy_of(URN)]
        assert (NOW + MINUTE, 0, None) == (deputys.settled_at, deputys.attempts, deputys.error)
        assert deputys.notice not in [leased.notice for leased in lease(store, NOW + timedelta(days=30))]

    @pytest.mark.must(1, 3)
    @pytest.mark.rule("O7")
    def test_who_is_being_sent_a_request_at_that_moment_is_told(self, store: StoreWithOutbox) -> None:
        """If a lease and a withdrawal race, exactly the people whose request was leased are told of the withdrawal."""
        for urn in range(URN, URN + self.rounds):
            agreement, leased = AgreementId(TRUST, urn), list[LeasedNotice]()
            save(store, asked(urn))
            withdrawn = then(standing(store, agreement), commands.Withdraw, command_id="c-2")
            self.at_once([partial(_lease_into, leased, store), partial(save, store, withdrawn)])

            sent = {own.notice.people[0].id for own in leased if own.notice.kind is NoticeKind.REQUEST}
            informed = {who for who, own in _closing(store).items() if own.status is not CANCELLED and who.site == urn}
            assert sent == informed

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_a_reminder_that_arrived_counts_as_the_request(self, store: StoreWithOutbox) -> None:
        """Whoever was sent a reminder knows of the request, also where both were purged since."""
        save(store, asked())
        for leased in lease(store):
            assert store.settle(leased, Settlement.given_up(at=NOW, error="550"))
        do(store, commands.Remind, command_id="c-2")
        reminder, _ = lease(store)
        assert store.settle(reminder, Settlement.delivered(at=NOW))
        before = standing(store)
        assert 3 == store.purge(settled_before=NOW + MICROSECOND)
        save(store, then(before, commands.Withdraw, command_id="c-3"))

        assert {WAITING} == {stored.status for stored in _closing(store).values()}  # a purged notice names nobody

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_the_end_of_an_agreement_is_told_whatever_became_of_a_request(self, store: StoreWithOutbox) -> None:
        """Who could answer is told that a level in force ended; who was only asked in vain is told nothing."""
        save(store, asked())
        do(store, commands.Approve, command_id="c-2")
        do(store, commands.RequestAccess, command_id="c-3")
        do(store, commands.EndAgreement, command_id="c-4")

        ended = {who: stored.status for who, stored in _closing(store, NoticeKind.ENDED).items()}
        assert {head_of(URN): WAITING, deputy_of(URN): CANCELLED} == ended

    @pytest.mark.must(1)
    @pytest.mark.rule("O7")
    def test_only_the_closed_requests_notices_are_cancelled(self, store: StoreWithOutbox) -> None:
        """A reminder cancels nothing, and closing a second request leaves the notices of the first alone."""
        save(store, asked())
        do(store, commands.Remind)
        assert 4 == len(store.notices(TRUST, status=WAITING))
        do(store, commands.Approve, command_id="c-3")
        answers = {stored.id for stored in store.notices(TRUST, status=WAITING)}
        do(store, commands.RequestAccess, command_id="c-4")
        do(store, commands.Withdraw, command_id="c-5")

        assert 2 == len(answers)
        assert answers <= {stored.id for stored in store.notices(TRUST, status=WAITING)}
