"""How an action is carried out: admitted, decided school by school, and saved; the one place that saves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import assert_never

import attrs

from datashare.codec import fingerprints
from datashare.domain import validation
from datashare.domain.agreements import (
    Agreement,
    AgreementId,
    Batch,
    Command,
    Decision,
    DecisionContext,
    Event,
    ImportAgreement,
    Reason,
    RecordVisibility,
    Refusal,
    RefusalCode,
    RequestAccess,
    RequestId,
    RequestSent,
    decide,
    evolve,
    in_order,
    not_permitted,
    older_register,
    refusals_as_a_whole,
    request_of,
    side_of,
)
from datashare.domain.notices import notices_for
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.errors import InvalidValue, NotPermitted, Refused
from datashare.ports import Change, Progress, ProgressCallback, RecordedOutcome, Stage

from .host import Host, Scope, present
from .outcomes import Done, NotDone, Outcome, Outcomes

ROUNDS = 4
"""A school is decided once, and again at most three times when others changed it in between.

Within a transaction of the host's it is decided once: what others have saved may not show there.
"""


def run(
    host: Host,
    batch: Batch,
    *,
    kind: type[Command] | None = None,
    preview: bool = False,
    register_checked: bool = False,
    progress: ProgressCallback | None = None,
) -> Outcomes:
    """Carry *batch* out; as a preview, tell what it would do and do nothing (K1-K6).

    Cost: a constant number of port calls, whatever the number of schools; the same again for each round in which
    a school lost a race.

    Args:
        host: The host's ports.
        batch: The action.
        kind: What was asked of an empty selection, so that it too needs the permission (K2, K5).
        preview: Whether to do nothing.
        register_checked: Whether the caller made sure that the register holds schools of the group (E3).
        progress: Called as schools are decided, then when they are saved (K6).

    Raises:
        Refused: The action is refused as a whole, before anything happened (R1, K2).
        InvalidValue: An agreement to import is from a day to come.
        UnknownGroup: The register does not know the group.
        StoreError: The store could not do its work.
    """
    if progress is not None:
        validation.require_callable(progress, "progress", "something to call with a Progress")
    scope = _admit(host, batch, kind)
    asked = _asked(batch)
    action = _Action(host, batch, preview, progress, asked, register_checked)
    outcomes: dict[_Target, Outcome] = {}
    waiting = list(asked)
    for number in range(1 if host.store.in_host_transaction else ROUNDS):
        if not waiting:
            break
        fresh = attrs.evolve(scope, now=host.now()) if number else scope
        some_done = any(isinstance(outcome, Done) for outcome in outcomes.values())
        found, waiting = action.round(fresh, waiting, some_done=some_done)
        outcomes |= found
    if not preview:
        _note_register(host, batch)
    return Outcomes(outcomes.values())  # in the order in which the schools were named


def _note_register(host: Host, batch: Batch) -> None:
    """Note which register was applied to the group (E6)."""
    days = _register_days(batch)
    if days:
        host.store.note_register(batch.group, max(days))


def _register_days(batch: Batch) -> list[date]:
    return [one.register_day for one in batch.commands if isinstance(one, RecordVisibility) and one.register_day]


def _admit(host: Host, batch: Batch, kind: type[Command] | None) -> Scope:
    """Read who acts, and refuse who may not, before anything else is looked at (K2)."""
    from_school = any(side_of(command) is Party.SCHOOL for command in batch.commands)
    group = host.group_or_gone(batch.group) if from_school else host.group(batch.group)
    policy, now = host.policy(batch.group), host.now()
    named = {command.sender for command in batch.commands if isinstance(command, RequestAccess)}
    who = named | ({batch.actor} if isinstance(batch.actor, PersonId) else set())
    people = host.people.people(who)
    scope = Scope(now=now, actor=batch.actor, command_id=batch.command_id, group=group, policy=policy, people=people)
    forbidden = not_permitted(batch, people=people, policy=policy, day=scope.day, kind=kind)
    if forbidden:
        raise NotPermitted([forbidden])
    _refuse_days_to_come(batch, scope.day)
    return scope


def _refuse_days_to_come(batch: Batch, today: date) -> None:
    for command in batch.commands:
        if isinstance(command, ImportAgreement) and command.agreed_on > today:
            what = f"ImportAgreement.agreed_on of school {command.urn}"
            raise InvalidValue(what, command.agreed_on, "no later than today")
        if isinstance(command, RecordVisibility) and command.register_day and command.register_day > today:
            raise InvalidValue("register_day", command.register_day, "no later than today")


_Target = tuple[AgreementId, RequestId | None]
"""What a command is about: an agreement, and the request that it names, if it names one."""


def _asked(batch: Batch) -> dict[_Target, Command]:
    return {(batch.agreement_of(command), request_of(command)): command for command in batch.commands}


@attrs.frozen
class _Action:
    """One action under way."""

    host: Host
    batch: Batch
    preview: bool
    progress: ProgressCallback | None
    asked: Mapping[_Target, Command]
    register_checked: bool

    @cached_property
    def digests(self) -> Mapping[_Target, tuple[str, str]]:
        """What tells a repeated command from a different one: its shared digest and its own (K4)."""
        return dict(zip(self.asked, fingerprints(self.batch.actor, self.asked.values()), strict=True))

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Tell whoever wants to know how far it is (K6)."""
        if self.progress is not None:
            self.progress(Progress(stage=stage, done=done, total=total))

    @cached_property
    def outdated(self) -> Reason | None:
        """Why what a register shows is not recorded: a newer one was applied to the group (E3)."""
        days = _register_days(self.batch)
        last = self.host.store.last_register(self.batch.group) if days else None
        return older_register(min(days), last) if days else None

    def _not_to_record(self, scope: Scope, facts: Mapping[int, DecisionContext]) -> Reason | None:
        """Tell why nothing of what a register shows is recorded, where it is outdated or cut short (E3).

        Cost: a call for the group's schools, only where the register knows none of those of the agreements.
        """
        if not any(isinstance(one, RecordVisibility) for one in self.batch.commands):
            return None
        # What lost a race is a part only, and the first look was at the whole.
        checked = self.register_checked or len(facts) < len(self.asked)
        known = any(one.visibility.institution for one in facts.values())
        if checked or known or self.host.institutions.linked(scope.group.id):
            return self.outdated
        return Reason(code=RefusalCode.REGISTER_EMPTY)

    def round(
        self, scope: Scope, waiting: Sequence[_Target], *, some_done: bool
    ) -> tuple[dict[_Target, Outcome], list[_Target]]:
        """Decide what is waiting on fresh facts, and save what it does.

        Returns:
            The outcomes, and what lost a race and has to be decided again; a `CONFLICT` that was decided is none.
        """
        ids = {agreement for agreement, _ in waiting}
        loaded = self.host.store.load(ids, command_id=self.batch.command_id)
        agreements = present(loaded.agreements, ids)
        facts = self.host.gather(scope, agreements.values())
        repeated = self._repeated(loaded.outcomes)
        used, against = False, None
        if any(target not in repeated for target in waiting):
            used, against = self._used_otherwise(loaded.outcomes), self._not_to_record(scope, facts)
            # R1: but what the action did before another one took its id is not hidden
            some_done = some_done or (used and bool(repeated))
            refused = [against] if against and not loaded.outcomes else []
            self._refuse_as_a_whole(scope, refused, used=used, some_done=some_done)
        outcomes: dict[_Target, Outcome] = {}
        changes: list[Change] = []
        for done, target in enumerate(waiting, start=1):
            agreement = agreements[target[0]]
            if kept := repeated.get(target):
                outcomes[target] = _replay(kept, agreement)
            elif used:
                outcomes[target] = _not_done(target, Reason(code=RefusalCode.COMMAND_ID_REUSED))
            elif against:
                outcomes[target] = _not_done(target, against)
            else:
                outcome = _decided(agreement, self.asked[target], facts[agreement.urn])
                outcomes[target] = outcome
                if isinstance(outcome, Done) and outcome.events and not self.preview:
                    changes.append(_change(agreement, outcome, target[1], self.digests[target]))
            self.report(Stage.DECIDED, done, len(waiting))
        return self._saved(outcomes, changes)

    def _refuse_as_a_whole(self, scope: Scope, against: list[Reason], *, used: bool, some_done: bool) -> None:
        """Refuse the whole action where the rules say so (R1), unless a part of it has been done already.

        What was done under the command id is answered on repetition, whatever has moved since (K4).
        """
        found = refusals_as_a_whole(
            self.batch, group=scope.group, people=scope.people, policy=scope.policy, day=scope.day
        )
        reasons = [*found, *against, *([Reason(code=RefusalCode.COMMAND_ID_REUSED)] if used else [])]
        if reasons and not some_done:
            raise Refused(in_order(reasons))

    def _repeated(self, kept: Iterable[RecordedOutcome]) -> dict[_Target, RecordedOutcome]:
        """Find what this very action did before; another one that took its id at once hides none of it (K4)."""
        known = {(one.agreement, one.request): one for one in kept}
        return {
            target: one
            for target, one in known.items()
            if (asked := self.digests.get(target)) and asked[1] == one.own_digest
        }

    def _used_otherwise(self, kept: Collection[RecordedOutcome]) -> bool:
        """Tell whether the command id was used for something else in the group (K4)."""
        if not kept:
            return False
        shared = {shared for shared, _ in self.digests.values()}
        agreements = {agreement for agreement, _ in self.asked}
        return any(self._differs(one, shared, agreements) for one in kept)

    def _differs(self, kept: RecordedOutcome, shared: set[str], agreements: set[AgreementId]) -> bool:
        asked = self.digests.get((kept.agreement, kept.request))
        if asked:
            return asked[1] != kept.own_digest
        # A school keeps one outcome under a command id, so another request of it cannot be meant.
        return kept.agreement in agreements or kept.shared_digest not in shared

    def _saved(
        self, outcomes: dict[_Target, Outcome], changes: Sequence[Change]
    ) -> tuple[dict[_Target, Outcome], list[_Target]]:
        if not changes:
            return outcomes, []
        losers = self.host.store.append(changes)
        self.report(Stage.SAVED, len(changes) - len(losers), len(outcomes))
        conflict = Reason(code=RefusalCode.CONFLICT)
        lost = [(change.id, change.request) for change in changes if change.id in losers]
        return {**outcomes, **{target: _not_done(target, conflict) for target in lost}}, lost


