"""What a register means for a group's agreements, as a plan (rules E2-E4)."""

from datetime import date, timedelta
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import Agreement, AgreementId, EndCause, RefusalCode, RequestId, State
from datashare.domain.drift import Joined, Plan, RegisterFacts, Uncertainty, why_no_plan
from datashare.domain.institutions import Coded, EstablishmentStatus, Institution, SuccessorLink, TrustLink
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.errors import InvalidValue
from tests.domain.builders import AUTHORITY, DAY, TRUST, agreement, group
from tests.domain.drift_cases import NEW, OLD, OTHER, against, facts, link, planned, school, standing

CLOSED = EstablishmentStatus.CLOSED
STATUSES = EstablishmentStatus
ELSEWHERE = TrustLink("99", "Elsewhere Trust")
TOMORROW = DAY + timedelta(days=1)


def closed(urn: int = OLD, **cells: Any) -> Institution:
    """Make a school that closed."""
    return school(urn, status=CLOSED, close_date=DAY, **cells)


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("found", "cause", "why"),
    [
        pytest.param(closed(), EndCause.SCHOOL_CLOSED, "it closed on 3 May 2026", id="closed"),
        pytest.param(
            closed(trusts=()),
            EndCause.SCHOOL_CLOSED,
            "the register does not link it with the group (it is in no trust); it closed on 3 May 2026",
            id="closed-and-left",
        ),
        pytest.param(
            school(OLD, trusts=()),
            EndCause.SCHOOL_LEFT_GROUP,
            "the register does not link it with the group (it is in no trust)",
            id="left",
        ),
        pytest.param(
            school(OLD, trusts=[ELSEWHERE]),
            EndCause.SCHOOL_LEFT_GROUP,
            "the register does not link it with the group (it is in trust 99 Elsewhere Trust)",
            id="moved",
        ),
        pytest.param(
            school(OLD, trusts=[ELSEWHERE], status=STATUSES.UNKNOWN, status_name="Merged"),
            EndCause.SCHOOL_LEFT_GROUP,
            "the register does not link it with the group (it is in trust 99 Elsewhere Trust); "
            "its status in the register is not a known one (Merged)",
            id="moved-with-an-unknown-status",
        ),
    ],
)
def test_an_agreement_ends_where_the_register_shows_clearly_that_it_is_over(
    found: Institution, cause: EndCause, why: str
) -> None:
    """A school that closed, or is known to be in no trust or another; whatever else is strange about it."""
    plan = planned(standing(version=7), schools=[found])

    (one,) = plan.ends
    assert (OLD, found.name, 7, cause, why) == (one.urn, one.name, one.version, one.cause, one.why)
    assert (AccessLevel.MIS_DATA, "MIS Data", None) == (one.level, one.level_label, one.request)
    assert ((), (), ()) == (plan.closes, plan.unclear, plan.joined)


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("day", "cause"),
    [
        pytest.param(None, EndCause.SUCCEEDED, id="undated"),
        pytest.param(DAY, EndCause.SUCCEEDED, id="today"),
        pytest.param(TOMORROW, EndCause.SCHOOL_CLOSED, id="only-tomorrow"),
    ],
)
def test_a_closed_school_was_succeeded_where_the_register_names_its_successor(
    day: date | None, cause: EndCause
) -> None:
    """One that is still to come has not succeeded it yet."""
    plan = planned(standing(), schools=[closed()], links=[link(OLD, NEW, day=day)])

    assert [cause] == [one.cause for one in plan.ends]


@pytest.mark.rule("E2")
def test_an_open_request_alone_is_closed_and_one_beside_a_level_goes_with_it() -> None:
    """The two stand in different parts of the plan, each with the request."""
    pending, upgrading = standing(OLD, State.PENDING), standing(OTHER, State.UPGRADING, level=AccessLevel.DFE_DATA)
    plan = planned(pending, upgrading, schools=[closed(), closed(OTHER)])

    (end,), (close,) = plan.ends, plan.closes
    assert (OTHER, RequestId(AgreementId(TRUST, OTHER), 1), "DfE Data") == (end.urn, end.request, end.level_label)
    assert (OLD, RequestId(AgreementId(TRUST, OLD), 1), None, "") == (
        close.urn,
        close.request,
        close.level,
        close.level_label,
    )
    assert (end, close) == plan.to_end


