"""A refresh of the register, end to end: access stops at once, nothing ends by itself (rules E6, X2)."""

from datetime import date, timedelta

import attrs
import pytest

from datashare.domain.access import AccessCode
from datashare.domain.agreements import (
    Batch,
    RecordVisibility,
    RefusalCode,
    State,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.instants import day_words, london_day
from datashare.domain.levels import Capability
from datashare.domain.register import EstablishmentStatus
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue, Refused
from datashare.service import Done
from tests.world import (
    ACTIONS,
    GENEROUS,
    HILDA,
    MIS,
    NIGHTLY,
    NO_APPROVER,
    OSCAR,
    TODAY,
    TRUST,
    World,
    assert_sound,
    join_trust,
    large_world,
    leave_trust,
)


def allowed(world: World, urn: int = HILDA) -> bool:
    """Ask whether the trust may view live data of a school."""
    return world.sharing.access(TRUST).allows(urn, Capability.VIEW_MIS_DATA)


@pytest.mark.rule("X2", "E6")
def test_access_stops_before_anybody_has_recorded_anything() -> None:
    """As soon as the register shows the school elsewhere, access is gone, with nothing written."""
    world = World()
    world.approved(HILDA)
    assert allowed(world)
    before = world.snapshot()

    leave_trust(world)

    assert not allowed(world)
    answer = world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA)
    assert [AccessCode.NOT_VISIBLE] == [reason.code for reason in answer.reasons]
    assert before == world.snapshot()


@pytest.mark.rule("E6")
def test_a_refresh_records_what_stopped_being_visible_and_ends_nothing() -> None:
    """Each agreement that stands is recorded once, with the register's day and every reason, and without notices."""
    world = World()
    world.approved(HILDA, OSCAR)
    (declined,) = world.asked(NO_APPROVER, command_id="d")
    world.trust().withdraw([declined], command_id="w")
    notices = world.notices(status=None)
    day = date(2026, 10, 24)
    world.refresh(
        attrs.evolve(world.schools[HILDA], trusts=(), status=EstablishmentStatus.CLOSED),
        gone=[NO_APPROVER],
        day=day,
    )

    outcomes = world.trust(NIGHTLY).record_visibility(command_id="c-1")

    assert [(HILDA, 1), (OSCAR, 0)] == [(outcome.urn, len(outcome.events)) for outcome in outcomes.done]
    assert () == outcomes.not_done
    last = world.events()[-1]
    assert isinstance(last, VisibilityLost)
    assert (day, (HiddenBecause.NOT_LINKED, HiddenBecause.CLOSED)) == (last.register_day, last.reasons)
    assert (State.APPROVED, MIS, day) == (world.state().state, world.state().level, world.state().hidden_since)
    assert day == world.store.last_register(TRUST)
    assert notices == world.notices(status=None)
    assert_sound(world)


@pytest.mark.rule("E6", "K4")
def test_the_same_refresh_again_records_nothing_more() -> None:
    """Neither under the same command id nor under another."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)
    world.trust().record_visibility(command_id="c-1")
    before = world.snapshot()

    (replay,) = world.trust().record_visibility(command_id="c-1")
    (nothing,) = world.trust().record_visibility(command_id="c-2")

    assert isinstance(replay, Done)
    assert isinstance(nothing, Done)
    assert (True, False, ()) == (replay.replayed, nothing.replayed, nothing.events)
    assert before == world.snapshot()


@pytest.mark.rule("X2", "E6")
@pytest.mark.parametrize(
    ("days", "resumes"),
    [pytest.param(30, True, id="within-the-window"), pytest.param(31, False, id="after-it")],
)
@pytest.mark.parametrize("recorded", [False, True], ids=["return-not-recorded", "return-recorded"])
def test_access_resumes_within_the_correction_window_only(days: int, resumes: bool, recorded: bool) -> None:
    """Thirty days after the register first hid the school access resumes; a day later it does not."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)
    world.trust().record_visibility(command_id="lost")
    world.clock.move_on(timedelta(days=days, hours=12))
    join_trust(world, day=TODAY + timedelta(days=days))
    if recorded:
        world.trust().record_visibility(command_id="back")
        last = world.events()[-1]
        assert isinstance(last, VisibilityReturned)
        assert (TODAY + timedelta(days=days), resumes) == (last.register_day, last.resumes)

    assert resumes == allowed(world)
    codes = {r.code for r in world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA).reasons}
    assert ({AccessCode.GRANTED} if resumes else {AccessCode.LAPSED}) == codes
    assert_sound(world)


def hidden_for(world: World, days: int, *, urn: int = HILDA, recorded: bool = True) -> None:
    """Let a school leave the trust, and come back so many days later; the loss is recorded, the return if wanted."""
    leave_trust(world, urn, day=london_day(world.clock.now()))
    world.trust().record_visibility(command_id=f"lost-{urn}")
    world.clock.move_on(timedelta(days=days, hours=1))  # the clocks go back meanwhile
    join_trust(world, urn, day=london_day(world.clock.now()))
    if recorded:
        world.trust().record_visibility(command_id=f"back-{urn}")


