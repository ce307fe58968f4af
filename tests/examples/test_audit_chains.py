"""The history can be checked with other software: twenty lines without the library detect changes (H3)."""

import ast
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.domain.agreements import Decline, RequestAccess
from datashare.domain.chain import BEFORE_THE_FIRST, chained
from datashare.testing.changes import OTHER_URN, asked, imported, then
from examples.audit_chains import first_breaks

PROGRAM = Path(__file__).parents[2] / "examples" / "audit_chains.py"

Connect = Callable[[], Any]
"""Connects to a database with histories, without the library."""


def write_histories(engine: Engine) -> None:
    """Write the histories of three schools, one of three events with words in it."""
    create_schema(engine)
    store = SqlAgreementStore(engine)
    store.append([asked(), asked(OTHER_URN), imported(42)])
    declined = then(asked().after, Decline)
    store.append([declined])
    store.append([then(declined.after, RequestAccess, command_id="c-3")])
    engine.dispose()


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Connect:
    """Return a SQLite file with histories."""
    path = tmp_path / "agreements.db"
    write_histories(sqlite_engine(path))
    return lambda: sqlite3.connect(path)


@pytest.fixture
def postgresql(postgresql_url: str) -> Connect:
    """Return a PostgreSQL database with histories."""
    write_histories(create_engine(postgresql_url))
    url = make_url(postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return lambda: psycopg.connect(url)


@pytest.fixture(params=["sqlite_file", "postgresql"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return each database in turn."""
    connect: Connect = request.getfixturevalue(request.param)
    return connect


def test_the_program_is_twenty_lines_without_the_library() -> None:
    """At most, without blank lines and docstrings; it imports only what comes with Python."""
    source = PROGRAM.read_text(encoding="utf-8")
    lines = [line for line in source.splitlines() if line.strip() and '"""' not in line]
    imported_names = {node.names[0].name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import)}

    assert 20 >= len(lines)
    assert {"hashlib", "json", "sqlite3"} == imported_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(source)))


TAMPERING = {
    "nothing": ([], {}),
    "altered": (["UPDATE datashare_events SET text = REPLACE(text, 'c-2', 'c-9')"], {"mat:5143/100000": 2}),
    "dropped": (["DELETE FROM datashare_events WHERE urn = 100000 AND sequence = 2"], {"mat:5143/100000": 2}),
    "closed-up": (
        [
            "DELETE FROM datashare_events WHERE urn = 100000 AND sequence = 1",
            "UPDATE datashare_events SET sequence = 1 WHERE urn = 100000 AND sequence = 2",
            "UPDATE datashare_events SET sequence = 2 WHERE urn = 100000 AND sequence = 3",
        ],
        {"mat:5143/100000": 1},
    ),
    "cut": (["DELETE FROM datashare_events WHERE urn = 100000 AND sequence = 3"], {"mat:5143/100000": 3}),
    "emptied": (["DELETE FROM datashare_events WHERE urn = 42"], {"mat:5143/42": 1}),
    "moved": (
        ["UPDATE datashare_events SET urn = 100001 WHERE urn = 100000 AND sequence = 3"],
        {"mat:5143/100000": 3, "mat:5143/100001": 2},
    ),
    "instant": (
        ["UPDATE datashare_events SET at = REPLACE(at, '2026', '2025') WHERE urn = 100000 AND sequence = 2"],
        {"mat:5143/100000": 2},
    ),
    "head": (["UPDATE datashare_agreements SET head = '' WHERE urn = 42"], {"mat:5143/42": 1}),
}


@pytest.mark.rule("H3", "H4")
@pytest.mark.parametrize(("statements", "expected"), TAMPERING.values(), ids=TAMPERING)
def test_what_was_changed_is_found_with_other_software(
    connect: Connect, statements: list[str], expected: dict[str, int]
) -> None:
    """The first event that does not fit is named, for each changed agreement and no other."""
    with closing(connect()) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()

        assert expected == first_breaks(connection)


NONSENSE = {
    "nothing": "",
    "half": "[" * 100_000,
    "list": "[]",
    "value-number": '{"value":1}',
    "value-object": '{"value":{}}',
}


@pytest.mark.rule("H3")
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_with_the_right_hash_is_found_with_other_software(sqlite_file: Connect, nonsense: str) -> None:
    """Nonsense in the place of an event, with its hash, is named, and so is what else is wrong."""
    hashed = chained(BEFORE_THE_FIRST, nonsense)
    with closing(sqlite_file()) as connection, connection:
        connection.execute("UPDATE datashare_events SET text = ?, hash = ? WHERE urn = 42", (nonsense, hashed))
        connection.execute("UPDATE datashare_agreements SET head = ? WHERE urn = 42", (hashed,))
        connection.execute("UPDATE datashare_events SET sequence = 'x' WHERE urn = 100000 AND sequence = 2")

        assert {"mat:5143/42": 1, "mat:5143/100000": 2} == first_breaks(connection)


@pytest.mark.rule("H3")
def test_events_whose_agreement_is_gone_are_found_with_other_software(sqlite_file: Connect) -> None:
    """SQLite's own tool does not enforce foreign keys."""
    with closing(sqlite_file()) as connection, connection:
        connection.execute("DELETE FROM datashare_agreements WHERE urn = 42")

        assert {"mat:5143/42": 0} == first_breaks(connection)


@pytest.mark.rule("H3")
def test_an_event_of_another_agreement_is_found_by_its_own_words(sqlite_file: Connect) -> None:
    """A whole history that was moved to another school fits its hashes, and names its own school."""
    with closing(sqlite_file()) as connection, connection:
        connection.execute("UPDATE datashare_events SET urn = 43 WHERE urn = 42")
        connection.execute("UPDATE datashare_agreements SET urn = 43 WHERE urn = 42")

        assert {"mat:5143/43": 1} == first_breaks(connection)
