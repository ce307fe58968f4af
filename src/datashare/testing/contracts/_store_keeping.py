"""Numbers 5, 6, 7 and 9 of the store's contract: order, groups apart, values that stay, and the fold."""

from __future__ import annotations

import contextlib
import random
from functools import partial
from typing import Any, get_args

import pendulum
import pytest

from datashare.domain.agreements import (
    AddRecipients,
    Agreement,
    AgreementId,
    Approve,
    Command,
    Decline,
    EndAgreement,
    Event,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    fold,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.ports import Change, NoticeStatus, Settlement
from datashare.testing.changes import (
    ACTIONS,
    AGREEMENT,
    COMMANDS,
    COUNCIL,
    MIS,
    NOW,
    OTHER_URN,
    TRUST,
    TWIN,
    URN,
    asked,
    command_of,
    imported,
    possible_change,
    then,
)
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import (
    COUNCILS,
    MICROSECOND,
    MINUTE,
    OTHER,
    StoreSuite,
    by_due,
    do,
    everything,
    lease,
    save,
    standing,
)

HIDDEN = (HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED)
EVERYTHING: list[tuple[type[Command], AccessLevel, tuple[HiddenBecause, ...]]] = [
    (RequestAccess, MIS, ()),
    (AddRecipients, MIS, ()),
    (Remind, MIS, ()),
    (Withdraw, MIS, ()),
    (RequestAccess, MIS, ()),
    (Decline, MIS, ()),
    (RequestAccess, MIS, ()),
    (Approve, MIS, ()),
    (RecordApproval, ACTIONS, ()),
    (RecordVisibility, MIS, HIDDEN),
    (RecordVisibility, MIS, ()),
    (EndAgreement, MIS, ()),
]
"""What leads an agreement through every kind of event but the import."""


class Order(StoreSuite):
    """5. and 9. Order, and the fold."""

    @pytest.mark.must(4, 5, 9)
    @pytest.mark.rule("T3", "K4")
    def test_the_state_is_the_fold_of_the_events(self, store: StoreWithOutbox) -> None:
        """Whatever was done in whatever order, state, events and outcomes are those that were saved."""
        chance = random.Random(7)
        for urn in range(URN, URN + self.walks):
            before, events = Agreement(id=AgreementId(TRUST, urn)), list[Event]()
            for number in range(24):
                made = _some_change(before, chance, f"c-{number}")
                save(store, *made)
                before = made[-1].after if made else before
                events += [event for one in made for event in one.events]
                kept = store.load([before.id], command_id=f"c-{number}").outcomes
                assert [one.outcome for one in made] == [one for one in kept if one.agreement == before.id]

            assert events == list(store.history(before.id))
            assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
            assert before == fold(before.id, events) == standing(store, before.id)

    @pytest.mark.must(4, 5, 9)
    @pytest.mark.rule("T3")
    def test_every_kind_of_event_comes_back(self, store: StoreWithOutbox) -> None:
        """A history in which everything happened that can happen is answered with equal events, in order."""
        save(store, imported(OTHER_URN))
        before, events = Agreement(id=AGREEMENT), list[Event]()
        for number, (kind, level, hidden) in enumerate(EVERYTHING):
            command = command_of(kind, before, level=level)
            made = possible_change(before, command, command_id=f"c-{number}", hidden=hidden)
            assert made is not None
            save(store, made)
            before = made.after
            events += made.events

        assert events == list(store.history(AGREEMENT))
        assert before == fold(AGREEMENT, events) == standing(store)
        assert set(get_args(Event)) == {type(event) for event in store.group_history(TRUST)}

    @pytest.mark.must(9)
    def test_states_are_in_the_order_of_urns(self, store: StoreWithOutbox) -> None:
        """A group's agreements come by number, not as text and not as they were saved."""
        save(store, *(imported(urn) for urn in (100_001, 9, 1_000_000, 100_000, 10)))

        assert [9, 10, 100_000, 100_001, 1_000_000] == [state.urn for state in store.states(TRUST)]

    @pytest.mark.must(9)
    def test_agreements_of_one_school_are_in_the_order_of_their_groups(self, store: StoreWithOutbox) -> None:
        """A school's agreements come by the text of the group."""
        groups = [GroupId.mat("9"), COUNCIL, GroupId.mat("10"), TRUST, GroupId.local_authority("001")]
        changes = [imported(group=group) for group in groups]
        save(store, *changes, imported(OTHER_URN))
        found = list(store.states_at(URN))

        assert ["la:001", "la:870", "mat:10", "mat:5143", "mat:9"] == [str(state.group) for state in found]
        assert {one.id: one.after for one in changes} == {state.id: state for state in found}

    @pytest.mark.must(5)
    def test_a_groups_history_is_by_instant_then_urn_then_sequence(self, store: StoreWithOutbox) -> None:
        """Events of a whole group come in the order of time, ties by URN and sequence."""
        save(store, imported(10), imported(9))
        save(store, imported(11, now=NOW - MICROSECOND))
        save(store, then(imported(9).after, RecordApproval))

        found = [(event.agreement.urn, event.sequence) for event in store.group_history(TRUST)]
        assert [(11, 1), (9, 1), (9, 2), (10, 1)] == found

    @pytest.mark.must(4, 5)
    def test_instants_are_ordered_to_the_microsecond(self, store: StoreWithOutbox) -> None:
        """Whole seconds, single microseconds and everything between are in the order of time."""
        second = pendulum.datetime(2026, 5, 3, 9, 59, 59)
        micros = [500_000, 0, 10, 999_999, 1, 100_000, 9, 2]
        save(store, *(asked(URN + n, now=second.add(microseconds=micro)) for n, micro in enumerate(micros)))
        save(store, asked(7, now=pendulum.datetime(2026, 5, 3, 10)))
        expected = [*sorted(micros), 0]

        assert expected == [event.at.microsecond for event in store.group_history(TRUST)]
        assert expected == [stored.due_at.microsecond for stored in store.notices(TRUST)][::2]
        assert sorted(store.notices(TRUST), key=by_due) == list(store.notices(TRUST))

    @pytest.mark.must(5)
    def test_the_events_of_a_long_history_are_in_order(self, store: StoreWithOutbox) -> None:
        """Sequences are numbers: the tenth comes after the ninth, and not after the first."""
        before = Agreement(id=AGREEMENT)
        for number in range(12):
            one = then(before, Withdraw if before.request else RequestAccess, command_id=f"c-{number}")
            save(store, one)
            before = one.after

        assert list(range(1, 13)) == [event.sequence for event in store.history(AGREEMENT)]
        assert list(range(1, 13)) == [event.sequence for event in store.group_history(TRUST)]

    @pytest.mark.must(9)
    def test_what_has_no_history_is_left_out(self, store: StoreWithOutbox) -> None:
        """An agreement to which nothing happened is in no answer."""
        save(store, imported())

        assert {AGREEMENT} == set(store.load([AGREEMENT, OTHER, OTHER]).agreements)
        assert [] == list(store.states_at(OTHER_URN))
        assert [] == list(store.history(OTHER))
        assert [] == list(store.group_history(COUNCIL))
        assert [] == list(store.states(COUNCIL))


class GroupsApart(StoreSuite):
    """6. Groups are kept apart."""

    @pytest.mark.must(6)
    def test_no_answer_about_one_group_holds_anything_of_another(self, store: StoreWithOutbox) -> None:
        """Groups at one school under one command id see nothing of each other, though their codes look alike."""
        ours, theirs, twins = asked(), asked(group=COUNCIL), imported(group=TWIN)
        save(store, ours, theirs, twins)

        for group, one in ((TRUST, ours), (COUNCIL, theirs), (TWIN, twins)):
            found = store.load([one.id], command_id="c-1")
            assert ({one.id: one.after}, (one.outcome,)) == (dict(found.agreements), found.outcomes)
            assert [one.after] == list(store.states(group))
            assert list(one.events) == list(store.group_history(group)) == list(store.history(one.id))
            assert {n.id for n in one.notices} == {stored.id for stored in store.notices(group)}
            for status in NoticeStatus:
                assert {group} >= {stored.agreement.group for stored in store.notices(group, status=status)}

    @pytest.mark.must(6)
    def test_what_one_group_does_leaves_another_as_it_was(self, store: StoreWithOutbox) -> None:
        """Answers, cancellations, retries and registers of one group change nothing of its twin's."""
        save(store, asked(group=COUNCIL), asked(group=TWIN))
        before = (list(store.states(TWIN)), list(store.group_history(TWIN)), list(store.notices(TWIN)))
        do(store, Approve, of=COUNCILS)
        store.note_register(COUNCIL, NOW.date())
        store.requeue(COUNCIL, [stored.id for stored in before[2]], due_at=NOW + MINUTE)

        assert before == (list(store.states(TWIN)), list(store.group_history(TWIN)), list(store.notices(TWIN)))
        assert store.last_register(TWIN) is None

    @pytest.mark.must(6)
    @pytest.mark.rule("K4")
    def test_outcomes_are_those_of_the_group_and_the_command(self, store: StoreWithOutbox) -> None:
        """All outcomes kept under the id are answered, of schools not asked for too, and no others."""
        save(store, imported(), imported(OTHER_URN), imported(7, command_id="c-2"), imported(group=COUNCIL))

        found = store.load([AGREEMENT], command_id="c-1").outcomes
        assert [AGREEMENT, OTHER] == sorted((one.agreement for one in found), key=str)
        assert () == store.load([AGREEMENT]).outcomes
        assert () == store.load([], command_id="c-1").outcomes

    @pytest.mark.must(6)
    def test_agreements_of_several_groups_are_not_loaded_together(self, store: StoreWithOutbox) -> None:
        """One call is about one group."""
        with pytest.raises(InvalidValue, match="must be"):
            store.load([AGREEMENT, COUNCILS])


class ValuesThatStay(StoreSuite):
    """7. Nobody can reach into the store."""

    @pytest.mark.must(7)
    def test_changing_an_answer_changes_nothing(self, store: StoreWithOutbox) -> None:
        """Containers that were answered can be emptied without any effect on the store."""
        save(store, asked(), asked(OTHER_URN), asked(group=COUNCIL))
        before = everything(store)

        answers: list[Any] = [
            store.load([AGREEMENT], command_id="c-1").agreements,
            store.states(TRUST),
            store.states_at(URN),
            store.notices(TRUST),
            store.lease(now=NOW - MINUTE, until=NOW, limit=9),
        ]
        for answer in answers:
            with contextlib.suppress(AttributeError):  # what cannot be emptied is safe
                answer.clear()

        assert before == everything(store)

    @pytest.mark.must(7)
    def test_no_later_call_changes_an_answer(self, store: StoreWithOutbox) -> None:
        """What was answered stays as it was when more is saved, leased and settled."""
        save(store, asked())
        answers = (store.load([AGREEMENT]), store.states(TRUST), store.states_at(URN), store.notices(TRUST))
        shown = repr(answers)
        do(store, Approve)
        leased = lease(store)
        store.settle(leased[0], Settlement.delivered(at=NOW))
        everything(store)  # asking again changes nothing either

        assert shown == repr(answers)
        assert 4 == len(store.notices(TRUST))

    @pytest.mark.must(5, 7)
    def test_a_history_that_is_being_read_goes_on_in_order(self, store: StoreWithOutbox) -> None:
        """A stream answers all that was there when it was asked for, in order, whatever is saved meanwhile."""
        save(store, asked())
        streams = [partial(list[Event], store.history(AGREEMENT)), partial(list[Event], store.group_history(TRUST))]
        do(store, Approve)

        for stream in streams:
            assert [1, 2][: len(found := stream())] == [event.sequence for event in found]
            assert found


def _some_change(before: Agreement, chance: random.Random, command_id: str) -> list[Change]:
    """Give what one of ten commands changes; nothing, if it is refused."""
    command = command_of(chance.choice(COMMANDS), before, level=chance.choice([MIS, ACTIONS]))
    hidden = chance.choice([(), HIDDEN])
    found = possible_change(before, command, command_id=command_id, hidden=hidden)
    return [found] if found else []
