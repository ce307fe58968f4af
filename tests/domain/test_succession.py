"""What succeeded the schools of a group, and how sure that is: always ends, always only proposes (rule E5)."""

from datetime import date, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import State
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import Doubt, Succession, Successor
from datashare.domain.register import EstablishmentStatus, Institution, SuccessorLink, TrustLink
from tests.builders import DAY
from tests.domain.drift_cases import NEW, OLD, OTHER, link, planned, school, standing

CLOSED = EstablishmentStatus.CLOSED
DFE, MIS, ACTIONS = AccessLevel
ELSEWHERE = TrustLink("99", "Elsewhere Trust")
TOMORROW = DAY + timedelta(days=1)
GONE = school(OLD, status=CLOSED)


@pytest.mark.rule("E5")
def test_a_successor_is_proposed_with_its_evidence_and_the_level_held() -> None:
    """A plain conversion: one to one, dated, of the same number; nothing to doubt."""
    plan = planned(standing(level=ACTIONS), schools=[GONE, school(NEW, "Óak Academy")], links=[link(OLD, NEW)])

    assert (
        Successor(
            urn=NEW,
            name="Óak Academy",
            predecessors=(OLD,),
            evidence=(
                Succession(
                    predecessor=OLD,
                    successor=NEW,
                    kind="Successor",
                    day=DAY,
                    in_the_future=False,
                    same_number=True,
                    successors=1,
                    predecessors=1,
                ),
            ),
            doubts=(),
            state=State.NO_AGREEMENT,
            hidden="",
            level=ACTIONS,
            level_label="MIS Data & Trust Actions",
        ),
    ) == plan.successors
    assert plan.successors == plan.to_ask
    assert () == plan.joined  # each school stands in one part


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("links", "number", "doubts"),
    [
        pytest.param([link(OLD, NEW, day=None)], "2000", (Doubt.UNDATED,), id="undated"),
        pytest.param([link(OLD, NEW, day=TOMORROW)], "2000", (Doubt.IN_THE_FUTURE,), id="in-the-future"),
        pytest.param([link(OLD, NEW), link(NEW, OLD)], "2000", (Doubt.CYCLIC,), id="cyclic"),
        pytest.param([link(OLD, NEW)], "2001", (Doubt.OTHER_NUMBER,), id="other-number"),
        pytest.param([link(OLD, NEW)], "", (Doubt.OTHER_NUMBER,), id="no-number"),
        pytest.param([link(OLD, NEW), link(OLD, OTHER)], "2000", (Doubt.SEVERAL_SUCCESSORS,), id="split"),
        pytest.param([link(OLD, NEW), link(OTHER, NEW)], "2000", (Doubt.SEVERAL_PREDECESSORS,), id="merged"),
        pytest.param(
            [link(OLD, NEW, "Successor - merged")], "2000", (Doubt.SEVERAL_PREDECESSORS,), id="merged-in-words"
        ),
        pytest.param(
            [link(OLD, NEW, "Successor - Amalgamated")],
            "2000",
            (Doubt.SEVERAL_PREDECESSORS,),
            id="amalgamated-in-words",
        ),
        pytest.param([link(OLD, NEW), link(OLD, NEW, "Successor - Split School")], "2000", (), id="twice"),
        pytest.param([link(OLD, NEW), link(OLD, OLD), link(NEW, NEW)], "2000", (), id="with-itself"),
    ],
)
def test_what_deserves_a_look_is_told(links: list[SuccessorLink], number: str, doubts: tuple[Doubt, ...]) -> None:
    """It is proposed all the same, for a person to judge."""
    plan = planned(standing(), schools=[GONE, school(NEW, number=number)], links=links)

    (found,) = plan.to_ask
    assert (NEW, doubts) == (found.urn, found.doubts)


@pytest.mark.rule("E5")
def test_a_school_without_an_authority_has_no_number_to_compare() -> None:
    """Two that lack it are not the same."""
    schools = [attrs.evolve(one, local_authority=None) for one in (GONE, school(NEW))]
    (found,) = planned(standing(), schools=schools, links=[link(OLD, NEW)]).to_ask

    assert (Doubt.OTHER_NUMBER,) == found.doubts


@pytest.mark.rule("E5")
def test_a_closed_successor_leads_on_to_what_succeeded_it() -> None:
    """The evidence is the way there, and what is only passed through is not proposed itself."""
    links = [link(OLD, OTHER), link(OTHER, NEW, day=None)]
    plan = planned(standing(), schools=[GONE, school(OTHER, status=CLOSED), school(NEW)], links=links)

    (found,) = plan.successors
    assert (NEW, (OLD,)) == (found.urn, found.predecessors)
    assert [(OLD, OTHER), (OTHER, NEW)] == [(one.predecessor, one.successor) for one in found.evidence]
    assert (Doubt.UNDATED, Doubt.VIA_ANOTHER) == found.doubts


