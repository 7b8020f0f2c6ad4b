"""Breaks of the read side and of what keeps people out: what readers get from where, who may see what, limits, exports."""

from __future__ import annotations

from tests.breaks.definition import BOUNDED, KEPT_OUT, NEVER_BACK, NO_READ_OF_VOTES, RIGHT_RESULTS, Break, Edit

_SOURCES = "tests/integration/projections/reads/test_results_sources.py"
_LOADER = "tests/unit/projections/test_results_loader.py"
_MEMORY = "tests/unit/projections/test_results_memory.py"
_AFTER = "tests/integration/projections/reads/test_after.py"
_LIMITS = "tests/integration/core/test_limits.py"

BREAKS = (
    Break(
        "the role of readers may read votes",
        NO_READ_OF_VOTES,
        (Edit("projections/migrations/0002_storage_and_role.py", '"vote_batches", *TALLIES)', '"vote_batches", "votes", *TALLIES)'),),
        (f"{_SOURCES}::test_the_results_role_cannot_read_votes_and_is_the_one_that_reads",),
    ),
    Break(
        "results that count votes",
        NO_READ_OF_VOTES,
        (
            Edit(
                "projections/sql/results.sql",
                "c.questions::text, coalesce(t.ballots, 0),",
                "c.questions::text, (SELECT count(*) FROM votes x WHERE x.poll_id = c.poll_id),",
            ),
        ),
        (f"{_SOURCES}::test_results_come_from_memory_then_redis_then_postgres",),
    ),
    Break(
        "a reader who has seen a newer version is given what memory has",
        NEVER_BACK,
        (
            Edit(
                "projections/loader.py",
                "        entry = await self.current(key)\n        if entry.document.order >= order:\n            return entry\n",
                "        return await self.current(key)\n",
            ),
        ),
        (f"{_LOADER}::test_a_reader_who_saw_a_newer_version_gets_it_from_redis_or_postgres", f"{_SOURCES}::test_what_a_reader_saw_never_goes_back"),
    ),
    Break(
        "memory that keeps whatever comes last",
        NEVER_BACK,
        (Edit("projections/memory.py", "        if entry is None or document.order > entry.document.order:\n", "        if True:\n"),),
        (f"{_MEMORY}::test_an_older_document_never_replaces_a_newer_one",),
    ),
    Break(
        "a new subscription that drops nothing",
        NEVER_BACK,
        (
            Edit(
                "projections/feed.py",
                "                    memory.drop_all()\n                    self.subscribed.set()\n",
                "                    self.subscribed.set()\n",
            ),
        ),
        (f"{_SOURCES}::test_a_new_subscription_drops_what_was_remembered",),
    ),
    Break(
        "Redis believed for ever",
        NEVER_BACK,
        (Edit("projections/loader.py", "await self._from_redis(key) if believed else None\n", "await self._from_redis(key)\n"),),
        (f"{_LOADER}::test_redis_with_an_old_snapshot_is_found_out_at_the_first_revalidation",),
    ),
    Break(
        "every forged ETag asks PostgreSQL",
        BOUNDED,
        (Edit("projections/loader.py", "POSTGRES_SPACING_SECONDS = 0.1", "POSTGRES_SPACING_SECONDS = 0.0"),),
        (
            f"{_LOADER}::test_versions_from_the_future_cost_ten_reads_a_second_at_most",
            f"{_SOURCES}::test_tags_from_the_future_reach_postgres_ten_times_a_second_at_most",
        ),
    ),
    Break(
        "equal tags for a poll that is open and one that is closed",
        NEVER_BACK,
        (Edit("projections/document.py", """f'"{self.epoch}.{self.version}.{state}"'""", """f'"{self.epoch}.{self.version}.x"'"""),),
        (f"{_MEMORY}::test_equal_tags_mean_equal_bytes_and_another_state_is_another_tag",),
    ),
    Break(
        "`after` answered by the last batch that is applied",
        RIGHT_RESULTS,
        (
            Edit(
                "projections/sql/reads.sql",
                "        ORDER BY b.end_epoch, b.end_xid, b.end_id\n        LIMIT 1\n",
                "        ORDER BY b.applied_at NULLS LAST\n        LIMIT 1\n",
            ),
        ),
        (f"{_AFTER}::test_a_later_batch_that_is_applied_says_nothing_of_an_earlier_one",),
    ),
    Break(
        "counts shown while they are below zero",
        RIGHT_RESULTS,
        (Edit("projections/rendering.py", 'votes=max(0, votes_for.get(choice["id"], 0))', 'votes=votes_for.get(choice["id"], 0)'),),
        ("tests/integration/projections/counting/test_writer.py::test_a_withdrawal_applied_before_its_ballot_shows_no_negative_count",),
    ),
    Break(
        "`after_vote` results for everybody",
        KEPT_OUT,
        (
            Edit(
                "projections/visibility.py",
                'document.results == "after_vote" and await ports.holds_ballot(credentials, document.poll_id)',
                'document.results == "after_vote"',
            ),
        ),
        ("tests/contract/test_visibility.py::test_every_path_shows_results_to_the_same_people_at_the_same_time",),
    ),
    Break(
        "results for some in a shared cache",
        KEPT_OUT,
        (Edit("projections/visibility.py", 'return not draft and (results == "always" or', 'return (results == "always" or'),),
        ("tests/unit/projections/test_visibility.py::test_a_shared_cache_never_keeps_a_draft",),
    ),
    Break(
        "a rate limit that is off by one",
        BOUNDED,
        (Edit("core/lua/token_bucket.lua", "debts[place] + interval <= window", "debts[place] <= window"),),
        (f"{_LIMITS}::test_a_full_bucket_lets_its_limit_through_and_refuses_the_next_with_headers",),
    ),
    Break(
        "a formula in a CSV",
        KEPT_OUT,
        (Edit("projections/exports/spreadsheet.py", '    return f"\'{text}" if _FORMULA.match(text) else text\n', "    return text\n"),),
        ("tests/unit/projections/exports/test_spreadsheet.py",),
    ),
)
