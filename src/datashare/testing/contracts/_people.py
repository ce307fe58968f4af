"""The contract of `datashare.ports.PeopleDirectory`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar

import attrs
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
from datashare.domain.register import GroupId
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
    roles=(HeldRole("finance_3", Period(DAY, DAY)), HeldRole("finance_3", PAST), "finance_3"),
    permissions=(
        Permission.ADMINISTER_INSTITUTION_DETAILS,
        Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST, Period(DAY, date(2026, 6, 1))),
        Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST, PAST),
    ),
    period=Period(date(2020, 2, 29), date(2999, 1, 1)),
    associations=Associations(urns=frozenset({URN, 1}), clusters=frozenset({"Süd", "süd"})),
)
CARYS = Person(id=PersonId(COUNCIL, "ana"), name="Carys", email=None, associations=Associations(everything=True))
SEVENTH = Person(id=PersonId(URN, "007"), name="A person of the host’s own {𝄞}", email="no address, nor two")
ALIKE = tuple(
    Person(id=PersonId(site, host_id), name=f"{site} {host_id}", email=" ")
    for site in (GroupId.mat("5"), GroupId.mat("51"), 10, 1000, 10_000)
    for host_id in ("7", "07", "ana", "Ana", "an", "hana")
)
"""People whose sites and ids begin as others' do, or look like them."""
PEOPLE = (HANA, DAI, GONE, SEVENTH, NEXT_DOOR, ANA, CARYS, *ALIKE)
SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data")
SITES = (
    SITE,
    SchoolSite(urn=100001, data_sharing_url="https://next.example/größe?x=1&y=%20#Data"),
    SchoolSite(urn=10, data_sharing_url="https://ten.example/"),
)
OWN_ROLES = frozenset({"governor_2", "finance_3"})
"""Roles for which the library has no key."""
ASKED_URNS = (URN, 100001, 10, 1000, 10_000, 1, 5143, 999)


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

    If the host has other ids for people than those that it is given, such as numbers that its database makes, it says
    by `host_id` which; and by `host_role`, under which key it answers a role of its own, such as ``host_governor_2``.

    Attributes:
        nothing_below: Whether there is nothing below the directory, such as a database, whose round trips could be
            counted; then `round_trips` is not needed.
        several: How many schools and people the cost for one is compared with.
        many: How many schools, and people, are asked for in one call.
    """

    at_least: ClassVar[Mapping[str, int]] = {"several": 20, "many": 701}
    many: ClassVar[int] = 710

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        """Make a directory of exactly these people and sites; every subclass defines this."""
        raise NotImplementedError(missing(self, "directory_of", "a method that makes a directory of people and sites"))

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Replace the people and sites of a directory that `directory_of` made; every subclass defines this."""
        raise NotImplementedError(
            missing(self, "replace", "a method that replaces the people and sites of a directory")
        )

    def host_id(self, person: PersonId, /) -> str:
        """Return the host's id of a person who was loaded, whether they were replaced since or not.

        By default it is the one that the person was loaded with. Override this if the host makes its ids by itself.
        """
        return person.id

    def host_role(self, role: str, /) -> str:
        """Return the key under which the host answers a role for which the library has none.

        By default it is the one that the role was loaded with. Override this if the host maps such roles to its own.
        """
        return role

    def _as_kept(self, *people: Person) -> list[Person]:
        """Return people who were loaded with the ids and the roles that the host has for them."""
        return [
            attrs.evolve(
                person,
                id=self._id(person.id),
                roles=[
                    attrs.evolve(held, role=self.host_role(held.role)) if held.role in OWN_ROLES else held
                    for held in person.roles
                ],
            )
            for person in people
        ]

    def _id(self, person: PersonId) -> PersonId:
        return PersonId(person.site, self.host_id(person))

    @pytest.mark.must(1, 2)
    def test_people_are_answered_with_all_that_they_hold(self) -> None:
        """Past and future roles, roles of the host's own and people who are no longer users are returned too."""
        at_schools = self.directory_of(PEOPLE, SITES).at_schools([URN])

        assert {URN} == set(at_schools)
        assert set(self._as_kept(HANA, DAI, GONE, SEVENTH)) == set(at_schools[URN])
        assert 4 == len(at_schools[URN])

    @pytest.mark.must(1, 2)
    def test_everybody_is_answered_by_id(self) -> None:
        """People of schools and groups come with roles and permissions by their keys, and with their associations."""
        directory = self.directory_of(PEOPLE, SITES)
        everybody = {person.id: person for person in self._as_kept(*PEOPLE)}

        assert len(PEOPLE) == len(everybody), "Two people have one id at one site."
        assert everybody == dict(directory.people(everybody))

    @pytest.mark.must(1)
    def test_the_present_state_of_the_sites_is_answered(self) -> None:
        """People who arrived, left or changed roles a moment ago are returned as they are now."""
        directory = self.directory_of(PEOPLE, SITES)
        ids = [self._id(person.id) for person in (HANA, DAI, ANA)]
        renamed = Person(id=HANA.id, name="Hana", email="new@hilda.example", roles=(BusinessRole.DATA_MANAGER,))
        self.replace(directory, [renamed, ANA], [SITES[1]])
        moved, ana = self._as_kept(renamed, ANA)

        assert {moved.id: moved, ana.id: ana} == dict(directory.people(ids))
        assert [moved] == list(directory.at_schools([URN, 100001])[URN])
        assert {100001: SITES[1]} == dict(directory.sites([URN, 100001]))

    @pytest.mark.must(1)
    def test_what_was_answered_before_is_not_remembered(self) -> None:
        """After each change every answer is the present one, of who was unknown before too."""
        changed: list[Person] = [
            Person(id=ANA.id, name="Ana Ó Briain", email=None),
            Person(id=HANA.id, name=HANA.name, email=HANA.email, roles=(BusinessRole.DATA_MANAGER,), period=PAST),
            Person(id=PersonId(999, "new"), name="New", email="new@x.example"),
        ]
        moved = [
            SchoolSite(urn=URN, data_sharing_url="https://new.example/"),
            SchoolSite(urn=999, data_sharing_url="https://x.example"),
        ]
        for before, after in (((PEOPLE, SITES), (changed, moved)), ((changed, moved), (PEOPLE, SITES))):
            directory = self.directory_of(*before)
            earlier = self._check_all(directory, *before)
            self.replace(directory, *after)
            self._check_all(directory, *after, earlier=earlier)

    @pytest.mark.must(1, 3)
    def test_more_people_than_a_page_holds_are_answered(self) -> None:
        """Many schools, many people at one school and many ids are answered whole, in one call."""
        urns = range(2, 2 + self.many)
        heads = [Person(id=PersonId(urn, "head"), name=f"Head {urn}", email=None) for urn in urns]
        staff = [Person(id=PersonId(1, str(number)), name=f"Staff {number}", email=None) for number in urns]
        sites = [SchoolSite(urn=urn, data_sharing_url=f"https://x.example/{urn}") for urn in urns]
        directory = self.directory_of([*heads, *staff], sites)
        heads, staff = self._as_kept(*heads), self._as_kept(*staff)
        at_schools = directory.at_schools([1, *urns])

        assert set(staff) == set(at_schools[1])
        assert heads == [person for urn in urns for person in at_schools[urn]]
        assert {person.id: person for person in (*heads, *staff)} == dict(
            directory.people([person.id for person in (*heads, *staff)])
        )
        assert {site.urn: site for site in sites} == dict(directory.sites(urns))

    @pytest.mark.must(3)
    def test_the_same_host_id_at_two_sites_is_two_people(self) -> None:
        """People are identified by site and id together, at schools and at groups."""
        directory = self.directory_of(PEOPLE, SITES)
        ana, carys, hana, next_door = self._as_kept(ANA, CARYS, HANA, NEXT_DOOR)

        assert {ana.id: ana, carys.id: carys} == dict(directory.people([ana.id, carys.id]))
        assert {hana.id: hana, next_door.id: next_door} == dict(directory.people([hana.id, next_door.id]))
        assert {next_door.id: next_door} == dict(directory.people([next_door.id]))

    @pytest.mark.must(3)
    def test_only_what_was_asked_for_is_answered(self) -> None:
        """Unknown schools and people are left out, and who is asked for twice is returned once."""
        directory = self.directory_of(PEOPLE, SITES)
        hana, ana, next_door = self._as_kept(HANA, ANA, NEXT_DOOR)
        at_schools = directory.at_schools([100001, URN, 999, URN])
        elsewhere = [PersonId(TRUST, hana.id.id), PersonId(URN, ana.id.id), PersonId(999, hana.id.id)]
        # Other ids of the same site: what a column of numbers takes for the same number, or cannot hold.
        alike = {PersonId(URN, text) for text in (hana.id.id.swapcase(), f"0{hana.id.id}", "HANA")}

        assert {URN, 100001} == {urn for urn, people in at_schools.items() if people}
        assert [next_door] == list(directory.at_schools([100001])[100001])
        assert {hana.id: hana} == dict(directory.people([hana.id, PersonId(999, hana.id.id), hana.id]))
        assert {} == dict(directory.people([*elsewhere, *(alike - {hana.id})]))
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
            ids = [self._id(PersonId(urn, "head")) for urn in urns]
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
            return [directory.at_schools([URN]), directory.people([hana.id]), directory.sites([URN])]

        directory = self.directory_of(PEOPLE, SITES)
        staff = self._as_kept(HANA, DAI, GONE, SEVENTH)
        hana = staff[0]
        clear_all([directory.at_schools([URN])[URN], *ask()])
        at_schools, people, sites = ask()
        self.replace(directory, [], [])

        assert set(staff) == set(at_schools[URN])
        assert {hana.id: hana} == dict(people)
        assert {URN: SITE} == dict(sites)

    def _check_all(
        self,
        directory: PeopleDirectory,
        people: Iterable[Person],
        sites: Iterable[SchoolSite],
        *,
        earlier: Iterable[PersonId] = (),
    ) -> list[PersonId]:
        """Check every answer of a directory of people and sites; return the ids of its people.

        Args:
            directory: What is checked.
            people: All of its people.
            sites: All of its sites.
            earlier: The ids of people whom it knew before.
        """
        known = {person.id: person for person in self._as_kept(*people)}
        urls = {site.urn: site for site in sites}
        never = [PersonId(999, "new"), PersonId(TRUST, "an"), PersonId(1, "7"), *(person.id for person in PEOPLE)]
        ids = list(dict.fromkeys([*known, *earlier, *never]))
        at_schools = directory.at_schools(ASKED_URNS)

        for kind in (list, tuple, set, frozenset, dict.fromkeys):
            assert known == dict(directory.people(kind(ids)))
        assert [known.get(who) for who in ids] == [directory.people([who]).get(who) for who in ids]
        for urn in ASKED_URNS:
            staff = [person for person in known.values() if person.id.site == urn]
            assert sorted(staff, key=repr) == sorted(at_schools.get(urn, ()), key=repr)
            assert sorted(staff, key=repr) == sorted(directory.at_schools([urn]).get(urn, ()), key=repr)
            assert urls.get(urn) == directory.sites([urn]).get(urn)
        assert {urn: urls[urn] for urn in ASKED_URNS if urn in urls} == dict(directory.sites(ASKED_URNS))
        return list(known)
