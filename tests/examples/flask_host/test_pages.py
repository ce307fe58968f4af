"""The pages of the example host over HTTP, as the staff of a trust, an authority and the schools use them."""

from datetime import date

import attrs
import pytest
from sqlalchemy.orm import Session

from datashare import EstablishmentStatus
from examples.flask_host.sharing import Mis
from examples.flask_host.tables import Job, School, User

from .conftest import ANA, BEN, DEPUTY, FAR, HEAD, HILDA, LEILA, OAK, OAK_HEAD, SCHOOLS, register_of, school
from .story import LogIn, accept, ask


def test_the_table_is_searched_filtered_sorted_and_paged(log_in: LogIn, mis: Mis) -> None:
    """Each is in the address of the page, and the filters count what they would find."""
    mis.register.load(register_of(*SCHOOLS, *(school(910_000 + n, f"Zed School {n:02}") for n in range(30))))
    ana = log_in(ANA)

    assert "All schools: 1 to 25 of 33, by name" in ana.open("/schools").words
    assert "All schools: 26 to 33 of 33" in ana.open("/schools?page=2").words
    assert "past the end of the list" in ana.open("/schools?page=9999999").words
    assert "1 to 1 of 1" in ana.open("/schools?search=hilda").words
    assert "No school fits." in ana.open("/schools?search=nowhere").words
    assert "1 to 1 of 1" in ana.press("Apply filters", search="", phase="4").words
    assert "Secondary (1)" in ana.page.words
    assert "1 to 1 of 1" in ana.open("/schools?cluster=North").words
    words = ana.open("/schools?sort=name&descending=1&search=school").words
    assert words.index("Zed School 29") < words.index("Zed School 28")


def test_all_of_a_list_can_be_chosen_at_once(log_in: LogIn) -> None:
    """The filters count, and not the page."""
    ana = log_in(ANA)
    ana.open("/schools?phase=2")
    ana.press("Ask for data", everything="on")

    assert "2 schools chosen" in ana.page.words
    assert "It has no site, so it cannot be asked." in ana.page.words


def test_the_three_tabs_follow_the_agreement(log_in: LogIn) -> None:
    """Asked, accepted, and raised: a school under two tabs at once."""
    ana, head = log_in(ANA), log_in(HEAD)
    ask(ana, HILDA)
    assert "All (3) No Agreement (2) Pending (1) Approved (0)" in ana.open("/schools").words
    accept(head, HILDA)
    assert "All (3) No Agreement (2) Pending (0) Approved (1)" in ana.open("/schools").words

    ana.open("/schools?tab=approved")
    ana.press("Raise the level", urn=str(HILDA))
    ana.press("Preview", level="mis_data_and_group_actions", to="heads")
    ana.press("Confirm")

    assert "All (3) No Agreement (2) Pending (1) Approved (1)" in ana.open("/schools").words
    assert "its staff may also perform group actions and log in to the MIS" in head.open(f"/data-sharing/{HILDA}").words
    assert 403 == ana.open(f"/schools/{HILDA}/mis").status
    accept(head, HILDA)
    assert 200 == ana.open(f"/schools/{HILDA}/mis").status


def test_chosen_people_are_asked_and_more_people_later(log_in: LogIn) -> None:
    """The head teacher is recommended; the form names who can accept."""
    ana = log_in(ANA)
    ana.open(f"/actions/ask?urn={HILDA}")
    assert f"Head of {HILDA} Recommended head teacher, head@{HILDA}.example, can accept" in ana.page.words
    ana.press("Preview", level="mis_data", to="named", person=f"urn:{HILDA}/{DEPUTY}")
    assert "Tom Field deputy@hilda.example" in ana.page.words
    ana.press("Confirm")

    ana.open("/schools?tab=pending")
    ana.press("Send to more people", request=f"mat:9901/{HILDA}/1")
    ana.press("Preview", to="all")

    assert "1 of 1 school: 1 message would be sent." in ana.page.words
    assert f"Head of {HILDA} head@{HILDA}.example" in ana.page.words


