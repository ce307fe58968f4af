"""`in_transaction` commits the host's rows and the action together, and repeats all of it if it lost."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from sqlalchemy import Connection, Engine, exc
from sqlalchemy.orm import Session

from datashare.adapters.sql import SqlAgreementStore, in_transaction, sqlite_engine
from datashare.errors import Misconfigured, StoreUnavailable
from datashare.ports import readable
from tests.adapters.one_transaction import MARIADB, Execute, OneTransaction, Work, ask, note
from tests.world import ACTIONS, HILDA, TRUST, World

from .databases import disposing

_T = TypeVar("_T")


def executing(connection: Connection) -> Execute:
    """Return a function that executes the host's own statements on a connection."""

    def execute(statement: str) -> Any:  # noqa: ANN401 - whatever the database answers
        result = connection.exec_driver_sql(statement)
        return result.scalar() if result.returns_rows else None

    return execute


@attrs.frozen
class InTransaction:
    """The helper, on an engine."""

    engine: Engine
    integrity_error: type[Exception] = exc.IntegrityError

    def run(self, work: Work[_T]) -> _T:
        """Do some work through the helper."""
        return in_transaction(self.engine, lambda connection, store: work(store, executing(connection)))

    def store(self) -> SqlAgreementStore:
        """Make a store on the engine."""
        return SqlAgreementStore(self.engine)

    def execute(self, statement: str) -> object:
        """Execute a statement on a connection of its own."""
        with self.engine.begin() as connection:
            return executing(connection)(statement)

    def elsewhere(self, call: Callable[[], object]) -> None:
        """Make a call, which takes a connection of its own anyway."""
        call()

    def leave_thread(self) -> None:
        """Leave the connections to the pool."""


class TestInTransaction(OneTransaction):
    """On each database."""

    @pytest.fixture(params=["sqlite", "postgresql", MARIADB])
    def helper(self, request: pytest.FixtureRequest) -> InTransaction:
        """Return the helper on an empty database."""
        return InTransaction(request.getfixturevalue(request.param))

    def test_a_session_joins_by_its_connection(self, helper: InTransaction) -> None:
        """Where the host commits its session, only the whole is committed; a session's own is joined too."""
        world = World()

        def act(connection: Connection, store: SqlAgreementStore) -> None:
            with Session(connection) as session:
                note(executing(session.connection()), 1, "asked")
                session.commit()
            ask(world, store, HILDA)
            raise KeyError("of the host")

        with pytest.raises(KeyError):
            in_transaction(helper.engine, act)
        assert ["", ""] == self.rows(helper)

        with Session(helper.engine) as session:
            ask(world, SqlAgreementStore(session.connection()), HILDA)
            note(executing(session.connection()), 2, "asked")
            session.commit()
        assert ["", "asked"] == self.rows(helper)
        assert 1 == len(readable(helper.store().states(TRUST)))


def test_a_file_that_stays_busy_is_unavailable(tmp_path: Path, sqlite: Engine) -> None:
    """The wait of the engine was long enough; nothing is repeated after it."""
    impatient = sqlite_engine(tmp_path / "agreements.db", wait=timedelta(0))
    with disposing(impatient), sqlite.connect() as busy:
        busy.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="database is locked"):
            in_transaction(impatient, lambda _connection, store: ask(World(), store, HILDA))


def test_it_takes_an_engine_and_a_function(sqlite: Engine) -> None:
    """A connection has a transaction already, which could not be repeated."""
    with sqlite.connect() as connection, pytest.raises(Misconfigured, match="engine must be an Engine of SQLAlchemy"):
        in_transaction(connection, lambda _connection, _store: None)  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="work must be a function of a connection and a store"):
        in_transaction(sqlite, ACTIONS)  # type: ignore[arg-type]
