"""Builds the groups, schools, people, agreements and commands of the tests; name only what matters to the test."""

import copy
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pendulum

from datashare.domain.agreements.authorise import not_permitted, refusals_as_a_whole
from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Approve,
    Batch,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    Recipients,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
)
from datashare.domain.agreements.context import Decision, DecisionContext
from datashare.domain.agreements.decide import decide
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId, SystemActor, Terms
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.agreements.refusals import Reason, Refusal, RefusalCode
from datashare.domain.agreements.state import Agreement, Basis, InForce, OpenRequest, State, evolve
from datashare.domain.browsing import Listing
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import AccessLevel
from datashare.domain.people import (
    ALWAYS,
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
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, Phase, TrustLink
from datashare.domain.visibility import HiddenBecause, HiddenReason, Visibility, visibility

DFE = AccessLevel.DFE_DATA
MIS = AccessLevel.MIS_DATA
ACTIONS = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS

MAT = GroupId.mat("5143")
LA = GroupId.local_authority("870")
URN = 100000
OTHER_URN = 100001
AGREEMENT = AgreementId(MAT, URN)

# An ordinary morning in summer time.
MORNING = pendulum.datetime(2026, 5, 3, 9, 30, 15, 123456)
DAY = date(2026, 5, 3)

# The clocks in London go forward on this day, one microsecond before the hour.
NOW = pendulum.datetime(2026, 3, 29, 0, 59, 59, 999_999, tz="UTC")
AUTUMN = pendulum.datetime(2026, 10, 25, 0, 30, 0, 1, tz="UTC")

READING = Coded("870", "Reading")
VOLUNTARY_AIDED = Coded("02", "Voluntary aided school")
ACADEMY_CONVERTER = Coded("34", "Academy converter")


def institution(urn: int = URN, name: str = "St Hilda's Primary School", **cells: Any) -> Institution:
    """Build an open school that both the trust and the authority of these tests see."""
    usual: dict[str, Any] = {
        "status": EstablishmentStatus.OPEN,
        "trusts": (TrustLink(MAT.code, "Areté Learning Trust"),),
        "local_authority": READING,
        "establishment_type": ACADEMY_CONVERTER,
        "phase": Phase.PRIMARY,
        "town": "Reading",
        "postcode": "RG1 1AA",
    }
    return Institution(urn=urn, name=name, **usual | cells)


def group(of: GroupId = MAT, *, is_open: bool = True, closed_on: date | None = None) -> Group:
    """Build a group, open by default."""
    return Group(id=of, name=_NAMES.get(of, f"Group {of}"), is_open=is_open, closed_on=closed_on)


_NAMES = {MAT: "Areté Learning Trust", LA: "Llanfair {Borough}"}
TRUST = group()
COUNCIL = group(LA)


def look(
    at: Institution | None,
    *,
    by: Group | None = None,
    policy: Policy | None = None,
    day: date = DAY,
    urn: int = URN,
) -> Visibility:
    """Return whether a group sees an institution, with the policy that is usual for the group."""
    who = by or group()
    choices = policy or Policy.for_kind(who.id.kind)
    return visibility(at.urn if at else urn, at, group=who, policy=choices, day=day)


HEAD = PersonId(URN, "head")
DEPUTY = PersonId(URN, "deputy")
DATA_MANAGER = PersonId(URN, "datamanager")
EXECUTIVE = PersonId(URN, "executive")
TEACHER = PersonId(URN, "teacher")
MUTE_HEAD = PersonId(URN, "mute")
ANA = PersonId(MAT, "ana")
BEN = PersonId(MAT, "ben")
CARYS = PersonId(LA, "ana")
NIGHTLY = SystemActor("nightly-refresh")

TERMS = Terms(reference="https://council.example/addendum-ß.pdf", version="2.1", review_on=date(2027, 3, 29))

GROUP_PERMISSIONS = (
    Permission.ADMINISTER_INSTITUTION_DETAILS,
    Permission.RECORD_APPROVAL,
    Permission.IMPORT_AGREEMENTS,
    Permission.END_AGREEMENT,
    Permission.APPLY_REGISTER,
)


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
    """Build a person, by default a Head Teacher who can be asked and can approve."""
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
    site: GroupId = MAT,
    email: str | None = "ana@trust.example",
    permissions: Iterable[Grant | Permission] = (Permission.ADMINISTER_INSTITUTION_DETAILS,),
    period: Period = ALWAYS,
) -> Person:
    """Build a user of a group's site, by default one who can send requests."""
    return person(host_id, site=site, name="Ana Ćosić", email=email, roles=(), permissions=permissions, period=period)


