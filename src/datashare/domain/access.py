"""Pure: what an agreement allows, at present, and why (rules X)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import attrs

from datashare.domain.agreements.state import has_lapsed
from datashare.errors import InvalidInput

from . import validation
from .agreements import Agreement, AgreementId, InForce, granted
from .eligibility import holds
from .instants import Instant, instant_words, london_day, to_instant
from .levels import AccessLevel, Capability
from .people import Permission, Person
from .policy import Policy
from .register import Group, GroupId, Institution
from .text import Labelled, named_school, plain_line
from .visibility import HiddenBecause, HiddenReason, Visibility, visibility


class AccessCode(Labelled):
    """Why a group's staff may, or may not, use a capability at a school."""

    GRANTED = "granted"
    """It is allowed: the level in force includes it (X1)."""
    NO_AGREEMENT = "no_agreement"
    """No level is in force with this school."""
    LEVEL_TOO_LOW = "level_too_low"
    """The level in force does not include it (L2)."""
    NOT_VISIBLE = "not_visible"
    """The group does not see the school now (X2)."""
    LAPSED = "lapsed"
    """The school was away for too long, so the agreement has lapsed (X2)."""
    UNREADABLE = "unreadable"
    """The record of the agreement cannot be read (T6)."""
    UNKNOWN_PERSON = "unknown_person"
    """The host knows no such person."""
    NOT_A_GROUP_USER = "not_a_group_user"
    """The person is not a current user of this group's site."""
    NO_PERMISSION = "no_permission"
    """The person does not hold `Permission.LOG_IN_ASSOCIATED_INSTITUTIONS` (X3)."""
    NOT_ASSOCIATED = "not_associated"
    """The school is not among those that the person is associated with (X3)."""


@attrs.frozen(kw_only=True)
class AccessReason:
    """One reason for an answer about access; `str` words it for people.

    Attributes:
        code: Which reason.
        level: The level in force that it is about.
        level_label: That level in the words of the group's policy (L3).
        since: When that level came into force, in UTC.
        hidden_since: The register day on which the school was recorded as hidden.
        visibility: Why the school is hidden.
    """

    code: AccessCode
    level: AccessLevel | None = None
    level_label: str = ""
    since: Instant | None = None
    hidden_since: date | None = None
    visibility: Visibility | None = None

    def __str__(self) -> str:
        return _WORDS[self.code].format(
            level=plain_line(self.level_label) or (self.level.label if self.level else ""),
            since=instant_words(self.since) if self.since else "",
            visibility=self.visibility,
        )


_WORDS = {
    AccessCode.GRANTED: "{level} is in force since {since}.",
    AccessCode.NO_AGREEMENT: "No agreement is in force. Send the school a request.",
    AccessCode.LEVEL_TOO_LOW: "{level} is in force, which does not allow it. Ask for a higher level.",
    AccessCode.NOT_VISIBLE: "{visibility}",
    AccessCode.LAPSED: "The school was hidden for too long, so the agreement lapsed. Send a new request.",
    AccessCode.UNREADABLE: "The agreement's record cannot be read; it was damaged, or is newer than this program.",
    AccessCode.UNKNOWN_PERSON: "The group's site does not know this person, or they are no longer a user there.",
    AccessCode.NOT_A_GROUP_USER: "Only a user of the group's own site can log in to its schools.",
    AccessCode.NO_PERMISSION: f"The permission “{Permission.LOG_IN_ASSOCIATED_INSTITUTIONS.label}” is missing.",
    AccessCode.NOT_ASSOCIATED: "The school is not among the person's associated institutions.",
}


@attrs.frozen(kw_only=True)
class AccessAnswer:
    """Whether a capability may be used at a school, with every reason (X4).

    Attributes:
        agreement: The group and the school.
        capability: What was asked about.
        subject: Who asks, in words: the group's name, or the person's.
        institution_name: The school's name in the register; empty where that is not known.
        reasons: Every reason against; where it is allowed, the one reason for it.
    """

    agreement: AgreementId
    capability: Capability
    subject: str
    institution_name: str
    reasons: tuple[AccessReason, ...]

    @property
    def allowed(self) -> bool:
        """Whether it is allowed."""
        return all(reason.code is AccessCode.GRANTED for reason in self.reasons)

    def __str__(self) -> str:
        may = "may" if self.allowed else "may not"
        reasons = " ".join(map(str, self.reasons))
        school = named_school(self.institution_name, self.agreement.urn)
        return f"{plain_line(self.subject)} {may} {self.capability.label} at {school}. {reasons}"


