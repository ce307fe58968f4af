"""A plan says what a register means, and does nothing (rules E2, E5)."""

from collections import Counter
from datetime import date, timedelta

import attrs
import pytest

from datashare.adapters.gias import read_register
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.codec import decode_plan, encode
from datashare.domain.agreements import EndCause
from datashare.domain.people import Permission, PersonId
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import Plan, RenamedSchool, Uncertainty
from datashare.domain.register import EstablishmentStatus, GroupId, Institution, TrustLink
from datashare.errors import NotPermitted, Refused, UnknownGroup
from tests.adapters.gias import sample
from tests.service.reconcile.cases import SUCCESSOR, close, link, urns_of
from tests.world import (
    ANA,
    CLOSED,
    HILDA,
    NIGHTLY,
    NO_APPROVER,
    NOWHERE,
    OSCAR,
    TODAY,
    TRUST,
    World,
    imported,
    large_world,
    leave_trust,
    person,
    school,
)


@pytest.mark.rule("E2")
def test_a_plan_does_nothing(world: World) -> None:
    """It says what would end and close, and the store stays as it was."""
    close(world, HILDA)
    leave_trust(world, NO_APPROVER)
    before = world.snapshot()

    plan = world.trust().reconcile()

    assert [(HILDA, EndCause.SCHOOL_CLOSED, 2)] == [(end.urn, end.cause, end.version) for end in plan.ends]
    assert [(NO_APPROVER, EndCause.SCHOOL_LEFT_GROUP)] == [(end.urn, end.cause) for end in plan.closes]
    assert (TRUST, TODAY, 3) == (plan.group, plan.register_day, plan.standing)
    assert before == world.snapshot()


@pytest.mark.rule("E2")
def test_a_system_may_plan_but_never_applies(world: World) -> None:
    """A nightly refresh can send the plan to somebody; a person applies it."""
    close(world, HILDA)
    plan = world.trust(NIGHTLY).reconcile()
    before = world.snapshot("c-1")

    with pytest.raises(NotPermitted, match="only a person may do this"):
        world.trust(NIGHTLY).apply(plan, command_id="c-1")

    assert world.trust().reconcile() == plan
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E2", "E4")
def test_a_plan_survives_being_kept_as_text(world: World) -> None:
    """A web host keeps it between showing and confirming, and applies what it read back."""
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))
    plan = world.trust().reconcile()

    kept = decode_plan(encode(plan))

    assert (plan, str(plan)) == (kept, str(kept))
    assert ([HILDA], []) == urns_of(world.trust().apply(kept, command_id="c-1").ended)


@pytest.mark.rule("E2")
def test_a_register_to_come_can_be_looked_at_before_it_is_put_in_place(world: World) -> None:
    """The one in place shows what the group saw; once the newer one is there, the same plan is applied."""
    newer = {
        **world.schools,
        HILDA: attrs.evolve(world.schools[HILDA], trusts=()),
        CLOSED: attrs.evolve(world.schools[CLOSED], status=EstablishmentStatus.OPEN),
        SUCCESSOR: school(SUCCESSOR, "New Free School"),
    }
    there = MemoryInstitutionDirectory(newer.values(), groups=world.groups, register_day=TODAY)

    plan = world.trust().reconcile(there)

    assert [HILDA] == [end.urn for end in plan.ends]
    assert [SUCCESSOR, CLOSED] == [school.urn for school in plan.joined]  # not those seen before and never asked
    with pytest.raises(Refused, match="This is not the register that was meant"):
        world.trust().apply(plan, command_id="c-1")
    world.institutions.replace(newer.values(), groups=world.groups, register_day=TODAY)
    assert ([HILDA], []) == urns_of(world.trust().apply(plan, command_id="c-1").ended)
    assert {SUCCESSOR, CLOSED} < {school.urn for school in world.trust().reconcile().joined}
    assert world.trust().reconcile() == world.trust().reconcile(world.institutions)  # which is not a newer one


@pytest.mark.rule("E2")
def test_schools_that_a_newer_register_lacks_are_named_as_in_the_one_in_place(world: World) -> None:
    """Schools that it does not hold are unclear, and their names are still known, as are those of successors."""
    links = (link(HILDA, SUCCESSOR),)
    world.policies[TRUST] = attrs.evolve(Policy.mat(), most_gone_percent=100)
    world.refresh(school(SUCCESSOR, "Hilda Academy", trust=None))
    there = MemoryInstitutionDirectory(
        [world.schools[NO_APPROVER], attrs.evolve(world.schools[HILDA], status=EstablishmentStatus.CLOSED)],
        groups=world.groups,
        successors=links,
        register_day=TODAY,
    )

    plan = world.trust().reconcile(there)

    assert [(OSCAR, "Óscar Romero Academy")] == [(unclear.urn, unclear.name) for unclear in plan.unclear]
    assert [(SUCCESSOR, "Hilda Academy")] == [(successor.urn, successor.name) for successor in plan.successors]


@pytest.mark.rule("E2")
def test_a_group_that_no_register_and_no_agreement_knows_has_no_plan() -> None:
    """A group that has gone from the register while agreements stand has one, in which they are unclear."""
    world = World()
    world.approved(HILDA)
    otto = PersonId(NOWHERE, "otto")
    world.people.put(person(otto, permissions=[Permission.APPLY_REGISTER]))

    with pytest.raises(UnknownGroup):
        world.sharing.for_group(NOWHERE, actor=otto).reconcile()
    newer = MemoryInstitutionDirectory(world.schools.values(), groups=[], register_day=TODAY)
    assert "Areté Learning Trust" == world.trust().reconcile(newer).group_name
    world.institutions.replace(world.schools.values(), groups=[], register_day=TODAY)
    plan = world.trust().reconcile()
    world.institutions.replace(world.schools.values(), groups=[], register_day=TODAY)
    assert plan == world.trust().reconcile()

    assert ("Areté Learning Trust", (), [(HILDA, (Uncertainty.GROUP_GONE,))]) == (
        plan.group_name,
        plan.to_end,
        [(unclear.urn, unclear.because) for unclear in plan.unclear],
    )


