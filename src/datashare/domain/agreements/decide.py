"""Pure: what a command does to an agreement (rules Q, N, A, U, T, E).

`decide` answers with events, or with a refusal that holds every reason. It looks at one school, after
`datashare.domain.agreements.authorise` has looked at the whole action.
"""

from __future__ import annotations

from datetime import date
from functools import reduce
from typing import Any, assert_never

from datashare.domain.eligibility import recipient_eligibility, same_person
from datashare.domain.instants import Instant, is_ahead, later_by
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.domain.visibility import HiddenBecause

from . import events
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
    request_of,
)
from .context import Caution, CautionCode, Decision, DecisionContext
from .lifecycle import TRANSITIONS
from .refusals import Reason, Refusal, RefusalCode, in_order
from .state import (
    Agreement,
    Basis,
    OpenRequest,
    evolve,
    granted,
    has_lapsed,
    outlasts,
    request_closed_by,
    request_has_lapsed,
)

_Answer = tuple[list[Reason], Decision]
"""The reasons against a command, and the decision that counts if nothing is against it."""


def decide(agreement: Agreement, command: Command, context: DecisionContext) -> Decision | Refusal:
    """Decide *command* for one school (rules Q, N, A, U, T, E).

    Returns:
        The events that it causes, or the refusal with all reasons; a refusal changes nothing (T2).
    """
    if isinstance(command, EndAgreement) and command.planned and command.planned.version != agreement.version:
        # E4: only a new plan can say more.
        seen = f"The plan was made for version {command.planned.version}, and this is version {agreement.version}."
        return Refusal((Reason(code=RefusalCode.CONFLICT, detail=f"{seen} Make a new plan."),))
    if isinstance(command, _GROUP_NEEDS_VISIBILITY) and not context.visibility.visible:
        return Refusal((_not_visible(context),))  # Q9: alone, since the other reasons tell of the school's people
    against, decision = _answer(agreement, command, context)
    reasons = [
        *_presence_reasons(command, context),
        *_lifecycle_reasons(agreement, command, context),
        *_lapse_reasons(agreement, command, context),
        *against,
    ]
    return Refusal(in_order(reasons)) if reasons else decision


def needs_events(agreement: Agreement, command: Command, context: DecisionContext) -> bool:
    """Return whether the decision needs the events of the agreement, since its state does not tell enough (A4, X2).

    That is rare: the request that is named was closed before another one was, or the agreement has lapsed.
    """
    named = request_of(command)
    if named is None:
        return False
    if agreement.request and agreement.request.id == named:
        if isinstance(command, Decline | Withdraw):
            return False
        return agreement.in_force is not None and has_lapsed(agreement, policy=context.policy, day=context.day)
    return bool(agreement.closed) and agreement.closed[-1].id != named


def _answer(agreement: Agreement, command: Command, context: DecisionContext) -> _Answer:
    request = _open_request(agreement, command)
    match command:
        case RequestAccess():
            return _request(agreement, command, context)
        case AddRecipients():
            return _add_recipients(agreement, request, command, context)
        case Remind() if request:
            return _remind(agreement, request, context)
        case Approve() if request:
            return _approve(agreement, request, command, context)
        case Remind() | Approve():  # `_lifecycle_reasons` says why not
            return [], Decision(())
        case Decline() | Withdraw():
            kind = events.RequestDeclined if isinstance(command, Decline) else events.RequestWithdrawn
            return [], Decision((kind(**_header(agreement, context), request=command.request, reason=command.reason),))
        case RecordApproval():
            return _record_approval(agreement, command, context)
        case ImportAgreement():
            event = events.AgreementImported(
                **_header(agreement, context),
                level=command.level,
                agreed_on=command.agreed_on,
                terms=command.terms,
                approver=command.approver,
                evidence=command.evidence,
            )
            return [], Decision((event,))
        case EndAgreement():
            return _end(agreement, command, context)
        case RecordVisibility():
            return [], _record_visibility(agreement, command, context)
        case _:
            assert_never(command)


# T5: a school that the group does not see cannot be asked, and no access can begin there.
_GROUP_NEEDS_VISIBILITY = (RequestAccess, AddRecipients, Remind, RecordApproval, ImportAgreement)
# V11: a message asks people to open a page of the school's own site.
_NEED_SITE = (RequestAccess, AddRecipients, Remind)


def _presence_reasons(command: Command, context: DecisionContext) -> list[Reason]:
    """Refuse that a school accepts for a group that does not see it (A5), and what needs a school's site (V11)."""
    reasons = []
    if isinstance(command, Approve) and not context.visibility.visible:
        reasons.append(_not_visible(context))
    if isinstance(command, _NEED_SITE) and context.site is None:
        reasons.append(Reason(code=RefusalCode.NO_SCHOOL_SITE))
    return reasons


