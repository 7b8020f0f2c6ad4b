"""`services.env`: what the stack writes, settings and shells read."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from core.embedded.services_env import FILE_NAME, format_services_env, parse_services_env, read_services_env, remove_services_env, write_services_env

VALUES = {"DATABASE_URL": "postgresql://nexus@%2Fa%20b/nexus", "REDIS_URL": "unix:///it's/redis.sock?db=0"}


def test_what_is_written_is_read_and_only_the_owner_may(tmp_path: Path) -> None:
    write_services_env(tmp_path, VALUES)
    assert read_services_env(tmp_path) == VALUES
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    remove_services_env(tmp_path)
    assert read_services_env(tmp_path) == {}
    remove_services_env(tmp_path)


def test_a_copied_folder_does_not_lead_to_the_servers_of_the_original(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_services_env(tmp_path / "one", VALUES)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert read_services_env(tmp_path / "two") == {}


def test_lines_for_a_shell_come_back_as_they_were() -> None:
    text = format_services_env(VALUES, export=True)
    assert text.startswith("export DATABASE_URL=")
    assert parse_services_env(text) == VALUES


def test_other_lines_are_passed_over() -> None:
    assert parse_services_env("# note\n\nlower=1\nOPEN='x\nGOOD=1\n") == {"GOOD": "1"}
