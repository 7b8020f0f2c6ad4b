"""The settings that every vote asks for, as plain attributes: Django's settings are a lazy object, and each look at it is felt."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.signals import setting_changed


class HotSettings:
    """Copies, made when they are first asked for and forgotten when a test changes one. Lists become tuples."""

    ALLOWED_HOSTS: tuple[str, ...]
    HTTPS: bool
    TRUSTED_PROXIES: tuple[str, ...]
    SESSION_COOKIE_NAME: str
    SECRET_KEY: str
    VOTER_KEY_SECRET: str

    def __init__(self) -> None:
        setting_changed.connect(self._changed)

    def __getattr__(self, name: str) -> Any:
        """Called for what there is no copy of yet."""
        if name not in HotSettings.__annotations__:
            raise AttributeError(name)
        value = getattr(settings, name)
        setattr(self, name, tuple(value) if isinstance(value, list) else value)
        return getattr(self, name)

    def _changed(self, setting: str, **_: Any) -> None:
        self.__dict__.pop(setting, None)


hot = HotSettings()
