"""What holds after any sequence of commands, whatever the facts (rules L4, Q6, T2, T3, P4, X2)."""

import copy
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndCause,
    Named,
    Recipients,
    Remind,
    Withdraw,
    WithRoles,
)
from datashare.domain.agreements.context import Decision, DecisionContext
from datashare.domain.agreements.decide import decide
from datashare.domain.agreements.events import (
    FREE_TEXT,
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import Actor, RequestId, Terms
from datashare.domain.agreements.lifecycle import TRANSITIONS, CommandType
from datashare.domain.agreements.refusals import Refusal
from datashare.domain.agreements.state import Agreement, State, evolve, fold
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.people import BusinessRole, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause
from datashare.testing import strategies
from tests.builders import (
    AGREEMENT,
    ANA,
    AUTUMN,
    HEAD,
    NIGHTLY,
    NOW,
    SCHOOL,
    SITE,
    TERMS,
    TRUST_STAFF,
    URN,
    ask,
    context,
    end,
    importing,
    new,
    record,
    see,
)

PEOPLE = sorted(SCHOOL, key=str)
TICK = timedelta(microseconds=1)


@attrs.frozen(kw_only=True)
class Step:
    """One thing that somebody tries, and the world in which they try it."""

    kind: CommandType | None
    choice: int
    level: AccessLevel
    recipients: Recipients
    terms: Terms | None
    shown: bool
    cause: EndCause
    stale: int
    clock: timedelta
    actor: Actor
    hidden: frozenset[HiddenBecause]
    people: frozenset[PersonId]
    has_site: bool
    interval: timedelta
    distinct: bool
    register_day: date | None


@attrs.frozen(kw_only=True)
class Trial:
    """A step that was taken: the facts, the agreement before and after, and the answer."""

    context: DecisionContext
    command: Command
    before: Agreement
    answer: Decision | Refusal
    after: Agreement


def command_of_step(step: Step, agreement: Agreement) -> Command:
    """Return the command of *step*; now and then it names another request than the open one."""
    request = agreement.request.id if agreement.request else RequestId(AGREEMENT, max(agreement.version, 1))
    if step.stale:
        request = RequestId(AGREEMENT, step.stale)
    carried = agreement.request.terms if agreement.request else None
    shown = carried.version if carried else None
    commands: tuple[Command, ...] = (
        ask(step.level, step.recipients, step.terms),
        AddRecipients(request=request, recipients=step.recipients),
        Remind(request=request),
        Approve(request=request, terms_version=shown if step.shown else "0.9"),
        Decline(request=request, reason="Nö"),
        Withdraw(request=request),
        record(step.level),
        importing(step.level),
        end(step.cause),
        see(step.register_day),
    )
    allowed = list(TRANSITIONS[agreement.state])
    kind = step.kind or allowed[step.choice % len(allowed)]
    return next(command for command in commands if type(command) is kind)


def context_of(step: Step, now: Instant, number: int) -> DecisionContext:
    """Return the facts of *step*."""
    return context(
        *sorted(step.hidden, key=str),
        now=now,
        actor=step.actor,
        command_id=f"c-{number}",
        policy=attrs.evolve(Policy.mat(), least_reminder_interval=step.interval, distinct_approver=step.distinct),
        site=SITE if step.has_site else None,
        people={who: SCHOOL[who] for who in sorted(step.people, key=str)},
        others=TRUST_STAFF,
    )


def lived(steps: Iterable[Step]) -> list[Trial]:
    """Take all *steps*, one after the other, from a day on which the clocks change."""
    agreement, now, trials = new(), NOW, list[Trial]()
    for number, step in enumerate(steps):
        now += step.clock
        command, in_context = command_of_step(step, agreement), context_of(step, now, number)
        in_context = attrs.evolve(in_context, events=tuple(events_in(trials)))
        before = copy.deepcopy(agreement)
        answer = decide(agreement, command, in_context)
        assert before == agreement
        for event in answer.events if isinstance(answer, Decision) else ():
            agreement = evolve(agreement, event)
        seen(f"{type(command).__name__} {'done' if isinstance(answer, Decision) else 'refused'}")
        trials.append(Trial(context=in_context, command=command, before=before, answer=answer, after=agreement))
    return trials


def events_in(trials: Iterable[Trial]) -> list[Event]:
    """Return all that happened, in order."""
    return [event for trial in trials if isinstance(trial.answer, Decision) for event in trial.answer.events]


KINDS: list[CommandType] = sorted(
    {kind for row in TRANSITIONS.values() for kind in row}, key=lambda kind: kind.__name__
)
RECIPIENTS: st.SearchStrategy[Recipients] = st.one_of(
    st.just(ALL),
    st.sets(st.sampled_from(list(BusinessRole))).map(WithRoles),
    st.lists(st.sampled_from([*PEOPLE, PersonId(URN, "nobody")]), max_size=3).map(Named),
)
CLOCKS = st.one_of(
    st.just(timedelta(0)),
    st.sampled_from([TICK, -TICK, timedelta(hours=1), timedelta(hours=-1), AUTUMN - NOW]),
    st.timedeltas(min_value=timedelta(days=-50), max_value=timedelta(days=50)),
)
VISIBLE = frozenset[HiddenBecause]()
EVERYBODY_THERE = frozenset(PEOPLE)


def steps(*, awkward: bool) -> st.SearchStrategy[Step]:
    """Return steps that mostly go through, or such that often do not."""
    if awkward:
        hidden = st.frozensets(st.sampled_from(HiddenBecause), max_size=2)
        people = st.frozensets(st.sampled_from(PEOPLE))
    else:
        hidden, people = st.just(VISIBLE), st.just(EVERYBODY_THERE)
    return st.builds(
        Step,
        kind=st.sampled_from(KINDS) if awkward else st.none(),  # none: one that the state allows
        choice=st.integers(min_value=0, max_value=59),
        level=st.sampled_from(AccessLevel),
        recipients=RECIPIENTS if awkward else st.sampled_from([WithRoles({"head_teacher"}), Named((HEAD,)), ALL]),
        terms=st.sampled_from([None, TERMS]),
        shown=st.booleans() if awkward else st.just(True),
        cause=st.sampled_from(EndCause),
        stale=st.sampled_from([0, 1, 2, 77]) if awkward else st.just(0),
        clock=CLOCKS,
        actor=st.sampled_from([ANA, HEAD, NIGHTLY]),
        hidden=hidden,
        people=people,
        has_site=st.booleans() if awkward else st.just(True),
        interval=st.sampled_from([timedelta(0), timedelta(hours=24)]) if awkward else st.just(timedelta(0)),
        distinct=st.booleans(),
        register_day=st.one_of(st.none(), st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31))),
    )