@pytest.mark.rule("X2", "E6")
def test_a_return_recorded_late_counts_from_the_day_of_its_register() -> None:
    """With the register of the day after the loss, access resumes on any later day; before that it does not."""
    world = World()
    world.approved(HILDA)
    hidden_for(world, 1, recorded=False)
    day = london_day(world.clock.now())
    assert allowed(world)

    world.clock.move_on(timedelta(days=31))
    assert not allowed(world)
    world.trust().record_visibility(command_id="late", register_day=day)

    assert allowed(world)
    assert_sound(world)


@pytest.mark.rule("X2", "T3")
def test_a_request_by_a_fast_clock_lapses_nothing() -> None:
    """A clock that is ten years fast does not make the absence longer than the registers show."""
    world = World()
    world.approved(HILDA)
    hidden_for(world, 1, recorded=False)
    day, fast = london_day(world.clock.now()), timedelta(days=3_650)

    world.clock.move_on(fast)
    world.asked(HILDA, level=ACTIONS, command_id="fast")
    world.clock.move_on(-fast)

    returned = world.events()[-2]
    assert isinstance(returned, VisibilityReturned)
    assert (day, True) == (returned.register_day, returned.resumes)
    assert allowed(world)


@pytest.mark.rule("X2")
def test_a_register_from_before_the_loss_shows_no_return() -> None:
    """If it is put in place again, the absence runs to the present day."""
    world = World()
    world.approved(HILDA)
    hidden_for(world, 40, recorded=False)
    join_trust(world, day=TODAY - timedelta(days=1))

    world.asked(HILDA, command_id="anew")

    assert (None, True) == (world.state().hidden_since, world.state().lapsed)
    assert not allowed(world)


@pytest.mark.rule("X2")
def test_an_absence_that_nobody_recorded_lapses_nothing() -> None:
    """Access was closed while the school was away; it resumes with the school."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)
    world.clock.move_on(timedelta(days=31))
    assert not allowed(world)

    join_trust(world)

    assert allowed(world)


@pytest.mark.rule("X2", "A5", "A9")
@pytest.mark.parametrize("recorded", [False, True], ids=["return-not-recorded", "return-recorded"])
def test_only_what_is_agreed_anew_restores_what_has_lapsed(recorded: bool) -> None:
    """Neither a request from before the loss nor a central approval does, but a new request that is accepted does."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    (before,) = world.asked(HILDA, level=ACTIONS, command_id="before")
    hidden_for(world, 31, recorded=recorded)

    with pytest.raises(Refused) as late:
        world.school().approve(before)
    assert [True] == [entry.request_lapsed for entry in world.school().page()]
    world.trust().withdraw([before], command_id="withdraw")
    (central,) = world.trust().record_approval([HILDA], level=ACTIONS, basis="Minute 7", command_id="central").not_done
    (anew,) = world.asked(HILDA, command_id="anew")

    assert [RefusalCode.LAPSED] * 2 == [reason.code for reason in (*late.value.reasons, *central.reasons)]
    assert not allowed(world)
    assert [False] == [entry.request_lapsed for entry in world.school().page()]
    world.school().approve(anew)
    assert allowed(world)
    assert_sound(world)


@pytest.mark.rule("X2", "N3", "K1")
def test_several_requests_that_lapsed_are_told_from_new_ones() -> None:
    """A reminder goes where the request came after the lapse, and where nothing has lapsed."""
    world, urns = large_world(3)
    world.approved(*urns)
    lapsed, fresh, untouched = urns
    (old,) = world.asked(lapsed, level=ACTIONS, command_id="old")
    for urn in (lapsed, fresh):
        hidden_for(world, 31, urn=urn)
    requests = (old, *world.asked(fresh, command_id="anew"), *world.asked(untouched, level=ACTIONS, command_id="up"))

    outcomes = world.trust().remind(requests, command_id="remind")

    assert [fresh, untouched] == [outcome.urn for outcome in outcomes.done]
    assert [(lapsed, (RefusalCode.LAPSED,))] == [
        (outcome.urn, tuple(reason.code for reason in outcome.reasons)) for outcome in outcomes.not_done
    ]


@pytest.mark.rule("E6")
def test_an_open_request_is_recorded_as_hidden_too() -> None:
    """A request that waits is an agreement that stands; it cannot be reminded while hidden."""
    world = World()
    (request,) = world.asked(HILDA)
    leave_trust(world)

    world.trust().record_visibility(command_id="c-1")

    assert (State.PENDING, TODAY) == (world.state().state, world.state().hidden_since)
    (refusal,) = world.trust().remind([request], command_id="c-2").not_done
    assert RefusalCode.NOT_VISIBLE == refusal.code
    join_trust(world)
    world.trust().record_visibility(command_id="c-3")
    assert world.state().hidden_since is None
    assert 1 == len(world.trust().remind([request], command_id="c-4").done)


