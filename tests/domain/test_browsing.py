"""The table of a group's institutions (rules B)."""

from collections.abc import Callable, Iterable
from itertools import count, permutations
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import State, Tab
from datashare.domain.browsing import (
    NO_FILTERS,
    Column,
    Facet,
    FacetValue,
    Filters,
    Listing,
    Page,
    browse,
    facets,
    paged,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.register import Coded, Phase
from datashare.domain.text import folded
from datashare.errors import InvalidValue
from tests.builders import ACADEMY_CONVERTER, MORNING, READING, VOLUNTARY_AIDED, institution, listing

MIS, ACTIONS = AccessLevel.MIS_DATA, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS

HILDA = listing(institution(100001, "St Hilda’s C.E. Primary School", ofsted_rating="Good"), clusters=["North"])
ARETE = listing(
    institution(
        100002,
        "Areté Academy",
        town="Carlisle",
        postcode="CA1 1AA",
        phase=Phase.SECONDARY,
        establishment_type=VOLUNTARY_AIDED,
        local_authority=Coded("909", "Cumbria"),
        ofsted_rating="Outstanding",
    ),
    State.PENDING,
    clusters=["West", "North"],
)
BRIDGE = listing(
    institution(
        100003,
        "The Bridge",
        town="",
        postcode="",
        phase=Phase.NOT_APPLICABLE,
        establishment_type=None,
        local_authority=None,
    ),
    State.APPROVED,
)
DOVE = listing(
    institution(100004, "Dove House", town="Newcastle-upon-Tyne", phase=Phase.UNKNOWN, postcode="NE1  4XD"),
    State.UPGRADING,
    level=AccessLevel.DFE_DATA,
    clusters=["Ärzte"],
    has_school_site=False,
)
ROWS = (HILDA, ARETE, BRIDGE, DOVE)


def urns(rows: Iterable[Listing]) -> list[int]:
    """Return the last digits of the rows' URNs, in order."""
    return [row.urn - 100000 for row in rows]


def offered(values: Iterable[FacetValue]) -> list[tuple[object, str, int]]:
    """Return what a facet offers as plain tuples."""
    return [(offer.value, offer.label, offer.count) for offer in values]


@pytest.mark.rule("B1")
def test_the_table_is_searched_filtered_and_sorted_at_once() -> None:
    """Search, filters and sorting work together, and each row holds the institution's details."""
    rows = browse(ROWS, Filters(search="re", tab=[Tab.PENDING, Tab.NO_AGREEMENT]), sort=Column.URN, descending=True)

    assert (HILDA,) == rows
    assert ("St Hilda’s C.E. Primary School", "Reading", "RG1 1AA") == (
        rows[0].name,
        rows[0].institution.town,
        rows[0].institution.postcode,
    )


@pytest.mark.rule("B1", "T4", "X2")
def test_a_row_shows_how_its_agreement_stands() -> None:
    """State, tabs and level in force of a row are those of its agreement, and it says whether that lapsed."""
    assert [State.UPGRADING, State.NO_AGREEMENT] == [DOVE.state, HILDA.state]
    assert [{Tab.PENDING, Tab.APPROVED}, {Tab.NO_AGREEMENT}] == [DOVE.tabs, HILDA.tabs]
    assert [AccessLevel.DFE_DATA, None] == [DOVE.level, HILDA.level]
    assert [True, False, False] == [row.lapsed for row in (attrs.evolve(DOVE, granted=None), DOVE, HILDA)]


@pytest.mark.rule("B2", "B6", "B7")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(phase=[Phase.SECONDARY]), [2]),
        (Filters(phase=[Phase.NOT_APPLICABLE]), [3]),
        (Filters(phase=[Phase.UNKNOWN]), [4]),
        (Filters(cluster=["North"]), [2, 1]),
        (Filters(cluster=["north"]), []),
        (Filters(cluster=["Ärzte"]), [4]),
        (Filters(search="hilda"), [1]),
        (Filters(establishment_type=["02"]), [2]),
        (Filters(ofsted_rating=["Good"]), [1]),
        (Filters(local_authority=["909"]), [2]),
        (Filters(tab=[Tab.NO_AGREEMENT]), [1]),
        (Filters(tab=[Tab.PENDING]), [2, 4]),
        (Filters(tab=[Tab.APPROVED]), [4, 3]),
        (Filters(level=[MIS]), [3]),
        (Filters(level=[ACTIONS]), []),
    ],
)
def test_each_filter_finds_its_rows(filters: Filters, expected: list[int]) -> None:
    """Each filter finds the rows that have a chosen value; a level that is only asked for does not count."""
    assert expected == urns(browse(ROWS, filters))


