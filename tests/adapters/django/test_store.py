"""The store on Django's ORM keeps both contracts, on PostgreSQL, MariaDB and a SQLite file."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import django.db
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import Model, Value
from django.db.models.functions import Replace
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import settings

from datashare.adapters._databases import ATTEMPTS
from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.models import AgreementEvent, AgreementState, CommandOutcome, OutgoingNotice
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.domain.agreements import AgreementId, Withdraw
from datashare.domain.verification import FindingCode
from datashare.errors import Misconfigured, SchemaMismatch, StoreUnavailable, StoreUnreadable, TransactionLost
from datashare.ports import Change, Unreadable
from datashare.testing import (
    AgreementStoreContract,
    BrokenStores,
    CountRoundTrips,
    Damage,
    Erase,
    FailingWrite,
    InHostsTransaction,
    MakeStore,
    OutboxContract,
    StoreWithOutbox,
)
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, asked, imported, then
from datashare.testing.comparison import compare_with_memory
from datashare.testing.contracts._store_suite import verified
from datashare.testing.threads import at_once

from .databases import MARIADB, Settings, database, empty_store, postgresql_settings, sqlite_settings
from .elsewhere import store_elsewhere


class DjangoStoreContract(AgreementStoreContract, OutboxContract):
    """The contract, on Django's default database."""

    rounds = 1
    steps = 40

    def leave_thread(self) -> None:
        """Close the connections of the thread, as Django does itself for a web server."""
        connections.close_all()

    @pytest.fixture
    def store(self) -> StoreWithOutbox:
        """Return an empty store."""
        return empty_store()

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Count the statements, including those that begin and end transactions."""

        def count(call: Callable[[], object]) -> int:
            with CaptureQueriesContext(connection) as statements:
                call()
            return len(statements)

        return count

    @pytest.fixture
    def broken_stores(self, tmp_path: Path) -> Iterator[BrokenStores]:
        """Return a store without tables, and one whose server is not there."""
        nowhere = postgresql_settings(f"postgresql://ana@/x?host={tmp_path}")
        with database("empty", sqlite_settings(tmp_path / "empty")), database("nowhere", nowhere):
            yield {DjangoAgreementStore("empty"): SchemaMismatch, DjangoAgreementStore("nowhere"): StoreUnavailable}

    @pytest.fixture
    def in_hosts_transaction(self) -> InHostsTransaction:
        """Work within `transaction.atomic`, as a view does."""

        def work_and_end(work: Callable[[StoreWithOutbox], None], commits: bool) -> None:
            with transaction.atomic():
                work(DjangoAgreementStore())
                if not commits:
                    transaction.set_rollback(True)

        return work_and_end

    @pytest.fixture
    def reopened(self) -> MakeStore:
        """Make another store; the connection is that of the thread."""
        return DjangoAgreementStore

    @pytest.fixture
    def second_process(self) -> MakeStore:
        """Make a store by the present settings of the database."""
        return partial(store_elsewhere, connections.databases["default"])

    @pytest.fixture
    def failing_write(self) -> Iterator[FailingWrite]:
        """Let the n-th statement that writes fail."""
        with ExitStack() as stack:

            def failing(number: int) -> StoreWithOutbox:
                writes = count(1)

                def fail(execute: Callable[..., object], sql: str, *others: Any) -> object:
                    if sql.startswith(("INSERT", "UPDATE", "DELETE")) and next(writes) == number:
                        raise django.db.OperationalError("database or disk is full")
                    return execute(sql, *others)

                stack.enter_context(connection.execute_wrapper(fail))
                return DjangoAgreementStore()

            yield failing

    @pytest.fixture
    def damage(self) -> Damage:
        """Write what a later version might have written."""
        columns: dict[str, tuple[type[Model], str]] = {
            "state": (AgreementState, "state"),
            "event": (AgreementEvent, "text"),
            "outcome": (CommandOutcome, "cautions"),
            "notice": (OutgoingNotice, "text"),
        }

        def damage(what: str, agreement: AgreementId) -> None:
            model, column = columns[what]
            own = model._default_manager.filter(group_id=str(agreement.group), urn=agreement.urn)
            own.update(**{column: "{}"})

        return damage

    @pytest.fixture
    def erase(self) -> Erase:
        """Set the words of all events to NULL."""
        return lambda: AgreementEvent.objects.update(erasable=None)


@pytest.mark.usefixtures("sqlite")
class TestOnSqlite(DjangoStoreContract):
    """On a SQLite file. Django puts at most 999 parameters into a statement there, so it is asked of fewer at once."""

    several = 35


@pytest.mark.usefixtures("postgresql")
class TestOnPostgresql(DjangoStoreContract):
    """On PostgreSQL, where Django makes one statement of any number of rows."""


@pytest.mark.mariadb
@pytest.mark.usefixtures("mariadb")
class TestOnMariadb(DjangoStoreContract):
    """On MariaDB."""


@pytest.mark.parametrize("fixture", ["sqlite", "postgresql", MARIADB])
def test_it_answers_as_the_store_in_memory_does(request: pytest.FixtureRequest, fixture: str) -> None:
    """Whatever is called in whatever order, every answer is that of the store in memory."""
    request.getfixturevalue(fixture)
    drawn = settings(max_examples=5, stateful_step_count=25, deadline=None)
    compare_with_memory(empty_store, settings=drawn)("runTest").debug()


def test_a_row_that_cannot_be_read_is_not_quoted(sqlite: Settings) -> None:
    """Neither SQLite's own words about text that is not UTF-8, nor a damaged state, reach the caller."""
    store = DjangoAgreementStore()
    store.append([asked()])
    AgreementState.objects.update(state="{}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE datashare_agreementevent SET text = CAST(x'68656164ff' AS TEXT)")

    assert [Unreadable(id=str(AGREEMENT), agreement=AGREEMENT)] == store.states(TRUST)
    for read in (lambda: list(store.chains()), lambda: list(store.history(AGREEMENT))):
        with pytest.raises(StoreUnreadable, match="its text is not UTF-8") as caught:
            read()
        assert "head" not in str(caught.value)
        assert (None, None) == (caught.value.__cause__, caught.value.__context__)  # SQLite's own error quotes the row


