"""Hypothesis strategies for the library's values.

A strategy that takes a group or a URN keeps to it; without one it draws its own.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from datashare.domain.agreements import (
    ALL,
    SHOWN_BY_REGISTER,
    Actor,
    AddRecipients,
    Agreement,
    AgreementEnded,
    AgreementId,
    AgreementImported,
    ApprovalRecorded,
    Approve,
    Basis,
    Batch,
    ClosedRequest,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    Event,
    ImportAgreement,
    InForce,
    Named,
    OpenRequest,
    Planned,
    Recipients,
    RecipientsAdded,
    RecordApproval,
    RecordVisibility,
    Remind,
    ReminderSent,
    RequestAccess,
    RequestApproved,
    RequestDeclined,
    RequestId,
    RequestOutcome,
    RequestSent,
    RequestWithdrawn,
    SystemActor,
    Terms,
    VisibilityLost,
    VisibilityReturned,
    Withdraw,
    WithRoles,
)
from datashare.domain.instants import Instant, to_instant
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Addressee, Answerer, Notice, NoticeKind
from datashare.domain.people import Associations, BusinessRole, Grant, HeldRole, Period, Permission, Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, GroupKind, Institution, TrustLink
from datashare.domain.visibility import HiddenBecause

FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - Hypothesis adds the time zone
DAYS_AROUND = st.integers(-2, 2).map(timedelta)

_T = TypeVar("_T")


def instants(first: datetime = FIRST, last: datetime = LAST) -> SearchStrategy[Instant]:
    """Draw instants to the microsecond, between two naive datetimes that are taken as UTC."""
    return st.datetimes(first, last, timezones=st.just(UTC)).map(to_instant)


def texts() -> SearchStrategy[str]:
    """Draw text that a person could have written: not blank, in any script, with line breaks."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(characters, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))


def keys() -> SearchStrategy[str]:
    """Draw short printable texts without spaces, such as a host's ids."""
    return st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


def command_ids() -> SearchStrategy[str]:
    """Draw command ids."""
    return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def urns() -> SearchStrategy[int]:
    """Draw URNs."""
    return st.integers(1, 9_999_999)


def group_ids() -> SearchStrategy[GroupId]:
    """Draw ids of trusts and local authorities; their codes may be alike."""
    return st.one_of(
        st.integers(1, 9_999_999).map(lambda uid: GroupId.mat(str(uid))),
        st.integers(0, 999).map(lambda code: GroupId.local_authority(f"{code:03d}")),
    )


def agreement_ids() -> SearchStrategy[AgreementId]:
    """Draw ids of agreements."""
    return st.builds(AgreementId, group_ids(), urns())


def request_ids(agreement: AgreementId | None = None) -> SearchStrategy[RequestId]:
    """Draw ids of requests."""
    return st.builds(RequestId, st.just(agreement) if agreement else agreement_ids(), st.integers(1, 999_999_999))


def person_ids(site: GroupId | int | None = None) -> SearchStrategy[PersonId]:
    """Draw ids of people."""
    return st.builds(PersonId, st.one_of(group_ids(), urns()) if site is None else st.just(site), keys())


def actors() -> SearchStrategy[Actor]:
    """Draw people and named systems."""
    return st.one_of(person_ids(), st.builds(SystemActor, keys()))


def terms() -> SearchStrategy[Terms]:
    """Draw references to terms."""
    return st.builds(Terms, reference=keys(), version=keys(), review_on=st.none() | st.dates())


def levels() -> SearchStrategy[AccessLevel]:
    """Draw access levels."""
    return st.sampled_from(AccessLevel)


def role_keys() -> SearchStrategy[str]:
    """Draw keys of roles, those of the library and a host's own."""
    return st.sampled_from([*map(str, BusinessRole), "teacher", "governor_2"])


def recipients() -> SearchStrategy[Recipients]:
    """Draw recipients: everybody eligible, holders of roles, or named people."""
    return st.one_of(
        st.just(ALL),
        st.builds(WithRoles, st.frozensets(role_keys(), max_size=4)),
        st.builds(Named, _tuples(person_ids(), max_size=4)),
    )