def _not_visible(context: DecisionContext) -> Reason:
    return Reason(code=RefusalCode.NOT_VISIBLE, visibility=context.visibility)


def _lifecycle_reasons(agreement: Agreement, command: Command, context: DecisionContext) -> list[Reason]:
    """Refuse what the table does not name (T1), and a request that is not the open one (A4)."""
    match command:
        case RequestAccess() | RecordApproval():
            return _already_open(agreement, context)
        case ImportAgreement():
            history = [Reason(code=RefusalCode.HISTORY_EXISTS)] if agreement.version > 0 else []  # A10
            return _already_open(agreement, context) + history
        case AddRecipients() | Remind() | Approve() | Decline() | Withdraw():
            return [] if _open_request(agreement, command) else [_not_open(agreement, command, context)]
        case EndAgreement() | RecordVisibility():
            named = type(command) in TRANSITIONS[agreement.state]
            return [] if named else [Reason(code=RefusalCode.NOTHING_TO_END)]
        case _:
            assert_never(command)


def _lapse_reasons(agreement: Agreement, command: Command, context: DecisionContext) -> list[Reason]:
    """X2: what has lapsed is restored only by what is agreed anew, so an older request lapses with it."""
    hidden = "the school was hidden from the group for too long"
    policy, day, request = context.policy, context.day, _open_request(agreement, command)
    match command:
        case RecordApproval() | ImportAgreement():
            lapsed = agreement.in_force is not None and has_lapsed(agreement, policy=policy, day=day)
            detail = f"The agreement has lapsed, since {hidden}."
        case AddRecipients() | Remind() | Approve() if request:
            lapsed = request_has_lapsed(agreement, request, context.events, policy=policy, day=day)
            detail = f"Request {request.id} has lapsed, since {hidden}. It can only be declined or withdrawn."
        case _:
            return []
    return [Reason(code=RefusalCode.LAPSED, detail=detail)] if lapsed else []


def _open_request(agreement: Agreement, command: Command) -> OpenRequest | None:
    """Return the open request where it is the one that *command* names (A4)."""
    request = agreement.request
    return request if request and request.id == request_of(command) else None


def _already_open(agreement: Agreement, context: DecisionContext) -> list[Reason]:
    """Q6: the open request has to be answered or withdrawn first."""
    request = agreement.request
    if request is None:
        return []
    label = context.policy.label(request.level)
    return [Reason(code=RefusalCode.REQUEST_ALREADY_OPEN, request=request.id, level=request.level, level_label=label)]


def _not_open(agreement: Agreement, command: NamesRequest, context: DecisionContext) -> Reason:
    """A4: say who closed the request that is named, and when."""
    known = [*agreement.closed, *filter(None, map(request_closed_by, context.events))]
    closed = next((request for request in known if request.id == command.request), None)
    # Of a hidden school the group is told the id alone, which is in its own record.
    may_name = context.visibility.visible or isinstance(command, Approve | Decline)
    person = context.person(closed.by) if closed and may_name else None
    return Reason(
        code=RefusalCode.REQUEST_NOT_OPEN,
        request=command.request,
        closed=closed,
        closed_by=person.name if person else "",
        detail=f"There is no request {command.request}.",
    )


def _level_reasons(agreement: Agreement, level: AccessLevel, context: DecisionContext) -> list[Reason]:
    """Q7, L4: a level in force can be raised, never reduced; one that has lapsed may be asked for again (X2)."""
    current = agreement.level
    if current is None or level > current:
        return []
    if level is current and has_lapsed(agreement, policy=context.policy, day=context.day):
        return []
    code = RefusalCode.LEVEL_REDUCTION if level < current else RefusalCode.LEVEL_UNCHANGED
    return [Reason(code=code, level=current, level_label=context.policy.label(current))]


def _request(agreement: Agreement, command: RequestAccess, context: DecisionContext) -> _Answer:
    returned = _unrecorded_return(agreement, context)  # X2: so that a request is always sent after a recorded return
    standing = reduce(evolve, returned, agreement)
    against = _level_reasons(standing, command.level, context)
    recipients, unfit = _recipients(command.recipients, command.urn, context)
    event = events.RequestSent(
        **_header(standing, context),
        level=command.level,
        raises=granted(standing, visible=True, policy=context.policy, day=context.day),
        sender=command.sender,
        recipients=recipients,
        terms=command.terms,
    )
    cautions = () if context.approvers else (Caution(CautionCode.NO_APPROVER),)  # P10
    return against + unfit, Decision((*returned, event), cautions)


