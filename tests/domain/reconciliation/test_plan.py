"""What a register means for a group's agreements, as a plan (rules E2, E5)."""

from datetime import date, timedelta

import attrs
import pytest

from datashare.domain.agreements import Agreement, AgreementId, EndCause, RequestId, State
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import NewSchool, Plan, Uncertainty
from datashare.domain.register import Coded, EstablishmentStatus, Institution, TrustLink
from tests.builders import DAY, agreement, group
from tests.builders import LA as AUTHORITY
from tests.builders import MAT as TRUST
from tests.domain.reconciliation.cases import NEW, OLD, OTHER, closed, link, planned, school, standing

CLOSED = EstablishmentStatus.CLOSED
STATUSES = EstablishmentStatus
ELSEWHERE = TrustLink("99", "Elsewhere Trust")
TOMORROW = DAY + timedelta(days=1)


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("register", "cause"),
    [
        pytest.param(closed(), EndCause.SCHOOL_CLOSED, id="closed"),
        pytest.param(closed(trusts=()), EndCause.SCHOOL_CLOSED, id="closed-and-left"),
        pytest.param(school(OLD, trusts=()), EndCause.SCHOOL_LEFT_GROUP, id="left"),
        pytest.param(school(OLD, trusts=[ELSEWHERE]), EndCause.SCHOOL_LEFT_GROUP, id="moved-alone"),
    ],
)
def test_an_agreement_ends_if_the_register_shows_that_it_is_over(register: Institution, cause: EndCause) -> None:
    """The school closed, or is known to be in another trust or in no trust."""
    plan = planned(standing(version=7), schools=[register, school(OTHER)], seen_before={OTHER})

    (end,) = plan.ends
    assert (OLD, register.name, 7, cause) == (end.urn, end.name, end.version, end.cause)
    assert (AccessLevel.MIS_DATA, "MIS Data", None) == (end.level, end.level_label, end.request)
    assert ((), (), ()) == (plan.closes, plan.unclear, plan.joined)


@pytest.mark.rule("E2")
def test_what_else_is_strange_about_a_school_that_left_does_not_keep_its_agreement() -> None:
    """The end names every reason in the words of the register."""
    (end,) = planned(
        standing(), schools=[school(OLD, trusts=[ELSEWHERE], status=STATUSES.UNKNOWN, status_name="Merged")]
    ).ends

    assert EndCause.SCHOOL_LEFT_GROUP is end.cause
    assert (
        "the register does not link it with the group (it is in trust 99 Elsewhere Trust); "
        "its status in the register is not a known one (Merged)"
    ) == end.why


@pytest.mark.rule("E2")
@pytest.mark.parametrize(
    ("day", "cause"),
    [
        pytest.param(None, EndCause.SUCCEEDED, id="undated"),
        pytest.param(DAY, EndCause.SUCCEEDED, id="today"),
        pytest.param(TOMORROW, EndCause.SCHOOL_CLOSED, id="only-tomorrow"),
    ],
)
def test_a_closed_school_was_succeeded_if_the_register_names_its_successor(day: date | None, cause: EndCause) -> None:
    """A successor in the future has not succeeded it yet."""
    plan = planned(standing(), schools=[closed()], links=[link(OLD, NEW, day=day)])

    assert [cause] == [end.cause for end in plan.ends]


@pytest.mark.rule("E2")
def test_an_open_request_alone_is_closed_and_one_beside_a_level_goes_with_it() -> None:
    """The two are in different parts of the plan, each with its request."""
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
    """All end, whatever the schools do, including those that have left the register."""
    plan = planned(standing(), standing(OTHER), schools=[school(OLD)], by=group(is_open=False, closed_on=DAY))

    assert {OLD: EndCause.GROUP_CLOSED, OTHER: EndCause.GROUP_CLOSED} == {end.urn: end.cause for end in plan.ends}
    assert "the group closed on 3 May 2026" == next(end.why for end in plan.ends if end.urn == OLD)


