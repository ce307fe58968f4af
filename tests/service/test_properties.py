"""Random actions of random people at random instants, and what always holds."""

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from datashare.domain.agreements.commands import ALL, EndCause, Recipients, WithRoles
from datashare.domain.agreements.events import Event, RecipientsAdded, ReminderSent, RequestSent
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId
from datashare.domain.agreements.state import Agreement, Tab
from datashare.domain.instants import london_day
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import BusinessRole, PersonId
from datashare.domain.register import EstablishmentStatus, GroupId, TrustLink
from datashare.errors import DatashareError, Refused
from datashare.ports import readable
from datashare.service import Done, GroupActions, Outcome, Outcomes, SchoolSide
from tests.world import (
    ANA,
    BEN,
    CARYS,
    CLOSED,
    COUNCIL,
    GENEROUS,
    HILDA,
    MAINTAINED,
    NIGHTLY,
    NO_APPROVER,
    OSCAR,
    OTTO,
    SITELESS,
    TERMS,
    TODAY,
    TRUST,
    UNKNOWN,
    Snapshot,
    World,
    assert_sound,
    deputy,
    head,
    imported,
    person,
)

URNS = (HILDA, OSCAR, SITELESS, CLOSED, NO_APPROVER, MAINTAINED, UNKNOWN)
MOVING = (HILDA, OSCAR, CLOSED, NO_APPROVER)
OPEN = {EstablishmentStatus.OPEN, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE}
OF_A_GROUP = sorted(set(Capability) - {Capability.LOG_IN_TO_SCHOOL}, key=str)
ELIGIBLE_ROLES = {"executive_head_teacher", "head_teacher", "deputy_head_teacher", "data_manager"}

selections = st.lists(st.sampled_from(URNS), max_size=4)
levels = st.sampled_from(AccessLevel)
groups = st.sampled_from([TRUST, TRUST, COUNCIL])
actors = st.sampled_from([ANA, ANA, ANA, CARYS, CARYS, BEN, OTTO, NIGHTLY, head(HILDA)])
answering = st.sampled_from([head(HILDA), head(OSCAR), deputy(HILDA), head(MAINTAINED), ANA])
choices = st.sampled_from([ALL, WithRoles({BusinessRole.HEAD_TEACHER}), WithRoles({BusinessRole.DATA_MANAGER})])
command_ids = st.sampled_from([f"c-{number}" for number in range(40)])
stretches = st.sampled_from(
    [timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=31), timedelta(minutes=-5)]
)

Act = Callable[[GroupActions[Outcomes]], Outcomes]


@attrs.frozen
class Answer:
    """The answer or the error of a call, to compare two calls."""

    outcomes: Outcomes | None
    error: tuple[type, object] | None


def answer_of(call: Callable[[], Outcomes]) -> Answer:
    """Return what a call answers or raises."""
    try:
        return Answer(call(), None)
    except Refused as refused:
        return Answer(None, (type(refused), refused.reasons))
    except DatashareError as error:
        return Answer(None, (type(error), str(error)))