@pytest.mark.rule("B3")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (NO_FILTERS, [2, 4, 1, 3]),
        (Filters(phase=[], cluster=(), tab=set(), search=" "), [2, 4, 1, 3]),
        (Filters(phase=[Phase.PRIMARY, Phase.SECONDARY]), [2, 1]),
        (Filters(phase=[Phase.PRIMARY, Phase.SECONDARY], ofsted_rating=["Good"]), [1]),
        (Filters(phase=[Phase.SECONDARY], ofsted_rating=["Good"]), []),
        (Filters(search="arete", phase=[Phase.SECONDARY], cluster=["North", "Ärzte"]), [2]),
        (Filters(search="arete", phase=[Phase.PRIMARY]), []),
    ],
)
def test_values_combine_with_or_and_filters_with_and(filters: Filters, expected: list[int]) -> None:
    """Two values of one filter widen, two filters narrow, and an empty filter restricts nothing."""
    assert expected == urns(browse(ROWS, filters))


@pytest.mark.rule("B4")
@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("st hildas", [1]),
        ("hilda’s st", [1]),
        ("c e", [1]),
        ("hilda reading", [1]),
        ("ilda", []),
        ("hilda dove", []),
        ("arete", [2]),
        ("arete\u0301", [2]),
        ("tyne", [4]),
        ("100002", [2]),
        (" 100002 ", [2]),
        ("１００００２", [2]),
        ("10000", []),
        ("CA1 1AA", [2]),
        (" cA1  1Aa ", [2]),
        ("NE14XD", [4]),
        ("CA1", [2]),
        ("ca", [2]),
        ("ca11", []),
        ("", [2, 4, 1, 3]),
        (" \t\n", [2, 4, 1, 3]),
        ("\0", [2, 4, 1, 3]),
        ("\ud800", [2, 4, 1, 3]),
        ("st.*", [1]),
        ("'; drop table", []),
        ("a " * 100_000 + "ar", [2]),
    ],
    ids=lambda value: ascii(value[:20]) if isinstance(value, str) else "",
)
def test_a_search_finds_words_a_postcode_or_a_urn(search: str, expected: list[int]) -> None:
    """Typed words begin words of name or town; a postcode and a URN match whole; all text is safe."""
    assert expected == urns(browse(ROWS, Filters(search=search)))


WAYS = (
    ("St John", "Saint John", "St. John", "SAINT JOHN"),
    ("All Saints", "All Sts", "All SS"),
    ("Elm & Oak", "Elm and Oak", "Elm&Oak", "Oak and Elm"),
    ("Elm Church of England", "Elm CofE", "Elm C of E", "Elm C.of E.", "Elm CE", "Elm C.E.", "C. of E. Elm"),
    ("Elm Roman Catholic", "Elm Catholic", "Elm RC", "Elm R.C.", "R C Elm"),
    ("St Ann CofE & RC", "saint ann church of england and roman catholic"),
)


@pytest.mark.rule("B4")
@pytest.mark.parametrize("ways", WAYS, ids=lambda ways: str(ways[0]))
def test_a_search_finds_what_is_written_in_another_way(ways: tuple[str, ...]) -> None:
    """Whichever way is in the register, and whichever is typed, but nothing that only begins alike."""
    others = ["Stanley Hill", "Andover Elms", "Central Churchill", "Racing Circuit", "Johns"]
    rows = [listing(institution(urn, name)) for urn, name in enumerate(others, 900000)]

    for number, name in enumerate(ways):
        for typed in ways:
            written = listing(institution(number + 1, f"{name} Primary"))
            assert (written,) == browse([written, *rows], Filters(search=typed)), (name, typed)


