"""Pure: events, which say what has happened to an agreement.

Events hold opaque ids, never names or addresses. The fields whose metadata says `FREE_TEXT` hold what people wrote.
A store keeps them beside the event, so that they can be erased (H4); then they are `None`. No `repr` shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidInput

from .commands import EndCause
from .ids import Actor, AgreementId, RequestId, Terms, event_id

FREE_TEXT = "free_text"
"""The metadata key of fields that hold what people wrote (H4)."""


def _free_text() -> Any:  # noqa: ANN401 - as attrs.field itself
    return attrs.field(default=None, metadata={FREE_TEXT: True}, repr=False)


@attrs.frozen(kw_only=True)
class Recorded:
    """What every event holds (T3).

    Attributes:
        agreement: Which agreement it happened to.
        sequence: Its place among the agreement's events, from 1 without gaps; this is their order.
        at: When, in UTC; never earlier than the event before it.
        actor: Who did it.
        command_id: Under which command.
    """

    agreement: AgreementId
    sequence: int
    at: Instant
    actor: Actor
    command_id: str

    @property
    def id(self) -> str:
        """The event's own id, derived from agreement, sequence and command id (K3)."""
        return event_id(self.agreement, self.sequence, self.command_id)


@attrs.frozen(kw_only=True)
class RequestSent(Recorded):
    """A request was sent (Q1).

    Attributes:
        level: The level asked for.
        raises: The level that it would raise; `None` for a first request, and where the agreement has lapsed (X2).
        sender: Whom it is from.
        recipients: Who was sent it.
        terms: The terms it carries, if any.
    """

    level: AccessLevel
    raises: AccessLevel | None
    sender: PersonId
    recipients: tuple[PersonId, ...]
    terms: Terms | None

    @cached_property
    def request(self) -> RequestId:
        """The request that this event opened."""
        return RequestId(self.agreement, self.sequence)


@attrs.frozen(kw_only=True)
class RecipientsAdded(Recorded):
    """More people were sent an open request (Q4).

    Attributes:
        request: The open request.
        recipients: Who was added.
    """

    request: RequestId
    recipients: tuple[PersonId, ...]


@attrs.frozen(kw_only=True)
class ReminderSent(Recorded):
    """Recipients of an open request were reminded (N2).

    Attributes:
        request: The open request.
        recipients: Who was reminded.
    """

    request: RequestId
    recipients: tuple[PersonId, ...]


@attrs.frozen(kw_only=True)
class RequestApproved(Recorded):
    """The school accepted; the level is in force from this instant (A1).

    Attributes:
        request: The request that was accepted.
        level: The level now in force.
        terms: The terms accepted, if any.
    """

    request: RequestId
    level: AccessLevel
    terms: Terms | None


@attrs.frozen(kw_only=True)
class RequestDeclined(Recorded):
    """The school declined; the level in force, if any, stays (A2).

    Attributes:
        request: The request that was declined.
        reason: Why.
    """

    request: RequestId
    reason: str | None = _free_text()


@attrs.frozen(kw_only=True)
class RequestWithdrawn(Recorded):
    """The group took the request back (N6).

    Attributes:
        request: The request that was withdrawn.
        reason: Why.
    """

    request: RequestId
    reason: str | None = _free_text()


@attrs.frozen(kw_only=True)
class ApprovalRecorded(Recorded):
    """An approval settled centrally was recorded (A9).

    Attributes:
        level: The level now in force.
        terms: The terms it is on, if any.
        basis: What it rests on.
    """

    level: AccessLevel
    terms: Terms | None
    basis: str | None = _free_text()


@attrs.frozen(kw_only=True)
class AgreementImported(Recorded):
    """An agreement made before this library was imported (A10).

    Attributes:
        level: The level now in force.
        agreed_on: The original day.
        terms: The terms it is on, if any.
        approver: Who approved it then.
        evidence: Where the original can be found.
    """

    level: AccessLevel
    agreed_on: date
    terms: Terms | None
    approver: str | None = _free_text()
    evidence: str | None = _free_text()


@attrs.frozen(kw_only=True)
class AgreementEnded(Recorded):
    """The agreement ended, and its open request was closed (E1).

    Attributes:
        cause: Why, as one of the known causes.
        request: The open request that was closed with it, if any.
        note: Why, in words.
    """

    cause: EndCause
    request: RequestId | None
    note: str | None = _free_text()


@attrs.frozen(kw_only=True)
class VisibilityLost(Recorded):
    """The register no longer shows the school to the group; access has stopped (E6, X2).

    Attributes:
        register_day: The register's day.
        reasons: Every reason that hides it.
    """

    register_day: date
    reasons: tuple[HiddenBecause, ...]


@attrs.frozen(kw_only=True)
class VisibilityReturned(Recorded):
    """The register shows the school to the group again (E6, X2).

    Attributes:
        register_day: The register's day.
        resumes: Whether access resumes after this absence: within the correction window it does, later the agreement
            has lapsed. What had lapsed before stays lapsed.
    """

    register_day: date
    resumes: bool


Event = (
    RequestSent
    | RecipientsAdded
    | ReminderSent
    | RequestApproved
    | RequestDeclined
    | RequestWithdrawn
    | ApprovalRecorded
    | AgreementImported
    | AgreementEnded
    | VisibilityLost
    | VisibilityReturned
)
"""Any of the events."""


def walk_events(values: object) -> Iterator[Event]:
    """Return an iterator over *values* that raises at the first that is not an event.

    Raises:
        InvalidValue: It is not a collection, or one of the values is something else.
    """
    expected = "events such as RequestSent(...)"
    for event in validation.walk(values, object, "events", expected):
        if not isinstance(event, Event):
            raise InvalidInput("events", event, expected)
        yield event
