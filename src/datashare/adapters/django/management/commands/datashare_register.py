"""``manage.py datashare_register FILE…``: load the downloads of the register."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.gias import read_register
from datashare.errors import DatashareError

# The names by which the downloads are published; the first that fits counts.
KINDS: Final = {
    "links": re.compile(r"^links_"),
    "group_links": re.compile(r"^(alllinks|grouplinks|academiesmatmembership)"),
    "groups": re.compile(r"^allgroups"),
    "establishments": re.compile(r"^edubaseall"),
}
WIDTH: Final = 30


class Command(BaseCommand):
    """Reads the downloads of the register, and puts them in place of the register in the database."""

    help = "Load the register's downloads; each is known by its name, such as edubasealldata20250718.csv."

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
