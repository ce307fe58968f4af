"""What could not be read, or is odd: bad rows one by one, all else counted by column."""

from __future__ import annotations

from collections import Counter

import attrs

from datashare.errors import LONGEST_SENTENCE, BadRow, plain_line, shown

PROBLEMS_KEPT = 1_000


@attrs.frozen(kw_only=True)
class RegisterWarning:
    """Something in a file that is odd, or that was left out although its row was read.

    Attributes:
        file: The file's name.
        column: The column's name; empty where the file as a whole is meant.
        why: What is odd, as the end of a sentence.
        count: How often.
        line: The line of the first of them, counted from 1; 0 where no line can be named.
        value: The text of the cell there, at most its first 20,000 characters.
    """

    file: str
    column: str
    why: str
    count: int = 1
    line: int = 0
    value: str = ""

    def __str__(self) -> str:
        file, subject = plain_line(self.file), f'column "{plain_line(self.column)}"' if self.column else "it"
        times = f", {self.count:,} times, first" if self.count > 1 else ""
        place = f" in line {self.line}" if self.line else ""
        example = f": {shown(self.value)}" if self.value else ""
        return f"{file}: {subject} {plain_line(self.why, LONGEST_SENTENCE)}{times}{place}{example}."


class Problems:
    """Receives bad rows: raises the first one if strict, or else keeps the first of them and counts the rest.

    Attributes:
        first: The first thousand rows that are lost.
        count: How many rows are lost.
    """

    def __init__(self, *, strict: bool) -> None:
        self.first: list[BadRow] = []
        self.count = 0
        self._strict = strict
        self._warnings: dict[tuple[str, str, str], RegisterWarning] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def __call__(self, bad: BadRow) -> None:
        """Receive a bad row; one that loses nothing is never raised."""
        if self._strict and bad.lost != "nothing":
            raise bad
        if bad.lost == "row":
            self.count += 1
            if self.count <= PROBLEMS_KEPT:
                self.first.append(bad)
            return
        self.warn(bad.file, bad.column, bad.why, bad.value, line=bad.line)

    def again(self, file: str, column: str, why: str) -> bool:
        """Count a warning that came before, and return whether it did; no error is built for it."""
        key = file, column, why
        if key not in self._warnings:
            return False
        self._counts[key] += 1
        return True

    def warn(self, file: str, column: str, why: str, value: str = "", *, line: int = 0) -> None:
        """Add a warning, or count it if it came before."""
        if not self.again(file, column, why):
            key = file, column, why
            self._warnings[key] = RegisterWarning(file=file, column=column, why=why, line=line, value=value)
            self._counts[key] = 1

    @property
    def warnings(self) -> tuple[RegisterWarning, ...]:
        """The warnings, in the order in which they came first."""
        return tuple(attrs.evolve(warning, count=self._counts[key]) for key, warning in self._warnings.items())
