"""Pure: the identities of agreements, requests and actors, and the terms of a request."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from functools import cached_property
from typing import Annotated

import attrs

from datashare.domain.instants import Instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.domain.text import Labelled, https_link
from datashare.domain.validation import Key, Urn, validated_input, whole_number
from datashare.errors import InvalidInput


def _number(digits: str) -> int:
    """Read a number as `str` writes it; other text becomes 0, which no identity holds."""
    return int(digits) if re.fullmatch("[0-9]{1,9}", digits) else 0


@attrs.frozen(cache_hash=True, field_transformer=validated_input)
class AgreementId:
    """Which agreement: the one between this group and this institution.

    Attributes:
        group: The group.
        urn: The institution.
    """

    group: GroupId
    urn: Urn

    @classmethod
    def parse(cls, text: object) -> AgreementId:
        """Read what `str` writes: ``mat:5143/100000``.

        Raises:
            InvalidInput: The text does not identify an agreement.
        """
        group, _, urn = text.partition("/") if isinstance(text, str) else ("", "", "")
        try:
            return cls(GroupId.parse(group), _number(urn))
        except InvalidInput as exc:
            raise InvalidInput("An agreement's identity", text, "text such as 'mat:5143/100000'", "agreement") from exc

    @cached_property
    def _text(self) -> str:
        return f"{self.group}/{self.urn}"

    def __str__(self) -> str:
        return self._text


@attrs.frozen(cache_hash=True, field_transformer=validated_input)
class RequestId:
    """Which request, of which agreement; it can be written as text.

    >>> RequestId.parse("mat:5143/100000/1").agreement.urn
    100000

    Attributes:
        agreement: The agreement it is about.
        number: The sequence number of the event that opened it.
    """

    agreement: AgreementId
    number: Annotated[int, whole_number(1, 999_999_999)]

    @classmethod
    def parse(cls, text: object) -> RequestId:
        """Read what `str` writes: ``mat:5143/100000/1``.

        Raises:
            InvalidInput: The text does not identify a request.
        """
        agreement, _, number = text.rpartition("/") if isinstance(text, str) else ("", "", "")
        try:
            return cls(AgreementId.parse(agreement), _number(number))
        except InvalidInput as exc:
            raise InvalidInput("A request's identity", text, "text such as 'mat:5143/100000/1'", "request") from exc

    @property
    def urn(self) -> int:
        """The institution that is asked."""
        return self.agreement.urn

    def __str__(self) -> str:
        return f"{self.agreement}/{self.number}"


@attrs.frozen(field_transformer=validated_input)
class SystemActor:
    """A named system that acts without a person, such as a nightly refresh.

    Attributes:
        name: Its name, as the history shows it.
    """

    name: Key

    def __str__(self) -> str:
        return f"system:{self.name}"


Actor = PersonId | SystemActor
"""Who acts: a user of the group, a user of the school, or a named system."""


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Terms:
    """A reference to a terms document, in one version (Q8).

    Attributes:
        reference: Where the document is, such as its https address.
        version: Its version, as the school is shown it.
        review_on: The day on which it is to be reviewed, in Europe/London.
    """

    reference: Key
    version: Key
    review_on: date | None = None

    @property
    def link(self) -> str:
        """The address of the document as it may be linked and shown; empty if the reference is not such an address."""
        return https_link(self.reference)


class RequestOutcome(Labelled):
    """How a request was closed."""

    APPROVED = "approved"
    """The school accepted it."""
    DECLINED = "declined"
    """The school declined it."""
    WITHDRAWN = "withdrawn"
    """The group withdrew it."""
    ENDED = "ended with its agreement"
    """The agreement was ended, and its open request with it (E1)."""

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.value[0].upper()}{self.value[1:]}"


@attrs.frozen(kw_only=True)
class ClosedRequest:
    """A request that is no longer open, with who closed it and when (A4).

    Attributes:
        id: Which request.
        outcome: How it was closed.
        by: Who closed it.
        at: When, in UTC.
    """

    id: RequestId
    outcome: RequestOutcome
    by: Actor
    at: Instant


def event_id(agreement: AgreementId, sequence: int, command_id: str) -> str:
    """Derive an event's id, so that a preview and the action that follows agree (K3)."""
    return _derived(str(agreement), str(sequence), command_id)


def notice_id(event: str, people: tuple[PersonId, ...]) -> str:
    """Derive a notice's id from its event's and the people it names, never from an address (K3, O3)."""
    return _derived(event, *map(str, people))


def _derived(*parts: str) -> str:
    # A part cannot hold a line break, so different parts never make the same text.
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
