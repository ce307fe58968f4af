"""What `make bench` claims is measured, and a bar that is missed makes it fail."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bench.databases import TABLES, Database, PostgreSQL, SQLite
from bench.drift import LINKS, NEWER, OLDER, agreed_everywhere, write_two_registers
from bench.measuring import Amount, Line, table
from bench.register import write_full_size
from bench.sizes import Sizes, sizes_in
from bench.tabs import FIRST_CODE, _filled
from bench.world import TRUST, world_of
from datashare.adapters.gias import read_register
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import EndCause, fold
from datashare.domain.chain import BEFORE_THE_FIRST, chained
from datashare.domain.people import PersonId
from datashare.domain.register import GroupId
from tests.adapters.gias import made
from tests.servers import Server

PROJECT = Path(__file__).parents[2]
TINY = {
    "BENCH_SCHOOLS": "4",
    "BENCH_ALL_SCHOOLS": "5",
    "BENCH_AGREEMENTS": "1200",
    "BENCH_REGISTER_ROWS": "30",
    "BENCH_ROUNDS": "1",
}


def bench(**sizes: str) -> "subprocess.CompletedProcess[str]":
    """Run the bench as `make bench` does, at a tiny size."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BENCH_")}
    return subprocess.run(
        [sys.executable, "-m", "bench"],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**environment, "PYTHONIOENCODING": "utf-8", **TINY, **sizes},
    )


def test_every_work_of_the_design_is_measured() -> None:
    """One run measures all, and ends well where all bars are met, as they are when they are a million times as high."""
    done = bench(BENCH_BARS="1e6")

    assert done.returncode == 0, done.stderr
    works = {line.split(" | ")[0].removeprefix("| ").rstrip() for line in done.stdout.splitlines()[2:-2]}
    assert {
        "AccessMap.allows",
        "request 4 schools, SQLite file",
        "request 4 schools, PostgreSQL",
        "request 5 schools, SQLite file",
        "request 5 schools, PostgreSQL",
        "read the register, 30 rows × 135 columns",
        "memory to hold the register, an institution",
        "a plan for each of 2 trusts, two registers of 30 rows",
        "a tab of 100 schools among 1,200 agreements, SQLite file",
        "a tab of 100 schools among 1,200 agreements, PostgreSQL",
        "as-of for one agreement among 1,200 events, SQLite file",
        "as-of for one agreement among 1,200 events, PostgreSQL",
        "as-of for 100 schools among 1,200 events, SQLite file",
        "as-of for 100 schools among 1,200 events, PostgreSQL",
        "import datashare",
        "import datashare and take all its names",
    } == works
    assert "NOT MET" not in done.stdout
    assert "15 of 15 bars met. Every bar was multiplied by 1e+06." in done.stdout


