"""What templates are told of a notice, each value from outside made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from datashare.domain.agreements import Terms
from datashare.domain.notices import Notice, NoticeKind
from datashare.domain.policy import Party

from ._values import Medium, lines, listed, name, one_line

_MOST_NAMED = 3

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # the calendar's own names follow the locale of the host's program


def facts_for(notice: Notice, medium: Medium) -> dict[str, Any]:
    """Give what a template may use: texts, which are fit for *medium* where they come from outside, lists and flags.

    Every key is always there; what is not known is empty.
    """
    show = medium.value
    approvers = [show(name(one.name)) for one in notice.people if one.can_approve]
    return {
        "kind": notice.kind.value,
        "to_school": notice.audience is Party.SCHOOL,
        "group": show(name(notice.group_name)),
        "group_kind": notice.group_kind.label,
        "school": show(name(notice.institution_name)),
        "urn": str(notice.agreement.urn),
        "people": listed([show(name(one.name)) for one in notice.people]) if notice.people else "",
        "approvers": listed(approvers) if approvers else "",
        "all_approve": len(approvers) == len(notice.people),
        "asked_answerers": _named((one.name for one in notice.answerers if one.asked), show),
        "unasked_answerers": _named((one.name for one in notice.answerers if not one.asked), show),
        "nobody_can_answer": notice.nobody_can_answer,
        "asked_on": _day(notice.asked_on),
        "sender": _optional(notice.sender_name, show),
        "sender_address": _optional(notice.sender_address, show),
        "actor": _optional(notice.actor_name, show),
        "upgrade": notice.level_before is not None,
        "level": _optional(notice.level_label, show),
        "level_before": _optional(notice.level_before_label, show),
        "adds": [capability.value for capability in notice.adds],
        "link": _https(notice.link),
        "terms": _terms(notice.terms, show),
        "reason": [medium.line(line) for line in lines(notice.reason or "")],
        "cause": notice.cause.value if notice.cause else "",
        "closes_request": notice.kind is NoticeKind.ENDED and notice.request is not None,
    }


def _optional(value: str | None, show: Callable[[str], str]) -> str:
    found = one_line(value or "")
    return show(found) if found else ""


def _named(names: Iterable[str], show: Callable[[str], str]) -> str:
    """Write names in a row; of many only the first ones."""
    first = [show(name(one)) for one in names]
    others = [show("others")] if len(first) > _MOST_NAMED else []
    return listed([*first[:_MOST_NAMED], *others]) if first else ""


def _day(day: date | None) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}" if day else ""


def _terms(terms: Terms | None, show: Callable[[str], str]) -> dict[str, str] | None:
    if terms is None:
        return None
    return {
        "reference": show(name(terms.reference)),
        "link": _https(terms.reference),
        "version": show(name(terms.version)),
        "review_on": _day(terms.review_on),
    }


def _https(link: str | None) -> str:
    """Let nothing else be a link: no script, and no address that a message could not show whole."""
    return link if link and re.fullmatch(r"https://[!-~]+", link) else ""
