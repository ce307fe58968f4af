"""A whole store of agreements on the standard library's sqlite3, as an example for authors of stores.

create_tables(connect("agreements.db"))
store = SqliteStore(partial(connect, "agreements.db"))  # each call is a transaction of its own
store = SqliteStore(connection)  # each call is part of the host's transaction on this connection
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from datashare import errors, rows
from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import BEFORE_THE_FIRST, Chain
from datashare.domain.instants import Instant, instant_text, later_by, to_instant
from datashare.domain.register import GroupId
from datashare.domain.validation import require_urn
from datashare.ports import (
    LONGEST_LEASE,
    LONGEST_WAIT,
    Change,
    LeasedNotice,
    Loaded,
    NoticeStatus,
    Settlement,
    StoredNotice,
    Unreadable,
    arguments,
    readable,
)
from datashare.rows import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, key_of

_T = TypeVar("_T")

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE agreements (group_id TEXT NOT NULL, urn INT NOT NULL, version INT NOT NULL, head TEXT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (group_id, urn));
CREATE INDEX agreements_by_school ON agreements (urn);
CREATE TABLE events (group_id TEXT NOT NULL, urn INT NOT NULL, sequence INT NOT NULL, at TEXT NOT NULL,
    hash TEXT NOT NULL, text TEXT NOT NULL, erasable TEXT, PRIMARY KEY (group_id, urn, sequence));
CREATE TABLE outcomes (group_id TEXT NOT NULL, command_id TEXT NOT NULL, urn INT NOT NULL, request INT,
    shared_digest TEXT NOT NULL, own_digest TEXT NOT NULL, first_sequence INT NOT NULL, last_sequence INT NOT NULL,
    cautions TEXT NOT NULL, PRIMARY KEY (group_id, command_id, urn));
CREATE TABLE notices (group_id TEXT NOT NULL, urn INT NOT NULL, id TEXT NOT NULL, request INT, asks INT NOT NULL,
    status TEXT NOT NULL, is_open INT NOT NULL, due_at TEXT NOT NULL, attempts INT NOT NULL, error TEXT,
    settled_at TEXT, lease TEXT, leased_until TEXT, text TEXT, PRIMARY KEY (group_id, urn, id));
CREATE INDEX notices_by_due ON notices (due_at) WHERE is_open;
CREATE TABLE registers (group_id TEXT NOT NULL PRIMARY KEY, day TEXT NOT NULL);
"""


