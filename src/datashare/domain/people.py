"""Pure: people as their sites know them, with roles, permissions and addresses (rules P)."""

from __future__ import annotations

import enum
import re
import string
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Annotated, Any

import attrs

from datashare.errors import InvalidInput, InvalidValue

from .register import GroupId
from .text import Labelled, page_link
from .validation import Key, Rule, Text, Urn, matching, to_frozenset, to_texts, to_tuple, validated, validated_input


class BusinessRole(enum.StrEnum):
    """The stable keys of the business roles that may be asked by default (P4).

    A host's other roles are keys too, as plain text; display labels never are.
    """

    EXECUTIVE_HEAD_TEACHER = "executive_head_teacher"
    """Leads several schools; this role brings no permission to answer (P2)."""
    HEAD_TEACHER = "head_teacher"
    """Leads the school; recommended as recipient, and may answer by default (P2, P8)."""
    DEPUTY_HEAD_TEACHER = "deputy_head_teacher"
    """Stands in for the head teacher."""
    DATA_MANAGER = "data_manager"
    """Looks after the school's data."""

    @property
    def label(self) -> str:
        """What people call the role; a host's own roles have the host's labels."""
        return self.value.replace("_", " ").title()


class Permission(Labelled):
    """What a person may be allowed to do; an adapter maps the host's own permissions to these."""

    ADMINISTER_INSTITUTION_DETAILS = "institution.administer_institution_details"
    """At a group site: send requests, add recipients, remind and withdraw (P1)."""
    ADMINISTER_DATA_SHARING_REQUEST = "school.action.data_sharing_request.administer"
    """At a school site: see requests and answer them (P2)."""
    LOG_IN_ASSOCIATED_INSTITUTIONS = "login_to_mis.associated_institutions"
    """At a group site: log in to the MIS of associated schools (X3)."""
    RECORD_APPROVAL = "data_sharing.record_approval"
    """At a trust's site: record an approval that the trust has settled centrally (A9)."""
    IMPORT_AGREEMENTS = "data_sharing.import_agreements"
    """At a group site: import agreements that were made before this library was used (A10)."""
    END_AGREEMENT = "data_sharing.end_agreement"
    """At a group site or a school site: end an agreement (E7)."""
    APPLY_REGISTER = "data_sharing.apply_register"
    """At a group site: apply a plan, and record what a refresh of the register shows (E2, E6)."""

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


@attrs.frozen(cache_hash=True, field_transformer=validated_input)
class PersonId:
    """Who a person is: the site, and the host's own id there as text.

    The same host id at two sites is two people.

    >>> str(PersonId(GroupId.mat("5143"), "ana")), str(PersonId(100000, "7"))
    ('mat:5143/ana', 'urn:100000/7')

    Attributes:
        site: The group whose site it is, or the URN of the school whose site it is.
        id: The host's id, as text.
    """

    site: GroupId | Urn
    id: Key

    @classmethod
    def parse(cls, text: object) -> PersonId:
        """Read what `str` writes.

        Raises:
            InvalidInput: The text does not identify a person.
        """
        site, _, host_id = text.partition("/") if isinstance(text, str) else ("", "", "")
        try:
            is_school = site.startswith("urn:") and re.fullmatch("[0-9]{1,7}", site[4:])
            return cls(int(site[4:]) if is_school else GroupId.parse(site), host_id)
        except InvalidInput as exc:
            expected = "text such as 'mat:5143/ana' or 'urn:100000/7'"
            raise InvalidInput("A person's identity", text, expected, "person") from exc

    @property
    def order(self) -> tuple[str, str]:
        """A key to sort by: group sites and school sites together, as text."""
        return str(self.site), self.id

    @cached_property
    def _text(self) -> str:
        return f"{self.site}/{self.id}" if isinstance(self.site, GroupId) else f"urn:{self.site}/{self.id}"

    def __str__(self) -> str:
        return self._text


