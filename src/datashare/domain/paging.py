"""Pure: a page of any list (B9); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from datashare.errors import InvalidValue

from . import checks

_T = TypeVar("_T")


def _require_count(value: object, what: str) -> int:
    if type(value) is not int or value < 0:
        raise InvalidValue(what, value, "a whole number from 0")
    return value


def _a_count(_page: object, attribute: attrs.Attribute[Any], value: object) -> None:
    _require_count(value, f"Page.{attribute.name}")


def _items(value: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(checks.require_collection(value, "Page.items"))


@attrs.frozen(kw_only=True)
class Page(Generic[_T]):
    """A part of a list (B9).

    Attributes:
        items: The items of this page, in the list's order.
        total: How many items the whole list has.
        offset: How many items of the list come before this page.
        limit: The most items that a page holds; `None` for no limit.
    """

    items: tuple[_T, ...] = attrs.field(converter=_items)
    total: int = attrs.field(validator=_a_count)
    offset: int = attrs.field(validator=_a_count)
    limit: int | None = attrs.field(validator=attrs.validators.optional(_a_count))


def paged(items: Sequence[_T], offset: int = 0, limit: int | None = None) -> Page[_T]:
    """Take a page of any list (B9).

    Past the end a page is empty and still tells the total; so does one with a limit of 0.

    Args:
        items: The whole list, in order.
        offset: How many items to leave out at the start.
        limit: The most items to give; `None` gives all that follow.

    Raises:
        InvalidValue: The offset or the limit is negative or no whole number, or *items* is not in an order.
    """
    if isinstance(items, (str, bytes)) or not isinstance(items, Sequence):
        raise InvalidValue("items", items, "a list or a tuple")
    first = _require_count(offset, "offset")
    last = None if limit is None else first + _require_count(limit, "limit")
    return Page(items=items[first:last], total=len(items), offset=offset, limit=limit)