def test_missing_tables_and_columns_say_what_to_do(tmp_path: Path, postgresql_url: str, sqlite: Settings) -> None:
    """Where nobody migrated, the error says to run the migrations."""
    for chosen in (sqlite_settings(tmp_path / "empty"), postgresql_settings(postgresql_url)):
        with database("other", chosen), pytest.raises(SchemaMismatch, match=r"Run manage\.py migrate"):
            DjangoAgreementStore("other").states(TRUST)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE datashare_agreementevent DROP COLUMN hash")
        with pytest.raises(SchemaMismatch):
            DjangoAgreementStore().append([asked()])
        transaction.set_rollback(True)


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
    """Reading works there; saving raises a clear error."""
    chosen = request.getfixturevalue(fixture)
    DjangoAgreementStore().append([asked()])
    with database("other", {**chosen, "NAME": name.format(chosen["NAME"]), "OPTIONS": options}):
        store = DjangoAgreementStore("other")

        assert [asked().after] == list(store.states(TRUST))
        with pytest.raises(StoreUnavailable):
            store.append([asked(OTHER_URN)])


@pytest.mark.rule("H3")
def test_what_was_changed_by_hand_is_found(store: DjangoAgreementStore) -> None:
    """An altered event or instant, a deleted event or agreement, and a key of no agreement: each is named as it is."""
    urns = range(OTHER_URN + 1, OTHER_URN + 4)
    store.append([asked(), asked(OTHER_URN), asked(group=COUNCIL), *(asked(urn) for urn in urns)])
    store.append([then(asked().after, Withdraw)])
    assert verified(store.chains()).sound
    events = AgreementEvent.objects.filter(group_id=str(TRUST))
    events.filter(urn=OTHER_URN).update(text=Replace("text", Value("c-1"), Value("c-9")))
    events.filter(urn=AGREEMENT.urn, sequence=1).delete()
    AgreementState.objects.filter(group_id=str(COUNCIL)).delete()
    events.filter(urn=urns[0]).update(at="2026-03-29T01:00:00.000000Z")
    events.filter(urn=urns[1]).update(group_id="aaa", urn=-5)
    events.filter(urn=urns[2]).update(erasable=None)  # which is allowed

    assert [
        ("aaa/-5", 1, FindingCode.STRAY),
        (AgreementId(COUNCIL, AGREEMENT.urn), 1, FindingCode.STATE_DIFFERS),
        (AGREEMENT, 1, FindingCode.MISSING),
        (AgreementId(TRUST, OTHER_URN), 1, FindingCode.ALTERED),
        (AgreementId(TRUST, urns[0]), 1, FindingCode.INSTANT_DIFFERS),
        (AgreementId(TRUST, urns[1]), 1, FindingCode.MISSING),
    ] == [(finding.agreement, finding.sequence, finding.code) for finding in verified(store.chains()).findings]
    AgreementState.objects.filter(urn=AGREEMENT.urn).update(group_id="aaa")
    assert [TRUST] == store.groups()


