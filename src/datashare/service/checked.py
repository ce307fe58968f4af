"""The host's directories, as the service reads them: a row that cannot be used is left out and reported.

So one bad row takes down no other school's page or decision. Everything that a directory returns passes through here,
and nothing else checks it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TypeVar

import attrs

from datashare.domain import validation
from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import BadHostData, InvalidValue, Misconfigured
from datashare.ports import InstitutionDirectory, PeopleDirectory

_K = TypeVar("_K", int, PersonId)
_V = TypeVar("_V")
Report = Callable[[BadHostData], None]

_log = logging.getLogger("datashare.service")
_MOST_IN_A_ROW = 1_000
"""After so many rows in a row that cannot be read, the rest of a list is given up: it may have no end."""


def log_problem(problem: BadHostData) -> None:
    """Log a row that was left out: whom or what it is about and the name of the field, never a value."""
    _log.warning("host_data.left_out", extra={"about": str(problem.about), "field": problem.what})


@attrs.frozen(eq=False)
class CheckedInstitutions:
    """A directory of institutions whose bad rows are left out; an `InstitutionDirectory` itself.

    Attributes:
        directory: The host's directory.
        report: Called with each row that is left out.
    """

    directory: InstitutionDirectory
    report: Report = log_problem

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group with this id.

        Raises:
            BadHostData: The directory returned something else.
        """
        try:
            answer: object = self.directory.group(group)
        except ValueError as exc:
            raise _problem("group()", exc, "a Group", group) from exc
        if answer is not None and not (isinstance(answer, Group) and answer.id == group):
            raise _problem("group()", answer, f"the Group {group}, or None", group)
        return answer

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*.

        Raises:
            BadHostData: The directory returned something else than a list, or could not read it as a whole.
        """
        try:
            return tuple(_among(self.directory.linked(group), Institution, "linked()", group, self.report))
        except ValueError as exc:
            raise _problem("linked()", exc, "a list of Institutions", group) from exc

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""

        def is_right(urn: int, row: object) -> bool:
            return isinstance(row, Institution) and row.urn == urn

        return _found("institutions()", self.directory.institutions, urns, is_right, self.report)

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the group's own sets of schools.

        Raises:
            BadHostData: The directory returned something else than a mapping.
        """
        try:
            answer: object = self.directory.clusters(group)
        except ValueError as exc:
            raise _problem("clusters()", exc, "a mapping", group) from exc
        if not isinstance(answer, Mapping):
            raise _problem("clusters()", answer, "a mapping", group)
        right: dict[str, frozenset[int]] = {}
        for name, urns in answer.items():
            try:
                key = validation.require_text(name, "The name of a cluster")
                right[key] = frozenset(validation.require_urns(urns, "The URNs of a cluster"))
            except InvalidValue as exc:
                self.report(_problem("clusters()", exc, "a mapping", group))
        return right

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns*."""

        def ask(wanted: Collection[int]) -> Mapping[int, tuple[SuccessorLink, ...]]:
            rows, about = self.directory.successors(wanted), next(iter(wanted), None)
            links_from: dict[int, list[SuccessorLink]] = {urn: [] for urn in wanted}
            for link in _among(rows, SuccessorLink, "successors()", about, self.report):
                links_from.get(link.predecessor, []).append(link)  # one that nobody asked for is left out
            return {urn: tuple(links) for urn, links in links_from.items()}

        links_by_urn = _found("successors()", ask, urns, _any, self.report)
        return tuple(link for links in links_by_urn.values() for link in links)

    def register_day(self) -> date | None:
        """Return the day of the register.

        Raises:
            BadHostData: The directory returned something else.
        """
        day: object = self.directory.register_day()
        if day is not None and not validation.DAY.accepts(day):
            raise _problem("register_day()", day, f"{validation.DAY.expected}, or None", "the register")
        return day  # type: ignore[return-value]  # checked


@attrs.frozen(eq=False)
class CheckedPeople:
    """A directory of people whose bad rows are left out; a `PeopleDirectory` itself.

    Attributes:
        directory: The host's directory.
        report: Called with each row that is left out.
    """

    directory: PeopleDirectory
    report: Report = log_problem

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of each school's site."""

        def ask(wanted: Collection[int]) -> Mapping[int, Sequence[Person]]:
            answer = _mapping("at_schools()", self.directory.at_schools(wanted))
            return {urn: tuple(self._of_school(answer[urn], urn)) for urn in wanted if urn in answer}

        return _found("at_schools()", ask, urns, _any, self.report)

    def _of_school(self, rows: Iterable[object], urn: int) -> Iterator[Person]:
        for person in _among(rows, Person, "at_schools()", urn, self.report):
            if person.id.site == urn:
                yield person
            else:
                self.report(_problem("at_schools()", str(person.id), "somebody of this school", urn))

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people of any site by their ids."""

        def is_right(who: PersonId, row: object) -> bool:
            return isinstance(row, Person) and row.id == who

        return _found("people()", self.directory.people, ids, is_right, self.report)

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the MIS sites of schools."""

        def is_right(urn: int, row: object) -> bool:
            return isinstance(row, SchoolSite) and row.urn == urn

        return _found("sites()", self.directory.sites, urns, is_right, self.report)


def _any(_key: object, _row: object) -> bool:
    """Accept what was checked row by row before."""
    return True


def _found(
    what: str,
    ask: Callable[[Collection[_K]], Mapping[_K, _V]],
    keys: Collection[_K],
    is_right: Callable[[_K, object], bool],
    report: Report,
) -> dict[_K, _V]:
    """Return the right row of each key.

    A directory may raise for one row and so lose a whole answer; then each half of the keys is asked for alone, and so
    on, until the row is found. Cost: one call, where all rows are right.

    Raises:
        BadHostData: The directory returned something else than a mapping.
        Misconfigured: The directory raised it, since all of it is set up wrongly.
    """
    try:
        answer = _mapping(what, ask(keys))
        rows = {key: answer[key] for key in keys if key in answer}
    except (BadHostData, Misconfigured):
        raise
    except ValueError as exc:
        every = tuple(keys)
        if len(every) > 1:
            halves = every[: len(every) // 2], every[len(every) // 2 :]
            return {key: row for half in halves for key, row in _found(what, ask, half, is_right, report).items()}
        for key in every:
            report(_problem(what, exc, "a row that can be read", key))
        return {}
    for key in [key for key, row in rows.items() if not is_right(key, row)]:
        report(_problem(what, rows.pop(key), "the value of this id", key))
    return rows


def _mapping(what: str, answer: Mapping[_K, _V]) -> Mapping[_K, _V]:
    if not isinstance(answer, Mapping):
        raise _problem(what, answer, "a mapping", what)
    return answer


def _among(rows: Iterable[object], kind: type[_V], what: str, about: object, report: Report) -> Iterator[_V]:
    """Walk over rows that may be built as they are read; leave out what is not right, and read on."""
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise InvalidValue(what, rows, f"a list of values of the type {kind.__name__}")
    iterator, failures = iter(rows), 0
    while failures < _MOST_IN_A_ROW:
        try:
            row = next(iterator)
        except StopIteration:
            return
        except ValueError as exc:
            row = exc
        if isinstance(row, kind):
            failures = 0
            yield row
        else:
            failures += 1
            report(_problem(what, row, f"a list of values of the type {kind.__name__}", about))


def _problem(what: str, value: object, expected: str, about: object) -> BadHostData:
    """Describe what is wrong: in the words of the error, where the host got one."""
    if isinstance(value, InvalidValue):
        return BadHostData(value.what, value.value, value.expected, about)
    return BadHostData(what, value, expected, about)
