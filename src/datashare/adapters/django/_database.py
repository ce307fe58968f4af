"""One of Django's databases: reading, and writing in a transaction of the host's or of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from django.db import Error, connections, transaction
from django.db.models import Model, QuerySet

from datashare.adapters._databases import is_lost, repeated, words_of
from datashare.errors import Misconfigured, TransactionLost

from . import _settings
from ._errors import driver_error, raise_meaning

_T = TypeVar("_T")
_M = TypeVar("_M", bound=Model)
_R = TypeVar("_R", bound=NamedTuple)


class Database:
    """A database of Django's, by its alias."""

    def __init__(self, alias: str | None) -> None:
        """Choose the database; by default the one that the settings name.

        Raises:
            Misconfigured: There is no such database.
        """
        self.alias = _settings.database() if alias is None else alias
        if self.alias not in [*connections]:
            what = "DATASHARE['DATABASE']" if alias is None else "using"
            raise Misconfigured(what, self.alias, f"an alias in DATABASES: {', '.join(connections)}")

    @property
    def in_host_transaction(self) -> bool:
        """Whether a transaction of the host's is open."""
        connection = connections[self.alias]
        # Before the first statement there is no connection, and the settings say how it will be.
        is_connected = connection.connection is not None
        commits = connection.get_autocommit() if is_connected else connection.settings_dict["AUTOCOMMIT"]
        return connection.in_atomic_block or not commits

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise an error of the library for each of Django's."""
        try:
            yield
        except Error as error:
            raise_meaning(error, in_host_transaction=self.in_host_transaction)

    def write(self, work: Callable[[], _T]) -> _T:
        """Write all or nothing in a transaction: the host's, or one that is repeated if it deadlocks with another."""
        with self.reading():
            if self.in_host_transaction:
                return self._write_once(work)
            return repeated(lambda _is_last: self._write_once(work))

    def _write_once(self, work: Callable[[], _T]) -> _T:
        try:
            with transaction.atomic(using=self.alias, savepoint=False):
                return work()
        except Error as error:
            driver = driver_error(error)
            if is_lost(driver, by_busy_file=False):
                raise TransactionLost(words_of(driver)) from driver
            raise

    def rows(self, model: type[_M]) -> QuerySet[_M]:
        """Return all rows of a table."""
        return QuerySet(model=model, using=self.alias)

    def unique_fields(self, *names: str) -> list[str] | None:
        """Return the key by which rows are replaced; MariaDB looks at all keys, and takes none."""
        features = connections[self.alias].features
        return [*names] if features.supports_update_conflicts_with_target else None


def row_of(kind: type[_R], row: Model) -> _R:
    """Return what a row of a model holds, as a row of the library."""
    return kind._make(getattr(row, column) for column in _columns(kind, type(row)))


def read(kind: type[_R], queryset: QuerySet[Any]) -> Iterator[_R]:
    """Read rows of a table as rows of the library."""
    return map(kind._make, queryset.values_list(*_columns(kind, queryset.model)).iterator())


def _columns(kind: type[_R], model: type[Model]) -> list[str]:
    """List the columns of a table that a row of the kind has; they come first, in the same order."""
    return [field.attname for field in model._meta.concrete_fields][: len(kind._fields)]
