"""What succeeded the schools of a group, and how sure that is; a plan only proposes (rule E5)."""

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
from tests.domain.reconciliation.cases import NEW, OLD, OTHER, link, planned, school, standing

CLOSED = EstablishmentStatus.CLOSED
DFE, MIS, ACTIONS = AccessLevel
ELSEWHERE = TrustLink("99", "Elsewhere Trust")
TOMORROW = DAY + timedelta(days=1)
GONE = school(OLD, status=CLOSED)


@pytest.mark.rule("E5")
def test_a_successor_is_proposed_with_its_evidence_and_the_level_held() -> None:
    """A plain conversion is one to one, dated and of the same number, so nothing is in doubt."""
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
def test_doubts_are_listed(links: list[SuccessorLink], number: str, doubts: tuple[Doubt, ...]) -> None:
    """It is proposed all the same, for a person to judge."""
    plan = planned(standing(), schools=[GONE, school(NEW, number=number)], links=links)

    (successor,) = plan.to_ask
    assert (NEW, doubts) == (successor.urn, successor.doubts)


@pytest.mark.rule("E5")
def test_a_school_without_an_authority_has_no_number_to_compare() -> None:
    """Two schools without an authority do not have the same number."""
    schools = [attrs.evolve(school, local_authority=None) for school in (GONE, school(NEW))]
    (successor,) = planned(standing(), schools=schools, links=[link(OLD, NEW)]).to_ask

    assert (Doubt.OTHER_NUMBER,) == successor.doubts


VIA = [link(OLD, OTHER), link(OTHER, NEW)]


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("schools", "links", "evidence"),
    [
        pytest.param([school(NEW)], VIA, [(OLD, OTHER), (OTHER, NEW)], id="not-in-the-register"),
        pytest.param([school(OTHER), school(NEW)], VIA, [(OLD, OTHER)], id="open"),
        pytest.param([school(OTHER, status=CLOSED), school(NEW)], [*VIA, link(OLD, NEW)], [(OLD, NEW)], id="direct"),
    ],
)
def test_the_shortest_way_to_a_school_that_stands_is_the_evidence(
    schools: list[Institution], links: list[SuccessorLink], evidence: list[tuple[int, int]]
) -> None:
    """A successor that is gone from the register leads on; an open one does not; a direct link comes first."""
    (successor,) = planned(standing(), schools=[GONE, *schools], links=links).to_ask

    assert evidence == [(link.predecessor, link.successor) for link in successor.evidence]
    assert evidence[-1][1] == successor.urn
    assert (len(evidence) > 1) is (Doubt.VIA_ANOTHER in successor.doubts)


@pytest.mark.rule("E5")
def test_a_closed_successor_leads_on_to_what_succeeded_it() -> None:
    """The evidence is the way there, and the school in between is not proposed itself."""
    links = [link(OLD, OTHER), link(OTHER, NEW, day=None)]
    plan = planned(standing(), schools=[GONE, school(OTHER, status=CLOSED), school(NEW)], links=links)

    (successor,) = plan.successors
    assert (NEW, (OLD,)) == (successor.urn, successor.predecessors)
    assert [(OLD, OTHER), (OTHER, NEW)] == [(link.predecessor, link.successor) for link in successor.evidence]
    assert (Doubt.UNDATED, Doubt.VIA_ANOTHER) == successor.doubts


@pytest.mark.rule("E5")
def test_two_schools_that_closed_into_one_another_end_and_propose_nothing() -> None:
    """Neither of a circle of closed schools succeeded the other, so none is listed."""
    plan = planned(
        standing(OLD),
        standing(NEW),
        schools=[GONE, school(NEW, status=CLOSED, close_date=DAY)],
        links=[link(OLD, NEW), link(NEW, OLD)],
    )

    assert () == plan.successors
    assert {OLD, NEW} == {end.urn for end in plan.ends}


@pytest.mark.rule("E5")
def test_a_closed_school_is_not_listed_because_another_way_was_shorter() -> None:
    """101710 leads on to 135968, which 101782 reaches sooner by itself: real links of July 2025."""
    old, between, last = 101782, 101710, 135968
    plan = planned(
        standing(old),
        schools=[school(old, status=CLOSED), school(between, status=CLOSED), school(last)],
        links=[link(old, between), link(old, last), link(between, last)],
    )

    assert [last] == [successor.urn for successor in plan.successors]


