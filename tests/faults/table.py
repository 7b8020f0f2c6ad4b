"""The table of what was broken and what came of it. Pure, but for writing it into the docs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.faults.rounds import Outcome

BEGIN, END = "<!-- faults:begin -->", "<!-- faults:end -->"
_HEAD = (
    "| fault | rounds | votes sent | answered | counted | lost | twice | broken for, median | time to heal, median / max |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def summary(outcome: Outcome) -> str:
    """One round in a line or two."""
    name = outcome.scenario.id
    if outcome.left_out:
        return f"{name}: left out, {outcome.left_out}"
    verdict = outcome.verdict
    line = (
        f"{name}: {verdict.sent} sent, {verdict.answered} answered, {verdict.counted} counted, lost {verdict.lost}, twice {verdict.twice}, "
        f"broken {outcome.broken_for:.1f} s, answered after {outcome.answered_after:.1f} s, healed after {outcome.healed_after:.1f} s, "
        f"{outcome.retries} retries, {outcome.rate:.0f}/s"
    )
    return line + "".join(f"\n    WRONG: {problem}" for problem in outcome.problems)


def table(outcomes: Sequence[Outcome], machine: str) -> str:
    """All rounds as Markdown: a row for each fault, then the kills of each process, then what was wrong."""
    lines = [_HEAD]
    scenarios = dict.fromkeys(outcome.scenario for outcome in outcomes)
    lines += [_row([outcome for outcome in outcomes if outcome.scenario is scenario]) for scenario in scenarios]
    ran = [outcome for outcome in outcomes if not outcome.left_out]
    lines.append(_sums("all", ran))
    kills = {name: sum(outcome.scenario.kills == name for outcome in ran) for name in dict.fromkeys(outcome.scenario.kills for outcome in ran) if name}
    if kills:
        lines += ["", "Killed with SIGKILL: " + ", ".join(f"{name} {count} times" for name, count in kills.items()) + "."]
    if ran:
        lines += ["", f"At least {min(outcome.rate for outcome in ran):.0f} requests a second fell due in every round. Machine: {machine}."]
    wrong = [f"- {outcome.scenario.name}: {problem}" for outcome in outcomes for problem in outcome.problems]
    return "\n".join(lines + (["", "What went wrong:", "", *wrong] if wrong else []))


def _row(rounds: Sequence[Outcome]) -> str:
    ran = [outcome for outcome in rounds if not outcome.left_out]
    if not ran:
        return f"| {rounds[0].scenario.name} | left out: {rounds[0].left_out} | | | | | | | |"
    missing = [outcome.left_out for outcome in rounds if outcome.left_out]
    name = rounds[0].scenario.name
    return _sums(f"{name} ({len(missing)} of {len(rounds)} rounds left out: {missing[0]})" if missing else name, ran)


def _sums(name: str, ran: Sequence[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in ran]
    columns = [sum(getattr(verdict, column) for verdict in verdicts) for column in ("sent", "answered", "counted", "lost", "twice")]
    healed = [outcome.healed_after for outcome in ran] or [0.0]
    broken = median([outcome.broken_for for outcome in ran] or [0.0])
    numbers = " | ".join(f"{number:,}" for number in (len(ran), *columns))
    return f"| {name} | {numbers} | {broken:.1f} s | {median(healed):.1f} / {max(healed):.1f} s |"


def write_into(page: Path, text: str) -> None:
    """Puts the table between its markers. Raises ValueError when the page has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
