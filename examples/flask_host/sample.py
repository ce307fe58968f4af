"""Made-up people and pupils for real schools of the register, so that there is something to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from datashare import EstablishmentStatus, GroupId, Institution
from datashare.adapters.gias import read_register

from .jobs import create_tables
from .sharing import Mis
from .tables import Association, Base, Job, Pupil, Right, School, User

DATA = Path(__file__).parents[1] / "data"
TRUST, COUNCIL = GroupId.mat("2053"), GroupId.local_authority("870")

FIRST = "Aisha Ben Carys Daniel Efua Farid Grace Huw Isla Jaspreet Kofi Leila Maya Noah Olu Priya Rhys Siân Tomasz Zoë"
LAST = "Adeyemi Brown Clarke Davies Evans Fernando Green Hussain Iqbal Jones Khan Lewis Moss Novak O’Neill Patel Reid"


def load_sample(mis: Mis) -> None:
    """Create the tables, and fill empty ones with the register's sample and made-up people."""
    create_tables(mis.engine)
    with Session(mis.engine) as session:
        if session.scalar(sa.select(sa.func.count()).select_from(User)):
            return
    register = read_register(
        DATA / "edubasealldata20250718_sample.csv.gz",
        links=DATA / "links_edubasealldata20250718_sample.csv.gz",
    )
    mis.register.load(register)
    schools = [
        school
        for school in register.institutions.values()
        if school.groups & {TRUST, COUNCIL} and school.status is EstablishmentStatus.OPEN
    ]
    ours = {school.urn for school in schools if TRUST in school.groups}
    mis.register.set_clusters(TRUST, {"Essex": {s.urn for s in schools if _authority(s) == "Essex"} & ours})
    with Session(mis.engine) as session, session.begin():
        session.add_all(_staff())
        at_sites = [school for number, school in enumerate(schools) if number % 13 != 12]
        session.add_all(School(urn=school.urn) for school in at_sites)
        session.flush()
        session.add_all(row for number, school in enumerate(at_sites) for row in _people_at(school, number))


def _authority(school: Institution) -> str:
    return school.local_authority.name if school.local_authority else ""


def _staff() -> Iterator[Base]:
    """Make the staff of the trust and of the council; one of each may not ask schools."""
    lead = ["inst.admin", "ds.end", "ds.register", "mis.login"]
    for group, name, job, rights in (
        (TRUST, "Ana Okafor", "LEAD", lead),
        (TRUST, "Carla Reyes", "CEO", ["inst.admin"]),
        (TRUST, "Ben Cole", "FIN", []),
        (COUNCIL, "Leila Haddad", "LEAD", lead),
        (COUNCIL, "Owen Pryce", "FIN", []),
    ):
        yield User(
            group_id=str(group),
            name=name,
            email=f"{name.lower().replace(' ', '.')}@{group.kind.value}.example",
            jobs=[Job(code=job)],
            rights=[Right(code=code) for code in rights],
            associations=[Association()],
        )


def _people_at(school: Institution, number: int) -> Iterator[Base]:
    """Make a school's staff and some pupils, always the same; a few schools have no head teacher."""
    chance = Random(school.urn)  # noqa: S311 - made-up people are no secret
    jobs = ["DHT", "DM"] if number % 11 == 10 else ["HT", "DHT", "DM"]
    for job in jobs:
        name = _name(chance)
        yield User(urn=school.urn, name=name, email=f"{job.lower()}@{school.urn}.example", jobs=[Job(code=job)])
    for _ in range(12):
        year, attendance = chance.randint(1, 11), round(chance.uniform(84, 100), 1)
        yield Pupil(urn=school.urn, name=_name(chance), year=year, attendance=attendance)


def _name(chance: Random) -> str:
    return f"{chance.choice(FIRST.split())} {chance.choice(LAST.split())}"
