"""A PostgreSQL that crashes and starts again has all that was acknowledged, and nothing half-done."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from datashare.adapters.sql import SqlAgreementStore, create_schema
from tests.servers import running_postgresql
from tests.world import ANA, MIS, TRUST

from .audit import audit, read_tables
from .clear_errors import unavailable
from .worker import Journal, JournalledStore, disposing, engine_for, made_up_world

LONGEST_RECOVERY = 60.0


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Yield an engine for a server that no other test uses."""
    with running_postgresql() as server, server.database() as url, disposing(engine_for(url)) as engine:
        create_schema(engine)
        yield engine


def crash_before_commit(engine: Engine) -> None:
    """Kill the server's process before the first commit; the server then ends all others, and starts again."""
    commits = itertools.count()

    def crash(_connection: object) -> None:
        if next(commits):
            return
        writing = text("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'")
        with engine.connect() as other:
            processes = other.scalars(writing).all()
        for process in processes:
            os.kill(process, signal.SIGKILL)

    event.listen(engine, "commit", crash)


def checkpointer(engine: Engine) -> int | None:
    """Return the id of the server's checkpointer, which is another process after a crash."""
    query = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    with engine.connect() as connection:
        pid: int | None = connection.scalar(query)
        return pid


def wait_until_it_is_back(engine: Engine, crashed: int | None) -> None:
    """Wait until the server runs with another checkpointer; for a moment it may still answer before it notices."""
    give_up_at = time.monotonic() + LONGEST_RECOVERY
    while True:
        with suppress(OperationalError):
            if checkpointer(engine) not in {None, crashed}:
                return
        assert time.monotonic() < give_up_at, "the server did not come back"
        time.sleep(0.05)


@pytest.mark.rule("K1", "K4", "O2", "T2")
def test_a_server_that_crashes_loses_nothing_acknowledged(engine: Engine, journal: Journal) -> None:
    """A server killed at a commit has what was saved before and nothing of the action, which is then repeated."""
    world, urns = made_up_world()
    trust = world.over(JournalledStore(SqlAgreementStore(engine), journal)).for_group(TRUST, actor=ANA)
    half = len(urns) // 2
    trust.request(urns[:half], level=MIS, command_id="earlier")
    before, process = read_tables(engine), checkpointer(engine)
    crash_before_commit(engine)

    with unavailable("server closed the connection"):
        trust.request(urns[half:], level=MIS, command_id="ask")
    wait_until_it_is_back(engine, process)

    assert before == read_tables(engine)
    repeated = trust.request(urns[half:], level=MIS, command_id="ask")
    assert list(urns[half:]) == [outcome.urn for outcome in repeated.done if not outcome.replayed]
    audit(engine, journal.path)
