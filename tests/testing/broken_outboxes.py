"""Stores over the one in memory, each of which breaks a promise of `Outbox`."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import attrs

from datashare.domain.instants import MOST_AHEAD, Instant
from datashare.domain.register import GroupId
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, StoredNotice, readable
from datashare.testing.changes import COUNCIL, TRUST, TWIN

from .broken_stores import BrokenStore, ChangedNotices

MICROSECOND = timedelta(microseconds=1)


class LiveOutbox(BrokenStore):
    """7. Returns its own list of notices."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = list[StoredNotice]()

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        self.listed[:] = self.inner.notices(group, status=status)
        return self.listed


class Generous(BrokenStore):
    """Outbox 1. Lets a lease end at once."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return readable(self.inner.lease(now=now, until=min(until, now + MICROSECOND), limit=limit))


class Reusing(BrokenStore):
    """Outbox 1. Gives every lease of a notice one name."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return [
            attrs.evolve(leased, lease="lease")
            for leased in readable(self.inner.lease(now=now, until=until, limit=limit))
        ]

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return any(self.inner.settle(attrs.evolve(leased, lease=f"lease-{n}"), outcome) for n in range(99))


class Lenient(BrokenStore):
    """Outbox 2. Answers everybody that the lease was still held."""

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return self.inner.settle(leased, outcome) or True


class Forgiving(ChangedNotices):
    """Outbox 4. Erases the error of a notice that is requeued."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return stored if stored.attempts else attrs.evolve(stored, error=None)


class Eager(BrokenStore):
    """Outbox 5. Purges what was settled at the instant itself."""

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        before = settled_before + MICROSECOND
        return self.inner.purge(settled_before=before, undelivered_before=undelivered_before, now=now)


class Hoarding(BrokenStore):
    """Outbox 5. Never purges."""

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        return self.inner.purge(
            settled_before=settled_before - timedelta(days=99_999), undelivered_before=undelivered_before, now=now
        )


class Waiting(BrokenStore):
    """Outbox 5. Purges nothing that was never delivered."""

    def purge(
        self,
        *,
        settled_before: Instant,
        undelivered_before: Instant | None = None,  # noqa: ARG002 - what is broken
        now: Instant | None = None,
    ) -> int:
        return self.inner.purge(settled_before=settled_before, now=now)


class Impatient(BrokenStore):
    """Outbox 5. Erases what it gives up in the same call."""

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        purged = self.inner.purge(settled_before=settled_before, undelivered_before=undelivered_before, now=now)
        return purged + self.inner.purge(settled_before=settled_before)


class Sure(BrokenStore):
    """Outbox 5. Purges all that a fast clock has settled, what it gave up included."""

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        stored = [own for group in (TRUST, COUNCIL) for own in self.inner.notices(group) if own.notice]
        if now and any(own.settled_at and own.settled_at > now + MOST_AHEAD for own in stored):
            settled_before = now + timedelta(days=9999)
        return self.inner.purge(settled_before=settled_before, undelivered_before=undelivered_before, now=now)


class Trusting(BrokenStore):
    """Outbox 4 and 5. Trusts every clock: requeues only what was given up, and purges by one instant alone."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        given_up = {stored.id for stored in self.inner.notices(group, status=NoticeStatus.GIVEN_UP)}
        return self.inner.requeue(group, given_up & set(notices), due_at=due_at)

    def purge(
        self,
        *,
        settled_before: Instant,
        undelivered_before: Instant | None = None,
        now: Instant | None = None,  # noqa: ARG002 - what is broken
    ) -> int:
        return self.inner.purge(settled_before=settled_before, undelivered_before=undelivered_before)


class Grasping(BrokenStore):
    """Outbox 6. Lets a group requeue another group's notices."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        groups = {group, TRUST, TWIN, COUNCIL}
        return sum(self.inner.requeue(other, notices, due_at=due_at) for other in groups)


class Unordered(BrokenStore):
    """Outbox 6. Lists notices in the order of their ids."""

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return sorted(self.inner.notices(group, status=status), key=lambda stored: stored.id)


class GroupByGroup(BrokenStore):
    """Outbox 6. Lists the notices of all groups one group after another."""

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        groups = self.inner.groups() if group is None else [group]
        return [stored for own in groups for stored in self.inner.notices(own, status=status)]


class FirstRequeued(BrokenStore):
    """Outbox 6. Requeues the first of the notices."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        return self.inner.requeue(group, list(notices)[:1], due_at=due_at)


class FirstPurged(ChangedNotices):
    """Outbox 5. Purges the first of the notices."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = dict[str, StoredNotice]()

    def changed(self, stored: StoredNotice) -> StoredNotice:
        return self.kept.get(stored.id, stored)

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        before = [stored for group in (TRUST, COUNCIL) for stored in self.inner.notices(group) if stored.settled_at]
        self.kept = {stored.id: stored for stored in before[1:]}
        return self.inner.purge(settled_before=settled_before, undelivered_before=undelivered_before, now=now)


class Counted(BrokenStore):
    """Outbox 1. Names a lease by the number of the attempt, which begins again with a requeue."""

    def __init__(self) -> None:
        super().__init__()
        self.names = dict[tuple[str, str], str]()

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        leased = readable(self.inner.lease(now=now, until=until, limit=limit))
        self.names |= {(one.notice.id, str(one.attempts)): one.lease for one in leased}
        return [attrs.evolve(one, lease=str(one.attempts)) for one in leased]

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        name = self.names.get((leased.notice.id, leased.lease), "")
        return self.inner.settle(attrs.evolve(leased, lease=name), outcome)


class FreshFirst(BrokenStore):
    """Outbox 1. Leases what was never leased before what was."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return sorted(readable(self.inner.lease(now=now, until=until, limit=limit)), key=lambda leased: leased.attempts)


class Sweeping(BrokenStore):
    """Outbox 2. Settles all notices that were leased in one call."""

    def __init__(self) -> None:
        super().__init__()
        self.leased = list[LeasedNotice]()

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        self.leased = list(readable(self.inner.lease(now=now, until=until, limit=limit)))
        return list(self.leased)

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        settled = self.inner.settle(leased, outcome)
        for other in self.leased if settled else ():
            self.inner.settle(other, outcome)
        return settled


class Curt(BrokenStore):
    """Outbox 6. Cuts the error of what is given up."""

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        if outcome.error and outcome.status is NoticeStatus.GIVEN_UP:
            outcome = attrs.evolve(outcome, error=outcome.error[:255])
        return self.inner.settle(leased, outcome)


class Cutting(ChangedNotices):
    """Outbox 6. Cuts long notices."""

    def changed(self, stored: StoredNotice) -> StoredNotice:
        short = stored.notice and attrs.evolve(stored.notice, reason=(stored.notice.reason or "")[:4096] or None)
        return attrs.evolve(stored, notice=short)


class CuttingLeases(BrokenStore):
    """Outbox 6. Cuts the long notices that it leases."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        leased = readable(self.inner.lease(now=now, until=until, limit=limit))
        return [
            attrs.evolve(one, notice=attrs.evolve(one.notice, group_name=one.notice.group_name[:99])) for one in leased
        ]
