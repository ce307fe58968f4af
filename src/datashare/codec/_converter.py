"""How each type of the library is written as JSON, and read from that form only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import is_mapping
from cattrs.fns import identity
from cattrs.gen import make_dict_unstructure_fn_from_attrs, override
from cattrs.strategies import configure_tagged_union

from datashare.domain.agreements.commands import CAME_LATER, AllEligible, Command, Recipients, WithRoles
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, AgreementId, RequestId, SystemActor
from datashare.domain.instants import Instant, instant_text, parse_instant, to_instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue

_T = TypeVar("_T")

_TAGS: dict[type, str] = {AllEligible: "everyone", WithRoles: "holders_of"}
"""The classes that are stored under their first names; all others under their present name."""


def tag_of(kind: type) -> str:
    """Return the tag under which values of a class are stored, in snake case."""
    return _TAGS.get(kind) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@cache
def converter() -> cattrs.Converter:
    """Return the converter that writes every value of the library as plain values for JSON.

    ``converter().unstructure(page)`` is what `json.dumps` and every JSON response take: a dict of an attrs value, with
    ids, instants and days as text, spans of time as seconds, enumerations as their values, and collections as lists.
    Words, such as labels and the `str` of an answer, are for the page to add. The functions `decode_…` read what is to
    be read again. It is built once, when it is first needed.
    """
    built = cattrs.Converter(forbid_extra_keys=True)
    built.register_structure_hook(str, _exact_text)
    for plain in (int, bool):
        built.register_structure_hook(plain, _exactly)
    built.register_structure_hook_factory(_is_collection, lambda kind: _from_array(built, kind))
    for kind in (GroupId, AgreementId, RequestId, PersonId):
        _as_text(built, kind, str, kind.parse)
    _as_text(built, Actor, str, _actor)
    _as_text(built, Instant, _instant_text, parse_instant)
    _as_text(built, date, date.isoformat, _day)
    built.register_unstructure_hook_factory(attrs.has, lambda kind: _to_object(built, kind))
    built.register_unstructure_hook_func(lambda kind: kind == str | None, identity)  # asked of thousands of values
    built.register_unstructure_hook_factory(_is_collection, lambda kind: _to_array(built, kind))
    built.register_unstructure_hook_func(_is_tuple_of_its_own, lambda values: list(map(built.unstructure, values)))
    built.register_unstructure_hook(frozenset, lambda values: sorted(map(built.unstructure, values)))
    built.register_unstructure_hook(timedelta, timedelta.total_seconds)
    built.register_unstructure_hook_factory(is_mapping, lambda _kind: lambda pairs: _to_pairs(built, pairs))
    built.register_unstructure_hook(Enum, attrgetter("_value_"))  # .value asks a property written in Python
    for union in (Recipients, Command, Event):
        configure_tagged_union(union, built, tag_generator=tag_of, tag_name="kind")
    return built


def _exactly(value: object, kind: type[_T]) -> _T:
    """Return a plain value as it is; the converter itself would turn anything into text."""
    if type(value) is not kind:
        raise InvalidValue("A value", value, f"JSON of type {kind.__name__}")
    return value


def _exact_text(value: object, kind: type[str]) -> str:
    text = _exactly(value, kind)
    text.encode()  # half of a surrogate pair, which no store can keep, is a ValueError here
    return text


def _is_collection(kind: Any) -> bool:
    return get_origin(kind) in {tuple, frozenset}


def _is_tuple_of_its_own(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and kind is not tuple


def _from_array(built: cattrs.Converter, kind: Any) -> Callable[[object, object], object]:
    """Read a collection from a JSON array only; the converter itself would walk over a text or an object."""
    collection = get_origin(kind)
    as_list: Any = GenericAlias(list, get_args(kind)[:1])
    return lambda value, _: collection(built.structure(_exactly(value, list), as_list))


def _to_array(built: cattrs.Converter, kind: Any) -> Callable[[Any], list[Any]]:
    """Write a collection as a JSON array, a set in the order of its values."""
    part = get_args(kind)[0]
    # What a generic value such as a page holds is known only from the value.
    hook = built.unstructure if isinstance(part, TypeVar) else built.get_unstructure_hook(part)
    if get_origin(kind) is frozenset:
        return lambda values: sorted(map(hook, values))
    return lambda values: list(map(hook, values))


def _to_pairs(built: cattrs.Converter, pairs: Mapping[Any, Any]) -> dict[str, Any]:
    """Write a mapping with keys that JSON can have: an id or an enumeration as its text or value."""
    return {str(built.unstructure(key)): built.unstructure(value) for key, value in pairs.items()}


def _as_text(built: cattrs.Converter, kind: Any, write: Callable[[Any], str], read: Callable[[object], object]) -> None:
    built.register_unstructure_hook(kind, write)
    built.register_structure_hook(kind, lambda value, _: read(value))


def _instant_text(instant: Instant) -> str:
    """Write an instant in UTC, whatever its time zone."""
    return instant_text(to_instant(instant))


def _to_object(built: cattrs.Converter, kind: Any) -> Callable[[Any], dict[str, Any]]:
    """Write a value's fields in the order of their names, which is the quickest to sort for canonical text.

    Fields that were added later are left out where they hold nothing, so that older texts stay as they are.
    """
    fields = sorted(attrs.fields(attrs.resolve_types(kind)), key=lambda field: field.name)
    later: dict[str, Any] = {
        field.name: override(omit_if_default=True) for field in fields if CAME_LATER in field.metadata
    }
    return make_dict_unstructure_fn_from_attrs(fields, kind, built, **later)


def _actor(text: object) -> Actor:
    if isinstance(text, str) and text.startswith("system:"):
        return SystemActor(text.removeprefix("system:"))
    return PersonId.parse(text)


def _day(text: object) -> date:
    try:
        return date.fromisoformat(text)  # type: ignore[arg-type]  # TypeError is caught
    except (TypeError, ValueError) as exc:
        raise InvalidValue("A day", text, "ISO 8601 text such as 2026-05-03") from exc
