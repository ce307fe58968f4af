"""The exceptions: one tree, drawn as it is, whose messages help and whose facts survive."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest

from datashare import errors
from datashare.domain.agreements import AgreementId, Reason, RefusalCode, RequestId
from datashare.domain.levels import AccessLevel
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.errors import (
    BadRow,
    DatashareError,
    InvalidValue,
    MissingColumns,
    NotPermitted,
    Refused,
    RegisterError,
    RegisterUnreadable,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
    StoreUnreadable,
    TransactionLost,
    UnknownGroup,
    shown,
)
from tests.builders import NOW, visibility_of

REASONS = (
    Reason(code=RefusalCode.NOT_VISIBLE, visibility=visibility_of(HiddenBecause.CLOSED)),
    Reason(
        code=RefusalCode.REQUEST_ALREADY_OPEN,
        request=RequestId(AgreementId(GroupId.mat("5143"), 100000), 1),
        level=AccessLevel.MIS_DATA,
        from_instant=NOW,
    ),
)

SAMPLES: tuple[DatashareError, ...] = (
    DatashareError("Something went wrong. Tell somebody."),
    InvalidValue("Person.name", "", "text of 1 to 10000 characters"),
    Refused(REASONS),
    NotPermitted([Reason(code=RefusalCode.NOT_PERMITTED, detail="mat:5143/ben is of another site. Ask them.")]),
    UnknownGroup(GroupId.mat("5143")),
    StoreError("Disk quota exceeded."),
    StoreUnavailable("The database is locked."),
    StoreUnreadable("Event 1 of mat:5143/100000 was damaged."),
    SchemaMismatch("They are of version 1, and 2 is needed."),
    TransactionLost("Deadlock found."),
    RegisterError("No file of the register was named. Name at least one."),
    RegisterUnreadable("groups.csv", "it is empty. Download it again."),
    MissingColumns("groups.csv", ["URN", "Straße"], "the groups"),
    BadRow("groups.csv", 12, "URN", "x1", "is no whole number"),
    BadRow("groups.csv", 13, "", "", "has 3 cells, not 4"),
)
NAMED = {f"{type(sample).__name__}-{n}": sample for n, sample in enumerate(SAMPLES)}


def drawn() -> dict[str, str]:
    """Read from the docstring which exception stands below which."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^ {4}([│ ]*(?:[├└]── )?)([A-Z]\w+)", line)
        if not found:
            continue
        depth, name = len(found[1]), found[2]
        above = [(column, one) for column, one in above if column < depth]
        if above:
            parents[name] = above[-1][1]
        above.append((depth, name))
    return parents


def defined() -> dict[str, type[BaseException]]:
    """Give the exceptions that the module defines."""
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, BaseException) and found.__module__ == errors.__name__
    }


def test_the_tree_is_drawn_as_it_is() -> None:
    """The drawing in the docstring names every exception, below the one that it derives from."""
    real = {name: found.__bases__[0].__name__ for name, found in defined().items()}

    assert real.pop("DatashareError") == "Exception"
    assert real == drawn()


def test_the_drawing_tells_of_what_else_an_exception_is() -> None:
    """An invalid value is a ValueError too, and says so; no other exception is of two kinds."""
    of_two = {name: [base.__name__ for base in found.__bases__] for name, found in defined().items()}

    assert {"InvalidValue": ["DatashareError", "ValueError"]} == {
        name: bases for name, bases in of_two.items() if len(bases) > 1
    }
    assert re.search(r"InvalidValue .*\(also a ValueError\)", errors.__doc__ or "")