@pytest.mark.rule("B4")
@pytest.mark.parametrize("ways", WAYS, ids=lambda ways: str(ways[0]))
def test_what_is_half_typed_finds_what_the_full_words_find(ways: tuple[str, ...]) -> None:
    """While a person types, a school that the whole text finds never leaves the list."""
    rows = [listing(institution(number, f"{name} Primary")) for number, name in enumerate(ways, 1)]

    for typed in ways:
        for length in range(len(typed)):
            assert len(rows) == len(browse(rows, Filters(search=typed[:length]))), typed[:length]


@pytest.mark.rule("B4")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("church of eng", True),
        ("sain", True),
        ("cath", False),
        ("hurch", False),
        ("cofe st", True),
        ("saints", False),
        ("and", True),
        ("&", True),
        ("ann & cofe", True),
        ("ce rc", False),
    ],
)
def test_a_typed_word_begins_a_word_of_another_way_to_write(search: str, found: bool) -> None:
    """Only what stands in the name or town is also found as it is written in other ways."""
    row = listing(institution(1, "St Ann CofE & Nursery"))

    assert found is bool(browse([row], Filters(search=search)))


@pytest.mark.rule("B4")
@pytest.mark.parametrize("search", ["and hilda", "& hilda", "hilda &", "Hilda&"])
def test_and_is_a_word_however_it_is_typed(search: str) -> None:
    """It finds a name with either, and no other."""
    rows = [listing(institution(urn, name)) for urn, name in enumerate(("St Hilda & Ann", "Hilda and Ann", "Hilda"), 1)]

    assert {1, 2} == {row.institution.urn for row in browse(rows, Filters(search=search))}


@pytest.mark.rule("B4")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("BH7", True),
        ("bh 7", True),
        ("BH7 6AW", True),
        ("BH7 6", False),
        ("BH", False),
        ("BH76", False),
        ("837/4004", True),
        ("8374004", True),
        ("837 4004", True),
        ("4004", False),
        ("837", False),
        ("10058308", True),
        ("1005830", False),
        ("BH7 avonbourne", True),
        ("avon BH7", True),
        ("avon bh 7 bourne", True),
        ("avonbourne bh7 6aw", True),
        ("BH76AW avonbourne", True),
        ("avonbourne 837/4004", True),
        ("10058308 avonbourne", True),
        ("BH avonbourne", False),
        ("BH7 6 avonbourne", False),
        ("BH8 avonbourne", False),
        ("BH7 oak", False),
    ],
)
def test_a_search_finds_an_outward_postcode_and_the_numbers_of_a_school(search: str, found: bool) -> None:
    """Each matches as a whole, alone or beside words; a number that the register lacks is never found."""
    cells = {"town": "Bournemouth", "local_authority": Coded("837", "Bournemouth"), "establishment_number": "4004"}
    row = listing(institution(1, "Avonbourne", postcode="BH7 6AW", ukprn="10058308", **cells))
    bare = listing(institution(2, "Avonbourne", town="", postcode="", local_authority=None))

    assert ((row,) if found else ()) == browse([row, bare], Filters(search=search))


@pytest.mark.rule("B4")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("St. Mary's", "st marys"),
        ("St Mary’s", "st marys"),
        ("O´Brien O`Brien OʼBrien O＇Brien", "obrien obrien obrien obrien"),
        ("Areté ARETE\u0301", "arete arete"),
        ("Ysgol Gymraeg Bro Tŷ-Wŷn", "ysgol gymraeg bro ty wyn"),
        ("Straße İstanbul ﬁn ½", "strasse istanbul fin 1 2"),
        ("A&B (C) _D_\u00a0E\u2003F", "a b c d e f"),
        ("Школа №1 学校", "школа no1 学校"),
        ("\0 \ud800 \u0301", ""),
        ("", ""),
    ],
    ids=count(),
)
def test_both_sides_are_folded(text: str, expected: str) -> None:
    """Marks and apostrophes are dropped, other punctuation becomes a space, and case is folded."""
    assert expected == folded(text)


@pytest.mark.rule("B4")
@given(st.text())
def test_folding_is_idempotent(text: str) -> None:
    """Folding what is folded changes nothing, and what remains are words with one space between."""
    once = folded(text)

    assert once == folded(once)
    assert once == " ".join(once.split())
    assert once.replace(" ", "").isalnum() or not once


