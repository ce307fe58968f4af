"""Pure handling of instants and days: it reads no clock, and is the only module that parses them.

An instant is a `pendulum.DateTime` in UTC, to the microsecond. A day is a `datetime.date` in Europe/London.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import pendulum

from datashare.errors import InvalidValue

Instant = pendulum.DateTime


def to_instant(value: object, what: str = "An instant") -> Instant:
    """Convert an aware datetime to the same instant in UTC.

    Args:
        value: A `datetime.datetime` with a time zone; pendulum's own kind is one.
        what: The name to use in the error.

    Raises:
        InvalidValue: It is no datetime, or has no time zone and could mean several instants, or lies outside
            the years that a datetime can hold in UTC.
    """
    if type(value) is Instant and value.tzinfo is pendulum.UTC:
        return value
    if not isinstance(value, datetime):
        raise InvalidValue(what, value, "a datetime with a time zone")
    if value.utcoffset() is None:
        raise InvalidValue(what, value, "a datetime with a time zone, such as pendulum.now('UTC')")
    try:
        there = value.astimezone(UTC)
    except OverflowError as exc:
        raise InvalidValue(what, value, "a datetime in the years 1 to 9999 of UTC") from exc
    return Instant(
        there.year,
        there.month,
        there.day,
        there.hour,
        there.minute,
        there.second,
        there.microsecond,
        tzinfo=pendulum.UTC,
    )


def parse_instant(text: object, what: str = "An instant") -> Instant:
    """Read an instant from ISO 8601 text that names its offset.

    Raises:
        InvalidValue: It is no such text.
    """
    try:
        return to_instant(datetime.fromisoformat(text), what)  # type: ignore[arg-type]  # TypeError is caught
    except (TypeError, ValueError) as exc:
        raise InvalidValue(what, text, "ISO 8601 text with an offset, such as 2026-05-03T09:30:00Z") from exc


def instant_text(instant: Instant) -> str:
    """Write *instant*, which is in UTC, as ISO 8601 with six decimals, so that text order is time order."""
    return _text_in_utc(instant)


# The values of one action share their instant. Only UTC is kept: elsewhere two instants are equal as clocks go back.
@lru_cache(maxsize=64)
def _text_in_utc(instant: Instant) -> str:
    # Not by strftime: its %Y does not pad early years on every system. UTC's offset is six characters, +00:00.
    return f"{datetime.isoformat(instant, timespec='microseconds')[:-6]}Z"


def to_day(value: object, what: str = "A day") -> date:
    """Return *value* if it is a day.

    Raises:
        InvalidValue: It is no date, or a datetime, which could mean two days.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValue(what, value, "a date without a time, such as datetime.date(2026, 5, 3)")
    return value


def to_optional_day(value: object) -> date | None:
    """Return *value* if it is a day or nothing."""
    return None if value is None else to_day(value)


def to_optional_instant(value: object) -> Instant | None:
    """Convert *value* with `to_instant`, unless there is none."""
    return None if value is None else to_instant(value)


@cache
def _london() -> ZoneInfo:
    return ZoneInfo("Europe/London")


def london_day(instant: Instant) -> date:
    """Tell the day that *instant* falls on in Europe/London."""
    return _day_in_london(to_instant(instant))


@lru_cache(maxsize=64)  # asked again and again of the same instant, that of an action
def _day_in_london(utc: Instant) -> date:
    there = utc.astimezone(_london())
    return date(there.year, there.month, there.day)


def london_span(day: date) -> tuple[Instant, Instant]:
    """Tell when *day* begins in Europe/London, and when the next one does, in UTC: 23, 24 or 25 hours later.

    Raises:
        InvalidValue: It is no day, or the last that a date can hold.
    """
    first = to_day(day)
    if first == date.max:
        raise InvalidValue("A day", day, "one before 31 December 9999")
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
    there = instant.astimezone(_london())
    return f"{day_words(there)} at {there.hour:02d}:{there.minute:02d} (London)"


def exact_words(instant: Instant) -> str:
    """Write *instant* for the record, where no hour may mean two as clocks go back: ``3 May 2026 at 10:30:07 BST``."""
    there = instant.astimezone(_london())
    return f"{day_words(there)} at {there.hour:02d}:{there.minute:02d}:{there.second:02d} {there.tzname()}"
