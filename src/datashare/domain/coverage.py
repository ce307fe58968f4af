"""Pure: how far a group has come with its schools, as one value (X5).

It counts the rows of the table that the group's users see, so that a dashboard and the table never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import attrs

from . import validation
from .browsing import Facet, FacetKey, FacetValue, Listing, facets, values_of
from .eligibility import approvers, eligible_recipients
from .instants import day_words, london_day
from .levels import AccessLevel
from .people import Person, PersonId
from .policy import Policy, stale_for, stale_words
from .register import Group, GroupId
from .text import counted, folded, named, plain_line


@attrs.frozen(kw_only=True)
class Tally:
    """How many schools share, how many are asked, and how many are still to be asked.

    A school whose level is being raised counts under both *at_least* and *pending*, as it is shown under two tabs (U2).

    Attributes:
        value: What the schools have in common, as the filter chooses it: a cluster's name, a phase, an LA code; `None`
            for all schools, or for those that have no such value.
        label: The same, as people read it.
        schools: How many schools there are.
        at_least: How many share at least each level (L1, X1, X2).
        pending: How many have an open request, first ones and upgrades alike (N1).
        missing: How many neither share anything nor are asked.
    """

    value: FacetKey | None
    label: str
    schools: int
    at_least: Mapping[AccessLevel, int]
    pending: int
    missing: int


@attrs.frozen(kw_only=True)
class Coverage:
    """How far a group has come with the schools that it sees, on one day; `str` words it for a weekly mail (X5).

    Schools are rows of the table, ordered by folded name unless said otherwise.

    Attributes:
        group: The group.
        group_name: Its name in the register.
        day: The day of the answer, in Europe/London.
        labels: The levels that may be requested, in the words of the group's policy, lowest first (L3).
        total: All schools together.
        by_cluster: Those of each cluster, by folded name, last those in no cluster; a school may be in several (B6).
        by_phase: Those of each phase, in the order of the register's codes.
        by_local_authority: Those of each LA, by folded name.
        pending: Those with an open request, the longest waiting first.
        without_site: Those that have no MIS site, and so cannot be asked (V11).
        without_recipient: Those with a site at which nobody can be asked (P4).
        without_approver: Those with a site at which nobody can answer (P2, P10).
        terms_overdue: Those whose terms in force were to be reviewed before the day, the longest overdue first (Q8).
        hidden: How many institutions that the group no longer sees still have an agreement or a request (T4).
        stale_for: How many days old the register was, where that is more than the group's policy allows; else 0 (E3).
        unreadable: Those whose agreement cannot be read; they count as schools, and as nothing else.
    """

    group: GroupId
    group_name: str
    day: date
    labels: Mapping[AccessLevel, str]
    total: Tally
    by_cluster: tuple[Tally, ...]
    by_phase: tuple[Tally, ...]
    by_local_authority: tuple[Tally, ...]
    pending: tuple[Listing, ...]
    without_site: tuple[Listing, ...]
    without_recipient: tuple[Listing, ...]
    without_approver: tuple[Listing, ...]
    terms_overdue: tuple[Listing, ...]
    hidden: int
    stale_for: int = 0
    unreadable: tuple[Listing, ...] = ()

    @property
    def oldest_pending(self) -> Listing | None:
        """The school that has had its open request for the longest time, if any has one."""
        return self.pending[0] if self.pending else None

    def __str__(self) -> str:
        return "\n".join(_words(self))


def coverage(
    listings: Iterable[Listing],
    people: Mapping[int, Mapping[PersonId, Person]],
    *,
    group: Group,
    policy: Policy,
    day: date,
    hidden: int = 0,
    register_day: date | None = None,
) -> Coverage:
    """Count how far *group* has come with its schools (X5).

    Cost: one pass over the schools for each way to count them.

    Args:
        listings: The rows of the schools that the group sees.
        people: The people of each school's own site, by URN and id.
        group: The group, as the register knows it.
        policy: The group's choices.
        day: The present day, in Europe/London.
        hidden: How many institutions that the group no longer sees still have an agreement or a request.
        register_day: The register's day, in Europe/London, where it is known.

    Raises:
        InvalidValue: One of the rows is not a `Listing`.
    """
    rows = sorted(
        validation.require_all(listings, Listing, "listings", "Listings"), key=lambda row: (folded(row.name), row.urn)
    )
    at_sites = [row for row in rows if row.has_school_site]
    offered = facets(rows)
    return Coverage(
        group=group.id,
        group_name=group.name,
        day=day,
        labels=validation.FrozenMapping({level: policy.label(level) for level in sorted(policy.requestable_levels)}),
        total=_tally(None, group.name, rows),
        by_cluster=_parts(rows, Facet.CLUSTER, offered),
        by_phase=_parts(rows, Facet.PHASE, offered),
        by_local_authority=_parts(rows, Facet.LOCAL_AUTHORITY, offered),
        pending=_oldest_first((row.agreement.request.asked_at, row) for row in rows if row.agreement.request),
        without_site=tuple(row for row in rows if not row.has_school_site),
        without_recipient=tuple(
            row
            for row in at_sites
            if not eligible_recipients(people.get(row.urn, {}), urn=row.urn, policy=policy, day=day)
        ),
        without_approver=tuple(
            row for row in at_sites if not approvers(people.get(row.urn, {}), policy=policy, day=day)
        ),
        terms_overdue=_oldest_first((due, row) for row in rows if (due := _review_of(row)) and due < day),
        hidden=hidden,
        stale_for=stale_for(register_day, policy=policy, day=day) if register_day else 0,
        unreadable=tuple(row for row in rows if row.unreadable),
    )


def _tally(value: FacetKey | None, label: str, rows: Sequence[Listing]) -> Tally:
    shared = [row.granted for row in rows if row.granted]
    return Tally(
        value=value,
        label=label,
        schools=len(rows),
        at_least=validation.FrozenMapping(
            {level: sum(granted >= level for granted in shared) for level in AccessLevel}
        ),
        pending=sum(row.agreement.request is not None for row in rows),
        missing=sum(row.agreement.request is None and row.granted is None and not row.unreadable for row in rows),
    )


_WITHOUT = {Facet.CLUSTER: "In no cluster", Facet.LOCAL_AUTHORITY: "In no local authority"}


def _parts(rows: Sequence[Listing], facet: Facet, offered: Mapping[Facet, tuple[FacetValue, ...]]) -> tuple[Tally, ...]:
    """Count the schools by the values of one filter, and last those that have none, where others have one."""
    by_value: dict[FacetKey, list[Listing]] = {}
    without = []
    for row in rows:
        values = values_of(row, facet)
        for value in values:
            by_value.setdefault(value, []).append(row)
        if not values:
            without.append(row)
    parts = [_tally(offer.value, offer.label, by_value[offer.value]) for offer in offered[facet]]
    return (*parts, _tally(None, _WITHOUT[facet], without)) if parts and without else tuple(parts)


def _oldest_first(dated: Iterable[tuple[date, Listing]]) -> tuple[Listing, ...]:
    return tuple(row for _, row in sorted(dated, key=lambda pair: pair[0]))


def _review_of(row: Listing) -> date | None:
    in_force = row.agreement.in_force
    return in_force.terms.review_on if in_force and in_force.terms else None


def _words(answer: Coverage) -> Iterator[str]:
    """Return the lines of the answer: the figures first, then what needs somebody's attention."""
    total = answer.total
    yield f"{plain_line(answer.group_name)} on {day_words(answer.day)}: {counted(total.schools, 'school')}"
    if answer.stale_for:
        yield f"{stale_words(answer.stale_for)} Load the newest register."
    for level, label in answer.labels.items():
        yield f"- share {_or_more(level, label)}: {total.at_least[level]} of {total.schools}"
    yield f"- are asked and have not answered: {total.pending}"
    yield f"- share nothing and are not asked: {total.missing}"
    if answer.labels:
        lowest, label = next(iter(answer.labels.items()))
        ways = {"cluster": answer.by_cluster, "phase": answer.by_phase, "LA": answer.by_local_authority}
        for way, parts in ways.items():
            if len(parts) > 1:
                figures = "; ".join(
                    f"{plain_line(part.label)} {part.at_least[lowest]} of {part.schools}" for part in parts
                )
                yield f"{_or_more(lowest, label)}, by {way}: {figures}"
    oldest = answer.oldest_pending
    if oldest and (request := oldest.agreement.request):
        asked = london_day(request.asked_at)
        waited = counted((answer.day - asked).days, "day")
        yield f"Waiting longest: {_school(oldest)}, for {waited}, since {day_words(asked)}."
    yield from _named("Nobody can be asked, since there is no MIS site, at", answer.without_site)
    yield from _named("Nobody has an eligible role and an address at", answer.without_recipient)
    yield from _named("Nobody can accept a request at", answer.without_approver)
    yield from _named("The terms are overdue for review at", answer.terms_overdue, _review_words)
    yield from _named("The agreement's record cannot be read at", answer.unreadable)
    if answer.hidden:
        schools = counted(answer.hidden, "school")
        yield f"An agreement or a request still stands at {schools} that the register no longer shows to the group."


def _or_more(level: AccessLevel, label: str) -> str:
    return plain_line(label) + ("" if level is max(AccessLevel) else " or more")


def _school(row: Listing) -> str:
    return named(row.name, row.urn)


def _review_words(row: Listing) -> str:
    due = _review_of(row)
    return f"{_school(row)}, due on {day_words(due)}" if due else _school(row)


def _named(what: str, rows: Sequence[Listing], word: Callable[[Listing], str] = _school) -> Iterator[str]:
    if rows:
        yield f"{what}:"
        yield from (f"- {word(row)}" for row in rows)
