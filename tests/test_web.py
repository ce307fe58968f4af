"""The HTTP status of each error, as the documentation lists it."""

import re
from pathlib import Path

import pytest

from datashare.domain.agreements import Reason, RefusalCode
from datashare.errors import DatashareError, Refused
from datashare.web import http_status
from tests.test_errors import SAMPLES

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROWS = [
    (set(re.findall(r"`(\w+)`", what)), int(status)) for what, status in re.findall(r"(?m)^\| (.+) \| (\d{3})", PAGE)
]
OF_ERRORS = [(names, status) for names, status in ROWS if not names & {code.name for code in RefusalCode}]


def documented(error: DatashareError) -> int:
    """Return the status of the first row of the table that fits."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return next(status for names, status in OF_ERRORS if names & kinds)


@pytest.mark.parametrize("code", RefusalCode, ids=lambda code: code.value)
def test_a_refusal_has_the_status_that_the_page_lists(code: RefusalCode) -> None:
    """The first reason decides; a code that the page does not name is a conflict."""
    expected = next((status for names, status in ROWS if code.name in names), 409)

    assert expected == http_status(Refused([Reason(code=code), Reason(code=RefusalCode.NOT_PERMITTED)]))


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - {"refused"}))
def test_an_error_has_the_status_that_the_page_lists(name: str) -> None:
    """The first line of the table that fits counts."""
    error, _ = SAMPLES[name]

    assert documented(error) == http_status(error)