OWN_ADDRESS = "an address of their own"


def staff_member(
    who: PersonId,
    *roles: HeldRole | str,
    email: str | None = OWN_ADDRESS,
    permissions: Iterable[Grant | Permission] = (),
) -> Person:
    """Build the person with this id, with these roles, and with an address of their own where none is named."""
    address = f"{who.id}@site.example" if email is OWN_ADDRESS else email
    name = f"Siân {who.id}"
    return person(who.id, site=who.site, name=name, email=address, roles=roles, permissions=permissions)


def by_id(*people: Person) -> dict[PersonId, Person]:
    """Return these people by their ids, as a directory does."""
    return {member.id: member for member in people}


SCHOOL = by_id(
    staff_member(HEAD, BusinessRole.HEAD_TEACHER),
    staff_member(DEPUTY, BusinessRole.DEPUTY_HEAD_TEACHER),
    staff_member(DATA_MANAGER, BusinessRole.DATA_MANAGER),
    staff_member(EXECUTIVE, BusinessRole.EXECUTIVE_HEAD_TEACHER),
    staff_member(TEACHER, "teacher"),
    staff_member(MUTE_HEAD, BusinessRole.HEAD_TEACHER, email="  "),
)
ELIGIBLE = (DATA_MANAGER, DEPUTY, EXECUTIVE, HEAD)

TRUST_STAFF = by_id(staff_member(ANA, permissions=GROUP_PERMISSIONS), staff_member(BEN))
COUNCIL_STAFF = by_id(staff_member(CARYS, permissions=GROUP_PERMISSIONS))
EVERYBODY = {**SCHOOL, **TRUST_STAFF, **COUNCIL_STAFF}

SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data/sharing")
HILDA = Institution(
    urn=URN,
    name="St Hilda’s {CE} Primary",
    status=EstablishmentStatus.OPEN,
    trusts=(TrustLink(MAT.code, TRUST.name),),
)


def visibility_of(*hidden: HiddenBecause, group: GroupId = MAT, day: date = date(2026, 3, 29)) -> Visibility:
    """Return a school that is visible, or hidden for these reasons."""
    reasons = tuple(HiddenReason(because, date(2026, 3, 1)) for because in hidden)
    return Visibility(group=group, urn=URN, institution=HILDA, day=day, reasons=reasons)


def context(
    *hidden: HiddenBecause,
    now: Instant = NOW,
    actor: Actor = ANA,
    command_id: str = "c-1",
    group: Group = TRUST,
    policy: Policy | None = None,
    site: SchoolSite | None = SITE,
    people: Mapping[PersonId, Person] = SCHOOL,
    others: Mapping[PersonId, Person] | None = None,
    events: Iterable[Event] = (),
) -> DecisionContext:
    """Return the facts of an ordinary day at an ordinary school, but for what is named."""
    return DecisionContext(
        now=now,
        actor=actor,
        command_id=command_id,
        group=group,
        policy=policy or Policy.for_kind(group.id.kind),
        visibility=visibility_of(*hidden, group=group.id, day=london_day(now)),
        site=site,
        people=people,
        others={**TRUST_STAFF, **COUNCIL_STAFF} if others is None else others,
        events=tuple(events),
    )


