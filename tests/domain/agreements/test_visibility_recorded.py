"""What a refresh records about a school's visibility, and what lapses (rules E6, X2)."""

from datetime import date, timedelta

import attrs
import pytest

from datashare.domain.agreements.commands import AddRecipients, Decline, Named, Remind, Withdraw
from datashare.domain.agreements.context import Decision
from datashare.domain.agreements.decide import decide, needs_events
from datashare.domain.agreements.events import (
    ApprovalRecorded,
    Event,
    RequestApproved,
    RequestSent,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.refusals import Refusal, RefusalCode
from datashare.domain.agreements.state import Agreement, State, evolve, granted, has_lapsed
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    DFE,
    HEAD,
    MIS,
    NIGHTLY,
    NOW,
    agreement_after,
    answer_to,
    ask,
    codes,
    context,
    end,
    events_of,
    fold_onto,
    header,
    importing,
    in_state,
    new,
    only_event,
    open_request,
    record,
    refusal_of,
    see,
)

STANDING = [State.PENDING, State.APPROVED, State.UPGRADING]
LOST_ON = date(2026, 3, 28)
CLOSED = HiddenBecause.CLOSED
WINDOW = Policy.mat()


def days_after(days: int) -> Instant:
    """Return an instant so many days after the day on which the school was lost."""
    return NOW.set(month=3, day=28, hour=23, minute=30).add(days=days)


def hidden(state: State) -> Agreement:
    """Return an agreement in *state* whose school was recorded as closed."""
    return agreement_after(in_state(state), see(LOST_ON), context(CLOSED, actor=NIGHTLY))


def lapsed() -> Agreement:
    """Return an approved agreement whose school was hidden for too long, and is visible again."""
    return agreement_after(hidden(State.APPROVED), see(), context(now=days_after(40)))


@pytest.mark.rule("E6")
@pytest.mark.parametrize("state", STANDING)
def test_lost_visibility_is_recorded_and_ends_nothing(state: State) -> None:
    """One event with the register's day and every reason; state, level and request stay."""
    agreement = in_state(state)
    in_context = context(CLOSED, HiddenBecause.NOT_LINKED, actor=NIGHTLY)

    event = only_event(agreement, see(LOST_ON), in_context)
    after = agreement_after(agreement, see(LOST_ON), in_context)

    assert isinstance(event, VisibilityLost)
    assert (LOST_ON, (CLOSED, HiddenBecause.NOT_LINKED), NIGHTLY) == (
        event.register_day,
        event.reasons,
        event.actor,
    )
    expected = attrs.evolve(agreement, hidden_since=LOST_ON, version=agreement.version + 1, changed_at=event.at)
    assert expected == after
    assert state is after.state


@pytest.mark.rule("E6")
@pytest.mark.parametrize("state", STANDING)
def test_returned_visibility_is_recorded(state: State) -> None:
    """The school is recorded as visible again, once; the agreement is as it was before."""
    event = only_event(hidden(state), see(date(2026, 3, 29)))
    after = agreement_after(hidden(state), see(date(2026, 3, 29)))

    assert isinstance(event, VisibilityReturned)
    assert (date(2026, 3, 29), True) == (event.register_day, event.resumes)
    assert (None, False) == (after.hidden_since, after.lapsed)
    before = in_state(state)
    assert (before.in_force, before.request) == (after.in_force, after.request)


@pytest.mark.rule("E6")
@pytest.mark.parametrize("state", STANDING)
def test_unchanged_visibility_is_not_recorded_again(state: State) -> None:
    """If the register shows what is recorded already, nothing happens and nothing is refused."""
    assert Decision(()) == decide(in_state(state), see(), context())
    assert Decision(()) == decide(hidden(state), see(), context(CLOSED))
    assert Decision(()) == decide(hidden(state), see(), context(HiddenBecause.NOT_LINKED))


@pytest.mark.rule("E6")
def test_visibility_of_what_does_not_stand_is_not_recorded() -> None:
    """It is recorded only for agreements that stand; for others it is refused."""
    ended = agreement_after(hidden(State.APPROVED), end(), context(CLOSED))

    assert (RefusalCode.NOTHING_TO_END,) == codes(new(), see(), context(CLOSED))
    assert (RefusalCode.NOTHING_TO_END,) == codes(ended, see(), context(CLOSED))


