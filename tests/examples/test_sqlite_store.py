"""The store of the guide keeps both contracts, and answers as the store in memory does."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from datashare.errors import SchemaMismatch, StoreError, StoreUnreadable
from datashare.testing import (
    AgreementStoreContract,
    BrokenStores,
    CountRoundTrips,
    Damage,
    Erase,
    FailingWrite,
    InHostsTransaction,
    MakeStore,
    OutboxContract,
    StoreWithOutbox,
)
from datashare.testing.changes import AGREEMENT, NOW, OTHER_URN, TRUST, asked
from datashare.testing.comparison import compare_with_memory
from examples.sqlite_store import SqliteStore, connect, create_tables
from tests.testing.broken_below import damage_rows, failing_on, open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with empty tables."""
    create_tables(connect(tmp_path / "agreements.db"))
    return tmp_path / "agreements.db"


class TestSqliteStore(AgreementStoreContract, OutboxContract):
    """The store on a file."""

    rounds = 1
    steps = 40

    @pytest.fixture
    def store(self, file: Path) -> StoreWithOutbox:
        """Return an empty store."""
        return SqliteStore(partial(connect, file))

    @pytest.fixture
    def round_trips(self, monkeypatch: pytest.MonkeyPatch) -> CountRoundTrips:
        """Count the calls of every connection."""
        counted = list[str]()

        class Counting(sqlite3.Connection):
            def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
                counted.append(sql)
                return super().execute(sql, *values)  # type: ignore[arg-type]

            def executemany(self, sql: str, rows: Iterable[object], /) -> sqlite3.Cursor:
                counted.append(sql)
                return super().executemany(sql, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Counting))

        def count(call: Callable[[], object]) -> int:
            counted.clear()
            call()
            return len(counted)

        return count

    @pytest.fixture
    def broken_stores(self, tmp_path: Path) -> BrokenStores:
        """Return a store without tables, and one whose folder is not there."""
        errors = {"empty.db": SchemaMismatch, "nowhere/agreements.db": StoreError}
        return {SqliteStore(partial(connect, tmp_path / name)): error for name, error in errors.items()}

    @pytest.fixture
    def in_hosts_transaction(self, file: Path) -> InHostsTransaction:
        """Work on a connection, and end the transaction."""

        def work_and_end(work: Callable[[StoreWithOutbox], None], commits: bool) -> None:
            with closing(connect(file)) as connection:
                connection.execute("BEGIN")
                work(SqliteStore(connection))
                connection.execute("COMMIT" if commits else "ROLLBACK")

        return work_and_end

    @pytest.fixture
    def reopened(self, file: Path) -> MakeStore:
        """Open the file once more."""
        return partial(open_store, SqliteStore, file)

    @pytest.fixture
    def second_process(self, file: Path) -> MakeStore:
        """Open the file elsewhere; a function of a module can be pickled, a lambda cannot."""
        return partial(open_store, SqliteStore, file)

    @pytest.fixture
    def failing_write(self, file: Path) -> FailingWrite:
        """Open the file with connections of which the n-th statement that writes fails."""
        return partial(failing_on, SqliteStore, file)

    @pytest.fixture
    def damage(self, file: Path) -> Damage:
        """Write what a later version might have written."""
        return partial(damage_rows, file)

    @pytest.fixture
    def erase(self, file: Path) -> Erase:
        """Set the words of all events to NULL."""

        def erase() -> None:
            with closing(connect(file)) as connection:
                connection.execute("UPDATE events SET erasable = NULL")

        return erase


def test_it_answers_as_the_store_in_memory_does() -> None:
    """Whatever is called in whatever order, every answer is that of the store in memory."""
    with TemporaryDirectory() as folder:
        files = (Path(folder) / f"{number}.db" for number in range(1000))

        def empty_store() -> SqliteStore:
            file = next(files)
            create_tables(connect(file))
            return SqliteStore(partial(connect, file))

        drawn = settings(max_examples=5, stateful_step_count=25, deadline=None)
        compare_with_memory(empty_store, settings=drawn)("runTest").debug()


@pytest.mark.rule("O6")
def test_what_was_purged_stands_in_no_byte(file: Path) -> None:
    """Neither in the file nor in the files beside it."""
    store = SqliteStore(partial(connect, file))
    store.append([asked()])
    assert 0 == store.purge(settled_before=NOW, undelivered_before=NOW + timedelta(days=1))
    assert 2 == store.purge(settled_before=NOW + timedelta(days=2))

    assert [] == [found for found in file.parent.iterdir() if b"100000.example" in found.read_bytes()]


def test_an_error_says_what_to_do_next(tmp_path: Path, file: Path) -> None:
    """Missing tables, a file that cannot be opened and text that is not UTF-8 have errors of their own."""
    for name, kind in (("empty.db", SchemaMismatch), ("nowhere/agreements.db", StoreError)):
        with pytest.raises(kind, match="SQLite said"):
            SqliteStore(partial(connect, tmp_path / name)).states(TRUST)
    store = SqliteStore(partial(connect, file))
    store.append([asked(), asked(OTHER_URN)])
    with closing(connect(file)) as connection:
        connection.execute("UPDATE events SET text = CAST(x'68656164ff' AS TEXT)")

    with pytest.raises(StoreUnreadable, match="not UTF-8") as caught:
        list(store.history(AGREEMENT))
    assert "head" not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)  # SQLite's own error quotes the row
