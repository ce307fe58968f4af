"""No foreign exception leaves Django's adapter: each is mapped to one of the library's own."""

import logging
import traceback
from itertools import count
from types import SimpleNamespace

import django.db
import psycopg
import pymysql
import pytest
from django.db.transaction import TransactionManagementError
from django.db.utils import DatabaseErrorWrapper

from datashare.adapters.django._errors import is_lost, raise_meaning
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, TransactionLost
from tests.adapters.database_errors import BUSY, LOST, MEANINGS, below, driver_of


def wrapped(error: Exception) -> django.db.Error:
    """Wrap a driver's exception as Django does."""
    connection = SimpleNamespace(Database=driver_of(error), errors_occurred=False)
    try:
        with DatabaseErrorWrapper(connection):
            raise error
    except django.db.Error as wrapper:
        return wrapper


def _raise(error: django.db.Error, joined: bool) -> None:
    try:
        raise error
    except django.db.Error as raised:
        raise_meaning(raised, in_host_transaction=joined)


def meaning(error: django.db.Error, *, joined: bool = False) -> StoreError:
    """Return what the adapter raises for an exception of Django's."""
    with pytest.raises(StoreError) as caught:
        _raise(error, joined)
    assert caught.value.__cause__ is caught.value.__context__
    return caught.value


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "own"])
@pytest.mark.parametrize("kind", sorted(set(below(django.db.Error)), key=str), ids=lambda kind: kind.__name__)
def test_every_exception_of_django_is_mapped(kind: type[django.db.Error], joined: bool) -> None:
    """Whatever Django raises by itself leaves as a StoreError that repeats its first line."""
    error = kind.__new__(kind, "It broke.\nDETAIL: Key (address)=(ana@trust.example) already exists.")
    said = "The database refused a value" if issubclass(kind, django.db.DataError) else "The database said: It broke."

    assert said in str(meaning(error, joined=joined))


@pytest.mark.parametrize("kind", sorted(set(below(psycopg.Error)), key=str), ids=count())
def test_every_exception_of_psycopg_is_mapped(kind: type[psycopg.Error]) -> None:
    """PostgreSQL's several hundred errors each have a meaning."""
    assert type(meaning(wrapped(kind("It broke.")))) in {StoreError, StoreUnavailable, SchemaMismatch}


@pytest.mark.parametrize("error", LOST)
def test_a_transaction_that_lost_to_another_is_lost_or_repeated(error: Exception) -> None:
    """Within the host's it is for the host to repeat; a store's own is repeated, then unavailable."""
    assert TransactionLost is type(meaning(wrapped(error), joined=True))
    assert StoreUnavailable is type(meaning(wrapped(error)))
    assert is_lost(wrapped(error))


@pytest.mark.parametrize("error", BUSY)
def test_a_busy_file_loses_the_hosts_transaction(error: Exception) -> None:
    """The store's own transaction has waited already, so it is unavailable."""
    assert TransactionLost is type(meaning(wrapped(error), joined=True))
    assert StoreUnavailable is type(meaning(wrapped(error)))


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "own"])
@pytest.mark.parametrize(("error", "expected"), MEANINGS)
def test_what_went_wrong_is_distinguished(error: Exception, expected: type[StoreError], joined: bool) -> None:
    """Unavailable, other tables, or anything else: what a host does next differs."""
    assert expected is type(meaning(wrapped(error), joined=joined))


def test_a_transaction_that_failed_before_is_lost() -> None:
    """Django notices it by itself."""
    assert TransactionLost is type(meaning(TransactionManagementError("You can't execute queries."), joined=True))


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.UniqueViolation("duplicate key\nDETAIL:  Key (address)=(ana@trust.example) already exists."),
        psycopg.errors.InvalidTextRepresentation('invalid input syntax for type integer: "ana@trust.example"'),
        pymysql.err.IntegrityError(1062, "Duplicate entry\n'ana@trust.example' for key 'PRIMARY'"),
    ],
    ids=count(),
)
def test_no_error_quotes_the_values_of_a_row(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the error with its trace, nor the log."""
    with caplog.at_level(logging.DEBUG, "datashare"):
        raised = meaning(wrapped(error))

    assert "ana@trust.example" not in "".join(traceback.format_exception(raised))
    assert [{"error": type(raised).__name__}] == [{"error": vars(record)["error"]} for record in caplog.records]
