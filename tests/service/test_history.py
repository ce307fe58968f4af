"""How agreements stood at any instant, whom they name, the record for people outside, and whether it is intact."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datashare.codec import ExportFormat, decode_event
from datashare.domain.access import AccessMap
from datashare.domain.agreements import AgreementEnded, AgreementId, EndCause, Event
from datashare.domain.chain import Chain, GroupDigest
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import Capability
from datashare.domain.people import Permission, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, AsOf, NotRecorded
from datashare.domain.verification import FindingCode, Verification
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue, Refused
from datashare.testing import WrappedStore
from tests.world import (
    ACTIONS,
    ANA,
    BEN,
    CARYS,
    COUNCIL,
    FOREIGN,
    GENEROUS,
    HILDA,
    MAINTAINED,
    MIS,
    NIGHTLY,
    NO_APPROVER,
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
ZERO = timedelta(0)
TRUSTS, COUNCILS = AgreementId(TRUST, HILDA), AgreementId(COUNCIL, HILDA)


def shared_world() -> World:
    """Build a world in which St Hilda's was asked, approved a day later, and left the trust two days after that."""
    world = World(policies={TRUST: GENEROUS})
    (request,) = world.asked(HILDA)
    world.clock.move_on(DAY)
    world.school().approve(request)
    world.clock.move_on(DAY * 2)
    leave_trust(world, day=TODAY + DAY * 2)
    world.trust().record_visibility(command_id="leaves")
    return world


def council_shares(world: World) -> None:
    """Let the council ask for the highest level, and St Hilda's approve."""
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    world.school().approve(sent.requests[0], terms_version=TERMS.version)


def recorded(answer: AsOf) -> AgreementPeriod:
    """Return an answer that must be a period."""
    assert isinstance(answer, AgreementPeriod)
    return answer


@pytest.mark.rule("H1", "E6")
def test_the_periods_of_an_agreement_come_in_order() -> None:
    """Asked, in force, and hidden since the instant at which somebody recorded it, with the register's day."""
    asked, shared, hidden = shared_world().trust().timeline(HILDA)

    assert (NOW, NOW + DAY) == (asked.since, asked.until)
    assert (NOW + DAY, NOW + DAY * 3, MIS.capabilities) == (shared.since, shared.until, shared.capabilities)
    assert (None, MIS, frozenset()) == (hidden.until, hidden.level, hidden.capabilities)
    assert TODAY + DAY * 2 == hidden.agreement.hidden_since
    assert hidden.hidden_by is not None
    assert (HiddenBecause.NOT_LINKED,) == hidden.hidden_by.reasons
    assert () == shared_world().trust().timeline(OSCAR)


@pytest.mark.rule("H1")
def test_one_agreement_or_the_whole_group_is_answered() -> None:
    """At an instant and on a day, and nothing of another group."""
    world = shared_world()
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="c")
    trust = world.trust()
    asked, shared, hidden = trust.timeline(HILDA)

    assert asked == trust.as_of(NOW + DAY - TICK, HILDA)
    assert NotRecorded(agreement=TRUSTS, until=NOW) == trust.as_of(NOW - TICK, HILDA)
    assert (shared,) == trust.all_as_of(NOW + DAY)
    assert (shared, hidden) == trust.in_force_on(TODAY + DAY * 2)
    assert (shared,) == trust.shared_on(TODAY + DAY * 2, HILDA) == world.school().shared_on(TODAY + DAY * 2)
    assert () == trust.shared_on(TODAY - DAY, HILDA)


@pytest.mark.rule("H1", "A10", "A11")
def test_a_school_sees_what_every_group_could_see_on_a_day() -> None:
    """Each group that it shared with; an import may have been in force since its original day."""
    world = World()
    world.trust().import_agreements([imported(agreed_on=TODAY - DAY)], command_id="i")
    sent = world.council().request([HILDA], level=ACTIONS, terms=TERMS, command_id="c")
    days = [world.school().shared_on(TODAY - DAY * number) for number in (0, 1, 2)]
    world.school().approve(sent.requests[0], terms_version=TERMS.version)

    assert [[NotRecorded, AgreementPeriod], [NotRecorded], []] == [
        [type(answer) for answer in answers] for answers in days
    ]
    assert [COUNCIL, TRUST, TRUST] == [answer.agreement.group for answer in world.school().shared_on(TODAY)]
    assert () == world.school(OSCAR).shared_on(TODAY)


