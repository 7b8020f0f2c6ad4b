"""`make overload`: the server's peak, then voters at exactly that rate and at twice it, and what became of every vote."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import sys
import time
from pathlib import Path

import uvloop
from aiohttp import ClientSession

from bench.crowd import Load, Outcome
from bench.spread import percentile
from core.web_server import raise_file_limit
from demo import organiser
from demo.organiser import Election
from demo.stack import HOST, running_stack

PROJECT = Path(__file__).resolve().parent.parent
_CONNECTIONS = 256
_WARM_SECONDS = 2.0
_COUNTED_WITHIN = 120.0  # seconds
_LOOK_SECONDS = 0.2
_OTHER_FILES = 500  # of this process, and of the server's, beside a connection for each voter
_PORTS = 27_000  # for connections from one address to one server, less those that another run has just left
_ROW = "{:<22}{:>10}{:>12}{:>12}{:>10}{:>10}{:>10}{:>12}{:>12}"


async def measure(state_dir: Path, *, seconds: float) -> int:
    """Prints the table; 0 when every vote was answered, overload shed some with `Retry-After`, and every 201 is in the results."""
    port = _free_port()
    async with running_stack(f"http://{HOST}:{port}", port=port, project=PROJECT, state_dir=state_dir, say=print) as url, ClientSession(url) as session:
        token = await organiser.register(session)
        election = await organiser.create_election(session, token, title="Overload", description="", question="Which?", candidates=["One", "Other"])
        body = json.dumps({"answers": [{"question": election.question, "choices": [election.choices["One"]]}]}).encode()
        load = Load(HOST, int(url.rsplit(":", 1)[1]), election.votes_path, body)
        outcomes = [await load.closed(connections=_CONNECTIONS, seconds=_WARM_SECONDS)]
        print(_ROW.format("", "sent/s", "accepted/s", "refused/s", "p50 ms", "p99 ms", "max ms", "p99 503 ms", "p99 late ms"))
        peak = await load.closed(connections=_CONNECTIONS, seconds=seconds)
        _print(f"peak, {_CONNECTIONS} voters", peak)
        outcomes.append(peak)
        wanted = _CONNECTIONS + int(2 * peak.accepted / seconds)
        opened = await load.prepare(min(wanted, raise_file_limit() - _OTHER_FILES, _PORTS))
        if opened < wanted:
            print(f"{opened:,} connections instead of {wanted:,}: the system has no more files or ports")
        for name, times in (("at the peak's rate", 1), ("at twice that rate", 2), ("at the peak's again", 1)):
            outcomes.append(await load.open(rate=peak.accepted / seconds * times, seconds=seconds))
            _print(name, outcomes[-1])
        load.stop()
        return await _verdict(session, election, outcomes)


async def _verdict(session: ClientSession, election: Election, outcomes: list[Outcome]) -> int:
    accepted = sum(outcome.accepted for outcome in outcomes)
    lost_answers = sum(outcome.broken + outcome.unanswered + outcome.unsent for outcome in outcomes)
    end, counted = time.monotonic() + _COUNTED_WITHIN, -1
    while counted < accepted and time.monotonic() < end:
        await asyncio.sleep(_LOOK_SECONDS)
        counted = int((await organiser.results(session, election))["ballots"])
    sent_again = sum(outcome.sent_again for outcome in outcomes)
    print(f"answered 201: {accepted:,}; counted: {counted:,}; without an answer: {lost_answers:,}; sent again: {sent_again:,}")
    strange = {status for outcome in outcomes for status in outcome.answers} - {201, 503}
    faults = [
        sentence
        for wrong, sentence in (
            (counted < accepted, "votes that were answered 201 are missing"),
            (counted > accepted + lost_answers + sum(outcome.answers[503] for outcome in outcomes), "more was counted than was sent"),
            (lost_answers > 0, "some votes got no answer"),
            (bool(strange), f"some votes got {sorted(strange)}"),
            (any(outcome.without_retry_after for outcome in outcomes), "a 503 came without Retry-After"),
        )
        if wrong
    ]
    for fault in faults:
        print(f"FAULT: {fault}")
    return 1 if faults else 0


def _print(name: str, outcome: Outcome) -> None:
    columns = [outcome.sent, outcome.accepted, outcome.answers[503]]
    asked = [(outcome.latencies, 0.5), (outcome.latencies, 0.99), (outcome.latencies, 1), (outcome.refusals, 0.99), (outcome.lateness, 0.99)]
    times = [percentile(seen, share) if seen else 0.0 for seen, share in asked]
    print(_ROW.format(name, *(f"{one / outcome.seconds:,.0f}" for one in columns), *(f"{one * 1000:,.0f}" for one in times)), flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each load lasts (default: 10)")
    parser.add_argument("--state-dir", type=Path, default=PROJECT / ".run" / "overload", help="where the stack it starts keeps its data")
    options = parser.parse_args(arguments)
    gc.disable()  # nothing here makes cycles, and a pause of ours would look like one of the server's
    return uvloop.run(measure(options.state_dir, seconds=options.seconds))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