def ends_by_trying_every_way(start: int, onward: dict[int, set[int]], stands: set[int]) -> dict[int, int]:
    """Return the schools at which a way from *start* ends, with the least number of links: by walking every way."""
    lengths: dict[int, int] = {}

    def walk(way: list[int]) -> None:
        here = way[-1]
        following = set() if here in stands and here != start else onward.get(here, set()) - {here}
        if not following and here != start:
            lengths[here] = min(lengths.get(here, len(way)), len(way))
        for successor in following - set(way):
            walk([*way, successor])

    walk([start])
    return {urn: length - 1 for urn, length in lengths.items()}


@pytest.mark.rule("E5")
@given(st.sets(st.tuples(st.integers(1, 5), st.integers(1, 5))), st.sets(st.integers(2, 5)))
def test_successors_are_where_the_ways_end(pairs: set[tuple[int, int]], stands: set[int]) -> None:
    """Whatever the links are, another search finds the same schools at the end, by ways of the same length."""
    schools = [school(urn, status=EstablishmentStatus.OPEN if urn in stands else CLOSED) for urn in range(1, 6)]
    links = [link(old, new) for old, new in sorted(pairs)]
    onward: dict[int, set[int]] = {}
    for old, new in pairs:
        onward.setdefault(old, set()).add(new)

    plan = planned(standing(1), schools=schools, links=links)

    assert ends_by_trying_every_way(1, onward, stands) == {
        successor.urn: len(successor.evidence) for successor in plan.successors
    }


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
    """It is not proposed if something stands already, or if the group does not see it."""
    there = [standing(NEW, state)] if state is not State.NO_AGREEMENT else []
    plan = planned(standing(), *there, schools=[GONE, *schools], links=[link(OLD, NEW)])

    (successor,) = plan.successors
    assert (NEW, state, hidden, False) == (successor.urn, successor.state, successor.hidden, successor.proposed)
    assert () == plan.to_ask


@pytest.mark.rule("E5", "E4")
@pytest.mark.parametrize(
    ("schools", "state", "listed"),
    [
        pytest.param([school(NEW)], State.NO_AGREEMENT, True, id="to-be-asked"),
        pytest.param([school(NEW)], State.APPROVED, False, id="agreed-already"),
        pytest.param([school(NEW, trusts=())], State.NO_AGREEMENT, False, id="not-visible"),
    ],
)
def test_the_successor_of_an_ended_agreement_is_listed_while_it_is_to_be_asked(
    schools: list[Institution], state: State, listed: bool
) -> None:
    """After the end the next plan still proposes it, without a level, since no level is held any more."""
    there = [standing(NEW, state)] if state is not State.NO_AGREEMENT else []
    ended = standing(OLD, State.NO_AGREEMENT)
    plan = planned(ended, *there, schools=[GONE, *schools], links=[link(OLD, NEW)])

    assert ([(NEW, None, "")] if listed else []) == [
        (successor.urn, successor.level, successor.level_label) for successor in plan.successors
    ]
    assert all((Doubt.LEVEL_BEFORE_AN_END_UNKNOWN,) == successor.doubts for successor in plan.successors)
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
    """Of two schools that merge one may still be open; its level can be the lowest, or not known any more."""
    open_still = school(OTHER, status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE)
    plan = planned(
        standing(OLD, level=ACTIONS),
        standing(OTHER, state, level=level),
        schools=[GONE, open_still, school(NEW)],
        links=[link(OLD, NEW), link(OTHER, NEW)],
        policy=attrs.evolve(Policy.mat(), requestable_levels={DFE, MIS, ACTIONS}),
    )

    (successor,) = plan.to_ask
    lowest = DFE if state is State.APPROVED else ACTIONS
    assert ((OLD, OTHER), lowest, doubts) == (successor.predecessors, successor.level, successor.doubts)
    assert [(OLD, NEW), (OTHER, NEW)] == [(link.predecessor, link.successor) for link in successor.evidence]


