"""Hypothesis strategies for the library's values.

A strategy that takes a group or a URN keeps to it; without one it draws its own.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from datashare.domain.agreements.commands import (
    ALL,
    SHOWN_BY_REGISTER,
    Batch,
    Command,
    EndAgreement,
    Named,
    Planned,
    Recipients,
    WithRoles,
)
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId, Terms
from datashare.domain.agreements.state import Agreement, OpenRequest
from datashare.domain.instants import Instant, to_instant
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Addressee, Answerer, Notice
from datashare.domain.people import Associations, BusinessRole, Grant, HeldRole, Period, Permission, Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, GroupKind, Institution, TrustLink
from datashare.domain.text import one_line
from datashare.domain.validation import LEAST_URN, MOST_URN, Key, Text, TextOrEmpty, Urn

FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - Hypothesis adds the time zone
DAYS_AROUND = st.integers(-2, 2).map(timedelta)

_A = TypeVar("_A", bound=attrs.AttrsInstance)
_T = TypeVar("_T")


def instants(first: datetime = FIRST, last: datetime = LAST) -> SearchStrategy[Instant]:
    """Draw instants to the microsecond, between two naive datetimes that are taken as UTC."""
    return st.datetimes(first, last, timezones=st.just(UTC)).map(to_instant)


def texts() -> SearchStrategy[str]:
    """Draw text that a person could have written: not blank, in any script, with line breaks."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(characters, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))


def names() -> SearchStrategy[str]:
    """Draw names: not blank, in any script, on one line."""
    return texts().map(one_line)


def keys() -> SearchStrategy[str]:
    """Draw short printable texts without spaces, such as a host's ids."""
    return st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


def command_ids() -> SearchStrategy[str]:
    """Draw command ids."""
    return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def urns() -> SearchStrategy[int]:
    """Draw URNs."""
    return st.integers(LEAST_URN, MOST_URN)


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


def role_keys() -> SearchStrategy[str]:
    """Draw keys of roles, those of the library and a host's own."""
    return st.sampled_from([*map(str, BusinessRole), "teacher", "governor_2"])


def _tuples(elements: SearchStrategy[_T], *, min_size: int = 0, max_size: int = 3) -> SearchStrategy[tuple[_T, ...]]:
    return st.lists(elements, min_size=min_size, max_size=max_size).map(tuple)


def terms() -> SearchStrategy[Terms]:
    """Draw references to terms."""
    return st.builds(Terms, reference=keys(), version=keys(), review_on=st.none() | st.dates())


def recipients() -> SearchStrategy[Recipients]:
    """Draw recipients: everybody eligible, holders of roles, or named people."""
    roles = st.frozensets(role_keys(), max_size=4)
    return st.just(ALL) | st.builds(WithRoles, roles) | st.builds(Named, _tuples(person_ids()))


_Strategies = Mapping[Any, SearchStrategy[Any]]
_USUAL: _Strategies = {
    NoneType: st.none(),
    bool: st.booleans(),
    date: st.dates(),
    int: st.integers(1, 999_999_999),
    str: st.just("") | texts(),
    Instant: instants(),
    Key: keys(),
    PersonId: person_ids(),
    RequestId: request_ids(),
    Recipients: recipients(),
    Terms: terms(),
    Text: texts(),
    TextOrEmpty: st.just("") | texts(),
    GroupId: group_ids(),
    Urn: urns(),
}
"""Strategies by the annotation of a field; those for unions, collections, enumerations and classes follow from it."""


def _values_of(annotation: Any, strategies: _Strategies = _USUAL) -> SearchStrategy[Any]:
    if annotation in strategies:
        return strategies[annotation]
    parts = [_values_of(part, strategies) for part in get_args(annotation) if part is not ...]
    if get_origin(annotation) is tuple:
        return _tuples(*parts)
    if parts:
        return st.one_of(parts)
    return st.sampled_from(annotation) if issubclass(annotation, Enum) else _instances_of(annotation, strategies)


def _instances_of(
    kind: type[_A], strategies: _Strategies = _USUAL, **fields: SearchStrategy[Any]
) -> SearchStrategy[_A]:
    """Return a strategy for an attrs class: *fields*, and the others by their annotations."""
    annotations = get_type_hints(kind, include_extras=True)
    others = [name for name in attrs.fields_dict(kind) if name not in fields]
    return st.builds(kind, **fields, **{name: _values_of(annotations[name], strategies) for name in others})


