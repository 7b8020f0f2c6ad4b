"""The read side's tables: poll cards, tallies by generation, and the inbox of batches."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from core.fields import Xid8Field


class PollCard(models.Model):
    """What readers must know of a poll, copied from the write side in its own transactions.

    `questions` holds `[{"id", "text", "kind", "min_choices", "max_choices", "choices": [{"id", "text"}]}]`.
    `final`: everything before the barrier has been counted.
    """

    poll_id = models.UUIDField(primary_key=True)
    slug = models.CharField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=5000, blank=True)
    owner_id = models.UUIDField()
    owner_username = models.CharField(max_length=150)
    voters = models.CharField(max_length=10)
    results = models.CharField(max_length=12)
    changeable = models.BooleanField()
    listed = models.BooleanField()
    draft = models.BooleanField()
    created_at = models.DateTimeField()
    opens_at = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    sealed_at = models.DateTimeField(null=True)
    barrier_epoch = models.IntegerField(null=True)
    barrier_xid = Xid8Field(null=True)
    questions = models.JSONField()
    final = models.BooleanField(default=False)

    class Meta:
        db_table = "poll_cards"
        indexes = [
            models.Index(fields=["-created_at", "poll_id"], name="poll_cards_newest"),
            models.Index(fields=["owner_id", "-created_at", "poll_id"], name="poll_cards_of_owner"),
            models.Index(fields=["poll_id"], name="poll_cards_awaiting_final", condition=Q(sealed_at__isnull=False, final=False)),
        ]


class PollProjection(models.Model):
    """Where a poll's results stand; narrow, because it is updated with every batch.

    `version` only rises: with every batch, edit, seal, `final` and change of generation. `generation` is the one that readers see.
    `rendered_version` is what Redis was last given. `as_of` belongs to `version`: every vote committed before it is counted in it.
    """

    poll_id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField(default=1)
    generation = models.IntegerField(default=1)
    rendered_version = models.BigIntegerField(default=0)
    as_of = models.DateTimeField()

    class Meta:
        db_table = "poll_projections"
        indexes = [models.Index(fields=["poll_id"], name="poll_projections_to_render", condition=Q(version__gt=F("rendered_version")))]


class TallyGeneration(models.Model):
    """A set of a poll's tallies that is fed with every batch whose `seq` lies above `boundary`."""

    pk = models.CompositePrimaryKey("poll_id", "generation")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    boundary = models.BigIntegerField(default=0)
    fed = models.BooleanField(default=True)

    class Meta:
        db_table = "tally_generations"


class PollTally(models.Model):
    """Ballots standing in a poll."""

    pk = models.CompositePrimaryKey("poll_id", "generation")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    ballots = models.BigIntegerField(default=0)

    class Meta:
        db_table = "poll_tallies"


class QuestionTally(models.Model):
    """Ballots that choose something in a question."""

    pk = models.CompositePrimaryKey("poll_id", "generation", "question_id")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    question_id = models.UUIDField()
    ballots = models.BigIntegerField(default=0)

    class Meta:
        db_table = "question_tallies"


class ChoiceTally(models.Model):
    """Votes for a choice. May be below zero for a moment, when a withdrawal is applied before its ballot."""

    pk = models.CompositePrimaryKey("poll_id", "generation", "choice_id")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    choice_id = models.UUIDField()
    votes = models.BigIntegerField(default=0)

    class Meta:
        db_table = "choice_tallies"


class MinuteTally(models.Model):
    """Ballots standing by the minute (UTC) in which they were cast: the timeline."""

    pk = models.CompositePrimaryKey("poll_id", "generation", "minute")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    minute = models.DateTimeField()
    ballots = models.BigIntegerField(default=0)

    class Meta:
        db_table = "minute_tallies"


class VoteBatch(models.Model):
    """A cut of the log between two positions, as an order-free multiset: immutable but for its progress.

    It covers the votes in `(start, end]`, positions being `(epoch, xid, id)`. `payload` is `[[poll_id, [choice_id, …], minute, n], …]`, the minute in
    seconds since 1970, `n` the change in standing ballots. Ids are UUIDs because integers would repeat after a restore.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    seq = models.BigIntegerField(unique=True)
    start_epoch = models.IntegerField()
    start_xid = Xid8Field()
    start_id = models.BigIntegerField()
    end_epoch = models.IntegerField()
    end_xid = Xid8Field()
    end_id = models.BigIntegerField()
    votes = models.IntegerField()
    payload = models.JSONField()
    as_of = models.DateTimeField()
    first_cast_at = models.DateTimeField()
    cut_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    publications = models.IntegerField(default=0)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "vote_batches"
        constraints = [models.UniqueConstraint(fields=["start_epoch", "start_xid", "start_id"], name="vote_batches_one_per_start")]
        indexes = [
            models.Index(fields=["end_epoch", "end_xid", "end_id"], name="vote_batches_by_end"),
            models.Index(fields=["seq"], name="vote_batches_unapplied", condition=Q(applied_at__isnull=True)),
        ]
