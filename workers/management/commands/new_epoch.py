"""`manage.py new_epoch`: lets a restored or moved database go on voting and counting."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workers.epochs import STEPS, LogStanding, begin_epoch, log_standing
from workers.management.bars import bar
from workers.management.operators import DONE, FAILED, OperatorCommand


class Command(OperatorCommand):
    help = """Begin a new epoch of the vote log.

When      After every restore of the database, from a dump or a base backup, and after a failover that lost something. Transaction ids then begin
          again where they were, and the order of the log rests on them. Web and relay refuse to work, with a line that names this command, when
          the server is another one than before, its counter is behind the log, or Redis remembers that more had been counted.
First     stop the web processes and the relay; leave Redis running, it remembers how far things had got.
Changes   Votes of earlier epochs that were not counted yet come first when the relay goes on; polls that were closed become final once those are
          counted; the versions of all polls are lifted above every one that a reader can have seen, and Redis is filled anew. Nothing that the
          database holds is lost. What it does not hold, because it came after the backup, this cannot bring back.

Exit codes: 0 begun, or shown what would be done; 2 could not be done (not needed and no --force, PostgreSQL away).

Examples:
  manage.py new_epoch --dry-run
  manage.py new_epoch --yes"""

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--yes", action="store_true", help="do it")
        what.add_argument("--dry-run", action="store_true", help="show what it would do, as without --yes")
        parser.add_argument("--force", action="store_true", help="also where this server could go on with the log as it is, as far as can be seen")

    def operate(self, **options: Any) -> int:
        standing = log_standing()
        self._tell(standing)
        if standing.is_continuous and not options["force"]:
            raise CommandError(
                "This server can go on with the log as it is, so a new epoch is not needed. If you restored it from a backup nevertheless, give --force.",
                returncode=FAILED,
            )
        wanted = standing.next_epoch(minute=int(time.time() // 60))
        self.say(f"epoch {wanted} would begin; it lifts the versions of {standing.polls} polls")
        self.say(f"and moves the barrier of {standing.polls_awaiting_final} that wait to become final")
        if not options["yes"]:
            self.say("nothing was changed; run it again with --yes, with web processes and relay stopped")
            return DONE
        with bar(STEPS[0], total=len(STEPS)) as shown:

            def tell(step: str) -> None:
                shown.set_description(step)
                shown.update()

            epoch = begin_epoch(wanted, tell=tell)
        self.say(self.style.SUCCESS(f"epoch {epoch} has begun; start the web processes and the relay"))
        return DONE

    def _tell(self, standing: LogStanding) -> None:
        self.say(f"epoch {standing.epoch}, kept by server {standing.kept_identifier}; this is server {standing.present_identifier}")
        self.say(f"cut up to transaction {standing.cursor_xid} of epoch {standing.cursor_epoch}; the server's counter is at {standing.counter}")
        remembered = "nothing" if standing.mark is None else f"batch {standing.mark.seq} of epoch {standing.mark.epoch}"
        self.say(f"counted up to batch {standing.seq}; Redis remembers {remembered}")
        if standing.uncut:
            self.say("there are votes in the log that are not cut yet; they will be counted")
