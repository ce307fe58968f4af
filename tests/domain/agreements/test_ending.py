"""Ending an agreement, and who may (rules E1, E7)."""

from collections.abc import Mapping

import attrs
import pytest

from datashare.domain.agreements.commands import Command, EndAgreement, EndCause, Planned
from datashare.domain.agreements.events import AgreementEnded
from datashare.domain.agreements.ids import Actor, ClosedRequest, RequestOutcome
from datashare.domain.agreements.refusals import RefusalCode
from datashare.domain.agreements.state import State
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from tests.builders import (
    ANA,
    CARYS,
    DEPUTY,
    EVERYBODY,
    HEAD,
    LA,
    MAT,
    NOW,
    OTHER_URN,
    SCHOOL,
    URN,
    agreement_after,
    ask,
    batch,
    codes,
    context,
    end,
    importing,
    in_state,
    new,
    only_event,
    reasons_against,
    record,
    refusal_of,
    staff_member,
)

STANDING = [State.PENDING, State.APPROVED, State.UPGRADING]
SHOWN = {
    EndCause.SCHOOL_CLOSED: {HiddenBecause.CLOSED},
    EndCause.SCHOOL_LEFT_GROUP: {HiddenBecause.NOT_LINKED, HiddenBecause.UNKNOWN_URN},
    EndCause.GROUP_CLOSED: {HiddenBecause.GROUP_CLOSED},
    EndCause.SUCCEEDED: {HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED},
}
SHOWN_CLEARLY = {
    EndCause.SCHOOL_CLOSED: {HiddenBecause.CLOSED},
    EndCause.SCHOOL_LEFT_GROUP: {HiddenBecause.NOT_LINKED},
    EndCause.GROUP_CLOSED: {HiddenBecause.GROUP_CLOSED},
    EndCause.SUCCEEDED: {HiddenBecause.CLOSED},
}
ADDED = attrs.evolve(Policy.mat(), enders=Party)


def whole(
    cause: EndCause,
    actor: Actor,
    *,
    group: GroupId = MAT,
    policy: Policy | None = None,
    people: Mapping[PersonId, Person] = EVERYBODY,
) -> list[RefusalCode]:
    """Return the codes that refuse ending for *cause* as a whole."""
    action = batch(end(cause), actor=actor, group=group)
    return [reason.code for reason in reasons_against(action, policy=policy, people=people)]


@pytest.mark.rule("E1")
@pytest.mark.parametrize("state", STANDING)
def test_end_closes_level_and_open_request(state: State) -> None:
    """One event with cause, actor and note ends what is in force and closes what is open."""
    agreement = in_state(state)
    open_id = agreement.request.id if agreement.request else None

    event = only_event(agreement, end(EndCause.BY_GROUP))
    after = agreement_after(agreement, end(EndCause.BY_GROUP))

    assert isinstance(event, AgreementEnded)
    assert (EndCause.BY_GROUP, open_id, ANA) == (event.cause, event.request, event.actor)
    assert "Ended – see the governors’ minutes." == event.note
    assert (State.NO_AGREEMENT, None, None) == (after.state, after.in_force, after.request)
    assert not after.stands
    if open_id:
        closed = ClosedRequest(id=open_id, outcome=RequestOutcome.ENDED, by=ANA, at=NOW)
        assert (closed,) == after.closed
    else:
        assert agreement.closed == after.closed


@pytest.mark.rule("E1", "L4")
def test_coming_back_needs_a_new_request() -> None:
    """What ended stays in the history, and another request starts from nothing."""
    before = in_state(State.UPGRADING)

    again = agreement_after(agreement_after(before, end()), ask())

    assert State.PENDING is again.state
    assert before.version + 2 == again.version
    assert RequestOutcome.ENDED is again.closed[-1].outcome


@pytest.mark.rule("E1", "T5")
@pytest.mark.parametrize("cause", [EndCause.BY_SCHOOL, EndCause.BY_GROUP])
@pytest.mark.parametrize("hidden", [[], [HiddenBecause.CLOSED]], ids=["visible", "hidden"])
def test_causes_that_rest_on_a_wish_need_nothing_of_the_register(cause: EndCause, hidden: list[HiddenBecause]) -> None:
    """A wish ends the agreement whether or not the school is visible."""
    after = agreement_after(in_state(State.APPROVED), end(cause), context(*hidden, site=None, people={}))

    assert State.NO_AGREEMENT is after.state


@pytest.mark.rule("E1", "E7", "L4")
def test_what_a_school_accepted_was_not_entered_in_error() -> None:
    """A trust may not end by its own wish, nor by calling the school's own yes a mistake."""
    refusal = refusal_of(in_state(State.APPROVED), end(EndCause.ENTERED_IN_ERROR))

    assert RefusalCode.CAUSE_NOT_SHOWN is refusal.code
    assert "The school accepted this level itself" in str(refusal)


