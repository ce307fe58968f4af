"""Pure: the past in words for people (H1, H4); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from datashare.domain.agreements import Actor, Basis, SystemActor
from datashare.domain.instants import day_words, instant_words
from datashare.domain.institutions import GroupId
from datashare.domain.levels import Capability
from datashare.domain.people import PersonId

if TYPE_CHECKING:
    from .standings import NotRecorded, Standing


@attrs.frozen(kw_only=True)
class Names:
    """What people, schools and groups are called at present; the record itself holds ids alone (H4).

    Attributes:
        people: The names of those whom the directory still knows.
        schools: The names of those that the register still holds, by URN.
        groups: The names of those that the register still holds.
    """

    people: Mapping[PersonId, str] = attrs.field(factory=dict)
    schools: Mapping[int, str] = attrs.field(factory=dict)
    groups: Mapping[GroupId, str] = attrs.field(factory=dict)

    def actor(self, who: Actor) -> str:
        """Word who did a thing: name and id; that a person is no longer known; or a system's name."""
        if isinstance(who, SystemActor):
            return who.name
        known = self.people.get(who)
        return f"{known} ({who})" if known else f"a person no longer in the directory ({who})"

    def school(self, urn: int) -> str:
        """Word which school: name and URN, or the URN of one that has gone from the register."""
        known = self.schools.get(urn)
        return f"{known} ({urn})" if known else f"URN {urn}"

    def group(self, group: GroupId) -> str:
        """Word which group: name and identity, or the identity of one that has gone from the register."""
        known = self.groups.get(group)
        return f"{known} ({group})" if known else str(group)


def standing_words(standing: Standing, names: Names | None) -> str:
    """Word how an agreement stood; with ids alone where no names are given."""
    sentences = [
        f"{_period(standing)} {_could(standing, names)}",
        _grounds(standing, names),
        _terms(standing),
        _hidden(standing),
        _waiting(standing, names),
    ]
    return " ".join(filter(None, sentences))


def not_recorded_words(found: NotRecorded, names: Names | None) -> str:
    """Word that nothing is recorded; with ids alone where no names are given."""
    group, school = _parties(found, names)
    about = f"Not recorded here: what {group} could see of {school}"
    if found.until is None:
        return f"{about}. This record holds nothing about the two."
    begins = f"{about} before {instant_words(found.until)}, when this record of it begins."
    if found.agreed_on is None:
        return begins
    return f"{begins} It begins with the import of an agreement of {day_words(found.agreed_on)}."


def _parties(found: Standing | NotRecorded, names: Names | None) -> tuple[str, str]:
    words = names or Names()
    return words.group(found.agreement.group), words.school(found.agreement.urn)


def _actor(who: Actor, names: Names | None) -> str:
    return names.actor(who) if names else str(who)


def _period(standing: Standing) -> str:
    since = instant_words(standing.since)
    return f"From {since}" if standing.until is None else f"From {since} to {instant_words(standing.until)}"


def _could(standing: Standing, names: Names | None) -> str:
    group, school = _parties(standing, names)
    able = [one.label for one in Capability if one in standing.capabilities]
    return f"{group} could {_listed(able)} at {school}." if able else f"{group} could see nothing of {school}."


def _listed(labels: Iterable[str]) -> str:
    *most, last = labels
    return f"{', '.join(most)} and {last}" if most else last


def _grounds(standing: Standing, names: Names | None) -> str:
    in_force = standing.in_force
    if in_force is None:
        return _nothing(standing, names)
    by, on = _actor(in_force.approved_by, names), instant_words(in_force.since)
    about = f"{in_force.level.label} was in force"
    if in_force.basis is Basis.RECORDED:
        return f"{about} by an approval settled centrally, recorded by {by} on {on}."
    if in_force.basis is Basis.IMPORTED:
        original = f" of {day_words(standing.agreed_on)}" if standing.agreed_on else ""
        return f"{about} by an earlier agreement{original}, imported by {by} on {on}."
    return f"{about} by request {in_force.request}{_asked(standing, names)}, approved by {by} on {on}."


def _nothing(standing: Standing, names: Names | None) -> str:
    if standing.ended is None or standing.ended_by is None:
        return "No agreement was in force."
    cause = standing.ended.value.replace("_", " ")
    return f"No agreement was in force: it had been ended by {_actor(standing.ended_by, names)} ({cause})."


def _asked(standing: Standing, names: Names | None) -> str:
    asked = standing.accepted
    if asked is None:
        return ""
    sender = "" if asked.sender == asked.asked_by else f" from {_actor(asked.sender, names)}"
    return f"{sender}, asked by {_actor(asked.asked_by, names)} on {instant_words(asked.asked_at)}"


def _terms(standing: Standing) -> str:
    terms = standing.terms
    return f"The terms were {terms.reference}, version {terms.version}." if terms else ""


def _hidden(standing: Standing) -> str:
    if standing.hidden_since:
        because = ", ".join(one.value.replace("_", " ") for one in standing.hidden_because)
        reasons = f" ({because})" if because else ""
        return f"The register of {day_words(standing.hidden_since)} did not show the school to the group{reasons}."
    return "It had lapsed, since the school had been hidden for too long." if standing.lapsed else ""


def _waiting(standing: Standing, names: Names | None) -> str:
    asked = standing.request
    if asked is None:
        return ""
    by, on = _actor(asked.asked_by, names), instant_words(asked.asked_at)
    return f"Request {asked.id} for {asked.level.label}, sent by {by} on {on}, waited for an answer."
