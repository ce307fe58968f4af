"""Pure: a plan set out for people, on a terminal or in an email; nothing but the standard library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from datashare.domain.agreements import EndCause
from datashare.domain.instants import day_words
from datashare.domain.wording import plain_line

if TYPE_CHECKING:
    from .plans import Joined, Plan, PlannedEnd, Succession, Successor, Unclear

_CAUSES = {
    EndCause.SCHOOL_CLOSED: "the school closed",
    EndCause.SCHOOL_LEFT_GROUP: "the school left the group",
    EndCause.GROUP_CLOSED: "the group closed",
    EndCause.SUCCEEDED: "the school was succeeded by another",
}


def worded_cause(cause: EndCause) -> str:
    """Word why an agreement ends; a cause that no register shows is told by its name."""
    return _CAUSES.get(cause, cause.value)


def worded(plan: Plan) -> str:
    """Set *plan* out: a heading, then each part that holds something, a line for each school."""
    heading = f"{plan.group_name} ({plan.group}), register of {day_words(plan.register_day)}"
    counts = f"Agreements and open requests that stand: {plan.standing}."
    blocks = [[heading, counts], *_parts(plan)]
    if plan.needs_confirmation:
        blocks.append(
            [
                f"It would end {shares(plan)}, so it has to be confirmed explicitly.",
                "Check first that the register is right and whole.",
            ]
        )
    blocks.append(["Nothing to do." if plan.nothing_to_do else "This is a plan: nothing has been done yet."])
    return "\n\n".join("\n".join(plain_line(line) for line in block) for block in blocks)


def shares(plan: Plan) -> str:
    """Word how much of what stands *plan* ends (E3)."""
    in_force = f"{len(plan.ends)} of {plan.in_force} agreements in force"
    return f"{len(plan.to_end)} of {plan.standing} agreements and open requests, {in_force} among them"


def _parts(plan: Plan) -> Iterator[list[str]]:
    others = [one for one in plan.successors if not one.proposed]
    yield from _part("Agreements to end", map(_ended, plan.ends))
    yield from _part("Open requests to close", map(_ended, plan.closes))
    new = "Schools that joined and have no agreement" if plan.compared else "Schools that have no agreement"
    yield from _part(new, map(_joined, plan.joined))
    yield from _part("Successors to ask", map(_successor, plan.to_ask))
    yield from _part("Successors that are not to be asked now", map(_successor, others))
    yield from _part("Unclear, and left as it is", map(_unclear, plan.unclear))


def _part(title: str, lines: Iterable[str]) -> Iterator[list[str]]:
    found = [f"  - {line}" for line in lines]
    if found:
        yield [f"{title} ({len(found)}):", *found]


def _ended(one: PlannedEnd) -> str:
    level = f", {one.level_label}" if one.level_label else ""
    too = " Its open request is closed too." if one.level and one.request else ""
    return f"{one.name} ({one.urn}){level}: {worded_cause(one.cause)} – {one.why}.{too}"


def _joined(one: Joined) -> str:
    return f"{one.name} ({one.urn})"


def _successor(one: Successor) -> str:
    level = f", {one.level_label} suggested" if one.level_label and one.proposed else ""
    after = ", ".join(map(str, one.predecessors))
    evidence = "; ".join(map(_evidence, one.evidence))
    doubts = f" Look at: {', '.join(doubt.value.replace('_', ' ') for doubt in one.doubts)}." if one.doubts else ""
    return f"{one.name} ({one.urn}) after {after}{level}.{_why_not(one)} Evidence: {evidence}.{doubts}"


def _why_not(one: Successor) -> str:
    if one.hidden:
        return f" The group does not see it: {one.hidden}."
    return "" if one.proposed else f" It stands already: {one.state.label}."


def _evidence(link: Succession) -> str:
    day = day_words(link.day) if link.day else "undated"
    number = "same number" if link.same_number else "other number"
    several = f"{link.successors} to at least {link.predecessors}"
    ahead = ", in the future" if link.in_the_future else ""
    return f"{link.predecessor} → {link.successor}, {link.kind}, {day}{ahead}, {number}, {several}"


def _unclear(one: Unclear) -> str:
    return f"{one.name} ({one.urn}): {one.why}."
