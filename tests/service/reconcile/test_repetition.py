"""A plan that is applied again, or under the command id of something else (rules E4, K4)."""

import attrs
import pytest

from datashare.domain.agreements import AgreementEnded, EndCause, RefusalCode, State, VisibilityLost
from datashare.errors import Refused, StoreUnavailable
from datashare.testing import FailingStore
from tests.service.reconcile.cases import YESTERDAY, close, urns_of
from tests.world import (
    ANA,
    GENEROUS,
    HILDA,
    NIGHTLY,
    NO_APPROVER,
    OSCAR,
    TODAY,
    TRUST,
    World,
    assert_sound,
    leave_trust,
)


@pytest.mark.rule("E4", "K4")
def test_applying_again_under_the_same_command_id_answers_what_was_done(world: World) -> None:
    """Nothing is done or sent twice, even if register and agreements have changed since."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    first = world.trust().apply(plan, command_id="c-1")
    before = world.snapshot("c-1")

    again = world.trust().apply(plan, command_id="c-1")

    assert [True] == [outcome.replayed for outcome in again.ended.done]
    assert first.ended.done[0].events == again.ended.done[0].events
    assert ([OSCAR, NO_APPROVER], []) == urns_of(again.recorded)
    assert before == world.snapshot("c-1")

    leave_trust(world, OSCAR, day=TODAY)
    world.trust().record_visibility(command_id="newer")
    before = world.snapshot("c-1")
    later = world.trust().apply(plan, command_id="c-1")

    assert again.ended == later.ended
    assert 0 == len(later.recorded)  # since the first call had recorded no change
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E4", "K4")
@pytest.mark.parametrize("ends", [True, False], ids=["with-an-end", "without"])
def test_what_was_recorded_is_answered_after_the_next_register_too(world: World, ends: bool) -> None:
    """A repetition that comes late answers the ends and the record as they were, and does nothing."""
    if ends:
        close(world, HILDA, day=YESTERDAY)
    world.refresh(gone=[OSCAR], day=YESTERDAY)
    plan = world.trust().reconcile()
    assert ([HILDA] if ends else []) == [end.urn for end in plan.to_end]
    first = world.trust().apply(plan, command_id="c-1")
    assert [OSCAR] == [outcome.urn for outcome in first.recorded.done if outcome.events]

    leave_trust(world, NO_APPROVER, day=TODAY)
    world.trust().record_visibility(command_id="newer")
    before = world.snapshot("c-1", "newer")
    later = world.trust().apply(plan, command_id="c-1")

    assert [outcome.events for outcome in first.ended.done] == [outcome.events for outcome in later.ended.done]
    assert [(OSCAR, outcome.events) for outcome in first.recorded.done if outcome.events] == [
        (outcome.urn, outcome.events) for outcome in later.recorded.done
    ]
    assert all(outcome.replayed for outcome in (*later.ended.done, *later.recorded.done))
    assert before == world.snapshot("c-1", "newer")
    assert TODAY == world.store.last_register(TRUST)
    with pytest.raises(Refused):  # under another id it is another action
        world.trust().apply(plan, command_id="c-2")


@pytest.mark.rule("E4", "K4")
def test_a_part_that_is_left_to_do_needs_the_register_of_the_plan(world: World) -> None:
    """One school ended and one was a conflict; on another register the latter is not decided."""
    close(world, HILDA, OSCAR, day=YESTERDAY)
    plan = world.trust().reconcile()
    world.trust(NIGHTLY).record_visibility(command_id="nightly")
    again = world.trust().reconcile()
    mixed = attrs.evolve(again, ends=(plan.ends[0], again.ends[1]))
    done, left = again.ends[1].urn, plan.ends[0].urn
    assert ([done], [left]) == urns_of(world.trust().apply(mixed, command_id="c-1").ended)
    close(world, NO_APPROVER)
    before = world.snapshot("c-1")

    with pytest.raises(Refused) as refused:
        world.trust().apply(mixed, command_id="c-1")

    assert [RefusalCode.REGISTER_DIFFERS] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K4", "E4")
def test_the_command_id_of_another_action_is_refused(world: World) -> None:
    """The id of a plan from another register is refused too."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    before = world.snapshot("ask")
    with pytest.raises(Refused, match="This command id was used for a different command"):
        world.trust().apply(plan, command_id="ask")
    assert before == world.snapshot("ask")
    world.trust().apply(plan, command_id="c-1")
    close(world, OSCAR)

    with pytest.raises(Refused, match="This command id was used for a different command"):
        world.trust().apply(world.trust().reconcile(), command_id="c-1")

    assert State.APPROVED is world.state(OSCAR).state


@pytest.mark.rule("K4")
def test_what_was_recorded_is_answered_after_the_agreement_ended() -> None:
    """The register is still in place, and the agreement no longer stands."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA, OSCAR)
    world.refresh(gone=[OSCAR])
    plan = world.trust().reconcile()
    world.trust().apply(plan, command_id="c-1")
    world.trust().end([OSCAR], cause=EndCause.BY_GROUP, note="Since.", command_id="since")

    again = world.trust().apply(plan, command_id="c-1")

    assert [(HILDA, False), (OSCAR, True)] == [(outcome.urn, outcome.replayed) for outcome in again.recorded.done]


@pytest.mark.rule("K4", "T2")
def test_the_command_id_of_a_plan_that_only_recorded_is_refused_before_anything_ends(world: World) -> None:
    """It belongs to another plan."""
    world.refresh(gone=[OSCAR], day=YESTERDAY)
    first = world.trust().reconcile()
    world.trust().apply(first, command_id="c-1")
    close(world, HILDA)
    before = world.snapshot("c-1")

    with pytest.raises(Refused, match="This command id was used for a different command"):
        world.trust().apply(world.trust().reconcile(), command_id="c-1")

    assert before == world.snapshot("c-1")


@pytest.mark.rule("E4", "K4", "O2")
@pytest.mark.parametrize("call", ["append", "note_register"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_an_interrupted_application_is_completed_by_repeating_it(world: World, call: str, done: bool) -> None:
    """Interrupted between the ends and the record, or at the last step: the same command id does what is left, once."""
    close(world, HILDA, OSCAR)
    world.refresh(gone=[NO_APPROVER])
    plan = world.trust().reconcile()
    broken = world.over(FailingStore(world.store, call, done=done)).for_group(TRUST, actor=ANA)
    with pytest.raises(StoreUnavailable):
        broken.apply(plan, command_id="c-1")

    healed = world.trust().apply(plan, command_id="c-1")

    assert ([HILDA, OSCAR], []) == urns_of(healed.ended)
    assert [(NO_APPROVER, TODAY)] == [(outcome.urn, outcome.after.hidden_since) for outcome in healed.recorded.done]
    assert [1, 1] == [sum(isinstance(event, AgreementEnded) for event in world.events(urn)) for urn in (HILDA, OSCAR)]
    assert 1 == sum(isinstance(event, VisibilityLost) for event in world.events(NO_APPROVER))
    assert TODAY == world.store.last_register(TRUST)
    assert_sound(world)
