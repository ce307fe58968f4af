"""Pure: makes a plan of what a register shows, and says why one cannot be made or applied (rules E2-E5).

It touches nothing but the standard library and attrs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import TypeVar

import attrs

from datashare.domain.agreements import Agreement, AgreementId, EndCause, Reason, RefusalCode, in_order, older_register
from datashare.domain.instants import day_words
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.register import EstablishmentStatus
from datashare.domain.text import folded
from datashare.domain.visibility import HiddenBecause, HiddenReason, Visibility, visibility

from .facts import RegisterFacts
from .plan import Doubt, NewSchool, Plan, PlannedEnd, Successor, Uncertainty, Unclear, shares, worded_cause
from .successors import Found, Links

_Part = TypeVar("_Part", PlannedEnd, NewSchool, Successor, Unclear)

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
    names_before: Mapping[int, str] | None = None,
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
        seen_before: The URNs that the group saw in an older register; where that is not known, no school can be told
            to have joined, and all that have no agreement are listed.
        names_before: What schools were called in the older register, for those that this one does not name.
    """
    known = {one.urn: one for one in agreements}
    links = Links(facts=facts, register_day=register_day)
    view = _View(facts=facts, agreements=known, policy=policy, day=day, links=links, names=names_before or {})
    ends = [view.end(one, cause) for one in known.values() if (cause := view.cause(one))]
    successors = view.successors()
    asked = {one.urn for one in successors if one.proposed}
    joined = [urn for urn in facts.linked - asked - (seen_before or set()) if view.has_none(urn)]
    return Plan(
        group=facts.group.id,
        group_name=facts.group.name,
        register_day=register_day,
        digest=facts.digest,
        standing=sum(one.stands for one in known.values()),
        in_force=sum(one.level is not None for one in known.values()),
        looked_at=sorted(facts.urns),
        ends=_by_name(one for one in ends if one.level),
        closes=_by_name(one for one in ends if not one.level),
        compared=seen_before is not None,
        joined=_by_name(NewSchool(urn=urn, name=view.name(urn)) for urn in joined),
        successors=_by_name(successors),
        unclear=_by_name(one for agreement in known.values() if (one := view.unclear(agreement))),
    )


@attrs.frozen(kw_only=True)
class Present:
    """What a plan is judged by when it is applied.

    Attributes:
        facts: What the register in place says of all agreements of the group.
        agreements: Every agreement of the group that has a history.
        policy: The group's choices.
        day: The present day, in Europe/London.
    """

    facts: RegisterFacts
    agreements: Collection[Agreement]
    policy: Policy
    day: date

    def planned(self, register_day: date) -> Plan:
        """Make the plan that a register of that day gives now."""
        return plan(self.facts, agreements=self.agreements, policy=self.policy, day=self.day, register_day=register_day)

    def view(self, register_day: date) -> _View:
        """Look at what that plan rests on."""
        return _View(
            facts=self.facts,
            agreements={one.urn: one for one in self.agreements},
            policy=self.policy,
            day=self.day,
            links=Links(facts=self.facts, register_day=register_day),
            names={},
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
    names: Mapping[int, str]
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
        return institution.name if institution else self.names.get(urn, f"URN {urn}")

    def agreement(self, urn: int) -> Agreement:
        return self.agreements.get(urn) or Agreement(id=AgreementId(self.facts.group.id, urn))

    def cause(self, agreement: Agreement) -> EndCause | None:
        """Tell why an agreement would end, if it stands and the register shows it clearly."""
        return self.cause_shown(agreement.urn) if agreement.stands else None

    def cause_shown(self, urn: int) -> EndCause | None:
        """Tell what the register shows; a reason that stands beside a clear one does not make it unclear."""
        because = {reason.because for reason in self.see(urn).reasons}
        if HiddenBecause.GROUP_CLOSED in because and self.facts.names_group:
            return EndCause.GROUP_CLOSED
        if HiddenBecause.CLOSED in because:
            return EndCause.SUCCEEDED if self.links.succeeded(urn) else EndCause.SCHOOL_CLOSED
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

    def has_none(self, urn: int) -> bool:
        """Tell whether the group sees a school and nothing stands with it."""
        return self.see(urn).visible and not self.agreement(urn).stands

    def unclear(self, agreement: Agreement) -> Unclear | None:
        if not agreement.stands or self.cause(agreement):
            return None
        seen = self.see(agreement.urn)
        ahead = self.links.to_come(agreement.urn) if seen.visible else {}
        because = [*(_UNCERTAIN[reason.because] for reason in seen.reasons), *_hints(seen)]
        because += [Uncertainty.SUCCESSOR_TO_COME] if ahead else []
        if not because:
            return None
        why = [self.why(seen.reasons), *_hint_words(seen), *(self.ahead(urn, day) for urn, day in ahead.items())]
        return Unclear(
            urn=agreement.urn,
            name=self.name(agreement.urn),
            visible=seen.visible,
            because=tuple(dict.fromkeys(because)),
            why="; ".join(filter(None, why)),
        )

    def ahead(self, urn: int, day: date) -> str:
        return f"{self.name(urn)} ({urn}) is to succeed it on {day_words(day)}"

    def successors(self) -> list[Successor]:
        """Find what succeeded the schools that the group no longer sees.

        Those that it still sees count as predecessors beside them. Where an agreement has ended already, its
        successor is told only as long as it is to be asked.
        """
        hidden = {urn for urn in self.agreements if not self.see(urn).visible}
        over = [(one, hidden & one.paths.keys()) for one in self.links.from_each(self.agreements)]
        found = [(self.successor(one), gone) for one, gone in over if gone]
        return [one for one, gone in found if one.proposed or any(self.agreements[urn].stands for urn in gone)]

    def successor(self, found: Found) -> Successor:
        paths = [path for _, path in sorted(found.paths.items())]
        doubts = {doubt for path in paths for doubt in self.links.doubts(path)}
        if not all(self.agreements[urn].stands for urn in found.paths):
            doubts.add(Doubt.LEVEL_BEFORE_AN_END_UNKNOWN)
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
    facts: RegisterFacts,
    *,
    register_day: date,
    last_register: date | None,
    seen_before: AbstractSet[int] | None = None,
) -> tuple[Reason, ...]:
    """Give every reason to make no plan of a register, the primary one first; none means go on (E3).

    A group whose every school has left is no reason, for the register still knows the schools that left.

    Args:
        facts: What the register says.
        register_day: The register's day, in Europe/London.
        last_register: The day of the last register that was applied to the group, if any was.
        seen_before: The URNs that the group saw in an older register, where that is known.
    """
    empty = _lacks_all(facts) or (facts.is_empty and bool(seen_before))
    older = older_register(register_day, last_register)
    return in_order([*([Reason(code=RefusalCode.REGISTER_EMPTY)] if empty else []), *([older] if older else [])])


