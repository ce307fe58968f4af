"""A store on a foreign ORM keeps the whole contract, on PostgreSQL and on a SQLite file."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any
from unittest import TestCase

import django.db
import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import Value
from django.db.models.functions import Replace
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from hypothesis import settings
from sqlalchemy import make_url

from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import AgreementId, Decline, RequestDeclined, Withdraw
from datashare.domain.chain import BEFORE_THE_FIRST, chained
from datashare.domain.verification import FindingCode, Verification, verify
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable, StoreUnreadable, TransactionLost
from datashare.ports import Change
from datashare.testing import (
    AgreementStoreContract,
    CountRoundTrips,
    InHostsTransaction,
    OutboxContract,
    StoreWithOutbox,
)
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, asked, imported, then
from datashare.testing.comparison import compare_with_memory
from datashare.testing.threads import at_once
from examples.django_host.agreements.errors import store_error
from examples.django_host.agreements.models import AgreementEvent, AgreementState
from examples.django_host.agreements.rows import chains_in
from examples.django_host.agreements.store import DjangoAgreementStore
from examples.django_host.settings import DATABASES
from tests.servers import Server

Settings = Mapping[str, Any]

EXAMPLE: Settings = deepcopy(DATABASES["default"])  # before a test changes it


@contextmanager
def database(alias: str, given: Settings) -> Iterator[None]:
    """Let an alias mean another database, for the connections of every thread that are made in the block."""
    before = connections.databases.get(alias)
    _use(alias, connections.configure_settings({"default": {}, alias: deepcopy(dict(given))})[alias])
    try:
        yield
    finally:
        _use(alias, before)


def _use(alias: str, given: Settings | None) -> None:
    connections.close_all()
    with suppress(AttributeError):  # this thread has no connection yet
        del connections[alias]
    if given is None:
        del connections.databases[alias]
    else:
        connections.databases[alias] = dict(given)


def sqlite_settings(file: Path, **options: object) -> Settings:
    """Give the settings of the example for another file."""
    return {**EXAMPLE, "NAME": file, "OPTIONS": {**EXAMPLE["OPTIONS"], **options}}


def postgresql_settings(url: str, **options: object) -> Settings:
    """Give Django's settings for a SQLAlchemy URL."""
    parts = make_url(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.database,
        "USER": parts.username,
        "HOST": parts.query["host"],
        "OPTIONS": options,
    }


def migrated(given: Settings) -> Settings:
    """Make the tables in a database, by the migrations of the example."""
    with database("default", given):
        call_command("migrate", verbosity=0)
    return given


@pytest.fixture(scope="session")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return migrated(sqlite_settings(tmp_path_factory.mktemp("django") / "agreements.sqlite3"))


@pytest.fixture(scope="session")
def _postgresql(postgresql_server: Server) -> Iterator[Settings]:
    with postgresql_server.database() as url:
        yield migrated(postgresql_settings(url))


@pytest.fixture
def sqlite(_sqlite: Settings) -> Iterator[Settings]:
    """Let Django's default database be a SQLite file."""
    with database("default", _sqlite):
        empty_store()
        yield _sqlite


@pytest.fixture
def postgresql(_postgresql: Settings) -> Iterator[Settings]:
    """Let Django's default database be one of PostgreSQL."""
    with database("default", _postgresql):
        empty_store()
        yield _postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> DjangoAgreementStore:
    """Give an empty store, on each database."""
    request.getfixturevalue(request.param)
    return empty_store()


def empty_store() -> DjangoAgreementStore:
    """Empty the tables of the default database, and give a store on it."""
    for model in apps.get_app_config("agreements").get_models():
        model._default_manager.all().delete()
    return DjangoAgreementStore()


