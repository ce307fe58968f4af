"""Pure: instants and days. This is the only module that parses them; it reads no clock.

An instant is a `pendulum.DateTime` in UTC, to the microsecond. A day is a `datetime.date` in Europe/London.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import pendulum

from datashare.errors import InvalidInput

from .validation import DAY

Instant = pendulum.DateTime
"""A moment, as a datetime with a time zone; what the library returns is in UTC."""


def to_instant(value: object, what: str = "An instant") -> Instant:
    """Convert an aware datetime to the same instant in UTC.

    Args:
        value: A `datetime.datetime` with a time zone, such as a `pendulum.DateTime`.
        what: The name to use in the error.

    Raises:
        InvalidValue: It is not a datetime, or has no time zone and could mean several instants, or is outside the
            years that a datetime can hold in UTC.
    """
    if type(value) is Instant and value.tzinfo is pendulum.UTC:
        return value
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput(what, value, "a datetime with a time zone, such as pendulum.now('UTC')")
    try:
        utc = value.astimezone(UTC)
    except OverflowError as exc:
        raise InvalidInput(what, value, "a datetime in the years 1 to 9999 of UTC") from exc
    return Instant(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=pendulum.UTC)


def parse_instant(text: object, what: str = "An instant") -> Instant:
    """Read an instant from ISO 8601 text that names its offset.

    Raises:
        InvalidValue: It is something else.
    """
    try:
        return to_instant(datetime.fromisoformat(text), what)  # type: ignore[arg-type]  # TypeError is caught
    except (TypeError, ValueError) as exc:
        raise InvalidInput(what, text, "ISO 8601 text with an offset, such as 2026-05-03T09:30:00Z") from exc


FIRST, LAST = Instant.min, Instant.max
"""The first and the last instant that can be written, in UTC."""


def later_by(instant: Instant, span: timedelta) -> Instant:
    """Return the instant that is later by *span*, or the first or last one where no calendar reaches as far."""
    try:
        return instant + span
    except OverflowError:
        return FIRST if span < timedelta(0) else LAST


MOST_AHEAD = timedelta(days=1)
"""How far clocks may differ. An instant further ahead of the present one was written by a clock that was fast."""


def is_ahead(instant: Instant, now: Instant) -> bool:
    """Return whether *instant* lies so far ahead of *now* that a clock that was fast must have written it."""
    return instant > later_by(now, MOST_AHEAD)


def instant_text(instant: Instant) -> str:
    """Write *instant*, which is in UTC, as ISO 8601 with six decimals, so that text order is time order."""
    return _text_in_utc(instant)


# The values of one action share their instant. Only UTC is safe to cache: in other zones, two different instants can be
# equal when the clocks go back.
@lru_cache(maxsize=64)
def _text_in_utc(instant: Instant) -> str:
    # Not by strftime: its %Y does not pad early years on every system. UTC's offset is six characters, +00:00.
    return f"{datetime.isoformat(instant, timespec='microseconds')[:-6]}Z"


def to_day(value: object, what: str = "A day") -> date:
    """Return *value* if it is a day.

    Raises:
        InvalidValue: It is not a date, or is a datetime, which could mean two days.
    """
    day: date = DAY.require(value, what)
    return day


def to_optional_day(value: object, what: str = "A day") -> date | None:
    """Return *value* if it is a day or `None`."""
    return None if value is None else to_day(value, what)


@cache
def _london() -> ZoneInfo:
    return ZoneInfo("Europe/London")


def london_day(instant: Instant) -> date:
    """Return the day on which *instant* falls in Europe/London."""
    return _day_in_london(to_instant(instant))


@lru_cache(maxsize=64)  # one action asks many times about one instant
def _day_in_london(utc: Instant) -> date:
    local = _in_london(utc)
    return date(local.year, local.month, local.day)


def _in_london(instant: Instant) -> datetime:
    """Return an instant by the clocks in London; in year 1, the minute that their calendar lacks stays as in UTC."""
    try:
        return instant.astimezone(_london())
    except OverflowError:
        return instant


def london_span(day: date) -> tuple[Instant, Instant]:
    """Return when *day* begins in Europe/London and when the next day does, 23, 24 or 25 hours later, in UTC.

    Raises:
        InvalidValue: It is not a day, or is the last that a date can hold.
    """
    first = to_day(day)
    if first == date.max:
        raise InvalidInput("A day", day, "before 31 December 9999")
    return _midnight(first), _midnight(first + timedelta(days=1))


def _midnight(day: date) -> Instant:
    return to_instant(datetime.combine(day, time(), tzinfo=_london()))


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day_words(day: date) -> str:
    """Write *day* for people, whatever the machine's locale: ``3 May 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def instant_words(instant: Instant) -> str:
    """Write *instant* for people in the United Kingdom: ``3 May 2026 at 10:30 (London)``."""
    local = _in_london(instant)
    return f"{day_words(local)} at {local.hour:02d}:{local.minute:02d} (London)"


def exact_words(instant: Instant) -> str:
    """Write *instant* with its zone, since one hour repeats in autumn: ``3 May 2026 at 10:30:07 BST``."""
    local = _in_london(instant)
    return f"{day_words(local)} at {local.hour:02d}:{local.minute:02d}:{local.second:02d} {local.tzname()}"
