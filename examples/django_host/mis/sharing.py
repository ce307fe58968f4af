"""Data sharing over the host's own tables: the people, and the functions that the settings name."""

from collections.abc import Collection, Iterable
from pathlib import Path

from django.db.models import QuerySet

from datashare import (
    BusinessRole,
    DataSharing,
    GroupId,
    GroupKind,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    SchoolSite,
)
from datashare.adapters.django.institutions import DjangoInstitutionDirectory
from datashare.adapters.django.people import DjangoPeopleDirectory
from datashare.adapters.email import EmailRenderer, MaildirNotifier
from datashare.ports import AgreementStore

from .models import Employee, School

ROLES = {Employee.Job.HEAD: BusinessRole.HEAD_TEACHER, Employee.Job.DEPUTY: BusinessRole.DEPUTY_HEAD_TEACHER}


class People(DjangoPeopleDirectory):
    """The people of the MIS."""

    def school_staff(self, urns: Collection[int], /) -> QuerySet[Employee]:
        """Return those who work at these schools."""
        return Employee.objects.filter(school_id__in=urns)

    def group_staff(self, groups: Collection[GroupId], /) -> QuerySet[Employee]:
        """Return those who work at these trusts."""
        return Employee.objects.filter(trust_uid__in=[group.code for group in groups if group.kind is GroupKind.MAT])

    def school_sites(self, urns: Collection[int], /) -> Iterable[SchoolSite]:
        """Return the address of each school's page."""
        for school in School.objects.filter(urn__in=urns):
            yield SchoolSite(urn=school.urn, data_sharing_url=f"https://{school.domain}/data/data-sharing")

    def person(self, row: Employee, /) -> Person:
        """Map jobs and rights to the library's own."""
        site = GroupId.mat(row.trust_uid) if row.school_id is None else row.school_id
        manages = (
            Permission.ADMINISTER_DATA_SHARING_REQUEST
            if isinstance(site, int)
            else Permission.ADMINISTER_INSTITUTION_DETAILS
        )
        role = ROLES.get(Employee.Job(row.job))
        return Person(
            id=PersonId(site, str(row.pk)),
            name=row.name,
            email=row.email,
            roles=[HeldRole(role)] if role else [],
            permissions=[manages] if row.manages_sharing else [],
            period=Period(row.first_day, row.last_day),
        )


def data_sharing(store: AgreementStore) -> DataSharing:
    """Bring the parts together over a store."""
    return DataSharing(store=store, institutions=DjangoInstitutionDirectory(), people=People())


def notifier() -> MaildirNotifier:
    """Write messages to a folder, where a browser can open them; a real host sends them over SMTP."""
    emails = EmailRenderer(sender="no-reply@mis.example", sender_name="The MIS", list_id="data-sharing.mis.example")
    return MaildirNotifier(emails, Path(__file__).parents[1] / "messages")
