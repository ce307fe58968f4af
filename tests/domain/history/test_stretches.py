"""What events tell of any instant of the past (rules H1, A10, X2)."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, get_args

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import (
    Agreement,
    AgreementEnded,
    AgreementId,
    AgreementImported,
    ApprovalRecorded,
    Basis,
    Command,
    DecisionContext,
    EndCause,
    Event,
    RecipientsAdded,
    Recorded,
    Remind,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestId,
    RequestSent,
    RequestWithdrawn,
    State,
    VisibilityLost,
    VisibilityReturned,
    Withdraw,
    fold,
)
from datashare.domain.instants import Instant, to_instant
from datashare.domain.timeline import (
    AgreementPeriod,
    Asked,
    AsOf,
    NotRecorded,
    all_as_of,
    all_on,
    as_of,
    in_force_on,
    on_day,
    shared_on,
    standings,
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
    end,
    events_of,
    fold_onto,
    importing,
    new,
    open_request,
    record,
    see,
)
from tests.builders import (
    context as facts,
)

OTHER = AgreementId(MAT, OTHER_URN)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


class Story:
    """Real events, decided one after the other at instants of one's own."""

    def __init__(self) -> None:
        self.events: tuple[Event, ...] = ()

    @property
    def state(self) -> Agreement:
        """Tell how it stands."""
        return fold_onto(new(), self.events)

    def does(self, command: Command, after: timedelta, given: DecisionContext | None = None) -> "Story":
        """Let somebody do something so long after the beginning."""
        when = attrs.evolve(given or facts(), now=to_instant(NOW + after))
        seen = attrs.evolve(when, visibility=attrs.evolve(when.visibility, day=when.day))
        self.events += events_of(self.state, command, seen)
        return self

    def state_told(self) -> AgreementPeriod:
        """Tell how it stands, as an auditor is told."""
        return timeline(self.events)[-1]

    def answers(self, after: timedelta) -> "Story":
        """Let the head approve."""
        terms = open_request(self.state).terms
        return self.does(answer_to(self.state, terms.version if terms else None), after, facts(actor=HEAD))


def approved() -> Story:
    """Ask on the first day and approve on the second."""
    return Story().does(ask(terms=TERMS), DAY * 0).answers(DAY)


def at(after: timedelta) -> Instant:
    """Name an instant by the time since the beginning."""
    return to_instant(NOW + after)


def stood(found: object) -> AgreementPeriod:
    """Give what must be recorded."""
    assert isinstance(found, AgreementPeriod)
    return found


@pytest.mark.rule("H1")
def test_no_event_makes_no_stretch_of_time() -> None:
    """Where nothing ever happened nothing is recorded, at any instant."""
    assert () == timeline([])
    assert NotRecorded(agreement=AGREEMENT) == as_of(AGREEMENT, [], NOW)


@pytest.mark.rule("H1")
def test_a_level_in_force_is_told_with_everybody_whose_word_it_rests_on() -> None:
    """By which request, asked by whom and when, from whom, approved by whom and when, on which terms."""
    story = Story().does(ask(terms=TERMS), DAY * 0, facts(actor=BEN)).answers(DAY)
    pending, in_force = timeline(story.events)

    assert (State.PENDING, None, frozenset()) == (pending.state, pending.level, pending.capabilities)
    assert (None, None, None) == (pending.basis, pending.by_request, pending.asked_by)
    assert (None, None, None, None) == (pending.asked_at, pending.approved_by, pending.approved_at, pending.terms)
    assert RequestId(AGREEMENT, 1) == (pending.request and pending.request.id)
    assert (State.APPROVED, MIS, MIS.capabilities) == (in_force.state, in_force.level, in_force.capabilities)
    assert (Basis.REQUEST, RequestId(AGREEMENT, 1)) == (in_force.basis, in_force.by_request)
    assert (BEN, NOW, ANA) == (in_force.asked_by, in_force.asked_at, in_force.in_force and in_force.in_force.sender)
    assert (HEAD, at(DAY), TERMS) == (in_force.approved_by, in_force.approved_at, in_force.terms)
    assert in_force.accepted == pending.request
    assert in_force.accepted is not None
    assert HEAD in in_force.accepted.recipients


