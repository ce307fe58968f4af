"""The pytest plugin of datashare: registers marks and assertion rewriting, and keeps the shipped suites whole.

It is outside the package and imports nothing of it, since pytest loads it into every run where datashare is installed.
It checks the suites only if a test has imported them.
"""

import sys
from collections.abc import Generator
from types import ModuleType

import pytest

SUITES = "datashare.testing.contracts"
MARKERS = (
    "must(*numbers): the numbers of a port's Implementers must list that a contract test proves.",
    "rule(*ids): the rules of data sharing agreements that a test proves.",
)

pytest.register_assert_rewrite("datashare.testing")


def _suites() -> ModuleType | None:
    return sys.modules.get(SUITES)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks that the shipped suites carry."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check collected suites against their contracts, mark the tests that they expect to fail, and order them."""
    if suites := _suites():
        suites.hold_to_contracts(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Explain a contract test that failed, and fail one that was skipped or may fail without a reason."""
    report = yield
    if suites := _suites():
        suites.explain_failure(item, report)
        suites.refuse_skips(item, report)
    return report
