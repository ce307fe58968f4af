"""What happened, in order and for ever (rules T3, K3, H4)."""

from datetime import timedelta
from typing import Any, get_args

import attrs
import pytest

from datashare.domain.agreements import (
    FREE_TEXT,
    Agreement,
    Command,
    Decline,
    Event,
    RecipientsAdded,
    Remind,
    ReminderSent,
    RequestAccess,
    RequestApproved,
    RequestId,
    RequestWithdrawn,
    State,
    VisibilityLost,
    evolve,
    fold,
)
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    AUTUMN,
    DEPUTY,
    HEAD,
    agreement_after,
    answer_to,
    ask,
    command_of,
    context,
    end,
    events_of,
    fold_onto,
    header,
    in_state,
    new,
    open_request,
    record,
    see,
)

HOUR = timedelta(hours=1)


def a_long_life(*clocks: timedelta) -> list[Event]:
    """Live an agreement from its first request to its end, with the clock moved before each command."""
    agreement, events = new(), list[Event]()
    moves = [*clocks, *[timedelta(0)] * 11]

    def live(command: Command, *hidden: HiddenBecause) -> None:
        nonlocal agreement
        now = AUTUMN + moves[len(events)]
        happened = events_of(agreement, command, context(*hidden, now=now, command_id=f"c-{len(events)}"))
        events.extend(happened)
        agreement = fold_onto(agreement, happened)

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
def test_nothing_folds_to_nothing() -> None:
    """Without an event there is a fresh agreement, of version 0."""
    assert Agreement(id=AGREEMENT) == fold(AGREEMENT, [])
    assert (0, None, State.NO_AGREEMENT) == (new().version, new().changed_at, new().state)


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
    """Return *event* with what people wrote erased."""
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
    common = header(9, at=AUTUMN)
    request = RequestId(AGREEMENT, 7)

    for event in (
        RecipientsAdded(**common, request=request, recipients=(HEAD,)),
        ReminderSent(**common, request=request, recipients=(HEAD,)),
    ):
        assert attrs.evolve(agreement, version=9, changed_at=AUTUMN) == evolve(agreement, event)
    withdrawn = RequestWithdrawn(**common, request=request)
    assert state is evolve(agreement, withdrawn).state


@pytest.mark.rule("T3", "Q2")
def test_stored_addition_counts_each_person_once() -> None:
    """Folding an addition twice, or one that names somebody twice, makes nobody a recipient twice."""
    agreement = in_state(State.PENDING)
    added = RecipientsAdded(**header(2), request=open_request(agreement).id, recipients=(HEAD, DEPUTY, DEPUTY))

    assert (HEAD, DEPUTY) == open_request(fold_onto(agreement, [added, added])).recipients


@pytest.mark.rule("T3", "A1")
def test_stored_acceptance_of_an_unknown_request_still_folds() -> None:
    """An acceptance whose request was never seen puts its level in force, without a sender."""
    request = RequestId(AGREEMENT, 1)
    accepted = RequestApproved(**header(2, actor=HEAD), request=request, level=ACTIONS, terms=None)

    standing = evolve(new(), accepted)

    assert standing.in_force is not None
    assert (ACTIONS, None) == (standing.level, standing.in_force.sender)
    assert () == standing.senders  # whoever accepted is of the school


@pytest.mark.rule("E6", "T3")
def test_second_loss_keeps_the_first_day() -> None:
    """If a loss was stored twice, the school has been hidden since the first."""
    agreement = agreement_after(in_state(State.APPROVED), see(), context(HiddenBecause.CLOSED))
    again = VisibilityLost(**header(4), register_day=AUTUMN.date(), reasons=(HiddenBecause.CLOSED,))

    assert agreement.hidden_since == evolve(agreement, again).hidden_since
