"""Databases for the tests of Django's app: each with its tables, and empty when a test begins."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from sqlalchemy import make_url

from datashare.adapters.django.store import DjangoAgreementStore
from examples.django_host.settings import DATABASES
from tests.servers import Server

Settings = Mapping[str, Any]

EXAMPLE: Settings = deepcopy(DATABASES["default"])  # before a test changes it


@contextmanager
def database(alias: str, chosen: Settings) -> Iterator[None]:
    """Point an alias at another database, for the connections that any thread makes in the block."""
    before = connections.databases.get(alias)
    _use(alias, connections.configure_settings({"default": {}, alias: deepcopy(dict(chosen))})[alias])
    try:
        yield
    finally:
        _use(alias, before)


def _use(alias: str, chosen: Settings | None) -> None:
    connections.close_all()
    with suppress(AttributeError):  # this thread has no connection yet
        del connections[alias]
    if chosen is None:
        del connections.databases[alias]
    else:
        connections.databases[alias] = dict(chosen)


def sqlite_settings(file: Path, **options: object) -> Settings:
    """Return the settings of the example for another file."""
    return {**EXAMPLE, "NAME": file, "OPTIONS": {**EXAMPLE["OPTIONS"], **options}}


def postgresql_settings(url: str, **options: object) -> Settings:
    """Return Django's settings for a SQLAlchemy URL."""
    parts = make_url(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.database,
        "USER": parts.username,
        "HOST": parts.query["host"],
        "OPTIONS": options,
    }


def mariadb_settings(url: str) -> Settings:
    """Return Django's settings for a SQLAlchemy URL."""
    parts = make_url(url)
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": parts.database,
        "USER": parts.username,
        "HOST": parts.query["unix_socket"],
        "OPTIONS": {"charset": "utf8mb4"},
    }


def migrated(chosen: Settings) -> Settings:
    """Make the tables in a database, by the migrations of the example."""
    with database("default", chosen):
        call_command("migrate", verbosity=0)
    return chosen


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return migrated(sqlite_settings(tmp_path_factory.mktemp("django") / "agreements.sqlite3"))


@pytest.fixture(scope="session")
def _postgresql(postgresql_server: Server) -> Iterator[Settings]:
    with postgresql_server.database() as url:
        yield migrated(postgresql_settings(url))


@pytest.fixture(scope="session")
def _mariadb(mariadb_server: Server) -> Iterator[Settings]:
    with mariadb_server.database() as url:
        yield migrated(mariadb_settings(url))


@pytest.fixture
def mariadb(_mariadb: Settings) -> Iterator[Settings]:
    """Make a MariaDB database Django's default."""
    with database("default", _mariadb):
        empty_store()
        yield _mariadb


@pytest.fixture
def sqlite(_sqlite: Settings) -> Iterator[Settings]:
    """Make a SQLite file Django's default database."""
    with database("default", _sqlite):
        empty_store()
        yield _sqlite


@pytest.fixture
def postgresql(_postgresql: Settings) -> Iterator[Settings]:
    """Make a PostgreSQL database Django's default."""
    with database("default", _postgresql):
        empty_store()
        yield _postgresql


MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)


@pytest.fixture(params=["sqlite", "postgresql", MARIADB])
def store(request: pytest.FixtureRequest) -> DjangoAgreementStore:
    """Return an empty store, on each database."""
    request.getfixturevalue(request.param)
    return empty_store()


def empty_store() -> DjangoAgreementStore:
    """Empty the tables of the default database, and return a store on it."""
    for model in apps.get_app_config("datashare").get_models():
        model._default_manager.all().delete()
    return DjangoAgreementStore()
