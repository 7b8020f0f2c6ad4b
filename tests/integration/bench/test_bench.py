"""The harness from end to end: servers of its own, Nexus's real processes, a short load, a report. How fast is nobody's business here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.book import read_book
from bench.report.charts import ANATOMY
from bench.steps import THIS_TREE, parse_steps

ROOT = Path(__file__).resolve().parents[3]
NAMED = ("DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "BROKER_URL")


def run_bench(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in NAMED} | {"STATE_DIR": str(state)}
    command = [sys.executable, "-m", "core.embedded", "services", "--", sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_quick_run_measures_nexus_and_writes_it_down(tmp_path: Path) -> None:
    done = run_bench(tmp_path / "state", "quick", "--only", "nexus", "--rounds", "1", "--seconds", "1", "--results", str(tmp_path / "results"))
    if "wrk is not installed" in done.stderr:
        pytest.skip("wrk is not installed")
    assert done.returncode == 0, done.stdout + done.stderr
    book = read_book(tmp_path / "results" / "quick.json")
    assert book is not None
    assert not book.failed
    (votes,) = book.rounds["nexus/session/256"]
    assert votes["more"]["tallied"] == votes["more"]["durable"] >= votes["operations"] > 0
    assert votes["cpu"]["web"] > 0
    assert votes["cpu"]["postgres"] > 0
    assert book.has("nexus/drain over 1 poll")
    assert len(book.facts[ANATOMY]) > 5
    written = (tmp_path / "results" / "quick.md").read_text(encoding="utf-8")
    assert "A quick run" in written
    assert str(tmp_path) not in written + (tmp_path / "results" / "quick.json").read_text(encoding="utf-8")
    assert (tmp_path / "results" / "quick-cpu-per-vote.svg").exists()


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_run_of_steps_measures_former_web_processes_beside_this_one(tmp_path: Path) -> None:
    step = parse_steps((ROOT / "bench" / "steps.toml").read_text(encoding="utf-8"))[0]
    done = run_bench(tmp_path / "state", "steps", "--only", step.revision, "--rounds", "1", "--seconds", "1", "--results", str(tmp_path / "results"))
    if "wrk is not installed" in done.stderr:
        pytest.skip("wrk is not installed")
    assert done.returncode == 0, done.stdout + done.stderr
    book = read_book(tmp_path / "results" / "steps.json")
    assert book is not None
    assert set(book.about["steps"]) | set(book.skipped) == {step.revision, THIS_TREE}  # a shallow clone does not have the step
    for name in book.about["steps"]:
        assert book.rounds[f"{name}/session/256"][0]["cpu"]["web"] > 0
        assert book.rounds[f"{name}/account/256"][0]["more"]["durable"] > 0
    assert "| step |" in (tmp_path / "results" / "steps.md").read_text(encoding="utf-8")
    assert not list((tmp_path / "state" / "work" / "trees").glob("*"))


def test_without_servers_of_its_own_it_says_what_to_do() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "quick"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "make bench" in done.stderr or "wrk is not installed" in done.stderr
