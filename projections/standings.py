"""How many ballots stand in each poll of a query, from the tallies that readers see."""

from __future__ import annotations

from django.db.models import BigIntegerField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Greatest

from projections.models import PollProjection, PollTally


def standing_ballots() -> Coalesce:
    """To annotate a query with whose primary key is the poll's id; never below zero, and 0 for a poll that has no tallies yet."""
    generation = PollProjection.objects.filter(poll_id=OuterRef("poll_id")).values("generation")[:1]
    tally = PollTally.objects.filter(poll_id=OuterRef("pk"), generation=Subquery(generation)).values("ballots")[:1]
    return Coalesce(Greatest(Subquery(tally, output_field=BigIntegerField()), Value(0)), Value(0), output_field=BigIntegerField())
