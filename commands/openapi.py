"""The OpenAPI document's part on votes: the lean handlers of `commands/intake.py`, described by hand."""

from __future__ import annotations

from core.openapi import (
    ANY_VOTER,
    MOMENT,
    POLL_ID,
    UUID_TEXT,
    Fragment,
    add_operations,
    add_schemas,
    header,
    json_answer,
    problem_answers,
    schema_ref,
)

_VOTES = "/api/v1/polls/{poll_id}/votes"
_TAGS = ["votes"]

_ANSWERS: Fragment = {
    "type": "array",
    "description": "A question left out counts as no choice.",
    "items": {
        "type": "object",
        "required": ["question", "choices"],
        "properties": {"question": UUID_TEXT, "choices": {"type": "array", "items": UUID_TEXT, "uniqueItems": True}},
    },
}
_CODE: Fragment = {
    "type": "string",
    "description": "Whose vote it is, in `code` polls only; case, spaces and dashes do not matter. `X-Voter-Code` says the same; "
    "where both are sent they must agree.",
}
_SCHEMAS: Fragment = {
    "Vote": {
        "type": "object",
        "required": ["answers"],
        "properties": {"answers": _ANSWERS, "code": _CODE},
    },
    "Receipt": {
        "type": "object",
        "required": ["id", "poll", "cast_at", "position", "results"],
        "properties": {
            "id": UUID_TEXT,
            "poll": UUID_TEXT,
            "cast_at": MOMENT,
            "position": {"type": "string", "description": "opaque; `after` of the results"},
            "results": {"type": "string", "description": "the path of the results"},
        },
    },
    "Ballot": {
        "type": "object",
        "required": ["id", "poll", "cast_at", "position", "answers"],
        "properties": {"id": UUID_TEXT, "poll": UUID_TEXT, "cast_at": MOMENT, "position": {"type": "string"}, "answers": _ANSWERS},
    },
}
_KEY: Fragment = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    "description": "The same key with the same request is answered as the first time; with another, 422. With 22 characters or more a voter without a "
    "token is known again by it. A key is a secret.",
}
_BODY: Fragment = {"required": True, "content": {"application/json": {"schema": schema_ref("Vote")}}, "description": "512 KiB at most"}
_VOTER: Fragment = {
    "X-Voter-Token": header("who the voter is from now on; `session` and `open` polls"),
    "Set-Cookie": header("the same as the cookie `nexus_voter`"),
}


def document_votes(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds the operations on votes."""
    add_schemas(result, _SCHEMAS)
    add_operations(
        result,
        _VOTES,
        {
            "post": {
                "operationId": "cast_vote",
                "tags": _TAGS,
                "security": ANY_VOTER,
                "summary": "Casts a vote. Answered 201 once it is durable: it will be counted exactly once.",
                "parameters": [POLL_ID, _KEY],
                "requestBody": _BODY,
                "responses": {
                    "201": json_answer("The vote is durable.", schema_ref("Receipt"), _VOTER),
                    **problem_answers(400, 401, 403, 404, 405, 409, 413, 415, 422, 429),
                },
            },
        },
    )
    add_operations(
        result,
        f"{_VOTES}/mine",
        {
            "get": {
                "operationId": "read_my_vote",
                "tags": _TAGS,
                "security": ANY_VOTER,
                "summary": "The voter's standing ballot, at once. Also as HEAD.",
                "parameters": [POLL_ID],
                "responses": {"200": json_answer("The ballot.", schema_ref("Ballot")), **problem_answers(401, 403, 404, 405, 429)},
            },
            "put": {
                "operationId": "replace_my_vote",
                "tags": _TAGS,
                "security": ANY_VOTER,
                "summary": "Replaces the voter's ballot in a poll whose votes may be changed.",
                "parameters": [POLL_ID, _KEY],
                "requestBody": _BODY,
                "responses": {
                    "200": json_answer("The new ballot is durable.", schema_ref("Receipt"), _VOTER),
                    **problem_answers(400, 401, 403, 404, 405, 409, 413, 415, 422, 429),
                },
            },
            "delete": {
                "operationId": "withdraw_my_vote",
                "tags": _TAGS,
                "security": ANY_VOTER,
                "summary": "Withdraws the voter's ballot in a poll whose votes may be changed.",
                "parameters": [POLL_ID, _KEY],
                "responses": {
                    "204": {"description": "The withdrawal is durable.", "headers": _VOTER},
                    **problem_answers(400, 401, 403, 404, 405, 409, 422, 429),
                },
            },
        },
    )
    return result
