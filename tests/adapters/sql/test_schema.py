"""The tables, their recorded version, and what is refused."""

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect, text

from datashare.adapters.sql import SCHEMA_VERSION, SqlAgreementStore, create_schema, metadata, sqlite_engine
from datashare.errors import Misconfigured, SchemaMismatch
from datashare.testing.changes import AGREEMENT, TRUST, asked
from tests.servers import Server

from .databases import disposing, server_database

OF_GROUPS = [table for table in metadata.sorted_tables if table.name != "datashare_schema"]

OF_VERSION_7 = re.escape("They are of version 7, and this library needs version 1. Migrate them first.")


def test_every_primary_key_of_a_groups_data_begins_with_the_group() -> None:
    """So that a distributed database can keep each group's rows together."""
    assert {"group_id"} == {next(iter(table.primary_key.columns)).name for table in OF_GROUPS}
    assert len(OF_GROUPS) == 5


def test_no_number_is_drawn_from_a_sequence() -> None:
    """Groups share no counter, at which writers would wait for one another."""
    columns = [column for table in metadata.sorted_tables for column in table.columns]

    assert [] == [column for column in columns if column.default is not None or column.server_default is not None]
    assert [] == [table.name for table in metadata.sorted_tables if table.autoincrement_column is not None]


def test_the_tables_are_made_once(engine: Engine) -> None:
    """Making them again changes nothing, and what they hold stays."""
    store = SqlAgreementStore(engine)
    store.append([asked()])
    create_schema(engine)

    assert {table.name for table in metadata.sorted_tables} <= set(inspect(engine).get_table_names())
    assert [asked().after] == store.states(TRUST)
    with engine.connect() as connection:
        assert [SCHEMA_VERSION] == connection.scalars(text("SELECT version FROM datashare_schema")).all()


def test_the_tables_of_a_database_are_those_of_the_metadata(engine: Engine) -> None:
    """Columns, keys and indexes that are declared are there."""
    inspector = inspect(engine)
    for table in OF_GROUPS:
        primary_key = [column.name for column in table.primary_key.columns]
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        assert table.columns.keys() == [column["name"] for column in inspector.get_columns(table.name)]
        assert primary_key == inspector.get_pk_constraint(table.name)["constrained_columns"]
        assert {index.name for index in table.indexes} <= indexes


def test_tables_that_are_missing_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """The error says how to make them; then the same store works."""
    expected = re.escape("no such table: datashare_schema. Call create_schema()")
    with disposing(sqlite_engine(tmp_path / "new.db")) as engine:
        store = SqlAgreementStore(engine)
        for call in (lambda: store.states(TRUST), lambda: store.append([asked()]), lambda: store.history(AGREEMENT)):
            with pytest.raises(SchemaMismatch, match=expected):
                call()
        create_schema(engine)
        assert [] == store.states(TRUST)


@pytest.mark.parametrize("name", ["postgresql_server", pytest.param("mariadb_server", marks=pytest.mark.mariadb)])
def test_tables_that_are_missing_are_refused_on_a_server(name: str, request: pytest.FixtureRequest) -> None:
    """Each server has its own words for the same error; a missing table is made again."""
    server: Server = request.getfixturevalue(name)
    with server_database(server) as engine:
        metadata.drop_all(engine)
        with pytest.raises(SchemaMismatch, match=r"datashare_schema\W+ does(n't| not) exist. Call create_schema"):
            SqlAgreementStore(engine).states(TRUST)
        create_schema(engine)
        metadata.tables["datashare_notices"].drop(engine)
        with pytest.raises(SchemaMismatch, match="datashare_notices"):
            SqlAgreementStore(engine).append([asked()])

        create_schema(engine)
        assert frozenset() == SqlAgreementStore(engine).append([asked()])


