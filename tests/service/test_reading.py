"""What a group and a school read through the service (rules T4, N1, B, V, P8, Q2, Q3, A11)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import attrs
import pytest

from datashare.adapters.memory import MemoryPeopleDirectory
from datashare.domain.agreements import Named, RefusalCode, RequestApproved, RequestSent, State, Tab
from datashare.domain.browsing import Column, Facet
from datashare.domain.levels import Capability
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import GroupId, Phase, SuccessorLink
from datashare.domain.visibility import DateWarning, HiddenBecause
from datashare.errors import NotPermitted, Refused
from datashare.service import NotDone, SharingWithGroup
from tests.world import (
    ACTIONS,
    ANA,
    CLOSED,
    COUNCIL,
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
    UNKNOWN,
    Counting,
    World,
    deputy,
    head,
    join_trust,
    leave_trust,
)

IN_THE_TRUST = [NO_APPROVER, SITELESS, OSCAR, HILDA, NOBODY]
"""What the trust sees, by folded name: Abbey, Castle, Óscar, St Hilda's, Zion."""


@pytest.mark.rule("T4", "N1", "U2")
def test_tabs_follow_the_state() -> None:
    """Every visible school is under the tabs of its state: an upgrade under two, a first request under Pending."""
    world = World()
    world.approved(HILDA, OSCAR)
    world.asked(OSCAR, level=ACTIONS, command_id="up")
    world.asked(NO_APPROVER, command_id="first")

    tabs = {tab: [row.urn for row in world.trust().agreements(tab)] for tab in Tab}

    assert {
        Tab.NO_AGREEMENT: [SITELESS, NOBODY],
        Tab.PENDING: [NO_APPROVER, OSCAR],
        Tab.APPROVED: [OSCAR, HILDA],
    } == tabs
    assert [OSCAR, NO_APPROVER] == [
        row.urn for row in world.trust().agreements(Tab.PENDING, sort=Column.NAME, descending=True)
    ]


@pytest.mark.rule("T4")
def test_what_stands_at_hidden_schools_is_in_a_list_of_its_own() -> None:
    """They are in no tab, and each entry says why the school is hidden; ended agreements are not listed."""
    world = World()
    world.approved(HILDA)
    world.asked(OSCAR, NO_APPROVER, command_id="more")
    (declined,) = world.council().request([MAINTAINED], level=MIS, terms=TERMS, command_id="la").requests
    world.school(MAINTAINED).decline(declined, reason="No.")
    leave_trust(world, HILDA)
    world.refresh(gone=[OSCAR, MAINTAINED])

    hidden = world.trust().no_longer_visible()

    assert [
        (HILDA, State.APPROVED, [HiddenBecause.NOT_LINKED]),
        (OSCAR, State.PENDING, [HiddenBecause.UNKNOWN_URN]),
    ] == [
        (entry.agreement.urn, entry.agreement.state, [r.because for r in entry.visibility.reasons]) for entry in hidden
    ]
    in_tabs = {row.urn for tab in Tab for row in world.trust().agreements(tab)}
    assert {NO_APPROVER, SITELESS, NOBODY} == in_tabs
    assert () == world.council().no_longer_visible()
    join_trust(world, HILDA)
    assert [OSCAR] == [entry.agreement.urn for entry in world.trust().no_longer_visible()]


@pytest.mark.rule("B1", "V10")
def test_the_table_holds_what_the_group_sees_in_order() -> None:
    """The trust sees its open schools by folded name; the council sees its own."""
    world = World()

    assert IN_THE_TRUST == [row.urn for row in world.trust().browse().items]
    theirs = {row.urn for row in world.council().browse().items}
    assert {HILDA, SITELESS, FOREIGN, NO_APPROVER, NOBODY, MAINTAINED} == theirs


