"""Commands, events, agreements and notices as JSON text, versioned, so that they can be carried and kept.

Instants are ISO 8601 in UTC with six decimals, days ISO 8601, identities their text, enumerations their values.
What is written by one version of this library is read by every later one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from datashare.domain import checks
from datashare.domain.agreements import (
    FREE_TEXT,
    Actor,
    Agreement,
    AgreementId,
    Batch,
    Caution,
    Command,
    Event,
    ImportAgreement,
    Named,
    Recipients,
    RequestId,
    SystemActor,
)
from datashare.domain.history import sealed
from datashare.domain.instants import Instant, instant_text, parse_instant, to_instant
from datashare.domain.institutions import GroupId
from datashare.domain.notices import Notice
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue

__all__ = [
    "EventRecord",
    "VERSION",
    "decode_agreement",
    "decode_batch",
    "decode_cautions",
    "decode_command",
    "decode_event",
    "decode_notice",
    "encode",
    "encode_cautions",
    "fingerprint",
    "fingerprints",
    "read_event",
    "record_event",
]

VERSION = 1
"""The version of the written form."""

_T = TypeVar("_T")


def encode(value: Agreement | Batch | Command | Event | Notice) -> str:
    """Write a value as canonical JSON text: keys sorted, no spaces, equal values giving equal text.

    Raises:
        InvalidValue: It is none of these kinds.
    """
    given: type = type(value)
    write = _writer(given)
    if write is None:
        raise InvalidValue("The value to encode", value, "an Agreement, Batch, command, event or Notice")
    return _written(write(value))


@cache
def _writer(given: type) -> Callable[[Any], Any] | None:
    """Find what writes values of one class, once for each class."""
    kinds: tuple[Any, ...] = (Agreement, Batch, Command, Event, Notice)
    return next((converter().get_unstructure_hook(kind) for kind in kinds if issubclass(given, kind)), None)


def decode_agreement(text: str) -> Agreement:
    """Read what `encode` wrote of an `Agreement`.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Agreement = _decode(text, Agreement, "agreement")
    return found


def decode_batch(text: str) -> Batch:
    """Read what `encode` wrote of a `Batch`.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Batch = _decode(text, Batch, "batch")
    return found


def decode_command(text: str) -> Command:
    """Read what `encode` wrote of a command.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Command = _decode(text, Command, "command")
    return found


def decode_event(text: str) -> Event:
    """Read what `encode` wrote of an event.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Event = _decode(text, Event, "event")
    return found


def decode_notice(text: str) -> Notice:
    """Read what `encode` wrote of a `Notice`.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Notice = _decode(text, Notice, "notice")
    return found


def encode_cautions(cautions: Iterable[Caution]) -> str:
    """Write the cautions of an outcome, in their order, as canonical JSON text.

    Raises:
        InvalidValue: They are no cautions.
    """
    given = checks.require_all(cautions, Caution, "The cautions to encode", "a collection of Cautions")
    return _written(converter().unstructure(given, tuple[Caution, ...]))


def decode_cautions(text: str) -> tuple[Caution, ...]:
    """Read what `encode_cautions` wrote.

    Raises:
        InvalidValue: It is no such text.
    """
    found: tuple[Caution, ...] = _decode(text, tuple[Caution, ...], "cautions")
    return found


@attrs.frozen(kw_only=True)
class EventRecord:
    """An event as a store keeps it: what is chained and kept for ever, and what can be erased (H3, H4).

    Attributes:
        text: The event as canonical JSON text; in the place of what people wrote stands its seal.
        erasable: What people wrote with its salt, as JSON text; `None` where nobody wrote anything, or it was erased.
    """

    text: str
    erasable: str | None


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
    fields = {name: getattr(event, name) for name in _FREE_TEXTS[type(event)]}
    written = {name: text for name, text in fields.items() if text is not None}
    if not written:
        return EventRecord(text=encode(event), erasable=None)
    seals = {name: {_SEAL: sealed(salt, name, text)} for name, text in written.items()}
    return EventRecord(
        text=_written({**converter().unstructure(event, Event), **seals}),
        erasable=_canonical({"salt": salt, "texts": written}),
    )


