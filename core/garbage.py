"""When the web process looks for garbage in cycles.

A look goes through everything that was made and is still there, and everybody waits for it. By Python's own measure it comes most often when most votes
are in flight, though votes and connections leave no cycles behind (a test sees to that). Django's requests do; so those are counted.
"""

from __future__ import annotations

import gc

_OBJECTS = 400_000  # made and not let go of, before Python looks by itself: far more than the votes that may be in flight are made of
_LOOKS = 5  # at the young before one at the older
_REQUESTS = 256  # of Django's, between two looks
_OLDER, _OLDEST = 8, 64  # so many looks at the young, one at what outlived a look, one at everything


class _Django:
    requests = 0


def begin() -> None:
    """To be called once, when the application stands: what it is made of never dies, and is not looked at again."""
    gc.collect()
    gc.set_threshold(_OBJECTS, _LOOKS, _LOOKS)
    gc.freeze()


def after_django() -> None:
    """To be called after each request that Django answered."""
    _Django.requests += 1
    looks, rest = divmod(_Django.requests, _REQUESTS)
    if rest == 0:
        gc.collect(2 if looks % _OLDEST == 0 else 1 if looks % _OLDER == 0 else 0)
