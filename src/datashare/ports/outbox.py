"""The port through which notices are handed out for delivery."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

import attrs

from datashare.domain.agreements import AgreementId
from datashare.domain.instants import Instant, to_instant
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.domain.text import Labelled
from datashare.domain.validation import require_text

from .store import Unreadable

LONGEST_LEASE = timedelta(days=1, hours=1)
"""The longest lease. One that ends later after the present instant comes from a clock that was fast: it has ended."""
LONGEST_WAIT = timedelta(days=31)
"""The longest wait. A notice that waits longer was put off by a clock that was fast: it is due."""


class NoticeStatus(Labelled):
    """What has become of a notice so far."""

    WAITING = "waiting"
    """It is to be sent once it is due."""
    LEASED = "leased"
    """A worker is sending it."""
    DELIVERED = "delivered"
    """The other side accepted it."""
    GIVEN_UP = "given_up"
    """It could not be sent, and waits for somebody to requeue it (O3)."""
    CANCELLED = "cancelled"
    """Its request was closed before it was sent (O7)."""


@attrs.frozen(kw_only=True)
class StoredNotice:
    """A notice with what has become of it.

    Attributes:
        id: The notice's id; it stays when the notice is purged.
        agreement: Which agreement it is about.
        notice: The notice; `None` once names and addresses were purged (O6), or if it cannot be read.
        status: What has become of it.
        due_at: When it is to be sent, in UTC; at first the `now` of the change that made it.
        attempts: How often it was leased for sending.
        error: Why the last attempt failed; `None` once the notice was delivered or purged.
        settled_at: When it was delivered, given up or cancelled, in UTC.
        unreadable: Whether this version of the library cannot read it; then it is not leased, and an attribute that
            cannot be read holds its default.
    """

    id: str
    agreement: AgreementId
    notice: Notice | None
    status: NoticeStatus
    due_at: Instant
    attempts: int = 0
    error: str | None = attrs.field(default=None, repr=False)  # it may quote an address
    settled_at: Instant | None = None
    unreadable: bool = False


@attrs.frozen(kw_only=True)
class LeasedNotice:
    """A notice that one worker may send until the lease ends, and then settles by showing it.

    Attributes:
        notice: What to send.
        lease: The lease's name; no later lease of the same notice has the same.
        attempts: How often it was leased, this time included.
    """

    notice: Notice
    lease: str
    attempts: int


@attrs.frozen(kw_only=True)
class Settlement:
    """What became of a leased notice; build it with `delivered`, `try_again` or `given_up`.

    A store writes the fields as they are, but for a `due_at` of `None`, which leaves the present one.

    Attributes:
        status: The notice's new status.
        due_at: When it is to be sent again, in UTC.
        settled_at: When it was delivered or given up, in UTC.
        error: Why the attempt failed; a delivered notice has none, so delivery erases an earlier error.
    """

    status: NoticeStatus
    due_at: Instant | None = None
    settled_at: Instant | None = None
    error: str | None = attrs.field(default=None, repr=False)  # it may quote an address

    @classmethod
    def delivered(cls, *, at: Instant) -> Settlement:
        """Build the outcome of a notice that the other side accepted.

        Raises:
            InvalidValue: The instant has no time zone.
        """
        return cls(status=NoticeStatus.DELIVERED, settled_at=to_instant(at, "at"))

    @classmethod
    def try_again(cls, *, due_at: Instant, error: str) -> Settlement:
        """Build the outcome of a notice that waits until *due_at*.

        Raises:
            InvalidValue: The instant has no time zone, or the error is not text.
        """
        due_at, error = to_instant(due_at, "due_at"), require_text(error, "error", blank=True)
        return cls(status=NoticeStatus.WAITING, due_at=due_at, error=error)

    @classmethod
    def given_up(cls, *, at: Instant, error: str) -> Settlement:
        """Build the outcome of a notice that is not tried again, unless somebody requeues it.

        Raises:
            InvalidValue: The instant has no time zone, or the error is not text.
        """
        at, error = to_instant(at, "at"), require_text(error, "error", blank=True)
        return cls(status=NoticeStatus.GIVEN_UP, settled_at=at, error=error)


OPEN = frozenset({NoticeStatus.WAITING, NoticeStatus.LEASED})
"""What became of a notice that is still to be sent, or is being sent."""
MAY_HAVE_ARRIVED = frozenset({NoticeStatus.LEASED, NoticeStatus.DELIVERED})
"""What became of a notice that was sent, or is being sent."""


def cancelled_at_once(notices: Iterable[Notice], sent: Collection[Notice | None]) -> frozenset[str]:
    """Return the ids of new notices that tell only of the closing of a request, to people whom it never reached (O7).

    Args:
        notices: The new notices of the change that closes the request.
        sent: The notices that asked for an answer to it and may have arrived, requests and reminders; `None` for each
            that was purged or cannot be read: then everybody counts as reached.
    """
    if None in sent:
        return frozenset()
    reached = {person.id for notice in sent if notice for person in notice.people}
    return frozenset(
        notice.id
        for notice in notices
        if notice.tells_only_of_a_request and reached.isdisjoint(person.id for person in notice.people)
    )


@runtime_checkable
class Outbox(Protocol):
    """Hands out the notices that an `AgreementStore` saved, each to one worker at a time.

    Implementers must:

    1. Lease a notice to one worker at a time, and again only when the lease has ended. Bounds are inclusive: a waiting
       notice is due where `due_at` <= *now*, and a lease has ended where it was until <= *now*. Clocks may be fast: a
       notice is due also where `due_at` > *now* + `LONGEST_WAIT`, and a lease has ended also where it was until > *now*
       + `LONGEST_LEASE`. Each lease of a notice has a new name, after a requeue too.
    2. Settle a notice only for the holder of its present lease, even where the lease has ended and nobody else has
       taken the notice yet.
    3. Lease and settle nothing within a transaction of the host's, since what was sent cannot be rolled back; requeue
       and purge work there.
    4. Erase the error when a notice is delivered or purged, and at no other time: a requeue leaves it.
    5. Purge what has a `settled_at` < *settled_before*; the instant itself is not before it. Where *now* is named,
       purge also what has a `settled_at` more than a day after it, since a clock that was fast has settled it; but of
       what such a clock gave up, only what has a `due_at` < *undelivered_before*, or more than a day after *now* too.
       Where *undelivered_before* is named, then give up what is not settled and has a `due_at` < it, whether leased,
       readable or not. That erases nothing yet.
    6. Keep groups apart, return equal values that no later call changes, serve many notices without a round trip for
       each, and raise only `datashare.errors.StoreError` for what goes wrong below, as an `AgreementStore` does by its
       numbers 4, 6, 7, 8 and 12.
    """

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of a group, or of all groups, by due instant, then id; of one status, if one is named (O3).

        Name a status where the notices of all groups are many: the answer holds all that it lists.
        """
        ...

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3).

        A notice that cannot be read is passed over, uses up no attempt, and is named beside those that were leased: a
        worker of a later version may read it.

        Args:
            now: The present instant, in UTC.
            until: When the leases end, in UTC; after *now*, by at most `LONGEST_LEASE`.
            limit: The most notices to lease; below one, nothing is leased.

        Raises:
            InvalidValue: An instant has no time zone, *until* is not after *now* or too long after it, *limit* is not
                a whole number, or the outbox works within a transaction of the host's.
        """
        ...

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice, and end its lease; return whether the lease was still held.

        Raises:
            InvalidValue: The outbox works within a transaction of the host's.
        """
        ...

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* that were not purged wait again, with no attempts (O3).

        They are no longer settled, and keep their error. What a clock that was fast has leased or put off waits again
        too, where it is so (see 1.) at the instant *due_at*.

        Args:
            group: The group whose notices they are; the ids of others are passed over.
            notices: Ids of notices.
            due_at: When they are to be sent, in UTC; usually the present instant.

        Returns:
            How many wait again.
        """
        ...

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        """Erase names and addresses of notices settled before an instant, and give up what nobody delivers (O6).

        The notice and its error go; its id, agreement, status, attempts and instants stay. What is given up keeps all
        of it until a later purge, so that it can be requeued if the clock of this one was fast.

        Args:
            settled_before: The instant, in UTC.
            undelivered_before: Give up what waits or is leased, and was due before this instant, in UTC. It is settled
                as of *now*, or as of this instant if *now* is not named.
            now: The present instant, in UTC, if what a clock that was fast has settled is to be purged too.

        Returns:
            How many notices were erased.
        """
        ...
