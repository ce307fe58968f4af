"""Pure: people as their sites know them, with roles, permissions and addresses (rules P).

It touches nothing but the standard library and attrs.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.errors import InvalidValue

from . import validation
from .instants import to_optional_day
from .register import GroupId
from .validation import require_collection, to_frozenset


class BusinessRole(enum.StrEnum):
    """The stable keys of the business roles that may be asked by default (P4).

    A host's other roles are keys too, as plain text; display labels never are.
    """

    EXECUTIVE_HEAD_TEACHER = "executive_head_teacher"
    HEAD_TEACHER = "head_teacher"
    DEPUTY_HEAD_TEACHER = "deputy_head_teacher"
    DATA_MANAGER = "data_manager"


class Permission(enum.Enum):
    """What a person may be allowed to do; an adapter maps the host's own permissions to these."""

    ADMINISTER_INSTITUTION_DETAILS = "institution.administer_institution_details"
    """*Institution: Administer Institution Details*, at a group site (P1)."""
    ADMINISTER_DATA_SHARING_REQUEST = "school.action.data_sharing_request.administer"
    """*School: Action: Data Sharing Request: Administer*, at a school site (P2)."""
    LOG_IN_ASSOCIATED_INSTITUTIONS = "login_to_mis.associated_institutions"
    """*Login to MIS: Associated institutions*, at a group site (X3)."""
    RECORD_APPROVAL = "data_sharing.record_approval"
    """Record an approval settled centrally, at a trust's site (A9)."""
    IMPORT_AGREEMENTS = "data_sharing.import_agreements"
    """Import agreements made before this library, at a group site (A10)."""
    END_AGREEMENT = "data_sharing.end_agreement"
    """End an agreement, at a group site or a school site (E7)."""
    APPLY_REGISTER = "data_sharing.apply_register"
    """Record what a refresh of the register shows, at a group site (E2, E6)."""

    __hash__ = object.__hash__

    @property
    def label(self) -> str:
        """The permission as people know it, such as *Institution: Administer Institution Details*."""
        return _PERMISSION_LABELS[self]


_PERMISSION_LABELS = {
    Permission.ADMINISTER_INSTITUTION_DETAILS: "Institution: Administer Institution Details",
    Permission.ADMINISTER_DATA_SHARING_REQUEST: "School: Action: Data Sharing Request: Administer",
    Permission.LOG_IN_ASSOCIATED_INSTITUTIONS: "Login to MIS: Associated institutions",
    Permission.RECORD_APPROVAL: "Data Sharing: Record Approval",
    Permission.IMPORT_AGREEMENTS: "Data Sharing: Import Agreements",
    Permission.END_AGREEMENT: "Data Sharing: End Agreement",
    Permission.APPLY_REGISTER: "Data Sharing: Apply Register",
}


@attrs.frozen(cache_hash=True)
class PersonId:
    """Who a person is: the site, and the host's own id there as text.

    The same host id at two sites is two people.

    >>> str(PersonId(GroupId.mat("5143"), "ana")), str(PersonId(100000, "7"))
    ('mat:5143/ana', 'urn:100000/7')

    Attributes:
        site: The group whose site it is, or the URN of the school whose site it is.
        id: The host's id, as text.
    """

    site: GroupId | int = attrs.field()
    id: str = attrs.field(validator=validation.key)

    @site.validator
    def _check_site(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, GroupId):
            validation.require_urn(value, "PersonId.site (a GroupId or a URN)")

    @classmethod
    def parse(cls, text: object) -> PersonId:
        """Read what `str` writes.

        Raises:
            InvalidValue: It is no such text.
        """
        site, slash, host_id = text.partition("/") if isinstance(text, str) else ("", "", "")
        if not slash:
            raise InvalidValue("A person's identity", text, "text such as 'mat:5143/ana' or 'urn:100000/7'")
        if site.startswith("urn:") and re.fullmatch("[0-9]{1,7}", site[4:]):
            return cls(int(site[4:]), host_id)
        return cls(GroupId.parse(site), host_id)

    @property
    def order(self) -> tuple[str, str]:
        """A key to sort by: group sites and school sites together, as text."""
        return str(self.site), self.id

    @cached_property
    def _text(self) -> str:
        return f"{self.site}/{self.id}" if isinstance(self.site, GroupId) else f"urn:{self.site}/{self.id}"

    def __str__(self) -> str:
        return self._text


