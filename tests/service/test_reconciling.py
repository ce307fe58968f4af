"""A register is reconciled with a group's agreements, on every store: a plan, and a person who applies it (E2-E6)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import Engine

from datashare.adapters.gias import read_register
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory
from datashare.adapters.sql import SqlAgreementStore
from datashare.codec import decode_plan, encode
from datashare.domain.agreements import (
    Actor,
    AgreementEnded,
    EndCause,
    RefusalCode,
    RequestOutcome,
    State,
    VisibilityLost,
)
from datashare.domain.drift import Doubt, Plan, Uncertainty
from datashare.domain.institutions import EstablishmentStatus, Group, GroupId, Institution, SuccessorLink, TrustLink
from datashare.domain.notices import NoticeKind
from datashare.domain.people import BusinessRole, Permission, PersonId, SchoolSite
from datashare.domain.policy import Party
from datashare.errors import InvalidValue, NotPermitted, Refused, StoreUnavailable, UnknownGroup
from datashare.ports import AgreementStore, Progress, Stage
from datashare.service import Applied, Outcomes
from datashare.testing import FailingStore, InterleavingStore
from tests.adapters.gias import made
from tests.adapters.sql.databases import emptied, server_database, sqlite_file
from tests.servers import Server

from .test_races import at_once
from .world import (
    ACTIONS,
    ANA,
    BEN,
    CLOSED,
    COUNCIL,
    EVA,
    GENEROUS,
    HILDA,
    MIS,
    NIGHTLY,
    NO_APPROVER,
    NOWHERE,
    OSCAR,
    OTTO,
    TERMS,
    TODAY,
    TRUST,
    World,
    assert_sound,
    head,
    imported,
    large_world,
    leave_trust,
    person,
    school,
)

DATABASES = ["memory", "sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)]
SUCCESSOR = 100010
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


@attrs.define
class Databases:
    """A database of each server, made when a test first asks for it."""

    left_at_the_end: ExitStack
    made: dict[str, Engine] = attrs.field(factory=dict)

    def of(self, name: str, request: pytest.FixtureRequest) -> Engine:
        """Give the empty database of a server."""
        if name not in self.made:
            server: Server = request.getfixturevalue(f"{name}_server")
            self.made[name] = self.left_at_the_end.enter_context(server_database(server))
        return emptied(self.made[name])


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    """Keep the databases for all tests of this file."""
    with ExitStack() as left_at_the_end:
        yield Databases(left_at_the_end)


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> Iterator[AgreementStore]:
    """Give an empty store of each kind."""
    if request.param == "memory":
        yield MemoryAgreementStore()
    elif request.param == "sqlite":
        with sqlite_file(tmp_path) as engine:
            yield SqlAgreementStore(engine)
    else:
        yield SqlAgreementStore(databases.of(request.param, request))


@pytest.fixture
def world(store: AgreementStore) -> World:
    """Give the made-up world over a store of each kind, with two agreements and an open request."""
    world = World(store=store)
    world.approved(HILDA, OSCAR)
    world.asked(NO_APPROVER, command_id="pending")
    return world


def close(world: World, *urns: int, day: date = TODAY, successors: tuple[SuccessorLink, ...] = ()) -> None:
    """Load a register in which schools have closed, with what succeeded them."""
    gone = [attrs.evolve(world.schools[urn], status=EstablishmentStatus.CLOSED, close_date=day) for urn in urns]
    world.refresh(*gone, day=day)
    world.institutions.replace(world.schools.values(), groups=world.groups, successors=successors, register_day=day)


def link(old: int, new: int) -> SuccessorLink:
    """Make an undated link of the register."""
    return SuccessorLink(predecessor=old, successor=new, kind="Successor")


def told(world: World) -> set[tuple[Party, PersonId]]:
    """Tell who was told of an end."""
    return {
        (one.notice.audience, who.id)
        for one in world.notices()
        if one.notice and one.notice.kind is NoticeKind.ENDED
        for who in one.notice.people
    }


def urns_of(outcomes: Outcomes) -> tuple[list[int], list[int]]:
    """Tell where it was done, and where not."""
    return sorted(one.urn for one in outcomes.done), sorted(one.urn for one in outcomes.not_done)


@pytest.mark.rule("E2")
def test_a_plan_does_nothing(world: World) -> None:
    """It says what would end and close, and the store stays as it was."""
    close(world, HILDA)
    leave_trust(world, NO_APPROVER)
    before = world.snapshot()

    plan = world.trust().reconcile()

    assert [(HILDA, EndCause.SCHOOL_CLOSED, 2)] == [(one.urn, one.cause, one.version) for one in plan.ends]
    assert [(NO_APPROVER, EndCause.SCHOOL_LEFT_GROUP)] == [(one.urn, one.cause) for one in plan.closes]
    assert (TRUST, TODAY, 3) == (plan.group, plan.register_day, plan.standing)
    assert before == world.snapshot()


@pytest.mark.rule("E2", "E4", "A8", "O2")
def test_applying_ends_what_was_planned_and_tells_both_sides(world: World) -> None:
    """Level and open request are gone, with the cause, a note of the register's words and a notice to each side."""
    world.asked(HILDA, level=ACTIONS, command_id="raise")
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
    # People of a closed school who are still current there are told; where nobody can answer, those who were asked.
    assert {(Party.GROUP, ANA), (Party.SCHOOL, head())} <= told(world)
    assert (Party.SCHOOL, PersonId(NO_APPROVER, "deputy")) in told(world)
    assert [OSCAR] == [one.urn for one in applied.recorded.done]
    assert State.APPROVED is world.state(OSCAR).state
    assert TODAY == world.store.last_register(TRUST)
    assert_sound(world)


