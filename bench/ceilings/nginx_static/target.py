"""How the harness runs nginx."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping

from bench.ceilings.ceiling import StaticCeiling
from bench.ceilings.nginx_static.nginx_config import FILE, config_text
from bench.targets import Ceiling

_PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


class NginxStatic(StaticCeiling):
    name = "nginx_static"
    title = "nginx with a static file"

    def missing(self) -> str | None:
        return None if _nginx() else "nginx is not installed"

    def start(self, body: bytes) -> None:
        folder = self.place.folder.resolve()
        (folder / FILE).write_bytes(body)
        # Workers of root's nginx would else be nobody's and could not enter a folder under a private home; it listens on the loopback only.
        user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else ""
        settings = config_text(folder=folder, host=self.place.host, port=self.place.port, workers=self.place.web_processes, user=user)
        config = folder / "nginx.conf"
        config.write_text(settings, encoding="utf-8")
        self.run((_nginx() or "nginx", "-p", str(folder), "-e", str(folder / "nginx-error.log"), "-c", str(config)), env=os.environ)

    def versions(self) -> Mapping[str, str]:
        done = subprocess.run((_nginx() or "nginx", "-v"), capture_output=True, text=True, check=False)
        return {"nginx": done.stderr.strip().rpartition("/")[2]}


def _nginx() -> str | None:
    return shutil.which("nginx", path=_PLACES)


def make() -> Ceiling:
    return NginxStatic()
