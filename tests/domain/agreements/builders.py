"""Builds what the tests of agreements need: people, facts, commands, and agreements folded from events."""

import copy
from collections.abc import Iterable, Mapping
from datetime import date

import pendulum

from datashare.domain.agreements import (
    ALL,
    Actor,
    AddRecipients,
    Agreement,
    AgreementId,
    Approve,
    Batch,
    Caution,
    Command,
    Decision,
    DecisionContext,
    Decline,
    EndAgreement,
    EndCause,
    Event,
    ImportAgreement,
    Named,
    OpenRequest,
    Reason,
    Recipients,
    RecordApproval,
    RecordVisibility,
    Refusal,
    RefusalCode,
    Remind,
    RequestAccess,
    RequestId,
    State,
    SystemActor,
    Terms,
    Withdraw,
    decide,
    evolve,
    fold,
    not_permitted,
    refusals_as_a_whole,
)
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import AccessLevel
from datashare.domain.people import BusinessRole, Grant, HeldRole, Permission, Person, PersonId, SchoolSite
from datashare.domain.policy import Policy
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, TrustLink
from datashare.domain.visibility import HiddenBecause, HiddenReason, Visibility

DFE = AccessLevel.DFE_DATA
MIS = AccessLevel.MIS_DATA
ACTIONS = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS

MAT = GroupId.mat("5143")
LA = GroupId.local_authority("870")
URN = 100000
OTHER_URN = 100001
AGREEMENT = AgreementId(MAT, URN)

TRUST = Group(id=MAT, name="Zoë Köhler Academy Trust")
COUNCIL = Group(id=LA, name="Llanfair {Borough}")

# The clocks in London go forward on this day, one microsecond before the hour.
NOW = pendulum.datetime(2026, 3, 29, 0, 59, 59, 999_999, tz="UTC")
AUTUMN = pendulum.datetime(2026, 10, 25, 0, 30, 0, 1, tz="UTC")

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


OWN_ADDRESS = "an address of their own"


def person(
    who: PersonId,
    *roles: HeldRole | str,
    email: str | None = OWN_ADDRESS,
    permissions: Iterable[Grant | Permission] = (),
) -> Person:
    """Give a person with these roles, and an address of their own unless told otherwise."""
    address = f"{who.id}@site.example" if email is OWN_ADDRESS else email
    return Person(id=who, name=f"Siân {who.id}", email=address, roles=roles, permissions=tuple(permissions))


def by_id(*people: Person) -> dict[PersonId, Person]:
    """Give these people by their ids."""
    return {one.id: one for one in people}


SCHOOL = by_id(
    person(HEAD, BusinessRole.HEAD_TEACHER),
    person(DEPUTY, BusinessRole.DEPUTY_HEAD_TEACHER),
    person(DATA_MANAGER, BusinessRole.DATA_MANAGER),
    person(EXECUTIVE, BusinessRole.EXECUTIVE_HEAD_TEACHER),
    person(TEACHER, "teacher"),
    person(MUTE_HEAD, BusinessRole.HEAD_TEACHER, email="  "),
)
ELIGIBLE = (DATA_MANAGER, DEPUTY, EXECUTIVE, HEAD)

TRUST_STAFF = by_id(person(ANA, permissions=GROUP_PERMISSIONS), person(BEN))
COUNCIL_STAFF = by_id(person(CARYS, permissions=GROUP_PERMISSIONS))
EVERYBODY = {**SCHOOL, **TRUST_STAFF, **COUNCIL_STAFF}

SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data/sharing")
HILDA = Institution(
    urn=URN,
    name="St Hilda’s {CE} Primary",
    status=EstablishmentStatus.OPEN,
    trusts=(TrustLink(MAT.code, TRUST.name),),
)


def visibility_of(*hidden: HiddenBecause, group: GroupId = MAT, day: date = date(2026, 3, 29)) -> Visibility:
    """Give a school that is visible, or hidden for these reasons."""
    reasons = tuple(HiddenReason(because, date(2026, 3, 1)) for because in hidden)
    return Visibility(group=group, urn=URN, institution=HILDA, day=day, reasons=reasons)


def facts(
    *hidden: HiddenBecause,
    now: Instant = NOW,
    actor: Actor = ANA,
    command_id: str = "c-1",
    group: Group = TRUST,
    policy: Policy | None = None,
    site: SchoolSite | None = SITE,
    people: Mapping[PersonId, Person] = SCHOOL,
    others: Mapping[PersonId, Person] | None = None,
) -> DecisionContext:
    """Give the facts of an ordinary day at an ordinary school, but for what is named."""
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
    )


def new(group: GroupId = MAT) -> Agreement:
    """Give an agreement to which nothing ever happened."""
    return Agreement(id=AgreementId(group, URN))


def ask(level: AccessLevel = MIS, recipients: Recipients = ALL, terms: Terms | None = None) -> RequestAccess:
    """Give the command that requests *level*."""
    return RequestAccess(urn=URN, level=level, sender=ANA, recipients=recipients, terms=terms)


def open_request(agreement: Agreement) -> OpenRequest:
    """Give the open request, which must be there."""
    assert agreement.request is not None
    return agreement.request


def end(cause: EndCause = EndCause.BY_GROUP) -> EndAgreement:
    """Give the command that ends for *cause*."""
    return EndAgreement(urn=URN, cause=cause, note="Ended – see the governors’ minutes.")


