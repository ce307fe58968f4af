"""Pure: the past in words for people (H1, H4); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from datashare.domain import checks
from datashare.domain.agreements import Actor, Basis, State, SystemActor
from datashare.domain.instants import day_words, exact_words
from datashare.domain.institutions import GroupId
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import PersonId
from datashare.domain.wording import plain_line
from datashare.errors import InvalidValue

if TYPE_CHECKING:
    from .standings import NotRecorded, Standing


def _frozen(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue("A part of Names", value, "a mapping")
    return MappingProxyType(dict(value))


def _maps(key: checks.Check, to: checks.Check) -> checks.Check:
    """Check that a field's value is a mapping, and its every key and value by a check of its own."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, Mapping):
            raise InvalidValue(f"{type(instance).__name__}.{attribute.name}", value, "a mapping")
        for one, found in value.items():
            key(instance, attribute, one)
            to(instance, attribute, found)

    return check


_PEOPLE = _maps(checks.is_a(PersonId, "names by PersonIds"), checks.text)
_SCHOOLS = _maps(checks.urn, checks.text)
_A_GROUP = checks.is_a(GroupId, "a mapping by GroupIds")
_GROUPS = _maps(_A_GROUP, checks.text)
_LABELS = _maps(_A_GROUP, _maps(checks.member(AccessLevel), checks.text))


@attrs.frozen(kw_only=True)
class Names:
    """What people, schools and groups are called at present; the record itself holds ids alone (H4).

    Attributes:
        people: The names of those whom the directory still knows.
        schools: The names of those that the register still holds, by URN.
        groups: The names of those that the register still holds.
        labels: How each group's policy words the levels; what is not named keeps `AccessLevel.label` (L3).
    """

    people: Mapping[PersonId, str] = attrs.field(factory=dict, converter=_frozen, validator=_PEOPLE)
    schools: Mapping[int, str] = attrs.field(factory=dict, converter=_frozen, validator=_SCHOOLS)
    groups: Mapping[GroupId, str] = attrs.field(factory=dict, converter=_frozen, validator=_GROUPS)
    labels: Mapping[GroupId, Mapping[AccessLevel, str]] = attrs.field(
        factory=dict, converter=_frozen, validator=_LABELS
    )

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

    def level(self, level: AccessLevel, group: GroupId) -> str:
        """Word a level for people, as the group's policy does (L3)."""
        return self.labels.get(group, {}).get(level) or level.label


def standing_words(standing: Standing, names: Names | None) -> str:
    """Word how an agreement stood; with ids alone where no names are given."""
    sentences = [
        f"{_period(standing)} {_could(standing, names)}",
        _grounds(standing, names),
        _terms(standing),
        _not_shown(standing),
        _lapsed(standing),
        _waiting(standing, names),
    ]
    return " ".join(filter(None, sentences))


def not_recorded_words(found: NotRecorded, names: Names | None) -> str:
    """Word that nothing is recorded; with ids alone where no names are given."""
    group, school = _parties(found, names)
    about = f"Not recorded here: what {group} could see of {school}"
    if found.until is None:
        return f"{about}. This record holds nothing about the two."
    begins = f"{about} before {exact_words(found.until)}, when this record of it begins."
    if found.agreed_on is None:
        return begins
    return f"{begins} It begins with the import of an agreement of {day_words(found.agreed_on)}."


def _parties(found: Standing | NotRecorded, names: Names | None) -> tuple[str, str]:
    words = names or Names()
    return words.group(found.agreement.group), words.school(found.agreement.urn)


def _actor(who: Actor, names: Names | None) -> str:
    return names.actor(who) if names else str(who)


def _period(standing: Standing) -> str:
    since = exact_words(standing.since)
    return f"From {since}" if standing.until is None else f"From {since} to {exact_words(standing.until)}"


def _could(standing: Standing, names: Names | None) -> str:
    group, school = _parties(standing, names)
    able = [one.label for one in Capability if one in standing.capabilities]
    return f"{group} could {_listed(able)} at {school}." if able else f"{group} could see nothing of {school}."


def _listed(labels: Iterable[str]) -> str:
    *most, last = labels
    return f"{', '.join(most)} and {last}" if most else last


def _level(level: AccessLevel, standing: Standing, names: Names | None) -> str:
    return (names or Names()).level(level, standing.agreement.group)


def _grounds(standing: Standing, names: Names | None) -> str:
    in_force = standing.in_force
    if in_force is None:
        return _nothing(standing, names)
    by, on = _actor(in_force.approved_by, names), exact_words(in_force.since)
    about = f"{_level(in_force.level, standing, names)} was in force"
    if in_force.basis is Basis.RECORDED:
        basis = f" on the basis of {_quoted(standing.evidence)}" if standing.evidence else ""
        return f"{about} by an approval settled centrally, recorded by {by} on {on}{basis}."
    if in_force.basis is Basis.IMPORTED:
        return f"{about} by an earlier agreement{_original(standing)}; imported by {by} on {on}."
    return f"{about} by request {in_force.request}{_asked(standing, names)}, approved by {by} on {on}."


def _original(standing: Standing) -> str:
    """Word what whoever imported an agreement wrote of it, as their words."""
    on = f" of {day_words(standing.agreed_on)}" if standing.agreed_on else ""
    by = f", approved then by {_quoted(standing.approver)}" if standing.approver else ""
    evidence = f" (evidence: {_quoted(standing.evidence)})" if standing.evidence else ""
    return f"{on}{by}{evidence}"


def _quoted(text: str) -> str:
    """Quote what somebody wrote, in one line, and so that it cannot end the quotation and go on as the record."""
    line = plain_line(text).replace("”", "’")
    return f"“{' '.join(line.split())}”"


def _nothing(standing: Standing, names: Names | None) -> str:
    if standing.ended is None or standing.ended_by is None:
        return "No agreement was in force."
    cause = standing.ended.value.replace("_", " ")
    what = _ENDED.get(standing.ended_from, "it had been ended")
    return f"No agreement was in force: {what} by {_actor(standing.ended_by, names)} ({cause})."


_ENDED: dict[State | None, str] = {
    State.PENDING: "the request that waited had been closed",
    State.UPGRADING: "it had been ended, and the request that waited closed,",
}
"""What an end did, by the state in which it found the agreement, where it did not only end what was in force."""


def _asked(standing: Standing, names: Names | None) -> str:
    asked = standing.accepted
    if asked is None:
        return ""
    sender = "" if asked.sender == asked.asked_by else f" from {_actor(asked.sender, names)}"
    return f"{sender}, asked by {_actor(asked.asked_by, names)} on {exact_words(asked.asked_at)}"


def _terms(standing: Standing) -> str:
    terms = standing.terms
    return f"The terms were {terms.reference}, version {terms.version}." if terms else ""


def _not_shown(standing: Standing) -> str:
    if standing.hidden_since is None:
        return ""
    because = ", ".join(one.value.replace("_", " ") for one in standing.hidden_because)
    reasons = f" ({because})" if because else ""
    return f"The register of {day_words(standing.hidden_since)} did not show the school to the group{reasons}."


def _lapsed(standing: Standing) -> str:
    return "It had lapsed, since the school had been hidden for too long." if standing.lapsed else ""


def _waiting(standing: Standing, names: Names | None) -> str:
    asked = standing.request
    if asked is None:
        return ""
    by, on = _actor(asked.asked_by, names), exact_words(asked.asked_at)
    return f"Request {asked.id} for {_level(asked.level, standing, names)}, sent by {by} on {on}, waited for an answer."
