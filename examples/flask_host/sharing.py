"""Data sharing over the host's own tables: the directory of people, and one transaction for a click."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy.orm import Session

from datashare import (
    Associations,
    BusinessRole,
    DataSharing,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.adapters.sql import SqlAgreementStore, SqlInstitutionDirectory, in_transaction

from .tables import Click, School, User

JOBS = {
    "EXHT": BusinessRole.EXECUTIVE_HEAD_TEACHER,
    "HT": BusinessRole.HEAD_TEACHER,
    "DHT": BusinessRole.DEPUTY_HEAD_TEACHER,
    "DM": BusinessRole.DATA_MANAGER,
}
RIGHTS = {
    "inst.admin": Permission.ADMINISTER_INSTITUTION_DETAILS,
    "ds.answer": Permission.ADMINISTER_DATA_SHARING_REQUEST,
    "ds.record": Permission.RECORD_APPROVAL,
    "ds.import": Permission.IMPORT_AGREEMENTS,
    "ds.end": Permission.END_AGREEMENT,
    "ds.register": Permission.APPLY_REGISTER,
    "mis.login": Permission.LOG_IN_ASSOCIATED_INSTITUTIONS,
}

_T = TypeVar("_T")


@attrs.frozen
class People:
    """The people and sites of this host, as a `datashare.ports.PeopleDirectory`.

    Attributes:
        engine: The database.
        address: Where this host is reached, such as ``https://mis.example``.
    """

    engine: sa.Engine
    address: str

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of each school's site."""
        people: dict[int, list[Person]] = {}
        for user in self._users(User.urn.in_(urns)):
            people.setdefault(user.urn or 0, []).append(to_person(user))
        return people

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people of any site by their ids."""
        keys = [int(id_.id) for id_ in ids if id_.id.isdecimal() and len(id_.id) < 10]
        people = map(to_person, self._users(User.id.in_(keys)))
        return {person.id: person for person in people if person.id in ids}

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the sites of schools."""
        with Session(self.engine) as session:
            schools = session.scalars(sa.select(School).where(School.urn.in_(urns)))
            pages = {
                school.urn: school.data_sharing_url or f"{self.address}/data-sharing/{school.urn}" for school in schools
            }
        return {urn: SchoolSite(urn=urn, data_sharing_url=page) for urn, page in pages.items()}

    def _users(self, which: sa.ColumnElement[bool]) -> Sequence[User]:
        with Session(self.engine) as session:
            return session.scalars(sa.select(User).where(which).order_by(User.id)).all()


def to_person(user: User) -> Person:
    """Describe a user as the library does; a job that it does not know keeps a key of its own."""
    return Person(
        id=PersonId(user.site, str(user.id)),
        name=user.name,
        email=user.email,
        roles=[
            HeldRole(JOBS.get(job.code, f"job_{job.code.lower()}"), Period(job.first_day, job.last_day))
            for job in user.jobs
        ],
        permissions=[
            Grant(RIGHTS[right.code], Period(right.first_day, right.last_day))
            for right in user.rights
            if right.code in RIGHTS
        ],
        period=Period(user.first_day, user.last_day),
        associations=Associations(
            urns=[each.urn for each in user.associations if each.urn],
            clusters=[each.cluster for each in user.associations if each.cluster],
            everything=any(each.urn is None and each.cluster is None for each in user.associations),
        ),
    )


@attrs.frozen
class Mis:
    """This host: its database, and data sharing over it."""

    engine: sa.Engine
    register: SqlInstitutionDirectory
    sharing: DataSharing

    @classmethod
    def over(cls, engine: sa.Engine, *, address: str) -> Mis:
        """Bring the parts together over a database."""
        store, register = SqlAgreementStore(engine), SqlInstitutionDirectory(engine)
        return cls(engine, register, DataSharing(store=store, institutions=register, people=People(engine, address)))

    def act(self, user: User, what: str, work: Callable[[DataSharing], _T]) -> _T:
        """Do what a user has confirmed and save the click, all in one transaction."""

        def together(connection: sa.Connection, store: SqlAgreementStore) -> _T:
            connection.execute(sa.insert(Click).values(user_id=user.id, what=what))
            return work(self.sharing.over(store))

        return in_transaction(self.engine, together)
