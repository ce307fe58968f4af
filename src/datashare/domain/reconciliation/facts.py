"""Pure: what one register says that matters to one group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain.register import EstablishmentStatus, Group, Institution, SuccessorLink


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
