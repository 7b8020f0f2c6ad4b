"""Django's settings, one file per concern, every value from the environment. A value that cannot be read ends the process with one line and code 2."""

from __future__ import annotations

import sys

from environs import EnvError

try:
    from core.settings.api import *  # noqa: F403
    from core.settings.base import *  # noqa: F403
    from core.settings.databases import *  # noqa: F403
    from core.settings.logs import *  # noqa: F403
    from core.settings.mail import *  # noqa: F403
    from core.settings.messaging import *  # noqa: F403
    from core.settings.security import *  # noqa: F403
    from core.settings.voting import *  # noqa: F403
    from core.settings.web import *  # noqa: F403
except EnvError as error:
    sys.stderr.write(f"nexus: {error}\n")
    raise SystemExit(2) from None
