"""A trust of any number of schools, each with a head and a deputy, over the directories in memory."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pendulum

from datashare import (
    AccessLevel,
    AgreementId,
    BusinessRole,
    DataSharing,
    Group,
    GroupId,
    Institution,
    Outcomes,
    Permission,
    Person,
    PersonId,
    Phase,
    RequestId,
    SchoolSite,
)
from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.register import Coded, EstablishmentStatus, TrustLink
from datashare.ports import AgreementStore
from datashare.testing import FrozenClock

TRUST = GroupId.mat("5143")
ANA = PersonId(TRUST, "ana")
FIRST_URN = 100_000
NOW = pendulum.datetime(2026, 3, 2, 8, 30, 15, 123456)


@attrs.frozen(kw_only=True)
class World:
    """A trust, its schools and their people.

    Attributes:
        urns: The trust's schools, without the spare one.
        spare: One more school of the trust, which can be asked before the others.
        institutions: The register.
        people: The people and the sites.
    """

    urns: Sequence[int]
    spare: int
    institutions: MemoryInstitutionDirectory
    people: MemoryPeopleDirectory

    def sharing(self, store: AgreementStore) -> DataSharing:
        """Return the service over a store."""
        return DataSharing(store=store, institutions=self.institutions, people=self.people, clock=FrozenClock(NOW))

    def request_all(self, store: AgreementStore) -> Outcomes:
        """Ask every school but the spare one at once, with two notices for each."""
        return self._ask(store, self.urns, "5f0c6a4e-ask-them-all")

    def request_spare(self, store: AgreementStore) -> Outcomes:
        """Ask the spare school, so that statements are compiled, as in a host that has run for a while."""
        return self._ask(store, [self.spare], "5f0c6a4e-ask-before")

    def approve_all(self, store: AgreementStore) -> None:
        """Let the head of every school that was asked accept, one after the other."""
        for urn in self.urns:
            school = self.sharing(store).for_school(urn, actor=PersonId(urn, "head"))
            school.approve(RequestId(AgreementId(TRUST, urn), 1))

    def _ask(self, store: AgreementStore, urns: Sequence[int], command_id: str) -> Outcomes:
        trust = self.sharing(store).for_group(TRUST, actor=ANA)
        return trust.request(urns, level=AccessLevel.MIS_DATA, command_id=command_id)


def world_of(count: int) -> World:
    """Return a trust of *count* schools and a spare one."""
    urns = range(FIRST_URN, FIRST_URN + count + 1)
    staff = [person for urn in urns for person in (_of_school(urn, "head"), _of_school(urn, "deputy"))]
    ana = Person(
        id=ANA,
        name="Ana Okafor",
        email="ana.okafor@trust.example",
        permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS],
    )
    return World(
        urns=urns[:-1],
        spare=urns[-1],
        institutions=MemoryInstitutionDirectory(
            [_school(urn) for urn in urns], groups=[Group(id=TRUST, name="Areté Learning Trust")]
        ),
        people=MemoryPeopleDirectory(
            [ana, *staff],
            sites=[
                SchoolSite(urn=urn, data_sharing_url=f"https://mis.example/{urn}/data/data-sharing") for urn in urns
            ],
        ),
    )


def _school(urn: int) -> Institution:
    return Institution(
        urn=urn,
        name=f"St Hilda’s Primary School {urn}",
        status=EstablishmentStatus.OPEN,
        phase=Phase.PRIMARY,
        trusts=[TrustLink(TRUST.code, "Areté Learning Trust")],
        local_authority=Coded("815", "North Yorkshire"),
        town="Whitby",
        postcode="YO21 1AA",
    )


_ROLES = {"head": BusinessRole.HEAD_TEACHER, "deputy": BusinessRole.DEPUTY_HEAD_TEACHER}


def _of_school(urn: int, who: str) -> Person:
    return Person(id=PersonId(urn, who), name=f"Siân Ó Briain {urn}", email=f"{who}@{urn}.example", roles=[_ROLES[who]])
