"""May this group see this school's data? The question of every page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from datashare import AccessMap, Capability
from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.people import PersonId

from .measuring import Amount, Line, Work, in_turns
from .sizes import Sizes
from .world import TRUST, world_of

ROUNDS_OF_QUESTIONS = 50
NEEDED = 2
"""MIS Data as a plain number, which is the cheapest to compare."""


def access_lines(sizes: Sizes) -> Iterator[Line]:
    """Measure one question to the map, where every second school has accepted."""
    access, urns = _map_of(sizes.schools)
    levels = {urn: NEEDED for urn in urns if access.allows(urn, Capability.VIEW_MIS_DATA)}
    questions = [*urns] * ROUNDS_OF_QUESTIONS
    assert 0 < len(levels) < len(urns)
    against = "dict.get and a comparison"
    taken = in_turns(
        {"ours": lambda: _ask_map(access, questions), against: lambda: _ask_dict(levels, questions)},
        rounds=sizes.rounds,
    )
    ours, theirs = (_each(amount, len(questions)) for amount in (taken["ours"], taken[against]))
    yield Line(work="AccessMap.allows", ours=ours, against=against, theirs=theirs, bar=3.0)


def _map_of(count: int) -> tuple[AccessMap, list[int]]:
    world = world_of(count)
    store = MemoryAgreementStore()
    sharing = world.sharing(store)
    for request in world.request_all(store).requests[::2]:
        sharing.for_school(request.urn, actor=PersonId(request.urn, "head")).approve(request)
    return sharing.access(TRUST), list(world.urns)


@contextmanager
def _ask_map(access: AccessMap, questions: list[int]) -> Iterator[Work]:
    # To look up the member takes Python 3.11 longer than the answer, so it is done beforehand, as on the other side.
    capability = Capability.VIEW_MIS_DATA

    def ask() -> None:
        for urn in questions:
            access.allows(urn, capability)

    yield ask


@contextmanager
def _ask_dict(levels: dict[int, int], questions: list[int]) -> Iterator[Work]:
    needed = NEEDED

    def get() -> None:
        for urn in questions:
            levels.get(urn, 0) >= needed  # noqa: B015 - only the comparison is timed

    yield get


def _each(taken: Amount, count: int) -> Amount:
    return Amount(least=taken.least / count, median=taken.median / count)
