"""What the tests of faults share: an empty database of each kind, and a journal."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from datashare.adapters.sql import create_schema, sqlite_engine

from .worker import Journal, disposing, engine_for


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'agreements.db'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a SQLite file with the tables."""
    path = tmp_path / "agreements.db"
    with disposing(sqlite_engine(path)) as engine:
        create_schema(engine)
    return path


@pytest.fixture
def server(postgresql_url: str) -> Iterator[Engine]:
    """Yield an engine for a PostgreSQL database with the tables, whose own connections stay whole."""
    with disposing(engine_for(postgresql_url, "datashare-test")) as engine:
        create_schema(engine)
        yield engine


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Yield an empty journal."""
    with closing(Journal(tmp_path / "journal")) as journal:
        yield journal
