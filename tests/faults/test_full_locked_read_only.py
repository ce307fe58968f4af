"""A database that is full, locked or read-only: a clear error, nothing half-done, and all well once it is over.

Nothing is feigned: the database itself refuses.
"""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine, create_engine, event, text

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.delivery import deliver
from datashare.domain.agreements import EndCause, Tab
from datashare.domain.notices import Notice
from datashare.errors import StoreError, StoreUnavailable
from datashare.ports import Delivered, NoticeStatus, SendResult
from datashare.service import GroupSide
from tests.world import ANA, MIS, TRUST, World, large_world

from .audit import picture

MANY, FEW = 200, 5
WHAT_TO_DO = "Try again later with the same command id, so that nothing is done twice."
WHAT_HAPPENED = "The agreement store cannot be reached, or is locked, full or read-only."


def acting(engine: Engine, world: World) -> GroupSide:
    """Act for the trust over a store on an engine."""
    return world.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)


def assert_clear(error: StoreUnavailable, *said: str) -> None:
    """Check that the message says what happened, what the database said, and what to do."""
    assert str(error).startswith(f"{WHAT_HAPPENED} The database said: ")
    assert str(error).endswith(WHAT_TO_DO)
    assert any(one in str(error) for one in said), str(error)


def assert_works(engine: Engine, world: World, urns: Sequence[int], command_id: str = "ask") -> None:
    """Repeat the request that failed: it is done now, at every school, for the first time."""
    outcomes = acting(engine, world).request(urns, level=MIS, command_id=command_id)
    assert list(urns) == [one.urn for one in outcomes.done]
    assert not any(one.replayed for one in outcomes.done)
    rows = picture(engine)
    assert len(urns) == len(rows["datashare_agreements"]) == len(rows["datashare_outcomes"])
    assert 2 * len(urns) == len(rows["datashare_notices"])


@contextmanager
def few_pages(path: Path) -> Iterator[Engine]:
    """Let the file grow by a few pages only: then SQLite says what it says on a full disk."""
    engine = sqlite_engine(path)

    @event.listens_for(engine, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")

    yield engine
    engine.dispose()


@contextmanager
def small_files(path: Path) -> Iterator[Engine]:
    """Let no file of this process grow: then the system refuses in the midst of a write."""
    engine = sqlite_engine(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        yield engine
    finally:
        engine.dispose()  # which also writes, and then cannot
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(path: Path) -> Iterator[Engine]:
    """Put the file on a disk of its own, in memory, and fill that with something else but for a few pages."""
    disk = path.with_name("disk")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=True)
    try:
        moved, engine = Path(shutil.copy(path, disk)), sqlite_engine(disk / path.name)
        picture(engine)  # makes the files that SQLite needs
        fill(disk / "ballast", leave=100_000)
        yield engine
        (disk / "ballast").unlink()
        engine.dispose()
        shutil.copy(moved, path)
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(ballast: Path, *, leave: int) -> None:
    """Write to a file until the disk is full, then leave a little room."""
    with ballast.open("wb", buffering=0) as output:
        with suppress(OSError):
            while True:
                output.write(bytes(4096))
        output.truncate(output.tell() - leave)


def may_mount() -> bool:
    """Say whether this process may mount a disk."""
    with TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=False, capture_output=True)
        return mounted.returncode == 0 and subprocess.run(["umount", folder], check=True).returncode == 0


WAYS_TO_BE_FULL = [few_pages, small_files, *([small_disk] if os.geteuid() == 0 and may_mount() else [])]
"""A disk of its own needs a privilege, and shows nothing that the other two do not."""


@pytest.mark.rule("K1", "O2", "T2")
@pytest.mark.parametrize("full", WAYS_TO_BE_FULL)
def test_a_full_disk_saves_nothing_of_an_action(
    file: Path, full: Callable[[Path], AbstractContextManager[Engine]]
) -> None:
    """SQLite finds no room in the midst of a bulk request: nothing of it is saved, and later all of it is."""
    world, urns = large_world(MANY)
    with engine_on(file) as engine:
        before = picture(engine)

    with full(file) as engine:
        with pytest.raises(StoreUnavailable) as caught:
            acting(engine, world).request(urns, level=MIS, command_id="ask")
        assert_clear(caught.value, "database or disk is full", "disk I/O error")
        assert before == picture(engine)

    with engine_on(file) as engine:
        assert before == picture(engine)
        assert_works(engine, world, urns)


@contextmanager
def engine_on(path: Path, *, wait: timedelta = timedelta(milliseconds=50)) -> Iterator[Engine]:
    """Give an engine for a file, and let the file go afterwards."""
    engine = sqlite_engine(path, wait=wait)
    yield engine
    engine.dispose()


@contextmanager
def read_only_file(path: Path) -> Iterator[Engine]:
    """Open a file for reading alone; the system's own permission would not stop an administrator."""
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(f"file:{path}?mode=ro", uri=True))
    yield engine
    engine.dispose()


@pytest.mark.rule("K1", "O2", "T2")
def test_a_read_only_file_is_told_and_still_read(file: Path) -> None:
    """What was saved can be read from a file that cannot be written to; what would be saved is refused."""
    world, urns = large_world(2 * FEW)
    with engine_on(file) as engine:
        acting(engine, world).request(urns[:FEW], level=MIS, command_id="earlier")
        before = picture(engine)

    with read_only_file(file) as engine:
        with pytest.raises(StoreUnavailable) as caught:
            acting(engine, world).request(urns[FEW:], level=MIS, command_id="ask")
        assert_clear(caught.value, "attempt to write a readonly database")
        assert list(urns[:FEW]) == [one.urn for one in acting(engine, world).agreements(Tab.PENDING)]

    with engine_on(file) as engine:
        assert before == picture(engine)
        assert FEW == len(acting(engine, world).request(urns[FEW:], level=MIS, command_id="ask").done)


