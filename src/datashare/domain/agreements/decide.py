"""Pure: what a command does to an agreement, given the facts (rules Q, N, A, U, T, E).

It touches nothing but the standard library and attrs. `decide` answers with events or with a refusal that holds
every reason; it looks at one school, after `datashare.domain.agreements.authorise` has looked at the action.
"""

from __future__ import annotations

from datetime import date
from typing import Any, assert_never

from datashare.domain.eligibility import recipient_eligibility, same_person
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.domain.visibility import HiddenBecause

from .commands import (
    SHOWN_BY_REGISTER,
    AddRecipients,
    AllEligible,
    Approve,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    NamesRequest,
    Recipients,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    WithRoles,
)
from .context import Caution, CautionCode, Decision, DecisionContext
from .events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from .lifecycle import TRANSITIONS
from .refusals import Reason, Refusal, RefusalCode
from .state import Agreement, Basis, OpenRequest, has_lapsed


def decide(agreement: Agreement, command: Command, facts: DecisionContext) -> Decision | Refusal:
    """Decide *command* for one school (rules Q, N, A, U, T, E).

    Returns:
        The events that it causes, or the refusal with all reasons; a refusal changes nothing (T2).
    """
    reasons = [*_standing_reasons(command, facts), *_lifecycle_reasons(agreement, command, facts)]
    match command:
        case RequestAccess():
            return _request(agreement, command, facts, reasons)
        case AddRecipients():
            return _add_recipients(agreement, command, facts, reasons)
        case Remind():
            return _remind(agreement, command, facts, reasons)
        case Approve():
            return _approve(agreement, command, facts, reasons)
        case Decline():
            events = _written(agreement, facts, RequestDeclined, request=command.request, reason=command.reason)
            return _unless(reasons, events)
        case Withdraw():
            events = _written(agreement, facts, RequestWithdrawn, request=command.request, reason=command.reason)
            return _unless(reasons, events)
        case RecordApproval():
            return _record_approval(agreement, command, facts, reasons)
        case ImportAgreement():
            return _unless(reasons, _imported(agreement, command, facts))
        case EndAgreement():
            return _end(agreement, command, facts, reasons)
        case RecordVisibility():
            return _unless(reasons, _visibility_recorded(agreement, command, facts))
        case _:
            assert_never(command)


# T5: what brings access about, or asks for it, needs a school that the group sees at present.
_NEED_VISIBILITY = (RequestAccess, AddRecipients, Remind, Approve, RecordApproval, ImportAgreement)
# V11: a message asks people to open a page of the school's own site.
_NEED_SITE = (RequestAccess, AddRecipients, Remind)


def _standing_reasons(command: Command, facts: DecisionContext) -> list[Reason]:
    reasons = []
    if isinstance(command, _NEED_VISIBILITY) and not facts.visibility.visible:
        reasons.append(Reason(code=RefusalCode.NOT_VISIBLE, visibility=facts.visibility))
    if isinstance(command, _NEED_SITE) and facts.site is None:
        reasons.append(Reason(code=RefusalCode.NO_SCHOOL_SITE))
    return reasons


def _lifecycle_reasons(agreement: Agreement, command: Command, facts: DecisionContext) -> list[Reason]:
    """Refuse what the table does not name, and a request that is not the open one (T, A4)."""
    if isinstance(command, (RequestAccess, RecordApproval)):
        return _already_open(agreement, facts)
    named = type(command) in TRANSITIONS[agreement.state]
    match command:
        case ImportAgreement():
            history = [Reason(code=RefusalCode.HISTORY_EXISTS)] if agreement.version > 0 else []  # A10
            return _already_open(agreement, facts) + history
        case AddRecipients() | Remind() | Approve() | Decline() | Withdraw():
            is_open = named and agreement.request is not None and agreement.request.id == command.request
            return [] if is_open else [_not_open(agreement, command, facts)]
        case EndAgreement() | RecordVisibility():
            return [] if named else [Reason(code=RefusalCode.NOTHING_TO_END)]
        case _:
            assert_never(command)


