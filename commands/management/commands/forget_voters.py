"""`manage.py forget_voters`: makes it impossible to find out who voted in polls that are final."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from tqdm import tqdm

from commands.forgetting import CannotForget, check_forgettable, forget_voters, is_forgotten, polls_to_forget, sweep_up
from commands.models import Poll
from core.errors import NexusError

_TEACHING = """\
The log of votes knows no names: a voter is a keyed hash under a random salt of the poll. Whoever has the database, its salts and VOTER_KEY_SECRET
could still compute the hash of an account, a code or an address, and look for it. This command destroys the salt of polls whose results are final.
Votes, tallies and results stay as they are; nobody can be matched with a vote any more, also not by you. There is no way back.

Afterwards voters who return are told that they have no ballot, and a request that is repeated with its Idempotency-Key is refused as too late.
What it cannot reach: backups and archived WAL made before (let them expire), copies of the database, and the receipt that a voter kept.

  manage.py forget_voters lunch-x1y2z3 --dry-run      what would happen to one poll, named by its slug or its id
  manage.py forget_voters lunch-x1y2z3                do it
  manage.py forget_voters --closed-for 90             all polls that were closed 90 days ago or earlier; good for a daily job

Exit codes: 0 all were forgotten, now or before; 1 at least one could not be; 2 the arguments make no sense.
"""


class Command(BaseCommand):
    help = "Forget who voted in polls that are final, for ever. Results stay."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)
        parser.epilog = _TEACHING
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("polls", nargs="*", metavar="POLL", help="a poll's slug or id")
        parser.add_argument("--closed-for", type=int, metavar="DAYS", help="all polls closed so many days ago or earlier")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        names, days = options["polls"], options["closed_for"]
        if bool(names) == (days is not None) or (days is not None and days < 0):
            raise CommandError("Name polls, or give --closed-for DAYS.", returncode=2)
        polls = [_named(name) for name in names] if names else polls_to_forget(closed_for=timedelta(days=days))
        failures = self._forget(polls, dry_run=options["dry_run"])
        if not options["dry_run"]:
            sweep_up()
        if failures:
            raise CommandError(f"{failures} of {len(polls)} could not be forgotten; the lines above say why.")

    def _forget(self, polls: Sequence[Poll], *, dry_run: bool) -> int:
        """How many could not be."""
        failures = 0
        for poll in tqdm(polls, unit="poll", disable=None if len(polls) > 1 else True):
            try:
                if dry_run and not is_forgotten(poll):
                    check_forgettable(poll)
                    outcome = "its voters would be forgotten"
                else:
                    outcome = "its voters are forgotten" if not dry_run and forget_voters(poll.pk) else "its voters were forgotten before"
            except (CannotForget, NexusError) as refusal:
                failures += 1
                outcome = f"kept as it is: {refusal}"
            self.stdout.write(f"{poll.slug}: {outcome}")
        if dry_run:
            self.stdout.write("nothing was changed; run it again without --dry-run")
        return failures


def _named(name: str) -> Poll:
    try:
        wanted = Q(slug=name) | Q(pk=UUID(name))
    except ValueError:
        wanted = Q(slug=name)
    poll = Poll.objects.filter(wanted).first()
    if poll is None:
        raise CommandError(f"There is no poll {name!r}.")
    return poll