def reasons_for(
    agreement: Agreement, seen: Visibility, capability: Capability, *, policy: Policy
) -> tuple[AccessReason, ...]:
    """Return every reason against *capability* at one school, or the one reason for it (X1, X2)."""
    level = granted(agreement, visible=seen.visible, policy=policy, day=seen.day)
    in_force = agreement.in_force
    if in_force and level and capability in level.capabilities:
        return (_about_level(AccessCode.GRANTED, in_force, policy),)
    against = []
    if in_force is None:
        against.append(AccessReason(code=AccessCode.NO_AGREEMENT))
    elif capability not in in_force.level.capabilities:
        against.append(_about_level(AccessCode.LEVEL_TOO_LOW, in_force, policy))
    if not seen.visible:
        against.append(AccessReason(code=AccessCode.NOT_VISIBLE, visibility=seen))
    if in_force and has_lapsed(agreement, policy=policy, day=seen.day):
        against.append(AccessReason(code=AccessCode.LAPSED, hidden_since=agreement.hidden_since))
    return tuple(against)


def _about_level(code: AccessCode, in_force: InForce, policy: Policy) -> AccessReason:
    label = policy.label(in_force.level)
    return AccessReason(code=code, level=in_force.level, level_label=label, since=in_force.since)


def require_group_capability(capability: object) -> None:
    """Refuse what is not a capability, and logging in, which only a person can be asked about (X3).

    Raises:
        InvalidValue: It is one of these.
    """
    validation.require_member(capability, Capability, "capability")
    if capability is Capability.LOG_IN_TO_SCHOOL:
        raise InvalidInput("capability", capability, "one of a group; ask may_log_in for a person instead")


