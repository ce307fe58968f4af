"""The history as JSON Lines and as CSV that a spreadsheet opens safely (rules H2, H4)."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.codec import COLUMNS, ExportFormat, decode_event, defused, encode, export_lines
from datashare.domain.agreements.events import (
    FREE_TEXT,
    AgreementImported,
    Event,
    RequestDeclined,
    RequestSent,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import RequestId, Terms
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.testing.strategies import events
from tests.builders import AGREEMENT, ANA, DEPUTY, HEAD, MIS, NIGHTLY, NOW, TERMS

FACTS: dict[str, Any] = {"agreement": AGREEMENT, "sequence": 1, "at": NOW, "actor": ANA, "command_id": "c-1"}
SENT = RequestSent(**FACTS, level=MIS, raises=None, sender=ANA, recipients=(DEPUTY, HEAD), terms=TERMS)
IMPORTED = AgreementImported(
    **FACTS, level=MIS, agreed_on=date(2024, 2, 29), terms=None, approver="Mrs Ó Briain", evidence="Cabinet 3"
)


def declined(reason: str | None) -> RequestDeclined:
    """Build an event with what somebody wrote."""
    return RequestDeclined(**{**FACTS, "actor": HEAD, "sequence": 2}, request=RequestId(AGREEMENT, 1), reason=reason)


def saved(lines: Iterator[str], encoding: str = "utf-8") -> bytes:
    """Write lines to a file as the documentation says, and return its bytes."""
    file = io.BytesIO()
    with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        text.writelines(lines)
        text.flush()
        return file.getvalue()


def read_json_lines(written: bytes) -> list[Event]:
    """Read a file of JSON Lines as the documentation says."""
    with io.TextIOWrapper(io.BytesIO(written), encoding="utf-8", newline="\n") as file:
        return [decode_event(line) for line in file]


def read_csv(written: bytes, encoding: str = "utf-8") -> list[dict[str, str]]:
    """Read a CSV file as Python does."""
    text = io.StringIO(written.decode(encoding), newline="")
    return list(csv.DictReader(text, strict=True))


def rows(*given_events: Event, words: bool = True) -> list[dict[str, str]]:
    """Return the rows of the CSV form as they are read back, without the empty cells."""
    read = read_csv(saved(export_lines(given_events, ExportFormat.CSV, words=words)))
    return [{name: cell for name, cell in row.items() if cell} for row in read]


@pytest.mark.rule("H2")
def test_a_row_holds_an_event_in_plain_columns() -> None:
    """What it does not have is empty; several people stand in a line each."""
    assert rows(SENT) == [
        {
            "group": "mat:5143",
            "urn": "100000",
            "sequence": "1",
            "at": "2026-03-29T00:59:59.999999Z",
            "event": "request_sent",
            "actor": "mat:5143/ana",
            "command_id": "c-1",
            "level": "mis_data",
            "sender": "mat:5143/ana",
            "recipients": "urn:100000/deputy\nurn:100000/head",
            "terms_reference": "https://council.example/addendum-ß.pdf",
            "terms_version": "2.1",
            "terms_review_on": "2027-03-29",
        }
    ]


@pytest.mark.rule("H2", "E6")
def test_what_the_register_showed_has_its_columns() -> None:
    """Its day, every reason, and whether access resumed."""
    facts = {**FACTS, "actor": NIGHTLY}
    lost = VisibilityLost(
        **facts, register_day=date(2026, 4, 1), reasons=(HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED)
    )
    back = [VisibilityReturned(**facts, register_day=date(2026, 4, 2), resumes=resumes) for resumes in (True, False)]
    first, *others = rows(lost, *back)

    assert ("system:nightly-refresh", "2026-04-01") == (first["actor"], first["register_day"])
    assert "closed\nnot_linked" == first["reasons"]
    assert ["yes", "no"] == [row["resumes"] for row in others]


@pytest.mark.rule("H2")
def test_every_field_of_every_event_has_a_column() -> None:
    """A field that comes later is not forgotten; those of terms have columns of their own."""
    fields = {field.name for kind in get_args(Event) for field in attrs.fields(kind) if field.init}
    terms = {f"terms_{field.name}" for field in attrs.fields(Terms)}

    assert {"group", "urn", "event", *terms, *fields} - {"agreement", "terms"} == set(COLUMNS)
    assert len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.rule("H2")
def test_an_empty_history_has_a_header_alone() -> None:
    """A spreadsheet shows the columns; JSON Lines need no header."""
    header = ",".join(f'"{name}"' for name in COLUMNS)
    assert [f"{header}\r\n"] == list(export_lines([], ExportFormat.CSV))
    assert [] == list(export_lines([], ExportFormat.JSON_LINES))


@pytest.mark.rule("H2")
@pytest.mark.parametrize("form", ExportFormat)
def test_events_are_taken_one_by_one(form: ExportFormat) -> None:
    """A line is there before the next event is asked for, so that a history of any length can be written."""
    taken = list[int]()

    def history() -> Iterator[Event]:
        for number in range(1, 4):
            taken.append(number)
            yield attrs.evolve(SENT, sequence=number)

    lines = export_lines(history(), form)
    assert [] == taken
    if form is ExportFormat.CSV:
        next(lines)
    next(lines)
    assert [1] == taken


@pytest.mark.rule("H2")
def test_an_unknown_form_is_refused_at_once() -> None:
    """The error is raised before a line is taken, for the text of a form too."""
    form: Any = "csv"
    with pytest.raises(InvalidValue, match="form must be a member of ExportFormat"):
        export_lines([], form)


@pytest.mark.rule("H4")
@pytest.mark.parametrize("form", ExportFormat)
def test_what_people_wrote_can_be_left_out(form: ExportFormat) -> None:
    """It may name somebody; everything else stays."""
    written = saved(export_lines([IMPORTED, declined("Ask Mr Ó Sé.")], form, words=False)).decode()

    assert "Briain" not in written
    assert "Cabinet" not in written
    assert "Sé" not in written
    assert "2024-02-29" in written
    assert "Briain" in saved(export_lines([IMPORTED], form)).decode()


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+44",
        "-1",
        "@SUM(A1)",
        "  =1",
        '"=1"',
        "\u00a0=1",
        "\u200b=1",
        "\x1b=1",
        "\u0301=1",
        "\u20dd=1",
        "\uff1d1",
        "\uff20SUM",
        "\ufe661",
        "\u22121",
        "'",
        "'=1",
    ],
    ids=ascii,
)
def test_what_begins_a_formula_is_defused(text: str) -> None:
    """The cell begins with an apostrophe, and without it is what was written; so does each piece of a cell."""
    (row,) = rows(declined(text))

    assert f"'{text}" == row["reason"]
    for border in (";", "\t", "\r", "\n", "\r\n", ";;"):
        assert f"Yes{border}'{text}" == defused(f"Yes{border}{text}")
        assert f"{border}'{text}{border}" == defused(f"{border}{text}{border}")


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "text",
    ["", " ", "1=1", "Yes - later", "Größe", "a'b", "(=1)", "‘=1’", "\t", "\r\n", "a;b", "; ", '"Yes"'],
    ids=ascii,
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Only the beginning of a piece makes a formula."""
    assert text == defused(text)


