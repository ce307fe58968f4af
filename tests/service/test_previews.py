"""A preview answers exactly what the action does, and changes nothing (K3)."""

import pytest

from datashare.service import Done
from tests.world import BULK_ACTIONS, HILDA, MIS, OSCAR, World, large_world


@pytest.mark.rule("K3", "T2")
@pytest.mark.parametrize("name", BULK_ACTIONS)
def test_a_preview_equals_the_action_and_does_nothing(name: str) -> None:
    """Outcomes, events, their ids, notices and their ids are equal; the preview leaves the store as it was."""
    world, urns = large_world(3)
    act = BULK_ACTIONS[name](world, urns)
    before = world.snapshot("c-1", "prepare")

    previewed = act(world.trust().preview, "c-1")

    assert before == world.snapshot("c-1", "prepare")
    done = act(world.trust(), "c-1")
    assert previewed == done
    assert len(urns) == len(done.done)
    assert not any(outcome.replayed for outcome in done.done)
    assert [event.id for outcome in done.done for event in outcome.events] == [
        event.id for outcome in previewed.done for event in outcome.events
    ]
    stored = {urn: world.events(urn)[-len(outcome.events) :] for urn, outcome in zip(urns, done.done, strict=True)}
    assert stored == {outcome.urn: outcome.events for outcome in previewed.done}
    waiting = {stored.id: stored.notice for stored in world.notices(status=None)}
    assert {notice.id: waiting[notice.id] for notice in previewed.notices} == {
        notice.id: notice for notice in previewed.notices
    }
    assert [outcome.after for outcome in previewed.done] == [world.state(urn) for urn in urns]


@pytest.mark.rule("K3", "K4")
def test_a_preview_uses_up_no_command_id() -> None:
    """The id of a preview can be used for anything afterwards, and by another preview."""
    world = World()
    act = BULK_ACTIONS["request"](world, [HILDA])
    first = act(world.trust().preview, "c-1")
    second = act(world.trust().preview, "c-1")
    assert first == second
    assert () == world.kept("c-1")

    other = world.trust().request([OSCAR], level=MIS, command_id="c-1")

    assert [OSCAR] == [outcome.urn for outcome in other.done]
    assert () == world.events(HILDA)


@pytest.mark.rule("K3", "K4")
def test_a_preview_of_what_was_done_shows_the_replay() -> None:
    """After the action, a preview under its id says that it would not be done again."""
    world = World()
    world.asked(HILDA, command_id="c-1")

    (outcome,) = world.trust().preview.request([HILDA], level=MIS, command_id="c-1")

    assert isinstance(outcome, Done)
    assert outcome.replayed
    assert world.events() == outcome.events


@pytest.mark.rule("K3", "K4")
def test_a_queued_action_is_the_same_action() -> None:
    """A batch, and its preview, do nothing until it is run; then it does once what the call would have done."""
    world = World()

    batch = world.trust().queued.request([HILDA, OSCAR], level=MIS, command_id="c-1")

    assert () == world.events()
    previewed = world.sharing.preview(batch)
    assert () == world.events()
    assert previewed == world.trust().preview.request([HILDA, OSCAR], level=MIS, command_id="c-1")
    assert previewed == world.sharing.run(batch)
    assert all(outcome.replayed for outcome in world.trust().request([HILDA, OSCAR], level=MIS, command_id="c-1").done)
    assert [1, 1] == [world.state(urn).version for urn in (HILDA, OSCAR)]