@pytest.mark.rule("B2", "B3", "B4", "B5", "B9")
def test_search_filters_order_and_page_reach_the_table() -> None:
    """Every argument of `browse` has its effect."""
    world = World()
    world.approved(HILDA, level=ACTIONS)
    world.refresh(attrs.evolve(world.schools[HILDA], ofsted_rating="Good"))
    trust = world.trust()

    def urns(**chosen: object) -> list[int]:
        return [row.urn for row in trust.browse(**chosen).items]  # type: ignore[arg-type]

    assert [HILDA] == urns(search="hildas pri")
    assert [OSCAR] == urns(search="oscar")
    assert [OSCAR] == urns(phase={Phase.SECONDARY})
    assert [OSCAR, HILDA] == urns(cluster=["South", "North"])
    assert [] == urns(cluster=["South"], phase=[Phase.PRIMARY])
    assert [] == urns(establishment_type={"02"})
    assert [HILDA] == urns(ofsted_rating={"Good"})
    assert [OSCAR] == urns(local_authority={"871"})
    assert [HILDA] == urns(tab={Tab.APPROVED})
    assert [HILDA] == urns(level={ACTIONS})
    assert sorted(IN_THE_TRUST, reverse=True) == urns(sort=Column.URN, descending=True)
    page = trust.browse(offset=1, limit=2)
    assert ([SITELESS, OSCAR], 5) == ([row.urn for row in page.items], page.total)


@pytest.mark.rule("B6", "B8")
def test_facets_count_what_the_other_filters_leave() -> None:
    """Clusters come from the host; a filter does not narrow its own counts."""
    world = World()
    world.approved(HILDA)

    plain = world.trust().facets()
    chosen = world.trust().facets(phase={Phase.SECONDARY})

    assert [("North", 1), ("South", 1)] == [(offer.value, offer.count) for offer in plain[Facet.CLUSTER]]
    assert [("North", 0), ("South", 1)] == [(offer.value, offer.count) for offer in chosen[Facet.CLUSTER]]
    assert plain[Facet.PHASE] == chosen[Facet.PHASE]
    assert [(Tab.NO_AGREEMENT, 4), (Tab.PENDING, 0), (Tab.APPROVED, 1)] == [
        (offer.value, offer.count) for offer in world.trust().facets(tab={Tab.PENDING})[Facet.TAB]
    ]


@pytest.mark.rule("B1", "B6", "V4")
def test_details_hold_everything_about_one_school() -> None:
    """Institution, agreement, clusters, site and the register's odd dates."""
    world = World()
    world.approved(HILDA)
    world.refresh(attrs.evolve(world.schools[HILDA], close_date=TODAY.replace(day=1)))

    row = world.trust().details(HILDA)

    assert (world.schools[HILDA], world.state(), ("North",), True, (DateWarning.CLOSE_DATE_PASSED,)) == (
        row.institution,
        row.agreement,
        row.clusters,
        row.has_school_site,
        row.warnings,
    )


@pytest.mark.rule("B6")
def test_clusters_of_a_school_are_in_the_order_of_their_folded_names() -> None:
    """Capitals and marks do not matter to the order."""
    world = World()
    clusters = {name: {HILDA} for name in ("West", "north", "Ärzte")}
    world.institutions.replace(world.schools.values(), groups=world.groups, clusters={TRUST: clusters})

    assert ("Ärzte", "north", "West") == world.trust().details(HILDA).clusters


@pytest.mark.rule("B1", "V9")
@pytest.mark.parametrize("urn", [CLOSED, FOREIGN, UNKNOWN])
def test_details_of_a_hidden_school_are_refused_with_the_reasons(urn: int) -> None:
    """The refusal carries the same answer as `why`."""
    world = World()

    with pytest.raises(Refused) as refused:
        world.trust().details(urn)

    (reason,) = refused.value.reasons
    assert (RefusalCode.NOT_VISIBLE, world.trust().why(urn)) == (reason.code, reason.visibility)


