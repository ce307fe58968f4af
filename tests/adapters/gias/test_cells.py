"""What single cells of a school's row are read as, and which are refused."""

from __future__ import annotations

from datetime import date

import pytest

from datashare.adapters.gias import read_establishments, read_register
from datashare.domain.policy import Policy
from datashare.domain.register import Coded, EstablishmentStatus, Phase, TrustLink
from datashare.domain.visibility import visibility

from . import made


@pytest.mark.rule("V5")
@pytest.mark.parametrize("code", ["5", "6", "7", "8", "9", "10", "0", "42"])
def test_statuses_beyond_the_published_four_are_unknown(code: str) -> None:
    """A numeric status that is not known is kept as unknown, in the register's words, and never listed."""
    unnamed = made.school(EstablishmentStatus_code=code, EstablishmentStatus_name="")
    named = made.school(EstablishmentStatus_code=code, EstablishmentStatus_name="Quiet")
    group = read_register(made.download(made.SCHOOL)).groups

    assert (EstablishmentStatus.UNKNOWN, f"code {code}") == (unnamed.status, unnamed.status_name)
    assert (EstablishmentStatus.UNKNOWN, "Quiet") == (named.status, named.status_name)
    for one in group.values():
        policy = Policy.for_kind(one.id.kind)
        assert not visibility(100000, named, group=one, policy=policy, day=date(2025, 7, 18)).visible


@pytest.mark.parametrize(
    ("code", "name", "status", "words"),
    [
        ("1", "Open", EstablishmentStatus.OPEN, "Open"),
        ("2", "", EstablishmentStatus.CLOSED, "Closed"),
        (
            "3.0",
            "open, but proposed to close",
            EstablishmentStatus.OPEN_PROPOSED_TO_CLOSE,
            "open, but proposed to close",
        ),
        ("04", "", EstablishmentStatus.PROPOSED_TO_OPEN, "Proposed to open"),
    ],
    ids=["published", "unnamed", "decimal", "padded"],
)
def test_published_statuses_are_known(code: str, name: str, status: EstablishmentStatus, words: str) -> None:
    """The four published codes are known, however they were saved; a missing name is the published one."""
    found = made.school(EstablishmentStatus_code=code, EstablishmentStatus_name=name)

    assert (status, words) == (found.status, found.status_name)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("0", Phase.NOT_APPLICABLE),
        ("2", Phase.PRIMARY),
        ("7.0", Phase.ALL_THROUGH),
        ("8", Phase.UNKNOWN),
        ("", Phase.UNKNOWN),
    ],
)
def test_phases_are_known_by_their_code(text: str, phase: Phase) -> None:
    """A phase that is not given or not known is unknown, which is not the same as "Not applicable"."""
    assert phase is made.school(PhaseOfEducation_code=text).phase


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
        ("nan", None),
    ],
)
def test_days_are_read_as_published_and_as_saved_again(text: str, day: date | None) -> None:
    """Day first with hyphens, ISO with or without a midnight, or nothing."""
    found = made.school(OpenDate=text, CloseDate=text)

    assert (day, day) == (found.open_date, found.close_date)


@pytest.mark.parametrize(
    "text",
    [
        "31-02-2025",
        "29-02-2023",
        "00-01-2025",
        "2025-13-01",
        "01-01-0000",
        "01/09/2010",
        "1-9-2010",
        "2010-04-01 09:30:00",
        "40391",
        "soon",
        "٣١-١٢-٢٠٢٥",
    ],
)
@pytest.mark.parametrize("column", ["OpenDate", "CloseDate"])
def test_days_that_could_be_wrong_are_refused(column: str, text: str) -> None:
    """Days that no calendar has, that could mean two days, or that are none make a bad row."""
    file = made.download(made.SCHOOL | {column: text}, encoding="utf-8")
    problem = made.only(read_register(file))

    assert (column, text, 2) == (problem.column, problem.value, problem.line)


