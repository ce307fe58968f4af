"""Values that a host makes are valid from the start: a wrong one is refused, with words that say what is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import count
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Approve,
    Batch,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    Planned,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    WithRoles,
)
from datashare.domain.agreements.ids import AgreementId, RequestId, SystemActor, Terms
from datashare.domain.instants import (
    Instant,
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
from datashare.domain.people import (
    Associations,
    BusinessRole,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.domain.policy import Policy
from datashare.domain.register import (
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    RegisterSummary,
    SuccessorLink,
    TrustLink,
    TrustType,
)
from datashare.domain.validation import (
    LONGEST_KEY,
    LONGEST_TEXT,
    FrozenMapping,
    Key,
    Text,
    TextOrEmpty,
    Urn,
    WholeNumber,
    require_collection,
    require_text,
    require_urns,
    to_frozenset,
    to_mapping,
    to_tuple,
    validated,
)
from datashare.domain.visibility import visibility, visible_institutions
from datashare.errors import DatashareError, InvalidValue
from tests.builders import DAY, URN, group, institution
from tests.builders import MAT as TRUST
from tests.builders import MORNING as NOW
from tests.builders import person as a_person


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
        """Return no offset."""

    def dst(self, _moment: datetime | None, /) -> None:
        """Return no summer time."""

    def tzname(self, _moment: datetime | None, /) -> None:
        """Return no name."""


def the_names() -> Iterator[str]:
    """Yield two names once, as a generator does."""
    yield "North"
    yield "South"


@attrs.frozen(kw_only=True, field_transformer=validated)
class Sample:
    """One field for each kind of annotation that `validated` knows."""

    urn: Urn = URN
    count: WholeNumber = 0
    number: int = -1
    flag: bool = False
    plain: str = ""
    text: Text = "Areté"
    empty: TextOrEmpty = ""
    key: Key = "ana"
    day: date = DAY
    kind: GroupKind = GroupKind.MAT
    group: GroupId = TRUST
    maybe: GroupId | None = None
    either: GroupId | SystemActor = TRUST
    site: GroupId | Urn = TRUST
    many: tuple[GroupId, ...] = ()
    names: frozenset[Key] | None = None
    labels: Mapping[GroupKind, Text] = MappingProxyType({})
    nested: Mapping[Key, frozenset[GroupKind]] = MappingProxyType({})
    own: int = attrs.field(default=1)
    derived: str = attrs.field(init=False)

    @own.validator
    def _check_own(self, _attribute: attrs.Attribute[int], own: int) -> None:
        if own % 2 == 0:
            raise InvalidValue("Sample.own", own, "odd")

    @derived.default
    def _derive(self) -> str:
        return str(self.own)


class LoudText(str):
    """A text of a class of its own."""

    __slots__ = ()


NAIVE = datetime(2026, 5, 3, 9, 30)  # noqa: DTZ001 - what this file is about
HUGE = 10**5000
HOSTILE = [Hostile(), HUGE, "x" * (LONGEST_TEXT + 1), "a\0b", "\ud800", [[]] * 1000]
AN_INSTANT = pendulum.datetime(2026, 5, 3)

evolved: Callable[..., Any] = attrs.evolve  # with what the type checker would not let pass

A_URN = "a URN: a whole number such as 100000"
A_TEXT = f"text that is not blank, of at most {LONGEST_TEXT} characters, without NUL or broken surrogate characters"
TEXT_OR_EMPTY = f"text of at most {LONGEST_TEXT} characters, without NUL or broken surrogate characters"
A_KEY = f"printable text of 1 to {LONGEST_KEY} characters, without outer spaces"
A_DAY = "a date without a time, such as datetime.date(2026, 5, 3)"
A_KIND = "a member of GroupKind (such as GroupKind.MULTI_ACADEMY_TRUST, GroupKind.LOCAL_AUTHORITY)"
A_COLLECTION = "a collection such as a list or a set"

# For each field of Sample: values that it takes, values that it refuses, and what the message says is right.
KINDS: dict[str, tuple[list[object], list[object], str]] = {
    "urn": ([1, URN, 9_999_999], [0, -1, 10_000_000, "100000", 100000.0, True, None], A_URN),
    "count": ([0, 7], [-1, "1", 1.0, True, None], "a whole number from 0"),
    "number": ([-1, 0], ["1", 1.0, True, None], "a whole number"),
    "flag": ([True, False], [0, 1, "yes", None], "True or False"),
    "plain": (["", "a\0b"], [None, 7, b"bytes"], "text"),
    "text": (["x", "Tŷ’r\n", "x" * LONGEST_TEXT, LoudText("x")], ["", " \t", None, 7, b"bytes", *HOSTILE[2:5]], A_TEXT),
    "empty": (["", " ", "x" * LONGEST_TEXT], [None, 7, b"bytes", *HOSTILE[2:5]], TEXT_OR_EMPTY),
    "key": (
        ["x", "Größe 1", "x" * LONGEST_KEY],
        ["", " ", " padded", "two\nlines", "zero\u200bwidth", "x" * (LONGEST_KEY + 1), "\ud800", None, 7],
        A_KEY,
    ),
    "day": ([DAY], ["2026-05-03", datetime(2026, 5, 3, tzinfo=UTC), AN_INSTANT, 20260503, None], A_DAY),
    "kind": ([GroupKind.LA], ["mat", None, True, GroupKind], A_KIND),
    "group": ([TRUST], ["mat:5143", None, GroupId], "a GroupId"),
    "maybe": ([TRUST, None], ["mat:5143", False], "a GroupId or None"),
    "either": ([TRUST, SystemActor("nightly")], [None, URN], "a GroupId or a SystemActor"),
    "site": ([TRUST, URN], [None, 0, True, "100000"], f"a GroupId or {A_URN}"),
    "many": ([(), (TRUST,)], [None, [TRUST], "text", 7, {TRUST}], A_COLLECTION),
    "names": ([None, frozenset({"North"})], ["North", 7, ()], f"{A_COLLECTION} or None"),
    "labels": ([{}, {GroupKind.MAT: "trust"}], [None, "mat", [GroupKind.MAT], 7], "a mapping"),
    "nested": ([{}, {"x": frozenset({GroupKind.MAT})}], [None, "x", 7], "a mapping"),
    "own": ([1, 3], ["1", True, None], "a whole number"),
}


@pytest.mark.parametrize("field", KINDS)
def test_a_validator_is_derived_from_each_kind_of_annotation(field: str) -> None:
    """A field takes what its annotation says and refuses the rest; the message names the field and what is right."""
    right, wrong, expected = KINDS[field]

    for value in right:
        assert value == getattr(Sample(**{field: value}), field)  # type: ignore[arg-type]
    for value in wrong:
        with pytest.raises(InvalidValue) as caught:
            Sample(**{field: value})  # type: ignore[arg-type]
        assert (f"Sample.{field}", expected) == (caught.value.what, caught.value.expected)
        assert value is caught.value.value


def test_every_field_of_the_sample_is_tried() -> None:
    """No kind of annotation is left out of the table."""
    assert {field.name for field in attrs.fields(Sample) if field.init} == set(KINDS)


@pytest.mark.parametrize(
    ("field", "value", "part", "expected"),
    [
        ("many", (TRUST, "x"), "x", "a GroupId"),
        ("many", ["x"], "x", "a GroupId"),
        ("names", frozenset({7}), 7, A_KEY),
        ("labels", {"mat": "x"}, "mat", A_KIND),
        ("labels", {GroupKind.MAT: " "}, " ", A_TEXT),
        ("nested", {"x": [GroupKind.MAT, None]}, None, A_KIND),
        ("nested", {"x": GroupKind.MAT}, GroupKind.MAT, A_COLLECTION),
        ("nested", {"x": frozenset({"mat"})}, "mat", A_KIND),
        ("own", 2, 2, "odd"),
    ],
    ids=count(),
)
def test_the_message_shows_the_part_that_is_wrong(field: str, value: object, part: object, expected: str) -> None:
    """For a collection the message shows the wrong value in it; a field's own rule is checked after the derived one."""
    with pytest.raises(InvalidValue) as caught:
        Sample(**{field: value})  # type: ignore[arg-type]

    assert (f"Sample.{field}", part, expected) == (caught.value.what, caught.value.value, caught.value.expected)


