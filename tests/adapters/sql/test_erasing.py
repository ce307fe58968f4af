"""What was purged or erased stands in no byte of a SQLite file and the files beside it (O6, H4)."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from datashare.adapters.sql import SqlAgreementStore
from datashare.delivery import deliver, purge
from datashare.domain.agreements import Decline
from datashare.domain.instants import MOST_AHEAD
from datashare.testing import FrozenClock, RecordingNotifier
from datashare.testing.changes import NOW, asked
from datashare.testing.contracts._store_suite import do

LATER = NOW + timedelta(days=91)
ADDRESS, WORDS = b"5143.example", b"governors have met"
"""The end of an address of everybody in the notices, and what a school wrote."""


def holds(engine: Engine, *words: bytes) -> set[str]:
    """Return the ends of the names of those files in which any of the words stands."""
    file = Path(str(engine.url.database))
    return {
        found.name.removeprefix(file.name)
        for found in file.parent.iterdir()
        if any(word in found.read_bytes() for word in words)
    }


def with_notices(engine: Engine) -> SqlAgreementStore:
    """Return a store in which many schools were asked and one declined."""
    store = SqlAgreementStore(engine)
    store.append([asked(urn) for urn in range(100_000, 100_200)])
    do(store, Decline)
    return store


def purge_all(store: SqlAgreementStore) -> int:
    """Purge every notice: what waits is given up first, and erased by the second purge."""
    month = timedelta(days=30)
    return sum(purge(store, keep_for=month, clock=FrozenClock(at)) for at in (LATER, LATER + month + MOST_AHEAD))


@pytest.mark.rule("O6")
@pytest.mark.parametrize("delivered", [True, False], ids=["delivered", "waiting"])
def test_what_was_purged_stands_in_no_byte(sqlite: Engine, delivered: bool) -> None:
    """Neither in the file nor in its log, which would hold the pages as they were."""
    store = with_notices(sqlite)
    if delivered:
        deliver(store, RecordingNotifier(), clock=FrozenClock(NOW), batch=100, limit=250)
    assert "-wal" in holds(sqlite, ADDRESS)

    assert 402 == purge_all(store)
    assert set() == holds(sqlite, ADDRESS)


@pytest.mark.rule("H4", "O6")
def test_what_was_erased_stands_in_no_byte(sqlite: Engine) -> None:
    """The host erases it in the table; the purge of the notices that quote it empties the log."""
    store = with_notices(sqlite)
    with sqlite.begin() as connection:
        connection.execute(text("UPDATE datashare_events SET erasable = NULL WHERE urn = 100000"))
    assert holds(sqlite, WORDS)

    purge_all(store)
    assert set() == holds(sqlite, WORDS)


@pytest.mark.rule("O6")
def test_a_reader_does_not_hold_up_a_purge(sqlite: Engine) -> None:
    """The log stays as it is while somebody reads, which is no error; the next purge empties it."""
    store = with_notices(sqlite)
    with sqlite.connect() as reader:
        reader.execute(text("SELECT 1 FROM datashare_notices")).first()
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM datashare_notices").all()
        assert 402 == purge_all(store)
        assert "-wal" in holds(sqlite, ADDRESS)
    assert 0 == purge_all(store)

    assert set() == holds(sqlite, ADDRESS)


@pytest.mark.rule("O6")
def test_a_purge_within_the_hosts_transaction_leaves_the_log(sqlite: Engine) -> None:
    """The host has not committed yet; a later purge empties it."""
    with_notices(sqlite)
    with sqlite.begin() as connection:
        assert 402 == purge_all(SqlAgreementStore(connection))
    purge_all(SqlAgreementStore(sqlite))

    assert set() == holds(sqlite, ADDRESS)
