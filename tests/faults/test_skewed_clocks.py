"""Processes whose clocks differ share the work: nothing is sent twice, and nothing is left."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.clock import SystemClock
from datashare.testing.changes import TRUST, asked

from .nursery import PROJECT


@pytest.mark.rule("O3")
def test_processes_whose_clocks_are_minutes_apart_send_every_notice_once(tmp_path: Path) -> None:
    """One is six minutes fast and one six minutes slow; together they send what waits, each notice once."""
    database, log = tmp_path / "agreements.db", tmp_path / "sent"
    engine = sqlite_engine(database)
    create_schema(engine)
    store = SqlAgreementStore(engine)
    now = SystemClock().now().subtract(minutes=10)
    assert frozenset() == store.append([asked(urn, now=now) for urn in range(100000, 100040)])
    with ExitStack() as workers:
        for minutes in ("6", "-6"):
            command = [sys.executable, "-m", "tests.faults.skewed", str(database), str(log), minutes]
            workers.enter_context(subprocess.Popen(command, cwd=PROJECT))
    notices = {stored.id for stored in store.notices(TRUST)}
    engine.dispose()

    assert 80 == len(notices)
    assert sorted(notices) == sorted(log.read_text().split())
