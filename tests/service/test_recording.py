"""Central approvals, and agreements that are older than this library (rules A9, A10)."""

from collections.abc import Callable
from datetime import date

import attrs
import pytest

from datashare.domain.agreements import AgreementImported, ApprovalRecorded, Basis, Batch, State
from datashare.domain.notices import NoticeKind
from datashare.errors import InvalidValue
from tests.world import (
    ACTIONS,
    ANA,
    CARYS,
    COUNCIL,
    DFE,
    GENEROUS,
    HILDA,
    MAINTAINED,
    MIS,
    NOW,
    OSCAR,
    SITELESS,
    TERMS,
    TODAY,
    TRUST,
    World,
    assert_sound,
    head,
    imported,
)

BASIS = "Board minute 7 of 28 March 2026 – “central”"


@pytest.mark.rule("A9")
def test_a_central_approval_is_in_force_with_its_basis() -> None:
    """It needs no request; those who could have answered are notified."""
    world = World(policies={TRUST: GENEROUS})

    world.trust().record_approval([HILDA, SITELESS], level=MIS, basis=BASIS, terms=TERMS, command_id="c-1")

    for urn in (HILDA, SITELESS):
        (event,) = world.events(urn)
        assert isinstance(event, ApprovalRecorded)
        assert (BASIS, TERMS, ANA) == (event.basis, event.terms, event.actor)
        in_force = world.state(urn).in_force
        assert in_force is not None
        assert (MIS, Basis.RECORDED, NOW) == (in_force.level, in_force.basis, in_force.since)
    notified = [
        (stored.notice.kind, who.id) for stored in world.notices() if stored.notice for who in stored.notice.people
    ]
    assert {(NoticeKind.APPROVAL_RECORDED, head(urn)) for urn in (HILDA, SITELESS)} == set(notified)
    assert_sound(world)


@pytest.mark.rule("A10")
def test_an_import_is_in_force_from_now_with_the_original_day_as_data() -> None:
    """Level, day, approver, evidence and terms are stored, and nobody is notified; trusts and authorities alike."""
    world = World()
    older = attrs.evolve(imported(level=ACTIONS), terms=TERMS)

    world.trust().import_agreements([older, imported(OSCAR)], command_id="c-1")
    world.council(CARYS).import_agreements([imported(MAINTAINED, DFE)], command_id="c-1")

    (event,) = world.events()
    assert isinstance(event, AgreementImported)
    assert (date(2024, 2, 29), "Mrs Ó Briain, Head", "Cabinet 3", TERMS) == (
        event.agreed_on,
        event.approver,
        event.evidence,
        event.terms,
    )
    in_force = world.state().in_force
    assert in_force is not None
    assert (ACTIONS, Basis.IMPORTED, NOW) == (in_force.level, in_force.basis, in_force.since)
    assert [MIS, DFE] == [world.state(OSCAR).level, world.state(MAINTAINED, COUNCIL).level]
    assert () == world.notices(status=None) + world.notices(COUNCIL, status=None)
    assert_sound(world)


@pytest.mark.rule("A10", "T2")
def test_an_agreement_from_a_day_to_come_is_not_imported() -> None:
    """Neither by the group's own call nor through a queue; today in London is allowed."""
    world = World()
    ahead = imported(agreed_on=date(2026, 10, 26))
    batch = Batch(group=TRUST, actor=ANA, command_id="c-1", commands=[ahead])
    before = world.snapshot("c-1")

    calls: tuple[Callable[[], object], ...] = (
        lambda: world.trust().import_agreements([ahead], command_id="c-1"),
        lambda: world.trust().preview.import_agreements([ahead], command_id="c-1"),
        lambda: world.sharing.run(batch),
    )
    for call in calls:
        with pytest.raises(InvalidValue, match="no later than today"):
            call()

    assert before == world.snapshot("c-1")
    world.trust().import_agreements([imported(agreed_on=TODAY)], command_id="c-1")
    assert State.APPROVED == world.state().state
