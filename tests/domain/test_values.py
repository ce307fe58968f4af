"""Values are valid from the start: what cannot be right is refused with words that say what would be."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import (
    Agreement,
    AgreementId,
    Caution,
    CautionCode,
    InForce,
    OpenRequest,
    RequestId,
    SystemActor,
    Terms,
)
from datashare.domain.browsing import Filters, Listing, Page
from datashare.domain.instants import (
    Instant,
    day_words,
    instant_text,
    instant_words,
    london_day,
    london_span,
    parse_instant,
    to_day,
    to_instant,
    to_optional_day,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Addressee, Notice
from datashare.domain.people import (
    Associations,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
    require_role_key,
)
from datashare.domain.policy import Policy
from datashare.domain.register import (
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    SuccessorLink,
    TrustLink,
)
from datashare.domain.validation import LONGEST_KEY, LONGEST_TEXT, require_collection, require_urn
from datashare.domain.visibility import (
    DateWarning,
    HiddenBecause,
    HiddenReason,
    Visibility,
    visibility,
    visible_institutions,
)
from datashare.errors import DatashareError, InvalidValue
from tests.builders import DAY, URN, agreement, group, in_force, institution, listing
from tests.builders import MAT as TRUST
from tests.builders import MORNING as NOW
from tests.builders import person as a_person
from tests.builders import waiting_request as a_request
from tests.golden.values import NOTICES


class Hostile:
    """A thing whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


class Unhashable:
    """A thing that no set can hold."""

    __hash__ = None  # type: ignore[assignment]


class Nowhere(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _moment: datetime | None, /) -> None:
        """Give no offset."""

    def dst(self, _moment: datetime | None, /) -> None:
        """Know of no summer time."""

    def tzname(self, _moment: datetime | None, /) -> None:
        """Have no name."""


NAIVE = datetime(2026, 5, 3, 9, 30)  # noqa: DTZ001 - what this file is about
HUGE = 10**5000
HOSTILE = [Hostile(), HUGE, "x" * (LONGEST_TEXT + 1), "a\0b", "\ud800", [[]] * 1000]

evolved: Callable[..., object] = attrs.evolve  # with what the type checker would not let pass

A_NOTICE = NOTICES["notice"]

GOOD: dict[type, attrs.AttrsInstance] = {
    type(one): one
    for one in (
        TRUST,
        group(),
        Coded("02", "Voluntary aided school"),
        TrustLink("5143", "Areté", DAY),
        institution(),
        SuccessorLink(predecessor=100000, successor=100001, kind="Successor", day=DAY),
        HiddenReason(HiddenBecause.CLOSED, DAY),
        Visibility(group=TRUST, urn=URN, institution=institution(), day=DAY, reasons=()),
        PersonId(URN, "hana"),
        Period(DAY, DAY),
        HeldRole("head_teacher"),
        Grant(Permission.END_AGREEMENT),
        Associations(),
        a_person(),
        SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data"),
        Policy.mat(),
        AgreementId(TRUST, URN),
        RequestId(AgreementId(TRUST, URN), 1),
        SystemActor("nightly refresh"),
        Terms(reference="https://trust.example/terms", version="1"),
        agreement(),
        in_force(),
        a_request(),
        listing(),
        Caution(CautionCode.SKIPPED_NOT_REACHABLE, (PersonId(URN, "hana"),)),
        A_NOTICE.people[0],
        A_NOTICE,
        Filters(),
        Page(items=(1,), total=1, offset=0, limit=None),
    )
}

AN_ENUM = ["open", 1, True, None]
A_TEXT = ["", " \t", None, 7, b"bytes"]
A_KEY = [*A_TEXT, " padded", "two\nlines", "zero\u200bwidth", "x" * (LONGEST_KEY + 1)]
A_BOOL = [0, 1, "yes", None]
A_URN = [0, -1, 10_000_000, "100000", 100000.0, True, None]
A_DAY = ["2026-05-03", datetime(2026, 5, 3, tzinfo=UTC), pendulum.datetime(2026, 5, 3), 20260503]
AN_INSTANT = [NAIVE, "2026-05-03T09:30:00Z", DAY, 0, None, datetime(2026, 5, 3, tzinfo=Nowhere())]
A_COLLECTION = ["text", b"bytes", 7, None]
A_SPAN = [timedelta(microseconds=-1), 24, "P1D", None]

