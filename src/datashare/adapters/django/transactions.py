"""The service over Django's database, and one line for a transaction of the host's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, transaction

from datashare.domain.validation import whole_number
from datashare.errors import Refused, TransactionLost
from datashare.ports import AgreementStore
from datashare.service.sharing import DataSharing

from . import _settings
from ._errors import is_lost, store_error
from ._pauses import ATTEMPTS, pause
from .store import DjangoAgreementStore

_T = TypeVar("_T")

_ATTEMPTS: Final = whole_number(1)


def data_sharing(store: AgreementStore | None = None) -> DataSharing:
    """Build the service by the function that ``DATASHARE["SHARING"]`` names.

    Args:
        store: The store to build it over; by default a new `DjangoAgreementStore`, which joins the transaction that
            is open when it is called.

    Raises:
        ImproperlyConfigured: The setting is missing or wrong.
    """
    sharing: object = _settings.function("SHARING")(DjangoAgreementStore() if store is None else store)
    if not isinstance(sharing, DataSharing):
        what = f"The function that DATASHARE['SHARING'] names must return a DataSharing; it returned {sharing!r}."
        raise ImproperlyConfigured(what)
    return sharing


def atomic(work: Callable[[DataSharing], _T], *, attempts: int = ATTEMPTS) -> _T:
    """Do some work in one transaction with agreements, and return what it returns.

    The transaction begins as the store's own do, by `transaction.atomic` on the database that the settings name. It is
    committed when *work* returns, and rolled back when *work* raises. All of it is repeated in a new transaction where
    it was lost to another one, and where a change lost a race, which a single action shows as a `CONFLICT`; the last
    attempt is returned or raised as it is. So *work* may be called several times: let it write to the database only,
    and name its command ids outside.

    Args:
        work: Takes a `DataSharing` whose store works within the transaction.
        attempts: The most transactions to try.

    Raises:
        TransactionLost: The last attempt was lost too. Nothing of it was saved.
        StoreError: The transaction could not begin, or be committed.
        RuntimeError: A transaction is open already, so that this one could not be repeated; Django raises it.
    """
    for attempt in range(1, _ATTEMPTS.require(attempts, "attempts")):
        try:
            return _in_transaction(work, is_last=False)
        except (TransactionLost, _RaceLost):
            pause(attempt)
    return _in_transaction(work, is_last=True)


class _RaceLost(Exception):
    """Rolls a transaction back in which a change lost a race."""


def _in_transaction(work: Callable[[DataSharing], _T], *, is_last: bool) -> _T:
    store = DjangoAgreementStore()
    failed: list[Error] = []
    try:
        with transaction.atomic(using=_settings.database(), durable=True):
            try:
                result = work(data_sharing(store))
            except Refused as refused:
                if store.has_lost and not is_last:
                    raise _RaceLost from refused
                raise
            except Error as error:
                failed.append(error)
                raise
            if store.has_lost and not is_last:
                raise _RaceLost
    except Error as error:
        if error in failed and not is_lost(error):
            raise  # by a statement of the host's own, who knows what it means
        raise store_error(error, in_host_transaction=True) from error
    return result
