"""What happened, in order and for ever (rules T3, K3, H4)."""

from datetime import datetime, timedelta
from typing import Any, get_args

import attrs
import pendulum
import pytest

from datashare.domain.agreements import (
    FREE_TEXT,
    AddRecipients,
    Agreement,
    AgreementEnded,
    AgreementId,
    Command,
    Decline,
    Event,
    RecipientsAdded,
    Remind,
    ReminderSent,
    RequestAccess,
    RequestApproved,
    RequestId,
    RequestSent,
    RequestWithdrawn,
    State,
    VisibilityLost,
    Withdraw,
    decide,
    event_id,
    evolve,
    fold,
)
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    AUTUMN,
    DEPUTY,
    HEAD,
    MAT,
    NOW,
    OTHER_URN,
    agreement_after,
    answer_to,
    ask,
    command_of,
    context,
    end,
    events_of,
    fold_onto,
    history_to,
    in_state,
    new,
    only_event,
    open_request,
    record,
    see,
)
from tests.golden.values import EVENTS

HOUR = timedelta(hours=1)


def a_long_life(*clocks: timedelta) -> list[Event]:
    """Live an agreement from its first request to its end, with the clock moved before each command."""
    agreement, events = new(), list[Event]()
    moves = [*clocks, *[timedelta(0)] * 11]

    def live(command: Command, *hidden: HiddenBecause) -> None:
        nonlocal agreement
        now = AUTUMN + moves[len(events)]
        found = events_of(agreement, command, context(*hidden, now=now, command_id=f"c-{len(events)}"))
        events.extend(found)
        agreement = fold_onto(agreement, found)

    live(command_of(RequestAccess, agreement))
    live(Remind(request=open_request(agreement).id))
    live(answer_to(agreement))
    live(end())
    live(ask())
    live(see(), HiddenBecause.CLOSED)
    live(answer_to(agreement))  # two events: back, and approved
    live(ask(ACTIONS))
    live(Decline(request=open_request(agreement).id, reason="Nein, danke"))
    live(record(ACTIONS))
    return events


@pytest.mark.rule("T3")
def test_sequence_has_no_gaps() -> None:
    """Events are numbered from 1, two of one command included."""
    events = a_long_life()

    assert list(range(1, 12)) == [event.sequence for event in events]
    assert 11 == fold(AGREEMENT, events).version


@pytest.mark.rule("T3")
@pytest.mark.parametrize(
    "clocks",
    [
        (HOUR, -HOUR, timedelta(0)),
        (timedelta(microseconds=1), timedelta(0), timedelta(microseconds=-1)),
        (timedelta(days=700), timedelta(days=-700)),
    ],
    ids=["hours", "microseconds", "years"],
)
def test_instants_never_go_backwards_even_if_the_clock_does(clocks: tuple[timedelta, ...]) -> None:
    """An event's instant is the later of now and its predecessor's, to the microsecond."""
    instants = [event.at for event in a_long_life(*clocks)]

    assert sorted(instants) == instants
    assert AUTUMN + max(clocks) == instants[-1]


@pytest.mark.rule("T3")
def test_instant_is_now_where_the_clock_goes_on() -> None:
    """A microsecond later is a microsecond later."""
    agreement = in_state(State.PENDING)
    later = NOW + timedelta(microseconds=1)

    assert later == only_event(agreement, answer_to(agreement), context(now=later, actor=HEAD)).at


@pytest.mark.rule("T3")
@pytest.mark.parametrize("state", State)
def test_folding_the_events_gives_the_state(state: State) -> None:
    """All at once or one by one, the events give the same agreement."""
    events = history_to(state)

    assert fold_onto(new(), events) == fold(AGREEMENT, events)
    assert (events[-1].sequence, events[-1].at) == (
        fold(AGREEMENT, events).version,
        fold(AGREEMENT, events).changed_at,
    )


@pytest.mark.rule("T3")
def test_nothing_folds_to_nothing() -> None:
    """Without an event there is a fresh agreement, of version 0."""
    assert Agreement(id=AGREEMENT) == fold(AGREEMENT, [])
    assert (0, None, State.NO_AGREEMENT) == (new().version, new().changed_at, new().state)


@pytest.mark.rule("T3")
def test_every_event_tells_actor_instant_command_and_sequence() -> None:
    """What is common to all events is filled in from the facts."""
    events = events_of(new(), ask(), context(now=AUTUMN, actor=ANA, command_id="c-9"))

    assert [(AGREEMENT, 1, AUTUMN, ANA, "c-9")] == [
        (event.agreement, event.sequence, event.at, event.actor, event.command_id) for event in events
    ]