def _not_done(target: _Target, reason: Reason) -> NotDone:
    return NotDone(agreement=target[0], request=target[1], reasons=(reason,))


def _replay(kept: RecordedOutcome, agreement: Agreement) -> Done:
    """Answer a repeated command with what it did the first time (K4)."""
    return Done(
        agreement=kept.agreement,
        request=_request_in(kept.events) or kept.request,
        events=kept.events,
        notices=(),
        cautions=kept.cautions,
        after=agreement,
        replayed=True,
    )


def _decided(agreement: Agreement, command: Command, facts: DecisionContext) -> Outcome:
    answer = decide(agreement, command, facts)
    match answer:
        case Refusal(reasons):
            return NotDone(agreement=agreement.id, request=request_of(command), reasons=reasons)
        case Decision(events, cautions):
            after = agreement
            for event in events:
                after = evolve(after, event)
            return Done(
                agreement=agreement.id,
                request=_request_in(events) or request_of(command),
                events=events,
                notices=notices_for(agreement, events, facts),
                cautions=cautions,
                after=after,
            )
        case _:
            assert_never(answer)


def _request_in(events: tuple[Event, ...]) -> RequestId | None:
    return next((event.request for event in events if isinstance(event, RequestSent)), None)


def _change(before: Agreement, done: Done, named: RequestId | None, digests: tuple[str, str]) -> Change:
    closed = before.request.id if before.request and done.after.request is None else None
    return Change(
        decided_on=before.version,
        after=done.after,
        events=done.events,
        notices=done.notices,
        closes=closed,
        request=named,
        shared_digest=digests[0],
        own_digest=digests[1],
        cautions=done.cautions,
    )
