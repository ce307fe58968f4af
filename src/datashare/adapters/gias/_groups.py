"""The groups: "All group records", and which institution belongs to which (both downloads of group links)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import attrs

from datashare.domain.register import Group, GroupId

from ._cells import BadCell, Memo, code, day, uid, urn, words
from ._sources import RegisterFile
from ._tables import TWICE, Layout, Progress, Report, open_table, refuse

_UID = ("Group UID", "Linked UID")
_TYPE = ("Group Type (code)", "Group Type")
_STATUS = ("Group Status (code)", "Group Status")

GROUPS = Layout(
    what='"All group records"',
    argument="groups",
    cells=(_UID, ("Group Name",), _TYPE[:1], _TYPE[1:], _STATUS[:1], _STATUS[1:], ("Closed Date",)),
    needed=(_UID, ("Group Name",), _TYPE, _STATUS),
)
GROUP_LINKS = Layout(
    what='"All group links records" or "Academy sponsor and trust links"',
    argument="group_links",
    cells=(("URN",), *GROUPS.cells, ("Joined date",)),
    needed=(("URN",), _UID, _TYPE),
    # The published file of 2019 names this column in its header and gives it in no row.
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
        is_open: Whether the group is open; a file without its status says nothing against it.
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


def read_groups(file: RegisterFile, *, report: Report = refuse, progress: Progress | None = None) -> Iterator[Group]:
    """Stream the trusts of "All group records", in the order of the file.

    Only groups of the types 02, 06, 10 and 11 are given: federations, sponsors, umbrella trusts and groups of
    children's centres link nothing (V1). A trust that is proposed to close is open, as a school is (V3);
    one that is closed, created in error, proposed to open, or of an unknown status is not (V8).

    A UID that comes again with the same data is passed over; one that comes with other data is a bad row.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Told of each bad row; by default it raises it.
        progress: Told how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is none of what it may be; raised when the first group is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    seen: dict[GroupId, Group] = {}
    with open_table(file, GROUPS, report, progress) as table:
        for row in table.rows():
            try:
                group = _group(row)
            except BadCell as bad:
                table.bad(bad)
                continue
            if group is None:
                continue
            if seen.setdefault(group.id, group) is group:
                yield group
            elif seen[group.id] != group:
                table.bad(BadCell("Group UID", group.id.code, TWICE))


def _group(row: tuple[str, ...]) -> Group | None:
    """Read one row of "All group records"; `None` where it is no trust."""
    number, name, kind, kind_name, status, status_name, closed = row
    if not _is_trust((kind, kind_name)):
        return None
    is_open = _is_open((status, status_name))
    if is_open is None:
        raise BadCell("Group Status", "", "is empty")
    if not (label := _read_name(name)):
        raise BadCell("Group Name", name, "is empty")
    return Group(id=GroupId.mat(uid(number)), name=label, is_open=is_open, closed_on=_read_closed(closed))


def read_group_links(
    file: RegisterFile, *, report: Report = refuse, progress: Progress | None = None
) -> Iterator[GroupLink]:
    """Stream the rows of "All group links records" or "Academy sponsor and trust links", in their order.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Told of each bad row; by default it raises it.
        progress: Told how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is none of what it may be; raised when the first link is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    read_urn, read_uid, read_name = urn("URN"), Memo(uid), Memo(_read_name)
    read_type, read_status = Memo(_is_trust), Memo(_is_open)
    read_closed, read_joined = Memo(_read_closed), Memo(day("Joined date"))
    with open_table(file, GROUP_LINKS, report, progress) as table:
        for school, number, name, kind, kind_name, status, status_name, closed, joined in table.rows():
            try:
                link = GroupLink(
                    urn=read_urn(school),
                    uid=read_uid[number],
                    name=read_name[name],
                    is_trust=read_type[kind, kind_name],
                    is_open=read_status[status, status_name] is not False,
                    closed_on=read_closed[closed],
                    joined_on=read_joined[joined],
                )
            except BadCell as bad:
                table.bad(bad)
            else:
                yield link


_read_name, _read_closed = words("Group Name"), day("Closed Date")
_read_type_code, _read_type_name = code("Group Type (code)", width=2, most=3), words("Group Type")


def _is_trust(texts: tuple[str, str]) -> bool:
    number, name = _read_type_code(texts[0]), _read_type_name(texts[1])
    if not number and not name:
        raise BadCell("Group Type", "", "is empty")
    return number in TRUST_TYPES if number else name.casefold() in _TRUST_NAMES


_read_status_name = words("Group Status")


def _is_open(texts: tuple[str, str]) -> bool | None:
    """Tell whether a status, by its code or else its name, is an open one; `None` where there is none."""
    status = _read_status_name(texts[0]) or _read_status_name(texts[1])
    if not status:
        return None
    return "_".join(status.upper().replace(",", " ").split()) in _OPEN
