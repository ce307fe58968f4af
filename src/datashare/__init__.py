"""Data sharing agreements between a group and its schools: the names that a tutorial needs.

No adapter is imported here; a host imports those that it uses. A name is loaded when it is first asked for, so that
`import datashare` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from datashare.domain.browsing import Column, Filters, Listing
    from datashare.domain.institutions import (
        Coded,
        EstablishmentStatus,
        Group,
        GroupId,
        GroupKind,
        Institution,
        Phase,
        TrustLink,
        Visibility,
    )
    from datashare.domain.levels import AccessLevel, Capability
    from datashare.domain.notices import Notice
    from datashare.domain.paging import Page
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
else:
    _HOMES = {
        "ALL": "datashare.domain.agreements",
        "AccessAnswer": "datashare.domain.access",
        "AccessLevel": "datashare.domain.levels",
        "AccessMap": "datashare.domain.access",
        "Agreement": "datashare.domain.agreements",
        "AgreementId": "datashare.domain.agreements",
        "Associations": "datashare.domain.people",
        "Batch": "datashare.domain.agreements",
        "BusinessRole": "datashare.domain.people",
        "Capability": "datashare.domain.levels",
        "Coded": "datashare.domain.institutions",
        "Column": "datashare.domain.browsing",
        "DataSharing": "datashare.service",
        "DatashareError": "datashare.errors",
        "Done": "datashare.service",
        "EndCause": "datashare.domain.agreements",
        "EstablishmentStatus": "datashare.domain.institutions",
        "Filters": "datashare.domain.browsing",
        "Grant": "datashare.domain.people",
        "Group": "datashare.domain.institutions",
        "GroupId": "datashare.domain.institutions",
        "GroupKind": "datashare.domain.institutions",
        "GroupSide": "datashare.service",
        "HeldRole": "datashare.domain.people",
        "HoldersOf": "datashare.domain.agreements",
        "ImportAgreement": "datashare.domain.agreements",
        "Institution": "datashare.domain.institutions",
        "InvalidValue": "datashare.errors",
        "Listing": "datashare.domain.browsing",
        "Named": "datashare.domain.agreements",
        "NotDone": "datashare.service",
        "NotPermitted": "datashare.errors",
        "Notice": "datashare.domain.notices",
        "Outcomes": "datashare.service",
        "Page": "datashare.domain.paging",
        "Party": "datashare.domain.policy",
        "Period": "datashare.domain.people",
        "Permission": "datashare.domain.people",
        "Person": "datashare.domain.people",
        "PersonId": "datashare.domain.people",
        "Phase": "datashare.domain.institutions",
        "Policy": "datashare.domain.policy",
        "Reason": "datashare.domain.agreements",
        "RefusalCode": "datashare.domain.agreements",
        "Refused": "datashare.errors",
        "RequestId": "datashare.domain.agreements",
        "SchoolSide": "datashare.service",
        "SchoolSite": "datashare.domain.people",
        "State": "datashare.domain.agreements",
        "SystemActor": "datashare.domain.agreements",
        "SystemClock": "datashare.clock",
        "Tab": "datashare.domain.agreements",
        "Terms": "datashare.domain.agreements",
        "TrustLink": "datashare.domain.institutions",
        "Visibility": "datashare.domain.institutions",
    }

    def __getattr__(name: str) -> object:
        """Load a public name when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(_import_module(_HOMES[name]), name)
        return found

    def __dir__() -> list[str]:
        """List the public names, loaded or not."""
        return sorted({*globals(), *__all__})


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
    "TrustLink",
    "Visibility",
]
