"""Registers to load into a database, and calls with wrong arguments, by the class of the error that they raise."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import attrs

from datashare.domain.register import Group, GroupId, Institution, SuccessorLink
from datashare.errors import InvalidInput, InvalidValue, Misconfigured
from datashare.testing import RegisterContents
from tests.builders import LA, MAT, group, institution

DAY = date(2025, 7, 1)
"""Before that of the sample."""


@attrs.frozen(kw_only=True)
class Loadable:
    """A register as it is loaded."""

    institutions: Mapping[int, Institution]
    groups: Mapping[GroupId, Group] = attrs.field(factory=lambda: {MAT: group(), LA: group(LA)})
    successors: tuple[SuccessorLink, ...] = ()
    day: date | None = DAY


def register_of(*schools: Institution, **others: Any) -> Loadable:
    """Build a register of schools."""
    return Loadable(institutions={school.urn: school for school in schools}, **others)


def loadable(contents: RegisterContents) -> Loadable:
    """Return what of a register is loaded."""
    return Loadable(
        institutions={school.urn: school for school in contents.institutions},
        groups={known.id: known for known in contents.groups},
        successors=contents.successors,
        day=contents.day,
    )


def _load(**wrong: Any) -> Callable[[Any], object]:
    return lambda directory: directory.load(Loadable(**{"institutions": {}, **wrong}))


WRONG: Mapping[str, tuple[type[InvalidValue], str, Callable[[Any], object]]] = {
    "group": (InvalidInput, "group must be a GroupId", lambda directory: directory.group("mat:5143")),
    "linked": (InvalidInput, "group must be a GroupId", lambda directory: directory.linked(None)),
    "clusters": (InvalidInput, "group must be a GroupId", lambda directory: directory.clusters(5143)),
    "institutions": (InvalidInput, "urns must be", lambda directory: directory.institutions(["100000"])),
    "successors": (InvalidInput, "urns must be", lambda directory: directory.successors(100000)),
    "set_clusters-group": (InvalidInput, "group must be", lambda directory: directory.set_clusters("mat:5143", {})),
    "set_clusters": (InvalidInput, "clusters must be", lambda directory: directory.set_clusters(MAT, {"North": "x"})),
    "set_clusters-none": (InvalidInput, "clusters must be", lambda directory: directory.set_clusters(MAT, None)),
    "set_clusters-blank": (InvalidInput, "clusters must be", lambda directory: directory.set_clusters(MAT, {" ": [1]})),
    "set_clusters-urn": (
        InvalidInput,
        "clusters must be",
        lambda directory: directory.set_clusters(MAT, {"North": [10_000_000]}),
    ),
    "load-nothing": (
        InvalidInput,
        "register must be a register, such as datashare.adapters.gias.read_register returns",
        lambda directory: directory.load(None),
    ),
    "load-a-list": (InvalidInput, "register.institutions must be a mapping", _load(institutions=[institution()])),
    "load-no-school": (InvalidInput, "register.institutions must be an Institution", _load(institutions={1: None})),
    "load-another-urn": (InvalidInput, "register.institutions must be by URN", _load(institutions={1: institution()})),
    "load-another-id": (InvalidInput, "register.groups must be by id", _load(groups={LA: group()})),
    "load-no-group": (InvalidInput, "register.groups must be a Group", _load(groups={MAT: "Areté"})),
    "load-no-link": (
        InvalidInput,
        "register.successors must be a collection of SuccessorLinks",
        _load(successors=[1]),
    ),
    "load-no-day": (InvalidInput, "register.day must be a date without a time", _load(day="2026-05-03")),
    "load-confirmed": (
        InvalidInput,
        "confirmed must be True or False",
        lambda directory: directory.load(register_of(), confirmed="yes"),
    ),
    "load-progress": (
        Misconfigured,
        "progress must be a function",
        lambda directory: directory.load(register_of(), progress="bar"),
    ),
}
"""Each call with the class and the beginning of the error."""