WRONG: list[tuple[type, str, Sequence[object]]] = [
    (GroupId, "kind", ["mat", None, True]),
    (GroupId, "code", ["0", "05143", "12345678", "５１４３", "5143 ", "51\n", 5143, None, True]),
    (Group, "id", ["mat:5143", None]),
    (Group, "name", A_TEXT),
    (Group, "is_open", A_BOOL),
    (Group, "closed_on", A_DAY),
    (Coded, "code", A_KEY),
    (Coded, "name", [None, 7]),
    (TrustLink, "uid", ["", "05143", "x", 5143, None]),
    (TrustLink, "name", [None, 7]),
    (TrustLink, "joined_on", A_DAY),
    (Institution, "urn", A_URN),
    (Institution, "name", A_TEXT),
    (Institution, "status", AN_ENUM),
    (Institution, "status_name", [None, 7]),
    (Institution, "open_date", A_DAY),
    (Institution, "close_date", A_DAY),
    (Institution, "phase", [*AN_ENUM, EstablishmentStatus.OPEN]),
    (Institution, "establishment_type", ["02", 2]),
    (Institution, "establishment_type_group", ["02", 2]),
    (Institution, "local_authority", ["870", 870, Coded("87"), Coded("8700"), Coded("٨٧٠")]),
    (Institution, "establishment_number", [2000, None]),
    (Institution, "trusts", [*A_COLLECTION, ["5143"], [None], [Coded("5143")]]),
    (Institution, "federations", [*A_COLLECTION, ["1"], [TrustLink("1")]]),
    (Institution, "street", [None, 7]),
    (Institution, "town", [None, 7]),
    (Institution, "county", [None, 7]),
    (Institution, "postcode", [None, 7]),
    (Institution, "low_age", ["3", True, -1, 3.0]),
    (Institution, "high_age", ["11", False, -1, 11.0]),
    (Institution, "ukprn", [10000000, None]),
    (Institution, "ofsted_rating", [1, "", " "]),
    (SuccessorLink, "predecessor", A_URN),
    (SuccessorLink, "successor", A_URN),
    (SuccessorLink, "kind", A_TEXT),
    (SuccessorLink, "day", A_DAY),
    (HiddenReason, "because", AN_ENUM),
    (HiddenReason, "day", A_DAY),
    (HiddenReason, "detail", [None, 7, b"x"]),
    (Visibility, "group", ["mat:5143", None]),
    (Visibility, "group_name", [None, 7]),
    (Visibility, "urn", [*A_URN, 100001]),
    (Visibility, "institution", ["100000", 100000, institution(100001)]),
    (Visibility, "day", [*A_DAY, None]),
    (Visibility, "reasons", [*A_COLLECTION, ["closed"], [HiddenBecause.CLOSED]]),
    (Visibility, "warnings", [*A_COLLECTION, ["x"], [DateWarning]]),
    (PersonId, "site", [*A_URN, "mat:5143", GroupKind.LOCAL_AUTHORITY]),
    (PersonId, "id", A_KEY),
    (Period, "first", [*A_DAY, DAY + timedelta(days=1)]),
    (Period, "last", [*A_DAY, DAY - timedelta(days=1)]),
    (HeldRole, "role", ["Head Teacher", "", "HEAD_TEACHER", "héad", "head teacher", None, 7, "head_teacher\n"]),
    (HeldRole, "period", [None, DAY, (DAY, DAY)]),
    (Grant, "permission", ["data_sharing.end_agreement", None, True]),
    (Grant, "period", [None, DAY]),
    (Associations, "urns", [*A_COLLECTION, ["100000"], [True], [[]], [Unhashable()]]),
    (Associations, "clusters", [*A_COLLECTION, [""], [7]]),
    (Associations, "everything", A_BOOL),
    (Person, "id", ["urn:100000/hana", 7, None]),
    (Person, "name", A_TEXT),
    (Person, "email", [7, b"head@hilda.example"]),
    (Person, "roles", [*A_COLLECTION, ["Head Teacher"], [None]]),
    (Person, "permissions", [*A_COLLECTION, ["data_sharing.end_agreement"], [None]]),
    (Person, "period", [None, DAY]),
    (Person, "associations", [None, [URN]]),
    (SchoolSite, "urn", A_URN),
    (
        SchoolSite,
        "data_sharing_url",
        [
            *A_TEXT,
            "http://hilda.example/",
            "HTTPS://hilda.example/",
            "https://",
            "https:///data",
            "javascript:alert(1)//https://hilda.example",
            "https://hilda.example/a b",
            "https://hilda.example/\nBcc: all@hilda.example",
            " https://hilda.example/",
            "https://hilda.example/" + "x" * 2000,
        ],
    ),
    (Policy, "kind", ["mat", None]),
    (Policy, "requestable_levels", [*A_COLLECTION, ["mis_data"], [1]]),
    (Policy, "labels", [None, "MIS", [AccessLevel.MIS_DATA], {"mis_data": "MIS"}, {AccessLevel.MIS_DATA: ""}]),
    (Policy, "include_proposed_to_close", A_BOOL),
    (Policy, "establishment_types", ["01", 1, [1], [""]]),
    (Policy, "eligible_roles", [*A_COLLECTION, ["Head Teacher"], [None]]),
    (
        Policy,
        "role_permissions",
        [
            None,
            "head_teacher",
            ["head_teacher"],
            {"Head Teacher": [Permission.END_AGREEMENT]},
            {"head_teacher": "data_sharing.end_agreement"},
            {"head_teacher": ["data_sharing.end_agreement"]},
            {"head_teacher": Permission.END_AGREEMENT},
        ],
    ),
    (Policy, "readers", [*A_COLLECTION, ["data_sharing.end_agreement"]]),
    (Policy, "terms_required", A_BOOL),
    (Policy, "least_reminder_interval", A_SPAN),
    (Policy, "distinct_approver", A_BOOL),
    (Policy, "central_approval", A_BOOL),
    (Policy, "enders", [*A_COLLECTION, ["group"]]),
    (Policy, "correction_window", A_SPAN),
    (AgreementId, "group", ["mat:5143", None]),
    (AgreementId, "urn", A_URN),
    (RequestId, "agreement", ["mat:5143/100000", None]),
    (RequestId, "number", [0, -1, "1", True, None]),
    (SystemActor, "name", A_KEY),
    (Terms, "reference", A_KEY),
    (Terms, "version", A_KEY),
    (Terms, "review_on", A_DAY),
    (Agreement, "id", ["mat:5143/100000", None]),
    (Agreement, "version", [-1, "1", True, None]),
    (Agreement, "hidden_since", A_DAY),
    (InForce, "level", ["mis_data", 2, None]),
    (InForce, "since", AN_INSTANT),
    (InForce, "basis", ["request", None]),
    (InForce, "approved_by", ["urn:100000/hana", None]),
    (InForce, "terms", ["https://trust.example/terms"]),
    (OpenRequest, "id", ["mat:5143/100000/1", None]),
    (OpenRequest, "level", ["mis_data", 2, None]),
    (OpenRequest, "sender", ["mat:5143/ana", None]),
    (OpenRequest, "asked_by", ["mat:5143/ana", None]),
    (OpenRequest, "asked_at", AN_INSTANT),
    (OpenRequest, "recipients", [*A_COLLECTION, ["urn:100000/hana"]]),
    (OpenRequest, "terms", ["https://trust.example/terms"]),
    (OpenRequest, "reminded_at", [NAIVE, "2026-05-03T09:30:00Z"]),
    (Listing, "has_school_site", A_BOOL),
    (Listing, "clusters", [*A_COLLECTION, [7], [" "]]),
    (Caution, "code", ["no_approver", None]),
    (Caution, "people", [*A_COLLECTION, ["urn:100000/hana"]]),
    (Addressee, "id", ["urn:100000/hana", None]),
    (Addressee, "name", A_TEXT),
    (Addressee, "can_approve", A_BOOL),
    (Notice, "id", A_KEY),
    (Notice, "kind", ["request", None]),
    (Notice, "audience", ["school", None]),
    (Notice, "agreement", ["mat:5143/100000", None]),
    (Notice, "sequence", [0, -1, "1", True, None]),
    (Notice, "request", ["mat:5143/100000/1", 1]),
    (Notice, "address", A_TEXT),
    (Notice, "people", [*A_COLLECTION, ["urn:100000/hana"], [PersonId(URN, "hana")]]),
    (Notice, "created_at", AN_INSTANT),
    (Notice, "group_kind", ["mat", None]),
    (Notice, "group_name", A_TEXT),
    (Notice, "institution_name", A_TEXT),
    (Notice, "sender_name", [None, 7]),
    (Notice, "sender_address", [7, b"head@hilda.example"]),
    (Notice, "level", ["mis_data", 2]),
    (Notice, "level_label", [None, 7]),
    (Notice, "level_before", ["mis_data", 2]),
    (Notice, "level_before_label", [None, 7]),
    (Notice, "link", [7, b"https://hilda.example/"]),
    (Notice, "terms", ["https://trust.example/terms"]),
    (Notice, "reason", [7, b"x"]),
    (Notice, "actor_name", [None, 7]),
    (Notice, "cause", ["by_school", True]),
    (Filters, "search", [None, 7, b"hilda"]),
    (Filters, "tab", [*A_COLLECTION, ["pending"]]),
    (Page, "items", A_COLLECTION),
    (Page, "total", [-1, True, "1", None]),
]