@pytest.mark.rule("K3")
def test_event_ids_derive_and_differ_by_command_id() -> None:
    """The same decision under the same command id has the same ids, under another one others."""
    one, again, other = (only_event(new(), ask(), context(command_id=c)).id for c in ("c-1", "c-1", "c-2"))

    assert event_id(AGREEMENT, 1, "c-1") == one
    assert one == again
    assert one != other


@pytest.mark.rule("K3")
def test_ids_of_one_life_are_all_different() -> None:
    """No two events share an id, those of one command neither."""
    ids = [event.id for event in a_long_life()]

    assert len(ids) == len(set(ids))


@pytest.mark.rule("K3")
@pytest.mark.parametrize("state", State)
def test_deciding_twice_gives_the_same(state: State) -> None:
    """On unchanged facts a decision is the same value each time, cautions and ids included."""
    agreement = in_state(state)

    for kind in (RequestAccess, AddRecipients, Withdraw):
        command = command_of(kind, agreement)
        assert decide(agreement, command, context()) == decide(agreement, command, context())


@pytest.mark.rule("Q1", "K3")
def test_request_is_numbered_by_the_event_that_opened_it() -> None:
    """The id of a request is that of its agreement and the sequence of its event."""
    event = only_event(in_state(State.APPROVED), ask(ACTIONS))

    assert isinstance(event, RequestSent)
    assert RequestId(AGREEMENT, 3) == event.request


def test_free_text_can_be_erased_and_all_else_cannot() -> None:
    """What people wrote is marked, and may be absent; no other field of an event is."""
    marked = {
        (kind.__name__, field.name)
        for kind in get_args(Event)
        for field in attrs.fields(kind)
        if field.metadata.get(FREE_TEXT)
    }

    assert {
        ("RequestDeclined", "reason"),
        ("RequestWithdrawn", "reason"),
        ("ApprovalRecorded", "basis"),
        ("AgreementImported", "approver"),
        ("AgreementImported", "evidence"),
        ("AgreementEnded", "note"),
    } == marked


def without_text(event: Event) -> Event:
    """Give *event* with what people wrote erased."""
    gone: dict[str, Any] = {f.name: None for f in attrs.fields(type(event)) if f.metadata.get(FREE_TEXT)}
    return attrs.evolve(event, **gone)


@pytest.mark.rule("T3")
def test_erased_events_fold_to_the_same_state() -> None:
    """With every free text erased, the agreement is the same."""
    events = a_long_life()
    erased = [without_text(event) for event in events]

    assert events != erased
    assert fold(AGREEMENT, events) == fold(AGREEMENT, erased)


@pytest.mark.rule("T3")
@pytest.mark.parametrize("state", [State.NO_AGREEMENT, State.APPROVED])
def test_stored_events_about_a_request_that_is_not_open_still_fold(state: State) -> None:
    """Evolving never refuses: additions and reminders without an open request only count on."""
    agreement = in_state(state)
    common = {"agreement": AGREEMENT, "sequence": 9, "at": AUTUMN, "actor": ANA, "command_id": "c"}
    request = RequestId(AGREEMENT, 7)

    for event in (
        RecipientsAdded(**common, request=request, recipients=(HEAD,)),  # type: ignore[arg-type]
        ReminderSent(**common, request=request, recipients=(HEAD,)),  # type: ignore[arg-type]
    ):
        assert attrs.evolve(agreement, version=9, changed_at=AUTUMN) == evolve(agreement, event)
    withdrawn = RequestWithdrawn(**common, request=request)  # type: ignore[arg-type]
    assert state is evolve(agreement, withdrawn).state


@pytest.mark.rule("T3", "Q2")
def test_stored_addition_counts_each_person_once() -> None:
    """Folding an addition twice, or one that names somebody twice, makes nobody a recipient twice."""
    agreement = in_state(State.PENDING)
    added = RecipientsAdded(
        agreement=AGREEMENT,
        sequence=2,
        at=AUTUMN,
        actor=ANA,
        command_id="c",
        request=open_request(agreement).id,
        recipients=(HEAD, DEPUTY, DEPUTY),
    )

    assert (HEAD, DEPUTY) == open_request(fold_onto(agreement, [added, added])).recipients


@pytest.mark.rule("T3", "A1")
def test_stored_acceptance_of_an_unknown_request_still_folds() -> None:
    """An acceptance whose request was never seen puts its level in force, without a sender."""
    accepted = RequestApproved(
        agreement=AGREEMENT,
        sequence=2,
        at=AUTUMN,
        actor=HEAD,
        command_id="c",
        request=RequestId(AGREEMENT, 1),
        level=ACTIONS,
        terms=None,
    )

    standing = evolve(new(), accepted)

    assert standing.in_force is not None
    assert (ACTIONS, None) == (standing.level, standing.in_force.sender)


