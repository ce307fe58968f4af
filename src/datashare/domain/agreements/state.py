"""Pure: an agreement as it stands; it touches nothing but the standard library and attrs (rules T)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import date
from typing import Any, assert_never

import attrs

from datashare.domain import validation
from datashare.domain.instants import Instant, to_instant, to_optional_day, to_optional_instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from datashare.domain.trusted import copier, maker
from datashare.domain.validation import to_tuple

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
from .ids import AN_ACTOR, Actor, AgreementId, ClosedRequest, RequestId, RequestOutcome, Terms


class State(enum.Enum):
    """The four states of an agreement."""

    NO_AGREEMENT = "no_agreement"
    PENDING = "pending"
    APPROVED = "approved"
    UPGRADING = "upgrading"

    __hash__ = object.__hash__

    @property
    def label(self) -> str:
        """The state as people read it."""
        return self.value.replace("_", " ").capitalize()

    @classmethod
    def of(cls, *, in_force: bool, requested: bool) -> State:
        """Tell which state it is with a level in force or without, and with an open request or without."""
        if requested:
            return cls.UPGRADING if in_force else cls.PENDING
        return cls.APPROVED if in_force else cls.NO_AGREEMENT


class Tab(enum.Enum):
    """A view of agreements; a projection of the state, not a state (T4)."""

    NO_AGREEMENT = "no_agreement"
    PENDING = "pending"
    APPROVED = "approved"

    @property
    def label(self) -> str:
        """The tab as people read it."""
        return self.value.replace("_", " ").title()


TABS: dict[State, frozenset[Tab]] = {
    State.NO_AGREEMENT: frozenset({Tab.NO_AGREEMENT}),
    State.PENDING: frozenset({Tab.PENDING}),
    State.APPROVED: frozenset({Tab.APPROVED}),
    State.UPGRADING: frozenset({Tab.PENDING, Tab.APPROVED}),  # U2
}
"""The tabs under which a visible institution stands, by state (T4)."""


class Basis(enum.Enum):
    """What a level in force rests on."""

    REQUEST = "request"
    RECORDED = "recorded"
    IMPORTED = "imported"


_A_LEVEL = validation.member(AccessLevel)
_TERMS_OR_NONE = validation.is_a((Terms, type(None)), "Terms or None")
_PEOPLE = validation.all_are(PersonId, "PersonIds")


@attrs.frozen(kw_only=True)
class OpenRequest:
    """The one request that waits for the school's answer.

    Attributes:
        id: Which request.
        level: The level asked for.
        sender: Whom it is from.
        asked_by: Who sent it.
        asked_at: When, in UTC.
        recipients: Who has been sent it, in the order in which they were.
        terms: The terms it carries, if any.
        reminded_at: When its recipients were last reminded, in UTC.
    """

    id: RequestId = attrs.field(validator=validation.is_a(RequestId, "a RequestId"))
    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    sender: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    asked_by: Actor = attrs.field(validator=AN_ACTOR)
    asked_at: Instant = attrs.field(converter=to_instant)
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)
    terms: Terms | None = attrs.field(default=None, validator=_TERMS_OR_NONE)
    reminded_at: Instant | None = attrs.field(default=None, converter=to_optional_instant)


@attrs.frozen(kw_only=True)
class InForce:
    """The level in force and what it rests on.

    Attributes:
        level: The level.
        since: When it came into force here, in UTC.
        basis: What it rests on.
        approved_by: Who accepted, recorded or imported it.
        request: The request that was accepted, where it rests on one.
        sender: Whom that request was from.
        terms: The terms it is on, if any.
    """

    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    since: Instant = attrs.field(converter=to_instant)
    basis: Basis = attrs.field(validator=validation.member(Basis))
    approved_by: Actor = attrs.field(validator=AN_ACTOR)
    request: RequestId | None = attrs.field(default=None)
    sender: PersonId | None = attrs.field(default=None)
    terms: Terms | None = attrs.field(default=None, validator=_TERMS_OR_NONE)


@attrs.frozen(kw_only=True)
class Agreement:
    """All that stands between one group and one institution at present; the fold of its events.

    Attributes:
        id: Which agreement.
        version: The sequence number of its last event; 0 where nothing ever happened.
        in_force: The level in force, if any.
        request: The open request, if any; there is at most one.
        closed: The requests that were closed, oldest first.
        hidden_since: The register day on which the school was recorded as no longer visible (E6).
        lapsed: Whether it was recorded as hidden for longer than the correction window (X2).
        changed_at: When its last event happened, in UTC.
    """

    id: AgreementId = attrs.field(validator=validation.is_a(AgreementId, "an AgreementId"))
    version: int = attrs.field(default=0, validator=validation.whole(0))
    in_force: InForce | None = None
    request: OpenRequest | None = None
    closed: tuple[ClosedRequest, ...] = ()
    hidden_since: date | None = attrs.field(default=None, converter=to_optional_day)
    lapsed: bool = False
    changed_at: Instant | None = None

    @property
    def group(self) -> GroupId:
        """The group that asks."""
        return self.id.group

    @property
    def urn(self) -> int:
        """The institution that is asked."""
        return self.id.urn

    @property
    def level(self) -> AccessLevel | None:
        """The level in force, if any."""
        return self.in_force.level if self.in_force else None

    @property
    def state(self) -> State:
        """Which of the four states it is in."""
        return State.of(in_force=self.in_force is not None, requested=self.request is not None)

    @property
    def tabs(self) -> frozenset[Tab]:
        """The tabs under which it stands while its institution is visible (T4)."""
        return TABS[self.state]

    @property
    def stands(self) -> bool:
        """Whether anything stands: a level in force, or an open request."""
        return self.state is not State.NO_AGREEMENT

    @property
    def senders(self) -> tuple[PersonId, ...]:
        """The group's people behind it, who may have to be told (A8).

        Whom the open request is from, and whom the accepted one was from, or who recorded or imported what is in force.
        """
        found = [self.request.sender] if self.request else []
        if self.in_force and self.in_force.sender:
            found.append(self.in_force.sender)
        elif self.in_force and isinstance(self.in_force.approved_by, PersonId):
            found.append(self.in_force.approved_by)
        return tuple(who for who in found if who.site == self.group)

    def closed_request(self, request: RequestId) -> ClosedRequest | None:
        """Find how *request* was closed, if it was (A4)."""
        return next((one for one in self.closed if one.id == request), None)


def granted(agreement: Agreement, *, visible: bool, policy: Policy, day: date) -> AccessLevel | None:
    """Return the level that *agreement* grants on *day*, or `None` where it grants nothing (X1, X2).

    This is the only place that says what counts: a level in force, at a visible school, that has not lapsed.

    Args:
        agreement: The agreement as it stands.
        visible: Whether the group sees the school on that day.
        policy: The group's choices.
        day: A day in Europe/London.
    """
    if not visible or has_lapsed(agreement, policy=policy, day=day):
        return None
    return agreement.level


def has_lapsed(agreement: Agreement, *, policy: Policy, day: date) -> bool:
    """Return whether the school was hidden for longer than the correction window (X2).

    A lapsed agreement grants nothing, even when the school is visible again, until a new request is accepted.
    The window runs from the register day on which the school was recorded as hidden to *day*, both in Europe/London.
    """
    if agreement.in_force is None:
        return False
    if agreement.lapsed or agreement.hidden_since is None:
        return agreement.lapsed
    return day - agreement.hidden_since > policy.correction_window


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
