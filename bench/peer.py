"""The same number of aggregates, saved by the library `eventsourcing` in a SQLite file with its default settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from .measuring import Work


class Text(Aggregate):
    """An aggregate with one event, its creation, which holds a text."""

    def __init__(self, text: str) -> None:
        self.text = text


@contextmanager
def saving(texts: Sequence[str]) -> Iterator[Work]:
    """Yield the work of saving one aggregate for each text, all at once; the aggregates are created before."""
    aggregates = [Text(text) for text in texts]
    with _application() as application:
        yield lambda: application.save(*aggregates)


@contextmanager
def creating_and_saving(texts: Sequence[str]) -> Iterator[Work]:
    """Yield the work of creating and saving the aggregates, as ours decides and saves."""
    with _application() as application:
        yield lambda: application.save(*map(Text, texts))


@contextmanager
def _application() -> Iterator[Application[UUID]]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "events.sqlite"
        application = Application[UUID](env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(file)})
        yield application
        application.close()
