"""The groups: "All group records", and which institution belongs to which (both downloads of group links)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import attrs

from datashare.domain.register import Group, GroupId

from ._cells import BadCell, read_code, read_day, read_text, read_uid, read_urn
from ._sources import RegisterFile
from ._tables import REPEATED, Download, ProgressCallback, ReportCallback, open_table, refuse

_UID = ("Group UID", "Linked UID")
_TYPE = ("Group Type (code)", "Group Type")
_STATUS = ("Group Status (code)", "Group Status")

GROUPS = Download(
    what='"All group records"',
    argument="groups",
    cells=(_UID, ("Group Name",), _TYPE[:1], _TYPE[1:], _STATUS[:1], _STATUS[1:], ("Closed Date",)),
    needed=(_UID, ("Group Name",), _TYPE, _STATUS),
)
GROUP_LINKS = Download(
    what='"All group links records" or "Academy sponsor and trust links"',
    argument="group_links",
    cells=(("URN",), *GROUPS.cells, ("Joined date",)),
    needed=(("URN",), _UID, _TYPE),
    # The published file of 2019 names this column in its header but every row lacks it.
    may_lack="HasSharedHT",
)

TRUST_TYPES = {
    "02": "Trust",
    "06": "Multi-academy trust",
    "10": "Single-academy trust",
    "11": "Secure single-academy trust",
}
"""``Group Type (code)`` of the groups that link an institution (V1), each with the name beside it."""

_TRUST_NAMES = frozenset(name.casefold() for name in TRUST_TYPES.values())
_OPEN = frozenset({"OPEN", "PROPOSED_TO_CLOSE", "OPEN_BUT_PROPOSED_TO_CLOSE"})


@attrs.frozen(kw_only=True)
class GroupLink:
    """That the register links an institution with a group of any kind.

    Attributes:
        urn: The institution.
        uid: The group's UID (``Group UID``, in older files ``Linked UID``).
        name: The group's name, possibly empty.
        is_trust: Whether the group is of a trust type, so that the link can count (V1).
        is_open: Whether the group is open; where the file has no status, it counts as open.
        closed_on: The day on which the group closed.
        joined_on: The day on which the institution joins or joined (V7).
    """

    urn: int
    uid: str
    name: str = ""
    is_trust: bool
    is_open: bool = True
    closed_on: date | None = None
    joined_on: date | None = None


def read_groups(
    file: RegisterFile, *, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[Group]:
    """Read the trusts of "All group records" one by one, in the order of the file.

    Only groups of the types 02, 06, 10 and 11 are yielded: federations, sponsors, umbrella trusts and groups of
    children's centres link nothing (V1). A trust that is proposed to close is open, as a school is (V3);
    one that is closed, created in error, proposed to open, or of an unknown status is not (V8).

    A UID that comes again with the same data is skipped; one that comes with other data is a bad row.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Receives each bad row; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first group is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    earlier: dict[GroupId, Group] = {}
    with open_table(file, GROUPS, report, progress) as table:
        for group in filter(None, table.read(_read_group)):
            first = earlier.setdefault(group.id, group)
            if first is group:
                yield group
            elif first != group:
                table.report(BadCell("Group UID", group.id.code, REPEATED))


def _read_group(row: tuple[str, ...]) -> Group | None:
    """Read one row of "All group records"; return `None` where it is not a trust."""
    uid, name, kind, kind_name, status, status_name, closed = row
    if not _is_trust(kind, kind_name):
        return None
    is_open = _is_open(status, status_name)
    if is_open is None:
        raise BadCell("Group Status", "", "is empty")
    label = read_text("Group Name", name)
    if not label:
        raise BadCell("Group Name", name, "is empty")
    return Group(id=GroupId.mat(read_uid(uid)), name=label, is_open=is_open, closed_on=read_day("Closed Date", closed))


def read_group_links(
    file: RegisterFile, *, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[GroupLink]:
    """Read the rows of "All group links records" or "Academy sponsor and trust links" one by one, in their order.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Receives each bad row; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first link is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, GROUP_LINKS, report, progress) as table:
        yield from table.read(_read_group_link)


def _read_group_link(row: tuple[str, ...]) -> GroupLink:
    urn, uid, name, kind, kind_name, status, status_name, closed, joined = row
    return GroupLink(
        urn=read_urn("URN", urn),
        uid=read_uid(uid),
        name=read_text("Group Name", name),
        is_trust=_is_trust(kind, kind_name),
        is_open=_is_open(status, status_name) is not False,
        closed_on=read_day("Closed Date", closed),
        joined_on=read_day("Joined date", joined),
    )


def _is_trust(code: str, name: str) -> bool:
    number, label = read_code("Group Type (code)", code, width=2, most=3), read_text("Group Type", name)
    if not number and not label:
        raise BadCell("Group Type", "", "is empty")
    return number in TRUST_TYPES if number else label.casefold() in _TRUST_NAMES


def _is_open(code: str, name: str) -> bool | None:
    """Return whether a status, by its code or else its name, is an open one; `None` where the cells are empty."""
    status = read_text("Group Status", code) or read_text("Group Status", name)
    return "_".join(status.upper().replace(",", " ").split()) in _OPEN if status else None
