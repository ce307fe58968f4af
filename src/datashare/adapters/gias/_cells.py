"""The cells of the register, read as values.

Programs that save a download again change it: codes lose their leading zeros, whole numbers gain decimals,
empty cells gain words such as ``nan``. A cell that still has only one meaning is read; any other is a bad cell.

Every reader takes the name of the column first, for the error. Where few different texts fill a column, its reader is
wrapped in `cached`, so that equal cells are read once and share one value.
"""

from __future__ import annotations

import re
from functools import lru_cache

from datashare.domain.register import Coded
from datashare.domain.validation import LEAST_URN, LONGEST_TEXT, MOST_URN

EMPTY = frozenset({"", "nan", "NaN", "NAN", "NA", "<NA>", "NaT", "NULL", "null", "None"})
"""What programs write into an empty cell."""

cached = lru_cache(maxsize=10_000)
"""Wraps a reader for as long as one file is read. The full register has some 8,000 different days in a column."""

_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0*)?", re.ASCII)
_LEAD = "[\u00c2-\u00c5]"
_TRAIL = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_GARBLED = re.compile(f"\ufffd|ï¿½|{_LEAD}{_TRAIL}|â€|â„|áº|á»")
GARBLED = "has lost letters, or was once read in the wrong encoding"


class BadCell(Exception):
    """A cell that cannot be right; the table, which knows the line, reports it as a `BadRow`."""

    def __init__(self, column: str, value: str, why: str) -> None:
        super().__init__(column, value, why)
        self.column = column
        self.value = value
        self.why = why


def read_text(column: str, text: str) -> str:
    """Read text, possibly empty, without outer spaces."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise BadCell(column, text, f"holds more than {LONGEST_TEXT} characters")
    return "" if text in EMPTY else text


def is_garbled(text: str) -> bool:
    """Return whether a text has lost letters, or was read in the wrong encoding: ``FIERT\ufffd``, ``ARETÃ‰``.

    The second kind is UTF-8 that was taken for cp1252. It is recognised where it stands for a letter of Latin-1 or
    Welsh, or a typographic sign; no name of the register has such characters in a row otherwise.
    """
    return not text.isascii() and bool(_GARBLED.search(text))


def read_code(column: str, text: str, *, width: int = 1, most: int, padded: bool = True) -> str:
    """Read a code that is a whole number, and restore its leading zeros.

    Args:
        column: The column's name.
        text: The cell.
        width: The least number of digits.
        most: The greatest number of digits.
        padded: Whether codes may begin with 0. If not, only the code that is all zeros does, and a code of fewer
            digits than *width* has lost some that cannot be restored.

    Returns:
        The code, empty where the cell is.
    """
    if width <= len(text) <= most and text.isascii() and text.isdigit() and text[0] != "0":
        return text  # as published; this spares nearly all cells the steps below
    text = text.strip()
    if text in EMPTY:
        return ""
    number = _WHOLE.fullmatch(text)
    digits = number[1].lstrip("0") if number else text
    if not number or len(digits) > most:
        raise BadCell(column, text, f"is not a whole number of up to {most} digits")
    if not padded and 0 < len(digits) < width:
        raise BadCell(column, text, f"is not a code of {width} digits, and only {'0' * width} begins with 0")
    return digits.zfill(width)


def read_coded(column: str, code: str, name: str, *, width: int = 1, most: int, padded: bool = True) -> Coded | None:
    """Read a code and the name beside it, such as ``LA (code)`` and ``LA (name)``; a name without a code is ignored."""
    code = read_code(f"{column} (code)", code, width=width, most=most, padded=padded)
    return Coded(code, read_text(f"{column} (name)", name)) if code else None


def read_names_by_code(column: str, codes: str, names: str) -> dict[str, str]:
    """Read group UIDs joined with ``~``, and their names joined likewise.

    The codes decide. Where the numbers of codes and names differ, it is unknown which name belongs to which code, and
    the names are left out.
    """
    if codes.strip() in EMPTY:
        return {}
    uids = [read_code(f"{column} (code)", code, most=7) for code in codes.split("~")]
    if not all(uid.strip("0") for uid in uids):
        raise BadCell(f"{column} (code)", codes, "is not a list of codes joined with ~")
    labels = [read_text(f"{column} (name)", name) for name in (names.split("~") if len(uids) > 1 else [names])]
    return dict(zip(uids, labels if len(labels) == len(uids) else [""] * len(uids), strict=True))


def read_age(column: str, text: str) -> int | None:
    """Read an age in years."""
    years = read_code(column, text, most=3)
    return int(years) if years else None


def read_urn(column: str, text: str) -> int:
    """Read a URN."""
    if len(text) == 6 and text.isascii() and text.isdigit() and text[0] != "0":
        return int(text)  # as published; this spares nearly all cells the steps below
    text = text.strip()
    match = _WHOLE.fullmatch(text)
    urn = int(match[1]) if match else 0
    if not LEAST_URN <= urn <= MOST_URN:
        raise BadCell(column, text, "is not a URN, a whole number such as 100000")
    return urn


def read_uid(text: str) -> str:
    """Read a group's UID."""
    uid = read_code("Group UID", text, most=7)
    if not uid.strip("0"):
        raise BadCell("Group UID", text.strip(), "is not a group UID, a whole number such as 5143")
    return uid