class DjangoStoreContract(AgreementStoreContract, OutboxContract):
    """The contract, on Django's default database."""

    rounds = 3
    steps = 60
    walks = 5

    def leave_thread(self) -> None:
        """Close what Django opened for the thread; for a web server it does so itself."""
        connections.close_all()

    @pytest.fixture
    def store(self) -> StoreWithOutbox:
        """Give an empty store."""
        return empty_store()

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Count the statements, those that begin and end transactions included."""

        def count(call: Callable[[], object]) -> int:
            with CaptureQueriesContext(connection) as statements:
                call()
            return len(statements)

        return count

    @pytest.fixture
    def broken_stores(self, tmp_path: Path) -> Iterator[Iterable[StoreWithOutbox]]:
        """Give a store without tables, and one whose server is not there."""
        nowhere = postgresql_settings(f"postgresql://ana@/x?host={tmp_path}")
        with database("empty", sqlite_settings(tmp_path / "empty")), database("nowhere", nowhere):
            yield [DjangoAgreementStore("empty"), DjangoAgreementStore("nowhere")]

    @pytest.fixture
    def in_hosts_transaction(self) -> InHostsTransaction:
        """Work within `transaction.atomic`, as a view does."""

        def work_and_end(work: Callable[[StoreWithOutbox], None], commits: bool) -> None:
            with transaction.atomic():
                work(DjangoAgreementStore())
                transaction.set_rollback(not commits)

        return work_and_end


@pytest.mark.usefixtures("sqlite")
class TestOnSqlite(DjangoStoreContract):
    """On a SQLite file. Django puts at most 999 parameters into a statement there, so it is asked of fewer at once."""

    several = 35


@pytest.mark.usefixtures("postgresql")
class TestOnPostgresql(DjangoStoreContract):
    """On PostgreSQL, where Django makes one statement of any number of rows."""


def compared(fixture: str, *, examples: int) -> type[TestCase]:
    """Compare the store with the one in memory, on the database of a fixture."""
    drawn = settings(max_examples=examples, stateful_step_count=25, deadline=None)
    return pytest.mark.usefixtures(fixture)(compare_with_memory(empty_store, settings=drawn))


TestSqliteComparedWithMemory = compared("sqlite", examples=10)
TestPostgresqlComparedWithMemory = compared("postgresql", examples=10)


def failed(error: type[django.db.Error], cause: BaseException | None = None) -> django.db.Error:
    """Give what Django raises for what a driver raised."""
    made = error.__new__(error, "said so.\nDETAIL: Key (address)=(ana@trust.example) already exists.")
    made.__cause__ = cause
    return made


def every_kind(error: type[django.db.Error]) -> Iterator[type[django.db.Error]]:
    """Walk over a class of errors and all below it."""
    yield error
    for below in error.__subclasses__():
        yield from every_kind(below)


@pytest.mark.parametrize("kind", [*every_kind(django.db.Error)])
@pytest.mark.parametrize("joined", [True, False])
def test_every_error_of_django_is_told_without_the_values_of_a_row(kind: type[django.db.Error], joined: bool) -> None:
    """Whatever Django raises has a meaning here, and its words go no further than their first line."""
    told = store_error(failed(kind), joined=joined)

    assert "The database said: said so." in told.why
    assert "ana@trust.example" not in str(told)


@pytest.mark.parametrize(
    ("kind", "cause", "joined", "expected"),
    [
        (django.db.OperationalError, psycopg.errors.DeadlockDetected(), True, TransactionLost),
        (django.db.OperationalError, psycopg.errors.DeadlockDetected(), False, StoreUnavailable),
        (django.db.OperationalError, psycopg.errors.SerializationFailure(), True, TransactionLost),
        (django.db.OperationalError, psycopg.errors.LockNotAvailable(), True, TransactionLost),
        (django.db.InternalError, psycopg.errors.InFailedSqlTransaction(), True, TransactionLost),
        (TransactionManagementError, None, True, TransactionLost),
        (django.db.OperationalError, psycopg.errors.AdminShutdown(), True, StoreUnavailable),
        (django.db.InternalError, psycopg.errors.ReadOnlySqlTransaction(), True, StoreUnavailable),
        (django.db.ProgrammingError, psycopg.errors.InsufficientPrivilege(), False, StoreUnavailable),
        (django.db.ProgrammingError, psycopg.errors.UndefinedColumn(), False, SchemaMismatch),
        (django.db.IntegrityError, psycopg.errors.UniqueViolation(), False, StoreError),
        (django.db.InterfaceError, None, False, StoreUnavailable),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value),
)
def test_errors_are_told_apart_by_what_to_do_next(
    kind: type[django.db.Error], cause: BaseException | None, joined: bool, expected: type[StoreError]
) -> None:
    """Roll back and repeat, migrate, try again later, or look at the store."""
    assert expected is type(store_error(failed(kind, cause), joined=joined))


def test_text_that_is_none_is_told_without_quoting_it(sqlite: Settings) -> None:
    """SQLite's own words quote the row; to try again later would not help, so nobody is told to."""
    store = DjangoAgreementStore()
    store.append([asked()])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agreements_agreementevent SET text = CAST(x'68656164ff' AS TEXT)")

    for read in (lambda: list(store.chains()), lambda: list(store.history(AGREEMENT))):
        with pytest.raises(StoreUnreadable, match="its text is not UTF-8") as caught:
            read()
        assert "head" not in str(caught.value)
        assert "command id" not in str(caught.value)


