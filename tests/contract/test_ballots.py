"""What a ballot may say: several questions, several choices, none; every refusal with its pointer and code."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.voting import assert_problem, ballot_, choice_ids_, make_poll_, send, vote

QUESTIONS = [{"choices": 3}, {"kind": "multiple", "choices": 4, "min_choices": 2, "max_choices": 3}, {"min_choices": 0}]


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "/problems/validation-error"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize("picks", [([0], [0, 1], [0]), ([2], [3, 1, 0], []), ([1], [2, 3])])
async def test_a_ballot_within_the_rules_stands_as_it_was_cast(http: httpx.AsyncClient, picks: tuple[list[int], ...]) -> None:
    poll = await make_poll_(questions=QUESTIONS)
    body = await ballot_(poll, *picks)
    cast = await vote(http, poll, body)
    assert cast.status_code == 201, cast.text
    standing = await send(http, "GET", poll, mine=True, X_Voter_Token=cast.headers["X-Voter-Token"])
    assert standing.json()["answers"] == [answer for answer in body["answers"] if answer["choices"]]


async def test_answers_may_come_in_any_order(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(questions=QUESTIONS)
    body = await ballot_(poll, [1], [3, 0])
    cast = await vote(http, poll, {"answers": body["answers"][::-1]})
    standing = await send(http, "GET", poll, mine=True, X_Voter_Token=cast.headers["X-Voter-Token"])
    assert standing.json()["answers"] == body["answers"]


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        (([0], [0]), [("#/answers/1/choices", "too-few-choices")]),
        (([0], [0, 1, 2, 3]), [("#/answers/1/choices", "too-many-choices")]),
        (([0, 1], [0, 1]), [("#/answers/0/choices", "too-many-choices")]),
        (([], [0, 1]), [("#/answers/0/choices", "too-few-choices")]),
        (([0], [1, 1]), [("#/answers/1/choices", "repeated-choice")]),
        (([0],), [("#/answers", "too-few-choices")]),
        (
            ([], [], [0, 1]),
            [("#/answers/0/choices", "too-few-choices"), ("#/answers/1/choices", "too-few-choices"), ("#/answers/2/choices", "too-many-choices")],
        ),
    ],
)
async def test_too_few_and_too_many_are_pointed_at(http: httpx.AsyncClient, picks: tuple[list[int], ...], expected: list[tuple[str, str]]) -> None:
    poll = await make_poll_(questions=QUESTIONS)
    assert faults(await vote(http, poll, await ballot_(poll, *picks))) == expected


async def test_unknown_and_repeated_things_are_pointed_at(http: httpx.AsyncClient) -> None:
    poll, other = await make_poll_(questions=[{}, {}]), await make_poll_()
    first, second = (await ballot_(poll))["answers"]
    foreign = (await ballot_(other))["answers"][0]
    assert faults(await vote(http, poll, {"answers": [first, foreign]})) == [("#/answers/1/question", "unknown-question")]
    assert faults(await vote(http, poll, {"answers": [first, second, first]})) == [("#/answers/2/question", "repeated-question")]
    swapped = {"question": first["question"], "choices": second["choices"]}
    assert faults(await vote(http, poll, {"answers": [swapped, second]})) == [("#/answers/0/choices", "unknown-choice")]
    upper = {"question": first["question"], "choices": [first["choices"][0].upper()]}
    assert faults(await vote(http, poll, {"answers": [upper, second]})) == [("#/answers/0/choices", "unknown-choice")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("#/answers", "required")),
        ({"answers": None}, ("#/answers", "not-a-list")),
        ({"answers": {}}, ("#/answers", "not-a-list")),
        ({"answers": []}, ("#/answers", "too-few-choices")),
        ({"answers": ["x"]}, ("#/answers/0", "not-an-object")),
        ({"answers": [{}]}, ("#/answers/0/question", "required")),
        ({"answers": [{"question": 7}]}, ("#/answers/0/question", "unknown-question")),
        ({"answers": [{"question": []}]}, ("#/answers/0/question", "unknown-question")),
    ],
)
async def test_other_shapes_are_pointed_at(http: httpx.AsyncClient, body: Any, expected: tuple[str, str]) -> None:
    assert faults(await vote(http, await make_poll_(), body)) == [expected]


async def test_choices_must_be_a_list_of_ids(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    question, choice = str((await ballot_(poll))["answers"][0]["question"]), (await choice_ids_(poll))[0]
    for answer, code in (({}, "required"), ({"choices": choice}, "not-a-list"), ({"choices": None}, "not-a-list"), ({"choices": [1]}, "not-a-list")):
        assert faults(await vote(http, poll, {"answers": [{"question": question, **answer}]})) == [("#/answers/0/choices", code)]


async def test_however_much_is_wrong_the_answer_stays_small(http: httpx.AsyncClient) -> None:
    answer = await vote(http, await make_poll_(), {"answers": [0] * 100_000})
    assert len(faults(answer)) == 100


async def test_the_largest_poll_takes_the_fullest_ballot(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(questions=[{"kind": "multiple", "choices": 100, "max_choices": 100}] * 50)
    body = await ballot_(poll, *[range(100)] * 50)
    cast = await vote(http, poll, body)
    assert cast.status_code == 201
    standing = await send(http, "GET", poll, mine=True, X_Voter_Token=cast.headers["X-Voter-Token"])
    assert standing.json()["answers"] == body["answers"]


async def test_a_nul_is_a_fault_with_its_pointer(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    raw = b'{"answers": [{"question": "\\u0000", "choices": []}]}'
    assert_problem(await send(http, "POST", poll, raw=raw), 400, "validation-error", "#/answers/0/question")
