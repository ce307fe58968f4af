"""How agreements stood at any instant, who they name, and the record for people outside (rules H1, H2, H4)."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.codec import ExportFormat, decode_event
from datashare.domain.access import AccessMap
from datashare.domain.agreements import AgreementId, Basis, EndCause, Event, State
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import Capability
from datashare.domain.people import Permission, PersonId
from datashare.domain.policy import Policy
from datashare.domain.timeline import AgreementPeriod, Asked, NotRecorded
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue, NotPermitted
from tests.world import (
    ACTIONS,
    ANA,
    CARYS,
    COUNCIL,
    GENEROUS,
    HILDA,
    MIS,
    NIGHTLY,
    NOW,
    OSCAR,
    TERMS,
    TODAY,
    TRUST,
    World,
    deputy,
    head,
    imported,
    join_trust,
    large_world,
    leave_trust,
)

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
OF_A_GROUP = frozenset(Capability) - {Capability.LOG_IN_TO_SCHOOL}
"""What can be asked of a group's map of access (X3)."""


def shared_world() -> World:
    """Make a world in which St Hilda's was asked, approved a day later, and left the trust two days after that."""
    world = World(policies={TRUST: GENEROUS})
    (request,) = world.asked(HILDA)
    world.clock.move_on(DAY)
    world.school().approve(request)
    world.clock.move_on(DAY * 2)
    leave_trust(world, day=TODAY + DAY * 2)
    world.trust().record_visibility(command_id="leaves")
    return world


def forget_everybody(world: World) -> None:
    """Take everybody but the data lead from the directory, and every school from the register."""
    for urn in (HILDA, OSCAR):
        for who in ("head", "deputy", "executive", "data"):
            world.people.remove(PersonId(urn, who))
    world.refresh(gone=tuple(world.schools), day=TODAY + DAY * 9)


def stood(found: object) -> AgreementPeriod:
    """Give what must be recorded."""
    assert isinstance(found, AgreementPeriod)
    return found


@pytest.mark.rule("H1", "E6")
def test_the_stretches_of_an_agreement_are_told_in_order() -> None:
    """Asked, in force, and hidden since the instant at which somebody recorded it, with the register's day."""
    asked, shared, hidden = shared_world().trust().timeline(HILDA)

    assert (NOW, NOW + DAY) == (asked.since, asked.until)
    assert (NOW + DAY, NOW + DAY * 3, MIS.capabilities) == (shared.since, shared.until, shared.capabilities)
    assert (None, MIS, frozenset()) == (hidden.until, hidden.level, hidden.capabilities)
    assert (TODAY + DAY * 2, (HiddenBecause.NOT_LINKED,)) == (hidden.hidden_since, hidden.hidden_because)
    assert () == shared_world().trust().timeline(OSCAR)


@pytest.mark.rule("H1")
def test_an_instant_of_the_past_is_answered_with_everybodys_word() -> None:
    """What could be done then, by which request, asked by whom, approved by whom, on which terms."""
    world = World()
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    world.school().approve(sent.requests[0], terms_version=TERMS.version)
    world.clock.move_on(DAY)
    found = world.council().as_of(NOW, HILDA)

    assert isinstance(found, AgreementPeriod)
    assert (ACTIONS.capabilities, sent.requests[0]) == (found.capabilities, found.by_request)
    assert (CARYS, head(), TERMS) == (found.asked_by, found.approved_by, found.terms)
    assert NotRecorded(agreement=AgreementId(COUNCIL, HILDA), until=NOW) == world.council().as_of(NOW - TICK, HILDA)
    assert NotRecorded(agreement=AgreementId(TRUST, HILDA)) == world.trust().as_of(NOW, HILDA)


@pytest.mark.rule("H1")
def test_the_present_instant_is_answered_as_the_agreement_stands() -> None:
    """As of now is what the store holds now."""
    world = shared_world()
    found, state = world.trust().as_of(world.clock.now(), HILDA), world.state()

    assert isinstance(found, AgreementPeriod)
    assert (state.in_force, state.state, state.hidden_since) == (found.in_force, found.state, found.hidden_since)


