"""Data sharing agreements between a group and its schools: the names that a tutorial needs.

No adapter is imported here; a host imports those that it uses.
"""

from __future__ import annotations

from datashare.domain.access import AccessAnswer, AccessMap
from datashare.domain.agreements import (
    ALL,
    Agreement,
    AgreementId,
    Batch,
    EndCause,
    ImportAgreement,
    Named,
    Reason,
    RefusalCode,
    RequestId,
    State,
    SystemActor,
    Tab,
    Terms,
    WithRoles,
)
from datashare.domain.browsing import Column, Filters, Listing, Page
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
from datashare.domain.register import (
    Coded,
    EstablishmentStatus,
    Group,
    GroupId,
    GroupKind,
    Institution,
    Phase,
    TrustLink,
)
from datashare.domain.visibility import Visibility

from .clock import SystemClock
from .errors import DatashareError, InvalidValue, NotPermitted, Refused
from .service import DataSharing, Done, GroupSide, NotDone, Outcomes, SchoolSide

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
    "Coded",
    "Column",
    "DataSharing",
    "DatashareError",
    "Done",
    "EndCause",
    "EstablishmentStatus",
    "Filters",
    "Grant",
    "Group",
    "GroupId",
    "GroupKind",
    "GroupSide",
    "HeldRole",
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
    "TrustLink",
    "Visibility",
    "WithRoles",
]
