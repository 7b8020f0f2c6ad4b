"""A process whose clock is wrong by hours does the relay's or the worker's work: the clock that judges and stamps is PostgreSQL's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tests.faults.scenario import scenario
from tests.faults.stack import ROOT
from tests.faults.world import World

_STEPS = (3 * 3600, -3 * 3600)
_LEADERS = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'nexus-relay-cutter'"""


@scenario("clock: relay and worker in turn with a clock that is three hours ahead, then behind", rounds=4, hold=5.0)
def stepped(world: World) -> Iterator[None]:
    name, step = ("relay", "worker")[world.round % 2], _STEPS[world.round // 2 % 2]
    path = f"{ROOT / 'tests' / 'faults' / 'stepped_clock'}:{ROOT}"
    with ExitStack() as mended:
        asleep = world.freeze(name)
        mended.callback(world.thaw, asleep)
        spare = mended.enter_context(world.spare(name, PYTHONPATH=path, STEPPED_CLOCK=str(step)))
        world.until(lambda: spare.environ()["STEPPED_CLOCK"] == str(step))
        if name == "relay":
            world.until(lambda: (world.stack.folder / "spare-relay.log").read_text().count("this relay leads"), seconds=40)
            world.until(lambda: world.sql(_LEADERS), seconds=30)
        applied = "SELECT count(*) FROM vote_batches WHERE applied_at IS NOT NULL"
        [(before,)] = world.sql(applied)
        world.until(lambda: world.sql(applied)[0][0] > before + 3, seconds=60)  # it does the work
        yield
