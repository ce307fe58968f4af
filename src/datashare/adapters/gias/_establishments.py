"""The establishment fields: every school of the register, as `Institution`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.register import Coded, EstablishmentStatus, Institution, Phase, TrustLink

from ._cells import BadCell, Memo, age, code, coded, day, joined, urn, words
from ._groups import GroupLink
from ._sources import RegisterFile
from ._tables import Layout, Progress, Report, Table, open_table, refuse

TRUSTS = "Trusts (code)"

ESTABLISHMENTS = Layout(
    what='"Establishment fields"',
    argument="establishments",
    cells=(
        ("URN",),
        ("EstablishmentName",),
        ("EstablishmentStatus (code)",),
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
        ("EstablishmentNumber",),
        (TRUSTS,),
        ("Trusts (name)",),
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
    needed=(("URN",), ("EstablishmentName",), ("EstablishmentStatus (code)",)),
)

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
        self._by_urn: dict[int, dict[str, TrustLink]] = {}
        for link in validation.walk(links, GroupLink, "group_links", "GroupLinks, as read_group_links gives them"):
            if link.is_trust:
                known = self._by_urn.setdefault(link.urn, {})
                known[link.uid] = _longer(known.get(link.uid), TrustLink(link.uid, link.name, link.joined_on))

    def of(self, urn: int) -> tuple[TrustLink, ...]:
        """Give the trusts that link an institution where no establishment file does."""
        return tuple(self._by_urn.get(urn, {}).values())

    def dated(self, urn: int, trusts: tuple[TrustLink, ...]) -> tuple[TrustLink, ...]:
        """Add to an institution's links the days on which it joined, where they are known (V7)."""
        known = self._by_urn.get(urn)
        if not known:
            return trusts
        return tuple(
            attrs.evolve(link, joined_on=known[link.uid].joined_on) if link.uid in known else link for link in trusts
        )


def _longer(known: TrustLink | None, link: TrustLink) -> TrustLink:
    """Choose of two links with one trust the one that counts longer: without a day, or from the earlier."""
    return link if known is None else min(known, link, key=lambda one: one.joined_on or date.min)


