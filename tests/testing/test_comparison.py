"""A store is compared with the one in memory, and one that differs is found out."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar
from unittest import TestCase

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings

from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.agreements import Agreement, AgreementId
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.ports import Change, LeasedNotice, Loaded, NoticeStatus, Settlement, StoredNotice
from datashare.testing import StoreWithOutbox, WrappedStore
from datashare.testing.comparison import StoreComparison, compare_with_memory

closed: list[object] = []

TestMemoryComparedWithItself = compare_with_memory(MemoryAgreementStore)


class Forgetful(WrappedStore):
    """Loses a whole bulk action when one of its agreements lost a race."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        standing = {one.id: one.version for change in changes for one in self.inner.states(change.id.group)}
        losers = frozenset(one.id for one in changes if standing.get(one.id, 0) != one.decided_on)
        return losers or self.inner.append(changes)


class Mixing(WrappedStore):
    """Mixes groups whose codes look alike."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        return [*self.inner.states(GroupId.mat(group.code)), *self.inner.states(GroupId.local_authority(group.code))]


class Unordered(WrappedStore):
    """Lists notices in the order of their ids."""

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return sorted(self.inner.notices(group, status=status), key=lambda stored: stored.id)


class Generous(WrappedStore):
    """Leases again what is still leased."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        return self.inner.lease(now=now, until=min(until, now + timedelta(microseconds=1)), limit=limit)


class Lenient(WrappedStore):
    """Lets anybody settle."""

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return self.inner.settle(leased, outcome) or True


class Backwards(WrappedStore):
    """Keeps the last register that was noted, and not the newest."""

    def __init__(self, inner: StoreWithOutbox) -> None:
        super().__init__(inner)
        self.days: dict[GroupId, date] = {}

    def note_register(self, group: GroupId, day: date, /) -> None:
        self.days[group] = day

    def last_register(self, group: GroupId, /) -> date | None:
        return self.days.get(group)


class CaseBlind(WrappedStore):
    """Takes command ids that differ in case for one."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        found = self.inner.load(ids, command_id=command_id)
        other = self.inner.load(ids, command_id=command_id.swapcase() if command_id else None)
        return attrs.evolve(found, outcomes=tuple({*found.outcomes, *other.outcomes}))


class Grasping(WrappedStore):
    """Lets a group requeue what is another's."""

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        twins = (GroupId.mat(group.code), GroupId.local_authority(group.code))
        return sum(self.inner.requeue(one, notices, due_at=due_at) for one in twins)


class Hoarding(WrappedStore):
    """Never purges."""

    def purge(self, *, settled_before: Instant) -> int:
        return self.inner.purge(settled_before=settled_before - timedelta(days=99))


class Mislaying(WrappedStore):
    """Gives only the first event of a chain."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return (attrs.evolve(chain, records=chain.records[:1]) for chain in self.inner.chains(group))


BROKEN: list[Any] = [
    Mislaying,
    Forgetful,
    Mixing,
    Unordered,
    Generous,
    Lenient,
    Backwards,
    CaseBlind,
    Grasping,
    Hoarding,
]


def run(case: type[TestCase], *, examples: int) -> None:
    """Run what was made for a runner of tests."""
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").debug()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda kind: kind.__name__)
def test_a_store_that_differs_is_found_out(broken: type[WrappedStore]) -> None:
    """Each way to break a promise shows as a difference."""
    with pytest.raises(AssertionError):
        run(compare_with_memory(lambda: broken(MemoryAgreementStore())), examples=2_000)


def test_each_store_is_closed() -> None:
    """What a store was made with is let go of after each example."""
    made = list[StoreWithOutbox]()

    def make() -> StoreWithOutbox:
        made.append(MemoryAgreementStore())
        return made[-1]

    run(compare_with_memory(make, closed.append), examples=5)
    assert made == closed
    assert 5 <= len(made)


def test_a_comparison_needs_a_store() -> None:
    """Whoever subclasses the machine is told what is missing."""

    class Bare(StoreComparison):
        kind: ClassVar[str] = "bare"

    with pytest.raises(NotImplementedError, match="Bare must say with `make_store`"):
        Bare()
