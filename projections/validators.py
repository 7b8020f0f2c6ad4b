"""Reads `If-None-Match` (RFC 9110): does a tag match, and which version has the reader seen? Pure."""

from __future__ import annotations

import re

Order = tuple[int, int]

_LONGEST = 4096  # of a longer header nothing is believed: the reader simply gets the whole answer
_TAG = re.compile(rb'[ \t]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')
_OURS = re.compile(rb'"(\d{1,9})\.(\d{1,18})\.[a-z]+"')


def entity_tags(header: bytes) -> list[bytes]:
    """The opaque tags of a list, quotes kept and weakness dropped, up to the first that is not one."""
    tags: list[bytes] = []
    position = 0
    while len(header) <= _LONGEST and position < len(header):
        found = _TAG.match(header, position)
        if found is None:
            break
        tags.append(found[1])
        position = found.end()
    return tags


def matches(header: bytes, etag: bytes) -> bool:
    """Whether `If-None-Match: header` is met by `etag`, compared weakly: then the answer is 304."""
    return header == etag or header.strip() == b"*" or etag in entity_tags(header)


def newest_seen(header: bytes) -> Order | None:
    """The newest `(epoch, version)` among the tags that look like ours, or None. Nothing says that we ever gave them out."""
    ours = [found for tag in entity_tags(header) if (found := _OURS.fullmatch(tag))]
    return max(((int(tag[1]), int(tag[2])) for tag in ours), default=None)
