"""All that a host needs of the register, read in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import cast

import attrs

from datashare.domain import validation
from datashare.domain.instants import to_day
from datashare.domain.register import (
    NO_AUTHORITY,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    RegisterSummary,
    SuccessorLink,
    TrustType,
)
from datashare.errors import BadRow, InvalidInput, RegisterUnreadable

from ._cells import BadCell
from ._establishments import ESTABLISHMENTS, STATUS, TrustLinks, institutions
from ._groups import GROUP_LINKS, GROUPS, GroupLink, GroupReader, nameless
from ._problems import Problems, RegisterWarning
from ._sources import RegisterFile
from ._successors import LINKS, establishment_links, successors
from ._tables import REPEATED, Download, ProgressCallback, Table, open_table

SHARE_LOST = 0.01
SHOULD_HAVE_CLOSED = 100
"""Of so many schools some are closed, in a file of the whole register."""


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
        problem_count: How many such rows there were. A row that took in other lines counts once, so that *rows* can
            be more than the institutions and the bad rows together.
        warnings: What else could not be read or is odd, of all files, counted by column: the rows are here all the
            same.
        summary: How many institutions of each status the establishment file holds, those that were not kept
            included. Keep it for *older* of the next register.
        other_links: The kinds of "Establishment links" that are not about succession, with their numbers.
    """

    institutions: Mapping[int, Institution]
    groups: Mapping[GroupId, Group]
    successors: tuple[SuccessorLink, ...] = ()
    day: date | None = None
    rows: int
    problems: tuple[BadRow, ...] = ()
    problem_count: int = 0
    warnings: tuple[RegisterWarning, ...] = ()
    summary: RegisterSummary = attrs.field(factory=RegisterSummary)
    other_links: Mapping[str, int] = attrs.field(factory=dict)


def read_register(
    establishments: RegisterFile,
    *,
    groups: RegisterFile | None = None,
    group_links: RegisterFile | Iterable[RegisterFile] = (),
    links: RegisterFile | None = None,
    day: date | None = None,
    strict: bool = False,
    share_lost: float = SHARE_LOST,
    older: RegisterSummary | None = None,
    progress: ProgressCallback | None = None,
    keep: Callable[[Institution], bool] | None = None,
) -> Register:
    """Read the downloads of the register (V1, V6, V7, V8, E3, K6).

    Every file may be plain, zipped or gzipped, in UTF-8 or cp1252, as published or as saved again by another
    program. A path is opened and closed; an open file is read from its current position, and left open.

    An institution is linked with the trusts of ``Trusts (code)`` in its row. Only where *establishments*
    lacks that column does a row of *group_links* of a trust type link it instead (V1); where the column is
    there, *group_links* supply the day on which the institution joined (V7).

    The groups are those of *groups*; then the trusts of *group_links* that are not among them; then those of
    ``Trusts (code)``; and every local authority but ``000``. A trust that only ``Trusts (code)`` names counts as open,
    unless a row of *groups* or *group_links* that is lost, or of another type, may have closed it (V8).

    A row is lost where it cannot be split into its cells, or where a cell that decides something cannot be read:
    which institution or group it is, whether it is open, which groups see it. Any other cell that cannot be read
    counts as empty and is counted in *warnings* (V4).

    Of rows with one URN the first is kept; another row that is equal is skipped, one that differs is a bad row.
    Groups with one UID are treated likewise, but any row of any file that says that the group is closed closes it (V8).

    A file is refused (V12) if more than *share_lost* of its rows are lost, or more than five where it has fewer than
    a hundred; if it is another download; if it shows days in two orders; and if it is larger than any download of the
    register: 128 MB unpacked, 100 times its packed size, 100,000 rows, 250,000 lines, 1,000 columns, 256 kB a row,
    40 MB or 200,000 different values in the columns that are read.

    Cost: less than twice what `csv.reader` takes to walk the establishment file, and some 550 bytes of memory
    for each institution kept.

    Args:
        establishments: "Establishment fields".
        groups: "All group records".
        group_links: "All group links records" or "Academy sponsor and trust links", one file or several.
        links: "Establishment links".
        day: The register's day in Europe/London; by default that in the name of *establishments*, such as
            ``edubasealldata20250718.csv``.
        strict: Whether to raise the first bad row or cell; by default it is left out and reported.
        share_lost: The share of a file's rows that may be lost, from 0 to 1, and of the institutions of *older* that
            may be gone.
        older: The summary of the register in place; a register never loses institutions, so one that holds far
            fewer is refused.
        progress: Receives how far the reading of each file has come, at the start, every thousand rows, and at the
            end.
        keep: Returns whether to keep an institution, to save memory; it must treat equal institutions alike.

    Returns:
        What was read, and what could not be read.

    Raises:
        InvalidValue: An argument is invalid.
        RegisterUnreadable: A file is missing, damaged, empty, refused, or not text in a known encoding.
        MissingColumns: A file lacks columns that are needed.
        BadRow: A row or a cell cannot be right, and *strict* is true.
    """
    _check_arguments(day, strict, share_lost, older, keep)
    problems = Problems(strict=strict)
    known = _Groups()

    @contextmanager
    def opened(file: RegisterFile, kind: Download) -> Iterator[Table]:
        with open_table(file, kind, problems, progress, share_lost=share_lost, again=problems.again) as table:
            yield table
            if table.ends_short:
                why = "ends with a row that is not whole, so it may be cut short"
                problems.warn(table.file, "", why)

    if groups is not None:
        with opened(groups, GROUPS) as table:
            known.add_records(table)
    linked: list[GroupLink] = []
    for file in _files(group_links):
        with opened(file, GROUP_LINKS) as table:
            linked += known.add_links(table)
    succeeded, other_links = successors(())
    if links is not None:
        with opened(links, LINKS) as table:
            succeeded, other_links = successors(establishment_links(table))
    with opened(establishments, ESTABLISHMENTS) as table:
        statuses: list[EstablishmentStatus] = []
        kept = _kept(table, TrustLinks(linked), known, statuses, keep)
        summary = RegisterSummary.of(statuses)
        _check_summary(table, summary, older, share_lost, problems)
    return Register(
        institutions=kept,
        groups=known.by_id(problems),
        successors=succeeded,
        day=day or table.day,
        rows=table.rows_read,
        problems=tuple(problems.first),
        problem_count=problems.count,
        warnings=problems.warnings,
        summary=summary,
        other_links=other_links,
    )


