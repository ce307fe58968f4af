"""How a download is taken as a table: its header, its rows, its line ends, its progress."""

from __future__ import annotations

import csv
import io
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.adapters.gias import ReadingProgress, read_establishments, read_group_links, read_register
from datashare.adapters.gias._tables import Layout, open_table
from datashare.errors import BadRow, MissingColumns, RegisterUnreadable

from . import made

NEEDED = ("URN", "EstablishmentName", "EstablishmentStatus (code)")


def test_columns_are_found_by_name() -> None:
    """The order of the columns, and columns that are not used, change nothing."""
    columns = list(made.SCHOOL)
    random.Random(5143).shuffle(columns)
    shuffled = {"Boarders (name)": "x"} | {column: made.SCHOOL[column] for column in columns} | {"": "17"}

    assert [made.school()] == list(read_establishments(made.download(shuffled)))


def test_only_what_is_needed_must_be_there() -> None:
    """URN, name and status make an institution; what no column tells stays unknown."""
    few = {column: made.SCHOOL[column] for column in NEEDED}
    (found,) = read_establishments(made.download(few))

    assert (100000, "Areté Primary School", "Open") == (found.urn, found.name, found.status_name)
    assert (None, None, (), "") == (found.local_authority, found.open_date, found.trusts, found.town)


@pytest.mark.parametrize("column", NEEDED)
def test_a_missing_column_is_named(column: str) -> None:
    """A file without a column that is needed is refused, and told which."""
    with pytest.raises(MissingColumns) as raised:
        read_register(made.download(made.without(made.SCHOOL, column)))

    assert ((column,), '"Establishment fields"') == (raised.value.missing, raised.value.needed_for)
    assert f'its header has no "{column}"' in str(raised.value)


def test_all_missing_columns_are_named() -> None:
    """The wrong download is told all that it lacks."""
    with pytest.raises(MissingColumns) as raised:
        read_register(made.download(made.LINK))

    assert NEEDED[1:] == raised.value.missing


def test_an_unnamed_first_column_is_passed_over() -> None:
    """A row number that some program put in front does not matter."""
    file = io.BytesIO(b",URN,EstablishmentName,EstablishmentStatus (code),\n0,100000,A,1,\n1,100001,B,1,\n")

    assert [100000, 100001] == [found.urn for found in read_establishments(file)]


def test_a_column_that_stands_twice_is_refused() -> None:
    """Which of two columns of one name is meant cannot be told."""
    file = io.BytesIO(b"URN,EstablishmentName,EstablishmentStatus (code),URN\n100000,A,1,100001\n")

    with pytest.raises(RegisterUnreadable, match='its header has "URN" more than once'):
        read_register(file)


def test_a_header_that_comes_again_is_a_bad_row() -> None:
    """Files that were put one behind the other hold the header twice."""
    header = dict(zip(made.SCHOOL, made.SCHOOL, strict=True))
    register = read_register(made.download(made.SCHOOL, header, made.SCHOOL | {"URN": "100001"}))

    assert [100000, 100001] == list(register.institutions)
    assert (3, "URN", "URN") == (made.only(register).line, made.only(register).column, made.only(register).value)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "not ended"])
def test_every_line_end_is_understood(end: str, last: bool) -> None:
    """Windows, Unix and old Macintosh line ends, with and without one after the last row."""
    text = made.lines([made.SCHOOL, made.SCHOOL.values()]).replace("\r\n", end)
    file = io.BytesIO((text if last else text.removesuffix(end)).encode())

    assert [made.school()] == list(read_establishments(file))


def test_empty_lines_and_empty_rows_are_passed_over() -> None:
    """Lines with nothing in them, and rows of nothing but commas, are no rows."""
    file = io.BytesIO(b"\n\nURN,EstablishmentName,EstablishmentStatus (code)\n\n100000,A,1\n,,\n\n")

    assert (1, [100000]) == ((register := read_register(file)).rows, list(register.institutions))


@pytest.mark.parametrize(
    ("row", "fields"), [(b"100001,B", 2), (b"100001,B,1,2", 4), (b"100001", 1)], ids=["short", "long", "one"]
)
def test_rows_of_another_length_are_refused(row: bytes, fields: int) -> None:
    """A row with too few or too many fields could have its values under the wrong names."""
    header = b"URN,EstablishmentName,EstablishmentStatus (code)\n"
    register = read_register(io.BytesIO(header + b"100000,A,1\n" + row + b"\n100002,C,1\n"))
    problem = made.only(register)

    assert [100000, 100002] == list(register.institutions)
    assert (3, "", f"has {fields} fields where 3 are expected") == (problem.line, problem.column, problem.why)
    assert str(problem).startswith(f"the file passed in, line 3: the row has {fields} fields where 3 are expected.")