@pytest.mark.rule("E6")
def test_present_day_stands_in_for_an_unknown_register_day() -> None:
    """Without a register's day, the day in London counts, which is not always that in UTC."""
    late = NOW.set(hour=23, minute=30)

    assert date(2026, 3, 30) == agreement_after(in_state(State.APPROVED), see(), context(CLOSED, now=late)).hidden_since


@pytest.mark.rule("X2")
@pytest.mark.parametrize(
    ("window", "days", "expected"),
    [
        (30, -1, False),
        (30, 0, False),
        (30, 30, False),
        (30, 31, True),
        (30, 4_000, True),
        (0, 0, False),
        (0, 1, True),
    ],
)
def test_window_is_counted_in_whole_days_the_last_included(window: int, days: int, expected: bool) -> None:
    """Thirty days after the register's day nothing has lapsed, on the thirty-first it has; policy sets the window."""
    policy = attrs.evolve(WINDOW, correction_window=timedelta(days=window))

    assert timedelta(days=30) == WINDOW.correction_window
    assert expected is has_lapsed(hidden(State.APPROVED), policy=policy, day=LOST_ON + timedelta(days=days))


@pytest.mark.rule("X1", "X2")
def test_only_what_is_in_force_visible_and_not_lapsed_is_granted() -> None:
    """A level counts on a day only where all three hold; an open request adds nothing."""
    late = LOST_ON + timedelta(days=31)

    assert None is granted(in_state(State.PENDING), visible=True, policy=WINDOW, day=LOST_ON)
    assert MIS is granted(in_state(State.UPGRADING), visible=True, policy=WINDOW, day=LOST_ON)
    assert None is granted(in_state(State.APPROVED), visible=False, policy=WINDOW, day=LOST_ON)
    assert MIS is granted(hidden(State.APPROVED), visible=True, policy=WINDOW, day=LOST_ON)
    assert None is granted(hidden(State.APPROVED), visible=True, policy=WINDOW, day=late)


@pytest.mark.rule("X2")
def test_what_was_never_hidden_never_lapses() -> None:
    """Without a recorded loss there is nothing to count from."""
    assert not has_lapsed(in_state(State.APPROVED), policy=WINDOW, day=date.max)


@pytest.mark.rule("X2", "E6")
@pytest.mark.parametrize(("days", "resumes"), [(0, True), (1, True), (30, True), (31, False), (400, False)], ids=str)
def test_return_within_the_window_resumes_and_later_does_not(days: int, resumes: bool) -> None:
    """A return recorded on the thirtieth day resumes access; from the next day on it has lapsed."""
    now = days_after(days) - timedelta(hours=1)
    (event,) = events_of(hidden(State.APPROVED), see(), context(now=now))
    after = agreement_after(hidden(State.APPROVED), see(), context(now=now))

    assert isinstance(event, VisibilityReturned)
    assert (resumes, not resumes) == (event.resumes, after.lapsed)
    assert (not resumes) is has_lapsed(after, policy=WINDOW, day=LOST_ON + timedelta(days=days))
    assert MIS is after.level


@pytest.mark.rule("X2", "E6")
@pytest.mark.parametrize("recorded", [31, 90, 4_000])
@pytest.mark.parametrize(("days", "resumes"), [(1, True), (30, True), (31, False)])
def test_a_return_counts_from_the_day_of_its_register_whenever_it_is_recorded(
    days: int, resumes: bool, recorded: int
) -> None:
    """The register of the day after the loss gives the same answer late as at once."""
    register_day = LOST_ON + timedelta(days=days)

    after = agreement_after(hidden(State.APPROVED), see(register_day), context(now=days_after(recorded)))

    assert resumes is not has_lapsed(after, policy=WINDOW, day=days_after(recorded).date())
    assert after.lapsed is not resumes


