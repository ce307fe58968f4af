"""The table of the lifecycle and the code agree, for every state and every command (rules T)."""

from typing import get_args

import attrs
import pytest

from datashare.domain.agreements.authorise import PERMISSIONS
from datashare.domain.agreements.commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndAgreement,
    ImportAgreement,
    Named,
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
from datashare.domain.people import PersonId
from datashare.domain.visibility import HiddenBecause
from tests.builders import HEAD, MUTE_HEAD, TEACHER, URN, codes, command_of, context, decision_on, fold_onto, in_state

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
BY_GROUP = [kind for kind in COMMANDS if kind not in (Approve, Decline)]


@pytest.mark.rule("T5", "V11", "A5", "A9", "A10", "Q4")
@pytest.mark.parametrize("pair", ALLOWED, ids=name_of)
def test_what_asks_or_grants_needs_a_visible_school_and_what_asks_its_site(pair: tuple[State, CommandType]) -> None:
    """A hidden school and one without a site refuse exactly the commands that the rules name."""
    state, kind = pair
    agreement = in_state(state)
    command = command_of(kind, agreement)

    hidden = decide(agreement, command, context(HiddenBecause.CLOSED))
    without_site = decide(agreement, command, context(site=None))

    assert (kind in NEED_VISIBILITY) is (isinstance(hidden, Refusal) and RefusalCode.NOT_VISIBLE is hidden.code)
    assert (kind in NEED_SITE) is (
        isinstance(without_site, Refusal) and RefusalCode.NO_SCHOOL_SITE is without_site.code
    )


@pytest.mark.rule("R2", "P11", "Q9")
@pytest.mark.parametrize("kind", BY_GROUP, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_a_group_learns_nothing_about_the_people_of_a_school_that_it_does_not_see(
    state: State, kind: CommandType
) -> None:
    """Whoever works there, whoever is named, and whether it has a site: each command of the group has one answer."""
    agreement = in_state(state)
    command = command_of(kind, agreement)
    if isinstance(command, RequestAccess | AddRecipients):
        command = attrs.evolve(command, recipients=Named((HEAD, TEACHER, MUTE_HEAD, PersonId(URN, "nobody"))))

    empty = decide(agreement, command, context(HiddenBecause.NOT_LINKED, site=None, people={}))

    assert empty == decide(agreement, command, context(HiddenBecause.NOT_LINKED))
    if kind in NEED_VISIBILITY:
        assert isinstance(empty, Refusal)
        assert [RefusalCode.NOT_VISIBLE] == [reason.code for reason in empty.reasons]


@pytest.mark.rule("A4", "P12")
def test_who_closed_a_request_has_no_name_at_a_school_that_the_group_does_not_see() -> None:
    """The group's record holds the id; the name is in the school's directory."""
    agreement = in_state(State.APPROVED)
    assert agreement.in_force
    assert agreement.in_force.request
    command = Withdraw(request=agreement.in_force.request)

    for hidden, name in ((), "Siân head"), ((HiddenBecause.NOT_LINKED,), ""):
        refusal = decide(agreement, command, context(*hidden))
        assert isinstance(refusal, Refusal)
        assert [name] == [reason.closed_by for reason in refusal.reasons]
        assert str(HEAD) in str(refusal)
