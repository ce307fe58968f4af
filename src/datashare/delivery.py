"""Delivery: send the notices that are due, at least once each, in the caller's thread, whenever the host calls it."""

from __future__ import annotations

import inspect
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import assert_never

import attrs

from datashare.domain.instants import Instant, later_by
from datashare.domain.notices import Notice
from datashare.domain.validation import Rule, require_callable, require_port, span, whole_number
from datashare.ports.clock import Clock
from datashare.ports.notifier import Delivered, NeverDeliverable, Notifier, SendResult, TryAgain
from datashare.ports.outbox import LONGEST_LEASE, LONGEST_WAIT, LeasedNotice, NoticeStatus, Outbox, Settlement
from datashare.ports.progress import Progress, ProgressCallback, Stage
from datashare.ports.store import Unreadable, readable

from .clock import SystemClock, read_clock
from .errors import StoreError

__all__ = ["DeliveryReport", "RetrySchedule", "deliver", "purge"]

_log = logging.getLogger("datashare.delivery")

LONGEST_ERROR = 500
"""The most characters that are kept of an error."""

_NONE, _MICROSECOND, _DAY = timedelta(0), timedelta(microseconds=1), timedelta(days=1)
_LAG = (LONGEST_LEASE - _DAY) / 2
"""How far behind the present a run may lease; the other half is for clocks that differ."""
_MOST_DOUBLINGS = 70
"""After so many doublings a microsecond is longer than any timedelta."""


_COUNT = whole_number(1)
_CHANCE = Rule("a number from 0 to 1", lambda value: isinstance(value, (int, float)) and 0 <= value <= 1)


