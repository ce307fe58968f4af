"""Pure: how an agreement stood over a stretch of time (H1); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
from attrs.validators import optional

from datashare.domain import checks
from datashare.domain.agreements import (
    Actor,
    AgreementId,
    Basis,
    EndCause,
    InForce,
    OpenRequest,
    RequestId,
    State,
    Terms,
)
from datashare.domain.agreements.identity import AN_ACTOR
from datashare.domain.checks import to_tuple
from datashare.domain.instants import Instant, to_instant, to_optional_day, to_optional_instant
from datashare.domain.institutions import HiddenBecause
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import PersonId
from datashare.domain.trusted import maker
from datashare.errors import InvalidValue

from .words import Names, not_recorded_words, standing_words

_AN_AGREEMENT = checks.is_a(AgreementId, "an AgreementId")
_PEOPLE = checks.all_are(PersonId, "PersonIds")
_REASONS = checks.all_are(HiddenBecause, checks.member_words(HiddenBecause))


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

    id: RequestId = attrs.field(validator=checks.is_a(RequestId, "a RequestId"))
    level: AccessLevel = attrs.field(validator=checks.member(AccessLevel))
    sender: PersonId = attrs.field(validator=checks.is_a(PersonId, "a PersonId"))
    asked_by: Actor = attrs.field(validator=AN_ACTOR)
    asked_at: Instant = attrs.field(converter=to_instant)
    recipients: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=_PEOPLE)
    terms: Terms | None = attrs.field(validator=optional(checks.is_a(Terms, "Terms")))

    @classmethod
    def of(cls, request: OpenRequest) -> Asked:
        """Give *request* without what changes nothing about it, such as a reminder."""
        return _asked(
            id=request.id,
            level=request.level,
            sender=request.sender,
            asked_by=request.asked_by,
            asked_at=request.asked_at,
            recipients=request.recipients,
            terms=request.terms,
        )


_asked = maker(Asked)


@attrs.frozen(kw_only=True)
class Standing:
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
    in_force: InForce | None = attrs.field(default=None, validator=optional(checks.is_a(InForce, "an InForce")))
    accepted: Asked | None = attrs.field(default=None, validator=optional(checks.is_a(Asked, "an Asked")))
    agreed_on: date | None = attrs.field(default=None, converter=to_optional_day)
    approver: str | None = attrs.field(default=None, validator=checks.optional_text)
    evidence: str | None = attrs.field(default=None, validator=checks.optional_text)
    request: Asked | None = attrs.field(default=None, validator=optional(checks.is_a(Asked, "an Asked")))
    hidden_since: date | None = attrs.field(default=None, converter=to_optional_day)
    hidden_because: tuple[HiddenBecause, ...] = attrs.field(default=(), converter=to_tuple, validator=_REASONS)
    lapsed: bool = attrs.field(default=False, validator=checks.is_a(bool, "True or False"))
    ended: EndCause | None = attrs.field(default=None, validator=optional(checks.member(EndCause)))
    ended_by: Actor | None = attrs.field(default=None, validator=optional(AN_ACTOR))
    ended_from: State | None = attrs.field(default=None, validator=optional(checks.member(State)))

    @until.validator
    def _check_until(self, _attribute: attrs.Attribute[Any], value: Instant | None) -> None:
        if value is not None and value <= self.since:
            raise InvalidValue("Standing.until", value, f"an instant after {self.since}")

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


AsOf = Standing | NotRecorded
"""How an agreement stood at an instant, or that this is not recorded here."""
