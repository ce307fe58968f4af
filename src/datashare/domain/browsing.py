"""Pure: the table of a group's institutions: search, filters, facets, order and pages (rules B)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import attrs

from datashare.errors import InvalidInput

from . import validation
from .agreements import Agreement, State, Tab
from .instants import Instant
from .levels import AccessLevel, to_levels
from .register import Coded, Institution, Phase
from .search import search
from .text import Labelled, folded
from .validation import FrozenMapping, Key, Text, to_frozenset, to_texts, validated_input
from .visibility import DateWarning

_T = TypeVar("_T")

FacetKey = Phase | Tab | AccessLevel | str
"""What a filter chooses by: a phase, a tab, a level, a cluster's name, a code or a rating."""

_SortKey = str | int | tuple[str, ...] | Instant


@attrs.frozen(kw_only=True)
class Listing:
    """One row of the table: an institution that the group sees, and what stands between the two (B1).

    Attributes:
        institution: The institution, with all its details.
        agreement: The agreement as it stands; where the school was never asked, one that holds nothing but its id.
        has_school_site: Whether the school has an MIS site; without one it is listed, and cannot be asked (V11).
        granted: The level that the agreement grants on the day of the table, if any (X1, X2).
        clusters: The names of the group's clusters that it is in, by folded name (B6).
        warnings: Dates of the register that do not fit its status (V4).
        unreadable: Whether what is kept of the agreement cannot be read; then *agreement* holds nothing but its id,
            nothing is granted, and the row stands under every tab (T4).
    """

    institution: Institution
    agreement: Agreement
    has_school_site: bool
    granted: AccessLevel | None = None
    clusters: tuple[str, ...] = ()
    warnings: tuple[DateWarning, ...] = ()
    unreadable: bool = False

    @property
    def urn(self) -> int:
        """The institution's URN."""
        return self.institution.urn

    @property
    def name(self) -> str:
        """The institution's name; not unique."""
        return self.institution.name

    @property
    def state(self) -> State:
        """The state of the agreement; one that cannot be read counts as none."""
        return self.agreement.state

    @property
    def tabs(self) -> frozenset[Tab]:
        """The tabs that show it (T4)."""
        return frozenset(Tab) if self.unreadable else self.agreement.tabs

    @property
    def level(self) -> AccessLevel | None:
        """The level in force, if any; it may have lapsed."""
        return self.agreement.level

    @property
    def lapsed(self) -> bool:
        """Whether the level in force grants nothing, since the school was hidden for too long (X2)."""
        return self.level is not None and self.granted is None


class Facet(Labelled):
    """A filter that offers its values with counts (B2, B8); its value is the name of a field of `Filters`."""

    PHASE = "phase"
    """The phase of education."""
    CLUSTER = "cluster"
    """The group's own sets of schools (B6)."""
    ESTABLISHMENT_TYPE = "establishment_type"
    """The type of establishment."""
    OFSTED_RATING = "ofsted_rating"
    """The Ofsted rating, where the host supplies it."""
    LOCAL_AUTHORITY = "local_authority"
    """The local authority."""
    TAB = "tab"
    """The tab that lists the school (T4)."""
    LEVEL = "level"
    """The level in force."""


def _of_code(coded: Coded | None) -> dict[FacetKey, str]:
    return {coded.code: coded.name.strip() or coded.code} if coded else {}


# B2, B8: the values by which a filter finds a listing, with their labels; empty where it has no such value.
_OFFERS: Mapping[Facet, Callable[[Listing], Mapping[FacetKey, str]]] = {
    Facet.PHASE: lambda row: {row.institution.phase: row.institution.phase.label},
    Facet.CLUSTER: lambda row: {name: name for name in row.clusters},
    Facet.ESTABLISHMENT_TYPE: lambda row: _of_code(row.institution.establishment_type),
    Facet.OFSTED_RATING: lambda row: {rating: rating for rating in [row.institution.ofsted_rating] if rating},
    Facet.LOCAL_AUTHORITY: lambda row: _of_code(row.institution.local_authority),
    Facet.TAB: lambda row: {tab: tab.label for tab in row.tabs},
    Facet.LEVEL: lambda row: {level: level.label for level in [row.level] if level},
}


