"""Pure: the past in words for people (H1, H4); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import attrs
from attrs.validators import optional

from datashare.domain.agreements.ids import AN_ACTOR
from datashare.errors import InvalidValue

from . import validation
from .agreements import (
    Actor,
    Agreement,
    AgreementEnded,
    AgreementId,
    AgreementImported,
    ApprovalRecorded,
    Basis,
    EndCause,
    Event,
    InForce,
    OpenRequest,
    RequestApproved,
    RequestId,
    State,
    SystemActor,
    Terms,
    VisibilityLost,
    evolve,
    walk_events,
)
from .instants import (
    Instant,
    day_words,
    exact_words,
    london_day,
    london_span,
    to_instant,
    to_optional_day,
    to_optional_instant,
)
from .levels import AccessLevel, Capability
from .people import PersonId
from .register import GroupId
from .text import plain_line
from .trusted import copier, maker
from .validation import to_tuple
from .visibility import HiddenBecause


def _frozen(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue("A part of Names", value, "a mapping")
    return MappingProxyType(dict(value))


def _maps(key: validation.Check, to: validation.Check) -> validation.Check:
    """Check that a field's value is a mapping, and its every key and value by a check of its own."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, Mapping):
            raise InvalidValue(f"{type(instance).__name__}.{attribute.name}", value, "a mapping")
        for one, found in value.items():
            key(instance, attribute, one)
            to(instance, attribute, found)

    return check


_PEOPLE = _maps(validation.is_a(PersonId, "names by PersonIds"), validation.text)
_SCHOOLS = _maps(validation.urn, validation.text)
_A_GROUP = validation.is_a(GroupId, "a mapping by GroupIds")
_GROUPS = _maps(_A_GROUP, validation.text)
_LABELS = _maps(_A_GROUP, _maps(validation.member(AccessLevel), validation.text))


@attrs.frozen(kw_only=True)
class Names:
    """What people, schools and groups are called at present; the record itself holds ids alone (H4).

    Attributes:
        people: The names of those whom the directory still knows.
        schools: The names of those that the register still holds, by URN.
        groups: The names of those that the register still holds.
        labels: How each group's policy words the levels; what is not named keeps `AccessLevel.label` (L3).
    """

    people: Mapping[PersonId, str] = attrs.field(factory=dict, converter=_frozen, validator=_PEOPLE)
    schools: Mapping[int, str] = attrs.field(factory=dict, converter=_frozen, validator=_SCHOOLS)
    groups: Mapping[GroupId, str] = attrs.field(factory=dict, converter=_frozen, validator=_GROUPS)
    labels: Mapping[GroupId, Mapping[AccessLevel, str]] = attrs.field(
        factory=dict, converter=_frozen, validator=_LABELS
    )

    def actor(self, who: Actor) -> str:
        """Word who did a thing: name and id; that a person is no longer known; or a system's name."""
        if isinstance(who, SystemActor):
            return who.name
        known = self.people.get(who)
        return f"{known} ({who})" if known else f"a person no longer in the directory ({who})"

    def school(self, urn: int) -> str:
        """Word which school: name and URN, or the URN of one that has gone from the register."""
        known = self.schools.get(urn)
        return f"{known} ({urn})" if known else f"URN {urn}"

    def group(self, group: GroupId) -> str:
        """Word which group: name and identity, or the identity of one that has gone from the register."""
        known = self.groups.get(group)
        return f"{known} ({group})" if known else str(group)

    def level(self, level: AccessLevel, group: GroupId) -> str:
        """Word a level for people, as the group's policy does (L3)."""
        return self.labels.get(group, {}).get(level) or level.label


def standing_words(standing: AgreementPeriod, names: Names | None) -> str:
    """Word how an agreement stood; with ids alone where no names are given."""
    sentences = [
        f"{_period(standing)} {_could(standing, names)}",
        _grounds(standing, names),
        _terms(standing),
        _not_shown(standing),
        _lapsed(standing),
        _waiting(standing, names),
    ]
    return " ".join(filter(None, sentences))


