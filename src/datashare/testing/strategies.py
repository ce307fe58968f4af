"""Hypothesis strategies that build the library's values from valid parts, for any test to draw from.

A strategy that takes a group or a URN keeps to it; one that is given none draws its own.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

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


def instants(first: datetime = FIRST, last: datetime = LAST) -> SearchStrategy[Instant]:
    """Give instants to the microsecond, between two that are meant as UTC."""
    return st.datetimes(first, last, timezones=st.just(UTC)).map(to_instant)


def texts() -> SearchStrategy[str]:
    """Give text that a person could have written: not blank, in any script, with line breaks."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(characters, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))


def keys() -> SearchStrategy[str]:
    """Give short printable texts without spaces, such as a host's ids."""
    return st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


def command_ids() -> SearchStrategy[str]:
    """Give ids that a caller could have drawn for an action."""
    return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def urns() -> SearchStrategy[int]:
    """Give URNs."""
    return st.integers(1, 9_999_999)


def group_ids() -> SearchStrategy[GroupId]:
    """Give trusts and local authorities; their codes may look alike."""
    return st.one_of(
        st.integers(1, 9_999_999).map(lambda uid: GroupId.mat(str(uid))),
        st.integers(0, 999).map(lambda code: GroupId.local_authority(f"{code:03d}")),
    )


def agreement_ids() -> SearchStrategy[AgreementId]:
    """Give identities of agreements."""
    return st.builds(AgreementId, group_ids(), urns())


def request_ids(agreement: AgreementId | None = None) -> SearchStrategy[RequestId]:
    """Give identities of requests."""
    whose = agreement_ids() if agreement is None else st.just(agreement)
    return st.builds(RequestId, whose, st.integers(1, 999_999_999))


def person_ids(site: GroupId | int | None = None) -> SearchStrategy[PersonId]:
    """Give identities of people."""
    return st.builds(PersonId, st.one_of(group_ids(), urns()) if site is None else st.just(site), keys())


def actors() -> SearchStrategy[Actor]:
    """Give people and named systems."""
    return st.one_of(person_ids(), st.builds(SystemActor, keys()))


def terms() -> SearchStrategy[Terms]:
    """Give references to terms."""
    return st.builds(Terms, reference=keys(), version=keys(), review_on=st.none() | st.dates())


def levels() -> SearchStrategy[AccessLevel]:
    """Give levels."""
    return st.sampled_from(AccessLevel)


def role_keys() -> SearchStrategy[str]:
    """Give the keys of roles, those of the library and a host's own."""
    return st.sampled_from([*map(str, BusinessRole), "teacher", "governor_2"])


def recipients() -> SearchStrategy[Recipients]:
    """Give whom to ask: everybody, holders of roles, or people by their ids."""
    return st.one_of(
        st.just(ALL),
        st.builds(WithRoles, st.frozensets(role_keys(), max_size=4)),
        st.builds(Named, st.lists(person_ids(), max_size=4)),
    )


def commands_of_each_kind(group: GroupId, urn: int) -> tuple[SearchStrategy[Command], ...]:
    """Give a strategy for each kind of command about one school of one group."""
    whose = AgreementId(group, urn)
    request, school, maybe = request_ids(whose), st.just(urn), st.none() | terms()
    return (
        st.builds(
            RequestAccess,
            urn=school,
            level=levels(),
            sender=person_ids(),
            recipients=recipients(),
            terms=maybe,
        ),
        st.builds(AddRecipients, request=request, recipients=recipients()),
        st.builds(Remind, request=request),
        st.builds(Approve, request=request, terms_version=st.none() | keys()),
        st.builds(Decline, request=request, reason=texts()),
        st.builds(Withdraw, request=request, reason=st.just("") | texts()),
        st.builds(RecordApproval, urn=school, level=levels(), basis=texts(), terms=maybe),
        st.builds(
            ImportAgreement,
            urn=school,
            level=levels(),
            agreed_on=st.dates(),
            approver=texts(),
            evidence=texts(),
            terms=maybe,
        ),
        st.builds(EndAgreement, urn=school, cause=st.sampled_from(EndCause), note=texts())
        | st.builds(
            EndAgreement,
            urn=school,
            cause=st.sampled_from(sorted(SHOWN_BY_REGISTER, key=lambda cause: cause.value)),
            note=texts(),
            planned=st.builds(Planned, plan=keys(), version=st.integers(1, 9)),
        ),
        st.builds(RecordVisibility, urn=school, register_day=st.none() | st.dates()),
    )


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Give commands of every kind."""
    return draw(st.one_of(commands_of_each_kind(draw(group_ids()), draw(urns()))))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Give actions about some schools, with commands of one kind."""
    group = draw(group_ids())
    kind = draw(st.integers(0, 9))
    schools = draw(st.lists(urns(), max_size=4, unique=True))
    found = [draw(commands_of_each_kind(group, urn)[kind]) for urn in schools]
    return Batch(group=group, actor=draw(actors()), command_id=draw(command_ids()), commands=found)


