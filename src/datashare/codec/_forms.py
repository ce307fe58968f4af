"""Whole values as versioned text, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import cattrs

from datashare.domain import validation
from datashare.domain.agreements import Agreement, Batch, Caution, Command, Event
from datashare.domain.chain import canonical
from datashare.domain.notices import Notice
from datashare.domain.reconciliation import Plan
from datashare.errors import InvalidValue

from ._converter import converter
from ._writers import Writer, writer

VERSION = 1
"""The version of the written form."""


def encode(value: Agreement | Batch | Command | Event | Notice | Plan) -> str:
    """Write a value as canonical JSON text: keys sorted, no spaces, equal values giving equal text.

    Raises:
        InvalidValue: It is none of these kinds.
    """
    given: type = type(value)
    write = _writer_for(given)
    if write is None:
        raise InvalidValue("The value to encode", value, "an Agreement, Batch, command, event, Notice or Plan")
    return _enveloped(write(value))


@cache
def _writer_for(given: type) -> Writer | None:
    """Find what writes values of one class, once for each class."""
    kinds: tuple[Any, ...] = (Agreement, Batch, Command, Event, Notice, Plan)
    return next((writer(kind) for kind in kinds if issubclass(given, kind)), None)


def _enveloped(written: str) -> str:
    return f'{{"v":{VERSION},"value":{written}}}'


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


def decode_plan(text: str) -> Plan:
    """Read what `encode` wrote of a `Plan`.

    Raises:
        InvalidValue: It is no such text.
    """
    found: Plan = _decode(text, Plan, "plan")
    return found


def encode_cautions(cautions: Iterable[Caution]) -> str:
    """Write the cautions of an outcome, in their order, as canonical JSON text.

    Raises:
        InvalidValue: They are no cautions.
    """
    given = validation.require_all(cautions, Caution, "The cautions to encode", "a collection of Cautions")
    return _enveloped(writer(tuple[Caution, ...])(given))


def decode_cautions(text: str) -> tuple[Caution, ...]:
    """Read what `encode_cautions` wrote.

    Raises:
        InvalidValue: It is no such text.
    """
    found: tuple[Caution, ...] = _decode(text, tuple[Caution, ...], "cautions")
    return found


def written_form(value: object) -> str:
    """Write a value that was taken apart already."""
    return _enveloped(canonical(value))


def _decode(text: str, kind: Any, name: str) -> Any:
    return structured(value_in(text, name), kind, text, name)


def expected_of(name: str) -> str:
    return f"what encode wrote for kind '{name}', in version {VERSION}"


def value_in(text: str, name: str) -> Any:
    """Take the value out of the written form, whatever it is."""
    given: object = text
    if not isinstance(given, str):  # json would read bytes too
        raise InvalidValue(f"The {name} text", text, expected_of(name))
    try:
        written = json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise InvalidValue(f"The {name} text", text, expected_of(name)) from exc
    if not _is_of_this_version(written):
        raise InvalidValue(f"The {name} text", text, expected_of(name))
    return written["value"]


def structured(value: Any, kind: Any, text: str, name: str) -> Any:
    try:
        return converter().structure(value, kind)
    except cattrs.BaseValidationError as exc:
        why = "; ".join(cattrs.transform_error(exc))
        raise InvalidValue(f"The {name} text", text, f"{expected_of(name)} ({why})") from exc
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidValue(f"The {name} text", text, expected_of(name)) from exc


def _is_of_this_version(written: object) -> bool:
    if not isinstance(written, dict) or written.keys() != {"v", "value"}:
        return False
    version = written["v"]
    return type(version) is int and version == VERSION  # JSON's true and 1.0 equal 1 too
