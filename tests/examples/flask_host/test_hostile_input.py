"""Whatever comes from outside, the host answers with a clear page, and never with an error of its own."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from examples.flask_host.app import create_app
from examples.flask_host.sharing import Mis
from examples.flask_host.tables import User

from .conftest import ANA, BEN, DEPUTY, HEAD, HILDA, LEILA, OAK
from .story import LogIn, accept, ask
from .visitor import Visitor

FIELDS = (
    "user", "urn", "request", "level", "sender", "to", "person", "reason", "cause", "note", "command_id", "plan",
    "confirmed", "group", "terms_version",
)  # fmt: skip
HOSTILE = {
    "nothing": "",
    "a very long text": "9" * 5_000,
    "no text at all": "\0\x1b[31m\u202e\r\nBcc: all@mis.example",
    "markup": "<script>alert(1)</script>{{ 7 * 7 }}",
    "no number": "²",
    "a request of others": f"la:870/{OAK}/1",
    "a person of others": f"urn:{OAK}/6",
    "json": '{"version": 1, "plan": {}}',
}
ADDRESSES = {
    "/schools?page=0": 200,
    "/schools?page=-1": 422,
    "/schools?page=99999999999999999999": 422,
    "/schools?sort=password": 422,
    "/schools?phase=99&level=all&tab=none": 422,
    "/schools?search=%00%ff%ed%a0%80": 200,
    "/schools?cluster=%00": 422,
    "/schools?local_authority=999": 200,
    "/schools/" + "9" * 5_000: 404,
    "/schools/999999": 404,
    "/schools/000000": 422,
    "/schools/999999/pupils": 403,
    "/schools/000000/pupils": 422,
    "/schools/999999/mis": 403,
    "/why?urn=": 422,
    "/why?urn=x": 422,
    "/actions/ask?urn=x": 422,
    "/actions/ask?urn=999999": 200,
    "/actions/remind?request=mat:5143/1": 422,
    "/actions/remind?request=la:870/900001/1": 200,
    "/actions/drop": 404,
    "/actions/ask?everything=on&phase=x": 422,
    "/static/../tables.py": 404,
    "/nowhere": 404,
    "/login": 405,
}
"""Strange addresses, with the status that answers each."""
POSTS = ("/actions/ask", "/actions/add", "/actions/remind", "/actions/withdraw", "/actions/end", "/register")
SCHOOL_POSTS = tuple(f"/data-sharing/{HILDA}/{what}" for what in ("accept", "decline", "end"))


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_forged_forms_are_refused_clearly(log_in: LogIn, value: str) -> None:
    """Every form, with every field filled in wrongly, is refused; and what was typed stays text."""
    ana, head = log_in(ANA), log_in(HEAD)
    forged = dict.fromkeys(FIELDS, value)

    for visitor, addresses in ((ana, POSTS), (head, SCHOOL_POSTS)):
        for address in addresses:
            for step in ("preview", "confirm"):
                page = visitor.send(address, **forged, step=step)
                assert 400 <= page.status < 500, address
                assert "<script>" not in page.html
                assert "<h1>" in page.html


def test_strange_addresses_are_answered_clearly(log_in: LogIn) -> None:
    """A page says what is wrong with it, or shows nothing."""
    ana = log_in(ANA)

    assert ADDRESSES == {address: ana.open(address).status for address in ADDRESSES}


def test_every_page_asks_who_one_is(app: Flask) -> None:
    """Without a login each page leads to the choice, and none shows anything."""
    stranger = Visitor(app)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.endpoint != "static"]
    assert len(rules) > 10

    for rule in rules:
        address = rule.rule.replace("<int(fixed_digits=6):urn>", str(HILDA)).replace("<name>", "ask")
        assert "Choose who you are" in stranger.open(address).words, address


def test_a_form_needs_the_token_of_its_session(app: Flask, log_in: LogIn) -> None:
    """A form from elsewhere, without the token or with that of another session, changes nothing."""
    ana, head = log_in(ANA), log_in(HEAD)
    ask(ana, HILDA)
    head.open(f"/data-sharing/{HILDA}")
    fields = {"request": f"mat:9901/{HILDA}/1"}
    other = ana.page.forms[0].fields["token"]

    assert [400, 400, 400] == [
        head.send(f"/data-sharing/{HILDA}/accept", **fields, token=token).status for token in ("", "ä", other)
    ]
    assert "Pending" in head.open(f"/data-sharing/{HILDA}").words


def test_requests_of_others_are_left_alone(log_in: LogIn) -> None:
    """Neither another group nor another school's head does anything with a request that they name."""
    ask(log_in(LEILA), OAK)
    ana, head, deputy = log_in(ANA), log_in(HEAD), log_in(DEPUTY)
    theirs = f"la:870/{OAK}/1"

    for action, fields in (("remind", {}), ("withdraw", {}), ("add", {"to": "all"})):
        assert 403 == ana.send(f"/actions/{action}", request=theirs, step="confirm", command_id="x", **fields).status
    assert 422 == head.send(f"/data-sharing/{HILDA}/accept", request=theirs).status
    assert 403 == head.send(f"/data-sharing/{OAK}/accept", request=theirs).status
    assert 403 == deputy.send(f"/data-sharing/{HILDA}/accept", request=f"mat:9901/{HILDA}/1").status
    assert "1 are asked" in log_in(LEILA).open("/coverage").words