class AccessMap:
    """What a group's staff may see and do at every school, as it stood at one instant.

    Build a new map after a refresh of the register, after an answer, and at midnight in Europe/London, since links
    and correction windows begin and end with the day.

    Attributes:
        group: Whose staff.
        at: The instant that it shows, in UTC.
        day: The day of that instant, in Europe/London.
    """

    __slots__ = ("_agreements", "_group", "_institutions", "_policy", "_unreadable", "_urns", "at", "day", "group")

    def __init__(
        self,
        *,
        group: Group,
        policy: Policy,
        agreements: Iterable[Agreement],
        institutions: Mapping[int, Institution],
        at: Instant,
        unreadable: Iterable[int] = (),
    ) -> None:
        """Build the map.

        Args:
            group: The group, as the register knows it.
            policy: The group's choices.
            agreements: All of the group's agreements.
            institutions: The institutions linked with it, and those it has agreements with, by URN.
            at: The present instant, in UTC.
            unreadable: The schools whose agreement cannot be read; there nothing is allowed.

        Cost: one pass over the agreements.

        Raises:
            InvalidValue: An agreement is another group's, or the instant has no time zone.
        """
        self.group: GroupId = group.id
        self.at: Instant = to_instant(at, "at")
        self.day: date = london_day(self.at)
        self._group = group
        self._policy = policy
        self._institutions = dict(institutions)
        self._agreements = {agreement.urn: self._own(agreement) for agreement in agreements}
        self._unreadable = frozenset(unreadable)
        # X3: only a person can be asked about logging in, so it is not a key here.
        urns: dict[Capability, set[int]] = {
            capability: set() for capability in Capability if capability is not Capability.LOG_IN_TO_SCHOOL
        }
        for urn, agreement in self._agreements.items():
            visible = self._visibility(urn).visible
            level = granted(agreement, visible=visible, policy=policy, day=self.day)
            for capability in urns.keys() & level.capabilities if level else ():
                urns[capability].add(urn)
        self._urns = {capability: frozenset(schools) for capability, schools in urns.items()}

    def _own(self, agreement: Agreement) -> Agreement:
        if agreement.group != self.group:
            raise InvalidInput("agreements", str(agreement.id), f"agreements of {self.group}")
        return agreement

    def _visibility(self, urn: int) -> Visibility:
        institution = self._institutions.get(urn)
        seen = visibility(urn, institution, group=self._group, policy=self._policy, day=self.day)
        if institution or urn in self._agreements or urn in self._unreadable:
            return seen
        # The map holds only schools that are linked or have an agreement; it knows of others only that they are not.
        unlinked = HiddenReason(HiddenBecause.NOT_LINKED)
        known = (reason for reason in seen.reasons if reason.because is not HiddenBecause.UNKNOWN_URN)
        return attrs.evolve(seen, reasons=(*known, unlinked))

    def allows(self, urn: int, capability: Capability) -> bool:
        """Return whether the group's staff may use *capability* at school *urn* (X1, X2, X4).

        Cost: two look-ups, whatever the number of schools.

        Raises:
            InvalidValue: The URN is not a whole number, or the capability is not a `Capability`, or is logging in,
                which only a person can be asked about (X3).
        """
        try:
            if urn in self._urns[capability] and type(urn) is int:  # 100000.0 is in the set too
                return True
        except (KeyError, TypeError):
            require_group_capability(capability)
        if type(urn) is not int:
            validation.require_urn(urn)
        return False

    def explain(self, urn: int, capability: Capability) -> AccessAnswer:
        """Return the same answer with every reason (X4).

        Raises:
            InvalidValue: As `allows`, or the URN is out of range.
        """
        require_group_capability(capability)
        validation.require_urn(urn)
        return self._answer(urn, capability, self._group.name, ())

    def urns(self, capability: Capability) -> frozenset[int]:
        """Return the schools at which the group's staff may use *capability*, for the ``IN (…)`` of a query.

        Cost: one look-up.

        Raises:
            InvalidValue: As `allows`.
        """
        require_group_capability(capability)
        return self._urns[capability]

    def explain_log_in(self, person: Person | None, urn: int, clusters: Iterable[str]) -> AccessAnswer:
        """Return whether *person* may log in to school *urn*, with every reason (X3).

        Args:
            person: The user of the group's site, as it knows them; `None` where it does not.
            urn: The school.
            clusters: The group's clusters that the school is in.

        Raises:
            InvalidValue: *urn* is not a URN, or *clusters* is one text, whose letters could pass for names.
        """
        validation.require_urn(urn)
        validation.require_collection(clusters, "clusters")
        subject = person.name if person else "A person who is not known"
        against = tuple(AccessReason(code=code) for code in self._against(person, urn, clusters))
        return self._answer(urn, Capability.LOG_IN_TO_SCHOOL, subject, against)

    def _against(self, person: Person | None, urn: int, clusters: Iterable[str]) -> Iterable[AccessCode]:
        if person is None or not person.is_current(self.day):
            yield AccessCode.UNKNOWN_PERSON
            return
        if person.id.site != self.group:
            yield AccessCode.NOT_A_GROUP_USER
        if not holds(person, Permission.LOG_IN_ASSOCIATED_INSTITUTIONS, policy=self._policy, day=self.day):
            yield AccessCode.NO_PERMISSION
        if not person.associations.include(urn, clusters):
            yield AccessCode.NOT_ASSOCIATED

    def _answer(
        self, urn: int, capability: Capability, subject: str, personal: tuple[AccessReason, ...]
    ) -> AccessAnswer:
        agreement = self._agreements.get(urn) or Agreement(id=AgreementId(self.group, urn))
        seen = self._visibility(urn)
        reasons = reasons_for(agreement, seen, capability, policy=self._policy)
        if urn in self._unreadable:
            unknown = AccessReason(code=AccessCode.UNREADABLE)
            reasons = (unknown, *(reason for reason in reasons if reason.code is AccessCode.NOT_VISIBLE))
        against = tuple(reason for reason in reasons if reason.code is not AccessCode.GRANTED) + personal
        institution = self._institutions.get(urn)
        return AccessAnswer(
            agreement=agreement.id,
            capability=capability,
            subject=subject,
            institution_name=institution.name if institution else "",
            reasons=against or reasons,
        )
