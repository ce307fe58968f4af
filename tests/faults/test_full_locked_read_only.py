"""A database that is full, locked or read-only: a clear error, nothing half-done, and all is well once it is over.

Nothing is simulated: the database itself refuses.
"""

import resource
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.delivery import deliver
from datashare.domain.agreements import EndCause, Tab
from datashare.domain.notices import Notice
from datashare.errors import StoreError, StoreUnavailable
from datashare.ports import Delivered, NoticeStatus, SendResult
from datashare.service import GroupSide, Outcomes
from tests.world import ANA, MIS, TRUST, World, large_world

from .audit import read_tables
from .clear_errors import unavailable
from .worker import disposing, engine_for

MANY, FEW = 200, 5
SHORT_WAIT = timedelta(milliseconds=50)


def trust_on(engine: Engine, world: World) -> GroupSide:
    """Return the trust's side over a store on an engine."""
    return world.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)


def ask(engine: Engine, world: World, urns: Sequence[int]) -> Outcomes:
    """Ask schools, each time under the same command id."""
    return trust_on(engine, world).request(urns, level=MIS, command_id="ask")


def assert_done_first_time(outcomes: Outcomes, urns: Sequence[int]) -> None:
    """Check that a repeated action is now done at every school, and that nothing of it was done before."""
    assert list(urns) == [outcome.urn for outcome in outcomes.done if not outcome.replayed]


@contextmanager
def few_pages(path: Path) -> Iterator[Engine]:
    """Let the file grow by a few pages only; SQLite then says what it says on a full disk."""
    with disposing(sqlite_engine(path)) as engine:

        @event.listens_for(engine, "connect")
        def limit(connection: sqlite3.Connection, _record: object) -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + 5}")

        yield engine


@contextmanager
def small_files(path: Path) -> Iterator[Engine]:
    """Let no file of this process grow; the operating system then refuses in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with disposing(sqlite_engine(path)) as engine:  # to dispose writes too, and fails
            yield engine
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.rule("K1", "O2", "T2")
@pytest.mark.parametrize("full", [few_pages, small_files])
def test_a_full_disk_saves_nothing_of_an_action(
    file: Path, full: Callable[[Path], AbstractContextManager[Engine]]
) -> None:
    """SQLite finds no room in the middle of a bulk request: nothing of it is saved, and later all of it is."""
    world, urns = large_world(MANY)
    with disposing(sqlite_engine(file)) as engine:
        before = read_tables(engine)

    with full(file) as engine:
        with unavailable("database or disk is full", "disk I/O error"):
            ask(engine, world, urns)
        assert before == read_tables(engine)

    with disposing(sqlite_engine(file)) as engine:
        assert before == read_tables(engine)
        assert_done_first_time(ask(engine, world, urns), urns)
        rows = read_tables(engine)
    assert [MANY, MANY, 2 * MANY] == [len(rows[f"datashare_{name}"]) for name in ("agreements", "outcomes", "notices")]


def read_only(url: str) -> Engine:
    """Return an engine that can only read; the permission of a file would not stop an administrator."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = f"file:{parsed.database}?mode=ro"
        return create_engine("sqlite://", creator=lambda: sqlite3.connect(file, uri=True))
    return create_engine(url, connect_args={"options": "-c default_transaction_read_only=on"})