@st.composite
def events(draw: st.DrawFn, *, at: SearchStrategy[Instant] | None = None) -> Event:
    """Give events of every kind; one by one, not as a history."""
    agreement = draw(agreement_ids())
    common = {
        "agreement": st.just(agreement),
        "sequence": st.integers(1, 999_999_999),
        "at": instants() if at is None else at,
        "actor": actors(),
        "command_id": command_ids(),
    }
    request, maybe, written = request_ids(agreement), st.none() | terms(), st.none() | st.just("") | texts()
    people = st.lists(person_ids(), max_size=4).map(tuple)
    reasons = st.lists(st.sampled_from(HiddenBecause), max_size=3).map(tuple)
    found: Event = draw(
        st.one_of(
            st.builds(
                RequestSent,
                **common,
                level=levels(),
                raises=st.none() | levels(),
                sender=person_ids(),
                recipients=people,
                terms=maybe,
            ),
            st.builds(RecipientsAdded, **common, request=request, recipients=people),
            st.builds(ReminderSent, **common, request=request, recipients=people),
            st.builds(RequestApproved, **common, request=request, level=levels(), terms=maybe),
            st.builds(RequestDeclined, **common, request=request, reason=written),
            st.builds(RequestWithdrawn, **common, request=request, reason=written),
            st.builds(ApprovalRecorded, **common, level=levels(), terms=maybe, basis=written),
            st.builds(
                AgreementImported,
                **common,
                level=levels(),
                agreed_on=st.dates(),
                terms=maybe,
                approver=written,
                evidence=written,
            ),
            st.builds(
                AgreementEnded,
                **common,
                cause=st.sampled_from(EndCause),
                request=st.none() | request,
                note=written,
            ),
            st.builds(VisibilityLost, **common, register_day=st.dates(), reasons=reasons),
            st.builds(VisibilityReturned, **common, register_day=st.dates(), resumes=st.booleans()),
        )
    )
    return found


def addresses() -> SearchStrategy[str]:
    """Give email addresses that can be used; some differ only in case."""
    return st.sampled_from(["head@hilda.example", "Head@Hilda.example", "office@hilda.example", "größe@straße.example"])


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    """Give notices of every kind, with every field present or absent."""
    agreement = draw(agreement_ids())
    addressee = st.builds(Addressee, id=person_ids(), name=texts(), can_approve=st.booleans())
    before = draw(st.none() | levels())
    return Notice(
        id=str(draw(st.uuids())),
        kind=draw(st.sampled_from(NoticeKind)),
        audience=draw(st.sampled_from(Party)),
        agreement=agreement,
        sequence=draw(st.integers(1, 999_999_999)),
        request=draw(st.none() | request_ids(agreement)),
        address=draw(addresses()),
        people=tuple(draw(st.lists(addressee, min_size=1, max_size=3))),
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
        answerers=tuple(draw(st.lists(st.builds(Answerer, name=texts(), asked=st.booleans()), max_size=2))),
        nobody_can_answer=draw(st.booleans()),
        asked_on=draw(st.none() | st.dates()),
    )


@st.composite
def periods(draw: st.DrawFn, around: date | None = None) -> Period:
    """Give periods of people's roles and permissions, open or closed; near a day, if one is named."""
    days = st.dates() if around is None else st.integers(-2, 2).map(lambda n: around + timedelta(n))
    first, last = draw(st.none() | days), draw(st.none() | days)
    if first and last and last < first:
        first, last = last, first
    return Period(first, last)


