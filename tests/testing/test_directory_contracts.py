"""Each directory that breaks a promise fails its contract."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.people import BusinessRole, Period, Person, PersonId, SchoolSite
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, SuccessorLink
from datashare.ports import (
    InstitutionDirectory,
    PeopleDirectory,
)
from datashare.testing import (
    CountRoundTrips,
    InstitutionDirectoryContract,
    PeopleDirectoryContract,
    RegisterContents,
)
from datashare.testing.contracts._institutions import SCHOOLS
from datashare.testing.contracts._people import PEOPLE, SITES
from tests.adapters.sql.databases import round_trips

from .numbered_people import STAFF, NumberedPeople, database, dismiss, employ, publish


class Register(MemoryInstitutionDirectory):
    """A register in memory that can be replaced."""

    def __init__(self, register: RegisterContents) -> None:
        super().__init__([], groups=[])
        self.refresh(register)

    def refresh(self, register: RegisterContents) -> None:
        self.replace(
            register.institutions,
            groups=register.groups,
            clusters=register.clusters,
            successors=register.successors,
            register_day=register.day,
        )


class OpenOnly(Register):
    """1. Lists open schools only."""

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        return [school for school in super().linked(group) if school.status is EstablishmentStatus.OPEN]


class Demanding(Register):
    """2. Raises for an unknown URN."""

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        known = super().institutions(urns)
        return {urn: known[urn] for urn in urns}


class Piecemeal(Register):
    """3. Takes a newer register in one school after the other."""

    def refresh(self, register: RegisterContents) -> None:
        new, old = register.institutions, getattr(self, "held", ())
        for number in range(len(new)):
            super().refresh(attrs.evolve(register, institutions=(*new[:number], *old[number:]), successors=()))
        super().refresh(register)
        self.held = new


class Forgetting(Register):
    """3. Keeps the clusters of an older register."""

    def refresh(self, register: RegisterContents) -> None:
        super().refresh(attrs.evolve(register, clusters=register.clusters or RegisterContents().clusters))


class Shared(Register):
    """4. Returns its own list."""

    def refresh(self, register: RegisterContents) -> None:
        super().refresh(register)
        self.listed: dict[GroupId, list[Institution]] = getattr(self, "listed", {})
        for group in RegisterContents().groups:
            self.listed.setdefault(group.id, [])[:] = super().linked(group.id)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        return self.listed.get(group, [])


class Remembering(Register):
    """3. Remembers for ever what it answered about an institution, and that it knew none."""

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        self.known: dict[int, Institution | None] = getattr(self, "known", {})
        for urn in urns:
            self.known.setdefault(urn, super().institutions([urn]).get(urn))
        return {urn: school for urn in urns if (school := self.known[urn])}


class RememberingGroups(Register):
    """3. Remembers for ever what it answered about a group."""

    def group(self, group: GroupId, /) -> Group | None:
        self.known: dict[GroupId, Group | None] = getattr(self, "known", {})
        return self.known.setdefault(group, super().group(group))


class Paging(Register):
    """1. Lists the first five hundred."""

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        return super().linked(group)[:500]


class PagingSuccessors(Register):
    """2. Answers about the first five hundred."""

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        return super().successors(list(urns)[:500])


class Prefixing(Register):
    """1. Takes a trust whose code begins with another's for that one."""

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        held = super().institutions([school.urn for school in SCHOOLS]).values()
        return [school for school in held if any(str(other).startswith(str(group)) for other in school.groups)]


class Thin(Register):
    """1. Loses a part of what the register says of an institution."""

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        return {urn: attrs.evolve(school, federations=()) for urn, school in super().institutions(urns).items()}


class Backwards(Register):
    """2. Answers with links to an institution as well as from it."""

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        return [link for link in super().successors([1, 2, 3]) if {link.predecessor, link.successor} & set(urns)]


class Indexing(Register):
    """2. Needs a list."""

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        return {} if not urns else super().institutions([urns[0], *urns])  # type: ignore[index]


class Institutions(InstitutionDirectoryContract):
    """The contract, to call its tests one by one."""

    schools = 20
    refreshes = 50

    def __init__(self, kind: type[Register]) -> None:
        self.kind = kind

    def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
        return self.kind(register)

    def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
        assert isinstance(directory, Register)
        directory.refresh(register)


