"""Pure: checks of values that come from a host.

`validated` derives the validators of an attrs class from the annotations of its fields. An annotation that needs more
than a type is one of the aliases here, such as `Urn` or `Text`: the type, and the `Rule` for its values. The functions
`require_…` check the arguments of calls.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache, reduce
from types import NoneType, UnionType
from typing import Annotated, Any, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from datashare.errors import InvalidInput, InvalidValue, Misconfigured

_E = TypeVar("_E", bound=enum.Enum)
_T = TypeVar("_T")
_K = TypeVar("_K")
_V_co = TypeVar("_V_co", covariant=True)
Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]

LEAST_URN, MOST_URN = 1, 9_999_999
LONGEST_TEXT = 10_000
LONGEST_KEY = 200
_A_COLLECTION = "a collection such as a list or a set"
_COLLECTIONS = (tuple, list, set, frozenset)


@attrs.frozen(eq=False)
class Rule:
    """What a value must be.

    Attributes:
        expected: What is right, as the end of a sentence.
        accepts: A function that returns whether a value is right.
        parts: A function that lists the values in a collection, each with its rule.
    """

    expected: str
    accepts: Callable[[Any], bool]
    parts: Callable[[Any], list[tuple[Rule, object]]] = lambda _value: []

    def require(self, value: object, what: str, error: type[InvalidValue] = InvalidInput) -> Any:  # noqa: ANN401 - the value itself
        """Return *value* if it is right.

        Raises:
            InvalidValue: It is wrong; *error* says which kind. Where a value in a collection is wrong, the error shows
                that value.
        """
        if self.accepts(value):
            return value
        for rule, part in self.parts(value):
            rule.require(part, what, error)
        raise error(what, value, self.expected)


def whole_number(least: int, most: float = float("inf")) -> Rule:
    """Return the rule for a whole number in a range, both ends included."""
    expected = f"a whole number from {least}" + (f" to {most}" if isinstance(most, int) else "")
    return Rule(expected, lambda value: type(value) is int and least <= value <= most)


def span(least: timedelta, most: timedelta) -> Rule:
    """Return the rule for a length of time in a range, both ends included."""
    return Rule(
        f"a timedelta from {least} to {most}", lambda value: isinstance(value, timedelta) and least <= value <= most
    )


def matching(pattern: str, expected: str, *, longest: int = LONGEST_KEY) -> Rule:
    """Return the rule for a text that matches a regular expression."""
    return Rule(
        expected, lambda value: isinstance(value, str) and len(value) <= longest and bool(re.fullmatch(pattern, value))
    )


def _is_text(value: object) -> bool:
    """Return whether *value* is text that every store can keep."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _is_key(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KEY and value.isprintable() and value == value.strip()


_KEPT = f"of at most {LONGEST_TEXT} characters, without NUL or broken surrogate characters"
_URN = Rule("a URN: a whole number such as 100000", lambda value: type(value) is int and LEAST_URN <= value <= MOST_URN)
_TEXT = Rule(f"text that is not blank, {_KEPT}", lambda value: _is_text(value) and bool(value.strip()))
_TEXT_OR_EMPTY = Rule(f"text {_KEPT}", _is_text)
_KEY = Rule(f"printable text of 1 to {LONGEST_KEY} characters, without outer spaces", _is_key)

Urn = Annotated[int, _URN]
"""A unique reference number: a whole number of up to seven digits."""
Text = Annotated[str, _TEXT]
"""Text that is not blank."""
TextOrEmpty = Annotated[str, _TEXT_OR_EMPTY]
"""Text, possibly empty."""
Key = Annotated[str, _KEY]
"""A short text such as a host's id: printable, without outer spaces."""
WholeNumber = Annotated[int, whole_number(0)]
Percent = Annotated[int, whole_number(0, 100)]
"""A whole number from 0."""

DAY = Rule(
    "a date without a time, such as datetime.date(2026, 5, 3)",
    lambda value: type(value) is date or (isinstance(value, date) and not isinstance(value, datetime)),
)
"""The rule for a day; a datetime could mean two days."""

_NONE = Rule("None", lambda value: value is None)
_PLAIN = {
    bool: Rule("True or False", bool.__instancecheck__),
    date: DAY,
    int: Rule("a whole number", lambda value: type(value) is int),
    str: Rule("text", str.__instancecheck__),
    NoneType: _NONE,
}