def values_of(listing: Listing, facet: Facet) -> Mapping[FacetKey, str]:
    """Return the values of *facet* by which a filter finds *listing*, with their labels; possibly none (B2)."""
    return _OFFERS[facet](listing)


def _to_phases(value: Iterable[Phase]) -> frozenset[Phase]:
    return to_frozenset(value)


def _to_tabs(value: Iterable[Tab]) -> frozenset[Tab]:
    return to_frozenset(value)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Filters:
    """What to look for: values within one filter combine with OR, different filters with AND (B2, B3).

    An empty filter restricts nothing. Values are compared exactly, but for the search.

    Attributes:
        search: What a person typed; any text is safe, and one without letters, digits and "&" restricts nothing. See
            `datashare.domain.search.search` for what it finds (B4).
        phase: Phases; *Not applicable* can be chosen like any other (B7).
        cluster: Names of the group's clusters (B6).
        establishment_type: Values of ``TypeOfEstablishment (code)``.
        ofsted_rating: Ratings, as the host words them.
        local_authority: Values of ``LA (code)``.
        tab: Tabs; an agreement that is being raised stands under two (T4, U2).
        level: Levels in force; a level asked for does not count.
    """

    search: str = ""
    phase: frozenset[Phase] = attrs.field(default=(), converter=_to_phases)
    cluster: frozenset[Key] = attrs.field(default=(), converter=to_texts)
    establishment_type: frozenset[Key] = attrs.field(default=(), converter=to_texts)
    ofsted_rating: frozenset[Text] = attrs.field(default=(), converter=to_texts)
    local_authority: frozenset[Key] = attrs.field(default=(), converter=to_texts)
    tab: frozenset[Tab] = attrs.field(default=(), converter=_to_tabs)
    level: frozenset[AccessLevel] = attrs.field(default=(), converter=to_levels)

    def chosen(self, facet: Facet) -> frozenset[FacetKey]:
        """Return the values of *facet* that are chosen; an empty set restricts nothing (B3)."""
        chosen: frozenset[FacetKey] = getattr(self, validation.require_member(facet, Facet, "facet").value)
        return chosen


NO_FILTERS = Filters()
"""Filters that leave nothing out."""


def _text(value: str) -> str | None:
    return folded(value) if value.strip() else None


def _coded(value: Coded | None) -> str | None:
    return _text(value.name or value.code) if value else None


def _compact(value: str) -> str:
    return folded(value).replace(" ", "")


def _phase(phase: Phase) -> str | None:
    return None if phase is Phase.UNKNOWN else _text(phase.label)


_STATES = {state: place for place, state in enumerate(State)}


class Column(Labelled):
    """A column by which the table can be sorted (B5).

    Texts are compared folded (B4); phases, types, authorities and clusters by their names; levels and states
    from the least to the most. A phase that the register does not name is blank.
    """

    NAME = "name"
    """The institution's name."""
    URN = "urn"
    """The institution's URN."""
    PHASE = "phase"
    """The phase of education, by name."""
    ESTABLISHMENT_TYPE = "establishment_type"
    """The type of establishment, by name."""
    TOWN = "town"
    """The town."""
    POSTCODE = "postcode"
    """The postcode."""
    LOCAL_AUTHORITY = "local_authority"
    """The local authority, by name."""
    CLUSTERS = "clusters"
    """The names of the group's clusters that the institution is in."""
    OFSTED_RATING = "ofsted_rating"
    """The Ofsted rating, where the host supplies it."""
    SCHOOL_SITE = "school_site"
    """Whether the institution has an MIS site."""
    STATE = "state"
    """The state of the agreement."""
    LEVEL = "level"
    """The level in force."""
    IN_FORCE_SINCE = "in_force_since"
    """The instant from which that level is in force."""
    REQUESTED_LEVEL = "requested_level"
    """The level that an open request asks for."""
    REQUESTED_AT = "requested_at"
    """The instant at which that request was sent."""


