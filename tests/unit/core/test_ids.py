"""UUIDs made quickly are UUIDs like any other."""

from __future__ import annotations

import copy
import os
import uuid

from core.ids import random_bytes, random_uuid, uuid_of


def test_bytes_become_the_same_as_in_the_standard_library() -> None:
    for _ in range(100):
        raw = uuid.uuid4().bytes
        made, usual = uuid_of(raw), uuid.UUID(bytes=raw)
        assert (made, hash(made), str(made), made.bytes, made.version) == (usual, hash(usual), str(usual), raw, usual.version)
        assert copy.deepcopy(made) == usual


def test_random_ones_are_of_version_4_and_all_other_bits_are_random() -> None:
    made = [random_uuid() for _ in range(300)]
    assert {(each.version, each.variant) for each in made} == {(4, uuid.RFC_4122)}
    assert len(set(made)) == 300
    ever_set = ever_unset = 0
    for each in made:
        ever_set |= each.int
        ever_unset |= ~each.int
    assert (ever_set & ever_unset & ((1 << 128) - 1)).bit_count() == 122


def test_a_forked_child_has_randomness_of_its_own() -> None:
    random_bytes()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, random_bytes())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 16)
    ours = {random_bytes() for _ in range(600)}
    assert len(theirs) == 16
    assert len(ours) == 600
    assert theirs not in ours
    os.close(read)
    os.close(write)
