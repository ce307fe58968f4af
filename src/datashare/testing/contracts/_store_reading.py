"""What a store returns: what was saved, to the character, in order, and of one group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import get_args

import attrs
import pendulum
import pytest

from datashare.domain.agreements import commands
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import AgreementId, RequestId
from datashare.domain.agreements.state import Agreement, fold
from datashare.domain.levels import AccessLevel
from datashare.domain.register import GroupId
from datashare.domain.text import one_line
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.ports import NoticeStatus, readable
from datashare.testing.changes import (
    ACTIONS,
    AGREEMENT,
    COUNCIL,
    MIS,
    NOW,
    OTHER_URN,
    TRUST,
    TWIN,
    URN,
    asked,
    change,
    command_of,
    imported,
    possible_change,
    then,
)
from datashare.testing.fakes import StoreWithOutbox

from ._contract import clear_all
from ._store_suite import (
    ALIKE,
    COUNCILS,
    MICROSECOND,
    MINUTE,
    OTHER,
    StoreSuite,
    by_due,
    do,
    everything,
    lease,
    listed,
    long_history,
    save,
    standing,
    states,
    verified,
)

TEXTS = {
    "empty": "",
    "blank": " ",
    "trailing space": "x ",
    "sharp s": "ß",
    "composed": "é",
    "decomposed": "e\u0301",
    "Greek": "Ωмега",
    "right to left": "שלום",
    "beyond 65,536": "𝄞🏫",
    "line breaks": "line\nbreak\r\n",
    "separator": "\u2028",
    "quotes": "'; -- \"",
    "braces": "{0}%s%(x)s:name\\",
    "long": "ß𝄞x\n7" * 2_000,
}
INSTANTS = {
    "twice in London": pendulum.datetime(2026, 10, 25, 0, 59, 59),
    "one microsecond": pendulum.datetime(2026, 10, 25, 0, 59, 59, 1),
    "the last microsecond": pendulum.datetime(2026, 10, 25, 0, 59, 59, 999_999),
    "before 1970": pendulum.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    "beyond 32 bits": pendulum.datetime(2106, 2, 7, 6, 28, 16, 10),
}
HIDDEN = (HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED)
FULL_LIFE: list[tuple[type[commands.Command], AccessLevel, tuple[HiddenBecause, ...]]] = [
    (commands.RequestAccess, MIS, ()),
    (commands.AddRecipients, MIS, ()),
    (commands.Remind, MIS, ()),
    (commands.Withdraw, MIS, ()),
    (commands.RequestAccess, MIS, ()),
    (commands.Decline, MIS, ()),
    (commands.RequestAccess, MIS, ()),
    (commands.Approve, MIS, ()),
    (commands.RecordApproval, ACTIONS, ()),
    (commands.RecordVisibility, MIS, HIDDEN),
    (commands.RecordVisibility, MIS, ()),
    (commands.EndAgreement, MIS, ()),
]
"""Commands that lead an agreement through every kind of event but the import."""


class Precision(StoreSuite):
    """4. What was saved comes back, to the character and to the microsecond."""

    @pytest.mark.must(4)
    def test_text_comes_back_to_the_character(self, store: StoreWithOutbox) -> None:
        """What people wrote comes back as it was: empty, beyond ASCII, beyond the first 65,536, not normalised."""
        requests = [asked(urn) for urn in range(URN, URN + len(TEXTS))]
        withdrawn = [
            change(sent.after, commands.Withdraw(request=RequestId(sent.id, 1), reason=text), command_id="c-2")
            for sent, text in zip(requests, TEXTS.values(), strict=True)
        ]
        save(store, *requests)
        save(store, *withdrawn)
        outcomes = store.load([AGREEMENT], command_id="c-2").outcomes

        for saved in withdrawn:
            assert saved.events == tuple(store.history(saved.id))[1:]
            assert [saved.outcome] == [outcome for outcome in outcomes if outcome.agreement == saved.id]
        saved_notices = {notice for saved in withdrawn for notice in saved.notices}
        assert saved_notices <= {stored.notice for stored in store.notices(TRUST)}

    @pytest.mark.must(4)
    def test_notices_come_back_to_the_character(self, store: StoreWithOutbox) -> None:
        """The names and texts of a notice come back as they were, listed and leased."""
        sent = asked()
        notices = tuple(
            attrs.evolve(sent.notices[0], id=f"n-{n:02}", group_name=name, sender_name=name, reason=text)
            for n, (name, text) in enumerate((one_line(text), text) for text in TEXTS.values() if text.strip())
        )
        save(store, attrs.evolve(sent, notices=notices))

        assert notices == tuple(stored.notice for stored in store.notices(TRUST))
        assert notices == tuple(leased.notice for leased in lease(store))

    @pytest.mark.must(4)
    def test_instants_come_back_to_the_microsecond(self, store: StoreWithOutbox) -> None:
        """An instant keeps its microseconds and its zone, in events, state, outcomes and notices."""
        save(store, *(asked(urn, now=at) for urn, at in enumerate(INSTANTS.values(), URN)))
        outcomes = {outcome.agreement: outcome for outcome in store.load([AGREEMENT], command_id="c-1").outcomes}

        for urn, at in enumerate(INSTANTS.values(), URN):
            agreement = AgreementId(TRUST, urn)
            (event,) = store.history(agreement)
            notices = [stored for stored in store.notices(TRUST) if stored.agreement == agreement]
            created = [stored.notice.created_at for stored in notices if stored.notice]
            due = [stored.due_at for stored in notices]
            instants = [event.at, outcomes[agreement].events[0].at, *created, *due]
            assert [(at, timedelta(0))] * 6 == [(instant, instant.utcoffset()) for instant in instants]
            assert at == standing(store, agreement).changed_at

    @pytest.mark.must(4)
    def test_command_ids_are_told_apart_to_the_character(self, store: StoreWithOutbox) -> None:
        """Ids of up to 64 characters that differ only in case, in one mark or in the last one are different ids."""
        longest = "x" * 63
        ids = ["c-1", "C-1", "c-1.", "c_1", "c%1", "c-10", "c", "'", "\\", longest, f"{longest}y", f"{longest}z"]
        changes = [imported(URN + number, command_id=command_id) for number, command_id in enumerate(ids)]
        save(store, *changes)

        outcomes = [store.load([AGREEMENT], command_id=command_id).outcomes for command_id in ids]
        assert [(saved.outcome,) for saved in changes] == outcomes
        assert () == store.load([AGREEMENT], command_id="c?1").outcomes
        assert ids == [event.command_id for event in store.group_history(TRUST)]

    @pytest.mark.must(4)
    def test_many_changes_are_saved_in_one_call(self, store: StoreWithOutbox) -> None:
        """More changes than the largest group of England has schools go through one call, and come back."""
        changes = [asked(urn) for urn in range(URN, URN + self.many)]
        save(store, *reversed(changes))
        ids = [saved.id for saved in changes]
        loaded = store.load(ids, command_id="c-1")
        notices = {notice.id: notice for saved in changes for notice in saved.notices}

        assert {saved.id: saved.after for saved in changes} == dict(loaded.agreements)
        outcomes = sorted(loaded.outcomes, key=lambda outcome: outcome.agreement.urn)
        assert [saved.outcome for saved in changes] == outcomes
        assert [saved.after for saved in changes] == list(store.states(TRUST))
        assert [event for saved in changes for event in saved.events] == list(store.group_history(TRUST))
        assert notices == {stored.id: stored.notice for stored in store.notices(TRUST)}
        assert (
            ids == [chain.agreement for chain in store.chains(TRUST)] == [chain.agreement for chain in store.chains()]
        )
        assert frozenset(ids) == store.append(changes)
        assert 2 * self.many == len(lease(store))


class Order(StoreSuite):
    """5. and 9. Order, and the fold."""

    @pytest.mark.must(4, 5, 9)
    @pytest.mark.rule("T3", "K4")
    def test_every_kind_of_event_comes_back(self, store: StoreWithOutbox) -> None:
        """After each step of a full life, state, events and outcome are those that were saved."""
        save(store, imported(OTHER_URN))
        before, events = Agreement(id=AGREEMENT), list[Event]()
        for number, (kind, level, hidden) in enumerate(FULL_LIFE):
            command, command_id = command_of(kind, before, level=level), f"c-{number}"
            saved = possible_change(before, command, command_id=command_id, hidden=hidden)
            assert saved is not None
            save(store, saved)
            before = saved.after
            events += saved.events

            outcomes = store.load([AGREEMENT], command_id=saved.command_id).outcomes
            assert [saved.outcome] == [outcome for outcome in outcomes if outcome.agreement == AGREEMENT]
            assert before == fold(AGREEMENT, events) == standing(store)
            assert events == list(store.history(AGREEMENT))
        assert set(get_args(Event)) == {type(event) for event in store.group_history(TRUST)}

    @pytest.mark.must(9)
    def test_states_are_in_the_order_of_urns(self, store: StoreWithOutbox) -> None:
        """A group's agreements come by number, not as text and not as they were saved."""
        save(store, *(imported(urn) for urn in (100_001, 9, 1_000_000, 100_000, 10)))

        assert [9, 10, 100_000, 100_001, 1_000_000] == [state.urn for state in states(store)]

    @pytest.mark.must(9)
    def test_agreements_of_one_school_are_in_the_order_of_their_groups(self, store: StoreWithOutbox) -> None:
        """A school's agreements come by the text of the group."""
        groups = [GroupId.mat("9"), COUNCIL, GroupId.mat("10"), TRUST, GroupId.local_authority("001")]
        changes = [imported(group=group) for group in groups]
        save(store, *changes, imported(OTHER_URN))
        at_school = readable(store.states_at(URN))

        assert ["la:001", "la:870", "mat:10", "mat:5143", "mat:9"] == [str(state.group) for state in at_school]
        assert {saved.id: saved.after for saved in changes} == {state.id: state for state in at_school}

    @pytest.mark.must(18)
    def test_each_group_with_an_agreement_is_listed_once(self, store: StoreWithOutbox) -> None:
        """Groups come by their text, with many agreements or with an ended one; a register alone makes no group."""
        assert [] == list(store.groups())
        groups = [GroupId.mat("9"), COUNCIL, TWIN, GroupId.mat("10"), TRUST, GroupId.local_authority("001")]
        save(store, *(imported(urn, group) for group in groups for urn in (URN, OTHER_URN)))
        do(store, commands.EndAgreement, of=COUNCILS)
        store.note_register(GroupId.mat("87"), NOW.date())

        assert ["la:001", "la:870", "mat:10", "mat:5143", "mat:870", "mat:9"] == [*map(str, store.groups())]

    @pytest.mark.must(5)
    def test_a_groups_history_is_by_instant_then_urn_then_sequence(self, store: StoreWithOutbox) -> None:
        """Events of a whole group come in the order of time, ties by URN and sequence."""
        save(store, imported(10), imported(9))
        save(store, imported(11, now=NOW - MICROSECOND))
        save(store, then(imported(9).after, commands.RecordApproval))

        places = [(event.agreement.urn, event.sequence) for event in store.group_history(TRUST)]
        assert [(11, 1), (9, 1), (9, 2), (10, 1)] == places

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

    @pytest.mark.must(4, 5, 10, 15)
    def test_more_events_than_a_page_holds_come_back(self, store: StoreWithOutbox) -> None:
        """A change of more than five hundred events comes back whole: history, outcome and chain."""
        changes = long_history(602)
        events = tuple(attrs.evolve(event, command_id="c-1") for change in changes for event in change.events)
        saved = attrs.evolve(
            changes[-1], decided_on=0, events=events, after=fold(AGREEMENT, events), notices=(), closes=None
        )
        save(store, saved, asked(OTHER_URN))

        assert events == tuple(store.history(AGREEMENT))
        assert [saved.outcome] == [
            own for own in store.load([AGREEMENT], command_id="c-1").outcomes if own.agreement == AGREEMENT
        ]
        assert [602, 1] == [len(chain.records) for chain in store.chains(TRUST)]
        assert 603 == len(list(store.group_history(TRUST)))
        assert () == verified(store.chains()).findings

    @pytest.mark.must(5)
    def test_the_events_of_a_long_history_are_in_order(self, store: StoreWithOutbox) -> None:
        """Sequences are numbers: the tenth comes after the ninth, not after the first."""
        for next_change in long_history(12):
            save(store, next_change)

        assert list(range(1, 13)) == [event.sequence for event in store.history(AGREEMENT)]
        assert list(range(1, 13)) == [event.sequence for event in store.group_history(TRUST)]

    @pytest.mark.must(9)
    def test_what_has_no_history_is_left_out(self, store: StoreWithOutbox) -> None:
        """An agreement without history is in no answer."""
        save(store, imported())

        assert {AGREEMENT} == set(store.load([AGREEMENT, OTHER, OTHER]).agreements)
        assert [] == list(store.states_at(OTHER_URN))
        assert [] == list(store.history(OTHER))
        assert [] == list(store.group_history(COUNCIL))
        assert [] == list(store.states(COUNCIL))