@pytest.mark.rule("E2")
def test_a_group_that_the_register_does_not_name_has_not_closed() -> None:
    """Its schools end only for what the register says about themselves; otherwise they are unclear."""
    gone = group(is_open=False)
    plan = planned(
        standing(OLD),
        standing(OTHER),
        standing(NEW),
        schools=[school(OLD, trusts=[ELSEWHERE]), school(OTHER)],
        by=gone,
        names_group=False,
    )

    assert [(OLD, EndCause.SCHOOL_LEFT_GROUP)] == [(end.urn, end.cause) for end in plan.ends]
    assert plan.ends[0].why.startswith("the register does not name the group; the register does not link it")
    assert {
        OTHER: (Uncertainty.GROUP_GONE,),
        NEW: (Uncertainty.GROUP_GONE, Uncertainty.URN_GONE),
    } == {unclear.urn: unclear.because for unclear in plan.unclear}


CLOSING = school(OLD, status=STATUSES.OPEN_PROPOSED_TO_CLOSE, close_date=TOMORROW)
NARROW = attrs.evolve(Policy.mat(), include_proposed_to_close=False, establishment_types={"34"})
JOINING = school(OLD, trusts=[TrustLink(TRUST.code, "", TOMORROW)])
OVERDUE = school(OLD, close_date=DAY - timedelta(days=1))


@pytest.mark.rule("E2", "V3", "V4", "V5")
@pytest.mark.parametrize(
    ("register", "because", "visible"),
    [
        pytest.param([], Uncertainty.URN_GONE, False, id="gone"),
        pytest.param([school(OLD, status=STATUSES.UNKNOWN)], Uncertainty.UNKNOWN_STATUS, False, id="unknown-status"),
        pytest.param([school(OLD, status=STATUSES.PROPOSED_TO_OPEN)], Uncertainty.DUE_TO_OPEN, False, id="due-to-open"),
        pytest.param([JOINING], Uncertainty.JOINS_LATER, False, id="joins-later"),
        pytest.param([CLOSING], Uncertainty.PROPOSED_TO_CLOSE, True, id="proposed-to-close"),
        pytest.param([OVERDUE], Uncertainty.DATES_CONTRADICT_STATUS, True, id="dates"),
    ],
)
def test_what_the_register_does_not_say_clearly_ends_nothing(
    register: list[Institution], because: Uncertainty, visible: bool
) -> None:
    """It is left as it is, for a person to look at."""
    plan = planned(standing(), schools=register)

    (unclear,) = plan.unclear
    assert ((because,), visible) == (unclear.because, unclear.visible)
    assert () == plan.to_end
    assert not plan.nothing_to_do


@pytest.mark.rule("E2", "V3")
@pytest.mark.parametrize("register", [CLOSING, school(OLD, establishment_type=None)], ids=["closing", "type"])
def test_what_the_policy_leaves_out_is_unclear(register: Institution) -> None:
    """The group's own choice hides the school, so the register does not show that anything is over."""
    (unclear,) = planned(standing(), schools=[register], policy=NARROW).unclear

    assert ((Uncertainty.LEFT_OUT_BY_POLICY,), False) == (unclear.because, unclear.visible)


@pytest.mark.rule("E2", "V3", "V4")
def test_what_is_unclear_at_a_visible_school_has_words() -> None:
    """The words name the day if the register has one."""
    undated = attrs.evolve(CLOSING, close_date=None)
    parts = [planned(standing(), schools=[register]).unclear for register in (CLOSING, undated, OVERDUE)]

    assert [
        "it is proposed to close on 4 May 2026",
        "it is proposed to close",
        "its close date has passed, but its status is still open",
    ] == [unclear.why for (unclear,) in parts]


@pytest.mark.rule("E2")
def test_several_uncertainties_of_one_school_stand_together() -> None:
    """Each kind is named once, with all of the words."""
    due = school(OLD, status=STATUSES.PROPOSED_TO_OPEN, open_date=DAY, trusts=[TrustLink(TRUST.code, "", TOMORROW)])
    (unclear,) = planned(standing(), schools=[due]).unclear

    assert (
        Uncertainty.JOINS_LATER,
        Uncertainty.DUE_TO_OPEN,
        Uncertainty.DATES_CONTRADICT_STATUS,
    ) == unclear.because
    assert (
        "it joins the group on 4 May 2026; it is due to open on 3 May 2026; "
        "its open date has passed, but its status is still proposed to open"
    ) == unclear.why


