"""The tables of what moves: how far the relay has cut, and where rebuilds stand."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.fields import Xid8Field


class RelayCursor(models.Model):
    """One row. Whoever cuts holds it `FOR UPDATE`.

    `(epoch, xid, id)` is the last vote cut, `seq` the last batch; everything below `(drained_epoch, drained_xid)` has been cut. `as_of`: every vote
    committed before it has been cut.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.IntegerField()
    xid = Xid8Field()
    vote_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    drained_epoch = models.IntegerField()
    drained_xid = Xid8Field()
    as_of = models.DateTimeField()

    class Meta:
        db_table = "relay_cursor"


class TallyRebuild(models.Model):
    """Where the rebuild of a poll's tallies stands. One row for each generation that was ever built from the log, so that no number is used twice.

    `generation` holds what the log says up to `(end_epoch, end_xid, end_id)`, the end of batch `boundary`, and what workers have fed it since.
    `(filled_voter_key, filled_revision)` is the last row of the log that has been counted into it, in the order of those two. `replaces` is the
    generation that readers saw when it began. `drift`: where that one was wrong, written when this one took its place. `drop_after`: a transaction that
    began once what is being dropped was surely fed no more; NULL until dropping begins.
    """

    class State(models.TextChoices):
        FILLING = "filling", "being filled from the log"
        FILLED = "filled", "filled, not yet compared"
        VERIFIED = "verified", "equal to the log"
        FLIPPED = "flipped", "shown to readers, the old tallies are kept and fed"
        BACK = "back", "readers are back at the old tallies"
        RETIRING = "retiring", "shown to readers, the old tallies are being dropped"
        RETIRED = "retired", "shown to readers, the old tallies are gone"
        CANCELLING = "cancelling", "being dropped"
        CANCELLED = "cancelled", "dropped"

    pk = models.CompositePrimaryKey("poll_id", "generation")
    poll_id = models.UUIDField()
    generation = models.IntegerField()
    replaces = models.IntegerField()
    boundary = models.BigIntegerField()
    end_epoch = models.IntegerField()
    end_xid = Xid8Field()
    end_id = models.BigIntegerField()
    filled_voter_key = models.UUIDField()
    filled_revision = models.IntegerField()
    rows_read = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.FILLING)
    drift = models.JSONField(null=True)
    drop_after = Xid8Field(null=True)
    began_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "tally_rebuilds"
        constraints = [
            models.UniqueConstraint(
                fields=["poll_id"],
                name="tally_rebuilds_one_at_a_time",
                condition=~models.Q(state__in=["retired", "cancelled"]),
            )
        ]


class PollAudit(models.Model):
    """The last audit of a poll's results, and one that the schedule is in the middle of.

    `differences`: what was wrong, empty when nothing was; NULL until the first audit has ended. `under_way`: where the present one stands.
    """

    poll_id = models.UUIDField(primary_key=True)
    audited_at = models.DateTimeField(null=True)
    differences = models.JSONField(null=True)
    under_way = models.JSONField(null=True)

    class Meta:
        db_table = "poll_audits"
        indexes = [
            models.Index(fields=["audited_at"], name="poll_audits_oldest"),
            models.Index(fields=["poll_id"], name="poll_audits_drifted", condition=~models.Q(differences=[])),
            models.Index(fields=["poll_id"], name="poll_audits_under_way", condition=models.Q(under_way__isnull=False)),
        ]
