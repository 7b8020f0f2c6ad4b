"""Bodies made once: found by version, bounded in bytes, the least recently used go first."""

from __future__ import annotations

from projections.kept_bodies import KeptBodies


def test_a_body_is_found_under_its_own_version_only() -> None:
    kept = KeptBodies(most_bytes=100)
    kept.keep("poll", b"1", b"one")
    assert (kept.get("poll", b"1"), kept.get("poll", b"2"), kept.get("other", b"1")) == (b"one", None, None)
    kept.keep("poll", b"2", b"two")
    assert (kept.get("poll", b"1"), kept.get("poll", b"2")) == (None, b"two")


def test_the_least_recently_used_go_first() -> None:
    kept = KeptBodies(most_bytes=10)
    for name in ("a", "b"):
        kept.keep(name, b"1", b"12345")
    assert kept.get("a", b"1")
    kept.keep("c", b"1", b"12345")
    assert [bool(kept.get(name, b"1")) for name in ("a", "b", "c")] == [True, False, True]


def test_what_is_larger_than_all_the_room_is_not_kept() -> None:
    kept = KeptBodies(most_bytes=3)
    kept.keep("a", b"1", b"1234")
    assert kept.get("a", b"1") is None
