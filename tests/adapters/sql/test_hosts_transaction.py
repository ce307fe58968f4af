"""On a connection the store works within the host's transaction, and leaves it to the host."""

import threading
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import attrs
import pymysql
import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.delivery import deliver
from datashare.domain.agreements import RefusalCode
from datashare.errors import Misconfigured, StoreError, TransactionLost
from datashare.ports import readable
from datashare.service import Outcomes
from datashare.testing import CountingStore, InterleavingStore, RecordingNotifier, at_once
from datashare.testing.changes import asked
from tests.world import ANA, HILDA, MIS, OSCAR, TRUST, World

from .databases import disposing, on_servers


def ask(world: World, connection: Connection, *urns: int, command_id: str = "ask") -> Outcomes:
    """Let the trust ask schools within a host's transaction."""
    sharing = world.over(SqlAgreementStore(connection))
    return sharing.for_group(TRUST, actor=ANA).request(urns, level=MIS, command_id=command_id)


def states(engine: Engine) -> list[int]:
    """List the schools that have an agreement, as everybody sees them."""
    return [state.urn for state in readable(SqlAgreementStore(engine).states(TRUST))]


def test_it_joins_what_the_host_does_itself(engine: Engine) -> None:
    """The host's own rows and the action are one transaction."""
    world = World()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE host_audit (what VARCHAR(20))"))
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO host_audit VALUES ('asked')"))
        ask(world, connection, HILDA)
        connection.rollback()
    with engine.begin() as connection:
        assert 0 == connection.scalar(text("SELECT COUNT(*) FROM host_audit"))
        connection.execute(text("DROP TABLE host_audit"))

    assert [] == states(engine)


