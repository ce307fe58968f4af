"""The register in a database: what a directory answers, how a register is loaded, and what is refused."""

import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import Engine, create_engine, text

from datashare.adapters.gias import Register, read_register
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.adapters.sql import (
    SqlAgreementStore,
    SqlInstitutionDirectory,
    create_directory_schema,
    directory_metadata,
    metadata,
    sqlite_engine,
)
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution, SuccessorLink, TrustLink
from datashare.errors import DatashareError, InvalidValue, Misconfigured, Refused, SchemaMismatch, StoreUnreadable
from datashare.ports import InstitutionDirectory, Progress, Stage
from datashare.testing import InstitutionDirectoryContract, RegisterContents, at_once
from tests.adapters.gias.sample import ESTABLISHMENTS, GROUPS, LINKS
from tests.adapters.registers import DAY, WRONG, loadable, register_of
from tests.builders import LA, MAT, URN, group, institution
from tests.servers import Server

from .databases import disposing, round_trips, sqlite_file, statements_of
from .test_damage import VALUES, damaged

GONE = GroupId.mat("2894")
CLUSTERS = {"North": frozenset({URN}), "Nobody yet": frozenset[int]()}


@cache
def sample() -> Register:
    """Read the sample of the register, with the links between predecessors and successors."""
    return read_register(ESTABLISHMENTS, groups=GROUPS, links=LINKS)


class DirectorySuite(InstitutionDirectoryContract):
    """What the suites of all databases share; each has its own `engine`."""

    @pytest.fixture(autouse=True)
    def _bind(self, engine: Engine) -> None:
        self.database = engine
        self.with_clusters = set[GroupId]()

    def directory_of(self, register: RegisterContents) -> InstitutionDirectory:
        """Load this register."""
        directory = SqlInstitutionDirectory(self.database)
        self.refresh(directory, register)
        return directory

    def refresh(self, directory: InstitutionDirectory, register: RegisterContents) -> None:
        """Load another register, and replace the clusters too, which a load leaves alone."""
        assert isinstance(directory, SqlInstitutionDirectory)
        directory.load(loadable(register), confirmed=True)
        self.with_clusters |= register.clusters.keys()
        for group_id in self.with_clusters:
            directory.set_clusters(group_id, register.clusters.get(group_id, {}))


class TestOnSqlite(DirectorySuite):
    """On a SQLite file."""

    @pytest.fixture
    def engine(self, sqlite: Engine) -> Engine:
        """Return the file."""
        return sqlite


class TestOnPostgresql(DirectorySuite):
    """On a PostgreSQL server."""

    @pytest.fixture
    def engine(self, postgresql: Engine) -> Engine:
        """Return the database."""
        return postgresql


@pytest.mark.mariadb
class TestOnMariadb(DirectorySuite):
    """On a MariaDB server."""

    @pytest.fixture
    def engine(self, mariadb: Engine) -> Engine:
        """Return the database."""
        return mariadb


class Interrupted(OSError):
    """The exception of a caller who stops the work, of a kind that a driver raises too."""


def stop_at(done: int) -> Callable[[Progress], None]:
    """Return a callback that stops a load when so many institutions are written."""

    def report(progress: Progress) -> None:
        if progress.done == done:
            raise Interrupted

    return report


def test_the_real_register_is_answered_as_from_memory(engine: Engine) -> None:
    """Every answer about every group and institution of the sample is that of the directory in memory."""
    register, directory = sample(), SqlInstitutionDirectory(engine)
    directory.load(register)
    memory = MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=register.day,
    )
    urns = [*register.institutions, 1]

    assert len(register.groups) > 400
    for group_id in list(register.groups)[::10]:
        assert memory.group(group_id) == directory.group(group_id)
        assert set(memory.linked(group_id)) == set(directory.linked(group_id))
    assert memory.institutions(urns) == directory.institutions(urns)
    assert set(memory.successors(urns)) == set(directory.successors(urns))
    assert memory.register_day() == directory.register_day()


def questions(directory: InstitutionDirectory, group_id: GroupId, urns: list[int]) -> list[Callable[[], object]]:
    """Return every question about a group and schools."""
    return [
        partial(directory.group, group_id),
        partial(directory.linked, group_id),
        partial(directory.institutions, urns),
        partial(directory.clusters, group_id),
        partial(directory.successors, urns),
    ]


