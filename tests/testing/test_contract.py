"""A contract cannot be weakened without an error, and its tests carry the numbers of its port."""

import inspect
import sys
from typing import Any, cast

import pytest

import datashare.ports
from datashare.testing import contracts
from datashare.testing.contracts import Contract
from datashare.testing.contracts._contract import lacking, promises_of

CONTRACTS = [
    kind
    for kind in vars(contracts).values()
    if isinstance(kind, type) and issubclass(kind, Contract) and kind is not Contract
]
PORTS = [
    kind
    for kind in vars(datashare.ports).values()
    if isinstance(kind, type) and "Implementers must:" in (kind.__doc__ or "")
]


def proven_numbers(contract: type[Contract]) -> set[int]:
    """Read the numbers that the tests of a contract carry."""
    marks = [mark for test in contract.promised().values() for mark in getattr(test, "pytestmark", ())]
    return {number for mark in marks if mark.name == "must" for number in mark.args}


def test_every_port_has_a_contract() -> None:
    """Each protocol with an *Implementers must* list is the port of one contract."""
    assert 6 == len(PORTS)
    assert sorted(port.__name__ for port in PORTS) == sorted(contract.port.__name__ for contract in CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda kind: kind.__name__)
def test_every_number_of_the_port_is_proven_by_a_test(contract: type[Contract]) -> None:
    """The tests of a contract carry every number of the list, which counts from 1, and no other."""
    numbers = list(promises_of(contract.port))

    assert list(range(1, len(numbers) + 1)) == numbers != []
    assert set(numbers) == proven_numbers(contract)


def test_assertions_of_the_suites_are_rewritten() -> None:
    """A failing contract test shows the values that it compared, since the plugin registers the suites in time."""
    for name in ("contracts._store_saving", "contracts._people", "threads"):
        loader = sys.modules[f"datashare.testing.{name}"].__loader__
        assert "AssertionRewritingHook" == type(loader).__name__


SUITE = """
import pytest
from datashare.adapters.memory import MemoryAgreementStore
from datashare.testing import AgreementStoreContract

class Losing(MemoryAgreementStore):
    def append(self, changes, /):
        return frozenset({{1}})

class Overriding:
    def test_no_change_is_no_loser(self):
        pass

{above}
class TestIt({bases}AgreementStoreContract):
    nothing_below = True
    {body}

    @pytest.fixture
    def store(self):
        {setup}
        return {store}()

{below}
"""
INI = "[pytest]\nstrict_markers = true\nfilterwarnings = error\nxfail_strict = false\naddopts = -p no:cacheprovider\n"
NAME = "test_no_change_is_no_loser"
WHY = '"not before the tables are there"'


def run(pytester: pytest.Pytester, *options: str, **parts: str) -> pytest.RunResult:
    """Run a suite of a host's own, with some parts changed."""
    usual = dict.fromkeys(["above", "bases", "body", "below", "setup"], "") | {"store": "MemoryAgreementStore"}
    pytester.makeini(INI)
    pytester.makepyfile(SUITE.format(**usual | parts))
    return pytester.runpytest_inprocess("-k", NAME, "-rA", *options)


