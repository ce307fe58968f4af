"""Why a plan cannot be made or applied, and when it must be confirmed (rules E2-E4)."""

from datetime import date, timedelta
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import Agreement, EndCause, RefusalCode, State
from datashare.domain.reconciliation import GroupFacts, Plan, why_no_plan
from datashare.domain.register import Coded, EstablishmentStatus, Institution, SuccessorLink, TrustLink
from tests.builders import DAY, group
from tests.domain.reconciliation.cases import NEW, OLD, OTHER, against, closed, facts, link, planned, school, standing

CLOSED = EstablishmentStatus.CLOSED
STATUSES = EstablishmentStatus
ELSEWHERE = TrustLink("99", "Elsewhere Trust")
TOMORROW = DAY + timedelta(days=1)


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("count", "of", "needed"),
    [
        pytest.param(3, 3, False, id="three-of-three"),
        pytest.param(4, 4, True, id="four-of-four"),
        pytest.param(4, 39, True, id="just-above-a-tenth"),
        pytest.param(4, 40, False, id="exactly-a-tenth"),
        pytest.param(0, 0, False, id="nothing"),
    ],
)
def test_a_plan_is_confirmed_above_a_tenth_and_above_three(count: int, of: int, needed: bool) -> None:
    """The plan says so in words, and nothing else stands in the way."""
    plan, view, agreements = some_closed({State.UPGRADING: (count, of)})

    words = f"would end {count} of {of} agreements and open requests, {count} of {of} agreements in force among them"
    assert (count, of) == (len(plan.to_end), plan.standing)
    assert needed == plan.needs_confirmation
    assert needed == (f"It {words}, so it has to be confirmed explicitly." in str(plan))
    reasons = against(plan, view, *agreements)
    assert ([RefusalCode.CONFIRMATION_NEEDED] if needed else []) == list(reasons)
    assert not needed or f"All that this register shows {words}." in reasons[RefusalCode.CONFIRMATION_NEEDED]
    assert {} == against(plan, view, *agreements, confirmed=True)


def some_closed(
    counts: dict[State, tuple[int, int]],
) -> tuple[Plan, GroupFacts, list[Agreement]]:
    """Return a plan, and what it rests on, for so many of so many schools of each state that closed."""
    numbered = [(state, number < count) for state, (count, of) in counts.items() for number in range(of)]
    agreements = [standing(urn, state) for urn, (state, _) in enumerate(numbered, 1)]
    schools = [closed(urn) if ends else school(urn) for urn, (_, ends) in enumerate(numbered, 1)]
    return planned(*agreements, schools=schools), facts(*schools, urns=range(1, len(numbered) + 1)), agreements


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("in_force", "alone", "needed"),
    [
        pytest.param((10, 10), (0, 90), True, id="all-agreements-among-many-requests"),
        pytest.param((4, 39), (0, 1), True, id="just-above-a-tenth-of-those-in-force"),
        pytest.param((3, 3), (1, 36), True, id="four-of-thirty-nine"),
        pytest.param((3, 3), (1, 37), False, id="four-of-forty"),
        pytest.param((0, 90), (10, 10), False, id="requests-among-many-agreements"),
    ],
)
def test_open_requests_do_not_hide_that_agreements_end(
    in_force: tuple[int, int], alone: tuple[int, int], needed: bool
) -> None:
    """Either share is enough: of what is in force, or of all that stands."""
    plan, view, agreements = some_closed({State.APPROVED: in_force, State.PENDING: alone})

    assert (in_force[1], in_force[1] + alone[1]) == (plan.in_force, plan.standing)
    assert needed == plan.needs_confirmation
    assert ([RefusalCode.CONFIRMATION_NEEDED] if needed else []) == list(against(plan, view, *agreements))


@pytest.mark.rule("E3")
def test_what_a_plan_says_about_itself_does_not_avoid_the_confirmation() -> None:
    """Neither a forged count nor a plan in parts avoids it, since what the register shows is counted again."""
    plan, view, agreements = some_closed({State.APPROVED: (10, 20)})

    for forged in (
        attrs.evolve(plan, standing=1000, in_force=1000),
        attrs.evolve(plan, ends=plan.ends[:3]),
        attrs.evolve(plan, ends=()),
    ):
        assert not forged.needs_confirmation
        assert [RefusalCode.CONFIRMATION_NEEDED] == list(against(forged, view, *agreements))
        assert {} == against(forged, view, *agreements, confirmed=True)


@pytest.mark.rule("E3")
def test_what_ended_meanwhile_does_not_count_again() -> None:
    """After a part was confirmed and applied, only what would end still counts."""
    plan, view, agreements = some_closed({State.APPROVED: (10, 20)})
    left = [
        standing(agreement.urn, State.NO_AGREEMENT) if agreement.urn <= 7 else agreement for agreement in agreements
    ]

    assert {} == against(plan, view, *left)


