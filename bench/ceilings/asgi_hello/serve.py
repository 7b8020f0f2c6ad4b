"""Serves the hello with Nexus's own server and its settings."""

from __future__ import annotations

import logging
import os
import sys

from core.web_server import WebOptions, listen, raise_file_limit, serve


def options() -> WebOptions:
    """As `manage.py run_web` has them by default; a test compares."""
    return WebOptions(
        application="bench.ceilings.asgi_hello.hello:application",
        workers=int(os.environ["WEB_WORKERS"]),
        backlog=4096,
        keep_alive=30,
        shutdown=8,
        access_log=False,
    )


def main() -> int:
    """Until SIGTERM, on HOST and PORT with WEB_WORKERS processes."""
    logging.basicConfig(level=logging.WARNING)
    listener = listen(os.environ["HOST"], int(os.environ["PORT"]))
    raise_file_limit()
    return 0 if serve(listener, options()) else 1


if __name__ == "__main__":
    sys.exit(main())
