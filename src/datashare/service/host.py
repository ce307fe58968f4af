"""The host's ports together, and what is read through them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

import attrs

from datashare.domain.agreements import Actor, Agreement, AgreementId, Reason, RefusalCode
from datashare.domain.agreements.authorise import why_not
from datashare.domain.instants import Instant, london_day, to_instant
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId
from datashare.domain.visibility import Visibility, visibility
from datashare.errors import InvalidValue, NotPermitted, UnknownGroup
from datashare.ports import AgreementStore, Clock, InstitutionDirectory, PeopleDirectory, Unreadable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Host:
    """Everything that the service needs of its host."""

    store: AgreementStore
    institutions: InstitutionDirectory
    people: PeopleDirectory
    clock: Clock
    policies: Callable[[GroupId], Policy]

    def now(self) -> Instant:
        """Return the present instant, in UTC."""
        return to_instant(self.clock.now(), "Clock.now()")

    def group(self, group: GroupId) -> Group:
        """Return *group* from the register; one that has left it but has agreements counts as closed (T4, T5).

        Raises:
            UnknownGroup: Neither the register nor the store knows it.
        """
        known = self.group_or_gone(group)
        if not known.in_register and not self.store.states(group):
            raise UnknownGroup(group)
        return known

    def group_or_gone(self, group: GroupId) -> Group:
        """Return *group* from the register; one that has left it counts as closed (T5, A11)."""
        return self.institutions.group(group) or gone(group)

    def policy(self, group: GroupId) -> Policy:
        """Return the policy of *group*.

        Raises:
            InvalidValue: The host's function answered with something else, or a policy for the other kind of group.
        """
        policy: object = self.policies(group)
        if not isinstance(policy, Policy) or policy.kind is not group.kind:
            raise InvalidValue(f"The policy of {group}", policy, f"a Policy for a {group.kind.label}")
        return policy

    def today(self) -> date:
        """Return the present day, in Europe/London."""
        return london_day(self.now())

    def person(self, who: Actor) -> Person | None:
        """Find who acts, as their site knows them now (P12)."""
        return self.people.people((who,)).get(who) if isinstance(who, PersonId) else None

    def require_any(
        self,
        actor: Actor,
        permissions: Iterable[Permission],
        *,
        group: GroupId,
        policy: Policy,
        day: date,
        action: str = "see data sharing agreements",
    ) -> None:
        """Check that the actor is of the group's site and holds one of these *permissions* (P12).

        Raises:
            NotPermitted: They may not do the *action*, which is worded as the end of "may not …".
        """
        why = why_not(actor, self.person(actor), permissions, home=group, policy=policy, day=day, action=action)
        if why:
            raise NotPermitted([Reason(code=RefusalCode.NOT_PERMITTED, detail=why)])

    def staff(self, urns: Collection[int]) -> dict[int, dict[PersonId, Person]]:
        """Return the people of each school's own site, by id; a directory may name others too."""
        people = self.people.at_schools(urns)
        return {urn: {person.id: person for person in people.get(urn, ()) if person.id.site == urn} for urn in urns}

    def visibility(self, group: Group, policy: Policy, urns: Collection[int], day: date) -> dict[int, Visibility]:
        """Return for each institution whether *group* sees it, with every reason that hides it (V9)."""
        known = self.institutions.institutions(urns)
        return {urn: visibility(urn, known.get(urn), group=group, policy=policy, day=day) for urn in urns}


def gone(group: GroupId) -> Group:
    """Build what stands for a group that the register does not name; it counts as closed."""
    return Group(id=group, name=f"{group.kind.label.capitalize()} {group.code}", is_open=False, in_register=False)


def unreadable_urns(states: Iterable[Agreement | Unreadable]) -> frozenset[int]:
    """Return the schools whose agreement cannot be read."""
    return frozenset(state.agreement.urn for state in states if isinstance(state, Unreadable) and state.agreement)


def present(agreements: Mapping[AgreementId, Agreement], ids: Iterable[AgreementId]) -> dict[AgreementId, Agreement]:
    """Return the agreement for each id, those without a history included."""
    return {id_: agreements.get(id_) or Agreement(id=id_) for id_ in ids}
