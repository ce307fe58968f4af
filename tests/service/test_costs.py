"""What an action costs in port calls does not depend on the number of schools (K1, design)."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import Tab
from datashare.domain.browsing import Facet
from datashare.domain.levels import Capability
from datashare.service import GroupSide
from tests.adapters.sql.databases import round_trips, sqlite_file
from tests.world import ANA, BULK_ACTIONS, HILDA, MIS, TRUST, World, head, large_world

DECIDING = {
    "institutions.group": 1,
    "institutions.institutions": 1,
    "institutions.register_day": 1,
    "people.at_schools": 1,
    "people.people": 2,
    "people.sites": 1,
    "store.load": 1,
}
"""What every decision reads: the actor, the group, the register's day, the agreements, four facts about all schools."""

SAVING = {"store.append": 1}
REFRESHING = {"people.people": 1, "store.states": 1, "store.last_register": 1, "institutions.register_day": 1}
NOTING = {"store.note_register": 1}


def expected(name: str, *, saving: bool) -> Counter[str]:
    """Count the port calls of a bulk action."""
    calls = Counter(DECIDING)
    if name == "record_visibility":
        calls.update(REFRESHING)
    if saving:
        calls.update(SAVING)
        calls.update(NOTING if name == "record_visibility" else {})
    return calls


@pytest.mark.rule("K1")
@pytest.mark.parametrize("count", [1, 7, 700])
@pytest.mark.parametrize("name", BULK_ACTIONS)
def test_every_bulk_action_costs_the_same_for_any_number_of_schools(name: str, count: int) -> None:
    """One school costs the same few calls as seven hundred; a preview costs no append."""
    world, urns = large_world(count)
    act = BULK_ACTIONS[name](world, urns)
    side = world.counted().for_group(TRUST, actor=ANA)

    assert count == len(act(side.preview, "c-1").done)
    assert expected(name, saving=False) == world.calls
    world.calls.clear()

    outcomes = act(side, "c-1")

    assert count == len(outcomes.done)
    assert expected(name, saving=True) == world.calls
    assert count == len(world.kept("c-1"))


TABLE = {
    "institutions.group": 1,
    "institutions.linked": 1,
    "institutions.clusters": 1,
    "people.people": 1,
    "people.sites": 1,
    "store.states": 1,
}
READING = {
    "table": TABLE,
    "browse": TABLE,
    "facets": TABLE,
    "recipients": {
        "institutions.group": 1,
        "institutions.institutions": 1,
        "people.people": 1,
        "people.at_schools": 1,
        "people.sites": 1,
        "store.load": 1,
    },
    "coverage": {
        "institutions.group": 1,
        "institutions.linked": 1,
        "institutions.clusters": 1,
        "institutions.institutions": 1,
        "institutions.register_day": 1,
        "people.people": 1,
        "people.sites": 1,
        "people.at_schools": 1,
        "store.states": 2,
    },
    "no_longer_visible": {
        "institutions.group": 1,
        "institutions.institutions": 1,
        "people.people": 1,
        "store.states": 1,
    },
}


def read(side: GroupSide, name: str, urns: tuple[int, ...]) -> int:
    """Read something about all schools; return how many it is about."""
    match name:
        case "table":  # a page with a list, its facets and those of a narrower list
            table = side.table()
            assert table.facets() == table.facets(search="school")
            return table.browse(search="school").total
        case "browse":
            return side.browse().total
        case "facets":
            return next(tab.count for tab in side.facets()[Facet.TAB] if tab.value is Tab.APPROVED)
        case "recipients":
            return len(side.recipients(urns))
        case "coverage":
            return side.coverage().total.at_least[MIS]
        case _:
            return len(side.no_longer_visible())


@pytest.mark.rule("B1", "B8", "P8", "T4", "X5")
@pytest.mark.parametrize("count", [1, 7, 700])
@pytest.mark.parametrize("name", READING)
def test_reading_costs_the_same_for_any_number_of_schools(name: str, count: int) -> None:
    """A page with a list and facets, a page of recipients and the list of hidden schools cost a handful of calls."""
    world, urns = large_world(count)
    world.approved(*urns)
    if name == "no_longer_visible":
        world.refresh(gone=urns)
    side = world.counted().for_group(TRUST, actor=ANA)

    assert count == read(side, name, urns)

    assert Counter(READING[name]) == world.calls


@pytest.mark.rule("X4")
@pytest.mark.parametrize("count", [1, 7, 700])
def test_a_map_of_access_costs_four_calls(count: int) -> None:
    """The number of schools does not matter, and the questions afterwards cost no call."""
    world, urns = large_world(count)
    world.approved(*urns)
    sharing = world.counted()

    access = sharing.access(TRUST)

    wanted = {
        "institutions.group": 1,
        "institutions.institutions": 1,
        "institutions.linked": 1,
        "store.states": 1,
    }
    assert Counter(wanted) == world.calls
    assert count == len([urn for urn in urns if access.allows(urn, next(iter(MIS.capabilities)))])
    assert Counter(wanted) == world.calls


@pytest.mark.rule("K1", "K4")
def test_a_replay_costs_no_append() -> None:
    """A repetition saves nothing, so it does not call append."""
    world, urns = large_world(7)
    act = BULK_ACTIONS["request"](world, urns)
    side = world.counted().for_group(TRUST, actor=ANA)
    act(side, "c-1")
    world.calls.clear()

    again = act(side, "c-1")

    assert all(done.replayed for done in again.done)
    assert Counter(DECIDING) == world.calls


@pytest.mark.rule("K5")
def test_an_empty_selection_costs_no_call_to_the_store() -> None:
    """Only the group and the actor are read."""
    world = World()
    side = world.counted().for_group(TRUST, actor=ANA)

    side.request([], level=MIS, command_id="c-1")

    assert Counter({"institutions.group": 1, "people.people": 1}) == world.calls


@pytest.mark.rule("A1")
def test_an_answer_costs_as_much_as_a_bulk_action() -> None:
    """An answer is a bulk action for one school."""
    world = World()
    (request,) = world.asked(HILDA)

    world.counted().for_school(HILDA, actor=head()).approve(request)

    # A school's outcomes may have been kept beside those of the group, by an earlier version (K4).
    assert Counter(DECIDING) + Counter({"store.load": 1}) + Counter(SAVING) == world.calls
    assert Tab.APPROVED in world.state().tabs


@pytest.mark.rule("X4")
def test_a_question_about_one_school_costs_one_agreement_and_one_institution() -> None:
    """A page about one school reads nothing of the group's other schools."""
    world, _ = large_world(7)
    cost = Counter({"institutions.group": 1, "institutions.institutions": 1, "store.load": 1})

    world.counted().allows(TRUST, HILDA, Capability.VIEW_MIS_DATA)
    assert cost == world.calls
    world.counted().explain(TRUST, HILDA, Capability.VIEW_MIS_DATA)
    assert cost + cost == world.calls


def test_a_question_about_one_school_is_one_statement_of_the_store(tmp_path: Path) -> None:
    """With a statement for the group and one for the school, where the register is in a database too."""
    with sqlite_file(tmp_path) as engine:
        world = World(store=SqlAgreementStore(engine))
        world.approved(HILDA)

        ask = partial(world.sharing.allows, TRUST, HILDA, Capability.VIEW_MIS_DATA)
        assert ask()
        assert 1 == round_trips(engine, ask)
