"""How the store uses the engine's connections: briefly, one at a time, and none that another process opened."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, exc

from datashare.adapters._databases import ATTEMPTS, FIRST_PAUSE
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.adapters.sql._database import OwnTransactions
from datashare.adapters.sql._pages import PAGE
from datashare.errors import StoreError, StoreUnavailable
from datashare.testing.changes import COUNCIL, TRUST, asked

from .databases import MARIADB, disposing
from .public_calls import CALLS, busy_world, every_method, half_read, methods_called


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_one_connection_suffices_for_every_call(engine: Engine) -> None:
    """Not even a history, a chain or an export that is half read holds one."""
    assert every_method() == methods_called()
    with disposing(create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=1)) as narrow:
        store = SqlAgreementStore(narrow)
        store.append([asked(urn, group) for urn in range(1, PAGE + 2) for group in (TRUST, COUNCIL)])
        world = busy_world(store)
        begun = half_read(store, world)
        for call in CALLS.values():
            call(world)
            assert 0 == narrow.pool.checkedout()  # type: ignore[attr-defined]  # a pool of connections counts them
        assert 5 * [True] + 3 * [False] == [len(list(values)) > PAGE for values in begun]  # of one school, or of all


FORKING = """
import os, sys
from sqlalchemy import create_engine
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.testing.changes import TRUST, asked

url = sys.argv[1]
engine = sqlite_engine(url) if url.endswith(".db") else create_engine(url, pool_size=1, max_overflow=0)
store = SqlAgreementStore(engine)
store.append([asked(1)])
half_read = store.group_history(TRUST)
children = []
for urn in range(2, 6):
    child = os.fork()
    if not child:
        store.append([asked(urn)])
        os._exit(0 if urn in [state.urn for state in store.states(TRUST)] else 1)
    children.append(child)
    store.append([asked(10 + urn)])
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
print([state.urn for state in store.states(TRUST)], len(list(half_read)))
engine.dispose()
"""


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", MARIADB], indirect=True)
def test_an_engine_that_was_used_before_a_fork_works_in_both_processes(engine: Engine) -> None:
    """The child gets connections of its own, as under a server that loads the application before it forks."""
    url = str(engine.url.database) if engine.dialect.name == "sqlite" else engine.url.render_as_string(False)
    program = [sys.executable, "-W", "error", "-c", FORKING, url]
    done = subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)

    assert "" == done.stderr
    assert "[0, 0, 0, 0]\n[1, 2, 3, 4, 5, 12, 13, 14, 15] 1\n" == done.stdout


def lost(attempts: list[str]) -> str:
    """Lose to another transaction."""
    attempts.append("lost")
    raise exc.DBAPIError.instance("UPDATE", {}, psycopg.errors.DeadlockDetected("Deadlock"), psycopg.Error)


def test_a_transaction_that_lost_is_begun_again_after_a_growing_pause(sqlite: Engine) -> None:
    """The pauses are at random, so that those who lost to each other do not meet again; then it is unavailable."""
    pauses, chances, attempts = list[float](), iter([0.5, 1.0, 0.0, 1.0, 1.0]), list[str]()
    own = OwnTransactions(sqlite, lambda _: None, sleep=pauses.append, chance=lambda: next(chances))

    with pytest.raises(StoreUnavailable):
        own.write(lambda _: lost(attempts))
    assert ATTEMPTS == len(attempts)
    assert [FIRST_PAUSE * part for part in (0.5, 2, 0, 8, 16)] == pauses


def refusal(engine: Engine) -> str:
    """Return what the store says when the database does not let it in."""
    with disposing(engine), pytest.raises(StoreError) as caught:
        SqlAgreementStore(engine).states(TRUST)
    assert StoreError is type(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("engine", ["postgresql", MARIADB], indirect=True)
def test_who_is_not_admitted_is_told_what_to_check(engine: Engine) -> None:
    """To try again later does not help."""
    for url in (engine.url.set(database="nowhere"), engine.url.set(username="nobody")):
        said = refusal(create_engine(url))
        assert "Check the user's name, password and rights, and the name of the database." in said
        assert "later" not in said


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The file can only be made in a folder that exists."""
    assert "Check that the folder of the file exists" in refusal(sqlite_engine(tmp_path / "nowhere" / "a.db"))
