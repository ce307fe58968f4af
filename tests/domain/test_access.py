"""What an agreement allows at present, and why (rules X)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.access import AccessAnswer, AccessCode, AccessMap, AccessReason
from datashare.domain.agreements import Agreement, AgreementId, State
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import Associations, Grant, Period, Permission, Person
from datashare.domain.policy import Policy
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.testing import strategies
from tests import builders
from tests.builders import DAY, LA, MAT, MORNING, URN, group, institution

DFE, MIS, ACTIONS = AccessLevel
OTHER = 100001
SEEN = institution()
CLOSED = institution(status=EstablishmentStatus.CLOSED, close_date=DAY)
LEFT = institution(trusts=[])
OF_THE_GROUP = [capability for capability in Capability if capability is not Capability.LOG_IN_TO_SCHOOL]


def agreement(level: AccessLevel | None = MIS, *, urn: int = URN, **changes: Any) -> Agreement:
    """Return an agreement with *level* in force, if any."""
    state = State.APPROVED if level else State.NO_AGREEMENT
    return attrs.evolve(builders.agreement(urn, state, level=level or MIS), **changes)


def access(
    *agreements: Agreement,
    schools: Iterable[Institution] = (SEEN,),
    by: Group | None = None,
    policy: Policy | None = None,
    at: Instant = MORNING,
) -> AccessMap:
    """Return the map of a trust that sees one school, by default."""
    who = by or group()
    return AccessMap(
        group=who,
        policy=policy or Policy.for_kind(who.id.kind),
        agreements=agreements,
        institutions={school.urn: school for school in schools},
        at=at,
    )


def codes(answer: AccessAnswer) -> list[AccessCode]:
    """Return the codes of an answer's reasons."""
    return [reason.code for reason in answer.reasons]


def allowed(answers: AccessMap, urn: int = URN) -> set[Capability]:
    """Return what the group's staff may do at a school, asked both ways."""
    asked: set[Capability] = {capability for capability in OF_THE_GROUP if answers.allows(urn, capability)}
    assert asked == {capability for capability in OF_THE_GROUP if answers.explain(urn, capability).allowed}
    return asked


# What a level grants


@pytest.mark.rule("L2", "X1")
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (None, set()),
        (DFE, {Capability.VIEW_DFE_DATA}),
        (MIS, {Capability.VIEW_DFE_DATA, Capability.VIEW_MIS_DATA}),
        (
            ACTIONS,
            {Capability.VIEW_DFE_DATA, Capability.VIEW_MIS_DATA, Capability.PERFORM_GROUP_ACTIONS},
        ),
    ],
    ids=["none", "dfe", "mis", "actions"],
)
def test_a_level_in_force_allows_its_capabilities(level: AccessLevel | None, expected: set[Capability]) -> None:
    """A level allows what it grants and no more; without an agreement nothing is allowed."""
    assert expected == allowed(access(agreement(level)))


@pytest.mark.rule("X1", "U2")
def test_an_open_request_allows_nothing_of_its_own() -> None:
    """While a request is open, only the level in force counts, if there is one."""
    assert allowed(access(builders.agreement(state=State.PENDING))) == set()
    upgrading = builders.agreement(state=State.UPGRADING, level=DFE)
    assert {Capability.VIEW_DFE_DATA} == allowed(access(upgrading))


@pytest.mark.rule("X1")
def test_an_agreement_counts_for_its_own_school() -> None:
    """An agreement with one school allows nothing at another."""
    answers = access(agreement(), schools=[SEEN, institution(OTHER)])

    assert answers.allows(URN, Capability.VIEW_MIS_DATA)
    assert not answers.allows(OTHER, Capability.VIEW_MIS_DATA)
    assert [AccessCode.NO_AGREEMENT] == codes(answers.explain(OTHER, Capability.VIEW_MIS_DATA))


