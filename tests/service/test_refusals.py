"""Refusals through the service: which, in which order, and that they change nothing (rules R1, R2, T2)."""

from collections.abc import Callable

import attrs
import pytest

from datashare.domain.agreements import Batch, RefusalCode, RequestAccess, Terms
from datashare.domain.people import PersonId
from datashare.errors import NotPermitted, Refused
from datashare.service import Outcomes
from tests.world import ANA, BEN, COUNCIL, DFE, HILDA, MIS, NOBODY, OSCAR, TERMS, TODAY, TRUST, World


def close_trust(world: World) -> None:
    """Load a register in which the trust is closed."""
    group = next(group for group in world.groups if group.id == TRUST)
    world.refresh(groups=[attrs.evolve(group, is_open=False, closed_on=TODAY)])


def ask(world: World, **changed: object) -> Outcomes:
    """Ask for the council with valid arguments, except those that are changed."""
    arguments: dict[str, object] = {"level": MIS, "terms": TERMS, "command_id": "c-1", **changed}
    return world.council().request([HILDA], **arguments)  # type: ignore[arg-type]


def _reused(world: World) -> object:
    ask(world)
    return ask(world, level=DFE)


def _closed(world: World) -> object:
    close_trust(world)
    return world.trust().request([HILDA], level=MIS, command_id="c-1")


WHOLE: dict[str, tuple[Callable[[World], object], list[RefusalCode]]] = {
    "not-permitted": (
        lambda world: world.trust(BEN).request([HILDA], level=DFE, command_id="c-1"),
        [RefusalCode.NOT_PERMITTED],
    ),
    "sender": (
        lambda world: ask(world, sender=BEN, terms=None, command_id="c-2"),
        [RefusalCode.SENDER_NOT_ELIGIBLE, RefusalCode.TERMS_REQUIRED],
    ),
    "level": (
        lambda world: world.trust().request([HILDA, OSCAR], level=DFE, command_id="c-1"),
        [RefusalCode.LEVEL_NOT_REQUESTABLE],
    ),
    "command-id": (_reused, [RefusalCode.COMMAND_ID_REUSED]),
    "group-closed": (_closed, [RefusalCode.GROUP_CLOSED]),
}


@pytest.mark.rule("R1", "T2")
@pytest.mark.parametrize(("cause", "expected"), WHOLE.values(), ids=WHOLE)
def test_what_refuses_the_whole_action(cause: Callable[[World], object], expected: list[RefusalCode]) -> None:
    """The exception holds every reason in order, says what to do, and the store is as it was."""
    world = World()
    ask(world)
    before = world.snapshot("c-1")

    with pytest.raises(Refused) as refused:
        cause(world)

    assert expected == [reason.code for reason in refused.value.reasons]
    assert isinstance(refused.value, NotPermitted) == (expected[0] is RefusalCode.NOT_PERMITTED)
    for reason in refused.value.reasons:
        assert str(reason) in str(refused.value)
    assert before == world.snapshot("c-1")


@pytest.mark.rule("R1", "K1")
def test_one_commands_fault_against_the_whole_refuses_all_of_a_batch() -> None:
    """If one school of a batch would be asked without terms, nobody is asked."""
    world = World()
    carys = PersonId(COUNCIL, "carys")
    commands = [
        RequestAccess(urn=HILDA, level=MIS, sender=carys, terms=Terms(reference="https://a.example", version="1")),
        RequestAccess(urn=NOBODY, level=MIS, sender=carys),
    ]

    with pytest.raises(Refused) as refused:
        world.sharing.run(Batch(group=COUNCIL, actor=carys, command_id="c-1", commands=commands))

    assert [RefusalCode.TERMS_REQUIRED] == [reason.code for reason in refused.value.reasons]
    assert () == world.events(group=COUNCIL)
    assert ANA not in {event.actor for event in world.store.group_history(COUNCIL)}
