"""Polls with counters on their choices; one row per vote, one vote per voter by constraint."""

from __future__ import annotations

import uuid

from django.db import models


class Poll(models.Model):
    objects: models.Manager[Poll] = models.Manager()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200)
    voters = models.CharField(max_length=10, choices=[("session", "session"), ("account", "account")], default="session")
    closes_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.title


class Question(models.Model):
    objects: models.Manager[Question] = models.Manager()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="questions")
    text = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.text


class Choice(models.Model):
    objects: models.Manager[Choice] = models.Manager()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="choices")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    votes = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        return self.text


class Vote(models.Model):
    objects: models.Manager[Vote] = models.Manager()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Poll and choice were checked a moment ago and are never deleted while votes exist: no foreign key is looked up per vote.
    poll = models.ForeignKey(Poll, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    choice = models.ForeignKey(Choice, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    voter = models.UUIDField()
    cast_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("poll", "voter"), name="one_vote_per_voter"),)

    def __str__(self) -> str:
        return str(self.id)
