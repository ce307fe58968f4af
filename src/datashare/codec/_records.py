"""Events as stores keep them: chained text that stays for ever, and beside it what can be erased (H3, H4)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import get_args

import attrs

from datashare.domain import validation
from datashare.domain.agreements import Event
from datashare.domain.agreements.events import FREE_TEXT
from datashare.domain.chain import ChainedRecord, EventRecord, canonical, chained, sealed
from datashare.domain.instants import instant_text
from datashare.errors import InvalidValue

from ._forms import AN_EVENT, encode, plain, structured, unreadable, value_in, written_form

_SEAL = "sha256"

FREE_TEXTS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in attrs.fields(kind) if field.metadata.get(FREE_TEXT)) for kind in get_args(Event)
}
"""The fields of each kind of event that hold what people wrote."""


def record_event(event: Event, *, salt: str | None = None) -> EventRecord:
    """Write an event as a store keeps it.

    Args:
        event: The event.
        salt: Random text that nobody can guess, different for each event; by default from `new_salt`.

    Raises:
        InvalidValue: It is not an event.
    """
    names = FREE_TEXTS.get(type(event))
    if names is None:
        raise InvalidValue("The event to record", event, "an event such as RequestSent(...)")
    written = {name: text for name in names if (text := getattr(event, name)) is not None}
    if not written:
        return EventRecord(text=encode(event), erasable=None)
    salt = salt or new_salt()
    seals = {name: {_SEAL: sealed(salt, name, text)} for name, text in written.items()}
    return EventRecord(
        text=written_form({**plain(event), **seals}), erasable=canonical({"salt": salt, "texts": written})
    )


def record_events(events: Iterable[Event], /, *, after: str) -> tuple[ChainedRecord, ...]:
    """Write events of one agreement as a store keeps them, each chained to the one before it (H3, H4).

    Args:
        events: The next events, in the order of their sequence.
        after: The hash of the last event so far; `datashare.domain.chain.BEFORE_THE_FIRST` for a new agreement.

    Returns:
        A record of each event, with its own salt; the hash of the last record is the new head.

    Raises:
        InvalidValue: One of them is not an event.
    """
    records = []
    for event in events:
        record = record_event(event)
        after = chained(after, record.text)
        at = instant_text(event.at)
        records.append(
            ChainedRecord(sequence=event.sequence, at=at, hash=after, text=record.text, erasable=record.erasable)
        )
    return tuple(records)


def new_salt() -> str:
    """Return a new salt that nobody can guess."""
    return secrets.token_hex(16)


def read_event(record: EventRecord) -> Event:
    """Read an event from what `record_event` wrote; what was erased is `None`.

    Raises:
        InvalidValue: The record is something else.
    """
    validation.require_a(record, EventRecord, "The record", "an EventRecord")
    value = value_in(record.text, "event")
    if not isinstance(value, dict):
        raise unreadable(record.text, "event")
    texts = {} if record.erasable is None else _texts_in(record.erasable)
    for name, part in value.items():
        if isinstance(part, dict) and part.keys() == {_SEAL}:
            value[name] = texts.get(name)
    return structured(value, AN_EVENT, record.text, "event")


def _texts_in(erasable: str) -> dict[str, object]:
    try:
        return {**json.loads(erasable)["texts"]}
    except (ValueError, RecursionError, KeyError, TypeError) as exc:
        raise unreadable(erasable, "event") from exc
