"""Pure: what events tell of any instant of the past (H1); it touches nothing but the standard library and attrs.

Everything rests on `standings`, one pass that gives each stretch of time once it has ended; so a question about a
whole group holds no more than its agreements in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import attrs

from datashare.domain.agreements import (
    Actor,
    Agreement,
    AgreementEnded,
    AgreementId,
    AgreementImported,
    ApprovalRecorded,
    EndCause,
    Event,
    RequestApproved,
    RequestId,
    VisibilityLost,
    evolve,
)
from datashare.domain.instants import Instant, london_span, to_instant
from datashare.domain.institutions import HiddenBecause
from datashare.errors import InvalidValue

from .standings import Asked, AsOf, NotRecorded, Standing


def standings(events: Iterable[Event]) -> Iterator[Standing]:
    """Give every stretch of time in which an agreement stood the same, of one agreement or of many (H1).

    The stretches of one agreement come in order and cover the time from its first event on, without gap or overlap;
    each begins where one before it ends. What lasted no time is left out, and what differs only in what no auditor
    asks about, such as a reminder, is one. Those of several agreements come in the order in which they end.

    Args:
        events: The events of each agreement in the order of their sequence; those of several may be mixed.

    Cost: one pass; memory for each agreement, not for each event.
    """
    lines: dict[AgreementId, _Line] = {}
    for event in events:
        line = lines.get(event.agreement)
        if line is None:
            lines[event.agreement] = _Line(_begun(event), event.at)
            continue
        ended = line.ended_by(event)
        if ended:
            yield ended
    for line in lines.values():
        yield from line.rest()


def timeline(events: Iterable[Event]) -> tuple[Standing, ...]:
    """Give the stretches of one agreement, from its first event on, in order; the last one still lasts (H1).

    Raises:
        InvalidValue: The events are of several agreements.
    """
    found = tuple(standings(events))
    several = {one.agreement for one in found}
    if len(several) > 1:
        raise InvalidValue("events", sorted(map(str, several)), "the events of one agreement")
    return found


def as_of(agreement: AgreementId, events: Iterable[Event], at: Instant) -> AsOf:
    """Tell how one agreement stood at an instant, or that this is not recorded here (H1, A10).

    What happened at the very instant counts as done.

    Args:
        agreement: Which agreement.
        events: All its events, in the order of their sequence.
        at: The instant.

    Raises:
        InvalidValue: The instant has no time zone.
    """
    at, happened = to_instant(at, "at"), tuple(events)
    found = next((one for one in standings(happened) if one.includes(at)), None)
    return found or _before(agreement, happened)


def all_as_of(events: Iterable[Event], at: Instant) -> tuple[Standing, ...]:
    """Tell how every agreement of a group stood at an instant, by URN (H1).

    Left out are those whose record had not begun.

    Args:
        events: The group's events, those of each agreement in the order of their sequence.
        at: The instant.

    Cost: one pass to the end, since only later events tell until when an agreement stood as it did.

    Raises:
        InvalidValue: The instant has no time zone.
    """
    at = to_instant(at, "at")
    return _in_order(one for one in standings(events) if one.includes(at))


def all_on(events: Iterable[Event], day: date) -> tuple[Standing, ...]:
    """Give every stretch of time that touches a day in Europe/London, by URN, then instant (H1).

    Args:
        events: The group's events, or one agreement's, those of each agreement in the order of their sequence.
        day: The day; those on which the clocks change last 23 or 25 hours.

    Raises:
        InvalidValue: It is no day.
    """
    first, end = london_span(day)
    return _in_order(one for one in standings(events) if one.overlaps(first, end))


def on_day(agreement: AgreementId, events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Tell how one agreement stood in the course of a day in Europe/London (H1, A10).

    Returns:
        First that the day's beginning is not recorded here, if so; then every stretch of time that touches the day.

    Raises:
        InvalidValue: It is no day.
    """
    happened = tuple(events)
    found = all_on(happened, day)
    first, _ = london_span(day)
    is_whole = bool(found) and found[0].since <= first
    return found if is_whole else (_before(agreement, happened), *found)


