"""A store is compared with the one in memory, and any difference is detected."""

from unittest import TestCase

import pytest
from hypothesis import HealthCheck, Phase, settings

from datashare.adapters.memory import MemoryAgreementStore
from datashare.testing import StoreWithOutbox
from datashare.testing.comparison import StoreComparison, compare_with_memory

from . import broken_chains
from . import broken_outboxes as outboxes
from . import broken_stores as broken
from .broken_stores import BrokenStore

TestMemoryComparedWithItself = compare_with_memory(
    MemoryAgreementStore, settings=settings(max_examples=20, deadline=None)
)

BROKEN = [
    broken.Ahead,
    broken.AllOrNone,
    broken.ByCode,
    broken.CaseBlind,
    broken.FirstClosed,
    broken.FirstEventOnly,
    broken.Flattering,
    broken.Forgetful,
    broken.Hasty,
    broken.Heedless,
    broken.Live,
    broken.Prefixing,
    broken.PrefixingRegisters,
    broken.ShortIds,
    broken.Stale,
    broken.StillAsking,
    broken.Swapping,
    broken.Uncancelled,
    broken.Unkept,
    broken.Unnotified,
    broken.Unrepeatable,
    broken_chains.Blurting,
    broken_chains.Mislaying,
    broken_chains.OneHead,
    broken_chains.PrefixingChains,
    broken_chains.Resealing,
    broken_chains.Salting,
    broken_chains.Shuffling,
    broken_chains.Unchained,
    broken_chains.Untimed,
    broken.Coarse,
    outboxes.Counted,
    outboxes.Curt,
    outboxes.FirstPurged,
    outboxes.FirstRequeued,
    outboxes.Forgiving,
    outboxes.FreshFirst,
    outboxes.Generous,
    outboxes.Grasping,
    outboxes.GroupByGroup,
    outboxes.Hoarding,
    outboxes.Lenient,
    outboxes.LiveOutbox,
    broken.Normalising,
    outboxes.Reusing,
    outboxes.Sweeping,
    outboxes.Trusting,
    outboxes.Unordered,
]


def run(case: type[TestCase], *, examples: int) -> None:
    """Run a test case here, with so many examples at most."""
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").debug()


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_store_that_differs_is_detected(kind: type[BrokenStore]) -> None:
    """Each broken promise shows as a difference, within as few examples as a slow database is given."""
    with pytest.raises(AssertionError):
        run(compare_with_memory(kind), examples=25)


def test_each_store_is_closed() -> None:
    """The comparison closes the store of each example."""
    opened, closed = list[StoreWithOutbox](), list[object]()

    def make() -> StoreWithOutbox:
        opened.append(MemoryAgreementStore())
        return opened[-1]

    run(compare_with_memory(make, closed.append), examples=5)
    assert opened == closed
    assert 5 <= len(opened)


def test_a_comparison_needs_a_store() -> None:
    """The error names what a subclass of the machine lacks."""

    class Bare(StoreComparison):
        """Lacks `make_store`."""

    with pytest.raises(NotImplementedError, match="Bare lacks `make_store`"):
        Bare()