def commands_of_each_kind(group: GroupId, urn: int) -> tuple[SearchStrategy[Command], ...]:
    """Return a strategy for each kind of command about one school of one group."""
    request, school, maybe = request_ids(AgreementId(group, urn)), st.just(urn), st.none() | terms()
    level, text = levels(), texts()
    planned = st.builds(Planned, plan=keys(), version=st.integers(1, 9))
    from_register = st.sampled_from(sorted(SHOWN_BY_REGISTER, key=lambda cause: cause.value))
    return (
        st.builds(RequestAccess, urn=school, level=level, sender=person_ids(), recipients=recipients(), terms=maybe),
        st.builds(AddRecipients, request=request, recipients=recipients()),
        st.builds(Remind, request=request),
        st.builds(Approve, request=request, terms_version=st.none() | keys()),
        st.builds(Decline, request=request, reason=text),
        st.builds(Withdraw, request=request, reason=st.just("") | text),
        st.builds(RecordApproval, urn=school, level=level, basis=text, terms=maybe),
        st.builds(
            ImportAgreement,
            urn=school,
            level=level,
            agreed_on=st.dates(),
            approver=text,
            evidence=text,
            terms=maybe,
        ),
        st.builds(EndAgreement, urn=school, cause=st.sampled_from(EndCause), note=text)
        | st.builds(EndAgreement, urn=school, cause=from_register, note=text, planned=planned),
        st.builds(RecordVisibility, urn=school, register_day=st.none() | st.dates()),
    )


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Draw commands of every kind."""
    return draw(st.one_of(commands_of_each_kind(draw(group_ids()), draw(urns()))))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Draw actions about some schools, with commands of one kind."""
    group, kind = draw(group_ids()), draw(st.integers(0, 9))
    schools = draw(st.lists(urns(), max_size=4, unique=True))
    drawn = tuple(draw(commands_of_each_kind(group, urn)[kind]) for urn in schools)
    return Batch(group=group, actor=draw(actors()), command_id=draw(command_ids()), commands=drawn)


@st.composite
def events(draw: st.DrawFn, *, at: SearchStrategy[Instant] | None = None) -> Event:
    """Draw single events of every kind; several of them are not a history."""
    agreement = draw(agreement_ids())
    common = {
        "agreement": st.just(agreement),
        "sequence": st.integers(1, 999_999_999),
        "at": instants() if at is None else at,
        "actor": actors(),
        "command_id": command_ids(),
    }
    request, level, day = request_ids(agreement), levels(), st.dates()
    maybe, written = st.none() | terms(), st.none() | st.just("") | texts()
    asked = {"request": request, "recipients": _tuples(person_ids(), max_size=4)}
    reasons = _tuples(st.sampled_from(HiddenBecause), max_size=3)
    imported = {"agreed_on": day, "terms": maybe, "approver": written, "evidence": written}
    cause = st.sampled_from(EndCause)
    kinds: list[SearchStrategy[Event]] = [
        st.builds(
            RequestSent,
            **common,
            level=level,
            raises=st.none() | level,
            sender=person_ids(),
            recipients=asked["recipients"],
            terms=maybe,
        ),
        st.builds(RecipientsAdded, **common, **asked),
        st.builds(ReminderSent, **common, **asked),
        st.builds(RequestApproved, **common, request=request, level=level, terms=maybe),
        st.builds(RequestDeclined, **common, request=request, reason=written),
        st.builds(RequestWithdrawn, **common, request=request, reason=written),
        st.builds(ApprovalRecorded, **common, level=level, terms=maybe, basis=written),
        st.builds(AgreementImported, **common, level=level, **imported),
        st.builds(AgreementEnded, **common, cause=cause, request=st.none() | request, note=written),
        st.builds(VisibilityLost, **common, register_day=day, reasons=reasons),
        st.builds(VisibilityReturned, **common, register_day=day, resumes=st.booleans()),
    ]
    return draw(st.one_of(kinds))


def addresses() -> SearchStrategy[str]:
    """Draw email addresses that can be used; some differ only in case."""
    return st.sampled_from(["head@hilda.example", "Head@Hilda.example", "office@hilda.example", "größe@straße.example"])


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    """Draw notices of every kind, with every field present or absent."""
    agreement, before = draw(agreement_ids()), draw(st.none() | levels())
    addressee = st.builds(Addressee, id=person_ids(), name=texts(), can_approve=st.booleans())
    return Notice(
        id=str(draw(st.uuids())),
        kind=draw(st.sampled_from(NoticeKind)),
        audience=draw(st.sampled_from(Party)),
        agreement=agreement,
        sequence=draw(st.integers(1, 999_999_999)),
        request=draw(st.none() | request_ids(agreement)),
        address=draw(addresses()),
        people=draw(_tuples(addressee, min_size=1, max_size=3)),
        created_at=draw(instants()),
        group_kind=agreement.group.kind,
        group_name=draw(texts()),
        institution_name=draw(texts()),
        sender_name=draw(st.just("") | texts()),
        sender_address=draw(st.none() | addresses()),
        level=draw(st.none() | levels()),
        level_label=draw(st.just("") | texts()),
        level_before=before,
        level_before_label=before.label if before else "",
        link=draw(st.none() | st.just("https://hilda.example/data/sharing")),
        terms=draw(st.none() | terms()),
        reason=draw(st.none() | texts()),
        actor_name=draw(st.just("") | texts()),
        cause=draw(st.none() | st.sampled_from(EndCause)),
        answerers=draw(_tuples(st.builds(Answerer, name=texts(), asked=st.booleans()), max_size=2)),
        nobody_can_answer=draw(st.booleans()),
        asked_on=draw(st.none() | st.dates()),
    )