@pytest.mark.rule("E5")
def test_the_links_of_a_school_that_the_group_still_sees_propose_nothing() -> None:
    """Only an agreement that is over has a successor to ask."""
    plan = planned(standing(), schools=[school(OLD), school(NEW, trusts=())], links=[link(OLD, NEW)])

    assert () == plan.successors


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("held", "requestable", "level"),
    [
        pytest.param([ACTIONS, MIS], {MIS, ACTIONS}, MIS, id="lowest"),
        pytest.param([MIS], {MIS, ACTIONS}, MIS, id="only"),
        pytest.param([ACTIONS, None], {MIS, ACTIONS}, ACTIONS, id="only-a-request-beside-it"),
        pytest.param([None], {MIS, ACTIONS}, ACTIONS, id="only-a-request-for-actions"),
        pytest.param([None], {DFE, MIS}, MIS, id="highest-below-what-was-asked-for"),
        pytest.param([None, MIS], {MIS, ACTIONS}, MIS, id="held-beside-a-request"),
        pytest.param([ACTIONS], {DFE, MIS}, MIS, id="highest-below-it"),
        pytest.param([DFE], {MIS, ACTIONS}, None, id="never-more-than-was-held"),
    ],
)
def test_the_suggested_level_is_the_lowest_held_that_may_be_requested(
    held: list[AccessLevel | None], requestable: set[AccessLevel], level: AccessLevel | None
) -> None:
    """Of several predecessors the lowest held counts; an open request counts only where nothing is held."""
    agreements = [
        standing(urn, State.APPROVED if level_held else State.PENDING, level=level_held or MIS)
        for urn, level_held in enumerate(held, 1)
    ]
    plan = planned(
        *agreements,
        schools=[*(school(agreement.urn, status=CLOSED) for agreement in agreements), school(NEW)],
        links=[link(agreement.urn, NEW) for agreement in agreements],
        policy=attrs.evolve(Policy.mat(), requestable_levels=requestable),
    )

    (successor,) = plan.to_ask
    assert (tuple(agreement.urn for agreement in agreements), level) == (successor.predecessors, successor.level)
    assert len(agreements) == len(successor.evidence)


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


@pytest.mark.rule("E5", "T6")
def test_no_level_is_suggested_where_a_predecessors_agreement_cannot_be_read() -> None:
    """The other predecessor held more, perhaps; the successor is still proposed, unless its own cannot be read."""
    register = [GONE, school(OTHER, status=CLOSED), school(NEW)]
    links = [link(OLD, NEW), link(OTHER, NEW)]
    plan = planned(standing(level=ACTIONS), schools=register, links=links, unreadable={OTHER})

    (successor,) = plan.to_ask
    assert ((OLD, OTHER), None) == (successor.predecessors, successor.level)
    assert Doubt.UNREADABLE_PREDECESSOR in successor.doubts
    assert (NEW,) == tuple(each.urn for each in planned(schools=register, links=links, unreadable={OTHER}).to_ask)
    own = planned(standing(), schools=register, links=links, unreadable={NEW})
    assert ((), (), [NEW]) == (own.successors, own.joined, [unclear.urn for unclear in own.unclear])


STATES = st.dictionaries(URNS, st.tuples(st.sampled_from(State), st.sampled_from(AccessLevel)))


@pytest.mark.rule("E5", "E2")
@given(links=LINKS, schools=SCHOOLS, states=STATES)
def test_any_links_end_and_only_propose(
    links: list[SuccessorLink],
    schools: dict[int, dict[str, Any]],
    states: dict[int, tuple[State, AccessLevel]],
) -> None:
    """Links of any kind, cyclic ones too: each walk ends, and the plan proposes only schools that may be asked."""
    register = [school(urn, **cells) for urn, cells in schools.items()]
    agreements = [standing(urn, state, level=level) for urn, (state, level) in states.items()]
    plan = planned(*agreements, schools=register, links=links)
    again = planned(*reversed(agreements), schools=reversed(register), links=reversed(links))

    visible = {
        school.urn for school in register if school.status.value in (1, 3) and school.trusts == (TrustLink("5143"),)
    }
    stands = {agreement.urn for agreement in agreements if agreement.stands}
    assert {successor.urn for successor in plan.to_ask} <= visible - stands
    assert {end.urn for end in plan.to_end} <= stands - visible
    assert {school.urn for school in plan.joined} == visible - stands - {successor.urn for successor in plan.to_ask}
    hidden = {agreement.urn for agreement in agreements if agreement.urn not in visible}
    for successor in plan.successors:
        assert set(successor.predecessors) <= states.keys() - {successor.urn}
        assert hidden & set(successor.predecessors)
        assert {link.predecessor for link in successor.evidence} & set(successor.predecessors)
        assert successor.urn in {link.successor for link in successor.evidence}
    each_once = [
        *(end.urn for end in plan.to_end),
        *(school.urn for school in plan.joined),
        *(successor.urn for successor in plan.to_ask),
        *(unclear.urn for unclear in plan.unclear),
    ]
    assert len(set(each_once)) == len(each_once)
    assert plan == again
