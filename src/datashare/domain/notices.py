"""Pure: which notices an event calls for, and to whom (rules P7, N3, A8, A9, U3, O).

It touches nothing but the standard library and attrs. A notice is one message to one address about one event at
one school, before it is rendered.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import date
from typing import Any, assert_never

import attrs

from . import validation
from .agreements import (
    CAME_LATER,
    Agreement,
    AgreementEnded,
    AgreementId,
    AgreementImported,
    ApprovalRecorded,
    DecisionContext,
    EndCause,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestId,
    RequestSent,
    RequestWithdrawn,
    Terms,
    VisibilityLost,
    VisibilityReturned,
    has_lapsed,
    notice_id,
)
from .instants import Instant, london_day, to_instant, to_optional_day
from .levels import AccessLevel, Capability
from .people import Person, PersonId, address_key
from .policy import Party
from .register import GroupKind
from .trusted import copier, maker
from .validation import to_tuple


class NoticeKind(enum.Enum):
    """What a notice tells."""

    REQUEST = "request"
    REMINDER = "reminder"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    APPROVAL_RECORDED = "approval_recorded"
    ENDED = "ended"

    __hash__ = object.__hash__


ASKING = frozenset({NoticeKind.REQUEST, NoticeKind.REMINDER})
"""The kinds that ask for an answer; closing the request cancels those not yet delivered (O7)."""


@attrs.frozen(kw_only=True)
class Addressee:
    """One of the people who share the address of a notice.

    Attributes:
        id: Who they are.
        name: Their name at the time.
        can_approve: Whether they held the permission to answer at the time.
    """

    id: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    name: str = attrs.field(validator=validation.text)
    can_approve: bool = attrs.field(default=False, validator=validation.is_a(bool, "True or False"))


@attrs.frozen(kw_only=True)
class Answerer:
    """One of the people who can answer the request that a notice asks about (P2, P3).

    Attributes:
        name: Their name at the time.
        asked: Whether the request has been sent to them too.
    """

    name: str = attrs.field(validator=validation.text)
    asked: bool = attrs.field(validator=validation.is_a(bool, "True or False"))


_A_LEVEL_OR_NONE = validation.is_a((AccessLevel, type(None)), f"{validation.member_words(AccessLevel)} or None")


@attrs.frozen(kw_only=True)
class Notice:
    """One message to one address, before it is rendered.

    Attributes:
        id: Derived from its event and the people it names; stable over every retry (K3, O3).
        kind: What it tells.
        audience: Whether it goes to the school's side or the group's.
        agreement: Which agreement it is about.
        sequence: The sequence number of the event that calls for it.
        request: The request that it is about, if any.
        address: The email address, as settled when the event happened (Q5).
        people: The people who share the address, each named (P7).
        created_at: When the event happened, in UTC.
        group_kind: Trust or local authority, for the words.
        group_name: The group's name in the register.
        institution_name: The school's name in the register.
        sender_name: Whom the school can ask: who the request is from, or who recorded an approval or ended the
            agreement for the group; for the words and the reply address, possibly empty.
        sender_address: Where a reply goes, if anywhere.
        level: The level that it speaks of, if any.
        level_label: That level in the words of the group's policy (L3).
        level_before: The level in force when the request was sent; a notice about an upgrade has one (N5).
        level_before_label: That level in the words of the group's policy.
        link: The https address of the school's Data Sharing page, for the school's side (O1).
        terms: The terms of the request, if any (Q8).
        reason: What the one who acted wrote, if anything.
        actor_name: Who did what it tells; empty where a system did.
        cause: Why the agreement ended, where it tells of that (E1).
        answerers: Who at the school could answer at the time, where it asks for an answer.
        nobody_can_answer: Whether it asks for an answer that nobody at the school could give at the time (P10).
        asked_on: When the request was sent that it reminds of, as a day in Europe/London.
    """

    id: str = attrs.field(validator=validation.key)
    kind: NoticeKind = attrs.field(validator=validation.member(NoticeKind))
    audience: Party = attrs.field(validator=validation.member(Party))
    agreement: AgreementId = attrs.field(validator=validation.is_a(AgreementId, "an AgreementId"))
    sequence: int = attrs.field(validator=validation.whole(1))
    request: RequestId | None = attrs.field(validator=validation.is_a((RequestId, type(None)), "a RequestId or None"))
    address: str = attrs.field(validator=validation.text)
    people: tuple[Addressee, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(Addressee, "Addressees")
    )
    created_at: Instant = attrs.field(converter=to_instant)
    group_kind: GroupKind = attrs.field(validator=validation.member(GroupKind))
    group_name: str = attrs.field(validator=validation.text)
    institution_name: str = attrs.field(validator=validation.text)
    sender_name: str = attrs.field(default="", validator=validation.text_or_empty)
    sender_address: str | None = attrs.field(default=None, validator=validation.optional_text)
    level: AccessLevel | None = attrs.field(default=None, validator=_A_LEVEL_OR_NONE)
    level_label: str = attrs.field(default="", validator=validation.text_or_empty)
    level_before: AccessLevel | None = attrs.field(default=None, validator=_A_LEVEL_OR_NONE)
    level_before_label: str = attrs.field(default="", validator=validation.text_or_empty)
    link: str | None = attrs.field(default=None, validator=validation.optional_text)
    terms: Terms | None = attrs.field(default=None, validator=validation.is_a((Terms, type(None)), "Terms or None"))
    reason: str | None = attrs.field(default=None, validator=validation.optional_text)
    actor_name: str = attrs.field(default="", validator=validation.text_or_empty, metadata={CAME_LATER: True})
    cause: EndCause | None = attrs.field(
        default=None,
        validator=validation.is_a((EndCause, type(None)), f"{validation.member_words(EndCause)} or None"),
        metadata={CAME_LATER: True},
    )
    answerers: tuple[Answerer, ...] = attrs.field(
        default=(), converter=to_tuple, validator=validation.all_are(Answerer, "Answerers"), metadata={CAME_LATER: True}
    )
    nobody_can_answer: bool = attrs.field(
        default=False, validator=validation.is_a(bool, "True or False"), metadata={CAME_LATER: True}
    )
    asked_on: date | None = attrs.field(default=None, converter=to_optional_day, metadata={CAME_LATER: True})

    @property
    def adds(self) -> tuple[Capability, ...]:
        """What the level allows that the level before does not (U3)."""
        return self.level.adds_to(self.level_before) if self.level else ()


@attrs.frozen(kw_only=True)
class _Topic:
    """What a notice speaks of, whoever it goes to."""

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


def notices_for(before: Agreement, events: Iterable[Event], facts: DecisionContext) -> tuple[Notice, ...]:
    """Give the notices that *events* call for, decided on *before* with *facts*.

    People are told at their present address, and only while they are current users of their site; who acted is
    not told of what they did. People who share an address share one notice (P7).
    """
    return tuple(notice for event in events for notice in _for_event(before, event, facts))


def _for_event(before: Agreement, event: Event, facts: DecisionContext) -> list[Notice]:
    match event:
        case RequestSent() | RecipientsAdded() | ReminderSent():
            topic = _asking(before, event, facts)
            return _addressed(event, topic, Party.SCHOOL, _reachable(event.recipients, facts), facts)
        case RequestApproved() | RequestDeclined():
            return _to_both(before, event, _answering(before, event, facts), _asked(before), facts)
        case RequestWithdrawn():
            topic = _closing(before, event.reason, facts)
            return _addressed(event, topic, Party.SCHOOL, _reachable(_asked(before), facts), facts)
        case ApprovalRecorded():
            topic = _Topic(
                kind=NoticeKind.APPROVAL_RECORDED,
                sender=_contact(before, event, facts),
                level=event.level,
                level_before=_level_before(before, facts),
                terms=event.terms,
                reason=event.basis,
            )
            return _addressed(event, topic, Party.SCHOOL, _reachable(_answerers(facts), facts), facts)
        case AgreementEnded():
            topic = _Topic(
                kind=NoticeKind.ENDED,
                request=event.request,
                sender=_contact(before, event, facts),
                level=before.level,
                reason=event.note,
                cause=event.cause,
            )
            return _to_both(before, event, topic, (*_asked(before), *_answerers(facts)), facts)
        case AgreementImported() | VisibilityLost() | VisibilityReturned():
            return []  # A10, E6: nobody is told
        case _:
            assert_never(event)


def _asked(agreement: Agreement) -> tuple[PersonId, ...]:
    return agreement.request.recipients if agreement.request else ()


def _answerers(facts: DecisionContext) -> tuple[PersonId, ...]:
    return tuple(facts.approvers)


def _senders(agreement: Agreement) -> tuple[PersonId, ...]:
    return agreement.senders


def _contact(before: Agreement, event: Event, facts: DecisionContext) -> PersonId | None:
    """Tell whom the school can ask: who acted for the group, or else who asked for it and still is there."""
    actor = event.actor
    if isinstance(actor, PersonId) and actor.site == event.agreement.group:
        return actor
    return next((sender.id for sender in _reachable(_senders(before), facts)), None)


def _level_before(before: Agreement, facts: DecisionContext) -> AccessLevel | None:
    """N5, U3: the level that the open request would raise; what has lapsed allows nothing (X2)."""
    return None if has_lapsed(before, policy=facts.policy, day=facts.day) else before.level


def _asking(before: Agreement, event: RequestSent | RecipientsAdded | ReminderSent, facts: DecisionContext) -> _Topic:
    kind = NoticeKind.REMINDER if isinstance(event, ReminderSent) else NoticeKind.REQUEST
    source = event if isinstance(event, RequestSent) else before.request
    return _made_topic(
        kind=kind,
        request=event.request,
        sender=source.sender if source else None,
        level=source.level if source else None,
        level_before=_level_before(before, facts),
        terms=source.terms if source else None,
        reason=None,
        cause=None,
        asked=(*_asked(before), *event.recipients),
        asked_on=london_day(before.request.asked_at) if isinstance(event, ReminderSent) and before.request else None,
    )


def _answering(before: Agreement, event: RequestApproved | RequestDeclined, facts: DecisionContext) -> _Topic:
    approved = isinstance(event, RequestApproved)
    return attrs.evolve(
        _closing(before, None if isinstance(event, RequestApproved) else event.reason, facts),
        kind=NoticeKind.APPROVED if approved else NoticeKind.DECLINED,
    )


def _closing(before: Agreement, reason: str | None, facts: DecisionContext) -> _Topic:
    request = before.request
    return _Topic(
        kind=NoticeKind.WITHDRAWN,
        request=request.id if request else None,
        sender=request.sender if request else None,
        level=request.level if request else None,
        level_before=_level_before(before, facts),
        terms=request.terms if request else None,
        reason=reason or None,
    )


def _to_both(
    before: Agreement, event: Event, topic: _Topic, school: Iterable[PersonId], facts: DecisionContext
) -> list[Notice]:
    """A8: the sender and the school's people are told; the one who acted is not."""
    senders = _reachable(_senders(before) if isinstance(event, AgreementEnded) else _senders(before)[:1], facts)
    told = {address_key(sender.address or "") for sender in senders}
    people = _reachable(school, facts)
    sharing = [person for person in people if address_key(person.address or "") in told]  # P7: across the sides too
    others = [person for person in people if address_key(person.address or "") not in told]
    return [
        *_addressed(event, topic, Party.GROUP, [*senders, *sharing], facts),
        *_addressed(event, topic, Party.SCHOOL, others, facts),
    ]


