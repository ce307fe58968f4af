"""Registers and people in memory, replaced as a whole or person by person."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

import attrs

from datashare.domain import validation
from datashare.domain.agreements.authorise import MAY_ALWAYS_LACK, MOST_GONE_PERCENT, shrunk_register
from datashare.domain.instants import to_day
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.domain.validation import Key, Percent, Urn, rule_of, to_frozenset, to_mapping
from datashare.errors import InvalidInput, Refused
from datashare.ports import arguments

_K = TypeVar("_K")
_V = TypeVar("_V")


_PERCENT = rule_of(Percent)
_CLUSTERS = rule_of(Mapping[GroupId, Mapping[Key, frozenset[Urn]]])


def _to_sets(named: Mapping[str, Iterable[int]]) -> Mapping[str, frozenset[int]]:
    return to_mapping(named, to_frozenset)


@attrs.frozen(kw_only=True)
class _Register:
    """One state of the register; it is replaced as a whole, so that no answer mixes two states."""

    institutions: Mapping[int, Institution]
    linked: Mapping[GroupId, tuple[Institution, ...]]
    groups: Mapping[GroupId, Group]
    clusters: Mapping[GroupId, Mapping[str, frozenset[int]]]
    successors: Mapping[int, tuple[SuccessorLink, ...]]
    day: date | None


_NOTHING = _Register(institutions={}, linked={}, groups={}, clusters={}, successors={}, day=None)


class MemoryInstitutionDirectory:
    """A register in memory, as a `datashare.ports.InstitutionDirectory`."""

    def __init__(
        self,
        institutions: Iterable[Institution],
        *,
        groups: Iterable[Group],
        clusters: Mapping[GroupId, Mapping[str, Iterable[int]]] | None = None,
        successors: Iterable[SuccessorLink] = (),
        register_day: date | None = None,
    ) -> None:
        """Hold this register; see `replace`.

        Raises:
            Misconfigured: An argument is invalid, or two different values share a URN or an id.
        """
        self._register = _NOTHING
        with validation.setting_up():
            self.replace(
                institutions, groups=groups, clusters=clusters, successors=successors, register_day=register_day
            )

    def replace(
        self,
        institutions: Iterable[Institution],
        *,
        groups: Iterable[Group],
        clusters: Mapping[GroupId, Mapping[str, Iterable[int]]] | None = None,
        successors: Iterable[SuccessorLink] = (),
        register_day: date | None = None,
        most_gone_percent: int = MOST_GONE_PERCENT,
    ) -> None:
        """Replace the present register, all at once; of groups that it no longer names, only the name is kept.

        Args:
            institutions: Everything that the register holds, or the part that matters.
            groups: The groups.
            clusters: Each group's own sets of schools: their URNs, by name.
            successors: The register's links between predecessors and successors.
            register_day: The day of the register, in Europe/London.
            most_gone_percent: How many per cent of the institutions, or of the closed ones, the register may lack that
                the present one has; a hundred of them it may always lack (E3).

        Raises:
            Refused: It lacks more, so it is not whole; the present register then stays.
            InvalidInput: An argument is invalid, or two different values share a URN or an id; the present register
                then stays.
        """
        by_urn: dict[int, Institution] = {}
        for institution in validation.require_all(
            institutions, Institution, "institutions", "a collection of Institutions"
        ):
            if by_urn.setdefault(institution.urn, institution) != institution:
                raise InvalidInput("institutions", institution.urn, "equal where they share a URN")
        by_id: dict[GroupId, Group] = {}
        for group in validation.require_all(groups, Group, "groups", "a collection of Groups"):
            if by_id.setdefault(group.id, group) != group:
                raise InvalidInput("groups", str(group.id), "equal where they share an id")
        _require_whole(self._register.institutions, by_urn, _PERCENT.require(most_gone_percent, "most_gone_percent"))
        links = validation.require_all(successors, SuccessorLink, "successors", "a collection of SuccessorLinks")
        former = {
            id_: attrs.evolve(group, is_open=False, in_register=False)
            for id_, group in self._register.groups.items()
            if id_ not in by_id
        }
        self._register = _Register(
            institutions=by_urn,
            linked=_grouped((group, school) for school in by_urn.values() for group in school.groups),
            groups=by_id | former,
            clusters=_CLUSTERS.require({} if clusters is None else to_mapping(clusters, _to_sets), "clusters"),
            successors=_grouped((link.predecessor, link) for link in links),
            day=to_day(register_day, "register_day") if register_day is not None else None,
        )

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group with this id, if this register holds it, or one before did."""
        arguments.require_group(group)
        return self._register.groups.get(group)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*, whatever their status or joining day."""
        arguments.require_group(group)
        return self._register.linked.get(group, ())

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""
        held = self._register.institutions
        return {urn: held[urn] for urn in validation.require_urns(urns, "urns") if urn in held}

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the group's own sets of schools: the URNs of each, by name (B6)."""
        arguments.require_group(group)
        return dict(self._register.clusters.get(group, {}))

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns* (E5)."""
        held = self._register.successors
        return [link for urn in dict.fromkeys(validation.require_urns(urns, "urns")) for link in held.get(urn, ())]

    def register_day(self) -> date | None:
        """Return the day of the register, in Europe/London, if it is known."""
        return self._register.day


def _require_whole(held: Mapping[int, Institution], present: Mapping[int, Institution], percent: int) -> None:
    """Refuse a register that lacks too many schools; up to `MAY_ALWAYS_LACK` may always be missing (E3)."""
    statuses = {urn: school.status for urn, school in held.items()}
    shrunk = shrunk_register(statuses, present, most_gone_percent=percent, always=MAY_ALWAYS_LACK)
    if shrunk:
        raise Refused([shrunk])


def _grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, tuple[_V, ...]]:
    lists: dict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        lists[key].append(value)
    return {key: tuple(values) for key, values in lists.items()}


class MemoryPeopleDirectory:
    """People and school sites in memory, as a `datashare.ports.PeopleDirectory`."""

    def __init__(self, people: Iterable[Person] = (), *, sites: Iterable[SchoolSite] = ()) -> None:
        """Hold these people and sites.

        Raises:
            Misconfigured: One of them is something else.
        """
        self._lock = threading.Lock()
        self._people: dict[PersonId, Person] = {}
        self._by_school: dict[int, dict[PersonId, Person]] = defaultdict(dict)
        self._sites: dict[int, SchoolSite] = {}
        with validation.setting_up():
            self.put(*validation.require_all(people, Person, "people", "a collection of Persons"))
            self.put_sites(*validation.require_all(sites, SchoolSite, "sites", "a collection of SchoolSites"))

    def put(self, *people: Person) -> None:
        """Add people; replace those with the same ids."""
        validation.require_all(people, Person, "people", "Persons")
        with self._lock:
            for person in people:
                self._people[person.id] = person
                if isinstance(person.id.site, int):
                    self._by_school[person.id.site][person.id] = person

    def remove(self, *ids: PersonId) -> None:
        """Remove people; ignore ids that are not known."""
        validation.require_all(ids, PersonId, "ids", "PersonIds")
        with self._lock:
            for person_id in ids:
                self._people.pop(person_id, None)
                if isinstance(person_id.site, int):
                    self._by_school[person_id.site].pop(person_id, None)

    def put_sites(self, *sites: SchoolSite) -> None:
        """Add school sites; replace those with the same URNs."""
        validation.require_all(sites, SchoolSite, "sites", "SchoolSites")
        with self._lock:
            self._sites.update((site.urn, site) for site in sites)

    def remove_site(self, urn: int) -> None:
        """Remove a school's site; ignore a URN that is not known."""
        validation.require_urn(urn)
        with self._lock:
            self._sites.pop(urn, None)

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of each school's site."""
        wanted = validation.require_urns(urns, "urns")
        with self._lock:
            return {urn: tuple(self._by_school[urn].values()) for urn in wanted if self._by_school.get(urn)}

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people of any site by their ids."""
        wanted = validation.require_all(ids, PersonId, "ids", "a collection of PersonIds")
        with self._lock:
            return {person_id: self._people[person_id] for person_id in wanted if person_id in self._people}

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the MIS sites of schools."""
        wanted = validation.require_urns(urns, "urns")
        with self._lock:
            return {urn: self._sites[urn] for urn in wanted if urn in self._sites}
