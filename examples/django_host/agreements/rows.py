"""Values as rows, and rows as values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import reduce
from itertools import groupby
from operator import or_

from django.db.models import IntegerField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from datashare.codec import (
    decode_agreement,
    decode_cautions,
    decode_notice,
    encode,
    encode_cautions,
    read_event,
    record_events,
)
from datashare.domain.agreements import Agreement, AgreementId, Event, RequestId
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, EventRecord, StateRecord, agreement_under
from datashare.domain.instants import instant_text, to_instant
from datashare.domain.notices import ASKING, Notice
from datashare.domain.register import GroupId
from datashare.ports import Change, NoticeStatus, RecordedOutcome, StoredNotice

from .models import AgreementEvent, AgreementState, CommandOutcome, OutgoingNotice

Key = tuple[str, int]
"""The key of an agreement's row: the group as text, and the URN."""


def key_of(agreement: AgreementId) -> Key:
    """Give the key of an agreement's row."""
    return str(agreement.group), agreement.urn


def any_of(agreements: Iterable[AgreementId]) -> Q:
    """Pick agreements, without the pairs of columns that not every database compares."""
    by_group: dict[str, list[int]] = defaultdict(list)
    for one in agreements:
        by_group[str(one.group)].append(one.urn)
    return reduce(or_, (Q(group=group, urn__in=urns) for group, urns in by_group.items()))


def unwritten(agreement: AgreementId) -> AgreementState:
    """Give the row that holds an agreement's place until its first change is written."""
    group, urn = key_of(agreement)
    return AgreementState(group=group, urn=urn, version=0, head=BEFORE_THE_FIRST, state="")


def advanced(state: AgreementState, change: Change) -> list[AgreementEvent]:
    """Bring an agreement's row up to a change; give the rows of its events, chained to those before (H3)."""
    records = record_events(change.events, after=state.head)
    state.version, state.head, state.state = change.after.version, records[-1].hash, encode(change.after)
    return [_event_row(state, event, record) for event, record in zip(change.events, records, strict=True)]


def _event_row(state: AgreementState, event: Event, record: ChainedRecord) -> AgreementEvent:
    return AgreementEvent(
        group=state.group,
        urn=state.urn,
        sequence=record.sequence,
        at=event.at,
        command_id=event.command_id,
        hash=record.hash,
        text=record.text,
        erasable=record.erasable,
    )


ChainRow = tuple[int, int | None, int | None, str | None, str, str, str | None]
"""URN, sequence, version, at, hash, text, erasable: of an event without a version, or of a state without a sequence."""


def chain_rows(
    states: QuerySet[AgreementState], events: QuerySet[AgreementEvent]
) -> QuerySet[AgreementState, ChainRow]:
    """Select the chains of one group: in one statement, so that each is of one moment."""
    no_number, no_text = Value(None, IntegerField()), Value(None, TextField())
    kept = states.annotate(sequence=no_number, kept_at=no_text, erasable=no_text)
    # As text, since Django refuses to read an instant that is none.
    happened = events.annotate(version=no_number, kept_at=Cast("at", TextField()))
    return (
        kept.values_list("urn", "sequence", "version", "kept_at", "head", "state", "erasable")
        .union(happened.values_list("urn", "sequence", "version", "kept_at", "hash", "text", "erasable"), all=True)
        .order_by("urn", "sequence")
    )


def chains_in(group: str, rows: Iterable[ChainRow]) -> Iterator[Chain]:
    """Read chains, as they are kept, from rows in the order of their URNs; a state comes first or last."""
    for urn, found in groupby(rows, lambda row: row[0]):
        state, records = None, []
        for _, sequence, version, at, hashed, text, erasable in found:
            if sequence is None:
                state = StateRecord(version=version or 0, head=hashed, text=text)
            else:
                when = _written_instant(at or "")
                records.append(ChainedRecord(sequence=sequence, at=when, hash=hashed, text=text, erasable=erasable))
        yield Chain(agreement=agreement_under(f"{group}/{urn}"), state=state, records=tuple(records))


def _written_instant(kept: str) -> str:
    """Write an instant as events do; SQLite keeps it without its zone, and what is none stays as it is."""
    try:
        found = datetime.fromisoformat(kept)
        return instant_text(to_instant(found if found.tzinfo else found.replace(tzinfo=UTC)))
    except ValueError:
        return kept


def outcome_row(change: Change) -> CommandOutcome:
    """Give the row of what a command did."""
    group, urn = key_of(change.id)
    return CommandOutcome(
        group=group,
        urn=urn,
        command_id=change.command_id,
        request=change.request.number if change.request else None,
        shared_digest=change.shared_digest,
        own_digest=change.own_digest,
        first_sequence=change.events[0].sequence,
        last_sequence=change.events[-1].sequence,
        cautions=encode_cautions(change.cautions),
    )


def notice_row(notice: Notice) -> OutgoingNotice:
    """Give the row of a new notice."""
    group, urn = key_of(notice.agreement)
    return OutgoingNotice(
        group=group,
        urn=urn,
        notice_id=notice.id,
        request=str(notice.request) if notice.request and notice.kind in ASKING else None,
        status=NoticeStatus.WAITING.value,
        due_at=notice.created_at,
        text=encode(notice),
    )


def agreements_in(rows: QuerySet[AgreementState]) -> list[Agreement]:
    """Read agreements as they stand."""
    return [decode_agreement(text) for text in rows.values_list("state", flat=True)]


def event_in(row: AgreementEvent) -> Event:
    """Read an event."""
    return read_event(EventRecord(text=row.text, erasable=row.erasable))


def outcome_in(agreement: AgreementId, row: CommandOutcome, events: Iterable[AgreementEvent]) -> RecordedOutcome:
    """Read an outcome, with the events of its command at its agreement."""
    return RecordedOutcome(
        agreement=agreement,
        command_id=row.command_id,
        request=None if row.request is None else RequestId(agreement, row.request),
        shared_digest=row.shared_digest,
        own_digest=row.own_digest,
        events=tuple(event_in(one) for one in events if row.first_sequence <= one.sequence <= row.last_sequence),
        cautions=decode_cautions(row.cautions),
    )


def notice_in(row: OutgoingNotice) -> Notice:
    """Read a notice that was not purged."""
    return decode_notice(row.text or "")


def stored_notice_in(row: OutgoingNotice) -> StoredNotice:
    """Read a notice with what has become of it."""
    return StoredNotice(
        id=row.notice_id,
        agreement=AgreementId(GroupId.parse(row.group), row.urn),
        notice=None if row.text is None else notice_in(row),
        status=NoticeStatus(row.status),
        due_at=to_instant(row.due_at),
        attempts=row.attempts,
        error=row.error,
        settled_at=None if row.settled_at is None else to_instant(row.settled_at),
    )
