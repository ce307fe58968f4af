"""Pure: groups and institutions, as the register knows them.

Facts about the register's columns and codes are from the Department for Education's *Get Information About Schools*
(GIAS) downloads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Annotated

import attrs

from datashare.errors import InvalidInput

from .text import Labelled
from .validation import Key, Rule, Text, TextOrEmpty, Urn, WholeNumber, matching, to_tuple, validated, validated_input


class GroupKind(Labelled):
    """The two kinds of group that run a site above their schools' sites."""

    MULTI_ACADEMY_TRUST = "mat"
    """A multi-academy trust, identified by its group UID."""
    LOCAL_AUTHORITY = "la"
    """A local authority, identified by its LA code."""
    MAT = MULTI_ACADEMY_TRUST
    """A short name for `MULTI_ACADEMY_TRUST`."""
    LA = LOCAL_AUTHORITY
    """A short name for `LOCAL_AUTHORITY`."""

    @property
    def label(self) -> str:
        """The kind in running text."""
        return "trust" if self is GroupKind.MULTI_ACADEMY_TRUST else "local authority"


_TRUST_UID = matching("[1-9][0-9]{0,6}", "a GIAS group UID such as '5143'")
_LA_CODE = matching("[0-9]{3}", "a three-digit LA code such as '870'")
_CODES = {GroupKind.MULTI_ACADEMY_TRUST: _TRUST_UID, GroupKind.LOCAL_AUTHORITY: _LA_CODE}