def assert_helpful(error: InvalidValue) -> None:
    """Assert that an error is short and says what was wrong, what would be right and what came."""
    words = str(error)
    assert error.what
    assert f"{error.what} must be {error.expected}; got " in words
    assert len(words) < 400
    assert words.isprintable()
    assert isinstance(error, DatashareError)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [pytest.param(kind, field, wrong, id=f"{kind.__name__}.{field}") for kind, field, wrong in WRONG],
)
def test_a_wrong_value_is_refused(kind: type, field: str, wrong: Sequence[object]) -> None:
    """Whatever does not belong into a field is refused, and the message says what would be right."""
    for value in wrong:
        with pytest.raises(InvalidValue) as caught:
            evolved(GOOD[kind], **{field: value})
        assert_helpful(caught.value)


ANYTHING_GOES = {(Filters, "search"), (Page, "items"), (Person, "email")}
WHOLE_NUMBERS = {"low_age", "high_age", "number", "version", "total", "sequence"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{kind.__name__}.{field}")
        for kind, field, _ in WRONG
        if (kind, field) not in ANYTHING_GOES
    ],
)
def test_a_hostile_value_is_refused(kind: type, field: str) -> None:
    """Things without a text, huge numbers, endless texts, NULs and half characters make an error, no crash."""
    for value in HOSTILE:
        for wrong in (value, [value]):
            if field in WHOLE_NUMBERS and wrong is HUGE:
                continue
            with pytest.raises(InvalidValue) as caught:
                evolved(GOOD[kind], **{field: wrong})
            assert_helpful(caught.value)


