"""A directory of people over a host's own models, as the example has it."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from datashare import BusinessRole, Grant, GroupId, HeldRole, Period, Permission, Person, PersonId, SchoolSite
from datashare.errors import InvalidInput, InvalidValue, Misconfigured, SchemaMismatch
from examples.django_host.mis.models import Employee, Post, School, Trust
from examples.django_host.mis.sharing import People
from tests.test_logging import assert_documented, facts_of

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
    assert_documented(caplog.records)
    about = {"model": "mis.Employee", "key": str(rhys.pk), "field": "Person.name"}
    assert [about] == [facts_of(record) for record in caplog.records]


class Mistaken(People):
    """A host that makes a text of one row, and does not know the job of another."""

    def person(self, row: Employee, /) -> Person:
        """Return the name of Rhys, and raise for Olwen."""
        if row.name == "Olwen":
            raise ValueError("There is no job of that code.")
        return row.name if row.name == "Rhys" else super().person(row)  # type: ignore[return-value]


def test_whatever_a_host_makes_of_a_row_hinders_nobody_else(rhys: Employee, caplog: pytest.LogCaptureFixture) -> None:
    """What is no person, or raises a `ValueError`, is left out and logged; everybody else is answered."""
    with caplog.at_level(logging.WARNING, "datashare.people"):
        staff = Mistaken().at_schools([HILDA, OAK])

    assert {OAK: ["Siân"]} == {urn: [person.name for person in people] for urn, people in staff.items()}
    assert ["person()", "person()"] == [facts_of(record)["field"] for record in caplog.records]


class Listing(People):
    """A host that returns lists in place of querysets, and addresses in place of sites."""

    def school_staff(self, urns: Collection[int], /) -> QuerySet[Employee]:
        """Return a list."""
        return list(super().school_staff(urns))  # type: ignore[return-value]

    def group_staff(self, groups: Collection[GroupId], /) -> QuerySet[Employee]:
        """Return a list."""
        return list(super().group_staff(groups))  # type: ignore[return-value]

    def school_sites(self, urns: Collection[int], /) -> Iterable[SchoolSite]:
        """Return addresses."""
        return [site.data_sharing_url for site in super().school_sites(urns)]  # type: ignore[misc]


class Misnaming(People):
    """A host whose column of ids has another name."""

    host_id = "staff_number"


SET_UP_WRONGLY: Mapping[str, tuple[type[InvalidValue], str, Callable[[], object]]] = {
    "no-queryset": (
        Misconfigured,
        r"Listing\.school_staff\(\) must be a QuerySet",
        lambda: Listing().at_schools([HILDA]),
    ),
    "no-queryset-of-a-group": (
        Misconfigured,
        r"Listing\.group_staff\(\) must be a QuerySet",
        lambda: Listing().people([PersonId(TRUST, "1")]),
    ),
    "no-such-column": (
        Misconfigured,
        r"Misnaming\.host_id must be a lookup of mis\.Employee",
        lambda: Misnaming().people([PersonId(HILDA, "1")]),
    ),
    "no-site": (InvalidValue, r"Listing\.school_sites\(\) must be SchoolSites", lambda: Listing().sites([HILDA])),
}


@pytest.mark.parametrize(("error", "words", "call"), SET_UP_WRONGLY.values(), ids=SET_UP_WRONGLY)
def test_a_subclass_that_breaks_its_promise_is_named(
    rhys: Employee, error: type[InvalidValue], words: str, call: Callable[[], object]
) -> None:
    """The error says which of its methods or names is wrong, so no raw error of Django leaves."""
    with pytest.raises(error, match=words) as raised:
        call()

    assert error is type(raised.value)


def test_what_cannot_be_asked_and_read_are_the_librarys_errors(sqlite: Settings, tmp_path: Path) -> None:
    """A wrong argument, and tables that are not there."""
    people = People()
    with pytest.raises(InvalidInput, match="ids must be"):
        people.people(["ana"])  # type: ignore[list-item]
    with database("default", sqlite_settings(tmp_path / "empty")):
        for ask in (lambda: people.at_schools([HILDA]), lambda: people.sites([HILDA])):
            with pytest.raises(SchemaMismatch):
                ask()
