"""The admin through a signed-in client: votes from tallies, changes through commands, rights respected."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from commands.models import Poll
from projections.models import ChoiceTally, PollCard, PollProjection, PollTally, QuestionTally
from projections.rendering import render
from tests.factories import make_poll, make_user
from tests.integration.pages.organisers import LIST, change, poll_form
from tests.integration.pages.reading import inputs, titles, words

pytestmark = pytest.mark.usefixtures("committed_db")


def count(poll: Poll, *votes: int) -> None:
    """As the workers would have counted: so many votes for the choices of the poll's only question."""
    question = poll.questions.get()
    for choice, number in zip(question.choices.all(), votes, strict=True):
        ChoiceTally.objects.filter(poll_id=poll.pk, choice_id=choice.pk).update(votes=number)
    QuestionTally.objects.filter(poll_id=poll.pk).update(ballots=sum(votes))
    PollTally.objects.filter(poll_id=poll.pk).update(ballots=sum(votes))
    PollProjection.objects.filter(poll_id=poll.pk).update(version=2)
    render([poll.pk])


class TestList:
    def test_sorts_and_filters_by_votes_without_looking_at_any(self, chief: Client) -> None:
        for title, votes in (("None", 0), ("Few", 7), ("Many", 200)):
            count(make_poll(title=title), votes, 0)
        with CaptureQueriesContext(connection) as queries:
            found = titles(chief.get(f"{LIST}?o=-3"))
        assert found == ["Many", "Few", "None"]
        assert not any(re.search(r"(FROM|JOIN) .?votes", query["sql"]) for query in queries)
        assert len(queries) < 12
        assert titles(chief.get(f"{LIST}?o=3")) == ["None", "Few", "Many"]
        assert titles(chief.get(f"{LIST}?votes=none")) == ["None"]
        assert titles(chief.get(f"{LIST}?votes=1-99")) == ["Few"]
        assert titles(chief.get(f"{LIST}?votes=100-9999")) == ["Many"]
        assert "200" in words(chief.get(LIST))

    def test_counts_the_generation_that_readers_see_and_nothing_below_zero(self, chief: Client) -> None:
        poll = make_poll(title="Rebuilt")
        PollTally.objects.filter(poll_id=poll.pk).update(ballots=-1)
        assert titles(chief.get(f"{LIST}?votes=none")) == ["Rebuilt"]
        PollTally.objects.create(poll_id=poll.pk, generation=2, ballots=5)
        PollProjection.objects.filter(poll_id=poll.pk).update(generation=2)
        assert titles(chief.get(f"{LIST}?votes=1-99")) == ["Rebuilt"]

    def test_filters_by_the_clock_voters_and_owner_and_searches(self, chief: Client) -> None:
        now, anna = datetime.now(UTC), make_user("anna")
        make_poll(title="Draft", draft=True)
        make_poll(title="Ahead", opens_at=now + timedelta(hours=1), owner=anna)
        make_poll(title="Over", closes_at=now - timedelta(seconds=1), voters="account")
        make_poll(title="Open", description="all about kettles")
        for state, title in (("draft", "Draft"), ("scheduled", "Ahead"), ("closed", "Over"), ("open", "Open")):
            assert titles(chief.get(f"{LIST}?state={state}")) == [title]
        assert titles(chief.get(f"{LIST}?voters__exact=account")) == ["Over"]
        assert titles(chief.get(f"{LIST}?by=anna")) == ["Ahead"]
        assert titles(chief.get(f"{LIST}?by=me")) == []
        assert titles(chief.get(f"{LIST}?q=kettle")) == ["Open"]
        assert titles(chief.get(f"{LIST}?q=anna")) == ["Ahead"]
        assert len(titles(chief.get(f"{LIST}?state=nonsense&votes=nonsense"))) == 4


class TestActions:
    def run(self, client: Client, action: str, *polls: Poll) -> Any:
        return client.post(LIST, {"action": action, "_selected_action": [str(poll.pk) for poll in polls]}, follow=action != "export_csv")

    def test_close_and_publish_go_through_the_commands(self, chief: Client) -> None:
        draft, running = make_poll(draft=True), make_poll()
        answer = self.run(chief, "close", draft, running)
        assert "1 poll is closed" in words(answer)
        assert "A draft is not open" in words(answer)
        running.refresh_from_db()
        assert running.sealed_at is not None
        assert PollCard.objects.get(pk=running.pk).sealed_at == running.sealed_at
        assert "1 poll is published" in words(self.run(chief, "publish", draft))
        assert PollCard.objects.get(pk=draft.pk).draft is False
        assert LogEntry.objects.count() == 2

    def test_export_is_a_table_of_results_without_formulas(self, chief: Client) -> None:
        poll, other = make_poll(title="=cmd()"), make_poll(title="Other")
        count(poll, 3, 1)
        answer = self.run(chief, "export_csv", poll, other)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"].startswith("attachment; filename=")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert len(rows) == 4
        mine = [row for row in rows if row["poll"] == str(poll.pk)]
        assert [(row["title"], row["choice"], row["votes"], row["share"], row["ballots"]) for row in mine] == [
            ("'=cmd()", "Choice 0", "3", "0.7500", "4"),
            ("'=cmd()", "Choice 1", "1", "0.2500", "4"),
        ]

    def test_nothing_is_deleted_in_bulk(self, chief: Client) -> None:
        assert "delete_selected" not in chief.get(LIST).content.decode()


