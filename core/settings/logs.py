"""Logging: one line per event on standard error, without voters, tokens or addresses."""

from __future__ import annotations

from core.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "core.log_lines.PlainLines", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"django.request": {"level": "ERROR"}},  # a refusal is a client's affair, and there may be a million of them
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
