"""The example that lists a group's schools, run as a reader runs it."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from examples.list_schools import main
from tests.adapters.gias import sample
from tests.examples.programs import call, run_program


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    """Run the example, and return its exit code, the lines of its output, and its errors."""
    code, out, err = call(capsys, main, *arguments)
    return code, out.splitlines(), err


@pytest.mark.rule("V1", "V2")
@pytest.mark.parametrize(
    ("group", "last"),
    [
        ("5143", "92 schools"),
        ("4320", "62 schools"),
        ("2053", "57 schools"),
        ("2974", "38 schools"),
        ("mat:17690", "1 schools"),
        ("3946", "0 schools"),
        ("LA:870", "73 schools"),
        ("la:420", "1 schools"),
    ],
)
def test_the_last_line_is_the_count_alone(capsys: pytest.CaptureFixture[str], group: str, last: str) -> None:
    """Trusts and authorities of the real rows show their number of schools."""
    code, lines, errors = listed(capsys, str(sample.ESTABLISHMENTS), group)

    assert (0, last, "") == (code, lines[-1], errors)


def test_it_runs_as_a_program_into_a_pipe() -> None:
    """Without a terminal each school is on one line, by folded name."""
    ran = run_program("list_schools.py", str(sample.ESTABLISHMENTS), "5188", COLUMNS="40")
    lines = ran.stdout.splitlines()

    assert "FIERTÉ MULTI-ACADEMY TRUST (mat:5188) on 18 July 2025" == lines[0].strip()
    assert 10 == sum(" Tamworth " in line or " Burton-on-Trent " in line or "Academy" in line for line in lines[4:-2])
    assert (0, "10 schools", "") == (ran.returncode, lines[-1], ran.stderr)


def test_a_terminal_without_the_letters_shows_question_marks() -> None:
    """Letters that the terminal cannot show do not stop the list."""
    ran = run_program("list_schools.py", str(sample.ESTABLISHMENTS), "5188", encoding="ascii")

    assert "FIERT? MULTI-ACADEMY TRUST" in ran.stdout
    assert "10 schools" == ran.stdout.splitlines()[-1]


def test_remarks_and_hidden_schools_are_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A proposed closure and a date that does not fit are remarks; hidden schools are counted."""
    path = tmp_path / "edubasealldata20250718.csv"
    proposed = {"EstablishmentStatus (code)": "3", "EstablishmentStatus (name)": "Open, but proposed to close"}
    closed = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed"}
    named = sample.SCHOOL | {"EstablishmentName": "[red]St Hilda[/red] :school:", "TypeOfEstablishment (code)": ""}
    path.write_bytes(
        sample.download(
            named,
            sample.SCHOOL | proposed | {"URN": "100001", "CloseDate": "01-01-2025"},
            sample.SCHOOL | closed | {"URN": "100002"},
        ).getvalue()
    )
    code, lines, errors = listed(capsys, str(path), "5143")

    assert (0, "2 schools", "Linked but not listed: 1 closed.", "") == (code, lines[-1], lines[-2], errors)
    assert "[red]St Hilda[/red] :school:" in "\n".join(lines)
    assert "Open, but proposed to close; its close date has passed" in " ".join("\n".join(lines).split())


@pytest.mark.parametrize("pack", ["csv", "gz", "zip"])
def test_any_download_will_do(capsys: pytest.CaptureFixture[str], tmp_path: Path, pack: str) -> None:
    """Plain, zipped and gzipped, under any name; without a day in the name, today counts."""
    content, path = sample.download(sample.SCHOOL).getvalue(), tmp_path / f"download.{pack}"
    if pack == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schools.csv", content)
    else:
        path.write_bytes(gzip.compress(content) if pack == "gz" else content)

    code, lines, _ = listed(capsys, str(path), "5143")
    assert (0, "1 schools") == (code, lines[-1])


def test_rows_that_cannot_be_read_are_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The first are reported one by one, and all are counted; the readable rows are listed."""
    path = tmp_path / "schools.csv"
    bad = [sample.SCHOOL | {"URN": f"x{i}"} for i in range(12)]
    others = [sample.SCHOOL | {"URN": str(urn), "Trusts (code)": "16"} for urn in range(200_000, 201_187)]
    path.write_bytes(sample.download(sample.SCHOOL, *bad, *others).getvalue())
    code, lines, errors = listed(capsys, str(path), "5143")

    assert (0, "1 schools", 11) == (code, lines[-1], errors.count("Warning: "))
    assert 'line 3: column "URN" is not a URN' in errors
    assert "12 rows of 1,200 could not be read; the list may lack schools." in errors


def test_a_group_that_is_not_in_the_file_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """The count is 0, and the exit code 1."""
    for group, words in (("99", "trust 99"), ("LA:999", "local authority 999")):
        code, lines, errors = listed(capsys, str(sample.ESTABLISHMENTS), group)
        assert (1, ["0 schools"]) == (code, lines)
        assert f"names no {words}. Check the code and the file." in errors


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("schools.csv",),
        ("schools.csv", "5143", "more"),
        ("schools.csv", "United Learning"),
        ("schools.csv", "LA:8"),
        ("schools.csv", "sponsor:5142"),
        ("schools.csv", ""),
        ("nowhere.csv", "5143"),
        (".", "5143"),
        (str(sample.LINKS), "5143"),
        (str(sample.DATA / "README.md"), "5143"),
    ],
    ids=[
        "none", "one", "three", "name", "short code", "unknown kind", "no group", "no file", "folder", "other download",
        "no CSV",
    ],
)  # fmt: skip
def test_bad_arguments_and_files_are_reported(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    """They get a clear message, no count and the exit code 2."""
    code, lines, errors = listed(capsys, *arguments)

    assert (2, []) == (code, lines)
    assert errors.strip().endswith((".", "LA:870"))
    assert "Traceback" not in errors


def test_a_program_that_cannot_read_its_file_shows_no_traceback() -> None:
    """Run as a program it exits with the code 2 and a message."""
    ran = run_program("list_schools.py", "nowhere.csv", "5143")

    assert (2, "") == (ran.returncode, ran.stdout)
    assert "nowhere.csv cannot be read: there is no such file. Check the path.\n" == ran.stderr