@pytest.mark.rule("E2", "V8")
def test_a_group_that_closed_ends_all_of_its_agreements() -> None:
    """Whatever its schools do, those that have left the register too."""
    plan = planned(standing(), standing(OTHER), schools=[school(OLD)], by=group(is_open=False, closed_on=DAY))

    assert {OLD: EndCause.GROUP_CLOSED, OTHER: EndCause.GROUP_CLOSED} == {one.urn: one.cause for one in plan.ends}
    assert "the group closed on 3 May 2026" == next(one.why for one in plan.ends if one.urn == OLD)


@pytest.mark.rule("E2")
def test_a_group_that_the_register_does_not_name_has_not_closed() -> None:
    """Its schools end for what the register says of themselves; where that is nothing, it is unclear."""
    gone = group(is_open=False)
    plan = planned(
        standing(OLD),
        standing(OTHER),
        standing(NEW),
        schools=[school(OLD, trusts=[ELSEWHERE]), school(OTHER)],
        by=gone,
        names_group=False,
    )

    assert [(OLD, EndCause.SCHOOL_LEFT_GROUP)] == [(one.urn, one.cause) for one in plan.ends]
    assert plan.ends[0].why.startswith("the register does not name the group; the register does not link it")
    assert {
        OTHER: (Uncertainty.GROUP_GONE,),
        NEW: (Uncertainty.GROUP_GONE, Uncertainty.URN_GONE),
    } == {one.urn: one.because for one in plan.unclear}


@pytest.mark.rule("E2", "V3", "V4", "V5")
@pytest.mark.parametrize(
    ("found", "policy", "because", "visible", "why"),
    [
        pytest.param(None, None, Uncertainty.URN_GONE, False, "the register has no such URN", id="gone"),
        pytest.param(
            school(OLD, status=STATUSES.UNKNOWN, status_name="Merged"),
            None,
            Uncertainty.UNKNOWN_STATUS,
            False,
            "its status in the register is not a known one (Merged)",
            id="unknown-status",
        ),
        pytest.param(
            school(OLD, status=STATUSES.PROPOSED_TO_OPEN, open_date=TOMORROW),
            None,
            Uncertainty.DUE_TO_OPEN,
            False,
            "it is due to open on 4 May 2026",
            id="due-to-open",
        ),
        pytest.param(
            school(OLD, trusts=[TrustLink(TRUST.code, "", TOMORROW)]),
            None,
            Uncertainty.JOINS_LATER,
            False,
            "it joins the group on 4 May 2026",
            id="joins-later",
        ),
        pytest.param(
            school(OLD),
            attrs.evolve(Policy.mat(), establishment_types={"01"}),
            Uncertainty.LEFT_OUT_BY_POLICY,
            False,
            "the group's policy leaves out its type (34 Academy converter)",
            id="type-left-out",
        ),
        pytest.param(
            school(OLD, status=STATUSES.OPEN_PROPOSED_TO_CLOSE, close_date=TOMORROW),
            attrs.evolve(Policy.mat(), include_proposed_to_close=False),
            Uncertainty.LEFT_OUT_BY_POLICY,
            False,
            "it is proposed to close on 4 May 2026, and the group's policy leaves such schools out",
            id="proposed-to-close-left-out",
        ),
        pytest.param(
            school(OLD, status=STATUSES.OPEN_PROPOSED_TO_CLOSE, close_date=TOMORROW),
            None,
            Uncertainty.PROPOSED_TO_CLOSE,
            True,
            "it is proposed to close on 4 May 2026",
            id="proposed-to-close",
        ),
        pytest.param(
            school(OLD, status=STATUSES.OPEN_PROPOSED_TO_CLOSE),
            None,
            Uncertainty.PROPOSED_TO_CLOSE,
            True,
            "it is proposed to close",
            id="proposed-to-close-some-day",
        ),
        pytest.param(
            school(OLD, close_date=DAY - timedelta(days=1)),
            None,
            Uncertainty.DATES_CONTRADICT_STATUS,
            True,
            "its close date has passed, but its status is still open",
            id="dates",
        ),
    ],
)
def test_what_the_register_does_not_say_clearly_ends_nothing(
    found: Institution | None, policy: Policy | None, because: Uncertainty, visible: bool, why: str
) -> None:
    """It is left as it is, and a person is told to look at it."""
    plan = planned(standing(), schools=[found] if found else [], policy=policy)

    (one,) = plan.unclear
    assert ((because,), visible, why) == (one.because, one.visible, one.why)
    assert () == plan.to_end
    assert not plan.nothing_to_do


