"""The disk under PostgreSQL is full: under a part of the log, and under its write-ahead log, which stops the whole server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.scenario import CannotBreak, scenario
from tests.faults.stack import gone
from tests.faults.world import World

_PARTITION = "votes_03"


@contextmanager
def _small_disk(folder: Path, megabytes: float, world: World) -> Iterator[Path]:
    """A file system of its own that belongs to PostgreSQL's user, as only root can make one."""
    folder.mkdir(mode=0o711, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        raise CannotBreak("no file system can be mounted here, which takes root")
    try:
        inside = folder / "disk"
        inside.mkdir(mode=0o700)
        owner = world.process("postgres").uids().real
        os.chown(inside, owner, owner)
        yield inside
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False)
        folder.rmdir()


def _fill(disk: Path) -> Path:
    filler = disk.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


def _postgres_said(world: World, since: int) -> bool:
    with (world.stack.state_dir / "logs" / "postgres.log").open("rb") as log:
        log.seek(since)
        return b"No space left on device" in log.read()


def _log_length(world: World) -> int:
    return (world.stack.state_dir / "logs" / "postgres.log").stat().st_size


@scenario("disk full under a sixteenth of the vote log", rounds=2, hold=5.0)
def full_under_votes(world: World) -> Iterator[None]:
    [(rows,)] = world.sql(f"SELECT pg_table_size('{_PARTITION}')")
    room = rows / 2**20 + 4  # it grows on while it is moved
    with _small_disk(Path("/tmp") / f"faults-{os.getpid()}", room, world) as disk, ExitStack() as mended:  # noqa: S108  (PostgreSQL's user must get there)
        world.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        mended.callback(lambda: world.sql("DROP TABLESPACE small"))
        world.sql(f"ALTER TABLE {_PARTITION} SET TABLESPACE small")
        mended.callback(lambda: world.sql(f"ALTER TABLE {_PARTITION} SET TABLESPACE pg_default"))
        before = _log_length(world)
        filler = _fill(disk)
        mended.callback(filler.unlink)
        world.until(lambda: _postgres_said(world, before), seconds=60)
        world.until(lambda: world.said("PostgreSQL does not take votes"))
        yield


@contextmanager
def _server_down(world: World) -> Iterator[None]:
    """PostgreSQL stopped in good order, and the supervisor asleep, who would start it again."""
    assert world.stack.supervisor is not None
    world.stack.supervisor.send_signal(signal.SIGSTOP)
    server = world.process("postgres")
    started = server.create_time()
    try:
        server.send_signal(signal.SIGINT)
        gone(server.pid, started, seconds=60)
        yield
    finally:
        world.stack.supervisor.send_signal(signal.SIGCONT)


def _is_back(world: World) -> None:
    world.until(lambda: world.sql("SELECT 1"), seconds=90)
    world.until(lambda: world.stack.answers("/readyz") == 200, seconds=60)


@scenario("disk full under PostgreSQL's write-ahead log, which panics", rounds=1, hold=5.0)
def full_under_the_wal(world: World) -> Iterator[None]:
    [(data,)] = world.sql("SHOW data_directory")
    wal = Path(data) / "pg_wal"
    size = sum(file.stat().st_size for file in wal.rglob("*") if file.is_file()) / 2**20
    with _small_disk(Path("/tmp") / f"faults-wal-{os.getpid()}", size + 40, world) as disk:  # noqa: S108
        inside = disk / "pg_wal"
        with _server_down(world):
            _move(wal, inside)
            wal.symlink_to(inside)
        try:
            _is_back(world)
            before = _log_length(world)
            filler = _fill(disk)
            world.until(lambda: _switch(world, before), seconds=60)
            yield
            filler.unlink()
            _is_back(world)
        finally:
            with _server_down(world):
                wal.unlink()
                _move(inside, wal)
        _is_back(world)


def _switch(world: World, before: int) -> bool:
    """Uses up the segments there are, until the next one has no room."""
    if not _postgres_said(world, before):
        world.sql("SELECT pg_switch_wal()")
    return _postgres_said(world, before)


def _move(source: Path, target: Path) -> None:
    owner = source.stat()
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    target.chmod(0o700)
    shutil.rmtree(source)
