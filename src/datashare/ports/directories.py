"""The ports through which facts about groups, schools and people come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink


@runtime_checkable
class InstitutionDirectory(Protocol):
    """What the register says about groups and institutions.

    Implementers must:

    1. Return every institution that is linked with a group, open or not, however many there are, with all that the
       register says of it; the library decides what is visible.
    2. Return only what was asked for, by the whole code or number, and leave out what is not known instead of raising.
    3. Answer each call from one state of the register, the present one: nothing is remembered from an older one.
    4. Return values that nobody changes afterwards.
    """

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group with this id, if the register has it.

        Of a group that only an earlier register had, return what is still known, closed and with `Group.in_register`
        false, so that messages and plans call it by its name; or `None`, where no name was kept.
        """
        ...

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*, whatever their status or joining day, in any order."""
        ...

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""
        ...

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the group's own sets of schools: the URNs of each, by name (B6)."""
        ...

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns*, in any order (E5)."""
        ...

    def register_day(self) -> date | None:
        """Return the day of the register that the answers come from, in Europe/London, where it is known."""
        ...


@runtime_checkable
class PeopleDirectory(Protocol):
    """What the sites know about their people at present.

    Implementers must:

    1. Return people with all of their roles, permissions, periods and associations, current or not, as the site has
       them now, by whatever call, however many there are.
    2. Map the host's own roles and permissions to stable keys; leave out a permission that has none.
    3. Return only what was asked for, and leave out what is not known instead of raising.
    4. Return the people of many schools in one call, without a round trip for each school.
    5. Return values that nobody changes afterwards.
    """

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of each school's site, in any order."""
        ...

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people of any site by their ids."""
        ...

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the MIS sites of schools; a school without one is left out (V11)."""
        ...
