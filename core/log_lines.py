"""How a record becomes lines of the log: nobody's text can begin a line of its own or steer a terminal, and what looks like a secret is left out. Pure."""

from __future__ import annotations

import logging
import re

# C0 and C1 controls, and what Unicode has to end lines or turn the direction of writing.
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNFIT_IN_TRACE = re.compile(_UNFIT.pattern.replace(r"\x0a-", r"\x0b-"))

# We write none of these down; a library's message, a traceback or the access log might.
_SECRETS = (
    (re.compile(r"(\w[\w+.-]*://[^\s:/@'\"]*:)[^\s'\"]*(?=@)"), r"\1***"),  # the password of an address; it may hold a slash that should be escaped
    (re.compile(r"(?i)\b(bearer\s+|basic\s+)[\w.~+/=-]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),  # a JSON Web Token
    (re.compile(r"([?&](?:ticket|token|access_token|code|after)=)[^&\s'\"]+"), r"\1***"),
    (re.compile(r"(/account/reset/[0-9A-Fa-f-]+/)[^\s/'\"]+"), r"\1***"),
    (
        re.compile(r"(?i)((?:cookie|x-voter-token|x-voter-code|x-csrftoken|idempotency-key|password|secret)['\"]?\s*[:=]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s,;&]+)"),
        r"\1***",
    ),
)


class PlainLines(logging.Formatter):
    """One line per record; those of a traceback are indented, so that none can be taken for a record."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        text = _UNFIT.sub(_spelled, self.formatMessage(record))
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        for more in (trace, self.formatStack(record.stack_info) if record.stack_info else ""):
            if more:
                text += "\n" + "\n".join(f"    {line}" for line in _UNFIT_IN_TRACE.sub(_spelled, more).split("\n"))
        return without_secrets(text)


def without_secrets(text: str) -> str:
    """The text with three asterisks where a password, a token, a code or a cookie stood."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
