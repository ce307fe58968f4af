"""Pure: why something is refused, as values with all reasons (rules R)."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from datashare.domain.eligibility import Eligibility
from datashare.domain.instants import Instant, instant_words
from datashare.domain.levels import AccessLevel
from datashare.domain.text import LONGEST_SENTENCE, Labelled, named, plain_line
from datashare.domain.visibility import Visibility

from .ids import ClosedRequest, RequestId


class RefusalCode(Labelled):
    """Every reason for a refusal, in the order in which the primary one is chosen (R1, R2)."""

    # R1: the action as a whole.
    NOT_PERMITTED = "not_permitted"
    """The person who acts lacks the permission (K2, P12)."""
    SENDER_NOT_ELIGIBLE = "sender_not_eligible"
    """The chosen sender may not send requests, or has no address (P9)."""
    LEVEL_NOT_REQUESTABLE = "level_not_requestable"
    """The policy does not let the group request this level (L3)."""
    TERMS_REQUIRED = "terms_required"
    """A local authority's request needs a reference to its terms (Q8)."""
    COMMAND_ID_REUSED = "command_id_reused"
    """Another command has used this command id (K4)."""
    GROUP_CLOSED = "group_closed"
    """The group is closed (V8)."""
    REGISTER_EMPTY = "register_empty"
    """The register holds no institution of the group (E3)."""
    REGISTER_SHRUNK = "register_shrunk"
    """The register lacks too many institutions that the one in place has (E3)."""
    REGISTER_OLDER = "register_older"
    """The register is older than the last one that was applied (E3)."""
    REGISTER_DIFFERS = "register_differs"
    """The register's day is not the one that the call or the plan states (E3)."""
    CONFIRMATION_NEEDED = "confirmation_needed"
    """The plan ends so many agreements that a person must confirm it (E3)."""
    # R2: one school.
    NOT_VISIBLE = "not_visible"
    """The group does not see the school; nothing else is said about it (Q9)."""
    NO_SCHOOL_SITE = "no_school_site"
    """The school has no MIS site, so nobody can answer (V11)."""
    REQUEST_ALREADY_OPEN = "request_already_open"
    """A request is open already (Q6)."""
    REQUEST_NOT_OPEN = "request_not_open"
    """The request was closed by somebody else (A4)."""
    NOTHING_TO_END = "nothing_to_end"
    """There is neither a level in force nor an open request."""
    CAUSE_NOT_SHOWN = "cause_not_shown"
    """The register does not show the cause that was given (E1, E8)."""
    HISTORY_EXISTS = "history_exists"
    """The agreement has a history, so nothing can be imported (A10)."""
    LAPSED = "lapsed"
    """The agreement or the request has lapsed (X2)."""
    LEVEL_UNCHANGED = "level_unchanged"
    """The level is in force already (Q7)."""
    LEVEL_REDUCTION = "level_reduction"
    """A higher level is in force (L4, Q7)."""
    TERMS_VERSION_MISMATCH = "terms_version_mismatch"
    """The answer names another version of the terms than the request (A6)."""
    SAME_PERSON = "same_person"
    """The policy wants the sender and the approver to be different people (A7)."""
    RECIPIENT_NOT_ELIGIBLE = "recipient_not_eligible"
    """Some of the people who were named cannot be asked (P11)."""
    NO_ELIGIBLE_RECIPIENT = "no_eligible_recipient"
    """None of the people who were chosen can be asked (Q10)."""
    ALREADY_ASKED = "already_asked"
    """Everybody who was chosen has this request already (Q4)."""
    NO_REACHABLE_RECIPIENT = "no_reachable_recipient"
    """None of the recipients can still be reached (N3)."""
    REMINDER_TOO_SOON = "reminder_too_soon"
    """The policy's interval since the request or the last reminder is not over (N4)."""
    CONFLICT = "conflict"
    """Others kept changing the agreement."""
    UNREADABLE = "unreadable"
    """The record of the agreement cannot be read (T6)."""


_ORDER = {code: place for place, code in enumerate(RefusalCode)}

WHOLE = frozenset(code for code in RefusalCode if _ORDER[code] <= _ORDER[RefusalCode.CONFIRMATION_NEEDED])
"""The codes that refuse an action as a whole (R1, E3).

Some of them can also be one school's outcome. `RefusalCode.COMMAND_ID_REUSED`: another command took the id after this
one had changed some schools. The four about registers and plans: the command id has changed other schools before.
"""

