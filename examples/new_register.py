"""Show what a newer download of the register means for a trust's or local authority's agreements.

    python examples/new_register.py OLD.csv NEW.csv UID-or-LA:code [LINKS.csv …] [--group-links FILE]

OLD.csv and NEW.csv are "Establishment fields CSV" of https://get-information-schools.service.gov.uk/Downloads, of two
days, as they are, zipped or gzipped. LINKS.csv is "Establishment links CSV" of the newer day: it names the successors.
If OLD.csv lacks the column "Trusts (code)", FILE says which school was in which trust: it is "All group links records"
or "Academy sponsor and trust links" of the older day.
The plan assumes that every school that the group saw in OLD.csv had agreed to share its MIS Data.

The plan goes to standard output; nothing is kept and no message is sent. Rows that could not be read are reported on
standard error. The exit code is 0; 1 if OLD.csv names no such group; 2 for bad arguments, for files that cannot be
read, whose name holds a day in the future or that name no trusts, and if NEW.csv is older than OLD.csv, or lacks more
than a tenth of the group's schools in it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta

import attrs

from datashare import (
    AccessLevel,
    DataSharing,
    GroupId,
    GroupKind,
    ImportAgreement,
    Permission,
    Person,
    PersonId,
    Policy,
    SystemClock,
)
from datashare.adapters.gias import Register, read_links, read_register, successors
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.domain.instants import day_words, london_day
from datashare.domain.reconciliation import Plan
from datashare.domain.register import SuccessorLink
from datashare.errors import BadRow, DatashareError

USAGE = """\
Usage: python new_register.py OLD.csv NEW.csv UID-or-LA:code [LINKS.csv ...] [--group-links FILE]

  OLD.csv, NEW.csv  "Establishment fields CSV" of https://get-information-schools.service.gov.uk/Downloads,
                    of two days, as they are, zipped or gzipped
  UID-or-LA:code    a trust's group UID, such as 5143, or a local authority, such as LA:870
  LINKS.csv         "Establishment links CSV" of the newer day, for the successors
  FILE              "All group links records" or "Academy sponsor and trust links" of the older day,
                    if OLD.csv lacks the column "Trusts (code)"
"""
GROUP_LINKS = "--group-links"
DONE, NO_SUCH_GROUP, MISUSED = 0, 1, 2
PROBLEMS_SHOWN = 10


def main(arguments: Sequence[str]) -> int:
    """Print the plan and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without É shows ?, and the plan goes on
    names, group_links = _split(arguments)
    if len(names) < 3:
        print(USAGE, end="", file=sys.stderr)
        return MISUSED
    old_file, new_file, group, *link_files = names
    try:
        id_ = GroupId.parse(group.casefold() if ":" in group else f"mat:{group}")
        old, new = read_register(old_file, group_links=group_links), read_register(new_file)
        links, bad_links = _links_in(link_files)
        _warn(old_file, old.problems, old.problem_count)
        _warn(new_file, new.problems, new.problem_count)
        _warn("The links", bad_links, len(bad_links))
        wrong = _unfit(old_file, old, id_) or _unfit(new_file, new, id_)
        if wrong:
            print(wrong, file=sys.stderr)
            return MISUSED
        if id_ not in old.groups:
            print(f"{old_file} names no {id_.kind.label} {id_.code}. Check the code and the file.", file=sys.stderr)
            return NO_SUCH_GROUP
        print(plan_for(id_, old, new, links))
    except DatashareError as exc:
        print(exc, file=sys.stderr)
        return MISUSED
    return DONE


def plan_for(group: GroupId, old: Register, new: Register, links: Iterable[SuccessorLink] = ()) -> Plan:
    """Return the plan of *new* for a group that has an agreement with every school that it saw in *old*."""
    reader = Person(
        id=PersonId(group, "reader"),
        name="Reader",
        permissions=[
            Permission.ADMINISTER_INSTITUTION_DETAILS,
            Permission.IMPORT_AGREEMENTS,
            Permission.APPLY_REGISTER,
        ],
    )
    people = MemoryPeopleDirectory([reader])
    policy = attrs.evolve(Policy.for_kind(group.kind), stale_register_after=timedelta.max)  # downloads of any age
    sharing = DataSharing(
        store=MemoryAgreementStore(), institutions=_directory(old), people=people, policies=lambda _group: policy
    )
    side = sharing.for_group(group, actor=reader.id)
    today = london_day(SystemClock().now())
    agreed = [
        ImportAgreement(
            urn=row.institution.urn,
            level=AccessLevel.MIS_DATA,
            agreed_on=min(old.day or today, today),
            approver="Assumed",
            evidence="The school was in the older register.",
        )
        for row in side.browse().items
    ]
    side.import_agreements(agreed, command_id="agreed")
    side.record_visibility(command_id="old")  # from here on an older register is refused
    return side.reconcile(_directory(new, links), register_day=new.day or today)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the files of group links, each after its option, from the other arguments."""
    others, links = list(arguments), []
    while GROUP_LINKS in others:
        place = others.index(GROUP_LINKS)
        links += others[place + 1 : place + 2]
        del others[place : place + 2]
    return others, links


def _unfit(file: str, register: Register, group: GroupId) -> str:
    """Return why a register cannot be compared with another, or empty text."""
    if register.day and register.day > london_day(SystemClock().now()):
        return f"{file} is named for {day_words(register.day)}, which is in the future. Check its name."
    trusts = any(group.kind is GroupKind.MULTI_ACADEMY_TRUST for group in register.groups)
    if group.kind is GroupKind.MULTI_ACADEMY_TRUST and not trusts:
        why = f'{file} names no trust at all; does it lack the column "Trusts (code)"?'
        return f"{why} For OLD.csv, add the group links of its day: {GROUP_LINKS} FILE."
    return ""


def _directory(register: Register, links: Iterable[SuccessorLink] = ()) -> MemoryInstitutionDirectory:
    return MemoryInstitutionDirectory(
        register.institutions.values(), groups=register.groups.values(), successors=links, register_day=register.day
    )


def _links_in(files: Iterable[str]) -> tuple[Sequence[SuccessorLink], Sequence[BadRow]]:
    bad: list[BadRow] = []
    links, _others = successors(link for file in files for link in read_links(file, report=bad.append))
    return links, bad


def _warn(file: str, problems: Sequence[BadRow], count: int) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        print(f"Warning: {problem}", file=sys.stderr)
    if count:
        print(f"Warning: {file}: {count} rows could not be read, so the plan may be wrong.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
