"""A group whose schools came from another group together sees who came before, and at which level (rule E8)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import attrs
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.codec import decode_plan, encode
from datashare.domain.agreements import AgreementId, EndCause, Event, RefusalCode, State
from datashare.domain.instants import london_day
from datashare.domain.notices import NoticeKind
from datashare.domain.people import Permission, PersonId
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import FormerGroup, NewSchool, Plan
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, TrustLink
from datashare.errors import Refused, StoreUnreadable
from datashare.ports import readable
from datashare.service import GroupSide
from datashare.testing import StoreWithOutbox, WrappedStore
from tests.service.test_unreadable import OlderStore
from tests.world import (
    ACTIONS,
    HILDA,
    MIS,
    NIGHTLY,
    NO_APPROVER,
    NOBODY,
    OSCAR,
    OTHER_TRUST,
    OTTO,
    PEOPLE,
    SITELESS,
    TERMS,
    TODAY,
    TRUST,
    World,
    imported,
    join_trust,
    large_world,
    leave_trust,
    person,
    school,
)

BEFORE = "Areté Learning Trust"


def moving(world: World, urns: Iterable[int], to: GroupId = OTHER_TRUST) -> MemoryInstitutionDirectory:
    """Return a newer register, not in place yet, in which these schools are in another trust."""
    schools = dict(world.schools)
    for urn in urns:
        schools[urn] = attrs.evolve(schools[urn], trusts=[TrustLink(to.code)])
    return MemoryInstitutionDirectory(schools.values(), groups=world.groups, register_day=TODAY)


def everybody(world: World) -> list[int]:
    """List the schools of the trust."""
    return [school.urn for school in world.institutions.linked(TRUST)]


def their_plan(world: World, register: MemoryInstitutionDirectory) -> Plan:
    """Return the plan of the other trust."""
    return world.sharing.for_group(OTHER_TRUST, actor=OTTO).reconcile(register)


@pytest.mark.rule("E8")
def test_the_new_group_sees_who_came_before_and_at_which_level(world: World) -> None:
    """It can ask for all at once, each at the level that was in force, and nothing was carried over."""
    newer = moving(world, everybody(world))

    plan = their_plan(world, newer)

    mis = FormerGroup(group=TRUST, name=BEFORE, level=MIS, level_label="MIS Data")
    none = FormerGroup(group=TRUST, name=BEFORE, level=None, level_label="")
    assert {HILDA: mis, OSCAR: mis, NO_APPROVER: none} == {
        school.urn: school.before for school in plan.joined if school.urn in (HILDA, OSCAR, NO_APPROVER)
    }
    assert NewSchool(urn=HILDA, name="St Hilda’s Primary School", before=mis, level=MIS, level_label="MIS Data") in (
        plan.joined
    )
    assert {MIS: (OSCAR, HILDA)} == plan.to_ask_by_level
    assert (
        "St Hilda’s Primary School (100000), moved from Areté Learning Trust (mat:5143) with MIS Data; "
        "MIS Data suggested"
    ) in str(plan)
    assert plan == decode_plan(encode(plan))
    assert not world.store.states(OTHER_TRUST)

    world.institutions.replace(
        newer.institutions(list(world.schools)).values(), groups=world.groups, register_day=TODAY
    )
    side = world.sharing.for_group(OTHER_TRUST, actor=OTTO)
    for level, urns in plan.to_ask_by_level.items():
        assert not side.request(urns, level=level, command_id=f"ask-{level.value}").not_done
    assert {(HILDA, State.PENDING), (OSCAR, State.PENDING)} == {
        (agreement.urn, agreement.state) for agreement in readable(world.store.states(OTHER_TRUST))
    }


@pytest.mark.rule("E8")
@pytest.mark.parametrize(
    ("moves", "before"),
    [
        pytest.param([HILDA], {}, id="alone"),
        pytest.param([HILDA, NO_APPROVER], {}, id="two"),
        pytest.param([HILDA, OSCAR, NO_APPROVER], {HILDA: MIS, OSCAR: MIS, NO_APPROVER: None}, id="three"),
    ],
)
def test_a_group_learns_nothing_of_a_school_that_left_another_group_alone(
    world: World, moves: list[int], before: dict[int, object]
) -> None:
    """At which level a school shared with another trust concerns the two, unless schools moved together."""
    plan = their_plan(world, moving(world, moves))

    assert set(moves) == {school.urn for school in plan.joined} & set(everybody(world))
    assert before == {school.urn: school.before.level for school in plan.joined if school.before}
    assert not (BEFORE in str(plan) and not before)


@pytest.mark.rule("E8", "V2")
def test_a_group_learns_nothing_of_a_school_that_it_does_not_see(world: World) -> None:
    """One that closed has moved too, and one that is still linked with both has not."""
    newer = moving(world, everybody(world))
    schools = newer.institutions(list(world.schools))
    both = [TrustLink(TRUST.code), TrustLink(OTHER_TRUST.code)]
    changed = {
        HILDA: attrs.evolve(schools[HILDA], status=EstablishmentStatus.CLOSED),
        OSCAR: attrs.evolve(schools[OSCAR], trusts=both),
    }
    newer.replace({**schools, **changed}.values(), groups=world.groups, register_day=TODAY)

    plan = their_plan(world, newer)

    assert OSCAR in {school.urn for school in plan.joined}
    assert {HILDA, OSCAR}.isdisjoint(school.urn for school in plan.joined if school.before)


@pytest.mark.rule("E8", "T7")
def test_the_policy_of_the_group_before_hinders_no_plan(world: World) -> None:
    """Where it cannot be used, nobody knows whether a level has lapsed, so none is shown."""
    world.policies[TRUST] = Policy.local_authority()

    plan = their_plan(world, moving(world, everybody(world)))

    assert {(BEFORE, None)} == {(school.before.name, school.before.level) for school in plan.joined if school.before}


@pytest.mark.rule("E8", "E4")
def test_a_trust_sees_the_level_after_the_trust_before_has_applied_its_plan(world: World) -> None:
    """The agreements have ended, and the plan against the register before says the same as it did."""
    newer = moving(world, everybody(world))
    earlier = MemoryInstitutionDirectory(world.schools.values(), groups=world.groups, register_day=TODAY)
    there, here = (register.institutions(list(world.schools)).values() for register in (newer, earlier))
    plan = their_plan(world, newer)
    world.institutions.replace(there, groups=world.groups, register_day=TODAY)
    world.trust(NIGHTLY).record_visibility(command_id="moved")
    world.clock.move_on(timedelta(days=40))
    own = world.trust().reconcile()
    assert {EndCause.GROUP_REORGANISED} == {end.cause for end in own.to_end}
    assert not world.trust().apply(own, command_id="c-1").ended.not_done
    world.institutions.replace(here, groups=world.groups, register_day=TODAY)

    assert {MIS: (OSCAR, HILDA)} == plan.to_ask_by_level
    assert plan == their_plan(world, newer)


@pytest.mark.rule("E8", "V8", "A8")
def test_messages_call_a_group_that_is_gone_by_its_name(world: World) -> None:
    """The trust merged into another, and the newer register names it nowhere."""
    there = moving(world, everybody(world)).institutions(list(world.schools)).values()
    groups = [group for group in world.groups if group.id != TRUST]
    world.institutions.replace(there, groups=groups, register_day=TODAY)

    assert not world.trust().apply(world.trust().reconcile(), command_id="c-1").ended.not_done

    notices = [stored.notice for stored in world.notices() if stored.notice]
    assert {(EndCause.GROUP_REORGANISED, BEFORE)} == {
        (notice.cause, notice.group_name) for notice in notices if notice.kind is NoticeKind.ENDED
    }


@pytest.mark.rule("E8", "E2")
def test_a_school_that_left_alone_cannot_be_called_a_reorganisation(world: World) -> None:
    """A plan that says so was changed by hand, and is refused."""
    world.institutions.replace(
        moving(world, [HILDA]).institutions(list(world.schools)).values(), groups=world.groups, register_day=TODAY
    )
    plan = world.trust().reconcile()
    assert [EndCause.SCHOOL_LEFT_GROUP] == [end.cause for end in plan.to_end]
    forged = attrs.evolve(plan, ends=tuple(attrs.evolve(end, cause=EndCause.GROUP_REORGANISED) for end in plan.ends))

    with pytest.raises(Refused) as refused:
        world.trust().apply(forged, command_id="c-1")

    assert [RefusalCode.REGISTER_DIFFERS] == [reason.code for reason in refused.value.reasons]
    assert State.APPROVED is world.state(HILDA).state


@pytest.mark.rule("E8", "K1")
@pytest.mark.parametrize("count", [3, 70])
def test_who_came_before_costs_the_same_for_any_number_of_schools(count: int) -> None:
    """Three calls for the group that they came from."""
    world, urns = large_world(count)
    world.approved(*urns)
    side = world.counted().for_group(OTHER_TRUST, actor=OTTO)

    plan = side.reconcile(moving(world, urns))

    assert count == len(plan.to_ask_by_level[MIS])
    assert (
        Counter(
            {
                "institutions.group": 2,
                "institutions.linked": 1,
                "institutions.institutions": 1,
                "people.people": 1,
                "store.states": 2,
                "store.last_register": 1,
            }
        )
        == world.calls
    )


class UnreadableHistory(WrappedStore):
    """A store that cannot read one history."""

    def __init__(self, inner: StoreWithOutbox, agreement: AgreementId) -> None:
        super().__init__(inner)
        self.agreement = agreement

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        if agreement == self.agreement:
            raise StoreUnreadable("It was damaged.")
        return self.inner.history(agreement)

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        yield from list(self.inner.group_history(group))[:2]
        raise StoreUnreadable(f"It was damaged: {group}.")


CUMBRIA, CUMBERLAND = (GroupId.local_authority(code) for code in ("909", "942"))
OLD_USER, NEW_USER = PersonId(CUMBRIA, "cai"), PersonId(CUMBERLAND, "cai")
AGREED = (HILDA, OSCAR, NO_APPROVER, SITELESS)
"""The schools with which Cumbria has agreed something."""


class Divided:
    """Cumbria becomes Cumberland: two schools share, one agreement was ended by hand, and one has lapsed."""

    def __init__(self) -> None:
        schools = [school(urn, f"School {urn}", trust=None, authority="909") for urn in (*AGREED, NOBODY)]
        groups = [Group(id=CUMBRIA, name="Cumbria"), Group(id=CUMBERLAND, name="Cumberland")]
        users = [person(who, permissions=Permission) for who in (OLD_USER, NEW_USER)]
        self.world = World(schools=schools, groups=groups, people=[*users, *PEOPLE])
        levels = {OSCAR: ACTIONS}
        agreed = [imported(urn, levels.get(urn, MIS)) for urn in AGREED]
        assert self.old.import_agreements(agreed, command_id="import").done
        assert self.old.end([NO_APPROVER], cause=EndCause.BY_GROUP, note="Agreed.", command_id="end").done
        self.be_elsewhere(SITELESS)
        self.world.clock.move_on(timedelta(days=40))
        self.world.refresh(self.world.schools[OSCAR], schools[AGREED.index(SITELESS)], day=self.today)
        assert self.old.record_visibility(command_id="back").done

    @property
    def today(self) -> date:
        """The present day."""
        return london_day(self.world.clock.now())

    @property
    def old(self) -> GroupSide:
        """Cumbria's side."""
        return self.world.sharing.for_group(CUMBRIA, actor=OLD_USER)

    def be_elsewhere(self, *urns: int) -> None:
        """Load a register in which these schools are in Cumberland, and record for Cumbria what it shows."""
        now, before = Coded("942", "Cumberland"), Coded("909", "Pre-LGR 2023 Cumbria")
        rows = (self.world.schools[urn] for urn in urns)
        moved = [attrs.evolve(row, local_authority=now, former_authority=before) for row in rows]
        self.world.refresh(*moved, day=self.today)
        self.old.record_visibility(command_id=f"moved-{len(self.world.store.states(CUMBRIA))}-{self.today}")

    def their_plan(self) -> Plan:
        """Return the plan of Cumberland."""
        return self.world.sharing.for_group(CUMBERLAND, actor=NEW_USER).reconcile()


