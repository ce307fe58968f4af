"""A bad row of a host's directory is left out, logged and listed; it takes down no other page or decision (T7)."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, cast

import attrs
import pytest

from datashare.domain.agreements import AgreementId
from datashare.domain.levels import Capability
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import BadHostData, InvalidValue, Misconfigured, NotPermitted
from datashare.service import DataSharing
from tests.world import (
    ANA,
    COUNCIL,
    HILDA,
    MIS,
    NO_APPROVER,
    OSCAR,
    PERMISSIONS,
    SITES,
    TRUST,
    World,
    deputy,
    head,
    person,
)

NAMELESS: dict[str, Any] = {"id": head(), "name": " "}
Break = Callable[[Any], Any]


@attrs.define
class BrokenInstitutions:
    """A register over another one, of which some answers are broken."""

    inner: Any
    broken: Mapping[str, Break]

    def _answer(self, method: str, *arguments: object) -> Any:  # noqa: ANN401 - anything, which is the point
        answer = getattr(self.inner, method)(*arguments)
        return self.broken[method](answer) if method in self.broken else answer

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group."""
        return cast("Group | None", self._answer("group", group))

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions of the group."""
        return cast("Sequence[Institution]", self._answer("linked", group))

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions."""
        return cast("Mapping[int, Institution]", self._answer("institutions", urns))

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the clusters."""
        return cast("Mapping[str, frozenset[int]]", self._answer("clusters", group))

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the successors."""
        return cast("Sequence[SuccessorLink]", self._answer("successors", urns))

    def register_day(self) -> date | None:
        """Return the day."""
        return cast("date | None", self._answer("register_day"))


@attrs.define
class BrokenPeople:
    """A directory of people over another one, of which some answers are broken."""

    inner: Any
    broken: Mapping[str, Break]

    def _answer(self, method: str, keys: object) -> Any:  # noqa: ANN401 - anything, which is the point
        answer = getattr(self.inner, method)(keys)
        return self.broken[method](answer) if method in self.broken else answer

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of schools."""
        return cast("Mapping[int, Sequence[Person]]", self._answer("at_schools", urns))

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people."""
        return cast("Mapping[PersonId, Person]", self._answer("people", ids))

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find sites."""
        return cast("Mapping[int, SchoolSite]", self._answer("sites", urns))


def over(world: World, broken: Mapping[str, Break]) -> DataSharing:
    """Build the service over the world's directories, with some of their answers broken."""
    return DataSharing(
        store=world.store,
        institutions=BrokenInstitutions(world.institutions, broken),
        people=BrokenPeople(world.people, broken),
        clock=world.clock,
        policies=world.policy,
    )


def with_row(urn: int, row: object) -> Break:
    """Put *row* in the place of what a mapping holds of one school."""
    return lambda answer: {key: row if key == urn else held for key, held in answer.items()}


def call(build: Callable[[], object]) -> object:
    """Build a row."""
    return build()


def built(urn: int, *rows: Callable[[], object]) -> Break:
    """Put rows that are built as they are read in the place of the people of one school."""
    return lambda answer: {key: map(call, rows) if key == urn else held for key, held in answer.items()}


def nobody() -> Person:
    """Fail to build a person, as a host's own code does."""
    return Person(**NAMELESS)


def a_wrong_number() -> Person:
    """Fail to read a number, as a host's own code does."""
    return person(PersonId(int("N/A"), "x"))


def raising_for(urn: int) -> Break:
    """Raise wherever an answer holds that school, so that nothing of the answer is returned."""

    def answer(rows: Mapping[int, object]) -> Mapping[int, object]:
        if urn in rows:
            nobody()
        return rows

    return answer


def generated(rows: Collection[object]) -> Iterator[object]:
    """List rows by a generator that fails at the last one."""
    yield from rows
    nobody()


