"""The example that answers who could see a school on a day, run as an auditor runs it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pendulum
import pytest

from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from examples.audit import main
from tests.examples.programs import run_program
from tests.world import HILDA, MIS, OSCAR, World, imported

HEAD_OF_HILDA = "approved by urn:900001/head on 2 May 2025 at 16:00:00 BST."


def _other_tables() -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE other (number INTEGER)")
        return connection.serialize()


OTHER_TABLES = _other_tables()


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Ask, and return what is printed."""
    main(arguments)
    return capsys.readouterr().out


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    ("urn", "day", "expected"),
    [
        pytest.param("900001", "2025-05-03", HEAD_OF_HILDA, id="shared"),
        pytest.param("900001", "2025-05-02", HEAD_OF_HILDA, id="on-the-day-of-the-answer"),
        pytest.param("900001", "2025-05-01", "Nobody could see URN 900001 on 1 May 2025", id="a-day-before"),
        pytest.param("900002", "2025-06-03", "to 3 June 2025 at 02:00:00 BST mat:9901 could view", id="last-day"),
        pytest.param("900002", "2025-06-04", "Nobody could see URN 900002 on 4 June 2025", id="left"),
        pytest.param("123456", "2025-05-03", "Nobody could see URN 123456 on 3 May 2025", id="never"),
    ],
)
def test_the_story_answers_for_any_school_and_day(
    capsys: pytest.CaptureFixture[str], urn: str, day: str, expected: str
) -> None:
    """Who could see it, since when, until when, and on whose authority; or that nobody could."""
    assert expected in answer(capsys, urn, day)


@pytest.mark.rule("H1", "A10")
def test_a_file_is_answered_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Every group that a school shared with is named; a day before an import is not recorded here."""
    file = tmp_path / "Größe agreements.sqlite"
    engine = sqlite_engine(file)
    create_schema(engine)
    world = World(store=SqlAgreementStore(engine))
    world.clock.instant = pendulum.datetime(2025, 5, 2, 23, 30)
    world.approved(HILDA)
    world.trust().import_agreements([imported(OSCAR, MIS)], command_id="i")
    before = world.snapshot()
    engine.dispose()

    words = answer(capsys, str(HILDA), "2025-05-03", str(file))
    assert "mat:5143 could view the DfE's data and view live data from the MIS at URN 100000." in words
    assert "approved by urn:100000/head on 3 May 2025 at 00:30:00 BST." in words
    assert "Not recorded here: what mat:5143 could see of URN 100001" in answer(
        capsys, str(OSCAR), "2025-05-02", str(file)
    )
    assert before == world.snapshot()
    engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], "Usage: python audit.py URN DAY", id="nothing"),
        pytest.param(["900001"], "Usage", id="no-day"),
        pytest.param(["school", "2025-05-03"], "Usage", id="no-urn"),
        pytest.param([" 900001", "2025-05-03"], "Usage", id="urn-with-space"),
        pytest.param(["٩٠٠٠٠١", "2025-05-03"], "Usage", id="urn-in-arabic-digits"),
        pytest.param(["900001", "20250503"], "Usage", id="day-without-hyphens"),
        pytest.param(["900001", "2025-05-0３"], "Usage", id="day-in-full-width-digits"),
        pytest.param(["900001", "2025-02-29"], "There is no day 2025-02-29.", id="no-such-day"),
        pytest.param(["0", "2025-05-03"], "urn must be a URN", id="urn-out-of-range"),
        pytest.param(["900001", "2999-01-01"], "1 January 2999 is in the future", id="future"),
        pytest.param(["900001", "2025-05-03", "gone.sqlite"], "There is no file gone.sqlite.", id="no-file"),
        pytest.param(["900001", "2025-05-03", "a", "b"], "There is no file a b.", id="two-files"),
    ],
)
def test_what_cannot_be_answered_is_reported(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends with a message, and makes no file."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit, match=re.escape(expected)):
        main(arguments)
    assert [] == list(tmp_path.iterdir())


def test_a_message_goes_to_standard_error(tmp_path: Path) -> None:
    """The exit code is 1, and there is no trace."""
    ran = run_program("audit.py", "900001", cwd=tmp_path)

    assert (1, "") == (ran.returncode, ran.stdout)
    assert ran.stderr.startswith("Usage: python audit.py URN DAY")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "holds no agreements that this version of the library can read.", id="empty"),
        pytest.param(OTHER_TABLES, "holds no agreements that this version of the library can read.", id="other-tables"),
        pytest.param(b"Ours." * 1000, "cannot be read. The database said: file is not a database.", id="text"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """A file that holds no agreements is named as such, in words for a question, and stays as it is."""
    file = tmp_path / "notes.sqlite"
    file.write_bytes(content)

    with pytest.raises(SystemExit) as error:
        main(["900001", "2025-05-03", str(file)])

    assert f"{file} {why}" == str(error.value)
    assert {file: content} == {path: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.rule("H1", "H3")
@pytest.mark.parametrize("mode", [0o644, 0o444], ids=oct)
def test_evidence_stays_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, mode: int) -> None:
    """Not a byte of the file is changed, and nothing is left beside it; a write-protected copy is read too."""
    file = tmp_path / "evidence.sqlite"
    engine = sqlite_engine(file)
    create_schema(engine)
    World(store=SqlAgreementStore(engine)).approved(HILDA)
    engine.dispose()
    file.chmod(mode)
    before = file.read_bytes()

    answer(capsys, str(HILDA), "2025-05-03", str(file))

    assert {file: before} == {path: path.read_bytes() for path in tmp_path.iterdir()}