@pytest.mark.rule("V9", "E5")
@pytest.mark.parametrize(
    ("links", "words", "successors"),
    [
        pytest.param([], "it closed on 31 August 2025.", (), id="none"),
        pytest.param(
            [(CLOSED, HILDA, None), (CLOSED, 7, TODAY)],
            "it closed on 31 August 2025 (succeeded by URN 7 and St Hilda’s Primary School (100000)).",
            (7, HILDA),
            id="two",
        ),
        pytest.param(
            [(CLOSED, 7, None), (7, FOREIGN, None)],
            "it closed on 31 August 2025 (succeeded by Elsewhere Academy (100004)).",
            (FOREIGN,),
            id="through-one-that-is-gone",
        ),
        pytest.param([(CLOSED, HILDA, TODAY + timedelta(days=1))], "it closed on 31 August 2025.", (), id="tomorrow"),
    ],
)
def test_why_a_closed_school_is_not_in_the_list_names_what_succeeded_it(
    links: list[tuple[int, int, date | None]], words: str, successors: tuple[int, ...]
) -> None:
    """Successors by the register's day, where the links end; a school that only left has none."""
    world = World()
    world.institutions.replace(
        world.schools.values(),
        groups=world.groups,
        successors=[
            SuccessorLink(predecessor=old, successor=new, kind="Successor", day=day) for old, new, day in links
        ],
        register_day=TODAY,
    )

    answer = world.trust().why(CLOSED)

    assert f"Old Hall (100003) is hidden from Areté Learning Trust: {words}" == str(answer)
    assert successors == answer.successors
    assert () == world.trust().why(FOREIGN).successors


@pytest.mark.rule("Q2", "Q3")
def test_who_was_asked_is_not_offered_until_the_request_is_closed() -> None:
    """Only the recipients of the open request are left out, and only while it is open."""
    world = World()
    world.trust().request([HILDA], level=MIS, recipients=Named([head(), deputy()]), command_id="c-1")

    offered = [who.person.id for who in world.trust().recipients([HILDA])[0].people]

    assert [PersonId(HILDA, "data"), PersonId(HILDA, "executive")] == offered
    request = world.state().request
    assert request is not None
    world.school().decline(request.id, reason="No.")
    assert 4 == len(world.trust().recipients([HILDA])[0].people)


@pytest.mark.rule("P8", "P12")
def test_no_people_are_shown_of_schools_that_the_group_does_not_see() -> None:
    """Their people are not even read; the answer says why the school is hidden."""
    world = World()
    counting: Any = Counting(world.people, "people", world.calls)
    world.people = counting

    answers = world.over(world.store).for_group(TRUST, actor=ANA).recipients([FOREIGN, HILDA, CLOSED, UNKNOWN, HILDA])

    assert [FOREIGN, HILDA, CLOSED, UNKNOWN] == [answer.urn for answer in answers]
    for answer in answers:
        if answer.urn != HILDA:
            assert ((), False, False, False) == (
                answer.people,
                answer.somebody_can_approve,
                answer.has_school_site,
                answer.visibility.visible,
            )
    assert ("at_schools", ([HILDA],)) in counting.asked


@pytest.mark.rule("P12")
def test_history_and_agreement_are_read_whether_the_school_is_visible_or_not() -> None:
    """The history stays readable after the school has left; a school that was never asked has no history."""
    world = World()
    world.approved(HILDA)
    leave_trust(world)

    assert [RequestSent, RequestApproved] == [type(event) for event in world.trust().history(HILDA)]
    assert world.events() == world.trust().history(HILDA)
    assert world.state() == world.trust().agreement(HILDA)
    assert () == world.trust().history(OSCAR)
    assert (0, State.NO_AGREEMENT) == (
        world.trust().agreement(OSCAR).version,
        world.trust().agreement(OSCAR).state,
    )


@pytest.mark.rule("P12")
def test_a_group_reads_nothing_of_another_groups_agreement() -> None:
    """The trust and the authority both share with a school, and each sees its own."""
    world = World()
    world.approved(HILDA)
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la")

    assert [State.APPROVED, State.PENDING] == [
        world.trust().details(HILDA).state,
        world.council().details(HILDA).state,
    ]
    assert {TRUST} == {event.agreement.group for event in world.trust().history(HILDA)}


def entries(world: World, urn: int = HILDA, actor: PersonId | None = None) -> dict[GroupId, SharingWithGroup]:
    """Return the entries of a school's page, by group."""
    return {entry.group.id: entry for entry in world.school(urn, actor).page()}