@st.composite
def periods(draw: st.DrawFn, around: date | None = None) -> Period:
    """Draw periods of roles and permissions, open or closed; near the day *around*, if it is given."""
    days = st.dates() if around is None else DAYS_AROUND.map(lambda delta: around + delta)
    first, last = draw(st.none() | days), draw(st.none() | days)
    if first and last and last < first:
        first, last = last, first
    return Period(first, last)


@st.composite
def people(draw: st.DrawFn, site: GroupId | int, host_id: str = "", around: date | None = None) -> Person:
    """Draw people of a site, current or not, with or without roles, permissions and an address."""
    return Person(
        id=PersonId(site, host_id or draw(keys())),
        name=draw(texts()),
        email=draw(st.none() | st.just("no address") | addresses()),
        roles=draw(_tuples(st.builds(HeldRole, role_keys(), periods(around)), max_size=3)),
        permissions=draw(_tuples(st.builds(Grant, st.sampled_from(Permission), periods(around)), max_size=3)),
        period=draw(periods(around)),
        associations=draw(associations()),
    )


def associations(schools: Iterable[int] = (100000, 100001)) -> SearchStrategy[Associations]:
    """Draw what schools somebody is associated with: some, clusters, or all."""
    return st.builds(
        Associations,
        urns=st.frozensets(st.sampled_from(tuple(schools))),
        clusters=st.frozensets(st.sampled_from(["North", "Süd"])),
        everything=st.booleans(),
    )


@st.composite
def policies(draw: st.DrawFn, kind: GroupKind | None = None) -> Policy:
    """Draw policies that differ from the usual one of their kind in what touches access and messages."""
    return attrs.evolve(
        Policy.for_kind(kind or draw(st.sampled_from(GroupKind))),
        include_proposed_to_close=draw(st.booleans()),
        establishment_types=draw(st.none() | st.just(frozenset({"34"}))),
        labels=draw(st.dictionaries(levels(), texts())),
        distinct_approver=draw(st.booleans()),
        least_reminder_interval=draw(st.timedeltas(timedelta(0), timedelta(days=7))),
        correction_window=draw(st.timedeltas(timedelta(0), timedelta(days=60))),
        enders=draw(st.frozensets(st.sampled_from(Party))),
    )


def groups(of: GroupId) -> SearchStrategy[Group]:
    """Draw a group as the register may show it: open or closed."""
    return st.builds(Group, id=st.just(of), name=texts(), is_open=st.booleans(), closed_on=st.none() | st.dates())


@st.composite
def institutions(draw: st.DrawFn, urn: int, around: date) -> Institution:
    """Draw a school that trust 5143 and authority 870 may see or not, and that may join a trust near a day."""
    joined = st.none() | DAYS_AROUND.map(lambda delta: around + delta)
    link = st.builds(TrustLink, st.sampled_from(["5143", "870"]), st.just(""), joined)
    return Institution(
        urn=urn,
        name=draw(texts()),
        status=draw(st.sampled_from(EstablishmentStatus)),
        close_date=draw(st.none() | st.dates()),
        trusts=draw(_tuples(link, max_size=2)),
        local_authority=draw(st.none() | st.builds(Coded, st.sampled_from(["870", "871"]))),
        establishment_type=draw(st.none() | st.builds(Coded, st.sampled_from(["34", "01"]))),
    )


@st.composite
def agreements(draw: st.DrawFn, of: AgreementId, around: date) -> Agreement:
    """Draw agreements in every state; hidden, lapsed or neither, near the end of a correction window."""
    now = instants(datetime(2020, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001 - taken as UTC
    in_force = st.builds(InForce, level=levels(), since=now, basis=st.sampled_from(Basis), approved_by=actors())
    request = st.builds(
        OpenRequest,
        id=request_ids(of),
        level=levels(),
        sender=person_ids(of.group),
        asked_by=actors(),
        asked_at=now,
        recipients=_tuples(person_ids(of.urn), max_size=3),
    )
    closed = st.builds(ClosedRequest, id=request_ids(of), outcome=st.sampled_from(RequestOutcome), by=actors(), at=now)
    return Agreement(
        id=of,
        version=draw(st.integers(1, 50)),
        in_force=draw(st.none() | in_force),
        request=draw(st.none() | request),
        closed=draw(_tuples(closed, max_size=2)),
        hidden_since=draw(st.none() | st.integers(0, 62).map(lambda days: around - timedelta(days))),
        lapsed=draw(st.booleans()),
        changed_at=draw(now),
    )


def _tuples(elements: SearchStrategy[_T], *, min_size: int = 0, max_size: int) -> SearchStrategy[tuple[_T, ...]]:
    return st.lists(elements, min_size=min_size, max_size=max_size).map(tuple)
