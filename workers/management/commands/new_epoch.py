"""`manage.py new_epoch`: lets a restored or moved database go on voting and counting."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.epochs import begin_epoch, log_standing


class Command(BaseCommand):
    help = (
        "Begin a new epoch of the vote log. Needed when votes are refused because the database is another server than before, or was restored to an earlier"
        " state: transaction ids then start over, and the log's order rests on them. Stop the web processes first; nothing that the database holds is lost."
        " Shows what it would do; does it with --yes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do it")
        parser.add_argument("--force", action="store_true", help="also where this server could go on with the log as it is")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        standing = log_standing()
        self.stdout.write(f"epoch {standing.epoch}, kept by server {standing.kept_identifier}; this is server {standing.present_identifier}")
        self.stdout.write(f"cut up to transaction {standing.cursor_xid} of epoch {standing.cursor_epoch}; the server's counter is at {standing.counter}")
        if standing.is_continuous and not options["force"]:
            raise CommandError("This server can go on with the log as it is; a new epoch is not needed.")
        self.stdout.write(
            f"a new epoch lifts the versions of {standing.polls} polls and moves the barrier of {standing.polls_awaiting_final} that wait to become final"
        )
        if not options["yes"]:
            self.stdout.write("nothing was changed; run it again with --yes, with the web processes stopped")
            return
        self.stdout.write(self.style.SUCCESS(f"epoch {begin_epoch()} has begun; start the web processes and the relay"))
