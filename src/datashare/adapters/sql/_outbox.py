"""The outbox on a connection: list, lease, settle, requeue and purge notices (rules O)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from datashare.domain.instants import Instant, instant_text
from datashare.domain.register import GroupId
from datashare.errors import StoreError
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, StoredNotice
from datashare.rows import NoticeRow, key_of, to_notice, to_stored_notice

from ._tables import notices

MOST_IDS = 10_000
"""The most notices that one statement names."""


def listed(connection: sa.Connection, group: GroupId, status: NoticeStatus | None) -> list[StoredNotice]:
    """List the notices of a group, by due instant, then id."""
    statement = sa.select(notices).where(notices.c.group_id == str(group)).order_by(notices.c.due_at, notices.c.id)
    if status is not None:
        statement = statement.where(notices.c.status == status.value)
    return [to_stored_notice(NoticeRow._make(row)) for row in connection.execute(statement)]


def lease(connection: sa.Connection, *, now: Instant, until: Instant, limit: int) -> list[LeasedNotice]:
    """Lease notices that are due, the longest due first; those that another worker is leasing are passed over."""
    while rows := connection.execute(_due(instant_text(now), limit)).all():
        leased = {(row.group_id, row.urn, row.id): notice for row in rows if (notice := _leased(connection, row, now))}
        if leased:
            ends = instant_text(until)
            connection.execute(
                _LEASE,
                [
                    {"of_group": group, "of_urn": urn, "of_id": number, "name": notice.lease, "ends": ends}
                    for (group, urn, number), notice in leased.items()
                ],
            )
            return list(leased.values())
    return []


def _leased(connection: sa.Connection, row: sa.Row[Any], now: Instant) -> LeasedNotice | None:
    """Read a notice that is to be leased; give up one that cannot be read, so that the others go on (O3)."""
    try:
        notice = to_notice(NoticeRow._make(row))
    except StoreError as error:
        own = _is(row.group_id, row.urn, row.id)
        given_up = {"status": NoticeStatus.GIVEN_UP.value, "is_open": False, "settled_at": instant_text(now)}
        connection.execute(sa.update(notices).where(own).values(**given_up, error=error.why))
        return None
    return LeasedNotice(notice=notice, lease=secrets.token_hex(16), attempts=row.attempts + 1)


def _due(now: str, limit: int) -> sa.Select[Any]:
    return (
        sa.select(notices)
        .where(
            notices.c.is_open,
            notices.c.due_at <= now,
            sa.or_(notices.c.leased_until.is_(None), notices.c.leased_until <= now),
        )
        .order_by(notices.c.due_at, notices.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


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
    """Let given-up notices that were not purged wait again; return how many."""
    waiting = {
        "status": NoticeStatus.WAITING.value,
        "is_open": True,
        "due_at": instant_text(due_at),
        "attempts": 0,
        "settled_at": None,
    }
    given_up = sa.update(notices).where(
        notices.c.group_id == str(group), notices.c.status == NoticeStatus.GIVEN_UP.value, notices.c.text.is_not(None)
    )
    parts = (ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS))
    return sum(_changed(connection, given_up.where(notices.c.id.in_(part)).values(**waiting)) for part in parts)


def purge(connection: sa.Connection, settled_before: Instant) -> int:
    """Erase names and addresses of notices settled before an instant; return how many."""
    old = sa.update(notices).where(notices.c.settled_at < instant_text(settled_before), notices.c.text.is_not(None))
    # What the other side said may quote an address.
    return _changed(connection, old.values(text=None, error=None))


def _changed(connection: sa.Connection, statement: sa.Update) -> int:
    return connection.execute(statement).rowcount
