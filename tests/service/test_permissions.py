"""Every entry checks who asks, each time; introspection finds the entries, so no entry is forgotten (P, K2)."""

from collections.abc import Mapping

import attrs
import pytest

from datashare.domain.agreements import Actor, RefusalCode, State
from datashare.domain.agreements.commands import ALL, Recipients, WithRoles
from datashare.domain.people import BusinessRole, Permission, PersonId
from datashare.domain.policy import Policy
from datashare.errors import NotPermitted
from datashare.service import DataSharing, GroupActions
from tests.service.test_bad_input import GROUP_CALLS, SCHOOL_CALLS
from tests.world import (
    ACTIONS,
    ANA,
    BEN,
    BULK_ACTIONS,
    COUNCIL,
    EVA,
    GENEROUS,
    HILDA,
    MIS,
    NIGHTLY,
    OSCAR,
    OTTO,
    TERMS,
    TODAY,
    TRUST,
    World,
    deputy,
    head,
    imported,
    large_world,
    leave_trust,
    person,
    public_names,
)

RECONCILING = {"reconcile", "apply"}
"""Who may plan and who may apply is tested with what they do, in the folder `reconcile`."""
READING = [name for name in GROUP_CALLS if name not in {*BULK_ACTIONS, *RECONCILING}]
GROUP_STRANGERS: dict[str, Actor] = {
    "no-permission": BEN,
    "expired-permission": EVA,
    "unknown-person": PersonId(TRUST, "nobody"),
    "other-group": OTTO,
    "authority-with-same-digits": PersonId(COUNCIL, "carys"),
    "school": head(HILDA),
    "system": NIGHTLY,
}

SCHOOL_STRANGERS: dict[str, Actor] = {
    "no-permission": deputy(HILDA),
    "executive-head": PersonId(HILDA, "executive"),
    "expired-role": PersonId(HILDA, "former"),
    "unknown-person": PersonId(HILDA, "nobody"),
    "other-school": head(OSCAR),
    "group": ANA,
    "system": NIGHTLY,
}


@pytest.mark.rule("P12", "K2")
def test_no_entry_is_forgotten() -> None:
    """Every action and every call of the service is in a table; `test_bad_input` checks the tables of the two sides."""
    assert set(BULK_ACTIONS) == public_names(GroupActions)
    sides = {"for_group", "for_school", "run", "preview"}
    of_the_host = {
        "over",
        "access",
        "allows",
        "explain",
        "may_log_in",
        "explain_log_in",
        "groups",
        "problems",
        "verify",
        "digest",
    }
    assert sides | of_the_host == public_names(DataSharing)


@pytest.mark.rule("P12")
@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("actor", GROUP_STRANGERS.values(), ids=GROUP_STRANGERS)
def test_strangers_read_nothing_of_a_group(actor: Actor, name: str) -> None:
    """Tabs, recipients, details and history are for holders of the permission at the group's own site."""
    world = World()
    world.approved(HILDA)

    with pytest.raises(NotPermitted) as refused:
        getattr(world.trust(actor), name)(**GROUP_CALLS[name][0])

    assert [RefusalCode.NOT_PERMITTED] == [reason.code for reason in refused.value.reasons]


@pytest.mark.rule("P1", "P12", "K2", "T2")
@pytest.mark.parametrize("previewing", [False, True], ids=["action", "preview"])
@pytest.mark.parametrize("name", BULK_ACTIONS)
@pytest.mark.parametrize("actor", GROUP_STRANGERS.values(), ids=GROUP_STRANGERS)
def test_strangers_do_nothing_for_a_group(actor: Actor, name: str, previewing: bool) -> None:
    """Each action and each preview is refused as a whole, and the store stays as it was."""
    if name == "record_visibility" and actor == NIGHTLY:
        return  # a named system may record what the register shows; tested below
    world, urns = large_world(2)
    act = BULK_ACTIONS[name](world, urns)
    side = world.trust(actor)
    before = world.snapshot("c-1")

    with pytest.raises(NotPermitted) as refused:
        act(side.preview if previewing else side, "c-1")

    assert [RefusalCode.NOT_PERMITTED] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K2", "K5")
def test_an_empty_selection_needs_the_permission_too() -> None:
    """With an empty selection too, only holders of the permission get an answer."""
    world = World()

    for actor in (BEN, EVA, OTTO, head(), NIGHTLY):
        with pytest.raises(NotPermitted):
            world.trust(actor).request([], level=MIS, sender=ANA, command_id="c-1")
        with pytest.raises(NotPermitted):
            world.trust(actor).preview.remind([], command_id="c-1")

    assert 0 == len(world.trust().request([], level=MIS, command_id="c-1"))
    assert [] == list(world.store.states(TRUST))


@pytest.mark.rule("P12", "K2")
def test_what_strangers_queue_is_refused_when_it_is_run() -> None:
    """Anybody can build a batch, since it does nothing; the permission is checked when it is carried out."""
    world = World()
    batch = world.trust(BEN).queued.request([HILDA], level=MIS, sender=ANA, command_id="c-1")

    with pytest.raises(NotPermitted):
        world.sharing.run(batch)

    assert () == world.events()


@pytest.mark.rule("P12")
def test_policy_may_widen_who_reads() -> None:
    """A policy can let holders of another permission read; that lets them do nothing else."""
    wider = attrs.evolve(Policy.mat(), readers={Permission.LOG_IN_ASSOCIATED_INSTITUTIONS})
    world = World(policies={TRUST: wider})
    world.people.put(person(BEN, permissions=[Permission.LOG_IN_ASSOCIATED_INSTITUTIONS]))

    assert HILDA in {row.urn for row in world.trust(BEN).browse().items}
    with pytest.raises(NotPermitted):
        world.trust(BEN).request([HILDA], level=MIS, sender=ANA, command_id="c-1")
    assert () == world.events()