def test_a_whole_suite_passes(pytester: pytest.Pytester) -> None:
    """With strict markers, a host's pytest knows the marks of the contract, and runs the inherited tests."""
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        pytest.param({"body": f"def {NAME}(self): pass"}, "TestIt overrides or deletes", id="overridden"),
        pytest.param({"bases": "Overriding, "}, "TestIt overrides or deletes", id="overridden-by-another-base"),
        pytest.param({"below": f"TestIt.{NAME} = None"}, "TestIt overrides or deletes", id="deleted-afterwards"),
        pytest.param({"body": 'xfails = {"test_no_such": "x"}'}, "the contract has no such test", id="unknown"),
        pytest.param({"body": f'xfails = {{"{NAME}": " "}}'}, "gives no reason for", id="no-reason"),
        pytest.param(
            {"body": "rounds, many = 0, 700"}, "Make rounds at least 1 and many at least 701", id="too-little"
        ),
        pytest.param({"body": "at_least, rounds = {}, 0"}, "Make rounds at least 1", id="too-little-allowed"),
    ],
)
def test_a_weakened_suite_is_an_error(pytester: pytest.Pytester, parts: dict[str, str], said: str) -> None:
    """No test of a run passes where an inherited test was overridden or deleted, or may fail without a reason."""
    done = run(pytester, **parts)

    assert done.ret not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert said in "\n".join([*done.outlines, *done.errlines])
    assert 0 == done.parseoutcomes().get("passed", 0)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        pytest.param({"above": "@pytest.mark.skip"}, "it was skipped", id="mark"),
        pytest.param({"setup": "pytest.skip('slow')"}, "it was skipped", id="fixture"),
        pytest.param({"above": "@pytest.mark.xfail", "store": "Losing"}, "without a reason", id="xfail"),
        pytest.param({"above": "@pytest.mark.xfail"}, "without a reason", id="xfail-that-passes"),
        pytest.param({"above": "@pytest.mark.xfail(reason='slow', run=False)"}, "it was not run", id="not-run"),
    ],
)
def test_a_contract_test_that_does_not_run_fails(pytester: pytest.Pytester, parts: dict[str, str], said: str) -> None:
    """A contract test may not be skipped, and not be expected to fail without a reason."""
    done = run(pytester, **parts)
    outcomes = done.parseoutcomes()

    assert 1 == outcomes.get("failed", 0) + outcomes.get("errors", 0)
    assert 0 == outcomes.get("passed", 0) + outcomes.get("skipped", 0) + outcomes.get("xpassed", 0)
    assert said in done.stdout.str()


@pytest.mark.parametrize(
    ("name", "store", "outcome"),
    [(NAME, "Losing", "xfailed"), (f"{NAME}[x]", "Losing", "failed"), (NAME, "MemoryAgreementStore", "failed")],
    ids=["fails", "other-parameters", "passes"],
)
def test_an_expected_failure_has_a_reason_and_fails(
    pytester: pytest.Pytester, name: str, store: str, outcome: str
) -> None:
    """The reason is shown; the name with other parameters excuses nothing, and a test that passes fails the run."""
    done = run(pytester, body=f'xfails = {{"{name}": {WHY}}}', store=store)

    done.assert_outcomes(**{outcome: 1})
    assert (name == NAME) is ("not before the tables are there" in done.stdout.str())


def test_a_failure_names_the_promise_and_the_side_of_the_store(pytester: pytest.Pytester) -> None:
    """Below the comparison stand the promises of the port in its own words, and which side the store is."""
    output = run(pytester, store="Losing").stdout.str()

    assert "AgreementStore must 1. Save of each change events, state, notices, cancellations and outcome" in output
    assert "This test: A call without changes does nothing." in output
    assert "right of it is what the AgreementStore under test did." in output


OPTIONAL = """
import pytest
from datashare.adapters.memory import MemoryAgreementStore
from datashare.testing import AgreementStoreContract, OutboxContract

class TestIt(AgreementStoreContract, OutboxContract):
    @pytest.fixture
    def store(self):
        return MemoryAgreementStore()

    @pytest.fixture
    def in_hosts_transaction(self):
        return None
"""


def test_what_an_optional_fixture_would_prove_is_skipped_with_a_reason(pytester: pytest.Pytester) -> None:
    """A host need not define every fixture at once; the run names each that would prove more."""
    pytester.makeini(INI)
    pytester.makepyfile(OPTIONAL)
    done = pytester.runpytest_inprocess(
        "-rs", "-k", "two_processes or failure_in_the_middle or erased_words or same_data or hinders"
    )

    done.assert_outcomes(skipped=6)
    for fixture in ("second_process", "failing_write", "damage", "erase", "reopened"):
        assert f"TestIt lacks `{fixture}`. Define it: a fixture that returns" in done.stdout.str()


def test_plain_tests_come_before_those_of_a_hosts_transaction(pytester: pytest.Pytester) -> None:
    """A fault within a transaction of the host's, which may lock the database, fails no plain test before it."""
    pytester.makeini(INI)
    pytester.makepyfile(OPTIONAL)
    lines = pytester.runpytest_inprocess("--collect-only", "-q").outlines
    names = [line.rpartition("::")[2].partition("[")[0] for line in lines if "::" in line]
    tests = {**contracts.AgreementStoreContract.promised(), **contracts.OutboxContract.promised()}
    joined = ["in_hosts_transaction" in inspect.signature(cast("Any", tests[name])).parameters for name in names]

    assert sorted(joined) == joined
    assert {True, False} == set(joined)


