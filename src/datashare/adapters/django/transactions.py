"""The service over Django's database, and one line for a transaction of the host's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import Error, transaction

from datashare.adapters._databases import RaceLost, repeated
from datashare.domain.validation import require_callable
from datashare.errors import Misconfigured
from datashare.ports import AgreementStore
from datashare.service.sharing import DataSharing

from . import _settings
from ._errors import is_lost, raise_meaning
from .store import DjangoAgreementStore

_T = TypeVar("_T")


def data_sharing(store: AgreementStore | None = None) -> DataSharing:
    """Build the service by the function that ``DATASHARE["SHARING"]`` names.

    Args:
        store: The store to build it over; by default a new `DjangoAgreementStore`, which joins the transaction that
            is open when it is called.

    Raises:
        Misconfigured: The setting is missing or wrong.
    """
    sharing: object = _settings.function("SHARING")(DjangoAgreementStore() if store is None else store)
    if not isinstance(sharing, DataSharing):
        raise Misconfigured("What the function returns that DATASHARE['SHARING'] names", sharing, "a DataSharing")
    return sharing


def atomic(work: Callable[[DataSharing], _T]) -> _T:
    """Do some work in one transaction with agreements, commit it, and return what the work returned.

    The transaction begins as the store's own do, by `transaction.atomic` on the database that the settings name.
    If it loses to another one, for example by a deadlock, or if others changed a school after it was read, all of it
    is rolled back and repeated after a short random pause, up to six times in total. So the work must be safe to
    repeat: it writes to the database only, and uses the same command ids each time.
    If others still change a school during the last attempt, that attempt is committed, and the school's outcome is
    `CONFLICT`.

    Args:
        work: Called with a `DataSharing` whose store works within the transaction. What it raises rolls everything
            back, and is raised here as it is; errors of the host's own statements too.

    Raises:
        Misconfigured: *work* cannot be called, or a setting is missing or wrong.
        StoreUnavailable: The database cannot be reached, or is locked, full or read-only, or every attempt lost.
        StoreError: The database could not do its work.
        RuntimeError: A transaction is open already, so that this one could not be repeated; Django raises it.
    """
    require_callable(work, "work", "a function of a DataSharing")
    return repeated(partial(_attempt, work))


def _attempt(work: Callable[[DataSharing], _T], is_last: bool) -> _T:
    """Do the work once.

    Raises:
        TransactionLost: The transaction lost to another one.
        RaceLost: A school was changed by others; not in the last attempt.
    """
    store, raised, has_begun = DjangoAgreementStore(), list[Exception](), False
    try:
        with transaction.atomic(using=_settings.database(), durable=True):
            has_begun = True
            try:
                result = work(data_sharing(store))
            except Exception as error:
                raised.append(error)
                if store.has_lost and not is_last:
                    raise RaceLost from error
                raise
            if store.has_lost and not is_last:
                raise RaceLost
    except Error as error:
        if error in raised and not is_lost(error):
            raise  # by one of the host's own statements
        raise_meaning(error, in_host_transaction=has_begun)
    return result
