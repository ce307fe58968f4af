"""The port through which notices leave."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import attrs

from datashare.domain.notices import Notice
from datashare.domain.validation import validated


@attrs.frozen
class Delivered:
    """The notice was handed over."""


@attrs.frozen(field_transformer=validated)
class TryAgain:
    """The notice could not be handed over now, but may be later.

    Attributes:
        why: What the other side said.
    """

    why: str


@attrs.frozen(field_transformer=validated)
class NeverDeliverable:
    """The notice can never be handed over as it is.

    Attributes:
        why: What the other side said.
    """

    why: str


SendResult = Delivered | TryAgain | NeverDeliverable
"""The result of sending one notice."""


@runtime_checkable
class Notifier(Protocol):
    """Sends one notice.

    Implementers must:

    1. Return `Delivered` only when the other side has accepted the notice.
    2. Return `TryAgain` or `NeverDeliverable` instead of raising, whatever the other side does, and whatever the notice
       lacks.
    3. Use the notice's id as the stable id of the message, so that a repeated one can be recognised (O3).
    4. Let no value of the notice, its address and its link included, add a header, a recipient or markup (O5).
    """

    def send(self, notice: Notice, /) -> SendResult:
        """Send *notice*, and return what became of it."""
        ...
