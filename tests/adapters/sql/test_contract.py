"""The SQL store keeps every promise of its port, on each database."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.testing import (
    AgreementStoreContract,
    CountRoundTrips,
    InHostsTransaction,
    OutboxContract,
    StoreWithOutbox,
)
from datashare.testing.comparison import compare_with_memory

from .databases import emptied, round_trips


class SqlSuite(AgreementStoreContract, OutboxContract):
    """What the suites of all databases share; each has its own `engine`."""

    rounds = 3
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
    def broken_stores(self, tmp_path: Path) -> Iterator[Iterable[StoreWithOutbox]]:
        """Return stores of a file without tables, of a file in a missing folder, and of two missing servers."""
        engines = [
            sqlite_engine(tmp_path / "without-tables.db"),
            sqlite_engine(tmp_path / "no-such-folder" / "agreements.db"),
            create_engine(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}"),
            create_engine("mariadb+pymysql://nobody@127.0.0.1:1/nothing"),
        ]
        yield map(SqlAgreementStore, engines)
        for engine in engines:
            engine.dispose()


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
