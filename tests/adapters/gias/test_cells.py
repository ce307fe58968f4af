"""What single cells of a school's row are read as, and which are refused."""

from __future__ import annotations

from datetime import date
from itertools import count

import pytest

from datashare.adapters.gias import read_establishments, read_register
from datashare.domain.policy import Policy
from datashare.domain.register import Coded, EstablishmentStatus, Phase, TrustLink
from datashare.domain.visibility import visibility
from datashare.errors import BadRow

from . import sample

OPEN, UNKNOWN = EstablishmentStatus.OPEN, EstablishmentStatus.UNKNOWN
TO_CLOSE = "open, but proposed to close"
ULT = "UNITED LEARNING TRUST"


@pytest.mark.rule("V5")
@pytest.mark.parametrize("code", ["0", "5", "10", "42"])
def test_statuses_beyond_the_published_four_are_unknown(code: str) -> None:
    """A numeric status that is not known is kept as unknown, in the register's words, and never listed."""
    unnamed = sample.school(EstablishmentStatus_code=code, EstablishmentStatus_name="")
    named = sample.school(EstablishmentStatus_code=code, EstablishmentStatus_name="Quiet")

    assert (UNKNOWN, f"code {code}") == (unnamed.status, unnamed.status_name)
    assert (UNKNOWN, "Quiet") == (named.status, named.status_name)
    for group in read_register(sample.download(sample.SCHOOL)).groups.values():
        policy = Policy.for_kind(group.id.kind)
        assert not visibility(100000, named, group=group, policy=policy, day=date(2025, 7, 18)).visible


@pytest.mark.parametrize(
    ("code", "name", "status", "words"),
    [
        ("1", "Open", OPEN, "Open"),
        ("2", "", EstablishmentStatus.CLOSED, "Closed"),
        ("3.0", TO_CLOSE, EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE, TO_CLOSE),
        ("04", "", EstablishmentStatus.PROPOSED_TO_OPEN, "Proposed to open"),
    ],
    ids=["published", "unnamed", "decimal", "padded"],
)
def test_published_statuses_are_known(code: str, name: str, status: EstablishmentStatus, words: str) -> None:
    """The four published codes are known, however they were saved; a missing name is the published one."""
    school = sample.school(EstablishmentStatus_code=code, EstablishmentStatus_name=name)

    assert (status, words) == (school.status, school.status_name)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("31-12-2025", date(2025, 12, 31)),
        ("2025-12-31", date(2025, 12, 31)),
        ("01-01-1800", date(1800, 1, 1)),
        ("1553-06-26", date(1553, 6, 26)),
        ("2010-04-01 00:00:00", date(2010, 4, 1)),
        ("2010-04-01T00:00:00.000", date(2010, 4, 1)),
        ("2010-04-01 00:00", date(2010, 4, 1)),
        (" 29-02-2024 ", date(2024, 2, 29)),
        ("", None),
        ("NaT", None),
    ],
)
def test_days_are_read_as_published_and_as_saved_again(text: str, day: date | None) -> None:
    """A day is day first with hyphens, ISO with or without midnight, or empty."""
    school = sample.school(OpenDate=text, CloseDate=text)

    assert (day, day) == (school.open_date, school.close_date)


@pytest.mark.parametrize(
    ("cells", "attribute", "expected"),
    [
        ({"URN": "110001.0"}, "urn", 110001),
        ({"URN": " 100000"}, "urn", 100000),
        ({"URN": "0100000"}, "urn", 100000),
        ({"PhaseOfEducation_code": "0"}, "phase", Phase.NOT_APPLICABLE),
        ({"PhaseOfEducation_code": "7.0"}, "phase", Phase.ALL_THROUGH),
        ({"PhaseOfEducation_code": "8"}, "phase", Phase.UNKNOWN),
        ({"LA_code": "0"}, "local_authority", Coded("000", "Reading")),
        ({"LA_code": "00.0"}, "local_authority", Coded("000", "Reading")),
        ({"LA_code": "870.0"}, "local_authority", Coded("870", "Reading")),
        ({"LA_code": "", "LA_name": "Reading"}, "local_authority", None),
        ({"PreviousLA_code": "909", "PreviousLA_name": "Cumbria"}, "former_authority", Coded("909", "Cumbria")),
        ({"TypeOfEstablishment_code": "2"}, "establishment_type", Coded("02", "Voluntary aided school")),
        (
            {"EstablishmentTypeGroup_code": "04.0", "EstablishmentTypeGroup_name": "nan"},
            "establishment_type_group",
            Coded("4"),
        ),
        ({"EstablishmentNumber": ""}, "establishment_number", ""),
        ({"EstablishmentNumber": "12"}, "establishment_number", "0012"),
        ({"UKPRN": "10058308.0"}, "ukprn", "10058308"),
        ({"UKPRN": "<NA>"}, "ukprn", ""),
        ({"StatutoryLowAge": "0"}, "low_age", 0),
        ({"StatutoryHighAge": "19.0"}, "high_age", 19),
        ({"Street": "  1 High Street "}, "street", "1 High Street"),
        ({"Town": "NULL"}, "town", ""),
        ({"Postcode": "rg1 1aa"}, "postcode", "rg1 1aa"),
        ({"EstablishmentName": "St Mary's, 'The  Hill' @ \"Way\""}, "name", "St Mary's, 'The  Hill' @ \"Way\""),
        ({"EstablishmentName": "Two\r\nLines"}, "name", "Two\r\nLines"),
        ({"Trusts_code": "5143.0"}, "trusts", (TrustLink("5143", ULT),)),
        ({"Trusts_code": "nan"}, "trusts", ()),
        ({"Trusts_code": "5143~4", "Trusts_name": "A~B"}, "trusts", (TrustLink("5143", "A"), TrustLink("4", "B"))),
        ({"Trusts_code": "5143~4", "Trusts_name": "A"}, "trusts", (TrustLink("5143"), TrustLink("4"))),
        ({"Trusts_name": "A~B"}, "trusts", (TrustLink("5143", "A~B"),)),
        ({"Trusts_code": "5143~5143", "Trusts_name": "A~A"}, "trusts", (TrustLink("5143", "A"),)),
        ({"Federations_code": "17483", "Federations_name": "F"}, "federations", (Coded("17483", "F"),)),
    ],
)
def test_what_saving_again_changes_is_understood(cells: dict[str, str], attribute: str, expected: object) -> None:
    """Lost leading zeros, decimals in whole numbers, words for nothing, and joined values are read."""
    assert expected == getattr(sample.school(**cells), attribute)