@pytest.mark.rule("P12")
def test_permissions_are_read_again_each_time() -> None:
    """A side that was created while its user was permitted is useless afterwards."""
    world = World()
    trust, school = world.trust(), world.school()
    (request,) = world.asked(HILDA)
    trust.browse()
    school.page()

    world.people.put(person(ANA))
    world.people.remove(head())

    for forbidden in (trust.browse, school.page, lambda: school.approve(request)):
        with pytest.raises(NotPermitted):
            forbidden()
    assert State.PENDING == world.state().state


@pytest.mark.rule("P2", "P12", "K2", "T2")
@pytest.mark.parametrize("name", SCHOOL_CALLS)
@pytest.mark.parametrize("actor", SCHOOL_STRANGERS.values(), ids=SCHOOL_STRANGERS)
def test_strangers_neither_see_nor_answer_for_a_school(actor: Actor, name: str) -> None:
    """A recipient without the permission, other schools' heads, the group and systems are refused alike."""
    world = World()
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la")
    world.asked(HILDA)
    before = world.snapshot("c-1")

    with pytest.raises(NotPermitted) as refused:
        getattr(world.school(actor=actor), name)(**SCHOOL_CALLS[name][0])

    assert [RefusalCode.NOT_PERMITTED] == [reason.code for reason in refused.value.reasons]
    assert before == world.snapshot("c-1")


@pytest.mark.rule("P2")
def test_policy_says_which_roles_may_answer() -> None:
    """Where a policy gives the permission to deputies, a deputy may answer that group and no other."""
    by_deputies = attrs.evolve(
        Policy.mat(),
        role_permissions={BusinessRole.DEPUTY_HEAD_TEACHER: {Permission.ADMINISTER_DATA_SHARING_REQUEST}},
    )
    world = World(policies={TRUST: by_deputies})
    (request,) = world.asked(HILDA)
    asked = world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la")

    with pytest.raises(NotPermitted):
        world.school().approve(request)
    with pytest.raises(NotPermitted):
        world.school(actor=deputy()).approve(asked.requests[0], terms_version=TERMS.version)
    world.school(actor=deputy()).approve(request)

    assert (State.APPROVED, State.PENDING) == (world.state().state, world.state(group=COUNCIL).state)


@pytest.mark.rule("E6", "K2")
def test_a_named_system_may_record_what_the_register_shows() -> None:
    """A nightly refresh needs no person; it may do nothing else."""
    world = World()
    world.approved(HILDA)
    world.refresh(gone=[HILDA])

    outcomes = world.trust(NIGHTLY).record_visibility(command_id="c-1")

    assert [NIGHTLY] == [event.actor for outcome in outcomes.done for event in outcome.events]
    assert TODAY == world.state().hidden_since


@pytest.mark.rule("E6", "K2", "T2")
@pytest.mark.parametrize("actor", [BEN, EVA, OTTO, head()], ids=lambda who: who.id)
def test_a_register_is_not_noted_for_strangers_even_where_no_agreement_stands(actor: PersonId) -> None:
    """Even without any agreement, a stranger cannot note a register."""
    world = World()

    with pytest.raises(NotPermitted):
        world.trust(actor).record_visibility(command_id="c-1", register_day=TODAY)

    assert world.store.last_register(TRUST) is None


def _answers(world: World) -> list[object]:
    """Return everything that the trust can learn about a school that left it, by reading and by trying."""
    trust = world.trust()
    open_request = world.state(OSCAR).request
    assert open_request
    named = {OSCAR: [head(OSCAR), deputy(OSCAR), PersonId(OSCAR, "nobody")]}
    chosen: list[Mapping[int, list[PersonId]] | Recipients] = [ALL, WithRoles({"head_teacher"}), named]
    tries = [
        *(trust.preview.request([OSCAR], level=ACTIONS, recipients=people, command_id="c-1") for people in chosen),
        *(trust.preview.add_recipients([open_request.id], recipients=people, command_id="c-1") for people in chosen),
        trust.preview.remind([open_request.id], command_id="c-1"),
        trust.preview.record_approval([OSCAR], level=MIS, basis="Minute 7", command_id="c-1"),
        trust.preview.import_agreements([imported(OSCAR)], command_id="c-1"),
    ]
    assert {(RefusalCode.NOT_VISIBLE,)} == {
        tuple(reason.code for reason in outcome.reasons) for outcomes in tries for outcome in outcomes.not_done
    }
    questions = [trust.recipients([OSCAR]), trust.why(OSCAR), trust.coverage(), trust.no_longer_visible()]
    return [*tries, *questions, trust.agreement(OSCAR), trust.history(OSCAR), trust.timeline(OSCAR)]


@pytest.mark.rule("P11", "P12", "Q9", "R2")
def test_nothing_that_a_group_is_told_hangs_on_the_people_of_a_school_that_left() -> None:
    """Staffed or empty, with a site or without: every answer and every refusal is the same."""
    staffed, empty = (World(policies={TRUST: GENEROUS}) for _ in range(2))
    for world in (staffed, empty):
        world.asked(OSCAR)
        leave_trust(world, OSCAR)
    staffed.people.put(person(deputy(OSCAR), BusinessRole.DEPUTY_HEAD_TEACHER))
    empty.people.remove(head(OSCAR))
    empty.people.remove_site(OSCAR)

    assert _answers(staffed) == _answers(empty)
