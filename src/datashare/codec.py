"""Commands, events and notices as JSON text, versioned, so that they can be carried and kept.

Instants are ISO 8601 in UTC with six decimals, days ISO 8601, identities their text, enumerations their values.
What is written by one version of this library is read by every later one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

import cattrs
from cattrs.strategies import configure_tagged_union

from datashare.domain.agreements import (
    Actor,
    AgreementId,
    Batch,
    Command,
    Event,
    ImportAgreement,
    Named,
    Recipients,
    RequestId,
    SystemActor,
)
from datashare.domain.instants import Instant, instant_text, parse_instant, to_instant
from datashare.domain.institutions import GroupId
from datashare.domain.notices import Notice
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue

__all__ = [
    "VERSION",
    "decode_batch",
    "decode_command",
    "decode_event",
    "decode_notice",
    "encode",
    "fingerprint",
    "fingerprints",
]

VERSION = 1
"""The version of the written form."""

_T = TypeVar("_T")


def encode(value: Batch | Command | Event | Notice) -> str:
    """Write a value as canonical JSON text: keys sorted, no spaces, equal values giving equal text.

    Raises:
        InvalidValue: It is none of these kinds.
    """
    given: type = type(value)
    write = _writer(given)
    if write is None:
        raise InvalidValue("The value to encode", value, "a Batch, command, event or Notice")
    return _canonical({"v": VERSION, "value": write(value)})


@cache
def _writer(given: type) -> Callable[[Any], Any] | None:
    """Find what writes values of one class, once for each class."""
    kinds: tuple[Any, ...] = (Batch, Command, Event, Notice)
    return next((converter().get_unstructure_hook(kind) for kind in kinds if issubclass(given, kind)), None)


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


def _decode(text: str, kind: Any, name: str) -> Any:
    expected = f"what encode wrote for kind '{name}', in version {VERSION}"
    given: object = text
    if not isinstance(given, str):  # json would read bytes too
        raise InvalidValue(f"The {name} text", text, expected)
    try:
        written = json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise InvalidValue(f"The {name} text", text, expected) from exc
    if not _is_of_this_version(written):
        raise InvalidValue(f"The {name} text", text, expected)
    try:
        return converter().structure(written["value"], kind)
    except cattrs.BaseValidationError as exc:
        why = "; ".join(cattrs.transform_error(exc))
        raise InvalidValue(f"The {name} text", text, f"{expected} ({why})") from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidValue(f"The {name} text", text, expected) from exc


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
