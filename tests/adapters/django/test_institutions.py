"""The register in Django's database: the contract, what a load keeps and refuses, and the command that loads."""

import gzip
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.models import RegisterGroup, RegisterInPlace, RegisterInstitution
from datashare.adapters.django.store import DjangoAgreementStore
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.domain.agreements import SystemActor
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue, Refused, SchemaMismatch, StoreUnreadable
from datashare.ports import InstitutionDirectory, Progress
from datashare.testing import InstitutionDirectoryContract, RegisterContents, at_once
from datashare.testing.changes import AGREEMENT, TRUST, asked, user_of
from tests.adapters.gias.sample import ESTABLISHMENTS, GROUPS, LINKS
from tests.adapters.registers import WRONG, loadable, register_of
from tests.adapters.sql.test_directory import sample
from tests.builders import LA, MAT, URN, institution

from .databases import Settings, database, sqlite_settings


class DirectorySuite(InstitutionDirectoryContract):
    """What the suites of all databases share."""

    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        self.with_clusters = set[GroupId]()

    def leave_thread(self) -> None:
        """Close the connections of the thread, as Django does itself for a web server."""
        connections.close_all()

    def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
        """Load this register."""
        directory = DjangoInstitutionDirectory()
        self.refresh(directory, register)
        return directory

    def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
        """Load another register, and replace the clusters too, which a load leaves alone."""
        assert isinstance(directory, DjangoInstitutionDirectory)
        directory.load(loadable(register), confirmed=True)
        self.with_clusters |= register.clusters.keys()
        for group_id in self.with_clusters:
            directory.set_clusters(group_id, register.clusters.get(group_id, {}))


@pytest.mark.usefixtures("sqlite")
class TestOnSqlite(DirectorySuite):
    """On a SQLite file."""


@pytest.mark.usefixtures("postgresql")
class TestOnPostgresql(DirectorySuite):
    """On a PostgreSQL server."""


@pytest.mark.mariadb
@pytest.mark.usefixtures("mariadb")
class TestOnMariadb(DirectorySuite):
    """On a MariaDB server."""


@pytest.fixture
def directory(store: object) -> DjangoInstitutionDirectory:
    """Return an empty directory, on each database."""
    return DjangoInstitutionDirectory()


def test_the_real_register_is_answered_as_from_memory(directory: DjangoInstitutionDirectory) -> None:
    """Every answer about groups and institutions of the sample is that of the directory in memory."""
    register = sample()
    directory.load(register)
    memory = MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=register.day,
    )
    urns = [*register.institutions, 1]

    for group_id in list(register.groups)[::50]:
        assert memory.group(group_id) == directory.group(group_id)
        assert set(memory.linked(group_id)) == set(directory.linked(group_id))
    assert memory.institutions(urns) == directory.institutions(urns)
    assert set(memory.successors(urns)) == set(directory.successors(urns))
    assert memory.register_day() == directory.register_day()


def test_each_question_is_one_statement(directory: DjangoInstitutionDirectory) -> None:
    """So each is answered from one register, and a large group costs no more statements than a small one."""
    directory.load(register_of(institution()))
    urns = range(1, 2_000)
    questions: list[Callable[[], object]] = [
        lambda: directory.group(MAT),
        lambda: directory.linked(LA),
        lambda: directory.institutions(urns),
        lambda: directory.clusters(MAT),
        lambda: directory.successors(urns),
        directory.register_day,
    ]
    for question in questions:
        with CaptureQueriesContext(connection) as statements:
            question()
        assert 1 == len(statements)


@pytest.mark.rule("K6")
def test_a_load_reports_what_is_written_and_may_be_stopped(directory: DjangoInstitutionDirectory) -> None:
    """At the start and after every thousand institutions; the old register stays if the callback raises."""
    directory.load(register_of(institution()))
    reports = list[int]()

    def report(progress: Progress) -> None:
        reports.append(progress.done)
        if progress.done == 2_000:
            raise KeyError

    with pytest.raises(KeyError):
        directory.load(sample(), progress=report)

    assert [0, 1_000, 2_000] == reports
    assert ([institution()], {URN: institution()}) == (directory.linked(MAT), directory.institutions([URN, 148374]))


@pytest.mark.rule("E3")
def test_a_register_that_cannot_be_right_is_loaded_only_if_it_is_confirmed(
    directory: DjangoInstitutionDirectory,
) -> None:
    """One that is empty or older is refused, and what the host saved in the same transaction is not lost by it."""
    directory.load(register_of(institution()))
    with transaction.atomic():
        directory.set_clusters(LA, {"North": [URN]})
        for newer, words in (
            (register_of(), "The register is empty"),
            (register_of(institution(), day=date(2020, 1, 1)), "1 January 2020"),
        ):
            with pytest.raises(Refused, match=words):
                directory.load(newer)
    directory.load(register_of(day=date(2020, 1, 1), groups={}), confirmed=True)

    assert (date(2020, 1, 1), []) == (directory.register_day(), directory.linked(MAT))
    assert {"North": {URN}} == directory.clusters(LA)
    known = directory.group(MAT)
    assert known
    assert (False, False) == (known.is_open, known.in_register)


