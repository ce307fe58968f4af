"""The crowd over SQLAlchemy; a program that takes the URL of an empty database, a number of threads and a folder."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import create_engine

from datashare.adapters.sql import SqlAgreementStore, create_schema, in_transaction
from datashare.service import DataSharing

from .crowd import sharing_over, work_at_once

_T = TypeVar("_T")


class SqlHost:
    """A host whose pool may hold fewer connections than it has threads."""

    def __init__(self, url: str) -> None:
        """Make the tables, before the workers are forked."""
        self.engine = create_engine(url, pool_size=8, max_overflow=0)
        create_schema(self.engine)

    def act(self, work: Callable[[DataSharing], _T]) -> _T:
        """Do some work in one transaction."""
        return in_transaction(self.engine, lambda _connection, store: work(sharing_over(store)))

    def outbox(self) -> SqlAgreementStore:
        """Return a store on the engine."""
        return SqlAgreementStore(self.engine)

    def leave_thread(self) -> None:
        """Leave the connections to the pool."""


if __name__ == "__main__":
    host = SqlHost(sys.argv[1])
    failed = work_at_once(host, int(sys.argv[2]), Path(sys.argv[3]))
    host.engine.dispose()
    sys.exit(failed)
