"""The school's Data Sharing page: what is asked and shared, to accept, to decline or to end, and what has happened."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from datashare import DataSharing, Done, GroupId, Party, Policy, RequestId
from datashare.domain.timeline_text import describe
from datashare.errors import InvalidInput
from datashare.service import SchoolSide
from datashare.web import http_status

from .common import ask_to_log_in, me, mis, mistakes, new_command_id, user

pages = Blueprint("school", __name__, url_prefix="/data-sharing/<int(fixed_digits=6):urn>")
pages.before_request(ask_to_log_in)


def school(urn: int, sharing: DataSharing | None = None) -> SchoolSide:
    """Act and read for a school; the library refuses whoever may not."""
    return (sharing or mis().sharing).for_school(urn, actor=me())


@pages.get("")
def page(urn: int, errors: list[tuple[str, str]] | None = None) -> str:
    """Show every group that has asked."""
    side = school(urn)
    entries = side.page()
    names = side.names([event for entry in entries for event in entry.history])
    history = {entry.group.id: [describe(event, names) for event in entry.history] for entry in entries}
    enders = {entry.group.id for entry in entries if Party.SCHOOL in Policy.for_kind(entry.group.id.kind).enders}
    institution = mis().register.institutions([urn]).get(urn)
    return render_template(
        "data_sharing.html",
        urn=urn,
        institution=institution,
        entries=entries,
        names=names,
        history=history,
        enders=enders,
        errors=errors or [],
        form=request.form,
        command_id=new_command_id(),
    )


@pages.post("/accept")
def accept(urn: int) -> ResponseReturnValue:
    """Accept the request that was shown, on the terms that were shown."""

    def work(sharing: DataSharing) -> Done:
        asked = RequestId.parse(request.form.get("request", ""))
        return school(urn, sharing).approve(asked, terms_version=request.form.get("terms_version"))

    mis().act(user(), "accept", work)
    flash("You have accepted the request. The group can see the data from now on.")
    return redirect(url_for(".page", urn=urn))


@pages.post("/decline")
def decline(urn: int) -> ResponseReturnValue:
    """Decline the request that was shown, with a reason."""

    def work(sharing: DataSharing) -> Done:
        asked = RequestId.parse(request.form.get("request", ""))
        return school(urn, sharing).decline(asked, reason=request.form.get("reason", ""))

    try:
        mis().act(user(), "decline", work)
    except InvalidInput as error:
        return page(urn, errors=mistakes(error)), http_status(error)
    flash("You have declined the request. The group is told, with your reason.")
    return redirect(url_for(".page", urn=urn))


@pages.post("/end")
def end(urn: int) -> ResponseReturnValue:
    """End the agreement with a group whose policy lets the school do so."""

    def work(sharing: DataSharing) -> Done:
        group, command_id = GroupId.parse(request.form.get("group", "")), request.form.get("command_id", "")
        return school(urn, sharing).end(group, note=request.form.get("note", ""), command_id=command_id)

    try:
        mis().act(user(), "end", work)
    except InvalidInput as error:
        return page(urn, errors=mistakes(error)), http_status(error)
    flash("You have ended the agreement. The group no longer sees the school's data.")
    return redirect(url_for(".page", urn=urn))