_WORDS = {
    RefusalCode.NOT_PERMITTED: "Not permitted here. {detail}",
    RefusalCode.SENDER_NOT_ELIGIBLE: "The sender cannot send requests: {people}. Choose another sender.",
    RefusalCode.LEVEL_NOT_REQUESTABLE: "{level} cannot be requested by this group. Choose one of: {detail}.",
    RefusalCode.TERMS_REQUIRED: "This request needs a reference to its terms document. Add the terms.",
    RefusalCode.COMMAND_ID_REUSED: "This command id was used for a different command. Use a new id.",
    RefusalCode.GROUP_CLOSED: "The group is closed in the register. If it is open, have the register corrected.",
    RefusalCode.REGISTER_EMPTY: "The register is empty, or holds no school of the group. Load the whole register.",
    RefusalCode.REGISTER_SHRUNK: "{detail} A register loses none, so it is not whole. Load the whole register.",
    RefusalCode.REGISTER_OLDER: "{detail} Load the newest register.",
    RefusalCode.REGISTER_DIFFERS: "This is not the register that was meant. {detail} Look at it, then start again.",
    RefusalCode.CONFIRMATION_NEEDED: "{detail} Check that the register is right and complete, then confirm the plan.",
    RefusalCode.NOT_VISIBLE: "{detail} Try again once the register shows it to the group.",
    RefusalCode.NO_SCHOOL_SITE: "The school has no MIS site, so nobody there can answer. Wait until it has one.",
    RefusalCode.REQUEST_ALREADY_OPEN: "Request {request} for {level} is still open. Withdraw it first.",
    RefusalCode.REQUEST_NOT_OPEN: "{detail} Look at the agreement as it stands now.",
    RefusalCode.NOTHING_TO_END: "There is no agreement and no open request to end. Leave this school out.",
    RefusalCode.CAUSE_NOT_SHOWN: "{detail} Choose another cause.",
    RefusalCode.HISTORY_EXISTS: "This agreement has a history here, so it cannot be imported. Send a request.",
    RefusalCode.LAPSED: "{detail} Send a new request, or ask the group for one.",
    RefusalCode.LEVEL_UNCHANGED: "{level} is in force already. Ask for a higher level, or leave this school out.",
    RefusalCode.LEVEL_REDUCTION: "{level} is in force, and a level is never reduced. Ask for a higher level.",
    RefusalCode.TERMS_VERSION_MISMATCH: "{detail} Reload the page and answer again.",
    RefusalCode.SAME_PERSON: "Sender and approver must be different people. {detail} Ask somebody else to accept.",
    RefusalCode.RECIPIENT_NOT_ELIGIBLE: "Some people cannot be asked: {people}. Leave them out, or correct this.",
    RefusalCode.NO_ELIGIBLE_RECIPIENT: "Nobody chosen at the school can be asked. Check roles and addresses there.",
    RefusalCode.ALREADY_ASKED: "Everybody chosen has been sent this request already. Send a reminder instead.",
    RefusalCode.NO_REACHABLE_RECIPIENT: "The recipients can no longer be reached. Add other recipients.",
    RefusalCode.REMINDER_TOO_SOON: "It is too soon for a reminder. Wait until {detail}.",
    RefusalCode.CONFLICT: "Others changed this agreement meanwhile. {detail} Look at it again, then repeat.",
    RefusalCode.UNREADABLE: "The agreement's record cannot be read; it was damaged, or is newer than this program. "
    "Ask whoever runs the system to restore it, or to update the program.",
}


@attrs.frozen(kw_only=True)
class Reason:
    """One reason for a refusal, with its facts; `str` words it for people.

    Attributes:
        code: Which reason.
        detail: A fact in words, where the code's own words need one.
        level: The level that it is about.
        level_label: That level in the words of the group's policy (L3).
        request: The request that it is about.
        closed: Who closed that request and when (A4).
        closed_by: That person's name, where they are known.
        people: The people that it is about, and what is against each (P11).
        visibility: Why the school is hidden (Q9).
        from_instant: From when it is allowed, in UTC (N4).
    """

    code: RefusalCode
    detail: str = ""
    level: AccessLevel | None = None
    level_label: str = ""
    request: RequestId | None = None
    closed: ClosedRequest | None = None
    closed_by: str = ""
    people: tuple[Eligibility, ...] = ()
    visibility: Visibility | None = None
    from_instant: Instant | None = None

    def __str__(self) -> str:
        detail = self._detail()
        words = _WORDS[self.code].format(
            detail=detail,
            level=plain_line(self.level_label) or (self.level.label if self.level else "This level"),
            request=self.request,
            people="; ".join(map(str, self.people)),
        )
        return words if detail else words.replace("  ", " ").strip()

    def _detail(self) -> str:
        if self.visibility:
            return str(self.visibility)
        if self.closed:
            when = instant_words(self.closed.at)
            who = named(self.closed_by, self.closed.by) if self.closed_by else self.closed.by
            return f"Request {self.request} was {self.closed.outcome.value} by {who} on {when}."
        if self.from_instant:
            return instant_words(self.from_instant)
        return plain_line(self.detail, LONGEST_SENTENCE)


def in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Sort *reasons* so that the primary one comes first (R2)."""
    return tuple(sorted(reasons, key=lambda reason: _ORDER[reason.code]))


@attrs.frozen
class Refusal:
    """The refusal of a command for one school; nothing changes (T2).

    Attributes:
        reasons: Every reason that applies, the primary one first; never empty.
    """

    reasons: tuple[Reason, ...]

    @property
    def code(self) -> RefusalCode:
        """The primary reason's code."""
        return self.reasons[0].code

    def __str__(self) -> str:
        return " ".join(map(str, self.reasons))
