"""SIGKILL of web, beat and the supervisor."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from tests.faults.scenario import scenario
from tests.faults.stack import gone
from tests.faults.world import World


@scenario("web: SIGKILL, in turn of everything, of both worker processes, of their parent", kills="web", rounds=21, short=True)
def web_killed(world: World) -> Iterator[None]:
    whom = ("all", "children", "leader")[world.round % 3]
    old = world.process("web")
    before = {child.pid for child in old.children(recursive=True)}
    world.kill("web", whom)
    yield
    if whom != "children":
        world.wait_for_new("web", old.pid)
    world.until(
        lambda: not before & {child.pid for child in world.process("web").children(recursive=True)} and world.stack.answers("/readyz") == 200, seconds=40
    )


@scenario("beat: SIGKILL", kills="beat", rounds=20)
def beat_killed(world: World) -> Iterator[None]:
    old = world.kill("beat")
    yield
    world.wait_for_new("beat", old)


@scenario("supervisor: SIGKILL, its watchdog stops everything, `run` again", kills="supervisor", rounds=20, hold=0.5)
def supervisor_killed(world: World) -> Iterator[None]:
    supervisor = world.stack.supervisor
    assert supervisor is not None
    family = [(one.pid, one.create_time()) for one in psutil.Process(supervisor.pid).children(recursive=True)]
    names = ("web", "relay", "worker", "beat", "postgres", "redis", "rabbitmq")
    assert all(world.process(name) for name in names)
    supervisor.kill()
    supervisor.wait(10)
    for pid, started in family:  # nobody is left without a supervisor
        gone(pid, started, seconds=60)
    assert world.stack.answers("/livez") is None
    yield
    world.stack.start()
    world.stack.wait_until_up()
