"""The process of voters and readers, apart from the tests so that neither takes the other's time; told what to do line by line on standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from tests.faults.polls import PollInfo
from tests.faults.readers import Readers
from tests.faults.returning import Returning
from tests.faults.voters import Voters


async def main(orders: dict[str, Any]) -> None:
    """Runs until told to close, or until standard input ends."""
    fixed, changeable = (PollInfo(poll["id"], poll["question"], tuple(poll["choices"])) for poll in orders["polls"])
    where = orders["host"], orders["port"]
    readers = Readers(*where, [fixed.id, changeable.id])
    returning = Returning(*where, readers.newest)
    voters = Voters(*where, fixed=fixed, changeable=changeable, rate=orders["rate"], heard=returning.note)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = [asyncio.create_task(work) for work in (voters.arrive(), readers.read(), returning.ask())]
    while line := await lines.readline():
        order = json.loads(line)
        if order["do"] == "close":
            break
        if order["do"] == "stop":
            voters.stop_arrivals()
        failed = next((repr(task.exception()) for task in tasks if task.done() and task.exception() is not None), "")
        open_ = voters.open_since(order["since"]) if order["do"] == "open" else 0
        known = {"answered": voters.answered, "retries": voters.retries, "last_failure": voters.last_failure, "not_seen": returning.waiting}
        _say(known | {"open": open_, "failed": failed})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    report = {"arrivals_seconds": voters.arrivals_seconds, "retries": voters.retries, "requests": [asdict(request) for request in voters.requests]}
    seen = {"looks": readers.looks, "events": readers.events, "frames": readers.frames, "seen_again": returning.satisfied}
    _say(report | {"setbacks": readers.setbacks + returning.setbacks, "seen": seen})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
