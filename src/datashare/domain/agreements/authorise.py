"""Pure: whether an action may be tried at all, before any school is looked at (rules P, R1, K2, E7).

It touches nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache, partial
from types import MappingProxyType

from datashare.domain.eligibility import holds, sender_eligibility
from datashare.domain.instants import day_words
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Group, GroupId

from .commands import (
    AddRecipients,
    Approve,
    Batch,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    request_of,
)
from .ids import Actor, SystemActor
from .refusals import Reason, RefusalCode, in_order

PERMISSIONS: Mapping[type[Command], Permission] = MappingProxyType(
    {
        RequestAccess: Permission.ADMINISTER_INSTITUTION_DETAILS,  # P1
        AddRecipients: Permission.ADMINISTER_INSTITUTION_DETAILS,
        Remind: Permission.ADMINISTER_INSTITUTION_DETAILS,
        Withdraw: Permission.ADMINISTER_INSTITUTION_DETAILS,
        Approve: Permission.ADMINISTER_DATA_SHARING_REQUEST,  # P2
        Decline: Permission.ADMINISTER_DATA_SHARING_REQUEST,
        RecordApproval: Permission.RECORD_APPROVAL,  # A9
        ImportAgreement: Permission.IMPORT_AGREEMENTS,  # A10
        EndAgreement: Permission.END_AGREEMENT,  # E7
        RecordVisibility: Permission.APPLY_REGISTER,  # E6
    }
)
"""The permission that each command needs, at the site of whoever acts."""


def permission_for(command: Command) -> Permission:
    """Tell which permission a command needs: for what a plan ends, that of applying the register suffices (E2)."""
    if isinstance(command, EndAgreement) and command.planned:
        return Permission.APPLY_REGISTER
    return PERMISSIONS[type(command)]


_BY_SCHOOL = (Approve, Decline)
_CLOSED_GROUP_MAY = (Withdraw, Approve, Decline, EndAgreement, RecordVisibility)  # T5


def side_of(command: Command) -> Party:
    """Tell which side a command comes from."""
    if isinstance(command, EndAgreement):
        return Party.SCHOOL if command.cause is EndCause.BY_SCHOOL else Party.GROUP
    return Party.SCHOOL if isinstance(command, _BY_SCHOOL) else Party.GROUP


def not_permitted(
    batch: Batch,
    *,
    people: Mapping[PersonId, Person],
    policy: Policy,
    day: date,
    kind: type[Command] | None = None,
) -> Reason | None:
    """Tell why the actor may not do this, or nothing; it is asked each time, also of a repetition (K2, K4, P12).

    Args:
        batch: The action.
        people: The actor, as their site knows them now.
        policy: The group's choices.
        day: The present day, in Europe/London.
        kind: What was asked of an empty selection; not known where it came through a queue (K5).
    """
    person = people.get(batch.actor) if isinstance(batch.actor, PersonId) else None
    if not batch.commands:
        why = [_lacking_any(batch, person, kind, policy, day)]
    else:
        asked = type(batch.commands[0])  # a batch is of one kind
        lacking = cache(partial(_lacking, batch.actor, person, asked, policy=policy, day=day))
        why = [
            _elsewhere(batch, command)
            or lacking(permission_for(command), home=_home(batch, command))
            or _against_policy(command, policy)
            for command in batch.commands
        ]
    return next((Reason(code=RefusalCode.NOT_PERMITTED, detail=one) for one in why if one), None)


def _home(batch: Batch, command: Command) -> GroupId | int:
    return command.urn if side_of(command) is Party.SCHOOL else batch.group


def _lacking_any(batch: Batch, person: Person | None, kind: type[Command] | None, policy: Policy, day: date) -> str:
    """An empty selection needs the permission too; of an unknown kind, some permission of a group's user."""
    kinds = [kind] if kind else [one for one in PERMISSIONS if one not in _BY_SCHOOL]
    why = [
        _lacking(batch.actor, person, one, PERMISSIONS[one], home=batch.group, policy=policy, day=day) for one in kinds
    ]
    return why[0] if all(why) else ""


