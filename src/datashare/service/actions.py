"""What a group's user can order: ask, remind, withdraw, record, import and end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Generic, TypeVar

import attrs

from datashare.domain import validation
from datashare.domain.agreements import (
    ALL,
    Actor,
    AddRecipients,
    Batch,
    Command,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    Recipients,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    RequestId,
    Terms,
    Withdraw,
)
from datashare.domain.instants import london_day, to_optional_day
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission, PersonId
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue
from datashare.ports import ProgressCallback

from .host import Host, require_any

Chosen = Recipients | Mapping[int, Collection[PersonId]]
"""Whom to ask: `ALL`, the holders of roles, or people for each URN (Q10)."""

_Answer = TypeVar("_Answer")
_Finish = Callable[[Batch, type[Command], ProgressCallback | None], _Answer]


@attrs.frozen
class GroupActions(Generic[_Answer]):
    """The actions of a group's user.

    On the group's side they are carried out; on its `preview` they tell exactly what they would do, and do nothing
    (K3); on its `queued` they become a `Batch` for `DataSharing.run`, to be carried out elsewhere or later.

    Every action takes a command id of the caller's: repeated with the same id, what was done is answered and
    not done again (K4). Draw one, such as a UUID, when the page opens that offers the action.

    Every action raises `NotPermitted` or `Refused` where it is refused as a whole (R1), `InvalidValue` for values
    that cannot be right, `UnknownGroup` and `StoreError`; what is refused for one school is that school's outcome.
    """

    _host: Host = attrs.field(repr=False)
    group: GroupId
    actor: Actor
    _finish: _Finish[_Answer] = attrs.field(repr=False)

    def request(
        self,
        urns: Iterable[int],
        *,
        level: AccessLevel,
        command_id: str,
        sender: PersonId | None = None,
        recipients: Chosen = ALL,
        terms: Terms | None = None,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Ask schools for a level: the first time, or to raise the level in force (rules Q, U1).

        Args:
            urns: The schools; one named twice is asked once (K5).
            level: The level asked for.
            command_id: The caller's id for this action.
            sender: Whom the request is from; the actor, unless somebody else is named (P9).
            recipients: Whom it is sent to (Q10).
            terms: The terms it carries; an LA's request needs them (Q8).
            progress: Called as schools are decided, then when they are saved (K6).
        """
        schools = distinct_urns(urns)
        chosen = _for_each(recipients, schools)
        writer = self.actor if sender is None else sender
        if not isinstance(writer, PersonId):
            raise InvalidValue("sender", writer, "a PersonId, since a system cannot be a sender")
        commands = _commands(
            schools,
            lambda urn: RequestAccess(urn=urn, level=level, sender=writer, recipients=chosen(urn), terms=terms),
        )
        return self._done(RequestAccess, command_id, commands, progress)

    def add_recipients(
        self,
        requests: Iterable[RequestId],
        *,
        recipients: Chosen,
        command_id: str,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Send open requests to more people; who has one already is skipped and reported (Q4)."""
        named = _requests(requests)
        chosen = _for_each(recipients, [request.urn for request in named])
        commands = [AddRecipients(request=request, recipients=chosen(request.urn)) for request in named]
        return self._done(AddRecipients, command_id, commands, progress)

    def remind(
        self, requests: Iterable[RequestId], *, command_id: str, progress: ProgressCallback | None = None
    ) -> _Answer:
        """Remind the recipients of open requests who can still be reached (N2-N5)."""
        commands = [Remind(request=request) for request in _requests(requests)]
        return self._done(Remind, command_id, commands, progress)

    def withdraw(
        self,
        requests: Iterable[RequestId],
        *,
        command_id: str,
        reason: str = "",
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Take open requests back; their recipients are told (N6)."""
        commands = [Withdraw(request=request, reason=reason) for request in _requests(requests)]
        return self._done(Withdraw, command_id, commands, progress)

    def record_approval(
        self,
        urns: Iterable[int],
        *,
        level: AccessLevel,
        basis: str,
        command_id: str,
        terms: Terms | None = None,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Record approvals that a trust has settled centrally, with their basis (A9)."""
        commands = _commands(
            distinct_urns(urns), lambda urn: RecordApproval(urn=urn, level=level, basis=basis, terms=terms)
        )
        return self._done(RecordApproval, command_id, commands, progress)

    def import_agreements(
        self,
        agreements: Iterable[ImportAgreement],
        *,
        command_id: str,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Import agreements made before this library, where there is no history yet; no notices (A10)."""
        commands = tuple(validation.require_collection(agreements, "agreements"))
        for command in commands:
            if not isinstance(command, ImportAgreement):
                raise InvalidValue("agreements", command, "ImportAgreements")
        return self._done(ImportAgreement, command_id, commands, progress)

    def end(
        self,
        urns: Iterable[int],
        *,
        cause: EndCause,
        note: str,
        command_id: str,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """End agreements, closing their open requests too (E1, E7)."""
        commands = _commands(distinct_urns(urns), lambda urn: EndAgreement(urn=urn, cause=cause, note=note))
        return self._done(EndAgreement, command_id, commands, progress)

    def record_visibility(
        self,
        *,
        command_id: str,
        register_day: date | None = None,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Record, after a refresh of the register, which schools stopped or resumed being visible (E6).

        It ends nothing. A named system may do it. A register that is older than the last one applied to the group, or
        that knows none of its schools, is refused; what was recorded under the same command id is answered all the
        same (E3, K4).

        Args:
            command_id: The caller's id for this refresh.
            register_day: The register's day, where the directory of institutions does not tell it.
            progress: As for the other actions.
        """
        self._require_register_permission()  # P12: which schools stand is not for everybody, not even as a batch
        day = to_optional_day(register_day) or self._host.institutions.register_day()
        standing = (agreement for agreement in self._host.store.states(self.group) if agreement.stands)
        commands = [RecordVisibility(urn=agreement.urn, register_day=day) for agreement in standing]
        return self._done(RecordVisibility, command_id, commands, progress)

    def _require_register_permission(self) -> None:
        if isinstance(self.actor, PersonId):
            policy, person = self._host.policy(self.group), self._host.person(self.actor)
            wanted, day = (Permission.APPLY_REGISTER,), london_day(self._host.now())
            require_any(person, wanted, who=self.actor, site=self.group, policy=policy, day=day)

    def _done(
        self,
        kind: type[Command],
        command_id: str,
        commands: Iterable[Command],
        progress: ProgressCallback | None,
    ) -> _Answer:
        batch = Batch(group=self.group, actor=self.actor, command_id=command_id, commands=commands)
        return self._finish(batch, kind, progress)


def distinct_urns(urns: Iterable[int]) -> tuple[int, ...]:
    """Give each URN once, in the order in which they were named (K5)."""
    found = validation.require_collection(urns, "urns")
    return tuple(dict.fromkeys(validation.require_urn(urn) for urn in found))


def _commands(urns: Collection[int], make: Callable[[int], Command]) -> list[Command]:
    """Make a command for each school; what cannot be right is told even where no school was selected."""
    if not urns:
        make(validation.LEAST_URN)
    return [make(urn) for urn in urns]


def _requests(requests: Iterable[RequestId]) -> tuple[RequestId, ...]:
    """Give each request once, in the order in which they were named (K5)."""
    found = validation.require_collection(requests, "requests")
    words = "RequestIds; RequestId.parse reads one from text"
    return tuple(dict.fromkeys(validation.require_a(one, RequestId, "requests", words) for one in found))


def _for_each(recipients: Chosen, urns: Collection[int]) -> Callable[[int], Recipients]:
    """Give the choice of recipients for each school (Q10)."""
    if not isinstance(recipients, Mapping):
        return lambda _urn: recipients
    known = frozenset(urns)
    strangers = [urn for urn in recipients if urn not in known]
    if strangers:
        raise InvalidValue("recipients", strangers[0], "people of schools that are among those named")
    return lambda urn: Named(recipients.get(urn, ()))
