"""All that a host needs of the register, read in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import cast

import attrs

from datashare.domain import validation
from datashare.domain.instants import to_day
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import BadRow

from ._cells import BadCell
from ._establishments import ESTABLISHMENTS, TrustLinks, institutions
from ._groups import GroupLink, read_group_links, read_groups
from ._sources import RegisterFile
from ._successors import read_links, successors
from ._tables import REPEATED, ProgressCallback, Table, open_table

PROBLEMS_KEPT = 1_000

_NO_AUTHORITY = "000"
"""``LA (code)`` of *Does not apply*: schools overseas and the like, which no authority sees."""


@attrs.frozen(kw_only=True)
class Register:
    """What was read of the register, and what could not be read.

    Attributes:
        institutions: The institutions kept, by URN.
        groups: Every trust and local authority that the files name, its institutions kept or not.
        successors: What succeeded what, by predecessor and successor.
        day: The register's day, from the caller or the name of the establishment file, else `None`.
        rows: How many rows the establishment file has, bad ones included. Where an unclosed quote takes in the
            lines that follow, each of those lines counts.
        problems: The rows that could not be read, of all files; the first thousand.
        problem_count: How many bad rows there were. A row that took in other lines counts once, so that *rows* can
            be more than the institutions and the bad rows together.
        other_links: The kinds of "Establishment links" that are not about succession, with their numbers.
    """

    institutions: Mapping[int, Institution]
    groups: Mapping[GroupId, Group]
    successors: tuple[SuccessorLink, ...] = ()
    day: date | None = None
    rows: int
    problems: tuple[BadRow, ...] = ()
    problem_count: int = 0
    other_links: Mapping[str, int] = attrs.field(factory=dict)


def read_register(
    establishments: RegisterFile,
    *,
    groups: RegisterFile | None = None,
    group_links: RegisterFile | Iterable[RegisterFile] = (),
    links: RegisterFile | None = None,
    day: date | None = None,
    strict: bool = False,
    progress: ProgressCallback | None = None,
    keep: Callable[[Institution], bool] | None = None,
) -> Register:
    """Read the downloads of the register (V1, V6, V7, V8, E3, K6).

    Every file may be plain, zipped or gzipped, in UTF-8 or cp1252, as published or as saved again by another
    program. A path is opened and closed; an open file is read from its current position, and left open.

    An institution is linked with the trusts of ``Trusts (code)`` in its row. Only where *establishments*
    lacks that column does a row of *group_links* of a trust type link it instead (V1); where the column is
    there, *group_links* supply the day on which the institution joined (V7).

    The groups are those of *groups*; then the trusts of *group_links* that are not among them; then, as open,
    those of ``Trusts (code)``; and every local authority but ``000``.

    Of rows with one URN the first is kept; another row that is equal is skipped, one that differs is a bad row.
    Groups with one UID are treated likewise.

    Cost: less than twice what `csv.reader` takes to walk the establishment file, and some 550 bytes of memory
    for each institution kept.

    Args:
        establishments: "Establishment fields".
        groups: "All group records".
        group_links: "All group links records" or "Academy sponsor and trust links", one file or several.
        links: "Establishment links".
        day: The register's day in Europe/London; by default that in the name of *establishments*, such as
            ``edubasealldata20250718.csv``.
        strict: Whether to raise the first bad row; by default bad rows are left out and reported.
        progress: Receives how far the reading of each file has come, at the start, every thousand rows, and at the
            end.
        keep: Returns whether to keep an institution, to save memory; it must treat equal institutions alike.

    Returns:
        What was read, and what could not be read.

    Raises:
        InvalidValue: An argument is invalid.
        RegisterUnreadable: A file is missing, damaged, empty, or not text in a known encoding.
        MissingColumns: A file lacks columns that are needed.
        BadRow: A row cannot be right, and *strict* is true.
    """
    if day is not None:
        to_day(day, "day")
    if keep is not None:
        validation.require_callable(keep, "keep", "a function that takes an Institution, or None")
    validation.require_a(strict, bool, "strict", "True or False")
    problems = _Problems(strict=strict)
    known = _Groups()
    if groups is not None:
        known.add_records(read_groups(groups, report=problems, progress=progress))
    linked = [
        link for file in _files(group_links) for link in read_group_links(file, report=problems, progress=progress)
    ]
    known.add_linked(linked)
    succeeded, other_links = successors(
        read_links(links, report=problems, progress=progress) if links is not None else ()
    )
    with open_table(establishments, ESTABLISHMENTS, problems, progress) as table:
        kept = _kept(table, TrustLinks(linked), known, keep)
        return Register(
            institutions=kept,
            groups=known.by_id(),
            successors=succeeded,
            day=day or table.day,
            rows=table.rows_read,
            problems=tuple(problems.first),
            problem_count=problems.count,
            other_links=other_links,
        )


def _files(group_links: RegisterFile | Iterable[RegisterFile]) -> Collection[RegisterFile]:
    if isinstance(group_links, (str, os.PathLike)) or hasattr(group_links, "read"):
        return (cast("RegisterFile", group_links),)
    return validation.require_collection(group_links, "group_links")


def _kept(
    table: Table, links: TrustLinks, groups: _Groups, keep: Callable[[Institution], bool] | None
) -> dict[int, Institution]:
    """Collect the institutions to keep, by URN, and report rows that contradict an earlier one of the same URN."""
    kept: dict[int, Institution] = {}
    left_out: set[int] = set()
    for institution in institutions(table, links):
        urn = institution.urn
        wanted = keep is None or keep(institution)
        if urn in kept or urn in left_out:
            # Only the URN of a row that was left out is known; but a row that is wanted now must differ from it.
            differs = kept.get(urn) != institution if wanted else urn in kept
            if differs:
                table.report(BadCell("URN", str(urn), REPEATED))
            continue
        groups.add_named_by(institution)
        if wanted:
            kept[urn] = institution
        else:
            left_out.add(urn)
    return kept


class _Problems:
    """Raises bad rows, or counts them and keeps the first."""

    def __init__(self, *, strict: bool) -> None:
        self.first: list[BadRow] = []
        self.count = 0
        self._strict = strict

    def __call__(self, bad: BadRow) -> None:
        if self._strict:
            raise bad
        self.count += 1
        if self.count <= PROBLEMS_KEPT:
            self.first.append(bad)


class _Groups:
    """Collects the groups that the files name; the first file to name a group decides what it is called."""

    def __init__(self) -> None:
        self._by_id: dict[GroupId, Group] = {}
        self._trusts: dict[str, str] = {}
        self._authorities: dict[str, str] = {}

    def add_records(self, groups: Iterable[Group]) -> None:
        """Add the groups of "All group records"."""
        self._by_id.update((group.id, group) for group in groups)

    def add_linked(self, links: Iterable[GroupLink]) -> None:
        """Add the trusts of the group links, which say whether they are open."""
        for link in links:
            if link.is_trust and (id_ := GroupId.mat(link.uid)) not in self._by_id:
                name = link.name or f"Trust {link.uid}"
                self._by_id[id_] = Group(id=id_, name=name, is_open=link.is_open, closed_on=link.closed_on)

    def add_named_by(self, institution: Institution) -> None:
        """Add the trusts and the local authority of an institution's row."""
        for trust in institution.trusts:
            self._trusts.setdefault(trust.uid, trust.name)
        authority = institution.local_authority
        if authority and authority.code != _NO_AUTHORITY:
            self._authorities.setdefault(authority.code, authority.name)

    def by_id(self) -> dict[GroupId, Group]:
        """Return all of them."""
        named = {GroupId.mat(uid): name or f"Trust {uid}" for uid, name in self._trusts.items()}
        for code, name in self._authorities.items():
            named[GroupId.local_authority(code)] = name or f"Local authority {code}"
        return {id_: Group(id=id_, name=name) for id_, name in named.items()} | self._by_id
