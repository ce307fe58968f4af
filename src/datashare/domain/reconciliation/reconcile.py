"""Pure: builds a plan of what a register shows, and says why one cannot be made or applied (rules E2-E5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cached_property
from typing import TypeVar

import attrs

from datashare.domain.agreements import Agreement, AgreementId, EndCause, Reason, RefusalCode
from datashare.domain.agreements.authorise import different_register, older_register
from datashare.domain.agreements.refusals import in_order
from datashare.domain.instants import day_words
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy, stale_for
from datashare.domain.register import EstablishmentStatus
from datashare.domain.text import folded, named, named_school
from datashare.domain.visibility import HiddenBecause, HiddenReason, Visibility, visibility

from .facts import GroupFacts
from .plan import (
    Doubt,
    FormerGroup,
    NewSchool,
    Plan,
    PlannedEnd,
    RenamedSchool,
    Successor,
    Uncertainty,
    Unclear,
    cause_words,
)
from .successors import Links, Path

_Part = TypeVar("_Part", PlannedEnd, NewSchool, Successor, Unclear, RenamedSchool)

_UNCERTAIN: Mapping[HiddenBecause, Uncertainty] = {
    HiddenBecause.GROUP_CLOSED: Uncertainty.GROUP_GONE,
    HiddenBecause.UNKNOWN_URN: Uncertainty.URN_GONE,
    HiddenBecause.UNKNOWN_STATUS: Uncertainty.UNKNOWN_STATUS,
    HiddenBecause.DUE_TO_OPEN: Uncertainty.DUE_TO_OPEN,
    HiddenBecause.JOINS_LATER: Uncertainty.JOINS_LATER,
    HiddenBecause.PROPOSED_TO_CLOSE: Uncertainty.LEFT_OUT_BY_POLICY,
    HiddenBecause.TYPE_LEFT_OUT: Uncertainty.LEFT_OUT_BY_POLICY,
}


@attrs.frozen(kw_only=True)
class Comparison:
    """A register and the agreements of a group, side by side.

    Attributes:
        facts: What the register says about all agreements of the group.
        agreements: Every agreement of the group that has a history and can be read, by URN.
        policy: The group's choices.
        day: The present day, in Europe/London; it decides what the group sees.
        register_day: The register's day, in Europe/London.
        names: What schools were called in an older register.
        before: The group that each school moved from together with others, if whoever the plan is for may know it (E8).
        unreadable: The URNs of the agreements that cannot be read (T6).
    """

    facts: GroupFacts
    agreements: Mapping[int, Agreement]
    policy: Policy
    day: date
    register_day: date
    names: Mapping[int, str] = attrs.field(factory=dict)
    before: Mapping[int, FormerGroup] = attrs.field(factory=dict)
    unreadable: AbstractSet[int] = frozenset()
    _seen: dict[int, Visibility] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @cached_property
    def links(self) -> Links:
        """The links of the register, ready to be followed."""
        return Links(facts=self.facts, register_day=self.register_day)

    def plan(self, seen_before: AbstractSet[int] | None = None) -> Plan:
        """Build the plan of what the register means for the group's agreements (E2, E5).

        An agreement would end only if the register shows clearly that it is over: the group closed or was reorganised,
        the school closed, or the register knows the school and links it with another group or with no group.
        Everything else is unclear and left as it is. That includes a URN that is gone, since the register deletes none,
        and an agreement that cannot be read (T6).

        Cost: one pass over the agreements, the schools and the links.

        Args:
            seen_before: The URNs that the group saw in an older register. If that is not known, nobody can know which
                schools joined, and all that have no agreement are listed.
        """
        standing = [agreement for agreement in self.agreements.values() if agreement.stands]
        causes = {agreement.urn: self.cause(agreement.urn) for agreement in standing}
        ends = [self._end(agreement, cause) for agreement in standing if (cause := causes[agreement.urn])]
        unclear = [self._unclear(agreement) for agreement in standing if not causes[agreement.urn]]
        unclear += [self._unreadable(urn) for urn in self.unreadable]
        successors = self._successors()
        asked = {successor.urn for successor in successors if successor.proposed}
        known = asked | self.unreadable | {agreement.urn for agreement in standing}
        new = self.facts.linked - known - (seen_before or set())
        return Plan(
            group=self.facts.group.id,
            group_name=self.facts.group.name,
            register_day=self.register_day,
            digest=self.facts.digest,
            standing=len(standing),
            in_force=sum(agreement.level is not None for agreement in standing),
            looked_at=tuple(sorted(self.facts.urns)),
            ends=_by_name(end for end in ends if end.level),
            closes=_by_name(end for end in ends if not end.level),
            compared=seen_before is not None,
            joined=_by_name(self._new(urn) for urn in new if self._see(urn).visible),
            successors=_by_name(successors),
            unclear=_by_name(filter(None, unclear)),
            renamed=_by_name(filter(None, (self._renamed(agreement.urn) for agreement in standing))),
            stale_for=stale_for(self.register_day, policy=self.policy, day=self.day),
        )

    def _see(self, urn: int) -> Visibility:
        seen = self._seen.get(urn)
        if seen is None:
            school = self.facts.institutions.get(urn)
            seen = visibility(urn, school, group=self.facts.group, policy=self.policy, day=self.day)
            self._seen[urn] = seen
        return seen

    def _name(self, urn: int) -> str:
        school = self.facts.institutions.get(urn)
        return school.name if school else self.names.get(urn, f"URN {urn}")

    def _renamed(self, urn: int) -> RenamedSchool | None:
        name, before = self._name(urn), self.names.get(urn)
        return RenamedSchool(urn=urn, name=name, before=before) if before not in {None, name} else None

    def _new(self, urn: int) -> NewSchool:
        former = self.before.get(urn)
        level = self._suggested([former.level] if former and former.level else [])
        return NewSchool(urn=urn, name=self._name(urn), before=former, level=level, level_label=self._label(level))

    def _label(self, level: AccessLevel | None) -> str:
        return self.policy.label(level) if level else ""

    def cause(self, urn: int) -> EndCause | None:
        """Return why an agreement would end, if the register shows it clearly; other reasons do not obscure it."""
        if urn in self.facts.moved:  # E8: although the group may have closed
            return EndCause.GROUP_REORGANISED
        because = {reason.because for reason in self._see(urn).reasons}
        if HiddenBecause.GROUP_CLOSED in because and self.facts.names_group:
            return EndCause.GROUP_CLOSED
        if HiddenBecause.CLOSED in because:
            return EndCause.SUCCEEDED if self.links.succeeded(urn) else EndCause.SCHOOL_CLOSED
        return EndCause.SCHOOL_LEFT_GROUP if HiddenBecause.NOT_LINKED in because else None

    def _why(self, reasons: Iterable[HiddenReason]) -> str:
        words = (
            "the register does not name the group"
            if reason.because is HiddenBecause.GROUP_CLOSED and not self.facts.names_group
            else str(reason)
            for reason in reasons
        )
        return "; ".join(words)

    def _end(self, agreement: Agreement, cause: EndCause) -> PlannedEnd:
        return PlannedEnd(
            urn=agreement.urn,
            name=self._name(agreement.urn),
            version=agreement.version,
            cause=cause,
            why=self._why(self._see(agreement.urn).reasons),
            level=agreement.level,
            level_label=self._label(agreement.level),
            request=agreement.request.id if agreement.request else None,
        )

    def _unclear(self, agreement: Agreement) -> Unclear | None:
        seen = self._see(agreement.urn)
        because = {_UNCERTAIN[reason.because]: None for reason in seen.reasons}  # a dict keeps the order
        why = [self._why(seen.reasons)] if seen.reasons else []
        school = seen.institution
        if seen.visible and school and school.status is EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE:  # V3
            because[Uncertainty.PROPOSED_TO_CLOSE] = None
            why.append(f"it is proposed to close{f' on {day_words(school.close_date)}' if school.close_date else ''}")
        if seen.warnings:  # V4
            because[Uncertainty.DATES_CONTRADICT_STATUS] = None
            why += [warning.value for warning in seen.warnings]
        ahead = self.links.to_come(agreement.urn) if seen.visible else {}
        if ahead:
            because[Uncertainty.SUCCESSOR_TO_COME] = None
            why += [f"{named(self._name(urn), urn)} is to succeed it on {day_words(day)}" for urn, day in ahead.items()]
        if not because:
            return None
        return Unclear(
            urn=agreement.urn,
            name=self._name(agreement.urn),
            visible=seen.visible,
            because=tuple(because),
            why="; ".join(why),
        )

    def _unreadable(self, urn: int) -> Unclear:
        seen = self._see(urn)
        why = ["its agreement cannot be read: it was damaged, or a later version wrote it"]
        return Unclear(
            urn=urn,
            name=self._name(urn),
            visible=seen.visible,
            because=(Uncertainty.UNREADABLE,),
            why="; ".join([*why, *filter(None, [self._why(seen.reasons)])]),
        )

    def _successors(self) -> list[Successor]:
        """Find what succeeded the schools that the group no longer sees.

        Schools that it still sees count as predecessors beside them. The successor of an agreement that has ended
        already is listed only as long as it is to be asked. One whose own agreement cannot be read is unclear, and
        not listed here.
        """
        known = self.agreements.keys() | self.unreadable
        hidden = {urn for urn in known if not self._see(urn).visible}
        may_stand = self.unreadable | {urn for urn, agreement in self.agreements.items() if agreement.stands}
        successors = []
        for urn, paths in self.links.from_each(known).items():
            gone = hidden & paths.keys()
            successor = self._successor(urn, paths)
            if gone and urn not in self.unreadable and (successor.proposed or gone & may_stand):
                successors.append(successor)
        return successors

    def _suggested(self, levels: Collection[AccessLevel]) -> AccessLevel | None:
        """Return the lowest of *levels*, or the highest below it that may be requested; never more than that (E5)."""
        lowest = min(levels, default=None)
        return max((level for level in self.policy.requestable_levels if lowest and level <= lowest), default=None)

    def _successor(self, urn: int, paths: Mapping[int, Path]) -> Successor:
        in_order = [path for _, path in sorted(paths.items())]
        links = dict.fromkeys(link for path in in_order for link in path)
        doubts = {doubt for path in in_order for doubt in self.links.doubts(path)}
        before = [self.agreements[urn] for urn in paths if urn in self.agreements]
        if not all(agreement.stands for agreement in before):
            doubts.add(Doubt.LEVEL_BEFORE_AN_END_UNKNOWN)
        if len(before) < len(paths):
            doubts.add(Doubt.UNREADABLE_PREDECESSOR)
        # The lowest level held; where none is held, the lowest that is still asked for.
        held = [agreement.level for agreement in before if agreement.level]
        levels = held or [agreement.request.level for agreement in before if agreement.request]
        level = None if Doubt.UNREADABLE_PREDECESSOR in doubts else self._suggested(levels)
        own = self.agreements.get(urn) or Agreement(id=AgreementId(self.facts.group.id, urn))
        return Successor(
            urn=urn,
            name=self._name(urn),
            predecessors=tuple(sorted(paths)),
            evidence=tuple(self.links.evidence(link) for link in links),
            doubts=tuple(doubt for doubt in Doubt if doubt in doubts),
            state=own.state,
            hidden=self._why(self._see(urn).reasons),
            level=level,
            level_label=self._label(level),
        )


def _by_name(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    return tuple(sorted(parts, key=lambda part: (folded(part.name), part.urn)))  # as lists are (V10)


def why_no_plan(
    facts: GroupFacts,
    *,
    register_day: date,
    last_register: date | None,
    seen_before: AbstractSet[int] | None = None,
    shrunk: Reason | None = None,
) -> tuple[Reason, ...]:
    """Return every reason to make no plan of a register, the primary one first (E3).

    It is not such a reason that every school has left the group, since the register still knows those schools.

    Args:
        facts: What the register says.
        register_day: The register's day, in Europe/London, as the caller states it.
        last_register: The day of the last register that was applied to the group, if any was.
        seen_before: The URNs that the group saw in an older register, if that is known.
        shrunk: Why it is refused beside the register in place, if it lacks much of that.
    """
    older = older_register(facts.register_day or register_day, last_register)
    differs = different_register(register_day, facts.register_day)
    reasons = [reason for reason in (older, differs) if reason]
    if _lacks_all(facts) or (facts.is_empty and seen_before):
        reasons.append(Reason(code=RefusalCode.REGISTER_EMPTY))
    elif shrunk and not older:  # an older one lacks what came later
        reasons.append(shrunk)
    return in_order(reasons)


def why_not_applied(
    causes: Mapping[int, EndCause],
    facts: GroupFacts,
    present: Comparison,
    *,
    plans: AbstractSet[str],
    register_day: date | None,
    last_register: date | None,
    confirmed: bool,
) -> tuple[Reason, ...]:
    """Return every reason not to carry out any of the ends that name a plan, the primary one first (E2-E4).

    A plan may have been changed while it was kept, so what it says about itself does not count: the causes and the
    number to confirm come from the register in place and from what stands now.

    Args:
        causes: Why each school's agreement would end.
        facts: What the register in place says about the agreements that the plan looked at.
        present: That register and all agreements that the group has now.
        plans: The digests of the plans that the ends name.
        register_day: The register's day that the plan states; it counts only where the register knows none.
        last_register: The day of the last register that was applied to the group, if any was.
        confirmed: Whether a person confirmed it explicitly.
    """
    older = older_register(facts.register_day or register_day, last_register)
    reasons = [older] if older else []
    if _lacks_all(present.facts):
        reasons.append(Reason(code=RefusalCode.REGISTER_EMPTY))
    wrong = next((urn for urn, cause in causes.items() if present.cause(urn) is not cause), None)
    if plans != {facts.digest}:
        there = f"of {day_words(facts.register_day)}" if facts.register_day else "of a day that it does not say"
        reasons.append(Reason(code=RefusalCode.REGISTER_DIFFERS, detail=f"It is {there}."))
    elif differs := different_register(register_day, facts.register_day):  # a kept plan may have been changed
        reasons.append(differs)
    elif wrong:  # E2
        school = present.facts.institutions.get(wrong)
        about = named_school(school.name if school else "", wrong)
        shown = f"It does not show clearly of {about} that {cause_words(causes[wrong])}."
        reasons.append(Reason(code=RefusalCode.REGISTER_DIFFERS, detail=shown))
    elif not confirmed and (fresh := present.plan()).needs_confirmation:  # E3: all that the register would end now
        share = f"All that this register shows would end {fresh.share}."
        reasons.append(Reason(code=RefusalCode.CONFIRMATION_NEEDED, detail=share))
    return in_order(reasons)


def _lacks_all(facts: GroupFacts) -> bool:
    """Return whether the register lacks every school that the group ever dealt with; a whole one keeps them (E3)."""
    return facts.is_empty and bool(facts.urns)
