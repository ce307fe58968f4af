"""Pure: what events tell of any instant of the past (H1); it touches nothing but the standard library and attrs.

Everything rests on `standings`, one pass that gives each stretch of time once it has ended; so a question about a
whole group holds no more than its agreements in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import attrs

from datashare.domain import checks
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
    State,
    VisibilityLost,
    evolve,
    walk_events,
)
from datashare.domain.instants import Instant, london_day, london_span, to_instant
from datashare.domain.institutions import HiddenBecause
from datashare.domain.trusted import copier, maker
from datashare.errors import InvalidValue

from .standings import Asked, AsOf, NotRecorded, Standing

# Every part is of an event or of an agreement, both validated when they were made.
_standing = maker(Standing)
_standing_changed = copier(Standing)


def standings(events: Iterable[Event]) -> Iterator[Standing]:
    """Give every stretch of time in which an agreement stood the same, of one agreement or of many (H1).

    The stretches of one agreement come in order and cover the time from its first event on, without gap or overlap;
    each begins where one before it ends. What lasted no time is left out, and what differs only in what no auditor
    asks about, such as a reminder, is one. Those of several agreements come in the order in which they end.

    Args:
        events: The events of each agreement in the order of their sequence; those of several may be mixed.

    Cost: one pass; memory for each agreement, not for each event.

    Raises:
        InvalidValue: One of them is no event.
    """
    return (one for one in _told(events) if isinstance(one, Standing))


def _told(events: Iterable[Event]) -> Iterator[AsOf]:
    """Give the same, and of each agreement first that nothing is recorded of the time before."""
    lines: dict[AgreementId, _Line] = {}
    for event in walk_events(events):
        line = lines.get(event.agreement)
        if line is None:
            yield _before(event)
            lines[event.agreement] = _Line(_begun(event), event.at)
            continue
        ended = line.ended_by(event)
        if ended:
            yield ended
    for line in lines.values():
        yield from line.rest()


def _before(first: Event) -> NotRecorded:
    agreed_on = first.agreed_on if isinstance(first, AgreementImported) else None
    return NotRecorded(agreement=first.agreement, until=first.at, agreed_on=agreed_on)


def timeline(events: Iterable[Event]) -> tuple[Standing, ...]:
    """Give the stretches of one agreement, from its first event on, in order; the last one still lasts (H1).

    Raises:
        InvalidValue: The events are of several agreements, or are none.
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
        InvalidValue: The instant has no time zone, or an event is another agreement's.
    """
    at = to_instant(at, "at")
    return next(one for one in _told_of(agreement, events) if one.includes(at))


def all_as_of(events: Iterable[Event], at: Instant) -> tuple[AsOf, ...]:
    """Tell how every agreement of a group stood at an instant, by URN (H1, A10).

    Left out are those whose record had not begun, unless an agreement of that day or before was imported later: of
    such a one it is told that this is not recorded here, since it may have been in force.

    Args:
        events: The group's events, those of each agreement in the order of their sequence.
        at: The instant.

    Cost: one pass to the end, since only later events tell until when an agreement stood as it did.

    Raises:
        InvalidValue: The instant has no time zone.
    """
    at = to_instant(at, "at")
    day = london_day(at)
    return _by_urn(one for one in _told(events) if one.includes(at) and _matters(one, day))


def all_on(events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Give every stretch of time that touches a day in Europe/London, by URN, then instant (H1, A10).

    Where an agreement of that day or before was imported later, the first of its answers is that the day's beginning
    is not recorded here.

    Args:
        events: The group's events, or one agreement's, those of each agreement in the order of their sequence.
        day: The day; those on which the clocks change last 23 or 25 hours.

    Raises:
        InvalidValue: It is no day.
    """
    first, end = london_span(day)
    return _by_urn(one for one in _told(events) if one.overlaps(first, end) and _matters(one, day))