@pytest.mark.rule("X2", "E6")
def test_a_register_of_a_day_to_come_lapses_nothing() -> None:
    """If a clock was ten years fast when a loss or a return was recorded, the present day counts instead."""
    fast = days_after(3_650)
    lost = agreement_after(in_state(State.APPROVED), see(), context(CLOSED, now=fast))
    back = agreement_after(lost, see(), context(now=days_after(2)))
    early = agreement_after(hidden(State.APPROVED), see(fast.date()), context(now=days_after(2)))

    assert fast.date() == lost.hidden_since
    assert [False] * 3 == [has_lapsed(one, policy=WINDOW, day=days_after(60).date()) for one in (lost, back, early)]


@pytest.mark.rule("X2")
def test_the_day_that_counts_is_that_in_london() -> None:
    """Half past eleven in UTC on the thirtieth day is in summer the thirty-first in London."""
    (event,) = events_of(hidden(State.APPROVED), see(), context(now=days_after(30)))

    assert isinstance(event, VisibilityReturned)
    assert not event.resumes


@pytest.mark.rule("X2")
def test_what_has_lapsed_stays_lapsed_through_another_loss() -> None:
    """An agreement that lapsed before stays lapsed when its school is hidden and back within a day."""
    again = agreement_after(lapsed(), see(), context(CLOSED, now=days_after(41)))
    back = agreement_after(again, see(), context(now=days_after(42)))

    assert (True, True, None) == (again.lapsed, back.lapsed, back.hidden_since)
    assert has_lapsed(again, policy=WINDOW, day=days_after(41).date())
    assert has_lapsed(back, policy=WINDOW, day=LOST_ON)


@pytest.mark.rule("X2", "Q7")
def test_new_request_at_the_same_level_restores_what_has_lapsed() -> None:
    """What lapsed may be asked for again at its level, and is restored when accepted, not before."""
    asked = agreement_after(lapsed(), ask(MIS), context(now=days_after(41)))
    told = events_of(lapsed(), ask(MIS), context(now=days_after(41)))

    assert (State.UPGRADING, True) == (asked.state, asked.lapsed)
    assert needs_events(asked, answer_to(asked), context(now=days_after(42), actor=HEAD))
    restored = agreement_after(asked, answer_to(asked), context(now=days_after(42), actor=HEAD, events=told))
    assert (State.APPROVED, MIS, False) == (restored.state, restored.level, restored.lapsed)
    assert not has_lapsed(restored, policy=WINDOW, day=date.max)


@pytest.mark.rule("X2", "L4")
def test_lapse_does_not_let_the_level_fall() -> None:
    """What lapsed still has its level, so a lower one is a reduction; a higher one may be asked for."""
    assert (RefusalCode.LEVEL_REDUCTION,) == codes(lapsed(), ask(DFE), context(now=days_after(41)))
    assert ACTIONS is open_request(agreement_after(lapsed(), ask(ACTIONS), context(now=days_after(41)))).level


@pytest.mark.rule("X2")
@pytest.mark.parametrize("kind", [Decline, Withdraw])
def test_request_that_is_not_accepted_restores_nothing(kind: type[Decline] | type[Withdraw]) -> None:
    """If the new request is declined or withdrawn, what lapsed stays lapsed."""
    asked = agreement_after(lapsed(), ask(MIS), context(now=days_after(41)))
    request = open_request(asked).id

    after = agreement_after(asked, kind(request=request, reason="No"), context(now=days_after(42)))

    assert (State.APPROVED, True) == (after.state, after.lapsed)


@pytest.mark.rule("X2", "Q7")
def test_return_that_nobody_recorded_lets_the_lapsed_level_be_asked_for() -> None:
    """Visible again after the window, but not yet recorded: the level may be asked for, and the return is recorded."""
    agreement = hidden(State.APPROVED)

    assert (RefusalCode.LEVEL_UNCHANGED,) == codes(agreement, ask(MIS), context(now=days_after(29)))
    returned, sent = events_of(agreement, ask(MIS), context(now=days_after(31)))
    assert isinstance(returned, VisibilityReturned)
    assert isinstance(sent, RequestSent)
    assert (False, agreement.version + 2, None) == (returned.resumes, sent.request.number, sent.raises)


