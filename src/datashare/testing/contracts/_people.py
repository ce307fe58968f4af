"""The contract of `datashare.ports.PeopleDirectory`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
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

from ._contract import Contract
from ._store_suite import CountRoundTrips

DAY = date(2026, 5, 3)
PAST = Period(None, date(2000, 1, 1))

HANA = Person(
    id=PersonId(URN, "hana"), name="Hana Ó Briain ß", email="hana@hilda.example", roles=[BusinessRole.HEAD_TEACHER]
)
DAI = Person(
    id=PersonId(URN, "dai"), name="Dai ap Rhys", email=None, roles=["governor_2"], permissions=tuple(Permission)
)
GONE = Person(
    id=PersonId(URN, "gone"),
    name="Gone",
    email="gone@hilda.example",
    roles=[HeldRole(BusinessRole.HEAD_TEACHER, PAST), HeldRole(BusinessRole.DATA_MANAGER, Period(DAY))],
    permissions=[Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST, PAST)],
    period=Period(DAY, date(2026, 6, 1)),
)
NEXT_DOOR = Person(id=PersonId(100001, "hana"), name="Hana", email=None, roles=tuple(BusinessRole))
ANA = Person(
    id=PersonId(TRUST, "ana"),
    name="Ana",
    email="ana@trust.example",
    permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS],
    associations=Associations(urns=frozenset({URN}), clusters=frozenset({"Süd"})),
)
CARYS = Person(id=PersonId(COUNCIL, "ana"), name="Carys", email=None, associations=Associations(everything=True))
PEOPLE = (HANA, DAI, GONE, NEXT_DOOR, ANA, CARYS)
SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data")
SITES = (SITE, SchoolSite(urn=100001, data_sharing_url="https://next.example/größe"))


class PeopleDirectoryContract(Contract, port=PeopleDirectory):
    """What every directory of people must do.

    A subclass makes a directory of given people and sites, and changes who they are::

        class TestMyPeopleDirectory(PeopleDirectoryContract):
            def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
                return MyPeopleDirectory(load(people, sites))

            def replace(self, directory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
                directory.reload(people, sites)

            @pytest.fixture
            def round_trips(self) -> CountRoundTrips:
                return lambda call: count_statements(call)

    Attributes:
        nothing_below: Whether there is nothing below the directory that could be counted; then `round_trips` is
            not asked for.
        several: For how many schools and people the cost is compared with that for one.
    """

    at_least: ClassVar[Mapping[str, int]] = {"several": 2}
    nothing_below: ClassVar[bool] = False
    several: ClassVar[int] = 200

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        """Make a directory of these people and sites and no others; every suite does it in its own way."""
        raise NotImplementedError(f"{type(self).__name__} must say with `directory_of` how a directory is made.")

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Let a directory that `directory_of` made answer these people and sites instead."""
        raise NotImplementedError(f"{type(self).__name__} must say with `replace` how people come and go.")

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Give what counts the round trips of a call; a directory that has nothing below it makes none."""
        if self.nothing_below:
            return _none
        raise NotImplementedError(
            f"{type(self).__name__} cannot count round trips. Give it a fixture `round_trips` that answers a function "
            "which makes a call and tells the count, or say `nothing_below = True` where there is nothing to count."
        )

    @pytest.mark.must(1, 2)
    def test_people_are_answered_with_all_that_they_hold(self) -> None:
        """Past and future roles, roles of the host's own and people who are no longer users are answered too."""
        found = self.directory_of(PEOPLE, SITES).at_schools([URN])

        assert {URN} == set(found)
        assert {HANA, DAI, GONE} == set(found[URN])
        assert 3 == len(found[URN])

    @pytest.mark.must(1)
    def test_associations_are_answered(self) -> None:
        """What a user of a group's site may log in to comes with them."""
        found = self.directory_of(PEOPLE, SITES).people([ANA.id, CARYS.id])

        assert ANA.associations == found[ANA.id].associations
        assert CARYS.associations == found[CARYS.id].associations

    @pytest.mark.must(2)
    def test_every_role_and_permission_has_its_stable_key(self) -> None:
        """What the library knows by a key comes back under that key, and so does a role that it does not know."""
        found = self.directory_of(PEOPLE, SITES).people([DAI.id, NEXT_DOOR.id])

        assert set(Permission) == {grant.permission for grant in found[DAI.id].permissions}
        assert set(BusinessRole) == {held.role for held in found[NEXT_DOOR.id].roles}
        assert ["governor_2"] == [held.role for held in found[DAI.id].roles]

    @pytest.mark.must(1)
    def test_the_present_state_of_the_sites_is_answered(self) -> None:
        """Who came, went, or was given another role a moment ago is answered as they are now."""
        found = self.directory_of(PEOPLE, SITES)
        moved = Person(id=HANA.id, name="Hana", email="new@hilda.example", roles=[BusinessRole.DATA_MANAGER])
        self.replace(found, [moved, ANA], [SITES[1]])

        assert {HANA.id: moved, ANA.id: ANA} == dict(found.people([HANA.id, DAI.id, ANA.id]))
        assert [moved] == list(found.at_schools([URN, 100001])[URN])
        assert {100001: SITES[1]} == dict(found.sites([URN, 100001]))

    @pytest.mark.must(3)
    def test_the_same_host_id_at_two_sites_is_two_people(self) -> None:
        """People are found by site and id together, at schools and at groups."""
        found = self.directory_of(PEOPLE, SITES)

        assert {ANA.id: ANA, CARYS.id: CARYS} == dict(found.people([ANA.id, CARYS.id]))
        assert {HANA.id: HANA, NEXT_DOOR.id: NEXT_DOOR} == dict(found.people([HANA.id, NEXT_DOOR.id]))
        assert {NEXT_DOOR.id: NEXT_DOOR} == dict(found.people([NEXT_DOOR.id]))

    @pytest.mark.must(3)
    def test_only_what_was_asked_for_is_answered(self) -> None:
        """Unknown schools and people are left out, and one asked for twice is answered once."""
        found = self.directory_of(PEOPLE, SITES)

        assert {URN, 100001} == {urn for urn, people in found.at_schools([100001, URN, 999, URN]).items() if people}
        assert [NEXT_DOOR] == list(found.at_schools([100001])[100001])
        assert {HANA.id: HANA} == dict(found.people([HANA.id, PersonId(999, "hana"), HANA.id]))
        assert {} == dict(found.people([PersonId(TRUST, "hana"), PersonId(URN, "ana"), PersonId(URN, "HANA")]))
        assert {URN: SITE} == dict(found.sites([URN, 999, URN]))
        assert ({}, {}, {}) == (dict(found.at_schools([])), dict(found.people([])), dict(found.sites([])))

    @pytest.mark.must(3)
    def test_users_of_a_group_are_at_no_school(self) -> None:
        """People of a group's site are found by id alone, whatever its code looks like."""
        found = self.directory_of([ANA, CARYS], [])

        assert {} == {urn: people for urn, people in found.at_schools([URN, 5143, 870]).items() if people}

    @pytest.mark.must(4)
    def test_people_of_many_schools_cost_as_much_as_those_of_one(self, round_trips: CountRoundTrips) -> None:
        """People, sites and people by id make as many round trips for 200 as for one."""
        urns = list(range(1, self.several + 1))
        staff = [Person(id=PersonId(urn, "head"), name="Head", email=None) for urn in urns]
        found = self.directory_of(staff, [SchoolSite(urn=urn, data_sharing_url="https://x.example") for urn in urns])
        found.at_schools(urns[:1])  # what the first call of all costs besides does not count

        def costs(number: int) -> list[int]:
            answers = list[int]()
            ids = [one.id for one in staff[:number]]
            calls: list[Callable[[], object]] = [
                lambda: answers.append(len(found.at_schools(urns[:number]))),
                lambda: answers.append(len(found.people(ids))),
                lambda: answers.append(len(found.sites(urns[:number]))),
            ]
            counted = [round_trips(call) for call in calls]
            assert [number] * 3 == answers
            return counted

        few, many = costs(1), costs(self.several)
        assert few == many
        assert self.nothing_below or all(few), f"Nothing was counted: {few}"

    @pytest.mark.must(5)
    def test_changing_an_answer_changes_nothing(self) -> None:
        """Containers that were answered can be emptied without any effect."""
        found = self.directory_of(PEOPLE, SITES)
        at_schools = found.at_schools([URN])
        answers: list[Any] = [at_schools[URN], at_schools, found.people([HANA.id]), found.sites([URN])]
        for answer in answers:
            with contextlib.suppress(AttributeError):  # what cannot be emptied is safe
                answer.clear()

        assert {HANA, DAI, GONE} == set(found.at_schools([URN])[URN])
        assert {HANA.id: HANA} == dict(found.people([HANA.id]))
        assert {URN: SITE} == dict(found.sites([URN]))

    @pytest.mark.must(5)
    def test_an_answer_stays_as_it_was(self) -> None:
        """People who come and go later do not show in an earlier answer."""
        found = self.directory_of(PEOPLE, SITES)
        at_schools, people, sites = found.at_schools([URN]), found.people([HANA.id]), found.sites([URN])
        self.replace(found, [], [])

        assert {HANA, DAI, GONE} == set(at_schools[URN])
        assert {HANA.id: HANA} == dict(people)
        assert {URN: SITE} == dict(sites)


def _none(call: Callable[[], object]) -> int:
    call()
    return 0
