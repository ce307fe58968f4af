"""The tables, and the version that is recorded with them.

Every primary key of a group's data begins with the group, and groups share no row and no sequence. Instants and days
are ISO 8601 text, which every database keeps to the character and orders as time does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql, postgresql

from datashare.errors import InvalidValue, SchemaMismatch

from ._bulk import Existing, schema_of, write
from ._database import begin_immediate, mapped

SCHEMA_VERSION = 1
"""The version of the tables that this version of the library reads and writes."""

metadata = MetaData()
"""The tables, for a host's own migrations."""


def _key(length: int) -> String:
    """Build a type for text that is compared and ordered character by character, whatever the database's locale."""
    return String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def _document() -> Text:
    return Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _group() -> Column[str]:
    return Column("group_id", _key(16), primary_key=True)


def _urn() -> Column[int]:
    return Column("urn", Integer, primary_key=True, autoincrement=False)


_INSTANT, _HASH, _LEASE = 27, 64, 32

# SQLite keeps the rows in the order of their key; MariaDB compares text by character, trailing spaces included.
_OPTIONS: dict[str, Any] = {"sqlite_with_rowid": False} | {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}


def _of_an_agreement() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["group_id", "urn"], ["datashare_agreements.group_id", "datashare_agreements.urn"])


agreements = Table(
    "datashare_agreements",
    metadata,
    _group(),
    _urn(),
    Column("version", Integer, nullable=False),
    Column("head", _key(_HASH), nullable=False, comment="The hash of the last event."),
    Column("state", _document(), nullable=False, comment="What the events fold to, as JSON."),
    Index("datashare_agreements_by_school", "urn", "group_id"),
    comment="One row for each agreement: its present state.",
    **_OPTIONS,
)

events = Table(
    "datashare_events",
    metadata,
    _group(),
    _urn(),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", _key(_INSTANT), nullable=False, comment="When it happened, in UTC."),
    Column("hash", _key(_HASH), nullable=False, comment="SHA-256 of the hash before it and the text."),
    Column("text", _document(), nullable=False, comment="The event as JSON, without what people wrote."),
    Column("erasable", _document(), comment="What people wrote, with its salt, as JSON; may be set to NULL."),
    _of_an_agreement(),
    comment="The truth: every event, in the order of its sequence.",
    **_OPTIONS,
)

outcomes = Table(
    "datashare_outcomes",
    metadata,
    _group(),
    Column("command_id", _key(64), primary_key=True),
    _urn(),
    Column("request", Integer, comment="The number of the request that the command named."),
    Column("shared_digest", _key(200), nullable=False),
    Column("own_digest", _key(200), nullable=False),
    Column("first_sequence", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    Column("cautions", _document(), nullable=False),
    _of_an_agreement(),
    comment="What each command did to each agreement, to answer a repetition.",
    **_OPTIONS,
)

notices = Table(
    "datashare_notices",
    metadata,
    _group(),
    _urn(),
    Column("id", _key(200), primary_key=True),
    Column("request", Integer, comment="The number of the request that it is about."),
    Column("asks", Boolean, nullable=False, comment="Whether closing the request cancels it."),
    Column("status", _key(16), nullable=False),
    Column("is_open", Boolean, nullable=False, comment="Whether it is waiting or leased."),
    Column("due_at", _key(_INSTANT), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", _document(), comment="What the other side said last."),
    Column("settled_at", _key(_INSTANT)),
    Column("lease", _key(_LEASE)),
    Column("leased_until", _key(_INSTANT)),
    Column("text", _document(), comment="The notice as JSON; NULL once it was purged."),
    _of_an_agreement(),
    Index("datashare_notices_by_due", "is_open", "due_at", "id"),
    comment="The messages: waiting, leased to a worker, or settled.",
    **_OPTIONS,
)

registers = Table(
    "datashare_registers",
    metadata,
    _group(),
    Column("day", _key(10), nullable=False),
    comment="The day of the newest register that was applied to each group.",
    **_OPTIONS,
)

_schema = Table(
    "datashare_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    comment="The version of these tables.",
    **_OPTIONS,
)


def create_schema(bind: Engine | Connection) -> None:
    """Create the tables if they are not there yet, and record their version.

    All processes of a host may call it when they start: one creates the tables, and the others wait for it. If the
    tables exist, nothing changes.

    On a `Connection` the host has to commit; MariaDB commits tables immediately.

    Args:
        bind: Where to create them.

    Raises:
        InvalidValue: *bind* is neither an engine nor a connection.
        SchemaMismatch: The tables that are there are of another version; they are left as they are.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
    """
    if not isinstance(bind, (Engine, Connection)):
        raise InvalidValue("bind", bind, "an Engine or a Connection of SQLAlchemy")
    with mapped():
        if isinstance(bind, Connection):
            _create(bind)
            return
        with bind.connect() as connection:
            _create(connection)
            connection.commit()


def _create(connection: Connection) -> None:
    if _is_there(connection):
        return
    if connection.dialect.name == "sqlite":
        begin_immediate(connection)
    with _alone(connection):
        metadata.create_all(connection)
        # Last, since MariaDB cannot roll back tables: a recorded version means that all tables exist. Somebody else
        # may have recorded it meanwhile.
        write(connection, _schema, [(SCHEMA_VERSION,)], existing=Existing.STAYS)


def _is_there(connection: Connection) -> bool:
    """Return whether the tables exist; refuse those of another version."""
    names = set(inspect(connection).get_table_names(schema=schema_of(connection)))
    if _schema.name not in names or not _recorded(connection):
        return False
    require_schema(connection)
    return {table.name for table in metadata.sorted_tables} <= names


_LOCK_NAME = func.concat("datashare ", func.database())
_ON_MARIADB = "mysql", "mariadb"  # where a new table ends the transaction, so that the connection holds the lock
_LOCK: dict[str, Select[Any]] = {
    "postgresql": select(func.pg_advisory_xact_lock(0x6461_7461)),
    **dict.fromkeys(_ON_MARIADB, select(func.get_lock(_LOCK_NAME, 60))),
}
_UNLOCK: dict[str, Select[Any]] = dict.fromkeys(_ON_MARIADB, select(func.release_lock(_LOCK_NAME)))


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold a lock, so that nobody else creates the tables meanwhile; a check whether they exist is not enough."""
    _ask(connection, _LOCK)
    try:
        yield
    finally:
        _ask(connection, _UNLOCK)


def _ask(connection: Connection, statements: Mapping[str, Select[Any]]) -> None:
    statement = statements.get(connection.dialect.name)
    if statement is not None:
        connection.execute(statement)


def require_schema(connection: Connection) -> None:
    """Refuse tables that are missing or of another version.

    Raises:
        SchemaMismatch: They are.
    """
    versions = _recorded(connection)
    if not versions:
        raise SchemaMismatch("No version is recorded in datashare_schema: call create_schema(), or migrate.")
    if versions != [SCHEMA_VERSION]:
        recorded = " and ".join(map(str, versions))
        raise SchemaMismatch(f"They are of version {recorded}, and this library needs version {SCHEMA_VERSION}.")


def _recorded(connection: Connection) -> list[int]:
    return list(connection.scalars(select(_schema.c.version).order_by(_schema.c.version)))
