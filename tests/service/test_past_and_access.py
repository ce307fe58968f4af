"""Where an answer about the past may differ from what access was at that instant, and how (rule H1)."""

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest

from datashare.domain.agreements import AgreementId, EndCause
from datashare.domain.instants import london_day
from datashare.domain.levels import Capability
from datashare.domain.register import EstablishmentStatus, TrustLink
from datashare.domain.timeline import AgreementPeriod, AsOf
from tests.service.test_unreadable import OlderStore
from tests.world import GENEROUS, HILDA, MIS, NIGHTLY, TRUST, World, join_trust, leave_trust

DAY = timedelta(days=1)
NOTHING, LIVE_DATA = frozenset[Capability](), MIS.capabilities
MAPPED = frozenset(Capability) - {Capability.LOG_IN_TO_SCHOOL}  # X3: not asked of a map


@pytest.fixture
def world() -> World:
    """Build a world in which St Hilda's was asked yesterday."""
    world = World(policies={TRUST: GENEROUS})
    world.asked(HILDA)
    world.clock.move_on(DAY)
    return world


def approve(world: World) -> None:
    """Let the head accept the open request."""
    request = world.state().request
    assert request is not None
    world.school().approve(request.id)


def end(world: World) -> None:
    """Let the trust end the agreement."""
    assert world.trust().end([HILDA], cause=EndCause.BY_GROUP, note="Over.", command_id="end").done


def record(world: World) -> None:
    """Record what the register in place shows."""
    world.trust(NIGHTLY).record_visibility(command_id=f"record-{london_day(world.clock.now())}")


def recorded(answer: AsOf) -> AgreementPeriod:
    """Return an answer that must be a period."""
    assert isinstance(answer, AgreementPeriod)
    return answer


def now_and_later(world: World) -> list[frozenset[Capability]]:
    """Return what access is, what the record says of this instant now, and what it says of it a day later."""
    now, allowed = world.clock.now(), world.sharing.access(TRUST)
    seen = [frozenset(capability for capability in MAPPED if allowed.allows(HILDA, capability))]
    for _ in range(2):
        seen.append(recorded(world.trust().as_of(now, HILDA)).capabilities)
        world.clock.move_on(DAY)
    return seen


@pytest.mark.rule("H1", "T3")
@pytest.mark.parametrize("ahead", [3 * DAY, 3_650 * DAY], ids=str)
def test_what_a_fast_clock_recorded_counts_from_a_later_instant(world: World, ahead: timedelta) -> None:
    """Before that instant access showed more than the record says, or less; later events of the agreement wait too."""
    now = world.clock.now()
    world.clock.instant = now + ahead
    approve(world)
    world.clock.instant = now
    assert [LIVE_DATA, LIVE_DATA, NOTHING] == now_and_later(world)

    end(world)
    assert [NOTHING, NOTHING, NOTHING] == now_and_later(world)
    assert {now + ahead} == {event.at for event in world.events()[1:]}


@pytest.mark.rule("H1", "T3")
def test_an_end_by_a_fast_clock_counts_from_a_later_instant(world: World) -> None:
    """Access showed less."""
    approve(world)
    now = world.clock.now()
    world.clock.instant = now + 3 * DAY
    end(world)
    world.clock.instant = now

    assert [NOTHING, NOTHING, LIVE_DATA] == now_and_later(world)


@pytest.mark.rule("H1", "T3")
def test_what_a_slow_clock_recorded_counts_from_an_earlier_instant(world: World) -> None:
    """Access showed less until it was recorded."""
    asked_about = world.clock.now()
    assert [NOTHING, NOTHING, NOTHING] == now_and_later(world)
    now = world.clock.now()
    world.clock.instant = asked_about
    approve(world)
    world.clock.instant = now

    assert LIVE_DATA == recorded(world.trust().as_of(asked_about, HILDA)).capabilities
    assert [LIVE_DATA, LIVE_DATA, LIVE_DATA] == now_and_later(world)


def leave(world: World) -> None:
    """Load a register in which the school has left the trust."""
    leave_trust(world, day=london_day(world.clock.now()))


def change_policy(world: World) -> None:
    """Let the trust's policy show no school that is proposed to close."""
    world.refresh(
        attrs.evolve(world.schools[HILDA], status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE),
        day=london_day(world.clock.now()),
    )
    world.policies[TRUST] = attrs.evolve(GENEROUS, include_proposed_to_close=False)


@pytest.mark.rule("H1", "X2", "V3")
@pytest.mark.parametrize("lose", [leave, change_policy])
def test_a_loss_counts_from_its_record(world: World, lose: Callable[[World], None]) -> None:
    """Until somebody records it, access shows less than the record says of these instants later."""
    approve(world)
    lose(world)
    assert [NOTHING, NOTHING, LIVE_DATA] == now_and_later(world)

    record(world)
    assert [NOTHING, NOTHING, NOTHING] == now_and_later(world)


@pytest.mark.rule("H1", "X2", "V7")
@pytest.mark.parametrize("by_day_alone", [False, True])
def test_a_return_counts_from_its_record(world: World, by_day_alone: bool) -> None:
    """Until somebody records it, access shows more than the record says of these instants later."""
    approve(world)
    leave(world)
    today = london_day(world.clock.now())
    if by_day_alone:
        link = TrustLink(TRUST.code, joined_on=today + 2 * DAY)
        world.refresh(attrs.evolve(world.schools[HILDA], trusts=[link]), day=today)
    record(world)
    assert [NOTHING, NOTHING, NOTHING] == now_and_later(world)
    if not by_day_alone:
        join_trust(world, day=london_day(world.clock.now()))
    assert [LIVE_DATA, LIVE_DATA, NOTHING] == now_and_later(world)

    record(world)
    assert [LIVE_DATA, LIVE_DATA, LIVE_DATA] == now_and_later(world)


@pytest.mark.rule("H1", "T6")
def test_what_could_not_be_read_allowed_nothing(world: World) -> None:
    """Once it can be read again, the record says what it would have allowed."""
    approve(world)
    now = world.clock.now()
    world.sharing = world.over(OlderStore(world.store, AgreementId(TRUST, HILDA)))
    assert not world.sharing.access(TRUST).allows(HILDA, Capability.VIEW_MIS_DATA)
    world.sharing = world.over(world.store)
    world.clock.move_on(DAY)

    assert LIVE_DATA == recorded(world.trust().as_of(now, HILDA)).capabilities