@pytest.mark.rule("E2")
def test_several_uncertainties_of_one_school_stand_together() -> None:
    """Each kind once, with all of the words."""
    due = school(OLD, status=STATUSES.PROPOSED_TO_OPEN, open_date=DAY, trusts=[TrustLink(TRUST.code, "", TOMORROW)])
    (one,) = planned(standing(), schools=[due]).unclear

    assert (
        Uncertainty.JOINS_LATER,
        Uncertainty.DUE_TO_OPEN,
        Uncertainty.DATES_CONTRADICT_STATUS,
    ) == one.because
    assert (
        "it joins the group on 4 May 2026; it is due to open on 3 May 2026; "
        "its open date has passed, but its status is still proposed to open"
    ) == one.why


@pytest.mark.rule("E2")
@pytest.mark.parametrize("found", [school(OLD), closed()], ids=["open", "closed"])
def test_where_nothing_stands_nothing_ends_and_nothing_is_unclear(found: Institution) -> None:
    """What ended before does not end again, and its school's dates are nobody's concern."""
    plan = planned(standing(OLD, State.NO_AGREEMENT), schools=[attrs.evolve(found, close_date=date(2020, 1, 1))])

    assert ((), (), 0) == (plan.to_end, plan.unclear, plan.standing)


@pytest.mark.rule("E2")
def test_a_school_that_is_as_it_was_is_in_no_part() -> None:
    """Then there is nothing to do, and the plan says so."""
    plan = planned(standing(), schools=[school(OLD)])

    assert plan.nothing_to_do
    assert str(plan).endswith("Nothing to do.")
    assert (1, (OLD,)) == (plan.standing, plan.looked_at)


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("known", "seen_before", "joined"),
    [
        pytest.param([], frozenset(), True, id="new"),
        pytest.param([], frozenset({NEW}), False, id="seen-before"),
        pytest.param([standing(NEW, State.NO_AGREEMENT)], frozenset(), True, id="came-back"),
        pytest.param([standing(NEW, State.PENDING)], frozenset(), False, id="asked-already"),
        pytest.param([], None, True, id="nothing-known"),
        pytest.param([standing(NEW, State.NO_AGREEMENT)], None, True, id="nothing-known-and-came-back"),
        pytest.param([standing(NEW, State.PENDING)], None, False, id="nothing-known-and-asked-already"),
    ],
)
def test_a_school_joined_where_the_group_did_not_see_it_before(
    known: list[Agreement], seen_before: frozenset[int] | None, joined: bool
) -> None:
    """What it saw before is told by an older register; without one the plan claims only that nothing stands."""
    plan = planned(*known, schools=[school(NEW, "Óak"), school(OTHER, status=CLOSED)], seen_before=seen_before)

    assert ((Joined(urn=NEW, name="Óak"),) if joined else ()) == plan.joined
    assert (seen_before is not None) == plan.compared
    assert (joined and seen_before is None) == ("Schools that have no agreement (1):" in str(plan))
    assert (joined and seen_before is not None) == ("Schools that joined and have no agreement (1):" in str(plan))


@pytest.mark.rule("E2")
def test_what_this_register_does_not_name_is_called_as_in_the_older_one() -> None:
    """A download that was cut short names nobody, and a person has to recognise the schools."""
    plan = planned(
        standing(OLD),
        standing(OTHER),
        schools=[school(OTHER, "New Name")],
        names_before={OLD: "Óak", OTHER: "Old Name"},
    )

    assert [(OLD, "Óak")] == [(one.urn, one.name) for one in plan.unclear]
    assert "Óak (100000): the register has no such URN." in str(plan)
    assert [("New Name", OTHER)] == [
        (one.name, one.urn)
        for one in planned(standing(OTHER), schools=[closed(OTHER, name="New Name")], names_before={OTHER: "x"}).ends
    ]


