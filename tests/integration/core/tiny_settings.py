"""The project's settings with an application for tests of the web server."""

from __future__ import annotations

from core.settings import *  # noqa: F403

ASGI_APPLICATION = "tests.integration.core.tiny_application.application"
