"""Pure: who may do what, who may be asked, and who may ask (rules P)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import attrs

from .people import BusinessRole, Permission, Person, PersonId, wide_address_key
from .policy import Policy
from .register import GroupId
from .text import Labelled, folded, named


def holds(person: Person | None, permission: Permission, *, policy: Policy, day: date) -> bool:
    """Return whether *person* is known, current, and holds *permission* on *day*, by role or by grant (P2, P5)."""
    if person is None or not person.is_current(day):
        return False
    for grant in person.permissions:  # loops, since this is asked of everybody at every school
        if grant.permission is permission and grant.period.contains(day):
            return True
    by_role = policy.role_permissions
    for held in person.roles:  # noqa: SIM110 - see above
        if permission in by_role.get(held.role, ()) and held.period.contains(day):
            return True
    return False


class Unsuitable(Labelled):
    """Why a person cannot be a recipient or a sender (P4, P9, P11)."""

    UNKNOWN_PERSON = "is not known"
    """The host knows no such person."""
    OTHER_SITE = "belongs to another site"
    """The person is a user of another group or school."""
    NOT_CURRENT = "is not a current user"
    """Today is outside the period in which the person is a user of the site (P5)."""
    NO_ELIGIBLE_ROLE = "holds no eligible role"
    """None of the person's roles is one that the policy allows for a recipient (P4)."""
    NO_PERMISSION = "does not hold the permission"
    """The person may not send requests (P9)."""
    NO_ADDRESS = "has no email address that can be used"
    """The address is blank or malformed (P6)."""

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.value[0].upper()}{self.value[1:]}"


@attrs.frozen
class Eligibility:
    """Whether a person can be a recipient or a sender, with every reason against (P11).

    Attributes:
        person: The person's identity.
        reasons: Every reason against; empty means eligible. For a person of another site,
            `OTHER_SITE` is the only reason given.
        name: Their name, where this site knows them.
    """

    person: PersonId
    reasons: tuple[Unsuitable, ...] = ()
    name: str = ""

    @property
    def eligible(self) -> bool:
        """Whether there is no reason against."""
        return not self.reasons

    def __str__(self) -> str:
        who = named(self.name, self.person) if self.name else self.person
        return f"{who} {' and '.join(r.value for r in self.reasons) or 'is eligible'}"


def recipient_eligibility(
    wanted: PersonId, person: Person | None, *, urn: int, policy: Policy, day: date
) -> Eligibility:
    """Return whether the *wanted* person can be sent a request to school *urn* (P4, P5, P6, P11).

    Args:
        wanted: The identity that was named.
        person: The person with that identity, if the host knows one.
        urn: The school.
        policy: Says which roles are eligible.
        day: A day in Europe/London.
    """
    unfit = person is None or policy.eligible_roles.isdisjoint(person.current_roles(day))
    return _eligibility(wanted, person, urn, day, [Unsuitable.NO_ELIGIBLE_ROLE] if unfit else [])


def sender_eligibility(
    wanted: PersonId, person: Person | None, *, group: GroupId, policy: Policy, day: date
) -> Eligibility:
    """Return whether a request of *group* can be from the *wanted* person (P9)."""
    permitted = holds(person, Permission.ADMINISTER_INSTITUTION_DETAILS, policy=policy, day=day)
    return _eligibility(wanted, person, group, day, [] if permitted else [Unsuitable.NO_PERMISSION])


def _eligibility(
    wanted: PersonId, person: Person | None, site: GroupId | int, day: date, lacking: list[Unsuitable]
) -> Eligibility:
    if wanted.site != site:  # alone: what another site knows of its people is not told here
        return Eligibility(wanted, (Unsuitable.OTHER_SITE,))
    if person is None:
        return Eligibility(wanted, (Unsuitable.UNKNOWN_PERSON,))
    reasons = []
    if not person.is_current(day):
        reasons.append(Unsuitable.NOT_CURRENT)
    reasons += lacking
    if person.address is None:
        reasons.append(Unsuitable.NO_ADDRESS)
    return Eligibility(wanted, tuple(reasons), person.name)


def eligible_recipients(
    people: Mapping[PersonId, Person], *, urn: int, policy: Policy, day: date
) -> tuple[Person, ...]:
    """List the people of school *urn* who can be asked, each once, in the order of their ids (P4, P7)."""
    return _in_order([person for who, person in people.items() if _can_be_asked(who, person, urn, policy, day)])


def _in_order(people: list[Person]) -> tuple[Person, ...]:
    return tuple(sorted(people, key=lambda person: person.id.order) if len(people) > 1 else people)


def _can_be_asked(wanted: PersonId, person: Person, urn: int, policy: Policy, day: date) -> bool:
    """Return whether `recipient_eligibility` finds no reason against; it is quicker, since it names none."""
    if wanted.site != urn or person.address is None or not person.period.contains(day):
        return False
    fit = policy.eligible_roles
    for held in person.roles:  # noqa: SIM110 - a loop, since this is asked of everybody at every school
        if held.role in fit and held.period.contains(day):
            return True
    return False


def approvers(people: Mapping[PersonId, Person], *, policy: Policy, day: date) -> tuple[Person, ...]:
    """List the people of a school who may answer a request, whether or not they were sent it (P2, P3)."""
    permission = Permission.ADMINISTER_DATA_SHARING_REQUEST
    return _in_order([person for person in people.values() if holds(person, permission, policy=policy, day=day)])


@attrs.frozen(kw_only=True)
class SuggestedRecipient:
    """A person who can be sent a request, as a page offers them (P8).

    Attributes:
        person: Who they are.
        roles: Their current eligible roles, sorted.
        recommended: Whether they are a Head Teacher.
        can_approve: Whether they hold the permission to answer.
    """

    person: Person
    roles: tuple[str, ...]
    recommended: bool
    can_approve: bool


def suggested_recipients(
    people: Mapping[PersonId, Person], *, urn: int, asked: frozenset[PersonId], policy: Policy, day: date
) -> tuple[SuggestedRecipient, ...]:
    """List whom to ask at school *urn*: Head Teachers first, then by name; without the people *asked* (P8, Q2)."""
    permission = Permission.ADMINISTER_DATA_SHARING_REQUEST
    suggestions = [
        SuggestedRecipient(
            person=person,
            roles=tuple(sorted(policy.eligible_roles & person.current_roles(day))),
            recommended=BusinessRole.HEAD_TEACHER in person.current_roles(day),
            can_approve=holds(person, permission, policy=policy, day=day),
        )
        for person in eligible_recipients(people, urn=urn, policy=policy, day=day)
        if person.id not in asked
    ]
    return tuple(sorted(suggestions, key=lambda s: (not s.recommended, folded(s.person.name), s.person.id.order)))


def same_person(sender: Person | None, approver: Person | None) -> bool:
    """Return whether two people are the same: by id, or by address at any site (A7)."""
    if sender is None or approver is None:
        return False
    if sender.id == approver.id:
        return True
    here, there = sender.address, approver.address
    return here is not None and there is not None and wide_address_key(here) == wide_address_key(there)
