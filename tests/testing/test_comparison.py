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
    broken.AllOrNone,
    broken.CaseBlind,
    outboxes.Generous,
    outboxes.Grasping,
    broken.Hasty,
    outboxes.Hoarding,
    outboxes.Lenient,
    broken_chains.Mislaying,
    broken.Mixing,
    outboxes.Unordered,
]


def run(case: type[TestCase], *, examples: int) -> None:
    """Run a test case here, with so many examples at most."""
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").debug()


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_store_that_differs_is_detected(kind: type[BrokenStore]) -> None:
    """Each broken promise shows as a difference."""
    with pytest.raises(AssertionError):
        run(compare_with_memory(kind), examples=2_000)


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
