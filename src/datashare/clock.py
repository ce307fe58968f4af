"""The one module that reads the clock; everything else is handed an instant."""

from __future__ import annotations

import pendulum

from datashare.domain.instants import Instant

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's clock, as a `datashare.ports.Clock`."""

    def now(self) -> Instant:
        """Tell the present instant, in UTC."""
        return pendulum.now("UTC")