@pytest.mark.rule("H1")
def test_stretches_are_half_open() -> None:
    """At the very instant of the answer the level is in force; a microsecond before, it is not."""
    story = approved()

    assert MIS is stood(as_of(AGREEMENT, story.events, at(DAY))).level
    assert stood(as_of(AGREEMENT, story.events, at(DAY - TICK))).level is None
    assert [(NOW, at(DAY)), (at(DAY), None)] == [(one.since, one.until) for one in timeline(story.events)]


@pytest.mark.rule("H1", "U2")
def test_a_raised_level_takes_over_when_it_is_accepted() -> None:
    """While it is asked for the old one stays, on its own request's word."""
    story = approved().does(ask(ACTIONS), DAY * 2).answers(DAY * 3)
    _, before, raising, raised = timeline(story.events)

    assert (State.APPROVED, State.UPGRADING, State.APPROVED) == (before.state, raising.state, raised.state)
    assert (MIS, MIS, ACTIONS) == (before.level, raising.level, raised.level)
    assert before.by_request == raising.by_request == RequestId(AGREEMENT, 1)
    assert (RequestId(AGREEMENT, 3), at(DAY * 2)) == (raised.by_request, raised.asked_at)


@pytest.mark.rule("H1")
def test_a_reminder_begins_nothing_new() -> None:
    """What no auditor asks about divides no stretch of time, and what came after it is not lost."""
    story = Story().does(ask(), DAY * 0)
    story.does(Remind(request=open_request(story.state).id), DAY).answers(DAY * 2)

    assert [NOW, at(DAY * 2)] == [one.since for one in timeline(story.events)]


@pytest.mark.rule("H1")
def test_a_withdrawn_request_leaves_nothing() -> None:
    """From then on nothing stands, and nothing says that an agreement was ended."""
    story = Story().does(ask(), DAY * 0)
    story.does(Withdraw(request=open_request(story.state).id), DAY)
    *_, last = timeline(story.events)

    assert (State.NO_AGREEMENT, None, None) == (last.state, last.ended, last.ended_by)


@pytest.mark.rule("H1", "E1")
def test_an_end_is_told_with_its_cause_until_something_stands_again() -> None:
    """After the end nothing is in force, by whose word and why; a new request begins anew."""
    story = approved().does(end(EndCause.SCHOOL_CLOSED), DAY * 2, facts(HiddenBecause.CLOSED, actor=BEN))
    story.does(ask(), DAY * 3)
    _, _, ended, asked_anew = timeline(story.events)

    assert (EndCause.SCHOOL_CLOSED, BEN, None) == (ended.ended, ended.ended_by, ended.level)
    assert State.APPROVED is ended.ended_from
    assert (None, None, None) == (ended.accepted, ended.terms, ended.by_request)
    assert (None, None, State.PENDING) == (asked_anew.ended, asked_anew.ended_by, asked_anew.state)
    assert asked_anew.ended_from is None


@pytest.mark.rule("H1", "E1")
def test_an_end_tells_what_it_closed() -> None:
    """A request that waited, a level in force, or both: what had never been in force is not said to have ended."""
    closing, closed = end(EndCause.SCHOOL_CLOSED), facts(HiddenBecause.CLOSED, actor=BEN)
    pending = Story().does(ask(), DAY * 0).does(closing, DAY * 4, closed)
    upgrading = approved().does(ask(ACTIONS), DAY * 3).does(closing, DAY * 4, closed)

    assert [State.PENDING, State.UPGRADING] == [one.state_told().ended_from for one in (pending, upgrading)]
    assert "the request that waited had been closed by mat:5143/ben" in str(pending.state_told())


@pytest.mark.rule("H1", "X2")
def test_what_lapsed_and_is_hidden_again_tells_both() -> None:
    """Neither reason hides the other."""
    hidden = facts(HiddenBecause.CLOSED)
    story = approved().does(see(), DAY * 3, hidden).does(see(), DAY * 40).does(see(), DAY * 41, hidden)
    last = story.state_told()

    assert last.lapsed
    assert last.hidden_since is not None
    assert "did not show the school to the group (closed). It had lapsed" in str(last)


@pytest.mark.rule("H1", "E6", "X2")
def test_what_a_school_shared_stops_with_its_recorded_loss_and_returns() -> None:
    """From the instant of the record, with the register's day and every reason; the level stays in force."""
    hidden = facts(HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED, actor=NIGHTLY)
    story = approved().does(see(date(2026, 3, 30)), DAY * 3, hidden).does(see(), DAY * 5)
    _, before, lost, back = timeline(story.events)

    assert (at(DAY * 3), at(DAY * 5)) == (lost.since, lost.until)
    assert (MIS, frozenset(), date(2026, 3, 30)) == (lost.level, lost.capabilities, lost.hidden_since)
    assert (HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED) == lost.hidden_because
    assert (None, (), False) == (back.hidden_since, back.hidden_because, back.lapsed)
    assert MIS.capabilities == before.capabilities == back.capabilities


