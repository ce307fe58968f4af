"""Registers in which schools have closed, and what became of a plan."""

from datetime import date, timedelta

import attrs

from datashare.domain.notices import NoticeKind
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.domain.register import EstablishmentStatus, SuccessorLink
from datashare.service import Outcomes
from tests.world import TODAY, World

SUCCESSOR = 100010
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def close(world: World, *urns: int, day: date = TODAY, successors: tuple[SuccessorLink, ...] = ()) -> None:
    """Load a register in which schools have closed, with what succeeded them."""
    gone = [attrs.evolve(world.schools[urn], status=EstablishmentStatus.CLOSED, close_date=day) for urn in urns]
    world.refresh(*gone, day=day)
    world.institutions.replace(world.schools.values(), groups=world.groups, successors=successors, register_day=day)


def link(old: int, new: int) -> SuccessorLink:
    """Return an undated link of the register."""
    return SuccessorLink(predecessor=old, successor=new, kind="Successor")


def notified(world: World) -> set[tuple[Party, PersonId]]:
    """Return who gets a notice of an end."""
    return {
        (notice.notice.audience, who.id)
        for notice in world.notices()
        if notice.notice and notice.notice.kind is NoticeKind.ENDED
        for who in notice.notice.people
    }


def urns_of(outcomes: Outcomes) -> tuple[list[int], list[int]]:
    """Return where it was done, and where not."""
    return sorted(outcome.urn for outcome in outcomes.done), sorted(outcome.urn for outcome in outcomes.not_done)