@pytest.mark.rule("E2")
def test_a_plan_says_which_schools_have_another_name(world: World) -> None:
    """Only those that something stands with; the register in place has the name before."""
    renamed = {urn: attrs.evolve(world.schools[urn], name=f"New {urn}") for urn in (HILDA, NO_APPROVER, CLOSED)}
    there = MemoryInstitutionDirectory({**world.schools, **renamed}.values(), groups=world.groups, register_day=TODAY)

    plan = world.trust().reconcile(there)

    assert (
        RenamedSchool(urn=HILDA, name="New 100000", before="St Hilda’s Primary School"),
        RenamedSchool(urn=NO_APPROVER, name="New 100005", before="Abbey Infants"),
    ) == plan.renamed
    assert "Schools with another name (2):\n  - New 100000 (100000), before: St Hilda’s Primary School\n" in str(plan)
    assert plan == decode_plan(encode(plan))
    assert () == world.trust().reconcile().renamed


@pytest.mark.rule("E3", "X5")
@pytest.mark.parametrize(("days", "stale"), [(90, 0), (91, 91)])
def test_a_plan_and_the_coverage_warn_of_an_old_register(world: World, days: int, stale: int) -> None:
    """The policy says how old it may be; nothing is refused for it."""
    world.refresh(day=TODAY - timedelta(days=days))

    plan, covered = world.trust().reconcile(), world.trust().coverage()

    assert (stale, stale) == (plan.stale_for, covered.stale_for)
    assert bool(stale) == ("The register is 91 days old. Load the newest register first." in str(plan))
    assert bool(stale) == ("The register is 91 days old. Load the newest register." in str(covered))
    assert plan == decode_plan(encode(plan))


@pytest.mark.rule("X5")
def test_a_register_whose_day_is_not_known_is_not_called_old() -> None:
    """Then the coverage says nothing of it."""
    assert 0 == World(register_day=None).trust().coverage().stale_for


GENERATIONS = {0: 1, 1: 2, 3: 4}
"""How often the links are read, by how many successors follow one after the other."""


@pytest.mark.rule("E5", "K1")
@pytest.mark.parametrize("count", [1, 70])
@pytest.mark.parametrize("following", GENERATIONS)
def test_a_plan_costs_the_same_for_any_number_of_schools(count: int, following: int) -> None:
    """A handful of calls, and two for each generation of successors."""
    world, urns = large_world(count)
    world.approved(*urns)
    step = 10_000
    chain = [
        school(urn + step * n, "Closed", status=EstablishmentStatus.CLOSED) for n in range(following) for urn in urns
    ]
    links = tuple(link(urn + step * n, urn + step * (n + 1)) for n in range(following) for urn in urns)
    world.refresh(*chain)
    close(world, *urns, successors=links)
    side = world.counted().for_group(TRUST, actor=ANA)

    plan = side.reconcile()

    assert count == len(plan.ends)
    assert (
        Counter(
            {
                "institutions.group": 1,
                "institutions.linked": 1,
                "institutions.institutions": 1 + GENERATIONS[following],
                "institutions.successors": GENERATIONS[following],
                "institutions.register_day": 1,
                "people.people": 1,
                "store.states": 1,
                "store.last_register": 1,
            }
        )
        == world.calls
    )


def real_directory(day: date) -> MemoryInstitutionDirectory:
    """Return the real rows, as if they were of some day."""
    register = read_register(sample.ESTABLISHMENTS, links=sample.LINKS, day=day)
    return MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=day,
    )


@pytest.mark.rule("E2", "E5")
def test_real_rows_give_plans_for_every_trust() -> None:
    """If every school of a trust had agreed, also closed ones, the plan ends those that closed and no others."""
    world = World()
    world.institutions = real_directory(TODAY)
    register = read_register(sample.ESTABLISHMENTS)
    trusts = sorted(group for group in register.groups if group.kind is TRUST.kind)
    plans: list[Plan] = []
    for group in trusts:
        actor = PersonId(group, "ana")
        world.people.put(person(actor, permissions=tuple(Permission)))
        everywhere = [
            attrs.evolve(school, status=EstablishmentStatus.OPEN, trusts=[TrustLink(group.code)])
            for school in world.institutions.linked(group)
        ]
        seen = World(store=world.store, schools=everywhere, groups=[register.groups[group]])
        seen.people.put(person(actor, permissions=tuple(Permission)))
        _import_all(seen, group, everywhere)
        plans.append(world.over(world.store).for_group(group, actor=actor).reconcile())

    rows = [school for group in trusts for school in world.institutions.linked(group)]
    assert 222 == len(plans)
    assert sum(school.status is EstablishmentStatus.CLOSED for school in rows) == sum(len(plan.ends) for plan in plans)
    assert all(plan.joined == () for plan in plans)
    assert {EndCause.SCHOOL_CLOSED, EndCause.SUCCEEDED} == {end.cause for plan in plans for end in plan.ends}


def _import_all(world: World, group: GroupId, schools: list[Institution]) -> None:
    side = world.sharing.for_group(group, actor=PersonId(group, "ana"))
    assert not side.import_agreements([imported(school.urn) for school in schools], command_id="import").not_done
