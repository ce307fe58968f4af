"""Changes as a service appends them to a store: real decisions about a few schools of three made-up groups.

The codes of the groups look alike on purpose, and the clocks in London change on the day of `NOW`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import get_args

import pendulum

from datashare.codec import fingerprint
from datashare.domain.agreements import commands
from datashare.domain.agreements.context import Decision, DecisionContext
from datashare.domain.agreements.decide import decide
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId, Terms
from datashare.domain.agreements.state import Agreement, evolve
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import notices_for
from datashare.domain.people import BusinessRole, Permission, Person, PersonId, SchoolSite
from datashare.domain.policy import Policy
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, TrustLink
from datashare.domain.visibility import HiddenBecause, HiddenReason, Visibility
from datashare.errors import InvalidValue
from datashare.ports import Change

TRUST = GroupId.mat("5143")
COUNCIL = GroupId.local_authority("870")
TWIN = GroupId.mat("870")
"""A trust whose code looks like the council's."""
URN = 100000
OTHER_URN = 100001
AGREEMENT = AgreementId(TRUST, URN)
NOW = pendulum.datetime(2026, 3, 29, 0, 59, 59, 999_999, tz="UTC")
"""One microsecond before the clocks in London go forward."""

MIS = AccessLevel.MIS_DATA
ACTIONS = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
TERMS = Terms(reference="https://council.example/addendum-ß.pdf", version="2.1", review_on=date(2027, 3, 29))
COMMANDS: tuple[type[commands.Command], ...] = get_args(commands.Command)
"""Every kind of command, in the order of the table of transitions."""


def head_of(urn: int) -> PersonId:
    """Return the id of the head teacher of a school, who answers for it."""
    return PersonId(urn, "head")


def deputy_of(urn: int) -> PersonId:
    """Return the id of the deputy head teacher of a school, who is asked too."""
    return PersonId(urn, "deputy")


def user_of(group: GroupId) -> PersonId:
    """Return the id of the user who acts for a group."""
    return PersonId(group, "ana")


def _person(who: PersonId, *roles: BusinessRole, permissions: tuple[Permission, ...] = ()) -> Person:
    return Person(
        id=who,
        name=f"Siân {who.id} ß",
        email=f"{who.id}@{getattr(who.site, 'code', who.site)}.example",
        roles=roles,
        permissions=permissions,
    )


def context_of(
    agreement: AgreementId,
    *,
    now: Instant = NOW,
    actor: Actor | None = None,
    command_id: str,
    hidden: Iterable[HiddenBecause] = (),
) -> DecisionContext:
    """Build the context of a decision on an ordinary day at an ordinary school.

    Args:
        agreement: Which group and which school.
        now: The present instant.
        actor: Who acts; by default the group's user.
        command_id: Under which command.
        hidden: Why the group does not see the school, if it does not.
    """
    group, urn = Group(id=agreement.group, name="Zoë Köhler {Trust}"), agreement.urn
    user = _person(user_of(group.id), permissions=tuple(Permission))
    staff = (
        _person(head_of(urn), BusinessRole.HEAD_TEACHER),
        _person(deputy_of(urn), BusinessRole.DEPUTY_HEAD_TEACHER),
        _person(PersonId(urn, "data"), BusinessRole.DATA_MANAGER),
    )
    school = Institution(
        urn=urn, name=f"St Hilda’s {urn}", status=EstablishmentStatus.OPEN, trusts=(TrustLink(TRUST.code),)
    )
    return DecisionContext(
        now=now,
        actor=actor or user.id,
        command_id=command_id,
        group=group,
        policy=Policy.for_kind(group.id.kind),
        visibility=Visibility(
            group=group.id,
            urn=urn,
            institution=school,
            day=london_day(now),
            reasons=tuple(HiddenReason(because, date(2026, 3, 1)) for because in hidden),
        ),
        site=SchoolSite(urn=urn, data_sharing_url=f"https://{urn}.example/data/sharing"),
        people={person.id: person for person in staff},
        others={user.id: user},
    )