def shared_on(agreement: AgreementId, events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Tell what the group could see of the school in the course of a day in Europe/London, and by whose word (H1).

    Returns:
        Every stretch of time that touches the day and granted something. Where an agreement of that day or before was
        imported later, first that the day's beginning is not recorded here: it may have been in force (A10).

    Raises:
        InvalidValue: It is no day.
    """
    return tuple(one for one in on_day(agreement, events, day) if _may_have_shared(one, day))


def _may_have_shared(found: AsOf, day: date) -> bool:
    if isinstance(found, NotRecorded):
        return found.agreed_on is not None and found.agreed_on <= day
    return bool(found.capabilities)


def _in_order(found: Iterable[Standing]) -> tuple[Standing, ...]:
    return tuple(sorted(found, key=lambda one: (one.agreement.urn, one.since)))


def _before(agreement: AgreementId, events: tuple[Event, ...]) -> NotRecorded:
    if not events:
        return NotRecorded(agreement=agreement)
    first = events[0]
    agreed_on = first.agreed_on if isinstance(first, AgreementImported) else None
    return NotRecorded(agreement=agreement, until=first.at, agreed_on=agreed_on)


@attrs.frozen
class _Folded:
    """An agreement as the events fold to it, with what the fold alone does not keep."""

    agreement: Agreement
    accepted: Asked | None = None
    agreed_on: date | None = None
    hidden_because: tuple[HiddenBecause, ...] = ()
    ended: EndCause | None = None
    ended_by: Actor | None = None

    def after(self, event: Event) -> _Folded:
        """Give the same after one more event."""
        agreement = evolve(self.agreement, event)
        found = attrs.evolve(self, agreement=agreement, **self._told_by(event))
        if agreement.hidden_since is None:
            found = attrs.evolve(found, hidden_because=())
        return attrs.evolve(found, ended=None, ended_by=None) if agreement.stands else found

    def _told_by(self, event: Event) -> dict[str, Any]:
        match event:
            case RequestApproved():
                return {"accepted": self._asked(event.request), "agreed_on": None}
            case ApprovalRecorded():
                return {"accepted": None, "agreed_on": None}
            case AgreementImported():
                return {"accepted": None, "agreed_on": event.agreed_on}
            case AgreementEnded():
                return {"accepted": None, "agreed_on": None, "ended": event.cause, "ended_by": event.actor}
            case VisibilityLost() if self.agreement.hidden_since is None:
                return {"hidden_because": event.reasons}
            case _:
                return {}

    def _asked(self, request: RequestId) -> Asked | None:
        waiting = self.agreement.request
        return Asked.of(waiting) if waiting and waiting.id == request else None

    def standing(self, since: Instant) -> Standing:
        """Give what an auditor asks about, as it is from *since* on."""
        now = self.agreement
        return Standing(
            agreement=now.id,
            since=since,
            in_force=now.in_force,
            accepted=self.accepted,
            agreed_on=self.agreed_on,
            request=Asked.of(now.request) if now.request else None,
            hidden_since=now.hidden_since,
            hidden_because=self.hidden_because,
            lapsed=now.lapsed,
            ended=self.ended,
            ended_by=self.ended_by,
        )


def _begun(event: Event) -> _Folded:
    return _Folded(Agreement(id=event.agreement)).after(event)


@attrs.define
class _Line:
    """One agreement on the way: as it last stood for some time, and as it is at the instant that was reached.

    Only when time has passed is it known which of several events at one instant was the last (T3).
    """

    _folded: _Folded
    _at: Instant
    _standing: Standing | None = None

    def ended_by(self, event: Event) -> Standing | None:
        """Take one more event; give the stretch of time that is over, if one is."""
        ended = self._settled() if event.at > self._at else None
        self._folded, self._at = self._folded.after(event), max(event.at, self._at)
        return ended

    def rest(self) -> Iterator[Standing]:
        """Give what is left when there are no more events: the last stretch of time still lasts."""
        yield from filter(None, (self._settled(), self._standing))

    def _settled(self) -> Standing | None:
        """Take down how it stands at the instant that was reached; give what stood before, if it was different."""
        before, now = self._standing, self._folded.standing(self._at)
        if before is None:
            self._standing = now
            return None
        if attrs.evolve(now, since=before.since) == before:
            return None
        self._standing = now
        return attrs.evolve(before, until=now.since)
