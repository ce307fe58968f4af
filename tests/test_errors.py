"""The exceptions: one tree, drawn as it is, whose messages help and whose facts survive."""

import copy
import inspect
import pickle
import re

import pytest

from datashare import errors
from datashare.domain.agreements import AgreementId, Reason, RefusalCode, RequestId
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.errors import (
    BadHostData,
    BadRow,
    DatashareError,
    InvalidInput,
    InvalidValue,
    Misconfigured,
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

SAMPLES: dict[str, tuple[DatashareError, str]] = {
    "root": (DatashareError("Something went wrong. Tell somebody."), "Something went wrong. Tell somebody."),
    "invalid-value": (
        InvalidValue("Person.name", "", "text of 1 to 10000 characters"),
        "Person.name must be text of 1 to 10000 characters; got '' (str).",
    ),
    "invalid-input": (
        InvalidInput("Decline.reason", " ", "text that is not blank"),
        "Decline.reason must be text that is not blank; got ' ' (str).",
    ),
    "invalid-input-of-a-field": (
        InvalidInput("A request's identity", "x", "text such as 'mat:5143/100000/1'", "request"),
        "A request's identity must be text such as 'mat:5143/100000/1'; got 'x' (str).",
    ),
    "bad-host-data": (
        BadHostData("Person.name", "", "text", PersonId(100000, "7")),
        (
            "The host's data about urn:100000/7 cannot be used: Person.name must be text; got '' (str). "
            "Correct it in the host's directory."
        ),
    ),
    "bad-host-data-of-a-school": (
        BadHostData("sites()", None, "a SchoolSite", 100000),
        (
            "The host's data about URN 100000 cannot be used: sites() must be a SchoolSite; got None (NoneType). "
            "Correct it in the host's directory."
        ),
    ),
    "misconfigured": (
        Misconfigured("store", 7, "an object with all methods of AgreementStore"),
        "store must be an object with all methods of AgreementStore; got 7 (int).",
    ),
    "refused": (Refused(REASONS), f"{REASONS[0]} {REASONS[1]}"),
    "not-permitted": (NotPermitted(REASONS[:1]), str(REASONS[0])),
    "unknown-group": (
        UnknownGroup(GroupId.mat("5143")),
        (
            "There is no group mat:5143 in the directory of institutions. "
            "Check the group UID or local authority code, and that the register was loaded."
        ),
    ),
    "store-error": (
        StoreError(),
        (
            "The agreement store could not do its work, and nothing was saved. "
            "Check the store, then repeat with the same command id."
        ),
    ),
    "store-unavailable": (
        StoreUnavailable("The database is locked."),
        (
            "The agreement store cannot be reached, or is locked, full or read-only. "
            "The database is locked. Try again later with the same command id, so that nothing is done twice."
        ),
    ),
    "store-unreadable": (
        StoreUnreadable("Event 1 of mat:5143/100000 cannot be read; it was damaged."),
        (
            "The agreement store could not do its work. Event 1 of mat:5143/100000 cannot be read; it was damaged. "
            "Restore it from a backup, or update the library. Repeating the call does not help."
        ),
    ),
    "schema-mismatch": (
        SchemaMismatch("They are of version 1."),
        (
            "The agreement store's tables belong to another version of the library. "
            "They are of version 1. Migrate them first."
        ),
    ),
    "transaction-lost": (
        TransactionLost("Deadlock found."),
        (
            "The transaction was lost, and nothing was saved. Deadlock found. "
            "Roll it back, then repeat with the same command id."
        ),
    ),
    "register-error": (RegisterError("No file was named. Name one."), "No file was named. Name one."),
    "register-unreadable": (
        RegisterUnreadable("groups.csv", "it is empty. Download it again."),
        "groups.csv cannot be read: it is empty. Download it again.",
    ),
    "missing-columns": (
        MissingColumns("groups.csv", ["URN", "Straße"], "the groups"),
        (
            'groups.csv cannot be read as the groups: its header has no "URN", "Straße". '
            "Check that this is the right download; the order of the columns does not matter."
        ),
    ),
    "another-download": (
        MissingColumns("groups.csv", ["URN"], "the groups", "the links"),
        (
            'groups.csv cannot be read as the groups: its header has no "URN". It looks like the links. '
            "Check that this is the right download; the order of the columns does not matter."
        ),
    ),
    "lost-cell": (
        BadRow("groups.csv", 12, "UKPRN", "x1", "is not a whole number", "cell"),
        (
            "groups.csv, line 12: column \"UKPRN\" is not a whole number; got 'x1'. "
            "The row is read without it. Correct the cell."
        ),
    ),
    "odd-cell": (
        BadRow("groups.csv", 12, "Group Name", "\ufffd", "has lost letters", "nothing"),
        (
            "groups.csv, line 12: column \"Group Name\" has lost letters; got '\ufffd'. "
            "It is read as it is. Check the cell."
        ),
    ),
    "bad-cell": (
        BadRow("groups.csv", 12, "URN", "x1", "is not a whole number"),
        "groups.csv, line 12: column \"URN\" is not a whole number; got 'x1'. Correct the cell or remove the row.",
    ),
    "bad-row": (
        BadRow("groups.csv", 13, "", "", "has 3 cells, not 4"),
        "groups.csv, line 13: the row has 3 cells, not 4. Correct the row or remove it.",
    ),
}


def drawn() -> dict[str, str]:
    """Read from the docstring which exception stands below which."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for branch, name in re.findall(r"(?m)^ {4}([│ ]*(?:[├└]── )?)([A-Z]\w+)", errors.__doc__ or ""):
        above = [(column, parent) for column, parent in above if column < len(branch)]
        if above:
            parents[name] = above[-1][1]
        above.append((len(branch), name))
    return parents


def defined() -> dict[str, type[BaseException]]:
    """Return the exceptions that the module defines."""
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, BaseException) and kind.__module__ == errors.__name__
    }


def test_the_tree_is_drawn_as_it_is() -> None:
    """The drawing in the docstring names every exception, below the one that it derives from."""
    real = {name: kind.__bases__[0].__name__ for name, kind in defined().items()}

    assert "Exception" == real.pop("DatashareError")
    assert drawn() == real
    assert {"InvalidValue": (DatashareError, ValueError)} == {
        name: kind.__bases__ for name, kind in defined().items() if len(kind.__bases__) > 1
    }


def test_every_exception_is_public_and_sampled() -> None:
    """All are named in `__all__`, and the tests below see each of them."""
    assert sorted(defined()) == errors.__all__
    assert set(defined()) == {type(sample).__name__ for sample, _ in SAMPLES.values()}


@pytest.mark.parametrize(("sample", "message"), SAMPLES.values(), ids=SAMPLES)
def test_a_message_says_what_happened_and_what_to_do(sample: DatashareError, message: str) -> None:
    """Each message is made from the exception's facts, and ends with the next step."""
    assert message == str(sample)


@pytest.mark.parametrize(("sample", "message"), SAMPLES.values(), ids=SAMPLES)
def test_an_exception_survives_being_carried(sample: DatashareError, message: str) -> None:
    """Pickled or copied, it is of the same class with equal facts and the same message."""
    pickled = [pickle.loads(pickle.dumps(sample, protocol)) for protocol in (0, pickle.HIGHEST_PROTOCOL)]  # noqa: S301
    for carried in (*pickled, copy.copy(sample), copy.deepcopy(sample)):
        assert (type(sample), vars(sample), sample.args) == (type(carried), vars(carried), carried.args)
        assert message == str(carried)


def test_an_exception_keeps_what_it_was_handed() -> None:
    """The facts are attributes, lists frozen."""
    columns = ["URN"]
    missing = MissingColumns("groups.csv", columns, "the groups")
    columns.append("Name")

    assert ("groups.csv", ("URN",), "the groups") == (missing.file, missing.missing, missing.needed_for)
    assert StoreError("why").why == "why"


def test_an_invalid_input_has_a_field_and_a_sentence_for_a_form() -> None:
    """The sentence does not repeat what was typed; it stands beside the field."""
    blank, identity = SAMPLES["invalid-input"][0], SAMPLES["invalid-input-of-a-field"][0]

    assert isinstance(blank, InvalidInput)
    assert isinstance(identity, InvalidInput)
    assert ("reason", "Reason must be text that is not blank.") == (blank.field, blank.sentence)
    assert "request" == identity.field
    assert "A request's identity must be text such as 'mat:5143/100000/1'." == identity.sentence


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
        pytest.param(Hostile(RuntimeError("no")), "<Hostile>", id="raises"),
        pytest.param(Hostile(RecursionError()), "<Hostile>", id="recursion"),
        pytest.param(Hostile(7), "<Hostile>", id="number"),
        pytest.param(Hostile("two\nlines\x1b[31m"), "two\\nlines\\x1b[31m", id="escapes"),
        pytest.param(Hostile("\ud800"), "\\ud800", id="surrogate"),
        pytest.param(Hostile(""), "", id="empty"),
        pytest.param("\ud800\0", "'\\ud800\\x00'", id="text-with-nul"),
        pytest.param("Žižková", "'Žižková'", id="accents"),
        pytest.param("x" * 78, f"'{'x' * 78}'", id="just-fits"),
        pytest.param("x" * 79, f"'{'x' * 78}…", id="too-long"),
        pytest.param("x" * 1_000_000, f"'{'x' * 78}…", id="huge"),
        pytest.param(Hostile("\n" * 1_000_000), "\\n" * 39 + "\\" + "…", id="unprintable"),
    ],
)
def test_a_hostile_value_is_shown_in_short(value: object, expected: str) -> None:
    """Whatever a value's `repr` does, the message has a short and printable word for it."""
    assert expected == shown(value)
    assert len(shown(value)) <= 80
    assert shown(value) in str(InvalidValue("what", value, "something else"))
    assert shown(value).isprintable()
