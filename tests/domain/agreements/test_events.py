"""What happened, in order and for ever (rules T3, K3, H4)."""

from typing import get_args

import attrs
import pytest

from datashare.domain.agreements.events import (
    FREE_TEXT,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestWithdrawn,
    VisibilityLost,
)
from datashare.domain.agreements.ids import RequestId
from datashare.domain.agreements.state import Agreement, State, evolve, fold
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    AUTUMN,
    DEPUTY,
    HEAD,
    agreement_after,
    context,
    fold_onto,
    header,
    in_state,
    new,
    open_request,
    see,
)


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


@pytest.mark.rule("T3")
@pytest.mark.parametrize("state", [State.NO_AGREEMENT, State.APPROVED])
def test_stored_events_about_a_request_that_is_not_open_still_fold(state: State) -> None:
    """Evolving never refuses: without an open request, additions and reminders change only version and instant."""
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
