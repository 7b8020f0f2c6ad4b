"""What became of a request that was not written, in the contract's order."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from commands.ballots import CAST, REPLACE, WITHDRAW, Entry, Fate, Finding, LogRequest, judge

OWN, OTHER = uuid.uuid4(), uuid.uuid4()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(receipt: uuid.UUID, choices: list[str] | None = None) -> Entry:
    return Entry(receipt, 1, 5, 7, NOW, choices)


def request(op: str = CAST) -> LogRequest:
    return LogRequest(op=op, poll_id=OTHER, voter_key=OTHER, choices="{}", rules_version=3, receipt=OWN, request_key=OTHER, request_digest=OWN)


def found(**changes: Any) -> Finding:
    facts = {"keyed": None, "keyed_digest": None, "last": None, "poll_exists": True, "rules_version": 3, "changeable": True, "open": True}
    return Finding(**(facts | changes))


STANDING, WITHDRAWN = entry(OTHER, ["c"]), entry(OTHER)


@pytest.mark.parametrize(
    ("op", "finding", "fate"),
    [
        (CAST, found(keyed=entry(OWN), open=False), Fate.WRITTEN),
        (CAST, found(keyed=entry(OTHER), keyed_digest=OWN, open=False, rules_version=9), Fate.REPLAYED),
        (CAST, found(keyed=entry(OTHER), keyed_digest=OTHER, open=False), Fate.KEY_REUSED),
        (CAST, found(open=False, rules_version=9, last=STANDING), Fate.NOT_OPEN),
        (CAST, found(open=False, poll_exists=False, rules_version=None), Fate.NOT_OPEN),
        (CAST, found(rules_version=4, last=STANDING), Fate.RULES_CHANGED),
        (CAST, found(last=STANDING), Fate.DUPLICATE),
        (CAST, found(last=entry(OTHER, [])), Fate.DUPLICATE),  # a blank ballot is a ballot
        (CAST, found(last=WITHDRAWN), Fate.WRITE_AGAIN),
        (CAST, found(), Fate.WRITE_AGAIN),
        (REPLACE, found(changeable=False, last=STANDING), Fate.NOT_CHANGEABLE),
        (REPLACE, found(), Fate.NO_BALLOT),
        (WITHDRAW, found(last=WITHDRAWN), Fate.NO_BALLOT),
        (WITHDRAW, found(last=STANDING), Fate.WRITE_AGAIN),
    ],
)
def test_a_request_is_judged_in_the_contracts_order(op: str, finding: Finding, fate: Fate) -> None:
    outcome = judge(request(op), finding)
    assert outcome.fate is fate
    assert (outcome.entry is not None) == (fate in {Fate.WRITTEN, Fate.REPLAYED})


def test_the_row_that_answers_a_replay_is_the_first_one() -> None:
    outcome = judge(request()._replace(receipt=uuid.uuid4()), found(keyed=entry(OTHER), keyed_digest=OWN))
    assert outcome.entry is not None
    assert outcome.entry.receipt == OTHER
