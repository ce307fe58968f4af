"""The host's ports together, and what is read through them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date

import attrs

from datashare.clock import read_clock
from datashare.domain.agreements import Actor, Agreement, AgreementId, Reason, RefusalCode
from datashare.domain.agreements.authorise import why_not
from datashare.domain.instants import Instant, london_day
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId, Institution
from datashare.domain.visibility import Visibility, visibility
from datashare.errors import BadHostData, Misconfigured, NotPermitted, UnknownGroup
from datashare.ports import AgreementStore, Clock, Unreadable, readable

from .checked import CheckedInstitutions, CheckedPeople

_log = logging.getLogger("datashare.service")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Host:
    """Everything that the service needs of its host."""

    store: AgreementStore
    institutions: CheckedInstitutions
    people: CheckedPeople
    clock: Clock
    policies: Callable[[GroupId], Policy]

    def now(self) -> Instant:
        """Return the present instant, in UTC."""
        return read_clock(self.clock)

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
        """Return *group* from the register; one that has left it counts as closed (T5, A11).

        So does one whose row cannot be used, so that it takes down no page that shows other groups too.
        """
        try:
            return self.institutions.group(group) or gone(group)
        except BadHostData as problem:
            self.institutions.report(problem)
            return gone(group)

    def policy(self, group: GroupId) -> Policy:
        """Return the policy of *group*.

        Raises:
            Misconfigured: The host's function answered with something else, or a policy for the other kind of group.
        """
        policy: object = self.policies(group)
        if not isinstance(policy, Policy) or policy.kind is not group.kind:
            raise Misconfigured(f"The policy of {group}", policy, f"a Policy for a {group.kind.label}")
        return policy

    def policy_or_none(self, group: GroupId) -> Policy | None:
        """Return the policy of *group*; of one that cannot be used, which is logged, `None`."""
        try:
            return self.policy(group)
        except Misconfigured:
            _log.error("policy.left_out", extra={"group": str(group)})
            return None

    def today(self) -> date:
        """Return the present day, in Europe/London."""
        return london_day(self.now())

    def last_register(self, group: GroupId) -> date | None:
        """Return the day of the newest register that was applied to *group*, if any was (E3).

        A day later than today was noted by a clock that was fast, and counts for nothing.
        """
        last = self.store.last_register(group)
        return last if last and last <= self.today() else None

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
        """Return the people of each school's own site, by id."""
        people = self.people.at_schools(urns)
        return {urn: {person.id: person for person in people.get(urn, ())} for urn in urns}

    def visibility(self, group: Group, policy: Policy, urns: Collection[int], day: date) -> dict[int, Visibility]:
        """Return for each institution whether *group* sees it, with every reason that hides it (V9)."""
        known = self.institutions.institutions(urns)
        return {urn: visibility(urn, known.get(urn), group=group, policy=policy, day=day) for urn in urns}


def problems(host: Host, group: GroupId) -> tuple[BadHostData | Misconfigured, ...]:
    """Read everything that the host's directories say of a group, and list what cannot be used, each thing once."""
    problem_by_text: dict[str, BadHostData | Misconfigured] = {}

    def note(problem: BadHostData | Misconfigured) -> None:
        problem_by_text.setdefault(str(problem), problem)

    def read(ask: Callable[[GroupId], Iterable[object]]) -> Iterable[object]:
        try:
            return ask(group)
        except (BadHostData, Misconfigured) as problem:
            note(problem)
            return ()

    institutions = attrs.evolve(host.institutions, report=note)
    directory = attrs.evolve(host.people, report=note)
    agreements = [state for state in host.store.states(group) if isinstance(state, Agreement)]
    own = {agreement.urn for agreement in agreements}
    linked = [school for school in read(institutions.linked) if isinstance(school, Institution)]
    urns = sorted(own | {school.urn for school in linked})
    people = {who for agreement in agreements for who in agreement.senders}
    read(lambda group: [host.policy(group)])
    read(lambda group: [institutions.group(group)])
    read(institutions.clusters)
    read(lambda _: [institutions.register_day()])
    read(lambda _: institutions.institutions(urns))
    read(lambda _: institutions.successors(urns))
    read(lambda _: directory.at_schools(urns))
    read(lambda _: directory.sites(urns))
    read(lambda _: directory.people(people))
    return tuple(problem_by_text.values())


def gone(group: GroupId) -> Group:
    """Build what stands for a group that the register does not name; it counts as closed."""
    return Group(id=group, name=f"{group.kind.label.capitalize()} {group.code}", is_open=False, in_register=False)


def by_school(states: Sequence[Agreement | Unreadable]) -> tuple[dict[int, Agreement], frozenset[int]]:
    """Return a group's agreements by their URNs, and the URNs of those that cannot be read."""
    unreadable = (state.agreement.urn for state in states if isinstance(state, Unreadable) and state.agreement)
    return {agreement.urn: agreement for agreement in readable(states)}, frozenset(unreadable)


def present(agreements: Mapping[AgreementId, Agreement], ids: Iterable[AgreementId]) -> dict[AgreementId, Agreement]:
    """Return the agreement for each id, those without a history included."""
    return {id_: agreements.get(id_) or Agreement(id=id_) for id_ in ids}