@pytest.mark.rule("E8", "E4", "V6", "X2")
@pytest.mark.parametrize("days", [0, 100])
def test_a_new_authority_sees_the_same_before_and_after_the_one_before_applied_its_plan(days: int) -> None:
    """The register keeps the former LA, so any day will do, and the absence that the move began lapses nothing."""
    divided = Divided()
    divided.be_elsewhere(*AGREED, NOBODY)
    divided.world.clock.move_on(timedelta(days=days))
    plan = divided.their_plan()
    own = divided.old.reconcile()
    divided.world.clock.move_on(timedelta(days=days))
    assert {HILDA, OSCAR, SITELESS} == {
        outcome.urn for outcome in divided.old.apply(own, command_id="apply").ended.done
    }
    divided.world.clock.move_on(timedelta(days=days))

    assert {EndCause.GROUP_REORGANISED} == {end.cause for end in own.ends}
    expected = {HILDA: MIS, OSCAR: ACTIONS, NO_APPROVER: None, SITELESS: None}
    assert expected == {row.urn: row.before.level for row in plan.joined if row.before}
    assert {MIS: (HILDA,), ACTIONS: (OSCAR,)} == plan.to_ask_by_level
    assert plan.joined == divided.their_plan().joined
    assert NOBODY in {row.urn for row in plan.joined}