@pytest.mark.rule("E6", "T3")
def test_second_loss_keeps_the_first_day() -> None:
    """If a loss was stored twice, the school has been hidden since the first."""
    agreement = agreement_after(in_state(State.APPROVED), see(), context(HiddenBecause.CLOSED))
    again = VisibilityLost(
        agreement=AGREEMENT,
        sequence=4,
        at=AUTUMN,
        actor=ANA,
        command_id="c",
        register_day=AUTUMN.date(),
        reasons=(HiddenBecause.CLOSED,),
    )

    assert agreement.hidden_since == evolve(agreement, again).hidden_since


@pytest.mark.rule("T3")
@pytest.mark.parametrize("version", [-1, 1.0, True, "1", None], ids=repr)
def test_version_is_a_sequence_number(version: object) -> None:
    """An agreement's version counts from 0 in whole numbers."""
    with pytest.raises(InvalidValue, match=r"Agreement\.version"):
        Agreement(id=AGREEMENT, version=version)  # type: ignore[arg-type]  # the point of the test


FOREIGN = RequestId(AgreementId(MAT, OTHER_URN), 1)
NO_TEXT: list[object] = [5, b"x", "a\0b", "\ud800", "x" * 10_001]
NO_LEVEL: list[object] = ["mis_data", 2]
NO_PEOPLE: list[object] = [None, "x", 5, ["x"], [None], [AGREEMENT]]
NO_DAY: list[object] = [None, "2026-05-03", NOW, 20260503]

WRONG_IN: dict[str, list[object]] = {
    "agreement": [None, "mat:5143/100000", MAT],
    "sequence": [None, 0, -1, 1.0, "1", True],
    "at": [None, "2026-05-03T09:30:00Z", datetime(2026, 5, 3), NOW.date()],  # noqa: DTZ001 - naive
    "actor": [None, "mat:5143/ana", MAT],
    "command_id": [None, "", "a b", "é", 5, "x" * 65],
    "level": [None, *NO_LEVEL],
    "raises": NO_LEVEL,
    "sender": [None, "mat:5143/ana", MAT],
    "recipients": NO_PEOPLE,
    "terms": ["v1", 5],
    "request": ["mat:5143/100000/1", 1, FOREIGN],
    "reason": NO_TEXT,
    "basis": NO_TEXT,
    "approver": NO_TEXT,
    "evidence": NO_TEXT,
    "note": NO_TEXT,
    "agreed_on": NO_DAY,
    "register_day": NO_DAY,
    "cause": [None, "by_group", HiddenBecause.CLOSED],
    "reasons": [None, "closed", ["closed"], [None]],
    "resumes": [None, 0, 1, "yes"],
}
GOOD_EVENTS = {type(event): event for event in EVENTS.values()}


def test_every_field_of_every_event_is_in_the_table() -> None:
    """No event, and none of its fields, is left out of what is tried."""
    assert set(get_args(Event)) == set(GOOD_EVENTS)
    assert set(WRONG_IN) == {field.name for kind in GOOD_EVENTS for field in attrs.fields(kind)}


@pytest.mark.rule("T3")
@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param(event, field.name, id=f"{kind.__name__}.{field.name}")
        for kind, event in GOOD_EVENTS.items()
        for field in attrs.fields(kind)
    ],
)
def test_events_are_valid_from_construction(event: Event, name: str) -> None:
    """No event can be made with what a field may not hold; a request is one of the event's own agreement."""
    for value in WRONG_IN[name]:
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(InvalidValue, match="must be"):
            attrs.evolve(event, **wrong)


@pytest.mark.rule("T3")
@pytest.mark.parametrize("event", GOOD_EVENTS.values(), ids=lambda event: type(event).__name__)
def test_events_are_in_utc_and_hold_no_list(event: Event) -> None:
    """An instant of another zone is the same instant in UTC, to the microsecond; lists become tuples."""
    local = pendulum.datetime(2026, 10, 25, 1, 30, 0, 1, tz="Europe/London", fold=0)
    lists: dict[str, Any] = {
        field.name: list(value)
        for field in attrs.fields(type(event))
        if isinstance(value := getattr(event, field.name), tuple)
    }
    made = attrs.evolve(event, at=local, **lists)

    assert pendulum.datetime(2026, 10, 25, 0, 30, 0, 1) == made.at
    assert "UTC" == made.at.timezone_name
    assert attrs.evolve(event, at=local) == made
    assert hash(made) == hash(attrs.evolve(event, at=local))


@pytest.mark.parametrize("text", ["", None, " ", "Größe 𝄞\n"], ids=ascii)
def test_what_people_wrote_may_be_empty_or_erased(text: str | None) -> None:
    """Free text is any text, and an ended agreement need have no request."""
    ended = GOOD_EVENTS[AgreementEnded]
    assert isinstance(ended, AgreementEnded)
    made = attrs.evolve(ended, note=text, request=None)

    assert (text, None) == (made.note, made.request)
