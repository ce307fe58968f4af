"""Makes registers and plans for the tests of drift: say only what matters."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

import attrs

from datashare.domain.agreements import Agreement, RefusalCode, State
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.reconciliation import Plan, Present, RegisterFacts, plan, why_not_applied
from datashare.domain.register import EstablishmentStatus, Group, Institution, SuccessorLink
from datashare.domain.visibility import link_with
from tests import builders as made
from tests.builders import DAY, institution

OLD, NEW, OTHER = 100000, 200000, 200001


def school(urn: int, name: str = "", *, number: str = "2000", **cells: Any) -> Institution:
    """Make an open school of the trust, with an establishment number."""
    return attrs.evolve(institution(urn, name or f"School {urn}", **cells), establishment_number=number)


def closed(urn: int = OLD, **cells: Any) -> Institution:
    """Make a school that closed."""
    return school(urn, status=EstablishmentStatus.CLOSED, close_date=DAY, **cells)


def link(old: int, new: int, kind: str = "Successor", day: date | None = DAY) -> SuccessorLink:
    """Make a link of the register."""
    return SuccessorLink(predecessor=old, successor=new, kind=kind, day=day)


def standing(
    urn: int = OLD,
    state: State = State.APPROVED,
    *,
    level: AccessLevel = AccessLevel.MIS_DATA,
    version: int = 2,
) -> Agreement:
    """Make an agreement of the trust that has a history."""
    return attrs.evolve(made.agreement(urn, state, level=level), version=version)


def facts(
    *schools: Institution,
    links: Iterable[SuccessorLink] = (),
    urns: Iterable[int] = (OLD,),
    by: Group | None = None,
    names_group: bool = True,
    told_day: date | None = DAY,
) -> RegisterFacts:
    """Make what a register says."""
    who = by or made.group()
    return RegisterFacts(
        group=who,
        names_group=names_group,
        told_day=told_day,
        linked=frozenset(one.urn for one in schools if link_with(one, who.id)),
        urns=frozenset(urns),
        institutions={one.urn: one for one in schools},
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
) -> Plan:
    """Make a plan."""
    urns = [one.urn for one in agreements]
    return plan(
        facts(*schools, links=links, urns=urns, by=by, names_group=names_group),
        agreements=agreements,
        policy=policy or Policy.for_kind((by or made.group()).id.kind),
        day=day,
        register_day=DAY,
        seen_before=seen_before,
        names_before=names_before,
    )


def against(
    given: Plan,
    view: RegisterFacts,
    *agreements: Agreement,
    whole: RegisterFacts | None = None,
    last_register: date | None = None,
    confirmed: bool = False,
) -> dict[RefusalCode, str]:
    """Tell what speaks against applying a plan, in words by code."""
    present = Present(facts=whole or view, agreements=agreements, policy=Policy.mat(), day=DAY)
    reasons = why_not_applied(given, view, present, last_register=last_register, confirmed=confirmed)
    return {one.code: str(one) for one in reasons}