def _reachable(people: Iterable[PersonId], facts: DecisionContext) -> list[Person]:
    """Find who is known, current and has an address, each once; not who acts."""
    actor, day, of_school, of_group = facts.actor, facts.day, facts.people, facts.others
    found = []
    for who in dict.fromkeys(people):
        person = of_school.get(who) or of_group.get(who)
        if person and person.address and who != actor and person.period.contains(day):
            found.append(person)
    return found


def _addressed(
    event: Event, topic: _Topic, audience: Party, people: list[Person], facts: DecisionContext
) -> list[Notice]:
    """Make one notice for each address (P7)."""
    by_address: dict[str, list[Person]] = {}
    for person in people:
        by_address.setdefault(address_key(person.address or ""), []).append(person)
    if not by_address:
        return []
    event_id = event.id
    own, *others = [_own(event_id, sharing, facts) for sharing in by_address.values()]
    first = _first(event, topic, audience, facts, own)
    return [first, *[_copied(first, **one) for one in others]]


_made_topic = maker(_Topic)
_made_addressee = maker(Addressee)
_made_answerer = maker(Answerer)
_made = maker(Notice)
_copied = copier(Notice)


def _own(event_id: str, sharing: list[Person], facts: DecisionContext) -> dict[str, Any]:
    """Give what differs between the notices of an event to one side."""
    approvers = facts.approvers
    return {
        "id": notice_id(event_id, tuple([person.id for person in sharing])),
        "address": sharing[0].address or "",
        "people": tuple(
            [_made_addressee(id=person.id, name=person.name, can_approve=person.id in approvers) for person in sharing]
        ),
    }


