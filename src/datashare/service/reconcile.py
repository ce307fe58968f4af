"""How a register is reconciled with a group's agreements: facts are gathered, a plan is made, a person applies it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.agreements import (
    Actor,
    AgreementId,
    Batch,
    EndAgreement,
    Planned,
    Reason,
    RecordVisibility,
    RefusalCode,
    SystemActor,
)
from datashare.domain.instants import day_words, london_day, to_optional_day
from datashare.domain.people import Permission
from datashare.domain.reconciliation import (
    Plan,
    PlannedEnd,
    Present,
    RegisterFacts,
    leads_on,
    plan,
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
    """What became of a plan, school by school (E4).

    Attributes:
        ended: The schools that the plan ends, those that were left out apart.
        recorded: The other schools, and what the register shows of them (E6); where an earlier call with the same
            command id was repeated after another register had been put in place, what that call recorded.
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
    there = host.institutions if newer is None else newer
    facts = _as_it_was_called(host, gathered(there, group, {one.urn for one in agreements}))
    seen_before = None if newer is None else _seen_now(host, group, today)
    if not (facts.names_group or agreements or seen_before):
        raise UnknownGroup(group)
    day = _day_of(facts, register_day, today)
    last = host.store.last_register(group)
    reasons = why_no_plan(facts, register_day=day, last_register=last, seen_before=seen_before)
    if reasons:
        raise Refused(reasons)
    return plan(
        facts,
        agreements=agreements,
        policy=policy,
        day=today,
        register_day=day,
        seen_before=seen_before,
        names_before=None if newer is None else _names_now(host, facts),
    )


def _as_it_was_called(host: Host, facts: RegisterFacts) -> RegisterFacts:
    """Give a group that a newer register does not name the name that it has in the one in place."""
    known = None if facts.names_group else host.institutions.group(facts.group.id)
    return attrs.evolve(facts, group=attrs.evolve(facts.group, name=known.name)) if known else facts


def _day_of(facts: RegisterFacts, given: date | None, today: date) -> date:
    day = to_optional_day(given) or facts.told_day
    if day is None:
        raise InvalidValue("register_day", None, "given, since the directory of institutions does not tell it")
    if day > today:
        raise InvalidValue("register_day", day, "no later than today")
    return day


def _seen_now(host: Host, group: GroupId, today: date) -> frozenset[int]:
    known, linked = host.institutions.group(group) or gone(group), host.institutions.linked(group)
    return frozenset(one.urn for one in visible_institutions(linked, group=known, policy=host.policy(group), day=today))


def _names_now(host: Host, facts: RegisterFacts) -> dict[int, str]:
    """Name what a newer register does not know as the one in place does."""
    told_of = facts.urns | {link.successor for link in facts.links}
    return {urn: one.name for urn, one in host.institutions.institutions(told_of - facts.institutions.keys()).items()}


def gathered(register: InstitutionDirectory, group: GroupId, urns: Collection[int]) -> RegisterFacts:
    """Read what a register says of a group and of the schools of its agreements.

    Cost: four calls, and two more for each generation of successors, however many schools there are.
    """
    named, linked = register.group(group), register.linked(group)
    known = {one.urn: one for one in linked}
    known |= register.institutions(set(urns) - known.keys())
    return RegisterFacts(
        group=named or gone(group),
        names_group=named is not None,
        told_day=register.register_day(),
        linked=frozenset(one.urn for one in linked),
        urns=frozenset(urns),
        links=_followed(register, frozenset(urns), known),
        institutions=known,
    )


def _followed(
    register: InstitutionDirectory, urns: frozenset[int], known: dict[int, Institution]
) -> Collection[SuccessorLink]:
    """Follow the links from *urns*, through what is closed itself; adds the successors to *known* (E5)."""
    links: dict[SuccessorLink, None] = {}
    seen: set[int] = set()
    wave = set(urns)
    while wave:
        seen |= wave
        found = register.successors(wave)
        links |= dict.fromkeys(found)
        reached = {link.successor for link in found}
        known |= register.institutions(reached - known.keys() - urns)
        # The links of a successor that stands are read too, for they may lead back, and are followed no further.
        onward = {link.successor for link in found if link.predecessor in urns or leads_on(known.get(link.predecessor))}
        wave = onward - seen
    return tuple(links)


