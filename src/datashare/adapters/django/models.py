"""The tables of the store and of the register. Their columns are those of `datashare.rows`, in order.

What the admin shows has a key of one column, since the admin knows no other.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.db import models

from ._fields import KeyField


class _Unseen:
    """A table without rights in the admin."""

    default_permissions: ClassVar[tuple[str, ...]] = ()


class AgreementState(models.Model):
    """One agreement as it stands: what its events fold to, and the row that its writers lock."""

    group_id: KeyField = KeyField("group", max_length=16)
    urn: models.IntegerField[int, int] = models.IntegerField("URN")
    version: models.IntegerField[int, int] = models.IntegerField()
    head: KeyField = KeyField(max_length=64, help_text="The hash of the last event.")
    state: models.TextField[str, str] = models.TextField()
    key: KeyField = KeyField(
        max_length=32, primary_key=True, help_text="The agreement as text, such as mat:5143/100000."
    )

    class Meta:
        """Where to find an agreement by its school; and what a user of the admin may do."""

        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=["group_id", "urn"], name="datashare_agreement_by_group"),
        )
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["urn", "group_id"], name="datashare_agreement_by_school"),
        )
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        verbose_name = "agreement"

    def __str__(self) -> str:
        return str(self.key)


class AgreementEvent(models.Model):
    """One event, chained by hash to the one before it."""

    pk: models.CompositePrimaryKey = models.CompositePrimaryKey("group_id", "urn", "sequence")
    group_id: KeyField = KeyField(max_length=16)
    urn: models.IntegerField[int, int] = models.IntegerField()
    sequence: models.IntegerField[int, int] = models.IntegerField()
    at: KeyField = KeyField(max_length=32)
    hash: KeyField = KeyField(max_length=64)
    text: models.TextField[str, str] = models.TextField()
    erasable: models.TextField[str | None, str | None] = models.TextField(
        null=True, help_text="What people wrote, with its salt; may be erased."
    )

    class Meta(_Unseen):
        """It is seen on the page of its agreement."""


class CommandOutcome(models.Model):
    """What a command did to one agreement, to answer a repetition; its events are a range of sequences."""

    pk: models.CompositePrimaryKey = models.CompositePrimaryKey("group_id", "command_id", "urn")
    group_id: KeyField = KeyField(max_length=16)
    command_id: KeyField = KeyField(max_length=64)
    urn: models.IntegerField[int, int] = models.IntegerField()
    request: models.IntegerField[int | None, int | None] = models.IntegerField(null=True)
    shared_digest: KeyField = KeyField(max_length=200)
    own_digest: KeyField = KeyField(max_length=200)
    first_sequence: models.IntegerField[int, int] = models.IntegerField()
    last_sequence: models.IntegerField[int, int] = models.IntegerField()
    cautions: models.TextField[str, str] = models.TextField()

    class Meta(_Unseen):
        """Nobody sees it."""


class OutgoingNotice(models.Model):
    """One message: waiting, leased to a worker, or settled."""

    group_id: KeyField = KeyField("group", max_length=16)
    urn: models.IntegerField[int, int] = models.IntegerField("URN")
    notice_id: KeyField = KeyField(
        max_length=200, primary_key=True, help_text="A digest of its event and the people it names."
    )
    request: models.IntegerField[int | None, int | None] = models.IntegerField(null=True)
    asks: models.BooleanField[bool, bool] = models.BooleanField(
        help_text="Whether the closing of the request cancels it."
    )
    status: KeyField = KeyField(max_length=16)
    is_open: models.BooleanField[bool, bool] = models.BooleanField(help_text="Whether it is waiting or leased.")
    due_at: KeyField = KeyField(max_length=32)
    attempts: models.IntegerField[int, int] = models.IntegerField()
    error: models.TextField[str | None, str | None] = models.TextField(null=True)
    settled_at: KeyField = KeyField(max_length=32, null=True)
    lease: KeyField = KeyField(max_length=32, null=True)
    leased_until: KeyField = KeyField(max_length=32, null=True)
    text: models.TextField[str | None, str | None] = models.TextField(
        null=True, help_text="The notice as JSON; nothing once it was purged."
    )

    class Meta:
        """Where to find the notices of an agreement, and those that are due; and what a user of the admin may do."""

        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["group_id", "urn"], name="datashare_notice_by_group"),
            models.Index(fields=["is_open", "due_at"], name="datashare_notice_by_due"),
        )
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        permissions: ClassVar[tuple[tuple[str, str], ...]] = (("requeue_outgoingnotice", "Can send notices again"),)
        verbose_name = "notice"

    def __str__(self) -> str:
        return str(self.notice_id)


class AppliedRegister(models.Model):
    """The day of the newest register that was applied to a group."""

    group_id: KeyField = KeyField(max_length=16, primary_key=True)
    day: models.DateField[date, date] = models.DateField()

    class Meta(_Unseen):
        """Nobody sees it."""


class RegisterInPlace(models.Model):
    """The register in place: one row, which loads lock."""

    id: models.SmallIntegerField[int, int] = models.SmallIntegerField(primary_key=True)
    day: KeyField = KeyField(max_length=10, null=True)

    class Meta(_Unseen):
        """Nobody sees it."""


class RegisterInstitution(models.Model):
    """An institution of the register."""

    urn: models.IntegerField[int, int] = models.IntegerField(primary_key=True)
    status: models.IntegerField[int, int] = models.IntegerField()
    document: models.TextField[str, str] = models.TextField()

    class Meta(_Unseen):
        """Nobody sees it."""


class RegisterLink(models.Model):
    """The link of an institution with a group."""

    pk: models.CompositePrimaryKey = models.CompositePrimaryKey("group_id", "urn")
    group_id: KeyField = KeyField(max_length=16)
    urn: models.IntegerField[int, int] = models.IntegerField()
    joined_on: KeyField = KeyField(max_length=10, null=True)

    class Meta(_Unseen):
        """Nobody sees it."""


class RegisterGroup(models.Model):
    """A group of this register or of an earlier one."""

    group_id: KeyField = KeyField(max_length=16, primary_key=True)
    in_register: models.BooleanField[bool, bool] = models.BooleanField()
    document: models.TextField[str, str] = models.TextField()

    class Meta(_Unseen):
        """Nobody sees it."""


class RegisterSuccessor(models.Model):
    """The succession of one institution by another."""

    pk: models.CompositePrimaryKey = models.CompositePrimaryKey("predecessor", "number")
    predecessor: models.IntegerField[int, int] = models.IntegerField()
    number: models.IntegerField[int, int] = models.IntegerField()
    document: models.TextField[str, str] = models.TextField()

    class Meta(_Unseen):
        """Nobody sees it."""


class GroupClusters(models.Model):
    """A group's own sets of schools, which no register holds."""

    group_id: KeyField = KeyField(max_length=16, primary_key=True)
    document: models.TextField[str, str] = models.TextField()

    class Meta(_Unseen):
        """Nobody sees it."""
