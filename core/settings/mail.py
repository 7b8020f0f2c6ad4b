"""Where e-mail goes: into files under STATE_DIR, unless EMAIL_URL names a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from core.settings.base import HOST, PUBLIC_URL
from core.settings.environment import STATE_DIR, env

_BACKENDS = "django.core.mail.backends"
_HOW = "EMAIL_URL must be like smtp+tls://user:password@mail.example.org:587, smtps://…, smtp://…, file:///folder or console:"


def mail_settings(url: str) -> dict[str, Any]:
    """Django's settings for `smtp://` (plain), `smtp+tls://` (STARTTLS), `smtps://` (TLS from the start), `file:///folder` or `console:`.

    Raises `ValueError` for anything else.
    """
    try:
        parts = urlsplit(url)
        given_port = parts.port
    except ValueError:
        raise ValueError(_HOW) from None  # its own message may repeat a part of the password
    if parts.fragment:  # half of a password
        raise ValueError(_HOW)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": f"{_BACKENDS}.console.EmailBackend"}
    if parts.scheme == "file" and parts.path:
        return {"EMAIL_BACKEND": f"{_BACKENDS}.filebased.EmailBackend", "EMAIL_FILE_PATH": unquote(parts.path)}
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(_HOW)
    return {
        "EMAIL_BACKEND": f"{_BACKENDS}.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": given_port or ports[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


globals().update(mail_settings(env.str("EMAIL_URL", "") or (STATE_DIR / "mail").as_uri()))  # EMAIL_BACKEND and what it needs
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "") or f"Nexus <nexus@{urlsplit(PUBLIC_URL).hostname or HOST}>"
