"""The host's own tables, as they were before anybody thought of data sharing."""

from django.db import models


class School(models.Model):
    """A school with a site of its own."""

    urn = models.IntegerField(primary_key=True)
    domain = models.CharField(max_length=100)


class Employee(models.Model):
    """Somebody who works at a school, or at a trust."""

    class Job(models.TextChoices):
        """What they do, by the host's own codes."""

        HEAD = "HT", "Head teacher"
        DEPUTY = "DHT", "Deputy head teacher"
        OFFICE = "OFF", "Office"

    school = models.ForeignKey(School, models.CASCADE, null=True, related_name="staff")
    trust_uid = models.CharField(max_length=7, blank=True)
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True)
    job = models.CharField(max_length=3, choices=Job)
    manages_sharing = models.BooleanField(default=False)
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