@pytest.mark.rule("B5")
@pytest.mark.parametrize(
    ("column", "ascending", "descending"),
    [
        (Column.NAME, [2, 4, 1, 3], [3, 1, 4, 2]),
        (Column.URN, [1, 2, 3, 4], [4, 3, 2, 1]),
        (Column.PHASE, [3, 1, 2, 4], [2, 1, 3, 4]),
        (Column.ESTABLISHMENT_TYPE, [1, 4, 2, 3], [2, 1, 4, 3]),
        (Column.TOWN, [2, 4, 1, 3], [1, 4, 2, 3]),
        (Column.POSTCODE, [2, 4, 1, 3], [1, 4, 2, 3]),
        (Column.LOCAL_AUTHORITY, [2, 1, 4, 3], [1, 4, 2, 3]),
        (Column.CLUSTERS, [4, 1, 2, 3], [2, 1, 4, 3]),
        (Column.OFSTED_RATING, [1, 2, 3, 4], [2, 1, 3, 4]),
        (Column.SCHOOL_SITE, [4, 1, 2, 3], [1, 2, 3, 4]),
        (Column.STATE, [1, 2, 3, 4], [4, 3, 2, 1]),
        (Column.LEVEL, [4, 3, 1, 2], [3, 4, 1, 2]),
        (Column.REQUESTED_LEVEL, [2, 4, 1, 3], [2, 4, 1, 3]),
    ],
)
def test_each_column_sorts_both_ways(column: Column, ascending: list[int], descending: list[int]) -> None:
    """Blanks come last either way, and ties go by URN, ascending in both directions."""
    for rows in permutations(ROWS):
        assert ascending == urns(browse(rows, sort=column))
        assert descending == urns(browse(rows, sort=column, descending=True))


@pytest.mark.rule("B5")
def test_days_and_instants_sort_to_the_microsecond() -> None:
    """A level or a request that is a microsecond later comes later."""
    later = MORNING.add(microseconds=1)
    first, second = DOVE, listing(institution(100005), State.UPGRADING)
    assert second.agreement.in_force is not None
    assert second.agreement.request is not None
    second = attrs.evolve(
        second,
        agreement=attrs.evolve(
            second.agreement,
            in_force=attrs.evolve(second.agreement.in_force, since=later),
            request=attrs.evolve(second.agreement.request, asked_at=later),
        ),
    )

    for column in (Column.IN_FORCE_SINCE, Column.REQUESTED_AT):
        assert [4, 5, 1] == urns(browse([second, HILDA, first], sort=column))
        assert [5, 4, 1] == urns(browse([second, HILDA, first], sort=column, descending=True))


@pytest.mark.rule("B5")
def test_a_code_without_a_name_sorts_by_the_code() -> None:
    """A type or authority whose name is not given is not blank."""
    kinds = [Coded("36"), Coded("02")]
    rows = [listing(institution(100000 + n, establishment_type=kind)) for n, kind in enumerate(kinds)]

    assert [1, 0] == urns(browse(rows, sort=Column.ESTABLISHMENT_TYPE))


@pytest.mark.rule("B8", "B6")
def test_each_filter_offers_its_values_with_counts() -> None:
    """Every value that occurs is offered, labelled and counted, in a settled order."""
    offers = {facet: offered(values) for facet, values in facets(ROWS).items()}

    assert {
        Facet.PHASE: [
            (Phase.NOT_APPLICABLE, "Not applicable", 1),
            (Phase.PRIMARY, "Primary", 1),
            (Phase.SECONDARY, "Secondary", 1),
            (Phase.UNKNOWN, "Unknown", 1),
        ],
        Facet.CLUSTER: [("Ärzte", "Ärzte", 1), ("North", "North", 2), ("West", "West", 1)],
        Facet.ESTABLISHMENT_TYPE: [("34", "Academy converter", 2), ("02", "Voluntary aided school", 1)],
        Facet.OFSTED_RATING: [("Good", "Good", 1), ("Outstanding", "Outstanding", 1)],
        Facet.LOCAL_AUTHORITY: [("909", "Cumbria", 1), ("870", "Reading", 2)],
        Facet.TAB: [
            (Tab.NO_AGREEMENT, "No Agreement", 1),
            (Tab.PENDING, "Pending", 2),
            (Tab.APPROVED, "Approved", 2),
        ],
        Facet.LEVEL: [(AccessLevel.DFE_DATA, "DfE Data", 1), (MIS, "MIS Data", 1)],
    } == offers