@on_servers
def test_a_lost_race_is_a_conflict_at_once(engine: Engine) -> None:
    """Within the host's transaction nothing is decided again; the other schools are unaffected."""
    world = World()
    other = world.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)
    with engine.begin() as connection:
        counting = CountingStore(SqlAgreementStore(connection))
        racing = InterleavingStore(counting, lambda: other.request([HILDA], level=MIS, command_id="other"))
        outcomes = world.over(racing).for_group(TRUST, actor=ANA).request([HILDA, OSCAR], level=MIS, command_id="ask")

    assert [RefusalCode.CONFLICT] == [outcome.code for outcome in outcomes.not_done]
    assert [OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert (2, 1) == (counting.calls["load"], counting.calls["append"])  # one load looks for a double click
    assert [HILDA, OSCAR] == states(engine)
    assert ["other"] == [event.command_id for event in SqlAgreementStore(engine).history(outcomes[0].agreement)]


@pytest.mark.rule("K4")
@on_servers
def test_a_double_click_in_two_transactions_is_answered_twice(engine: Engine) -> None:
    """What the other transaction has committed under the same id is seen, and answered as the replay that it is."""
    world = World()
    other = world.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        twin = partial(other.request, [HILDA], level=MIS, command_id="ask")
        racing = InterleavingStore(SqlAgreementStore(connection), twin)
        (done,) = world.over(racing).for_group(TRUST, actor=ANA).request([HILDA], level=MIS, command_id="ask").done

    assert done.replayed
    assert 1 == done.after.version


@on_servers
def test_a_deadlock_of_two_hosts_loses_one_transaction_and_repeats_it(engine: Engine) -> None:
    """Each locks the school that the other wants: one has to roll back, and then repeats with the same id."""
    world, lost = World(), list[TransactionLost]()
    both_hold = threading.Barrier(2)

    def act(first: int, second: int, command_id: str) -> None:
        with engine.connect() as connection:
            ask(world, connection, first, command_id=f"{command_id}-1")
            both_hold.wait(timeout=30)
            try:
                ask(world, connection, second, command_id=f"{command_id}-2")
                connection.commit()
            except TransactionLost as error:
                lost.append(error)
                connection.rollback()
                repeated = ask(world, connection, first, second, command_id=f"{command_id}-1")
                connection.commit()
                assert 2 == len(repeated.not_done)
                codes = {outcome.code for outcome in repeated.not_done}
                assert codes <= {RefusalCode.REQUEST_ALREADY_OPEN, RefusalCode.CONFLICT}

    threads = [threading.Thread(target=act, args=args) for args in ((HILDA, OSCAR, "a"), (OSCAR, HILDA, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert ["Roll it back, then repeat with the same command id."] == [str(error)[-51:].strip() for error in lost]
    assert [HILDA, OSCAR] == states(engine)
    assert [1, 1] == [state.version for state in readable(SqlAgreementStore(engine).states(TRUST))]


def test_a_file_that_another_writes_loses_the_hosts_transaction(tmp_path: Path, sqlite: Engine) -> None:
    """Where the host did not begin with BEGIN IMMEDIATE, a busy file means a lost transaction."""
    world, engine = World(), sqlite_engine(tmp_path / "agreements.db", wait=timedelta(0))
    with disposing(engine) as impatient, sqlite.connect() as busy, impatient.connect() as connection:
        busy.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(TransactionLost, match="database is locked"):
            ask(world, connection, HILDA)
        connection.rollback()
        busy.rollback()
        assert 1 == len(ask(world, connection, HILDA).done)
        connection.commit()

    assert [HILDA] == states(sqlite)


def test_after_a_failure_within_the_hosts_transaction_it_is_lost(postgresql: Engine) -> None:
    """PostgreSQL takes nothing more until the host rolls back, and the error says so."""
    with postgresql.connect() as connection:
        store = SqlAgreementStore(connection)
        store.states(TRUST)
        with pytest.raises(Exception, match="division by zero"):
            connection.execute(text("SELECT 1 / 0"))

        with pytest.raises(TransactionLost, match="Roll it back"):
            store.states(TRUST)
        connection.rollback()
        assert [] == store.states(TRUST)


def test_delivery_needs_an_engine(sqlite: Engine) -> None:
    """What was sent cannot be rolled back, so it is not recorded in a transaction that can."""
    with sqlite.begin() as connection, pytest.raises(Misconfigured, match="bound to an Engine, since delivery commits"):
        deliver(SqlAgreementStore(connection), RecordingNotifier())


def test_a_connection_that_commits_by_itself_is_refused(postgresql: Engine) -> None:
    """On such a connection a change would be saved in parts."""
    with (
        disposing(create_engine(postgresql.url, isolation_level="AUTOCOMMIT")) as alone,
        closing(alone.connect()) as connection,
        pytest.raises(Misconfigured, match="commits each statement by itself"),
    ):
        SqlAgreementStore(connection).states(TRUST)


def test_an_engine_that_commits_by_itself_is_used_with_transactions(postgresql: Engine) -> None:
    """On an engine the store begins and ends its transactions itself."""
    with disposing(create_engine(postgresql.url, isolation_level="AUTOCOMMIT")) as alone:
        store = SqlAgreementStore(alone)

        assert frozenset() == store.append([asked()])
        assert [asked().after] == store.states(TRUST)


def test_nothing_of_a_call_that_failed_stays_in_the_hosts_transaction(engine: Engine) -> None:
    """A host that commits nevertheless commits its own rows, and no agreement without its notices."""
    change, other = asked(1), asked(2)
    clashing = attrs.evolve(other, notices=(*other.notices, other.notices[0]))
    store = SqlAgreementStore(engine)
    with engine.connect() as connection:
        joined = SqlAgreementStore(connection)
        assert frozenset() == joined.append([asked(3)])
        with pytest.raises(StoreError):
            joined.append([change, clashing])
        connection.commit()

    assert [3] == [state.urn for state in readable(store.states(TRUST))]
    assert [3] == [event.agreement.urn for event in store.group_history(TRUST)]
    assert {3} == {notice.agreement.urn for notice in store.notices(TRUST)}


def test_an_engine_that_begins_by_itself_never_loses_to_another_writer(tmp_path: Path, sqlite: Engine) -> None:
    """Where an engine says BEGIN on every connection, the store begins again, and waits for its turn."""
    with disposing(sqlite_engine(tmp_path / "agreements.db")) as begun:
        event.listen(begun, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        store = SqlAgreementStore(begun)
        at_once(partial(store.append, [asked(urn)]) for urn in range(1, 9))

    assert 8 == len(SqlAgreementStore(sqlite).states(TRUST))


def test_a_database_that_is_not_understood_is_refused() -> None:
    """The statements are written for three databases; any driver of theirs is taken, with or without its URL's."""
    engine = create_engine("mssql+pymssql://nobody@localhost/nothing", module=pymysql)

    with pytest.raises(Misconfigured, match="of one of the databases sqlite, postgresql, mysql, mariadb"):
        SqlAgreementStore(engine)
