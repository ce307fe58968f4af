"""The register as plain rows, and rows as its values, for every directory of institutions over tables.

The rows have the columns of the tables that `datashare.adapters.sql` makes, in their order. A document is canonical
JSON, as `datashare.codec.encode` writes it; a day is ISO 8601 text.

To load a register: check it by `require_loadable` before the transaction begins. In it, lock the day, so that loads
take turns; delete the institutions, links and successors; mark all groups as no longer in the register, and write those
of `group_rows` over them; then write `successor_rows`, each of `institution_batches`, and the day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import attrs

from datashare.codec import (
    decode_clusters,
    decode_group,
    decode_institution,
    decode_successor_link,
    encode,
    encode_clusters,
)
from datashare.domain import validation
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, SuccessorLink
from datashare.domain.validation import Urn, rule_of
from datashare.errors import InvalidInput

from ._kinds import short
from ._reading import read_row, require_sound

__all__ = [
    "ClustersRow",
    "GroupRow",
    "InstitutionRow",
    "LinkRow",
    "LoadableRegister",
    "SuccessorRow",
    "clusters_row",
    "group_rows",
    "institution_batches",
    "require_loadable",
    "successor_rows",
    "to_clusters",
    "to_day_in_place",
    "to_group",
    "to_institution",
    "to_status",
    "to_successor",
]

_T = TypeVar("_T")

BATCH = 1_000
"""The most institutions whose rows are held at once."""


@runtime_checkable
class LoadableRegister(Protocol):
    """A register to load, such as `datashare.adapters.gias.read_register` returns."""

    @property
    def institutions(self) -> Mapping[int, Institution]:
        """The institutions, by URN."""
        ...

    @property
    def groups(self) -> Mapping[GroupId, Group]:
        """The groups, by id."""
        ...

    @property
    def successors(self) -> Collection[SuccessorLink]:
        """What succeeded what."""
        ...

    @property
    def day(self) -> date | None:
        """The day of the register in Europe/London, if it is known."""
        ...


class InstitutionRow(NamedTuple):
    """An institution; the key is the URN.

    Attributes:
        urn: Its URN.
        status: Its status, as the register's code.
        document: The institution as JSON.
    """

    urn: int
    status: int
    document: str


class LinkRow(NamedTuple):
    """The link of an institution with a group; the key is both.

    Attributes:
        group_id: The group as text, such as ``mat:5143``.
        urn: The institution.
        joined_on: The first day from which a link of the two counts; without one it always counts (V7).
    """

    group_id: str
    urn: int
    joined_on: str | None


class GroupRow(NamedTuple):
    """A group of this register or of an earlier one; the key is its id.

    Attributes:
        group_id: The group as text.
        in_register: Whether the present register names it.
        document: The group as JSON, as the last register that named it had it.
    """

    group_id: str
    in_register: bool
    document: str


class SuccessorRow(NamedTuple):
    """The succession of one institution by another; the key is the predecessor with the number.

    Attributes:
        predecessor: The URN that was succeeded.
        number: The place of the link in the register, since two institutions may have several.
        document: The link as JSON.
    """

    predecessor: int
    number: int
    document: str


class ClustersRow(NamedTuple):
    """A group's own sets of schools, which no register holds; the key is the group.

    Attributes:
        group_id: The group as text.
        document: The URNs of each cluster by its name, as JSON.
    """

    group_id: str
    document: str


_INSTITUTIONS = rule_of(Mapping[Urn, Institution])
_GROUPS = rule_of(Mapping[GroupId, Group])


def require_loadable(register: object) -> LoadableRegister:
    """Return *register* if it can be loaded: every value is of its kind, and under its own URN or id.

    Raises:
        InvalidInput: It is something else.
    """
    if not isinstance(register, LoadableRegister):
        raise InvalidInput("register", register, "a register, such as datashare.adapters.gias.read_register returns")
    _INSTITUTIONS.require(register.institutions, "register.institutions")
    _GROUPS.require(register.groups, "register.groups")
    validation.require_all(register.successors, SuccessorLink, "register.successors", "a collection of SuccessorLinks")
    if register.day is not None:
        validation.DAY.require(register.day, "register.day")
    for urn, school in register.institutions.items():
        if urn != school.urn:
            raise InvalidInput("register.institutions", urn, f"by URN; this is the key of {school.urn}")
    for id_, group in register.groups.items():
        if id_ != group.id:
            raise InvalidInput("register.groups", str(id_), f"by id; this is the key of {group.id}")
    return register


def institution_batches(register: LoadableRegister) -> Iterator[tuple[list[InstitutionRow], list[LinkRow]]]:
    """Write the institutions and their links as rows, a thousand institutions at a time, in the order of URNs."""
    urns = sorted(register.institutions)
    for start in range(0, len(urns), BATCH):
        schools = [register.institutions[urn] for urn in urns[start : start + BATCH]]
        rows = [InstitutionRow(school.urn, school.status.value, encode(school)) for school in schools]
        yield rows, [link for school in schools for link in _link_rows(school)]


def _link_rows(school: Institution) -> Iterator[LinkRow]:
    for group in school.groups:
        days = [link.joined_on for link in school.trusts if group == GroupId.mat(link.uid)]
        joined_on = min((day.isoformat() for day in days if day), default=None) if all(days) else None
        yield LinkRow(str(group), school.urn, joined_on)


def group_rows(register: LoadableRegister) -> list[GroupRow]:
    """Write the groups as rows."""
    return [GroupRow(str(group.id), True, encode(group)) for group in register.groups.values()]


def successor_rows(register: LoadableRegister) -> list[SuccessorRow]:
    """Write the links between predecessors and successors as rows."""
    return [SuccessorRow(link.predecessor, number, encode(link)) for number, link in enumerate(register.successors)]


def clusters_row(group: GroupId, clusters: Mapping[str, Iterable[int]]) -> ClustersRow:
    """Write a group's own sets of schools as a row.

    Raises:
        InvalidInput: It is something else.
    """
    return ClustersRow(str(group), encode_clusters(clusters))


def to_institution(row: InstitutionRow) -> Institution:
    """Read an institution.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return _read(decode_institution, row, f"Institution {short(row.urn)}", key=lambda school: school.urn)