SMOOTH, AWKWARD = steps(awkward=False), steps(awkward=True)
LIVES = st.lists(st.one_of(SMOOTH, SMOOTH, AWKWARD), min_size=6, max_size=20).map(lived)


@given(LIVES)
@pytest.mark.rule("L4")
def test_level_in_force_never_falls_between_two_ends(trials: list[Trial]) -> None:
    """Once in force, a level only rises, until an event says that the agreement ended."""
    level: AccessLevel | None = None
    agreement = new()
    for event in events_in(trials):
        agreement = evolve(agreement, event)
        if isinstance(event, AgreementEnded):
            assert None is agreement.level
        elif level is not None:
            assert agreement.level is not None
            assert level <= agreement.level
        level = agreement.level


@given(LIVES)
@pytest.mark.rule("Q6")
def test_at_most_one_request_is_open(trials: list[Trial]) -> None:
    """Between two requests the first is always closed, exactly once, and only what is open is closed."""
    standing: RequestId | None = None
    closed = []
    for event in events_in(trials):
        match event:
            case RequestSent():
                assert None is standing
                standing = event.request
            case RequestApproved() | RequestDeclined() | RequestWithdrawn():
                assert standing == event.request
                closed.append(event.request)
                standing = None
            case AgreementEnded():
                assert standing == event.request
                closed += [standing] if standing else []
                standing = None
            case RecipientsAdded() | ReminderSent():
                assert standing == event.request
            case _:
                pass
    assert len(closed) == len(set(closed))
    last = trials[-1].after if trials else new()
    assert standing == (last.request.id if last.request else None)
    assert closed[-1:] == [request.id for request in last.closed]


