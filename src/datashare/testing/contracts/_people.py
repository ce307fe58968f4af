"""The contract of `datashare.ports.PeopleDirectory`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar

import pytest

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
from datashare.ports import PeopleDirectory
from datashare.testing.changes import COUNCIL, TRUST, URN

from ._contract import Calls, Contract, CountRoundTrips, CountsRoundTrips, clear_all, missing

DAY = date(2026, 5, 3)
PAST = Period(None, date(2000, 1, 1))

HANA = Person(
    id=PersonId(URN, "hana"), name="Hana Ó Briain ß", email="hana@hilda.example", roles=(BusinessRole.HEAD_TEACHER,)
)
DAI = Person(
    id=PersonId(URN, "dai"), name="Dai ap Rhys", email=None, roles=("governor_2",), permissions=tuple(Permission)
)
GONE = Person(
    id=PersonId(URN, "gone"),
    name="Gone",
    email="gone@hilda.example",
    roles=(HeldRole(BusinessRole.HEAD_TEACHER, PAST), HeldRole(BusinessRole.DATA_MANAGER, Period(DAY))),
    permissions=(Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST, PAST),),
    period=Period(DAY, date(2026, 6, 1)),
)
NEXT_DOOR = Person(id=PersonId(100001, "hana"), name="Hana", email=None, roles=tuple(BusinessRole))
ANA = Person(
    id=PersonId(TRUST, "ana"),
    name="Ana",
    email="ana@trust.example",
    permissions=(Permission.ADMINISTER_INSTITUTION_DETAILS,),
    associations=Associations(urns=frozenset({URN}), clusters=frozenset({"Süd"})),
)
CARYS = Person(id=PersonId(COUNCIL, "ana"), name="Carys", email=None, associations=Associations(everything=True))
PEOPLE = (HANA, DAI, GONE, NEXT_DOOR, ANA, CARYS)
SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data")
SITES = (SITE, SchoolSite(urn=100001, data_sharing_url="https://next.example/größe"))


class PeopleDirectoryContract(CountsRoundTrips, Contract, port=PeopleDirectory):
    """What every directory of people must do.

    A subclass makes a directory of people and sites, and replaces them by others::

        class TestMyPeopleDirectory(PeopleDirectoryContract):
            def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
                return MyPeopleDirectory(load(people, sites))

            def replace(self, directory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
                directory.reload(people, sites)

            @pytest.fixture
            def round_trips(self) -> CountRoundTrips:
                return lambda call: count_statements(call)

    Attributes:
        nothing_below: Whether there is nothing below the directory, such as a database, whose round trips could be
            counted; then `round_trips` is not needed.
        several: How many schools and people the cost for one is compared with.
    """

    at_least: ClassVar[Mapping[str, int]] = {"several": 2}

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        """Make a directory of exactly these people and sites; every subclass defines this."""
        raise NotImplementedError(missing(self, "directory_of", "a method that makes a directory of people and sites"))

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Replace the people and sites of a directory that `directory_of` made; every subclass defines this."""
        raise NotImplementedError(
            missing(self, "replace", "a method that replaces the people and sites of a directory")
        )

    @pytest.mark.must(1, 2)
    def test_people_are_answered_with_all_that_they_hold(self) -> None:
        """Past and future roles, roles of the host's own and people who are no longer users are returned too."""
        at_schools = self.directory_of(PEOPLE, SITES).at_schools([URN])

        assert {URN} == set(at_schools)
        assert {HANA, DAI, GONE} == set(at_schools[URN])
        assert 3 == len(at_schools[URN])

    @pytest.mark.must(1, 2)
    def test_everybody_is_answered_by_id(self) -> None:
        """People of schools and groups come with roles and permissions by their keys, and with their associations."""
        everybody = {person.id: person for person in PEOPLE}

        assert everybody == dict(self.directory_of(PEOPLE, SITES).people(everybody))

    @pytest.mark.must(1)
    def test_the_present_state_of_the_sites_is_answered(self) -> None:
        """People who arrived, left or changed roles a moment ago are returned as they are now."""
        directory = self.directory_of(PEOPLE, SITES)
        moved = Person(id=HANA.id, name="Hana", email="new@hilda.example", roles=(BusinessRole.DATA_MANAGER,))
        self.replace(directory, [moved, ANA], [SITES[1]])

        assert {HANA.id: moved, ANA.id: ANA} == dict(directory.people([HANA.id, DAI.id, ANA.id]))
        assert [moved] == list(directory.at_schools([URN, 100001])[URN])
        assert {100001: SITES[1]} == dict(directory.sites([URN, 100001]))

    @pytest.mark.must(3)
    def test_the_same_host_id_at_two_sites_is_two_people(self) -> None:
        """People are identified by site and id together, at schools and at groups."""
        directory = self.directory_of(PEOPLE, SITES)

        assert {ANA.id: ANA, CARYS.id: CARYS} == dict(directory.people([ANA.id, CARYS.id]))
        assert {HANA.id: HANA, NEXT_DOOR.id: NEXT_DOOR} == dict(directory.people([HANA.id, NEXT_DOOR.id]))
        assert {NEXT_DOOR.id: NEXT_DOOR} == dict(directory.people([NEXT_DOOR.id]))

    @pytest.mark.must(3)
    def test_only_what_was_asked_for_is_answered(self) -> None:
        """Unknown schools and people are left out, and who is asked for twice is returned once."""
        directory = self.directory_of(PEOPLE, SITES)
        at_schools = directory.at_schools([100001, URN, 999, URN])

        assert {URN, 100001} == {urn for urn, people in at_schools.items() if people}
        assert [NEXT_DOOR] == list(directory.at_schools([100001])[100001])
        assert {HANA.id: HANA} == dict(directory.people([HANA.id, PersonId(999, "hana"), HANA.id]))
        assert {} == dict(directory.people([PersonId(TRUST, "hana"), PersonId(URN, "ana"), PersonId(URN, "HANA")]))
        assert {URN: SITE} == dict(directory.sites([URN, 999, URN]))
        assert ({}, {}, {}) == (dict(directory.at_schools([])), dict(directory.people([])), dict(directory.sites([])))

    @pytest.mark.must(3)
    def test_users_of_a_group_are_at_no_school(self) -> None:
        """People of a group's site are found by id alone, even if its code is also a URN."""
        at_schools = self.directory_of([ANA, CARYS], []).at_schools([URN, 5143, 870])

        assert {} == {urn: people for urn, people in at_schools.items() if people}

    @pytest.mark.must(4)
    def test_people_of_many_schools_cost_as_much_as_those_of_one(self, round_trips: CountRoundTrips) -> None:
        """Reading people, sites and people by id makes as many round trips for 200 as for one."""
        everywhere = range(1, 2 + self.several)
        directory = self.directory_of(
            [Person(id=PersonId(urn, "head"), name="Head", email=None) for urn in everywhere],
            [SchoolSite(urn=urn, data_sharing_url="https://x.example") for urn in everywhere],
        )
        directory.sites([1])  # so that the cost of connecting is not counted

        def calls_about(urns: range) -> Calls:
            ids = [PersonId(urn, "head") for urn in urns]
            return {
                "at_schools": (lambda: len(directory.at_schools(urns)), len(urns)),
                "people": (lambda: len(directory.people(ids)), len(urns)),
                "sites": (lambda: len(directory.sites(urns)), len(urns)),
            }

        self.compare_costs(round_trips, calls_about)

    @pytest.mark.must(5)
    def test_an_answer_is_a_copy(self) -> None:
        """Emptying an answer does not touch the directory, and later changes do not touch an answer."""

        def ask() -> list[Any]:
            return [directory.at_schools([URN]), directory.people([HANA.id]), directory.sites([URN])]

        directory = self.directory_of(PEOPLE, SITES)
        clear_all([directory.at_schools([URN])[URN], *ask()])
        at_schools, people, sites = ask()
        self.replace(directory, [], [])

        assert {HANA, DAI, GONE} == set(at_schools[URN])
        assert {HANA.id: HANA} == dict(people)
        assert {URN: SITE} == dict(sites)
