"""The SQL store keeps every promise of its port, on each database."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.adapters.sql._tables import agreements, events, notices, outcomes
from datashare.domain.agreements import AgreementId
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable
from datashare.testing import (
    AgreementStoreContract,
    BrokenStores,
    CountRoundTrips,
    Damage,
    Erase,
    FailingWrite,
    InHostsTransaction,
    MakeStore,
    OutboxContract,
    StoreWithOutbox,
)
from datashare.testing.comparison import compare_with_memory

from .databases import disposing, emptied, fail_nth_write, open_engine, open_store, round_trips, url_of

DOCUMENTS = {
    "state": (agreements, "state"),
    "event": (events, "text"),
    "outcome": (outcomes, "cautions"),
    "notice": (notices, "text"),
}
"""Where the text of each kind of row is kept."""


class SqlSuite(AgreementStoreContract, OutboxContract):
    """What the suites of all databases share; each has its own `engine`."""

    rounds = 1
    steps = 60

    @pytest.fixture
    def store(self, engine: Engine) -> StoreWithOutbox:
        """Return a store of its own transactions."""
        return SqlAgreementStore(engine)

    @pytest.fixture
    def round_trips(self, engine: Engine) -> CountRoundTrips:
        """Count statements."""
        return lambda call: round_trips(engine, call)

    @pytest.fixture
    def in_hosts_transaction(self, engine: Engine) -> InHostsTransaction:
        """Work on a connection."""

        def work_and_end(work: Callable[[StoreWithOutbox], None], commits: bool) -> None:
            with engine.connect() as connection:
                work(SqlAgreementStore(connection))
                if commits:
                    connection.commit()
                else:
                    connection.rollback()

        return work_and_end

    @pytest.fixture
    def broken_stores(self, tmp_path: Path) -> Iterator[BrokenStores]:
        """Return stores of a file without tables, of a file in a missing folder, and of two missing servers."""
        engines = {
            sqlite_engine(tmp_path / "without-tables.db"): SchemaMismatch,
            sqlite_engine(tmp_path / "no-such-folder" / "agreements.db"): StoreError,
            create_engine(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}"): StoreUnavailable,
            create_engine("mariadb+pymysql://nobody@127.0.0.1:1/nothing"): StoreUnavailable,
        }
        yield {SqlAgreementStore(engine): error for engine, error in engines.items()}
        for engine in engines:
            engine.dispose()

    @pytest.fixture
    def other_engine(self, engine: Engine) -> Iterator[Engine]:
        """Return a second engine of the same database."""
        with disposing(open_engine(url_of(engine))) as other:
            yield other

    @pytest.fixture
    def reopened(self, other_engine: Engine) -> MakeStore:
        """Make stores on the second engine."""
        return partial(SqlAgreementStore, other_engine)

    @pytest.fixture
    def second_process(self, engine: Engine) -> MakeStore:
        """Make a store by the URL of the database."""
        return partial(open_store, url_of(engine))

    @pytest.fixture
    def failing_write(self, other_engine: Engine) -> FailingWrite:
        """Let a statement fail on the second engine."""

        def failing(number: int) -> StoreWithOutbox:
            fail_nth_write(other_engine, number)
            return SqlAgreementStore(other_engine)

        return failing

    @pytest.fixture
    def damage(self, engine: Engine) -> Damage:
        """Write what a later version might have written."""

        def damage(what: str, agreement: AgreementId) -> None:
            table, column = DOCUMENTS[what]
            own = table.c.group_id == str(agreement.group), table.c.urn == agreement.urn
            with engine.begin() as connection:
                connection.execute(table.update().where(*own).values({column: '{"v":9}'}))

        return damage

    @pytest.fixture
    def erase(self, engine: Engine) -> Erase:
        """Set the words of all events to NULL."""

        def erase() -> None:
            with engine.begin() as connection:
                connection.execute(events.update().values(erasable=None))

        return erase


class TestOnSqlite(SqlSuite):
    """On a SQLite file."""

    @pytest.fixture
    def engine(self, sqlite: Engine) -> Engine:
        """Return the file."""
        return sqlite


class TestOnPostgresql(SqlSuite):
    """On a PostgreSQL server."""

    @pytest.fixture
    def engine(self, postgresql: Engine) -> Engine:
        """Return the database."""
        return postgresql


class TestOnPostgresqlByPsycopg2(SqlSuite):
    """On a PostgreSQL server, by the older driver, which has no quick way to write rows."""

    @pytest.fixture
    def engine(self, postgresql: Engine) -> Iterator[Engine]:
        """Return the database."""
        url = postgresql.url.set(drivername="postgresql+psycopg2")
        with disposing(create_engine(url, pool_size=20)) as engine:
            yield engine


@pytest.mark.mariadb
class TestOnMariadb(SqlSuite):
    """On a MariaDB server."""

    @pytest.fixture
    def engine(self, mariadb: Engine) -> Engine:
        """Return the database."""
        return mariadb


def test_it_answers_as_the_store_in_memory_does(engine: Engine) -> None:
    """Whatever is called in whatever order, every answer is that of the store in memory."""
    drawn = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    case = compare_with_memory(lambda: SqlAgreementStore(emptied(engine)), settings=drawn)

    case("runTest").debug()