def read_event(record: EventRecord) -> Event:
    """Read an event from what `record_event` wrote; what was erased is `None`.

    Raises:
        InvalidValue: It is no such record.
    """
    checks.require_a(record, EventRecord, "The record", "an EventRecord")
    value = _value_in(record.text, "event")
    if not isinstance(value, dict):
        raise InvalidValue("The event text", record.text, _expected("event"))
    texts = {} if record.erasable is None else _texts_in(record.erasable)
    unsealed = {name: texts.get(name) if _is_seal(found) else found for name, found in value.items()}
    event: Event = _structured(unsealed, Event, record.text, "event")
    return event


def _is_seal(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_SEAL}


def _texts_in(erasable: str) -> dict[str, object]:
    try:
        texts: object = json.loads(erasable)["texts"]
    except (ValueError, RecursionError, KeyError, TypeError) as exc:
        raise InvalidValue("The erasable text", erasable, _expected("event")) from exc
    if not isinstance(texts, dict):
        raise InvalidValue("The erasable text", erasable, _expected("event"))
    return texts


_SEAL = "sha256"


_FREE_TEXTS: Mapping[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in attrs.fields(kind) if field.metadata.get(FREE_TEXT)) for kind in get_args(Event)
}


def _written(value: object) -> str:
    return _canonical({"v": VERSION, "value": value})


def _decode(text: str, kind: Any, name: str) -> Any:
    return _structured(_value_in(text, name), kind, text, name)


def _expected(name: str) -> str:
    return f"what encode wrote for kind '{name}', in version {VERSION}"


def _value_in(text: str, name: str) -> Any:
    """Take the value out of the written form, whatever it is."""
    given: object = text
    if not isinstance(given, str):  # json would read bytes too
        raise InvalidValue(f"The {name} text", text, _expected(name))
    try:
        written = json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise InvalidValue(f"The {name} text", text, _expected(name)) from exc
    if not _is_of_this_version(written):
        raise InvalidValue(f"The {name} text", text, _expected(name))
    return written["value"]


def _structured(value: Any, kind: Any, text: str, name: str) -> Any:
    try:
        return converter().structure(value, kind)
    except cattrs.BaseValidationError as exc:
        why = "; ".join(cattrs.transform_error(exc))
        raise InvalidValue(f"The {name} text", text, f"{_expected(name)} ({why})") from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidValue(f"The {name} text", text, _expected(name)) from exc


def _is_of_this_version(written: object) -> bool:
    if not isinstance(written, dict) or written.keys() != {"v", "value"}:
        return False
    version = written["v"]
    return type(version) is int and version == VERSION  # JSON's true and 1.0 equal 1 too


def fingerprint(actor: Actor, command: Command) -> tuple[str, str]:
    """Digest what *actor* asks, to tell a repeated command from a different one (K4).

    Returns:
        The digest of what the command says to every school, and of all that it says to this one.
    """
    return next(fingerprints(actor, (command,)))


def fingerprints(actor: Actor, commands: Iterable[Command]) -> Iterator[tuple[str, str]]:
    """Digest many commands of one action, each as `fingerprint` does.

    Cost: what they say to every school is digested once, where it does not change from one to the next.
    """
    write, who = converter().get_unstructure_hook(Command), str(actor)
    last, shared_digest = None, ""
    for command in commands:
        whole = write(command)
        if isinstance(getattr(command, "recipients", None), Named):
            # The same people make the same command, in whatever order a set gives them.
            whole["recipients"]["people"].sort()
        shared = _shared(command, whole)
        if shared != last:
            last, shared_digest = shared, _digest([who, shared])
        yield shared_digest, _digest([who, whole])


def _shared(command: Command, whole: dict[str, Any]) -> dict[str, Any]:
    if isinstance(command, ImportAgreement):
        return {"kind": whole["kind"]}
    shared = {name: value for name, value in whole.items() if name not in _OF_ONE_SCHOOL}
    if isinstance(getattr(command, "recipients", None), Named):
        shared["recipients"] = "named"
    return shared


