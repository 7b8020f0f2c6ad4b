"""Every refusal and failure a client can meet, as types; `core/problems.py` turns them into problem details."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

MOST_FAULTS = 100  # told of one body; nobody mends more at once, and an answer must not be larger than what it answers


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a body: a JSON pointer (RFC 6901, as a URI fragment), a sentence and a stable code."""

    pointer: str
    detail: str
    code: str


class NexusError(Exception):
    """Something went wrong that a client should be told."""

    type: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self, detail: str = "", *, errors: tuple[FieldError, ...] = (), retry_after: float | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.detail = detail or (self.__doc__ or "").strip().split("\n", maxsplit=1)[0]
        self.errors = errors
        self.retry_after = retry_after
        self.headers = headers or {}
        super().__init__(self.detail)

    def with_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """The same refusal with further headers for its answer; this one stays as it is, for others may be answered with it too."""
        other = copy.copy(self)
        other.headers = self.headers | {name.decode(): value.decode() for name, value in headers}
        return other


class MalformedBody(NexusError):
    """The body is not a JSON object that we can read."""

    type, status, title = "malformed-body", 400, "Malformed body"


class ValidationError(NexusError):
    """Something in the body is not as it should be."""

    type, status, title = "validation-error", 400, "Validation error"

    @classmethod
    def at(cls, pointer: str, detail: str, code: str) -> ValidationError:
        return cls(detail, errors=(FieldError(pointer, detail, code),))


class BadRequest(NexusError):
    """A parameter or token of the request is not as it should be."""

    type, status, title = "bad-request", 400, "Bad request"


class NotAuthenticated(NexusError):
    """Valid credentials are needed."""

    type, status, title = "not-authenticated", 401, "Not authenticated"


class PermissionDenied(NexusError):
    """You may not do this."""

    type, status, title = "permission-denied", 403, "Permission denied"


class NotFound(NexusError):
    """There is nothing here."""

    type, status, title = "not-found", 404, "Not found"


class MethodNotAllowed(NexusError):
    """This resource does not know that method."""

    type, status, title = "method-not-allowed", 405, "Method not allowed"


class DuplicateVote(NexusError):
    """This voter has already voted in this poll."""

    type, status, title = "duplicate-vote", 409, "Already voted"


class PollNotOpen(NexusError):
    """The poll is not open for votes."""

    type, status, title = "poll-not-open", 409, "Poll not open"


class PollHasVotes(NexusError):
    """The poll has votes, so this can no longer be changed."""

    type, status, title = "poll-has-votes", 409, "Poll has votes"


class PollClosed(NexusError):
    """The poll is closed, so this can no longer be changed."""

    type, status, title = "poll-closed", 409, "Poll closed"


class PollHasNoCodes(NexusError):
    """Only polls whose voters are `code` have codes."""

    type, status, title = "poll-has-no-codes", 409, "Poll has no codes"


class VoteNotChangeable(NexusError):
    """In this poll a vote stays as it was cast."""

    type, status, title = "vote-not-changeable", 409, "Vote not changeable"


class BodyTooLarge(NexusError):
    """The body is larger than this resource takes."""

    type, status, title = "body-too-large", 413, "Body too large"


class UnsupportedMediaType(NexusError):
    """Bodies must be application/json."""

    type, status, title = "unsupported-media-type", 415, "Unsupported media type"


class IdempotencyKeyReused(NexusError):
    """This Idempotency-Key was used for another request."""

    type, status, title = "idempotency-key-reused", 422, "Idempotency key reused"


class RateLimited(NexusError):
    """Too many requests; wait a little."""

    type, status, title = "rate-limited", 429, "Too many requests"


class InternalError(NexusError):
    """Something went wrong on our side."""


class Unavailable(NexusError):
    """This can't be done just now; try again."""

    type, status, title = "unavailable", 503, "Temporarily unavailable"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(detail, retry_after=retry_after)


PROBLEMS: tuple[type[NexusError], ...] = (
    MalformedBody, ValidationError, BadRequest, NotAuthenticated, PermissionDenied, NotFound, MethodNotAllowed, DuplicateVote, PollNotOpen,
    PollHasVotes, PollClosed, PollHasNoCodes, VoteNotChangeable, BodyTooLarge, UnsupportedMediaType, IdempotencyKeyReused, RateLimited,
    InternalError, Unavailable,
)  # fmt: skip
