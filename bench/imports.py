"""What importing the library takes, each time in a new interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from .measuring import Amount, Line, amount
from .sizes import Sizes

DEPENDENCIES = "import attrs, cattrs, pendulum"
OURS = "import datashare"
ALL_OF_OURS = "import datashare; [getattr(datashare, name) for name in datashare.__all__]"

TIMED = """
import time
start = time.perf_counter()
{code}
print(time.perf_counter() - start)
"""


def import_lines(sizes: Sizes) -> Iterator[Line]:
    """Measure the import of the library, bare and with every name that a tutorial needs taken from it."""
    taken: dict[str, list[float]] = {DEPENDENCIES: [], OURS: [], ALL_OF_OURS: []}
    for _ in range(sizes.rounds):
        for code, seconds in taken.items():
            seconds.append(_seconds(code))
    floor = amount(taken[DEPENDENCIES])
    yield _line("import datashare", amount(taken[OURS]), floor, bar=1.3)
    yield _line("import datashare and take all its names", amount(taken[ALL_OF_OURS]), floor, bar=None)


def _line(work: str, ours: Amount, floor: Amount, *, bar: float | None) -> Line:
    return Line(work=work, ours=ours, against=DEPENDENCIES, theirs=floor, bar=bar)


def _seconds(code: str) -> float:
    command = [sys.executable, "-c", TIMED.format(code=code)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
