"""Changes as plain rows, and rows as values, for every store over tables.

The rows have the columns of the tables that `datashare.adapters.sql` makes, in their order. Instants are text, as
`datashare.domain.instants.instant_text` writes them, so that text order is time order; a day is ISO 8601 text.

To save a change, `prepare` it before the transaction begins; then lock the agreement, read its head, and write what
`PreparedChange.chained_to` returns, the outcome and the notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, TypeVar

import attrs

from .codec import decode_agreement, decode_cautions, decode_notice, encode, encode_cautions, read_event, record_event
from .domain.agreements import Agreement, AgreementId, Event, RequestId
from .domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, EventRecord, StateRecord, agreement_under, chained
from .domain.instants import instant_text, parse_instant
from .domain.notices import ASKING, Notice
from .errors import StoreUnreadable
from .ports import Change, NoticeStatus, RecordedOutcome, StoredNotice

__all__ = [
    "AgreementRow",
    "EventRow",
    "Key",
    "NoticeRow",
    "OutcomeRow",
    "PreparedChange",
    "key_of",
    "prepare",
    "to_agreement",
    "to_chains",
    "to_event",
    "to_notice",
    "to_outcome",
    "to_stored_notice",
]

_T = TypeVar("_T")
_V = TypeVar("_V")

Key = tuple[str, int]
"""The key of an agreement's row: the group as text, and the URN."""


class AgreementRow(NamedTuple):
    """An agreement as it stands, one row for each; writers lock it.

    Attributes:
        group_id: The group as text, such as ``mat:5143``.
        urn: The institution.
        version: The number of the last event.
        head: The hash of the last event.
        state: What the events fold to, as JSON.
    """

    group_id: str
    urn: int
    version: int
    head: str
    state: str


class EventRow(NamedTuple):
    """One event; the key is the agreement's with the sequence.

    Attributes:
        group_id: The group as text.
        urn: The institution.
        sequence: The number of the event, from 1.
        at: When it happened.
        hash: SHA-256 of the hash before it and the text.
        text: The event as JSON, without what people wrote.
        erasable: What people wrote, with its salt, as JSON; may be set to NULL.
    """

    group_id: str
    urn: int
    sequence: int
    at: str
    hash: str
    text: str
    erasable: str | None


class OutcomeRow(NamedTuple):
    """What a command did to an agreement; the key is group, command id and URN, and the first one stays (K4).

    Attributes:
        group_id: The group as text.
        command_id: The command id.
        urn: The institution.
        request: The number of the request that the command named.
        shared_digest: The digest of what the command says to every school.
        own_digest: The digest of everything that it says to this school.
        first_sequence: The number of the command's first event.
        last_sequence: The number of its last event.
        cautions: What deserved a look, as JSON.
    """

    group_id: str
    command_id: str
    urn: int
    request: int | None
    shared_digest: str
    own_digest: str
    first_sequence: int
    last_sequence: int
    cautions: str


class NoticeRow(NamedTuple):
    """A notice and what has become of it; the key is the agreement's with the id.

    Attributes:
        group_id: The group as text.
        urn: The institution.
        id: The notice's id.
        request: The number of the request that it is about.
        asks: Whether closing the request cancels it.
        status: The value of a `NoticeStatus`.
        is_open: Whether it is waiting or leased.
        due_at: When it is to be sent.
        attempts: How often it was leased.
        error: Why the last attempt failed.
        settled_at: When it was delivered, given up or cancelled.
        lease: The name of the present lease.
        leased_until: When that ends.
        text: The notice as JSON; NULL once it was purged.
    """

    group_id: str
    urn: int
    id: str
    request: int | None
    asks: bool
    status: str
    is_open: bool
    due_at: str
    attempts: int
    error: str | None
    settled_at: str | None
    lease: str | None
    leased_until: str | None
    text: str | None


def key_of(agreement: AgreementId) -> Key:
    """Return the key of an agreement's row."""
    return str(agreement.group), agreement.urn