@pytest.mark.rule("A10", "H1")
def test_before_an_import_the_answer_is_not_recorded_here() -> None:
    """Nor is it said for the whole group, that nothing was in force there."""
    world = World()
    world.trust().import_agreements([imported()], command_id="i")
    found = world.trust().as_of(NOW - DAY, HILDA)
    since = world.trust().as_of(NOW, HILDA)

    assert NotRecorded(agreement=AgreementId(TRUST, HILDA), until=NOW, agreed_on=date(2024, 2, 29)) == found
    assert isinstance(since, AgreementPeriod)
    assert (Basis.IMPORTED, None, ANA) == (since.basis, since.approved_by, since.recorded_by)
    assert (imported().approver, imported().evidence) == (since.approver, since.evidence)
    assert (found,) == world.trust().all_as_of(NOW - DAY) == world.trust().in_force_on(TODAY - DAY)
    assert (found,) == world.trust().shared_on(TODAY - DAY, HILDA)


@pytest.mark.rule("H1")
def test_a_whole_group_is_answered_by_urn() -> None:
    """Every agreement whose record had begun, nothing of another group."""
    world = World()
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="c")
    world.approved(OSCAR, command_id="first")
    world.clock.move_on(DAY)
    world.approved(HILDA, command_id="second")
    found = [(one.agreement, stood(one).level) for one in world.trust().all_as_of(NOW + DAY)]

    assert [(AgreementId(TRUST, HILDA), MIS), (AgreementId(TRUST, OSCAR), MIS)] == found
    assert [OSCAR] == [one.agreement.urn for one in world.trust().all_as_of(NOW)]


@pytest.mark.rule("H1")
def test_what_was_in_force_on_a_day_is_listed() -> None:
    """At any time of London's day, hidden or not; a level that was raised in its course stands there twice."""
    world = shared_world()
    days = {day: world.trust().in_force_on(day) for day in (TODAY - DAY, TODAY, TODAY + DAY, TODAY + DAY * 2)}

    assert [0, 1, 1, 2] == [len(found) for found in days.values()]
    assert [MIS.capabilities, frozenset()] == [stood(one).capabilities for one in days[TODAY + DAY * 2]]

    world = World()
    world.approved(HILDA)
    world.approved(HILDA, level=ACTIONS, command_id="raise")
    world.clock.move_on(DAY * 20)
    assert [ACTIONS] == [stood(one).level for one in world.trust().in_force_on(TODAY)]


@pytest.mark.rule("H1")
def test_a_day_begins_and_ends_in_london() -> None:
    """On the day that lasts 25 hours, what ended as it began is not listed, and what began as it ended neither."""
    world = World(policies={TRUST: GENEROUS})
    world.clock.instant = pendulum.datetime(2026, 10, 24, 12)
    world.approved(HILDA)
    world.clock.instant = pendulum.datetime(2026, 10, 24, 23)
    world.trust().end([HILDA], cause=EndCause.BY_GROUP, note="Over.", command_id="end")
    world.clock.instant = pendulum.datetime(2026, 10, 25, 23, 59, 59, 999_999)
    world.approved(OSCAR, command_id="late")
    world.clock.instant = pendulum.datetime(2026, 10, 26)
    world.approved(HILDA, command_id="next")
    listed = {day: world.trust().in_force_on(date(2026, 10, day)) for day in (24, 25, 26)}

    assert [[HILDA], [OSCAR], [HILDA, OSCAR]] == [[one.agreement.urn for one in found] for found in listed.values()]


ABOUT_THE_FUTURE: dict[str, Callable[[World], object]] = {
    "as_of": lambda world: world.trust().as_of(world.clock.instant + TICK, HILDA),
    "all_as_of": lambda world: world.trust().all_as_of(world.clock.instant + TICK),
    "in_force_on": lambda world: world.trust().in_force_on(TODAY + DAY),
    "shared_on": lambda world: world.trust().shared_on(TODAY + DAY, HILDA),
    "shared_on_school": lambda world: world.school().shared_on(TODAY + DAY),
}


@pytest.mark.rule("H1")
@pytest.mark.parametrize("name", ABOUT_THE_FUTURE)
def test_no_record_tells_of_what_is_to_come(name: str) -> None:
    """A question about a later instant, or a day after today in London, is refused, not answered as it stands now."""
    world = World()
    world.approved(HILDA)

    with pytest.raises(InvalidValue, match=r"not to come|a day before it"):
        ABOUT_THE_FUTURE[name](world)