@pytest.mark.rule("K1", "O2", "T2")
def test_a_read_only_postgresql_is_told_and_still_read(server: Engine) -> None:
    """So it is after a failover, on a server that only follows another one."""
    world, urns = large_world(2 * FEW)
    acting(server, world).request(urns[:FEW], level=MIS, command_id="earlier")
    before = picture(server)
    reading = create_engine(server.url, connect_args={"options": "-c default_transaction_read_only=on"})

    with pytest.raises(StoreUnavailable) as caught:
        acting(reading, world).request(urns[FEW:], level=MIS, command_id="ask")
    pending = acting(reading, world).agreements(Tab.PENDING)
    reading.dispose()

    assert_clear(caught.value, "cannot execute INSERT in a read-only transaction")
    assert list(urns[:FEW]) == [one.urn for one in pending]
    assert before == picture(server)
    assert FEW == len(acting(server, world).request(urns[FEW:], level=MIS, command_id="ask").done)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Hold SQLite's only write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.rule("K1", "O2", "T2")
def test_a_locked_file_is_told_after_the_wait(file: Path) -> None:
    """Another program writes for longer than is waited: nothing is saved; reading goes on, and later all is done."""
    world, urns = large_world(FEW)

    with engine_on(file) as engine:
        before = picture(engine)
        with writing_to(file):
            with pytest.raises(StoreUnavailable) as caught:
                acting(engine, world).request(urns, level=MIS, command_id="ask")
            assert before == picture(engine)
            assert () == acting(engine, world).agreements(Tab.PENDING)
        assert_clear(caught.value, "database is locked")
        assert_works(engine, world, urns)


@pytest.mark.rule("K1", "O2", "T2")
def test_locked_rows_of_postgresql_are_told_after_the_time_out(server: Engine) -> None:
    """Somebody else holds one of the agreements for longer than is waited: none of the action is saved."""
    world, urns = large_world(FEW)
    (first, *_) = acting(server, world).request(urns, level=MIS, command_id="ask").requests
    before = picture(server)
    waiting = create_engine(server.url, connect_args={"options": "-c lock_timeout=20ms"})

    with server.connect() as other:
        other.execute(text("SELECT * FROM datashare_agreements WHERE urn = :urn FOR UPDATE"), {"urn": first.urn})
        with pytest.raises(StoreUnavailable) as caught:
            acting(waiting, world).end(urns, cause=EndCause.BY_GROUP, note="Over.", command_id="end")
        assert before == picture(server)
    assert_clear(caught.value, "canceling statement due to lock timeout")
    ended = acting(waiting, world).end(urns, cause=EndCause.BY_GROUP, note="Over.", command_id="end")
    waiting.dispose()

    assert list(urns) == [one.urn for one in ended.done if not one.replayed]


class LockingNotifier:
    """A notifier during whose sending somebody else locks the database."""

    def __init__(self, lock: AbstractContextManager[None]) -> None:
        self._lock = lock
        self.sent: list[str] = []

    def send(self, notice: Notice, /) -> SendResult:
        self.sent.append(notice.id)
        if len(self.sent) == 1:
            self._lock.__enter__()
        return Delivered()


@pytest.mark.rule("O2", "O3", "O4")
def test_what_was_sent_and_could_not_be_recorded_is_sent_once_more(file: Path) -> None:
    """The database is locked between sending and recording: the notice stays leased, and is sent again later."""
    world, urns = large_world(FEW)
    with engine_on(file) as engine:
        acting(engine, world).request(urns, level=MIS, command_id="ask")
        store, lock = SqlAgreementStore(engine), writing_to(file)
        notifier = LockingNotifier(lock)

        with pytest.raises(StoreUnavailable):
            deliver(store, notifier, clock=world.clock)
        with pytest.raises(StoreUnavailable):
            deliver(store, notifier, clock=world.clock)
        lock.__exit__(None, None, None)
        assert notifier.sent == [one.id for one in store.notices(TRUST, status=NoticeStatus.LEASED)]

        early = deliver(store, notifier, clock=world.clock)
        world.clock.move_on(timedelta(hours=1))
        late = deliver(store, notifier, clock=world.clock)

        assert (2 * FEW - 1, 1) == (early.delivered, late.delivered)
        assert notifier.sent[0] == notifier.sent[-1]
        assert 2 * FEW == len(set(notifier.sent)) == len(notifier.sent) - 1
        assert 2 * FEW == len(store.notices(TRUST, status=NoticeStatus.DELIVERED))


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """The folder is not there: the error says so, when the store is first used and when the tables are made."""
    world, urns = large_world(FEW)
    with engine_on(tmp_path / "nowhere" / "agreements.db") as engine:
        with pytest.raises(StoreUnavailable) as caught:
            acting(engine, world).request(urns, level=MIS, command_id="ask")
        assert_clear(caught.value, "unable to open database file")
        with pytest.raises(StoreUnavailable, match="unable to open database file"):
            create_schema(engine)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """Trying again later would not help, so that is not what is said."""
    world, urns = large_world(FEW)
    path = tmp_path / "agreements.db"
    path.write_text("Dear reader, this is a letter.\n" * 100, encoding="utf-8")

    with engine_on(path) as engine, pytest.raises(StoreError, match="file is not a database") as caught:
        acting(engine, world).request(urns, level=MIS, command_id="ask")

    assert not isinstance(caught.value, StoreUnavailable)
    assert "Check the store" in str(caught.value)
