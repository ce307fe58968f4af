"""A command id: a repetition gets the first answer, and nothing is done twice (K4)."""

from collections.abc import Callable, Collection
from datetime import timedelta
from itertools import count

import attrs
import pytest

from datashare.domain.agreements import Actor, AgreementId, EndCause, RefusalCode, RequestId, State
from datashare.domain.agreements.commands import kept_under
from datashare.domain.people import BusinessRole, Permission, PersonId
from datashare.domain.policy import Party
from datashare.errors import Refused
from datashare.ports import Loaded
from datashare.service import Done, GroupActions, NotDone, Outcomes
from datashare.testing import WrappedStore
from tests.world import (
    ACTIONS,
    ANA,
    BEN,
    BULK_ACTIONS,
    COUNCIL,
    GENEROUS,
    HILDA,
    MIS,
    NOBODY,
    OSCAR,
    OTHER_TRUST,
    TERMS,
    TRUST,
    World,
    deputy,
    head,
    large_world,
    person,
)

CLEO = PersonId(TRUST, "cleo")


@pytest.mark.rule("K4")
@pytest.mark.parametrize("name", BULK_ACTIONS)
def test_a_repeated_action_is_answered_and_not_done_again(name: str) -> None:
    """Every bulk action, repeated later, returns its first events marked as a replay, and changes nothing."""
    world, urns = large_world(3)
    act = BULK_ACTIONS[name](world, urns)
    first = act(world.trust(), "c-1")
    before = world.snapshot("c-1")
    world.clock.move_on(timedelta(hours=1))

    again = act(world.trust(), "c-1")

    assert before == world.snapshot("c-1")
    assert [outcome.events for outcome in first.done] == [outcome.events for outcome in again.done]
    assert [outcome.request for outcome in first.done] == [outcome.request for outcome in again.done]
    assert [(True, ())] * len(urns) == [(outcome.replayed, outcome.notices) for outcome in again.done]
    assert len(urns) == len(world.kept("c-1"))


@pytest.mark.rule("K4")
def test_a_replay_keeps_its_warnings() -> None:
    """The repetition has the cautions of the first answer."""
    world = World()
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head()]}, command_id="ask")
    request = RequestId(AgreementId(TRUST, HILDA), 1)
    chosen = {HILDA: [head(), deputy()]}
    first = world.trust().add_recipients([request], recipients=chosen, command_id="c-1")

    again = world.trust().add_recipients([request], recipients=chosen, command_id="c-1")

    assert [c for outcome in first.done for c in outcome.cautions] == [
        c for outcome in again.done for c in outcome.cautions
    ]
    assert 1 == len(again.done[0].cautions)
    assert 2 == world.state().version


@pytest.mark.rule("K4", "K1")
def test_repetition_goes_school_by_school() -> None:
    """A repetition decides only the refused schools again."""
    world = World()
    first = world.trust().request([HILDA, NOBODY, OSCAR], level=MIS, command_id="c-1")
    assert [HILDA, OSCAR] == [outcome.urn for outcome in first.done]
    world.people.put(person(head(NOBODY), BusinessRole.HEAD_TEACHER))

    again = world.trust().request([HILDA, NOBODY, OSCAR], level=MIS, command_id="c-1")

    assert [(HILDA, True), (NOBODY, False), (OSCAR, True)] == [
        (outcome.urn, outcome.replayed) for outcome in again.done
    ]
    assert [1, 1, 1] == [world.state(urn).version for urn in (HILDA, NOBODY, OSCAR)]
    assert [HILDA, OSCAR, NOBODY] == [recorded.agreement.urn for recorded in world.kept("c-1")]


DIFFERENT: dict[str, tuple[Actor, Callable[[GroupActions[Outcomes]], Outcomes]]] = {
    "level": (ANA, lambda trust: trust.request([HILDA], level=ACTIONS, command_id="c-1")),
    "level-and-school": (ANA, lambda trust: trust.request([OSCAR], level=ACTIONS, command_id="c-1")),
    "terms": (ANA, lambda trust: trust.request([HILDA], level=MIS, terms=TERMS, command_id="c-1")),
    "people": (
        ANA,
        lambda trust: trust.request([HILDA], level=MIS, recipients={HILDA: [deputy()]}, command_id="c-1"),
    ),
    "actor": (BEN, lambda trust: trust.request([HILDA], level=MIS, sender=ANA, command_id="c-1")),
    "sender": (ANA, lambda trust: trust.request([HILDA], level=MIS, sender=BEN, command_id="c-1")),
    "action": (ANA, lambda trust: trust.remind([RequestId(AgreementId(TRUST, HILDA), 1)], command_id="c-1")),
    "action-and-school": (
        ANA,
        lambda trust: trust.end([OSCAR], cause=EndCause.ENTERED_IN_ERROR, note="Oops.", command_id="c-1"),
    ),
}


