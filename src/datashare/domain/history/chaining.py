"""Pure: how the history of an agreement is chained by hash; it touches nothing but the standard library and attrs.

There is one chain for each agreement, so that writers of different agreements never wait for one another (H3).
"""

from __future__ import annotations

import hashlib
import json

import attrs

from datashare.domain import checks
from datashare.domain.agreements import AgreementId
from datashare.errors import InvalidValue

# Made once, since json.dumps would make an encoder for each value; nothing that is written here holds a circle.
canonical = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")).encode
"""Writes a value as canonical JSON text: keys sorted, no spaces, so that equal values give equal text."""

BEFORE_THE_FIRST = "0" * 64
"""What stands in the place of a predecessor's hash for the first event of an agreement."""


@attrs.frozen(kw_only=True)
class EventRecord:
    """An event as a store keeps it: what is chained and kept for ever, and what can be erased (H3, H4).

    Attributes:
        text: The event as canonical JSON text; in the place of what people wrote stands its seal.
        erasable: What people wrote with its salt, as JSON text; `None` where nobody wrote anything, or it was erased.
    """

    text: str
    erasable: str | None


@attrs.frozen(kw_only=True)
class ChainedRecord(EventRecord):
    """An event as it is kept in the chain of its agreement, unread (H3).

    Attributes:
        sequence: Under which number it is kept; that of the event itself, if nobody moved it.
        at: The instant by which the store finds and orders it, as kept beside it; no hash covers it. It is written as
            `datashare.domain.instants.instant_text` does, and whatever else is there in any form.
        hash: The hash that is kept with it, as `chained` gives it.
    """

    sequence: int = attrs.field(validator=checks.is_a(int, "a whole number"))
    at: str = attrs.field(validator=checks.is_a(str, "text"))
    hash: str = attrs.field(validator=checks.is_a(str, "text"))


@attrs.frozen(kw_only=True)
class StateRecord:
    """An agreement's present state as it is kept beside the events, unread; access is decided from it.

    Attributes:
        version: The number of the last event.
        head: The hash of the last event.
        text: What the events fold to, as `datashare.codec.encode` writes an `Agreement`.
    """

    version: int = attrs.field(validator=checks.is_a(int, "a whole number"))
    head: str = attrs.field(validator=checks.is_a(str, "text"))
    text: str = attrs.field(validator=checks.is_a(str, "text"))


AN_AGREEMENT_OR_KEY = checks.is_a((AgreementId, str), "an AgreementId, or the text of a key that names none")
_STATE_OR_NONE = checks.is_a((StateRecord, type(None)), "a StateRecord or None")


@attrs.frozen(kw_only=True)
class Chain:
    """All that is kept of the history of one agreement, at one moment, unread (H3).

    Attributes:
        agreement: Under which agreement it is kept; the key as it is, where it names none.
        state: The present state; `None` where none is kept.
        records: The events, in the order of the numbers under which they are kept.
    """

    agreement: AgreementId | str = attrs.field(validator=AN_AGREEMENT_OR_KEY)
    state: StateRecord | None = attrs.field(validator=_STATE_OR_NONE)
    records: tuple[ChainedRecord, ...] = attrs.field(
        converter=checks.to_tuple, validator=checks.all_are(ChainedRecord, "ChainedRecords")
    )


def agreement_under(key: str) -> AgreementId | str:
    """Name the agreement of a key such as ``mat:5143/100000``; the key itself, where it names none."""
    try:
        found = AgreementId.parse(key)
    except InvalidValue:
        return key
    return found if str(found) == key else key


def chained(previous: str, text: str) -> str:
    """Hash an event's canonical text together with its predecessor's hash (H3).

    Args:
        previous: The predecessor's hash, `BEFORE_THE_FIRST` for the first event.
        text: The event's text as it is kept for ever, without what people wrote.

    Returns:
        SHA-256 of *previous*, a line feed and *text* in UTF-8, as 64 lower-case hexadecimal digits.
    """
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def sealed(salt: str, field: str, text: str) -> str:
    """Hash what somebody wrote, so that it can be erased and the chain still holds (H4).

    Args:
        salt: Random text that is kept beside *text* and erased with it; without it nobody can try out guesses.
        field: The name of the event's field.
        text: What was written.

    Returns:
        SHA-256 of the three, joined by line feeds, in UTF-8, as 64 lower-case hexadecimal digits.
    """
    return hashlib.sha256(f"{salt}\n{field}\n{text}".encode()).hexdigest()


def words_fit(record: EventRecord) -> bool:
    """Tell whether what stands beside an event is what people wrote, or less of it (H4).

    What was erased fits: the whole, or one text of several. Whatever else was changed does not, nor does anything that
    was added.
    """
    if record.erasable is None:
        return True
    try:
        value, beside = json.loads(record.text)["value"], json.loads(record.erasable)
        salt, texts = beside["salt"], beside["texts"]
        if record.erasable != canonical({"salt": salt, "texts": texts}) or type(salt) is not str:
            return False
        seals = {name: {"sha256": sealed(salt, name, text)} for name, text in texts.items() if type(text) is str}
        return bool(texts) and texts.keys() == seals.keys() and all(value[name] == seals[name] for name in seals)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return False
