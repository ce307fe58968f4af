"""The world of all tests above the domain: a trust, an authority, their schools and people, over ports in memory.

Everything is handed in, nothing is patched: a clock that is set by hand, and ports that count their calls.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import cast

import attrs
import pendulum

from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.agreements.commands import ALL, EndCause, ImportAgreement
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId
from datashare.domain.agreements.state import Agreement, fold
from datashare.domain.levels import AccessLevel
from datashare.domain.people import (
    Associations,
    BusinessRole,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.domain.policy import Party, Policy
from datashare.domain.register import Coded, EstablishmentStatus, Group, GroupId, Institution, Phase, TrustLink
from datashare.ports import (
    InstitutionDirectory,
    NoticeStatus,
    PeopleDirectory,
    ProgressCallback,
    RecordedOutcome,
    StoredNotice,
    readable,
)
from datashare.service import DataSharing, GroupActions, GroupSide, Outcomes, SchoolSide, usual_policy
from datashare.testing import CountingStore, FrozenClock, StoreWithOutbox

from . import builders

DFE, MIS, ACTIONS = builders.DFE, builders.MIS, builders.ACTIONS
ANA, BEN, NIGHTLY, TERMS = builders.ANA, builders.BEN, builders.NIGHTLY, builders.TERMS

TRUST = GroupId.mat("5143")
OTHER_TRUST = GroupId.mat("870")
"""Its code looks like the authority's."""
COUNCIL = GroupId.local_authority("870")
NOWHERE = GroupId.mat("999999")

HILDA = 100000
"""Open, with a head, a deputy, an executive head, a data manager and a teacher."""
OSCAR = 100001
"""Open, with a head alone; in another authority."""
SITELESS = 100002
"""Open, without an MIS site (V11)."""
CLOSED = 100003
"""Closed, although the trust's code is still there."""
FOREIGN = 100004
"""A school of the other trust."""
NO_APPROVER = 100005
"""Open, with a deputy alone, who cannot answer (P10)."""
NOBODY = 100006
"""Open, with a site, and nobody there who can be asked (Q10)."""
MAINTAINED = 100007
"""A maintained school of the council, in no trust."""
UNKNOWN = 999999

NOW = pendulum.datetime(2026, 10, 24, 23, 30, 15, 123456)
"""Already the 25th in London, on which the clocks go back."""
TODAY = date(2026, 10, 25)

EVA = PersonId(TRUST, "eva")
"""A user of the trust whose permissions ended yesterday."""
OTTO = PersonId(OTHER_TRUST, "otto")
CARYS = PersonId(COUNCIL, "carys")

PERMISSIONS = tuple(Permission)
EXPIRED = Period(last=TODAY - timedelta(days=1))


def head(urn: int = HILDA) -> PersonId:
    """Name the head of a school."""
    return PersonId(urn, "head")


def deputy(urn: int = HILDA) -> PersonId:
    """Name the deputy head of a school."""
    return PersonId(urn, "deputy")


def person(
    who: PersonId,
    *roles: HeldRole | str,
    email: str | None = "",
    permissions: Iterable[Grant | Permission] = (),
    associations: Associations | None = None,
    period: Period | None = None,
) -> Person:
    """Build a person, with an address of their own unless another is given."""
    address = f"{who.id}@{getattr(who.site, 'code', who.site)}.example" if email == "" else email
    return Person(
        id=who,
        name=f"Siân {who.id.title()}",
        email=address,
        roles=roles,
        permissions=tuple(permissions),
        associations=associations or Associations(),
        period=period or Period(),
    )


def school(
    urn: int,
    name: str,
    *,
    trust: GroupId | None = TRUST,
    authority: str = "870",
    status: EstablishmentStatus = EstablishmentStatus.OPEN,
    phase: Phase = Phase.PRIMARY,
    close_date: date | None = None,
    joined_on: date | None = None,
) -> Institution:
    """Build an institution of the register."""
    return Institution(
        urn=urn,
        name=name,
        status=status,
        phase=phase,
        trusts=(TrustLink(trust.code, f"Trust {trust.code}", joined_on),) if trust else (),
        local_authority=Coded(authority, f"Council {authority}"),
        close_date=close_date,
        town="Llanfair",
        postcode="LL1 1AA",
    )


