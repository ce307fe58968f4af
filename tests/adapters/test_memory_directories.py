"""The directories in memory keep the contracts of their ports, and refuse what they cannot hold."""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.people import (
    Associations,
    BusinessRole,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.domain.register import EstablishmentStatus, GroupId, SuccessorLink, TrustLink
from datashare.errors import InvalidValue
from datashare.ports import InstitutionDirectory, PeopleDirectory
from datashare.testing import InstitutionDirectoryContract, PeopleDirectoryContract, RegisterFacts
from tests.builders import DAY, URN, group, institution, person, sender
from tests.builders import LA as AUTHORITY
from tests.builders import MAT as TRUST

OTHER_TRUST = GroupId.mat("870")
OPEN = institution()
CLOSED = institution(100001, "Old School", status=EstablishmentStatus.CLOSED)
LATER = institution(100002, "Joins Later", trusts=[TrustLink("5143", "", date(2999, 1, 1))])
ELSEWHERE = institution(100003, "Elsewhere", trusts=[TrustLink("870")], local_authority=None)
ALONE = institution(100004, "Alone", trusts=[], local_authority=None)
ALL = (OPEN, CLOSED, LATER, ELSEWHERE, ALONE)
LINKS = (
    SuccessorLink(predecessor=1, successor=2, kind="Successor"),
    SuccessorLink(predecessor=1, successor=3, kind="Result of Amalgamation", day=date(2999, 9, 1)),
    SuccessorLink(predecessor=2, successor=1, kind="Successor"),
)


def register(**changes: Any) -> MemoryInstitutionDirectory:
    """Give a register with schools of two trusts and one authority."""
    facts: dict[str, Any] = {
        "groups": [group(), group(AUTHORITY), group(OTHER_TRUST, is_open=False)],
        "clusters": {TRUST: {"North": [URN, 100001], "Süd": [URN]}, OTHER_TRUST: {"North": [100003]}},
        "successors": LINKS,
        "register_day": DAY,
    }
    return MemoryInstitutionDirectory(ALL, **{**facts, **changes})


class TestMemoryInstitutionDirectory(InstitutionDirectoryContract):
    """It keeps the contract."""

    def directory_of(self, facts: RegisterFacts) -> MemoryInstitutionDirectory:
        """Make a directory of these facts."""
        found = MemoryInstitutionDirectory([], groups=[])
        self.refresh(found, facts)
        return found

    def refresh(self, directory: InstitutionDirectory, facts: RegisterFacts) -> None:
        """Put these facts in the place of all that were there."""
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
        """Make a directory of these people and sites."""
        self.people, self.sites = tuple(people), tuple(sites)
        return MemoryPeopleDirectory(self.people, sites=self.sites)

    def replace(self, directory: PeopleDirectory, people: Iterable[Person], sites: Iterable[SchoolSite]) -> None:
        """Forget those who were there, and put these people and sites in their place."""
        assert isinstance(directory, MemoryPeopleDirectory)
        directory.remove(*(one.id for one in self.people))
        for site in self.sites:
            directory.remove_site(site.urn)
        directory.put(*people)
        directory.put_sites(*sites)


def test_they_are_the_directories_of_the_ports() -> None:
    """A type checker takes them for the ports."""
    institutions: InstitutionDirectory = register()
    people: PeopleDirectory = MemoryPeopleDirectory()

    assert institutions.register_day() == DAY
    assert people.people([]) == {}


@pytest.mark.parametrize("day", ["2026-05-03", 20260503], ids=repr)
def test_a_registers_day_is_a_day(day: object) -> None:
    """A text is no day, and the register that was there before stays."""
    found = register()

    with pytest.raises(InvalidValue, match="register_day"):
        found.replace([], groups=[], register_day=day)  # type: ignore[arg-type]
    assert {URN: OPEN} == found.institutions([URN])


def test_equal_rows_with_one_urn_are_one() -> None:
    """A URN or a group that is given twice alike is one institution or one group."""
    found = MemoryInstitutionDirectory(
        iter([OPEN, institution()]), groups=iter([group(), group()]), successors=iter([])
    )

    assert {URN: OPEN} == found.institutions([URN])
    assert [OPEN] == list(found.linked(TRUST))
    assert group() == found.group(TRUST)


def test_two_institutions_or_groups_under_one_id_are_refused() -> None:
    """Which of two that differ is meant cannot be told; the register that was there before stays."""
    found = register()
    moved = institution(trusts=[TrustLink("870")])

    with pytest.raises(InvalidValue, match="institutions must be given once for each URN, or always alike; got 100000"):
        found.replace([OPEN, moved], groups=[])
    with pytest.raises(InvalidValue, match="groups must be given once for each id, or always alike; got 'mat:5143'"):
        found.replace([], groups=[group(), group(is_open=False)])
    assert {URN: OPEN} == found.institutions([URN])
    assert group() == found.group(TRUST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in ("institutions", "groups", "successors") for value in ([1], ["x"], "x", 5, None)],
        ("clusters", [1]),
        ("clusters", "x"),
        ("clusters", {"mat:5143": {}}),
        ("clusters", {TRUST: None}),
        ("clusters", {TRUST: ["North"]}),
        ("clusters", {TRUST: {"North": "abc"}}),
        ("clusters", {TRUST: {"North": ["100000"]}}),
        ("clusters", {TRUST: {"North": 100000}}),
        ("clusters", {TRUST: {"North": None}}),
        ("clusters", {TRUST: {"": [URN]}}),
        ("clusters", {TRUST: {7: [URN]}}),
    ],
    ids=repr,
)
def test_what_a_register_cannot_hold_is_refused(name: str, value: object) -> None:
    """What is no institution, no group, no link and no cluster is told, and the register that was there stays."""
    found = register()
    facts: dict[str, Any] = {"institutions": [ALONE], "groups": [], name: value}

    with pytest.raises(InvalidValue, match="must be"):
        found.replace(**facts)
    with pytest.raises(InvalidValue, match="must be"):
        MemoryInstitutionDirectory(**facts)
    assert {URN: OPEN, 100004: ALONE} == found.institutions([URN, 100004])


