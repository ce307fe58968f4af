"""`in_transaction` commits the host's rows and the action together, and repeats all of it if it lost."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.orm import Session

from datashare.adapters.sql import SqlAgreementStore, in_transaction, sqlite_engine
from datashare.adapters.sql._database import ATTEMPTS
from datashare.domain.agreements import RefusalCode
from datashare.errors import InvalidValue, Refused, StoreUnavailable, TransactionLost
from datashare.ports import readable
from datashare.service import Outcomes
from datashare.testing import InterleavingStore, StoreWithOutbox, at_once
from tests.world import ACTIONS, ANA, HILDA, MIS, OSCAR, TRUST, World, head

from .databases import disposing, on_servers

own = MetaData()
clicks = Table("host_click", own, Column("number", Integer, primary_key=True), Column("what", String(20)))


@pytest.fixture(autouse=True)
def _own_table(engine: Engine) -> None:
    """Give the host a table of its own, with two rows, beside those of the library."""
    own.drop_all(engine)
    own.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(clicks), [{"number": 1, "what": ""}, {"number": 2, "what": ""}])


def rows(engine: Engine) -> list[str]:
    """List what the host's own rows say, in their order."""
    with engine.connect() as connection:
        return list(connection.scalars(select(clicks.c.what).order_by(clicks.c.number)))


def note(connection: Connection, number: int, what: str) -> None:
    """Write into one of the host's own rows."""
    connection.execute(update(clicks).where(clicks.c.number == number).values(what=what))


def ask(world: World, store: StoreWithOutbox, *urns: int, command_id: str = "ask") -> Outcomes:
    """Let the trust ask schools."""
    return world.sharing.over(store).for_group(TRUST, actor=ANA).request(urns, level=MIS, command_id=command_id)


@pytest.mark.rule("K4")
def test_six_clicks_are_one_deed_and_five_replays(engine: Engine) -> None:
    """Each click is a connection of its own; five begin anew, and find what the first one did."""
    world, answers = World(), list[Outcomes]()

    def click(connection: Connection, store: SqlAgreementStore) -> Outcomes:
        outcomes = ask(world, store, HILDA, OSCAR)
        if not all(done.replayed for done in outcomes.done):
            connection.execute(insert(clicks).values(number=3, what="asked"))
        return outcomes

    at_once(6 * [lambda: answers.append(in_transaction(engine, click))])

    assert 6 * [2] == [len(outcomes.done) for outcomes in answers]
    assert 5 * [True] == sorted(outcomes.done[0].replayed for outcomes in answers)[1:]
    assert ["", "", "asked"] == rows(engine)
    assert [1, 1] == [state.version for state in readable(SqlAgreementStore(engine).states(TRUST))]


def test_what_the_work_raises_rolls_everything_back(engine: Engine) -> None:
    """The host's own error arrives as it is, after one attempt."""
    world, attempts = World(), list[int]()

    def fail(connection: Connection, store: SqlAgreementStore) -> None:
        attempts.append(1)
        note(connection, 1, "asked")
        assert 1 == len(ask(world, store, HILDA).done)
        raise KeyError("of the host")

    with pytest.raises(KeyError, match="of the host"):
        in_transaction(engine, fail)

    assert ([1], ["", ""], []) == (attempts, rows(engine), SqlAgreementStore(engine).states(TRUST))


def test_a_session_joins_by_its_connection(engine: Engine) -> None:
    """Where the host commits its session, only the whole is committed; a session's own transaction is joined too."""
    world = World()

    def act(connection: Connection, store: SqlAgreementStore) -> None:
        with Session(connection) as session:
            session.execute(update(clicks).values(what="asked"))
            session.commit()
        ask(world, store, HILDA)
        raise KeyError("of the host")

    with pytest.raises(KeyError):
        in_transaction(engine, act)
    assert ["", ""] == rows(engine)

    with Session(engine) as session:
        ask(world, SqlAgreementStore(session.connection()), HILDA)
        session.execute(update(clicks).values(what="asked"))
        session.commit()
    assert ["asked", "asked"] == rows(engine)
    assert 1 == len(SqlAgreementStore(engine).states(TRUST))


