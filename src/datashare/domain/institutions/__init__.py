"""Pure: groups, institutions, and which of them a group sees, and why (rules V)."""

from __future__ import annotations

from .register import (
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    Phase,
    SuccessorLink,
    TrustLink,
)
from .seeing import (
    DateWarning,
    HiddenBecause,
    HiddenReason,
    Visibility,
    date_warnings,
    link_with,
    visibility,
    visible_institutions,
)

__all__ = [
    "Coded",
    "DateWarning",
    "EstablishmentStatus",
    "Group",
    "GroupId",
    "GroupKind",
    "HiddenBecause",
    "HiddenReason",
    "Institution",
    "Phase",
    "SuccessorLink",
    "TrustLink",
    "Visibility",
    "date_warnings",
    "link_with",
    "visibility",
    "visible_institutions",
]