def scans(engine: Engine, statement: str, parameters: dict[str, object]) -> list[str]:
    """Explain a statement, and list the steps that read a whole table."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [row.detail for row in plan if row.detail.startswith("SCAN")]
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # else it reads small tables as a whole
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            return [line for (line,) in plan if "Seq Scan" in line]
        return [str(row) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters) if row.type == "ALL"]


def test_each_question_is_one_statement_that_uses_a_key(engine: Engine) -> None:
    """No question reads a whole table; one statement lists all schools of a large group."""
    directory = SqlInstitutionDirectory(engine)
    directory.load(sample())
    schools = defaultdict[GroupId, list[int]](list)
    for school in sample().institutions.values():
        for group_id in school.groups:
            schools[group_id].append(school.urn)
    largest = max(schools, key=lambda group_id: len(schools[group_id]))
    with engine.begin() as connection:
        for table in directory_metadata.tables if engine.dialect.name != "sqlite" else ():
            word = "ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE TABLE"
            connection.exec_driver_sql(f"{word} {table}")

    assert len(schools[largest]) > 100
    for question in questions(directory, largest, schools[largest]):
        ((statement, parameters),) = statements_of(engine, question)
        assert [] == scans(engine, statement, parameters)


def test_more_urns_than_a_statement_takes_parameters_are_still_one_statement(engine: Engine) -> None:
    """So an answer about all of England is of one register too."""
    directory = SqlInstitutionDirectory(engine)
    directory.load(register_of(institution()))
    urns = range(URN, URN + 70_000)
    answers = list[object]()

    assert 1 == round_trips(engine, lambda: answers.append(directory.institutions(urns)))
    assert [{URN: institution()}] == answers


def test_a_load_that_is_stopped_leaves_the_old_register(engine: Engine) -> None:
    """What was written of the new register is gone, and the old one answers as before."""
    directory = SqlInstitutionDirectory(engine)
    directory.load(register_of(institution()))
    with pytest.raises(Interrupted):
        directory.load(sample(), progress=stop_at(2_000))

    assert {URN: institution()} == directory.institutions([URN, *sample().institutions])
    assert [institution()] == directory.linked(MAT)
    assert (group(), DAY) == (directory.group(MAT), directory.register_day())


LOAD_AND_DIE = """
import os, signal, sys
from sqlalchemy import create_engine
from datashare.adapters.gias import read_register
from datashare.adapters.sql import SqlInstitutionDirectory

def die(progress):
    if progress.done == progress.total:
        os.kill(os.getpid(), signal.SIGKILL)

