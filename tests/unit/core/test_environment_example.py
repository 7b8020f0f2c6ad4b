"""`.env.example` names every setting that is read from the environment, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

PROJECT = Path(__file__).resolve().parents[3]
PACKAGES = ("core", "commands", "projections", "workers", "pages")
EXAMPLE = PROJECT / ".env.example"
# not the operator's: Django's own, the system's, and what we set for ourselves
NOT_SETTINGS = {"DJANGO_SETTINGS_MODULE", "PATH", "HOME", "PYTHONPATH", "PROMETHEUS_MULTIPROC_DIR"}


def names_read(source: str) -> Iterator[str]:
    """Names in `env.str("NAME", …)`, `persistent_secret("NAME", …)`, `os.environ["NAME"]`, `os.environ.get("NAME")`, `os.getenv("NAME")`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            called = ast.unparse(node.func)
            if re.fullmatch(r"env(\.(str|int|float|bool|list|url|path))?|persistent_secret|os\.getenv|(os\.)?environ\.get", called):
                yield node.args[0].value
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in {"os.environ", "environ"} and isinstance(node.slice, ast.Constant):
            yield str(node.slice.value)


def read_anywhere() -> set[str]:
    found = {name for package in PACKAGES for path in (PROJECT / package).rglob("*.py") for name in names_read(path.read_text(encoding="utf-8"))}
    return {name for name in found if re.fullmatch(r"[A-Z][A-Z0-9_]+", name)} - NOT_SETTINGS


def example_lines() -> dict[str, str]:
    """Setting → its line."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return {match[1]: line for line in lines if (match := re.match(r"#?([A-Z][A-Z0-9_]*)=", line))}


def test_every_setting_that_is_read_has_its_line() -> None:
    assert read_anywhere() - example_lines().keys() == set()


def test_every_line_is_a_setting_that_is_read() -> None:
    assert example_lines().keys() - read_anywhere() == set()


def test_each_stands_once_with_a_sentence_about_it() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for name, line in example_lines().items():
        assert len(re.findall(rf"^#?{name}=", text, re.MULTILINE)) == 1, name
        assert re.search(r"=\S+\s+# \w.{8,}", line), line


def test_taking_the_hash_away_gives_a_file_whose_values_are_right(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=[A-Z])", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    values = dotenv_values(file)
    assert values["PORT"] == "8000"
    assert values["VOTE_RATE_LIMIT"] == "60/minute"
    assert not any(" " in (value or "") or "#" in (value or "") for value in values.values())