@pytest.mark.rule("E2", "E4", "K3")
def test_on_unchanged_facts_a_plan_is_what_applying_it_does(world: World) -> None:
    """School by school: cause, version, level, the request that closes, and nothing else."""
    world.asked(OSCAR, level=ACTIONS, command_id="raise")
    close(world, HILDA, OSCAR)
    leave_trust(world, NO_APPROVER)
    plan = world.trust().reconcile()
    before = {one.urn: world.state(one.urn) for one in plan.to_end}

    applied = world.trust().apply(plan, command_id="c-1")

    ended = [(one.urn, event) for one in applied.ended.done for event in one.events]
    assert [
        (one.urn, one.cause, one.request, one.version + 1, f"The register of 25 October 2026 shows: {one.why}.")
        for one in plan.to_end
    ] == [
        (urn, event.cause, event.request, event.sequence, event.note)
        for urn, event in ended
        if isinstance(event, AgreementEnded)
    ]
    assert len(plan.to_end) == len(ended)
    assert [before[one.urn].level for one in plan.to_end] == [one.level for one in plan.to_end]


@pytest.mark.rule("E4")
def test_a_second_plan_from_the_same_register_ends_and_closes_nothing(world: World) -> None:
    """What it proposes to ask is proposed still, for nothing was asked."""
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, NO_APPROVER, successors=(link(HILDA, SUCCESSOR),))
    first = world.trust().reconcile()
    world.trust().apply(first, command_id="c-1")

    second = world.trust().reconcile()

    assert ([HILDA], [NO_APPROVER]) == ([one.urn for one in first.ends], [one.urn for one in first.closes])
    assert () == second.to_end
    assert [SUCCESSOR] == [one.urn for one in first.to_ask] == [one.urn for one in second.to_ask]
    assert ((), ()) == (world.events(SUCCESSOR), second.unclear)
    before = world.snapshot()
    assert 0 == len(world.trust().apply(second, command_id="c-2").ended)
    assert before == world.snapshot()


@pytest.mark.rule("E4", "K4")
def test_applying_again_under_the_same_command_id_answers_what_was_done(world: World) -> None:
    """Nothing is done or sent twice, even where register and agreements have moved on since."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    first = world.trust().apply(plan, command_id="c-1")
    before = world.snapshot("c-1")

    again = world.trust().apply(plan, command_id="c-1")

    assert [True] == [one.replayed for one in again.ended.done]
    assert first.ended.done[0].events == again.ended.done[0].events
    assert ([OSCAR, NO_APPROVER], []) == urns_of(again.recorded)
    assert before == world.snapshot("c-1")

    leave_trust(world, OSCAR, day=TODAY)
    world.trust().record_visibility(command_id="newer")
    before = world.snapshot("c-1")
    later = world.trust().apply(plan, command_id="c-1")

    assert again.ended == later.ended
    assert 0 == len(later.recorded)
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K4", "E4")
def test_the_command_id_of_another_action_is_refused(world: World) -> None:
    """So it is with the id of a plan from another register."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    before = world.snapshot("ask")
    with pytest.raises(Refused, match="This command id was used for a different command"):
        world.trust().apply(plan, command_id="ask")
    assert before == world.snapshot("ask")
    world.trust().apply(plan, command_id="c-1")
    close(world, OSCAR)

    with pytest.raises(Refused, match="This command id was used for a different command"):
        world.trust().apply(world.trust().reconcile(), command_id="c-1")

    assert State.APPROVED is world.state(OSCAR).state


