"""Rows as values; what was damaged, or written by a later version, hinders nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import TypeVar

import attrs

from datashare.codec import decode_agreement, decode_cautions, decode_notice, read_event
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.chain import Chain, ChainedRecord, EventRecord, StateRecord, agreement_under
from datashare.domain.instants import parse_instant
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue, StoreUnreadable
from datashare.ports import LeasedNotice, Loaded, NoticeStatus, RecordedOutcome, StoredNotice, Unreadable

from ._kinds import AgreementRow, EventRow, NoticeRow, OutcomeRow, key_in, key_of, short

_T = TypeVar("_T")
_V = TypeVar("_V")


def to_agreement(row: AgreementRow) -> Agreement:
    """Read the state of an agreement.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return read_row(_agreement, row, f"The state of {key_in(row)}")


def _agreement(row: AgreementRow) -> Agreement:
    agreement = decode_agreement(row.state)
    require_sound(key_of(agreement.id) == row[:2] and agreement.version == row.version)
    return agreement


def to_states(rows: Iterable[AgreementRow]) -> list[Agreement | Unreadable]:
    """Read the states of agreements, in their order; an `Unreadable` stands for each that cannot be read."""
    return [_or_unreadable(to_agreement, row, key_in(row)) for row in rows]


def to_groups(keys: Iterable[object]) -> list[GroupId]:
    """Read groups, each once, in the order of their text; a key that names no group is passed over."""
    groups = set[GroupId]()
    for key in keys:
        with suppress(InvalidValue):
            groups.add(GroupId.parse(key))
    return sorted(groups, key=str)


def to_loaded(states: Iterable[AgreementRow], outcomes: Iterable[tuple[OutcomeRow, Iterable[EventRow]]] = ()) -> Loaded:
    """Read what a store loads, but nothing about an agreement of which some of it cannot be read.

    Args:
        states: The agreements.
        outcomes: The outcomes, each with the rows of its events, in the order of their sequence.
    """
    read = to_states(states)
    recorded = [_or_unreadable(_whole_outcome, pair, key_in(pair[0])) for pair in outcomes]
    unreadable = {value.agreement for value in (*read, *recorded) if isinstance(value, Unreadable)}
    return Loaded(
        agreements={state.id: state for state in read if isinstance(state, Agreement) and state.id not in unreadable},
        outcomes=tuple(
            outcome
            for outcome in recorded
            if isinstance(outcome, RecordedOutcome) and outcome.agreement not in unreadable
        ),
        unreadable=frozenset(filter(None, unreadable)),
    )


def to_event(row: EventRow) -> Event:
    """Read an event; what was erased is `None`.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    record = EventRecord(text=row.text, erasable=row.erasable)
    return read_row(read_event, record, f"Event {short(row.sequence)} of {key_in(row)}")


def to_outcome(row: OutcomeRow, events: Iterable[EventRow]) -> RecordedOutcome:
    """Read an outcome.

    Args:
        row: The outcome.
        events: The rows of its events, in the order of their sequence.

    Raises:
        StoreUnreadable: A row was damaged, or written by a later version.
    """
    return _whole_outcome((row, events))


def _whole_outcome(written: tuple[OutcomeRow, Iterable[EventRow]]) -> RecordedOutcome:
    row, caused = written[0], tuple(map(to_event, written[1]))
    return read_row(lambda outcome: _outcome(outcome, caused), row, f"An outcome of {key_in(row)}")


def _outcome(row: OutcomeRow, events: tuple[Event, ...]) -> RecordedOutcome:
    agreement = AgreementId.parse(key_in(row))
    require_sound(bool(events) and all(type(digest) is str for digest in (row.shared_digest, row.own_digest)))
    first = row.first_sequence
    require_sound([event.sequence for event in events] == [*range(first, first + len(events))])
    require_sound(row.last_sequence == events[-1].sequence)
    return RecordedOutcome(
        agreement=agreement,
        command_id=row.command_id,
        request=None if row.request is None else RequestId(agreement, row.request),
        shared_digest=row.shared_digest,
        own_digest=row.own_digest,
        events=events,
        cautions=decode_cautions(row.cautions),
    )


def to_notice(row: NoticeRow) -> Notice:
    """Read a notice that was not purged.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return read_row(_notice, row, f"Notice {short(row.id)}")


def _notice(row: NoticeRow) -> Notice:
    notice = decode_notice(row.text or "")
    require_sound((*key_of(notice.agreement), notice.id) == row[:3] and type(row.attempts) is int)
    return notice


