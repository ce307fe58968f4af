"""What a group's staff do for many schools at once: a form, then a preview of exactly what it would do, then the deed.

All steps carry the command id that was drawn when the form was opened. So a deed that is sent twice, by a double click
or a reload, is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import sqlalchemy as sa
from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from datashare import (
    ALL,
    AccessLevel,
    BusinessRole,
    EndCause,
    NotPermitted,
    Outcomes,
    Party,
    Person,
    PersonId,
    Policy,
    Refused,
    RequestId,
    SystemClock,
    Terms,
    WithRoles,
)
from datashare.domain.eligibility import sender_eligibility
from datashare.domain.instants import london_day
from datashare.errors import InvalidInput
from datashare.service.actions import Chosen, GroupActions
from datashare.web import http_status
from examples.flask_host.sharing import to_person
from examples.flask_host.tables import User

from .common import ask_to_log_in, choices, group, me, mis, mistakes, new_command_id, side, user, whole
from .trust import filters

pages = Blueprint("actions", __name__, url_prefix="/actions")
pages.before_request(ask_to_log_in)

Form = MultiDict[str, str]
MOST_NAMED = 30
"""For more schools at once, people cannot be chosen one by one."""


@attrs.frozen
class Action:
    """Something that can be done for many schools.

    Attributes:
        title: What it does, as a heading and on the button.
        carry_out: Does it, or previews it, as a form says.
        needs: What must be filled in, with what to say where it is not.
        by_request: Whether the form names requests, so that a stale page does nothing to later ones.
    """

    title: str
    carry_out: Callable[[GroupActions[Outcomes], Form], Outcomes]
    needs: Mapping[str, str] = attrs.field(factory=dict)
    by_request: bool = True


def urns(form: Form) -> list[int]:
    """Read the schools that a form names."""
    return [whole(text, "urn") for text in form.getlist("urn")]


def requests(form: Form) -> list[RequestId]:
    """Read the requests that a form names."""
    return [RequestId.parse(text) for text in form.getlist("request")]


def recipients(form: Form) -> Chosen:
    """Read whom a request is sent to."""
    match form.get("to"):
        case "heads":
            return WithRoles([BusinessRole.HEAD_TEACHER])
        case "all":
            return ALL
        case "named":
            people = [PersonId.parse(text) for text in form.getlist("person")]
            named = set(urns(form)) | {request.urn for request in requests(form)}
            return {urn: [person for person in people if person.site == urn] for urn in named}
        case other:
            raise InvalidInput("to", other, "one of the choices")


def terms() -> Terms | None:
    """Return the terms that go with this group's requests, if it needs any."""
    return Terms(**current_app.config["TERMS"]) if Policy.for_kind(group().kind).terms_required else None


def ask(actions: GroupActions[Outcomes], form: Form) -> Outcomes:
    """Ask schools for a level: the first time, or for more."""
    (level,) = choices(AccessLevel, [form.get("level", "")], "level")
    sender = PersonId(group(), form.get("sender", ""))
    return actions.request(
        urns(form),
        level=level,
        sender=sender,
        recipients=recipients(form),
        terms=terms(),
        command_id=form.get("command_id", ""),
    )


def add(actions: GroupActions[Outcomes], form: Form) -> Outcomes:
    """Send open requests to more people."""
    return actions.add_recipients(requests(form), recipients=recipients(form), command_id=form.get("command_id", ""))


def remind(actions: GroupActions[Outcomes], form: Form) -> Outcomes:
    """Remind the recipients of open requests."""
    return actions.remind(requests(form), command_id=form.get("command_id", ""))


def withdraw(actions: GroupActions[Outcomes], form: Form) -> Outcomes:
    """Take open requests back."""
    return actions.withdraw(requests(form), reason=form.get("reason", ""), command_id=form.get("command_id", ""))


def end(actions: GroupActions[Outcomes], form: Form) -> Outcomes:
    """End agreements."""
    (cause,) = choices(EndCause, [form.get("cause", "")], "cause")
    return actions.end(urns(form), cause=cause, note=form.get("note", ""), command_id=form.get("command_id", ""))


