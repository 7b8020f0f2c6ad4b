"""Completes every operation of the OpenAPI document: the headers of its answers, examples, and CSRF beside a session."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from core.errors import PROBLEMS, BadRequest, DuplicateVote, NexusError, PollClosed, PollHasNoCodes, PollHasVotes, PollNotOpen, VoteNotChangeable
from core.openapi import Fragment, header
from core.openapi_examples import EXAMPLES, POLL_PATH, refusal
from core.problems import PROBLEM_TYPE, problem_body

_SAFE = frozenset({"get", "head"})
_SECONDS: Fragment = {"type": "integer", "minimum": 1}
_HEADERS: Fragment = {
    "WWW-Authenticate": header("`Bearer`", {"type": "string", "enum": ["Bearer"]}),
    "Allow": header("the methods that there are"),
    "Retry-After": header("seconds to wait", _SECONDS),
    "RateLimit": header('what is left, and in how many seconds there is more: `"vote";r=59;t=0`'),
    "RateLimit-Policy": header('how many requests in how many seconds: `"vote";q=60;w=60`'),
    "Cache-Control": header("`no-store`", {"type": "string", "enum": ["no-store"]}),
}
_LIMITED = ("RateLimit", "RateLimit-Policy")
_BY_STATUS = {"401": ("WWW-Authenticate",), "405": ("Allow",), "429": ("Retry-After", *_LIMITED), "503": ("Retry-After",)}
_COUNTED = frozenset({"200", "201", "202", "204", "400", "409", "422"})
_PRIVATE_TAGS = frozenset({"accounts", "votes"})
_CONFLICTS: dict[str, tuple[type[NexusError], ...]] = {
    "cast_vote": (DuplicateVote, PollNotOpen),
    "replace_my_vote": (VoteNotChangeable, PollNotOpen),
    "withdraw_my_vote": (VoteNotChangeable, PollNotOpen),
    "edit_poll": (PollHasVotes, PollClosed),
    "delete_poll": (PollHasVotes,),
    "publish_poll": (PollClosed,),
    "close_poll": (PollNotOpen,),
    "issue_codes": (PollHasNoCodes, PollClosed),
}


def complete_operations(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook, the last: adds what follows from an operation's method, tags and statuses."""
    result["components"]["headers"] = _HEADERS
    result["components"]["examples"] = {problem.type: {"value": orjson.loads(problem_body(refusal(problem), POLL_PATH))} for problem in PROBLEMS}
    for method, operation in _operations(result):
        operation["security"] = [_with_csrf(choice, method) for choice in operation["security"]]
        for status, answer in operation["responses"].items():
            names = [*_BY_STATUS.get(status, ())]
            if "429" in operation["responses"] and method not in _SAFE and status in _COUNTED:
                names += _LIMITED
            if status >= "400" or not _PRIVATE_TAGS.isdisjoint(operation["tags"]):
                names.append("Cache-Control")
            headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            if headers:
                answer["headers"] = headers | answer.get("headers", {})
            if status >= "400":
                answer["content"][PROBLEM_TYPE]["examples"] = {
                    problem.type: {"$ref": f"#/components/examples/{problem.type}"} for problem in _refusals(operation, status)
                }
            _exemplify(answer)
        _exemplify(operation.get("requestBody", {}))
    return result


def _operations(result: Fragment) -> Iterator[tuple[str, Fragment]]:
    for item in result["paths"].values():
        yield from item.items()


def _with_csrf(choice: dict[str, list[str]], method: str) -> dict[str, list[str]]:
    return {**choice, "csrf": []} if "session" in choice and method not in _SAFE else choice


def _refusals(operation: Fragment, status: str) -> tuple[type[NexusError], ...]:
    """What can be refused with this status; the first that the operation knows stands first."""
    if status == "409":
        return _CONFLICTS[operation["operationId"]]
    if status == "400" and "requestBody" not in operation:
        return (BadRequest,)
    return tuple(problem for problem in PROBLEMS if str(problem.status) == status)


def _exemplify(message: Fragment) -> None:
    """Gives every body that has none its example."""
    for content in message.get("content", {}).values():
        example = EXAMPLES.get(content["schema"].get("$ref", "").rsplit("/", 1)[-1])
        if example is not None:
            content.setdefault("example", example)
