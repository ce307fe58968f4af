"""The service: the only place where the rules and the host's ports meet."""

from __future__ import annotations

from .group_actions import Chosen, GroupActions
from .group_side import GroupSide
from .outcomes import Done, NotDone, Outcome, Outcomes
from .reconciling import Applied
from .school_side import SchoolSide, SharingWithGroup
from .sharing import DataSharing, usual_policy
from .viewing import HiddenAgreement, SchoolRecipients

__all__ = [
    "Applied",
    "Chosen",
    "DataSharing",
    "Done",
    "GroupActions",
    "GroupSide",
    "HiddenAgreement",
    "NotDone",
    "Outcome",
    "Outcomes",
    "SchoolRecipients",
    "SchoolSide",
    "SharingWithGroup",
    "usual_policy",
]
