"""Pure: words for the past of an agreement (H1, H4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import assert_never

import attrs

from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import Actor, AgreementId, SystemActor, Terms
from datashare.domain.agreements.state import Agreement, OpenRequest, State

from .instants import Instant, day_words, exact_words
from .levels import AccessLevel, Capability
from .people import PersonId
from .register import GroupId
from .text import LONGEST_SENTENCE, named, named_school, plain_line
from .visibility import HiddenBecause

Approval = RequestApproved | ApprovalRecorded | AgreementImported
"""An event that brings a level into force."""


@attrs.frozen(kw_only=True)
class Names:
    """What people, schools and groups are called at present; the record itself holds only ids (H4).

    Attributes:
        people: The names of people whom the directory still knows.
        schools: The names of schools that the register still holds, by URN.
        groups: The names of groups that the register still holds.
        labels: The words of each group's policy for the levels; a level without one keeps `AccessLevel.label` (L3).
    """

    people: Mapping[PersonId, str] = attrs.field(factory=dict)
    schools: Mapping[int, str] = attrs.field(factory=dict)
    groups: Mapping[GroupId, str] = attrs.field(factory=dict)
    labels: Mapping[GroupId, Mapping[AccessLevel, str]] = attrs.field(factory=dict)

    def actor(self, who: Actor) -> str:
        """Return the name and id of a person, the name of a system, or that a person is no longer known."""
        if isinstance(who, SystemActor):
            return who.name
        name = self.people.get(who)
        return named(name, who) if name else f"a person no longer in the directory ({who})"

    def school(self, urn: int) -> str:
        """Return the name and URN of a school, or only the URN if the register no longer holds it."""
        name = self.schools.get(urn)
        return named_school(name or "", urn)

    def group(self, group: GroupId) -> str:
        """Return the name and id of a group, or only the id if the register no longer holds it."""
        name = self.groups.get(group)
        return named(name, group) if name else str(group)

    def level(self, level: AccessLevel, group: GroupId) -> str:
        """Return the words of the group's policy for a level (L3)."""
        return plain_line(self.labels.get(group, {}).get(level) or level.label)


class _Ids(Names):
    """No names at all: everybody is named by id."""

    def actor(self, who: Actor) -> str:
        return str(who)


IDS_ALONE: Names = _Ids()
"""Names nobody: people, schools and groups are worded by their ids."""


def describe(event: Event, names: Names = IDS_ALONE) -> str:
    """Say what happened, in one or two sentences, as the page of the history shows it (H2, H4).

    What people wrote is quoted; what was erased is left out. Look the names up with ``names`` of the side that asks.
    """
    return f"{exact_words(event.at)}: {_happened(event, names)}"


def _happened(event: Event, names: Names) -> str:
    group, school, by = names.group(event.agreement.group), names.school(event.agreement.urn), names.actor(event.actor)
    match event:
        case RequestSent():
            level, to = names.level(event.level, event.agreement.group), _people(event.recipients, names)
            raises = f" instead of {names.level(event.raises, event.agreement.group)}" if event.raises else ""
            sender = "" if event.sender == event.actor else f" on behalf of {names.actor(event.sender)}"
            return f"{by} asked {school} for {level}{raises}{sender}, by a request to {to}.{_on_terms(event.terms)}"
        case RecipientsAdded():
            return f"{by} sent the request to {_people(event.recipients, names)} too."
        case ReminderSent():
            return f"{by} reminded {_people(event.recipients, names)} of the request."
        case RequestApproved():
            level = names.level(event.level, event.agreement.group)
            return f"{by} accepted the request; {level} is in force from then on.{_on_terms(event.terms)}"
        case RequestDeclined():
            return f"{by} declined the request{_because(event.reason)}."
        case RequestWithdrawn():
            return f"{by} withdrew the request{_because(event.reason)}."
        case ApprovalRecorded():
            level = names.level(event.level, event.agreement.group)
            basis = f" on the basis of {_quoted(event.basis)}" if event.basis else ""
            return f"{by} recorded an approval of {level} that was settled centrally{basis}.{_on_terms(event.terms)}"
        case AgreementImported():
            level, agreed = names.level(event.level, event.agreement.group), day_words(event.agreed_on)
            approver = f", approved by {_quoted(event.approver)}" if event.approver else ""
            evidence = f" (evidence: {_quoted(event.evidence)})" if event.evidence else ""
            about = f"{by} imported an earlier agreement of {agreed} on {level}{approver}{evidence}"
            return f"{about}.{_on_terms(event.terms)}"
        case AgreementEnded():
            what = "the agreement and closed its open request" if event.request else "the agreement"
            return f"{by} ended {what} ({event.cause.label.lower()}){_because(event.note)}."
        case VisibilityLost():
            day, reasons = day_words(event.register_day), ", ".join(reason.label.lower() for reason in event.reasons)
            return f"{by} recorded that the register of {day} does not show {school} to {group} ({reasons})."
        case VisibilityReturned():
            resumes = "What is in force allows the same as before." if event.resumes else "The agreement has lapsed."
            day = day_words(event.register_day)
            return f"{by} recorded that the register of {day} shows {school} to {group} again. {resumes}"
        case _:
            assert_never(event)


