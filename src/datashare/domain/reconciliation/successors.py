"""Pure: what succeeded the schools of a group, and how sure that is (E5); nothing but the standard library and attrs.

The register's links may be undated, many-to-many, one-sided, in the future and cyclic. Each school is visited once
from each predecessor, so that every walk ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property

import attrs

from datashare.domain.register import Institution, SuccessorLink

from .facts import RegisterFacts, leads_on
from .plan import Doubt, Succession

_Path = tuple[SuccessorLink, ...]


@attrs.frozen(kw_only=True)
class Found:
    """A successor, with the paths that lead to it.

    Attributes:
        urn: The successor.
        paths: The shortest path from each predecessor, by its URN.
    """

    urn: int
    paths: Mapping[int, _Path]


@attrs.frozen(kw_only=True)
class Links:
    """The links of the register, ready to be followed."""

    facts: RegisterFacts
    register_day: date

    @cached_property
    def onward(self) -> Mapping[int, tuple[SuccessorLink, ...]]:
        """The links from each predecessor, by successor; a link of a school with itself leads nowhere."""
        found: dict[int, list[SuccessorLink]] = defaultdict(list)
        for link in sorted(set(self.facts.links), key=lambda one: (one.successor, one.kind, one.day or date.min)):
            if link.predecessor != link.successor:
                found[link.predecessor].append(link)
        return {urn: tuple(links) for urn, links in found.items()}

    @cached_property
    def predecessors(self) -> Mapping[int, frozenset[int]]:
        """The predecessors of each successor, as far as the links are known."""
        found: dict[int, set[int]] = defaultdict(set)
        for urn, links in self.onward.items():
            for link in links:
                found[link.successor].add(urn)
        return {urn: frozenset(those) for urn, those in found.items()}

    def to_come(self, urn: int) -> Mapping[int, date]:
        """Tell what is to succeed *urn* after the register's day, and when."""
        links = self.onward.get(urn, ())
        return {link.successor: link.day for link in links if link.day and link.day > self.register_day}

    def succeeded(self, urn: int) -> bool:
        """Tell whether anything had succeeded *urn* by the register's day; a link without a day counts."""
        return any(link.day is None or link.day <= self.register_day for link in self.onward.get(urn, ()))

    def from_each(self, urns: Iterable[int]) -> tuple[Found, ...]:
        """Find what succeeded these schools, by URN; what only led on to another is left out."""
        paths: dict[int, dict[int, _Path]] = defaultdict(dict)
        for urn in urns:
            for successor, path in self._walk(urn):
                paths[successor][urn] = path
        return tuple(Found(urn=successor, paths=paths[successor]) for successor in sorted(paths))

    def _walk(self, start: int) -> Iterator[tuple[int, _Path]]:
        reached: dict[int, _Path] = {start: ()}
        wave = [start]
        while wave:
            ahead: list[int] = []
            for urn in wave:
                new = [link for link in self._followed(urn, start) if link.successor not in reached]
                reached |= {link.successor: (*reached[urn], link) for link in reversed(new)}
                ahead += dict.fromkeys(link.successor for link in new)
                if urn != start and not new:
                    yield urn, reached[urn]
            wave = ahead

    def _followed(self, urn: int, start: int) -> tuple[SuccessorLink, ...]:
        return self.onward.get(urn, ()) if urn == start or leads_on(self.facts.institutions.get(urn)) else ()

    def evidence(self, link: SuccessorLink) -> Succession:
        """Say what speaks for one link, and how clearly."""
        institutions = self.facts.institutions
        return Succession(
            predecessor=link.predecessor,
            successor=link.successor,
            kind=link.kind,
            day=link.day,
            in_the_future=link.day is not None and link.day > self.register_day,
            same_number=_same_number(institutions.get(link.predecessor), institutions.get(link.successor)),
            successors=len({one.successor for one in self.onward[link.predecessor]}),
            predecessors=len(self.predecessors[link.successor]),
        )

    def doubts(self, path: _Path) -> set[Doubt]:
        """Say what deserves a look along one path."""
        evidence = [self.evidence(link) for link in path]
        held = {
            Doubt.UNDATED: any(one.day is None for one in evidence),
            Doubt.IN_THE_FUTURE: any(one.in_the_future for one in evidence),
            Doubt.CYCLIC: self._turns_back(path),
            Doubt.SEVERAL_SUCCESSORS: any(one.successors > 1 for one in evidence),
            Doubt.SEVERAL_PREDECESSORS: any(one.predecessors > 1 or _unites(one.kind) for one in evidence),
            Doubt.OTHER_NUMBER: not all(one.same_number for one in evidence),
            Doubt.VIA_ANOTHER: len(path) > 1,
        }
        return {doubt for doubt, holds in held.items() if holds}

    def _turns_back(self, path: _Path) -> bool:
        place = {urn: number for number, urn in enumerate([path[0].predecessor, *(link.successor for link in path)])}
        return any(
            place.get(link.successor, number) < number
            for urn, number in place.items()
            for link in self.onward.get(urn, ())
        )


def _unites(kind: str) -> bool:
    """Tell whether the register's words say that several became one; it may link the others with other groups.

    GIAS: ``Successor - merged`` and ``Successor - amalgamated``.
    """
    words = kind.casefold()
    return "merge" in words or "amalgam" in words


def _same_number(one: Institution | None, other: Institution | None) -> bool:
    first, second = _number(one), _number(other)
    return first is not None and first == second


def _number(one: Institution | None) -> tuple[str, str] | None:
    """Give the LA code and the establishment number, which a school and its successor usually share."""
    if one is None or one.local_authority is None or not one.establishment_number:
        return None
    return one.local_authority.code, one.establishment_number
