"""A former revision gives its web process and the tokens of its voters, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.nexus.target import Nexus, _commands
from bench.processes import Processes
from bench.targets import Place, Skipped

PROCFILE = """
web: sh -c 'pwd > "$SEEN/web"'
relay: sh -c 'pwd > "$SEEN/relay"'
"""
TOKENS = """
class VoterToken:
    @classmethod
    def fresh(cls): return cls()
    def seal(self): return "made-there"
"""


@pytest.fixture
def nexus(tmp_path: Path) -> Nexus:
    """As `prepare` leaves it, on a tree `here` whose processes only say where they run; beside it is another, `there`."""
    for name in ("here", "there"):
        (tmp_path / name / "commands").mkdir(parents=True)
        (tmp_path / name / "Procfile").write_text(PROCFILE, encoding="utf-8")
    (tmp_path / "there" / "commands" / "tokens.py").write_text(TOKENS, encoding="utf-8")
    made = Nexus()
    servers = {"database_url": "", "redis_url": "", "broker_url": ""}
    made.place = Place(name="nexus", folder=tmp_path, project=tmp_path / "here", **servers, host="127.0.0.1", port=1, cores=1, web_processes=1)
    made.environment = os.environ | {"SEEN": str(tmp_path)}
    made._commands, made._web_project, made._processes = _commands(made.place.project), made.place.project, Processes(tmp_path)
    return made


def where(nexus: Nexus, part: str) -> str:
    """The tree in which a part was started."""
    nexus.start_part(part)
    (process,) = nexus._processes.started.pop(part)
    assert process.wait(20) == 0
    return Path((nexus.place.folder / part).read_text(encoding="utf-8").strip()).name


def test_only_the_web_process_is_the_other_trees(nexus: Nexus) -> None:
    assert where(nexus, "web") == "here"
    nexus.web_from(nexus.place.folder / "there")
    assert (where(nexus, "web"), where(nexus, "relay")) == ("there", "here")
    nexus.web_from(nexus.place.project)
    assert where(nexus, "web") == "here"


def test_voters_bring_tokens_as_the_other_tree_makes_them(nexus: Nexus) -> None:
    nexus.web_from(nexus.place.folder / "there")
    assert list(nexus.credentials("session", 2)) == [b"X-Voter-Token: made-there\r\n"] * 2


def test_a_tree_that_makes_no_tokens_is_skipped(nexus: Nexus) -> None:
    (nexus.place.folder / "there" / "commands" / "tokens.py").write_text("", encoding="utf-8")
    nexus.web_from(nexus.place.folder / "there")
    with pytest.raises(Skipped, match="makes no tokens: ImportError"):
        nexus.credentials("session", 2)


def test_a_tree_without_a_web_process_is_skipped(nexus: Nexus) -> None:
    (nexus.place.folder / "there" / "Procfile").write_text("relay: true\n", encoding="utf-8")
    with pytest.raises(Skipped, match="no web process"):
        nexus.web_from(nexus.place.folder / "there")
    assert where(nexus, "web") == "here"
