"""Which institutions a group sees, and why not the others (rules V)."""

from datetime import date, timedelta
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.policy import MAINTAINED_TYPES, Policy
from datashare.domain.register import (
    UNKNOWN_DAY,
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    TrustLink,
)
from datashare.domain.text import folded
from datashare.domain.visibility import (
    DateWarning,
    HiddenBecause,
    HiddenReason,
    Visibility,
    link_with,
    visible_institutions,
)
from tests.builders import ACADEMY_CONVERTER, DAY, LA, MAT, VOLUNTARY_AIDED, group, institution, look

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
IS_OPEN = {EstablishmentStatus.OPEN, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE}


def why(answer: Visibility) -> list[HiddenBecause]:
    """Return the reasons of an answer, without their facts."""
    return [reason.because for reason in answer.reasons]


@pytest.mark.rule("V1")
def test_a_trust_sees_the_schools_with_its_uid() -> None:
    """An equal group UID links, whatever the name beside it."""
    school = institution(trusts=[TrustLink("16", "Another"), TrustLink("5143", "A former name")])

    assert look(school).visible


@pytest.mark.rule("V1")
@pytest.mark.parametrize(
    "school",
    [
        pytest.param(institution(trusts=[]), id="no-trust"),
        pytest.param(institution(trusts=[TrustLink("5144", "Areté Learning Trust")]), id="same-name"),
        pytest.param(institution(trusts=[TrustLink("51430"), TrustLink("514")]), id="not-quite-the-uid"),
        pytest.param(institution(trusts=[], federations=[Coded("5143", "Areté")]), id="federation"),
    ],
)
def test_nothing_but_the_uid_links_with_a_trust(school: Institution) -> None:
    """Neither a name nor a federation makes a school one of the trust's."""
    assert [HiddenBecause.NOT_LINKED] == why(look(school))


@pytest.mark.rule("V1", "V6")
def test_a_trust_and_an_authority_with_one_code_are_not_confused() -> None:
    """The kind of the group decides where its code is looked for."""
    of_trust = institution(trusts=[TrustLink("870")], local_authority=Coded("202", "Camden"))
    of_authority = institution(trusts=[])

    assert look(of_trust, by=group(GroupId.mat("870"))).visible
    assert not look(of_trust, by=group(LA)).visible
    assert look(of_authority, by=group(LA)).visible
    assert not look(of_authority, by=group(GroupId.mat("870"))).visible


@pytest.mark.rule("V1", "V7")
@pytest.mark.parametrize("days", [(None, TOMORROW), (TOMORROW, None), (DAY, TOMORROW), (TOMORROW, DAY)], ids=count())
def test_of_several_links_with_one_trust_the_longest_counts(days: tuple[date | None, date | None]) -> None:
    """A second link that begins later hides nothing, in whatever order the two stand."""
    school = institution(trusts=[TrustLink("5143", "", day) for day in days])

    assert look(school).visible


@pytest.mark.rule("V2", "V3", "V5")
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (EstablishmentStatus.OPEN, []),
        (EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE, []),
        (EstablishmentStatus.CLOSED, [HiddenBecause.CLOSED]),
        (EstablishmentStatus.PROPOSED_TO_OPEN, [HiddenBecause.DUE_TO_OPEN]),
        (EstablishmentStatus.UNKNOWN, [HiddenBecause.UNKNOWN_STATUS]),
    ],
)
@pytest.mark.parametrize("by", [MAT, LA], ids=str)
def test_only_open_schools_are_seen(by: GroupId, status: EstablishmentStatus, expected: list[HiddenBecause]) -> None:
    """Closed, not yet open and unknown statuses hide a school from either kind of group."""
    assert expected == why(look(institution(status=status), by=group(by)))


@pytest.mark.rule("V3")
def test_policy_can_leave_out_schools_proposed_to_close() -> None:
    """With the policy narrowed to status 1, status 3 is hidden, and the reason names the day."""
    narrow = attrs.evolve(Policy.mat(), include_proposed_to_close=False)
    closing = institution(status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE, close_date=date(2026, 8, 31))

    answer = look(closing, policy=narrow)

    assert (HiddenReason(HiddenBecause.PROPOSED_TO_CLOSE, date(2026, 8, 31)),) == answer.reasons
    assert look(institution(), policy=narrow).visible


