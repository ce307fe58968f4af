"""The example host on Django over HTTP: from the first question to the first look, and what is refused on the way."""

from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from datashare.adapters.django.models import AgreementEvent, CommandOutcome
from datashare.errors import StoreUnavailable
from examples.django_host.mis.errors import ErrorPages
from examples.django_host.mis.models import Activity, Employee, Trust

from .visitor import PASSWORD, Visitor

HILL, STOKESLEY = 136728, 141930
SITE, DATA = f"/schools/{HILL}/data-sharing/", f"/trust/schools/{HILL}/"
ACCEPT, DECLINE = f"{SITE}accept/", f"{SITE}decline/"
ASK, REMIND = "/trust/ask/", "/trust/remind/"
REQUEST = f"mat:5622/{HILL}/1"


@pytest.fixture
def ana(host: Path) -> Visitor:
    """Log in who asks for the trust."""
    return Visitor.called("ana")


@pytest.fixture
def head(host: Path) -> Visitor:
    """Log in who answers at one school."""
    return Visitor.called(f"head{HILL}")


def ask(ana: Visitor, *urns: int, level: str = "mis_data") -> Visitor:
    """Ask schools, by the page and its preview."""
    ana.open("/trust/").submit(ASK, urns=urns, level=level)
    return ana.submit(ASK, confirmed="yes")


def events() -> list[str]:
    """Return the agreements that have a history, once for each event."""
    return list(AgreementEvent.objects.order_by("urn").values_list("group_id", flat=True))


def test_the_first_agreement_is_reached_over_http(host: Path) -> None:
    """From the login to the protected page, with nothing but links and forms."""
    ana, head = Visitor(), Visitor()
    for visitor, name in ((ana, "ana"), (head, f"head{HILL}")):
        visitor.open("/").submit("/login/", username=name, password=PASSWORD)
    before = ana.open(DATA).status
    preview = ana.open("/trust/").submit(ASK, urns=[HILL], level="mis_data")
    assert (200, []) == (preview.status, events())
    assert "Hilda Moss" in preview.page
    ana.submit(ASK, confirmed="yes")
    assert "You have asked" in ana.page
    head.open("/").submit(ACCEPT)

    assert "You have accepted the request." in head.page
    assert "accepted the request; MIS Data is in force from then on" in head.page
    assert (403, 200) == (before, ana.open(DATA).status)
    assert "Pupils present today" in ana.page
    looked = f"Looked at the data of {HILL}"
    assert [looked, "Asked for data"] == [activity.what.split(":")[0] for activity in Activity.objects.all()]


def test_the_schools_page_shows_what_is_asked_and_on_which_terms(ana: Visitor, head: Visitor) -> None:
    """The level in the trust's words, what it would add, the terms as a link, and who asked."""
    assert "Nobody has asked for data yet." in head.open(SITE).page
    ask(ana, HILL)
    page = head.open(SITE).page

    assert "MIS Data, since" in page
    assert "view live data from the MIS" in page
    assert '<a href="https://arete.example/data-sharing-terms">' in page
    assert "Ana Okafor" in page
    assert "Nothing is shared." in page


@pytest.mark.rule("K4")
def test_a_form_that_is_sent_twice_asks_once(ana: Visitor) -> None:
    """The second press is answered like the first one; the host's own row is kept once too."""
    ana.open("/trust/").submit(ASK, urns=[HILL, STOKESLEY], level="mis_data")
    preview = ana.page
    pages = []
    for _ in range(2):
        ana.page = preview
        pages.append(ana.submit(ASK, confirmed="yes").page)

    assert all("You have asked" in page for page in pages)
    assert 2 == len(events()) == Activity.objects.count()


def test_a_school_that_cannot_be_asked_is_named_with_the_reason(ana: Visitor) -> None:
    """In the preview, and after the others were asked."""
    Employee.objects.filter(school=STOKESLEY).delete()
    ana.open("/trust/").submit(ASK, urns=[HILL, STOKESLEY], level="mis_data")
    assert "Nobody chosen at the school can be asked." in ana.page
    ana.submit(ASK, confirmed="yes")

    assert "was not asked. Nobody chosen at the school can be asked." in ana.page
    assert 1 == len(events())


def test_a_level_is_raised_from_the_approved_tab(ana: Visitor, head: Visitor) -> None:
    """By another request, which the school sees with what it would add."""
    ask(ana, HILL)
    head.open(SITE).submit(ACCEPT)
    ana.open("/trust/?tab=approved").submit(ASK, urns=[HILL], level="mis_data_and_group_actions")
    ana.submit(ASK, confirmed="yes")
    head.open(SITE)
    assert "perform group actions" in head.page
    head.submit(ACCEPT)

    assert "MIS Data &amp; Trust Actions</strong>, since" in head.page


