"""What a directory of people over a host's own models begins with."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import FieldError, ValidationError
from django.db.models import QuerySet

from datashare.domain.people import Person, PersonId, SchoolSite
from datashare.domain.register import GroupId
from datashare.domain.validation import require_a, require_all, require_urns
from datashare.errors import InvalidValue, Misconfigured

from ._database import Database

_log = logging.getLogger("datashare.people")


class DjangoPeopleDirectory(ABC):
    """A `datashare.ports.PeopleDirectory` over a host's own models; a subclass says which rows, and what they mean.

    Cost: a statement for the staff of schools and one for that of groups, with those of ``prefetch_related``. A row
    that is no `Person` is left out, and logged by its key alone.

    Every call raises `datashare.errors.Misconfigured` where the subclass returns no `QuerySet`, or *host_id* is wrong.

    Attributes:
        host_id: The lookup of the host's id of a person, whose text is `PersonId.id`.
    """

    host_id: ClassVar[str] = "pk"

    @abstractmethod
    def school_staff(self, urns: Collection[int], /) -> QuerySet[Any]:
        """Return the rows of the people at the sites of these schools, with all that `person` reads.

        Say what `person` reads by ``select_related`` and ``prefetch_related``, or each row costs statements of its own.
        """

    @abstractmethod
    def group_staff(self, groups: Collection[GroupId], /) -> QuerySet[Any]:
        """Return the rows of the people at the sites of these groups, with all that `person` reads."""

    @abstractmethod
    def school_sites(self, urns: Collection[int], /) -> Iterable[SchoolSite]:
        """Return the sites of these schools."""

    @abstractmethod
    def person(self, row: Any, /) -> Person:
        """Turn a row into a person.

        Raises:
            ValueError: The row is not one, as `datashare.errors.InvalidValue` says; then it is left out.
        """

    def at_schools(self, urns: Collection[int], /) -> Mapping[int, Sequence[Person]]:
        """List the people of each school's site."""
        wanted = frozenset(require_urns(urns, "urns"))
        people = defaultdict[int, list[Person]](list)
        for person in self._read(self._rows(self.school_staff, wanted)) if wanted else ():
            if isinstance(person.id.site, int) and person.id.site in wanted:
                people[person.id.site].append(person)
        return dict(people)

    def people(self, ids: Collection[PersonId], /) -> Mapping[PersonId, Person]:
        """Find people of any site by their ids."""
        wanted = frozenset(require_all(ids, PersonId, "ids", "a collection of PersonIds"))
        at_schools = {who.site: who for who in wanted if isinstance(who.site, int)}
        at_groups = {who.site: who for who in wanted if isinstance(who.site, GroupId)}
        named = {who.id for who in wanted}
        rows = [self._rows(self.school_staff, at_schools.keys())] if at_schools else []
        rows += [self._rows(self.group_staff, at_groups.keys())] if at_groups else []
        people = (person for queryset in rows for person in self._read(self._named(queryset, named)))
        return {person.id: person for person in people if person.id in wanted}

    def sites(self, urns: Collection[int], /) -> Mapping[int, SchoolSite]:
        """Find the sites of schools; a school without one is left out (V11)."""
        wanted = frozenset(require_urns(urns, "urns"))
        with Database(None).reading():
            sites = list(self.school_sites(wanted)) if wanted else []
        for site in sites:
            require_a(site, SchoolSite, f"{type(self).__name__}.school_sites()", "SchoolSites", InvalidValue)
        return {site.urn: site for site in sites if site.urn in wanted}

    def _rows(self, ask: Callable[[Collection[Any]], object], sites: Collection[Any]) -> QuerySet[Any]:
        rows = ask(sites)
        return require_a(rows, QuerySet, f"{type(self).__name__}.{ask.__name__}()", "a QuerySet", Misconfigured)

    def _named(self, rows: QuerySet[Any], ids: Iterable[str]) -> QuerySet[Any]:
        try:
            return rows.filter(**{f"{self.host_id}__in": [id_ for id_ in ids if self._may_be(id_, rows)]})
        except FieldError as error:
            what = f"{type(self).__name__}.host_id"
            raise Misconfigured(what, self.host_id, f"a lookup of {rows.model._meta.label} ({error})") from error

    def _may_be(self, id_: str, rows: QuerySet[Any]) -> bool:
        """Return whether the host's column takes an id: a column of numbers does not take "ana"."""
        try:
            rows.filter(**{self.host_id: id_})
        except (ValueError, ValidationError):
            return False
        return True

    def _read(self, rows: QuerySet[Any]) -> Iterator[Person]:
        with Database(None).reading():
            for row in rows:
                try:
                    person = require_a(self.person(row), Person, "person()", "a Person")
                except ValueError as error:
                    field = error.what if isinstance(error, InvalidValue) else "person()"
                    about = {"model": rows.model._meta.label, "key": str(row.pk), "field": field}
                    _log.warning("person.left_out", extra=about)
                else:
                    yield person