def _already_open(agreement: Agreement, facts: DecisionContext) -> list[Reason]:
    request = agreement.request
    if request is None:
        return []
    return [Reason(code=RefusalCode.REQUEST_ALREADY_OPEN, request=request.id, **_worded(request.level, facts))]


def _worded(level: AccessLevel, facts: DecisionContext) -> dict[str, Any]:
    return {"level": level, "level_label": facts.policy.label(level)}


def _not_open(agreement: Agreement, command: NamesRequest, facts: DecisionContext) -> Reason:
    closed = agreement.closed_request(command.request)
    who = facts.person(closed.by) if closed else None
    return Reason(
        code=RefusalCode.REQUEST_NOT_OPEN,
        request=command.request,
        closed=closed,
        closed_by=who.name if who else "",
        detail=f"There is no request {command.request}.",
    )


def _level_reasons(agreement: Agreement, level: AccessLevel, facts: DecisionContext) -> list[Reason]:
    """Q7, L4: a level in force is raised, never reduced."""
    current = agreement.level
    if current is None or level > current:
        return []
    code = RefusalCode.LEVEL_REDUCTION if level < current else RefusalCode.LEVEL_UNCHANGED
    return [Reason(code=code, **_worded(current, facts))]


def _request(
    agreement: Agreement, command: RequestAccess, facts: DecisionContext, reasons: list[Reason]
) -> Decision | Refusal:
    chosen, against = _chosen(command.recipients, command.urn, facts)
    lapsed = has_lapsed(agreement, policy=facts.policy, day=facts.day)
    if not (lapsed and command.level is agreement.level):  # X2: what has lapsed, a new request restores
        reasons += _level_reasons(agreement, command.level, facts)
    reasons += against
    events = _written(
        agreement,
        facts,
        RequestSent,
        level=command.level,
        raises=None if lapsed else agreement.level,
        sender=command.sender,
        recipients=chosen,
        terms=command.terms,
    )
    nobody = not facts.approvers
    return _unless(reasons, events, [Caution(CautionCode.NO_APPROVER)] if nobody else [])  # P10


def _chosen(recipients: Recipients, urn: int, facts: DecisionContext) -> tuple[tuple[PersonId, ...], list[Reason]]:
    """Settle who is meant, each person once (Q5, Q10), or say why not (P11)."""
    eligible = facts.eligible
    match recipients:
        case AllEligible():
            chosen = tuple(eligible)
        case WithRoles(roles):
            held = (who for who, person in eligible.items() if not roles.isdisjoint(person.current_roles(facts.day)))
            chosen = tuple(held)
        case Named(people):
            answers = tuple(
                recipient_eligibility(who, facts.people.get(who), urn=urn, policy=facts.policy, day=facts.day)
                for who in dict.fromkeys(people)
            )
            unfit = tuple(answer for answer in answers if not answer.eligible)
            if unfit:
                return (), [Reason(code=RefusalCode.RECIPIENT_NOT_ELIGIBLE, people=unfit)]
            chosen = tuple(answer.person for answer in answers)
        case _:
            assert_never(recipients)
    return chosen, [] if chosen else [Reason(code=RefusalCode.NO_ELIGIBLE_RECIPIENT)]


def _add_recipients(
    agreement: Agreement, command: AddRecipients, facts: DecisionContext, reasons: list[Reason]
) -> Decision | Refusal:
    chosen, against = _chosen(command.recipients, command.urn, facts)
    reasons += against
    request = agreement.request
    asked = frozenset(request.recipients if request and request.id == command.request else ())
    skipped = tuple(who for who in chosen if who in asked)
    new = tuple(who for who in chosen if who not in asked)
    if chosen and not new:
        reasons.append(Reason(code=RefusalCode.ALREADY_ASKED))
    events = _written(agreement, facts, RecipientsAdded, request=command.request, recipients=new)
    return _unless(reasons, events, _skipping(CautionCode.SKIPPED_ALREADY_ASKED, skipped))


