"""The app for Django: its settings and checks, pages of the admin, and commands."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pendulum
import pytest
from django.contrib.auth.models import Permission as DjangoPermission
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from datashare.adapters.django.checks import check_databases, check_settings
from datashare.adapters.django.models import AgreementEvent, AgreementState, OutgoingNotice
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.adapters.django.transactions import data_sharing
from datashare.domain.agreements import Decline
from datashare.domain.notices import Notice
from datashare.errors import Misconfigured
from datashare.ports import Delivered, NoticeStatus, SendResult, Settlement
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, asked, then
from examples.django_host.settings import DATABASES, DATASHARE

from .databases import Settings, database

HERE = "tests.adapters.django.test_app"
NOT_CALLABLE = "not callable"


class Kept:
    """A notifier that keeps what it was given, for all its instances."""

    notices: tuple[Notice, ...] = ()

    def send(self, notice: Notice, /) -> SendResult:
        """Keep a notice."""
        Kept.notices += (notice,)
        return Delivered()


def returns_text(_store: object) -> str:
    """Return no DataSharing."""
    return "sharing"


@pytest.fixture
def kept() -> Iterator[type[Kept]]:
    """Let the app deliver to a notifier that keeps everything."""
    Kept.notices = ()
    with override_settings(DATASHARE={**DATASHARE, "NOTIFIER": f"{HERE}.Kept"}):
        yield Kept


def test_the_examples_settings_are_right() -> None:
    """The host that the documentation shows passes its checks."""
    call_command("check", fail_level="WARNING")


@pytest.mark.parametrize(
    ("chosen", "ids", "words"),
    [
        (None, ["datashare.E001"], "DATASHARE must be a dictionary"),
        ({}, ["datashare.E003", "datashare.W001"], "DATASHARE['SHARING'] must be the dotted path of a function"),
        ({**DATASHARE, "SHARNG": ""}, ["datashare.E002"], "no setting 'SHARNG'"),
        ({**DATASHARE, "SHARING": "nowhere.f"}, ["datashare.E003"], "cannot be imported: No module named 'nowhere'"),
        ({**DATASHARE, "SHARING": 7}, ["datashare.E003"], "got 7 (int)"),
        ({**DATASHARE, "SHARING": f"{HERE}.NOT_CALLABLE"}, ["datashare.E003"], "cannot be called"),
        ({**DATASHARE, "NOTIFIER": "nowhere"}, ["datashare.E004"], "DATASHARE['NOTIFIER']"),
    ],
    ids=["no-dictionary", "empty", "unknown", "no-module", "no-path", "no-function", "no-notifier"],
)
def test_a_check_names_the_setting(chosen: object, ids: list[str], words: str) -> None:
    """What is missing, unknown or cannot be imported is named, with what it should be."""
    with override_settings(DATASHARE=chosen):
        problems = check_settings()

    assert ids == [problem.id for problem in problems]
    assert words in problems[0].msg


@pytest.mark.parametrize(
    ("alias", "options", "ids"),
    [
        ("default", {"transaction_mode": "IMMEDIATE"}, []),
        ("default", {}, ["datashare.W002"]),
        ("elsewhere", {}, ["datashare.E005"]),
    ],
)
def test_a_check_looks_at_the_database(alias: str, options: Settings, ids: list[str]) -> None:
    """It is one of the host's, and a SQLite file lets writers take turns."""
    with (
        override_settings(DATASHARE={"DATABASE": alias}),
        database("default", {**DATABASES["default"], "OPTIONS": options}),
    ):
        assert ids == [problem.id for problem in check_databases()]


def test_what_the_setting_names_has_to_return_the_service() -> None:
    """A function that returns something else is a mistake in the settings."""
    with (
        override_settings(DATASHARE={"SHARING": f"{HERE}.returns_text"}),
        pytest.raises(Misconfigured, match="must be a DataSharing; got"),
    ):
        data_sharing()


def browser(*permissions: str) -> Client:
    """Log a member of staff with these permissions in."""
    User.objects.all().delete()
    user = User.objects.create_user("op", is_staff=True)
    user.user_permissions.set(DjangoPermission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, path: str) -> str:
    """Read a page of the admin."""
    answer = client.get(f"/admin/datashare/{path}")
    assert 200 == answer.status_code
    return answer.content.decode()


def test_the_admin_shows_agreements_with_their_history(store: DjangoAgreementStore) -> None:
    """The list shows what is open; the page of an agreement shows every event, and nothing that people wrote."""
    store.append([asked()])
    store.append([then(asked().after, Decline)])
    client = browser("view_agreementstate")
    listed, shown = page(client, "agreementstate/"), page(client, f"agreementstate/{_quoted(str(AGREEMENT))}/change/")

    assert str(AGREEMENT) in listed
    for wanted, is_listed in ((AGREEMENT.group, True), (AGREEMENT.urn, True), ("mat:514", False), (7, False)):
        assert is_listed == (f">{AGREEMENT}<" in page(client, f"agreementstate/?q={wanted}"))
    assert "asked URN 100000 for MIS Data" in shown
    assert "declined the request." in shown
    assert "governors" not in shown
    assert 'name="_save"' not in shown


def test_the_admin_shows_what_cannot_be_read(sqlite: Settings) -> None:
    """A damaged agreement or message has its page too."""
    store = DjangoAgreementStore()
    store.append([asked()])
    AgreementState.objects.update(state="{}")
    OutgoingNotice.objects.update(text="{}")
    client = browser("view_agreementstate", "view_outgoingnotice")

    assert "asked URN 100000 for MIS Data" in page(client, f"agreementstate/{_quoted(str(AGREEMENT))}/change/")
    assert "waiting" in page(client, f"outgoingnotice/{OutgoingNotice.objects.all()[0].notice_id}/change/")