@pytest.mark.rule("E2", "E5")
@pytest.mark.parametrize(
    ("found", "day", "told"),
    [
        pytest.param(school(OLD), TOMORROW, True, id="to-come"),
        pytest.param(school(OLD), DAY, False, id="today"),
        pytest.param(school(OLD), None, False, id="undated"),
        pytest.param(closed(), TOMORROW, False, id="of-a-school-that-closed"),
    ],
)
def test_a_successor_to_come_of_a_school_that_is_open_is_unclear(
    found: Institution, day: date | None, told: bool
) -> None:
    """It is nothing to ask yet, and somebody should know of it; that of a closed school stands among the successors."""
    plan = planned(standing(), schools=[found, school(NEW, "Óak")], links=[link(OLD, NEW, day=day)])

    words = "Óak (200000) is to succeed it on 4 May 2026"
    assert ([((Uncertainty.SUCCESSOR_TO_COME,), True, words)] if told else []) == [
        (one.because, one.visible, one.why) for one in plan.unclear
    ]
    assert ([NEW] if found.status is CLOSED else []) == [one.urn for one in plan.successors]


@pytest.mark.rule("E2")
def test_no_more_of_the_registers_words_than_a_person_reads() -> None:
    """A cell may be of any length, and a plan is to be shown."""
    (one,) = planned(standing(), schools=[school(OLD, trusts=[TrustLink("99", "x" * 5000)])]).ends

    assert 2000 == len(one.why)


@pytest.mark.rule("E2", "V6")
def test_an_authoritys_plan_goes_by_its_own_code() -> None:
    """A school that moved to another authority left; whichever trust it is in."""
    moved = school(OLD, local_authority=Coded("871", "Slough"))
    plan = planned(
        attrs.evolve(agreement(OLD, State.APPROVED, of=AUTHORITY), version=1), schools=[moved], by=group(AUTHORITY)
    )

    assert [EndCause.SCHOOL_LEFT_GROUP] == [one.cause for one in plan.ends]


@pytest.mark.rule("E2", "V10")
def test_parts_are_in_the_order_of_names() -> None:
    """Folded, then by URN, as every list of schools is."""
    names = {1: "Zion", 2: "Élm", 3: "elm", 4: "Abbey"}
    plan = planned(
        *(standing(urn) for urn in names),
        schools=[attrs.evolve(closed(urn), name=name) for urn, name in names.items()],
    )

    assert [4, 2, 3, 1] == [one.urn for one in plan.ends]


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("count", "of", "needed"),
    [
        pytest.param(3, 3, False, id="three-of-three"),
        pytest.param(4, 4, True, id="four-of-four"),
        pytest.param(4, 39, True, id="just-above-a-tenth"),
        pytest.param(4, 40, False, id="exactly-a-tenth"),
        pytest.param(10, 100, False, id="ten-of-a-hundred"),
        pytest.param(11, 100, True, id="eleven-of-a-hundred"),
        pytest.param(0, 0, False, id="nothing"),
    ],
)
@pytest.mark.parametrize("state", [State.APPROVED, State.PENDING, State.UPGRADING], ids=lambda state: state.value)
def test_a_plan_is_confirmed_above_a_tenth_and_above_three(count: int, of: int, needed: bool, state: State) -> None:
    """Open requests to close count as agreements to end do, on both sides of the fraction."""
    plan, view, agreements = some_closed({state: (count, of)})

    in_force = "0 of 0" if state is State.PENDING else f"{count} of {of}"
    words = f"would end {count} of {of} agreements and open requests, {in_force} agreements in force among them"
    assert (count, of) == (len(plan.to_end), plan.standing)
    assert needed == plan.needs_confirmation
    assert needed == (f"It {words}, so it has to be confirmed explicitly." in str(plan))
    reasons = against(plan, view, *agreements)
    assert ([RefusalCode.CONFIRMATION_NEEDED] if needed else []) == list(reasons)
    assert not needed or f"All that this register shows {words}." in reasons[RefusalCode.CONFIRMATION_NEEDED]
    assert {} == against(plan, view, *agreements, confirmed=True)


