"""The directories in memory keep the contracts of their ports, and refuse invalid values."""

import threading
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import count
from typing import Any

import attrs
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.agreements import RefusalCode
from datashare.domain.people import Associations, Person, PersonId, SchoolSite
from datashare.domain.register import EstablishmentStatus, GroupId, SuccessorLink, TrustLink
from datashare.errors import InvalidInput, Misconfigured, Refused
from datashare.ports import InstitutionDirectory, PeopleDirectory
from datashare.testing import InstitutionDirectoryContract, PeopleDirectoryContract, RegisterContents
from tests.builders import DAY, URN, group, institution, person, sender
from tests.builders import MAT as TRUST

CLOSED = EstablishmentStatus.CLOSED
OPEN = institution()
ALONE = institution(100004, "Alone", trusts=[], local_authority=None)
LINKS = (
    SuccessorLink(predecessor=1, successor=2, kind="Successor"),
    SuccessorLink(predecessor=1, successor=3, kind="Result of Amalgamation", day=date(2999, 9, 1)),
)


def register() -> MemoryInstitutionDirectory:
    """Build a register with a school of a trust and a school of no group."""
    return MemoryInstitutionDirectory(
        [OPEN, ALONE], groups=[group()], clusters={TRUST: {"Süd": [URN]}}, successors=LINKS, register_day=DAY
    )


class TestMemoryInstitutionDirectory(InstitutionDirectoryContract):
    """It keeps the contract."""

    def directory_of(self, facts: RegisterContents) -> MemoryInstitutionDirectory:
        """Build a directory of these facts."""
        directory = MemoryInstitutionDirectory([], groups=[])
        self.refresh(directory, facts)
        return directory

    def refresh(self, directory: InstitutionDirectory, facts: RegisterContents) -> None:
        """Replace all facts."""
        assert isinstance(directory, MemoryInstitutionDirectory)
        directory.replace(
            facts.institutions,
            groups=facts.groups,
            clusters=facts.clusters,
            successors=facts.successors,
            register_day=facts.day,
        )


