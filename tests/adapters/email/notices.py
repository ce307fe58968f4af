"""Notices as the library makes them, with any text in any field, and the renderer of a made-up host."""

from collections.abc import Callable, Iterator
from copy import copy
from datetime import date
from itertools import product
from typing import Any, TypeVar

import attrs

from datashare.adapters.email import EmailRenderer
from datashare.domain.agreements import EndCause
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import ASKING, Addressee, Notice, NoticeKind
from datashare.domain.policy import Party, Policy
from datashare.domain.register import GroupKind
from tests.golden.values import AGREEMENT, DEPUTY, HEAD, LA, NOTICES, TERMS

_V = TypeVar("_V")

NAMES = {GroupKind.MULTI_ACADEMY_TRUST: "Areté Learning Trust", GroupKind.LOCAL_AUTHORITY: "Llanfair Borough"}
HANA = Addressee(id=HEAD, name="Hana Žižková", can_approve=True)
DAI = Addressee(id=DEPUTY, name="Dai ap Rhys")
READERS = {"can": (HANA,), "cannot": (DAI,), "one of two can": (DAI, HANA)}


def renderer(**settings: Any) -> EmailRenderer:
    """Build the renderer of a made-up host."""
    return EmailRenderer(**{"sender": "no-reply@trust.example", "sender_name": "Data sharing", **settings})


RENDERER = renderer()


def unchecked(value: _V, **changes: Any) -> _V:
    """Copy a value with changes that nobody checks, as a store may hold what no host can make."""
    changed = copy(value)
    for field, content in changes.items():
        object.__setattr__(changed, field, content)
    return changed


def notice(
    kind: NoticeKind,
    *,
    audience: Party = Party.SCHOOL,
    group_kind: GroupKind = GroupKind.MULTI_ACADEMY_TRUST,
    upgrade: bool = False,
    readers: tuple[Addressee, ...] = (HANA,),
    **changes: Any,
) -> Notice:
    """Build a notice as the library makes it, but for *changes*."""
    policy = Policy.for_kind(group_kind)
    level = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
    before = AccessLevel.MIS_DATA if upgrade else None
    answered = kind in {NoticeKind.APPROVED, NoticeKind.DECLINED}
    fields: dict[str, Any] = {
        "kind": kind,
        "audience": audience,
        "agreement": AGREEMENT if group_kind is GroupKind.MULTI_ACADEMY_TRUST else attrs.evolve(AGREEMENT, group=LA),
        "people": readers,
        "group_kind": group_kind,
        "group_name": NAMES[group_kind],
        "sender_address": "ana@group.example",
        "level_label": policy.label(level),
        "level_before": before,
        "level_before_label": policy.label(before) if before else "",
        "link": "https://hilda.example/data/sharing" if audience is Party.SCHOOL else None,
        "terms": TERMS if group_kind is GroupKind.LOCAL_AUTHORITY else None,
        "reason": "We change our MIS in May." if kind not in {*ASKING, NoticeKind.APPROVED} else None,
        "actor_name": "Mair Jones" if answered else "Ana Ćosić",
        "cause": EndCause.BY_GROUP if kind is NoticeKind.ENDED else None,
        "request": NOTICES["notice"].request if kind is not NoticeKind.ENDED or upgrade else None,
        "asked_on": date(2026, 3, 2) if kind is NoticeKind.REMINDER else None,
    }
    return unchecked(NOTICES["notice"], **{**fields, **changes})


ASKED = notice(NoticeKind.REQUEST)
DECLINED = notice(NoticeKind.DECLINED)


def variants(kind: NoticeKind) -> Iterator[Notice]:
    """Build notices of a kind for both sides and kinds of group, first requests and upgrades, and all readers."""
    for audience, group_kind, upgrade, readers in product(Party, GroupKind, (False, True), READERS.values()):
        yield notice(kind, audience=audience, group_kind=group_kind, upgrade=upgrade, readers=readers)


# Any text in any field

FIELDS: dict[str, Callable[[Notice], str | None]] = {
    "person": lambda notice: notice.people[0].name,
    "group": lambda notice: notice.group_name,
    "school": lambda notice: notice.institution_name,
    "sender": lambda notice: notice.sender_name,
    "actor": lambda notice: notice.actor_name,
    "level": lambda notice: notice.level_label,
    "level before": lambda notice: notice.level_before_label if notice.level_before else None,
    "reason": lambda notice: notice.reason or "",
    "reference": lambda notice: notice.terms.reference if notice.terms else None,
    "version": lambda notice: notice.terms.version if notice.terms else None,
    "answerer": lambda notice: notice.answerers[0].name if notice.answerers else None,
}
"""Where each text from outside stands in a notice; None where that notice has no place for it."""

_ALWAYS = {"person", "group", "school", "reason"}
_IN_REQUESTS = _ALWAYS | {"level", "level before", "sender", "reference", "version"}
_NAMED: dict[NoticeKind, set[str]] = {
    NoticeKind.REQUEST: _IN_REQUESTS,
    NoticeKind.REMINDER: _IN_REQUESTS,
    NoticeKind.APPROVED: _ALWAYS | {"level", "level before", "actor", "reference", "version"},
    NoticeKind.DECLINED: _ALWAYS | {"level", "level before", "actor"},
    NoticeKind.WITHDRAWN: _ALWAYS | {"level", "level before", "actor"},
    NoticeKind.APPROVAL_RECORDED: _ALWAYS | {"level", "level before", "actor", "reference", "version"},
    NoticeKind.ENDED: _ALWAYS | {"level"},
}


def named(notice: Notice) -> dict[str, str]:
    """Return the texts that the messages of a notice show, by field."""
    fields = set(_NAMED[notice.kind])
    if notice.audience is Party.SCHOOL:
        fields.add("sender")
    if notice.kind is NoticeKind.ENDED and notice.cause:
        fields.add("actor")
    if notice.kind in ASKING and not notice.people[0].can_approve:
        fields.add("answerer")
    texts = {field: FIELDS[field](notice) for field in fields}
    return {field: text for field, text in texts.items() if text is not None}


def saying(plain: Notice, *texts: str) -> Notice:
    """Put a text into each field of a notice, in the order of `FIELDS`; one text alone goes into all of them."""
    by_field = dict(zip(FIELDS, texts if len(texts) > 1 else texts * len(FIELDS), strict=True))
    return unchecked(
        plain,
        people=tuple(unchecked(person, name=by_field["person"]) for person in plain.people),
        group_name=by_field["group"],
        institution_name=by_field["school"],
        sender_name=by_field["sender"],
        actor_name=by_field["actor"],
        level_label=by_field["level"],
        level_before_label=by_field["level before"] if plain.level_before else "",
        reason=by_field["reason"],
        terms=plain.terms and unchecked(plain.terms, reference=by_field["reference"], version=by_field["version"]),
        answerers=tuple(unchecked(answerer, name=by_field["answerer"]) for answerer in plain.answerers),
    )
