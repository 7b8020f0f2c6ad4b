"""The OpenAPI document's part on results: the lean handler of `projections/results_endpoint.py`, described by hand."""

from __future__ import annotations

from core.openapi import ANY_VOTER, MOMENT, POLL_ID, UUID_TEXT, Fragment, add_operations, add_schemas, header, json_answer, problem_answers, schema_ref
from core.shapes import STATES

_COUNT: Fragment = {"type": "integer", "minimum": 0}
_RESULTS: Fragment = {
    "type": "object",
    "required": ["poll", "title", "state", "version", "as_of", "final", "ballots", "questions"],
    "properties": {
        "poll": UUID_TEXT,
        "title": {"type": "string"},
        "state": {"type": "string", "enum": list(STATES)},
        "version": {**_COUNT, "description": "only rises"},
        "as_of": {**MOMENT, "description": "every vote committed before this is in"},
        "final": {"type": "boolean", "description": "closed, and everything is counted"},
        "ballots": {**_COUNT, "description": "ballots standing"},
        "questions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "text", "ballots", "choices"],
                "properties": {
                    "id": UUID_TEXT,
                    "text": {"type": "string"},
                    "ballots": {**_COUNT, "description": "those that choose something here"},
                    "choices": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "text", "votes", "share"],
                            "properties": {
                                "id": UUID_TEXT,
                                "text": {"type": "string"},
                                "votes": _COUNT,
                                "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "votes ÷ the question's ballots, four decimals"},
                            },
                        },
                    },
                },
            },
        },
        "includes_after": {"type": "boolean", "description": "with `after` only: whether that vote is in"},
    },
}
_VALIDATORS: Fragment = {"ETag": header("strong; left out with `after`"), "Cache-Control": header("public for a second where everyone may see")}


def document_results(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds the operation on results."""
    add_schemas(result, {"Results": _RESULTS})
    operation = {
        "operationId": "read_results",
        "tags": ["results"],
        "security": ANY_VOTER,
        "summary": "The results as they stand. Also as HEAD.",
        "parameters": [
            POLL_ID,
            {
                "name": "after",
                "in": "query",
                "schema": {"type": "string"},
                "description": "the `position` of a vote: waits for it up to 2 seconds, and says whether it is in",
            },
            {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": "an ETag; nothing newer: 304"},
        ],
        "responses": {
            "200": json_answer("The results.", schema_ref("Results"), _VALIDATORS),
            "304": {"description": "Nothing newer than what the request knows.", "headers": _VALIDATORS},
            **problem_answers(400, 401, 403, 404, 405),
        },
    }
    add_operations(result, "/api/v1/polls/{poll_id}/results", {"get": operation})
    return result
