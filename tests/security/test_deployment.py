"""What an operator gets without asking for it is safe, and the checks that say so are switched on."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "commands", "projections", "workers", "pages", "demo")


def check_deploy(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    named = {"PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path), "DATABASE_URL": os.environ.get("DATABASE_URL", ""), **environment}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, cwd=ROOT, env=named, capture_output=True, text=True, check=False)


def test_djangos_own_check_for_deployment_finds_nothing_behind_an_https_address(tmp_path: Path) -> None:
    done = check_deploy(tmp_path, PUBLIC_URL="https://polls.example.org", TRUSTED_PROXIES="10.0.0.0/8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_finds_what_is_wrong(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    done = check_deploy(tmp_path, PUBLIC_URL="https://polls.example.org", TRUSTED_PROXIES="10.0.0.0/8", SECRET_KEY="short", HSTS_SECONDS="0")
    assert done.returncode != 0
    for finding in ("security.W009", "security.W004", "nexus.W006"):
        assert finding in done.stderr


def defaults() -> dict[str, Any]:
    """The settings as they are when nothing is set in the environment."""
    code = "import json; from django.conf import settings as s; print(json.dumps({n: getattr(s, n) for n in %r}))"
    names = [
        "DEBUG",
        "HOST",
        "ALLOWED_HOSTS",
        "CORS_ALLOWED_ORIGINS",
        "CSRF_TRUSTED_ORIGINS",
        "TRUSTED_PROXIES",
        "AUTH_RATE_LIMIT",
        "VOTE_RATE_LIMIT",
        "X_FRAME_OPTIONS",
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "STATE_DIR": "/nonexistent",
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "SECRET_KEY": "k" * 50,
        "VOTER_KEY_SECRET": "v" * 50,
    }
    done = subprocess.run([sys.executable, "-c", code % (names,)], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif((ROOT / ".env").exists(), reason="an .env file sets what is to be seen unset")
def test_whoever_sets_nothing_opens_nothing() -> None:
    found = defaults()
    assert found["DEBUG"] is False
    assert found["HOST"] == "127.0.0.1"
    assert set(found["ALLOWED_HOSTS"]) == {"127.0.0.1", "[::1]", "localhost"}
    assert found["CORS_ALLOWED_ORIGINS"] == found["CSRF_TRUSTED_ORIGINS"] == found["TRUSTED_PROXIES"] == []
    assert "off" not in {found["AUTH_RATE_LIMIT"], found["VOTE_RATE_LIMIT"]}
    assert found["X_FRAME_OPTIONS"] == "DENY"


def ruff() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    return found


def test_the_lint_for_security_is_on_everywhere() -> None:
    """Ruff's S rules are those of bandit."""
    rules = ruff()
    assert "S" in rules["select"]
    assert not [rule for rule in rules["ignore"] if re.match(r"S\d|S$", rule)]
    assert not [folder for folder, ignored in rules["per-file-ignores"].items() if "S" in ignored]


def test_each_exception_from_it_is_explained() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r'"S\d{3}"', line):
            assert re.search(r"[\],]\s+# \w.{8,}", line), line
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
                if token.type == tokenize.COMMENT and re.search(r"noqa:.*\bS\d{3}\b", token.string):
                    assert re.search(r"S\d{3}\b\W+\w.{6,}", token.string), f"{path.name}:{token.start[0]} does not say why"


def test_nothing_is_run_by_a_shell_unpickled_or_made_up_of_code() -> None:
    forbidden = re.compile(r"^(eval|exec|compile|__import__|os\.system|os\.popen|pickle\.\w+|marshal\.\w+|yaml\.load|mark_safe|format_html_join)$")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (forbidden.match(ast.unparse(node.func)) or any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords))
    ]
    assert found == []


def test_templates_switch_escaping_off_only_where_the_text_is_no_markup() -> None:
    templates = [path for package in PACKAGES for path in (ROOT / package).rglob("templates/**/*") if path.is_file()]
    assert templates
    unescaped = [path.name for path in templates if re.search(r"\|\s*safe\b|autoescape off", path.read_text(encoding="utf-8"))]
    assert unescaped == ["password_reset.txt"]


def test_every_promise_of_the_threat_model_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", text))
    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    ours = {f"tests/security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert ours <= named, "a test that no line of the table names"