@pytest.mark.rule("V4")
@pytest.mark.parametrize(
    ("status", "opens", "closes", "visible", "warnings"),
    [
        (EstablishmentStatus.PROPOSED_TO_OPEN, YESTERDAY, None, False, (DateWarning.OPEN_DATE_PASSED,)),
        (EstablishmentStatus.PROPOSED_TO_OPEN, DAY, None, False, (DateWarning.OPEN_DATE_PASSED,)),
        (EstablishmentStatus.PROPOSED_TO_OPEN, TOMORROW, None, False, ()),
        (EstablishmentStatus.PROPOSED_TO_OPEN, None, None, False, ()),
        (EstablishmentStatus.OPEN, None, YESTERDAY, True, (DateWarning.CLOSE_DATE_PASSED,)),
        (EstablishmentStatus.OPEN, None, DAY, True, ()),
        (EstablishmentStatus.OPEN, YESTERDAY, TOMORROW, True, ()),
        (EstablishmentStatus.OPEN, TOMORROW, None, True, (DateWarning.OPEN_DATE_AHEAD,)),
        (EstablishmentStatus.OPEN, DAY, None, True, ()),
        (
            EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE,
            TOMORROW,
            YESTERDAY,
            True,
            (DateWarning.OPEN_DATE_AHEAD, DateWarning.CLOSE_DATE_PASSED),
        ),
        (EstablishmentStatus.CLOSED, TOMORROW, YESTERDAY, False, ()),
    ],
    ids=count(),
)
def test_status_decides_and_dates_only_warn(
    status: EstablishmentStatus,
    opens: date | None,
    closes: date | None,
    visible: bool,
    warnings: tuple[DateWarning, ...],
) -> None:
    """A date that does not fit the status changes nothing but the warnings."""
    answer = look(institution(status=status, open_date=opens, close_date=closes))

    assert (visible, warnings) == (answer.visible, answer.warnings)


@pytest.mark.rule("V6")
def test_an_authority_sees_every_type_in_its_area() -> None:
    """Academies in its area are seen as maintained schools are, and so is a school of no known type."""
    schools = tuple(
        institution(100000 + n, establishment_type=kind, trusts=[])
        for n, kind in enumerate([ACADEMY_CONVERTER, VOLUNTARY_AIDED, None])
    )

    assert schools == visible_institutions(schools, group=group(LA), policy=Policy.local_authority(), day=DAY)


@pytest.mark.rule("V6", "V9")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ACADEMY_CONVERTER, "the group's policy leaves out its type (34 Academy converter)"),
        (Coded("34"), "the group's policy leaves out its type (34)"),
        (None, "the group's policy leaves out its type (none given)"),
    ],
    ids=count(),
)
def test_policy_can_narrow_an_authority_to_maintained_types(kind: Coded | None, words: str) -> None:
    """With the policy narrowed, only types that an LA maintains are seen; the reason names the type."""
    narrow = Policy.local_authority(maintained_only=True)

    answer = look(institution(establishment_type=kind), by=group(LA), policy=narrow)

    assert [words] == [str(reason) for reason in answer.reasons]
    for code in MAINTAINED_TYPES:
        maintained = institution(establishment_type=Coded(code))
        assert look(maintained, by=group(LA), policy=narrow).visible


@pytest.mark.rule("V6")
@pytest.mark.parametrize(("code", "visible"), [("000", False), ("007", True)])
def test_an_authority_sees_its_schools_whatever_its_code_but_nobody_sees_those_without_one(
    code: str, visible: bool
) -> None:
    """Code 000 stands for no authority, so it links no schools with one another."""
    school, of = institution(local_authority=Coded(code, "Does not apply")), GroupId.local_authority(code)

    assert visible is look(school, by=group(of)).visible is (of in school.groups)