@pytest.mark.parametrize("call", ["institutions", "successors"])
@pytest.mark.parametrize("urns", ["100000", ["100000"], 100000, None, [True]], ids=repr)
def test_a_register_is_asked_by_urns(call: str, urns: object) -> None:
    """A question with what is no URN has no answer."""
    with pytest.raises(InvalidValue, match="urns must be"):
        getattr(register(), call)(urns)


@pytest.mark.parametrize("call", ["group", "linked", "clusters"])
@pytest.mark.parametrize("of", ["mat:5143", None, [], group()], ids=repr)
def test_a_register_is_asked_by_group_ids(call: str, of: object) -> None:
    """A question about what is no group has no answer."""
    with pytest.raises(InvalidValue, match="group must be a GroupId"):
        getattr(register(), call)(of)


def test_what_was_handed_in_can_be_changed_afterwards() -> None:
    """The directory does not share the caller's containers."""
    institutions, groups, links = [OPEN], [group()], list(LINKS)
    named = {"North": {URN}}
    clusters: dict[GroupId, Mapping[str, Iterable[int]]] = {TRUST: named}
    found = MemoryInstitutionDirectory(institutions, groups=groups, clusters=clusters, successors=links)
    named["North"].add(7)
    for container in (institutions, groups, links, named, clusters):
        container.clear()

    assert {URN: OPEN} == found.institutions([URN])
    assert [OPEN] == list(found.linked(TRUST))
    assert found.group(TRUST) == group()
    assert {"North": frozenset({URN})} == found.clusters(TRUST)
    assert len(found.successors([1])) == 2


def test_changing_an_answer_of_the_register_changes_nothing() -> None:
    """Containers that were answered can be emptied without any effect."""
    found = register()
    answers: list[Any] = [found.institutions([URN]), found.clusters(TRUST), found.successors([1])]
    for answer in answers:
        answer.clear()

    assert {URN: OPEN} == found.institutions([URN])
    assert {"North", "Süd"} == set(found.clusters(TRUST))
    assert len(found.successors([1])) == 2
    assert isinstance(found.linked(TRUST), tuple)


HANA = person()
DAI = person("dai", name="Dai ap Rhys", email=None, roles=["governor"], permissions=list(Permission))
GONE = person("gone", roles=[HeldRole(BusinessRole.HEAD_TEACHER, Period(None, date(2000, 1, 1)))], period=Period(DAY))
NEXT_DOOR = person("hana", site=100001)
ANA = sender()
CARYS = sender("ana", site=AUTHORITY)
SITE = SchoolSite(urn=URN, data_sharing_url="https://hilda.example/data")


def directory() -> MemoryPeopleDirectory:
    """Give the people of two schools and two groups."""
    return MemoryPeopleDirectory([HANA, DAI, GONE, NEXT_DOOR, ANA, CARYS], sites=[SITE])


