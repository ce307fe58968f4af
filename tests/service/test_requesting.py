"""Asking schools through the service: what the store holds afterwards is what was asked (rules Q, K1, K5, U)."""

from collections.abc import Iterable

import pytest

from datashare.domain.agreements import ALL, AgreementId, Named, RefusalCode, RequestId, State, WithRoles
from datashare.domain.people import BusinessRole, PersonId
from datashare.ports import readable
from tests.world import (
    ACTIONS,
    ANA,
    ASKABLE,
    CLOSED,
    FOREIGN,
    HILDA,
    MIS,
    NO_APPROVER,
    NOBODY,
    NOW,
    OSCAR,
    SITELESS,
    TRUST,
    UNKNOWN,
    World,
    assert_sound,
    deputy,
    head,
)


@pytest.mark.rule("Q1", "K1")
def test_many_schools_are_asked_in_one_action() -> None:
    """One action opens one request at each school, at the level and from the sender that were chosen."""
    world = World()

    outcomes = world.trust().request([OSCAR, HILDA], level=MIS, command_id="c-1")

    assert [OSCAR, HILDA] == [outcome.urn for outcome in outcomes]
    for urn in (HILDA, OSCAR):
        state = world.state(urn)
        assert state.request is not None
        assert (State.PENDING, MIS, ANA, ANA) == (
            state.state,
            state.request.level,
            state.request.sender,
            state.request.asked_by,
        )
        assert NOW == state.request.asked_at
        assert RequestId(AgreementId(TRUST, urn), 1) == state.request.id
    assert outcomes.requests == tuple(world.state(urn).request.id for urn in (OSCAR, HILDA))  # type: ignore[union-attr]
    assert_sound(world)


@pytest.mark.rule("Q1", "Q5", "Q10")
@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        pytest.param(ALL, ASKABLE, id="all"),
        pytest.param(WithRoles({BusinessRole.HEAD_TEACHER}), (head(),), id="role"),
        pytest.param(Named([deputy(), head(), deputy()]), (deputy(), head()), id="named"),
        pytest.param({HILDA: [deputy()]}, (deputy(),), id="for-each-urn"),
    ],
)
def test_who_is_chosen_is_who_is_asked(
    recipients: WithRoles | Named | dict[int, list[PersonId]], expected: tuple[PersonId, ...]
) -> None:
    """The people chosen, and nobody else, are stored as recipients and get a notice."""
    world = World()

    world.trust().request([HILDA], level=MIS, recipients=recipients, command_id="c-1")

    request = world.state().request
    assert request is not None
    assert expected == request.recipients
    notified = {who.id for stored in world.notices() if stored.notice for who in stored.notice.people}
    assert set(expected) == notified


@pytest.mark.rule("Q7", "K1")
def test_each_school_gets_its_own_outcome() -> None:
    """In one action some schools are asked, and others refused, each for its own reason."""
    world = World()
    world.approved(HILDA, level=ACTIONS, command_id="h")
    world.approved(OSCAR, level=MIS, command_id="o")
    urns = [HILDA, OSCAR, SITELESS, CLOSED, FOREIGN, UNKNOWN, NOBODY, NO_APPROVER]

    outcomes = world.trust().request(urns, level=MIS, command_id="c-1")

    assert [
        RefusalCode.LEVEL_REDUCTION,
        RefusalCode.LEVEL_UNCHANGED,
        RefusalCode.NO_SCHOOL_SITE,
        RefusalCode.NOT_VISIBLE,
        RefusalCode.NOT_VISIBLE,
        RefusalCode.NOT_VISIBLE,
        RefusalCode.NO_ELIGIBLE_RECIPIENT,
    ] == [outcome.code for outcome in outcomes.not_done]
    assert [NO_APPROVER] == [outcome.urn for outcome in outcomes.done]
    assert {HILDA: State.APPROVED, OSCAR: State.APPROVED, NO_APPROVER: State.PENDING} == {
        agreement.urn: agreement.state for agreement in readable(world.store.states(TRUST))
    }
    assert_sound(world)


@pytest.mark.rule("Q10")
def test_a_school_without_a_choice_of_people_has_nobody_to_ask() -> None:
    """If people are chosen for each URN, a school that is left out is refused."""
    world = World()

    outcomes = world.trust().request([HILDA, OSCAR], level=MIS, recipients={HILDA: [head()]}, command_id="c-1")

    assert [(OSCAR, RefusalCode.NO_ELIGIBLE_RECIPIENT)] == [
        (refused.urn, refused.code) for refused in outcomes.not_done
    ]
    assert () == world.events(OSCAR)


@pytest.mark.rule("K5")
@pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_a_school_named_twice_is_asked_once(make: type[Iterable[int]]) -> None:
    """Repeated URNs give one outcome, one request and one notice for each address."""
    world = World()

    outcomes = world.trust().request(make([OSCAR, HILDA, OSCAR]), level=MIS, command_id="c-1")  # type: ignore[call-arg]

    assert [OSCAR, HILDA] == [outcome.urn for outcome in outcomes]
    assert 1 == world.state(OSCAR).version
    assert 1 == len([stored for stored in world.notices() if stored.agreement.urn == OSCAR])
    requests = [request for request in outcomes.requests for _ in range(2)]
    assert 2 == len(world.trust().remind(requests, command_id="c-2").done)
    assert 2 == world.state(OSCAR).version


@pytest.mark.rule("K1")
def test_outcomes_are_a_tuple_that_shows_itself() -> None:
    """They can be sliced, compared and shown, and know what was done and what was not."""
    world = World()

    outcomes = world.trust().preview.request([HILDA, SITELESS], level=MIS, command_id="c-1")

    assert (*outcomes.done, *outcomes.not_done) == outcomes[0:2] == outcomes
    assert outcomes == world.trust().preview.request([HILDA, SITELESS], level=MIS, command_id="c-1")
    assert repr(outcomes).startswith("Outcomes([Done(")
    assert (1, 1, 4) == (len(outcomes.done), len(outcomes.not_done), len(outcomes.notices))
