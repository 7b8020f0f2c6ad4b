"""Secrets, hosts, cookies and what an https PUBLIC_URL switches on."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.settings.base import HOST, PUBLIC_URL
from core.settings.environment import env, persistent_secret

SECRET_KEY = persistent_secret("SECRET_KEY", "secret_key")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
VOTER_KEY_SECRET = persistent_secret("VOTER_KEY_SECRET", "voter_key_secret")

_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", []) or sorted({_public.hostname or HOST, HOST, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [])

SESSION_ENGINE = "core.accounts.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS  # core/https.py does it before Django, for every path
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31_536_000) if HTTPS else 0
# These bind hosts that are not ours and are hard to take back, so whoever owns the domain decides.
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS and env.bool("HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = HTTPS and env.bool("HSTS_PRELOAD", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # those two
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 6000  # a whole ballot as a form: 50 questions with 100 choices each, all ticked
CSRF_FAILURE_VIEW = "core.error_views.csrf_failure"

PASSWORD_RESET_TIMEOUT = 3600  # seconds a mailed link works

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
