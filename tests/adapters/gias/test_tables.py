"""How a download is read as a table: its header, its rows, its line ends, its progress."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.adapters.gias import ReadingProgress, read_establishments, read_group_links, read_register
from datashare.adapters.gias._establishments import ESTABLISHMENTS, TrustLinks, institutions
from datashare.adapters.gias._problems import Problems
from datashare.adapters.gias._tables import Download, open_table
from datashare.errors import BadRow, MissingColumns, RegisterUnreadable

from . import sample

NEEDED = ("URN", "EstablishmentName", "EstablishmentStatus (code)")
HEADER = b"URN,EstablishmentName,EstablishmentStatus (code)\n"
UNCLOSED = "as an unclosed quote does"


def test_only_what_is_needed_must_be_there() -> None:
    """URN, name and status make an institution; the rest is unknown."""
    (school,) = read_establishments(sample.download({column: sample.SCHOOL[column] for column in NEEDED}))

    assert (100000, "Areté Primary School", "Open") == (school.urn, school.name, school.status_name)
    assert (None, None, (), "") == (school.local_authority, school.open_date, school.trusts, school.town)


@pytest.mark.parametrize(
    ("row", "missing"),
    [(sample.without(sample.SCHOOL, column), (column,)) for column in NEEDED] + [(sample.LINK, NEEDED[1:])],
    ids=[*NEEDED, "links"],
)
def test_missing_columns_are_named(row: dict[str, str], missing: tuple[str, ...]) -> None:
    """A file without columns that are needed is refused, and the error names all of them."""
    with pytest.raises(MissingColumns) as raised:
        read_register(sample.download(row))

    assert (missing, '"Establishment fields"') == (raised.value.missing, raised.value.needed_for)
    assert f'its header has no "{missing[0]}"' in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        b",URN,EstablishmentName,EstablishmentStatus (code),\n0,100000,A,1,\n1,100001,B,1,\n",
        b"\n\nURN,EstablishmentName,EstablishmentStatus (code)\n\n100000,A,1\n,,\n\n100001,B,1\n",
        b'EstablishmentStatus (code),"URN",EstablishmentName\n1,100000,"A"\n1,"100001",B\n',
    ],
    ids=["unnamed columns", "empty lines and rows", "another order"],
)
def test_what_does_not_matter_is_skipped(text: bytes) -> None:
    """Unnamed columns, empty lines, rows of nothing but commas, the order of columns and quotes change nothing."""
    register = read_register(io.BytesIO(text))

    assert ({100000: "A", 100001: "B"}, 2) == (
        {urn: school.name for urn, school in register.institutions.items()},
        register.rows,
    )


def test_a_header_that_comes_again_is_a_bad_row() -> None:
    """Files that were put one behind the other hold the header twice."""
    header = dict(zip(sample.SCHOOL, sample.SCHOOL, strict=True))
    register = read_register(sample.download(sample.SCHOOL, header, sample.SCHOOL | {"URN": "100001"}))

    assert [100000, 100001] == list(register.institutions)
    assert (3, "URN", "URN") == (sample.only(register).line, sample.only(register).column, sample.only(register).value)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "not ended"])
def test_every_line_end_is_understood(end: str, last: bool) -> None:
    """Windows, Unix and old Macintosh line ends are read, with and without one after the last row."""
    schools = [sample.SCHOOL, sample.SCHOOL | {"URN": "100001", "Street": "The Hall\nHigh Street"}]
    text = sample.lines([sample.SCHOOL, *(school.values() for school in schools)]).replace("\r\n", end)
    file = io.BytesIO((text if last else text.removesuffix(end)).encode())

    assert list(read_establishments(sample.download(*schools))) == list(read_establishments(file))


def test_a_line_end_of_another_kind_spoils_its_row() -> None:
    """A carriage return that is not in quotes, in a file of other line ends, makes a bad row."""
    register = read_register(io.BytesIO(HEADER + b"100000,A,1\r100001,B,1\n100002,C,1\n"))

    assert ([100002], 2) == (list(register.institutions), register.rows)
    assert sample.only(register).why.startswith("is not well-formed CSV (new-line character")


@pytest.mark.parametrize(
    ("row", "fields"), [(b"100001,B", 2), (b"100001,B,1,2", 4), (b"100001", 1)], ids=["short", "long", "single"]
)
def test_rows_of_another_length_are_refused(row: bytes, fields: int) -> None:
    """A row with too few or too many fields could have its values under the wrong names."""
    register = read_register(io.BytesIO(HEADER + b"100000,A,1\n" + row + b"\n100002,C,1\n"))
    problem = sample.only(register)

    assert [100000, 100002] == list(register.institutions)
    assert (3, "", f"has {fields} fields where 3 are expected") == (problem.line, problem.column, problem.why)
    assert str(problem).startswith(f"the file passed in, line 3: the row has {fields} fields where 3 are expected.")


@pytest.mark.parametrize(("lacking", "bad_line"), [("ssf", 4), ("fsf", 3)], ids=["lacking", "not lacking"])
def test_a_last_column_that_no_row_has_is_lacking_throughout_or_not_at_all(lacking: str, bad_line: int) -> None:
    """If the first row lacks HasSharedHT, all rows must; if it does not, no row may."""
    short = list(sample.GROUP_LINK.values())
    rows = [[*sample.GROUP_LINK, "HasSharedHT"], *([*short, "x"] if length == "f" else short for length in lacking)]
    problems: list[BadRow] = []

    assert 2 == len(list(read_group_links(io.BytesIO(sample.lines(rows).encode()), report=problems.append)))
    assert [bad_line] == [problem.line for problem in problems]


def test_rows_of_other_files_may_not_be_short() -> None:
    """Rows may lack the last column only if it is HasSharedHT."""
    file = io.BytesIO(sample.lines([[*sample.SCHOOL, ""], sample.SCHOOL.values()]).encode())

    assert f"has {len(sample.SCHOOL)} fields" in str(sample.only(read_register(file)))


def test_lines_within_fields_are_counted() -> None:
    """The line of a bad row is that on which it ends, whatever line ends its fields hold."""
    file = sample.download(sample.SCHOOL | {"Street": "a\r\nb\nc"}, sample.SCHOOL | {"URN": "x"})

    assert (5, "URN") == ((problem := sample.only(read_register(file))).line, problem.column)


def test_a_quote_that_is_not_closed_is_reported_and_what_follows_is_read() -> None:
    """A quote in the wrong place spoils its row, and the rows that it takes in; the others are read."""
    rows = b'"100000","A "bad" name","1"\r\n"100001","B","1"\r\n"100002","C,"1"\r\n"100003","D","1"\r\n"100004","E'
    register = read_register(io.BytesIO(HEADER + rows))

    assert [100001, 100003] == list(register.institutions)
    assert [2, 4, 6] == [problem.line for problem in register.problems]
    assert "line 6: the row is not well-formed CSV (unexpected end of data)." in str(register.problems[-1])


def test_a_field_that_never_ends_is_reported() -> None:
    """A quote that is never closed meets the limit of what a field may hold."""
    rows = b"".join(b"%d,School,1\n" % urn for urn in range(100001, 120000))
    register = read_register(io.BytesIO(HEADER + b'100000,"A,1\n' + rows), share_lost=0.5)
    problem, taken = sample.only(register), 20_000 - len(register.institutions)

    assert "the row is not well-formed CSV (field larger than field limit" in str(problem)
    assert problem.why.endswith(f" and took {taken} lines from line 2, {UNCLOSED}")
    assert (20_000, 1 + taken) == (register.rows, problem.line)


@pytest.mark.parametrize(
    ("rows", "line", "why"),
    [
        (
            b'100000,"A,1\n100001,"B",1\n',
            3,
            f"is not well-formed CSV (',' expected after '\"') and took 2 lines from line 2, {UNCLOSED}",
        ),
        (
            b'100000,"A,1\n100001,B,1\n\n"\n',
            5,
            f"has 2 fields where 3 are expected and took 4 lines from line 2, {UNCLOSED}",
        ),
    ],
    ids=["broken", "closed later"],
)
def test_every_line_that_a_quote_took_in_is_counted(rows: bytes, line: int, why: str) -> None:
    """There is one bad row, which says how many lines it took; each of them counts as a row."""
    register = read_register(io.BytesIO(HEADER + rows + b"100002,C,1\n"))
    problem = sample.only(register)

    assert [100002] == list(register.institutions)
    assert (line, why) == (problem.line, problem.why)
    assert rows.count(b"\n") + 1 == register.rows


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'"URN,EstablishmentName\n100000,A\n', "its header is not well-formed CSV"),
        (HEADER[:-1] + b",URN\n100000,A,1,100001\n", 'its header has "URN" more than once. Remove the wrong one.'),
        (HEADER[:-1] + b",urn\n100000,A,1,100001\n", 'its header has "URN" more than once. Remove the wrong one.'),
        (b"\n\n\n", "it holds only empty lines"),
        (b"\r\n", "it holds only empty lines"),
        (HEADER, "it has a header but no rows"),
    ],
    ids=["open quote", "twice", "twice in another case", "LF", "CRLF", "no rows"],
)
def test_a_file_without_a_header_or_rows_is_refused(content: bytes, why: str) -> None:
    """A file that is broken off or empty must not pass for a register without schools."""
    with pytest.raises(RegisterUnreadable, match=why):
        read_register(io.BytesIO(content))


def test_strict_raises_the_first_bad_row() -> None:
    """In strict mode nothing is left out: the first bad row is raised."""
    file = sample.download(sample.SCHOOL, sample.SCHOOL | {"URN": "x"}, sample.SCHOOL | {"URN": "y"})

    with pytest.raises(BadRow) as raised:
        read_register(file, strict=True)
    assert (3, "URN", "x") == (raised.value.line, raised.value.column, raised.value.value)


def test_a_stream_raises_bad_rows_unless_it_is_given_a_report() -> None:
    """By default a stream is strict; with a report it goes on."""
    file = sample.download(sample.SCHOOL | {"URN": "x"}, sample.SCHOOL)
    with pytest.raises(BadRow):
        next(read_establishments(file))

    problems: list[BadRow] = []
    file.seek(0)
    assert [sample.school()] == list(read_establishments(file, report=problems.append))
    assert ["x"] == [problem.value for problem in problems]


def test_the_first_thousand_problems_are_kept_and_all_are_counted() -> None:
    """A file of nothing but bad rows does not fill the memory with them."""
    file = sample.download(*(sample.SCHOOL | {"URN": f"x{i}"} for i in range(1234)))
    register = read_register(file, share_lost=1)

    assert (1000, 1234, 1234) == (len(register.problems), register.problem_count, register.rows)
    assert ("x0", "x999") == (register.problems[0].value, register.problems[-1].value)


@pytest.mark.rule("V4")
def test_cells_that_only_warn_are_reported_once_and_counted() -> None:
    """No error is built for each of many equal cells, and none of them is left out of the count."""
    bad = {"OpenDate": "x", "CloseDate": "y", "StatutoryLowAge": "z", "UKPRN": "x", "Town": "T" * 10_001}
    rows = [sample.SCHOOL | bad | {"URN": str(100000 + n)} for n in range(50)]
    problems, reported = Problems(strict=False), list[str]()

    def report(problem: BadRow) -> None:
        reported.append(problem.column)
        problems(problem)

    with open_table(sample.download(*rows), ESTABLISHMENTS, report, again=problems.again) as table:
        schools = list(institutions(table, TrustLinks(())))

    assert (50, sorted(bad)) == (len(schools), sorted(reported))
    assert dict.fromkeys(bad, 50) == {warning.column: warning.count for warning in problems.warnings}


def test_a_bad_cell_that_decides_nothing_does_not_save_a_row_without_a_status() -> None:
    """Both are reported, each as what it is."""
    problem = sample.bad(OpenDate="x", LA_code="y")

    assert ("LA (code)", "row") == (problem.column, problem.lost)


def schools(count: int, *bad: str) -> io.BytesIO:
    """Build a file of *count* schools, the last of them with bad URNs."""
    urns = [*(str(100000 + place) for place in range(count - len(bad))), *bad]
    return io.BytesIO(HEADER + "".join(f"{urn},School,1\n" for urn in urns).encode())


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("count", "lost", "share", "refused"),
    [
        (99, 5, 0.01, False),
        (99, 6, 0.01, True),
        (100, 1, 0.01, False),
        (100, 2, 0.01, True),
        (300, 3, 0.01, False),
        (300, 4, 0.01, True),
        (100, 20, 0.2, False),
        (100, 21, 0.2, True),
        (100, 1, 0, True),
        (100, 100, 1, False),
    ],
)
def test_a_file_of_which_too_much_is_lost_is_refused(count: int, lost: int, share: float, refused: bool) -> None:
    """The share is the caller's; in a file of under a hundred rows five may be lost whatever it is."""
    file = schools(count, *["x"] * (lost - 1), "0")
    if not refused:
        assert lost == read_register(file, share_lost=share).problem_count
        return
    with pytest.raises(RegisterUnreadable) as raised:
        read_register(file, share_lost=share)
    assert (
        f'{lost} of the first {count} rows cannot be read, most often because column "URN" is not a URN, a whole '
        f"number such as 100000. At most {share} of the rows may be lost."
    ) in str(raised.value)