@pytest.mark.rule("E8")
@pytest.mark.parametrize("withdrawn", [False, True])
def test_what_came_after_the_end_counts(withdrawn: bool) -> None:
    """The schools came back, and one was asked anew and had not accepted when they moved again: nothing was shared."""
    divided = Divided()
    divided.be_elsewhere(*AGREED, NOBODY)
    divided.old.apply(divided.old.reconcile(), command_id="apply")
    back = [attrs.evolve(row, local_authority=Coded("909")) for row in divided.world.schools.values()]
    divided.world.refresh(*back, day=divided.today)
    requests = divided.old.request([HILDA], level=MIS, terms=TERMS, command_id="again").requests
    if withdrawn:
        assert divided.old.withdraw(requests, command_id="withdraw").done
    divided.world.clock.move_on(timedelta(days=1))
    divided.be_elsewhere(*AGREED, NOBODY)

    assert {ACTIONS: (OSCAR,)} == divided.their_plan().to_ask_by_level


@pytest.mark.rule("E8", "T6")
def test_of_an_end_whose_history_cannot_be_read_only_that_is_shown() -> None:
    """The others are shown as they stood."""
    divided = Divided()
    divided.be_elsewhere(*AGREED, NOBODY)
    divided.old.apply(divided.old.reconcile(), command_id="apply")
    world = divided.world
    world.sharing = world.over(UnreadableHistory(world.store, AgreementId(CUMBRIA, HILDA)))

    plan = divided.their_plan()

    unreadable = FormerGroup(group=CUMBRIA, name="Cumbria", level=None, level_label="", unreadable=True)
    assert unreadable in {row.before for row in plan.joined if row.urn == HILDA}
    assert {ACTIONS: (OSCAR,)} == plan.to_ask_by_level


