"""Which registers and plans are refused, and who may neither plan nor apply (rules E2, E3)."""

from datetime import date

import attrs
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.domain.agreements import Actor, EndCause, RefusalCode
from datashare.domain.people import Permission, PersonId
from datashare.domain.register import EstablishmentStatus
from datashare.errors import InvalidValue, NotPermitted, Refused
from datashare.testing import InterleavingStore
from tests.service.reconcile.cases import TOMORROW, YESTERDAY, close
from tests.service.test_permissions import GROUP_STRANGERS
from tests.world import (
    GENEROUS,
    HILDA,
    NIGHTLY,
    NO_APPROVER,
    OSCAR,
    TODAY,
    TRUST,
    World,
    large_world,
    leave_trust,
    person,
    school,
)

OPEN, CLOSED = EstablishmentStatus.OPEN, EstablishmentStatus.CLOSED


@pytest.mark.rule("E3", "E6")
def test_the_register_is_noted_even_if_nothing_stands_any_more(world: World) -> None:
    """So that an older one is refused afterwards, for planning, applying and recording."""
    close(world, HILDA, OSCAR, NO_APPROVER)
    older = MemoryInstitutionDirectory(world.schools.values(), groups=world.groups, register_day=YESTERDAY)
    plan = world.trust().reconcile()
    assert not plan.needs_confirmation

    world.trust().apply(plan, command_id="c-1")

    assert TODAY == world.store.last_register(TRUST)
    with pytest.raises(Refused, match="of 24 October 2026, and that of 25 October 2026 was applied") as refused:
        world.trust().reconcile(older)
    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("E3", "T2")
def test_a_plan_from_another_register_is_refused(world: World) -> None:
    """A newer day, or the same day with another fact: nothing is applied."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    close(world, HILDA, day=TODAY)
    with pytest.raises(Refused, match=r"not the register that was meant\. It is of 25 October 2026"):
        world.trust().apply(plan, command_id="c-1")
    world.refresh(attrs.evolve(world.schools[HILDA], name="Another Name"), day=YESTERDAY)
    with pytest.raises(Refused) as refused:
        world.trust().apply(plan, command_id="c-1")

    assert [RefusalCode.REGISTER_DIFFERS] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E3", "X2", "T2")
@pytest.mark.parametrize("claimed", [date(1900, 1, 1), YESTERDAY, TODAY])
def test_a_day_that_is_not_the_directorys_is_refused(claimed: date) -> None:
    """A kept plan that was changed can neither get past a newer register nor date a loss or a return."""
    day = date(2026, 10, 23)
    world = World(register_day=day)
    world.approved(HILDA, OSCAR)
    close(world, HILDA, day=day)
    plan = world.trust().reconcile()
    forged = attrs.evolve(plan, register_day=claimed)

    for last, codes in (
        (day, [RefusalCode.REGISTER_DIFFERS]),
        (TODAY, [RefusalCode.REGISTER_OLDER, RefusalCode.REGISTER_DIFFERS]),
    ):
        world.store.note_register(TRUST, last)
        before = world.snapshot("c-1")
        with pytest.raises(Refused) as applied:
            world.trust().apply(forged, command_id="c-1")
        with pytest.raises(Refused) as planned:
            world.trust().reconcile(register_day=claimed)
        assert codes == [reason.code for reason in applied.value.reasons]
        assert codes == [reason.code for reason in planned.value.reasons]
        assert before == world.snapshot("c-1")


@pytest.mark.rule("E3")
def test_a_plan_that_was_overtaken_is_refused() -> None:
    """Its register is still in place, and a newer one was applied to the group since."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    world.store.note_register(TRUST, TODAY)
    before = world.snapshot("c-1")

    with pytest.raises(Refused) as refused:
        world.trust().apply(plan, command_id="c-1")

    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E3")
def test_a_register_that_holds_none_of_the_groups_schools_is_refused() -> None:
    """A download that was cut short would end everything, or make everything unclear."""
    world = World()
    world.approved(HILDA)
    empty = MemoryInstitutionDirectory([], groups=world.groups, register_day=TODAY)

    with pytest.raises(Refused) as refused:
        world.trust().reconcile(empty)

    assert [RefusalCode.REGISTER_EMPTY] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("present", "percent", "words"),
    [
        pytest.param(range(40), 10, "", id="whole"),
        pytest.param(range(4, 40), 10, "", id="a-tenth-gone"),
        pytest.param(range(5, 40), 10, "lacks 5 of 40 institutions that the one in place has", id="more-gone"),
        pytest.param(range(20, 40), 50, "", id="another-policy"),
        pytest.param(range(19), 50, "lacks 21 of 40 institutions", id="cut-in-half"),
        pytest.param(range(36), 10, "lacks 4 of 4 closed institutions", id="only-open-rows"),
        pytest.param(range(37), 10, "", id="three-closed-gone"),
    ],
)
def test_a_register_that_lacks_much_of_the_one_in_place_is_refused(present: range, percent: int, words: str) -> None:
    """It is not whole, since a register loses no school: neither those of the group, nor those that left it."""
    urns = [200_000 + number for number in range(40)]
    there = [school(urn, "School", status=CLOSED if urn in urns[36:] else OPEN) for urn in urns]
    world = World(schools=there, policies={TRUST: attrs.evolve(GENEROUS, most_gone_percent=percent)})
    moved = [attrs.evolve(there[number], trusts=()) if number == 5 else there[number] for number in present]
    newer = MemoryInstitutionDirectory(moved, groups=world.groups, register_day=TODAY)

    if not words:
        assert world.trust().reconcile(newer).compared
        return
    with pytest.raises(Refused, match=f"{words}.* Load the whole register") as refused:
        world.trust().reconcile(newer)
    assert [RefusalCode.REGISTER_SHRUNK] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("E3")
