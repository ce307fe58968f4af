"""Kills as many workers as asked for, half of them on SQLite and half on PostgreSQL, and tells what it came to.

Run it by `make torture`, with `KILLS=…` for another number and `DATASHARE_SEED=…` to repeat a run. It ends with an
error at the first thing that is lost, doubled or half done.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import Server, running_postgresql

from .kills import Series, Tally
from .nursery import Nursery

IN_A_SERIES = 25
"""So many kills one database sees; the check after each takes longer the more is in it."""


def main() -> None:
    """Kill workers, a series after the other, and print how far it is and what it came to."""
    kills = int(os.environ.get("KILLS") or 500)
    seed = int(os.environ.get("DATASHARE_SEED") or secrets.randbits(32))
    print(f"Killing {kills} processes; to repeat it: DATASHARE_SEED={seed}", flush=True)
    began, tallies = time.monotonic(), {"SQLite": Tally(), "PostgreSQL": Tally()}
    with Nursery() as nursery, running_postgresql() as server:
        for number, (kind, count) in enumerate(series(kills)):
            with database(kind, server) as (url, folder):
                tally = Series(nursery=nursery, url=url, journal=folder / "journal", seed=seed + number).run(count)
            tallies[kind] += tally
            done = sum(one.kills for one in tallies.values())
            print(f"{time.monotonic() - began:6.0f} s  {done:5} of {kills} killed  {kind}: nothing lost", flush=True)
    for kind, tally in tallies.items():
        print(f"\n{kind}\n{tally}")
    print(f"\nBoth\n{tallies['SQLite'] + tallies['PostgreSQL']}", flush=True)


def series(kills: int) -> Iterator[tuple[str, int]]:
    """Share the kills out among databases, in turn of each kind."""
    for number, start in enumerate(range(0, kills, IN_A_SERIES)):
        yield ("SQLite", "PostgreSQL")[number % 2], min(IN_A_SERIES, kills - start)


@contextmanager
def database(kind: str, server: Server) -> Iterator[tuple[str, Path]]:
    """Give an empty database, and a folder for what belongs to it."""
    with TemporaryDirectory(prefix="ds-") as folder, ExitStack() as held:
        if kind == "SQLite":
            yield f"sqlite:///{folder}/agreements.db", Path(folder)
        else:
            yield held.enter_context(server.database()), Path(folder)


if __name__ == "__main__":
    main()
