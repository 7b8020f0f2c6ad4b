"""`manage.py demo_election`: a real election cast vote by vote over HTTP, beside its official count."""

from __future__ import annotations

from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.settings.environment import BASE_DIR, STATE_DIR
from demo.comparing import Comparison, table
from demo.election import hold_election, minneapolis
from demo.failures import DemoFailedError
from demo.stack import running_stack


class Command(BaseCommand):
    help = "Casts the 79,415 first preferences of Minneapolis 2013 over HTTP and compares the tally with the official count: 0 only if all is equal."
    requires_system_checks = []  # noqa: RUF012  (Django's name; the demo speaks to a server and asks no database itself)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, metavar="N", help="cast only the first N votes, for a quick try; compared with what was cast only")
        parser.add_argument("--connections", type=int, default=128, metavar="N", help="voters at a time (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        limit, connections = options["limit"], options["connections"]
        if connections < 1 or (limit is not None and limit < 1):
            raise CommandError("--limit and --connections must be at least 1")
        try:
            comparison = uvloop.run(self._hold(limit, connections))
        except DemoFailedError as failure:
            raise CommandError(str(failure)) from failure
        except KeyboardInterrupt:
            raise CommandError("stopped", returncode=130) from None
        self._tell(comparison, limit)

    async def _hold(self, limit: int | None, connections: int) -> Comparison:
        race = minneapolis()
        async with running_stack(settings.PUBLIC_URL, port=settings.PORT, project=BASE_DIR, state_dir=STATE_DIR, say=self.stdout.write) as url:
            return await hold_election(url, race, limit=limit, connections=connections, say=self.stdout.write)

    def _tell(self, comparison: Comparison, limit: int | None) -> None:
        self.stdout.write(table(comparison, expected_title="official" if limit is None else "cast"))
        if not comparison.equal:
            raise CommandError("the tally differs, see above")
        if limit is None:
            self.stdout.write("every row and the total equal the official count")
        else:
            self.stdout.write("the tally equals what was cast; this was a part, so nothing was compared with the official count")
