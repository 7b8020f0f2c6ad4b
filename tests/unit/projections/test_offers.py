"""What is remembered of polls' offers."""

from __future__ import annotations

from projections.offers import Offers


def test_what_was_learned_is_remembered() -> None:
    offers = Offers(polls_kept=2)
    assert offers.missing(["a", "b"]) == ["a", "b"]
    assert offers.of(["a", "b"], {"a": {"x": "q"}}) == {"a": {"x": "q"}}
    assert offers.missing(["a", "b"]) == ["b"], "a poll without a card is asked for again"
    assert offers.of(["a"], {}) == {"a": {"x": "q"}}


def test_the_polls_used_least_lately_are_forgotten() -> None:
    offers = Offers(polls_kept=2)
    for poll in "ab":
        offers.of([poll], {poll: {"x": poll}})
    offers.of(["a"], {})
    offers.of(["c"], {"c": {"x": "c"}})
    assert offers.missing(["a", "b", "c"]) == ["b"]


def test_a_batch_of_more_polls_than_are_kept_is_answered_whole() -> None:
    offers = Offers(polls_kept=1)
    assert offers.of(["a", "b"], {"a": {"x": "q"}, "b": {"y": "r"}}) == {"a": {"x": "q"}, "b": {"y": "r"}}