def command_of(kind: type[commands.Command], before: Agreement, *, level: AccessLevel = ACTIONS) -> commands.Command:
    """Build a command of a kind about an agreement; it is allowed if the state allows it.

    Args:
        kind: One of `COMMANDS`.
        before: The agreement as it stands; the command names its open request, or one that never existed.
        level: The level to request, record or import.
    """
    urn, request = before.urn, open_request_of(before) or RequestId(before.id, 999)
    possible: tuple[commands.Command, ...] = (
        commands.RequestAccess(
            urn=urn,
            level=level,
            sender=user_of(before.group),
            recipients=commands.Named((head_of(urn), deputy_of(urn))),
            terms=TERMS,
        ),
        commands.AddRecipients(request=request),
        commands.Remind(request=request),
        commands.Approve(request=request, terms_version=TERMS.version),
        commands.Decline(request=request, reason="Not before the governors have met."),
        commands.Withdraw(request=request),
        commands.RecordApproval(urn=urn, level=level, basis="Board minute 7 of 28 March 2026"),
        commands.ImportAgreement(
            urn=urn,
            level=level,
            agreed_on=date(2024, 2, 29),
            approver="Mrs Ó Briain, Head",
            evidence="Cabinet 3",
            terms=TERMS,
        ),
        commands.EndAgreement(urn=urn, cause=commands.EndCause.BY_GROUP, note="Ended – see the governors’ minutes."),
        commands.RecordVisibility(urn=urn, register_day=None),
    )
    return next(command for command in possible if type(command) is kind)


def open_request_of(agreement: Agreement) -> RequestId | None:
    """Return the id of the open request of an agreement, if there is one."""
    return agreement.request.id if agreement.request else None


def possible_change(
    before: Agreement,
    command: commands.Command,
    *,
    now: Instant = NOW,
    actor: Actor | None = None,
    command_id: str = "c-1",
    hidden: Iterable[HiddenBecause] = (),
) -> Change | None:
    """Return the change that a command makes; `None` if the command is refused or changes nothing.

    Args:
        before: The agreement as it stands.
        command: The command.
        now: The present instant.
        actor: Who acts; by default the head answers requests, and the group's user does everything else.
        command_id: Under which command.
        hidden: Why the group does not see the school, if it does not.
    """
    if actor is None and isinstance(command, commands.Approve | commands.Decline):
        actor = head_of(before.urn)
    context = context_of(before.id, now=now, actor=actor, command_id=command_id, hidden=hidden)
    decision = decide(before, command, context)
    if not isinstance(decision, Decision) or not decision.events:
        return None
    after = before
    for event in decision.events:
        after = evolve(after, event)
    shared, own = fingerprint(context.actor, command)
    return Change(
        decided_on=before.version,
        now=context.now,
        after=after,
        events=decision.events,
        notices=notices_for(before, decision.events, context),
        closes=open_request_of(before) if after.request is None else None,
        request=commands.request_of(command),
        shared_digest=shared,
        own_digest=own,
        cautions=decision.cautions,
    )


def change(
    before: Agreement,
    command: commands.Command,
    *,
    now: Instant = NOW,
    actor: Actor | None = None,
    command_id: str = "c-1",
) -> Change:
    """Return the change that a command makes, as `possible_change` does.

    Raises:
        InvalidValue: The command is refused, or changes nothing.
    """
    possible = possible_change(before, command, now=now, actor=actor, command_id=command_id)
    if possible is None:
        raise InvalidValue("command", command, f"one that changes {before.id}, as it stands")
    return possible


def asked(urn: int = URN, group: GroupId = TRUST, *, now: Instant = NOW, command_id: str = "c-1") -> Change:
    """Return a request for MIS Data to the head and the deputy of a school: one event and two notices."""
    before = Agreement(id=AgreementId(group, urn))
    return change(before, command_of(commands.RequestAccess, before, level=MIS), now=now, command_id=command_id)


def imported(urn: int = URN, group: GroupId = TRUST, *, now: Instant = NOW, command_id: str = "c-1") -> Change:
    """Return the import of an agreement to MIS Data: one event and no notice."""
    before = Agreement(id=AgreementId(group, urn))
    return change(before, command_of(commands.ImportAgreement, before, level=MIS), now=now, command_id=command_id)


def then(
    before: Agreement,
    kind: type[commands.Command],
    *,
    now: Instant = NOW,
    actor: Actor | None = None,
    command_id: str = "c-2",
    level: AccessLevel = ACTIONS,
) -> Change:
    """Return the change that a command of a kind makes next; see `change`."""
    return change(before, command_of(kind, before, level=level), now=now, actor=actor, command_id=command_id)