@pytest.mark.rule("P2")
def test_a_school_shows_only_what_the_groups_policy_lets_this_person_see() -> None:
    """A deputy to whom one group's policy shows requests sees that group's answers only, and may name only them."""
    deputies = {"deputy_head_teacher": {Permission.ADMINISTER_DATA_SHARING_REQUEST}}
    world = World(
        policies={TRUST: attrs.evolve(Policy.mat(), role_permissions={**GENEROUS.role_permissions, **deputies})}
    )
    world.approved(HILDA)
    council_shares(world)
    side, everything = world.school(actor=deputy()), world.school().shared_on(TODAY)

    assert [TRUSTS] == [recorded(answer).agreement.id for answer in side.shared_on(TODAY)]
    assert 2 == len(everything)
    with pytest.raises(InvalidValue, match="answers about agreements of this side; got 'la:870/100000'"):
        side.names(everything)


@pytest.mark.rule("H4")
def test_everybody_in_an_answer_is_named() -> None:
    """Name and id of each person, school and group, by one call for all people and one for all schools."""
    world, urns = large_world(7)
    world.approved(*urns)
    side = world.counted().for_group(TRUST, actor=ANA)
    answers = side.all_as_of(NOW)
    world.calls.clear()

    names = side.names(answers)

    assert (
        Counter({"institutions.group": 2, "institutions.institutions": 1, "people.people": 2, "store.group_history": 1})
        == world.calls
    )
    assert "MIS Data & Trust Actions" == names.level(ACTIONS, TRUST)
    assert "Siân Ana (mat:5143/ana)" == names.actor(ANA)
    assert f"Siân Head (urn:{urns[0]}/head)" == names.actor(head(urns[0]))
    assert f"School {urns[6]} ({urns[6]})" == names.school(urns[6])
    assert "Areté Learning Trust (mat:5143)" == names.group(TRUST)


@pytest.mark.rule("H1", "H4", "L3")
def test_a_school_names_people_and_levels_as_each_group_does() -> None:
    """The group's people and its own; an LA's level is an LA's, and a trust's a trust's."""
    world = World()
    world.approved(HILDA, level=ACTIONS)
    council_shares(world)
    side = world.school()
    answers = side.shared_on(TODAY)
    councils, trusts = (answer.in_words(side.names(answers)) for answer in answers)

    assert "MIS Data & Local Authority Actions was in force" in councils
    assert "MIS Data & Trust Actions was in force" in trusts
    assert "asked by Siân Ana (mat:5143/ana)" in trusts
    assert "approved by Siân Head (urn:100000/head)" in trusts


@pytest.mark.rule("H4", "V8")
def test_a_group_that_no_register_names_has_a_name_that_people_can_read() -> None:
    """Its kind and code, where no earlier register told its name."""
    world = World()
    world.approved(HILDA)
    (answer,) = world.school().shared_on(TODAY)

    names = World(store=world.store, groups=[]).school().names([answer])

    assert "Trust 5143 (mat:5143)" in answer.in_words(names)


@pytest.mark.rule("H4")
def test_only_answers_about_ones_own_agreements_are_named() -> None:
    """Nobody learns names by another group's agreement, or by something that is not an answer."""
    world = World()
    world.approved(HILDA)
    answers = world.trust().timeline(HILDA)

    with pytest.raises(InvalidValue, match="answers about agreements of this side"):
        world.council().names(answers)
    with pytest.raises(InvalidValue, match="answers about the past"):
        world.trust().names([*answers, "mat:5143/ana"])  # type: ignore[list-item]  # what is tested


@pytest.mark.rule("H4")
@pytest.mark.parametrize("about", [[], [OSCAR]], ids=["one-agreement", "several-agreements"])
def test_only_who_stands_in_the_record_is_named(about: list[int]) -> None:
    """An answer that somebody made up reveals nobody, of whatever site; systems are not looked up."""
    world = World()
    (request,) = world.trust().request([HILDA], level=MIS, recipients={HILDA: [deputy()]}, command_id="ask").requests
    world.school().approve(request)
    world.approved(*about, command_id="more")
    period = world.trust().timeline(HILDA)[-1]
    others = [answer for urn in about for answer in world.trust().timeline(urn)]
    teacher = PersonId(HILDA, "teacher")
    made_up = [
        attrs.evolve(
            period,
            ended=AgreementEnded(
                agreement=TRUSTS,
                sequence=3,
                at=NOW,
                actor=actor,
                command_id="e",
                cause=EndCause.BY_GROUP,
                request=None,
            ),
        )
        for actor in (CARYS, head(NO_APPROVER), teacher, BEN, NIGHTLY)
    ]

    for side in (world.trust(), world.school()):
        assert {ANA, head(), deputy()} == side.names(made_up).people.keys()
    assert {TRUST, HILDA, *about} == {who.site for who in world.trust().names([*made_up, *others]).people}
    assert {HILDA, *about} == world.trust().names([*made_up, *others]).schools.keys()


