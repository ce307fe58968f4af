"""The establishment fields: every school of the register, as `Institution`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, TypeVar

import attrs

from datashare.domain import validation
from datashare.domain.register import Coded, EstablishmentStatus, Institution, Phase, TrustLink, TrustType
from datashare.errors import RegisterUnreadable

from ._cells import (
    GARBLED,
    BadCell,
    cached,
    is_garbled,
    read_age,
    read_code,
    read_coded,
    read_names_by_code,
    read_text,
    read_urn,
)
from ._groups import GroupLink
from ._sources import RegisterFile
from ._tables import ESTABLISHMENT_FIELDS, Download, ProgressCallback, ReportCallback, Table, open_table, refuse

_T = TypeVar("_T")

TRUSTS = "Trusts (code)"
STATUS = "EstablishmentStatus (code)"

MOST_VALUES = 200_000
"""The most different values in the columns whose equal cells are read once; the full file has some 60,000."""

ESTABLISHMENTS = Download(
    what=ESTABLISHMENT_FIELDS,
    argument="establishments",
    cells=(
        ("URN",),
        ("EstablishmentName",),
        (STATUS,),
        ("EstablishmentStatus (name)",),
        ("OpenDate",),
        ("CloseDate",),
        ("PhaseOfEducation (code)",),
        ("TypeOfEstablishment (code)",),
        ("TypeOfEstablishment (name)",),
        ("EstablishmentTypeGroup (code)",),
        ("EstablishmentTypeGroup (name)",),
        ("LA (code)",),
        ("LA (name)",),
        ("PreviousLA (code)",),
        ("PreviousLA (name)",),
        ("EstablishmentNumber",),
        (TRUSTS,),
        ("Trusts (name)",),
        ("TrustSchoolFlag (code)",),
        ("Federations (code)",),
        ("Federations (name)",),
        ("Street",),
        ("Town",),
        ("County (name)",),
        ("Postcode",),
        ("StatutoryLowAge",),
        ("StatutoryHighAge",),
        ("UKPRN",),
    ),
    needed=(("URN",), ("EstablishmentName",), (STATUS,)),
)

_DECIDES = {"URN", "EstablishmentName", STATUS, "LA (code)", TRUSTS}
"""The columns without which a row cannot be read: who it is, whether it is open, and which groups see it."""
_PLACES = {name: place for place, (name,) in enumerate(ESTABLISHMENTS.cells)}
"""Where each cell is in a row; one that decides nothing and cannot be read counts as empty (V4)."""

_CHILDRENS_CENTRES = {"47", "48"}
"""``TypeOfEstablishment (code)`` of *Children's centre* and *Children's centre linked site*."""
_TRUST_FLAGS = {
    "1": TrustType.FOUNDATION,
    "3": TrustType.MULTI_ACADEMY,
    "5": TrustType.SINGLE_ACADEMY,
}
"""``TrustSchoolFlag (code)`` of a school that is supported by a trust."""

_STATUS_NAMES = {
    EstablishmentStatus.OPEN: "Open",
    EstablishmentStatus.CLOSED: "Closed",
    EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE: "Open, but proposed to close",
    EstablishmentStatus.PROPOSED_TO_OPEN: "Proposed to open",
}
_STATUSES = {str(status.value): status for status in _STATUS_NAMES}
_STATUS_BY_NAME = {name.casefold(): status for status, name in _STATUS_NAMES.items()}
_PHASES = {str(phase.value): phase for phase in Phase if phase is not Phase.UNKNOWN}


class TrustLinks:
    """What the group links say of each institution's trusts; sponsors and federations link nothing (V1)."""

    def __init__(self, links: Iterable[GroupLink]) -> None:
        self._by_urn: dict[int, dict[str, TrustLink]] = defaultdict(dict)
        for link in validation.walk(links, GroupLink, "group_links", "GroupLinks, as read_group_links yields them"):
            if link.is_trust:
                trusts = self._by_urn[link.urn]
                trust = TrustLink(link.uid, link.name, link.joined_on)
                # Of two links with one trust the longer counts: that without a day, else that of the earlier day.
                trusts[link.uid] = min(trusts.get(link.uid, trust), trust, key=lambda link: link.joined_on or date.min)

    def of(self, urn: int) -> tuple[TrustLink, ...]:
        """Return the trusts of an institution, for a file without trust codes."""
        return tuple(self._by_urn.get(urn, {}).values())

    def dated(self, urn: int, trusts: tuple[TrustLink, ...]) -> tuple[TrustLink, ...]:
        """Return *trusts* with the days on which the institution joined, where they are known (V7)."""
        known = self._by_urn.get(urn)
        if not known:
            return trusts
        return tuple(
            attrs.evolve(trust, joined_on=known[trust.uid].joined_on) if trust.uid in known else trust
            for trust in trusts
        )


