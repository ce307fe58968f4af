"""Carry out an action: admit it, load the facts, decide each school, save. The one place that saves."""

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
from datashare.domain.instants import Instant, london_day
from datashare.domain.notices import notices_for
from datashare.domain.people import Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Group
from datashare.domain.visibility import visibility
from datashare.errors import InvalidValue, NotPermitted, Refused
from datashare.ports import Change, Progress, ProgressCallback, RecordedOutcome, Stage

from .host import Host, of_site, present
from .outcomes import Done, NotDone, Outcome, Outcomes

ATTEMPTS = 4
"""A school is decided once, and up to three times more if others changed it in the meantime.

In a transaction of the host's it is decided once: what others have saved may not be visible there.
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
    """Carry out *batch*, or only find out what it would do (K1-K6).

    Cost: a constant number of port calls, whatever the number of schools; the same again for each further attempt
    at the schools that lost a race.

    Args:
        host: The host's ports.
        batch: The action.
        kind: The kind of command, where it is known: an empty selection needs the permission too (K2, K5).
        preview: Whether to save nothing (K3).
        register_checked: Whether the caller has checked that the register holds schools of the group (E3).
        progress: Called as schools are decided, then when they are saved (K6).

    Raises:
        Refused: The action is refused as a whole, before anything happened (R1, K2).
        InvalidValue: An agreement to import, or a register, is dated in the future.
        UnknownGroup: The register does not know the group.
        StoreError: The store could not do its work.
    """
    if progress is not None:
        validation.require_callable(progress, "progress", "something to call with a Progress")
    scope = _admit(host, batch, kind)
    action = _Action(host=host, batch=batch, register_checked=register_checked, progress=progress)
    outcomes: dict[_Order, Outcome] = {}
    waiting: Sequence[_Order] = action.orders
    for attempt in range(1 if host.store.in_host_transaction else ATTEMPTS):
        if not waiting:
            break
        if attempt:
            scope = attrs.evolve(scope, now=host.now())
        facts = action.load(scope, waiting)
        started = any(isinstance(outcome, Done) for outcome in outcomes.values())
        action.refuse_as_a_whole(scope, facts, started=started)
        decided = action.decide_each(facts)
        waiting = () if preview else action.save(facts, decided)
        conflicts = {order: _not_done(order, Reason(code=RefusalCode.CONFLICT)) for order in waiting}
        outcomes |= decided | conflicts
    days = _register_days(batch)
    if days and not preview:
        host.store.note_register(batch.group, max(days))  # E6
    return Outcomes(outcomes.values())  # in the order in which the schools were named


@attrs.frozen(kw_only=True)
class _Scope:
    """What is the same for every school of one action.

    Attributes:
        now: The present instant, in UTC.
        group: The group, as the register knows it.
        policy: The group's choices.
        people: The actor and the senders that the commands name.
    """

    now: Instant
    group: Group
    policy: Policy
    people: Mapping[PersonId, Person]

    @cached_property
    def day(self) -> date:
        """The present day, in Europe/London."""
        return london_day(self.now)


def _admit(host: Host, batch: Batch, kind: type[Command] | None) -> _Scope:
    """Read who acts, and refuse whoever may not, before anything else is looked at (K2)."""
    from_school = any(side_of(command) is Party.SCHOOL for command in batch.commands)
    group = host.group_or_gone(batch.group) if from_school else host.group(batch.group)
    policy, now = host.policy(batch.group), host.now()
    senders = {command.sender for command in batch.commands if isinstance(command, RequestAccess)}
    people = host.people.people(senders | ({batch.actor} if isinstance(batch.actor, PersonId) else set()))
    scope = _Scope(now=now, group=group, policy=policy, people=people)
    forbidden = not_permitted(batch, people=people, policy=policy, day=scope.day, kind=kind)
    if forbidden:
        raise NotPermitted([forbidden])
    for command in batch.commands:
        if isinstance(command, ImportAgreement) and command.agreed_on > scope.day:
            what = f"ImportAgreement.agreed_on of school {command.urn}"
            raise InvalidValue(what, command.agreed_on, "no later than today")
    for day in _register_days(batch):
        if day > scope.day:
            raise InvalidValue("register_day", day, "no later than today")
    return scope


def _register_days(batch: Batch) -> list[date]:
    """List the days of the registers that the batch records, at most one for each school."""
    visible = (command for command in batch.commands if isinstance(command, RecordVisibility))
    return [command.register_day for command in visible if command.register_day]


@attrs.frozen(eq=False)
class _Order:
    """One command of the batch, with the agreement that it is about and the request that it names, if any."""

    command: Command
    agreement: AgreementId
    request: RequestId | None


@attrs.frozen(kw_only=True)
class _Facts:
    """What is known of the schools that wait for a decision.

    Attributes:
        orders: What is waiting.
        agreements: The agreements, those without a history too.
        contexts: What a decision rests on, by URN.
        recorded: Every outcome that the group has under the command id.
        repeated: The orders that were carried out before, with what they did (K4).
        obstacle: Why none of the others can be carried out, if so.
    """

    orders: Sequence[_Order]
    agreements: Mapping[AgreementId, Agreement]
    contexts: Mapping[int, DecisionContext]
    recorded: Sequence[RecordedOutcome]
    repeated: Mapping[_Order, RecordedOutcome]
    obstacle: Reason | None


@attrs.frozen(kw_only=True)
class _Action:
    """One action under way."""

    host: Host
    batch: Batch
    register_checked: bool
    progress: ProgressCallback | None

    @cached_property
    def orders(self) -> tuple[_Order, ...]:
        """The commands, in the order in which they were named."""
        agreement_of = self.batch.agreement_of
        return tuple(_Order(command, agreement_of(command), request_of(command)) for command in self.batch.commands)

    @cached_property
    def digests(self) -> Mapping[_Order, tuple[str, str]]:
        """The shared digest and the own digest of each order, which tell a repetition from another action (K4)."""
        return dict(zip(self.orders, fingerprints(self.batch.actor, self.batch.commands), strict=True))

    def load(self, scope: _Scope, orders: Sequence[_Order]) -> _Facts:
        """Read all that the decisions rest on, and what was done under this command id before."""
        ids = {order.agreement for order in orders}
        loaded = self.host.store.load(ids, command_id=self.batch.command_id)
        agreements = present(loaded.agreements, ids)
        contexts = self._contexts(scope, agreements.values())
        by_digest = {outcome.own_digest: outcome for outcome in loaded.outcomes}
        repeated = {
            order: by_digest[self.digests[order][1]]
            for order in (orders if by_digest else ())
            if self.digests[order][1] in by_digest
        }
        obstacle = self._obstacle(orders, contexts, loaded.outcomes) if len(repeated) < len(orders) else None
        return _Facts(
            orders=orders,
            agreements=agreements,
            contexts=contexts,
            recorded=loaded.outcomes,
            repeated=repeated,
            obstacle=obstacle,
        )

    def _contexts(self, scope: _Scope, agreements: Collection[Agreement]) -> dict[int, DecisionContext]:
        """Read the facts about these schools, at the cost of four port calls whatever their number."""
        urns = {agreement.urn for agreement in agreements}
        # A8: the group's people behind an agreement may have to be told.
        senders = {who for agreement in agreements for who in agreement.senders}
        institutions = self.host.institutions.institutions(urns)
        people = self.host.people.at_schools(urns)
        sites = self.host.people.sites(urns)
        others = {**self.host.people.people(senders - scope.people.keys()), **scope.people}
        group, policy, day = scope.group, scope.policy, scope.day
        return {
            urn: DecisionContext(
                now=scope.now,
                actor=self.batch.actor,
                command_id=self.batch.command_id,
                group=group,
                policy=policy,
                visibility=visibility(urn, institutions.get(urn), group=group, policy=policy, day=day),
                site=sites.get(urn),
                people=of_site(urn, people.get(urn, ())),
                others=others,
            )
            for urn in urns
        }

    def _obstacle(
        self, orders: Sequence[_Order], contexts: Mapping[int, DecisionContext], recorded: Collection[RecordedOutcome]
    ) -> Reason | None:
        """Return why nothing more can be done under this command id, or with this register (K4, E3).

        Cost: a call for the last register; one more for the group's schools, only where the register knows none of
        the schools of the agreements.
        """
        if recorded and self._is_reused(recorded):
            return Reason(code=RefusalCode.COMMAND_ID_REUSED)
        if not isinstance(orders[0].command, RecordVisibility):
            return None
        # What lost a race is only a part; the first attempt looked at all of it.
        checked = self.register_checked or len(orders) < len(self.orders)
        known = any(context.visibility.institution for context in contexts.values())
        if not (checked or known or self.host.institutions.linked(self.batch.group)):
            return Reason(code=RefusalCode.REGISTER_EMPTY)
        days = _register_days(self.batch)
        return older_register(min(days), self.host.store.last_register(self.batch.group)) if days else None

    def _is_reused(self, recorded: Iterable[RecordedOutcome]) -> bool:
        """Return whether the command id was used for something else in the group (K4)."""
        shared_digests, own_digests = map(set, zip(*self.digests.values(), strict=True))
        agreements = {order.agreement for order in self.orders}
        # An agreement keeps one outcome under a command id, so another request of the same school cannot be meant.
        return any(
            outcome.own_digest not in own_digests
            and (outcome.agreement in agreements or outcome.shared_digest not in shared_digests)
            for outcome in recorded
        )

    def refuse_as_a_whole(self, scope: _Scope, facts: _Facts, *, started: bool) -> None:
        """Refuse the whole action where the rules say so (R1), unless a part of it has been done.

        A repetition is answered with what was done, whatever has changed since (K4).
        """
        if len(facts.repeated) == len(facts.orders):
            return
        reasons = refusals_as_a_whole(
            self.batch, group=scope.group, people=scope.people, policy=scope.policy, day=scope.day
        )
        reused = facts.obstacle is not None and facts.obstacle.code is RefusalCode.COMMAND_ID_REUSED
        if facts.obstacle and (reused or not facts.recorded):
            reasons = in_order([*reasons, facts.obstacle])
        # R1: what this action did, before another one took its command id, is not hidden.
        if reasons and not started and not (reused and facts.repeated):
            raise Refused(reasons)

    def decide_each(self, facts: _Facts) -> dict[_Order, Outcome]:
        """Decide what is waiting, school by school."""
        outcomes: dict[_Order, Outcome] = {}
        for number, order in enumerate(facts.orders, start=1):
            agreement = facts.agreements[order.agreement]
            if order in facts.repeated:
                outcomes[order] = _replay(facts.repeated[order], agreement)
            elif facts.obstacle:
                outcomes[order] = _not_done(order, facts.obstacle)
            else:
                outcomes[order] = _decide(order, agreement, facts.contexts[agreement.urn])
            self._report(Stage.DECIDED, number, len(facts.orders))
        return outcomes

    def save(self, facts: _Facts, decided: Mapping[_Order, Outcome]) -> list[_Order]:
        """Save what was done, and return the orders that lost a race and have to be decided again."""
        changes = {
            order: self._change(order, facts.agreements[order.agreement], outcome)
            for order, outcome in decided.items()
            if isinstance(outcome, Done) and outcome.events and not outcome.replayed
        }
        if not changes:
            return []
        losers = self.host.store.append(tuple(changes.values()))
        self._report(Stage.SAVED, len(changes) - len(losers), len(decided))
        return [order for order in changes if order.agreement in losers]

    def _change(self, order: _Order, before: Agreement, done: Done) -> Change:
        shared_digest, own_digest = self.digests[order]
        return Change(
            decided_on=before.version,
            after=done.after,
            events=done.events,
            notices=done.notices,
            closes=before.request.id if before.request and not done.after.request else None,
            request=order.request,
            shared_digest=shared_digest,
            own_digest=own_digest,
            cautions=done.cautions,
        )

    def _report(self, stage: Stage, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(Progress(stage=stage, done=done, total=total))


def _replay(earlier: RecordedOutcome, agreement: Agreement) -> Done:
    """Answer a repeated command with what it did the first time (K4)."""
    return Done(
        agreement=earlier.agreement,
        request=_request_in(earlier.events) or earlier.request,
        events=earlier.events,
        notices=(),
        cautions=earlier.cautions,
        after=agreement,
        replayed=True,
    )


def _decide(order: _Order, agreement: Agreement, context: DecisionContext) -> Outcome:
    decision = decide(agreement, order.command, context)
    match decision:
        case Refusal(reasons):
            return NotDone(agreement=agreement.id, request=order.request, reasons=reasons)
        case Decision(events, cautions):
            after = agreement
            for event in events:
                after = evolve(after, event)
            return Done(
                agreement=agreement.id,
                request=_request_in(events) or order.request,
                events=events,
                notices=notices_for(agreement, events, context),
                cautions=cautions,
                after=after,
            )
        case _:
            assert_never(decision)


def _not_done(order: _Order, reason: Reason) -> NotDone:
    return NotDone(agreement=order.agreement, request=order.request, reasons=(reason,))


def _request_in(events: Iterable[Event]) -> RequestId | None:
    """Find the request that the events opened, if they did."""
    return next((event.request for event in events if isinstance(event, RequestSent)), None)
