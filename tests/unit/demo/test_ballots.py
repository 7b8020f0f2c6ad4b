"""The real election: its ballots, their first preferences, and the official count."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from demo.ballots import MINNEAPOLIS, WRITE_INS, RankedBallots, first_preferences, read_ballots, read_official, shuffled

NAMES = ("Mark Andrew", "Betsy Hodges", WRITE_INS)


def test_the_first_preferences_of_the_election_are_the_official_count_row_by_row() -> None:
    official = read_official()
    counted = Counter(first_preferences(read_ballots(), official.candidates))
    assert len(official.votes) == 36
    assert {name: counted[name] for name in official.candidates} == official.votes
    assert sum(counted.values()) == official.total == 79_415


def test_686_of_80101_ballots_have_no_first_preference() -> None:
    ballots = read_ballots()
    assert sum(ballot.count for ballot in ballots) == 80_101
    assert 80_101 - len(first_preferences(ballots, read_official().candidates)) == 686


def test_the_readme_counts_the_rows_that_are_there() -> None:
    assert f"in {len(read_ballots()):,} rows" in (MINNEAPOLIS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("ranks", "found"),
    [
        (("MARK ANDREW", "BETSY HODGES"), ["Mark Andrew"]),
        (("undervote", "overvote", "betsy hodges"), ["Betsy Hodges"]),
        (("UWI", "MARK ANDREW"), [WRITE_INS]),
        (("undervote", "undervote", "overvote"), []),
        (("SOMEBODY ELSE", "MARK ANDREW"), ["Mark Andrew"]),
        ((), []),
    ],
)
def test_a_ballot_counts_for_its_first_rank_that_is_a_candidate(ranks: tuple[str, ...], found: list[str]) -> None:
    assert first_preferences([RankedBallots(1, ranks)], NAMES) == found


def test_ballots_counted_together_count_each() -> None:
    assert first_preferences([RankedBallots(3, ("UWI",))], NAMES) == [WRITE_INS] * 3


def test_a_count_that_is_no_positive_number_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ballots.csv"
    for count in ("0", "-3", "many"):
        file.write_text(f"count,rank1\n{count},MARK ANDREW\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"positive|invalid literal"):
            read_ballots(file)


def test_shuffling_keeps_every_vote_and_is_the_same_for_the_same_seed() -> None:
    votes = [*NAMES] * 20
    assert sorted(shuffled(votes, seed=1)) == sorted(votes)
    assert shuffled(votes, seed=1) == shuffled(votes, seed=1) != votes
