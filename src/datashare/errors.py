"""What can go wrong, as one tree.

::

    DatashareError
    ├── InvalidValue          a value is not what is expected (also a ValueError)
    │   ├── InvalidInput      … an argument of a call, such as what a user typed
    │   ├── BadHostData       … what a directory of the host returned
    │   └── Misconfigured     … how the library was set up
    ├── Refused               the rules do not allow the action; carries every reason
    │   └── NotPermitted      … because of who acts
    ├── UnknownGroup          the directory of institutions does not know the group
    ├── StoreError            the agreement store could not do its work
    │   ├── StoreUnavailable  it cannot be reached, or is locked, full or read-only
    │   ├── StoreUnreadable   stored data cannot be read
    │   ├── SchemaMismatch    its tables belong to another version of the library
    │   └── TransactionLost   the host's transaction must be rolled back and repeated
    └── RegisterError         a download of the register cannot be used
        ├── RegisterUnreadable  the file is missing, damaged or not text in a known encoding
        ├── MissingColumns    columns that are needed are missing
        └── BadRow            a row holds a wrong value, or is wrong as a whole

Every exception carries its facts as attributes. The message is built from them: it says what
happened, why, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

__all__ = [
    "BadHostData",
    "BadRow",
    "DatashareError",
    "InvalidInput",
    "InvalidValue",
    "Misconfigured",
    "MissingColumns",
    "NotPermitted",
    "Refused",
    "RegisterError",
    "RegisterUnreadable",
    "SchemaMismatch",
    "StoreError",
    "StoreUnavailable",
    "StoreUnreadable",
    "TransactionLost",
    "UnknownGroup",
]

_SHOWN = 80
LONGEST_IN_WORDS, LONGEST_SENTENCE = 200, 600
"""How many characters of a name, and of a sentence, are shown where they are put into words."""


def plain_line(value: object, most: int = LONGEST_IN_WORDS) -> str:
    r"""Return the text of *value* as it is put into words: one line, of at most *most* characters (O5).

    What could break a line, control a terminal or change the direction of the words around it becomes a space, and so
    does a broken surrogate, which cannot be written to a log.

    >>> plain_line("Elm\n- share nothing: 9 of 9")
    'Elm - share nothing: 9 of 9'
    """
    text = str(value)
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)


def shown(value: object) -> str:
    """Return a short, printable form of any *value*, for a message that quotes it."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a hostile __repr__ must not hide the real error
        text = f"<{type(value).__name__}>"
    if not text.isprintable():
        text = ascii(text[: _SHOWN + 1])[1:-1]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class DatashareError(Exception):
    """The root of every error that this library raises on purpose."""

    def __str__(self) -> str:
        return plain_line(super().__str__(), LONGEST_SENTENCE)


class InvalidValue(DatashareError, ValueError):
    """A value of a field or an argument is not what is expected.

    Attributes:
        what: The name of the field or argument.
        value: The wrong value.
        expected: What is right, as the end of a sentence.
    """

    def __init__(self, what: str, value: object, expected: str) -> None:
        super().__init__(what, value, expected)
        self.what = what
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        what, expected = plain_line(self.what), plain_line(self.expected, LONGEST_SENTENCE)
        return f"{what} must be {expected}; got {shown(self.value)} ({type(self.value).__name__})."


class InvalidInput(InvalidValue):
    """An argument of a call is not what is expected, such as what a user typed into a form.

    Attributes:
        field: The name of the argument or field alone, such as ``"reason"``, to put the sentence beside it.
    """

    def __init__(self, what: str, value: object, expected: str, field: str = "") -> None:
        super().__init__(what, value, expected)
        self.args: tuple[Any, ...] = (what, value, expected, field)  # for pickle
        self.field: str = field or what.rpartition(".")[2]

    @property
    def sentence(self) -> str:
        """What to tell the user beside the field; it does not repeat what they typed."""
        what = self.what if " " in self.what else self.field.replace("_", " ").capitalize()
        return f"{plain_line(what)} must be {plain_line(self.expected, LONGEST_SENTENCE)}."


class BadHostData(InvalidValue):
    """What a directory of the host returned cannot be used.

    A row that cannot be used is left out, and logged, and `datashare.DataSharing.problems` lists it. This is raised
    where an answer cannot be used as a whole.

    Attributes:
        about: The id of the person, the URN of the school or the id of the group that it is about.
    """

    def __init__(self, what: str, value: object, expected: str, about: object) -> None:
        super().__init__(what, value, expected)
        self.args: tuple[Any, ...] = (what, value, expected, about)  # for pickle
        self.about = about

    def __str__(self) -> str:
        about = f"URN {self.about}" if isinstance(self.about, int) else plain_line(self.about)
        return f"The host's data about {about} cannot be used: {super().__str__()} Correct it in the host's directory."


class Misconfigured(InvalidValue):
    """The library was set up wrongly: a port, a policy, a clock, a store's connection, an email server."""


class Refused(DatashareError):
    """The rules do not allow the action, and nothing has changed (R1, R3, T2).

    Attributes:
        reasons: Every reason that applies, the primary one first; each is a `datashare.Reason`.
    """

    def __init__(self, reasons: Sequence[Any]) -> None:  # a Reason belongs to the domain, which imports this module
        super().__init__(tuple(reasons))
        self.reasons: tuple[Any, ...] = tuple(reasons)

    def __str__(self) -> str:
        return " ".join(str(reason) for reason in self.reasons)