NOT_A_DAY, NOT_IN_CALENDAR = "is not a day such as", "is a day that is not in the calendar"
NOT_A_URN, NOT_WHOLE, NOT_A_LIST = "is not a URN", "is not a whole number of up to", "is not a list of codes"
LOST_DIGIT = "is not a code of 3 digits, and only 000 begins with 0"
TOO_LONG = "holds more than 10000 characters"


@pytest.mark.rule("V6")
@pytest.mark.parametrize(
    ("column", "texts", "why"),
    [
        ("URN", ["", "0", "-1", "1e5", "100000.5", "100,000", "10000000", "URN", "9" * 5000, "١٢٣٤٥٦"], NOT_A_URN),
        ("EstablishmentName", ["", "   ", "nan"], "is empty"),
        ("EstablishmentName", ["x" * 10_001], TOO_LONG),
        ("EstablishmentStatus (code)", [""], "is empty"),
        ("EstablishmentStatus (code)", ["Open", "-1"], NOT_WHOLE),
        ("EstablishmentStatus (code)", ["2"], 'contradicts the name beside it, "Open"'),
        ("LA (code)", ["8700", "E06"], NOT_WHOLE),
        ("LA (code)", ["1", "87", "087", "87.0", "0087", " 87 "], LOST_DIGIT),
        ("Trusts (code)", ["UNITED", "12345678", "5143,4320", "١٢٣٤٥٦"], NOT_WHOLE),
        ("Trusts (code)", ["5143~", "0"], NOT_A_LIST),
    ],
    ids=count(),
)
def test_a_row_is_lost_for_a_cell_that_decides_something(column: str, texts: list[str], why: str) -> None:
    """A bad cell is reported with its file, line, column and value, and its school is left out."""
    for text in texts:
        file = sample.download(sample.SCHOOL | {"URN": "100001"}, sample.SCHOOL | {column: text}, encoding="utf-8")
        register = read_register(file)
        problem = sample.only(register)

        assert [100001] == list(register.institutions)
        assert ("the file passed in", 3, column, "row") == (problem.file, problem.line, problem.column, problem.lost)
        assert text.strip() == problem.value.strip()
        assert problem.why.startswith(why)
        assert f'the file passed in, line 3: column "{column}"' in str(problem)


