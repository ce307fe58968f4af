"""What type checkers see of the public API; mypy proves these statements, running them only keeps them honest."""

from collections.abc import Callable, Mapping
from typing import assert_type

import pendulum
import pytest

from datashare import (
    AccessLevel,
    AccessMap,
    Associations,
    Batch,
    Capability,
    DataSharing,
    Done,
    GroupId,
    GroupSide,
    HeldRole,
    InvalidValue,
    Listing,
    Named,
    NotDone,
    Outcomes,
    Page,
    Permission,
    Person,
    PersonId,
    Phase,
    Policy,
    SchoolSide,
    SystemClock,
    Tab,
    WithRoles,
)
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.browsing import Facet, FacetValue
from datashare.domain.chain import Chain, GroupDigest
from datashare.domain.reconciliation import Plan
from datashare.domain.register import Group
from datashare.domain.verification import Verification
from datashare.ports import AgreementStore, Clock, InstitutionDirectory, PeopleDirectory
from datashare.service import GroupPreview, PlanApplication

TRUST = GroupId.mat("5143")
ANA = PersonId(TRUST, "ana")


def test_each_adapter_conforms_to_its_port() -> None:
    """The adapters that ship can stand where their ports are asked for."""
    store: AgreementStore = MemoryAgreementStore()
    institutions: InstitutionDirectory = MemoryInstitutionDirectory([], groups=[Group(id=TRUST, name="Trust")])
    people: PeopleDirectory = MemoryPeopleDirectory()
    clock: Clock = SystemClock()

    assert_type(clock.now(), pendulum.DateTime)
    sharing = DataSharing(store=store, institutions=institutions, people=people, clock=clock)
    assert_type(sharing.access(TRUST), AccessMap)
    assert_type(sharing.verify(TRUST), Verification)
    assert_type(sharing.digest(TRUST), GroupDigest)
    assert_type(next(store.chains(), None), Chain | None)
    assert_type(sharing.access(TRUST).allows(100000, Capability.VIEW_MIS_DATA), bool)


def test_the_service_answers_with_precise_types() -> None:
    """What a host calls has the types that its documentation names."""
    sharing = DataSharing(
        store=MemoryAgreementStore(),
        institutions=MemoryInstitutionDirectory([], groups=[]),
        people=MemoryPeopleDirectory(),
    )

    trust = assert_type(sharing.over(MemoryAgreementStore()).for_group(TRUST, actor=ANA), GroupSide)
    assert_type(sharing.for_school(100000, actor=ANA), SchoolSide)
    assert_type(trust.preview, GroupPreview)


def _never_run(trust: GroupSide, school: SchoolSide) -> None:
    """Only type checkers read this: calls whose answers need a register and people."""
    outcomes = assert_type(trust.request([1], level=AccessLevel.MIS_DATA, command_id="x"), Outcomes)
    assert_type(outcomes[0], Done | NotDone)
    assert_type(outcomes.done, tuple[Done, ...])
    assert_type(trust.browse(search="hilda", phase=[Phase.PRIMARY], limit=20), Page[Listing])
    assert_type(trust.table().facets(phase={Phase.PRIMARY}), Mapping[Facet, tuple[FacetValue, ...]])
    trust.facets(phase=["primary"])  # type: ignore[list-item]  # a text is not a Phase
    trust.browse(phases=[Phase.PRIMARY])  # type: ignore[call-arg]  # no such filter
    assert_type(trust.queued.remind([], command_id="x"), Batch)
    plan = assert_type(trust.reconcile(), Plan)
    assert_type(trust.apply(plan, command_id="x"), PlanApplication)
    assert_type(trust.agreements(Tab.PENDING), tuple[Listing, ...])
    assert_type(school.approve(outcomes.requests[0]), Done)


def test_collections_of_the_right_things_are_taken() -> None:
    """A list, a set, a tuple or a generator of the right things passes the type checker and the constructor."""
    mis = AccessLevel.MIS_DATA
    policy = Policy(
        kind=GroupId.mat("5143").kind,
        requestable_levels=[mis],
        labels={mis: "MIS"},
        establishment_types=("01", "02"),
        eligible_roles={"head_teacher"},
        role_permissions={"head_teacher": [Permission.END_AGREEMENT]},
    )

    assert_type(policy.requestable_levels, frozenset[AccessLevel])
    assert_type(Associations(urns=[1, 2], clusters=(name for name in ("North",))).urns, frozenset[int])
    assert_type(Named({ANA}).people, tuple[PersonId, ...])
    assert_type(WithRoles(("head_teacher",)).roles, frozenset[str])
    assert_type(Person(id=ANA, name="Ana", roles=["clerk", HeldRole("bursar")]).roles, tuple[HeldRole, ...])


# An ignored error that mypy does not find is an error too, so that each line shows that mypy refuses it.
REFUSED: list[Callable[[], object]] = [
    lambda: Named([1, 2]),  # type: ignore[list-item]
    lambda: WithRoles([1]),  # type: ignore[list-item]
    lambda: Associations(urns=["a"]),  # type: ignore[list-item]
    lambda: Associations(clusters={7}),  # type: ignore[arg-type]
    lambda: Policy(kind=TRUST.kind, requestable_levels=[1]),  # type: ignore[list-item]
    lambda: Policy(kind=TRUST.kind, requestable_levels=[], enders={"group"}),  # type: ignore[arg-type]
    lambda: Policy(kind=TRUST.kind, requestable_levels=[], labels={"mis_data": "MIS"}),  # type: ignore[dict-item]
    lambda: Person(id=ANA, name="Ana", permissions=["end"]),  # type: ignore[list-item]
    lambda: Batch(group=TRUST, actor=ANA, command_id="c", commands=[ANA]),  # type: ignore[list-item]
    lambda: HeldRole(7),  # type: ignore[arg-type]
]


def test_collections_of_wrong_things_are_refused() -> None:
    """What mypy refuses is refused when it runs, too."""
    for make in REFUSED:
        with pytest.raises(InvalidValue):
            make()
