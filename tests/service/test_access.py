"""What agreements allow, asked through the service (rules X1-X4)."""

from datetime import timedelta

import pytest

from datashare.domain.access import AccessCode
from datashare.domain.instants import london_day
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import Associations, Permission, Person, PersonId
from tests.world import ACTIONS, BEN, COUNCIL, HILDA, MAINTAINED, NOW, TERMS, TRUST, World, person

OF_A_GROUP = [capability for capability in Capability if capability is not Capability.LOG_IN_TO_SCHOOL]


@pytest.mark.rule("X1", "L2")
@pytest.mark.parametrize("level", AccessLevel)
def test_a_capability_needs_a_level_in_force_that_grants_it(level: AccessLevel) -> None:
    """The level's capabilities are allowed at the school that shares, and nothing anywhere else."""
    world = World()
    (request,) = world.council().request([HILDA], level=level, terms=TERMS, command_id="c-1").requests
    for capability in OF_A_GROUP:
        assert not world.sharing.access(COUNCIL).allows(HILDA, capability)
    world.school().approve(request, terms_version=TERMS.version)

    access = world.sharing.access(COUNCIL)

    for capability in OF_A_GROUP:
        assert (capability in level.capabilities) == access.allows(HILDA, capability)
        assert not access.allows(MAINTAINED, capability)
        assert not world.sharing.access(TRUST).allows(HILDA, capability)


def test_the_groups_that_have_agreements_are_listed() -> None:
    """In the order of their text, those that only asked included; a group that nobody asked for anything is not."""
    world = World()
    assert () == world.sharing.groups()
    world.asked(HILDA)
    world.council().request([HILDA], level=max(AccessLevel), terms=TERMS, command_id="c-1")

    assert (COUNCIL, TRUST) == world.counted().groups()
    assert {"store.groups": 1} == world.calls


@pytest.mark.rule("X1")
def test_access_is_a_snapshot_with_its_instant() -> None:
    """A later approval is in the next snapshot, not in this one."""
    world = World()
    (request,) = world.asked(HILDA)
    before = world.sharing.access(TRUST)
    world.clock.move_on(timedelta(minutes=1))

    world.school().approve(request)

    assert (NOW, TRUST, london_day(NOW)) == (before.at, before.group, before.day)
    assert not before.allows(HILDA, Capability.VIEW_MIS_DATA)
    assert world.sharing.access(TRUST).allows(HILDA, Capability.VIEW_MIS_DATA)


MAY = [Permission.LOG_IN_ASSOCIATED_INSTITUTIONS]
HERE = Associations(urns={HILDA})
LOG_INS = [
    pytest.param(person(BEN, permissions=MAY, associations=HERE), set(), id="directly"),
    pytest.param(person(BEN, permissions=MAY, associations=Associations(clusters={"North"})), set(), id="cluster"),
    pytest.param(
        person(BEN, permissions=MAY, associations=Associations(clusters={"South"})),
        {AccessCode.NOT_ASSOCIATED},
        id="elsewhere",
    ),
    pytest.param(person(BEN), {AccessCode.NO_PERMISSION, AccessCode.NOT_ASSOCIATED}, id="nothing"),
]


@pytest.mark.rule("X3", "X4")
@pytest.mark.parametrize(("user", "against"), LOG_INS)
def test_logging_in_needs_agreement_permission_and_association(user: Person, against: set[AccessCode]) -> None:
    """Both answers agree, and the long one holds every reason."""
    world = World()
    world.people.put(user)
    without = world.sharing.explain_log_in(BEN, HILDA)
    assert {AccessCode.NO_AGREEMENT} | against == {reason.code for reason in without.reasons}
    assert not world.sharing.may_log_in(BEN, HILDA)
    world.approved(HILDA, level=ACTIONS)

    answer = world.sharing.explain_log_in(BEN, HILDA)

    assert (not against) == world.sharing.may_log_in(BEN, HILDA) == answer.allowed
    assert (against or {AccessCode.GRANTED}) == {reason.code for reason in answer.reasons}
    assert (HILDA, Capability.LOG_IN_TO_SCHOOL) == (answer.agreement.urn, answer.capability)


@pytest.mark.rule("X3")
def test_somebody_the_site_does_not_know_cannot_log_in() -> None:
    """An unknown person of a known group is an answer, not an error."""
    world = World()
    world.approved(HILDA, level=ACTIONS)

    answer = world.sharing.explain_log_in(PersonId(TRUST, "nobody"), HILDA)

    assert [AccessCode.UNKNOWN_PERSON] == [reason.code for reason in answer.reasons]


@pytest.mark.rule("X3")
def test_a_clusters_school_is_meant_by_the_persons_own_group_only() -> None:
    """A cluster of another group does not count: the council has no cluster North."""
    world = World()
    carla = PersonId(COUNCIL, "carla")
    world.people.put(person(carla, permissions=MAY, associations=Associations(clusters={"North"})))
    (request,) = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="la").requests
    world.school().approve(request, terms_version=TERMS.version)

    answer = world.sharing.explain_log_in(carla, HILDA)

    assert [AccessCode.NOT_ASSOCIATED] == [reason.code for reason in answer.reasons]
