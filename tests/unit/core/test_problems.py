"""What each exception becomes for a client."""

from __future__ import annotations

from typing import Any

import orjson
import psycopg2
import pytest
from django.core import exceptions as django_errors
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions as drf_errors

from core import errors
from core.errors import FieldError
from core.problems import lean_problem, problem_body, problem_headers, problem_of


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.DuplicateVote(), "duplicate-vote"),
        (drf_errors.ParseError(), "malformed-body"),
        (drf_errors.NotAuthenticated(), "not-authenticated"),
        (drf_errors.AuthenticationFailed(), "not-authenticated"),
        (drf_errors.PermissionDenied(), "permission-denied"),
        (drf_errors.NotFound(), "not-found"),
        (drf_errors.MethodNotAllowed("PUT"), "method-not-allowed"),
        (drf_errors.UnsupportedMediaType("text/plain"), "unsupported-media-type"),
        (drf_errors.Throttled(7), "rate-limited"),
        (Http404("secret"), "not-found"),
        (django_errors.PermissionDenied("secret"), "permission-denied"),
        (django_errors.RequestDataTooBig("secret"), "body-too-large"),
        (django_errors.DisallowedHost("secret"), "bad-request"),
        (django_errors.SuspiciousOperation("secret"), "bad-request"),
        (OperationalError("secret"), "unavailable"),
        (psycopg2.InterfaceError("secret"), "unavailable"),
        (RuntimeError("secret"), "internal-error"),
    ],
)
def test_every_exception_becomes_a_problem_without_its_text(error: Exception, kind: str) -> None:
    problem = problem_of(error)
    assert problem.type == kind
    assert b"secret" not in problem_body(problem, "/x")


def test_rest_framework_s_details_become_pointers() -> None:
    details: dict[str, Any] = {
        "name": [drf_errors.ErrorDetail("Too long.", "max_length")],
        "items": [{}, {"a/b ~": [drf_errors.ErrorDetail("No.", "invalid")]}],
        "message": {"code": [drf_errors.ErrorDetail("Odd names.", "odd")]},
        "non_field_errors": [drf_errors.ErrorDetail("All wrong.", "invalid")],
    }
    assert problem_of(drf_errors.ValidationError(details)).errors == (
        FieldError("#/name", "Too long.", "max-length"),
        FieldError("#/items/1/a~1b%20~0", "No.", "invalid"),
        FieldError("#/message/code", "Odd names.", "odd"),
        FieldError("#", "All wrong.", "invalid"),
    )
    assert problem_of(drf_errors.ValidationError("Plain.")).errors == (FieldError("#", "Plain.", "invalid"),)


def test_the_body_is_what_rfc_9457_asks_for() -> None:
    problem = errors.ValidationError.at("#/answers/0", "Wrong.", "wrong")
    assert orjson.loads(problem_body(problem, "/api/v1/pölls/a b")) == {
        "type": "/problems/validation-error",
        "title": "Validation error",
        "status": 400,
        "detail": "Wrong.",
        "instance": "/api/v1/p%C3%B6lls/a%20b",
        "errors": [{"pointer": "#/answers/0", "detail": "Wrong.", "code": "wrong"}],
    }
    assert "errors" not in orjson.loads(problem_body(errors.NotFound(), "/"))
    assert orjson.loads(problem_body(errors.ValidationError(), "/"))["errors"] == []


def test_headers_tell_how_to_go_on() -> None:
    assert problem_headers(errors.NotAuthenticated())["WWW-Authenticate"] == "Bearer"
    assert problem_headers(errors.RateLimited(retry_after=1.2, headers={"RateLimit": "x"})) == {
        "Content-Type": "application/problem+json", "Cache-Control": "no-store", "RateLimit": "x", "Retry-After": "2",
    }  # fmt: skip
    assert problem_headers(errors.Unavailable())["Retry-After"] == "1"
    assert problem_headers(errors.MethodNotAllowed(headers={"Allow": "GET"}))["Allow"] == "GET"
    assert "Retry-After" not in problem_headers(errors.NotFound())


@pytest.mark.parametrize("head", [False, True])
async def test_a_lean_answer_is_whole_but_for_head(*, head: bool) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    error = errors.PollClosed()
    await lean_problem(send, error, "/api/v1/x", head=head)
    start, body = sent
    headers = dict(start["headers"])
    assert start["status"] == 409
    assert headers[b"content-type"] == b"application/problem+json"
    assert int(headers[b"content-length"]) == len(problem_body(error, "/api/v1/x"))
    assert body["body"] == (b"" if head else problem_body(error, "/api/v1/x"))
