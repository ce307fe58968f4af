"""Many rows in one round trip, in the way that is quickest for each database."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Dialect, Insert, Integer, Table, Text, bindparam, cast, func, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

Row = Mapping[str, Any]


class Present(enum.Enum):
    """What becomes of a row that is there already."""

    CANNOT_BE = enum.auto()
    STAYS = enum.auto()
    IS_REPLACED = enum.auto()


def write(connection: Connection, table: Table, rows: Sequence[Row], *, present: Present = Present.CANNOT_BE) -> None:
    """Insert *rows*, each with every column of *table*, in their order, in one round trip; none if there are none."""
    if not rows:
        return
    dialect = connection.dialect
    if dialect.name == "postgresql":
        connection.execute(_from_json(table, present), {"rows": json.dumps(rows, ensure_ascii=False)})
    elif connection.get_execution_options().get("schema_translate_map"):
        connection.execute(_from_values(table, dialect.name, present), rows)
    else:
        # Past SQLAlchemy's handling of each value: it takes as long as the database does, and has nothing to convert.
        connection.exec_driver_sql(_text(table, dialect.name, present), rows)


@cache
def _from_json(table: Table, present: Present) -> Insert:
    """Insert from one JSON array; psycopg sends the rows of an `executemany` one by one."""
    columns = [Column(column.name, _plain(column)) for column in table.columns]
    given = cast(bindparam("rows", type_=Text), postgresql.JSON)
    source = func.json_to_recordset(given).table_valued(*columns)
    rows = source.render_derived(name="given", with_types=True)
    names = [column.name for column in table.columns]
    return _on_conflict(
        postgresql.insert(table).from_select(names, select(*(rows.c[name] for name in names))), table, present
    )


def _plain(column: Column[Any]) -> Text | Integer | Boolean:
    """Give the column's type without length and collation, as a column definition list of PostgreSQL takes it."""
    kind = column.type
    return kind if isinstance(kind, (Integer, Boolean)) else Text()


def _from_values(table: Table, dialect: str, present: Present) -> Insert:
    if dialect == "sqlite":
        return _on_conflict(sqlite.insert(table).values(_placeholders(table)), table, present)
    insert = mysql.insert(table).values(_placeholders(table))
    match present:
        case Present.CANNOT_BE:
            return insert
        case Present.STAYS:  # a change to nothing, where IGNORE would let other faults pass as well
            key = next(iter(table.primary_key.columns)).name
            return insert.on_duplicate_key_update({key: table.c[key]})
        case Present.IS_REPLACED:
            return insert.on_duplicate_key_update({name: insert.inserted[name] for name in _values(table)})


def _on_conflict(
    insert: postgresql.Insert | sqlite.Insert, table: Table, present: Present
) -> postgresql.Insert | sqlite.Insert:
    match present:
        case Present.CANNOT_BE:
            return insert
        case Present.STAYS:
            return insert.on_conflict_do_nothing()
        case Present.IS_REPLACED:
            return insert.on_conflict_do_update(
                index_elements=[*table.primary_key.columns],
                set_={name: insert.excluded[name] for name in _values(table)},
            )


def _values(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


def _placeholders(table: Table) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.columns}


_DRIVERS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "mysql": mysql.dialect(paramstyle="pyformat"),
    "mariadb": mysql.dialect(paramstyle="pyformat"),
}


@cache
def _text(table: Table, dialect: str, present: Present) -> str:
    """Give the statement as the driver takes it, with the names of the columns as parameters."""
    return str(_from_values(table, dialect, present).compile(dialect=_DRIVERS[dialect]))
