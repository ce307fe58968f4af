"""Pure: which notices an event calls for, and to whom (rules P7, N3, A8, A9, U3, O).

A notice is one message to one address about one event at one school, before it is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, assert_never

import attrs

from datashare.domain.agreements.commands import CAME_LATER, EndCause
from datashare.domain.agreements.context import DecisionContext
from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import AgreementId, RequestId, Terms, notice_id
from datashare.domain.agreements.state import Agreement, granted
from datashare.errors import InvalidValue

from .instants import Instant, london_day
from .levels import AccessLevel, Capability
from .people import Person, PersonId, address_key
from .policy import Party
from .register import GroupKind
from .text import Labelled, is_one_line, one_line, page_link


class NoticeKind(Labelled):
    """What a notice says."""

    REQUEST = "request"
    """The group asks the school (Q1)."""
    REMINDER = "reminder"
    """The group reminds the school of an open request (N2)."""
    APPROVED = "approved"
    """The school accepted the request (A8)."""
    DECLINED = "declined"
    """The school declined the request (A8)."""
    WITHDRAWN = "withdrawn"
    """The group withdrew the request (N6)."""
    APPROVAL_RECORDED = "approval_recorded"
    """The trust recorded an approval that it had settled centrally (A9)."""
    ENDED = "ended"
    """The agreement or the open request has ended (E1)."""


ASKING = frozenset({NoticeKind.REQUEST, NoticeKind.REMINDER})
"""The kinds that ask for an answer; closing the request cancels those not yet delivered (O7)."""


def _check_name(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse a name that could end a header or begin another one (O5)."""
    if not isinstance(value, str) or not is_one_line(value):
        raise InvalidValue(f"{type(instance).__name__}.{attribute.name}", value, "a name on one line")