SCHOOLS = (
    school(HILDA, "St Hilda’s Primary School"),
    school(OSCAR, "Óscar Romero Academy", authority="871", phase=Phase.SECONDARY),
    school(SITELESS, "Castle School"),
    school(CLOSED, "Old Hall", status=EstablishmentStatus.CLOSED, close_date=date(2025, 8, 31)),
    school(FOREIGN, "Elsewhere Academy", trust=OTHER_TRUST),
    school(NO_APPROVER, "Abbey Infants"),
    school(NOBODY, "Zion Juniors"),
    school(MAINTAINED, "Valley Primary", trust=None),
)
GROUPS = (
    Group(id=TRUST, name="Areté Learning Trust"),
    Group(id=OTHER_TRUST, name="Elsewhere Trust"),
    Group(id=COUNCIL, name="Llanfair Council"),
)
CLUSTERS: Mapping[GroupId, Mapping[str, Iterable[int]]] = {TRUST: {"North": {HILDA, CLOSED}, "South": {OSCAR}}}
PEOPLE = (
    person(ANA, permissions=PERMISSIONS, associations=Associations(everything=True)),
    person(BEN),
    person(EVA, permissions=[Grant(permission, EXPIRED) for permission in PERMISSIONS]),
    person(OTTO, permissions=PERMISSIONS),
    person(CARYS, permissions=PERMISSIONS),
    person(head(HILDA), BusinessRole.HEAD_TEACHER),
    person(deputy(HILDA), BusinessRole.DEPUTY_HEAD_TEACHER),
    person(PersonId(HILDA, "executive"), BusinessRole.EXECUTIVE_HEAD_TEACHER),
    person(PersonId(HILDA, "data"), BusinessRole.DATA_MANAGER),
    person(PersonId(HILDA, "teacher"), "teacher"),
    person(PersonId(HILDA, "former"), HeldRole(BusinessRole.HEAD_TEACHER, EXPIRED)),
    person(head(OSCAR), BusinessRole.HEAD_TEACHER),
    person(head(SITELESS), BusinessRole.HEAD_TEACHER),
    person(head(CLOSED), BusinessRole.HEAD_TEACHER),
    person(head(FOREIGN), BusinessRole.HEAD_TEACHER),
    person(deputy(NO_APPROVER), BusinessRole.DEPUTY_HEAD_TEACHER),
    person(PersonId(NOBODY, "mute"), BusinessRole.HEAD_TEACHER, email="  "),
    person(head(MAINTAINED), BusinessRole.HEAD_TEACHER),
)
SITES = tuple(
    SchoolSite(urn=institution.urn, data_sharing_url=f"https://{institution.urn}.example/data/sharing")
    for institution in SCHOOLS
    if institution.urn != SITELESS
)
ASKABLE = (PersonId(HILDA, "data"), deputy(HILDA), PersonId(HILDA, "executive"), head(HILDA))
"""Everybody at St Hilda's who can be asked, in the order of their ids."""


class Counting:
    """A port that counts its calls, and remembers their arguments."""

    def __init__(self, port: InstitutionDirectory | PeopleDirectory, name: str, calls: Counter[str]) -> None:
        self.port = port
        self.name = name
        self.calls = calls
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, method: str) -> Callable[..., object]:
        """Return the port's method, counted."""
        call = getattr(self.port, method)

        def counted(*arguments: object) -> object:
            self.calls[f"{self.name}.{method}"] += 1
            self.asked.append((method, arguments))
            return call(*arguments)

        return counted


@attrs.frozen(kw_only=True)
class Snapshot:
    """Everything that a store's public methods return."""

    states: Mapping[GroupId, tuple[Agreement, ...]]
    histories: Mapping[AgreementId, tuple[Event, ...]]
    group_histories: Mapping[GroupId, tuple[Event, ...]]
    notices: Mapping[GroupId, tuple[StoredNotice, ...]]
    registers: Mapping[GroupId, date | None]
    kept: Mapping[tuple[GroupId, str], tuple[RecordedOutcome, ...]]