class Staff(MemoryPeopleDirectory):
    """People in memory who can all be replaced."""

    def __init__(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        self.held = (tuple(people), tuple(sites))
        super().__init__(self.held[0], sites=self.held[1])

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        self.remove(*(person.id for person in self.held[0]))
        for site in self.held[1]:
            self.remove_site(site.urn)
        self.held = (tuple(people), tuple(sites))
        self.put(*self.held[0])
        self.put_sites(*self.held[1])


class CurrentOnly(Staff):
    """1. Returns only roles that are held without end."""

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        def current(person: Person) -> Person:
            return attrs.evolve(person, roles=tuple(held for held in person.roles if held.period == Period()))

        return {urn: [current(person) for person in people] for urn, people in super().at_schools(urns).items()}


class Cached(Staff):
    """1. Returns people as they were when it was made."""

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Ignore the change."""


class Unmapped(Staff):
    """2. Leaves out roles that the library does not know."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        def known(person: Person) -> Person:
            return attrs.evolve(person, roles=tuple(held for held in person.roles if held.role != "governor_2"))

        return {who: known(person) for who, person in super().people(ids).items()}


class Siteless(Staff):
    """3. Finds people by the host's id, whatever the site."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        by_host_id = {person.id.id: person for person in self.held[0]}
        return {who: by_host_id[who.id] for who in ids if who.id in by_host_id}


class Undated(Staff):
    """1. Loses the periods of permissions of people whom it finds by id."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        def undated(person: Person) -> Person:
            return attrs.evolve(person, permissions=tuple(grant.permission for grant in person.permissions))

        return {who: undated(person) for who, person in super().people(ids).items()}


class RememberingStaff(Staff):
    """1. Remembers for ever who was at a school."""

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        self.known: dict[int, Sequence[Person]] = getattr(self, "known", {})
        for urn in urns:
            self.known.setdefault(urn, super().at_schools([urn]).get(urn, ()))
        return {urn: self.known[urn] for urn in urns}


class RememberingSites(Staff):
    """1. Remembers for ever which school has a site."""

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        self.known: dict[int, SchoolSite | None] = getattr(self, "known", {})
        for urn in urns:
            self.known.setdefault(urn, super().sites([urn]).get(urn))
        return {urn: site for urn in urns if (site := self.known[urn])}


class PagingStaff(Staff):
    """1. Returns the first five hundred people of a school."""

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        return {urn: people[:500] for urn, people in super().at_schools(urns).items()}


class PagingPeople(Staff):
    """3. Finds the first five hundred."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        return super().people(list(ids)[:500])


class Numbering(Staff):
    """3. Takes the host's ids for numbers."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        def number(who: PersonId) -> tuple[object, str]:
            return who.site, who.id.lstrip("0")

        by_number = {number(person.id): person for person in self.held[0]}
        return {who: by_number[number(who)] for who in ids if number(who) in by_number}


class Cleaning(Staff):
    """1. Leaves out addresses that look wrong, which the library would see as absent anyway, and roles with them."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        return {who: person for who, person in super().people(ids).items() if person.email != " "}


class Lending(Staff):
    """5. Returns its own mapping."""

    def __init__(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        super().__init__(people, sites)
        self.by_urn = {site.urn: site for site in self.held[1]}

    def become(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        super().become(people, sites)
        self.by_urn.clear()

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        for urn in set(self.by_urn) - set(urns):
            self.by_urn.pop(urn)
        return self.by_urn


class Looking(Staff):
    """4. Looks schools up one by one, and counts how often."""

    looked = 0

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        Looking.looked += len(urns)
        return super().at_schools(urns)


class People(PeopleDirectoryContract):
    """The contract, to call its tests one by one."""

    nothing_below = True
    several = 20

    def __init__(self, kind: type[Staff]) -> None:
        self.kind = kind

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        return self.kind(people, sites)

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        assert isinstance(directory, Staff)
        directory.become(people, sites)


ENGINES: list[sa.Engine] = []
"""Those of the present test."""


@pytest.fixture(autouse=True)
def _no_engine_is_left() -> Iterator[None]:
    yield
    while ENGINES:
        ENGINES.pop().dispose()


class OnNumbers(PeopleDirectoryContract):
    """The contract, for a host whose database numbers its people, and whose roles have codes with a prefix."""

    kind: type[NumberedPeople] = NumberedPeople

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> PeopleDirectory:
        self.engine = database()
        ENGINES.append(self.engine)
        self.numbers, self.former = dict[PersonId, int](), dict[PersonId, int]()
        directory = self.kind(self.engine)
        self.replace(directory, people, sites)
        return directory

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        assert isinstance(directory, NumberedPeople)
        present = {person.id: person for person in people}
        with directory.engine.begin() as connection:
            publish(connection, sites)
            dismiss(connection, [self.numbers.pop(who) for who in set(self.numbers) - set(present)])
            for who, person in present.items():
                self.numbers[who] = employ(connection, person, self.numbers.get(who))
        self.former |= self.numbers

    def host_id(self, person: PersonId, /) -> str:
        return str(self.former[person])

    def host_role(self, role: str, /) -> str:
        return f"host_{role}"

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Count the statements."""
        return lambda call: round_trips(self.engine, call)


class TestOnNumbers(OnNumbers):
    """Ids that the database makes, and keys of roles that the host makes, are as good as any."""

    def test_the_database_makes_the_ids(self) -> None:
        """No two people have the same one, at whatever sites; each is the number of a row."""
        self.directory_of(PEOPLE, SITES)

        assert [str(number) for number in range(1, 1 + len(PEOPLE))] == [self.host_id(person.id) for person in PEOPLE]


class LooseNumbers(NumberedPeople):
    """3. Takes every text for the number that it may mean, at whatever site."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        by_number = {int(who.id): who for who in ids if who.id.strip().isdecimal()}
        return {by_number[int(person.id.id)]: person for person in self._people(STAFF.c.number.in_(by_number))}


class Unprefixed(NumberedPeople):
    """2. Forgets the roles for which the library has no key."""

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        def mapped(person: Person) -> Person:
            return attrs.evolve(person, roles=[held for held in person.roles if held.role in set(BusinessRole)])

        return {who: mapped(person) for who, person in super().people(ids).items()}


def on_numbers(kind: type[NumberedPeople]) -> OnNumbers:
    """Make the contract for a directory over the tables of `numbered_people`."""
    suite = OnNumbers()
    suite.kind = kind
    return suite


BROKEN: list[tuple[Callable[[Any], object], type, str]] = [
    (Institutions, OpenOnly, "test_every_linked_institution_is_listed_in_any_state"),
    (Institutions, Demanding, "test_only_what_was_asked_for_is_answered"),
    (Institutions, Piecemeal, "test_each_call_is_answered_from_one_register"),
    (Institutions, Forgetting, "test_a_newer_register_replaces_all_of_the_old"),
    (Institutions, Shared, "test_an_answer_is_a_copy"),
    (Institutions, Remembering, "test_what_was_answered_before_is_not_remembered"),
    (Institutions, RememberingGroups, "test_what_was_answered_before_is_not_remembered"),
    (Institutions, Paging, "test_more_schools_than_a_page_holds_are_answered"),
    (Institutions, PagingSuccessors, "test_more_schools_than_a_page_holds_are_answered"),
    (Institutions, Prefixing, "test_a_trust_whose_code_begins_alike_is_another"),
    (Institutions, Thin, "test_only_what_was_asked_for_is_answered"),
    (Institutions, Backwards, "test_only_what_was_asked_for_is_answered"),
    (Institutions, Indexing, "test_only_what_was_asked_for_is_answered"),
    (People, CurrentOnly, "test_people_are_answered_with_all_that_they_hold"),
    (People, Cached, "test_the_present_state_of_the_sites_is_answered"),
    (People, Unmapped, "test_everybody_is_answered_by_id"),
    (People, Siteless, "test_the_same_host_id_at_two_sites_is_two_people"),
    (People, Siteless, "test_only_what_was_asked_for_is_answered"),
    (People, Lending, "test_an_answer_is_a_copy"),
    (People, Undated, "test_everybody_is_answered_by_id"),
    (People, RememberingStaff, "test_what_was_answered_before_is_not_remembered"),
    (People, RememberingSites, "test_what_was_answered_before_is_not_remembered"),
    (People, PagingStaff, "test_more_people_than_a_page_holds_are_answered"),
    (People, PagingPeople, "test_more_people_than_a_page_holds_are_answered"),
    (People, Numbering, "test_everybody_is_answered_by_id"),
    (People, Cleaning, "test_everybody_is_answered_by_id"),
    (on_numbers, LooseNumbers, "test_only_what_was_asked_for_is_answered"),
    (on_numbers, Unprefixed, "test_everybody_is_answered_by_id"),
]


@pytest.mark.parametrize(
    ("suite", "broken", "test"), BROKEN, ids=[f"{kind.__name__}-{n}" for n, (_, kind, _) in enumerate(BROKEN)]
)
def test_a_directory_that_breaks_a_promise_fails(suite: Callable[[Any], object], broken: type, test: str) -> None:
    """The test that proves the promise fails on it, and passes on the class that keeps it."""
    getattr(suite(broken.__base__), test)()
    with pytest.raises((AssertionError, KeyError, TypeError)):
        getattr(suite(broken), test)()


def test_a_directory_of_people_whose_cost_grows_fails() -> None:
    """The contract detects one round trip for each school, and a counter that counts nothing."""

    class Counted(People):
        nothing_below = False

    def count(call: Callable[[], object]) -> int:
        before = Looking.looked
        call()
        return 1 + Looking.looked - before

    test = "test_people_of_many_schools_cost_as_much_as_those_of_one"
    getattr(Counted(Staff), test)(count)
    with pytest.raises(AssertionError):
        getattr(Counted(Looking), test)(count)
    with pytest.raises(AssertionError, match="Nothing was counted"):
        getattr(Counted(Staff), test)(lambda call: [call()].count(0))
