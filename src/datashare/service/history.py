"""Questions about the past: how agreements stood, whom the record names, and whether it is intact (rules H)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date

from datashare.domain import timeline as past
from datashare.domain import validation
from datashare.domain.agreements.events import Event, RecipientsAdded, ReminderSent, RequestSent
from datashare.domain.agreements.ids import Actor, AgreementId
from datashare.domain.instants import Instant, london_day, to_day, to_instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, AsOf
from datashare.domain.timeline_text import Names
from datashare.errors import InvalidInput, StoreUnreadable

from .host import Host


def names(host: Host, answers: Iterable[AsOf | Event], *, ours: Callable[[AgreementId], bool]) -> Names:
    """Look up the present names of everybody in *answers* or events: one call for all people, one for all schools (H4).

    Only who stands in the record of these agreements is named, and only schools that have one: an answer that somebody
    made up reveals nothing.

    Cost: besides, for each group, one history; that of the group if the answers are about several of its agreements.

    Raises:
        InvalidValue: An answer is something else, or is about somebody else's agreement.
    """
    expected = "answers about the past, such as timeline() returns, or events"
    claimed, agreements = set[Actor](), set[AgreementId]()
    for answer in validation.require_collection(answers, "answers"):
        if isinstance(answer, AgreementPeriod):
            agreement = answer.agreement.id
            claimed |= answer.actors
        elif isinstance(answer, Event):
            agreement = answer.agreement
            claimed |= _actors(answer)
        else:
            agreement = validation.require_a(answer, past.NotRecorded, "answers", expected).agreement
        agreements.add(agreement)
    strangers = sorted(str(agreement) for agreement in agreements if not ours(agreement))
    if strangers:
        raise InvalidInput("answers", ", ".join(strangers), "answers about agreements of this side")
    people, urns = set[PersonId](), set[int]()
    for event in record_of(host, agreements):
        urns.add(event.agreement.urn)
        people |= {who for who in _actors(event) & claimed if isinstance(who, PersonId)}
    groups = {id_: host.group_or_gone(id_) for id_ in {agreement.group for agreement in agreements}}
    schools = host.institutions.institutions(urns)
    return Names(
        people={who: person.name for who, person in host.people.people(people).items()},
        schools={urn: school.name for urn, school in schools.items()},
        groups={id_: group.name for id_, group in groups.items()},
        labels={id_: host.policy(id_).labels for id_ in groups},
    )


_SENT_TO = RequestSent | RecipientsAdded | ReminderSent


def _actors(event: Event) -> set[Actor]:
    """Return everybody whom an event names."""
    sender = [event.sender] if isinstance(event, RequestSent) else []
    return {event.actor, *sender, *(event.recipients if isinstance(event, _SENT_TO) else ())}


def record_of(host: Host, agreements: Collection[AgreementId]) -> Iterator[Event]:
    """Read the record of these agreements, by one call for each group; of one that cannot be read, nothing."""
    by_group: dict[GroupId, list[AgreementId]] = {}
    for agreement in agreements:
        by_group.setdefault(agreement.group, []).append(agreement)
    for group, own in by_group.items():
        try:
            read = host.store.history(own[0]) if len(own) == 1 else host.store.group_history(group)
            yield from [event for event in read if event.agreement in agreements]
        except StoreUnreadable:  # what cannot be read hinders nothing else
            for agreement in own:
                with suppress(StoreUnreadable):
                    yield from tuple(host.store.history(agreement))


def past_instant(at: Instant, now: Instant) -> Instant:
    """Return *at*, in UTC; raise `InvalidValue` if it is in the future."""
    instant = to_instant(at, "at")
    if instant > now:
        raise InvalidInput("at", at, f"an instant that is not in the future; it is {now} now")
    return instant


def past_day(day: date, now: Instant) -> date:
    """Return *day*; raise `InvalidValue` if it is in the future."""
    today = london_day(now)
    if to_day(day, "day") > today:
        raise InvalidInput("day", day, f"today, {today}, or a day before it")
    return day