class World:
    """The made-up world, over the ports in memory, unless another store is given."""

    def __init__(
        self,
        *,
        schools: Iterable[Institution] = SCHOOLS,
        people: Iterable[Person] = PEOPLE,
        sites: Iterable[SchoolSite] = SITES,
        groups: Iterable[Group] = GROUPS,
        policies: Mapping[GroupId, Policy] | None = None,
        register_day: date | None = TODAY,
        store: StoreWithOutbox | None = None,
    ) -> None:
        self.groups = tuple(groups)
        self.schools = {institution.urn: institution for institution in schools}
        self.clock = FrozenClock(NOW)
        self.store = store or MemoryAgreementStore()
        self.institutions = MemoryInstitutionDirectory(
            self.schools.values(), groups=self.groups, clusters=CLUSTERS, register_day=register_day
        )
        self.people = MemoryPeopleDirectory(people, sites=sites)
        self.policies = dict(policies or {})
        self.calls = Counter[str]()
        self.sharing = self.over(self.store)

    def policy(self, group: GroupId) -> Policy:
        """Return the policy of a group: the usual one, unless another was given."""
        return self.policies.get(group) or usual_policy(group)

    def over(self, store: StoreWithOutbox) -> DataSharing:
        """Build the service over another store, with everything else the same."""
        return DataSharing(
            store=store,
            institutions=self.institutions,
            people=self.people,
            clock=self.clock,
            policies=self.policy,
        )

    def counted(self) -> DataSharing:
        """Build the service over ports that count their calls in `calls`."""
        return DataSharing(
            store=CountingStore(self.store, self.calls, prefix="store."),
            institutions=cast(InstitutionDirectory, Counting(self.institutions, "institutions", self.calls)),
            people=cast(PeopleDirectory, Counting(self.people, "people", self.calls)),
            clock=self.clock,
            policies=self.policy,
        )

    def trust(self, actor: Actor = ANA) -> GroupSide:
        """Act for the trust."""
        return self.sharing.for_group(TRUST, actor=actor)

    def council(self, actor: Actor = CARYS) -> GroupSide:
        """Act for the local authority."""
        return self.sharing.for_group(COUNCIL, actor=actor)

    def school(self, urn: int = HILDA, actor: Actor | None = None) -> SchoolSide:
        """Act for a school, as its head unless somebody else is named."""
        return self.sharing.for_school(urn, actor=actor or head(urn))

    def asked(self, *urns: int, level: AccessLevel = MIS, command_id: str = "ask") -> tuple[RequestId, ...]:
        """Let the trust ask these schools; all must be asked."""
        outcomes = self.trust().request(urns, level=level, command_id=command_id)
        assert len(urns) == len(outcomes.done), outcomes
        return outcomes.requests

    def approved(self, *urns: int, level: AccessLevel = MIS, command_id: str = "ask") -> tuple[RequestId, ...]:
        """Let the trust ask these schools, and their heads approve."""
        requests = self.asked(*urns, level=level, command_id=command_id)
        for request in requests:
            self.school(request.urn).approve(request)
        return requests

    def state(self, urn: int = HILDA, group: GroupId = TRUST) -> Agreement:
        """Return one agreement as the store holds it."""
        key = AgreementId(group, urn)
        return self.store.load([key]).agreements.get(key) or Agreement(id=key)

    def events(self, urn: int = HILDA, group: GroupId = TRUST) -> tuple[Event, ...]:
        """List the events that the store holds of one agreement."""
        return tuple(self.store.history(AgreementId(group, urn)))

    def notices(
        self, group: GroupId = TRUST, status: NoticeStatus | None = NoticeStatus.WAITING
    ) -> tuple[StoredNotice, ...]:
        """List the notices that the store holds of a group."""
        return tuple(self.store.notices(group, status=status))

    def snapshot(self, *command_ids: str) -> Snapshot:
        """Read everything that the store holds, with what it keeps under some command ids."""
        groups = [group.id for group in self.groups]
        states = {group: tuple(readable(self.store.states(group))) for group in groups}
        keys = [agreement.id for agreements in states.values() for agreement in agreements]
        return Snapshot(
            states=states,
            histories={key: tuple(self.store.history(key)) for key in keys},
            group_histories={group: tuple(self.store.group_history(group)) for group in groups},
            notices={group: tuple(self.store.notices(group)) for group in groups},
            registers={group: self.store.last_register(group) for group in groups},
            kept={(group, id_): self.kept(id_, group=group) for group in groups for id_ in command_ids},
        )

    def kept(self, command_id: str, group: GroupId = TRUST) -> tuple[RecordedOutcome, ...]:
        """List the outcomes that the store keeps under a command id of a group."""
        kept = self.store.load([AgreementId(group, HILDA)], command_id=command_id).outcomes
        return tuple(sorted(kept, key=lambda outcome: outcome.agreement.urn))

    def refresh(
        self, *schools: Institution, gone: Collection[int] = (), day: date | None = TODAY, groups: Iterable[Group] = ()
    ) -> None:
        """Load a newer register: these schools changed, those gone, everything else as it was."""
        newer = self.schools | {institution.urn: institution for institution in schools}
        self.schools = {urn: institution for urn, institution in newer.items() if urn not in gone}
        changed = {group.id: group for group in groups}
        self.groups = tuple(changed.get(group.id, group) for group in self.groups)
        self.institutions.replace(
            self.schools.values(),
            groups=self.groups,
            clusters=CLUSTERS,
            register_day=day,
            most_gone_percent=100 if gone else 10,
        )