@pytest.mark.rule("H1", "A11")
def test_a_school_is_told_what_every_group_could_see_on_a_day() -> None:
    """Each group that it shared with, by whose word; a group that had only asked is left out."""
    world = World()
    world.approved(HILDA)
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    world.clock.move_on(DAY * 2)
    world.school().approve(sent.requests[0], terms_version=TERMS.version)
    first, second = (world.school().shared_on(TODAY + DAY * number) for number in (0, 1))

    assert [AgreementId(TRUST, HILDA)] == [one.agreement for one in first]
    assert [AgreementId(COUNCIL, HILDA), AgreementId(TRUST, HILDA)] == [one.agreement for one in second]
    assert () == world.school(OSCAR).shared_on(TODAY)
    assert () == world.school().shared_on(TODAY - DAY)


@pytest.mark.rule("H1")
def test_a_group_is_told_what_it_could_see_of_a_school_on_a_day() -> None:
    """The same as the school is told, of this group alone; hidden, it could see nothing."""
    world = shared_world()
    world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    days = [TODAY + DAY * number for number in (-1, 0, 1, 2)]
    told = [world.trust().shared_on(day, HILDA) for day in days]

    assert [0, 1, 1, 1] == [len(found) for found in told]
    assert told == [world.school().shared_on(day) for day in days]
    world.clock.move_on(DAY)
    assert () == world.trust().shared_on(TODAY + DAY * 3, HILDA)
    assert () == world.trust().shared_on(TODAY, OSCAR)


@pytest.mark.rule("A10", "H1")
def test_a_school_is_told_that_an_imported_agreement_is_not_recorded_here() -> None:
    """From its original day to the import it may have been in force; before that day nobody says so."""
    world = World()
    world.trust().import_agreements([imported(agreed_on=TODAY - DAY)], command_id="i")
    told = [world.school().shared_on(TODAY - DAY * number) for number in (0, 1, 2)]

    assert [[NotRecorded, AgreementPeriod], [NotRecorded], []] == [[type(one) for one in found] for found in told]


@pytest.mark.rule("P2")
def test_a_school_shows_only_what_the_groups_policy_lets_this_person_see() -> None:
    """Where one group's policy lets deputies see requests, they are told of that group alone, and may name it alone."""
    deputies = {"deputy_head_teacher": {Permission.ADMINISTER_DATA_SHARING_REQUEST}}
    world = World(
        policies={TRUST: attrs.evolve(Policy.mat(), role_permissions={**GENEROUS.role_permissions, **deputies})}
    )
    world.approved(HILDA)
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    world.school().approve(sent.requests[0], terms_version=TERMS.version)
    side, everything = world.school(actor=deputy()), world.school().shared_on(TODAY)

    assert [AgreementId(TRUST, HILDA)] == [one.agreement for one in side.shared_on(TODAY)]
    assert 2 == len(everything)
    with pytest.raises(InvalidValue, match="answers about agreements of this side; got 'la:870/100000'"):
        side.names(everything)


@pytest.mark.rule("H4")
def test_those_whom_an_answer_names_are_named() -> None:
    """Name and id of each person, school and group, by one call for all people and one for all schools."""
    world, urns = large_world(7)
    world.approved(*urns)
    side = world.counted().for_group(TRUST, actor=ANA)
    answers = side.all_as_of(NOW)
    world.calls.clear()

    names = side.names(answers)

    assert Counter({"institutions.group": 2, "institutions.institutions": 1, "people.people": 2}) == world.calls
    assert "MIS Data & Trust Actions" == names.level(ACTIONS, TRUST)
    assert "Siân Ana (mat:5143/ana)" == names.actor(ANA)
    assert f"Siân Head (urn:{urns[0]}/head)" == names.actor(head(urns[0]))
    assert f"School {urns[6]} ({urns[6]})" == names.school(urns[6])
    assert "Areté Learning Trust (mat:5143)" == names.group(TRUST)


@pytest.mark.rule("H4")
def test_a_school_names_those_whom_its_answers_name() -> None:
    """The group's people and its own."""
    world = World()
    world.approved(HILDA)
    side = world.school()
    (answer,) = side.shared_on(TODAY)

    told = answer.told(side.names([answer]))

    assert "Areté Learning Trust (mat:5143) could view" in told
    assert "asked by Siân Ana (mat:5143/ana)" in told
    assert "approved by Siân Head (urn:100000/head)" in told


