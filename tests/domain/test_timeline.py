"""What events say about any instant of the past (rules H1, A10, X2)."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import count, pairwise
from typing import Any

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements.commands import AddRecipients, Command, EndCause, Named, Remind, Withdraw
from datashare.domain.agreements.context import DecisionContext
from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    Recorded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import AgreementId, RequestId
from datashare.domain.agreements.state import Agreement, Basis, State, fold
from datashare.domain.instants import Instant, to_instant
from datashare.domain.levels import Capability
from datashare.domain.timeline import (
    AgreementPeriod,
    AsOf,
    NotRecorded,
    Present,
    all_as_of,
    all_on,
    as_of,
    in_force_on,
    on_day,
    periods,
    shared_on,
    timeline,
)
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    BEN,
    DEPUTY,
    DFE,
    HEAD,
    MAT,
    MIS,
    NIGHTLY,
    NOW,
    OTHER_URN,
    TERMS,
    URN,
    answer_to,
    ask,
    context,
    end,
    events_of,
    fold_onto,
    header,
    importing,
    new,
    open_request,
    record,
    see,
)

OTHER = AgreementId(MAT, OTHER_URN)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
CENTRAL = context(policy=attrs.evolve(context().policy, central_approval=True))
CLOSED = context(HiddenBecause.CLOSED)


class Story:
    """Real events, decided one after the other at chosen instants."""

    def __init__(self) -> None:
        self.events: tuple[Event, ...] = ()

    @property
    def state(self) -> Agreement:
        """The agreement as it stands."""
        return fold_onto(new(), self.events)

    @property
    def periods(self) -> tuple[AgreementPeriod, ...]:
        """All periods so far."""
        return timeline(self.events)

    def does(self, command: Command, after: timedelta, in_context: DecisionContext | None = None) -> "Story":
        """Let somebody do something so long after the beginning."""
        when = attrs.evolve(in_context or context(), now=at(after))
        seen = attrs.evolve(when, visibility=attrs.evolve(when.visibility, day=when.day), events=self.events)
        self.events += events_of(self.state, command, seen)
        return self

    def answers(self, after: timedelta) -> "Story":
        """Let the head approve."""
        terms = open_request(self.state).terms
        return self.does(answer_to(self.state, terms.version if terms else None), after, context(actor=HEAD))


def asked() -> Story:
    """Ask on the first day."""
    return Story().does(ask(terms=TERMS), DAY * 0)


def approved() -> Story:
    """Ask on the first day and approve on the second."""
    return asked().answers(DAY)


def at(after: timedelta) -> Instant:
    """Return the instant so long after the beginning."""
    return to_instant(NOW + after)


def recorded(answer: AsOf) -> AgreementPeriod:
    """Return an answer that must be a period."""
    assert isinstance(answer, AgreementPeriod)
    return answer


def begins(events: Sequence[Event]) -> list[Instant]:
    """List when the periods of an agreement begin."""
    return [period.since for period in timeline(events)]


@pytest.mark.rule("H1")
def test_without_events_there_is_no_period() -> None:
    """If nothing ever happened, nothing is recorded at any instant."""
    assert () == timeline([])
    assert NotRecorded(agreement=AGREEMENT) == as_of(AGREEMENT, [], NOW)


@pytest.mark.rule("H1")
def test_a_level_in_force_names_everybody_it_rests_on() -> None:
    """The period says who asked, for whom and when, who approved and when, and on which terms."""
    pending, sharing = Story().does(ask(terms=TERMS), DAY * 0, context(actor=BEN)).answers(DAY).periods

    assert (State.PENDING, None, frozenset()) == (pending.agreement.state, pending.level, pending.capabilities)
    assert (None, None, None) == (pending.event, pending.accepted, pending.terms)
    assert (None, None, None) == (pending.asked_by, pending.approved_by, pending.recorded_by)
    assert (State.APPROVED, MIS, MIS.capabilities) == (sharing.agreement.state, sharing.level, sharing.capabilities)
    assert sharing.accepted is not None
    assert sharing.accepted == pending.agreement.request
    assert (RequestId(AGREEMENT, 1), BEN, NOW, ANA) == (
        sharing.accepted.id,
        sharing.asked_by,
        sharing.accepted.asked_at,
        sharing.accepted.sender,
    )
    assert (HEAD, None, TERMS) == (sharing.approved_by, sharing.recorded_by, sharing.terms)
    assert sharing.event is not None
    assert at(DAY) == sharing.event.at


@pytest.mark.rule("H1")
def test_periods_are_half_open() -> None:
    """At the very instant of the answer the level is in force; a microsecond before, it is not."""
    story = approved()

    assert MIS is recorded(as_of(AGREEMENT, story.events, at(DAY))).level
    assert recorded(as_of(AGREEMENT, story.events, at(DAY - TICK))).level is None
    assert [(NOW, at(DAY)), (at(DAY), None)] == [(period.since, period.until) for period in story.periods]


@pytest.mark.rule("H1", "U2")
def test_a_raised_level_takes_over_when_it_is_accepted() -> None:
    """While a higher level is asked for, the old one stays, by its own request."""
    _, before, raising, raised = approved().does(ask(ACTIONS), DAY * 2).answers(DAY * 3).periods

    assert (MIS, MIS, ACTIONS) == (before.level, raising.level, raised.level)
    assert State.UPGRADING is raising.agreement.state
    assert before.accepted == raising.accepted != raised.accepted
    assert raised.accepted == raising.agreement.request


@pytest.mark.rule("H1")
def test_a_reminder_begins_no_new_period() -> None:
    """More recipients begin one; what comes after a reminder is not lost."""
    story = Story().does(ask(recipients=Named((HEAD,))), DAY * 0)
    request = open_request(story.state).id
    story.does(Remind(request=request), DAY).does(AddRecipients(request=request), DAY * 2).answers(DAY * 3)

    assert [NOW, at(DAY * 2), at(DAY * 3)] == begins(story.events)


@pytest.mark.rule("H1")
def test_a_withdrawn_request_leaves_nothing() -> None:
    """From then on nothing stands, and no agreement was ended."""
    story = asked()
    last = story.does(Withdraw(request=open_request(story.state).id), DAY).periods[-1]

    assert (State.NO_AGREEMENT, None, None) == (last.agreement.state, last.ended, last.ended_from)


@pytest.mark.rule("H1", "E1")
def test_an_end_is_kept_until_something_stands_again() -> None:
    """After the end nothing is in force, and the answer names who ended it and why; a new request begins anew."""
    story = approved().does(end(EndCause.SCHOOL_CLOSED), DAY * 2, context(HiddenBecause.CLOSED, actor=BEN))
    _, _, ended, asked_anew = story.does(ask(), DAY * 3).periods

    assert ended.ended is not None
    assert (EndCause.SCHOOL_CLOSED, BEN, State.APPROVED) == (ended.ended.cause, ended.ended.actor, ended.ended_from)
    assert (None, None, None, None) == (ended.level, ended.event, ended.accepted, ended.terms)
    assert {BEN} == ended.actors
    assert (None, None, State.PENDING) == (asked_anew.ended, asked_anew.ended_from, asked_anew.agreement.state)


@pytest.mark.rule("H1", "E1")
def test_an_end_says_which_state_it_ended() -> None:
    """Either only a request, or a level and a request; a level that was never in force has not ended."""
    closed = context(HiddenBecause.CLOSED, actor=BEN)
    stories = [asked(), approved().does(ask(ACTIONS), DAY * 3)]
    ended = [story.does(end(EndCause.SCHOOL_CLOSED), DAY * 4, closed).periods[-1] for story in stories]

    assert [State.PENDING, State.UPGRADING] == [period.ended_from for period in ended]


@pytest.mark.rule("H1", "X2")
def test_an_agreement_that_lapsed_and_is_hidden_again_says_both() -> None:
    """Neither reason hides the other."""
    story = approved().does(see(), DAY * 3, CLOSED).does(see(), DAY * 40).does(see(), DAY * 41, CLOSED)

    assert "did not show the school to the group (closed). It had lapsed" in str(story.periods[-1])


@pytest.mark.rule("H1", "E6", "X2")
def test_sharing_stops_with_its_recorded_loss_and_returns() -> None:
    """From the instant of the record, with the register's day and every reason; the level stays in force."""
    hidden = context(HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED, actor=NIGHTLY)
    story = approved().does(see(date(2026, 3, 30)), DAY * 3, hidden).does(see(), DAY * 5)
    _, before, lost, back = story.periods

    assert (at(DAY * 3), at(DAY * 5)) == (lost.since, lost.until)
    assert (MIS, frozenset(), date(2026, 3, 30)) == (lost.level, lost.capabilities, lost.agreement.hidden_since)
    assert lost.hidden_by is not None
    assert (HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED) == lost.hidden_by.reasons
    assert (None, None) == (back.agreement.hidden_since, back.hidden_by)
    assert MIS.capabilities == before.capabilities == back.capabilities


