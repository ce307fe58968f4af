"""Values as canonical JSON text, by functions that are put together once for each class.

What is read goes through cattrs, which refuses all that is not as it should be. What is written is a value of the
library's own, and a bulk action writes thousands of them: so each class gets a function that is one template of its
fields, in the order of their names, as attrs and cattrs too put functions together. Nothing is made, sorted and
walked in between. The text is that of `json.dumps` to the character, which a test compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from datashare.domain.agreements import CAME_LATER, AgreementId, AllEligible, RequestId, SystemActor, WithRoles
from datashare.domain.instants import Instant, instant_text, to_instant
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId

Writer = Callable[[Any], str]

_IDS = frozenset({GroupId, AgreementId, RequestId, PersonId, SystemActor, PersonId | SystemActor})


_TAGS: dict[type, str] = {AllEligible: "everyone", WithRoles: "holders_of"}


def tag_of(kind: type) -> str:
    """Return the tag under which values of a class are stored: its first name, in snake case."""
    return _TAGS.get(kind) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def instant_in_utc(instant: Instant) -> str:
    """Write an instant, whatever the time zone of whoever handed it in."""
    return instant_text(to_instant(instant))


@cache
def writer(kind: Any) -> Writer:
    """Find what writes values of a type, once for each type."""
    names: dict[str, Any] = {}
    return _function(_template(kind, "value", names), names)


def _template(kind: Any, value: str, names: dict[str, Any]) -> str:
    """Give the expression for the text of *value*, of a type; what it calls is added to *names*."""
    if kind is str:
        return f"quoted({value})"
    if kind in _IDS:
        return f"quoted(str({value}))"
    if kind is int:
        return f"str({value})"
    if kind is bool:
        return f"('true' if {value} else 'false')"
    if kind is date:
        return f"quoted({value}.isoformat())"
    if kind is Instant:
        return f"quoted(instant({value}))"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"quoted({value}._value_)"  # .value asks a property written in Python
    return _template_of_many(kind, value, names)


def _template_of_many(kind: Any, value: str, names: dict[str, Any]) -> str:
    members = get_args(kind)
    if get_origin(kind) in {tuple, frozenset}:
        each = f"sorted({value})" if get_origin(kind) is frozenset else value
        return f"'[' + ','.join(map({_named(writer(members[0]), names)}, {each})) + ']'"
    if NoneType in members:
        (present,) = (one for one in members if one is not NoneType)
        return f"('null' if {value} is None else {_template(present, value, names)})"
    if members:
        by_class = {one: _function_of(one, tag=tag_of(one)) for one in members}
        return f"{_named(by_class, names)}[type({value})]({value})"
    return f"{_named(_function_of(kind), names)}({value})"


def _named(thing: Any, names: dict[str, Any]) -> str:
    name = f"_{len(names)}"
    names[name] = thing
    return name


def _function_of(kind: type[attrs.AttrsInstance], tag: str | None = None) -> Writer:
    """Make what writes the fields of a class, in the order of their names, its tag among them if it has one."""
    names: dict[str, Any] = {}
    types = get_type_hints(kind)
    fields = {field.name: field for field in attrs.fields(kind) if field.init}
    parts = {name: _template(types[name], f"value.{name}", names) for name in fields}
    if tag is not None:
        parts["kind"] = f"quoted({tag!r})"
    later = {name for name, field in fields.items() if CAME_LATER in field.metadata}
    *most, last = [_member(name, parts[name], is_later=name in later) for name in sorted(parts)]
    # The last member of a class is never one that came later, so each of these can bring the comma after it.
    return _function(f"f'''{{{{{''.join(most)}{last.removesuffix(',')}}}}}'''", names)


def _member(name: str, template: str, *, is_later: bool) -> str:
    """Give a member of an object with the comma after it; one that came later only where it holds something."""
    if is_later:
        return f"{{'{json.dumps(name)}:' + {template} + ',' if value.{name} else ''}}"
    return f"{json.dumps(name)}:{{{template}}},"


def _function(expression: str, names: dict[str, Any]) -> Writer:
    known = {"quoted": json.encoder.encode_basestring, "instant": instant_in_utc}
    made: Writer = eval(f"lambda value: {expression}", {**known, **names})  # noqa: S307 - of our own classes alone
    return made