@pytest.mark.rule("E4", "K4", "O2")
@pytest.mark.parametrize("call", ["append", "note_register"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_what_broke_off_is_completed_by_repeating_it(world: World, call: str, done: bool) -> None:
    """Between the ends and the record, or at the last step: the same command id does what is left, once."""
    close(world, HILDA, OSCAR)
    world.refresh(gone=[NO_APPROVER])
    plan = world.trust().reconcile()
    broken = world.over(FailingStore(world.store, call, done=done)).for_group(TRUST, actor=ANA)
    with pytest.raises(StoreUnavailable):
        broken.apply(plan, command_id="c-1")

    healed = world.trust().apply(plan, command_id="c-1")

    assert ([HILDA, OSCAR], []) == urns_of(healed.ended)
    assert [(NO_APPROVER, TODAY)] == [(one.urn, one.after.hidden_since) for one in healed.recorded.done]
    assert [1, 1] == [sum(isinstance(event, AgreementEnded) for event in world.events(urn)) for urn in (HILDA, OSCAR)]
    assert 1 == sum(isinstance(event, VisibilityLost) for event in world.events(NO_APPROVER))
    assert TODAY == world.store.last_register(TRUST)
    assert_sound(world)


@pytest.mark.rule("E4", "K1")
def test_an_agreement_that_changed_since_the_plan_is_a_conflict_for_that_school_alone(world: World) -> None:
    """The other ends; the conflict is not tried again, and a new plan decides it."""
    (request,) = world.asked(HILDA, level=ACTIONS, command_id="raise")
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()
    world.trust().withdraw([request], command_id="changed")

    applied = world.trust().apply(plan, command_id="c-1")

    assert ([OSCAR], [HILDA]) == urns_of(applied.ended)
    (conflict,) = applied.ended.not_done
    assert [RefusalCode.CONFLICT] == [reason.code for reason in conflict.reasons]
    assert "The plan saw its version 3, and it is in version 4 now. Make a new plan." in str(conflict)
    assert State.APPROVED is world.state(HILDA).state
    assert TODAY == world.state(HILDA).hidden_since  # it did not end, so that it is hidden is recorded
    again = world.trust().apply(world.trust().reconcile(), command_id="c-1")
    assert ([HILDA], []) == urns_of(again.ended)
    assert_sound(world)


@pytest.mark.rule("E4", "R2")
def test_what_ended_since_the_plan_is_a_conflict_too() -> None:
    """The plan no longer fits, whatever the change was; it is decided once, for nobody else was in the way."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    world.trust().end([HILDA], cause=EndCause.BY_GROUP, note="Before.", command_id="before")

    (conflict,) = world.counted().for_group(TRUST, actor=ANA).apply(plan, command_id="c-1").ended.not_done

    assert [RefusalCode.CONFLICT] == [reason.code for reason in conflict.reasons]
    assert 1 == world.calls["store.load"]
    assert 3 == world.state(HILDA).version


@pytest.mark.rule("E4", "K1")
def test_a_race_that_changes_the_agreement_is_a_conflict_after_one_more_look(world: World) -> None:
    """A loser is decided again on what stands then, and that is no longer what was planned."""
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()

    def another_writer() -> None:
        world.trust(NIGHTLY).record_visibility(command_id="nightly")

    store = InterleavingStore(world.store, another_writer)
    applied = world.over(store).for_group(TRUST, actor=ANA).apply(plan, command_id="c-1")

    assert ([], [HILDA, OSCAR]) == urns_of(applied.ended)
    assert {RefusalCode.CONFLICT} == {one.code for one in applied.ended.not_done}
    assert [3, 3] == [world.state(urn).version for urn in (HILDA, OSCAR)]
    assert_sound(world)


@pytest.mark.rule("E4", "K4")
def test_of_many_who_apply_one_plan_at_once_one_ends_each_school(world: World) -> None:
    """Whoever comes second is told of a conflict; each agreement ends once, and each side is told once."""
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()

    answers = at_once(*[lambda n=n: world.trust().apply(plan, command_id=f"c-{n}") for n in range(4)])

    applied = [one for one in answers if isinstance(one, Applied)]
    assert 4 == len(applied)
    assert Counter({HILDA: 1, OSCAR: 1}) == Counter(one.urn for each in applied for one in each.ended.done)
    assert {RefusalCode.CONFLICT} == {one.code for each in applied for one in each.ended.not_done}
    assert [1, 1] == [sum(isinstance(event, AgreementEnded) for event in world.events(urn)) for urn in (HILDA, OSCAR)]
    assert_sound(world)


@pytest.mark.rule("E4")
def test_a_part_of_a_plan_can_be_applied(world: World) -> None:
    """The others stay, are recorded as hidden, and stand in the next plan."""
    close(world, HILDA, OSCAR)
    plan = world.trust().reconcile()

    applied = world.trust().apply(plan, command_id="c-1", urns=[OSCAR, OSCAR])

    assert ([OSCAR], []) == urns_of(applied.ended)
    assert (State.APPROVED, TODAY) == (world.state(HILDA).state, world.state(HILDA).hidden_since)
    assert [HILDA] == [one.urn for one in world.trust().reconcile().ends]


@pytest.mark.rule("E4", "K5")
def test_no_school_of_a_plan_can_be_applied() -> None:
    """Then only what the register shows is recorded."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA)

    applied = world.trust().apply(world.trust().reconcile(), command_id="c-1", urns=[])

    assert 0 == len(applied.ended)
    assert [(HILDA, 1)] == [(one.urn, len(one.events)) for one in applied.recorded.done]
    assert State.APPROVED is world.state().state


@pytest.mark.rule("E2", "E1")
def test_the_person_may_say_why_in_their_own_words(world: World) -> None:
    """It goes into the history and the messages in the place of the register's words."""
    close(world, HILDA)

    world.trust().apply(world.trust().reconcile(), command_id="c-1", note="Merged – as announced.")

    last = world.events()[-1]
    assert isinstance(last, AgreementEnded)
    assert "Merged – as announced." == last.note
    ended = [one.notice for one in world.notices() if one.notice and one.notice.kind is NoticeKind.ENDED]
    assert {"Merged – as announced."} == {one.reason for one in ended}


@pytest.mark.rule("E3", "E6")
def test_the_register_is_noted_even_where_nothing_stands_any_more(world: World) -> None:
    """So that an older one is refused afterwards, for planning, applying and recording."""
    close(world, HILDA, OSCAR, NO_APPROVER)
    older = MemoryInstitutionDirectory(world.schools.values(), groups=world.groups, register_day=YESTERDAY)
    plan = world.trust().reconcile()
    assert not plan.needs_confirmation

    world.trust().apply(plan, command_id="c-1")

    assert TODAY == world.store.last_register(TRUST)
    with pytest.raises(Refused, match="of 24 October 2026, and that of 25 October 2026 was applied") as refused:
        world.trust().reconcile(older)
    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("E3", "T2")
def test_a_plan_from_another_register_is_refused(world: World) -> None:
    """A newer day, or the same day with another fact: nothing of it is applied."""
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    close(world, HILDA, day=TODAY)
    with pytest.raises(Refused, match="from that of 24 October 2026, and the one in place is of 25 October 2026"):
        world.trust().apply(plan, command_id="c-1")
    world.refresh(attrs.evolve(world.schools[HILDA], name="Another Name"), day=YESTERDAY)
    with pytest.raises(Refused) as refused:
        world.trust().apply(plan, command_id="c-1")

    assert [RefusalCode.REGISTER_DIFFERS] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E3")
def test_a_plan_that_was_overtaken_is_refused() -> None:
    """Its register is still in place, and a newer one was applied to the group since."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA, day=YESTERDAY)
    plan = world.trust().reconcile()
    world.store.note_register(TRUST, TODAY)
    before = world.snapshot("c-1")

    with pytest.raises(Refused) as refused:
        world.trust().apply(plan, command_id="c-1")

    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E3")
def test_a_register_that_holds_none_of_the_groups_schools_is_refused() -> None:
    """A download that was cut short would end everything, or make everything unclear."""
    world = World()
    world.approved(HILDA)
    empty = MemoryInstitutionDirectory([], groups=world.groups, register_day=TODAY)

    with pytest.raises(Refused) as refused:
        world.trust().reconcile(empty)

    assert [RefusalCode.REGISTER_EMPTY] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("E3", "T2")
def test_a_plan_that_ends_much_is_confirmed_explicitly() -> None:
    """Four of forty need nothing, four of thirty-nine do."""
    for count, needed in ((40, False), (39, True)):
        world, urns = large_world(count)
        world.approved(*urns)
        close(world, *urns[:4])
        plan = world.trust().reconcile()
        assert needed == plan.needs_confirmation
        if needed:
            before = world.snapshot("c-1")
            with pytest.raises(Refused, match="The plan would end 4 of 39 agreements") as refused:
                world.trust().apply(plan, command_id="c-1")
            assert [RefusalCode.CONFIRMATION_NEEDED] == [reason.code for reason in refused.value.reasons]
            with pytest.raises(Refused):  # a part of it is of the same plan
                world.trust().apply(plan, command_id="c-1", urns=urns[:1])
            assert before == world.snapshot("c-1")
        applied = world.trust().apply(plan, command_id="c-1", confirmed=needed)
        assert 4 == len(applied.ended.done)
        # What was done is answered without being confirmed again.
        assert 4 == len(world.trust().apply(plan, command_id="c-1").ended.done)


STRANGERS: dict[str, Actor] = {
    "no-permission": BEN,
    "expired-permission": EVA,
    "other-group": OTTO,
    "unknown-person": PersonId(TRUST, "nobody"),
    "school": head(),
}


@pytest.mark.rule("E2", "P12", "K2")
@pytest.mark.parametrize("actor", STRANGERS.values(), ids=STRANGERS)
def test_strangers_neither_plan_nor_apply(actor: Actor) -> None:
    """Nothing is told of the group's agreements, and nothing ends."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    for call in (lambda: world.trust(actor).reconcile(), lambda: world.trust(actor).apply(plan, command_id="c-1")):
        with pytest.raises(NotPermitted):
            call()

    assert before == world.snapshot("c-1")


@pytest.mark.rule("E2")
def test_a_system_may_plan_and_never_applies() -> None:
    """A nightly refresh can send the plan to somebody; a person applies it."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust(NIGHTLY).reconcile()
    before = world.snapshot("c-1")

    with pytest.raises(NotPermitted, match="only a person may do this"):
        world.trust(NIGHTLY).apply(plan, command_id="c-1")

    assert world.trust().reconcile() == plan
    assert before == world.snapshot("c-1")


@pytest.mark.rule("E2", "E7")
def test_applying_has_a_permission_of_its_own() -> None:
    """It suffices for what the register shows and for nothing else; the permission to end does not suffice."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    applier, ender, reader = (PersonId(TRUST, name) for name in ("applier", "ender", "reader"))
    world.people.put(
        person(applier, permissions=[Permission.APPLY_REGISTER]),
        person(ender, permissions=[Permission.END_AGREEMENT]),
        person(reader, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS]),
    )

    assert world.trust(applier).reconcile() == world.trust(reader).reconcile() == plan
    for who in (ender, reader):
        with pytest.raises(NotPermitted, match=r"data_sharing\.apply_register"):
            world.trust(who).apply(plan, command_id="c-1")
    with pytest.raises(NotPermitted):
        world.trust(ender).reconcile()
    with pytest.raises(NotPermitted):
        world.trust(applier).end([HILDA], cause=EndCause.SCHOOL_CLOSED, note="Closed.", command_id="c-1")
    assert 1 == len(world.trust(applier).apply(plan, command_id="c-1").ended.done)


@pytest.mark.rule("E2", "E1")
def test_a_plan_that_was_tampered_with_ends_nothing_that_the_register_does_not_show() -> None:
    """The cause is checked against the register that is in place, school by school."""
    world = World()
    world.approved(HILDA, OSCAR)
    close(world, HILDA)
    plan = world.trust().reconcile()
    forged = attrs.evolve(plan, ends=(*plan.ends, attrs.evolve(plan.ends[0], urn=OSCAR)))

    applied = world.trust().apply(forged, command_id="c-1")

    assert ([HILDA], [OSCAR]) == urns_of(applied.ended)
    assert RefusalCode.CAUSE_NOT_SHOWN == applied.ended.not_done[0].code
    with pytest.raises(InvalidValue, match="one that the register shows"):
        world.trust().apply(
            attrs.evolve(plan, ends=[attrs.evolve(plan.ends[0], cause=EndCause.BY_GROUP)]), command_id="c-2"
        )


@pytest.mark.rule("E2", "E4")
def test_a_plan_survives_being_kept_as_text(world: World) -> None:
    """A web host keeps it between showing and confirming, and applies what it read back."""
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))
    plan = world.trust().reconcile()

    kept = decode_plan(encode(plan))

    assert (plan, str(plan)) == (kept, str(kept))
    assert ([HILDA], []) == urns_of(world.trust().apply(kept, command_id="c-1").ended)


