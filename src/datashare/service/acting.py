"""How an action is carried out: admitted, decided school by school, and saved; the one place that saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from datashare.codec import fingerprint
from datashare.domain.agreements import (
    Agreement,
    AgreementId,
    Batch,
    Command,
    Decided,
    Event,
    Facts,
    Reason,
    Refusal,
    RefusalCode,
    RequestAccess,
    RequestId,
    RequestSent,
    decide,
    evolve,
    refusals_as_a_whole,
    request_of,
)
from datashare.domain.notices import notices_for
from datashare.domain.people import PersonId
from datashare.errors import NotPermitted, Refused
from datashare.ports import Change, KeptOutcome, Progress, ProgressReport, Stage

from .host import Host, Scope, present
from .outcomes import Done, NotDone, Outcome, Outcomes

ROUNDS = 4
"""A school is decided once, and again at most three times when others changed it in between (design: ports)."""


def run(
    host: Host, batch: Batch, *, preview: bool = False, progress: ProgressReport | None = None
) -> Outcomes:
    """Carry *batch* out; as a preview, tell what it would do and do nothing (K1-K6).

    Cost: a constant number of port calls, whatever the number of schools; the same again for each round in which
    a school lost a race.

    Raises:
        Refused: The action is refused as a whole, before anything happened (R1, K2).
        UnknownGroup: The register does not know the group.
        StoreError: The store could not do its work.
    """
    scope = _admit(host, batch)
    action = _Action(host, batch, preview, progress or (lambda _progress: None))
    outcomes: dict[Command, Outcome] = {}
    waiting = batch.commands
    for number in range(ROUNDS):
        if not waiting:
            break
        fresh = attrs.evolve(scope, now=host.now()) if number else scope
        outcomes |= action.round(fresh, waiting)
        waiting = tuple(command for command in waiting if _lost(outcomes[command]))
    return Outcomes(outcomes[command] for command in batch.commands)


def _lost(outcome: Outcome) -> bool:
    return isinstance(outcome, NotDone) and outcome.code is RefusalCode.CONFLICT


def _admit(host: Host, batch: Batch) -> Scope:
    """Read who acts and refuse the whole action where the rules say so (R1)."""
    group, policy, now = host.group(batch.group), host.policy(batch.group), host.now()
    named = {command.sender for command in batch.commands if isinstance(command, RequestAccess)}
    who = named | ({batch.actor} if isinstance(batch.actor, PersonId) else set())
    people = host.people.people(who)
    scope = Scope(
        now=now, actor=batch.actor, command_id=batch.command_id, group=group, policy=policy, people=people
    )
    reasons = refusals_as_a_whole(batch, group=group, people=people, policy=policy, day=scope.day)
    if reasons:
        raise (NotPermitted if reasons[0].code is RefusalCode.NOT_PERMITTED else Refused)(reasons)
    return scope


@attrs.frozen
class _Action:
    """One action under way."""

    host: Host
    batch: Batch
    preview: bool
    report: ProgressReport

    def round(self, scope: Scope, commands: tuple[Command, ...]) -> dict[Command, Outcome]:
        """Decide *commands* on fresh facts and save what they do."""
        wanted = {command: self.batch.agreement_of(command) for command in commands}
        loaded = self.host.store.load(set(wanted.values()), command_id=self.batch.command_id)
        agreements = present(loaded.agreements, wanted.values())
        facts = self.host.gather(scope, agreements.values())
        kept = _Kept.of(loaded.kept)
        prints = {command: fingerprint(self.batch.actor, command) for command in commands}
        if kept.by_another_command(prints, wanted):
            raise Refused([Reason(code=RefusalCode.COMMAND_ID_REUSED)])
        outcomes: dict[Command, Outcome] = {}
        changes: dict[Command, Change] = {}
        for done, command in enumerate(commands, start=1):
            agreement = agreements[wanted[command]]
            repeated = kept.by_target.get((agreement.id, request_of(command)))
            if repeated:
                outcomes[command] = _replay(repeated, agreement)
            else:
                outcome = _decided(agreement, command, facts[agreement.urn])
                outcomes[command] = outcome
                if isinstance(outcome, Done) and outcome.events:
                    changes[command] = _change(agreement, outcome, command, prints[command])
            self.report(Progress(stage=Stage.DECIDED, done=done, total=len(commands)))
        return self._saved(outcomes, changes)

    def _saved(
        self, outcomes: dict[Command, Outcome], changes: dict[Command, Change]
    ) -> dict[Command, Outcome]:
        if self.preview or not changes:
            return outcomes
        losers = self.host.store.append(tuple(changes.values()))
        self.report(Progress(stage=Stage.SAVED, done=len(changes) - len(losers), total=len(outcomes)))
        conflict = Reason(code=RefusalCode.CONFLICT)
        lost = {
            command: NotDone(agreement=change.id, request=request_of(command), reasons=(conflict,))
            for command, change in changes.items()
            if change.id in losers
        }
        return {**outcomes, **lost}


@attrs.frozen
class _Kept:
    """The outcomes kept under the command id of this action."""

    by_target: Mapping[tuple[AgreementId, RequestId | None], KeptOutcome]

    @classmethod
    def of(cls, outcomes: Iterable[KeptOutcome]) -> _Kept:
        return cls({(one.agreement, one.request): one for one in outcomes})

    def by_another_command(
        self, prints: Mapping[Command, tuple[str, str]], wanted: Mapping[Command, AgreementId]
    ) -> bool:
        """Tell whether the command id was used for something else in the group (K4)."""
        own = {(wanted[command], request_of(command)): digest for command, (_, digest) in prints.items()}
        shared = {digest for digest, _ in prints.values()}
        return any(
            own[target] != outcome.own_digest if target in own else outcome.shared_digest not in shared
            for target, outcome in self.by_target.items()
        )


def _replay(kept: KeptOutcome, agreement: Agreement) -> Done:
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


def _decided(agreement: Agreement, command: Command, facts: Facts) -> Outcome:
    answer = decide(agreement, command, facts)
    match answer:
        case Refusal(reasons):
            return NotDone(agreement=agreement.id, request=request_of(command), reasons=reasons)
        case Decided(events, cautions):
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


def _request_in(events: tuple[Event, ...]) -> RequestId | None:
    return next((event.request for event in events if isinstance(event, RequestSent)), None)


def _change(before: Agreement, done: Done, command: Command, prints: tuple[str, str]) -> Change:
    closed = before.request.id if before.request and done.after.request is None else None
    return Change(
        decided_on=before.version,
        after=done.after,
        events=done.events,
        notices=done.notices,
        kept=KeptOutcome(
            agreement=before.id,
            command_id=done.events[0].command_id,
            request=request_of(command),
            shared_digest=prints[0],
            own_digest=prints[1],
            events=done.events,
            cautions=done.cautions,
        ),
        closes=closed,
    )
