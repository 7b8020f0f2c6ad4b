"""Codes: random, readable, and one whatever their spelling."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from commands.codes import ALPHABET, LENGTH, new_codes, normalised


def test_a_code_is_four_groups_of_letters_and_digits_that_cannot_be_confused() -> None:
    codes = new_codes(200)
    assert len(set(codes)) == 200
    assert all(re.fullmatch(f"(?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", code) for code in codes)
    assert {character for code in codes for character in code} == {*ALPHABET, "-"}
    assert len(ALPHABET) ** LENGTH >= 2**80


@given(st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH), st.sampled_from(["", " ", "-", "\u2013", "\u00a0", " - "]), st.booleans())
def test_every_spelling_is_the_same_code(code: str, between: str, lower: bool) -> None:
    typed = between.join(code)
    assert normalised(f" {typed.lower() if lower else typed}\n") == code


@given(st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH))
def test_letters_read_for_digits_are_forgiven(code: str) -> None:
    assert normalised(code.replace("1", "l").replace("0", "o")) == code
    assert normalised(code.replace("1", "I")) == code


@given(st.none() | st.integers() | st.lists(st.text()) | st.text())
def test_whatever_else_is_no_code(typed: object) -> None:
    found = normalised(typed)
    assert found is None or (isinstance(typed, str) and normalised(found) == found)


def test_lengths_and_letters_that_no_code_has_are_refused() -> None:
    for typed in ("", "A" * 15, "A" * 17, "U" * 16, "A" * 15 + "\0", " " * 1000 + "A" * 16):
        assert normalised(typed) is None
