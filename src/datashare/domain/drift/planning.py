"""Pure: makes a plan of what a register shows, and says why one cannot be made or applied (rules E2-E5).

It touches nothing but the standard library and attrs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import TypeVar

import attrs

from datashare.domain.agreements import (
    Agreement,
    AgreementId,
    EndCause,
    Reason,
    RefusalCode,
    in_order,
    older_register,
)
from datashare.domain.folding import folded
from datashare.domain.instants import day_words
from datashare.domain.institutions import (
    EstablishmentStatus,
    HiddenBecause,
    HiddenReason,
    Visibility,
    visibility,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy

from .facts import RegisterFacts
from .plans import Doubt, Joined, Plan, PlannedEnd, Successor, Uncertainty, Unclear
from .succession import Found, Links

_Part = TypeVar("_Part", PlannedEnd, Joined, Successor, Unclear)

LONGEST_WHY = 2_000
"""The register may word its own cells at any length; a plan says as much of it as a person reads."""


def plan(
    facts: RegisterFacts,
    *,
    agreements: Iterable[Agreement],
    policy: Policy,
    day: date,
    register_day: date,
    seen_before: AbstractSet[int] | None = None,
) -> Plan:
    """Say what the register means for a group's agreements (E2, E5).

    An agreement would end only where the register shows clearly that it is over: the group closed, the school
    closed, or the register knows it and links it with no group or another. All else is unclear, and left as it is;
    a URN that is gone from the register is, since the register deletes none.

    Cost: one pass over the agreements, the schools and the links.

    Args:
        facts: What the register says, of these very agreements.
        agreements: Every agreement of the group that has a history.
        policy: The group's choices.
        day: The present day, in Europe/London; what the group sees is what it sees then.
        register_day: The register's day, in Europe/London.
        seen_before: The URNs that the group saw before this register; where that is not known, a school joined if
            nothing ever happened between it and the group.
    """
    known = {one.urn: one for one in agreements}
    view = _View(
        facts=facts, agreements=known, policy=policy, day=day, links=Links(facts=facts, register_day=register_day)
    )
    ends = [view.end(one, cause) for one in known.values() if (cause := view.cause(one))]
    successors = view.successors()
    asked = {one.urn for one in successors if one.proposed}
    joined = [urn for urn in facts.linked - asked if view.joined(urn, seen_before)]
    return Plan(
        group=facts.group.id,
        group_name=facts.group.name,
        register_day=register_day,
        digest=facts.digest,
        standing=sum(one.stands for one in known.values()),
        looked_at=sorted(facts.urns),
        ends=_by_name(one for one in ends if one.level),
        closes=_by_name(one for one in ends if not one.level),
        joined=_by_name(Joined(urn=urn, name=view.name(urn)) for urn in joined),
        successors=_by_name(successors),
        unclear=_by_name(one for agreement in known.values() if (one := view.unclear(agreement))),
    )


def _by_name(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    return tuple(sorted(parts, key=lambda one: (folded(one.name), one.urn)))  # as lists are (V10)


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
class _View:
    """What is looked at for one plan."""

    facts: RegisterFacts
    agreements: Mapping[int, Agreement]
    policy: Policy
    day: date
    links: Links
    _seen: dict[int, Visibility] = attrs.field(factory=dict)

    def see(self, urn: int) -> Visibility:
        found = self._seen.get(urn)
        if found is None:
            institution = self.facts.institutions.get(urn)
            found = visibility(urn, institution, group=self.facts.group, policy=self.policy, day=self.day)
            self._seen[urn] = found
        return found

    def name(self, urn: int) -> str:
        institution = self.facts.institutions.get(urn)
        return institution.name if institution else f"URN {urn}"

    def agreement(self, urn: int) -> Agreement:
        return self.agreements.get(urn) or Agreement(id=AgreementId(self.facts.group.id, urn))

    def cause(self, agreement: Agreement) -> EndCause | None:
        """Tell why an agreement would end; a reason that stands beside a clear one does not make it unclear."""
        because = {reason.because for reason in self.see(agreement.urn).reasons} if agreement.stands else set()
        if HiddenBecause.GROUP_CLOSED in because and self.facts.names_group:
            return EndCause.GROUP_CLOSED
        if HiddenBecause.CLOSED in because:
            return EndCause.SUCCEEDED if self.links.succeeded(agreement.urn) else EndCause.SCHOOL_CLOSED
        return EndCause.SCHOOL_LEFT_GROUP if HiddenBecause.NOT_LINKED in because else None

    def why(self, reasons: Iterable[HiddenReason]) -> str:
        words = (
            "the register does not name the group"
            if reason.because is HiddenBecause.GROUP_CLOSED and not self.facts.names_group
            else str(reason)
            for reason in reasons
        )
        return "; ".join(words)[:LONGEST_WHY]

    def end(self, agreement: Agreement, cause: EndCause) -> PlannedEnd:
        return PlannedEnd(
            urn=agreement.urn,
            name=self.name(agreement.urn),
            version=agreement.version,
            cause=cause,
            why=self.why(self.see(agreement.urn).reasons),
            level=agreement.level,
            level_label=self.label(agreement.level),
            request=agreement.request.id if agreement.request else None,
        )

    def label(self, level: AccessLevel | None) -> str:
        return self.policy.label(level) if level else ""

    def joined(self, urn: int, seen_before: AbstractSet[int] | None) -> bool:
        agreement = self.agreement(urn)
        known = agreement.version > 0 if seen_before is None else urn in seen_before or agreement.stands
        return not known and self.see(urn).visible

    def unclear(self, agreement: Agreement) -> Unclear | None:
        if not agreement.stands or self.cause(agreement):
            return None
        seen = self.see(agreement.urn)
        because = [*(_UNCERTAIN[reason.because] for reason in seen.reasons), *_hints(seen)]
        if not because:
            return None
        why = [self.why(seen.reasons), *_hint_words(seen)]
        return Unclear(
            urn=agreement.urn,
            name=self.name(agreement.urn),
            visible=seen.visible,
            because=tuple(dict.fromkeys(because)),
            why="; ".join(filter(None, why)),
        )

    def successors(self) -> list[Successor]:
        """Find what succeeded the schools that the group no longer sees.

        Where an agreement has ended already, its successor is told only as long as it is to be asked.
        """
        hidden = [urn for urn in self.agreements if not self.see(urn).visible]
        found = [(self.successor(one), one) for one in self.links.from_each(hidden)]
        return [
            successor
            for successor, one in found
            if successor.proposed or any(self.agreements[urn].stands for urn in one.paths)
        ]

    def successor(self, found: Found) -> Successor:
        paths = [path for _, path in sorted(found.paths.items())]
        doubts = {doubt for path in paths for doubt in self.links.doubts(path)}
        level = self.suggested(found.paths)
        return Successor(
            urn=found.urn,
            name=self.name(found.urn),
            predecessors=sorted(found.paths),
            evidence=[self.links.evidence(link) for link in dict.fromkeys(link for path in paths for link in path)],
            doubts=[doubt for doubt in Doubt if doubt in doubts],
            state=self.agreement(found.urn).state,
            hidden=self.why(self.see(found.urn).reasons),
            level=level,
            level_label=self.label(level),
        )

    def suggested(self, predecessors: Iterable[int]) -> AccessLevel | None:
        """Suggest the lowest level held, or the highest below it that may be requested; never more than was held."""
        held = [level for urn in predecessors if (level := self.agreements[urn].level)]
        offered = [level for level in self.policy.requestable_levels if held and level <= min(held)]
        return max(offered, default=None)


def _hints(seen: Visibility) -> list[Uncertainty]:
    """Say what of a school that is shown as open a person should look at all the same (V3, V4)."""
    proposed = [Uncertainty.PROPOSED_TO_CLOSE] if seen.visible and _proposed_to_close(seen) else []
    return proposed + ([Uncertainty.DATES_CONTRADICT_STATUS] if seen.warnings else [])


def _proposed_to_close(seen: Visibility) -> bool:
    status = seen.institution.status if seen.institution else None
    return status is EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE


def _hint_words(seen: Visibility) -> list[str]:
    closes = seen.institution.close_date if seen.institution else None
    on = f" on {day_words(closes)}" if closes else ""
    proposed = [f"it is proposed to close{on}"] if seen.visible and _proposed_to_close(seen) else []
    return proposed + [warning.value for warning in seen.warnings]


def why_no_plan(
    facts: RegisterFacts, *, agreements: Iterable[Agreement], register_day: date, last_register: date | None
) -> tuple[Reason, ...]:
    """Give every reason to make no plan of a register, the primary one first; none means go on (E3).

    Args:
        facts: What the register says.
        agreements: The group's agreements.
        register_day: The register's day, in Europe/London.
        last_register: The day of the last register that was applied to the group, if any was.
    """
    empty = facts.is_empty and any(one.stands for one in agreements)
    older = older_register(register_day, last_register)
    return in_order([*([Reason(code=RefusalCode.REGISTER_EMPTY)] if empty else []), *([older] if older else [])])


def why_not_applied(
    given: Plan, facts: RegisterFacts, *, last_register: date | None, confirmed: bool
) -> tuple[Reason, ...]:
    """Give every reason to apply no part of a plan, the primary one first; none means go on (E3, E4).

    Args:
        given: The plan.
        facts: What the register that is in place says, of the agreements that the plan looked at.
        last_register: The day of the last register that was applied to the group, if any was.
        confirmed: Whether a person confirmed it explicitly.
    """
    reasons = []
    older = older_register(given.register_day, last_register)
    if older:
        reasons.append(older)
    if facts.digest != given.digest:
        reasons.append(Reason(code=RefusalCode.REGISTER_DIFFERS, detail=_days(given, facts)))
    if given.needs_confirmation and not confirmed:
        ended = f"The plan would end {len(given.to_end)} of {given.standing} agreements and open requests."
        reasons.append(Reason(code=RefusalCode.CONFIRMATION_NEEDED, detail=ended))
    return in_order(reasons)


def _days(given: Plan, facts: RegisterFacts) -> str:
    there = f"of {day_words(facts.told_day)}" if facts.told_day else "of a day that it does not tell"
    return f"The plan is from that of {day_words(given.register_day)}, and the one in place is {there}."
