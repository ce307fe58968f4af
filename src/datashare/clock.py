"""The only module that reads the clock; all others take an instant as an argument."""

from __future__ import annotations

import pendulum

from datashare.domain.instants import Instant, to_instant
from datashare.errors import InvalidValue, Misconfigured
from datashare.ports import Clock

__all__ = ["SystemClock", "read_clock"]


class SystemClock:
    """The machine's clock, as a `datashare.ports.Clock`."""

    def now(self) -> Instant:
        """Return the present instant, in UTC."""
        return pendulum.now("UTC")


def read_clock(clock: Clock) -> Instant:
    """Return the present instant of a host's clock, in UTC.

    Raises:
        Misconfigured: The clock answered with something else than a datetime with a time zone.
    """
    now: object = clock.now()
    try:
        return to_instant(now)
    except InvalidValue as exc:
        raise Misconfigured("Clock.now()", now, exc.expected) from exc