def some_closed(
    counts: dict[State, tuple[int, int]],
) -> tuple[Plan, RegisterFacts, list[Agreement]]:
    """Make a plan, and what it rests on, where so many of so many schools of each state closed."""
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
        pytest.param((4, 40), (0, 0), False, id="a-tenth-of-both"),
        pytest.param((3, 3), (0, 37), False, id="three-agreements"),
        pytest.param((3, 3), (1, 36), True, id="four-of-thirty-nine"),
        pytest.param((3, 3), (1, 37), False, id="four-of-forty"),
        pytest.param((0, 90), (10, 10), False, id="requests-alone-among-many-agreements"),
    ],
)
def test_open_requests_do_not_hide_that_agreements_end(
    in_force: tuple[int, int], alone: tuple[int, int], needed: bool
) -> None:
    """Either share suffices: of what is in force, or of all that stands."""
    plan, view, agreements = some_closed({State.APPROVED: in_force, State.PENDING: alone})

    assert (in_force[1], in_force[1] + alone[1]) == (plan.in_force, plan.standing)
    assert needed == plan.needs_confirmation
    assert ([RefusalCode.CONFIRMATION_NEEDED] if needed else []) == list(against(plan, view, *agreements))


@pytest.mark.rule("E3")
def test_what_a_plan_says_of_itself_does_not_spare_the_confirmation() -> None:
    """Neither a forged count nor a part at a time, for what the register shows is counted again."""
    plan, view, agreements = some_closed({State.APPROVED: (10, 20)})

    for forged in (
        attrs.evolve(plan, standing=1000, in_force=1000),
        attrs.evolve(plan, ends=plan.ends[:3]),
        attrs.evolve(plan, ends=[]),
    ):
        assert not forged.needs_confirmation
        assert [RefusalCode.CONFIRMATION_NEEDED] == list(against(forged, view, *agreements))
        assert {} == against(forged, view, *agreements, confirmed=True)


@pytest.mark.rule("E3")
def test_what_ended_meanwhile_needs_no_confirmation_again() -> None:
    """After a part was confirmed and applied, only what would end still counts."""
    plan, view, agreements = some_closed({State.APPROVED: (10, 20)})
    left = [standing(one.urn, State.NO_AGREEMENT) if one.urn <= 7 else one for one in agreements]

    assert {} == against(plan, view, *left)


