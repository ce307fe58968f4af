"""The tables of the store: every key begins with the group, and groups share no row."""

from django.db import models


class AgreementState(models.Model):
    """One agreement as it stands: what its events fold to, and the row that its writers lock."""

    pk = models.CompositePrimaryKey("group", "urn")
    group = models.CharField(max_length=16)
    urn = models.IntegerField()
    version = models.IntegerField()
    head = models.CharField(max_length=64, help_text="The hash of the last event.")
    state = models.TextField()

    class Meta:
        """Found by group, and by school."""

        indexes = (models.Index(fields=["urn", "group"], name="agreement_by_school"),)


class AgreementEvent(models.Model):
    """The truth: one event, chained by hash to the one before it."""

    pk = models.CompositePrimaryKey("group", "urn", "sequence")
    group = models.CharField(max_length=16)
    urn = models.IntegerField()
    sequence = models.IntegerField()
    at = models.DateTimeField()
    command_id = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    text = models.TextField()
    erasable = models.TextField(null=True, help_text="What people wrote, with its salt; may be erased.")

    class Meta:
        """Found by agreement, and by command."""

        indexes = (models.Index(fields=["group", "command_id"], name="event_by_command"),)


class CommandOutcome(models.Model):
    """What a command did to one agreement, to answer a repetition; its events are those of the sequences named."""

    pk = models.CompositePrimaryKey("group", "command_id", "urn")
    group = models.CharField(max_length=16)
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

    pk = models.CompositePrimaryKey("group", "urn", "notice_id")
    group = models.CharField(max_length=16)
    urn = models.IntegerField()
    notice_id = models.CharField(max_length=200, help_text="Of one notice, as it derives from the event.")
    request = models.CharField(max_length=40, null=True, help_text="The request whose closing cancels it.")
    status = models.CharField(max_length=16)
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    error = models.TextField(null=True)
    settled_at = models.DateTimeField(null=True)
    lease = models.CharField(max_length=32, null=True)
    leased_until = models.DateTimeField(null=True)
    text = models.TextField(null=True, help_text="The notice as JSON; nothing once it was purged.")

    class Meta:
        """Found by agreement, by what is due, and by the request that is closed."""

        indexes = (
            models.Index(fields=["status", "due_at"], name="notice_by_due"),
            models.Index(fields=["request"], name="notice_by_request"),
        )


class AppliedRegister(models.Model):
    """The day of the newest register that was applied to a group."""

    group = models.CharField(max_length=16, primary_key=True)
    day = models.DateField()
