"""The made-up world over a store of each kind."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest
from sqlalchemy import Engine

from datashare.adapters.memory import MemoryAgreementStore
from datashare.adapters.sql import SqlAgreementStore
from datashare.ports import AgreementStore
from tests.adapters.sql.databases import emptied, server_database, sqlite_file
from tests.servers import Server
from tests.world import (
    HILDA,
    NO_APPROVER,
    OSCAR,
    World,
)

DATABASES = ["memory", "sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@attrs.define
class Databases:
    """A database of each server, made when a test first asks for it."""

    left_at_the_end: ExitStack
    made: dict[str, Engine] = attrs.field(factory=dict)

    def of(self, name: str, request: pytest.FixtureRequest) -> Engine:
        """Give the empty database of a server."""
        if name not in self.made:
            server: Server = request.getfixturevalue(f"{name}_server")
            self.made[name] = self.left_at_the_end.enter_context(server_database(server))
        return emptied(self.made[name])


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    """Keep the databases for all tests of this file."""
    with ExitStack() as left_at_the_end:
        yield Databases(left_at_the_end)


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> Iterator[AgreementStore]:
    """Give an empty store of each kind."""
    if request.param == "memory":
        yield MemoryAgreementStore()
    elif request.param == "sqlite":
        with sqlite_file(tmp_path) as engine:
            yield SqlAgreementStore(engine)
    else:
        yield SqlAgreementStore(databases.of(request.param, request))


@pytest.fixture
def world(store: AgreementStore) -> World:
    """Give the made-up world over a store of each kind, with two agreements and an open request."""
    world = World(store=store)
    world.approved(HILDA, OSCAR)
    world.asked(NO_APPROVER, command_id="pending")
    return world
