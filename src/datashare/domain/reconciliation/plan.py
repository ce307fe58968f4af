"""Pure: a plan and its parts, and their words for a terminal or an email."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import attrs

from datashare.domain.agreements import EndCause, RequestId, State
from datashare.domain.agreements.commands import CAME_LATER
from datashare.domain.instants import day_words
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import stale_words
from datashare.domain.register import GroupId
from datashare.domain.text import LONGEST_SENTENCE, Labelled, named, plain_line

CONFIRM_ABOVE_PERCENT, CONFIRM_ABOVE = 10, 3
"""A plan must be confirmed if it ends more than this percentage and more than this number (E3)."""


class Uncertainty(Labelled):
    """Why a plan does not say clearly what becomes of an agreement."""

    GROUP_GONE = "group_gone"
    """The register does not name the group."""
    URN_GONE = "urn_gone"
    """The register no longer has the school's URN."""
    UNKNOWN_STATUS = "unknown_status"
    """The school's status in the register is not a known one (V5)."""
    DUE_TO_OPEN = "due_to_open"
    """The school is proposed to open, although it has an agreement."""
    JOINS_LATER = "joins_later"
    """The school's link with the group begins on a later day (V7)."""
    LEFT_OUT_BY_POLICY = "left_out_by_policy"
    """The group's policy leaves out schools of this type, or those that are proposed to close."""
    PROPOSED_TO_CLOSE = "proposed_to_close"
    """The school is open, but proposed to close (V3)."""
    DATES_CONTRADICT_STATUS = "dates_contradict_status"
    """A date in the register does not fit the school's status (V4)."""
    SUCCESSOR_TO_COME = "successor_to_come"
    """Another school is to succeed it on a later day."""
    UNREADABLE = "unreadable"
    """The record of the agreement cannot be read (T6)."""


class Doubt(Labelled):
    """What to look at before a successor is asked (E5)."""

    UNDATED = "undated"
    """A link on the way to the successor has no date."""
    IN_THE_FUTURE = "in_the_future"
    """A link on the way to the successor has a date after the register's day."""
    CYCLIC = "cyclic"
    """The links lead back to a school that was already on the way."""
    SEVERAL_SUCCESSORS = "several_successors"
    """A school on the way was succeeded by several schools."""
    SEVERAL_PREDECESSORS = "several_predecessors"
    """A school on the way succeeded several schools."""
    OTHER_NUMBER = "other_number"
    """A school on the way has another LA code or establishment number than the one it succeeded."""
    VIA_ANOTHER = "via_another"
    """There are closed schools between the predecessor and the successor."""
    LEVEL_BEFORE_AN_END_UNKNOWN = "level_before_an_end_unknown"
    """A predecessor's agreement has ended, so its level is not part of the suggestion."""
    UNREADABLE_PREDECESSOR = "unreadable_predecessor"
    """The record of a predecessor's agreement cannot be read (T6)."""


@attrs.frozen(kw_only=True)
class PlannedEnd:
    """An agreement to end, or an open request to close, since the register shows that it is over.

    Attributes:
        urn: The school.
        name: Its name in the register.
        version: The version of the agreement for which the plan was made (E4).
        cause: Why it would end (E1).
        why: Why, in words.
        level: The level in force, if any.
        level_label: That level in the words of the group's policy (L3).
        request: The open request that would be closed, if any.
    """

    urn: int
    name: str
    version: int
    cause: EndCause
    why: str
    level: AccessLevel | None
    level_label: str
    request: RequestId | None

    def __str__(self) -> str:
        level = f", {plain_line(self.level_label)}" if self.level_label else ""
        too = " Its open request is closed too." if self.level and self.request else ""
        why = plain_line(self.why, LONGEST_SENTENCE)
        return f"{named(self.name, self.urn)}{level}: {cause_words(self.cause)} – {why}.{too}"


@attrs.frozen(kw_only=True)
class FormerGroup:
    """The group that a school moved from together with others (E8).

    Attributes:
        group: Which group.
        name: Its name, as last known.
        level: The level in force between it and the school when the school moved, if one was and had not lapsed.
        level_label: That level in the words of the policy of the group that the plan is for (L3).
        unreadable: Whether the agreement between the two cannot be read, so that no level is known (T6).
    """

    group: GroupId
    name: str
    level: AccessLevel | None
    level_label: str
    unreadable: bool = attrs.field(default=False, metadata={CAME_LATER: True})

    def __str__(self) -> str:
        held = plain_line(self.level_label) or ("an agreement that cannot be read" if self.unreadable else "")
        return named(self.name, self.group) + (f" with {held}" if held else "")


