"""The only module that reads the clock; all others take an instant as an argument."""

from __future__ import annotations

import pendulum

from datashare.domain.instants import Instant

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's clock, as a `datashare.ports.Clock`."""

    def now(self) -> Instant:
        """Return the present instant, in UTC."""
        return pendulum.now("UTC")