@pytest.mark.rule("H1", "X2")
def test_a_lapsed_agreement_grants_nothing_until_it_is_approved_anew() -> None:
    """A school that comes back too late shares nothing, and shares again by a new request."""
    story = approved().does(see(), DAY * 3, CLOSED).does(see(), DAY * 40).does(ask(), DAY * 41).answers(DAY * 42)
    *_, lapsed, waiting, again = story.periods

    assert (MIS, True, frozenset()) == (lapsed.level, lapsed.agreement.lapsed, lapsed.capabilities)
    assert frozenset() == waiting.capabilities
    assert (False, MIS.capabilities) == (again.agreement.lapsed, again.capabilities)


SHOWN, NOT_SHOWN = frozenset({URN}), frozenset[int]()


@pytest.mark.rule("H1", "X2")
def test_at_the_present_instant_the_register_answers() -> None:
    """A loss that nobody recorded shows from now on, with the record before it; so does a return."""
    sharing = approved()
    hidden = approved().does(see(), DAY * 2, CLOSED)
    now = at(DAY * 9)

    lost = timeline(sharing.events, present=Present(at=now, visible=NOT_SHOWN))
    back = timeline(hidden.events, present=Present(at=now, visible=SHOWN))

    for periods_now, before in ((lost, sharing.periods), (back, hidden.periods)):
        assert (*before[:-1], attrs.evolve(before[-1], until=now)) == periods_now[:-1]
        assert (now, None) == (periods_now[-1].since, periods_now[-1].until)
    assert (False, frozenset()) == (lost[-1].shown, lost[-1].capabilities)
    assert (True, MIS.capabilities) == (back[-1].shown, back[-1].capabilities)


