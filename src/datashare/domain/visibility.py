"""Pure: which institutions a group sees, and why not the others (rules V)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import assert_never

import attrs

from datashare.errors import InvalidInput

from . import validation
from .instants import day_words, to_day
from .policy import Policy
from .register import (
    NO_AUTHORITY,
    UNKNOWN_DAY,
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    TrustLink,
)
from .text import LONGEST_SENTENCE, Labelled, folded, named_school, plain_line


class HiddenBecause(Labelled):
    """Why a group does not see an institution (V9)."""

    GROUP_CLOSED = "group_closed"
    """The group is closed (V8)."""
    UNKNOWN_URN = "unknown_urn"
    """The register has no such URN."""
    NOT_LINKED = "not_linked"
    """The register does not link the institution with the group (V1, V6)."""
    JOINS_LATER = "joins_later"
    """The link begins on a later day (V7)."""
    CLOSED = "closed"
    """The institution is closed (V2)."""
    DUE_TO_OPEN = "due_to_open"
    """The institution is not open yet (V2)."""
    UNKNOWN_STATUS = "unknown_status"
    """The status of the institution is not a known one (V5)."""
    PROPOSED_TO_CLOSE = "proposed_to_close"
    """It is proposed to close, and the group's policy leaves such institutions out (V3)."""
    TYPE_LEFT_OUT = "type_left_out"
    """The group's policy leaves out institutions of its type (V6)."""


@attrs.frozen
class HiddenReason:
    """One reason that hides an institution from a group, with its facts.

    Attributes:
        because: Which reason.
        day: The day of the closing, opening or joining, where the register has one.
        detail: The register's own words, where they say more.
    """

    because: HiddenBecause
    day: date | None = None
    detail: str = ""

    def __str__(self) -> str:
        on = f" on {day_words(self.day)}" if self.day else ""
        if self.day == UNKNOWN_DAY:
            on = " on a day that cannot be read in the register"
        detail = f" ({plain_line(self.detail, LONGEST_SENTENCE)})" if self.detail else ""
        return _HIDDEN_WORDS[self.because].format(on=on, detail=detail)


_HIDDEN_WORDS = {
    HiddenBecause.GROUP_CLOSED: "the group closed{on}",
    HiddenBecause.UNKNOWN_URN: "the register has no such URN",
    HiddenBecause.NOT_LINKED: "the register does not link it with the group{detail}",
    HiddenBecause.JOINS_LATER: "it joins the group{on}",
    HiddenBecause.CLOSED: "it closed{on}{detail}",
    HiddenBecause.DUE_TO_OPEN: "it is due to open{on}",
    HiddenBecause.UNKNOWN_STATUS: "its status in the register is not a known one{detail}",
    HiddenBecause.PROPOSED_TO_CLOSE: "it is proposed to close{on}, and the group's policy leaves such schools out",
    HiddenBecause.TYPE_LEFT_OUT: "the group's policy leaves out its type{detail}",
}


class DateWarning(Labelled):
    """A date of the register that does not fit the status; the status decides (V4)."""

    OPEN_DATE_PASSED = "its open date has passed, but its status is still proposed to open"
    """The institution stays hidden."""
    OPEN_DATE_AHEAD = "its open date is still ahead, but its status is open"
    """The institution stays listed."""
    CLOSE_DATE_PASSED = "its close date has passed, but its status is still open"
    """The institution stays listed."""

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.value[0].upper()}{self.value[1:]}"


