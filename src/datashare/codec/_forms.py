"""Whole values as versioned text, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import cattrs

from datashare.domain import validation
from datashare.domain.agreements import Agreement, Batch, Caution, Command, Event
from datashare.domain.chain import canonical
from datashare.domain.notices import Notice
from datashare.domain.reconciliation import Plan
from datashare.domain.register import Group, Institution, SuccessorLink
from datashare.domain.text import one_line
from datashare.errors import InvalidValue

from ._converter import converter

VERSION = 1
"""The version of the written form."""

Value = Agreement | Batch | Command | Event | Notice | Plan | Group | Institution | SuccessorLink
"""What can be written."""

_KINDS = "an Agreement, Batch, command, event, Notice or Plan, or a value of the register"

_T = TypeVar("_T")
_A_COMMAND: type[Command] = cast("Any", Command)  # mypy takes no union for a type
_CLUSTERS = validation.rule_of(Mapping[validation.Key, frozenset[validation.Urn]])
AN_EVENT: type[Event] = cast("Any", Event)


def encode(value: Value) -> str:
    """Write a value as canonical JSON text: keys sorted, no spaces, equal values giving equal text.

    Raises:
        InvalidValue: It is not one of these kinds.
    """
    return written_form(plain(value))


def plain(value: Value) -> Any:
    """Return a value as dictionaries, lists, texts and numbers.

    Raises:
        InvalidValue: It is not one of these kinds.
    """
    given: type = type(value)
    hook = _hook_for(given)
    if hook is None:
        raise InvalidValue("The value to encode", value, _KINDS)
    return hook(value)


@cache
def _hook_for(given: type) -> Callable[[Any], Any] | None:
    """Find the converter's function for values of one class, once for each class."""
    kinds: tuple[Any, ...] = (Agreement, Batch, Command, Event, Notice, Plan, Group, Institution, SuccessorLink)
    return next((converter().get_unstructure_hook(kind) for kind in kinds if issubclass(given, kind)), None)


def written_form(value: object) -> str:
    """Write a plain value as versioned text."""
    return f'{{"v":{VERSION},"value":{canonical(value)}}}'


def encode_cautions(cautions: Iterable[Caution]) -> str:
    """Write the cautions of an outcome, in their order, as canonical JSON text.

    Raises:
        InvalidValue: One of them is not a `Caution`.
    """
    values = validation.require_all(cautions, Caution, "The cautions to encode", "a collection of Cautions")
    return written_form(converter().unstructure(values, tuple[Caution, ...]))


def decode_agreement(text: str) -> Agreement:
    """Read what `encode` wrote of an `Agreement`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, Agreement, "agreement")


def decode_batch(text: str) -> Batch:
    """Read what `encode` wrote of a `Batch`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, Batch, "batch")


def decode_command(text: str) -> Command:
    """Read what `encode` wrote of a command.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, _A_COMMAND, "command")


def decode_event(text: str) -> Event:
    """Read what `encode` wrote of an event.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, AN_EVENT, "event")


def decode_notice(text: str) -> Notice:
    """Read what `encode` wrote of a `Notice`.

    Raises:
        InvalidValue: The text is something else.
    """
    value = value_in(text, "notice")
    # Older versions kept names as the host gave them, line breaks included.
    for holder, name in [(value, name) for name in _NAMES] + [(person, "name") for person in _named(value)]:
        if isinstance(holder, dict) and isinstance(holder.get(name), str):
            holder[name] = one_line(holder[name])
    return structured(value, Notice, text, "notice")


_NAMES = ("group_name", "institution_name", "sender_name", "actor_name")


def _named(notice: Any) -> Iterator[object]:
    """Walk over the people that a notice names, as it is written."""
    for field in ("people", "answerers"):
        people = notice.get(field) if isinstance(notice, dict) else None
        yield from people if isinstance(people, list) else ()


def decode_plan(text: str) -> Plan:
    """Read what `encode` wrote of a `Plan`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, Plan, "plan")


def decode_group(text: str) -> Group:
    """Read what `encode` wrote of a `Group`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, Group, "group")


def decode_institution(text: str) -> Institution:
    """Read what `encode` wrote of an `Institution`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, Institution, "institution")


def decode_successor_link(text: str) -> SuccessorLink:
    """Read what `encode` wrote of a `SuccessorLink`.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, SuccessorLink, "successor link")


def encode_clusters(clusters: Mapping[str, Iterable[int]]) -> str:
    """Write a group's own sets of schools as canonical JSON text: the URNs of each, by name (B6).

    Raises:
        InvalidValue: It is something else.
    """
    checked = _CLUSTERS.require(validation.to_mapping(clusters, validation.to_frozenset), "clusters")
    return written_form({name: sorted(urns) for name, urns in checked.items()})


def decode_clusters(text: str) -> dict[str, frozenset[int]]:
    """Read what `encode_clusters` wrote.

    Raises:
        InvalidValue: The text is something else.
    """
    clusters: dict[str, frozenset[int]] = _CLUSTERS.require(
        _decode(text, dict[str, frozenset[int]], "clusters"), "clusters"
    )
    return clusters


def decode_cautions(text: str) -> tuple[Caution, ...]:
    """Read what `encode_cautions` wrote.

    Raises:
        InvalidValue: The text is something else.
    """
    return _decode(text, tuple[Caution, ...], "cautions")


def _decode(text: str, kind: type[_T], name: str) -> _T:
    return structured(value_in(text, name), kind, text, name)


def unreadable(text: object, name: str, why: str = "") -> InvalidValue:
    """Return the error for text that is not of the written form."""
    expected = f"what encode wrote for kind '{name}', in version {VERSION}"
    return InvalidValue(f"The {name} text", text, f"{expected} ({why})" if why else expected)


def value_in(text: object, name: str) -> Any:
    """Read the plain value that versioned text holds, of any kind."""
    try:
        written: object = json.loads(text) if isinstance(text, str) else None  # json would read bytes too
    except (ValueError, RecursionError) as exc:
        raise unreadable(text, name) from exc
    if isinstance(written, dict) and written.keys() == {"v", "value"}:
        version = written["v"]
        if type(version) is int and version == VERSION:  # JSON's true and 1.0 equal 1 too
            return written["value"]
    raise unreadable(text, name)


def structured(value: object, kind: type[_T], text: object, name: str) -> _T:
    """Build a value of a kind from a plain value that *text* holds."""
    try:
        return converter().structure(value, kind)
    except cattrs.BaseValidationError as exc:
        raise unreadable(text, name, why="; ".join(cattrs.transform_error(exc))) from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise unreadable(text, name) from exc
