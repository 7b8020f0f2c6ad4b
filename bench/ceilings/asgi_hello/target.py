"""How the harness runs the hello."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version

from bench.ceilings.ceiling import StaticCeiling
from bench.targets import Ceiling


class AsgiHello(StaticCeiling):
    name = "asgi_hello"
    title = "bare ASGI hello on our server"
    answers_posts = True

    def start(self, body: bytes) -> None:
        kept = self.place.folder / "body.json"
        kept.write_bytes(body)
        environment = os.environ | {
            "HOST": self.place.host,
            "PORT": str(self.place.port),
            "WEB_WORKERS": str(self.place.web_processes),
            "HELLO_BODY": str(kept),
        }
        self.run((sys.executable, "-m", "bench.ceilings.asgi_hello.serve"), env=environment)

    def versions(self) -> Mapping[str, str]:
        return {name: version(name) for name in ("uvicorn", "uvloop", "httptools")}


def make() -> Ceiling:
    return AsgiHello()
