"""Several writers at once: losers are decided again on fresh facts, and each thing is done once (R2, A4, K4)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from datashare.domain.agreements import Batch, RefusalCode, RequestAccess, RequestSent, State
from datashare.domain.people import BusinessRole, PersonId
from datashare.errors import Refused
from datashare.ports import Progress, Stage
from datashare.service import Done, GroupSide, NotDone
from datashare.testing import InterleavingStore
from tests.world import ACTIONS, ANA, HILDA, MIS, NO_APPROVER, NOW, OSCAR, TRUST, World, assert_sound, head, person

THREADS = 8
Answer = TypeVar("Answer")


def at_once(*tasks: Callable[[], Answer]) -> list[Answer | Refused]:
    """Run each task on its own thread, all at the same moment; return what they answer or raise."""
    gate = threading.Barrier(len(tasks))
    answers: list[Answer | Refused | None] = [None] * len(tasks)

    def run(place: int, task: Callable[[], Answer]) -> None:
        gate.wait(timeout=30)
        try:
            answers[place] = task()
        except Refused as refused:
            answers[place] = refused

    threads = [threading.Thread(target=run, args=(place, task)) for place, task in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return [answer for answer in answers if answer is not None]


def reminding(world: World, urn: int = HILDA) -> Callable[[], object]:
    """Return another writer, who reminds under a new command id each time."""

    def remind() -> object:
        request = world.state(urn).request
        assert request is not None
        return world.trust().remind([request.id], command_id=f"other-{world.state(urn).version}")

    return remind


def racing(world: World, *writers: Callable[[], object]) -> GroupSide:
    """Return the trust's side over a store in which one of the other writers is faster at each save."""
    return world.over(InterleavingStore(world.store, *writers)).for_group(TRUST, actor=ANA)


