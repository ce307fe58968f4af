"""Long-running work reports its progress; decided is never shown as done (K6)."""

import pytest

from datashare.domain.agreements import Batch, RequestAccess
from datashare.errors import InvalidValue
from datashare.ports import Progress, Stage
from tests.world import ANA, BULK_ACTIONS, HILDA, MIS, OSCAR, SITELESS, TRUST, World, assert_sound, large_world


def in_short(progress: list[Progress]) -> list[tuple[Stage, int, int]]:
    """Return the reports in short."""
    return [(progress.stage, progress.done, progress.total) for progress in progress]


@pytest.mark.rule("K6")
def test_schools_are_reported_as_decided_and_then_as_saved() -> None:
    """Each school is reported once it is decided, refused ones too; then how many were saved."""
    world = World()
    seen: list[Progress] = []
    stored: list[int] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        stored.append(world.state(HILDA).version + world.state(OSCAR).version)

    world.trust().request([HILDA, SITELESS, OSCAR], level=MIS, command_id="c-1", progress=report)

    assert [
        (Stage.DECIDED, 1, 3),
        (Stage.DECIDED, 2, 3),
        (Stage.DECIDED, 3, 3),
        (Stage.SAVED, 2, 3),
    ] == in_short(seen)
    assert [0, 0, 0, 2] == stored


class Interrupted(Exception):
    """The exception of a caller who stops the work."""


@pytest.mark.rule("K6", "T2")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_exception_from_the_callback_saves_nothing(at: int) -> None:
    """Stopping while schools are decided stops all of it, and it can be repeated."""
    world, urns = large_world(3)
    act = BULK_ACTIONS["request"](world, urns)
    before = world.snapshot("c-1")

    def report(progress: Progress) -> None:
        if progress.done == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        world.trust().request(urns, level=MIS, sender=ANA, command_id="c-1", progress=report)

    assert before == world.snapshot("c-1")
    assert [False] * 3 == [outcome.replayed for outcome in act(world.trust(), "c-1").done]


@pytest.mark.rule("K6", "K4")
def test_an_exception_after_saving_loses_nothing() -> None:
    """What was saved stays, and a repetition answers it."""
    world = World()

    def report(progress: Progress) -> None:
        if progress.stage is Stage.SAVED:
            raise Interrupted

    with pytest.raises(Interrupted):
        world.trust().request([HILDA], level=MIS, command_id="c-1", progress=report)

    assert 1 == world.state().version
    again = world.trust().request([HILDA], level=MIS, command_id="c-1")
    assert [True] == [outcome.replayed for outcome in again.done]
    assert_sound(world)


@pytest.mark.rule("K6")
@pytest.mark.parametrize("name", BULK_ACTIONS)
def test_a_preview_saves_nothing_and_says_so(name: str) -> None:
    """A preview and a replay are decided, and never shown as saved."""
    world, urns = large_world(2)
    act = BULK_ACTIONS[name](world, urns)
    decided = [(Stage.DECIDED, 1, 2), (Stage.DECIDED, 2, 2)]
    seen: list[Progress] = []

    act(world.trust().preview, "c-1", seen.append)
    assert decided == in_short(seen)

    act(world.trust(), "c-1", seen.append)
    assert [*decided, *decided, (Stage.SAVED, 2, 2)] == in_short(seen)

    seen.clear()
    act(world.trust(), "c-1", seen.append)
    assert decided == in_short(seen)


@pytest.mark.rule("K6")
def test_a_batch_reports_progress_too() -> None:
    """`run` passes the callback on."""
    world = World()
    seen: list[Progress] = []
    commands = [RequestAccess(urn=HILDA, level=MIS, sender=ANA)]

    world.sharing.run(Batch(group=TRUST, actor=ANA, command_id="c-1", commands=commands), progress=seen.append)

    assert [(Stage.DECIDED, 1, 1), (Stage.SAVED, 1, 1)] == in_short(seen)
    assert 1 == world.state().version


@pytest.mark.rule("K6")
def test_a_progress_report_that_cannot_be_called_is_refused_before_anything_happens() -> None:
    """The mistake is reported immediately, not during the work."""
    world = World()
    before = world.snapshot("c-1")

    with pytest.raises(InvalidValue, match="progress must be something to call with a Progress"):
        world.trust().request([HILDA], level=MIS, command_id="c-1", progress="often")  # type: ignore[arg-type]

    assert before == world.snapshot("c-1")
