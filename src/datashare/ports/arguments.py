"""What a store checks of its arguments, so that every store refuses the same things in the same words.

Every function returns its arguments, or raises `datashare.errors.InvalidValue`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from datashare.domain import validation
from datashare.domain.agreements import AgreementId
from datashare.domain.agreements.commands import require_kept_under
from datashare.domain.instants import FIRST, LAST, MOST_AHEAD, Instant, later_by, to_day, to_instant
from datashare.domain.register import GroupId
from datashare.errors import InvalidInput

from .outbox import LONGEST_LEASE, LeasedNotice, NoticeStatus, Settlement
from .store import Change

__all__ = [
    "require_agreement",
    "require_changes",
    "require_group",
    "require_group_or_all",
    "require_ids",
    "require_lease",
    "require_notices",
    "require_purge",
    "require_register",
    "require_settlement",
    "require_status",
]


def require_ids(ids: Collection[AgreementId], command_id: str | None) -> tuple[AgreementId, ...]:
    """Return the agreements to load, each once; they must be of one group, and a command id must be valid."""
    agreements = validation.require_all(ids, AgreementId, "The agreements to load", "a collection of AgreementIds")
    if command_id is not None:
        require_kept_under(command_id)
    if len({agreement.group for agreement in agreements}) > 1:
        raise InvalidInput("The agreements to load", ids, "agreements of one group")
    return tuple(dict.fromkeys(agreements))


def require_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes to save; there must be at most one for each agreement."""
    checked = validation.require_all(changes, Change, "The changes to save", "a collection of Changes")
    if len({change.id for change in checked}) < len(checked):
        raise InvalidInput("The changes to save", len(checked), "at most one for each agreement")
    return checked


def require_group(group: object) -> GroupId:
    """Return *group*, which must be a `GroupId`."""
    return validation.require_a(group, GroupId, "group", "a GroupId, such as GroupId.mat('5143')")


def require_group_or_all(group: object) -> GroupId | None:
    """Return *group*, which must be a `GroupId`, or `None` for all groups."""
    return None if group is None else require_group(group)


def require_agreement(agreement: object) -> AgreementId:
    """Return *agreement*, which must be an `AgreementId`."""
    return validation.require_a(agreement, AgreementId, "agreement", "an AgreementId")


def require_register(group: object, day: date) -> tuple[GroupId, date]:
    """Return a group and the day of a register that was applied to it."""
    return require_group(group), to_day(day)


def require_status(status: NoticeStatus | None) -> NoticeStatus | None:
    """Return *status*, which must be a `NoticeStatus` or `None`."""
    return None if status is None else validation.require_member(status, NoticeStatus, "status")


def require_lease(now: Instant, until: Instant, limit: int) -> tuple[Instant, Instant, int]:
    """Return when leases begin and end, in UTC, and how many there may be: 0 for a limit below."""
    now, until = to_instant(now, "now"), to_instant(until, "until")
    if until <= now:
        raise InvalidInput("until", until, f"after now, {now}, so that there is time to send")
    if until - now > LONGEST_LEASE:
        raise InvalidInput("until", until, f"at most {LONGEST_LEASE} after now, {now}")
    if type(limit) is not int:
        raise InvalidInput("limit", limit, "a whole number")
    return now, until, max(limit, 0)


def require_purge(
    settled_before: Instant, undelivered_before: Instant | None, now: Instant | None
) -> tuple[Instant, Instant, Instant, Instant]:
    """Return the bounds of a purge, in UTC.

    They are the instants before and after which a settled notice is old, before which one that is not settled is too
    long due, and as of which that is given up.
    """
    before = to_instant(settled_before, "settled_before")
    undelivered = FIRST if undelivered_before is None else to_instant(undelivered_before, "undelivered_before")
    if now is None:
        return before, LAST, undelivered, undelivered
    now = to_instant(now, "now")
    return before, later_by(now, MOST_AHEAD), undelivered, now


def require_settlement(leased: object, outcome: object) -> tuple[LeasedNotice, Settlement]:
    """Return a leased notice and what became of it."""
    return (
        validation.require_a(leased, LeasedNotice, "leased", "a LeasedNotice, as lease() returns"),
        validation.require_a(outcome, Settlement, "outcome", "a Settlement, such as Settlement.delivered(at=…)"),
    )


def require_notices(notices: Collection[str]) -> tuple[str, ...]:
    """Return the ids of notices, each once."""
    return tuple(dict.fromkeys(validation.require_all(notices, str, "notices", "a collection of the ids of notices")))
