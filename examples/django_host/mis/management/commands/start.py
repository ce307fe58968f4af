"""``manage.py start``: make a database with real schools and made-up people, and run the server."""

import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand

from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.domain.register import GroupId
from examples.django_host.mis.models import Employee, Post, School, Trust

DATA = Path(__file__).parents[4] / "data"
REGISTER = (
    DATA / "edubasealldata20250718_sample.csv.gz",
    DATA / "allgroupsdata20220331_resaved_sample.csv.gz",
    DATA / "links_edubasealldata20250718_sample.csv.gz",
)
ARETE = GroupId.mat("5622")
WITHOUT_SITE = 149551
HEADS = (
    *("Hilda Moss", "Owen Price", "Farah Aziz", "Tom Becker", "Ngozi Eze", "Ruth Levy", "Siân Rees", "Paul Novak"),
    *("Meera Shah", "Jack Doyle", "Eva Lund", "Kofi Boateng"),
)


def make_people(address: str, password: str) -> list[int]:
    """Make the people of one trust and its schools, where they are missing, and let all log in by one password.

    Args:
        address: Where the sites of the schools are.
        password: The new password of everybody.

    Returns:
        The URNs of the schools that have a site.
    """
    hashed = make_password(password)

    def user(name: str, username: str, **rights: bool) -> User:
        first, last = name.split()
        values = {"password": hashed, "first_name": first, "last_name": last, **rights}
        return User.objects.update_or_create(username=username, defaults=values)[0]

    user("Ada Admin", "admin", is_staff=True, is_superuser=True)
    terms = {"terms": "https://arete.example/data-sharing-terms", "terms_version": "2025-09"}
    trust, _ = Trust.objects.get_or_create(uid=ARETE.code, defaults=terms)
    ana = {"name": "Ana Okafor", "email": "ana.okafor@arete.example", "trust": trust, "manages_sharing": True}
    Employee.objects.get_or_create(user=user("Ana Okafor", "ana"), defaults=ana)
    urns = [school.urn for school in DjangoInstitutionDirectory().linked(ARETE) if school.urn != WITHOUT_SITE]
    for number, (urn, name) in enumerate(zip(urns, HEADS, strict=False)):
        values = {"address": address, "present_today": 180 + 37 * number}
        school, _ = School.objects.update_or_create(urn=urn, defaults=values)
        head = {"name": name, "email": f"head@{urn}.example", "school": school}
        employee, is_new = Employee.objects.get_or_create(user=user(name, f"head{urn}"), defaults=head)
        if is_new:
            Post.objects.create(employee=employee, job=Post.Job.HEAD)
    return urns


class Command(BaseCommand):
    """Starts the example."""

    help = "Make a database with real schools and made-up people, print who can log in, and run the server."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the port."""
        parser.add_argument("--port", type=int, default=8000, help="the port of the server; by default 8000")

    def handle(self, *_args: Any, port: int, **_options: Any) -> None:
        """Make what is missing, and run until Ctrl+C."""
        call_command("migrate", verbosity=0)
        if DjangoInstitutionDirectory().register_day() is None:
            call_command("datashare_register", *REGISTER)
        address, password = f"http://localhost:{port}", secrets.token_urlsafe(9)
        first, *_ = make_people(address, password)
        self.stdout.write(
            f"\nOpen {address}/ and log in as one of these; the password of each is {password}\n\n"
            f"  ana          asks for Areté Learning Trust   {address}/trust/\n"
            f"  head{first}   answers for a school            {address}/schools/{first}/data-sharing/\n"
            f"  admin        sees agreements and notices     {address}/admin/\n\n"
            "Messages wait until you run: python examples/django_host/manage.py datashare_deliver\n"
        )
        # Without DEBUG the server hands out style sheets only if it is told to; a real host has a web server for them.
        call_command("runserver", f"localhost:{port}", use_reloader=False, insecure_serving=True)
