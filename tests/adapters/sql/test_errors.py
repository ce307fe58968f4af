"""No foreign exception leaves the SQL store: each is mapped to one of the library's own."""

import traceback
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import attrs
import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, exc, text

from datashare.adapters._databases import LONGEST_WHY, is_lost
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.adapters.sql._errors import mapped
from datashare.domain.agreements import Remind
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, TransactionLost
from datashare.ports import readable
from datashare.testing.changes import NOW, TRUST, asked, imported, then
from tests.adapters.database_errors import BUSY, LOST, MEANINGS, below, driver_of, of_mariadb

from .databases import disposing


def built(kind: type[exc.SQLAlchemyError]) -> exc.SQLAlchemyError:
    """Build an exception of SQLAlchemy, whatever its constructor asks for."""
    if issubclass(kind, exc.DBAPIError):
        return kind("SELECT 1", {}, Exception("It broke.\nDETAIL: in many words"))
    if issubclass(kind, exc.StatementError):
        return kind("It broke.", "SELECT 1", {}, ValueError("no such value"))
    error = kind.__new__(kind, "It broke.")
    error.args = ("It broke.",)
    return error


def wrapped(error: Exception) -> exc.DBAPIError:
    """Wrap a driver's exception as SQLAlchemy does."""
    wrapper = exc.DBAPIError.instance("INSERT", {"text": "head@hilda.example"}, error, driver_of(error).Error)
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
    error = mapped_error(wrapped(kind("It broke.")))

    assert type(error) in {StoreError, StoreUnavailable, SchemaMismatch}


@pytest.mark.parametrize("error", LOST)
def test_a_transaction_that_lost_to_another_is_lost_or_repeated(error: Exception) -> None:
    """On the host's connection it is for the host to repeat; a store's own is repeated, then unavailable."""
    assert TransactionLost is type(mapped_error(wrapped(error), joined=True))
    assert StoreUnavailable is type(mapped_error(wrapped(error)))
    assert is_lost(error, by_busy_file=False)


@pytest.mark.parametrize("error", BUSY)
def test_a_busy_file_loses_the_hosts_transaction(error: Exception) -> None:
    """The store's own transaction has waited already, so it is unavailable."""
    assert TransactionLost is type(mapped_error(wrapped(error), joined=True))
    assert StoreUnavailable is type(mapped_error(wrapped(error)))
    assert not is_lost(error, by_busy_file=False)


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "own"])
@pytest.mark.parametrize(("error", "expected"), MEANINGS)
def test_what_went_wrong_is_distinguished(error: Exception, expected: type[StoreError], joined: bool) -> None:
    """Unavailable, another schema, or anything else: what a host does next differs."""
    assert expected is type(mapped_error(wrapped(error), joined=joined))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(RuntimeError("'cryptography' package is required"), StoreError, id="driver-needs-more"),
        pytest.param(ConnectionRefusedError("Connect call failed"), StoreUnavailable, id="asyncpg-refused"),
        pytest.param(TimeoutError(), StoreUnavailable, id="asyncpg-timeout"),
        pytest.param(FileNotFoundError("No certificate"), StoreError, id="driver-file"),
        pytest.param(exc.TimeoutError("QueuePool limit reached"), StoreUnavailable, id="pool"),
        pytest.param(exc.ResourceClosedError("This Connection is closed"), StoreError, id="closed"),
    ],
)
def test_what_drivers_and_the_pool_raise_beside_is_mapped_too(error: Exception, expected: type[StoreError]) -> None:
    """A driver lets some errors of Python's through while it connects."""
    assert expected is type(mapped_error(error))


def test_the_words_of_the_database_are_kept_short_and_to_the_first_line() -> None:
    """What follows may quote the values of a row; MariaDB's number is left out."""
    assert "Deadlock found" in (
        why := mapped_error(wrapped(of_mariadb(1213, "Deadlock found.\nhead@hilda.example"))).why
    )
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