@pytest.mark.rule("E3")
def test_agreements_that_came_after_the_plan_count_too() -> None:
    """They count whether the register ends them or not."""
    plan, view, agreements = some_closed({State.APPROVED: (3, 3)})
    more = [standing(urn) for urn in range(4, 8)]
    opened = facts(*[closed(urn) for urn in range(1, 4)], *[school(urn) for urn in range(4, 8)], urns=range(1, 8))
    shut = facts(*[closed(urn) for urn in range(1, 8)], urns=range(1, 8))

    assert {} == against(plan, view, *agreements, *more, whole=opened)
    reasons = against(plan, view, *agreements, *more, whole=shut)
    assert "would end 7 of 7 agreements" in reasons[RefusalCode.CONFIRMATION_NEEDED]


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("register", "cause", "group_named", "links"),
    [
        pytest.param(None, EndCause.SCHOOL_LEFT_GROUP, True, [], id="gone"),
        pytest.param(school(OLD), EndCause.GROUP_CLOSED, False, [], id="group-not-named"),
        pytest.param(
            school(OLD, trusts=[ELSEWHERE]), EndCause.SUCCEEDED, True, [link(OLD, NEW)], id="left-and-succeeded"
        ),
        pytest.param(closed(), EndCause.SUCCEEDED, True, [link(OLD, NEW, day=TOMORROW)], id="succeeded-later"),
        pytest.param(closed(), EndCause.SCHOOL_LEFT_GROUP, True, [], id="another-cause"),
    ],
)
@pytest.mark.parametrize("state", [State.APPROVED, State.NO_AGREEMENT], ids=lambda state: state.value)
def test_a_planned_end_has_the_very_cause_that_a_plan_would_give(
    register: Institution | None, cause: EndCause, group_named: bool, links: list[SuccessorLink], state: State
) -> None:
    """An added or altered end refuses the whole plan, whether anything stands with the school or not."""
    schools = [closed(OTHER), *([register] if register else [])]
    by = None if group_named else group(is_open=False)
    view = facts(*schools, links=links, urns=[OLD, OTHER], by=by, names_group=group_named)
    plan = planned(standing(OLD, state), standing(OTHER), schools=schools, links=links, by=by, names_group=group_named)
    assert {} == against(plan, view, standing(OLD, state), standing(OTHER))
    added = attrs.evolve(plan.ends[-1], urn=OLD, cause=cause)
    forged = attrs.evolve(plan, ends=(*(end for end in plan.ends if end.urn != OLD), added))

    reasons = against(forged, view, standing(OLD, state), standing(OTHER))

    assert [RefusalCode.REGISTER_DIFFERS] == list(reasons)
    words = reasons[RefusalCode.REGISTER_DIFFERS]
    named = f"{register.name} (100000)" if register else "URN 100000"
    assert f"It does not show clearly of {named} that the " in words
    assert words.endswith("Look at it, then start again.")


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("last", "reasons"),
    [
        pytest.param(None, [], id="first"),
        pytest.param(DAY, [], id="same-day"),
        pytest.param(DAY - timedelta(days=1), [], id="newer"),
        pytest.param(TOMORROW, [RefusalCode.REGISTER_OLDER], id="older"),
    ],
)
def test_a_register_that_is_older_than_the_last_one_is_refused(last: date | None, reasons: list[RefusalCode]) -> None:
    """It is refused both when planning and when applying; the same day again is not older."""
    view = facts(school(OLD))
    no_plan = why_no_plan(view, register_day=DAY, last_register=last)

    assert reasons == [reason.code for reason in no_plan]
    assert reasons == list(against(planned(standing(), schools=[school(OLD)]), view, standing(), last_register=last))
    if reasons:
        assert (
            "The register is of 3 May 2026, and that of 4 May 2026 was applied to the group already. "
            "Load the newest register."
        ) == str(no_plan[0])


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("schools", "urns", "seen_before", "refused"),
    [
        pytest.param([], [OLD], None, True, id="nothing-at-all"),
        pytest.param([school(OTHER, trusts=[ELSEWHERE])], [OLD], None, True, id="only-others"),
        pytest.param([school(OLD, trusts=())], [OLD], None, False, id="every-school-left"),
        pytest.param([school(OTHER)], [OLD], None, False, id="another-school-of-the-group"),
        pytest.param([], [], {OTHER}, True, id="nothing-ever-happened-and-schools-were-seen"),
        pytest.param([school(OTHER)], [], {OTHER}, False, id="nothing-ever-happened"),
        pytest.param([], [], set(), False, id="a-group-that-never-had-a-school"),
        pytest.param([], [], None, False, id="nothing-known"),
    ],
)
def test_a_register_without_the_groups_schools_is_refused(
    schools: list[Institution], urns: list[int], seen_before: set[int] | None, refused: bool
) -> None:
    """A download that was cut short looks like this; a register that knows the schools that left does not."""
    view = facts(*schools, urns=urns)
    no_plan = why_no_plan(view, register_day=DAY, last_register=None, seen_before=seen_before)

    assert ([RefusalCode.REGISTER_EMPTY] if refused else []) == [reason.code for reason in no_plan]