@pytest.mark.rule("E6")
def test_the_caller_may_name_the_registers_day() -> None:
    """It counts, since the directory does not know it."""
    world = World(register_day=None)
    world.approved(HILDA)
    world.institutions.replace([attrs.evolve(world.schools[HILDA], trusts=())], groups=world.groups)

    world.trust().record_visibility(command_id="c-1", register_day=date(2026, 10, 22))

    assert date(2026, 10, 22) == world.state().hidden_since
    assert date(2026, 10, 22) == world.store.last_register(TRUST)


@pytest.mark.rule("E3", "E6", "X2", "T2")
@pytest.mark.parametrize("claimed", [date(1900, 1, 1), TODAY, TODAY + timedelta(days=60)])
@pytest.mark.parametrize("back", [False, True], ids=["loss", "return"])
def test_a_day_that_is_not_the_registers_is_not_recorded(claimed: date, back: bool) -> None:
    """A system cannot date a loss so that it lapses, nor a return so that it restores what lapsed."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)
    day = TODAY + timedelta(days=1)
    if back:
        world.trust(NIGHTLY).record_visibility(command_id="lost")
        day = TODAY + timedelta(days=59)
        join_trust(world, day=day)
    else:
        leave_trust(world, day=day)
    world.clock.move_on(timedelta(days=60, hours=12))
    commands = [RecordVisibility(urn=HILDA, register_day=claimed)]
    forged = Batch(group=TRUST, actor=NIGHTLY, command_id="forged", commands=commands)
    before = world.snapshot("forged")

    for act in (world.sharing.run, world.sharing.preview):
        with pytest.raises(Refused, match=f"It is of {day_words(day)}, and not of") as refused:
            act(forged)
        assert [RefusalCode.REGISTER_DIFFERS] == [reason.code for reason in refused.value.reasons]

    assert before == world.snapshot("forged")
    world.sharing.run(attrs.evolve(forged, commands=[RecordVisibility(urn=HILDA, register_day=day)]))
    assert day == world.store.last_register(TRUST)


@pytest.mark.rule("E6", "T2")
def test_a_refresh_that_does_nothing_notes_no_register() -> None:
    """If each school is refused, the day is not noted, so the registers to come are not taken for older ones."""
    world = World(register_day=None)
    world.approved(HILDA)
    commands = [RecordVisibility(urn=OSCAR, register_day=TODAY)]
    refused = Batch(group=TRUST, actor=NIGHTLY, command_id="c-1", commands=commands)

    outcomes = world.sharing.run(refused)

    assert [RefusalCode.NOTHING_TO_END] == [outcome.code for outcome in outcomes.not_done]
    assert world.store.last_register(TRUST) is None


@pytest.mark.rule("E6")
def test_without_any_register_day_the_present_day_is_recorded() -> None:
    """Then no register is noted, since its day is not known."""
    world = World(register_day=None)
    world.approved(HILDA)
    world.institutions.replace(
        [attrs.evolve(school, trusts=()) for school in world.schools.values()], groups=world.groups
    )

    world.trust().record_visibility(command_id="c-1")

    assert TODAY == world.state().hidden_since
    assert world.store.last_register(TRUST) is None


@pytest.mark.rule("E6", "K3")
def test_a_preview_of_a_refresh_notes_no_register() -> None:
    """It shows what would be recorded, and notes neither events nor the register's day."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)

    (preview,) = world.trust().preview.record_visibility(command_id="c-1").done

    assert [VisibilityLost] == [type(event) for event in preview.events]
    assert world.store.last_register(TRUST) is None
    assert 2 == world.state().version


@pytest.mark.rule("E6", "T2")
def test_a_register_of_the_future_is_refused() -> None:
    """A slip in a file name would postpone the correction window for ever."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)
    before = world.snapshot("c-1")

    with pytest.raises(InvalidValue, match="register_day must be no later than today"):
        world.trust().record_visibility(command_id="c-1", register_day=TODAY + timedelta(days=1))

    assert before == world.snapshot("c-1")
    assert world.store.last_register(TRUST) is None


@pytest.mark.rule("T4", "T5", "X2", "V8")
def test_a_group_that_has_gone_from_the_register_can_still_look_and_take_back() -> None:
    """It cannot see or ask schools, but what stands can be listed, withdrawn and explained."""
    world = World()
    world.approved(HILDA)
    (request,) = world.asked(OSCAR, command_id="c-2")
    world.institutions.replace(world.schools.values(), groups=[], register_day=TODAY)

    assert () == world.trust().browse().items
    assert {HILDA, OSCAR} == {hidden.agreement.urn for hidden in world.trust().no_longer_visible()}
    assert not world.sharing.access(TRUST).allows(HILDA, Capability.VIEW_MIS_DATA)
    assert "the group closed" in str(world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA))
    with pytest.raises(Refused, match="The group is closed"):
        world.trust().request([HILDA], level=ACTIONS, command_id="c-3")
    assert world.trust().withdraw([request], command_id="c-4").done
    assert State.NO_AGREEMENT is world.state(OSCAR).state
