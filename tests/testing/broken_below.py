"""Stores on a SQLite file, each of which breaks a promise that only what lies below it shows."""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path

import attrs

from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.errors import StoreError, StoreUnreadable
from datashare.ports import Change, LeasedNotice, Loaded, NoticeStatus, StoredNotice, Unreadable, readable
from datashare.rows import key_of, prepare
from examples import sqlite_store
from examples.sqlite_store import SqliteStore, connect


def open_store(kind: type[SqliteStore], file: Path) -> SqliteStore:
    """Make a store of a kind on a file."""
    return kind(partial(connect, file))


def failing_on(kind: type[SqliteStore], file: Path, number: int) -> SqliteStore:
    """Make a store of a kind on a file, with connections of which the n-th statement that writes fails."""
    writes = count(1)

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            return super().execute(fail(sql), *values)  # type: ignore[arg-type]

        def executemany(self, sql: str, rows: Iterable[object], /) -> sqlite3.Cursor:
            return super().executemany(fail(sql), rows)  # type: ignore[arg-type]

    def fail(sql: str) -> str:
        if sql.startswith(("INSERT", "UPDATE", "REPLACE")) and next(writes) == number:
            raise sqlite3.OperationalError("database or disk is full")
        return sql

    return kind(lambda: sqlite3.connect(file, timeout=30, isolation_level=None, factory=Failing))


_TEXTS = {
    "state": "agreements SET state",
    "event": "events SET text",
    "outcome": "outcomes SET cautions",
    "notice": "notices SET text",
}


def damage_rows(file: Path, what: str, agreement: AgreementId) -> None:
    """Make the rows of a kind of one agreement unreadable."""
    with closing(connect(file)) as connection:
        connection.execute(f"UPDATE {_TEXTS[what]} = '{{}}' WHERE (group_id, urn) = (?, ?)", key_of(agreement))


class TwoCommits(SqliteStore):
    """1. Saves the notices in a transaction of their own."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        losers = super().append([attrs.evolve(change, notices=()) for change in changes])
        notices = [row for change in changes if change.id not in losers for row in prepare(change).pending]
        with self._transaction() as db:
            sqlite_store._insert(db, "INSERT INTO notices", notices)
        return losers


class Autocommitting(SqliteStore):
    """1. Commits each statement by itself, and keeps other threads away with a lock of this process."""

    lock = threading.RLock()

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        assert not isinstance(self._source, sqlite3.Connection), kind
        try:
            with self.lock, closing(self._source()) as db:
                yield db
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error


class Pretending(SqliteStore):
    """12. Answers that everything was saved where what lies below failed."""

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        with suppress(StoreError):
            return super().append(changes)
        return frozenset()


class Caching(SqliteStore):
    """3. Remembers the states that it loaded."""

    def __init__(self, *source: object) -> None:
        super().__init__(*source)  # type: ignore[arg-type]
        self.loaded = dict[AgreementId, Agreement]()

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = super().load(ids, command_id=command_id)
        self.loaded = {**loaded.agreements, **self.loaded}
        return attrs.evolve(loaded, agreements={key: self.loaded[key] for key in ids if key in self.loaded})

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        self.loaded.clear()
        return super().append(changes)


class CachingNotices(SqliteStore):
    """Outbox 6. Remembers the notices that it listed until it changes some itself."""

    listed: dict[GroupId | None, Sequence[StoredNotice]]

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        if not hasattr(self, "listed"):
            self.listed = {}
        if status:
            return super().notices(group, status=status)
        return self.listed.setdefault(group, super().notices(group))

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        self.listed = {}
        return super().append(changes)

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        self.listed = {}
        return readable(super().lease(now=now, until=until, limit=limit))


class Committing(SqliteStore):
    """13. Commits the host's transaction with a small call."""

    def note_register(self, group: GroupId, day: date, /) -> None:
        super().note_register(group, day)
        if isinstance(self._source, sqlite3.Connection):
            self._source.commit()


class RollingBack(SqliteStore):
    """13. Ends the host's transaction after it has read."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        states = readable(super().states(group))
        if isinstance(self._source, sqlite3.Connection):
            self._source.rollback()
        return states


class Hiding(SqliteStore):
    """12. Leaves out what it cannot read."""

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        return readable(super().states(group))


class HidingGroups(SqliteStore):
    """18. Lists only the groups of which it can read something."""

    def groups(self) -> Sequence[GroupId]:
        return [group for group in super().groups() if readable(self.states(group))]


class HidingEvents(SqliteStore):
    """12. Ends a history before what it cannot read, as if that had been all."""

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        with suppress(StoreError):
            yield from super().history(agreement)


class HidingNotices(SqliteStore):
    """Outbox 6. Lists only the notices that it can read."""

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return [stored for stored in super().notices(group, status=status) if not stored.unreadable]


class Stopping(SqliteStore):
    """12. Answers nothing where one of many cannot be read."""

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        loaded = super().load(ids, command_id=command_id)
        if loaded.unreadable:
            raise StoreUnreadable("A row cannot be read.")
        return loaded


class StoppingLeases(SqliteStore):
    """Outbox 6. Leases nothing where one of many cannot be read."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        leased = super().lease(now=now, until=until, limit=limit)
        if any(isinstance(one, Unreadable) for one in leased):
            raise StoreUnreadable("A notice cannot be read.")
        return readable(leased)
