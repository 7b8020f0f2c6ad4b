"""What a batch changes in each tally. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# (poll, choices, minute in seconds since 1970, change in standing ballots); ids as canonical text, which sorts as PostgreSQL sorts uuids.
PayloadRow = tuple[str, list[str], int, int]
QuestionOf = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Changes by table, each sorted by its key and without zeros.

    `polls` is every poll of the payload, sorted, also where its sums are zero. `unknown` holds the (poll, choice) pairs that no question of the
    poll offers: they count for nothing.
    """

    polls: list[str]
    by_poll: list[tuple[str, int]]
    by_question: list[tuple[str, str, int]]
    by_choice: list[tuple[str, str, int]]
    by_minute: list[tuple[str, int, int]]
    unknown: list[tuple[str, str]]


def tally(payload: Iterable[PayloadRow], question_of: QuestionOf) -> Deltas:
    """Adds a payload up. Its order does not matter, and a row that stands twice counts twice.

    `question_of[poll][choice]` is the question that offers the choice. A ballot counts once for each question in which it chooses something,
    and once for a choice however often it names it. The work is proportional to the rows, not to the votes behind them.
    """
    polls: dict[str, int] = {}
    questions: dict[tuple[str, str], int] = {}
    choices: dict[tuple[str, str], int] = {}
    minutes: dict[tuple[str, int], int] = {}
    unknown: set[tuple[str, str]] = set()
    nothing: dict[str, str] = {}
    for poll, chosen, minute, n in payload:
        polls[poll] = polls.get(poll, 0) + n
        minutes[poll, minute] = minutes.get((poll, minute), 0) + n
        offered = question_of.get(poll, nothing)
        answered = set()
        for choice in set(chosen):
            question = offered.get(choice)
            if question is None:
                unknown.add((poll, choice))
                continue
            answered.add(question)
            choices[poll, choice] = choices.get((poll, choice), 0) + n
        for question in answered:
            questions[poll, question] = questions.get((poll, question), 0) + n
    return Deltas(
        polls=sorted(polls),
        by_poll=sorted((poll, n) for poll, n in polls.items() if n),
        by_question=sorted((poll, question, n) for (poll, question), n in questions.items() if n),
        by_choice=sorted((poll, choice, n) for (poll, choice), n in choices.items() if n),
        by_minute=sorted((poll, minute, n) for (poll, minute), n in minutes.items() if n),
        unknown=sorted(unknown),
    )


def questions_by_choice(questions: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Choice id → question id, from the `questions` of a poll card."""
    found: dict[str, str] = {}
    for question in questions:
        choices = question["choices"]
        if isinstance(choices, list):
            found.update((choice["id"], str(question["id"])) for choice in choices)
    return found
