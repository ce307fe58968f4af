"""The record as lines of text for people outside: JSON Lines, and CSV that a spreadsheet opens safely (H2)."""

from __future__ import annotations

import csv
import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.agreements import FREE_TEXT, Event, walk_events

from ._forms import encode, plain


class ExportFormat(enum.Enum):
    """How a history is written for people outside (H2)."""

    JSON_LINES = "jsonl"
    CSV = "csv"


COLUMNS = (
    "group",
    "urn",
    "sequence",
    "at",
    "event",
    "actor",
    "command_id",
    "request",
    "level",
    "raises",
    "sender",
    "recipients",
    "terms_reference",
    "terms_version",
    "terms_review_on",
    "agreed_on",
    "cause",
    "register_day",
    "reasons",
    "resumes",
    "reason",
    "basis",
    "approver",
    "evidence",
    "note",
)
"""The columns of the CSV form, in their order; one that an event does not have is empty.

``at`` is in UTC, days are in Europe/London. ``recipients`` and ``reasons`` have one in each line of the cell.
From ``reason`` on they hold what people wrote, each under the event's own name for it.
"""


def export_lines(events: Iterable[Event], form: ExportFormat, *, words: bool = True) -> Iterator[str]:
    r"""Write events down one by one, as they come, each with its line end (H2).

    Write the lines to a file that is opened with ``newline=""``. JSON Lines is the exact form: each line is what
    `encode` writes of an event, read by `decode_event`, and ends with ``\n``; its file is UTF-8. Read it by iterating
    over a file opened with ``newline="\n"``, never by `str.splitlines`, which breaks lines elsewhere too, such as at
    U+2028 in what somebody wrote.

    CSV begins with a line of `COLUMNS`, and its lines end with ``\r\n``; spreadsheets know it for UTF-8 by the mark
    that the encoding ``utf-8-sig`` puts first. Its cells are `defused`, and every one of them is quoted.

    Neither form looks up a name or an address: people are ids (H4). What people wrote may name somebody all the same.

    Args:
        events: The events, in the order in which they are to be written.
        form: Which form.
        words: Whether to write what people wrote, such as a reason, a note or an import's approver.

    Cost: memory for one event, whatever their number.

    Raises:
        InvalidValue: *form* is not an `ExportFormat`, or *words* is not true or false; or, when it is reached, an event
            is something else.
    """
    validation.require_member(form, ExportFormat, "form")
    validation.require_a(words, bool, "words", "True or False")
    walked = walk_events(events)
    given = walked if words else map(_without_words, walked)
    return _csv_lines(given) if form is ExportFormat.CSV else (f"{encode(event)}\n" for event in given)


def _without_words(event: Event) -> Event:
    written = [field.name for field in attrs.fields(type(event)) if field.metadata.get(FREE_TEXT)]
    nothing: dict[str, Any] = dict.fromkeys(written)
    return attrs.evolve(event, **nothing)


class _Echo:
    """A file that gives back what is written to it, for `csv` answers what its file answers."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(events: Iterable[Event]) -> Iterator[str]:
    writer: Any = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    for event in events:
        cells = _cells(event)
        yield writer.writerow(defused(_text(cells.get(name))) for name in COLUMNS)


def _cells(event: Event) -> dict[str, Any]:
    """Return the parts of an event by the names of their columns."""
    parts: dict[str, Any] = plain(event)
    terms: Mapping[str, Any] = parts.pop("terms", None) or {}
    del parts["agreement"]
    return {
        "group": str(event.agreement.group),
        "urn": event.agreement.urn,
        "event": parts.pop("kind"),
        **parts,
        **{f"terms_{name}": value for name, value in terms.items()},
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n".join(value) if isinstance(value, list) else str(value)


_MARK = "'"
_BEGINS_A_FORMULA = frozenset("=+-@\N{MINUS SIGN}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_PIECES = re.compile("[^;\t\r\n]+")
"""A cell where it is not split; a spreadsheet that splits at semicolons or tabs makes a cell of each."""


def defused(text: str) -> str:
    r"""Turn any text into a cell that no spreadsheet takes as a formula (H2).

    A piece is a cell's beginning, or what follows a semicolon, a tab or a line break in it, where a spreadsheet may
    split it. A piece gets ``'`` in front where it would begin with ``=``, ``+``, ``-`` or ``@``, in full width or a
    like form too, be it after quotation marks, spaces or characters that nobody sees; and where it begins with ``'``
    already. So to take off one ``'``, wherever a piece begins with it, gives the text again.

    What no file can hold, half of a surrogate pair, and what spreadsheets break off at, NUL, become U+FFFD. No value
    of this library holds either.

    >>> defused("=HYPERLINK(0)"), defused("Yes;=1"), defused("mat:5143/ana")
    ("'=HYPERLINK(0)", "Yes;'=1", 'mat:5143/ana')
    """
    whole = _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
    return _PIECES.sub(lambda piece: _marked(piece[0]), whole)


def _marked(piece: str) -> str:
    return f"{_MARK}{piece}" if _is_dangerous(piece) else piece


def _is_dangerous(piece: str) -> bool:
    if piece.startswith(_MARK):
        return True
    seen = next((character for character in piece if not _is_unseen(character)), "")
    return unicodedata.normalize("NFKC", seen) in _BEGINS_A_FORMULA


def _is_unseen(character: str) -> bool:
    # Quotation marks, which a reader that splits elsewhere takes off; separators; control characters and what only
    # steers the text; marks that join what stands before.
    return character == '"' or unicodedata.category(character)[0] in "ZCM"
