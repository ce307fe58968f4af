"""The table of a group's institutions (rules B)."""

from collections.abc import Callable, Iterable
from itertools import permutations
from time import process_time
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
from datashare.domain.policy import Policy
from datashare.domain.register import Coded, Phase
from datashare.domain.text import folded
from datashare.domain.visibility import DateWarning, visible_institutions
from datashare.errors import InvalidValue
from tests.builders import (
    ACADEMY_CONVERTER,
    DAY,
    MORNING,
    READING,
    VOLUNTARY_AIDED,
    agreement,
    group,
    institution,
    listing,
)

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


# The type checker would not let us call these with what does not belong there; others have no type checker.
AS_ANYBODY_CALLS: dict[str, Callable[..., object]] = {
    "browse": browse,
    "facets": facets,
    "paged": paged,
    "chosen": NO_FILTERS.chosen,
    "Filters": Filters,
    "Page": Page,
}


def urns(rows: Iterable[Listing]) -> list[int]:
    """Give the last digits of the rows' URNs, in order."""
    return [row.urn - 100000 for row in rows]


def offered(values: Iterable[FacetValue]) -> list[tuple[object, str, int]]:
    """Give what a facet offers as plain tuples."""
    return [(one.value, one.label, one.count) for one in values]


@pytest.mark.rule("B1")
def test_the_table_is_searched_filtered_and_sorted_at_once() -> None:
    """Search, filters and sorting work together, and each row holds the institution's details."""
    found = browse(ROWS, Filters(search="re", tab=[Tab.PENDING, Tab.NO_AGREEMENT]), sort=Column.URN, descending=True)

    assert (HILDA,) == found
    assert ("St Hilda’s C.E. Primary School", "Reading", "RG1 1AA") == (
        found[0].name,
        found[0].institution.town,
        found[0].institution.postcode,
    )


@pytest.mark.rule("B1", "T4")
def test_a_row_tells_how_its_agreement_stands() -> None:
    """State, tabs and level in force of a row are those of its agreement."""
    assert [State.UPGRADING, State.NO_AGREEMENT] == [DOVE.state, HILDA.state]
    assert [{Tab.PENDING, Tab.APPROVED}, {Tab.NO_AGREEMENT}] == [DOVE.tabs, HILDA.tabs]
    assert [AccessLevel.DFE_DATA, None] == [DOVE.level, HILDA.level]


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
    ids=str,
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
    ids=str,
)
def test_values_combine_with_or_and_filters_with_and(filters: Filters, expected: list[int]) -> None:
    """Two values of one filter widen, two filters narrow, and an empty filter restricts nothing."""
    assert expected == urns(browse(ROWS, filters))


@pytest.mark.rule("B4")
@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("st hildas", [1]),
        ("ST. HILDA'S", [1]),
        ("hilda’s st", [1]),
        ("prim hil", [1]),
        ("c e", [1]),
        ("hilda reading", [1]),
        ("ilda", []),
        ("hilda dove", []),
        ("hildasx", []),
        ("arete", [2]),
        ("ARETÉ", [2]),
        ("arete\u0301", [2]),
        ("tyne", [4]),
        ("newcastle-upon", [4]),
        ("100002", [2]),
        (" 100002 ", [2]),
        ("１００００２", [2]),
        ("10000", []),
        ("0100002", []),
        ("CA1 1AA", [2]),
        ("ca11aa", [2]),
        (" cA1  1Aa ", [2]),
        ("c a11 aa", [2]),
        ("NE14XD", [4]),
        ("CA1", []),
        ("1AA", []),
        ("", [2, 4, 1, 3]),
        (" \t\n", [2, 4, 1, 3]),
        ("!?", [2, 4, 1, 3]),
        ("\0", [2, 4, 1, 3]),
        ("\ud800", [2, 4, 1, 3]),
        ("arete\0", [2]),
        ("%", [2, 4, 1, 3]),
        ("st.*", [1]),
        ("[a-z]+", []),
        ("'; drop table", []),
        ("a " * 100_000 + "ar", [2]),
        ("x" * 1_000_000, []),
    ],
    ids=lambda value: ascii(value[:20]) if isinstance(value, str) else "",
)
def test_a_search_finds_words_a_postcode_or_a_urn(search: str, expected: list[int]) -> None:
    """Typed words begin words of name or town; a postcode and a URN match whole; all text is safe."""
    assert expected == urns(browse(ROWS, Filters(search=search)))


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
    ids=ascii,
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
    """What came into force or was asked a microsecond later stands later."""
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


