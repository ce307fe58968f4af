"""How far a group has come with its schools, as one value and in words (rule X5)."""

from collections.abc import Iterable
from datetime import date, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import State, Tab
from datashare.domain.browsing import Listing
from datashare.domain.coverage import Coverage, Tally, coverage
from datashare.domain.levels import AccessLevel
from datashare.domain.people import BusinessRole
from datashare.domain.policy import Policy
from datashare.domain.register import Phase
from datashare.errors import InvalidValue
from tests.builders import DAY, by_id, group, institution, listing
from tests.builders import person as somebody
from tests.world import (
    ACTIONS,
    DFE,
    FOREIGN,
    HILDA,
    MAINTAINED,
    MIS,
    NO_APPROVER,
    NOBODY,
    OSCAR,
    SITELESS,
    TERMS,
    TODAY,
    TRUST,
    World,
    head,
    join_trust,
    leave_trust,
    person,
)


def urns(rows: Iterable[Listing]) -> list[int]:
    """Return the URNs of *rows*, in order."""
    return [row.urn for row in rows]


def figures(tally: Tally) -> tuple[str, int, list[int], int, int]:
    """Return all that a tally counts: label, schools, at least each level, pending, missing."""
    return tally.label, tally.schools, list(tally.at_least.values()), tally.pending, tally.missing


def busy_world() -> World:
    """Build a world in which St Hilda's is being raised, Óscar Romero has approved, and Abbey is asked."""
    world = World()
    world.approved(HILDA)
    world.approved(OSCAR, level=ACTIONS, command_id="high")
    world.clock.move_on(timedelta(days=3))
    world.asked(NO_APPROVER, command_id="first")
    world.clock.move_on(timedelta(days=4))
    world.asked(HILDA, level=ACTIONS, command_id="raise")
    return world


@pytest.mark.rule("X5")
def test_schools_are_counted_as_a_whole_and_in_parts() -> None:
    """Each level counts what is at it or above; an upgrade counts twice; parts follow cluster, phase and LA."""
    answer = busy_world().trust().coverage()

    assert ("Areté Learning Trust", 5, [2, 2, 1], 2, 2) == figures(answer.total)
    assert [("North", 1, [1, 1, 0], 1, 0), ("South", 1, [1, 1, 1], 0, 0), ("In no cluster", 3, [0, 0, 0], 1, 2)] == [
        figures(tally) for tally in answer.by_cluster
    ]
    assert ["North", "South", None] == [tally.value for tally in answer.by_cluster]
    assert [("Primary", 4, [1, 1, 0], 2, 2), ("Secondary", 1, [1, 1, 1], 0, 0)] == [
        figures(tally) for tally in answer.by_phase
    ]
    assert [Phase.PRIMARY, Phase.SECONDARY] == [tally.value for tally in answer.by_phase]
    assert [("Council 870", 4, [1, 1, 0], 2, 2), ("Council 871", 1, [1, 1, 1], 0, 0)] == [
        figures(tally) for tally in answer.by_local_authority
    ]
    assert ["870", "871"] == [tally.value for tally in answer.by_local_authority]


@pytest.mark.rule("X5", "P10", "V11")
def test_what_needs_attention_is_named() -> None:
    """The longest waiting first; schools without a site, without anybody to ask, and with nobody who can answer."""
    answer = busy_world().trust().coverage()

    assert [NO_APPROVER, HILDA] == urns(answer.pending)
    assert NO_APPROVER == getattr(answer.oldest_pending, "urn", None)
    assert [SITELESS] == urns(answer.without_site)
    assert [NOBODY] == urns(answer.without_recipient)
    assert [NO_APPROVER] == urns(answer.without_approver)
    assert ([], 0) == (urns(answer.terms_overdue), answer.hidden)
    assert date(2026, 10, 31) == answer.day