def test_optional_fields_take_nothing() -> None:
    """Where a value may be absent, `None` stands for that."""
    bare = attrs.evolve(
        institution(),
        establishment_type=None,
        local_authority=None,
        open_date=None,
        low_age=None,
        ofsted_rating=None,
    )

    assert (None, None, None) == (bare.low_age, bare.open_date, bare.ofsted_rating)
    assert frozenset({TRUST}) == bare.groups


def test_values_of_the_right_kind_are_kept() -> None:
    """Ages, non-ASCII names, empty texts and any iterable of the right things are taken as they are."""
    school = attrs.evolve(
        institution(), name="Ysgol Tŷ’r Ŵyn", street="", low_age=0, high_age=19, trusts=iter([TrustLink("7")])
    )

    assert ("Ysgol Tŷ’r Ŵyn", "", 0, 19) == (school.name, school.street, school.low_age, school.high_age)
    assert (TrustLink("7"),) == school.trusts


def test_values_cannot_be_changed() -> None:
    """A value stays what it was made."""
    for value in GOOD.values():
        field = attrs.fields(type(value))[0].name
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field, None)


PARSERS: dict[str, Callable[..., object]] = {
    "GroupId": GroupId.parse,
    "PersonId": PersonId.parse,
    "AgreementId": AgreementId.parse,
    "RequestId": RequestId.parse,
    "instant": parse_instant,
}