@attrs.frozen(order=True, cache_hash=True, field_transformer=validated_input)
class GroupId:
    """Who a group is: its kind and its code, since a group UID and an LA code may look alike.

    >>> str(GroupId.mat("5143")), GroupId.parse("la:870") == GroupId.local_authority("870")
    ('mat:5143', True)

    Attributes:
        kind: Trust or local authority.
        code: The GIAS group UID of a trust; the three-digit code of an LA, as text.
    """

    kind: GroupKind = attrs.field(order=lambda kind: str(kind.value))
    code: str = attrs.field()

    @code.validator
    def _check_code(self, _attribute: attrs.Attribute[str], code: str) -> None:
        _CODES[self.kind].require(code, "GroupId.code")

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
            InvalidInput: The text does not identify a group.
        """
        kind, _, code = text.partition(":") if isinstance(text, str) else ("", "", "")
        try:
            return cls(GroupKind(kind), code)
        except ValueError as exc:
            raise InvalidInput("A group's identity", text, "text such as 'mat:5143' or 'la:870'", "group") from exc

    @cached_property
    def _text(self) -> str:
        return f"{self.kind.value}:{self.code}"

    def __str__(self) -> str:
        return self._text


class TrustType(Labelled):
    """``Group Type (code)`` of GIAS, for the kinds of trust that link an institution (V1)."""

    FOUNDATION = "02"
    """A foundation trust of maintained schools."""
    MULTI_ACADEMY = "06"
    """A multi-academy trust."""
    SINGLE_ACADEMY = "10"
    """A trust with one academy."""
    SECURE_SINGLE_ACADEMY = "11"
    """A trust with one secure school."""

    @property
    def label(self) -> str:
        """The type as the register words it; it calls the foundation trust of maintained schools just "Trust"."""
        return _TRUST_LABELS[self]


_TRUST_LABELS = {
    TrustType.FOUNDATION: "Trust",
    TrustType.MULTI_ACADEMY: "Multi-academy trust",
    TrustType.SINGLE_ACADEMY: "Single-academy trust",
    TrustType.SECURE_SINGLE_ACADEMY: "Secure single-academy trust",
}


@attrs.frozen(kw_only=True, field_transformer=validated)
class Group:
    """A group as the register knows it.

    Attributes:
        id: Who it is.
        name: Its name in the register.
        is_open: Whether its status is open; a closed group sees nothing (V8).
        closed_on: The day it closed, where the register has it.
        trust_type: What kind of trust it is, where the register says so; `None` for a local authority.
        in_register: Whether the register names it; one that only an earlier register named keeps its name, and is
            closed.
    """

    id: GroupId
    name: Text
    is_open: bool = True
    closed_on: date | None = None
    trust_type: TrustType | None = None
    in_register: bool = True


class EstablishmentStatus(Labelled):
    """``EstablishmentStatus (code)`` of GIAS; codes beyond the published four are unknown (V5)."""

    OPEN = 1
    """Open."""
    CLOSED = 2
    """Closed; never listed (V2)."""
    OPEN_PROPOSED_TO_CLOSE = 3
    """Still open, so it is listed unless the policy leaves it out (V3)."""
    PROPOSED_TO_OPEN = 4
    """Not open yet; never listed (V2)."""
    UNKNOWN = 0
    """A code that is not published; never listed (V5)."""

    @property
    def label(self) -> str:
        """The status as the register words it."""
        is_proposed = self is EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE
        return "Open, but proposed to close" if is_proposed else super().label


class Phase(Labelled):
    """``PhaseOfEducation (code)`` of GIAS; special schools and PRUs are *Not applicable* (B7)."""

    NOT_APPLICABLE = 0
    """The register gives it no phase, as for special schools and pupil referral units."""
    NURSERY = 1
    """Nursery schools."""
    PRIMARY = 2
    """Primary schools."""
    MIDDLE_DEEMED_PRIMARY = 3
    """Middle schools that count as primary."""
    SECONDARY = 4
    """Secondary schools."""
    MIDDLE_DEEMED_SECONDARY = 5
    """Middle schools that count as secondary."""
    SIXTEEN_PLUS = 6
    """Sixth forms and colleges for students over 16."""
    ALL_THROUGH = 7
    """Schools for primary and secondary ages."""
    UNKNOWN = -1
    """A code that is not published, or none."""

    @property
    def label(self) -> str:
        """The phase as the register words it."""
        return _PHASE_LABELS.get(self) or super().label


_PHASE_LABELS = {Phase.SIXTEEN_PLUS: "16 plus", Phase.ALL_THROUGH: "All-through"}


@attrs.frozen(field_transformer=validated)
class Coded:
    """A code of the register with its name, such as ``02`` *Voluntary aided school*.

    Attributes:
        code: The code as text, leading zeros kept.
        name: The name beside it, possibly empty.
    """

    code: Key
    name: TextOrEmpty = ""


NO_AUTHORITY = "000"
"""The LA code of *Does not apply*: schools overseas and the like, which no local authority sees (V6)."""
UNKNOWN_DAY = date.max
"""Stands for a day that the register states and nobody can read; what begins on it has not begun yet (V7)."""


@attrs.frozen(field_transformer=validated)
class TrustLink:
    """The link of an institution with its trust.

    Attributes:
        uid: The GIAS group UID of the trust (``Trusts (code)``, ``Group UID``, ``Linked UID``).
        name: The trust's name in that row, possibly empty.
        joined_on: The day from which the link counts; a link without a day always counts, and one with `UNKNOWN_DAY`
            never does (V7).
    """

    uid: Annotated[str, _TRUST_UID]
    name: TextOrEmpty = ""
    joined_on: date | None = None


_LocalAuthority = Annotated[
    Coded,
    Rule(
        f"a Coded whose code is {_LA_CODE.expected}",
        lambda value: isinstance(value, Coded) and _LA_CODE.accepts(value.code),
    ),
]


def _to_trusts(value: Iterable[TrustLink]) -> tuple[TrustLink, ...]:
    return to_tuple(value)


def _to_federations(value: Iterable[Coded]) -> tuple[Coded, ...]:
    return to_tuple(value)


@attrs.frozen(kw_only=True, field_transformer=validated)
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
        former_authority: ``PreviousLA``: the LA that it was in before a reorganisation (E8).
    """

    urn: Urn
    name: Text
    status: EstablishmentStatus
    status_name: TextOrEmpty = ""
    open_date: date | None = None
    close_date: date | None = None
    phase: Phase = Phase.NOT_APPLICABLE
    establishment_type: Coded | None = None
    establishment_type_group: Coded | None = None
    local_authority: _LocalAuthority | None = None
    establishment_number: TextOrEmpty = ""
    trusts: tuple[TrustLink, ...] = attrs.field(default=(), converter=_to_trusts)
    federations: tuple[Coded, ...] = attrs.field(default=(), converter=_to_federations)
    street: TextOrEmpty = ""
    town: TextOrEmpty = ""
    county: TextOrEmpty = ""
    postcode: TextOrEmpty = ""
    low_age: WholeNumber | None = None
    high_age: WholeNumber | None = None
    ukprn: TextOrEmpty = ""
    ofsted_rating: Text | None = None
    former_authority: _LocalAuthority | None = None

    @property
    def groups(self) -> frozenset[GroupId]:
        """The groups that it is linked with, whenever the links count (V1, V6)."""
        trusts = {GroupId(GroupKind.MULTI_ACADEMY_TRUST, link.uid) for link in self.trusts}
        la = self.local_authority
        authorities = {GroupId(GroupKind.LOCAL_AUTHORITY, la.code)} if la and la.code != NO_AUTHORITY else set()
        return frozenset(trusts | authorities)


