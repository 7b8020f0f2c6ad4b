"""The settings under which Nexus is measured: production's, but for the limits on votes and sign-ins."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import django

from bench.targets import Place

QUEUE_PREFIX = "nexus-bench"
_NOT_OURS = ("VOTE_", "AUTH_", "RELAY_", "WORKER_", "WEB_", "RESULTS_", "STREAMS_", "CELERY_")


def nexus_environment(place: Place, environ: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """The environment of Nexus's processes at `place`; every setting that is not named here has its default. `changes` win."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_NOT_OURS)}
    return (
        kept
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
            "DATABASE_URL": place.database_url,
            "DATABASE_DIRECT_URL": place.database_url,
            "REDIS_URL": place.redis_url,
            "BROKER_URL": place.broker_url,
            "QUEUE_PREFIX": QUEUE_PREFIX,
            "STATE_DIR": str(place.folder / "state"),
            "HOST": place.host,
            "PORT": str(place.port),
            "PUBLIC_URL": place.url,
            "WEB_WORKERS": str(place.web_processes),
            "DEBUG": "0",
            "VOTE_RATE_LIMIT": "off",
            "AUTH_RATE_LIMIT": "off",
            "SECRET_KEY": secrets.token_hex(32),
            "VOTER_KEY_SECRET": secrets.token_hex(32),
            "DJANGO_SETTINGS_MODULE": "core.settings",
        }
        | changes
    )


def configure_django(environ: Mapping[str, str]) -> None:
    """Lets this process use Nexus's own code on the same database. Once per process: what Django was told stays."""
    os.environ.update(environ)
    os.environ["PGAPPNAME"] = "bench"
    django.setup()
