"""`manage.py run_relay`: moves votes from the log to the queue until it is told to stop."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.log_identity import LogIdentityError
from workers.relay import Relay


class Command(BaseCommand):
    help = "Cuts the vote log into batches, publishes them, seals polls whose time is over. Run as many as you like: one works, the others stand by."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = Event()
        for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signal_number, lambda *_: stop.set())
        try:
            Relay(stop=stop).run()
        except LogIdentityError as error:
            raise CommandError(str(error)) from error
