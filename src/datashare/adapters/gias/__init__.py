"""The register: reads the downloads of *Get Information About Schools* (GIAS).

`read_register` reads all that a host needs in one call. The generators beside it read one file each, row by row.
Columns are found by name, never by position.
A row that cannot be right is reported; nothing is guessed.
"""

from __future__ import annotations

from ._establishments import read_establishments
from ._groups import GroupLink, read_group_links, read_groups
from ._problems import RegisterWarning
from ._register import Register, read_register
from ._sources import RegisterFile
from ._successors import EstablishmentLink, read_links, successors
from ._tables import ReadingProgress

__all__ = [
    "EstablishmentLink",
    "GroupLink",
    "ReadingProgress",
    "Register",
    "RegisterFile",
    "RegisterWarning",
    "read_establishments",
    "read_group_links",
    "read_groups",
    "read_links",
    "read_register",
    "successors",
]
