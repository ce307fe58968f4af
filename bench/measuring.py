"""Times of several ways to do the same work, measured in turns, and whether the bars are met."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

import attrs

Work = Callable[[], object]
Contestant = Callable[[], AbstractContextManager[Work]]
"""Sets up, yields the work that is timed, and cleans up."""


@attrs.frozen(kw_only=True)
class Amount:
    """The seconds or bytes that one way of doing the work took.

    Attributes:
        least: The least of all rounds, which is compared.
        median: The median of all rounds.
        unit: The unit, ``s`` or ``B``.
    """

    least: float
    median: float
    unit: str = "s"

    def __str__(self) -> str:
        if self.unit == "B":
            return f"{self.least:,.0f} B"
        return f"{_seconds(self.least)} ({_seconds(self.median)})"


@attrs.frozen(kw_only=True)
class Line:
    """One line of the table.

    Attributes:
        work: The name of the work.
        ours: How much our way took.
        against: The name of the other way.
        theirs: How much the other way took.
        bar: The highest ratio of ours to theirs that is allowed; without a bar the ratio is only reported.
    """

    work: str
    ours: Amount
    against: str
    theirs: Amount
    bar: float | None = None

    @property
    def ratio(self) -> float:
        """How many times as much our way took."""
        return self.ours.least / self.theirs.least

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; `None` without a bar."""
        return None if self.bar is None else self.ratio <= self.bar


def amount(values: Sequence[float], unit: str = "s") -> Amount:
    """Return the least and the median of some rounds."""
    return Amount(least=min(values), median=statistics.median(values), unit=unit)


def in_turns(contestants: Mapping[str, Contestant], *, rounds: int) -> dict[str, Amount]:
    """Time each contestant once a round, so that whatever else the machine does slows all of them.

    Objects that exist beforehand are hidden from the garbage collector, which would walk the bench's own world again
    and again.
    """
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            with contestant() as work:
                gc.collect()
                gc.freeze()
                start = time.perf_counter()
                work()
                taken[name].append(time.perf_counter() - start)
            gc.unfreeze()
    return {name: amount(values) for name, values in taken.items()}


def table(lines: Iterable[Line]) -> str:
    """Return lines as a Markdown table, padded so that it can be read in a terminal."""
    head = ("work", "ours", "against", "theirs", "ratio", "bar", "")
    rows = [head, *map(_cells, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(_row(row, widths) for row in rows)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


_WORDS = {True: "met", False: "NOT MET", None: "reported"}


def _cells(line: Line) -> tuple[str, ...]:
    bar = "" if line.bar is None else f"≤ {line.bar:.3g}×"
    return line.work, str(line.ours), line.against, str(line.theirs), f"{line.ratio:.2f}×", bar, _WORDS[line.met]


def _seconds(value: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value < 1000 * size else f"{value / size:,.0f} {unit}"
    return f"{value * 1e9:.3g} ns"