@pytest.mark.rule("H4")
def test_only_answers_about_ones_own_are_named() -> None:
    """Nobody learns names by way of another group's agreement, or of something that is no answer."""
    world = World()
    world.approved(HILDA)
    answers = world.trust().timeline(HILDA)

    with pytest.raises(InvalidValue, match="answers about agreements of this side"):
        world.council().names(answers)
    with pytest.raises(InvalidValue, match="answers about the past"):
        world.trust().names([*answers, "mat:5143/ana"])  # type: ignore[list-item]  # what is tested


@pytest.mark.rule("H4")
def test_nobody_of_another_site_is_named() -> None:
    """An answer that somebody made up finds out the name of nobody but the two sites' own people."""
    world = World()
    world.approved(HILDA)
    (*_, found) = world.trust().timeline(HILDA)
    made_up = [attrs.evolve(found, ended_by=who) for who in (CARYS, head(OSCAR), head(), ANA, deputy())]

    names = world.trust().names(made_up)

    assert {ANA, head(), deputy()} <= names.people.keys()
    assert {TRUST, HILDA} == {who.site for who in names.people}


@pytest.mark.rule("H4")
def test_a_system_in_an_answer_is_nobody_to_look_up() -> None:
    """Its name stands in the record; the directory is asked for people alone."""
    world = World()
    world.approved(HILDA)
    (*_, found) = world.trust().timeline(HILDA)
    by_a_system = attrs.evolve(found, in_force=None, accepted=None, ended=EndCause.SCHOOL_CLOSED, ended_by=NIGHTLY)

    told = by_a_system.told(world.trust().names([by_a_system]))

    assert f"ended by {NIGHTLY.name} (school closed)" in told


@pytest.mark.rule("H1", "L3")
def test_levels_are_worded_as_the_groups_policy_words_them() -> None:
    """An LA's level is an LA's, and a trust's a trust's, to the group and to the school."""
    world = World()
    world.approved(HILDA, level=ACTIONS)
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    world.school().approve(sent.requests[0], terms_version=TERMS.version)
    side = world.school()
    answers = side.shared_on(TODAY)
    councils, trusts = (one.told(side.names(answers)) for one in answers)
    (asked, *_) = world.council().timeline(HILDA)

    assert "MIS Data & Local Authority Actions was in force" in councils
    assert "MIS Data & Trust Actions was in force" in trusts
    assert "MIS Data & Local Authority Actions" in asked.told(world.council().names([asked]))


@pytest.mark.rule("H1", "H2", "H4")
def test_the_past_is_told_after_people_and_schools_have_gone() -> None:
    """Ids stay in answers and exports; people and schools are shown as gone, and no name or address is anywhere."""
    world = shared_world()
    before = world.trust().timeline(HILDA)
    forget_everybody(world)
    trust = world.trust()

    assert before == trust.timeline(HILDA)
    assert before[:2] == trust.all_as_of(NOW) + trust.all_as_of(NOW + DAY)
    assert [before[1]] == list(trust.in_force_on(TODAY + DAY))
    told = before[1].told(trust.names(before))
    assert "at URN 100000." in told
    assert "approved by a person no longer in the directory (urn:100000/head)" in told
    for form in ExportFormat:
        written = "".join(trust.export(form))
        assert "urn:100000/head" in written
        assert not any(word in written for word in ("Siân", ".example", "St Hilda", "Areté"))


@pytest.mark.rule("H2")
def test_a_groups_history_is_written_by_instant_urn_and_sequence() -> None:
    """The whole of it, in its order; or that of one agreement."""
    world = World()
    world.approved(OSCAR, HILDA)
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="c")
    trust = world.trust()

    def written(urn: int | None) -> list[Event]:
        return [decode_event(line) for line in trust.export(ExportFormat.JSON_LINES, urn=urn)]

    assert list(world.store.group_history(TRUST)) == written(None)
    assert [(HILDA, 1), (HILDA, 2), (OSCAR, 1), (OSCAR, 2)] == [
        (one.agreement.urn, one.sequence) for one in written(None)
    ]
    assert list(world.events(HILDA)) == written(HILDA)
    assert [] == written(999_999)


@pytest.mark.rule("H2")
def test_a_groups_history_is_written_for_a_spreadsheet() -> None:
    """One row an event, what people wrote included, unless it is not wanted."""
    world = World()
    (request,) = world.asked(HILDA)
    world.school().decline(request, reason="=2+2, said Mr Ó Sé")

    def rows(*, words: bool) -> list[dict[str, str]]:
        text = "".join(world.trust().export(ExportFormat.CSV, words=words))
        return list(csv.DictReader(io.StringIO(text, newline="")))

    assert [("request_sent", ""), ("request_declined", "'=2+2, said Mr Ó Sé")] == [
        (row["event"], row["reason"]) for row in rows(words=True)
    ]
    assert ["", ""] == [row["reason"] for row in rows(words=False)]


