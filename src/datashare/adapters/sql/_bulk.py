"""Many rows in one round trip, in the way that is quickest for each database."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, assert_never

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

RowValues = Sequence[Any]
"""A value for each column of a table, in their order; drivers take that quicker than names and values."""


class Existing(enum.Enum):
    """What happens to a row that exists already."""

    CANNOT_BE = enum.auto()
    STAYS = enum.auto()
    IS_REPLACED = enum.auto()


def write(
    connection: sa.Connection, table: sa.Table, rows: Sequence[RowValues], *, existing: Existing = Existing.CANNOT_BE
) -> None:
    """Insert *rows* in their order, in one round trip; do nothing without rows."""
    if not rows:
        return
    dialect = connection.dialect
    if dialect.driver == "psycopg" and not dialect.is_async and existing is Existing.CANNOT_BE:
        _copy(connection, table, rows)
    elif dialect.name == "postgresql":
        connection.execute(_from_arrays(table, existing), _columns(table, rows))
    elif schema_of(connection) or dialect.driver not in _PLAIN:
        connection.execute(
            _from_values(table, dialect.name, existing, table.columns.keys()), [_named(table, row) for row in rows]
        )
    else:
        filled = _filled(table, rows)
        statement = _text(table, dialect.name, existing, tuple(filled))
        # Not through SQLAlchemy, whose handling of each value takes as long as the database does and converts nothing.
        connection.exec_driver_sql(statement, [*zip(*filled.values(), strict=True)])


def _filled(table: sa.Table, rows: Sequence[RowValues]) -> dict[str, tuple[Any, ...]]:
    """Return the values of each column that holds any, since SQLite's driver takes longest to bind a NULL."""
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    return {column.name: values for column, values in columns if any(value is not None for value in values)}


def bound(value: object) -> Any:  # noqa: ANN401 - a damaged value can be anything
    """Return a value that was read, so that it can be handed back; a driver writes no text that is not UTF-8."""
    if not isinstance(value, str) or value.isascii():
        return value
    written = value.encode(errors="surrogateescape")
    return value if written == value.encode(errors="replace") else sa.cast(sa.literal(written, sa.LargeBinary), sa.Text)


def schema_of(connection: sa.Connection) -> str | None:
    """Return the database schema for the tables, if the host named one by SQLAlchemy's map of schemas."""
    return (connection.get_execution_options().get("schema_translate_map") or {}).get(None)


def _copy(connection: sa.Connection, table: sa.Table, rows: Sequence[RowValues]) -> None:
    """Insert by COPY, which PostgreSQL reads twice as fast, and which SQLAlchemy does not offer.

    Raises:
        DBAPIError: As SQLAlchemy raises it.
    """
    preparer = connection.dialect.identifier_preparer
    name = preparer.format_table(table, use_schema=False)
    schema = schema_of(connection)
    if schema:
        name = f"{preparer.quote_schema(schema)}.{name}"
    statement = f"COPY {name} ({', '.join(map(preparer.format_column, table.columns))}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except errors as error:
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(
            statement, None, error, errors, connection_invalidated=lost, dialect=connection.dialect
        ) from error


def tells_what_it_inserted(connection: sa.Connection) -> bool:
    """Return whether `insert_absent` works here: whether many rows can be inserted with an answer for each."""
    return connection.dialect.name == "postgresql"


def is_serial(connection: sa.Connection) -> bool:
    """Return whether a transaction that writes is alone from its beginning, so that no row needs a claim."""
    return connection.dialect.name == "sqlite"


def insert_absent(connection: sa.Connection, table: sa.Table, rows: Sequence[RowValues]) -> set[tuple[Any, ...]]:
    """Insert those of *rows* that do not exist, as `write` does; return their primary keys."""
    if not rows:
        return set()
    statement = _from_arrays(table, Existing.STAYS).returning(*table.primary_key.columns)
    return {tuple(row) for row in connection.execute(statement, _columns(table, rows))}


_BETWEEN, _NULL = "\x1f", "\x1e"
"""Keys are printable, and JSON writes control characters as escapes, so no value contains either."""


@cache
def _from_arrays(table: sa.Table, existing: Existing) -> postgresql.Insert:
    """Insert from one text for each column; psycopg sends the rows of an `executemany` one by one.

    PostgreSQL takes such a text apart several times as fast as it reads JSON, and psycopg writes no list as quickly.
    """
    arrays = [
        sa.cast(
            sa.func.string_to_array(sa.bindparam(column.name, type_=sa.Text), sa.literal(_BETWEEN), sa.literal(_NULL)),
            postgresql.ARRAY(_plain(column)),
        )
        for column in table.columns
    ]
    names = [column.name for column in table.columns]
    given = sa.func.unnest(*arrays).table_valued(*names).render_derived(name="given")
    insert = postgresql.insert(table).from_select(names, sa.select(*(given.c[name] for name in names)))
    return _on_conflict(insert, table, existing)


def _columns(table: sa.Table, rows: Sequence[RowValues]) -> dict[str, Any]:
    """Return the text for each column."""
    texts = (
        _BETWEEN.join([_NULL if value is None else str(value) for value in values])
        for values in zip(*rows, strict=True)
    )
    return _named(table, texts)


def _named(table: sa.Table, values: Iterable[Any]) -> dict[str, Any]:
    return {column.name: value for column, value in zip(table.columns, values, strict=True)}


def _plain(column: sa.Column[Any]) -> sa.Text | sa.Integer | sa.Boolean:
    """Return the column's type without length and collation."""
    kind = column.type
    return kind if isinstance(kind, (sa.Integer, sa.Boolean)) else sa.Text()


def _from_values(table: sa.Table, dialect: str, existing: Existing, names: Sequence[str]) -> sa.Insert:
    placeholders: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    if dialect == "sqlite":
        return _on_conflict(sqlite.insert(table).values(placeholders), table, existing)
    insert = mysql.insert(table).values(placeholders)
    match existing:
        case Existing.CANNOT_BE:
            return insert
        case Existing.STAYS:  # an update that changes nothing; IGNORE would ignore other errors too
            key = next(iter(table.primary_key.columns)).name
            return insert.on_duplicate_key_update({key: table.c[key]})
        case Existing.IS_REPLACED:
            return insert.on_duplicate_key_update({name: insert.inserted[name] for name in _values(table)})
        case _:
            assert_never(existing)


_I = TypeVar("_I", postgresql.Insert, sqlite.Insert)


def _on_conflict(insert: _I, table: sa.Table, existing: Existing) -> _I:
    match existing:
        case Existing.CANNOT_BE:
            return insert
        case Existing.STAYS:
            return insert.on_conflict_do_nothing()
        case Existing.IS_REPLACED:
            return insert.on_conflict_do_update(
                index_elements=[*table.primary_key.columns],
                set_={name: insert.excluded[name] for name in _values(table)},
            )
        case _:
            assert_never(existing)


def _values(table: sa.Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


_PLAIN = frozenset({"pysqlite", "aiosqlite", "pymysql"})
"""The drivers that take the values of many rows as they are, and mark them as the dialects below do."""
_DIALECTS: Mapping[str, sa.Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "mysql": mysql.dialect(paramstyle="format"),
    "mariadb": mysql.dialect(paramstyle="format"),
}


@cache
def _text(table: sa.Table, dialect: str, existing: Existing, names: tuple[str, ...]) -> str:
    """Return the statement as the driver takes it, with a parameter for each named column, in their order."""
    return str(_from_values(table, dialect, existing, names).compile(dialect=_DIALECTS[dialect]))
