"""Handing out codes over HTTP: who may, how many, and that they are shown once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from commands.models import VoterCode
from tests.contract.conftest import Api, assert_problem
from tests.contract.test_polls import end_soon, in_


def codes_of(poll: dict[str, Any]) -> str:
    return f"polls/{poll['id']}/codes"


def test_are_made_by_the_owner_and_readable(owner: Api) -> None:
    answer = owner.post(codes_of(owner.make_poll(voters="code")), {"count": 5})
    assert (answer.status_code, list(answer.data), answer["Cache-Control"]) == (201, ["codes"], "no-store")
    codes = answer.data["codes"]
    assert len(set(codes)) == 5
    assert all(re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)


def test_only_their_hashes_are_kept(owner: Api) -> None:
    poll = owner.make_poll(voters="code")
    codes = owner.post(codes_of(poll), {"count": 3}).data["codes"]
    kept = [vars(row) for row in VoterCode.objects.filter(poll_id=poll["id"])]
    assert len(kept) == 3
    assert not any(code in str(kept) or code.replace("-", "") in str(kept) for code in codes)


def test_up_to_ten_thousand_at_once_and_more_another_time(owner: Api) -> None:
    poll = owner.make_poll(voters="code")
    codes = [code for count in (10_000, 1) for code in owner.post(codes_of(poll), {"count": count}).data["codes"]]
    assert len(set(codes)) == VoterCode.objects.count() == 10_001


@pytest.mark.parametrize("body", [{}, {"count": None}, {"count": 0}, {"count": -1}, {"count": 10_001}, {"count": "5"}, {"count": 1.5}, {"count": True}])
def test_a_count_that_is_none_is_pointed_at(owner: Api, body: dict[str, Any]) -> None:
    assert_problem(owner.post(codes_of(owner.make_poll(voters="code")), body), 400, "validation-error", "#/count")
    assert not VoterCode.objects.exists()


@pytest.mark.parametrize("voters", ["session", "account", "ip", "open"])
def test_polls_of_other_voters_have_none(owner: Api, voters: str) -> None:
    assert_problem(owner.post(codes_of(owner.make_poll(voters=voters)), {"count": 1}), 409, "poll-has-no-codes")
    assert_problem(owner.post(codes_of(owner.make_poll(voters=voters)), {}), 409, "poll-has-no-codes")


def test_only_owner_and_staff_may(owner: Api, stranger: Api, staff: Api, anybody: Api) -> None:
    poll = owner.make_poll(voters="code")
    assert_problem(anybody.post(codes_of(poll), {"count": 1}), 401, "not-authenticated")
    assert_problem(stranger.post(codes_of(poll), {"count": 1}), 403, "permission-denied")
    assert_problem(stranger.post(codes_of(owner.make_poll()), {"count": 1}), 403, "permission-denied")
    assert staff.post(codes_of(poll), {"count": 1}).status_code == 201


def test_a_draft_has_them_too_for_those_who_see_it(owner: Api, stranger: Api) -> None:
    draft = owner.make_poll(voters="code", draft=True)
    assert owner.post(codes_of(draft), {"count": 1}).status_code == 201
    assert_problem(stranger.post(codes_of(draft), {"count": 1}), 404, "not-found")
    assert owner.post(codes_of(owner.make_poll(voters="code", opens_at=in_(hours=1))), {"count": 1}).status_code == 201


def test_a_closed_poll_gets_no_more(owner: Api) -> None:
    closed, over = owner.make_poll(voters="code"), owner.make_poll(voters="code", closes_at=in_(hours=1))
    owner.post(f"polls/{closed['id']}/close")
    end_soon(over["id"], seconds=-1)
    for poll in (closed, over):
        assert_problem(owner.post(codes_of(poll), {"count": 1}), 409, "poll-closed")


def test_what_does_not_exist_or_is_no_body_is_refused(owner: Api) -> None:
    assert_problem(owner.post("polls/00000000-0000-4000-8000-000000000000/codes", {"count": 1}), 404, "not-found")
    assert_problem(owner.post("polls/nonsense/codes", {"count": 1}), 404, "not-found")
    poll = owner.make_poll(voters="code")
    assert_problem(owner.post(codes_of(poll), raw=b"["), 400, "malformed-body")
    assert_problem(owner.post(codes_of(poll), raw=b"count=1", media="application/x-www-form-urlencoded"), 415, "unsupported-media-type")
    assert_problem(owner.get(codes_of(poll)), 405, "method-not-allowed")


def test_they_go_with_their_poll_and_stay_when_it_changes(owner: Api) -> None:
    poll = owner.make_poll(voters="code")
    owner.post(codes_of(poll), {"count": 2})
    assert owner.patch(f"polls/{poll['id']}", {"voters": "session"}).data["voters"] == "session"
    assert_problem(owner.post(codes_of(poll), {"count": 1}), 409, "poll-has-no-codes")
    assert owner.patch(f"polls/{poll['id']}", {"voters": "code"}).data["voters"] == "code"
    assert VoterCode.objects.count() == 2
    assert owner.delete(f"polls/{poll['id']}").status_code == 204
    assert not VoterCode.objects.exists()
