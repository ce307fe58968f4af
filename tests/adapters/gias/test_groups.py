"""Groups and group links: which of them link, which are open, what their rows may lack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from datashare.adapters.gias import GroupLink, Register, read_group_links, read_groups, read_register
from datashare.domain.policy import Policy
from datashare.domain.register import Group, GroupId, TrustLink
from datashare.domain.visibility import link_with, visibility
from datashare.errors import BadRow, InvalidValue, MissingColumns

from . import made

ULT = GroupId.mat("5143")
UNCODED = made.without(made.SCHOOL, "Trusts (code)", "Trusts (name)")


def linked(*rows: Mapping[str, str], school: Mapping[str, str] = UNCODED) -> tuple[TrustLink, ...]:
    """Read one school beside group links, and give its trusts."""
    return read_register(made.download(school), group_links=made.download(*rows)).institutions[100000].trusts


@pytest.mark.rule("V1")
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("02", "Trust"),
        ("2", "Trust"),
        ("06", "Multi-academy trust"),
        ("6.0", ""),
        ("10", "Single-academy trust"),
        ("11", "Secure single-academy trust"),
        ("", "Trust"),
        ("", "MULTI-ACADEMY TRUST"),
        ("", "Single-academy trust"),
        ("", "Secure single-academy trust"),
    ],
)
def test_trusts_link_where_the_establishment_file_has_no_codes(code: str, name: str) -> None:
    """A row of a trust type links, by its code, or by its name where there is no code."""
    row = made.GROUP_LINK | {"Group Type (code)": code, "Group Type": name}
    expected = (TrustLink("5143", "UNITED LEARNING TRUST", date(2012, 9, 1)),)

    assert expected == linked(row)
    if name:
        assert expected == linked(
            made.without(row, "Group Type (code)") if not code else made.without(row, "Group Type")
        )


@pytest.mark.rule("V1")
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("01", "Federation"),
        ("05", "School sponsor"),
        ("07", "Umbrella trust"),
        ("08", "Children's Centres Group"),
        ("09", "Children's Centres Collaboration"),
        ("12", "Another kind of trust"),
        ("05", "Multi-academy trust"),
        ("", "School sponsor"),
        ("", "Umbrella trust"),
    ],
)
def test_other_groups_link_nothing(code: str, name: str) -> None:
    """Federations, sponsors and kinds that are not known link nothing, and are no groups."""
    row = made.GROUP_LINK | {"Group Type (code)": code, "Group Type": name}
    group = made.without(row, "URN", "Joined date")
    register = read_register(made.download(UNCODED), groups=made.download(group), group_links=made.download(row))

    assert () == register.institutions[100000].trusts
    assert [GroupId.local_authority("870")] == list(register.groups)


@pytest.mark.rule("V1")
def test_trust_codes_of_the_establishment_file_decide() -> None:
    """Where the file has the column, a blank code is no link, whatever the group links say."""
    assert () == linked(made.GROUP_LINK, school=made.SCHOOL | {"Trusts (code)": ""})
    other = made.SCHOOL | {"Trusts (code)": "4320", "Trusts (name)": "REACH2 ACADEMY TRUST"}
    assert (TrustLink("4320", "REACH2 ACADEMY TRUST"),) == linked(made.GROUP_LINK, school=other)


@pytest.mark.rule("V1")
def test_names_and_flags_link_nothing() -> None:
    """A trust's name, its flag and a sponsor without a code are no link."""
    row = made.SCHOOL | {
        "Trusts (code)": "",
        "TrustSchoolFlag (code)": "3",
        "SchoolSponsors (name)": "United Learning Trust",
    }
    register = read_register(made.download(row))

    assert () == register.institutions[100000].trusts
    assert ULT not in register.groups


@pytest.mark.rule("V7")
def test_the_day_of_joining_counts_from_that_day() -> None:
    """A school that joins in the future is linked, and hidden until then."""
    rows = made.download(made.GROUP_LINK | {"Joined date": "01-09-2025"})
    register = read_register(made.download(made.SCHOOL), group_links=rows)
    school, group = register.institutions[100000], register.groups[ULT]

    assert date(2025, 9, 1) == school.trusts[0].joined_on
    for day, expected in ((date(2025, 8, 31), False), (date(2025, 9, 1), True)):
        answer = visibility(100000, school, group=group, policy=Policy.mat(), day=day)
        assert expected == answer.visible


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
@pytest.mark.parametrize("school", [made.SCHOOL, UNCODED], ids=["coded", "not coded"])
def test_of_two_days_of_joining_the_longer_counts(
    school: Mapping[str, str], days: list[str], expected: date | None
) -> None:
    """A link without a day counts always, so it wins; else the earlier day does."""
    rows = [made.GROUP_LINK | {"Joined date": day} for day in days]

    assert [expected] == [link.joined_on for link in linked(*rows, school=school)]


