"""The register in Django's database, as a `datashare.ports.InstitutionDirectory`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Model

from datashare.domain import validation
from datashare.domain.agreements import Reason
from datashare.domain.agreements.authorise import why_not_loaded
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import Refused
from datashare.ports import Progress, ProgressCallback, Stage, arguments
from datashare.rows import register as register_rows
from datashare.rows.register import ClustersRow, GroupRow, InstitutionRow, LoadableRegister, SuccessorRow

from ._database import Database, read
from .models import GroupClusters, RegisterGroup, RegisterInPlace, RegisterInstitution, RegisterLink, RegisterSuccessor


class DjangoInstitutionDirectory:
    """The register in one of Django's databases, which threads may share.

    Outside `transaction.atomic` each call is a transaction of its own; inside, it works within that transaction.

    Cost: each question is one statement that uses the key of each table, so that it is answered from one register
    even while another is loaded.
    """

    def __init__(self, using: str | None = None) -> None:
        """Choose the database.

        Args:
            using: Its alias in `DATABASES`; by default the one that the settings name in ``DATASHARE["DATABASE"]``.

        Raises:
            Misconfigured: There is no such database.
        """
        self._db = Database(using)

    def load(
        self, register: LoadableRegister, *, confirmed: bool = False, progress: ProgressCallback | None = None
    ) -> None:
        """Replace the register in one transaction, so that everybody sees the old one or all of the new one.

        Clusters stay, since they are the host's. The groups that the new register does not name stay with their names,
        as closed groups. Two loads take turns.

        Args:
            register: What `datashare.adapters.gias.read_register` returned.
            confirmed: Whether a person has confirmed that this register is right, although it would be refused.
            progress: Called at the start and after every thousand institutions; they are in place once the call
                returns, or the host commits. If it raises, the old register stays.

        Raises:
            Refused: The register is empty, older than the one in place, or lacks too many of its institutions (E3).
            InvalidInput: It is no register, or *confirmed* is not True or False.
            Misconfigured: *progress* cannot be called.
            StoreError: The database could not do its work, and the old register stays.
        """
        checked = register_rows.require_loadable(register)
        validation.require_a(confirmed, bool, "confirmed", "True or False")
        if progress is not None:
            validation.require_callable(progress, "progress", "a function that takes a Progress, or None")
        reasons = self._db.write(lambda: self._load(checked, confirmed, progress))
        if reasons:
            raise Refused(reasons)

    def _load(self, register: LoadableRegister, confirmed: bool, progress: ProgressCallback | None) -> Sequence[Reason]:
        """Write the rows, or return why the register is refused, before anything is written."""
        self._insert(RegisterInPlace, [(1, None)], ignore_conflicts=True)
        in_place = self._db.rows(RegisterInPlace).select_for_update().get()  # two loads take turns here
        if not confirmed:
            held = self._db.rows(RegisterInstitution).values_list("urn", "status").iterator()
            reasons = why_not_loaded(
                {urn: register_rows.to_status(status) for urn, status in held},
                register.institutions.keys(),
                day=register.day,
                day_in_place=register_rows.to_day_in_place(in_place.day),
            )
            if reasons:
                return reasons
        for table in (RegisterInstitution, RegisterLink, RegisterSuccessor):
            self._db.rows(table).delete()
        self._db.rows(RegisterGroup).update(in_register=False)
        self._replace(RegisterGroup, register_rows.group_rows(register), "in_register", "document")
        self._insert(RegisterSuccessor, register_rows.successor_rows(register))
        done = 0
        _report(progress, done, register)
        for schools, links in register_rows.institution_batches(register):
            self._insert(RegisterInstitution, schools)
            self._insert(RegisterLink, links)
            done += len(schools)
            _report(progress, done, register)
        self._db.rows(RegisterInPlace).update(day=register.day and register.day.isoformat())
        return ()

    def _insert(self, table: type[Model], rows: Iterable[tuple[object, ...]], **conflicts: Any) -> None:
        self._db.rows(table).bulk_create([table(*row) for row in rows], **conflicts)

    def _replace(self, table: type[Model], rows: Iterable[tuple[object, ...]], *columns: str) -> None:
        key = self._db.unique_fields("group_id")
        self._insert(table, rows, update_conflicts=True, unique_fields=key, update_fields=columns)

    def set_clusters(self, group: GroupId, named: Mapping[str, Iterable[int]], /) -> None:
        """Replace a group's own sets of schools: their URNs, by name (B6).

        Raises:
            InvalidInput: An argument is invalid.
            StoreError: The database could not do its work.
        """
        row = register_rows.clusters_row(arguments.require_group(group), named)
        self._db.write(lambda: self._replace(GroupClusters, [row], "document"))

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group with this id, if a register ever named it; one that the present one does not is closed."""
        named = self._db.rows(RegisterGroup).filter(group_id=str(arguments.require_group(group)))
        with self._db.reading():
            return next((register_rows.to_group(row) for row in read(GroupRow, named)), None)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*, whatever their status or joining day, in the order of URNs."""
        links = self._db.rows(RegisterLink).filter(group_id=str(arguments.require_group(group)))
        schools = self._db.rows(RegisterInstitution).filter(urn__in=links.values("urn")).order_by("urn")
        with self._db.reading():
            return [register_rows.to_institution(row) for row in read(InstitutionRow, schools)]

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""
        schools = self._db.rows(RegisterInstitution).filter(urn__in=set(validation.require_urns(urns, "urns")))
        with self._db.reading():
            return {row.urn: register_rows.to_institution(row) for row in read(InstitutionRow, schools)}

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the group's own sets of schools: the URNs of each, by name (B6)."""
        own = self._db.rows(GroupClusters).filter(group_id=str(arguments.require_group(group)))
        with self._db.reading():
            return next((register_rows.to_clusters(row) for row in read(ClustersRow, own)), {})

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns*, in the order of the register (E5)."""
        wanted = set(validation.require_urns(urns, "urns"))
        links = self._db.rows(RegisterSuccessor).filter(predecessor__in=wanted).order_by("number")
        with self._db.reading():
            return [register_rows.to_successor(row) for row in read(SuccessorRow, links)]

    def register_day(self) -> date | None:
        """Return the day of the register, in Europe/London, if it is known."""
        with self._db.reading():
            return register_rows.to_day_in_place(self._db.rows(RegisterInPlace).values_list("day", flat=True).first())


def _report(progress: ProgressCallback | None, done: int, register: LoadableRegister) -> None:
    if progress is not None:
        progress(Progress(stage=Stage.WRITTEN, done=done, total=len(register.institutions)))