url, file = sys.argv[1:]
SqlInstitutionDirectory(create_engine(url)).load(read_register(file), progress=die)
"""


def test_a_process_that_is_killed_while_it_loads_leaves_the_old_register(engine: Engine) -> None:
    """Even if everything had been written but not committed; the next load is not held up."""
    directory = SqlInstitutionDirectory(engine)
    directory.load(register_of(institution()))
    url = engine.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", LOAD_AND_DIE, url, str(ESTABLISHMENTS)], check=False)

    assert -signal.SIGKILL == killed.returncode
    assert ({URN: institution()}, DAY) == (
        directory.institutions([URN, *sample().institutions]),
        directory.register_day(),
    )
    directory.load(sample())
    assert sample().day == directory.register_day()


@pytest.mark.rule("K6")
def test_a_load_reports_what_is_written(sqlite: Engine) -> None:
    """At the start, after every thousand institutions and at the end; nobody sees them before."""
    directory = SqlInstitutionDirectory(sqlite)
    reports, seen = list[Progress](), list[date | None]()

    def report(progress: Progress) -> None:
        reports.append(progress)
        seen.append(SqlInstitutionDirectory(sqlite).register_day())

    directory.load(sample(), progress=report)

    assert [Progress(stage=Stage.WRITTEN, done=done, total=2_311) for done in (0, 1_000, 2_000, 2_311)] == reports
    assert ([None] * 4, sample().day) == (seen, directory.register_day())


def test_a_load_joins_the_hosts_transaction(engine: Engine) -> None:
    """It is in place for everybody once the host commits, and within the transaction at once."""
    outside = SqlInstitutionDirectory(engine)
    with engine.connect() as connection:
        inside = SqlInstitutionDirectory(connection)
        inside.load(register_of(institution()))
        inside.set_clusters(MAT, CLUSTERS)
        assert ([institution()], []) == (inside.linked(MAT), outside.linked(MAT))
        connection.rollback()
        assert ([], {}) == (outside.linked(MAT), outside.clusters(MAT))
        inside.load(register_of(institution()))
        connection.commit()

    assert [institution()] == outside.linked(MAT)


def test_a_load_that_fails_leaves_nothing_in_the_hosts_transaction(engine: Engine) -> None:
    """A host that commits nevertheless keeps the old register."""
    directory = SqlInstitutionDirectory(engine)
    directory.load(register_of(institution()))
    with engine.connect() as connection:
        with pytest.raises(Interrupted):
            SqlInstitutionDirectory(connection).load(sample(), progress=stop_at(2_000))
        connection.commit()

    assert ([institution()], DAY) == (directory.linked(MAT), directory.register_day())


def test_loads_at_once_take_turns(engine: Engine) -> None:
    """In the end one register is in place, and all of it."""
    registers = [
        register_of(*(institution(urn, f"School {number}") for urn in range(number, number + 300)))
        for number in range(1, 5)
    ]
    directory = SqlInstitutionDirectory(engine)
    at_once(partial(directory.load, register) for register in registers)
    schools = directory.institutions(range(1, 400))

    assert schools == directory.institutions([school.urn for school in directory.linked(MAT)])
    assert schools in [register.institutions for register in registers]


def schools(*, still_open: int, closed: int) -> list[Institution]:
    """Build so many schools, the first of them open."""
    return [institution(urn) for urn in range(1, still_open + 1)] + [
        institution(urn, status=EstablishmentStatus.CLOSED) for urn in range(5_001, 5_001 + closed)
    ]


REFUSED = {
    "older": (
        schools(still_open=1_000, closed=500),
        DAY - timedelta(days=1),
        "of 30 June 2025, and that of 1 July 2025",
    ),
    "of-no-day": (schools(still_open=1_000, closed=500), None, "of a day that is not known, and that of 1 July 2025"),
    "empty": ([], DAY, "The register is empty"),
    "cut-in-half": (schools(still_open=750, closed=0), DAY, "lacks 750 of 1,500 institutions that the one in place"),
    "of-open-schools": (schools(still_open=1_000, closed=390), DAY, "lacks 110 of 500 closed institutions"),
}


@pytest.mark.rule("E3")
@pytest.mark.parametrize(("newer", "day", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_register_that_cannot_be_right_is_loaded_only_if_it_is_confirmed(
    sqlite: Engine, newer: list[Institution], day: date | None, expected: str
) -> None:
    """The old one stays until then."""
    directory = SqlInstitutionDirectory(sqlite)
    directory.load(register_of(*schools(still_open=1_000, closed=500)))
    with pytest.raises(Refused, match=expected) as refused:
        directory.load(register_of(*newer, day=day))

    assert 1 == len(refused.value.reasons)
    assert (1_500, DAY) == (len(directory.linked(MAT)), directory.register_day())
    directory.load(register_of(*newer, day=day), confirmed=True)
    assert (len(newer), day) == (len(directory.linked(MAT)), directory.register_day())


@pytest.mark.rule("E3")
@pytest.mark.parametrize(
    ("before", "after"), [((2_000, 0), (1_800, 0)), ((101, 0), (1, 0)), ((1_000, 100), (1_000, 0))]
)
def test_a_whole_register_may_lack_some(sqlite: Engine, before: tuple[int, int], after: tuple[int, int]) -> None:
    """It may lack a tenth, and always a hundred, of all institutions and of those that closed."""
    directory = SqlInstitutionDirectory(sqlite)
    for still_open, closed in (before, after):
        directory.load(register_of(*schools(still_open=still_open, closed=closed)))

    assert sum(after) == len(directory.linked(MAT))


def test_a_first_register_needs_institutions_but_no_day(sqlite: Engine) -> None:
    """There is nothing to compare it with."""
    directory = SqlInstitutionDirectory(sqlite)
    with pytest.raises(Refused, match="The register is empty"):
        directory.load(register_of())
    for day in (None, None, DAY):
        directory.load(register_of(institution(), day=day))
        assert day == directory.register_day()


@pytest.mark.rule("B6")
def test_clusters_stay_when_a_register_is_loaded(engine: Engine) -> None:
    """They are the host's, replaced one group at a time; a cluster may be empty."""
    directory = SqlInstitutionDirectory(engine)
    directory.set_clusters(LA, {"East": [1, 2, 2]})
    directory.set_clusters(MAT, {"Old": [1]})
    directory.set_clusters(MAT, CLUSTERS)
    directory.load(register_of(institution()))

    assert (CLUSTERS, {"East": frozenset({1, 2})}) == (directory.clusters(MAT), directory.clusters(LA))
    directory.set_clusters(LA, {})
    assert {} == directory.clusters(LA)
    with engine.connect() as connection:  # as it is read for ever
        documents = connection.scalars(text("SELECT document FROM datashare_directory_clusters ORDER BY group_id DESC"))
        assert '{"v":1,"value":{"Nobody yet":[],"North":[100000]}}' == documents.first()