# B5: what each column sorts by; `None` where a listing's cell is blank.
_SORT_KEYS: Mapping[Column, Callable[[Listing], _SortKey | None]] = {
    Column.NAME: lambda row: folded(row.name),
    Column.URN: lambda row: row.urn,
    Column.PHASE: lambda row: _phase(row.institution.phase),
    Column.ESTABLISHMENT_TYPE: lambda row: _coded(row.institution.establishment_type),
    Column.TOWN: lambda row: _text(row.institution.town),
    Column.POSTCODE: lambda row: _compact(row.institution.postcode) or None,
    Column.LOCAL_AUTHORITY: lambda row: _coded(row.institution.local_authority),
    Column.CLUSTERS: lambda row: tuple(map(folded, row.clusters)) or None,
    Column.OFSTED_RATING: lambda row: _text(row.institution.ofsted_rating or ""),
    Column.SCHOOL_SITE: lambda row: int(row.has_school_site),
    Column.STATE: lambda row: _STATES[row.state],
    Column.LEVEL: lambda row: row.level.rank if row.level else None,
    Column.IN_FORCE_SINCE: lambda row: row.agreement.in_force.since if row.agreement.in_force else None,
    Column.REQUESTED_LEVEL: lambda row: row.agreement.request.level.rank if row.agreement.request else None,
    Column.REQUESTED_AT: lambda row: row.agreement.request.asked_at if row.agreement.request else None,
}


def browse(
    listings: Iterable[Listing], filters: Filters = NO_FILTERS, *, sort: Column = Column.NAME, descending: bool = False
) -> tuple[Listing, ...]:
    """List the rows that *filters* find, in order (B1-B5, B7).

    The order does not depend on that of *listings*: blanks come last and ties go by URN, ascending or
    descending alike. Cost: one pass and two sorts; each text is folded once.

    Args:
        listings: The group's rows.
        filters: What to look for.
        sort: The column to sort by.
        descending: Whether the greatest comes first.

    Raises:
        InvalidValue: An argument is of the wrong kind, for example a column given as text.
    """
    validation.require_member(sort, Column, "sort")
    if not isinstance(descending, bool):
        raise InvalidInput("descending", descending, "True or False")
    finds, active = _tests(filters)
    rows = validation.require_collection(listings, "listings")
    key = _SORT_KEYS[sort]
    matches = [(key(row), row) for row in rows if not _failing(row, active) and finds(row)]
    matches.sort(key=lambda pair: pair[1].urn)
    present = [(value, row) for value, row in matches if value is not None]
    present.sort(key=lambda pair: pair[0], reverse=descending)  # sorting is stable, reversed too, so ties stay by URN
    return (*(row for _, row in present), *(row for value, row in matches if value is None))


def _tests(filters: object) -> tuple[Callable[[Listing], bool], dict[Facet, frozenset[FacetKey]]]:
    """Return the test of the search, and the filters that restrict something (B3)."""
    if not isinstance(filters, Filters):
        raise InvalidInput("filters", filters, "Filters, such as Filters(search='hilda')")
    finds = search(filters.search)
    return lambda row: finds(row.institution), {facet: chosen for facet in Facet if (chosen := filters.chosen(facet))}


def _failing(row: Listing, active: Mapping[Facet, frozenset[FacetKey]]) -> list[Facet]:
    """List the filters that leave *row* out."""
    return [facet for facet, chosen in active.items() if chosen.isdisjoint(_OFFERS[facet](row))]


@attrs.frozen
class FacetValue:
    """A value that a filter offers, with how many rows choosing it would show (B8).

    Attributes:
        value: What to choose in the filter.
        label: Its name for people; a group's policy may word a level otherwise (L3).
        count: How many rows have it, given the other filters; possibly 0.
    """

    value: FacetKey
    label: str
    count: int