def test_every_exception_is_public_and_sampled() -> None:
    """All are named in `__all__`, and the tests below see each of them."""
    assert sorted(defined()) == errors.__all__
    assert set(defined()) == {type(sample).__name__ for sample in SAMPLES}


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        pytest.param(
            InvalidValue("Person.name", "", "text of 1 to 10000 characters"),
            ("Person.name must be text of 1 to 10000 characters; got '' (str)."),
            id="invalid-value",
        ),
        pytest.param(
            UnknownGroup(GroupId.mat("5143")),
            (
                "There is no group mat:5143 in the directory of institutions. "
                "Check the group UID or local authority code, and that the register was loaded."
            ),
            id="unknown-group",
        ),
        pytest.param(
            StoreError(),
            (
                "The agreement store could not do its work, and nothing was saved. "
                "Look at the store, then repeat with the same command id."
            ),
            id="store-error",
        ),
        pytest.param(
            StoreUnavailable("The database is locked."),
            (
                "The agreement store cannot be reached, or is locked, full or read-only. "
                "The database is locked. Try again later with the same command id, so that nothing is done twice."
            ),
            id="store-unavailable",
        ),
        pytest.param(
            StoreUnreadable("Event 1 of mat:5143/100000 cannot be read; it was damaged."),
            (
                "The agreement store could not do its work. Event 1 of mat:5143/100000 cannot be read; it was damaged. "
                "Restore it from a copy of the database, or update the library; to ask again does not help."
            ),
            id="store-unreadable",
        ),
        pytest.param(
            SchemaMismatch("They are of version 1."),
            (
                "The agreement store's tables belong to another version of this library. "
                "They are of version 1. Migrate them first."
            ),
            id="schema-mismatch",
        ),
        pytest.param(
            TransactionLost("Deadlock found."),
            (
                "The transaction was lost, and nothing was saved. Deadlock found. "
                "Roll it back, then repeat with the same command id."
            ),
            id="transaction-lost",
        ),
        pytest.param(
            RegisterUnreadable("groups.csv", "it is empty. Download it again."),
            ("groups.csv cannot be read: it is empty. Download it again."),
            id="register-unreadable",
        ),
        pytest.param(
            MissingColumns("groups.csv", ["URN", "Straße"], "the groups"),
            (
                'groups.csv cannot be read as the groups: its header has no "URN", "Straße". '
                "Check that this is the right download; the order of the columns does not matter."
            ),
            id="missing-columns",
        ),
        pytest.param(
            BadRow("groups.csv", 12, "URN", "x1", "is no whole number"),
            ("groups.csv, line 12: column \"URN\" is no whole number; got 'x1'. Mend the cell or leave the row out."),
            id="bad-cell",
        ),
        pytest.param(
            BadRow("groups.csv", 13, "", "", "has 3 cells, not 4"),
            ("groups.csv, line 13: the row has 3 cells, not 4. Mend the row or leave it out."),
            id="bad-row",
        ),
    ],
)
def test_a_message_says_what_happened_and_what_to_do(sample: DatashareError, message: str) -> None:
    """Each message is made from the exception's facts, and ends with the next step."""
    assert message == str(sample)


def test_a_refusal_words_every_reason() -> None:
    """A refusal says all that stands against it, each with what to do, the primary one first."""
    assert str(Refused(REASONS)) == " ".join(str(reason) for reason in REASONS)
    assert str(Refused(REASONS)).endswith("is still open. Withdraw it first.")
    assert isinstance(Refused(iter(REASONS)).reasons, tuple)  # type: ignore[arg-type]


@pytest.mark.parametrize("sample", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize(
    "copied",
    [
        *(
            pytest.param(lambda one, p=protocol: pickle.loads(pickle.dumps(one, p)), id=f"pickle-{protocol}")  # noqa: S301
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
def test_an_exception_survives_being_carried(
    sample: DatashareError, copied: Callable[[DatashareError], DatashareError]
) -> None:
    """Pickled or copied, it is of the same class with equal facts and the same message."""
    found = copied(sample)

    assert type(sample) is type(found)
    assert vars(sample) == vars(found)
    assert sample.args == found.args
    assert str(sample) == str(found)


def test_an_exception_keeps_what_it_was_handed() -> None:
    """The facts are attributes, lists frozen."""
    columns = ["URN"]
    missing = MissingColumns("groups.csv", columns, "the groups")
    columns.append("Name")

    assert ("groups.csv", ("URN",), "the groups") == (missing.file, missing.missing, missing.needed_for)
    assert StoreError("why").why == "why"


class Hostile:
    """A value whose `repr` raises, answers nonsense, or cannot be printed."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __repr__(self) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]  # that is the point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Hostile(RuntimeError("no")), "<Hostile>"),
        (Hostile(RecursionError()), "<Hostile>"),
        (Hostile(7), "<Hostile>"),
        (Hostile("two\nlines\x1b[31m"), "two\\nlines\\x1b[31m"),
        (Hostile("\ud800"), "\\ud800"),
        (Hostile(""), ""),
        ("\ud800\0", "'\\ud800\\x00'"),
        ("Žižková", "'Žižková'"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 78}…"),
        ("x" * 1_000_000, f"'{'x' * 78}…"),
        (Hostile("\n" * 1_000_000), "\\n" * 39 + "\\" + "…"),
    ],
    ids=[
        "raises",
        "recursion",
        "number",
        "escapes",
        "surrogate",
        "empty",
        "text-with-nul",
        "accents",
        "just-fits",
        "too-long",
        "huge",
        "unprintable",
    ],
)
def test_a_hostile_value_is_shown_in_short(value: object, expected: str) -> None:
    """Whatever a value's `repr` does, the message has a short and printable word for it."""
    assert expected == shown(value)
    assert len(shown(value)) <= 80
    assert shown(value) in str(InvalidValue("what", value, "something else"))
    assert shown(value).isprintable()


def test_an_invalid_value_is_a_value_error() -> None:
    """A host that knows nothing of this library can catch it as what it is."""
    with pytest.raises(ValueError, match="URN must be"):
        raise InvalidValue("URN", object(), "a number")
