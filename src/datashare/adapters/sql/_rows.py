"""Values as rows, and rows as values."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import Row

from datashare.codec import (
    EventRecord,
    decode_agreement,
    decode_cautions,
    decode_notice,
    encode,
    encode_cautions,
    read_event,
    record_event,
)
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.history import BEFORE_THE_FIRST, chained
from datashare.domain.instants import instant_text, parse_instant
from datashare.domain.institutions import GroupId
from datashare.domain.notices import ASKING, Notice
from datashare.errors import InvalidValue, StoreError
from datashare.ports import Change, KeptOutcome, NoticeStatus, StoredNotice

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
    outcome: Mapping[str, Any]
    notices: Sequence[Mapping[str, Any]]

    def claim(self) -> dict[str, Any]:
        """Give the row that holds an agreement's place until its first change is written."""
        group, urn = self.key
        return {"group_id": group, "urn": urn, "version": 0, "head": BEFORE_THE_FIRST, "state": ""}

    def chained_to(self, head: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Give the agreement's row and those of the events, chained to the hash of the last event so far (H3)."""
        group, urn = self.key
        rows = []
        for event, record in zip(self.change.events, self.records, strict=True):
            head = chained(head, record.text)
            rows.append(
                {
                    "group_id": group,
                    "urn": urn,
                    "sequence": event.sequence,
                    "at": instant_text(event.at),
                    "hash": head,
                    "text": record.text,
                    "erasable": record.erasable,
                }
            )
        version = self.change.after.version
        return {"group_id": group, "urn": urn, "version": version, "head": head, "state": self.state}, rows


def prepared(change: Change) -> Prepared:
    """Write a change down, before the transaction begins."""
    key = key_of(change.id)
    return Prepared(
        change=change,
        key=key,
        state=encode(change.after),
        records=tuple(record_event(event, salt=secrets.token_hex(16)) for event in change.events),
        outcome=_outcome_row(key, change.kept),
        notices=[_notice_row(key, notice) for notice in change.notices],
    )


def _outcome_row(key: Key, kept: KeptOutcome) -> dict[str, Any]:
    group, urn = key
    return {
        "group_id": group,
        "command_id": kept.command_id,
        "urn": urn,
        "request": kept.request.number if kept.request else None,
        "shared_digest": kept.shared_digest,
        "own_digest": kept.own_digest,
        "first_sequence": kept.events[0].sequence,
        "last_sequence": kept.events[-1].sequence,
        "cautions": encode_cautions(kept.cautions),
    }


def _notice_row(key: Key, notice: Notice) -> dict[str, Any]:
    group, urn = key
    return {
        "group_id": group,
        "urn": urn,
        "id": notice.id,
        "request": notice.request.number if notice.request else None,
        "asks": notice.kind in ASKING,
        "status": NoticeStatus.WAITING.value,
        "is_open": True,
        "due_at": instant_text(notice.created_at),
        "attempts": 0,
        "error": None,
        "settled_at": None,
        "lease": None,
        "leased_until": None,
        "text": encode(notice),
    }


def agreement_in(row: Row[Any]) -> Agreement:
    """Read the state of an agreement."""
    return _read(decode_agreement, row.text, f"The state of {row.group_id}/{row.urn}")


def event_in(row: Row[Any]) -> Event:
    """Read an event."""
    return _read(read_event, EventRecord(text=row.text, erasable=row.erasable), _place(row))


def _place(row: Row[Any]) -> str:
    return f"Event {row.sequence} of {row.group_id}/{row.urn}"


def outcomes_in(group: GroupId, command_id: str, rows: Iterable[Row[Any]]) -> tuple[KeptOutcome, ...]:
    """Read outcomes from rows that hold one event each, those of one agreement in the order of their sequence."""
    by_urn: dict[int, list[Row[Any]]] = {}
    for row in rows:
        by_urn.setdefault(row.urn, []).append(row)
    return tuple(_outcome_in(AgreementId(group, urn), command_id, found) for urn, found in by_urn.items())


def _outcome_in(agreement: AgreementId, command_id: str, rows: Sequence[Row[Any]]) -> KeptOutcome:
    row = rows[0]
    return KeptOutcome(
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
    except InvalidValue as exc:
        raise StoreError(f"{what} cannot be read; it was damaged, or written by a later version.") from exc
