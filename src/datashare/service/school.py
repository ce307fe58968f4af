"""What a school's user can do: see who asks for what, and accept or decline."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

import attrs

from datashare.codec import fingerprint
from datashare.domain.agreements import (
    Actor,
    Agreement,
    AgreementId,
    Approve,
    Batch,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    Event,
    RequestId,
    has_lapsed,
)
from datashare.domain.eligibility import holds
from datashare.domain.instants import london_day
from datashare.domain.levels import Capability
from datashare.domain.people import Permission
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId
from datashare.domain.timeline import AsOf
from datashare.domain.timeline_text import Names
from datashare.domain.visibility import Visibility
from datashare.errors import InvalidValue, Refused

from . import history
from .execute import run
from .host import Host, forbidden
from .outcomes import Done, NotDone

_IDS = uuid.UUID("0f7b53a4-6d1e-4f63-9d0e-5a3a8a6ff0d1")


@attrs.frozen(kw_only=True)
class SharingWithGroup:
    """What stands between the school and one group, as the school's page shows it (A11).

    Attributes:
        group: The group.
        visibility: Whether the group sees the school at present, and if not, why.
        agreement: The agreement: the open request, the level in force, the terms.
        level_label: The level in force in the words of the group's policy; empty without one.
        lapsed: Whether that level grants nothing, since the school was hidden for too long (X2).
        allows: What the level in force allows; nothing while the group does not see the school (X2).
        requested_label: The level of the open request; empty without one.
        would_add: What the open request would allow beyond that (U3).
        history: What has happened, in order.
    """

    group: Group
    visibility: Visibility
    agreement: Agreement
    level_label: str
    lapsed: bool
    allows: tuple[Capability, ...]
    requested_label: str
    would_add: tuple[Capability, ...]
    history: tuple[Event, ...]


@attrs.frozen
class SchoolSide:
    """A school's side, on behalf of one of its users.

    Everything here needs the permission *School: Action: Data Sharing Request: Administer* (P2), read anew each time.
    """

    _host: Host = attrs.field(repr=False)
    urn: int
    actor: Actor

    def page(self) -> tuple[SharingWithGroup, ...]:
        """Show the school's Data Sharing page: one entry for each group that has asked (A11).

        Raises:
            NotPermitted: The actor may not see requests at this school.
        """
        day = london_day(self._host.now())
        return tuple(self._entry(agreement, policy, day) for agreement, policy in self._shown(day))

    def shared_on(self, day: date) -> tuple[AsOf, ...]:
        """Tell what any group could see of the school in the course of a day in Europe/London, and by whose word (H1).

        Where an agreement of that day or before was imported later, the answer is that this is not recorded here
        (A10). The answers are in the order of the groups' text, those of one group in that of time.

        Cost: one history for each group that ever asked.

        Raises:
            InvalidValue: It is no day, or one to come.
            NotPermitted: The actor may not see requests at this school.
        """
        return history.shared_on(self._host, self._agreements_shown(), day)

    def names(self, answers: Iterable[AsOf]) -> Names:
        """Look up what those whom answers about the past name are called now (H4); who has gone is told as such.

        Raises:
            InvalidValue: They are no such answers, or about agreements that the actor may not see.
            NotPermitted: The actor may not see requests at this school.
        """
        return history.names(self._host, answers, ours=frozenset(self._agreements_shown()).__contains__)

    def _agreements_shown(self) -> tuple[AgreementId, ...]:
        return tuple(agreement.id for agreement, _ in self._shown(london_day(self._host.now())))

    def _shown(self, day: date) -> tuple[tuple[Agreement, Policy], ...]:
        """Find the agreements that the actor may see, each with its group's policy."""
        agreements = {one.group: one for one in self._host.store.states_at(self.urn)}
        found = self._host.institutions.institutions([self.urn]).get(self.urn)
        linked = found.groups if found else frozenset()
        policies = {group: self._host.policy(group) for group in {*agreements, *linked}}
        allowed = self._groups_shown(policies, day)
        return tuple((one, policies[group]) for group, one in agreements.items() if group in allowed)

    def _groups_shown(self, policies: dict[GroupId, Policy], day: date) -> set[GroupId]:
        """Find the groups whose requests the actor may see; policies may differ in who may (P2)."""
        person = self._host.person(self.actor)
        permission = Permission.ADMINISTER_DATA_SHARING_REQUEST
        shown = {group for group, policy in policies.items() if holds(person, permission, policy=policy, day=day)}
        if person is None or person.id.site != self.urn or not shown:
            raise forbidden(
                f"{self.actor} does not hold {permission.value} at school {self.urn}. Ask somebody who does."
            )
        return shown

    def _entry(self, agreement: Agreement, policy: Policy, day: date) -> SharingWithGroup:
        group = self._host.group_or_gone(agreement.group)
        seen = self._host.see(group, policy, [self.urn], day)[self.urn]
        level, request = agreement.level, agreement.request
        lapsed = has_lapsed(agreement, policy=policy, day=day)
        return SharingWithGroup(
            group=group,
            visibility=seen,
            agreement=agreement,
            level_label=policy.label(level) if level else "",
            lapsed=lapsed,
            allows=level.adds_to(None) if level and seen.visible and not lapsed else (),
            requested_label=policy.label(request.level) if request else "",
            would_add=request.level.adds_to(None if lapsed else level) if request else (),
            history=tuple(self._host.store.history(agreement.id)),
        )

    def approve(self, request: RequestId, *, terms_version: str | None = None, command_id: str | None = None) -> Done:
        """Accept an open request; the level is in force at once (A1, A4-A7).

        Pressed twice by the same person, it is recorded once and answered twice.

        Args:
            request: The request that was shown.
            terms_version: The version of the terms that was shown, where it carries terms (A6).
            command_id: The caller's id; unless one is given, it derives from who answers what and how.

        Raises:
            Refused: The request is no longer open, saying who decided it and when; or another rule forbids it.
            NotPermitted: The actor may not answer for this school.
        """
        return self._answer(Approve(request=request, terms_version=terms_version), command_id)

    def decline(self, request: RequestId, *, reason: str, command_id: str | None = None) -> Done:
        """Decline an open request; the level in force, if any, stays (A2).

        Raises:
            Refused: As for `approve`.
            NotPermitted: The actor may not answer for this school.
        """
        return self._answer(Decline(request=request, reason=reason), command_id)

    def end(self, group: GroupId, *, note: str, command_id: str) -> Done:
        """End the agreement with *group*, where its policy lets the school do so (E1, E7).

        Raises:
            Refused: There is nothing to end.
            NotPermitted: The policy does not let the school, or the actor lacks the permission.
        """
        return self._carry_out(group, EndAgreement(urn=self.urn, cause=EndCause.BY_SCHOOL, note=note), command_id)

    def _answer(self, command: Approve | Decline, command_id: str | None) -> Done:
        if command.urn != self.urn:
            raise InvalidValue("request", str(command.request), f"a request to school {self.urn}")
        chosen = self._derived_id(command) if command_id is None else command_id
        return self._carry_out(command.request.agreement.group, command, chosen)

    def _derived_id(self, command: Command) -> str:
        return str(uuid.uuid5(_IDS, fingerprint(self.actor, command)[1]))

    def _carry_out(self, group: GroupId, command: Command, command_id: str) -> Done:
        batch = Batch(group=group, actor=self.actor, command_id=command_id, commands=[command])
        outcome = run(self._host, batch)[0]
        if isinstance(outcome, NotDone):
            raise Refused(outcome.reasons)
        return outcome