def test_tables_of_another_version_are_refused_and_left_alone(engine: Engine) -> None:
    """A store that does not know the tables neither reads nor writes them."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE datashare_schema SET version = 7"))
    try:
        for call in (
            lambda: SqlAgreementStore(engine).states(TRUST),
            lambda: SqlAgreementStore(engine).append([asked()]),
            lambda: create_schema(engine),
        ):
            with pytest.raises(SchemaMismatch, match=OF_VERSION_7):
                call()
        with engine.connect() as connection:
            assert 0 == connection.scalar(text("SELECT COUNT(*) FROM datashare_events"))
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE datashare_schema SET version = 1"))


def test_tables_without_a_version_are_refused(sqlite: Engine) -> None:
    """The error names the step that a migration forgot."""
    with sqlite.begin() as connection:
        connection.execute(text("DELETE FROM datashare_schema"))

    with pytest.raises(SchemaMismatch, match="No version is recorded"):
        SqlAgreementStore(sqlite).states(TRUST)
    with sqlite.begin() as connection:
        connection.execute(text("INSERT INTO datashare_schema (version) VALUES (1)"))
    assert [] == SqlAgreementStore(sqlite).states(TRUST)


def test_a_version_beside_another_is_refused(sqlite: Engine) -> None:
    """Two versions cannot both be right."""
    with sqlite.begin() as connection:
        connection.execute(text("INSERT INTO datashare_schema (version) VALUES (2)"))
        with pytest.raises(SchemaMismatch, match="of version 1 and 2"):
            create_schema(connection)


def test_a_column_that_is_missing_is_another_schema(sqlite: Engine) -> None:
    """Tables that were changed by hand are distinguished from a database that cannot be reached."""
    with sqlite.begin() as connection:
        connection.execute(text("ALTER TABLE datashare_events DROP COLUMN hash"))

    with pytest.raises(SchemaMismatch, match="hash"):
        SqlAgreementStore(sqlite).append([asked()])
    with pytest.raises(SchemaMismatch, match="hash"):
        SqlAgreementStore(sqlite).history(AGREEMENT)


def test_on_a_connection_the_host_commits_the_tables(tmp_path: Path) -> None:
    """SQLite makes tables within a transaction, and it is the host's."""
    with disposing(sqlite_engine(tmp_path / "new.db")) as engine, engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        create_schema(connection)
        connection.rollback()
        assert [] == inspect(connection).get_table_names()
        create_schema(connection)
        connection.commit()

        assert [] == SqlAgreementStore(engine).states(TRUST)


def test_the_embedded_default_is_set_up_so_that_nothing_is_lost(sqlite: Engine) -> None:
    """Write-ahead log, every commit on the disk, foreign keys enforced, a patient wait."""
    with sqlite.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000} == settings


def test_an_event_without_its_agreement_cannot_be_kept(engine: Engine) -> None:
    """The database refuses to delete an agreement that has events."""
    SqlAgreementStore(engine).append([asked()])

    with pytest.raises(Exception, match=r"(?i)foreign key"), engine.begin() as connection:
        connection.execute(text("DELETE FROM datashare_agreements"))


@pytest.mark.parametrize("path", ["", ":memory:", "file:x?mode=memory", 5, None])
def test_only_a_file_is_embedded(path: object) -> None:
    """A database in memory would be another one for each thread."""
    with pytest.raises(Misconfigured, match="path must be the path of a file"):
        sqlite_engine(path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wait", [None, 30, timedelta(seconds=-1), timedelta(days=1)], ids=["none", "number", "past", "day"]
)
def test_an_invalid_wait_is_refused(wait: object, tmp_path: Path) -> None:
    """Only a span of time can be waited."""
    with pytest.raises(Misconfigured, match="wait must be a timedelta"):
        sqlite_engine(tmp_path / "x.db", wait=wait)  # type: ignore[arg-type]


@pytest.mark.parametrize("bind", [None, "sqlite:///x.db", sqlite3])
def test_a_store_is_bound_to_an_engine_or_a_connection(bind: object) -> None:
    """An address alone is not enough: the host decides how connections are made and shared."""
    with pytest.raises(Misconfigured, match="bind must be an Engine or a Connection of SQLAlchemy"):
        SqlAgreementStore(bind)  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="bind must be an Engine or a Connection of SQLAlchemy"):
        create_schema(bind)  # type: ignore[arg-type]


def test_tables_can_live_in_a_schema_of_their_own(postgresql: Engine) -> None:
    """SQLAlchemy's map of schemas is kept to, so that the tables can stand apart from the host's."""
    with postgresql.begin() as connection:
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS sharing"))
    apart = postgresql.execution_options(schema_translate_map={None: "sharing"})
    create_schema(apart)
    SqlAgreementStore(apart).append([asked()])

    assert [asked().after] == SqlAgreementStore(apart).states(TRUST)
    assert [] == SqlAgreementStore(postgresql).states(TRUST)
    with postgresql.begin() as connection:
        connection.execute(text("DROP SCHEMA sharing CASCADE"))


def test_tables_can_live_in_an_attached_file(sqlite: Engine, tmp_path: Path) -> None:
    """The same on SQLite, where a schema is another file."""

    @event.listens_for(sqlite, "connect")
    def attach(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"ATTACH DATABASE '{tmp_path / 'other.db'}' AS other")

    sqlite.dispose()  # so that new connections have it attached
    apart = sqlite.execution_options(schema_translate_map={None: "other"})
    create_schema(apart)
    store = SqlAgreementStore(apart)
    store.append([asked()])

    assert ([asked().after], 2) == (store.states(TRUST), len(store.notices(TRUST)))
    assert [] == SqlAgreementStore(sqlite).states(TRUST)
