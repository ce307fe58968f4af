"""Pure: the choices that each group makes for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Annotated, Any

import attrs

from datashare.errors import Misconfigured

from .levels import AccessLevel, to_levels
from .people import BusinessRole, Permission, RoleKey, to_role_keys
from .register import GroupKind
from .text import Labelled, counted
from .validation import Key, Percent, Rule, Text, require_member, to_frozenset, to_mapping, to_texts, validated_setting


class Party(Labelled):
    """A side of an agreement."""

    GROUP = "group"
    """The trust or local authority that asks."""
    SCHOOL = "school"
    """The school that answers."""


MAINTAINED_TYPES = frozenset({"01", "02", "03", "05", "07", "12", "14", "15"})
"""``TypeOfEstablishment (code)`` of the types an LA maintains.

Community, voluntary aided, voluntary controlled and foundation schools, community and foundation special
schools, pupil referral units and LA nursery schools. Source: the type codes of GIAS.
"""


def _to_labels(value: Mapping[AccessLevel, str]) -> Mapping[AccessLevel, str]:
    return to_mapping(value)


def _to_role_permissions(value: Mapping[str, Iterable[Permission]]) -> Mapping[str, frozenset[Permission]]:
    return to_mapping(value, to_frozenset)


def _to_readers(value: Iterable[Permission]) -> frozenset[Permission]:
    return to_frozenset(value)


def _to_enders(value: Iterable[Party]) -> frozenset[Party]:
    return to_frozenset(value)


_Duration = Annotated[
    timedelta,
    Rule("a timedelta that is not negative", lambda value: isinstance(value, timedelta) and value >= timedelta(0)),
]

_BY_HEAD_TEACHERS = {BusinessRole.HEAD_TEACHER: {Permission.ADMINISTER_DATA_SHARING_REQUEST}}


@attrs.frozen(kw_only=True, field_transformer=validated_setting)
class Policy:
    """The choices that a group makes for itself.

    Start from `Policy.mat` or `Policy.local_authority` and change what differs:

    >>> import attrs
    >>> from datetime import timedelta
    >>> careful = attrs.evolve(Policy.mat(), least_reminder_interval=timedelta(hours=24))

    Attributes:
        kind: The kind of group that it is for.
        requestable_levels: The levels that may be requested (L3).
        labels: Names of levels; a level that is not here keeps `AccessLevel.label` (L3).
        include_proposed_to_close: Whether *Open, but proposed to close* is listed (V3).
        establishment_types: Codes of ``TypeOfEstablishment`` that are listed; `None` for all (V6).
        eligible_roles: Roles whose holders may be asked, as keys (P4).
        role_permissions: What holders of a role may do at their site (P2).
        readers: The permissions to read tabs, recipients and history; one of them suffices (P12).
        terms_required: Whether a request must carry terms (Q8).
        least_reminder_interval: The least time between a request or reminder and the next (N4).
        distinct_approver: Whether sender and approver must be different people (A7).
        central_approval: Whether approvals settled centrally may be recorded; trusts only (A9).
        enders: The parties that may end an agreement when they wish (E7).
        correction_window: How long a school may be hidden before its agreement lapses (X2), in whole days.
        stale_register_after: How old a register may be before plans and coverage warn of it (E3), in whole days.
        most_gone_percent: How many per cent of the institutions in place a newer register may lack; three may always be
            missing (E3).
    """

    kind: GroupKind
    requestable_levels: frozenset[AccessLevel] = attrs.field(converter=to_levels)
    labels: Mapping[AccessLevel, Text] = attrs.field(factory=dict, converter=_to_labels)
    include_proposed_to_close: bool = True
    establishment_types: frozenset[Key] | None = attrs.field(
        default=None, converter=attrs.converters.optional(to_texts)
    )
    eligible_roles: frozenset[RoleKey] = attrs.field(default=tuple(BusinessRole), converter=to_role_keys)
    role_permissions: Mapping[RoleKey, frozenset[Permission]] = attrs.field(
        default=_BY_HEAD_TEACHERS, converter=_to_role_permissions
    )
    readers: frozenset[Permission] = attrs.field(
        default=(Permission.ADMINISTER_INSTITUTION_DETAILS,), converter=_to_readers
    )
    terms_required: bool = False
    least_reminder_interval: _Duration = timedelta(0)
    distinct_approver: bool = False
    central_approval: bool = attrs.field(default=False)
    enders: frozenset[Party] = attrs.field(default=(), converter=_to_enders)
    correction_window: _Duration = timedelta(days=30)
    stale_register_after: _Duration = timedelta(days=90)
    most_gone_percent: Percent = 10

    @central_approval.validator
    def _check_central_approval(self, _attribute: attrs.Attribute[Any], value: bool) -> None:
        if value and self.kind is GroupKind.LOCAL_AUTHORITY:  # A9: never an LA
            raise Misconfigured("Policy.central_approval", value, "False for a local authority")

    @classmethod
    def mat(cls) -> Policy:
        """Return the usual policy of a multi-academy trust (L3, E7)."""
        return cls(
            kind=GroupKind.MULTI_ACADEMY_TRUST,
            requestable_levels={AccessLevel.MIS_DATA, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS},
            labels={AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: "MIS Data & Trust Actions"},
        )

    @classmethod
    def local_authority(cls, *, maintained_only: bool = False) -> Policy:
        """Return the usual policy of a local authority (L3, Q8, E7).

        Args:
            maintained_only: Whether to list only the types that an LA maintains (V6).
        """
        return cls(
            kind=GroupKind.LOCAL_AUTHORITY,
            requestable_levels=AccessLevel,
            labels={AccessLevel.MIS_DATA_AND_GROUP_ACTIONS: "MIS Data & Local Authority Actions"},
            establishment_types=MAINTAINED_TYPES if maintained_only else None,
            role_permissions={
                BusinessRole.HEAD_TEACHER: {Permission.ADMINISTER_DATA_SHARING_REQUEST, Permission.END_AGREEMENT}
            },
            terms_required=True,
            enders=Party,
        )

    @classmethod
    def for_kind(cls, kind: GroupKind) -> Policy:
        """Return the usual policy of a group of this *kind*."""
        return cls.mat() if kind is GroupKind.MULTI_ACADEMY_TRUST else cls.local_authority()

    def label(self, level: AccessLevel) -> str:
        """Return what this group calls *level* (L3)."""
        return self.labels.get(level) or require_member(level, AccessLevel, "level").label


def stale_for(register_day: date, *, policy: Policy, day: date) -> int:
    """Return how many days old a register is, where that is more than *policy* allows; else 0 (E3)."""
    return (day - register_day).days if day - register_day > policy.stale_register_after else 0


def stale_words(days: int) -> str:
    """Say how old a register is."""
    return f"The register is {counted(days, 'day')} old."