def test_missing_tables_say_what_to_do(tmp_path: Path, postgresql_url: str) -> None:
    """Where nobody migrated, the caller is told to."""
    for given in (sqlite_settings(tmp_path / "empty"), postgresql_settings(postgresql_url)):
        with database("other", given), pytest.raises(SchemaMismatch, match=r"Run manage\.py migrate"):
            DjangoAgreementStore("other").states(TRUST)


def test_a_table_that_lacks_a_column_is_of_another_version(sqlite: Settings) -> None:
    """A migration that is missing is told as such."""
    store = DjangoAgreementStore()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE agreements_agreementevent DROP COLUMN hash")
        with pytest.raises(SchemaMismatch):
            store.append([asked()])
        transaction.set_rollback(True)

    assert frozenset() == store.append([asked()])


@pytest.mark.parametrize(
    ("fixture", "name", "options"),
    [
        ("sqlite", "file:{}?mode=ro", {}),
        ("postgresql", "{}", {"options": "-c default_transaction_read_only=on"}),
    ],
)
def test_a_database_that_only_reads_is_unavailable_for_writing(
    request: pytest.FixtureRequest, fixture: str, name: str, options: Settings
) -> None:
    """What can be read is read; to save is refused with a clear error."""
    given = request.getfixturevalue(fixture)
    DjangoAgreementStore().append([asked()])
    with database("other", {**given, "NAME": name.format(given["NAME"]), "OPTIONS": options}):
        store = DjangoAgreementStore("other")

        assert [asked().after] == list(store.states(TRUST))
        with pytest.raises(StoreUnavailable):
            store.append([asked(OTHER_URN)])


def test_a_damaged_row_is_told_as_an_error_of_the_store(store: DjangoAgreementStore) -> None:
    """What cannot be read was not handed in by the caller, so the caller is not blamed."""
    store.append([asked()])
    AgreementState.objects.update(state="{}")
    AgreementEvent.objects.update(text="{}")

    with pytest.raises(StoreUnreadable, match="damaged"):
        store.states(TRUST)
    with pytest.raises(StoreUnreadable, match="damaged"):
        list(store.history(AGREEMENT))


@pytest.mark.rule("H4")
def test_events_are_chained_from_the_first_on(store: DjangoAgreementStore) -> None:
    """Each hash is that of the one before and the text; what people wrote can be erased without touching it."""
    store.append([asked(), asked(OTHER_URN)])
    store.append([then(asked().after, Withdraw), then(asked(OTHER_URN).after, Decline)])
    AgreementEvent.objects.update(erasable=None)

    for state in AgreementState.objects.order_by("urn"):
        head = BEFORE_THE_FIRST
        for event in AgreementEvent.objects.filter(group=state.group, urn=state.urn).order_by("sequence"):
            head = chained(head, event.text)
            assert head == event.hash
        assert head == state.head
    assert 4 == len(list(store.group_history(TRUST)))
    assert [None] == [one.reason for one in store.group_history(TRUST) if isinstance(one, RequestDeclined)]


@pytest.mark.rule("H3")
def test_what_was_changed_by_hand_is_found(store: DjangoAgreementStore) -> None:
    """An event that was altered, one that was deleted, and events whose agreement is gone: each is named."""
    store.append([asked(), asked(OTHER_URN), asked(group=COUNCIL)])
    store.append([then(asked().after, Withdraw)])
    assert verified(store).sound
    AgreementEvent.objects.filter(urn=OTHER_URN).update(text=Replace("text", Value("c-1"), Value("c-9")))
    AgreementEvent.objects.filter(group=str(TRUST), urn=AGREEMENT.urn, sequence=1).delete()
    AgreementState.objects.filter(group=str(COUNCIL)).delete()

    assert [
        (AgreementId(COUNCIL, AGREEMENT.urn), 1, FindingCode.STATE_DIFFERS),
        (AGREEMENT, 1, FindingCode.MISSING),
        (AgreementId(TRUST, OTHER_URN), 1, FindingCode.ALTERED),
    ] == [(finding.agreement, finding.sequence, finding.code) for finding in verified(store).findings]


@pytest.mark.rule("H3")
def test_an_altered_instant_is_found(store: DjangoAgreementStore) -> None:
    """A group's history is ordered by the column, so it has to be the event's own, to the microsecond."""
    store.append([asked(), asked(OTHER_URN, now=NOW.add(microseconds=1))])
    assert verified(store).sound
    AgreementEvent.objects.filter(urn=OTHER_URN).update(at=NOW)

    assert [(AgreementId(TRUST, OTHER_URN), 1, FindingCode.INSTANT_DIFFERS)] == [
        (finding.agreement, finding.sequence, finding.code) for finding in verified(store).findings
    ]


