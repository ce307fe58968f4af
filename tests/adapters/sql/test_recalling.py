"""The past is answered from a database as from memory, and without walking through what others keep there (H1, H2)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from datashare.adapters.sql import SqlAgreementStore
from datashare.testing.changes import AGREEMENT, TRUST, asked

DAY = timedelta(days=1)


READING: dict[str, Callable[[SqlAgreementStore], object]] = {
    "history": lambda store: list(store.history(AGREEMENT)),
    "group_history": lambda store: list(store.group_history(TRUST)),
}


def plan(engine: Engine, call: Callable[[], object]) -> str:
    """Make a call, and tell how the database finds the events that it reads."""
    found = list[tuple[str, Any]]()

    def note(_connection: Connection, _cursor: object, statement: str, parameters: object, *_others: object) -> None:
        if "FROM datashare_events" in statement:
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    call()
    event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = found
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # which otherwise walks through any table as small as this one
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())


@pytest.mark.rule("H1")
@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    ("database", "by_key", "walking"),
    [
        ("sqlite", "SEARCH datashare_events USING PRIMARY KEY (group_id=?", "SCAN"),
        ("postgresql", "datashare_events_pkey", "Seq Scan"),
    ],
)
def test_events_are_found_by_their_key(
    database: str, by_key: str, walking: str, name: str, request: pytest.FixtureRequest
) -> None:
    """No plan walks through the table, where other groups' events stand."""
    engine: Engine = request.getfixturevalue(database)
    store = SqlAgreementStore(engine)
    store.append([asked()])

    found = plan(engine, lambda: READING[name](store))

    assert by_key in found
    assert walking not in found
