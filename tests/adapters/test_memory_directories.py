"""What the directories of institutions and of people must do, proven on those in memory.

The sections carry the numbers of *Implementers must* in `datashare.ports.directories`.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.institutions import EstablishmentStatus, Group, GroupId, SuccessorLink, TrustLink
from datashare.domain.people import (
    Associations,
    BusinessRole,
    HeldRole,
    Period,
    Permission,
    PersonId,
    SchoolSite,
)
from datashare.errors import InvalidValue
from datashare.ports import InstitutionDirectory, PeopleDirectory
from tests.domain.builders import AUTHORITY, DAY, READING, TRUST, URN, group, institution, person, sender

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


def test_they_are_the_directories_of_the_ports() -> None:
    """A type checker takes them for the ports."""
    institutions: InstitutionDirectory = register()
    people: PeopleDirectory = MemoryPeopleDirectory()

    assert institutions.register_day() == DAY
    assert people.people([]) == {}


# Institutions: 1. everything that is linked


@pytest.mark.rule("V1", "V6")
def test_every_linked_institution_is_answered_whatever_its_state() -> None:
    """Closed schools and links of the future are answered too, since the library decides what is visible."""
    found = register()

    assert {OPEN, CLOSED, LATER} == set(found.linked(TRUST))
    assert {OPEN, CLOSED, LATER} == set(found.linked(AUTHORITY))
    assert {ELSEWHERE} == set(found.linked(OTHER_TRUST))


def test_a_school_of_two_trusts_is_linked_with_both_once() -> None:
    """Several links with one trust count once, links with two trusts for each."""
    both = institution(7, trusts=[TrustLink("5143"), TrustLink("870"), TrustLink("5143", "", DAY)])
    found = MemoryInstitutionDirectory([both], groups=[])

    assert [both] == list(found.linked(TRUST))
    assert [both] == list(found.linked(OTHER_TRUST))


# Institutions: 2. only what was asked for, and nothing raised for what is not known


def test_only_what_was_asked_for_is_answered() -> None:
    """What is not known is left out, and what is asked for twice is answered once."""
    found = register()

    assert {URN: OPEN, 100003: ELSEWHERE} == found.institutions([URN, 999, 100003, URN])
    assert found.institutions([]) == {}
    assert list(LINKS[:2]) == list(found.successors([1, 999, 1]))
    assert set(LINKS) == set(found.successors({1, 2}))
    assert {"North": frozenset({100003})} == found.clusters(OTHER_TRUST)


def test_a_group_that_is_not_known_has_nothing() -> None:
    """For an unknown group every answer is empty."""
    found = register()
    unknown = GroupId.local_authority("871")

    assert found.group(unknown) is None
    assert list(found.linked(unknown)) == []
    assert found.clusters(unknown) == {}


def test_groups_are_told_apart_by_kind() -> None:
    """An authority and a trust with one code are two groups."""
    found = register()

    assert found.group(AUTHORITY) == group(AUTHORITY)
    assert found.group(OTHER_TRUST) == group(OTHER_TRUST, is_open=False)
    assert AUTHORITY.code == OTHER_TRUST.code


def test_an_empty_register_answers_nothing() -> None:
    """A register without anything in it, and without a day, is no error."""
    found = MemoryInstitutionDirectory([], groups=[])

    assert found.register_day() is None
    assert found.institutions([URN]) == {}
    assert list(found.successors([1])) == []


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


# Institutions: 3. one state of the register


def test_a_newer_register_takes_the_place_of_all_of_the_old() -> None:
    """Nothing of the old register is left: schools, links, groups, clusters, successors, day."""
    found = register()
    found.replace([ALONE], groups=[])

    assert {100004: ALONE} == found.institutions([URN, 100004])
    assert list(found.linked(TRUST)) == []
    assert found.group(TRUST) is None
    assert found.clusters(TRUST) == {}
    assert list(found.successors([1, 2])) == []
    assert found.register_day() is None


def test_each_call_is_answered_from_one_register() -> None:
    """While another thread puts one register in the place of another, no answer mixes the two."""
    names = ("One", "Two")
    schools = {name: [institution(urn, name) for urn in range(1, 200)] for name in names}
    found = MemoryInstitutionDirectory(schools["One"], groups=[])
    ended = threading.Event()

    def replace() -> None:
        while not ended.is_set():
            for name in names:
                found.replace(schools[name], groups=[])

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(300):
            assert len({one.name for one in found.institutions(range(1, 200)).values()}) == 1
            assert len({one.name for one in found.linked(TRUST)}) == 1
    finally:
        ended.set()
        thread.join()


# Institutions: 4. values that nobody changes


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


def test_an_answer_of_the_register_outlives_it() -> None:
    """What was answered stays as it was when a newer register comes."""
    found = register()
    linked, clusters = found.linked(TRUST), found.clusters(TRUST)
    found.replace([], groups=[])

    assert {OPEN, CLOSED, LATER} == set(linked)
    assert {"North", "Süd"} == set(clusters)


# People: 1. everything about them, current or not

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


def test_people_are_answered_with_all_that_they_hold() -> None:
    """Past roles, strange roles and people who are no longer users are answered too."""
    found = directory().at_schools([URN])

    assert {URN} == set(found)
    assert {HANA, DAI, GONE} == set(found[URN])


def test_the_same_host_id_at_two_sites_is_two_people() -> None:
    """People are found by site and id together, at schools and at groups."""
    found = directory()

    assert {ANA.id: ANA, CARYS.id: CARYS} == found.people([ANA.id, CARYS.id])
    assert {HANA.id: HANA, NEXT_DOOR.id: NEXT_DOOR} == found.people([HANA.id, NEXT_DOOR.id])
    assert ANA.id.id == CARYS.id.id


# People: 3. and 4. only what was asked for, in one call


def test_only_the_people_asked_for_are_answered() -> None:
    """Unknown schools and people are left out, one asked for twice is answered once."""
    found = directory()

    assert {URN, 100001} == set(found.at_schools([100001, URN, 999, URN]))
    assert (NEXT_DOOR,) == tuple(found.at_schools([100001])[100001])
    assert {HANA.id: HANA} == found.people([HANA.id, PersonId(999, "hana"), HANA.id])
    assert {URN: SITE} == found.sites([URN, 999])
    assert found.at_schools([]) == {}


def test_users_of_a_group_are_at_no_school() -> None:
    """People of a group's site are found by id alone."""
    found = MemoryPeopleDirectory([ANA])

    assert found.at_schools([URN, 5143, 870]) == {}


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


# People: 5. values that nobody changes


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


def test_an_answer_about_people_stays_as_it_was() -> None:
    """People who come and go later do not show in an earlier answer."""
    found = directory()
    answer = found.at_schools([URN])
    found.remove(HANA.id)
    found.put(person("new"))

    assert {HANA, DAI, GONE} == set(answer[URN])


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


def test_a_group_keeps_what_the_register_says_of_it() -> None:
    """A closed group is answered with the day on which it closed."""
    closed = Group(id=TRUST, name="Areté", is_open=False, closed_on=date(2025, 8, 31))

    assert closed == register(groups=[closed]).group(TRUST)
    assert READING.code == AUTHORITY.code


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
