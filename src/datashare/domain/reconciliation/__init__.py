"""Pure: what a newer register means for a group's agreements, as a plan that a person applies (rules E2-E5).

It only proposes and changes nothing.
"""

from __future__ import annotations

from .facts import GroupFacts, leads_on, moved_together
from .plan import (
    CONFIRM_ABOVE,
    Doubt,
    FormerGroup,
    NewSchool,
    Plan,
    PlannedEnd,
    RenamedSchool,
    Succession,
    Successor,
    Uncertainty,
    Unclear,
)
from .reconcile import Comparison, why_no_plan, why_not_applied

__all__ = [
    "CONFIRM_ABOVE",
    "Comparison",
    "Doubt",
    "FormerGroup",
    "GroupFacts",
    "NewSchool",
    "Plan",
    "PlannedEnd",
    "RenamedSchool",
    "Succession",
    "Successor",
    "Uncertainty",
    "Unclear",
    "leads_on",
    "moved_together",
    "why_no_plan",
    "why_not_applied",
]