@pytest.mark.rule("E2")
@pytest.mark.parametrize("register", [school(OLD), closed()], ids=["open", "closed"])
def test_where_nothing_stands_nothing_ends_and_nothing_is_unclear(register: Institution) -> None:
    """An agreement that ended does not end again, and nobody has to look at its school's dates."""
    plan = planned(standing(OLD, State.NO_AGREEMENT), schools=[attrs.evolve(register, close_date=date(2020, 1, 1))])

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
    ],
)
def test_a_school_joined_if_the_group_did_not_see_it_before(
    known: list[Agreement], seen_before: frozenset[int] | None, joined: bool
) -> None:
    """An older register shows what it saw before; without one the plan says only that there is no agreement."""
    plan = planned(*known, schools=[school(NEW, "Óak"), school(OTHER, status=CLOSED)], seen_before=seen_before)

    assert ((NewSchool(urn=NEW, name="Óak"),) if joined else ()) == plan.joined
    assert (seen_before is not None) == plan.compared
    assert (joined and seen_before is None) == ("Schools that have no agreement (1):" in str(plan))
    assert (joined and seen_before is not None) == ("Schools that joined and have no agreement (1):" in str(plan))


@pytest.mark.rule("E2")
def test_what_this_register_does_not_name_is_called_as_in_the_older_one() -> None:
    """A download that was cut short lacks schools, and a person has to recognise them."""
    plan = planned(
        standing(OLD),
        standing(OTHER),
        schools=[school(OTHER, "New Name")],
        names_before={OLD: "Óak", OTHER: "Old Name"},
    )

    assert [(OLD, "Óak")] == [(unclear.urn, unclear.name) for unclear in plan.unclear]
    assert "Óak (100000): the register has no such URN." in str(plan)


@pytest.mark.rule("E2", "E5")
@pytest.mark.parametrize(
    ("register", "day", "unclear"),
    [
        pytest.param(school(OLD), TOMORROW, True, id="to-come"),
        pytest.param(school(OLD), DAY, False, id="today"),
        pytest.param(school(OLD), None, False, id="undated"),
        pytest.param(closed(), TOMORROW, False, id="of-a-school-that-closed"),
    ],
)
def test_a_successor_to_come_of_a_school_that_is_open_is_unclear(
    register: Institution, day: date | None, unclear: bool
) -> None:
    """It cannot be asked yet, but somebody should know; that of a closed school is among the successors."""
    plan = planned(standing(), schools=[register, school(NEW, "Óak")], links=[link(OLD, NEW, day=day)])

    words = "Óak (200000) is to succeed it on 4 May 2026"
    assert ([((Uncertainty.SUCCESSOR_TO_COME,), True, words)] if unclear else []) == [
        (part.because, part.visible, part.why) for part in plan.unclear
    ]
    assert ([NEW] if register.status is CLOSED else []) == [successor.urn for successor in plan.successors]


@pytest.mark.rule("E2")
def test_no_more_of_the_registers_words_than_a_person_reads() -> None:
    """A cell may have any length, and people read plans."""
    (end,) = planned(standing(), schools=[school(OLD, trusts=[TrustLink("99", "x" * 5000)])]).ends

    assert 600 < len(end.why) < 700


@pytest.mark.rule("E2", "V6")
def test_an_authoritys_plan_goes_by_its_own_code() -> None:
    """A school that moved to another authority left, whichever trust it is in."""
    moved = school(OLD, local_authority=Coded("871", "Slough"))
    plan = planned(
        attrs.evolve(agreement(OLD, State.APPROVED, of=AUTHORITY), version=1),
        schools=[moved, school(OTHER)],
        by=group(AUTHORITY),
    )

    assert [EndCause.SCHOOL_LEFT_GROUP] == [end.cause for end in plan.ends]


@pytest.mark.rule("E2", "V10")
def test_parts_are_in_the_order_of_names() -> None:
    """They are ordered by folded name, then by URN, like every list of schools."""
    names = {1: "Zion", 2: "Élm", 3: "elm", 4: "Abbey"}
    plan = planned(
        *(standing(urn) for urn in names),
        schools=[attrs.evolve(closed(urn), name=name) for urn, name in names.items()],
    )

    assert [4, 2, 3, 1] == [end.urn for end in plan.ends]


def everything() -> Plan:
    """Return a plan that has something in each of its parts."""
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
    """Unprintable characters become spaces, including line breaks within a name."""
    assert all(line.isprintable() for line in str(everything()).split("\n"))