def test_real_registers_can_be_brought(tmp_path: Path) -> None:
    """The older without the trusts of its schools, and the newer of a day that no other sample has reached."""
    bare = {name: cell for name, cell in made.SCHOOL.items() if not name.startswith("Trusts")}
    closed = made.SCHOOL | {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed"}
    downloads = {
        "BENCH_OLDER": ("edubasealldata20250718.csv", bare),
        "BENCH_NEWER": ("edubasealldata29990418.csv", closed),
        "BENCH_LINKS": ("links.csv", made.LINK),
        "BENCH_GROUP_LINKS": ("grouplinks.csv", made.GROUP_LINK),
    }
    for file, row in downloads.values():
        (tmp_path / file).write_bytes(made.download(row).getvalue())

    files = {name: str(tmp_path / file) for name, (file, _) in downloads.items()}
    done = bench(BENCH_BARS="1e6", BENCH_ONLY="drift", **files)

    assert done.returncode == 0, done.stderr
    assert "a plan for each of 1 trusts, two registers of 1 rows" in done.stdout


@pytest.mark.parametrize("name", ["BENCH_OLDER", "BENCH_NEWER"])
def test_a_register_alone_is_compared_with_nothing(name: str) -> None:
    """Otherwise the one that was brought would be left out unseen."""
    with pytest.raises(SystemExit, match=r"BENCH_OLDER and BENCH_NEWER go together\."):
        sizes_in({name: "register.csv"})


def test_a_bar_that_is_missed_is_told_and_fails() -> None:
    """A bar of a millionth is missed: the line says so, and the code is 1."""
    done = bench(BENCH_BARS="1e-6", BENCH_ONLY="access")

    assert done.returncode == 1, done.stderr
    assert "NOT MET" in done.stdout
    assert "0 of 1 bars met." in done.stdout


@pytest.mark.parametrize(
    ("ours", "bar", "met", "said"),
    [
        pytest.param(2.0, 2.0, True, "met", id="at-the-bar"),
        pytest.param(2.1, 2.0, False, "NOT MET", id="past-it"),
        pytest.param(99.0, None, None, "reported", id="no-bar"),
    ],
)
def test_a_line_tells_whether_its_bar_is_met(ours: float, bar: float | None, met: bool | None, said: str) -> None:
    """The least of the rounds is compared, not the median."""
    amount, floor = Amount(least=ours, median=500.0), Amount(least=1.0, median=1.0)
    line = Line(work="walk", ours=amount, against="run", theirs=floor, bar=bar)

    assert met is line.met
    assert f" {said} " in table([line])


def test_sizes_come_from_the_environment() -> None:
    """Numbers are read as such, other variables are passed over, and the rest stays as it is."""
    sizes = sizes_in({"BENCH_AGREEMENTS": "5000", "BENCH_BARS": "1.5", "PATH": "/bin"})

    assert Sizes(agreements=5000, bars=1.5) == sizes


@pytest.mark.parametrize("name", ["BENCH_SCHOLS", "BENCH_"])
def test_a_size_that_there_is_not_is_refused(name: str) -> None:
    """A name with a typing error would otherwise measure something else than was meant."""
    with pytest.raises(SystemExit, match=f"No such size: {name}. There are: BENCH_SCHOOLS, "):
        sizes_in({name: "7"})


def test_a_chapter_that_there_is_not_is_refused() -> None:
    """The chapters there are are named; those chosen come in their own order."""
    assert ["one", "three"] == Sizes(only="three, one").chapters(["one", "two", "three"])
    with pytest.raises(SystemExit, match=r"No such chapter: four\. There are: one, two\."):
        Sizes(only="four,one").chapters(["one", "two"])


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Give each database in turn."""
    if request.param == "sqlite":
        return SQLite()
    server: Server = request.getfixturevalue("postgresql_server")
    return PostgreSQL(server)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Give an empty database with our tables."""
    with database.engine() as engine:
        yield engine


def test_the_floor_writes_what_ours_writes(database: Database, engine: Engine) -> None:
    """After the floor's work the tables hold the very rows that our store wrote, two notices a school."""
    with database.engine() as other:
        world_of(3).request_all(SqlAgreementStore(other))
        rows = database.read(other)

    with database.writing(engine, rows) as work:
        work()

    assert rows == database.read(engine)
    assert [3, 3, 6, 3] == [len(rows[table.name]) for table in TABLES]


def test_a_store_is_filled_with_agreements_that_hold(database: Database) -> None:
    """The copies are as good as what the store wrote itself: each equals the fold of its events, in its own chain."""
    with _filled(database, world_of(100), 400) as engine:
        store = SqlAgreementStore(engine)
        group = GroupId.mat(str(FIRST_CODE + 2))
        states = store.states(group)
        head, text = database.read(engine)["datashare_events"][-1][4:6]

        assert 100 == len(states)
        assert all(state == fold(state.id, store.history(state.id)) for state in states)
        assert head == chained(BEFORE_THE_FIRST, text)
        assert 400 == sum(len(store.states(one)) for one in [TRUST, *(GroupId.mat(f"1000{n}") for n in (1, 2, 3))])


def test_the_full_size_register_is_read_without_a_problem(tmp_path: Path) -> None:
    """Rows beyond the sample come again under new URNs, with what schools have of their own made different."""
    file = tmp_path / "edubasealldata20250718.csv"
    assert 135 == write_full_size(file, 5000)

    register = read_register(file)

    assert (5000, 0) == (len(register.institutions), register.problem_count)
    same = [one for one in register.institutions.values() if one.urn % 2311 == next(iter(register.institutions)) % 2311]
    assert all(one.name != other.name and one.street != other.street for one, other in pairwise(same))


@pytest.mark.rule("E2", "E5")
def test_two_registers_nine_months_apart_show_what_really_happens(tmp_path: Path) -> None:
    """Schools close, move and are succeeded in the newer one, so that the plans have all of it to find."""
    write_two_registers(tmp_path, 5000)
    older, newer = read_register(tmp_path / OLDER), read_register(tmp_path / NEWER, links=tmp_path / LINKS)
    sharing, trusts = agreed_everywhere(older)
    there = MemoryInstitutionDirectory(
        newer.institutions.values(), groups=newer.groups.values(), successors=newer.successors, register_day=newer.day
    )

    plans = [sharing.for_group(trust, actor=PersonId(trust, "ana")).reconcile(there) for trust in trusts]

    assert (0, 0) == (older.problem_count, newer.problem_count)
    assert {EndCause.SCHOOL_CLOSED, EndCause.SUCCEEDED, EndCause.SCHOOL_LEFT_GROUP} == {
        one.cause for plan in plans for one in plan.ends
    }
    assert len(newer.successors) > sum(len(plan.to_ask) for plan in plans) > 0
    assert all(one.proposed for plan in plans for one in plan.successors)
    assert max(plan.standing for plan in plans) < 100 < sum(plan.standing for plan in plans)
