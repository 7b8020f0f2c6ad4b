"""The OpenAPI document's part on the timeline and on results to take away: the lean handlers of `timeline_endpoint.py` and `exports/`, described by hand."""

from __future__ import annotations

from core.openapi import ANY_VOTER, MOMENT, POLL_ID, UUID_TEXT, Fragment, add_operations, add_schemas, header, json_answer, problem_answers, schema_ref
from projections.exports.spreadsheet import HEADER
from projections.timeline import BUCKETS

_RESULTS = "/api/v1/polls/{poll_id}/results"
_COUNT: Fragment = {"type": "integer", "minimum": 0}
_TIMELINE: Fragment = {
    "type": "object",
    "required": ["bucket", "poll", "version", "as_of", "ballots", "buckets"],
    "properties": {
        "bucket": {"type": "string", "enum": list(BUCKETS)},
        "poll": UUID_TEXT,
        "version": {**_COUNT, "description": "of the results that this belongs to"},
        "as_of": {**MOMENT, "description": "every vote committed before this is in"},
        "ballots": {**_COUNT, "description": "ballots standing: the sum of the buckets"},
        "buckets": {
            "type": "array",
            "description": "in order; without those in which no standing ballot was cast",
            "items": {
                "type": "object",
                "required": ["start", "ballots"],
                "properties": {"start": {**MOMENT, "description": "UTC"}, "ballots": {"type": "integer", "minimum": 1}},
            },
        },
    },
}
_VALIDATORS: Fragment = {"ETag": header("strong"), "Cache-Control": header("public for a second where everyone may see")}
_ATTACHED: Fragment = {**_VALIDATORS, "Content-Disposition": header("an attachment, named after the poll")}
_UNCHANGED: Fragment = {"304": {"description": "Nothing newer than what the request knows.", "headers": _VALIDATORS}}
_PARAMETERS: list[Fragment] = [
    POLL_ID,
    {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": "an ETag; nothing newer: 304"},
]


def document_exports(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds the timeline and the attachments."""
    add_schemas(result, {"Timeline": _TIMELINE})
    add_operations(result, f"{_RESULTS}/timeline", {"get": _timeline()})
    header_row = ",".join(HEADER)
    rows = f"`{header_row}`, a row per choice, in UTF-8; texts that a spreadsheet would compute begin with an apostrophe."
    text, pdf = {"type": "string"}, {"type": "string", "format": "binary"}
    example = f"{header_row}\r\nWhere?,Canteen,12,0.2927\r\nWhere?,Noodle bar,29,0.7073\r\n"
    json_body = {"application/json": {"schema": schema_ref("Results")}}
    csv_body = {"text/csv": {"schema": text, "example": example}}
    add_operations(result, f"{_RESULTS}.csv", {"get": _attachment("csv", f"The results as CSV: {rows}", csv_body)})
    add_operations(result, f"{_RESULTS}.json", {"get": _attachment("json", "The results as a file, the same JSON as `…/results`.", json_body)})
    add_operations(result, f"{_RESULTS}.pdf", {"get": _attachment("pdf", "The results as a report to hand round.", {"application/pdf": {"schema": pdf}})})
    return result


def _timeline() -> Fragment:
    bucket: Fragment = {"name": "bucket", "in": "query", "schema": {"type": "string", "enum": list(BUCKETS), "default": "minute"}}
    return {
        "operationId": "read_timeline",
        "tags": ["results"],
        "security": ANY_VOTER,
        "summary": "When the standing ballots were cast. Also as HEAD.",
        "parameters": [*_PARAMETERS, bucket],
        "responses": {
            "200": json_answer("Ballots by the time they were cast.", schema_ref("Timeline"), _VALIDATORS),
            **_UNCHANGED,
            **problem_answers(400, 401, 403, 404, 405),
        },
    }


def _attachment(kind: str, summary: str, content: Fragment) -> Fragment:
    return {
        "operationId": f"download_results_{kind}",
        "tags": ["results"],
        "security": ANY_VOTER,
        "summary": f"{summary} Also as HEAD.",
        "parameters": _PARAMETERS,
        "responses": {
            "200": {"description": "The attachment.", "headers": _ATTACHED, "content": content},
            **_UNCHANGED,
            **problem_answers(401, 403, 404, 405),
        },
    }
