"""Runs the examples as a reader runs them."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_program(
    name: str, *arguments: str | Path, encoding: str = "utf-8", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run an example in a process of its own, on a terminal of this encoding."""
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        check=False,
        encoding=encoding,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": encoding, **environment},
    )


def call(
    capsys: pytest.CaptureFixture[str], main: Callable[[Sequence[str]], int], *arguments: str
) -> tuple[int, str, str]:
    """Call the main function of an example, and return its exit code, its output and its errors."""
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err