@pytest.mark.rule("X1")
def test_another_groups_agreements_are_refused() -> None:
    """An agreement of another group would grant what nobody agreed to, so the map is not built."""
    theirs = builders.agreement(state=State.APPROVED, of=LA)

    with pytest.raises(InvalidValue, match="agreements must be agreements of mat:5143; got 'la:870/100000'"):
        access(agreement(urn=OTHER), theirs)


@pytest.mark.rule("X1")
def test_the_answer_says_what_it_rests_on() -> None:
    """Where it is allowed, the one reason names the level, in the group's own words, and since when."""
    answer = access(agreement(ACTIONS)).explain(URN, Capability.VIEW_DFE_DATA)

    assert (
        AccessReason(code=AccessCode.GRANTED, level=ACTIONS, level_label="MIS Data & Trust Actions", since=MORNING),
    ) == answer.reasons
    assert (AgreementId(MAT, URN), Capability.VIEW_DFE_DATA) == (answer.agreement, answer.capability)
    assert (
        "Areté Learning Trust may view the DfE's data at St Hilda's Primary School (100000). "
        "MIS Data & Trust Actions is in force since 3 May 2026 at 10:30 (London)."
    ) == str(answer)


# Visibility


@pytest.mark.rule("X2")
@pytest.mark.parametrize(
    ("schools", "because"),
    [
        pytest.param([CLOSED], HiddenBecause.CLOSED, id="closed"),
        pytest.param([LEFT], HiddenBecause.NOT_LINKED, id="left"),
        pytest.param([], HiddenBecause.UNKNOWN_URN, id="gone"),
    ],
)
def test_access_stops_at_once_when_the_school_is_hidden(schools: list[Institution], because: HiddenBecause) -> None:
    """A school that closed, left or is gone grants nothing from that moment, before anybody recorded or ended it."""
    answers = access(agreement(ACTIONS), schools=schools)
    answer = answers.explain(URN, Capability.VIEW_DFE_DATA)

    assert allowed(answers) == set()
    assert [AccessCode.NOT_VISIBLE] == codes(answer)
    seen = answer.reasons[0].visibility
    assert seen is not None
    assert [because] == [reason.because for reason in seen.reasons]
    assert str(seen) in str(answer)
    assert schools or "may not view the DfE's data at URN 100000." in str(answer)


@pytest.mark.rule("X2")
@pytest.mark.parametrize(
    ("at", "resumes"),
    [
        (pendulum.datetime(2026, 5, 3, 22, 59, 59, 999_999), True),
        (pendulum.datetime(2026, 5, 3, 23, 0), False),
    ],
    ids=str,
)
def test_the_window_ends_at_midnight_in_london(at: Instant, resumes: bool) -> None:
    """In summer the day ends at 23:00 UTC, and with it the last day of the window."""
    answers = access(agreement(hidden_since=DAY - timedelta(days=30)), at=at)

    assert resumes == answers.allows(URN, Capability.VIEW_MIS_DATA)
    assert (DAY if resumes else DAY + timedelta(days=1)) == answers.day


@pytest.mark.rule("X2")
def test_what_has_lapsed_stays_lapsed() -> None:
    """A school recorded as visible again after the window grants nothing, whatever the register says now."""
    answers = access(agreement(ACTIONS, lapsed=True))

    assert allowed(answers) == set()
    assert [AccessCode.LAPSED] == codes(answers.explain(URN, Capability.VIEW_DFE_DATA))
    assert "Send a new request." in str(answers.explain(URN, Capability.VIEW_DFE_DATA))


# Explaining


@pytest.mark.rule("X4")
def test_every_reason_is_given() -> None:
    """A level that is too low, a school that is hidden and a lapse stand together in one answer."""
    hidden_since = DAY - timedelta(days=31)
    answers = access(agreement(DFE, hidden_since=hidden_since), schools=[CLOSED])
    answer = answers.explain(URN, Capability.VIEW_MIS_DATA)

    assert [AccessCode.LEVEL_TOO_LOW, AccessCode.NOT_VISIBLE, AccessCode.LAPSED] == codes(answer)
    assert (DFE, "DfE Data") == (answer.reasons[0].level, answer.reasons[0].level_label)
    assert hidden_since == answer.reasons[2].hidden_since
    assert str(answer).startswith("Areté Learning Trust may not view live data from the MIS at St Hilda's")
    assert "Ask for a higher level." in str(answer)