def read_establishments(
    file: RegisterFile,
    *,
    group_links: Iterable[GroupLink] = (),
    report: Report = refuse,
    progress: Progress | None = None,
) -> Iterator[Institution]:
    """Stream the institutions of "Establishment fields", in the order of the file.

    A URN that comes twice is given twice; `read_register` reports it. A phase that is not given, or is none
    of the published ones, is `Phase.UNKNOWN`. A status that is none of the published ones is
    `EstablishmentStatus.UNKNOWN`, with its name kept (V5); one that is not given makes a bad row.

    Args:
        file: The download, plain, zipped or gzipped.
        group_links: What `read_group_links` gives. Where the file has trust codes these supply only the day
            on which an institution joined (V7); where it has none they link it instead (V1).
        report: Told of each bad row; by default it raises it.
        progress: Told how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is none of what it may be; raised when the first institution is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, ESTABLISHMENTS, report, progress) as table:
        yield from institutions(table, TrustLinks(group_links))


def institutions(table: Table, links: TrustLinks) -> Iterator[Institution]:
    """Give the institutions of a table, and report the rows that are none."""
    read = _Reader(table, links)
    for row in table.rows():
        try:
            institution = read(row)
        except BadCell as bad:
            table.bad(bad)
        else:
            yield institution


class _Reader:
    """Makes institutions of rows; equal cells are read once for the whole file, and share one value."""

    def __init__(self, table: Table, links: TrustLinks) -> None:
        self._links = links
        self._linked_by_file = table.has(TRUSTS)
        self._urn = urn("URN")
        self._name = words("EstablishmentName")
        self._status = Memo(_status)
        self._open_date, self._close_date = Memo(day("OpenDate")), Memo(day("CloseDate"))
        self._phase = Memo(_phase)
        self._type = Memo(coded("TypeOfEstablishment", width=2, most=3))
        self._type_group = Memo(coded("EstablishmentTypeGroup", most=3))
        self._local_authority = Memo(coded("LA", width=3, most=3, padded=False))
        self._number = Memo(code("EstablishmentNumber", width=4, most=4))
        self._trusts, self._federations = Memo(_trusts), Memo(_federations)
        self._street = words("Street")
        self._town, self._county = Memo(words("Town")), Memo(words("County (name)"))
        self._postcode = words("Postcode")
        self._low_age, self._high_age = Memo(age("StatutoryLowAge")), Memo(age("StatutoryHighAge"))
        self._ukprn = code("UKPRN", most=8)

    def __call__(self, row: tuple[str, ...]) -> Institution:
        """Read one row, its cells in the order of the layout.

        Raises:
            BadCell: A cell cannot be right.
        """
        # fmt: off
        (
            urn_, name, status, status_name, opened, closed, phase, type_, type_name, type_group,
            type_group_name, la, la_name, number, trust, trust_name, federation, federation_name, street,
            town, county, postcode, low_age, high_age, ukprn,
        ) = row
        # fmt: on
        identity = self._urn(urn_)
        if not (name := self._name(name)):
            raise BadCell("EstablishmentName", row[1], "is empty")
        trusts = self._trusts[trust, trust_name]
        if not self._linked_by_file:  # V1: only then do the group links decide
            trusts = self._links.of(identity)
        elif trusts:
            trusts = self._links.dated(identity, trusts)
        # fmt: off
        draft: Any = _Draft((
            identity, name, *self._status[status, status_name], self._open_date[opened],
            self._close_date[closed], self._phase[phase], self._type[type_, type_name],
            self._type_group[type_group, type_group_name], self._local_authority[la, la_name],
            self._number[number], trusts,
            self._federations[federation, federation_name], self._street(street), self._town[town],
            self._county[county], self._postcode(postcode), self._low_age[low_age], self._high_age[high_age],
            self._ukprn(ukprn), None,
        ))
        # fmt: on
        draft.__class__ = Institution
        made: Institution = draft
        return made


class _Draft(Institution):
    """An institution that skips validation, since the readers of its cells have validated every value.

    Validating them again would add more than half of the time that the whole file takes. A draft becomes an
    `Institution` once it is filled; a test holds every one made here against one made in the ordinary way.
    """

    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    def __init__(self: Any, values: tuple[Any, ...]) -> None:
        # fmt: off
        (
            self.urn, self.name, self.status, self.status_name, self.open_date, self.close_date, self.phase,
            self.establishment_type, self.establishment_type_group, self.local_authority,
            self.establishment_number, self.trusts, self.federations, self.street, self.town, self.county,
            self.postcode, self.low_age, self.high_age, self.ukprn, self.ofsted_rating,
        ) = values
        # fmt: on


_read_status_code = code("EstablishmentStatus (code)", most=4)
_read_status_name = words("EstablishmentStatus (name)")


def _status(texts: tuple[str, str]) -> tuple[EstablishmentStatus, str]:
    number, name = _read_status_code(texts[0]), _read_status_name(texts[1])
    if not number:
        raise BadCell("EstablishmentStatus (code)", texts[0], "is empty")
    status = _STATUSES.get(number, EstablishmentStatus.UNKNOWN)
    if _STATUS_BY_NAME.get(name.casefold(), status) is not status:
        raise BadCell("EstablishmentStatus (code)", number, f'contradicts the name beside it, "{name}"')
    return status, name or _STATUS_NAMES.get(status, f"code {number}")


_read_phase_code = code("PhaseOfEducation (code)", most=4)


def _phase(text: str) -> Phase:
    return _PHASES.get(_read_phase_code(text), Phase.UNKNOWN)


_read_trusts, _read_federations = joined("Trusts", most=7), joined("Federations", most=7)


def _trusts(texts: tuple[str, str]) -> tuple[TrustLink, ...]:
    return tuple(TrustLink(uid, name) for uid, name in _read_trusts(*texts).items())


def _federations(texts: tuple[str, str]) -> tuple[Coded, ...]:
    return tuple(Coded(uid, name) for uid, name in _read_federations(*texts).items())