def test_our_own_suites_define_all_optional_fixtures(request: pytest.FixtureRequest) -> None:
    """Nothing that a contract can prove is left unproven for a store of this project."""
    suites = {item.cls for item in request.session.items if isinstance(item, pytest.Function) and item.cls}

    assert [] == [
        f"{suite.__name__}.{name}" for suite in suites if issubclass(suite, Contract) for name in lacking(suite)
    ]


def test_no_id_of_a_test_is_too_long(request: pytest.FixtureRequest) -> None:
    """A test can be named on a command line: its name has at most 100 characters, parameters included."""
    names = (item.name for item in request.session.items if isinstance(item, pytest.Function))

    assert [] == [name[:200] for name in names if len(name) > 100]


def test_tests_of_a_suites_own_may_be_skipped(pytester: pytest.Pytester) -> None:
    """Tests that a host adds to a suite may be skipped."""
    done = run(pytester, body=f"@pytest.mark.skip(reason='mine')\n    def {NAME}_here(self): pass")

    done.assert_outcomes(passed=1, skipped=1)


def test_tests_elsewhere_are_left_alone(pytester: pytest.Pytester) -> None:
    """Other functions and classes may be skipped or expected to fail."""
    pytester.makeini(INI)
    pytester.makepyfile(
        "import pytest, datashare.testing\n"
        "@pytest.mark.skip\ndef test_function(): pass\n"
        "class TestClass:\n    @pytest.mark.xfail\n    def test_method(self): assert False\n"
    )

    pytester.runpytest_inprocess().assert_outcomes(skipped=1, xfailed=1)


def test_a_run_that_knows_no_contract_is_left_alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no test imports the suites, the plugin does not import them either, and does nothing."""
    monkeypatch.delitem(sys.modules, contracts.__name__)
    pytester.makeini(INI)
    pytester.makepyfile("import pytest\n@pytest.mark.skip\ndef test_function(): pass\n")

    pytester.runpytest_inprocess().assert_outcomes(skipped=1)
    assert contracts.__name__ not in sys.modules


GIVES_NOTHING = """
import pytest
from datashare.testing import *

class TestStore(AgreementStoreContract):
    pass

class TestFull(AgreementStoreContract):
    @pytest.fixture
    def store(self):
        return None

class TestInstitutions(InstitutionDirectoryContract):
    pass

class TestRegister(InstitutionDirectoryContract):
    def directory_of(self, facts):
        return None

class TestPeople(PeopleDirectoryContract):
    pass

class TestStaff(PeopleDirectoryContract):
    def directory_of(self, people, sites):
        return None

class TestNotifier(NotifierContract):
    pass
"""
NEEDED = {
    "TestStore and test_no_change": "TestStore lacks `store`. Define it: a fixture that returns an empty store",
    "TestStore and test_only_store_errors": "TestStore lacks `broken_stores`",
    "TestFull and test_a_call_about_many": "or set `nothing_below = True`.",
    "TestFull and test_nothing_of_a_call": "TestFull lacks `in_hosts_transaction`",
    "TestInstitutions and test_an_unknown": "TestInstitutions lacks `directory_of`",
    "TestRegister and test_a_newer": "TestRegister lacks `refresh`",
    "TestPeople and test_everybody": "TestPeople lacks `directory_of`",
    "TestStaff and test_the_present": "TestStaff lacks `replace`",
    "TestNotifier and test_what_is_refused": "TestNotifier lacks `refusing`",
}


def test_the_error_names_what_a_suite_lacks(pytester: pytest.Pytester) -> None:
    """Each fixture or method that a contract needs is named where a subclass does not define it."""
    pytester.makeini(INI)
    pytester.makepyfile(GIVES_NOTHING)
    done = pytester.runpytest_inprocess("-k", " or ".join(f"({tests})" for tests in NEEDED))
    output = done.stdout.str()

    assert 0 == done.parseoutcomes().get("passed", 0)
    assert [] == [message for message in NEEDED.values() if message not in output]