@attrs.frozen(kw_only=True)
class RetrySchedule:
    """When a notice that could not be delivered is tried again: exponential back-off with full jitter (O3).

    The wait before the next attempt is a random part of a span that doubles with each attempt, up to a longest one.
    So notices that failed together do not come back together. With the defaults, a mail server can be down for three
    and a half days on average before a notice is given up.

    Attributes:
        first: The longest wait after the first attempt; up to 31 days.
        longest: The longest wait after any attempt; not below *first*, and up to 31 days.
        attempts: After so many attempts the notice is given up; at least one.
    """

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=12)
    attempts: int = 24

    def __attrs_post_init__(self) -> None:
        """Check that the spans and the count make a schedule."""
        span(_MICROSECOND, LONGEST_WAIT).require(self.first, "RetrySchedule.first")
        span(self.first, LONGEST_WAIT).require(self.longest, "RetrySchedule.longest")
        _COUNT.require(self.attempts, "RetrySchedule.attempts")

    def longest_wait(self, attempt: int) -> timedelta:
        """Return the longest wait after an attempt, counted from 1."""
        doublings = min(_COUNT.require(attempt, "attempt") - 1, _MOST_DOUBLINGS)
        # In whole microseconds, since no timedelta is that large.
        wait = min((self.first // _MICROSECOND) << doublings, self.longest // _MICROSECOND)
        return timedelta(microseconds=wait)

    def wait(self, attempt: int, chance: float) -> timedelta:
        """Return how long to wait after an attempt, counted from 1.

        Args:
            attempt: The number of the attempt that failed.
            chance: The part of the longest wait, from 0 to 1, which is random in `deliver`.

        Raises:
            InvalidValue: The attempt is not a whole number from 1, or the chance is not from 0 to 1.
        """
        part: float = _CHANCE.require(chance, "chance")
        return self.longest_wait(attempt) * part


@attrs.frozen(kw_only=True)
class DeliveryReport:
    """How many notices one run of `deliver` sent, and what became of the others.

    Attributes:
        delivered: Handed over, and recorded as delivered.
        retried: Not handed over; they are tried again later.
        given_up: Not handed over, and not tried again unless somebody requeues them (O3).
        lost: Leased, but the result could not be recorded: another worker took over when the lease had ended, or the
            request was closed meanwhile (O7). Some of them may have been handed over.
        unsent: Leased, but not sent, since the lease would have ended too soon, or the same run had sent them before; a
            later run sends them.
        unsettled: Leased, and perhaps handed over, but the store failed when the result was to be recorded; a later
            run may send them a second time.
        unreadable: The ids of notices that were due and cannot be read, since they were damaged or a later version of
            the library wrote them. They are left for a worker that can read them.
    """

    delivered: int = 0
    retried: int = 0
    given_up: int = 0
    lost: int = 0
    unsent: int = 0
    unsettled: int = 0
    unreadable: tuple[str, ...] = ()

    @property
    def taken_up(self) -> int:
        """The number of notices that the run leased, whatever became of them."""
        return self.delivered + self.retried + self.given_up + self.lost + self.unsent + self.unsettled


def deliver(
    store: Outbox,
    notifier: Notifier,
    *,
    clock: Clock | None = None,
    schedule: RetrySchedule | None = None,
    limit: int | None = None,
    batch: int = 20,
    lease_for: timedelta = timedelta(minutes=20),
    random: Callable[[], float] = random.random,
    progress: ProgressCallback | None = None,
) -> DeliveryReport:
    """Send the notices that are due, the longest due first, and record what became of each (O3).

    Call it from a cron job or a task queue; any number of processes may run it side by side. It sends the notices
    that were due when it began, starts no thread, and returns. A run of more than half an hour may also send what fell
    due half an hour ago or earlier. It sends no notice twice in one run.

    A notifier that breaks its promise, and raises or returns something else, is treated as if it had answered
    `TryAgain`. A run may end early: by a signal, by a store that fails, or because its process is killed. Then the
    notices that it had leased, at most *batch*, wait until their lease ends. A later run sends them under the same ids,
    perhaps for a second time.

    Leasing counts as an attempt. A notice whose worker ended during the last attempt is given up unsent, so that
    nobody receives the same message without end.

    Cost: a call to the store for each notice, and one for each batch. The first notice of a run is leased alone;
    then as many together as can be sent in half of *lease_for* at the slowest pace seen in the run.

    Args:
        store: Where the notices are; any `datashare.ports.Outbox`.
        notifier: What sends them.
        clock: The clock; by default the machine's.
        schedule: When to try again and when to give up; by default `RetrySchedule()`.
        limit: The most notices to send; by default all that are due.
        batch: The most notices to lease together.
        lease_for: How long nobody else may send what was leased, from a second to a day. The run sends in the first
            half of it, so that the clocks of workers may differ by as much as the other half. So it is to be well above
            twice the longest that one sending can take.
        random: Returns a number from 0 to 1, for the schedule's jitter.
        progress: Called after each notice with how many were delivered, of how many that were leased so far (K6).

    Raises:
        InvalidValue: An argument is not what is expected, such as a store or a notifier that is async.
        StoreError: The store could not lease, or failed twice in a row to record a result; nothing is lost.
    """
    require_port(store, Outbox, "store")
    require_port(notifier, Notifier, "notifier")
    if limit is not None:
        _COUNT.require(limit, "limit")
    if progress is not None:
        require_callable(progress, "progress", "a function that takes a Progress")
    run = _Run(
        outbox=store,
        notifier=notifier,
        clock=_require_clock(clock),
        schedule=schedule or RetrySchedule(),
        limit=limit,
        batch=_COUNT.require(batch, "batch"),
        lease_for=span(timedelta(seconds=1), _DAY).require(lease_for, "lease_for"),
        random=random,
        progress=progress,
    )
    return run.drain()


def purge(
    store: Outbox,
    *,
    keep_for: timedelta,
    undelivered_after: timedelta = timedelta(days=90),
    clock: Clock | None = None,
) -> int:
    """Erase names and addresses of notices that were settled longer ago than *keep_for* (O6).

    A notice that nobody delivers, since no worker runs or none can read it, is given up after a time of its own, and
    erased *keep_for* later. The request that it is about stays open.

    So a purge by a clock that is fast erases no notice that waits, however fast the clock is: it gives up what seems
    too old, and `requeue` lets that wait again. Purges by the right clock leave it whole until it is really that old,
    and purges by the fast one for *keep_for*. What was settled before may be erased too early by such a clock.

    The notice's id, its agreement, its status and its instants stay, and so does the history of the agreement.

    Args:
        store: Where the notices are; any `datashare.ports.Outbox`.
        keep_for: How long delivered, given-up and cancelled notices are kept whole; up to a hundred years.
        undelivered_after: How long after it was due a notice that waits or is leased is given up; up to a hundred
            years.
        clock: The clock; by default the machine's.

    Returns:
        How many notices were erased.

    Raises:
        InvalidValue: A span is negative, longer, or not a timedelta.
        StoreError: The store could not do its work.
    """
    require_port(store, Outbox, "store")
    a_century = span(_NONE, 36_525 * _DAY)
    a_century.require(keep_for, "keep_for")
    a_century.require(undelivered_after, "undelivered_after")
    now = read_clock(_require_clock(clock))
    return store.purge(
        settled_before=later_by(now, -keep_for), undelivered_before=later_by(now, -undelivered_after), now=now
    )


def _require_clock(clock: Clock | None) -> Clock:
    if clock is None:
        return SystemClock()
    require_port(clock, Clock, "clock")
    return clock


@attrs.define(kw_only=True)
class _Run:
    """One run of `deliver` under way.

    Attributes:
        began: When the run began.
        latest: The latest instant that the clock showed.
        slowest: The longest that one sending has taken so far.
        taken_up: How many notices were leased so far.
        handled: The ids of the notices that the run has sent or given up, so that it sends none of them twice.
        counts: How many notices ended in each of the ways that a `DeliveryReport` names.
        unreadable: The ids of notices that cannot be read, in the order in which they were due.
        is_failing: Whether the store failed when the last result was to be recorded.
    """

    outbox: Outbox
    notifier: Notifier
    clock: Clock
    schedule: RetrySchedule
    limit: int | None
    batch: int
    lease_for: timedelta
    random: Callable[[], float]
    progress: ProgressCallback | None
    began: Instant = attrs.field(init=False)
    latest: Instant = attrs.field(init=False)
    slowest: timedelta = attrs.field(default=_NONE, init=False)
    taken_up: int = attrs.field(default=0, init=False)
    handled: set[str] = attrs.field(factory=set, init=False)
    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    unreadable: dict[str, None] = attrs.field(factory=dict, init=False)
    is_failing: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.latest = read_clock(self.clock)

    def now(self) -> Instant:
        """Return the present instant, never an earlier one than before: a lease must not end before it begins."""
        self.latest = max(self.latest, read_clock(self.clock))
        return self.latest

    def drain(self) -> DeliveryReport:
        """Lease and send notices until none is left that was due when the run began."""
        while room := self.room():
            until = later_by(self.now(), self.lease_for)
            # Due when the run began, not now: so the run ends, however many notices are added meanwhile.
            # But no earlier than half an hour ago: or other workers' leases would seem to end too far ahead (O3).
            due = self.outbox.lease(now=max(self.began, later_by(self.latest, -_LAG)), until=until, limit=room)
            for notice in due:
                if isinstance(notice, Unreadable) and notice.id not in self.unreadable:
                    self.unreadable[notice.id] = None
                    _log.warning("notice.unreadable", extra={"notice": notice.id})
            leased = readable(due)
            self.taken_up += len(leased)
            unsent = [notice for notice in leased if notice.notice.id not in self.handled]
            self.counts["unsent"] += len(leased) - len(unsent)
            self.send_until(until - self.lease_for / 2, unsent)
            if len(unsent) < room:
                break
        return DeliveryReport(**self.counts, unreadable=tuple(self.unreadable))

    def room(self) -> int:
        """Return how many notices to lease next: as many as can be sent in half of a lease.

        The first is leased alone, since the pace is not known yet. That also isolates a notice that kills its workers:
        it becomes the longest due, and then takes no others with it (O3).
        """
        left = self.batch if self.limit is None else min(self.batch, self.limit - self.taken_up)
        if not self.taken_up:
            return min(left, 1)
        return min(left, max(self.lease_for // (2 * self.slowest), 1)) if self.slowest else left

    def send_until(self, until: Instant, leased: Sequence[LeasedNotice]) -> None:
        """Send what was leased, but begin nothing that may not end by then.

        That is half of the lease, since other workers' clocks may be fast.
        """
        margin = _NONE
        for number, notice in enumerate(leased):
            start = self.now()
            if start + margin > until:
                self.counts["unsent"] += len(leased) - number
                return
            self.handled.add(notice.notice.id)
            self.counts[self.handle(notice)] += 1
            if self.progress is not None:
                # After it was recorded, so that nothing is reported before it is done (K6).
                self.progress(Progress(stage=Stage.DELIVERED, done=self.counts["delivered"], total=self.taken_up))
            margin = self.slowest = max(self.slowest, self.now() - start)

    def handle(self, leased: LeasedNotice) -> str:
        """Send a notice, record and log what became of it; return the count of the report that it adds to."""
        became = self.settled(leased)
        notice = leased.notice
        about = {"notice": notice.id, "agreement": str(notice.agreement), "attempts": leased.attempts}
        level = logging.INFO if became == "delivered" else logging.WARNING
        _log.log(level, f"notice.{became}", extra=about)
        return became

    def settled(self, leased: LeasedNotice) -> str:
        """Send a notice and record what became of it; return the count of the report that it adds to."""
        outcome = self.outcome_of(leased)
        try:
            is_held = self.outbox.settle(leased, outcome)
        except StoreError:
            # One failure, such as a deadlock, may concern one notice alone. After two, the store is down: to go on
            # would send many messages, and all of them a second time later.
            if self.is_failing:
                raise
            self.is_failing = True
            return "unsettled"
        self.is_failing = False
        return _COUNTS[outcome.status] if is_held else "lost"

    def outcome_of(self, leased: LeasedNotice) -> Settlement:
        """Send a notice, unless its attempts ran out, and return what became of it."""
        attempts, allowed = leased.attempts, self.schedule.attempts
        if attempts > allowed:
            why = f"Attempts ran out: it was leased {attempts - 1} times, the last time without an answer."
            return Settlement.given_up(at=self.now(), error=why)
        answer = self.send(leased.notice)
        match answer:
            case Delivered():
                return Settlement.delivered(at=self.now())
            case TryAgain(why) if attempts < allowed:
                # At least a moment after the run began, so that the run does not lease it again.
                due_at = later_by(self.now(), max(self.schedule.wait(attempts, self.random()), _MICROSECOND))
                return Settlement.try_again(due_at=due_at, error=_shortened(why))
            case TryAgain(why) | NeverDeliverable(why):
                return Settlement.given_up(at=self.now(), error=_shortened(why))
            case _:
                assert_never(answer)

    def send(self, notice: Notice) -> SendResult:
        """Return what the notifier answers: `TryAgain` where it raises, or answers something else."""
        try:
            answer: object = self.notifier.send(notice)
        except Exception as exc:  # noqa: BLE001 - one notice must not hold up the others (O3)
            return TryAgain(f"{type(exc).__name__}: {_text_of(exc)}")
        if isinstance(answer, SendResult):
            return answer
        if inspect.iscoroutine(answer):
            answer.close()  # or Python warns that it was never awaited
        kind = "None" if answer is None else f"an object of the class {type(answer).__name__}"
        return TryAgain(f"The notifier returned {kind} instead of Delivered, TryAgain or NeverDeliverable.")


_COUNTS = {NoticeStatus.DELIVERED: "delivered", NoticeStatus.WAITING: "retried", NoticeStatus.GIVEN_UP: "given_up"}


def _text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a hostile __str__ must not hold up the others
        return ""


def _shortened(why: object) -> str:
    """Return an error as one short line of characters that every store can keep."""
    storable = str(why).replace("\0", " ").encode(errors="replace").decode()
    line = " ".join(storable.split()) or "No reason was given."
    return line if len(line) <= LONGEST_ERROR else f"{line[: LONGEST_ERROR - 1]}…"
