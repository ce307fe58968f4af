"""What `make bench` claims is measured, and a bar that is missed makes it fail."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bench.databases import TABLES, Database, PostgreSQL, SQLite
from bench.measuring import Amount, Line, table
from bench.sizes import Sizes, sizes_in
from bench.world import world_of
from datashare.adapters.sql import SqlAgreementStore
from tests.servers import Server

PROJECT = Path(__file__).parents[2]
TINY = {
    "BENCH_SCHOOLS": "4",
    "BENCH_ALL_SCHOOLS": "5",
    "BENCH_FEW_AGREEMENTS": "100",
    "BENCH_AGREEMENTS": "200",
    "BENCH_REGISTER_ROWS": "30",
    "BENCH_ROUNDS": "1",
}


def bench(*arguments: str, **sizes: str) -> "subprocess.CompletedProcess[str]":
    """Run the bench as `make bench` does, at a tiny size."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BENCH_")}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**environment, "PYTHONIOENCODING": "utf-8", **TINY, **sizes},
    )


def test_every_chapter_measures_its_works() -> None:
    """One run measures all, and ends well where every bar is raised a million times."""
    result = bench(BENCH_BARS="1e6")

    assert result.returncode == 0, result.stderr
    works = {line.split(" | ")[0].removeprefix("| ").rstrip() for line in result.stdout.splitlines()[2:-2]}
    assert {
        "AccessMap.allows",
        "request 4 schools, SQLite file",
        "request 4 schools, PostgreSQL",
        "request 5 schools, SQLite file",
        "request 5 schools, PostgreSQL",
        "read the register, 30 rows × 135 columns",
        "memory to hold the register, an institution",
        "load 30 institutions, SQLite file",
        "load 30 institutions, PostgreSQL",
        "a plan for each of 2 trusts, two registers of 30 rows",
        "a tab of 100 schools among 200 agreements, SQLite file",
        "a tab of 100 schools among 200 agreements, PostgreSQL",
        "as-of for one agreement among 200 events, SQLite file",
        "as-of for one agreement among 200 events, PostgreSQL",
        "as-of for 100 schools among 200 events, SQLite file",
        "as-of for 100 schools among 200 events, PostgreSQL",
        "import datashare",
    } == works
    assert "NOT MET" not in result.stdout


def test_a_missed_bar_fails() -> None:
    """A bar of a millionth is missed: the line says so, and the exit code is 1; an argument comes before a variable."""
    result = bench("access", BENCH_BARS="1e-6", BENCH_ONLY="tabs")

    assert result.returncode == 1, result.stderr
    assert "NOT MET" in result.stdout
    assert "0 of 1 bars met." in result.stdout


@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [
        ("--help", 0, "access, requests, register, reconciliation, tabs, imports"),
        ("--only", 2, "unrecognized arguments: --only"),
        ("four", 1, "No such chapter: four. There are: access, requests, "),
    ],
    ids=["help", "unknown option", "unknown chapter"],
)
def test_help_and_wrong_arguments_measure_nothing(argument: str, code: int, text: str) -> None:
    """Help names the chapters and the variables; what is not known is refused before any server starts."""
    result = bench(argument)
    words = " ".join(result.stdout.split() + result.stderr.split())

    assert (code, True) == (result.returncode, text in words)
    assert "Measuring" not in words
    assert code or "BENCH_REGISTER_ROWS" in words


@pytest.mark.parametrize(
    ("ours", "bar", "met", "verdict"),
    [
        pytest.param(2.0, 2.0, True, "met", id="at-the-bar"),
        pytest.param(2.1, 2.0, False, "NOT MET", id="past-it"),
        pytest.param(99.0, None, None, "reported", id="no-bar"),
    ],
)
def test_a_line_says_whether_its_bar_is_met(ours: float, bar: float | None, met: bool | None, verdict: str) -> None:
    """The least of the rounds is compared, not the median."""
    amount, floor = Amount(least=ours, median=500.0), Amount(least=1.0, median=1.0)
    line = Line(work="walk", ours=amount, against="run", theirs=floor, bar=bar)

    assert met is line.met
    assert f" {verdict} " in table([line])


def test_sizes_come_from_the_environment() -> None:
    """Other variables are ignored, chapters come in their own order, and unknown names are refused."""
    assert Sizes(agreements=5000, bars=1.5) == sizes_in({"BENCH_AGREEMENTS": "5000", "BENCH_BARS": "1.5", "PATH": "/"})
    assert ["one", "three"] == Sizes(only="three, one").chapters(["one", "two", "three"])
    with pytest.raises(SystemExit, match=r"No such size: BENCH_SCHOLS\. There are: BENCH_SCHOOLS, "):
        sizes_in({"BENCH_SCHOLS": "7"})
    with pytest.raises(SystemExit, match=r"No such chapter: four\. There are: one, two\."):
        Sizes(only="four,one").chapters(["one", "two"])
    with pytest.raises(SystemExit, match=r"BENCH_OLDER and BENCH_NEWER go together\."):
        sizes_in({"BENCH_OLDER": "register.csv"})


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return each database in turn."""
    if request.param == "sqlite":
        return SQLite()
    server: Server = request.getfixturevalue("postgresql_server")
    return PostgreSQL(server)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Yield an empty database with the library's tables."""
    with database.engine() as engine:
        yield engine


def test_the_floor_writes_what_the_library_writes(database: Database, engine: Engine) -> None:
    """After the floor's work the tables hold the very rows that the store wrote, two notices a school."""
    with database.engine() as other:
        world_of(3).request_all(SqlAgreementStore(other))
        rows = database.read(other)

    with database.writing(engine, rows) as work:
        work()

    assert rows == database.read(engine)
    assert [3, 3, 6, 3] == [len(rows[table.name]) for table in TABLES]
