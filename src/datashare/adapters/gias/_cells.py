"""The cells of the register as values, each text read once.

Programs that save a download again change it: codes lose their leading zeros, whole numbers gain decimals,
empty cells gain words such as ``nan``. What stays unambiguous is understood; anything else is a bad cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from datashare.domain.register import Coded
from datashare.domain.validation import LEAST_URN, LONGEST_TEXT, MOST_URN

_K = TypeVar("_K")
_V = TypeVar("_V")

NOTHING = frozenset({"", "nan", "NaN", "NAN", "NA", "<NA>", "NaT", "NULL", "null", "None"})
"""What programs write where there is nothing."""

_USUAL_URN = len("100000")
_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0*)?", re.ASCII)
_BRITISH_DAY = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})", re.ASCII)
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)


class BadCell(Exception):
    """A cell that cannot be right; it becomes a `BadRow` where the line is known."""

    def __init__(self, column: str, value: str, why: str) -> None:
        super().__init__(column, value, why)
        self.column = column
        self.value = value
        self.why = why


class Memo(dict[_K, _V]):
    """Remembers what each text reads as, so that equal cells are read once and share one value."""

    def __init__(self, read: Callable[[_K], _V]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: _K) -> _V:
        value = self[text] = self._read(text)
        return value


def words(column: str) -> Callable[[str], str]:
    """Read text, possibly empty, without outer spaces."""

    def read(text: str) -> str:
        text = text.strip()
        if len(text) > LONGEST_TEXT:
            raise BadCell(column, text, f"holds more than {LONGEST_TEXT} characters")
        return "" if text in NOTHING else text

    return read


def code(column: str, *, width: int = 1, most: int, padded: bool = True) -> Callable[[str], str]:
    """Read a code that is a whole number, with the leading zeros that it should have; empty for none.

    Where it is not *padded*, no code but that of all zeros begins with one, and a short one lacks digits.
    """

    def read(text: str) -> str:
        if width <= len(text) <= most and text.isdigit() and text.isascii() and text[0] != "0":
            return text  # as published, and the quick way
        text = text.strip()
        if text in NOTHING:
            return ""
        found = _WHOLE.fullmatch(text)
        digits = found[1].lstrip("0") if found else text
        if not found or len(digits) > most:
            raise BadCell(column, text, f"is not a whole number of up to {most} digits")
        if not padded and 0 < len(digits) < width:
            raise BadCell(column, text, f"is not a code of {width} digits, and none but {'0' * width} begins with 0")
        return digits.zfill(width)

    return read


def coded(column: str, *, width: int = 1, most: int, padded: bool = True) -> Callable[[tuple[str, str]], Coded | None]:
    """Read a code and the name beside it, as ``LA (code)`` and ``LA (name)``; a name alone says nothing."""
    read_code = code(f"{column} (code)", width=width, most=most, padded=padded)
    read_name = words(f"{column} (name)")

    def read(texts: tuple[str, str]) -> Coded | None:
        found = read_code(texts[0])
        return Coded(found, read_name(texts[1])) if found else None

    return read


def joined(column: str, *, most: int) -> Callable[[str, str], dict[str, str]]:
    """Read codes joined with ``~``, with their names joined likewise, as names by code.

    The codes decide. Where there are not as many names, a name cannot be told whose it is, and is left out.
    """
    read_code, read_name = code(f"{column} (code)", most=most), words(f"{column} (name)")

    def read(codes: str, names: str) -> dict[str, str]:
        if codes.strip() in NOTHING:
            return {}
        found = [read_code(one) for one in codes.split("~")]
        if not all(one.strip("0") for one in found):
            raise BadCell(f"{column} (code)", codes, "is not a list of codes joined with ~")
        labels = [read_name(one) for one in (names.split("~") if len(found) > 1 else [names])]
        if len(labels) != len(found):
            labels = [""] * len(found)
        return dict(zip(found, labels, strict=True))

    return read


def day(column: str) -> Callable[[str], date | None]:
    """Read a day as published (``DD-MM-YYYY``) or as saved again (``YYYY-MM-DD``, maybe with a midnight)."""

    def read(text: str) -> date | None:
        text = text.strip()
        if text in NOTHING:
            return None
        if found := _BRITISH_DAY.fullmatch(text):
            of_month, month, year = found.groups()
        elif found := _ISO_DAY.fullmatch(text):
            year, month, of_month = found.groups()
        else:
            raise BadCell(column, text, "is not a day such as 31-12-2025 or 2025-12-31")
        try:
            return date(int(year), int(month), int(of_month))
        except ValueError as exc:
            raise BadCell(column, text, "is a day that no calendar has") from exc

    return read


def age(column: str) -> Callable[[str], int | None]:
    """Read an age in years."""
    read_code = code(column, most=3)

    def read(text: str) -> int | None:
        found = read_code(text)
        return int(found) if found else None

    return read


def urn(column: str) -> Callable[[str], int]:
    """Read a URN."""

    def read(text: str) -> int:
        if len(text) == _USUAL_URN and text.isdigit() and text.isascii() and text[0] != "0":
            return int(text)
        found = _WHOLE.fullmatch(text.strip())
        number = int(found[1]) if found else 0
        if not LEAST_URN <= number <= MOST_URN:
            raise BadCell(column, text.strip(), "is not a URN, a whole number such as 100000")
        return number

    return read


_read_uid = code("Group UID", most=7)


def uid(text: str) -> str:
    """Read a group's UID."""
    found = _read_uid(text)
    if not found.strip("0"):
        raise BadCell("Group UID", text.strip(), "is not a group UID, a whole number such as 5143")
    return found