@attrs.frozen(kw_only=True)
class Application:
    """One plan under way: by whom, and under which command id."""

    host: Host
    plan: Plan
    actor: Actor
    command_id: str
    note: str

    def applied(
        self, group: GroupId, *, confirmed: bool, urns: Iterable[int] | None, progress: ProgressCallback | None
    ) -> PlanApplication:
        """Apply it; see `GroupSide.apply`."""
        validation.require_a(self.plan, Plan, "plan", "a Plan, as reconcile gives it")
        validation.require_text(self.note, "note", blank=True)
        validation.require_a(confirmed, bool, "confirmed", "True or False")
        batch = self._batch(group, urns)
        self._require_person(group)
        reasons = self._why_not(group, confirmed=confirmed)
        recorded = self._recorded_before(group)
        if reasons and not self._was_done(batch, recorded):
            raise Refused(reasons)
        if recorded:  # K4: the id of another plan is refused before anything ends
            self._record(group, recorded, preview=True)
        ended = run(self.host, batch, progress=progress) if batch.commands else Outcomes(())
        if any(reason.code is not RefusalCode.CONFIRMATION_NEEDED for reason in reasons):
            return PlanApplication(ended=ended, recorded=self._record(group, recorded, progress=progress))
        standing = {one.urn for one in self.host.store.states(group) if one.stands}
        outcomes = self._record(group, standing | recorded, progress=progress)
        self.host.store.note_register(group, self.plan.register_day)  # also where nothing stands any more
        return PlanApplication(ended=ended, recorded=outcomes)

    def _why_not(self, group: GroupId, *, confirmed: bool) -> tuple[Reason, ...]:
        """Give every reason to apply nothing, from what the register and the store say now (E2-E4)."""
        host, there = self.host, self.host.institutions
        agreements = host.store.states(group)
        facts = gathered(there, group, self.plan.looked_at)
        urns = {one.urn for one in agreements}
        present = Present(
            facts=facts if urns == facts.urns else gathered(there, group, urns),
            agreements=agreements,
            policy=host.policy(group),
            day=london_day(host.now()),
        )
        last = host.store.last_register(group)
        return why_not_applied(self.plan, facts, present, last_register=last, confirmed=confirmed)

    def _batch(self, group: GroupId, urns: Iterable[int] | None) -> Batch:
        if self.plan.group != group:
            raise InvalidValue("plan", str(self.plan.group), f"a plan of {group}")
        today = london_day(self.host.now())
        if self.plan.register_day > today:
            raise InvalidValue("plan", self.plan.register_day, "of a register that is no later than today")
        commands = {one.urn: self._command(one) for one in self.plan.to_end}
        chosen = commands if urns is None else dict.fromkeys(validation.require_urns(urns, "urns"))
        strangers = [urn for urn in chosen if urn not in commands]
        if strangers:
            raise InvalidValue("urns", strangers[0], "schools whose agreement or request the plan ends")
        named = [commands[urn] for urn in chosen]
        return Batch(group=group, actor=self.actor, command_id=self.command_id, commands=named)

    def _command(self, one: PlannedEnd) -> EndAgreement:
        shown = f"The register of {day_words(self.plan.register_day)} shows: {one.why}."
        planned = Planned(plan=self.plan.digest, version=one.version)
        return EndAgreement(urn=one.urn, cause=one.cause, note=self.note.strip() or shown, planned=planned)

    def _require_person(self, group: GroupId) -> None:
        """Refuse whoever may not, before anything else is looked at (K2, E2)."""
        host, policy = self.host, self.host.policy(group)
        wanted, day = (Permission.APPLY_REGISTER,), london_day(host.now())
        require_any(host.person(self.actor), wanted, who=self.actor, site=group, policy=policy, day=day)

    def _was_done(self, batch: Batch, recorded: Collection[int]) -> bool:
        """Tell whether all of it was done under this command id before, whatever has moved since (K4).

        Where nothing was to end, the record alone tells; what neither ended nor recorded anything left no trace.
        """
        wanted = {batch.agreement_of(command) for command in batch.commands}
        if not wanted:
            return bool(recorded)
        loaded = self.host.store.load(wanted, command_id=batch.command_id)
        return wanted <= {one.agreement for one in loaded.outcomes}

    def _recorded_before(self, group: GroupId) -> set[int]:
        """Find of which schools a loss or a return was recorded under this command id before (K4)."""
        ids = {AgreementId(group, urn) for urn in self.plan.looked_at}
        return {one.agreement.urn for one in self.host.store.load(ids, command_id=_beside(self.command_id)).outcomes}

    def _record(
        self,
        group: GroupId,
        urns: Collection[int],
        *,
        preview: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Outcomes:
        """Record of schools whether the group sees them, or answer what was recorded (E6, K4)."""
        day = self.plan.register_day
        commands = [RecordVisibility(urn=urn, register_day=day) for urn in sorted(urns)]
        batch = Batch(group=group, actor=self.actor, command_id=_beside(self.command_id), commands=commands)
        return run(self.host, batch, kind=RecordVisibility, preview=preview, register_checked=True, progress=progress)


def _beside(command_id: str) -> str:
    """Derive the command id of the record, so that a repetition is one of both (K4)."""
    return hashlib.sha256(f"{command_id}\nrecorded".encode()).hexdigest()[:32]
