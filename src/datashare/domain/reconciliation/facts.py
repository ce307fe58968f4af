"""Pure: what one register says that matters to one group."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, SuccessorLink
from datashare.domain.visibility import other_groups

MOVED_TOGETHER = 3
"""So many schools that are now in one other group have moved together (E8)."""


@attrs.frozen(kw_only=True)
class GroupFacts:
    """What a plan takes from the register.

    Attributes:
        group: The group; one that the register does not name counts as closed.
        names_group: Whether the register names it.
        register_day: The register's day in Europe/London, if the directory knows it.
        linked: The URNs of the institutions linked with the group.
        urns: The URNs of the agreements that the plan looks at, including those that ended.
        institutions: What the register holds of those, and of what succeeded them, by URN.
        links: The links that lead from *urns* to what succeeded them, through schools that are closed themselves.
    """

    group: Group
    names_group: bool
    register_day: date | None
    linked: frozenset[int]
    urns: frozenset[int]
    institutions: Mapping[int, Institution]
    links: tuple[SuccessorLink, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the register holds neither schools of the group nor schools of its agreements (E3)."""
        return not self.linked and not self.urns & self.institutions.keys()

    @cached_property
    def moved(self) -> frozenset[int]:
        """The URNs of the agreements whose schools moved together to other groups (E8).

        Agreements that ended count too, so that a plan in parts finds the same.
        """
        known = self.institutions
        schools = (known[urn] for urn in self.urns & known.keys())
        return moved_together(schools, self.group.id, left_behind=[known[urn] for urn in self.linked])

    @cached_property
    def digest(self) -> str:
        """A digest that does not depend on the order of rows; different registers have different digests (E4)."""
        group = [str(self.group.id), self.group.name, self.group.is_open, _text(self.group.closed_on)]
        facts = {
            "day": _text(self.register_day),
            "group": group if self.names_group else None,
            "linked": sorted(self.linked),
            "urns": sorted(self.urns),
            "institutions": [_institution(self.institutions[urn]) for urn in sorted(self.institutions)],
            "links": sorted(
                [link.predecessor, link.successor, link.kind, _text(link.day) or ""] for link in self.links
            ),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def moved_together(
    schools: Iterable[Institution], group: GroupId, *, left_behind: Iterable[Institution]
) -> frozenset[int]:
    """Return the URNs of the schools that moved together out of a group: it was reorganised (E8).

    A school moved if it is open and in another group of the same kind instead. It moved together with others if at
    least `MOVED_TOGETHER` of these schools are in one other group now, or if the group has no open school any more.

    Args:
        schools: The schools that were in the group.
        group: The group.
        left_behind: The institutions that the register links with the group now.
    """
    present = {school.urn: groups for school in schools if (groups := other_groups(school, group))}
    counts = Counter(other for groups in present.values() for other in groups)
    nobody_stayed = all(school.status is EstablishmentStatus.CLOSED for school in left_behind)
    return frozenset(
        urn
        for urn, groups in present.items()
        if nobody_stayed or any(counts[other] >= MOVED_TOGETHER for other in groups)
    )


def leads_on(institution: Institution | None) -> bool:
    """Return whether to look for the successor of a successor: it is closed, or gone from the register (E5)."""
    return institution is None or institution.status is EstablishmentStatus.CLOSED


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _institution(school: Institution) -> list[Any]:
    """Return what a plan looks at; an address, for example, may change without the plan."""
    la, kind = school.local_authority, school.establishment_type
    return [
        school.urn,
        school.name,
        school.status.value,
        school.status_name,
        _text(school.open_date),
        _text(school.close_date),
        [la.code, la.name] if la else None,
        school.establishment_number,
        [kind.code, kind.name] if kind else None,
        [[link.uid, link.name, _text(link.joined_on)] for link in school.trusts],
    ]