DEPUTY = person(deputy(NO_APPROVER), "deputy_head_teacher")
BROKEN_SCHOOL: dict[str, dict[str, Break]] = {
    "people-of-another-type": {"at_schools": with_row(HILDA, ["Siân"])},
    "people-that-are-no-list": {"at_schools": with_row(HILDA, None)},
    "people-that-are-text": {"at_schools": with_row(HILDA, "Siân")},
    "a-person-of-another-school": {"at_schools": with_row(HILDA, [DEPUTY])},
    "a-person-who-cannot-be-built": {"at_schools": built(HILDA, nobody)},
    "a-person-with-a-wrong-number": {"at_schools": built(HILDA, a_wrong_number)},
    "the-error-in-the-place-of-the-person": {"at_schools": with_row(HILDA, [InvalidValue("name", "", "text")])},
    "a-call-that-raises": {"at_schools": raising_for(HILDA)},
    "a-site-of-another-type": {"sites": with_row(HILDA, "https://100000.example")},
    "a-site-of-another-school": {"sites": with_row(HILDA, SITES[1])},
    "sites-that-raise": {"sites": raising_for(HILDA)},
    "an-institution-of-another-type": {"institutions": with_row(HILDA, {"urn": HILDA})},
    "institutions-that-raise": {"institutions": raising_for(HILDA)},
}


@pytest.mark.rule("T7")
@pytest.mark.parametrize("broken", BROKEN_SCHOOL.values(), ids=BROKEN_SCHOOL)
def test_a_bad_row_of_one_school_hinders_no_other(
    broken: Mapping[str, Break], caplog: pytest.LogCaptureFixture
) -> None:
    """The other school is asked, and pages are shown; the row is logged by id, and listed with what is wrong."""
    world = World()
    world.asked(NO_APPROVER)
    sharing = over(world, broken)
    trust = sharing.for_group(TRUST, actor=ANA)

    with caplog.at_level(logging.WARNING, "datashare"):
        outcomes = trust.request([HILDA, OSCAR], level=MIS, command_id="c-1")

    assert [OSCAR] == [done.urn for done in outcomes.done]
    assert [HILDA] == [not_done.urn for not_done in outcomes.not_done]
    assert world.trust().browse().total == trust.browse().total
    assert sharing.for_school(OSCAR, actor=head(OSCAR)).page()
    assert {str(HILDA)} == {cast(Any, record).about for record in caplog.records}
    assert {"host_data.left_out"} == {record.getMessage() for record in caplog.records}
    assert {HILDA} == {problem.about for problem in sharing.problems(TRUST) if isinstance(problem, BadHostData)}


@pytest.mark.rule("T7")
def test_the_other_people_of_the_school_are_asked() -> None:
    """A row that cannot be built is left out alone, whether the rows are a list or built as they are read."""
    world = World()
    rows = (nobody, lambda: person(deputy(), "deputy_head_teacher"), nobody, lambda: person(head(), "head_teacher"))
    sharing = over(world, {"at_schools": built(HILDA, *rows)})

    outcomes = sharing.for_group(TRUST, actor=ANA).request([HILDA], level=MIS, command_id="c-1")

    assert {head(), deputy()} == set(
        outcomes.done[0].after.request.recipients if outcomes.done[0].after.request else ()
    )
    assert "Person.name must be" in str(sharing.problems(TRUST)[0])


@pytest.mark.rule("T7", "P12")
def test_a_person_under_another_key_is_nobody() -> None:
    """Nobody gets the permissions of somebody else."""
    world = World()
    ben = PersonId(TRUST, "ben")
    sharing = over(
        world, {"people": lambda answer: dict.fromkeys({*answer, ben}, person(ANA, permissions=PERMISSIONS))}
    )

    with pytest.raises(NotPermitted):
        sharing.for_group(TRUST, actor=ben).browse()


@pytest.mark.rule("T7")
def test_a_row_of_the_table_that_cannot_be_built_is_left_out() -> None:
    """The other schools are listed, and the access to them is as it was."""
    world = World()
    world.approved(OSCAR)

    for broken in (generated, lambda rows: [*rows, "x"]):
        sharing = over(world, {"linked": broken, "clusters": lambda _: {"North": "x", 7: [HILDA]}})
        assert world.trust().browse().total == sharing.for_group(TRUST, actor=ANA).browse().total
        assert sharing.access(TRUST).allows(OSCAR, Capability.VIEW_MIS_DATA)
        assert {TRUST} == {problem.about for problem in sharing.problems(TRUST) if isinstance(problem, BadHostData)}
        assert 3 == len(sharing.problems(TRUST))