def test_the_admin_says_where_a_history_cannot_be_read(sqlite: Settings) -> None:
    """Its page says so in the place of the history."""
    DjangoAgreementStore().append([asked()])
    AgreementEvent.objects.update(text="{}")

    assert "cannot be read" in page(browser("view_agreementstate"), f"agreementstate/{_quoted(str(AGREEMENT))}/change/")


def _quoted(key: str) -> str:
    return key.replace("_", "_5F").replace(":", "_3A").replace("/", "_2F")


def given_up(store: DjangoAgreementStore) -> None:
    """Send a request, and give its messages up."""
    store.append([asked()])
    for leased in store.lease(now=NOW, until=NOW + timedelta(minutes=1), limit=9):
        store.settle(leased, Settlement.given_up(at=NOW, error="550 no such user"))  # type: ignore[arg-type]


@pytest.mark.rule("O3")
def test_the_admin_sends_messages_again(store: DjangoAgreementStore) -> None:
    """Those who may requeue see the action; it leaves alone what was not given up, and says so."""
    given_up(store)
    ids = [notice.id for notice in store.notices(TRUST)]
    chosen = {"action": "requeue", "_selected_action": ids}
    browser("view_outgoingnotice").post("/admin/datashare/outgoingnotice/", chosen)

    assert {NoticeStatus.GIVEN_UP} == {notice.status for notice in store.notices(TRUST)}

    trusted = browser("view_outgoingnotice", "requeue_outgoingnotice")
    shown = page(trusted, f"outgoingnotice/{ids[0]}/change/")
    first = trusted.post("/admin/datashare/outgoingnotice/", chosen, follow=True).content.decode()
    again = trusted.post("/admin/datashare/outgoingnotice/", chosen, follow=True).content.decode()

    assert "550 no such user" in shown
    assert {NoticeStatus.WAITING} == {notice.status for notice in store.notices(TRUST)}
    assert f"{len(ids)} messages wait again." in first
    assert "were not given up" in again


@pytest.mark.rule("O3", "T6")
def test_the_admin_sends_messages_of_all_groups_again(sqlite: Settings) -> None:
    """Those of each group that were selected; one whose key names no group is left as it is, and is counted."""
    store = DjangoAgreementStore()
    store.append([asked(OTHER_URN), asked(group=COUNCIL)])
    given_up(store)
    lost, *ids = OutgoingNotice.objects.order_by("group_id", "notice_id").values_list("notice_id", flat=True)
    OutgoingNotice.objects.filter(notice_id=lost).update(group_id="aaa")
    chosen = {"action": "requeue", "_selected_action": [lost, *ids[:-1]]}
    client = browser("view_outgoingnotice", "requeue_outgoingnotice")
    shown = client.post("/admin/datashare/outgoingnotice/", chosen, follow=True).content.decode()

    assert "4 messages wait again. 1 were not given up" in shown
    assert sorted(ids[:-1]) == sorted(notice.id for notice in store.notices(status=NoticeStatus.WAITING))
    assert [ids[-1]] == [notice.id for notice in store.notices(status=NoticeStatus.GIVEN_UP)]


def test_nobody_adds_changes_or_deletes_in_the_admin(sqlite: Settings) -> None:
    """Even somebody who may do everything only looks."""
    DjangoAgreementStore().append([asked()])
    client = browser()
    User.objects.update(is_superuser=True)
    for name, key in (
        ("agreementstate", _quoted(str(AGREEMENT))),
        ("outgoingnotice", OutgoingNotice.objects.all()[0].notice_id),
    ):
        for path in ("add/", f"{key}/delete/"):
            assert 403 == client.get(f"/admin/datashare/{name}/{path}").status_code
        assert 403 == client.post(f"/admin/datashare/{name}/{key}/change/", {}).status_code


@pytest.mark.rule("O3")
def test_the_command_delivers_what_is_due(
    store: DjangoAgreementStore, kept: type[Kept], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each message goes to the notifier that the settings name, and the command says how many."""
    past = pendulum.now("UTC") - timedelta(hours=1)
    store.append([attrs.evolve(asked(), now=past)])
    call_command("datashare_deliver", "--limit", "1")
    call_command("datashare_deliver")

    assert {notice.id for notice in kept.notices} == {notice.id for notice in store.notices(TRUST)}
    assert capsys.readouterr().out.splitlines()[0] == "1 sent"


def test_the_command_says_what_is_wrong(sqlite: Settings, tmp_path: Path, kept: type[Kept]) -> None:
    """A missing setting, a wrong limit and a database that is not there end it with a sentence."""
    with pytest.raises(CommandError, match="limit must be"):
        call_command("datashare_deliver", "--limit", "0")
    with override_settings(DATASHARE={}), pytest.raises(CommandError, match="it is missing"):
        call_command("datashare_deliver")


def test_there_may_be_nothing_to_deliver(
    sqlite: Settings, kept: type[Kept], capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the command says so."""
    call_command("datashare_deliver")

    assert "Nothing is due.\n" == capsys.readouterr().out


@pytest.mark.rule("O6")
def test_the_command_erases_old_messages(sqlite: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that were settled longer ago than the days that are named; a wrong number is said."""
    store = DjangoAgreementStore()
    given_up(store)
    number = len(store.notices(TRUST))
    call_command("datashare_purge", "--keep-days", "36500")
    call_command("datashare_purge")

    assert ["0 messages were erased.", f"{number} messages were erased."] == capsys.readouterr().out.splitlines()
    assert [None] * number == [notice.notice for notice in store.notices(TRUST)]
    for days in ("-1", "9999999999"):
        with pytest.raises(CommandError):
            call_command("datashare_purge", f"--keep-days={days}")