def to_status(code: int) -> EstablishmentStatus:
    """Read the status of an institution; a damaged one is unknown."""
    return _STATUSES.get(code, EstablishmentStatus.UNKNOWN)


_STATUSES = {status.value: status for status in EstablishmentStatus}


def to_group(row: GroupRow) -> Group:
    """Read a group; one that the present register does not name is closed.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    group = _read(decode_group, row, f"Group {short(row.group_id)}", key=lambda group: str(group.id))
    return group if row.in_register else attrs.evolve(group, is_open=False, in_register=False)


def to_successor(row: SuccessorRow) -> SuccessorLink:
    """Read a link between a predecessor and its successor.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    what = f"A link from {short(row.predecessor)} to its successor"
    return _read(decode_successor_link, row, what, key=lambda link: link.predecessor)


def to_clusters(row: ClustersRow) -> dict[str, frozenset[int]]:
    """Read a group's own sets of schools.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return read_row(decode_clusters, row.document, f"A row with the clusters of {short(row.group_id)}")


def to_day_in_place(day: str | None) -> date | None:
    """Read the day of the register, if it is known, from ISO 8601 text.

    Raises:
        StoreUnreadable: The row was damaged.
    """
    return None if day is None else read_row(date.fromisoformat, day, "The day of the register")


def _read(
    decode: Callable[[str], _T],
    row: InstitutionRow | GroupRow | SuccessorRow,
    what: str,
    *,
    key: Callable[[_T], object],
) -> _T:
    def read(document: str) -> _T:
        value = decode(document)
        require_sound(key(value) == row[0])
        return value

    return read_row(read, row.document, what)