@pytest.mark.parametrize(("gone", "refused"), [(1, False), (3, False), (4, True)])
def test_a_small_group_may_lack_three_institutions(gone: int, refused: bool) -> None:
    """One of six is more than a tenth, but says nothing about the register; the plan leaves it, as unclear."""
    there = [school(HILDA + number, "School") for number in range(6)]
    world = World(schools=there)
    world.approved(HILDA)
    newer = MemoryInstitutionDirectory(there[gone:], groups=world.groups, register_day=TODAY)

    if refused:
        with pytest.raises(Refused, match="lacks 4 of 6 institutions"):
            world.trust().reconcile(newer)
        return
    assert [HILDA] == [row.urn for row in world.trust().reconcile(newer).unclear]


@pytest.mark.rule("E3", "E6", "T2")
def test_a_register_that_holds_none_of_the_groups_schools_is_not_recorded(world: World) -> None:
    """Nothing is recorded or noted; what was recorded before under the same command id is answered."""
    world.refresh(gone=[HILDA], day=YESTERDAY)
    world.trust(NIGHTLY).record_visibility(command_id="before")
    world.institutions.replace([], groups=world.groups, register_day=TODAY)
    before = world.snapshot("before", "cut-short")

    for record in (
        world.trust(NIGHTLY).record_visibility,
        world.trust().record_visibility,
        world.trust(NIGHTLY).preview.record_visibility,
        lambda **how: world.sharing.run(world.trust(NIGHTLY).queued.record_visibility(**how)),
    ):
        with pytest.raises(Refused) as refused:
            record(command_id="cut-short")
        assert [RefusalCode.REGISTER_EMPTY] == [reason.code for reason in refused.value.reasons]
    again = world.trust(NIGHTLY).record_visibility(command_id="before", register_day=YESTERDAY)

    assert [(HILDA, True)] == [(outcome.urn, outcome.replayed) for outcome in again.done]
    assert {OSCAR: RefusalCode.REGISTER_EMPTY, NO_APPROVER: RefusalCode.REGISTER_EMPTY} == {
        outcome.urn: outcome.code for outcome in again.not_done
    }
    assert before == world.snapshot("before", "cut-short")


@pytest.mark.rule("E3", "E6")
@pytest.mark.parametrize("left", ["all-left", "all-gone-and-another-there"])
def test_a_group_whose_every_school_has_left_is_recorded(left: str) -> None:
    """The register knows the schools that left, or others of the group; then it is not cut short."""
    world = World()
    world.approved(HILDA, OSCAR)
    if left == "all-left":
        world.refresh(*(attrs.evolve(school, trusts=()) for school in world.schools.values()))
    else:
        world.refresh(gone=[HILDA, OSCAR])
    side = world.counted().for_group(TRUST, actor=NIGHTLY)

    recorded = side.record_visibility(command_id="c-1")

    assert [HILDA, OSCAR] == [outcome.urn for outcome in recorded.done if outcome.events]
    assert (0 if left == "all-left" else 1) == world.calls["institutions.linked"]
    assert TODAY == world.store.last_register(TRUST)


