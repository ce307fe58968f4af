"""How long it takes to import the library, each time in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from .measuring import Line, amount
from .sizes import Sizes

DEPENDENCIES = "import attrs, cattrs, pendulum"
OURS = "import datashare"

TIMED = """
import time
start = time.perf_counter()
{code}
print(time.perf_counter() - start)
"""


def import_lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the import of the library, which brings every name that a tutorial needs."""
    taken: dict[str, list[float]] = {DEPENDENCIES: [], OURS: []}
    for _ in range(sizes.rounds):
        for code, seconds in taken.items():
            command = [sys.executable, "-c", TIMED.format(code=code)]
            # Compiled modules must be kept, or the library is compiled anew each time.
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
            process = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
            seconds.append(float(process.stdout))
    yield Line(work=OURS, ours=amount(taken[OURS]), against=DEPENDENCIES, theirs=amount(taken[DEPENDENCIES]), bar=2.2)
