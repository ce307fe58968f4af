"""A person applies a plan: school by school, once, with notices to both sides (rules E2, E4, E6)."""

from collections import Counter

import attrs
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.delivery import deliver
from datashare.domain.agreements import AgreementEnded, EndCause, RefusalCode, RequestOutcome, State
from datashare.domain.notices import NoticeKind
from datashare.domain.people import BusinessRole, Permission, PersonId, SchoolSite
from datashare.domain.policy import Party
from datashare.domain.register import EstablishmentStatus
from datashare.errors import Refused
from datashare.ports import Progress, Stage
from datashare.testing import InterleavingStore, RecordingNotifier
from tests.service.reconcile.cases import SUCCESSOR, close, link, notified, urns_of
from tests.world import (
    ACTIONS,
    ANA,
    HILDA,
    MIS,
    NIGHTLY,
    NO_APPROVER,
    OSCAR,
    TODAY,
    TRUST,
    World,
    assert_sound,
    head,
    large_world,
    leave_trust,
    person,
    school,
)


@pytest.mark.rule("E2", "E4", "A8", "O2")
def test_applying_ends_what_was_planned_with_notices_to_both_sides(world: World) -> None:
    """Level and open request are gone, with the cause, a note of the register's words and a notice to each side."""
    world.asked(HILDA, level=ACTIONS, command_id="raise")
    deliver(world.store, RecordingNotifier(), clock=world.clock)
    close(world, HILDA)
    leave_trust(world, NO_APPROVER)
    cat = PersonId(TRUST, "cat")
    world.people.put(person(cat, permissions=[Permission.APPLY_REGISTER]))
    plan = world.trust().reconcile()

    applied = world.trust(cat).apply(plan, command_id="c-1")

    assert ([HILDA, NO_APPROVER], []) == urns_of(applied.ended)
    assert {State.NO_AGREEMENT} == {world.state(urn).state for urn in (HILDA, NO_APPROVER)}
    assert RequestOutcome.ENDED == world.state(HILDA).closed[-1].outcome
    last = world.events()[-1]
    assert isinstance(last, AgreementEnded)
    assert (EndCause.SCHOOL_CLOSED, cat, "c-1") == (last.cause, last.actor, last.command_id)
    assert "The register of 25 October 2026 shows: it closed on 25 October 2026." == last.note
    # Current people of a closed school get a notice; if nobody there can answer, those who were asked do.
    assert {(Party.GROUP, ANA), (Party.SCHOOL, head())} <= notified(world)
    assert (Party.SCHOOL, PersonId(NO_APPROVER, "deputy")) in notified(world)
    assert [OSCAR] == [outcome.urn for outcome in applied.recorded.done]
    assert State.APPROVED is world.state(OSCAR).state
    assert TODAY == world.store.last_register(TRUST)
    assert_sound(world)


@pytest.mark.rule("E4")
def test_a_second_plan_from_the_same_register_ends_and_closes_nothing(world: World) -> None:
    """It still proposes the same schools to ask, since nothing was asked."""
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, NO_APPROVER, successors=(link(HILDA, SUCCESSOR),))
    first = world.trust().reconcile()
    world.trust().apply(first, command_id="c-1")

    second = world.trust().reconcile()

    assert ([HILDA], [NO_APPROVER]) == ([end.urn for end in first.ends], [end.urn for end in first.closes])
    assert () == second.to_end
    assert (
        [SUCCESSOR] == [successor.urn for successor in first.to_ask] == [successor.urn for successor in second.to_ask]
    )
    assert ((), ()) == (world.events(SUCCESSOR), second.unclear)
    before = world.snapshot()
    assert 0 == len(world.trust().apply(second, command_id="c-2").ended)
    assert before == world.snapshot()


@pytest.mark.rule("E3")
def test_what_was_agreed_since_the_plan_counts_for_its_confirmation() -> None:
    """The plan of a newer register looked at one agreement; four more stand when it is put in place and applied."""
    world, urns = large_world(8)
    world.approved(urns[0])
    gone = [attrs.evolve(world.schools[urn], status=EstablishmentStatus.CLOSED) for urn in urns[:5]]
    newer = {**world.schools, **{school.urn: school for school in gone}}.values()
    there = MemoryInstitutionDirectory(newer, groups=world.groups, register_day=TODAY)
    plan = world.trust().reconcile(there)
    world.approved(*urns[1:5], command_id="more")
    world.institutions.replace(newer, groups=world.groups, register_day=TODAY)

    with pytest.raises(Refused, match="would end 5 of 5 agreements"):
        world.trust().apply(plan, command_id="c-1")

    assert 1 == len(world.trust().apply(plan, command_id="c-1", confirmed=True).ended.done)


@pytest.mark.rule("E4")
def test_a_request_sent_since_the_plan_does_not_stand_in_its_way(world: World) -> None:
    """It belongs to another school; the register is the same although the plan did not look at that school."""
    close(world, HILDA)
    world.refresh(school(SUCCESSOR, "New School"))
    plan = world.trust().reconcile()
    world.people.put(person(head(SUCCESSOR), BusinessRole.HEAD_TEACHER))
    world.people.put_sites(SchoolSite(urn=SUCCESSOR, data_sharing_url="https://new.example/"))
    assert world.trust().request([SUCCESSOR], level=MIS, command_id="later").done

    applied = world.trust().apply(plan, command_id="c-1")

    assert ([HILDA], []) == urns_of(applied.ended)
    assert SUCCESSOR in [outcome.urn for outcome in applied.recorded.done]


