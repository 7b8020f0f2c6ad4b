"""Casting, changing and withdrawing votes, on the real log."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from commands.casting import Receipt, cast_vote
from commands.engine import Engine
from commands.models import Poll
from commands.standing import holds_ballot, standing_ballot
from core.credentials import Credentials
from core.errors import (
    DuplicateVote,
    IdempotencyKeyReused,
    NexusError,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    PollNotOpen,
    ValidationError,
    VoteNotChangeable,
)
from tests.factories import ballot, choice_ids, make_poll, make_user

STRONG_KEY = "0123456789abcdefghijkl-strong"
make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)


def anonymous(receipt: Receipt | None = None) -> Credentials:
    return Credentials(voter_header=receipt.voter_token if receipt is not None else None, address="192.0.2.1")


async def outcomes(*attempts: Any) -> Counter[str]:
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(one, Receipt | NexusError) for one in done), done
    return Counter(type(one).__name__ for one in done)


async def test_a_vote_is_one_row_that_says_what_was_chosen_and_not_by_whom(engine: Engine, sql: Any) -> None:
    poll = await make_poll_()
    body = await ballot_(poll)
    receipt = await cast_vote(poll.id, body, anonymous())
    rows = sql("SELECT receipt, choices::text[], revision, replaces, voter_key, request_key IS NOT NULL FROM votes")
    assert [(row[0], row[1], row[2], row[3], row[5]) for row in rows] == [(receipt.id, body["answers"][0]["choices"], 1, None, True)]
    assert receipt.voter_token is not None
    assert rows[0][4].hex not in receipt.voter_token


async def test_fifty_racing_votes_of_one_voter_are_one_vote_and_49_duplicates(engine: Engine, sql: Any) -> None:
    owner = await sync_to_async(make_user)()
    poll = await make_poll_(voters="account", owner=owner)
    body = await ballot_(poll)
    voter = Credentials(user_id=uuid.uuid4())
    assert await outcomes(*(cast_vote(poll.id, body, voter) for _ in range(50))) == {"Receipt": 1, "DuplicateVote": 49}
    assert sql("SELECT count(*) FROM votes") == [(1,)]


async def test_two_requests_of_one_voter_that_gather_together_are_answered_apart(engine: Engine) -> None:
    poll = await make_poll_(voters="account", questions=[{"choices": 2}])
    voter = Credentials(user_id=uuid.uuid4())
    first, second = await ballot_(poll, [0]), await ballot_(poll, [1])
    done = await asyncio.gather(cast_vote(poll.id, first, voter), cast_vote(poll.id, second, voter), return_exceptions=True)
    assert {type(one) for one in done} == {Receipt, DuplicateVote}
    _, standing = await standing_ballot(poll.id, voter)
    winner = next(one for one in done if isinstance(one, Receipt))
    assert standing.last is not None
    assert standing.last.receipt == winner.id


async def test_a_repeated_request_with_its_key_gets_the_first_answer_again_even_after_the_close(engine: Engine, sql: Any) -> None:
    poll = await make_poll_()
    body = await ballot_(poll)
    first = await cast_vote(poll.id, body, anonymous(), idempotency_key=STRONG_KEY)
    again = await cast_vote(poll.id, body, anonymous(), idempotency_key=STRONG_KEY)  # the answer, and its cookie, were lost
    assert (again.id, again.cast_at, again.position, again.replayed) == (first.id, first.cast_at, first.position, True)
    await sync_to_async(Poll.objects.filter(id=poll.id).update)(closes_at=datetime.now(UTC) - timedelta(seconds=1))
    engine.rules.clear()
    after = await cast_vote(poll.id, body, anonymous(again), idempotency_key=STRONG_KEY)
    assert after.id == first.id
    with pytest.raises(PollNotOpen):
        await cast_vote(poll.id, body, anonymous(), idempotency_key="another-key-of-enough-length")
    assert sql("SELECT count(*) FROM votes") == [(1,)]


async def test_the_same_key_for_another_ballot_is_refused_and_the_order_of_answers_does_not_matter(engine: Engine) -> None:
    poll = await make_poll_(questions=[{"choices": 2}, {"choices": 2}])
    body = await ballot_(poll, [0], [1])
    first = await cast_vote(poll.id, body, anonymous(), idempotency_key=STRONG_KEY)
    turned = {"answers": list(reversed(body["answers"]))}
    assert (await cast_vote(poll.id, turned, anonymous(), idempotency_key=STRONG_KEY)).id == first.id
    with pytest.raises(IdempotencyKeyReused):
        await cast_vote(poll.id, await ballot_(poll, [1], [1]), anonymous(), idempotency_key=STRONG_KEY)
    with pytest.raises(IdempotencyKeyReused):  # even when the other body is no ballot at all
        await cast_vote(poll.id, {"answers": []}, anonymous(), idempotency_key=STRONG_KEY)


async def test_a_strong_key_names_the_voter_in_its_poll_only_and_a_short_key_never(engine: Engine) -> None:
    poll, other = await make_poll_(), await make_poll_()
    first = await cast_vote(poll.id, await ballot_(poll), anonymous(), idempotency_key=STRONG_KEY)
    elsewhere = await cast_vote(other.id, await ballot_(other), anonymous(), idempotency_key=STRONG_KEY)
    assert not await holds_ballot(anonymous(elsewhere), poll.id)  # the key that leaked is worth nothing here
    assert await holds_ballot(anonymous(first), poll.id)
    short = [await cast_vote(poll.id, await ballot_(poll), anonymous(), idempotency_key="short") for _ in range(2)]
    assert short[0].id != short[1].id


async def test_a_keyed_retry_is_found_although_the_client_has_become_a_known_voter_elsewhere_meanwhile(engine: Engine, sql: Any) -> None:
    poll, other = await make_poll_(), await make_poll_()
    lost = await cast_vote(poll.id, await ballot_(poll), anonymous(), idempotency_key=STRONG_KEY)
    known = Credentials(voter_cookie=(await cast_vote(other.id, await ballot_(other), anonymous())).voter_token)
    again = await cast_vote(poll.id, await ballot_(poll), known, idempotency_key=STRONG_KEY)
    assert (again.id, again.replayed) == (lost.id, True)
    with pytest.raises(IdempotencyKeyReused):
        await cast_vote(poll.id, await ballot_(poll, [1]), known, idempotency_key=STRONG_KEY)
    assert sql("SELECT count(*) FROM votes WHERE poll_id = %s", (poll.id,)) == [(1,)]
    somebody_else = Credentials(voter_header=known.voter_cookie)  # who says by header who they are is that voter, whatever key they use
    assert not (await cast_vote(poll.id, await ballot_(poll), somebody_else, idempotency_key=STRONG_KEY)).replayed


async def test_the_voter_token_is_the_same_voter_in_every_poll_and_unlinkable_between_them(engine: Engine, sql: Any) -> None:
    poll, other = await make_poll_(), await make_poll_()
    first = await cast_vote(poll.id, await ballot_(poll), anonymous())
    with pytest.raises(DuplicateVote):
        await cast_vote(poll.id, await ballot_(poll), anonymous(first))
    await cast_vote(other.id, await ballot_(other), anonymous(first))
    assert sql("SELECT count(*), count(DISTINCT voter_key) FROM votes") == [(2, 2)]


async def test_a_bad_header_token_is_refused_and_a_bad_cookie_replaced(engine: Engine) -> None:
    poll = await make_poll_()
    body = await ballot_(poll)
    with pytest.raises(NotAuthenticated):
        await cast_vote(poll.id, body, Credentials(voter_header="forged"))
    receipt = await cast_vote(poll.id, body, Credentials(voter_cookie="forged"))
    assert receipt.voter_token is not None


async def test_a_changed_ballot_replaces_exactly_the_one_before(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(changeable=True, questions=[{"choices": 3}])
    first = await cast_vote(poll.id, await ballot_(poll, [0]), anonymous())
    voter = anonymous(first)
    second = await cast_vote(poll.id, await ballot_(poll, [1]), voter, method="PUT")
    await cast_vote(poll.id, {}, voter, method="DELETE")
    with pytest.raises(NotFound):
        await standing_ballot(poll.id, voter)
    with pytest.raises(NotFound):
        await cast_vote(poll.id, await ballot_(poll, [1]), voter, method="PUT")
    await cast_vote(poll.id, await ballot_(poll, [2]), voter)
    ids = await sync_to_async(choice_ids)(poll)
    assert sql("SELECT revision, choices::text[], replaces::text[], replaced_cast_at FROM votes ORDER BY revision") == [
        (1, [ids[0]], None, None),
        (2, [ids[1]], [ids[0]], first.cast_at),
        (3, None, [ids[1]], second.cast_at),
        (4, [ids[2]], None, None),
    ]


async def test_a_put_whose_answer_was_lost_is_run_again_after_a_later_put_and_undoes_nothing(engine: Engine) -> None:
    poll = await make_poll_(changeable=True, questions=[{"choices": 3}])
    voter = anonymous(await cast_vote(poll.id, await ballot_(poll, [0]), anonymous()))
    lost = await cast_vote(poll.id, await ballot_(poll, [1]), voter, method="PUT", idempotency_key="put-1")
    later = await cast_vote(poll.id, await ballot_(poll, [2]), voter, method="PUT", idempotency_key="put-2")
    again = await cast_vote(poll.id, await ballot_(poll, [1]), voter, method="PUT", idempotency_key="put-1")
    assert (again.id, again.replayed) == (lost.id, True)
    _, standing = await standing_ballot(poll.id, voter)
    assert standing.last is not None
    assert standing.last.receipt == later.id
    with pytest.raises(IdempotencyKeyReused):  # the key of a PUT is no key of a DELETE
        await cast_vote(poll.id, {}, voter, method="DELETE", idempotency_key="put-1")


async def test_a_vote_that_may_not_be_changed_stays(engine: Engine) -> None:
    poll = await make_poll_()
    voter = anonymous(await cast_vote(poll.id, await ballot_(poll), anonymous()))
    for method in ("PUT", "DELETE"):
        with pytest.raises(VoteNotChangeable):
            await cast_vote(poll.id, await ballot_(poll), voter, method=method)


async def test_in_open_polls_everybody_votes_as_often_as_they_like_and_a_keyed_retry_is_the_same_vote(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="open")
    body = await ballot_(poll)
    first = await cast_vote(poll.id, body, anonymous(), idempotency_key=STRONG_KEY)
    assert (await cast_vote(poll.id, body, anonymous(), idempotency_key=STRONG_KEY)).id == first.id
    second = await cast_vote(poll.id, body, anonymous(first), idempotency_key=STRONG_KEY + "2")
    assert (await cast_vote(poll.id, body, anonymous(first), idempotency_key=STRONG_KEY + "2")).id == second.id
    for _ in range(3):
        await cast_vote(poll.id, body, anonymous(first))
    assert sql("SELECT count(*) FROM votes") == [(5,)]
    assert await holds_ballot(anonymous(second), poll.id)
    with pytest.raises(NotFound):
        await standing_ballot(poll.id, anonymous(first))


async def test_neighbours_behind_one_address_are_one_voter_in_ip_polls(engine: Engine) -> None:
    poll = await make_poll_(voters="ip")
    body = await ballot_(poll)
    await cast_vote(poll.id, body, Credentials(address="2001:db8:1:2::3"))
    with pytest.raises(DuplicateVote):
        await cast_vote(poll.id, body, Credentials(address="2001:db8:1:2:ffff::1"))
    await cast_vote(poll.id, body, Credentials(address="2001:db8:1:3::3"))
    with pytest.raises(PermissionDenied):
        await standing_ballot(poll.id, Credentials(address="2001:db8:1:2::3"))


async def test_checks_come_in_the_contracts_order(engine: Engine) -> None:
    with pytest.raises(NotFound):
        await cast_vote(uuid.uuid4(), {}, anonymous())
    owner = await sync_to_async(make_user)()
    draft = await make_poll_(draft=True, owner=owner)
    with pytest.raises(NotFound):
        await cast_vote(draft.id, {}, anonymous())
    with pytest.raises(PollNotOpen):
        await cast_vote(draft.id, {}, Credentials(user_id=owner.id))
    closed = await make_poll_(voters="account", closes_at=datetime.now(UTC) - timedelta(minutes=1))
    with pytest.raises(NotAuthenticated):
        await cast_vote(closed.id, {}, anonymous())
    with pytest.raises(PollNotOpen):  # before the fault in the body
        await cast_vote(closed.id, {}, Credentials(user_id=uuid.uuid4()))
    fixed = await make_poll_()
    voter = anonymous(await cast_vote(fixed.id, await ballot_(fixed), anonymous()))
    with pytest.raises(ValidationError):  # before not changeable
        await cast_vote(fixed.id, {}, voter, method="PUT")


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        ({"voters": "session"}, {"voters": "account"}, NotAuthenticated),
        ({"voters": "open"}, {"draft": True}, NotFound),
        ({"voters": "open"}, {"voters": "ip"}, None),
    ],
)
async def test_who_is_a_voter_is_judged_by_the_new_rules_too(engine: Engine, sql: Any, before: Any, after: Any, refusal: Any) -> None:
    poll = await make_poll_(**before)
    body = await ballot_(poll)
    await engine.rules.get(poll.id)  # from here on this process believes the old rules for a second
    await sync_to_async(Poll.objects.filter(id=poll.id).update)(rules_version=2, **after)
    if refusal is not None:
        with pytest.raises(refusal):
            await cast_vote(poll.id, body, anonymous())
        assert sql("SELECT count(*) FROM votes") == [(0,)]
    else:
        await cast_vote(poll.id, body, anonymous())
        with pytest.raises(DuplicateVote):
            await cast_vote(poll.id, body, anonymous())


async def test_a_vote_judged_by_old_rules_is_judged_again(engine: Engine) -> None:
    poll = await make_poll_()
    old = await ballot_(poll)
    await engine.rules.get(poll.id)
    await sync_to_async(Poll.objects.filter(id=poll.id).update)(rules_version=2)
    assert (await cast_vote(poll.id, old, anonymous())).replayed is False


async def test_only_what_the_log_answered_counts_for_the_pace_at_which_votes_are_answered(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[bool] = []
    leave = engine.admission.leave

    def noting(place: object, *, answered: bool = True) -> None:
        counted.append(answered)
        leave(place, answered=answered)

    monkeypatch.setattr(engine.admission, "leave", noting)
    poll = await make_poll_(voters="account")
    body, voter = await ballot_(poll), Credentials(user_id=uuid.uuid4())
    attempts = (cast_vote(poll.id, body, voter), cast_vote(poll.id, body, voter), cast_vote(poll.id, {}, voter), cast_vote(poll.id, body, Credentials()))
    for attempt in attempts:  # written, a duplicate, a fault that the log was asked about; and nobody, about whom it was not
        await asyncio.gather(attempt, return_exceptions=True)
    assert counted == [True, True, True, False]
    await asyncio.gather(cast_vote(uuid.uuid4(), body, voter), return_exceptions=True)
    assert counted[4:] == [False]
    assert engine.admission.inside == 0
