"""Builds registers and plans for the tests of reconciliation: say only what matters."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

import attrs

from datashare.domain.agreements import Agreement, RefusalCode, State
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import Comparison, GroupFacts, Plan, why_not_applied
from datashare.domain.register import EstablishmentStatus, Group, Institution, SuccessorLink
from datashare.domain.visibility import link_with
from tests import builders
from tests.builders import DAY, institution

OLD, NEW, OTHER = 100000, 200000, 200001


def school(urn: int, name: str = "", *, number: str = "2000", **cells: Any) -> Institution:
    """Return an open school of the trust, with an establishment number."""
    return attrs.evolve(institution(urn, name or f"School {urn}", **cells), establishment_number=number)


def closed(urn: int = OLD, **cells: Any) -> Institution:
    """Return a school that closed."""
    return school(urn, status=EstablishmentStatus.CLOSED, close_date=DAY, **cells)


def link(old: int, new: int, kind: str = "Successor", day: date | None = DAY) -> SuccessorLink:
    """Return a link of the register."""
    return SuccessorLink(predecessor=old, successor=new, kind=kind, day=day)


def standing(
    urn: int = OLD,
    state: State = State.APPROVED,
    *,
    level: AccessLevel = AccessLevel.MIS_DATA,
    version: int = 2,
) -> Agreement:
    """Return an agreement of the trust that has a history."""
    return attrs.evolve(builders.agreement(urn, state, level=level), version=version)


def facts(
    *schools: Institution,
    links: Iterable[SuccessorLink] = (),
    urns: Iterable[int] = (OLD,),
    by: Group | None = None,
    names_group: bool = True,
    register_day: date | None = DAY,
) -> GroupFacts:
    """Return what a register says."""
    who = by or builders.group()
    return GroupFacts(
        group=who,
        names_group=names_group,
        register_day=register_day,
        linked=frozenset(school.urn for school in schools if link_with(school, who.id)),
        urns=frozenset(urns),
        institutions={school.urn: school for school in schools},
        links=tuple(links),
    )


def planned(
    *agreements: Agreement,
    schools: Iterable[Institution] = (),
    links: Iterable[SuccessorLink] = (),
    by: Group | None = None,
    names_group: bool = True,
    policy: Policy | None = None,
    seen_before: AbstractSet[int] | None = None,
    names_before: Mapping[int, str] | None = None,
    day: date = DAY,
    unreadable: AbstractSet[int] = frozenset(),
) -> Plan:
    """Return a plan."""
    urns = [*(agreement.urn for agreement in agreements), *unreadable]
    comparison = Comparison(
        facts=facts(*schools, links=links, urns=urns, by=by, names_group=names_group),
        agreements={agreement.urn: agreement for agreement in agreements},
        policy=policy or Policy.for_kind((by or builders.group()).id.kind),
        day=day,
        register_day=DAY,
        names=names_before or {},
        unreadable=unreadable,
    )
    return comparison.plan(seen_before)


def against(
    plan: Plan,
    view: GroupFacts,
    *agreements: Agreement,
    whole: GroupFacts | None = None,
    last_register: date | None = None,
    confirmed: bool = False,
) -> dict[RefusalCode, str]:
    """Return the reasons not to apply a plan, in words by code."""
    present = Comparison(
        facts=whole or view,
        agreements={agreement.urn: agreement for agreement in agreements},
        policy=Policy.mat(),
        day=DAY,
        register_day=plan.register_day,
    )
    reasons = why_not_applied(
        {end.urn: end.cause for end in plan.to_end},
        view,
        present,
        plans={plan.digest},
        register_day=plan.register_day,
        last_register=last_register,
        confirmed=confirmed,
    )
    return {reason.code: str(reason) for reason in reasons}
