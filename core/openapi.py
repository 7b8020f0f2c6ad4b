"""Words shared by the hand-written parts of the OpenAPI document, and the ways of signing in that all operations refer to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings

from core.credentials import VOTER_COOKIE
from core.problems import PROBLEM_TYPE
from core.shapes import ANYBODY

Fragment = dict[str, Any]

UUID_TEXT: Fragment = {"type": "string", "format": "uuid"}
MOMENT: Fragment = {"type": "string", "format": "date-time"}
POLL_ID: Fragment = {"name": "poll_id", "in": "path", "required": True, "schema": UUID_TEXT, "description": "The poll's id; what is not an id is a 404."}
ANY_VOTER: list[dict[str, list[str]]] = [*ANYBODY, {"voter_cookie": []}, {"voter_token": []}, {"voter_code": []}]


def name_security_schemes(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds what operations call `bearer`, `session`, `csrf`, `voter_cookie`, `voter_token`, `voter_code`."""
    result.setdefault("components", {})["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token. A bad one is refused everywhere."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A Django session; what changes something needs `X-CSRFToken` too.",
        },
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRFToken", "description": "The session's CSRF token, from the cookie `csrftoken`."},
        "voter_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": VOTER_COOKIE,
            "description": "Who the voter is in `session` polls; set by the answer to a vote.",
        },
        "voter_token": {"type": "apiKey", "in": "header", "name": "X-Voter-Token", "description": "The same as a header, which wins over the cookie."},
        "voter_code": {"type": "apiKey", "in": "header", "name": "X-Voter-Code", "description": "The voter's code in `code` polls."},
    }
    return result


def add_operations(result: Fragment, path: str, operations: Fragment) -> None:
    result["paths"].setdefault(path, {}).update(operations)


def add_schemas(result: Fragment, schemas: Fragment) -> None:
    result.setdefault("components", {}).setdefault("schemas", {}).update(schemas)


def schema_ref(name: str) -> Fragment:
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(description: str, schema: Fragment, headers: Fragment | None = None) -> Fragment:
    return {"description": description, "content": {"application/json": {"schema": schema}}, **({"headers": headers} if headers else {})}


def header(description: str, schema: Fragment | None = None) -> Fragment:
    return {"description": description, "schema": schema or {"type": "string"}}


def problem_answers(*statuses: int) -> Fragment:
    """Problem details for these statuses, and for 500 and 503, which any operation can end with; `core/openapi_answers.py` adds the headers."""
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: {"schema": schema_ref("Problem")}}}
        for status in (*statuses, 500, 503)
    }
