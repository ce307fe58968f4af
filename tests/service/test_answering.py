"""The school's answer through the service: what the store holds, and who is notified (rules A1-A8, R3)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from datashare.codec import encode
from datashare.domain.agreements import AgreementId, Basis, RefusalCode, RequestId, RequestOutcome, State, Tab
from datashare.domain.agreements.commands import kept_under
from datashare.domain.notices import NoticeKind
from datashare.domain.people import BusinessRole, PersonId
from datashare.domain.policy import Party
from datashare.errors import InvalidValue, Refused
from datashare.ports import NoticeStatus
from datashare.service import Done, SchoolSide
from tests.world import ANA, HILDA, MIS, OSCAR, TRUST, World, assert_sound, deputy, head, person

Answer = Callable[[SchoolSide, RequestId], Done]
ANSWERS: dict[str, Answer] = {
    "approve": lambda school, request: school.approve(request),
    "decline": lambda school, request: school.decline(request, reason="Not before the governors meet."),
}


def refusal(call: Callable[[], object]) -> Refused:
    """Return the refusal that a call raises."""
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


@pytest.mark.rule("A1", "T4")
def test_an_accepted_request_is_in_force_and_moves_to_approved() -> None:
    """The level, the approver, the instant and the request are stored at once."""
    world = World()
    (request,) = world.asked(HILDA)
    later = world.clock.move_on(timedelta(hours=3))

    done = world.school().approve(request)

    state = world.state()
    assert done.after == state
    assert (State.APPROVED, None) == (state.state, state.request)
    assert state.in_force is not None
    assert (MIS, later, Basis.REQUEST, head(), request, ANA) == (
        state.in_force.level,
        state.in_force.since,
        state.in_force.basis,
        state.in_force.approved_by,
        state.in_force.request,
        state.in_force.sender,
    )
    assert [HILDA] == [row.urn for row in world.trust().agreements(Tab.APPROVED)]
    assert () == world.trust().agreements(Tab.PENDING)
    assert_sound(world)


@pytest.mark.rule("A4", "R3", "T2")
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_to_a_closed_request_says_who_decided_and_when(name: str) -> None:
    """An answer from an outdated page changes nothing; the refusal says that the group withdrew the request."""
    world = World()
    (stale,) = world.asked(HILDA)
    at = world.clock.move_on(timedelta(days=1))
    world.trust().withdraw([stale], command_id="w")
    world.asked(HILDA, command_id="again")
    before = world.snapshot()

    refused = refusal(lambda: ANSWERS[name](world.school(), stale))

    (reason,) = refused.reasons
    assert (RefusalCode.REQUEST_NOT_OPEN, stale) == (reason.code, reason.request)
    assert reason.closed is not None
    assert (RequestOutcome.WITHDRAWN, ANA, at) == (reason.closed.outcome, reason.closed.by, reason.closed.at)
    assert "mat:5143/ana" in str(refused)
    assert "26 October 2026 at 23:30" not in str(refused)
    assert "25 October 2026 at 23:30 (London)" in str(refused)
    assert before == world.snapshot()


@pytest.mark.rule("A4", "K1")
def test_a_request_closed_before_the_last_is_looked_up_in_the_events() -> None:
    """The state names the last one only, however many there were; one call finds who closed any of the others."""
    world = World()
    stale = world.asked(HILDA, OSCAR)
    at = world.clock.move_on(timedelta(days=1))
    world.trust().withdraw(stale, command_id="w")
    sizes = []
    for number in range(20):
        requests = world.asked(HILDA, OSCAR, command_id=f"ask-{number}")
        world.trust().withdraw(requests, command_id=f"w-{number}")
        sizes.append(len(encode(world.state())))
    sharing = world.counted()

    one = refusal(lambda: sharing.for_school(HILDA, actor=head()).approve(stale[0]))
    assert (1, 0) == (world.calls["store.history"], world.calls["store.group_history"])
    both = sharing.for_group(TRUST, actor=ANA).remind(stale, command_id="r").not_done
    assert (1, 1) == (world.calls["store.history"], world.calls["store.group_history"])

    expected = [(request, RequestOutcome.WITHDRAWN, ANA, at) for request in (stale[0], *stale)]
    reasons = [one.reasons[0], *(outcome.reasons[0] for outcome in both)]
    closed = [reason.closed for reason in reasons if reason.closed]
    assert expected == [(request.id, request.outcome, request.by, request.at) for request in closed]
    assert max(sizes) - min(sizes) < 10  # the numbers in it get longer
    assert_sound(world)


@pytest.mark.rule("A4")
@pytest.mark.parametrize("name", ANSWERS)
def test_a_request_to_another_school_is_an_error(name: str) -> None:
    """A school answers only requests to itself."""
    world = World()
    (request,) = world.asked(OSCAR)

    with pytest.raises(InvalidValue, match="a request to school 100000"):
        ANSWERS[name](world.school(HILDA), request)

    assert State.PENDING == world.state(OSCAR).state


def notified(world: World, kind: NoticeKind) -> dict[PersonId, tuple[Party, str]]:
    """Return who gets a notice of this kind, on which side and at which address."""
    return {
        who.id: (stored.notice.audience, stored.notice.address)
        for stored in world.notices()
        if stored.notice and stored.notice.kind is kind
        for who in stored.notice.people
    }


@pytest.mark.rule("A8", "O7")
@pytest.mark.parametrize(
    ("name", "kind"), [("approve", NoticeKind.APPROVED), ("decline", NoticeKind.DECLINED)], ids=ANSWERS
)
def test_sender_and_other_recipients_are_notified_of_the_answer(name: str, kind: NoticeKind) -> None:
    """Current people are notified at their present address, except whoever answered; unsent requests are cancelled."""
    world = World()
    (request,) = world.asked(HILDA)
    world.people.put(person(deputy(), BusinessRole.DEPUTY_HEAD_TEACHER, email="moved@new.example"))
    world.people.remove(PersonId(HILDA, "data"))

    ANSWERS[name](world.school(), request)

    assert {
        ANA: (Party.GROUP, "ana@5143.example"),
        deputy(): (Party.SCHOOL, "moved@new.example"),
        PersonId(HILDA, "executive"): (Party.SCHOOL, "executive@100000.example"),
    } == notified(world, kind)
    assert {} == notified(world, NoticeKind.REQUEST)
    assert 4 == len(world.notices(status=NoticeStatus.CANCELLED))


@pytest.mark.rule("K4", "A1")
@pytest.mark.parametrize("name", ANSWERS)
def test_a_double_click_is_recorded_once(name: str) -> None:
    """If the same person presses twice, both clicks get the same answer; the store holds it once."""
    world = World()
    (request,) = world.asked(HILDA)
    first = ANSWERS[name](world.school(), request)
    before = world.snapshot()
    world.clock.instant += timedelta(seconds=1)

    second = ANSWERS[name](world.school(), request)

    assert before == world.snapshot()
    assert (False, True) == (first.replayed, second.replayed)
    assert first.events == second.events == world.events()[1:]
    assert () == second.notices


@pytest.mark.rule("K4")
def test_a_callers_own_command_id_is_kept() -> None:
    """The caller's command id is used, so that a queue can repeat the answer."""
    world = World()
    (request,) = world.asked(HILDA)

    world.school().approve(request, command_id="press-1")
    again = world.school().approve(request, command_id="press-1")

    assert "press-1" == world.events()[-1].command_id
    assert again.replayed
    assert [AgreementId(TRUST, HILDA)] == [recorded.agreement for recorded in world.kept(kept_under("press-1", head()))]


@pytest.mark.rule("T5", "A5", "A11", "V8")
def test_a_school_can_still_decline_a_group_that_has_gone_from_the_register() -> None:
    """Such a group counts as closed: the school sees the page and can decline, but not accept."""
    world = World()
    (request,) = world.asked(HILDA)
    world.institutions.replace(world.schools.values(), groups=[group for group in world.groups if group.id != TRUST])

    (entry,) = world.school().page()
    refused = refusal(lambda: world.school().approve(request))

    assert (False, "Areté Learning Trust") == (entry.visibility.visible, entry.group.name)
    unnamed = World(store=world.store, groups=[])
    assert ["Trust 5143"] == [entry.group.name for entry in unnamed.school().page()]
    assert [RefusalCode.NOT_VISIBLE] == [reason.code for reason in refused.reasons]
    assert State.PENDING == world.state().state
    world.school().decline(request, reason="They are gone.")
    assert State.NO_AGREEMENT == world.state().state