@pytest.mark.rule("X2", "E6")
def test_a_request_is_always_sent_after_a_recorded_return() -> None:
    """Within the window too, so that what came before an absence can be told from what came after it."""
    returned, sent = events_of(hidden(State.APPROVED), ask(ACTIONS), context(now=days_after(5)))

    assert isinstance(returned, VisibilityReturned)
    assert isinstance(sent, RequestSent)
    assert (True, MIS) == (returned.resumes, sent.raises)


@pytest.mark.rule("E6")
def test_return_is_recorded_before_an_approval() -> None:
    """A school that accepts while recorded as hidden is first recorded as back, then as approved."""
    in_context = context(now=days_after(5), actor=HEAD, command_id="c-9")
    agreement = hidden(State.UPGRADING)

    returned, approved = events_of(agreement, answer_to(agreement), in_context)
    after = agreement_after(agreement, answer_to(agreement), in_context)

    assert isinstance(returned, VisibilityReturned)
    assert isinstance(approved, RequestApproved)
    assert returned.resumes
    assert in_context.day == returned.register_day
    assert (agreement.version + 1, agreement.version + 2) == (returned.sequence, approved.sequence)
    assert (returned.at, returned.actor, returned.command_id) == (approved.at, HEAD, "c-9")
    assert (None, False, ACTIONS) == (after.hidden_since, after.lapsed, after.level)


@pytest.mark.rule("E6")
def test_return_is_recorded_before_a_recorded_approval() -> None:
    """A recorded approval too follows the return that it presupposes."""
    returned, recorded = events_of(hidden(State.APPROVED), record(ACTIONS), context(now=days_after(3)))

    assert isinstance(returned, VisibilityReturned)
    assert hidden(State.APPROVED).version + 2 == recorded.sequence


@pytest.mark.rule("E1", "X2")
def test_end_leaves_no_trace_of_visibility() -> None:
    """After an end, a new agreement starts neither hidden nor lapsed."""
    for agreement in (lapsed(), hidden(State.UPGRADING)):
        ended = agreement_after(agreement, end(), context(CLOSED, now=days_after(41)))
        assert (None, False) == (ended.hidden_since, ended.lapsed)
        asked = agreement_after(ended, ask(MIS), context(now=days_after(80)))
        approved = agreement_after(asked, answer_to(asked), context(now=days_after(90)))
        assert not has_lapsed(approved, policy=WINDOW, day=date.max)


def history_of(state: State) -> list[Event]:
    """Return the events of an agreement in *state*."""
    told = list[Event]()
    for command in (ask(recipients=Named((HEAD,))), "approve", ask(ACTIONS, recipients=Named((HEAD,)))):
        standing = fold_onto(new(), told)
        if standing.state is state:
            break
        told += events_of(standing, answer_to(standing) if isinstance(command, str) else command, context(actor=HEAD))
    return told


def told_of(state: State, *, recorded: bool) -> list[Event]:
    """Return the events of an agreement whose school was hidden for too long, the return being recorded or not."""
    told = history_of(state)
    told += events_of(fold_onto(new(), told), see(LOST_ON), context(CLOSED, actor=NIGHTLY))
    return told + list(events_of(fold_onto(new(), told), see(), context(now=days_after(60))) if recorded else ())


@pytest.mark.rule("X2", "A5", "N3", "Q4")
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("state", [State.PENDING, State.UPGRADING])
def test_a_request_lapses_with_an_absence_that_comes_after_it(state: State, recorded: bool) -> None:
    """First requests and upgrades alike: nobody can accept them late, nor be reminded of them or added to them."""
    told = told_of(state, recorded=recorded)
    agreement = fold_onto(new(), told)
    request, late = open_request(agreement).id, context(now=days_after(61), actor=HEAD, events=told)

    for command in (answer_to(agreement), Remind(request=request), AddRecipients(request=request)):
        assert (RefusalCode.LAPSED,) == codes(agreement, command, late)
        assert (RefusalCode.LAPSED,) == codes(agreement, command, context(now=days_after(61), actor=HEAD))
    assert (RefusalCode.REQUEST_ALREADY_OPEN,) == codes(agreement, ask(ACTIONS), late)
    for kind in (Decline, Withdraw):
        told_anew = list(told)
        for step in (kind(request=request, reason="Too late"), ask(ACTIONS)):
            told_anew += events_of(fold_onto(new(), told_anew), step, late)
        again = fold_onto(new(), told_anew)
        accepted = agreement_after(again, answer_to(again), context(now=days_after(62), actor=HEAD, events=told_anew))
        assert (ACTIONS, False) == (accepted.level, has_lapsed(accepted, policy=WINDOW, day=date.max))


