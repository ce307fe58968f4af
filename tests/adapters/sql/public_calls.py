"""Every public call of the library that reaches a store, on a world in which each has something to do."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from datashare.adapters.sql import SqlAgreementStore
from datashare.codec import ExportFormat
from datashare.delivery import deliver, purge
from datashare.domain.agreements import AgreementId, RequestId, Tab
from datashare.domain.levels import AccessLevel, Capability
from datashare.testing import RecordingNotifier
from tests.world import ANA, HILDA, MIS, OSCAR, TODAY, TRUST, World

_WEEK = timedelta(days=7)

READING: Mapping[str, Callable[[World], object]] = {
    "table": lambda world: world.trust().table(),
    "browse": lambda world: world.trust().browse(),
    "facets": lambda world: world.trust().facets(),
    "agreements": lambda world: world.trust().agreements(Tab.PENDING),
    "details": lambda world: world.trust().details(HILDA),
    "why": lambda world: world.trust().why(HILDA),
    "no_longer_visible": lambda world: world.trust().no_longer_visible(),
    "recipients": lambda world: world.trust().recipients([HILDA, OSCAR]),
    "coverage": lambda world: str(world.trust().coverage()),
    "agreement": lambda world: world.trust().agreement(HILDA),
    "history": lambda world: world.trust().history(HILDA),
    "timeline": lambda world: world.trust().timeline(HILDA),
    "as_of": lambda world: world.trust().as_of(world.clock.now(), HILDA),
    "shared_on": lambda world: world.trust().shared_on(TODAY, HILDA),
    "all_as_of": lambda world: world.trust().all_as_of(world.clock.now()),
    "in_force_on": lambda world: world.trust().in_force_on(TODAY),
    "export": lambda world: list(world.trust().export(ExportFormat.CSV)),
    "reconcile": lambda world: world.trust().reconcile(),
    "preview": lambda world: world.trust().preview.request([HILDA, OSCAR], level=MIS, command_id="look"),
    "page": lambda world: world.school().page(),
    "school_shared_on": lambda world: world.school().shared_on(TODAY),
    "access": lambda world: world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA),
    "may_log_in": lambda world: world.sharing.may_log_in(ANA, HILDA),
    "verify": lambda world: str(world.sharing.verify()),
    "verify_group": lambda world: str(world.sharing.verify(TRUST)),
    "digest": lambda world: str(world.sharing.digest(TRUST)),
    "notices": lambda world: world.store.notices(TRUST),
}
WRITING: Mapping[str, Callable[[World], object]] = {
    "repeat": lambda world: world.trust().request([HILDA, OSCAR], level=MIS, command_id="ask"),
    "request": lambda world: world.trust().request([HILDA], level=max(AccessLevel), command_id="raise"),
    "record_visibility": lambda world: world.trust().record_visibility(command_id="refresh"),
    "apply": lambda world: world.trust().apply(world.trust().reconcile(), command_id="apply", note="Applied."),
    "remind": lambda world: world.trust().remind([RequestId(AgreementId(TRUST, OSCAR), 1)], command_id="remind"),
    "deliver": lambda world: deliver(world.store, RecordingNotifier(), clock=world.clock),
    "requeue": lambda world: world.store.requeue(TRUST, ["x"], due_at=world.clock.now()),
    "purge": lambda world: purge(world.store, keep_for=_WEEK, clock=world.clock),
}
CALLS = {**READING, **WRITING}


def busy_world(store: SqlAgreementStore) -> World:
    """Build a world in which one school has approved, and another was asked and has declined."""
    world = World(store=store)
    world.approved(HILDA)
    (request,) = world.asked(OSCAR, command_id="ask-too")
    world.school(OSCAR).decline(request, reason="Not at present, says Mrs Ó Briain.")
    world.trust().record_visibility(command_id="recorded")
    return world


def half_read(store: SqlAgreementStore, world: World) -> list[Iterator[object]]:
    """Begin to read every history and every chain, and stop after the first value."""
    begun: list[Iterator[object]] = [
        store.group_history(TRUST),
        store.chains(),
        world.trust().export(ExportFormat.JSON_LINES),
    ]
    for values in begun:
        next(values)
    return begun
