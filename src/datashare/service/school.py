"""What a school's user does and sees: who asks for what, to accept or to decline."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

import attrs

from datashare.codec import fingerprint
from datashare.domain import timeline as past
from datashare.domain.agreements.authorise import why_not
from datashare.domain.agreements.commands import Approve, Batch, Command, Decline, EndAgreement, EndCause
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId
from datashare.domain.agreements.refusals import Reason, RefusalCode
from datashare.domain.agreements.state import Agreement, granted, request_has_lapsed
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import Capability
from datashare.domain.people import Permission
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId
from datashare.domain.timeline import AsOf
from datashare.domain.timeline_text import Names
from datashare.domain.visibility import Visibility
from datashare.errors import InvalidInput, NotPermitted, Refused, StoreUnreadable

from . import history
from .execute import run
from .host import Host
from .outcomes import Done, NotDone
from .view import View

_IDS = uuid.UUID("0f7b53a4-6d1e-4f63-9d0e-5a3a8a6ff0d1")


@attrs.frozen(kw_only=True)
class SharingWithGroup:
    """The agreement between the school and one group, as the school's page shows it (A11).

    Attributes:
        group: The group.
        visibility: Whether the group sees the school at present, and if not, why.
        agreement: The agreement: the open request, the level in force, the terms.
        level_label: The level in force in the words of the group's policy; empty without one.
        lapsed: Whether that level grants nothing, since the school was hidden for too long (X2).
        allows: What the level in force allows; nothing while the group does not see the school (X2).
        requested_label: The level of the open request; empty without one.
        would_add: What the open request would allow beyond that (U3).
        request_lapsed: Whether the open request can no longer be accepted, since the school was hidden for too long
            after it was sent (X2).
        history: What has happened, in order.
        unreadable: Whether what is kept of the agreement cannot be read; then *agreement* and *history* hold nothing.
    """

    group: Group
    visibility: Visibility
    agreement: Agreement
    level_label: str
    lapsed: bool
    allows: tuple[Capability, ...]
    requested_label: str
    would_add: tuple[Capability, ...]
    request_lapsed: bool
    history: tuple[Event, ...]
    unreadable: bool = False


@attrs.frozen(eq=False)
class SchoolSide:
    """A school's side, on behalf of one of its users.

    Everything here needs the permission *School: Action: Data Sharing Request: Administer* (P2), read anew each time.
    """

    _host: Host = attrs.field(repr=False)
    urn: int
    actor: Actor

    def page(self) -> tuple[SharingWithGroup, ...]:
        """Return the school's Data Sharing page: one entry for each group that has asked (A11).

        Raises:
            NotPermitted: The actor may not see requests at this school.
        """
        now = self._host.now()
        return tuple(
            self._entry(id_, state, self._view(id_, policy, now)) for id_, state, policy in self._agreements(now)
        )

    def shared_on(self, day: date) -> tuple[AsOf, ...]:
        """List what any group could see of the school on a day in Europe/London, and who approved that (H1).

        If an agreement of that day or before was imported later, the answer is that this is not recorded here
        (A10). The answers are in the order of the groups' text, those of one group in the order of time.

        Cost: one history for each group that ever asked, and two calls for what it sees at present.

        Raises:
            InvalidValue: It is not a day, or is in the future.
            NotPermitted: The actor may not see requests at this school.
        """
        now = self._host.now()
        agreements = self._agreements(now)
        day = history.past_day(day, now)
        return tuple(
            answer
            for agreement, _, policy in agreements
            for answer in past.shared_on(
                agreement,
                self._host.store.history(agreement),
                day,
                **self._view(agreement, policy, now).reading(self.urn),
            )
        )

    def names(self, answers: Iterable[AsOf | Event]) -> Names:
        """Look up the present names of the people and groups in answers about the past, or in events (H4).

        Whoever has left the directory has no name here, nor has who does not stand in the record.

        Raises:
            InvalidValue: They are not such answers, or are about agreements that the actor may not see.
            NotPermitted: The actor may not see requests at this school.
        """
        own = frozenset(id_ for id_, *_ in self._agreements(self._host.now()))
        return history.names(self._host, answers, ours=own.__contains__)

    def _view(self, agreement: AgreementId, policy: Policy, now: Instant) -> View:
        """Look at what the group of an agreement sees."""
        return View(host=self._host, group=self._host.group_or_gone(agreement.group), policy=policy, now=now)

    def _agreements(self, now: Instant) -> list[tuple[AgreementId, Agreement | None, Policy]]:
        """Find the agreements that the actor may see, each with its group's policy; policies differ in who may (P2).

        An agreement that cannot be read is `None`.

        Raises:
            NotPermitted: The actor may see no agreement of this school; the school may have agreements or not.
        """
        states = self._host.store.states_at(self.urn)
        kept = {state.id if isinstance(state, Agreement) else state.agreement: state for state in states}
        agreements = [(id_, state) for id_, state in kept.items() if id_]  # verify() reports a key that names none
        institution = self._host.institutions.institutions([self.urn]).get(self.urn)
        groups = {id_.group for id_, _ in agreements} | (institution.groups if institution else set())
        policies = {group: policy for group in groups if (policy := self._host.policy_or_none(group))}
        person, day = self._host.person(self.actor), london_day(now)

        def why(policy: Policy) -> str:
            wanted, action = [Permission.ADMINISTER_DATA_SHARING_REQUEST], "see data sharing requests"
            return why_not(self.actor, person, wanted, home=self.urn, policy=policy, day=day, action=action)

        refusals = [why(policy) for policy in policies.values() or [Policy.mat()]]
        if all(refusals):
            raise NotPermitted([Reason(code=RefusalCode.NOT_PERMITTED, detail=refusals[0])])
        may_see = {group for group, policy in policies.items() if not why(policy)}
        return [
            (id_, state if isinstance(state, Agreement) else None, policies[id_.group])
            for id_, state in agreements
            if id_.group in may_see
        ]

    def _entry(self, id_: AgreementId, state: Agreement | None, view: View) -> SharingWithGroup:
        policy, day, visibility = view.policy, view.day, view.visibility([self.urn])[self.urn]
        happened: tuple[Event, ...] = ()
        try:
            happened = tuple(self._host.store.history(id_)) if state else ()
        except StoreUnreadable:
            state = None
        agreement = state or Agreement(id=id_)
        level, request = agreement.level, agreement.request
        while_visible = granted(agreement, visible=True, policy=policy, day=day)
        now = granted(agreement, visible=visibility.visible, policy=policy, day=day)
        return SharingWithGroup(
            group=view.group,
            visibility=visibility,
            agreement=agreement,
            level_label=policy.label(level) if level else "",
            lapsed=while_visible is not level,
            allows=now.adds_to(None) if now else (),
            requested_label=policy.label(request.level) if request else "",
            would_add=request.level.adds_to(while_visible) if request else (),
            request_lapsed=bool(request and request_has_lapsed(agreement, request, happened, policy=policy, day=day)),
            history=happened,
            unreadable=state is None,
        )

    def approve(self, request: RequestId, *, terms_version: str | None = None, command_id: str | None = None) -> Done:
        """Accept an open request; the level is in force at once (A1, A4-A7).

        If the same person presses twice, it is recorded once and answered twice.

        Args:
            request: The request that was shown.
            terms_version: The version of the terms that was shown, if the request carries terms (A6).
            command_id: The caller's id; by default it is derived from who answers what and how.

        Raises:
            Refused: The request is no longer open, and the reason says who closed it and when; or another rule
                forbids it.
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
        """End the agreement with *group*, if its policy lets the school do so (E1, E7).

        Raises:
            Refused: There is nothing to end.
            NotPermitted: The policy does not let the school do so, or the actor lacks the permission.
        """
        return self._carry_out(group, EndAgreement(urn=self.urn, cause=EndCause.BY_SCHOOL, note=note), command_id)

    def _answer(self, command: Approve | Decline, command_id: str | None) -> Done:
        if command.urn != self.urn:
            raise InvalidInput("request", str(command.request), f"a request to school {self.urn}")
        if command_id is None:
            command_id = str(uuid.uuid5(_IDS, fingerprint(self.actor, command)[1]))
        return self._carry_out(command.request.agreement.group, command, command_id)

    def _carry_out(self, group: GroupId, command: Command, command_id: str) -> Done:
        outcome = run(self._host, Batch(group=group, actor=self.actor, command_id=command_id, commands=[command]))[0]
        if isinstance(outcome, NotDone):
            raise Refused(outcome.reasons)
        return outcome