@pytest.mark.rule("E8", "K1")
def test_levels_that_ended_cost_one_call_more() -> None:
    """The history of the group before is read once, whatever the number of schools."""
    divided = Divided()
    divided.be_elsewhere(*AGREED, NOBODY)
    divided.old.apply(divided.old.reconcile(), command_id="apply")
    divided.world.sharing = divided.world.counted()
    divided.their_plan()

    assert {"store.group_history": 1, "store.states": 2, "store.last_register": 1} == {
        call: count for call, count in divided.world.calls.items() if call.startswith("store.")
    }


@pytest.mark.rule("E8", "V6")
def test_the_register_in_place_says_who_came_before_rather_than_the_former_authority() -> None:
    """A school that moved twice came from the authority that it was in last, whatever ended in the one before that."""
    divided = Divided()
    divided.be_elsewhere(*AGREED, NOBODY)
    divided.old.apply(divided.old.reconcile(), command_id="apply")
    world, other = divided.world, GroupId.local_authority("941")
    user = PersonId(other, "cai")
    world.people.put(person(user, permissions=Permission))
    groups = [*world.groups, Group(id=other, name="West Northamptonshire")]
    there = [attrs.evolve(row, local_authority=Coded("941")) for row in world.schools.values()]
    newer = MemoryInstitutionDirectory(there, groups=groups, register_day=divided.today)

    plan = world.sharing.for_group(other, actor=user).reconcile(newer)

    assert set(AGREED) < {row.urn for row in plan.joined}
    assert {None} == {row.before for row in plan.joined}


