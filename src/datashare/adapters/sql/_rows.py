"""Values as rows, and rows as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

import attrs
from sqlalchemy import Row

from datashare.codec import (
    decode_agreement,
    decode_cautions,
    decode_notice,
    encode,
    encode_cautions,
    new_salt,
    read_event,
    record_event,
)
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.chain import (
    BEFORE_THE_FIRST,
    Chain,
    ChainedRecord,
    EventRecord,
    StateRecord,
    agreement_under,
    chained,
)
from datashare.domain.instants import instant_text, parse_instant
from datashare.domain.notices import ASKING, Notice
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue, StoreUnreadable
from datashare.ports import Change, NoticeStatus, RecordedOutcome, StoredNotice

from ._bulk import RowValues

Key = tuple[str, int]
"""The key of an agreement's row: the group as text, and the URN."""

_T = TypeVar("_T")


def key_of(agreement: AgreementId) -> Key:
    """Give the key of an agreement's row."""
    return str(agreement.group), agreement.urn


@attrs.frozen(kw_only=True)
class Prepared:
    """A change as it is written, all but the hashes, which depend on what is there."""

    change: Change
    key: Key
    state: str
    records: tuple[EventRecord, ...]
    outcome: RowValues
    notices: Sequence[RowValues]

    def claim(self) -> RowValues:
        """Give the row that holds an agreement's place until its first change is written."""
        return *self.key, 0, BEFORE_THE_FIRST, ""

    def chained_to(self, head: str) -> tuple[RowValues, list[RowValues]]:
        """Give the agreement's row and those of the events, chained to the hash of the last event so far (H3)."""
        rows: list[RowValues] = []
        for event, record in zip(self.change.events, self.records, strict=True):
            head = chained(head, record.text)
            rows.append((*self.key, event.sequence, instant_text(event.at), head, record.text, record.erasable))
        return (*self.key, self.change.after.version, head, self.state), rows


def prepared(change: Change) -> Prepared:
    """Write a change down, before the transaction begins."""
    key = key_of(change.id)
    return Prepared(
        change=change,
        key=key,
        state=encode(change.after),
        records=tuple(record_event(event, salt=new_salt()) for event in change.events),
        outcome=_outcome_row(key, change.kept),
        notices=[_notice_row(key, notice) for notice in change.notices],
    )


_NO_CAUTIONS = encode_cautions(())


def _outcome_row(key: Key, kept: RecordedOutcome) -> RowValues:
    group, urn = key
    return (
        group,
        kept.command_id,
        urn,
        kept.request.number if kept.request else None,
        kept.shared_digest,
        kept.own_digest,
        kept.events[0].sequence,
        kept.events[-1].sequence,
        encode_cautions(kept.cautions) if kept.cautions else _NO_CAUTIONS,
    )


_ASKING = tuple(ASKING)  # to look for a member in a set asks a function of Enum
_WAITING = (NoticeStatus.WAITING.value, True)
_NEVER_LEASED = (0, None, None, None, None)
"""No attempts, no error, not settled, no lease, no end of one."""


def _notice_row(key: Key, notice: Notice) -> RowValues:
    return (
        *key,
        notice.id,
        notice.request.number if notice.request else None,
        notice.kind in _ASKING,
        *_WAITING,
        instant_text(notice.created_at),
        *_NEVER_LEASED,
        encode(notice),
    )


def agreement_in(row: Row[Any]) -> Agreement:
    """Read the state of an agreement."""
    return _read(decode_agreement, row.text, f"The state of {row.group_id}/{row.urn}")


def event_in(row: Row[Any]) -> Event:
    """Read an event."""
    return _read(read_event, EventRecord(text=row.text, erasable=row.erasable), _place(row))


def chains_in(rows: Iterable[Row[Any]]) -> Iterator[Chain]:
    """Read chains from rows in the order of their keys; a state, which has no sequence, comes first or last."""
    for (group, urn), found in groupby(rows, lambda row: (row.group_id, row.urn)):
        state, records = None, []
        for row in found:
            if row.sequence is None:
                state = StateRecord(version=_number(row.version), head=_text(row.hash), text=_text(row.text))
            else:
                records.append(_record(row))
        yield Chain(agreement=agreement_under(f"{group}/{urn}"), state=state, records=tuple(records))


def _record(row: Row[Any]) -> ChainedRecord:
    return ChainedRecord(
        sequence=_number(row.sequence),
        at=_text(row.at),
        hash=_text(row.hash),
        text=_text(row.text),
        erasable=None if row.erasable is None else _text(row.erasable),
    )


def _number(value: object) -> int:
    """Take a number as it is; SQLite keeps whatever somebody wrote into a column, and here nothing may be refused."""
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _place(row: Row[Any]) -> str:
    return f"Event {row.sequence} of {row.group_id}/{row.urn}"


def outcomes_in(group: GroupId, command_id: str, rows: Iterable[Row[Any]]) -> tuple[RecordedOutcome, ...]:
    """Read outcomes from rows that hold one event each, those of one agreement in the order of their sequence."""
    by_urn: dict[int, list[Row[Any]]] = {}
    for row in rows:
        by_urn.setdefault(row.urn, []).append(row)
    return tuple(_outcome_in(AgreementId(group, urn), command_id, found) for urn, found in by_urn.items())


def _outcome_in(agreement: AgreementId, command_id: str, rows: Sequence[Row[Any]]) -> RecordedOutcome:
    row = rows[0]
    return RecordedOutcome(
        agreement=agreement,
        command_id=command_id,
        request=None if row.request is None else RequestId(agreement, row.request),
        shared_digest=row.shared_digest,
        own_digest=row.own_digest,
        events=[event_in(one) for one in rows],
        cautions=_read(decode_cautions, row.cautions, f"An outcome of {agreement}"),
    )


def notice_in(row: Row[Any]) -> Notice:
    """Read a notice that was not purged."""
    return _read(decode_notice, row.text, f"Notice {row.id}")


def stored_notice_in(row: Row[Any]) -> StoredNotice:
    """Read a notice with what has become of it."""
    return StoredNotice(
        id=row.id,
        agreement=AgreementId(GroupId.parse(row.group_id), row.urn),
        notice=None if row.text is None else notice_in(row),
        status=NoticeStatus(row.status),
        due_at=parse_instant(row.due_at),
        attempts=row.attempts,
        error=row.error,
        settled_at=None if row.settled_at is None else parse_instant(row.settled_at),
    )


def _read(decode: Callable[[Any], _T], written: object, what: str) -> _T:
    try:
        return decode(written)
    except InvalidValue:
        # Without its cause, which would quote the row.
        raise StoreUnreadable(f"{what} cannot be read; it was damaged, or written by a later version.") from None