@pytest.mark.rule("H1", "X2")
def test_what_lapsed_grants_nothing_until_it_is_approved_anew() -> None:
    """A school that comes back too late shares nothing, and shares again by the word of a new request."""
    hidden = facts(HiddenBecause.CLOSED)
    story = approved().does(see(), DAY * 3, hidden).does(see(), DAY * 40).does(ask(), DAY * 41).answers(DAY * 42)
    *_, lapsed, asked, again = timeline(story.events)

    assert (MIS, True, frozenset()) == (lapsed.level, lapsed.lapsed, lapsed.capabilities)
    assert frozenset() == asked.capabilities
    assert (False, MIS.capabilities) == (again.lapsed, again.capabilities)
    assert again.asked_at == at(DAY * 41)


@pytest.mark.rule("H1", "T3")
def test_what_lasted_no_time_is_left_out() -> None:
    """Of several events at one instant the last counts: a school whose return and approval come together."""
    hidden = facts(HiddenBecause.CLOSED)
    story = Story().does(ask(), DAY * 0).does(see(), DAY, hidden).answers(DAY * 2)
    found = timeline(story.events)

    assert [VisibilityReturned] == [type(one) for one in story.events if isinstance(one, VisibilityReturned)]
    assert [NOW, at(DAY), at(DAY * 2)] == [one.since for one in found]
    assert MIS.capabilities == found[-1].capabilities


@pytest.mark.rule("H1")
def test_what_changed_and_changed_back_at_one_instant_divides_nothing() -> None:
    """A loss that was recorded and taken back at once is no stretch of time, and no border of any."""
    story = approved().does(see(), DAY * 3, facts(HiddenBecause.CLOSED)).does(see(), DAY * 3)

    assert 4 == len(story.events)
    assert [NOW, at(DAY)] == [one.since for one in timeline(story.events)]


@pytest.mark.rule("A10", "H1")
def test_before_an_import_nothing_is_recorded_here() -> None:
    """The original day is data: it is told, and nothing is claimed about it."""
    story = Story().does(importing(), DAY)
    before = as_of(AGREEMENT, story.events, at(DAY - TICK))
    after = stood(as_of(AGREEMENT, story.events, at(DAY)))

    assert NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29)) == before
    assert (Basis.IMPORTED, date(2024, 2, 29)) == (after.basis, after.agreed_on)
    assert (None, None, TERMS) == (after.by_request, after.asked_by, after.terms)


@pytest.mark.rule("A9", "A10", "H1")
def test_who_writes_an_approval_down_did_not_approve() -> None:
    """An import tells who approved it then, and a central approval what it rests on, as people wrote it."""
    central = facts(policy=attrs.evolve(facts().policy, central_approval=True))
    import_, minute = importing(), record()
    imported = Story().does(import_, DAY).state_told()
    recorded = Story().does(minute, DAY, central).state_told()

    assert (None, None) == (imported.approved_by, imported.approved_at)
    assert (None, None) == (recorded.approved_by, recorded.approved_at)
    assert (
        (ANA, at(DAY)) == (imported.recorded_by, imported.recorded_at) == (recorded.recorded_by, recorded.recorded_at)
    )
    assert (import_.approver, import_.evidence) == (imported.approver, imported.evidence)
    assert (None, minute.basis) == (recorded.approver, recorded.evidence)
    assert {ANA} == imported.actors


@pytest.mark.rule("A10", "H4")
def test_words_that_were_erased_are_told_no_more() -> None:
    """The day and who imported it stay."""
    (event,) = Story().does(importing(), DAY).events
    assert isinstance(event, AgreementImported)
    (found,) = timeline([attrs.evolve(event, approver=None, evidence=None)])

    assert (None, None, date(2024, 2, 29)) == (found.approver, found.evidence, found.agreed_on)
    assert ANA == found.recorded_by