def read_establishments(
    file: RegisterFile,
    *,
    group_links: Iterable[GroupLink] = (),
    report: ReportCallback = refuse,
    progress: ProgressCallback | None = None,
) -> Iterator[Institution]:
    """Read the institutions of "Establishment fields" one by one, in the order of the file.

    A URN that comes twice is yielded twice; `read_register` reports it. A phase that is empty or not one of the
    published ones is `Phase.UNKNOWN`. A status that is not one of the published ones is
    `EstablishmentStatus.UNKNOWN`, with its name kept (V5); an empty one makes a bad row.

    A row is lost only for its URN, its name, its status, its LA or its trusts. Any other cell that cannot be read is
    reported and counts as empty (V4).

    Args:
        file: The download, plain, zipped or gzipped.
        group_links: What `read_group_links` yields. Where the file has trust codes, these supply only the day
            on which an institution joined (V7); where it has none, they link it instead (V1).
        report: Receives each bad row; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first institution is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, ESTABLISHMENTS, report, progress) as table:
        yield from institutions(table, TrustLinks(group_links))


def institutions(
    table: Table, links: TrustLinks, trust_types: dict[str, TrustType] | None = None
) -> Iterator[Institution]:
    """Read the institutions of a table, and report the bad rows and cells.

    Args:
        table: The table.
        links: What the group links say.
        trust_types: Receives the type of each trust whose type a row tells, by UID.

    Raises:
        RegisterUnreadable: The table cannot be used, or holds children's centres alone.
    """
    reader = _InstitutionReader(table, links, {} if trust_types is None else trust_types)
    yield from table.read(reader)
    if reader.types and reader.types <= _CHILDRENS_CENTRES:
        raise RegisterUnreadable(
            table.file,
            f'it is "Children\'s centre fields", which has no schools. Pass {ESTABLISHMENT_FIELDS} instead.',
        )


class _InstitutionReader:
    """Reads rows as institutions; its caches last as long as the reading of one file.

    Attributes:
        types: The codes of the types of establishment so far.
    """

    def __init__(self, table: Table, links: TrustLinks, trust_types: dict[str, TrustType]) -> None:
        self.types: set[str] = set()
        self._table = table
        self._links = links
        self._trust_types = trust_types
        self._linked_by_file = table.has(TRUSTS)
        self._values = 0
        self._status = self._cached(_read_status)
        self._open_date = self._cached(partial(table.days.read, "OpenDate"))
        self._close_date = self._cached(partial(table.days.read, "CloseDate"))
        self._kind = self._cached(self._read_kind)
        self._authority = self._cached(partial(read_coded, width=3, most=3, padded=False))
        self._authorities = self._cached(self._read_authorities)
        self._number = self._cached(partial(read_code, "EstablishmentNumber", width=4, most=4))
        self._trusts = self._cached(self._read_trusts)
        self._federations = self._cached(_read_federations)
        self._town = self._cached(_read_town)
        self._ages = self._cached(_read_ages)
        self._bad_cell = self._cached(_bad_cell)
        self._readers = [
            (reader, slice(_PLACES[first], _PLACES[last] + 1))
            for reader, first, last in (
                (self._status, STATUS, "EstablishmentStatus (name)"),
                (self._open_date, "OpenDate", "OpenDate"),
                (self._close_date, "CloseDate", "CloseDate"),
                (self._kind, "PhaseOfEducation (code)", "EstablishmentTypeGroup (name)"),
                (self._authorities, "LA (code)", "PreviousLA (name)"),
                (self._number, "EstablishmentNumber", "EstablishmentNumber"),
                (self._trusts, TRUSTS, "TrustSchoolFlag (code)"),
                (self._federations, "Federations (code)", "Federations (name)"),
                (partial(read_text, "Street"), "Street", "Street"),
                (self._town, "Town", "County (name)"),
                (partial(read_text, "Postcode"), "Postcode", "Postcode"),
                (self._ages, "StatutoryLowAge", "StatutoryHighAge"),
                (partial(read_code, "UKPRN", most=8), "UKPRN", "UKPRN"),
            )
        ]

    def __call__(self, row: tuple[str, ...]) -> Institution:
        """Read one row, its cells in the order of `ESTABLISHMENTS`; a cell that decides nothing may be bad.

        Raises:
            BadCell: A cell that decides something cannot be right.
        """
        try:
            institution = self._read(row)
        except BadCell as bad:
            if bad.column in _DECIDES:
                raise
            institution = self._read(self._without_bad_cells(row))
        self._note_garbled("EstablishmentName", institution.name)
        if institution.local_authority:
            self._note_garbled("LA (name)", institution.local_authority.name)
        if self._linked_by_file:
            for trust in institution.trusts:
                self._note_garbled("Trusts (name)", trust.name)
        return institution

    def _note_garbled(self, column: str, name: str) -> None:
        if is_garbled(name):
            self._table.note_here(column, name, GARBLED)

    def _read(self, row: Sequence[str]) -> Institution:
        # fmt: off
        (
            urn, name, status, status_name, open_date, close_date, phase, type_, type_name, type_group,
            type_group_name, la, la_name, former_la, former_la_name, number, trusts, trust_names, trust_flag,
            federations, federation_names, street, town, county, postcode, low_age, high_age, ukprn,
        ) = row
        # fmt: on
        draft: Any = object.__new__(_Draft)
        draft.urn = identity = read_urn("URN", urn)
        draft.name = _read_name(name)
        draft.status, draft.status_name = self._status(status, status_name)
        draft.open_date = self._open_date(open_date)
        draft.close_date = self._close_date(close_date)
        draft.phase, draft.establishment_type, draft.establishment_type_group = self._kind(
            phase, type_, type_name, type_group, type_group_name
        )
        draft.local_authority, draft.former_authority = self._authorities(la, la_name, former_la, former_la_name)
        draft.establishment_number = self._number(number)
        draft.trusts = self._linked(identity, self._trusts(trusts, trust_names, trust_flag))
        draft.federations = self._federations(federations, federation_names)
        draft.street = read_text("Street", street)
        draft.town, draft.county = self._town(town, county)
        draft.postcode = read_text("Postcode", postcode)
        draft.low_age, draft.high_age = self._ages(low_age, high_age)
        draft.ukprn = read_code("UKPRN", ukprn, most=8)
        draft.ofsted_rating = None  # the register of today has none
        draft.__class__ = Institution
        institution: Institution = draft
        return institution

    def _without_bad_cells(self, row: tuple[str, ...]) -> Sequence[str]:
        """Return a row in which the bad cells that decide nothing are empty, and report them."""
        cells = list(row)
        for read, places in self._readers:
            while bad := self._bad_cell(read, *cells[places]):
                if bad.column in _DECIDES:
                    break  # the row is lost, when it is read again
                self._table.report_cell(bad)
                cells[_PLACES[bad.column]] = ""
        return cells

    def _cached(self, read: Callable[..., _T]) -> Callable[..., _T]:
        """Wrap a reader so that it reads equal cells once, and refuses a file with too many different ones."""

        @cached
        def read_once(*cells: Any) -> _T:
            value = read(*cells)
            self._values += len(value) if isinstance(value, tuple) else 1
            if self._values > MOST_VALUES:
                what = f"{MOST_VALUES:,} different days, codes and towns"
                raise RegisterUnreadable(
                    self._table.file, f"it has more than {what}. No download of the register does."
                )
            return value

        return read_once

    def _linked(self, urn: int, trusts: tuple[TrustLink, ...]) -> tuple[TrustLink, ...]:
        if not self._linked_by_file:  # V1: only then do the group links decide
            return self._links.of(urn)
        return self._links.dated(urn, trusts) if trusts else trusts

    # What is below is called once for each different text of its cells.

    def _read_kind(
        self, phase: str, code: str, name: str, group: str, group_name: str
    ) -> tuple[Phase, Coded | None, Coded | None]:
        kind = read_coded("TypeOfEstablishment", code, name, width=2, most=3)
        self.types.add(kind.code if kind else "")
        return _read_phase(phase), kind, read_coded("EstablishmentTypeGroup", group, group_name, most=3)

    def _read_authorities(
        self, code: str, name: str, former: str, former_name: str
    ) -> tuple[Coded | None, Coded | None]:
        return self._authority("LA", code, name), self._authority("PreviousLA", former, former_name)

    def _read_trusts(self, codes: str, names: str, flag: str) -> tuple[TrustLink, ...]:
        links = tuple(TrustLink(uid, name) for uid, name in read_names_by_code("Trusts", codes, names).items())
        kind = _TRUST_FLAGS.get(flag.strip().removesuffix(".0"))
        if kind:
            for link in links:
                self._trust_types.setdefault(link.uid, kind)
        return links


class _Draft(Institution):
    """An institution whose fields are set one by one, and not validated.

    The reader of each cell has checked its value; the validators of the class would take longer than all those
    readers. Once its fields are set, a draft becomes an `Institution`, which has the same fields in memory. A test
    compares every institution of the real rows with one that is built, and so validated, in the ordinary way.
    """

    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


def _bad_cell(read: Callable[..., object], *cells: str) -> BadCell | None:
    """Return why cells cannot be read, or `None` where they can."""
    try:
        read(*cells)
    except BadCell as bad:
        return bad.with_traceback(None)
    return None


def _read_town(town: str, county: str) -> tuple[str, str]:
    return read_text("Town", town), read_text("County (name)", county)


def _read_ages(low: str, high: str) -> tuple[int | None, int | None]:
    return read_age("StatutoryLowAge", low), read_age("StatutoryHighAge", high)


def _read_name(text: str) -> str:
    name = read_text("EstablishmentName", text)
    if not name:
        raise BadCell("EstablishmentName", text, "is empty")
    return name


def _read_status(code: str, name: str) -> tuple[EstablishmentStatus, str]:
    number = read_code(STATUS, code, most=4)
    label = read_text("EstablishmentStatus (name)", name)
    if not number:
        raise BadCell(STATUS, code, "is empty")
    status = _STATUSES.get(number, EstablishmentStatus.UNKNOWN)
    if _STATUS_BY_NAME.get(label.casefold(), status) is not status:
        raise BadCell(STATUS, number, f'contradicts the name beside it, "{label}"')
    return status, label or _STATUS_NAMES.get(status, f"code {number}")


def _read_phase(code: str) -> Phase:
    return _PHASES.get(read_code("PhaseOfEducation (code)", code, most=4), Phase.UNKNOWN)


def _read_federations(codes: str, names: str) -> tuple[Coded, ...]:
    return tuple(Coded(uid, name) for uid, name in read_names_by_code("Federations", codes, names).items())