def _recipients(
    recipients: Recipients, urn: int, context: DecisionContext
) -> tuple[tuple[PersonId, ...], list[Reason]]:
    """Return who is meant, each person once (Q5, Q10), or why they cannot be asked (P11)."""
    eligible = context.eligible
    match recipients:
        case AllEligible():
            chosen = tuple(eligible)
        case WithRoles(roles):
            chosen = tuple(
                [who for who, person in eligible.items() if not roles.isdisjoint(person.current_roles(context.day))]
            )
        case Named(people):
            chosen = tuple(dict.fromkeys(people))
            answers = [
                recipient_eligibility(who, context.people.get(who), urn=urn, policy=context.policy, day=context.day)
                for who in chosen
            ]
            unfit = tuple([answer for answer in answers if not answer.eligible])
            if unfit:
                return (), [Reason(code=RefusalCode.RECIPIENT_NOT_ELIGIBLE, people=unfit)]
        case _:
            assert_never(recipients)
    return chosen, [] if chosen else [Reason(code=RefusalCode.NO_ELIGIBLE_RECIPIENT)]


def _add_recipients(
    agreement: Agreement, request: OpenRequest | None, command: AddRecipients, context: DecisionContext
) -> _Answer:
    chosen, against = _recipients(command.recipients, command.urn, context)
    asked = frozenset(request.recipients if request else ())
    new = tuple([who for who in chosen if who not in asked])
    if chosen and not new:  # Q4
        against.append(Reason(code=RefusalCode.ALREADY_ASKED))
    event = events.RecipientsAdded(**_header(agreement, context), request=command.request, recipients=new)
    skipped = tuple([who for who in chosen if who in asked])
    return against, Decision((event,), _skipping(CautionCode.SKIPPED_ALREADY_ASKED, skipped))


def _remind(agreement: Agreement, request: OpenRequest, context: DecisionContext) -> _Answer:
    against = []
    reachable = tuple([who for who in request.recipients if who in context.eligible])  # N3
    if not reachable:
        against.append(Reason(code=RefusalCode.NO_REACHABLE_RECIPIENT))
    # N4: the least interval counts from the request or the last reminder, whichever is later.
    last, interval = request.reminded_at or request.asked_at, context.policy.least_reminder_interval
    if interval and context.now - last < interval and not is_ahead(last, context.now):
        against.append(Reason(code=RefusalCode.REMINDER_TOO_SOON, from_instant=later_by(last, interval)))
    event = events.ReminderSent(**_header(agreement, context), request=request.id, recipients=reachable)
    skipped = tuple([who for who in request.recipients if who not in context.eligible])
    return against, Decision((event,), _skipping(CautionCode.SKIPPED_NOT_REACHABLE, skipped))


def _skipping(code: CautionCode, people: tuple[PersonId, ...]) -> tuple[Caution, ...]:
    return (Caution(code, people),) if people else ()


def _approve(agreement: Agreement, request: OpenRequest, command: Approve, context: DecisionContext) -> _Answer:
    carried = request.terms.version if request.terms else None
    against = _same_person(request, context)
    if command.terms_version != carried:  # A6
        answer = f"names version {command.terms_version}" if command.terms_version else "names no version"
        terms = f"carries terms in version {carried}" if carried else "carries no terms"
        detail = f"The answer {answer}, but the request {terms}."
        against.append(Reason(code=RefusalCode.TERMS_VERSION_MISMATCH, detail=detail))
    returned = _unrecorded_return(agreement, context)
    event = events.RequestApproved(
        **_header(reduce(evolve, returned, agreement), context),
        request=request.id,
        level=request.level,
        terms=request.terms,
    )
    return against, Decision((*returned, event))


def _same_person(request: OpenRequest, context: DecisionContext) -> list[Reason]:
    """A7: where policy demands two people, a sender who is no longer known counts as the same person."""
    if not context.policy.distinct_approver:
        return []
    sender = context.person(request.sender)
    if sender is None:
        detail = (
            "The sender is no longer known, so the two cannot be compared. "
            "The group can withdraw the request and ask again."
        )
        return [Reason(code=RefusalCode.SAME_PERSON, detail=detail)]
    same = same_person(sender, context.person(context.actor))
    return [Reason(code=RefusalCode.SAME_PERSON)] if same else []


def _record_approval(agreement: Agreement, command: RecordApproval, context: DecisionContext) -> _Answer:
    returned = _unrecorded_return(agreement, context)
    event = events.ApprovalRecorded(
        **_header(reduce(evolve, returned, agreement), context),
        level=command.level,
        terms=command.terms,
        basis=command.basis,
    )
    return _level_reasons(agreement, command.level, context), Decision((*returned, event))


