"""The tables, and the version that is recorded with them.

Every primary key of a group's data begins with the group, and groups share no row and no sequence. Instants and days
are ISO 8601 text, which every database keeps to the character and orders as time does.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from ._schema import Schema

SCHEMA_VERSION = 1
"""The version of the agreements' tables that this version of the library reads and writes."""

DIRECTORY_SCHEMA_VERSION = 1
"""The version of the register's tables that this version of the library reads and writes."""

metadata: sa.MetaData = sa.MetaData()
"""The agreements' tables, for a host's own migrations."""

directory_metadata: sa.MetaData = sa.MetaData()
"""The register's tables, which only a host needs that keeps the register in the database."""


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

directory = sa.Table(
    "datashare_directory",
    directory_metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", _key(10), comment="The day of the register, in Europe/London."),
    comment="One row: the version of the register's tables, and the register's day; who loads one locks it.",
    **_OPTIONS,
)

institutions = sa.Table(
    "datashare_directory_institutions",
    directory_metadata,
    _urn(),
    sa.Column("status", sa.Integer, nullable=False, comment="The register's code of its status."),
    sa.Column("document", _document(), nullable=False, comment="The institution as JSON."),
    comment="The institutions of the register.",
    **_OPTIONS,
)

links = sa.Table(
    "datashare_directory_links",
    directory_metadata,
    _group(),
    _urn(),
    sa.Column("joined_on", _key(10), comment="The day from which the link counts; without one it always counts."),
    comment="Which institution is linked with which group.",
    **_OPTIONS,
)

groups = sa.Table(
    "datashare_directory_groups",
    directory_metadata,
    _group(),
    sa.Column("in_register", sa.Boolean, nullable=False, comment="Whether the present register names it."),
    sa.Column("document", _document(), nullable=False, comment="The group as JSON."),
    comment="The groups of the register, and those of earlier ones, whose names are still needed.",
    **_OPTIONS,
)

successors = sa.Table(
    "datashare_directory_successors",
    directory_metadata,
    sa.Column("predecessor", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="The place in the register."),
    sa.Column("document", _document(), nullable=False, comment="The link as JSON."),
    comment="What succeeded what.",
    **_OPTIONS,
)

clusters = sa.Table(
    "datashare_directory_clusters",
    directory_metadata,
    _group(),
    sa.Column("document", _document(), nullable=False, comment="The URNs of each cluster by its name, as JSON."),
    comment="Each group's own sets of schools, which come from the host and not from the register.",
    **_OPTIONS,
)

AGREEMENTS = Schema(metadata=metadata, recorded_in=_schema, version=SCHEMA_VERSION, made_by="create_schema()")
DIRECTORY = Schema(
    metadata=directory_metadata,
    recorded_in=directory,
    version=DIRECTORY_SCHEMA_VERSION,
    made_by="create_directory_schema()",
)


def create_schema(bind: sa.Engine | sa.Connection) -> None:
    """Create the agreements' tables if they are not there yet, and record their version.

    All processes of a host may call it when they start: one creates the tables, and the others wait for it. If the
    tables exist, nothing changes.

    On a `Connection` the host has to commit; MariaDB commits tables immediately.

    Args:
        bind: Where to create them.

    Raises:
        Misconfigured: *bind* is neither an engine nor a connection.
        SchemaMismatch: The tables that are there are of another version; they are left as they are.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
    """
    AGREEMENTS.create(bind)


def create_directory_schema(bind: sa.Engine | sa.Connection) -> None:
    """Create the register's tables for a `SqlInstitutionDirectory`, as `create_schema` does the agreements'.

    The two kinds of tables may be in one database or in two.

    Args:
        bind: Where to create them.

    Raises:
        Misconfigured: *bind* is neither an engine nor a connection.
        SchemaMismatch: The tables that are there are of another version; they are left as they are.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
    """
    DIRECTORY.create(bind)
