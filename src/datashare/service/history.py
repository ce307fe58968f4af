"""Questions about the past: how agreements stood, whom the record names, and whether it is intact (rules H)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from datashare.codec import ExportFormat, decode_agreement, export_lines, read_event
from datashare.domain import timeline as past
from datashare.domain import validation
from datashare.domain.agreements import AgreementId
from datashare.domain.chain import GroupDigest, digest_of
from datashare.domain.instants import Instant, london_day, to_day, to_instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, AsOf
from datashare.domain.timeline_text import Names
from datashare.domain.verification import Verification, verify
from datashare.errors import InvalidValue
from datashare.ports.arguments import require_group

from .host import Host


def timeline(host: Host, agreement: AgreementId) -> tuple[AgreementPeriod, ...]:
    """Return the periods of one agreement, in order (H1)."""
    return past.timeline(host.store.history(agreement), policy=host.policy(agreement.group))


def as_of(host: Host, agreement: AgreementId, at: Instant) -> AsOf:
    """Return how one agreement stood at an instant that is not in the future (H1)."""
    at, policy = _past_instant(host, at), host.policy(agreement.group)
    return past.as_of(agreement, host.store.history(agreement), at, policy=policy)


def all_as_of(host: Host, group: GroupId, at: Instant) -> tuple[AsOf, ...]:
    """Return how every agreement of a group stood at an instant that is not in the future (H1, A10)."""
    at, policy = _past_instant(host, at), host.policy(group)
    return past.all_as_of(host.store.group_history(group), at, policy=policy)


def in_force_on(host: Host, group: GroupId, day: date) -> tuple[AsOf, ...]:
    """Return what was in force, or may have been, on a day that is not in the future (H1, A10)."""
    day, policy = _past_day(host, day), host.policy(group)
    return past.in_force_on(host.store.group_history(group), day, policy=policy)


def shared_on(host: Host, agreements: Iterable[AgreementId], day: date) -> tuple[AsOf, ...]:
    """Return what any of these agreements shared on a day that is not in the future (H1, A10)."""
    day = _past_day(host, day)
    return tuple(
        answer
        for agreement in agreements
        for answer in past.shared_on(agreement, host.store.history(agreement), day, policy=host.policy(agreement.group))
    )


def export(host: Host, group: GroupId, form: ExportFormat, *, urn: int | None, words: bool) -> Iterator[str]:
    """Write the history of a group, or of one of its agreements, line by line (H2)."""
    events = host.store.group_history(group) if urn is None else host.store.history(AgreementId(group, urn))
    return export_lines(events, form, words=words)


def names(host: Host, answers: Iterable[AsOf], *, ours: Callable[[AgreementId], bool]) -> Names:
    """Look up the present names of everybody in *answers*: one call for all people, one for all schools (H4).

    Only people of the two sites are looked up: an answer that somebody made up must not reveal names of other sites.

    Raises:
        InvalidValue: An answer is something else, or is about somebody else's agreement.
    """
    expected = "answers about the past, such as timeline() returns"
    people, agreements = set[PersonId](), set[AgreementId]()
    for answer in validation.require_collection(answers, "answers"):
        if isinstance(answer, AgreementPeriod):
            agreement = answer.agreement.id
            sites = (agreement.group, agreement.urn)
            people |= {who for who in answer.actors if isinstance(who, PersonId) and who.site in sites}
        else:
            agreement = validation.require_a(answer, past.NotRecorded, "answers", expected).agreement
        agreements.add(agreement)
    strangers = sorted(str(agreement) for agreement in agreements if not ours(agreement))
    if strangers:
        raise InvalidValue("answers", ", ".join(strangers), "answers about agreements of this side")
    groups = {id_: host.institutions.group(id_) for id_ in {agreement.group for agreement in agreements}}
    schools = host.institutions.institutions({agreement.urn for agreement in agreements})
    return Names(
        people={who: person.name for who, person in host.people.people(people).items()},
        schools={urn: school.name for urn, school in schools.items()},
        groups={id_: group.name for id_, group in groups.items() if group},
        labels={id_: host.policy(id_).labels for id_ in groups},
    )


def _past_instant(host: Host, at: Instant) -> Instant:
    instant, now = to_instant(at, "at"), host.now()
    if instant > now:
        raise InvalidValue("at", at, f"an instant that is not in the future; it is {now} now")
    return instant


def _past_day(host: Host, day: date) -> date:
    today = london_day(host.now())
    if to_day(day, "day") > today:
        raise InvalidValue("day", day, f"today, {today}, or a day before it")
    return day


def verified(host: Host, group: GroupId | None, noted: GroupDigest | None) -> Verification:
    """Check the chains of a group, or of all groups, against themselves and against a noted digest (H3).

    Raises:
        InvalidValue: The group is not one, or the digest is another group's.
    """
    if group is not None:
        require_group(group)
    if noted is not None:
        validation.require_a(noted, GroupDigest, "noted", "a GroupDigest, as digest() returns")
        if group not in {None, noted.group}:
            raise InvalidValue("noted", noted.group, f"a digest of {group}")
    return verify(host.store.chains(group), read_event=read_event, read_state=decode_agreement, noted=noted)


def digested(host: Host, group: GroupId) -> GroupDigest:
    """Return where the chains of a group end now (H3).

    Raises:
        InvalidValue: The group is not one.
    """
    now = host.now()
    return digest_of(group, host.store.chains(require_group(group)), at=now)