@pytest.mark.rule("H1", "X2")
@pytest.mark.parametrize(("days", "capabilities"), [(30, MIS.capabilities), (31, frozenset())])
def test_an_unrecorded_return_lapses_by_time_alone(days: int, capabilities: frozenset[Capability]) -> None:
    """The window passes without an event; the answer for the present instant counts it."""
    story = approved().does(see(), DAY * 2, CLOSED)
    now = Present(at=at(DAY * (2 + days)), visible=SHOWN)

    period = recorded(as_of(AGREEMENT, story.events, now.at, present=now))

    assert (capabilities, not capabilities) == (period.capabilities, period.lapsed)


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    "story", [asked(), approved(), approved().does(end(), DAY * 2)], ids=["asked", "in force", "ended"]
)
def test_a_present_that_the_record_fits_begins_no_period(story: Story) -> None:
    """Nor does one in which nothing is in force that the register could stop."""
    assert story.periods == timeline(story.events, present=Present(at=at(DAY * 9), visible=SHOWN))
    if story.state.in_force is None:
        assert story.periods == timeline(story.events, present=Present(at=at(DAY * 9), visible=NOT_SHOWN))


@pytest.mark.rule("H1", "T3")
def test_an_event_that_lies_ahead_counts_as_of_now() -> None:
    """What a clock recorded that was ten years fast stands since the present instant, and not only in ten years."""
    fast = asked().answers(DAY * 3_650).does(ask(ACTIONS), DAY)
    now = Present(at=at(DAY * 2), visible=SHOWN)

    before, since = timeline(fast.events, present=now)

    assert (NOW, now.at, None) == (before.since, before.until, before.level)
    assert (now.at, MIS.capabilities, State.UPGRADING) == (since.since, since.capabilities, since.agreement.state)
    assert (since,) == all_as_of(fast.events, now.at, present=now)
    imported = moved(Story().does(importing(), DAY).events[0], AGREEMENT, 1, at(DAY * 3_650))
    assert isinstance(as_of(AGREEMENT, [imported], now.at, present=now), AgreementPeriod)
    assert isinstance(as_of(AGREEMENT, [imported], at(DAY), present=now), NotRecorded)


