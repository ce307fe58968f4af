"""Pure: what one register says that matters to one group; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.instants import to_optional_day
from datashare.domain.register import EstablishmentStatus, Group, Institution, SuccessorLink
from datashare.domain.validation import to_frozenset, to_tuple


@attrs.frozen(kw_only=True)
class RegisterFacts:
    """What a plan rests on of the register.

    Attributes:
        group: The group; one that the register does not name counts as closed.
        names_group: Whether the register names it.
        told_day: The register's day as the directory tells it, in Europe/London, if it does.
        linked: The URNs of the institutions linked with the group.
        urns: The URNs of the agreements that the plan looks at, those that ended included.
        institutions: What the register holds of those, and of what succeeded them, by URN.
        links: The links that lead from *urns* to what succeeded them, through what is closed itself.
    """

    group: Group = attrs.field(validator=validation.is_a(Group, "a Group"))
    names_group: bool = attrs.field(validator=validation.is_a(bool, "True or False"))
    told_day: date | None = attrs.field(converter=to_optional_day)
    linked: frozenset[int] = attrs.field(converter=to_frozenset, validator=validation.each(validation.urn))
    urns: frozenset[int] = attrs.field(converter=to_frozenset, validator=validation.each(validation.urn))
    institutions: Mapping[int, Institution] = attrs.field()
    links: tuple[SuccessorLink, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(SuccessorLink, "SuccessorLinks")
    )

    @property
    def is_empty(self) -> bool:
        """Whether the register holds nothing of the group and none of its agreements' schools (E3)."""
        return not self.linked and not self.urns & self.institutions.keys()

    @cached_property
    def digest(self) -> str:
        """A digest of all of it, whatever the order in which it came: another register has another (E4)."""
        group = [str(self.group.id), self.group.name, self.group.is_open, _text(self.group.closed_on)]
        told = {
            "day": _text(self.told_day),
            "group": group if self.names_group else None,
            "linked": sorted(self.linked),
            "urns": sorted(self.urns),
            "institutions": [_institution(self.institutions[urn]) for urn in sorted(self.institutions)],
            "links": sorted([one.predecessor, one.successor, one.kind, _text(one.day) or ""] for one in self.links),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def leads_on(institution: Institution | None) -> bool:
    """Tell whether to look for what succeeded a successor: where it is closed, or gone from the register (E5)."""
    return institution is None or institution.status is EstablishmentStatus.CLOSED


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _institution(one: Institution) -> list[Any]:
    """Give what a plan looks at; an address may change without the plan."""
    la, kind = one.local_authority, one.establishment_type
    return [
        one.urn,
        one.name,
        one.status.value,
        one.status_name,
        _text(one.open_date),
        _text(one.close_date),
        [la.code, la.name] if la else None,
        one.establishment_number,
        [kind.code, kind.name] if kind else None,
        [[link.uid, link.name, _text(link.joined_on)] for link in one.trusts],
    ]
