"""The table of the lifecycle and the code agree, for every state and every command (rules T)."""

from typing import get_args

import pytest

from datashare.domain.agreements.authorise import PERMISSIONS
from datashare.domain.agreements.commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndAgreement,
    ImportAgreement,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
)
from datashare.domain.agreements.decide import decide
from datashare.domain.agreements.lifecycle import COMMAND_LABELS, CONDITIONS, TRANSITIONS, CommandType
from datashare.domain.agreements.refusals import Refusal, RefusalCode
from datashare.domain.agreements.state import State
from datashare.domain.visibility import HiddenBecause
from tests.builders import codes, command_of, context, decision_on, fold_onto, in_state

COMMANDS: tuple[CommandType, ...] = get_args(Command)
NAMES_A_REQUEST = (AddRecipients, Remind, Approve, Decline, Withdraw)

PAIRS = [(state, kind) for state in State for kind in COMMANDS]
ALLOWED = [(state, kind) for state, kind in PAIRS if kind in TRANSITIONS[state]]
REFUSED = [(state, kind) for state, kind in PAIRS if kind not in TRANSITIONS[state]]

# The table of the rules, written out once more by hand.
BY_HAND = {
    RequestAccess: ("pending", None, "upgrading", None),
    AddRecipients: (None, "pending", None, "upgrading"),
    Remind: (None, "pending", None, "upgrading"),
    Approve: (None, "approved", None, "approved"),
    Decline: (None, "no_agreement", None, "approved"),
    Withdraw: (None, "no_agreement", None, "approved"),
    RecordApproval: ("approved", None, "approved", None),
    ImportAgreement: ("approved", None, None, None),
    EndAgreement: (None, "no_agreement", "no_agreement", "no_agreement"),
    RecordVisibility: (None, "pending", "approved", "upgrading"),
}


def name_of(pair: tuple[State, CommandType]) -> str:
    """Name a pair in the test's id."""
    return f"{pair[0].value}-{pair[1].__name__}"


def primary_code(state: State, kind: CommandType) -> RefusalCode:
    """Return the primary code for a pair that the table does not name."""
    if kind in NAMES_A_REQUEST:
        return RefusalCode.REQUEST_NOT_OPEN
    if kind in {EndAgreement, RecordVisibility}:
        return RefusalCode.NOTHING_TO_END
    if state in {State.PENDING, State.UPGRADING}:
        return RefusalCode.REQUEST_ALREADY_OPEN
    return RefusalCode.HISTORY_EXISTS


@pytest.mark.rule("T1")
def test_table_is_the_one_of_the_rules() -> None:
    """The data says what the table of the rules says, cell by cell."""
    expected = {
        (state, kind): State(cells[place])
        for kind, cells in BY_HAND.items()
        for place, state in enumerate(State)
        if cells[place]
    }

    assert expected == {(state, kind): to for state, row in TRANSITIONS.items() for kind, to in row.items()}


@pytest.mark.rule("T1")
def test_table_has_every_state_and_every_command() -> None:
    """No state and no command is left out of the table, its labels or its permissions."""
    assert set(State) == set(TRANSITIONS)
    assert set(COMMANDS) == {kind for row in TRANSITIONS.values() for kind in row}
    assert set(COMMANDS) == set(COMMAND_LABELS)
    assert set(COMMANDS) == set(PERMISSIONS)
    assert len(COMMANDS) == len(set(COMMAND_LABELS.values()))


@pytest.mark.rule("T1")
def test_conditions_speak_only_of_pairs_in_the_table() -> None:
    """Each condition belongs to a pair that is allowed."""
    assert set() == set(CONDITIONS) - set(ALLOWED)
    assert all(CONDITIONS.values())


@pytest.mark.rule("T1")
@pytest.mark.parametrize("pair", ALLOWED, ids=name_of)
def test_allowed_command_leads_to_the_state_of_the_table(pair: tuple[State, CommandType]) -> None:
    """Where its conditions hold, each command that is named leads to exactly the state that is named."""
    state, kind = pair
    agreement = in_state(state)
    hidden = [HiddenBecause.CLOSED] if kind is RecordVisibility else []

    answer = decision_on(agreement, command_of(kind, agreement), context(*hidden))

    assert answer.events
    assert TRANSITIONS[state][kind] is fold_onto(agreement, answer.events).state


@pytest.mark.rule("T2")
@pytest.mark.parametrize("pair", REFUSED, ids=name_of)
def test_any_other_command_is_refused_and_changes_nothing(pair: tuple[State, CommandType]) -> None:
    """A command that the table does not name is refused with its code; there is no event, and nothing changes."""
    state, kind = pair
    agreement = in_state(state)

    refusals = codes(agreement, command_of(kind, agreement))

    assert primary_code(state, kind) is refusals[0]


NEED_VISIBILITY = {RequestAccess, AddRecipients, Remind, Approve, RecordApproval, ImportAgreement}
NEED_SITE = {RequestAccess, AddRecipients, Remind}


@pytest.mark.rule("T5", "V11", "A5", "A9", "A10", "Q4")
@pytest.mark.parametrize("pair", ALLOWED, ids=name_of)
def test_what_asks_or_grants_needs_a_visible_school_and_what_asks_its_site(pair: tuple[State, CommandType]) -> None:
    """A hidden school and one without a site refuse exactly the commands that the rules name."""
    state, kind = pair
    agreement = in_state(state)

    answer = decide(agreement, command_of(kind, agreement), context(HiddenBecause.CLOSED, site=None))

    reasons = {reason.code for reason in answer.reasons} if isinstance(answer, Refusal) else set()
    assert (kind in NEED_VISIBILITY) is (RefusalCode.NOT_VISIBLE in reasons)
    assert (kind in NEED_SITE) is (RefusalCode.NO_SCHOOL_SITE in reasons)
    assert reasons <= {RefusalCode.NOT_VISIBLE, RefusalCode.NO_SCHOOL_SITE}
