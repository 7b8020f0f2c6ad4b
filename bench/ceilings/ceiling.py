"""What the ceilings have in common: processes that serve the bytes they are given, and end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.processes import Processes
from bench.targets import Ceiling, Place


class StaticCeiling(Ceiling):
    """A ceiling whose server is one process with its children."""

    def prepare(self, place: Place) -> None:
        self.place = place
        self._processes = Processes(place.folder)

    def run(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Starts the server; on return it answers."""
        self._processes.start("web", argv, env=env, cwd=self.place.project)
        self._processes.wait_for_http(self.place.host, self.place.port, self.path)

    def stop(self) -> None:
        self._processes.stop()

    def pids(self) -> Mapping[str, Sequence[int]]:
        return self._processes.pids()