def header(sequence: int = 1, *, at: Instant = NOW, actor: Actor = ANA, command_id: str = "c-1") -> dict[str, Any]:
    """Return the fields that every event has."""
    return {"agreement": AGREEMENT, "sequence": sequence, "at": at, "actor": actor, "command_id": command_id}


def new(group: GroupId = MAT) -> Agreement:
    """Return an agreement to which nothing ever happened."""
    return Agreement(id=AgreementId(group, URN))


def ask(level: AccessLevel = MIS, recipients: Recipients = ALL, terms: Terms | None = None) -> RequestAccess:
    """Return the command that requests *level*."""
    return RequestAccess(urn=URN, level=level, sender=ANA, recipients=recipients, terms=terms)


def open_request(agreement: Agreement) -> OpenRequest:
    """Return the open request, which must be there."""
    assert agreement.request is not None
    return agreement.request


def end(cause: EndCause = EndCause.BY_GROUP) -> EndAgreement:
    """Return the command that ends for *cause*."""
    return EndAgreement(urn=URN, cause=cause, note="Ended – see the governors’ minutes.")


def record(level: AccessLevel = MIS) -> RecordApproval:
    """Return the command that records an approval of *level*."""
    return RecordApproval(urn=URN, level=level, basis="Board minute 7 of 28 March 2026")


def importing(level: AccessLevel = MIS) -> ImportAgreement:
    """Return the command that imports an older agreement to *level*."""
    return ImportAgreement(
        urn=URN,
        level=level,
        agreed_on=date(2024, 2, 29),
        approver="Mrs Ó Briain, Head",
        evidence="Filing cabinet 3",
        terms=TERMS,
    )


def see(day: date | None = None) -> RecordVisibility:
    """Return the command that records what the register of *day* shows."""
    return RecordVisibility(urn=URN, register_day=day)


def answer_to(agreement: Agreement, terms_version: str | None = None) -> Approve:
    """Return the command that approves the open request."""
    return Approve(request=open_request(agreement).id, terms_version=terms_version)


