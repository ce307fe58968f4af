"""Pure: the past of agreements, as periods in which nothing changed (H1, A10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, TypedDict, Unpack

import attrs

from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RequestApproved,
    VisibilityLost,
    walk_events,
)
from datashare.domain.agreements.ids import Actor, AgreementId, Terms
from datashare.domain.agreements.state import Agreement, OpenRequest, State, evolve, granted, has_lapsed
from datashare.errors import InvalidInput

from . import timeline_text as words
from . import validation
from .instants import Instant, exact_words, london_day, london_span, to_instant
from .levels import AccessLevel, Capability
from .policy import Policy
from .timeline_text import IDS_ALONE, Approval, Names


@attrs.frozen(kw_only=True)
class AgreementPeriod:
    """A period in which nothing changed that matters to an auditor (H1).

    This is what the record says. Access itself stops at once when the register hides a school (X2); the record shows
    it from the instant at which somebody recorded what the register said. The register's own day stands beside it,
    as `Agreement.hidden_since`. Where the register says otherwise at the present instant, a period of its own begins
    there, so that it never contradicts access.

    Attributes:
        since: When it began, in UTC; this instant belongs to it.
        until: When it ended, in UTC; this instant does not belong to it. `None` if it still lasts.
        agreement: The agreement as it was when the period began. Reminders that came later are not in it.
        capabilities: What the group's staff could do at the school (X1, X2). Logging in also needed the person's own
            permission (X3); your own log says who used what.
        event: What brought the level into force: an approved request, a recorded approval or an import, with who did
            it and when. What somebody wrote in it is `None` once erased. `None` if no level was in force.
        accepted: The request that was approved, as it was then. `None` if the level rests on no request.
        hidden_by: The event that recorded the school as hidden, with every reason; `None` while it was visible (E6).
        shown: Whether the register shows the school to the group at the present instant, if the record says otherwise
            (`Present`); `None` if the record alone answers.
        lapsed: Whether what stood had lapsed (X2).
        ended: The event that ended the agreement or closed its request; `None` once something stands again.
        ended_from: The state that it ended: from `State.PENDING`, only a request was closed.
    """

    since: Instant
    until: Instant | None = None
    agreement: Agreement
    capabilities: frozenset[Capability] = frozenset()
    event: Approval | None = None
    accepted: OpenRequest | None = None
    hidden_by: VisibilityLost | None = None
    shown: bool | None = None
    lapsed: bool = False
    ended: AgreementEnded | None = None
    ended_from: State | None = None

    @property
    def level(self) -> AccessLevel | None:
        """The level in force, if any."""
        return self.agreement.level

    @property
    def terms(self) -> Terms | None:
        """The terms of the level in force, if any."""
        return self.event.terms if self.event else None

    @property
    def asked_by(self) -> Actor | None:
        """Who asked for the level in force; `None` if it rests on no request."""
        return self.accepted.asked_by if self.accepted else None

    @property
    def approved_by(self) -> Actor | None:
        """Who approved the request for the level in force; `None` if it rests on no request (A9, A10)."""
        return self.event.actor if isinstance(self.event, RequestApproved) else None

    @property
    def recorded_by(self) -> Actor | None:
        """Who recorded a central approval or imported an earlier agreement; they did not approve it (A9, A10)."""
        return self.event.actor if isinstance(self.event, ApprovalRecorded | AgreementImported) else None

    @property
    def actors(self) -> frozenset[Actor]:
        """Everybody whom the period names: people and systems."""
        named: set[Actor | None] = {self.ended.actor if self.ended else None}
        if self.agreement.in_force:
            named |= {self.agreement.in_force.approved_by, self.agreement.in_force.sender}
        for request in filter(None, (self.accepted, self.agreement.request)):
            named |= {request.asked_by, request.sender, *request.recipients}
        return frozenset(filter(None, named))

    def includes(self, at: Instant) -> bool:
        """Return whether *at* lies in the period."""
        return self.since <= at and (self.until is None or at < self.until)

    def overlaps(self, first: Instant, end: Instant) -> bool:
        """Return whether the period has an instant in common with the time from *first* to before *end*."""
        return self.since < end and (self.until is None or first < self.until)

    def in_words(self, names: Names = IDS_ALONE) -> str:
        """Return the period in words, with these *names*; with ids only, unless some are given."""
        agreement, since = self.agreement, exact_words(self.since)
        period = f"From {since} to {exact_words(self.until)}" if self.until else f"From {since}"
        sentences = [
            f"{period} {words.could(agreement, self.capabilities, names)}",
            words.in_force(self.event, self.accepted, agreement.group, names)
            if self.event
            else words.nothing(self.ended, self.ended_from, names),
        ]
        if self.terms:
            sentences.append(f"The terms were {self.terms.reference}, version {self.terms.version}.")
        if agreement.hidden_since:
            sentences.append(words.hidden(agreement.hidden_since, self.hidden_by.reasons if self.hidden_by else ()))
        if self.shown is not None:
            sentences.append(words.NOT_RECORDED_YET[self.shown])
        if self.lapsed:
            what = "It" if self.event else "The request"
            sentences.append(f"{what} had lapsed, since the school had been hidden for too long.")
        if agreement.request:
            sentences.append(words.waiting(agreement.request, agreement.group, names))
        return " ".join(sentences)

    def __str__(self) -> str:
        return self.in_words()


@attrs.frozen(kw_only=True)
class NotRecorded:
    """The record holds nothing about an agreement at some instant: it may have been in force then, or not.

    Attributes:
        agreement: Which agreement.
        until: When its record begins, in UTC; `None` if it has none.
        agreed_on: The original day of the agreement, if the record begins with its import (A10).
    """

    agreement: AgreementId
    until: Instant | None = None
    agreed_on: date | None = None

    def includes(self, at: Instant) -> bool:
        """Return whether *at* lies before the record begins."""
        return self.until is None or at < self.until

    def overlaps(self, first: Instant, end: Instant) -> bool:
        """Return whether a part of the time from *first* to before *end* lies before the record begins."""
        return first < end and self.includes(first)

    def may_have_stood(self, day: date) -> bool:
        """Return whether the agreement may have been in force on *day*: it was made by then, and imported later."""
        return self.agreed_on is not None and self.agreed_on <= day

    def in_words(self, names: Names = IDS_ALONE) -> str:
        """Return the same in words, with these *names*; with ids only, unless some are given."""
        return words.not_recorded(self.agreement, self.until, self.agreed_on, names)

    def __str__(self) -> str:
        return self.in_words()


AsOf = AgreementPeriod | NotRecorded
"""How an agreement stood at an instant, or that this is not recorded here."""


@attrs.frozen(kw_only=True)
class Present:
    """The present instant, at which the register itself says what a group sees, as it does for access (X2).

    The record shows a change only once somebody recorded it. An event of a later instant, which a clock that was fast
    wrote, counts as of the present instant.

    Attributes:
        at: The present instant, in UTC.
        visible: The URNs of the institutions that the group sees now, at least of those in question.
    """

    at: Instant
    visible: frozenset[int]


class Reading(TypedDict, total=False):
    """How a record is read, as keywords.

    Attributes:
        policy: The group's policy; the usual one for its kind, unless given.
        present: The present instant, if the events are of one group; without it the record alone answers.
    """

    policy: Policy | None
    present: Present | None


def periods(events: Iterable[Event], **reading: Unpack[Reading]) -> Iterator[AgreementPeriod]:
    """Return every period of one agreement or of many (H1).

    The periods of one agreement come in order. They cover the time from its first event without gap or overlap.
    States that lasted no time are left out, and changes that do not matter to an auditor, such as a reminder, do not
    begin a new period. The periods of several agreements come in the order in which they end.

    Args:
        events: The events of each agreement in the order of their sequence; those of several may be mixed.
        reading: The group's policy and the present; see `Reading`.

    Cost: one pass; memory for each agreement, not for each event.

    Raises:
        InvalidValue: One of the *events* is not an event.
    """
    return (answer for answer in _answers(events, **reading) if isinstance(answer, AgreementPeriod))


def timeline(events: Iterable[Event], **reading: Unpack[Reading]) -> tuple[AgreementPeriod, ...]:
    """Return the periods of one agreement, from its first event, in order; the last one still lasts (H1).

    Raises:
        InvalidValue: The events are of several agreements, or one of them is not an event.
    """
    answers = tuple(periods(events, **reading))
    agreements = {period.agreement.id for period in answers}
    if len(agreements) > 1:
        raise InvalidInput("events", sorted(map(str, agreements)), "the events of one agreement")
    return answers


def as_of(agreement: AgreementId, events: Iterable[Event], at: Instant, **reading: Unpack[Reading]) -> AsOf:
    """Return how one agreement stood at an instant, or that this is not recorded here (H1, A10).

    An event at that very instant counts.

    The answer rests on the record: an event counts from the instant that it bears, and a school is hidden from a
    recorded loss until a recorded return. It is what access was then, if every clock was right and every loss and
    return was recorded at once. Access may have shown more or less where a clock was wrong, and where a loss or a
    return of visibility was recorded later or never. The present instant, if it is given, is answered as access is.

    Args:
        agreement: Which agreement.
        events: All its events, in the order of their sequence.
        at: The instant.
        reading: The group's policy and the present; see `Reading`.

    Raises:
        InvalidValue: The instant has no time zone, or an event is another agreement's.
    """
    at = to_instant(at, "at")
    return next(answer for answer in _answers_about(agreement, events, **reading) if answer.includes(at))


def all_as_of(events: Iterable[Event], at: Instant, **reading: Unpack[Reading]) -> tuple[AsOf, ...]:
    """Return how every agreement of a group stood at an instant, by URN (H1, A10).

    Agreements whose record had not begun are left out, unless an agreement of that day or before was imported later:
    it may have been in force, so the answer is that this is not recorded here.

    Args:
        events: The group's events, those of each agreement in the order of their sequence.
        at: The instant.
        reading: The group's policy and the present; see `Reading`.

    Cost: one pass to the end, since only later events show when a period ended.

    Raises:
        InvalidValue: The instant has no time zone.
    """
    at = to_instant(at, "at")
    day = london_day(at)
    answers = _answers(events, **reading)
    return _by_urn(answer for answer in answers if answer.includes(at) and _matters(answer, day))


def all_on(events: Iterable[Event], day: date, **reading: Unpack[Reading]) -> tuple[AsOf, ...]:
    """Return every period that touches a day in Europe/London, by URN, then instant (H1, A10).

    If an agreement of that day or before was imported later, its first answer is that the beginning of the day is not
    recorded here.

    Args:
        events: The events of a group or of one agreement, those of each agreement in the order of their sequence.
        day: The day; it has 23 or 25 hours when the clocks change.
        reading: The group's policy and the present; see `Reading`.

    Raises:
        InvalidValue: It is not a day.
    """
    first, end = london_span(day)
    answers = _answers(events, **reading)
    return _by_urn(answer for answer in answers if answer.overlaps(first, end) and _matters(answer, day))


def in_force_on(events: Iterable[Event], day: date, **reading: Unpack[Reading]) -> tuple[AsOf, ...]:
    """Return what was in force, or may have been, at any time of a day in Europe/London (H1, A10).

    Returns:
        The answers of `all_on` without the periods in which nothing was in force.

    Raises:
        InvalidValue: It is not a day.
    """
    answers = all_on(events, day, **reading)
    return tuple(answer for answer in answers if isinstance(answer, NotRecorded) or answer.event)


def on_day(agreement: AgreementId, events: Iterable[Event], day: date, **reading: Unpack[Reading]) -> tuple[AsOf, ...]:
    """Return how one agreement stood in the course of a day in Europe/London (H1, A10).

    Returns:
        Every period that touches the day; before them a `NotRecorded`, if the record begins during the day or later.

    Raises:
        InvalidValue: It is not a day, or an event is another agreement's.
    """
    first, end = london_span(day)
    answers = _answers_about(agreement, events, **reading)
    return tuple(answer for answer in answers if answer.overlaps(first, end))


def shared_on(
    agreement: AgreementId, events: Iterable[Event], day: date, **reading: Unpack[Reading]
) -> tuple[AsOf, ...]:
    """Return what the group could see of the school on a day in Europe/London, and on whose authority (H1).

    Returns:
        Every period that touches the day and granted something. If an agreement of that day or before was imported
        later, first that the beginning of the day is not recorded here: it may have been in force (A10).

    Raises:
        InvalidValue: It is not a day, or an event is another agreement's.
    """
    return tuple(
        answer
        for answer in on_day(agreement, events, day, **reading)
        if (answer.may_have_stood(day) if isinstance(answer, NotRecorded) else answer.capabilities)
    )


def _answers_about(agreement: AgreementId, events: Iterable[Event], **reading: Unpack[Reading]) -> tuple[AsOf, ...]:
    """Return all answers about one agreement; the only one may be that nothing is recorded."""
    validation.require_a(agreement, AgreementId, "agreement", "an AgreementId")
    own: list[Event] = []
    for event in walk_events(events):
        if event.agreement != agreement:
            raise InvalidInput("events", str(event.agreement), f"the events of {agreement}")
        own.append(event)
    return tuple(_answers(own, **reading)) or (NotRecorded(agreement=agreement),)


def _matters(answer: AsOf, day: date) -> bool:
    return isinstance(answer, AgreementPeriod) or answer.may_have_stood(day)


def _by_urn(answers: Iterable[AsOf]) -> tuple[AsOf, ...]:
    return tuple(sorted(answers, key=lambda answer: answer.agreement.urn))  # those of one agreement come in order


def _answers(
    events: Iterable[Event], *, policy: Policy | None = None, present: Present | None = None
) -> Iterator[AsOf]:
    """Return every period, and for each agreement first that nothing is recorded of the time before."""
    lines: dict[AgreementId, _Line] = {}
    for event in walk_events(events):
        at = min(event.at, present.at) if present else event.at
        line = lines.get(event.agreement)
        if line is None:
            agreed_on = event.agreed_on if isinstance(event, AgreementImported) else None
            yield NotRecorded(agreement=event.agreement, until=at, agreed_on=agreed_on)
            choices = policy or Policy.for_kind(event.agreement.group.kind)
            nothing = AgreementPeriod(since=at, agreement=Agreement(id=event.agreement))
            lines[event.agreement] = _Line(choices, _after(nothing, event, at, choices))
        elif period := line.go_on(_after(line.now, event, at, line.policy)):
            yield period
    for line in lines.values():
        over = line.go_on(_at_present(line.now, present, line.policy)) if present else None
        yield from filter(None, (over, line.settle(), line.settled))


@attrs.define
class _Line:
    """The timeline of one agreement while its events are read.

    Only when time has passed is it known which of several events at one instant was the last (T3).
    """

    policy: Policy
    now: AgreementPeriod
    settled: AgreementPeriod | None = None

    def go_on(self, later: AgreementPeriod) -> AgreementPeriod | None:
        """Go on to what stands *later*; return the period that is over, if one is."""
        ended = self.settle() if later.since > self.now.since else None
        self.now = later
        return ended

    def settle(self) -> AgreementPeriod | None:
        """Settle what stands at the instant that was reached; return the period that this ends, if it ends one."""
        before, now = self.settled, self.now
        if before and _asked_about(before) == _asked_about(now):
            return None
        self.settled = now
        return attrs.evolve(before, until=now.since) if before else None


def _after(before: AgreementPeriod, event: Event, at: Instant, policy: Policy) -> AgreementPeriod:
    """Return the period that begins with an event *at* an instant; it begins no earlier than the one before."""
    old, new = before.agreement, evolve(before.agreement, event)
    changes: dict[str, Any] = {}
    match event:
        case RequestApproved():
            request = old.request
            accepted = request if request and request.id == event.request else None
            changes = {"event": event, "accepted": accepted}
        case ApprovalRecorded() | AgreementImported():
            changes = {"event": event, "accepted": None}
        case AgreementEnded():
            changes = {"event": None, "accepted": None, "ended": event, "ended_from": old.state}
        case VisibilityLost() if old.hidden_since is None:
            changes = {"hidden_by": event}
    if new.hidden_since is None:
        changes["hidden_by"] = None
    if new.stands:
        changes |= {"ended": None, "ended_from": None}
    changes["lapsed"] = new.lapsed
    since = max(at, before.since)
    level = granted(new, visible=new.hidden_since is None, policy=policy, day=london_day(since))
    capabilities = level.capabilities if level else frozenset()
    return attrs.evolve(before, since=since, agreement=new, capabilities=capabilities, **changes)


def _at_present(last: AgreementPeriod, present: Present, policy: Policy) -> AgreementPeriod:
    """Return what stands at the present instant, if the register shows the school as the record does not (X2)."""
    agreement, day = last.agreement, london_day(present.at)
    visible = agreement.urn in present.visible
    if agreement.in_force is None or visible is (agreement.hidden_since is None):
        return last
    level = granted(agreement, visible=visible, policy=policy, day=day)
    return attrs.evolve(
        last,
        since=present.at,
        shown=visible,
        lapsed=has_lapsed(agreement, policy=policy, day=day),
        capabilities=level.capabilities if level else frozenset(),
    )


def _asked_about(period: AgreementPeriod) -> tuple[object, ...]:
    """Return what matters to an auditor; the period lasts as long as this stays the same."""
    request = period.agreement.request
    asked = (request.id, request.recipients) if request else None  # all else of a request stays, but for reminders
    return period.event, asked, period.hidden_by, period.shown, period.lapsed, period.ended