@pytest.mark.rule("X5", "P5")
def test_only_present_people_of_the_school_itself_count() -> None:
    """Without its own people, a school has nobody to ask and nobody to approve."""
    world = World()
    world.people.remove(*(person.id for person in world.people.at_schools([OSCAR])[OSCAR]))
    assert OSCAR in urns(world.trust().coverage().without_recipient)
    assert OSCAR in urns(world.trust().coverage().without_approver)

    world.people.put(person(head(OSCAR), BusinessRole.HEAD_TEACHER))
    answer = world.trust().coverage()
    assert OSCAR not in urns(answer.without_recipient) + urns(answer.without_approver)


@pytest.mark.rule("X5", "Q8")
def test_terms_are_overdue_from_the_day_after_their_review() -> None:
    """On the day itself, which has 25 hours, they are not overdue; terms without such a day never are."""
    world = World()
    council = world.council()
    due = attrs.evolve(TERMS, review_on=TODAY)
    asked = council.request([HILDA, MAINTAINED], level=DFE, terms=due, command_id="ask").requests
    asked += council.request([FOREIGN], level=DFE, terms=attrs.evolve(TERMS, review_on=None), command_id="b").requests
    for request in asked:
        world.school(request.urn).approve(request, terms_version=TERMS.version)

    world.clock.move_on(timedelta(hours=24))
    assert [] == urns(council.coverage().terms_overdue)
    world.clock.move_on(timedelta(hours=1))

    answer = council.coverage()
    assert [HILDA, MAINTAINED] == urns(answer.terms_overdue)
    assert "overdue for review at:\n- St Hilda’s Primary School (100000), due on 25 October 2026\n" in str(answer)


@pytest.mark.rule("X5", "X2", "T4")
def test_what_the_register_hides_counts_for_nothing() -> None:
    """A hidden school is not among the schools, but is counted as hidden; a lapsed one is still to be asked."""
    world = World()
    world.approved(HILDA, OSCAR)
    leave_trust(world, HILDA)
    world.trust().record_visibility(command_id="r1", register_day=TODAY)
    answer = world.trust().coverage()
    assert (4, [1, 1, 0], 3, 1) == (
        answer.total.schools,
        list(answer.total.at_least.values()),
        answer.total.missing,
        answer.hidden,
    )

    world.clock.move_on(timedelta(days=40))
    join_trust(world, HILDA)
    answer = world.trust().coverage()
    assert (5, [1, 1, 0], 4, 0) == (
        answer.total.schools,
        list(answer.total.at_least.values()),
        answer.total.missing,
        answer.hidden,
    )


@pytest.mark.rule("X5")
def test_the_words_are_fit_for_a_weekly_mail() -> None:
    """Figures first, in the policy's words for the levels, then what needs somebody's attention."""
    expected = """\
Areté Learning Trust on 31 October 2026: 5 schools
- share MIS Data or more: 2 of 5
- share MIS Data & Trust Actions: 1 of 5
- are asked and have not answered: 2
- share nothing and are not asked: 2
MIS Data or more, by cluster: North 1 of 1; South 1 of 1; In no cluster 0 of 3
MIS Data or more, by phase: Primary 1 of 4; Secondary 1 of 1
MIS Data or more, by LA: Council 870 1 of 4; Council 871 1 of 1
Waiting longest: Abbey Infants (100005), for 4 days, since 27 October 2026.
Nobody can be asked, since there is no MIS site, at:
- Castle School (100002)
Nobody has an eligible role and an address at:
- Zion Juniors (100006)
Nobody can accept a request at:
- Abbey Infants (100005)"""

    assert expected == str(busy_world().trust().coverage())


@pytest.mark.rule("X5")
def test_the_words_of_a_group_that_has_nothing_to_tell_are_few() -> None:
    """Empty figures are left out, and one school is not "1 schools"."""
    world = World()
    leave_trust(world, HILDA)
    world.refresh(gone=[SITELESS, NO_APPROVER, NOBODY])

    assert "Areté Learning Trust on 25 October 2026: 1 school" == str(world.trust().coverage()).splitlines()[0]
    assert "- share nothing and are not asked: 1" == str(world.trust().coverage()).splitlines()[-1]
    assert "1 school that the register no longer shows" in str(attrs.evolve(world.trust().coverage(), hidden=1))


