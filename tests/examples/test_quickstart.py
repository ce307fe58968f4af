"""The quickstart tells its whole story, and what it tells is true."""

import subprocess
import sys
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.py"


def tell(encoding: str) -> str:
    """Run the example as a user does, on a terminal of this encoding, and give what it prints in single spaces."""
    done = subprocess.run(
        [sys.executable, QUICKSTART],
        check=True,
        capture_output=True,
        encoding=encoding,
        env={"COLUMNS": "200", "PYTHONIOENCODING": encoding, "PATH": ""},
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def told() -> str:
    """Give the story as a modern terminal shows it."""
    return tell("utf-8")


@pytest.mark.parametrize(
    "sentence",
    [
        "Read 2,311 institutions as they were on 2025-07-18.",
        "Search “kirk” among primaries: Kirkbymoorside Community Primary School",
        "Stokesley School (121669) is hidden from ARETÉ LEARNING TRUST: the register does not link it",
        "(it is in no trust); it closed on 31 March 2015.",
        "it is due to open on 1 September 2025.",
        "(it is in trust 16309 THE GOLDEN THREAD ALLIANCE).",
        "URN 999999 is hidden from ARETÉ LEARNING TRUST: the register has no such URN.",
        "It would ask 10 schools and send 20 messages.",
        "149551 would not be asked. The school has no MIS site",
        "First click: 10 schools asked, 10 messages.",
        "Second click: 10 answered from the record, 0 messages.",
        "10 reminders, one for each open request.",
        "Message that would be sent: approved",
        "Message that would be sent: declined",
        "Second thoughts: Request mat:5622/145090/1 was declined by Head of 145090 (urn:145090/head)",
        "In force at present: MIS Data",
        "Adds: log in to the MIS",
        "MIS Data & Trust Actions is in force, and a level is never reduced.",
        "ARETÉ LEARNING TRUST may view live data from the MIS at Stokesley School (141930).",
        "ARETÉ LEARNING TRUST may not view live data from the MIS at Richmond School (145090). No",
        "Ana Okafor may not log in to the MIS at Stokesley School (141930).",
        "Ana Okafor may log in to the MIS at Ryedale School (148377).",
    ],
    ids=lambda sentence: sentence[:40],
)
def test_the_story_is_told(told: str, sentence: str) -> None:
    """Each step of the story is printed with its outcome."""
    assert sentence in told


def test_every_school_of_the_trust_is_listed(told: str) -> None:
    """The table holds the eleven open schools of the trust."""
    urns = [136728, 138845, 141930, 145090, 146969, 148374, 148375, 148376, 148377, 149551, 151399]

    assert [urn for urn in urns if f"│ {urn} │" in told] == urns


def test_a_terminal_without_accents_is_told_the_story_too() -> None:
    """Where a letter cannot be shown, the rest still is."""
    assert "ARET? LEARNING TRUST may view live data" in tell("ascii")
