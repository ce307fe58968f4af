"""What Django's databases raise: each error becomes one of the library's own."""

from __future__ import annotations

from typing import NoReturn

from django.db import Error
from django.db.transaction import TransactionManagementError

from datashare.adapters import _databases


def raise_meaning(error: Error, *, in_host_transaction: bool) -> NoReturn:
    """Raise what an error of a database means to the caller of a store.

    Args:
        error: What Django raised; its cause is what the driver raised.
        in_host_transaction: Whether the transaction is the host's.

    Raises:
        StoreError: Always, or the kind of it that the error means.
    """
    lost = in_host_transaction and is_lost(error)
    meaning, cause = _databases.meaning_of(driver_error(error), error, lost=lost, migrate="Run manage.py migrate.")
    _databases.log_failure(meaning, cause)
    try:
        raise meaning from cause
    finally:
        meaning.__context__ = cause  # and not Django's own error, which quotes what the driver's does


def driver_error(error: Error) -> BaseException:
    """Return what the driver raised; Django raises some errors by itself, and MariaDB's without their cause."""
    return error.__cause__ or error


def is_lost(error: Error) -> bool:
    """Return whether the host's transaction lost to another one, or had failed before."""
    return isinstance(error, TransactionManagementError) or _databases.is_lost(driver_error(error), by_busy_file=True)
