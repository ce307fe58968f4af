"""Schools that moved together from one group to another; the plans of both say so (rule E8)."""

from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import EndCause, State
from datashare.domain.reconciliation import Plan
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, TrustLink
from tests.builders import DAY, agreement, group
from tests.domain.reconciliation.cases import planned, school, standing

LEFT, REORGANISED = EndCause.SCHOOL_LEFT_GROUP, EndCause.GROUP_REORGANISED
HERE = "5143"


def moved(urn: int, *trusts: str, **cells: Any) -> Institution:
    """Return a school that is in these trusts."""
    return school(urn, trusts=[TrustLink(trust) for trust in trusts], **cells)


def causes(plan: Plan) -> dict[int, EndCause]:
    """Return why each agreement or request would end."""
    return {end.urn: end.cause for end in plan.to_end}


@pytest.mark.rule("E8", "E2")
@pytest.mark.parametrize(
    ("places", "ends"),
    [
        pytest.param(["11"] * 5, [REORGANISED] * 5, id="trust-with-another-uid"),
        pytest.param(["11"], [REORGANISED], id="single-academy-trust-that-joined-a-trust"),
        pytest.param(["11", "12"], [REORGANISED] * 2, id="split-into-two"),
        pytest.param([HERE, "11", "11", "11"], [REORGANISED] * 3, id="three-together"),
        pytest.param([HERE, "11", "11"], [LEFT] * 2, id="only-two"),
        pytest.param([HERE, "11", "12", "13"], [LEFT] * 3, id="each-to-another"),
        pytest.param([HERE, "11", "11", "11", "12"], [*[REORGANISED] * 3, LEFT], id="three-together-and-one-alone"),
        pytest.param(["11", "11", ""], [REORGANISED, REORGANISED, LEFT], id="one-to-no-trust"),
    ],
)
def test_schools_that_moved_together_did_not_leave(places: list[str], ends: list[EndCause]) -> None:
    """Three in one other group have, and all have if no school stayed behind."""
    schools = [moved(urn, *filter(None, [place])) for urn, place in enumerate(places, 1)]
    plan = planned(*map(standing, range(1, len(places) + 1)), schools=schools)

    assert ends == list(causes(plan).values())


@pytest.mark.rule("E8", "V6")
@pytest.mark.parametrize("named", [True, False], ids=["named", "not-named"])
def test_an_authority_that_was_divided_was_reorganised(named: bool) -> None:
    """Cumbria (909) became 942 and 943: its open schools are in one of the two, and no open school is left in it."""
    cumbria = group(GroupId.local_authority("909"), is_open=named)
    in_force = [
        attrs.evolve(agreement(urn, State.APPROVED, of=cumbria.id), version=1) for urn in (112159, 112350, 136357, 5)
    ]
    schools = [
        school(112159, local_authority=Coded("942", "Cumberland"), status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE),
        school(112350, local_authority=Coded("942", "Cumberland")),
        school(136357, local_authority=Coded("943", "Westmorland and Furness")),
        school(5, local_authority=Coded("942", "Cumberland"), status=EstablishmentStatus.CLOSED),
        school(6, local_authority=Coded("909", "Pre-LGR 2023 Cumbria"), status=EstablishmentStatus.CLOSED),
    ]
    plan = planned(*in_force, schools=schools, by=cumbria, names_group=named)

    assert {112159: REORGANISED, 112350: REORGANISED, 136357: REORGANISED, 5: EndCause.SCHOOL_CLOSED} == causes(plan)
    assert "the group was reorganised, and the school is in another one now – " in str(plan)
    assert "(its local authority is 943 Westmorland and Furness)" in str(plan)


@pytest.mark.rule("E8")
def test_a_group_that_closed_because_its_schools_moved_was_reorganised() -> None:
    """The others end because it closed."""
    closed = Group(id=GroupId.mat(HERE), name="Areté Learning Trust", is_open=False, closed_on=DAY)
    plan = planned(standing(1), standing(2), schools=[moved(1, "11"), moved(2)], by=closed)

    assert {1: REORGANISED, 2: EndCause.GROUP_CLOSED} == causes(plan)


@pytest.mark.rule("E8", "E4")
def test_what_ended_already_moved_too() -> None:
    """So the rest of a plan that was applied in parts has the same cause."""
    schools = [moved(1, "11"), moved(2, "11"), moved(3, "11"), moved(4, HERE)]
    plan = planned(standing(1, State.NO_AGREEMENT), standing(2, State.NO_AGREEMENT), standing(3), schools=schools)

    assert {3: REORGANISED} == causes(plan)


@pytest.mark.rule("E8")
@given(
    st.lists(
        st.tuples(st.sampled_from([HERE, "", "11", "12"]), st.sampled_from(EstablishmentStatus)), min_size=1, max_size=8
    )
)
def test_any_register_tells_apart_who_moved_together(places: list[tuple[str, EstablishmentStatus]]) -> None:
    """Counted in another way, straight from the rule."""
    schools = [moved(urn, *filter(None, [place]), status=status) for urn, (place, status) in enumerate(places, 1)]
    plan = planned(*map(standing, range(1, len(places) + 1)), schools=schools)

    is_open = {urn: status.value in (1, 3) for urn, (_, status) in enumerate(places, 1)}
    sizes = Counter(place for urn, (place, _) in enumerate(places, 1) if is_open[urn])
    stayed = any(place == HERE and status is not EstablishmentStatus.CLOSED for place, status in places)
    expected = {
        urn
        for urn, (place, _) in enumerate(places, 1)
        if place in ("11", "12") and is_open[urn] and (not stayed or sizes[place] >= 3)
    }
    assert expected == {urn for urn, cause in causes(plan).items() if cause is REORGANISED}
