"""The groups: "All group records", and which institution belongs to which (both downloads of group links)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date

import attrs

from datashare.domain.register import UNKNOWN_DAY, Group, GroupId, TrustType
from datashare.errors import RegisterUnreadable

from ._cells import GARBLED, BadCell, cached, is_garbled, read_code, read_text, read_uid, read_urn
from ._sources import RegisterFile
from ._tables import (
    GROUP_LINK_RECORDS,
    GROUP_RECORDS,
    REPEATED,
    Download,
    ProgressCallback,
    ReportCallback,
    Table,
    open_table,
    refuse,
)

_UID = ("Group UID", "Linked UID")
_TYPE = ("Group Type (code)", "Group Type")
_STATUS = ("Group Status (code)", "Group Status")

GROUPS = Download(
    what=GROUP_RECORDS,
    argument="groups",
    cells=(_UID, ("Group Name",), _TYPE[:1], _TYPE[1:], _STATUS[:1], _STATUS[1:], ("Closed Date",)),
    needed=(_UID, ("Group Name",), _TYPE, _STATUS),
    never="URN",
)
GROUP_LINKS = Download(
    what=GROUP_LINK_RECORDS,
    argument="group_links",
    cells=(("URN",), *GROUPS.cells, ("Joined date",)),
    needed=(("URN",), _UID, _TYPE),
    # The published file of 2019 names this column in its header but every row lacks it.
    may_lack="HasSharedHT",
)

_TYPES = {kind.value: kind for kind in TrustType}
_TYPES_BY_NAME = {kind.label.casefold(): kind for kind in TrustType}
_CHILDRENS_CENTRES = {"08", "09", "children's centres group", "children's centres collaboration"}
_OPEN = frozenset({"OPEN", "PROPOSED_TO_CLOSE", "OPEN_BUT_PROPOSED_TO_CLOSE"})
_SO_CLOSED = ", so the group counts as closed"


@attrs.frozen(kw_only=True)
class GroupLink:
    """That the register links an institution with a group of any kind.

    Attributes:
        urn: The institution.
        uid: The group's UID (``Group UID``, in older files ``Linked UID``).
        name: The group's name, possibly empty.
        is_trust: Whether the group is of a trust type, so that the link can count (V1).
        is_open: Whether the group is open; where the file has no status, it is open unless it has a closing day.
        closed_on: The day on which the group closed.
        joined_on: The day on which the institution joins or joined (V7); `UNKNOWN_DAY` where it cannot be read.
        trust_type: The type of the trust, if it is one.
    """

    urn: int
    uid: str
    name: str = ""
    is_trust: bool
    is_open: bool = True
    closed_on: date | None = None
    joined_on: date | None = None
    trust_type: TrustType | None = None


class GroupReader:
    """Reads what the rows of one file say about groups.

    Attributes:
        doubtful: The UIDs of groups that a row names which is lost, or of another type than a trust, and does not say
            that they are open; it closes them (V8).
        kinds: The types of group so far, by code, or by name where there is no code.
    """

    def __init__(self, table: Table) -> None:
        self.doubtful: set[str] = set()
        self.kinds: set[str] = set()
        self._table = table
        self._has_status = table.has(*_STATUS)
        self._lost_without_uid = False
        self._type = cached(self._read_type)
        self._is_open = cached(_is_open)
        self._day = cached(table.days.read)

    @property
    def doubts_all(self) -> bool:
        """Whether a row was lost that may be about any group."""
        return self._lost_without_uid or self._table.rows_spoilt > 0

    def groups(self) -> Iterator[Group]:
        """Yield the trusts of "All group records"; one that a later row closes comes again, closed.

        Raises:
            RegisterUnreadable: The table cannot be used, or holds groups of children's centres alone.
        """
        earlier: dict[GroupId, Group] = {}
        for group in filter(None, self._table.read(self._group)):
            first = earlier.setdefault(group.id, group)
            if first is group:
                yield group
            elif first != group:
                self._table.report(BadCell("Group UID", group.id.code, REPEATED))
                if first.is_open and not group.is_open:
                    earlier[group.id] = attrs.evolve(first, is_open=False, closed_on=group.closed_on)
                    yield earlier[group.id]
        for id_, group in earlier.items():
            if group.is_open and id_.code in self.doubtful:
                yield attrs.evolve(group, is_open=False)
        self._refuse_childrens_centres()

    def links(self) -> Iterator[GroupLink]:
        """Yield the rows of the group links.

        Raises:
            RegisterUnreadable: The table cannot be used, or holds groups of children's centres alone.
        """
        yield from self._table.read(self._link)
        self._refuse_childrens_centres()

    def _refuse_childrens_centres(self) -> None:
        if self.kinds and self.kinds <= _CHILDRENS_CENTRES:
            why = "it has only groups of children's centres, and no trust. Pass the file of all groups."
            raise RegisterUnreadable(self._table.file, why)

    def _group(self, row: tuple[str, ...]) -> Group | None:
        """Read one row of "All group records"; return `None` where it is not a trust."""
        uid, name, *cells = row
        read_cell = self._table.read_cell
        kind = read_cell("unknown", _SO_CLOSED, self._type, cells[0], cells[1])
        if kind is None:
            with suppress(BadCell):
                self._doubt(read_uid(uid), cells)
            return None
        trust_type = kind if isinstance(kind, TrustType) else None
        id_ = GroupId.mat(self._uid(uid, cells))
        is_open, closed_on = self._state(cells)
        return Group(
            id=id_,
            name=read_cell("", "", _filled, "Group Name", self._name(name)) or nameless(id_.code),
            is_open=is_open and trust_type is not None,
            closed_on=closed_on,
            trust_type=trust_type,
        )

    def _link(self, row: tuple[str, ...]) -> GroupLink:
        urn, uid, name, *cells, joined = row
        uid = self._uid(uid, cells)
        try:
            trust_type = self._type(cells[0], cells[1])
            institution = read_urn("URN", urn)
        except BadCell:
            self._doubt(uid, cells)
            raise
        if trust_type is None:
            self._doubt(uid, cells)
        is_open, closed_on = self._state(cells)
        return GroupLink(
            urn=institution,
            uid=uid,
            name=self._name(name),
            is_trust=trust_type is not None,
            is_open=is_open,
            closed_on=closed_on,
            joined_on=self._table.read_cell(
                UNKNOWN_DAY, ", so the link does not count", self._day, "Joined date", joined
            ),
            trust_type=trust_type,
        )

    def _uid(self, text: str, cells: list[str]) -> str:
        try:
            return read_uid(text)
        except BadCell:
            self._doubt("", cells)
            raise

    def _doubt(self, uid: str, cells: list[str]) -> None:
        """Remember a group that may be closed: its row names no trust, and does not say that it is open."""
        with suppress(BadCell):
            if self._is_open(cells[2], cells[3]) if self._has_status else not cells[4]:
                return
        if uid:
            self.doubtful.add(uid)
        else:
            self._lost_without_uid = True

    def _name(self, text: str) -> str:
        name = self._table.read_cell("", "", read_text, "Group Name", text)
        if is_garbled(name):
            self._table.note_here("Group Name", name, GARBLED)
        return name

    def _read_type(self, code: str, name: str) -> TrustType | None:
        """Return the type of a trust, by its code or else its name; `None` for another kind of group."""
        number, label = read_code("Group Type (code)", code, width=2, most=3), read_text("Group Type", name).casefold()
        if not number and not label:
            raise BadCell("Group Type", "", "is empty")
        self.kinds.add(number or label)
        return _TYPES.get(number) if number else _TYPES_BY_NAME.get(label)

    def _state(self, cells: list[str]) -> tuple[bool, date | None]:
        """Return whether a group is open, and the day on which it closed.

        The status decides. Where the file has none, a closing day does. A status or a closing day that cannot be read
        leaves the group closed (V8).
        """
        table = self._table
        _, _, status, status_name, closed = cells
        is_open = not self._has_status or table.read_cell(False, _SO_CLOSED, self._is_open, status, status_name)
        # Of a closed group the day decides nothing.
        so = _SO_CLOSED if is_open else ""
        closed_on = table.read_cell(UNKNOWN_DAY, so, self._day, "Closed Date", closed)
        if not self._has_status:
            is_open = closed_on is None
        return (False, None) if closed_on == UNKNOWN_DAY else (is_open, closed_on)


def nameless(uid: str) -> str:
    """Return what a trust is called where no file names it."""
    return f"Trust {uid}"


def read_groups(
    file: RegisterFile, *, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[Group]:
    """Read the trusts of "All group records" one by one, in the order of the file.

    Only groups of the types 02, 06, 10 and 11 are yielded: federations, sponsors, umbrella trusts and groups of
    children's centres link nothing (V1). A trust that is proposed to close is open, as a school is (V3);
    one that is closed, created in error, proposed to open, or of an unknown status is not (V8). One whose type,
    status or ``Closed Date`` cannot be read counts as closed, and the cell is reported.

    A UID that comes again with the same data is skipped; one that comes with other data is a bad row. If another
    row of the UID, of whatever type, says that it is closed, the trust is yielded once more, closed.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Receives each bad row and cell; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first group is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, GROUPS, report, progress) as table:
        yield from GroupReader(table).groups()


def read_group_links(
    file: RegisterFile, *, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[GroupLink]:
    """Read the rows of "All group links records" or "Academy sponsor and trust links" one by one, in their order.

    A ``Joined date`` that cannot be read is reported, and leaves a link that does not count (V7). A status or a
    ``Closed Date`` that cannot be read is reported, and the group counts as closed (V8).

    Args:
        file: The download, plain, zipped or gzipped.
        report: Receives each bad row and cell; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first link is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, GROUP_LINKS, report, progress) as table:
        yield from GroupReader(table).links()


def _filled(column: str, text: str) -> str:
    if not text:
        raise BadCell(column, text, "is empty")
    return text


def _is_open(code: str, name: str) -> bool:
    """Return whether a status is an open one, by its code and its name, so far as there are both.

    Raises:
        BadCell: Both cells are empty.
    """
    texts = [text for text in (read_text("Group Status", code), read_text("Group Status", name)) if text]
    if not texts:
        raise BadCell("Group Status", "", "is empty")
    return all("_".join(text.upper().replace(",", " ").split()) in _OPEN for text in texts)