def facets(listings: Iterable[Listing], filters: Filters = NO_FILTERS) -> Mapping[Facet, tuple[FacetValue, ...]]:
    """Return what each filter offers, with counts, given the search and the other filters (B8).

    A filter does not narrow its own facet: each count is that of rows which `browse` would find if this value
    alone were chosen in this filter. Every value that occurs among *listings* is offered, and every chosen
    one, so that an offer does not vanish while it is chosen. Phases, tabs and levels come in their own order,
    the rest by folded label. A row without a value (no rating, no cluster) is not counted in that filter.

    Cost: one pass over *listings*, whatever is chosen.

    Args:
        listings: The group's rows.
        filters: What is chosen at present.

    Raises:
        InvalidValue: An argument is of the wrong kind.
    """
    finds, active = _tests(filters)
    tallies = {facet: _Tally(filters.chosen(facet)) for facet in Facet}
    for row in validation.require_collection(listings, "listings"):
        failing = _failing(row, active) if finds(row) else list(Facet)
        for facet, tally in tallies.items():
            tally.add(_OFFERS[facet](row), counts=not failing or failing == [facet])
    return FrozenMapping({facet: tally.values() for facet, tally in tallies.items()})


class _Tally:
    """Counts the values of one facet."""

    def __init__(self, chosen: Iterable[FacetKey]) -> None:
        self._counts: dict[FacetKey, int] = dict.fromkeys(chosen, 0)
        self._labels: dict[FacetKey, str] = {}

    def add(self, offers: Mapping[FacetKey, str], *, counts: bool) -> None:
        """Add the values of one row, and count them if the other filters find it."""
        for value, label in offers.items():
            self._counts[value] = self._counts.get(value, 0) + counts
            # The register's codes should have one name each; of several, always the same one is shown.
            if label != self._labels.setdefault(value, label):
                self._labels[value] = max(label, self._labels[value])

    def values(self) -> tuple[FacetValue, ...]:
        """Return the values in the order in which they are offered."""
        offers = [
            FacetValue(value, self._labels.get(value) or (value if isinstance(value, str) else value.label), count)
            for value, count in self._counts.items()
        ]
        return tuple(sorted(offers, key=_offer_order))


_PLACES: Mapping[FacetKey, int] = {value: at for at, value in enumerate((*Phase, *Tab, *AccessLevel))}


def _offer_order(offer: FacetValue) -> tuple[int, str, str]:
    if isinstance(offer.value, str):
        return 0, folded(offer.label), offer.value
    return _PLACES[offer.value], "", ""


@attrs.frozen(kw_only=True)
class Page(Generic[_T]):
    """A part of a list (B9).

    Attributes:
        items: The items of this page, in the list's order.
        total: How many items the whole list has.
        offset: How many items of the list come before this page.
        limit: The most items that a page holds; `None` for no limit.
    """

    items: tuple[_T, ...]
    total: int
    offset: int
    limit: int | None


def paged(items: Sequence[_T], offset: int = 0, limit: int | None = None) -> Page[_T]:
    """Return a page of any list (B9).

    Past the end, or with a limit of 0, a page is empty and still holds the total.

    Args:
        items: The whole list, in order.
        offset: How many items to leave out at the start.
        limit: The most items of the page; `None` for all that follow.

    Raises:
        InvalidValue: The offset or the limit is negative or not a whole number, or *items* is not in an order.
    """
    if isinstance(items, (str, bytes)) or not isinstance(items, Sequence):
        raise InvalidInput("items", items, "a list or a tuple")
    first = _require_count(offset, "offset")
    last = None if limit is None else first + _require_count(limit, "limit")
    return Page(items=tuple(items[first:last]), total=len(items), offset=offset, limit=limit)


def _require_count(value: object, what: str) -> int:
    if type(value) is not int or value < 0:
        raise InvalidInput(what, value, "a whole number from 0")
    return value
