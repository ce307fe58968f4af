"""Numbers 1 to 3 of the store's contract: all or nothing, the version check, and several writers at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from datashare.domain.agreements import Agreement, AgreementId, Approve, RecordApproval, Remind, RequestAccess, Withdraw
from datashare.errors import InvalidValue
from datashare.ports import Change
from datashare.testing.changes import AGREEMENT, COUNCIL, OTHER_URN, TRUST, URN, asked, imported, then
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import COUNCILS, StoreSuite, do, everything, save, standing


class AllOrNothing(StoreSuite):
    """1. All of a change, or nothing of it."""

    @pytest.mark.must(1)
    @pytest.mark.rule("K1")
    def test_a_change_is_saved_with_all_that_belongs_to_it(self, store: StoreWithOutbox) -> None:
        """Events, state, notices and kept outcome are there after one call."""
        one = asked()
        save(store, one)
        found = store.load([AGREEMENT], command_id="c-1")

        assert {AGREEMENT: one.after} == dict(found.agreements)
        assert (one.outcome,) == found.outcomes
        assert one.events == tuple(store.history(AGREEMENT))
        assert {notice.id: notice for notice in one.notices} == {s.id: s.notice for s in store.notices(TRUST)}
        assert 2 == len(one.notices)

    @pytest.mark.must(1)
    @pytest.mark.rule("K1", "O2")
    def test_nothing_of_a_loser_is_saved(self, store: StoreWithOutbox) -> None:
        """A change that lost leaves no event, state, notice, outcome or cancellation behind."""
        save(store, asked())
        late = then(standing(store), Approve, command_id="c-late")
        do(store, Remind)
        before = everything(store)

        assert late.closes is not None
        assert frozenset({AGREEMENT}) == store.append([late])
        assert before == everything(store)
        assert () == store.load([AGREEMENT], command_id="c-late").outcomes

    @pytest.mark.must(1)
    def test_nothing_is_saved_where_one_change_cannot_be(self, store: StoreWithOutbox) -> None:
        """What is no change, after one that is, leaves nothing of the whole call behind."""
        broken: Any = object()
        before = everything(store)

        with pytest.raises(InvalidValue, match="must be"):
            store.append([asked(), broken])
        assert before == everything(store)

    @pytest.mark.must(1)
    def test_two_changes_of_one_agreement_are_refused(self, store: StoreWithOutbox) -> None:
        """One call holds at most one change for each agreement, and is refused as a whole."""
        before = everything(store)

        with pytest.raises(InvalidValue, match="must be"):
            store.append([imported(), imported(OTHER_URN), imported()])
        assert before == everything(store)

    @pytest.mark.must(1)
    def test_no_change_is_no_loser(self, store: StoreWithOutbox) -> None:
        """A call without changes does nothing."""
        before = everything(store)

        assert frozenset() == store.append([])
        assert before == everything(store)


class VersionCheck(StoreSuite):
    """2. Only what was decided on the present version is saved."""

    @pytest.mark.must(2)
    @pytest.mark.rule("K1")
    def test_losers_are_answered_and_the_rest_is_saved(self, store: StoreWithOutbox) -> None:
        """Of several changes those whose agreement moved on lose, without an error; the others are saved."""
        save(store, imported())
        stale, fresh, council = imported(), imported(OTHER_URN), imported(group=COUNCIL)

        assert frozenset({AGREEMENT}) == store.append([fresh, stale, council])
        assert [1, 1] == [state.version for state in store.states(TRUST)]
        assert [COUNCILS] == [state.id for state in store.states(COUNCIL)]

    @pytest.mark.must(2)
    def test_a_change_from_the_future_loses(self, store: StoreWithOutbox) -> None:
        """A change decided on a version that the store has not reached loses too, and leaves nothing behind."""
        before = everything(store)

        assert frozenset({AGREEMENT}) == store.append([then(imported().after, RecordApproval)])
        assert before == everything(store)

    @pytest.mark.must(2)
    def test_a_loser_may_come_back(self, store: StoreWithOutbox) -> None:
        """Decided again on the present version, a change that lost is saved."""
        save(store, asked())
        late = then(standing(store), Approve, command_id="c-late")
        do(store, Remind)

        assert frozenset({AGREEMENT}) == store.append([late])
        do(store, Approve, command_id="c-late")
        assert ["c-1", "c-2", "c-late"] == [event.command_id for event in store.history(AGREEMENT)]

    @pytest.mark.must(2, 5)
    def test_changes_follow_one_another(self, store: StoreWithOutbox) -> None:
        """A change decided on the present version is saved, and the events are added to those before."""
        first = imported()
        second = then(first.after, RecordApproval)
        save(store, first)
        save(store, second)

        assert [*first.events, *second.events] == list(store.history(AGREEMENT))
        assert [second.after] == list(store.states(TRUST))

    @pytest.mark.must(2)
    @pytest.mark.rule("K4")
    def test_the_first_outcome_of_a_command_is_kept(self, store: StoreWithOutbox) -> None:
        """An outcome kept under a command id is never replaced by a later one."""
        first = imported()
        save(store, first)
        save(store, then(first.after, RecordApproval, command_id="c-1"))

        assert (first.outcome,) == store.load([AGREEMENT], command_id="c-1").outcomes


class Writers(StoreSuite):
    """3. Several writers at once."""

    @pytest.mark.must(3)
    def test_one_of_several_writers_wins(self, store: StoreWithOutbox) -> None:
        """Eight threads that decided on one version at once give one winner and exactly one more event."""
        for urn in range(URN, URN + self.rounds):
            save(store, imported(urn))
            one = AgreementId(TRUST, urn)
            answers: dict[str, frozenset[AgreementId]] = {}
            changes = {f"w-{n}": then(standing(store, one), RecordApproval, command_id=f"w-{n}") for n in range(8)}
            self.at_once(partial(_write, store, change, answers) for change in changes.values())

            (winner,) = (name for name, losers in answers.items() if not losers)
            assert set(changes) == set(answers)
            assert ["c-1", winner] == [event.command_id for event in store.history(one)]
            assert 2 == standing(store, one).version
            kept = {name: [k.agreement for k in store.load([one], command_id=name).outcomes] for name in changes}
            assert one in kept.pop(winner)
            assert all(one not in found for found in kept.values())

    @pytest.mark.must(3)
    def test_one_of_several_first_writers_wins(self, store: StoreWithOutbox) -> None:
        """Where an agreement has no history yet, exactly one of eight first writers wins too."""
        for urn in range(URN, URN + self.rounds):
            one = AgreementId(TRUST, urn)
            answers: dict[str, frozenset[AgreementId]] = {}
            changes = [asked(urn, command_id=f"w-{n}") for n in range(8)]
            self.at_once(partial(_write, store, change, answers) for change in changes)

            (winner,) = (name for name, losers in answers.items() if not losers)
            assert [winner] == [event.command_id for event in store.history(one)]
            assert 2 == sum(stored.agreement == one for stored in store.notices(TRUST))

    @pytest.mark.must(3)
    def test_writers_of_the_same_schools_in_any_order_end(self, store: StoreWithOutbox) -> None:
        """Bulk actions that name the same schools in opposite orders do not block each other, and one wins each."""
        answers: dict[str, frozenset[AgreementId]] = {}
        urns = range(URN, URN + 8)
        orders = {f"w-{n}": urns if n % 2 else urns[::-1] for n in range(8)}
        bulks = [[imported(urn, command_id=name) for urn in order] for name, order in orders.items()]
        self.at_once(partial(_write_all, store, changes, answers) for changes in bulks)

        assert list(urns) == [state.urn for state in store.states(TRUST)]
        assert {1} == {state.version for state in store.states(TRUST)}
        assert 8 * 7 == sum(len(losers) for losers in answers.values())

    @pytest.mark.must(3)
    def test_writers_of_different_agreements_all_win(self, store: StoreWithOutbox) -> None:
        """Threads that write different agreements do not disturb each other."""
        self.at_once(partial(save, store, asked(urn)) for urn in range(URN, URN + 8))

        assert list(range(URN, URN + 8)) == [state.urn for state in store.states(TRUST)]
        assert 16 == len(store.notices(TRUST))

    @pytest.mark.must(1, 3)
    def test_readers_never_see_half_a_change(self, store: StoreWithOutbox) -> None:
        """While one thread writes, no reader sees a state without its outcome or its events, or older than them."""
        changes, before = list[Change](), Agreement(id=AGREEMENT)
        for number in range(self.steps):
            kind = Withdraw if before.request else RequestAccess
            changes.append(then(before, kind, command_id=f"c-{number + 1}"))
            before = changes[-1].after

        ended = list[bool]()

        def write() -> None:
            try:
                for one in changes:
                    save(store, one)
            finally:
                ended.append(True)

        def read() -> None:
            seen, more = 0, True
            while more:
                more = not ended
                ahead = f"c-{seen + 1}"
                found = store.load([AGREEMENT], command_id=ahead)
                version = max((state.version for state in found.agreements.values()), default=0)
                assert version >= seen
                assert version == seen or [ahead] == [one.command_id for one in found.outcomes]
                assert version >= max((event.sequence for one in found.outcomes for event in one.events), default=0)
                seen = version
                assert len(list(store.history(AGREEMENT))) >= seen
            assert len(changes) == seen

        self.at_once([write, read, read, read])


def _write(store: StoreWithOutbox, one: Change, answers: dict[str, frozenset[AgreementId]]) -> None:
    answers[one.command_id] = store.append([one])


def _write_all(store: StoreWithOutbox, changes: list[Change], answers: dict[str, frozenset[AgreementId]]) -> None:
    answers[changes[0].command_id] = store.append(changes)
