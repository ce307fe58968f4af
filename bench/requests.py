"""A request to many schools at once, against the bare driver writing the same rows, and against another library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from datashare.adapters.sql import SqlAgreementStore
from tests.servers import Server

from .databases import Database, PostgreSQL, Rows, SQLite
from .measuring import Contestant, Line, Work, in_turns
from .peer import creating_and_saving, saving
from .sizes import Sizes
from .world import World, world_of


def bulk_lines(
    database: Database, count: int, *, rounds: int, bar: float | None, with_peer: bool = False
) -> list[Line]:
    """Compare a request to *count* schools with its floor, and with the peer if asked to."""
    world = world_of(count)
    rows = _rows_of(database, world)
    contestants: dict[str, Contestant] = {
        "ours": lambda: _ours(database, world),
        database.floor: lambda: _floor(database, rows),
    }
    if with_peer:
        contestants |= _peers(rows)
    taken = in_turns(contestants, rounds=rounds)
    work = f"request {count:,} schools, {database.name}"
    ours = taken.pop("ours")
    floor = Line(work=work, ours=ours, against=database.floor, theirs=taken.pop(database.floor), bar=bar)
    peers = [
        Line(work=work, ours=ours, against=name, theirs=theirs, bar=1.0 if name == PEER else None)
        for name, theirs in taken.items()
    ]
    return [floor, *peers]


def request_lines(postgresql: Server, sizes: Sizes) -> Iterator[Line]:
    """Measure requests of both sizes on both databases."""
    databases: list[tuple[Database, float]] = [(SQLite(), 5.0), (PostgreSQL(postgresql), 2.0)]
    for database, bar in databases:
        yield from bulk_lines(
            database, sizes.schools, rounds=sizes.rounds, bar=bar, with_peer=isinstance(database, SQLite)
        )
    for database, _ in databases:
        yield from bulk_lines(database, sizes.all_schools, rounds=sizes.long_rounds, bar=None)


def _rows_of(database: Database, world: World) -> Rows:
    """Ask all schools once, and read back what that wrote."""
    with database.engine() as engine:
        outcomes = world.request_all(SqlAgreementStore(engine))
        assert len(world.urns) == len(outcomes.done)
        return database.read(engine)


@contextmanager
def _ours(database: Database, world: World) -> Iterator[Work]:
    with database.engine() as engine:
        store = SqlAgreementStore(engine)
        world.request_spare(store)
        yield lambda: world.request_all(store)


@contextmanager
def _floor(database: Database, rows: Rows) -> Iterator[Work]:
    with database.engine() as engine, database.writing(engine, rows) as work:
        yield work


PEER = "eventsourcing save(): as many as rows"
"""The way of the peer that has a bar; the others are only reported."""


def _peers(rows: Rows) -> dict[str, Contestant]:
    """Return the ways of the peer: it saves as many texts of ours as we write rows, as we look up, or as schools."""
    states, events, outcomes, notices = (
        [_as_text(row) for row in rows[f"datashare_{name}"]] for name in ("agreements", "events", "outcomes", "notices")
    )
    looked_up = [*states, *outcomes, *notices]
    return {
        PEER: lambda: saving([*looked_up, *events]),
        "save(): as many as we look up": lambda: saving(looked_up),
        "the same, aggregates made too": lambda: creating_and_saving(looked_up),
        "save(): as many as schools": lambda: saving(states),
        "the same, schools made too": lambda: creating_and_saving(states),
    }


def _as_text(row: Sequence[Any]) -> str:
    """Return a row's longest text: the state, the digests or the message."""
    return max((value for value in row if isinstance(value, str)), key=len)
