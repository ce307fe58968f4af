"""A SQLite file that is only read stays as it is, and nothing is left beside it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.errors import Misconfigured, SchemaMismatch, StoreError, StoreUnavailable
from datashare.testing.changes import TRUST, asked

from .databases import disposing


@contextmanager
def opened(file: Path, *, read_only: bool = True) -> Iterator[SqlAgreementStore]:
    """Open a store on a file, and close the file afterwards."""
    with disposing(sqlite_engine(file, read_only=read_only)) as engine:
        if not read_only:
            create_schema(engine)
        yield SqlAgreementStore(engine)


@pytest.fixture(params=["agreements.db", "Größe #1 100%25?.db"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Build a file that holds an agreement, under a plain name and an awkward one."""
    path = tmp_path / str(request.param)
    with opened(path, read_only=False) as store:
        store.append([asked()])
    return path


def beside(file: Path) -> dict[str, bytes]:
    """Return what is in the file's folder, to the byte."""
    return {path.name: path.read_bytes() for path in file.parent.iterdir()}


@pytest.mark.parametrize("mode", [0o644, 0o444], ids=oct)
def test_a_file_is_read_without_a_trace(file: Path, mode: int) -> None:
    """No byte changes, no log is made beside it, and a write-protected copy is read as well."""
    file.chmod(mode)
    before = beside(file)
    with opened(file) as store:
        assert [asked().after] == store.states(TRUST)
        assert asked().events == tuple(store.group_history(TRUST))
        assert before == beside(file)

    assert before == beside(file)


def test_what_would_write_is_refused(file: Path) -> None:
    """The error says so, and the file stays as it is."""
    before = beside(file)
    with opened(file) as store, pytest.raises(StoreUnavailable, match="readonly"):
        store.append([asked(urn=100_001)])

    assert before == beside(file)


def test_what_a_host_has_just_saved_is_read(file: Path) -> None:
    """While somebody has the file open, the log beside it counts too, and each call looks again."""
    with opened(file) as reading:
        assert [asked().after] == reading.states(TRUST)
        with opened(file, read_only=False) as writing:
            changed = asked(urn=100_001)
            writing.append([changed])

            assert file.with_name(f"{file.name}-wal").stat().st_size > 0
            assert changed.after in reading.states(TRUST)


def test_a_change_that_broke_off_is_not_read(file: Path, tmp_path: Path) -> None:
    """Where a journal lies beside a file that was copied amid a change, the unfinished change is not read."""
    copy = tmp_path / "copy" / "agreements.db"
    copy.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("CREATE TABLE filling (text TEXT)")
        connection.execute("INSERT INTO filling SELECT hex(randomblob(5000)) FROM datashare_events")
        connection.commit()
        connection.execute("UPDATE datashare_agreements SET version = 9")
        connection.execute("UPDATE filling SET text = hex(randomblob(50000))")
        for log in ("", "-journal"):
            shutil.copy(file.with_name(f"{file.name}{log}"), copy.with_name(f"{copy.name}{log}"))

    with opened(copy) as store, pytest.raises(StoreUnavailable):
        store.states(TRUST)


def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    """It has no tables, and gets none."""
    file = tmp_path / "empty.db"
    file.touch()
    with opened(file) as store, pytest.raises(SchemaMismatch):
        store.states(TRUST)

    assert {"empty.db": b""} == beside(file)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The error says what to check."""
    with opened(tmp_path / "gone.db") as store, pytest.raises(StoreError, match="Check that the folder"):
        store.states(TRUST)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [None, "yes", 1])
def test_read_only_is_true_or_false(tmp_path: Path, value: Any) -> None:  # noqa: ANN401 - what is tested
    """Anything else is refused when the engine is made."""
    with pytest.raises(Misconfigured, match="read_only must be True or False"):
        sqlite_engine(tmp_path / "x.db", read_only=value)