@pytest.mark.rule("B8")
def test_a_filter_narrows_the_other_facets_and_not_its_own() -> None:
    """What is chosen in one filter counts for the others; its own values keep their counts."""
    offers = facets(ROWS, Filters(phase=[Phase.PRIMARY]))

    assert [1, 1, 1, 1] == [offer.count for offer in offers[Facet.PHASE]]
    assert [("Ärzte", 0), ("North", 1), ("West", 0)] == [(v.value, v.count) for v in offers[Facet.CLUSTER]]


@pytest.mark.rule("B8")
def test_the_search_narrows_every_facet() -> None:
    """Rows that the search does not find count nowhere."""
    offers = facets(ROWS, Filters(search="arete"))

    for values in offers.values():
        assert sum(offer.count for offer in values) <= 2
    assert [("909", 1), ("870", 0)] == [(offer.value, offer.count) for offer in offers[Facet.LOCAL_AUTHORITY]]


@pytest.mark.rule("B8")
def test_a_chosen_value_is_offered_even_if_no_row_has_it() -> None:
    """What is chosen stays on offer with a count of 0, so that it can be deselected."""
    chosen = Filters(cluster=["Gone"], establishment_type=["99"], phase=[Phase.NURSERY], level=[ACTIONS])

    offers = facets([HILDA], chosen)

    assert ("Gone", "Gone", 0) in offered(offers[Facet.CLUSTER])
    assert ("99", "99", 0) in offered(offers[Facet.ESTABLISHMENT_TYPE])
    assert (Phase.NURSERY, "Nursery", 0) in offered(offers[Facet.PHASE])
    assert [(ACTIONS, "MIS Data & Group Actions", 0)] == offered(offers[Facet.LEVEL])


@pytest.mark.rule("B8")
def test_a_code_with_several_names_always_shows_the_same_one() -> None:
    """If rows name a code differently, the order of the rows does not decide which name is shown."""
    kinds = [Coded("34", "Academy"), Coded("34"), Coded("34", "Academy converter")]
    rows = [listing(institution(100000 + n, establishment_type=kind)) for n, kind in enumerate(kinds)]

    for shuffled in permutations(rows):
        assert [("34", "Academy converter", 3)] == offered(facets(shuffled)[Facet.ESTABLISHMENT_TYPE])


@pytest.mark.rule("B8")
def test_facets_of_an_empty_table_are_empty() -> None:
    """Without rows and without choices there is nothing to offer."""
    assert dict.fromkeys(Facet, ()) == facets([])


@pytest.mark.rule("B9")
@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        (0, None, "abcde"),
        (0, 2, "ab"),
        (4, 2, "e"),
        (2, None, "cde"),
        (5, 2, ""),
        (99, None, ""),
        (0, 0, ""),
        (0, 10**30, "abcde"),
    ],
)
def test_a_list_is_taken_as_a_page(offset: int, limit: int | None, expected: str) -> None:
    """A page holds the items from its offset, at most its limit, and the total of the whole list."""
    page = paged(list("abcde"), offset, limit)

    assert Page(items=tuple(expected), total=5, offset=offset, limit=limit) == page


@pytest.mark.rule("B9")
@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_the_pages_of_a_list_make_the_list(items: list[int], limit: int) -> None:
    """Page after page, each item comes once and in order."""
    pages = [paged(items, offset, limit) for offset in range(0, len(items), limit)]

    assert items == [item for page in pages for item in page.items]
    assert all(page.total == len(items) for page in pages)


