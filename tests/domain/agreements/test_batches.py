"""One action about one or many schools, as a value (rules K4, K5)."""

from itertools import count

import pytest

from datashare.domain import validation
from datashare.domain.agreements.commands import (
    AddRecipients,
    Command,
    Named,
    Remind,
    RequestAccess,
    Withdraw,
    WithRoles,
    kept_under,
    request_of,
    require_kept_under,
)
from datashare.domain.agreements.ids import RequestId
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue
from tests.builders import ACTIONS, AGREEMENT, ANA, DEPUTY, HEAD, NIGHTLY, OTHER_URN, ask, batch, end

FIRST, LATER = RequestId(AGREEMENT, 1), RequestId(AGREEMENT, 5)


@pytest.mark.rule("K5")
def test_empty_selection_is_an_action_about_nothing() -> None:
    """An action may name no school at all."""
    assert () == batch().commands


@pytest.mark.rule("K5")
def test_school_named_twice_counts_once() -> None:
    """The same command about one school twice stands once, in the place of the first."""
    other = RequestAccess(urn=OTHER_URN, level=ACTIONS, sender=ANA)

    assert (ask(), other) == batch(ask(), other, ask(), other).commands


@pytest.mark.rule("K5")
@pytest.mark.parametrize(
    ("command", "other"),
    [
        (ask(), ask(ACTIONS)),
        (ask(recipients=Named((HEAD,))), ask(recipients=Named((DEPUTY,)))),
        (Withdraw(request=FIRST), Withdraw(request=FIRST, reason="Two minds")),
        (AddRecipients(request=FIRST), AddRecipients(request=FIRST, recipients=Named((HEAD,)))),
    ],
    ids=["levels", "recipients", "reasons", "additions"],
)
def test_two_commands_that_differ_about_one_school_are_refused(command: Command, other: Command) -> None:
    """One action cannot hold two different commands about one school."""
    with pytest.raises(InvalidValue, match="at most one command about each school"):
        batch(command, other)


@pytest.mark.rule("K5")
def test_two_requests_of_one_school_may_be_named_together() -> None:
    """A command about a stale request beside one about the open request is decided, and refused, separately."""
    commands = (Remind(request=FIRST), Remind(request=LATER))

    assert commands == batch(*commands).commands


@pytest.mark.rule("K4")
def test_commands_of_different_kinds_are_refused() -> None:
    """An action is of one kind, even about different schools."""
    with pytest.raises(InvalidValue, match="commands of one kind, RequestAccess"):
        batch(RequestAccess(urn=OTHER_URN, level=ACTIONS, sender=ANA), end())


@pytest.mark.rule("K4")
@pytest.mark.parametrize("text", ["c", "x" * 64, "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "a/b|c~"], ids=count())
def test_command_id_is_short_printable_text(text: str) -> None:
    """A command id of 1 to 64 printable ASCII characters is kept as it came."""
    assert text == batch(command_id=text).command_id
    assert text == require_kept_under(text)


@pytest.mark.rule("K4")
@pytest.mark.parametrize("text", ["", "x" * 65, "a b", " a", "é", "a\n", "a\x7f", "a\0", None, 7, b"a"], ids=count())
def test_any_other_command_id_is_refused(text: object) -> None:
    """A command id that a store could not keep exactly is an invalid value."""
    with pytest.raises(InvalidValue, match="command_id"):
        batch(command_id=text)  # type: ignore[arg-type]  # what is tested


@pytest.mark.rule("K4")
def test_a_school_has_command_ids_of_its_own() -> None:
    """What a school's people do is kept apart from what others do under the same id, and fits where an id fits."""
    heads, longest = (HEAD, DEPUTY), "x" * 64
    others = (ANA, NIGHTLY, PersonId(validation.MOST_URN, "head"), PersonId(validation.LEAST_URN, "head"))

    (of_school,) = {kept_under(longest, head) for head in heads}
    kept = [of_school, *(kept_under(longest, actor) for actor in others)]

    assert [longest, longest] == kept[1:3]
    assert 4 == len({require_kept_under(kept_id) for kept_id in kept})
    for school in (kept[0], *kept[3:]):
        with pytest.raises(InvalidValue, match="command_id"):
            batch(command_id=school)
    assert of_school != kept_under("y" * 64, HEAD)


@pytest.mark.rule("K4")
@pytest.mark.parametrize("text", ["", "x" * 65, "é", "a\n", None, 7, b"a"], ids=count())
def test_a_store_refuses_what_no_outcome_is_kept_under(text: object) -> None:
    """What could not be kept exactly is an invalid value."""
    with pytest.raises(InvalidValue, match="command_id"):
        require_kept_under(text)


@pytest.mark.rule("K5")
def test_batch_knows_the_agreement_of_each_command() -> None:
    """A command is about the agreement of its request, or else of the group and its school."""
    action = batch(ask())

    assert AGREEMENT == action.agreement_of(ask())
    assert AGREEMENT == action.agreement_of(Remind(request=FIRST))
    assert FIRST == request_of(Remind(request=FIRST))
    assert None is request_of(ask())


@pytest.mark.rule("Q10")
def test_roles_are_named_by_stable_keys() -> None:
    """Recipients are given by keys of roles, once each."""
    assert frozenset({"head_teacher"}) == WithRoles(["head_teacher", "head_teacher"]).roles
