"""Pure: a plan, as values that can be shown, kept and carried; nothing but the standard library and attrs."""

from __future__ import annotations

import enum
from datetime import date

import attrs

from datashare.domain import checks
from datashare.domain.agreements import EndCause, RequestId, State
from datashare.domain.checks import to_tuple
from datashare.domain.instants import to_day, to_optional_day
from datashare.domain.institutions import GroupId
from datashare.domain.levels import AccessLevel

from .words import worded

_A_LEVEL_OR_NONE = checks.is_a((AccessLevel, type(None)), f"{checks.member_words(AccessLevel)} or None")
_A_REQUEST_OR_NONE = checks.is_a((RequestId, type(None)), "a RequestId or None")
_YES_OR_NO = checks.is_a(bool, "True or False")

CONFIRM_ABOVE_PERCENT, CONFIRM_ABOVE = 10, 3
"""Ending more than this share of what stands or of what is in force, and more than this number, is confirmed (E3)."""


class Uncertainty(enum.Enum):
    """Why the register does not say clearly what becomes of an agreement."""

    GROUP_GONE = "group_gone"
    URN_GONE = "urn_gone"
    UNKNOWN_STATUS = "unknown_status"
    DUE_TO_OPEN = "due_to_open"
    JOINS_LATER = "joins_later"
    LEFT_OUT_BY_POLICY = "left_out_by_policy"
    PROPOSED_TO_CLOSE = "proposed_to_close"
    DATES_CONTRADICT_STATUS = "dates_contradict_status"
    SUCCESSOR_TO_COME = "successor_to_come"


class Doubt(enum.Enum):
    """What deserves a look before a successor is asked (E5)."""

    UNDATED = "undated"
    IN_THE_FUTURE = "in_the_future"
    CYCLIC = "cyclic"
    SEVERAL_SUCCESSORS = "several_successors"
    SEVERAL_PREDECESSORS = "several_predecessors"
    OTHER_NUMBER = "other_number"
    VIA_ANOTHER = "via_another"
    LEVEL_BEFORE_AN_END_UNKNOWN = "level_before_an_end_unknown"


@attrs.frozen(kw_only=True)
class PlannedEnd:
    """An agreement to end, or an open request to close, since the register shows that it is over.

    Attributes:
        urn: The school.
        name: Its name in the register.
        version: The version of the agreement that the plan was made on (E4).
        cause: Why it would end (E1).
        why: Why, in words.
        level: The level in force, if any.
        level_label: That level in the words of the group's policy (L3).
        request: The open request that would be closed, if any.
    """

    urn: int = attrs.field(validator=checks.urn)
    name: str = attrs.field(validator=checks.text)
    version: int = attrs.field(validator=checks.whole(1))
    cause: EndCause = attrs.field(validator=checks.member(EndCause))
    why: str = attrs.field(validator=checks.text)
    level: AccessLevel | None = attrs.field(validator=_A_LEVEL_OR_NONE)
    level_label: str = attrs.field(validator=checks.text_or_empty)
    request: RequestId | None = attrs.field(validator=_A_REQUEST_OR_NONE)


@attrs.frozen(kw_only=True)
class Joined:
    """A school that the group sees, with no agreement and succeeding none of its schools.

    Attributes:
        urn: The school.
        name: Its name in the register.
    """

    urn: int = attrs.field(validator=checks.urn)
    name: str = attrs.field(validator=checks.text)


@attrs.frozen(kw_only=True)
class Succession:
    """One link of the register that speaks for a successor (E5).

    Attributes:
        predecessor: The URN that was succeeded.
        successor: The URN that succeeded it.
        kind: The register's ``LinkType``, in its words.
        day: ``LinkEstablishedDate``, in Europe/London; often absent.
        in_the_future: Whether that is after the register's own day.
        same_number: Whether both have the same LA code and establishment number.
        successors: How many successors the predecessor has.
        predecessors: How many predecessors the successor has at least: those among the links from the group's own
            schools are counted.
    """

    predecessor: int = attrs.field(validator=checks.urn)
    successor: int = attrs.field(validator=checks.urn)
    kind: str = attrs.field(validator=checks.text)
    day: date | None = attrs.field(converter=to_optional_day)
    in_the_future: bool = attrs.field(validator=_YES_OR_NO)
    same_number: bool = attrs.field(validator=_YES_OR_NO)
    successors: int = attrs.field(validator=checks.whole(1))
    predecessors: int = attrs.field(validator=checks.whole(1))