@pytest.mark.rule("H1", "T3")
def test_what_lasted_no_time_is_left_out() -> None:
    """Of several events at one instant the last counts: here a school's return and its approval."""
    story = asked().does(see(), DAY, CLOSED).answers(DAY * 2)

    assert [VisibilityReturned, RequestApproved] == [type(event) for event in story.events[2:]]
    assert [NOW, at(DAY), at(DAY * 2)] == begins(story.events)
    assert MIS.capabilities == story.periods[-1].capabilities


@pytest.mark.rule("H1")
def test_what_changed_and_changed_back_at_one_instant_begins_no_period() -> None:
    """A loss that was recorded and taken back at once is not a period, nor does it divide one."""
    story = approved().does(see(), DAY * 3, CLOSED).does(see(), DAY * 3)

    assert 4 == len(story.events)
    assert [NOW, at(DAY)] == begins(story.events)


@pytest.mark.rule("E6", "H1")
def test_a_loss_that_is_recorded_again_changes_nothing() -> None:
    """The register's day and the reasons of the first loss stay together."""
    first = approved().does(see(), DAY * 2, CLOSED).events
    common = header(4, at=at(DAY * 3), actor=NIGHTLY)
    again = VisibilityLost(**common, register_day=date(2026, 4, 2), reasons=(HiddenBecause.NOT_LINKED,))

    assert timeline(first) == timeline([*first, again])


@pytest.mark.rule("A10", "H1")
def test_before_an_import_nothing_is_recorded() -> None:
    """The original day is data: the answer names it and claims nothing about it."""
    story = Story().does(importing(), DAY)
    before = as_of(AGREEMENT, story.events, at(DAY - TICK))
    after = recorded(as_of(AGREEMENT, story.events, at(DAY)))

    assert NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29)) == before
    assert (story.events[0], None, TERMS) == (after.event, after.accepted, after.terms)
    assert NotRecorded(agreement=AGREEMENT, until=NOW) == as_of(AGREEMENT, asked().events, at(-TICK))


@pytest.mark.rule("A9", "A10", "H1")
@pytest.mark.parametrize("command", [importing(), record()], ids=["imported", "recorded"])
def test_who_writes_an_approval_down_did_not_approve(command: Command) -> None:
    """Whoever imported or recorded it is named as such, and nobody is named as the approver."""
    story = Story().does(command, DAY, CENTRAL)
    (period,) = story.periods

    assert story.events == (period.event,)
    assert (None, None, ANA) == (period.asked_by, period.approved_by, period.recorded_by)
    assert {ANA} == period.actors


