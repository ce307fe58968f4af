"""A plan for every trust, of a whole register nine months newer: against the time of reading both registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pendulum

from datashare import AccessLevel, DataSharing, GroupId, GroupKind, ImportAgreement, Permission, Person, PersonId
from datashare.adapters.gias import Register, read_register
from datashare.adapters.memory import MemoryAgreementStore, MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.errors import Refused
from datashare.testing import FrozenClock

from .measuring import Line, Work, in_turns
from .register import FIRST_URN, full_size_rows, write_rows
from .sizes import Sizes

OLDER, NEWER, LINKS = "edubasealldata20250718.csv", "edubasealldata20260418.csv", "links_edubasealldata20260418.csv"
NOW = pendulum.datetime(2026, 4, 20, 8, 30)
SUCCEEDED, CLOSED, MOVED, EVERY = 0, 1, 2, 40
"""Of every forty schools one closes into a successor, one closes, and one moves to another trust."""
SUCCESSORS_FROM = 5_000_000
TRUSTS_APART = 20_000
"""Each repetition of the sample has trusts of its own, so that they are as large as real ones."""
LINK_HEADER = ("URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate")

_Cells = Mapping[str, int]


def reconciliation_lines(sizes: Sizes) -> Iterator[Line]:
    """Measure a plan for each trust of the older register, whose schools have all agreed."""
    with TemporaryDirectory() as name:
        files = _real_files(sizes) or _written_files(Path(name), sizes.register_rows)
        older, newer = files.read()
        sharing, trusts = agreed_everywhere(older, _day_after(newer))
        against = "reading both files and the links"
        taken = in_turns(
            {"ours": lambda: _planning(sharing, trusts, newer), against: lambda: _reading(files)},
            rounds=sizes.long_rounds,
        )
    yield Line(
        work=f"a plan for each of {len(trusts):,} trusts, two registers of {older.rows:,} rows",
        ours=taken["ours"],
        against=against,
        theirs=taken[against],
        bar=2.0,
    )


@attrs.frozen(kw_only=True)
class Files:
    """Two registers to compare, and what belongs to them."""

    older: Path
    newer: Path
    links: Path | None = None
    group_links: tuple[Path, ...] = ()

    def read(self) -> tuple[Register, Register]:
        """Read the older and the newer register."""
        older = read_register(self.older, group_links=self.group_links)
        return older, read_register(self.newer, links=self.links)


def _real_files(sizes: Sizes) -> Files | None:
    """Return the real registers that the environment names, if it names any."""
    if not sizes.older:
        return None
    return Files(
        older=Path(sizes.older),
        newer=Path(sizes.newer),
        links=Path(sizes.links) if sizes.links else None,
        group_links=(Path(sizes.group_links),) if sizes.group_links else (),
    )


def _written_files(folder: Path, count: int) -> Files:
    write_two_registers(folder, count)
    return Files(older=folder / OLDER, newer=folder / NEWER, links=folder / LINKS)


def write_two_registers(folder: Path, count: int) -> None:
    """Write a register of *count* rows, one nine months newer, and the links of that."""
    header, sample = full_size_rows(count)
    cells = {name: place for place, name in enumerate(header)}
    rows = [_of_own_trust(row, repetition, cells) for row, repetition in sample]
    write_rows(folder / OLDER, header, rows)
    later = [_later(row, cells) for row in rows]
    successors = [_successor(row, cells) for row in rows if _fate(row, cells) == SUCCEEDED]
    write_rows(folder / NEWER, header, [*later, *successors])
    write_rows(folder / LINKS, LINK_HEADER, [link for row in successors for link in _links(row, cells)])


def _of_own_trust(row: list[str], repetition: int, cells: _Cells) -> list[str]:
    code = row[cells["Trusts (code)"]]
    return _with(row, cells, {"Trusts (code)": str(int(code) + TRUSTS_APART * repetition)}) if code else row


def _fate(row: Sequence[str], cells: _Cells) -> int | None:
    """Return what becomes of a school that is open: a number below `EVERY`."""
    is_open = row[cells["EstablishmentStatus (code)"]] == "1"
    return (int(row[cells["URN"]]) - FIRST_URN) % EVERY if is_open else None


def _later(row: list[str], cells: _Cells) -> list[str]:
    fate, trust = _fate(row, cells), row[cells["Trusts (code)"]]
    if fate in {SUCCEEDED, CLOSED}:
        closed = {"EstablishmentStatus (code)": "2", "EstablishmentStatus (name)": "Closed"}
        return _with(row, cells, {**closed, "CloseDate": "31-12-2025"})
    return _with(row, cells, {"Trusts (code)": str(int(trust) + 1)}) if fate == MOVED and trust else row


def _successor(row: list[str], cells: _Cells) -> list[str]:
    return _with(row, cells, {"URN": _successor_of(row[cells["URN"]]), "OpenDate": "01-01-2026"})


def _successor_of(urn: str) -> str:
    return str(int(urn) - FIRST_URN + SUCCESSORS_FROM)


def _links(successor: Sequence[str], cells: _Cells) -> Iterator[tuple[str, ...]]:
    """Return a link from both sides, as in the register."""
    new = successor[cells["URN"]]
    old, name = str(int(new) - SUCCESSORS_FROM + FIRST_URN), successor[cells["EstablishmentName"]]
    yield old, new, name, "Successor", "01-01-2026"
    yield new, old, name, "Predecessor", "01-01-2026"


def _with(row: Sequence[str], cells: _Cells, changes: Mapping[str, str]) -> list[str]:
    changed = list(row)
    for name, value in changes.items():
        changed[cells[name]] = value
    return changed


def _day_after(newer: Register) -> pendulum.DateTime:
    """Return an instant at which the newer register is there."""
    day = newer.day
    return max(NOW, pendulum.datetime(day.year, day.month, day.day, 23)) if day else NOW


def agreed_everywhere(older: Register, now: pendulum.DateTime = NOW) -> tuple[DataSharing, list[GroupId]]:
    """Let every school that a trust sees agree; return the service and the trusts."""
    trusts = sorted(group for group in older.groups if group.kind is GroupKind.MULTI_ACADEMY_TRUST)
    readers = [
        Person(
            id=_reader(trust),
            name="Ana Okafor",
            permissions=[
                Permission.ADMINISTER_INSTITUTION_DETAILS,
                Permission.IMPORT_AGREEMENTS,
                Permission.APPLY_REGISTER,
            ],
        )
        for trust in trusts
    ]
    sharing = DataSharing(
        store=MemoryAgreementStore(),
        institutions=_directory(older),
        people=MemoryPeopleDirectory(readers),
        clock=FrozenClock(now),
    )
    for trust in trusts:
        _agree(sharing, trust)
    return sharing, trusts


def _agree(sharing: DataSharing, trust: GroupId) -> None:
    side = sharing.for_group(trust, actor=_reader(trust))
    agreed = [
        ImportAgreement(
            urn=row.institution.urn,
            level=AccessLevel.MIS_DATA,
            agreed_on=NOW.date(),
            approver="Siân Ó Briain",
            evidence="Cabinet 3",
        )
        for row in side.browse().items
    ]
    side.import_agreements(agreed, command_id="agreed")


def _reader(trust: GroupId) -> PersonId:
    return PersonId(trust, "ana")


def _directory(register: Register) -> MemoryInstitutionDirectory:
    return MemoryInstitutionDirectory(
        register.institutions.values(),
        groups=register.groups.values(),
        successors=register.successors,
        register_day=register.day,
    )


@contextmanager
def _reading(files: Files) -> Iterator[Work]:
    yield files.read


@contextmanager
def _planning(sharing: DataSharing, trusts: Iterable[GroupId], newer: Register) -> Iterator[Work]:
    def plan() -> None:
        there = _directory(newer)
        for trust in trusts:
            side = sharing.for_group(trust, actor=_reader(trust))
            with suppress(Refused):  # every school that it saw may be gone from a real one
                side.reconcile(there, register_day=there.register_day() or NOW.date())

    yield plan