def not_recorded_words(found: NotRecorded, names: Names | None) -> str:
    """Word that nothing is recorded; with ids alone where no names are given."""
    group, school = _parties(found, names)
    about = f"Not recorded here: what {group} could see of {school}"
    if found.until is None:
        return f"{about}. This record holds nothing about the two."
    begins = f"{about} before {exact_words(found.until)}, when this record of it begins."
    if found.agreed_on is None:
        return begins
    return f"{begins} It begins with the import of an agreement of {day_words(found.agreed_on)}."


def _parties(found: AgreementPeriod | NotRecorded, names: Names | None) -> tuple[str, str]:
    words = names or Names()
    return words.group(found.agreement.group), words.school(found.agreement.urn)


def _actor(who: Actor, names: Names | None) -> str:
    return names.actor(who) if names else str(who)


def _period(standing: AgreementPeriod) -> str:
    since = exact_words(standing.since)
    return f"From {since}" if standing.until is None else f"From {since} to {exact_words(standing.until)}"


def _could(standing: AgreementPeriod, names: Names | None) -> str:
    group, school = _parties(standing, names)
    able = [one.label for one in Capability if one in standing.capabilities]
    return f"{group} could {_listed(able)} at {school}." if able else f"{group} could see nothing of {school}."


def _listed(labels: Iterable[str]) -> str:
    *most, last = labels
    return f"{', '.join(most)} and {last}" if most else last


def _level(level: AccessLevel, standing: AgreementPeriod, names: Names | None) -> str:
    return (names or Names()).level(level, standing.agreement.group)


def _grounds(standing: AgreementPeriod, names: Names | None) -> str:
    in_force = standing.in_force
    if in_force is None:
        return _nothing(standing, names)
    by, on = _actor(in_force.approved_by, names), exact_words(in_force.since)
    about = f"{_level(in_force.level, standing, names)} was in force"
    if in_force.basis is Basis.RECORDED:
        basis = f" on the basis of {_quoted(standing.evidence)}" if standing.evidence else ""
        return f"{about} by an approval settled centrally, recorded by {by} on {on}{basis}."
    if in_force.basis is Basis.IMPORTED:
        return f"{about} by an earlier agreement{_original(standing)}; imported by {by} on {on}."
    return f"{about} by request {in_force.request}{_asked(standing, names)}, approved by {by} on {on}."


def _original(standing: AgreementPeriod) -> str:
    """Word what whoever imported an agreement wrote of it, as their words."""
    on = f" of {day_words(standing.agreed_on)}" if standing.agreed_on else ""
    by = f", approved then by {_quoted(standing.approver)}" if standing.approver else ""
    evidence = f" (evidence: {_quoted(standing.evidence)})" if standing.evidence else ""
    return f"{on}{by}{evidence}"


def _quoted(text: str) -> str:
    """Quote what somebody wrote, in one line, and so that it cannot end the quotation and go on as the record."""
    line = plain_line(text).replace("”", "’")
    return f"“{' '.join(line.split())}”"


def _nothing(standing: AgreementPeriod, names: Names | None) -> str:
    if standing.ended is None or standing.ended_by is None:
        return "No agreement was in force."
    cause = standing.ended.value.replace("_", " ")
    what = _ENDED.get(standing.ended_from, "it had been ended")
    return f"No agreement was in force: {what} by {_actor(standing.ended_by, names)} ({cause})."


_ENDED: dict[State | None, str] = {
    State.PENDING: "the request that waited had been closed",
    State.UPGRADING: "it had been ended, and the request that waited closed,",
}
"""What an end did, by the state in which it found the agreement, where it did not only end what was in force."""


def _asked(standing: AgreementPeriod, names: Names | None) -> str:
    asked = standing.accepted
    if asked is None:
        return ""
    sender = "" if asked.sender == asked.asked_by else f" from {_actor(asked.sender, names)}"
    return f"{sender}, asked by {_actor(asked.asked_by, names)} on {exact_words(asked.asked_at)}"


