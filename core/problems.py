"""Turns whatever went wrong into RFC 9457 problem details: the one place where an exception becomes an answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson
import psycopg2
from django.core import exceptions as django_errors
from django.db import utils as database_errors
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf_errors

from core import errors
from core.errors import FieldError, NexusError
from core.lean import Send, answer
from core.pointers import pointer_token

PROBLEM_TYPE = "application/problem+json"
RETRY_DATABASE_SECONDS = 1.0
_UNREACHABLE = (database_errors.OperationalError, database_errors.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
_log = logging.getLogger(__name__)

# The first that fits counts, so the special ones stand first.
_KNOWN: tuple[tuple[type[Exception], type[NexusError]], ...] = (
    (drf_errors.ParseError, errors.MalformedBody),
    (drf_errors.NotAuthenticated, errors.NotAuthenticated),
    (drf_errors.AuthenticationFailed, errors.NotAuthenticated),
    (drf_errors.PermissionDenied, errors.PermissionDenied),
    (drf_errors.NotFound, errors.NotFound),
    (drf_errors.MethodNotAllowed, errors.MethodNotAllowed),
    (drf_errors.UnsupportedMediaType, errors.UnsupportedMediaType),
    (Http404, errors.NotFound),
    (django_errors.PermissionDenied, errors.PermissionDenied),
    (django_errors.RequestDataTooBig, errors.BodyTooLarge),
    (django_errors.SuspiciousOperation, errors.BadRequest),
    (django_errors.BadRequest, errors.BadRequest),
    (UnreadablePostError, errors.BadRequest),  # the client left amid its body
)


def _server_was_gone(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended the connection without a word, as when it ends all its backends after one of them crashed."""
    if isinstance(error, database_errors.DatabaseError):
        error = error.__cause__
    return isinstance(error, psycopg2.Error) and error.pgcode is None


def problem_of(error: Exception) -> NexusError:
    """The error that a client is told for `error`: itself if it is ours, else what it amounts to.

    Nothing of a foreign exception's text gets out; what nobody foresaw is logged here with its trace, and becomes `InternalError`.
    """
    if isinstance(error, NexusError):
        return error
    if isinstance(error, drf_errors.ValidationError):
        return errors.ValidationError(errors=tuple(_faults(error.get_full_details(), "#")))
    if isinstance(error, drf_errors.Throttled):
        return errors.RateLimited(retry_after=getattr(error, "wait", None) or 1.0)
    for foreign, ours in _KNOWN:
        if isinstance(error, foreign):
            return ours()
    if isinstance(error, _UNREACHABLE) or _server_was_gone(error):
        _log.warning("the database could not answer: %s", type(error).__name__, exc_info=error)
        return errors.Unavailable(retry_after=RETRY_DATABASE_SECONDS)
    _log.error("unforeseen %s", type(error).__name__, exc_info=error)
    return errors.InternalError()


def _faults(details: Any, pointer: str) -> Iterator[FieldError]:
    """REST framework's nested details, flat and with pointers."""
    if isinstance(details, list):
        for index, item in enumerate(details):
            yield from _faults(item, pointer if _is_fault(item) else f"{pointer}/{index}")
    elif _is_fault(details):
        yield FieldError(pointer, str(details["message"]), str(details["code"]).replace("_", "-"))
    elif isinstance(details, Mapping):
        for name, item in details.items():
            yield from _faults(item, pointer if name == "non_field_errors" else f"{pointer}/{pointer_token(str(name))}")


def _is_fault(details: Any) -> bool:
    return isinstance(details, Mapping) and details.keys() == {"message", "code"} and isinstance(details["message"], str)


def problem_body(error: NexusError, instance: str) -> bytes:
    """The problem as JSON; `instance` is the decoded path of the request."""
    problem: dict[str, Any] = {
        "type": f"/problems/{error.type}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": quote(instance, safe="/:@!$&'()*+,;=~", errors="replace"),
    }
    if error.errors or isinstance(error, errors.ValidationError):
        problem["errors"] = [{"pointer": fault.pointer, "detail": fault.detail, "code": fault.code} for fault in error.errors]
    return orjson.dumps(problem)


def problem_headers(error: NexusError) -> dict[str, str]:
    """The headers that belong to the problem, without `Content-Length`."""
    headers = {"Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", **error.headers}
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if error.retry_after is not None or error.status in {429, 503}:
        headers.setdefault("Retry-After", str(max(1, math.ceil(error.retry_after or 1.0))))
    return headers


async def lean_problem(send: Send, error: NexusError, instance: str, *, head: bool = False) -> None:
    """Answers a lean request with the problem; for HEAD without its body."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem_headers(error).items()]
    await answer(send, error.status, headers, problem_body(error, instance), head=head)


def problem_response(error: NexusError, instance: str) -> HttpResponse:
    """The problem as an answer of Django."""
    return HttpResponse(problem_body(error, instance), status=error.status, headers=problem_headers(error))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """What REST framework calls with everything its views raise. `Allow` is added by the view itself."""
    return problem_response(problem_of(exc), context["request"].path)
