"""Every driver of the three databases is taken; async ones within `run_sync` and `in_async_transaction`."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from datashare.adapters.sql import SqlAgreementStore, create_schema, in_async_transaction, in_transaction
from datashare.adapters.sql._errors import mapped
from datashare.errors import Misconfigured, SchemaMismatch, StoreError, StoreUnavailable, TransactionLost
from datashare.service import Outcomes
from tests.world import ANA, HILDA, MIS, OSCAR, TRUST, World

from .databases import disposing, sqlite_file
from .public_calls import CALLS, busy_world

_T = TypeVar("_T")

ASYNC = ("postgresql+asyncpg", "postgresql+psycopg", "sqlite+aiosqlite")
SERVER = ASYNC[:2]


@pytest.fixture
def url(request: pytest.FixtureRequest, driver: str) -> Iterator[sa.URL]:
    """Yield the URL of an empty database with its tables, for a driver."""
    if driver.startswith("sqlite"):
        folder: Path = request.getfixturevalue("tmp_path")
        with sqlite_file(folder) as engine:
            yield engine.url.set(drivername=driver)
    else:
        postgresql: sa.Engine = request.getfixturevalue("postgresql")
        yield postgresql.url.set(drivername=driver)


def on(url: sa.URL, work: Callable[[AsyncEngine], Awaitable[_T]]) -> _T:
    """Do some work on an async engine of its own, in an event loop of its own."""

    async def run() -> _T:
        engine = create_async_engine(url)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def ask(world: World, store: SqlAgreementStore, *urns: int, command_id: str = "ask") -> Outcomes:
    """Let the trust ask schools."""
    return world.sharing.over(store).for_group(TRUST, actor=ANA).request(urns, level=MIS, command_id=command_id)


def every_call(engine: sa.Engine) -> int:
    """Make every public call; return how many there are."""
    world = busy_world(SqlAgreementStore(engine))
    for call in CALLS.values():
        call(world)
    return len(CALLS)


@pytest.mark.parametrize("driver", ASYNC)
def test_every_public_call_works_on_an_async_driver(url: sa.URL) -> None:
    """What a driver lacks, such as COPY, is done in another way."""
    assert len(CALLS) == on(url, lambda engine: greenlet_spawn(every_call, engine.sync_engine))


@pytest.mark.parametrize("driver", ASYNC)
def test_an_async_host_shares_its_transaction(url: sa.URL) -> None:
    """By `run_sync`, the host's rows and the action are committed, or rolled back, together."""
    world = World()

    def states(connection: sa.Connection) -> int:
        return len(SqlAgreementStore(connection).states(TRUST))

    async def act(engine: AsyncEngine) -> list[int]:
        counts = []
        for urn, commits in ((HILDA, False), (OSCAR, True)):

            def work(connection: sa.Connection, urn: int = urn) -> int:
                return len(ask(world, SqlAgreementStore(connection), urn, command_id=f"ask-{urn}").done)

            async with engine.connect() as connection:
                assert 1 == await connection.run_sync(work)
                await (connection.commit() if commits else connection.rollback())
            async with engine.connect() as connection:
                counts.append(await connection.run_sync(states))
        return counts

    assert [0, 1] == on(url, act)


@pytest.mark.rule("K4")
@pytest.mark.parametrize("driver", ASYNC)
def test_six_clicks_of_an_async_host_are_one_deed(url: sa.URL) -> None:
    """They run in one event loop, each on a connection of its own."""
    world = World()

    async def click(engine: AsyncEngine) -> list[Outcomes]:
        clicks = [in_async_transaction(engine, lambda _, store: ask(world, store, HILDA)) for _ in range(6)]
        return list(await asyncio.gather(*clicks))

    answers = on(url, click)

    assert [False, *5 * [True]] == sorted(done.replayed for outcomes in answers for done in outcomes.done)


@pytest.mark.parametrize("driver", ["sqlite+aiosqlite"])
def test_the_loop_goes_on_during_a_pause(url: sa.URL) -> None:
    """A click that waits for its next attempt holds up nobody else."""
    attempts = list[str]()

    def lose(_connection: sa.Connection, _store: SqlAgreementStore) -> str:
        attempts.append("lost")
        if len(attempts) < 5:
            raise TransactionLost
        return "done"

    async def act(engine: AsyncEngine) -> tuple[str, int]:
        work = asyncio.create_task(in_async_transaction(engine, lose))
        others = 0
        while not work.done():
            await asyncio.sleep(0.001)
            others += 1
        return await work, others

    done, others = on(url, act)

    assert ("done", 5) == (done, len(attempts))
    assert others > len(attempts)


