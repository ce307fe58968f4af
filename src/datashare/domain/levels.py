"""Pure: access levels and what they allow (rules L)."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from .text import Labelled
from .validation import require_member, to_frozenset


class Capability(Labelled):
    """What a group's staff may do with a school that shares (L2)."""

    VIEW_DFE_DATA = "view_dfe_data"
    """See what the Department for Education supplies about the school, which is not necessarily public."""
    VIEW_MIS_DATA = "view_mis_data"
    """See live data from the school's MIS."""
    PERFORM_GROUP_ACTIONS = "perform_group_actions"
    """Act on the school's MIS from the group's site."""
    LOG_IN_TO_SCHOOL = "log_in_to_school"
    """Log in to the school's MIS; this also depends on the person (X3)."""

    @property
    def label(self) -> str:
        """The capability in words, as the end of "may …"."""
        return _CAPABILITY_LABELS[self]


_CAPABILITY_LABELS = {
    Capability.VIEW_DFE_DATA: "view the DfE's data",
    Capability.VIEW_MIS_DATA: "view live data from the MIS",
    Capability.PERFORM_GROUP_ACTIONS: "perform group actions",
    Capability.LOG_IN_TO_SCHOOL: "log in to the MIS",
}


@functools.total_ordering
class AccessLevel(Labelled):
    """How much a school shares; a total order, each level including all below it (L1).

    >>> AccessLevel.DFE_DATA < AccessLevel.MIS_DATA < AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
    True
    """

    DFE_DATA = "dfe_data"
    """The group sees the data that the Department for Education supplies."""
    MIS_DATA = "mis_data"
    """The group also sees live data from the school's MIS."""
    MIS_DATA_AND_GROUP_ACTIONS = "mis_data_and_group_actions"
    """The group may also act on the school's MIS, and its staff may log in to it."""

    @property
    def rank(self) -> int:
        """The level's place in the order, from 1."""
        return _RANKS[self]

    @property
    def label(self) -> str:
        """The level's name; a group's policy may name it otherwise (L3)."""
        return _LEVEL_LABELS[self]

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything that the level allows, including what lower levels allow (L1, L2)."""
        return _CAPABILITIES[self]

    def adds_to(self, lower: AccessLevel | None) -> tuple[Capability, ...]:
        """List what this level allows and *lower* does not, in the order of `Capability` (U3)."""
        had = lower.capabilities if lower else frozenset()
        return tuple(c for c in Capability if c in self.capabilities and c not in had)

    def __lt__(self, other: object) -> bool:
        return self.rank < require_member(other, AccessLevel, "A level to compare with").rank


def to_levels(value: Iterable[AccessLevel]) -> frozenset[AccessLevel]:
    """Convert a collection of levels to a frozen set; return anything else as it is."""
    return to_frozenset(value)


_RANKS = {level: rank for rank, level in enumerate(AccessLevel, start=1)}

_LEVEL_LABELS = {
    AccessLevel.DFE_DATA: "DfE Data",
    AccessLevel.MIS_DATA: "MIS Data",
    AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: "MIS Data & Group Actions",
}

# L2: what each level adds to the level below it.
_ADDED = {
    AccessLevel.DFE_DATA: {Capability.VIEW_DFE_DATA},
    AccessLevel.MIS_DATA: {Capability.VIEW_MIS_DATA},
    AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: {Capability.PERFORM_GROUP_ACTIONS, Capability.LOG_IN_TO_SCHOOL},
}
_CAPABILITIES = {
    level: frozenset[Capability]().union(*(added for lower, added in _ADDED.items() if lower <= level))
    for level in AccessLevel
}