@pytest.mark.rule("K1", "O2", "T2")
def test_a_read_only_database_is_named_and_still_read(url: str) -> None:
    """What was saved can be read, and new work is refused, as on a server that follows another one after a failover."""
    world, urns = large_world(2 * FEW)
    with disposing(engine_for(url)) as engine, disposing(read_only(url)) as reading:
        create_schema(engine)
        trust_on(engine, world).request(urns[:FEW], level=MIS, command_id="earlier")
        before = read_tables(engine)

        with unavailable("attempt to write a readonly database", "cannot execute INSERT in a read-only transaction"):
            ask(reading, world, urns[FEW:])

        assert list(urns[:FEW]) == [row.urn for row in trust_on(reading, world).agreements(Tab.PENDING)]
        assert before == read_tables(engine)
        assert_done_first_time(ask(engine, world, urns[FEW:]), urns[FEW:])


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Hold SQLite's only write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.rule("K1", "O2", "T2")
def test_a_locked_file_is_named_after_the_wait(file: Path) -> None:
    """Another program writes for longer than the wait: nothing is saved; reading goes on, and later all is done."""
    world, urns = large_world(FEW)
    with disposing(sqlite_engine(file, wait=SHORT_WAIT)) as engine:
        before = read_tables(engine)
        with writing_to(file):
            with unavailable("database is locked"):
                ask(engine, world, urns)
            assert before == read_tables(engine)
            assert () == trust_on(engine, world).agreements(Tab.PENDING)

        assert_done_first_time(ask(engine, world, urns), urns)


@pytest.mark.rule("K1", "O2", "T2")
def test_locked_rows_of_postgresql_are_named_after_the_time_out(server: Engine) -> None:
    """Somebody else holds one of the agreements for longer than the wait: none of the action is saved."""
    world, urns = large_world(FEW)
    ask(server, world, urns)
    before = read_tables(server)
    impatient = create_engine(server.url, connect_args={"options": "-c lock_timeout=20ms"})

    def end() -> Outcomes:
        return trust_on(impatient, world).end(urns, cause=EndCause.BY_GROUP, note="Over.", command_id="end")

    with disposing(impatient):
        with server.connect() as other:
            other.execute(text("SELECT * FROM datashare_agreements WHERE urn = :urn FOR UPDATE"), {"urn": urns[0]})
            with unavailable("canceling statement due to lock timeout"):
                end()
            assert before == read_tables(server)

        assert_done_first_time(end(), urns)


class LockingNotifier:
    """A notifier that locks the file while it sends the first notice."""

    def __init__(self, file: Path, stack: ExitStack) -> None:
        self._file, self._stack = file, stack
        self.sent: list[str] = []

    def send(self, notice: Notice, /) -> SendResult:
        self.sent.append(notice.id)
        if len(self.sent) == 1:
            self._stack.enter_context(writing_to(self._file))
        return Delivered()


@pytest.mark.rule("O2", "O3", "O4")
def test_what_was_sent_and_could_not_be_recorded_is_sent_once_more(file: Path) -> None:
    """The file is locked between sending and recording: the notice stays leased, and is sent again later."""
    world, urns = large_world(FEW)
    with disposing(sqlite_engine(file, wait=SHORT_WAIT)) as engine:
        ask(engine, world, urns)
        store = SqlAgreementStore(engine)
        with ExitStack() as locked:
            notifier = LockingNotifier(file, locked)
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    deliver(store, notifier, clock=world.clock)
        assert notifier.sent == [notice.id for notice in store.notices(TRUST, status=NoticeStatus.LEASED)]

        early = deliver(store, notifier, clock=world.clock)
        world.clock.move_on(timedelta(hours=1))
        late = deliver(store, notifier, clock=world.clock)

        assert (2 * FEW - 1, 1) == (early.delivered, late.delivered)
        assert notifier.sent[0] == notifier.sent[-1]
        assert 2 * FEW == len(set(notifier.sent)) == len(notifier.sent) - 1
        assert 2 * FEW == len(store.notices(TRUST, status=NoticeStatus.DELIVERED))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The folder does not exist: the error says so, when the store is first used and when the tables are created."""
    world, urns = large_world(FEW)
    with disposing(sqlite_engine(tmp_path / "nowhere" / "agreements.db")) as engine:
        for use in (lambda: ask(engine, world, urns), lambda: create_schema(engine)):
            with pytest.raises(StoreError, match=r"unable to open database file\. Check that the folder") as raised:
                use()
            assert not isinstance(raised.value, StoreUnavailable)
