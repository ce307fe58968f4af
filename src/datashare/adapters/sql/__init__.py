"""Agreements in a relational database, by SQLAlchemy Core: SQLite, PostgreSQL or MariaDB.

It needs the extra ``datashare[sql]``; for a server ``datashare[postgresql]`` or ``datashare[mariadb]``.
"""

from __future__ import annotations

from ._database import sqlite_engine
from ._store import SqlAgreementStore
from ._tables import SCHEMA_VERSION, create_schema, metadata

__all__ = ["SCHEMA_VERSION", "SqlAgreementStore", "create_schema", "metadata", "sqlite_engine"]
