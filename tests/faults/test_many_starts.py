"""The processes of a host that start at the same moment, and each of which makes the tables."""

import threading

import pytest
from sqlalchemy import Engine

from datashare.adapters.sql import SqlAgreementStore, create_schema
from datashare.errors import StoreError
from tests.world import TRUST

from .worker import engine_for

AT_ONCE = 8


def make_at_once(url: str) -> list[StoreError]:
    """Make the tables from many connections at once, as processes do; give what went wrong."""
    gate, errors = threading.Barrier(AT_ONCE), list[StoreError]()

    def make(engine: Engine) -> None:
        gate.wait(timeout=30)
        try:
            create_schema(engine)
        except StoreError as error:
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=make, args=(engine_for(url),)) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def test_processes_that_start_together_make_the_tables_once(url: str) -> None:
    """One makes them, the others wait and find them there."""
    assert [] == make_at_once(url)

    engine = engine_for(url)
    assert [] == list(SqlAgreementStore(engine).states(TRUST))
    engine.dispose()


@pytest.mark.mariadb
def test_processes_that_start_together_make_the_tables_once_on_mariadb(mariadb_url: str) -> None:
    """One makes them, the others wait and find them there."""
    assert [] == make_at_once(mariadb_url)
