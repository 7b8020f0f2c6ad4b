"""Whether the open-loop generator tells the truth: beside wrk on the same server, and against a server that stalls."""

from __future__ import annotations

import socket
import threading
import time

from bench.openload import start_open_load
from bench.registry import make_ceiling
from bench.requests import read_request
from bench.workbench import Workbench
from bench.wrk import LoadFailed, run_wrk, write_requests

_BODY = b'{"hello": "world"}'
_SHARE = 0.2  # of what wrk reaches: little enough that neither the server nor the generator has to wait
_SLACK = 0.005  # seconds by which the medians may differ
STALL = 0.5  # seconds


def selfcheck(bench: Workbench) -> None:
    """Raises `LoadFailed` with what does not fit."""
    hello = make_ceiling("asgi_hello")
    hello.prepare(bench.place("asgi_hello"))
    stem = hello.place.folder / "reads"
    write_requests(stem, [read_request(f"{hello.place.host}:{hello.place.port}", hello.path)])
    hello.start(_BODY)
    try:
        closed = run_wrk(hello.place.url, stem, connections=1, seconds=bench.options.seconds, again=True)
        full = run_wrk(hello.place.url, stem, connections=32, seconds=bench.options.seconds, again=True)
        rate = full.accepted_per_second * _SHARE
        load = start_open_load(
            hello.place.host, hello.place.port, stem.with_name("reads.0"), rate=rate, seconds=bench.options.seconds, connections=32, again=True
        )
        opened = load.result()
    finally:
        hello.stop()
    bench.teller.say(
        f"wrk, 1 connection: {closed.accepted_per_second:,.0f}/s, p50 {closed.p50 * 1000:.2f} ms; 32 connections: {full.accepted_per_second:,.0f}/s"
    )
    bench.teller.say(
        f"open loop at {rate:,.0f}/s: {opened.answered / opened.seconds:,.0f}/s answered, p50 {opened.p50 * 1000:.2f} ms, p99 {opened.p99 * 1000:.2f} ms"
    )
    if opened.answered != int(rate * bench.options.seconds):
        raise LoadFailed(f"{int(rate * bench.options.seconds)} requests were due and {opened.answered} were answered")
    if abs(opened.p50 - closed.p50) > _SLACK:
        raise LoadFailed(f"the medians differ: {closed.p50 * 1000:.2f} ms by wrk, {opened.p50 * 1000:.2f} ms by the open loop")
    _check_stall(bench)


def _check_stall(bench: Workbench) -> None:
    """A server that stalls once spoils every request that was due meanwhile, and the figures must say so."""
    rate, seconds = 200.0, 2.0
    stem = bench.folder / "stall"
    write_requests(stem, [read_request("stall", "/")])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_stalling_server, args=(listener,), daemon=True).start()
        load = start_open_load(
            "127.0.0.1", listener.getsockname()[1], stem.with_name("stall.0"), rate=rate, seconds=seconds, connections=1, again=True
        ).result()
    slow = sum(second[1] for second in load.by_second if second[4] > STALL / 2)
    bench.teller.say(f"a stall of {STALL:g} s: slowest {load.slowest * 1000:.0f} ms, p99 {load.p99 * 1000:.0f} ms, {load.most_waiting} requests waited")
    if load.p99 < STALL / 2 or load.most_waiting < rate * STALL / 2 or not slow:
        raise LoadFailed("a stall of the server did not show in the latencies: coordinated omission")


def _stalling_server(listener: socket.socket) -> None:
    """Answers one connection; after fifty answers nothing for a while, once."""
    connection, _ = listener.accept()
    answered, received = 0, b""
    with connection:
        while data := connection.recv(65536):
            received += data
            while b"\r\n\r\n" in received:
                received = received.partition(b"\r\n\r\n")[2]
                answered += 1
                if answered == 50:
                    time.sleep(STALL)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
