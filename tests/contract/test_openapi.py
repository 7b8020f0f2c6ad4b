"""The OpenAPI document is valid, and says what is served: no less and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import validate

from core.accounts.tokens import issue_pair
from core.errors import PROBLEMS
from tests.contract.conftest import Api
from tests.factories import make_user

LEAN = {
    ("/api/v1/polls/{poll_id}/votes", "post"),
    ("/api/v1/polls/{poll_id}/votes/mine", "get"),
    ("/api/v1/polls/{poll_id}/votes/mine", "put"),
    ("/api/v1/polls/{poll_id}/votes/mine", "delete"),
    ("/api/v1/polls/{poll_id}/results", "get"),
    ("/api/v1/polls/{poll_id}/results/stream", "get"),
    ("/api/v1/polls/{poll_id}/results/ticket", "post"),
    ("/api/v1/polls/{poll_id}/results/timeline", "get"),
    ("/api/v1/polls/{poll_id}/results.csv", "get"),
    ("/api/v1/polls/{poll_id}/results.json", "get"),
    ("/api/v1/polls/{poll_id}/results.pdf", "get"),
}
COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> dict[str, Any]:
    answer = Client().get("/api/schema/?format=json")
    assert answer.status_code == 200
    loaded: dict[str, Any] = answer.json()
    return loaded


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def test_is_valid() -> None:
    validate(document())


def test_yaml_says_the_same_as_json() -> None:
    answer = Client().get("/api/schema/")
    assert answer["Content-Type"].startswith("application/vnd.oai.openapi")
    assert yaml.safe_load(answer.content) == document()


def test_the_committed_document_is_this_one() -> None:
    served = Client().get("/api/schema/").content.decode()
    assert COMMITTED.read_text(encoding="utf-8") == served, "docs/openapi.yaml is out of date; write it anew with: make openapi"


def test_describes_all_that_is_served_and_nothing_else() -> None:
    served = {(path, method) for path, view in routes(get_resolver()) if path.startswith("/api/v1/") for method in METHODS if hasattr(view.cls, method)} | LEAN
    assert {(path, method) for path, method, _ in operations()} == served


def test_every_operation_has_a_name_a_summary_or_description_and_problems() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    for path, method, operation in operations():
        assert operation.get("summary") or operation.get("description"), (method, path)
        assert {"500", "503"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


def test_knows_every_way_to_sign_in_and_every_problem() -> None:
    components = document()["components"]
    assert components["securitySchemes"].keys() == {"bearer", "session", "csrf", "voter_cookie", "voter_token", "voter_code"}
    named = {name for _, _, operation in operations() for choice in operation["security"] for name in choice}
    assert named == components["securitySchemes"].keys()
    kinds = components["schemas"]["Problem"]["properties"]["type"]
    kinds = components["schemas"][kinds["$ref"].rsplit("/", 1)[1]] if "$ref" in kinds else kinds
    assert set(kinds["enum"]) == {f"/problems/{problem.type}" for problem in PROBLEMS}


def assert_is(name: str, instance: object) -> None:
    schema = {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "components": document()["components"]}
    OAS30Validator(schema, format_checker=oas30_format_checker).validate(instance)


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that the document tells of, with where it stands."""
    for _, _, operation in operations():
        for where, message in (("request", operation.get("requestBody", {})), *operation["responses"].items()):
            for content in message.get("content", {}).values():
                yield f"{operation['operationId']} {where}", content


def test_every_body_but_a_report_has_an_example_and_every_example_fits() -> None:
    kept = document()["components"]["examples"]
    for where, content in contents():
        if content["schema"].get("format") == "binary":
            continue
        examples = [kept[example["$ref"].rsplit("/", 1)[1]]["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, where
        for example in examples:
            schema = {"allOf": [content["schema"]], "components": document()["components"]}
            OAS30Validator(schema, format_checker=oas30_format_checker).validate(example)


def test_every_answer_names_the_headers_that_come_with_its_status() -> None:
    wanted = {"401": {"WWW-Authenticate"}, "405": {"Allow"}, "429": {"Retry-After", "RateLimit", "RateLimit-Policy"}, "503": {"Retry-After"}}
    for path, method, operation in operations():
        assert "401" in operation["responses"], (method, path)  # a bad Bearer token is refused everywhere
        for status, answer in operation["responses"].items():
            named = wanted.get(status, set()) | ({"Cache-Control"} if status >= "400" else set())
            assert named <= answer.get("headers", {}).keys(), (method, path, status)


def test_a_session_that_changes_something_needs_its_csrf_token() -> None:
    for path, method, operation in operations():
        for choice in operation["security"]:
            if "session" in choice:
                assert ("csrf" in choice) == (method != "get"), (method, path)


def test_answers_are_as_described(owner: Api, anybody: Api) -> None:
    poll = owner.make_poll(closes_at="2100-01-01T00:00:00Z")
    assert_is("Poll", poll)
    assert_is("PollPage", anybody.get("polls").data)
    assert_is("PollPage", owner.get("polls?owner=me&page_size=1").data)
    assert_is("Me", Api(make_user(email="a@example.org")).get("auth/me").data)
    assert_is("TokenPairAnswer", asdict(issue_pair(make_user())))
    for refused in (anybody.get("auth/me"), owner.post("polls", {}), owner.get("polls?cursor=x"), owner.post("polls", raw=b"{")):
        assert_is("Problem", refused.data)


def test_odd_parameters_change_nothing() -> None:
    for query in ("version=%0d%0ax", "lang=../..%00", "format=xml"):
        assert Client().get(f"/api/schema/?{query}").status_code == 200


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_reading_rooms_load_nothing_from_elsewhere(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")
    page = answer.content.decode()
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']+""", page) == []
    assets = re.findall(r"""(?:src|href)=["'](/(?:static|api)/[^"']+\.(?:js|css))["']""", page)
    assert assets
    for asset in assets:
        assert Client().get(asset).status_code == 200, asset
    if "redoc" in path:
        assert b"https://cdn." not in Client().get(reverse("redoc-script")).content
