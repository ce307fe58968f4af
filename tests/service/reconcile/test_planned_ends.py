"""Ends that name a plan pass what the plan must pass, wherever they come from (rules E2, E3, E4)."""

from collections.abc import Sequence
from datetime import date

import attrs
import pytest

from datashare.domain.agreements import Batch, EndAgreement, EndCause, Planned, RefusalCode, State
from datashare.domain.register import EstablishmentStatus
from datashare.errors import Refused
from datashare.service import Done, NotDone
from tests.service.reconcile.cases import YESTERDAY, close
from tests.world import ANA, HILDA, OSCAR, TODAY, TRUST, World, large_world


def _forged(
    world: World, urns: Sequence[int], *, plan: str = "made-up", cause: EndCause = EndCause.SCHOOL_CLOSED
) -> Batch:
    """Build ends that name a plan, each for the version of now, as somebody could who may only apply registers."""
    return Batch(
        group=TRUST,
        actor=ANA,
        command_id="forged",
        commands=[
            EndAgreement(
                urn=urn, cause=cause, note="Closed.", planned=Planned(plan=plan, version=world.state(urn).version)
            )
            for urn in urns
        ],
    )


def _refused_as_a_whole(world: World, batch: Batch) -> list[RefusalCode]:
    """Return why a batch is refused, run or previewed, with the store as it was."""
    before = world.snapshot(batch.command_id)
    codes = []
    for act in (world.sharing.run, world.sharing.preview):
        with pytest.raises(Refused) as refused:
            act(batch)
        codes.append([reason.code for reason in refused.value.reasons])
    assert before == world.snapshot(batch.command_id)
    assert codes[0] == codes[1]
    return codes[0]


@pytest.mark.rule("E2", "E3", "E4", "T2")
def test_ends_that_name_a_plan_pass_what_the_plan_must_pass_wherever_they_come_from() -> None:
    """A batch that somebody made up is refused: another plan, too much at once, in parts too, or another cause."""
    world, urns = large_world(10)
    world.approved(*urns)
    close(world, *urns[:4])
    digest = world.trust().reconcile().digest

    differs, unconfirmed = [RefusalCode.REGISTER_DIFFERS], [RefusalCode.CONFIRMATION_NEEDED]
    assert differs == _refused_as_a_whole(world, _forged(world, urns[:1]))
    assert differs == _refused_as_a_whole(world, _forged(world, urns[3:5], plan=digest))
    left = EndCause.SCHOOL_LEFT_GROUP
    assert differs == _refused_as_a_whole(world, _forged(world, urns[:1], plan=digest, cause=left))
    assert unconfirmed == _refused_as_a_whole(world, _forged(world, urns[:4], plan=digest))
    assert unconfirmed == _refused_as_a_whole(world, _forged(world, urns[:1], plan=digest))
    mixed = _forged(world, urns[:1], plan=digest)
    two_plans = attrs.evolve(mixed, commands=[*mixed.commands, *_forged(world, urns[1:2]).commands])
    assert differs == _refused_as_a_whole(world, two_plans)
    by_hand = EndAgreement(urn=urns[1], cause=EndCause.SCHOOL_CLOSED, note="Closed.")
    assert unconfirmed == _refused_as_a_whole(world, attrs.evolve(mixed, commands=[by_hand, *mixed.commands]))


@pytest.mark.rule("E3", "T2")
@pytest.mark.parametrize("day", [YESTERDAY, None], ids=["older", "day-not-known"])
def test_ends_that_name_a_plan_are_refused_with_a_register_that_may_be_older(day: date | None) -> None:
    """They cannot say of which day the register is, so it counts by its own."""
    world = World()
    world.approved(HILDA)
    gone = attrs.evolve(world.schools[HILDA], status=EstablishmentStatus.CLOSED)
    world.institutions.replace([gone], groups=world.groups, register_day=day)
    digest = world.trust().reconcile(register_day=YESTERDAY).digest
    world.store.note_register(TRUST, TODAY)

    assert [RefusalCode.REGISTER_OLDER] == _refused_as_a_whole(world, _forged(world, [HILDA], plan=digest))


@pytest.mark.rule("E2", "E3", "T2")
def test_ends_that_name_a_plan_are_refused_with_a_register_that_does_not_name_the_group() -> None:
    """It may have been cut short; so the group has not closed."""
    world = World()
    world.approved(HILDA, OSCAR)
    world.institutions.replace(world.schools.values(), groups=[], register_day=TODAY)
    digest = world.trust().reconcile().digest

    batch = _forged(world, [HILDA, OSCAR], plan=digest, cause=EndCause.GROUP_CLOSED)

    assert [RefusalCode.REGISTER_DIFFERS] == _refused_as_a_whole(world, batch)


@pytest.mark.rule("E2", "E4", "K4")
def test_ends_that_name_a_true_plan_are_carried_out_and_answered_again() -> None:
    """What a plan would end may come through a queue; its repetition is answered, whatever the register shows now."""
    world = World()
    world.approved(HILDA, OSCAR)
    close(world, HILDA)
    batch = _forged(world, [HILDA], plan=world.trust().reconcile().digest)

    previewed, done = world.sharing.preview(batch), world.sharing.run(batch)
    world.institutions.replace([], groups=[], register_day=TODAY)
    (again,) = world.sharing.run(batch).done

    assert previewed == done
    assert [HILDA] == [outcome.urn for outcome in done.done]
    assert (True, done.done[0].events) == (again.replayed, again.events)
    assert (State.NO_AGREEMENT, State.APPROVED) == (world.state(HILDA).state, world.state(OSCAR).state)


@pytest.mark.rule("E4", "K1")
def test_the_check_costs_the_same_for_any_number_of_schools() -> None:
    """One school costs the same calls as three."""
    calls = []
    for count in (1, 3):
        world, urns = large_world(10)
        world.approved(*urns)
        close(world, *urns[:count])
        batch = _forged(world, urns[:count], plan=world.trust().reconcile().digest)
        world.counted().run(batch)
        calls.append(world.calls)

    assert calls[0] == calls[1]


@pytest.mark.rule("E3", "K4")
def test_what_is_left_of_ends_that_name_a_plan_is_refused_school_by_school() -> None:
    """If the register changed after some schools were saved, those are answered and the others refused."""
    world, urns = large_world(10)
    world.approved(*urns)
    close(world, *urns[:2])
    digest = world.trust().reconcile().digest
    both = _forged(world, urns[:2], plan=digest)
    world.sharing.run(attrs.evolve(both, commands=both.commands[:1]))
    close(world, *urns[:3])

    first, second = world.sharing.run(both)

    assert isinstance(first, Done)
    assert isinstance(second, NotDone)
    assert (True, RefusalCode.REGISTER_DIFFERS) == (first.replayed, second.code)
