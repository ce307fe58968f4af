"""Pure: the names of agreements, requests and actors; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import enum
import hashlib
import re
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.instants import Instant, to_instant, to_optional_day
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue


@attrs.frozen(cache_hash=True)
class AgreementId:
    """Which agreement: that between one group and one institution.

    Attributes:
        group: The group.
        urn: The institution.
    """

    group: GroupId = attrs.field(validator=validation.is_a(GroupId, "a GroupId"))
    urn: int = attrs.field(validator=validation.urn)

    @classmethod
    def parse(cls, text: object) -> AgreementId:
        """Read what `str` writes: ``mat:5143/100000``.

        Raises:
            InvalidValue: It is no such text.
        """
        group, _, urn = text.partition("/") if isinstance(text, str) else ("", "", "")
        if not re.fullmatch("[0-9]{1,7}", urn):
            raise InvalidValue("An agreement's identity", text, "text such as 'mat:5143/100000'")
        return cls(GroupId.parse(group), int(urn))

    @cached_property
    def _text(self) -> str:
        return f"{self.group}/{self.urn}"

    def __str__(self) -> str:
        return self._text


_MOST_EVENTS = 999_999_999


@attrs.frozen(cache_hash=True)
class RequestId:
    """Which request; it finds its agreement, and can be written as text.

    >>> RequestId.parse("mat:5143/100000/1").agreement.urn
    100000

    Attributes:
        agreement: The agreement it is about.
        number: The sequence number of the event that opened it.
    """

    agreement: AgreementId = attrs.field(validator=validation.is_a(AgreementId, "an AgreementId"))
    number: int = attrs.field()

    @number.validator
    def _check_number(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if type(value) is not int or not 1 <= value <= _MOST_EVENTS:
            raise InvalidValue("RequestId.number", value, f"a whole number from 1 to {_MOST_EVENTS}")

    @classmethod
    def parse(cls, text: object) -> RequestId:
        """Read what `str` writes: ``mat:5143/100000/1``.

        Raises:
            InvalidValue: It is no such text.
        """
        agreement, _, number = text.rpartition("/") if isinstance(text, str) else ("", "", "")
        if not re.fullmatch("[0-9]{1,9}", number):
            raise InvalidValue("A request's identity", text, "text such as 'mat:5143/100000/1'")
        return cls(AgreementId.parse(agreement), int(number))

    @property
    def urn(self) -> int:
        """The institution that is asked."""
        return self.agreement.urn

    def __str__(self) -> str:
        return f"{self.agreement}/{self.number}"


@attrs.frozen
class SystemActor:
    """A named system that acts without a person, such as a nightly refresh.

    Attributes:
        name: Its name, as the history shows it.
    """

    name: str = attrs.field(validator=validation.key)

    def __str__(self) -> str:
        return f"system:{self.name}"


Actor = PersonId | SystemActor
"""Whoever does a thing: a user of the group, a user of the school, or a named system."""

AN_ACTOR = validation.is_a((PersonId, SystemActor), "a PersonId or a SystemActor")


@attrs.frozen(kw_only=True)
class Terms:
    """A reference to a terms document, in one version (Q8).

    Attributes:
        reference: Where the document is, such as its https address.
        version: Its version, as the school is shown it.
        review_on: The day on which it is to be reviewed, in Europe/London.
    """

    reference: str = attrs.field(validator=validation.key)
    version: str = attrs.field(validator=validation.key)
    review_on: date | None = attrs.field(default=None, converter=to_optional_day)


class RequestOutcome(enum.Enum):
    """How a request was closed."""

    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    ENDED = "ended with its agreement"


@attrs.frozen(kw_only=True)
class ClosedRequest:
    """A request that is no longer open, with who closed it and when (A4).

    Attributes:
        id: Which request.
        outcome: How it was closed.
        by: Who closed it.
        at: When, in UTC.
    """

    id: RequestId = attrs.field(validator=validation.is_a(RequestId, "a RequestId"))
    outcome: RequestOutcome = attrs.field(validator=validation.member(RequestOutcome))
    by: Actor = attrs.field(validator=AN_ACTOR)
    at: Instant = attrs.field(converter=to_instant)


def event_id(agreement: AgreementId, sequence: int, command_id: str) -> str:
    """Derive an event's id, so that a preview and the action that follows agree (K3)."""
    return _derived(str(agreement), str(sequence), command_id)


def notice_id(event: str, people: tuple[PersonId, ...]) -> str:
    """Derive a notice's id from its event's and the people it names, never from an address (K3, O3)."""
    return _derived(event, *map(str, people))


def _derived(*parts: str) -> str:
    # No part can hold a line break, so different parts never make the same text.
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
