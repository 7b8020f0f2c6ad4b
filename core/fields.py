"""Model fields for PostgreSQL types that Django does not name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _TextField = models.Field[str | None, str | None]
else:
    _TextField = models.Field


class Xid8Field(_TextField):
    """A 64-bit transaction id; Python sees its decimal digits as `str`, comparisons belong in SQL."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:  # noqa: ARG002  (Django's signature)
        return "xid8"
