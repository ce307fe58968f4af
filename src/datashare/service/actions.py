"""What a group's user can do: ask, remind, withdraw, record, import and end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Generic, TypeVar

import attrs

from datashare.domain import validation
from datashare.domain.agreements.commands import (
    ALL,
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
    Withdraw,
)
from datashare.domain.agreements.ids import Actor, RequestId, Terms
from datashare.domain.instants import to_optional_day
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission, PersonId
from datashare.domain.register import GroupId
from datashare.errors import InvalidInput
from datashare.ports import ProgressCallback, readable

from .host import Host

Chosen = Recipients | Mapping[int, Collection[PersonId]]
"""Whom to ask: `ALL`, the holders of roles, or people for each URN (Q10)."""

_Answer = TypeVar("_Answer")


@attrs.frozen(eq=False)
class GroupActions(ABC, Generic[_Answer]):
    """The actions of a group's user: carried out, previewed or queued.

    Every action takes a command id of the caller's. An action that is repeated with the same id is not done again;
    the answer says what was done (K4). Draw an id, such as a UUID, when the page opens that offers the action.

    Every action raises `NotPermitted` or `Refused` if it is refused as a whole (R1), `InvalidValue` for values
    that cannot be right, `UnknownGroup` and `StoreError`. A refusal for one school is that school's outcome.
    """

    _host: Host = attrs.field(repr=False)
    group: GroupId
    actor: Actor

    @abstractmethod
    def _finish(self, batch: Batch, kind: type[Command], progress: ProgressCallback | None) -> _Answer:
        """Carry the batch out, preview it, or hand it over; *kind* says what is asked of an empty selection."""

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
            urns: The schools; a school named twice is asked once (K5).
            level: The level asked for.
            command_id: The caller's id for this action.
            sender: Whom the request is from; the actor, unless somebody else is named (P9).
            recipients: Whom it is sent to (Q10).
            terms: The terms it carries; an LA's request needs them (Q8).
            progress: Called as schools are decided, then when they are saved (K6).
        """
        schools = distinct_urns(urns)
        recipients_at = _recipients_by_school(recipients, schools)
        from_whom = self.actor if sender is None else sender
        if not isinstance(from_whom, PersonId):
            raise InvalidInput("sender", from_whom, "a PersonId, since a system cannot be a sender")

        def ask(urn: int) -> RequestAccess:
            return RequestAccess(urn=urn, level=level, sender=from_whom, recipients=recipients_at(urn), terms=terms)

        return self._act(RequestAccess, _commands(schools, ask), command_id, progress)

    def add_recipients(
        self,
        requests: Iterable[RequestId],
        *,
        recipients: Chosen,
        command_id: str,
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Send open requests to more people; who has one already is skipped and reported (Q4)."""
        named = _distinct_requests(requests)
        recipients_at = _recipients_by_school(recipients, [request.urn for request in named])
        commands = [AddRecipients(request=request, recipients=recipients_at(request.urn)) for request in named]
        return self._act(AddRecipients, commands, command_id, progress)

    def remind(
        self, requests: Iterable[RequestId], *, command_id: str, progress: ProgressCallback | None = None
    ) -> _Answer:
        """Remind the recipients of open requests who can still be reached (N2-N5)."""
        commands = [Remind(request=request) for request in _distinct_requests(requests)]
        return self._act(Remind, commands, command_id, progress)

    def withdraw(
        self,
        requests: Iterable[RequestId],
        *,
        command_id: str,
        reason: str = "",
        progress: ProgressCallback | None = None,
    ) -> _Answer:
        """Take open requests back; their recipients are notified (N6)."""
        commands = [Withdraw(request=request, reason=reason) for request in _distinct_requests(requests)]
        return self._act(Withdraw, commands, command_id, progress)

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

        def record(urn: int) -> RecordApproval:
            return RecordApproval(urn=urn, level=level, basis=basis, terms=terms)

        commands = _commands(distinct_urns(urns), record)
        return self._act(RecordApproval, commands, command_id, progress)

    def import_agreements(
        self, agreements: Iterable[ImportAgreement], *, command_id: str, progress: ProgressCallback | None = None
    ) -> _Answer:
        """Import agreements that are older than this library, where there is no history yet; no notices (A10)."""
        commands = [
            validation.require_a(command, ImportAgreement, "agreements", "ImportAgreements")
            for command in validation.require_collection(agreements, "agreements")
        ]
        return self._act(ImportAgreement, commands, command_id, progress)

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
        return self._act(EndAgreement, commands, command_id, progress)

    def record_visibility(
        self, *, command_id: str, register_day: date | None = None, progress: ProgressCallback | None = None
    ) -> _Answer:
        """Record, after a refresh of the register, which schools stopped or resumed being visible (E6).

        It ends nothing. A named system may do it. A register that is older than the last one applied to the group,
        that knows none of its schools, or that is not of the day that the caller states, is refused. A repetition under
        the same command id is answered nevertheless (E3, K4).

        Args:
            command_id: The caller's id for this refresh.
            register_day: The register's day, in Europe/London, where the directory of institutions does not know it.
                Where it knows one, another day is refused.
            progress: As for the other actions.
        """
        if isinstance(self.actor, PersonId):  # P12: nobody else may learn which schools have agreements
            policy, today = self._host.policy(self.group), self._host.today()
            self._host.require_any(self.actor, [Permission.APPLY_REGISTER], group=self.group, policy=policy, day=today)
        day = to_optional_day(register_day, "register_day") or self._host.institutions.register_day()
        standing = (state for state in readable(self._host.store.states(self.group)) if state.stands)
        commands = [RecordVisibility(urn=agreement.urn, register_day=day) for agreement in standing]
        return self._act(RecordVisibility, commands, command_id, progress)

    def _act(
        self, kind: type[Command], commands: Iterable[Command], command_id: str, progress: ProgressCallback | None
    ) -> _Answer:
        batch = Batch(group=self.group, actor=self.actor, command_id=command_id, commands=commands)
        return self._finish(batch, kind, progress)


def distinct_urns(urns: Iterable[int]) -> tuple[int, ...]:
    """Return each URN once, in the order in which they were named (K5)."""
    named = validation.require_collection(urns, "urns")
    return tuple(dict.fromkeys(validation.require_urn(urn) for urn in named))


def _distinct_requests(requests: Iterable[RequestId]) -> tuple[RequestId, ...]:
    """Return each request once, in the order in which they were named (K5)."""
    expected = "RequestIds; RequestId.parse reads one from text"
    named = validation.require_collection(requests, "requests")
    return tuple(dict.fromkeys(validation.require_a(request, RequestId, "requests", expected) for request in named))


def _commands(urns: Collection[int], build: Callable[[int], Command]) -> list[Command]:
    """Build a command for each school; invalid arguments are rejected even if no school was selected."""
    if not urns:
        build(validation.LEAST_URN)
    return [build(urn) for urn in urns]


def _recipients_by_school(recipients: Chosen, urns: Collection[int]) -> Callable[[int], Recipients]:
    """Return the function that says who is asked at each school (Q10)."""
    if not isinstance(recipients, Mapping):
        return lambda _urn: recipients
    named = frozenset(urns)
    strangers = [urn for urn in recipients if urn not in named]
    if strangers:
        raise InvalidInput("recipients", strangers[0], "people of schools that are among those named")
    return lambda urn: Named(recipients.get(urn, ()))