@pytest.mark.rule("E5")
def test_a_successor_that_has_gone_from_the_register_leads_on_too() -> None:
    """The links know of it, although the register does not."""
    plan = planned(standing(), schools=[GONE, school(NEW)], links=[link(OLD, OTHER), link(OTHER, NEW)])

    assert [NEW] == [one.urn for one in plan.to_ask]


@pytest.mark.rule("E5")
def test_an_open_successor_does_not_lead_on() -> None:
    """What stands is the answer, whatever is said to succeed it."""
    plan = planned(standing(), schools=[GONE, school(OTHER), school(NEW)], links=[link(OLD, OTHER), link(OTHER, NEW)])

    assert [OTHER] == [one.urn for one in plan.successors]


@pytest.mark.rule("E5")
def test_the_shortest_way_is_the_evidence() -> None:
    """A link that leads there at once counts before one by way of another."""
    links = [link(OLD, OTHER), link(OTHER, NEW), link(OLD, NEW)]
    plan = planned(standing(), schools=[GONE, school(OTHER, status=CLOSED), school(NEW)], links=links)

    (asked,) = plan.to_ask
    assert [(OLD, NEW)] == [(one.predecessor, one.successor) for one in asked.evidence]
    assert Doubt.VIA_ANOTHER not in asked.doubts


@pytest.mark.rule("E5")
def test_two_schools_that_closed_into_one_another_end_and_propose_nothing() -> None:
    """Each is told as the other's successor that the group does not see."""
    plan = planned(
        standing(OLD),
        standing(NEW),
        schools=[GONE, school(NEW, status=CLOSED, close_date=DAY)],
        links=[link(OLD, NEW), link(NEW, OLD)],
    )

    assert () == plan.to_ask
    assert {NEW: ((OLD,), "it closed on 3 May 2026"), OLD: ((NEW,), "it closed")} == {
        one.urn: (one.predecessors, one.hidden) for one in plan.successors
    }
    assert {(Doubt.CYCLIC,)} == {one.doubts for one in plan.successors}
    assert {OLD, NEW} == {one.urn for one in plan.ends}


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("schools", "state", "hidden"),
    [
        pytest.param([school(NEW)], State.PENDING, "", id="asked-already"),
        pytest.param([school(NEW)], State.APPROVED, "", id="agreed-already"),
        pytest.param(
            [school(NEW, trusts=[ELSEWHERE])],
            State.NO_AGREEMENT,
            "the register does not link it with the group (it is in trust 99 Elsewhere Trust)",
            id="elsewhere",
        ),
        pytest.param([], State.NO_AGREEMENT, "the register has no such URN", id="not-in-the-register"),
    ],
)
def test_a_successor_that_cannot_be_asked_is_listed_with_the_reason(
    schools: list[Institution], state: State, hidden: str
) -> None:
    """Nothing is proposed where something stands, or where the group does not see it."""
    there = [standing(NEW, state)] if state is not State.NO_AGREEMENT else []
    plan = planned(standing(), *there, schools=[GONE, *schools], links=[link(OLD, NEW)])

    (found,) = plan.successors
    assert (NEW, state, hidden, False) == (found.urn, found.state, found.hidden, found.proposed)
    assert () == plan.to_ask


@pytest.mark.rule("E5", "E4")
@pytest.mark.parametrize(
    ("schools", "state", "told"),
    [
        pytest.param([school(NEW)], State.NO_AGREEMENT, True, id="to-be-asked"),
        pytest.param([school(NEW)], State.APPROVED, False, id="agreed-already"),
        pytest.param([school(NEW, trusts=())], State.NO_AGREEMENT, False, id="not-visible"),
    ],
)
def test_the_successor_of_what_has_ended_is_told_while_it_is_to_be_asked(
    schools: list[Institution], state: State, told: bool
) -> None:
    """After the end the next plan proposes it still, without a level, since none is held any more."""
    there = [standing(NEW, state)] if state is not State.NO_AGREEMENT else []
    ended = standing(OLD, State.NO_AGREEMENT)
    plan = planned(ended, *there, schools=[GONE, *schools], links=[link(OLD, NEW)])

    assert ([(NEW, None, "")] if told else []) == [(one.urn, one.level, one.level_label) for one in plan.successors]
    assert all((Doubt.LEVEL_BEFORE_AN_END_UNKNOWN,) == one.doubts for one in plan.successors)
    assert () == plan.to_end


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("state", "level", "doubts"),
    [
        pytest.param(State.APPROVED, DFE, (Doubt.SEVERAL_PREDECESSORS,), id="lower"),
        pytest.param(State.PENDING, ACTIONS, (Doubt.SEVERAL_PREDECESSORS,), id="asked"),
        pytest.param(
            State.NO_AGREEMENT,
            ACTIONS,
            (Doubt.SEVERAL_PREDECESSORS, Doubt.LEVEL_BEFORE_AN_END_UNKNOWN),
            id="ended",
        ),
    ],
)
def test_a_predecessor_that_is_still_open_counts_beside_the_one_that_closed(
    state: State, level: AccessLevel, doubts: tuple[Doubt, ...]
) -> None:
    """Of two that merge one may be proposed to close still; what it holds can be the lowest, or not known any more."""
    open_still = school(OTHER, status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE)
    plan = planned(
        standing(OLD, level=ACTIONS),
        standing(OTHER, state, level=level),
        schools=[GONE, open_still, school(NEW)],
        links=[link(OLD, NEW), link(OTHER, NEW)],
        policy=attrs.evolve(Policy.mat(), requestable_levels={DFE, MIS, ACTIONS}),
    )

    (found,) = plan.to_ask
    lowest = DFE if state is State.APPROVED else ACTIONS
    assert ((OLD, OTHER), lowest, doubts) == (found.predecessors, found.level, found.doubts)
    assert [(OLD, NEW), (OTHER, NEW)] == [(one.predecessor, one.successor) for one in found.evidence]


