"""`python -m bench.peers run|check NAME`: one peer by hand, on the empty database of DATABASE_URL and the Redis of REDIS_URL; port: PORT."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg2

from bench.correctness import check_target
from bench.machine import cores
from bench.registry import PEERS, make_peer
from bench.targets import Place, Poll, Skipped, Target

_ROOT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in {"run", "check"} or arguments[1] not in PEERS:
        print(f"python -m bench.peers run|check {'|'.join(PEERS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        try:
            peer = make_peer(arguments[1])
            peer.prepare(_place(peer.name, Path(folder)))
            try:
                peer.start()
                if arguments[0] == "check":
                    check_target(peer)
                    print(f"{peer.title}: counts right")
                else:
                    _serve(peer)
            finally:
                peer.stop()
        except (Skipped, psycopg2.Error) as error:
            print(f"{arguments[1]}: {str(error).strip()}", file=sys.stderr)
            return 1
    return 0


def _place(name: str, folder: Path) -> Place:
    return Place(
        name=name,
        folder=folder,
        project=_ROOT,
        database_url=os.environ["DATABASE_URL"],
        redis_url=os.environ["REDIS_URL"],
        broker_url="",
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8100")),
        cores=cores(),
        web_processes=cores(),
    )


def _serve(peer: Target) -> None:
    """Until Ctrl-C, with a poll to vote in."""
    poll = peer.open_polls(1, voters="session", choices=4)[0]
    print(f"{peer.title}, with a poll:\n{_command(peer, poll)}\ncurl {peer.place.url}{peer.results_path.format(poll=poll.id)}\nCtrl-C stops it.", flush=True)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _command(peer: Target, poll: Poll) -> str:
    body = f'{{"answers": [{{"question": "{poll.question}", "choices": ["{poll.choices[0]}"]}}]}}'
    return f"curl {peer.place.url}{peer.votes_path.format(poll=poll.id)} -H 'Content-Type: application/json' -d '{body}'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