def test_a_pending_request_is_reminded_and_withdrawn(log_in: LogIn) -> None:
    """Both go through the preview, and the school page shows both in its history."""
    ana = log_in(ANA)
    ask(ana, HILDA)
    for button, words in (
        ("Send reminders", "reminded Head of 900001"),
        ("Withdraw", "withdrew the request, with the words “The wrong <level>.”"),
    ):
        ana.open("/schools?tab=pending")
        ana.press(button, request=f"mat:9901/{HILDA}/1")
        ana.press("Preview", reason="The wrong <level>.")
        assert "1 of 1 school: 1 message would be sent." in ana.page.words
        ana.press("Confirm")

        assert words in ana.open(f"/schools/{HILDA}").words
    assert "No agreement" in ana.page.words
    assert "<level>" not in ana.page.html


def test_what_cannot_be_done_is_said_before_it_is_done(log_in: LogIn) -> None:
    """The preview names the school and the reason, and the others go through."""
    ana = log_in(ANA)
    ask(ana, HILDA)
    ana.open("/schools")
    ana.press("Ask for data", urn=[str(HILDA), str(OAK)])
    ana.press("Preview", level="mis_data", to="heads")

    assert "1 of 2 schools: 1 message would be sent." in ana.page.words
    assert f"Request mat:9901/{HILDA}/1 for MIS Data is still open." in ana.page.words
    ana.press("Change")
    assert "2 schools chosen" in ana.page.words


def test_a_form_that_lacks_something_says_what(log_in: LogIn) -> None:
    """Each mistake is listed, with a link to its field, and the title begins with the error."""
    ana = log_in(ANA)
    ana.open(f"/actions/ask?urn={HILDA}")
    page = ana.press("Preview")

    assert 422 == page.status
    assert "There is a problem Choose the level that you ask for. Choose whom to send it to." in page.words
    assert '<a href="#level">' in page.html
    assert "<title>Error: Ask for data" in page.html
    assert 422 == ana.press("Preview", level="mis_data", to="named").status
    assert 422 == ana.press("Preview", level="mis_data", to="all", sender=str(BEN)).status
    assert '<a href="#sender">' in ana.page.html
    assert 422 == ana.open("/actions/ask").status


def test_a_school_declines_with_a_reason(log_in: LogIn) -> None:
    """Without a reason the form comes back; with one the trust reads it."""
    ana, head = log_in(ANA), log_in(HEAD)
    ask(ana, HILDA)
    head.open(f"/data-sharing/{HILDA}")
    head.press("Decline")
    assert 422 == head.page.status
    assert '<a href="#reason">' in head.page.html
    head.press("Decline", reason="Please ask again in June.")

    assert "You have declined the request." in head.page.words
    assert "with the words “Please ask again in June.”" in ana.open(f"/schools/{HILDA}").words


def test_an_authority_asks_on_terms_and_either_side_ends(log_in: LogIn) -> None:
    """The school sees the terms, accepts them by their version, and may end the agreement, as may the authority."""
    leila, head, oak = log_in(LEILA), log_in(HEAD), log_in(OAK_HEAD)
    assert "version 2026-1" in leila.open(f"/actions/ask?urn={HILDA}").words
    ask(leila, HILDA, OAK)
    assert "The terms: https://council.example/data-sharing/addendum.pdf" in head.open(f"/data-sharing/{HILDA}").words
    accept(head, HILDA)
    accept(oak, OAK)

    head.press("End it")
    assert 422 == head.page.status
    head.press("End it", note="The governors decided so.")
    assert "You have ended the agreement." in head.page.words
    leila.open("/schools?tab=approved")
    leila.press("End agreements", urn=str(OAK))
    leila.press("Preview", cause="by_group", note="We no longer need it.")
    leila.press("Confirm")
    assert "All (4) No Agreement (4) Pending (0) Approved (0)" in leila.open("/schools").words


def test_a_trust_cannot_end_as_it_wishes(log_in: LogIn) -> None:
    """Its policy leaves the cause out, so the form does not offer it, and a forged form is refused."""
    ana = log_in(ANA)
    ask(ana, HILDA)
    accept(log_in(HEAD), HILDA)
    assert "By group" not in ana.open(f"/actions/end?urn={HILDA}").words

    page = ana.press("Preview", cause="by_group", note="We wish it.")

    assert 200 != page.status or "0 of 1 school" in page.words