@pytest.mark.rule("E3")
def test_agreements_that_came_after_the_plan_count_too() -> None:
    """Whether the register ends them or not; the plan's own facts stay as they were."""
    plan, view, agreements = some_closed({State.APPROVED: (3, 3)})
    more = [standing(urn) for urn in range(4, 8)]
    opened = facts(*[closed(urn) for urn in range(1, 4)], *[school(urn) for urn in range(4, 8)], urns=range(1, 8))
    shut = facts(*[closed(urn) for urn in range(1, 8)], urns=range(1, 8))

    assert {} == against(plan, view, *agreements, *more, whole=opened)
    reasons = against(plan, view, *agreements, *more, whole=shut)
    assert "would end 7 of 7 agreements" in reasons[RefusalCode.CONFIRMATION_NEEDED]


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("found", "cause", "group_named", "links"),
    [
        pytest.param(None, EndCause.SCHOOL_LEFT_GROUP, True, [], id="gone"),
        pytest.param(school(OLD), EndCause.GROUP_CLOSED, False, [], id="group-not-named"),
        pytest.param(
            school(OLD, trusts=[ELSEWHERE]), EndCause.SUCCEEDED, True, [link(OLD, NEW)], id="left-and-succeeded"
        ),
        pytest.param(closed(), EndCause.SUCCEEDED, True, [link(OLD, NEW, day=TOMORROW)], id="succeeded-later"),
        pytest.param(closed(), EndCause.SCHOOL_LEFT_GROUP, True, [], id="another-cause"),
        pytest.param(school(OLD), EndCause.SCHOOL_CLOSED, True, [], id="as-it-was"),
        pytest.param(
            school(OLD, status=STATUSES.UNKNOWN, status_name="Merged"),
            EndCause.SCHOOL_CLOSED,
            True,
            [],
            id="unknown-status",
        ),
        pytest.param(
            school(OLD, status=STATUSES.OPEN_PROPOSED_TO_CLOSE), EndCause.SCHOOL_CLOSED, True, [], id="to-close"
        ),
    ],
)
@pytest.mark.parametrize("state", [State.APPROVED, State.NO_AGREEMENT], ids=lambda state: state.value)
def test_a_planned_end_has_the_very_cause_that_a_plan_would_give(
    found: Institution | None, cause: EndCause, group_named: bool, links: list[SuccessorLink], state: State
) -> None:
    """One that was added or altered refuses the whole plan, whether anything stands with the school or not."""
    schools = [closed(OTHER), *([found] if found else [])]
    by = None if group_named else group(is_open=False)
    view = facts(*schools, links=links, urns=[OLD, OTHER], by=by, names_group=group_named)
    plan = planned(standing(OLD, state), standing(OTHER), schools=schools, links=links, by=by, names_group=group_named)
    assert {} == against(plan, view, standing(OLD, state), standing(OTHER))
    added = attrs.evolve(plan.ends[-1], urn=OLD, name="Óak", cause=cause)
    forged = attrs.evolve(plan, ends=[one for one in plan.ends if one.urn != OLD] + [added])

    reasons = against(forged, view, standing(OLD, state), standing(OTHER))

    assert [RefusalCode.REGISTER_DIFFERS] == list(reasons)
    words = reasons[RefusalCode.REGISTER_DIFFERS]
    assert "It does not show clearly of Óak (100000) that the " in words
    assert words.endswith("Make a new plan.")


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
    """Both when planning and when applying; the same day again is no older."""
    view = facts(school(OLD))
    found = why_no_plan(view, register_day=DAY, last_register=last)

    assert reasons == [reason.code for reason in found]
    assert reasons == list(against(planned(standing(), schools=[school(OLD)]), view, standing(), last_register=last))
    if reasons:
        assert (
            "The register is of 3 May 2026, and that of 4 May 2026 was applied to the group already. "
            "Put the newest register in place."
        ) == str(found[0])


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
    found = why_no_plan(view, register_day=DAY, last_register=None, seen_before=seen_before)

    assert ([RefusalCode.REGISTER_EMPTY] if refused else []) == [reason.code for reason in found]


@pytest.mark.rule("E3")
def test_a_plan_of_a_register_without_the_groups_schools_is_not_applied() -> None:
    """It can only have been made by hand."""
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
        pytest.param(attrs.evolve(BASE, told_day=TOMORROW), id="day"),
        pytest.param(attrs.evolve(BASE, told_day=None), id="day-not-told"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, name="New Name Trust")), id="groups-name"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, is_open=False)), id="group-closed"),
        pytest.param(attrs.evolve(BASE, group=attrs.evolve(BASE.group, closed_on=DAY)), id="groups-close-date"),
        pytest.param(attrs.evolve(BASE, names_group=False), id="group-not-named"),
        pytest.param(attrs.evolve(BASE, linked={OLD}), id="linked"),
        pytest.param(attrs.evolve(BASE, urns={OLD}), id="urns"),
        pytest.param(attrs.evolve(BASE, institutions={NEW: SUCCESSOR}), id="institution-gone"),
        pytest.param(attrs.evolve(BASE, links=[]), id="link-gone"),
        pytest.param(attrs.evolve(BASE, links=[link(OLD, OTHER)]), id="links-successor"),
        pytest.param(attrs.evolve(BASE, links=[link(OTHER, NEW)]), id="links-predecessor"),
        pytest.param(attrs.evolve(BASE, links=[link(OLD, NEW, "Successor - merged")]), id="links-kind"),
        pytest.param(attrs.evolve(BASE, links=[link(OLD, NEW, day=None)]), id="links-day"),
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
def test_another_fact_makes_another_register(other: RegisterFacts) -> None:
    """Each fact that a plan rests on is in the digest, so a different register of the same day is refused."""
    given = attrs.evolve(planned(standing(), schools=[closed()]), digest=BASE.digest)

    ((code, words),) = against(given, other, standing(), whole=BASE).items()

    assert RefusalCode.REGISTER_DIFFERS is code
    assert "The plan is from that of 3 May 2026, and the one in place is of " in words
    assert words.endswith("Make a new plan.")


