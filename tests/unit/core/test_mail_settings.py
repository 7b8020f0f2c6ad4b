"""EMAIL_URL means what it says."""

from __future__ import annotations

import pytest

from core.settings.mail import mail_settings


def test_smtp_in_its_three_ways() -> None:
    tls = mail_settings("smtp+tls://me%40example.org:p%2Fw@mail.example.org")
    assert tls["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
    assert (tls["EMAIL_HOST"], tls["EMAIL_PORT"], tls["EMAIL_USE_TLS"], tls["EMAIL_USE_SSL"]) == ("mail.example.org", 587, True, False)
    assert (tls["EMAIL_HOST_USER"], tls["EMAIL_HOST_PASSWORD"]) == ("me@example.org", "p/w")
    ssl, plain = mail_settings("smtps://mail.example.org"), mail_settings("smtp://127.0.0.1:2525")
    assert (ssl["EMAIL_PORT"], ssl["EMAIL_USE_TLS"], ssl["EMAIL_USE_SSL"]) == (465, False, True)
    assert (plain["EMAIL_PORT"], plain["EMAIL_USE_TLS"], plain["EMAIL_USE_SSL"]) == (2525, False, False)


def test_files_and_the_console() -> None:
    assert mail_settings("file:///var/mail%20box") == {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": "/var/mail box"}
    assert mail_settings("console:")["EMAIL_BACKEND"].endswith("console.EmailBackend")


@pytest.mark.parametrize("url", ["mail.example.org", "http://mail.example.org", "smtp://", "file:", ""])
def test_anything_else_says_what_is_wanted(url: str) -> None:
    with pytest.raises(ValueError, match="EMAIL_URL"):
        mail_settings(url)