@pytest.mark.rule("B9")
@pytest.mark.parametrize("wrong", [-1, True, False, "1", 1.0, b"1"], ids=repr)
def test_a_page_needs_whole_numbers(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """A negative number, a truth value or a text is refused, as offset and as limit."""
    with pytest.raises(InvalidValue, match=r"^offset must be a whole number from 0; got"):
        paged([1], wrong)
    with pytest.raises(InvalidValue, match=r"^limit must be a whole number from 0; got"):
        paged([1], 0, wrong)


@pytest.mark.rule("B9")
@pytest.mark.parametrize("wrong", ["abc", b"abc", {1, 2}, None, 7], ids=repr)
def test_a_page_needs_a_list(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """A text is not a list of things, and a set has no order."""
    with pytest.raises(InvalidValue, match=r"^items must be a list or a tuple; got"):
        paged(wrong)


@pytest.mark.parametrize(
    ("question", "arguments", "named", "words"),
    [
        (browse, [ROWS], {"sort": "name"}, r"^sort must be a member of Column \(such as Column\.NAME"),
        (browse, [ROWS], {"descending": 1}, "^descending must be True or False; got 1"),
        (browse, [ROWS, "hilda"], {}, r"^filters must be Filters, such as Filters\(search='hilda'\)"),
        (browse, [ROWS, None], {}, "^filters must be Filters"),
        (browse, ["rows"], {}, "^listings must be a collection"),
        (browse, [7], {}, "^listings must be a collection"),
        (facets, [ROWS, {"phase": []}], {}, "^filters must be Filters"),
        (facets, [None], {}, "^listings must be a collection"),
        (NO_FILTERS.chosen, ["phase"], {}, "^facet must be a member of Facet"),
    ],
    ids=count(),
)
def test_a_wrong_question_is_refused(
    question: Callable[..., object], arguments: list[object], named: dict[str, object], words: str
) -> None:
    """A text where a column or filters belong is refused with words that say what would be right."""
    with pytest.raises(InvalidValue, match=words):
        question(*arguments, **named)


CODES = st.none() | st.sampled_from([READING, Coded("909", "Cumbria"), Coded("202")])
KINDS = st.none() | st.sampled_from([ACADEMY_CONVERTER, VOLUNTARY_AIDED, Coded("07")])
CLUSTERS = st.lists(st.sampled_from(["North", "Süd", "Ärzte"]), max_size=3)
RATINGS = st.sampled_from(["Good", "good", "Öutstanding"])
NAMES = st.sampled_from(["St Hilda’s", "st. hildas", "Areté", "ARETE", "The Bridge", "!"])
SEARCHES = st.sampled_from(["", "st", "arete", "b the", "100003", "rg11aa", "zz"]) | st.text(max_size=3)


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Draw a row of the table, many of its cells blank or equal to others."""
    school = institution(
        draw(st.integers(100000, 100020)),
        draw(NAMES),
        phase=draw(st.sampled_from(Phase)),
        town=draw(st.sampled_from(["", " ", "Reading", "reading", "Žilina"])),
        postcode=draw(st.sampled_from(["", "RG1 1AA", "rg11aa", "-"])),
        establishment_type=draw(KINDS),
        local_authority=draw(CODES),
        ofsted_rating=draw(st.none() | RATINGS),
    )
    return listing(
        school,
        draw(st.sampled_from(State)),
        level=draw(st.sampled_from(AccessLevel)),
        clusters=draw(CLUSTERS),
        has_school_site=draw(st.booleans()),
    )


TABLES = st.lists(listings(), max_size=10, unique_by=lambda row: row.urn)
FILTERS = st.builds(
    Filters,
    search=SEARCHES,
    phase=st.sets(st.sampled_from(Phase), max_size=4),
    cluster=CLUSTERS,
    establishment_type=st.sets(st.sampled_from(["02", "34", "07"]), max_size=2),
    ofsted_rating=st.sets(RATINGS, max_size=2),
    local_authority=st.sets(st.sampled_from(["870", "909", "202"]), max_size=2),
    tab=st.sets(st.sampled_from(Tab), max_size=2),
    level=st.sets(st.sampled_from(AccessLevel), max_size=2),
)


@pytest.mark.rule("B8")
@given(TABLES, FILTERS)
def test_counts_are_what_choosing_the_value_would_show(table: list[Listing], filters: Filters) -> None:
    """Each count equals the number of rows found with that value alone chosen in its filter."""
    for facet, values in facets(table, filters).items():
        assert len({offer.value for offer in values}) == len(values)
        assert filters.chosen(facet) <= {offer.value for offer in values}
        for offer in values:
            only: dict[str, Any] = {facet.value: [offer.value]}
            assert offer.count == len(browse(table, attrs.evolve(filters, **only)))