@pytest.mark.rule("H3")
def test_a_key_that_names_no_agreement_is_found(store: DjangoAgreementStore) -> None:
    """It is named as it is, and hides nothing else."""
    store.append([asked(), asked(OTHER_URN)])
    AgreementEvent.objects.filter(urn=OTHER_URN).update(group="aaa", urn=-5)

    assert [
        ("aaa/-5", 1, FindingCode.STRAY),
        (AgreementId(TRUST, OTHER_URN), 1, FindingCode.MISSING),
    ] == [(finding.agreement, finding.sequence, finding.code) for finding in verified(store).findings]


def test_an_instant_that_is_none_is_given_as_it_is() -> None:
    """SQLite keeps whatever somebody wrote; that it differs is for whoever verifies to say."""
    rows = [(1, 1, None, kept, "", "{}", None) for kept in ("x", "", None, "2026-03-29 01:00:00")]
    (chain,) = chains_in("mat:5143", rows)

    assert ["x", "", "", "2026-03-29T01:00:00.000000Z"] == [record.at for record in chain.records]


def verified(store: DjangoAgreementStore) -> Verification:
    """Verify everything as the service does."""
    return verify(store.chains(), read_event=read_event, read_state=decode_agreement)


def test_a_connection_that_does_not_commit_by_itself_is_a_transaction_of_the_hosts(store: DjangoAgreementStore) -> None:
    """Where the host turned autocommit off, to commit is for the host too."""
    transaction.set_autocommit(False)
    try:
        joined = store.in_host_transaction
        store.append([asked()])
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)

    assert joined
    assert [] == store.states(TRUST)


def test_a_new_connection_is_asked_for_nothing_to_tell_whether_it_commits(sqlite: Settings) -> None:
    """Before the first statement the settings tell."""
    for commits in (True, False):
        with database("default", {**sqlite, "AUTOCOMMIT": commits}):
            assert commits is not DjangoAgreementStore().in_host_transaction


def test_a_hosts_transaction_that_failed_before_is_lost(store: DjangoAgreementStore) -> None:
    """Nothing is saved in a transaction that can only be rolled back, and the host is told to do so."""
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionLost, match="Roll it back"):
            store.append([asked()])

    assert frozenset() == store.append([asked()])


def test_a_host_that_goes_on_after_an_error_saves_nothing(store: DjangoAgreementStore) -> None:
    """An error within the host's transaction takes with it what was saved there before, whatever the host does."""
    store.append([asked(group=COUNCIL)])
    AgreementEvent.objects.update(sequence=2)  # so that the council's next event cannot be saved
    with transaction.atomic():
        store.append([asked()])
        with pytest.raises(StoreError):
            store.append([then(asked(group=COUNCIL).after, Withdraw)])

    assert [] == store.states(TRUST)
    assert [1] == [state.version for state in store.states(COUNCIL)]


def test_a_busy_file_is_told_to_the_host(sqlite: Settings) -> None:
    """Another writer keeps a host's transaction from being saved, and a call of its own from beginning."""
    impatient = {"timeout": 0, "transaction_mode": "DEFERRED"}
    with database("other", sqlite_settings(sqlite["NAME"], **impatient)):
        other = DjangoAgreementStore("other")
        with transaction.atomic():
            DjangoAgreementStore().append([asked()])
            with pytest.raises(StoreUnavailable):
                other.append([asked()])
            with transaction.atomic(using="other"), pytest.raises(TransactionLost):
                other.append([asked()])
        assert frozenset({AGREEMENT}) == other.append([asked()])


def test_a_deadlock_between_two_hosts_is_a_lost_transaction(postgresql: Settings) -> None:
    """One of two hosts that block each other is told to roll back; the other one commits."""
    store, both, lost = DjangoAgreementStore(), threading.Barrier(2), list[TransactionLost]()

    def work(first: Change, second: Change) -> None:
        try:
            with transaction.atomic():
                store.append([first])
                both.wait(timeout=30)
                store.append([second])
        except TransactionLost as error:
            lost.append(error)

    hosts = [partial(work, imported(), imported(OTHER_URN)), partial(work, imported(OTHER_URN), imported())]
    at_once(hosts, at_end=connections.close_all)

    assert 1 == len(lost)
    assert 2 == len(store.states(TRUST))


def test_the_migrations_are_those_of_the_models() -> None:
    """Nobody changed a model and forgot its migration."""
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