LEVEL = {"level": "Choose the level that you ask for."}
TO = {"to": "Choose whom to send it to."}
ACTIONS = {
    "ask": Action("Ask for data", ask, LEVEL | TO, by_request=False),
    "add": Action("Send to more people", add, TO),
    "remind": Action("Send reminders", remind),
    "withdraw": Action("Withdraw requests", withdraw),
    "end": Action("End agreements", end, {"note": "Write why it ends."}, by_request=False),
}


def senders() -> list[Person]:
    """List whom a request of the group can be from: the user first, if they can."""
    policy, today = Policy.for_kind(group().kind), london_day(SystemClock().now())
    with Session(mis().engine) as database:
        rows = database.scalars(sa.select(User).where(User.group_id == str(group())).order_by(User.name))
        people = list(map(to_person, rows))
    fit = [
        person
        for person in people
        if sender_eligibility(person.id, person, group=group(), policy=policy, day=today).eligible
    ]
    return sorted(fit, key=lambda person: person.id != me())


def causes() -> list[EndCause]:
    """List the causes for an end that this group's staff can name."""
    mine = (
        {EndCause.BY_SCHOOL}
        if Party.GROUP in Policy.for_kind(group().kind).enders
        else {EndCause.BY_SCHOOL, EndCause.BY_GROUP}
    )
    return [cause for cause in EndCause if cause not in mine]


def action_named(name: str) -> Action:
    """Find an action by its name in the address."""
    return ACTIONS.get(name) or abort(404, "There is no such action.")


@pages.get("/<name>")
def start(name: str) -> ResponseReturnValue:
    """Show the form of an action for the chosen schools, or for all that a filtered table shows."""
    action, form = action_named(name), Form()
    if "everything" in request.args:
        rows = side().table().browse(**filters(request.args)).items
        asked = [row.agreement.request.id for row in rows if row.agreement.request]
        form.setlist("request", list(map(str, asked)) if action.by_request else [])
        form.setlist("urn", [] if action.by_request else [str(row.urn) for row in rows])
    else:
        form.setlist("request", request.args.getlist("request"))
        form.setlist("urn", request.args.getlist("urn"))
    form["command_id"] = new_command_id()
    return show_form(name, form)


@pages.post("/<name>")
def submit(name: str) -> ResponseReturnValue:
    """Preview what the form would do, or do it; with anything to put right, show the form again."""
    action, form = action_named(name), MultiDict(request.form)
    step = form.get("step")
    if step not in {"preview", "confirm"}:
        return show_form(name, form)
    missing = [(field, sentence) for field, sentence in action.needs.items() if not form.get(field, "").strip()]
    if form.get("to") == "named" and not form.getlist("person"):
        missing.append(("to", "Choose people, or another way to send it."))
    if missing:
        return show_form(name, form, errors=missing, status=422)
    try:
        if step == "preview":
            outcomes = action.carry_out(side().preview, form)
        else:
            outcomes = mis().act(user(), name, lambda sharing: action.carry_out(side(sharing), form))
    except NotPermitted:
        raise
    except (InvalidInput, Refused) as error:
        form["command_id"] = new_command_id()  # what was sent under the old one stays done once
        return show_form(name, form, errors=mistakes(error), status=http_status(error))
    return render_template("preview.html", name=name, action=action, form=form, outcomes=outcomes, step=step)


def show_form(
    name: str, form: Form, *, errors: list[tuple[str, str]] | None = None, status: int = 200
) -> ResponseReturnValue:
    """Show the form of an action, which slides over the table on a wide screen."""
    schools = side().recipients(urns(form) or [request_id.urn for request_id in requests(form)])
    return render_template(
        "action.html",
        name=name,
        action=ACTIONS[name],
        form=form,
        schools=schools,
        levels=side().requestable_levels(),
        senders=senders(),
        causes=causes(),
        terms=terms(),
        most_named=MOST_NAMED,
        errors=errors or [],
    ), status if schools else 422