@pytest.mark.rule("V1")
def test_several_files_of_group_links_are_read() -> None:
    """A school in two trusts is linked with both; the older kind of file calls the UID otherwise."""
    older = {"Linked UID" if column == "Group UID" else column: value for column, value in made.GROUP_LINK.items()}
    older = made.without(older, "Group Type (code)", "Group Status (code)") | {"Linked UID": "4320"}
    files = [made.download(made.GROUP_LINK), made.download(older)]
    register = read_register(made.download(UNCODED), group_links=files)

    assert ["5143", "4320"] == [link.uid for link in register.institutions[100000].trusts]


@pytest.mark.parametrize("given", [5, None], ids=["number", "none"])
def test_group_links_that_are_no_files_are_refused(given: object) -> None:
    """Group links are one file or several."""
    with pytest.raises(InvalidValue, match="group_links"):
        read_register(made.download(made.SCHOOL), group_links=given)  # type: ignore[arg-type]  # is what is shown


@pytest.mark.rule("V8")
@pytest.mark.parametrize(
    ("code", "name", "is_open"),
    [
        ("OPEN", "Open", True),
        ("", "Open", True),
        ("PROPOSED_TO_CLOSE", "Proposed to close", True),
        ("", "Open, but proposed to close", True),
        ("CLOSED", "Closed", False),
        ("", "closed", False),
        ("PROPOSED_TO_OPEN", "Proposed to open", False),
        ("CREATED_IN_ERROR", "Created in error", False),
        ("SOMETHING", "Something", False),
    ],
)
def test_a_group_is_open_by_its_status(code: str, name: str, is_open: bool) -> None:
    """Open and proposed to close are open; whatever else a status says is not."""
    row = made.GROUP | {"Group Status (code)": code, "Group Status": name}

    assert [is_open] == [group.is_open for group in read_groups(made.download(row))]
    (link,) = read_group_links(made.download(made.GROUP_LINK | row))
    assert is_open == link.is_open


def test_a_group_is_read_whole() -> None:
    """Its UID, name, status and closing day; the leading zero of the type does not matter."""
    row = made.GROUP | {
        "Group UID": "5143.0",
        "Group Type (code)": "6",
        "Group Status (code)": "CLOSED",
        "Closed Date": "2021-06-30",
    }

    (group,) = read_groups(made.download(row))
    assert Group(id=ULT, name="UNITED LEARNING TRUST", is_open=False, closed_on=date(2021, 6, 30)) == group


def test_a_group_link_is_read_whole() -> None:
    """Each cell of a row of group links arrives."""
    (link,) = read_group_links(made.download(made.GROUP_LINK))

    assert (
        GroupLink(urn=100000, uid="5143", name="UNITED LEARNING TRUST", is_trust=True, joined_on=date(2012, 9, 1))
        == link
    )


def test_group_links_need_little() -> None:
    """URN, UID and type make a link; a status that is not there says nothing against the group."""
    (link,) = read_group_links(made.download({"URN": "100000", "Linked UID": "5143", "Group Type": "Trust"}))

    assert GroupLink(urn=100000, uid="5143", is_trust=True) == link


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"Group UID": ""}, "Group UID"),
        ({"Group UID": "0"}, "Group UID"),
        ({"Group UID": "TR02343"}, "Group UID"),
        ({"Group Type (code)": "", "Group Type": ""}, "Group Type"),
        ({"Group Type (code)": "six"}, "Group Type (code)"),
        ({"Closed Date": "30/06/2021"}, "Closed Date"),
    ],
)
def test_bad_cells_of_groups_are_refused(cells: dict[str, str], column: str) -> None:
    """In both kinds of file a bad cell makes a bad row."""
    register = read_register(
        made.download(made.SCHOOL),
        groups=made.download(made.GROUP | cells),
        group_links=made.download(made.GROUP_LINK | cells),
    )

    assert [(column, 2), (column, 2)] == [(problem.column, problem.line) for problem in register.problems]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"Group Name": ""}, "Group Name"),
        ({"Group Status (code)": "", "Group Status": ""}, "Group Status"),
    ],
)
def test_a_group_needs_a_name_and_a_status(cells: dict[str, str], column: str) -> None:
    """Without them it is not known what it is called, or whether it sees anything."""
    with pytest.raises(BadRow) as raised:
        list(read_groups(made.download(made.GROUP | cells)))
    assert column == raised.value.column


