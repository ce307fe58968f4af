"""``manage.py datashare_register FILE…``: load the downloads of the register, and record what they show."""

from __future__ import annotations

import re
import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.transactions import data_sharing
from datashare.adapters.gias import read_register
from datashare.domain.agreements import SystemActor
from datashare.errors import DatashareError

# The names by which the downloads are published; the first that fits counts.
KINDS: Final = {
    "links": re.compile(r"^links_"),
    "group_links": re.compile(r"^(alllinks|grouplinks|academiesmatmembership)"),
    "groups": re.compile(r"^allgroups"),
    "establishments": re.compile(r"^edubaseall"),
}
WIDTH: Final = 30
SYSTEM: Final = SystemActor("datashare-register")


class Command(BaseCommand):
    """Puts downloads in place of the register in the database, and records for each group what they show."""

    help = (
        "Load the register's downloads, each known by its name, such as edubasealldata20250718.csv, and record for "
        "each group with agreements which schools it stopped or resumed seeing. Nothing ends by this."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the files."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a download, plain, zipped or gzipped")
        what = "load it although it is older, or lacks many institutions: a person has looked at it"
        parser.add_argument("--confirmed", action="store_true", help=what)

    def handle(self, *_args: Any, files: list[Path], confirmed: bool, **_options: Any) -> None:
        """Read and load them, with a bar that shows how far it has come."""
        downloads = _by_kind(files)
        try:
            register = read_register(
                downloads["establishments"][0],
                groups=next(iter(downloads["groups"]), None),
                group_links=downloads["group_links"],
                links=next(iter(downloads["links"]), None),
                progress=lambda read: self._show(f"Reading {read.file}", read.bytes_read, read.total_bytes),
            )
            DjangoInstitutionDirectory().load(
                register,
                confirmed=confirmed,
                progress=lambda written: self._show("Loading", written.done, written.total),
            )
        except DatashareError as error:
            raise CommandError(str(error)) from error
        lost = f" {register.problem_count:,} rows could not be read." if register.problem_count else ""
        day = register.day or "a day that the file's name does not tell"
        self.stdout.write(f"The register has {len(register.institutions):,} institutions, as of {day}.{lost}")
        self._record()

    def _record(self) -> None:
        """Record for each group what the register shows (E6); a group that fails holds up no other.

        Raises:
            CommandError: It could not be recorded for every group.
        """
        # Recording the same again does nothing, so each run has an id of its own: a corrected register may follow.
        command_id, failed = f"register-{uuid.uuid4()}", []
        try:
            sharing = data_sharing()
            for group in sharing.groups():
                try:
                    outcomes = sharing.for_group(group, actor=SYSTEM).record_visibility(command_id=command_id)
                except DatashareError as error:
                    failed.append(f"{group}: {error}")
                else:
                    failed += [f"{refused.agreement}: {refused}" for refused in outcomes.not_done]
        except (ImproperlyConfigured, DatashareError) as error:
            raise CommandError(f"The register is in place, and not recorded for the groups. {error}") from error
        if failed:
            raise CommandError("The register is in place, and not recorded for all groups.\n" + "\n".join(failed))

    def _show(self, what: str, done: int, total: int) -> None:
        """Draw the bar anew, where somebody watches."""
        if self.stderr.isatty():
            filled = WIDTH * done // max(total, 1)
            bar = f"{'#' * filled}{'.' * (WIDTH - filled)}"
            self.stderr.write(f"\r{what[:40]:40} [{bar}] {done:,} of {total:,}", ending="\n" if done >= total else "")


def _by_kind(files: list[Path]) -> dict[str, list[Path]]:
    """Sort the downloads by kind, as their names say; only links of groups may be several files.

    Raises:
        CommandError: A name says nothing, two files are of one kind, or there are no establishments.
    """
    downloads: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for file in files:
        kind = next((kind for kind, name in KINDS.items() if name.match(file.name.lower())), None)
        if kind is None:
            raise CommandError(f"{file.name} has no name of a download, such as edubasealldata20250718.csv. Rename it.")
        downloads[kind].append(file)
    if len(downloads["establishments"]) != 1:
        raise CommandError("Name one file of establishments, such as edubasealldata20250718.csv.")
    for kind in ("groups", "links"):
        if len(downloads[kind]) > 1:
            raise CommandError(f"Name one file of {kind}, not {' and '.join(file.name for file in downloads[kind])}.")
    return downloads