@pytest.mark.rule("E2")
def test_a_register_to_come_can_be_looked_at_before_it_is_put_in_place(world: World) -> None:
    """The one in place tells what the group saw; once the newer one is there, the same plan is applied."""
    newer = {
        **world.schools,
        HILDA: attrs.evolve(world.schools[HILDA], trusts=()),
        CLOSED: attrs.evolve(world.schools[CLOSED], status=EstablishmentStatus.OPEN),
        SUCCESSOR: school(SUCCESSOR, "New Free School"),
    }
    there = MemoryInstitutionDirectory(newer.values(), groups=world.groups, register_day=TODAY)

    plan = world.trust().reconcile(there)

    assert [HILDA] == [one.urn for one in plan.ends]
    assert [SUCCESSOR, CLOSED] == [one.urn for one in plan.joined]  # not those seen before and never asked
    with pytest.raises(Refused, match="This is not the register that the plan was made from"):
        world.trust().apply(plan, command_id="c-1")
    world.institutions.replace(newer.values(), groups=world.groups, register_day=TODAY)
    assert ([HILDA], []) == urns_of(world.trust().apply(plan, command_id="c-1").ended)
    assert {SUCCESSOR, CLOSED} < {one.urn for one in world.trust().reconcile().joined}
    assert world.trust().reconcile() == world.trust().reconcile(world.institutions)  # it is no newer one