def refusals_as_a_whole(
    batch: Batch, *, group: Group, people: Mapping[PersonId, Person], policy: Policy, day: date
) -> tuple[Reason, ...]:
    """Give every other reason to refuse the whole action, the primary one first (R1); none means go on.

    Args:
        batch: The action, which is permitted.
        group: The group, as the register knows it.
        people: The senders, as the group's site knows them now (P12).
        policy: The group's choices.
        day: The present day, in Europe/London.
    """
    closed = not group.is_open and not all(isinstance(one, _CLOSED_GROUP_MAY) for one in batch.commands)
    reasons = [Reason(code=RefusalCode.GROUP_CLOSED)] if closed else []
    for level in dict.fromkeys(one.level for one in batch.commands if isinstance(one, (RequestAccess, RecordApproval))):
        reasons += _about_level(level, policy)
    requests = [one for one in batch.commands if isinstance(one, RequestAccess)]
    for sender in dict.fromkeys(request.sender for request in requests):
        answer = sender_eligibility(sender, people.get(sender), group=batch.group, policy=policy, day=day)
        if not answer.eligible:  # P9
            reasons.append(Reason(code=RefusalCode.SENDER_NOT_ELIGIBLE, people=(answer,)))
    if policy.terms_required and any(request.terms is None for request in requests):  # Q8
        reasons.append(Reason(code=RefusalCode.TERMS_REQUIRED))
    return in_order(reasons)


def older_register(day: date, last: date | None) -> Reason | None:
    """Give the reason to refuse a register that is older than the last one applied to the group, or nothing (E3).

    Args:
        day: The day of the register, in Europe/London.
        last: That of the last one that was applied, if any was.
    """
    if last is None or day >= last:
        return None
    detail = f"The register is of {day_words(day)}, and that of {day_words(last)} was applied to the group already."
    return Reason(code=RefusalCode.REGISTER_OLDER, detail=detail)


def _about_level(level: AccessLevel, policy: Policy) -> list[Reason]:
    if level in policy.requestable_levels:
        return []
    offered = ", ".join(policy.label(one) for one in sorted(policy.requestable_levels))
    return [
        Reason(
            code=RefusalCode.LEVEL_NOT_REQUESTABLE,
            level=level,
            level_label=policy.label(level),
            detail=offered,
        )
    ]


def _elsewhere(batch: Batch, command: Command) -> str:
    request = request_of(command)
    if request is None or request.agreement.group == batch.group:
        return ""
    return f"{request.agreement} is not an agreement of {batch.group}. Act for the group that it belongs to."


def _lacking(
    actor: Actor,
    person: Person | None,
    kind: type[Command],
    permission: Permission,
    *,
    home: GroupId | int,
    policy: Policy,
    day: date,
) -> str:
    if isinstance(actor, SystemActor) and kind is RecordVisibility:
        return ""
    return why_not(actor, person, (permission,), home=home, policy=policy, day=day)


def why_not(
    actor: Actor,
    person: Person | None,
    permissions: Iterable[Permission],
    *,
    home: GroupId | int,
    policy: Policy,
    day: date,
) -> str:
    """Tell why *actor* may not do what takes one of these permissions, with what to do; or nothing (P12).

    Args:
        actor: Who would do it.
        person: What their site knows of them now, if anything.
        permissions: Permissions of which one suffices.
        home: The site at which it is done; an actor acts only for their own.
        policy: The group's choices.
        day: The present day, in Europe/London.
    """
    if isinstance(actor, SystemActor):
        return f"{actor} is a system, and only a person may do this. Let a person do it."
    if actor.site != home:
        return f"{actor} is of another site. Act for the site that they are of."
    wanted = tuple(permissions)
    if any(holds(person, one, policy=policy, day=day) for one in wanted):
        return ""
    return f"{actor} does not hold {' or '.join(one.value for one in wanted)}. Ask somebody who does."


_WISHES = {EndCause.BY_SCHOOL: Party.SCHOOL, EndCause.BY_GROUP: Party.GROUP}


def _against_policy(command: Command, policy: Policy) -> str:
    if isinstance(command, RecordApproval) and not policy.central_approval:
        return "the group's policy records no approvals centrally. Send a request."
    if isinstance(command, EndAgreement):
        wished_by = _WISHES.get(command.cause)
        if wished_by and wished_by not in policy.enders:
            return f"the group's policy does not let the {wished_by.value} end an agreement. Speak to the other side."
    return ""