@pytest.mark.rule("V6", "V9")
@pytest.mark.parametrize(
    ("local_authority", "words"),
    [
        (Coded("202", "Camden"), "its local authority is 202 Camden"),
        (Coded("202"), "its local authority is 202"),
        (None, "it has no local authority"),
    ],
    ids=count(),
)
def test_only_the_current_authority_counts(local_authority: Coded | None, words: str) -> None:
    """A school under another authority now is hidden, and the reason names that authority."""
    answer = look(institution(local_authority=local_authority), by=group(LA))

    assert [f"the register does not link it with the group ({words})"] == [str(reason) for reason in answer.reasons]


@pytest.mark.rule("V7")
@pytest.mark.parametrize(
    ("joined_on", "visible"),
    [(None, True), (YESTERDAY, True), (DAY, True), (TOMORROW, False), (UNKNOWN_DAY, False)],
    ids=str,
)
def test_a_link_counts_from_its_day(joined_on: date | None, visible: bool) -> None:
    """A link counts from the day of joining, that day included, and without a day it counts always."""
    answer = look(institution(trusts=[TrustLink("5143", "", joined_on)]))

    assert visible is answer.visible
    assert visible or (HiddenReason(HiddenBecause.JOINS_LATER, joined_on),) == answer.reasons


@pytest.mark.rule("V8", "V9")
@pytest.mark.parametrize(
    ("closed_on", "words"),
    [(date(2025, 8, 31), "the group closed on 31 August 2025"), (None, "the group closed")],
    ids=str,
)
def test_a_closed_group_sees_nothing(closed_on: date | None, words: str) -> None:
    """The closing of the group hides every school, and the reason names the day where it is known."""
    closed = group(is_open=False, closed_on=closed_on)

    assert () == visible_institutions((institution(),), group=closed, policy=Policy.mat(), day=DAY)
    assert [words] == [str(reason) for reason in look(institution(), by=closed).reasons]


CLOSED, TO_OPEN = EstablishmentStatus.CLOSED, EstablishmentStatus.PROPOSED_TO_OPEN


@pytest.mark.rule("V9")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"trusts": [TrustLink("16", "Hope Trust"), TrustLink("17")]},
            "the register does not link it with the group (it is in trust 16 Hope Trust, 17)",
        ),
        ({"trusts": []}, "the register does not link it with the group (it is in no trust)"),
        ({"trusts": [TrustLink("5143", "", date(2026, 9, 1))]}, "it joins the group on 1 September 2026"),
        (
            {"trusts": [TrustLink("5143", "", UNKNOWN_DAY)]},
            "it joins the group on a day that cannot be read in the register",
        ),
        ({"status": CLOSED, "close_date": date(2024, 2, 29)}, "it closed on 29 February 2024"),
        ({"status": CLOSED}, "it closed"),
        ({"status": TO_OPEN, "open_date": date(2026, 9, 1)}, "it is due to open on 1 September 2026"),
        (
            {"status": EstablishmentStatus.UNKNOWN, "status_name": "De-registered"},
            "its status in the register is not a known one (De-registered)",
        ),
    ],
    ids=count(),
)
def test_the_answer_says_why_a_school_is_hidden(changes: dict[str, Any], expected: str) -> None:
    """Each reason is worded with its facts, and the whole names school, URN and group."""
    answer = look(institution(**changes))

    assert expected == str(answer.reasons[0])
    assert f"St Hilda's Primary School (100000) is hidden from Areté Learning Trust: {expected}." == str(answer)


@pytest.mark.rule("V9")
def test_the_answer_says_that_a_school_is_visible() -> None:
    """A visible school has no reasons, and the answer says so in words, by id where the group has no name."""
    nameless = attrs.evolve(look(institution()), group_name="")

    assert "St Hilda's Primary School (100000) is visible to mat:5143." == str(nameless)
    assert "St Hilda's Primary School (100000) is visible to Areté Learning Trust." == str(look(institution()))


@pytest.mark.rule("V9")
def test_the_answer_holds_all_reasons() -> None:
    """The answer lists everything that hides a school, not only the first reason."""
    narrow = attrs.evolve(Policy.mat(), establishment_types={"02"})
    school = institution(status=EstablishmentStatus.CLOSED, trusts=[])

    answer = look(school, by=group(is_open=False), policy=narrow)

    assert [
        HiddenBecause.GROUP_CLOSED,
        HiddenBecause.NOT_LINKED,
        HiddenBecause.CLOSED,
        HiddenBecause.TYPE_LEFT_OUT,
    ] == why(answer)


