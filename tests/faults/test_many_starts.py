"""Processes of a host that start at the same moment, and each of which creates the tables."""

import threading

import pytest

from datashare.adapters.sql import SqlAgreementStore, create_schema
from datashare.errors import StoreError
from tests.world import TRUST

from .worker import disposing, engine_for

AT_ONCE = 8


@pytest.mark.parametrize(
    "url", ["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True
)
def test_processes_that_start_together_make_the_tables_once(url: str) -> None:
    """One connection creates the tables; the others wait and find them there."""
    gate, errors = threading.Barrier(AT_ONCE), list[StoreError]()

    def create() -> None:
        with disposing(engine_for(url)) as engine:
            gate.wait(timeout=30)
            try:
                create_schema(engine)
            except StoreError as error:
                errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert not any(thread.is_alive() for thread in threads)
    assert [] == errors
    with disposing(engine_for(url)) as engine:
        assert [] == list(SqlAgreementStore(engine).states(TRUST))
