"""What the drivers of the three databases raise, and what it means, whichever adapter is told."""

import sqlite3
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

import psycopg
import pymysql
import pytest

from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable

_E = TypeVar("_E", bound=BaseException)


def below(kind: type[_E]) -> Iterator[type[_E]]:
    """List a class and all that derive from it."""
    yield kind
    for child in kind.__subclasses__():
        yield from below(child)


def of_sqlite(code: int, said: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    """Make an error as SQLite's driver raises it."""
    error = kind(said)
    error.sqlite_errorcode = code
    return error


def of_mariadb(code: int, said: str) -> pymysql.err.Error:
    """Make an error as MariaDB's driver raises it."""
    return pymysql.err.OperationalError(code, said)


def of_postgresql(kind: type[psycopg.Error]) -> psycopg.Error:
    """Make an error as PostgreSQL's driver raises it."""
    return kind("It broke.")


def driver_of(error: Exception) -> ModuleType:
    """Return the module that raises an error."""
    return next(module for module in (psycopg, pymysql, sqlite3) if isinstance(error, module.Error))


LOST = [
    pytest.param(of_postgresql(psycopg.errors.DeadlockDetected), id="postgresql-deadlock"),
    pytest.param(of_postgresql(psycopg.errors.SerializationFailure), id="postgresql-serialization"),
    pytest.param(of_postgresql(psycopg.errors.LockNotAvailable), id="postgresql-lock-timeout"),
    pytest.param(of_postgresql(psycopg.errors.InFailedSqlTransaction), id="postgresql-failed-before"),
    pytest.param(of_mariadb(1213, "Deadlock found"), id="mariadb-deadlock"),
    pytest.param(of_mariadb(1205, "Lock wait timeout exceeded"), id="mariadb-lock-timeout"),
    pytest.param(of_mariadb(1020, "Record has changed since last read"), id="mariadb-changed"),
]
"""A transaction that lost to another one, or had failed before."""

BUSY = [
    pytest.param(of_sqlite(code, "database is locked"), id=str(code))
    for code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT)
]

MEANINGS = [
    pytest.param(of_sqlite(1, "no such table: datashare_events"), SchemaMismatch, id="sqlite-table"),
    pytest.param(of_sqlite(1, "no such column: e.x"), SchemaMismatch, id="sqlite-column"),
    pytest.param(of_sqlite(1, "table x has no column named y"), SchemaMismatch, id="sqlite-insert"),
    pytest.param(of_sqlite(13, "database or disk is full"), StoreUnavailable, id="sqlite-full"),
    pytest.param(of_sqlite(8, "attempt to write a readonly database"), StoreUnavailable, id="sqlite-read-only"),
    pytest.param(of_sqlite(14, "unable to open database file"), StoreError, id="sqlite-no-file"),
    pytest.param(of_sqlite(26, "file is not a database", sqlite3.DatabaseError), StoreError, id="sqlite-no-db"),
    pytest.param(of_postgresql(psycopg.errors.UndefinedTable), SchemaMismatch, id="postgresql-table"),
    pytest.param(of_postgresql(psycopg.errors.UndefinedColumn), SchemaMismatch, id="postgresql-column"),
    pytest.param(of_postgresql(psycopg.errors.DiskFull), StoreUnavailable, id="postgresql-full"),
    pytest.param(of_postgresql(psycopg.errors.ReadOnlySqlTransaction), StoreUnavailable, id="postgresql-read-only"),
    pytest.param(of_postgresql(psycopg.errors.InsufficientPrivilege), StoreError, id="postgresql-rights"),
    pytest.param(of_postgresql(psycopg.errors.InvalidPassword), StoreError, id="postgresql-password"),
    pytest.param(of_postgresql(psycopg.errors.TooManyConnections), StoreUnavailable, id="postgresql-connections"),
    pytest.param(of_postgresql(psycopg.errors.AdminShutdown), StoreUnavailable, id="postgresql-shutdown"),
    pytest.param(of_postgresql(psycopg.errors.UniqueViolation), StoreError, id="postgresql-unique"),
    pytest.param(of_mariadb(1146, "Table 'x' doesn't exist"), SchemaMismatch, id="mariadb-table"),
    pytest.param(of_mariadb(1054, "Unknown column"), SchemaMismatch, id="mariadb-column"),
    pytest.param(of_mariadb(1290, "running with --read-only"), StoreUnavailable, id="mariadb-read-only"),
    pytest.param(of_mariadb(2006, "server has gone away"), StoreUnavailable, id="mariadb-gone"),
    pytest.param(of_mariadb(1045, "Access denied for user"), StoreError, id="mariadb-denied"),
    pytest.param(of_mariadb(1049, "Unknown database"), StoreError, id="mariadb-no-database"),
]
"""Unavailable, other tables, or anything else; what a host does next differs."""