@pytest.mark.rule("E3")
def test_the_registers_day_comes_from_the_directory_or_the_caller() -> None:
    """The caller's counts first; without either there is no plan, nor for a day to come."""
    world = World(register_day=None)
    world.approved(HILDA)
    world.institutions.replace([attrs.evolve(one, trusts=()) for one in world.schools.values()], groups=world.groups)

    with pytest.raises(InvalidValue, match="register_day must be given, since the directory of institutions does not"):
        world.trust().reconcile()
    with pytest.raises(InvalidValue, match="register_day must be no later than today"):
        world.trust().reconcile(register_day=TOMORROW)
    plan = world.trust().reconcile(register_day=YESTERDAY)
    assert YESTERDAY == plan.register_day
    world.store.note_register(TRUST, date(2026, 1, 1))

    assert 1 == len(world.trust().apply(plan, command_id="c-1").ended.done)

    assert YESTERDAY == world.store.last_register(TRUST)


@pytest.mark.rule("E4", "T2")
def test_a_plan_names_its_register_where_the_one_in_place_tells_no_day() -> None:
    """The words say so."""
    world = World()
    world.approved(HILDA)
    close(world, HILDA)
    plan = world.trust().reconcile()
    world.institutions.replace(world.schools.values(), groups=world.groups)

    with pytest.raises(Refused, match="the one in place is of a day that it does not tell"):
        world.trust().apply(plan, command_id="c-1")


