"""The example that shows what a newer register means, run as a reader runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from examples.new_register import main
from tests.adapters.gias import sample
from tests.examples.programs import call, run_program

CLOSED = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed", "CloseDate": "31-08-2025"}
REAL = str(sample.ESTABLISHMENTS)


def school(urn: str, **cells: str) -> dict[str, str]:
    """Return the row of a school."""
    return sample.SCHOOL | {"URN": urn, "EstablishmentName": f"School {urn}"} | sample.named(cells)


def written(path: Path, *rows: Mapping[str, str]) -> str:
    """Write a download, and return its path."""
    path.write_bytes(sample.download(*rows).getvalue())
    return str(path)


OLD = [school("100000"), school("100001"), school("100002")]
NEW = [
    school("100000") | CLOSED,
    school("100001") | {"Trusts (code)": "", "Trusts (name)": ""},
    school("100002"),
    school("100003"),
    school("100004"),
]


@pytest.mark.rule("E2", "E5")
def test_the_plan_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Closed schools and those that left end, new ones are listed, and the links name the successor."""
    arguments = [
        written(tmp_path / "edubasealldata20250718.csv", *OLD),
        written(tmp_path / "edubasealldata20260418.csv", *NEW),
        "5143",
        written(tmp_path / "links.csv", sample.LINK | {"LinkURN": "100003", "LinkEstablishedDate": ""}),
    ]

    code, out, err = call(capsys, main, *arguments)

    assert (0, "") == (code, err)
    assert (
        """\
UNITED LEARNING TRUST (mat:5143), register of 18 April 2026
Agreements and open requests that stand: 3.

Agreements to end (2):
  - School 100000 (100000), MIS Data: the school was succeeded by another – it closed on 31 August 2025.
  - School 100001 (100001), MIS Data: the school left the group – the register does not link it with the group \
(it is in no trust).

Schools that joined and have no agreement (1):
  - School 100004 (100004)

Successors to ask (1):
  - School 100003 (100003) after 100000, MIS Data suggested. Evidence: 100000 → 100003, Successor, undated, \
same number, 1 to at least 1. Look at: undated.

This is a plan: nothing has been done yet.
"""
        == out
    )


@pytest.mark.rule("E2")
@pytest.mark.parametrize("group", ["5143", "mat:4320", "LA:870"])
def test_the_same_download_twice_leaves_nothing_to_end(capsys: pytest.CaptureFixture[str], group: str) -> None:
    """Real rows and links: every school is as it was."""
    code, out, err = call(capsys, main, REAL, REAL, group, str(sample.LINKS))

    assert (0, "") == (code, err)
    assert "to end" not in out
    assert "no agreement" not in out
    assert "register of 18 July 2025" in out


def test_it_runs_as_a_program_into_a_pipe() -> None:
    """A terminal without the letters shows question marks, and the plan goes on."""
    ran = run_program("new_register.py", REAL, REAL, "5188", encoding="ascii")

    assert ran.stdout.startswith("FIERT? MULTI-ACADEMY TRUST (mat:5188), register of 18 July 2025")