def test_a_missing_school_is_explained(log_in: LogIn) -> None:
    """A school of others, an unknown URN, and one that is there after all."""
    ana = log_in(ANA)
    ana.open("/schools")

    assert "the register does not link it with the group" in ana.press("Why?", urn=str(FAR)).words
    assert "the register has no such URN" in ana.open("/why?urn=899999").words
    assert "is visible to Northern Lights Trust" in ana.open(f"/why?urn={HILDA}").words
    assert 404 == ana.open(f"/schools/{FAR}").status


def test_progress_counts_the_schools(log_in: LogIn) -> None:
    """What is shared, pending and missing, by cluster too."""
    ana = log_in(ANA)
    ask(ana, HILDA)

    words = ana.open("/coverage").words
    assert "2 of 3 schools neither share anything nor are asked. 1 are asked" in words
    assert "North 1 0 0 1 0" in words


def test_a_newer_register_ends_nothing_until_a_person_applies_it(log_in: LogIn, mis: Mis) -> None:
    """Access stops at once; the plan names the school, and applying it twice is applying it once."""
    ana, head = log_in(ANA), log_in(HEAD)
    ask(ana, HILDA)
    accept(head, HILDA)
    closed = school(HILDA, "St Hilda’s School", status=EstablishmentStatus.CLOSED, close_date=date(2026, 5, 2))
    mis.register.load(register_of(closed, *SCHOOLS[1:], day=date(2026, 5, 3)))

    assert "it closed on 2 May 2026" in ana.open(f"/schools/{HILDA}/pupils").words
    assert 403 == ana.page.status
    assert "1 agreement with schools that you no longer see" in ana.open("/schools").words
    assert "it closed on 2 May 2026" in ana.open("/hidden").words
    assert "St Hilda’s School" in ana.open(f"/schools/{HILDA}").words
    shown = ana.open("/register")
    assert "Agreements to end (1)" in shown.words
    ana.press("Apply the plan")
    assert "1 of 1 ended." in ana.page.words
    ana.page = shown
    assert "by this form before" in ana.press("Apply the plan").words
    assert "Nothing ends." in ana.open("/register").words


def test_a_plan_that_ends_much_must_be_confirmed(log_in: LogIn, mis: Mis) -> None:
    """Without the tick the page comes back, and its summary leads to it."""
    many = [school(910_000 + n, f"School {n}") for n in range(4)]
    mis.register.load(register_of(*SCHOOLS, *many, day=date(2026, 5, 2)))
    with Session(mis.engine) as session, session.begin():
        session.add_all(School(urn=each.urn) for each in many)
        session.flush()
        session.add_all(
            User(urn=each.urn, name="Head", email="head@many.example", jobs=[Job(code="HT")]) for each in many
        )
    ana = log_in(ANA)
    ask(ana, *(each.urn for each in many))
    left = [attrs.evolve(each, trusts=[]) for each in many]
    mis.register.load(register_of(*SCHOOLS, *left, day=date(2026, 5, 3)))

    ana.open("/register")
    page = ana.press("Apply the plan")
    assert 422 == page.status
    assert '<a href="#confirmed">' in page.html
    assert "4 of 4 ended." in ana.press("Apply the plan", confirmed="yes").words


@pytest.mark.parametrize("address", ["/schools", "/coverage", "/register", f"/schools/{HILDA}", "/why?urn=900001"])
def test_who_may_not_read_is_told_so(log_in: LogIn, address: str) -> None:
    """The finance officer lacks the permission, and a head teacher works elsewhere."""
    assert 403 == log_in(BEN).open(address).status
    assert 403 == log_in(HEAD).open(address).status


def test_a_school_page_is_for_its_own_staff_with_the_permission(log_in: LogIn) -> None:
    """Neither the deputy, nor another school's head, nor the trust may open it."""
    ask(log_in(ANA), HILDA)

    assert [403, 403, 403] == [log_in(key).open(f"/data-sharing/{HILDA}").status for key in (DEPUTY, OAK_HEAD, ANA)]


def test_the_link_of_a_message_leads_through_the_login(log_in: LogIn) -> None:
    """Whoever is not logged in chooses among the school's staff, and comes to the page."""
    head = log_in(HEAD)
    head.open("/")
    head.press("Log out")
    assert "You are logged out." in head.page.words
    head.open(f"/data-sharing/{HILDA}")
    assert f"Head of {HILDA} Head teacher" in head.page.words
    assert f"Head of {OAK}" not in head.page.words

    assert f"/data-sharing/{HILDA}" == head.send("/login", user=str(HEAD)).address
