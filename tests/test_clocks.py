"""Clocks differ between machines, and one may be years fast for a moment: nothing is lost, and nothing waits for it."""

from datetime import timedelta

import attrs
import pytest

from datashare.delivery import DeliveryReport, deliver, purge
from datashare.domain.instants import london_day
from datashare.domain.notices import Notice, NoticeKind
from datashare.ports import Delivered, NoticeStatus, TryAgain
from datashare.testing import FrozenClock, RecordingNotifier
from tests.world import HILDA, NOW, OSCAR, TRUST, World

MINUTE, DAY, YEARS = timedelta(minutes=1), timedelta(days=1), timedelta(days=3652)


@pytest.fixture
def world() -> World:
    """Build a world in which St Hilda's was asked: four notices wait."""
    world = World()
    world.asked(HILDA)
    return world


@pytest.mark.rule("O3")
@pytest.mark.parametrize("ahead", [-9 * MINUTE, -6 * MINUTE, 6 * MINUTE, 9 * MINUTE], ids=str)
def test_a_worker_whose_clock_is_minutes_off_sends_nothing_twice(world: World, ahead: timedelta) -> None:
    """Whatever one worker is sending, up to the end of its half of the lease, the other one does not send."""
    other = RecordingNotifier()

    def answer(_notice: Notice) -> Delivered:
        world.clock.move_on(5 * MINUTE)
        deliver(world.store, other, clock=FrozenClock(world.clock.instant + ahead), limit=1)
        return Delivered()

    first = RecordingNotifier(answer)
    report = deliver(world.store, first, clock=world.clock)

    assert {stored.id for stored in world.notices(status=None)} == {*first.ids, *other.ids}
    assert 4 == len(first.ids) + len(other.ids)
    assert report.delivered == len(first.ids)


class Killed(BaseException):
    """An exception that ends a worker at once, as a signal does."""


@pytest.mark.rule("O3")
@pytest.mark.parametrize("ahead", [2 * DAY, 300 * DAY, YEARS], ids=str)
def test_a_killed_worker_whose_clock_was_fast_holds_nothing(world: World, ahead: timedelta) -> None:
    """What it leased is free at once by the others' clocks, by themselves or by a requeue."""

    def die(_notice: Notice) -> Delivered:
        raise Killed

    with pytest.raises(Killed):
        deliver(world.store, RecordingNotifier(die), clock=FrozenClock(NOW + ahead))
    (held,) = world.notices(status=NoticeStatus.LEASED)

    assert 1 == world.store.requeue(TRUST, [held.id], due_at=NOW)
    assert DeliveryReport(delivered=4) == deliver(world.store, RecordingNotifier(), clock=world.clock)


@pytest.mark.rule("O3", "O6")
def test_what_a_fast_worker_put_off_or_settled_waits_for_no_year(world: World) -> None:
    """A retry in ten years is due now, and what was delivered in ten years is old enough to be purged."""
    fast = FrozenClock(NOW + YEARS)
    answers = iter([Delivered(), TryAgain("451"), TryAgain("451"), Delivered()])
    deliver(world.store, RecordingNotifier(lambda _notice: next(answers)), clock=fast)

    assert DeliveryReport(delivered=2) == deliver(world.store, RecordingNotifier(), clock=world.clock)
    assert 2 == purge(world.store, keep_for=30 * DAY, clock=world.clock)
    world.clock.move_on(31 * DAY)
    assert 2 == purge(world.store, keep_for=30 * DAY, clock=world.clock)


@pytest.mark.rule("E3", "E6")
def test_a_day_that_a_fast_clock_stated_holds_up_no_later_register() -> None:
    """Once the clock is right, what the register shows is recorded, planned and applied."""
    world = World(register_day=None)
    world.approved(HILDA, OSCAR)
    for command_id, instant in (("fast", NOW + YEARS), ("right", NOW + DAY)):
        world.clock.instant = instant
        assert world.trust().record_visibility(command_id=command_id, register_day=london_day(instant)).done
        world.refresh(attrs.evolve(world.schools[HILDA], trusts=()), day=None)
    plan = world.trust().reconcile(register_day=london_day(NOW + DAY))

    assert [HILDA] == [outcome.urn for outcome in world.trust().apply(plan, command_id="apply").ended.done]
    assert london_day(NOW + YEARS) == world.store.last_register(TRUST)


@pytest.mark.rule("O6", "O3")
@pytest.mark.parametrize("ahead", [91 * DAY, 300 * DAY, YEARS], ids=str)
def test_a_purge_by_a_fast_clock_loses_no_message_that_waits(world: World, ahead: timedelta) -> None:
    """Whatever order fast and right purges come in for a month, all messages can be queued again and are sent."""
    for _day in range(30):
        fast = FrozenClock(world.clock.instant + ahead)
        assert 0 == sum(purge(world.store, keep_for=30 * DAY, clock=clock) for clock in (fast, world.clock, fast))
        world.clock.move_on(DAY)
    given_up = world.notices(status=NoticeStatus.GIVEN_UP)

    assert 4 == world.store.requeue(TRUST, [stored.id for stored in given_up], due_at=world.clock.now())
    assert DeliveryReport(delivered=4) == deliver(world.store, RecordingNotifier(), clock=world.clock)


@pytest.mark.rule("O6")
def test_what_a_fast_clock_gave_up_is_erased_when_it_is_old(world: World) -> None:
    """No name waits for the year of that clock: it goes 90 days after the message was due."""
    purge(world.store, keep_for=30 * DAY, clock=FrozenClock(NOW + YEARS))
    world.clock.instant = NOW + 90 * DAY
    purged = [purge(world.store, keep_for=30 * DAY, clock=world.clock)]
    world.clock.move_on(timedelta(microseconds=1))
    purged.append(purge(world.store, keep_for=30 * DAY, clock=world.clock))

    assert [0, 4] == purged


@pytest.mark.rule("O2", "O3", "T3")
@pytest.mark.parametrize("ahead", [2 * DAY, 20 * DAY, YEARS], ids=str)
def test_an_action_by_a_clock_that_was_fast_holds_up_no_later_message(ahead: timedelta) -> None:
    """Its event lies ahead, and so do all later ones; their messages go out, and are settled, by the present clock."""
    world = World()
    world.clock.instant = NOW + ahead
    (request,) = world.asked(OSCAR)
    world.clock.instant = NOW
    world.trust().remind([request], command_id="remind")
    notifier = RecordingNotifier()
    deliver(world.store, notifier, clock=world.clock)
    world.trust().withdraw([request], command_id="withdraw")
    deliver(world.store, notifier, clock=world.clock)

    assert {NOW + ahead} == {event.at for event in world.events(OSCAR)}
    kinds = {notice.kind for notice in notifier.sent}
    assert kinds - {NoticeKind.REQUEST} == {NoticeKind.REMINDER, NoticeKind.WITHDRAWN}
    assert (ahead > 31 * DAY) == (NoticeKind.REQUEST in kinds)
    assert {NOW} == {stored.settled_at for stored in world.notices(TRUST, status=None)}
    assert {NOW} == {notice.created_at for notice in notifier.sent if notice.kind is not NoticeKind.REQUEST}