@pytest.mark.rule("V4")
@pytest.mark.parametrize(
    ("column", "texts", "why", "attribute", "expected"),
    [
        ("OpenDate", ["31-02-2025", "29-02-2023", "00-01-2025", "2025-13-01"], NOT_IN_CALENDAR, "open_date", None),
        ("CloseDate", ["1-9-2010", "2010-04-01 09:30:00", "40391", "########"], NOT_A_DAY, "close_date", None),
        ("CloseDate", ["31/08/10", "31.08.2010", "soon", "٣١-١٢-٢٠٢٥"], NOT_A_DAY, "close_date", None),
        ("PhaseOfEducation (code)", ["Primary"], NOT_WHOLE, "phase", Phase.UNKNOWN),
        ("TypeOfEstablishment (code)", ["two"], NOT_WHOLE, "establishment_type", None),
        ("TypeOfEstablishment (name)", ["x" * 10_001], TOO_LONG, "establishment_type", Coded("02")),
        ("EstablishmentTypeGroup (code)", ["4.5"], NOT_WHOLE, "establishment_type_group", None),
        ("EstablishmentNumber", ["20000"], NOT_WHOLE, "establishment_number", ""),
        ("UKPRN", ["1005-8308", "١٢٣٤٥٦"], NOT_WHOLE, "ukprn", ""),
        ("StatutoryLowAge", ["three"], NOT_WHOLE, "low_age", None),
        ("StatutoryHighAge", ["1900"], NOT_WHOLE, "high_age", None),
        ("Trusts (name)", ["x" * 10_001], TOO_LONG, "trusts", (TrustLink("5143"),)),
        ("Federations (code)", ["F1"], NOT_WHOLE, "federations", ()),
        ("PreviousLA (code)", ["Cumbria"], NOT_WHOLE, "former_authority", None),
        ("LA (name)", ["x" * 10_001], TOO_LONG, "local_authority", Coded("870")),
        ("Street", ["x" * 10_001], TOO_LONG, "street", ""),
        ("Town", ["x" * 10_001], TOO_LONG, "town", ""),
        ("County (name)", ["x" * 10_001], TOO_LONG, "county", ""),
        ("Postcode", ["x" * 10_001], TOO_LONG, "postcode", ""),
    ],
    ids=count(),
)
def test_a_cell_that_decides_nothing_only_warns(
    column: str, texts: list[str], why: str, attribute: str, expected: object
) -> None:
    """The school is read without the cell, which is counted by column, with its line and value."""
    for text in texts:
        rows = [sample.SCHOOL | {"URN": str(urn), column: text} for urn in (100000, 100001)]
        register = read_register(sample.download(*rows, encoding="utf-8"))
        (warning,) = register.warnings

        assert [expected] * 2 == [getattr(school, attribute) for school in register.institutions.values()]
        assert (0, (), 2, 2, column) == (
            register.problem_count, register.problems, warning.count, warning.line, warning.column,
        )  # fmt: skip
        assert (text.strip(), True) == (warning.value.strip(), warning.why.startswith(why))
        with pytest.raises(BadRow, match="The row is read without it") as raised:
            read_register(sample.download(*rows, encoding="utf-8"), strict=True)
        assert ("cell", column) == (raised.value.lost, raised.value.column)


def test_every_bad_cell_of_a_row_is_counted() -> None:
    """A row may have many bad cells; a row that is lost in the end is lost."""
    cells = {"OpenDate": "soon", "CloseDate": "soon", "UKPRN": "x", "StatutoryLowAge": "y", "Federations (code)": "z"}
    rows = [sample.SCHOOL | cells, sample.SCHOOL | cells | {"URN": "100001", "Trusts (code)": "UNITED"}]
    register = read_register(sample.download(*rows))

    assert ([100000], "Trusts (code)") == (list(register.institutions), sample.only(register).column)
    assert set(cells) == {warning.column for warning in register.warnings}


@pytest.mark.parametrize(
    ("name", "garbled"),
    [
        ("St JosephÃ©s", True),
        ("ARETÃ‰ TRUST", True),
        ("LADY HAWKINSâ€™ SCHOOL", True),
        ("Oak â€“ Lane", True),
        ("Fund of Â£5", True),
        ("YnysÅ´en", True),
        ("Fiert\ufffd", True),
        ("Fiertï¿½", True),
        ("FIERTÉ’S “OWN” – ÉCOLE", False),
        ("Ysgol Tŷ Ffynnon, Môn", False),
        ("St Thomas à Becket", False),
        ("Plain", False),
    ],
    ids=count(),
)
def test_letters_that_were_lost_are_counted_in_names(name: str, garbled: bool) -> None:
    """Names that were saved in the wrong encoding are read as they are, and counted with an example."""
    columns = ("EstablishmentName", "LA (name)", "Trusts (name)")
    row = sample.SCHOOL | dict.fromkeys(columns, name)
    group = sample.download(sample.GROUP | {"Group Name": name}, encoding="utf-8")
    links = sample.download(sample.GROUP_LINK | {"Group Name": name}, encoding="utf-8")
    file = sample.download(row, encoding="utf-8")
    register = read_register(file, groups=group, group_links=links, strict=True)

    assert {name} == {register.institutions[100000].name, *(group.name for group in register.groups.values())}
    counts = {"Group Name": 2, **dict.fromkeys(columns, 1)} if garbled else {}
    assert counts == {warning.column: warning.count for warning in register.warnings}
    assert {(2, name)} >= {(warning.line, warning.value) for warning in register.warnings}


@pytest.mark.rule("V4")
def test_letters_that_were_lost_are_counted_in_each_row() -> None:
    """Rows that repeat a name count one by one, in every column."""
    columns = ("EstablishmentName", "LA (name)", "Trusts (name)")
    rows = [
        sample.SCHOOL | {"URN": str(urn)} | dict.fromkeys(columns, "ARET\u00c3\u2030") for urn in range(100000, 100005)
    ]

    warnings = read_register(sample.download(*rows, encoding="utf-8"), strict=True).warnings
    assert dict.fromkeys(columns, 5) == {warning.column: warning.count for warning in warnings}


def test_equal_cells_share_one_value() -> None:
    """Codes, links, days and towns that come again are the same objects, for memory's sake."""
    first, second = read_establishments(sample.download(sample.SCHOOL, sample.SCHOOL | {"URN": "100001"}))

    for name in ("local_authority", "trusts", "open_date", "town"):
        assert getattr(first, name) is getattr(second, name)
