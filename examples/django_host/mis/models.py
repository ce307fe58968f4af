"""The host's own tables, as they were before anybody thought of data sharing, and a log of what people do."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from datashare import GroupId, PersonId


class Trust(models.Model):
    """A trust with a site of its own."""

    uid = models.CharField("group UID", max_length=7, primary_key=True)
    terms = models.CharField(max_length=200, blank=True, help_text="Where schools can read the trust's terms.")
    terms_version = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return f"Trust {self.uid}"

    @property
    def group(self) -> GroupId:
        """The library's id of the trust."""
        return GroupId.mat(self.uid)


class School(models.Model):
    """A school with a site of its own."""

    urn = models.IntegerField("URN", primary_key=True)
    address = models.CharField(max_length=100, help_text="Where its site is, such as https://hilda.example.")
    present_today = models.IntegerField(default=0, help_text="How many pupils are in school today.")

    def __str__(self) -> str:
        return f"School {self.urn}"


class Employee(models.Model):
    """Somebody who works at a school or at a trust, and may have a login."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    school = models.ForeignKey(School, models.CASCADE, null=True, blank=True, related_name="staff")
    trust = models.ForeignKey(Trust, models.CASCADE, null=True, blank=True, related_name="staff")
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)
    manages_sharing = models.BooleanField(default=False, help_text="May ask for a trust, or answer for a school.")

    class Meta:
        """An employee has one site."""

        constraints = (models.CheckConstraint(condition=Q(school=None) ^ Q(trust=None), name="one_site"),)

    def __str__(self) -> str:
        return self.name

    @property
    def site(self) -> GroupId | int:
        """Where they work: the library's id of the trust, or the school's URN."""
        return GroupId.mat(self.trust_id) if self.trust_id else self.school_id or 0

    @property
    def person_id(self) -> PersonId:
        """The library's id of this person."""
        return PersonId(self.site, str(self.pk))


class Post(models.Model):
    """A job that somebody has, from a day to a day."""

    class Job(models.TextChoices):
        """What they do, by the host's own codes."""

        EXECUTIVE_HEAD = "EXHT", "Executive head teacher"
        HEAD = "HT", "Head teacher"
        DEPUTY = "DHT", "Deputy head teacher"
        DATA = "DM", "Data manager"
        OFFICE = "OFF", "Office"

    employee = models.ForeignKey(Employee, models.CASCADE, related_name="posts")
    job = models.CharField(max_length=4, choices=Job)
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.get_job_display()


class Activity(models.Model):
    """Something that an employee did here; the library's history does not say who looked at a school's data."""

    employee = models.ForeignKey(Employee, models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)
    what = models.TextField()

    class Meta:
        """The newest come first."""

        ordering = ("-at",)
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return self.what
