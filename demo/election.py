"""The Minneapolis election of 2013 from the first vote to the comparison with the official count."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from tqdm import tqdm

from demo import organiser
from demo.ballots import OfficialCount, first_preferences, read_ballots, read_official, shuffled
from demo.comparing import Comparison, compare
from demo.failures import DemoFailedError
from demo.organiser import Election
from demo.voters import Turnout, cast_all

SEED = 2013
TITLE = "Minneapolis, mayor, 5 November 2013"
DESCRIPTION = "First preferences, as cast. Source: City of Minneapolis, Elections & Voter Services."
QUESTION = "Who should be mayor of Minneapolis?"
STILL_FOR = 60.0  # seconds without a change in the results after which we stop waiting
FINAL_WITHIN = 30.0  # seconds from closing the poll
_LOOK_EVERY = 0.1  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Race:
    """Who stands for election, and the votes to cast in the order of casting."""

    official: OfficialCount
    votes: Sequence[str]


def minneapolis() -> Race:
    official = read_official()
    return Race(official, shuffled(first_preferences(read_ballots(), official.candidates), seed=SEED))


async def hold_election(url: str, race: Race, *, limit: int | None, connections: int, say: Say) -> Comparison:
    """Casts the votes (only the first `limit`, if given) at `url` and compares what came out with what it should be.

    That is the official count; of a part, what was cast. Raises `DemoFailedError`.
    """
    votes = race.votes[:limit] if limit is not None else race.votes
    turnout = Turnout()
    connector = TCPConnector(limit=connections, keepalive_timeout=15)
    timeout = ClientTimeout(total=30)
    async with ClientSession(url.rstrip("/"), connector=connector, cookie_jar=DummyCookieJar(), timeout=timeout) as session:
        token = await organiser.register(session)
        election = await organiser.create_election(session, token, title=TITLE, description=DESCRIPTION, question=QUESTION, candidates=race.official.candidates)
        await _check_limit(session, token, election, len(votes))
        say(f"watch it live: {url.rstrip('/')}/polls/{election.slug}/results")
        try:
            size = shutil.get_terminal_size()  # tqdm shows nothing on a terminal that does not tell its size
            with tqdm(total=len(votes), unit=" votes", desc="casting", disable=None, smoothing=0.1, ncols=min(size.columns, 100), nrows=size.lines) as bar:
                await cast_all(session, election, votes, connections=connections, turnout=turnout, on_cast=bar.update)
        finally:
            say(_summary(turnout, len(votes), connections))
        await _wait_for_all(session, election, turnout, say)
        await organiser.close(session, token, election)
        found = await _wait_for_final(session, election)
    cast = Counter(votes)
    expected = race.official.votes if limit is None else {name: cast[name] for name in race.official.candidates}
    total = race.official.total if limit is None else turnout.cast
    return compare(organiser.tally(found), expected, counted_total=found["ballots"], expected_total=total)


async def _check_limit(session: ClientSession, token: str, election: Election, votes: int) -> None:
    limit = await organiser.vote_limit(session, election)
    if limit is not None and limit.left < votes:
        await organiser.discard(session, token, election)
        raise DemoFailedError(f"this stack takes only {limit.rule}: start it with VOTE_RATE_LIMIT=off, or stop it and let the demo start its own")


async def _wait_for_all(session: ClientSession, election: Election, turnout: Turnout, say: Say) -> None:
    """Until the results hold every ballot that was cast; gives up when they have not changed for `STILL_FOR` seconds."""
    cast, seen, changed = turnout.cast, -1, turnout.ended
    while True:
        ballots = int((await organiser.results(session, election))["ballots"])
        now = time.perf_counter()
        if ballots >= cast:
            say(f"all {cast:,} are in the results, {now - turnout.ended:.2f} s after the last answer")
            return
        if ballots != seen:
            seen, changed = ballots, now
        elif now - changed > STILL_FOR:
            raise DemoFailedError(f"the results stand at {ballots:,} of {cast:,} votes and have not moved for {STILL_FOR:g} s")
        await asyncio.sleep(_LOOK_EVERY)


async def _wait_for_final(session: ClientSession, election: Election) -> dict[str, Any]:
    try:
        async with asyncio.timeout(FINAL_WITHIN):
            while True:
                found = await organiser.results(session, election)
                if found["final"]:
                    return found
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise DemoFailedError(f"the results did not become final within {FINAL_WITHIN:g} s of closing the poll") from None


def _summary(turnout: Turnout, planned: int, connections: int) -> str:
    p50, p99 = (turnout.percentile(share) * 1000 for share in (0.5, 0.99))
    of_planned = "" if turnout.cast == planned else f" of {planned:,}"
    return (
        f"cast {turnout.cast:,}{of_planned} votes in {turnout.seconds:.1f} s over {connections} connections: {turnout.per_second:,.0f} votes/s, "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {turnout.retries:,} tries repeated"
    )
