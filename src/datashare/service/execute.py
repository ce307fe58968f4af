"""Carry out an action: admit it, load the facts, decide each school, save. The one place that saves."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property, reduce
from typing import assert_never

import attrs

from datashare.codec import fingerprints
from datashare.domain import validation
from datashare.domain.agreements.authorise import (
    different_register,
    not_permitted,
    older_register,
    refusals_as_a_whole,
    side_of,
)
from datashare.domain.agreements.commands import (
    Batch,
    Command,
    EndAgreement,
    ImportAgreement,
    RecordVisibility,
    RequestAccess,
    kept_under,
    request_of,
)
from datashare.domain.agreements.context import Decision, DecisionContext
from datashare.domain.agreements.decide import decide, needs_events
from datashare.domain.agreements.events import Event, RequestSent
from datashare.domain.agreements.ids import AgreementId, RequestId
from datashare.domain.agreements.refusals import Reason, Refusal, RefusalCode, in_order
from datashare.domain.agreements.state import Agreement, evolve
from datashare.domain.instants import Instant, london_day
from datashare.domain.notices import notices_for
from datashare.domain.people import Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Group
from datashare.errors import InvalidInput, NotPermitted, Refused
from datashare.ports import Change, Loaded, Progress, ProgressCallback, RecordedOutcome, Stage

from .history import record_of
from .host import Host, present
from .outcomes import Done, NotDone, Outcome, Outcomes
from .register import against_planned_ends

_log = logging.getLogger("datashare.service")

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
    """Carry out *batch*, or only find out what it would do (K1-K6); log what was done, by ids alone.

    Cost: a constant number of port calls, whatever the number of schools; the same again for each further attempt
    at the schools that lost a race.

    Args:
        host: The host's ports.
        batch: The action.
        kind: The kind of command, where it is known: an empty selection needs the permission too (K2, K5).
        preview: Whether to save nothing (K3).
        register_checked: Whether the caller has checked the register in place for this action (E2-E4).
        progress: Called as schools are decided, then when they are saved (K6).

    Raises:
        Refused: The action is refused as a whole, before anything happened (R1, K2).
        InvalidValue: An agreement to import, or a register, is dated in the future.
        UnknownGroup: The register does not know the group.
        StoreError: The store could not do its work.
    """
    if progress is not None:
        validation.require_callable(progress, "progress", "something to call with a Progress")
    kinds = sorted({kind.__name__} if kind else {type(command).__name__ for command in batch.commands})
    about = {"group": str(batch.group), "command_id": batch.command_id, "command": ", ".join(kinds)}
    try:
        outcomes = _carry_out(
            host, batch, kind=kind, preview=preview, register_checked=register_checked, progress=progress
        )
    except Refused as refusal:
        _log.info("action.refused", extra={**about, "codes": _codes(refusal.reasons)})
        raise
    if not preview:
        refused = [reason for outcome in outcomes.not_done for reason in outcome.reasons]
        counts = {"done": len(outcomes.done), "not_done": len(outcomes.not_done), "codes": _codes(refused)}
        replayed = sum(outcome.replayed for outcome in outcomes.done)
        _log.info(
            "action.done",
            extra={**about, **counts, "replayed": replayed, "in_host_transaction": host.store.in_host_transaction},
        )
    return outcomes


def _codes(reasons: Iterable[Reason]) -> list[str]:
    return sorted({reason.code.value for reason in reasons})


def _carry_out(
    host: Host,
    batch: Batch,
    *,
    kind: type[Command] | None,
    preview: bool,
    register_checked: bool,
    progress: ProgressCallback | None,
) -> Outcomes:
    now = host.now()
    group, policy, people = _admit(host, batch, kind, london_day(now))
    action = _Action(
        host=host,
        batch=batch,
        group=group,
        policy=policy,
        people=people,
        preview=preview,
        register_checked=register_checked,
        progress=progress,
    )
    outcomes: dict[_Order, Outcome] = {}
    waiting: Sequence[_Order] = action.orders
    losers: list[_Order] = []
    for attempt in range(1 if host.store.in_host_transaction else ATTEMPTS):
        if not waiting:
            break
        if attempt:
            now = host.now()
        started = any(isinstance(outcome, Done) for outcome in outcomes.values())
        decided, changes = action.decide(waiting, now, started=started)
        outcomes |= decided
        if not changes:
            break
        lost = host.store.append(tuple(changes.values()))
        action.report(Stage.SAVED, len(changes) - len(lost), len(waiting))
        waiting = losers = [order for order in changes if order.agreement in lost]
        if losers:
            _log.info("action.raced", extra={"group": str(batch.group), "urns": [lost.urn for lost in lost]})
        outcomes |= {order: order.refused(Reason(code=RefusalCode.CONFLICT)) for order in losers}
    outcomes |= action.done_meanwhile([order for order in losers if isinstance(outcomes[order], NotDone)])
    days = _register_days(batch)
    if days and not preview and any(isinstance(outcome, Done) for outcome in outcomes.values()):
        host.store.note_register(batch.group, max(days))  # E6
    names = action.names(order.agreement.urn for order in outcomes)
    # In the order in which the schools were named.
    return Outcomes(attrs.evolve(outcome, name=names.get(outcome.urn, "")) for outcome in outcomes.values())


def _admit(
    host: Host, batch: Batch, kind: type[Command] | None, day: date
) -> tuple[Group, Policy, Mapping[PersonId, Person]]:
    """Read who acts, and check that they may, before anything else is read (K2).

    Returns:
        What is the same for every school: the group, its policy, and the actor and senders whom their sites know.

    Raises:
        NotPermitted: The actor may not do this.
    """
    from_school = any(side_of(command) is Party.SCHOOL for command in batch.commands)
    group = host.group_or_gone(batch.group) if from_school else host.group(batch.group)
    policy = host.policy(batch.group)
    senders = {command.sender for command in batch.commands if isinstance(command, RequestAccess)}
    people = host.people.people(senders | ({batch.actor} if isinstance(batch.actor, PersonId) else set()))
    forbidden = not_permitted(batch, people=people, policy=policy, day=day, kind=kind)
    if forbidden:
        raise NotPermitted([forbidden])
    for command in batch.commands:
        if isinstance(command, ImportAgreement) and command.agreed_on > day:
            what = f"ImportAgreement.agreed_on of school {command.urn}"
            raise InvalidInput(what, command.agreed_on, "no later than today")
    for register_day in _register_days(batch):
        if register_day > day:
            raise InvalidInput("register_day", register_day, "no later than today")
    return group, policy, people


def _register_days(batch: Batch) -> list[date]:
    """List the days of the registers that the batch records, at most one for each school."""
    recorded = (command for command in batch.commands if isinstance(command, RecordVisibility))
    return [command.register_day for command in recorded if command.register_day]


@attrs.frozen(eq=False, repr=False)
class _Order:
    """One command of the batch, with the agreement that it is about and the request that it names, if any."""

    command: Command
    agreement: AgreementId
    request: RequestId | None

    def refused(self, *reasons: Reason) -> NotDone:
        return NotDone(agreement=self.agreement, request=self.request, reasons=reasons)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Action:
    """One action under way, with what is the same for every school.

    Attributes:
        host: The host's ports.
        batch: The action.
        group: The group, as the register knows it.
        policy: The group's choices.
        people: The actor and the senders that the commands name.
        preview: Whether to save nothing (K3).
        register_checked: Whether the caller has checked the register in place for this action (E2-E4).
        progress: Called as schools are decided and saved (K6).
        known: The names of the schools that were looked up, by URN; empty for one that the register does not have.
    """

    host: Host
    batch: Batch
    group: Group
    policy: Policy
    people: Mapping[PersonId, Person]
    preview: bool
    register_checked: bool
    progress: ProgressCallback | None
    known: dict[int, str] = attrs.field(factory=dict)

    def names(self, urns: Iterable[int]) -> dict[int, str]:
        """Return what the schools are called in the register; only a school whose record is unreadable costs a call."""
        others = set(urns) - self.known.keys()
        if others:
            self.known.update({urn: it.name for urn, it in self.host.institutions.institutions(others).items()})
        return self.known

    @cached_property
    def orders(self) -> tuple[_Order, ...]:
        """The commands, in the order in which they were named."""
        agreement_of = self.batch.agreement_of
        return tuple(_Order(command, agreement_of(command), request_of(command)) for command in self.batch.commands)

    @cached_property
    def digests(self) -> Mapping[_Order, tuple[str, str]]:
        """The shared digest and the own digest of each order, which tell a repetition from another action (K4)."""
        return dict(zip(self.orders, fingerprints(self.batch.actor, self.batch.commands), strict=True))

    def decide(
        self, waiting: Sequence[_Order], now: Instant, *, started: bool
    ) -> tuple[dict[_Order, Outcome], dict[_Order, Change]]:
        """Load the facts, then decide what is waiting, school by school; return the outcomes, and what to save.

        A repetition is answered with what was done, whatever has changed since (K4).

        Raises:
            Refused: The rules refuse the whole action, and no part of it was done before (*started*).
        """
        ids = {order.agreement for order in waiting}
        loaded = self.load(ids)
        agreements, recorded = present(loaded.agreements, ids - loaded.unreadable), loaded.outcomes
        contexts = self.contexts(agreements.values(), now)
        repeated = self.repeated(waiting, recorded)
        to_decide = [order for order in waiting if order.agreement in agreements and order not in repeated]
        contexts = self.with_events(to_decide, agreements, contexts)
        obstacles: tuple[Reason, ...] = ()
        if to_decide:
            obstacles, day = self.obstacles(waiting, contexts, recorded), london_day(now)
            reasons = refusals_as_a_whole(self.batch, group=self.group, people=self.people, policy=self.policy, day=day)
            reused = any(reason.code is RefusalCode.COMMAND_ID_REUSED for reason in obstacles)
            if reused or not recorded:
                reasons = in_order([*reasons, *obstacles])
            # R1: what this action did, before another one took its command id, is not hidden.
            if reasons and not started and not (reused and repeated):
                raise Refused(reasons)
        outcomes: dict[_Order, Outcome] = {}
        changes: dict[_Order, Change] = {}
        for order in waiting:
            agreement = agreements.get(order.agreement)
            if agreement is None:
                outcomes[order] = order.refused(Reason(code=RefusalCode.UNREADABLE))
            elif order in repeated:
                outcomes[order] = _replay(repeated[order], agreement)
            elif obstacles:
                outcomes[order] = order.refused(*obstacles)
            else:
                outcome = _decide(order, agreement, contexts[agreement.urn])
                if isinstance(outcome, Done) and outcome.events and not self.preview:
                    changes[order] = self.change(order, agreement, outcome, now)
                outcomes[order] = _as_shown(order, outcome, agreement, contexts[agreement.urn])
            self.report(Stage.DECIDED, len(outcomes), len(waiting))
        return outcomes, changes

    def done_meanwhile(self, losers: Sequence[_Order]) -> dict[_Order, Outcome]:
        """Find what somebody else carried out under this command id, as a double click does, and these lost to (K4).

        In a transaction of the host's, this shows wherever its isolation level lets others' work be seen.
        """
        if not losers:
            return {}
        ids = {order.agreement for order in losers}
        loaded = self.load(ids)
        agreements = present(loaded.agreements, ids)
        repeated = self.repeated(losers, loaded.outcomes)
        return {order: _replay(outcome, agreements[order.agreement]) for order, outcome in repeated.items()}

    def load(self, ids: Collection[AgreementId]) -> Loaded:
        """Load agreements, with the outcomes recorded under the command id of whoever acts (K4)."""
        command_id = self.batch.command_id
        kept_id = kept_under(command_id, self.batch.actor)
        loaded = self.host.store.load(ids, command_id=kept_id)
        if loaded.outcomes or kept_id == command_id:
            return loaded
        # Earlier versions kept a school's outcomes beside those of the group.
        own_digests = {own for _, own in self.digests.values()}
        earlier = self.host.store.load(ids, command_id=command_id)
        return attrs.evolve(
            loaded,
            outcomes=tuple(outcome for outcome in earlier.outcomes if outcome.own_digest in own_digests),
            unreadable=loaded.unreadable | earlier.unreadable,
        )

    def contexts(self, agreements: Collection[Agreement], now: Instant) -> dict[int, DecisionContext]:
        """Read the facts about these schools, at the cost of a constant number of port calls."""
        urns = {agreement.urn for agreement in agreements}
        # A8: the group's people behind an agreement may get a notice.
        senders = {who for agreement in agreements for who in agreement.senders}
        visibility = self.host.visibility(self.group, self.policy, urns, london_day(now))
        schools = {urn: answer.institution for urn, answer in visibility.items()}
        self.known.update({urn: school.name if school else "" for urn, school in schools.items()})
        staff, sites = self.host.staff(urns), self.host.people.sites(urns)
        register_day = self.host.institutions.register_day()
        others = {**self.host.people.people(senders - self.people.keys()), **self.people}
        return {
            urn: DecisionContext(
                now=now,
                actor=self.batch.actor,
                command_id=self.batch.command_id,
                group=self.group,
                policy=self.policy,
                visibility=visibility[urn],
                site=sites.get(urn),
                people=staff[urn],
                others=others,
                register_day=register_day,
            )
            for urn in urns
        }

    def with_events(
        self,
        orders: Iterable[_Order],
        agreements: Mapping[AgreementId, Agreement],
        contexts: dict[int, DecisionContext],
    ) -> dict[int, DecisionContext]:
        """Add the events of the agreements that cannot be decided from their state alone (A4, X2).

        Cost: one call if there are such agreements; the group's whole history is read if there are several.
        """
        ids = {
            order.agreement
            for order in orders
            if needs_events(agreements[order.agreement], order.command, contexts[order.agreement.urn])
        }
        if not ids:
            return contexts
        own: dict[int, list[Event]] = {id_.urn: [] for id_ in ids}
        for event in record_of(self.host, ids):
            own[event.agreement.urn].append(event)
        return contexts | {urn: attrs.evolve(contexts[urn], events=tuple(history)) for urn, history in own.items()}

    def repeated(
        self, waiting: Iterable[_Order], recorded: Collection[RecordedOutcome]
    ) -> dict[_Order, RecordedOutcome]:
        """Find the orders that were carried out before, with what they did (K4)."""
        if not recorded:
            return {}
        by_digest = {outcome.own_digest: outcome for outcome in recorded}
        matches = {order: by_digest.get(self.digests[order][1]) for order in waiting}
        return {order: outcome for order, outcome in matches.items() if outcome}

    def obstacles(
        self, waiting: Sequence[_Order], contexts: Mapping[int, DecisionContext], recorded: Collection[RecordedOutcome]
    ) -> tuple[Reason, ...]:
        """Return why nothing more can be done under this command id, or with this register (K4, E2-E4).

        Cost: one call for the last register, and one for the group's schools if the register knows no school of the
        agreements; for ends that name a plan, those of `against_planned_ends`.
        """
        if recorded and self.is_reused(recorded):
            return (Reason(code=RefusalCode.COMMAND_ID_REUSED),)
        # What lost a race is only a part; the first attempt looked at all of it.
        checked = self.register_checked or len(waiting) < len(self.orders)
        ends = [order.command for order in waiting if isinstance(order.command, EndAgreement)]
        planned = {end.urn: end.planned.plan for end in ends if end.planned}
        if planned and not checked:
            causes = {end.urn: end.cause for end in ends if end.planned}
            return against_planned_ends(self.host, self.batch.group, causes, frozenset(planned.values()))
        if not isinstance(waiting[0].command, RecordVisibility):
            return ()
        known = any(context.visibility.institution for context in contexts.values())
        if not (checked or known or self.host.institutions.linked(self.batch.group)):
            return (Reason(code=RefusalCode.REGISTER_EMPTY),)
        days = _register_days(self.batch)
        if not days:
            return ()
        in_place = next(iter(contexts.values())).register_day
        older = older_register(in_place or min(days), self.host.last_register(self.batch.group))
        different = [reason for reason in (different_register(day, in_place) for day in days) if reason]
        return (*([older] if older else []), *different[:1])

    def is_reused(self, recorded: Iterable[RecordedOutcome]) -> bool:
        """Return whether the command id was used for something else in the group (K4)."""
        shared_digests, own_digests = map(set, zip(*self.digests.values(), strict=True))
        agreements = {order.agreement for order in self.orders}
        # An agreement keeps one outcome under a command id, so another request of the same school cannot be meant.
        return any(
            outcome.own_digest not in own_digests
            and (outcome.agreement in agreements or outcome.shared_digest not in shared_digests)
            for outcome in recorded
        )

    def change(self, order: _Order, before: Agreement, done: Done, now: Instant) -> Change:
        """Build what is saved of one school."""
        shared_digest, own_digest = self.digests[order]
        return Change(
            decided_on=before.version,
            now=now,
            after=done.after,
            events=done.events,
            notices=done.notices,
            closes=before.request.id if before.request and not done.after.request else None,
            request=order.request,
            shared_digest=shared_digest,
            own_digest=own_digest,
            cautions=done.cautions,
        )

    def report(self, stage: Stage, done: int, total: int) -> None:
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
            return order.refused(*reasons)
        case Decision(events, cautions):
            return Done(
                agreement=agreement.id,
                request=_request_in(events) or order.request,
                events=events,
                notices=notices_for(agreement, events, context),
                cautions=cautions,
                after=reduce(evolve, events, agreement),
            )
        case _:
            assert_never(decision)


def _as_shown(order: _Order, outcome: Outcome, before: Agreement, context: DecisionContext) -> Outcome:
    """Keep the people of a school that the group does not see out of its outcome, as if nobody worked there (P12)."""
    if context.visibility.visible or side_of(order.command) is Party.SCHOOL or isinstance(outcome, NotDone):
        return outcome
    return attrs.evolve(outcome, notices=notices_for(before, outcome.events, attrs.evolve(context, people={})))


def _request_in(events: Iterable[Event]) -> RequestId | None:
    """Find the request that the events opened, if they did."""
    return next((event.request for event in events if isinstance(event, RequestSent)), None)
