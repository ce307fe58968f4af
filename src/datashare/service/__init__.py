"""The service: the only place where the rules and the host's ports meet."""

from __future__ import annotations

from .actions import Chosen, GroupActions
from .group import GroupSide
from .outcomes import Done, NotDone, Outcome, Outcomes
from .reconcile import PlanApplication
from .school import SchoolSide, SharingWithGroup
from .sharing import DataSharing, usual_policy
from .view import HiddenAgreement, SchoolRecipients

__all__ = [
    "Chosen",
    "DataSharing",
    "Done",
    "GroupActions",
    "GroupSide",
    "HiddenAgreement",
    "NotDone",
    "Outcome",
    "Outcomes",
    "PlanApplication",
    "SchoolRecipients",
    "SchoolSide",
    "SharingWithGroup",
    "usual_policy",
]
