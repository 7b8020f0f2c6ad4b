"""The write side's tables: polls with their rules, and the log of votes."""

from __future__ import annotations

import secrets
import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.fields import Xid8Field


def new_salt() -> bytes:
    return secrets.token_bytes(16)


class Poll(models.Model):
    """A poll and its rules.

    Rows are updated only by `commands.handlers` and `commands.forgetting`, under the poll's exclusive advisory lock and `FOR UPDATE`: the committer
    judges every vote by this row `FOR SHARE`, and any other update would make voters wait.
    """

    class Voters(models.TextChoices):
        SESSION = "session", "one vote per browser"
        ACCOUNT = "account", "one vote per account"
        IP = "ip", "one vote per network address"
        CODE = "code", "one vote per code"
        OPEN = "open", "any number of votes"

    class Results(models.TextChoices):
        ALWAYS = "always", "always, to everyone"
        AFTER_VOTE = "after_vote", "to those who have voted"
        AFTER_CLOSE = "after_close", "to everyone once closed"
        OWNER = "owner", "to the owner only"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=100, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="polls")
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=5000, blank=True)
    voters = models.CharField(max_length=10, choices=Voters, default=Voters.SESSION)
    results = models.CharField(max_length=12, choices=Results, default=Results.ALWAYS)
    changeable = models.BooleanField(default=False)
    listed = models.BooleanField(default=True)
    draft = models.BooleanField(default=False)
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    sealed_at = models.DateTimeField(null=True, editable=False)
    barrier_epoch = models.IntegerField(null=True, editable=False)
    barrier_xid = Xid8Field(null=True, editable=False)
    salt = models.BinaryField(default=new_salt, editable=False)
    rules_version = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "polls"
        constraints = [
            models.CheckConstraint(
                name="polls_opens_before_it_closes", condition=Q(opens_at__isnull=True) | Q(closes_at__isnull=True) | Q(opens_at__lt=F("closes_at"))
            ),
            models.CheckConstraint(
                name="polls_sealed_with_barrier",
                condition=Q(sealed_at__isnull=True, barrier_epoch__isnull=True, barrier_xid__isnull=True)
                | Q(sealed_at__isnull=False, barrier_epoch__isnull=False, barrier_xid__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="polls_newest"),
            models.Index(fields=["owner", "-created_at"], name="polls_of_owner"),
            models.Index(fields=["closes_at"], name="polls_to_seal", condition=Q(sealed_at__isnull=True, draft=False, closes_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title


class Question(models.Model):
    """A question of a poll; frozen once the poll has votes."""

    class Kind(models.TextChoices):
        SINGLE = "single", "one choice"
        MULTIPLE = "multiple", "several choices"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="questions")
    position = models.SmallIntegerField()
    text = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SINGLE)
    min_choices = models.SmallIntegerField(default=1)
    max_choices = models.SmallIntegerField(default=1)

    class Meta:
        db_table = "questions"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["poll", "position"], name="questions_in_order")]

    def __str__(self) -> str:
        return self.text


class Choice(models.Model):
    """One possible answer to a question."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="choices")
    position = models.SmallIntegerField()
    text = models.CharField(max_length=200)

    class Meta:
        db_table = "choices"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["question", "position"], name="choices_in_order")]

    def __str__(self) -> str:
        return self.text


class VoterCode(models.Model):
    """A code that was handed out, by its keyed hash, which is also the voter's key in the log. The code itself is kept nowhere."""

    pk = models.CompositePrimaryKey("poll_id", "code_hash")
    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="codes", db_constraint=False, db_index=False)  # checking each would cost twice
    code_hash = models.UUIDField()

    class Meta:
        db_table = "voter_codes"


class LogEpoch(models.Model):
    """One row: which log this is, which life of the database it is in, and which secret its voter keys were made with.

    `log_id` goes into every backup, and so tells a log that was put back from another one.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.IntegerField()
    system_identifier = models.BigIntegerField()
    voter_key_fingerprint = models.CharField(max_length=64, null=True)
    log_id = models.UUIDField(db_default=RandomUUID())

    class Meta:
        db_table = "log_epoch"


class Vote(models.Model):
    """One row per ballot, change or withdrawal; append-only, partitioned by voter (migration 0002)."""

    pk = models.CompositePrimaryKey("poll_id", "voter_key", "revision")
    id = models.BigIntegerField()
    epoch = models.IntegerField()
    xid = Xid8Field()
    poll_id = models.UUIDField()
    voter_key = models.UUIDField()
    revision = models.IntegerField()
    choices = ArrayField(models.UUIDField(), null=True)
    replaces = ArrayField(models.UUIDField(), null=True)
    replaced_cast_at = models.DateTimeField(null=True)
    receipt = models.UUIDField()
    request_key = models.UUIDField()
    request_digest = models.UUIDField()
    cast_at = models.DateTimeField()

    class Meta:
        db_table = "votes"
        managed = False
