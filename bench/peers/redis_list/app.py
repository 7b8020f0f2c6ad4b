"""The web process of the Redis peer: a vote is accepted when it is in the list; results are counted from the table."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any

import redis
from flask import Flask, Response, abort, request
from psycopg2.pool import ThreadedConnectionPool

from bench.peers.redis_list.votes import LIST

COOKIE = "voter_id"
POLL = "SELECT p.title, p.question::text, c.id::text, c.text FROM polls p JOIN choices c ON c.poll_id = p.id WHERE p.id = %s ORDER BY c.position"
COUNT = "SELECT choice_id::text, count(*) FROM votes WHERE poll_id = %s GROUP BY choice_id"

app = Flask(__name__)
votes = redis.Redis.from_url(os.environ["REDIS_URL"])
_polls: dict[uuid.UUID, Poll] = {}


class Poll:
    """A poll's texts and choices, which never change here."""

    def __init__(self, rows: list[tuple[str, str, str, str]]) -> None:
        self.title, self.question = rows[0][:2]
        self.choices = {choice: text for _, _, choice, text in rows}


@cache
def database() -> ThreadedConnectionPool:
    """This process's connections; made on first use, hence after the fork."""
    return ThreadedConnectionPool(1, int(os.environ.get("THREADS", "8")), os.environ["DATABASE_URL"], application_name="peer-redis-list")


def rows_of(query: str, poll_id: uuid.UUID) -> list[Any]:
    connection = database().getconn()
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query, [str(poll_id)])
            return cursor.fetchall()
    finally:
        database().putconn(connection)


def poll_of(poll_id: uuid.UUID) -> Poll:
    """Answers 404 for an unknown poll."""
    poll = _polls.get(poll_id)
    if poll is None:
        rows = rows_of(POLL, poll_id)
        if not rows:
            abort(404)
        poll = _polls[poll_id] = Poll(rows)
    return poll


def chosen(poll: Poll) -> str:
    """The choice in the body. Answers 400 for anything that is not a choice of this poll."""
    try:
        [answer] = request.get_json()["answers"]
        [choice] = answer["choices"]
        question = answer["question"]
    except (KeyError, TypeError, ValueError):
        abort(400, "Expected one answer: a question and one of its choices.")
    if question != poll.question or choice not in poll.choices:
        abort(400, "There is no such choice in this question.")
    return str(choice)


@app.post("/api/v1/polls/<uuid:poll_id>/votes")
def vote(poll_id: uuid.UUID) -> Response:
    choice = chosen(poll_of(poll_id))
    known = request.headers.get("X-Voter-Token") or request.cookies.get(COOKIE)
    voter = known or uuid.uuid4().hex
    votes.rpush(LIST, json.dumps([str(poll_id), voter, choice]))
    vote_id = str(uuid.uuid4())
    body = {
        "id": vote_id, "poll": str(poll_id), "cast_at": datetime.now(UTC).isoformat(), "position": vote_id, "results": f"/api/v1/polls/{poll_id}/results",
    }  # fmt: skip
    response = Response(json.dumps(body), status=201, mimetype="application/json")
    if known is None:
        response.set_cookie(COOKIE, voter, httponly=True, samesite="Lax")
    return response


@app.get("/api/v1/polls/<uuid:poll_id>/results")
def results(poll_id: uuid.UUID) -> Response:
    poll = poll_of(poll_id)
    counts: dict[str, int] = dict(rows_of(COUNT, poll_id))
    ballots = sum(counts.values())
    choices = [
        {"id": choice, "text": text, "votes": counts.get(choice, 0), "share": round(counts.get(choice, 0) / ballots, 4) if ballots else 0}
        for choice, text in poll.choices.items()
    ]
    body = {
        "poll": str(poll_id),
        "title": poll.title,
        "ballots": ballots,
        "questions": [{"id": poll.question, "text": "Which?", "ballots": ballots, "choices": choices}],
    }
    return Response(json.dumps(body), mimetype="application/json")


@app.get("/healthz")
def healthz() -> Response:
    return Response("{}", mimetype="application/json")