_OF_ONE_SCHOOL = frozenset({"urn", "request"})


def _digest(value: object) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


# Made once, since json.dumps would make an encoder for each value; what the converter writes holds no circle.
_canonical = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")).encode


@cache
def converter() -> cattrs.Converter:
    """Make the converter, once, when it is first needed."""
    made = cattrs.Converter(forbid_extra_keys=True)
    made.register_structure_hook(str, _exact_text)
    for plain in (int, bool):
        made.register_structure_hook(plain, _exactly)
    made.register_structure_hook_factory(_is_collection, lambda kind: _from_array(made, kind))
    for kind in (GroupId, AgreementId, RequestId, PersonId):
        _as_text(made, kind, str, kind.parse)
    _as_text(made, SystemActor, str, _system_actor)
    _as_text(made, Actor, str, _actor)
    _as_text(made, Instant, _instant_text, parse_instant)
    _as_text(made, date, date.isoformat, _day)
    made.register_unstructure_hook_factory(_is_set, _sorted_set)
    made.register_unstructure_hook(Enum, attrgetter("_value_"))  # .value asks a property written in Python
    for union in (Recipients, Command, Event):
        configure_tagged_union(union, made, tag_generator=_tag, tag_name="kind")
    later = override(omit_if_default=True)  # these came to notices later, and older texts stay as they are
    made.register_unstructure_hook(Notice, make_dict_unstructure_fn(Notice, made, actor_name=later, cause=later))
    return made


def _exactly(value: object, kind: type[_T]) -> _T:
    """Take a plain value as it is, where the converter would make text of anything."""
    if type(value) is not kind:
        raise InvalidValue("A value", value, f"JSON of type {kind.__name__}")
    return value


def _exact_text(value: object, kind: type[str]) -> str:
    found = _exactly(value, kind)
    found.encode()  # half of a surrogate pair, which no store can keep, is a ValueError here
    return found


def _is_collection(kind: Any) -> bool:
    return get_origin(kind) in {tuple, frozenset}


def _from_array(made: cattrs.Converter, kind: Any) -> Callable[[object, object], object]:
    """Read a collection from a JSON array alone, where the converter would walk over a text or an object."""
    collection = get_origin(kind)
    as_list: Any = GenericAlias(list, get_args(kind)[:1])

    def read(value: object, _: object) -> object:
        return collection(made.structure(_exactly(value, list), as_list))

    return read


def _instant_text(instant: Instant) -> str:
    # Whoever made the event may have handed in an instant of another time zone.
    return _utc_text(to_instant(instant))


# The values of one action share their instant. Only UTC is kept: elsewhere two instants are equal as clocks go back.
_utc_text = lru_cache(maxsize=64)(instant_text)


def _tag(kind: type) -> str:
    """Name a class in snake case; stored text holds these names, so a class is never renamed."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _as_text(made: cattrs.Converter, kind: Any, write: Callable[[Any], str], read: Callable[[object], object]) -> None:
    made.register_unstructure_hook(kind, write)
    made.register_structure_hook(kind, lambda value, _: read(value))


def _system_actor(text: object) -> SystemActor:
    if not isinstance(text, str) or not text.startswith("system:"):
        raise InvalidValue("A system's name", text, "text such as 'system:nightly'")
    return SystemActor(text.removeprefix("system:"))


def _actor(text: object) -> Actor:
    if isinstance(text, str) and text.startswith("system:"):
        return _system_actor(text)
    return PersonId.parse(text)


def _day(text: object) -> date:
    try:
        return date.fromisoformat(text)  # type: ignore[arg-type]  # TypeError is caught
    except (TypeError, ValueError) as exc:
        raise InvalidValue("A day", text, "ISO 8601 text such as 2026-05-03") from exc


def _is_set(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is frozenset


def _sorted_set(_kind: Any) -> Callable[[frozenset[Any]], list[Any]]:
    return sorted