class Sharing(RuleBasedStateMachine):
    """The service over the ports in memory, used by anybody in any order."""

    @initialize()
    def begin(self) -> None:
        self.world = World(policies={TRUST: GENEROUS})
        self.past: list[tuple[GroupId, Actor, str, Act, tuple[Done, ...]]] = []
        self.histories: dict[AgreementId, tuple[Event, ...]] = {}
        self.day = TODAY

    # -- what people do ------------------------------------------------------------------------------------------

    @rule(
        group=groups,
        actor=actors,
        urns=selections,
        level=levels,
        chosen=choices,
        terms=st.booleans(),
        command_id=command_ids,
    )
    def request(
        self,
        *,
        group: GroupId,
        actor: PersonId,
        urns: list[int],
        level: AccessLevel,
        chosen: Recipients,
        terms: bool,
        command_id: str,
    ) -> None:
        carried = TERMS if terms or group == COUNCIL else None
        sender = CARYS if group == COUNCIL else ANA
        self.act(
            group,
            actor,
            command_id,
            lambda side: side.request(
                urns, level=level, sender=sender, recipients=chosen, terms=carried, command_id=command_id
            ),
        )

    @rule(actor=actors, command_id=command_ids, chosen=choices, data=st.data())
    def add(self, actor: PersonId, command_id: str, chosen: Recipients, data: st.DataObject) -> None:
        named = self.requests(data)
        self.act(
            TRUST, actor, command_id, lambda side: side.add_recipients(named, recipients=chosen, command_id=command_id)
        )

    @rule(actor=actors, command_id=command_ids, data=st.data())
    def remind(self, actor: PersonId, command_id: str, data: st.DataObject) -> None:
        named = self.requests(data)
        self.act(TRUST, actor, command_id, lambda side: side.remind(named, command_id=command_id))

    @rule(actor=actors, command_id=command_ids, data=st.data())
    def withdraw(self, actor: PersonId, command_id: str, data: st.DataObject) -> None:
        named = self.requests(data)
        self.act(TRUST, actor, command_id, lambda side: side.withdraw(named, command_id=command_id))

    @rule(actor=actors, urns=selections, level=levels, command_id=command_ids)
    def record(self, actor: PersonId, urns: list[int], level: AccessLevel, command_id: str) -> None:
        self.act(
            TRUST,
            actor,
            command_id,
            lambda side: side.record_approval(urns, level=level, basis="Minute 7", command_id=command_id),
        )

    @rule(group=groups, actor=actors, urns=selections, level=levels, command_id=command_ids)
    def bring_in(self, group: GroupId, actor: PersonId, urns: list[int], level: AccessLevel, command_id: str) -> None:
        agreements = [imported(urn, level) for urn in urns]
        self.act(group, actor, command_id, lambda side: side.import_agreements(agreements, command_id=command_id))

    @rule(group=groups, actor=actors, urns=selections, cause=st.sampled_from(EndCause), command_id=command_ids)
    def end(self, group: GroupId, actor: PersonId, urns: list[int], cause: EndCause, command_id: str) -> None:
        self.act(
            group, actor, command_id, lambda side: side.end(urns, cause=cause, note="Over.", command_id=command_id)
        )

    @rule(group=groups, actor=actors, command_id=command_ids)
    def record_visibility(self, group: GroupId, actor: PersonId, command_id: str) -> None:
        self.act(group, actor, command_id, lambda side: side.record_visibility(command_id=command_id), repeatable=False)

    @precondition(lambda self: any(agreement.request for agreement in self.standing()))
    @rule(actor=answering, approving=st.booleans(), data=st.data())
    def answer(self, actor: PersonId, approving: bool, data: st.DataObject) -> None:
        asked = [agreement.request for agreement in self.standing() if agreement.request]
        request = data.draw(st.sampled_from(asked))
        version = request.terms.version if request.terms else None
        school = self.world.sharing.for_school(request.id.urn, actor=actor)

        def press(side: SchoolSide) -> Outcomes:
            if approving:
                return Outcomes([side.approve(request.id, terms_version=version)])
            return Outcomes([side.decline(request.id, reason="No.")])

        before = self.snapshot()
        first = answer_of(lambda: press(school))
        between = self.snapshot()
        again = answer_of(lambda: press(school))
        assert (before == between) == (first.error is not None)
        assert between == self.snapshot()
        assert first.error == again.error
        self.new_events_are_fit()

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def repeat_later(self, data: st.DataObject) -> None:
        group, actor, command_id, act, done = data.draw(st.sampled_from(self.past))
        before = {outcome.agreement: self.under(outcome.agreement, command_id) for outcome in done}
        answer = answer_of(lambda: act(self.world.sharing.for_group(group, actor=actor)))
        assert before == {key: self.under(key, command_id) for key in before}
        if answer.outcomes is not None:
            replayed = {(outcome.agreement, outcome.events) for outcome in answer.outcomes.done if outcome.replayed}
            assert {(outcome.agreement, outcome.events) for outcome in done} <= replayed
        self.new_events_are_fit()

    # -- what happens around them --------------------------------------------------------------------------------

    @rule(by=stretches)
    def pass_time(self, by: timedelta) -> None:
        self.world.clock.instant += by

    @rule(
        urn=st.sampled_from(MOVING),
        linked=st.booleans(),
        status=st.sampled_from([EstablishmentStatus.OPEN, *EstablishmentStatus]),
    )
    def refresh(self, urn: int, linked: bool, status: EstablishmentStatus) -> None:
        self.world.clock.move_on(timedelta(days=1))
        self.day = max(self.day, london_day(self.world.clock.instant))
        trusts = (TrustLink(TRUST.code),) if linked else ()
        changed = attrs.evolve(self.world.schools[urn], trusts=trusts, status=status)
        self.world.refresh(changed, day=self.day)

    @rule(who=st.sampled_from([head(HILDA), deputy(HILDA), head(OSCAR)]), mode=st.integers(0, 3))
    def change_people(self, who: PersonId, mode: int) -> None:
        role = BusinessRole.HEAD_TEACHER if who.id == "head" else BusinessRole.DEPUTY_HEAD_TEACHER
        match mode:
            case 0:
                self.world.people.remove(who)
            case 1:
                self.world.people.put(person(who, role, email=None))
            case 2:
                self.world.people.put(person(who, "teacher"))
            case _:
                self.world.people.put(person(who, role))

    # -- how each action is tried --------------------------------------------------------------------------------

    def act(self, group: GroupId, actor: Actor, command_id: str, act: Act, *, repeatable: bool = True) -> None:
        """Preview, do and repeat an action: the preview equals its effect, the repetition changes nothing."""
        side = self.world.sharing.for_group(group, actor=actor)
        before = self.snapshot(command_id)
        preview = answer_of(lambda: act(side.preview))
        assert before == self.snapshot(command_id)
        answer = answer_of(lambda: act(side))
        assert preview == answer
        after = self.snapshot(command_id)
        changed = [outcome for outcome in (answer.outcomes or ()) if self.changes(outcome)]
        assert (before.histories != after.histories) == bool(changed)
        again = answer_of(lambda: act(side))
        assert after == self.snapshot(command_id)
        assert answer.error == again.error
        for first, second in zip(answer.outcomes or (), again.outcomes or (), strict=True):
            if isinstance(first, Done) and isinstance(second, Done):
                assert first.events == second.events
        self.new_events_are_fit()
        if answer.outcomes is not None and repeatable:
            done = tuple(outcome for outcome in answer.outcomes.done if outcome.events)
            self.past.append((group, actor, command_id, act, done))

    @staticmethod
    def changes(outcome: Outcome) -> bool:
        return isinstance(outcome, Done) and bool(outcome.events) and not outcome.replayed

    def snapshot(self, *command_ids: str) -> Snapshot:
        return self.world.snapshot(*command_ids)

    def standing(self) -> list[Agreement]:
        return [agreement for group in (TRUST, COUNCIL) for agreement in readable(self.world.store.states(group))]

    def under(self, key: AgreementId, command_id: str) -> list[Event]:
        return [event for event in self.world.store.history(key) if event.command_id == command_id]

    def requests(self, data: st.DataObject) -> list[RequestId]:
        """Draw open requests, closed ones and ones that never were."""
        known = [RequestId(AgreementId(TRUST, HILDA), 1), RequestId(AgreementId(COUNCIL, HILDA), 1)]
        for agreement in readable(self.world.store.states(TRUST)):
            known += [closed.id for closed in agreement.closed]
            known += [agreement.request.id] * 3 if agreement.request else []
        return data.draw(st.lists(st.sampled_from(known), max_size=3))

    def new_events_are_fit(self) -> None:
        """Check what was newly asked against the people of this very moment, and that nothing old was touched."""
        for state in self.standing():
            events = tuple(self.world.store.history(state.id))
            old = self.histories.get(state.id, ())
            assert old == events[: len(old)]
            for event in events[len(old) :]:
                if isinstance(event, RequestSent | RecipientsAdded | ReminderSent):
                    self.recipients_are_eligible(state.urn, event.recipients)
            self.histories[state.id] = events

    def recipients_are_eligible(self, urn: int, recipients: tuple[PersonId, ...]) -> None:
        known = self.world.people.people(recipients)
        assert recipients
        assert len(set(recipients)) == len(recipients)
        for who in recipients:
            assert urn == who.site
            assert known[who].address
            assert ELIGIBLE_ROLES & known[who].current_roles(
                self.world.clock.instant.in_timezone("Europe/London").date()
            )

    # -- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def states_are_the_folds_of_their_events(self) -> None:
        assert_sound(self.world)

    @invariant()
    def whats_listed_is_linked_and_open(self) -> None:
        rows = self.world.trust().browse().items
        for row in rows:
            register = self.world.schools[row.urn]
            assert register.status in OPEN
            assert TRUST.code in {link.uid for link in register.trusts}
        in_tabs = {row.urn for tab in Tab for row in self.world.trust().agreements(tab)}
        hidden = {entry.agreement.urn for entry in self.world.trust().no_longer_visible()}
        assert {row.urn for row in rows} == in_tabs
        assert not in_tabs & hidden
        states = readable(self.world.store.states(TRUST))
        assert {agreement.urn for agreement in states if agreement.stands} <= in_tabs | hidden

    @invariant()
    def one_school_is_answered_as_all_are(self) -> None:
        sharing = self.world.sharing
        for group in (TRUST, COUNCIL):
            access, known = sharing.access(group), {state.urn for state in readable(self.world.store.states(group))}
            linked = {institution.urn for institution in self.world.institutions.linked(group)}
            for urn, capability in zip(URNS, cycle(OF_A_GROUP), strict=False):
                answer = sharing.explain(group, urn, capability)
                assert access.allows(urn, capability) == answer.allowed
                if urn in known | linked | {UNKNOWN}:
                    assert access.explain(urn, capability) == answer


TestSharing = pytest.mark.rule("K3", "K4", "P4", "T2", "T3", "T4", "V1", "V2")(Sharing.TestCase)
TestSharing.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