@pytest.mark.rule("A9", "A10", "H1")
@pytest.mark.parametrize(
    ("story", "basis"),
    [
        pytest.param(approved().does(record(ACTIONS), DAY * 2, CENTRAL), Basis.RECORDED, id="recorded-after-request"),
        pytest.param(
            Story().does(importing(), DAY).does(ask(ACTIONS), DAY * 2).answers(DAY * 3),
            Basis.REQUEST,
            id="request-after-import",
        ),
    ],
)
def test_a_level_on_a_new_basis_forgets_the_old_one(story: Story, basis: Basis) -> None:
    """A raise by a central approval rests on no request, and one by a request on no import."""
    last = story.periods[-1]

    assert last.event == story.events[-1]
    assert basis is (last.agreement.in_force and last.agreement.in_force.basis)
    assert (basis is Basis.REQUEST) is (last.accepted is not None)


@pytest.mark.rule("H1")
def test_nobody_is_said_to_have_asked_by_another_request() -> None:
    """If the accepted request is not the one that was open, it is not known who asked."""
    sent, accepted = approved().events
    last = timeline([sent, moved(accepted, AGREEMENT, 2, at(DAY), number=7)])[-1]

    assert (None, HEAD) == (last.asked_by, last.approved_by)
    assert "by request mat:5143/100000/7, approved by" in str(last)


@pytest.mark.rule("H1", "T3")
def test_an_instant_before_its_predecessors_cannot_turn_time_back() -> None:
    """Order is by sequence: an event of a damaged store counts from its predecessor's instant."""
    imported = moved(Story().does(importing(), DAY).events[0], AGREEMENT, 3, at(DAY - TICK))
    lost = approved().does(see(), DAY * 2, CLOSED).events[-1]

    assert [NOW, at(DAY), at(DAY * 2)] == begins([*approved().events, imported, attrs.evolve(lost, sequence=4)])


def moved(event: Event, agreement: AgreementId, sequence: int, when: Instant, number: int | None = None) -> Event:
    """Return an event as if it had happened to another agreement, or at another instant."""
    changes: dict[str, Any] = {"agreement": agreement, "sequence": sequence, "at": when}
    request = getattr(event, "request", None)
    if request is not None and not isinstance(event, RequestSent):
        changes["request"] = RequestId(agreement, number or request.number)
    return attrs.evolve(event, **changes)


def elsewhere(events: Sequence[Event], later: timedelta) -> list[Event]:
    """Return events as if they had happened to another agreement, so much later."""
    return [moved(event, OTHER, event.sequence, to_instant(event.at + later)) for event in events]


def mixed(*histories: Sequence[Event]) -> list[Event]:
    """Return the events of several agreements as a store does: by instant, URN and sequence (H2)."""
    every = [event for events in histories for event in events]
    return sorted(every, key=lambda event: (event.at, event.agreement.urn, event.sequence))


