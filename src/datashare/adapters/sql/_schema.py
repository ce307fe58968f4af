"""Tables that are created together, and the version that is recorded with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import attrs
import sqlalchemy as sa

from datashare.errors import Misconfigured, SchemaMismatch

from ._bulk import Existing, schema_of, write
from ._database import begin_anew_in_forks, begin_immediate
from ._errors import mapped


@attrs.frozen(kw_only=True, eq=False)
class Schema:
    """Tables of one version.

    Attributes:
        metadata: The tables.
        recorded_in: The table whose first column is the version.
        version: The version that this version of the library reads and writes.
        made_by: What a host calls to create the tables.
    """

    metadata: sa.MetaData
    recorded_in: sa.Table
    version: int
    made_by: str

    def create(self, bind: sa.Engine | sa.Connection) -> None:
        """Create the tables if they are not there yet, and record their version.

        Raises:
            Misconfigured: *bind* is neither an engine nor a connection.
            SchemaMismatch: The tables that are there are of another version; they are left as they are.
            StoreUnavailable: The database cannot be reached, or is locked, full or read-only.
        """
        if not isinstance(bind, (sa.Engine, sa.Connection)):
            raise Misconfigured("bind", bind, "an Engine or a Connection of SQLAlchemy")
        mapped(partial(self._create_on, bind))

    def _create_on(self, bind: sa.Engine | sa.Connection) -> None:
        if isinstance(bind, sa.Connection):
            self._create(bind)
            return
        begin_anew_in_forks(bind)
        with bind.connect() as connection:
            self._create(connection)
            connection.commit()

    def _create(self, connection: sa.Connection) -> None:
        if self._is_there(connection):
            return
        if connection.dialect.name == "sqlite":
            begin_immediate(connection)
        with _alone(connection):
            self.metadata.create_all(connection)
            # Last, since MariaDB cannot roll back tables: a recorded version means that all tables exist. Somebody
            # else may have recorded it meanwhile.
            others = [None] * (len(self.recorded_in.columns) - 1)
            write(connection, self.recorded_in, [(self.version, *others)], existing=Existing.STAYS)

    def _is_there(self, connection: sa.Connection) -> bool:
        """Return whether the tables exist; refuse those of another version."""
        names = set(sa.inspect(connection).get_table_names(schema=schema_of(connection)))
        if self.recorded_in.name not in names or not self._recorded(connection):
            return False
        self.require(connection)
        return {table.name for table in self.metadata.sorted_tables} <= names

    def require(self, connection: sa.Connection) -> None:
        """Refuse tables that are missing or of another version.

        Raises:
            SchemaMismatch: They are.
        """
        versions = self._recorded(connection)
        if not versions:
            raise SchemaMismatch(f"No version is recorded in {self.recorded_in.name}: call {self.made_by}, or migrate.")
        if versions != [self.version]:
            recorded = " and ".join(map(str, versions))
            raise SchemaMismatch(f"They are of version {recorded}, and this library needs version {self.version}.")

    def _recorded(self, connection: sa.Connection) -> list[int]:
        version = self.recorded_in.c.version
        return list(connection.scalars(sa.select(version).order_by(version)))


_LOCK_NAME = sa.func.concat("datashare ", sa.func.database())
_ON_MARIADB = "mysql", "mariadb"  # where a new table ends the transaction, so that the connection holds the lock
_LOCK: dict[str, sa.Select[tuple[object]]] = {
    "postgresql": sa.select(sa.func.pg_advisory_xact_lock(0x6461_7461)),
    **dict.fromkeys(_ON_MARIADB, sa.select(sa.func.get_lock(_LOCK_NAME, 60))),
}
_UNLOCK: dict[str, sa.Select[tuple[object]]] = dict.fromkeys(_ON_MARIADB, sa.select(sa.func.release_lock(_LOCK_NAME)))


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Hold a lock, so that nobody else creates the tables meanwhile; a check whether they exist is not enough."""
    _ask(connection, _LOCK)
    try:
        yield
    finally:
        _ask(connection, _UNLOCK)


def _ask(connection: sa.Connection, statements: Mapping[str, sa.Select[tuple[object]]]) -> None:
    statement = statements.get(connection.dialect.name)
    if statement is not None:
        connection.execute(statement)