def test_a_field_that_is_derived_is_not_validated() -> None:
    """A field that the constructor does not take keeps its default; types are the plain ones, for a codec."""
    assert "3" == Sample(own=3).derived
    assert (int, str, date) == tuple(getattr(attrs.fields(Sample), name).type for name in ("urn", "key", "day"))


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        (to_tuple, [1, 2], (1, 2)),
        (to_tuple, the_names(), ("North", "South")),
        (to_frozenset, [1, 1], frozenset({1})),
        (to_frozenset, {1: "x"}, frozenset({1})),
        (to_mapping, {1: "x"}, {1: "x"}),
        *(
            (convert, value, value)
            for convert in (to_tuple, to_frozenset, to_mapping)
            for value in ("text", b"x", 7, None)
        ),
        (to_frozenset, [[]], [[]]),
        (to_mapping, [1], [1]),
    ],
)
def test_a_converter_leaves_what_it_cannot_convert(
    convert: Callable[..., object], value: object, expected: object
) -> None:
    """Any collection is converted; a text, a number and what no set can hold are left for the validator."""
    converted = convert(value)

    assert expected == converted
    assert type(expected) is type(converted) or isinstance(converted, FrozenMapping)


FIRST = RequestId(AgreementId(TRUST, URN), 1)
ASK = RequestAccess(urn=URN, level=AccessLevel.MIS_DATA, sender=PersonId(TRUST, "ana"))

