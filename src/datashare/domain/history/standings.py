"""Pure: how an agreement stood over a stretch of time (H1); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from datetime import date

import attrs

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
from datashare.domain.instants import Instant
from datashare.domain.institutions import HiddenBecause
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import PersonId

from .words import Names, not_recorded_words, standing_words


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

    id: RequestId
    level: AccessLevel
    sender: PersonId
    asked_by: Actor
    asked_at: Instant
    recipients: tuple[PersonId, ...]
    terms: Terms | None

    @classmethod
    def of(cls, request: OpenRequest) -> Asked:
        """Give *request* without what changes nothing about it, such as a reminder."""
        return cls(
            id=request.id,
            level=request.level,
            sender=request.sender,
            asked_by=request.asked_by,
            asked_at=request.asked_at,
            recipients=request.recipients,
            terms=request.terms,
        )


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
        request: The request that waited for an answer, if any.
        hidden_since: The register day on which the school was recorded as no longer visible (E6).
        hidden_because: Every reason that hid it then.
        lapsed: Whether it was hidden for so long that only a new request could restore it (X2).
        ended: Why the agreement had ended, where nothing stood any more.
        ended_by: Who ended it.
    """

    agreement: AgreementId
    since: Instant
    until: Instant | None = None
    in_force: InForce | None = None
    accepted: Asked | None = None
    agreed_on: date | None = None
    request: Asked | None = None
    hidden_since: date | None = None
    hidden_because: tuple[HiddenBecause, ...] = ()
    lapsed: bool = False
    ended: EndCause | None = None
    ended_by: Actor | None = None

    @property
    def state(self) -> State:
        """Which of the four states it was in."""
        if self.request:
            return State.UPGRADING if self.in_force else State.PENDING
        return State.APPROVED if self.in_force else State.NO_AGREEMENT

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
        """Who accepted, recorded or imported the level in force."""
        return self.in_force.approved_by if self.in_force else None

    @property
    def approved_at(self) -> Instant | None:
        """When it came into force here, in UTC."""
        return self.in_force.since if self.in_force else None

    @property
    def terms(self) -> Terms | None:
        """The terms of the level in force, if any."""
        return self.in_force.terms if self.in_force else None

    @property
    def actors(self) -> frozenset[Actor]:
        """Everybody that it names: people and systems."""
        asked = [one for one in (self.accepted, self.request) if one]
        named = [self.approved_by, self.in_force and self.in_force.sender, self.ended_by]
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

    agreement: AgreementId
    until: Instant | None = None
    agreed_on: date | None = None

    def told(self, names: Names) -> str:
        """Word it with the names of the group and the school, if they are still known."""
        return not_recorded_words(self, names)

    def __str__(self) -> str:
        return not_recorded_words(self, None)


AsOf = Standing | NotRecorded
"""How an agreement stood at an instant, or that this is not recorded here."""