@pytest.mark.rule("P12")
def test_an_export_is_refused_before_a_line_is_taken() -> None:
    """Who may not read gets the refusal from the call itself, not from the first line."""
    with pytest.raises(NotPermitted):
        World().trust(CARYS).export(ExportFormat.CSV)


steps = st.sampled_from(["ask", "raise", "approve", "withdraw", "end", "leave", "join", "wait", "wait long"])


class Walk:
    """What a trust and two schools do, the register being recorded at once whenever it changes."""

    def __init__(self) -> None:
        self.world = World(policies={TRUST: GENEROUS})
        self.seen: list[tuple[Instant, AccessMap]] = []

    def take(self, step: str, urn: int, number: int) -> None:
        """Do one thing, or be refused; then take down what access there is at this instant."""
        trust, world, command_id = self.world.trust(), self.world, f"c-{number}"
        day = london_day(world.clock.instant)
        match step:
            case "ask" | "raise":
                trust.request([urn], level=MIS if step == "ask" else ACTIONS, command_id=command_id)
            case "approve" | "withdraw":
                self.settle(urn, command_id, approving=step == "approve")
            case "end":
                trust.end([urn], cause=EndCause.BY_GROUP, note="Over.", command_id=command_id)
            case "leave" | "join":
                (leave_trust if step == "leave" else join_trust)(world, urn, day=day)
                trust.record_visibility(command_id=command_id)
            case _:
                world.clock.move_on(DAY * (40 if step == "wait long" else 3))
        self.seen.append((world.clock.instant, world.sharing.access(TRUST)))

    def settle(self, urn: int, command_id: str, *, approving: bool) -> None:
        """Answer the open request, if there is one that can be answered."""
        request = self.world.state(urn).request
        visible = self.world.trust().why(urn).visible
        if request and approving and visible:
            self.world.school(urn).approve(request.id, command_id=command_id)
        elif request and not approving:
            self.world.trust().withdraw([request.id], command_id=command_id)


@pytest.mark.rule("H1", "X1", "X2", "X4")
@given(st.lists(st.tuples(steps, st.sampled_from([HILDA, OSCAR])), max_size=15))
def test_the_past_tells_what_access_there_was(taken: list[tuple[str, int]]) -> None:
    """Where the register was recorded as it changed, each instant's answer is what the map of access said then."""
    walk = Walk()
    for number, (step, urn) in enumerate(taken):
        walk.world.clock.move_on(TICK)
        walk.take(step, urn, number)

    trust = walk.world.trust()
    for when, access in walk.seen:
        together = {one.agreement.urn: one for one in trust.all_as_of(when)}
        for urn in (HILDA, OSCAR):
            found = trust.as_of(when, urn)
            recorded = isinstance(found, AgreementPeriod)
            assert (found if recorded else None) == together.get(urn)
            had = found.capabilities if isinstance(found, AgreementPeriod) else frozenset()
            assert {
                one for one in Capability if one is not Capability.LOG_IN_TO_SCHOOL and access.allows(urn, one)
            } == (had - {Capability.LOG_IN_TO_SCHOOL})


@pytest.mark.rule("H1", "X2")
def test_a_walk_through_a_lapse_is_told_as_access_was() -> None:
    """The walk above reaches what matters: shared, hidden, lapsed, and shared again by a new request."""
    walk = Walk()
    for number, step in enumerate(["ask", "approve", "leave", "wait long", "join", "ask", "approve"]):
        walk.world.clock.move_on(TICK)
        walk.take(step, HILDA, number)
    found = walk.world.trust().timeline(HILDA)

    assert [False, True, False, False, False, True] == [bool(one.capabilities) for one in found]
    assert [State.PENDING, State.APPROVED, State.APPROVED, State.APPROVED, State.UPGRADING, State.APPROVED] == [
        one.state for one in found
    ]
    assert [False, True, False, False, False, False, True] == [
        access.allows(HILDA, Capability.VIEW_MIS_DATA) for _, access in walk.seen
    ]
    assert isinstance(found[0].request, Asked)
