"""The establishment fields: every school of the register, as `Institution`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache, partial

import attrs

from datashare.domain import validation
from datashare.domain.register import Coded, EstablishmentStatus, Institution, Phase, TrustLink

from ._cells import BadCell, read_age, read_code, read_coded, read_day, read_names_by_code, read_text, read_urn
from ._groups import GroupLink
from ._sources import RegisterFile
from ._tables import Download, ProgressCallback, ReportCallback, Table, open_table, refuse

TRUSTS = "Trusts (code)"

ESTABLISHMENTS = Download(
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
        ("PreviousLA (code)",),
        ("PreviousLA (name)",),
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


def institutions(table: Table, links: TrustLinks) -> Iterator[Institution]:
    """Read the institutions of a table, and report the bad rows."""
    return table.read(_InstitutionReader(links, linked_by_file=table.has(TRUSTS)))


class _InstitutionReader:
    """Reads rows as institutions; its caches last as long as the reading of one file."""

    def __init__(self, links: TrustLinks, *, linked_by_file: bool) -> None:
        self._links = links
        self._linked_by_file = linked_by_file
        self._status = cache(_read_status)
        self._open_date = cache(partial(read_day, "OpenDate"))
        self._close_date = cache(partial(read_day, "CloseDate"))
        self._phase = cache(_read_phase)
        self._type = cache(partial(read_coded, "TypeOfEstablishment", width=2, most=3))
        self._type_group = cache(partial(read_coded, "EstablishmentTypeGroup", most=3))
        self._local_authority = cache(partial(read_coded, "LA", width=3, most=3, padded=False))
        self._former_authority = cache(_read_former_authority)
        self._number = cache(partial(read_code, "EstablishmentNumber", width=4, most=4))
        self._trusts = cache(_read_trusts)
        self._federations = cache(_read_federations)
        self._town = cache(partial(read_text, "Town"))
        self._county = cache(partial(read_text, "County (name)"))
        self._low_age = cache(partial(read_age, "StatutoryLowAge"))
        self._high_age = cache(partial(read_age, "StatutoryHighAge"))

    def __call__(self, row: tuple[str, ...]) -> Institution:
        """Read one row, its cells in the order of `ESTABLISHMENTS`.

        Raises:
            BadCell: A cell cannot be right.
        """
        # fmt: off
        (
            urn, name, status, status_name, open_date, close_date, phase, type_, type_name, type_group,
            type_group_name, la, la_name, number, trusts, trust_names, federations, federation_names,
            street, town, county, postcode, low_age, high_age, ukprn,
            former_la, former_la_name,
        ) = row
        # fmt: on
        identity = read_urn("URN", urn)
        return _institution(
            identity,
            _read_name(name),
            *self._status(status, status_name),
            self._open_date(open_date),
            self._close_date(close_date),
            self._phase(phase),
            self._type(type_, type_name),
            self._type_group(type_group, type_group_name),
            self._local_authority(la, la_name),
            self._number(number),
            self._linked(identity, self._trusts(trusts, trust_names)),
            self._federations(federations, federation_names),
            read_text("Street", street),
            self._town(town),
            self._county(county),
            read_text("Postcode", postcode),
            self._low_age(low_age),
            self._high_age(high_age),
            read_code("UKPRN", ukprn, most=8),
            None,  # the register of today has no Ofsted rating
            self._former_authority(former_la, former_la_name),
        )

    def _linked(self, urn: int, trusts: tuple[TrustLink, ...]) -> tuple[TrustLink, ...]:
        if not self._linked_by_file:  # V1: only then do the group links decide
            return self._links.of(urn)
        return self._links.dated(urn, trusts) if trusts else trusts


_SETTERS = [vars(Institution)[field.name].__set__ for field in attrs.fields(Institution)]


def _institution(*values: object) -> Institution:
    """Build an institution from the values of its fields, in their order, without validating them again.

    The reader of each cell has checked its value; the validators of the class would take longer than all those
    readers. So the slots are set one by one, as `attrs` itself sets those of a frozen class. A test compares every
    institution of the real rows with one that is built, and so validated, in the ordinary way.
    """
    institution = object.__new__(Institution)
    for set_field, value in zip(_SETTERS, values, strict=True):
        set_field(institution, value)
    return institution


def _read_name(text: str) -> str:
    name = read_text("EstablishmentName", text)
    if not name:
        raise BadCell("EstablishmentName", text, "is empty")
    return name


def _read_status(code: str, name: str) -> tuple[EstablishmentStatus, str]:
    number = read_code("EstablishmentStatus (code)", code, most=4)
    label = read_text("EstablishmentStatus (name)", name)
    if not number:
        raise BadCell("EstablishmentStatus (code)", code, "is empty")
    status = _STATUSES.get(number, EstablishmentStatus.UNKNOWN)
    if _STATUS_BY_NAME.get(label.casefold(), status) is not status:
        raise BadCell("EstablishmentStatus (code)", number, f'contradicts the name beside it, "{label}"')
    return status, label or _STATUS_NAMES.get(status, f"code {number}")


def _read_former_authority(code: str, name: str) -> Coded | None:
    """Read an LA of the past, which decides nothing: a bad one counts as none."""
    try:
        return read_coded("PreviousLA", code, name, width=3, most=3, padded=False)
    except BadCell:
        return None


def _read_phase(code: str) -> Phase:
    return _PHASES.get(read_code("PhaseOfEducation (code)", code, most=4), Phase.UNKNOWN)


def _read_trusts(codes: str, names: str) -> tuple[TrustLink, ...]:
    return tuple(TrustLink(uid, name) for uid, name in read_names_by_code("Trusts", codes, names).items())


def _read_federations(codes: str, names: str) -> tuple[Coded, ...]:
    return tuple(Coded(uid, name) for uid, name in read_names_by_code("Federations", codes, names).items())