@pytest.mark.parametrize("driver", ["sqlite+aiosqlite"])
def test_an_async_engine_is_told_from_a_plain_one(url: sa.URL) -> None:
    """Each function names the engine that it needs; outside of the loop, the store cannot use an async one."""

    async def act(engine: AsyncEngine) -> None:
        with pytest.raises(Misconfigured, match="engine must be an Engine of SQLAlchemy"):
            in_transaction(engine, lambda _connection, _store: None)  # type: ignore[arg-type]
        with pytest.raises(Misconfigured, match="engine must be an AsyncEngine of SQLAlchemy"):
            await in_async_transaction(engine.sync_engine, lambda _connection, _store: None)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="greenlet_spawn has not been called"):
            SqlAgreementStore(engine.sync_engine).states(TRUST)

    on(url, act)


def error_of(url: sa.URL, work: Callable[[sa.Engine], object]) -> StoreError:
    """Return the error of some work on a driver, async or not."""

    def run() -> object:
        if url.drivername != "postgresql+psycopg2":
            return on(url, lambda engine: greenlet_spawn(work, engine.sync_engine))
        with disposing(sa.create_engine(url)) as engine:
            return work(engine)

    with pytest.raises(StoreError) as caught:
        run()
    assert "hilda.example" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def states(engine: sa.Engine) -> object:
    """List the agreements."""
    return SqlAgreementStore(engine).states(TRUST)


def select(engine: sa.Engine, expression: sa.ColumnElement[object]) -> object:
    """Select a value, with the store's care for errors."""

    def run() -> object:
        with engine.connect() as connection:
            return connection.scalar(sa.select(expression))

    return mapped(run)


WRITTEN = "head@hilda.example"


@pytest.mark.parametrize("driver", [*SERVER, "postgresql+psycopg2"])
def test_errors_mean_the_same_by_every_driver(url: sa.URL) -> None:
    """No driver's own error leaves, and none quotes a value."""
    nobody, nowhere = url.set(username="nobody"), url.set(database="nowhere")
    closed = url.set(host="127.0.0.1", port=1, query={})
    for wrong in (nobody, nowhere):
        assert "Check the user's name, password and rights" in str(error_of(wrong, states))
    assert StoreUnavailable is type(error_of(closed, states))
    assert SchemaMismatch is type(error_of(url, partial(select, expression=sa.literal_column("missing"))))
    as_number = partial(select, expression=sa.cast(sa.literal(WRITTEN, sa.Text), sa.Integer))
    assert "The database refused a value" in str(error_of(url, as_number))
    ended = partial(select, expression=sa.func.pg_terminate_backend(sa.func.pg_backend_pid()))
    assert StoreUnavailable is type(error_of(url, ended))


@pytest.mark.parametrize("driver", ["postgresql+asyncpg"])
def test_a_value_that_the_driver_refuses_is_not_quoted(url: sa.URL) -> None:
    """The driver itself compares a value with the type that the server expects."""
    wrong = partial(select, expression=sa.bindparam("number", WRITTEN, sa.Integer))

    assert "The database refused a value" in str(error_of(url, wrong))


@pytest.mark.parametrize("driver", [*SERVER, "postgresql+psycopg2"])
def test_a_lost_lock_is_a_lost_transaction_by_every_driver(url: sa.URL, postgresql: sa.Engine) -> None:
    """Whatever a driver calls the code, the transaction is repeated, and then it is unavailable."""
    attempts = list[str]()

    def wait_in_vain(connection: sa.Connection, store: SqlAgreementStore) -> object:
        attempts.append("lost")
        connection.execute(sa.text("SET LOCAL lock_timeout = 1"))
        return ask(World(), store, HILDA)

    ask(World(), SqlAgreementStore(postgresql), HILDA)
    with postgresql.begin() as holder:
        holder.execute(sa.text("LOCK TABLE datashare_agreements IN ACCESS EXCLUSIVE MODE"))
        assert StoreUnavailable is type(error_of(url, lambda engine: in_transaction(engine, wait_in_vain)))

    assert 6 == len(attempts)


@pytest.mark.mariadb
def test_another_driver_of_mariadb_takes_the_ordinary_way(mariadb: sa.Engine) -> None:
    """SQLAlchemy then handles each value. This driver is PyMySQL under another name."""
    socket, database = mariadb.url.query["unix_socket"], mariadb.url.database
    connect = partial(pymysql.connect, user="root", unix_socket=socket, database=database, charset="utf8mb4")
    with disposing(sa.create_engine("mysql+mysqldb://", module=pymysql, creator=connect)) as engine:
        create_schema(engine)

        assert len(CALLS) == every_call(engine)