def test_a_person_is_replaced_as_a_whole() -> None:
    """A person put in again takes the place of the one with the same id, who is not there twice."""
    found = directory()
    moved = person(roles=(), email="new@hilda.example", permissions=())
    found.put(moved)

    assert {HANA.id: moved} == found.people([HANA.id])
    assert {moved, DAI, GONE} == set(found.at_schools([URN])[URN])


def test_a_groups_user_is_replaced_with_their_associations() -> None:
    """What a user of a group's site may log in to is read from the newest record."""
    found = directory()
    associated = person("ana", site=TRUST, roles=(), email=None)
    found.put(associated)

    assert found.people([ANA.id])[ANA.id].associations == Associations()
    assert found.people([ANA.id])[ANA.id].address is None


def test_people_can_be_forgotten() -> None:
    """Who was removed is in no answer; who was not known is passed over."""
    found = directory()
    found.remove(HANA.id, ANA.id, PersonId(999, "nobody"), PersonId(TRUST, "nobody"), HANA.id)

    assert found.people([HANA.id, ANA.id]) == {}
    assert {DAI, GONE} == set(found.at_schools([URN])[URN])


def test_a_school_without_anybody_left_is_left_out() -> None:
    """A school whose people were all removed is answered like one that was never known."""
    found = directory()
    found.remove(NEXT_DOOR.id, PersonId(999, "nobody"))

    assert found.at_schools([100001, 999]) == {}


def test_a_site_is_replaced_and_forgotten() -> None:
    """A school has one site; one that is not known is passed over."""
    found = directory()
    moved = SchoolSite(urn=URN, data_sharing_url="https://new.example/data")
    found.put_sites(moved)
    assert {URN: moved} == found.sites([URN])

    found.remove_site(URN)
    found.remove_site(URN)
    assert found.sites([URN]) == {}


@pytest.mark.parametrize("urn", ["100000", 0, None, True], ids=repr)
def test_a_site_is_forgotten_by_its_urn(urn: object) -> None:
    """What is no URN is refused, since nothing would be removed."""
    with pytest.raises(InvalidValue):
        directory().remove_site(urn)  # type: ignore[arg-type]


def test_changing_an_answer_about_people_changes_nothing() -> None:
    """Containers that were answered can be emptied without any effect."""
    found = directory()
    answers: list[Any] = [found.at_schools([URN]), found.people([HANA.id]), found.sites([URN])]
    assert isinstance(answers[0][URN], tuple)
    for answer in answers:
        answer.clear()

    assert {HANA, DAI, GONE} == set(found.at_schools([URN])[URN])
    assert {HANA.id: HANA} == found.people([HANA.id])
    assert {URN: SITE} == found.sites([URN])


def test_people_come_and_go_while_others_read() -> None:
    """Reading while another thread writes never fails, and never answers half of a call's people."""
    found = MemoryPeopleDirectory()
    staff = [person(f"p{n}") for n in range(50)]
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            found.put(*staff)
            found.remove(*(one.id for one in staff))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(500):
            assert len(found.at_schools([URN]).get(URN, ())) in {0, 50}
            assert len(found.people([one.id for one in staff])) in {0, 50}
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("made", [{"people": ["x"]}, {"people": "x"}, {"people": None}, {"sites": ["x"]}, {"sites": 5}])
def test_a_directory_of_people_holds_people_and_sites_alone(made: dict[str, Any]) -> None:
    """Whatever else it is made of is refused."""
    with pytest.raises(InvalidValue, match="must be a collection of"):
        MemoryPeopleDirectory(**made)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda found: found.put(person("new"), "x"), id="put"),
        pytest.param(lambda found: found.remove(HANA.id, "x"), id="remove"),
        pytest.param(
            lambda found: found.put_sites(SchoolSite(urn=7, data_sharing_url="https://x.example"), 5), id="site"
        ),
        pytest.param(lambda found: found.at_schools("100000"), id="at_schools"),
        pytest.param(lambda found: found.at_schools([None]), id="at_schools-of-none"),
        pytest.param(lambda found: found.sites(5), id="sites"),
        pytest.param(lambda found: found.people(["x"]), id="people"),
        pytest.param(lambda found: found.people(None), id="people-of-none"),
    ],
)
def test_what_is_no_person_and_no_school_is_refused(call: Callable[[Any], object]) -> None:
    """It is told, and nothing of the call is done."""
    found = directory()

    with pytest.raises(InvalidValue, match="must be"):
        call(found)
    assert {HANA, DAI, GONE} == set(found.at_schools([URN])[URN])
    assert found.sites([7]) == {}
