"""One tab of one group, and answers about its past, in a large store and in a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine

from datashare import AccessLevel, GroupSide, Tab
from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.chain import BEFORE_THE_FIRST, chained
from datashare.domain.timeline import AgreementPeriod
from tests.servers import Server

from .databases import Database, PostgreSQL, Rows, SQLite
from .measuring import Line, Work, in_turns
from .sizes import Sizes
from .world import ANA, NOW, TRUST, World, world_of

SCHOOLS_OF_A_GROUP = 100
FIRST_CODE = 10_000
"""The code of the first of the other trusts; the codes of the next ones follow."""

GROUPS_AT_ONCE = 100


def tab_lines(postgresql: Server, sizes: Sizes) -> Iterator[Line]:
    """Measure a tab, and answers about the past, on both databases; each is filled once."""
    world = world_of(SCHOOLS_OF_A_GROUP)
    for database in (SQLite(), PostgreSQL(postgresql)):
        yield from _lines(database, world, sizes)


def _lines(database: Database, world: World, sizes: Sizes) -> Iterator[Line]:
    with ExitStack() as stack:
        many, few = (
            stack.enter_context(_filled(database, world, count)) for count in (sizes.agreements, sizes.few_agreements)
        )
        among = f"among {sizes.agreements:,}"
        tab = f"a tab of {SCHOOLS_OF_A_GROUP} schools {among} agreements, {database.name}"
        yield _line(tab, lambda engine: _tab(world, engine), many, few, sizes)
        for engine in (many, few):
            world.approve_all(SqlAgreementStore(engine))
        single = f"as-of for one agreement {among} events, {database.name}"
        yield _line(single, lambda engine: _as_of_one(world, engine), many, few, sizes)
        group = f"as-of for {SCHOOLS_OF_A_GROUP} schools {among} events, {database.name}"
        yield _line(group, lambda engine: _as_of_group(world, engine), many, few, sizes)


def _line(
    work: str, set_up: Callable[[Engine], AbstractContextManager[Work]], many: Engine, few: Engine, sizes: Sizes
) -> Line:
    against = f"the same with {sizes.few_agreements:,}"
    contestants = {"ours": lambda: set_up(many), against: lambda: set_up(few)}
    taken = in_turns(contestants, rounds=10 * sizes.rounds)
    return Line(work=work, ours=taken["ours"], against=against, theirs=taken[against], bar=1.5)


def _trust(world: World, engine: Engine) -> GroupSide:
    return world.sharing(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)


@contextmanager
def _tab(world: World, engine: Engine) -> Iterator[Work]:
    """Yield the work of listing the pending requests, from a pool with an open connection."""
    trust = _trust(world, engine)
    assert len(world.urns) == len(trust.agreements(Tab.PENDING))
    yield lambda: trust.agreements(Tab.PENDING)


@contextmanager
def _as_of_one(world: World, engine: Engine) -> Iterator[Work]:
    """Yield the work of answering how one agreement stood, from a pool with an open connection."""
    trust, urn = _trust(world, engine), world.urns[-1]
    assert trust.as_of(NOW, urn) == trust.timeline(urn)[-1]
    yield lambda: trust.as_of(NOW, urn)


@contextmanager
def _as_of_group(world: World, engine: Engine) -> Iterator[Work]:
    """Yield the work of answering how every agreement stood, from a pool with an open connection."""
    trust = _trust(world, engine)
    periods = [answer for answer in trust.all_as_of(NOW) if isinstance(answer, AgreementPeriod)]
    assert [AccessLevel.MIS_DATA] * len(world.urns) == [period.level for period in periods]
    yield lambda: trust.all_as_of(NOW)


@contextmanager
def _filled(database: Database, world: World, count: int) -> Iterator[Engine]:
    """Yield a store with the requests of the world's group, and copies of them up to *count* agreements."""
    with database.engine() as engine:
        world.request_all(SqlAgreementStore(engine))
        written = database.read(engine)
        others = range(1, count // SCHOOLS_OF_A_GROUP)
        parts = (others[start : start + GROUPS_AT_ONCE] for start in range(0, len(others), GROUPS_AT_ONCE))
        database.fill(engine, (_copied(written, part) for part in parts))
        yield engine


def _copied(written: Rows, numbers: Sequence[int]) -> Rows:
    """Return agreements and events as if other groups had asked schools of their own."""
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