@st.composite
def people(draw: st.DrawFn, site: GroupId | int, host_id: str = "", around: date | None = None) -> Person:
    """Give people of a site, current or not, with or without roles, permissions and an address."""
    return Person(
        id=PersonId(site, host_id or draw(keys())),
        name=draw(texts()),
        email=draw(st.none() | st.just("no address") | addresses()),
        roles=draw(st.lists(st.builds(HeldRole, role_keys(), periods(around)), max_size=3)),
        permissions=draw(st.lists(st.builds(Grant, st.sampled_from(Permission), periods(around)), max_size=3)),
        period=draw(periods(around)),
        associations=draw(associations()),
    )


def associations(schools: Iterable[int] = (100000, 100001)) -> SearchStrategy[Associations]:
    """Give schools that somebody is associated with: some, clusters, or all."""
    return st.builds(
        Associations,
        urns=st.frozensets(st.sampled_from(tuple(schools))),
        clusters=st.frozensets(st.sampled_from(["North", "Süd"])),
        everything=st.booleans(),
    )


@st.composite
def policies(draw: st.DrawFn, kind: GroupKind | None = None) -> Policy:
    """Give policies that differ from the usual one of their kind in what touches access and messages."""
    of = draw(st.sampled_from(GroupKind)) if kind is None else kind
    return attrs.evolve(
        Policy.for_kind(of),
        include_proposed_to_close=draw(st.booleans()),
        establishment_types=draw(st.none() | st.just(frozenset({"34"}))),
        labels=draw(st.dictionaries(levels(), texts())),
        distinct_approver=draw(st.booleans()),
        least_reminder_interval=draw(st.timedeltas(timedelta(0), timedelta(days=7))),
        correction_window=draw(st.timedeltas(timedelta(0), timedelta(days=60))),
        enders=draw(st.frozensets(st.sampled_from(Party))),
    )


def groups(of: GroupId) -> SearchStrategy[Group]:
    """Give a group as the register may know it: open or closed."""
    return st.builds(Group, id=st.just(of), name=texts(), is_open=st.booleans(), closed_on=st.none() | st.dates())


@st.composite
def institutions(draw: st.DrawFn, urn: int, around: date) -> Institution:
    """Give an establishment that trust 5143 and authority 870 may see or not, and that may join within days."""
    joined = st.none() | st.integers(-2, 2).map(lambda n: around + timedelta(n))
    link = st.builds(TrustLink, st.sampled_from(["5143", "870"]), st.just(""), joined)
    return Institution(
        urn=urn,
        name=draw(texts()),
        status=draw(st.sampled_from(EstablishmentStatus)),
        close_date=draw(st.none() | st.dates()),
        trusts=draw(st.lists(link, max_size=2)),
        local_authority=draw(st.none() | st.builds(Coded, st.sampled_from(["870", "871"]))),
        establishment_type=draw(st.none() | st.builds(Coded, st.sampled_from(["34", "01"]))),
    )


@st.composite
def agreements(draw: st.DrawFn, of: AgreementId, around: date) -> Agreement:
    """Give agreements in every state; hidden, lapsed or neither, at about the edge of a correction window."""
    now = instants(datetime(2020, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001 - meant as UTC
    in_force = st.builds(InForce, level=levels(), since=now, basis=st.sampled_from(Basis), approved_by=actors())
    request = st.builds(
        OpenRequest,
        id=request_ids(of),
        level=levels(),
        sender=person_ids(of.group),
        asked_by=actors(),
        asked_at=now,
        recipients=st.lists(person_ids(of.urn), max_size=3).map(tuple),
    )
    closed = st.builds(ClosedRequest, id=request_ids(of), outcome=st.sampled_from(RequestOutcome), by=actors(), at=now)
    return Agreement(
        id=of,
        version=draw(st.integers(1, 50)),
        in_force=draw(st.none() | in_force),
        request=draw(st.none() | request),
        closed=tuple(draw(st.lists(closed, max_size=2))),
        hidden_since=draw(st.none() | st.integers(0, 62).map(lambda n: around - timedelta(n))),
        lapsed=draw(st.booleans()),
        changed_at=draw(now),
    )
