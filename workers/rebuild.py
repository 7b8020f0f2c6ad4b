"""Rebuilds a poll's tallies from the log while voting goes on: a new generation beside the one that readers see.

Each step is one short transaction (`verify` reads in several), takes up where the last one stopped, and may be interleaved with votes, cuts and
counting in any way:

    begin → fill_chunk … → verify → flip → (flip_back ⇄ flip) → retire → drop_chunk …
    begin → … → cancel → drop_chunk …          before the flip, or after flip_back

Each takes the generation that it is meant for; without one, that of the rebuild which has not ended, else of the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import orjson
from django.db import connections, transaction

from core.dbapi import Cursor
from core.sql import queries
from projections.rendering import render
from projections.writer import be_durable, bump_versions, count_into
from workers.audit_rows import forget_audit
from workers.log_reading import ROWS_AT_ONCE, Marker, read_chunk
from workers.rebuild_rows import Rebuild, RebuildRefused, State, find, hold, lock, note_filled, note_state
from workers.standing import log_at, standings_of
from workers.sums import Difference, differences

__all__ = ["Rebuild", "RebuildRefused", "State", "begin", "cancel", "drift_of", "drop_chunk", "fill_chunk", "find", "flip", "flip_back", "retire", "verify"]

_SQL = queries(Path(__file__).parent, "rebuild.sql")
_ENDED = {State.RETIRED, State.CANCELLED}
_NOTHING_FILLED = {State.FILLING, State.CANCELLING, State.CANCELLED}
_LEFT = {State.RETIRING: State.RETIRED, State.CANCELLING: State.CANCELLED}


def begin(poll_id: UUID) -> Rebuild:
    """Begins generation N+1, fed from here on; returns the one that is under way where there is one before its flip.

    Holds up cuts for the moment it takes. Raises `RebuildRefused` when there is no such poll, or an earlier rebuild's old tallies are still there.
    """
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        cursor.execute(_SQL["lock_cursor"])
        seq, epoch, xid, vote_id = cursor.fetchone()
        under_way = lock(cursor, poll_id)
        if under_way is not None and under_way.state in {State.FILLING, State.FILLED, State.VERIFIED}:
            return under_way
        if under_way is not None and under_way.state not in _ENDED:
            raise RebuildRefused(f"an earlier rebuild is {State(under_way.state).label}; drop what it leaves first")
        cursor.execute(_SQL["begin_generation"], {"poll_id": poll_id, "boundary": seq})
        begun = cursor.fetchone()
        if begun is None:
            raise RebuildRefused("there is no such poll")
        cursor.execute(
            _SQL["begin_rebuild"],
            {"poll_id": poll_id, "generation": begun[0], "boundary": seq, "end_epoch": epoch, "end_xid": xid, "end_id": vote_id},
        )
        return hold(cursor, poll_id)


def fill_chunk(poll_id: UUID, generation: int | None = None, *, rows: int = ROWS_AT_ONCE) -> Rebuild:
    """Counts the next rows of the log up to the boundary into N+1. To be called while the state is FILLING; else it does nothing.

    Reads before it begins to write, because a transaction that writes holds up the relay; where somebody else was faster, what was read is dropped.
    """
    seen = _seen(poll_id, generation)
    if seen.state != State.FILLING:
        return seen
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        chunk = read_chunk(cursor, poll_id, upto=seen.upto, after=seen.filled, rows=rows)
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id, seen.generation)
        if rebuild != seen:
            return rebuild
        if chunk.payload:
            count_into(cursor, chunk.payload, [(str(poll_id), rebuild.generation)])
        return note_filled(cursor, rebuild, chunk)


def verify(poll_id: UUID, generation: int | None = None, *, rows: int = ROWS_AT_ONCE, progress: Callable[[Marker], None] = lambda _: None) -> list[Difference]:
    """Compares the filled N+1 with the log at one boundary; where they differ. Nothing: the state becomes VERIFIED.

    Raises `RebuildRefused` before it is filled, or when it was given up meanwhile. Several short transactions; nothing is held between them.
    """
    rebuild = find(poll_id, generation)
    standing = None if rebuild is None else standings_of(poll_id).get(rebuild.generation)
    if rebuild is None or standing is None or rebuild.state in _NOTHING_FILLED:
        raise RebuildRefused("there is nothing filled to compare")
    found = differences(standing.sums, log_at(poll_id, standing, rows=rows, progress=progress))
    if not found:
        _note_verified(poll_id, rebuild.generation)
    return found


def drift_of(poll_id: UUID, generation: int | None = None) -> list[Difference]:
    """Where N differs from the filled N+1, at one boundary; nothing where one of them is gone."""
    rebuild = find(poll_id, generation)
    standings = standings_of(poll_id)
    if rebuild is None or not {rebuild.replaces, rebuild.generation} <= standings.keys():
        return []
    return differences(standings[rebuild.replaces].sums, standings[rebuild.generation].sums)


def flip(poll_id: UUID, generation: int | None = None) -> Rebuild:
    """Shows N+1 to readers, with a new version; `drift` says where N was wrong. N is fed on, for the way back.

    Raises `RebuildRefused` unless VERIFIED or BACK. Does nothing where it has been flipped, also where the old tallies have gone since.
    """
    generation = _seen(poll_id, generation).generation
    drift = drift_of(poll_id, generation)
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id, generation)
        if rebuild.state in {State.FLIPPED, State.RETIRING, State.RETIRED}:
            return rebuild
        if rebuild.state not in {State.VERIFIED, State.BACK}:
            raise RebuildRefused(f"the rebuild is {State(rebuild.state).label}")
        _show(cursor, poll_id, rebuild.generation)
        written = orjson.dumps([each.answer() for each in drift]).decode()
        cursor.execute(_SQL["note_drift"], {"poll_id": poll_id, "generation": rebuild.generation, "drift": written})
        flipped = replace(note_state(cursor, rebuild, State.FLIPPED), drift=drift)
        forget_audit(cursor, poll_id)
    render([poll_id])
    return flipped


def flip_back(poll_id: UUID) -> Rebuild:
    """Shows N again, with a new version. N+1 is fed on until `cancel` or another `flip`. Raises `RebuildRefused` unless FLIPPED or BACK."""
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id)
        if rebuild.state == State.BACK:
            return rebuild
        if rebuild.state != State.FLIPPED:
            raise RebuildRefused(f"the rebuild is {State(rebuild.state).label}: there is no way back")
        _show(cursor, poll_id, rebuild.replaces)
        back = note_state(cursor, rebuild, State.BACK)
        forget_audit(cursor, poll_id)
    render([poll_id])
    return back


def retire(poll_id: UUID, generation: int | None = None) -> Rebuild:
    """Gives up the way back: N is fed no more. Its rows go with `drop_chunk`. Raises `RebuildRefused` unless FLIPPED or past it."""
    return _leave(poll_id, generation, {State.FLIPPED}, State.RETIRING, State.RETIRED)


def cancel(poll_id: UUID, generation: int | None = None) -> Rebuild:
    """Gives up N+1, which readers do not see. Its rows go with `drop_chunk`. Raises `RebuildRefused` when they do."""
    return _leave(poll_id, generation, {State.FILLING, State.FILLED, State.VERIFIED, State.BACK}, State.CANCELLING, State.CANCELLED)


def drop_chunk(poll_id: UUID, generation: int | None = None, *, rows: int = ROWS_AT_ONCE) -> Rebuild:
    """Drops some rows of the generation that is being left; the state says when it has gone.

    Drops nothing, and is to be called again, while a transaction is open that may still feed it. Does nothing unless RETIRING or CANCELLING.
    """
    seen = _seen(poll_id, generation)  # and so stopped for good, before the transaction below has its id
    if seen.state not in _LEFT:
        return seen
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id, seen.generation)
        ended = _LEFT.get(State(rebuild.state))
        if ended is None:
            return rebuild
        cursor.execute(_SQL["is_unreachable"], {"poll_id": poll_id, "generation": rebuild.generation})
        if cursor.fetchone() == (False,):
            return rebuild
        cursor.execute(_SQL["drop_minutes"], {"poll_id": poll_id, "generation": rebuild.leaving, "limit": rows})
        if len(cursor.fetchall()) == rows:
            return rebuild
        cursor.execute(_SQL["drop_generation"], {"poll_id": poll_id, "generation": rebuild.leaving})
        return note_state(cursor, rebuild, ended)


def _show(cursor: Cursor, poll_id: UUID, generation: int) -> None:
    cursor.execute(_SQL["show_generation"], {"poll_id": poll_id, "shown": generation})
    if cursor.fetchone() is None:
        raise RebuildRefused("there is no such poll any more")
    be_durable(cursor)
    bump_versions(cursor, [poll_id])


def _leave(poll_id: UUID, generation: int | None, before: set[State], state: State, ended: State) -> Rebuild:
    """Stops feeding the generation that is left, once; expects the state to be one of `before`, else already left."""
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id, generation)
        if rebuild.state in {state, ended}:
            return rebuild
        if rebuild.state not in before:
            raise RebuildRefused(f"the rebuild is {State(rebuild.state).label}")
        leaving = note_state(cursor, rebuild, state)
        cursor.execute(_SQL["stop_feeding"], {"poll_id": poll_id, "generation": leaving.leaving})
        return leaving


def _note_verified(poll_id: UUID, generation: int) -> None:
    with transaction.atomic(using="default", durable=True), connections["default"].cursor() as cursor:
        rebuild = hold(cursor, poll_id, generation)
        if rebuild.state in _NOTHING_FILLED:
            raise RebuildRefused(f"the rebuild is {State(rebuild.state).label} meanwhile")
        if rebuild.state == State.FILLED:
            note_state(cursor, rebuild, State.VERIFIED)


def _seen(poll_id: UUID, generation: int | None) -> Rebuild:
    """As `hold`, and not held."""
    seen = find(poll_id, generation)
    if seen is None:
        raise RebuildRefused("no rebuild of this poll was begun")
    return seen
