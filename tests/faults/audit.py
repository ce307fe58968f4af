"""The audit: whether a database agrees with itself and with the journal of everybody who wrote to it."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Engine, Row, select

from datashare.adapters.sql import metadata
from datashare.codec import decode_agreement, decode_notice, read_event
from datashare.domain.agreements import AgreementId, Event, RecipientsAdded, ReminderSent, RequestSent, fold
from datashare.domain.agreements.commands import kept_under
from datashare.domain.chain import EventRecord
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId

Rows = Sequence[Row[Any]]


@attrs.frozen(kw_only=True)
class Report:
    """What a database holds, and what the journal says.

    Attributes:
        events: The ids of all events.
        statuses: The status of each notice, by its id.
        sent: How often each notice was sent.
        acknowledged: The ids of the events that a command returned.
        lines: The lines of the journal.
    """

    events: frozenset[str]
    statuses: Mapping[str, str]
    sent: Counter[str]
    acknowledged: frozenset[str]
    lines: Sequence[Mapping[str, Any]]


def read_tables(engine: Engine) -> Mapping[str, Rows]:
    """Return every row of every table, in the order of the primary keys."""
    with engine.connect() as connection:
        return {
            name: connection.execute(select(table).order_by(*table.primary_key.columns)).all()
            for name, table in metadata.tables.items()
        }


def lines_of(journal: Path) -> Sequence[Mapping[str, Any]]:
    """Read a journal, and cut off a last line whose writer was killed while writing it."""
    text = journal.read_bytes() if journal.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        journal.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def audit(engine: Engine, journal: Path) -> Report:
    """Check that events, states, outcomes, notices and journal agree, while nobody writes; return what they hold.

    Raises:
        AssertionError: If they do not agree; it says what is wrong.
    """
    lines, tables = lines_of(journal), read_tables(engine)
    agreements, notices = tables["datashare_agreements"], tables["datashare_notices"]
    events = _check_histories(tables["datashare_events"], agreements)
    _check_outcomes(tables["datashare_outcomes"], events)
    report = Report(
        events=frozenset(event.id for event in events),
        statuses={row.id: row.status for row in notices},
        sent=Counter(line["notice"] for line in lines if line["what"] == "sent"),
        acknowledged=frozenset(chain.from_iterable(line["events"] for line in lines if line["what"] == "acted")),
        lines=lines,
    )
    assert len(report.statuses) == len(notices), "a notice is there twice"
    _check_journal(report)
    _check_recipients(notices, events)
    _check_cancelled(notices, agreements)
    return report


def _agreement(row: Row[Any]) -> AgreementId:
    return AgreementId(GroupId.parse(row.group_id), row.urn)


def _check_histories(rows: Rows, agreements: Rows) -> list[Event]:
    """T3, H3: each state is the fold of its events, which are numbered without gaps and chained."""
    histories, events = defaultdict[AgreementId, list[Row[Any]]](list), list[Event]()
    for row in rows:
        histories[_agreement(row)].append(row)
    assert set(map(_agreement, agreements)) == histories.keys(), "an agreement without events, or events without"
    for state in agreements:
        key = _agreement(state)
        history = [read_event(EventRecord(text=row.text, erasable=row.erasable)) for row in histories[key]]
        numbers = [row.sequence for row in histories[key]]
        assert numbers == list(range(1, state.version + 1)), f"a gap in {key}"
        assert numbers == [event.sequence for event in history]
        head = "0" * 64
        for row in histories[key]:
            head = hashlib.sha256(f"{head}\n{row.text}".encode()).hexdigest()
            assert head == row.hash, f"event {row.sequence} of {key} breaks the chain"
        assert head == state.head, f"the chain of {key} does not end where its state says"
        assert fold(key, history) == decode_agreement(state.state), f"the state of {key} is not what its events fold to"
        events += history
    return events


def _check_outcomes(rows: Rows, events: Sequence[Event]) -> None:
    """K4: each event belongs to the one outcome of its command, and each outcome has its events."""
    recorded = Counter(
        (_agreement(row), sequence, row.command_id)
        for row in rows
        for sequence in range(row.first_sequence, row.last_sequence + 1)
    )
    happened = Counter((event.agreement, event.sequence, kept_under(event.command_id, event.actor)) for event in events)
    assert happened == recorded, "recorded outcomes and events do not agree"
    commands = {(event.agreement, event.command_id) for event in events}
    assert len(commands) == len(events), "a command was carried out twice on one agreement"


def _check_journal(report: Report) -> None:
    """K1, O2: every change is saved whole or not at all, nothing else is there, and nothing acknowledged is lost."""
    saved, due = set[str](), set[str]()
    for events, notices in chain.from_iterable(line["changes"] for line in report.lines if line["what"] == "saving"):
        present = report.events & set(events)
        assert len(present) in {0, len(events)}, f"half of a change was saved: {events}"
        if present:
            saved |= present
            due.update(notices)
    assert report.events == saved, "there are events that nobody wrote"
    assert report.statuses.keys() == due, "notices are missing, or there without their events"
    assert report.acknowledged <= report.events, "an acknowledged event is lost"
    assert report.sent.keys() <= report.statuses.keys(), "a message was sent for a change that is not there"
    delivered = {notice for notice, status in report.statuses.items() if status == "delivered"}
    assert delivered <= report.sent.keys(), "a notice is recorded as delivered that was never sent"


def _check_recipients(notices: Rows, events: Sequence[Event]) -> None:
    """O2: each person whom an event asks is written to once."""
    recipients: dict[tuple[AgreementId, int], list[str]] = {}
    for row in notices:
        notice = decode_notice(row.text)
        recipients.setdefault((notice.agreement, notice.sequence), []).extend(
            str(person.id) for person in notice.people
        )
    for event in events:
        if isinstance(event, (RequestSent, RecipientsAdded, ReminderSent)):
            assert sorted(map(str, event.recipients)) == sorted(recipients[event.agreement, event.sequence])


def _check_cancelled(notices: Rows, agreements: Rows) -> None:
    """O7: a notice that asks for an answer is open only while its request is, and its end is told where it arrived."""
    requests = {_agreement(row): decode_agreement(row.state).request for row in agreements}
    arrived = defaultdict[tuple[AgreementId, int], set[PersonId]](set)
    for row in notices:
        if row.asks and row.status == "delivered":
            arrived[_agreement(row), row.request] |= _people(row)
    for row in notices:
        request = requests[_agreement(row)]
        is_open = request is not None and request.id.number == row.request
        if row.asks:
            assert is_open or row.status in {"delivered", "cancelled"}, f"{row.id} still asks for a closed request"
        assert row.is_open == (row.status in {"waiting", "leased"})
        told = bool(_people(row) & arrived[_agreement(row), row.request])
        needless = is_open if row.asks else told or not decode_notice(row.text).tells_only_of_a_request
        assert row.status != "cancelled" or not needless, f"{row.id} was cancelled without need"


def _people(row: Row[Any]) -> set[PersonId]:
    return {person.id for person in decode_notice(row.text).people}