@attrs.frozen(kw_only=True)
class PreparedChange:
    """A change as it is written, except for the hashes, which depend on what is stored.

    Attributes:
        change: The change.
        key: The key of the agreement's row.
        state: The agreement as it stands after the change, as JSON.
        records: The events, without their places in the chain.
        outcome: The row of the outcome.
        notices: The rows of the notices.
    """

    change: Change
    key: Key
    state: str
    records: tuple[EventRecord, ...]
    outcome: OutcomeRow
    notices: tuple[NoticeRow, ...]

    def claim(self) -> AgreementRow:
        """Return the row that holds an agreement's place until its first change is written."""
        return AgreementRow(*self.key, 0, BEFORE_THE_FIRST, "")

    def chained_to(self, head: str) -> tuple[AgreementRow, list[EventRow]]:
        """Return the agreement's row and those of the events (H3).

        Args:
            head: The hash of the last event so far; `datashare.domain.chain.BEFORE_THE_FIRST` for a new agreement.
        """
        rows = []
        for event, record in zip(self.change.events, self.records, strict=True):
            head = chained(head, record.text)
            rows.append(EventRow(*self.key, event.sequence, instant_text(event.at), head, record.text, record.erasable))
        return AgreementRow(*self.key, self.change.after.version, head, self.state), rows


def prepare(change: Change) -> PreparedChange:
    """Write a change as rows; it needs no database, so call it before the transaction begins."""
    key, due_at = key_of(change.id), instant_text(change.now)
    return PreparedChange(
        change=change,
        key=key,
        state=encode(change.after),
        records=tuple(record_event(event) for event in change.events),
        outcome=OutcomeRow(
            group_id=key[0],
            command_id=change.command_id,
            urn=key[1],
            request=change.request.number if change.request else None,
            shared_digest=change.shared_digest,
            own_digest=change.own_digest,
            first_sequence=change.events[0].sequence,
            last_sequence=change.events[-1].sequence,
            cautions=encode_cautions(change.cautions) if change.cautions else _NO_CAUTIONS,
        ),
        notices=tuple(_notice_row(key, notice, due_at) for notice in change.notices),
    )


_NO_CAUTIONS = encode_cautions(())
_ASKING = tuple(ASKING)  # quicker to search than a set, which calls Enum's own hash function


def _notice_row(key: Key, notice: Notice, due_at: str) -> NoticeRow:
    return NoticeRow(
        group_id=key[0],
        urn=key[1],
        id=notice.id,
        request=notice.request.number if notice.request else None,
        asks=notice.kind in _ASKING,
        status=NoticeStatus.WAITING.value,
        is_open=True,
        due_at=due_at,
        attempts=0,
        error=None,
        settled_at=None,
        lease=None,
        leased_until=None,
        text=encode(notice),
    )


def to_agreement(row: AgreementRow) -> Agreement:
    """Read the state of an agreement.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return _read(decode_agreement, row.state, f"The state of {row.group_id}/{row.urn}")


def to_event(row: EventRow) -> Event:
    """Read an event; what was erased is `None`.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    record = EventRecord(text=row.text, erasable=row.erasable)
    return _read(read_event, record, f"Event {row.sequence} of {row.group_id}/{row.urn}")


def to_outcome(row: OutcomeRow, events: Iterable[EventRow]) -> RecordedOutcome:
    """Read an outcome.

    Args:
        row: The outcome.
        events: The rows of its events, in the order of their sequence.

    Raises:
        StoreUnreadable: A row was damaged, or written by a later version.
    """
    what = f"An outcome of {row.group_id}/{row.urn}"
    agreement = _read(AgreementId.parse, f"{row.group_id}/{row.urn}", what)
    return RecordedOutcome(
        agreement=agreement,
        command_id=row.command_id,
        request=None if row.request is None else RequestId(agreement, row.request),
        shared_digest=row.shared_digest,
        own_digest=row.own_digest,
        events=tuple(map(to_event, events)),
        cautions=_read(decode_cautions, row.cautions, what),
    )


def to_notice(row: NoticeRow) -> Notice:
    """Read a notice that was not purged.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return _read(decode_notice, row.text or "", f"Notice {row.id}")


def to_stored_notice(row: NoticeRow) -> StoredNotice:
    """Read a notice with what has become of it.

    Raises:
        StoreUnreadable: The row was damaged, or written by a later version.
    """
    return _read(_stored_notice, row, f"Notice {row.id}")


def _stored_notice(row: NoticeRow) -> StoredNotice:
    return StoredNotice(
        id=row.id,
        agreement=AgreementId.parse(f"{row.group_id}/{row.urn}"),
        notice=None if row.text is None else to_notice(row),
        status=NoticeStatus(row.status),
        due_at=parse_instant(row.due_at),
        attempts=row.attempts,
        error=row.error,
        settled_at=None if row.settled_at is None else parse_instant(row.settled_at),
    )


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
    return value if isinstance(value, str) else repr(value)


def _read(read: Callable[[_V], _T], written: _V, what: str) -> _T:
    try:
        return read(written)
    except ValueError:  # InvalidValue is one
        # Without its cause, which would quote the row.
        raise StoreUnreadable(f"{what} cannot be read; it was damaged, or written by a later version.") from None