@pytest.mark.rule("X2")
@pytest.mark.parametrize(("days", "lapses"), [(30, False), (31, True)])
def test_a_request_sent_after_a_lapse_lapses_only_by_a_later_absence(days: int, lapses: bool) -> None:
    """A short absence leaves it as it is; a long one lets it lapse too."""
    told = told_of(State.APPROVED, recorded=True)
    told += events_of(fold_onto(new(), told), ask(MIS), context(now=days_after(60)))
    told += events_of(fold_onto(new(), told), see(), context(CLOSED, now=days_after(60)))
    back = context(now=days_after(60 + days), actor=HEAD, events=told)
    agreement = fold_onto(new(), told)

    answer = decide(agreement, answer_to(agreement), back)
    told += events_of(agreement, see(), back)
    recorded = fold_onto(new(), told)
    answer_again = decide(recorded, answer_to(recorded), attrs.evolve(back, events=tuple(told)))

    assert [lapses] * 2 == [isinstance(one, Refusal) for one in (answer, answer_again)]
    assert has_lapsed(recorded, policy=WINDOW, day=LOST_ON)


@pytest.mark.rule("X2", "A9", "A10")
@pytest.mark.parametrize("level", [MIS, ACTIONS])
def test_what_was_settled_elsewhere_restores_nothing_that_lapsed(level: AccessLevel) -> None:
    """A central approval and an import are refused: only a new request, which the school accepts, restores."""
    unrecorded = hidden(State.APPROVED)
    for agreement, now in ((lapsed(), days_after(41)), (unrecorded, days_after(31))):
        assert (RefusalCode.LAPSED,) == codes(agreement, record(level), context(now=now))
        expected = (RefusalCode.HISTORY_EXISTS, RefusalCode.LAPSED)
        assert expected == codes(agreement, importing(level), context(now=now))
        assert "lapsed" in str(refusal_of(agreement, record(level), context(now=now)))
    assert (RefusalCode.LAPSED, RefusalCode.LEVEL_REDUCTION) == codes(
        lapsed(), record(DFE), context(now=days_after(41))
    )
    assert isinstance(events_of(unrecorded, record(ACTIONS), context(now=days_after(29)))[-1], ApprovalRecorded)


@pytest.mark.rule("X2", "T3")
def test_stored_return_does_not_undo_an_older_lapse() -> None:
    """A stored return that claims to resume access does not resume what had lapsed before."""
    agreement = lapsed()
    common = header(agreement.version + 1, at=days_after(50), actor=NIGHTLY)
    returned = VisibilityReturned(**common, register_day=LOST_ON, resumes=True)

    assert evolve(agreement, returned).lapsed


@pytest.mark.rule("X2", "A9")
def test_lapse_of_a_request_does_not_touch_a_later_agreement() -> None:
    """If only a request outlived the absence and was withdrawn, a later recorded approval grants at once."""
    back = agreement_after(hidden(State.PENDING), see(), context(now=days_after(60)))
    withdrawn = agreement_after(back, Withdraw(request=open_request(back).id), context(now=days_after(60)))

    recorded = agreement_after(withdrawn, record(MIS), context(now=days_after(61)))

    assert (False, None) == (withdrawn.lapsed, withdrawn.hidden_since)
    assert not recorded.lapsed
    assert not has_lapsed(recorded, policy=WINDOW, day=date.max)


@pytest.mark.rule("X2", "U3")
def test_a_request_after_a_lapse_raises_nothing() -> None:
    """What has lapsed allows nothing, so the new request adds all that its level allows."""
    in_context = context(now=days_after(41))

    fresh, raised = (only_event(before, ask(ACTIONS), in_context) for before in (lapsed(), in_state(State.APPROVED)))

    assert isinstance(fresh, RequestSent)
    assert isinstance(raised, RequestSent)
    assert (None, MIS) == (fresh.raises, raised.raises)