@pytest.mark.rule("E2")
def test_a_group_that_no_register_and_no_agreement_knows_has_no_plan() -> None:
    """One that has gone from the register while agreements stand has one: it is unclear."""
    world = World()
    world.approved(HILDA)
    otto = PersonId(NOWHERE, "otto")
    world.people.put(person(otto, permissions=[Permission.APPLY_REGISTER]))

    with pytest.raises(UnknownGroup):
        world.sharing.for_group(NOWHERE, actor=otto).reconcile()
    newer = MemoryInstitutionDirectory(world.schools.values(), groups=[], register_day=TODAY)
    assert "Areté Learning Trust" == world.trust().reconcile(newer).group_name
    world.institutions.replace(world.schools.values(), groups=[], register_day=TODAY)
    plan = world.trust().reconcile()

    assert ("mat:5143", (), [(HILDA, (Uncertainty.GROUP_GONE,))]) == (
        plan.group_name,
        plan.to_end,
        [(one.urn, one.because) for one in plan.unclear],
    )


@pytest.mark.rule("E2", "V8")
def test_a_trust_that_closed_ends_its_agreements(world: World) -> None:
    """A closed group can still be reconciled, and its schools are told."""
    world.refresh(groups=[Group(id=TRUST, name="Areté Learning Trust", is_open=False, closed_on=TODAY)])
    plan = world.trust().reconcile()

    applied = world.trust().apply(plan, command_id="c-1")

    assert {EndCause.GROUP_CLOSED} == {one.cause for one in plan.to_end}
    assert 3 == len(applied.ended.done)
    assert State.NO_AGREEMENT is world.state(OSCAR).state


@pytest.mark.rule("E2", "E5")
def test_an_authoritys_schools_that_became_academies_end_and_their_successors_are_asked() -> None:
    """The academy has a new URN in the same authority; the level held is suggested, and nothing is copied."""
    world = World()
    (request,) = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la").requests
    world.school().approve(request, terms_version=TERMS.version)
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))

    plan = world.council().reconcile()

    assert [(HILDA, EndCause.SUCCEEDED)] == [(one.urn, one.cause) for one in plan.ends]
    assert [(SUCCESSOR, MIS)] == [(one.urn, one.level) for one in plan.to_ask]
    assert 1 == len(world.council().apply(plan, command_id="c-1").ended.done)
    assert State.NO_AGREEMENT is world.state(SUCCESSOR, COUNCIL).state
    assert () == world.events(SUCCESSOR, COUNCIL)


