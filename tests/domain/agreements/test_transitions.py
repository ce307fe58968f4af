"""The table of the lifecycle and the code agree, for every state and every command (rules T)."""

from typing import get_args

import pytest

from datashare.domain.agreements import (
    COMMAND_LABELS,
    CONDITIONS,
    PERMISSIONS,
    TRANSITIONS,
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndAgreement,
    ImportAgreement,
    RecordApproval,
    RecordVisibility,
    RefusalCode,
    Remind,
    RequestAccess,
    State,
    Withdraw,
)
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    MIS,
    NOW,
    ask,
    codes,
    command_of,
    context,
    decision_on,
    fold_onto,
    history_to,
    importing,
    in_state,
    new,
    record,
)

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
    """Give the primary code for a pair that the table does not name."""
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
    """What is worded as a condition belongs to a pair that is allowed."""
    assert set() == set(CONDITIONS) - set(ALLOWED)
    assert all(CONDITIONS.values())


@pytest.mark.rule("T1")
@pytest.mark.parametrize("state", State)
def test_histories_of_these_tests_reach_their_state(state: State) -> None:
    """The agreements that the tests start from are in the state that they claim."""
    assert state is fold_onto(new(), history_to(state)).state
    assert state is in_state(state).state


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
    """What is not named is refused with its code, without an event, and the agreement stays as it was."""
    state, kind = pair
    agreement = in_state(state)

    refusals = codes(agreement, command_of(kind, agreement))

    assert primary_code(state, kind) is refusals[0]


@pytest.mark.rule("T2")
@pytest.mark.parametrize("pair", REFUSED, ids=name_of)
def test_facts_cannot_make_up_for_the_state(pair: tuple[State, CommandType]) -> None:
    """A refused pair stays refused with the school hidden too, and says both where both apply."""
    state, kind = pair
    agreement = in_state(state)

    assert primary_code(state, kind) in codes(
        agreement, command_of(kind, agreement), context(HiddenBecause.CLOSED, now=NOW.add(years=1))
    )


@pytest.mark.rule("A10")
def test_import_needs_an_agreement_without_any_history() -> None:
    """An agreement that was asked for and declined has a history, so nothing can be imported into it."""
    agreement = fold_onto(new(), history_to(State.NO_AGREEMENT))

    assert State.NO_AGREEMENT is agreement.state
    assert (RefusalCode.HISTORY_EXISTS,) == codes(agreement, importing())


@pytest.mark.rule("L4", "Q7")
@pytest.mark.parametrize("command", [ask(MIS), record(MIS)], ids=["request", "record"])
def test_approved_state_needs_a_higher_level(command: Command) -> None:
    """At Approved, the level in force is refused and a higher one is not."""
    agreement = in_state(State.APPROVED)

    assert (RefusalCode.LEVEL_UNCHANGED,) == codes(agreement, command)
    assert decision_on(agreement, command_of(type(command), agreement)).events


@pytest.mark.rule("T1", "A1", "A2", "N6")
@pytest.mark.parametrize(
    ("kind", "level"),
    [(Approve, ACTIONS), (Decline, MIS), (Withdraw, MIS)],
    ids=["approve", "decline", "withdraw"],
)
def test_upgrade_ends_higher_or_as_before(kind: CommandType, level: object) -> None:
    """From Upgrading, approving gives the higher level, declining and withdrawing the one before."""
    agreement = in_state(State.UPGRADING)
    before = in_state(State.APPROVED).in_force

    after = fold_onto(agreement, decision_on(agreement, command_of(kind, agreement)).events)

    assert level is after.level
    assert (kind is not Approve) is (before == after.in_force)
