"""Pure: what succeeded the schools of a group, and how sure that is (E5).

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

from .facts import GroupFacts, leads_on
from .plan import Doubt, Succession

Path = tuple[SuccessorLink, ...]
"""The links that lead from a school to one that succeeded it."""


@attrs.frozen(kw_only=True)
class Links:
    """The links of the register, ready to be followed."""

    facts: GroupFacts
    register_day: date

    @cached_property
    def onward(self) -> Mapping[int, list[SuccessorLink]]:
        """The links from each predecessor, by successor; a link of a school with itself leads nowhere."""
        onward: dict[int, list[SuccessorLink]] = defaultdict(list)
        for link in sorted(set(self.facts.links), key=lambda link: (link.successor, link.kind, link.day or date.min)):
            if link.predecessor != link.successor:
                onward[link.predecessor].append(link)
        return dict(onward)

    @cached_property
    def predecessors(self) -> Mapping[int, set[int]]:
        """The predecessors of each successor, as far as the links are known."""
        predecessors: dict[int, set[int]] = defaultdict(set)
        for urn, links in self.onward.items():
            for link in links:
                predecessors[link.successor].add(urn)
        return dict(predecessors)

    def to_come(self, urn: int) -> Mapping[int, date]:
        """Return what is to succeed *urn* after the register's day, and when."""
        links = self.onward.get(urn, ())
        return {link.successor: link.day for link in links if link.day and link.day > self.register_day}

    def succeeded(self, urn: int) -> bool:
        """Return whether anything had succeeded *urn* by the register's day; a link without a day counts."""
        return any(link.day is None or link.day <= self.register_day for link in self.onward.get(urn, ()))

    def from_each(self, urns: Iterable[int]) -> Mapping[int, Mapping[int, Path]]:
        """Find what succeeded these schools; what only leads on to another, or back, is left out.

        Returns:
            By successor, in order, the shortest path from each of its predecessors.
        """
        paths: dict[int, dict[int, Path]] = defaultdict(dict)
        for urn in urns:
            for successor, path in self._walk(urn):
                paths[successor][urn] = path
        return {successor: paths[successor] for successor in sorted(paths)}

    def _walk(self, start: int) -> Iterator[tuple[int, Path]]:
        reached: dict[int, Path] = {start: ()}
        wave = [start]
        while wave:
            ahead: list[int] = []
            for urn in wave:
                follow = urn == start or leads_on(self.facts.institutions.get(urn))
                links = self.onward.get(urn, ()) if follow else ()
                new = [link for link in links if link.successor not in reached]
                reached |= {link.successor: (*reached[urn], link) for link in reversed(new)}
                ahead += dict.fromkeys(link.successor for link in new)
                # A path ends where no link is followed. A closed school whose links only lead back ends none.
                if urn != start and not links:
                    yield urn, reached[urn]
            wave = ahead

    def evidence(self, link: SuccessorLink) -> Succession:
        """Return what speaks for one link, and how clearly."""
        institutions = self.facts.institutions
        number = _number(institutions.get(link.predecessor))
        return Succession(
            predecessor=link.predecessor,
            successor=link.successor,
            kind=link.kind,
            day=link.day,
            in_the_future=link.day is not None and link.day > self.register_day,
            same_number=number is not None and number == _number(institutions.get(link.successor)),
            successors=len({onward.successor for onward in self.onward[link.predecessor]}),
            predecessors=len(self.predecessors[link.successor]),
        )

    def doubts(self, path: Path) -> set[Doubt]:
        """Return what to look at along one path."""
        evidence = [self.evidence(link) for link in path]
        held = {
            Doubt.UNDATED: any(link.day is None for link in evidence),
            Doubt.IN_THE_FUTURE: any(link.in_the_future for link in evidence),
            Doubt.CYCLIC: self._turns_back(path),
            Doubt.SEVERAL_SUCCESSORS: any(link.successors > 1 for link in evidence),
            Doubt.SEVERAL_PREDECESSORS: any(link.predecessors > 1 or _unites(link.kind) for link in evidence),
            Doubt.OTHER_NUMBER: not all(link.same_number for link in evidence),
            Doubt.VIA_ANOTHER: len(path) > 1,
        }
        return {doubt for doubt, holds in held.items() if holds}

    def _turns_back(self, path: Path) -> bool:
        place = {urn: number for number, urn in enumerate([path[0].predecessor, *(link.successor for link in path)])}
        return any(
            place.get(link.successor, number) < number
            for urn, number in place.items()
            for link in self.onward.get(urn, ())
        )


def _unites(kind: str) -> bool:
    """Return whether the register says that several schools became one; it may link the others with other groups.

    GIAS: ``Successor - merged`` and ``Successor - amalgamated``.
    """
    words = kind.casefold()
    return "merge" in words or "amalgam" in words


def _number(school: Institution | None) -> tuple[str, str] | None:
    """Return the LA code and the establishment number, which a school and its successor usually share."""
    if school is None or school.local_authority is None or not school.establishment_number:
        return None
    return school.local_authority.code, school.establishment_number