def connect(file: str | Path) -> sqlite3.Connection:
    """Open a file; the caller begins and ends transactions, and waits 30 seconds for another writer."""
    connection = sqlite3.connect(file, timeout=30, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")  # what was erased is overwritten
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file, and close the connection."""
    with closing(connection):
        connection.executescript(SCHEMA)


class SqliteStore:
    """Agreements in a SQLite file: an `AgreementStore` and an `Outbox`, which say what each method promises."""

    def __init__(self, source: Callable[[], sqlite3.Connection] | sqlite3.Connection) -> None:
        """Open a connection for each call, or work on a connection of the host's, within its transaction."""
        self._source = source

    @property
    def in_host_transaction(self) -> bool:
        return isinstance(self._source, sqlite3.Connection)

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Do all of a call or nothing: in a transaction of its own, or in a savepoint of the host's."""
        with self._errors():
            if isinstance(self._source, sqlite3.Connection):
                with _savepoint(self._source) if kind == "IMMEDIATE" else nullcontext():
                    yield self._source
            else:
                with closing(self._source()) as db, db:  # commits, or rolls back if something is raised
                    db.execute(f"BEGIN {kind}")
                    yield db

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise an error of the library for each of SQLite's."""
        try:
            yield
        except sqlite3.Error as error:
            meant = _store_error(error, self.in_host_transaction)
            quotes_row = isinstance(meant, errors.StoreUnreadable)
            try:
                raise meant from (None if quotes_row else error)
            finally:
                if quotes_row:
                    meant.__context__ = None

    def _rows(self, kind: Callable[..., _T], query: str, *values: object) -> Iterator[_T]:
        """Stream rows of a kind, all of one moment."""
        with self._transaction("DEFERRED") as db:
            yield from (kind(*row) for row in db.execute(query, values))

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        wanted = arguments.require_ids(ids, command_id)
        if not wanted:
            return Loaded(agreements={}, outcomes=())
        group, urns = str(wanted[0].group), json.dumps([agreement.urn for agreement in wanted])
        states = "SELECT * FROM agreements WHERE group_id = ? AND urn IN (SELECT value FROM json_each(?))"
        recorded = "SELECT * FROM outcomes WHERE group_id = ? AND command_id = ? ORDER BY urn"
        caused = """SELECT events.* FROM outcomes JOIN events USING (group_id, urn) WHERE group_id = ?
            AND command_id = ? AND sequence BETWEEN first_sequence AND last_sequence ORDER BY urn, sequence"""
        with self._transaction("DEFERRED") as db:  # one moment for all three
            agreements = [AgreementRow(*row) for row in db.execute(states, (group, urns))]
            outcomes = [OutcomeRow(*row) for row in db.execute(recorded, (group, command_id))]
            events = [EventRow(*row) for row in db.execute(caused, (group, command_id))]
        by_urn = {urn: list(own) for urn, own in groupby(events, lambda row: row.urn)}
        return rows.to_loaded(agreements, [(row, by_urn.get(row.urn, ())) for row in outcomes])

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        prepared = [rows.prepare(change) for change in arguments.require_changes(changes)]
        keys = json.dumps([row.key for row in prepared])
        present = """SELECT agreements.* FROM json_each(?) AS key JOIN agreements
            ON group_id = json_extract(key.value, '$[0]') AND urn = json_extract(key.value, '$[1]')"""
        cancel = """UPDATE notices SET status = 'cancelled', is_open = 0, settled_at = ?, lease = NULL,
            leased_until = NULL WHERE group_id = ? AND urn = ? AND request = ? AND asks AND status <> 'delivered'"""
        absent = AgreementRow("", 0, 0, BEFORE_THE_FIRST, "")
        with self._transaction() as db:  # nobody else writes until it ends
            standing = {row[:2]: AgreementRow(*row) for row in db.execute(present, (keys,))}
            pairs = [(row, standing.get(row.key, absent)) for row in prepared]
            won = [(row, before) for row, before in pairs if row.change.decided_on == before.version]
            written = [row.chained_to(before.head) for row, before in won]
            winners = [row for row, _ in won]
            closed = [(row, row.change.closes.number) for row in winners if row.change.closes]
            cancelled = [(instant_text(row.change.now), *row.key, number) for row, number in closed]
            _insert(db, "REPLACE INTO agreements", [agreement for agreement, _ in written])
            _insert(db, "INSERT INTO events", [event for _, events in written for event in events])
            _insert(db, "INSERT OR IGNORE INTO outcomes", [row.outcome for row in winners])  # the first stays (K4)
            asking = self._asking(db, [(*row.key, number) for row, number in closed if row.reads_asking])
            db.executemany(cancel, cancelled)
            _insert(db, "INSERT INTO notices", [own for row in winners for own in row.notices(asking[row.key])])
        return frozenset(row.change.id for row in prepared) - {row.change.id for row in winners}

    def _asking(
        self, db: sqlite3.Connection, requests: Sequence[tuple[str, int, int]]
    ) -> Mapping[Key, list[NoticeRow]]:
        """Return the notices that ask for an answer to some requests, by agreement."""
        query = """SELECT notices.* FROM json_each(?) AS key JOIN notices ON group_id = json_extract(key.value, '$[0]')
            AND urn = json_extract(key.value, '$[1]') AND request = json_extract(key.value, '$[2]') WHERE asks"""
        asking = defaultdict[Key, list[NoticeRow]](list)
        for row in db.execute(query, (json.dumps(requests),)):
            asking[row[:2]].append(NoticeRow(*row))
        return asking

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        query = "SELECT * FROM agreements WHERE group_id = ? ORDER BY urn"
        return rows.to_states(self._rows(AgreementRow, query, str(arguments.require_group(group))))

    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        query = "SELECT * FROM agreements WHERE urn = ? ORDER BY group_id"
        return rows.to_states(self._rows(AgreementRow, query, require_urn(urn)))

    def groups(self) -> Sequence[GroupId]:
        return rows.to_groups(self._rows(lambda group: group, "SELECT DISTINCT group_id FROM agreements"))

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        query = "SELECT * FROM events WHERE group_id = ? AND urn = ? ORDER BY sequence"
        return map(rows.to_event, self._rows(EventRow, query, *key_of(arguments.require_agreement(agreement))))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        query = "SELECT * FROM events WHERE group_id = ? ORDER BY at, urn, sequence"
        return map(rows.to_event, self._rows(EventRow, query, str(arguments.require_group(group))))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        # A union, since either row may be missing. The row without a sequence is the state's, and comes first.
        query = """SELECT group_id, urn, NULL AS sequence, version, head, state, NULL FROM agreements
            WHERE group_id = coalesce(?, group_id) UNION ALL SELECT * FROM events WHERE group_id = coalesce(?, group_id)
            ORDER BY group_id, urn, sequence"""
        of_group = arguments.require_group_or_all(group)
        return rows.to_chains(self._rows(_chain_row, query, *[of_group and str(of_group)] * 2))

    def last_register(self, group: GroupId, /) -> date | None:
        query = "SELECT max(day) FROM registers WHERE group_id = ?"
        (row,) = self._rows(lambda *row: row, query, str(arguments.require_group(group)))
        return None if row[0] is None else rows.to_register_day(group, row[0])

    def note_register(self, group: GroupId, day: date, /) -> None:
        group, day = arguments.require_register(group, day)
        note = "INSERT INTO registers VALUES (?, ?) ON CONFLICT DO UPDATE SET day = max(day, excluded.day)"
        with self._transaction() as db:
            db.execute(note, (str(group), day.isoformat()))

    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        of_group, wanted = arguments.require_group_or_all(group), arguments.require_status(status)
        query = """SELECT * FROM notices WHERE group_id = coalesce(?, group_id) AND status = coalesce(?, status)
            ORDER BY due_at, id"""
        values = of_group and str(of_group), wanted and wanted.value
        return rows.to_stored_notices(self._rows(NoticeRow, query, *values))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        now, until, limit = arguments.require_lease(now, until, limit)
        self._require_own_transaction()
        due = """SELECT * FROM notices WHERE is_open
            AND (coalesce(leased_until, due_at) <= ? OR leased_until > ? OR lease IS NULL AND due_at > ?)
            ORDER BY due_at, id"""
        lease = """UPDATE notices SET status = 'leased', lease = ?, leased_until = ?, attempts = attempts + 1
            WHERE group_id = ? AND urn = ? AND id = ?"""
        with self._transaction() as db:
            # Without a limit in the query: what cannot be read is passed over, and counts as none.
            values = (instant_text(now), *_too_far_ahead(now))
            leases = rows.to_leases((NoticeRow(*row) for row in db.execute(due, values)), limit)
            ends = instant_text(until)
            held = (
                (leased.lease, ends, *key_of(leased.notice.agreement), leased.notice.id) for leased in readable(leases)
            )
            db.executemany(lease, held)
        return leases

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        leased, outcome = arguments.require_settlement(leased, outcome)
        self._require_own_transaction()
        settle = """UPDATE notices SET status = ?, is_open = ?, due_at = coalesce(?, due_at), settled_at = ?, error = ?,
            lease = NULL, leased_until = NULL WHERE group_id = ? AND urn = ? AND id = ? AND lease = ?"""
        due_at, settled_at = (at and instant_text(at) for at in (outcome.due_at, outcome.settled_at))
        values = (outcome.status.value, outcome.status is NoticeStatus.WAITING, due_at, settled_at, outcome.error)
        with self._transaction() as db:
            held = (*key_of(leased.notice.agreement), leased.notice.id, leased.lease)
            return db.execute(settle, (*values, *held)).rowcount == 1

    def _require_own_transaction(self) -> None:
        if self.in_host_transaction:
            raise errors.Misconfigured("The store", self, "outside the host's transactions to lease and settle notices")

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        of_group, ids = str(arguments.require_group(group)), json.dumps(arguments.require_notices(notices))
        requeue = """UPDATE notices SET status = 'waiting', is_open = 1, due_at = ?, attempts = 0, settled_at = NULL,
            lease = NULL, leased_until = NULL WHERE group_id = ? AND id IN (SELECT value FROM json_each(?))
            AND (status = 'given_up' AND text IS NOT NULL OR leased_until > ? OR status = 'waiting' AND due_at > ?)"""
        due_at = to_instant(due_at, "due_at")
        values = (instant_text(due_at), of_group, ids, *_too_far_ahead(due_at))
        with self._transaction() as db:
            return db.execute(requeue, values).rowcount

    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        bounds = arguments.require_purge(settled_before, undelivered_before, now)
        before, after, undelivered, present = map(instant_text, bounds)
        # A clock that was fast settled what lies after. What that clock gave up may be new.
        purge = """UPDATE notices SET text = NULL, error = NULL WHERE text IS NOT NULL AND (settled_at < ?
            OR settled_at > ? AND (status <> 'given_up' OR due_at < ? OR due_at > ?))"""
        give_up = """UPDATE notices SET status = 'given_up', is_open = 0, settled_at = ?, lease = NULL,
            leased_until = NULL WHERE is_open AND due_at < ?"""
        with self._transaction() as db:
            purged = db.execute(purge, (before, after, undelivered, after)).rowcount
            db.execute(give_up, (present, undelivered))
        self._overwrite_log()
        return purged

    def _overwrite_log(self) -> None:
        """Empty the log, which holds the pages as they were, unless somebody reads meanwhile."""
        if not isinstance(self._source, sqlite3.Connection):
            with self._errors(), closing(self._source()) as db:
                db.execute("PRAGMA busy_timeout = 0")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _too_far_ahead(now: Instant) -> tuple[str, str]:
    """Return the instants after which leases and waits come from a clock that was fast."""
    return instant_text(later_by(now, LONGEST_LEASE)), instant_text(later_by(now, LONGEST_WAIT))


def _insert(db: sqlite3.Connection, into: str, values: Sequence[tuple[object, ...]]) -> None:
    if values:
        db.executemany(f"{into} VALUES ({', '.join('?' * len(values[0]))})", values)


def _chain_row(group: str, urn: int, sequence: int | None, *values: Any) -> AgreementRow | EventRow:
    return EventRow(group, urn, sequence, *values) if sequence is not None else AgreementRow(group, urn, *values[:3])


@contextmanager
def _savepoint(db: sqlite3.Connection) -> Iterator[None]:
    if not db.in_transaction:  # or the end of the savepoint would be a commit
        db.execute("BEGIN IMMEDIATE")
    db.execute("SAVEPOINT call")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK TO call")
        raise
    finally:
        db.execute("RELEASE call")


def _store_error(error: sqlite3.Error, in_host_transaction: bool) -> errors.StoreError:
    said = str(error)
    if said.startswith("Could not decode"):  # the words that follow quote the row
        return errors.StoreUnreadable("A row cannot be read; its text is not UTF-8.")
    if said.startswith(("no such table", "no such column")):
        return errors.SchemaMismatch(f"SQLite said: {said}. Create the tables.")
    if said.startswith("unable to open"):
        return errors.StoreError(f"SQLite said: {said}. Check that the folder exists.")
    if in_host_transaction and "locked" in said:  # another writer was first
        return errors.TransactionLost(f"SQLite said: {said}.")
    kind = errors.StoreUnavailable if isinstance(error, sqlite3.OperationalError) else errors.StoreError
    return kind(f"SQLite said: {said}.")