def _remind(agreement: Agreement, command: Remind, facts: DecisionContext, reasons: list[Reason]) -> Decision | Refusal:
    request = agreement.request
    if request is None or request.id != command.request:
        return Refusal(reasons)
    eligible = facts.eligible
    reachable = tuple(who for who in request.recipients if who in eligible)  # N3
    if not reachable:
        reasons.append(Reason(code=RefusalCode.NO_REACHABLE_RECIPIENT))
    reasons += _too_soon(request, _instant(agreement, facts), facts)
    skipped = tuple(who for who in request.recipients if who not in eligible)
    events = _written(agreement, facts, ReminderSent, request=request.id, recipients=reachable)
    return _unless(reasons, events, _skipping(CautionCode.SKIPPED_NOT_REACHABLE, skipped))


def _too_soon(request: OpenRequest, at: Instant, facts: DecisionContext) -> list[Reason]:
    """N4: the least interval counts from the request or the last reminder, whichever is later."""
    earliest = (request.reminded_at or request.asked_at) + facts.policy.least_reminder_interval
    if at >= earliest:
        return []
    return [Reason(code=RefusalCode.REMINDER_TOO_SOON, from_instant=earliest)]


def _skipping(code: CautionCode, people: tuple[PersonId, ...]) -> list[Caution]:
    return [Caution(code, people)] if people else []


def _approve(
    agreement: Agreement, command: Approve, facts: DecisionContext, reasons: list[Reason]
) -> Decision | Refusal:
    request = agreement.request
    if request is None or request.id != command.request:
        return Refusal(reasons)
    shown = request.terms.version if request.terms else None
    if command.terms_version != shown:  # A6
        reasons.append(Reason(code=RefusalCode.TERMS_VERSION_MISMATCH, detail=_versions(shown, command)))
    reasons += _same_person(request, facts)
    events = _written(
        agreement,
        facts,
        RequestApproved,
        returning=True,
        request=request.id,
        level=request.level,
        terms=request.terms,
    )
    return _unless(reasons, events)


def _same_person(request: OpenRequest, facts: DecisionContext) -> list[Reason]:
    """A7: where policy demands two people, a sender who cannot be compared any more counts as the same."""
    if not facts.policy.distinct_approver:
        return []
    sender = facts.person(request.sender)
    if sender is None:
        detail = "The sender is no longer known, so nobody can be told apart from them."
        return [
            Reason(code=RefusalCode.SAME_PERSON, detail=f"{detail} The group can withdraw the request and ask again.")
        ]
    same = same_person(sender, facts.person(facts.actor))
    return [Reason(code=RefusalCode.SAME_PERSON)] if same else []


def _versions(right: str | None, command: Approve) -> str:
    named = f"names version {command.terms_version}" if command.terms_version else "names no version"
    carried = f"carries terms in version {right}" if right else "carries no terms"
    return f"The answer {named}, but the request {carried}."


def _record_approval(
    agreement: Agreement, command: RecordApproval, facts: DecisionContext, reasons: list[Reason]
) -> Decision | Refusal:
    reasons += _level_reasons(agreement, command.level, facts)
    events = _written(
        agreement,
        facts,
        ApprovalRecorded,
        returning=True,
        level=command.level,
        terms=command.terms,
        basis=command.basis,
    )
    return _unless(reasons, events)


def _imported(agreement: Agreement, command: ImportAgreement, facts: DecisionContext) -> tuple[Event, ...]:
    return _written(
        agreement,
        facts,
        AgreementImported,
        level=command.level,
        agreed_on=command.agreed_on,
        terms=command.terms,
        approver=command.approver,
        evidence=command.evidence,
    )


# E1: what the register must show for a cause that rests on it.
_SHOWN_BY = {
    EndCause.SCHOOL_CLOSED: frozenset({HiddenBecause.CLOSED}),
    EndCause.SCHOOL_LEFT_GROUP: frozenset({HiddenBecause.NOT_LINKED, HiddenBecause.UNKNOWN_URN}),
    EndCause.GROUP_CLOSED: frozenset({HiddenBecause.GROUP_CLOSED}),
    EndCause.SUCCEEDED: frozenset({HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED}),
}
# E2: a plan ends only what is clear; a URN that is gone is not, nor is a successor of a school that is open elsewhere.
_SHOWN_CLEARLY_BY = _SHOWN_BY | {
    EndCause.SCHOOL_LEFT_GROUP: frozenset({HiddenBecause.NOT_LINKED}),
    EndCause.SUCCEEDED: frozenset({HiddenBecause.CLOSED}),
}