@pytest.mark.rule("H4")
@pytest.mark.parametrize("urns", [[FOREIGN], [FOREIGN, MAINTAINED]], ids=["one", "several"])
def test_a_school_without_a_record_is_not_named(urns: list[int]) -> None:
    """Whoever makes up that nothing is recorded about a school does not learn what it is called."""
    world = World()
    world.approved(HILDA)

    names = world.trust().names([NotRecorded(agreement=AgreementId(TRUST, urn)) for urn in urns])

    assert ({}, {}) == (names.people, names.schools)


@pytest.mark.rule("H1", "H2", "H4")
def test_the_past_is_answered_after_people_and_schools_have_gone() -> None:
    """Ids stay in answers and exports; people and schools are shown as gone, and no name or address is anywhere."""
    world = shared_world()
    before = world.trust().timeline(HILDA)
    for who in ("head", "deputy", "executive", "data"):
        world.people.remove(PersonId(HILDA, who))
    world.refresh(gone=tuple(world.schools), day=TODAY + DAY * 9)
    trust = world.trust()

    assert before == trust.timeline(HILDA)
    words = before[1].in_words(trust.names(before))
    assert "at URN 100000." in words
    assert "approved by a person no longer in the directory (urn:100000/head)" in words
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
        (event.agreement.urn, event.sequence) for event in written(None)
    ]
    assert list(world.events(HILDA)) == written(HILDA)
    assert [] == written(999_999)