@attrs.frozen(kw_only=True)
class Successor:
    """What succeeded schools of the group, with the evidence for it (E5).

    Attributes:
        urn: The successor.
        name: Its name in the register.
        predecessors: The schools with a history here that it succeeded, those included that the group still sees.
        evidence: The links that lead there from each of them, in order.
        doubts: What deserves a look.
        state: What stands with it already.
        hidden: Why the group does not see it, in words; empty where it does.
        level: The level to ask for: the lowest held by its predecessors, if any is known and may be requested. What
            was held before an end is not known, and `Doubt.LEVEL_BEFORE_AN_END_UNKNOWN` tells of it.
        level_label: That level in the words of the group's policy (L3).
    """

    urn: int = attrs.field(validator=checks.urn)
    name: str = attrs.field(validator=checks.text)
    predecessors: tuple[int, ...] = attrs.field(converter=to_tuple, validator=checks.each(checks.urn))
    evidence: tuple[Succession, ...] = attrs.field(
        converter=to_tuple, validator=checks.all_are(Succession, "Successions")
    )
    doubts: tuple[Doubt, ...] = attrs.field(converter=to_tuple, validator=checks.all_are(Doubt, "Doubts"))
    state: State = attrs.field(validator=checks.member(State))
    hidden: str = attrs.field(validator=checks.text_or_empty)
    level: AccessLevel | None = attrs.field(validator=_A_LEVEL_OR_NONE)
    level_label: str = attrs.field(validator=checks.text_or_empty)

    @property
    def proposed(self) -> bool:
        """Whether to ask it: the group sees it, and nothing stands with it."""
        return not self.hidden and self.state is State.NO_AGREEMENT


@attrs.frozen(kw_only=True)
class Unclear:
    """An agreement of which the register says something that a person should look at; it is never ended.

    Attributes:
        urn: The school.
        name: Its name in the register.
        visible: Whether the group sees it.
        because: What is unclear.
        why: That, in words.
    """

    urn: int = attrs.field(validator=checks.urn)
    name: str = attrs.field(validator=checks.text)
    visible: bool = attrs.field(validator=_YES_OR_NO)
    because: tuple[Uncertainty, ...] = attrs.field(
        converter=to_tuple, validator=checks.all_are(Uncertainty, checks.member_words(Uncertainty))
    )
    why: str = attrs.field(validator=checks.text)


@attrs.frozen(kw_only=True)
class Plan:
    """What a register means for a group's agreements; it does nothing until a person applies it (E2).

    `str` sets it out for a terminal or an email. Every part is a simple value, so that `datashare.codec` can write
    it as text, to be kept between showing and confirming.

    Attributes:
        group: The group.
        group_name: Its name in the register.
        register_day: The register's day, in Europe/London.
        digest: The digest of what the register says here; another register has another.
        standing: How many agreements stand, open requests included.
        in_force: How many of them have a level in force.
        looked_at: The URNs of all agreements that it looked at, those that ended included.
        ends: The agreements to end, and why.
        closes: The schools where only an open request stands, which is to be closed.
        compared: Whether it was known which schools the group saw in an older register.
        joined: The schools that have no agreement, and that the group did not see before, as far as that is known;
            where nothing was *compared*, all that have none.
        successors: What succeeded the group's schools; `to_ask` are those to ask.
        unclear: What a person should look at.
    """

    group: GroupId = attrs.field(validator=checks.is_a(GroupId, "a GroupId"))
    group_name: str = attrs.field(validator=checks.text)
    register_day: date = attrs.field(converter=to_day)
    digest: str = attrs.field(validator=checks.key)
    standing: int = attrs.field(validator=checks.whole(0))
    in_force: int = attrs.field(validator=checks.whole(0))
    looked_at: tuple[int, ...] = attrs.field(converter=to_tuple, validator=checks.each(checks.urn))
    ends: tuple[PlannedEnd, ...] = attrs.field(converter=to_tuple, validator=checks.all_are(PlannedEnd, "PlannedEnds"))
    closes: tuple[PlannedEnd, ...] = attrs.field(
        converter=to_tuple, validator=checks.all_are(PlannedEnd, "PlannedEnds")
    )
    compared: bool = attrs.field(validator=_YES_OR_NO)
    joined: tuple[Joined, ...] = attrs.field(converter=to_tuple, validator=checks.all_are(Joined, "Joineds"))
    successors: tuple[Successor, ...] = attrs.field(
        converter=to_tuple, validator=checks.all_are(Successor, "Successors")
    )
    unclear: tuple[Unclear, ...] = attrs.field(converter=to_tuple, validator=checks.all_are(Unclear, "Unclears"))

    @property
    def to_end(self) -> tuple[PlannedEnd, ...]:
        """All that applying it ends: the agreements, then the open requests."""
        return (*self.ends, *self.closes)

    @property
    def to_ask(self) -> tuple[Successor, ...]:
        """The successors to ask: the group sees them, and nothing stands with them."""
        return tuple(one for one in self.successors if one.proposed)

    @property
    def needs_confirmation(self) -> bool:
        """Whether it ends more than a tenth of what stands, or of what is in force, and more than three (E3).

        So that many open requests do not hide that most agreements would end.
        """
        return _is_much(len(self.to_end), self.standing) or _is_much(len(self.ends), self.in_force)

    @property
    def nothing_to_do(self) -> bool:
        """Whether there is nothing to end, to close, to ask or to look at."""
        return not (self.to_end or self.joined or self.to_ask or self.unclear)

    def __str__(self) -> str:
        return worded(self)


def _is_much(count: int, of: int) -> bool:
    return count > CONFIRM_ABOVE and 100 * count > CONFIRM_ABOVE_PERCENT * of
