"""Keeps the folder in which the processes of a host share their counts: who lives, and what the dead had counted.

Every process writes files of its own, named after a lock that it holds as long as it lives. Files whose lock is free belong to the dead: they are
folded into one archive per kind, so that counts never go back and the number of files stays that of the living.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import uuid
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client import Metric

_KEPT = ("counter", "histogram")  # what the dead had counted stays
KINDS = (*_KEPT, "gauge_livesum")  # what they held goes with them
_ARCHIVE = "archive"
_JOURNAL = "folded"
_FILE_BYTES = 1 << 16

_log = logging.getLogger(__name__)


_folders: weakref.WeakSet[MetricsFolder] = weakref.WeakSet()


def _after_fork() -> None:
    for folder in _folders:
        folder.forget_name()


os.register_at_fork(after_in_child=_after_fork)


class MetricsFolder:
    """One folder, mode 0700. Process ids that repeat, and containers that share the folder, do not meet in one file."""

    def __init__(self, path: Path) -> None:
        """Makes the folder. Raises `OSError` when it cannot be made."""
        self.path = path
        self._name = ""
        self._held: int | None = None
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        _folders.add(self)

    def forget_name(self) -> None:
        """To be called in the child after a fork."""
        self._name = ""

    def process_name(self) -> str:
        """A name that no other process has, kept alive until this process ends; a new one after a fork. Raises `OSError` on a full disk."""
        if not self._name:  # asked for at every count, so it makes no system call
            name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
            with self.locked():
                held = os.open(self._lock_of(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                fcntl.flock(held, fcntl.LOCK_EX)
                for kind in KINDS:
                    _reserve(self.path / f"{kind}_{name}.db")
            if self._held is not None:
                os.close(self._held)  # inherited from the parent, who keeps the lock by its own descriptor
            self._name, self._held = name, held
        return self._name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder: meanwhile no process joins, folds or reads. The kernel lets go if we die."""
        descriptor = os.open(self.path / "folder.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def fold(self) -> int:
        """Folds the files of dead processes into the archives and removes them; returns how many processes that were.

        Expects the folder `locked()`. Killed at any point it loses and doubles nothing: a journal says from when on the sources count no more.
        """
        self._finish()
        dead = sorted(self._dead())
        if not dead:
            return 0
        for kind in _KEPT:
            self._draft_archive(kind, dead)
        gone = [self._lock_of(name).name for name in dead] + [f"{kind}_{name}.db" for name in dead for kind in KINDS]
        draft = self.path / f"{_JOURNAL}.draft"
        draft.write_text("\n".join(gone), encoding="utf-8")
        draft.replace(self.path / _JOURNAL)
        self._finish()
        return len(dead)

    def files(self) -> list[str]:
        """All files to add up. Expects the folder `locked()` and `fold()`ed."""
        return sorted(str(path) for path in self.path.glob("*_*.db"))

    def _finish(self) -> None:
        journal = self.path / _JOURNAL
        if journal.exists():
            for draft in self.path.glob(f"*_{_ARCHIVE}.draft"):
                draft.replace(draft.with_suffix(".db"))
            for name in journal.read_text(encoding="utf-8").split():
                (self.path / name).unlink(missing_ok=True)
            journal.unlink()
        for draft in self.path.glob("*.draft"):
            draft.unlink()

    def _draft_archive(self, kind: str, dead: Iterable[str]) -> None:
        totals: dict[str, float] = {}
        for name in (_ARCHIVE, *dead):
            source = self.path / f"{kind}_{name}.db"
            if source.exists() and source.stat().st_size:  # empty: it died between making and filling the file
                try:
                    values = {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source))}
                except (RuntimeError, ValueError, struct.error):  # torn by a crash of the machine: its counts begin anew
                    _log.warning("%s cannot be read and is dropped from the metrics", source.name)
                    continue
                for key, value in values.items():
                    totals[key] = totals.get(key, 0.0) + value
        draft = self.path / f"{kind}_{_ARCHIVE}.draft"
        _reserve(draft)
        target = MmapedDict(str(draft))
        try:
            for key, value in totals.items():
                target.write_value(key, value, 0.0)
        finally:
            target.close()

    def _dead(self) -> set[str]:
        names = {path.stem.rsplit("_", 1)[1] for path in self.path.glob("*_*.db")} | {path.stem for path in self.path.glob("*.alive")}
        return {name for name in names - {_ARCHIVE, self._name} if not self._lives(name)}

    def _lives(self, name: str) -> bool:
        try:
            descriptor = os.open(self._lock_of(name), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def _lock_of(self, name: str) -> Path:
        return self.path / f"{name}.alive"


class SharedCountsCollector(Collector):
    """The counts of all processes of the host, living and dead, added up."""

    def __init__(self, folder: MetricsFolder) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        with self._folder.locked():
            self._folder.fold()
            merged: Iterable[Metric] = MultiProcessCollector.merge(self._folder.files())
        return merged


def _reserve(path: Path) -> None:
    """Makes the file with its disk blocks: a page that finds no room when it is written would kill the process by SIGBUS."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _FILE_BYTES)
    finally:
        os.close(descriptor)
