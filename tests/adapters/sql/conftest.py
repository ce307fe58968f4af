"""The databases that the tests of the SQL store run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.servers import Server

from .databases import MARIADB, emptied, server_database, sqlite_file


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """Build a new SQLite file with its tables."""
    with sqlite_file(tmp_path) as engine:
        yield engine


@pytest.fixture(scope="session")
def _postgresql(postgresql_server: Server) -> Iterator[Engine]:
    with server_database(postgresql_server) as engine:
        yield engine


@pytest.fixture
def postgresql(_postgresql: Engine) -> Engine:
    """Return an empty PostgreSQL database with its tables."""
    return emptied(_postgresql)


@pytest.fixture(scope="session")
def _mariadb(mariadb_server: Server) -> Iterator[Engine]:
    with server_database(mariadb_server) as engine:
        yield engine


@pytest.fixture
def mariadb(_mariadb: Engine) -> Engine:
    """Return an empty MariaDB database with its tables."""
    return emptied(_mariadb)


@pytest.fixture(params=["sqlite", "postgresql", MARIADB])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return an empty database of each kind, or of the kinds that a test names, with its tables."""
    database: Engine = request.getfixturevalue(request.param)
    return database
