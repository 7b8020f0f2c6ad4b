"""The settings that every vote asks for, as plain attributes: Django's settings are a lazy object, and eleven looks at it were a fifteenth of a vote."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class HotSettings:
    """Copies, renewed when a test changes one. Lists become tuples."""

    HTTPS: bool
    TRUSTED_PROXIES: tuple[str, ...]
    SESSION_COOKIE_NAME: str
    SECRET_KEY: str
    VOTER_KEY_SECRET: str

    def __init__(self) -> None:
        for name in HotSettings.__annotations__:
            self.copy(name)
        setting_changed.connect(self._changed)

    def copy(self, name: str) -> None:
        value = getattr(settings, name)
        setattr(self, name, tuple(value) if isinstance(value, list) else value)

    def _changed(self, setting: str, **_: Any) -> None:
        if setting in HotSettings.__annotations__:
            self.copy(setting)


hot = HotSettings()