@pytest.mark.rule("A9", "A10", "H1")
def test_a_level_that_rests_on_something_else_forgets_what_it_rested_on() -> None:
    """A raise by a central approval rests on no request, and on no import."""
    central = facts(policy=attrs.evolve(facts().policy, central_approval=True))
    after_request = approved().does(record(ACTIONS), DAY * 2, central)
    after_import = Story().does(importing(), DAY).does(record(ACTIONS), DAY * 2, central)
    approved_after_import = Story().does(importing(), DAY).does(ask(ACTIONS), DAY * 2).answers(DAY * 3)
    found = [timeline(one.events)[-1] for one in (after_request, after_import, approved_after_import)]

    assert [Basis.RECORDED, Basis.RECORDED, Basis.REQUEST] == [one.basis for one in found]
    assert [None, None, ANA] == [one.asked_by for one in found]
    assert [None, None, None] == [one.agreed_on for one in found]
    assert [None, None, None] == [one.approver for one in found]
    assert [record().basis, record().basis, None] == [one.evidence for one in found]
    assert [None, None, HEAD] == [one.approved_by for one in found]
    assert [ANA, ANA, None] == [one.recorded_by for one in found]


@pytest.mark.rule("H1")
def test_a_first_request_is_no_earlier_agreement() -> None:
    """Before it nothing is recorded, and no day is known."""
    story = approved()

    assert NotRecorded(agreement=AGREEMENT, until=NOW) == as_of(AGREEMENT, story.events, at(-TICK))


@pytest.mark.rule("H1")
def test_an_instant_without_time_zone_is_refused() -> None:
    """It could be several instants."""
    naive: Any = pendulum.naive(2026, 5, 3)
    for ask_about in (lambda: as_of(AGREEMENT, [], naive), lambda: all_as_of([], naive)):
        with pytest.raises(InvalidValue, match="at must be a datetime with a time zone"):
            ask_about()


def elsewhere(events: Sequence[Event], later: timedelta) -> list[Event]:
    """Give the same as having happened to another agreement, so much later."""
    return [_moved(event, OTHER, event.sequence, to_instant(event.at + later)) for event in events]


def _moved(event: Event, agreement: AgreementId, sequence: int, when: Instant, number: int | None = None) -> Event:
    changes: dict[str, Any] = {"agreement": agreement, "sequence": sequence, "at": when}
    request = getattr(event, "request", None)
    if request is not None and not isinstance(event, RequestSent):
        changes["request"] = RequestId(agreement, number or request.number)
    return attrs.evolve(event, **changes)


def mixed(*histories: Sequence[Event]) -> list[Event]:
    """Give several agreements' events as a store does: by instant, URN and sequence (H2)."""
    every = [event for events in histories for event in events]
    return sorted(every, key=lambda event: (event.at, event.agreement.urn, event.sequence))


@pytest.mark.rule("H1")
def test_a_timeline_is_one_agreements() -> None:
    """Those of several have no one order."""
    story = approved()

    with pytest.raises(InvalidValue, match="the events of one agreement"):
        timeline([*story.events, *elsewhere(story.events, DAY)])


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    "about",
    [
        lambda events: as_of(AGREEMENT, events, NOW),
        lambda events: on_day(AGREEMENT, events, date(2026, 3, 29)),
        lambda events: shared_on(AGREEMENT, events, date(2026, 3, 29)),
    ],
    ids=["as_of", "on_day", "shared_on"],
)
def test_another_agreements_events_tell_nothing(about: Callable[[list[Event]], object]) -> None:
    """They are refused, be they all that there are or mixed with one's own."""
    others = elsewhere(approved().events, DAY)

    for events in (others, [*approved().events, *others]):
        with pytest.raises(InvalidValue, match="the events of mat:5143/100000; got 'mat:5143/100001'"):
            about(events)


@pytest.mark.rule("H1")
def test_a_question_names_an_agreement() -> None:
    """A text in its place is refused, though there are no events that are another's."""
    text: Any = str(AGREEMENT)
    with pytest.raises(InvalidValue, match="agreement must be an AgreementId"):
        as_of(text, [], NOW)


@pytest.mark.rule("H1")
@pytest.mark.parametrize("none", [None, "events", [None], ["request_sent"], [Recorded]], ids=str)
def test_what_is_no_event_is_refused(none: object) -> None:
    """With an error of the library's own, wherever it stands."""
    questions: list[Callable[[Any], object]] = [timeline, lambda events: all_as_of(events, NOW)]
    for about in questions:
        with pytest.raises(InvalidValue, match="events must be events such as"):
            about(none)