IMPORT = Story().does(importing(), DAY).events
"""Imported on 30 March 2026 a little before two o'clock in the morning; the original day is 29 February 2024."""
SPRING = date(2026, 3, 29)


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    ("ask_about", "expected"),
    [
        pytest.param(lambda: as_of(AGREEMENT, [], pendulum.naive(2026, 5, 3)), "at must be a datetime with", id="zone"),
        pytest.param(lambda: all_as_of([], pendulum.naive(2026, 5, 3)), "at must be a datetime with", id="all-zone"),
        pytest.param(lambda: timeline(mixed(IMPORT, elsewhere(IMPORT, DAY))), "of one agreement", id="several"),
        pytest.param(lambda: as_of(OTHER, IMPORT, NOW), "of mat:5143/100001; got 'mat:5143/100000'", id="other"),
        pytest.param(lambda: on_day(OTHER, IMPORT, SPRING), "the events of mat:5143/100001", id="other-on-day"),
        pytest.param(lambda: shared_on(OTHER, IMPORT, SPRING), "the events of mat:5143/100001", id="other-shared"),
        pytest.param(lambda: as_of("mat:5143/1", [], NOW), "agreement must be an AgreementId", id="text"),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_a_question_that_makes_no_sense_is_refused(ask_about: Callable[[], object], expected: str) -> None:
    """An instant without time zone, events of another agreement, a text in place of an agreement."""
    with pytest.raises(InvalidValue, match=expected):
        ask_about()


BARE: Any = Recorded(**header())


@pytest.mark.rule("H1")
@pytest.mark.parametrize("events", [None, "events", [None], ["request_sent"], [Recorded], [BARE]], ids=count())
def test_what_is_not_an_event_is_refused(events: object) -> None:
    """With the library's own error, for one agreement and for many."""
    questions: list[Callable[[Any], object]] = [
        timeline,
        lambda events: all_as_of(events, NOW),
        lambda events: as_of(AGREEMENT, events, NOW),
    ]
    for ask_about in questions:
        with pytest.raises(InvalidValue, match="events must be events such as"):
            ask_about(events)


@pytest.mark.rule("A10", "H1")
def test_a_group_sees_what_may_have_been_in_force_before_an_import() -> None:
    """From the original day to the import it is not recorded here; before that day nothing is said."""
    before = NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29))
    events = mixed(IMPORT, elsewhere(approved().events, DAY))
    original_day = to_instant(pendulum.datetime(2024, 2, 29))

    assert () == all_as_of(events, to_instant(original_day - TICK))
    assert (before,) == all_as_of(events, original_day) == all_as_of(events, at(DAY - TICK))
    assert [AgreementPeriod, AgreementPeriod] == [type(answer) for answer in all_as_of(events, at(DAY))]


@pytest.mark.rule("A10", "H1")
def test_a_day_before_an_import_may_have_had_an_agreement_in_force() -> None:
    """A part of the day of the import is not recorded, unless it was made at midnight."""
    before = NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29))
    (imported,) = timeline(IMPORT)
    days = [date(2024, 2, 28), date(2024, 2, 29), SPRING, date(2026, 3, 30), date(2026, 3, 31)]
    midnight = [attrs.evolve(IMPORT[0], at=pendulum.datetime(2026, 3, 29, 23))]

    for about in (all_on, in_force_on, lambda events, day: shared_on(AGREEMENT, events, day)):
        assert [(), (before,), (before,), (before, imported), (imported,)] == [about(IMPORT, day) for day in days]
        assert [AgreementPeriod] == [type(answer) for answer in about(midnight, date(2026, 3, 30))]


@pytest.mark.rule("H1")
def test_a_day_lists_what_was_in_force_or_shared() -> None:
    """Open requests and agreements whose record had not begun are left out; hidden schools were not shared."""
    events = mixed(approved().events, elsewhere(approved().events, DAY))
    day = date(2026, 3, 30)
    hidden = approved().does(see(), DAY, CLOSED).events

    assert [(AGREEMENT, None), (AGREEMENT, MIS), (OTHER, None)] == [
        (period.agreement.id, period.level) for period in map(recorded, all_on(events, day))
    ]
    assert [(AGREEMENT, MIS)] == [
        (period.agreement.id, period.level) for period in map(recorded, in_force_on(events, day))
    ]
    assert (approved().periods[-1],) == shared_on(AGREEMENT, approved().events, day)
    assert (1, 0) == (len(in_force_on(hidden, day)), len(shared_on(AGREEMENT, hidden, day)))


@pytest.mark.rule("H1", "A10")
def test_a_gap_is_half_open_too() -> None:
    """It ends before the record begins, and does not overlap a span without length."""
    gap = NotRecorded(agreement=AGREEMENT, until=NOW)

    assert [True, False] == [gap.includes(at(-TICK)), gap.includes(NOW)]
    assert [True, False, False] == [
        gap.overlaps(at(-TICK), at(DAY)),
        gap.overlaps(NOW, at(DAY)),
        gap.overlaps(at(-DAY), at(-DAY)),
    ]


