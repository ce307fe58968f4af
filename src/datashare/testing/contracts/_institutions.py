"""The contract of `datashare.ports.InstitutionDirectory`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar

import attrs
import pytest

from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, SuccessorLink, TrustLink
from datashare.ports import InstitutionDirectory
from datashare.testing.changes import COUNCIL, TRUST, TWIN, URN
from datashare.testing.threads import at_once

from ._contract import Contract

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
class RegisterFacts:
    """What a register holds, for a suite to make a directory of.

    Attributes:
        institutions: The establishments; each says itself which groups it is linked with.
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


class InstitutionDirectoryContract(Contract, port=InstitutionDirectory):
    """What every directory of institutions must do.

    A subclass makes a directory of given facts, and puts newer ones in their place::

        class TestMyInstitutionDirectory(InstitutionDirectoryContract):
            def directory_of(self, facts: RegisterFacts) -> InstitutionDirectory:
                return MyInstitutionDirectory(load(facts))

            def refresh(self, directory: InstitutionDirectory, facts: RegisterFacts) -> None:
                directory.reload(load(facts))

    Attributes:
        refreshes: How often a register takes the place of another while it is asked.
        schools: Of how many schools those registers are.
    """

    at_least: ClassVar[Mapping[str, int]] = {"refreshes": 2, "schools": 2}
    refreshes: ClassVar[int] = 100
    schools: ClassVar[int] = 200

    def directory_of(self, facts: RegisterFacts) -> InstitutionDirectory:
        """Make a directory of these facts and no others; every suite does it in its own way."""
        raise NotImplementedError(f"{type(self).__name__} must say with `directory_of` how a directory is made.")

    def refresh(self, directory: InstitutionDirectory, facts: RegisterFacts) -> None:
        """Let a directory that `directory_of` made answer from these facts instead."""
        raise NotImplementedError(f"{type(self).__name__} must say with `refresh` how a newer register comes.")

    @pytest.mark.must(1)
    @pytest.mark.rule("V1", "V6")
    def test_every_linked_institution_is_answered_whatever_its_state(self) -> None:
        """Closed schools and links of the future are answered too, since the library decides what is visible."""
        found = self.directory_of(RegisterFacts())

        assert {OPEN, CLOSED, LATER, BOTH} == set(found.linked(TRUST))
        assert {OPEN, CLOSED, LATER} == set(found.linked(COUNCIL))
        assert {BOTH, ELSEWHERE} == set(found.linked(TWIN))

    @pytest.mark.must(1)
    def test_several_links_with_one_trust_count_once(self) -> None:
        """A school that is linked twice with a trust is answered once, links with two trusts for each."""
        twice = _school(7, "Twice", TrustLink(TRUST.code), TrustLink(TWIN.code), TrustLink(TRUST.code, "", DAY))
        found = self.directory_of(RegisterFacts(institutions=(twice,), clusters={}))

        assert [twice] == list(found.linked(TRUST))
        assert [twice] == list(found.linked(TWIN))

    @pytest.mark.must(2)
    def test_only_what_was_asked_for_is_answered(self) -> None:
        """What is not known is left out, and what is asked for twice is answered once."""
        found = self.directory_of(RegisterFacts())

        assert {URN: OPEN, 100004: ELSEWHERE} == dict(found.institutions([URN, 999, 100004, URN]))
        assert {one.urn: one for one in SCHOOLS} == dict(found.institutions({one.urn for one in SCHOOLS}))
        assert {} == dict(found.institutions([]))
        assert sorted(LINKS[:2], key=repr) == sorted(found.successors([1, 999, 1]), key=repr)
        assert sorted(LINKS, key=repr) == sorted(found.successors({1, 2}), key=repr)
        assert [] == list(found.successors([]))
        assert CLUSTERS[TWIN] == dict(found.clusters(TWIN))
        assert CLUSTERS[TRUST] == dict(found.clusters(TRUST))
        assert DAY == found.register_day()

    @pytest.mark.must(2)
    def test_a_group_that_is_not_known_has_nothing(self) -> None:
        """For an unknown group every answer is empty."""
        found = self.directory_of(RegisterFacts())

        assert found.group(UNKNOWN) is None
        assert [] == list(found.linked(UNKNOWN))
        assert {} == dict(found.clusters(UNKNOWN))
        assert {} == dict(found.clusters(COUNCIL))

    @pytest.mark.must(2)
    def test_groups_are_told_apart_by_kind(self) -> None:
        """An authority and a trust with one code are two groups, each with what the register says of it."""
        found = self.directory_of(RegisterFacts())

        assert list(GROUPS) == [found.group(group.id) for group in GROUPS]

    @pytest.mark.must(2)
    def test_an_empty_register_answers_nothing(self) -> None:
        """A register without anything in it, and without a day, is no error."""
        found = self.directory_of(RegisterFacts(institutions=(), groups=(), clusters={}, successors=(), day=None))

        assert found.register_day() is None
        assert found.group(TRUST) is None
        assert {} == dict(found.institutions([URN]))
        assert [] == list(found.successors([1]))

    @pytest.mark.must(3)
    def test_each_call_is_answered_from_one_register(self) -> None:
        """While another thread puts one register in the place of another, no answer mixes the two."""
        names = ("One", "Two")
        urns = range(1, self.schools)
        made = [
            RegisterFacts(institutions=tuple(_school(urn, name, TrustLink(TRUST.code)) for urn in urns), clusters={})
            for name in names
        ]
        found = self.directory_of(made[0])
        ended = list[bool]()

        def refresh() -> None:
            try:
                for number in range(self.refreshes):
                    self.refresh(found, made[number % 2])
            finally:
                ended.append(True)

        def ask() -> None:
            while not ended:
                assert 1 == len({one.name for one in found.institutions(urns).values()})
                assert 1 == len({one.name for one in found.linked(TRUST)})

        at_once([refresh, ask])

    @pytest.mark.must(3)
    def test_a_newer_register_takes_the_place_of_all_of_the_old(self) -> None:
        """Nothing of the old register is left: schools, links, groups, clusters, successors, day."""
        found = self.directory_of(RegisterFacts())
        self.refresh(found, RegisterFacts(institutions=(ALONE,), groups=(), clusters={}, successors=(), day=None))

        assert {ALONE.urn: ALONE} == dict(found.institutions([URN, ALONE.urn]))
        assert [] == list(found.linked(TRUST))
        assert found.group(TRUST) is None
        assert {} == dict(found.clusters(TRUST))
        assert [] == list(found.successors([1, 2]))
        assert found.register_day() is None

    @pytest.mark.must(4)
    def test_changing_an_answer_changes_nothing(self) -> None:
        """Containers that were answered can be emptied without any effect."""
        found = self.directory_of(RegisterFacts())
        answers: list[Any] = [
            found.institutions([URN]),
            found.linked(TRUST),
            found.clusters(TRUST),
            found.successors([1]),
        ]
        _empty(answers)

        assert {URN: OPEN} == dict(found.institutions([URN]))
        assert {OPEN, CLOSED, LATER, BOTH} == set(found.linked(TRUST))
        assert {"North", "Süd"} == set(found.clusters(TRUST))
        assert 2 == len(found.successors([1]))

    @pytest.mark.must(4)
    def test_an_answer_outlives_the_register(self) -> None:
        """What was answered stays as it was when a newer register comes."""
        found = self.directory_of(RegisterFacts())
        linked, clusters, schools = found.linked(TRUST), found.clusters(TRUST), found.institutions([URN])
        self.refresh(found, RegisterFacts(institutions=(), groups=(), clusters={}, successors=(), day=None))

        assert {OPEN, CLOSED, LATER, BOTH} == set(linked)
        assert {"North", "Süd"} == set(clusters)
        assert {URN: OPEN} == dict(schools)


def _empty(answers: Iterable[Any]) -> None:
    for answer in answers:
        with contextlib.suppress(AttributeError):  # what cannot be emptied is safe
            answer.clear()
