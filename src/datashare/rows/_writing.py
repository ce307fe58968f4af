"""A change as rows."""

from __future__ import annotations

import attrs

from datashare.codec import encode, encode_cautions, record_event
from datashare.domain.chain import BEFORE_THE_FIRST, EventRecord, chained
from datashare.domain.instants import instant_text
from datashare.domain.notices import ASKING, Notice
from datashare.ports import Change, NoticeStatus

from ._kinds import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, key_of


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