def _end(
    agreement: Agreement, command: EndAgreement, facts: DecisionContext, reasons: list[Reason]
) -> Decision | Refusal:
    planned = command.planned
    if planned and planned.version != agreement.version:  # E4: what else speaks against it is for a new plan to say
        seen = f"The plan saw its version {planned.version}, and it is in version {agreement.version} now."
        return Refusal([Reason(code=RefusalCode.CONFLICT, detail=f"{seen} Make a new plan.")])
    if command.cause in SHOWN_BY_REGISTER and not _shown(command, facts):
        detail = f"The register does not show this cause: {facts.visibility}"
        reasons.append(Reason(code=RefusalCode.CAUSE_NOT_SHOWN, detail=detail))
    if command.cause is EndCause.ENTERED_IN_ERROR and not _may_be_an_error(agreement, facts):
        detail = "The school accepted this level itself, so the group did not enter it in error."
        reasons.append(Reason(code=RefusalCode.CAUSE_NOT_SHOWN, detail=detail))
    request = agreement.request.id if agreement.request else None
    events = _written(agreement, facts, AgreementEnded, cause=command.cause, request=request, note=command.note)
    return _unless(reasons, events)


def _shown(command: EndAgreement, facts: DecisionContext) -> bool:
    shown_by = (_SHOWN_CLEARLY_BY if command.planned else _SHOWN_BY)[command.cause]
    return not shown_by.isdisjoint(reason.because for reason in facts.visibility.reasons)


def _may_be_an_error(agreement: Agreement, facts: DecisionContext) -> bool:
    """E7: where the group may not end by its own wish, only what it entered itself can be its error."""
    in_force = agreement.in_force
    return in_force is None or in_force.basis is not Basis.REQUEST or Party.GROUP in facts.policy.enders


def _visibility_recorded(agreement: Agreement, command: RecordVisibility, facts: DecisionContext) -> tuple[Event, ...]:
    day = command.register_day or facts.day
    if facts.visibility.visible and agreement.hidden_since is not None:
        return _written(agreement, facts, VisibilityReturned, **_return(agreement, facts, day))
    if not facts.visibility.visible and agreement.hidden_since is None:
        because = tuple(reason.because for reason in facts.visibility.reasons)
        return _written(agreement, facts, VisibilityLost, register_day=day, reasons=because)
    return ()


def _return(agreement: Agreement, facts: DecisionContext, day: date) -> dict[str, Any]:
    # X2: the window is counted to the present day, as everywhere, so that recording changes no answer.
    return {"register_day": day, "resumes": not has_lapsed(agreement, policy=facts.policy, day=facts.day)}


def _unless(
    reasons: list[Reason], events: tuple[Event, ...], cautions: list[Caution] | None = None
) -> Decision | Refusal:
    return Refusal(reasons) if reasons else Decision(events, tuple(cautions or ()))


def _written(
    agreement: Agreement, facts: DecisionContext, kind: type[Any], *, returning: bool = False, **payload: Any
) -> tuple[Event, ...]:
    """Make the event of this *kind*, preceded by the school's return where that was not yet recorded (H1)."""
    events: list[Event] = []
    if returning and agreement.hidden_since is not None:
        events.append(VisibilityReturned(**_common(agreement, facts, 1), **_return(agreement, facts, facts.day)))
    events.append(kind(**_common(agreement, facts, len(events) + 1), **payload))
    return tuple(events)


def _instant(agreement: Agreement, facts: DecisionContext) -> Instant:
    """T3: an event never comes before the one that precedes it, even if the clock went back."""
    return max(facts.now, agreement.changed_at) if agreement.changed_at else facts.now


def _common(agreement: Agreement, facts: DecisionContext, ahead: int) -> dict[str, Any]:
    return {
        "agreement": agreement.id,
        "sequence": agreement.version + ahead,
        "at": _instant(agreement, facts),
        "actor": facts.actor,
        "command_id": facts.command_id,
    }