@attrs.frozen(kw_only=True)
class NewSchool:
    """A school that the group sees and has no agreement with, and that succeeds no school of the group.

    Attributes:
        urn: The school.
        name: Its name in the register.
        before: The group that it moved from together with others, if it did (E8).
        level: The level to ask for then: the one in force there, or the highest below it that may be requested.
        level_label: That level in the words of the group's policy (L3).
    """

    urn: int
    name: str
    before: FormerGroup | None = attrs.field(default=None, metadata={CAME_LATER: True})
    level: AccessLevel | None = attrs.field(default=None, metadata={CAME_LATER: True})
    level_label: str = attrs.field(default="", metadata={CAME_LATER: True})

    def __str__(self) -> str:
        before = f", moved from {self.before}" if self.before else ""
        level = f"; {plain_line(self.level_label)} suggested" if self.level_label else ""
        return f"{named(self.name, self.urn)}{before}{level}"


@attrs.frozen(kw_only=True)
class Succession:
    """One link of the register, as evidence for a successor (E5).

    Attributes:
        predecessor: The URN that was succeeded.
        successor: The URN that succeeded it.
        kind: The register's ``LinkType``, in its words.
        day: ``LinkEstablishedDate``, in Europe/London; often absent.
        in_the_future: Whether that is after the register's own day.
        same_number: Whether both have the same LA code and establishment number.
        successors: How many successors the predecessor has.
        predecessors: How many predecessors the successor has at least; only links from the group's own schools are
            counted.
    """

    predecessor: int
    successor: int
    kind: str
    day: date | None
    in_the_future: bool
    same_number: bool
    successors: int
    predecessors: int

    def __str__(self) -> str:
        day = day_words(self.day) if self.day else "undated"
        number = "same number" if self.same_number else "other number"
        several = f"{self.successors} to at least {self.predecessors}"
        ahead = ", in the future" if self.in_the_future else ""
        return f"{self.predecessor} → {self.successor}, {plain_line(self.kind)}, {day}{ahead}, {number}, {several}"


@attrs.frozen(kw_only=True)
class Successor:
    """A school that succeeded schools of the group, with the evidence for it (E5).

    Attributes:
        urn: The successor.
        name: Its name in the register.
        predecessors: The schools with a history here that it succeeded, including those that the group still sees.
        evidence: The links that lead there from each of them, in order.
        doubts: What to look at.
        state: The state of its own agreement with the group.
        hidden: Why the group does not see it, in words; empty if it does.
        level: The level to ask for: the lowest held by its predecessors, or else the lowest of their open requests; or
            the highest below it that may be requested. What was held before an end is not known; then
            `Doubt.LEVEL_BEFORE_AN_END_UNKNOWN` is among the doubts. `None` if the agreement of a predecessor cannot be
            read (T6); then `Doubt.UNREADABLE_PREDECESSOR` is.
        level_label: That level in the words of the group's policy (L3).
    """

    urn: int
    name: str
    predecessors: tuple[int, ...]
    evidence: tuple[Succession, ...]
    doubts: tuple[Doubt, ...]
    state: State
    hidden: str
    level: AccessLevel | None
    level_label: str

    @property
    def proposed(self) -> bool:
        """Whether to ask it: the group sees it, and nothing stands with it."""
        return not self.hidden and self.state is State.NO_AGREEMENT

    def __str__(self) -> str:
        level = f", {plain_line(self.level_label)} suggested" if self.level_label and self.proposed else ""
        after = ", ".join(map(str, self.predecessors))
        why_not = "" if self.proposed else f" It stands already: {self.state.label}."
        if self.hidden:
            why_not = f" The group does not see it: {plain_line(self.hidden, LONGEST_SENTENCE)}."
        evidence = "; ".join(map(str, self.evidence))
        doubts = ", ".join(doubt.value.replace("_", " ") for doubt in self.doubts)
        look_at = f" Look at: {doubts}." if doubts else ""
        return f"{named(self.name, self.urn)} after {after}{level}.{why_not} Evidence: {evidence}.{look_at}"


@attrs.frozen(kw_only=True)
class Unclear:
    """An agreement that a person should look at: the register says something odd, or it cannot be read. It never ends.

    Attributes:
        urn: The school.
        name: Its name in the register.
        visible: Whether the group sees it.
        because: What is unclear.
        why: That, in words.
    """

    urn: int
    name: str
    visible: bool
    because: tuple[Uncertainty, ...]
    why: str

    def __str__(self) -> str:
        return f"{named(self.name, self.urn)}: {plain_line(self.why, LONGEST_SENTENCE)}."


@attrs.frozen(kw_only=True)
class RenamedSchool:
    """A school that something stands with, and that has another name than in an older register.

    Attributes:
        urn: The school.
        name: Its name in the register.
        before: Its name in the older register.
    """

    urn: int
    name: str
    before: str

    def __str__(self) -> str:
        return f"{named(self.name, self.urn)}, before: {plain_line(self.before)}"


