"""The establishment links: what became of what (E5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial

import attrs

from datashare.domain import validation
from datashare.domain.register import SuccessorLink

from ._cells import BadCell, cached, read_text, read_urn
from ._sources import RegisterFile
from ._tables import ESTABLISHMENT_LINKS, Download, ProgressCallback, ReportCallback, Table, open_table, refuse

LINKS = Download(
    what=ESTABLISHMENT_LINKS,
    argument="links",
    cells=(("URN",), ("LinkURN",), ("LinkType",), ("LinkEstablishedDate",)),
    needed=(("URN",), ("LinkURN",), ("LinkType",)),
)

_SUCCESSOR, _PREDECESSOR = "Successor", "Predecessor"


@attrs.frozen(kw_only=True)
class EstablishmentLink:
    """One row of "Establishment links".

    Attributes:
        urn: The establishment whose row it is.
        link_urn: The establishment that it is linked with.
        kind: ``LinkType``: what the second is to the first.
        day: ``LinkEstablishedDate``, often absent.
    """

    urn: int
    link_urn: int
    kind: str
    day: date | None = None


def read_links(
    file: RegisterFile, *, report: ReportCallback = refuse, progress: ProgressCallback | None = None
) -> Iterator[EstablishmentLink]:
    """Read the rows of "Establishment links" one by one, of every kind, in the order of the file.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Receives each bad row; by default it raises it.
        progress: Receives how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is invalid; raised when the first link is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, LINKS, report, progress) as table:
        yield from establishment_links(table)


def establishment_links(table: Table) -> Iterator[EstablishmentLink]:
    """Read the links of a table, and report the bad rows; a day that cannot be read leaves a link without one."""
    return table.read(partial(_read_link, table, cached(table.days.read)))


def _read_link(table: Table, read_day: Callable[[str, str], date | None], row: tuple[str, ...]) -> EstablishmentLink:
    urn, link_urn, kind, day = row
    link = EstablishmentLink(
        urn=read_urn("URN", urn),
        link_urn=read_urn("LinkURN", link_urn),
        kind=read_text("LinkType", kind),
        day=table.read_cell(None, "", read_day, "LinkEstablishedDate", day),
    )
    if not link.kind:
        raise BadCell("LinkType", kind, "is empty")
    if link.urn == link.link_urn:
        raise BadCell("LinkURN", link_urn, "links an establishment with itself")
    return link


def successors(links: Iterable[EstablishmentLink]) -> tuple[tuple[SuccessorLink, ...], Mapping[str, int]]:
    """Select the links that say what succeeded what, and count the others by kind.

    A ``Predecessor …`` row says from the other side what a ``Successor …`` row says; most links are in the
    file from both sides, and are returned once. Where the two sides differ, the more specific kind and the
    earlier day count.

    *Result of Amalgamation* names no direction, and the register uses it from both sides, so it is left out
    with sixth form centres, expansions and the other kinds.

    Returns:
        The links by predecessor and successor, and how many rows there were of each other kind.

    Raises:
        InvalidValue: One of them is not a link.
    """
    known: dict[tuple[int, int], tuple[str, date | None]] = {}
    others: Counter[str] = Counter()
    for link in validation.walk(links, EstablishmentLink, "links", "EstablishmentLinks, as read_links yields them"):
        if link.kind.startswith(_SUCCESSOR):
            pair, kind = (link.urn, link.link_urn), link.kind
        elif link.kind.startswith(_PREDECESSOR):
            pair, kind = (link.link_urn, link.urn), _SUCCESSOR + link.kind.removeprefix(_PREDECESSOR)
        else:
            others[link.kind] += 1
            continue
        known_kind, known_day = known.get(pair, (kind, link.day))
        # A more specific kind is "Successor" with more words, so that it sorts after it.
        known[pair] = max(known_kind, kind), min(filter(None, (known_day, link.day)), default=None)
    return (
        tuple(
            SuccessorLink(predecessor=old, successor=new, kind=kind, day=day)
            for (old, new), (kind, day) in sorted(known.items())
        ),
        dict(others),
    )
