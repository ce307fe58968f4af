"""Pure: whether an action may be tried at all, before any school is looked at (rules P, R1, K2, E7)."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from datetime import date
from functools import cache

from datashare.domain.eligibility import holds, sender_eligibility
from datashare.domain.instants import day_words
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import EstablishmentStatus, Group, GroupId

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

PERMISSIONS: Mapping[type[Command], Permission] = {
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
"""The permission that each command needs, at the site of whoever acts."""


_ACTIONS: Mapping[type[Command], str] = {
    RequestAccess: "send data sharing requests",
    AddRecipients: "add recipients to data sharing requests",
    Remind: "send reminders",
    Withdraw: "withdraw data sharing requests",
    Approve: "answer data sharing requests",
    Decline: "answer data sharing requests",
    RecordApproval: "record approvals",
    ImportAgreement: "import agreements",
    EndAgreement: "end agreements",
    RecordVisibility: "record what the register shows",
}
"""What somebody without the permission may not do, in words."""


def permission_for(command: Command) -> Permission:
    """Return the permission that *command* needs; an end that a plan names needs that of applying the register (E2)."""
    if isinstance(command, EndAgreement) and command.planned:
        return Permission.APPLY_REGISTER
    return PERMISSIONS[type(command)]


_BY_SCHOOL = (Approve, Decline)
_CLOSED_GROUP_MAY = (Withdraw, Approve, Decline, EndAgreement, RecordVisibility)  # T5


def side_of(command: Command) -> Party:
    """Return the side that *command* comes from."""
    if isinstance(command, EndAgreement):
        return Party.SCHOOL if command.cause is EndCause.BY_SCHOOL else Party.GROUP
    return Party.SCHOOL if isinstance(command, _BY_SCHOOL) else Party.GROUP


def not_permitted(
    batch: Batch, *, people: Mapping[PersonId, Person], policy: Policy, day: date, kind: type[Command] | None = None
) -> Reason | None:
    """Return why the actor may not do this, or `None`; it is asked each time, for a repetition too (K2, K4, P12).

    Args:
        batch: The action.
        people: The actor, as their site knows them now.
        policy: The group's choices.
        day: The present day, in Europe/London.
        kind: The kind of command that an empty selection is of; not known where it came through a queue (K5).
    """
    actor = batch.actor
    kind = type(batch.commands[0]) if batch.commands else kind  # a batch is of one kind
    if isinstance(actor, SystemActor) and kind in {RecordVisibility, None}:  # E6: a system may record visibility
        return None
    person = people.get(actor) if isinstance(actor, PersonId) else None
    action = _ACTIONS[kind] if kind else "act for the group"

    @cache
    def lacking(home: GroupId | int, *permissions: Permission) -> str:
        return why_not(actor, person, permissions, action=action, home=home, policy=policy, day=day)

    if batch.commands:
        details = (
            _elsewhere(batch, command)
            or lacking(command.urn if side_of(command) is Party.SCHOOL else batch.group, permission_for(command))
            or _against_policy(command, policy)
            for command in batch.commands
        )
        detail = next(filter(None, details), "")
    else:  # an empty selection needs the permission too; of an unknown kind, any permission of a group's user
        kinds = [kind] if kind else [known for known in PERMISSIONS if known not in _BY_SCHOOL]
        detail = lacking(batch.group, *dict.fromkeys(PERMISSIONS[known] for known in kinds))
    return Reason(code=RefusalCode.NOT_PERMITTED, detail=detail) if detail else None


def refusals_as_a_whole(
    batch: Batch, *, group: Group, people: Mapping[PersonId, Person], policy: Policy, day: date
) -> tuple[Reason, ...]:
    """Return every other reason to refuse the whole action, the primary one first (R1).

    Args:
        batch: The action, which is permitted.
        group: The group, as the register knows it.
        people: The senders, as the group's site knows them now (P12).
        policy: The group's choices.
        day: The present day, in Europe/London.
    """
    reasons = []
    if not group.is_open and not all(isinstance(command, _CLOSED_GROUP_MAY) for command in batch.commands):
        reasons.append(Reason(code=RefusalCode.GROUP_CLOSED))
    levels = {command.level: None for command in batch.commands if isinstance(command, (RequestAccess, RecordApproval))}
    offered = ", ".join(policy.label(level) for level in sorted(policy.requestable_levels))
    reasons += [
        Reason(code=RefusalCode.LEVEL_NOT_REQUESTABLE, level=level, level_label=policy.label(level), detail=offered)
        for level in levels
        if level not in policy.requestable_levels  # L3
    ]
    requests = [command for command in batch.commands if isinstance(command, RequestAccess)]
    for sender in dict.fromkeys(request.sender for request in requests):
        answer = sender_eligibility(sender, people.get(sender), group=batch.group, policy=policy, day=day)
        if not answer.eligible:  # P9
            reasons.append(Reason(code=RefusalCode.SENDER_NOT_ELIGIBLE, people=(answer,)))
    if policy.terms_required and any(request.terms is None for request in requests):  # Q8
        reasons.append(Reason(code=RefusalCode.TERMS_REQUIRED))
    return in_order(reasons)


def older_register(
    day: date | None, last: date | None, *, what_of_it: str = "was applied to the group already"
) -> Reason | None:
    """Return why a register is refused that is older than the last one applied to the group, or `None` (E3).

    Args:
        day: The day of the register, in Europe/London; one of an unknown day may be older.
        last: The day of the last register that was applied, if any was.
        what_of_it: What became of the last one, as the end of a sentence.
    """
    if last is None or (day and day >= last):
        return None
    of_day = f"of {day_words(day)}" if day else "of a day that is not known"
    detail = f"The register is {of_day}, and that of {day_words(last)} {what_of_it}."
    return Reason(code=RefusalCode.REGISTER_OLDER, detail=detail)


def different_register(day: date | None, known: date | None) -> Reason | None:
    """Return why a register is refused that is not of the day that it is said to be, or `None` (E3).

    Args:
        day: The day that is claimed, in Europe/London; without it, nothing is claimed.
        known: The day that the directory of institutions knows; without it, any claim is believed.
    """
    if day is None or known is None or day == known:
        return None
    detail = f"It is of {day_words(known)}, and not of {day_words(day)}."
    return Reason(code=RefusalCode.REGISTER_DIFFERS, detail=detail)


def why_not_loaded(
    held: Mapping[int, EstablishmentStatus],
    present: Collection[int],
    *,
    day: date | None,
    day_in_place: date | None,
) -> tuple[Reason, ...]:
    """Return every reason not to put a whole register in place of another, the primary one first (E3).

    Args:
        held: The statuses of the institutions of the register in place, by URN.
        present: The URNs that the register has.
        day: The day of the register in Europe/London, if it is known.
        day_in_place: The day of the one in place, likewise.
    """
    older = older_register(day, day_in_place, what_of_it="is in place")
    empty = None if present else Reason(code=RefusalCode.REGISTER_EMPTY)
    shrunk = shrunk_register(held, present, most_gone_percent=MOST_GONE_PERCENT, always=MAY_ALWAYS_LACK)
    lacking = empty or (None if older else shrunk)  # an older one lacks what came later
    return in_order(filter(None, (lacking, older)))


MOST_GONE_PERCENT, MAY_ALWAYS_LACK = 10, 100
"""How many per cent, and how many in any case, of the institutions in place a whole register may lack (E3)."""


def shrunk_register(
    held: Mapping[int, EstablishmentStatus], present: Container[int], *, most_gone_percent: int, always: int
) -> Reason | None:
    """Return why a register is refused that lacks too many of the institutions of the one in place, or `None` (E3).

    The closed ones are counted by themselves too, so that a download of open schools alone is noticed.

    Args:
        held: The statuses of institutions of the register in place, by URN.
        present: The URNs that the newer register has.
        most_gone_percent: How many per cent of them it may lack.
        always: How many of them it may lack in any case.
    """
    closed = [urn for urn, status in held.items() if status is EstablishmentStatus.CLOSED]
    for urns, kind in ((held.keys(), ""), (closed, "closed ")):
        gone = sum(urn not in present for urn in urns)
        if gone > always and 100 * gone > most_gone_percent * len(urns):
            shown = f"The register lacks {gone:,} of {len(urns):,} {kind}institutions that the one in place has."
            return Reason(code=RefusalCode.REGISTER_SHRUNK, detail=shown)
    return None


def why_not(
    actor: Actor,
    person: Person | None,
    permissions: Iterable[Permission],
    *,
    home: GroupId | int,
    policy: Policy,
    day: date,
    action: str = "see data sharing agreements",
) -> str:
    """Return why *actor* may not do what takes one of these permissions, with what to do; or no text (P12).

    Args:
        actor: Who would do it.
        person: What their site knows of them now, if anything.
        permissions: Permissions of which one suffices.
        home: The site at which it is done; an actor acts only for their own.
        policy: The group's choices.
        day: The present day, in Europe/London.
        action: What they would do, as the end of "may not …".
    """
    if isinstance(actor, SystemActor):
        return f"{actor} may not {action}: it is a system, and only a person may do this. Ask a person to do it."
    if actor.site != home:  # their name and permissions are their own site's to tell
        return f"{actor} may not {action} here: they belong to another site. Act for the site that they belong to."
    refused = f"{person.name if person else actor} may not {action}"
    needed = tuple(permissions)
    if any(holds(person, permission, policy=policy, day=day) for permission in needed):
        return ""
    named = " or ".join(f"“{permission.label}”" for permission in needed)
    keys = ", ".join(permission.value for permission in needed)
    return f"{refused}: the permission {named} is missing ({keys}). Ask somebody who has it."


def _elsewhere(batch: Batch, command: Command) -> str:
    request = request_of(command)
    if request is None or request.agreement.group == batch.group:
        return ""
    return f"{request.agreement} is not an agreement of {batch.group}. Act for the group that it belongs to."


_WISHES = {EndCause.BY_SCHOOL: Party.SCHOOL, EndCause.BY_GROUP: Party.GROUP}


def _against_policy(command: Command, policy: Policy) -> str:
    if isinstance(command, RecordApproval) and not policy.central_approval:  # A9
        return "The group's policy does not allow approvals to be recorded centrally. Send a request."
    if isinstance(command, EndAgreement):  # E7
        wished_by = _WISHES.get(command.cause)
        if wished_by and wished_by not in policy.enders:
            return f"The group's policy does not let the {wished_by.value} end an agreement. Speak to the other side."
    return ""