def _terms(standing: AgreementPeriod) -> str:
    terms = standing.terms
    return f"The terms were {terms.reference}, version {terms.version}." if terms else ""


def _not_shown(standing: AgreementPeriod) -> str:
    if standing.hidden_since is None:
        return ""
    because = ", ".join(one.value.replace("_", " ") for one in standing.hidden_because)
    reasons = f" ({because})" if because else ""
    return f"The register of {day_words(standing.hidden_since)} did not show the school to the group{reasons}."


def _lapsed(standing: AgreementPeriod) -> str:
    return "It had lapsed, since the school had been hidden for too long." if standing.lapsed else ""


def _waiting(standing: AgreementPeriod, names: Names | None) -> str:
    asked = standing.request
    if asked is None:
        return ""
    by, on = _actor(asked.asked_by, names), exact_words(asked.asked_at)
    return f"Request {asked.id} for {_level(asked.level, standing, names)}, sent by {by} on {on}, waited for an answer."


_AN_AGREEMENT = validation.is_a(AgreementId, "an AgreementId")
_PEOPLE = validation.all_are(PersonId, "PersonIds")
_REASONS = validation.all_are(HiddenBecause, validation.member_words(HiddenBecause))


@attrs.frozen(kw_only=True)
class Asked:
    """A request as an auditor asks about it.

    Attributes:
        id: Which request.
        level: The level asked for.
        sender: Whom it was from.
        asked_by: Who sent it.
        asked_at: When, in UTC.
        recipients: Who had been sent it.
        terms: The terms it carried, if any.
    """

    id: RequestId = attrs.field(validator=validation.is_a(RequestId, "a RequestId"))
    level: AccessLevel = attrs.field(validator=validation.member(AccessLevel))
    sender: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    asked_by: Actor = attrs.field(validator=AN_ACTOR)
    asked_at: Instant = attrs.field(converter=to_instant)
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)
    terms: Terms | None = attrs.field(validator=optional(validation.is_a(Terms, "Terms")))

    @classmethod
    def of(cls, request: OpenRequest) -> Asked:
        """Give *request* without what changes nothing about it, such as a reminder."""
        return _make_asked(
            id=request.id,
            level=request.level,
            sender=request.sender,
            asked_by=request.asked_by,
            asked_at=request.asked_at,
            recipients=request.recipients,
            terms=request.terms,
        )


_make_asked = maker(Asked)