@pytest.mark.rule("K1", "A4")
@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_loser_is_decided_again_on_fresh_facts(others: int) -> None:
    """If another writer changes a school up to three times meanwhile, it is decided on the new state and done."""
    world = World()
    here, there = world.asked(HILDA, OSCAR)
    trust = racing(world, *[reminding(world)] * others)
    outcomes = trust.withdraw([here, there], command_id="c-1")

    assert [HILDA, OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert [1 + others + 1, 2] == [world.state(urn).version for urn in (HILDA, OSCAR)]
    assert outcomes.done[0].events == world.events()[-1:]
    assert world.state() == outcomes.done[0].after
    assert_sound(world)


@pytest.mark.rule("R2", "K1")
def test_a_school_that_others_keep_changing_ends_in_a_conflict() -> None:
    """After four decisions the school ends in a conflict; the others are done."""
    world = World()
    here, there = world.asked(HILDA, OSCAR)
    store = InterleavingStore(world.store, *[reminding(world)] * 9)

    outcomes = world.over(store).for_group(TRUST, actor=ANA).withdraw([here, there], command_id="c-1")

    conflict, done = outcomes
    assert isinstance(conflict, NotDone)
    assert (RefusalCode.CONFLICT, HILDA, here) == (conflict.code, conflict.urn, conflict.request)
    assert isinstance(done, Done)
    assert 9 - 4 == len(store.writers)
    assert 1 + 4 == world.state(HILDA).version
    assert (State.PENDING, State.NO_AGREEMENT) == (world.state(HILDA).state, world.state(OSCAR).state)
    assert [OSCAR] == [recorded.agreement.urn for recorded in world.kept("c-1")]


@pytest.mark.rule("K4", "R2")
def test_a_conflict_is_decided_again_under_the_same_id() -> None:
    """A conflict records no outcome, so the repetition does it."""
    world = World()
    here, there = world.asked(HILDA, OSCAR)
    busy = racing(world, *[reminding(world)] * 4)
    assert 1 == len(busy.withdraw([here, there], command_id="c-1").not_done)

    again = busy.withdraw([here, there], command_id="c-1")

    assert [(HILDA, False), (OSCAR, True)] == [(outcome.urn, outcome.replayed) for outcome in again.done]
    assert State.NO_AGREEMENT == world.state(HILDA).state


@pytest.mark.rule("A4", "R2")
def test_a_loser_is_refused_where_the_fresh_facts_forbid_it() -> None:
    """If a head approves meanwhile, the withdrawal is refused with who approved and when, not as a conflict."""
    world = World()
    (request,) = world.asked(HILDA)
    trust = racing(world, lambda: world.school().approve(request))
    (outcome,) = trust.withdraw([request], command_id="c-1")

    assert isinstance(outcome, NotDone)
    (reason,) = outcome.reasons
    assert RefusalCode.REQUEST_NOT_OPEN == reason.code
    assert reason.closed is not None
    assert (head(), NOW) == (reason.closed.by, reason.closed.at)
    assert State.APPROVED == world.state().state


@pytest.mark.rule("T3")
def test_a_later_round_reads_the_clock_and_the_people_anew() -> None:
    """A school that is decided again is decided on the instant and the people of that moment."""
    world = World()
    newcomer = PersonId(HILDA, "new")

    def another_writer() -> None:
        (other,) = world.asked(HILDA, command_id="other")
        world.trust().withdraw([other], command_id="other-w")
        world.people.put(person(newcomer, BusinessRole.HEAD_TEACHER))
        world.clock.move_on(timedelta(minutes=5))

    trust = racing(world, another_writer)
    trust.request([HILDA], level=MIS, command_id="c-1")

    last = world.events()[-1]
    assert isinstance(last, RequestSent)
    assert (3, NOW.add(minutes=5)) == (last.sequence, last.at)
    assert newcomer in last.recipients


@pytest.mark.rule("K4")
def test_the_same_command_in_between_is_answered_as_a_replay() -> None:
    """The loser to the same command finds its outcome, and does nothing more."""
    world = World()
    trust = racing(world, lambda: world.asked(HILDA, command_id="c-1"))
    (outcome,) = trust.request([HILDA], level=MIS, command_id="c-1")

    assert isinstance(outcome, Done)
    assert outcome.replayed
    assert 1 == world.state().version
    assert len(world.notices()) == 4


@pytest.mark.rule("K4", "R1", "T2")
def test_a_different_command_with_the_id_in_between_refuses_the_whole() -> None:
    """If nothing of the action was saved yet, all of it is refused."""
    world = World()

    trust = racing(world, lambda: world.trust().request([HILDA], level=ACTIONS, command_id="c-1"))
    with pytest.raises(Refused) as refused:
        trust.request([HILDA], level=MIS, command_id="c-1")

    assert [RefusalCode.COMMAND_ID_REUSED] == [reason.code for reason in refused.value.reasons]
    assert 1 == world.state().version


@pytest.mark.rule("K4", "K1")
def test_a_different_command_with_the_id_in_between_hides_nothing_that_was_saved() -> None:
    """Schools that were saved are answered as done; only the loser is refused."""
    world = World()

    trust = racing(world, lambda: world.trust().request([HILDA], level=ACTIONS, command_id="c-1"))
    outcomes = trust.request([HILDA, OSCAR], level=MIS, command_id="c-1")

    assert [OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert [(HILDA, RefusalCode.COMMAND_ID_REUSED)] == [(outcome.urn, outcome.code) for outcome in outcomes.not_done]
    assert State.PENDING == world.state(OSCAR).state
    assert 1 == world.state(HILDA).version


@pytest.mark.rule("K4", "K1")
def test_two_commands_that_took_one_id_at_once_are_each_answered_on_repetition() -> None:
    """Neither saw the other; each is answered with what it did, and nothing is done again."""
    world = World()

    trust = racing(world, lambda: world.trust().request([OSCAR], level=ACTIONS, command_id="c-1"))
    first = trust.request([HILDA], level=MIS, command_id="c-1")
    assert [HILDA] == [outcome.urn for outcome in first.done]
    before = world.snapshot("c-1")

    again = world.trust().request([HILDA], level=MIS, command_id="c-1")
    more = world.trust().request([HILDA, NO_APPROVER], level=MIS, command_id="c-1")
    other = world.trust().request([OSCAR], level=ACTIONS, command_id="c-1")

    assert [(HILDA, True)] == [(outcome.urn, outcome.replayed) for outcome in again.done]
    assert [(OSCAR, True)] == [(outcome.urn, outcome.replayed) for outcome in other.done]
    assert [(HILDA, True)] == [(outcome.urn, outcome.replayed) for outcome in more.done]
    assert [(NO_APPROVER, RefusalCode.COMMAND_ID_REUSED)] == [(outcome.urn, outcome.code) for outcome in more.not_done]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K6")
def test_each_attempt_reports_its_own_progress() -> None:
    """Losers are reported as decided again, and as saved only when they are."""
    world = World()
    here, there = world.asked(HILDA, OSCAR)
    trust = racing(world, reminding(world))
    reports: list[Progress] = []

    trust.withdraw([here, there], command_id="c-1", progress=reports.append)

    assert [
        (Stage.DECIDED, 1, 2),
        (Stage.DECIDED, 2, 2),
        (Stage.SAVED, 1, 2),
        (Stage.DECIDED, 1, 1),
        (Stage.SAVED, 1, 1),
    ] == [(progress.stage, progress.done, progress.total) for progress in reports]


@pytest.mark.rule("A4", "P3")
def test_of_many_heads_who_approve_at_once_one_wins() -> None:
    """Eight heads accept at the same moment: it is approved once, and the others learn by whom and when."""
    world = World()
    heads = [PersonId(HILDA, f"head-{number}") for number in range(THREADS)]
    world.people.put(*(person(who, BusinessRole.HEAD_TEACHER) for who in heads))
    (request,) = world.asked(HILDA)

    answers = at_once(*[lambda who=who: world.school(actor=who).approve(request) for who in heads])

    approvals = world.events()[1:]
    assert 1 == len(approvals)
    winner = approvals[0].actor
    assert [approvals] == [answer.events for answer in answers if isinstance(answer, Done)]
    refusals = [answer for answer in answers if isinstance(answer, Refused)]
    assert THREADS - 1 == len(refusals)
    for refusal in refusals:
        (reason,) = refusal.reasons
        assert RefusalCode.REQUEST_NOT_OPEN == reason.code
        assert reason.closed is not None
        assert (winner, NOW) == (reason.closed.by, reason.closed.at)
        assert str(winner) in str(refusal)
    assert_sound(world)


@pytest.mark.rule("K4")
def test_the_same_command_id_on_many_threads_is_done_once() -> None:
    """Eight threads send the same command: one request at each school, one notice for each address."""
    world = World()

    answers = at_once(*[lambda: world.trust().request([HILDA, OSCAR], level=MIS, command_id="c-1")] * THREADS)

    assert THREADS == len(answers)
    outcomes = [outcome for answer in answers if not isinstance(answer, Refused) for outcome in answer.done]
    assert 2 * THREADS == len(outcomes)
    assert 2 == len([outcome for outcome in outcomes if not outcome.replayed])
    assert [1, 1] == [world.state(urn).version for urn in (HILDA, OSCAR)]
    assert 5 == len(world.notices())
    assert {event.id for urn in (HILDA, OSCAR) for event in world.events(urn)} == {
        event.id for outcome in outcomes for event in outcome.events
    }


@pytest.mark.rule("K4", "K1")
def test_a_loser_is_not_mistaken_for_another_command_than_the_schools_saved_before() -> None:
    """An action may ask for two levels; the school saved first does not make the other a different command."""
    world = World()
    batch = Batch(
        group=TRUST,
        actor=ANA,
        command_id="c-1",
        commands=[
            RequestAccess(urn=HILDA, level=MIS, sender=ANA),
            RequestAccess(urn=OSCAR, level=ACTIONS, sender=ANA),
        ],
    )

    def another_writer() -> None:
        (request,) = world.asked(OSCAR, command_id="other")
        world.trust().withdraw([request], command_id="other-w")

    outcomes = world.over(InterleavingStore(world.store, another_writer)).run(batch)

    assert [HILDA, OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert [1, 3] == [world.state(urn).version for urn in (HILDA, OSCAR)]
    assert [True, True] == [outcome.replayed for outcome in world.sharing.run(batch).done]


class JoinedStore(InterleavingStore):
    """A store within a transaction of the host's, so that a lost race is not decided again."""

    @property
    def in_host_transaction(self) -> bool:
        """Whether it is within one."""
        return True


@pytest.mark.rule("K4", "R2")
@pytest.mark.parametrize("writers", [1, 4], ids=["at-once", "at-the-last-attempt"])
def test_a_double_click_that_loses_is_answered_as_the_replay(writers: int) -> None:
    """If the winner is the same command under the same id, the loser gets what it did."""
    world = World()
    (here,) = world.asked(HILDA)
    twin = partial(world.trust().withdraw, [here], command_id="c-1")
    kind = JoinedStore if writers == 1 else InterleavingStore
    store = kind(world.store, *[reminding(world)] * (writers - 1), twin)
    (done,) = world.over(store).for_group(TRUST, actor=ANA).withdraw([here], command_id="c-1")

    assert isinstance(done, Done)
    assert done.replayed
    assert (world.events()[-1:], world.state()) == (done.events, done.after)


@pytest.mark.rule("K4", "R2")
def test_another_command_under_the_id_is_a_conflict() -> None:
    """What won is not what was asked, so it is not the answer."""
    world = World()
    (here,) = world.asked(HILDA)
    store = JoinedStore(world.store, partial(world.trust().remind, [here], command_id="c-1"))
    (conflict,) = world.over(store).for_group(TRUST, actor=ANA).withdraw([here], command_id="c-1")

    assert isinstance(conflict, NotDone)
    assert RefusalCode.CONFLICT is conflict.code