@pytest.mark.rule("A11", "U3")
def test_a_schools_page_shows_each_group_that_asked() -> None:
    """The open request, the level in force, what it allows, what it would add, the terms and the history."""
    world = World()
    world.approved(HILDA)
    world.asked(HILDA, level=ACTIONS, command_id="up")
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="la")

    shown = entries(world)

    assert {TRUST, COUNCIL} == set(shown)
    trust, council = shown[TRUST], shown[COUNCIL]
    assert ("Areté Learning Trust", "MIS Data", "MIS Data & Trust Actions") == (
        trust.group.name,
        trust.level_label,
        trust.requested_label,
    )
    assert (MIS.adds_to(None), ACTIONS.adds_to(MIS)) == (trust.allows, trust.would_add)
    assert (world.state(), world.events()) == (trust.agreement, trust.history)
    assert ("", (), "MIS Data", MIS.adds_to(None)) == (
        council.level_label,
        council.allows,
        council.requested_label,
        council.would_add,
    )
    assert council.agreement.request is not None
    assert TERMS == council.agreement.request.terms
    assert council.visibility.visible


@pytest.mark.rule("A11", "A3", "X2")
def test_the_page_shows_what_an_agreement_grants_now() -> None:
    """A level in force is always shown, but allows nothing while the school is hidden or once it has lapsed."""
    world = World()
    (request,) = world.trust().request([HILDA], level=MIS, terms=TERMS, command_id="c-1").requests
    world.school().approve(request, terms_version=TERMS.version)

    def shown() -> tuple[str, tuple[Capability, ...], bool, bool]:
        entry = entries(world)[TRUST]
        return entry.level_label, entry.allows, entry.visibility.visible, entry.lapsed

    assert ("MIS Data", MIS.adds_to(None), True, False) == shown()
    entry = entries(world)[TRUST]
    assert ("", (), 2) == (entry.requested_label, entry.would_add, len(entry.history))
    assert entry.agreement.in_force is not None
    assert TERMS == entry.agreement.in_force.terms
    leave_trust(world)
    assert ("MIS Data", (), False, False) == shown()
    world.trust().record_visibility(command_id="lost")
    world.clock.move_on(timedelta(days=32))
    join_trust(world, day=TODAY + timedelta(days=32))
    assert ("MIS Data", (), True, True) == shown()
    world.asked(HILDA, command_id="again")
    assert MIS.adds_to(None) == entries(world)[TRUST].would_add


@pytest.mark.rule("A11", "P2")
def test_a_school_that_belongs_to_no_group_has_an_empty_page() -> None:
    """Its head sees that nobody has asked; others are refused, so that they do not even learn that."""
    world = World()
    world.refresh(gone=[OSCAR])

    assert () == world.school(OSCAR).page()
    with pytest.raises(NotPermitted, match="may not see data sharing requests"):
        world.school(OSCAR, actor=PersonId(OSCAR, "nobody")).page()


@pytest.mark.rule("A11")
def test_a_page_without_groups_is_empty() -> None:
    """A head whom nobody has asked sees an empty page; a URN that the register has lost still has its entry."""
    world = World()
    assert () == world.school(OSCAR).page()

    world.approved(OSCAR)
    world.refresh(gone=[OSCAR])

    (entry,) = world.school(OSCAR).page()
    assert [HiddenBecause.UNKNOWN_URN] == [reason.because for reason in entry.visibility.reasons]


class Muddled(MemoryPeopleDirectory):
    """A directory that names another school's people too."""

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List everybody at every school."""
        everybody = tuple(who for people in super().at_schools([HILDA, OSCAR]).values() for who in people)
        return dict.fromkeys(urns, everybody)


@pytest.mark.rule("P4", "P10", "P11")
def test_people_of_another_school_are_never_taken_for_the_schools_own() -> None:
    """People of other schools are not offered, not asked and not counted as approvers."""
    world = World()
    known = world.people.at_schools([HILDA, OSCAR])
    world.people = Muddled([*known[HILDA], *known[OSCAR], *world.people.people([ANA]).values()])
    world.people.put_sites(SchoolSite(urn=OSCAR, data_sharing_url="https://oscar.example/"))
    world.people.remove(*(who.id for who in known[OSCAR]))
    side = world.over(world.store).for_group(TRUST, actor=ANA)

    (offered,) = side.recipients([OSCAR])
    outcome = side.request([OSCAR], level=MIS, command_id="c-1")[0]

    assert ((), False) == (offered.people, offered.somebody_can_approve)
    assert isinstance(outcome, NotDone)
    assert RefusalCode.NO_ELIGIBLE_RECIPIENT is outcome.code