@pytest.mark.rule("X5", "O5")
def test_no_name_forges_a_line_of_the_mail() -> None:
    """Line breaks and what commands a terminal are shown as spaces."""
    world = World()
    world.refresh(attrs.evolve(world.schools[SITELESS], name="Elm\n- share MIS Data or more: 5 of 5\x1b[2J"))

    words = str(world.trust().coverage())

    assert "- Elm - share MIS Data or more: 5 of 5 [2J (100002)" in words.splitlines()
    assert "\x1b" not in words


@pytest.mark.rule("X5")
def test_a_policy_that_lets_nothing_be_requested_has_no_levels_to_count_by() -> None:
    """Then there is no level to count by."""
    answer = World(policies={TRUST: attrs.evolve(Policy.mat(), requestable_levels=())}).trust().coverage()

    assert "or more" not in str(answer)


ROWS = st.lists(
    st.builds(
        lambda *cells: cells,
        st.sampled_from(State),
        st.sampled_from([DFE, MIS, ACTIONS]),
        st.sets(st.sampled_from(["North", "Süd", "ost"])),
        st.sampled_from(Phase),
        st.booleans(),
    ),
    max_size=9,
)


def counted(rows: Iterable[tuple[State, AccessLevel, set[str], Phase, bool]]) -> tuple[list[Listing], Coverage]:
    """Count some made-up schools, every second one with a head."""
    listings = [
        listing(
            institution(100_000 + n, f"School {n}", phase=phase),
            state,
            level=level,
            clusters=clusters,
            has_school_site=site,
        )
        for n, (state, level, clusters, phase, site) in enumerate(rows)
    ]
    listings[::3] = [attrs.evolve(row, granted=None) for row in listings[::3]]  # lapsed
    people = {row.urn: by_id(somebody(site=row.urn)) for row in listings[::2]}
    return listings, coverage(listings, people, group=group(), policy=Policy.mat(), day=DAY)


@pytest.mark.rule("X5", "T4")
@given(ROWS)
def test_parts_sum_up_to_the_whole(rows: list[tuple[State, AccessLevel, set[str], Phase, bool]]) -> None:
    """Phases part the schools, every school is shared with, asked or missing, and the tabs agree."""
    listings, answer = counted(rows)

    for parts in (answer.by_phase, answer.by_local_authority):
        assert len(listings) == sum(part.schools for part in parts)
        assert answer.total.pending == sum(part.pending for part in parts)
        assert answer.total.missing == sum(part.missing for part in parts)
        assert list(answer.total.at_least.values()) == [
            sum(part.at_least[level] for part in parts) for level in (DFE, MIS, ACTIONS)
        ]
    shared = [row for row in listings if row.granted]
    asked = {row.urn for row in listings if Tab.PENDING in row.tabs}
    assert asked == set(urns(answer.pending))
    assert answer.total.schools == len(asked | {row.urn for row in shared}) + answer.total.missing
    assert answer.total.at_least[DFE] == len(shared)
    assert {row.urn for row in listings if not row.has_school_site} == set(urns(answer.without_site))
    assert {row.urn for row in listings[1::2] if row.has_school_site} == set(urns(answer.without_recipient))
    assert urns(answer.without_approver) == urns(answer.without_recipient)
    in_clusters = [part for part in answer.by_cluster if part.value]
    assert [sum(part.value in row.clusters for row in listings) for part in in_clusters] == [
        part.schools for part in in_clusters
    ]


@pytest.mark.rule("X5")
def test_coverage_takes_rows_of_the_table() -> None:
    """Anything else is refused by name."""
    with pytest.raises(InvalidValue, match="listings must be Listings"):
        coverage([institution()], {}, group=group(), policy=Policy.mat(), day=date(2026, 5, 3))  # type: ignore[list-item]
