"""What one answer of the OpenAPI document is good for in the next request: a poll's ids in a ballot, a receipt's position, a ticket."""

from __future__ import annotations

from core.openapi import Fragment

_NEW_BALLOT: Fragment = {
    "answers": [{"question": "$response.body#/questions/0/id", "choices": ["$response.body#/questions/0/choices/0/id"]}],
}
_MADE = {"poll_id": "$response.body#/id"}
_VOTED = {"poll_id": "$response.body#/poll"}


def _link(operation: str, parameters: dict[str, str] | None = None, body: Fragment | None = None) -> Fragment:
    return {
        "operationId": operation,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
    }


_LINKS: dict[tuple[str, str], Fragment] = {
    ("obtain_tokens", "200"): {
        "renew": _link("refresh_tokens", body={"refresh": "$response.body#/refresh"}),
        "sign_out": _link("logout", body={"refresh": "$response.body#/refresh"}),
    },
    ("create_poll", "201"): {
        "vote": _link("cast_vote", _MADE, _NEW_BALLOT),
        "read": _link("read_poll", _MADE),
        "results": _link("read_results", _MADE),
        "ticket": _link("issue_ticket", _MADE),
        "close": _link("close_poll", _MADE),
    },
    ("cast_vote", "201"): {
        "mine": _link("read_my_vote", _VOTED),
        "replace": _link("replace_my_vote", _VOTED, {"answers": "$request.body#/answers"}),
        "withdraw": _link("withdraw_my_vote", _VOTED),
        "results": _link("read_results", {**_VOTED, "after": "$response.body#/position"}),
        "timeline": _link("read_timeline", _VOTED),
        "pdf": _link("download_results_pdf", _VOTED),
    },
    ("issue_ticket", "201"): {"follow": _link("follow_results", {"poll_id": "$request.path.poll_id", "ticket": "$response.body#/ticket"})},
}


def add_links(result: Fragment, generator: object, request: object, public: bool) -> Fragment:  # noqa: ARG001, FBT001  (drf-spectacular's signature)
    """A postprocessing hook: adds the links to the answers."""
    for item in result["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                links = _LINKS.get((operation["operationId"], status))
                if links:
                    answer["links"] = links
    return result