class NotPermitted(Refused):
    """The person who acts may not do this here (K2, P12)."""


class UnknownGroup(DatashareError):
    """The directory of institutions does not know the group.

    Attributes:
        group: The identity of the group.
    """

    def __init__(self, group: object) -> None:
        super().__init__(group)
        self.group = group

    def __str__(self) -> str:
        return (
            f"There is no group {plain_line(self.group)} in the directory of institutions. "
            "Check the group UID or local authority code, and that the register was loaded."
        )


class StoreError(DatashareError):
    """The agreement store could not do its work, and nothing of the call was saved.

    If the connection broke during the commit, all of it may have been saved. It is safe to repeat the call with the
    same command id.

    Attributes:
        why: The store's own message, as a sentence; possibly empty.
    """

    _happened: ClassVar[str] = "The agreement store could not do its work, and nothing was saved."
    _to_do: ClassVar[str] = "Check the store, then repeat with the same command id."

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return " ".join(filter(None, (self._happened, plain_line(self.why, LONGEST_SENTENCE), self._to_do)))


class StoreUnavailable(StoreError):
    """The store cannot be reached, or is locked, full or read-only; try again later."""

    _happened = "The agreement store cannot be reached, or is locked, full or read-only."
    _to_do = "Try again later with the same command id, so that nothing is done twice."


class StoreUnreadable(StoreError):
    """Stored data cannot be read: it is damaged, or a later version of the library wrote it."""

    _happened = "The agreement store could not do its work."
    _to_do = "Restore it from a backup, or update the library. Repeating the call does not help."


class SchemaMismatch(StoreError):
    """The store's tables belong to another version of the library; migrate them first."""

    _happened = "The agreement store's tables belong to another version of the library."
    _to_do = "Migrate them first."


class TransactionLost(StoreError):
    """The host's transaction is lost: roll it back, then repeat with the same command id."""

    _happened = "The transaction was lost, and nothing was saved."
    _to_do = "Roll it back, then repeat with the same command id."


class RegisterError(DatashareError):
    """A download of the register cannot be used."""


class RegisterUnreadable(RegisterError):
    """The file is missing, damaged, or not text in a known encoding.

    Attributes:
        file: The file's name.
        why: What is wrong and what to do, as a sentence.
    """

    def __init__(self, file: str, why: str) -> None:
        super().__init__(file, why)
        self.file = file
        self.why = why

    def __str__(self) -> str:
        return f"{plain_line(self.file, LONGEST_SENTENCE)} cannot be read: {plain_line(self.why, LONGEST_SENTENCE)}"


class MissingColumns(RegisterError):
    """Columns that are needed are missing from the file's header.

    Attributes:
        file: The file's name.
        missing: The names of the missing columns.
        needed_for: What the file was read as.
        looks_like: The download whose columns it has instead; empty where it is not known.
    """

    def __init__(self, file: str, missing: Sequence[str], needed_for: str, looks_like: str = "") -> None:
        super().__init__(file, tuple(missing), needed_for, looks_like)
        self.file = file
        self.missing: tuple[str, ...] = tuple(missing)
        self.needed_for = needed_for
        self.looks_like = looks_like

    def __str__(self) -> str:
        file, names = (
            plain_line(self.file, LONGEST_SENTENCE),
            ", ".join(f'"{plain_line(name)}"' for name in self.missing),
        )
        likely = f" It looks like {plain_line(self.looks_like)}." if self.looks_like else ""
        return (
            f"{file} cannot be read as {plain_line(self.needed_for)}: its header has no {names}.{likely} "
            "Check that this is the right download; the order of the columns does not matter."
        )


_TO_DO = {
    "row": "Correct the cell or remove the row.",
    "cell": "The row is read without it. Correct the cell.",
    "nothing": "It is read as it is. Check the cell.",
}


class BadRow(RegisterError):
    """A row holds a wrong value, or is wrong as a whole.

    Attributes:
        file: The file's name.
        line: The line of the file on which the row ends, counted from 1.
        column: The column's name; empty where the row as a whole is wrong.
        value: The text of the cell, at most its first 20,000 characters; empty where the row as a whole is wrong.
        why: What is wrong, as the end of a sentence.
        lost: What a reader that goes on leaves out: the ``"row"``, the ``"cell"`` alone, or ``"nothing"``, where the
            value is odd but is read as it is.
    """

    def __init__(  # noqa: PLR0917 - exceptions are carried between processes by position
        self, file: str, line: int, column: str, value: str, why: str, lost: Literal["row", "cell", "nothing"] = "row"
    ) -> None:
        super().__init__(file, line, column, value, why, lost)
        self.file = file
        self.line = line
        self.column = column
        self.value = value
        self.why = why
        self.lost = lost

    def __str__(self) -> str:
        file, why = plain_line(self.file, LONGEST_SENTENCE), plain_line(self.why, LONGEST_SENTENCE)
        where = f"{file}, line {self.line}"
        if not self.column:
            return f"{where}: the row {why}. Correct the row or remove it."
        return f'{where}: column "{plain_line(self.column)}" {why}; got {shown(self.value)}. {_TO_DO[self.lost]}'
