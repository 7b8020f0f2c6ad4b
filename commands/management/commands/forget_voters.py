"""`manage.py forget_voters`: makes it impossible to find out who voted in polls that are final."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from django.db.models import Q
from tqdm import tqdm

from commands.forgetting import CannotForget, CannotRewrite, check_forgettable, forget_voters, is_forgotten, polls_to_forget, rewrite, sweep_up
from commands.models import Poll
from core.errors import NexusError

_TEACHING = """\
The log of votes knows no names: a voter is a keyed hash under a random salt of the poll. Whoever has the database, its salts and VOTER_KEY_SECRET
could still compute the hash of an account, a code or an address, and look for it. This command destroys the salt of polls whose results are final.
Votes, tallies and results stay as they are; nobody can be matched with a vote any more, also not by you. There is no way back.

Afterwards voters who return are told that they have no ballot, and a request that is repeated with its Idempotency-Key is refused as too late.

What remains of a salt, and where:
  the database itself   nothing that SQL could show, at once
  the table's file      sixteen bytes in the free space of a page, for whoever reads the disk, until other rows need that space or --rewrite
                        writes the table of polls anew. Votes of all polls wait meanwhile (about as long as copying the file takes), so do it at a quiet
                        hour and once, with the last polls. It waits a second to be let in, and five for who still sees the past; then it gives up
                        with exit code 1, the polls stay forgotten, and you try again with the same command
  WAL                   in pg_wal until PostgreSQL reuses those files, and in archived WAL until it expires
  replicas              follow, the free space of their pages and their WAL too
  backups, copies       all of it, until they expire
  the disk's blocks     what was in deleted files, as always
  web processes         those that remember the poll's rules, in memory, at most until they end
And the receipt that a voter kept still points at their row.

  manage.py forget_voters lunch-x1y2z3 --dry-run      what would happen to one poll, named by its slug or its id
  manage.py forget_voters lunch-x1y2z3                do it
  manage.py forget_voters --closed-for 90             all polls that were closed 90 days ago or earlier; good for a daily job
  manage.py forget_voters --closed-for 90 --rewrite   and nothing of their salts stays in the table's file

Exit codes: 0 all were forgotten, now or before; 1 at least one could not be, or the table could not be rewritten; 2 the arguments make no sense, there
is no such poll, or PostgreSQL cannot be asked; 130 stopped, what was done is done.
"""


class Command(BaseCommand):
    help = "Forget who voted in polls that are final, for ever. Results stay."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)
        parser.epilog = _TEACHING
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("polls", nargs="*", metavar="POLL", help="a poll's slug or id")
        parser.add_argument("--closed-for", type=int, metavar="DAYS", help="all polls closed so many days ago or earlier")
        parser.add_argument("--rewrite", action="store_true", help="write the table of polls anew in the end; votes wait meanwhile, see below")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        names, days = options["polls"], options["closed_for"]
        if bool(names) == (days is not None) or (days is not None and days < 0):
            raise CommandError("Name polls, or give --closed-for DAYS.", returncode=2)
        try:
            polls = [_named(name) for name in names] if names else polls_to_forget(closed_for=timedelta(days=days))
            failures = self._forget(polls, dry_run=options["dry_run"])
            if not options["dry_run"]:
                self._clear_away(whole_table=options["rewrite"])
        except (DatabaseFailure, psycopg2.Error) as error:
            raise CommandError(f"PostgreSQL cannot do it: {(str(error).strip() or type(error).__name__).splitlines()[0]}", returncode=2) from error
        except KeyboardInterrupt:
            raise CommandError("stopped; whoever was forgotten stays so, run it again to go on", returncode=130) from None
        if failures:
            raise CommandError(f"{failures} of {len(polls)} could not be forgotten; the lines above say why.")

    def _clear_away(self, *, whole_table: bool) -> None:
        if not whole_table:
            sweep_up()
            return
        try:
            rewrite()
        except CannotRewrite as refusal:
            sweep_up()
            raise CommandError(f"the table of polls was not rewritten: {refusal}. What is forgotten stays so; run the same again.") from refusal
        self.stdout.write("the table of polls is written anew")

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
        raise CommandError(f"There is no poll {name!r}.", returncode=2)
    return poll
