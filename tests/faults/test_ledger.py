"""The comparison of answers with the log: it finds what is lost, what counts twice, and who has two ballots."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.ledger import Request, Row, Tally, judge, standing

YES, NO = ("yes",), ("no",)


def vote(voter: int, receipt: str | None = None, *, method: str = "POST", choices: tuple[str, ...] | None = YES, status: int | None = 201) -> Request:
    return Request(voter, "poll", method, choices, f"key-{voter}", 0.0, sent=1, status=status, receipt=receipt)


def row(voter: str, receipt: str, *, revision: int = 1, choices: tuple[str, ...] | None = YES) -> Row:
    return Row("poll", voter, revision, choices, receipt)


def changed(receipt: str, *, status: int = 200) -> Request:
    return vote(1, receipt, method="PUT", choices=NO, status=status)


def withdrawn(*, status: int | None = 204) -> Request:
    return vote(1, None, method="DELETE", choices=None, status=status)


def test_answered_votes_that_are_in_the_log_are_in_order() -> None:
    verdict = judge([vote(1, "a"), vote(2, "b")], [row("x", "a"), row("y", "b")])
    assert (verdict.sent, verdict.answered, verdict.counted, verdict.lost, verdict.twice, verdict.problems) == (2, 2, 2, 0, 0, [])


def test_an_answered_vote_that_is_not_in_the_log_is_lost() -> None:
    assert judge([vote(1, "a"), vote(2, "b")], [row("x", "a")]).lost == 1


def test_a_row_that_nobody_asked_for_counts_twice() -> None:
    assert judge([vote(1, "a")], [row("x", "a"), row("y", "b")]).twice == 1
    assert judge([vote(1, "a")], [row("x", "a"), row("x", "a", revision=2)]).twice == 1


def test_a_vote_whose_answer_was_lost_may_be_in_the_log_or_not() -> None:
    lost_answer = vote(2, None, status=None)
    for rows in ([row("x", "a")], [row("x", "a"), row("y", "b")]):
        verdict = judge([vote(1, "a"), lost_answer], rows)
        assert (verdict.unknown, verdict.lost, verdict.twice, verdict.problems) == (1, 0, 0, [])
    assert judge([vote(1, "a"), lost_answer], [row("x", "a"), row("y", "b"), row("z", "c")]).twice == 1


def test_two_requests_with_one_receipt_are_noticed() -> None:
    assert judge([vote(1, "a"), vote(2, "a")], [row("x", "a")]).problems


def test_two_voters_in_the_log_for_one_of_ours_are_noticed() -> None:
    ours = [vote(1, "a"), changed("b")]
    assert not judge(ours, [row("x", "a"), row("x", "b", revision=2, choices=NO)]).problems
    assert judge(ours, [row("x", "a"), row("y", "b", choices=NO)]).problems


def test_what_stands_is_what_was_said_last() -> None:
    ours = [vote(1, "a"), changed("b")]
    assert judge(ours, [row("x", "b", revision=1, choices=NO), row("x", "a", revision=2)]).problems


def test_a_withdrawal_counts_once() -> None:
    ours = [vote(1, "a"), withdrawn()]
    first = row("x", "a")
    gone = row("x", "b", revision=2, choices=None)
    assert not judge(ours, [first, gone]).problems
    assert judge(ours, [first]).lost == 1
    assert judge(ours, [first, gone, replace(gone, revision=3, receipt="c")]).twice == 1
    assert judge([vote(1, "a"), withdrawn(status=None)], [first]).lost == 0


def test_a_refusal_that_nobody_expected_is_noticed() -> None:
    assert judge([vote(1, None, status=409)], []).problems


def test_the_count_by_the_log_is_every_voters_last_revision() -> None:
    rows = [row("x", "a"), row("x", "b", revision=2, choices=NO), row("y", "c"), row("z", "d"), row("z", "e", revision=2, choices=None)]
    assert standing(reversed(rows)) == {"poll": Tally(2, {"no": 1, "yes": 1})}