@pytest.mark.rule("V12")
def test_a_file_of_bad_rows_is_given_up_early() -> None:
    """Once more rows are lost than the largest file may lose, the rest is not read; malformed ones count by lines."""
    reports: list[ReadingProgress] = []
    with pytest.raises(RegisterUnreadable, match=r"1,001 of the first 1,011 rows .* a row has 1 fields"):
        read_register(io.BytesIO(schools(10).getvalue() + b"x\n" * 100_000), progress=reports.append)
    assert reports[-1].bytes_read < reports[-1].total_bytes
    with pytest.raises(RegisterUnreadable, match="200 of the first 204 rows"):
        read_register(io.BytesIO(schools(4).getvalue() + b'100009,"' + b"\n" * 199 + b'"'))


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("argument", "row", "cells"),
    [
        ("groups", sample.GROUP, {"Closed Date": "########"}),
        ("group_links", sample.GROUP_LINK, {"Joined date": "########"}),
        ("links", sample.LINK, {"LinkType": ""}),
    ],
)
def test_cells_that_decide_something_count_as_lost_rows(
    argument: str, row: dict[str, str], cells: dict[str, str]
) -> None:
    """A file that closes many trusts or hides many schools since its days cannot be read is refused."""
    rows = [row | cells | {column: str(100000 + n) for column in ("Group UID", "LinkURN")} for n in range(1, 101)]
    arguments: dict[str, Any] = {argument: sample.download(*({c: r[c] for c in row} for r in rows))}

    with pytest.raises(RegisterUnreadable, match="100 of the first 100 rows cannot be read"):
        read_register(sample.download(sample.SCHOOL), **arguments)
    arguments[argument].seek(0)
    with pytest.raises(BadRow):
        read_register(sample.download(sample.SCHOOL), strict=True, **arguments)