def test_a_last_column_that_no_row_has_is_lacking_throughout_or_not_at_all() -> None:
    """Where the first row lacks HasSharedHT all do; a row that has it then is a bad row, and the other way about."""
    header, short, full = (
        [*made.GROUP_LINK, "HasSharedHT"],
        [*made.GROUP_LINK.values()],
        [*made.GROUP_LINK.values(), "x"],
    )
    for rows, line in (([header, short, short, full], 4), ([header, full, short, full], 3)):
        problems: list[BadRow] = []
        file = io.BytesIO(made.lines(rows).encode())
        assert 2 == len(list(read_group_links(file, report=problems.append)))
        assert [line] == [problem.line for problem in problems]


def test_rows_of_other_files_may_not_be_short() -> None:
    """Only where the last column is HasSharedHT may all rows lack it."""
    file = io.BytesIO(made.lines([[*made.SCHOOL, "X"], made.SCHOOL.values()]).encode())

    assert f"has {len(made.SCHOOL)} fields" in str(made.only(read_register(file)))


def test_lines_within_fields_are_counted() -> None:
    """The line told is that of the file on which the row ends, whatever line ends its fields hold."""
    file = made.download(made.SCHOOL | {"Street": "a\r\nb\nc"}, made.SCHOOL | {"URN": "x"})

    assert (5, "URN") == ((problem := made.only(read_register(file))).line, problem.column)


def test_a_quote_that_is_not_closed_is_told_and_what_follows_is_read() -> None:
    """A quote in the wrong place spoils its row, and the rows that it swallows; the rest is read."""
    header = b'"URN","EstablishmentName","EstablishmentStatus (code)"\r\n'
    rows = b'"100000","A "bad" name","1"\r\n"100001","B","1"\r\n"100002","C,"1"\r\n"100003","D","1"\r\n"100004","E'
    register = read_register(io.BytesIO(header + rows))

    assert [100001, 100003] == list(register.institutions)
    assert [2, 4, 6] == [problem.line for problem in register.problems]
    assert "that begins in line 6 is not well-formed CSV (unexpected end of data)" in str(register.problems[-1])


def test_a_field_that_never_ends_is_told() -> None:
    """A quote that is never closed again meets the limit of what a field may hold."""
    rows = b"".join(b"%d,School,1\n" % urn for urn in range(100001, 120000))
    head = b'URN,EstablishmentName,EstablishmentStatus (code)\n100000,"A,1\n'
    register = read_register(io.BytesIO(head + rows))

    assert "that begins in line 2 is not well-formed CSV (field larger than field limit" in str(register.problems[0])
    problem = made.only(register)
    assert 20_000 == register.rows
    assert problem.why.endswith(f" and took {20_000 - len(register.institutions)} lines, as an unclosed quote does")
    assert problem.line == 1 + 20_000 - len(register.institutions)


@pytest.mark.parametrize(
    ("rows", "kept", "line", "why"),
    [
        (
            b'100000,"A,1\n100001,"B",1\n',
            [100002],
            3,
            (
                "that begins in line 2 is not well-formed CSV (',' expected after '\"') and took 2 lines,"
                " as an unclosed quote does"
            ),
        ),
        (
            b'100000,"A,1\n100001,B,1\n\n"\n',
            [100002],
            5,
            "has 2 fields where 3 are expected and took 4 lines, as an unclosed quote does",
        ),
    ],
    ids=["broken", "closed later"],
)
def test_every_line_that_a_quote_swallowed_is_counted(rows: bytes, kept: list[int], line: int, why: str) -> None:
    """One row is bad, and says how many lines it took; none of them is missing from the number of rows."""
    header = b"URN,EstablishmentName,EstablishmentStatus (code)\n"
    register = read_register(io.BytesIO(header + rows + b"100002,C,1\n"))
    problem = made.only(register)

    assert kept == list(register.institutions)
    assert (line, why) == (problem.line, problem.why)
    assert rows.count(b"\n") + 1 == register.rows


def test_a_header_that_never_ends_is_refused() -> None:
    """A header with an open quote is no header."""
    with pytest.raises(RegisterUnreadable, match="its header is not well-formed CSV"):
        read_register(io.BytesIO(b'"URN,EstablishmentName\n100000,A\n'))