def assert_sound(world: World) -> None:
    """Check that every state is the fold of its events, numbered without gaps, in the order of time (T3)."""
    for group in world.groups:
        for state in readable(world.store.states(group.id)):
            events = tuple(world.store.history(state.id))
            assert state == fold(state.id, events)
            assert list(range(1, state.version + 1)) == [event.sequence for event in events]
            assert sorted(event.at for event in events) == [event.at for event in events]


def leave_trust(world: World, urn: int = HILDA, *, day: date = TODAY) -> None:
    """Load a register in which a school is no longer in the trust."""
    world.refresh(attrs.evolve(world.schools[urn], trusts=()), day=day)


def join_trust(world: World, urn: int = HILDA, *, day: date = TODAY) -> None:
    """Load a register in which a school is in the trust."""
    link = TrustLink(TRUST.code, "Areté Learning Trust")
    world.refresh(attrs.evolve(world.schools[urn], trusts=(link,)), day=day)


def large_world(count: int, store: StoreWithOutbox | None = None) -> tuple[World, tuple[int, ...]]:
    """Build a trust of *count* schools, with a policy that allows every action; return their URNs too."""
    urns = tuple(range(200_000, 200_000 + count))
    return (
        World(
            schools=[school(urn, f"School {urn}") for urn in urns],
            people=[
                *PEOPLE,
                *(person(head(urn), BusinessRole.HEAD_TEACHER) for urn in urns),
                *(person(deputy(urn), BusinessRole.DEPUTY_HEAD_TEACHER) for urn in urns),
            ],
            sites=[SchoolSite(urn=urn, data_sharing_url=f"https://{urn}.example/") for urn in urns],
            policies={TRUST: GENEROUS},
            store=store,
        ),
        urns,
    )


Act = Callable[..., Outcomes]
"""A bulk action; it takes a side, a command id and, optionally, a callback."""

GENEROUS = attrs.evolve(Policy.mat(), central_approval=True, enders=frozenset({Party.GROUP}))
"""A trust's policy that allows every action."""


def imported(urn: int = HILDA, level: AccessLevel = MIS, agreed_on: date = date(2024, 2, 29)) -> ImportAgreement:
    """Build an agreement to import."""
    return ImportAgreement(
        urn=urn, level=level, agreed_on=agreed_on, approver="Mrs Ó Briain, Head", evidence="Cabinet 3"
    )


def _asked_heads(world: World, urns: Sequence[int]) -> tuple[RequestId, ...]:
    heads = {urn: [head(urn)] for urn in urns}
    return world.trust().request(urns, level=MIS, recipients=heads, command_id="prepare").requests


def _end(world: World, urns: Sequence[int]) -> dict[str, object]:
    world.approved(*urns, command_id="prepare")
    world.asked(*urns, level=ACTIONS, command_id="raise")
    return {"urns": urns, "cause": EndCause.BY_GROUP, "note": "Agreed."}


def _record_visibility(world: World, urns: Sequence[int]) -> dict[str, object]:
    world.approved(*urns, command_id="prepare")
    world.refresh(*(attrs.evolve(world.schools[urn], trusts=()) for urn in urns))
    return {}


_ARGUMENTS: Mapping[str, Callable[[World, Sequence[int]], dict[str, object]]] = {
    "request": lambda _world, urns: {"urns": urns, "level": MIS, "sender": ANA},
    "add_recipients": lambda world, urns: {"requests": _asked_heads(world, urns), "recipients": ALL},
    "remind": lambda world, urns: {"requests": world.asked(*urns, command_id="prepare")},
    "withdraw": lambda world, urns: {
        "requests": world.asked(*urns, command_id="prepare"),
        "reason": "Too soon – sorry.",
    },
    "record_approval": lambda _world, urns: {"urns": urns, "level": MIS, "basis": "Board minute 7"},
    "import_agreements": lambda _world, urns: {"agreements": [imported(urn) for urn in urns]},
    "end": _end,
    "record_visibility": _record_visibility,
}


def _bulk_action(name: str, world: World, urns: Sequence[int]) -> Act:
    arguments = _ARGUMENTS[name](world, urns)

    def act(side: GroupActions[Outcomes], command_id: str, progress: ProgressCallback | None = None, /) -> Outcomes:
        outcomes: Outcomes = getattr(side, name)(**arguments, command_id=command_id, progress=progress)
        return outcomes

    return act


BULK_ACTIONS: Mapping[str, Callable[[World, Sequence[int]], Act]] = {
    name: partial(_bulk_action, name) for name in _ARGUMENTS
}
"""Every bulk action of a group: each prepares the schools for it, and returns the action."""


def public_names(kind: type) -> set[str]:
    """List the public methods and properties of a class, without its fields."""
    fields = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set()
    return {name for name in dir(kind) if not name.startswith("_")} - fields