@pytest.mark.rule("V8")
def test_the_closing_day_of_a_closed_group_decides_nothing() -> None:
    """Its status has closed it, so the day only warns, in however many rows."""
    closed = sample.GROUP | {"Group Status (code)": "CLOSED", "Group Status": "Closed", "Closed Date": "31/08/10"}
    groups = sample.download(*(closed | {"Group UID": str(uid)} for uid in range(5100, 5200)))
    register = read_register(sample.download(sample.SCHOOL), groups=groups)
    (warning,) = register.warnings

    assert (100, "Closed Date", 0) == (warning.count, warning.column, register.problem_count)
    assert not any(group.is_open for group in register.groups.values() if group.trust_type)


@pytest.mark.parametrize(
    ("end", "cut"),
    [(b"100002,C", True), (b'100002,"C', True), (b"100002,C,1", False), (b"x,C,1", False), (b"1,2\n100002,C,1", False)],
    ids=["field", "quote", "whole", "bad cell", "earlier"],
)
def test_a_file_that_is_cut_short_is_noticed(end: bytes, cut: bool) -> None:
    """A last row that is not whole is counted; the Department's own files have no line end after theirs."""
    register = read_register(io.BytesIO(HEADER + b"100000,A,1\n100001,B,1\n" + end))

    expected = ["the file passed in: it ends with a row that is not whole, so it may be cut short."] if cut else []
    assert expected == [str(warning) for warning in register.warnings]


