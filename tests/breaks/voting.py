"""Breaks of the write side: the statement that writes votes, the committer, retries, closes."""

from __future__ import annotations

from tests.breaks.definition import (
    COUNTED_ONCE,
    DURABLE,
    FINAL_NOT_EARLY,
    GOES_ON,
    KEPT_OUT,
    NO_LATE_VOTE,
    ONE_BALLOT,
    RETRIES,
    RIGHT_RESULTS,
    Break,
    Edit,
)

_LOG = "commands/sql/vote_log.sql"
_LOCKS = "commands/sql/polls.sql"
_ADVISORY = "pg_advisory_xact_lock(hashtextextended(%s::uuid::text, 7))"
_COMMITTER = "commands/committer.py"
_LOCK_STEP = "tests/integration/commands/test_votes_in_lock_step.py"
_FAULTS = "tests/integration/commands/test_committer_faults.py"
_CASTING = "tests/integration/commands/test_casting.py"
_POLLS = "tests/integration/commands/test_polls_under_locks.py"
_REFUSED = "tests/integration/commands/test_refused_databases.py"
_RETRIES = "tests/contract/test_retries.py"
_OVERTAKING = f"{_LOCK_STEP}::test_no_further_vote_overtakes_a_close_that_waits_for_one_in_flight"

