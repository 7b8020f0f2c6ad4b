"""`python -m bench`: bench | quick | growth | soak | live | steps | selfcheck, inside `python -m core.embedded services -- …`."""

from __future__ import annotations

import sys

from bench.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