@pytest.mark.rule("E1", "E7")
@pytest.mark.parametrize("entered", [record(), importing()], ids=["recorded", "imported"])
def test_what_the_group_entered_can_be_its_error(entered: Command) -> None:
    """A level that was recorded or imported by mistake can be ended, and so can a request that was a mistake."""
    central = context(policy=attrs.evolve(Policy.mat(), central_approval=True))

    assert (
        State.NO_AGREEMENT
        is agreement_after(agreement_after(new(), entered, central), end(EndCause.ENTERED_IN_ERROR)).state
    )
    assert State.NO_AGREEMENT is agreement_after(in_state(State.PENDING), end(EndCause.ENTERED_IN_ERROR)).state


@pytest.mark.rule("E1", "E7")
def test_a_group_that_may_end_may_call_it_an_error() -> None:
    """If policy lets the group end, the group may name any cause."""
    lenient = context(policy=attrs.evolve(Policy.mat(), enders=[Party.GROUP]))

    assert (
        State.NO_AGREEMENT is agreement_after(in_state(State.APPROVED), end(EndCause.ENTERED_IN_ERROR), lenient).state
    )


@pytest.mark.rule("E1", "E2")
@pytest.mark.parametrize("planned", [False, True], ids=["by-hand", "planned"])
@pytest.mark.parametrize("cause", SHOWN, ids=lambda cause: cause.value)
def test_causes_of_the_register_must_be_shown_by_it(cause: EndCause, planned: bool) -> None:
    """A plan ends only what is clear; a person may also judge a URN that is gone, or a successor elsewhere."""
    agreement = in_state(State.APPROVED)
    command = attrs.evolve(end(cause), planned=Planned(plan="0c5e", version=agreement.version) if planned else None)

    for because in HiddenBecause:
        if because in (SHOWN_CLEARLY if planned else SHOWN)[cause]:
            assert State.NO_AGREEMENT is agreement_after(agreement, command, context(because)).state
        else:
            assert (RefusalCode.CAUSE_NOT_SHOWN,) == codes(agreement, command, context(because))


@pytest.mark.rule("E1", "E8")
@pytest.mark.parametrize("because", HiddenBecause, ids=lambda because: because.value)
def test_only_a_plan_ends_because_of_a_reorganisation(because: HiddenBecause) -> None:
    """By hand nobody looks at the other schools, so a school that moved alone would count as reorganised."""
    agreement = in_state(State.APPROVED)
    by_hand = end(EndCause.GROUP_REORGANISED)
    planned = attrs.evolve(by_hand, planned=Planned(plan="0c5e", version=agreement.version))

    refusal = refusal_of(agreement, by_hand, context(because))

    assert [RefusalCode.CAUSE_NOT_SHOWN] == [reason.code for reason in refusal.reasons]
    assert "Only a plan can show that schools moved together to another group." in str(refusal)
    if because is HiddenBecause.NOT_LINKED:
        assert State.NO_AGREEMENT is agreement_after(agreement, planned, context(because)).state
    else:
        assert (RefusalCode.CAUSE_NOT_SHOWN,) == codes(agreement, planned, context(because))


@pytest.mark.rule("E1")
@pytest.mark.parametrize("cause", SHOWN)
def test_cause_of_the_register_is_not_shown_by_a_visible_school(cause: EndCause) -> None:
    """While the school is visible, no cause of the register holds, and the refusal says what it shows."""
    refusal = refusal_of(in_state(State.APPROVED), end(cause))

    assert RefusalCode.CAUSE_NOT_SHOWN is refusal.code
    assert "St Hilda’s {CE} Primary (100000) is visible to mat:5143." in str(refusal)


@pytest.mark.rule("E1")
def test_one_of_several_reasons_shows_the_cause() -> None:
    """A school that both closed and left may be ended for either."""
    hidden = context(HiddenBecause.NOT_LINKED, HiddenBecause.CLOSED)

    for cause in (EndCause.SCHOOL_CLOSED, EndCause.SCHOOL_LEFT_GROUP, EndCause.SUCCEEDED):
        assert State.NO_AGREEMENT is agreement_after(in_state(State.APPROVED), end(cause), hidden).state


