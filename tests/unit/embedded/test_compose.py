"""docker-compose.yml is valid, asks for its secrets, and runs the commands of the Procfile."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
import yaml

from core.embedded.guard import PROJECT
from core.embedded.procfile import parse_procfile

COMPOSE = PROJECT / "docker-compose.yml"


def test_the_file_follows_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "VOTER_KEY_SECRET", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"])
def test_secrets_must_be_given(name: str) -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    assert text.count("${" + name + ":?") == text.count("${" + name)


def test_every_process_of_the_procfile_runs_the_same_program() -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    for name, command in parse_procfile((PROJECT / "Procfile").read_text(encoding="utf-8")).items():
        given = services[name]["command"]
        words = given if isinstance(given, list) else shlex.split(given)
        told = [word for word in shlex.split(command) if word not in {"-W", "ignore:You're running the worker with superuser"}]
        assert [word for word in words if "{" not in word and "/" not in word] == [word for word in told if "{" not in word and "/" not in word]