# What a host makes, as it is when nothing is wrong.
GOOD: dict[type, attrs.AttrsInstance] = {
    type(value): value
    for value in (
        TRUST,
        group(),
        Coded("02", "Voluntary aided school"),
        TrustLink("5143", "Areté", DAY),
        institution(),
        SuccessorLink(predecessor=100000, successor=100001, kind="Successor", day=DAY),
        RegisterSummary(open=7, closed=5),
        PersonId(URN, "hana"),
        Period(DAY, DAY),
        HeldRole("head_teacher"),
        Grant(Permission.END_AGREEMENT),
        Associations(),
        a_person(),
        SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data"),
        Policy.mat(),
        AgreementId(TRUST, URN),
        FIRST,
        SystemActor("nightly refresh"),
        Terms(reference="https://trust.example/terms", version="1"),
        WithRoles(["head_teacher"]),
        Named([PersonId(URN, "hana")]),
        ASK,
        AddRecipients(request=FIRST),
        Remind(request=FIRST),
        Withdraw(request=FIRST),
        Approve(request=FIRST),
        Decline(request=FIRST, reason="Not now."),
        RecordApproval(urn=URN, level=AccessLevel.MIS_DATA, basis="Minute 7"),
        ImportAgreement(urn=URN, level=AccessLevel.MIS_DATA, agreed_on=DAY, approver="Head", evidence="File 3"),
        Planned(plan="abc", version=1),
        EndAgreement(urn=URN, cause=EndCause.BY_GROUP, note="Left."),
        RecordVisibility(urn=URN),
        Batch(group=TRUST, actor=PersonId(TRUST, "ana"), command_id="c", commands=[ASK]),
    )
}

