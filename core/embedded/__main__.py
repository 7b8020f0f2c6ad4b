"""`python -m core.embedded`: run | services -- COMMAND … | env | clean."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from core.embedded.cleaning import remove_state
from core.embedded.console import Console
from core.embedded.environment import child_environment, read_environment, state_path
from core.embedded.errors import CannotStart
from core.embedded.guard import PROJECT
from core.embedded.services_env import format_services_env, read_services_env
from core.embedded.session import run_foreground, run_with_services


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m core.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the whole system in the foreground")
    services = commands.add_parser("services", help="only the servers, for as long as COMMAND runs")
    services.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    commands.add_parser("env", help="the addresses of a running stack, as lines for a shell")
    commands.add_parser("clean", help="remove STATE_DIR with all data of this stack")
    options = parser.parse_args(arguments)
    # Tests must not meet the database that somebody's .env names, so `services` looks at real variables only.
    environ = read_environment(PROJECT, os.environ, dotenv=options.command != "services")
    state_dir = state_path(PROJECT, environ)
    environ = child_environment(environ, Path(sys.executable))
    try:
        match options.command:
            case "run":
                return run_foreground(state_dir, Console(), PROJECT, environ)
            case "services":
                argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
                if not argv:
                    parser.error("services needs a COMMAND")
                return run_with_services(state_dir, Console(sys.stderr), environ, argv)
            case "env":
                values = read_services_env(state_dir)
                if not values:
                    raise CannotStart(f"no stack runs on {state_dir}")
                sys.stdout.write(format_services_env(values, export=True))
            case _:
                remove_state(state_dir)
    except CannotStart as error:
        sys.stderr.write(f"nexus: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0  # before anything was started
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
