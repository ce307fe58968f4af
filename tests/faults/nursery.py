"""A process that begins workers, and kills them: each is a process of its own, begun without importing all anew.

It reads a job a line, and answers with the worker's exit code a line, which is -9 for a killed one.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs
from sqlalchemy import create_engine

from .worker import Job, made_up_world, work

PROJECT = Path(__file__).parents[2]
LONGEST_RUN = 120.0
"""A worker that takes so many seconds hangs."""

HANGS = 99


class Nursery:
    """Begins workers from a process of its own, which has one thread and can therefore be forked."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.nursery"]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(timeout=LONGEST_RUN + 10)

    def run(self, job: Job) -> tuple[int, float]:
        """Have a job done; give the worker's exit code, and the seconds that it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.monotonic()
        self._process.stdin.write(json.dumps(attrs.asdict(job)) + "\n")
        answer = self._process.stdout.readline()
        assert answer, "The nursery ended; its last words are above."
        return int(answer), time.monotonic() - began


def begin(job: Job) -> int:
    """Do a job in a process of its own, and kill that when its time has come; give its exit code."""
    ended, held = os.pipe()  # at its end the worker lets go of the pipe, and until it is waited for keeps its number
    worker = os.fork()
    if not worker:
        os._exit(_work(job))
    os.close(held)
    limit = LONGEST_RUN if job.seconds is None else job.seconds
    done, _, _ = select.select([ended], [], [], limit)
    if not done:
        os.kill(worker, signal.SIGKILL)
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    return HANGS if not done and job.seconds is None else code


def _work(job: Job) -> int:
    try:
        work(job, *WORLD)
    except BaseException:  # noqa: BLE001 - a worker must not return into the nursery
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


if __name__ == "__main__":
    WORLD = made_up_world()
    create_engine("postgresql+psycopg://")  # loads the driver, once for all workers
    for line in sys.stdin:
        sys.stdout.write(f"{begin(Job(**json.loads(line)))}\n")
        sys.stdout.flush()