@pytest.mark.rule("K4", "R1", "T2")
@pytest.mark.parametrize(("actor", "act"), DIFFERENT.values(), ids=DIFFERENT)
def test_the_same_id_for_a_different_command_is_refused(
    actor: Actor, act: Callable[[GroupActions[Outcomes]], Outcomes]
) -> None:
    """A used id with another level, terms, people, actor, sender or action changes nothing at all."""
    world = World()
    world.people.put(person(BEN, permissions=tuple(Permission)))
    world.trust().request([HILDA], level=MIS, command_id="c-1")
    before = world.snapshot("c-1")

    for actions in (world.trust(actor), world.trust(actor).preview):
        with pytest.raises(Refused) as refused:
            act(actions)
        assert [RefusalCode.COMMAND_ID_REUSED] == [reason.code for reason in refused.value.reasons]

    assert before == world.snapshot("c-1")


LONGEST_ID = "~" * 64


@pytest.mark.rule("K4")
@pytest.mark.parametrize("command_id", ["ask", LONGEST_ID], ids=count())
def test_command_ids_of_a_group_and_of_its_schools_have_nothing_to_do_with_each_other(command_id: str) -> None:
    """The trust and two heads use one id, each for something else; each is done, and each gets their own replay."""
    world = World()
    requests = world.asked(HILDA, OSCAR, command_id=command_id)
    answers = [world.school(request.urn).approve(request, command_id=command_id) for request in requests]
    before = world.snapshot(command_id)

    asked = world.trust().request([HILDA, OSCAR], level=MIS, command_id=command_id)
    again = [world.school(request.urn).approve(request, command_id=command_id) for request in requests]

    assert [(True, 1), (True, 1)] == [(done.replayed, done.events[0].sequence) for done in asked.done]
    assert [False, False] == [answer.replayed for answer in answers]
    assert [(True, answer.events) for answer in answers] == [(done.replayed, done.events) for done in again]
    assert [command_id] * 2 == [event.command_id for event in world.events()]
    assert before == world.snapshot(command_id)


@pytest.mark.rule("K4")
def test_a_school_that_uses_an_id_first_does_not_spoil_it_for_the_group() -> None:
    """A head who guesses the id of a coming action of the trust neither stops it nor answers it."""
    world = World()
    (request,) = world.asked(HILDA)
    world.school().approve(request, command_id="c-1")

    outcomes = world.trust().request([HILDA, OSCAR], level=ACTIONS, command_id="c-1")

    assert [False, False] == [done.replayed for done in outcomes.done]
    assert [State.UPGRADING, State.PENDING] == [world.state(urn).state for urn in (HILDA, OSCAR)]


@pytest.mark.rule("K4", "T2")
def test_an_id_that_a_school_used_is_used_for_its_other_commands() -> None:
    """A head cannot end under the id of their approval."""
    world = World(policies={TRUST: attrs.evolve(GENEROUS, enders=frozenset(Party))})
    world.people.put(person(head(), BusinessRole.HEAD_TEACHER, permissions=[Permission.END_AGREEMENT]))
    (request,) = world.asked(HILDA)
    world.school().approve(request, command_id="c-1")
    before = world.snapshot("c-1")

    with pytest.raises(Refused) as refused:
        world.school().end(TRUST, note="No more.", command_id="c-1")

    assert [RefusalCode.COMMAND_ID_REUSED] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