@pytest.mark.rule("E3")
def test_a_plan_of_a_register_without_the_groups_schools_is_not_applied() -> None:
    """Such a plan can only have been made by hand."""
    view = facts()
    plan = attrs.evolve(planned(standing(), schools=[school(OLD)]), digest=view.digest)

    for state in (State.APPROVED, State.NO_AGREEMENT):
        assert [RefusalCode.REGISTER_EMPTY] == list(against(plan, view, standing(OLD, state)))


SUCCESSOR = school(NEW)
BASE = facts(closed(), SUCCESSOR, links=[link(OLD, NEW)], urns=[OLD, OTHER])


@pytest.mark.rule("E4", "E3")
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(attrs.evolve(BASE, register_day=TOMORROW), id="day"),
        pytest.param(attrs.evolve(BASE, register_day=None), id="day-not-known"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, name="New Name Trust")), id="groups-name"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, is_open=False)), id="group-closed"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, closed_on=DAY)), id="groups-close-date"),
        pytest.param(attrs.evolve(BASE, names_group=False), id="group-not-named"),
        pytest.param(attrs.evolve(BASE, linked=frozenset({OLD})), id="linked"),
        pytest.param(attrs.evolve(BASE, urns=frozenset({OLD})), id="urns"),
        pytest.param(attrs.evolve(BASE, institutions={NEW: SUCCESSOR}), id="institution-gone"),
        pytest.param(attrs.evolve(BASE, links=()), id="link-gone"),
        pytest.param(attrs.evolve(BASE, links=(link(OLD, OTHER),)), id="links-successor"),
        pytest.param(attrs.evolve(BASE, links=(link(OTHER, NEW),)), id="links-predecessor"),
        pytest.param(attrs.evolve(BASE, links=(link(OLD, NEW, "Successor - merged"),)), id="links-kind"),
        pytest.param(attrs.evolve(BASE, links=(link(OLD, NEW, day=None),)), id="links-day"),
        *(
            pytest.param(
                attrs.evolve(BASE, institutions={NEW: SUCCESSOR, OLD: attrs.evolve(closed(), **{name: value})}), id=name
            )
            for name, value in dict[str, Any](
                {
                    "name": "Another Name",
                    "status": STATUSES.OPEN,
                    "status_name": "Merged",
                    "open_date": DAY,
                    "close_date": None,
                    "local_authority": Coded("871", "Slough"),
                    "establishment_number": "2001",
                    "establishment_type": None,
                    "trusts": (),
                }
            ).items()
        ),
    ],
)
def test_another_fact_makes_another_register(other: GroupFacts) -> None:
    """Each fact that a plan rests on is in the digest, so a different register of the same day is refused."""
    plan = attrs.evolve(planned(standing(), schools=[closed()]), digest=BASE.digest)

    ((code, words),) = against(plan, other, standing(), whole=BASE).items()

    assert RefusalCode.REGISTER_DIFFERS is code
    assert "It is of " in words
    assert words.endswith("Look at it, then start again.")


@pytest.mark.rule("E4")
def test_the_same_facts_in_any_order_are_the_same_register() -> None:
    """Directories return them in any order, and a plan does not look at addresses."""
    links = [link(OLD, NEW), link(OLD, OTHER, day=None)]
    moved = attrs.evolve(SUCCESSOR, street="2 New Road")
    there = facts(SUCCESSOR, closed(), links=links, urns=[OTHER, OLD])
    here = facts(closed(), moved, links=reversed(links), urns=[OLD, OTHER])

    assert there.digest == here.digest


@pytest.mark.rule("E4")
def test_a_digest_stays_the_same_in_later_versions() -> None:
    """A plan that was made by an older version of the library can still be applied."""
    known = facts(closed(), links=[link(OLD, NEW), link(OLD, OTHER, day=None)])
    unnamed = facts(school(OLD, local_authority=None, establishment_type=None), names_group=False, register_day=None)

    assert "03ce26148d92d6f3cbb6dc5c4ec8391ed40d4996e22bd33bda7c071c20694a37" == known.digest
    assert "f11ea1f04cf2a3d6b74802b957916c0c5d94d303fef42985a384ad67c9640540" == unnamed.digest


@pytest.mark.rule("E4")
def test_every_reason_against_a_plan_is_given() -> None:
    """All reasons are given, the primary one first."""
    plan, view, agreements = some_closed({State.APPROVED: (4, 4)})

    assert [RefusalCode.REGISTER_OLDER, RefusalCode.CONFIRMATION_NEEDED] == list(
        against(plan, view, *agreements, last_register=TOMORROW)
    )
    # What another register would end is not asked about.
    assert [RefusalCode.REGISTER_EMPTY, RefusalCode.REGISTER_OLDER, RefusalCode.REGISTER_DIFFERS] == list(
        against(plan, facts(urns=range(1, 5)), *agreements, last_register=TOMORROW)
    )
