"""Everybody at once: forked workers with many threads that click, accept and deliver through the shipped helpers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .crowd import ROUNDS, TOGETHER, WORKERS
from .nursery import PROJECT

DEADLINE = 120.0
"""Seconds; the program takes a few, and one that hangs is ended."""


@pytest.mark.rule("K4", "O3")
@pytest.mark.parametrize(("kind", "threads"), [("sql", 16), ("django", 4)], ids=["sql", "django"])
def test_of_a_crowd_in_forked_workers_one_does_each_deed_and_sends_each_message(
    kind: str, threads: int, postgresql_url: str, tmp_path: Path
) -> None:
    """Each thread clicks and accepts under the same command ids; the others get the answer of the one."""
    program = [sys.executable, "-W", "error", "-m", f"tests.faults.crowd_{kind}"]
    command = [*program, postgresql_url, str(threads), str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True, timeout=DEADLINE)

    assert (0, "") == (done.returncode, done.stderr)
    answers = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.deeds")]
    stored = json.loads((tmp_path / "stored").read_text(encoding="utf-8"))
    assert WORKERS * [2 * TOGETHER * ROUNDS * threads] == [count for count, _ in answers]
    assert TOGETHER * ROUNDS * [["RequestSent", "RequestApproved"]] == [
        [kind for _, kind in events] for events in stored["events"]
    ]
    saved = [id_ for events in stored["events"] for id_, _ in events]
    assert sorted(saved) == sorted(id_ for _, own in answers for id_ in own)
    lines = [line for path in tmp_path.glob("*.sent") for line in path.read_text(encoding="utf-8").splitlines()]
    sent = [json.loads(line)["notice"] for line in lines]
    delivered = {id_ for id_, status in stored["notices"].items() if status == "DELIVERED"}
    cancelled = {id_ for id_, status in stored["notices"].items() if status == "CANCELLED"}
    assert delivered | cancelled == stored["notices"].keys()
    assert len(sent) == len(set(sent))
    # Who approves cancels what asks for an answer, even while another is sending it.
    assert delivered <= set(sent) <= delivered | cancelled