def _people(people: Iterable[Actor], names: Names) -> str:
    *first, last = [names.actor(who) for who in people]
    return f"{', '.join(first)} and {last}" if first else last


def _because(text: str | None) -> str:
    return f", with the words {_quoted(text)}" if text else ""


def _on_terms(terms: Terms | None) -> str:
    return f" The terms are {plain_line(terms.reference)}, version {plain_line(terms.version)}." if terms else ""


def could(agreement: Agreement, capabilities: AbstractSet[Capability], names: Names) -> str:
    """Say what the group's staff could do at the school."""
    group, school = names.group(agreement.group), names.school(agreement.urn)
    if not capabilities:
        return f"{group} could see nothing of {school}."
    *first, last = [capability.label for capability in Capability if capability in capabilities]
    return (
        f"{group} could {', '.join(first)} and {last} at {school}." if first else f"{group} could {last} at {school}."
    )


def in_force(approval: Approval, accepted: OpenRequest | None, group: GroupId, names: Names) -> str:
    """Say which level was in force, and what it rested on."""
    about = f"{names.level(approval.level, group)} was in force"
    by, on = names.actor(approval.actor), exact_words(approval.at)
    match approval:
        case ApprovalRecorded():
            basis = f" on the basis of {_quoted(approval.basis)}" if approval.basis else ""
            return f"{about} by an approval settled centrally, recorded by {by} on {on}{basis}."
        case AgreementImported():
            approver = f", approved then by {_quoted(approval.approver)}" if approval.approver else ""
            evidence = f" (evidence: {_quoted(approval.evidence)})" if approval.evidence else ""
            agreed_on = day_words(approval.agreed_on)
            original = f"an earlier agreement of {agreed_on}{approver}{evidence}"
            return f"{about} by {original}; imported by {by} on {on}."
        case _:
            asked = _asked_words(accepted, names) if accepted else ""
            return f"{about} by request {approval.request}{asked}, approved by {by} on {on}."


def _asked_words(request: OpenRequest, names: Names) -> str:
    sender = "" if request.sender == request.asked_by else f" from {names.actor(request.sender)}"
    return f"{sender}, asked by {names.actor(request.asked_by)} on {exact_words(request.asked_at)}"


def _quoted(text: str) -> str:
    """Quote what somebody wrote in one line; the text cannot end its quotation and pass for the record's own words."""
    line = plain_line(text, LONGEST_SENTENCE).replace("”", "’")
    return f"“{' '.join(line.split())}”"


def nothing(end: AgreementEnded | None, ended_from: State | None, names: Names) -> str:
    """Say that no level was in force, and how the agreement or its request had ended, if either had."""
    if end is None:
        return "No agreement was in force."
    match ended_from:
        case State.PENDING:
            what = "the request that waited had been closed"
        case State.UPGRADING:
            what = "it had been ended, and the request that waited closed,"
        case _:
            what = "it had been ended"
    cause = end.cause.value.replace("_", " ")
    return f"No agreement was in force: {what} by {names.actor(end.actor)} ({cause})."


def hidden(since: date, because: tuple[HiddenBecause, ...]) -> str:
    """Say which register did not show the school to the group, and why."""
    reasons = ", ".join(reason.value.replace("_", " ") for reason in because)
    in_brackets = f" ({reasons})" if reasons else ""
    return f"The register of {day_words(since)} did not show the school to the group{in_brackets}."


NOT_RECORDED_YET = {
    False: "The register does not show the school to the group now; nobody has recorded this yet.",
    True: "The register shows the school to the group now; nobody has recorded this yet.",
}
"""What the register shows at the present instant, if the record says otherwise."""


def waiting(request: OpenRequest, group: GroupId, names: Names) -> str:
    """Say which request waited for an answer."""
    level, by, on = names.level(request.level, group), names.actor(request.asked_by), exact_words(request.asked_at)
    return f"Request {request.id} for {level}, sent by {by} on {on}, waited for an answer."


def not_recorded(agreement: AgreementId, until: Instant | None, agreed_on: date | None, names: Names) -> str:
    """Say that nothing is recorded of an agreement before *until*, or at all."""
    about = f"Not recorded here: what {names.group(agreement.group)} could see of {names.school(agreement.urn)}"
    if until is None:
        return f"{about}. This record holds nothing about the two."
    begins = f"{about} before {exact_words(until)}, when this record of it begins."
    if agreed_on is None:
        return begins
    return f"{begins} It begins with the import of an agreement of {day_words(agreed_on)}."