@pytest.mark.rule("H2")
def test_ids_are_defused_like_texts() -> None:
    """A caller's command id, a version and a reference may begin with anything printable."""
    (row,) = rows(attrs.evolve(SENT, command_id="=c", terms=Terms(reference="@ref", version="-2")))

    assert ("'=c", "'@ref", "'-2") == (row["command_id"], row["terms_reference"], row["terms_version"])


@pytest.mark.rule("H2")
def test_what_a_file_cannot_hold_is_replaced() -> None:
    """No command can hold it; a text from elsewhere could."""
    assert "a\ufffdb\ufffd" == defused("a\0b\ud800")


@pytest.mark.rule("H2")
def test_a_spreadsheet_is_told_the_encoding() -> None:
    """With the mark of utf-8-sig first, the header and the cells are read back the same."""
    written = saved(export_lines([declined("Größe, „=1“")], ExportFormat.CSV), "utf-8-sig")

    assert written.startswith(b'\xef\xbb\xbf"group","urn",')
    assert ["Größe, „=1“"] == [row["reason"] for row in read_csv(written, "utf-8-sig")]


@pytest.mark.rule("H2")
@given(st.lists(events(), max_size=3))
def test_json_lines_give_the_events_again(given_events: list[Event]) -> None:
    """One encoded object a line; whatever people wrote, a file read by line ends holds the same events."""
    lines = list(export_lines(given_events, ExportFormat.JSON_LINES))

    assert [f"{encode(event)}\n" for event in given_events] == lines
    assert given_events == read_json_lines(saved(iter(lines)))


