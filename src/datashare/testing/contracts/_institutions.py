"""The contract of `datashare.ports.InstitutionDirectory`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import attrs
import pytest

from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, SuccessorLink, TrustLink
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
BOTH = _school(100003, "Of Two", TrustLink(TRUST.code), TrustLink(TWIN.code), authority=None)
ELSEWHERE = _school(100004, "Elsewhere", TrustLink(TWIN.code), authority=None)
ALONE = _school(100005, "Alone", authority=None)
SCHOOLS = (OPEN, CLOSED, LATER, BOTH, ELSEWHERE, ALONE)
GROUPS = (
    Group(id=TRUST, name="Areté Learning Trust"),
    Group(id=COUNCIL, name="Llanfair Council"),
    Group(id=TWIN, name="Closed Trust", is_open=False, closed_on=date(2025, 8, 31)),
)
CLUSTERS = {TRUST: {"North": frozenset({URN, 100001}), "Süd": frozenset({URN})}, TWIN: {"North": frozenset({100004})}}
LINKS = (
    SuccessorLink(predecessor=1, successor=2, kind="Successor"),
    SuccessorLink(predecessor=1, successor=3, kind="Result of Amalgamation", day=date(2999, 9, 1)),
    SuccessorLink(predecessor=2, successor=1, kind="Successor"),
)
UNKNOWN = GroupId.local_authority("871")


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
    """

    at_least: ClassVar[Mapping[str, int]] = {"refreshes": 2, "schools": 2}
    refreshes: ClassVar[int] = 100
    schools: ClassVar[int] = 200

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

        assert {OPEN, CLOSED, LATER, BOTH} == set(directory.linked(TRUST))
        assert {OPEN, CLOSED, LATER} == set(directory.linked(COUNCIL))
        assert {BOTH, ELSEWHERE} == set(directory.linked(TWIN))

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
        assert by_urn == dict(directory.institutions(set(by_urn)))
        assert {} == dict(directory.institutions([]))
        assert sorted(LINKS[:2], key=repr) == sorted(directory.successors([1, 999, 1]), key=repr)
        assert sorted(LINKS, key=repr) == sorted(directory.successors({1, 2}), key=repr)
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
            RegisterContents(institutions=tuple(_school(urn, name, TrustLink(TRUST.code)) for urn in urns), clusters={})
            for name in ("First", "Second")
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

        at_once([refresh, read])

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
        assert {OPEN, CLOSED, LATER, BOTH} == set(linked)
        assert CLUSTERS[TRUST] == dict(clusters)
        assert 2 == len(links)