@pytest.mark.rule("B5", "V10")
def test_the_usual_order_is_that_of_the_visible_institutions() -> None:
    """By default the table stands in the order in which the group's institutions are listed."""
    names = ["Ébor", "ebor", "!!!", "Ýork", "St John’s", "St. Johns"]
    rows = [listing(institution(100000 + n, name)) for n, name in enumerate(names)]

    seen = visible_institutions(tuple(row.institution for row in rows), group=group(), policy=Policy.mat(), day=DAY)

    assert seen == tuple(row.institution for row in browse(rows))


@pytest.mark.rule("B6")
def test_clusters_are_the_hosts_and_in_order() -> None:
    """A row's clusters are named by the caller, without repetition, by folded name."""
    assert ("Ärzte", "north", "West") == listing(clusters=["West", "north", "Ärzte", "West"]).clusters


@pytest.mark.rule("B7")
def test_not_applicable_appears_unless_a_filter_leaves_it_out() -> None:
    """A special school is in the table, is left out by other phases, and can be chosen itself."""
    assert BRIDGE in browse(ROWS)
    assert BRIDGE not in browse(ROWS, Filters(phase=[Phase.PRIMARY]))
    assert BRIDGE in browse(ROWS, Filters(phase=[Phase.PRIMARY, Phase.NOT_APPLICABLE]))
    assert (Phase.NOT_APPLICABLE, "Not applicable", 1) in offered(facets(ROWS)[Facet.PHASE])


@pytest.mark.rule("B8", "B6")
def test_each_filter_offers_its_values_with_counts() -> None:
    """Every value that occurs is offered, labelled and counted, in a settled order."""
    found = {facet: offered(values) for facet, values in facets(ROWS).items()}

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
    } == found


@pytest.mark.rule("B8")
def test_a_filter_narrows_the_other_facets_and_not_its_own() -> None:
    """What is chosen in one filter counts for the others; its own values keep their counts."""
    found = facets(ROWS, Filters(phase=[Phase.PRIMARY]))

    assert [1, 1, 1, 1] == [one.count for one in found[Facet.PHASE]]
    assert [("Ärzte", 0), ("North", 1), ("West", 0)] == [(v.value, v.count) for v in found[Facet.CLUSTER]]


@pytest.mark.rule("B8")
def test_the_search_narrows_every_facet() -> None:
    """Rows that the search does not find count nowhere."""
    found = facets(ROWS, Filters(search="arete"))

    for values in found.values():
        assert sum(one.count for one in values) <= 2
    assert [("909", 1), ("870", 0)] == [(one.value, one.count) for one in found[Facet.LOCAL_AUTHORITY]]


@pytest.mark.rule("B8")
def test_a_chosen_value_is_offered_even_if_no_row_has_it() -> None:
    """What is chosen stays on offer with a count of nought, so that it can be given up."""
    chosen = Filters(cluster=["Gone"], establishment_type=["99"], phase=[Phase.NURSERY], level=[ACTIONS])

    found = facets([HILDA], chosen)

    assert ("Gone", "Gone", 0) in offered(found[Facet.CLUSTER])
    assert ("99", "99", 0) in offered(found[Facet.ESTABLISHMENT_TYPE])
    assert (Phase.NURSERY, "Nursery", 0) in offered(found[Facet.PHASE])
    assert [(ACTIONS, "MIS Data & Group Actions", 0)] == offered(found[Facet.LEVEL])


@pytest.mark.rule("B8")
def test_a_code_with_several_names_always_shows_the_same_one() -> None:
    """Where rows name a code differently, the order of the rows does not decide which name is shown."""
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
def test_a_page_needs_whole_numbers(wrong: object) -> None:
    """A negative number, a truth value or a text is refused, as offset and as limit."""
    with pytest.raises(InvalidValue, match=r"^offset must be a whole number from 0; got"):
        AS_ANYBODY_CALLS["paged"]([1], wrong)
    with pytest.raises(InvalidValue, match=r"^limit must be a whole number from 0; got"):
        AS_ANYBODY_CALLS["paged"]([1], 0, wrong)
    with pytest.raises(InvalidValue, match=r"^Page\.total must be a whole number from 0; got"):
        AS_ANYBODY_CALLS["Page"](items=(1,), total=wrong, offset=0, limit=None)


@pytest.mark.rule("B9")
@pytest.mark.parametrize("wrong", ["abc", b"abc", {1, 2}, None, 7], ids=repr)
def test_a_page_needs_a_list(wrong: object) -> None:
    """A text is no list of things, and a set has no order."""
    with pytest.raises(InvalidValue, match=r"^items must be a list or a tuple; got"):
        AS_ANYBODY_CALLS["paged"](wrong)


