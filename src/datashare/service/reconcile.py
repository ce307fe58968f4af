"""Reconciles a register with a group's agreements: gathers the facts, makes a plan, and applies it for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date
from functools import partial

import attrs

from datashare.domain import validation
from datashare.domain.agreements import (
    Actor,
    AgreementId,
    Batch,
    EndAgreement,
    Planned,
    RecordVisibility,
    RefusalCode,
    SystemActor,
)
from datashare.domain.instants import day_words, london_day, to_optional_day
from datashare.domain.people import Permission
from datashare.domain.reconciliation import (
    Comparison,
    GroupFacts,
    Plan,
    leads_on,
    why_no_plan,
    why_not_applied,
)
from datashare.domain.register import GroupId, Institution, SuccessorLink
from datashare.domain.visibility import visible_institutions
from datashare.errors import InvalidValue, Refused, UnknownGroup
from datashare.ports import InstitutionDirectory, ProgressCallback

from .execute import run
from .host import Host, gone, require_any, require_port
from .outcomes import Outcomes


@attrs.frozen(kw_only=True)
class PlanApplication:
    """The outcome of applying a plan, school by school (E4).

    Attributes:
        ended: The schools that the plan ends, without those that were left out.
        recorded: The other schools, and what the register shows of them (E6). If an earlier call with the same command
            id was repeated after another register had been put in place, what that call recorded.
    """

    ended: Outcomes
    recorded: Outcomes


def reconcile(
    host: Host, group: GroupId, actor: Actor, register: InstitutionDirectory | None, register_day: date | None
) -> Plan:
    """Make a plan of *register*, or of the register in place; see `GroupSide.reconcile`."""
    if register is not None:
        require_port(register, InstitutionDirectory, "register")
    newer = None if register is host.institutions else register
    today, policy = london_day(host.now()), host.policy(group)
    if not isinstance(actor, SystemActor):  # E2: a refresh yields a plan, whoever runs it
        permissions = (*policy.readers, Permission.APPLY_REGISTER)
        require_any(host.person(actor), permissions, who=actor, site=group, policy=policy, day=today)
    agreements = host.store.states(group)
    facts = gather_facts(newer or host.institutions, group, {agreement.urn for agreement in agreements})
    in_place = None if facts.names_group else host.institutions.group(group)
    if in_place:  # it keeps the name that it has in the register in place
        facts = attrs.evolve(facts, group=attrs.evolve(facts.group, name=in_place.name))
    seen_before = None if newer is None else _seen_now(host, group, today)
    if not (facts.names_group or agreements or seen_before):
        raise UnknownGroup(group)
    day = to_optional_day(register_day) or facts.register_day
    if day is None:
        raise InvalidValue("register_day", None, "given, since the directory of institutions does not know it")
    if day > today:
        raise InvalidValue("register_day", day, "no later than today")
    last = host.store.last_register(group)
    reasons = why_no_plan(facts, register_day=day, last_register=last, seen_before=seen_before)
    if reasons:
        raise Refused(reasons)
    comparison = Comparison(
        facts=facts,
        agreements={agreement.urn: agreement for agreement in agreements},
        policy=policy,
        day=today,
        register_day=day,
        names={} if newer is None else _names_now(host, facts),
    )
    return comparison.plan(seen_before)


def _seen_now(host: Host, group: GroupId, today: date) -> frozenset[int]:
    known, linked = host.institutions.group(group) or gone(group), host.institutions.linked(group)
    visible = visible_institutions(linked, group=known, policy=host.policy(group), day=today)
    return frozenset(school.urn for school in visible)


def _names_now(host: Host, facts: GroupFacts) -> dict[int, str]:
    """Return what the register in place calls the schools that a newer one does not hold."""
    urns = facts.urns | {link.successor for link in facts.links}
    schools = host.institutions.institutions(urns - facts.institutions.keys())
    return {urn: school.name for urn, school in schools.items()}


def gather_facts(register: InstitutionDirectory, group: GroupId, urns: Collection[int]) -> GroupFacts:
    """Read what a register says about a group and the schools of its agreements.

    Cost: four calls, and two more for each generation of successors, however many schools there are.
    """
    named, linked = register.group(group), register.linked(group)
    schools = {school.urn: school for school in linked}
    schools |= register.institutions(set(urns) - schools.keys())
    return GroupFacts(
        group=named or gone(group),
        names_group=named is not None,
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


def apply(
    host: Host,
    planned: Plan,
    *,
    group: GroupId,
    actor: Actor,
    command_id: str,
    note: str,
    confirmed: bool,
    urns: Iterable[int] | None,
    progress: ProgressCallback | None,
) -> PlanApplication:
    """Apply a plan; see `GroupSide.apply`."""
    validation.require_a(planned, Plan, "plan", "a Plan, as reconcile returns it")
    validation.require_text(note, "note", blank=True)
    validation.require_a(confirmed, bool, "confirmed", "True or False")
    today, policy = london_day(host.now()), host.policy(group)
    if planned.group != group:
        raise InvalidValue("plan", str(planned.group), f"a plan of {group}")
    if planned.register_day > today:
        raise InvalidValue("plan", planned.register_day, "of a register that is no later than today")
    ends = Batch(group=group, actor=actor, command_id=command_id, commands=_ends(planned, note, urns))
    permissions = (Permission.APPLY_REGISTER,)  # K2, E2: before anything else is looked at
    require_any(host.person(actor), permissions, who=actor, site=group, policy=policy, day=today)

    own = {agreement.urn: agreement for agreement in host.store.states(group)}
    facts = gather_facts(host.institutions, group, planned.looked_at)
    whole = facts if own.keys() == facts.urns else gather_facts(host.institutions, group, own)
    day = planned.register_day
    present = Comparison(facts=whole, agreements=own, policy=policy, day=today, register_day=day)
    last = host.store.last_register(group)
    reasons = why_not_applied(planned, facts, present, last_register=last, confirmed=confirmed)

    # The record has a command id derived from that of the ends, so that a repetition repeats both (K4).
    record_id = hashlib.sha256(f"{command_id}\nrecorded".encode()).hexdigest()[:32]
    looked_at = {AgreementId(group, urn) for urn in planned.looked_at}
    recorded = {kept.agreement.urn for kept in host.store.load(looked_at, command_id=record_id).outcomes}
    if reasons and not _was_done(host, ends, recorded):
        raise Refused(reasons)
    empty = Batch(group=group, actor=actor, command_id=record_id, commands=())
    record = partial(_record, host, empty, day)
    if recorded:  # K4: the id of another plan is refused before anything ends
        record(recorded, preview=True)
    ended = run(host, ends, progress=progress) if ends.commands else Outcomes(())
    if any(reason.code is not RefusalCode.CONFIRMATION_NEEDED for reason in reasons):
        return PlanApplication(ended=ended, recorded=record(recorded, progress=progress))
    standing = {agreement.urn for agreement in host.store.states(group) if agreement.stands}
    outcomes = record(standing | recorded, progress=progress)
    host.store.note_register(group, day)  # also if nothing stands any more
    return PlanApplication(ended=ended, recorded=outcomes)


def _ends(planned: Plan, note: str, urns: Iterable[int] | None) -> list[EndAgreement]:
    """Return the commands that end what the plan ends, or of that only some schools."""
    ends = {end.urn: end for end in planned.to_end}
    chosen = ends if urns is None else dict.fromkeys(validation.require_urns(urns, "urns"))
    strangers = [urn for urn in chosen if urn not in ends]
    if strangers:
        raise InvalidValue("urns", strangers[0], "schools whose agreement or request the plan ends")
    day = day_words(planned.register_day)
    return [
        EndAgreement(
            urn=urn,
            cause=ends[urn].cause,
            note=note.strip() or f"The register of {day} shows: {ends[urn].why}.",
            planned=Planned(plan=planned.digest, version=ends[urn].version),
        )
        for urn in chosen
    ]


def _was_done(host: Host, ends: Batch, recorded: Collection[int]) -> bool:
    """Return whether all of it was done under this command id before, whatever has changed since (K4).

    If nothing was to end, the record decides; a plan that neither ended nor recorded anything left no trace.
    """
    wanted = {ends.agreement_of(command) for command in ends.commands}
    if not wanted:
        return bool(recorded)
    return wanted <= {kept.agreement for kept in host.store.load(wanted, command_id=ends.command_id).outcomes}


def _record(
    host: Host,
    empty: Batch,
    register_day: date,
    urns: Collection[int],
    *,
    preview: bool = False,
    progress: ProgressCallback | None = None,
) -> Outcomes:
    """Record of schools whether the group sees them, or answer what was recorded (E6, K4)."""
    commands = tuple(RecordVisibility(urn=urn, register_day=register_day) for urn in sorted(urns))
    batch = attrs.evolve(empty, commands=commands)
    return run(host, batch, kind=RecordVisibility, preview=preview, register_checked=True, progress=progress)