class TestMemoryPeopleDirectory(PeopleDirectoryContract):
    """It keeps the contract; there is nothing below it."""

    nothing_below = True

    def directory_of(self, people: Iterable[Person], sites: Iterable[SchoolSite]) -> MemoryPeopleDirectory:
        """Build a directory of these people and sites."""
        self.people, self.sites = tuple(people), tuple(sites)
        return MemoryPeopleDirectory(self.people, sites=self.sites)

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Replace all people and sites."""
        assert isinstance(directory, MemoryPeopleDirectory)
        directory.remove(*(person.id for person in self.people))
        for site in self.sites:
            directory.remove_site(site.urn)
        directory.put(*people)
        directory.put_sites(*sites)


def test_equal_values_with_one_urn_or_id_count_once() -> None:
    """A URN or a group that is handed in twice with equal data is one institution or one group."""
    directory = MemoryInstitutionDirectory(iter([OPEN, institution()]), groups=iter([group(), group()]))

    assert {URN: OPEN} == directory.institutions([URN])
    assert [OPEN] == list(directory.linked(TRUST))
    assert group() == directory.group(TRUST)


def test_two_institutions_or_groups_under_one_id_are_refused() -> None:
    """Where two with one key differ, it is unknown which is meant; the present register stays."""
    directory = register()
    moved = institution(trusts=[TrustLink("870")])

    with pytest.raises(InvalidInput, match="institutions must be equal where they share a URN; got 100000"):
        directory.replace([OPEN, moved], groups=[])
    with pytest.raises(InvalidInput, match="groups must be equal where they share an id; got 'mat:5143'"):
        directory.replace([], groups=[group(), group(is_open=False)])
    assert {URN: OPEN} == directory.institutions([URN])
    assert group() == directory.group(TRUST)


@pytest.mark.rule("V8")
def test_a_group_that_the_register_no_longer_names_keeps_its_name() -> None:
    """A trust that merged away is still called by its name, through several registers, until one names it again."""
    directory = register()
    closed = attrs.evolve(group(), is_open=False, in_register=False)

    for _ in range(2):
        directory.replace([ALONE], groups=[])
        assert closed == directory.group(TRUST)
    directory.replace([ALONE], groups=[attrs.evolve(group(), name="New Name")])

    assert attrs.evolve(group(), name="New Name") == directory.group(TRUST)


@pytest.mark.rule("E3")
def test_a_register_that_lacks_much_of_the_present_one_is_refused() -> None:
    """A download that was cut short, or of open schools alone, does not get in place unless that is asked for."""
    schools = [institution(urn, status=CLOSED if urn % 8 == 0 else OPEN.status) for urn in range(1, 2001)]
    directory = MemoryInstitutionDirectory(schools, groups=[group()])

    for shrunk, words in (
        (schools[:1000], "lacks 1,000 of 2,000 institutions that the one in place has"),
        ([school for school in schools if school.status is not CLOSED], "lacks 250 of 2,000 institutions"),
        ([school for school in schools if school.urn % 9], "lacks 222 of 2,000 institutions"),
        ([school for school in schools if school.urn % 8 or school.urn > 1208], "lacks 151 of 250 closed institutions"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            directory.replace(shrunk, groups=[])
        assert [RefusalCode.REGISTER_SHRUNK] == [reason.code for reason in refused.value.reasons]
        assert 2000 == len(directory.linked(TRUST))
    directory.replace(schools[100:], groups=[group()])  # a hundred, as many as it may always lack
    assert 1900 == len(directory.linked(TRUST))
    directory.replace(schools[100:500], groups=[group()], most_gone_percent=100)
    assert 400 == len(directory.linked(TRUST))
    for percent in (-1, 101, 10.0, None):
        with pytest.raises(InvalidInput, match="most_gone_percent must be a whole number from 0 to 100"):
            directory.replace(schools, groups=[], most_gone_percent=percent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("institutions", "groups", "successors") for value in ([1], "x", None)],
        ("register_day", "2026-05-03"),
        ("clusters", [1]),
        ("clusters", {"mat:5143": {}}),
        ("clusters", {TRUST: ["North"]}),
        ("clusters", {TRUST: {"North": "abc"}}),
        ("clusters", {TRUST: {"North": ["100000"]}}),
        ("clusters", {TRUST: {"North": 100000}}),
        ("clusters", {TRUST: {"": [URN]}}),
    ],
    ids=count(),
)
def test_what_a_register_cannot_hold_is_refused(name: str, value: object) -> None:
    """Invalid institutions, groups, links, clusters and days are refused, and the present register stays."""
    directory = register()
    facts: dict[str, Any] = {"institutions": [ALONE], "groups": [], name: value}

    with pytest.raises(InvalidInput, match=f"{name} must be|must be a"):
        directory.replace(**facts)
    with pytest.raises(Misconfigured, match=f"{name} must be|must be a"):
        MemoryInstitutionDirectory(**facts)
    assert {URN: OPEN, 100004: ALONE} == directory.institutions([URN, 100004])


@pytest.mark.parametrize(
    ("calls", "arguments", "message"),
    [
        (["institutions", "successors"], ["100000", ["100000"], 100000, None, [True]], "urns must be"),
        (["group", "linked", "clusters"], ["mat:5143", None, [], group()], "group must be a GroupId"),
    ],
    ids=["URNs", "group ids"],
)
def test_a_register_is_asked_by_urns_and_group_ids(calls: list[str], arguments: list[object], message: str) -> None:
    """A question about anything else has no answer."""
    for call in calls:
        for argument in arguments:
            with pytest.raises(InvalidInput, match=message):
                getattr(register(), call)(argument)


def test_the_callers_containers_can_be_changed_afterwards() -> None:
    """The directory does not share them."""
    institutions, groups, links = [OPEN], [group()], list(LINKS)
    named = {"North": {URN}}
    clusters: dict[GroupId, Mapping[str, Iterable[int]]] = {TRUST: named}
    directory = MemoryInstitutionDirectory(institutions, groups=groups, clusters=clusters, successors=links)
    named["North"].add(7)
    for container in (institutions, groups, links, named, clusters):
        container.clear()

    assert {URN: OPEN} == directory.institutions([URN])
    assert [OPEN] == list(directory.linked(TRUST))
    assert directory.group(TRUST) == group()
    assert {"North": frozenset({URN})} == directory.clusters(TRUST)
    assert len(directory.successors([1])) == 2


HANA, DAI, NEXT_DOOR = person(), person("dai", name="Dai ap Rhys"), person("hana", site=100001)
ANA = sender()
SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data")


def people() -> MemoryPeopleDirectory:
    """Build a directory of the people of two schools and a group."""
    return MemoryPeopleDirectory([HANA, DAI, NEXT_DOOR, ANA], sites=[SITE])


def test_a_person_is_replaced_as_a_whole() -> None:
    """A person put in again replaces the one with the same id, who is not there twice."""
    directory = people()
    moved = person(roles=(), email="new@hilda.example", permissions=())
    associated = person("ana", site=TRUST, roles=(), email=None)
    directory.put(moved, associated)

    assert {HANA.id: moved, ANA.id: associated} == directory.people([HANA.id, ANA.id])
    assert {moved, DAI} == set(directory.at_schools([URN])[URN])
    assert directory.people([ANA.id])[ANA.id].associations == Associations()


def test_people_can_be_removed() -> None:
    """Who was removed is in no answer; ids that are not known are ignored; an empty school is left out."""
    directory = people()
    unknown = PersonId(999, "nobody"), PersonId(TRUST, "nobody")
    directory.remove(HANA.id, ANA.id, NEXT_DOOR.id, *unknown, HANA.id)

    assert directory.people([HANA.id, ANA.id]) == {}
    assert {URN: (DAI,)} == directory.at_schools([URN, 100001, 999])


def test_a_site_is_replaced_and_removed() -> None:
    """A school has one site; a URN that is not known is ignored."""
    directory = people()
    moved = SchoolSite(urn=URN, data_sharing_url="https://new.example/data")
    directory.put_sites(moved)
    assert {URN: moved} == directory.sites([URN])

    directory.remove_site(URN)
    directory.remove_site(URN)
    assert directory.sites([URN]) == {}


def test_people_come_and_go_while_others_read() -> None:
    """Reading while another thread writes never fails, and never answers half of a call's people."""
    directory = MemoryPeopleDirectory()
    staff = [person(f"p{n}") for n in range(50)]
    ids = [member.id for member in staff]
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            directory.put(*staff)
            directory.remove(*ids)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(300):
            assert len(directory.at_schools([URN]).get(URN, ())) in {0, 50}
            assert len(directory.people(ids)) in {0, 50}
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    "arguments", [{"people": ["x"]}, {"people": "x"}, {"people": None}, {"sites": ["x"]}, {"sites": 5}], ids=repr
)
def test_a_directory_of_people_holds_only_people_and_sites(arguments: dict[str, Any]) -> None:
    """Anything else is a mistake of the code that sets it up."""
    with pytest.raises(Misconfigured, match="must be a collection of"):
        MemoryPeopleDirectory(**arguments)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("put", [person("new"), "x"]),
        ("remove", [HANA.id, "x"]),
        ("put_sites", [SchoolSite(urn=7, data_sharing_url="https://x.example"), 5]),
        ("remove_site", ["100000"]),
        ("at_schools", [[None]]),
        ("sites", [5]),
        ("people", [["x"]]),
    ],
    ids=count(),
)
def test_a_directory_of_people_refuses_invalid_values(call: str, arguments: list[Any]) -> None:
    """An invalid value is refused, and nothing of the call is done."""
    directory = people()

    with pytest.raises(InvalidInput, match="must be"):
        getattr(directory, call)(*arguments)
    assert {HANA, DAI} == set(directory.at_schools([URN])[URN])
    assert directory.sites([7]) == {}