def in_force_on(events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Give what of a group's was in force, or may have been, in the course of a day in Europe/London (H1, A10).

    Returns:
        Of what `all_on` gives everything but the stretches of time in which nothing was in force.

    Raises:
        InvalidValue: It is no day.
    """
    return tuple(one for one in all_on(events, day) if isinstance(one, NotRecorded) or one.in_force)


def on_day(agreement: AgreementId, events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Tell how one agreement stood in the course of a day in Europe/London (H1, A10).

    Returns:
        First that the day's beginning is not recorded here, if so; then every stretch of time that touches the day.

    Raises:
        InvalidValue: It is no day, or an event is another agreement's.
    """
    first, end = london_span(day)
    return tuple(one for one in _told_of(agreement, events) if one.overlaps(first, end))


def shared_on(agreement: AgreementId, events: Iterable[Event], day: date) -> tuple[AsOf, ...]:
    """Tell what the group could see of the school in the course of a day in Europe/London, and by whose word (H1).

    Returns:
        Every stretch of time that touches the day and granted something. Where an agreement of that day or before was
        imported later, first that the day's beginning is not recorded here: it may have been in force (A10).

    Raises:
        InvalidValue: It is no day, or an event is another agreement's.
    """
    found = (one for one in on_day(agreement, events, day) if _matters(one, day))
    return tuple(one for one in found if isinstance(one, NotRecorded) or one.capabilities)


def _told_of(agreement: AgreementId, events: Iterable[Event]) -> tuple[AsOf, ...]:
    """Give all that the events tell of one agreement: at least that nothing of it is recorded."""
    checks.require_a(agreement, AgreementId, "agreement", "an AgreementId")
    found = tuple(_told(events))
    others = sorted(str(one) for one in {one.agreement for one in found} - {agreement})
    if others:
        raise InvalidValue("events", ", ".join(others), f"the events of {agreement}")
    return found or (NotRecorded(agreement=agreement),)


def _matters(found: AsOf, day: date) -> bool:
    return isinstance(found, Standing) or found.may_have_stood(day)


def _by_urn(found: Iterable[AsOf]) -> tuple[AsOf, ...]:
    # Those of one agreement come in order.
    return tuple(sorted(found, key=lambda one: one.agreement.urn))


@attrs.frozen
class _Grounds:
    """What a level in force rests on that the fold does not keep."""

    accepted: Asked | None = None
    agreed_on: date | None = None
    approver: str | None = None
    evidence: str | None = None


_NOTHING = _Grounds()


@attrs.frozen
class _End:
    """How what stood ended, where nothing stands any more."""

    cause: EndCause
    by: Actor
    found_in: State


@attrs.frozen
class _Folded:
    """An agreement as the events fold to it, with what the fold alone does not keep."""

    agreement: Agreement
    grounds: _Grounds = _NOTHING
    hidden_because: tuple[HiddenBecause, ...] = ()
    end: _End | None = None

    def after(self, event: Event) -> _Folded:
        """Give the same after one more event."""
        agreement = evolve(self.agreement, event)
        found = attrs.evolve(self, agreement=agreement, **self._told_by(event))
        if agreement.hidden_since is None:
            found = attrs.evolve(found, hidden_because=())
        return attrs.evolve(found, end=None) if agreement.stands else found

    def _told_by(self, event: Event) -> dict[str, Any]:
        match event:
            case RequestApproved():
                return {"grounds": _Grounds(accepted=self._asked(event.request))}
            case ApprovalRecorded():
                return {"grounds": _Grounds(evidence=event.basis)}
            case AgreementImported():
                return {"grounds": _Grounds(None, event.agreed_on, event.approver, event.evidence)}
            case AgreementEnded():
                return {"grounds": _NOTHING, "end": _End(event.cause, event.actor, self.agreement.state)}
            case VisibilityLost() if self.agreement.hidden_since is None:
                return {"hidden_because": event.reasons}
            case _:
                return {}

    def _asked(self, request: RequestId) -> Asked | None:
        waiting = self.agreement.request
        return Asked.of(waiting) if waiting and waiting.id == request else None

    def standing(self, since: Instant) -> Standing:
        """Give what an auditor asks about, as it is from *since* on."""
        now, grounds, end = self.agreement, self.grounds, self.end
        return _standing(
            agreement=now.id,
            since=since,
            until=None,
            in_force=now.in_force,
            accepted=grounds.accepted,
            agreed_on=grounds.agreed_on,
            approver=grounds.approver,
            evidence=grounds.evidence,
            request=Asked.of(now.request) if now.request else None,
            hidden_since=now.hidden_since,
            hidden_because=self.hidden_because,
            lapsed=now.lapsed,
            ended=end.cause if end else None,
            ended_by=end.by if end else None,
            ended_from=end.found_in if end else None,
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
        if _standing_changed(now, since=before.since) == before:
            return None
        self._standing = now
        return _standing_changed(before, until=now.since)