@pytest.mark.rule("V9")
def test_an_unknown_urn_has_an_answer() -> None:
    """A URN that the register does not hold is answered too, without warnings."""
    answer = look(None, urn=999999)

    assert [HiddenBecause.UNKNOWN_URN] == why(answer)
    assert () == answer.warnings
    assert "URN 999999 is hidden from Areté Learning Trust: the register has no such URN." == str(answer)


@pytest.mark.rule("V10")
def test_the_list_is_in_the_order_of_folded_names() -> None:
    """Accents, apostrophes and case do not matter to the order; equal names go by URN."""
    names = ["ÉCOLE", "Eagle", "St. John’s", "st johns", "Ebor", "St Johns"]
    schools = [institution(100000 + n, name) for n, name in enumerate(names)]

    visible = visible_institutions(tuple(reversed(schools)), group=group(), policy=Policy.mat(), day=DAY)

    assert [100001, 100004, 100000, 100002, 100003, 100005] == [school.urn for school in visible]


DAYS = st.none() | st.dates(date(2026, 4, 28), date(2026, 5, 8))
LINKS = st.builds(TrustLink, st.sampled_from(["5143", "5144", "870"]), st.just(""), DAYS)
INSTITUTIONS = st.builds(
    institution,
    st.integers(100000, 100030),
    st.text(min_size=1, max_size=6).filter(lambda name: bool(name.strip()) and "\0" not in name),
    status=st.sampled_from(EstablishmentStatus),
    trusts=st.lists(LINKS, max_size=3),
    local_authority=st.sampled_from([None, Coded("870"), Coded("514")]),
    establishment_type=st.sampled_from([None, ACADEMY_CONVERTER, VOLUNTARY_AIDED]),
    open_date=DAYS,
    close_date=DAYS,
)
REGISTERS = st.lists(INSTITUTIONS, max_size=12, unique_by=lambda school: school.urn).map(tuple)
GROUPS = st.builds(group, st.sampled_from([MAT, LA]), is_open=st.booleans())


@st.composite
def policies(draw: st.DrawFn, kind: GroupKind) -> Policy:
    """Draw a policy for a kind of group, narrowed or not."""
    return attrs.evolve(
        Policy.for_kind(kind),
        include_proposed_to_close=draw(st.booleans()),
        establishment_types=draw(st.none() | st.just(MAINTAINED_TYPES)),
    )


@pytest.mark.rule("V1", "V2", "V5", "V6", "V7", "V8", "V9", "V10")
@given(REGISTERS, GROUPS, st.data())
def test_the_list_is_a_function_of_what_the_register_holds(
    register: tuple[Institution, ...], by: Group, data: st.DataObject
) -> None:
    """An open group sees the schools that are linked by now and open, in one order, as each single answer says."""
    policy = data.draw(policies(by.id.kind))

    seen = visible_institutions(register, group=by, policy=policy, day=DAY)

    assert by.is_open or not seen
    assert seen == visible_institutions(register[::-1], group=by, policy=policy, day=DAY)
    assert seen == tuple(sorted(seen, key=lambda school: (folded(school.name), school.urn)))
    for school in register:
        assert (school in seen) is look(school, by=by, policy=policy).visible
    for school in seen:
        link = link_with(school, by.id)
        assert school.status in IS_OPEN
        assert link is not None
        assert by.id.code == (link.uid if isinstance(link, TrustLink) else link.code)
        assert not isinstance(link, TrustLink) or link.joined_on is None or link.joined_on <= DAY


@pytest.mark.rule("V1", "V6")
@given(INSTITUTIONS, st.sampled_from([MAT, GroupId.mat("870"), LA, GroupId.local_authority("514")]))
def test_a_school_knows_the_groups_that_it_is_linked_with(school: Institution, of: GroupId) -> None:
    """The groups of a school are exactly those with which a link is found, whenever it counts."""
    assert (of in school.groups) is (link_with(school, of) is not None)