@pytest.mark.rule("V8")
def test_the_name_of_a_group_outlives_its_register(engine: Engine) -> None:
    """It is a closed group that the register does not name; if a later register names it again, that counts."""
    directory = SqlInstitutionDirectory(engine)
    left = Group(id=GONE, name="Old Trust", closed_on=date(2025, 8, 31))
    renamed = Group(id=GONE, name="Older Trust")
    directory.load(register_of(institution(), groups={MAT: group(), GONE: left}))
    for day in (DAY, DAY + timedelta(days=1)):
        directory.load(register_of(institution(), groups={MAT: group()}, day=day))
        assert attrs.evolve(left, is_open=False, in_register=False) == directory.group(GONE)
        assert (group(), None) == (directory.group(MAT), directory.group(GroupId.mat("2")))
    directory.load(register_of(institution(), groups={MAT: group(), GONE: renamed}, day=DAY + timedelta(days=2)))

    assert renamed == directory.group(GONE)


def test_a_link_counts_from_its_first_day(engine: Engine) -> None:
    """A host's own query finds the day on which a school joined; one of several links without a day always counts."""
    days = {1: (date(2026, 9, 1), date(2025, 9, 1)), 2: (date(2026, 9, 1), None), 3: (None,)}
    schools = [
        institution(urn, trusts=[TrustLink(MAT.code, "", day) for day in joined], local_authority=None)
        for urn, joined in days.items()
    ]
    SqlInstitutionDirectory(engine).load(register_of(*schools))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT urn, joined_on FROM datashare_directory_links ORDER BY urn")).all()

    assert [(1, "2025-09-01"), (2, None), (3, None)] == [tuple(row) for row in rows]


