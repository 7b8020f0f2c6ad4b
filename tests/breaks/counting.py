"""Breaks of what moves votes to tallies: the relay's cut, publishing, applying, `final`, rebuilds."""

from __future__ import annotations

from tests.breaks.definition import COUNTED_ONCE, FINAL_IN_THE_END, FINAL_NOT_EARLY, GOES_ON, MODEL, NEVER_BACK, RIGHT_RESULTS, Break, Edit

_RELAY = "workers/sql/relay.sql"
_WRITER = "projections/sql/writer.sql"
_CUTTING = "tests/integration/workers/test_cutting.py"
_CUTS = "tests/integration/workers/test_cuts_in_lock_step.py"
_COUNTS = "tests/integration/workers/test_counting_in_lock_step.py"
_FINALITY = "tests/integration/workers/test_finality.py"
_PUBLISHING = "tests/integration/workers/test_publishing.py"
_APPLYING = "tests/integration/projections/counting/test_writer.py"
_RENDERING = "tests/integration/projections/counting/test_rendering.py"
_FRESH = """    WHERE (v.epoch, v.xid, v.id) > ((SELECT epoch FROM here), (SELECT xid FROM here), (SELECT vote_id FROM here))
      AND (v.epoch, v.xid) < ((SELECT present FROM here), (SELECT horizon FROM here))
    ORDER BY v.epoch, v.xid, v.id LIMIT $1),"""
_ALL_APPLIED = "AND NOT EXISTS (SELECT FROM vote_batches b WHERE b.applied_at IS NULL AND (b.start_epoch, b.start_xid) < (c.barrier_epoch, c.barrier_xid))\n"