@pytest.mark.rule("E5")
def test_a_successor_is_asked_like_any_other_school() -> None:
    """The plan's proposal is what the request needs."""
    world = World()
    world.approved(HILDA)
    world.refresh(school(SUCCESSOR, "Hilda Academy"))
    close(world, HILDA, successors=(link(HILDA, SUCCESSOR),))
    world.people.put(person(head(SUCCESSOR), BusinessRole.HEAD_TEACHER))
    world.people.put_sites(SchoolSite(urn=SUCCESSOR, data_sharing_url="https://hilda.example/"))
    (one,) = world.trust().reconcile().to_ask
    assert one.level is not None

    assert 1 == len(world.trust().request([one.urn], level=one.level, command_id="c-1").done)

    (asked,) = world.trust().reconcile().successors
    assert (State.PENDING, False) == (asked.state, asked.proposed)


GENERATIONS = {0: 1, 1: 2, 3: 4}
"""By how many schools follow one upon the other: so many times the links are asked for."""


@pytest.mark.rule("E5", "K1")
@pytest.mark.parametrize("count", [1, 7, 700])
@pytest.mark.parametrize("following", GENERATIONS)
def test_a_plan_costs_the_same_for_any_number_of_schools(count: int, following: int) -> None:
    """A handful of calls, and two for each generation of successors."""
    world, urns = large_world(count)
    world.approved(*urns)
    step = 10_000
    chain = [
        school(urn + step * n, "Closed", status=EstablishmentStatus.CLOSED) for n in range(following) for urn in urns
    ]
    links = tuple(link(urn + step * n, urn + step * (n + 1)) for n in range(following) for urn in urns)
    world.refresh(*chain)
    close(world, *urns, successors=links)
    side = world.counted().for_group(TRUST, actor=ANA)

    plan = side.reconcile()

    assert count == len(plan.ends)
    assert (
        Counter(
            {
                "institutions.group": 1,
                "institutions.linked": 1,
                "institutions.institutions": 1 + GENERATIONS[following],
                "institutions.successors": GENERATIONS[following],
                "institutions.register_day": 1,
                "people.people": 1,
                "store.states": 1,
                "store.last_register": 1,
            }
        )
        == world.calls
    )


@pytest.mark.rule("K1", "E4")
@pytest.mark.parametrize("count", [4, 700])
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
                "institutions.register_day": 1,
                "people.at_schools": 2,
                "people.people": 5,
                "people.sites": 2,
                "store.append": 2,
                "store.last_register": 2,
                "store.load": 2,
                "store.note_register": 2,
                "store.states": 1,
            }
        )
        == world.calls
    )


@pytest.mark.rule("K6")
def test_applying_tells_how_far_it_is() -> None:
    """First of the ends, then of the record."""
    world = World()
    world.approved(HILDA, OSCAR)
    close(world, HILDA)
    seen: list[Progress] = []

    world.trust().apply(world.trust().reconcile(), command_id="c-1", progress=seen.append)

    assert [(Stage.DECIDED, 1, 1), (Stage.SAVED, 1, 1), (Stage.DECIDED, 1, 1)] == [
        (one.stage, one.done, one.total) for one in seen
    ]


@pytest.mark.rule("E3", "E6", "K4")
def test_an_older_register_is_not_recorded(world: World) -> None:
    """What was recorded under the same command id is answered, and nothing else is recorded from it."""
    leave_trust(world, HILDA, day=YESTERDAY)
    world.trust(NIGHTLY).record_visibility(command_id="old", register_day=YESTERDAY)
    leave_trust(world, OSCAR)
    world.trust(NIGHTLY).record_visibility(command_id="new")
    before = world.snapshot("old", "older")

    with pytest.raises(Refused) as refused:
        world.trust(NIGHTLY).record_visibility(command_id="older", register_day=YESTERDAY)
    with pytest.raises(Refused):
        world.trust(NIGHTLY).preview.record_visibility(command_id="older", register_day=YESTERDAY)
    again = world.trust(NIGHTLY).record_visibility(command_id="old", register_day=YESTERDAY)

    assert [RefusalCode.REGISTER_OLDER] == [reason.code for reason in refused.value.reasons]
    assert [(HILDA, True)] == [(one.urn, one.replayed) for one in again.done]
    assert {OSCAR: RefusalCode.REGISTER_OLDER, NO_APPROVER: RefusalCode.REGISTER_OLDER} == {
        one.urn: one.code for one in again.not_done
    }
    assert before == world.snapshot("old", "older")


