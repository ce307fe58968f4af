"""Pure: groups and institutions as the register knows them; nothing but the standard library and attrs.

Facts about the register's columns and codes are from the Department for Education's *Get Information About Schools*
(GIAS) downloads.
"""

from __future__ import annotations

import enum
import re
from datetime import date
from functools import cached_property
from typing import Any

import attrs

from datashare.errors import InvalidValue

from . import validation
from .instants import to_optional_day
from .validation import to_tuple


class GroupKind(enum.Enum):
    """The two kinds of group that run a site above their schools' sites."""

    MULTI_ACADEMY_TRUST = "mat"
    LOCAL_AUTHORITY = "la"
    MAT = MULTI_ACADEMY_TRUST
    LA = LOCAL_AUTHORITY

    @property
    def label(self) -> str:
        """The kind in running text."""
        return "trust" if self is GroupKind.MULTI_ACADEMY_TRUST else "local authority"


_CODES = {
    GroupKind.MULTI_ACADEMY_TRUST: (
        re.compile(r"[1-9][0-9]{0,6}", re.ASCII),
        "a GIAS group UID such as '5143'",
    ),
    GroupKind.LOCAL_AUTHORITY: (re.compile(r"[0-9]{3}", re.ASCII), "a three-digit LA code such as '870'"),
}


def _require_code(kind: GroupKind, value: object, what: str) -> None:
    pattern, words = _CODES[kind]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidValue(what, value, words)


@attrs.frozen(order=True, cache_hash=True)
class GroupId:
    """Who a group is: its kind and its code, since a group UID and an LA code may look alike.

    >>> str(GroupId.mat("5143")), GroupId.parse("la:870") == GroupId.local_authority("870")
    ('mat:5143', True)

    Attributes:
        kind: Trust or local authority.
        code: The GIAS group UID of a trust; the three-digit code of an LA, as text.
    """

    kind: GroupKind = attrs.field(validator=validation.member(GroupKind), order=lambda kind: str(kind.value))
    code: str = attrs.field()

    @code.validator
    def _check_code(self, _attribute: attrs.Attribute[str], value: object) -> None:
        _require_code(self.kind, value, "GroupId.code")

    @classmethod
    def mat(cls, uid: str) -> GroupId:
        """Name a multi-academy trust by its GIAS group UID."""
        return cls(GroupKind.MULTI_ACADEMY_TRUST, uid)

    @classmethod
    def local_authority(cls, code: str) -> GroupId:
        """Name a local authority by its three-digit code."""
        return cls(GroupKind.LOCAL_AUTHORITY, code)

    @classmethod
    def parse(cls, text: object) -> GroupId:
        """Read what `str` writes: ``mat:5143`` or ``la:870``.

        Raises:
            InvalidValue: It is no such text.
        """
        kind, _, code = text.partition(":") if isinstance(text, str) else ("", "", "")
        if kind not in {k.value for k in GroupKind}:
            raise InvalidValue("A group's identity", text, "text such as 'mat:5143' or 'la:870'")
        return cls(GroupKind(kind), code)

    @cached_property
    def _text(self) -> str:
        return f"{self.kind.value}:{self.code}"

    def __str__(self) -> str:
        return self._text


@attrs.frozen(kw_only=True)
class Group:
    """A group as the register knows it.

    Attributes:
        id: Who it is.
        name: Its name in the register.
        is_open: Whether its status is open; a closed group sees nothing (V8).
        closed_on: The day it closed, where the register tells.
    """

    id: GroupId = attrs.field(validator=validation.is_a(GroupId, "a GroupId"))
    name: str = attrs.field(validator=validation.text)
    is_open: bool = attrs.field(default=True, validator=validation.is_a(bool, "True or False"))
    closed_on: date | None = attrs.field(default=None, converter=to_optional_day)


class EstablishmentStatus(enum.Enum):
    """``EstablishmentStatus (code)`` of GIAS; codes beyond the published four are unknown (V5)."""

    OPEN = 1
    CLOSED = 2
    OPEN_PROPOSED_TO_CLOSE = 3
    PROPOSED_TO_OPEN = 4
    UNKNOWN = 0


class Phase(enum.Enum):
    """``PhaseOfEducation (code)`` of GIAS; special schools and PRUs are *Not applicable* (B7)."""

    NOT_APPLICABLE = 0
    NURSERY = 1
    PRIMARY = 2
    MIDDLE_DEEMED_PRIMARY = 3
    SECONDARY = 4
    MIDDLE_DEEMED_SECONDARY = 5
    SIXTEEN_PLUS = 6
    ALL_THROUGH = 7
    UNKNOWN = -1

    @property
    def label(self) -> str:
        """The phase as the register words it."""
        return _PHASE_LABELS[self]


_PHASE_LABELS = {
    Phase.NOT_APPLICABLE: "Not applicable",
    Phase.NURSERY: "Nursery",
    Phase.PRIMARY: "Primary",
    Phase.MIDDLE_DEEMED_PRIMARY: "Middle deemed primary",
    Phase.SECONDARY: "Secondary",
    Phase.MIDDLE_DEEMED_SECONDARY: "Middle deemed secondary",
    Phase.SIXTEEN_PLUS: "16 plus",
    Phase.ALL_THROUGH: "All-through",
    Phase.UNKNOWN: "Unknown",
}


