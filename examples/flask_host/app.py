"""The application: its settings, who is logged in, protection against forged forms, and a page for each error."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, Response, abort, current_app, g, render_template, request, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from datashare import DatashareError
from datashare.adapters.sql import sqlite_engine
from datashare.domain.instants import Instant, day_words, instant_words, london_day
from datashare.errors import InvalidInput, Refused
from datashare.web import http_status

from .jobs import jobs
from .pages import actions, home, school, trust
from .sharing import Mis
from .tables import User

SETTINGS: Mapping[str, Any] = {
    "DATABASE": "mis.sqlite3",
    "ADDRESS": "http://127.0.0.1:8000",
    "MAIL_FROM": "no-reply@mis.example",
    "MAIL_FOLDER": "messages",
    "SMTP": {},
    "TERMS": {"reference": "https://council.example/data-sharing/addendum.pdf", "version": "2026-1"},
    "MAX_CONTENT_LENGTH": 1_000_000,
    "SESSION_COOKIE_SAMESITE": "Lax",
}
"""What an environment variable such as ``MIS_DATABASE`` or ``MIS_SMTP__host`` changes."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",  # pages name people
}


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Build the application; *settings* win over the environment's, and these over `SETTINGS`."""
    app = Flask(__name__)
    app.config.update(SETTINGS, SECRET_KEY=secrets.token_hex())
    app.config.from_prefixed_env("MIS")
    app.config.update(settings or {})
    # A cookie that needs https would never come back over http, which only this machine itself may use.
    app.config["SESSION_COOKIE_SECURE"] = app.config["ADDRESS"].startswith("https:")
    database = app.config["DATABASE"]
    engine = sa.create_engine(database) if "://" in str(database) else sqlite_engine(database)
    app.extensions["mis"] = Mis.over(engine, address=app.config["ADDRESS"])

    for blueprint in (jobs, home.pages, trust.pages, actions.pages, school.pages):
        app.register_blueprint(blueprint)
    app.before_request(know_user)
    app.before_request(refuse_forged_forms)
    app.after_request(add_headers)
    app.register_error_handler(DatashareError, explain)
    app.register_error_handler(HTTPException, explain_http)
    app.jinja_env.filters.update(day=day_words, date=date_words, instant=instant_words, value=value_of, listed=listed)
    app.jinja_env.globals.update(csrf_token=csrf_token)
    return app


def date_words(instant: Instant) -> str:
    """Return the day of an instant in London, in words."""
    return day_words(london_day(instant))


def listed(texts: Iterable[object]) -> str:
    """Write texts as the end of a sentence: with commas, and with "and" before the last."""
    *first, last = map(str, texts)
    return f"{', '.join(first)} and {last}" if first else last


def value_of(choice: object) -> object:
    """Return the text that stands for a choice in a form."""
    return choice.value if isinstance(choice, enum.Enum) else choice


def know_user() -> None:
    """Read who is logged in, if anybody is."""
    g.user = None
    if "user" in session:
        with Session(cast("Mis", current_app.extensions["mis"]).engine) as database:
            g.user = database.get(User, session["user"])


def csrf_token() -> str:
    """Return the token that every form of this session carries."""
    return cast("str", session.setdefault("token", secrets.token_urlsafe()))


def refuse_forged_forms() -> None:
    """Refuse a form that did not come from a page of this session."""
    if request.method == "POST" and not secrets.compare_digest(
        csrf_token().encode(), request.form.get("token", "").encode(errors="replace")
    ):
        abort(400, "This form is not one of this session. Log in, open the page again, and repeat what you did.")


def add_headers(response: Response) -> Response:
    """Let a page load nothing from elsewhere, and nobody keep or frame it."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def explain(error: DatashareError) -> ResponseReturnValue:
    """Show what the library refuses or could not do, with the status that fits."""
    status = http_status(error)
    if status >= 500:
        current_app.logger.error("A page failed.", exc_info=error)
        busy = "The database is busy. Nothing was saved. Try again in a moment."
        return page_of_error(status, [busy if status == 503 else "Something is wrong here. Nothing was saved."])
    if isinstance(error, Refused):
        return page_of_error(status, [str(reason) for reason in error.reasons])
    return page_of_error(status, [error.sentence if isinstance(error, InvalidInput) else str(error)])


def explain_http(error: HTTPException) -> ResponseReturnValue:
    """Show an error of the web in the same way."""
    if error.response is not None:
        return error.response
    return page_of_error(error.code or 500, [error.description or ""])


TITLES = {
    400: "The form cannot be read",
    403: "You may not do this",
    404: "Not found",
    409: "This has changed",
    422: "Please check what you entered",
    429: "It is too soon",
    503: "Please try again",
}


def page_of_error(status: int, sentences: list[str]) -> ResponseReturnValue:
    """Show sentences under a heading that fits the status."""
    title = TITLES.get(status, "This did not work")
    return render_template("error.html", title=title, sentences=sentences), status