# One row for each class, which shows that it is validated at all, and one for each field with a rule of its own.
WRONG: list[tuple[type, str, Sequence[object]]] = [
    (GroupId, "kind", ["mat", None]),
    (GroupId, "code", ["0", "05143", "12345678", "５１４３", "5143 ", "51\n", 5143, None, True]),
    (Group, "is_open", ["yes", None]),
    (Group, "trust_type", ["06", GroupKind.MAT]),
    (Coded, "code", ["", 2]),
    (TrustLink, "uid", ["", "05143", "x", 5143, None]),
    (Institution, "local_authority", ["870", 870, Coded("87"), Coded("8700"), Coded("٨٧٠")]),
    (Institution, "trusts", ["5143", [None], [Coded("5143")]]),
    (SuccessorLink, "kind", [" ", None]),
    (RegisterSummary, "closed", [-1, "7", None, True, 1.0]),
    (PersonId, "site", [0, "mat:5143", GroupKind.LOCAL_AUTHORITY]),
    (Period, "first", ["2026-05-03", DAY + timedelta(days=1)]),
    (Period, "last", ["2026-05-03", DAY - timedelta(days=1)]),
    (
        HeldRole,
        "role",
        ["Head Teacher", "", "HEAD_TEACHER", "héad", "head teacher", None, 7, "head_teacher\n", "x" * 101, "-x"],
    ),
    (Grant, "permission", ["data_sharing.end_agreement", None]),
    (Associations, "urns", ["100000", 7, [True], [[]], [Unhashable()]]),
    (Person, "roles", ["head_teacher", ["Head Teacher"], [None]]),
    (Person, "permissions", [["data_sharing.end_agreement"], [None]]),
    (
        SchoolSite,
        "data_sharing_url",
        [
            "",
            7,
            "http://hilda.example/",
            "https://",
            "https:///data",
            "javascript:alert(1)//https://hilda.example",
            "https://hilda.example/a b",
            "https://hilda.example/\nBcc: all@hilda.example",
            " https://hilda.example/",
            "https://good.example@evil.example/",
            "https://hilda.example/".ljust(2001, "x"),
        ],
    ),
    (Policy, "requestable_levels", ["mis_data", 7, None, ["mis_data"], [1]]),
    (Policy, "labels", [None, [AccessLevel.MIS_DATA], {"mis_data": "MIS"}, {AccessLevel.MIS_DATA: ""}]),
    (Policy, "eligible_roles", ["head_teacher", ["Head Teacher"], [None], [[]]]),
    (
        Policy,
        "role_permissions",
        [
            None,
            ["head_teacher"],
            {"Head Teacher": [Permission.END_AGREEMENT]},
            {"head_teacher": "data_sharing.end_agreement"},
            {"head_teacher": ["data_sharing.end_agreement"]},
            {"head_teacher": Permission.END_AGREEMENT},
        ],
    ),
    (Policy, "least_reminder_interval", [timedelta(microseconds=-1), 24, "P1D", None]),
    (AgreementId, "urn", ["100000", None]),
    (RequestId, "number", [0, -1, 10**9, "1", 1.0, True, None]),
    (SystemActor, "name", ["", " padded"]),
    (Terms, "version", [" ", "2.1\n"]),
    (Terms, "review_on", ["2026-05-03", AN_INSTANT]),
    (WithRoles, "roles", ["head_teacher", ["Head Teacher"], [None]]),
    (Named, "people", ["hana", 7, ["hana"], [1, 2]]),
    (RequestAccess, "recipients", [None, ["hana"]]),
    (AddRecipients, "request", ["mat:5143/100000/1", None]),
    (Remind, "request", [None]),
    (Withdraw, "reason", [None]),
    (Approve, "terms_version", [1, " "]),
    (Decline, "reason", ["", None]),
    (RecordApproval, "basis", ["", None]),
    (ImportAgreement, "agreed_on", [None, "2026-05-03"]),
    (Planned, "version", [0, -1, "1", None, True, 2.0]),
    (EndAgreement, "cause", ["closed", "school_closed", None]),
    (EndAgreement, "note", ["", "  ", None]),
    (EndAgreement, "planned", ["plan"]),
    (RecordVisibility, "register_day", [AN_INSTANT]),
    (Batch, "command_id", ["", " a", "a b", "é", "a\n", "x" * 65, None]),
    (Batch, "commands", ["ask", 7, None, ASK, [None], ["ask"], [RequestAccess], [[]]]),
]


def assert_helpful(error: InvalidValue) -> None:
    """Assert that an error is short and says what was wrong, what would be right and what came."""
    words = str(error)
    assert error.what
    assert f"{error.what} must be {error.expected}; got " in words
    assert len(words) < 600
    assert words.isprintable()
    assert isinstance(error, DatashareError)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [pytest.param(kind, field, wrong, id=f"{kind.__name__}.{field}") for kind, field, wrong in WRONG],
)
def test_a_wrong_value_is_refused(kind: type, field: str, wrong: Sequence[object]) -> None:
    """A wrong or hostile value of a field is refused, and the message names a field and what would be right."""
    for value in (*wrong, *HOSTILE):
        if value is HUGE and kind in {Planned, RegisterSummary}:  # a whole number may be huge
            continue
        with pytest.raises(InvalidValue, match=r"^\w+\.\w+ must be ") as caught:
            evolved(GOOD[kind], **{field: value})
        assert_helpful(caught.value)


def test_everything_that_a_host_makes_is_tried() -> None:
    """No class of values is left out of the table."""
    assert set(GOOD) == {kind for kind, _, _ in WRONG}