@attrs.frozen(kw_only=True)
class Plan:
    """What a register means for a group's agreements; it does nothing until a person applies it (E2).

    `str` sets it out for a terminal or an email. Every part is a simple value, so that `datashare.codec` can write
    it as text, to be kept between showing and confirming.

    Attributes:
        group: The group.
        group_name: Its name in the register.
        register_day: The register's day, in Europe/London.
        digest: The digest of what the register says here; different registers have different digests.
        standing: How many agreements stand, including open requests, as far as they can be read.
        in_force: How many of them have a level in force.
        looked_at: The URNs of all agreements that it looked at, including those that ended.
        ends: The agreements to end, and why.
        closes: The schools with only an open request, which is to be closed.
        compared: Whether it was known which schools the group saw in an older register.
        joined: The schools without an agreement that the group did not see before, as far as that is known; if
            nothing was *compared*, all schools without an agreement.
        successors: What succeeded the group's schools; `to_ask` are those to ask.
        unclear: What a person should look at.
        renamed: The schools that had another name in an older register.
        stale_for: How many days old the register was, where that is more than the group's policy allows; else 0 (E3).
    """

    group: GroupId
    group_name: str
    register_day: date
    digest: str
    standing: int
    in_force: int
    looked_at: tuple[int, ...]
    ends: tuple[PlannedEnd, ...]
    closes: tuple[PlannedEnd, ...]
    compared: bool
    joined: tuple[NewSchool, ...]
    successors: tuple[Successor, ...]
    unclear: tuple[Unclear, ...]
    renamed: tuple[RenamedSchool, ...] = attrs.field(default=(), metadata={CAME_LATER: True})
    stale_for: int = attrs.field(default=0, metadata={CAME_LATER: True})

    @property
    def to_end(self) -> tuple[PlannedEnd, ...]:
        """All that applying it ends: the agreements, then the open requests."""
        return (*self.ends, *self.closes)

    @property
    def to_ask(self) -> tuple[Successor, ...]:
        """The successors to ask: the group sees them, and nothing stands with them."""
        return tuple(successor for successor in self.successors if successor.proposed)

    @property
    def to_ask_by_level(self) -> Mapping[AccessLevel, tuple[int, ...]]:
        """The schools to ask, by the level suggested, lowest first; each level takes one `request` (E5, E8).

        They are the successors to ask, and the schools that moved here together from another group.
        """
        schools: tuple[Successor | NewSchool, ...] = (*self.to_ask, *self.joined)
        by_level: dict[AccessLevel, tuple[int, ...]] = {}
        for school in schools:
            if school.level:
                by_level[school.level] = (*by_level.get(school.level, ()), school.urn)
        return dict(sorted(by_level.items()))

    @property
    def needs_confirmation(self) -> bool:
        """Whether it ends more than a tenth of what stands, or of what is in force, and more than three (E3).

        Either share is enough, so that many open requests do not hide that most agreements would end.
        """
        return _is_much(len(self.to_end), self.standing) or _is_much(len(self.ends), self.in_force)

    @property
    def nothing_to_do(self) -> bool:
        """Whether there is nothing to end, to close, to ask or to look at."""
        return not (self.to_end or self.joined or self.to_ask or self.unclear)

    @property
    def share(self) -> str:
        """How much of what stands it ends, in words (E3)."""
        in_force = f"{len(self.ends)} of {self.in_force} agreements in force"
        return f"{len(self.to_end)} of {self.standing} agreements and open requests, {in_force} among them"

    def __str__(self) -> str:
        heading = f"{named(self.group_name, self.group)}, register of {day_words(self.register_day)}"
        blocks = [[heading, f"Agreements and open requests that stand: {self.standing}."], *self._parts()]
        if self.stale_for:
            blocks.insert(1, [f"{stale_words(self.stale_for)} Load the newest register first."])
        if self.needs_confirmation:
            confirm = f"It would end {self.share}, so it has to be confirmed explicitly."
            blocks.append([confirm, "Check first that the register is right and whole."])
        blocks.append(["Nothing to do." if self.nothing_to_do else "This is a plan: nothing has been done yet."])
        return "\n\n".join(map("\n".join, blocks))

    def _parts(self) -> Iterator[list[str]]:
        """Return a heading for each part that holds something, with a line for each school."""
        joined = "Schools that joined and have no agreement" if self.compared else "Schools that have no agreement"
        others = [successor for successor in self.successors if not successor.proposed]
        parts: dict[str, Sequence[object]] = {
            "Agreements to end": self.ends,
            "Open requests to close": self.closes,
            joined: self.joined,
            "Successors to ask": self.to_ask,
            "Successors that are not to be asked now": others,
            "Unclear, and left as it is": self.unclear,
            "Schools with another name": self.renamed,
        }
        for title, schools in parts.items():
            if schools:
                yield [f"{title} ({len(schools)}):", *(f"  - {school}" for school in schools)]


def _is_much(count: int, of: int) -> bool:
    return count > CONFIRM_ABOVE and 100 * count > CONFIRM_ABOVE_PERCENT * of


_CAUSES = {
    EndCause.SCHOOL_CLOSED: "the school closed",
    EndCause.SCHOOL_LEFT_GROUP: "the school left the group",
    EndCause.GROUP_CLOSED: "the group closed",
    EndCause.GROUP_REORGANISED: "the group was reorganised, and the school is in another one now",
    EndCause.SUCCEEDED: "the school was succeeded by another",
}


def cause_words(cause: EndCause) -> str:
    """Return why an agreement ends, in words; for a cause that no register shows, its name."""
    return _CAUSES.get(cause, cause.value)
