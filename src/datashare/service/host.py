"""The host's ports together, and the facts that are read through them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

import attrs

from datashare.domain.agreements import Actor, Agreement, AgreementId, DecisionContext, Reason, RefusalCode, why_not
from datashare.domain.instants import Instant, london_day, to_instant
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

    def gather(self, scope: Scope, agreements: Collection[Agreement]) -> dict[int, DecisionContext]:
        """Read the facts about the schools of these agreements, at the cost of four calls whatever their number."""
        urns = {agreement.urn for agreement in agreements}
        institutions = self.institutions.institutions(urns)
        people = self.people.at_schools(urns)
        sites = self.people.sites(urns)
        others = {**self.people.people(_senders(agreements) - scope.people.keys()), **scope.people}
        return {
            urn: DecisionContext(
                now=scope.now,
                actor=scope.actor,
                command_id=scope.command_id,
                group=scope.group,
                policy=scope.policy,
                visibility=visibility(
                    urn, institutions.get(urn), group=scope.group, policy=scope.policy, day=scope.day
                ),
                site=sites.get(urn),
                people=of_site(urn, people.get(urn, ())),
                others=others,
            )
            for urn in urns
        }

    def see(self, group: Group, policy: Policy, urns: Iterable[int], day: date) -> dict[int, Visibility]:
        """Tell of each institution whether *group* sees it, with all reasons."""
        wanted = tuple(urns)
        found = self.institutions.institutions(wanted)
        return {urn: visibility(urn, found.get(urn), group=group, policy=policy, day=day) for urn in wanted}


@attrs.frozen(kw_only=True, slots=False)
class Scope:
    """What is the same for every school of one action.

    Attributes:
        now: The present instant, in UTC.
        actor: Who acts.
        command_id: Under which command.
        group: The group, as the register knows it.
        policy: The group's choices.
        people: The actor and the senders that the commands name.
    """

    now: Instant
    actor: Actor
    command_id: str
    group: Group
    policy: Policy
    people: Mapping[PersonId, Person]

    @property
    def day(self) -> date:
        """The present day, in Europe/London."""
        return london_day(self.now)


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


def _senders(agreements: Iterable[Agreement]) -> set[PersonId]:
    """Find the group's people behind the agreements, since they may have to be told (A8)."""
    return {who for agreement in agreements for who in agreement.senders}


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
