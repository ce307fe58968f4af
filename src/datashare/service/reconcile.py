"""Reconcile a register with a group's agreements: gather the facts, make a plan, apply it for a person (rules E)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.agreements import (
    Agreement,
    AgreementEnded,
    AgreementId,
    Batch,
    EndAgreement,
    EndCause,
    Event,
    Planned,
    Reason,
    RecordVisibility,
    RefusalCode,
    SystemActor,
    fold,
    granted,
)
from datashare.domain.agreements.authorise import shrunk_register, why_not
from datashare.domain.instants import day_words, to_optional_day
from datashare.domain.people import Permission
from datashare.domain.reconciliation import (
    CONFIRM_ABOVE,
    Comparison,
    FormerGroup,
    GroupFacts,
    Plan,
    moved_together,
    why_no_plan,
)
from datashare.domain.register import GroupId, GroupKind, Institution
from datashare.domain.visibility import other_groups, visible_institutions
from datashare.errors import InvalidInput, Refused, UnknownGroup
from datashare.ports import InstitutionDirectory, ProgressCallback, readable

from .actions import GroupActions
from .checked import CheckedInstitutions
from .execute import run
from .history import record_of
from .host import Host, by_school
from .outcomes import Outcomes
from .register import against_planned_ends, gather_facts


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


class GroupReconciliation(GroupActions[Outcomes]):
    """The part of a group's side that compares its agreements with a register (rules E)."""

    def reconcile(self, register: InstitutionDirectory | None = None, *, register_day: date | None = None) -> Plan:
        """Return what a register means for the group's agreements, as a plan that does nothing (E2, E5).

        It needs `Permission.APPLY_REGISTER` or a permission to read; a named system may do it too. Only a person with
        `Permission.APPLY_REGISTER` is shown which group schools came from together, and at which level (E8).

        Cost: a constant number of port calls, two for each generation of successors, and at most four for each group
        that schools were in before, if they are shown; one of these reads that group's history, if agreements ended.

        Args:
            register: A newer register that is not in place yet. The plan compares it with the register in place, which
                also names the schools that the newer one does not know. Without it, the plan is made from the register
                in place, and lists no schools that joined.
            register_day: The register's day in Europe/London, where the directory does not know it. Where it knows
                one, another day is refused.

        Raises:
            NotPermitted: The actor may not see it.
            Refused: The register holds nothing of the group, lacks much of what the one in place has, is of another
                day than the caller says, or is older than the last one applied to the group (E3).
            InvalidValue: The register is not a directory of institutions, or its day is unknown or in the future.
            UnknownGroup: No register and no agreement knows the group.
            StoreError: The store could not do its work.
        """
        host, group, actor = self._host, self.group, self.actor
        if register is not None:
            validation.require_port(register, InstitutionDirectory, "register")
        newer = None if register is None else CheckedInstitutions(register)
        if register is host.institutions.directory:
            newer = None
        today, policy = host.today(), host.policy(group)
        applying = [Permission.APPLY_REGISTER]
        may_apply = not why_not(actor, host.person(actor), applying, home=group, policy=policy, day=today)
        if not (may_apply or isinstance(actor, SystemActor)):  # E2: a refresh yields a plan, whoever runs it
            permissions = (*policy.readers, *applying)
            host.require_any(actor, permissions, group=group, policy=policy, day=today)
        states = host.store.states(group)
        agreements, unreadable = by_school(states)
        facts = gather_facts(host.institutions if newer is None else newer, group, agreements.keys() | unreadable)
        seen_before: frozenset[int] | None = None
        earlier: Mapping[int, Institution] = {}
        shrunk: Reason | None = None
        if newer is not None:
            known, linked = host.group_or_gone(group), host.institutions.linked(group)
            if not facts.names_group:  # it keeps the name that it has, or had, in the register in place
                facts = attrs.evolve(facts, group=attrs.evolve(facts.group, name=known.name))
            visible = visible_institutions(linked, group=known, policy=policy, day=today)
            seen_before = frozenset(school.urn for school in visible)
            named = facts.urns | facts.linked | {link.successor for link in facts.links}
            earlier = host.institutions.institutions(named)
            held = {school.urn: school.status for school in (*linked, *earlier.values())}
            present = facts.institutions.keys() | newer.institutions(held.keys() - facts.institutions.keys()).keys()
            percent = policy.most_gone_percent
            shrunk = shrunk_register(held, present, most_gone_percent=percent, always=CONFIRM_ABOVE)
        if not (facts.names_group or states or seen_before):
            raise UnknownGroup(group)
        day = to_optional_day(register_day, "register_day") or facts.register_day
        if day is None:
            raise InvalidInput("register_day", None, "given, since the directory of institutions does not know it")
        if day > today:
            raise InvalidInput("register_day", day, "no later than today")
        last = host.last_register(group)
        reasons = why_no_plan(facts, register_day=day, last_register=last, seen_before=seen_before, shrunk=shrunk)
        if reasons:
            raise Refused(reasons)
        comparison = Comparison(
            facts=facts,
            agreements=agreements,
            policy=policy,
            day=today,
            register_day=day,
            names={urn: school.name for urn, school in earlier.items()},
            before=_moved_here(host, newer or host.institutions, facts, earlier) if may_apply else {},
            unreadable=unreadable,
        )
        return comparison.plan(seen_before)

    def apply(
        self,
        plan: Plan,
        *,
        command_id: str,
        note: str = "",
        confirmed: bool = False,
        urns: Iterable[int] | None = None,
        progress: ProgressCallback | None = None,
    ) -> PlanApplication:
        """Apply a plan: end what it ends, then record for all other schools what the register shows (E2-E4, E6).

        It needs a person with `Permission.APPLY_REGISTER`, and the register that the plan was made from must be in
        place. Both sides are notified of each end. If an agreement changed since the plan was made, its outcome is a
        `CONFLICT`, and the others go through. A repetition with the same command id does what is left to do.
        The plan's own claims are not trusted: every cause, and how much would end, is derived again from the register
        in place and from the agreements.

        Args:
            plan: The plan, as `reconcile` returned it.
            command_id: The caller's id for this action (K4).
            note: Why, in words, for the history and the notices; by default, what the register shows.
            confirmed: Whether a person confirmed it, as `Plan.needs_confirmation` may demand. What counts is all that
                the register would end now, not only *urns* (E3).
            urns: End only these of the schools that the plan ends; the others need a new plan.
            progress: As for the other actions: first for the ends, then for the record.

        Raises:
            NotPermitted: The actor may not, or is a system.
            Refused: The register in place is a different one, is older, knows none of the group's schools or does not
                show a cause that the plan names; or the plan must be confirmed. Nothing happened.
            InvalidValue: The plan is for another group, dated in the future, or does not end one of *urns*.
            StoreError: The store could not do its work; repeat with the same command id.
        """
        host, group, actor = self._host, self.group, self.actor
        validation.require_a(plan, Plan, "plan", "a Plan, as reconcile returns it")
        validation.require_text(note, "note", blank=True)
        validation.require_a(confirmed, bool, "confirmed", "True or False")
        today, policy = host.today(), host.policy(group)
        if plan.group != group:
            raise InvalidInput("plan", str(plan.group), f"a plan of {group}")
        if plan.register_day > today:
            raise InvalidInput("plan", plan.register_day, "of a register that is no later than today")
        ends = Batch(group=group, actor=actor, command_id=command_id, commands=_ends(plan, note, urns))
        # K2, E2: before anything else is looked at
        host.require_any(
            actor, [Permission.APPLY_REGISTER], group=group, policy=policy, day=today, action="apply a register"
        )

        day, causes = plan.register_day, {end.urn: end.cause for end in plan.to_end}
        reasons = against_planned_ends(
            host, group, causes, {plan.digest}, looked_at=plan.looked_at, register_day=day, confirmed=confirmed
        )

        # The record has a command id derived from that of the ends, so that a repetition repeats both (K4).
        record_id = hashlib.sha256(f"{command_id}\nrecorded".encode()).hexdigest()[:32]
        looked_at = {AgreementId(group, urn) for urn in plan.looked_at}
        recorded = {outcome.agreement.urn for outcome in host.store.load(looked_at, command_id=record_id).outcomes}
        if reasons and not _was_done(host, ends, recorded):
            raise Refused(reasons)

        def record(urns: Collection[int], *, preview: bool = False) -> Outcomes:
            """Record whether the group sees these schools, or answer what was recorded before (E6, K4)."""
            commands = [RecordVisibility(urn=urn, register_day=day) for urn in sorted(urns)]
            batch = Batch(group=group, actor=actor, command_id=record_id, commands=commands)
            report = None if preview else progress
            return run(host, batch, kind=RecordVisibility, preview=preview, register_checked=True, progress=report)

        if recorded:  # K4: the id of another plan is refused before anything ends
            record(recorded, preview=True)
        ended = run(host, ends, register_checked=True, progress=progress) if ends.commands else Outcomes(())
        if any(reason.code is not RefusalCode.CONFIRMATION_NEEDED for reason in reasons):
            return PlanApplication(ended=ended, recorded=record(recorded))
        standing = {agreement.urn for agreement in readable(host.store.states(group)) if agreement.stands}
        outcomes = record(standing | recorded)
        host.store.note_register(group, day)  # also if nothing stands any more
        return PlanApplication(ended=ended, recorded=outcomes)