@cache
def rule_of(kind: Any) -> Rule:  # noqa: ANN401 - an annotation can be anything
    """Return the rule that the annotation *kind* states."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        rule: Rule = arguments[1]
        return rule
    if origin is tuple or origin is frozenset:
        return _rule_of_collection(origin, rule_of(arguments[0]))
    if origin is Mapping:
        return _rule_of_mapping(rule_of(arguments[0]), rule_of(arguments[1]))
    if origin is Union or origin is UnionType:
        return reduce(_either, map(rule_of, arguments))
    return _PLAIN.get(kind) or Rule(_words_of(kind), kind.__instancecheck__)


def _rule_of_collection(kind: type[Collection[Any]], rule: Rule) -> Rule:
    accepts_part = rule.accepts

    def accepts(value: object) -> bool:
        if not isinstance(value, kind):
            return False
        for part in value:  # noqa: SIM110 - a loop, since most collections hold one value or nothing
            if not accepts_part(part):
                return False
        return True

    return Rule(
        _A_COLLECTION,
        accepts,
        lambda value: [(rule, part) for part in value] if isinstance(value, _COLLECTIONS) else [],
    )


def _rule_of_mapping(key: Rule, held: Rule) -> Rule:
    def parts(value: object) -> list[tuple[Rule, object]]:
        pairs = value.items() if isinstance(value, Mapping) else ()
        return [part for pair in pairs for part in zip((key, held), pair, strict=True)]

    return Rule(
        "a mapping",
        lambda value: isinstance(value, Mapping) and all(rule.accepts(part) for rule, part in parts(value)),
        parts,
    )


def _either(first: Rule, second: Rule) -> Rule:
    accepts = first.accepts
    return Rule(
        f"{first.expected} or {second.expected}",
        (lambda value: value is None or accepts(value))
        if second is _NONE
        else (lambda value: accepts(value) or second.accepts(value)),
        lambda value: [*first.parts(value), *second.parts(value)],
    )


def _words_of(kind: type) -> str:
    if issubclass(kind, enum.Enum):
        return member_words(kind)
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def member_words(kind: type[enum.Enum]) -> str:
    """Return the words for a member of *kind*, with a few examples."""
    names = ", ".join(f"{kind.__name__}.{m.name}" for m in list(kind)[:4])
    return f"a member of {kind.__name__} (such as {names})"


def validated(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Add to each field of an attrs class the validator that its annotation states; a `field_transformer` of attrs.

    A validator that the class itself gives to a field runs afterwards, so that it gets a value of the right type.
    """
    return _with_validators(cls, fields, InvalidValue)


