"""Pages of Django's admin, to look at agreements, their history and messages; only messages can be sent again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from datashare import rows
from datashare.clock import SystemClock
from datashare.domain.agreements import Agreement, OpenRequest
from datashare.domain.instants import day_words, instant_words
from datashare.domain.notices import Notice
from datashare.domain.timeline_text import describe
from datashare.errors import StoreUnreadable
from datashare.rows import AgreementRow, EventRow, NoticeRow

from . import _settings
from ._database import Database, read, row_of
from .models import AgreementEvent, AgreementState, OutgoingNotice
from .store import DjangoAgreementStore

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin


class _ReadOnly(_ModelAdmin):
    """Shows rows of the app's own database, and changes none."""

    list_per_page = 50
    show_full_result_count = False  # it counts all rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return self.model._default_manager.using(_settings.database()).order_by(*self.get_ordering(request))

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(AgreementState)
class AgreementAdmin(_ReadOnly):
    """Agreements, each with its history."""

    list_display: tuple[str, ...] = ("key", "in_force", "request", "version")
    search_fields: ClassVar[tuple[str, ...]] = ("=urn", "=group_id")
    fields: ClassVar[tuple[str, ...]] = (
        "group_id",
        "urn",
        "in_force",
        "request",
        "hidden_since",
        "version",
        "head",
        "history",
    )
    readonly_fields: ClassVar[tuple[str, ...]] = ("in_force", "request", "hidden_since", "history")
    ordering: ClassVar[tuple[str, ...]] = ("group_id", "urn")

    @admin.display(description="in force")
    def in_force(self, row: AgreementState) -> str:
        """Show the level in force."""
        return _shown(row, lambda agreement: agreement.level.label if agreement.level else "")

    @admin.display(description="open request")
    def request(self, row: AgreementState) -> str:
        """Show the request that waits for an answer."""
        return _shown(row, lambda agreement: _asked(agreement.request) if agreement.request else "")

    @admin.display(description="hidden since")
    def hidden_since(self, row: AgreementState) -> str:
        """Show since when the register hides the school from the group."""
        return _shown(row, lambda agreement: day_words(agreement.hidden_since) if agreement.hidden_since else "")

    @admin.display(description="history")
    def history(self, row: AgreementState) -> SafeString:
        """Say what happened, in order, by ids alone and without what people wrote."""
        events = Database(None).rows(AgreementEvent).filter(group_id=row.group_id, urn=row.urn).order_by("sequence")
        try:
            happened = [
                (event.sequence, describe(rows.to_event(event._replace(erasable=None))))
                for event in read(EventRow, events)
            ]
        except StoreUnreadable as error:
            return format_html("{}", error)
        return format_html("<ol>{}</ol>", format_html_join("", '<li value="{}">{}</li>', happened))


@admin.register(OutgoingNotice)
class NoticeAdmin(_ReadOnly):
    """Messages, with what has become of them."""

    list_display: tuple[str, ...] = ("due_at", "status", "kind", "group_id", "urn", "attempts")
    list_filter: ClassVar[tuple[str, ...]] = ("status",)
    search_fields: ClassVar[tuple[str, ...]] = ("=urn", "=group_id", "=notice_id")
    fields: ClassVar[tuple[str, ...]] = (
        "notice_id",
        "group_id",
        "urn",
        "kind",
        "to",
        "status",
        "due_at",
        "attempts",
        "settled_at",
        "error",
    )
    readonly_fields: ClassVar[tuple[str, ...]] = ("kind", "to")
    ordering: ClassVar[tuple[str, ...]] = ("-due_at", "notice_id")
    actions: tuple[str, ...] = ("requeue",)

    @admin.display(description="kind")
    def kind(self, row: OutgoingNotice) -> str:
        """Show what the message says."""
        notice = _notice(row)
        return notice.kind.label if notice else "-"

    @admin.display(description="to")
    def to(self, row: OutgoingNotice) -> str:
        """Show the address; nothing once it was purged."""
        notice = _notice(row)
        return notice.address if notice else "-"

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may send messages again."""
        return bool(request.user.has_perm(f"datashare.{get_permission_codename('requeue', self.opts)}"))

    @admin.action(permissions=["requeue"], description="Send the selected messages again, if they were given up")
    def requeue(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let the selected messages wait again, where `datashare.ports.Outbox.requeue` does so."""
        store, now = DjangoAgreementStore(), SystemClock().now()
        ids = defaultdict[str, list[str]](list)
        for group, notice in queryset.values_list("group_id", "notice_id"):
            ids[group].append(notice)
        again = sum(store.requeue(group, ids[str(group)], due_at=now) for group in rows.to_groups(ids))
        left = queryset.count() - again
        note = f"{again} messages wait again." + (f" {left} were not given up, or are purged." if left else "")
        self.message_user(request, note, messages.WARNING if left else messages.SUCCESS)


def _asked(request: OpenRequest) -> str:
    return f"{request.level.label}, {instant_words(request.asked_at)}"


def _shown(row: AgreementState, words: Callable[[Agreement], str]) -> str:
    """Word a part of an agreement; a dash stands for a part that is not there, or cannot be read."""
    try:
        return words(rows.to_agreement(row_of(AgreementRow, row))) or "-"
    except StoreUnreadable:
        return "-"


def _notice(row: OutgoingNotice) -> Notice | None:
    try:
        return rows.to_notice(row_of(NoticeRow, row))
    except StoreUnreadable:
        return None
