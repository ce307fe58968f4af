"""A change as rows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import attrs

from datashare.codec import encode, encode_cautions, record_event
from datashare.domain.chain import BEFORE_THE_FIRST, EventRecord, chained
from datashare.domain.instants import instant_text
from datashare.domain.notices import ASKING, Notice
from datashare.errors import StoreUnreadable
from datashare.ports import Change, NoticeStatus
from datashare.ports.outbox import MAY_HAVE_ARRIVED, cancelled_at_once

from ._kinds import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, key_of
from ._reading import to_notice


@attrs.frozen(kw_only=True)
class PreparedChange:
    """A change as it is written, except for the hashes, which depend on what is stored.

    Attributes:
        change: The change.
        key: The key of the agreement's row.
        state: The agreement as it stands after the change, as JSON.
        records: The events, without their places in the chain.
        outcome: The row of the outcome.
        pending: The rows of the notices, all waiting; see `notices`.
    """

    change: Change
    key: Key
    state: str
    records: tuple[EventRecord, ...]
    outcome: OutcomeRow
    pending: tuple[NoticeRow, ...]

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

    @property
    def reads_asking(self) -> bool:
        """Whether `notices` has to see which notices asked for an answer to the request that is closed."""
        return self.change.closes is not None and any(own.tells_only_of_a_request for own in self.change.notices)

    def notices(self, asking: Iterable[NoticeRow]) -> tuple[NoticeRow, ...]:
        """Return the rows of the notices.

        Those that tell only of the closing of a request are cancelled, for people whom the request never reached (O7).

        Args:
            asking: The rows with `asks` about the request that the change closes, as they are before they are
                cancelled; needed only where `reads_asking`.
        """
        if not self.reads_asking:
            return self.pending
        sent = [_notice_or_none(row) for row in asking if row.status in _MAY_HAVE_ARRIVED]
        cancelled, now = cancelled_at_once(self.change.notices, sent), instant_text(self.change.now)
        return tuple(_cancelled(row, now) if row.id in cancelled else row for row in self.pending)


_MAY_HAVE_ARRIVED = frozenset(status.value for status in MAY_HAVE_ARRIVED)


def _notice_or_none(row: NoticeRow) -> Notice | None:
    """Read a notice; one that was purged or cannot be read is `None`."""
    with suppress(StoreUnreadable):
        return to_notice(row)
    return None


def _cancelled(row: NoticeRow, now: str) -> NoticeRow:
    return row._replace(status=NoticeStatus.CANCELLED.value, is_open=False, settled_at=now)


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
        pending=tuple(_notice_row(key, notice, due_at) for notice in change.notices),
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
