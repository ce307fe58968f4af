"""The crowd over Django; a program that takes the URL of an empty database, a number of threads and a folder."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.adapters.django import started  # isort: skip  # noqa: F401 - first, since models need it

from django.conf import settings
from django.db import connections

from datashare.adapters.django.store import DjangoAgreementStore
from datashare.adapters.django.transactions import atomic
from datashare.service import DataSharing
from tests.adapters.django.databases import database, migrated, postgresql_settings
from tests.world import TRUST

from .crowd import sharing_over, work_at_once

_T = TypeVar("_T")


class DjangoHost:
    """A host on Django's default database."""

    def __init__(self) -> None:
        """Use the database, and close the connection before the workers are forked."""
        settings.DATASHARE = {"SHARING": f"{sharing_over.__module__}.{sharing_over.__name__}"}
        self.outbox().states(TRUST)
        connections.close_all()

    def act(self, work: Callable[[DataSharing], _T]) -> _T:
        """Do some work in one transaction."""
        return atomic(work)

    def outbox(self) -> DjangoAgreementStore:
        """Return a store."""
        return DjangoAgreementStore()

    def leave_thread(self) -> None:
        """Close the connections, as Django does itself for a web server."""
        connections.close_all()


if __name__ == "__main__":
    with database("default", migrated(postgresql_settings(sys.argv[1]))):
        failed = work_at_once(DjangoHost(), int(sys.argv[2]), Path(sys.argv[3]))
    sys.exit(failed)
