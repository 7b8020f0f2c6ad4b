"""Every refusal is problem details, whoever raises it; and nothing of the inside gets out."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client

from core.errors import PROBLEMS
from tests.contract.conftest import Api, assert_problem, poll_body


class TestBodies:
    def test_what_is_not_there_is_malformed(self, owner: Api) -> None:
        assert_problem(owner.post("polls", headers={"Content-Type": "application/json"}), 400, "malformed-body")

    def test_what_is_not_a_json_object_is_malformed(self, owner: Api) -> None:
        for raw in (b" ", b"{", b"[]", b'"x"', b"\xff", b'{"a":NaN}', b"[" * 5000, b'{"a":' * 5000, b'{"title":"\xed\xa0\x80"}', b"{'a':1}"):
            assert_problem(owner.post("polls", raw=raw), 400, "malformed-body")

    def test_other_media_types_are_refused(self, owner: Api) -> None:
        for media in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"):
            assert_problem(owner.post("polls", poll_body(), media=media), 415, "unsupported-media-type")

    def test_parameters_and_case_of_the_media_type_do_not_matter(self, owner: Api) -> None:
        for media in ("application/json; charset=utf-8", "Application/JSON"):
            assert owner.post("polls", poll_body(), media=media).status_code == 201

    def test_more_than_a_mebibyte_is_too_much(self, owner: Api) -> None:
        padding = 1024 * 1024 - len(b'{"x":""}')
        assert_problem(owner.post("polls", raw=b'{"x":"%s"}' % (b"a" * padding)), 400, "validation-error", "#/title", "#/questions")
        assert_problem(owner.post("polls", raw=b'{"x":"%s"}' % (b"a" * (padding + 1))), 413, "body-too-large")

    def test_a_nul_anywhere_is_pointed_at(self, owner: Api) -> None:
        assert_problem(owner.post("polls", poll_body(unknown=[{"deep": "a\0b"}])), 400, "validation-error", "#/unknown/0/deep")
        assert_problem(owner.post("polls", poll_body(title="a\0b")), 400, "validation-error", "#/title")

    def test_accept_is_ignored(self, owner: Api) -> None:
        for accept in ("text/html", "application/xml", "nonsense"):
            assert owner.get("polls", headers={"Accept": accept})["Content-Type"] == "application/json"


class TestPaths:
    @pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/nothing", "/api/v1/polls/", "/api/v2/polls", "/api/v1/auth/me/"])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_unknown_ones_are_problems_under_api(self, path: str, method: str) -> None:
        problem = assert_problem(Api().call(method, path), 404, "not-found")
        assert problem["instance"] == path

    def test_other_paths_answer_people_with_a_page(self) -> None:
        answer = Api().get("/nothing/here")
        assert answer.status_code == 404
        assert answer["Content-Type"].startswith("text/html")

    def test_methods_that_are_not_there_are_405_with_allow(self, anybody: Api) -> None:
        for path, allow in (("polls", "GET, POST, HEAD, OPTIONS"), ("auth/token", "POST, OPTIONS"), ("auth/me", "GET, DELETE, HEAD, OPTIONS")):
            for method in ("PUT", "TRACE", "BREW"):
                answer = anybody.call(method, path)
                assert_problem(answer, 405, "method-not-allowed")
                assert answer["Allow"] == allow
            options = anybody.call("OPTIONS", path)
            assert (options.status_code, options["Allow"]) == (204, allow)

    def test_a_foreign_host_is_a_bad_request(self, anybody: Api) -> None:
        assert_problem(anybody.get("polls", headers={"Host": "evil.example"}), 400, "bad-request")


class TestFailures:
    def test_an_unforeseen_one_tells_nothing(self, owner: Api, caplog: pytest.LogCaptureFixture) -> None:
        with patch("commands.apis.create_poll", side_effect=ZeroDivisionError("SELECT secret FROM /etc/passwd")):
            answer = owner.post("polls", poll_body())
        assert_problem(answer, 500, "internal-error")
        assert b"secret" not in answer.content
        assert b"ZeroDivision" not in answer.content
        assert "ZeroDivisionError" in caplog.text

    def test_a_database_that_is_away_is_503(self, owner: Api) -> None:
        with patch("commands.apis.create_poll", side_effect=OperationalError("server closed the connection at 10.0.0.7")):
            answer = owner.post("polls", poll_body())
        assert_problem(answer, 503, "unavailable")
        assert int(answer["Retry-After"]) >= 1
        assert b"10.0.0.7" not in answer.content

    def test_one_outside_our_views_too(self, owner: Api) -> None:
        assert owner.user is not None
        for error, status, kind in (OperationalError("x"), 503, "unavailable"), (KeyError("x"), 500, "internal-error"):
            with patch("django.middleware.common.CommonMiddleware.process_request", side_effect=error):
                assert_problem(owner.get("polls"), status, kind)
                page: Any = Client(raise_request_exception=False).get("/nothing")
                assert page.status_code == status
                assert page["Content-Type"].startswith("text/html")


class TestExplanations:
    @pytest.mark.parametrize("kind", [problem.type for problem in PROBLEMS])
    def test_every_type_has_a_page(self, client: Client, kind: str) -> None:
        answer = client.get(f"/problems/{kind}")
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/html")
        assert f"<code>{kind}</code>" in answer.content.decode()

    def test_an_unknown_type_has_none(self, client: Client) -> None:
        assert client.get("/problems/nonsense").status_code == 404
        assert client.post("/problems/not-found").status_code == 405