class EarlierStore(WrappedStore):
    """A store as an earlier version left it: a school's outcomes are kept under their ids as they came."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = self.inner.load(ids)
        if command_id is None or " " in command_id:
            return loaded
        kept = (self.inner.load(ids, command_id=id_) for id_ in (command_id, kept_under(command_id, head())))
        return attrs.evolve(loaded, outcomes=tuple(outcome for part in kept for outcome in part.outcomes))


@pytest.mark.rule("K4")
def test_what_an_earlier_version_kept_of_a_school_is_still_answered() -> None:
    """It was kept under the id as it came; a group's outcome under the same id is not the school's."""
    world = World()
    (request,) = world.asked(HILDA, command_id="c-1")
    done = world.school().approve(request, command_id="c-1")
    before = world.snapshot("c-1")

    earlier = world.over(EarlierStore(world.store)).for_school(HILDA, actor=head())
    again = earlier.approve(request, command_id="c-1")

    assert (True, done.events) == (again.replayed, again.events)
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K4", "K1")
def test_a_stale_request_beside_an_open_one_does_not_disturb_the_repetition() -> None:
    """Of two requests of one school in one action, the open one is done and replayed, the stale one refused."""
    world = World()
    (stale,) = world.asked(HILDA)
    world.trust().withdraw([stale], command_id="w")
    (still_open,) = world.asked(HILDA, command_id="ask-again")
    first = world.trust().withdraw([stale, still_open], command_id="c-1")

    again = world.trust().withdraw([stale, still_open], command_id="c-1")

    assert [type(outcome) for outcome in first] == [NotDone, Done] == [type(outcome) for outcome in again]
    assert first[1].request == again[1].request == still_open
    assert [True] == [outcome.replayed for outcome in again.done]
    assert 4 == world.state().version


@pytest.mark.rule("K4")
def test_command_ids_of_two_groups_have_nothing_to_do_with_each_other() -> None:
    """A command id is unique within a group: another group's use of it is no repetition."""
    world = World()
    world.trust().request([HILDA], level=MIS, command_id="c-1")

    (done,) = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="c-1").done

    assert not done.replayed
    assert State.PENDING == world.state(HILDA, COUNCIL).state
    assert () == world.kept("c-1", OTHER_TRUST)


@pytest.mark.rule("K4")
def test_a_visibility_that_had_not_changed_keeps_nothing() -> None:
    """A refresh that finds nothing new is done without events, and its repetition decides again."""
    world = World()
    world.approved(HILDA)
    before = world.snapshot("c-1")

    (first,) = world.trust().record_visibility(command_id="c-1").done

    assert () == first.events
    assert () == world.kept("c-1")
    assert before.histories == world.snapshot("c-1").histories
    world.refresh(gone=[HILDA])
    (second,) = world.trust().record_visibility(command_id="c-1").done
    assert (False, 1) == (second.replayed, len(second.events))


def _close(world: World) -> None:
    group = next(group for group in world.groups if group.id == TRUST)
    world.refresh(groups=[attrs.evolve(group, is_open=False)])


def _sender_leaves(world: World) -> None:
    world.people.remove(CLEO)


@pytest.mark.rule("K4", "R1")
@pytest.mark.parametrize("moved", [_close, _sender_leaves], ids=["group-closed", "sender-gone"])
def test_what_was_done_is_answered_whatever_has_moved_since(moved: Callable[[World], None]) -> None:
    """A client that repeats after a time-out learns what was done, even if it could not be done now."""
    world = World()
    world.people.put(person(CLEO, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]))
    first = world.trust().request([HILDA, OSCAR], level=MIS, sender=CLEO, command_id="c-1")
    moved(world)
    before = world.snapshot("c-1")

    again = world.trust().request([HILDA, OSCAR], level=MIS, sender=CLEO, command_id="c-1")

    assert [outcome.events for outcome in first.done] == [outcome.events for outcome in again.done]
    assert [True, True] == [outcome.replayed for outcome in again.done]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K4", "R1", "T2")
@pytest.mark.parametrize("moved", [_close, _sender_leaves], ids=["group-closed", "sender-gone"])
def test_what_was_not_done_yet_is_decided_on_the_facts_of_now(moved: Callable[[World], None]) -> None:
    """A repetition that asks more schools is refused as a whole if it could not be done now."""
    world = World()
    world.people.put(person(CLEO, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]))
    world.trust().request([HILDA], level=MIS, sender=CLEO, command_id="c-1")
    moved(world)
    before = world.snapshot("c-1")

    with pytest.raises(Refused):
        world.trust().request([HILDA, OSCAR], level=MIS, sender=CLEO, command_id="c-1")

    assert before == world.snapshot("c-1")