@pytest.mark.parametrize(
    "header",
    [
        b"urn,establishmentname,ESTABLISHMENTSTATUS (CODE)",
        b"\xef\xbb\xbfURN , Establishmentname,EstablishmentStatus  (code)",
        b"URN;EstablishmentName;EstablishmentStatus (code)",
        b'"URN"\t"EstablishmentName"\t"EstablishmentStatus (code)"',
    ],
    ids=["case", "spaces", "semicolons", "tabs"],
)
def test_the_header_may_be_written_in_other_ways(header: bytes) -> None:
    """Programs differ in capitals, spaces and what separates the fields; none of it has another meaning."""
    mark = b";" if b";" in header else b"\t" if b"\t" in header else b","
    register = read_register(io.BytesIO(header + b"\n100000,A,1\n".replace(b",", mark)))

    assert ["A"] == [school.name for school in register.institutions.values()]


@pytest.mark.rule("K6")
def test_reading_reports_how_far_it_has_come() -> None:
    """Progress is reported at the start, every thousand rows, and at the end, per file."""
    reports: list[ReadingProgress] = []
    read_register(sample.ESTABLISHMENTS, groups=sample.GROUPS, progress=reports.append)
    groups, establishments = reports[:2], reports[2:]

    assert [0, 318] == [progress.rows for progress in groups]
    assert [0, 1000, 2000, 2311] == [progress.rows for progress in establishments]
    for file, of_file in ((sample.GROUPS, groups), (sample.ESTABLISHMENTS, establishments)):
        assert {(str(file), of_file[-1].bytes_read)} == {(progress.file, progress.total_bytes) for progress in of_file}
        assert sorted(of_file, key=lambda progress: progress.bytes_read) == of_file
    assert 2_781_466 == reports[-1].total_bytes