@pytest.mark.rule("H2")
@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x1c", "\r", "\n"], ids=ascii)
def test_a_line_break_in_what_was_written_breaks_no_line(mark: str) -> None:
    """Some of them stand in the line as themselves; a line ends at a line feed and nowhere else."""
    event = declined(f"Not this{mark}year.")

    assert [event, SENT] == read_json_lines(saved(export_lines([event, SENT], ExportFormat.JSON_LINES)))


@pytest.mark.rule("H2", "H4")
@given(events())
def test_csv_gives_every_text_again(event: Event) -> None:
    """Whatever people wrote, one row is read back; each cell without its mark is the text, and an actor is an id."""
    (row,) = read_csv(saved(export_lines([event], ExportFormat.CSV)))

    written = {field.name for field in attrs.fields(type(event)) if field.metadata.get(FREE_TEXT)}
    for name in written:
        assert undone(row[name]) == (getattr(event, name) or "")
    assert undone(row["command_id"]) == event.command_id
    assert (str(event.actor), str(event.agreement.group)) == (row["actor"], row["group"])
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())


def undone(cell: str) -> str:
    """Remove the marks, as the documentation says."""
    return re.sub(r"(^|[;\t\r\n])'", r"\1", cell)


FORMULAS = tuple("=+-@＝＋－＠")
AWKWARD = st.text("=+-@＝＠'\";,\t\r\n \u00a0\ufeff\u0301a1", max_size=8)


@pytest.mark.rule("H2")
@given(AWKWARD)
def test_removing_the_marks_restores_the_text(text: str) -> None:
    """A piece that begins with a mark gets another one, so that nothing is lost or ambiguous."""
    assert text == undone(defused(text))


@pytest.mark.rule("H2")
def test_every_cell_is_quoted() -> None:
    """So that a reader which splits at semicolons or tabs as well as at commas keeps it whole."""
    *lines, last = saved(export_lines([SENT], ExportFormat.CSV)).decode().split("\r\n")

    assert "" == last
    assert all(line.startswith('"') and line.endswith('"') for line in lines)
    assert [len(COLUMNS) - 1] * 2 == [line.count('","') for line in lines]


@pytest.mark.rule("H2")
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=ascii)
@given(st.lists(st.tuples(AWKWARD, AWKWARD), min_size=1, max_size=3))
def test_no_delimiter_makes_a_formula(delimiter: str, written: list[tuple[str, str]]) -> None:
    """Wherever a spreadsheet splits the lines, no cell begins with one, whatever people wrote."""
    imports = [attrs.evolve(IMPORTED, approver=approver, evidence=evidence) for approver, evidence in written]
    text = saved(export_lines(imports, ExportFormat.CSV)).decode()

    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        assert not any(cell.strip(" \u00a0\ufeff\u0301\t\r\n").startswith(FORMULAS) for cell in row)


@pytest.mark.rule("H2")
@pytest.mark.parametrize("form", ExportFormat)
@pytest.mark.parametrize("wrong", [None, "events", ["request_sent"]], ids=str)
def test_only_events_are_written(wrong: Any, form: ExportFormat) -> None:  # noqa: ANN401 - what is tested
    """Anything else raises an error of the library's own, with people's words and without."""
    for words in (True, False):
        with pytest.raises(InvalidValue, match="events must be events such as"):
            list(export_lines(wrong, form, words=words))