def _first(event: Event, topic: _Topic, audience: Party, facts: DecisionContext, own: dict[str, Any]) -> Notice:
    """Make the first of an event's notices to one side; the others share all but what is their own."""
    group, policy, site = facts.group, facts.policy, facts.site
    sender = facts.person(topic.sender)
    actor = facts.person(facts.actor)
    institution = facts.visibility.institution
    answerers = _named_answerers(topic, facts)
    return _made(
        kind=topic.kind,
        audience=audience,
        agreement=event.agreement,
        sequence=event.sequence,
        request=topic.request,
        created_at=event.at,
        group_kind=group.id.kind,
        group_name=group.name,
        institution_name=institution.name if institution else f"URN {event.agreement.urn}",
        sender_name=sender.name if sender else "",
        sender_address=sender.address if sender else None,
        level=topic.level,
        level_label=policy.label(topic.level) if topic.level else "",
        level_before=topic.level_before,
        level_before_label=policy.label(topic.level_before) if topic.level_before else "",
        link=site.data_sharing_url if site and audience is Party.SCHOOL else None,
        terms=topic.terms,
        reason=topic.reason,
        actor_name=actor.name if actor else "",
        cause=topic.cause,
        answerers=answerers,
        nobody_can_answer=topic.asked is not None and not answerers,
        asked_on=topic.asked_on,
        **own,
    )


def _named_answerers(topic: _Topic, facts: DecisionContext) -> tuple[Answerer, ...]:
    """Name who can answer what is asked, so that nobody else need wonder what to do."""
    asked = topic.asked
    if asked is None:
        return ()
    return tuple([_made_answerer(name=one.name, asked=one.id in asked) for one in facts.approvers.values()])