def _check_arguments(
    day: date | None,
    strict: bool,
    share_lost: float,
    older: RegisterSummary | None,
    keep: Callable[[Institution], bool] | None,
) -> None:
    if day is not None:
        to_day(day, "day")
    if keep is not None:
        validation.require_callable(keep, "keep", "a function that takes an Institution, or None")
    validation.require_a(strict, bool, "strict", "True or False")
    if type(share_lost) not in {int, float} or not 0 <= share_lost <= 1:
        raise InvalidInput("share_lost", share_lost, "a number from 0 to 1, such as 0.01")
    if older is not None:
        validation.require_a(older, RegisterSummary, "older", "the summary of a Register, or None")


def _files(group_links: RegisterFile | Iterable[RegisterFile]) -> Collection[RegisterFile]:
    if isinstance(group_links, (str, os.PathLike)) or hasattr(group_links, "read"):
        return (cast("RegisterFile", group_links),)
    return validation.require_collection(group_links, "group_links")


def _kept(
    table: Table,
    links: TrustLinks,
    groups: _Groups,
    statuses: list[EstablishmentStatus],
    keep: Callable[[Institution], bool] | None,
) -> dict[int, Institution]:
    """Collect the institutions to keep, by URN, and report rows that contradict an earlier one of the same URN.

    Args:
        table: The establishments.
        links: What the group links say.
        groups: Receives the groups of every institution.
        statuses: Receives the status of every institution.
        keep: Returns whether to keep an institution.
    """
    kept: dict[int, Institution] = {}
    left_out: set[int] = set()
    for institution in institutions(table, links, groups.trust_types):
        urn = institution.urn
        wanted = keep is None or keep(institution)
        if urn in kept or urn in left_out:
            # Only the URN of a row that was left out is known; but a row that is wanted now must differ from it.
            differs = kept.get(urn) != institution if wanted else urn in kept
            if differs:
                table.report(BadCell("URN", str(urn), REPEATED))
            continue
        groups.add_named_by(institution)
        statuses.append(institution.status)
        if wanted:
            kept[urn] = institution
        else:
            left_out.add(urn)
    return kept


