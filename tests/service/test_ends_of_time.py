"""What a calendar cannot hold: the first and the last instant, and spans of time longer than any calendar (T3)."""

from contextlib import suppress
from datetime import date, timedelta

import attrs
import pytest

from datashare.adapters.email import EmailRenderer
from datashare.delivery import RetrySchedule, deliver, purge
from datashare.domain.access import AccessCode
from datashare.domain.agreements import EndCause, RefusalCode
from datashare.domain.instants import FIRST, LAST, Instant, later_by, london_day
from datashare.domain.levels import Capability
from datashare.domain.policy import Policy
from datashare.errors import DatashareError
from datashare.testing import FailingNotifier, FrozenClock, RecordingNotifier
from tests.world import ACTIONS, GENEROUS, HILDA, OSCAR, TRUST, World, join_trust, leave_trust

FOREVER = timedelta(days=999_999_999)
ENDLESS = attrs.evolve(
    GENEROUS, least_reminder_interval=FOREVER, correction_window=FOREVER, stale_register_after=FOREVER
)
HASTY = attrs.evolve(
    GENEROUS, least_reminder_interval=timedelta(0), correction_window=timedelta(0), stale_register_after=timedelta(0)
)
RENDERER = EmailRenderer(sender="sharing@trust.example")
DAYS = (date.min, date(1, 1, 2), date(9999, 12, 30), date.max)
INSTANTS = (FIRST, later_by(FIRST, timedelta(seconds=75)), later_by(LAST, -timedelta(hours=1)), LAST)


def world_at(instant: Instant, policy: Policy) -> World:
    """Build a world whose clock shows an instant."""
    world = World(policies={TRUST: policy}, register_day=None)
    world.clock.instant = instant
    return world


@pytest.mark.rule("T3", "N4", "X2", "H1")
@pytest.mark.parametrize("policy", [ENDLESS, HASTY], ids=["endless", "hasty"])
@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_a_whole_life_at_the_ends_of_time(instant: Instant, policy: Policy) -> None:
    """Everything that a group and a school do goes through, or is refused as at any other time."""
    world = world_at(instant, policy)
    trust, school = world.trust(), world.school()
    (request,) = world.asked(HILDA)
    reminded = trust.remind([request], command_id="remind")
    school.approve(request)
    world.asked(HILDA, level=ACTIONS, command_id="raise")
    for moves in (leave_trust, join_trust):
        moves(world, day=london_day(instant))
        trust.record_visibility(command_id=moves.__name__)

    assert policy is HASTY or [RefusalCode.REMINDER_TOO_SOON] == [outcome.code for outcome in reminded.not_done]
    assert all(str(outcome) for outcome in reminded)
    answer = world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA)
    assert [AccessCode.GRANTED] == [reason.code for reason in answer.reasons]
    assert str(answer)
    assert [HILDA] == [period.agreement.urn for period in trust.all_as_of(instant)]
    assert str(trust.as_of(instant, HILDA))
    assert str(trust.coverage())
    assert all(map(str, trust.timeline(HILDA)))
    assert school.page()
    trust.end([HILDA], cause=EndCause.BY_GROUP, note="Over.", command_id="end")
    for stored in world.notices():
        assert stored.notice is None or str(RENDERER.message(stored.notice))


@pytest.mark.rule("H1", "X2")
@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_questions_about_the_ends_of_time_are_answered_or_refused(instant: Instant) -> None:
    """About any instant and any day; nothing but an error of this library leaves."""
    world = world_at(instant, ENDLESS)
    world.approved(HILDA)
    trust = world.trust()
    for at in INSTANTS:
        with suppress(DatashareError):
            trust.as_of(at, HILDA)
            trust.all_as_of(at)
    for day in DAYS:
        for question in (trust.in_force_on, lambda day: trust.shared_on(day, HILDA), world.school().shared_on):
            with suppress(DatashareError):
                question(day)
        with suppress(DatashareError):
            trust.record_visibility(command_id=f"register-{day}", register_day=day)
        with suppress(DatashareError):
            trust.reconcile(register_day=day)
    assert world.sharing.verify().sound
    assert TRUST == world.sharing.digest(TRUST).group


@pytest.mark.rule("O3", "O6")
@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_messages_are_sent_and_purged_at_the_ends_of_time(instant: Instant) -> None:
    """Waits and leases that would reach beyond the last instant end there."""
    world = world_at(instant, GENEROUS)
    world.asked(HILDA, OSCAR)
    schedule = RetrySchedule(first=timedelta(hours=1))
    with suppress(DatashareError):
        deliver(world.store, FailingNotifier(), clock=world.clock, schedule=schedule)
        deliver(world.store, RecordingNotifier(), clock=world.clock)
    purge(world.store, keep_for=timedelta(days=36_525), clock=world.clock)


def test_a_frozen_clock_stands_still_at_the_ends_of_time() -> None:
    """It can be moved by any span, back and forth."""
    clock = FrozenClock(FIRST)

    assert (FIRST, LAST, FIRST) == tuple(clock.move_on(by) for by in (-FOREVER, FOREVER, -FOREVER))