@pytest.mark.rule("N2", "N3")
def test_schools_are_reminded_of_open_requests(ana: Visitor) -> None:
    """Each chosen school is named: those that were reminded, and those where nobody can be reached any more."""
    ask(ana, HILL, STOKESLEY)
    Employee.objects.filter(school=STOKESLEY).delete()
    ana.open("/trust/?tab=pending").submit(REMIND, requests=[REQUEST, f"mat:5622/{STOKESLEY}/1"])

    assert "You have reminded" in ana.page
    assert "was not reminded. The recipients can no longer be reached." in ana.page
    assert 1 == Activity.objects.filter(what__startswith="Reminded").count()


@pytest.mark.parametrize(
    ("reason", "words"),
    [("", "This field is required."), ("x" * 10_001, "Reason must be text")],
    ids=["none", "too-long"],
)
def test_declining_needs_a_reason_beside_the_field(ana: Visitor, head: Visitor, reason: str, words: str) -> None:
    """A missing or overlong one is an error of the form, and the request stays open."""
    ask(ana, HILL)
    head.open(SITE).submit(DECLINE, reason=reason)
    assert 422 == head.status
    assert words in head.page
    head.submit(DECLINE, reason="We change our MIS in September.")

    assert "You have declined the request." in head.page
    assert "with the words “We change our MIS in September.”" in head.page


ALL_PAGES = ["/", SITE, "/trust/", DATA, "/admin/"]


@pytest.mark.parametrize("address", [*ALL_PAGES, ACCEPT, DECLINE, ASK, REMIND])
def test_without_a_login_there_is_only_the_login(host: Path, address: str) -> None:
    """Every page and every form leads there."""
    client = Client(headers={"host": "localhost"})
    for answer in (client.get(address), client.post(address)):
        assert 302 == answer.status_code
        assert "login/?next=" in answer["Location"]


class Who(NamedTuple):
    """Somebody new: where they work, if anywhere, and whether they may ask or answer."""

    trust: str | None = None
    school: int | None = None
    right: bool = False

    def logged_in(self) -> Visitor:
        """Make their login, and use it."""
        user = User.objects.create_user("new")
        if self.trust or self.school:
            site = {"trust_id": self.trust, "school_id": self.school}
            Employee.objects.create(user=user, name="Sam", manages_sharing=self.right, **site)
        return Visitor.called("new")


@pytest.mark.rule("P1", "P2")
@pytest.mark.parametrize(
    ("who", "address", "words"),
    [
        (Who(), "/", "belongs to nobody"),
        (Who(), SITE, "belongs to nobody"),
        (Who(school=HILL), SITE, "may not see data sharing requests"),
        (Who(school=STOKESLEY, right=True), SITE, "may not see data sharing requests"),
        (Who(trust="5622", right=True), SITE, "may not see data sharing requests"),
        (Who(trust="5622"), "/trust/", "is missing"),
        (Who(school=HILL, right=True), "/trust/", "for people of a trust"),
        (Who(school=HILL, right=True), DATA, "for people of a trust"),
        (Who(trust="5622"), DATA, "No agreement is in force"),
    ],
    ids=count(),
)
def test_a_page_is_only_for_those_who_may_see_it(host: Path, who: "Who", address: str, words: str) -> None:
    """Everybody else reads why not, with the status 403."""
    visitor = who.logged_in().open(address)

    assert 403 == visitor.status
    assert words in visitor.page


@pytest.mark.parametrize(
    ("address", "forged", "status"),
    [
        (ACCEPT, {"request": "rubbish"}, 422),
        (DECLINE, {"request": "rubbish", "reason": "No."}, 422),
        (ACCEPT, {"request": f"mat:5622/{STOKESLEY}/1"}, 422),  # of another school
        (ACCEPT, {"request": f"mat:5143/{HILL}/1"}, 404),  # of a group that does not see it
        (ACCEPT, {"request": f"mat:5622/{HILL}/2"}, 409),
        (ACCEPT, {"terms_version": "older"}, 409),
        (DECLINE, {"request": f"mat:5622/{STOKESLEY}/1", "reason": "No."}, 422),
        (DECLINE, {"request": f"mat:5143/{HILL}/1", "reason": "No."}, 409),
    ],
)
def test_a_forged_answer_changes_nothing(
    ana: Visitor, head: Visitor, address: str, forged: dict[str, str], status: int
) -> None:
    """The request of another school or group, one that is not there, and other terms are refused."""
    ask(ana, HILL, STOKESLEY)
    head.open(SITE).submit(address, **forged)

    assert status == head.status
    assert 2 == len(events())
    assert (status == 422) == ("equest must be" in head.page or "identity must be" in head.page)