def test_values_of_the_right_kind_are_kept() -> None:
    """Non-ASCII names, empty texts, absent values and any collection of the right things are taken."""
    school = evolved(
        institution(), name="Ysgol Tŷ’r Ŵyn", street="", low_age=0, local_authority=None, trusts=iter([TrustLink("7")])
    )

    assert ("Ysgol Tŷ’r Ŵyn", "", 0) == (school.name, school.street, school.low_age)
    assert frozenset({GroupId.mat("7")}) == school.groups
    assert ALL is evolved(ASK, recipients=ALL).recipients
    assert 2000 == len(SchoolSite(urn=URN, data_sharing_url="https://hilda.example/".ljust(2000, "x")).data_sharing_url)


def test_values_cannot_be_changed() -> None:
    """A value stays what it was made."""
    for value in GOOD.values():
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, attrs.fields(type(value))[0].name, None)


PARSERS: dict[str, Callable[..., object]] = {
    "GroupId": GroupId.parse,
    "PersonId": PersonId.parse,
    "AgreementId": AgreementId.parse,
    "RequestId": RequestId.parse,
    "instant": parse_instant,
}


NAMES_NOTHING: list[object] = [
    *(None, 7, True, b"mat:5143", "", "5143", "mat", "mat:", ":5143", "MAT:5143", "mat:0", " mat:5143", "mat:5143\n"),
    *("mat:５１４３", "la:87", "la:5143/x", "urn:/x", "urn:0/x", "urn:12345678/x", "urn:-1/x", "urn:100000/"),
    *("urn:100000/ x", "mat:5143/x\0/", "mat:5143/\ud800", "urn:100000", "2026-05-03", "2026-05-03T09:30:00"),
    *("2026-02-30T09:30:00Z", "9999-12-31T23:59:59-01:00", "x" * 1_000_000),
]


@pytest.mark.parametrize("parser", PARSERS)
def test_text_that_names_nothing_is_refused(parser: str) -> None:
    """Each parser refuses text that it cannot read, with words that show what it reads."""
    for text in NAMES_NOTHING:
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
def test_two_people_never_share_a_text(person: PersonId, other: PersonId) -> None:
    """The texts of two identities are equal only if the identities are, and so are their sort keys."""
    assert (person == other) is (str(person) == str(other))
    assert (person == other) is (person.order == other.order)


def test_one_host_id_at_two_sites_is_two_people() -> None:
    """The site is part of who a person is, and a group's code is no URN."""
    sites = (100000, 100001, GroupId.mat("100000"), GroupId.mat("870"), GroupId.local_authority("870"))

    assert len(sites) == len({PersonId(site, "7") for site in sites})


def test_groups_sort_by_kind_and_code() -> None:
    """Identities of groups have an order."""
    ids = [GroupId.mat("5143"), GroupId.local_authority("909"), GroupId.mat("16"), GroupId.local_authority("870")]

    assert ["la:870", "la:909", "mat:16", "mat:5143"] == [str(identity) for identity in sorted(ids)]


def test_kinds_of_groups_have_words() -> None:
    """Kinds are worded for people."""
    assert ["trust", "local authority"] == [kind.label for kind in GroupKind]
    assert ["Trust", "Multi-academy trust", "Single-academy trust", "Secure single-academy trust"] == [
        kind.label for kind in TrustType
    ]


def test_registers_are_compared_by_what_they_hold() -> None:
    """A register with fewer institutions than the one before has lost a share of them; one with more has lost none."""
    summary = RegisterSummary.of([*EstablishmentStatus, *[EstablishmentStatus.CLOSED] * 3])

    assert RegisterSummary(open=1, open_proposed_to_close=1, proposed_to_open=1, closed=4, unknown=1) == summary
    assert 8 == summary.total
    assert "8 institutions: 1 open, 1 proposed to close, 1 proposed to open, 4 closed, 1 of unknown status" == str(
        summary
    )
    assert [0.5, 0.0, 0.0, 1.0] == [
        RegisterSummary(open=4).share_gone_since(RegisterSummary(closed=8)),
        RegisterSummary(open=9).share_gone_since(RegisterSummary(closed=8)),
        RegisterSummary(open=9).share_gone_since(RegisterSummary()),
        RegisterSummary().share_gone_since(RegisterSummary(closed=8)),
    ]


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
def test_the_text_of_instants_sorts_as_they_do(first: datetime, second: datetime) -> None:
    """The text is read back as the same instant, and the order of texts is that of instants."""
    here, there = to_instant(first), to_instant(second)

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
def test_anything_but_an_instant_is_refused(moment: object) -> None:
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
    """The last day of the calendar has no end, and an instant is not a day."""
    with pytest.raises(InvalidValue, match="A day must be"):
        london_span(day)


