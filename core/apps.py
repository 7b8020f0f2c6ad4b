"""The core application: when Django is ready, the parts are wired to each other."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import checks  # noqa: F401, PLC0415  (registers them)
        from core.wiring import wire  # noqa: PLC0415  (models must be loaded first)

        wire()
