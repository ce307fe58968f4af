"""What a host calls: to act for a group or for a school, and to ask about access and the record."""

from __future__ import annotations

from collections.abc import Callable

from datashare.clock import SystemClock
from datashare.codec import decode_agreement, read_event
from datashare.domain import validation
from datashare.domain.access import AccessAnswer, AccessMap, require_group_capability
from datashare.domain.agreements import Actor, AgreementId, Batch, SystemActor
from datashare.domain.chain import GroupDigest, digest_of
from datashare.domain.levels import Capability
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification, verify
from datashare.errors import BadHostData, InvalidInput, Misconfigured
from datashare.ports import AgreementStore, Clock, InstitutionDirectory, PeopleDirectory, ProgressCallback
from datashare.ports.arguments import require_group, require_group_or_all

from .checked import CheckedInstitutions, CheckedPeople
from .execute import run
from .group import GroupSide
from .host import Host, by_school, problems
from .outcomes import Outcomes
from .school import SchoolSide


def usual_policy(group: GroupId) -> Policy:
    """Return the usual policy for a group of its kind."""
    return Policy.for_kind(group.kind)


class DataSharing:
    """Data sharing agreements over a host's ports; safe to share between threads if the ports are."""

    def __init__(
        self,
        *,
        store: AgreementStore,
        institutions: InstitutionDirectory,
        people: PeopleDirectory,
        clock: Clock | None = None,
        policies: Callable[[GroupId], Policy] = usual_policy,
    ) -> None:
        """Bring the ports together.

        Args:
            store: Keeps the agreements.
            institutions: Knows the register.
            people: Knows the people of every site.
            clock: Reads the time; by default the machine's clock.
            policies: Returns each group's choices; by default the usual ones of its kind.

        Raises:
            Misconfigured: A port lacks methods that it must have, or *policies* cannot be called.
        """
        validation.require_port(store, AgreementStore, "store")
        validation.require_port(institutions, InstitutionDirectory, "institutions")
        validation.require_port(people, PeopleDirectory, "people")
        if clock is not None:
            validation.require_port(clock, Clock, "clock")
        validation.require_callable(policies, "policies", "a function from a GroupId to its Policy")
        self._host = Host(
            store=store,
            institutions=CheckedInstitutions(institutions),
            people=CheckedPeople(people),
            clock=SystemClock() if clock is None else clock,
            policies=policies,
        )

    def over(self, store: AgreementStore) -> DataSharing:
        """Return the same service over another store, such as one that works within the host's transaction.

        Raises:
            Misconfigured: The store lacks methods that it must have.
        """
        host = self._host
        return DataSharing(
            store=store,
            institutions=host.institutions.directory,
            people=host.people.directory,
            clock=host.clock,
            policies=host.policies,
        )

    def for_group(self, group: GroupId, *, actor: Actor) -> GroupSide:
        """Act and read for a group, on behalf of one of its users or of a named system.

        Raises:
            InvalidValue: The group is not a GroupId, or the actor not a PersonId or a SystemActor.
        """
        require_group(group)
        return GroupSide(self._host, group, _require_actor(actor))

    def for_school(self, urn: int, *, actor: Actor) -> SchoolSide:
        """Read and answer for a school, on behalf of one of its users.

        Raises:
            InvalidValue: The URN is out of range, or the actor not a PersonId or a SystemActor.
        """
        return SchoolSide(self._host, validation.require_urn(urn), _require_actor(actor))

    def run(self, batch: Batch, *, progress: ProgressCallback | None = None) -> Outcomes:
        """Carry out an action that came as a value, for example through a queue (K1-K6).

        The batch is not trusted: who may do it, and what ends that name a plan must pass, is asked anew (K2, E2-E4).

        Raises:
            Refused: The action is refused as a whole.
            UnknownGroup: The register does not know the group.
            StoreError: The store could not do its work; repeat with the same batch.
        """
        return run(self._host, validation.require_a(batch, Batch, "batch", "a Batch"), progress=progress)

    def preview(self, batch: Batch) -> Outcomes:
        """Return exactly what `run` would do, and do nothing (K3).

        Raises:
            Refused: The action would be refused as a whole.
            UnknownGroup: The register does not know the group.
            StoreError: The store could not do its work.
        """
        return run(self._host, validation.require_a(batch, Batch, "batch", "a Batch"), preview=True)

    def access(self, group: GroupId) -> AccessMap:
        """Return what the group's staff may see and do at every school, at this instant (X1, X2, X4).

        Cost: four port calls and one pass; each question afterwards costs two look-ups.

        Raises:
            UnknownGroup: The register does not know the group.
        """
        require_group(group)
        now = self._host.now()
        agreements, unreadable = by_school(self._host.store.states(group))
        linked = {institution.urn: institution for institution in self._host.institutions.linked(group)}
        unlinked = (agreements.keys() | unreadable) - linked.keys()
        return AccessMap(
            group=self._host.group(group),
            policy=self._host.policy(group),
            agreements=agreements.values(),
            unreadable=unreadable,
            institutions={**linked, **self._host.institutions.institutions(unlinked)},
            at=now,
        )

    def allows(self, group: GroupId, urn: int, capability: Capability) -> bool:
        """Return whether the group's staff may use *capability* at one school; `explain` says why (X1, X2, X4).

        The answer is that of `access`, at the cost of one agreement and one institution: three port calls, and one
        more for a group that has left the register.

        Raises:
            InvalidValue: An argument is not what it must be, or the capability is logging in, which only a person can
                be asked about (X3).
            UnknownGroup: The register does not know the group.
        """
        return self.explain(group, urn, capability).allowed

    def explain(self, group: GroupId, urn: int, capability: Capability) -> AccessAnswer:
        """Return the same answer with every reason, at the same cost (X4).

        The reasons are those of `access` too. About a school with which the group has neither a link nor an agreement,
        this answer knows more: its name, and whether it is closed, for example.

        Raises:
            InvalidValue: As `allows`.
            UnknownGroup: The register does not know the group.
        """
        require_group_capability(capability)
        return self._access_at(require_group(group), validation.require_urn(urn)).explain(urn, capability)

    def may_log_in(self, person: PersonId, urn: int) -> bool:
        """Return whether a group's user may log in to a school's MIS (X3); `explain_log_in` says why.

        Raises:
            InvalidValue: The person is not of a group's site, or the URN is out of range.
            UnknownGroup: The register does not know the person's group.
        """
        return self.explain_log_in(person, urn).allowed

    def explain_log_in(self, person: PersonId, urn: int) -> AccessAnswer:
        """Return whether a group's user may log in to a school's MIS, with every reason (X3, X4).

        Raises:
            InvalidValue: The person is not of a group's site, or the URN is out of range.
            UnknownGroup: The register does not know the person's group.
        """
        expected = "the PersonId of a user of a group's site"
        group = validation.require_a(person, PersonId, "person", expected).site
        if not isinstance(group, GroupId):
            raise InvalidInput("person", person, expected)
        access = self._access_at(group, validation.require_urn(urn))
        clusters = [name for name, urns in self._host.institutions.clusters(group).items() if urn in urns]
        return access.explain_log_in(self._host.person(person), urn, clusters)

    def _access_at(self, group: GroupId, urn: int) -> AccessMap:
        """Return what the group's staff may see and do at one school, at this instant."""
        now = self._host.now()
        loaded = self._host.store.load([AgreementId(group, urn)])
        return AccessMap(
            group=self._host.group(group),
            policy=self._host.policy(group),
            agreements=loaded.agreements.values(),
            unreadable={agreement.urn for agreement in loaded.unreadable},
            institutions=self._host.institutions.institutions([urn]),
            at=now,
        )

    def groups(self) -> tuple[GroupId, ...]:
        """List every group that has an agreement or an open request, or had one, in the order of the groups' text.

        So a nightly job goes through all groups. It is for those who run the system, so it needs no permission; it
        returns ids alone. What is kept under a key that names no group is passed over; `verify` names it.
        Cost: one port call.

        Raises:
            StoreError: The store could not do its work.
        """
        return tuple(self._host.store.groups())

    def problems(self, group: GroupId) -> tuple[BadHostData | Misconfigured, ...]:
        """List what the host's directories and policies return about a group and cannot be used.

        Such rows are left out everywhere, and logged; each stands here once, with whom it is about. A group without
        problems has an empty list. It is for those who run the system, so it needs no permission; the messages quote
        the wrong values.

        Cost: one call of every method of the directories, and more where a directory raises.

        Raises:
            InvalidInput: The group is not a GroupId.
            StoreError: The store could not do its work.
        """
        return problems(self._host, require_group(group))

    def verify(self, group: GroupId | None = None, *, noted: GroupDigest | None = None) -> Verification:
        """Check whether the history of a group, or of all groups, is as it was written (H3, H4).

        It finds every event that was altered, dropped, inserted or moved; every altered text of a user that was not
        erased; every instant kept beside an event that is not the event's own; every present state that differs from
        the fold of its events; and whatever is kept under a key that names no agreement. What was cut off at the end,
        removed as a whole, or rewritten as a whole together with its state, shows only against a digest that was
        noted outside.

        An event in the future, which a machine whose clock was fast has written, is a warning and no fault (T3).

        It looks at agreements and events, and not at messages, recorded outcomes and the days of registers.

        It is for those who run the system, so it needs no permission, and reports only URNs and numbers.
        It changes nothing, does not disturb writers and does not take their work for a fault. Cost: one port call and
        one pass, which holds one agreement's chain at a time.

        Args:
            group: Which group; by default all.
            noted: A digest of the group that was noted before, to compare with.

        Raises:
            InvalidValue: The group is not a GroupId, or the digest is not of this group.
            StoreError: The store could not do its work.
        """
        require_group_or_all(group)
        if noted is not None:
            validation.require_a(noted, GroupDigest, "noted", "a GroupDigest, as digest() returns")
            if group not in {None, noted.group}:
                raise InvalidInput("noted", noted.group, f"a digest of {group}")
        chains = self._host.store.chains(group)
        return verify(chains, read_event=read_event, read_state=decode_agreement, noted=noted, now=self._host.now)

    def digest(self, group: GroupId) -> GroupDigest:
        """Return the group's digest at this instant (H3).

        Note it where nobody who can write to the store can reach it. An agreement whose last event has lost its
        number or its hash is left out; `verify` names it. Cost: one port call and one pass, which holds one
        agreement's chain at a time.

        Raises:
            InvalidValue: The group is not a GroupId.
            StoreError: The store could not do its work.
        """
        now = self._host.now()
        return digest_of(group, self._host.store.chains(require_group(group)), at=now)


def _require_actor(actor: object) -> Actor:
    if not isinstance(actor, (PersonId, SystemActor)):
        raise InvalidInput("actor", actor, "a PersonId or a SystemActor")
    return actor
