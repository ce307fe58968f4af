"""Data sharing agreements between a group and its schools: the names that a tutorial needs.

No adapter is imported here; a host imports those that it uses.
"""

from __future__ import annotations

from datashare.clock import SystemClock
from datashare.domain.access import AccessAnswer, AccessMap
from datashare.domain.agreements import (
    ALL,
    Agreement,
    AgreementId,
    Batch,
    EndCause,
    HoldersOf,
    ImportAgreement,
    Named,
    Reason,
    RefusalCode,
    RequestId,
    State,
    SystemActor,
    Tab,
    Terms,
)
from datashare.domain.browsing import Column, Filters, Listing, Page
from datashare.domain.institutions import Group, GroupId, GroupKind, Institution, Phase, Visibility
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.notices import Notice
from datashare.domain.people import (
    Associations,
    BusinessRole,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.domain.policy import Party, Policy
from datashare.errors import DatashareError, InvalidValue, NotPermitted, Refused
from datashare.service import DataSharing, Done, GroupSide, NotDone, Outcomes, SchoolSide

__all__ = [
    "ALL",
    "AccessAnswer",
    "AccessLevel",
    "AccessMap",
    "Agreement",
    "AgreementId",
    "Associations",
    "Batch",
    "BusinessRole",
    "Capability",
    "Column",
    "DataSharing",
    "DatashareError",
    "Done",
    "EndCause",
    "Filters",
    "Grant",
    "Group",
    "GroupId",
    "GroupKind",
    "GroupSide",
    "HeldRole",
    "HoldersOf",
    "ImportAgreement",
    "Institution",
    "InvalidValue",
    "Listing",
    "Named",
    "NotDone",
    "NotPermitted",
    "Notice",
    "Outcomes",
    "Page",
    "Party",
    "Period",
    "Permission",
    "Person",
    "PersonId",
    "Phase",
    "Policy",
    "Reason",
    "RefusalCode",
    "Refused",
    "RequestId",
    "SchoolSide",
    "SchoolSite",
    "State",
    "SystemActor",
    "SystemClock",
    "Tab",
    "Terms",
    "Visibility",
]
