"""The command line of the harness: options, the record of a run, and where it is written."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from bench.book import Book
from bench.machine import machine
from bench.report.pages import known_books, run_goals, update_docs, write_book
from bench.runs import RUNS
from bench.servers import NoServers, find_servers
from bench.targets import Skipped
from bench.telling import Teller
from bench.workbench import Options, Workbench
from bench.wrk import LoadFailed, require_wrk, wrk_version

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs" / "performance.md"
_DATABASES = "bench_"  # how the names of our databases begin


def main(arguments: list[str]) -> int:
    """Does one run, writes it down and prints its table; returns the exit code: 0 only if everything that was tried could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("run", choices=list(RUNS))
    parser.add_argument("--rounds", type=int, help="rounds in turn, of which the median counts")
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--votes", type=int, default=10_000_000, help="in the largest log of the growth")
    parser.add_argument("--web-processes", type=int, default=1, help="of Nexus and of the ceilings")
    parser.add_argument("--only", default="", metavar="NAMES", help="of the peers and ceilings, or of the steps, only these, comma-separated; nexus: none")
    parser.add_argument("--results", type=Path, default=PROJECT / "bench" / "results", help="the folder for what was found")
    given = parser.parse_args(arguments)
    run = RUNS[given.run]
    options = Options(
        rounds=given.rounds or run.rounds,
        seconds=given.seconds or run.seconds,
        quick=given.run == "quick",
        web_processes=given.web_processes,
        minutes=given.minutes,
        votes=given.votes,
        only=frozenset(name for name in given.only.split(",") if name),
    )
    try:
        require_wrk()
        bench = _workbench(given.run, options)
    except (NoServers, Skipped) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    try:
        run.measure(bench)
    except (Skipped, LoadFailed) as error:
        bench.book.failed.append(str(error))
    finally:
        bench.servers.drop_databases(_DATABASES)
    if run.is_written:
        write_book(given.results, bench.book)
        _tell_end(bench.book, given.results, docs=not options.quick and given.results == PROJECT / "bench" / "results")
    for failure in bench.book.failed:
        sys.stderr.write(f"failed: {failure}\n")
    return 1 if bench.book.failed else 0


def _workbench(run: str, options: Options) -> Workbench:
    servers = find_servers()
    about = {
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "options": {"rounds": options.rounds, "seconds": options.seconds, "quick": options.quick, "web_processes": options.web_processes},
        "servers": servers.versions() | {"wrk": wrk_version()},
        "settings": servers.settings(),
    }
    servers.drop_databases(_DATABASES)
    folder = Path(os.environ["STATE_DIR"]) / "work"
    shutil.rmtree(folder, ignore_errors=True)
    return Workbench(servers, options, Book(run, about), Teller(1), folder, PROJECT)


def _tell_end(book: Book, results: Path, *, docs: bool) -> None:
    books = known_books(results)
    print(run_goals(book, books))
    print(f"written: {book.name}.json, {book.name}.md and charts in {os.path.relpath(results)}")
    if docs and DOCS.exists():
        update_docs(DOCS, books)
        print(f"and the figures in {os.path.relpath(DOCS)}")
