"""A directory of people over a host's own models, as the example has it."""

import logging
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from datashare import BusinessRole, Grant, GroupId, HeldRole, Period, Permission, PersonId, SchoolSite
from datashare.errors import InvalidValue, SchemaMismatch
from examples.django_host.mis.models import Employee, Post, School, Trust
from examples.django_host.mis.sharing import People

from .databases import Settings, database, sqlite_settings

HILDA, OAK = 100000, 100001
TRUST = GroupId.mat("5143")


@pytest.fixture
def rhys(sqlite: Settings) -> Employee:
    """Return the head of one of two schools, which have two people each."""
    School.objects.all().delete()
    Trust.objects.all().delete()
    hilda, oak = (School.objects.create(urn=urn, address=f"https://{urn}.example") for urn in (HILDA, OAK))
    rhys = Employee.objects.create(school=hilda, name="Rhys", email="head@hilda.example", manages_sharing=True)
    Post.objects.create(employee=rhys, job=Post.Job.HEAD, last_day=date(2026, 8, 31))
    Post.objects.create(employee=rhys, job=Post.Job.OFFICE)
    Employee.objects.create(school=hilda, name="Olwen")
    Employee.objects.create(school=oak, name="Siân")
    Employee.objects.create(trust=Trust.objects.create(uid="5143"), name="Ana", manages_sharing=True)
    return rhys


def statements(call: Callable[[], object]) -> int:
    """Count the statements of a call."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


@pytest.mark.rule("P4", "P5")
def test_people_come_with_what_the_host_knows(rhys: Employee) -> None:
    """Jobs and rights are mapped to the library's keys, with the days on which they count."""
    (person,) = People().people([PersonId(HILDA, str(rhys.pk))]).values()

    assert ("Rhys", "head@hilda.example") == (person.name, person.email)
    assert (HeldRole(BusinessRole.HEAD_TEACHER, Period(None, date(2026, 8, 31))),) == person.roles
    assert (Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST),) == person.permissions


def test_only_what_was_asked_for_is_answered(rhys: Employee) -> None:
    """Not the same id at another site, nor an id that the host's column cannot hold, nor a school without a site."""
    people, ana = People(), Employee.objects.get(trust="5143")
    ids = [
        PersonId(HILDA, str(rhys.pk)),
        PersonId(OAK, str(rhys.pk)),
        PersonId(HILDA, f"0{rhys.pk}"),
        PersonId(HILDA, "ana"),
        PersonId(TRUST, str(ana.pk)),
        PersonId(GroupId.local_authority("870"), str(ana.pk)),
    ]

    assert {ids[0], ids[4]} == people.people(ids).keys()
    assert {HILDA: {"Rhys", "Olwen"}, OAK: {"Siân"}} == {
        urn: {person.name for person in staff} for urn, staff in people.at_schools([HILDA, OAK, 100002]).items()
    }
    assert {
        OAK: SchoolSite(urn=OAK, data_sharing_url=f"https://{OAK}.example/schools/{OAK}/data-sharing/")
    } == people.sites([OAK, 100002])


class Careless(People):
    """A host whose query for schools forgets to look at the schools."""

    def school_staff(self, _urns: Collection[int], /) -> QuerySet[Employee]:
        """Return everybody."""
        return Employee.objects.all()


def test_a_hosts_query_that_returns_too_much_shows_nobody_else(rhys: Employee) -> None:
    """People of other schools and of trusts are dropped."""
    assert [OAK] == list(Careless().at_schools([OAK]))


def test_many_cost_as_much_as_one(rhys: Employee) -> None:
    """One statement for schools and one for groups, each with one for jobs, and none where nothing is asked."""
    people, own = People(), PersonId(HILDA, str(rhys.pk))
    many = [PersonId(site, str(row.pk)) for row in Employee.objects.all() for site in (HILDA, OAK, TRUST)]

    assert 2 == statements(lambda: people.at_schools([HILDA])) == statements(lambda: people.at_schools([HILDA, OAK]))
    assert (2, 4) == (statements(lambda: people.people([own])), statements(lambda: people.people(many)))
    assert 1 == statements(lambda: people.sites([HILDA, OAK]))
    assert 0 == statements(lambda: (people.at_schools([]), people.people([]), people.sites([])))


def test_a_row_that_is_no_person_is_left_out_and_logged(rhys: Employee, caplog: pytest.LogCaptureFixture) -> None:
    """It takes nobody else's place; the log names its key, and nothing that it holds."""
    Employee.objects.filter(pk=rhys.pk).update(name="", email="secret@hilda.example")
    with caplog.at_level(logging.WARNING, "datashare.people"):
        staff = People().at_schools([HILDA])

    assert ["Olwen"] == [person.name for person in staff[HILDA]]
    assert [f"A row of mis.Employee is left out: key {rhys.pk}, Person.name."] == caplog.messages


def test_what_cannot_be_asked_and_read_are_the_librarys_errors(sqlite: Settings, tmp_path: Path) -> None:
    """A wrong argument, and tables that are not there."""
    people = People()
    with pytest.raises(InvalidValue, match="ids must be"):
        people.people(["ana"])  # type: ignore[list-item]
    with database("default", sqlite_settings(tmp_path / "empty")):
        for ask in (lambda: people.at_schools([HILDA]), lambda: people.sites([HILDA])):
            with pytest.raises(SchemaMismatch):
                ask()