@attrs.frozen(field_transformer=validated)
class Period:
    """From a day to a day, both included; without one of them, the period has no end on that side (P5).

    Attributes:
        first: The first day, in Europe/London.
        last: The last day.
    """

    first: date | None = None
    last: date | None = attrs.field(default=None)

    @last.validator
    def _check_order(self, _attribute: attrs.Attribute[Any], last: date | None) -> None:
        if self.first and last and last < self.first:
            raise InvalidValue("Period.last", last, f"no earlier than the first day, {self.first}")

    def contains(self, day: date) -> bool:
        """Return whether *day* falls in the period."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


ALWAYS = Period()
"""A period without a first and a last day."""

# A host's own keys are allowed (P4: an unmapped role is no error). Capitals and spaces mark a display label.
RoleKey = Annotated[
    str, matching("[a-z0-9][a-z0-9_.:/-]{0,99}", "a stable key such as 'head_teacher', not a display label")
]
"""The stable key of a business role."""


def to_role_key(value: str) -> str:
    """Convert a `BusinessRole` to its plain text; return anything else as it is."""
    return value.value if isinstance(value, BusinessRole) else value


def to_role_keys(value: Iterable[str]) -> frozenset[str]:
    """Convert a collection of role keys to a frozen set of plain texts; return anything else as it is."""
    return to_frozenset(value, to_role_key)


@attrs.frozen(field_transformer=validated)
class HeldRole:
    """A business role that a person holds for a period.

    Attributes:
        role: The role's stable key, such as ``head_teacher``.
        period: When the person holds it.
    """

    role: RoleKey = attrs.field(converter=to_role_key)
    period: Period = ALWAYS


@attrs.frozen(field_transformer=validated)
class Grant:
    """A permission granted to a person directly, for a period.

    Attributes:
        permission: What is granted.
        period: For how long.
    """

    permission: Permission
    period: Period = ALWAYS


def _to_roles(value: Iterable[HeldRole | str]) -> tuple[HeldRole, ...]:
    return to_tuple(value, lambda role: HeldRole(role) if isinstance(role, str) else role)


def _to_grants(value: Iterable[Grant | Permission]) -> tuple[Grant, ...]:
    return to_tuple(value, lambda grant: Grant(grant) if isinstance(grant, Permission) else grant)


def _to_urns(value: Iterable[int]) -> frozenset[int]:
    return to_frozenset(value)


@attrs.frozen(kw_only=True, field_transformer=validated)
class Associations:
    """The schools that a group's user is associated with: one by one, by cluster, or all (X3).

    Attributes:
        urns: Schools named one by one.
        clusters: Names of the group's clusters.
        everything: Whether all of the group's schools are meant.
    """

    urns: frozenset[Urn] = attrs.field(default=(), converter=_to_urns)
    clusters: frozenset[Key] = attrs.field(default=(), converter=to_texts)
    everything: bool = False

    def include(self, urn: int, clusters: Iterable[str]) -> bool:
        """Return whether the school *urn*, which is in *clusters*, is one of them."""
        return self.everything or urn in self.urns or not self.clusters.isdisjoint(clusters)


NO_ASSOCIATIONS = Associations()
"""No schools at all."""


@attrs.frozen(kw_only=True, field_transformer=validated)
class Person:
    """A person at a site, as the host knows them at present.

    Attributes:
        id: Who they are.
        name: Their name, as messages show it.
        email: Their address on that site; a blank or malformed one counts as absent (P6).
        roles: Business roles, with periods; a key alone means always.
        permissions: Permissions granted directly, with periods; a `Permission` alone means always.
        period: When they are a user of the site.
        associations: For a group's user, the schools they may log in to (X3).
        address: The address that a message can go to, trimmed; `None` if the person has no usable one (P6).
    """

    id: PersonId
    name: Text
    email: str | None = None
    roles: tuple[HeldRole, ...] = attrs.field(default=(), converter=_to_roles)
    permissions: tuple[Grant, ...] = attrs.field(default=(), converter=_to_grants)
    period: Period = ALWAYS
    associations: Associations = NO_ASSOCIATIONS
    address: str | None = attrs.field(init=False, repr=False, eq=False)

    @address.default
    def _usable_email(self) -> str | None:
        return usable_address(self.email)

    def is_current(self, day: date) -> bool:
        """Return whether they are a user of their site on *day*."""
        return self.period.contains(day)

    def current_roles(self, day: date) -> frozenset[str]:
        """Return the roles that they hold on *day* (P5)."""
        return frozenset(held.role for held in self.roles if held.period.contains(day))


_LOCAL = r"[^\s@\"(),:;<>\[\]\\]{1,64}"
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])?"
_ADDRESS = rf"(?!\.)(?!.*\.\.)(?!.*\.@){_LOCAL}@{_DOMAIN}"


def usable_address(text: object) -> str | None:
    """Return the address in *text*, trimmed, or `None` where it is blank or malformed (P6).

    Letters outside ASCII are allowed. White space, control characters and invisible characters inside are not.

    >>> usable_address(" head@hilda.example "), usable_address("head at hilda")
    ('head@hilda.example', None)
    """
    trimmed = text.strip() if isinstance(text, str) else ""
    if len(trimmed) > 254 or not trimmed.isprintable() or not re.fullmatch(_ADDRESS, trimmed):
        return None
    return trimmed


def address_key(address: str) -> str:
    """Return the same text for addresses that are certainly one mailbox (P6, P7).

    Mail that is merged by mistake is lost, and mail that is not merged arrives twice, so in doubt two addresses differ.
    The local part is compared by ASCII case, the domain by lower case and as IDNA 2008 does: ``ß`` is not ``ss``, and
    ``xn--fa-hia.example`` is ``faß.example``.
    """
    local, at, domain = address.strip().rpartition("@")
    return f"{local.translate(_LOWER_ASCII)}{at}{'.'.join(map(_label_key, domain.split('.')))}"


_LOWER_ASCII = {ord(capital): capital.lower() for capital in string.ascii_uppercase}


def _label_key(label: str) -> str:
    lower = _lowered(label)
    if not lower.startswith("xn--"):
        return lower
    try:
        encoded = lower[4:].encode("ascii")
        decoded = encoded.decode("punycode")
        # Only the one way to encode a name is that name.
        is_name = decoded.encode("punycode") == encoded and decoded == _lowered(decoded)
    except ValueError:
        return lower
    return decoded if is_name and not decoded.isascii() else lower


def _lowered(text: str) -> str:
    """Write each letter in lower case where that can be undone; a Kelvin sign is no k, and a capital ẞ no ß."""
    if text.isascii():
        return text.lower()
    return "".join([lower if (lower := letter.lower()).upper() == letter else letter for letter in text])


def wide_address_key(address: str) -> str:
    """Return the same text for addresses that may belong to one person, wider than `address_key` (A7)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address_key(address)).casefold())


def _is_address(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 2_000 and bool(page_link(value))


@attrs.frozen(kw_only=True, field_transformer=validated)
class SchoolSite:
    """The MIS site of one school.

    Attributes:
        urn: The school.
        data_sharing_url: The https address of its page *School > Data > Data Sharing* (O1). For development it may be
            an http address of this machine: ``localhost``, ``127.0.0.1`` or another of 127.0.0.0/8, or ``[::1]``.
    """

    urn: Urn
    data_sharing_url: Annotated[str, Rule("an https address without user information", _is_address)]
