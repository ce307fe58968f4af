"""The register in a relational database, as a `datashare.ports.InstitutionDirectory`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from datashare.domain import validation
from datashare.domain.agreements.authorise import why_not_loaded
from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import Refused, StoreError
from datashare.ports import Progress, ProgressCallback, Stage, arguments
from datashare.rows.register import (
    ClustersRow,
    GroupRow,
    InstitutionRow,
    LoadableRegister,
    SuccessorRow,
    clusters_row,
    group_rows,
    institution_batches,
    require_loadable,
    successor_rows,
    to_clusters,
    to_day_in_place,
    to_group,
    to_institution,
    to_status,
    to_successor,
)

from ._bulk import Existing, write
from ._database import transactions
from ._tables import DIRECTORY, clusters, directory, groups, institutions, links, successors


class SqlInstitutionDirectory:
    """The register in SQLite, PostgreSQL or MariaDB, as a `datashare.ports.InstitutionDirectory`.

    Bound to an `sqlalchemy.Engine`, every call is a transaction of its own, and threads may share the directory.
    Bound to a `sqlalchemy.Connection`, it works within the host's transaction, as `SqlAgreementStore` does.
    `create_directory_schema` makes its tables.

    Cost: each question is one statement that uses the key of each table, so that it is answered from one register
    even while another is loaded. The first call besides looks at the version of the tables.
    """

    def __init__(self, bind: sa.Engine | sa.Connection) -> None:
        """Bind the directory to a database, without a statement yet.

        Args:
            bind: An engine, or a connection whose transaction is the host's.

        Raises:
            Misconfigured: It is neither.
        """
        self._transactions = transactions(bind, DIRECTORY.require)

    def load(
        self, register: LoadableRegister, *, confirmed: bool = False, progress: ProgressCallback | None = None
    ) -> None:
        """Replace the register in one transaction, so that everybody sees the old one or all of the new one.

        Clusters stay, since they are the host's. The groups that the new register does not name stay with their names,
        as closed groups. Two loads take turns.

        Cost: a constant number of statements for each thousand institutions, whose rows alone are held in memory.

        Args:
            register: What `datashare.adapters.gias.read_register` returned.
            confirmed: Whether a person has confirmed that this register is right, although it would be refused.
            progress: Called at the start, after every thousand institutions, and at the end; they are in place once
                the call returns, or the host commits. If it raises, the old register stays.

        Raises:
            Refused: The register is empty, older than the one in place, or lacks too many of its institutions (E3).
            InvalidInput: It is no register, or *confirmed* is not True or False.
            Misconfigured: *progress* cannot be called.
            StoreError: The database could not do its work, and the old register stays.
        """
        checked = require_loadable(register)
        validation.require_a(confirmed, bool, "confirmed", "True or False")
        if progress is not None:
            validation.require_callable(progress, "progress", "a function that takes a Progress, or None")
        raised = list[Exception]()

        def report(done: int) -> None:
            try:
                if progress is not None:
                    progress(Progress(stage=Stage.WRITTEN, done=done, total=len(checked.institutions)))
            except Exception as error:
                raised.append(error)
                raise

        try:
            self._transactions.write(lambda connection: _load(connection, checked, confirmed, report))
        except StoreError:
            if raised:  # by the caller; some of these, such as an OSError, a driver raises too
                raise raised[-1] from None
            raise

    def set_clusters(self, group: GroupId, named: Mapping[str, Iterable[int]], /) -> None:
        """Replace a group's own sets of schools: their URNs, by name (B6).

        Raises:
            InvalidInput: An argument is invalid.
            StoreError: The database could not do its work.
        """
        row = clusters_row(arguments.require_group(group), named)
        self._transactions.write(lambda connection: write(connection, clusters, [row], existing=Existing.IS_REPLACED))

    def group(self, group: GroupId, /) -> Group | None:
        """Return the group with this id, if a register ever named it; one that the present one does not is closed."""
        statement = sa.select(groups).where(groups.c.group_id == str(arguments.require_group(group)))
        return next((to_group(GroupRow._make(row)) for row in self._rows(statement)), None)

    def linked(self, group: GroupId, /) -> Sequence[Institution]:
        """List the institutions linked with *group*, whatever their status or joining day, in the order of URNs."""
        of_group = links.c.group_id == str(arguments.require_group(group))
        statement = sa.select(institutions).join(links, links.c.urn == institutions.c.urn).where(of_group)
        return [to_institution(InstitutionRow._make(row)) for row in self._rows(statement.order_by(links.c.urn))]

    def institutions(self, urns: Collection[int], /) -> Mapping[int, Institution]:
        """Find institutions by URN."""
        wanted = _among(institutions.c.urn, validation.require_urns(urns, "urns"))
        rows = map(InstitutionRow._make, self._rows(sa.select(institutions).where(wanted)))
        return {row.urn: to_institution(row) for row in rows}

    def clusters(self, group: GroupId, /) -> Mapping[str, frozenset[int]]:
        """Return the group's own sets of schools: the URNs of each, by name (B6)."""
        statement = sa.select(clusters).where(clusters.c.group_id == str(arguments.require_group(group)))
        return next((to_clusters(ClustersRow._make(row)) for row in self._rows(statement)), {})

    def successors(self, urns: Collection[int], /) -> Sequence[SuccessorLink]:
        """List the links whose predecessor is one of *urns*, in the order of the register (E5)."""
        wanted = _among(successors.c.predecessor, validation.require_urns(urns, "urns"))
        statement = sa.select(successors).where(wanted).order_by(successors.c.number)
        return [to_successor(SuccessorRow._make(row)) for row in self._rows(statement)]

    def register_day(self) -> date | None:
        """Return the day of the register, in Europe/London, if it is known."""
        return to_day_in_place(next((row.day for row in self._rows(sa.select(directory.c.day))), None))

    def _rows(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        return self._transactions.read(lambda connection: connection.execute(statement).all())


def _among(column: sa.Column[int], urns: Collection[int]) -> sa.ColumnElement[bool]:
    """Look for URNs, which are written into the statement, since a database takes no more than so many parameters."""
    return column.in_(sa.bindparam("urns", list(dict.fromkeys(urns)), expanding=True, literal_execute=True))


def _load(
    connection: sa.Connection, register: LoadableRegister, confirmed: bool, report: Callable[[int], None]
) -> None:
    day = connection.scalar(sa.select(directory.c.day).with_for_update())  # two loads take turns here
    if not confirmed:
        held = connection.execute(sa.select(institutions.c.urn, institutions.c.status))
        reasons = why_not_loaded(
            {urn: to_status(status) for urn, status in held},
            register.institutions.keys(),
            day=register.day,
            day_in_place=to_day_in_place(day),
        )
        if reasons:
            raise Refused(reasons)
    for table in (institutions, links, successors):
        connection.execute(sa.delete(table))
    connection.execute(sa.update(groups).values(in_register=False))
    write(connection, groups, group_rows(register), existing=Existing.IS_REPLACED)
    write(connection, successors, successor_rows(register))
    done = 0
    report(done)
    for schools, linked in institution_batches(register):
        write(connection, institutions, schools)
        write(connection, links, linked)
        done += len(schools)
        report(done)
    connection.execute(sa.update(directory).values(day=register.day and register.day.isoformat()))
