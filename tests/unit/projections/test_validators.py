"""`If-None-Match` as RFC 9110 has it, from readers who mean well and from others."""

from __future__ import annotations

import pytest

from projections.validators import entity_tags, matches, newest_seen

OURS = b'"1.7.open"'


@pytest.mark.parametrize("header", [OURS, b"W/" + OURS, b'"x", ' + OURS, b'"x" ,\tW/' + OURS + b' , "y"', b"*", b" * "])
def test_a_tag_in_the_list_matches_also_weakly(header: bytes) -> None:
    assert matches(header, OURS)


@pytest.mark.parametrize("header", [b"", b'"1.7.closed"', b"1.7.open", b'"1.7.open', b'x "1.7.open"', b'"*"', b'"' + b"a" * 5000 + b'", ' + OURS, b"w/" + OURS])
def test_anything_else_does_not(header: bytes) -> None:
    assert not matches(header, OURS)


def test_a_comma_within_a_tag_does_not_end_it() -> None:
    assert entity_tags(b'"a,b", "c"') == [b'"a,b"', b'"c"']


@pytest.mark.parametrize(
    ("header", "order"),
    [
        (b'"1.7.open"', (1, 7)),
        (b'W/"1.7.open", "2.3.closed", "1.9.open"', (2, 3)),
        (b'"nothing of ours"', None),
        (b'"1.7.open', None),
        (b"*", None),
        (b'"1.' + b"9" * 40 + b'.open"', None),
        (b'"-1.7.open"', None),
    ],
)
def test_the_newest_version_seen_is_read_from_tags_of_our_form(header: bytes, order: tuple[int, int] | None) -> None:
    assert newest_seen(header) == order


def test_a_long_hostile_header_is_read_in_no_time() -> None:
    assert entity_tags(b'"' * 4096) == [] or len(entity_tags(b'"' * 4096)) <= 2048
    assert not matches(b" \t" * 2000 + b'"', OURS)
