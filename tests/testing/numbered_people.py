"""A host whose database numbers its people, and whose roles have codes of its own with a prefix."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from datashare.domain.people import (
    Associations,
    BusinessRole,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.domain.register import GroupId

METADATA = sa.MetaData()
STAFF = sa.Table(
    "staff",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),  # which the database makes
    sa.Column("trust_or_council", sa.String),
    sa.Column("school", sa.Integer),
    sa.Column("full_name", sa.String, nullable=False),
    sa.Column("email", sa.String),
    sa.Column("starts", sa.Date),
    sa.Column("leaves", sa.Date),
    sa.Column("sees_every_school", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)
HOLDINGS = sa.Table(
    "holdings",
    METADATA,
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("number", sa.ForeignKey(STAFF.c.number), nullable=False),
    sa.Column("code", sa.String, nullable=False),
    sa.Column("first", sa.Date),
    sa.Column("last", sa.Date),
)
PAGES = sa.Table("pages", METADATA, sa.Column("school", sa.Integer, primary_key=True), sa.Column("address", sa.String))

ROLES = {f"role:{role.name.replace('_', '-').lower()}": role for role in BusinessRole}
RIGHTS = {f"right:{permission.name.lower()}": permission for permission in Permission}


def database() -> sa.Engine:
    """Make the host's tables in memory."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    return engine


class NumberedPeople:
    """The host's own directory, as the guide says to write one."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        people: dict[int, list[Person]] = {}
        for person in self._people(STAFF.c.school.in_(urns)):
            assert isinstance(person.id.site, int)
            people.setdefault(person.id.site, []).append(person)
        return people

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        numbers = {int(who.id) for who in ids if who.id.isdecimal()}
        return {person.id: person for person in self._people(STAFF.c.number.in_(numbers)) if person.id in ids}

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(PAGES).where(PAGES.c.school.in_(urns))).all()
        return {row.school: SchoolSite(urn=row.school, data_sharing_url=row.address) for row in rows}

    def _people(self, condition: sa.ColumnElement[bool]) -> list[Person]:
        chosen = sa.select(STAFF.c.number).where(condition)
        held = sa.select(HOLDINGS).where(HOLDINGS.c.number.in_(chosen)).order_by(HOLDINGS.c.place)
        with self.engine.connect() as connection:
            staff = connection.execute(sa.select(STAFF).where(condition)).all()
            holdings: dict[int, list[Any]] = {row.number: [] for row in staff}
            for row in connection.execute(held):
                holdings[row.number].append(row)
        return [_person(row, holdings[row.number]) for row in staff]


def _person(row: Any, holdings: Sequence[Any]) -> Person:  # noqa: ANN401 - rows of the tables
    codes = [(row.code, Period(row.first, row.last)) for row in holdings]
    return Person(
        id=PersonId(row.school or GroupId.parse(row.trust_or_council), str(row.number)),
        name=row.full_name,
        email=row.email,
        roles=[HeldRole(role_key(code), period) for code, period in codes if code.startswith("role:")],
        permissions=[Grant(RIGHTS[code], period) for code, period in codes if code in RIGHTS],
        period=Period(row.starts, row.leaves),
        associations=Associations(
            urns=[int(code[7:]) for code, _ in codes if code.startswith("school:")],
            clusters=[code[8:] for code, _ in codes if code.startswith("cluster:")],
            everything=row.sees_every_school,
        ),
    )


def role_key(code: str) -> str:
    """Return the library's key of a role of the host's; one of its own, if the library has none."""
    return ROLES.get(code) or f"host_{code.removeprefix('role:').lower()}"


def employ(connection: sa.Connection, person: Person, number: int | None) -> int:
    """Write a person into the tables, as a new one or over the one with this number; return the number."""
    site = person.id.site
    values: dict[str, object] = {
        "trust_or_council": None if isinstance(site, int) else str(site),
        "school": site if isinstance(site, int) else None,
        "full_name": person.name,
        "email": person.email,
        "starts": person.period.first,
        "leaves": person.period.last,
        "sees_every_school": person.associations.everything,
    }
    if number is None:
        number = connection.execute(sa.insert(STAFF).values(values)).lastrowid
    else:
        connection.execute(sa.update(STAFF).where(STAFF.c.number == number).values(values))
        connection.execute(sa.delete(HOLDINGS).where(HOLDINGS.c.number == number))
    roles = {str(role): code for code, role in ROLES.items()}
    rights = {right: code for code, right in RIGHTS.items()}
    always: tuple[date | None, date | None] = (None, None)
    holdings = [
        *((roles.get(held.role, f"role:{held.role}"), held.period.first, held.period.last) for held in person.roles),
        *((rights[held.permission], held.period.first, held.period.last) for held in person.permissions),
        *((f"school:{urn}", *always) for urn in person.associations.urns),
        *((f"cluster:{name}", *always) for name in person.associations.clusters),
    ]
    for code, first, last in holdings:
        connection.execute(sa.insert(HOLDINGS).values(number=number, code=code, first=first, last=last))
    return number


def dismiss(connection: sa.Connection, numbers: Collection[int]) -> None:
    """Delete people."""
    for table in (HOLDINGS, STAFF):
        connection.execute(sa.delete(table).where(table.c.number.in_(numbers)))


def publish(connection: sa.Connection, sites: Iterable[SchoolSite]) -> None:
    """Replace the pages of schools."""
    connection.execute(sa.delete(PAGES))
    for site in sites:
        connection.execute(sa.insert(PAGES).values(school=site.urn, address=site.data_sharing_url))
