"""The jobs of the example host, as cron calls them."""

import csv
import gzip
import io
import re
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from datashare import GroupId
from datashare.adapters.sql import SqlAgreementStore
from datashare.testing.changes import asked
from examples.flask_host.app import create_app
from examples.flask_host.jobs import create_tables
from examples.flask_host.sample import COUNCIL, DATA, TRUST, load_sample
from examples.flask_host.sharing import Mis, to_person
from examples.flask_host.tables import Job, Right, School, User
from tests.adapters.email.servers import Mailbox, serving

from .conftest import ANA, HEAD, HILDA
from .story import LogIn, accept, ask
from .visitor import Visitor


def run(app: Flask, *command: str, fails: bool = False) -> str:
    """Run a command, and return what it prints."""
    result = app.test_cli_runner().invoke(args=list(command))
    assert fails == bool(result.exit_code), result.output
    return result.output


def download(file: Path, *, closed: str = "") -> str:
    """Write a download with the first schools of the sample's trust, one of them closed."""
    text = gzip.decompress((DATA / "edubasealldata20250718_sample.csv.gz").read_bytes()).decode("cp1252")
    rows = [row for row in csv.DictReader(io.StringIO(text, newline="")) if row["Trusts (code)"] == TRUST.code][:4]
    for row in rows:
        if row["URN"] == closed:
            row["EstablishmentStatus (code)"], row["EstablishmentStatus (name)"] = "2", "Closed"
            row["CloseDate"] = "31-07-2025"
    with file.open("w", encoding="cp1252", newline="") as output:
        writer = csv.DictWriter(output, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


def test_a_nightly_register_is_put_in_place_and_explained(tmp_path: Path) -> None:
    """Access stops, the plan is printed for each group, and an older register is refused until a person confirms it."""
    app = create_app({"DATABASE": str(tmp_path / "mis.sqlite3")})
    mis: Mis = app.extensions["mis"]
    create_tables(mis.engine)
    older = download(tmp_path / "edubasealldata20250718.csv")
    assert "" == run(app, "register", older)  # nobody uses the host yet
    urn = mis.register.linked(TRUST)[0].urn
    with Session(mis.engine) as session, session.begin():
        session.add(School(urn=urn))
        session.flush()
        rights = [Right(code=code) for code in ("inst.admin", "ds.register")]
        session.add(User(id=ANA, group_id=str(TRUST), name="Ana Okafor", email="ana@trust.example", rights=rights))
        session.add(User(id=HEAD, urn=urn, name="Hilda Moss", email="head@hilda.example", jobs=[Job(code="HT")]))
    ana, head = Visitor(app).log_in(ANA), Visitor(app).log_in(HEAD)
    ask(ana, urn)
    accept(head, urn)
    assert 200 == ana.open(f"/schools/{urn}/pupils").status
    SqlAgreementStore(mis.engine).append([asked(1, GroupId.mat("1"))])  # which no register names, nor the school

    printed = run(app, "register", download(tmp_path / "edubasealldata20250801.csv", closed=str(urn)))
    assert "Agreements to end (1):" in printed
    assert "mat:1: The register is empty, or holds no school of the group." in printed
    assert 403 == ana.open(f"/schools/{urn}/pupils").status
    assert "does not show" in ana.open(f"/schools/{urn}").words
    assert "Agreements to end (1)" in ana.open("/register").words
    assert "Load the newest register." in run(app, "register", older, fails=True)
    assert "18 July 2025" in run(app, "register", older, "--confirmed")
    assert "there is no such file" in run(app, "register", str(tmp_path / "missing.csv"), fails=True)
    mis.engine.dispose()


def test_the_sample_fills_an_empty_host_once(tmp_path: Path) -> None:
    """Real schools and made-up people; what is there stays."""
    app = create_app({"DATABASE": str(tmp_path / "mis.sqlite3")})
    mis: Mis = app.extensions["mis"]
    load_sample(mis)
    load_sample(mis)

    for group, schools in ((TRUST, 57), (COUNCIL, 73)):
        with Session(mis.engine) as session:
            lead = session.scalars(sa.select(User).where(User.group_id == str(group)).order_by(User.id)).first()
        assert lead
        assert schools == mis.sharing.for_group(group, actor=to_person(lead).id).coverage().total.schools
        assert () == mis.sharing.problems(group)
    mis.engine.dispose()


def test_messages_are_written_to_a_folder(app: Flask, log_in: LogIn) -> None:
    """Without a mail server a person can look at them; their link leads to the page that accepts."""
    ask(log_in(ANA), HILDA)

    assert "delivered=1" in run(app, "deliver")
    (page,) = (Path(app.config["MAIL_FOLDER"]) / "pages").glob("*.html")
    (link,) = set(re.findall(r'href="(http://127.0.0.1:8000/[^"]*)"', page.read_text("utf-8")))
    head = log_in(HEAD)
    head.open(link.removeprefix("http://127.0.0.1:8000"))
    assert "You have accepted the request." in head.press("Accept").words
    assert "delivered=0" not in run(app, "deliver")


def test_messages_go_to_a_mail_server(app: Flask, log_in: LogIn) -> None:
    """The settings name it, and the request and the answer arrive."""
    mailbox = Mailbox()
    with serving(mailbox) as port:
        app.config["SMTP"] = {"host": "127.0.0.1", "port": port, "security": "none"}
        ask(log_in(ANA), HILDA)
        run(app, "deliver")
        accept(log_in(HEAD), HILDA)
        run(app, "deliver")

    assert [f"head@{HILDA}.example", f"{ANA}@group.example"] == [mail.recipient for mail in mailbox.kept]


def test_old_messages_are_erased(app: Flask, log_in: LogIn) -> None:
    """Only what was sent long enough ago."""
    ask(log_in(ANA), HILDA)
    run(app, "deliver")

    assert "0 messages were erased." in run(app, "purge")
    assert "1 messages were erased." in run(app, "purge", "--days", "0")
