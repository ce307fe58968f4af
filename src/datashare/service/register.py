"""What a register says about a group, and whether ends that name a plan may be carried out with it (rules E)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.agreements import EndCause, Reason
from datashare.domain.reconciliation import Comparison, GroupFacts, leads_on, why_not_applied
from datashare.domain.reconciliation.successors import Links
from datashare.domain.register import GroupId, Institution, SuccessorLink
from datashare.domain.text import named_school
from datashare.domain.visibility import HiddenBecause, Visibility
from datashare.ports import InstitutionDirectory

from .host import Host, by_school, gone


def gather_facts(register: InstitutionDirectory, group: GroupId, urns: Collection[int]) -> GroupFacts:
    """Read what a register says about a group and the schools of its agreements.

    Cost: four calls, and two more for each generation of successors, however many schools there are.
    """
    named, linked = register.group(group) or gone(group), register.linked(group)
    schools = {school.urn: school for school in linked}
    schools |= register.institutions(set(urns) - schools.keys())
    return GroupFacts(
        group=named,
        names_group=named.in_register,
        register_day=register.register_day(),
        linked=frozenset(school.urn for school in linked),
        urns=frozenset(urns),
        links=_follow_links(register, frozenset(urns), schools),
        institutions=schools,
    )


def _follow_links(
    register: InstitutionDirectory, urns: frozenset[int], schools: dict[int, Institution]
) -> tuple[SuccessorLink, ...]:
    """Follow the links from *urns*, through schools that are closed; add the successors to *schools* (E5)."""
    links: dict[SuccessorLink, None] = {}
    seen: set[int] = set()
    wave = set(urns)
    while wave:
        seen |= wave
        new = register.successors(wave)
        links |= dict.fromkeys(new)
        schools |= register.institutions({link.successor for link in new} - schools.keys() - urns)
        # The links of a successor that stands are read too, for they may lead back, but are not followed further.
        onward = [link for link in new if link.predecessor in urns or leads_on(schools.get(link.predecessor))]
        wave = {link.successor for link in onward} - seen
    return tuple(links)


def with_successors(host: Host, answer: Visibility) -> Visibility:
    """Return *answer*, which names what succeeded the school if that closed (V9)."""
    if HiddenBecause.CLOSED not in {reason.because for reason in answer.reasons}:
        return answer
    facts = gather_facts(host.institutions, answer.group, [answer.urn])
    day = facts.register_day or answer.day
    past = attrs.evolve(facts, links=tuple(link for link in facts.links if link.day is None or link.day <= day))
    successors = tuple(Links(facts=past, register_day=day).from_each([answer.urn]))
    if not successors:
        return answer
    known = facts.institutions
    schools = [named_school(known[urn].name if urn in known else "", urn) for urn in successors]
    detail = f"succeeded by {' and '.join(schools)}"[: validation.LONGEST_TEXT]
    reasons = (
        attrs.evolve(reason, detail=detail) if reason.because is HiddenBecause.CLOSED else reason
        for reason in answer.reasons
    )
    return attrs.evolve(answer, reasons=tuple(reasons), successors=successors)


def against_planned_ends(
    host: Host,
    group: GroupId,
    causes: Mapping[int, EndCause],
    plans: AbstractSet[str],
    *,
    looked_at: Collection[int] | None = None,
    register_day: date | None = None,
    confirmed: bool = False,
) -> tuple[Reason, ...]:
    """Return every reason against ends that name a plan, the primary one first, wherever they come from (E2-E4).

    Cost: a constant number of port calls, and two for each generation of successors.

    Args:
        host: The host's ports.
        group: The group.
        causes: Why each school's agreement would end.
        plans: The digests of the plans that the ends name.
        looked_at: The URNs of the agreements that the plan looked at; without them, all that the group has now.
        register_day: The register's day that the plan states; it counts only where the directory knows none.
        confirmed: Whether a person confirmed the plan explicitly.
    """
    own, unreadable = by_school(host.store.states(group))
    urns = own.keys() | unreadable
    facts = gather_facts(host.institutions, group, urns if looked_at is None else looked_at)
    whole = facts if urns == facts.urns else gather_facts(host.institutions, group, urns)
    today = host.today()
    present = Comparison(
        facts=whole,
        agreements=own,
        policy=host.policy(group),
        day=today,
        register_day=facts.register_day or register_day or today,
        unreadable=unreadable,
    )
    last = host.last_register(group)
    return why_not_applied(
        causes, facts, present, plans=plans, register_day=register_day, last_register=last, confirmed=confirmed
    )