def to_leases(rows: Iterable[NoticeRow], limit: int) -> list[LeasedNotice | Unreadable]:
    """Read notices that are to be leased; an `Unreadable` stands for each that cannot be read.

    Args:
        rows: The notices that are due, the longest due first; no more are read than are needed.
        limit: The most notices to lease.

    Returns:
        What `datashare.ports.Outbox.lease` returns, all leases of one new name; the store writes them.
    """
    leases: list[LeasedNotice | Unreadable] = []
    due, left, name = iter(rows), limit, secrets.token_hex(16)
    while left and (row := next(due, None)):
        notice = _or_unreadable(to_notice, row, short(row.id))
        if isinstance(notice, Notice):
            leases.append(LeasedNotice(notice=notice, lease=name, attempts=row.attempts + 1))
            left -= 1
        else:
            leases.append(notice)
    return leases


def to_stored_notices(rows: Iterable[NoticeRow]) -> list[StoredNotice]:
    """Read notices with what has become of them, in their order; one that cannot be read is marked `unreadable`.

    One whose key names no agreement is of no group, and is left out.
    """
    keyed = ((row, agreement_under(key_in(row))) for row in rows)
    return [_stored_notice(row, agreement) for row, agreement in keyed if isinstance(agreement, AgreementId)]


def _stored_notice(row: NoticeRow, agreement: AgreementId) -> StoredNotice:
    is_purged = row.text is None and not row.is_open
    notice = None if is_purged else _or_unreadable(to_notice, row, short(row.id))
    stand_in = StoredNotice(
        id=short(row.id),
        agreement=agreement,
        notice=None,
        status=_STATUSES.get(row.status, NoticeStatus.WAITING),
        due_at=_BEGINNING,
        unreadable=True,
    )
    try:
        require_sound(type(row.attempts) is int and isinstance(row.error, str | None))
        stored = attrs.evolve(
            stand_in,
            status=NoticeStatus(row.status),
            due_at=parse_instant(row.due_at),
            attempts=row.attempts,
            error=row.error,
            settled_at=None if row.settled_at is None else parse_instant(row.settled_at),
        )
    except _DAMAGE:
        return stand_in
    return stored if isinstance(notice, Unreadable) else attrs.evolve(stored, notice=notice, unreadable=False)


_STATUSES = {status.value: status for status in NoticeStatus}
_BEGINNING = parse_instant("0001-01-01T00:00:00Z")
"""Stands for the instant at which an unreadable notice is due, if that cannot be read either."""


def to_register_day(group: GroupId, day: str) -> date:
    """Read the day of the newest register that was applied to a group, from ISO 8601 text.

    Raises:
        StoreUnreadable: The row was damaged.
    """
    return read_row(date.fromisoformat, day, f"The day of the last register of {group}")


def to_chains(rows: Iterable[AgreementRow | EventRow]) -> Iterator[Chain]:
    """Read chains as they are kept, unread (H3).

    Args:
        rows: Those of agreements and of events, by key: all of one agreement's together, its events in the order of
            their sequence.
    """
    for (group, urn), own in groupby(rows, lambda row: row[:2]):
        state, records = None, []
        for row in own:
            if isinstance(row, AgreementRow):
                state = StateRecord(version=_number(row.version), head=_text(row.head), text=_text(row.state))
            else:
                record = ChainedRecord(
                    sequence=_number(row.sequence),
                    at=_text(row.at),
                    hash=_text(row.hash),
                    text=_text(row.text),
                    erasable=None if row.erasable is None else _text(row.erasable),
                )
                records.append(record)
        yield Chain(agreement=agreement_under(f"{group}/{urn}"), state=state, records=tuple(records))


# SQLite keeps whatever somebody wrote into a column, and evidence is shown as it is kept: nothing is refused here.
def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    # Text that was no UTF-8 holds what no hash can be made of.
    is_text = isinstance(value, str) and (value.isascii() or value.encode(errors="replace").decode() == value)
    return str(value) if is_text else repr(value)


_DAMAGE = (ValueError, TypeError, StoreUnreadable)
"""What is raised if a row is not as it was written; `InvalidValue` is a ValueError."""


def read_row(read: Callable[[_V], _T], written: _V, what: str) -> _T:
    """Read what is written in a row; *what* names it in the error.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    try:
        return read(written)
    except _DAMAGE:
        pass
    # Raised here, so that what was raised there is not its context: that quotes the row, names and addresses included.
    raise StoreUnreadable(f"{what} cannot be read; it was damaged, or written by a later version.")


def _or_unreadable(read: Callable[[_V], _T], written: _V, id: str) -> _T | Unreadable:  # noqa: A002 - the field's name
    try:
        return read(written)
    except StoreUnreadable:
        agreement = agreement_under(id)
        return Unreadable(id=id, agreement=agreement if isinstance(agreement, AgreementId) else None)


def require_sound(condition: bool) -> None:
    """Refuse a row whose columns do not belong together."""
    if not condition:
        raise ValueError
