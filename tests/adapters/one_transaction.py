"""What `in_transaction` and `atomic` both promise of a host's transaction; the tests of each helper derive from it."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import pytest

from datashare.adapters._databases import ATTEMPTS
from datashare.domain.agreements import RefusalCode
from datashare.errors import Refused, StoreUnavailable, TransactionLost
from datashare.ports import readable
from datashare.service import Outcomes
from datashare.testing import InterleavingStore, StoreWithOutbox, at_once
from tests.world import ANA, HILDA, MIS, OSCAR, TRUST, World, head

_T = TypeVar("_T")

Execute = Callable[[str], Any]
"""Executes a statement of the host's own, and returns the first value of the answer, if there is one."""

Work = Callable[[StoreWithOutbox, Execute], _T]

MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)
on_servers = pytest.mark.parametrize("helper", ["postgresql", MARIADB], indirect=True)


class Helper(Protocol):
    """One of the helpers, on a database."""

    @property
    def integrity_error(self) -> type[Exception]:
        """What the framework raises for a row that exists."""

    def run(self, work: Work[_T]) -> _T:
        """Do some work through the helper."""

    def store(self) -> StoreWithOutbox:
        """Make a store outside the transaction."""

    def execute(self, statement: str) -> object:
        """Execute a statement outside the transaction, and commit."""

    def elsewhere(self, call: Callable[[], object]) -> None:
        """Make a call on another connection."""

    def leave_thread(self) -> None:
        """Close the connections of this thread."""


def note(execute: Execute, number: int, what: str) -> None:
    """Write into one of the host's own rows."""
    execute(f"UPDATE host_note SET what = '{what}' WHERE number = {number}")  # noqa: S608


def ask(world: World, store: StoreWithOutbox, *urns: int, command_id: str = "ask") -> Outcomes:
    """Let the trust ask schools."""
    return world.sharing.over(store).for_group(TRUST, actor=ANA).request(urns, level=MIS, command_id=command_id)


