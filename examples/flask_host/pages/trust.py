"""What a group's staff see: their schools, one school with its history, and what the register says."""

from __future__ import annotations

from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from datashare import AccessLevel, Capability, Column, DataSharing, Party, Phase, Policy, Tab
from datashare.codec import decode_plan, encode
from datashare.domain.browsing import Facet
from datashare.domain.timeline_text import describe
from datashare.errors import InvalidInput, InvalidValue, NotPermitted, Refused
from datashare.service.reconcile import PlanApplication
from datashare.service.view import FilterChoices
from datashare.web import http_status
from examples.flask_host.tables import Pupil

from .common import ask_to_log_in, choices, group, me, mis, mistakes, new_command_id, side, user, whole

pages = Blueprint("trust", __name__)
pages.before_request(ask_to_log_in)

PAGE_SIZE = 25
FACETS = (Facet.PHASE, Facet.LOCAL_AUTHORITY, Facet.CLUSTER, Facet.ESTABLISHMENT_TYPE, Facet.LEVEL)
COLUMNS = (Column.NAME, Column.PHASE, Column.TOWN, Column.LOCAL_AUTHORITY, Column.STATE, Column.LEVEL)


def filters(values: MultiDict[str, str]) -> FilterChoices:
    """Read what the schools are filtered by, as the address of the page says it."""
    return FilterChoices(
        search=values.get("search", ""),
        phase=choices(Phase, values.getlist("phase"), "phase"),
        local_authority=values.getlist("local_authority"),
        cluster=values.getlist("cluster"),
        establishment_type=values.getlist("establishment_type"),
        level=choices(AccessLevel, values.getlist("level"), "level"),
        tab=choices(Tab, values.getlist("tab"), "tab"),
    )


def link(**changes: str | None) -> str:
    """Return the address of the same page with some values changed, or left out where they are `None`."""
    values = MultiDict(request.args)
    for name, value in changes.items():
        values.setlist(name, [] if value is None else [value])
    return f"?{urlencode(list(values.items(multi=True)))}"


@pages.get("/schools")
def schools() -> ResponseReturnValue:
    """Show the table of schools, or one of its tabs: searched, filtered, sorted, and a page at a time."""
    trust, wanted, of_any_tab = side(), filters(request.args), filters(request.args)
    of_any_tab["tab"] = []
    (sort,) = choices(Column, [request.args.get("sort", Column.NAME.value)], "sort")
    number, descending = max(whole(request.args.get("page", "1"), "page"), 1), "descending" in request.args
    offset = (number - 1) * PAGE_SIZE
    table = trust.table()
    offers = table.facets(**wanted)
    return render_template(
        "schools.html",
        page=table.browse(sort=sort, descending=descending, offset=offset, limit=PAGE_SIZE, **wanted),
        number=number,
        size=PAGE_SIZE,
        facets={facet: offers[facet] for facet in FACETS if any(offer.count for offer in offers[facet])},
        tabs=dict.fromkeys(Tab, 0) | {offer.value: offer.count for offer in offers[Facet.TAB]},
        of_all_tabs=table.browse(limit=0, **of_any_tab).total,
        wanted=wanted,
        columns=COLUMNS,
        sort=sort,
        link=link,
        hidden=len(trust.no_longer_visible()),
    )


@pages.get("/schools/<int(fixed_digits=6):urn>")
def school(urn: int) -> ResponseReturnValue:
    """Show one school: what the register says, how the agreement stands, and what has happened."""
    trust = side()
    visibility, agreement = trust.why(urn), trust.agreement(urn)
    row = trust.details(urn) if visibility.visible or not agreement.version else None  # raises where it has no page
    events = trust.history(urn)
    names = trust.names(events)
    return render_template(
        "school.html",
        urn=urn,
        row=row,
        visibility=visibility,
        agreement=agreement,
        names=names,
        history=[describe(event, names) for event in events],
        people=trust.recipients([urn])[0],
        access=mis().sharing.explain(group(), urn, Capability.VIEW_MIS_DATA),
        log_in=mis().sharing.explain_log_in(me(), urn),
    )


@pages.get("/why")
def why() -> ResponseReturnValue:
    """Say why a school is missing, or that it is not."""
    visibility = side().why(whole(request.args.get("urn", "").strip(), "urn"))
    return render_template("why.html", visibility=visibility)


@pages.get("/hidden")
def hidden() -> ResponseReturnValue:
    """List the agreements with schools that the group no longer sees."""
    return render_template("hidden.html", agreements=side().no_longer_visible())


@pages.get("/coverage")
def coverage() -> ResponseReturnValue:
    """Show how far the group has come."""
    return render_template("coverage.html", coverage=side().coverage())


@pages.get("/schools/<int(fixed_digits=6):urn>/pupils")
def pupils(urn: int) -> ResponseReturnValue:
    """List a school's pupils, if the school shares its live data at this moment; otherwise say why not."""
    answer = mis().sharing.explain(group(), urn, Capability.VIEW_MIS_DATA)
    if not answer.allowed:
        return render_template("not_shared.html", answer=answer, urn=urn), 403
    with Session(mis().engine) as database:
        rows = database.scalars(sa.select(Pupil).where(Pupil.urn == urn).order_by(Pupil.year, Pupil.name)).all()
    return render_template("pupils.html", pupils=rows, answer=answer, urn=urn)


@pages.get("/schools/<int(fixed_digits=6):urn>/mis")
def log_in_to_school(urn: int) -> ResponseReturnValue:
    """Stand for the login to a school's own MIS, which its own agreement and the user's own right allow."""
    answer = mis().sharing.explain_log_in(me(), urn)
    template, status = ("school_mis.html", 200) if answer.allowed else ("not_shared.html", 403)
    return render_template(template, answer=answer, urn=urn), status


@pages.get("/register")
def register() -> ResponseReturnValue:
    """Show what the register in place means for the agreements, for a person to confirm."""
    plan = side().reconcile()
    return render_template("register.html", plan=plan, kept=encode(plan), command_id=new_command_id(), errors=[])


@pages.post("/register")
def apply_plan() -> ResponseReturnValue:
    """Apply the plan that was shown; the library checks it again, whatever the form brings."""
    kept, command_id = request.form.get("plan", ""), request.form.get("command_id", "")
    try:
        plan = decode_plan(kept)
    except InvalidValue as error:
        raise InvalidInput("plan", kept, "the plan that the page showed") from error

    def work(sharing: DataSharing) -> PlanApplication:
        confirmed = "confirmed" in request.form
        return side(sharing).apply(plan, command_id=command_id, confirmed=confirmed)

    try:
        application = mis().act(user(), "register", work)
    except NotPermitted:
        raise
    except Refused as error:
        page = {"plan": plan, "kept": kept, "command_id": command_id, "errors": mistakes(error)}
        return render_template("register.html", **page), http_status(error)
    return render_template("register_done.html", application=application, plan=plan)


@pages.app_context_processor
def words() -> dict[str, object]:
    """Let templates name a level as the user's group does, and know whether it may end agreements as it wishes."""
    site = g.user.site if g.get("user") else None
    if site is None or isinstance(site, int):
        return {}
    policy = Policy.for_kind(site.kind)
    return {"label": policy.label, "may_end": Party.GROUP in policy.enders}