@on_servers
def test_a_lost_race_is_run_anew_and_decided_on_what_the_others_saved(engine: Engine) -> None:
    """The school that another request reached meanwhile is refused for that, and not as a conflict."""
    world, attempts = World(), list[int]()
    other = partial(ask, world, SqlAgreementStore(engine), HILDA, command_id="other")

    def act(connection: Connection, store: SqlAgreementStore) -> Outcomes:
        attempts.append(1)
        note(connection, 1, f"asked {len(attempts)}")
        return ask(world, InterleavingStore(store, other) if len(attempts) == 1 else store, HILDA, OSCAR)

    outcomes = in_transaction(engine, act)

    assert [RefusalCode.REQUEST_ALREADY_OPEN] == [outcome.code for outcome in outcomes.not_done]
    assert [OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert ["asked 2", ""] == rows(engine)


@on_servers
def test_an_answer_that_lost_a_race_is_given_anew(engine: Engine) -> None:
    """A school's order raises where it was not carried out; that counts as lost too."""
    world, attempts = World(store=SqlAgreementStore(engine)), list[int]()
    (request,) = world.asked(HILDA)

    def withdraw() -> None:
        world.trust().withdraw([request], command_id="withdraw")

    def act(_connection: Connection, store: SqlAgreementStore) -> None:
        attempts.append(1)
        answering = InterleavingStore(store, withdraw) if len(attempts) == 1 else store
        world.sharing.over(answering).for_school(HILDA, actor=head()).approve(request)

    with pytest.raises(Refused) as caught:
        in_transaction(engine, act)

    assert (2, [RefusalCode.REQUEST_NOT_OPEN]) == (len(attempts), [reason.code for reason in caught.value.reasons])


@on_servers
def test_schools_that_others_keep_changing_are_conflicts(engine: Engine) -> None:
    """The last attempt is committed as it is, so that the other schools are done."""
    world, attempts = World(store=SqlAgreementStore(engine)), list[int]()

    def change() -> None:
        number = len(attempts)
        (request,) = world.trust().request([HILDA], level=MIS, command_id=f"other-{number}").requests
        world.trust().withdraw([request], command_id=f"back-{number}")

    def act(_connection: Connection, store: SqlAgreementStore) -> Outcomes:
        attempts.append(1)
        return ask(world, InterleavingStore(store, change), HILDA, OSCAR)

    outcomes = in_transaction(engine, act)

    assert ATTEMPTS == len(attempts)
    assert [RefusalCode.CONFLICT] == [outcome.code for outcome in outcomes.not_done]
    assert [OSCAR] == [outcome.urn for outcome in outcomes.done]


@on_servers
@pytest.mark.parametrize("is_own", [True, False], ids=["own-rows", "agreements"])
def test_a_deadlock_is_repeated(engine: Engine, is_own: bool) -> None:
    """Two lock what the other one wants, by statements of their own or by actions; both end well."""
    world, both_hold = World(), threading.Barrier(2)

    def act(first: int, second: int, name: str) -> Callable[[Connection, SqlAgreementStore], None]:
        attempts = list[int]()

        def work(connection: Connection, store: SqlAgreementStore) -> None:
            attempts.append(1)
            lock = partial(note, connection, what=name) if is_own else partial(_ask_one, world, store, name)
            lock(first)
            if len(attempts) == 1:
                both_hold.wait(timeout=30)
            lock(second)

        return work

    at_once([
        partial(in_transaction, engine, act(1, 2, "a")),
        partial(in_transaction, engine, act(2, 1, "b")),
    ])  # fmt: skip

    if is_own:
        assert rows(engine) in (["a", "a"], ["b", "b"])
    else:
        assert [1, 1] == [state.version for state in readable(SqlAgreementStore(engine).states(TRUST))]


def _ask_one(world: World, store: SqlAgreementStore, name: str, number: int) -> None:
    ask(world, store, {1: HILDA, 2: OSCAR}[number], command_id=f"{name}-{number}")


def test_who_always_loses_is_told_to_try_later(engine: Engine) -> None:
    """After the last attempt nothing was saved, and the error is that of a store that cannot be had now."""
    attempts = list[int]()

    def act(connection: Connection, _store: SqlAgreementStore) -> None:
        attempts.append(1)
        note(connection, 1, "asked")
        raise TransactionLost("Deadlock.")

    with pytest.raises(StoreUnavailable, match=r"Deadlock\. Try again later with the same command id"):
        in_transaction(engine, act)
    assert (ATTEMPTS, ["", ""]) == (len(attempts), rows(engine))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_file_that_stays_busy_is_unavailable(tmp_path: Path, engine: Engine) -> None:
    """The wait of the engine was long enough; nothing is repeated after it."""
    impatient = sqlite_engine(tmp_path / "agreements.db", wait=timedelta(0))
    with disposing(impatient), engine.connect() as busy:
        busy.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="database is locked"):
            in_transaction(impatient, lambda _connection, store: ask(World(), store, HILDA))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_takes_an_engine_and_a_function(engine: Engine) -> None:
    """A connection has a transaction already, which could not be repeated."""
    with engine.connect() as connection, pytest.raises(InvalidValue, match="engine must be an Engine of SQLAlchemy"):
        in_transaction(connection, lambda _connection, _store: None)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="work must be a function of a connection and a store"):
        in_transaction(engine, ACTIONS)  # type: ignore[arg-type]