@pytest.mark.rule("E4")
def test_the_same_facts_in_any_order_are_the_same_register() -> None:
    """Directories give them in any order, and a plan looks at no address."""
    links = [link(OLD, NEW), link(OLD, OTHER, day=None)]
    moved = attrs.evolve(SUCCESSOR, street="2 New Road")
    there = facts(SUCCESSOR, closed(), links=links, urns=[OTHER, OLD])
    here = facts(closed(), moved, links=reversed(links), urns=[OLD, OTHER])

    assert there.digest == here.digest


@pytest.mark.rule("E4")
def test_every_reason_against_a_plan_is_told() -> None:
    """The primary one first; nothing of it is applied."""
    plan, view, agreements = some_closed({State.APPROVED: (4, 4)})

    assert [RefusalCode.REGISTER_OLDER, RefusalCode.CONFIRMATION_NEEDED] == list(
        against(plan, view, *agreements, last_register=TOMORROW)
    )
    # What another register would end is no part of this plan.
    assert [RefusalCode.REGISTER_EMPTY, RefusalCode.REGISTER_OLDER, RefusalCode.REGISTER_DIFFERS] == list(
        against(plan, facts(urns=range(1, 5)), *agreements, last_register=TOMORROW)
    )


def everything() -> Plan:
    """Make a plan that has something in each of its parts."""
    return planned(
        standing(OLD, State.UPGRADING),
        standing(1, State.PENDING),
        standing(2),
        standing(3, State.PENDING),
        schools=[
            attrs.evolve(closed(), name="Old\x1b[31m Hall\n"),
            school(1, trusts=()),
            school(3),
            school(4),
            school(NEW),
            school(OTHER, trusts=[ELSEWHERE], number="2001"),
        ],
        links=[
            link(OLD, NEW, "Successor - merged", TOMORROW),
            link(OLD, OTHER, day=None),
            link(OLD, 3),
        ],
    )


@pytest.mark.rule("E2", "E5")
def test_a_plan_can_be_read_by_people() -> None:
    """Every part that holds something has a heading with its number, and each school a line."""
    assert """\
Areté Learning Trust (mat:5143), register of 3 May 2026
Agreements and open requests that stand: 4.

Agreements to end (1):
  - Old [31m Hall  (100000), MIS Data: the school was succeeded by another – it closed on 3 May 2026. \
Its open request is closed too.

Open requests to close (1):
  - School 1 (1): the school left the group – the register does not link it with the group (it is in no trust).

Schools that have no agreement (1):
  - School 4 (4)

Successors to ask (1):
  - School 200000 (200000) after 100000, MIS Data suggested. Evidence: 100000 → 200000, Successor - merged, \
4 May 2026, in the future, same number, 3 to at least 1. Look at: in the future, several successors, \
several predecessors.

Successors that are not to be asked now (2):
  - School 200001 (200001) after 100000. The group does not see it: the register does not link it with the group \
(it is in trust 99 Elsewhere Trust). Evidence: 100000 → 200001, Successor, undated, other number, 3 to at least 1. \
Look at: undated, several successors, other number.
  - School 3 (3) after 100000. It stands already: Pending. Evidence: 100000 → 3, Successor, 3 May 2026, same number, \
3 to at least 1. Look at: several successors.

Unclear, and left as it is (1):
  - URN 2 (2): the register has no such URN.

This is a plan: nothing has been done yet.""" == str(everything())


@pytest.mark.rule("O5")
def test_nothing_in_a_name_can_command_a_terminal() -> None:
    """Letters that cannot be printed become spaces, line breaks within a name too."""
    assert all(line.isprintable() for line in str(everything()).split("\n"))


@pytest.mark.parametrize(
    "change",
    [
        {"group": "mat:5143"},
        {"register_day": "2026-05-03"},
        {"digest": ""},
        {"standing": -1},
        {"looked_at": ["100000"]},
        {"ends": ["100000"]},
        {"joined": [OLD]},
        {"successors": [NEW]},
        {"unclear": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_plan_is_valid_from_construction(change: dict[str, Any]) -> None:
    """A host cannot make one of parts that cannot be right."""
    with pytest.raises(InvalidValue):
        attrs.evolve(everything(), **change)
