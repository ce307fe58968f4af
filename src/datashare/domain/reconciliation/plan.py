"""Pure: a plan set out for people, on a terminal or in an email; nothing but the standard library."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.agreements import EndCause, RequestId, State
from datashare.domain.instants import day_words, to_day, to_optional_day
from datashare.domain.levels import AccessLevel
from datashare.domain.register import GroupId
from datashare.domain.text import plain_line
from datashare.domain.validation import to_tuple

_CAUSES = {
    EndCause.SCHOOL_CLOSED: "the school closed",
    EndCause.SCHOOL_LEFT_GROUP: "the school left the group",
    EndCause.GROUP_CLOSED: "the group closed",
    EndCause.SUCCEEDED: "the school was succeeded by another",
}


def worded_cause(cause: EndCause) -> str:
    """Word why an agreement ends; a cause that no register shows is told by its name."""
    return _CAUSES.get(cause, cause.value)


def worded(plan: Plan) -> str:
    """Set *plan* out: a heading, then each part that holds something, a line for each school."""
    heading = f"{plan.group_name} ({plan.group}), register of {day_words(plan.register_day)}"
    counts = f"Agreements and open requests that stand: {plan.standing}."
    blocks = [[heading, counts], *_parts(plan)]
    if plan.needs_confirmation:
        blocks.append(
            [
                f"It would end {shares(plan)}, so it has to be confirmed explicitly.",
                "Check first that the register is right and whole.",
            ]
        )
    blocks.append(["Nothing to do." if plan.nothing_to_do else "This is a plan: nothing has been done yet."])
    return "\n\n".join("\n".join(plain_line(line) for line in block) for block in blocks)


def shares(plan: Plan) -> str:
    """Word how much of what stands *plan* ends (E3)."""
    in_force = f"{len(plan.ends)} of {plan.in_force} agreements in force"
    return f"{len(plan.to_end)} of {plan.standing} agreements and open requests, {in_force} among them"


def _parts(plan: Plan) -> Iterator[list[str]]:
    others = [one for one in plan.successors if not one.proposed]
    yield from _part("Agreements to end", map(_ended, plan.ends))
    yield from _part("Open requests to close", map(_ended, plan.closes))
    new = "Schools that joined and have no agreement" if plan.compared else "Schools that have no agreement"
    yield from _part(new, map(_joined, plan.joined))
    yield from _part("Successors to ask", map(_successor, plan.to_ask))
    yield from _part("Successors that are not to be asked now", map(_successor, others))
    yield from _part("Unclear, and left as it is", map(_unclear, plan.unclear))


def _part(title: str, lines: Iterable[str]) -> Iterator[list[str]]:
    found = [f"  - {line}" for line in lines]
    if found:
        yield [f"{title} ({len(found)}):", *found]


def _ended(one: PlannedEnd) -> str:
    level = f", {one.level_label}" if one.level_label else ""
    too = " Its open request is closed too." if one.level and one.request else ""
    return f"{one.name} ({one.urn}){level}: {worded_cause(one.cause)} – {one.why}.{too}"


def _joined(one: NewSchool) -> str:
    return f"{one.name} ({one.urn})"


def _successor(one: Successor) -> str:
    level = f", {one.level_label} suggested" if one.level_label and one.proposed else ""
    after = ", ".join(map(str, one.predecessors))
    evidence = "; ".join(map(_evidence, one.evidence))
    doubts = f" Look at: {', '.join(doubt.value.replace('_', ' ') for doubt in one.doubts)}." if one.doubts else ""
    return f"{one.name} ({one.urn}) after {after}{level}.{_why_not(one)} Evidence: {evidence}.{doubts}"


def _why_not(one: Successor) -> str:
    if one.hidden:
        return f" The group does not see it: {one.hidden}."
    return "" if one.proposed else f" It stands already: {one.state.label}."


def _evidence(link: Succession) -> str:
    day = day_words(link.day) if link.day else "undated"
    number = "same number" if link.same_number else "other number"
    several = f"{link.successors} to at least {link.predecessors}"
    ahead = ", in the future" if link.in_the_future else ""
    return f"{link.predecessor} → {link.successor}, {link.kind}, {day}{ahead}, {number}, {several}"


def _unclear(one: Unclear) -> str:
    return f"{one.name} ({one.urn}): {one.why}."


_A_LEVEL_OR_NONE = validation.is_a((AccessLevel, type(None)), f"{validation.member_words(AccessLevel)} or None")
_A_REQUEST_OR_NONE = validation.is_a((RequestId, type(None)), "a RequestId or None")
_YES_OR_NO = validation.is_a(bool, "True or False")

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

    urn: int = attrs.field(validator=validation.urn)
    name: str = attrs.field(validator=validation.text)
    version: int = attrs.field(validator=validation.whole(1))
    cause: EndCause = attrs.field(validator=validation.member(EndCause))
    why: str = attrs.field(validator=validation.text)
    level: AccessLevel | None = attrs.field(validator=_A_LEVEL_OR_NONE)
    level_label: str = attrs.field(validator=validation.text_or_empty)
    request: RequestId | None = attrs.field(validator=_A_REQUEST_OR_NONE)


@attrs.frozen(kw_only=True)
class NewSchool:
    """A school that the group sees, with no agreement and succeeding none of its schools.

    Attributes:
        urn: The school.
        name: Its name in the register.
    """

    urn: int = attrs.field(validator=validation.urn)
    name: str = attrs.field(validator=validation.text)


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

    predecessor: int = attrs.field(validator=validation.urn)
    successor: int = attrs.field(validator=validation.urn)
    kind: str = attrs.field(validator=validation.text)
    day: date | None = attrs.field(converter=to_optional_day)
    in_the_future: bool = attrs.field(validator=_YES_OR_NO)
    same_number: bool = attrs.field(validator=_YES_OR_NO)
    successors: int = attrs.field(validator=validation.whole(1))
    predecessors: int = attrs.field(validator=validation.whole(1))


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

    urn: int = attrs.field(validator=validation.urn)
    name: str = attrs.field(validator=validation.text)
    predecessors: tuple[int, ...] = attrs.field(converter=to_tuple, validator=validation.each(validation.urn))
    evidence: tuple[Succession, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(Succession, "Successions")
    )
    doubts: tuple[Doubt, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(Doubt, "Doubts"))
    state: State = attrs.field(validator=validation.member(State))
    hidden: str = attrs.field(validator=validation.text_or_empty)
    level: AccessLevel | None = attrs.field(validator=_A_LEVEL_OR_NONE)
    level_label: str = attrs.field(validator=validation.text_or_empty)

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

    urn: int = attrs.field(validator=validation.urn)
    name: str = attrs.field(validator=validation.text)
    visible: bool = attrs.field(validator=_YES_OR_NO)
    because: tuple[Uncertainty, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(Uncertainty, validation.member_words(Uncertainty))
    )
    why: str = attrs.field(validator=validation.text)


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

    group: GroupId = attrs.field(validator=validation.is_a(GroupId, "a GroupId"))
    group_name: str = attrs.field(validator=validation.text)
    register_day: date = attrs.field(converter=to_day)
    digest: str = attrs.field(validator=validation.key)
    standing: int = attrs.field(validator=validation.whole(0))
    in_force: int = attrs.field(validator=validation.whole(0))
    looked_at: tuple[int, ...] = attrs.field(converter=to_tuple, validator=validation.each(validation.urn))
    ends: tuple[PlannedEnd, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(PlannedEnd, "PlannedEnds")
    )
    closes: tuple[PlannedEnd, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(PlannedEnd, "PlannedEnds")
    )
    compared: bool = attrs.field(validator=_YES_OR_NO)
    joined: tuple[NewSchool, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(NewSchool, "Joineds"))
    successors: tuple[Successor, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(Successor, "Successors")
    )
    unclear: tuple[Unclear, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(Unclear, "Unclears"))

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