@pytest.mark.rule("E3", "E6")
def test_the_losers_of_a_race_do_not_make_the_register_look_empty() -> None:
    """A school that is decided again may be gone from the register, which the others showed to be whole."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA, OSCAR)
    left = attrs.evolve(world.schools[OSCAR], trusts=())
    world.institutions.replace([left], groups=world.groups, register_day=TODAY)

    def another_writer() -> None:
        world.trust().end([HILDA], cause=EndCause.BY_GROUP, note="Before.", command_id="before")

    store = InterleavingStore(world.store, another_writer)
    outcomes = world.over(store).for_group(TRUST, actor=NIGHTLY).record_visibility(command_id="c-1")

    assert [OSCAR] == [outcome.urn for outcome in outcomes.done]
    assert [(HILDA, RefusalCode.NOTHING_TO_END)] == [(outcome.urn, outcome.code) for outcome in outcomes.not_done]


@pytest.mark.rule("E3", "T2")
def test_a_plan_that_ends_much_is_confirmed_explicitly() -> None:
    """Four of thirty-nine need it, as does a part of them; what was done needs no confirmation when repeated."""
    world, urns = large_world(39)
    world.approved(*urns)
    close(world, *urns[:4])
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    for chosen in (None, urns[:1]):
        with pytest.raises(Refused, match="would end 4 of 39 agreements") as refused:
            world.trust().apply(plan, command_id="c-1", urns=chosen)
        assert [RefusalCode.CONFIRMATION_NEEDED] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")

    assert 4 == len(world.trust().apply(plan, command_id="c-1", confirmed=True).ended.done)
    assert 4 == len(world.trust().apply(plan, command_id="c-1").ended.done)


@pytest.mark.rule("E2", "P12", "K2")
@pytest.mark.parametrize("actor", [who for who in GROUP_STRANGERS.values() if who != NIGHTLY], ids=str)
def test_strangers_neither_plan_nor_apply(actor: Actor) -> None:
    """They learn nothing about the group's agreements, and nothing ends."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    for call in (lambda: world.trust(actor).reconcile(), lambda: world.trust(actor).apply(plan, command_id="c-1")):
        with pytest.raises(NotPermitted):
            call()

    assert before == world.snapshot("c-1")


@pytest.mark.rule("E2", "E7")
def test_applying_has_a_permission_of_its_own() -> None:
    """It allows only what the register shows; the permission to end does not allow it."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    applier, ender, reader = (PersonId(TRUST, name) for name in ("applier", "ender", "reader"))
    world.people.put(
        person(applier, permissions=[Permission.APPLY_REGISTER]),
        person(ender, permissions=[Permission.END_AGREEMENT]),
        person(reader, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]),
    )

    assert world.trust(applier).reconcile() == world.trust(reader).reconcile() == plan
    for who in (ender, reader):
        with pytest.raises(NotPermitted, match=r"data_sharing\.apply_register"):
            world.trust(who).apply(plan, command_id="c-1")
    with pytest.raises(NotPermitted):
        world.trust(ender).reconcile()
    with pytest.raises(NotPermitted):
        world.trust(applier).end([HILDA], cause=EndCause.SCHOOL_CLOSED, note="Closed.", command_id="c-1")
    assert 1 == len(world.trust(applier).apply(plan, command_id="c-1").ended.done)


@pytest.mark.rule("E3")
def test_the_registers_day_comes_from_the_directory_or_the_caller() -> None:
    """The caller's day counts where the directory knows none; without a day, or with a future one, there is no plan."""
    world = World(register_day=None)
    world.approved(HILDA)
    world.institutions.replace(
        [attrs.evolve(school, trusts=()) for school in world.schools.values()], groups=world.groups
    )

    with pytest.raises(InvalidValue, match="register_day must be given, since the directory of institutions does not"):
        world.trust().reconcile()
    with pytest.raises(InvalidValue, match="register_day must be no later than today"):
        world.trust().reconcile(register_day=TOMORROW)
    plan = world.trust().reconcile(register_day=YESTERDAY)
    assert YESTERDAY == plan.register_day
    world.store.note_register(TRUST, date(2026, 1, 1))

    assert 1 == len(world.trust().apply(plan, command_id="c-1").ended.done)

    assert YESTERDAY == world.store.last_register(TRUST)


@pytest.mark.rule("E3", "E6", "K4")
def test_an_older_register_is_not_recorded(world: World) -> None:
    """What was recorded under the same command id is answered, and nothing else is recorded from it."""
    leave_trust(world, HILDA, day=YESTERDAY)
    world.trust(NIGHTLY).record_visibility(command_id="old", register_day=YESTERDAY)
    leave_trust(world, OSCAR)
    world.trust(NIGHTLY).record_visibility(command_id="new")
    leave_trust(world, NO_APPROVER, day=YESTERDAY)
    before = world.snapshot("old", "older")

    with pytest.raises(Refused) as refused:
        world.trust(NIGHTLY).record_visibility(command_id="older", register_day=YESTERDAY)
    with pytest.raises(Refused):
        world.trust(NIGHTLY).preview.record_visibility(command_id="older", register_day=YESTERDAY)
    again = world.trust(NIGHTLY).record_visibility(command_id="old", register_day=YESTERDAY)

    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]
    assert [(HILDA, True)] == [(outcome.urn, outcome.replayed) for outcome in again.done]
    assert {OSCAR: RefusalCode.REGISTER_OLDER, NO_APPROVER: RefusalCode.REGISTER_OLDER} == {
        outcome.urn: outcome.code for outcome in again.not_done
    }
    assert before == world.snapshot("old", "older")
