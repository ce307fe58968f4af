"""The host's ports together, and the facts that are read through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

import attrs

from datashare.domain.agreements import Actor, Agreement, AgreementId, Reason, RefusalCode, why_not
from datashare.domain.instants import Instant, to_instant
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId
from datashare.domain.visibility import Visibility, visibility
from datashare.errors import InvalidValue, NotPermitted, UnknownGroup
from datashare.ports import AgreementStore, Clock, InstitutionDirectory, PeopleDirectory


@attrs.frozen(kw_only=True)
class Host:
    """Everything that the service needs of its host."""

    store: AgreementStore
    institutions: InstitutionDirectory
    people: PeopleDirectory
    clock: Clock
    policies: Callable[[GroupId], Policy]

    def now(self) -> Instant:
        """Tell the present instant, in UTC."""
        return to_instant(self.clock.now(), "Clock.now()")

    def group(self, group: GroupId) -> Group:
        """Tell what the register holds of *group*; one that has agreements but has gone from it is closed (T4, T5).

        Raises:
            UnknownGroup: Neither the register nor the store holds anything of it.
        """
        found = self.institutions.group(group)
        if found is None and not self.store.states(group):
            raise UnknownGroup(group)
        return found or gone(group)

    def group_or_gone(self, group: GroupId) -> Group:
        """Tell what the register holds of *group*; one that has gone from it counts as closed (T5, A11)."""
        return self.institutions.group(group) or gone(group)

    def policy(self, group: GroupId) -> Policy:
        """Tell the policy of *group*.

        Raises:
            InvalidValue: The host gave one for the other kind of group.
        """
        policy: object = self.policies(group)
        if not isinstance(policy, Policy) or policy.kind is not group.kind:
            raise InvalidValue(f"The policy of {group}", policy, f"a Policy for a {group.kind.label}")
        return policy

    def person(self, who: Actor) -> Person | None:
        """Find who acts, as their site knows them now (P12)."""
        return self.people.people((who,)).get(who) if isinstance(who, PersonId) else None

    def see(self, group: Group, policy: Policy, urns: Iterable[int], day: date) -> dict[int, Visibility]:
        """Tell of each institution whether *group* sees it, with all reasons."""
        wanted = tuple(urns)
        found = self.institutions.institutions(wanted)
        return {urn: visibility(urn, found.get(urn), group=group, policy=policy, day=day) for urn in wanted}


def gone(group: GroupId) -> Group:
    """Stand in for a group that the register does not name; it counts as closed."""
    return Group(id=group, name=str(group), is_open=False)


def of_site(urn: int, people: Iterable[Person]) -> dict[PersonId, Person]:
    """Keep the people who are of the school's own site, by id, whoever else a directory names."""
    return {person.id: person for person in people if person.id.site == urn}


def require_port(given: object, port: type, name: str) -> None:
    """Refuse what has not all methods of a port.

    Raises:
        InvalidValue: It lacks some.
    """
    members = {name: member for name, member in vars(port).items() if not name.startswith("_")}
    lacking = [name for name, member in members.items() if not _has(given, name, member)]
    # A class has the methods too, but nothing to call them on.
    if lacking or isinstance(given, type):
        why = f"it lacks {', '.join(lacking)}" if lacking else "it is a class"
        raise InvalidValue(name, given, f"an object with all methods of {port.__name__}; {why}")


def _has(given: object, name: str, member: object) -> bool:
    return hasattr(given, name) if isinstance(member, property) else callable(getattr(given, name, None))


def require_any(
    person: Person | None,
    permissions: Iterable[Permission],
    *,
    who: Actor,
    site: GroupId | int,
    policy: Policy,
    day: date,
) -> None:
    """Refuse whoever is not of this *site* or holds none of these *permissions* (P12).

    Raises:
        NotPermitted: They may not.
    """
    why = why_not(who, person, permissions, home=site, policy=policy, day=day)
    if why:
        raise forbidden(why)


def forbidden(why: str) -> NotPermitted:
    """Make the error for somebody who may not."""
    return NotPermitted([Reason(code=RefusalCode.NOT_PERMITTED, detail=why)])


def present(agreements: Mapping[AgreementId, Agreement], wanted: Iterable[AgreementId]) -> dict[AgreementId, Agreement]:
    """Complete loaded agreements with those that have no history yet."""
    return {one: agreements.get(one) or Agreement(id=one) for one in wanted}
