"""One tab of one group, in a store of many agreements and in one of a thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine

from datashare import Tab
from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.history import BEFORE_THE_FIRST, chained
from tests.servers import Server

from .databases import Database, PostgreSQL, Rows, SQLite
from .measuring import Line, Work, in_turns
from .sizes import Sizes
from .world import ANA, TRUST, World, world_of

SCHOOLS_OF_A_GROUP = 100
FEW = 1_000
"""So many agreements the small store has."""

FIRST_CODE = 10_000
"""The other groups are the trusts from this one on."""

GROUPS_AT_ONCE = 100


def tab_lines(postgresql: Server, sizes: Sizes) -> Iterator[Line]:
    """Measure a tab on both databases; each is filled once."""
    world = world_of(SCHOOLS_OF_A_GROUP)
    for database in (SQLite(), PostgreSQL(postgresql)):
        yield _tab_line(database, world, sizes)


def _tab_line(database: Database, world: World, sizes: Sizes) -> Line:
    with ExitStack() as stack:
        many = stack.enter_context(_filled(database, world, sizes.agreements))
        few = stack.enter_context(_filled(database, world, FEW))
        against = f"the same with {FEW:,}"
        taken = in_turns(
            {"ours": lambda: _tab(world, many), against: lambda: _tab(world, few)}, rounds=10 * sizes.rounds
        )
    return Line(
        work=f"a tab of {SCHOOLS_OF_A_GROUP} schools among {sizes.agreements:,} agreements, {database.name}",
        ours=taken["ours"],
        against=against,
        theirs=taken[against],
        bar=1.5,
    )


@contextmanager
def _tab(world: World, engine: Engine) -> Iterator[Work]:
    """Give the work that lists the requests that wait, from a pool with an open connection."""
    trust = world.sharing(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)
    assert len(world.urns) == len(trust.agreements(Tab.PENDING))
    yield lambda: trust.agreements(Tab.PENDING)


@contextmanager
def _filled(database: Database, world: World, count: int) -> Iterator[Engine]:
    """Give a store with the world's group, asked in the ordinary way, and copies of it up to *count* agreements."""
    with database.engine() as engine:
        world.request_all(SqlAgreementStore(engine))
        written = database.read(engine)
        others = range(1, count // SCHOOLS_OF_A_GROUP)
        parts = (others[start : start + GROUPS_AT_ONCE] for start in range(0, len(others), GROUPS_AT_ONCE))
        database.fill(engine, (_copied(written, part) for part in parts))
        yield engine


def _copied(written: Rows, numbers: Sequence[int]) -> Rows:
    """Give agreements and events as other groups that asked schools of their own would have them."""
    states: list[tuple[Any, ...]] = []
    events: list[tuple[Any, ...]] = []
    pairs = list(zip(written["datashare_agreements"], written["datashare_events"], strict=True))
    for number in numbers:
        group = f"mat:{FIRST_CODE + number}"
        for (_, urn, version, _, state), (_, _, sequence, at, _, text, erasable) in pairs:
            new = urn + number * SCHOOLS_OF_A_GROUP
            event = _renamed(text, group, urn, new)
            head = chained(BEFORE_THE_FIRST, event)
            states.append((group, new, version, head, _renamed(state, group, urn, new)))
            events.append((group, new, sequence, at, head, event, erasable))
    return {"datashare_agreements": states, "datashare_events": events}


def _renamed(text: str, group: str, urn: int, new: int) -> str:
    return text.replace(str(TRUST), group).replace(str(urn), str(new))