def test_loads_at_once_take_turns(directory: DjangoInstitutionDirectory) -> None:
    """In the end one register is in place, and all of it."""
    registers = [
        register_of(*(institution(urn, f"School {number}") for urn in range(number, number + 300)))
        for number in range(1, 4)
    ]
    loads = [lambda register=register: DjangoInstitutionDirectory().load(register) for register in registers]
    at_once(loads, at_end=connections.close_all)
    schools = directory.institutions(range(1, 400))

    assert schools == {school.urn: school for school in directory.linked(MAT)}
    assert schools in [register.institutions for register in registers]


def test_what_cannot_be_read_is_a_clear_error(sqlite: Settings, tmp_path: Path) -> None:
    """Damaged rows, and tables that are not there."""
    directory = DjangoInstitutionDirectory()
    directory.load(register_of(institution()))
    RegisterInstitution.objects.update(document="{}")
    RegisterGroup.objects.update(document="{}")
    RegisterInPlace.objects.update(day="?")
    for ask in (
        lambda: directory.linked(MAT),
        lambda: directory.institutions([URN]),
        lambda: directory.group(MAT),
        directory.register_day,
    ):
        with pytest.raises(StoreUnreadable):
            ask()
    with database("other", sqlite_settings(tmp_path / "empty")), pytest.raises(SchemaMismatch, match="migrate"):
        DjangoInstitutionDirectory("other").load(register_of(institution()))


@pytest.mark.parametrize(("error", "words", "call"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(
    sqlite: Settings, error: type[InvalidValue], words: str, call: Callable[[Any], object]
) -> None:
    """Each call says what it takes, as the register in an SQL database does; nothing is written."""
    directory = DjangoInstitutionDirectory()
    with pytest.raises(error, match=words) as raised:
        call(directory)

    assert error is type(raised.value)
    assert directory.register_day() is None


class Terminal(io.StringIO):
    """What somebody watches."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


def test_the_command_loads_the_register(sqlite: Settings, tmp_path: Path) -> None:
    """It knows the downloads by their names, shows how far it has come, and refuses a register that was cut short."""
    out, watched, unseen = io.StringIO(), Terminal(), io.StringIO()
    cut_short = tmp_path / "edubasealldata20250719.csv"
    with gzip.open(ESTABLISHMENTS) as whole:
        cut_short.write_bytes(b"".join(whole.readline() for _ in range(20)))
    call_command("datashare_register", str(LINKS), str(GROUPS), str(ESTABLISHMENTS), stdout=out, stderr=watched)
    loaded = DjangoInstitutionDirectory().institutions(sample().institutions)
    with pytest.raises(CommandError, match="lacks"):
        call_command("datashare_register", str(cut_short), stdout=out, stderr=unseen)
    call_command("datashare_register", str(cut_short), "--confirmed", stdout=out, stderr=unseen)

    assert sample().institutions == loaded
    assert [
        "The register has 2,311 institutions, as of 2025-07-18.",
        "The register has 19 institutions, as of 2025-07-19.",
    ] == out.getvalue().splitlines()
    assert "Loading                                  [" + "#" * 30 + "] 2,311 of 2,311" in watched.getvalue()
    assert "" == unseen.getvalue()


@pytest.mark.rule("E6")
def test_the_command_records_what_the_register_shows(sqlite: Settings) -> None:
    """For every group; one that cannot be recorded is named, and holds up no other. A repetition records nothing."""
    store, ahead = DjangoAgreementStore(), GroupId.mat("1")
    store.append([asked(), asked(group=ahead)])
    store.note_register(ahead, date(2026, 1, 1))
    for _ in range(2):
        with pytest.raises(CommandError, match=rf"not recorded for all groups\.\n{ahead}: .* Load the newest"):
            call_command("datashare_register", str(GROUPS), str(ESTABLISHMENTS), stdout=io.StringIO())

    assert [("RequestSent", user_of(TRUST)), ("VisibilityLost", SystemActor("datashare-register"))] == [
        (type(event).__name__, event.actor) for event in store.history(AGREEMENT)
    ]
    assert 1 == len(list(store.group_history(ahead)))


def test_a_register_is_loaded_without_the_setting_for_the_service(sqlite: Settings) -> None:
    """The command says that it is in place, and which setting the record needs."""
    with (
        override_settings(DATASHARE={}),
        pytest.raises(CommandError, match=r"in place, and not recorded for the groups.*SHARING.*is missing"),
    ):
        call_command("datashare_register", str(ESTABLISHMENTS), stdout=io.StringIO())

    assert date(2025, 7, 18) == DjangoInstitutionDirectory().register_day()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["schools.csv"], "schools.csv has no name of a download"),
        (["links_edubasealldata20250718.csv"], "Name one file of establishments"),
        (
            ["edubasealldata20250718.csv", "allgroupsdata1.csv", "allgroupsdata2.csv"],
            "Name one file of groups",
        ),
        (["edubasealldata20250718.csv"], "edubasealldata20250718.csv"),
    ],
)
def test_the_command_says_what_is_wrong(names: list[str], words: str) -> None:
    """A file whose kind is not known, a kind twice, a file that is not there."""
    with pytest.raises(CommandError, match=words):
        call_command("datashare_register", *names, stderr=io.StringIO())
