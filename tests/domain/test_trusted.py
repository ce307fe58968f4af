"""Values made or copied without validation differ in nothing from those made publicly."""

import copy
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import Agreement, OpenRequest, RequestId
from datashare.domain.notices import Addressee, Notice
from datashare.domain.people import Person
from datashare.domain.trusted import copier, maker
from datashare.testing.changes import asked

ASKED = asked()
NOTICE = ASKED.notices[0]
REQUEST = ASKED.after.request
assert REQUEST is not None
VALUES = [NOTICE, NOTICE.people[0], REQUEST, ASKED.after]
NAMES = ["Notice", "Addressee", "OpenRequest", "Agreement"]
Value = Notice | Addressee | OpenRequest | Agreement


def parts_of(value: Value) -> dict[str, Any]:
    """Give the fields of a value by name."""
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}


def made(value: Value) -> Value:
    """Make a value of the same parts without validation."""
    make: Any = maker(type(value))
    found: Value = make(**parts_of(value))
    return found


def copied(value: Value) -> Value:
    """Copy a value without validation."""
    found: Value = copier(type(value))(value)
    return found


def publicly(value: Value) -> Value:
    """Make a value of the same parts by its constructor."""
    kind: Any = type(value)
    found: Value = kind(**parts_of(value))
    return found


@pytest.mark.parametrize("way", [made, copied])
@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_trusted_value_is_like_one_made_publicly(way: Callable[[Value], Value], value: Value) -> None:
    """It has the same type, equality, hash, text and layout, and can be pickled, copied and weakly referred to."""
    expected, found = publicly(value), way(value)

    assert type(expected) is type(found)
    assert expected == found
    assert hash(expected) == hash(found)
    assert repr(expected) == repr(found)
    assert pickle.dumps(expected) == pickle.dumps(found)
    assert expected == pickle.loads(pickle.dumps(found))  # noqa: S301 - its own
    assert expected == copy.copy(found) == attrs.evolve(found)
    assert found is weakref.ref(found)()
    assert not hasattr(found, "__dict__")


@pytest.mark.parametrize("way", [made, copied])
@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_trusted_value_is_frozen(way: Callable[[Value], Value], value: Value) -> None:
    """None of its fields can be set or deleted."""
    found = way(value)
    for name in parts_of(value):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(found, name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(found, name)
    assert value == found


def test_a_copy_has_what_changed_and_leaves_the_original_alone() -> None:
    """Only the named fields differ from the original, as with attrs.evolve."""
    before = attrs.evolve(NOTICE)
    found = copier(Notice)(NOTICE, id="ß", people=())

    assert attrs.evolve(NOTICE, id="ß", people=()) == found
    assert before == NOTICE


def test_a_copy_has_no_field_that_its_kind_has_not() -> None:
    """A misspelt field is refused."""
    with pytest.raises(AttributeError, match="adress"):
        copier(Notice)(NOTICE, adress="head@hilda.example")


def test_a_maker_needs_every_field() -> None:
    """Defaults are not filled in, so that no part is forgotten."""
    with pytest.raises(TypeError, match="can_approve"):
        maker(Addressee)(id=NOTICE.people[0].id, name="Ó")


def test_fields_may_be_called_anything() -> None:
    """A field does not clash with what the making itself needs."""

    @attrs.frozen(kw_only=True)
    class Awkward:
        kind: str
        draft: str
        new: str
        make: str

    parts = {"kind": "a", "draft": "b", "new": "c", "make": "d"}
    assert Awkward(**parts) == maker(Awkward)(**parts)
    assert Awkward(**{**parts, "kind": "e"}) == copier(Awkward)(Awkward(**parts), kind="e")


@pytest.mark.parametrize("give", [maker, copier])
@pytest.mark.parametrize("kind", [Person, RequestId])
def test_kinds_with_something_derived_are_refused(give: Callable[[type], object], kind: type) -> None:
    """A derived field or a kept hash would be missing or stale."""
    with pytest.raises(TypeError, match=f"{kind.__name__} derives fields or keeps its hash"):
        give(kind)