@pytest.mark.parametrize("wrong", ["2026-05-03", AN_INSTANT, 20260503, None, NAIVE], ids=repr)
def test_anything_but_a_day_is_refused(wrong: object) -> None:
    """A datetime could mean two days, and a text is not a day."""
    with pytest.raises(InvalidValue, match=r"^register_day must be a date without a time") as caught:
        to_day(wrong, "register_day")

    assert_helpful(caught.value)


def test_a_day_may_be_absent() -> None:
    """An optional day is a day or nothing."""
    assert [None, DAY] == [to_optional_day(None), to_optional_day(DAY)]


def test_a_role_is_a_plain_text() -> None:
    """A role's key is kept as plain text, whether it was an enum's member or not."""
    assert {str} == {type(HeldRole(role).role) for role in ("head_teacher", BusinessRole.HEAD_TEACHER)}
    assert {str} == {type(role) for role in Policy.mat().eligible_roles}


@pytest.mark.parametrize(("text", "blank", "valid"), [("x", False, True), (" ", False, False), (" ", True, True)])
def test_an_argument_may_be_blank_where_it_says_so(text: str, blank: bool, valid: bool) -> None:
    """A blank text is refused unless the call allows it."""
    if valid:
        assert text == require_text(text, "note", blank=blank)
    else:
        with pytest.raises(InvalidValue, match=r"^note must be text that is not blank"):
            require_text(text, "note", blank=blank)


def test_urns_are_a_collection_of_urns() -> None:
    """A collection of URNs becomes a tuple; a text or a wrong value in it is refused by the argument's name."""
    assert (1, URN) == require_urns(iter([1, URN]), "urns")
    for wrong in ("1", 1, [True]):
        with pytest.raises(InvalidValue, match=r"^urns must be"):
            require_urns(wrong, "urns")


def test_a_collection_can_be_walked_twice() -> None:
    """A generator is kept as a tuple, anything that can be walked again as it is."""
    things = [1, 2]

    assert things is require_collection(things, "things")
    assert (1, 2) == require_collection(iter(things), "things")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("group", [TRUST, None]),
        ("policy", ["mat", None]),
        ("institution", ["x", URN, institution(100001)]),
        ("day", [NOW, "2026-05-03", None]),
        ("urn", ["100000", True]),
    ],
)
def test_a_question_about_visibility_checks_its_arguments(name: str, wrong: Sequence[object]) -> None:
    """A wrong argument, or an institution with another URN, is refused before anything is answered."""
    arguments: dict[str, Any] = {
        "urn": URN,
        "institution": institution(),
        "group": group(),
        "policy": Policy.mat(),
        "day": DAY,
    }
    for value in wrong:
        with pytest.raises(InvalidValue, match=f"^{name} must be"):
            visibility(**arguments | {name: value})


@pytest.mark.parametrize("wrong", [["x"], "x", None, [URN]], ids=repr)
def test_only_institutions_are_listed(wrong: object) -> None:
    """Anything but a collection of institutions is refused."""
    with pytest.raises(InvalidValue, match="institutions must be Institutions"):
        visible_institutions(wrong, group=group(), policy=Policy.mat(), day=DAY)  # type: ignore[arg-type]


def test_a_reason_that_quotes_long_names_is_cut() -> None:
    """Names of the longest kind in one reason make no text that is too long to be kept."""
    long = "x" * LONGEST_TEXT
    school = institution(trusts=[TrustLink("870", long), TrustLink("871", long)], establishment_type=Coded("34", long))
    policy = attrs.evolve(Policy.mat(), establishment_types=frozenset({"01"}))
    seen = visibility(URN, school, group=group(), policy=policy, day=DAY)

    assert [LONGEST_TEXT, LONGEST_TEXT] == [len(reason.detail) for reason in seen.reasons]
