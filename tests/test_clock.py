"""The machine's clock."""

from datetime import UTC, datetime, timedelta

from datashare.clock import SystemClock
from datashare.domain.instants import Instant, instant_text, parse_instant, to_instant
from datashare.ports import Clock


def test_the_clock_returns_the_present_instant() -> None:
    """The instant lies between two readings of the machine's own clock."""
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    now = clock.now()

    assert before <= now <= datetime.now(UTC)


def test_the_instant_is_aware_and_in_utc() -> None:
    """The instant names its zone, and it is UTC."""
    now = SystemClock().now()

    assert type(now) is Instant
    assert now.utcoffset() == timedelta(0)
    assert now.timezone_name == "UTC"


def test_the_instant_is_taken_as_it_is() -> None:
    """It needs no conversion, and is written and read without loss."""
    now = SystemClock().now()

    assert to_instant(now) is now
    assert parse_instant(instant_text(now)) == now
