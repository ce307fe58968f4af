"""The same number of aggregates in the library `eventsourcing`, in a SQLite file as it comes by default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from .measuring import Work


class Kept(Aggregate):
    """An aggregate with one event, its creation, which holds a text."""

    def __init__(self, text: str) -> None:
        self.text = text


@contextmanager
def saving(texts: Sequence[str]) -> Iterator[Work]:
    """Give the work that saves an aggregate of each text, all at once; they were made before."""
    aggregates = [Kept(text) for text in texts]
    with _application() as application:
        yield lambda: application.save(*aggregates)


@contextmanager
def making_and_saving(texts: Sequence[str]) -> Iterator[Work]:
    """Give the work that makes the aggregates too, as ours decides and saves."""
    with _application() as application:
        yield lambda: application.save(*map(Kept, texts))


@contextmanager
def _application() -> Iterator[Application[UUID]]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "events.sqlite"
        application = Application[UUID](env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)})
        yield application
        application.close()
