"""No foreign exception leaves the SQL store: each is mapped to one of the library's own."""

import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pymysql
import pytest
from sqlalchemy import Engine, create_engine, event, exc, text

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.adapters.sql._errors import LONGEST_WHY, is_lost, mapped
from datashare.domain.agreements import Remind
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, TransactionLost
from datashare.ports import readable
from datashare.testing.changes import NOW, TRUST, asked, imported, then

from .databases import disposing


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """List a class and all that derive from it."""
    yield kind
    for child in kind.__subclasses__():
        yield from below(child)


def built(kind: type[exc.SQLAlchemyError]) -> exc.SQLAlchemyError:
    """Build an exception of SQLAlchemy, whatever its constructor asks for."""
    if issubclass(kind, exc.DBAPIError):
        return kind("SELECT 1", {}, Exception("It broke.\nDETAIL: in many words"))
    if issubclass(kind, exc.StatementError):
        return kind("It broke.", "SELECT 1", {}, ValueError("no such value"))
    error = kind.__new__(kind, "It broke.")
    error.args = ("It broke.",)
    return error


def wrapped(error: Exception, base: type[Exception]) -> exc.DBAPIError:
    """Wrap a driver's exception as SQLAlchemy does."""
    wrapper = exc.DBAPIError.instance("INSERT", {"text": "head@hilda.example"}, error, base)
    assert isinstance(wrapper, exc.DBAPIError)
    return wrapper


def mapped_error(error: Exception, *, joined: bool = False) -> StoreError:
    """Return what the store raises for an exception from below."""

    def fail() -> None:
        raise error

    with pytest.raises(StoreError) as caught:
        mapped(fail, in_host_transaction=joined)
    assert caught.value.__context__ in {None, caught.value.__cause__}
    return caught.value


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "own"])
@pytest.mark.parametrize("kind", sorted(set(below(exc.SQLAlchemyError)), key=str), ids=lambda kind: kind.__name__)
def test_every_exception_of_sqlalchemy_is_mapped(kind: type[exc.SQLAlchemyError], joined: bool) -> None:
    """Whatever SQLAlchemy raises leaves as a StoreError that repeats its first line."""
    said = "The database refused a value" if issubclass(kind, exc.DataError) else "The database said: It broke."

    assert said in str(mapped_error(built(kind), joined=joined))


@pytest.mark.parametrize("kind", sorted(set(below(psycopg.Error)), key=str), ids=count())
def test_every_exception_of_psycopg_is_mapped(kind: type[psycopg.Error]) -> None:
    """PostgreSQL's several hundred errors each have a meaning."""
    error = mapped_error(wrapped(kind("It broke."), psycopg.Error))

    assert type(error) in {StoreError, StoreUnavailable, SchemaMismatch}


def of_sqlite(code: int, said: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> exc.DBAPIError:
    """Make an error as SQLite's driver raises it."""
    error: Any = kind(said)
    error.sqlite_errorcode = code
    return wrapped(error, sqlite3.Error)


def of_mariadb(code: int, said: str) -> exc.DBAPIError:
    """Make an error as MariaDB's driver raises it."""
    return wrapped(pymysql.err.OperationalError(code, said), pymysql.err.Error)


def of_postgresql(kind: type[psycopg.Error]) -> exc.DBAPIError:
    """Make an error as PostgreSQL's driver raises it."""
    return wrapped(kind("It broke."), psycopg.Error)


LOST = [
    pytest.param(of_postgresql(psycopg.errors.DeadlockDetected), id="postgresql-deadlock"),
    pytest.param(of_postgresql(psycopg.errors.SerializationFailure), id="postgresql-serialization"),
    pytest.param(of_postgresql(psycopg.errors.LockNotAvailable), id="postgresql-lock-timeout"),
    pytest.param(of_mariadb(1213, "Deadlock found"), id="mariadb-deadlock"),
    pytest.param(of_mariadb(1205, "Lock wait timeout exceeded"), id="mariadb-lock-timeout"),
    pytest.param(of_mariadb(1020, "Record has changed since last read"), id="mariadb-changed"),
]


@pytest.mark.parametrize("error", LOST)
def test_a_transaction_that_lost_to_another_is_lost_or_repeated(error: exc.DBAPIError) -> None:
    """On the host's connection it is for the host to repeat; a store's own is repeated, then unavailable."""
    assert TransactionLost is type(mapped_error(error, joined=True))
    assert StoreUnavailable is type(mapped_error(error))
    assert is_lost(error)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT])
