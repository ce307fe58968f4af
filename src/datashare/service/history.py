"""What is recalled of the past: how agreements stood, who they name, and the record itself (rules H)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from datashare.codec import ExportFormat, decode_agreement, export_lines, read_event
from datashare.domain import timeline as past_of
from datashare.domain import validation
from datashare.domain.agreements import AgreementId
from datashare.domain.chain import GroupDigest, digest_of
from datashare.domain.instants import Instant, london_day, to_day, to_instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, AsOf, Names
from datashare.domain.verification import Verification, verify
from datashare.errors import InvalidValue
from datashare.ports.arguments import require_group

from .host import Host


def timeline(host: Host, agreement: AgreementId) -> tuple[AgreementPeriod, ...]:
    """Give the stretches of time of one agreement, in order (H1)."""
    return past_of.timeline(host.store.history(agreement))


def as_of(host: Host, agreement: AgreementId, at: Instant) -> AsOf:
    """Tell how one agreement stood at an instant that is not to come (H1)."""
    past = _past_instant(host, at)
    return past_of.as_of(agreement, host.store.history(agreement), past)


def all_as_of(host: Host, group: GroupId, at: Instant) -> tuple[AsOf, ...]:
    """Tell how every agreement of a group stood at an instant that is not to come (H1, A10)."""
    past = _past_instant(host, at)
    return past_of.all_as_of(host.store.group_history(group), past)


def in_force_on(host: Host, group: GroupId, day: date) -> tuple[AsOf, ...]:
    """Give what was in force, or may have been, in the course of a day that is not to come (H1, A10)."""
    past = _past_day(host, day)
    return past_of.in_force_on(host.store.group_history(group), past)


def shared_on(host: Host, agreements: Iterable[AgreementId], day: date) -> tuple[AsOf, ...]:
    """Give what any of these agreements shared in the course of a day that is not to come (H1, A10)."""
    past = _past_day(host, day)
    return tuple(one for each in agreements for one in past_of.shared_on(each, host.store.history(each), past))


def export(host: Host, group: GroupId, form: ExportFormat, *, urn: int | None, words: bool) -> Iterator[str]:
    """Write down the history of a group, or of one of its agreements, line by line (H2)."""
    events = host.store.group_history(group) if urn is None else host.store.history(AgreementId(group, urn))
    return export_lines(events, form, words=words)


def names(host: Host, answers: Iterable[AsOf], *, ours: Callable[[AgreementId], bool]) -> Names:
    """Look up what those whom answers name are called now, at one call for all people, and one for all schools (H4).

    Raises:
        InvalidValue: An answer is none, or is about somebody else's agreement.
    """
    given = tuple(validation.require_collection(answers, "answers"))
    if not all(isinstance(one, AsOf) for one in given):
        raise InvalidValue("answers", given, "answers about the past, such as timeline() gives")
    agreements = {one.agreement for one in given}
    strangers = sorted(str(one) for one in agreements if not ours(one))
    if strangers:
        raise InvalidValue("answers", ", ".join(strangers), "answers about agreements of this side")
    people = host.people.people({who for one in given if isinstance(one, AgreementPeriod) for who in _people_of(one)})
    schools = host.institutions.institutions({one.urn for one in agreements})
    groups = {id_: host.institutions.group(id_) for id_ in {one.group for one in agreements}}
    return Names(
        people={who: one.name for who, one in people.items()},
        schools={urn: one.name for urn, one in schools.items()},
        groups={id_: one.name for id_, one in groups.items() if one},
        labels={id_: host.policy(id_).labels for id_ in groups},
    )


def _people_of(found: AgreementPeriod) -> Iterator[PersonId]:
    """Find the people of the two sites; nobody learns names of other sites by an answer that they made up."""
    sites = (found.agreement.group, found.agreement.urn)
    return (who for who in found.actors if isinstance(who, PersonId) and who.site in sites)


def _past_instant(host: Host, at: Instant) -> Instant:
    """Refuse an instant to come, of which no record can tell."""
    past, now = to_instant(at, "at"), host.now()
    if past > now:
        raise InvalidValue("at", at, f"an instant that is not to come; it is {now} now")
    return past


def _past_day(host: Host, day: date) -> date:
    """Refuse a day to come, of which no record can tell."""
    past, today = to_day(day, "day"), london_day(host.now())
    if past > today:
        raise InvalidValue("day", day, f"today, {today}, or a day before it")
    return past


def verified(host: Host, group: GroupId | None, noted: GroupDigest | None) -> Verification:
    """Walk over the chains of a group, or of all groups.

    Raises:
        InvalidValue: The group is none, or the digest is none of this group.
    """
    if group is not None:
        require_group(group)
    if noted is not None:
        validation.require_a(noted, GroupDigest, "noted", "a GroupDigest, as digest() answers")
        if group not in {None, noted.group}:
            raise InvalidValue("noted", noted.group, f"a digest of {group}")
    return verify(host.store.chains(group), read_event=read_event, read_state=decode_agreement, noted=noted)


def digested(host: Host, group: GroupId) -> GroupDigest:
    """Take down where the chains of a group end.

    Raises:
        InvalidValue: The group is none.
    """
    now = host.now()
    return digest_of(group, host.store.chains(require_group(group)), at=now)
