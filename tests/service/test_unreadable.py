"""One agreement that cannot be read, as in a rolling deploy, stands in the way of nothing else (T6)."""

from collections.abc import Collection, Iterator, Sequence

import pytest

from datashare import AccessLevel, Capability, RefusalCode, Refused, Tab
from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.access import AccessCode
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.reconciliation import Uncertainty
from datashare.domain.register import GroupId
from datashare.errors import StoreUnreadable
from datashare.ports import Loaded, Unreadable, readable
from datashare.testing import StoreWithOutbox, WrappedStore
from tests.world import ANA, HILDA, MIS, NO_APPROVER, OSCAR, TRUST, World, leave_trust


class OlderStore(WrappedStore):
    """A store of which a later version wrote one agreement."""

    def __init__(self, inner: StoreWithOutbox, newer: AgreementId) -> None:
        super().__init__(inner)
        self.newer = newer

    def _read(self, states: Sequence[Agreement | Unreadable]) -> Sequence[Agreement | Unreadable]:
        unreadable = Unreadable(id=str(self.newer), agreement=self.newer)
        return [unreadable if state.id == self.newer else state for state in readable(states)]

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load all but that one."""
        loaded = self.inner.load(ids, command_id=command_id)
        return Loaded(
            agreements={id_: state for id_, state in loaded.agreements.items() if id_ != self.newer},
            outcomes=tuple(outcome for outcome in loaded.outcomes if outcome.agreement != self.newer),
            unreadable=frozenset(ids) & {self.newer},
        )

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        """List all, that one without its content."""
        return self._read(self.inner.states(group))

    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        """List all, that one without its content."""
        return self._read(self.inner.states_at(urn))


@pytest.fixture
def world() -> World:
    """Let two schools approve; then a later version writes the agreement of St Hilda's."""
    world = World(store=OlderStore(MemoryAgreementStore(), AgreementId(TRUST, 999)))
    world.approved(HILDA, OSCAR)
    world.store = OlderStore(world.store, AgreementId(TRUST, HILDA))
    world.sharing = world.over(world.store)
    return world


@pytest.mark.rule("T6", "X4")
def test_access_to_that_school_alone_is_denied(world: World) -> None:
    """The answer is no, with the reason, and the other school is as it was."""
    access = world.sharing.access(TRUST)

    assert [False, True] == [access.allows(urn, Capability.VIEW_MIS_DATA) for urn in (HILDA, OSCAR)]
    answer = access.explain(HILDA, Capability.VIEW_MIS_DATA)
    assert [AccessCode.UNREADABLE] == [reason.code for reason in answer.reasons]
    assert "cannot be read" in str(answer)
    assert answer == world.sharing.explain(TRUST, HILDA, Capability.VIEW_MIS_DATA)
    assert not world.sharing.may_log_in(ANA, HILDA)
    codes = [reason.code for reason in world.sharing.explain_log_in(ANA, HILDA).reasons]
    assert [AccessCode.UNREADABLE] == codes


@pytest.mark.rule("T6", "X2")
def test_a_hidden_school_is_told_so_too(world: World) -> None:
    """Whatever stands there, the school is hidden as well; the list of hidden schools shows it."""
    leave_trust(world)
    answer = world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA)

    assert [AccessCode.UNREADABLE, AccessCode.NOT_VISIBLE] == [reason.code for reason in answer.reasons]
    (hidden,) = world.trust().no_longer_visible()
    assert (HILDA, True) == (hidden.agreement.urn, hidden.unreadable)
    assert 1 == world.trust().coverage().hidden


@pytest.mark.rule("T6", "T4")
def test_tabs_and_table_show_it_marked(world: World) -> None:
    """It may belong under any tab, so it is under each, and no level is shown."""
    for tab in Tab:
        (row,) = (row for row in world.trust().agreements(tab) if row.unreadable)
        assert (HILDA, None, None) == (row.urn, row.level, row.granted)
    assert [OSCAR] == [row.urn for row in world.trust().agreements(Tab.APPROVED) if not row.unreadable]


@pytest.mark.rule("T6", "X5")
def test_coverage_names_it_and_counts_it_as_nothing_else(world: World) -> None:
    """It is a school, but neither sharing nor missing."""
    coverage, before = world.trust().coverage(), world.over(MemoryAgreementStore()).for_group(TRUST, actor=ANA)

    assert [HILDA] == [row.urn for row in coverage.unreadable]
    assert 1 == coverage.total.at_least[MIS]
    assert before.coverage().total.missing - 2 == coverage.total.missing
    assert "cannot be read at:\n- St Hilda’s Primary School (100000)" in str(coverage)


