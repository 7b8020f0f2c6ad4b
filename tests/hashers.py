"""A password hasher that costs tests nothing and that every server can verify: Django's own with one iteration."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneIteration(PBKDF2PasswordHasher):
    iterations = 1
