"""Whether a database agrees with itself and with the journal of those who wrote to it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Engine, Row, select

from datashare.adapters.sql import metadata
from datashare.codec import decode_agreement, decode_notice, read_event
from datashare.domain.agreements import AgreementId, Event, RecipientsAdded, ReminderSent, RequestSent, fold
from datashare.domain.chain import EventRecord
from datashare.domain.register import GroupId

TABLES = metadata.tables
Key = tuple[str, int]


@attrs.frozen(kw_only=True)
class Found:
    """What a database holds, and what the journal tells of it.

    Attributes:
        events: The ids of all events.
        statuses: What became of each notice, by its id.
        sent: How often each notice was handed over.
        acknowledged: The ids of the events of which a command that returned told.
        lines: The lines of the journal.
    """

    events: frozenset[str]
    statuses: Mapping[str, str]
    sent: Counter[str]
    acknowledged: frozenset[str]
    lines: Sequence[Mapping[str, Any]]


def picture(engine: Engine) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """Take down every row of every table."""
    with engine.connect() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in TABLES.items()
        }


def lines_of(journal: Path) -> Sequence[Mapping[str, Any]]:
    """Read a journal; cut off a line whose writer was killed within the write, since nobody was told of it."""
    text = journal.read_bytes() if journal.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        journal.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def audit(engine: Engine, journal: Path) -> Found:
    """Check that events, states, outcomes, notices and journal agree; say what was found.

    Nobody may be writing. An `AssertionError` says what does not agree.
    """
    lines = lines_of(journal)
    with engine.connect() as connection:
        rows = {name: connection.execute(select(table)).all() for name, table in TABLES.items()}
    history = _histories(rows["datashare_events"])
    _check_states(rows["datashare_agreements"], history)
    _check_outcomes(rows["datashare_outcomes"], history)
    events = {event.id: event for _, event in chain.from_iterable(history.values())}
    notices = {row.id: row for row in rows["datashare_notices"]}
    assert len(notices) == len(rows["datashare_notices"]), "a notice is there twice"
    _check_saved(lines, events.keys(), notices.keys())
    _check_notices(notices, events)
    _check_cancelled(notices, rows["datashare_agreements"])
    found = Found(
        events=frozenset(events),
        statuses={name: row.status for name, row in notices.items()},
        sent=Counter(line["notice"] for line in lines if line["what"] == "sent"),
        acknowledged=frozenset(chain.from_iterable(line["events"] for line in lines if line["what"] == "acted")),
        lines=lines,
    )
    _check_told(found)
    return found


def _histories(rows: Sequence[Row[Any]]) -> dict[Key, list[tuple[Row[Any], Event]]]:
    found: dict[Key, list[tuple[Row[Any], Event]]] = {}
    for row in sorted(rows, key=lambda one: (one.group_id, one.urn, one.sequence)):
        event = read_event(EventRecord(text=row.text, erasable=row.erasable))
        found.setdefault((row.group_id, row.urn), []).append((row, event))
    return found


def _check_states(rows: Sequence[Row[Any]], history: Mapping[Key, Sequence[tuple[Row[Any], Event]]]) -> None:
    """T3, H3: each state is the fold of its events, which are numbered without gaps and chained."""
    assert {(row.group_id, row.urn) for row in rows} == set(history), "an agreement without events, or events without"
    for row in rows:
        key, written = (row.group_id, row.urn), history[row.group_id, row.urn]
        assert [one.sequence for one, _ in written] == list(range(1, row.version + 1)), f"a gap in {key}"
        head = "0" * 64
        for one, event in written:
            head = hashlib.sha256(f"{head}\n{one.text}".encode()).hexdigest()
            assert head == one.hash, f"event {one.sequence} of {key} breaks the chain"
            assert one.sequence == event.sequence
        assert head == row.head, f"the chain of {key} does not end where its state says"
        folded = fold(AgreementId(GroupId.parse(row.group_id), row.urn), [event for _, event in written])
        assert folded == decode_agreement(row.state), f"the state of {key} is not what its events fold to"


def _check_outcomes(rows: Sequence[Row[Any]], history: Mapping[Key, Sequence[tuple[Row[Any], Event]]]) -> None:
    """K4: each event belongs to the one outcome of its command, and each outcome has its events."""
    kept = Counter(
        (row.group_id, row.urn, sequence, row.command_id)
        for row in rows
        for sequence in range(row.first_sequence, row.last_sequence + 1)
    )
    happened = Counter(
        (*key, event.sequence, event.command_id) for key, written in history.items() for _, event in written
    )
    assert happened == kept, "kept outcomes and events do not agree"
    once = Counter((*key, event.command_id) for key, written in history.items() for _, event in written)
    assert not once or max(once.values()) == 1, "a command was done twice to one agreement"


def _intended(lines: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[str], list[str]]]:
    for line in lines:
        if line["what"] == "saving":
            yield from line["changes"]


def _check_saved(lines: Sequence[Mapping[str, Any]], events: Any, notices: Any) -> None:  # noqa: ANN401
    """K1, O2: of each change that was to be saved all is there, or nothing; and nothing else is."""
    saved: set[str] = set()
    called_for: set[str] = set()
    for wanted, messages in _intended(lines):
        there = [one in events for one in wanted]
        assert all(there) or not any(there), f"half of a change was saved: {wanted}"
        saved |= set(wanted) if all(there) else set()
        called_for |= set(messages) if all(there) else set()
    assert set(events) == saved, "there are events that nobody wrote"
    assert set(notices) == called_for, "notices are missing, or there without their events"


def _check_notices(notices: Mapping[str, Row[Any]], events: Mapping[str, Event]) -> None:
    """O2: who is recorded as asked is written to, each once."""
    told: dict[tuple[AgreementId, int], list[str]] = {}
    for row in notices.values():
        notice = decode_notice(row.text)
        told.setdefault((notice.agreement, notice.sequence), []).extend(str(one.id) for one in notice.people)
    for event in events.values():
        if isinstance(event, (RequestSent, RecipientsAdded, ReminderSent)):
            assert sorted(map(str, event.recipients)) == sorted(told[event.agreement, event.sequence])


def _check_cancelled(notices: Mapping[str, Row[Any]], agreements: Sequence[Row[Any]]) -> None:
    """O7: what asks for an answer is open only while its request is."""
    standing = {(row.group_id, row.urn): decode_agreement(row.state).request for row in agreements}
    for row in notices.values():
        request = standing[row.group_id, row.urn]
        is_open = request is not None and request.id.number == row.request
        if row.asks:
            assert is_open or row.status in {"delivered", "cancelled"}, f"{row.id} still asks for a closed request"
        assert row.is_open == (row.status in {"waiting", "leased"})
        assert row.status != "cancelled" or (row.asks and not is_open), f"{row.id} was cancelled without need"


def _check_told(found: Found) -> None:
    """Nothing of which somebody was told is lost."""
    assert found.acknowledged <= found.events, "an acknowledged event is lost"
    assert found.sent.keys() <= found.statuses.keys(), "a message was sent for a change that is not there"
    delivered = {name for name, status in found.statuses.items() if status == "delivered"}
    assert delivered <= found.sent.keys(), "a notice is recorded as delivered that was never sent"
