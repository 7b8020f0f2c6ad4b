"""Django's settings, one file per concern, every value from the environment."""

from __future__ import annotations

from core.settings.api import *  # noqa: F403
from core.settings.base import *  # noqa: F403
from core.settings.databases import *  # noqa: F403
from core.settings.logs import *  # noqa: F403
from core.settings.mail import *  # noqa: F403
from core.settings.messaging import *  # noqa: F403
from core.settings.security import *  # noqa: F403
from core.settings.voting import *  # noqa: F403
from core.settings.web import *  # noqa: F403
