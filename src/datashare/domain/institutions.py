"""Pure: groups, institutions, and which of them a group sees, and why (rules V).

It touches nothing but the standard library and attrs. Facts about the register's columns and codes are from
the Department for Education's *Get Information About Schools* (GIAS) downloads.
"""

from __future__ import annotations

import enum
import re
from datetime import date
from typing import TYPE_CHECKING, Any, assert_never

import attrs

from datashare.errors import InvalidValue

from . import checks
from .checks import to_tuple
from .folding import folded
from .instants import day_words, to_day, to_optional_day

if TYPE_CHECKING:
    from .policy import Policy


class GroupKind(enum.Enum):
    """The two kinds of group that run a site above their schools' sites."""

    MULTI_ACADEMY_TRUST = "mat"
    LOCAL_AUTHORITY = "la"

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

    kind: GroupKind = attrs.field(validator=checks.member(GroupKind), order=lambda kind: str(kind.value))
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

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.code}"


@attrs.frozen(kw_only=True)
class Group:
    """A group as the register knows it.

    Attributes:
        id: Who it is.
        name: Its name in the register.
        is_open: Whether its status is open; a closed group sees nothing (V8).
        closed_on: The day it closed, where the register tells.
    """

    id: GroupId = attrs.field(validator=checks.is_a(GroupId, "a GroupId"))
    name: str = attrs.field(validator=checks.text)
    is_open: bool = attrs.field(default=True, validator=checks.is_a(bool, "True or False"))
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

    code: str = attrs.field(validator=checks.key)
    name: str = attrs.field(default="", validator=checks.text_or_empty)


@attrs.frozen
class TrustLink:
    """That an institution belongs to a trust.

    Attributes:
        uid: The GIAS group UID of the trust (``Trusts (code)``, ``Group UID``, ``Linked UID``).
        name: The trust's name in that row, possibly empty.
        joined_on: The day from which the link counts; without one it counts always (V7).
    """

    uid: str = attrs.field()
    name: str = attrs.field(default="", validator=checks.text_or_empty)
    joined_on: date | None = attrs.field(default=None, converter=to_optional_day)

    @uid.validator
    def _check_uid(self, _attribute: attrs.Attribute[str], value: object) -> None:
        _require_code(GroupKind.MULTI_ACADEMY_TRUST, value, "TrustLink.uid")


_CODED_OR_NONE = checks.is_a((Coded, type(None)), "a Coded or None")


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

    urn: int = attrs.field(validator=checks.urn)
    name: str = attrs.field(validator=checks.text)
    status: EstablishmentStatus = attrs.field(validator=checks.member(EstablishmentStatus))
    status_name: str = attrs.field(default="", validator=checks.text_or_empty)
    open_date: date | None = attrs.field(default=None, converter=to_optional_day)
    close_date: date | None = attrs.field(default=None, converter=to_optional_day)
    phase: Phase = attrs.field(default=Phase.NOT_APPLICABLE, validator=checks.member(Phase))
    establishment_type: Coded | None = attrs.field(default=None, validator=_CODED_OR_NONE)
    establishment_type_group: Coded | None = attrs.field(default=None, validator=_CODED_OR_NONE)
    local_authority: Coded | None = attrs.field(default=None)
    establishment_number: str = attrs.field(default="", validator=checks.text_or_empty)
    trusts: tuple[TrustLink, ...] = attrs.field(
        default=(), converter=to_tuple, validator=checks.each(checks.is_a(TrustLink, "TrustLinks"))
    )
    federations: tuple[Coded, ...] = attrs.field(
        default=(), converter=to_tuple, validator=checks.each(checks.is_a(Coded, "Codeds"))
    )
    street: str = attrs.field(default="", validator=checks.text_or_empty)
    town: str = attrs.field(default="", validator=checks.text_or_empty)
    county: str = attrs.field(default="", validator=checks.text_or_empty)
    postcode: str = attrs.field(default="", validator=checks.text_or_empty)
    low_age: int | None = attrs.field(default=None, validator=_an_age)
    high_age: int | None = attrs.field(default=None, validator=_an_age)
    ukprn: str = attrs.field(default="", validator=checks.text_or_empty)
    ofsted_rating: str | None = attrs.field(default=None, validator=attrs.validators.optional(checks.text))

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