def record(level: AccessLevel = MIS) -> RecordApproval:
    """Give the command that records an approval of *level*."""
    return RecordApproval(urn=URN, level=level, basis="Board minute 7 of 28 March 2026")


def importing(level: AccessLevel = MIS) -> ImportAgreement:
    """Give the command that imports an older agreement to *level*."""
    return ImportAgreement(
        urn=URN,
        level=level,
        agreed_on=date(2024, 2, 29),
        approver="Mrs Ó Briain, Head",
        evidence="Filing cabinet 3",
        terms=TERMS,
    )


def see(day: date | None = None) -> RecordVisibility:
    """Give the command that records what the register of *day* shows."""
    return RecordVisibility(urn=URN, register_day=day)


def answer_to(agreement: Agreement, terms_version: str | None = None) -> Approve:
    """Give the command that approves the open request."""
    return Approve(request=open_request(agreement).id, terms_version=terms_version)


def done(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> Agreement:
    """Give the agreement after *command*, which must be allowed."""
    return fold_onto(agreement, events_of(agreement, command, given))


def decided(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> Decision:
    """Decide *command*, which must be allowed."""
    answer = decide(agreement, command, given or facts())
    assert isinstance(answer, Decision), str(answer)
    return answer


def events_of(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> tuple[Event, ...]:
    """Give the events of *command*, which must be allowed."""
    return decided(agreement, command, given).events


def only_event(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> Event:
    """Give the one event of *command*, which must be allowed."""
    (event,) = events_of(agreement, command, given)
    return event


def cautions_of(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> tuple[Caution, ...]:
    """Give the cautions of *command*, which must be allowed."""
    return decided(agreement, command, given).cautions


def refused(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> Refusal:
    """Decide *command*, which must be refused, without an event and with the agreement as it was (T2)."""
    before = copy.deepcopy(agreement)
    answer = decide(agreement, command, given or facts())
    assert isinstance(answer, Refusal), str(answer)
    assert not hasattr(answer, "events")
    assert before == agreement
    return answer


def codes_of(refusal: Refusal) -> tuple[RefusalCode, ...]:
    """Give the codes of all reasons, in their order."""
    return tuple(reason.code for reason in refusal.reasons)


def codes(agreement: Agreement, command: Command, given: DecisionContext | None = None) -> tuple[RefusalCode, ...]:
    """Give the codes for which *command*, which must be refused and change nothing, is refused."""
    return codes_of(refused(agreement, command, given))


def fold_onto(agreement: Agreement, events: Iterable[Event]) -> Agreement:
    """Give the agreement after *events*, one after the other."""
    for event in events:
        agreement = evolve(agreement, event)
    return agreement


def history_to(state: State) -> tuple[Event, ...]:
    """Give real events that lead to *state*; to *No agreement* by way of one that was declined."""
    standing, events = new(), list[Event]()
    for command, given in _STEPS[state]:
        named = command if isinstance(command, RequestAccess) else command(open_request(standing).id)
        happened = events_of(standing, named, given)
        events += happened
        standing = fold_onto(standing, happened)
    return tuple(events)


def in_state(state: State) -> Agreement:
    """Give an agreement in *state*; at *No agreement* nothing ever happened to it."""
    return new() if state is State.NO_AGREEMENT else fold(AGREEMENT, history_to(state))


def _approving(request: RequestId) -> Command:
    return Approve(request=request)


def _declining(request: RequestId) -> Command:
    return Decline(request=request, reason="Not before the governors have met.")


_HEAD = facts(actor=HEAD, command_id="c-0")
_FIRST = ask(recipients=Named((HEAD,)))
_UPGRADE = ask(ACTIONS, recipients=Named((HEAD,)))
_STEPS = {
    State.NO_AGREEMENT: ((_FIRST, facts()), (_declining, _HEAD)),
    State.PENDING: ((_FIRST, facts()),),
    State.APPROVED: ((_FIRST, facts()), (_approving, _HEAD)),
    State.UPGRADING: ((_FIRST, facts()), (_approving, _HEAD), (_UPGRADE, facts())),
}


def some_request(agreement: Agreement) -> RequestId:
    """Give the open request's id, or one that never was."""
    return agreement.request.id if agreement.request else RequestId(agreement.id, 999)


def command_of(kind: CommandType, agreement: Agreement) -> Command:
    """Give a command of *kind* that could be allowed if the state does."""
    request = some_request(agreement)
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
    """Give an action of *actor*."""
    return Batch(group=group, actor=actor, command_id=command_id, commands=commands)


def without(people: Mapping[PersonId, Person], *gone: PersonId) -> dict[PersonId, Person]:
    """Give *people* but for those who are gone."""
    return {who: one for who, one in people.items() if who not in gone}


def replacing(people: Mapping[PersonId, Person], *others: Person) -> dict[PersonId, Person]:
    """Give *people* with these instead of who they were, or besides."""
    return {**people, **by_id(*others)}


def whole(
    action: Batch, *, group: Group, people: Mapping[PersonId, Person], policy: Policy, day: date
) -> tuple[Reason, ...]:
    """Give every reason to refuse *action* as a whole; who may not do it learns nothing else, as in the service."""
    forbidden = not_permitted(action, people=people, policy=policy, day=day)
    return (
        (forbidden,) if forbidden else refusals_as_a_whole(action, group=group, people=people, policy=policy, day=day)
    )