@pytest.mark.rule("H2")
def test_a_groups_history_is_written_for_a_spreadsheet() -> None:
    """One row an event, with what people wrote, unless it is not wanted."""
    world = World()
    (request,) = world.asked(HILDA)
    world.school().decline(request, reason="=2+2, said Mr Ó Sé")

    def reasons(*, words: bool) -> list[str]:
        text = "".join(world.trust().export(ExportFormat.CSV, words=words))
        return [row["reason"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    assert ["", "'=2+2, said Mr Ó Sé"] == reasons(words=True)
    assert ["", ""] == reasons(words=False)


MAPPED = frozenset(Capability) - {Capability.LOG_IN_TO_SCHOOL}  # X3: not asked of a map


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
            case "leave" | "join" | "leave unrecorded" | "join unrecorded" | "record":
                if step != "record":
                    (leave_trust if step.startswith("leave") else join_trust)(world, urn, day=day)
                if not step.endswith("unrecorded"):
                    with suppress(Refused):  # the last register bears the day of a clock that was fast
                        trust.record_visibility(command_id=command_id, register_day=day)
            case _:
                world.clock.move_on(DAY * (40 if step == "wait long" else 3))
        self.seen.append((world.clock.instant, world.sharing.access(TRUST)))

    def settle(self, urn: int, command_id: str, *, approving: bool) -> None:
        """Answer the open request, if there is one that can be answered."""
        request = self.world.state(urn).request
        if request and approving and self.world.trust().why(urn).visible:
            with suppress(Refused):  # it has lapsed
                self.world.school(urn).approve(request.id, command_id=command_id)
        elif request and not approving:
            self.world.trust().withdraw([request.id], command_id=command_id)


STEPS = st.sampled_from(["ask", "raise", "approve", "withdraw", "end", "leave", "join", "wait", "wait long"])
LAPSES = [(step, HILDA) for step in ("ask", "approve", "leave", "wait long", "join", "ask", "approve")]


@pytest.mark.rule("H1", "X1", "X2", "X4")
@given(st.lists(st.tuples(STEPS, st.sampled_from([HILDA, OSCAR])), max_size=15))
@example(LAPSES)
def test_the_past_shows_what_access_there_was(steps: list[tuple[str, int]]) -> None:
    """If the register is recorded as it changes, the answer for an instant is what the map of access was then."""
    walk = Walk()
    for number, (step, urn) in enumerate(steps):
        walk.world.clock.move_on(TICK)
        walk.take(step, urn, number)

    trust = walk.world.trust()
    for when, access in walk.seen:
        together = {recorded(answer).agreement.urn: answer for answer in trust.all_as_of(when)}
        for urn in (HILDA, OSCAR):
            answer = trust.as_of(when, urn)
            period = answer if isinstance(answer, AgreementPeriod) else None
            assert period == together.get(urn)
            for capability in MAPPED:
                assert access.allows(urn, capability) is (period is not None and capability in period.capabilities)


FAST = DAY * 3_650
UNRECORDED = st.sampled_from(["leave unrecorded", "join unrecorded", "record", "fast"])


@pytest.mark.rule("H1", "X2", "X4")
@given(st.lists(st.tuples(st.one_of(STEPS, UNRECORDED), st.sampled_from([HILDA, OSCAR])), max_size=12))
@example([("ask", HILDA), ("approve", HILDA), ("leave unrecorded", HILDA)])
@example([("ask", HILDA), ("approve", HILDA), ("leave", HILDA), ("wait", HILDA), ("join unrecorded", HILDA)])
@example([("ask", HILDA), ("approve", HILDA), ("leave", HILDA), ("join unrecorded", HILDA), ("wait long", HILDA)])
@example([("fast", HILDA), ("ask", HILDA), ("fast", HILDA), ("approve", HILDA)])
@example([("ask", HILDA), ("approve", HILDA), ("leave unrecorded", HILDA), ("fast", HILDA), ("record", HILDA)])
def test_record_and_access_agree_at_the_present_instant(steps: list[tuple[str, int]]) -> None:
    """Whatever was recorded of the register, and whatever a clock showed that was ten years fast for a moment."""
    walk, fast = Walk(), False
    world, trust = walk.world, walk.world.trust()
    for number, (step, urn) in enumerate(steps):
        world.clock.move_on(TICK + (FAST if fast else ZERO))
        walk.take(step, urn, number)
        world.clock.move_on(-FAST if fast else ZERO)
        fast = step == "fast"

        now, access = world.clock.instant, world.sharing.access(TRUST)
        together = {answer.agreement.urn: answer for answer in map(recorded, trust.all_as_of(now))}
        for school in (HILDA, OSCAR):
            allowed = {capability for capability in MAPPED if access.allows(school, capability)}
            day = [answer for answer in trust.shared_on(london_day(now), school) if answer.includes(now)]
            in_force = [
                answer.capabilities
                for answer in map(recorded, trust.in_force_on(london_day(now)))
                if answer.agreement.urn == school and answer.includes(now)
            ]
            answers = [together.get(school), trust.as_of(now, school), *trust.timeline(school)[-1:]]
            periods = [answer for answer in answers if isinstance(answer, AgreementPeriod)]
            granted = {frozenset(period.capabilities & MAPPED) for period in periods}
            assert granted <= {frozenset(allowed)}
            assert bool(granted) or not allowed
            assert [allowed] * bool(allowed) == [recorded(answer).capabilities & MAPPED for answer in day]
            assert [allowed] * len(in_force) == [capabilities & MAPPED for capabilities in in_force]
            assert all(period.since <= now for period in trust.timeline(school))


class Tampered(WrappedStore):
    """A store in which somebody deleted the first event of every agreement, or set all hashes of one."""

    hash, only = "", 0

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            if not self.hash:
                yield attrs.evolve(chain, records=chain.records[1:])
            elif chain.agreement == AgreementId(TRUST, self.only):
                records = tuple(attrs.evolve(record, hash=self.hash) for record in chain.records)
                yield attrs.evolve(chain, records=records)
            else:
                yield chain


def approved_world() -> tuple[World, tuple[int, ...]]:
    """Return a trust that has asked seven schools, all of which have approved."""
    world, urns = large_world(7)
    world.approved(*urns)
    return world, urns


@pytest.mark.rule("H3")
def test_a_group_or_everything_is_verified() -> None:
    """Of one group its own agreements are checked, and without a group all."""
    world, _ = approved_world()
    whole = Verification(agreements=7, events=14, broken=0, findings=())

    assert whole == world.sharing.verify() == world.sharing.verify(TRUST)
    assert attrs.evolve(whole, agreements=0, events=0) == world.sharing.verify(COUNCIL)


@pytest.mark.rule("H3")
def test_each_damaged_agreement_is_named() -> None:
    """Each agreement that is not as it was written, with its first fault."""
    world, urns = approved_world()
    verification = world.over(Tampered(world.store)).verify(TRUST)

    assert [(AgreementId(TRUST, urn), 1, FindingCode.MISSING) for urn in sorted(urns)] == [
        (finding.agreement, finding.sequence, finding.code) for finding in verification.findings
    ]
    assert (7, False) == (verification.broken, verification.sound)


@pytest.mark.rule("H3")
def test_a_noted_digest_is_compared() -> None:
    """A digest that was noted outside is compared with what is there now; what happened since is right."""
    world, urns = approved_world()
    noted = world.sharing.digest(TRUST)
    world.approved(urns[0], level=ACTIONS, command_id="raise")

    assert (TRUST, NOW) == (noted.group, noted.at)
    assert [(urn, 2) for urn in sorted(urns)] == [(head.urn, head.version) for head in noted.heads]
    assert world.sharing.verify(TRUST, noted=noted).sound
    assert world.sharing.verify(noted=GroupDigest.parse(str(noted))).sound
    emptied = World().sharing.verify(TRUST, noted=noted)
    assert {FindingCode.NOT_AS_NOTED} == {finding.code for finding in emptied.findings}
    assert (0, 7) == (emptied.agreements, emptied.broken)


@pytest.mark.rule("H3")
def test_verifying_and_noting_cost_one_call() -> None:
    """Whatever the number of schools."""
    world, urns = large_world(70)
    world.approved(*urns)
    sharing = world.counted()

    assert 70 == sharing.verify(TRUST).agreements == len(sharing.digest(TRUST).heads)
    assert Counter({"store.chains": 2}) == world.calls
