"""Pure: an agreement as it stands, and how events change it (rules T)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import assert_never

import attrs

from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from datashare.domain.text import Labelled

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
from .ids import Actor, AgreementId, ClosedRequest, RequestId, RequestOutcome, Terms


class State(Labelled):
    """The four states of an agreement."""

    NO_AGREEMENT = "no_agreement"
    """No level is in force and no request is open."""
    PENDING = "pending"
    """A first request is open."""
    APPROVED = "approved"
    """A level is in force and no request is open."""
    UPGRADING = "upgrading"
    """A level is in force, and a request for a higher one is open (U2)."""

    @classmethod
    def of(cls, *, in_force: bool, requested: bool) -> State:
        """Return the state that follows from whether a level is in force and whether a request is open."""
        if requested:
            return cls.UPGRADING if in_force else cls.PENDING
        return cls.APPROVED if in_force else cls.NO_AGREEMENT


class Tab(Labelled):
    """A view of agreements; it follows from the state (T4)."""

    NO_AGREEMENT = "no_agreement"
    """Schools without a level in force and without an open request."""
    PENDING = "pending"
    """Schools with an open request, first requests and upgrades alike (N1)."""
    APPROVED = "approved"
    """Schools with a level in force."""

    @property
    def label(self) -> str:
        """The tab as people read it."""
        return self.value.replace("_", " ").title()


# T4: the tabs that show a visible institution.
_TABS: Mapping[State, frozenset[Tab]] = {
    State.NO_AGREEMENT: frozenset({Tab.NO_AGREEMENT}),
    State.PENDING: frozenset({Tab.PENDING}),
    State.APPROVED: frozenset({Tab.APPROVED}),
    State.UPGRADING: frozenset({Tab.PENDING, Tab.APPROVED}),  # U2
}


class Basis(Labelled):
    """What a level in force rests on."""

    REQUEST = "request"
    """A request that the school accepted."""
    RECORDED = "recorded"
    """An approval that the trust settled centrally (A9)."""
    IMPORTED = "imported"
    """An agreement from before this library was used (A10)."""


@attrs.frozen(kw_only=True)
class OpenRequest:
    """The one request that waits for the school's answer.

    Attributes:
        id: Which request.
        level: The level asked for.
        sender: Whom it is from.
        asked_by: Who sent it.
        asked_at: When, in UTC.
        recipients: Everybody it has been sent to, in the order of sending.
        terms: The terms it carries, if any.
        reminded_at: When its recipients were last reminded, in UTC.
    """

    id: RequestId
    level: AccessLevel
    sender: PersonId
    asked_by: Actor
    asked_at: Instant
    recipients: tuple[PersonId, ...]
    terms: Terms | None = None
    reminded_at: Instant | None = None


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

    level: AccessLevel
    since: Instant
    basis: Basis
    approved_by: Actor
    request: RequestId | None = None
    sender: PersonId | None = None
    terms: Terms | None = None


def _last(closed: tuple[ClosedRequest, ...]) -> tuple[ClosedRequest, ...]:
    """Keep one; earlier versions stored them all, which grew without bound."""
    return closed[-1:]


@attrs.frozen(kw_only=True)
class Agreement:
    """The agreement between one group and one institution as it stands at present; the fold of its events.

    Attributes:
        id: Which agreement.
        version: The sequence number of its last event; 0 where nothing has happened yet.
        in_force: The level in force, if any.
        request: The open request, if any; there is at most one.
        closed: The request that was closed last, if one was; the events tell of those before it.
        hidden_since: The register day on which the school was recorded as no longer visible (E6).
        lapsed: Whether a recorded absence outlasted the correction window, and nothing was agreed since (X2).
        changed_at: When its last event happened, in UTC.
    """

    id: AgreementId
    version: int = 0
    in_force: InForce | None = None
    request: OpenRequest | None = None
    closed: tuple[ClosedRequest, ...] = attrs.field(default=(), converter=_last)
    hidden_since: date | None = None
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
        """The tabs that show it while its institution is visible (T4)."""
        return _TABS[self.state]

    @property
    def stands(self) -> bool:
        """Whether a level is in force or a request is open."""
        return self.in_force is not None or self.request is not None

    @property
    def senders(self) -> tuple[PersonId, ...]:
        """The group's people behind it, who may need a notice (A8).

        They are the sender of the open request, and the sender of the accepted one or whoever recorded or imported
        the level in force.
        """
        senders = [self.request.sender] if self.request else []
        if self.in_force and self.in_force.sender:
            senders.append(self.in_force.sender)
        elif self.in_force and isinstance(self.in_force.approved_by, PersonId):
            senders.append(self.in_force.approved_by)
        return tuple(sender for sender in senders if sender.site == self.group)


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
    """Return whether an absence of the school outlasted the correction window, by what the record says (X2).

    What has lapsed grants nothing, even when the school is visible again, until a new request is accepted. While no
    return is recorded, the absence lasts until *day*, a day in Europe/London. An absence that nobody recorded counts
    for nothing.
    """
    hidden_since = agreement.hidden_since
    return agreement.lapsed or (hidden_since is not None and outlasts(hidden_since, day, policy=policy))


def outlasts(lost: date, back: date, *, policy: Policy) -> bool:
    """Return whether an absence between two register days outlasts the correction window, both days included (X2)."""
    return back - lost > policy.correction_window


def request_has_lapsed(
    agreement: Agreement, request: OpenRequest, events: Iterable[Event], *, policy: Policy, day: date
) -> bool:
    """Return whether an absence since the open *request* was sent has outlasted the correction window (X2).

    Args:
        agreement: The agreement as it stands.
        request: Its open request.
        events: The events of the agreement. They count only where a level that is in force has lapsed: the request
            may have been sent before that or after it. If they do not hold the request, it counts as lapsed too.
        policy: The group's choices.
        day: The present day, in Europe/London.
    """
    if not has_lapsed(agreement, policy=policy, day=day) or agreement.in_force is None:
        return has_lapsed(agreement, policy=policy, day=day)
    # The request as if it stood alone, with the absences that came after it.
    alone = fold(agreement.id, (event for event in events if event.sequence >= request.id.number))
    return alone.request is None or has_lapsed(alone, policy=policy, day=day)


def fold(agreement: AgreementId, events: Iterable[Event]) -> Agreement:
    """Return the agreement as it stands after all its *events*, in the order of their sequence (T3)."""
    standing = Agreement(id=agreement)
    for event in events:
        standing = evolve(standing, event)
    return standing


def evolve(agreement: Agreement, event: Event) -> Agreement:
    """Return the agreement as it stands after *event*; every event that was ever stored can be applied."""
    in_force, request, closed = agreement.in_force, agreement.request, agreement.closed
    hidden_since, lapsed = agreement.hidden_since, agreement.lapsed
    match event:
        case RequestSent():
            request = _opened(event)
        case RecipientsAdded():
            request = request and attrs.evolve(
                request, recipients=tuple(dict.fromkeys((*request.recipients, *event.recipients)))
            )
        case ReminderSent():
            request = request and attrs.evolve(request, reminded_at=event.at)
        case RequestApproved():
            in_force, lapsed = _accepted(event, request), False
        case ApprovalRecorded() | AgreementImported():
            in_force, lapsed = _entered(event), False
        case RequestDeclined() | RequestWithdrawn():
            pass  # closing the request, below, is all that happens
        case AgreementEnded():
            in_force = None
        case VisibilityLost():
            hidden_since = hidden_since or event.register_day
        case VisibilityReturned():
            hidden_since, lapsed = None, lapsed or not event.resumes
        case _:
            assert_never(event)
    if last := request_closed_by(event):
        closed, request = (last,), None
    if in_force is None and request is None:  # E6: visibility is recorded for what stands; what comes later starts anew
        hidden_since, lapsed = None, False
    return Agreement(
        id=agreement.id,
        version=event.sequence,
        in_force=in_force,
        request=request,
        closed=closed,
        hidden_since=hidden_since,
        lapsed=lapsed,
        changed_at=event.at,
    )


def request_closed_by(event: Event) -> ClosedRequest | None:
    """Return the request that *event* closed, with who did so and when; `None` if it closed none (A4)."""
    if not isinstance(event, _Closing) or event.request is None:
        return None
    return ClosedRequest(id=event.request, outcome=_OUTCOMES[type(event)], by=event.actor, at=event.at)


_Closing = RequestApproved | RequestDeclined | RequestWithdrawn | AgreementEnded
_OUTCOMES: Mapping[type[_Closing], RequestOutcome] = {
    RequestApproved: RequestOutcome.APPROVED,
    RequestDeclined: RequestOutcome.DECLINED,
    RequestWithdrawn: RequestOutcome.WITHDRAWN,
    AgreementEnded: RequestOutcome.ENDED,
}


def _opened(event: RequestSent) -> OpenRequest:
    return OpenRequest(
        id=event.request,
        level=event.level,
        sender=event.sender,
        asked_by=event.actor,
        asked_at=event.at,
        recipients=event.recipients,
        terms=event.terms,
    )


def _accepted(event: RequestApproved, request: OpenRequest | None) -> InForce:
    return InForce(
        level=event.level,
        since=event.at,
        basis=Basis.REQUEST,
        approved_by=event.actor,
        request=event.request,
        sender=request.sender if request else None,
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
