"""Settings of the Django peer: what a lean API in production has, and nothing that only slows it down."""

from __future__ import annotations

import os
from datetime import timedelta

from psycopg2.extensions import parse_dsn

DEBUG = False
SECRET_KEY = os.environ["PEER_SECRET"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "bench.peers.drf.urls"
WSGI_APPLICATION = "bench.peers.drf.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# An API for Bearer and voter tokens needs neither sessions nor CSRF; proxies in front set the security headers. The one middleware sets Content-Length.
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "bench.peers.drf.polls"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

_target = parse_dsn(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _target.get("dbname", ""),
        "USER": _target.get("user", ""),
        "PASSWORD": _target.get("password", ""),
        "HOST": _target.get("host", ""),
        "PORT": _target.get("port", ""),
        "CONN_MAX_AGE": None,  # each thread keeps its connection for good
        "OPTIONS": {"application_name": "peer-drf"},
    }
}
# Rules of a poll do not change while it is open, so each process may remember them for a moment.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],  # no look-up of the user per request
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
SIMPLE_JWT = {"ALGORITHM": "HS256", "SIGNING_KEY": SECRET_KEY, "ACCESS_TOKEN_LIFETIME": timedelta(hours=1)}
LOGGING_CONFIG = None