class HiddenBecause(enum.Enum):
    """Why a group does not see an institution (V9)."""

    GROUP_CLOSED = "group_closed"
    UNKNOWN_URN = "unknown_urn"
    NOT_LINKED = "not_linked"
    JOINS_LATER = "joins_later"
    CLOSED = "closed"
    DUE_TO_OPEN = "due_to_open"
    UNKNOWN_STATUS = "unknown_status"
    PROPOSED_TO_CLOSE = "proposed_to_close"
    TYPE_LEFT_OUT = "type_left_out"


@attrs.frozen
class HiddenReason:
    """One reason that hides an institution from a group, with its facts.

    Attributes:
        because: Which reason.
        day: The day it speaks of, where the register has one.
        detail: The register's own words that it rests on, where they say more.
    """

    because: HiddenBecause
    day: date | None = None
    detail: str = ""

    def __str__(self) -> str:
        on = f" on {day_words(self.day)}" if self.day else ""
        detail = f" ({self.detail})" if self.detail else ""
        return _HIDDEN_WORDS[self.because].format(on=on, detail=detail)


_HIDDEN_WORDS = {
    HiddenBecause.GROUP_CLOSED: "the group closed{on}",
    HiddenBecause.UNKNOWN_URN: "the register has no such URN",
    HiddenBecause.NOT_LINKED: "the register does not link it with the group{detail}",
    HiddenBecause.JOINS_LATER: "it joins the group{on}",
    HiddenBecause.CLOSED: "it closed{on}",
    HiddenBecause.DUE_TO_OPEN: "it is due to open{on}",
    HiddenBecause.UNKNOWN_STATUS: "its status in the register is not a known one{detail}",
    HiddenBecause.PROPOSED_TO_CLOSE: "it is proposed to close{on}, and the group's policy leaves such schools out",
    HiddenBecause.TYPE_LEFT_OUT: "the group's policy leaves out its type{detail}",
}


class DateWarning(enum.Enum):
    """A date of the register that does not fit the status; the status decides (V4)."""

    OPEN_DATE_PASSED = "its open date has passed, but its status is still proposed to open"
    OPEN_DATE_AHEAD = "its open date is still ahead, but its status is open"
    CLOSE_DATE_PASSED = "its close date has passed, but its status is still open"


