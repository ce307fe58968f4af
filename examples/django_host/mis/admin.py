"""The host's own tables in the admin; agreements and notices have pages of the library's there."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from .models import Activity, Employee, Post, School, Trust

if TYPE_CHECKING:
    PostBase = admin.TabularInline[Post, Employee]
    EmployeeBase = admin.ModelAdmin[Employee]
    ActivityBase = admin.ModelAdmin[Activity]
else:
    PostBase, EmployeeBase, ActivityBase = admin.TabularInline, admin.ModelAdmin, admin.ModelAdmin

admin.site.site_header = "The MIS"
admin.site.register([School, Trust])


class PostInline(PostBase):
    """The jobs of an employee, on their page."""

    model = Post
    extra = 0


@admin.register(Employee)
class EmployeeAdmin(EmployeeBase):
    """The staff of all sites."""

    list_display = ("name", "school", "trust", "manages_sharing")
    search_fields = ("name", "=school__urn")
    inlines = (PostInline,)


@admin.register(Activity)
class ActivityAdmin(ActivityBase):
    """What people did; nobody adds or changes a row."""

    list_display = ("at", "employee", "what")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Let nobody add a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Activity | None = None) -> bool:  # noqa: ARG002
        """Let nobody change a row."""
        return False