class TestPage:
    def test_shows_votes_and_shares_per_question(self, chief: Client) -> None:
        poll = make_poll()
        count(poll, 3, 1)
        shown = words(chief.get(change(poll)))
        assert "4 ballots" in shown
        assert "Choice 0 3 75.0 %" in shown
        assert "Questions can no longer be changed" in shown

    def test_makes_a_poll_with_its_card(self, chief: Client) -> None:
        answer = chief.post(f"{LIST}add/", poll_form(closes_at="2100-01-01T12:00:00"))
        assert answer.status_code == 302, words(answer)
        card = PollCard.objects.get()
        assert (card.title, card.owner_username, card.closes_at) == ("Tea or coffee?", "chief", datetime(2100, 1, 1, 12, tzinfo=UTC))
        assert [choice["text"] for choice in card.questions[0]["choices"]] == ["Tea", "Coffee"]

    def test_faults_stand_at_their_fields(self, chief: Client) -> None:
        answer = chief.post(
            f"{LIST}add/", poll_form(title="", closes_at="2001-01-01T12:00:00", **{"questions-0-choices": "Tea\nTea", "questions-0-min_choices": "2"})
        )
        assert answer.status_code == 200
        shown = words(answer)
        for fault in ("This may not be empty", "The poll would close in the past", "Choice 2: This choice stands here already", "more than `max_choices`"):
            assert fault in shown
        assert Poll.objects.count() == 0

    def test_room_for_more_questions_keeps_what_was_typed(self, chief: Client) -> None:
        form = {name: value for name, value in poll_form().items() if name != "_save"}
        page = chief.post(f"{LIST}add/", form | {"_more": "1"}).content.decode()
        assert 'name="questions-2-text"' in page
        assert 'value="Tea or coffee?"' in page
        assert Poll.objects.count() == 0

    def test_names_only_what_changed(self, chief: Client) -> None:
        poll = make_poll(title="Before", closes_at=datetime.now(UTC) + timedelta(days=1))
        page = chief.get(change(poll)).content.decode()
        data = inputs(page) | {"title": "After", "_save": "1"}
        assert chief.post(change(poll), data).status_code == 302
        changed = Poll.objects.get(pk=poll.pk)
        assert (changed.title, changed.closes_at, changed.rules_version) == ("After", poll.closes_at, 1)
        assert [question.pk for question in changed.questions.all()] == [question.pk for question in poll.questions.all()]
        assert PollCard.objects.get(pk=poll.pk).title == "After"

    def test_questions_can_be_replaced_added_ordered_and_taken_out(self, chief: Client) -> None:
        poll = make_poll(questions=[{}, {}])
        data = inputs(chief.get(change(poll)).content.decode())
        data |= {"questions-0-ORDER": "2", "questions-1-ORDER": "1", "questions-0-choices": "Red\nBlue\nGreen", "_continue": "1"}
        assert chief.post(change(poll), data)["Location"] == change(poll)
        assert [question["text"] for question in PollCard.objects.get().questions] == ["Question 1", "Question 0"]
        assert [choice["text"] for choice in PollCard.objects.get().questions[1]["choices"]] == ["Red", "Blue", "Green"]
        data = inputs(chief.get(change(poll)).content.decode()) | {"questions-0-DELETE": "on", "_save": "1"}
        assert chief.post(change(poll), data).status_code == 302
        assert [question["text"] for question in PollCard.objects.get().questions] == ["Question 0"]

    def test_with_votes_and_once_closed_the_write_sides_rules_hold(self, chief: Client) -> None:
        poll = make_poll()
        count(poll, 1, 0)
        page = chief.get(change(poll)).content.decode()
        assert re.search(r'<select name="voters"[^>]*disabled', page)
        assert chief.post(change(poll), inputs(page) | {"title": "Better", "voters": "open", "_save": "1"}).status_code == 302
        poll.refresh_from_db()
        assert (poll.title, poll.voters) == ("Better", "session")
        chief.post(change(poll), {"_close": "1"})
        page = chief.get(change(poll)).content.decode()
        chief.post(change(poll), inputs(page) | {"title": "Too late", "results": "owner", "_save": "1"})
        poll.refresh_from_db()
        assert (poll.title, poll.results, poll.sealed_at is not None) == ("Better", "owner", True)

    def test_deletes_a_poll_without_votes_and_no_other(self, chief: Client) -> None:
        poll, voted = make_poll(title="Unloved"), make_poll(title="Loved")
        put_a_vote(voted)
        assert "Unloved" in words(chief.get(f"{LIST}{poll.pk}/delete/"))
        chief.post(f"{LIST}{poll.pk}/delete/", {"post": "yes"})
        answer = chief.post(f"{LIST}{voted.pk}/delete/", {"post": "yes"}, follow=True)
        assert "A poll with votes cannot be deleted" in words(answer)
        assert [card.title for card in PollCard.objects.all()] == ["Loved"]

    def test_what_is_not_there_leads_back(self, chief: Client) -> None:
        for method in (chief.get, chief.post):
            for page in ("change", "delete"):
                for key in (uuid.uuid4(), "nonsense"):
                    assert method(f"{LIST}{key}/{page}/").status_code == 302


def put_a_vote(poll: Poll) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)"
            " VALUES (1, %s, %s, 1, '{}', %s, %s, %s, clock_timestamp())",
            [poll.pk, uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), uuid.uuid4()],
        )