@pytest.mark.rule("H1")
def test_what_all_events_have_in_common_is_no_event() -> None:
    """Their base class tells of nothing that happened."""
    bare: Any = Recorded(agreement=AGREEMENT, sequence=1, at=NOW, actor=ANA, command_id="c-1")
    with pytest.raises(InvalidValue, match="events must be events such as"):
        timeline([bare])


IMPORT = Story().does(importing(), DAY).events
"""Imported on 30 March 2026 a little before two o'clock in the morning; the original day is 29 February 2024."""


@pytest.mark.rule("A10", "H1")
def test_a_group_is_told_what_may_have_been_in_force_before_an_import() -> None:
    """From its original day to the import it is not recorded here; before that day nobody says so."""
    before = NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29))
    events = mixed(IMPORT, elsewhere(approved().events, DAY))

    def told(year: int, month: int, day: int) -> list[AsOf]:
        return list(all_as_of(events, pendulum.datetime(year, month, day, tz="Europe/London")))

    assert [] == told(2024, 2, 28)
    assert [] == list(all_as_of(events, to_instant(pendulum.datetime(2024, 2, 29) - TICK)))
    assert [before] == told(2024, 2, 29)
    assert [before] == list(all_as_of(events, at(DAY - TICK)))
    assert [AgreementPeriod, AgreementPeriod] == [type(one) for one in all_as_of(events, at(DAY))]


@pytest.mark.rule("A10", "H1")
def test_a_day_before_an_import_may_have_had_an_agreement_in_force() -> None:
    """The day of the import has a part that is not recorded, unless it was made at midnight."""
    before = NotRecorded(agreement=AGREEMENT, until=at(DAY), agreed_on=date(2024, 2, 29))
    (imported,) = timeline(IMPORT)
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2026, 3, 29), date(2026, 3, 30), date(2026, 3, 31)]
    midnight = [attrs.evolve(IMPORT[0], at=pendulum.datetime(2026, 3, 29, 23))]

    for about in (all_on, in_force_on):
        assert [(), (before,), (before,), (before, imported), (imported,)] == [about(IMPORT, day) for day in days]
        assert [AgreementPeriod] == [type(one) for one in about(midnight, date(2026, 3, 30))]


@pytest.mark.rule("H1")
def test_a_day_lists_what_was_in_force_in_its_course() -> None:
    """What only waited for an answer is left out, and so is an agreement whose record had not begun."""
    events = mixed(approved().events, elsewhere(approved().events, DAY))
    day = date(2026, 3, 30)

    assert [(AGREEMENT, None), (AGREEMENT, MIS), (OTHER, None)] == [
        (one.agreement, stood(one).level) for one in all_on(events, day)
    ]
    assert [(AGREEMENT, MIS)] == [(one.agreement, stood(one).level) for one in in_force_on(events, day)]


SOUND: dict[str, Any] = {"agreement": AGREEMENT, "since": NOW}


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    "given",
    [
        {"agreement": str(AGREEMENT)},
        {"since": pendulum.naive(2026, 5, 3)},
        {"until": "2026-05-03"},
        {"until": NOW},
        {"in_force": MIS},
        {"accepted": RequestId(AGREEMENT, 1)},
        {"agreed_on": NOW},
        {"approver": HEAD},
        {"evidence": 7},
        {"request": "mat:5143/100000/1"},
        {"hidden_since": NOW},
        {"hidden_because": ["closed"]},
        {"hidden_because": HiddenBecause.CLOSED},
        {"lapsed": None},
        {"ended": "by_group"},
        {"ended_by": "mat:5143/ana"},
        {"ended_from": "pending"},
    ],
    ids=str,
)
def test_a_standing_is_valid_from_construction(given: dict[str, Any]) -> None:
    """What is none is refused as it is made; what is one is."""
    assert NOW == AgreementPeriod(**SOUND).since
    with pytest.raises(InvalidValue):
        AgreementPeriod(**{**SOUND, **given})


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    "given",
    [
        {"id": "mat:5143/100000/1"},
        {"level": "mis_data"},
        {"sender": NIGHTLY},
        {"asked_by": "ana"},
        {"asked_at": pendulum.naive(2026, 5, 3)},
        {"recipients": HEAD},
        {"recipients": ["head"]},
        {"terms": "1"},
    ],
    ids=str,
)
def test_what_was_asked_is_valid_from_construction(given: dict[str, Any]) -> None:
    """What is no such request is refused as it is made."""
    sound = attrs.asdict(Asked.of(open_request(Story().does(ask(), DAY * 0).state)), recurse=False)

    assert NOW == Asked(**sound).asked_at
    with pytest.raises(InvalidValue):
        Asked(**{**sound, **given})


