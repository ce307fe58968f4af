"""The tables of the store. Their columns are those of `datashare.rows`, in order; every key begins with the group."""

from django.db import models


class AgreementState(models.Model):
    """One agreement as it stands: what its events fold to, and the row that its writers lock."""

    pk = models.CompositePrimaryKey("group_id", "urn")
    group_id = models.CharField(max_length=16)
    urn = models.IntegerField()
    version = models.IntegerField()
    head = models.CharField(max_length=64, help_text="The hash of the last event.")
    state = models.TextField()

    class Meta:
        """The index of agreements by school."""

        indexes = (models.Index(fields=["urn", "group_id"], name="agreement_by_school"),)


class AgreementEvent(models.Model):
    """One event, chained by hash to the one before it."""

    pk = models.CompositePrimaryKey("group_id", "urn", "sequence")
    group_id = models.CharField(max_length=16)
    urn = models.IntegerField()
    sequence = models.IntegerField()
    at = models.CharField(max_length=32)
    hash = models.CharField(max_length=64)
    text = models.TextField()
    erasable = models.TextField(null=True, help_text="What people wrote, with its salt; may be erased.")


class CommandOutcome(models.Model):
    """What a command did to one agreement, to answer a repetition; its events are a range of sequences."""

    pk = models.CompositePrimaryKey("group_id", "command_id", "urn")
    group_id = models.CharField(max_length=16)
    command_id = models.CharField(max_length=64)
    urn = models.IntegerField()
    request = models.IntegerField(null=True)
    shared_digest = models.CharField(max_length=200)
    own_digest = models.CharField(max_length=200)
    first_sequence = models.IntegerField()
    last_sequence = models.IntegerField()
    cautions = models.TextField()


class OutgoingNotice(models.Model):
    """One message: waiting, leased to a worker, or settled."""

    pk = models.CompositePrimaryKey("group_id", "urn", "notice_id")
    group_id = models.CharField(max_length=16)
    urn = models.IntegerField()
    notice_id = models.CharField(max_length=200)
    request = models.IntegerField(null=True)
    asks = models.BooleanField(help_text="Whether the closing of the request cancels it.")
    status = models.CharField(max_length=16)
    is_open = models.BooleanField(help_text="Whether it is waiting or leased.")
    due_at = models.CharField(max_length=32)
    attempts = models.IntegerField()
    error = models.TextField(null=True)
    settled_at = models.CharField(max_length=32, null=True)
    lease = models.CharField(max_length=32, null=True)
    leased_until = models.CharField(max_length=32, null=True)
    text = models.TextField(null=True, help_text="The notice as JSON; nothing once it was purged.")

    class Meta:
        """The index of notices by what is due."""

        indexes = (models.Index(fields=["is_open", "due_at"], name="notice_by_due"),)


class AppliedRegister(models.Model):
    """The day of the newest register that was applied to a group."""

    group_id = models.CharField(max_length=16, primary_key=True)
    day = models.DateField()