@pytest.mark.parametrize(
    ("address", "forged", "words"),
    [
        (ASK, {"urns": [100000]}, "100000 is not one of the available choices"),
        (ASK, {"urns": ["x"]}, "x is not one of the available choices"),
        (ASK, {"urns": []}, "Choose at least one school."),
        (ASK, {"level": "everything"}, "everything is not one of the available choices"),
        (ASK, {"level": "dfe_data"}, "dfe_data is not one of the available choices"),
        (ASK, {"command_id": ""}, "This field is required"),
        (ASK, {"command_id": "x" * 99}, "Command id must be"),
        (ASK, {"command_id": "a\nb"}, "Command id must be"),
        (REMIND, {"requests": [f"mat:5143/{HILL}/1"]}, "is not one of the available choices"),
        (REMIND, {"command_id": "x" * 99}, "Command id must be"),
    ],
    ids=count(),
)
def test_a_forged_question_is_an_error_of_the_form(
    ana: Visitor, address: str, forged: dict[str, object], words: str
) -> None:
    """Schools that the trust does not see, levels that it may not ask for, and ids that are none."""
    ask(ana, STOKESLEY)
    ana.open("/trust/?tab=pending" if address == REMIND else "/trust/")
    sent = {"requests": [f"mat:5622/{STOKESLEY}/1"]} if address == REMIND else {"urns": [HILL], "level": "mis_data"}
    ana.submit(address, confirmed="yes", **{**sent, **forged})

    assert 422 == ana.status
    assert words in ana.page
    assert 1 == len(events())


@pytest.mark.rule("K4")
def test_a_command_id_that_was_used_for_something_else_is_refused(ana: Visitor) -> None:
    """A form with a forged id does not pass for a repetition."""
    ask(ana, HILL)
    used = CommandOutcome.objects.values_list("command_id", flat=True)[0]
    ana.open("/trust/").submit(ASK, urns=[HILL], level="mis_data_and_group_actions", command_id=used)

    assert 409 == ana.status
    assert "This command id was used for a different command." in ana.page


def test_a_form_from_elsewhere_is_refused(ana: Visitor, head: Visitor) -> None:
    """Without the page's token nothing is answered, and nothing is done by opening an address."""
    ask(ana, HILL)

    assert 403 == head.client.post(ACCEPT, {"request": REQUEST, "terms_version": "2025-09"}).status_code
    assert [405, 405] == [head.open(ACCEPT).status, ana.open(ASK).status]
    assert 1 == len(events())


@pytest.mark.rule("A4")
def test_who_comes_too_late_reads_who_answered(ana: Visitor, head: Visitor) -> None:
    """The page of an answer that was given meanwhile says so, with the status 409."""
    ask(ana, HILL)
    deputy = Who(school=HILL, right=True).logged_in().open(SITE)
    head.open(SITE).submit(ACCEPT)
    deputy.submit(DECLINE, reason="No.")

    assert 409 == deputy.status
    assert "Hilda Moss" in deputy.page


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/trust/schools/0/", 422),
        ("/trust/schools/100000/", 403),
        ("/schools/99999999999/data-sharing/", 422),
        ("/nowhere/", 404),
    ],
)
def test_a_wrong_address_has_a_page_too(ana: Visitor, address: str, status: int) -> None:
    """Whatever a person types, the answer is a page with the right status."""
    assert status == ana.open(address).status
    assert "<h1>" in ana.page


def test_a_group_that_the_register_does_not_know_is_not_found(host: Path) -> None:
    """Its people read what to check."""
    Trust.objects.create(uid="9999")
    lost = Who(trust="9999", right=True).logged_in().open("/trust/")

    assert 404 == lost.status
    assert "There is no group mat:9999" in lost.page


def test_what_users_can_do_nothing_about_does_not_quote_the_database(head: Visitor) -> None:
    """They read that it was noted, or to try again."""
    pages = ErrorPages(lambda _request: HttpResponse())
    busy = pages.process_exception(RequestFactory().get("/"), StoreUnavailable("The database said: locked."))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE datashare_agreementstate")
    head.open(SITE)

    assert busy
    assert (503, 500) == (busy.status_code, head.status)
    assert "locked" not in busy.content.decode()
    assert "Something went wrong here" in head.page
    assert "datashare_agreementstate" not in head.page
