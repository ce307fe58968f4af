"""A plan says what a register means, and does nothing (rules E2, E5)."""

from collections import Counter
from datetime import date

import attrs
import pytest

from datashare.adapters.gias import read_register
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.codec import decode_plan, encode
from datashare.domain.agreements import EndCause, State
from datashare.domain.people import BusinessRole, Permission, PersonId, SchoolSite
from datashare.domain.reconciliation import Doubt, Plan, Uncertainty
from datashare.domain.register import EstablishmentStatus, GroupId, Institution, TrustLink
from datashare.errors import NotPermitted, Refused, UnknownGroup
from tests.adapters.gias import made
from tests.service.reconciling.cases import SUCCESSOR, close, link, urns_of
from tests.world import (
    ANA,
    CLOSED,
    COUNCIL,
    HILDA,
    MIS,
    NIGHTLY,
    NO_APPROVER,
    NOWHERE,
    OSCAR,
    TERMS,
    TODAY,
    TRUST,
    World,
    head,
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

    assert [(HILDA, EndCause.SCHOOL_CLOSED, 2)] == [(one.urn, one.cause, one.version) for one in plan.ends]
    assert [(NO_APPROVER, EndCause.SCHOOL_LEFT_GROUP)] == [(one.urn, one.cause) for one in plan.closes]
    assert (TRUST, TODAY, 3) == (plan.group, plan.register_day, plan.standing)
    assert before == world.snapshot()


@pytest.mark.rule("E2")
def test_a_system_may_plan_and_never_applies() -> None:
    """A nightly refresh can send the plan to somebody; a person applies it."""
    world = World()
    world.approved(HILDA)
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
    """The one in place tells what the group saw; once the newer one is there, the same plan is applied."""
    newer = {
        **world.schools,
        HILDA: attrs.evolve(world.schools[HILDA], trusts=()),
        CLOSED: attrs.evolve(world.schools[CLOSED], status=EstablishmentStatus.OPEN),
        SUCCESSOR: school(SUCCESSOR, "New Free School"),
    }
    there = MemoryInstitutionDirectory(newer.values(), groups=world.groups, register_day=TODAY)

    plan = world.trust().reconcile(there)

    assert [HILDA] == [one.urn for one in plan.ends]
    assert [SUCCESSOR, CLOSED] == [one.urn for one in plan.joined]  # not those seen before and never asked
    with pytest.raises(Refused, match="This is not the register that the plan was made from"):
        world.trust().apply(plan, command_id="c-1")
    world.institutions.replace(newer.values(), groups=world.groups, register_day=TODAY)
    assert ([HILDA], []) == urns_of(world.trust().apply(plan, command_id="c-1").ended)
    assert {SUCCESSOR, CLOSED} < {one.urn for one in world.trust().reconcile().joined}
    assert world.trust().reconcile() == world.trust().reconcile(world.institutions)  # it is no newer one


@pytest.mark.rule("E2")
def test_a_register_to_come_that_was_cut_short_names_schools_as_the_one_in_place(world: World) -> None:
    """What it does not hold is unclear, and its name is known all the same; so is that of a successor."""
    links = (link(HILDA, SUCCESSOR),)
    world.refresh(school(SUCCESSOR, "Hilda Academy", trust=None))
    there = MemoryInstitutionDirectory(
        [world.schools[NO_APPROVER], attrs.evolve(world.schools[HILDA], status=EstablishmentStatus.CLOSED)],
        groups=world.groups,
        successors=links,
        register_day=TODAY,
    )

    plan = world.trust().reconcile(there)

    assert [(OSCAR, "Óscar Romero Academy")] == [(one.urn, one.name) for one in plan.unclear]
    assert [(SUCCESSOR, "Hilda Academy")] == [(one.urn, one.name) for one in plan.successors]


@pytest.mark.rule("E2")
def test_a_group_that_no_register_and_no_agreement_knows_has_no_plan() -> None:
    """One that has gone from the register while agreements stand has one: it is unclear."""
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

    assert ("mat:5143", (), [(HILDA, (Uncertainty.GROUP_GONE,))]) == (
        plan.group_name,
        plan.to_end,
        [(one.urn, one.because) for one in plan.unclear],
    )


@pytest.mark.rule("E2", "E5")
def test_an_authoritys_schools_that_became_academies_end_and_their_successors_are_asked() -> None:
    """The academy has a new URN in the same authority; the level held is suggested, and nothing is copied."""
    world = World()
    (request,) = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la").requests
    world.school().approve(request, terms_version=TERMS.version)
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))

    plan = world.council().reconcile()

    assert [(HILDA, EndCause.SUCCEEDED)] == [(one.urn, one.cause) for one in plan.ends]
    assert [(SUCCESSOR, MIS)] == [(one.urn, one.level) for one in plan.to_ask]
    assert 1 == len(world.council().apply(plan, command_id="c-1").ended.done)
    assert State.NO_AGREEMENT is world.state(SUCCESSOR, COUNCIL).state
    assert () == world.events(SUCCESSOR, COUNCIL)