def _check_address(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what a mail program could take for several addresses; whether the one can exist is for the notifier."""
    if value is not None and not (isinstance(value, str) and _ONE_ADDRESS.fullmatch(value)):
        what = f"{type(instance).__name__}.{attribute.name}"
        raise InvalidValue(what, value, "one email address, such as head@school.example")


_ONE_ADDRESS = re.compile(r"[^\s,;<>]+")


@attrs.frozen(kw_only=True)
class Addressee:
    """One of the people who share the address of a notice.

    Attributes:
        id: Who they are.
        name: Their name at the time, on one line.
        can_approve: Whether they held the permission to answer at the time.
    """

    id: PersonId
    name: str = attrs.field(validator=_check_name, repr=False)
    can_approve: bool = False


@attrs.frozen(kw_only=True)
class Answerer:
    """One of the people who can answer the request that a notice asks about (P2, P3).

    Attributes:
        name: Their name at the time, on one line.
        asked: Whether the request has been sent to them too.
    """

    name: str = attrs.field(validator=_check_name, repr=False)
    asked: bool


@attrs.frozen(kw_only=True, repr=False)
class Notice:
    """One message to one address, before it is rendered; its names are on one line each, and its `repr` names nobody.

    Attributes:
        id: Derived from its event and the people it names; stable over every retry (K3, O3).
        kind: What it says.
        audience: Whether it goes to the school's side or the group's.
        agreement: Which agreement it is about.
        sequence: The sequence number of the event that calls for it.
        request: The request that it is about, if any.
        address: The email address, as settled when the event happened (Q5).
        people: The people who share the address, each named (P7).
        created_at: When it was made, in UTC; the event's own instant may lie ahead of that (T3).
        group_kind: Trust or local authority, for the words.
        group_name: The group's name in the register.
        institution_name: The school's name in the register.
        sender_name: Whom the school can ask: who the request is from, or who recorded an approval or ended the
            agreement for the group; for the words and the reply address, possibly empty.
        sender_address: Where a reply goes, if anywhere.
        level: The level that it is about, if any.
        level_label: That level in the words of the group's policy (L3).
        level_before: The level in force when the request was sent; a notice about an upgrade has one (N5).
        level_before_label: That level in the words of the group's policy.
        link: The https address of the school's Data Sharing page, for the school's side (O1).
        terms: The terms of the request, if any (Q8).
        reason: What whoever acted wrote, if anything.
        actor_name: Who did what it says; empty where a system did.
        cause: Why the agreement ended, where it says so (E1).
        answerers: Who at the school could answer at the time, where it asks for an answer.
        nobody_can_answer: Whether it asks for an answer that nobody at the school could give at the time (P10).
        asked_on: The day in Europe/London on which the request was sent, in a reminder.
    """

    id: str
    kind: NoticeKind
    audience: Party
    agreement: AgreementId
    sequence: int
    request: RequestId | None
    address: str = attrs.field(validator=_check_address)
    people: tuple[Addressee, ...]
    created_at: Instant
    group_kind: GroupKind
    group_name: str = attrs.field(validator=_check_name)
    institution_name: str = attrs.field(validator=_check_name)
    sender_name: str = attrs.field(default="", validator=_check_name)
    sender_address: str | None = attrs.field(default=None, validator=_check_address)
    level: AccessLevel | None = None
    level_label: str = ""
    level_before: AccessLevel | None = None
    level_before_label: str = ""
    link: str | None = None
    terms: Terms | None = None
    reason: str | None = None
    actor_name: str = attrs.field(default="", metadata={CAME_LATER: True}, validator=_check_name)
    cause: EndCause | None = attrs.field(default=None, metadata={CAME_LATER: True})
    answerers: tuple[Answerer, ...] = attrs.field(default=(), metadata={CAME_LATER: True})
    nobody_can_answer: bool = attrs.field(default=False, metadata={CAME_LATER: True})
    asked_on: date | None = attrs.field(default=None, metadata={CAME_LATER: True})

    def __repr__(self) -> str:
        return f"<Notice {self.id}: {self.kind.value} at {self.agreement}>"

    @property
    def adds(self) -> tuple[Capability, ...]:
        """What the level allows that the level before does not (U3)."""
        return self.level.adds_to(self.level_before) if self.level else ()

    @property
    def tells_only_of_a_request(self) -> bool:
        """Whether it says nothing but that a request was closed: nothing to people whom the request never reached (O7).

        The end of an agreement in force is news for those who could have answered, whatever became of a request.
        """
        if self.request is None or self.audience is not Party.SCHOOL:
            return False
        if self.kind is NoticeKind.ENDED:
            return self.level is None or not any(person.can_approve for person in self.people)
        return self.kind is NoticeKind.WITHDRAWN


@attrs.frozen(kw_only=True)
class _Subject:
    """What the notices of one event say, whoever they go to."""

    kind: NoticeKind
    request: RequestId | None = None
    sender: PersonId | None = None
    level: AccessLevel | None = None
    level_before: AccessLevel | None = None
    terms: Terms | None = None
    reason: str | None = None
    cause: EndCause | None = None
    asked: tuple[PersonId, ...] | None = None
    asked_on: date | None = None


def notices_for(before: Agreement, events: Iterable[Event], context: DecisionContext) -> tuple[Notice, ...]:
    """Return the notices that *events* call for, decided on *before* in *context*.

    People get a notice at their present address, and only while they are current users of their site; whoever acted
    gets none about what they did. People who share an address share one notice (P7).
    """
    return tuple([notice for event in events for notice in _notices(before, event, context)])


def _notices(before: Agreement, event: Event, context: DecisionContext) -> list[Notice]:
    asked = before.request.recipients if before.request else ()
    match event:
        case RequestSent() | RecipientsAdded():
            subject = _about(NoticeKind.REQUEST, event, before, context, asked=asked + event.recipients)
            return _addressed(event, subject, context, event.recipients)
        case ReminderSent():
            asked_on = london_day(before.request.asked_at) if before.request else None
            subject = _about(
                NoticeKind.REMINDER, event, before, context, asked=asked + event.recipients, asked_on=asked_on
            )
            return _addressed(event, subject, context, event.recipients)
        case RequestApproved():
            subject = _about(NoticeKind.APPROVED, event, before, context)
            return _addressed(event, subject, context, asked, before.senders[:1])
        case RequestDeclined():
            subject = _about(NoticeKind.DECLINED, event, before, context, reason=event.reason)
            return _addressed(event, subject, context, asked, before.senders[:1])
        case RequestWithdrawn():
            subject = _about(NoticeKind.WITHDRAWN, event, before, context, reason=event.reason or None)
            return _addressed(event, subject, context, asked)
        case ApprovalRecorded():  # A9: those who could have answered
            subject = _Subject(
                kind=NoticeKind.APPROVAL_RECORDED,
                sender=_contact(before, event, context),
                level=event.level,
                level_before=_level_before(before, context),
                terms=event.terms,
                reason=event.basis,
            )
            return _addressed(event, subject, context, context.approvers)
        case AgreementEnded():
            subject = _Subject(
                kind=NoticeKind.ENDED,
                request=event.request,
                sender=_contact(before, event, context),
                level=before.level,
                reason=event.note,
                cause=event.cause,
            )
            return _addressed(event, subject, context, (*asked, *context.approvers), before.senders)
        case AgreementImported() | VisibilityLost() | VisibilityReturned():
            return []  # A10, E6: nobody gets a notice
        case _:
            assert_never(event)


_AboutRequest = RequestSent | RecipientsAdded | ReminderSent | RequestApproved | RequestDeclined | RequestWithdrawn


def _about(
    kind: NoticeKind, event: _AboutRequest, before: Agreement, context: DecisionContext, **facts: Any
) -> _Subject:
    """Return what is said about the request of *event*; a stored event may lack its request."""
    request = event if isinstance(event, RequestSent) else before.request
    if request:
        facts |= {"sender": request.sender, "level": request.level, "terms": request.terms}
    return _Subject(kind=kind, request=event.request, level_before=_level_before(before, context), **facts)


def _level_before(before: Agreement, context: DecisionContext) -> AccessLevel | None:
    """N5, U3: the level that is raised, at a hidden school too."""
    return granted(before, visible=True, policy=context.policy, day=context.day)


def _contact(before: Agreement, event: Event, context: DecisionContext) -> PersonId | None:
    """Return whom the school can ask: who acted for the group, or else a sender who is still there."""
    actor = event.actor
    if isinstance(actor, PersonId) and actor.site == event.agreement.group:
        return actor
    return next((sender.id for sender in _reachable(before.senders, context)), None)


def _addressed(
    event: Event,
    subject: _Subject,
    context: DecisionContext,
    school: Iterable[PersonId],
    group: Iterable[PersonId] = (),
) -> list[Notice]:
    """A8: the school's people and the senders get a notice; whoever acted does not."""
    senders, people = _by_address(_reachable(group, context)), _by_address(_reachable(school, context))
    # P7: people share an address across the sides too.
    to_group = [[*sharing, *people.pop(address, ())] for address, sharing in senders.items()]
    return [
        *_to_side(Party.GROUP, event, subject, to_group, context),
        *_to_side(Party.SCHOOL, event, subject, people.values(), context),
    ]


def _reachable(people: Iterable[PersonId], context: DecisionContext) -> list[Person]:
    """List who is known, current and has an address, each once; without whoever acts."""
    persons = [context.person(who) for who in dict.fromkeys(people) if who != context.actor]
    return [person for person in persons if person and person.address and person.is_current(context.day)]


def _by_address(people: Iterable[Person]) -> dict[str, list[Person]]:
    """Return the people who share each address (P7)."""
    by_address: dict[str, list[Person]] = {}
    for person in people:
        by_address.setdefault(address_key(person.address or ""), []).append(person)
    return by_address


def _to_side(
    audience: Party, event: Event, subject: _Subject, addressees: Collection[list[Person]], context: DecisionContext
) -> list[Notice]:
    """Build one notice for those who share each address (P7); the notices share all but what differs by address."""
    if not addressees:
        return []
    shared = _shared(event, subject, audience, context)
    event_id, approvers = event.id, context.approvers
    return [
        Notice(
            **shared,
            id=notice_id(event_id, tuple([person.id for person in sharing])),
            address=sharing[0].address or "",
            people=tuple(
                [
                    Addressee(id=person.id, name=one_line(person.name), can_approve=person.id in approvers)
                    for person in sharing
                ]
            ),
        )
        for sharing in addressees
    ]


def _shared(event: Event, subject: _Subject, audience: Party, context: DecisionContext) -> dict[str, Any]:
    """Return the fields that the notices of an event to one side share."""
    group, policy, site = context.group, context.policy, context.site
    sender, actor = context.person(subject.sender), context.person(context.actor)
    institution = context.visibility.institution
    answerers = []
    if subject.asked is not None:
        asked = frozenset(subject.asked)
        answerers = [
            Answerer(name=one_line(person.name), asked=person.id in asked) for person in context.approvers.values()
        ]
    return {
        "kind": subject.kind,
        "audience": audience,
        "agreement": event.agreement,
        "sequence": event.sequence,
        "request": subject.request,
        "created_at": context.now,
        "group_kind": group.id.kind,
        "group_name": one_line(group.name),
        "institution_name": one_line(institution.name) if institution else f"URN {event.agreement.urn}",
        "sender_name": one_line(sender.name) if sender else "",
        "sender_address": sender.address if sender else None,
        "level": subject.level,
        "level_label": policy.label(subject.level) if subject.level else "",
        "level_before": subject.level_before,
        "level_before_label": policy.label(subject.level_before) if subject.level_before else "",
        "link": page_link(site.data_sharing_url) if site and audience is Party.SCHOOL else None,
        "terms": subject.terms,
        "reason": subject.reason,
        "actor_name": one_line(actor.name) if actor else "",
        "cause": subject.cause,
        "answerers": tuple(answerers),
        "nobody_can_answer": subject.asked is not None and not answerers,
        "asked_on": subject.asked_on,
    }
