"""Takes the pictures of the pages of the example host on Flask: ``make pictures``.

They are files of this repository, so that its READMEs show them too. Beside them is what each page says, and a test
fails where a page says something else by now.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pendulum
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

import examples.flask_host
from datashare import AccessLevel, BusinessRole, DataSharing, PersonId, WithRoles
from datashare.adapters.sql import SqlAgreementStore
from datashare.testing import FrozenClock
from docs._ext.browser import DESKTOP, PHONE, Browser
from examples.flask_host.app import create_app
from examples.flask_host.sample import TRUST, load_sample
from examples.flask_host.sharing import Mis, People
from examples.flask_host.tables import User

FOLDER = Path(__file__).parent / "pictures"
HEIGHTS = {DESKTOP: 760, PHONE: 844}
STYLES = Path(examples.flask_host.__file__).parent / "static" / "host.css"

ANA = PersonId(TRUST, "1")
ANGLESEY, ASHINGDON, AYLWARD, BARTON_HILL = 138982, 137378, 136147, 138369
CHOSEN = BEACON, BEXLEYHEATH, BROADLANDS = 139005, 137138, 138985
WITHOUT_SITE = 138973


@attrs.frozen(kw_only=True)
class Shot:
    """A page to take pictures of.

    Attributes:
        name: The name of its files.
        path: Its address.
        school: The school whose head teacher looks at it; without one, Ana of the trust does.
        ticked: The values that are ticked on it.
        form: What is sent to it, if it answers a form.
    """

    name: str
    path: str
    school: int | None = None
    ticked: Sequence[object] = ()
    form: Mapping[str, object] = attrs.field(factory=dict)


SHOTS = (
    Shot(name="schools", path="/schools?tab=no_agreement", ticked=CHOSEN),
    Shot(name="ask", path="/actions/ask?" + "&".join(f"urn={urn}" for urn in CHOSEN), ticked=["mis_data", "heads"]),
    Shot(
        name="preview",
        path="/actions/ask",
        form={
            "urn": [*CHOSEN, ASHINGDON, WITHOUT_SITE],
            "level": "mis_data",
            "to": "heads",
            "sender": ANA.id,
            "command_id": "preview",
            "step": "preview",
        },
    ),
    Shot(name="pending", path="/schools?tab=pending"),
    Shot(name="school", path=f"/schools/{AYLWARD}"),
    Shot(name="data-sharing", path=f"/data-sharing/{AYLWARD}", school=AYLWARD),
    Shot(name="not-shared", path=f"/schools/{BEACON}/pupils"),
)


def host(folder: Path) -> Flask:
    """Build the host over the sample, on a day of its own, with some agreements."""
    app = create_app({"DATABASE": str(folder / "mis.sqlite3")})
    mis: Mis = app.extensions["mis"]
    load_sample(mis)
    clock = FrozenClock(pendulum.datetime(2026, 5, 4, 8, 30, tz="UTC"))
    people = People(mis.engine, app.config["ADDRESS"])
    sharing = DataSharing(store=SqlAgreementStore(mis.engine), institutions=mis.register, people=people, clock=clock)
    app.extensions["mis"] = attrs.evolve(mis, sharing=sharing)

    trust, heads = sharing.for_group(TRUST, actor=ANA), WithRoles([BusinessRole.HEAD_TEACHER])
    urns = [ANGLESEY, ASHINGDON, AYLWARD, BARTON_HILL]
    asked = trust.request(urns, level=AccessLevel.MIS_DATA, recipients=heads, command_id="spring").requests
    requests = {request.urn: request for request in asked}
    sides = {urn: sharing.for_school(urn, actor=PersonId(urn, str(head_of(mis, urn)))) for urn in urns}
    clock.move_on(timedelta(days=2))
    sides[ASHINGDON].approve(requests[ASHINGDON])
    sides[AYLWARD].approve(requests[AYLWARD])
    sides[BARTON_HILL].decline(requests[BARTON_HILL], reason="The governors meet in June.")
    clock.move_on(timedelta(days=5))
    trust.remind([requests[ANGLESEY]], command_id="reminder")
    more = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
    trust.request([AYLWARD], level=more, recipients=heads, command_id="more")
    return app


def head_of(mis: Mis, urn: int) -> int:
    """Find a school's head teacher."""
    with Session(mis.engine) as session:
        users = session.scalars(sa.select(User).where(User.urn == urn)).all()
    return next(user.id for user in users if user.jobs[0].code == "HT")


def page(app: Flask, shot: Shot) -> str:
    """Return the HTML of a page, with its style sheet in it."""
    client, token = app.test_client(), "of this session"
    with client.session_transaction() as session:
        session["user"] = int(ANA.id) if shot.school is None else head_of(app.extensions["mis"], shot.school)
        session["token"] = token
    answer = client.post(shot.path, data={**shot.form, "token": token}) if shot.form else client.get(shot.path)
    text = answer.get_data(as_text=True)
    for value in shot.ticked:
        text = text.replace(f'value="{value}"', f'value="{value}" checked')
    return re.sub('<link rel="stylesheet"[^>]*>', f"<style>{STYLES.read_text('utf-8')}</style>", text)


def words(text: str) -> str:
    """Return what a person reads on a page, a line for each part."""
    main = re.sub("(?s).*<main[^>]*>|</main>.*", "", text)
    parts = re.sub(r"<(?!/?(?:a|span|strong)\b)[^>]*>", "\0", main).split("\0")
    lines = (" ".join(html.unescape(re.sub("<[^>]*>", "", part)).split()) for part in parts)
    return "".join(f"{line}\n" for line in lines if line)


def take(folder: Path) -> None:
    """Take all pictures, and write them and the words of the pages to a folder."""
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory() as database, Browser.running(scripts=False) as browser:
        app = host(Path(database))
        for shot in SHOTS:
            text = page(app, shot)
            (folder / f"{shot.name}.txt").write_text(words(text), encoding="utf-8")
            for screen, height in HEIGHTS.items():
                browser.show(text, screen)
                picture = browser.picture(screen, height=height, form="webp")
                (folder / f"{shot.name}-{screen.name}.webp").write_bytes(picture)
        app.extensions["mis"].engine.dispose()


if __name__ == "__main__":
    take(FOLDER)
