"""What makes a class of tests a contract: it names its port, and subclasses must pass all of it."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import pytest

CountRoundTrips = Callable[[Callable[[], object]], int]
"""Makes a call, and returns how many round trips the adapter made for it, such as statements to a database."""

UNPROVEN = pytest.StashKey[bool]()
"""Whether a test of a contract could not run, since its suite lacks a fixture that it need not define."""

_PROMISE = re.compile(r"^(\d+)\. (.*(?:\n[ ]+.*)*)", re.MULTILINE)

Calls = Mapping[str, tuple[Callable[[], object], object]]
"""Calls by their names, each with the answer that it must have."""


class Contract:
    """A class of tests that every adapter of a port passes.

    Subclass the contract of a port, define what its fixtures ask for, and pytest runs the inherited tests. A subclass
    may add tests, but not override, delete or skip inherited ones. If an adapter does not keep a promise yet, name the
    test in `xfails` with a reason; the run then shows it.

    Attributes:
        port: The protocol whose promises the tests prove; `pytest.mark.must` names the numbers of its
            *Implementers must* list.
        xfails: The tests that this adapter is known to fail, by name, each with the reason. These tests must fail.
            Name a parametrised test with or without its parameters in brackets.
        at_least: How small each size of the contract may be made, by name, for an adapter that is slow.
    """

    port: ClassVar[type]
    xfails: ClassVar[Mapping[str, str]] = {}
    at_least: ClassVar[Mapping[str, int]] = {}
    _promised: ClassVar[Mapping[str, object]] = {}
    _smallest: ClassVar[Mapping[str, int]] = {}

    def __init_subclass__(cls, *, port: type | None = None, **others: Any) -> None:
        """Register the tests of a contract, or check that a subclass keeps those of its contracts.

        Raises:
            TypeError: The class weakens a contract.
        """
        super().__init_subclass__(**others)
        if port is not None:
            cls.port = port
            cls._smallest = dict(cls.at_least)
            cls._promised = {name: getattr(cls, name) for name in dir(cls) if name.startswith("test_")}
        cls.require_whole()

    @classmethod
    def promised(cls) -> Mapping[str, object]:
        """Return the tests of the contract by name; of all of them, where a class keeps several contracts."""
        return {name: test for base in reversed(cls.__mro__) for name, test in vars(base).get("_promised", {}).items()}

    @classmethod
    def require_whole(cls) -> None:
        """Check that every inherited test is unchanged, and that every expected failure has a reason.

        Raises:
            TypeError: A test was changed, a reason is missing, or a size is too small.
        """
        promised = cls.promised()
        changed = [name for name, test in promised.items() if getattr(cls, name, None) is not test]
        if changed:
            raise TypeError(
                f"{cls.__name__} overrides or deletes {', '.join(changed)}, which the contract promises. "
                "Leave inherited tests alone; if the adapter does not pass one yet, name it in `xfails` with a reason."
            )
        unknown = [name for name in cls.xfails if name.partition("[")[0] not in promised]
        if unknown:
            raise TypeError(f"{cls.__name__}.xfails names {', '.join(unknown)}, but the contract has no such test.")
        bare = [name for name, reason in cls.xfails.items() if not reason.strip()]
        if bare:
            raise TypeError(f"{cls.__name__}.xfails gives no reason for {', '.join(bare)}. Say why it fails.")
        sizes = {name: least for base in cls.__mro__ for name, least in vars(base).get("_smallest", {}).items()}
        small = [f"{name} at least {least}" for name, least in sizes.items() if getattr(cls, name) < least]
        if small:
            raise TypeError(f"{cls.__name__} does too little to prove its contract. Make {' and '.join(small)}.")


def missing(suite: object, member: str, what: str) -> str:
    """Return the message about a member that a subclass of a contract has to define."""
    return f"{type(suite).__name__} lacks `{member}`. Define it: {what}."


def required(what: str, *, unless: str = "", otherwise: object = None) -> Any:
    """Return a fixture that a subclass of a contract defines; until then it says what is missing.

    Args:
        what: What the fixture returns.
        unless: The attribute that makes the fixture unnecessary where it is true.
        otherwise: What the fixture returns then.
    """

    @pytest.fixture
    def fixture(self: object, request: pytest.FixtureRequest) -> object:
        if unless and getattr(self, unless):
            return otherwise
        instead = f", or set `{unless} = True`" if unless else ""
        raise NotImplementedError(missing(self, str(request.fixturename), f"a fixture that returns {what}{instead}"))

    return fixture


def optional(what: str, *, below: bool = True) -> Any:
    """Return a fixture that a subclass of a contract may define, to prove more; without it the tests are skipped.

    Where it is about what lies below, and there is nothing below the adapter, it is `None`.

    Args:
        what: What the fixture returns.
        below: Whether it is about what lies below.
    """

    @pytest.fixture
    def fixture(self: object, request: pytest.FixtureRequest) -> None:
        if not (below and getattr(self, "nothing_below", False)):
            request.node.stash[UNPROVEN] = True
            pytest.skip(missing(self, str(request.fixturename), f"a fixture that returns {what}; it is not proven yet"))

    fixture.is_optional = True  # type: ignore[attr-defined]  # see `lacking`
    return fixture


def lacking(suite: type[Contract]) -> list[str]:
    """List the optional fixtures that a suite does not define, so that some promises are not proven."""
    if getattr(suite, "nothing_below", False):
        return []
    return [name for name in dir(suite) if getattr(getattr(suite, name), "is_optional", False)]


def _no_round_trips(call: Callable[[], object]) -> int:
    call()
    return 0


class CountsRoundTrips:
    """What contracts share that compare the cost of calls about many schools with that of calls about one."""

    nothing_below: ClassVar[bool] = False
    several: ClassVar[int] = 200

    round_trips: Any = required(
        "a function that makes a call and counts its round trips", unless="nothing_below", otherwise=_no_round_trips
    )

    def compare_costs(self, round_trips: CountRoundTrips, calls_about: Callable[[range], Calls]) -> None:
        """Check that the calls about many schools make as many round trips as those about one."""
        few = _count(round_trips, calls_about(range(1, 2)))
        many = _count(round_trips, calls_about(range(2, 2 + self.several)))

        assert few == many
        assert self.nothing_below or all(few.values()), f"Nothing was counted: {few}"


def _count(round_trips: CountRoundTrips, calls: Calls) -> dict[str, int]:
    counts = dict[str, int]()
    for name, (call, expected) in calls.items():
        answers = list[object]()
        counts[name] = round_trips(lambda: answers.append(call()))  # noqa: B023 - called at once
        assert [expected] == answers
    return counts


def clear_all(answers: Iterable[Any]) -> None:
    """Empty every container that can be emptied."""
    for answer in answers:
        with contextlib.suppress(AttributeError):  # immutable, so safe
            answer.clear()


def _contract_of(item: pytest.Item) -> type[Contract] | None:
    suite = getattr(item, "cls", None)
    name = getattr(item, "originalname", "")
    return suite if isinstance(suite, type) and issubclass(suite, Contract) and name in suite.promised() else None


def promises_of(port: type) -> dict[int, str]:
    """Read the *Implementers must* list of a port from its docstring: each promise by its number."""
    # Python 3.13 takes the indentation out of docstrings, and getdoc does for all.
    text = (inspect.getdoc(port) or "").partition("Implementers must:")[2]
    return {int(number): " ".join(promise.split()) for number, promise in _PROMISE.findall(text)}


def hold_to_contracts(items: list[pytest.Item]) -> None:
    """Check the collected suites, mark the tests that they expect to fail, and put the plain tests first.

    The tests within a transaction of the host's come last in each suite: a fault there may leave the database locked,
    and a plain fault is easier to read without them.

    Raises:
        pytest.UsageError: A suite was weakened after its class was made.
    """
    places = defaultdict[type[Contract], list[int]](list)
    for place, item in enumerate(items):
        if suite := _contract_of(item):
            places[suite].append(place)
    for own in places.values():
        in_order = sorted((items[place] for place in own), key=_is_in_hosts_transaction)
        for place, item in zip(own, in_order, strict=True):
            items[place] = item
    for item in items:
        if suite := _contract_of(item):
            try:
                suite.require_whole()
            except TypeError as exc:
                raise pytest.UsageError(str(exc)) from exc
            reason = suite.xfails.get(item.name) or suite.xfails.get(item.name.partition("[")[0])
            if reason:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _is_in_hosts_transaction(item: pytest.Item) -> bool:
    return "in_hosts_transaction" in getattr(item, "fixturenames", ())


def explain_failure(item: pytest.Item, report: pytest.TestReport) -> None:
    """Say below a failure which promises of the port are broken, and which side of a comparison is the adapter's."""
    suite = _contract_of(item)
    if not suite or report.outcome != "failed":
        return
    name = str(getattr(item, "originalname", ""))
    port: type = next(vars(base)["port"] for base in suite.__mro__ if name in vars(base).get("_promised", {}))
    promises, test = promises_of(port), getattr(suite, name)
    numbers = sorted({number for mark in item.iter_markers("must") for number in mark.args})
    lines = [
        *(f"{port.__name__} must {number}. {promises[number]}" for number in numbers),
        f"This test: {inspect.getdoc(test)}",
        f"Left of == is what the contract expects; right of it is what the {port.__name__} under test did.",
    ]
    if add := getattr(report.longrepr, "addsection", None):
        add(f"The promise of {port.__name__} that is broken", "\n".join(lines))


def refuse_skips(item: pytest.Item, report: pytest.TestReport) -> None:
    """Fail a contract test that did not run, or that is expected to fail without a reason."""
    if not _contract_of(item) or report.outcome == "failed" or item.stash.get(UNPROVEN, False):
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
        f"{report.nodeid} belongs to a contract, but {why}. "
        "Let it run; if the adapter does not pass it yet, name it in `xfails` with a reason."
    )
    if hasattr(report, "wasxfail"):
        del report.wasxfail