def test_a_connection_that_does_not_commit_is_a_transaction_of_the_hosts(store: DjangoAgreementStore) -> None:
    """Where the host turned autocommit off, the host commits."""
    transaction.set_autocommit(False)
    try:
        joined = store.in_host_transaction
        store.append([asked()])
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)

    assert joined
    assert [] == store.states(TRUST)


def test_the_settings_say_whether_a_new_connection_commits(sqlite: Settings) -> None:
    """Before the first statement no connection is made to find out."""
    for commits in (True, False):
        with database("default", {**sqlite, "AUTOCOMMIT": commits}):
            assert commits is not DjangoAgreementStore().in_host_transaction


def test_a_hosts_transaction_that_failed_before_is_lost(store: DjangoAgreementStore) -> None:
    """Nothing is saved in a transaction that can only be rolled back, and the error says to roll it back."""
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionLost, match="Roll it back"):
            store.append([asked()])

    assert frozenset() == store.append([asked()])


def test_nothing_is_delivered_in_a_transaction_of_the_hosts(store: DjangoAgreementStore) -> None:
    """It is a mistake of the code that sets the delivery up."""
    with transaction.atomic(), pytest.raises(Misconfigured, match="outside the host's transactions"):
        store.lease(now=NOW, until=NOW.add(minutes=1), limit=1)


@pytest.mark.parametrize("build", [DjangoAgreementStore, DjangoInstitutionDirectory], ids=lambda kind: kind.__name__)
def test_a_database_that_the_host_does_not_have_is_named(build: Callable[..., object]) -> None:
    """Whether the code or the settings name it, the error says which there are, before anything is asked."""
    with pytest.raises(Misconfigured, match=r"using must be an alias in DATABASES: default; got 'nowhere'"):
        build("nowhere")
    with pytest.raises(Misconfigured, match="using must be an alias"):
        build(5)
    wrong = r"DATASHARE\['DATABASE'\] must be an alias in DATABASES: default; got 'nowhere'"
    with override_settings(DATASHARE={"DATABASE": "nowhere"}), pytest.raises(Misconfigured, match=wrong):
        build()


def test_a_busy_file_is_reported_to_the_host(sqlite: Settings) -> None:
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


@pytest.mark.parametrize("times", [1, ATTEMPTS], ids=["once", "every-time"])
def test_a_transaction_of_its_own_is_begun_again_after_a_deadlock(sqlite: Settings, times: int) -> None:
    """Nobody hears of it, unless the database chooses it to lose every time."""
    left = [times]

    def fail(execute: Callable[..., object], sql: str, *others: Any) -> object:
        if left[0] and sql.startswith("INSERT"):
            left[0] -= 1
            raise django.db.OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected()
        return execute(sql, *others)

    with (
        connection.execute_wrapper(fail),
        pytest.raises(StoreUnavailable) if times == ATTEMPTS else nullcontext(),
    ):
        DjangoAgreementStore().append([asked()])

    assert (times < ATTEMPTS) == bool(DjangoAgreementStore().states(TRUST))


def test_a_deadlock_between_two_hosts_is_a_lost_transaction(postgresql: Settings) -> None:
    """Of two hosts that block each other, one has to roll back, and the other commits."""
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