def test_a_download_without_a_day_counts_as_of_today(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Either of them; then neither is known to be older."""
    old, new = written(tmp_path / "old.csv", *OLD), written(tmp_path / "new.csv", *NEW)

    assert "Agreements to end (2):" in call(capsys, main, old, new, "5143")[1]


def test_rows_that_cannot_be_read_are_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """For each file, since a missing school is unclear."""
    others = [sample.SCHOOL | {"URN": str(urn), "Trusts (code)": "16"} for urn in range(200_000, 201_200)]
    old = written(tmp_path / "old.csv", *OLD, *[school(f"x{n}") for n in range(12)], *others)
    links = written(tmp_path / "links.csv", sample.LINK, sample.LINK | {"URN": "x"})

    code, out, err = call(capsys, main, old, written(tmp_path / "new.csv", *OLD), "5143", links)

    assert (0, True) == (code, "Nothing to do." in out)
    assert 'column "URN" is not a URN' in err
    assert "old.csv: 12 rows could not be read, so the plan may be wrong." in err
    assert "The links: 1 rows could not be read, so the plan may be wrong." in err
    assert 10 + 1 + 2 == err.count("Warning: ")


@pytest.mark.rule("V1")
def test_group_links_say_who_was_in_which_trust_if_the_older_file_does_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without them the message says what is missing, and how to add it."""
    bare = [sample.without(row, "Trusts (code)", "Trusts (name)") for row in OLD]
    old, new = written(tmp_path / "old.csv", *bare), written(tmp_path / "new.csv", *NEW)
    linked = written(tmp_path / "groups.csv", *[sample.GROUP_LINK | {"URN": row["URN"]} for row in OLD])

    question = f'{old} names no trust at all; does it lack the column "Trusts (code)"?'
    advice = "For OLD.csv, add the group links of its day: --group-links FILE."
    assert (2, "", f"{question} {advice}\n") == call(capsys, main, old, new, "5143")
    assert "Agreements to end (2):" in call(capsys, main, old, "--group-links", linked, new, "5143")[1]
    assert "Nothing to do." in call(capsys, main, old, old, "LA:870")[1]  # an authority needs no links


@pytest.mark.rule("E3")
@pytest.mark.parametrize("place", [0, 1], ids=["older", "newer"])
def test_a_file_that_is_named_for_a_day_in_the_future_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: int
) -> None:
    """The message says which of the two it is."""
    files = [written(tmp_path / "old.csv", *OLD), written(tmp_path / "new.csv", *NEW)]
    files[place] = written(tmp_path / "edubasealldata29990718.csv", *NEW)

    code, out, err = call(capsys, main, *files, "5143")

    assert (2, "", f"{files[place]} is named for 18 July 2999, which is in the future. Check its name.\n") == (
        code,
        out,
        err,
    )


def test_a_group_that_is_not_in_the_older_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It had no agreements that could end."""
    for group, words in (("99", "trust 99"), ("LA:999", "local authority 999")):
        expected = (1, "", f"{REAL} names no {words}. Check the code and the file.\n")
        assert expected == call(capsys, main, REAL, REAL, group)


@pytest.mark.rule("E3")
def test_files_in_the_wrong_order_and_files_of_others_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An older register and one without the group's schools would end what stands."""
    old = written(tmp_path / "edubasealldata20250718.csv", *OLD)
    new = written(tmp_path / "edubasealldata20260418.csv", *NEW)
    others = written(tmp_path / "edubasealldata20260419.csv", school("100009") | {"Trusts (code)": "99"})

    for arguments, words in (
        ([new, old], "The register is of 18 July 2025, and that of 18 April 2026 was applied"),
        ([old, others], "The register is empty, or holds no school of the group. Load the whole register."),
    ):
        code, out, err = call(capsys, main, *arguments, "5143")
        assert (2, "", True) == (code, out, err.startswith(words))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (REAL, REAL),
        (REAL, REAL, "United Learning"),
        (REAL, REAL, "sponsor:5142"),
        ("nowhere.csv", REAL, "5143"),
        (REAL, ".", "5143"),
        (REAL, str(sample.LINKS), "5143"),
        (REAL, REAL, "5143", REAL),
        (REAL, REAL, "5143", "nowhere.csv"),
        (REAL, REAL, "5143", "--group-links", REAL),
    ],
    ids=[
        "none", "two", "name", "unknown kind", "no old file", "folder", "other download", "no links", "no links file",
        "no group links",
    ],
)  # fmt: skip
def test_bad_arguments_and_files_are_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    """With clear words, no plan and the exit code 2."""
    code, out, err = call(capsys, main, *arguments)

    assert (2, "") == (code, out)
    assert err.strip().endswith((".", 'lacks the column "Trusts (code)"'))
    assert "Traceback" not in err