class Apart(StoreSuite):
    """6., 7. and 17. Groups are kept apart, nobody can reach into the store, and no answer hinders another call."""

    @pytest.mark.must(6)
    def test_no_answer_about_one_group_holds_anything_of_another(self, store: StoreWithOutbox) -> None:
        """Groups at one school under one command id see nothing of each other, though their codes look alike."""
        changes = {group: asked(group=group) for group in (TRUST, COUNCIL, *ALIKE)}
        save(store, *changes.values())
        for number, group in enumerate(changes):
            store.note_register(group, date(2026, 5, 1 + number))

        for number, (group, saved) in enumerate(changes.items()):
            loaded = store.load([saved.id], command_id="c-1")
            assert ({saved.id: saved.after}, (saved.outcome,)) == (dict(loaded.agreements), loaded.outcomes)
            assert [saved.after] == list(store.states(group))
            assert list(saved.events) == list(store.group_history(group)) == list(store.history(saved.id))
            assert {notice.id for notice in saved.notices} == {stored.id for stored in store.notices(group)}
            for status in NoticeStatus:
                assert {group} >= {stored.agreement.group for stored in store.notices(group, status=status)}
            assert [saved.id] == [chain.agreement for chain in store.chains(group)]
            assert date(2026, 5, 1 + number) == store.last_register(group)

    @pytest.mark.must(6)
    def test_what_one_group_does_leaves_another_as_it_was(self, store: StoreWithOutbox) -> None:
        """Answers, cancellations, requeues and registers of one group change nothing of groups that look like it."""
        groups = (COUNCIL, TRUST, *ALIKE)
        save(store, *(asked(group=group) for group in groups))
        for group in groups:
            others = [other for other in groups if other != group]
            before = listed(store, groups=others, urns=())
            do(store, commands.Approve, of=AgreementId(group, URN))
            store.note_register(group, NOW.date())
            ids = [stored.id for other in others for stored in store.notices(other)]
            store.requeue(group, ids, due_at=NOW + MINUTE)
            assert before == listed(store, groups=others, urns=())

    @pytest.mark.must(6)
    def test_schools_whose_numbers_begin_alike_are_kept_apart(self, store: StoreWithOutbox) -> None:
        """What is asked about one school holds nothing of another, though their URNs begin alike."""
        urns = (10, 1, 100, 1000)
        save(store, *(asked(urn) for urn in urns))
        do(store, commands.Decline, of=AgreementId(TRUST, 10))

        for urn in urns:
            agreement = AgreementId(TRUST, urn)
            assert {agreement} == set(store.load({agreement}).agreements)
            assert [agreement] == [state.id for state in store.states_at(urn)]
            assert [agreement] * (2 if urn == 10 else 1) == [event.agreement for event in store.history(agreement)]
        cancelled = store.notices(TRUST, status=NoticeStatus.CANCELLED)
        assert [10, 10] == [stored.agreement.urn for stored in cancelled]

    @pytest.mark.must(6)
    @pytest.mark.rule("K4")
    def test_outcomes_are_those_of_the_group_and_the_command(self, store: StoreWithOutbox) -> None:
        """All outcomes of the group under the command id are returned, whatever schools are asked for, and no more."""
        save(store, imported(), imported(OTHER_URN), imported(7, command_id="c-2"), imported(group=COUNCIL))

        outcomes = store.load([AGREEMENT], command_id="c-1").outcomes
        assert [AGREEMENT, OTHER] == sorted((outcome.agreement for outcome in outcomes), key=str)
        assert () == store.load([AGREEMENT]).outcomes
        assert () == store.load([], command_id="c-1").outcomes

    @pytest.mark.must(6)
    def test_agreements_of_several_groups_are_not_loaded_together(self, store: StoreWithOutbox) -> None:
        """One call is about one group."""
        with pytest.raises(InvalidValue, match="must be"):
            store.load([AGREEMENT, COUNCILS])

    @pytest.mark.must(7)
    def test_an_answer_is_a_copy(self, store: StoreWithOutbox) -> None:
        """An answer stays as it was when more is saved, and emptying an answer does not touch the store."""
        save(store, asked(), asked(group=COUNCIL))
        answers = (store.load([AGREEMENT]), store.states(TRUST), store.states_at(URN))
        shown = repr(answers)
        do(store, commands.Approve)
        before = everything(store)

        assert shown == repr(answers)
        clear_all((store.load([AGREEMENT]).agreements, store.states(TRUST), store.states_at(URN)))
        assert before == everything(store)

    @pytest.mark.must(5, 7)
    def test_a_history_that_is_being_read_goes_on_in_order(self, store: StoreWithOutbox) -> None:
        """A stream returns all that was there when it was asked for, in order, whatever is saved meanwhile."""
        save(store, asked())
        streams = [partial(list[Event], store.history(AGREEMENT)), partial(list[Event], store.group_history(TRUST))]
        do(store, commands.Approve)

        for stream in streams:
            assert [1, 2][: len(events := stream())] == [event.sequence for event in events]
            assert events

    @pytest.mark.must(17)
    def test_answers_that_nobody_reads_to_the_end_hinder_no_call(self, store: StoreWithOutbox) -> None:
        """However many of them are left, every later call reads, saves and delivers."""
        save(store, asked(), asked(OTHER_URN))
        answers: list[Iterator[object]] = []
        for _ in range(20):  # more than a pool of connections usually holds
            answers += [store.history(AGREEMENT), store.group_history(TRUST), store.chains(TRUST), store.chains()]
        for answer in answers:
            assert next(answer), "An answer about two agreements holds nothing."
        do(store, commands.Approve)

        assert 2 == standing(store).version
        assert 3 == len(list(store.group_history(TRUST)))
        assert 4 == len(lease(store))
        assert everything(store) == everything(store)