def why_not_applied(
    given: Plan, facts: RegisterFacts, present: Present, *, last_register: date | None, confirmed: bool
) -> tuple[Reason, ...]:
    """Give every reason to apply no part of a plan, the primary one first; none means go on (E2-E4).

    A plan may have been changed while it was kept, so what it says of itself counts for nothing: the causes and the
    number to confirm come from the register that is in place and from what stands now.

    Args:
        given: The plan.
        facts: What the register that is in place says, of the agreements that the plan looked at.
        present: What it says of all that the group has now.
        last_register: The day of the last register that was applied to the group, if any was.
        confirmed: Whether a person confirmed it explicitly.
    """
    older = older_register(given.register_day, last_register)
    reasons = [older] if older else []
    if _lacks_all(present.facts):
        reasons.append(Reason(code=RefusalCode.REGISTER_EMPTY))
    differs = _days(given, facts) if facts.digest != given.digest else _not_shown(given, present)
    if differs:
        reasons.append(Reason(code=RefusalCode.REGISTER_DIFFERS, detail=differs))
    elif not confirmed:
        reasons += _to_confirm(present.planned(given.register_day))
    return in_order(reasons)


def _lacks_all(facts: RegisterFacts) -> bool:
    """Tell whether the register lacks every school that the group ever dealt with; it deletes none (E3)."""
    return facts.is_empty and bool(facts.urns)


def _not_shown(given: Plan, present: Present) -> str:
    """Say of the first planned end that the register does not show its cause, or nothing (E2)."""
    view = present.view(given.register_day)
    wrong = next((one for one in given.to_end if view.cause_shown(one.urn) is not one.cause), None)
    return f"It does not show clearly of {wrong.name} ({wrong.urn}) that {worded_cause(wrong.cause)}." if wrong else ""


def _to_confirm(fresh: Plan) -> list[Reason]:
    """Ask for confirmation of all that the register would end now, whatever part of it is to be applied (E3)."""
    ended = f"All that this register shows would end {shares(fresh)}."
    return [Reason(code=RefusalCode.CONFIRMATION_NEEDED, detail=ended)] if fresh.needs_confirmation else []


def _days(given: Plan, facts: RegisterFacts) -> str:
    there = f"of {day_words(facts.told_day)}" if facts.told_day else "of a day that it does not tell"
    return f"The plan is from that of {day_words(given.register_day)}, and the one in place is {there}."
