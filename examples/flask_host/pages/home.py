"""The page where a user is chosen, which stands for the login of a real system."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from datashare import GroupId
from examples.flask_host.tables import User

from .common import mis, whole

pages = Blueprint("home", __name__)

SHOWN = 12
TITLES = {
    "EXHT": "Executive head teacher",
    "HT": "Head teacher",
    "DHT": "Deputy head teacher",
    "DM": "Data manager",
    "LEAD": "Data lead",
    "CEO": "Chief executive",
    "FIN": "Finance officer",
}


def titles(user: User) -> str:
    """Return what a user does, in words."""
    return ", ".join(TITLES.get(job.code, job.code) for job in user.jobs)


@pages.get("/")
def start() -> ResponseReturnValue:
    """Offer the users to choose from; or lead who is logged in to their own pages."""
    if g.user is not None:
        return redirect(url_for("trust.schools") if g.user.urn is None else url_for("school.page", urn=g.user.urn))
    wanted = request.args.get("urn", "")
    with Session(mis().engine) as database:
        staff = list(database.scalars(sa.select(User).where(User.urn.is_(None)).order_by(User.id)))
        of_schools = sa.select(User).where(User.urn.is_not(None)).order_by(User.urn, User.id).limit(SHOWN)
        if wanted:
            of_schools = of_schools.where(User.urn == whole(wanted, "urn"))
        heads = list(database.scalars(of_schools))
    register = mis().register
    groups = {user.group_id: register.group(GroupId.parse(user.group_id)) for user in staff}
    schools = register.institutions({user.urn for user in heads if user.urn})
    return render_template(
        "start.html", staff=staff, groups=groups, heads=heads, schools=schools, wanted=wanted, titles=titles
    )


@pages.post("/login")
def log_in() -> ResponseReturnValue:
    """Begin a new session for the chosen user, so that nothing of another one is left in it."""
    with Session(mis().engine) as database:
        chosen = database.get(User, whole(request.form.get("user", ""), "user"))
    if chosen is None:
        abort(404, "There is no such user.")
    wanted = session.get("wanted", "/")
    session.clear()
    session["user"] = chosen.id
    return redirect(wanted)


@pages.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("home.start"))