def actors() -> SearchStrategy[Actor]:
    """Draw people and named systems."""
    return _values_of(Actor)


def levels() -> SearchStrategy[AccessLevel]:
    """Draw access levels."""
    return st.sampled_from(AccessLevel)


def _commands(kind: type[Command], group: GroupId, urn: int) -> SearchStrategy[Command]:
    """Draw commands of a kind about one school of one group."""
    usual = {**_USUAL, Urn: st.just(urn), RequestId: request_ids(AgreementId(group, urn))}
    if kind is EndAgreement:
        planned = _instances_of(Planned, version=st.integers(1, 9))
        shown = st.sampled_from(sorted(SHOWN_BY_REGISTER, key=lambda cause: cause.value))
        return _instances_of(kind, usual, planned=st.none()) | _instances_of(kind, usual, planned=planned, cause=shown)
    return _instances_of(kind, usual)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Draw commands of every kind."""
    return draw(_commands(draw(st.sampled_from(get_args(Command))), draw(group_ids()), draw(urns())))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Draw actions about some schools, with commands of one kind."""
    group, kind = draw(group_ids()), draw(st.sampled_from(get_args(Command)))
    schools = draw(st.lists(urns(), max_size=4, unique=True))
    drawn = tuple(draw(_commands(kind, group, urn)) for urn in schools)
    return Batch(group=group, actor=draw(actors()), command_id=draw(command_ids()), commands=drawn)


@st.composite
def events(draw: st.DrawFn, *, at: SearchStrategy[Instant] | None = None) -> Event:
    """Draw single events of every kind; several of them are not a history."""
    agreement = draw(agreement_ids())
    usual = {**_USUAL, AgreementId: st.just(agreement), RequestId: request_ids(agreement), Instant: at or instants()}
    event: Event = draw(_instances_of(draw(st.sampled_from(get_args(Event))), usual, command_id=command_ids()))
    return event


def addresses() -> SearchStrategy[str]:
    """Draw email addresses that can be used; some differ only in case."""
    return st.sampled_from(["head@hilda.example", "Head@Hilda.example", "office@hilda.example", "größe@straße.example"])


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    """Draw notices of every kind, with every field present or absent."""
    agreement, before = draw(agreement_ids()), draw(st.none() | levels())
    notice = _instances_of(
        Notice,
        {**_USUAL, AgreementId: st.just(agreement), RequestId: request_ids(agreement)},
        id=st.uuids().map(str),
        address=addresses(),
        people=_tuples(_instances_of(Addressee, name=names()), min_size=1),
        group_kind=st.just(agreement.group.kind),
        group_name=names(),
        institution_name=names(),
        sender_name=st.just("") | names(),
        actor_name=st.just("") | names(),
        sender_address=st.none() | addresses(),
        level_before=st.just(before),
        level_before_label=st.just(before.label if before else ""),
        link=st.none() | st.just("https://hilda.example/data/sharing"),
        answerers=_tuples(_instances_of(Answerer, name=names())),
    )
    return draw(notice)


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
        roles=draw(_tuples(st.builds(HeldRole, role_keys(), periods(around)))),
        permissions=draw(_tuples(st.builds(Grant, st.sampled_from(Permission), periods(around)))),
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
    return _instances_of(Group, id=st.just(of))


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


def agreements(of: AgreementId, around: date) -> SearchStrategy[Agreement]:
    """Draw agreements in every state; hidden, lapsed or neither, near the end of a correction window."""
    now = instants(datetime(2020, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001 - taken as UTC
    usual = {
        **_USUAL,
        AgreementId: st.just(of),
        RequestId: request_ids(of),
        PersonId: person_ids(of.group),
        Instant: now,
    }
    return _instances_of(
        Agreement,
        usual,
        version=st.integers(1, 50),
        request=st.none() | _instances_of(OpenRequest, usual, recipients=_tuples(person_ids(of.urn))),
        hidden_since=st.none() | st.integers(0, 62).map(lambda days: around - timedelta(days)),
        changed_at=now,
    )
