"""One line for a transaction of the host's: it begins, commits, rolls back and begins again as it should."""

from collections.abc import Callable
from pathlib import Path

import django.db
import psycopg
import pytest
from django.db import connections, transaction

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
    Refused,
    TrustLink,
)
from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.adapters.django.transactions import atomic, data_sharing
from datashare.domain.agreements import Reason, RefusalCode
from datashare.errors import InvalidValue, StoreUnavailable, TransactionLost
from datashare.testing.changes import AGREEMENT, TRUST, asked, imported
from datashare.testing.threads import at_once
from examples.django_host.mis import actions
from examples.django_host.mis.models import Employee, School
from tests.adapters.sql.test_directory import register_of

from .databases import Settings, database, sqlite_settings

ARETE = GroupId.mat("5622")
RICHMOND = 145090


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
    School.objects.all().delete()
    Employee.objects.all().delete()
    school = School.objects.create(urn=RICHMOND, domain="richmond.example")
    Employee.objects.create(school=school, name="Rhys", email="head@richmond.example", job=Employee.Job.HEAD)
    ana = Employee.objects.create(
        trust_uid="5622", name="Ana", email="ana@arete.example", job=Employee.Job.OFFICE, manages_sharing=True
    )
    return PersonId(ARETE, str(ana.pk))


def test_the_hosts_rows_and_the_agreements_are_saved_together(ana: PersonId) -> None:
    """Both, or where something is raised neither."""

    def work(sharing: DataSharing) -> None:
        Employee.objects.update(name="Ana Okafor")
        trust = sharing.for_group(ARETE, actor=ana)
        trust.request([RICHMOND], level=AccessLevel.MIS_DATA, command_id="c-1")
        if not School.objects.filter(domain="done").exists():
            raise KeyError

    with pytest.raises(KeyError):
        atomic(work)
    nothing = data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND)
    names = set(Employee.objects.values_list("name", flat=True))
    School.objects.update(domain="done")
    atomic(work)

    assert (0, {"Ana", "Rhys"}) == (nothing.version, names)
    assert 1 == data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND).version
    assert {"Ana Okafor"} == set(Employee.objects.values_list("name", flat=True))


@pytest.mark.rule("K4")
def test_six_clicks_with_one_command_id_are_one_deed(ana: PersonId) -> None:
    """Each on a connection of its own: one sends the request, and five are answered with it."""
    answers, user = list[Outcomes](), Employee.objects.get(pk=ana.id)

    def click() -> None:
        answers.append(actions.ask(user, [RICHMOND], command_id="click"))

    at_once([click] * 6, at_end=connections.close_all)

    assert [False, *[True] * 5] == sorted(outcomes.done[0].replayed for outcomes in answers)
    assert 1 == data_sharing().for_group(ARETE, actor=ana).agreement(RICHMOND).version


def losing(calls: list[int], raised: Exception | None = None) -> Callable[[DataSharing], str]:
    """Return work that loses a race against itself, whatever it answers or raises then."""

    def work(sharing: DataSharing) -> str:
        calls.append(1)
        store = sharing._host.store
        store.append([imported()])
        store.append([asked()])
        if raised:
            raise raised
        return "answer"

    return work


def test_a_lost_race_is_run_again_and_the_last_answer_stands(sqlite: Settings) -> None:
    """Whether work shows it in its answer or raises it; nothing of an earlier attempt is kept."""
    calls = list[int]()
    conflict = Refused([Reason(code=RefusalCode.CONFLICT)])
    with pytest.raises(Refused):
        atomic(losing(calls, conflict), attempts=2)
    none_kept = DjangoAgreementStore().states(TRUST)

    assert "answer" == atomic(losing(calls), attempts=3)
    assert 2 + 3 == len(calls)
    assert [] == none_kept
    assert [imported().after] == DjangoAgreementStore().states(TRUST)


@pytest.mark.parametrize("fixture", ["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_a_conflict_with_another_transaction_is_settled_by_a_new_one(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    """The second attempt sees what the other one has saved."""
    request.getfixturevalue(fixture)
    seen = list[int]()

    def work(sharing: DataSharing) -> frozenset[object]:
        store = sharing._host.store
        loaded = store.load([AGREEMENT]).agreements
        seen.append(len(loaded))
        if loaded:
            return frozenset()
        at_once([lambda: DjangoAgreementStore().append([imported()])], at_end=connections.close_all)
        return frozenset(store.append([asked()]))

    assert frozenset() == atomic(work)
    assert [0, 1] == seen


def fail_once(error: Exception, cause: Exception | None, calls: list[int]) -> Callable[[DataSharing], str]:
    """Return work that raises an error at its first call."""

    def work(_sharing: DataSharing) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise error from cause
        return "answer"

    return work


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TransactionLost("The database said so."), None),
        (django.db.OperationalError("deadlock detected"), psycopg.errors.DeadlockDetected()),
    ],
    ids=["of-the-store", "of-the-host"],
)
def test_a_lost_transaction_is_run_again(sqlite: Settings, error: Exception, cause: Exception | None) -> None:
    """Whoever noticed it, the store or a statement of the host's own; the last one is raised as the library's."""
    assert "answer" == atomic(fail_once(error, cause, []))
    with pytest.raises(TransactionLost):
        atomic(fail_once(error, cause, []), attempts=1)


def test_an_error_of_the_hosts_own_statement_stays_as_it_is(sqlite: Settings) -> None:
    """The host knows what its own constraints mean."""
    calls = list[int]()
    with pytest.raises(django.db.IntegrityError, match="taken"):
        atomic(fail_once(django.db.IntegrityError("taken"), None, calls))
    assert [1] == calls


def test_a_database_that_cannot_be_opened_is_the_librarys_error(tmp_path: Path) -> None:
    """Nothing of the driver comes through where the transaction begins."""
    with (
        database("default", sqlite_settings(tmp_path / "nowhere" / "mis.sqlite3")),
        pytest.raises(StoreUnavailable),
    ):
        atomic(lambda _sharing: None)


def test_it_cannot_begin_within_another_transaction(sqlite: Settings) -> None:
    """Since it could not begin again there; and it begins at least once."""
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        atomic(lambda _sharing: None)
    with pytest.raises(InvalidValue, match="attempts must be"):
        atomic(lambda _sharing: None, attempts=0)