def agreement_after(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> Agreement:
    """Return the agreement after *command*, which must be allowed."""
    return fold_onto(agreement, events_of(agreement, command, in_context))


def decision_on(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> Decision:
    """Decide *command*, which must be allowed."""
    answer = decide(agreement, command, in_context or context())
    assert isinstance(answer, Decision), str(answer)
    return answer


def events_of(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> tuple[Event, ...]:
    """Return the events of *command*, which must be allowed."""
    return decision_on(agreement, command, in_context).events


def only_event(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> Event:
    """Return the one event of *command*, which must be allowed."""
    (event,) = events_of(agreement, command, in_context)
    return event


def refusal_of(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> Refusal:
    """Decide *command*, which must be refused, without an event and with the agreement as it was (T2)."""
    before = copy.deepcopy(agreement)
    answer = decide(agreement, command, in_context or context())
    assert isinstance(answer, Refusal), str(answer)
    assert not hasattr(answer, "events")
    assert before == agreement
    return answer


def codes_of(answer: Refusal) -> tuple[RefusalCode, ...]:
    """Return the codes of all reasons, in their order."""
    return tuple(reason.code for reason in answer.reasons)


def codes(agreement: Agreement, command: Command, in_context: DecisionContext | None = None) -> tuple[RefusalCode, ...]:
    """Return the codes for which *command*, which must be refused and change nothing, is refused."""
    return codes_of(refusal_of(agreement, command, in_context))


def fold_onto(agreement: Agreement, events: Iterable[Event]) -> Agreement:
    """Return the agreement after *events*, one after the other."""
    for event in events:
        agreement = evolve(agreement, event)
    return agreement


def in_state(state: State) -> Agreement:
    """Return an agreement that real decisions led to *state*; at *No agreement* nothing ever happened to it."""
    agreement = new()
    if state is not State.NO_AGREEMENT:
        agreement = agreement_after(agreement, ask(recipients=Named((HEAD,))))
    if state in {State.APPROVED, State.UPGRADING}:
        agreement = agreement_after(agreement, answer_to(agreement), context(actor=HEAD, command_id="c-0"))
    if state is State.UPGRADING:
        agreement = agreement_after(agreement, ask(ACTIONS, recipients=Named((HEAD,))))
    return agreement


def command_of(kind: CommandType, agreement: Agreement) -> Command:
    """Return a command of *kind* that could be allowed if the state does."""
    request = agreement.request.id if agreement.request else RequestId(agreement.id, 999)  # 999: one that never was
    commands: tuple[Command, ...] = (
        ask(ACTIONS),
        AddRecipients(request=request),
        Remind(request=request),
        Approve(request=request),
        Decline(request=request, reason="No."),
        Withdraw(request=request),
        record(ACTIONS),
        importing(),
        end(),
        see(),
    )
    return next(command for command in commands if type(command) is kind)


def batch(*commands: Command, actor: Actor = ANA, group: GroupId = MAT, command_id: str = "c-1") -> Batch:
    """Return an action of *actor*."""
    return Batch(group=group, actor=actor, command_id=command_id, commands=commands)


def without(people: Mapping[PersonId, Person], *gone: PersonId) -> dict[PersonId, Person]:
    """Return *people* but for those who are gone."""
    return {who: member for who, member in people.items() if who not in gone}


def replacing(people: Mapping[PersonId, Person], *others: Person) -> dict[PersonId, Person]:
    """Return *people* with these instead of who they were, or besides."""
    return {**people, **by_id(*others)}


def reasons_against(
    action: Batch,
    *,
    group: Group | None = None,
    people: Mapping[PersonId, Person] = EVERYBODY,
    policy: Policy | None = None,
) -> list[Reason]:
    """Return every reason to refuse *action* as a whole; whoever may not do it learns nothing else (K2)."""
    of = group or (COUNCIL if action.group == LA else TRUST)
    choices, day = policy or Policy.for_kind(of.id.kind), london_day(NOW)
    forbidden = not_permitted(action, people=people, policy=choices, day=day)
    if forbidden:
        return [forbidden]
    return list(refusals_as_a_whole(action, group=of, people=people, policy=choices, day=day))


def in_force(level: AccessLevel = AccessLevel.MIS_DATA, *, urn: int = URN) -> InForce:
    """Build a level in force."""
    return InForce(level=level, since=MORNING, basis=Basis.REQUEST, approved_by=PersonId(urn, "hana"))


def agreement(
    urn: int = URN,
    state: State = State.NO_AGREEMENT,
    *,
    of: GroupId = MAT,
    level: AccessLevel = AccessLevel.MIS_DATA,
) -> Agreement:
    """Build an agreement in a state; *level* is the one in force, if the state has one."""
    id_, ana, head = AgreementId(of, urn), PersonId(of, "ana"), PersonId(urn, "hana")
    request = OpenRequest(
        id=RequestId(id_, 1), level=ACTIONS, sender=ana, asked_by=ana, asked_at=MORNING, recipients=(head,)
    )
    return Agreement(
        id=id_,
        in_force=in_force(level, urn=urn) if state in {State.APPROVED, State.UPGRADING} else None,
        request=request if state in {State.PENDING, State.UPGRADING} else None,
    )


def listing(
    school: Institution | None = None,
    state: State = State.NO_AGREEMENT,
    *,
    level: AccessLevel = AccessLevel.MIS_DATA,
    clusters: Iterable[str] = (),
    has_school_site: bool = True,
) -> Listing:
    """Build a row of the table."""
    school = school or institution()
    standing = agreement(school.urn, state, level=level)
    return Listing(
        institution=school,
        agreement=standing,
        granted=standing.level,
        has_school_site=has_school_site,
        clusters=tuple(clusters),
    )
