"""What runs beside the example's pages: the admin, the messages, and how small the host is."""

import sqlite3
from contextlib import closing
from pathlib import Path

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Model
from django.test import Client, override_settings
from django.urls import reverse

from datashare.adapters.django.models import AgreementState, OutgoingNotice
from examples.django_host.mis.management.commands.start import make_people
from examples.django_host.mis.models import Activity, Employee, Post, School, Trust
from tests.adapters.email.servers import Mailbox, serving

from .visitor import Visitor

HOST = Path(__file__).parents[3] / "examples" / "django_host"
HILL = 136728
PAGES = {"views.py", "forms.py", "urls.py", "admin.py", "errors.py"}
AS_DJANGO_MAKES_IT = {"manage.py", "wsgi.py", "0001_initial.py"}
MADE_UP = {"start.py"}


def test_the_core_of_the_host_takes_at_most_250_lines() -> None:
    """Its settings, tables, directory, transactions and jobs; without pages, what Django writes, and made-up people."""
    modules = [path for path in HOST.rglob("*.py") if path.name not in PAGES | AS_DJANGO_MAKES_IT | MADE_UP]
    lines = [line for path in modules for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

    assert {"models.py", "sharing.py", "actions.py", "settings.py"} <= {path.name for path in modules}
    assert len(lines) <= 250


def asked() -> None:
    """Ask two schools, by the pages."""
    ana = Visitor.called("ana").open("/trust/")
    ana.submit("/trust/ask/", urns=[HILL, 141930], level="mis_data").submit("/trust/ask/", confirmed="yes")


def content(file: Path) -> list[str]:
    """Return everything that the database holds, but for sessions."""
    with closing(sqlite3.connect(file)) as connection:
        return [line for line in connection.iterdump() if "django_session" not in line]


def test_the_pages_of_the_admin_open_and_change_nothing(host: Path) -> None:
    """Those of the library's models and those of the host's own."""
    asked()
    visitor, before = Visitor.called("admin"), content(host)
    models: list[type[Model]] = [AgreementState, OutgoingNotice, Activity, Employee, School, Trust]
    for model in models:
        name = f"admin:{model._meta.label_lower.replace('.', '_')}"
        row = model._default_manager.all()[0]
        for address in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            assert 200 == visitor.open(address).status
            assert str(row) in visitor.page

    assert before == content(host)
    assert set(apps.get_app_config("mis").get_models()) - {Post} <= admin.site._registry.keys()


def test_a_second_start_makes_nobody_twice(host: Path) -> None:
    """It only sets the new password, and where the sites are."""
    models: list[type[Model]] = [User, Trust, School, Employee, Post]
    before = [model._default_manager.count() for model in models]
    make_people("http://localhost:8001", "new")

    assert before == [model._default_manager.count() for model in models]
    assert {"http://localhost:8001"} == set(School.objects.values_list("address", flat=True))
    assert Client().login(username="ana", password="new")  # noqa: S106


def test_messages_go_to_the_mail_server(host: Path) -> None:
    """Each head gets one, with a link to the page of the own school."""
    asked()
    mailbox = Mailbox()
    with serving(mailbox) as port, override_settings(MAIL_SERVER=f"127.0.0.1:{port}"):
        call_command("datashare_deliver")

    assert ["head@136728.example", "head@141930.example"] == mailbox.addresses
    assert {"delivered"} == set(OutgoingNotice.objects.values_list("status", flat=True))
    for mail in mailbox.kept:
        urn = mail.recipient[5:11]
        assert f"https://mis.example/schools/{urn}/data-sharing/" in mail.content.decode()


def test_without_a_mail_server_messages_go_to_a_folder(host: Path, tmp_path: Path) -> None:
    """A browser can open them there."""
    asked()
    with override_settings(MESSAGES=tmp_path / "messages"):
        call_command("datashare_deliver")

    assert "head@136728.example" in (tmp_path / "messages" / "index.html").read_text(encoding="utf-8")
