"""A PostgreSQL that crashes and comes up again has all that was acknowledged, and nothing half-done."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from datashare.adapters.sql import SqlAgreementStore, create_schema
from datashare.errors import StoreUnavailable
from tests.servers import running_postgresql
from tests.world import ANA, MIS, TRUST

from .audit import audit, picture
from .worker import Journal, JournalledStore, engine_for, made_up_world

LONGEST_RECOVERY = 60.0


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine for a server that no other test uses."""
    with running_postgresql() as server, server.database() as url:
        made = engine_for(url)
        create_schema(made)
        yield made
        made.dispose()


def crash_before_commit(engine: Engine) -> None:
    """Kill the server's process before it is told to commit; the server then ends all others, and starts anew."""
    commits = itertools.count()

    def crash(_connection: object) -> None:
        if next(commits):
            return
        with engine.connect() as other:
            found = other.scalars(text("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'")).all()
        for process in found:
            os.kill(process, signal.SIGKILL)

    event.listen(engine, "commit", crash)


def wait_until_it_is_back(engine: Engine) -> None:
    """Wait until the server takes connections again."""
    give_up_at = time.monotonic() + LONGEST_RECOVERY
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            assert time.monotonic() < give_up_at, "the server did not come back"
            time.sleep(0.05)
        else:
            return


@pytest.mark.rule("K1", "K4", "O2", "T2")
def test_a_server_that_crashes_loses_nothing_acknowledged(engine: Engine, tmp_path: Path) -> None:
    """Killed as it commits, it has what was saved before and nothing of the action, which is then repeated."""
    world, urns = made_up_world()
    journal = Journal(tmp_path / "journal")
    trust = world.over(JournalledStore(SqlAgreementStore(engine), journal)).for_group(TRUST, actor=ANA)
    half = len(urns) // 2
    trust.request(urns[:half], level=MIS, command_id="earlier")
    before = picture(engine)
    crash_before_commit(engine)

    with pytest.raises(StoreUnavailable, match="server closed the connection") as caught:
        trust.request(urns[half:], level=MIS, command_id="ask")
    wait_until_it_is_back(engine)

    assert str(caught.value).endswith("Try again later with the same command id, so that nothing is done twice.")
    assert before == picture(engine)
    again = trust.request(urns[half:], level=MIS, command_id="ask")
    assert list(urns[half:]) == [one.urn for one in again.done if not one.replayed]
    audit(engine, tmp_path / "journal")
    journal.close()
