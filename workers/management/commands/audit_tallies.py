"""`manage.py audit_tallies`: are the results that readers see what the vote log says?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from workers.audit import Finding, audit_poll
from workers.management.bars import bar, move
from workers.management.operators import DONE, FAILED, FOUND, OperatorCommand
from workers.poll_names import all_polls, number_of_polls, poll_named, some_polls

_SHOWN = 10


class Command(OperatorCommand):
    help = """Count the vote log once more and compare: log, tallies and Redis at the same boundary.

When      After an incident, after a restore, before you certify a result; the schedule audits a few polls every few seconds anyway
          (nexus_tally_drift_polls in /metrics).
Changes   Nothing that readers see. Keeps the outcome, so that /metrics tells it. Voting and counting go on meanwhile.
Drift     is repaired by `manage.py rebuild_tallies POLL` and by nothing else.

Exit codes: 0 no drift; 1 drift; 2 could not be checked (no such poll, PostgreSQL or Redis away); 130 stopped.

Examples:
  manage.py audit_tallies best-cake-4f1c
  manage.py audit_tallies --sample 100
  manage.py audit_tallies --all --json | jq '.polls[] | select(.differences != [])'"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("polls", nargs="*", metavar="POLL", help="id or slug")
        parser.add_argument("--sample", type=int, metavar="N", help="N polls drawn by lot")
        parser.add_argument("--all", action="store_true", help="every poll")
        parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")

    def operate(self, **options: Any) -> int:
        polls, total = _asked(options)
        found = []
        with bar("auditing", total=total, unit="polls") as shown:
            for poll_id in polls:
                finding = self._audit(poll_id)
                if finding is not None:
                    found.append(finding)
                    if not options["json"]:
                        self._tell(finding, in_full=bool(options["polls"]))
                shown.update()
        drifted = sum(bool(finding.differences) for finding in found)
        if options["json"]:
            self.say(json.dumps({"audited": len(found), "drifted": drifted, "polls": [finding.answer() for finding in found]}))
        else:
            self.say(f"{len(found)} polls audited, {drifted} with drift")
        return FOUND if drifted else DONE

    def _audit(self, poll_id: UUID) -> Finding | None:
        with bar("reading the log", total=1) as shown:
            return audit_poll(poll_id, progress=lambda marker: move(shown, "reading the log", marker.share))

    def _tell(self, finding: Finding, *, in_full: bool) -> None:
        if not finding.differences:
            if in_full:
                self.say(f"poll {finding.poll_id}: {finding.ballots} ballots at batch {finding.seq}, tallies equal the log, Redis {finding.redis}")
            return
        self.say(self.style.ERROR(f"poll {finding.poll_id}: DRIFT in {len(finding.differences)} places at batch {finding.seq}"))
        for difference in finding.differences[:_SHOWN]:
            self.say(f"  {difference}")
        if len(finding.differences) > _SHOWN:
            self.say(f"  and {len(finding.differences) - _SHOWN} more; --json tells all")


def _asked(options: dict[str, Any]) -> tuple[Iterable[UUID], int]:
    wanted = [bool(options["polls"]), options["sample"] is not None, options["all"]]
    if sum(wanted) != 1 or (options["sample"] is not None and options["sample"] < 1):
        raise CommandError("name polls, or give --sample N, or --all; see --help", returncode=FAILED)
    if options["all"]:
        return all_polls(), number_of_polls()
    if options["sample"] is not None:
        drawn = some_polls(options["sample"])
        return drawn, len(drawn)
    named = [(name, poll_named(name)) for name in options["polls"]]
    unknown = [name for name, poll_id in named if poll_id is None]
    if unknown:
        raise CommandError(f"there is no poll with the id or slug {', '.join(unknown)}", returncode=FAILED)
    return [poll_id for _, poll_id in named if poll_id is not None], len(named)
