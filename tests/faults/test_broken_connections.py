"""Connections to PostgreSQL that break: a clear error, nothing half-done, and a repetition completes it.

The server itself ends them, by `pg_terminate_backend`, as when it is restarted.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from datashare.adapters.sql import SqlAgreementStore
from datashare.errors import StoreUnavailable
from tests.world import ANA, MIS, NOW, TRUST

from .audit import audit, lines_of, picture
from .test_kills import SEED
from .worker import (
    EVENTS_IN_A_TURN,
    NAME,
    NOTICES_IN_A_TURN,
    Job,
    Journal,
    JournalledStore,
    Steps,
    engine_for,
    made_up_world,
    turn_of,
)

FEW = 5
BREAKS = 8
STATEMENTS = 5
"""So many, and a commit, are seen of a request: to look at the version, to load, to lock, to write agreements and
outcomes. Events and notices follow by COPY, of which SQLAlchemy tells nothing: they meet what was broken before."""

ENDED = text("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = :name")
"""Ends the connections of a client, and waits until they are gone."""


def end_connections(server: Engine) -> int:
    """End what the client has open, whatever it is doing; say how many connections that were."""
    with server.connect() as connection:
        found: int = connection.scalars(ENDED, {"name": NAME}).one()
        return found


class Breaking(Steps):
    """Ends the client's connections at one of its steps."""

    def __init__(self, server: Engine, at: int) -> None:
        super().__init__()
        self._server, self.at = server, at

    def __call__(self, *_: object) -> None:
        self.taken += 1
        if self.taken == self.at:
            assert end_connections(self._server) == 1


@contextmanager
def client(server: Engine, steps: Steps) -> Iterator[Engine]:
    """Give a client's engine, each round trip of which is two steps, and each commit one."""
    engine = engine_for(server.url.render_as_string(hide_password=False))
    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, moment, steps)
    yield engine
    engine.dispose()


@pytest.mark.rule("K1", "K4", "O2", "T2")
def test_a_connection_that_breaks_at_any_step_leaves_nothing_half_done(server: Engine, tmp_path: Path) -> None:
    """Before and after every statement and at the commit of a bulk request the connection is ended once."""
    world, urns = made_up_world()
    journal, broken, at = Journal(tmp_path / "journal"), 0, 0
    while broken == at:
        at += 1
        steps, before = Breaking(server, at), picture(server)
        with client(server, steps) as engine:
            trust = world.over(JournalledStore(SqlAgreementStore(engine), journal)).for_group(TRUST, actor=ANA)
            chosen, name = urns[:FEW], f"ask-{at}"
            try:
                outcomes = trust.request(chosen, level=MIS, command_id=name)
            except StoreUnavailable as error:
                broken += 1
                assert_said(error)
                assert before == picture(server)
                outcomes = trust.request(chosen, level=MIS, command_id=name)
            steps.at = 0  # the request had fewer steps
            assert [False] * FEW == [one.replayed for one in outcomes.done]
            trust.withdraw(outcomes.requests, reason="Again.", command_id=f"withdraw-{at}")
        audit(server, tmp_path / "journal")
    journal.close()
    assert broken >= 2 * STATEMENTS + 1


def assert_said(error: StoreUnavailable) -> None:
    """Check that the message says that the connection broke, and what to do."""
    assert "terminating connection due to administrator command" in error.why or "connection is lost" in error.why
    assert_tells_what_to_do(error)


def assert_tells_what_to_do(error: StoreUnavailable) -> None:
    """Check that the message says what to do."""
    assert str(error).endswith("Try again later with the same command id, so that nothing is done twice.")


@pytest.mark.rule("K4", "O2", "O3", "O7", "T3")
def test_connections_that_break_at_random_moments_lose_nothing(server: Engine, tmp_path: Path) -> None:
    """A client acts and delivers while its connections are ended again and again; it repeats until all is done."""
    world, urns = made_up_world()
    path, journal, chance = tmp_path / "journal", Journal(tmp_path / "journal"), random.Random(SEED)
    failures = turn = 0
    with client(server, Steps()) as engine:
        store = SqlAgreementStore(engine)
        while failures < BREAKS or not lines_of(path) or lines_of(path)[-1]["what"] != "finished":
            at = NOW.add(hours=failures + turn).isoformat()
            job = Job(url="", journal="", seed=SEED, turn=turn, at=at)
            with trouble(server, chance.uniform(0, 0.15) if failures < BREAKS else None):
                try:
                    turn_of(job, store, journal, world, urns).take()
                except StoreUnavailable as error:
                    failures += 1
                    assert_tells_what_to_do(error)
                else:
                    journal.note("finished")
                    turn += 1
            audit(server, path)
    journal.close()

    found = audit(server, path)
    assert turn * EVENTS_IN_A_TURN == len(found.events), f"DATASHARE_SEED={SEED}"
    assert turn * NOTICES_IN_A_TURN == len(found.statuses)
    assert {"delivered", "cancelled"} >= set(found.statuses.values())
    assert sum(found.sent.values()) - len(found.sent) <= failures


@contextmanager
def trouble(server: Engine, after: float | None) -> Iterator[None]:
    """End the client's connections some seconds after it began, if any."""
    if after is None:
        yield
        return
    wait = after

    def strike() -> None:
        time.sleep(wait)
        end_connections(server)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield
    finally:
        thread.join()
