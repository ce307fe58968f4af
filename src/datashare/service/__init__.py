"""The service: where the rules meet the host's ports."""

from __future__ import annotations

from .actions import Chosen, GroupActions
from .group import GroupPreview, GroupQueue, GroupSide
from .outcomes import Done, NotDone, Outcome, Outcomes
from .reconcile import GroupReconciliation, PlanApplication
from .school import SchoolSide, SharingWithGroup
from .sharing import DataSharing, usual_policy
from .view import FilterChoices, HiddenAgreement, SchoolRecipients, SchoolTable

__all__ = [
    "Chosen",
    "DataSharing",
    "Done",
    "FilterChoices",
    "GroupActions",
    "GroupPreview",
    "GroupQueue",
    "GroupReconciliation",
    "GroupSide",
    "HiddenAgreement",
    "NotDone",
    "Outcome",
    "Outcomes",
    "PlanApplication",
    "SchoolRecipients",
    "SchoolSide",
    "SchoolTable",
    "SharingWithGroup",
    "usual_policy",
]