@pytest.mark.rule("H1")
def test_every_agreement_of_a_group_is_answered_at_an_instant() -> None:
    """The answers are by URN, each with its later end; agreements that had not begun are left out."""
    events = mixed(approved().events, elsewhere(approved().events, DAY))
    answers = map(recorded, all_as_of(events, at(DAY)))

    assert [(AGREEMENT, MIS, None), (OTHER, None, at(DAY * 2))] == [
        (period.agreement.id, period.level, period.until) for period in answers
    ]
    assert [AGREEMENT] == [recorded(answer).agreement.id for answer in all_as_of(events, NOW)]


@pytest.mark.rule("H1")
def test_a_day_is_londons() -> None:
    """From midnight to before the next: a period that ended as the day began is not on it."""
    (sent,) = asked().events
    first, end = pendulum.datetime(2026, 3, 29), pendulum.datetime(2026, 3, 29, 23)  # a day of 23 hours
    withdrawn = RequestWithdrawn(**header(2, at=first), request=RequestId(AGREEMENT, 1))

    for when, expected in ((first, 1), (end - TICK, 1), (end, 0)):
        assert expected == len(all_on([attrs.evolve(sent, at=when)], SPRING))
    (period,) = map(recorded, all_on([attrs.evolve(sent, at=first - DAY), withdrawn], SPRING))
    assert State.NO_AGREEMENT is period.agreement.state


@pytest.mark.rule("H1", "A10")
def test_a_day_is_answered_from_its_beginning() -> None:
    """If the record begins in the course of the day, or later, the answer says so first."""
    events = approved().events
    midnight = [attrs.evolve(events[0], at=pendulum.datetime(2026, 3, 29))]

    assert [NotRecorded, AgreementPeriod] == [type(answer) for answer in on_day(AGREEMENT, events, SPRING)]
    assert [AgreementPeriod, AgreementPeriod] == [type(answer) for answer in on_day(AGREEMENT, events, SPRING + DAY)]
    assert [AgreementPeriod] == [type(answer) for answer in on_day(AGREEMENT, midnight, SPRING)]
    assert (NotRecorded(agreement=AGREEMENT, until=NOW),) == on_day(AGREEMENT, events, SPRING - DAY)
    assert (NotRecorded(agreement=AGREEMENT),) == on_day(AGREEMENT, [], SPRING)


def kinds() -> tuple[Event, ...]:
    """Return an event of every kind, some with different contents; few enough to be drawn again and again."""
    by_ana, by_head, by_deputy, by_system = (header(actor=actor) for actor in (ANA, HEAD, DEPUTY, NIGHTLY))
    request = RequestId(AGREEMENT, 1)
    asking: dict[str, Any] = {"raises": None, "sender": ANA, "terms": TERMS}
    return (
        RequestSent(**by_ana, **asking, level=MIS, recipients=(HEAD,)),
        RequestSent(**header(actor=BEN), **asking, level=ACTIONS, recipients=(DEPUTY,)),
        RecipientsAdded(**by_ana, request=request, recipients=(DEPUTY,)),
        ReminderSent(**by_ana, request=request, recipients=(HEAD,)),
        RequestApproved(**by_head, request=request, level=MIS, terms=TERMS),
        RequestApproved(**by_deputy, request=request, level=ACTIONS, terms=None),
        RequestDeclined(**by_head, request=request),
        RequestWithdrawn(**by_ana, request=request),
        ApprovalRecorded(**by_ana, level=ACTIONS, terms=None),
        AgreementImported(**by_ana, level=DFE, agreed_on=date(2024, 2, 29), terms=TERMS),
        AgreementEnded(**by_ana, cause=EndCause.BY_GROUP, request=request),
        AgreementEnded(**by_system, cause=EndCause.SUCCEEDED, request=None),
        VisibilityLost(**by_system, register_day=date(2026, 3, 30), reasons=(HiddenBecause.CLOSED,)),
        VisibilityReturned(**by_system, register_day=date(2026, 4, 1), resumes=True),
        VisibilityReturned(**by_system, register_day=date(2026, 5, 1), resumes=False),
    )


