"""Kills as many workers as asked for, half of them on SQLite and half on PostgreSQL, and prints what came of it.

Run it by `make torture`, with `KILLS=…` for another number and `DATASHARE_SEED=…` to repeat a run. It ends with an
error as soon as anything is lost, done twice or half done.
"""

import os
import secrets
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import running_postgresql

from .kills import Series
from .nursery import running_nursery

IN_A_SERIES = 25
"""The number of kills on one database; the check after each takes longer the more the database holds."""


def main() -> None:
    """Kill workers, one series after another, and print the progress and the tally."""
    kills = int(os.environ.get("KILLS") or 500)
    seed = int(os.environ.get("DATASHARE_SEED") or secrets.randbits(32))
    print(f"Killing {kills} processes; to repeat it: DATASHARE_SEED={seed}", flush=True)
    start, tallies = time.monotonic(), {"SQLite": Counter[str](), "PostgreSQL": Counter[str]()}
    with running_nursery() as nursery, running_postgresql() as server:
        for number, done in enumerate(range(0, kills, IN_A_SERIES)):
            kind, count = ("SQLite", "PostgreSQL")[number % 2], min(IN_A_SERIES, kills - done)
            with ExitStack() as stack:
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="ds-")))
                sqlite = f"sqlite:///{folder}/agreements.db"
                url = sqlite if kind == "SQLite" else stack.enter_context(server.database())
                series = Series(nursery=nursery, url=url, journal=folder / "journal", seed=seed + number)
                tallies[kind] += series.run(count)
            seconds = time.monotonic() - start
            print(f"{seconds:6.0f} s  {done + count:5} of {kills} killed  {kind}: nothing lost", flush=True)
    for kind, tally in {**tallies, "Both": tallies["SQLite"] + tallies["PostgreSQL"]}.items():
        print(f"\n{kind}")
        for what, number in sorted(tally.items()):
            print(f"{what:<45}{number:>9,}")


if __name__ == "__main__":
    main()
