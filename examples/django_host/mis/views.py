"""The pages: a school's Data Sharing page, a trust's list of schools, and a page with a school's data."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from datashare import Capability, Outcomes, RequestId, Tab
from datashare.adapters.django.transactions import data_sharing
from datashare.domain.timeline_text import describe
from datashare.errors import InvalidInput
from datashare.service import GroupSide

from . import actions
from .forms import AskForm, DeclineForm, GroupForm, RemindForm
from .models import Activity, Employee, School, Trust


def employee_of(request: HttpRequest) -> Employee:
    """Return who is logged in."""
    employee = Employee.objects.filter(user=request.user.pk).select_related("trust").first()
    if employee is None:
        raise PermissionDenied("Your login belongs to nobody at a school or a trust. Ask whoever runs the MIS.")
    return employee


def trust_of(employee: Employee) -> tuple[Trust, GroupSide]:
    """Return the trust that somebody works at, and its side of the agreements."""
    if employee.trust is None:
        raise PermissionDenied("This page is for people of a trust.")
    return employee.trust, data_sharing().for_group(employee.trust.group, actor=employee.person_id)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Go on to the page of the site where somebody works."""
    if isinstance(request.user, User) and request.user.is_superuser:
        return redirect("admin:index")
    employee = employee_of(request)
    return redirect("trust") if employee.trust_id else redirect("school", employee.school_id)


# The school


@require_GET
def school(request: HttpRequest, urn: int) -> HttpResponse:
    """Show the school's Data Sharing page."""
    return _school(request, urn)


def _school(request: HttpRequest, urn: int, form: DeclineForm | None = None) -> HttpResponse:
    side = data_sharing().for_school(urn, actor=employee_of(request).person_id)
    entries = side.page()
    names = side.names(event for entry in entries for event in entry.history)
    shown = []
    for number, entry in enumerate(entries):
        asked = str(entry.agreement.request.id) if entry.agreement.request else ""
        was_sent = form is not None and form["request"].value() == asked
        own_form = form if was_sent else DeclineForm(initial={"request": asked}, auto_id=f"{number}-%s")
        history = [describe(event, names) for event in entry.history]
        shown.append({"entry": entry, "asked": asked, "history": history, "form": own_form})
    context = {"urn": urn, "name": names.schools.get(urn, ""), "shown": shown, "form": form}
    return render(request, "mis/school.html", context, status=422 if form else 200)


@require_POST
def accept(request: HttpRequest, urn: int) -> HttpResponse:
    """Accept a request, on the terms that the page showed."""
    side = data_sharing().for_school(urn, actor=employee_of(request).person_id)
    asked = RequestId.parse(request.POST.get("request", ""))
    side.approve(asked, terms_version=request.POST.get("terms_version"))
    messages.success(request, "You have accepted the request.")
    return redirect("school", urn)


@require_POST
def decline(request: HttpRequest, urn: int) -> HttpResponse:
    """Decline a request, with a reason."""
    side = data_sharing().for_school(urn, actor=employee_of(request).person_id)
    form = DeclineForm(request.POST)
    if form.is_valid():
        try:
            side.decline(RequestId.parse(form.cleaned_data["request"]), reason=form.cleaned_data["reason"])
        except InvalidInput as error:
            form.add_invalid(error)
        else:
            messages.success(request, "You have declined the request.")
            return redirect("school", urn)
    return _school(request, urn, form)


# The trust


@require_GET
def trust(request: HttpRequest) -> HttpResponse:
    """List the trust's schools under one tab, with the form that fits it."""
    _, side = trust_of(employee_of(request))
    try:
        tab = Tab(request.GET.get("tab", Tab.NO_AGREEMENT.value))
    except ValueError:
        tab = Tab.NO_AGREEMENT
    return _trust(request, side, tab)


def _trust(request: HttpRequest, side: GroupSide, tab: Tab, form: GroupForm | None = None) -> HttpResponse:
    table = side.table()
    rows = table.browse(tab=[tab]).items
    levels = side.requestable_levels()
    empty = RemindForm(rows=rows) if tab is Tab.PENDING else AskForm(rows=rows, levels=levels)
    tabs = [(each, len(table.browse(tab=[each]).items)) for each in Tab]
    context = {"tabs": tabs, "tab": tab, "rows": rows, "labels": dict(levels), "form": form or empty}
    return render(request, "mis/trust.html", context, status=422 if form else 200)


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Show what asking schools would do; with the button of that page, ask them."""
    employee = employee_of(request)
    trust, side = trust_of(employee)
    form = AskForm(request.POST, rows=side.table().rows, levels=side.requestable_levels())
    if form.is_valid():
        urns, choice = form.cleaned_data.pop("urns"), form.cleaned_data
        try:
            if "confirmed" in request.POST:
                return _done(request, "asked", actions.ask(employee, trust, urns, **choice))
            outcomes = side.preview.request(urns, terms=actions.terms_of(trust), **choice)
            return render(request, "mis/preview.html", {"form": form, "outcomes": outcomes})
        except InvalidInput as error:
            form.add_invalid(error)
    return _trust(request, side, Tab.NO_AGREEMENT, form)


@require_POST
def remind(request: HttpRequest) -> HttpResponse:
    """Remind schools of open requests."""
    employee = employee_of(request)
    trust, side = trust_of(employee)
    form = RemindForm(request.POST, rows=side.agreements(Tab.PENDING))
    if form.is_valid():
        try:
            return _done(request, "reminded", actions.remind(employee, trust, **form.cleaned_data))
        except InvalidInput as error:
            form.add_invalid(error)
    return _trust(request, side, Tab.PENDING, form)


def _done(request: HttpRequest, what: str, outcomes: Outcomes) -> HttpResponse:
    """Say what became of each school, on the page of what is pending."""
    if outcomes.done:
        messages.success(request, f"You have {what} {', '.join(done.name for done in outcomes.done)}.")
    for refused in outcomes.not_done:
        messages.warning(request, f"{refused.name} was not {what}. {refused}")
    return redirect(reverse("trust", query={"tab": Tab.PENDING.value}))


@require_GET
def live_data(request: HttpRequest, urn: int) -> HttpResponse:
    """Show a school's data, if the school shares it at this moment; and note who looked."""
    employee = employee_of(request)
    trust, _ = trust_of(employee)
    answer = data_sharing().explain(trust.group, urn, Capability.VIEW_MIS_DATA)
    if not answer.allowed:
        return render(request, "mis/error.html", {"words": str(answer)}, status=403)
    school = get_object_or_404(School, urn=urn)
    Activity.objects.create(employee=employee, what=f"Looked at the data of {urn}")
    return render(request, "mis/live_data.html", {"school": school, "answer": answer})
