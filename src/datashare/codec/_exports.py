"""The history as lines of text for people outside: JSON Lines, and CSV that a spreadsheet opens safely (H2)."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from datashare.domain import validation
from datashare.domain.agreements import Event
from datashare.domain.agreements.events import walk_events
from datashare.domain.text import Labelled

from ._forms import encode, plain
from ._records import FREE_TEXTS


class ExportFormat(Labelled):
    """The form in which a history is written for people outside (H2)."""

    JSON_LINES = "jsonl"
    """One JSON object a line: the exact form."""
    CSV = "csv"
    """A table that a spreadsheet opens safely."""

    @property
    def label(self) -> str:
        """What people call the form."""
        return "CSV" if self is ExportFormat.CSV else "JSON Lines"


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
"""The columns of the CSV form, in their order; a column that an event does not have is empty.

``at`` is in UTC; days are in Europe/London. ``recipients`` and ``reasons`` have one value in each line of the cell.
The columns from ``reason`` on hold what people wrote, each under the name that the event has for it.
"""


def export_lines(events: Iterable[Event], form: ExportFormat, *, words: bool = True) -> Iterator[str]:
    r"""Write events one by one, as they come, each with its line end (H2).

    Write the lines to a file that is opened with ``newline=""``. JSON Lines is the exact form: each line is what
    `encode` writes of an event, read by `decode_event`, and ends with ``\n``; its file is UTF-8. Read it by iterating
    over a file opened with ``newline="\n"``, never by `str.splitlines`, which breaks lines elsewhere too, such as at
    U+2028 in what somebody wrote.

    CSV begins with a line of `COLUMNS`, and its lines end with ``\r\n``. Write it in the encoding ``utf-8-sig``, which
    puts a mark first by which spreadsheets recognise UTF-8. Its cells are `defused`, and all of them are quoted.

    Neither form looks up a name or an address: people are ids (H4). What people wrote may still name somebody.

    Args:
        events: The events, in the order in which they are to be written.
        form: Which form.
        words: Whether to write what people wrote, such as a reason, a note or an import's approver.

    Cost: memory for one event, whatever their number.

    Raises:
        InvalidValue: *form* is not an `ExportFormat`, or *words* is not true or false. A value that is not an event
            raises it when it is reached.
    """
    validation.require_member(form, ExportFormat, "form")
    validation.require_a(words, bool, "words", "True or False")
    checked = walk_events(events)
    exported = checked if words else map(_without_words, checked)
    return _csv_lines(exported) if form is ExportFormat.CSV else (f"{encode(event)}\n" for event in exported)


def _without_words(event: Event) -> Event:
    empty: dict[str, Any] = dict.fromkeys(FREE_TEXTS[type(event)])
    return attrs.evolve(event, **empty)


class _Echo:
    """A file that returns what is written to it, since `csv` returns what its file returns."""

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


_BEGINS_A_FORMULA = frozenset("=+-@\N{MINUS SIGN}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_PIECES = re.compile("[^;\t\r\n]+")
"""The parts of a cell that some spreadsheets would make cells of their own."""


def defused(text: str) -> str:
    r"""Turn any text into a cell that no spreadsheet takes as a formula (H2).

    A spreadsheet may split a cell at semicolons, tabs and line breaks, so each piece between them is treated alike.
    A piece gets ``'`` in front if it begins with ``=``, ``+``, ``-`` or ``@``, also in full width or a similar form,
    and also after quotation marks, spaces or invisible characters. A piece that begins with ``'`` gets another one.
    So the text can be restored: remove one ``'`` wherever a piece begins with it.

    Half of a surrogate pair, which no file can hold, and NUL, where spreadsheets stop reading, become U+FFFD. No value
    of this library holds either.

    >>> defused("=HYPERLINK(0)"), defused("Yes;=1"), defused("mat:5143/ana")
    ("'=HYPERLINK(0)", "Yes;'=1", 'mat:5143/ana')
    """
    whole = _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
    return _PIECES.sub(lambda piece: f"'{piece[0]}" if _needs_a_mark(piece[0]) else piece[0], whole)


def _needs_a_mark(piece: str) -> bool:
    # Passed over: quotation marks, which a reader that splits elsewhere removes; separators (Z); control and format
    # characters (C); and marks that join the character before (M).
    visible = (sign for sign in piece if sign != '"' and unicodedata.category(sign)[0] not in "ZCM")
    return piece.startswith("'") or unicodedata.normalize("NFKC", next(visible, "")) in _BEGINS_A_FORMULA
