"""The write side's own connection: prepared statements, checked identity, made again when it is lost."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import psycopg2

from commands.tokens import secret_fingerprint
from commands.vote_log import prepare
from core.errors import Unavailable
from core.hangup import HangUp
from core.log_identity import LogIdentityError, check_log_identity
from core.log_mark import check_log_mark
from core.postgres import connect
from core.start_checks import CannotStart

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

log = logging.getLogger(__name__)

# Fingerprint of the secret behind the voter keys, kept by the first server that ever votes.
_CLAIM_FINGERPRINT = "UPDATE log_epoch SET voter_key_fingerprint = %s WHERE voter_key_fingerprint IS NULL"
_FINGERPRINT = "SELECT voter_key_fingerprint FROM log_epoch"


class WrongSecretError(RuntimeError):
    """VOTER_KEY_SECRET is not the one this database's voter keys were made with: everybody could vote a second time."""


def check_voter_secret(cursor: Cursor) -> None:
    """Keeps the fingerprint of the first secret; raises `WrongSecretError` for another one."""
    cursor.execute(_FINGERPRINT)
    row = cursor.fetchone()
    if row is not None and row[0] is None:
        cursor.execute(_CLAIM_FINGERPRINT, (secret_fingerprint(),))
        cursor.execute(_FINGERPRINT)
        row = cursor.fetchone()
    if row is None or row[0] != secret_fingerprint():
        raise _wrong_secret()


def _wrong_secret() -> WrongSecretError:
    return WrongSecretError(
        (WrongSecretError.__doc__ or "").strip() + " Set VOTER_KEY_SECRET back to what it was (a generated one is in STATE_DIR/voter_key_secret)."
    )


def refuse_wrong_secret() -> None:
    """A start check (`core.start_checks`): raises `CannotStart` when VOTER_KEY_SECRET is another than this database's voter keys were made with.

    A PostgreSQL that is away, or not migrated, is no reason: every connection that writes votes checks again. Claims nothing.
    """
    try:
        with contextlib.closing(connect("direct", application_name="nexus-start")) as connection, connection.cursor() as cursor:
            cursor.execute(_FINGERPRINT)
            row = cursor.fetchone()
    except psycopg2.Error as error:
        log.debug("the secret of voter keys could not be checked yet: %s", error)
        return
    if row is not None and row[0] not in {None, secret_fingerprint()}:
        raise CannotStart(str(_wrong_secret()))


class WriteConnection:
    """One connection, used by one thread. `cursor()` connects when needed; after `lost()` it will do so again. `hang_up.cut` is for other threads."""

    def __init__(self, application_name: str, settings: dict[str, str]) -> None:
        self._application_name, self._settings = application_name, settings
        self._connection: Connection | None = None
        self.hang_up = HangUp()
        self.trouble: str | None = None

    def cursor(self) -> Cursor:
        """A cursor on a live, checked connection in autocommit mode.

        Raises `psycopg2.OperationalError` when the server cannot be reached, `Unavailable` when it is not the right one.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection.cursor()

    def warnings(self) -> str:
        """What the server said beside its answers since the last call."""
        if self._connection is None:
            return ""
        said = "".join(self._connection.notices)
        self._connection.notices.clear()
        return said

    def lost(self) -> None:
        """Forgets the connection; whatever state it is in, the next cursor comes from a new one."""
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None
        self.hang_up.detach()

    def care(self) -> None:
        """Notices a lost connection, and makes a new one, before a vote has to; `trouble` says what came of it."""
        try:
            with self.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            self.trouble = "PostgreSQL cannot be reached"
            log.debug("%s: %s", self._application_name, error)
            self.lost()
        except Unavailable:
            log.debug("%s: still %s", self._application_name, self.trouble)

    def _connect(self) -> Connection:
        try:
            connection = connect("direct", application_name=self._application_name, settings=self._settings, opened=self.hang_up.attach)
        except psycopg2.Error:
            self.hang_up.detach()
            self.trouble = "PostgreSQL cannot be reached"
            raise
        try:
            with connection.cursor() as cursor:
                check_log_identity(cursor)
                check_log_mark(cursor)
                check_voter_secret(cursor)
            prepare(connection)
        except (LogIdentityError, WrongSecretError) as error:
            connection.close()
            self.hang_up.detach()
            if self.trouble != str(error):
                log.error("votes are refused: %s", error)  # noqa: TRY400  (the sentence says it all)
            self.trouble = str(error)
            raise Unavailable("The vote log needs an operator; see the server's log.", retry_after=30) from error
        except psycopg2.Error:
            connection.close()
            self.hang_up.detach()
            self.trouble = "PostgreSQL cannot be reached"
            raise
        if self.trouble is not None:
            log.info("%s: connected again", self._application_name)
        self.trouble = None
        return connection


def is_lost(error: psycopg2.Error) -> bool:
    """Whether the connection is gone, or may be: the server said nothing (as when it ends all its backends), or that it is going."""
    return error.pgcode is None or error.pgcode.startswith(("08", "57P"))