@pytest.mark.rule("E2", "E6")
def test_what_is_recorded_beside_the_ends_may_be_gone_from_the_register() -> None:
    """One school closed and is in no trust, and the other is not in the register: it still is not an empty register."""
    world = World()
    world.approved(HILDA, OSCAR)
    gone = attrs.evolve(world.schools[HILDA], status=EstablishmentStatus.CLOSED, trusts=())
    world.institutions.replace([gone], groups=world.groups, register_day=TODAY)

    applied = world.trust().apply(world.trust().reconcile(), command_id="c-1")

    assert ([HILDA], []) == urns_of(applied.ended)
    assert [(OSCAR, TODAY)] == [(outcome.urn, outcome.after.hidden_since) for outcome in applied.recorded.done]


@pytest.mark.rule("E4", "K1")
def test_an_agreement_that_changed_since_the_plan_is_a_conflict_for_that_school_alone(world: World) -> None:
    """The other ends; the conflict is not repeated, and a new plan decides it."""
    (request,) = world.asked(HILDA, level=ACTIONS, command_id="raise")
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()
    world.trust().withdraw([request], command_id="changed")

    applied = world.trust().apply(plan, command_id="c-1")

    assert ([OSCAR], [HILDA]) == urns_of(applied.ended)
    (conflict,) = applied.ended.not_done
    assert [RefusalCode.CONFLICT] == [reason.code for reason in conflict.reasons]
    assert "The plan was made for version 3, and this is version 4. Make a new plan." in str(conflict)
    assert State.APPROVED is world.state(HILDA).state
    assert TODAY == world.state(HILDA).hidden_since  # it did not end, so the record says that it is hidden
    again = world.trust().apply(world.trust().reconcile(), command_id="c-1")
    assert ([HILDA], []) == urns_of(again.ended)
    assert_sound(world)


@pytest.mark.rule("E4", "K1")
def test_a_race_that_changes_the_agreement_is_a_conflict_after_one_more_look(world: World) -> None:
    """A loser is decided again on what stands then, which is not what was planned."""
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()

    def another_writer() -> None:
        world.trust(NIGHTLY).record_visibility(command_id="nightly")

    store = InterleavingStore(world.store, another_writer)
    applied = world.over(store).for_group(TRUST, actor=ANA).apply(plan, command_id="c-1")

    assert ([], [HILDA, OSCAR]) == urns_of(applied.ended)
    assert {RefusalCode.CONFLICT} == {outcome.code for outcome in applied.ended.not_done}
    assert [3, 3] == [world.state(urn).version for urn in (HILDA, OSCAR)]
    assert_sound(world)


@pytest.mark.rule("E4")
def test_a_part_of_a_plan_can_be_applied(world: World) -> None:
    """The others stay, are recorded as hidden, and are in the next plan."""
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()

    applied = world.trust().apply(plan, command_id="c-1", urns=[OSCAR, OSCAR])

    assert ([OSCAR], []) == urns_of(applied.ended)
    assert (State.APPROVED, TODAY) == (world.state(HILDA).state, world.state(HILDA).hidden_since)
    assert [HILDA] == [end.urn for end in world.trust().reconcile().ends]


@pytest.mark.rule("E2", "E1")
def test_the_person_may_say_why_in_their_own_words(world: World) -> None:
    """Their words replace the register's in the history and in the messages."""
    close(world, HILDA)

    world.trust().apply(world.trust().reconcile(), command_id="c-1", note="Merged – as announced.")

    last = world.events()[-1]
    assert isinstance(last, AgreementEnded)
    assert "Merged – as announced." == last.note
    ended = [notice.notice for notice in world.notices() if notice.notice and notice.notice.kind is NoticeKind.ENDED]
    assert {"Merged – as announced."} == {notice.reason for notice in ended}


@pytest.mark.rule("K1", "E4")
@pytest.mark.parametrize("count", [4, 70])
def test_applying_costs_the_same_for_any_number_of_schools(count: int) -> None:
    """Half of the schools end, the others are recorded as hidden."""
    world, urns = large_world(count)
    world.approved(*urns)
    close(world, *urns[::2])
    world.refresh(gone=urns[1::2])
    plan = world.trust().reconcile()

    world.counted().for_group(TRUST, actor=ANA).apply(plan, command_id="c-1", confirmed=True)

    assert (
        Counter(
            {
                "institutions.group": 3,
                "institutions.linked": 1,
                "institutions.institutions": 4,
                "institutions.successors": 1,
                "institutions.register_day": 3,
                "people.at_schools": 2,
                "people.people": 5,
                "people.sites": 2,
                "store.append": 2,
                "store.last_register": 2,
                "store.load": 3,
                "store.note_register": 2,
                "store.states": 2,
            }
        )
        == world.calls
    )


@pytest.mark.rule("K6")
def test_applying_reports_progress() -> None:
    """First of the ends, then of the record."""
    world = World()
    world.approved(HILDA, OSCAR)
    close(world, HILDA)
    seen: list[Progress] = []

    world.trust().apply(world.trust().reconcile(), command_id="c-1", progress=seen.append)

    assert [(Stage.DECIDED, 1, 1), (Stage.SAVED, 1, 1), (Stage.DECIDED, 1, 1)] == [
        (step.stage, step.done, step.total) for step in seen
    ]