@pytest.mark.rule("H1", "A10")
@pytest.mark.parametrize(
    "given", [{"agreement": URN}, {"until": pendulum.naive(2026, 5, 3)}, {"agreed_on": NOW}], ids=str
)
def test_a_gap_is_valid_from_construction(given: dict[str, Any]) -> None:
    """What is none is refused as it is made."""
    with pytest.raises(InvalidValue):
        NotRecorded(**{"agreement": AGREEMENT, **given})


@pytest.mark.rule("H1", "A10")
def test_a_gap_is_half_open_too() -> None:
    """It ends before the record begins, and has nothing in common with what lasts no time."""
    gap = NotRecorded(agreement=AGREEMENT, until=NOW)

    assert [True, False] == [gap.includes(at(-TICK)), gap.includes(NOW)]
    assert [True, False, False] == [
        gap.overlaps(at(-TICK), at(DAY)),
        gap.overlaps(NOW, at(DAY)),
        gap.overlaps(at(-DAY), at(-DAY)),
    ]


@pytest.mark.rule("H1")
def test_what_is_made_inside_is_as_what_is_made_outside() -> None:
    """The quick way gives values that the constructor would take, and of the same types."""
    for one in (*timeline(approved().events), *timeline(IMPORT)):
        made = AgreementPeriod(**attrs.asdict(one, recurse=False))
        assert made == one
        assert {name: type(value) for name, value in attrs.asdict(made, recurse=False).items()} == {
            name: type(value) for name, value in attrs.asdict(one, recurse=False).items()
        }


@pytest.mark.rule("H1")
def test_every_agreement_of_a_group_is_told_at_an_instant() -> None:
    """By URN, each with the end that came later; what had not begun is left out."""
    story = approved()
    events = mixed(story.events, elsewhere(story.events, DAY))
    found = all_as_of(events, at(DAY))

    assert [(AGREEMENT, MIS, None), (OTHER, None, at(DAY * 2))] == [
        (one.agreement, stood(one).level, one.until) for one in found
    ]
    assert [AGREEMENT] == [one.agreement for one in all_as_of(events, NOW)]


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        pytest.param(date(2026, 3, 29), "2026-03-29T00:00:00", "2026-03-29T22:59:59.999999", id="23-hours"),
        pytest.param(date(2026, 5, 3), "2026-05-02T23:00:00", "2026-05-03T22:59:59.999999", id="summer"),
        pytest.param(date(2026, 10, 25), "2026-10-24T23:00:00", "2026-10-25T23:59:59.999999", id="25-hours"),
    ],
)
def test_a_day_is_londons(day: date, first: str, last: str) -> None:
    """From its midnight to before the next: what begins with the next day, or ended as this began, is none of it."""
    begins, ends = (pendulum.parse(text, exact=False) for text in (first, last))
    assert isinstance(begins, pendulum.DateTime)
    assert isinstance(ends, pendulum.DateTime)
    (event,) = Story().does(ask(), DAY * 0).events
    for when, expected in ((begins, 1), (ends, 1), (ends + TICK, 0)):
        assert expected == len(all_on([_moved(event, AGREEMENT, 1, to_instant(when))], day))

    withdrawn = Story().does(ask(), DAY * 0)
    withdrawn.does(Withdraw(request=open_request(withdrawn.state).id), DAY)
    asked, gone = withdrawn.events
    events = [attrs.evolve(asked, at=begins - DAY), attrs.evolve(gone, at=begins)]
    assert [State.NO_AGREEMENT] == [stood(one).state for one in all_on(events, day)]


@pytest.mark.rule("H1", "A10")
def test_a_day_is_told_from_its_beginning() -> None:
    """Where the record begins in its course, or later, the answer says so first."""
    story = approved()
    day = date(2026, 3, 29)

    assert [NotRecorded, AgreementPeriod] == [type(one) for one in on_day(AGREEMENT, story.events, day)]
    assert [AgreementPeriod, AgreementPeriod] == [type(one) for one in on_day(AGREEMENT, story.events, day + DAY)]
    assert (NotRecorded(agreement=AGREEMENT, until=NOW),) == on_day(AGREEMENT, story.events, day - DAY)
    assert (NotRecorded(agreement=AGREEMENT),) == on_day(AGREEMENT, [], day)