BREAKS = (
    Break(
        "a cursor on the vote's `id`",
        COUNTED_ONCE,
        (
            Edit(
                _RELAY,
                _FRESH,
                _FRESH.replace(
                    "(v.epoch, v.xid, v.id) > ((SELECT epoch FROM here), (SELECT xid FROM here), (SELECT vote_id FROM here))",
                    "v.id > (SELECT vote_id FROM here)",
                ),
            ),
        ),
        (f"{_CUTS}::test_a_transaction_that_wrote_first_and_commits_last_is_not_passed_over",),
    ),
    Break(
        "a cut without the horizon",
        COUNTED_ONCE,
        (Edit(_RELAY, _FRESH, _FRESH.replace("      AND (v.epoch, v.xid) < ((SELECT present FROM here), (SELECT horizon FROM here))\n", "")),),
        (f"{_CUTTING}::test_two_transactions_that_commit_out_of_order_lose_nothing", MODEL),
    ),
    Break(
        "the horizon from a later statement than the rows",
        FINAL_NOT_EARLY,
        (
            Edit(
                "workers/cutting.py",
                '            row = cursor.fetchone()\n        if row is None:\n            raise RuntimeError("relay_cursor is empty',
                "            row = cursor.fetchone()\n"
                '            cursor.execute("UPDATE relay_cursor SET drained_xid = pg_snapshot_xmin(pg_current_snapshot())")\n'
                '        if row is None:\n            raise RuntimeError("relay_cursor is empty',
            ),
        ),
        (f"{_CUTS}::test_a_vote_that_commits_after_the_cut_has_looked_is_not_called_drained",),
    ),
    Break(
        "no `FOR UPDATE` on the cursor, only the leader's advisory lock",
        COUNTED_ONCE,
        (Edit(_RELAY, "SELECT seq FROM relay_cursor FOR UPDATE;", "SELECT seq FROM relay_cursor;"),),
        (f"{_CUTS}::test_a_second_relay_waits_for_the_first_ones_cut_and_takes_up_behind_it",),
    ),
    Break(
        "at a full limit the horizon counts as drained",
        FINAL_NOT_EARLY,
        (Edit(_RELAY, "CASE WHEN counted.votes < $1 THEN here.horizon ELSE last.xid END", "here.horizon"),),
        (
            f"{_CUTTING}::test_at_a_full_limit_only_what_lies_before_the_last_row_is_drained",
            f"{_FINALITY}::test_at_a_full_limit_a_poll_with_votes_still_to_be_cut_is_not_final",
        ),
    ),
    Break(
        "an empty cut that notes nothing",
        FINAL_IN_THE_END,
        (
            Edit(
                _RELAY,
                "drained_xid = reached.drained_xid, as_of",
                "drained_xid = CASE WHEN counted.votes > 0 THEN reached.drained_xid ELSE r.drained_xid END, as_of",
            ),
        ),
        (f"{_FINALITY}::test_an_idle_poll_that_is_closed_becomes_final_by_an_empty_cut",),
    ),
    Break(
        "a superseded ballot taken off in the new one's minute",
        RIGHT_RESULTS,
        (Edit(_RELAY, "date_trunc('minute', replaced_cast_at), -1", "date_trunc('minute', cast_at), -1"),),
        (f"{_CUTTING}::test_the_payload_is_a_multiset_and_a_superseded_ballot_counts_in_its_own_minute",),
    ),
    Break(
        "a superseded ballot that stays counted",
        RIGHT_RESULTS,
        (Edit(_RELAY, "-1 FROM fresh WHERE replaces IS NOT NULL)", "-1 FROM fresh WHERE false)"),),
        (f"{_APPLYING}::test_batches_in_any_order_and_any_number_add_up_to_the_log", MODEL),
    ),
    Break(
        "`as_of` is when the cut was made",
        RIGHT_RESULTS,
        (Edit(_RELAY, "    SELECT greatest(here.as_of, (SELECT max(k.clock)", "    SELECT greatest(clock_timestamp(), (SELECT max(k.clock)"),),
        (f"{_CUTTING}::test_as_of_never_lies_about_a_vote_that_must_still_wait",),
    ),
    Break(
        "`final` without a look at the batches not applied",
        FINAL_NOT_EARLY,
        (
            Edit(_RELAY, f"  {_ALL_APPLIED}ORDER BY c.poll_id", "ORDER BY c.poll_id"),
            Edit(_RELAY, f"      {_ALL_APPLIED}    RETURNING c.poll_id)", "    RETURNING c.poll_id)"),
        ),
        (f"{_FINALITY}::test_a_poll_with_a_batch_not_counted_is_not_final", MODEL),
    ),
    Break(
        "what was published is never published again",
        GOES_ON,
        (
            Edit(
                _RELAY,
                "      AND (published_at IS NULL\n           OR published_at < ",
                "      AND (published_at IS NULL\n           OR false AND published_at < ",
            ),
        ),
        (f"{_PUBLISHING}::test_what_a_purged_queue_lost_is_published_again_until_it_is_applied", MODEL),
    ),
    Break(
        "published without `mandatory`",
        GOES_ON,
        (Edit("workers/broker.py", "            mandatory=True,\n", "            mandatory=False,\n"),),
        (f"{_PUBLISHING}::test_a_message_that_no_queue_takes_is_not_marked_and_goes_out_once_the_queue_is_back",),
    ),
    Break(
        "published without confirms",
        GOES_ON,
        (Edit("workers/broker.py", "            self._waiting[self._last_tag] = message.batch_id\n", "            self._taken.add(message.batch_id)\n"),),
        (f"{_PUBLISHING}::test_a_lost_answer_of_the_broker_is_a_failure",),
    ),
    Break(
        "messages acknowledged before their batch is applied",
        GOES_ON,
        (Edit("workers/topology.py", '        "task_acks_late": True,\n', '        "task_acks_late": False,\n'),),
        ("tests/unit/workers/test_topology.py::test_a_task_is_acknowledged_late_and_kept_when_its_worker_dies",),
    ),
    Break(
        "applied without a claim",
        COUNTED_ONCE,
        (Edit(_WRITER, "WHERE id = %(batch_id)s AND applied_at IS NULL RETURNING seq", "WHERE id = %(batch_id)s RETURNING seq"),),
        (f"{_APPLYING}::test_a_batch_delivered_three_times_counts_once", MODEL),
    ),
    Break(
        "the generations that a batch feeds read before its claim",
        RIGHT_RESULTS,
        (
            Edit(
                "projections/writer.py",
                '        cursor.execute(_SQL["claim_batch"], {"batch_id": batch_id})\n',
                '        cursor.execute("SELECT seq, payload::text FROM vote_batches WHERE id = %s", (batch_id,))\n'
                "        early = cursor.fetchone() or (0, b'[]')\n"
                "        fed = _generations(cursor, early[0], sorted({row[0] for row in orjson.loads(early[1])}))\n"
                '        cursor.execute(_SQL["claim_batch"], {"batch_id": batch_id})\n',
            ),
            Edit("projections/writer.py", "count_into(cursor, payload, _generations(cursor, seq, polls))", "count_into(cursor, payload, fed)"),
        ),
        (f"{_COUNTS}::test_tallies_are_not_dropped_under_a_worker_that_has_read_that_they_are_fed",),
    ),
    Break(
        "the generations that a poll has remembered from batch to batch",
        RIGHT_RESULTS,
        (
            Edit(
                "projections/writer.py",
                "    rows = cursor.fetchall()\n    known = ",
                "    rows = _kept.__dict__.setdefault(tuple(polls), cursor.fetchall())\n    known = ",
            ),
        ),
        (f"{_COUNTS}::test_a_generation_begun_between_two_batches_is_fed_with_the_second",),
    ),
    Break(
        "tallies in whatever order the rows come",
        GOES_ON,
        tuple(
            Edit(_WRITER, f"ORDER BY {columns}\nON CONFLICT ({key})", f"ORDER BY random()\nON CONFLICT ({key})")
            for columns, key in (
                ("1, 2", "poll_id, generation"),
                ("1, 2, 3", "poll_id, generation, question_id"),
                ("1, 2, 3", "poll_id, generation, choice_id"),
                ("1, 2, 3", "poll_id, generation, minute"),
            )
        ),
        (f"{_APPLYING}::test_appliers_of_overlapping_polls_never_deadlock",),
    ),
    Break(
        "a batch counted before is not rendered again",
        GOES_ON,
        (Edit("workers/tasks.py", "    render(applied.polls)\n", "    if applied.counted:\n        render(applied.polls)\n"),),
        (f"{_RENDERING}::test_after_a_crash_between_commit_and_redis_the_second_delivery_renders",),
    ),
    Break(
        "versions and counts from two selects",
        NEVER_BACK,
        (
            Edit(
                "projections/rendering.py",
                "        documents = select_documents(cursor, wanted)\n",
                "        first = {document.poll_id: document for document in select_documents(cursor, wanted)}\n"
                '        replace = __import__("dataclasses").replace\n'
                "        documents = [replace(document, ballots=first[document.poll_id].ballots) for document in select_documents(cursor, wanted)]\n",
            ),
        ),
        (f"{_COUNTS}::test_what_redis_is_given_has_the_counts_of_its_version",),
    ),
    Break(
        "Redis given whatever comes last",
        NEVER_BACK,
        (Edit("projections/results_store.py", "  if redis.call('GETRANGE', key, 0, 19) < ARGV[at + 1] then\n", "  if true then\n"),),
        (f"{_RENDERING}::test_an_older_version_never_replaces_a_newer_one_even_across_digits", MODEL),
    ),
    Break(
        "`HINCRBY`: each message adds its votes in Redis, instead of giving it what PostgreSQL has counted",
        COUNTED_ONCE,
        (
            Edit(
                "workers/tasks.py",
                "    render(applied.polls)\n",
                "    from dataclasses import replace\n    from django.db import connection\n    from uuid import UUID\n"
                "    from projections.results_store import ResultsDocument, results_key, sync_redis\n"
                "    with connection.cursor() as cursor:\n"
                "        cursor.execute('SELECT e->>0, (e->>3)::int FROM vote_batches, jsonb_array_elements(payload) e WHERE id = %s', [message.batch_id])\n"
                "        for poll, votes in cursor.fetchall():\n"
                "            key = results_key(message.epoch, UUID(poll))\n"
                "            ballots, kept = sync_redis().hincrby(f'{key}:added', 'ballots', votes), sync_redis().get(key)\n"
                "            if kept:\n"
                "                sync_redis().set(key, kept[:20] + replace(ResultsDocument.decode(kept[20:]), ballots=ballots).encode())\n",
            ),
        ),
        (f"{_RENDERING}::test_a_message_that_comes_again_adds_nothing_to_what_redis_has", MODEL),
    ),
    Break(
        "a rebuild's boundary from `max(seq)` instead of the locked row",
        RIGHT_RESULTS,
        (
            Edit(
                "workers/sql/rebuild.sql",
                "SELECT seq, epoch, xid::text, vote_id FROM relay_cursor FOR UPDATE;",
                "SELECT coalesce((SELECT max(seq) FROM vote_batches), 0), epoch, xid::text, vote_id FROM relay_cursor FOR UPDATE;",
            ),
        ),
        ("tests/integration/workers/test_rebuild.py::test_a_cut_that_is_under_way_is_waited_for_and_falls_under_the_boundary",),
    ),
    Break(
        "a rebuild that begins without the cursor's lock",
        RIGHT_RESULTS,
        (
            Edit(
                "workers/sql/rebuild.sql",
                "SELECT seq, epoch, xid::text, vote_id FROM relay_cursor FOR UPDATE;",
                "SELECT seq, epoch, xid::text, vote_id FROM relay_cursor;",
            ),
        ),
        ("tests/integration/workers/test_rebuild.py::test_a_cut_that_is_under_way_is_waited_for_and_falls_under_the_boundary",),
    ),
    Break(
        "an edit that brings back a generation which a rebuild has dropped",
        RIGHT_RESULTS,
        (Edit("projections/sql/cards.sql", " WHERE NOT EXISTS (SELECT FROM tally_generations WHERE poll_id = %(poll_id)s)", ""),),
        ("tests/integration/workers/test_edits_after_rebuilds.py::test_the_first_generation_does_not_come_back_with_an_edit_once_it_was_dropped",),
    ),
    Break(
        "any server is taken for the one that holds the log",
        COUNTED_ONCE,
        (Edit("core/log_identity.py", "    if kept != present:\n", "    if False:\n"),),
        ("tests/integration/core/test_log_identity.py::test_a_server_with_another_identity_is_refused_with_the_remedy",),
    ),
    Break(
        "a server whose counter was set back is taken for the same",
        COUNTED_ONCE,
        (Edit("core/log_identity.py", "    if counter_behind:\n", "    if False:\n"),),
        ("tests/integration/core/test_log_identity.py::test_a_server_whose_counter_lies_behind_the_cursor_is_refused",),
    ),
    Break(
        "a barrier compared without its epoch",
        FINAL_NOT_EARLY,
        tuple(
            Edit(
                _RELAY,
                f"(r.drained_epoch, r.drained_xid) >= (c.barrier_epoch, c.barrier_xid)\n{indent}{_ALL_APPLIED}{end}",
                f"r.drained_xid >= c.barrier_xid\n{indent}{_ALL_APPLIED}{end}",
            )
            for indent, end in (("  ", "ORDER BY"), ("      ", "    RETURNING"))
        ),
        (f"{_FINALITY}::test_an_earlier_epoch_never_reaches_a_barrier_of_a_later_one",),
    ),
    Break(
        "a new epoch that leaves versions where they were",
        NEVER_BACK,
        (Edit("workers/sql/epochs.sql", "SET version = CASE WHEN version <", "SET version = version + 0 * CASE WHEN version <"),),
        ("tests/integration/workers/test_versions_of_epochs.py::test_versions_that_were_shown_after_the_backup_lie_below_those_of_the_new_epoch",),
    ),
)
