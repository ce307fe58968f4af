"""Pure: how events change an agreement; it touches nothing but the standard library and attrs.

`evolve` never refuses: every event ever stored folds for ever (T3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from datashare.domain.trusted import copier, maker

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
from .identity import AgreementId, ClosedRequest, RequestId, RequestOutcome
from .state import Agreement, Basis, InForce, OpenRequest

# Every part is of an event or of an agreement, both validated when they were made.
_changed = copier(Agreement)
_request_changed = copier(OpenRequest)
_open_request = maker(OpenRequest)


def evolve(agreement: Agreement, event: Event) -> Agreement:
    """Give the agreement as it stands after *event*."""
    changed = _changed(agreement, version=event.sequence, changed_at=event.at, **_changes(agreement, event))
    # E6: visibility is recorded for what stands; what comes later begins afresh.
    return changed if changed.stands else _changed(changed, hidden_since=None, lapsed=False)


def fold(agreement: AgreementId, events: Iterable[Event]) -> Agreement:
    """Give the agreement as it stands after all its *events*, in the order of their sequence (T3)."""
    standing = Agreement(id=agreement)
    for event in events:
        standing = evolve(standing, event)
    return standing


def _changes(agreement: Agreement, event: Event) -> dict[str, Any]:
    match event:
        case RequestSent():
            return {"request": _opened(event)}
        case RecipientsAdded():
            return {"request": _with_recipients(agreement, event)}
        case ReminderSent():
            return {"request": _with_reminder(agreement, event)}
        case RequestApproved():
            closed = _close(agreement, event.request, RequestOutcome.APPROVED, event)
            return {**closed, "in_force": _approved(agreement, event), "lapsed": False}
        case RequestDeclined():
            return _close(agreement, event.request, RequestOutcome.DECLINED, event)
        case RequestWithdrawn():
            return _close(agreement, event.request, RequestOutcome.WITHDRAWN, event)
        case ApprovalRecorded() | AgreementImported():
            return {"in_force": _entered(event), "lapsed": False}
        case AgreementEnded():
            return {**_close(agreement, event.request, RequestOutcome.ENDED, event), "in_force": None}
        case VisibilityLost():
            return {"hidden_since": agreement.hidden_since or event.register_day}
        case VisibilityReturned():
            return {"hidden_since": None, "lapsed": agreement.lapsed or not event.resumes}
        case _:
            assert_never(event)


def _opened(event: RequestSent) -> OpenRequest:
    return _open_request(
        id=event.request,
        level=event.level,
        sender=event.sender,
        asked_by=event.actor,
        asked_at=event.at,
        recipients=event.recipients,
        terms=event.terms,
        reminded_at=None,
    )


def _with_recipients(agreement: Agreement, event: RecipientsAdded) -> OpenRequest | None:
    if agreement.request is None:
        return None
    together = dict.fromkeys((*agreement.request.recipients, *event.recipients))
    return _request_changed(agreement.request, recipients=tuple(together))


def _with_reminder(agreement: Agreement, event: ReminderSent) -> OpenRequest | None:
    return agreement.request and _request_changed(agreement.request, reminded_at=event.at)


def _close(agreement: Agreement, request: RequestId | None, outcome: RequestOutcome, event: Event) -> dict[str, Any]:
    if request is None:
        return {}
    closed = ClosedRequest(id=request, outcome=outcome, by=event.actor, at=event.at)
    return {"request": None, "closed": (*agreement.closed, closed)}


def _approved(agreement: Agreement, event: RequestApproved) -> InForce:
    return InForce(
        level=event.level,
        since=event.at,
        basis=Basis.REQUEST,
        approved_by=event.actor,
        request=event.request,
        sender=agreement.request.sender if agreement.request else None,
        terms=event.terms,
    )


def _entered(event: ApprovalRecorded | AgreementImported) -> InForce:
    return InForce(
        level=event.level,
        since=event.at,
        basis=Basis.RECORDED if isinstance(event, ApprovalRecorded) else Basis.IMPORTED,
        approved_by=event.actor,
        terms=event.terms,
    )