@attrs.frozen(kw_only=True)
class Visibility:
    """Whether a group sees an institution on a day, with every reason that hides it (V9).

    Attributes:
        group: The group that looks.
        group_name: The group's name in the register.
        urn: The URN that was asked about.
        institution: What the register holds under it, if anything.
        day: The day of the answer, in Europe/London.
        reasons: Every reason that hides it; none means that it is visible.
        warnings: Dates that do not fit the status.
    """

    group: GroupId
    group_name: str = ""
    urn: int
    institution: Institution | None
    day: date
    reasons: tuple[HiddenReason, ...]
    warnings: tuple[DateWarning, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether the group sees the institution."""
        return not self.reasons

    def __str__(self) -> str:
        name = f"{self.institution.name} ({self.urn})" if self.institution else f"URN {self.urn}"
        group = self.group_name or self.group
        if self.visible:
            return f"{name} is visible to {group}."
        return f"{name} is hidden from {group}: {'; '.join(map(str, self.reasons))}."


def link_with(institution: Institution, group: GroupId) -> TrustLink | None:
    """Find the link between *institution* and *group*, whenever it counts (V1, V6).

    A trust is linked by its UID alone: names, flags, sponsors and federations link nothing. Of several links
    with one trust, the one that counts for longest is given (V7).
    """
    if group.kind is GroupKind.MULTI_ACADEMY_TRUST:
        links = (link for link in institution.trusts if link.uid == group.code)
        return min(links, key=lambda link: link.joined_on or date.min, default=None)
    la = institution.local_authority
    return TrustLink(la.code, la.name) if la and la.code == group.code else None


def visibility(urn: int, institution: Institution | None, *, group: Group, policy: Policy, day: date) -> Visibility:
    """Tell whether *group* sees the institution on *day*, with all reasons (V1-V10).

    Args:
        urn: The URN asked about.
        institution: What the register holds under it; `None` where it holds nothing.
        group: The group that looks.
        policy: The group's choices; its status and type filters count here.
        day: A day in Europe/London.

    Raises:
        InvalidValue: The URN or the day is none.
    """
    checks.require_urn(urn)
    to_day(day)
    reasons = [] if group.is_open else [HiddenReason(HiddenBecause.GROUP_CLOSED, group.closed_on)]
    if institution is None:
        reasons.append(HiddenReason(HiddenBecause.UNKNOWN_URN))
    else:
        reasons += _link_reasons(institution, group.id, day)
        reasons += _status_reasons(institution, policy)
        reasons += _type_reasons(institution, policy)
    return Visibility(
        group=group.id,
        group_name=group.name,
        urn=urn,
        institution=institution,
        day=day,
        reasons=tuple(reasons),
        warnings=date_warnings(institution, day) if institution else (),
    )


def _link_reasons(institution: Institution, group: GroupId, day: date) -> list[HiddenReason]:
    link = link_with(institution, group)
    if link is None:
        return [HiddenReason(HiddenBecause.NOT_LINKED, None, _linked_elsewhere(institution, group))]
    if link.joined_on and link.joined_on > day:  # V7
        return [HiddenReason(HiddenBecause.JOINS_LATER, link.joined_on)]
    return []


def _linked_elsewhere(institution: Institution, group: GroupId) -> str:
    if group.kind is GroupKind.LOCAL_AUTHORITY:
        la = institution.local_authority
        return f"its local authority is {la.code} {la.name}".rstrip() if la else "it has no local authority"
    if not institution.trusts:
        return "it is in no trust"
    return "it is in trust " + ", ".join(f"{link.uid} {link.name}".rstrip() for link in institution.trusts)


def _status_reasons(institution: Institution, policy: Policy) -> list[HiddenReason]:
    match institution.status:
        case EstablishmentStatus.OPEN:
            return []
        case EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE:  # V3
            if policy.include_proposed_to_close:
                return []
            return [HiddenReason(HiddenBecause.PROPOSED_TO_CLOSE, institution.close_date)]
        case EstablishmentStatus.CLOSED:
            return [HiddenReason(HiddenBecause.CLOSED, institution.close_date)]
        case EstablishmentStatus.PROPOSED_TO_OPEN:
            return [HiddenReason(HiddenBecause.DUE_TO_OPEN, institution.open_date)]
        case EstablishmentStatus.UNKNOWN:
            return [HiddenReason(HiddenBecause.UNKNOWN_STATUS, None, institution.status_name)]
        case _:
            assert_never(institution.status)


def _type_reasons(institution: Institution, policy: Policy) -> list[HiddenReason]:
    kept = policy.establishment_types
    found = institution.establishment_type
    if kept is None or (found and found.code in kept):
        return []
    detail = f"{found.code} {found.name}".rstrip() if found else "none given"
    return [HiddenReason(HiddenBecause.TYPE_LEFT_OUT, None, detail)]


def date_warnings(institution: Institution, day: date) -> tuple[DateWarning, ...]:
    """Find the dates that do not fit the institution's status on *day*; they change nothing (V4)."""
    opens, closes, status = institution.open_date, institution.close_date, institution.status
    is_open = status in {EstablishmentStatus.OPEN, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE}
    found = []
    if status is EstablishmentStatus.PROPOSED_TO_OPEN and opens and opens <= day:
        found.append(DateWarning.OPEN_DATE_PASSED)
    if is_open and opens and opens > day:
        found.append(DateWarning.OPEN_DATE_AHEAD)
    if is_open and closes and closes < day:
        found.append(DateWarning.CLOSE_DATE_PASSED)
    return tuple(found)


def visible_institutions(
    institutions: tuple[Institution, ...], *, group: Group, policy: Policy, day: date
) -> tuple[Institution, ...]:
    """List what *group* sees on *day*, by folded name, then URN (V10).

    Cost: one pass and one sort; the order of *institutions* does not matter.
    """
    seen = (i for i in institutions if visibility(i.urn, i, group=group, policy=policy, day=day).visible)
    return tuple(sorted(seen, key=lambda i: (folded(i.name), i.urn)))


@attrs.frozen(kw_only=True)
class SuccessorLink:
    """That the register says one establishment was succeeded by another, wholly or in part (E5).

    Attributes:
        predecessor: The URN that was succeeded.
        successor: The URN that succeeded it.
        kind: The register's ``LinkType``, in its words.
        day: ``LinkEstablishedDate``, often absent, possibly in the future.
    """

    predecessor: int = attrs.field(validator=checks.urn)
    successor: int = attrs.field(validator=checks.urn)
    kind: str = attrs.field(validator=checks.text)
    day: date | None = attrs.field(default=None, converter=to_optional_day)