@pytest.mark.rule("E5")
def test_a_successor_is_asked_like_any_other_school() -> None:
    """The plan's proposal is what the request needs."""
    world = World()
    world.approved(HILDA)
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))
    world.people.put(person(head(SUCCESSOR), BusinessRole.HEAD_TEACHER))
    world.people.put_sites(SchoolSite(urn=SUCCESSOR, data_sharing_url="https://hilda.example/"))
    (one,) = world.trust().reconcile().to_ask
    assert one.level is not None

    assert 1 == len(world.trust().request([one.urn], level=one.level, command_id="c-1").done)

    (asked,) = world.trust().reconcile().successors
    assert (State.PENDING, False) == (asked.state, asked.proposed)


GENERATIONS = {0: 1, 1: 2, 3: 4}
"""By how many schools follow one upon the other: so many times the links are asked for."""


@pytest.mark.rule("E5", "K1")
@pytest.mark.parametrize("count", [1, 7, 700])
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


CYCLE = [
    made.LINK | {"URN": "101144", "LinkURN": "101146", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101144", "LinkURN": "101146", "LinkType": "Predecessor", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101146", "LinkURN": "101144", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101146", "LinkURN": "101144", "LinkType": "Predecessor", "LinkEstablishedDate": ""},
]


HAS_CLOSED = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed", "CloseDate": "31-08-2026"}


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("closed", "asked"),
    [
        pytest.param({"101144"}, [101146], id="one-closed"),
        pytest.param({"101144", "101146"}, [], id="both-closed"),
    ],
)
def test_two_schools_that_the_register_calls_each_others_successors(closed: set[str], asked: list[int]) -> None:
    """The links file holds such a pair, 101144 and 101146: the plan ends, and only proposes."""
    rows = [made.SCHOOL | {"URN": urn} | (HAS_CLOSED if urn in closed else {}) for urn in ("101144", "101146")]
    register = read_register(made.download(*rows), links=made.download(*CYCLE), day=TODAY)
    assert {(101144, 101146), (101146, 101144)} == {(one.predecessor, one.successor) for one in register.successors}
    world = World(
        schools=[school(101144, "One")], sites=[SchoolSite(urn=101144, data_sharing_url="https://1.example/")]
    )
    world.people.put(person(head(101144), BusinessRole.HEAD_TEACHER))
    world.approved(101144)
    there = MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=register.day,
    )

    plan = world.trust().reconcile(there)

    assert [(101144, EndCause.SUCCEEDED)] == [(one.urn, one.cause) for one in plan.ends]
    assert asked == [one.urn for one in plan.to_ask]
    assert [(101146, True)] == [(one.urn, Doubt.CYCLIC in one.doubts) for one in plan.successors]


def real_directory(day: date) -> MemoryInstitutionDirectory:
    """Put the real rows in memory, as if they were of some day."""
    register = read_register(made.ESTABLISHMENTS, links=made.LINKS, day=day)
    return MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=day,
    )


@pytest.mark.rule("E2", "E5")
def test_real_rows_give_plans_for_every_trust() -> None:
    """Had every school of a trust agreed, closed ones included: what closed ends, and the rest stays."""
    world = World()
    world.institutions = real_directory(TODAY)
    register = read_register(made.ESTABLISHMENTS)
    trusts = sorted(one for one in register.groups if one.kind is TRUST.kind)
    planned: list[Plan] = []
    for group in trusts:
        actor = PersonId(group, "ana")
        world.people.put(person(actor, permissions=tuple(Permission)))
        everywhere = [
            attrs.evolve(one, status=EstablishmentStatus.OPEN, trusts=[TrustLink(group.code)])
            for one in world.institutions.linked(group)
        ]
        seen = World(store=world.store, schools=everywhere, groups=[register.groups[group]])
        seen.people.put(person(actor, permissions=tuple(Permission)))
        _import_all(seen, group, everywhere)
        planned.append(world.over(world.store).for_group(group, actor=actor).reconcile())

    rows = [one for group in trusts for one in world.institutions.linked(group)]
    assert 222 == len(planned)
    assert sum(one.status is EstablishmentStatus.CLOSED for one in rows) == sum(len(plan.ends) for plan in planned)
    assert all(plan.joined == () for plan in planned)
    assert {EndCause.SCHOOL_CLOSED, EndCause.SUCCEEDED} == {one.cause for plan in planned for one in plan.ends}


def _import_all(world: World, group: GroupId, schools: list[Institution]) -> None:
    side = world.sharing.for_group(group, actor=PersonId(group, "ana"))
    assert not side.import_agreements([imported(one.urn) for one in schools], command_id="import").not_done
