"""`manage.py republish`: sends batches to the queue now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from workers.management.bars import bar
from workers.management.operators import DONE, FAILED, FOUND, OperatorCommand
from workers.republishing import BatchStanding, find_batch, republish, unapplied_batches


class Command(OperatorCommand):
    help = """Send batches that are not in the results yet to the queue again, now.

When      The relay does this by itself, later each time (RELAY_REPUBLISH_SECONDS, doubled up to five minutes). Use it when you have mended something
          and do not want to wait: RabbitMQ was away for long, its queue was purged, workers were fixed.
Changes   Nothing in the results by itself: workers count each batch once, however often it is published. Of a batch that has been counted only
          those polls are rendered whose latest version Redis was not given.

Exit codes: 0 the broker has taken all; 1 it has not taken some; 2 could not be done (no such batch, PostgreSQL or the broker away).

Examples:
  manage.py republish --dry-run    lists what would be sent
  manage.py republish
  manage.py republish 4711         one batch, by its number or id"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", nargs="?", metavar="BATCH", help="number or id of one batch; without it all that are not in the results")
        parser.add_argument("--dry-run", action="store_true", help="list them, send nothing")

    def operate(self, **options: Any) -> int:
        batches = self._asked(options["batch"])
        if options["dry_run"]:
            for batch in batches:
                self.say(_line(batch))
            self.say(f"{len(batches)} batches would be published, {sum(batch.votes for batch in batches)} votes; nothing was sent")
            return DONE
        taken = 0
        with bar("publishing", total=len(batches), unit="batches") as shown:
            for some in republish(batches):
                taken += len(some)
                shown.update(len(some))
        self.say(f"{taken} of {len(batches)} batches are on the queue")
        return DONE if taken == len(batches) else FOUND

    def _asked(self, name: str | None) -> list[BatchStanding]:
        if name is None:
            return unapplied_batches()
        batch = find_batch(name)
        if batch is None:
            raise CommandError(f"there is no batch with the number or id {name}", returncode=FAILED)
        return [batch]


def _line(batch: BatchStanding) -> str:
    progress = "counted" if batch.applied_at else f"published {batch.publications} times" if batch.published_at else "not published"
    return f"batch {batch.seq} {batch.message.batch_id}: {batch.votes} votes, cut {batch.cut_at:%Y-%m-%d %H:%M:%S} UTC, {progress}"