@pytest.mark.parametrize(("error", "words", "call"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(
    sqlite: Engine, error: type[InvalidValue], words: str, call: Callable[[Any], object]
) -> None:
    """Each call says what it takes, and tells apart what somebody passed and how it was set up; nothing is written."""
    directory = SqlInstitutionDirectory(sqlite)
    with pytest.raises(error, match=words) as raised:
        call(directory)

    assert error is type(raised.value)
    assert directory.register_day() is None


def test_it_is_bound_to_a_database() -> None:
    """Anything else is a mistake of the code that sets it up."""
    with pytest.raises(Misconfigured, match="bind must be an Engine or a Connection"):
        SqlInstitutionDirectory("agreements.db")  # type: ignore[arg-type]


DAMAGE: dict[str, tuple[str, str, Callable[[SqlInstitutionDirectory], object]]] = {
    "institution": (
        "UPDATE datashare_directory_institutions SET document = '{}'",
        "Institution 100000 cannot be read",
        lambda directory: directory.institutions([URN]),
    ),
    "of-another-urn": (
        "UPDATE datashare_directory_institutions SET document = REPLACE(document, '100000', '7')",
        "Institution 100000 cannot be read",
        lambda directory: directory.linked(MAT),
    ),
    "group": (
        "UPDATE datashare_directory_groups SET document = 'x'",
        "Group mat:5143 cannot be read",
        lambda directory: directory.group(MAT),
    ),
    "of-another-id": (
        "UPDATE datashare_directory_groups SET document = REPLACE(document, 'mat:5143', 'mat:1')",
        "Group mat:5143 cannot be read",
        lambda directory: directory.group(MAT),
    ),
    "successor": (
        "UPDATE datashare_directory_successors SET document = ''",
        "A link from 1 to its successor cannot be read",
        lambda directory: directory.successors([1]),
    ),
    "clusters": (
        "UPDATE datashare_directory_clusters SET document = '[]'",
        "the clusters of mat:5143 cannot be read",
        lambda directory: directory.clusters(MAT),
    ),
    "day": (
        "UPDATE datashare_directory SET day = '2026-13-1'",
        "The day of the register cannot be read",
        lambda directory: directory.register_day(),
    ),
}


@pytest.mark.parametrize(("statement", "expected", "question"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_row_is_a_clear_error(
    engine: Engine, statement: str, expected: str, question: Callable[[SqlInstitutionDirectory], object]
) -> None:
    """The error names the row without quoting it, and a new load repairs the row."""
    directory = SqlInstitutionDirectory(engine)
    succession = SuccessorLink(predecessor=1, successor=URN, kind="Successor")
    register = register_of(institution(), successors=[succession])
    directory.load(register)
    directory.set_clusters(MAT, CLUSTERS)
    answer = question(directory)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)

    with pytest.raises(StoreUnreadable, match=expected) as caught:
        question(directory)
    assert caught.value.__cause__ is caught.value.__context__ is None
    directory.load(register, confirmed=True)
    directory.set_clusters(MAT, CLUSTERS)
    assert answer == question(directory)


COLUMNS = [f"{table.name}.{column.name}" for table in directory_metadata.sorted_tables for column in table.columns]


@pytest.mark.parametrize("column", COLUMNS)
def test_whatever_is_in_a_column_only_our_own_errors_leave(tmp_path: Path, column: str) -> None:
    """SQLite keeps whatever somebody wrote into a column; a load that is confirmed repairs it."""
    succession = SuccessorLink(predecessor=URN, successor=1, kind="Successor")
    register = register_of(institution(), successors=(succession,))
    with sqlite_file(tmp_path, "sound.db") as engine:
        SqlInstitutionDirectory(engine).load(register)
        SqlInstitutionDirectory(engine).set_clusters(MAT, CLUSTERS)
    for name, value in VALUES.items():
        file = tmp_path / f"{name}.db"
        if not damaged(tmp_path / "sound.db", file, column, value):
            continue
        with disposing(sqlite_engine(file)) as engine:
            directory = SqlInstitutionDirectory(engine)
            for ask in (*questions(directory, MAT, [URN]), directory.register_day):
                with suppress(DatashareError):
                    ask()
            with suppress(DatashareError):
                directory.load(register)
            if not column.endswith(".version"):
                directory.load(register, confirmed=True)
                assert ([institution()], DAY) == (directory.linked(MAT), directory.register_day())
                assert (group(), [succession]) == (directory.group(MAT), directory.successors([URN]))


def test_institutions_are_written_a_thousand_at_a_time(sqlite: Engine) -> None:
    """So memory does not grow with the register."""
    directory = SqlInstitutionDirectory(sqlite)
    statements = statements_of(sqlite, lambda: directory.load(sample()))
    written = [len(rows) for statement, rows in statements if "INTO datashare_directory_institutions" in statement]

    assert [1_000, 1_000, 311] == written


# The tables


def test_the_two_kinds_of_tables_do_not_need_each_other(tmp_path: Path) -> None:
    """A host may keep agreements without the register, and the register without agreements."""
    with disposing(sqlite_engine(tmp_path / "register.db")) as engine:
        create_directory_schema(engine)
        assert directory_metadata.tables.keys().isdisjoint(metadata.tables)
        assert [] == SqlInstitutionDirectory(engine).linked(MAT)
        with pytest.raises(SchemaMismatch, match=r"no such table: datashare_schema. Call create_schema\(\)"):
            SqlAgreementStore(engine).states(MAT)


def test_nothing_is_known_before_a_register_is_loaded(engine: Engine) -> None:
    """Every answer is empty."""
    directory = SqlInstitutionDirectory(engine)

    assert [None, [], {}, {}, []] == [question() for question in questions(directory, MAT, [URN])]
    assert directory.register_day() is None


def test_missing_tables_are_refused_with_what_to_do(tmp_path: Path) -> None:
    """The error names the function that makes them; another version is left alone."""
    with disposing(sqlite_engine(tmp_path / "new.db")) as engine:
        directory = SqlInstitutionDirectory(engine)
        with pytest.raises(SchemaMismatch, match=r"no such table.* Call create_directory_schema\(\)"):
            directory.linked(MAT)
        create_directory_schema(engine)
        create_directory_schema(engine)
        assert [] == directory.linked(MAT)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE datashare_directory SET version = 7")
        for call in (partial(SqlInstitutionDirectory(engine).linked, MAT), partial(create_directory_schema, engine)):
            with pytest.raises(SchemaMismatch, match="of version 7, and this library needs version 1"):
                call()
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM datashare_directory")
        with pytest.raises(SchemaMismatch, match=r"in datashare_directory: call create_directory_schema\(\)"):
            SqlInstitutionDirectory(engine).linked(MAT)


@pytest.mark.parametrize("name", ["postgresql_server", pytest.param("mariadb_server", marks=pytest.mark.mariadb)])
def test_missing_tables_are_refused_on_a_server(name: str, request: pytest.FixtureRequest) -> None:
    """Each server has its own words for a missing table."""
    server: Server = request.getfixturevalue(name)
    with (
        server.database() as url,
        disposing(create_engine(url)) as engine,
        pytest.raises(SchemaMismatch, match=r"Call create_directory_schema\(\)"),
    ):
        SqlInstitutionDirectory(engine).linked(MAT)
