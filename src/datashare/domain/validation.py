"""Pure checks of values from outside: they touch nothing but what they are handed.

Each check is an attrs validator or converter that raises `InvalidValue` with words a person can act on.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeGuard, TypeVar

import attrs

from datashare.errors import InvalidValue

_E = TypeVar("_E", bound=enum.Enum)
_T = TypeVar("_T")
Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]

LEAST_URN, MOST_URN = 1, 9_999_999
LONGEST_TEXT = 10_000
LONGEST_KEY = 200


def _name(instance: object, attribute: attrs.Attribute[Any]) -> str:
    return f"{type(instance).__name__}.{attribute.name}"


def is_a(kind: type | tuple[type, ...], expected: str) -> Check:
    """Check that a field's value is an instance of *kind*, worded as *expected*."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            raise InvalidValue(_name(instance, attribute), value, expected)

    return check


def member(kind: type[enum.Enum]) -> Check:
    """Check that a field's value is a member of the enumeration *kind*, never its text."""
    return is_a(kind, member_words(kind))


def member_words(kind: type[enum.Enum]) -> str:
    """Word what a member of *kind* looks like."""
    names = ", ".join(f"{kind.__name__}.{m.name}" for m in list(kind)[:4])
    return f"a member of {kind.__name__} (such as {names})"


def require_member(value: object, kind: type[_E], what: str) -> _E:
    """Return *value* if it is a member of *kind*.

    Raises:
        InvalidValue: It is something else, a text included.
    """
    if not isinstance(value, kind):
        raise InvalidValue(what, value, member_words(kind))
    return value


def require_urn(value: object, what: str = "urn") -> int:
    """Return *value* if it is a URN: a whole number of up to seven digits.

    Raises:
        InvalidValue: It is something else.
    """
    if type(value) is not int or not LEAST_URN <= value <= MOST_URN:
        raise InvalidValue(what, value, "a URN: a whole number such as 100000")
    return value


def urn(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check that a field's value is a URN."""
    if type(value) is not int or not LEAST_URN <= value <= MOST_URN:
        require_urn(value, _name(instance, attribute))  # the name is made where it is needed


def require_text(value: object, what: str, *, most: int = LONGEST_TEXT, blank: bool = False) -> str:
    """Return *value* if it is text of at most *most* characters, not blank unless *blank*.

    Raises:
        InvalidValue: It is something else, or holds a NUL or half of a surrogate pair.
    """
    if not isinstance(value, str) or not (blank or value.strip()) or len(value) > most:
        raise InvalidValue(what, value, f"text of {0 if blank else 1} to {most} characters")
    if "\0" in value or not _encodable(value):
        raise InvalidValue(what, value, "text without NUL or broken surrogate characters")
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check that a field's value is text that is not blank."""
    if not (_is_plain(value) and value.strip()):
        require_text(value, _name(instance, attribute))


def text_or_empty(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check that a field's value is text, possibly empty."""
    if not _is_plain(value):
        require_text(value, _name(instance, attribute), blank=True)


def _is_plain(value: object, most: int = LONGEST_TEXT) -> TypeGuard[str]:
    """Tell at once of most text that nothing speaks against it, unless it is blank."""
    return type(value) is str and len(value) <= most and value.isascii() and value.isprintable()


def key(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check that a field's value is a short text such as a host's id: printable, no outer spaces."""
    if not (_is_plain(value, LONGEST_KEY) and value == value.strip() != ""):
        require_key(value, _name(instance, attribute))


def require_key(value: object, what: str) -> str:
    """Return *value* if it is a short text such as a host's id: printable, no outer spaces.

    Raises:
        InvalidValue: It is something else.
    """
    found = require_text(value, what, most=LONGEST_KEY)
    if not found.isprintable() or found != found.strip():
        raise InvalidValue(what, value, f"printable text of 1 to {LONGEST_KEY} characters, without outer spaces")
    return found


def each(check: Check) -> Check:
    """Check every value of a collection with *check*."""

    def check_all(instance: object, attribute: attrs.Attribute[Any], value: Iterable[object]) -> None:
        for one in value:
            check(instance, attribute, one)

    return check_all


def require_collection(value: object, what: str) -> Collection[Any]:
    """Return *value* if it is a collection of things and not one text.

    Raises:
        InvalidValue: It is a text, or nothing that can be walked.
    """
    if isinstance(value, (tuple, list, set, frozenset)):  # asking the abstract classes takes ten times as long
        return value
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidValue(what, value, "a collection such as a list or a set")
    return value if isinstance(value, Collection) else tuple(value)


def to_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    """Convert any collection but a text to a tuple; the field's validator looks at what is in it."""
    return value if type(value) is tuple else tuple(require_collection(value, "Several values"))


def to_frozenset(value: Iterable[Any]) -> frozenset[Any]:
    """Convert any collection but a text to a frozen set; the field's validator looks at what is in it."""
    found = require_collection(value, "Several values")
    try:
        return frozenset(found)
    except TypeError as exc:
        raise InvalidValue("Several values", value, "a collection of plain values") from exc


def optional_text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check that a field's value is text, possibly empty, or None."""
    if value is not None:
        require_text(value, _name(instance, attribute), blank=True)


def whole(least: int) -> Check:
    """Check that a field's value is a whole number from *least*."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if type(value) is not int or value < least:
            raise InvalidValue(_name(instance, attribute), value, f"a whole number from {least}")

    return check


def all_are(kind: type | tuple[type, ...], expected: str) -> Check:
    """Check that all values of a field's collection are instances of *kind*, each worded as *expected*."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Iterable[object]) -> None:
        for one in value:
            if not isinstance(one, kind):
                raise InvalidValue(_name(instance, attribute), one, expected)

    return check


def require_a(value: object, kind: type[_T], what: str, expected: str) -> _T:
    """Return *value* if it is an instance of *kind*, worded as *expected*.

    Raises:
        InvalidValue: It is something else.
    """
    if not isinstance(value, kind):
        raise InvalidValue(what, value, expected)
    return value


def walk(values: object, kind: type[_T], what: str, expected: str) -> Iterator[_T]:
    """Give the things in *values* one by one, as long as they are instances of *kind*.

    Raises:
        InvalidValue: It is no collection, or one of them is something else.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidValue(what, values, expected)
    for one in values:
        yield require_a(one, kind, what, expected)


def require_all(values: object, kind: type[_T], what: str, expected: str) -> tuple[_T, ...]:
    """Return the things in *values*, walked once, if all of them are instances of *kind*.

    Raises:
        InvalidValue: It is no collection, or one of them is something else.
    """
    return tuple(walk(values, kind, what, expected))


def require_callable(value: object, what: str, expected: str) -> None:
    """Refuse what cannot be called.

    Raises:
        InvalidValue: It cannot.
    """
    if not callable(value):
        raise InvalidValue(what, value, expected)


def require_urns(values: object, what: str) -> tuple[int, ...]:
    """Return the URNs in *values*, walked once.

    Raises:
        InvalidValue: It is no collection, or one of them is no URN.
    """
    return tuple([require_urn(one, what) for one in require_collection(values, what)])
