"""The outbox on a connection: list, lease, settle, requeue and purge notices (rules O)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from datashare.domain.instants import Instant, instant_text, later_by
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.ports import (
    LONGEST_LEASE,
    LONGEST_WAIT,
    LeasedNotice,
    NoticeStatus,
    Settlement,
    StoredNotice,
    Unreadable,
)
from datashare.ports.outbox import OPEN
from datashare.rows import NoticeRow, key_of, to_leases, to_stored_notices

from ._bulk import bound
from ._tables import notices

MOST_IDS = 10_000
"""The most notices that one statement names."""


NOTICE_COLUMNS = tuple(
    # As they are kept: SQLAlchemy raises an error of its own at a damaged truth value.
    sa.type_coerce(column, sa.Integer) if isinstance(column.type, sa.Boolean) else column
    for column in notices.columns
)


def listed(connection: sa.Connection, group: GroupId | None, status: NoticeStatus | None) -> list[StoredNotice]:
    """List the notices of a group, or of all groups, by due instant, then id."""
    statement = sa.select(*NOTICE_COLUMNS).order_by(notices.c.due_at, notices.c.id)
    if group is not None:
        statement = statement.where(notices.c.group_id == str(group))
    elif status in OPEN:
        statement = statement.where(notices.c.is_open)  # which has an index
    if status is not None:
        statement = statement.where(notices.c.status == status.value)
    return to_stored_notices(map(NoticeRow._make, connection.execute(statement)))


def lease(connection: sa.Connection, *, now: Instant, until: Instant, limit: int) -> list[LeasedNotice | Unreadable]:
    """Lease notices that are due, the longest due first; those that another worker is leasing are passed over."""
    leases = to_leases(_all_due(connection, now, limit), limit)
    ends = instant_text(until)
    leased = [
        {**_key_values(lease.notice), "name": lease.lease, "ends": ends}
        for lease in leases
        if isinstance(lease, LeasedNotice)
    ]
    if leased:
        connection.execute(_LEASE, leased)
    return leases


def _key_values(notice: Notice) -> dict[str, object]:
    group, urn = key_of(notice.agreement)
    return {"of_group": group, "of_urn": urn, "of_id": notice.id}


def _all_due(connection: sa.Connection, now: Instant, limit: int) -> Iterator[NoticeRow]:
    """Read what is due, so many rows at a time, and further ones only if some could not be read."""
    last: NoticeRow | None = None
    while rows := connection.execute(_due(now, limit, after=last)).all():
        for last in map(NoticeRow._make, rows):
            yield last


def _due(now: Instant, limit: int, *, after: NoticeRow | None = None) -> sa.Select[Any]:
    present = instant_text(now)
    statement = (
        sa.select(*NOTICE_COLUMNS)
        .where(
            notices.c.is_open,
            sa.or_(
                sa.and_(notices.c.leased_until.is_(None), sa.or_(notices.c.due_at <= present, _is_put_off(now))),
                notices.c.leased_until <= present,
                _is_held(now),
            ),
        )
        .order_by(notices.c.due_at, notices.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return statement if after is None else statement.where(_comes_after(after))


def _comes_after(row: NoticeRow) -> sa.ColumnElement[bool]:
    last_due_at = bound(row.due_at)
    later_id = sa.and_(notices.c.due_at == last_due_at, notices.c.id > bound(row.id))
    return sa.or_(notices.c.due_at > last_due_at, later_id)


def _is_put_off(now: Instant) -> sa.ColumnElement[bool]:
    """Return the condition that a clock that was fast has put the notice off."""
    return notices.c.due_at > instant_text(later_by(now, LONGEST_WAIT))


def _is_held(now: Instant) -> sa.ColumnElement[bool]:
    """Return the condition that a clock that was fast has leased the notice."""
    return notices.c.leased_until > instant_text(later_by(now, LONGEST_LEASE))


def _is(group: object, urn: object, notice: object) -> sa.ColumnElement[bool]:
    """Return the condition for one notice, which its key or parameters name."""
    return sa.and_(notices.c.group_id == group, notices.c.urn == urn, notices.c.id == notice)


_LEASE = (
    sa.update(notices)
    .where(_is(sa.bindparam("of_group"), sa.bindparam("of_urn"), sa.bindparam("of_id")))
    .values(
        status=NoticeStatus.LEASED.value,
        lease=sa.bindparam("name"),
        leased_until=sa.bindparam("ends"),
        attempts=notices.c.attempts + 1,
    )
)


def settle(connection: sa.Connection, leased: LeasedNotice, outcome: Settlement) -> bool:
    """Record what became of a notice, if this lease of it is the present one; return whether it was."""
    values: dict[str, object] = {
        "status": outcome.status.value,
        "is_open": outcome.status is NoticeStatus.WAITING,
        "error": outcome.error,
        "settled_at": outcome.settled_at and instant_text(outcome.settled_at),
        "lease": None,
        "leased_until": None,
    }
    if outcome.due_at:
        values["due_at"] = instant_text(outcome.due_at)
    own = _is(*key_of(leased.notice.agreement), leased.notice.id)
    return _changed(connection, sa.update(notices).where(own, notices.c.lease == leased.lease).values(**values)) == 1


def requeue(connection: sa.Connection, group: GroupId, ids: Sequence[str], due_at: Instant) -> int:
    """Let notices wait again that were given up and not purged, or are held by a fast clock; return how many."""
    waiting = {
        "lease": None,
        "leased_until": None,
        "status": NoticeStatus.WAITING.value,
        "is_open": True,
        "due_at": instant_text(due_at),
        "attempts": 0,
        "settled_at": None,
    }
    stopped = sa.and_(notices.c.status == NoticeStatus.GIVEN_UP.value, notices.c.text.is_not(None))
    put_off = sa.and_(notices.c.status == NoticeStatus.WAITING.value, _is_put_off(due_at))
    chosen = sa.update(notices).where(notices.c.group_id == str(group), sa.or_(stopped, put_off, _is_held(due_at)))
    parts = (ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS))
    return sum(_changed(connection, chosen.where(notices.c.id.in_(part)).values(**waiting)) for part in parts)


def purge(connection: sa.Connection, before: Instant, after: Instant, undelivered: Instant, now: Instant) -> int:
    """Erase what was settled before one instant or after another, then give up what was due before a third."""
    is_late, is_ahead = notices.c.due_at < instant_text(undelivered), notices.c.due_at > instant_text(after)
    # A clock that was fast settled it. What that clock gave up may be new.
    is_old = sa.or_(notices.c.status != NoticeStatus.GIVEN_UP.value, is_late, is_ahead)
    settled_ahead = sa.and_(notices.c.settled_at > instant_text(after), is_old)
    old = sa.update(notices).where(
        sa.or_(notices.c.settled_at < instant_text(before), settled_ahead), notices.c.text.is_not(None)
    )
    # The error goes too: what the other side said may quote an address.
    purged = _changed(connection, old.values(text=None, error=None))
    given_up = sa.update(notices).where(notices.c.is_open, is_late)
    connection.execute(
        given_up.values(
            status=NoticeStatus.GIVEN_UP.value,
            is_open=False,
            settled_at=instant_text(now),
            lease=None,
            leased_until=None,
        )
    )
    return purged


def _changed(connection: sa.Connection, statement: sa.Update) -> int:
    return connection.execute(statement).rowcount