@pytest.mark.rule("T6", "K1", "R2")
def test_a_command_is_refused_there_and_done_elsewhere(world: World) -> None:
    """The bulk action goes through for the other school, in the order in which they were named."""
    outcomes = world.trust().request([HILDA, OSCAR], level=max(AccessLevel), command_id="raise")

    assert [HILDA, OSCAR] == [outcome.urn for outcome in outcomes]
    assert [RefusalCode.UNREADABLE] == [outcome.code for outcome in outcomes.not_done]
    assert [OSCAR] == [done.urn for done in outcomes.done]
    alone = world.trust().preview.request([HILDA], level=MIS, command_id="alone")
    assert [RefusalCode.UNREADABLE] == [outcome.code for outcome in alone.not_done]
    assert "update the program" in str(alone.not_done[0])


class NewerEvents(WrappedStore):
    """A store that cannot read the events of some agreements."""

    newer: frozenset[AgreementId] = frozenset()

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events, unless they cannot be read."""
        if agreement in self.newer:
            raise StoreUnreadable(f"an event of {agreement}")
        return self.inner.history(agreement)

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events as far as they can be read."""
        for event in self.inner.group_history(group):
            yield from self.history(event.agreement) if event.agreement in self.newer else [event]


@pytest.mark.rule("T6", "A4")
def test_events_that_cannot_be_read_hinder_no_answer_about_others() -> None:
    """Who closed an old request is told wherever the events of that agreement can be read."""
    store = NewerEvents(MemoryAgreementStore())
    world = World(store=store)
    stale = world.asked(HILDA, OSCAR, NO_APPROVER)
    world.trust().withdraw(stale, command_id="w-1")
    world.trust().withdraw(world.asked(HILDA, OSCAR, NO_APPROVER, command_id="again"), command_id="w-2")
    store.newer = frozenset({AgreementId(TRUST, OSCAR)})

    outcomes = world.trust().remind(stale, command_id="remind").not_done

    assert [(HILDA, True), (OSCAR, False), (NO_APPROVER, True)] == [
        (outcome.urn, outcome.reasons[0].closed is not None) for outcome in outcomes
    ]
    assert {RefusalCode.REQUEST_NOT_OPEN} == {outcome.code for outcome in outcomes}


@pytest.mark.rule("T6", "A11")
def test_the_schools_page_shows_an_entry_whose_events_cannot_be_read() -> None:
    """It is marked as unreadable, and shows nothing of what stands."""
    store = NewerEvents(MemoryAgreementStore())
    world = World(store=store)
    world.approved(HILDA)
    store.newer = frozenset({AgreementId(TRUST, HILDA)})

    (entry,) = world.school().page()

    assert (True, (), (), None) == (entry.unreadable, entry.allows, entry.history, entry.agreement.level)


@pytest.mark.rule("T6", "R3")
def test_the_school_itself_cannot_answer_meanwhile(world: World) -> None:
    """Its page shows the entry as unreadable, and an answer is refused."""
    (entry,) = world.school().page()
    assert (True, (), ()) == (entry.unreadable, entry.allows, entry.history)
    with pytest.raises(Refused, match="cannot be read"):
        world.school().approve(RequestId(AgreementId(TRUST, HILDA), 1))


@pytest.mark.rule("T6")
def test_a_question_about_that_school_alone_is_an_error(world: World) -> None:
    """There is no answer, and nobody is offered to be asked."""
    with pytest.raises(StoreUnreadable, match="mat:5143/100000 cannot be read"):
        world.trust().agreement(HILDA)
    assert MIS is world.trust().agreement(OSCAR).level
    hilda, oscar = world.trust().recipients([HILDA, OSCAR])
    assert (True, (), False) == (hilda.unreadable, hilda.people, oscar.unreadable)
    assert oscar.people


@pytest.mark.rule("T6", "E2", "E4")
def test_a_plan_shows_it_as_unclear_and_leaves_it(world: World) -> None:
    """Whether it left or not; the others that left are planned, and applying the plan ends them alone."""
    seen = world.trust().reconcile()
    leave_trust(world)
    leave_trust(world, OSCAR)
    plan = world.trust().reconcile()

    name = "St Hilda’s Primary School (100000)"
    why = "its agreement cannot be read: it was damaged, or a later version wrote it"
    assert [(HILDA, True, (Uncertainty.UNREADABLE,))] == [
        (each.urn, each.visible, each.because) for each in seen.unclear
    ]
    assert [f"{name}: {why}."] == [str(each) for each in seen.unclear]
    assert [(HILDA, False, (Uncertainty.UNREADABLE,))] == [
        (each.urn, each.visible, each.because) for each in plan.unclear
    ]
    assert HILDA not in {school.urn for school in (*seen.joined, *plan.joined)}
    assert ([OSCAR], 1) == ([end.urn for end in plan.to_end], plan.standing)
    applied = world.trust().apply(plan, command_id="apply")
    assert ([OSCAR], []) == ([outcome.urn for outcome in applied.ended.done], list(applied.recorded))


@pytest.mark.rule("T6", "E6")
def test_a_record_of_visibility_passes_over_it(world: World) -> None:
    """The other school that left is recorded."""
    leave_trust(world)
    leave_trust(world, OSCAR)

    recorded = world.trust().record_visibility(command_id="refresh")
    assert [OSCAR] == [outcome.urn for outcome in recorded]
