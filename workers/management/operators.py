"""What the operators' commands have in common: help that keeps its lines, exit codes that scripts can rely on, one line where a dependency is away."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFailure
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from workers.broker import BrokerFailure

DONE, FOUND, FAILED, STOPPED = 0, 1, 2, 130


class OperatorCommand(BaseCommand):
    """Runs `operate`, which returns the exit code: 0, or 1 for a finding. What cannot be done ends with 2 and a line that says why; Ctrl-C with 130."""

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def operate(self, **options: Any) -> int:
        raise NotImplementedError

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            code = self.operate(**options)
        except KeyboardInterrupt:
            raise CommandError("stopped; what was done is kept, run it again to go on", returncode=STOPPED) from None
        except DatabaseFailure as error:
            raise CommandError(f"PostgreSQL cannot do it: {_first_line(error)}", returncode=FAILED) from error
        except RedisError as error:
            raise CommandError(f"Redis cannot be asked: {_first_line(error)}", returncode=FAILED) from error
        except (BrokerFailure, KombuError, OSError) as error:
            raise CommandError(f"the broker cannot do it: {_first_line(error)}", returncode=FAILED) from error
        if code != DONE:
            raise SystemExit(code)  # all has been said

    def say(self, line: str) -> None:
        self.stdout.write(line)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