# E1: what the register must show for a cause that rests on it.
_SHOWN_BY = {
    EndCause.SCHOOL_CLOSED: frozenset({HiddenBecause.CLOSED}),
    EndCause.SCHOOL_LEFT_GROUP: frozenset({HiddenBecause.NOT_LINKED, HiddenBecause.UNKNOWN_URN}),
    EndCause.GROUP_CLOSED: frozenset({HiddenBecause.GROUP_CLOSED}),
    EndCause.GROUP_REORGANISED: frozenset(),  # E8: only a plan looks at the other schools
    EndCause.SUCCEEDED: frozenset({HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED}),
}
# E2: a plan ends only what is clear. A URN that is gone is unclear, and so is a successor of a school open elsewhere.
_SHOWN_CLEARLY_BY = _SHOWN_BY | {
    EndCause.SCHOOL_LEFT_GROUP: frozenset({HiddenBecause.NOT_LINKED}),
    EndCause.GROUP_REORGANISED: frozenset({HiddenBecause.NOT_LINKED}),
    EndCause.SUCCEEDED: frozenset({HiddenBecause.CLOSED}),
}


def _end(agreement: Agreement, command: EndAgreement, context: DecisionContext) -> _Answer:
    against = []
    if command.cause in SHOWN_BY_REGISTER:
        shown_by = (_SHOWN_CLEARLY_BY if command.planned else _SHOWN_BY)[command.cause]
        if shown_by.isdisjoint(reason.because for reason in context.visibility.reasons):
            detail = f"The register does not show this cause: {context.visibility}"
            if not shown_by:
                detail = "Only a plan can show that schools moved together to another group."
            against.append(Reason(code=RefusalCode.CAUSE_NOT_SHOWN, detail=detail))
    if command.cause is EndCause.ENTERED_IN_ERROR and not _may_be_an_error(agreement, context):
        detail = "The school accepted this level itself, so the group did not enter it in error."
        against.append(Reason(code=RefusalCode.CAUSE_NOT_SHOWN, detail=detail))
    request = agreement.request.id if agreement.request else None
    event = events.AgreementEnded(
        **_header(agreement, context), cause=command.cause, request=request, note=command.note
    )
    return against, Decision((event,))


def _may_be_an_error(agreement: Agreement, context: DecisionContext) -> bool:
    """E7: where the group may not end by its own wish, its error can only be what it entered itself."""
    in_force = agreement.in_force
    return in_force is None or in_force.basis is not Basis.REQUEST or Party.GROUP in context.policy.enders


def _record_visibility(agreement: Agreement, command: RecordVisibility, context: DecisionContext) -> Decision:
    """E6: record that the school stopped being visible, or is visible again, where that is new."""
    register_day = min(command.register_day or context.day, context.day)  # X2: a fast clock lapses nothing
    if context.visibility.visible:
        return Decision(_unrecorded_return(agreement, context, register_day))
    if agreement.hidden_since is not None:
        return Decision(())
    because = tuple([reason.because for reason in context.visibility.reasons])
    event = events.VisibilityLost(**_header(agreement, context), register_day=register_day, reasons=because)
    return Decision((event,))


def _unrecorded_return(
    agreement: Agreement, context: DecisionContext, register_day: date | None = None
) -> tuple[events.VisibilityReturned, ...]:
    """H1: record that the school is visible again, before anything that is asked or comes into force there."""
    if agreement.hidden_since is None:
        return ()
    # X2: the register's day counts, so a fast clock lapses nothing. A register from before the loss shows no return.
    known = context.register_day if (context.register_day or date.min) >= agreement.hidden_since else None
    day = register_day or min(known or context.day, context.day)
    resumes = not outlasts(agreement.hidden_since, day, policy=context.policy)
    return (events.VisibilityReturned(**_header(agreement, context), register_day=day, resumes=resumes),)


def _instant(agreement: Agreement, context: DecisionContext) -> Instant:
    """T3: an event never comes before the one that precedes it, even if the clock went back."""
    return max(context.now, agreement.changed_at) if agreement.changed_at else context.now


def _header(agreement: Agreement, context: DecisionContext) -> dict[str, Any]:
    """Return what every event holds; it is the next one after those that led to *agreement*."""
    return {
        "agreement": agreement.id,
        "sequence": agreement.version + 1,
        "at": _instant(agreement, context),
        "actor": context.actor,
        "command_id": context.command_id,
    }