def kinds() -> tuple[Event, ...]:
    """Give one event of every kind, some with different contents; few enough to be drawn again and again."""
    told: dict[str, Any] = {"agreement": AGREEMENT, "sequence": 1, "at": NOW, "command_id": "c-1"}
    by, request = told | {"actor": ANA}, RequestId(AGREEMENT, 1)
    asking: dict[str, Any] = {"raises": None, "sender": ANA, "terms": TERMS}
    return (
        RequestSent(**by, **asking, level=MIS, recipients=[HEAD]),
        RequestSent(**told, **asking, level=ACTIONS, recipients=[DEPUTY], actor=BEN),
        RecipientsAdded(**by, request=request, recipients=[DEPUTY]),
        ReminderSent(**by, request=request, recipients=[HEAD]),
        RequestApproved(**told, actor=HEAD, request=request, level=MIS, terms=TERMS),
        RequestApproved(**told, actor=DEPUTY, request=request, level=ACTIONS, terms=None),
        RequestDeclined(**told, actor=HEAD, request=request),
        RequestWithdrawn(**by, request=request),
        ApprovalRecorded(**by, level=ACTIONS, terms=None),
        AgreementImported(**by, level=DFE, agreed_on=date(2024, 2, 29), terms=TERMS),
        AgreementEnded(**by, cause=EndCause.BY_GROUP, request=request),
        AgreementEnded(**told, actor=NIGHTLY, cause=EndCause.SUCCEEDED, request=None),
        VisibilityLost(**told, actor=NIGHTLY, register_day=date(2026, 3, 30), reasons=[HiddenBecause.CLOSED]),
        VisibilityReturned(**told, actor=NIGHTLY, register_day=date(2026, 4, 1), resumes=True),
        VisibilityReturned(**told, actor=NIGHTLY, register_day=date(2026, 5, 1), resumes=False),
    )


@st.composite
def histories(draw: st.DrawFn, agreement: AgreementId = AGREEMENT) -> list[Event]:
    """Give any events in a row, whether or not anybody could have decided so; several may share their instant."""
    pauses = st.sampled_from([timedelta(0), TICK, timedelta(hours=1), DAY])
    drawn = draw(st.lists(st.tuples(st.sampled_from(kinds()), pauses, st.booleans()), max_size=12))
    when, opened, events = NOW, 1, list[Event]()
    for sequence, (event, pause, is_named) in enumerate(drawn, start=1):
        when = to_instant(when + pause)
        events.append(_moved(event, agreement, sequence, when, opened if is_named else 999))
        opened = sequence if isinstance(event, RequestSent) else opened
    return events


@pytest.mark.rule("H1")
def test_every_kind_of_event_is_tried() -> None:
    """What is drawn below misses no kind."""
    assert set(get_args(Event)) == {type(event) for event in kinds()}


@pytest.mark.rule("H1")
@given(histories())
def test_stretches_cover_the_time_without_gap_or_overlap(events: list[Event]) -> None:
    """From the first event on, each begins as the one before it ends, lasts some time, and differs from it."""
    found = timeline(events)

    assert [event.at for event in events[:1]] == [one.since for one in found[:1]]
    assert [one.until for one in found] == [*(one.since for one in found[1:]), *([None] if found else [])]
    assert all(one.until is None or one.since < one.until for one in found)
    for before, after in pairwise(found):
        assert before != attrs.evolve(after, since=before.since, until=before.until)


@pytest.mark.rule("H1", "T3")
@given(histories(), st.integers(-2, 300), st.sampled_from([-TICK, timedelta(0), TICK]))
def test_the_past_is_the_fold_of_what_had_happened(events: list[Event], hours: int, shift: timedelta) -> None:
    """At any instant, be it an event's own or next to it, the answer is the fold of the events so far."""
    for when in [at(timedelta(hours=hours)), *(to_instant(event.at + shift) for event in events)]:
        before = [event for event in events if event.at <= when]
        found = as_of(AGREEMENT, events, when)

        assert bool(before) is isinstance(found, AgreementPeriod)
        if isinstance(found, AgreementPeriod):
            state = fold(AGREEMENT, before)
            assert (state.in_force, state.state, state.hidden_since, state.lapsed) == (
                found.in_force,
                found.state,
                found.hidden_since,
                found.lapsed,
            )
            assert found.request == (Asked.of(state.request) if state.request else None)
            assert found.includes(when)


