"""Registers and people in memory, replaced as a whole or person by person."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.instants import to_day
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import InvalidValue


@attrs.frozen(kw_only=True)
class _Register:
    """One state of the register, replaced as a whole."""

    institutions: Mapping[int, Institution]
    linked: Mapping[GroupId, tuple[Institution, ...]]
    groups: Mapping[GroupId, Group]
    clusters: Mapping[GroupId, Mapping[str, frozenset[int]]]
    successors: Mapping[int, tuple[SuccessorLink, ...]]
    day: date | None


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
        """Hold these facts; see `replace`."""
        self.replace(institutions, groups=groups, clusters=clusters, successors=successors, register_day=register_day)

    def replace(
        self,
        institutions: Iterable[Institution],
        *,
        groups: Iterable[Group],
        clusters: Mapping[GroupId, Mapping[str, Iterable[int]]] | None = None,
        successors: Iterable[SuccessorLink] = (),
        register_day: date | None = None,
    ) -> None:
        """Put a newer register in the place of the present one, all at once.

        Args:
            institutions: Everything that the register holds, or as much as matters.
            groups: The groups.
            clusters: Each group's own sets of schools: their URNs, by name.
            successors: The register's links between predecessors and successors.
            register_day: The day of the register, in Europe/London.

        Raises:
            InvalidValue: One of them is none of what it should be, or two that differ share a URN or an id; then
                the register that was there before stays.
        """
        by_urn: dict[int, Institution] = {}
        for one in validation.require_all(institutions, Institution, "institutions", "a collection of Institutions"):
            if by_urn.setdefault(one.urn, one) != one:
                raise InvalidValue("institutions", one.urn, "given once for each URN, or always alike")
        by_id: dict[GroupId, Group] = {}
        for known in validation.require_all(groups, Group, "groups", "a collection of Groups"):
            if by_id.setdefault(known.id, known) != known:
                raise InvalidValue("groups", str(known.id), "given once for each id, or always alike")
        linked: dict[GroupId, list[Institution]] = defaultdict(list)
        for institution in by_urn.values():
            for group in institution.groups:
                linked[group].append(institution)
        by_predecessor: dict[int, list[SuccessorLink]] = defaultdict(list)
        for link in validation.require_all(successors, SuccessorLink, "successors", "a collection of SuccessorLinks"):
            by_predecessor[link.predecessor].append(link)
        self._register = _Register(
            institutions=by_urn,
            linked={group: tuple(found) for group, found in linked.items()},
            groups=by_id,
            clusters={} if clusters is None else _clusters(clusters),
            successors={urn: tuple(found) for urn, found in by_predecessor.items()},
            day=None if register_day is None else to_day(register_day, "register_day"),
        )

    def group(self, group: GroupId, /) -> Group | None:
        """Tell what the register holds under this identity, if anything."""
        _require_group(group)
        return self._register.groups.get(group)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*, whatever their status or joining day."""
        _require_group(group)
        return self._register.linked.get(group, ())

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""
        held = self._register.institutions
        return {urn: held[urn] for urn in validation.require_urns(urns, "urns") if urn in held}

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Give the group's own sets of schools: the URNs of each, by name (B6)."""
        _require_group(group)
        return dict(self._register.clusters.get(group, {}))

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns* (E5)."""
        held = self._register.successors
        return [link for urn in dict.fromkeys(validation.require_urns(urns, "urns")) for link in held.get(urn, ())]

    def register_day(self) -> date | None:
        """Tell the day of the register, in Europe/London, where it is known."""
        return self._register.day


def _clusters(given: object) -> dict[GroupId, dict[str, frozenset[int]]]:
    found: dict[GroupId, dict[str, frozenset[int]]] = {}
    for group, named in _pairs(given, "clusters"):
        _require_group(group, "clusters")
        found[group] = {
            validation.require_key(name, f"The name of a cluster of {group}"): frozenset(
                validation.require_urns(urns, f"The URNs of cluster {name!r} of {group}")
            )
            for name, urns in _pairs(named, f"The clusters of {group}")
        }
    return found


def _pairs(given: object, what: str) -> Iterable[tuple[Any, Any]]:
    if not isinstance(given, Mapping):
        raise InvalidValue(what, given, "a mapping, such as {GroupId.mat('5143'): {'North': [100000]}}")
    return given.items()


def _require_group(group: object, what: str = "group") -> None:
    validation.require_a(group, GroupId, what, "a GroupId, such as GroupId.mat('5143')")


class MemoryPeopleDirectory:
    """People and school sites in memory, as a `datashare.ports.PeopleDirectory`."""

    def __init__(self, people: Iterable[Person] = (), *, sites: Iterable[SchoolSite] = ()) -> None:
        """Hold these people and sites."""
        self._lock = threading.Lock()
        self._people: dict[PersonId, Person] = {}
        self._by_school: dict[int, dict[PersonId, Person]] = defaultdict(dict)
        self._sites: dict[int, SchoolSite] = {}
        self.put(*validation.require_all(people, Person, "people", "a collection of Persons"))
        self.put_sites(*validation.require_all(sites, SchoolSite, "sites", "a collection of SchoolSites"))

    def put(self, *people: Person) -> None:
        """Add people, or put them in the place of those with the same ids."""
        validation.require_all(people, Person, "people", "Persons")
        with self._lock:
            for person in people:
                self._people[person.id] = person
                if isinstance(person.id.site, int):
                    self._by_school[person.id.site][person.id] = person

    def remove(self, *ids: PersonId) -> None:
        """Forget people; who is not known is passed over."""
        validation.require_all(ids, PersonId, "ids", "PersonIds")
        with self._lock:
            for who in ids:
                self._people.pop(who, None)
                if isinstance(who.site, int):
                    self._by_school[who.site].pop(who, None)

    def put_sites(self, *sites: SchoolSite) -> None:
        """Add school sites, or put them in the place of those with the same URNs."""
        validation.require_all(sites, SchoolSite, "sites", "SchoolSites")
        with self._lock:
            self._sites.update((site.urn, site) for site in sites)

    def remove_site(self, urn: int) -> None:
        """Forget a school's site; what is not known is passed over."""
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
            return {who: self._people[who] for who in wanted if who in self._people}

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the MIS sites of schools."""
        wanted = validation.require_urns(urns, "urns")
        with self._lock:
            return {urn: self._sites[urn] for urn in wanted if urn in self._sites}
