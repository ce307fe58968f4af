"""How each type of the library is written as JSON, and read back from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from functools import cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

import cattrs
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from datashare.domain.agreements import (
    Actor,
    AgreementId,
    Command,
    EndAgreement,
    Event,
    Recipients,
    RequestId,
    SystemActor,
)
from datashare.domain.instants import Instant, parse_instant
from datashare.domain.notices import Notice
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue

from ._writers import instant_in_utc, tag_of

_T = TypeVar("_T")


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
    _as_text(made, Instant, instant_in_utc, parse_instant)
    _as_text(made, date, date.isoformat, _day)
    made.register_unstructure_hook_factory(_is_set, _sorted_set)
    made.register_unstructure_hook(Enum, attrgetter("_value_"))  # .value asks a property written in Python
    later = override(omit_if_default=True)  # as the writers do, so that older texts stay as they are
    made.register_unstructure_hook(
        Notice,
        make_dict_unstructure_fn(
            Notice,
            made,
            actor_name=later,
            answerers=later,
            asked_on=later,
            cause=later,
            nobody_can_answer=later,
        ),
    )
    made.register_unstructure_hook(EndAgreement, make_dict_unstructure_fn(EndAgreement, made, planned=later))
    for union in (Recipients, Command, Event):
        configure_tagged_union(union, made, tag_generator=tag_of, tag_name="kind")
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
