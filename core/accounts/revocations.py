"""Which access tokens are void before they expire, for the handlers that ask no database per request: looked up once a second at most."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2
from django.conf import settings

from core.accounts.access import AccessClaims
from core.errors import NotAuthenticated
from core.postgres import connect
from core.single_flight import SingleFlight
from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Revoked = dict[UUID, tuple[int, bool]]  # account → its token generation, whether it is active

AGE_SECONDS = 1.0
_PATIENCE_SECONDS = 0.5
_NOTED_SECONDS = 60.0  # long after a look-up that began before the commit has ended
_SLACK_SECONDS = 60.0  # the clocks that stamp tokens and revocations may differ

_SQL = queries(Path(__file__).parent, "revocations.sql")
_log = logging.getLogger(__name__)


class Revocations:
    """What one process knows. A token made void is refused `AGE_SECONDS` and one look-up after that committed, in the process that did it at once.

    While PostgreSQL does not answer, what was known last goes on: then a void token lives until it expires, in a quarter of an hour at most; no vote
    can become durable meanwhile.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._known: Revoked = {}
        self._done_here: dict[UUID, tuple[int, float]] = {}  # account → the generation that became void, and until when a look-up may miss that
        self._flight: SingleFlight[Revoked] = SingleFlight(self._read, seconds=AGE_SECONDS, renew_after=AGE_SECONDS / 2, name="revocations")

    async def check(self, claims: AccessClaims) -> None:
        """Raises `NotAuthenticated` when the token was made void. Waits for a look-up where none was made for a second, else costs a comparison."""
        future = self._flight.future()
        if not future.done():
            try:
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), _PATIENCE_SECONDS)
            except (TimeoutError, psycopg2.Error, OSError, RuntimeError) as error:
                _log.warning("revoked tokens could not be looked up: %s", type(error).__name__)
        self._judge(claims)

    def check_now(self, claims: AccessClaims) -> bool:
        """The same where nothing has to be waited for; False, with nothing decided, elsewhere."""
        if not self._flight.future().done():
            return False
        self._judge(claims)
        return True

    def _judge(self, claims: AccessClaims) -> None:
        generation, active = self._known.get(claims.user_id, (claims.generation, True))
        void, _ = self._done_here.get(claims.user_id, (-1, 0.0))
        if not active or claims.generation < generation or claims.generation <= void:
            raise NotAuthenticated("The access token is no longer valid.")

    def note(self, user_id: UUID, generation: int) -> None:
        """Tokens of this generation and earlier ones have just been made void, by a transaction that has committed. From any thread."""
        now = time.monotonic()
        for account, (_, until) in tuple(self._done_here.items()):
            if until < now:
                self._done_here.pop(account, None)
        self._done_here[user_id] = (generation, now + _NOTED_SECONDS)

    def _read(self) -> Revoked:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect("default", application_name="nexus-revocations", settings={"statement_timeout": "2s"})
            with self._connection.cursor() as cursor:
                cursor.execute(_SQL["recently_revoked"], (settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds() + _SLACK_SECONDS,))
                self._known = {user_id: (generation, active) for user_id, generation, active in cursor.fetchall()}
        except psycopg2.Error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise
        return self._known


@cache
def revocations() -> Revocations:
    """This process's."""
    return Revocations()
