"""Pure: what has happened to an agreement, as values; they touch nothing but the standard library and attrs.

Events hold opaque ids, never names or addresses. The fields whose metadata says `FREE_TEXT` are what people wrote:
a store keeps them beside the event so that they can be erased (H4), and then they are `None`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.instants import Instant, to_day, to_instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.validation import to_tuple
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue

from .commands import EndCause, require_command_id
from .ids import AN_ACTOR, Actor, AgreementId, RequestId, Terms, event_id

FREE_TEXT = "free_text"
"""The metadata key of fields that hold what people wrote (H4)."""


def _free_text() -> Any:  # noqa: ANN401 - as attrs.field itself
    return attrs.field(default=None, validator=validation.optional_text, metadata={FREE_TEXT: True})


def _own_request(event: Recorded, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, RequestId) or value.agreement != event.agreement:
        name = f"{type(event).__name__}.{attribute.name}"
        raise InvalidValue(name, value, f"a RequestId of the event's own agreement, {event.agreement}")


def _own_request_or_none(event: Recorded, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _own_request(event, attribute, value)


_A_LEVEL = validation.member(AccessLevel)
_A_LEVEL_OR_NONE = validation.is_a((AccessLevel, type(None)), f"{validation.member_words(AccessLevel)} or None")
_TERMS_OR_NONE = validation.is_a((Terms, type(None)), "Terms or None")
_PEOPLE = validation.all_are(PersonId, "PersonIds")


@attrs.frozen(kw_only=True)
class Recorded:
    """What every event tells (T3).

    Attributes:
        agreement: Which agreement it happened to.
        sequence: Its place among the agreement's events, from 1 without gaps; this is their order.
        at: When, in UTC; never before the event that precedes it.
        actor: Who did it.
        command_id: Under which command.
    """

    agreement: AgreementId = attrs.field(validator=validation.is_a(AgreementId, "an AgreementId"))
    sequence: int = attrs.field(validator=validation.whole(1))
    at: Instant = attrs.field(converter=to_instant)
    actor: Actor = attrs.field(validator=AN_ACTOR)
    command_id: str = attrs.field(converter=require_command_id)

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

    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    raises: AccessLevel | None = attrs.field(validator=_A_LEVEL_OR_NONE)
    sender: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)
    terms: Terms | None = attrs.field(validator=_TERMS_OR_NONE)

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

    request: RequestId = attrs.field(validator=_own_request)
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)


@attrs.frozen(kw_only=True)
class ReminderSent(Recorded):
    """Recipients of an open request were reminded (N2).

    Attributes:
        request: The open request.
        recipients: Who was reminded.
    """

    request: RequestId = attrs.field(validator=_own_request)
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)


@attrs.frozen(kw_only=True)
class RequestApproved(Recorded):
    """The school accepted; the level is in force from this instant (A1).

    Attributes:
        request: The request that was accepted.
        level: The level now in force.
        terms: The terms accepted, if any.
    """

    request: RequestId = attrs.field(validator=_own_request)
    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    terms: Terms | None = attrs.field(validator=_TERMS_OR_NONE)


@attrs.frozen(kw_only=True)
class RequestDeclined(Recorded):
    """The school declined; the level in force, if any, stays (A2).

    Attributes:
        request: The request that was declined.
        reason: Why.
    """

    request: RequestId = attrs.field(validator=_own_request)
    reason: str | None = _free_text()


@attrs.frozen(kw_only=True)
class RequestWithdrawn(Recorded):
    """The group took the request back (N6).

    Attributes:
        request: The request that was withdrawn.
        reason: Why.
    """

    request: RequestId = attrs.field(validator=_own_request)
    reason: str | None = _free_text()


@attrs.frozen(kw_only=True)
class ApprovalRecorded(Recorded):
    """An approval settled centrally was recorded (A9).

    Attributes:
        level: The level now in force.
        terms: The terms it is on, if any.
        basis: What it rests on.
    """

    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    terms: Terms | None = attrs.field(validator=_TERMS_OR_NONE)
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

    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    agreed_on: date = attrs.field(converter=to_day)
    terms: Terms | None = attrs.field(validator=_TERMS_OR_NONE)
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

    cause: EndCause = attrs.field(validator=validation.member(EndCause))
    request: RequestId | None = attrs.field(validator=_own_request_or_none)
    note: str | None = _free_text()


@attrs.frozen(kw_only=True)
class VisibilityLost(Recorded):
    """The register no longer shows the school to the group; access has stopped (E6, X2).

    Attributes:
        register_day: The register's day.
        reasons: Every reason that hides it.
    """

    register_day: date = attrs.field(converter=to_day)
    reasons: tuple[HiddenBecause, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(HiddenBecause, validation.member_words(HiddenBecause))
    )


@attrs.frozen(kw_only=True)
class VisibilityReturned(Recorded):
    """The register shows the school to the group again (E6, X2).

    Attributes:
        register_day: The register's day.
        resumes: Whether access resumes: within the correction window it does, later it has lapsed.
    """

    register_day: date = attrs.field(converter=to_day)
    resumes: bool = attrs.field(validator=validation.is_a(bool, "True or False"))


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


def walk_events(values: object) -> Iterator[Event]:
    """Give events one by one, as long as they are some.

    Raises:
        InvalidValue: It is no collection, or one of them is something else.
    """
    expected = "events such as RequestSent(...)"
    for one in validation.walk(values, object, "events", expected):
        if not isinstance(one, Event):
            raise InvalidValue("events", one, expected)
        yield one
