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
    ImportAgreement,
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
from datashare.errors import InvalidValue, NotPermitted, Refused
from datashare.ports import Change, KeptOutcome, Progress, ProgressReport, Stage

from .host import Host, Scope, present
from .outcomes import Done, NotDone, Outcome, Outcomes

ROUNDS = 4
"""A school is decided once, and again at most three times when others changed it in between (design: ports)."""


def run(host: Host, batch: Batch, *, preview: bool = False, progress: ProgressReport | None = None) -> Outcomes:
    """Carry *batch* out; as a preview, tell what it would do and do nothing (K1-K6).

    Cost: a constant number of port calls, whatever the number of schools; the same again for each round in which
    a school lost a race.

    Raises:
        Refused: The action is refused as a whole, before anything happened (R1, K2).
        InvalidValue: An agreement to import is from a day to come.
        UnknownGroup: The register does not know the group.
        StoreError: The store could not do its work.
    """
    scope = _admit(host, batch)
    action = _Action(host, batch, preview, progress or (lambda _progress: None), _Asked.of(batch))
    outcomes: dict[Command, Outcome] = {}
    waiting = batch.commands
    for number in range(ROUNDS):
        if not waiting:
            break
        fresh = attrs.evolve(scope, now=host.now()) if number else scope
        some_done = any(isinstance(outcome, Done) for outcome in outcomes.values())
        outcomes |= action.round(fresh, waiting, some_done=some_done)
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
    scope = Scope(now=now, actor=batch.actor, command_id=batch.command_id, group=group, policy=policy, people=people)
    reasons = refusals_as_a_whole(batch, group=group, people=people, policy=policy, day=scope.day)
    if reasons:
        raise (NotPermitted if reasons[0].code is RefusalCode.NOT_PERMITTED else Refused)(reasons)
    for command in batch.commands:
        if isinstance(command, ImportAgreement) and command.agreed_on > scope.day:
            raise InvalidValue("ImportAgreement.agreed_on", command.agreed_on, "no later than today")
    return scope


@attrs.frozen
class _Asked:
    """What the whole action asks: which schools, which requests, and the digests of its commands."""

    prints: Mapping[Command, tuple[str, str]]
    own: Mapping[tuple[AgreementId, RequestId | None], str]

    @classmethod
    def of(cls, batch: Batch) -> _Asked:
        prints = {command: fingerprint(batch.actor, command) for command in batch.commands}
        targets = {command: (batch.agreement_of(command), request_of(command)) for command in batch.commands}
        return cls(prints, {targets[command]: digest for command, (_, digest) in prints.items()})

    def differs_from(self, kept: Iterable[KeptOutcome]) -> bool:
        """Tell whether the command id was used for something else in the group (K4)."""
        shared = {digest for digest, _ in self.prints.values()}
        agreements = {agreement for agreement, _ in self.own}
        return any(self._differs(one, shared, agreements) for one in kept)

    def _differs(self, kept: KeptOutcome, shared: set[str], agreements: set[AgreementId]) -> bool:
        target = (kept.agreement, kept.request)
        if target in self.own:
            return self.own[target] != kept.own_digest
        # A school keeps one outcome under a command id, so another request of it cannot be meant.
        return kept.agreement in agreements or kept.shared_digest not in shared


@attrs.frozen
class _Action:
    """One action under way."""

    host: Host
    batch: Batch
    preview: bool
    report: ProgressReport
    asked: _Asked

    def round(self, scope: Scope, commands: tuple[Command, ...], *, some_done: bool) -> dict[Command, Outcome]:
        """Decide *commands* on fresh facts and save what they do."""
        wanted = {command: self.batch.agreement_of(command) for command in commands}
        loaded = self.host.store.load(set(wanted.values()), command_id=self.batch.command_id)
        agreements = present(loaded.agreements, wanted.values())
        facts = self.host.gather(scope, agreements.values())
        if self.asked.differs_from(loaded.kept):
            return self._reused(commands, some_done=some_done)
        kept = {(one.agreement, one.request): one for one in loaded.kept}
        outcomes: dict[Command, Outcome] = {}
        changes: dict[Command, Change] = {}
        for done, command in enumerate(commands, start=1):
            agreement = agreements[wanted[command]]
            repeated = kept.get((agreement.id, request_of(command)))
            if repeated:
                outcomes[command] = _replay(repeated, agreement)
            else:
                outcome = _decided(agreement, command, facts[agreement.urn])
                outcomes[command] = outcome
                if isinstance(outcome, Done) and outcome.events:
                    changes[command] = _change(agreement, outcome, command, self.asked.prints[command])
            self.report(Progress(stage=Stage.DECIDED, done=done, total=len(commands)))
        return self._saved(outcomes, changes)

    def _reused(self, commands: tuple[Command, ...], *, some_done: bool) -> dict[Command, Outcome]:
        """Refuse the whole action (R1); but what it did before another one used its id is not hidden."""
        reused = Reason(code=RefusalCode.COMMAND_ID_REUSED)
        if not some_done:
            raise Refused([reused])
        return {command: self._not_done(command, reused) for command in commands}

    def _not_done(self, command: Command, reason: Reason) -> NotDone:
        agreement = self.batch.agreement_of(command)
        return NotDone(agreement=agreement, request=request_of(command), reasons=(reason,))

    def _saved(self, outcomes: dict[Command, Outcome], changes: dict[Command, Change]) -> dict[Command, Outcome]:
        if self.preview or not changes:
            return outcomes
        losers = self.host.store.append(tuple(changes.values()))
        self.report(Progress(stage=Stage.SAVED, done=len(changes) - len(losers), total=len(outcomes)))
        conflict = Reason(code=RefusalCode.CONFLICT)
        lost = {
            command: self._not_done(command, conflict) for command, change in changes.items() if change.id in losers
        }
        return {**outcomes, **lost}


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