def test_a_busy_file_loses_the_hosts_transaction(code: int) -> None:
    """The store's own transaction has waited already, so it is unavailable."""
    error = of_sqlite(code, "database is locked")

    assert TransactionLost is type(mapped_error(error, joined=True))
    assert StoreUnavailable is type(mapped_error(error))
    assert not is_lost(error)


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "own"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
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
        pytest.param(RuntimeError("'cryptography' package is required"), StoreError, id="driver-needs-more"),
        pytest.param(ConnectionRefusedError("Connect call failed"), StoreUnavailable, id="asyncpg-refused"),
        pytest.param(TimeoutError(), StoreUnavailable, id="asyncpg-timeout"),
        pytest.param(FileNotFoundError("No certificate"), StoreError, id="driver-file"),
        pytest.param(exc.TimeoutError("QueuePool limit reached"), StoreUnavailable, id="pool"),
        pytest.param(exc.ResourceClosedError("This Connection is closed"), StoreError, id="closed"),
    ],
)
def test_what_went_wrong_is_distinguished(error: Exception, expected: type[StoreError], joined: bool) -> None:
    """Unavailable, another schema, or anything else: what a host does next differs."""
    assert expected is type(mapped_error(error, joined=joined))


def test_the_words_of_the_database_are_kept_short_and_to_the_first_line() -> None:
    """What follows may quote the values of a row; MariaDB's number is left out."""
    assert "Deadlock found" in (why := mapped_error(of_mariadb(1213, "Deadlock found.\nhead@hilda.example")).why)
    assert "1213" not in why
    assert "hilda" not in why
    assert len("The database said: .") + LONGEST_WHY == len(mapped_error(exc.TimeoutError("x" * 9999)).why)
    assert "The database said: Exception." == mapped_error(exc.DBAPIError("x", {}, Exception(""))).why


def test_a_failed_append_shows_no_address_and_leaves_nothing(engine: Engine) -> None:
    """A row that cannot be written takes everything of the call with it, and the trace of the error names nobody."""
    store = SqlAgreementStore(engine)
    store.append([imported(1)])
    change, other = asked(), asked(7)
    clashing = attrs.evolve(other, notices=(*other.notices, other.notices[0]))
    before = (store.states(TRUST), store.notices(TRUST), list(store.group_history(TRUST)))

    with pytest.raises(StoreError) as caught:
        store.append([change, clashing])

    shown = "".join(traceback.format_exception(caught.value))
    assert StoreError is type(caught.value)
    assert other.notices[0].address not in shown
    assert "5143.example" not in shown
    assert before == (store.states(TRUST), store.notices(TRUST), list(store.group_history(TRUST)))
    assert () == store.load([change.id], command_id="c-1").outcomes[1:]


def impatient_engine(engine: Engine) -> AbstractContextManager[Engine]:
    """Build an engine of the same PostgreSQL database that waits for no lock."""
    return disposing(create_engine(engine.url.update_query_dict({"options": "-c lock_timeout=50"}), pool_size=1))


def test_a_deadlock_of_the_stores_own_transactions_is_repeated(postgresql: Engine) -> None:
    """A store on an engine begins its transaction again where it lost, and its caller does not notice."""
    attempts = list[str]()
    with impatient_engine(postgresql) as impatient, postgresql.connect() as other:
        store = SqlAgreementStore(impatient)
        store.append([asked()])
        other.execute(text("SELECT 1 FROM datashare_agreements FOR UPDATE"))

        @event.listens_for(impatient, "handle_error")
        def give_way(_context: object) -> None:
            attempts.append("lost")
            if len(attempts) == 2:
                other.rollback()

        assert frozenset() == store.append([then(asked().after, Remind, command_id="c-2")])

    assert ["lost", "lost"] == attempts
    assert [2] == [state.version for state in readable(SqlAgreementStore(postgresql).states(TRUST))]


def test_a_lock_that_is_never_given_up_is_unavailable(postgresql: Engine) -> None:
    """After some attempts the error says what to do, and nothing was saved."""
    with impatient_engine(postgresql) as impatient, postgresql.connect() as other:
        store = SqlAgreementStore(impatient)
        store.append([asked()])
        other.execute(text("SELECT 1 FROM datashare_agreements FOR UPDATE"))
        with pytest.raises(StoreUnavailable, match=r"lock timeout.* Try again later with the same command id"):
            store.append([then(asked().after, Remind, command_id="c-2"), asked(7)])

    assert [asked().after] == SqlAgreementStore(postgresql).states(TRUST)


def test_an_error_while_a_history_is_read_is_a_store_error(postgresql: Engine) -> None:
    """A connection that breaks between two pages ends the walk with the library's own error."""
    with impatient_engine(postgresql) as narrow:
        store = SqlAgreementStore(narrow)
        store.append([asked(urn) for urn in range(1, 1202)])
        history = store.group_history(TRUST)
        next(history)
        with postgresql.connect() as other:
            other.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid()"
                )
            )

        with pytest.raises(StoreUnavailable):
            list(history)
        assert [] == list(history)
    postgresql.dispose()  # the pool's other connections were ended too


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    """The error says so, and the file is left as it was."""
    letter = tmp_path / "letter.db"
    letter.write_text("Dear head teacher,\n" * 100)

    with disposing(sqlite_engine(letter)) as engine, pytest.raises(StoreError, match="file is not a database"):
        SqlAgreementStore(engine).lease(now=NOW, until=NOW.add(minutes=5), limit=1)
    assert letter.read_text() == "Dear head teacher,\n" * 100
