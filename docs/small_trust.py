"""A small trust with four made-up schools, on the adapters in memory. The guides start from it."""

from __future__ import annotations

from datetime import date

import pendulum

from datashare import (
    BusinessRole,
    DataSharing,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    Permission,
    Person,
    PersonId,
    Phase,
    SchoolSite,
    TrustLink,
)
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.ports import AgreementStore
from datashare.testing import FrozenClock

TRUST = GroupId.mat("9901")
ANA = PersonId(TRUST, "ana")
HILDA, OAK, ELM, MILL = 900001, 900002, 900003, 900004


def school(
    urn: int, name: str, *, phase: Phase = Phase.PRIMARY, status: EstablishmentStatus = EstablishmentStatus.OPEN
) -> Institution:
    """Build a school of the trust."""
    return Institution(urn=urn, name=name, phase=phase, status=status, trusts=[TrustLink(TRUST.code)])


def head_of(urn: int) -> PersonId:
    """Return the id of a school's head teacher."""
    return PersonId(urn, "head")


class SmallTrust:
    """A host: its ports, and the service on them. Everything is in memory, unless another store is passed in."""

    def __init__(self, store: AgreementStore | None = None) -> None:
        self.schools = [
            school(HILDA, "St Hilda’s Primary School"),
            school(OAK, "Oak Lane School", phase=Phase.SECONDARY),
            school(ELM, "Elm Grove Primary School"),
            school(MILL, "Mill Bank School", status=EstablishmentStatus.CLOSED),
        ]
        self.groups = [Group(id=TRUST, name="Northern Lights Trust")]
        self.clock = FrozenClock(pendulum.datetime(2026, 5, 4, 8, 30, tz="UTC"))
        self.store = store or MemoryAgreementStore()
        self.register = MemoryInstitutionDirectory(self.schools, groups=self.groups, register_day=date(2026, 5, 1))
        ana = Person(
            id=ANA,
            name="Ana Okafor",
            email="ana@northern.example",
            permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS],
        )
        heads = [
            Person(
                id=head_of(urn),
                name=f"Head of {urn}",
                email=f"head@{urn}.example",
                roles=[BusinessRole.HEAD_TEACHER],
            )
            for urn in (HILDA, OAK)
        ]
        # Elm Grove has a site, but nobody there can be asked.
        sites = [
            SchoolSite(urn=urn, data_sharing_url=f"https://mis.example/{urn}/data-sharing") for urn in (HILDA, OAK, ELM)
        ]
        self.people = MemoryPeopleDirectory([ana, *heads], sites=sites)
        self.sharing = DataSharing(store=self.store, institutions=self.register, people=self.people, clock=self.clock)