def validated_input(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Do as `validated` for what arguments of calls are made of; a wrong value raises `InvalidInput`."""
    return _with_validators(cls, fields, InvalidInput)


def validated_setting(cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Do as `validated` for what the library is set up with; a wrong value raises `Misconfigured`."""
    return _with_validators(cls, fields, Misconfigured)


def _with_validators(
    cls: type, fields: list[attrs.Attribute[Any]], error: type[InvalidValue]
) -> list[attrs.Attribute[Any]]:
    kinds = get_type_hints(cls, include_extras=True)
    return [_with_validator(field, kinds[field.name], error) for field in fields]


def _with_validator(field: attrs.Attribute[Any], kind: Any, error: type[InvalidValue]) -> attrs.Attribute[Any]:  # noqa: ANN401 - an annotation
    return field.evolve(
        type=get_args(kind)[0] if get_origin(kind) is Annotated else kind,  # the plain type, for cattrs
        validator=_validator(rule_of(kind), field.validator, error) if field.init else None,
    )


def _validator(rule: Rule, own: Check | None, error: type[InvalidValue]) -> Check:
    accepts = rule.accepts

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not accepts(value):
            rule.require(value, f"{type(instance).__name__}.{attribute.name}", error)
        if own:
            own(instance, attribute, value)

    return check


def to_tuple(value: Iterable[Any], part: Callable[[Any], Any] | None = None) -> tuple[Any, ...]:
    """Convert a collection to a tuple, each value in it by *part*; return anything else as it is.

    This and the converters below leave what they cannot convert to the validator, whose message names the field.
    """
    if not _is_collection(value):
        return value  # type: ignore[return-value]
    return tuple(map(part, value) if part else value)


def to_frozenset(value: Iterable[Any], part: Callable[[Any], Any] | None = None) -> frozenset[Any]:
    """Convert a collection to a frozen set, each value in it by *part*; return anything else as it is."""
    try:
        return frozenset(to_tuple(value, part)) if _is_collection(value) else value  # type: ignore[return-value]
    except TypeError:  # something in it cannot be hashed
        return value  # type: ignore[return-value]


def to_texts(value: Iterable[str]) -> frozenset[str]:
    """Convert a collection of texts to a frozen set; return anything else as it is."""
    return to_frozenset(value)


class FrozenMapping(Mapping[_K, _V_co]):
    """A mapping that does not change; `types.MappingProxyType` could be neither pickled nor copied."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[_K, _V_co]) -> None:
        """Copy *items*."""
        self._items = dict(items)

    def __getitem__(self, key: _K) -> _V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[_K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - as typeshed's overloads together
        """Return the value of *key*, or *default*; the inherited method is slow for a missing key."""
        return self._items.get(key, default)

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return FrozenMapping, (self._items,)


def to_mapping(value: Any, held: Callable[[Any], Any] = lambda part: part) -> Mapping[Any, Any]:  # noqa: ANN401 - see above
    """Copy a mapping to one that cannot change, each value by *held*; return anything else as it is."""
    if not isinstance(value, Mapping):
        return value  # type: ignore[no-any-return]
    return FrozenMapping({key: held(part) for key, part in value.items()})


def _is_collection(value: object) -> TypeGuard[Iterable[Any]]:
    if isinstance(value, _COLLECTIONS):  # asking the abstract class takes ten times as long
        return True
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def require_urn(value: object, what: str = "urn") -> int:
    """Return *value* if it is a URN: a whole number of up to seven digits.

    Raises:
        InvalidInput: It is something else.
    """
    urn: int = _URN.require(value, what)
    return urn


def require_urns(values: object, what: str) -> tuple[int, ...]:
    """Return the URNs in *values* as a tuple.

    Raises:
        InvalidInput: It is not a collection, or holds something else.
    """
    return tuple([require_urn(value, what) for value in require_collection(values, what)])


def require_text(value: object, what: str, *, blank: bool = False) -> str:
    """Return *value* if it is text that a store can keep; blank text only if *blank*.

    Raises:
        InvalidInput: It is something else.
    """
    text: str = (_TEXT_OR_EMPTY if blank else _TEXT).require(value, what)
    return text


def require_member(value: object, kind: type[_E], what: str) -> _E:
    """Return *value* if it is a member of the enumeration *kind*; the text of a member is not one.

    Raises:
        InvalidInput: It is something else.
    """
    if not isinstance(value, kind):
        raise InvalidInput(what, value, member_words(kind))
    return value


def require_a(value: object, kind: type[_T], what: str, expected: str, error: type[InvalidValue] = InvalidInput) -> _T:
    """Return *value* if it is an instance of *kind*; the *error* says what is *expected*.

    Raises:
        InvalidInput: It is something else.
    """
    if not isinstance(value, kind):
        raise error(what, value, expected)
    return value


def require_callable(value: object, what: str, expected: str) -> None:
    """Raise unless *value* can be called, and answers at once; the error says *expected*.

    Raises:
        Misconfigured: It cannot be called, or is async.
    """
    if not callable(value) or _is_async(value):
        raise Misconfigured(what, value, f"{expected}, and is not async" if callable(value) else expected)


@contextmanager
def setting_up() -> Iterator[None]:
    """Raise `Misconfigured` for what `InvalidInput` says, where the library is set up."""
    try:
        yield
    except InvalidInput as error:
        raise Misconfigured(error.what, error.value, error.expected) from error


def require_port(value: object, port: type, name: str) -> None:
    """Check that *value* has every method of a port, and that each of them answers at once.

    Raises:
        Misconfigured: It lacks some, or some are async.
    """
    expected = f"an object with all methods of {port.__name__}"
    if isinstance(value, type):  # a class has the methods too, but cannot answer a call
        raise Misconfigured(name, value, f"{expected}; it is a class")
    declared = {method: kind for method, kind in vars(port).items() if not method.startswith("_")}
    own = {method: getattr(value, method, _NOTHING) for method in declared}
    lacking = [
        method
        for method, kind in declared.items()
        if own[method] is _NOTHING or not (isinstance(kind, property) or callable(own[method]))
    ]
    if lacking:
        raise Misconfigured(name, value, f"{expected}; it lacks {', '.join(lacking)}")
    awaited = [method for method, call in own.items() if _is_async(call)]
    if awaited:
        raise Misconfigured(name, value, f"{expected}, none of them async; async are {', '.join(awaited)}")


_NOTHING = object()


def _is_async(call: object) -> bool:
    """Return whether the answer of *call* has to be awaited, as far as that can be seen without calling it."""
    return any(
        inspect.iscoroutinefunction(part) or inspect.isasyncgenfunction(part)
        for part in (call, type(call).__call__ if callable(call) else None)
    )


def require_collection(value: object, what: str) -> Collection[Any]:
    """Return *value* if it is a collection, and not a text; an iterator becomes a tuple.

    Raises:
        InvalidInput: It is a text, or not a collection.
    """
    if not _is_collection(value):
        raise InvalidInput(what, value, _A_COLLECTION)
    return value if isinstance(value, Collection) else tuple(value)


def walk(values: object, kind: type[_T], what: str, expected: str) -> Iterator[_T]:
    """Return an iterator over *values* that raises at the first that is not an instance of *kind*.

    Raises:
        InvalidInput: It is not a collection, or one of the values is something else.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidInput(what, values, expected)
    for value in values:
        yield require_a(value, kind, what, expected)


def require_all(values: object, kind: type[_T], what: str, expected: str) -> tuple[_T, ...]:
    """Return *values* as a tuple if all of them are instances of *kind*.

    Raises:
        InvalidInput: It is not a collection, or one of the values is something else.
    """
    return tuple(walk(values, kind, what, expected))
