"""List the schools that a trust or local authority sees, from any download of the register.

    python examples/list_schools.py ESTABLISHMENTS.csv UID-or-LA:code

ESTABLISHMENTS.csv is "Establishment fields CSV" of https://get-information-schools.service.gov.uk/Downloads,
plain, zipped or gzipped. The group is a trust's UID, such as 5143, or a local authority's code after LA:,
such as LA:870.

The list goes to standard output, and its last line is the count alone, always in the form "92 schools". Rows that
could not be read are reported on standard error. The exit code is 0; 1 if the file does not name the group, with the
count "0 schools"; 2 for bad arguments and for files that cannot be read, without a count.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from datashare.adapters.gias import Register, read_register
from datashare.clock import SystemClock
from datashare.domain.instants import day_words, london_day
from datashare.domain.policy import Policy
from datashare.domain.register import EstablishmentStatus, Group, GroupId, Institution
from datashare.domain.visibility import Visibility, link_with, visibility, visible_institutions
from datashare.errors import DatashareError

USAGE = """\
Usage: python list_schools.py ESTABLISHMENTS.csv UID-or-LA:code

  ESTABLISHMENTS.csv  "Establishment fields CSV" of https://get-information-schools.service.gov.uk/Downloads,
                      plain, zipped or gzipped
  UID-or-LA:code      a trust's group UID, such as 5143, or a local authority, such as LA:870
"""
DONE, NO_SUCH_GROUP, MISUSED = 0, 1, 2
PROBLEMS_SHOWN = 10
PLAIN_WIDTH = 160
"""The width where there is no terminal, so that no row is folded."""


def main(arguments: Sequence[str]) -> int:
    """List the schools, and return the exit code."""
    out, err = _console(sys.stdout), _console(sys.stderr)
    if len(arguments) != 2:
        err.print(USAGE, end="")
        return MISUSED
    try:
        id_ = _group_id(arguments[1])
        register = read_register(arguments[0], keep=lambda institution: bool(link_with(institution, id_)))
    except DatashareError as exc:
        err.print(str(exc))
        return MISUSED
    _print_problems(register, err)
    group = register.groups.get(id_)
    if group is None:
        err.print(f"{arguments[0]} names no {id_.kind.label} {id_.code}. Check the code and the file.")
        _print_count(0, out)
        return NO_SUCH_GROUP
    _list(register, group, out)
    return DONE


def _group_id(text: str) -> GroupId:
    return GroupId.parse(text.casefold() if ":" in text else f"mat:{text}")


def _print_problems(register: Register, err: Console) -> None:
    for problem in register.problems[:PROBLEMS_SHOWN]:
        err.print(f"Warning: {problem}")
    if register.problem_count:
        rows = "1 row" if register.problem_count == 1 else f"{register.problem_count} rows"
        err.print(f"Warning: {rows} of {register.rows:,} could not be read; the list may lack schools.")


def _list(register: Register, group: Group, out: Console) -> None:
    day = register.day or london_day(SystemClock().now())
    policy = Policy.for_kind(group.id.kind)
    linked = tuple(register.institutions.values())
    listed = visible_institutions(linked, group=group, policy=policy, day=day)
    answers = {school.urn: visibility(school.urn, school, group=group, policy=policy, day=day) for school in linked}
    title = f"{group.name} ({group.id}) on {day_words(day)}"
    if listed:
        out.print(_table(title, [(school, answers[school.urn]) for school in listed]))
    else:
        out.print(title)
    hidden = Counter(reason.because for answer in answers.values() for reason in answer.reasons)
    if hidden:
        reasons = ", ".join(f"{number} {because.value.replace('_', ' ')}" for because, number in hidden.items())
        out.print(f"Linked but not listed: {reasons}.")
    _print_count(len(listed), out)


def _table(title: str, schools: Sequence[tuple[Institution, Visibility]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("URN", "Name", "Phase", "Type", "Town", "Remarks"):
        table.add_column(heading, no_wrap=heading == "URN")
    for school, answer in schools:
        table.add_row(
            str(school.urn),
            school.name,
            school.phase.label,
            school.establishment_type.name if school.establishment_type else "",
            school.town,
            "; ".join(_remarks(school, answer)),
        )
    return table


def _remarks(school: Institution, answer: Visibility) -> Iterator[str]:
    if school.status is not EstablishmentStatus.OPEN:
        yield school.status_name
    for warning in answer.warnings:
        yield warning.value


def _print_count(number: int, out: Console) -> None:
    out.print(f"{number} schools")  # always in this form, for programs that read it


def _console(stream: TextIO) -> Console:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal without É shows ?, and the list goes on
    width = None if stream.isatty() else PLAIN_WIDTH
    # Names of schools are shown as they are, whatever brackets and colons they hold.
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
