"""`manage.py rebuild_tallies`: counts a poll anew from the vote log and shows readers the new count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from workers.management.bars import bar, move
from workers.management.operators import DONE, FAILED, FOUND, OperatorCommand
from workers.poll_names import all_polls, number_of_polls, poll_named
from workers.rebuild import Rebuild, RebuildRefused, State
from workers.rebuild_run import Outcome, drop_new, drop_old, go_back, rebuild_poll

_SHOWN = 10


class Command(OperatorCommand):
    help = """Count polls anew from the vote log, beside the present tallies, and show readers the new count once it equals the log.

When      `manage.py audit_tallies` found drift, or nexus_tally_drift_polls is above 0.
Changes   Readers see the new tallies under a new version, all at once; votes are taken and counted meanwhile. Where the old tallies were wrong they
          are kept and fed, so that --back can return to them, until --retire or the next rebuild of the poll.
Stopped   by Ctrl-C or a crash, it goes on where it was when it is run again.

Exit codes: 0 done; 1 the new tallies did not equal the log and were not shown, or a dry run found drift; 2 could not be done (no such poll, nothing
to go back to, PostgreSQL away); 130 stopped.

Examples:
  manage.py rebuild_tallies best-cake-4f1c --dry-run    says what it would mend
  manage.py rebuild_tallies best-cake-4f1c
  manage.py rebuild_tallies best-cake-4f1c --back       shows the old tallies again and drops the new ones
  manage.py rebuild_tallies best-cake-4f1c --retire     drops the old ones"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("poll", nargs="?", metavar="POLL", help="id or slug")
        parser.add_argument("--all", action="store_true", help="every poll, one after the other")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="build and compare, then drop: readers see nothing of it")
        what.add_argument("--back", action="store_true", help="show the old tallies again, drop the new ones")
        what.add_argument("--retire", action="store_true", help="drop the old tallies: no way back any more")
        what.add_argument("--cancel", action="store_true", help="drop a rebuild that was broken off")

    def operate(self, **options: Any) -> int:
        polls, total = _asked(options)
        code = DONE
        with bar("rebuilding", total=total, unit="polls") as shown:
            for poll_id in polls:
                try:
                    code = max(code, self._one(poll_id, options))
                except RebuildRefused as error:
                    if not options["all"]:
                        raise CommandError(f"poll {poll_id}: {error}", returncode=FAILED) from error
                    if not _steps(options):  # a poll with nothing to go back to or to drop is passed over
                        self.stderr.write(f"poll {poll_id}: {error}")
                        code = FAILED
                shown.update()
        return code

    def _one(self, poll_id: UUID, options: dict[str, Any]) -> int:
        for step in _steps(options):
            self._tell_dropped(step(poll_id))
            return DONE
        with bar("rebuilding", total=1) as shown:
            outcome = rebuild_poll(poll_id, dry_run=options["dry_run"], progress=lambda what, share: move(shown, what, share))
        self._tell(outcome, dry_run=options["dry_run"])
        return FOUND if outcome.wrong or (options["dry_run"] and outcome.drift) else DONE

    def _tell(self, outcome: Outcome, *, dry_run: bool) -> None:
        poll = f"poll {outcome.rebuild.poll_id}"
        rows = f"{outcome.rebuild.rows_read} rows of the log"
        if outcome.wrong:
            self.say(self.style.ERROR(f"{poll}: the new tallies do not equal the log and were dropped; readers saw nothing of them"))
            self._list(outcome)
        elif not outcome.drift:
            self.say(f"{poll}: no drift, {rows}" + ("; nothing was changed" if dry_run else ", counted anew"))
        elif dry_run:
            self.say(f"{poll}: drift in {len(outcome.drift)} places, {rows}; a rebuild would mend it, nothing was changed")
            self._list(outcome)
        else:
            back = "; --back returns to the old tallies, --retire drops them" if outcome.kept else ""
            self.say(self.style.SUCCESS(f"{poll}: drift in {len(outcome.drift)} places is mended, {rows}{back}"))
            self._list(outcome)

    def _list(self, outcome: Outcome) -> None:
        differences = outcome.wrong or outcome.drift
        for difference in differences[:_SHOWN]:
            self.say(f"  {difference}")
        if len(differences) > _SHOWN:
            self.say(f"  and {len(differences) - _SHOWN} more")

    def _tell_dropped(self, rebuild: Rebuild) -> None:
        if rebuild.state in {State.RETIRING, State.CANCELLING}:
            self.say(
                f"poll {rebuild.poll_id}: generation {rebuild.leaving} is fed no more; a transaction that is open keeps it from being dropped, run this again"
            )
        else:
            self.say(f"poll {rebuild.poll_id}: generation {rebuild.leaving} is dropped, readers see {self._other(rebuild)}")

    def _other(self, rebuild: Rebuild) -> int:
        return rebuild.generation if rebuild.leaving == rebuild.replaces else rebuild.replaces


def _steps(options: dict[str, Any]) -> list[Callable[[UUID], Rebuild]]:
    """What is to be done instead of a rebuild: one thing or nothing."""
    return [step for option, step in (("back", go_back), ("retire", drop_old), ("cancel", drop_new)) if options[option]]


def _asked(options: dict[str, Any]) -> tuple[Iterable[UUID], int]:
    if bool(options["poll"]) == options["all"]:
        raise CommandError("name a poll, or give --all; see --help", returncode=FAILED)
    if options["all"]:
        return all_polls(), number_of_polls()
    poll_id = poll_named(options["poll"])
    if poll_id is None:
        raise CommandError(f"there is no poll with the id or slug {options['poll']}", returncode=FAILED)
    return [poll_id], 1
