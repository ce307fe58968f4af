"""What a host calls: data sharing on behalf of a group, of a school, or as a question of access."""

from __future__ import annotations

from collections.abc import Callable

from datashare.clock import SystemClock
from datashare.domain import validation
from datashare.domain.access import AccessAnswer, AccessMap
from datashare.domain.agreements import Actor, AgreementId, Batch, SystemActor
from datashare.domain.chain import GroupDigest
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification
from datashare.errors import InvalidValue
from datashare.ports import AgreementStore, Clock, InstitutionDirectory, PeopleDirectory, ProgressCallback
from datashare.ports.arguments import require_group

from .execute import run
from .group import GroupSide, for_user
from .history import digested, verified
from .host import Host, require_port
from .outcomes import Outcomes
from .school import SchoolSide


def usual_policy(group: GroupId) -> Policy:
    """Give the usual policy of a group of its kind."""
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
            clock: Tells the instant; the machine's clock, unless another is given.
            policies: Tells each group's choices; the usual ones of its kind, unless others are given.

        Raises:
            InvalidValue: A port lacks methods that it must have, or *policies* cannot be called.
        """
        require_port(store, AgreementStore, "store")
        require_port(institutions, InstitutionDirectory, "institutions")
        require_port(people, PeopleDirectory, "people")
        if clock is not None:
            require_port(clock, Clock, "clock")
        validation.require_callable(policies, "policies", "a function from a GroupId to its Policy")
        self._host = Host(
            store=store,
            institutions=institutions,
            people=people,
            clock=SystemClock() if clock is None else clock,
            policies=policies,
        )

    def for_group(self, group: GroupId, *, actor: Actor) -> GroupSide:
        """Act and read for a group, on behalf of one of its users or of a named system.

        Raises:
            InvalidValue: The group or the actor is none.
        """
        require_group(group)
        return for_user(self._host, group, _require_actor(actor))

    def for_school(self, urn: int, *, actor: Actor) -> SchoolSide:
        """Read and answer for a school, on behalf of one of its users.

        Raises:
            InvalidValue: The URN or the actor is none.
        """
        return SchoolSide(self._host, validation.require_urn(urn), _require_actor(actor))

    def run(self, batch: Batch, *, progress: ProgressCallback | None = None) -> Outcomes:
        """Carry out an action that came as a value, for example through a queue (K1-K6).

        Raises:
            Refused: The action is refused as a whole.
            UnknownGroup: The register does not know the group.
            StoreError: The store could not do its work; repeat with the same batch.
        """
        return run(self._host, _require_batch(batch), progress=progress)

    def preview(self, batch: Batch) -> Outcomes:
        """Tell exactly what `run` would do, and do nothing (K3).

        Raises:
            Refused: The action would be refused as a whole.
            UnknownGroup: The register does not know the group.
            StoreError: The store could not do its work.
        """
        return run(self._host, _require_batch(batch), preview=True)

    def access(self, group: GroupId) -> AccessMap:
        """Show what the group's staff may see and do at every school, at this instant (X1, X2, X4).

        Cost: four port calls and one pass; each question afterwards costs two look-ups.

        Raises:
            UnknownGroup: The register does not know the group.
        """
        require_group(group)
        now = self._host.now()
        agreements = self._host.store.states(group)
        linked = {one.urn: one for one in self._host.institutions.linked(group)}
        strangers = {one.urn for one in agreements} - linked.keys()
        return AccessMap(
            group=self._host.group(group),
            policy=self._host.policy(group),
            agreements=agreements,
            institutions={**linked, **self._host.institutions.institutions(strangers)},
            at=now,
        )

    def may_log_in(self, person: PersonId, urn: int) -> bool:
        """Tell whether a group's user may log in to a school's MIS (X3); `explain_log_in` tells why.

        Raises:
            InvalidValue: The person is of no group's site, or the URN is none.
            UnknownGroup: The register does not know the person's group.
        """
        return self.explain_log_in(person, urn).allowed

    def explain_log_in(self, person: PersonId, urn: int) -> AccessAnswer:
        """Tell with every reason whether a group's user may log in to a school's MIS (X3, X4).

        Raises:
            InvalidValue: The person is of no group's site, or the URN is none.
            UnknownGroup: The register does not know the person's group.
        """
        group = _group_of(person)
        key = AgreementId(group, validation.require_urn(urn))
        found = AccessMap(
            group=self._host.group(group),
            policy=self._host.policy(group),
            agreements=self._host.store.load([key]).agreements.values(),
            institutions=self._host.institutions.institutions([urn]),
            at=self._host.now(),
        )
        clusters = self._host.institutions.clusters(group)
        mine = [name for name, urns in clusters.items() if urn in urns]
        return found.explain_log_in(self._host.person(person), urn, mine)

    def verify(self, group: GroupId | None = None, *, noted: GroupDigest | None = None) -> Verification:
        """Tell whether the history of a group, or of all, is as it was written, and what is wrong first (H3, H4).

        It finds every event that was altered, dropped, inserted or moved, whatever people wrote that was altered and
        not erased, each instant that is kept beside an event and is not its own, each present state that is not what
        its events come to, and whatever is kept under a key that names no agreement. What is cut off at the end,
        removed as a whole or rewritten as a whole, with its state, shows against a digest that was noted outside.

        It is for whoever keeps the system running, so it asks for no permission, and tells URNs and numbers alone.
        Nothing is changed, and writers at work are neither disturbed nor taken for a fault. Cost: one port call and
        one pass, in which one agreement's chain is held at a time.

        Args:
            group: Which group; all, unless one is named.
            noted: A digest of the group that was noted before; it is compared too.

        Raises:
            InvalidValue: The group is none, or the digest is none of this group.
            StoreError: The store could not do its work.
        """
        return verified(self._host, group, noted)

    def digest(self, group: GroupId) -> GroupDigest:
        """Give the group's digest at this instant, to be noted where nobody can reach who can write to the store (H3).

        An agreement whose last event has no number or no hash, since it was damaged, is left out; `verify` names it.
        Cost: one port call and one pass, in which one agreement's chain is held at a time.

        Raises:
            InvalidValue: The group is none.
            StoreError: The store could not do its work.
        """
        return digested(self._host, group)


def _group_of(person: object) -> GroupId:
    if not isinstance(person, PersonId) or not isinstance(person.site, GroupId):
        raise InvalidValue("person", person, "the PersonId of a user of a group's site")
    return person.site


def _require_actor(actor: Actor) -> Actor:
    found: object = actor
    if not isinstance(found, (PersonId, SystemActor)):
        raise InvalidValue("actor", actor, "a PersonId or a SystemActor")
    return found


def _require_batch(batch: object) -> Batch:
    return validation.require_a(batch, Batch, "batch", "a Batch")
