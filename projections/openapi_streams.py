"""The OpenAPI document's part on streams: the lean handlers of `projections/streams.py` and `projections/ticket_endpoint.py`, described by hand."""

from __future__ import annotations

from core.openapi import ANY_VOTER, POLL_ID, Fragment, add_operations, add_schemas, header, json_answer, problem_answers, schema_ref
from projections.tickets import TICKET_SECONDS

_TICKET: Fragment = {
    "type": "object",
    "required": ["ticket", "expires_in"],
    "properties": {
        "ticket": {"type": "string", "description": "works once"},
        "expires_in": {"type": "integer", "description": "seconds", "example": TICKET_SECONDS},
    },
}
_NO_STORE: Fragment = {"Cache-Control": header("never kept")}
_EVENTS = 'event: results\nid: 812\ndata: {"poll": "…", "version": 812, "ballots": 79415, "…": "…"}\n\n'


def document_streams(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds the stream of results and its tickets."""
    add_schemas(result, {"Ticket": _TICKET})
    add_operations(result, "/api/v1/polls/{poll_id}/results/stream", {"get": _stream()})
    add_operations(result, "/api/v1/polls/{poll_id}/results/ticket", {"post": _ticket()})
    return result


def _stream() -> Fragment:
    return {
        "operationId": "follow_results",
        "tags": ["results"],
        "security": ANY_VOTER,
        "summary": "The results as they change, as server-sent events.",
        "description": (
            "At once the present results, then `event: results` whenever they change, five times a second at most: `id` is the version, `data` what"
            " `GET …/results` answers. A comment every 15 seconds. When the results are final, `event: closed` with the same data ends the stream."
            " Who may see is asked again at every event; where the answer is no, the stream ends.\n\n"
            'The same over a WebSocket: `/ws/v1/polls/{poll_id}/results` sends texts `{"event", "id", "data"}` and closes with code 1000 after'
            " `closed`. It is refused with 403 before it is accepted."
        ),
        "parameters": [
            POLL_ID,
            {"name": "ticket", "in": "query", "schema": {"type": "string"}, "description": "in place of a header; no token may stand in an address"},
            {
                "name": "Last-Event-ID",
                "in": "header",
                "schema": {"type": "string"},
                "description": "the version seen last: nothing is sent until there is another",
            },
        ],
        "responses": {
            "200": {
                "description": "Events, until the results are final.",
                "headers": {**_NO_STORE, "X-Accel-Buffering": header("`no`")},
                "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS}},
            },
            "204": {"description": "The results are final and `Last-Event-ID` has them: do not come back.", "headers": _NO_STORE},
            **problem_answers(400, 401, 403, 404, 405),
        },
    }


def _ticket() -> Fragment:
    return {
        "operationId": "issue_ticket",
        "tags": ["results"],
        "security": ANY_VOTER,
        "summary": "A ticket for the address of one stream or WebSocket, for whoever may see the results.",
        "description": f"For browsers, whose EventSource and WebSocket send no header: `?ticket=…`, once, within {TICKET_SECONDS} seconds, in this poll.",
        "parameters": [POLL_ID],
        "responses": {
            "201": json_answer("The ticket.", schema_ref("Ticket"), _NO_STORE),
            **problem_answers(400, 401, 403, 404, 405, 413, 415),
        },
    }