@pytest.mark.rule("E7")
def test_trust_and_its_schools_may_not_end_by_their_own_wish() -> None:
    """For a trust neither party may, permission or not; a policy can let them."""
    granted = {**EVERYBODY, HEAD: staff_member(HEAD, "head_teacher", permissions=[Permission.END_AGREEMENT])}

    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_GROUP, ANA)
    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_SCHOOL, HEAD, people=granted)
    assert [] == whole(EndCause.BY_GROUP, ANA, policy=ADDED)
    assert [] == whole(EndCause.BY_SCHOOL, HEAD, policy=ADDED, people=granted)


@pytest.mark.rule("E7")
def test_local_authority_and_its_schools_may_end() -> None:
    """For an LA both may, each in its own name only."""
    assert [] == whole(EndCause.BY_GROUP, CARYS, group=LA)
    assert [] == whole(EndCause.BY_SCHOOL, HEAD, group=LA)
    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_SCHOOL, CARYS, group=LA)
    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_GROUP, HEAD, group=LA)


@pytest.mark.rule("E7")
@pytest.mark.parametrize("party", Party)
def test_policy_may_name_one_party_only(party: Party) -> None:
    """What one side may do, the other may not do because of it."""
    policy = attrs.evolve(Policy.local_authority(), enders={party})

    assert (party is not Party.GROUP) is bool(whole(EndCause.BY_GROUP, CARYS, group=LA, policy=policy))
    assert (party is not Party.SCHOOL) is bool(whole(EndCause.BY_SCHOOL, HEAD, group=LA, policy=policy))


@pytest.mark.rule("E7", "P12")
def test_ending_needs_its_own_permission_at_the_school_itself() -> None:
    """A deputy without it may not, nor the head of another school with it."""
    elsewhere = PersonId(OTHER_URN, "head")
    people = {**SCHOOL, elsewhere: staff_member(elsewhere, "head_teacher")}

    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_SCHOOL, DEPUTY, group=LA, people=people)
    assert [RefusalCode.NOT_PERMITTED] == whole(EndCause.BY_SCHOOL, elsewhere, group=LA, people=people)


PLANNED = EndAgreement(urn=URN, cause=EndCause.SCHOOL_CLOSED, note="It closed.", planned=Planned(plan="a", version=2))
CLOSED = context(HiddenBecause.CLOSED)


@pytest.mark.rule("E2", "E4")
def test_a_planned_end_is_decided_as_any_other_on_the_version_of_the_plan() -> None:
    """The event is the same; the plan itself leaves no trace in it."""
    agreement = in_state(State.APPROVED)
    alone = attrs.evolve(PLANNED, planned=None)

    assert 2 == agreement.version
    assert only_event(agreement, alone, CLOSED) == only_event(agreement, PLANNED, CLOSED)
    assert (RefusalCode.CAUSE_NOT_SHOWN,) == codes(agreement, PLANNED)


@pytest.mark.rule("E4", "R2")
@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_a_planned_end_of_another_version_is_a_conflict_and_nothing_else(state: State, version: int) -> None:
    """No other reason is given, since only a new plan can show what holds now."""
    agreement = attrs.evolve(in_state(state), version=2)
    command = attrs.evolve(PLANNED, planned=Planned(plan="a", version=version))

    refusal = refusal_of(agreement, command)

    assert [RefusalCode.CONFLICT] == [reason.code for reason in refusal.reasons]
    assert (
        "Others changed this agreement meanwhile. "
        f"The plan was made for version {version}, and this is version 2. Make a new plan. "
        "Look at it again, then repeat."
    ) == str(refusal)


@pytest.mark.rule("E2")
@pytest.mark.parametrize("cause", EndCause, ids=lambda cause: cause.value)
def test_only_what_the_register_shows_can_be_planned(cause: EndCause) -> None:
    """An end by wish or because of an error cannot be part of a plan."""
    if cause in {*SHOWN, EndCause.GROUP_REORGANISED}:
        assert cause is attrs.evolve(PLANNED, cause=cause).cause
        return
    with pytest.raises(InvalidValue, match="one that the register shows, where it is planned"):
        attrs.evolve(PLANNED, cause=cause)


@pytest.mark.rule("E2", "E7")
@pytest.mark.parametrize("permission", Permission, ids=lambda permission: permission.name)
def test_a_planned_end_needs_the_permission_for_the_register(permission: Permission) -> None:
    """Each command of the action needs this permission; no other one suffices."""
    mixed = batch(PLANNED, attrs.evolve(PLANNED, urn=OTHER_URN, planned=None))
    people = {ANA: staff_member(ANA, permissions=[permission])}
    may = permission is Permission.APPLY_REGISTER

    assert ([] if may else [RefusalCode.NOT_PERMITTED]) == [
        reason.code for reason in reasons_against(batch(PLANNED), people=people)
    ]
    assert [RefusalCode.NOT_PERMITTED] == [reason.code for reason in reasons_against(mixed, people=people)]
