"""Drains stored notices to a notifier: at least once each, in the caller's thread, as often as a host calls it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import attrs

from datashare.domain.instants import Instant, to_instant
from datashare.domain.notices import Notice

from .clock import SystemClock
from .errors import InvalidValue
from .ports import (
    Clock,
    Delivered,
    LeasedNotice,
    NeverDeliverable,
    Notifier,
    Outbox,
    Progress,
    ProgressCallback,
    Settlement,
    Stage,
    TryAgain,
)

__all__ = ["DeliveryReport", "RetrySchedule", "deliver", "purge"]

LONGEST_ERROR = 500
"""So many characters of what the other side said are kept with a notice."""

_NONE, _MICROSECOND, _DAY = timedelta(0), timedelta(microseconds=1), timedelta(days=1)
_MOST_DOUBLINGS = 70
"""So many turn a microsecond into more than the longest timedelta there is."""


def _require_span(value: object, what: str, *, least: timedelta, most: timedelta) -> timedelta:
    if not isinstance(value, timedelta) or not least <= value <= most:
        raise InvalidValue(what, value, f"a timedelta from {least} to {most}")
    return value


def _require_count(value: object, what: str) -> int:
    if type(value) is not int or value < 1:
        raise InvalidValue(what, value, "a whole number from 1")
    return value


def _require_chance(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidValue("chance", value, "a number from 0 to 1")
    return value


@attrs.frozen(kw_only=True)
class RetrySchedule:
    """When a notice that could not be delivered is tried again: exponential back-off with full jitter (O3).

    Before the next attempt it waits between nothing and a span that doubles each time, up to a longest one; the
    chance in it keeps the notices that failed together from coming back together. With the defaults a mail server
    may be down for three and a half days, on average, before anything is given up.

    Attributes:
        first: The longest wait after the first attempt; up to a year.
        longest: The longest wait after any attempt; not below *first*, and up to a year.
        attempts: After so many attempts the notice is given up; at least one.
    """

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=12)
    attempts: int = 24

    def __attrs_post_init__(self) -> None:
        """Refuse spans and counts that make no schedule."""
        _require_span(self.first, "RetrySchedule.first", least=_MICROSECOND, most=366 * _DAY)
        _require_span(self.longest, "RetrySchedule.longest", least=self.first, most=366 * _DAY)
        _require_count(self.attempts, "RetrySchedule.attempts")

    def longest_wait(self, attempt: int) -> timedelta:
        """Tell the longest wait after an attempt, counted from 1."""
        doublings = min(_require_count(attempt, "attempt") - 1, _MOST_DOUBLINGS)
        # In whole microseconds, since a timedelta that large cannot be.
        wait = min((self.first // _MICROSECOND) << doublings, self.longest // _MICROSECOND)
        return timedelta(microseconds=wait)

    def wait(self, attempt: int, chance: float) -> timedelta:
        """Tell how long to wait after an attempt, counted from 1.

        Args:
            attempt: The number of the attempt that failed.
            chance: Which part of the longest wait, from 0 to 1.

        Raises:
            InvalidValue: The attempt is no whole number from 1, or the chance is not from 0 to 1.
        """
        return self.longest_wait(attempt) * _require_chance(chance)


@attrs.frozen(kw_only=True)
class DeliveryReport:
    """What one run of `deliver` did, in numbers of notices.

    Attributes:
        delivered: Handed over, and recorded so.
        retried: Not handed over; to be tried again later.
        given_up: Not handed over, and not tried again unless requeued (O3).
        lost: Taken up, but what became of them could not be recorded: the lease had ended and another worker took
            over, or the request was closed meanwhile (O7). Some of them may have been handed over.
        unsent: Leased, but not begun, since the lease would have ended too soon; a later run sends them.
    """

    delivered: int = 0
    retried: int = 0
    given_up: int = 0
    lost: int = 0
    unsent: int = 0

    @property
    def taken_up(self) -> int:
        """How many notices the run leased, whatever became of them."""
        return self.delivered + self.retried + self.given_up + self.lost + self.unsent


def deliver(
    store: Outbox,
    notifier: Notifier,
    *,
    clock: Clock | None = None,
    schedule: RetrySchedule | None = None,
    limit: int | None = None,
    batch: int = 20,
    lease_for: timedelta = timedelta(minutes=5),
    random: Callable[[], float] = random.random,
    progress: ProgressCallback | None = None,
) -> DeliveryReport:
    """Send the notices that are due, the longest due first, and record what became of each (O3).

    Call it from a cron job or a task queue; any number of processes may run it side by side. It handles what was
    due when it began, starts no thread, and returns. A notice that is to be tried again is not sent again in the
    same run.

    A notifier that raises, against its promise, is taken to say `TryAgain`. Whatever else ends a run early, be it a
    signal, a store that fails or a killed process, leaves the notices that it had leased, at most *batch*, to their
    lease: when that has ended, a later run sends them, under the same ids, and so perhaps a second time.

    Leasing counts as an attempt. A notice whose last attempt got no answer, since the worker came to an end with
    it, is given up unsent, so that nobody is written to for ever.

    Cost: a call to the store for each notice, and one for each batch. The first notice of a run is leased alone;
    then as many together as can be sent in half of *lease_for* at the slowest pace seen in the run.

    Args:
        store: Where the notices are.
        notifier: What sends them.
        clock: Tells the present instant; the machine's clock, if none is named.
        schedule: When to try again and when to give up; `RetrySchedule()`, if none is named.
        limit: The most notices to take up; all that are due, if none is named.
        batch: The most notices to lease together.
        lease_for: How long nobody else may send what was leased; well above the longest that one sending can take,
            from a second to a day.
        random: Answers a number from 0 to 1, for the schedule's jitter.
        progress: Told after each notice how many were delivered, of how many that were taken up so far (K6).

    Raises:
        InvalidValue: An argument, or what the notifier answered, is not what is expected.
        StoreError: The store could not do its work; nothing is lost.
    """
    if limit is not None:
        _require_count(limit, "limit")
    if progress is not None and not callable(progress):
        raise InvalidValue("progress", progress, "something to call with a Progress")
    run = _Run(
        store=store,
        notifier=notifier,
        clock=clock or SystemClock(),
        schedule=schedule or RetrySchedule(),
        limit=limit,
        batch=_require_count(batch, "batch"),
        lease_for=_require_span(lease_for, "lease_for", least=timedelta(seconds=1), most=_DAY),
        random=random,
        progress=progress or (lambda _progress: None),
    )
    return run.drain()


def purge(store: Outbox, *, keep_for: timedelta, clock: Clock | None = None) -> int:
    """Erase names and addresses of notices that were settled longer ago than they are kept (O6).

    The notice's id, its agreement and what became of it stay, and so does the history of the agreement.

    Args:
        store: Where the notices are.
        keep_for: How long delivered, given-up and cancelled notices are kept whole; up to a hundred years.
        clock: Tells the present instant; the machine's clock, if none is named.

    Returns:
        How many notices were purged.

    Raises:
        InvalidValue: *keep_for* is no such span.
        StoreError: The store could not do its work.
    """
    _require_span(keep_for, "keep_for", least=_NONE, most=36_525 * _DAY)
    return store.purge(settled_before=_read(clock or SystemClock()) - keep_for)


def _read(clock: Clock) -> Instant:
    return to_instant(clock.now(), "Clock.now()")


@attrs.define(kw_only=True)
class _Run:
    """One run of `deliver` under way."""

    store: Outbox
    notifier: Notifier
    clock: Clock
    schedule: RetrySchedule
    limit: int | None
    batch: int
    lease_for: timedelta
    random: Callable[[], float]
    progress: ProgressCallback
    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    taken_up: int = attrs.field(default=0, init=False)
    slowest: timedelta = attrs.field(default=_NONE, init=False)
    began: Instant = attrs.field(init=False)
    latest: Instant = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.latest = _read(self.clock)

    def now(self) -> Instant:
        """Tell the present instant, never an earlier one than before, lest a lease end before it begins."""
        self.latest = max(self.latest, _read(self.clock))
        return self.latest

    def drain(self) -> DeliveryReport:
        while room := self.room():
            until = self.now() + self.lease_for
            # What was due when the run began: so it ends, however many notices come in meanwhile.
            leased = self.store.lease(now=self.began, until=until, limit=room)
            if not leased:
                break
            self.taken_up += len(leased)
            self.send_until(until, leased)
        return DeliveryReport(**self.counts)

    def room(self) -> int:
        """Tell how many notices to lease next."""
        left = self.batch if self.limit is None else min(self.batch, self.limit - self.taken_up)
        return min(left, self.fitting())

    def fitting(self) -> int:
        """Tell how many can be sent in half of a lease; the first goes alone, since nothing is known of the pace.

        That also sets apart a notice which kills its workers: it becomes the longest due, and then takes no others
        with it (O3).
        """
        if not self.taken_up:
            return 1
        return max(self.lease_for // (2 * self.slowest), 1) if self.slowest else self.batch

    def send_until(self, until: Instant, leased: Sequence[LeasedNotice]) -> None:
        """Send what was leased, but begin nothing that somebody else might be sending before it is done."""
        margin = _NONE
        for number, one in enumerate(leased):
            start = self.now()
            if start + margin >= until:
                self.counts["unsent"] += len(leased) - number
                return
            self.counts[self.handle(one)] += 1
            # After it was recorded, so that nothing is shown as done that is not (K6).
            self.progress(Progress(stage=Stage.DELIVERED, done=self.counts["delivered"], total=self.taken_up))
            margin = self.slowest = max(self.slowest, self.now() - start)

    def handle(self, one: LeasedNotice) -> str:
        """Send a notice and record what became of it; tell under what it counts."""
        if one.attempts > self.schedule.attempts:
            unanswered = f"Attempts ran out: it was taken up {one.attempts - 1} times, the last time without an answer."
            return self.given_up(one, unanswered)
        answer: object = self.send(one.notice)
        match answer:
            case Delivered():
                held = self.store.settle(one, Settlement.delivered(at=self.now()))
                return "delivered" if held else "lost"
            case TryAgain(why) if one.attempts < self.schedule.attempts:
                return self.retried(one, why)
            case TryAgain(why) | NeverDeliverable(why):
                return self.given_up(one, why)
            case _:
                raise InvalidValue("What Notifier.send() answers", answer, "Delivered, TryAgain or NeverDeliverable")

    def send(self, notice: Notice) -> object:
        try:
            return self.notifier.send(notice)
        except Exception as exc:  # noqa: BLE001 - one notice must not hold up the others (O3)
            return TryAgain(f"{type(exc).__name__}: {_text_of(exc)}")

    def retried(self, one: LeasedNotice, why: str) -> str:
        wait = self.schedule.wait(one.attempts, self.random())
        # At least a moment after the run began, so that the run does not take it up again.
        due_at = self.now() + max(wait, _MICROSECOND)
        held = self.store.settle(one, Settlement.try_again(due_at=due_at, error=_shortened(why)))
        return "retried" if held else "lost"

    def given_up(self, one: LeasedNotice, why: str) -> str:
        held = self.store.settle(one, Settlement.given_up(at=self.now(), error=_shortened(why)))
        return "given_up" if held else "lost"


def _text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a hostile __str__ must not hold up the others
        return ""


def _shortened(why: object) -> str:
    """Make one line of what the other side said, short and of characters that every store can keep."""
    storable = str(why).replace("\0", " ").encode(errors="replace").decode()
    line = " ".join(storable.split()) or "No reason was given."
    return line if len(line) <= LONGEST_ERROR else f"{line[: LONGEST_ERROR - 1]}…"