@attrs.frozen
class Period:
    """From a day to a day, both included; an absent end is unbounded (P5).

    Attributes:
        first: The first day, in Europe/London.
        last: The last day.
    """

    first: date | None = attrs.field(default=None, converter=to_optional_day)
    last: date | None = attrs.field(default=None, converter=to_optional_day)

    @last.validator
    def _check_order(self, _attribute: attrs.Attribute[Any], last: date | None) -> None:
        if self.first and last and last < self.first:
            raise InvalidValue("Period.last", last, f"no earlier than its first day, {self.first}")

    def contains(self, day: date) -> bool:
        """Tell whether *day* falls in the period."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


ALWAYS = Period()

# A host's own keys pass as they are (P4: an unmapped role is no error); capitals and spaces make a display label.
_ROLE_KEY = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,99}", re.ASCII)
_A_PERIOD = validation.is_a(Period, "a Period")


def require_role_key(value: object, what: str = "A business role") -> str:
    """Return *value* if it is a role's stable key.

    Raises:
        InvalidValue: It is something else, a display label included.
    """
    if not isinstance(value, str) or not _ROLE_KEY.fullmatch(value):
        raise InvalidValue(what, value, "a stable key such as 'head_teacher', not a display label")
    return str(value)


@attrs.frozen
class HeldRole:
    """A business role that a person holds for a period.

    Attributes:
        role: The role's stable key, such as ``head_teacher``.
        period: When the person holds it.
    """

    role: str = attrs.field(converter=require_role_key)
    period: Period = attrs.field(default=ALWAYS, validator=_A_PERIOD)


@attrs.frozen
class Grant:
    """A permission granted to a person directly, for a period.

    Attributes:
        permission: What is granted.
        period: For how long.
    """

    permission: Permission = attrs.field(validator=validation.member(Permission))
    period: Period = attrs.field(default=ALWAYS, validator=_A_PERIOD)


def _to_roles(value: Iterable[HeldRole | str]) -> tuple[HeldRole, ...]:
    found = require_collection(value, "Person.roles")
    return tuple(one if isinstance(one, HeldRole) else HeldRole(one) for one in found)


def _to_grants(value: Iterable[Grant | Permission]) -> tuple[Grant, ...]:
    found = require_collection(value, "Person.permissions")
    return tuple(one if isinstance(one, Grant) else Grant(one) for one in found)


@attrs.frozen(kw_only=True)
class Associations:
    """The schools a group's user is associated with: directly, by cluster, or all (X3).

    Attributes:
        urns: Schools named one by one.
        clusters: Names of the group's clusters.
        everything: Whether all of the group's schools are meant.
    """

    urns: frozenset[int] = attrs.field(default=(), converter=to_frozenset, validator=validation.each(validation.urn))
    clusters: frozenset[str] = attrs.field(
        default=(), converter=to_frozenset, validator=validation.each(validation.key)
    )
    everything: bool = attrs.field(default=False, validator=validation.is_a(bool, "True or False"))

    def include(self, urn: int, clusters: Iterable[str]) -> bool:
        """Tell whether the school *urn*, which is in *clusters*, is among them."""
        return self.everything or urn in self.urns or not self.clusters.isdisjoint(clusters)


NO_ASSOCIATIONS = Associations()


@attrs.frozen(kw_only=True)
class Person:
    """A person at a site, as the host knows them at present.

    Attributes:
        id: Who they are.
        name: Their name, as messages show it.
        email: Their address on that site; blank or malformed counts as none (P6).
        roles: Business roles, with periods; a bare key means always.
        permissions: Permissions granted directly, with periods; a bare `Permission` means always.
        period: When they are a user of the site.
        associations: For a group's user, the schools they may log in to (X3).
        address: The address that a message can go to, trimmed; `None` where there is none (P6).
    """

    id: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    name: str = attrs.field(validator=validation.text)
    email: str | None = attrs.field(default=None, validator=validation.is_a((str, type(None)), "text or None"))
    roles: tuple[HeldRole, ...] = attrs.field(default=(), converter=_to_roles)
    permissions: tuple[Grant, ...] = attrs.field(default=(), converter=_to_grants)
    period: Period = attrs.field(default=ALWAYS, validator=_A_PERIOD)
    associations: Associations = attrs.field(
        default=NO_ASSOCIATIONS, validator=validation.is_a(Associations, "Associations")
    )
    address: str | None = attrs.field(init=False, repr=False, eq=False)

    @address.default
    def _usable_email(self) -> str | None:
        return usable_address(self.email)

    def is_current(self, day: date) -> bool:
        """Tell whether they are a user of their site on *day*."""
        return self.period.contains(day)

    def current_roles(self, day: date) -> frozenset[str]:
        """Tell the roles that they hold on *day* (P5)."""
        return frozenset(held.role for held in self.roles if held.period.contains(day))


_LOCAL = r"[^\s@\"(),:;<>\[\]\\]{1,64}"
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])?"
_ADDRESS = re.compile(rf"(?!\.)(?!.*\.\.)(?!.*\.@){_LOCAL}@{_DOMAIN}")


def usable_address(text: object) -> str | None:
    """Give the address in *text*, trimmed, or `None` where it is blank or malformed (P6).

    Letters outside ASCII are allowed; white space, control and invisible characters within are not.

    >>> usable_address(" head@hilda.example "), usable_address("head at hilda")
    ('head@hilda.example', None)
    """
    trimmed = text.strip() if isinstance(text, str) else ""
    if len(trimmed) > 254 or not trimmed.isprintable() or not _ADDRESS.fullmatch(trimmed):
        return None
    return trimmed


def address_key(address: str) -> str:
    """Fold *address* for comparing: trimmed and case-folded (P6)."""
    return address.strip().casefold()


@attrs.frozen(kw_only=True)
class SchoolSite:
    """The MIS site of one school.

    Attributes:
        urn: The school.
        data_sharing_url: The https address of its page *School > Data > Data Sharing* (O1).
    """

    urn: int = attrs.field(validator=validation.urn)
    data_sharing_url: str = attrs.field()

    @data_sharing_url.validator
    def _check_url(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, str) or not re.fullmatch(r"https://[^\s/?#]+[^\s]*", value):
            raise InvalidValue("SchoolSite.data_sharing_url", value, "an https address")
        validation.require_text(value, "SchoolSite.data_sharing_url", most=2_000)