@attrs.frozen(kw_only=True, field_transformer=validated)
class SuccessorLink:
    """The succession of one establishment by another, wholly or in part, as the register states it (E5).

    Attributes:
        predecessor: The URN that was succeeded.
        successor: The URN that succeeded it.
        kind: The register's ``LinkType``, in its words.
        day: ``LinkEstablishedDate``, often absent, possibly in the future.
    """

    predecessor: Urn
    successor: Urn
    kind: Text
    day: date | None = None


@attrs.frozen(kw_only=True, field_transformer=validated)
class RegisterSummary:
    """How many institutions of each status a register holds, to be compared with another register.

    The register never drops an institution: what closes stays in it as closed. So a register that holds far fewer
    than the one before is cut short, or leaves something out, such as all closed schools.

    >>> older = RegisterSummary(open=600, closed=400)
    >>> RegisterSummary(open=600).share_gone_since(older)
    0.4

    Attributes:
        open: Those with `EstablishmentStatus.OPEN`.
        open_proposed_to_close: Those with `EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE`.
        proposed_to_open: Those with `EstablishmentStatus.PROPOSED_TO_OPEN`.
        closed: Those with `EstablishmentStatus.CLOSED`.
        unknown: Those with `EstablishmentStatus.UNKNOWN`.
    """

    open: WholeNumber = 0
    open_proposed_to_close: WholeNumber = 0
    proposed_to_open: WholeNumber = 0
    closed: WholeNumber = 0
    unknown: WholeNumber = 0

    @classmethod
    def of(cls, statuses: Iterable[EstablishmentStatus]) -> RegisterSummary:
        """Count the statuses of institutions."""
        known = tuple(statuses)  # which counts them in a tenth of the time of a Counter, since these hash in Python
        return cls(**{status.name.lower(): known.count(status) for status in EstablishmentStatus})

    @property
    def total(self) -> int:
        """The number of all institutions."""
        return self.open + self.open_proposed_to_close + self.proposed_to_open + self.closed + self.unknown

    def share_gone_since(self, older: RegisterSummary) -> float:
        """Return how large a share of the institutions of *older* is missing, from 0 to 1; 0 if there are more now."""
        gone = older.total - self.total
        return gone / older.total if gone > 0 else 0.0

    def __str__(self) -> str:
        return (
            f"{self.total:,} institutions: {self.open:,} open, {self.open_proposed_to_close:,} proposed to close, "
            f"{self.proposed_to_open:,} proposed to open, {self.closed:,} closed, {self.unknown:,} of unknown status"
        )
