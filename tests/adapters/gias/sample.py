"""Builders of downloads, and where the real ones are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from datashare.adapters.gias import Register, read_establishments, read_register
from datashare.domain.register import Institution
from datashare.errors import BadRow

DATA = Path(__file__).parents[3] / "examples" / "data"
ESTABLISHMENTS = DATA / "edubasealldata20250718_sample.csv.gz"
LINKS = DATA / "links_edubasealldata20250718_sample.csv.gz"
GROUPS = DATA / "allgroupsdata20220331_resaved_sample.csv.gz"
GROUP_LINKS = DATA / "alllinksdata20220331_resaved_sample.csv.gz"
GROUP_LINKS_2019 = DATA / "grouplinks_edubaseallacademiesandfree20190601_sample.csv.gz"

SCHOOL = {
    "URN": "100000",
    "LA (code)": "870",
    "LA (name)": "Reading",
    "EstablishmentNumber": "2000",
    "EstablishmentName": "Areté Primary School",
    "TypeOfEstablishment (code)": "02",
    "TypeOfEstablishment (name)": "Voluntary aided school",
    "EstablishmentTypeGroup (code)": "4",
    "EstablishmentTypeGroup (name)": "Local authority maintained schools",
    "EstablishmentStatus (code)": "1",
    "EstablishmentStatus (name)": "Open",
    "OpenDate": "01-09-2010",
    "CloseDate": "",
    "PhaseOfEducation (code)": "2",
    "PhaseOfEducation (name)": "Primary",
    "StatutoryLowAge": "3",
    "StatutoryHighAge": "11",
    "Trusts (code)": "5143",
    "Trusts (name)": "UNITED LEARNING TRUST",
    "Federations (code)": "",
    "Federations (name)": "",
    "UKPRN": "10058308",
    "Street": "1 High Street",
    "Town": "Reading",
    "County (name)": "Berkshire",
    "Postcode": "RG1 1AA",
}
GROUP = {
    "Group UID": "5143",
    "Group Name": "UNITED LEARNING TRUST",
    "Group Type (code)": "06",
    "Group Type": "Multi-academy trust",
    "Closed Date": "",
    "Group Status (code)": "OPEN",
    "Group Status": "Open",
}
GROUP_LINK = {"URN": "100000", **GROUP, "Joined date": "01-09-2012"}
LINK = {
    "URN": "100000",
    "LinkURN": "100001",
    "LinkName": "Areté Academy",
    "LinkType": "Successor",
    "LinkEstablishedDate": "31-08-2012",
}


def lines(rows: Iterable[Iterable[str]]) -> str:
    """Write rows with every field in quotes, CRLF."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def download(*rows: Mapping[str, str], encoding: str = "cp1252") -> io.BytesIO:
    """Build a download of rows that all have the columns of the first."""
    return io.BytesIO(lines([rows[0], *(row.values() for row in rows)]).encode(encoding))


def without(row: Mapping[str, str], *columns: str) -> dict[str, str]:
    """Return a row without some of its columns."""
    return {column: value for column, value in row.items() if column not in columns}


def school(**cells: str) -> Institution:
    """Read a school, some of its columns changed; ``LA_code`` stands for ``LA (code)``."""
    (institution,) = read_establishments(download(SCHOOL | named(cells)))
    return institution


def bad(**cells: str) -> BadRow:
    """Read a school that has a bad cell, and return the problem that is reported."""
    register = read_register(download(SCHOOL | named(cells)))
    assert register.institutions == {}
    return only(register)


def only(register: Register) -> BadRow:
    """Return the only problem of a register."""
    (problem,) = register.problems
    assert register.problem_count == 1
    return problem


def named(cells: Mapping[str, str]) -> dict[str, str]:
    """Turn Python names into columns: ``LA_code`` is ``LA (code)``."""
    return {column.replace("_code", " (code)").replace("_name", " (name)"): value for column, value in cells.items()}