def _moved_here(
    host: Host, register: InstitutionDirectory, facts: GroupFacts, earlier: Mapping[int, Institution]
) -> dict[int, FormerGroup]:
    """Find the schools that moved to the group together, each with the group before and the level that it had (E8).

    The group learns of another group's agreements only here: which level that group had, at a school that it sees
    itself, that the other group no longer has, and that moved together with others that had agreements there too.

    Cost: at most four calls for each group that schools of *facts* were in before.

    Args:
        host: The host's ports.
        register: The register that the plan is made from.
        facts: What that register says about the group.
        earlier: The schools as an older register had them, as far as that is known.
    """
    moved_from: dict[GroupId, list[Institution]] = {}
    for urn in facts.linked:
        school = facts.institutions[urn]
        formers = other_groups(earlier[urn], facts.group.id) - school.groups if urn in earlier else frozenset()
        if not formers and school.former_authority and facts.group.id.kind is GroupKind.LOCAL_AUTHORITY:
            formers = frozenset({GroupId.local_authority(school.former_authority.code)}) - school.groups
        for former in formers:
            moved_from.setdefault(former, []).append(school)
    before: dict[int, FormerGroup] = {}
    for former, schools in sorted(moved_from.items()):
        agreements, unreadable = by_school(host.store.states(former))
        there = [school for school in schools if school.urn in agreements.keys() | unreadable]
        if there:
            group, policy = host.group_or_gone(former), host.policy_or_none(former)
            moved = moved_together(there, former, left_behind=register.linked(former))
            last = _as_they_stood(host, [agreements[urn] for urn in moved & agreements.keys()])
            for urn in sorted(moved):
                held, in_place = last.get(urn), earlier.get(urn)
                level = held.level if held and not held.lapsed else None
                if held and held == agreements[urn] and in_place and former in in_place.groups:
                    # It has not moved yet, so an absence that lasts is an older one.
                    level = granted(held, visible=True, policy=policy, day=host.today()) if policy else None
                before[urn] = FormerGroup(
                    group=former,
                    name=group.name,
                    level=level,
                    level_label=host.policy(facts.group.id).label(level) if level else "",
                    unreadable=held is None,
                )
    return before


