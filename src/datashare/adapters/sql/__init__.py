"""Agreements and the register in a relational database, by SQLAlchemy Core: SQLite, PostgreSQL or MariaDB.

It needs the extra ``datashare[sql]``; for a server ``datashare[postgresql]`` or ``datashare[mariadb]``.
"""

from __future__ import annotations

from ._database import sqlite_engine
from ._directory import SqlInstitutionDirectory
from ._in_transaction import in_async_transaction, in_transaction
from ._store import SqlAgreementStore
from ._tables import (
    DIRECTORY_SCHEMA_VERSION,
    SCHEMA_VERSION,
    create_directory_schema,
    create_schema,
    directory_metadata,
    metadata,
)

__all__ = [
    "DIRECTORY_SCHEMA_VERSION",
    "SCHEMA_VERSION",
    "SqlAgreementStore",
    "SqlInstitutionDirectory",
    "create_directory_schema",
    "create_schema",
    "directory_metadata",
    "in_async_transaction",
    "in_transaction",
    "metadata",
    "sqlite_engine",
]