@pytest.mark.rule("E8")
def test_a_trust_sees_nothing_of_former_authorities() -> None:
    """A trust and an authority are groups of two kinds, and a school has one of each."""
    world = World()
    world.refresh(*(attrs.evolve(row, former_authority=Coded("909")) for row in world.schools.values()))

    assert all(row.before is None for row in world.trust().reconcile().joined)


@pytest.mark.rule("E8")
def test_a_group_that_never_asked_a_school_is_not_named() -> None:
    """Nothing stood between the two, so there is nothing to say."""
    world = World()

    plan = their_plan(world, moving(world, everybody(world)))

    assert plan.joined
    assert all(row.before is None for row in plan.joined)


@pytest.mark.rule("E8")
def test_schools_without_an_agreement_there_do_not_count(world: World) -> None:
    """Two that agreed something and moved with many that did not are like schools that left alone."""
    stays = {school.urn for school in world.institutions.linked(TRUST)} - {HILDA, OSCAR, NO_APPROVER}
    spared = max(urn for urn in stays if world.schools[urn].status is EstablishmentStatus.OPEN)

    for moves, shown in (({HILDA, OSCAR}, set()), ({HILDA, OSCAR, NO_APPROVER}, {HILDA, OSCAR, NO_APPROVER})):
        plan = their_plan(world, moving(world, moves | stays - {spared, NO_APPROVER}))
        assert len(moves) < len(plan.joined)
        assert shown == {school.urn for school in plan.joined if school.before}


@pytest.mark.rule("E8", "P12")
def test_only_whoever_may_apply_the_register_sees_who_came_before(world: World) -> None:
    """A reader and a system see that the schools joined, and nothing that another group agreed with them."""
    newer = moving(world, everybody(world))
    reader, applies = PersonId(OTHER_TRUST, "reader"), PersonId(OTHER_TRUST, "applies")
    world.people.put(
        person(reader, permissions=set(Permission) - {Permission.APPLY_REGISTER}),
        person(applies, permissions=[Permission.APPLY_REGISTER]),
    )

    full, *bare = (
        world.sharing.for_group(OTHER_TRUST, actor=actor).reconcile(newer) for actor in (applies, reader, NIGHTLY)
    )

    assert {HILDA, OSCAR, NO_APPROVER} == {school.urn for school in full.joined if school.before}
    unnamed = tuple(attrs.evolve(row, before=None, level=None, level_label="") for row in full.joined)
    assert [attrs.evolve(full, joined=unnamed)] * 2 == bare


@pytest.mark.rule("E8", "X2", "T6")
def test_only_a_level_that_still_counts_is_shown() -> None:
    """Of one that lapsed nothing is shown but the group, and of one that cannot be read only that."""
    world = World()
    world.approved(HILDA, OSCAR)
    leave_trust(world)
    world.trust(NIGHTLY).record_visibility(command_id="lost")
    world.clock.move_on(timedelta(days=40))
    join_trust(world)
    world.sharing = world.over(OlderStore(world.store, AgreementId(TRUST, OSCAR)))

    plan = their_plan(world, moving(world, everybody(world)))

    before = {school.urn: school.before for school in plan.joined if school.before}
    lapsed = FormerGroup(group=TRUST, name=BEFORE, level=None, level_label="")
    assert {HILDA: lapsed, OSCAR: attrs.evolve(lapsed, unreadable=True)} == before
    assert {} == plan.to_ask_by_level
    moved = "moved from Areté Learning Trust (mat:5143)"
    lines = {urn: line for line in str(plan).splitlines() for urn in (HILDA, OSCAR) if f"({urn})" in line}
    assert lines[HILDA].endswith(moved)
    assert lines[OSCAR].endswith(f"{moved} with an agreement that cannot be read")
    assert plan == decode_plan(encode(plan))
