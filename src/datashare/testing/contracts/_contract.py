"""What makes a suite a contract: it names its port, and a subclass has to pass all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import pytest


class Contract:
    """A suite of tests that every adapter of a port passes.

    Subclass the contract of a port, give it what its fixtures ask for, and pytest runs the inherited tests. They
    can be added to, but not overridden, deleted or skipped: an adapter that does not keep a promise yet says so in
    `xfails`, with a reason, and the run shows it.

    Attributes:
        port: The protocol whose promises the tests prove; `pytest.mark.must` names the numbers of its
            *Implementers must* list.
        xfails: The tests that this adapter is known to fail, by name, each with the reason. Such a test must fail
            indeed. A parametrised test is named with or without its parameters in brackets.
        at_least: How small the sizes of the contract, by name, may be made for an adapter that is slow.
    """

    port: ClassVar[type]
    xfails: ClassVar[Mapping[str, str]] = {}
    at_least: ClassVar[Mapping[str, int]] = {}
    _promised: ClassVar[Mapping[str, object]] = {}
    _smallest: ClassVar[Mapping[str, int]] = {}

    def __init_subclass__(cls, *, port: type | None = None, **others: Any) -> None:
        """Make a contract of a class that names a port, and hold every other to what it inherits.

        Raises:
            TypeError: The class weakens the contract.
        """
        super().__init_subclass__(**others)
        if port is not None:
            cls.port = port
            cls._smallest = dict(cls.at_least)
            cls._promised = {name: getattr(cls, name) for name in dir(cls) if name.startswith("test_")}
        cls.require_whole()

    @classmethod
    def promised(cls) -> Mapping[str, object]:
        """Give the tests of the contract by name."""
        return dict(cls._promised)

    @classmethod
    def require_whole(cls) -> None:
        """Check that every inherited test is still there as it was, and that what may fail has a reason.

        Raises:
            TypeError: It is not.
        """
        changed = [name for name, test in cls._promised.items() if getattr(cls, name, None) is not test]
        if changed:
            raise TypeError(
                f"{cls.__name__} overrides or deletes {', '.join(changed)}, which the contract promises. "
                "Leave inherited tests alone; if the adapter does not pass one yet, name it in `xfails` with a reason."
            )
        unknown = [name for name in cls.xfails if name.partition("[")[0] not in cls._promised]
        if unknown:
            raise TypeError(f"{cls.__name__}.xfails names {', '.join(unknown)}, and the contract has no such test.")
        bare = [name for name, reason in cls.xfails.items() if not reason.strip()]
        if bare:
            raise TypeError(f"{cls.__name__}.xfails gives no reason for {', '.join(bare)}. Say why it fails.")
        small = [f"{name} at least {least}" for name, least in cls._smallest.items() if getattr(cls, name) < least]
        if small:
            raise TypeError(f"{cls.__name__} does too little to prove its contract. Make {' and '.join(small)}.")


def _contract_of(item: pytest.Item) -> type[Contract] | None:
    suite = getattr(item, "cls", None)
    name = getattr(item, "originalname", "")
    return suite if isinstance(suite, type) and issubclass(suite, Contract) and name in suite.promised() else None


def hold_to_contracts(items: Iterable[pytest.Item]) -> None:
    """Check the suites that were collected, and mark the tests that they expect to fail.

    Raises:
        pytest.UsageError: A suite was weakened after its class was made.
    """
    for item in items:
        if suite := _contract_of(item):
            try:
                suite.require_whole()
            except TypeError as exc:
                raise pytest.UsageError(str(exc)) from exc
            reason = suite.xfails.get(item.name) or suite.xfails.get(item.name.partition("[")[0])
            if reason:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def refuse_skips(item: pytest.Item, report: pytest.TestReport) -> None:
    """Turn the report of a contract test that was not run, or whose failure has no reason, into a failure."""
    if not _contract_of(item) or report.outcome == "failed":
        return
    expected = getattr(report, "wasxfail", None)
    if expected is None and report.outcome == "skipped":
        _fail(report, "it was skipped")
    elif expected is not None and expected.startswith("[NOTRUN]"):
        _fail(report, "it was not run")
    elif expected is not None and not expected.removeprefix("reason: ").strip():
        _fail(report, "it is expected to fail without a reason")


def _fail(report: pytest.TestReport, why: str) -> None:
    report.outcome = "failed"
    report.longrepr = (
        f"{report.nodeid} belongs to a contract, and {why}. "
        "Let it run; if the adapter does not pass it yet, name it in `xfails` with a reason."
    )
    if hasattr(report, "wasxfail"):
        del report.wasxfail