@attrs.frozen(kw_only=True)
class AgreementPeriod:
    """How an agreement stood from one instant until another, with nothing changing in between (H1).

    It is the record's answer: access itself stops with the register, at once (X2), and the record tells so from the
    instant at which somebody recorded what the register showed. The register's own day is told beside it.

    Attributes:
        agreement: Which agreement.
        since: From when, in UTC; this instant included.
        until: Until when, in UTC; this instant not included. `None` where it still stands so.
        in_force: The level in force and what it rested on, if any.
        accepted: The request that it rested on, as it was when the school accepted it.
        agreed_on: The original day of an imported agreement; data, from before this record began (A10).
        approver: Who approved an imported agreement then, in the words of whoever imported it; `None` once erased.
        evidence: What an import or a central approval rested on, in words likewise (A9, A10); `None` once erased.
        request: The request that waited for an answer, if any.
        hidden_since: The register day on which the school was recorded as no longer visible (E6).
        hidden_because: Every reason that hid it then.
        lapsed: Whether it was hidden for so long that only a new request could restore it (X2).
        ended: Why what stood had ended, where nothing stood any more.
        ended_by: Who ended it.
        ended_from: In which state the end had found it: from `State.PENDING`, it closed a request and nothing else.
    """

    agreement: AgreementId = attrs.field(validator=_AN_AGREEMENT)
    since: Instant = attrs.field(converter=to_instant)
    until: Instant | None = attrs.field(default=None, converter=to_optional_instant)
    in_force: InForce | None = attrs.field(default=None, validator=optional(validation.is_a(InForce, "an InForce")))
    accepted: Asked | None = attrs.field(default=None, validator=optional(validation.is_a(Asked, "an Asked")))
    agreed_on: date | None = attrs.field(default=None, converter=to_optional_day)
    approver: str | None = attrs.field(default=None, validator=validation.optional_text)
    evidence: str | None = attrs.field(default=None, validator=validation.optional_text)
    request: Asked | None = attrs.field(default=None, validator=optional(validation.is_a(Asked, "an Asked")))
    hidden_since: date | None = attrs.field(default=None, converter=to_optional_day)
    hidden_because: tuple[HiddenBecause, ...] = attrs.field(default=(), converter=to_tuple, validator=_REASONS)
    lapsed: bool = attrs.field(default=False, validator=validation.is_a(bool, "True or False"))
    ended: EndCause | None = attrs.field(default=None, validator=optional(validation.member(EndCause)))
    ended_by: Actor | None = attrs.field(default=None, validator=optional(AN_ACTOR))
    ended_from: State | None = attrs.field(default=None, validator=optional(validation.member(State)))

    @until.validator
    def _check_until(self, _attribute: attrs.Attribute[Any], value: Instant | None) -> None:
        if value is not None and value <= self.since:
            raise InvalidValue("AgreementPeriod.until", value, f"an instant after {self.since}")

    @property
    def state(self) -> State:
        """Which of the four states it was in."""
        return State.of(in_force=self.in_force is not None, requested=self.request is not None)

    @property
    def level(self) -> AccessLevel | None:
        """The level in force, if any."""
        return self.in_force.level if self.in_force else None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the group's staff could do at the school (X1, X2).

        Logging in needed the person's own permission besides (X3); who used what is in the host's log.
        """
        granting = self.level is not None and self.hidden_since is None and not self.lapsed
        return self.level.capabilities if self.level and granting else frozenset()

    @property
    def basis(self) -> Basis | None:
        """What the level in force rested on: a request, a central approval, or an import."""
        return self.in_force.basis if self.in_force else None

    @property
    def by_request(self) -> RequestId | None:
        """The request by which the level was in force, if it rested on one."""
        return self.in_force.request if self.in_force else None

    @property
    def asked_by(self) -> Actor | None:
        """Who asked for the level in force."""
        return self.accepted.asked_by if self.accepted else None

    @property
    def asked_at(self) -> Instant | None:
        """When the level in force was asked for, in UTC."""
        return self.accepted.asked_at if self.accepted else None

    @property
    def approved_by(self) -> Actor | None:
        """Who accepted the request for the level in force; nobody where it rests on no request (A9, A10)."""
        return self.in_force.approved_by if self.in_force and self._rests_on_a_request else None

    @property
    def approved_at(self) -> Instant | None:
        """When that request was accepted, in UTC."""
        return self.in_force.since if self.in_force and self._rests_on_a_request else None

    @property
    def recorded_by(self) -> Actor | None:
        """Who recorded a central approval or imported an earlier agreement; not who approved it (A9, A10)."""
        return self.in_force.approved_by if self.in_force and not self._rests_on_a_request else None

    @property
    def recorded_at(self) -> Instant | None:
        """When that was recorded or imported, in UTC; from then on it is in force here."""
        return self.in_force.since if self.in_force and not self._rests_on_a_request else None

    @property
    def _rests_on_a_request(self) -> bool:
        return self.basis is Basis.REQUEST

    @property
    def terms(self) -> Terms | None:
        """The terms of the level in force, if any."""
        return self.in_force.terms if self.in_force else None

    @property
    def actors(self) -> frozenset[Actor]:
        """Everybody that it names: people and systems."""
        asked = [one for one in (self.accepted, self.request) if one]
        named = [self.approved_by, self.recorded_by, self.in_force and self.in_force.sender, self.ended_by]
        named += [who for one in asked for who in (one.asked_by, one.sender, *one.recipients)]
        return frozenset(who for who in named if who)

    def includes(self, at: Instant) -> bool:
        """Tell whether *at* lies in it: from `since`, included, to `until`, not included."""
        return self.since <= at and (self.until is None or at < self.until)

    def overlaps(self, first: Instant, end: Instant) -> bool:
        """Tell whether it has an instant in common with what lasts from *first* to before *end*."""
        return self.since < end and (self.until is None or first < self.until)

    def told(self, names: Names) -> str:
        """Word it with the names of those who are still known."""
        return standing_words(self, names)

    def __str__(self) -> str:
        return standing_words(self, None)


@attrs.frozen(kw_only=True)
class NotRecorded:
    """That the record holds nothing of an agreement at an instant: neither that it was in force, nor that it was not.

    Attributes:
        agreement: Which agreement.
        until: When its record begins, in UTC; `None` where it has none.
        agreed_on: The original day of the agreement that was imported then, if one was (A10).
    """

    agreement: AgreementId = attrs.field(validator=_AN_AGREEMENT)
    until: Instant | None = attrs.field(default=None, converter=to_optional_instant)
    agreed_on: date | None = attrs.field(default=None, converter=to_optional_day)

    def includes(self, at: Instant) -> bool:
        """Tell whether *at* lies before the record begins."""
        return self.until is None or at < self.until

    def overlaps(self, first: Instant, end: Instant) -> bool:
        """Tell whether something of what lasts from *first* to before *end* lies before the record begins."""
        return first < end and self.includes(first)

    def may_have_stood(self, day: date) -> bool:
        """Tell whether an agreement had been made by then that was imported later, so that it may have stood."""
        return self.agreed_on is not None and self.agreed_on <= day

    def told(self, names: Names) -> str:
        """Word it with the names of the group and the school, if they are still known."""
        return not_recorded_words(self, names)

    def __str__(self) -> str:
        return not_recorded_words(self, None)


AsOf = AgreementPeriod | NotRecorded
"""How an agreement stood at an instant, or that this is not recorded here."""


# Every part is of an event or of an agreement, both validated when they were made.
_standing = maker(AgreementPeriod)
_standing_changed = copier(AgreementPeriod)


def standings(events: Iterable[Event]) -> Iterator[AgreementPeriod]:
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
    return (one for one in _told(events) if isinstance(one, AgreementPeriod))


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


def timeline(events: Iterable[Event]) -> tuple[AgreementPeriod, ...]:
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
    validation.require_a(agreement, AgreementId, "agreement", "an AgreementId")
    found = tuple(_told(events))
    others = sorted(str(one) for one in {one.agreement for one in found} - {agreement})
    if others:
        raise InvalidValue("events", ", ".join(others), f"the events of {agreement}")
    return found or (NotRecorded(agreement=agreement),)


def _matters(found: AsOf, day: date) -> bool:
    return isinstance(found, AgreementPeriod) or found.may_have_stood(day)


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

    def standing(self, since: Instant) -> AgreementPeriod:
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
    _standing: AgreementPeriod | None = None

    def ended_by(self, event: Event) -> AgreementPeriod | None:
        """Take one more event; give the stretch of time that is over, if one is."""
        ended = self._settled() if event.at > self._at else None
        self._folded, self._at = self._folded.after(event), max(event.at, self._at)
        return ended

    def rest(self) -> Iterator[AgreementPeriod]:
        """Give what is left when there are no more events: the last stretch of time still lasts."""
        yield from filter(None, (self._settled(), self._standing))

    def _settled(self) -> AgreementPeriod | None:
        """Take down how it stands at the instant that was reached; give what stood before, if it was different."""
        before, now = self._standing, self._folded.standing(self._at)
        if before is None:
            self._standing = now
            return None
        if _standing_changed(now, since=before.since) == before:
            return None
        self._standing = now
        return _standing_changed(before, until=now.since)