def test_an_error_of_the_hosts_own_progress_is_the_hosts() -> None:
    """What the host's own function raises is not taken for an error of the file."""

    def stop(_progress: ReadingProgress) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        read_register(sample.download(sample.SCHOOL), progress=stop)


DOWNLOAD = Download(what="Letters", argument="letters", cells=(("D",), ("B",), ("Z",)), needed=(("B",),))
"""Two of four columns, not in the order of the file, and one that is not there."""

LINES = st.lists(
    st.lists(
        st.sampled_from(
            ["", "a", "é’", "1", " ", '"', '""', '"a"', '"a,b"', '"a""b"', '"a\nb"', 'a"b', '"a"b', "'", '"']
        ),
        min_size=1,
        max_size=5,
    ).map(",".join),
    max_size=12,
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_rows_are_read_as_csv_reads_them(lines: list[str], end: str, last: bool) -> None:
    """Whatever is quoted, unclosed, empty or too long, the rows are those of `csv` that have the right length."""
    text = end.join(["A,B,C,D", "first,b,c,d", *lines]) + (end if last else "")
    problems: list[BadRow] = []
    with open_table(io.BytesIO(text.encode()), DOWNLOAD, problems.append) as table:
        rows = list(table.rows())

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    expected: list[list[str]] = []
    finished = False
    while not finished:
        try:
            expected.extend(reader)
            finished = True
        except csv.Error:
            continue
    assert [(row[3], row[1], "") for row in expected[1:] if any(row) and len(row) == 4] == rows
    assert all(1 < problem.line <= reader.line_num for problem in problems)