@pytest.mark.rule("B1", "B8")
def test_the_largest_table_is_quick() -> None:
    """All 24,000 open state schools of England are searched, sorted and counted in a fraction of a second each.

    The bound leaves room for coverage, which slows every line.
    """
    rows = [listing(institution(100000 + n, f"St Hilda’s School {n:05}")) for n in reversed(range(24_000))]
    hilda = Filters(search="hil 00", phase=[Phase.PRIMARY])

    def seconds(work: Callable[[], object]) -> float:
        start = process_time()
        work()
        return process_time() - start

    # A busy machine only ever makes a run slower, so one quick run of three is proof.
    assert any(seconds(lambda: browse(rows, hilda, descending=True)) < 4 for _ in range(3))
    assert any(seconds(lambda: facets(rows, hilda)) < 4 for _ in range(3))
    assert 1_000 == len(browse(rows, hilda))


@pytest.mark.parametrize(
    ("question", "arguments", "named", "words"),
    [
        ("browse", [ROWS], {"sort": "name"}, r"^sort must be a member of Column \(such as Column\.NAME"),
        ("browse", [ROWS], {"descending": 1}, "^descending must be True or False; got 1"),
        ("browse", [ROWS, "hilda"], {}, r"^filters must be Filters, such as Filters\(search='hilda'\)"),
        ("browse", [ROWS, None], {}, "^filters must be Filters"),
        ("browse", ["rows"], {}, "^listings must be a collection"),
        ("browse", [7], {}, "^listings must be a collection"),
        ("facets", [ROWS, {"phase": []}], {}, "^filters must be Filters"),
        ("facets", [None], {}, "^listings must be a collection"),
        ("chosen", ["phase"], {}, "^facet must be a member of Facet"),
    ],
)
def test_a_wrong_question_is_refused(
    question: str, arguments: list[object], named: dict[str, object], words: str
) -> None:
    """A text where a column or filters belong is refused with words that say what would be right."""
    with pytest.raises(InvalidValue, match=words):
        AS_ANYBODY_CALLS[question](*arguments, **named)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"institution": None}, "^Listing.institution must be an Institution"),
        ({"agreement": None}, "^Listing.agreement must be an Agreement"),
        ({"agreement": agreement(100009)}, "^Listing.agreement must be that with institution 100001"),
        ({"has_school_site": 1}, "^Listing.has_school_site must be True or False"),
        ({"clusters": "North"}, "must be a collection"),
        ({"clusters": [None, "North"]}, "^Listing.clusters must be text"),
        ({"clusters": [""]}, "^Listing.clusters must be text of 1 to 200 characters; got ''"),
        ({"warnings": ["close_date"]}, "^Listing.warnings must be a member of DateWarning"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_is_valid_from_the_start(changes: dict[str, Any], words: str) -> None:
    """A row of the wrong parts, or whose agreement is another school's, cannot be made."""
    with pytest.raises(InvalidValue, match=words):
        attrs.evolve(HILDA, **changes)


def test_a_row_keeps_its_warnings() -> None:
    """Warnings about dates stand in the row (V4)."""
    warned = attrs.evolve(HILDA, warnings=[DateWarning.CLOSE_DATE_PASSED])

    assert (DateWarning.CLOSE_DATE_PASSED,) == warned.warnings


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("search", None),
        ("search", 100000),
        ("search", b"hilda"),
        ("phase", Phase.PRIMARY),
        ("phase", "primary"),
        ("phase", ["primary"]),
        ("phase", [2]),
        ("phase", [[]]),
        ("cluster", "North"),
        ("cluster", [""]),
        ("cluster", [None]),
        ("establishment_type", [2]),
        ("establishment_type", ["\0"]),
        ("ofsted_rating", [1]),
        ("ofsted_rating", ["\ud800"]),
        ("local_authority", [870]),
        ("tab", ["pending"]),
        ("tab", [State.PENDING]),
        ("level", ["mis_data"]),
        ("level", MIS),
    ],
    ids=repr,
)
def test_a_filter_takes_values_of_its_kind(field: str, wrong: object) -> None:
    """A text where an enum belongs, one value that is no collection, or a number for a code is refused."""
    with pytest.raises(InvalidValue, match=r" must be .+; got "):
        AS_ANYBODY_CALLS["Filters"](**{field: wrong})


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
COLUMNS = st.sampled_from(Column)