@pytest.mark.rule("H1", "X1", "X2")
@given(histories())
def test_nothing_is_granted_that_is_not_in_force_visible_and_fresh(events: list[Event]) -> None:
    """Capabilities are exactly those of the level, or none."""
    for one in timeline(events):
        granting = one.in_force is not None and one.hidden_since is None and not one.lapsed
        assert one.capabilities == (one.in_force.level.capabilities if one.in_force and granting else frozenset())
        assert bool(one.hidden_because) <= (one.hidden_since is not None)
        assert (one.ended is None) or one.state is State.NO_AGREEMENT


@pytest.mark.rule("H1", "H2")
@given(histories(), histories(OTHER))
def test_a_group_is_told_as_its_agreements_are(ours: list[Event], others: list[Event]) -> None:
    """In one pass over all events mixed, each agreement's stretches are those that it has by itself."""
    found = list(standings(mixed(ours, others)))

    assert timeline(ours) == tuple(one for one in found if one.agreement == AGREEMENT)
    assert timeline(others) == tuple(one for one in found if one.agreement == OTHER)


@pytest.mark.rule("H4")
@given(histories())
def test_who_is_named_is_listed(events: list[Event]) -> None:
    """Everybody whose id stands anywhere in an answer is among its actors, so that all can be looked up at once."""
    for one in timeline(events):
        in_force, asked = one.in_force, [each for each in (one.accepted, one.request) if each]
        named = {each.asked_by for each in asked} | {each.sender for each in asked} | {one.ended_by}
        named |= {who for each in asked for who in each.recipients}
        named |= {in_force.approved_by, in_force.sender} if in_force else set()
        assert named - {None} == one.actors


@pytest.mark.rule("H1")
def test_a_record_that_begins_with_the_day_tells_all_of_it() -> None:
    """At London's midnight exactly nothing of the day is missing; a microsecond later something is."""
    (event,) = Story().does(ask(), DAY * 0).events
    midnight = pendulum.datetime(2026, 5, 2, 23)

    def kinds_on(when: Instant) -> list[type]:
        moved = _moved(event, AGREEMENT, 1, to_instant(when))
        return [type(one) for one in on_day(AGREEMENT, [moved], date(2026, 5, 3))]

    assert [AgreementPeriod] == kinds_on(midnight)
    assert [NotRecorded, AgreementPeriod] == kinds_on(midnight + TICK)


@pytest.mark.rule("E6", "H1")
def test_a_loss_that_is_recorded_again_changes_nothing() -> None:
    """The register's day and the reasons stay those of the first, together."""
    told: dict[str, Any] = {"agreement": AGREEMENT, "actor": NIGHTLY, "command_id": "c-9"}
    lost = [
        VisibilityLost(
            **told, sequence=3, at=at(DAY * 2), register_day=date(2026, 4, 1), reasons=[HiddenBecause.CLOSED]
        ),
        VisibilityLost(
            **told, sequence=4, at=at(DAY * 3), register_day=date(2026, 4, 2), reasons=[HiddenBecause.NOT_LINKED]
        ),
    ]
    *_, last = timeline([*approved().events, *lost])

    assert (at(DAY * 2), date(2026, 4, 1)) == (last.since, last.hidden_since)
    assert (HiddenBecause.CLOSED,) == last.hidden_because


@pytest.mark.rule("H1")
def test_nobody_is_said_to_have_asked_for_what_another_request_asked() -> None:
    """Where the accepted request is not the one that was open, who asked is left open, and the request is named."""
    sent, accepted = approved().events
    other = _moved(accepted, AGREEMENT, 2, at(DAY), number=7)
    *_, last = timeline([sent, other])

    assert (RequestId(AGREEMENT, 7), None) == (last.by_request, last.asked_by)


@pytest.mark.rule("H1", "T3")
def test_an_instant_before_its_predecessors_cannot_turn_time_back() -> None:
    """Order is by sequence: should a damaged store hold such an event, it counts from its predecessor's instant."""
    sent, accepted = approved().events
    third = _moved(Story().does(importing(), DAY).events[0], AGREEMENT, 3, at(DAY - TICK))
    later = VisibilityLost(
        agreement=AGREEMENT,
        sequence=4,
        at=at(DAY * 2),
        actor=NIGHTLY,
        command_id="c-9",
        register_day=date(2026, 4, 1),
        reasons=[],
    )

    assert [NOW, at(DAY), at(DAY * 2)] == [one.since for one in timeline([sent, accepted, third, later])]
