"""The counts of several processes add up, whoever dies, and the folder does not grow."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from core.metrics_folder import MetricsFolder, SharedCountsCollector

PROJECT = Path(__file__).resolve().parents[3]
VOTE = """
from core import metrics
metrics.VOTES_ACCEPTED.inc({n})
metrics.VOTES_REFUSED.labels("duplicate-vote").inc()
metrics.GROUP_SIZE.observe({n})
"""
WAIT = "print('ready', flush=True); input()"
SHOW = "from core import metrics; print(metrics.metrics_text().decode())"


@contextlib.contextmanager
def python(code: str, state: Path) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "STATE_DIR": str(state), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(code: str, state: Path) -> str:
    with python(code, state) as process:
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        return output


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + (sample.labels.get("reason") or sample.labels.get("le") or ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_living_and_a_killed_process_add_up_and_the_scrape_stands_without_postgresql(tmp_path: Path) -> None:
    with python(VOTE.format(n=3) + WAIT, tmp_path) as living, python(VOTE.format(n=4) + WAIT, tmp_path) as killed:
        for process in (living, killed):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        killed.kill()
        killed.wait()
        for _ in range(3):
            shown = samples(run(SHOW, tmp_path))
            assert shown["nexus_votes_accepted_total"] == 7
            assert shown["nexus_votes_refused_totalduplicate-vote"] == 2
            assert shown["nexus_commit_group_votes_sum"] == 7
            assert shown["nexus_commit_group_votes_bucket5.0"] == 2
            assert shown["nexus_commit_group_votes_count"] == 2
            assert shown["nexus_postgres_up"] == 0


def test_what_a_process_held_goes_with_it(tmp_path: Path) -> None:
    follow = "from core import metrics; metrics.STREAMS_OPEN.labels('sse').inc({n}); "
    with python(follow.format(n=3) + WAIT, tmp_path) as living, python(follow.format(n=4) + WAIT, tmp_path) as killed:
        for process in (living, killed):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        assert samples(run(SHOW, tmp_path))["nexus_streams_open"] == 7
        killed.kill()
        killed.wait()
        assert samples(run(SHOW, tmp_path))["nexus_streams_open"] == 3
    assert "nexus_streams_open" not in samples(run(SHOW, tmp_path))


def test_restarts_do_not_pile_up_files(tmp_path: Path) -> None:
    for _ in range(6):
        run(VOTE.format(n=1), tmp_path)
    folder = tmp_path / "metrics"
    assert len(list(folder.iterdir())) <= 7, "the lock, two archives, and what the last process left"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert samples(run(SHOW, tmp_path))["nexus_votes_accepted_total"] == 6


def test_a_forked_child_counts_under_a_name_of_its_own(tmp_path: Path) -> None:
    code = "import os\nfrom core import metrics\nmetrics.VOTES_ACCEPTED.inc(5)\nif not os.fork():\n    metrics.VOTES_ACCEPTED.inc(2); os._exit(0)\nos.wait()\n"
    assert samples(run(code + SHOW, tmp_path))["nexus_votes_accepted_total"] == 7


@pytest.fixture
def folder(tmp_path: Path) -> MetricsFolder:
    return MetricsFolder(tmp_path / "metrics")


def leave_dead(folder: MetricsFolder, name: str, count: float) -> None:
    (folder.path / f"{name}.alive").touch()
    counts = MmapedDict(str(folder.path / f"counter_{name}.db"))
    counts.write_value(mmap_key("c", "c_total", [], [], "help"), count, 0.0)
    counts.close()


def total(folder: MetricsFolder) -> float:
    return sum(sample.value for metric in SharedCountsCollector(folder).collect() for sample in metric.samples)


class Killed(Exception):
    """Stands for SIGKILL in the middle of a fold."""


@pytest.mark.parametrize("survived", range(12))
def test_a_fold_killed_between_any_two_steps_loses_and_doubles_nothing(folder: MetricsFolder, monkeypatch: pytest.MonkeyPatch, survived: int) -> None:
    leave_dead(folder, "1-a", 10)
    assert total(folder) == 10
    leave_dead(folder, "2-b", 5)
    leave_dead(folder, "3-c", 2)
    steps = iter(range(100))

    def dying(step: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **kwargs: object) -> object:
            if next(steps) >= survived:
                raise Killed
            return step(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        with contextlib.suppress(Killed), folder.locked():
            folder.fold()
    assert total(folder) == 17
    assert total(folder) == 17


def test_a_file_torn_by_a_crash_costs_its_own_counts_only(folder: MetricsFolder) -> None:
    leave_dead(folder, "1-a", 10)
    leave_dead(folder, "2-b", 5)
    (folder.path / "counter_2-b.db").write_bytes(b"\xff" * 4096)
    (folder.path / "counter_3-c.db").touch()
    assert total(folder) == 10
    assert total(folder) == 10


def test_the_living_are_not_folded(folder: MetricsFolder) -> None:
    name = folder.process_name()
    other = MetricsFolder(folder.path)
    with other.locked():
        assert other.fold() == 0
    assert (folder.path / f"counter_{name}.db").exists()
