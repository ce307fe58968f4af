"""The first accepted agreement over HTTP, and how little of a host's own code it takes."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from examples.flask_host.sharing import Mis
from examples.flask_host.tables import Click

from .conftest import ANA, ELM, HEAD, HILDA
from .story import LogIn

CORE = ("tables.py", "sharing.py", "jobs.py")
AT_MOST = 250
HOST = Path(__file__).parents[3] / "examples" / "flask_host"


def test_the_core_is_short() -> None:
    """A host's own tables, directories, jobs and transactions take at most 250 lines, blank ones left out."""
    lines = [line for name in CORE for line in (HOST / name).read_text("utf-8").splitlines() if line.strip()]

    assert len(lines) <= AT_MOST


def test_a_school_that_accepts_shows_its_pupils(log_in: LogIn) -> None:
    """From the table of schools to the page that asks on every hit."""
    ana, head = log_in(ANA), log_in(HEAD)
    assert 403 == ana.open(f"/schools/{HILDA}/pupils").status
    assert "No agreement is in force." in ana.page.words

    ana.open("/schools?tab=no_agreement")
    ana.press("Ask for data", urn=[str(HILDA), str(ELM)])
    ana.press("Preview", level="mis_data", to="heads")
    assert "1 of 2 schools: 1 message would be sent." in ana.page.words
    assert "Elm Grove School The school has no MIS site" in ana.page.words
    ana.press("Confirm")
    assert "1 of 2 schools. 1 message is on the way." in ana.page.words
    assert "Ana Okafor asked on" in head.open(f"/data-sharing/{HILDA}").words
    head.press("Accept")

    assert "You have accepted the request." in head.page.words
    assert "Approved" in head.page.words
    assert 200 == ana.open(f"/schools/{HILDA}/pupils").status
    assert "Zoë Pupil 3 96.4 %" in ana.page.words
    assert "accepted the request; MIS Data is in force" in ana.open(f"/schools/{HILDA}").words


def test_a_form_that_is_sent_twice_is_done_once(log_in: LogIn, mis: Mis) -> None:
    """The second answer says so; both clicks are kept."""
    ana = log_in(ANA)
    ana.open("/schools")
    ana.press("Ask for data", urn=str(HILDA))
    ana.press("Preview", level="mis_data", to="heads")
    preview = ana.page
    first = ana.press("Confirm")
    ana.page = preview
    second = ana.press("Confirm")

    assert "This form had done 1 of them before, and nothing was sent twice." not in first.words
    assert "This form had done 1 of them before, and nothing was sent twice." in second.words
    with Session(mis.engine) as session:
        assert ["ask", "ask"] == list(session.scalars(sa.select(Click.what)))


def test_a_click_that_failed_leaves_nothing(log_in: LogIn, mis: Mis) -> None:
    """The host's own row is rolled back with the refused deed."""
    ana = log_in(ANA)
    ana.open(f"/actions/ask?urn={HILDA}")
    refused = ana.press("Preview", level="dfe_data", to="heads", step="confirm")

    assert 422 == refused.status
    with Session(mis.engine) as session:
        assert [] == list(session.scalars(sa.select(Click.what)))