@pytest.mark.rule("E5")
def test_the_links_of_a_school_that_the_group_still_sees_propose_nothing() -> None:
    """Only what is over has a successor to ask."""
    plan = planned(standing(), schools=[school(OLD), school(NEW, trusts=())], links=[link(OLD, NEW)])

    assert () == plan.successors


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("held", "requestable", "level"),
    [
        pytest.param([ACTIONS, MIS], {MIS, ACTIONS}, MIS, id="lowest"),
        pytest.param([MIS], {MIS, ACTIONS}, MIS, id="only"),
        pytest.param([ACTIONS, None], {MIS, ACTIONS}, ACTIONS, id="only-a-request-beside-it"),
        pytest.param([None], {MIS, ACTIONS}, None, id="only-a-request"),
        pytest.param([ACTIONS], {DFE, MIS}, MIS, id="highest-below-it"),
        pytest.param([DFE], {MIS, ACTIONS}, None, id="never-more-than-was-held"),
    ],
)
def test_the_suggested_level_is_the_lowest_held_that_may_be_requested(
    held: list[AccessLevel | None], requestable: set[AccessLevel], level: AccessLevel | None
) -> None:
    """Of several predecessors the lowest counts; an open request is no level held."""
    agreements = [
        standing(urn, State.APPROVED if one else State.PENDING, level=one or MIS) for urn, one in enumerate(held, 1)
    ]
    plan = planned(
        *agreements,
        schools=[*(school(one.urn, status=CLOSED) for one in agreements), school(NEW)],
        links=[link(one.urn, NEW) for one in agreements],
        policy=attrs.evolve(Policy.mat(), requestable_levels=requestable),
    )

    (found,) = plan.to_ask
    assert (tuple(one.urn for one in agreements), level) == (found.predecessors, found.level)
    assert len(agreements) == len(found.evidence)


URNS = st.integers(1, 8)
LINKS = st.lists(
    st.builds(
        link,
        URNS,
        URNS,
        st.sampled_from(["Successor", "Successor - merged", "Successor - Split School"]),
        st.none() | st.sampled_from([DAY, TOMORROW, date(1900, 1, 1)]),
    ),
    max_size=40,
)
SCHOOLS = st.dictionaries(
    URNS,
    st.builds(
        lambda status, trusts: {"status": status, "trusts": trusts},
        st.sampled_from(EstablishmentStatus),
        st.sampled_from([(), (ELSEWHERE,), (TrustLink("5143"),)]),
    ),
)
STATES = st.dictionaries(URNS, st.tuples(st.sampled_from(State), st.sampled_from(AccessLevel)))


@pytest.mark.rule("E5", "E2")
@given(links=LINKS, schools=SCHOOLS, states=STATES)
def test_any_links_end_and_only_propose(
    links: list[SuccessorLink],
    schools: dict[int, dict[str, Any]],
    states: dict[int, tuple[State, AccessLevel]],
) -> None:
    """Many-to-many, cyclic, undated, future, with themselves: each plan ends, and asks only whom it may."""
    register = [school(urn, **cells) for urn, cells in schools.items()]
    agreements = [standing(urn, state, level=level) for urn, (state, level) in states.items()]
    plan = planned(*agreements, schools=register, links=links)
    again = planned(*reversed(agreements), schools=reversed(register), links=reversed(links))

    visible = {one.urn for one in register if one.status.value in (1, 3) and one.trusts == (TrustLink("5143"),)}
    stands = {one.urn for one in agreements if one.stands}
    assert {one.urn for one in plan.to_ask} <= visible - stands
    assert {one.urn for one in plan.to_end} <= stands - visible
    assert {one.urn for one in plan.joined} == visible - stands - {one.urn for one in plan.to_ask}
    hidden = {one.urn for one in agreements if one.urn not in visible}
    for found in plan.successors:
        assert set(found.predecessors) <= states.keys() - {found.urn}
        assert hidden & set(found.predecessors)
        assert {one.predecessor for one in found.evidence} & set(found.predecessors)
        assert found.urn in {one.successor for one in found.evidence}
    each_once = [
        *(one.urn for one in plan.to_end),
        *(one.urn for one in plan.joined),
        *(one.urn for one in plan.to_ask),
        *(one.urn for one in plan.unclear),
    ]
    assert len(set(each_once)) == len(each_once)
    assert plan == again