@pytest.mark.parametrize("content", [b"\n\n\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_file_of_empty_lines_is_refused(content: bytes) -> None:
    """Nothing but line ends is no register."""
    with pytest.raises(RegisterUnreadable, match="only empty lines"):
        read_register(io.BytesIO(content))


def test_a_header_without_rows_is_refused() -> None:
    """A download that broke off after its header must not pass for a register without schools."""
    with pytest.raises(RegisterUnreadable, match="it has a header but no rows"):
        read_register(io.BytesIO(made.lines([made.SCHOOL]).encode()))


def test_strict_raises_the_first_bad_row() -> None:
    """In strict mode nothing is left out: the first bad row is raised."""
    file = made.download(made.SCHOOL, made.SCHOOL | {"URN": "x"}, made.SCHOOL | {"URN": "y"})

    with pytest.raises(BadRow) as raised:
        read_register(file, strict=True)
    assert (3, "URN", "x") == (raised.value.line, raised.value.column, raised.value.value)


def test_the_streams_raise_bad_rows_unless_told_otherwise() -> None:
    """By default a stream is strict; with a report it goes on."""
    file = made.download(made.SCHOOL | {"URN": "x"}, made.SCHOOL)
    with pytest.raises(BadRow):
        next(read_establishments(file))

    problems: list[BadRow] = []
    file.seek(0)
    assert [made.school()] == list(read_establishments(file, report=problems.append))
    assert ["x"] == [problem.value for problem in problems]


def test_the_first_thousand_problems_are_kept_and_all_are_counted() -> None:
    """A file of nothing but bad rows does not fill the memory with them."""
    register = read_register(made.download(*(made.SCHOOL | {"URN": f"x{i}"} for i in range(1234))))

    assert (1000, 1234, 1234) == (len(register.problems), register.problem_count, register.rows)
    assert ("x0", "x999") == (register.problems[0].value, register.problems[-1].value)


def test_bad_rows_can_be_pickled() -> None:
    """What was read in one process can be told in another."""
    problem = made.bad(URN="x")

    assert str(problem) == str(pickle.loads(pickle.dumps(problem)))  # noqa: S301 - made just here


@pytest.mark.rule("K6")
def test_reading_tells_how_far_it_has_come() -> None:
    """Progress is told at the start, every thousand rows, and at the end, per file."""
    told: list[ReadingProgress] = []
    read_register(made.ESTABLISHMENTS, groups=made.GROUPS, progress=told.append)

    by_file = {str(path): [one for one in told if one.file == str(path)] for path in (made.GROUPS, made.ESTABLISHMENTS)}
    assert [[0, 318], [0, 1000, 2000, 2311]] == [[one.rows for one in ones] for ones in by_file.values()]
    assert told == [one for ones in by_file.values() for one in ones]
    for ones in by_file.values():
        read = [one.bytes_read for one in ones]
        assert read == sorted(read)
        assert {ones[-1].total_bytes} == {one.total_bytes for one in ones}
        assert ones[-1].total_bytes == ones[-1].bytes_read
    assert 2_781_466 == told[-1].total_bytes


def test_an_error_of_the_hosts_own_progress_is_the_hosts() -> None:
    """What the host's own function raises is not taken for an error of the file."""

    def stop(_progress: ReadingProgress) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        read_register(made.download(made.SCHOOL), progress=stop)


LAYOUT = Layout(what="EmailRenderer", argument="letters", cells=(("D",), ("B",), ("Z",)), needed=(("B",),))
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


def by_csv(text: str) -> tuple[list[tuple[str, str, str]], int]:
    """Read rows by `csv` alone; give those of the right length, and the number of lines that it took for all."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    next(reader)
    while True:
        try:
            rows.extend(reader)
        except csv.Error:
            continue
        return [(row[3], row[1], "") for row in rows if any(row) and len(row) == 4], reader.line_num


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_rows_are_read_as_csv_reads_them(lines: list[str], end: str, last: bool) -> None:
    """Whatever is quoted, unclosed, empty or too long: the quick way gives the rows that `csv` gives, and no others."""
    text = end.join(["A,B,C,D", "first,b,c,d", *lines]) + (end if last else "")
    bad: list[BadRow] = []
    with open_table(io.BytesIO(text.encode()), LAYOUT, bad.append) as table:
        found = list(table.rows())

    rows, taken = by_csv(text)
    assert rows == found
    assert all(1 < one.line <= taken for one in bad)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=12, max_size=30))
def test_any_number_of_ways_to_quote_is_read(ways: list[list[bool]]) -> None:
    """More ways than there are quick patterns for: each row gives its cells."""
    cells = [[f"{column}{number}" for column in "abcd"] for number in range(len(ways))]
    quoted = [
        ",".join(f'"{cell}"' if quotes else cell for cell, quotes in zip(row, way, strict=True))
        for row, way in zip(cells, ways, strict=True)
    ]
    text = "\n".join(["A,B,C,D", *quoted])

    with open_table(io.BytesIO(text.encode()), LAYOUT) as table:
        assert [(row[3], row[1], "") for row in cells] == list(table.rows())
