"""Measures, prints the table, and ends with code 1 if a bar was missed: `python -m bench`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import attrs

from tests.servers import Server, running_postgresql

from .access import access_lines
from .imports import import_lines
from .measuring import Line, table
from .reconciliation import reconciliation_lines
from .register import register_lines
from .requests import request_lines
from .sizes import VARIABLES, Sizes, sizes_in
from .tabs import tab_lines

Chapter = Callable[[Server, Sizes], Iterator[Line]]

CHAPTERS: Mapping[str, Chapter] = {
    "access": lambda _server, sizes: access_lines(sizes),
    "requests": request_lines,
    "register": register_lines,
    "reconciliation": lambda _server, sizes: reconciliation_lines(sizes),
    "tabs": tab_lines,
    "imports": lambda _server, sizes: import_lines(sizes),
}


def main() -> int:
    """Measure the chosen chapters; return 1 if a bar was missed, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure how fast the library is, and end with code 1 if a bar is missed.",
        epilog=f"Sizes come from the environment: {', '.join(VARIABLES)}.",
    )
    parser.add_argument(
        "chapters",
        nargs="*",
        metavar="CHAPTER",
        help=f"what to measure, by default what BENCH_ONLY names, or all: {', '.join(CHAPTERS)}",
    )
    chapters: list[str] = parser.parse_args().chapters
    sizes = sizes_in(os.environ)
    if chapters:
        sizes = attrs.evolve(sizes, only=",".join(chapters))
    lines = list(measured(sizes))
    missed = [line for line in lines if line.met is False]
    bars = [line for line in lines if line.met is not None]
    eased = "" if sizes.bars == 1 else f" Every bar was multiplied by {sizes.bars:g}."
    print(table(lines))
    print(
        f"\n{len(bars) - len(missed)} of {len(bars)} bars met.{eased} Least of {sizes.rounds} rounds (median), "
        f"{sizes.long_rounds} for long works; Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{datetime.now(UTC):%d %B %Y}."
    )
    return int(bool(missed))


def measured(sizes: Sizes) -> Iterator[Line]:
    """Measure chapter by chapter, and print the present one on standard error."""
    chapters = sizes.chapters(CHAPTERS)
    with running_postgresql() as server:
        for name in chapters:
            print(f"Measuring: {name} …", file=sys.stderr)
            for line in CHAPTERS[name](server, sizes):
                yield line if line.bar is None else attrs.evolve(line, bar=line.bar * sizes.bars)


if __name__ == "__main__":
    raise SystemExit(main())