@pytest.mark.parametrize(
    ("cells", "attribute", "expected"),
    [
        ({"URN": "110001.0"}, "urn", 110001),
        ({"URN": " 100000"}, "urn", 100000),
        ({"URN": "20114"}, "urn", 20114),
        ({"URN": "0100000"}, "urn", 100000),
        ({"LA_code": "0"}, "local_authority", Coded("000", "Reading")),
        ({"LA_code": "00.0"}, "local_authority", Coded("000", "Reading")),
        ({"LA_code": "000"}, "local_authority", Coded("000", "Reading")),
        ({"LA_code": "870.0"}, "local_authority", Coded("870", "Reading")),
        ({"LA_code": "", "LA_name": "Reading"}, "local_authority", None),
        ({"TypeOfEstablishment_code": "2"}, "establishment_type", Coded("02", "Voluntary aided school")),
        ({"TypeOfEstablishment_code": "34"}, "establishment_type", Coded("34", "Voluntary aided school")),
        (
            {"EstablishmentTypeGroup_code": "04.0", "EstablishmentTypeGroup_name": "nan"},
            "establishment_type_group",
            Coded("4"),
        ),
        ({"EstablishmentNumber": ""}, "establishment_number", ""),
        ({"EstablishmentNumber": "2000.0"}, "establishment_number", "2000"),
        ({"EstablishmentNumber": "12"}, "establishment_number", "0012"),
        ({"UKPRN": "10058308.0"}, "ukprn", "10058308"),
        ({"UKPRN": "<NA>"}, "ukprn", ""),
        ({"StatutoryLowAge": ""}, "low_age", None),
        ({"StatutoryLowAge": "0"}, "low_age", 0),
        ({"StatutoryHighAge": "19.0"}, "high_age", 19),
        ({"Street": "  1 High Street "}, "street", "1 High Street"),
        ({"Town": "NULL"}, "town", ""),
        ({"Postcode": "rg1 1aa"}, "postcode", "rg1 1aa"),
        ({"EstablishmentName": "St Mary's, 'The  Hill' @ \"Way\""}, "name", "St Mary's, 'The  Hill' @ \"Way\""),
        ({"EstablishmentName": "Two\r\nLines"}, "name", "Two\r\nLines"),
        ({"Trusts_code": "5143.0"}, "trusts", (TrustLink("5143", "UNITED LEARNING TRUST"),)),
        ({"Trusts_code": ""}, "trusts", ()),
        ({"Trusts_code": "nan"}, "trusts", ()),
        (
            {"Trusts_code": "5143~4320", "Trusts_name": "A~B"},
            "trusts",
            (TrustLink("5143", "A"), TrustLink("4320", "B")),
        ),
        (
            {"Trusts_code": "5143~4320", "Trusts_name": "A"},
            "trusts",
            (TrustLink("5143"), TrustLink("4320")),
        ),
        ({"Trusts_name": "A~B"}, "trusts", (TrustLink("5143", "A~B"),)),
        ({"Trusts_code": "5143~5143", "Trusts_name": "A~A"}, "trusts", (TrustLink("5143", "A"),)),
        ({"Federations_code": "17483", "Federations_name": "F"}, "federations", (Coded("17483", "F"),)),
    ],
)
def test_what_saving_again_changes_is_understood(cells: dict[str, str], attribute: str, expected: object) -> None:
    """Lost leading zeros, decimals in whole numbers, words for nothing, and joined values are read."""
    assert expected == getattr(made.school(**cells), attribute)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("URN", ""),
        ("URN", "0"),
        ("URN", "-1"),
        ("URN", "1e5"),
        ("URN", "100000.5"),
        ("URN", "100,000"),
        ("URN", "10000000"),
        ("URN", "URN"),
        ("URN", "9" * 5000),
        ("EstablishmentName", ""),
        ("EstablishmentName", "   "),
        ("EstablishmentName", "nan"),
        ("EstablishmentName", "x" * 10_001),
        ("EstablishmentStatus (code)", ""),
        ("EstablishmentStatus (code)", "Open"),
        ("EstablishmentStatus (code)", "-1"),
        ("EstablishmentStatus (code)", "2"),
        ("PhaseOfEducation (code)", "Primary"),
        ("LA (code)", "8700"),
        ("LA (code)", "E06"),
        ("TypeOfEstablishment (code)", "two"),
        ("EstablishmentTypeGroup (code)", "4.5"),
        ("EstablishmentNumber", "20000"),
        ("UKPRN", "1005-8308"),
        ("StatutoryLowAge", "three"),
        ("StatutoryHighAge", "1900"),
        ("Trusts (code)", "UNITED"),
        ("Trusts (code)", "5143~"),
        ("Trusts (code)", "0"),
        ("Trusts (code)", "12345678"),
        ("Trusts (code)", "5143,4320"),
        ("Federations (code)", "F1"),
    ],
)
def test_cells_that_cannot_be_right_are_refused(column: str, text: str) -> None:
    """A bad cell is told with its file, line, column and value, and its school is left out."""
    register = read_register(made.download(made.SCHOOL | {"URN": "100001"}, made.SCHOOL | {column: text}))
    problem = made.only(register)

    assert [100001] == list(register.institutions)
    assert ("the file passed in", 3, column, text.strip()) == (
        problem.file,
        problem.line,
        problem.column,
        problem.value.strip(),
    )
    assert f'the file passed in, line 3: column "{column}"' in str(problem)


def test_a_status_that_contradicts_its_name_is_refused() -> None:
    """Code 1 beside the name "Closed" could be either, so it is neither."""
    problem = made.bad(EstablishmentStatus_name="Closed")

    assert ("EstablishmentStatus (code)", "1") == (problem.column, problem.value)
    assert 'contradicts the name beside it, "Closed"' in str(problem)


def test_digits_of_other_scripts_are_no_numbers() -> None:
    """Only the digits 0 to 9 make a URN or a code."""
    for column in ("URN", "UKPRN", "Trusts (code)"):
        file = made.download(made.SCHOOL | {column: "١٢٣٤٥٦"}, encoding="utf-8")
        assert column == made.only(read_register(file)).column


def test_equal_cells_share_one_value() -> None:
    """Codes, links, days and towns that come again are the same objects, for memory's sake."""
    one, other = read_establishments(made.download(made.SCHOOL, made.SCHOOL | {"URN": "100001"}))

    assert one.local_authority is other.local_authority
    assert one.trusts is other.trusts
    assert one.open_date is other.open_date
    assert one.town is other.town


@pytest.mark.rule("V6")
@pytest.mark.parametrize("text", ["1", "87", "087", "87.0", "0087", " 87 "])
def test_an_authoritys_code_that_lost_a_digit_is_refused(text: str) -> None:
    """No published code but 000 begins with a zero, so that a short one is no code that lost its zeros."""
    problem = made.bad(LA_code=text)

    assert ("LA (code)", text.strip()) == (problem.column, problem.value)
    assert "is not a code of 3 digits, and only 000 begins with 0" == problem.why