@pytest.mark.parametrize("parser", sorted(PARSERS))
@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        True,
        b"mat:5143",
        "",
        "5143",
        "mat",
        "mat:",
        ":5143",
        "MAT:5143",
        "mat:0",
        " mat:5143",
        "mat:5143\n",
        "mat:５１４３",
        "la:87",
        "la:5143/x",
        "urn:/x",
        "urn:0/x",
        "urn:12345678/x",
        "urn:-1/x",
        "urn:100000/",
        "urn:100000/ x",
        "mat:5143/x\0/",
        "mat:5143/\ud800",
        "urn:100000",
        "2026-05-03",
        "2026-05-03T09:30:00",
        "2026-02-30T09:30:00Z",
        "9999-12-31T23:59:59-01:00",
        "x" * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_text_that_names_nothing_is_refused(parser: str, text: object) -> None:
    """Text that is no identity and no instant is refused by each parser with words that show one."""
    with pytest.raises(InvalidValue) as caught:
        PARSERS[parser](text)

    assert_helpful(caught.value)


GROUP_IDS = st.builds(GroupId.mat, st.integers(1, 9_999_999).map(str)) | st.builds(
    GroupId.local_authority, st.from_regex(r"\A[0-9]{3}\Z")
)
HOST_IDS = st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable() and text == text.strip())
PERSON_IDS = st.builds(PersonId, GROUP_IDS | st.integers(1, 9_999_999), HOST_IDS)


@given(GROUP_IDS)
def test_a_groups_identity_can_be_written_as_text(identity: GroupId) -> None:
    """What is written is read back as the same group."""
    assert identity == GroupId.parse(str(identity))


@given(PERSON_IDS)
def test_a_persons_identity_can_be_written_as_text(identity: PersonId) -> None:
    """What is written is read back as the same person, whatever signs the host's id holds."""
    assert identity == PersonId.parse(str(identity))


@given(PERSON_IDS, PERSON_IDS)
def test_two_people_never_share_a_text(one: PersonId, other: PersonId) -> None:
    """The texts of two identities are equal only if the identities are, and so are their sort keys."""
    assert (one == other) is (str(one) == str(other))
    assert (one == other) is (one.order == other.order)


def test_one_host_id_at_two_sites_is_two_people() -> None:
    """The site is part of who a person is, and a group's code is no URN."""
    sites: list[GroupId | int] = [
        100000,
        100001,
        GroupId.mat("100000"),
        GroupId.mat("870"),
        GroupId.local_authority("870"),
    ]

    assert len(sites) == len({PersonId(site, "7") for site in sites})


def test_groups_sort_by_kind_and_code() -> None:
    """Identities of groups have an order."""
    ids = [GroupId.mat("5143"), GroupId.local_authority("909"), GroupId.mat("16"), GroupId.local_authority("870")]

    assert ["la:870", "la:909", "mat:16", "mat:5143"] == [str(one) for one in sorted(ids)]


def test_kinds_of_groups_and_phases_have_words() -> None:
    """Kinds and phases are worded for people."""
    assert ["trust", "local authority"] == [kind.label for kind in GroupKind]


INSTANTS = st.datetimes(
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/London"), ZoneInfo("Pacific/Apia"), pendulum.UTC])
    | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - Hypothesis adds the time zone
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001
    allow_imaginary=False,
)


