"""The audit after each kill finds whatever is lost, done twice or half done."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine

from .audit import audit, lines_of
from .kills import place_of
from .worker import EVENTS_IN_A_TURN, NOTICES_IN_A_TURN, Job, Journal, disposing, made_up_world, note, take_turn

DAMAGES = {
    "DELETE FROM datashare_events WHERE sequence = 2 AND urn = :urn": "a gap",
    "DELETE FROM datashare_events WHERE urn = :urn": "without events",
    "DELETE FROM datashare_agreements WHERE urn = :urn": "events without",
    "UPDATE datashare_events SET text = replace(text, 'ana', 'eva') WHERE urn = :urn": "breaks the chain",
    "UPDATE datashare_agreements SET head = '' WHERE urn = :urn": "does not end where",
    "UPDATE datashare_agreements SET state = replace(state, 'approved', 'declined') WHERE urn = :urn": "not what its",
    "DELETE FROM datashare_outcomes WHERE urn = :urn AND first_sequence = 1": "outcomes and events",
    "UPDATE datashare_outcomes SET command_id = 'x' WHERE urn = :urn AND first_sequence = 1": "outcomes and events",
    "DELETE FROM datashare_notices WHERE urn = :urn AND asks": "notices are missing",
    "UPDATE datashare_notices SET id = id || 'x' WHERE urn = :urn": "notices are missing",
    "UPDATE datashare_notices SET status = 'waiting', is_open = 1 WHERE asks AND urn = :urn": "still asks",
    "UPDATE datashare_notices SET status = 'cancelled' WHERE NOT asks AND urn = :urn": "cancelled without need",
    "UPDATE datashare_notices SET status = 'delivered' WHERE status = 'cancelled'": "never sent",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take one turn on a SQLite file without a kill; return the folder of file and journal."""
    folder = tmp_path_factory.mktemp("whole")
    job = Job(seed=1, turn=0, at="2026-10-24T23:30:15.123456+00:00")
    with disposing(sqlite_engine(folder / "agreements.db")) as engine, closing(Journal(folder / "journal")) as journal:
        create_schema(engine)
        take_turn(job, SqlAgreementStore(engine), journal, *made_up_world())
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may damage."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    """Yield an engine for the copy."""
    with disposing(sqlite_engine(folder / "agreements.db")) as engine:
        yield engine


def test_the_audit_finds_nothing_where_nothing_is_wrong(engine: Engine, folder: Path) -> None:
    """One turn without a kill has every event and every notice, and each notice was sent once or cancelled."""
    report = audit(engine, folder / "journal")

    assert EVENTS_IN_A_TURN == len(report.events) == len(report.acknowledged)
    assert NOTICES_IN_A_TURN == len(report.statuses)
    assert {1} == set(report.sent.values())
    assert "after a command or delivery returned" == place_of(report)


@pytest.mark.rule("T3", "K4", "O2", "O7")
@pytest.mark.parametrize(("damage", "complaint"), DAMAGES.items(), ids=range(len(DAMAGES)))
def test_the_audit_finds_what_was_damaged(engine: Engine, folder: Path, damage: str, complaint: str) -> None:
    """The audit names whatever is missing, altered or inconsistent."""
    urn = next(line for line in lines_of(folder / "journal") if "approve" in line.get("command", ""))["command"][-6:]
    with closing(sqlite3.connect(folder / "agreements.db")) as database, database:
        changed = database.execute(damage, {"urn": int(urn)} if ":urn" in damage else {})
    assert changed.rowcount > 0

    with pytest.raises(AssertionError, match=complaint):
        audit(engine, folder / "journal")


@pytest.mark.parametrize(
    ("what", "facts", "complaint"),
    [
        ("acted", {"command": "0-more", "events": ["nowhere"]}, "an acknowledged event is lost"),
        ("sent", {"notice": "nowhere"}, "sent for a change that is not there"),
    ],
)
def test_the_audit_finds_what_only_the_journal_knows(
    engine: Engine, folder: Path, what: str, facts: dict[str, object], complaint: str
) -> None:
    """An acknowledged event that is not saved is found, and so is a message whose change is not saved (O2)."""
    note(folder / "journal", what, **facts)

    with pytest.raises(AssertionError, match=complaint):
        audit(engine, folder / "journal")


def test_a_line_that_a_kill_cut_short_counts_as_not_written(tmp_path: Path) -> None:
    """A kill may leave part of a line; the next writer starts a new one."""
    journal = tmp_path / "journal"
    journal.write_bytes(b'{"what": "begun"}\n{"what": "se')

    assert [{"what": "begun"}] == lines_of(journal)
    assert b'{"what": "begun"}\n' == journal.read_bytes()
