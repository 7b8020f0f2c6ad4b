"""What runs needs requirements.txt only, though the tests' environment has more."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RUNTIME = [
    "core.asgi",
    "core.celery",
    "core.embedded.supervisor",
    "demo.election",
    "kombu.transport.pyamqp",
    "kombu.transport.redis",
    "workers.relay",
    "workers.tasks",
]

# None in sys.modules: the import fails, as if the package were not installed.
IMPORT_WITHOUT = """
import importlib, os, sys
sys.modules |= dict.fromkeys({blocked!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings"
import django
django.setup()
for module in {modules!r}:
    importlib.import_module(module)
"""


def names_in(file: str) -> set[str]:
    return {match[1].lower().replace("_", "-") for match in re.finditer(r"^([A-Za-z0-9_.-]+)==", (ROOT / file).read_text(), re.MULTILINE)}


def test_every_process_starts_without_what_only_tests_need() -> None:
    only_tests = (names_in("requirements-dev.txt") | names_in("bench/requirements.txt")) - names_in("requirements.txt")
    owners_of = packages_distributions()
    blocked = [module for module, owners in owners_of.items() if {owner.lower().replace("_", "-") for owner in owners} <= only_tests]
    assert {"pytest", "hypothesis", "flask"} <= set(blocked)
    code = IMPORT_WITHOUT.format(blocked=blocked, modules=RUNTIME)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