@st.composite
def histories(draw: st.DrawFn, agreement: AgreementId = AGREEMENT) -> list[Event]:
    """Draw any events in a row, whether or not anybody could have decided so; several may share their instant."""
    pauses = st.sampled_from([timedelta(0), TICK, timedelta(hours=1), DAY])
    drawn = draw(st.lists(st.tuples(st.sampled_from(kinds()), pauses, st.booleans()), max_size=12))
    when, opened, events = NOW, 1, list[Event]()
    for sequence, (event, pause, is_named) in enumerate(drawn, start=1):
        when = to_instant(when + pause)
        events.append(moved(event, agreement, sequence, when, opened if is_named else 999))
        opened = sequence if isinstance(event, RequestSent) else opened
    return events


@pytest.mark.rule("H1", "H2")
@given(histories(), histories(OTHER))
def test_periods_cover_the_time_without_gap_or_overlap(ours: list[Event], others: list[Event]) -> None:
    """Each begins as the one before it ends, lasts some time and differs from it, whatever it is mixed with."""
    answers = [period for period in periods(mixed(ours, others)) if period.agreement.id == AGREEMENT]

    assert list(timeline(ours)) == answers
    assert [event.at for event in ours[:1]] == [period.since for period in answers[:1]]
    assert [period.until for period in answers] == [*(period.since for period in answers[1:]), None][: len(answers)]
    for before, after in pairwise(answers):
        assert before.since < after.since
        assert before != attrs.evolve(after, since=before.since, until=before.until)


@pytest.mark.rule("H1", "T3", "X1", "X2")
@given(histories(), st.integers(-2, 300), st.sampled_from([-TICK, timedelta(0), TICK]))
def test_the_past_is_the_fold_of_what_had_happened(events: list[Event], hours: int, shift: timedelta) -> None:
    """At any instant, at an event or next to one, the answer is the fold so far, and grants what that grants."""
    for when in [at(timedelta(hours=hours)), *(to_instant(event.at + shift) for event in events)]:
        before = [event for event in events if event.at <= when]
        answer = as_of(AGREEMENT, events, when)

        assert bool(before) is isinstance(answer, AgreementPeriod)
        assert answer.includes(when)
        if isinstance(answer, AgreementPeriod):
            state = fold(AGREEMENT, before)
            assert _without_traces(state) == _without_traces(answer.agreement)
            granting = state.level is not None and state.hidden_since is None and not state.lapsed
            assert answer.capabilities == (state.level.capabilities if state.level and granting else frozenset())
            assert (state.in_force is None) is (answer.event is None)
            assert (state.hidden_since is None) is (answer.hidden_by is None)
            assert answer.ended is None or not state.stands


def _without_traces(agreement: Agreement) -> Agreement:
    """Return an agreement without what no auditor asks about."""
    request = agreement.request and attrs.evolve(agreement.request, reminded_at=None)
    return attrs.evolve(agreement, request=request, version=0, changed_at=None, closed=())


@pytest.mark.rule("H4")
@given(histories())
def test_everybody_in_an_answer_is_listed(events: list[Event]) -> None:
    """Everybody whose id stands anywhere in an answer is among its actors, so that all can be looked up at once."""
    for period in timeline(events):
        in_force, requests = period.agreement.in_force, [period.accepted, period.agreement.request]
        named = {period.asked_by, period.approved_by, period.recorded_by, period.ended and period.ended.actor}
        named |= {who for asked in requests if asked for who in (asked.sender, asked.asked_by, *asked.recipients)}
        named |= {in_force.approved_by, in_force.sender} if in_force else set()
        assert named - {None} == period.actors