def respects(row: Listing, filters: Filters) -> bool:
    """Say, in the plainest way, whether a row has a chosen value for each filter, the search left aside."""
    school = row.institution
    pairs: list[tuple[frozenset[Any], set[Any]]] = [
        (filters.phase, {school.phase}),
        (filters.cluster, set(row.clusters)),
        (filters.establishment_type, {school.establishment_type and school.establishment_type.code}),
        (filters.ofsted_rating, {school.ofsted_rating}),
        (filters.local_authority, {school.local_authority and school.local_authority.code}),
        (filters.tab, set(row.tabs)),
        (filters.level, {row.level}),
    ]
    return all(not chosen or chosen & found for chosen, found in pairs)


@pytest.mark.rule("B2", "B3")
@given(TABLES, FILTERS)
def test_what_is_found_is_what_the_filters_ask_for(table: list[Listing], filters: Filters) -> None:
    """The rows found are those of the table that respect every filter, each once."""
    found = browse(table, filters)
    by_search = browse(table, Filters(search=filters.search))

    assert {row.urn for row in by_search if respects(row, filters)} == {row.urn for row in found}
    assert len({row.urn for row in found}) == len(found)
    assert all(row in table for row in found)


BLANK: dict[Column, Callable[[Listing], bool]] = {
    Column.PHASE: lambda row: row.institution.phase is Phase.UNKNOWN,
    Column.ESTABLISHMENT_TYPE: lambda row: row.institution.establishment_type is None,
    Column.TOWN: lambda row: not row.institution.town.strip(),
    Column.POSTCODE: lambda row: not folded(row.institution.postcode),
    Column.LOCAL_AUTHORITY: lambda row: row.institution.local_authority is None,
    Column.CLUSTERS: lambda row: not row.clusters,
    Column.OFSTED_RATING: lambda row: row.institution.ofsted_rating is None,
    Column.LEVEL: lambda row: row.level is None,
    Column.IN_FORCE_SINCE: lambda row: row.agreement.in_force is None,
    Column.REQUESTED_LEVEL: lambda row: row.agreement.request is None,
    Column.REQUESTED_AT: lambda row: row.agreement.request is None,
}


def is_blank(row: Listing, column: Column) -> bool:
    """Say whether a row's cell is blank; some columns never are."""
    return column in BLANK and BLANK[column](row)


@pytest.mark.rule("B5")
@given(TABLES, COLUMNS, st.booleans(), st.data())
def test_the_order_is_total_and_blanks_come_last(
    table: list[Listing], column: Column, descending: bool, data: st.DataObject
) -> None:
    """The order of the input never matters, sorting twice changes nothing, and blanks are last, by URN."""
    found = browse(table, sort=column, descending=descending)
    shuffled = data.draw(st.permutations(table))

    blank = [is_blank(row, column) for row in found]
    last = [row.urn for row in found if is_blank(row, column)]
    assert found == browse(shuffled, sort=column, descending=descending)
    assert found == browse(found, sort=column, descending=descending)
    assert sorted(blank) == blank
    assert sorted(last) == last


@pytest.mark.rule("B5")
@given(TABLES, COLUMNS)
def test_descending_turns_round_all_but_ties_and_blanks(table: list[Listing], column: Column) -> None:
    """Of any two rows that are not blank, either direction turns them round or both leave them by URN."""
    up, down = browse(table, sort=column), browse(table, sort=column, descending=True)

    present = [row for row in up if not is_blank(row, column)]
    for place, one in enumerate(present):
        for other in present[place + 1 :]:
            tied = down.index(one) < down.index(other)
            assert not tied or one.urn < other.urn


@pytest.mark.rule("B8")
@given(TABLES, FILTERS)
def test_counts_are_what_choosing_the_value_would_show(table: list[Listing], filters: Filters) -> None:
    """Each count equals the number of rows found with that value alone chosen in its filter."""
    for facet, values in facets(table, filters).items():
        assert len({one.value for one in values}) == len(values)
        assert filters.chosen(facet) <= {one.value for one in values}
        for one in values:
            only: dict[str, Any] = {facet.value: [one.value]}
            assert one.count == len(browse(table, attrs.evolve(filters, **only)))


@pytest.mark.rule("B8")
@given(TABLES, FILTERS, st.data())
def test_facets_do_not_depend_on_the_order_of_rows(table: list[Listing], filters: Filters, data: st.DataObject) -> None:
    """However the rows are given, the offers are the same, in the same order."""
    shuffled = data.draw(st.permutations(table))

    assert facets(table, filters) == facets(shuffled, filters)
