"""What is shown to people: every `str` is clean, whatever the names in it are (O5)."""

import enum
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import pytest

import datashare
from datashare.domain.agreements import Reason, RefusalCode
from datashare.domain.chain import GroupDigest
from datashare.domain.coverage import Coverage
from datashare.domain.instants import Instant
from datashare.domain.reconciliation import Plan, Successor
from datashare.domain.register import Coded
from datashare.domain.timeline import AgreementPeriod, NotRecorded
from datashare.domain.timeline_text import Names
from datashare.domain.verification import Verification
from datashare.errors import DatashareError, InvalidValue, NotPermitted, Refused, RegisterError, plain_line
from tests.adapters.django import started  # noqa: F401 - the app for Django can be imported once Django is set up
from tests.builders import NOW

HOSTILE = "\x1b[2J\r\nOak\u2028\u202eKAO\x00\x9b\ud800" + "x" * 9_000
# What the fields of validated classes take, the worst first.
TEXTS = (
    HOSTILE,
    HOSTILE.replace("\0", "").replace("\ud800", ""),
    "x" * 200,
    "5143",
    "870",
    "0" * 64,
    "https://x.example/",
)
OF_SEVERAL_LINES = {Plan, Coverage, Verification, GroupDigest}
REASONS = [Reason(code=code, detail=HOSTILE) for code in RefusalCode]
FIXED: dict[type, dict[str, object]] = {
    GroupDigest: {"heads": ()},  # they have an order
    Coded: {"code": "870"},
    Refused: {"reasons": REASONS},
    NotPermitted: {"reasons": REASONS},
}
USUAL: dict[type, dict[str, object]] = {Successor: {"hidden": ""}}  # only then is a level suggested


def worded() -> Iterator[type]:
    """Find every class of the package that says in words what it is."""
    for module in pkgutil.walk_packages(datashare.__path__, "datashare."):
        for kind in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(kind) and kind.__module__ == module.name and not issubclass(kind, enum.Enum):
                own = [base for base in kind.__mro__ if "__str__" in vars(base)]
                if own[0].__module__.startswith("datashare."):
                    yield kind


def variants(kind: object) -> Iterator[object]:
    """Return values of a type, the fullest first, with hostile texts."""
    origin, parts = get_origin(kind), [part for part in get_args(kind) if part is not ...]
    if kind in SIMPLE:
        yield from SIMPLE[kind]
    elif origin is Annotated:
        yield from variants(parts[0])
    elif origin is Literal:
        yield from parts
    elif origin in {Union, UnionType}:
        for part in sorted(parts, key=lambda part: part is NoneType):
            yield from variants(part)
    elif inspect.isclass(origin) and issubclass(origin, Mapping):
        yield {key: next(variants(parts[1])) for key in islice(variants(parts[0]), 9)}
    elif parts:  # a collection; two of each, so that they are joined
        yield (next(variants(parts[0])),) * 2
    elif inspect.isclass(kind):
        yield from (kind if issubclass(kind, enum.Enum) else instances(kind))


SIMPLE: dict[object, tuple[object, ...]] = {
    str: (HOSTILE,),
    object: (HOSTILE,),
    Any: (HOSTILE,),
    bool: (True, False),
    int: (100_000, 0),
    date: (date(2026, 5, 3),),
    Instant: (NOW,),
    NoneType: (None,),
}


def instances(kind: type) -> Iterator[object]:
    """Build instances of a class: with each variant of each field, the others as full as can be."""
    if kind in {DatashareError, RegisterError}:  # they hold what they are given
        yield kind(HOSTILE)
        return
    fields = [field.name for field in attrs.fields(kind) if field.init] if attrs.has(kind) else []
    hints = get_type_hints(kind if fields else inspect.getattr_static(kind, "__init__"), include_extras=True)
    names, fixed = fields or [name for name in hints if name != "return"], FIXED.get(kind, {})
    usual = {name: next(variants(hints[name])) for name in names} | USUAL.get(kind, {}) | fixed
    yield built(kind, usual)
    for name in usual.keys() - fixed.keys():
        for variant in islice(variants(hints[name]), 60):
            with suppress(InvalidValue):  # some values do not go together
                yield built(kind, {**usual, name: variant})


def built(kind: type, values: Mapping[str, object]) -> object:
    """Build an instance; where the class refuses a text, take the next one."""
    while True:
        try:
            return kind(**{name.removeprefix("_"): value for name, value in values.items()})
        except InvalidValue as error:
            field = error.what.rpartition(".")[2]
            value = values.get(field)
            if not isinstance(value, str) or value not in TEXTS[:-1]:
                raise
            values = {**values, field: TEXTS[TEXTS.index(value) + 1]}


def assert_clean(text: str, *, several_lines: bool = False) -> None:
    """Check that a text can be shown on a terminal and written to a log."""
    text.encode()
    lines = text.split("\n") if several_lines else [text]
    assert [] == [line for line in lines if not line.isprintable()]
    assert not re.search("x{601}", text)


def test_every_class_with_words_is_found() -> None:
    """The walk finds answers, refusals, errors, plans and reports."""
    names = {kind.__name__ for kind in worded()}

    assert {"Visibility", "Reason", "NotDone", "Refused", "InvalidValue", "BadRow", "Plan", "Coverage"} <= names
    assert {"Verification", "AccessAnswer", "AgreementPeriod", "Eligibility", "Caution"} <= names


@pytest.mark.rule("O5")
@pytest.mark.parametrize("kind", list(worded()), ids=lambda kind: kind.__name__)
def test_every_value_is_worded_in_one_clean_line(kind: type) -> None:
    """Escape sequences, line breaks, layout controls and broken surrogates do not get through, nor endless names."""
    for instance in instances(kind):
        assert_clean(str(instance), several_lines=kind in OF_SEVERAL_LINES)


@pytest.mark.rule("O5", "H4")
@pytest.mark.parametrize("kind", [AgreementPeriod, NotRecorded], ids=lambda kind: kind.__name__)
def test_the_past_is_worded_in_one_clean_line_with_names(kind: type) -> None:
    """The names of people, schools and groups at present, and a policy's words for levels, are cleaned too."""
    names = next(instances(Names))
    assert isinstance(names, Names)
    for answer in instances(kind):
        assert isinstance(answer, AgreementPeriod | NotRecorded)
        assert_clean(answer.in_words(names))


@pytest.mark.rule("O5")
def test_a_long_text_is_cut() -> None:
    """The cut shows, and a text of just the length is whole."""
    assert "x" * 200 == plain_line("x" * 200)
    assert "x" * 199 + "…" == plain_line("x" * 201)
    assert "xx…" == plain_line("x" * 200, 3)