@attrs.frozen(kw_only=True)
class Visibility:
    """Whether a group sees an institution on a day, with every reason that hides it (V9).

    Attributes:
        group: The group.
        group_name: The group's name in the register.
        urn: The URN in question.
        institution: The institution with that URN, if the register has one.
        day: The day of the answer, in Europe/London.
        reasons: Every reason that hides the institution; empty means that it is visible.
        warnings: Dates that do not fit the status.
        successors: What succeeded it, by the day of the register, where it closed and the question was about it alone.
    """

    group: GroupId
    group_name: str = ""
    urn: int
    institution: Institution | None
    day: date
    reasons: tuple[HiddenReason, ...]
    warnings: tuple[DateWarning, ...] = ()
    successors: tuple[int, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether the group sees the institution."""
        return not self.reasons

    def __str__(self) -> str:
        name = named_school(self.institution.name if self.institution else "", self.urn)
        group = plain_line(self.group_name) or self.group
        if self.visible:
            return f"{name} is visible to {group}."
        return f"{name} is hidden from {group}: {'; '.join(map(str, self.reasons))}."


def link_with(institution: Institution, group: GroupId) -> TrustLink | Coded | None:
    """Find the link between *institution* and *group*, from whatever day it counts (V1, V6).

    A trust is linked by its UID alone: names, flags, sponsors and federations link nothing. Of several links with
    one trust, the result is the one that counts first (V7). The link with a local authority is its code and name;
    `NO_AUTHORITY` links nothing.
    """
    if group.kind is GroupKind.MULTI_ACADEMY_TRUST:
        links = [link for link in institution.trusts if link.uid == group.code]
        if len(links) < 2:
            return links[0] if links else None
        return min(links, key=lambda link: link.joined_on or date.min)
    la = institution.local_authority
    return la if la and la.code == group.code != NO_AUTHORITY else None


def other_groups(institution: Institution, group: GroupId) -> frozenset[GroupId]:
    """Return the groups of the same kind that an open institution is in instead of *group*; usually none (E8)."""
    is_open = institution.status in {EstablishmentStatus.OPEN, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE}
    if not is_open or group in institution.groups:
        return frozenset()
    return frozenset(other for other in institution.groups if other.kind is group.kind)


def visibility(urn: int, institution: Institution | None, *, group: Group, policy: Policy, day: date) -> Visibility:
    """Return whether *group* sees the institution on *day*, with all reasons (V1-V10).

    Args:
        urn: The URN in question.
        institution: The institution with that URN; `None` where the register has none.
        group: The group.
        policy: The group's choices; those about status and type count here.
        day: A day in Europe/London.

    Raises:
        InvalidValue: An argument is of the wrong type, or the institution has another URN.
    """
    validation.require_urn(urn)
    to_day(day, "day")
    validation.require_a(group, Group, "group", "a Group")
    validation.require_a(policy, Policy, "policy", "a Policy, such as Policy.mat()")
    if institution is not None:
        validation.require_a(institution, Institution, "institution", "an Institution or None")
        if institution.urn != urn:
            raise InvalidInput("institution", institution.urn, f"the one with the URN {urn}")
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
        detail = _linked_elsewhere(institution, group)[: validation.LONGEST_TEXT]
        return [HiddenReason(HiddenBecause.NOT_LINKED, detail=detail)]
    if isinstance(link, TrustLink) and link.joined_on and link.joined_on > day:  # V7
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
        case EstablishmentStatus.OPEN:  # nearly all are, so it comes first
            return []
        case EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE if policy.include_proposed_to_close:  # V3
            return []
        case EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE:
            return [HiddenReason(HiddenBecause.PROPOSED_TO_CLOSE, institution.close_date)]
        case EstablishmentStatus.CLOSED:
            return [HiddenReason(HiddenBecause.CLOSED, institution.close_date)]
        case EstablishmentStatus.PROPOSED_TO_OPEN:
            return [HiddenReason(HiddenBecause.DUE_TO_OPEN, institution.open_date)]
        case EstablishmentStatus.UNKNOWN:
            return [HiddenReason(HiddenBecause.UNKNOWN_STATUS, detail=institution.status_name)]
        case _:
            assert_never(institution.status)


def _type_reasons(institution: Institution, policy: Policy) -> list[HiddenReason]:
    listed, kind = policy.establishment_types, institution.establishment_type
    if listed is None or (kind and kind.code in listed):
        return []
    detail = f"{kind.code} {kind.name}".rstrip() if kind else "none given"
    return [HiddenReason(HiddenBecause.TYPE_LEFT_OUT, detail=detail[: validation.LONGEST_TEXT])]


def date_warnings(institution: Institution, day: date) -> tuple[DateWarning, ...]:
    """Find the dates that do not fit the institution's status on *day*; they change nothing (V4)."""
    opens, closes, status = institution.open_date, institution.close_date, institution.status
    is_open = status in {EstablishmentStatus.OPEN, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE}
    warnings = []
    if status is EstablishmentStatus.PROPOSED_TO_OPEN and opens and opens <= day:
        warnings.append(DateWarning.OPEN_DATE_PASSED)
    if is_open and opens and opens > day:
        warnings.append(DateWarning.OPEN_DATE_AHEAD)
    if is_open and closes and closes < day:
        warnings.append(DateWarning.CLOSE_DATE_PASSED)
    return tuple(warnings)


def visible_institutions(
    institutions: Iterable[Institution], *, group: Group, policy: Policy, day: date
) -> tuple[Institution, ...]:
    """List what *group* sees on *day*, by folded name, then URN (V10).

    Cost: one pass and one sort; the order of *institutions* does not matter.

    Raises:
        InvalidValue: An argument is of the wrong type.
    """
    register = validation.require_all(institutions, Institution, "institutions", "Institutions")
    visible = (i for i in register if visibility(i.urn, i, group=group, policy=policy, day=day).visible)
    return tuple(sorted(visible, key=lambda i: (folded(i.name), i.urn)))
