"""One run from start to end: lock, watchdog, signals, and in every case an orderly stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from core.embedded import proctable
from core.embedded.console import Console
from core.embedded.errors import CannotStart
from core.embedded.guard import Guard
from core.embedded.program import die_with_parent
from core.embedded.services_env import FILE_NAME, remove_services_env
from core.embedded.stack import Stack
from core.embedded.state import State, open_state, remove_socket_folder
from core.embedded.supervisor import run_stack

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STRAYS_GRACE = 3.0  # seconds
_COMMAND_GRACE = 30.0  # seconds

Body = Callable[[Stack, State], Awaitable[int]]


def run_foreground(state_dir: Path, console: Console, project: Path, environ: Mapping[str, str]) -> int:
    """Run the whole system until it is told to stop; return 0. Raises CannotStart if it does not come up."""
    _stop_when_make_dies(environ)

    async def body(stack: Stack, state: State) -> int:
        await run_stack(stack, state, console, project, environ)
        return 0

    return _run(state_dir, console, environ, body, stopped=0)


def run_with_services(state_dir: Path, console: Console, environ: Mapping[str, str], argv: list[str]) -> int:
    """Run the servers for as long as `argv` runs and return its exit code (128 + n after signal n)."""
    _stop_when_make_dies(environ)

    async def body(stack: Stack, state: State) -> int:
        await stack.start_servers()
        await stack.broker_up()
        return await _run_command(argv, {**environ, **stack.urls, "STATE_DIR": str(state.path)})

    return _run(state_dir, console, environ, body, stopped=130)


def _run(state_dir: Path, console: Console, environ: Mapping[str, str], body: Body, *, stopped: int) -> int:
    with open_state(state_dir) as state:
        if proctable.stop_marked(state.stack_id, _STRAYS_GRACE):
            console.say("stopped what an earlier run had left behind")
        return asyncio.run(_session(state, console, environ, body, stopped))


async def _session(state: State, console: Console, environ: Mapping[str, str], body: Body, stopped: int) -> int:
    guard = Guard(mark=state.stack_id, held=state.lock)
    guard.remove_later(state.path / FILE_NAME)
    stack = Stack(state, guard, console, environ)
    work = asyncio.ensure_future(body(stack, state))
    console.on_gone = work.cancel
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if work.cancelling() or work.done():
            stack.hurry.set()
            return
        console.say(f"stopping ({number.name}); once more hurries")
        work.cancel()

    for number in _STOP_SIGNALS:
        # nohup ignores SIGHUP on purpose; an ignored SIGINT only comes from being started with `&`.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, number)
    alive = asyncio.create_task(_look_around(guard, console))
    try:
        return await work
    except asyncio.CancelledError:
        return stopped
    finally:
        await stack.stop()
        await asyncio.to_thread(proctable.stop_marked, state.stack_id, _STRAYS_GRACE)
        alive.cancel()
        remove_services_env(state.path)
        for folder in state.temporary_socket_folders():
            remove_socket_folder(folder)
        guard.dismiss()
        if work.cancelled():
            console.say("stopped")


async def _look_around(guard: Guard, console: Console) -> None:
    while True:
        await asyncio.sleep(1.0)
        guard.revive()
        console.look()


async def _run_command(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run `argv` on our own terminal, so that it gets Ctrl-C by itself; other signals are passed on by cancelling us."""
    try:
        process = await asyncio.create_subprocess_exec(*argv, env=dict(environ), preexec_fn=die_with_parent(signal.SIGTERM))
    except OSError as error:
        raise CannotStart(f"cannot run {argv[0]}: {error.strerror}") from error
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None and not sys.stdin.isatty():
            process.terminate()  # at a terminal it got the Ctrl-C itself, and tidies up
        try:
            await asyncio.wait_for(process.wait(), timeout=_COMMAND_GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()
        raise
    return code if code >= 0 else 128 - code


def _stop_when_make_dies(environ: Mapping[str, str]) -> None:
    """Have the kernel stop us if the `make` that runs us is killed: it cannot pass that on itself."""
    ask_kernel = die_with_parent(signal.SIGTERM)
    if "MAKELEVEL" in environ and ask_kernel is not None:
        ask_kernel()