@given(INSTANTS)
def test_an_instant_is_the_same_in_utc(moment: datetime) -> None:
    """An aware datetime becomes the same instant in UTC, to the microsecond, and stays itself from then on."""
    instant = to_instant(moment)

    assert moment.astimezone(UTC) == instant
    assert moment.astimezone(UTC).replace(tzinfo=None) == instant.replace(tzinfo=None)
    assert type(instant) is Instant
    assert instant is to_instant(instant)


@given(INSTANTS, INSTANTS)
def test_the_text_of_instants_sorts_as_they_do(one: datetime, other: datetime) -> None:
    """The text is read back as the same instant, and the order of texts is that of instants."""
    here, there = to_instant(one), to_instant(other)

    assert here == parse_instant(instant_text(here))
    assert (here < there) is (instant_text(here) < instant_text(there))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-03T09:30:15.123456Z", "2026-05-03T09:30:15.123456Z"),
        ("2026-05-03T10:30:15+01:00", "2026-05-03T09:30:15.000000Z"),
        ("2026-03-29 01:30:00+00:00", "2026-03-29T01:30:00.000000Z"),
        ("0033-01-02T00:00:00Z", "0033-01-02T00:00:00.000000Z"),
    ],
)
def test_instants_are_read_with_their_offset(text: str, expected: str) -> None:
    """ISO 8601 text with an offset is read, and written always alike, six decimals and four digits of year."""
    assert expected == instant_text(parse_instant(text))


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        NAIVE,
        pendulum.naive(2026, 5, 3),
        DAY,
        None,
        Hostile(),
    ],
    ids=["too-late", "too-early", "naive", "naive-pendulum", "day", "nothing", "hostile"],
)
def test_what_is_no_instant_is_refused(moment: object) -> None:
    """A naive datetime could mean several instants, and one beyond the calendar means none."""
    with pytest.raises(InvalidValue, match=r"^asked_at must be a datetime ") as caught:
        to_instant(moment, "asked_at")

    assert_helpful(caught.value)


@pytest.mark.parametrize(
    ("instant", "day", "words"),
    [
        (pendulum.datetime(2026, 3, 28, 23, 59, 59, 999_999), 28, "28 March 2026 at 23:59 (London)"),
        (pendulum.datetime(2026, 3, 29, 0, 59, 59), 29, "29 March 2026 at 00:59 (London)"),
        (pendulum.datetime(2026, 3, 29, 1, 0), 29, "29 March 2026 at 02:00 (London)"),
        (pendulum.datetime(2026, 3, 29, 23, 0), 30, "30 March 2026 at 00:00 (London)"),
        (pendulum.datetime(2026, 10, 24, 23, 0), 25, "25 October 2026 at 00:00 (London)"),
        (pendulum.datetime(2026, 10, 25, 0, 30), 25, "25 October 2026 at 01:30 (London)"),
        (pendulum.datetime(2026, 10, 25, 1, 30), 25, "25 October 2026 at 01:30 (London)"),
        (pendulum.datetime(2026, 10, 25, 23, 59), 25, "25 October 2026 at 23:59 (London)"),
    ],
    ids=str,
)
def test_days_and_words_are_londons(instant: Instant, day: int, words: str) -> None:
    """The day and the words of an instant are those of London, on the days when the clocks change too."""
    assert day == london_day(instant).day
    assert words == instant_words(instant)


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    ("day", "begins", "hours"),
    [
        (date(2026, 3, 29), "2026-03-29T00:00:00.000000Z", 23),
        (date(2026, 5, 3), "2026-05-02T23:00:00.000000Z", 24),
        (date(2026, 10, 25), "2026-10-24T23:00:00.000000Z", 25),
        (date(1968, 10, 27), "1968-10-26T23:00:00.000000Z", 24),  # London kept summer time throughout that winter
        (date.min, "0001-01-01T00:01:15.000000Z", 24),
    ],
    ids=str,
)
def test_a_day_lasts_from_midnight_to_midnight_in_london(day: date, begins: str, hours: int) -> None:
    """It is 23 or 25 hours long when the clocks change, and begins as the one before it ends."""
    first, end = london_span(day)

    assert (begins, timedelta(hours=hours)) == (instant_text(first), end - first)
    assert (day, day + timedelta(days=1)) == (london_day(first), london_day(end))


