"""What the tests of faults share: an empty database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from datashare.adapters.sql import create_schema, sqlite_engine

from .worker import engine_for


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'agreements.db'}"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a SQLite file with the tables."""
    path = tmp_path / "agreements.db"
    engine = sqlite_engine(path)
    create_schema(engine)
    engine.dispose()
    return path


@pytest.fixture
def server(postgresql_url: str) -> Iterator[Engine]:
    """Give an engine for a PostgreSQL database with the tables; nothing happens to its connections."""
    engine = engine_for(postgresql_url, "datashare-test")
    create_schema(engine)
    yield engine
    engine.dispose()