def _check_summary(
    table: Table, summary: RegisterSummary, older: RegisterSummary | None, share_lost: float, problems: Problems
) -> None:
    """Refuse a register that lost institutions of the older one, and warn of one without closed schools."""
    if older is not None and summary.share_gone_since(older) > share_lost:
        raise RegisterUnreadable(
            table.file,
            f"it has {summary}; the register in place has {older}. A register keeps schools that closed, so this file "
            "is cut short or leaves schools out. Download it again.",
        )
    if not summary.closed and summary.total >= SHOULD_HAVE_CLOSED:
        why = "says of no school that it is closed, so the file leaves schools out"
        problems.warn(table.file, STATUS, why)


class _Groups:
    """Collects the groups that the files name; any row that closes one closes it (V8).

    Attributes:
        trust_types: The types of trusts that the establishments tell, by UID.
    """

    def __init__(self) -> None:
        self.trust_types: dict[str, TrustType] = {}
        self._by_id: dict[GroupId, Group] = {}
        self._trusts: dict[str, str] = {}
        self._authorities: dict[str, str] = {}
        self._records = self._doubted_in = ""
        self._doubtful: set[str] = set()
        self._doubts_all = False

    def add_records(self, table: Table) -> None:
        """Add the groups of "All group records"."""
        self._records = table.file
        reader = GroupReader(table)
        self._by_id.update((group.id, group) for group in reader.groups())
        self._add_doubts(reader, table)

    def add_links(self, table: Table) -> Iterator[GroupLink]:
        """Yield the group links, and add their trusts; one that is closed closes its trust."""
        reader = GroupReader(table)
        for link in reader.links():
            id_ = GroupId.mat(link.uid)
            if link.is_trust and id_ not in self._by_id:
                self._by_id[id_] = Group(
                    id=id_,
                    name=link.name or nameless(link.uid),
                    is_open=link.is_open,
                    closed_on=link.closed_on,
                    trust_type=link.trust_type,
                )
            elif link.is_trust and not link.is_open and self._by_id[id_].is_open:
                self._by_id[id_] = attrs.evolve(self._by_id[id_], is_open=False, closed_on=link.closed_on)
            yield link
        self._add_doubts(reader, table)

    def add_named_by(self, institution: Institution) -> None:
        """Add the trusts and the local authority of an institution's row."""
        for trust in institution.trusts:
            if not self._trusts.get(trust.uid):
                self._trusts[trust.uid] = trust.name
        authority = institution.local_authority
        if authority and authority.code != NO_AUTHORITY and not self._authorities.get(authority.code):
            self._authorities[authority.code] = authority.name

    def by_id(self, problems: Problems) -> dict[GroupId, Group]:
        """Return all of them; report the trusts that no row about groups names, though there is a file of them."""
        groups: dict[GroupId, Group] = {}
        for uid, name in self._trusts.items():
            is_open = not (self._doubts_all or uid in self._doubtful)
            id_ = GroupId.mat(uid)
            groups[id_] = Group(
                id=id_, name=name or nameless(uid), is_open=is_open, trust_type=self.trust_types.get(uid)
            )
            if id_ not in self._by_id and (self._records or not is_open):
                counts = "open" if is_open else "closed, since a row that says so, or was lost, may be about it"
                why = f"lacks a trust that schools are in, which counts as {counts}"
                problems.warn(self._records or self._doubted_in, "Group UID", why, uid)
        for code, name in self._authorities.items():
            id_ = GroupId.local_authority(code)
            groups[id_] = Group(id=id_, name=name or f"Local authority {code}")
        for id_, group in self._by_id.items():
            has_name = group.name != nameless(id_.code) or id_ not in groups
            name = group.name if has_name else groups[id_].name
            trust_type = group.trust_type or self.trust_types.get(id_.code)
            is_open = group.is_open and id_.code not in self._doubtful
            same = (name, trust_type, is_open) == (group.name, group.trust_type, group.is_open)
            groups[id_] = group if same else attrs.evolve(group, name=name, trust_type=trust_type, is_open=is_open)
        return groups

    def _add_doubts(self, reader: GroupReader, table: Table) -> None:
        if reader.doubtful or reader.doubts_all:
            self._doubted_in = table.file
        self._doubtful |= reader.doubtful
        self._doubts_all = self._doubts_all or reader.doubts_all
