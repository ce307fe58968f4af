"""The contract of `datashare.ports.InstitutionDirectory`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import attrs
import pytest

from datashare.domain.register import (
    UNKNOWN_DAY,
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    Phase,
    SuccessorLink,
    TrustLink,
    TrustType,
)
from datashare.ports import InstitutionDirectory
from datashare.testing.changes import COUNCIL, TRUST, TWIN, URN
from datashare.testing.threads import at_once

from ._contract import Contract, clear_all, missing

DAY = date(2026, 5, 3)
LA = Coded(COUNCIL.code, "Llanfair")


def _school(urn: int, name: str, *trusts: TrustLink, authority: Coded | None = LA, **others: Any) -> Institution:
    status = others.pop("status", EstablishmentStatus.OPEN)
    return Institution(urn=urn, name=name, status=status, trusts=trusts, local_authority=authority, **others)


OPEN = _school(URN, "St Hilda’s {CE} Primary ß", TrustLink(TRUST.code, "Areté"), town="Llanfair", postcode="LL1 1AA")
CLOSED = _school(
    100001,
    "Old Hall",
    TrustLink(TRUST.code),
    status=EstablishmentStatus.CLOSED,
    open_date=date(1872, 2, 29),
    close_date=date(2025, 8, 31),
)
LATER = _school(100002, "Joins Later", TrustLink(TRUST.code, "", date(2999, 1, 1)))
FULL = Institution(
    urn=100006,
    name="Ysgol Ł’Arche – 𝄞 & {Sons}",
    status=EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE,
    status_name="Open, but proposed to close",
    open_date=date(1872, 2, 29),
    close_date=UNKNOWN_DAY,
    phase=Phase.ALL_THROUGH,
    establishment_type=Coded("02", "Voluntary aided school"),
    establishment_type_group=Coded("4", "Local authority maintained schools"),
    local_authority=LA,
    establishment_number="0400",
    trusts=(TrustLink(TRUST.code, "Areté", DAY), TrustLink(TWIN.code, "", UNKNOWN_DAY)),
    federations=(Coded("01", "Flow"), Coded("1", "Flow")),
    street="1 O'Connell St.",
    town="Llanfair",
    county="Sir Fôn",
    postcode="LL1 1AA",
    low_age=0,
    high_age=19,
    ukprn="010012345",
    ofsted_rating="Good",
)
"""A school with a value in every field."""
UNUSUAL = tuple(
    _school(100010 + number, status.name, TrustLink(TRUST.code), status=status)
    for number, status in enumerate(EstablishmentStatus)
)
ALIKE = tuple(_school(100020 + len(code), f"Of {code}", TrustLink(code), authority=None) for code in ("5", "51", "514"))
"""Schools of trusts whose codes begin as those of the others do."""
BOTH = _school(100003, "Of Two", TrustLink(TRUST.code), TrustLink(TWIN.code), authority=None)
ELSEWHERE = _school(100004, "Elsewhere", TrustLink(TWIN.code), authority=None)
ALONE = _school(100005, "Alone", authority=None)
SCHOOLS = (OPEN, CLOSED, LATER, BOTH, ELSEWHERE, ALONE, FULL, *UNUSUAL, *ALIKE)
GROUPS = (
    Group(id=TRUST, name="Areté Learning Trust", trust_type=TrustType.SINGLE_ACADEMY),
    Group(id=COUNCIL, name="Llanfair Council"),
    Group(id=TWIN, name="Closed Trust", is_open=False, closed_on=date(2025, 8, 31)),
)
CLUSTERS = {
    TRUST: {"North": frozenset({URN, 100001}), "Süd": frozenset({URN}), "north": frozenset({999})},
    TWIN: {"North": frozenset({100004})},
}
LINKS = (
    SuccessorLink(predecessor=1, successor=2, kind="Successor"),
    SuccessorLink(predecessor=1, successor=3, kind="Result of Amalgamation", day=date(2999, 9, 1)),
    SuccessorLink(predecessor=2, successor=1, kind="Successor"),
)
UNKNOWN = GroupId.local_authority("871")
ASKED_GROUPS = (*(group.id for group in GROUPS), *(GroupId.mat(code) for code in ("5", "51", "514")), UNKNOWN)
ASKED_URNS = (*(school.urn for school in SCHOOLS), 1, 2, 3, 10, 1000, 999)


@attrs.frozen(kw_only=True)
class RegisterContents:
    """The contents of a register, from which a suite makes a directory.

    Attributes:
        institutions: The institutions; each names the groups that it is linked with.
        groups: The groups.
        clusters: Each group's own sets of schools: their URNs, by name.
        successors: The links between predecessors and successors.
        day: The day of the register, in Europe/London.
    """

    institutions: tuple[Institution, ...] = SCHOOLS
    groups: tuple[Group, ...] = GROUPS
    clusters: Mapping[GroupId, Mapping[str, frozenset[int]]] = attrs.field(factory=lambda: CLUSTERS)
    successors: tuple[SuccessorLink, ...] = LINKS
    day: date | None = DAY


EMPTY = RegisterContents(institutions=(), groups=(), clusters={}, successors=(), day=None)


class InstitutionDirectoryContract(Contract, port=InstitutionDirectory):
    """What every directory of institutions must do.

    A subclass makes a directory of a register, and replaces the register by a newer one::

        class TestMyInstitutionDirectory(InstitutionDirectoryContract):
            def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
                return MyInstitutionDirectory(load(register))

            def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
                directory.reload(load(register))

    Attributes:
        refreshes: How often the register is replaced while other threads read it.
        schools: How many schools those registers hold.
        many: How many schools are asked for in one call; more than the largest group of England has.
    """

    at_least: ClassVar[Mapping[str, int]] = {"refreshes": 20, "schools": 20, "many": 701}
    refreshes: ClassVar[int] = 20
    schools: ClassVar[int] = 20
    many: ClassVar[int] = 710

    def leave_thread(self) -> None:
        """Release what the directory holds for a thread that ends, such as a connection; most hold nothing."""

    def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
        """Make a directory of exactly this register; every subclass defines this."""
        raise NotImplementedError(missing(self, "directory_of", "a method that makes a directory of a register"))

    def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
        """Replace the register of a directory that `directory_of` made; every subclass defines this."""
        raise NotImplementedError(missing(self, "refresh", "a method that replaces the register of a directory"))

    @pytest.mark.must(1)
    @pytest.mark.rule("V1", "V6")
    def test_every_linked_institution_is_listed_in_any_state(self) -> None:
        """Closed schools and links of the future are listed too, since the library decides what is visible."""
        directory = self.directory_of(RegisterContents())

        assert {OPEN, CLOSED, LATER, BOTH, FULL, *UNUSUAL} == set(directory.linked(TRUST))
        assert {OPEN, CLOSED, LATER, FULL, *UNUSUAL} == set(directory.linked(COUNCIL))
        assert {BOTH, ELSEWHERE, FULL} == set(directory.linked(TWIN))

    @pytest.mark.must(1, 2)
    @pytest.mark.rule("V1")
    def test_a_trust_whose_code_begins_alike_is_another(self) -> None:
        """Links, clusters and the group itself are found by the whole code."""
        directory = self.directory_of(RegisterContents())

        assert [[school] for school in ALIKE] == [list(directory.linked(GroupId.mat(c))) for c in ("5", "51", "514")]
        assert [{}] * 3 == [dict(directory.clusters(GroupId.mat(code))) for code in ("5", "51", "514")]
        assert [None] * 3 == [directory.group(GroupId.mat(code)) for code in ("5", "51", "514")]

    @pytest.mark.must(1, 2)
    def test_more_schools_than_a_page_holds_are_answered(self) -> None:
        """A group with more schools than the largest of England has is answered whole, by every call."""
        urns = range(1, 1 + self.many)
        schools = tuple(_school(urn, f"School {urn}", TrustLink(TRUST.code)) for urn in urns)
        links = tuple(SuccessorLink(predecessor=urn, successor=urn + 1, kind="Successor") for urn in urns)
        clusters = {TRUST: {"All": frozenset(urns), **{f"Of {urn}": frozenset({urn}) for urn in urns}}}
        directory = self.directory_of(RegisterContents(institutions=schools, clusters=clusters, successors=links))

        assert set(schools) == set(directory.linked(TRUST)) == set(directory.linked(COUNCIL))
        assert {school.urn: school for school in schools} == dict(directory.institutions(urns))
        assert set(links) == set(directory.successors(urns))
        assert clusters[TRUST] == dict(directory.clusters(TRUST))

    @pytest.mark.must(1)
    def test_several_links_with_one_trust_count_once(self) -> None:
        """A school that is linked twice with a trust is listed once; one with two trusts is listed for each."""
        twice = _school(7, "Twice", TrustLink(TRUST.code), TrustLink(TWIN.code), TrustLink(TRUST.code, "", DAY))
        directory = self.directory_of(RegisterContents(institutions=(twice,), clusters={}))

        assert [twice] == list(directory.linked(TRUST))
        assert [twice] == list(directory.linked(TWIN))

    @pytest.mark.must(2)
    def test_only_what_was_asked_for_is_answered(self) -> None:
        """What is unknown is left out, and what is asked for twice is returned once."""
        directory = self.directory_of(RegisterContents())
        by_urn = {school.urn: school for school in SCHOOLS}

        assert {URN: OPEN, 100004: ELSEWHERE} == dict(directory.institutions([URN, 999, 100004, URN]))
        for kind in (set, list, tuple, frozenset, dict.fromkeys):
            assert by_urn == dict(directory.institutions(kind(by_urn)))
            assert set(LINKS) == set(directory.successors(kind([1, 2])))
        assert {} == dict(directory.institutions([]))
        assert sorted(LINKS[:2], key=repr) == sorted(directory.successors([1, 999, 1]), key=repr)
        assert [] == list(directory.successors([3, 10]))
        assert [] == list(directory.successors([]))
        assert CLUSTERS[TWIN] == dict(directory.clusters(TWIN))
        assert CLUSTERS[TRUST] == dict(directory.clusters(TRUST))
        assert DAY == directory.register_day()

    @pytest.mark.must(2)
    def test_an_unknown_group_has_nothing(self) -> None:
        """For an unknown group every answer is empty."""
        directory = self.directory_of(RegisterContents())

        assert directory.group(UNKNOWN) is None
        assert [] == list(directory.linked(UNKNOWN))
        assert {} == dict(directory.clusters(UNKNOWN))
        assert {} == dict(directory.clusters(COUNCIL))

    @pytest.mark.must(2)
    def test_groups_of_one_code_are_told_apart_by_kind(self) -> None:
        """An authority and a trust with one code are two groups, each with its own entry in the register."""
        directory = self.directory_of(RegisterContents())

        assert list(GROUPS) == [directory.group(group.id) for group in GROUPS]

    @pytest.mark.must(3)
    def test_each_call_is_answered_from_one_register(self) -> None:
        """While another thread replaces one register by another, no answer mixes the two."""
        urns = range(1, self.schools)
        registers = [
            RegisterContents(
                institutions=tuple(_school(urn, name, TrustLink(TRUST.code)) for urn in urns),
                clusters={TRUST: {f"{name} {urn}": frozenset({urn}) for urn in urns}},
                successors=tuple(SuccessorLink(predecessor=urn, successor=9_999, kind=name) for urn in urns),
            )
            for name in ("First", "Other")
        ]
        directory = self.directory_of(registers[0])
        ended = list[bool]()

        def refresh() -> None:
            try:
                for number in range(self.refreshes):
                    self.refresh(directory, registers[number % 2])
            finally:
                ended.append(True)

        def read() -> None:
            while not ended:
                assert 1 == len({school.name for school in directory.institutions(urns).values()})
                assert 1 == len({school.name for school in directory.linked(TRUST)})
                assert 1 == len({link.kind for link in directory.successors(urns)})
                assert 1 == len({name[:5] for name in directory.clusters(TRUST)})

        at_once([refresh, read], at_end=self.leave_thread)

    @pytest.mark.must(3)
    def test_a_newer_register_replaces_all_of_the_old(self) -> None:
        """Nothing of the old register is left: schools, links, clusters, successors, day; of a group only its name."""
        directory = self.directory_of(RegisterContents())
        self.refresh(directory, attrs.evolve(EMPTY, institutions=(ALONE,)))

        assert {ALONE.urn: ALONE} == dict(directory.institutions([URN, ALONE.urn]))
        assert [] == list(directory.linked(TRUST))
        assert directory.group(TRUST) in {None, attrs.evolve(GROUPS[0], is_open=False, in_register=False)}
        assert {} == dict(directory.clusters(TRUST))
        assert [] == list(directory.successors([1, 2]))
        assert directory.register_day() is None

    @pytest.mark.must(3)
    def test_what_was_answered_before_is_not_remembered(self) -> None:
        """After each newer register every answer is the newer one, of what was unknown before too."""
        moved = attrs.evolve(OPEN, name="St Hilda’s Academy", trusts=(TrustLink(TWIN.code),), local_authority=None)
        link = SuccessorLink(predecessor=3, successor=1, kind="Successor", day=DAY)
        second = RegisterContents(
            institutions=(moved, attrs.evolve(ALONE, urn=999)),
            groups=(attrs.evolve(GROUPS[0], name="Areté"), Group(id=UNKNOWN, name="Unknown no more")),
            clusters={UNKNOWN: CLUSTERS[TRUST], TRUST: {"Süd": frozenset({999})}},
            successors=(LINKS[1], link),
            day=date(2026, 6, 3),
        )
        directory = self.directory_of(RegisterContents())
        _check_all(directory, RegisterContents())
        for register in (second, RegisterContents()):
            self.refresh(directory, register)
            _check_all(directory, register)

    @pytest.mark.must(4)
    def test_an_answer_is_a_copy(self) -> None:
        """Emptying an answer does not touch the directory, and a newer register does not touch an answer."""

        def ask() -> list[Any]:
            clusters, links = directory.clusters(TRUST), directory.successors([1])
            return [directory.institutions([URN]), directory.linked(TRUST), clusters, links]

        directory = self.directory_of(RegisterContents())
        clear_all(ask())
        schools, linked, clusters, links = ask()
        self.refresh(directory, EMPTY)

        assert {URN: OPEN} == dict(schools)
        assert {OPEN, CLOSED, LATER, BOTH, FULL, *UNUSUAL} == set(linked)
        assert CLUSTERS[TRUST] == dict(clusters)
        assert 2 == len(links)


def _check_all(directory: InstitutionDirectory, register: RegisterContents) -> None:
    """Check every answer of a directory of a register."""
    groups = {group.id: group for group in register.groups}
    for asked in ASKED_GROUPS:
        linked = [school for school in register.institutions if asked in school.groups]
        assert sorted(linked, key=repr) == sorted(directory.linked(asked), key=repr)
        assert dict(register.clusters.get(asked, {})) == dict(directory.clusters(asked))
        group = directory.group(asked)
        assert groups.get(asked) == (group if group and group.in_register else None)
    known = {school.urn: school for school in register.institutions}
    links = [link for link in register.successors if link.predecessor in ASKED_URNS]
    assert known == dict(directory.institutions(ASKED_URNS))
    assert [known.get(urn) for urn in ASKED_URNS] == [directory.institutions([urn]).get(urn) for urn in ASKED_URNS]
    assert sorted(links, key=repr) == sorted(directory.successors(ASKED_URNS), key=repr)
    assert register.day == directory.register_day()
