"""Who could see a school on a day, and on whose authority.

    python examples/audit.py URN DAY [AGREEMENTS.sqlite]
    python examples/audit.py 900001 2025-05-03

The file is only read, never changed, and may be a write-protected copy. Without a file the answer comes from a made-up
story: in April 2025 a trust asked the schools 900001 and 900002; both accepted, and on 3 June the register no longer
showed 900002 to the trust. The day is one in London. The record holds ids and no names. The exit code is 0, or 1 if the
question or the file cannot be read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pendulum

from datashare import (
    AccessLevel,
    BusinessRole,
    DatashareError,
    DataSharing,
    EstablishmentStatus,
    Group,
    GroupId,
    Institution,
    Permission,
    Person,
    PersonId,
    SchoolSite,
    SystemClock,
    TrustLink,
)
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.domain.instants import day_words, london_day
from datashare.domain.timeline import shared_on
from datashare.errors import SchemaMismatch, StoreError
from datashare.ports import AgreementStore, Unreadable

TRUST, ANA, FIRST, SECOND = GroupId.mat("9901"), PersonId(GroupId.mat("9901"), "ana"), 900001, 900002
USAGE = "Usage: python audit.py URN DAY [AGREEMENTS.sqlite], such as: python audit.py 900001 2025-05-03"


def main(arguments: Sequence[str]) -> None:
    """Answer from the named file, or from a made-up story."""
    urn, day, file = question(arguments)
    try:
        lines = from_file(file, urn, day) if file else from_story(urn, day)
    except SchemaMismatch as error:
        raise SystemExit(f"{file} holds no agreements that this version of the library can read.") from error
    except StoreError as error:
        raise SystemExit(f"{file} cannot be read. {error.why}") from error
    except DatashareError as error:
        raise SystemExit(str(error)) from error
    print("\n".join(lines) or f"Nobody could see URN {urn} on {day_words(day)}, as far as is recorded here.")


def question(arguments: Sequence[str]) -> tuple[int, date, Path | None]:
    """Read the school, the day, and the file, which must exist, if one is named."""
    (urn, day), files = [*arguments, "", ""][:2], arguments[2:]
    if not (re.fullmatch("[0-9]{1,7}", urn) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day)):
        raise SystemExit(USAGE)
    try:
        asked = date.fromisoformat(day)
    except ValueError as error:
        raise SystemExit(f"There is no day {day}. {USAGE}") from error
    if asked > london_day(SystemClock().now()):
        raise SystemExit(f"{day_words(asked)} is in the future, and no record can say what happens then.")
    if len(files) > 1 or (files and not Path(files[0]).is_file()):
        raise SystemExit(f"There is no file {' '.join(files)}. {USAGE}")
    return int(urn), asked, Path(*files) if files else None


def from_file(file: Path, urn: int, day: date) -> list[str]:
    """Answer from a database without changing it."""
    engine = sqlite_engine(file, read_only=True)
    try:
        return list(answers(SqlAgreementStore(engine), urn, day))
    finally:
        engine.dispose()


def from_story(urn: int, day: date) -> list[str]:
    """Answer from a made-up story."""
    store = MemoryAgreementStore()
    write_story(store)
    return list(answers(store, urn, day))


def answers(store: AgreementStore, urn: int, day: date) -> Iterator[str]:
    """Return what each group could see of the school on that day, in words."""
    for agreement in store.states_at(urn):
        if isinstance(agreement, Unreadable):
            yield str(agreement)
        else:
            yield from map(str, shared_on(agreement.id, store.history(agreement.id), day))


class Calendar:
    """The story's clock."""

    def turn_to(self, month: int, day: int, hour: int) -> None:
        """Set the clock to an hour of the year 2025 in London."""
        self.instant = pendulum.datetime(2025, month, day, hour, tz="Europe/London")

    def now(self) -> pendulum.DateTime:
        """Return the instant."""
        return self.instant


def write_story(store: AgreementStore) -> None:
    """Let two schools accept, and one of them leave."""
    clock, groups = Calendar(), [Group(id=TRUST, name="Trust")]
    register = MemoryInstitutionDirectory(schools(FIRST, SECOND), groups=groups)
    sharing = DataSharing(store=store, institutions=register, people=people(FIRST, SECOND), clock=clock)
    trust = sharing.for_group(TRUST, actor=ANA)
    clock.turn_to(4, 14, hour=9)
    asked = trust.request([FIRST, SECOND], level=AccessLevel.MIS_DATA, command_id="spring").requests
    for request, day in zip(asked, (2, 3), strict=True):
        clock.turn_to(5, day, hour=16)
        sharing.for_school(request.urn, actor=PersonId(request.urn, "head")).approve(request)
    register.replace(schools(FIRST), groups=groups)
    clock.turn_to(6, 3, hour=2)
    trust.record_visibility(command_id="summer")


def schools(*urns: int) -> list[Institution]:
    """Return schools of the trust."""
    link = TrustLink(TRUST.code)
    return [Institution(urn=urn, name=f"School {urn}", status=EstablishmentStatus.OPEN, trusts=[link]) for urn in urns]


def people(*urns: int) -> MemoryPeopleDirectory:
    """Return the trust's data lead and a head for each school."""
    may = [Permission.ADMINISTER_INSTITUTION_DETAILS, Permission.APPLY_REGISTER]
    lead = Person(id=ANA, name="Ana", email="ana@trust.example", permissions=may)
    heads = [
        Person(id=PersonId(urn, "head"), name="Head", email=f"head@{urn}.example", roles=[BusinessRole.HEAD_TEACHER])
        for urn in urns
    ]
    sites = [SchoolSite(urn=urn, data_sharing_url=f"https://mis.example/{urn}/sharing") for urn in urns]
    return MemoryPeopleDirectory([lead, *heads], sites=sites)


if __name__ == "__main__":
    main(sys.argv[1:])
