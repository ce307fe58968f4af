"""All that a host needs of the register, read in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
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
from ._tables import TWICE, Progress, Table, open_table, require_progress

PROBLEMS_KEPT = 1_000

_NO_AUTHORITY = "000"
"""``LA (code)`` of *Does not apply*: schools overseas and the like, which no authority sees."""


@attrs.frozen(kw_only=True)
class Register:
    """What was read of the register, and what could not be.

    Attributes:
        institutions: The institutions kept, by URN.
        groups: Every trust and local authority that the files name, its institutions kept or not.
        successors: What succeeded what, by predecessor and successor.
        day: The register's day, from the caller or the name of the establishment file, else `None`.
        rows: How many rows the establishment file has, bad ones included. Where an unclosed quote swallows the
            lines that follow, each of those lines counts.
        problems: The rows that could not be read, of all files; the first thousand.
        problem_count: How many bad rows there were. One that swallowed lines is one, and says how many it took, so
            that *rows* can be more than the institutions and the bad rows together.
        other_links: The kinds of "Establishment links" that say nothing of succession, with their numbers.
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
    progress: Progress | None = None,
    keep: Callable[[Institution], bool] | None = None,
) -> Register:
    """Read the downloads of the register (V1, V6, V7, V8, E3, K6).

    Every file may be plain, zipped or gzipped, in UTF-8 or cp1252, as published or as saved again by another
    program. A path is opened and closed; an open file is read from where it stands, and left open.

    An institution is linked with the trusts of ``Trusts (code)`` in its row. Only where *establishments*
    lacks that column does a row of *group_links* of a trust type link it instead (V1); where the column is
    there, *group_links* supply the day on which the institution joined (V7).

    The groups are those of *groups*; then the trusts of *group_links* that are not among them; then, as open,
    those of ``Trusts (code)``; and every local authority but ``000``.

    Of rows with one URN the first is kept; another that says the same is passed over, one that differs is a
    bad row. So it is with groups.

    Cost: about 1.3 times what `csv.reader` takes to walk the establishment file, and some 550 bytes of memory
    for each institution kept.

    Args:
        establishments: "Establishment fields".
        groups: "All group records".
        group_links: "All group links records" or "Academy sponsor and trust links", one file or several.
        links: "Establishment links".
        day: The register's day in Europe/London; by default that in the name of *establishments*, such as
            ``edubasealldata20250718.csv``.
        strict: Whether the first bad row is raised, instead of all being left out and reported.
        progress: Told how far the reading of each file has come, at the start, every thousand rows, and at the end.
        keep: Tells of each institution whether to keep it, for memory's sake; of equal ones it says the same.

    Returns:
        What was read, and what could not be.

    Raises:
        InvalidValue: An argument is none of what it may be.
        RegisterUnreadable: A file is missing, damaged, empty, or not text in a known encoding.
        MissingColumns: A file lacks columns that are needed.
        BadRow: A row cannot be right, and *strict* was asked for.
    """
    if day is not None:
        to_day(day, "day")
    if keep is not None:
        validation.require_callable(keep, "keep", "a function that takes an Institution, or None")
    validation.require_a(strict, bool, "strict", "True or False")
    require_progress(progress)
    problems = _Problems(strict=strict)
    known = _Groups()
    if groups is not None:
        known.add_records(read_groups(groups, report=problems, progress=progress))
    linked = [
        link for file in _each(group_links) for link in read_group_links(file, report=problems, progress=progress)
    ]
    known.add_linked(linked)
    found, others = successors(read_links(links, report=problems, progress=progress) if links is not None else ())
    with open_table(establishments, ESTABLISHMENTS, problems, progress) as table:
        kept = _kept(table, TrustLinks(linked), known, keep)
        return Register(
            institutions=kept,
            groups=known.by_id(),
            successors=found,
            day=day or table.day,
            rows=table.rows_read,
            problems=tuple(problems.first),
            problem_count=problems.count,
            other_links=others,
        )


def _each(files: RegisterFile | Iterable[RegisterFile]) -> Iterable[RegisterFile]:
    if isinstance(files, (str, os.PathLike)) or hasattr(files, "read"):
        return (cast("RegisterFile", files),)
    return cast("Iterable[RegisterFile]", validation.require_collection(files, "group_links"))


def _kept(
    table: Table, links: TrustLinks, known: _Groups, keep: Callable[[Institution], bool] | None
) -> dict[int, Institution]:
    """Gather the institutions to keep; whatever contradicts an earlier row of the same URN is a bad row."""
    kept: dict[int, Institution] = {}
    left_out: set[int] = set()
    for institution in institutions(table, links):
        urn = institution.urn
        wanted = keep is None or keep(institution)
        if urn in kept or urn in left_out:
            # What was left out is known only by its URN; but what is wanted now cannot be the same as that.
            if kept.get(urn) != institution if wanted else urn in kept:
                table.bad(BadCell("URN", str(urn), TWICE))
            continue
        known.add_named_by(institution)
        if wanted:
            kept[urn] = institution
        else:
            left_out.add(urn)
    return kept


class _Problems:
    """Refuses bad rows, or counts them and keeps the first."""

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
    """Gathers the groups that the files name; the first file to name one decides what it is called."""

    def __init__(self) -> None:
        self._found: dict[GroupId, Group] = {}
        self._trusts: dict[str, str] = {}
        self._authorities: dict[str, str] = {}
        self._named_last: tuple[object, object] | None = None

    def add_records(self, groups: Iterable[Group]) -> None:
        """Take the groups of "All group records"."""
        self._found.update((group.id, group) for group in groups)

    def add_linked(self, links: Iterable[GroupLink]) -> None:
        """Take the trusts of the group links, which say whether they are open."""
        for link in links:
            if link.is_trust and (id_ := GroupId.mat(link.uid)) not in self._found:
                self._found[id_] = Group(
                    id=id_,
                    name=link.name or f"Trust {link.uid}",
                    is_open=link.is_open,
                    closed_on=link.closed_on,
                )

    def add_named_by(self, institution: Institution) -> None:
        """Take the trusts and the local authority of an institution's row."""
        named = institution.trusts, institution.local_authority
        if named == self._named_last:  # neighbours in the file often share them
            return
        self._named_last = named
        for link in institution.trusts:
            self._trusts.setdefault(link.uid, link.name)
        if institution.local_authority:
            self._authorities.setdefault(institution.local_authority.code, institution.local_authority.name)

    def by_id(self) -> dict[GroupId, Group]:
        """Give all of them."""
        self._authorities.pop(_NO_AUTHORITY, None)
        named = [(GroupId.mat(uid), name or f"Trust {uid}") for uid, name in self._trusts.items()]
        named += [
            (GroupId.local_authority(code), name or f"Local authority {code}")
            for code, name in self._authorities.items()
        ]
        return {id_: Group(id=id_, name=name) for id_, name in named} | self._found