@given(LIVES)
@pytest.mark.rule("T3")
def test_folding_all_events_gives_the_state(trials: list[Trial]) -> None:
    """Step by step or all at once, from the start or from anywhere, the events give the same agreement."""
    events = events_in(trials)
    standing = trials[-1].after if trials else new()

    assert standing == fold(AGREEMENT, events)
    assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
    assert len(events) == standing.version
    half = fold(AGREEMENT, events[: len(events) // 2])
    for event in events[len(events) // 2 :]:
        half = evolve(half, event)
    assert standing == half


def without_text(event: Event) -> Event:
    """Return *event* with what people wrote erased."""
    erased: dict[str, Any] = {f.name: None for f in attrs.fields(type(event)) if f.metadata.get(FREE_TEXT)}
    return attrs.evolve(event, **erased)


@given(LIVES)
@pytest.mark.rule("T3", "H4")
def test_erased_events_fold_to_the_same_state(trials: list[Trial]) -> None:
    """With every free text erased, the agreement is the same."""
    events = events_in(trials)

    assert fold(AGREEMENT, events) == fold(AGREEMENT, map(without_text, events))


@given(LIVES)
@pytest.mark.rule("T3", "K3")
def test_instants_only_go_on_and_ids_are_unique(trials: list[Trial]) -> None:
    """Whatever the clock does, an event is never before its predecessor, and never before now."""
    events = events_in(trials)

    assert all(earlier.at <= later.at for earlier, later in pairwise(events))
    assert len(events) == len({event.id for event in events})
    for trial in trials:
        if isinstance(trial.answer, Decision):
            expected = max(trial.context.now, trial.before.changed_at or trial.context.now)
            assert {expected} >= {event.at for event in trial.answer.events}
            assert all(trial.context.actor == event.actor for event in trial.answer.events)
            assert all(trial.context.command_id == event.command_id for event in trial.answer.events)


@given(LIVES)
@pytest.mark.rule("T2", "R2")
def test_refusal_changes_nothing_and_has_sorted_reasons(trials: list[Trial]) -> None:
    """After a refusal the agreement is as before; its reasons are in order, each code once, in words."""
    for trial in trials:
        if isinstance(trial.answer, Refusal):
            places = [list(type(reason.code)).index(reason.code) for reason in trial.answer.reasons]
            assert trial.before == trial.after
            assert places
            assert sorted(set(places)) == places
            assert str(trial.answer)


def is_eligible(who: PersonId, people: dict[PersonId, Person]) -> bool:
    """Return in the words of the rule whether *who* is eligible, apart from the code under test."""
    person = people.get(who)
    roles = {held.role for held in person.roles} if person else set()
    return bool(person and person.email and "@" in person.email and roles & {role.value for role in BusinessRole})


@given(LIVES)
@pytest.mark.rule("P4", "N3", "Q2")
def test_recipients_were_eligible_and_are_asked_once(trials: list[Trial]) -> None:
    """The recipients whom an event names were eligible then; nobody is sent one request twice."""
    asked: list[PersonId] = []
    for trial in trials:
        for event in trial.answer.events if isinstance(trial.answer, Decision) else ():
            if isinstance(event, RequestSent | RecipientsAdded | ReminderSent):
                assert event.recipients
                assert all(is_eligible(who, dict(trial.context.people)) for who in event.recipients)
            if isinstance(event, RequestSent):
                asked = list(event.recipients)
            elif isinstance(event, RecipientsAdded):
                asked += event.recipients
            elif isinstance(event, ReminderSent):
                assert set(event.recipients) <= set(asked)
            assert len(asked) == len(set(asked))


@given(LIVES)
@pytest.mark.rule("E6", "X2")
def test_losses_and_returns_alternate(trials: list[Trial]) -> None:
    """Between two losses there is a return or an end, and no return comes without a loss.

    Where nothing stands any more, nothing is hidden.
    """
    is_hidden, standing = False, new()
    for event in events_in(trials):
        standing = evolve(standing, event)
        if isinstance(event, VisibilityLost):
            assert not is_hidden
            assert event.reasons
            is_hidden = True
        elif isinstance(event, VisibilityReturned):
            assert is_hidden
            is_hidden = False
        elif isinstance(event, RequestApproved | ApprovalRecorded | AgreementImported):
            assert not is_hidden
        is_hidden = is_hidden and standing.stands
        assert is_hidden is (standing.hidden_since is not None)


@given(st.lists(strategies.events(), max_size=30))
@pytest.mark.rule("T3")
def test_made_up_events_fold_in_any_order(events: list[Event]) -> None:
    """Evolving never refuses, whatever was stored: not even what no decision would have caused."""
    standing = fold(AGREEMENT, events)

    assert standing.state in State
    expected = (events[-1].sequence, events[-1].at) if events else (0, None)
    assert expected == (standing.version, standing.changed_at)
