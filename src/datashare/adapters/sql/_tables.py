"""The tables, and the version that is recorded with them.

Every primary key of a group's data begins with the group, and groups share no row and no sequence. Instants and days
are ISO 8601 text, which every database keeps to the character and orders as time does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from datashare.errors import InvalidValue, SchemaMismatch

from ._bulk import Existing, schema_of, write
from ._database import begin_immediate
from ._errors import mapped

SCHEMA_VERSION = 1
"""The version of the tables that this version of the library reads and writes."""

metadata = sa.MetaData()
"""The tables, for a host's own migrations."""


def _key(length: int) -> sa.String:
    """Build a type for text that is compared and ordered character by character, whatever the database's locale."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def _document() -> sa.Text:
    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _group() -> sa.Column[str]:
    return sa.Column("group_id", _key(16), primary_key=True)


def _urn() -> sa.Column[int]:
    return sa.Column("urn", sa.Integer, primary_key=True, autoincrement=False)


_INSTANT, _HASH, _LEASE = 27, 64, 32

# SQLite keeps the rows in the order of their key; MariaDB compares text by character, trailing spaces included.
_OPTIONS: dict[str, Any] = {"sqlite_with_rowid": False} | {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}.items()
}


def _of_an_agreement() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["group_id", "urn"], ["datashare_agreements.group_id", "datashare_agreements.urn"])


agreements = sa.Table(
    "datashare_agreements",
    metadata,
    _group(),
    _urn(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("head", _key(_HASH), nullable=False, comment="The hash of the last event."),
    sa.Column("state", _document(), nullable=False, comment="What the events fold to, as JSON."),
    sa.Index("datashare_agreements_by_school", "urn", "group_id"),
    comment="One row for each agreement: its present state.",
    **_OPTIONS,
)

events = sa.Table(
    "datashare_events",
    metadata,
    _group(),
    _urn(),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", _key(_INSTANT), nullable=False, comment="When it happened, in UTC."),
    sa.Column("hash", _key(_HASH), nullable=False, comment="SHA-256 of the hash before it and the text."),
    sa.Column("text", _document(), nullable=False, comment="The event as JSON, without what people wrote."),
    sa.Column("erasable", _document(), comment="What people wrote, with its salt, as JSON; may be set to NULL."),
    _of_an_agreement(),
    comment="The truth: every event, in the order of its sequence.",
    **_OPTIONS,
)

outcomes = sa.Table(
    "datashare_outcomes",
    metadata,
    _group(),
    sa.Column("command_id", _key(64), primary_key=True),
    _urn(),
    sa.Column("request", sa.Integer, comment="The number of the request that the command named."),
    sa.Column("shared_digest", _key(200), nullable=False),
    sa.Column("own_digest", _key(200), nullable=False),
    sa.Column("first_sequence", sa.Integer, nullable=False),
    sa.Column("last_sequence", sa.Integer, nullable=False),
    sa.Column("cautions", _document(), nullable=False),
    _of_an_agreement(),
    comment="What each command did to each agreement, to answer a repetition.",
    **_OPTIONS,
)

notices = sa.Table(
    "datashare_notices",
    metadata,
    _group(),
    _urn(),
    sa.Column("id", _key(200), primary_key=True),
    sa.Column("request", sa.Integer, comment="The number of the request that it is about."),
    sa.Column("asks", sa.Boolean, nullable=False, comment="Whether closing the request cancels it."),
    sa.Column("status", _key(16), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False, comment="Whether it is waiting or leased."),
    sa.Column("due_at", _key(_INSTANT), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", _document(), comment="What the other side said last."),
    sa.Column("settled_at", _key(_INSTANT)),
    sa.Column("lease", _key(_LEASE)),
    sa.Column("leased_until", _key(_INSTANT)),
    sa.Column("text", _document(), comment="The notice as JSON; NULL once it was purged."),
    _of_an_agreement(),
    sa.Index("datashare_notices_by_due", "is_open", "due_at", "id"),
    comment="The messages: waiting, leased to a worker, or settled.",
    **_OPTIONS,
)

registers = sa.Table(
    "datashare_registers",
    metadata,
    _group(),
    sa.Column("day", _key(10), nullable=False),
    comment="The day of the newest register that was applied to each group.",
    **_OPTIONS,
)

_schema = sa.Table(
    "datashare_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    comment="The version of these tables.",
    **_OPTIONS,
)


def create_schema(bind: sa.Engine | sa.Connection) -> None:
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
    if not isinstance(bind, (sa.Engine, sa.Connection)):
        raise InvalidValue("bind", bind, "an Engine or a Connection of SQLAlchemy")
    mapped(partial(_create_on, bind))


def _create_on(bind: sa.Engine | sa.Connection) -> None:
    if isinstance(bind, sa.Connection):
        _create(bind)
        return
    with bind.connect() as connection:
        _create(connection)
        connection.commit()


def _create(connection: sa.Connection) -> None:
    if _is_there(connection):
        return
    if connection.dialect.name == "sqlite":
        begin_immediate(connection)
    with _alone(connection):
        metadata.create_all(connection)
        # Last, since MariaDB cannot roll back tables: a recorded version means that all tables exist. Somebody else
        # may have recorded it meanwhile.
        write(connection, _schema, [(SCHEMA_VERSION,)], existing=Existing.STAYS)


def _is_there(connection: sa.Connection) -> bool:
    """Return whether the tables exist; refuse those of another version."""
    names = set(sa.inspect(connection).get_table_names(schema=schema_of(connection)))
    if _schema.name not in names or not _recorded(connection):
        return False
    require_schema(connection)
    return {table.name for table in metadata.sorted_tables} <= names


_LOCK_NAME = sa.func.concat("datashare ", sa.func.database())
_ON_MARIADB = "mysql", "mariadb"  # where a new table ends the transaction, so that the connection holds the lock
_LOCK: dict[str, sa.Select[Any]] = {
    "postgresql": sa.select(sa.func.pg_advisory_xact_lock(0x6461_7461)),
    **dict.fromkeys(_ON_MARIADB, sa.select(sa.func.get_lock(_LOCK_NAME, 60))),
}
_UNLOCK: dict[str, sa.Select[Any]] = dict.fromkeys(_ON_MARIADB, sa.select(sa.func.release_lock(_LOCK_NAME)))


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Hold a lock, so that nobody else creates the tables meanwhile; a check whether they exist is not enough."""
    _ask(connection, _LOCK)
    try:
        yield
    finally:
        _ask(connection, _UNLOCK)


def _ask(connection: sa.Connection, statements: Mapping[str, sa.Select[Any]]) -> None:
    statement = statements.get(connection.dialect.name)
    if statement is not None:
        connection.execute(statement)


def require_schema(connection: sa.Connection) -> None:
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


def _recorded(connection: sa.Connection) -> list[int]:
    return list(connection.scalars(sa.select(_schema.c.version).order_by(_schema.c.version)))
