"""Makes the things that tests of the rules are about, with sensible defaults: say only what matters."""

from collections.abc import Iterable, Mapping
from datetime import date

import pendulum

from datashare.domain.agreements import Agreement, AgreementId, Basis, InForce, OpenRequest, RequestId, State
from datashare.domain.browsing import Listing
from datashare.domain.levels import AccessLevel
from datashare.domain.people import ALWAYS, BusinessRole, Grant, HeldRole, Period, Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, Phase, TrustLink
from datashare.domain.visibility import Visibility, visibility

TRUST = GroupId.mat("5143")
AUTHORITY = GroupId.local_authority("870")
URN = 100000
DAY = date(2026, 5, 3)
NOW = pendulum.datetime(2026, 5, 3, 9, 30, 15, 123456)

OPEN = EstablishmentStatus.OPEN
READING = Coded("870", "Reading")
VOLUNTARY_AIDED = Coded("02", "Voluntary aided school")
ACADEMY_CONVERTER = Coded("34", "Academy converter")


def institution(
    urn: int = URN,
    name: str = "St Hilda's Primary School",
    *,
    status: EstablishmentStatus = OPEN,
    status_name: str = "",
    trusts: Iterable[TrustLink] = (TrustLink("5143", "Areté Learning Trust"),),
    federations: Iterable[Coded] = (),
    local_authority: Coded | None = READING,
    establishment_type: Coded | None = ACADEMY_CONVERTER,
    phase: Phase = Phase.PRIMARY,
    town: str = "Reading",
    postcode: str = "RG1 1AA",
    open_date: date | None = None,
    close_date: date | None = None,
    ofsted_rating: str | None = None,
) -> Institution:
    """Make an open school that both the trust and the authority of these tests see."""
    return Institution(
        urn=urn,
        name=name,
        status=status,
        status_name=status_name,
        trusts=tuple(trusts),
        federations=tuple(federations),
        local_authority=local_authority,
        establishment_type=establishment_type,
        phase=phase,
        town=town,
        postcode=postcode,
        open_date=open_date,
        close_date=close_date,
        ofsted_rating=ofsted_rating,
    )


def group(of: GroupId = TRUST, *, is_open: bool = True, closed_on: date | None = None) -> Group:
    """Make a group, open by default."""
    name = "Areté Learning Trust" if of == TRUST else f"Group {of}"
    return Group(id=of, name=name, is_open=is_open, closed_on=closed_on)


def look(
    at: Institution | None,
    *,
    by: Group | None = None,
    policy: Policy | None = None,
    day: date = DAY,
    urn: int = URN,
) -> Visibility:
    """Ask whether a group sees an institution, with the policy that is usual for the group."""
    who = by or group()
    choices = policy or Policy.for_kind(who.id.kind)
    return visibility(at.urn if at else urn, at, group=who, policy=choices, day=day)


def person(
    host_id: str = "hana",
    *,
    site: GroupId | int = URN,
    name: str = "Hana Žižková",
    email: str | None = "hana@hilda.example",
    roles: Iterable[HeldRole | str] = (BusinessRole.HEAD_TEACHER,),
    permissions: Iterable[Grant | Permission] = (),
    period: Period = ALWAYS,
) -> Person:
    """Make a person, by default a Head Teacher who can be asked and can approve."""
    return Person(
        id=PersonId(site, host_id),
        name=name,
        email=email,
        roles=roles,
        permissions=permissions,
        period=period,
    )


def sender(
    host_id: str = "ana",
    *,
    site: GroupId = TRUST,
    email: str | None = "ana@trust.example",
    permissions: Iterable[Grant | Permission] = (Permission.ADMINISTER_INSTITUTION_DETAILS,),
    period: Period = ALWAYS,
) -> Person:
    """Make a user of a group's site, by default one who can send requests."""
    return person(host_id, site=site, name="Ana Ćosić", email=email, roles=(), permissions=permissions, period=period)


def known(*people: Person) -> Mapping[PersonId, Person]:
    """Give people as a directory does: by id."""
    return {one.id: one for one in people}


def in_force(level: AccessLevel = AccessLevel.MIS_DATA, *, urn: int = URN) -> InForce:
    """Make a level in force."""
    return InForce(level=level, since=NOW, basis=Basis.REQUEST, approved_by=PersonId(urn, "hana"))


def open_request(
    level: AccessLevel = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS, *, urn: int = URN, of: GroupId = TRUST
) -> OpenRequest:
    """Make an open request."""
    ana = PersonId(of, "ana")
    return OpenRequest(
        id=RequestId(AgreementId(of, urn), 1),
        level=level,
        sender=ana,
        asked_by=ana,
        asked_at=NOW,
        recipients=(PersonId(urn, "hana"),),
    )


def agreement(
    urn: int = URN,
    state: State = State.NO_AGREEMENT,
    *,
    of: GroupId = TRUST,
    level: AccessLevel = AccessLevel.MIS_DATA,
) -> Agreement:
    """Make an agreement in a state; *level* is the one in force, if the state has one."""
    return Agreement(
        id=AgreementId(of, urn),
        in_force=in_force(level, urn=urn) if state in {State.APPROVED, State.UPGRADING} else None,
        request=open_request(urn=urn, of=of) if state in {State.PENDING, State.UPGRADING} else None,
    )


def listing(
    school: Institution | None = None,
    state: State = State.NO_AGREEMENT,
    *,
    level: AccessLevel = AccessLevel.MIS_DATA,
    clusters: Iterable[str] = (),
    has_school_site: bool = True,
) -> Listing:
    """Make a row of the table."""
    found = school or institution()
    return Listing(
        institution=found,
        agreement=agreement(found.urn, state, level=level),
        has_school_site=has_school_site,
        clusters=tuple(clusters),
    )
