"""Every public call of the library that reaches a store, on a world in which each has something to do."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import attrs

from datashare import DataSharing, GroupSide, SchoolSide
from datashare.adapters.sql import SqlAgreementStore
from datashare.codec import ExportFormat
from datashare.delivery import deliver, purge
from datashare.domain.agreements import ALL, AgreementId, Batch, EndCause, RequestId, Tab
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.people import BusinessRole
from datashare.domain.policy import Party
from datashare.ports import Progress, ProgressCallback
from datashare.testing import RecordingNotifier, StoreWithOutbox
from tests.world import (
    ANA,
    GENEROUS,
    HILDA,
    MIS,
    NO_APPROVER,
    NOBODY,
    OSCAR,
    PERMISSIONS,
    SITELESS,
    TODAY,
    TRUST,
    World,
    head,
    imported,
    person,
    public_names,
)

_WEEK = timedelta(days=7)
_STANDING, _RAISED, _ASKED_AGAIN = (
    RequestId(AgreementId(TRUST, urn), number) for urn, number in ((NO_APPROVER, 1), (HILDA, 3), (OSCAR, 3))
)


def _asks_too(world: World) -> ProgressCallback:
    """Ask something else while an action reports its progress."""

    def ask(_progress: Progress) -> None:
        world.trust().coverage()

    return ask


def _queued(world: World) -> Batch:
    return world.trust().queued.request([OSCAR], level=MIS, command_id="queued")


CALLS: Mapping[str, Callable[[World], object]] = {
    "DataSharing.for_group": lambda world: world.sharing.for_group(TRUST, actor=ANA),
    "DataSharing.for_school": lambda world: world.sharing.for_school(HILDA, actor=head()),
    "DataSharing.over": lambda world: world.sharing.over(world.store).access(TRUST),
    "DataSharing.access": lambda world: world.sharing.access(TRUST).explain(HILDA, Capability.VIEW_MIS_DATA),
    "DataSharing.allows": lambda world: world.sharing.allows(TRUST, HILDA, Capability.VIEW_MIS_DATA),
    "DataSharing.explain": lambda world: world.sharing.explain(TRUST, HILDA, Capability.VIEW_MIS_DATA),
    "DataSharing.may_log_in": lambda world: world.sharing.may_log_in(ANA, HILDA),
    "DataSharing.explain_log_in": lambda world: str(world.sharing.explain_log_in(ANA, HILDA)),
    "DataSharing.groups": lambda world: world.sharing.groups(),
    "DataSharing.problems": lambda world: world.sharing.problems(TRUST),
    "DataSharing.verify": lambda world: str(world.sharing.verify()),
    "DataSharing.verify a group": lambda world: str(world.sharing.verify(TRUST)),
    "DataSharing.digest": lambda world: str(world.sharing.digest(TRUST)),
    "GroupSide.table": lambda world: world.trust().table(),
    "GroupSide.browse": lambda world: world.trust().browse(),
    "GroupSide.facets": lambda world: world.trust().facets(),
    "GroupSide.agreements": lambda world: world.trust().agreements(Tab.PENDING),
    "GroupSide.details": lambda world: world.trust().details(HILDA),
    "GroupSide.why": lambda world: world.trust().why(HILDA),
    "GroupSide.no_longer_visible": lambda world: world.trust().no_longer_visible(),
    "GroupSide.recipients": lambda world: world.trust().recipients([HILDA, OSCAR]),
    "GroupSide.requestable_levels": lambda world: world.trust().requestable_levels(),
    "GroupSide.coverage": lambda world: str(world.trust().coverage()),
    "GroupSide.agreement": lambda world: world.trust().agreement(HILDA),
    "GroupSide.history": lambda world: world.trust().history(HILDA),
    "GroupSide.timeline": lambda world: world.trust().timeline(HILDA),
    "GroupSide.as_of": lambda world: world.trust().as_of(world.clock.now(), HILDA),
    "GroupSide.shared_on": lambda world: world.trust().shared_on(TODAY, HILDA),
    "GroupSide.all_as_of": lambda world: world.trust().all_as_of(world.clock.now()),
    "GroupSide.in_force_on": lambda world: world.trust().in_force_on(TODAY),
    "GroupSide.names": lambda world: world.trust().names(world.trust().timeline(HILDA)),
    "GroupSide.export": lambda world: list(world.trust().export(ExportFormat.CSV)),
    "GroupSide.reconcile": lambda world: world.trust().reconcile(),
    "GroupSide.preview": lambda world: world.trust().preview.request([HILDA, OSCAR], level=MIS, command_id="look"),
    "SchoolSide.page": lambda world: world.school().page(),
    "SchoolSide.shared_on": lambda world: world.school().shared_on(TODAY),
    "SchoolSide.names": lambda world: world.school().names(world.school().shared_on(TODAY)),
    "notices": lambda world: world.store.notices(TRUST),
    "notices of all groups": lambda world: world.store.notices(),
    "GroupSide.request a replay": lambda world: world.trust().request([HILDA, OSCAR], level=MIS, command_id="ask"),
    "GroupSide.request": lambda world: world.trust().request(
        [HILDA, OSCAR], level=max(AccessLevel), command_id="raise", progress=_asks_too(world)
    ),
    "GroupSide.add_recipients": lambda world: world.trust().add_recipients([_RAISED], recipients=ALL, command_id="add"),
    "GroupSide.remind": lambda world: world.trust().remind([_STANDING, _RAISED], command_id="remind"),
    "SchoolSide.approve": lambda world: world.school().approve(_RAISED),
    "SchoolSide.decline": lambda world: world.school(OSCAR).decline(_ASKED_AGAIN, reason="Not yet."),
    "GroupSide.withdraw": lambda world: world.trust().withdraw([_STANDING], command_id="withdraw"),
    "GroupSide.record_approval": lambda world: world.trust().record_approval(
        [SITELESS, NO_APPROVER], level=MIS, basis="Minute 7", command_id="approval"
    ),
    "GroupSide.import_agreements": lambda world: world.trust().import_agreements(
        [imported(NOBODY)], command_id="import"
    ),
    "GroupSide.record_visibility": lambda world: world.trust().record_visibility(command_id="refresh"),
    "GroupSide.apply": lambda world: world.trust().apply(world.trust().reconcile(), command_id="apply"),
    "GroupSide.end": lambda world: world.trust().end(
        [SITELESS], cause=EndCause.BY_GROUP, note="Over.", command_id="end"
    ),
    "SchoolSide.end": lambda world: world.school().end(TRUST, note="Over.", command_id="end"),
    "GroupSide.queued": lambda world: world.trust().queued.remind([_STANDING], command_id="queue"),
    "DataSharing.preview": lambda world: world.sharing.preview(_queued(world)),
    "DataSharing.run": lambda world: world.sharing.run(_queued(world)),
    "deliver": lambda world: deliver(world.store, RecordingNotifier(), clock=world.clock),
    "requeue": lambda world: world.store.requeue(TRUST, ["x"], due_at=world.clock.now()),
    "purge": lambda world: purge(world.store, keep_for=_WEEK, clock=world.clock),
}
"""What reads comes first; each name begins with the class and the method."""


def methods_called() -> set[str]:
    """List the methods of the three sides that `CALLS` calls."""
    return {name.split()[0] for name in CALLS if "." in name}


def every_method() -> set[str]:
    """List every public method and property of the three sides."""
    sides = (DataSharing, GroupSide, SchoolSide)
    return {f"{side.__name__}.{name}" for side in sides for name in public_names(side)}


def busy_world(store: StoreWithOutbox) -> World:
    """Build a world in which one school has approved, one has declined, and one was asked; every action is allowed."""
    policy = attrs.evolve(GENEROUS, enders=frozenset(Party))
    world = World(store=store, policies={TRUST: policy})
    world.people.put(person(head(), BusinessRole.HEAD_TEACHER, permissions=PERMISSIONS))
    world.approved(HILDA)
    (request,) = world.asked(OSCAR, command_id="ask-too")
    world.school(OSCAR).decline(request, reason="Not at present, says Mrs Ó Briain.")
    world.asked(NO_APPROVER, command_id="ask-abbey")
    world.trust().record_visibility(command_id="recorded")
    return world


def half_read(store: SqlAgreementStore, world: World) -> list[Iterator[object]]:
    """Begin to read every history, every chain and every export, and stop after the first value."""
    begun: list[Iterator[object]] = [
        store.group_history(TRUST),
        store.chains(),
        store.chains(TRUST),
        *(world.trust().export(form) for form in ExportFormat),
        store.history(AgreementId(TRUST, HILDA)),
        *(world.trust().export(form, urn=HILDA) for form in ExportFormat),
    ]
    for values in begun:
        next(values)
    return begun
