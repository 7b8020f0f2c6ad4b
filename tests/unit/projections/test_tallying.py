"""Adding a batch up."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from projections.tallying import PayloadRow, questions_by_choice, tally

POLLS = ("p1", "p2")
QUESTION_OF = {poll: {f"{poll}-q{q}-c{c}": f"{poll}-q{q}" for q in range(2) for c in range(3)} for poll in POLLS}


@st.composite
def payloads(draw: st.DrawFn) -> list[PayloadRow]:
    rows: list[PayloadRow] = []
    for _ in range(draw(st.integers(0, 12))):
        poll = draw(st.sampled_from(POLLS))
        chosen = draw(st.lists(st.sampled_from(sorted(QUESTION_OF[poll])), unique=True, max_size=4))
        rows.append((poll, chosen, 60 * draw(st.integers(0, 3)), draw(st.sampled_from([-2, -1, 1, 2, 30]))))
    return rows


@given(payloads(), st.randoms(use_true_random=False))
def test_the_order_of_a_payload_does_not_matter(payload: list[PayloadRow], random: Random) -> None:
    shuffled = payload.copy()
    random.shuffle(shuffled)
    assert tally(shuffled, QUESTION_OF) == tally(payload, QUESTION_OF)


@given(payloads())
def test_a_payload_adds_up_as_its_ballots_one_by_one(payload: list[PayloadRow]) -> None:
    polls, questions, choices, minutes = Counter[object](), Counter[object](), Counter[object](), Counter[object]()
    for poll, chosen, minute, n in payload:
        for _ in range(abs(n)):
            step = 1 if n > 0 else -1
            polls[poll] += step
            minutes[poll, minute] += step
            for question in {QUESTION_OF[poll][choice] for choice in chosen}:
                questions[poll, question] += step
            for choice in chosen:
                choices[poll, choice] += step
    deltas = tally(payload, QUESTION_OF)
    assert deltas.by_poll == sorted((poll, n) for poll, n in polls.items() if n)
    for found, wanted in ((deltas.by_question, questions), (deltas.by_choice, choices), (deltas.by_minute, minutes)):
        assert found == sorted((*key, n) for key, n in wanted.items() if n)
    assert deltas.polls == sorted({row[0] for row in payload})


@given(payloads())
def test_a_payload_and_its_opposite_leave_nothing(payload: list[PayloadRow]) -> None:
    opposite = [(poll, chosen, minute, -n) for poll, chosen, minute, n in payload]
    deltas = tally(payload + opposite, QUESTION_OF)
    assert [deltas.by_poll, deltas.by_question, deltas.by_choice, deltas.by_minute] == [[], [], [], []]


def test_a_blank_ballot_counts_as_a_ballot_of_the_poll_and_of_no_question() -> None:
    deltas = tally([("p1", [], 60, 3)], QUESTION_OF)
    assert deltas.by_poll == [("p1", 3)]
    assert deltas.by_minute == [("p1", 60, 3)]
    assert deltas.by_question == deltas.by_choice == []


def test_a_choice_that_the_poll_does_not_offer_counts_for_nothing_and_is_named() -> None:
    deltas = tally([("p1", ["p1-q0-c0", "p2-q0-c0"], 0, 1)], QUESTION_OF)
    assert deltas.by_choice == [("p1", "p1-q0-c0", 1)]
    assert deltas.by_question == [("p1", "p1-q0", 1)]
    assert deltas.by_poll == [("p1", 1)]
    assert deltas.unknown == [("p1", "p2-q0-c0")]


def test_a_card_tells_which_question_offers_a_choice() -> None:
    card = [{"id": "q1", "choices": [{"id": "a"}, {"id": "b"}]}, {"id": "q2", "choices": [{"id": "c"}]}]
    assert questions_by_choice(card) == {"a": "q1", "b": "q1", "c": "q2"}
