"""Pure: what a decision rests on, and what it answers; nothing but the standard library and attrs.

The facts are gathered before the decision, so that the decision itself reads no clock and no directory.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date
from functools import cached_property

import attrs

from datashare.domain import validation
from datashare.domain.eligibility import approvers, eligible_recipients
from datashare.domain.instants import Instant, london_day, to_instant
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.policy import Policy
from datashare.domain.register import Group
from datashare.domain.validation import to_tuple
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
        day: The present day, in Europe/London.
    """

    now: Instant = attrs.field(converter=to_instant)
    actor: Actor
    command_id: str
    group: Group
    policy: Policy
    visibility: Visibility
    site: SchoolSite | None
    people: Mapping[PersonId, Person]
    others: Mapping[PersonId, Person]
    day: date = attrs.field(init=False, repr=False, eq=False)

    @day.default
    def _present_day(self) -> date:
        return london_day(self.now)

    def person(self, who: Actor | None) -> Person | None:
        """Find a person of the school or of the group."""
        if not isinstance(who, PersonId):
            return None
        return self.people.get(who) or self.others.get(who)

    @property
    def eligible(self) -> Mapping[PersonId, Person]:
        """The people of the school who can be asked at present, by id (P4)."""
        urn = self.visibility.urn
        fit = eligible_recipients(self.people, urn=urn, policy=self.policy, day=self.day)
        return {person.id: person for person in fit}

    @cached_property
    def approvers(self) -> Mapping[PersonId, Person]:
        """The people of the school who may answer at present, by id (P2, P3)."""
        return {person.id: person for person in approvers(self.people, policy=self.policy, day=self.day)}


class CautionCode(enum.Enum):
    """What deserves a look although the action goes through."""

    NO_APPROVER = "no_approver"
    SKIPPED_ALREADY_ASKED = "skipped_already_asked"
    SKIPPED_NOT_REACHABLE = "skipped_not_reachable"


@attrs.frozen
class Caution:
    """Something that deserves a look although the action goes through (P10, Q4, N3).

    Attributes:
        code: What.
        people: Whom it speaks of.
    """

    code: CautionCode = attrs.field(validator=validation.member(CautionCode))
    people: tuple[PersonId, ...] = attrs.field(
        default=(), converter=to_tuple, validator=validation.all_are(PersonId, "PersonIds")
    )

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
        events: One or more; none only where a recorded visibility has not changed.
        cautions: What deserves a look.
    """

    events: tuple[Event, ...]
    cautions: tuple[Caution, ...] = ()
