"""Killed processes lose nothing and do nothing twice (T3, K4, H3, O2, O3, O7)."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from .kills import Series
from .nursery import Nursery, running_nursery

KILLS = 8
SEED = int(os.environ.get("DATASHARE_SEED") or secrets.randbits(32))


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Yield a process that starts workers."""
    with running_nursery() as nursery:
        yield nursery


@pytest.mark.rule("T3", "K1", "K4", "O2", "O3", "O7")
def test_a_killed_process_loses_nothing_and_doubles_nothing(nursery: Nursery, url: str, tmp_path: Path) -> None:
    """Whenever a worker is killed, what it left agrees, and another one completes it under the same command ids."""
    tally = Series(nursery=nursery, url=url, journal=tmp_path / "journal", seed=SEED).run(KILLS)

    assert KILLS == tally["kills"] == sum(count for what, count in tally.items() if what.startswith("kills: "))
    assert tally["notices: sent once"] > 0