@pytest.mark.rule("X4")
def test_no_agreement_and_no_visibility_are_both_reasons() -> None:
    """A hidden school without an agreement gives two reasons; nothing can have lapsed there."""
    answers = access(agreement(None, lapsed=True), schools=[CLOSED])

    assert [AccessCode.NO_AGREEMENT, AccessCode.NOT_VISIBLE] == codes(answers.explain(URN, Capability.VIEW_DFE_DATA))


@pytest.mark.parametrize("code", AccessCode)
def test_every_reason_has_words(code: AccessCode) -> None:
    """Each reason is worded, and is safe to word without its facts."""
    words = str(AccessReason(code=code))

    assert words
    assert "{" not in words


@pytest.mark.rule("X4")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_urn_beyond_the_map_is_not_linked(is_open: bool) -> None:
    """The map knows of such a URN only that it is not linked, not whether the register has it."""
    answers = access(agreement(), by=group(is_open=is_open))
    answer = answers.explain(9_999_999, Capability.VIEW_DFE_DATA)
    seen = answer.reasons[-1].visibility

    assert allowed(answers, 9_999_999) == set()
    assert [AccessCode.NO_AGREEMENT, AccessCode.NOT_VISIBLE] == codes(answer)
    assert seen is not None
    assert [HiddenBecause.NOT_LINKED] == [
        reason.because for reason in seen.reasons if reason.because is not HiddenBecause.GROUP_CLOSED
    ]
    assert is_open == (HiddenBecause.GROUP_CLOSED not in [reason.because for reason in seen.reasons])


@pytest.mark.rule("X4")
@given(data=st.data(), day=st.just(DAY), of=st.sampled_from([MAT, LA]))
def test_both_questions_always_agree(data: st.DataObject, day: date, of: GroupId) -> None:
    """For any agreements, institutions, policy, group and instant both answers are the same."""
    urns = (URN, OTHER)
    agreements = [
        data.draw(strategies.agreements(AgreementId(of, urn), day)) for urn in data.draw(st.sets(st.sampled_from(urns)))
    ]
    schools = [data.draw(strategies.institutions(urn, day)) for urn in data.draw(st.sets(st.sampled_from(urns)))]
    noon = datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001 - meant as UTC
    answers = access(
        *agreements,
        schools=schools,
        by=data.draw(strategies.groups(of)),
        policy=data.draw(strategies.policies(of.kind)),
        at=data.draw(strategies.instants(noon - timedelta(days=1), noon + timedelta(days=1))),
    )

    for urn in (*urns, 7):
        for capability in OF_THE_GROUP:
            answer = answers.explain(urn, capability)
            assert answers.allows(urn, capability) == answer.allowed
            assert answer.reasons
            assert (AccessCode.GRANTED in codes(answer)) == answer.allowed
            assert not answer.allowed or len(answer.reasons) == 1


# Wrong questions


@pytest.mark.rule("X3")
def test_logging_in_cannot_be_asked_of_the_groups_map() -> None:
    """Even with the highest level in force, logging in can be asked only for a person."""
    answers = access(agreement(ACTIONS))

    for ask in (answers.allows, answers.explain):
        with pytest.raises(InvalidValue, match="ask may_log_in for a person instead"):
            ask(URN, Capability.LOG_IN_TO_SCHOOL)


@pytest.mark.parametrize("capability", ["view_mis_data", "VIEW_MIS_DATA", None, 1, MIS, [], {}], ids=repr)
@pytest.mark.parametrize("urn", [URN, 7])
def test_anything_but_a_capability_is_refused(urn: int, capability: object) -> None:
    """A capability's text is not the capability, at a school that shares or at any other."""
    answers = access(agreement(ACTIONS))

    for ask in (answers.allows, answers.explain):
        with pytest.raises(InvalidValue, match="a member of Capability"):
            ask(urn, capability)  # type: ignore[arg-type]


