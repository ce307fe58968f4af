"""Connections to PostgreSQL that break: a clear error, nothing half-done, and a repetition completes it.

The server itself ends them, by `pg_terminate_backend`, as when it is restarted.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from datashare.adapters.sql import SqlAgreementStore
from datashare.errors import StoreUnavailable
from tests.world import ANA, MIS, NOW, TRUST

from .audit import audit, read_tables
from .clear_errors import assert_clear
from .test_kills import SEED
from .worker import (
    EVENTS_IN_A_TURN,
    NAME,
    NOTICES_IN_A_TURN,
    Job,
    Journal,
    JournalledStore,
    Steps,
    disposing,
    engine_for,
    made_up_world,
    take_turn,
)

FEW = 5
BREAKS = 8
STATEMENTS = 5
"""The statements of a request that are counted: to look at the version, to load, to lock, to write agreements and
outcomes. Events and notices follow by COPY, which SQLAlchemy does not report: they meet what was broken before."""

REASONS = ("terminating connection due to administrator command", "connection is lost")


def end_connections(server: Engine) -> int:
    """End the client's connections, wait until they are gone, and return how many there were."""
    end = text("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = :name")
    with server.connect() as connection:
        count: int = connection.scalars(end, {"name": NAME}).one()
        return count


@pytest.mark.rule("K1", "K4", "O2", "T2")
def test_a_connection_that_breaks_at_any_step_leaves_nothing_half_done(server: Engine, journal: Journal) -> None:
    """The connection is ended once at each step: before and after every statement and at the commit of a request."""
    world, urns = made_up_world()
    url, chosen = server.url.render_as_string(hide_password=False), urns[:FEW]
    broken, at, ended = 0, 0, list[int]()
    while broken == at:
        at += 1
        before, name = read_tables(server), f"ask-{at}"
        with disposing(engine_for(url)) as engine:
            steps = Steps(at, lambda: ended.append(end_connections(server)))
            steps.follow(engine)
            trust = world.over(JournalledStore(SqlAgreementStore(engine), journal)).for_group(TRUST, actor=ANA)
            try:
                outcomes = trust.request(chosen, level=MIS, command_id=name)
            except StoreUnavailable as error:
                broken += 1
                assert_clear(error, *REASONS)
                assert before == read_tables(server)
                outcomes = trust.request(chosen, level=MIS, command_id=name)
            steps.at = None  # the request had fewer steps
            assert [False] * FEW == [outcome.replayed for outcome in outcomes.done]
            trust.withdraw(outcomes.requests, reason="Again.", command_id=f"withdraw-{at}")
        audit(server, journal.path)
    assert [1] * broken == ended
    assert broken >= 2 * STATEMENTS + 1


@pytest.mark.rule("K4", "O2", "O3", "O7", "T3")
def test_connections_that_break_at_random_moments_lose_nothing(server: Engine, journal: Journal) -> None:
    """A client acts and delivers while its connections are ended again and again; it repeats until all is done."""
    world, urns = made_up_world()
    chance, failures, turn, finished = random.Random(SEED), 0, 0, False
    with disposing(engine_for(server.url.render_as_string(hide_password=False))) as engine:
        store = SqlAgreementStore(engine)
        while failures < BREAKS or not finished:
            job = Job(seed=SEED, turn=turn, at=NOW.add(hours=failures + turn).isoformat())
            with breaking(server, chance.uniform(0, 0.15) if failures < BREAKS else None):
                try:
                    take_turn(job, store, journal, world, urns)
                except StoreUnavailable as error:
                    failures, finished = failures + 1, False
                    assert_clear(error, "")
                else:
                    turn, finished = turn + 1, True
            audit(server, journal.path)

    report = audit(server, journal.path)
    assert turn * EVENTS_IN_A_TURN == len(report.events), f"DATASHARE_SEED={SEED}"
    assert turn * NOTICES_IN_A_TURN == len(report.statuses)
    assert {"delivered", "cancelled"} >= set(report.statuses.values())
    assert report.sent.total() - len(report.sent) <= failures


@contextmanager
def breaking(server: Engine, seconds: float | None) -> Iterator[None]:
    """End the client's connections so many seconds after the block began, if at all."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, end_connections, [server])
    timer.start()
    try:
        yield
    finally:
        timer.join()