@attrs.frozen
class Coded:
    """A code of the register with its name, such as ``02`` *Voluntary aided school*.

    Attributes:
        code: The code as text, leading zeros kept.
        name: The name beside it, possibly empty.
    """

    code: str = attrs.field(validator=validation.key)
    name: str = attrs.field(default="", validator=validation.text_or_empty)


@attrs.frozen
class TrustLink:
    """That an institution belongs to a trust.

    Attributes:
        uid: The GIAS group UID of the trust (``Trusts (code)``, ``Group UID``, ``Linked UID``).
        name: The trust's name in that row, possibly empty.
        joined_on: The day from which the link counts; without one it counts always (V7).
    """

    uid: str = attrs.field()
    name: str = attrs.field(default="", validator=validation.text_or_empty)
    joined_on: date | None = attrs.field(default=None, converter=to_optional_day)

    @uid.validator
    def _check_uid(self, _attribute: attrs.Attribute[str], value: object) -> None:
        _require_code(GroupKind.MULTI_ACADEMY_TRUST, value, "TrustLink.uid")


_CODED_OR_NONE = validation.is_a((Coded, type(None)), "a Coded or None")


def _an_age(institution: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        name = f"{type(institution).__name__}.{attribute.name}"
        raise InvalidValue(name, value, "a whole number of years or None")


@attrs.frozen(kw_only=True)
class Institution:
    """An establishment of the register, as far as data sharing needs it.

    Attributes:
        urn: The unique reference number (``URN``).
        name: ``EstablishmentName``; not unique.
        status: ``EstablishmentStatus (code)``; decides whether it is open (V4).
        status_name: The status in the register's words.
        open_date: ``OpenDate``, a day in Europe/London; warns, never decides.
        close_date: ``CloseDate``, likewise.
        phase: ``PhaseOfEducation (code)``.
        establishment_type: ``TypeOfEstablishment``.
        establishment_type_group: ``EstablishmentTypeGroup``.
        local_authority: The current ``LA``; former ones do not count (V6).
        establishment_number: ``EstablishmentNumber``, with the LA code the DfE number.
        trusts: The trusts that it is linked with (V1).
        federations: ``Federations``; they link nothing.
        street, town, county, postcode: The address, each possibly empty.
        low_age, high_age: Statutory ages in years.
        ukprn: ``UKPRN``, possibly empty.
        ofsted_rating: Supplied by the host, since today's register has none (B2).
    """

    urn: int = attrs.field(validator=validation.urn)
    name: str = attrs.field(validator=validation.text)
    status: EstablishmentStatus = attrs.field(validator=validation.member(EstablishmentStatus))
    status_name: str = attrs.field(default="", validator=validation.text_or_empty)
    open_date: date | None = attrs.field(default=None, converter=to_optional_day)
    close_date: date | None = attrs.field(default=None, converter=to_optional_day)
    phase: Phase = attrs.field(default=Phase.NOT_APPLICABLE, validator=validation.member(Phase))
    establishment_type: Coded | None = attrs.field(default=None, validator=_CODED_OR_NONE)
    establishment_type_group: Coded | None = attrs.field(default=None, validator=_CODED_OR_NONE)
    local_authority: Coded | None = attrs.field(default=None)
    establishment_number: str = attrs.field(default="", validator=validation.text_or_empty)
    trusts: tuple[TrustLink, ...] = attrs.field(
        default=(), converter=to_tuple, validator=validation.all_are(TrustLink, "TrustLinks")
    )
    federations: tuple[Coded, ...] = attrs.field(
        default=(), converter=to_tuple, validator=validation.all_are(Coded, "Codeds")
    )
    street: str = attrs.field(default="", validator=validation.text_or_empty)
    town: str = attrs.field(default="", validator=validation.text_or_empty)
    county: str = attrs.field(default="", validator=validation.text_or_empty)
    postcode: str = attrs.field(default="", validator=validation.text_or_empty)
    low_age: int | None = attrs.field(default=None, validator=_an_age)
    high_age: int | None = attrs.field(default=None, validator=_an_age)
    ukprn: str = attrs.field(default="", validator=validation.text_or_empty)
    ofsted_rating: str | None = attrs.field(default=None, validator=attrs.validators.optional(validation.text))

    @local_authority.validator
    def _check_local_authority(self, attribute: attrs.Attribute[Coded | None], value: Coded | None) -> None:
        _CODED_OR_NONE(self, attribute, value)
        if value:
            _require_code(GroupKind.LOCAL_AUTHORITY, value.code, "Institution.local_authority's code")

    @property
    def groups(self) -> frozenset[GroupId]:
        """The groups that it is linked with, whenever the links count (V1, V6)."""
        trusts = {GroupId(GroupKind.MULTI_ACADEMY_TRUST, link.uid) for link in self.trusts}
        la = self.local_authority
        return frozenset(trusts | ({GroupId(GroupKind.LOCAL_AUTHORITY, la.code)} if la else set()))


@attrs.frozen(kw_only=True)
class SuccessorLink:
    """That the register says one establishment was succeeded by another, wholly or in part (E5).

    Attributes:
        predecessor: The URN that was succeeded.
        successor: The URN that succeeded it.
        kind: The register's ``LinkType``, in its words.
        day: ``LinkEstablishedDate``, often absent, possibly in the future.
    """

    predecessor: int = attrs.field(validator=validation.urn)
    successor: int = attrs.field(validator=validation.urn)
    kind: str = attrs.field(validator=validation.text)
    day: date | None = attrs.field(default=None, converter=to_optional_day)
