"""The changes that suites are made of are real decisions."""

import pytest

from datashare.domain.agreements import TRANSITIONS, Approve, RecordVisibility, RequestAccess, fold
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.testing.changes import (
    AGREEMENT,
    COMMANDS,
    COUNCIL,
    TWIN,
    URN,
    asked,
    change,
    command_of,
    head_of,
    imported,
    possible_change,
    then,
)


def test_every_kind_of_command_can_be_made() -> None:
    """`COMMANDS` has all commands of the table of transitions, and the one that records visibility."""
    assert {RecordVisibility, *(kind for row in TRANSITIONS.values() for kind in row)} == set(COMMANDS)
    assert list(COMMANDS) == [type(command_of(kind, asked().after)) for kind in COMMANDS]


def test_a_change_is_what_a_service_would_save() -> None:
    """A request has one event and two notices, an import has no notice; the state is the fold of the events."""
    for saved, notices in ((asked(), 2), (imported(), 0), (asked(group=COUNCIL), 2), (imported(group=TWIN), 0)):
        assert (1, notices) == (len(saved.events), len(saved.notices))
        assert saved.after == fold(saved.id, saved.events)
    assert COUNCIL.code == TWIN.code


def test_answers_are_given_by_the_head() -> None:
    """The head answers a request by default, which closes it."""
    answered = then(asked().after, Approve)

    assert head_of(URN) == answered.events[0].actor
    assert answered.closes == answered.request


@pytest.mark.parametrize("kind", [RequestAccess, RecordVisibility], ids=["refused", "nothing-new"])
def test_what_changes_nothing_is_no_change(kind: type[RequestAccess | RecordVisibility]) -> None:
    """For a command that is refused or changes nothing there is no change, and `change` raises."""
    before = asked().after
    command = command_of(kind, before)

    assert possible_change(before, command) is None
    with pytest.raises(InvalidValue, match=f"command must be one that changes {AGREEMENT}"):
        change(before, command)


def test_a_school_can_be_hidden() -> None:
    """Then its visibility can be recorded, and a request is refused."""
    before = imported().after

    assert possible_change(before, command_of(RecordVisibility, before), hidden=[HiddenBecause.CLOSED])
    assert possible_change(before, command_of(RequestAccess, before), hidden=[HiddenBecause.CLOSED]) is None
