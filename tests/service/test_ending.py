"""Withdrawing and ending through the service (rules N6, E1, E7)."""

import pytest

from datashare.domain.agreements import AgreementEnded, EndCause, RequestOutcome, State
from datashare.domain.levels import Capability
from datashare.domain.notices import NoticeKind
from datashare.domain.people import PersonId
from datashare.ports import NoticeStatus
from tests.world import (
    ACTIONS,
    ANA,
    CARYS,
    COUNCIL,
    GENEROUS,
    HILDA,
    MIS,
    TERMS,
    TRUST,
    World,
    assert_sound,
    deputy,
    head,
)


def shared_with_council(world: World) -> None:
    """Bring the agreement of a school with its authority into force."""
    (request,) = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la").requests
    world.school().approve(request, terms_version=TERMS.version)


@pytest.mark.rule("N6")
def test_a_withdrawn_request_is_closed_and_its_recipients_are_notified() -> None:
    """Unsent messages about it are cancelled; people who have left are not notified."""
    world = World()
    (request,) = world.asked(HILDA)
    world.people.remove(deputy())

    world.trust().withdraw([request], reason="Sorry – too soon", command_id="c-1")

    assert State.NO_AGREEMENT == world.state().state
    assert [(request, RequestOutcome.WITHDRAWN, ANA)] == [
        (closed.id, closed.outcome, closed.by) for closed in world.state().closed
    ]
    waiting = [stored.notice for stored in world.notices() if stored.notice]
    assert {NoticeKind.WITHDRAWN} == {notice.kind for notice in waiting}
    assert {head(), PersonId(HILDA, "data"), PersonId(HILDA, "executive")} == {
        who.id for notice in waiting for who in notice.people
    }
    assert {"Sorry – too soon"} == {notice.reason for notice in waiting}
    assert 4 == len(world.notices(status=NoticeStatus.CANCELLED))


@pytest.mark.rule("E1")
def test_ending_closes_the_open_request_and_keeps_the_history() -> None:
    """Access ends at once, the history stays, and new access needs a new request."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    (request,) = world.asked(HILDA, level=ACTIONS, command_id="up")

    world.trust().end([HILDA], cause=EndCause.BY_GROUP, note="Agreed with the governors.", command_id="c-1")

    assert (State.NO_AGREEMENT, None) == (world.state().state, world.state().level)
    last = world.events()[-1]
    assert isinstance(last, AgreementEnded)
    assert (EndCause.BY_GROUP, request, "Agreed with the governors.", ANA) == (
        last.cause,
        last.request,
        last.note,
        last.actor,
    )
    assert RequestOutcome.ENDED == world.state().closed[-1].outcome
    assert 4 == len(world.trust().history(HILDA))
    assert not world.sharing.access(TRUST).allows(HILDA, Capability.VIEW_DFE_DATA)
    world.asked(HILDA, command_id="anew")
    assert not world.sharing.access(TRUST).allows(HILDA, Capability.VIEW_DFE_DATA)
    assert_sound(world)


@pytest.mark.rule("E7")
def test_an_authoritys_policy_lets_both_sides_end() -> None:
    """Separate controllers need a way out: the head ends it, and after a new request the authority does."""
    world = World()
    shared_with_council(world)

    done = world.school().end(COUNCIL, note="The governors decided.", command_id="c-1")

    assert done.events == world.events(group=COUNCIL)[-1:]
    assert State.NO_AGREEMENT == world.state(group=COUNCIL).state
    again = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la-2").requests[0]
    world.school().approve(again, terms_version=TERMS.version)
    world.council(CARYS).end([HILDA], cause=EndCause.BY_GROUP, note="Over.", command_id="c-2")
    causes = [event.cause for event in world.events(group=COUNCIL) if isinstance(event, AgreementEnded)]
    assert [EndCause.BY_SCHOOL, EndCause.BY_GROUP] == causes
    assert_sound(world)
