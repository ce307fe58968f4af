"""The establishment links: what became of what (E5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.register import SuccessorLink

from ._cells import BadCell, day, urn, words
from ._sources import RegisterFile
from ._tables import Layout, Progress, Report, open_table, refuse

LINKS = Layout(
    what='"Establishment links"',
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
    file: RegisterFile, *, report: Report = refuse, progress: Progress | None = None
) -> Iterator[EstablishmentLink]:
    """Stream the rows of "Establishment links", of every kind, in the order of the file.

    Args:
        file: The download, plain, zipped or gzipped.
        report: Told of each bad row; by default it raises it.
        progress: Told how far the reading has come, at the start, every thousand rows, and at the end.

    Raises:
        InvalidValue: An argument is none of what it may be; raised when the first link is asked for.
        RegisterError: The file cannot be used; likewise.
    """
    with open_table(file, LINKS, report, progress) as table:
        for row in table.rows():
            try:
                link = _link(row)
            except BadCell as bad:
                table.bad(bad)
            else:
                yield link


_read_urn, _read_link_urn = urn("URN"), urn("LinkURN")
_read_kind, _read_day = words("LinkType"), day("LinkEstablishedDate")


def _link(row: tuple[str, ...]) -> EstablishmentLink:
    link = EstablishmentLink(
        urn=_read_urn(row[0]), link_urn=_read_link_urn(row[1]), kind=_read_kind(row[2]), day=_read_day(row[3])
    )
    if not link.kind:
        raise BadCell("LinkType", row[2], "is empty")
    if link.urn == link.link_urn:
        raise BadCell("LinkURN", row[1], "links an establishment with itself")
    return link


def successors(links: Iterable[EstablishmentLink]) -> tuple[tuple[SuccessorLink, ...], Mapping[str, int]]:
    """Pick the links that say what succeeded what, and count the others by kind.

    A ``Predecessor …`` row says from the other side what a ``Successor …`` row says; most links stand in the
    file from both sides, and are given once. Where the two sides differ, the more specific kind and the
    earlier day count.

    *Result of Amalgamation* names no direction, and the register uses it from both sides, so it is left out
    with sixth form centres, expansions and the rest.

    Returns:
        The links by predecessor and successor, and how many rows there were of each other kind.

    Raises:
        InvalidValue: One of them is no link.
    """
    found: dict[tuple[int, int], tuple[str, date | None]] = {}
    others: Counter[str] = Counter()
    for link in validation.walk(links, EstablishmentLink, "links", "EstablishmentLinks, as read_links gives them"):
        if link.kind.startswith(_SUCCESSOR):
            pair, kind = (link.urn, link.link_urn), link.kind
        elif link.kind.startswith(_PREDECESSOR):
            pair, kind = (link.link_urn, link.urn), _SUCCESSOR + link.kind.removeprefix(_PREDECESSOR)
        else:
            others[link.kind] += 1
            continue
        known_kind, known_day = found.get(pair, (kind, link.day))
        # A specific kind is plain "Successor" with more words, so that it comes after it.
        found[pair] = max(known_kind, kind), min(filter(None, (known_day, link.day)), default=None)
    return (
        tuple(
            SuccessorLink(predecessor=old, successor=new, kind=kind, day=since)
            for (old, new), (kind, since) in sorted(found.items())
        ),
        dict(others),
    )
