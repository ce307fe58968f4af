"""One line for a transaction of the host's: it begins, commits, rolls back and begins again as it should."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import django.db
import pytest
from django.db import connection, connections, transaction

from datashare import (
    AccessLevel,
    DataSharing,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    Outcomes,
    PersonId,
    Phase,
    TrustLink,
)
from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.adapters.django.transactions import atomic, data_sharing
from datashare.errors import Misconfigured, StoreError, StoreUnavailable
from datashare.testing.threads import at_once
from examples.django_host.mis import actions
from examples.django_host.mis.models import Activity, Employee, Post, School, Trust
from tests.adapters.one_transaction import MARIADB, OneTransaction, Work, ask
from tests.adapters.registers import register_of
from tests.world import HILDA, World

from .databases import Settings, database, sqlite_settings

_T = TypeVar("_T")

ARETE = GroupId.mat("5622")
RICHMOND = 145090


def execute(statement: str) -> object:
    """Execute a statement of the host's own, and return the first value of the answer, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return next(iter(cursor.fetchone() or ()), None) if cursor.description else None


def store_of(sharing: DataSharing) -> DjangoAgreementStore:
    """Return the store that the helper hands in."""
    assert isinstance(sharing._host.store, DjangoAgreementStore)
    return sharing._host.store


class Atomic:
    """The helper, on Django's default database."""

    integrity_error = django.db.IntegrityError

    def run(self, work: Work[_T]) -> _T:
        """Do some work through the helper."""
        return atomic(lambda sharing: work(store_of(sharing), execute))

    def store(self) -> DjangoAgreementStore:
        """Make a store."""
        return DjangoAgreementStore()

    def execute(self, statement: str) -> object:
        """Execute a statement, which Django commits."""
        return execute(statement)

    def elsewhere(self, call: Callable[[], object]) -> None:
        """Make a call in a thread of its own, which has a connection of its own."""
        at_once([call], at_end=self.leave_thread)

    def leave_thread(self) -> None:
        """Close the connections, as Django does itself for a web server."""
        connections.close_all()


class TestAtomic(OneTransaction):
    """On each database."""

    @pytest.fixture(params=["sqlite", "postgresql", MARIADB])
    def helper(self, request: pytest.FixtureRequest) -> Atomic:
        """Return the helper on an empty database."""
        request.getfixturevalue(request.param)
        return Atomic()


@pytest.fixture
def ana(store: DjangoAgreementStore) -> PersonId:
    """Return somebody of a trust who may send requests, to a school with a head."""
    richmond = Institution(
        urn=RICHMOND,
        name="Richmond School",
        phase=Phase.SECONDARY,
        status=EstablishmentStatus.OPEN,
        trusts=[TrustLink("5622")],
    )
    groups = {ARETE: Group(id=ARETE, name="Areté Learning Trust")}
    DjangoInstitutionDirectory().load(register_of(richmond, groups=groups), confirmed=True)
    for table in (Employee, School, Trust):  # employees first: else Django empties their only site on MariaDB
        table.objects.all().delete()
    school = School.objects.create(urn=RICHMOND, address="https://richmond.example")
    rhys = Employee.objects.create(school=school, name="Rhys", email="head@richmond.example")
    Post.objects.create(employee=rhys, job=Post.Job.HEAD)
    trust = Trust.objects.create(uid="5622")
    ana = Employee.objects.create(trust=trust, name="Ana", email="ana@arete.example", manages_sharing=True)
    return PersonId(ARETE, str(ana.pk))


def test_the_hosts_rows_and_the_agreements_are_saved_together(ana: PersonId) -> None:
    """Both, or where something is raised neither."""

    def work(sharing: DataSharing) -> None:
        Employee.objects.update(name="Ana Okafor")
        trust = sharing.for_group(ARETE, actor=ana)
        trust.request([RICHMOND], level=AccessLevel.MIS_DATA, command_id="c-1")
        if not School.objects.filter(address="https://done.example").exists():
            raise KeyError

    with pytest.raises(KeyError):
        atomic(work)
    nothing = data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND)
    names = set(Employee.objects.values_list("name", flat=True))
    School.objects.update(address="https://done.example")
    atomic(work)

    assert (0, {"Ana", "Rhys"}) == (nothing.version, names)
    assert 1 == data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND).version
    assert {"Ana Okafor"} == set(Employee.objects.values_list("name", flat=True))


@pytest.mark.rule("K4")
def test_six_clicks_with_one_command_id_are_one_deed(ana: PersonId) -> None:
    """Each on a connection of its own: one sends the request, and five are answered with it."""
    answers, user, trust = list[Outcomes](), Employee.objects.get(pk=ana.id), Trust.objects.get()

    def click() -> None:
        answers.append(actions.ask(user, trust, [RICHMOND], level=AccessLevel.MIS_DATA, command_id="click"))

    at_once([click] * 6, at_end=connections.close_all)

    assert [False, *[True] * 5] == sorted(outcomes.done[0].replayed for outcomes in answers)
    assert 1 == data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND).version
    assert 1 == Activity.objects.count()


def test_a_file_that_stays_busy_is_unavailable(sqlite: Settings) -> None:
    """The wait of the settings was long enough; nothing is repeated after it."""
    impatient = {**sqlite, "OPTIONS": {**sqlite["OPTIONS"], "timeout": 0}}
    with closing(sqlite3.connect(sqlite["NAME"])) as busy, database("default", impatient):
        busy.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="database is locked"):
            atomic(lambda sharing: ask(World(), store_of(sharing), HILDA))


def test_a_database_that_cannot_be_opened_is_the_librarys_error(tmp_path: Path) -> None:
    """Nothing of the driver comes through where the transaction begins."""
    with (
        database("default", sqlite_settings(tmp_path / "nowhere" / "mis.sqlite3")),
        pytest.raises(StoreError, match="Check that the folder of the file exists"),
    ):
        atomic(lambda _sharing: None)


def test_it_takes_a_function_and_cannot_begin_within_another_transaction(sqlite: Settings) -> None:
    """Since it could not begin again there."""
    with pytest.raises(Misconfigured, match="work must be a function of a DataSharing"):
        atomic("ask")  # type: ignore[arg-type]
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        atomic(lambda _sharing: None)