def _as_they_stood(host: Host, agreements: Iterable[Agreement]) -> dict[int, Agreement]:
    """Return agreements of one group by URN; those that ended because it was reorganised, as they stood before (E8).

    One that does not stand, and whose history cannot be read, is left out.

    Cost: one history of the group, if any of them does not stand.
    """
    last = {agreement.urn: agreement for agreement in agreements}
    ended = {agreement.id for agreement in last.values() if not agreement.stands}
    histories: dict[AgreementId, list[Event]] = {agreement: [] for agreement in ended}
    for event in record_of(host, ended):
        histories[event.agreement].append(event)
    for agreement, events in histories.items():
        if not events:
            del last[agreement.urn]
        elif isinstance(events[-1], AgreementEnded) and events[-1].cause is EndCause.GROUP_REORGANISED:
            last[agreement.urn] = fold(agreement, events[:-1])
    return last


def _ends(planned: Plan, note: str, urns: Iterable[int] | None) -> list[EndAgreement]:
    """Return the commands that end what the plan ends, or of that only some schools."""
    ends = {end.urn: end for end in planned.to_end}
    chosen = ends if urns is None else dict.fromkeys(validation.require_urns(urns, "urns"))
    strangers = [urn for urn in chosen if urn not in ends]
    if strangers:
        raise InvalidInput("urns", strangers[0], "schools whose agreement or request the plan ends")
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
    outcomes = host.store.load(wanted, command_id=ends.command_id).outcomes
    return wanted <= {outcome.agreement for outcome in outcomes}
