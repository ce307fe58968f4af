"""Withdrawing and ending through the service (rules N6, E1, E7)."""

import attrs
import pytest

from datashare.delivery import deliver
from datashare.domain.agreements import AgreementEnded, EndCause, RequestOutcome, State
from datashare.domain.levels import Capability
from datashare.domain.notices import ASKING, NoticeKind
from datashare.domain.people import BusinessRole, Permission, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Coded
from datashare.ports import Delivered, NoticeStatus, TryAgain
from datashare.service import GroupActions, Outcomes
from datashare.testing import RecordingNotifier
from tests.world import (
    ACTIONS,
    ANA,
    ASKABLE,
    BEN,
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
    leave_trust,
    person,
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
    deliver(world.store, RecordingNotifier(), clock=world.clock)
    world.trust().remind([request], command_id="remind")
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


@pytest.mark.rule("K3", "N6", "O7")
def test_whom_a_request_never_reached_is_told_nothing_of_its_end() -> None:
    """Preview, action and outbox name the same notices; those to people who were never asked are cancelled there."""
    world = World()
    (request,) = world.asked(HILDA)
    notifier = RecordingNotifier(lambda notice: Delivered() if notice.people[0].id == head() else TryAgain("451"))
    deliver(world.store, notifier, clock=world.clock)

    (previewed,) = world.trust().preview.withdraw([request], command_id="c-1").done
    (withdrawn,) = world.trust().withdraw([request], command_id="c-1").done
    ids = {notice.id for notice in withdrawn.notices}
    kept = {own.notice: own.status for own in world.notices(status=None) if own.notice and own.id in ids}

    assert previewed.notices == withdrawn.notices
    assert {head(): NoticeStatus.WAITING} | dict.fromkeys(set(ASKABLE) - {head()}, NoticeStatus.CANCELLED) == {
        notice.people[0].id: status for notice, status in kept.items()
    }


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


def _new_head_at_a_school_that_left(world: World) -> None:
    """The school leaves the trust; a new head gets the account of the one who was asked, and the deputy approves."""
    leave_trust(world)
    new_head, deputy_who_may_approve = (
        attrs.evolve(
            person(who, BusinessRole.HEAD_TEACHER, permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST]),
            name=f"New {who.id}",
            email=f"new-{who.id}@hilda.example",
        )
        for who in (head(), deputy())
    )
    world.people.put(new_head, deputy_who_may_approve)


@pytest.mark.rule("P12", "K3", "E1", "N6")
@pytest.mark.parametrize("action", ["end", "withdraw", "plan"])
def test_a_group_learns_nothing_of_the_new_staff_of_a_school_that_left(action: str) -> None:
    """Its outcome shows its own side alone; everybody gets their notice all the same."""
    world = World()
    world.people.put(person(BEN, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]))
    asked = world.trust().request([HILDA], level=MIS, sender=BEN, recipients={HILDA: [head()]}, command_id="ask")
    _new_head_at_a_school_that_left(world)
    trust = world.trust()

    def act(side: GroupActions[Outcomes]) -> Outcomes:
        if action == "withdraw":
            return side.withdraw(asked.requests, command_id="c-1")
        return side.end([HILDA], cause=EndCause.SCHOOL_LEFT_GROUP, note="Left.", command_id="c-1")

    previewed = act(trust.preview) if action != "plan" else None
    outcomes = trust.apply(trust.reconcile(), command_id="c-1").ended if action == "plan" else act(trust)

    assert previewed in {None, outcomes}
    ends = action != "withdraw"
    shown = {who.id: (who.name, notice.address) for notice in outcomes.notices for who in notice.people}
    assert ({BEN: ("Siân Ben", "ben@5143.example")} if ends else {}) == shown
    assert not any(word in repr(outcomes) for word in ("New ", "new-", "100000.example", "head@"))
    kept = [own.notice for own in world.notices(status=None) if own.notice and own.notice.kind not in ASKING]
    stored = {notice.id: notice for notice in kept}
    assert {notice.id for notice in outcomes.notices} <= stored.keys()
    told = {who.id: (who.name, notice.address) for notice in stored.values() for who in notice.people}
    assert ("New head", "new-head@hilda.example") == told[head()]
    assert ends is (deputy() in told)


@pytest.mark.rule("P12", "P7", "K3")
@pytest.mark.parametrize("action", ["end", "withdraw"])
def test_an_outcome_is_the_same_whoever_works_at_a_school_that_left(action: str) -> None:
    """Neither the number of notices nor their ids tell who is current, who may answer or who shares a mailbox."""
    outcomes = []
    for addresses in (["h@hilda.example", "d@hilda.example"], ["office@hilda.example"] * 2, ["ben@5143.example"], []):
        world = World()
        world.people.put(person(BEN, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]))
        everybody = {HILDA: [head(), deputy()]}
        asked = world.trust().request([HILDA], level=MIS, sender=BEN, recipients=everybody, command_id="ask")
        leave_trust(world)
        staff = [person(who, BusinessRole.HEAD_TEACHER, permissions=Permission) for who in (head(), deputy())]
        world.people.put(*(attrs.evolve(who, email=address) for who, address in zip(staff, addresses, strict=False)))
        world.people.remove(*(who.id for who in staff[len(addresses) :]))
        for side in (world.trust().preview, world.trust()):
            if action == "withdraw":
                outcomes.append(side.withdraw(asked.requests, command_id="c-1"))
            else:
                outcomes.append(side.end([HILDA], cause=EndCause.SCHOOL_LEFT_GROUP, note="Left.", command_id="c-1"))
        kept = [own.notice for own in world.notices(status=None) if own.notice and own.notice.kind not in ASKING]
        told = {who.id for notice in kept for who in notice.people}
        assert {who.id for who in staff[: len(addresses)]} <= told

    assert [[BEN]] * (action == "end") == [[who.id for who in notice.people] for notice in outcomes[0].notices]
    assert [outcomes[0]] * len(outcomes) == outcomes


@pytest.mark.rule("P12", "E1", "E7")
def test_a_school_that_ends_sees_whom_its_own_people_are() -> None:
    """Its own side's names and addresses are its own, whether the group sees it or not."""
    world = World(policies={COUNCIL: attrs.evolve(Policy.local_authority(), enders=frozenset(Party))})
    shared_with_council(world)
    world.refresh(attrs.evolve(world.schools[HILDA], local_authority=Coded("871", "Elsewhere")))
    ender = PersonId(HILDA, "ender")
    world.people.put(
        person(ender, permissions=[Permission.END_AGREEMENT]),
    )

    done = world.school(actor=ender).end(COUNCIL, note="No more.", command_id="c-1")

    assert {"head@100000.example"} == {n.address for n in done.notices if n.audience is Party.SCHOOL}
