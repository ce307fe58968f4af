"""Pure: every choice that is a group's own; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import attrs

from datashare.errors import InvalidValue

from . import validation
from .levels import AccessLevel
from .people import BusinessRole, Permission, require_role_key
from .register import GroupKind
from .validation import to_frozenset


class Party(enum.Enum):
    """A side of an agreement."""

    GROUP = "group"
    SCHOOL = "school"


MAINTAINED_TYPES = frozenset({"01", "02", "03", "05", "07", "12", "14", "15"})
"""``TypeOfEstablishment (code)`` of the types an LA maintains.

Community, voluntary aided, voluntary controlled and foundation schools, community and foundation special
schools, pupil referral units and LA nursery schools. Source: the type codes of GIAS.
"""


def _to_roles(value: Iterable[str]) -> frozenset[str]:
    return frozenset(require_role_key(one) for one in validation.require_collection(value, "Policy.eligible_roles"))


def _to_role_permissions(
    value: Mapping[str, Iterable[Permission]],
) -> Mapping[str, frozenset[Permission]]:
    if not isinstance(value, Mapping):
        raise InvalidValue("Policy.role_permissions", value, "a mapping from role keys to permissions")
    return MappingProxyType(
        {
            require_role_key(role): frozenset(
                validation.require_member(one, Permission, "Policy.role_permissions")
                for one in validation.require_collection(permissions, "Policy.role_permissions")
            )
            for role, permissions in value.items()
        }
    )


def _to_labels(value: Mapping[AccessLevel, str]) -> Mapping[AccessLevel, str]:
    if not isinstance(value, Mapping):
        raise InvalidValue("Policy.labels", value, "a mapping from AccessLevels to labels")
    return MappingProxyType(
        {
            validation.require_member(level, AccessLevel, "Policy.labels"): validation.require_text(
                label, "Policy.labels"
            )
            for level, label in value.items()
        }
    )


def _not_negative(_policy: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise InvalidValue(f"Policy.{attribute.name}", value, "a timedelta that is not negative")


_YES_OR_NO = validation.is_a(bool, "True or False")

_BY_HEAD_TEACHERS = {BusinessRole.HEAD_TEACHER: {Permission.ADMINISTER_DATA_SHARING_REQUEST}}


@attrs.frozen(kw_only=True)
class Policy:
    """Every choice that is a group's own.

    Start from `Policy.mat` or `Policy.local_authority` and change what differs:

    >>> import attrs
    >>> from datetime import timedelta
    >>> careful = attrs.evolve(Policy.mat(), least_reminder_interval=timedelta(hours=24))

    Attributes:
        kind: The kind of group that it is for.
        requestable_levels: What may be asked for (L3).
        labels: How levels are worded; what is not named keeps `AccessLevel.label` (L3).
        include_proposed_to_close: Whether *Open, but proposed to close* is listed (V3).
        establishment_types: Codes of ``TypeOfEstablishment`` that are listed; `None` for all (V6).
        eligible_roles: Roles whose holders may be asked, as keys (P4).
        role_permissions: What holders of a role may do at their site (P2).
        readers: Permissions of which one suffices to read tabs, recipients and history (P12).
        terms_required: Whether a request must carry terms (Q8).
        least_reminder_interval: The least time between a request or reminder and the next (N4).
        distinct_approver: Whether sender and approver must be different people (A7).
        central_approval: Whether approvals settled centrally may be recorded; trusts only (A9).
        enders: The parties that may end an agreement by their own wish (E7).
        correction_window: How long a school may be hidden and still resume (X2); counted in whole days.
    """

    kind: GroupKind = attrs.field(validator=validation.member(GroupKind))
    requestable_levels: frozenset[AccessLevel] = attrs.field(
        converter=to_frozenset, validator=validation.each(validation.member(AccessLevel))
    )
    labels: Mapping[AccessLevel, str] = attrs.field(factory=dict, converter=_to_labels)
    include_proposed_to_close: bool = attrs.field(default=True, validator=_YES_OR_NO)
    establishment_types: frozenset[str] | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(to_frozenset),
        validator=attrs.validators.optional(validation.each(validation.key)),
    )
    eligible_roles: frozenset[str] = attrs.field(default=tuple(BusinessRole), converter=_to_roles)
    role_permissions: Mapping[str, frozenset[Permission]] = attrs.field(
        default=_BY_HEAD_TEACHERS, converter=_to_role_permissions
    )
    readers: frozenset[Permission] = attrs.field(
        default=(Permission.ADMINISTER_INSTITUTION_DETAILS,),
        converter=to_frozenset,
        validator=validation.each(validation.member(Permission)),
    )
    terms_required: bool = attrs.field(default=False, validator=_YES_OR_NO)
    least_reminder_interval: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    distinct_approver: bool = attrs.field(default=False, validator=_YES_OR_NO)
    central_approval: bool = attrs.field(default=False, validator=_YES_OR_NO)
    enders: frozenset[Party] = attrs.field(
        default=(), converter=to_frozenset, validator=validation.each(validation.member(Party))
    )
    correction_window: timedelta = attrs.field(default=timedelta(days=30), validator=_not_negative)

    @central_approval.validator
    def _check_central_approval(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if value is True and self.kind is GroupKind.LOCAL_AUTHORITY:  # A9: never an LA
            raise InvalidValue("Policy.central_approval", value, "False for a local authority")

    @classmethod
    def mat(cls) -> Policy:
        """Give the usual policy of a multi-academy trust (L3, E7)."""
        return cls(
            kind=GroupKind.MULTI_ACADEMY_TRUST,
            requestable_levels={AccessLevel.MIS_DATA, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS},
            labels={AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: "MIS Data & Trust Actions"},
        )

    @classmethod
    def local_authority(cls, *, maintained_only: bool = False) -> Policy:
        """Give the usual policy of a local authority (L3, Q8, E7).

        Args:
            maintained_only: Whether to list only the types that an LA maintains (V6).
        """
        return cls(
            kind=GroupKind.LOCAL_AUTHORITY,
            requestable_levels=AccessLevel,
            labels={AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: "MIS Data & Local Authority Actions"},
            establishment_types=MAINTAINED_TYPES if maintained_only else None,
            role_permissions={
                BusinessRole.HEAD_TEACHER: {
                    Permission.ADMINISTER_DATA_SHARING_REQUEST,
                    Permission.END_AGREEMENT,
                }
            },
            terms_required=True,
            enders=Party,
        )

    @classmethod
    def for_kind(cls, kind: GroupKind) -> Policy:
        """Give the usual policy of a group of this *kind*."""
        return cls.mat() if kind is GroupKind.MULTI_ACADEMY_TRUST else cls.local_authority()

    def label(self, level: AccessLevel) -> str:
        """Word *level* for this kind of group (L3)."""
        return self.labels.get(level) or validation.require_member(level, AccessLevel, "level").label
