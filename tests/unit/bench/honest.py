"""A system under test made of a dictionary, which can be told to cheat."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

from bench.targets import Counted, Place, Poll, Target, Voters


class Small(Target):
    """Counts votes by voter. `loses`: so many accepted votes are forgotten; `forgets`: so many are not in its results; `refuses_all`: nobody may vote."""

    name = "small"
    title = "Small"
    accounts = False

    def __init__(self, *, loses: int = 0, forgets: int = 0, takes_repeats: bool = False, refuses_all: bool = False) -> None:
        self._loses, self._forgets, self._takes_repeats, self._refuses_all = loses, forgets, takes_repeats, refuses_all
        self.votes: list[str] = []

    def prepare(self, place: Place) -> None:
        self.place = place

    def start(self) -> None:
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(target.vote(self.path + str(self.headers["X-Voter-Token"])))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its signature)
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        servers = {"database_url": "", "redis_url": "", "broker_url": ""}
        self.place = Place(
            name="small", folder=Path(), project=Path(), **servers, host="127.0.0.1", port=self._server.server_port, cores=1, web_processes=1
        )  # fmt: skip

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def vote(self, voter: str) -> int:
        if self._refuses_all:
            return 403
        if voter in self.votes and not self._takes_repeats:
            return 409
        self.votes.append(voter)
        return 201

    def pids(self) -> Mapping[str, Sequence[int]]:
        return {}

    def open_polls(self, count: int, *, voters: Voters, choices: int) -> list[Poll]:  # noqa: ARG002
        return [Poll(uuid4(), uuid4(), tuple(uuid4() for _ in range(choices))) for _ in range(count)]

    def credentials(self, voters: Voters, count: int) -> Iterator[bytes]:  # noqa: ARG002
        return (b"X-Voter-Token: %d\r\n" % number for number in range(count))

    def counted(self, polls: Sequence[Poll]) -> Counted:
        durable = sum(any(str(poll.id) in vote for poll in polls) for vote in self.votes) - self._loses
        return Counted(durable=durable, tallied=durable - self._forgets)