@pytest.mark.parametrize("day", [date.max, None, "2026-05-03", pendulum.datetime(2026, 5, 3)], ids=str)
def test_what_has_no_end_in_london_is_refused(day: date) -> None:
    """Neither is the last day that there is, nor an instant, a day that can be spanned."""
    with pytest.raises(InvalidValue, match="A day must be"):
        london_span(day)


def test_days_are_worded_alike_on_every_machine() -> None:
    """A day is worded in English, whatever the locale."""
    assert "3 May 2026" == day_words(date(2026, 5, 3))
    assert "29 February 2024" == day_words(date(2024, 2, 29))


@pytest.mark.parametrize("wrong", [*A_DAY, None, NAIVE], ids=repr)
def test_what_is_no_day_is_refused(wrong: object) -> None:
    """A datetime could mean two days, and a text none."""
    with pytest.raises(InvalidValue, match=r"^register_day must be a date without a time") as caught:
        to_day(wrong, "register_day")

    assert_helpful(caught.value)


def test_a_day_may_be_absent() -> None:
    """An optional day is a day or nothing."""
    assert [None, DAY] == [to_optional_day(None), to_optional_day(DAY)]


def test_a_question_about_visibility_needs_a_urn_and_a_day() -> None:
    """A text for a URN, or an instant for a day, is refused before anything is answered."""
    ask: Callable[..., object] = visibility
    for urn, day in [("100000", DAY), (True, DAY), (URN, NOW), (URN, "2026-05-03")]:
        with pytest.raises(InvalidValue):
            ask(urn, institution(), group=group(), policy=Policy.mat(), day=day)


@given(st.integers(1, 9_999_999))
def test_a_urn_has_up_to_seven_digits(urn: int) -> None:
    """Any whole number of one to seven digits is taken as it is."""
    assert urn == require_urn(urn)


def test_a_role_is_a_plain_text() -> None:
    """A role's key is kept as plain text, whether it was an enum's member or not."""
    assert str is type(require_role_key("head_teacher"))
    assert "head_teacher" == HeldRole("head_teacher").role


def test_a_collection_can_be_walked_twice() -> None:
    """A generator is kept as a tuple, anything that can be walked again as it is."""
    things = [1, 2]

    assert things is require_collection(things, "things")
    assert (1, 2) == require_collection(iter(things), "things")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group", "x"),
        ("group", TRUST),
        ("group", None),
        ("policy", None),
        ("policy", "mat"),
        ("institution", "x"),
        ("institution", URN),
        ("institution", institution(100001)),
        ("day", None),
        ("urn", "100000"),
    ],
    ids=repr,
)
def test_visibility_is_asked_with_what_it_takes(name: str, value: object) -> None:
    """What is no group, no policy, no day and not the institution asked about has no visibility."""
    asked: dict[str, Any] = {
        "urn": URN,
        "institution": institution(),
        "group": group(),
        "policy": Policy.mat(),
        "day": DAY,
        name: value,
    }

    with pytest.raises(InvalidValue, match=f"{name} must be"):
        visibility(**asked)


@pytest.mark.parametrize("given_", [["x"], "x", None, 5, [None], [URN]], ids=repr)
def test_only_institutions_are_listed(given_: object) -> None:
    """What is no collection of institutions is refused."""
    with pytest.raises(InvalidValue, match="institutions must be Institutions"):
        visible_institutions(given_, group=group(), policy=Policy.mat(), day=DAY)  # type: ignore[arg-type]


def test_a_reason_that_quotes_long_names_is_cut() -> None:
    """Names of the longest kind in one reason make no text that is too long to be kept."""
    long = "x" * LONGEST_TEXT
    school = institution(trusts=[TrustLink("870", long), TrustLink("871", long)], establishment_type=Coded("34", long))
    policy = attrs.evolve(Policy.mat(), establishment_types=frozenset({"01"}))
    seen = visibility(URN, school, group=group(), policy=policy, day=DAY)

    assert [LONGEST_TEXT, LONGEST_TEXT] == [len(reason.detail) for reason in seen.reasons]
