"""Events as stores keep them: text that is chained for ever, and beside it what can be erased (H3, H4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import get_args

import attrs

from datashare.domain import checks
from datashare.domain.agreements import FREE_TEXT, Event
from datashare.domain.history import EventRecord, sealed
from datashare.errors import InvalidValue

from ._converter import canonical, converter
from ._forms import encode, expected_of, structured, value_in, written_form


def record_event(event: Event, *, salt: str) -> EventRecord:
    """Write an event down as a store keeps it.

    Args:
        event: The event.
        salt: Random text that nobody can guess, a new one for each event, such as ``secrets.token_hex(16)``.

    Raises:
        InvalidValue: It is no event.
    """
    if not isinstance(event, Event):
        raise InvalidValue("The event to record", event, "an event such as RequestSent(...)")
    written = {name: text for name in _FREE_TEXTS[type(event)] if (text := getattr(event, name)) is not None}
    if not written:
        return EventRecord(text=encode(event), erasable=None)
    seals = {name: {_SEAL: sealed(salt, name, text)} for name, text in written.items()}
    return EventRecord(
        text=written_form({**converter().unstructure(event, Event), **seals}),
        erasable=canonical({"salt": salt, "texts": written}),
    )


def read_event(record: EventRecord) -> Event:
    """Read an event from what `record_event` wrote; what was erased is `None`.

    Raises:
        InvalidValue: It is no such record.
    """
    checks.require_a(record, EventRecord, "The record", "an EventRecord")
    value = value_in(record.text, "event")
    if not isinstance(value, dict):
        raise InvalidValue("The event text", record.text, expected_of("event"))
    texts = {} if record.erasable is None else _texts_in(record.erasable)
    unsealed = {name: texts.get(name) if _is_seal(found) else found for name, found in value.items()}
    event: Event = structured(unsealed, Event, record.text, "event")
    return event


def _is_seal(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_SEAL}


def _texts_in(erasable: str) -> dict[str, object]:
    try:
        texts: object = json.loads(erasable)["texts"]
    except (ValueError, RecursionError, KeyError, TypeError) as exc:
        raise InvalidValue("The erasable text", erasable, expected_of("event")) from exc
    if not isinstance(texts, dict):
        raise InvalidValue("The erasable text", erasable, expected_of("event"))
    return texts


_SEAL = "sha256"


_FREE_TEXTS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in attrs.fields(kind) if field.metadata.get(FREE_TEXT)) for kind in get_args(Event)
}
