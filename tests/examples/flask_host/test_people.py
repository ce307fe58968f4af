"""The host's directory of people passes the library's contract."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from datashare import GroupId, Person, PersonId, SchoolSite
from datashare.ports import PeopleDirectory
from datashare.testing import CountRoundTrips, PeopleDirectoryContract
from examples.flask_host.sharing import JOBS, RIGHTS, People
from examples.flask_host.tables import Association, Base, Job, Right, School, User
from tests.adapters.sql.databases import round_trips

CODES = {role.value: code for code, role in JOBS.items()}
RIGHT_CODES = {permission: code for code, permission in RIGHTS.items()}


class TestPeople(PeopleDirectoryContract):
    """With keys and codes of the host's own."""

    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path) -> Iterator[None]:
        # An engine of SQLAlchemy's own does not demand a row of each school where somebody works.
        self.engine = sa.create_engine(f"sqlite:///{tmp_path / 'mis.sqlite3'}")
        self.keys = dict[PersonId, int]()
        Base.metadata.create_all(self.engine)
        yield
        self.engine.dispose()

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        """Fill the host's tables."""
        directory = People(self.engine, "https://mis.example")
        self.replace(directory, people, sites)
        return directory

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:  # noqa: ARG002
        """Empty the tables and fill them again; a person keeps the key."""
        with Session(self.engine) as session, session.begin():
            for table in (Association, Right, Job, User, School):
                session.execute(sa.delete(table))
            session.add_all(School(urn=site.urn, data_sharing_url=site.data_sharing_url) for site in sites)
            session.add_all(self._row(person) for person in people)

    def _row(self, person: Person) -> User:
        site, associated = person.id.site, person.associations
        return User(
            id=self.keys.setdefault(person.id, len(self.keys) + 1),
            group_id=str(site) if isinstance(site, GroupId) else None,
            urn=site if isinstance(site, int) else None,
            name=person.name,
            email=person.email,
            first_day=person.period.first,
            last_day=person.period.last,
            jobs=[
                Job(code=CODES.get(held.role, held.role), first_day=held.period.first, last_day=held.period.last)
                for held in person.roles
            ],
            rights=[
                Right(code=RIGHT_CODES[grant.permission], first_day=grant.period.first, last_day=grant.period.last)
                for grant in person.permissions
            ],
            associations=[
                *(Association(urn=urn) for urn in associated.urns),
                *(Association(cluster=cluster) for cluster in associated.clusters),
                *([Association()] if associated.everything else []),
            ],
        )

    def host_id(self, person: PersonId, /) -> str:
        """Return the key."""
        return str(self.keys[person])

    def host_role(self, role: str, /) -> str:
        """Return the key of a job that the library does not know."""
        return f"job_{role}"

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Count statements."""
        return lambda call: round_trips(self.engine, call)