@pytest.mark.parametrize(("cells", "column"), [({"URN": "x"}, "URN"), ({"Joined date": "soon"}, "Joined date")])
def test_bad_cells_of_group_links_are_refused(cells: dict[str, str], column: str) -> None:
    """A link without a URN or with a day that is none makes a bad row."""
    with pytest.raises(BadRow) as raised:
        list(read_group_links(made.download(made.GROUP_LINK | cells)))
    assert column == raised.value.column


def test_a_group_that_comes_twice_is_passed_over_or_refused() -> None:
    """The same again is passed over; other data under the same UID is a bad row."""
    problems: list[BadRow] = []
    rows = made.download(made.GROUP, made.GROUP, made.GROUP | {"Group Name": "Another"})
    (group,) = read_groups(rows, report=problems.append)

    assert "UNITED LEARNING TRUST" == group.name
    assert [(4, "Group UID", "5143")] == [(one.line, one.column, one.value) for one in problems]


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
        list(read_groups(made.download(made.without(made.GROUP, *lacking))))
    assert (missing, '"All group records"') == (raised.value.missing, raised.value.needed_for)


def groups_of(register: Register) -> dict[str, tuple[str, bool]]:
    """Give the names of the groups and whether they are open."""
    return {str(group.id): (group.name, group.is_open) for group in register.groups.values()}


@pytest.mark.rule("V8")
def test_the_group_file_names_a_group_first_then_the_links_then_the_schools() -> None:
    """Each file names the groups that those before it do not."""
    schools = made.download(
        made.SCHOOL,
        made.SCHOOL | {"URN": "100001", "Trusts (code)": "4320", "Trusts (name)": "From a link"},
        made.SCHOOL | {"URN": "100002", "Trusts (code)": "2053", "Trusts (name)": "From a school"},
        made.SCHOOL
        | {"URN": "100003", "Trusts (code)": "2974", "Trusts (name)": "", "LA (code)": "201", "LA (name)": ""},
        made.SCHOOL | {"URN": "100004", "Trusts (code)": "", "LA (code)": "000", "LA (name)": "Does not apply"},
    )
    closed = {"Group Status (code)": "CLOSED", "Group Status": "Closed"}
    links = made.download(
        made.GROUP_LINK | closed,
        made.GROUP_LINK | closed | {"URN": "100001", "Group UID": "4320", "Group Name": "From the links"},
        made.GROUP_LINK | {"URN": "100001", "Group UID": "16", "Group Name": ""},
    )
    register = read_register(schools, groups=made.download(made.GROUP), group_links=links)

    assert {
        "mat:5143": ("UNITED LEARNING TRUST", True),
        "mat:4320": ("From the links", False),
        "mat:2053": ("From a school", True),
        "mat:2974": ("Trust 2974", True),
        "mat:16": ("Trust 16", True),
        "la:870": ("Reading", True),
        "la:201": ("Local authority 201", True),
    } == groups_of(register)


def test_groups_come_from_all_rows_whatever_is_kept() -> None:
    """A group none of whose schools was kept is known all the same."""
    register = read_register(made.download(made.SCHOOL), keep=lambda _school: False)

    assert ({}, 1) == (register.institutions, register.rows)
    assert {"mat:5143", "la:870"} == set(groups_of(register))


def test_a_linked_school_is_kept_by_its_group() -> None:
    """What decides which schools are kept sees their links already, those of group links included."""
    register = read_register(
        made.download(UNCODED, UNCODED | {"URN": "100001"}),
        group_links=made.download(made.GROUP_LINK),
        keep=lambda school: link_with(school, ULT) is not None,
    )

    assert [100000] == list(register.institutions)
