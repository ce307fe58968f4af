"""Pure: what a decision rests on, and what it results in.

The facts are gathered before the decision, so the decision itself reads no clock and no directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property

import attrs

from datashare.domain.eligibility import approvers, eligible_recipients
from datashare.domain.instants import Instant, london_day
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.policy import Policy
from datashare.domain.register import Group
from datashare.domain.text import Labelled
from datashare.domain.visibility import Visibility

from .events import Event
from .ids import Actor


@attrs.frozen(kw_only=True)
class DecisionContext:
    """All that a decision about one school rests on, gathered before it is made.

    Attributes:
        now: The present instant, in UTC.
        actor: Who acts.
        command_id: Under which command.
        group: The group, as the register knows it.
        policy: The group's choices.
        visibility: Whether the group sees the school at present, and why not.
        site: The school's MIS site, if it has one.
        people: The people of the school, by id.
        others: People of other sites who matter: the actor and the sender.
        events: What has happened to the agreement, in order, where the decision needs it (`needs_events`).
        register_day: The day of the register in place, in Europe/London, where the directory knows it.
    """

    now: Instant
    actor: Actor
    command_id: str
    group: Group
    policy: Policy
    visibility: Visibility
    site: SchoolSite | None
    people: Mapping[PersonId, Person]
    others: Mapping[PersonId, Person]
    events: tuple[Event, ...] = ()
    register_day: date | None = None

    @cached_property
    def day(self) -> date:
        """The present day, in Europe/London."""
        return london_day(self.now)

    def person(self, who: Actor | None) -> Person | None:
        """Find a person of the school or of the group."""
        if not isinstance(who, PersonId):
            return None
        return self.people.get(who) or self.others.get(who)

    @cached_property
    def eligible(self) -> Mapping[PersonId, Person]:
        """The people of the school who can be asked at present, by id (P4)."""
        eligible = eligible_recipients(self.people, urn=self.visibility.urn, policy=self.policy, day=self.day)
        return {person.id: person for person in eligible}

    @cached_property
    def approvers(self) -> Mapping[PersonId, Person]:
        """The people of the school who may answer at present, by id (P2, P3)."""
        return {person.id: person for person in approvers(self.people, policy=self.policy, day=self.day)}


class CautionCode(Labelled):
    """What deserves a look although the action goes through."""

    NO_APPROVER = "no_approver"
    """Nobody at the school can accept the request at present (P10)."""
    SKIPPED_ALREADY_ASKED = "skipped_already_asked"
    """Some people had been sent the request already, and are not sent it again (Q4)."""
    SKIPPED_NOT_REACHABLE = "skipped_not_reachable"
    """Some recipients can no longer be asked, and get no reminder (N3)."""


@attrs.frozen
class Caution:
    """Something that deserves a look although the action goes through (P10, Q4, N3).

    Attributes:
        code: What it is.
        people: The people it is about.
    """

    code: CautionCode
    people: tuple[PersonId, ...] = ()

    def __str__(self) -> str:
        return _CAUTION_WORDS[self.code].format(people=", ".join(map(str, self.people)))


_CAUTION_WORDS = {
    CautionCode.NO_APPROVER: "Nobody at the school can approve at present; ask it to give somebody the permission.",
    CautionCode.SKIPPED_ALREADY_ASKED: "Left out, since they have been sent the request already: {people}.",
    CautionCode.SKIPPED_NOT_REACHABLE: "Left out, since they can no longer be asked: {people}.",
}


@attrs.frozen
class Decision:
    """What a command does: its events, in order, and what deserves a look.

    Attributes:
        events: One or more; empty only where a recorded visibility has not changed.
        cautions: What deserves a look.
    """

    events: tuple[Event, ...]
    cautions: tuple[Caution, ...] = ()
