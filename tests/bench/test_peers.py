"""The peers do what they are timed at: right counts, one vote per voter where they know voters, and nothing counted that is no choice."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import httpx
import pytest

from bench.correctness import check_target
from bench.peers.peer import Peer
from bench.peers.tokens import access_token, voter_token
from bench.registry import PEERS, make_peer
from bench.targets import Poll, Skipped
from tests.bench.peer_places import place_for
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=(*PEERS, "fastify_pipelined"))
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Each peer in turn, running on a database of its own; skipped where this machine cannot run it."""
    try:
        target = make_peer(request.param)
        assert isinstance(target, Peer)
        with place_for(target.name, tmp_path_factory.mktemp(target.name)) as place:
            target.prepare(place)
            try:
                target.start()
                yield target
            finally:
                target.stop()
                target.discard_backlog()
    except Skipped as reason:
        pytest.skip(str(reason))


@pytest.fixture
def drf(peer: Peer) -> Peer:
    if peer.name != "drf":
        pytest.skip("only the Django peer knows voters")
    return peer


def open_poll(peer: Peer, *, voters: str = "session") -> Poll:
    return peer.open_polls(1, voters="account" if voters == "account" else "session", choices=3)[0]


def vote(peer: Peer, poll: Poll, choice: object, *, question: object = None, **headers: str) -> httpx.Response:
    body = {"answers": [{"question": str(question or poll.question), "choices": [str(choice)]}]}
    return httpx.post(f"{peer.place.url}{peer.votes_path.format(poll=poll.id)}", json=body, headers=headers)


def counts(peer: Peer, poll: Poll) -> list[int]:
    """Votes by choice in the order of the poll, as its results tell them."""
    results = peer.results(poll)
    [question] = results["questions"]
    assert results["poll"] == str(poll.id)
    assert question["id"] == str(poll.question)
    assert [choice["id"] for choice in question["choices"]] == [str(choice) for choice in poll.choices]
    assert results["ballots"] == question["ballots"] == sum(choice["votes"] for choice in question["choices"])
    return [choice["votes"] for choice in question["choices"]]


def test_it_passes_the_check_before_every_timing(peer: Peer) -> None:
    check_target(peer)


def test_results_tell_which_choice_got_how_many(peer: Peer) -> None:
    poll, other = open_poll(peer), open_poll(peer)
    for number in (0, 2, 2, 2, 0):
        answer = vote(peer, poll, poll.choices[number], **{"X-Voter-Token": next(peer.credentials("session", 1)).decode().split()[1]})
        assert answer.status_code == 201
        assert answer.json()["poll"] == str(poll.id)
        assert answer.json()["results"] == peer.results_path.format(poll=poll.id)
    assert wait_until(lambda: counts(peer, poll) == [2, 0, 3])
    assert counts(peer, other) == [0, 0, 0]


def test_what_is_no_choice_of_the_poll_is_refused(peer: Peer) -> None:
    poll, other = open_poll(peer), open_poll(peer)
    assert vote(peer, poll, uuid.uuid4()).status_code == 400
    assert vote(peer, poll, other.choices[0]).status_code == 400
    assert vote(peer, poll, poll.choices[0], question=other.question).status_code == 400
    assert vote(peer, poll, "first").status_code == 400
    assert httpx.post(f"{peer.place.url}{peer.votes_path.format(poll=poll.id)}", json={"answers": []}).status_code == 400
    assert vote(peer, Poll(uuid.uuid4(), poll.question, poll.choices), poll.choices[0]).status_code == 404
    assert vote(peer, poll, poll.choices[0]).status_code == 201
    assert wait_until(lambda: counts(peer, poll) == [1, 0, 0])


def test_a_newcomer_is_the_same_voter_by_what_the_answer_set(drf: Peer) -> None:
    poll = open_poll(drf)
    first = vote(drf, poll, poll.choices[0])
    assert first.status_code == 201
    assert vote(drf, poll, poll.choices[1], **{"X-Voter-Token": first.headers["x-voter-token"]}).status_code == 409
    assert vote(drf, poll, poll.choices[1], Cookie=first.headers["set-cookie"].split(";")[0]).status_code == 409
    assert counts(drf, poll) == [1, 0, 0]


def test_a_forged_voter_is_refused(drf: Peer) -> None:
    poll = open_poll(drf)
    forged = voter_token("another secret", os.urandom(16)).decode()
    assert vote(drf, poll, poll.choices[0], **{"X-Voter-Token": forged}).status_code == 401
    assert vote(drf, poll, poll.choices[0], Authorization="Bearer " + access_token("another secret, long enough for a key", uuid.uuid4())).status_code == 401
    assert counts(drf, poll) == [0, 0, 0]


def test_an_account_votes_once_and_nobody_without(drf: Peer) -> None:
    poll = open_poll(drf, voters="account")
    assert vote(drf, poll, poll.choices[0]).status_code == 401
    ada = {"Authorization": "Bearer " + access_token(drf.secret, uuid.uuid4())}
    assert vote(drf, poll, poll.choices[0], **ada).status_code == 201
    assert vote(drf, poll, poll.choices[1], **ada).status_code == 409
    assert counts(drf, poll) == [1, 0, 0]


def test_where_nobody_is_refused_a_second_vote_counts_as_documented(peer: Peer) -> None:
    if peer.refuses_repeats:
        pytest.skip("it refuses a second vote")
    poll = open_poll(peer)
    for choice in poll.choices[:2]:
        assert vote(peer, poll, choice, **{"X-Voter-Token": "a" * 32}).status_code == 201
    wanted = [1, 1, 0] if peer.counts_repeats else [0, 1, 0]
    assert wait_until(lambda: counts(peer, poll) == wanted)