class OneTransaction:
    """The promises; a subclass gives the helper."""

    @pytest.fixture(autouse=True)
    def _own_table(self, helper: Helper) -> None:
        """Give the host a table of its own, with two rows, beside those of the library."""
        helper.execute("DROP TABLE IF EXISTS host_note")
        helper.execute("CREATE TABLE host_note (number INTEGER PRIMARY KEY, what VARCHAR(20))")
        helper.execute("INSERT INTO host_note VALUES (1, ''), (2, '')")

    def rows(self, helper: Helper) -> list[object]:
        """List what the host's own rows say, in their order."""
        return [helper.execute(f"SELECT what FROM host_note WHERE number = {number}") for number in (1, 2)]  # noqa: S608

    def versions(self, helper: Helper) -> list[int]:
        """List how many events each agreement has."""
        return [state.version for state in readable(helper.store().states(TRUST))]

    @pytest.mark.rule("K4")
    def test_six_clicks_are_one_deed_and_five_replays(self, helper: Helper) -> None:
        """Each click is a connection of its own; five begin anew, and find what the first one did."""
        world, answers = World(), list[Outcomes]()

        def click(store: StoreWithOutbox, execute: Execute) -> Outcomes:
            outcomes = ask(world, store, HILDA, OSCAR)
            if not all(done.replayed for done in outcomes.done):
                execute("INSERT INTO host_note VALUES (3, 'asked')")
            return outcomes

        at_once(6 * [lambda: answers.append(helper.run(click))], at_end=helper.leave_thread)

        assert 6 * [2] == [len(outcomes.done) for outcomes in answers]
        assert 5 * [True] == sorted(outcomes.done[0].replayed for outcomes in answers)[1:]
        assert 3 == helper.execute("SELECT count(*) FROM host_note")
        assert [1, 1] == self.versions(helper)

    def test_what_the_work_raises_rolls_everything_back(self, helper: Helper) -> None:
        """The host's own error arrives as it is, after one attempt."""
        world, attempts = World(), list[int]()

        def fail(store: StoreWithOutbox, execute: Execute) -> None:
            attempts.append(1)
            note(execute, 1, "asked")
            assert 1 == len(ask(world, store, HILDA).done)
            raise KeyError("of the host")

        with pytest.raises(KeyError, match="of the host"):
            helper.run(fail)

        assert ([1], ["", ""], []) == (attempts, self.rows(helper), self.versions(helper))

    def test_an_error_of_the_hosts_own_statement_arrives_as_it_is(self, helper: Helper) -> None:
        """The host knows what its own constraints mean."""
        attempts = list[int]()

        def clash(_store: StoreWithOutbox, execute: Execute) -> None:
            attempts.append(1)
            execute("INSERT INTO host_note VALUES (1, 'again')")

        with pytest.raises(helper.integrity_error):
            helper.run(clash)

        assert [1] == attempts

    @on_servers
    def test_a_lost_race_is_run_anew_and_decided_on_what_the_others_saved(self, helper: Helper) -> None:
        """The school that another request reached meanwhile is refused for that, and not as a conflict."""
        world, attempts = World(), list[int]()
        other = partial(helper.elsewhere, lambda: ask(world, helper.store(), HILDA, command_id="other"))

        def act(store: StoreWithOutbox, execute: Execute) -> Outcomes:
            attempts.append(1)
            note(execute, 1, f"asked {len(attempts)}")
            return ask(world, InterleavingStore(store, other) if len(attempts) == 1 else store, HILDA, OSCAR)

        outcomes = helper.run(act)

        assert [RefusalCode.REQUEST_ALREADY_OPEN] == [outcome.code for outcome in outcomes.not_done]
        assert [OSCAR] == [outcome.urn for outcome in outcomes.done]
        assert ["asked 2", ""] == self.rows(helper)

    @on_servers
    def test_an_answer_that_lost_a_race_is_given_anew(self, helper: Helper) -> None:
        """A school's order raises where it was not carried out; that counts as lost too."""
        world, attempts = World(store=helper.store()), list[int]()
        (request,) = world.asked(HILDA)

        def withdraw() -> None:
            helper.elsewhere(lambda: world.trust().withdraw([request], command_id="withdraw"))

        def act(store: StoreWithOutbox, _execute: Execute) -> None:
            attempts.append(1)
            answering = InterleavingStore(store, withdraw) if len(attempts) == 1 else store
            world.sharing.over(answering).for_school(HILDA, actor=head()).approve(request)

        with pytest.raises(Refused) as caught:
            helper.run(act)

        assert (2, [RefusalCode.REQUEST_NOT_OPEN]) == (len(attempts), [reason.code for reason in caught.value.reasons])

    @on_servers
    def test_schools_that_others_keep_changing_are_conflicts(self, helper: Helper) -> None:
        """The last attempt is committed as it is, so that the other schools are done."""
        world, attempts = World(store=helper.store()), list[int]()

        def change() -> None:
            number = len(attempts)
            (request,) = world.trust().request([HILDA], level=MIS, command_id=f"other-{number}").requests
            world.trust().withdraw([request], command_id=f"back-{number}")

        def act(store: StoreWithOutbox, _execute: Execute) -> Outcomes:
            attempts.append(1)
            return ask(world, InterleavingStore(store, lambda: helper.elsewhere(change)), HILDA, OSCAR)

        outcomes = helper.run(act)

        assert ATTEMPTS == len(attempts)
        assert [RefusalCode.CONFLICT] == [outcome.code for outcome in outcomes.not_done]
        assert [OSCAR] == [outcome.urn for outcome in outcomes.done]

    @on_servers
    @pytest.mark.parametrize("is_own", [True, False], ids=["own-rows", "agreements"])
    def test_a_deadlock_is_repeated(self, helper: Helper, is_own: bool) -> None:
        """Two lock what the other one wants, by statements of their own or by actions; both end well."""
        world, both_hold = World(store=helper.store()), threading.Barrier(2)
        requests = dict(enumerate(world.asked(HILDA, OSCAR), start=1))

        def act(first: int, second: int, name: str) -> Work[None]:
            attempts = list[int]()

            def lock(store: StoreWithOutbox, execute: Execute, number: int) -> None:
                if is_own:
                    note(execute, number, name)
                else:
                    trust = world.sharing.over(store).for_group(TRUST, actor=ANA)
                    trust.remind([requests[number]], command_id=f"{name}-{number}")

            def work(store: StoreWithOutbox, execute: Execute) -> None:
                attempts.append(1)
                lock(store, execute, first)
                if len(attempts) == 1:
                    both_hold.wait(timeout=30)
                lock(store, execute, second)

            return work

        calls = [partial(helper.run, act(1, 2, "a")), partial(helper.run, act(2, 1, "b"))]
        at_once(calls, at_end=helper.leave_thread)

        if is_own:
            assert self.rows(helper) in (["a", "a"], ["b", "b"])
        else:
            assert [3, 3] == self.versions(helper)

    def test_who_always_loses_is_told_to_try_later(self, helper: Helper, caplog: pytest.LogCaptureFixture) -> None:
        """After the last attempt nothing was saved, and the error is that of a store that cannot be had now."""
        caplog.set_level(logging.INFO, "datashare.sql")
        attempts = list[int]()

        def act(_store: StoreWithOutbox, execute: Execute) -> None:
            attempts.append(1)
            note(execute, 1, "asked")
            raise TransactionLost("Deadlock.")

        with pytest.raises(StoreUnavailable, match=r"Deadlock\. Try again later with the same command id"):
            helper.run(act)

        assert (ATTEMPTS, ["", ""]) == (len(attempts), self.rows(helper))
        assert (ATTEMPTS - 1) * ["transaction.repeated"] + ["database.failed"] == caplog.messages
        assert {"TransactionLost"} == {vars(record)["error"] for record in caplog.records[:-1]}

    @pytest.mark.parametrize("helper", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("raised", [KeyError("of the host"), None], ids=["raises", "returns"])
    def test_a_connection_that_breaks_meanwhile_shows_no_raw_error(
        self, helper: Helper, raised: Exception | None
    ) -> None:
        """What the work raised arrives, although nothing can be rolled back; where it raised nothing, it is unsaved."""

        def act(_store: StoreWithOutbox, execute: Execute) -> None:
            note(execute, 1, "asked")
            backend = execute("SELECT pg_backend_pid()")
            helper.elsewhere(lambda: helper.execute(f"SELECT pg_terminate_backend({backend}, 30000)"))
            if raised:
                raise raised

        with pytest.raises(KeyError if raised else StoreUnavailable):
            helper.run(act)

        assert ["", ""] == self.rows(helper)
