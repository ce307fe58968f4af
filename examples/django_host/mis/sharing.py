"""Data sharing over the host's own tables: the people, and the functions that the settings name."""

from collections.abc import Collection, Iterable

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from datashare import (
    BusinessRole,
    DataSharing,
    GroupId,
    GroupKind,
    HeldRole,
    Period,
    Permission,
    Person,
    SchoolSite,
)
from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.people import DjangoPeopleDirectory
from datashare.adapters.email import EmailNotifier, EmailRenderer, MaildirNotifier, MailServer, Security
from datashare.ports import AgreementStore, Notifier

from .models import Employee, Post, School

ROLES = {
    Post.Job.EXECUTIVE_HEAD: BusinessRole.EXECUTIVE_HEAD_TEACHER,
    Post.Job.HEAD: BusinessRole.HEAD_TEACHER,
    Post.Job.DEPUTY: BusinessRole.DEPUTY_HEAD_TEACHER,
    Post.Job.DATA: BusinessRole.DATA_MANAGER,
}
EMAILS = EmailRenderer(sender="no-reply@mis.example", sender_name="The MIS", list_id="data-sharing.mis.example")


class People(DjangoPeopleDirectory):
    """The people of the MIS."""

    def school_staff(self, urns: Collection[int], /) -> QuerySet[Employee]:
        """Return those who work at these schools."""
        return Employee.objects.filter(school_id__in=urns).prefetch_related("posts")

    def group_staff(self, groups: Collection[GroupId], /) -> QuerySet[Employee]:
        """Return those who work at these trusts."""
        uids = [group.code for group in groups if group.kind is GroupKind.MAT]
        return Employee.objects.filter(trust_id__in=uids).prefetch_related("posts")

    def school_sites(self, urns: Collection[int], /) -> Iterable[SchoolSite]:
        """Return the address of each school's page."""
        for school in School.objects.filter(urn__in=urns):
            page = reverse("school", args=[school.urn])
            yield SchoolSite(urn=school.urn, data_sharing_url=f"{school.address}{page}")

    def person(self, row: Employee, /) -> Person:
        """Map jobs and rights to the library's own."""
        right = (
            Permission.ADMINISTER_INSTITUTION_DETAILS if row.trust_id else Permission.ADMINISTER_DATA_SHARING_REQUEST
        )
        return Person(
            id=row.person_id,
            name=row.name,
            email=row.email,
            roles=[
                HeldRole(ROLES[job], Period(post.first_day, post.last_day))
                for post in row.posts.all()
                if (job := Post.Job(post.job)) in ROLES
            ],
            permissions=[right] if row.manages_sharing else [],
        )


def data_sharing(store: AgreementStore) -> DataSharing:
    """Bring the parts together over a store."""
    return DataSharing(store=store, institutions=DjangoInstitutionDirectory(), people=People())


def notifier() -> Notifier:
    """Send messages to the mail server; without one, write them to a folder, where a browser can open them."""
    if not settings.MAIL_SERVER:
        return MaildirNotifier(EMAILS, settings.MESSAGES)
    host, _, port = settings.MAIL_SERVER.partition(":")
    return EmailNotifier(EMAILS, MailServer(host=host, port=int(port or 25), security=Security.NONE))
