"""The port through which the present instant comes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from datashare.domain.instants import Instant


@runtime_checkable
class Clock(Protocol):
    """Shows the present instant.

    Implementers must:

    1. Return an aware instant in UTC.
    """

    def now(self) -> Instant:
        """Return the present instant, in UTC."""
        ...