CYCLE = [
    made.LINK | {"URN": "101144", "LinkURN": "101146", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101144", "LinkURN": "101146", "LinkType": "Predecessor", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101146", "LinkURN": "101144", "LinkEstablishedDate": ""},
    made.LINK | {"URN": "101146", "LinkURN": "101144", "LinkType": "Predecessor", "LinkEstablishedDate": ""},
]
HAS_CLOSED = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed", "CloseDate": "31-08-2026"}


@pytest.mark.rule("E5")
@pytest.mark.parametrize(
    ("closed", "asked"),
    [
        pytest.param({"101144"}, [101146], id="one-closed"),
        pytest.param({"101144", "101146"}, [], id="both-closed"),
    ],
)
def test_two_schools_that_the_register_calls_each_others_successors(closed: set[str], asked: list[int]) -> None:
    """The links file holds such a pair, 101144 and 101146: the plan ends, and only proposes."""
    rows = [made.SCHOOL | {"URN": urn} | (HAS_CLOSED if urn in closed else {}) for urn in ("101144", "101146")]
    register = read_register(made.download(*rows), links=made.download(*CYCLE), day=TODAY)
    assert {(101144, 101146), (101146, 101144)} == {(one.predecessor, one.successor) for one in register.successors}
    world = World(
        schools=[school(101144, "One")], sites=[SchoolSite(urn=101144, data_sharing_url="https://1.example/")]
    )
    world.people.put(person(head(101144), BusinessRole.HEAD_TEACHER))
    world.approved(101144)
    there = MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=register.day,
    )

    plan = world.trust().reconcile(there)

    assert [(101144, EndCause.SUCCEEDED)] == [(one.urn, one.cause) for one in plan.ends]
    assert asked == [one.urn for one in plan.to_ask]
    assert [(101146, True)] == [(one.urn, Doubt.CYCLIC in one.doubts) for one in plan.successors]


def real_directory(day: date) -> MemoryInstitutionDirectory:
    """Put the real rows in memory, as if they were of some day."""
    register = read_register(made.ESTABLISHMENTS, links=made.LINKS, day=day)
    return MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=day,
    )


@pytest.mark.rule("E2", "E5")
def test_real_rows_give_plans_for_every_trust() -> None:
    """Had every school of a trust agreed, closed ones included: what closed ends, and the rest stays."""
    world = World()
    world.institutions = real_directory(TODAY)
    register = read_register(made.ESTABLISHMENTS)
    trusts = sorted(one for one in register.groups if one.kind is TRUST.kind)
    planned: list[Plan] = []
    for group in trusts:
        actor = PersonId(group, "ana")
        world.people.put(person(actor, permissions=tuple(Permission)))
        everywhere = [
            attrs.evolve(one, status=EstablishmentStatus.OPEN, trusts=[TrustLink(group.code)])
            for one in world.institutions.linked(group)
        ]
        seen = World(store=world.store, schools=everywhere, groups=[register.groups[group]])
        seen.people.put(person(actor, permissions=tuple(Permission)))
        _import_all(seen, group, everywhere)
        planned.append(world.over(world.store).for_group(group, actor=actor).reconcile())

    rows = [one for group in trusts for one in world.institutions.linked(group)]
    assert 222 == len(planned)
    assert sum(one.status is EstablishmentStatus.CLOSED for one in rows) == sum(len(plan.ends) for plan in planned)
    assert all(plan.joined == () for plan in planned)
    assert {EndCause.SCHOOL_CLOSED, EndCause.SUCCEEDED} == {one.cause for plan in planned for one in plan.ends}


def _import_all(world: World, group: GroupId, schools: list[Institution]) -> None:
    side = world.sharing.for_group(group, actor=PersonId(group, "ana"))
    assert not side.import_agreements([imported(one.urn) for one in schools], command_id="import").not_done


@pytest.mark.rule("E2", "T2")
@pytest.mark.parametrize(
    "arguments",
    [
        {"urns": [OSCAR]},
        {"urns": ["100000"]},
        {"urns": HILDA},
        {"confirmed": "yes"},
        {"note": None},
        {"command_id": ""},
    ],
    ids=repr,
)
def test_what_cannot_be_right_is_an_error(arguments: dict[str, Any]) -> None:
    """A school that the plan does not end is not ended by naming it."""
    world = World()
    world.approved(HILDA, OSCAR)
    close(world, HILDA)
    plan = world.trust().reconcile()
    before = world.snapshot("c-1")

    with pytest.raises(InvalidValue, match="must be"):
        world.trust().apply(plan, **{"command_id": "c-1", **arguments})
    with pytest.raises(InvalidValue, match="a plan of la:870"):
        world.council().apply(plan, command_id="c-1")

    assert before == world.snapshot("c-1")