@pytest.mark.parametrize("urn", ["100000", 100000.0, 1.0, True, None, [100000], {}], ids=repr)
def test_anything_but_a_whole_number_is_refused(urn: object) -> None:
    """Text and numbers that merely equal a URN are refused by each question, however good the agreement."""
    answers = access(agreement(ACTIONS), agreement(ACTIONS, urn=1), schools=[SEEN, institution(1)])

    assert answers.allows(1, Capability.VIEW_MIS_DATA)
    for ask in (answers.allows, answers.explain):
        with pytest.raises(InvalidValue, match="a URN"):
            ask(urn, Capability.VIEW_MIS_DATA)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="a URN"):
        answers.explain_log_in(None, urn, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("urn", [0, -1, 10_000_000])
def test_a_number_that_can_be_no_urn_is_never_allowed(urn: int) -> None:
    """Asked for yes or no, it is no; asked for reasons, there is nothing to explain."""
    answers = access(agreement(ACTIONS))

    assert not answers.allows(urn, Capability.VIEW_MIS_DATA)
    with pytest.raises(InvalidValue, match="a URN"):
        answers.explain(urn, Capability.VIEW_MIS_DATA)
    with pytest.raises(InvalidValue, match="a URN"):
        answers.explain_log_in(None, urn, [])


@pytest.mark.parametrize("at", [None, "2026-05-03", datetime(2026, 5, 3)], ids=repr)  # noqa: DTZ001 - naive
def test_a_map_is_of_an_instant(at: object) -> None:
    """An instant without a time zone could be of two days, so no map is built of it."""
    with pytest.raises(InvalidValue, match="a datetime with a time zone"):
        access(agreement(), at=at)  # type: ignore[arg-type]


def test_a_map_shows_its_instant_in_utc() -> None:
    """An instant of any zone is shown in UTC, the day in London."""
    answers = access(at=pendulum.datetime(2026, 5, 4, 0, 30, tz="Europe/London"))

    assert pendulum.datetime(2026, 5, 3, 23, 30) == answers.at
    assert answers.at.timezone_name == "UTC"
    assert date(2026, 5, 4) == answers.day
    assert answers.group == MAT


def test_a_map_does_not_share_its_callers_containers() -> None:
    """A map shows what stood at its instant, whatever its caller does to the containers afterwards."""
    schools = {URN: SEEN}
    agreements = [agreement()]
    answers = AccessMap(group=group(), policy=Policy.mat(), agreements=agreements, institutions=schools, at=MORNING)
    schools.clear()
    agreements.clear()

    assert {Capability.VIEW_DFE_DATA, Capability.VIEW_MIS_DATA} == allowed(answers)


# Logging in

LOG_IN = Permission.LOG_IN_ASSOCIATED_INSTITUTIONS
EVERYWHERE = Associations(everything=True)


def user(*permissions: Grant | Permission, to: Associations = EVERYWHERE, period: Period | None = None) -> Person:
    """Return a user of the trust's site with these permissions and associations."""
    return attrs.evolve(builders.sender(permissions=permissions, period=period or Period()), associations=to)


def log_in(person: Person | None, *clusters: str, answers: AccessMap | None = None, urn: int = URN) -> AccessAnswer:
    """Ask whether somebody may log in."""
    return (answers or access(agreement(ACTIONS))).explain_log_in(person, urn, clusters)


@pytest.mark.rule("X3")
def test_logging_in_needs_the_school_among_the_associated() -> None:
    """It is enough that one of its clusters is named; `Associations` says what else is."""
    there, elsewhere = (
        log_in(user(LOG_IN, to=Associations(clusters=[cluster])), "North", "Süd") for cluster in ("Süd", "West")
    )

    assert ([AccessCode.GRANTED], [AccessCode.NOT_ASSOCIATED]) == (codes(there), codes(elsewhere))
    assert Capability.LOG_IN_TO_SCHOOL is there.capability


@pytest.mark.rule("X3")
def test_a_text_is_not_a_collection_of_clusters() -> None:
    """A cluster's name handed over bare would count each of its letters, so it is refused."""
    with pytest.raises(InvalidValue, match="a collection"):
        access(agreement(ACTIONS)).explain_log_in(user(LOG_IN, to=Associations(clusters=["N"])), URN, "North")


@pytest.mark.rule("X3")
@pytest.mark.parametrize("permission", [permission for permission in Permission if permission is not LOG_IN])
def test_logging_in_needs_its_own_permission(permission: Permission) -> None:
    """No other permission suffices, whatever the associations."""
    answer = log_in(user(permission))

    assert [AccessCode.NO_PERMISSION] == codes(answer)
    assert "Login to MIS: Associated institutions" in str(answer)


@pytest.mark.rule("X3")
def test_a_permission_may_come_by_role() -> None:
    """A role of the group's site grants the permission where the policy says so."""
    policy = attrs.evolve(Policy.mat(), role_permissions={"ict_lead": [LOG_IN]})
    lead = attrs.evolve(user(), roles=("ict_lead",))

    assert log_in(lead, answers=access(agreement(ACTIONS), policy=policy)).allowed
    assert not log_in(lead).allowed


@pytest.mark.rule("X3")
@pytest.mark.parametrize("site", [LA, GroupId.mat("870"), URN], ids=str)
def test_another_sites_person_cannot_log_in(site: GroupId | int) -> None:
    """A user of another group, or of the school itself, is not a user of this group."""
    stranger = attrs.evolve(builders.person("ana", site=site, permissions=[LOG_IN]), associations=EVERYWHERE)

    assert [AccessCode.NOT_A_GROUP_USER] == codes(log_in(stranger))


@pytest.mark.rule("X3")
def test_nobody_cannot_log_in() -> None:
    """A person whom the site does not know may not log in, and the answer has words for them without a name."""
    answer = log_in(None)

    assert [AccessCode.UNKNOWN_PERSON] == codes(answer)
    assert str(answer).startswith("A person who is not known may not log in to the MIS at St Hilda's")


@pytest.mark.rule("X3", "X4")
def test_every_reason_against_logging_in_is_given() -> None:
    """The reasons against the school and against the person stand together, the school first."""
    nobody = attrs.evolve(builders.sender(site=LA, permissions=[]), name="Carys Ó Briain")
    answer = log_in(nobody, answers=access(agreement(DFE), schools=[CLOSED]))

    assert [
        AccessCode.LEVEL_TOO_LOW,
        AccessCode.NOT_VISIBLE,
        AccessCode.NOT_A_GROUP_USER,
        AccessCode.NO_PERMISSION,
        AccessCode.NOT_ASSOCIATED,
    ] == codes(answer)
    assert str(answer).startswith("Carys Ó Briain may not log in to the MIS")


@pytest.mark.rule("X3", "X4")
@given(data=st.data())
def test_logging_in_is_allowed_for_one_reason_only(data: st.DataObject) -> None:
    """For any person, agreement and school: allowed exactly where group, school and person all allow it."""
    site = data.draw(st.sampled_from([MAT, LA]))
    person = data.draw(st.none() | strategies.people(site, "ana", DAY))
    standing = data.draw(strategies.agreements(AgreementId(MAT, URN), DAY))
    school = data.draw(strategies.institutions(URN, DAY))
    clusters = data.draw(st.sets(st.sampled_from(["North", "Süd"])))
    answers = access(standing, schools=[school])
    answer = answers.explain_log_in(person, URN, clusters)

    by_group = answers.allows(URN, Capability.PERFORM_GROUP_ACTIONS)  # granted by the same level as logging in
    by_person = (
        person is not None
        and person.id.site == MAT
        and person.is_current(DAY)
        and any(grant.permission is LOG_IN and grant.period.contains(DAY) for grant in person.permissions)
        and person.associations.include(URN, clusters)
    )
    assert (by_group and by_person) == answer.allowed
    assert (AccessCode.GRANTED in codes(answer)) == answer.allowed
