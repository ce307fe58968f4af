"""What all pages share: this host, who asks, and how the values of a form are read."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Iterable
from typing import TypeVar, cast

from flask import abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from datashare import DataSharing, GroupId, GroupSide, PersonId, RefusalCode
from datashare.errors import InvalidInput, Refused
from examples.flask_host.sharing import Mis
from examples.flask_host.tables import User

_Choice = TypeVar("_Choice", bound=enum.Enum)


def mis() -> Mis:
    """Return this host."""
    return cast("Mis", current_app.extensions["mis"])


def user() -> User:
    """Return who is logged in."""
    return cast("User", g.user)


def me() -> PersonId:
    """Return who is logged in, as the library names them."""
    return PersonId(user().site, str(user().id))


def group() -> GroupId:
    """Return the group that the user works for."""
    site = user().site
    if isinstance(site, int):
        abort(403, "This page is for the staff of trusts and local authorities. You work at a school.")
    return site


def side(sharing: DataSharing | None = None) -> GroupSide:
    """Act and read for the user's group."""
    return (sharing or mis().sharing).for_group(group(), actor=me())


def ask_to_log_in() -> ResponseReturnValue | None:
    """Lead somebody who is not logged in to the page where one can, and back afterwards."""
    if g.user is not None:
        return None
    session["wanted"] = request.full_path if request.method == "GET" else "/"
    return redirect(url_for("home.start", urn=(request.view_args or {}).get("urn")))


def new_command_id() -> str:
    """Draw the id under which a form is sent, as often as it may be."""
    return uuid.uuid4().hex


def whole(text: str, field: str) -> int:
    """Read a whole number of at most seven digits.

    Raises:
        InvalidInput: It is something else.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise InvalidInput(field, text, "a whole number of at most seven digits")
    return int(text)


def choices(kind: type[_Choice], texts: Iterable[str], field: str) -> list[_Choice]:
    """Read members of an enumeration, each by its value.

    Raises:
        InvalidInput: A text is none of the choices.
    """
    by_text = {str(choice.value): choice for choice in kind}
    chosen = [by_text.get(text) for text in texts]
    if None in chosen:
        raise InvalidInput(field, texts, "one of the choices")
    return [choice for choice in chosen if choice is not None]


_FIELDS = {
    RefusalCode.SENDER_NOT_ELIGIBLE: "sender",
    RefusalCode.LEVEL_NOT_REQUESTABLE: "level",
    RefusalCode.CONFIRMATION_NEEDED: "confirmed",
}
_SENT_ALREADY = "You have sent this form already, with other choices. If you want both, check it and send it again."


def mistakes(error: InvalidInput | Refused) -> list[tuple[str, str]]:
    """List what a form must put right: the field and the sentence, for the summary and beside the field."""
    if isinstance(error, InvalidInput):
        return [("to" if error.field == "recipients" else error.field, error.sentence)]
    return [
        (
            _FIELDS.get(reason.code, "form"),
            _SENT_ALREADY if reason.code is RefusalCode.COMMAND_ID_REUSED else str(reason),
        )
        for reason in error.reasons
    ]
