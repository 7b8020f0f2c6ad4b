"""What the clients know of every request they made, and the comparison with what the system says it counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WITHDRAWN = None
_GOOD = {"POST": 201, "PUT": 200, "DELETE": 204}


@dataclass(slots=True)
class Request:
    """One vote, change or withdrawal: one Idempotency-Key, however often it is sent. `first_sent` by `time.monotonic`."""

    voter: int
    poll: str
    method: str
    choices: tuple[str, ...] | None
    key: str
    first_sent: float
    sent: int = 0
    status: int | None = None
    receipt: str | None = None  # the vote's id in the answer; a withdrawal has none
    refusal: str = ""

    @property
    def answered(self) -> bool:
        """Whether it got the answer that promises that it counts."""
        return self.status == _GOOD[self.method]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the vote log."""

    poll: str
    voter_key: str
    revision: int
    choices: tuple[str, ...] | None
    receipt: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The count of one poll, wherever it was read."""

    ballots: int
    votes: Mapping[str, int]


@dataclass(slots=True)
class Verdict:
    """`sent`, `answered`, `counted`: votes, changes and withdrawals.

    `lost`: answered and not in the log. `twice`: in the log without a request of their own.
    """

    sent: int = 0
    answered: int = 0
    unknown: int = 0  # sent, never answered
    counted: int = 0
    lost: int = 0
    twice: int = 0
    problems: list[str] = field(default_factory=list)


def standing(rows: Iterable[Row]) -> dict[str, Tally]:
    """The count of each poll by the log: every voter's last revision."""
    last = _last_rows(rows)
    ballots: Counter[str] = Counter()
    votes: dict[str, Counter[str]] = {}
    for row in last.values():
        if row.choices is not WITHDRAWN:
            ballots[row.poll] += 1
            votes.setdefault(row.poll, Counter()).update(row.choices)
    return {poll: Tally(ballots[poll], dict(votes.get(poll, {}))) for poll in {row.poll for row in last.values()}}


def _last_rows(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """The last revision of each voter in each poll."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        known = last.get((row.poll, row.voter_key))
        if known is None or known.revision < row.revision:
            last[row.poll, row.voter_key] = row
    return last


def judge(requests: Iterable[Request], rows: Iterable[Row]) -> Verdict:
    """Holds every answer against the log."""
    requests, rows = list(requests), list(rows)
    sent = [request for request in requests if request.sent]
    good = [request for request in sent if request.answered]
    verdict = Verdict(sent=len(sent), answered=len(good), counted=len(rows))
    verdict.unknown = sum(request.status is None for request in sent)
    verdict.problems += [f"{r.method} was answered {r.status}: {r.refusal}" for r in sent if r.status is not None and not r.answered][:5]
    _receipts(verdict, good, sent, rows)
    _withdrawals(verdict, good, sent, rows)
    _voters(verdict, good, sent, rows)
    _last_words(verdict, sent, rows)
    return verdict


def _receipts(verdict: Verdict, good: list[Request], sent: list[Request], rows: list[Row]) -> None:
    promised = Counter(request.receipt for request in good if request.method != "DELETE")
    shared = [receipt for receipt, times in promised.items() if times > 1]
    if shared:
        verdict.problems.append(f"{len(shared)} receipts were given to more than one request, among them {shared[0]}")
    written = Counter(row.receipt for row in rows if row.choices is not WITHDRAWN)
    missing = [receipt for receipt in promised if receipt not in written]
    verdict.lost += len(missing)
    verdict.twice += sum(times - 1 for times in written.values())
    unpromised = sum(times for receipt, times in written.items() if receipt not in promised)
    verdict.twice += max(0, unpromised - sum(r.status is None and r.method != "DELETE" for r in sent))
    if missing:
        verdict.problems.append(f"{len(missing)} votes were answered and are not in the log, among them {missing[0]}")


def _withdrawals(verdict: Verdict, good: list[Request], sent: list[Request], rows: list[Row]) -> None:
    promised = sum(request.method == "DELETE" for request in good)
    possible = promised + sum(request.status is None and request.method == "DELETE" for request in sent)
    written = sum(row.choices is WITHDRAWN for row in rows)
    verdict.lost += max(0, promised - written)
    verdict.twice += max(0, written - possible)


def _voters(verdict: Verdict, good: list[Request], sent: list[Request], rows: list[Row]) -> None:
    """Every voter of ours is one voter in the log, and nobody else is there."""
    sure = len({(request.poll, request.voter) for request in good})
    possible = len({(request.poll, request.voter) for request in sent if request.answered or request.status is None})
    found = len({(row.poll, row.voter_key) for row in rows})
    if not sure <= found <= possible:
        verdict.problems.append(f"{found} voters are in the log, there were {sure} to {possible}")


def _last_words(verdict: Verdict, sent: list[Request], rows: list[Row]) -> None:
    """What each voter last said, and got answered, is what stands; of those left without an answer either may."""
    by_receipt = {row.receipt: row for row in rows}
    last = _last_rows(rows)
    said: dict[tuple[str, int], list[Request]] = {}
    for request in sent:
        said.setdefault((request.poll, request.voter), []).append(request)
    wrong = 0
    for history in said.values():
        known = [by_receipt[request.receipt] for request in history if request.receipt in by_receipt]
        if known and all(request.answered for request in history):
            wrong += last[known[0].poll, known[0].voter_key].choices != history[-1].choices
    if wrong:
        verdict.problems.append(f"of {wrong} voters something else stands than they said last")