@pytest.mark.rule("T7")
def test_rows_without_an_end_that_cannot_be_read_are_given_up() -> None:
    """A list that raises for ever does not hold up the page."""

    class Endless:
        def __getitem__(self, place: int) -> Person:
            return nobody()

        def __iter__(self) -> Iterator[Person]:
            return iter(nobody, None)

    sharing = over(World(), {"at_schools": with_row(HILDA, Endless())})

    assert () == sharing.for_group(TRUST, actor=ANA).recipients([HILDA])[0].people


ANSWERS: dict[str, tuple[str, Break, str]] = {
    "linked-nothing": ("linked", lambda _: None, "linked() must be a list of values of the type Institution"),
    "linked-raises": ("linked", lambda _: nobody(), "Person.name must be text"),
    "clusters-nothing": ("clusters", lambda _: None, "clusters() must be a mapping"),
    "clusters-raise": ("clusters", lambda _: nobody(), "Person.name must be text"),
    "sites-nothing": ("sites", lambda _: None, "sites() must be a mapping"),
    "another-group": ("group", lambda group: attrs.evolve(group, id=COUNCIL), "group() must be the Group mat:5143"),
    "group-raises": ("group", lambda _: nobody(), "Person.name must be text"),
    "a-day-with-a-time": ("register_day", lambda _: World().clock.now(), "register_day() must be a date"),
}


@pytest.mark.rule("T7")
@pytest.mark.parametrize(("method", "broken", "words"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_cannot_be_used_as_a_whole_is_an_error(method: str, broken: Break, words: str) -> None:
    """It is the host's, says what is wrong, and is listed too; no such group is taken for an unknown one."""
    world = World()
    world.asked(HILDA)
    sharing = over(world, {method: broken})

    if method == "group":
        assert not sharing.for_school(HILDA, actor=head()).page()[0].visibility.visible
    else:
        with pytest.raises(BadHostData) as raised:
            sharing.for_group(TRUST, actor=ANA).coverage()
        assert words in str(raised.value)
        assert str(raised.value).endswith("Correct it in the host's directory.")
    assert words in " ".join(map(str, sharing.problems(TRUST)))


@pytest.mark.rule("T7")
def test_a_directory_that_is_set_up_wrongly_as_a_whole_is_an_error() -> None:
    """It is not taken for bad rows one by one: the page says what to correct, and so does the list."""
    world = World()
    wrong = Misconfigured("OurPeople.staff()", [], "a QuerySet")

    def fail(_answer: object) -> object:
        raise wrong

    sharing = over(world, {"at_schools": fail})

    with pytest.raises(Misconfigured, match=r"OurPeople\.staff\(\) must be a QuerySet"):
        sharing.for_group(TRUST, actor=ANA).coverage()
    assert [wrong] == list(sharing.problems(TRUST))


@pytest.mark.rule("T7")
def test_a_successor_that_cannot_be_read_is_left_out() -> None:
    """The plan is made without it."""
    world = World()
    world.approved(HILDA)
    sharing = over(world, {"successors": lambda links: [*links, "x"]})

    assert world.trust().reconcile() == sharing.for_group(TRUST, actor=ANA).reconcile()
    assert 1 == len(sharing.problems(TRUST))


@pytest.mark.rule("T7")
def test_a_wrong_policy_of_one_group_hides_no_other_on_the_school_s_page() -> None:
    """The other group's request stands there, and the wrong policy is listed."""
    world = World(policies={COUNCIL: Policy.local_authority()})
    world.asked(HILDA)
    world.policies[COUNCIL] = Policy.mat()

    assert [TRUST] == [entry.group.id for entry in world.school().page()]
    assert [Misconfigured] == [type(problem) for problem in world.sharing.problems(COUNCIL)]


@pytest.mark.rule("T7")
def test_a_sound_host_has_no_problems() -> None:
    """Nothing is listed, and the agreements are untouched."""
    world = World()
    world.approved(HILDA, OSCAR)
    before = world.snapshot()

    assert () == world.sharing.problems(TRUST)
    assert before == world.snapshot()
    assert AgreementId(TRUST, HILDA) in before.histories
