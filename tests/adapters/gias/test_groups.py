"""Groups and group links: which of them link, which are open, what their rows may lack."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datashare.adapters.gias import GroupLink, read_group_links, read_groups, read_register
from datashare.domain.policy import Policy
from datashare.domain.register import UNKNOWN_DAY, Group, GroupId, GroupKind, TrustLink, TrustType
from datashare.domain.visibility import link_with, visibility
from datashare.errors import BadRow, InvalidValue, MissingColumns, RegisterError, RegisterUnreadable

from . import sample

ULT = GroupId.mat("5143")
UNCODED = sample.without(sample.SCHOOL, "Trusts (code)", "Trusts (name)")
CLOSED = {"Group Status (code)": "CLOSED", "Group Status": "Closed"}


def linked(*rows: Mapping[str, str], school: Mapping[str, str] = UNCODED) -> tuple[TrustLink, ...]:
    """Read a school beside group links, and return its trusts."""
    return read_register(sample.download(school), group_links=sample.download(*rows)).institutions[100000].trusts


@pytest.mark.rule("V1")
@pytest.mark.parametrize(
    ("code", "name", "links"),
    [
        ("02", "Trust", True),
        ("06", "Multi-academy trust", True),
        ("6.0", "", True),
        ("10", "Single-academy trust", True),
        ("11", "Secure single-academy trust", True),
        ("", "Trust", True),
        ("", "MULTI-ACADEMY TRUST", True),
        ("", "Secure single-academy trust", True),
        ("01", "Federation", False),
        ("07", "Umbrella trust", False),
        ("12", "Another kind of trust", False),
        ("05", "Multi-academy trust", False),
        ("", "Umbrella trust", False),
    ],
)
def test_only_trusts_link_where_the_establishment_file_has_no_codes(code: str, name: str, links: bool) -> None:
    """A row of a trust type links and is a group, by its code, or by its name where there is no code."""
    row = sample.GROUP_LINK | {"Group Type (code)": code, "Group Type": name}
    group = sample.without(row, "URN", "Joined date")
    register = read_register(sample.download(UNCODED), groups=sample.download(group), group_links=sample.download(row))

    expected = (TrustLink("5143", "UNITED LEARNING TRUST", date(2012, 9, 1)),) if links else ()
    assert expected == register.institutions[100000].trusts
    assert links == (ULT in register.groups)
    assert expected == linked(sample.without(row, "Group Type" if code else "Group Type (code)"))


@pytest.mark.rule("V1")
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"Trusts (code)": ""}, ()),
        ({"Trusts (code)": "", "TrustSchoolFlag (code)": "3", "SchoolSponsors (name)": "United Learning Trust"}, ()),
        ({"Trusts (code)": "4320", "Trusts (name)": "REACH2"}, (TrustLink("4320", "REACH2"),)),
    ],
    ids=["blank", "names and flags", "another"],
)
def test_trust_codes_of_the_establishment_file_decide(cells: dict[str, str], expected: tuple[TrustLink, ...]) -> None:
    """Where the file has the column, only its code links: not a name, a flag, a sponsor or a group link."""
    assert expected == linked(sample.GROUP_LINK, school=sample.SCHOOL | cells)


@pytest.mark.rule("V7")
def test_the_day_of_joining_counts_from_that_day() -> None:
    """A school that joins in the future is linked, and hidden until then."""
    rows = sample.download(sample.GROUP_LINK | {"Joined date": "01-09-2025"})
    register = read_register(sample.download(sample.SCHOOL), group_links=rows)
    school, group = register.institutions[100000], register.groups[ULT]

    assert date(2025, 9, 1) == school.trusts[0].joined_on
    for day, expected in ((date(2025, 8, 31), False), (date(2025, 9, 1), True)):
        assert expected == visibility(100000, school, group=group, policy=Policy.mat(), day=day).visible


@pytest.mark.rule("V7")
@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["01-09-2012", "01-09-2030"], date(2012, 9, 1)),
        (["01-09-2030", "01-09-2012"], date(2012, 9, 1)),
        (["01-09-2030", ""], None),
        (["", "01-09-2030"], None),
    ],
)
def test_of_two_days_of_joining_the_longer_counts(days: list[str], expected: date | None) -> None:
    """A link without a day counts always, so it wins; else the earlier day does."""
    rows = [sample.GROUP_LINK | {"Joined date": day} for day in days]

    for school in (sample.SCHOOL, UNCODED):
        assert [expected] == [link.joined_on for link in linked(*rows, school=school)]


@pytest.mark.rule("V1")
def test_several_files_of_group_links_are_read() -> None:
    """A school in two trusts is linked with both; the older kind of file has another name for the UID."""
    older = {"URN": "100000", "Linked UID": "4320", "Group Type": "Trust"}
    files = [sample.download(sample.GROUP_LINK), sample.download(older)]
    register = read_register(sample.download(UNCODED), group_links=files)

    assert ["5143", "4320"] == [link.uid for link in register.institutions[100000].trusts]


@pytest.mark.parametrize("value", [5, None, [1]], ids=repr)
def test_group_links_that_are_not_files_are_refused(value: object) -> None:
    """Group links are one file or several."""
    with pytest.raises(InvalidValue, match="group_links"):
        read_register(sample.download(sample.SCHOOL), group_links=value)  # type: ignore[arg-type]  # is what is shown


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("code", "name", "is_open"),
    [
        ("OPEN", "Open", True),
        ("", "Open", True),
        ("PROPOSED_TO_CLOSE", "Proposed to close", True),
        ("", "Open, but proposed to close", True),
        ("CLOSED", "Closed", False),
        ("PROPOSED_TO_OPEN", "Proposed to open", False),
        ("CREATED_IN_ERROR", "Created in error", False),
        ("OPEN", "Closed", False),
        ("CLOSED", "Open", False),
    ],
)
def test_a_group_is_open_by_its_status(code: str, name: str, is_open: bool) -> None:
    """Open and proposed to close are open; whatever else a status says is not."""
    row = sample.GROUP | {"Group Status (code)": code, "Group Status": name}

    assert [is_open] == [group.is_open for group in read_groups(sample.download(row))]
    assert [is_open] == [link.is_open for link in read_group_links(sample.download(sample.GROUP_LINK | row))]


def test_a_group_is_read_whole() -> None:
    """Its UID, name, status and closing day are read; the leading zero of the type does not matter."""
    row = sample.GROUP | CLOSED | {"Group UID": "5143.0", "Group Type (code)": "6", "Closed Date": "2021-06-30"}

    (group,) = read_groups(sample.download(row))
    expected = Group(
        id=ULT,
        name="UNITED LEARNING TRUST",
        is_open=False,
        closed_on=date(2021, 6, 30),
        trust_type=TrustType.MULTI_ACADEMY,
    )
    assert expected == group


def test_a_group_link_is_read_whole_and_needs_little() -> None:
    """Each cell of a group link is read; URN, UID and type are enough, and a group without a status is open."""
    (whole,) = read_group_links(sample.download(sample.GROUP_LINK))
    (least,) = read_group_links(sample.download({"URN": "100000", "Linked UID": "5143", "Group Type": "Trust"}))

    expected = GroupLink(
        urn=100000,
        uid="5143",
        name="UNITED LEARNING TRUST",
        is_trust=True,
        joined_on=date(2012, 9, 1),
        trust_type=TrustType.MULTI_ACADEMY,
    )
    assert expected == whole
    assert GroupLink(urn=100000, uid="5143", is_trust=True, trust_type=TrustType.FOUNDATION) == least


BOTH: list[tuple[Callable[..., Iterable[object]], Mapping[str, str]]] = [
    (read_groups, sample.GROUP),
    (read_group_links, sample.GROUP_LINK),
]


@pytest.mark.parametrize(
    ("cells", "column", "readers"),
    [
        ({"Group UID": ""}, "Group UID", BOTH),
        ({"Group UID": "0"}, "Group UID", BOTH),
        ({"Group UID": "TR02343"}, "Group UID", BOTH),
        ({"Group Type (code)": "", "Group Type": ""}, "Group Type", BOTH[1:]),
        ({"Group Type (code)": "six"}, "Group Type (code)", BOTH[1:]),
        ({"URN": "x"}, "URN", BOTH[1:]),
    ],
)
def test_a_row_is_lost_for_what_it_is_about(
    cells: dict[str, str], column: str, readers: list[tuple[Callable[..., Iterable[object]], Mapping[str, str]]]
) -> None:
    """Without the UID, the URN or the type of the group, nothing is linked."""
    for read, row in readers:
        problems: list[BadRow] = []

        assert [] == list(read(sample.download({**row, **cells}), report=problems.append))
        assert [(column, 2, "row")] == [(problem.column, problem.line, problem.lost) for problem in problems]


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("cells", "column", "is_open"),
    [
        ({"Closed Date": "soon"}, "Closed Date", False),
        ({"Closed Date": "31/08/10"}, "Closed Date", False),
        ({"Closed Date": "40391"}, "Closed Date", False),
        (CLOSED | {"Closed Date": "31-02-2010"}, "Closed Date", False),
        ({"Group Type (code)": "six"}, "Group Type (code)", False),
        ({"Group Type (code)": "", "Group Type": ""}, "Group Type", False),
        ({"Group Status (code)": "", "Group Status": ""}, "Group Status", False),
        ({"Group Name": ""}, "Group Name", True),
        (CLOSED | {"Group Name": "x" * 10_001}, "Group Name", False),
    ],
    ids=["words", "two digits", "serial number", "closed", "type", "no type", "no status", "no name", "long name"],
)
def test_a_trust_is_never_lost_and_closed_in_doubt(cells: dict[str, str], column: str, is_open: bool) -> None:
    """A row whose UID can be read is a trust; it counts as closed where a cell that may close it cannot be read."""
    rows = sample.download(sample.GROUP | cells)
    register = read_register(sample.download(sample.SCHOOL), groups=rows)
    group = register.groups[ULT]

    assert (is_open, None, "UNITED LEARNING TRUST") == (group.is_open, group.closed_on, group.name)
    assert (0, {column}) == (register.problem_count, {warning.column for warning in register.warnings})
    assert (
        is_open == visibility(100000, sample.school(), group=group, policy=Policy.mat(), day=date(2025, 7, 18)).visible
    )
    rows.seek(0)
    with pytest.raises(BadRow) as raised:
        list(read_groups(rows))
    assert (column, "cell") == (raised.value.column, raised.value.lost)


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("cells", "is_open"),
    [
        ({"Closed Date": "soon"}, False),
        ({"Group Status (code)": "", "Group Status": ""}, False),
        ({"Closed Date": "31/08/2010"}, True),
        (CLOSED | {"Closed Date": "31/08/2010"}, False),
    ],
    ids=["no day", "no status", "open", "closed"],
)
def test_group_links_close_a_trust_in_doubt(cells: dict[str, str], is_open: bool) -> None:
    """The status decides; it, or a closing day, that cannot be read leaves the trust closed."""
    links = sample.download(sample.GROUP_LINK | cells)

    assert is_open == read_register(sample.download(sample.SCHOOL), group_links=links).groups[ULT].is_open


@pytest.mark.rule("V8")
@pytest.mark.parametrize(("closed", "is_open"), [("", True), ("31-08-2010", False), ("soon", False)])
def test_a_closing_day_closes_where_the_file_has_no_status(closed: str, is_open: bool) -> None:
    """Without a column for the status, only the closing day says whether a trust is open."""
    row = sample.without(sample.GROUP_LINK, "Group Status (code)", "Group Status") | {"Closed Date": closed}

    assert (
        is_open == read_register(sample.download(sample.SCHOOL), group_links=sample.download(row)).groups[ULT].is_open
    )


@pytest.mark.rule("V7")
def test_a_link_whose_day_cannot_be_read_does_not_count() -> None:
    """The day may lie in the future, so the school is linked, and hidden, unless another row tells the day."""
    unread = sample.GROUP_LINK | {"Joined date": "soon"}
    for school in (sample.SCHOOL, UNCODED):
        register = read_register(sample.download(school), group_links=sample.download(unread))
        answer = visibility(
            100000,
            register.institutions[100000],
            group=register.groups[ULT],
            policy=Policy.mat(),
            day=date(2025, 7, 18),
        )

        assert (UNKNOWN_DAY, 0) == (register.institutions[100000].trusts[0].joined_on, register.problem_count)
        assert "is hidden from UNITED LEARNING TRUST: it joins the group on a day that cannot be read" in str(answer)
        assert ["Joined date"] == [warning.column for warning in register.warnings]
    assert [date(2012, 9, 1)] == [link.joined_on for link in linked(unread, sample.GROUP_LINK)]


SPOILT = "5143,Only two fields\n"
OTHER = sample.GROUP | {"Group UID": "16"}


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("lost", "is_open"),
    [
        ("", True),
        (SPOILT, False),
        ('"x","UNITED LEARNING TRUST","06","","","CLOSED",""\n', False),
        ('"x","UNITED LEARNING TRUST","06","","","",""\n', False),
        ('"x","UNITED LEARNING TRUST","06","","","OPEN",""\n', True),
        ('"x","A federation","01","","","CLOSED",""\n', True),
        ('"5143","An umbrella trust","07","","","CLOSED",""\n', False),
        ('"5143","An umbrella trust","07","","","OPEN",""\n', True),
    ],
    ids=["missing", "spoilt", "closed", "no status", "open", "no trust", "closed umbrella", "open umbrella"],
)
def test_a_lost_row_may_be_the_one_that_closes_a_trust(lost: str, is_open: bool) -> None:
    """A trust that only schools name is open, unless a row was lost that may be about it; either way it is counted."""
    groups = io.BytesIO(sample.download(OTHER).getvalue() + lost.encode())
    register = read_register(sample.download(sample.SCHOOL), groups=groups)

    assert is_open == register.groups[ULT].is_open
    assert register.groups[GroupId.mat("16")].is_open
    (warning,) = [warning for warning in register.warnings if warning.column == "Group UID"]
    assert ("5143", 0) == (warning.value, warning.line)
    assert ("counts as open" if is_open else "counts as closed, since a row that says so") in str(warning)


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("cells", "open_trusts"),
    [
        ({"URN": "x"} | CLOSED, {"16", "4320"}),
        ({"Group Type (code)": "six"} | CLOSED, {"16", "4320"}),
        ({"URN": "x"}, {"16", "4320", "5143"}),
        ({"Group UID": "x"} | CLOSED, {"16"}),
        ({"Group Type (code)": "07"} | CLOSED, {"16", "4320"}),
        ({"Group Type (code)": "07"}, {"16", "4320", "5143"}),
    ],
    ids=["URN", "type", "open", "UID", "closed umbrella", "open umbrella"],
)
def test_a_lost_group_link_may_be_the_one_that_closes_a_trust(cells: dict[str, str], open_trusts: set[str]) -> None:
    """Where the lost row names its trust, only that trust is in doubt."""
    schools = [
        sample.SCHOOL | {"URN": str(urn), "Trusts (code)": uid}
        for urn, uid in enumerate(("16", "4320", "5143"), 100000)
    ]
    links = sample.download(sample.GROUP_LINK | {"Group UID": "16"}, sample.GROUP_LINK | cells)
    register = read_register(sample.download(*schools), group_links=links)
    trusts = {group.id.code: group.is_open for group in register.groups.values() if group.id.kind is GroupKind.MAT}

    assert open_trusts == {uid for uid, is_open in trusts.items() if is_open}
    assert len(trusts) - len(open_trusts) == sum(
        warning.count for warning in register.warnings if "counts as closed" in warning.why
    )


@pytest.mark.rule("V8")
@pytest.mark.parametrize("closed_first", [True, False])
def test_of_rows_that_disagree_the_closed_one_counts(closed_first: bool) -> None:
    """A trust that one row says is closed is closed, whichever comes first."""
    rows = [sample.GROUP | CLOSED | {"Closed Date": "31-08-2010"}, sample.GROUP]
    groups = sample.download(*(rows if closed_first else rows[::-1]))
    register = read_register(sample.download(sample.SCHOOL), groups=groups)

    assert (False, date(2010, 8, 31)) == (register.groups[ULT].is_open, register.groups[ULT].closed_on)
    assert "Group UID" == sample.only(register).column
    links = [sample.download({**sample.GROUP_LINK, **row}) for row in (rows if closed_first else rows[::-1])]
    linked_only = read_register(sample.download(sample.SCHOOL), group_links=links).groups[ULT]
    assert (False, date(2010, 8, 31)) == (linked_only.is_open, linked_only.closed_on)


OF_ANOTHER_TYPE = {"Group Type (code)": "13", "Group Type": "Another kind of group"}


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("groups", "links"),
    [
        ([sample.GROUP], [[sample.GROUP_LINK | CLOSED]]),
        ([sample.GROUP | CLOSED], [[sample.GROUP_LINK]]),
        ([sample.GROUP, sample.GROUP | CLOSED | OF_ANOTHER_TYPE], []),
        ([sample.GROUP | CLOSED | OF_ANOTHER_TYPE, sample.GROUP], []),
        ([sample.GROUP | CLOSED | OF_ANOTHER_TYPE], [[sample.GROUP_LINK]]),
        ([sample.GROUP], [[sample.GROUP_LINK | CLOSED | OF_ANOTHER_TYPE]]),
        ([sample.GROUP], [[sample.GROUP_LINK | CLOSED | {"URN": "x"}]]),
        ([], [[sample.GROUP_LINK], [sample.GROUP_LINK | CLOSED | OF_ANOTHER_TYPE]]),
        ([], [[sample.GROUP_LINK | CLOSED | OF_ANOTHER_TYPE, sample.GROUP_LINK]]),
        (
            [sample.GROUP],
            [[sample.without(sample.GROUP_LINK, *CLOSED) | OF_ANOTHER_TYPE | {"Closed Date": "31-08-2010"}]],
        ),
    ],
)
def test_any_row_that_says_so_closes_a_trust(groups: list[dict[str, str]], links: list[list[dict[str, str]]]) -> None:
    """In whatever file the row stands, of whatever type it is, and whichever comes first; open rows close nothing."""

    def is_open(files: list[list[dict[str, str]]]) -> bool:
        first, *others = files
        register = read_register(
            sample.download(sample.SCHOOL),
            groups=sample.download(*first) if first else None,
            group_links=[sample.download(*rows) for rows in others],
        )
        return register.groups[ULT].is_open

    opened = {"Group Status (code)": "OPEN", "Group Status": "Open", "Closed Date": "", "URN": "100000"}

    assert not is_open([groups, *links])
    assert is_open(
        [[row | {key: opened[key] for key in row if key in opened} for row in rows] for rows in (groups, *links)]
    )


@pytest.mark.rule("V8")
@pytest.mark.parametrize("closed_first", [True, False])
def test_a_trust_that_a_row_of_another_type_closes_is_yielded_closed_at_last(closed_first: bool) -> None:
    """Whoever reads the groups one by one, and keeps the last of each UID, has it closed."""
    rows = [sample.GROUP | CLOSED | OF_ANOTHER_TYPE, sample.GROUP]
    groups = list(read_groups(sample.download(*(rows if closed_first else rows[::-1]))))

    assert [(ULT, True), (ULT, False)] == [(group.id, group.is_open) for group in groups]


@pytest.mark.parametrize(
    ("code", "flag", "kind"),
    [
        ("02", "", TrustType.FOUNDATION),
        ("6", "", TrustType.MULTI_ACADEMY),
        ("10", "3", TrustType.SINGLE_ACADEMY),
        ("11", "", TrustType.SECURE_SINGLE_ACADEMY),
        (None, "1", TrustType.FOUNDATION),
        (None, "3.0", TrustType.MULTI_ACADEMY),
        (None, "5", TrustType.SINGLE_ACADEMY),
        (None, "0", None),
        ("six", "3", TrustType.MULTI_ACADEMY),
    ],
)
def test_the_type_of_a_trust_is_known(code: str | None, flag: str, kind: TrustType | None) -> None:
    """The files of groups tell it, or else the flag in the rows of its schools."""
    schools = sample.download(sample.SCHOOL | {"TrustSchoolFlag (code)": flag})
    groups = sample.download(sample.GROUP | {"Group Type (code)": code}) if code else None

    assert kind is read_register(schools, groups=groups).groups[ULT].trust_type


def test_a_trust_has_the_name_that_any_row_gives_it() -> None:
    """The name comes from the schools where the files of groups have none, and from the first row that has one."""
    schools = [
        sample.SCHOOL | {"URN": str(urn), "Trusts (name)": name}
        for urn, name in enumerate(["", "ULT", "Other"], 100000)
    ]
    links = sample.download(sample.GROUP_LINK | CLOSED | {"Group Name": ""})
    alone = read_register(sample.download(*schools)).groups[ULT]
    linked_too = read_register(sample.download(*schools), group_links=links).groups[ULT]

    assert [("ULT", True), ("ULT", False)] == [(group.name, group.is_open) for group in (alone, linked_too)]


@pytest.mark.rule("V12")
@pytest.mark.parametrize(
    ("argument", "row", "words"),
    [
        ("groups", sample.GROUP_LINK, ('it is "All group links records"', 'not "All group records"')),
        ("groups", sample.SCHOOL, ('looks like "Establishment fields"', '"All group records"')),
        ("groups", sample.LINK, ('looks like "Establishment links"', '"All group records"')),
        ("groups", sample.GROUP | {"Group Type (code)": "8"}, ("only groups of children's centres", "Pass the file")),
        ("group_links", sample.GROUP_LINK | {"Group Type (code)": "09"}, ("only groups of children's centres", "Pass")),
        ("group_links", sample.GROUP, ('looks like "All group records"', '"All group links records"')),
        ("links", sample.GROUP_LINK, ('looks like "All group links records"', '"Establishment links"')),
        (
            "groups",
            sample.GROUP | {"Group Type (code)": "", "Group Type": "Children's Centres Collaboration"},
            ("only groups of children's centres", "Pass"),
        ),
    ],
)
def test_another_download_is_refused(argument: str, row: dict[str, str], words: tuple[str, str]) -> None:
    """The message says which download it is, and which the argument takes."""
    arguments: dict[str, Any] = {argument: sample.download(row)}

    with pytest.raises(RegisterError) as raised:
        read_register(sample.download(sample.SCHOOL), **arguments)
    for part in words:
        assert part in str(raised.value)


@pytest.mark.rule("V12")
def test_the_childrens_centre_file_is_refused(tmp_path: Path) -> None:
    """It has the columns of establishments, but nothing that could share data; one school among centres is enough."""
    centres = [
        sample.SCHOOL | {"URN": str(urn), "TypeOfEstablishment (code)": code}
        for urn, code in enumerate(("47", "48"), 100001)
    ]
    path = tmp_path / "edubaseallchildrencentre20250718.csv"
    path.write_bytes(sample.download(*centres).getvalue())

    with pytest.raises(RegisterUnreadable, match='it is "Children\'s centre fields", which has no schools'):
        read_register(path)
    with pytest.raises(MissingColumns, match='It looks like "Children\'s centre fields"'):
        read_register(sample.download(sample.SCHOOL), groups=path)
    assert 3 == len(read_register(sample.download(sample.SCHOOL, *centres)).institutions)


def test_bad_rows_of_all_files_are_in_the_register() -> None:
    """A register holds the bad rows of the groups and of the group links."""
    cells = {"Group UID": "x"}
    groups, links = sample.download(sample.GROUP | cells), sample.download(sample.GROUP_LINK | cells)
    register = read_register(sample.download(sample.SCHOOL), groups=groups, group_links=links)

    assert [("Group UID", 2), ("Group UID", 2)] == [(problem.column, problem.line) for problem in register.problems]


def test_a_group_that_comes_twice_is_skipped_or_refused() -> None:
    """An equal row is skipped; other data under the same UID is a bad row."""
    problems: list[BadRow] = []
    rows = sample.download(sample.GROUP, sample.GROUP, sample.GROUP | {"Group Name": "Another"})
    (group,) = read_groups(rows, report=problems.append)

    assert "UNITED LEARNING TRUST" == group.name
    assert [(4, "Group UID", "5143")] == [(problem.line, problem.column, problem.value) for problem in problems]


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [
        (("Group UID",), ("Group UID",)),
        (("Group Type (code)", "Group Type"), ("Group Type (code)",)),
        (("Group Status (code)", "Group Status", "Group Name"), ("Group Name", "Group Status (code)")),
    ],
    ids=["UID", "type", "name and status"],
)
def test_missing_columns_of_groups_are_named(lacking: tuple[str, ...], missing: tuple[str, ...]) -> None:
    """Of columns that stand for one another, one must be there."""
    with pytest.raises(MissingColumns) as raised:
        list(read_groups(sample.download(sample.without(sample.GROUP, *lacking))))
    assert (missing, '"All group records"') == (raised.value.missing, raised.value.needed_for)


@pytest.mark.rule("V8")
def test_the_group_file_names_a_group_first_then_the_links_then_the_schools() -> None:
    """Each file names the groups that those before it do not, whether or not a school of theirs is kept."""
    trusts = [("5143", "ULT"), ("4320", "From a link"), ("2053", "From a school"), ("2974", ""), ("", "")]
    authorities = [("870", "Reading"), ("870", "Reading"), ("870", "Berkshire"), ("201", ""), ("000", "None")]
    schools = sample.download(
        *(
            sample.SCHOOL
            | {"URN": str(urn), "Trusts (code)": uid, "Trusts (name)": trust, "LA (code)": la, "LA (name)": authority}
            for urn, ((uid, trust), (la, authority)) in enumerate(zip(trusts, authorities, strict=True), 100000)
        )
    )
    links = sample.download(
        sample.GROUP_LINK | {"Group Name": "Of the links"},
        sample.GROUP_LINK | CLOSED | {"URN": "100001", "Group UID": "4320", "Group Name": "From the links"},
        sample.GROUP_LINK | {"URN": "100001", "Group UID": "16", "Group Name": ""},
    )
    register = read_register(
        schools, groups=sample.download(sample.GROUP), group_links=links, keep=lambda _school: False
    )

    assert ({}, 5) == (register.institutions, register.rows)
    assert {
        "mat:5143": ("UNITED LEARNING TRUST", True),
        "mat:4320": ("From the links", False),
        "mat:2053": ("From a school", True),
        "mat:2974": ("Trust 2974", True),
        "mat:16": ("Trust 16", True),
        "la:870": ("Reading", True),
        "la:201": ("Local authority 201", True),
    } == {str(group.id): (group.name, group.is_open) for group in register.groups.values()}


def test_a_linked_school_is_kept_by_its_group() -> None:
    """The function that decides which schools to keep sees their links, those of group links included."""
    register = read_register(
        sample.download(UNCODED, UNCODED | {"URN": "100001"}),
        group_links=sample.download(sample.GROUP_LINK),
        keep=lambda school: link_with(school, ULT) is not None,
    )

    assert [100000] == list(register.institutions)