BREAKS = (
    Break(
        "the vote statement without `FOR SHARE`",
        NO_LATE_VOTE,
        (Edit(_LOG, "    ORDER BY id FOR SHARE\n", "    ORDER BY id\n"),),
        (f"{_FAULTS}::test_a_close_that_is_first_refuses_the_vote_and_a_vote_that_is_first_counts_before_the_close",),
    ),
    Break(
        "no shared advisory lock before `FOR SHARE`",
        GOES_ON,
        (Edit(_LOG, "FROM (SELECT count(*) FROM a) z)", "FROM (SELECT 1) z)"),),
        (_OVERTAKING,),
    ),
    Break(
        "a close without the exclusive advisory lock",
        GOES_ON,
        (Edit("commands/poll_locks.py", '            _value("lock_out_voters", poll_id)\n', ""),),
        (_OVERTAKING,),
    ),
    Break(
        "unsorted groups",
        GOES_ON,
        (Edit(_LOG, "WHERE op = 'C'\nORDER BY j.poll_id, j.voter_key\nON CONFLICT", "WHERE op = 'C'\nON CONFLICT"),),
        (f"{_LOCK_STEP}::test_groups_that_come_with_the_same_voters_in_opposite_orders_do_not_deadlock",),
    ),
    Break(
        "the barrier read in the locking statement",
        FINAL_NOT_EARLY,
        (
            Edit(_LOCKS, f"SELECT {_ADVISORY}", f"SELECT set_config('nexus.early', pg_snapshot_xmax(pg_current_snapshot())::text, true), {_ADVISORY}"),
            Edit(_LOCKS, "barrier_xid = pg_snapshot_xmax(pg_current_snapshot())\n", "barrier_xid = current_setting('nexus.early')::xid8\n"),
        ),
        (f"{_LOCK_STEP}::test_a_vote_whose_transaction_has_no_id_yet_when_the_close_comes_lies_before_its_barrier",),
    ),
    Break(
        "a POST that tries a higher revision",
        ONE_BALLOT,
        (Edit(_LOG, "WHERE CASE WHEN op = 'C' THEN l.choices IS NULL ELSE", "WHERE CASE WHEN op = 'C' THEN true ELSE"),),
        (f"{_LOCK_STEP}::test_whoever_holds_a_ballot_casts_no_second_one",),
    ),
    Break(
        "a first vote whatever the voter has done before",
        ONE_BALLOT,
        (Edit(_LOG, "j.voter_key, 1, j.choices", "j.voter_key, (random() * 1000000)::int + 1, j.choices"),),
        (f"{_CASTING}::test_fifty_racing_votes_of_one_voter_are_one_vote_and_49_duplicates",),
    ),
    Break(
        "votes judged by whatever rules the process remembers",
        RIGHT_RESULTS,
        (Edit(_LOG, "r JOIN p ON p.id = r.poll_id AND p.rules_version = r.rules_version", "r JOIN p ON p.id = r.poll_id"),),
        (f"{_CASTING}::test_who_is_a_voter_is_judged_by_the_new_rules_too",),
    ),
    Break(
        "answers mapped by the voter instead of the receipt",
        ONE_BALLOT,
        (
            Edit(_COMMITTER, "            key=lambda request: (request.poll_id, request.voter_key),\n", ""),
            Edit(
                _COMMITTER,
                "                for vote in open_:\n                    entry = written.get(vote.question.receipt)\n",
                "                by_voter = {v.question.voter_key: written[v.question.receipt] for v in open_ if v.question.receipt in written}\n"
                "                for vote in open_:\n                    entry = by_voter.get(vote.question.voter_key)\n",
            ),
        ),
        (f"{_LOCK_STEP}::test_of_two_requests_of_one_voter_that_gathered_one_is_told_of_the_others_vote",),
    ),
    Break(
        "no second try after a connection lost in COMMIT",
        COUNTED_ONCE,
        (Edit(_COMMITTER, "                if not is_lost(error):\n                    raise\n", "                raise\n"),),
        (f"{_FAULTS}::test_a_commit_whose_answer_is_lost_is_found_again_and_counted_once",),
    ),
    Break(
        "a second try that makes a new key",
        COUNTED_ONCE,
        (
            Edit(
                "commands/vote_log.py",
                "[key.hex for key in keys]",
                "[__import__('uuid').uuid4().hex for _ in keys]",
            ),
        ),
        (
            "tests/integration/commands/test_lost_answers.py::test_a_change_whose_commit_was_not_answered_is_written_once",
            f"{_CASTING}::test_a_repeated_request_with_its_key_gets_the_first_answer_again_even_after_the_close",
        ),
    ),
    Break(
        "votes answered before they are on disk",
        DURABLE,
        (Edit(_COMMITTER, '"synchronous_commit": "on"', '"synchronous_commit": "off"'),),
        (f"{_LOCK_STEP}::test_a_group_is_on_disk_before_it_is_answered",),
    ),
    Break(
        "a cancelled wait for the replica taken for success",
        DURABLE,
        (Edit(_COMMITTER, "if _UNREPLICATED in self._connection.warnings():", "if False:"),),
        ("tests/integration/commands/test_lost_answers.py::test_a_vote_that_was_not_replicated_is_not_answered_201",),
    ),
    Break(
        "one bad row that fails its group",
        GOES_ON,
        (Edit(_COMMITTER, "                self._bisect(votes, error)\n", "                _answer_open(votes, error)\n"),),
        (f"{_FAULTS}::test_one_bad_vote_among_fifty_fails_alone",),
    ),
    Break(
        "one client that left leaves its neighbours unanswered",
        GOES_ON,
        (
            Edit(
                "core/batching.py",
                "            if pending.waiter.done():  # one cancelled request must not leave its neighbours unanswered\n                continue\n",
                "",
            ),
        ),
        ("tests/unit/core/test_batching.py::test_a_cancelled_question_leaves_its_neighbours_answered",),
    ),
    Break(
        "refusals before the replay look-up",
        RETRIES,
        (Edit("commands/ballots.py", "    if found.keyed is not None:\n", "    if found.keyed is not None and found.open:\n"),),
        (
            f"{_RETRIES}::test_replay_comes_before_the_close_and_before_faults",
            f"{_CASTING}::test_a_repeated_request_with_its_key_gets_the_first_answer_again_even_after_the_close",
        ),
    ),
    Break(
        "the Idempotency-Key passed over",
        RETRIES,
        (
            Edit(
                "commands/casting.py",
                '        request_key = digest(rules.salt, b"idempotency key", idempotency_key.encode())\n',
                '        request_key = digest(rules.salt, b"receipt", receipt.bytes)\n',
            ),
        ),
        (f"{_RETRIES}::test_a_repeated_key_repeats_the_answer_and_another_body_is_422",),
    ),
    Break(
        "another body under the same key taken for a replay",
        RETRIES,
        (
            Edit(
                "commands/ballots.py", "if found.keyed_digest == request.request_digest else Outcome(Fate.KEY_REUSED)", "if True else Outcome(Fate.KEY_REUSED)"
            ),
        ),
        (f"{_RETRIES}::test_a_repeated_key_repeats_the_answer_and_another_body_is_422",),
    ),
    Break(
        "a strong key that names the voter in every poll",
        KEPT_OUT,
        (
            Edit("commands/voters.py", "hashlib.blake2b(poll_id.bytes + idempotency_key.encode()", "hashlib.blake2b(idempotency_key.encode()"),
            Edit("commands/voters.py", "    if token.bound_to == rules.id and token.seed is not None:\n", "    if token.seed is not None:\n"),
        ),
        ("tests/contract/test_voters.py::test_a_key_that_leaked_in_one_poll_is_worth_nothing_in_another",),
    ),
    Break(
        "a start with any VOTER_KEY_SECRET",
        ONE_BALLOT,
        (Edit("commands/connection.py", "    if row is not None and row[0] not in {None, secret_fingerprint()}:\n", "    if False:\n"),),
        ("tests/integration/core/test_start_checks.py::test_the_secret_of_the_first_vote_is_the_one",),
    ),
    Break(
        "a connection with any VOTER_KEY_SECRET",
        ONE_BALLOT,
        (Edit("commands/connection.py", "    if row is None or row[0] != secret_fingerprint():\n        raise _wrong_secret()\n", ""),),
        (f"{_REFUSED}::test_the_first_connection_notes_the_secret_of_voter_keys_and_one_with_another_secret_writes_nothing",),
    ),
    Break(
        "votes written on any server",
        COUNTED_ONCE,
        (Edit("commands/connection.py", "                check_log_identity(cursor)\n", ""),),
        (f"{_REFUSED}::test_a_server_that_does_not_hold_the_log_gets_no_vote",),
    ),
    Break(
        "an end moved in its last second",
        NO_LATE_VOTE,
        (Edit("commands/handlers.py", "poll.closes_at - now < LAST_MOMENT:", "poll.closes_at - now < timedelta():"),),
        ("tests/contract/test_polls.py::TestEditing::test_the_last_second_is_too_late_for_another_end",),
    ),
    Break(
        "a close on a server that does not hold the log",
        COUNTED_ONCE,
        (Edit("commands/poll_locks.py", "            check_log_identity(cursor)\n", "            pass\n"),),
        (f"{_POLLS}::test_a_server_that_does_not_hold_the_log_closes_nothing",),
    ),
    Break(
        "votes that can be updated and deleted",
        COUNTED_ONCE,
        (
            Edit(
                "commands/migrations/0002_vote_log.py",
                "    RAISE EXCEPTION 'votes are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';\n",
                "    RETURN coalesce(NEW, OLD);\n",
            ),
        ),
        (f"{_FAULTS}::test_the_log_refuses_update_delete_and_truncate",),
    ),
)
