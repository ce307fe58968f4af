"""The table of the lifecycle as data, and what a group learns of a school that it does not see (rules T, P, Q)."""

from itertools import count
from typing import get_args

import attrs
import pytest

from datashare.domain.agreements.authorise import PERMISSIONS
from datashare.domain.agreements.commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    ImportAgreement,
    Named,
    RecordApproval,
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
from tests.builders import HEAD, MUTE_HEAD, TEACHER, URN, command_of, context, in_state

COMMANDS: tuple[CommandType, ...] = get_args(Command)


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
    assert set() == set(CONDITIONS) - {(state, kind) for state, row in TRANSITIONS.items() for kind in row}
    assert all(CONDITIONS.values())


NEED_VISIBILITY = {RequestAccess, AddRecipients, Remind, Approve, RecordApproval, ImportAgreement}
BY_GROUP = [kind for kind in COMMANDS if kind not in (Approve, Decline)]


@pytest.mark.rule("R2", "P11", "Q9")
@pytest.mark.parametrize("kind", BY_GROUP, ids=count())
@pytest.mark.parametrize("state", State, ids=count())
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
