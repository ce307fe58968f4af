"""Pure: quick making and copying of frozen values from parts that were validated before; nothing but attrs.

A frozen value is made field by field through `object.__setattr__`, and its validators and converters run each time.
For an action over many schools that is a third of the time of deciding. What is made here is first a *draft*: an
instance of a subclass that adds nothing but plain setting, so that it has the same layout; as its last step it
becomes an instance of the frozen class itself. This takes about a fourth of the time of the constructor.

It may be used only where every part is of a value that was validated already, or is derived from such, and is of the
very type that the field's converter would give: inside the domain, and for what the service hands to a store. Nothing
public may take its parts from a caller this way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import attrs

_P = ParamSpec("_P")
_T = TypeVar("_T")


def maker(kind: Callable[_P, _T]) -> Callable[_P, _T]:
    """Give a function that makes a *kind* as its constructor does, without validators and converters.

    Every field is named by keyword, those with a default too.

    Raises:
        TypeError: The kind derives some of its fields, which only its constructor can do.
    """
    names = _fields(kind)
    lines = [f"_draft.{name} = {name}" for name in names]
    made: Callable[_P, _T] = _compiled(kind, f"make(*, {', '.join(names)})", lines)
    return made


def copier(kind: type[_T]) -> Callable[..., _T]:
    """Give a function that copies a *kind* with some fields changed, as `attrs.evolve` does, without validators.

    A cached hash or property is not copied.

    Raises:
        TypeError: The kind derives some of its fields, which only its constructor can do.
    """
    lines = [f"_draft.{name} = _original.{name}" for name in _fields(kind)]
    changing = ["for _name, _value in _changes.items():", "    setattr(_draft, _name, _value)"]
    copied: Callable[..., _T] = _compiled(kind, "copy(_original, /, **_changes)", [*lines, *changing])
    return copied


def _fields(kind: Any) -> list[str]:  # noqa: ANN401 - attrs knows its own classes
    fields = attrs.fields(kind)
    if not all(field.init for field in fields) or "_attrs_cached_hash" in kind.__slots__:
        raise TypeError(f"{kind.__name__} derives fields or keeps its hash. Make it by its constructor.")
    return [field.name for field in fields]


def _compiled(kind: Any, head: str, lines: list[str]) -> Any:  # noqa: ANN401 - as exec itself
    # Both methods must be the plain ones: with one of them frozen, setting takes the long way.
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    body = ["_draft = _new(_plain)", *lines, "_draft.__class__ = _kind", "return _draft"]
    source = "\n    ".join([f"def {head}:", *body])
    found = {"_new": object.__new__, "_plain": type(kind.__name__, (kind,), plain), "_kind": kind}
    exec(source, found)  # noqa: S102 - the text is made of the class's own field names
    return found[head.partition("(")[0]]