def test_a_request_that_was_withdrawn_cannot_be_accepted(log_in: LogIn) -> None:
    """The stale page of the school is refused, and says why."""
    ana, head = log_in(ANA), log_in(HEAD)
    ask(ana, HILDA)
    head.open(f"/data-sharing/{HILDA}")
    ana.open(f"/actions/withdraw?request=mat:9901/{HILDA}/1")
    ana.press("Preview")
    ana.press("Confirm")
    page = head.press("Accept")

    assert 409 == page.status
    assert "This has changed" in page.words


def test_another_deed_under_a_used_id_is_not_mistaken_for_the_first(log_in: LogIn) -> None:
    """The page says that the form was sent before, and carries a new id."""
    ana = log_in(ANA)
    ana.open(f"/actions/ask?urn={HILDA}")
    form = ana.page
    ana.press("Preview", level="mis_data", to="heads")
    ana.press("Confirm")
    accept(log_in(HEAD), HILDA)
    ana.page = form
    page = ana.press("Preview", level="mis_data_and_group_actions", to="all")

    assert 409 == page.status
    assert "You have sent this form already, with other choices." in page.words
    assert 200 == ana.press("Preview").status


def test_a_plan_of_others_is_refused(log_in: LogIn) -> None:
    """A plan that was made for another group does nothing, and neither does who may not apply one."""
    leila, ana, ben = log_in(LEILA), log_in(ANA), log_in(BEN)
    (theirs,) = [form.fields["plan"] for form in leila.open("/register").forms if "plan" in form.fields]

    assert 422 == ana.send("/register", plan=theirs, command_id="x").status
    assert 403 == ben.send("/register", plan=theirs.replace("la:870", "mat:9901"), command_id="x").status


def test_a_session_ends_with_its_user(log_in: LogIn, mis: Mis) -> None:
    """Whoever is no longer in the table is no longer logged in."""
    ben = log_in(BEN)
    with Session(mis.engine) as session, session.begin():
        session.delete(session.get_one(User, BEN))

    assert "Choose who you are" in ben.open("/schools").words


def test_a_login_needs_a_user(log_in: LogIn) -> None:
    """Somebody who is not there, or no number."""
    ben = log_in(BEN)

    assert [404, 422] == [ben.send("/login", user=key).status for key in ("999", "ana")]


def test_a_huge_form_is_refused(log_in: LogIn) -> None:
    """Before it is read."""
    assert 413 == log_in(ANA).send("/register", plan="x" * 1_100_000).status


def test_pages_load_nothing_and_cookies_are_kept_close(app: Flask, tmp_path: Path) -> None:
    """Scripts are forbidden, nobody keeps or frames a page, and over https the cookie needs https."""
    answer = app.test_client().get("/")
    secure = create_app({"DATABASE": str(tmp_path / "other.sqlite3"), "ADDRESS": "https://mis.example"})

    assert "default-src 'none'; style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "no-store" == answer.headers["Cache-Control"]
    assert "<script" not in answer.get_data(as_text=True)
    assert "HttpOnly; Path=/; SameSite=Lax" in answer.headers["Set-Cookie"]
    assert secure.config["SESSION_COOKIE_SECURE"]
    assert not app.config["SESSION_COOKIE_SECURE"]


def test_trouble_of_the_database_is_a_page_too(log_in: LogIn, mis: Mis) -> None:
    """It tells nothing of the tables, and that nothing was saved."""
    ana = log_in(ANA)
    with mis.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE datashare_agreements")
    page = ana.open("/schools")

    assert 500 == page.status
    assert "Something is wrong here. Nothing was saved." in page.words
