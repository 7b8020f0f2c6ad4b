"""The relay's own table: how far into the log it has cut."""

from __future__ import annotations

from django.db import models

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
