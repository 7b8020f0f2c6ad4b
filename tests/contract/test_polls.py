"""Polls over HTTP: made, read, changed, published, closed, deleted; by whom and when not."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from commands.models import Poll
from core.times import rfc3339
from projections.models import ChoiceTally, PollCard, PollProjection, TallyGeneration
from tests.contract.conftest import TWO_CHOICES, Api, assert_problem, poll_body, put_a_vote


def in_(**delta: float) -> str:
    return rfc3339(datetime.now(UTC) + timedelta(**delta))


def end_soon(poll_id: str, **delta: float) -> None:
    """Moves the closing time behind the handlers' back, as passing time would."""
    moment = datetime.now(UTC) + timedelta(**delta)
    Poll.objects.filter(pk=poll_id).update(closes_at=moment)
    PollCard.objects.filter(poll_id=poll_id).update(closes_at=moment)


class TestMaking:
    def test_answers_201_with_the_whole_poll_and_its_place(self, owner: Api) -> None:
        answer = owner.post("polls", poll_body())
        assert answer.status_code == 201
        poll = answer.data
        assert answer["Location"] == f"/api/v1/polls/{poll['id']}"
        assert poll["state"] == "open"
        assert poll["owner"] == {"username": "olga"}
        assert (poll["voters"], poll["results"], poll["changeable"], poll["listed"], poll["draft"]) == ("session", "always", False, True, False)
        assert (poll["description"], poll["opens_at"], poll["closes_at"]) == ("", None, None)
        question = poll["questions"][0]
        assert (question["kind"], question["min_choices"], question["max_choices"]) == ("single", 1, 1)
        assert [choice["text"] for choice in question["choices"]] == ["Tea", "Coffee"]
        assert poll["slug"].startswith("tea-or-coffee-")
        for id_ in (poll["id"], question["id"], *(choice["id"] for choice in question["choices"])):
            assert uuid.UUID(id_).version == 4

    def test_the_read_side_shows_the_same_poll_at_once(self, owner: Api, anybody: Api) -> None:
        poll = owner.make_poll(opens_at=in_(hours=1), closes_at=in_(hours=2), description="Why not both?", results="after_vote", changeable=True)
        assert poll["state"] == "scheduled"
        assert anybody.get(f"polls/{poll['id']}").data == poll

    def test_begins_with_tallies_of_zero(self, owner: Api) -> None:
        poll = owner.make_poll()
        assert PollProjection.objects.get(poll_id=poll["id"]).version == 1
        assert TallyGeneration.objects.filter(poll_id=poll["id"], generation=1, boundary=0, fed=True).exists()
        assert list(ChoiceTally.objects.filter(poll_id=poll["id"]).values_list("votes", flat=True)) == [0, 0]

    def test_needs_somebody_signed_in(self, anybody: Api) -> None:
        answer = anybody.post("polls", poll_body())
        assert_problem(answer, 401, "not-authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_is_refused_with_a_pointer_for_every_fault(self, owner: Api) -> None:
        body = poll_body(
            title=" ", closes_at="2020-01-01T00:00:00Z", questions=[{"text": "Which?", "max_choices": 2, "choices": [{"text": "A"}, {"text": "A "}]}]
        )
        assert_problem(
            owner.post("polls", body), 400, "validation-error", "#/title", "#/closes_at", "#/questions/0/max_choices", "#/questions/0/choices/1/text"
        )

    def test_keeps_time_zones_apart(self, owner: Api) -> None:
        assert owner.make_poll(closes_at="2100-06-01T02:00:00+02:00")["closes_at"] == "2100-06-01T00:00:00.000000Z"


class TestReading:
    def test_an_unknown_or_malformed_id_is_404(self, anybody: Api) -> None:
        for path in (f"polls/{uuid.uuid4()}", "polls/7", "polls/%00", "polls/x/publish", f"polls/{uuid.uuid4()}/"):
            assert_problem(anybody.get(path), 404, "not-found")

    def test_a_draft_is_there_for_owner_and_staff_only(self, owner: Api, stranger: Api, staff: Api, anybody: Api) -> None:
        path = f"polls/{owner.make_poll(draft=True)['id']}"
        assert owner.get(path).data["state"] == "draft"
        assert staff.get(path).status_code == 200
        for reader in (stranger, anybody):
            assert_problem(reader.get(path), 404, "not-found")

    def test_an_unlisted_poll_is_read_by_who_knows_its_id(self, owner: Api, anybody: Api) -> None:
        poll = owner.make_poll(listed=False)
        assert anybody.get(f"polls/{poll['id']}").status_code == 200
        assert anybody.get("polls").data["results"] == []

    def test_head_and_options(self, owner: Api) -> None:
        path = f"polls/{owner.make_poll()['id']}"
        assert owner.call("HEAD", path).status_code == 200
        options = owner.call("OPTIONS", path)
        assert (options.status_code, options.content) == (204, b"")
        assert {method.strip() for method in options["Allow"].split(",")} == {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}
        refused = owner.call("PUT", path, {})
        assert_problem(refused, 405, "method-not-allowed")
        assert refused["Allow"] == options["Allow"]


class TestListing:
    def test_shows_listed_polls_newest_first_with_links_both_ways(self, owner: Api, anybody: Api) -> None:
        made = [owner.make_poll(title=f"Poll {number}")["id"] for number in range(5)][::-1]
        owner.make_poll(draft=True)
        first = anybody.get("polls?page_size=2").data
        second = anybody.get(first["next"].removeprefix("http://testserver")).data
        third = anybody.get(second["next"].removeprefix("http://testserver")).data
        assert [poll["id"] for page in (first, second, third) for poll in page["results"]] == made
        assert (first["previous"], third["next"]) == (None, None)
        assert first["next"].startswith("http://testserver/api/v1/polls?")
        assert "page_size=2" in first["next"]
        again = anybody.get(third["previous"].removeprefix("http://testserver")).data
        assert again["results"] == second["results"]
        assert anybody.get(again["previous"].removeprefix("http://testserver")).data["previous"] is None

    def test_owner_me_shows_drafts_and_unlisted_ones_of_ones_own(self, owner: Api, stranger: Api, anybody: Api) -> None:
        mine = {owner.make_poll(draft=True)["id"], owner.make_poll(listed=False)["id"]}
        stranger.make_poll()
        assert {poll["id"] for poll in owner.get("polls?owner=me").data["results"]} == mine
        assert_problem(anybody.get("polls?owner=me"), 401, "not-authenticated")

    def test_filters_by_state_of_the_clock_and_by_text(self, owner: Api) -> None:
        ids = {
            "draft": owner.make_poll(draft=True, title="Apples")["id"],
            "open": owner.make_poll(title="Pears 100%")["id"],
            "scheduled": owner.make_poll(opens_at=in_(hours=1), description="of PEARS")["id"],
            "closed": owner.make_poll(closes_at=in_(hours=1))["id"],
        }
        end_soon(ids["closed"], seconds=-1)
        for state, id_ in ids.items():
            assert [(poll["id"], poll["state"]) for poll in owner.get(f"polls?owner=me&state={state}").data["results"]] == [(id_, state)]
        assert {poll["id"] for poll in owner.get("polls?search=pears").data["results"]} == {ids["open"], ids["scheduled"]}
        assert [poll["id"] for poll in owner.get("polls?search=100%25").data["results"]] == [ids["open"]]

    def test_bad_parameters_are_400(self, anybody: Api) -> None:
        for query in ["cursor=x", "cursor=", "page_size=0", "page_size=-1", "page_size=a", "page_size=²", "state=x", "owner=x", "search=%00"]:
            assert_problem(anybody.get(f"polls?{query}"), 400, "bad-request")


class TestEditing:
    def test_before_votes_everything_can_change(self, owner: Api, anybody: Api) -> None:
        poll = owner.make_poll()
        body: dict[str, Any] = {
            "title": "New", "description": "d", "opens_at": in_(hours=1), "closes_at": in_(hours=2), "listed": False, "voters": "account",
            "results": "owner", "changeable": True, "questions": [{"text": "Q", "kind": "multiple", "max_choices": 2, "choices": TWO_CHOICES}],
        }  # fmt: skip
        edited = owner.patch(f"polls/{poll['id']}", body)
        assert edited.status_code == 200
        assert {name: edited.data[name] for name in body if name != "questions"} == {name: value for name, value in body.items() if name != "questions"}
        assert edited.data["questions"][0]["id"] != poll["questions"][0]["id"]
        assert (edited.data["slug"], edited.data["created_at"]) == (poll["slug"], poll["created_at"])
        assert anybody.get(f"polls/{poll['id']}").data == edited.data
        assert PollProjection.objects.get(poll_id=poll["id"]).version == 2
        assert set(ChoiceTally.objects.values_list("choice_id", flat=True)) == {uuid.UUID(choice["id"]) for choice in edited.data["questions"][0]["choices"]}

    def test_what_votes_are_judged_by_raises_the_version_of_the_rules(self, owner: Api) -> None:
        poll = owner.make_poll()
        for body, version in (
            ({"title": "x"}, 1),
            ({"changeable": True}, 2),
            ({"changeable": True}, 2),
            ({"questions": poll_body()["questions"]}, 3),
            ({"closes_at": in_(days=1)}, 4),
        ):
            assert owner.patch(f"polls/{poll['id']}", body).status_code == 200
            assert Poll.objects.get(pk=poll["id"]).rules_version == version

    def test_an_empty_edit_changes_nothing(self, owner: Api) -> None:
        poll = owner.make_poll()
        assert owner.patch(f"polls/{poll['id']}", {}).data == poll
        assert PollProjection.objects.get(poll_id=poll["id"]).version == 1

    def test_values_are_judged_as_when_making(self, owner: Api) -> None:
        poll = owner.make_poll(opens_at=in_(hours=2))
        assert_problem(owner.patch(f"polls/{poll['id']}", {"title": "", "draft": "yes"}), 400, "validation-error", "#/title", "#/draft")
        assert_problem(owner.patch(f"polls/{poll['id']}", {"closes_at": in_(hours=1)}), 400, "validation-error", "#/closes_at")

    def test_with_votes_only_what_misleads_nobody_can_change(self, owner: Api) -> None:
        poll = owner.make_poll(closes_at=in_(hours=2))
        put_a_vote(poll["id"])
        path = f"polls/{poll['id']}"
        assert owner.patch(path, {"title": "T", "description": "D", "results": "owner", "listed": False, "closes_at": in_(hours=3)}).status_code == 200
        refused: list[dict[str, Any]] = [
            {"questions": poll_body()["questions"]}, {"voters": "account"}, {"changeable": True}, {"draft": True}, {"opens_at": in_(hours=1)},
            {"closes_at": in_(hours=1)}, {"closes_at": None}, {"title": "x", "changeable": True},
        ]  # fmt: skip
        for body in refused:
            assert_problem(owner.patch(path, body), 409, "poll-has-votes")
        assert owner.get(path).data["title"] == "T"

    def test_closed_only_results_and_listing_can_change(self, owner: Api) -> None:
        poll = owner.make_poll()
        path = f"polls/{poll['id']}"
        owner.post(f"{path}/close")
        refused: list[dict[str, Any]] = [{"title": "x"}, {"closes_at": in_(hours=1)}, {"questions": []}, {"listed": False, "draft": True}]
        for body in refused:
            assert_problem(owner.patch(path, body), 409, "poll-closed")
        assert owner.patch(path, {"results": "owner", "listed": False}).data["results"] == "owner"

    def test_the_last_second_is_too_late_for_another_end(self, owner: Api) -> None:
        poll = owner.make_poll(closes_at=in_(hours=1))
        end_soon(poll["id"], milliseconds=900)
        assert_problem(owner.patch(f"polls/{poll['id']}", {"closes_at": in_(hours=1)}), 409, "poll-closed")

    def test_only_owner_and_staff_may(self, owner: Api, stranger: Api, staff: Api, anybody: Api) -> None:
        for draft, refusal in (False, (403, "permission-denied")), (True, (404, "not-found")):
            path = f"polls/{owner.make_poll(draft=draft)['id']}"
            for answer in (stranger.patch(path, {"title": ""}), stranger.delete(path), stranger.post(f"{path}/publish"), stranger.post(f"{path}/close")):
                assert_problem(answer, *refusal)
            assert_problem(anybody.patch(path, {}), 401, "not-authenticated")
            assert staff.patch(path, {"title": "By staff"}).status_code == 200

    def test_what_does_not_exist_is_404(self, owner: Api) -> None:
        path = f"polls/{uuid.uuid4()}"
        for answer in (owner.patch(path, {}), owner.delete(path), owner.post(f"{path}/publish"), owner.post(f"{path}/close")):
            assert_problem(answer, 404, "not-found")


class TestPublishing:
    def test_a_draft_opens_or_is_scheduled(self, owner: Api, anybody: Api) -> None:
        now, later = owner.make_poll(draft=True), owner.make_poll(draft=True, opens_at=in_(hours=1))
        assert owner.post(f"polls/{now['id']}/publish").data["state"] == "open"
        assert owner.post(f"polls/{later['id']}/publish").data["state"] == "scheduled"
        assert anybody.get(f"polls/{now['id']}").data["draft"] is False

    def test_again_changes_nothing(self, owner: Api) -> None:
        poll = owner.make_poll()
        answer = owner.post(f"polls/{poll['id']}/publish")
        assert (answer.status_code, answer.data) == (200, poll)
        assert PollProjection.objects.get(poll_id=poll["id"]).version == 1

    def test_a_closed_poll_or_a_draft_whose_time_is_over_is_refused(self, owner: Api) -> None:
        closed, late = owner.make_poll(), owner.make_poll(draft=True, closes_at=in_(hours=1))
        owner.post(f"polls/{closed['id']}/close")
        end_soon(late["id"], seconds=-1)
        for poll in (closed, late):
            assert_problem(owner.post(f"polls/{poll['id']}/publish"), 409, "poll-closed")
        assert_problem(owner.patch(f"polls/{late['id']}", {"draft": False}), 409, "poll-closed")


class TestClosing:
    def test_seals_the_poll_and_again_leaves_it(self, owner: Api) -> None:
        poll = owner.make_poll()
        first = owner.post(f"polls/{poll['id']}/close")
        assert (first.status_code, first.data["state"]) == (200, "closed")
        row = Poll.objects.get(pk=poll["id"])
        assert row.sealed_at is not None
        assert row.barrier_epoch == 1
        assert int(row.barrier_xid or 0) > 0
        card = PollCard.objects.get(poll_id=poll["id"])
        assert (card.sealed_at, card.barrier_xid, card.final) == (row.sealed_at, row.barrier_xid, False)
        second = owner.post(f"polls/{poll['id']}/close")
        assert (second.status_code, second.data) == (200, first.data)
        assert Poll.objects.get(pk=poll["id"]).barrier_xid == row.barrier_xid

    def test_a_draft_cannot_be_closed(self, owner: Api) -> None:
        assert_problem(owner.post(f"polls/{owner.make_poll(draft=True)['id']}/close"), 409, "poll-not-open")

    def test_a_scheduled_poll_and_one_whose_time_is_over_can(self, owner: Api) -> None:
        scheduled, over = owner.make_poll(opens_at=in_(hours=1)), owner.make_poll(closes_at=in_(hours=1))
        end_soon(over["id"], seconds=-1)
        for poll in (scheduled, over):
            assert owner.post(f"polls/{poll['id']}/close").data["state"] == "closed"
            assert Poll.objects.get(pk=poll["id"]).sealed_at is not None


class TestDeleting:
    def test_takes_everything_of_the_poll_away(self, owner: Api) -> None:
        poll = owner.make_poll()
        answer = owner.delete(f"polls/{poll['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert_problem(owner.get(f"polls/{poll['id']}"), 404, "not-found")
        for table in (Poll, PollCard, PollProjection, TallyGeneration, ChoiceTally):
            assert not table.objects.exists()

    def test_is_refused_once_somebody_has_voted(self, owner: Api) -> None:
        poll = owner.make_poll()
        put_a_vote(poll["id"])
        assert_problem(owner.delete(f"polls/{poll['id']}"), 409, "poll-has-votes")
        assert owner.get(f"polls/{poll['id']}").status_code == 200
